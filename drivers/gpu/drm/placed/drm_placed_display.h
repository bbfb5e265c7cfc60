/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_DISPLAY_H_
#define _DRM_PLACED_DISPLAY_H_

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <drm/drm_rect.h>

struct drm_crtc;
struct drm_gem_object;

/* Outputs of a device. */
#define DRM_PLACED_OUTPUTS	16

/* Rectangles that a device is told of one by one; more are joined. */
#define DRM_PLACED_RECTS	16

/** struct drm_placed_display_funcs - what a driver does for what it displays */
struct drm_placed_display_funcs {
	/** @get: Take a reference to an object that keeps its tracker. */
	void (*get)(struct drm_gem_object *obj);

	/** @put: Give it up. Called without locks. */
	void (*put)(struct drm_gem_object *obj);

	/**
	 * @collect: Call drm_placed_collect() for all of an object, with
	 * &drm_placed_display.lock held. Called without locks.
	 */
	void (*collect)(struct drm_gem_object *obj);
};

/** struct drm_placed_output - what an output shows */
struct drm_placed_output {
	/**
	 * @obj: the object, with a reference by &drm_placed_display_funcs.get; or
	 * NULL. Written with &drm_placed_display.lock held; compared without.
	 */
	struct drm_gem_object *obj;

	/** @interval: between two frames, in jiffies. Written with the same lock held. */
	unsigned long interval;
};

/** struct drm_placed_display - the outputs of a device that shows coherent objects */
struct drm_placed_display {
	/**
	 * @lock: the driver's &drm_placed_funcs.lock. Holds the order of transfers
	 * that the tracker asks for, operations of the device on coherent objects,
	 * and reading back.
	 */
	struct mutex lock;

	/** @funcs: the driver's. Constant. */
	const struct drm_placed_display_funcs *funcs;

	/** @refresh: brings stores to the screen. */
	struct delayed_work refresh;

	/** @queue: what @refresh runs in. Constant. */
	struct workqueue_struct *queue;

	/**
	 * @behind: the device could not be told of something that has to appear, and is to
	 * be told of everything. Written with @lock held, by the driver; read without.
	 */
	bool behind;

	/** @outputs: see there. */
	struct drm_placed_output outputs[DRM_PLACED_OUTPUTS];

	/**
	 * @count: outputs that have shown something. Only ever grows, with @lock held;
	 * read without.
	 */
	unsigned int count;

	/**
	 * @rects: of the object that is being sent, what was sent of it and has
	 * to appear on the screen. Protected by @lock.
	 */
	struct drm_rect rects[DRM_PLACED_RECTS];

	/** @num_rects: Protected by @lock. */
	unsigned int num_rects;
};

#ifdef CONFIG_DRM_PLACED
void drm_placed_display_init(struct drm_placed_display *display,
			     const struct drm_placed_display_funcs *funcs);
void drm_placed_display_fini(struct drm_placed_display *display);
void drm_placed_display_show(struct drm_placed_display *display, unsigned int index,
			     struct drm_crtc *crtc, struct drm_gem_object *obj);
bool drm_placed_display_shows(struct drm_placed_display *display,
			      const struct drm_gem_object *obj);
void drm_placed_display_wake(struct drm_placed_display *display, struct drm_gem_object *obj);
void drm_placed_display_retry(struct drm_placed_display *display);
void drm_placed_display_damage(struct drm_placed_display *display, const struct drm_rect *rect);
#endif

#endif
