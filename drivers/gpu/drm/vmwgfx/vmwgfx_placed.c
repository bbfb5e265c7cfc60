// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>

#include <drm/drm_crtc.h>
#include <drm/drm_drv.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_ttm_helper.h>
#include <drm/ttm/ttm_bo.h>

#include <uapi/drm/drm_placed.h>

#include "vmwgfx_drv.h"
#include "vmwgfx_kms.h"

#include "../placed/drm_placed_sparse.h"
#include "../placed/drm_placed_track_internal.h"

/**
 * DOC: coherent mappings of vmwgfx's buffers
 *
 * A device without guest-backed objects reads one thing of what programs store: the
 * framebuffer, at the start of its memory. It has the guest's own view of that memory, so
 * that nothing is ever transferred; but it looks only where an UPDATE command tells it to,
 * and that is what dirty pages become.
 *
 * So the copy that the device has is of the screen, and not of an object. Of an object that
 * is not shown there is none: its stores need nothing, until it is shown, and then all of
 * the screen is updated, as it is for any other object. And the device writes no object.
 *
 * The memory of an object moves between the device and the guest while it is not shown,
 * see drm_placed_ttm.c; collections are made with its reservation held.
 *
 * All that is only so on the legacy display unit, and without guest memory regions, by which
 * the device's DMA reads and writes buffers. Elsewhere no object becomes coherent.
 *
 * Commands take room in the FIFO. If the device makes none for long, what was to be told is
 * lost, and everything is told later, see drm_placed_display.c.
 *
 * Objects of a device that has guest-backed ones are none of this file's. They are the
 * backing of surfaces, which vmwgfx has a way of its own to keep coherent, in
 * vmwgfx_page_dirty.c: it knows about resources and not about pages, and reads back what
 * is touched. They keep vmwgfx's vm_operations, and everything else that they had.
 */

static struct vmw_placed *placed_of(struct drm_gem_object *obj)
{
	return &vmw_priv(obj->dev)->placed;
}

/* Is the screen all that the device reads, and can it be told to? See the overview. */
static bool reads_screen_only(struct vmw_private *vmw)
{
	return vmw->active_display_unit == vmw_du_legacy && !vmw->has_gmr &&
	       vmw_cmd_supported(vmw);
}

static int vmw_placed_coherent(struct drm_gem_object *obj, u32 flags)
{
	int ret;

	/* No flags: does the device see what is stored with nothing done? It does not. */
	if (!flags || obj->funcs->placed != &drm_placed_ttm_memory ||
	    !reads_screen_only(vmw_priv(obj->dev)))
		return -EOPNOTSUPP;

	if (drm_placed_is_tracked(obj))
		return drm_placed_track(obj, flags, false) ?: DRM_GEM_COHERENT_TRACKED;

	/* What was drawn before was to be told of by the next plane update. */
	ret = drm_placed_track(obj, flags, true);
	if (ret)
		return ret;

	/* What a command costs. */
	drm_placed_merge_gap(obj, 2);
	return DRM_GEM_COHERENT_TRACKED;
}

static int vmw_placed_lock(struct drm_gem_object *obj)
{
	return mutex_lock_killable(&placed_of(obj)->display.lock);
}

static void vmw_placed_unlock(struct drm_gem_object *obj)
{
	mutex_unlock(&placed_of(obj)->display.lock);
}

/* Tell the device to look at what is noted, or everything if it is behind; note nothing. */
static void tell(struct drm_gem_object *obj)
{
	struct drm_placed_display *display = &placed_of(obj)->display;
	struct vmw_private *vmw = vmw_priv(obj->dev);
	struct {
		u32 header;
		SVGAFifoCmdUpdate body;
	} *cmd;
	unsigned int i, count;

	lockdep_assert_held(&display->lock);

	if (display->behind) {
		display->rects[0] = (struct drm_rect) {
			.x2 = placed_of(obj)->rows.width,
			.y2 = placed_of(obj)->rows.height,
		};
		display->num_rects = 1;
	}

	count = display->num_rects;
	display->num_rects = 0;
	if (!count)
		return;

	cmd = drm_placed_broken(obj->dev, QUEUE) ? NULL :
	      VMW_CMD_RESERVE(vmw, sizeof(*cmd) * count);
	if (!cmd) {
		if (!display->behind)
			drm_err(obj->dev, "no room for commands: what was drawn appears later\n");
		drm_placed_display_retry(display);
		return;
	}

	for (i = 0; i < count; i++) {
		cmd[i].header = SVGA_CMD_UPDATE;
		cmd[i].body.x = display->rects[i].x1;
		cmd[i].body.y = display->rects[i].y1;
		cmd[i].body.width = drm_rect_width(&display->rects[i]);
		cmd[i].body.height = drm_rect_height(&display->rects[i]);
	}
	vmw_cmd_commit_flush(vmw, sizeof(*cmd) * count);
	WRITE_ONCE(display->behind, false);
}

static void vmw_placed_send(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	u64 start = (u64)first << PAGE_SHIFT, end = (u64)(first + count) << PAGE_SHIFT;
	struct vmw_placed *placed = placed_of(obj);
	struct drm_rect rects[DRM_PLACED_ROWS_RECTS];
	unsigned int i, n;

	lockdep_assert_held(&placed->display.lock);

	/* The device refuses nothing, so tests have to pretend that it does. */
	if (drm_placed_broken(obj->dev, TRANSFER)) {
		drm_placed_track_error(obj, first, count, true);
		return;
	}

	if (!drm_placed_display_shows(&placed->display, obj))
		return;

	/* To look at more of a row than was stored to does no harm. */
	n = drm_placed_rows_rects(&placed->rows, start, end, false, rects);
	for (i = 0; i < n; i++) {
		/* A command more costs less than to look at what is between. */
		if (placed->display.num_rects == DRM_PLACED_RECTS)
			tell(obj);
		drm_placed_display_damage(&placed->display, &rects[i]);
	}
}

/* It never comes to that: no operation of the device's writes an object. */
static struct dma_fence *vmw_placed_read_back(struct drm_gem_object *obj, pgoff_t first,
					      pgoff_t count)
{
	return NULL;
}

static void vmw_placed_wake(struct drm_gem_object *obj)
{
	drm_placed_display_wake(&placed_of(obj)->display, obj);
}

static void collect(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_display *display = &placed_of(obj)->display;

	dma_resv_assert_held(obj->resv);

	mutex_lock(&display->lock);
	drm_placed_collect(obj, first, count);
	if (display->behind && drm_placed_display_shows(display, obj))
		tell(obj);
	mutex_unlock(&display->lock);
}

/* Wait until the device has executed all that is queued, or for a signal. */
static int wait_for_device(struct vmw_private *vmw)
{
	struct vmw_fence_obj *fence = NULL;
	long left;
	int ret;

	ret = vmw_execbuf_fence_commands(NULL, vmw, &fence, NULL);
	/* Without a fence it has waited. */
	if (!fence)
		return ret;

	do {
		left = dma_fence_wait_timeout(&fence->base, true, HZ);
	} while (!left && !drm_dev_is_unplugged(&vmw->drm));
	vmw_fence_obj_unreference(&fence);

	return left > 0 ? 0 : left ?: -ENODEV;
}

static int vmw_placed_flush(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, bool wait)
{
	struct drm_placed_display *display = &placed_of(obj)->display;
	int ret;

	if (count) {
		ret = dma_resv_lock_interruptible(obj->resv, NULL);
		if (ret)
			return ret;
		collect(obj, first, count);
		dma_resv_unlock(obj->resv);
	}

	if (!wait)
		return 0;

	/* There is something that it does not know of. */
	if (READ_ONCE(display->behind) && drm_placed_display_shows(display, obj))
		return -EIO;
	return wait_for_device(vmw_priv(obj->dev));
}

const struct drm_placed_funcs vmw_placed_funcs = {
	.coherent = vmw_placed_coherent,
	.create_sparse = drm_placed_sparse_create,
	.lock = vmw_placed_lock,
	.unlock = vmw_placed_unlock,
	.pfn = drm_placed_ttm_pfn,
	.send = vmw_placed_send,
	.sent = tell,
	.read_back = vmw_placed_read_back,
	.wake = vmw_placed_wake,
	.flush = vmw_placed_flush,
};

/* A framebuffer has no reference to the GEM object, only to TTM's. */
static void get_shown(struct drm_gem_object *obj)
{
	ttm_bo_get(drm_gem_ttm_of_gem(obj));
}

static void put_shown(struct drm_gem_object *obj)
{
	ttm_bo_put(drm_gem_ttm_of_gem(obj));
}

static void collect_all(struct drm_gem_object *obj)
{
	dma_resv_lock(obj->resv, NULL);
	collect(obj, 0, obj->size >> PAGE_SHIFT);
	dma_resv_unlock(obj->resv);
}

static const struct drm_placed_display_funcs vmw_display_funcs = {
	.get = get_shown,
	.put = put_shown,
	.collect = collect_all,
};

/* The object that a framebuffer shows, if it can be coherent. */
static struct drm_gem_object *object_of(struct vmw_framebuffer *vfb)
{
	struct drm_gem_object *obj = vfb && vfb->bo ? vfb->base.obj[0] : NULL;

	return obj && obj->funcs->placed == &drm_placed_ttm_memory ? obj : NULL;
}

/**
 * vmw_placed_scan_out - an output shows a framebuffer from now on
 * @vmw: the device
 * @index: of the output
 * @crtc: the output's
 * @vfb: the framebuffer, or NULL for none; while the output is off, there is none
 *
 * To be followed by an update of all of the screen, if it is another framebuffer than
 * before: stores that were sent while nobody showed the object went nowhere.
 *
 * Locking: takes &drm_placed_display.lock.
 */
void vmw_placed_scan_out(struct vmw_private *vmw, unsigned int index, struct drm_crtc *crtc,
			 struct vmw_framebuffer *vfb)
{
	struct drm_gem_object *obj = crtc->state->active ? object_of(vfb) : NULL;
	struct vmw_placed *placed = &vmw->placed;

	BUILD_BUG_ON(VMWGFX_NUM_DISPLAY_UNITS > DRM_PLACED_OUTPUTS);

	if (obj) {
		mutex_lock(&placed->display.lock);
		placed->rows = (struct drm_placed_rows) {
			.pitch = vfb->base.pitches[0],
			.cpp = vfb->base.format->cpp[0],
			.width = vfb->base.width,
			.height = vfb->base.height,
		};
		mutex_unlock(&placed->display.lock);
	}

	drm_placed_display_show(&placed->display, index, crtc, obj);
}

/**
 * vmw_placed_update - a plane that shows a framebuffer is updated
 * @vmw: the device
 * @vfb: the framebuffer
 * @same: it was shown before, and in the same mode
 *
 * Locking: takes the reservation of the framebuffer's object.
 *
 * Return: what the device is to be told of, after vmw_placed_scan_out(). Of an object that
 * has mappings that nobody tracks, the damage; of a coherent one that was not shown,
 * everything, for there are stores to it that are in no damage.
 */
enum vmw_placed_update vmw_placed_update(struct vmw_private *vmw, struct vmw_framebuffer *vfb,
					 bool same)
{
	struct drm_gem_object *obj = object_of(vfb);

	if (!obj || !drm_placed_is_tracked(obj))
		return VMW_PLACED_CLIPS;

	collect_all(obj);
	if (!same || READ_ONCE(vmw->placed.display.behind))
		return VMW_PLACED_ALL;
	return drm_placed_is_complete(obj, DRM_GEM_COHERENT_TO_DEVICE) ? VMW_PLACED_NOTHING :
									 VMW_PLACED_CLIPS;
}

/**
 * vmw_placed_init - prepare a device for coherent mappings
 * @vmw: the device
 */
void vmw_placed_init(struct vmw_private *vmw)
{
	drm_placed_display_init(&vmw->placed.display, &vmw_display_funcs);
}

/**
 * vmw_placed_fini - the device goes away
 * @vmw: the device, whose outputs show nothing any more
 */
void vmw_placed_fini(struct vmw_private *vmw)
{
	drm_placed_display_fini(&vmw->placed.display);
}
