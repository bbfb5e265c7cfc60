/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _VMWGFX_PLACED_H_
#define _VMWGFX_PLACED_H_

#include <linux/types.h>

#include "../placed/drm_placed_display.h"
#include "../placed/drm_placed_memory.h"
#include "../placed/drm_placed_rows.h"
#include "../placed/drm_placed_track.h"

struct drm_crtc;
struct vmw_framebuffer;
struct vmw_private;

/** enum vmw_placed_update - what a plane update has to tell the device of */
enum vmw_placed_update {
	/** @VMW_PLACED_CLIPS: the damage that the update comes with. */
	VMW_PLACED_CLIPS,
	/** @VMW_PLACED_ALL: everything. */
	VMW_PLACED_ALL,
	/** @VMW_PLACED_NOTHING: nothing, it has been told of all stores. */
	VMW_PLACED_NOTHING,
};

/** struct vmw_placed - the device's part of coherent mappings */
struct vmw_placed {
	/** @display: the outputs. Its lock is &drm_placed_funcs.lock. */
	struct drm_placed_display display;

	/**
	 * @rows: what is shown, as pixels: the device shows one framebuffer, on however
	 * many outputs. Protected by &drm_placed_display.lock.
	 */
	struct drm_placed_rows rows;
};

#ifdef CONFIG_DRM_PLACED
extern const struct drm_placed_funcs vmw_placed_funcs;

void vmw_placed_init(struct vmw_private *vmw);
void vmw_placed_fini(struct vmw_private *vmw);
void vmw_placed_scan_out(struct vmw_private *vmw, unsigned int index, struct drm_crtc *crtc,
			 struct vmw_framebuffer *vfb);
enum vmw_placed_update vmw_placed_update(struct vmw_private *vmw, struct vmw_framebuffer *vfb,
					 bool same);
#else
static inline void vmw_placed_init(struct vmw_private *vmw)
{
}

static inline void vmw_placed_fini(struct vmw_private *vmw)
{
}

static inline void vmw_placed_scan_out(struct vmw_private *vmw, unsigned int index,
				       struct drm_crtc *crtc, struct vmw_framebuffer *vfb)
{
}

static inline enum vmw_placed_update vmw_placed_update(struct vmw_private *vmw,
						       struct vmw_framebuffer *vfb, bool same)
{
	return VMW_PLACED_CLIPS;
}
#endif

#endif
