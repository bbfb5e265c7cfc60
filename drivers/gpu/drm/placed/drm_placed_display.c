// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>

#include <drm/drm_crtc.h>
#include <drm/drm_gem.h>
#include <drm/drm_modes.h>

#include "drm_placed_display.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: coherent objects on the screen
 *
 * Of an object that an output shows, stores have to appear with nobody asking. The first
 * store to an object that was quiet calls &drm_placed_funcs.wake from the fault, which
 * queues a work after a frame's time. The work collects, which sends what was stored, and
 * queues itself again, at the display's refresh rate, until all that is shown is quiet.
 * So nothing runs for a screen that nobody draws on.
 *
 * drm_placed_display_wake() and drm_placed_display_show() each write first and look then,
 * with a barrier between: one of the two sees the other.
 *
 * A driver that could not tell the device of stores, which are no longer dirty, notes that
 * in &drm_placed_display.behind. It is asked to collect again, once a second, until it has
 * told the device to show everything.
 *
 * Tasks may be frozen for suspend with stores that were not sent; the work is frozen with
 * them, and goes on with them.
 */

/*
 * Time to the next frame of the outputs that show an object, or any if it is NULL.
 * Without the lock it may be that of an output that is being changed.
 */
static unsigned long next_frame(struct drm_placed_display *display,
				const struct drm_gem_object *shown)
{
	unsigned int i, count = READ_ONCE(display->count);
	unsigned long interval = HZ;

	for (i = 0; i < count; i++) {
		struct drm_gem_object *obj = READ_ONCE(display->outputs[i].obj);

		if (obj && (!shown || obj == shown))
			interval = min(interval, READ_ONCE(display->outputs[i].interval));
	}

	return interval;
}

static void queue(struct drm_placed_display *display, unsigned long delay)
{
	queue_delayed_work(display->queue, &display->refresh, delay);
}

static bool is_busy(struct drm_gem_object *obj)
{
	return drm_placed_is_tracked(obj) && !drm_placed_is_idle(obj);
}

/* What an output shows, with a reference; or NULL. */
static struct drm_gem_object *get_shown(struct drm_placed_display *display, unsigned int index)
{
	struct drm_gem_object *obj;

	mutex_lock(&display->lock);
	obj = display->outputs[index].obj;
	if (obj)
		display->funcs->get(obj);
	mutex_unlock(&display->lock);
	return obj;
}

static void refresh(struct work_struct *work)
{
	struct drm_placed_display *display =
		container_of(work, struct drm_placed_display, refresh.work);
	struct drm_gem_object *obj;
	bool again = false, behind = false;
	unsigned int i;

	for (i = 0; i < READ_ONCE(display->count); i++) {
		obj = get_shown(display, i);
		if (!obj)
			continue;

		if ((is_busy(obj) || READ_ONCE(display->behind)) &&
		    !drm_placed_broken(obj->dev, REFRESH)) {
			display->funcs->collect(obj);
			again |= is_busy(obj);
		}
		behind |= READ_ONCE(display->behind);
		display->funcs->put(obj);
	}

	/* With nothing shown it can wait until something is. */
	if (behind)
		queue(display, HZ);
	else if (again)
		queue(display, next_frame(display, NULL));
}

/**
 * drm_placed_display_show - an output shows an object from now on
 * @display: the device's outputs
 * @index: of the output
 * @crtc: the output's; of no account if @obj is NULL
 * @obj: the object, or NULL for none; it may become coherent any time
 *
 * Locking: takes &drm_placed_display.lock.
 */
void drm_placed_display_show(struct drm_placed_display *display, unsigned int index,
			     struct drm_crtc *crtc, struct drm_gem_object *obj)
{
	struct drm_placed_output *output = &display->outputs[index];
	struct drm_gem_object *old;
	int hz = 60;

	if (obj && crtc->state)
		hz = drm_mode_vrefresh(&crtc->state->mode) ?: hz;

	mutex_lock(&display->lock);
	old = output->obj;
	if (old != obj && obj)
		display->funcs->get(obj);
	WRITE_ONCE(output->obj, obj);
	WRITE_ONCE(output->interval, max(HZ / hz, 1));
	if (obj && index >= display->count)
		WRITE_ONCE(display->count, index + 1);
	mutex_unlock(&display->lock);

	if (old && old != obj)
		display->funcs->put(old);

	/* Pairs with drm_placed_display_wake(). */
	smp_mb();
	if (obj && (is_busy(obj) || READ_ONCE(display->behind)))
		queue(display, 0);
}
EXPORT_SYMBOL_GPL(drm_placed_display_show);

/**
 * drm_placed_display_shows - does an output show an object?
 * @display: the device's outputs
 * @obj: the object
 *
 * Locking: &drm_placed_display.lock, or the answer may be old.
 *
 * Return: whether one does.
 */
bool drm_placed_display_shows(struct drm_placed_display *display,
			      const struct drm_gem_object *obj)
{
	unsigned int i, count = READ_ONCE(display->count);

	for (i = 0; i < count; i++)
		if (READ_ONCE(display->outputs[i].obj) == obj)
			return true;

	return false;
}
EXPORT_SYMBOL_GPL(drm_placed_display_shows);

/**
 * drm_placed_display_wake - a store to an object that was quiet
 * @display: the device's outputs
 * @obj: the object
 *
 * For &drm_placed_funcs.wake.
 *
 * Locking: takes none; does not sleep.
 */
void drm_placed_display_wake(struct drm_placed_display *display, struct drm_gem_object *obj)
{
	/* Pairs with drm_placed_display_show(): one of the two sees the other. */
	smp_mb();
	if (drm_placed_display_shows(display, obj))
		queue(display, next_frame(display, obj));
}
EXPORT_SYMBOL_GPL(drm_placed_display_wake);

/**
 * drm_placed_display_retry - the device could not be told of what has to appear
 * @display: the device's outputs
 *
 * Sets &drm_placed_display.behind, which the driver clears when it has told the device to
 * show everything.
 *
 * Locking: &drm_placed_display.lock is held.
 */
void drm_placed_display_retry(struct drm_placed_display *display)
{
	lockdep_assert_held(&display->lock);

	WRITE_ONCE(display->behind, true);
	queue(display, HZ);
}
EXPORT_SYMBOL_GPL(drm_placed_display_retry);

/**
 * drm_placed_display_damage - a part of what is being sent has to appear
 * @display: the device's outputs
 * @rect: the part
 *
 * Adds to &drm_placed_display.rects, which &drm_placed_funcs.sent empties.
 *
 * Locking: &drm_placed_display.lock is held.
 */
void drm_placed_display_damage(struct drm_placed_display *display, const struct drm_rect *rect)
{
	struct drm_rect *last;

	lockdep_assert_held(&display->lock);

	if (display->num_rects < DRM_PLACED_RECTS) {
		display->rects[display->num_rects++] = *rect;
		return;
	}

	last = &display->rects[DRM_PLACED_RECTS - 1];
	last->x1 = min(last->x1, rect->x1);
	last->y1 = min(last->y1, rect->y1);
	last->x2 = max(last->x2, rect->x2);
	last->y2 = max(last->y2, rect->y2);
}
EXPORT_SYMBOL_GPL(drm_placed_display_damage);

/**
 * drm_placed_display_init - prepare a device's outputs
 * @display: its outputs, zeroed
 * @funcs: what the driver does
 */
void drm_placed_display_init(struct drm_placed_display *display,
			     const struct drm_placed_display_funcs *funcs)
{
	mutex_init(&display->lock);
	display->funcs = funcs;
	/* A collection may be long, and must not keep others from a CPU. */
	display->queue = alloc_workqueue("drm_placed", WQ_UNBOUND | WQ_FREEZABLE, 0) ?:
			 system_freezable_wq;
	INIT_DELAYED_WORK(&display->refresh, refresh);
}
EXPORT_SYMBOL_GPL(drm_placed_display_init);

/**
 * drm_placed_display_fini - the device goes away
 * @display: its outputs, which show nothing any more
 */
void drm_placed_display_fini(struct drm_placed_display *display)
{
	unsigned int i;

	for (i = 0; i < display->count; i++)
		drm_placed_display_show(display, i, NULL, NULL);
	disable_delayed_work_sync(&display->refresh);
	if (display->queue != system_freezable_wq)
		destroy_workqueue(display->queue);
}
EXPORT_SYMBOL_GPL(drm_placed_display_fini);
