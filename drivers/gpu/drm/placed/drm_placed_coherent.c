// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_internal.h"
#include "drm_placed_runs.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: the ioctls of coherent mappings
 *
 * DRM_IOCTL_GEM_COHERENT asks the driver to make an object coherent, and
 * DRM_IOCTL_GEM_DIRTY shows and sends what is not sent yet. What either does is
 * in drm_placed_track.c and in the driver.
 */

#define DRM_PLACED_COHERENT_FLAGS \
	(DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE)

#define DRM_PLACED_DIRTY_FLAGS \
	(DRM_GEM_DIRTY_QUERY | DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT)

/**
 * drm_placed_make_coherent - make the mappings of an object coherent
 * @obj: the object
 * @flags: DRM_GEM_COHERENT_*
 *
 * Locking: none held. The driver takes what it needs.
 *
 * Return: DRM_GEM_COHERENT_NATIVE, DRM_GEM_COHERENT_TRACKED, -EOPNOTSUPP or
 * another negative errno.
 */
int drm_placed_make_coherent(struct drm_gem_object *obj, u32 flags)
{
	const struct drm_placed_funcs *funcs = obj->dev->driver->placed;

	/* The memory of an imported object is another driver's to map. */
	if (!funcs || drm_gem_is_imported(obj))
		return -EOPNOTSUPP;

	return funcs->coherent(obj, flags);
}

/**
 * drm_gem_coherent_ioctl - DRM_IOCTL_GEM_COHERENT
 * @dev: the device
 * @data: &struct drm_gem_coherent
 * @file_priv: the caller's file
 *
 * Return: 0 or a negative errno; see &struct drm_gem_coherent.
 */
int drm_gem_coherent_ioctl(struct drm_device *dev, void *data, struct drm_file *file_priv)
{
	struct drm_gem_coherent *args = data;
	struct drm_gem_object *obj;
	int ret;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return -EOPNOTSUPP;

	if (!args->flags || args->flags & ~DRM_PLACED_COHERENT_FLAGS || args->pad)
		return -EINVAL;

	obj = drm_gem_object_lookup(file_priv, args->handle);
	if (!obj)
		return -ENOENT;

	ret = drm_placed_make_coherent(obj, args->flags);
	drm_gem_object_put(obj);
	if (ret < 0)
		return ret;

	args->state = ret;
	return 0;
}

/* The runs of a query on their way to the caller. */
struct drm_placed_listing {
	struct drm_gem_dirty_run *runs;
	u32 room;
};

/* More than @room are counted, not kept. */
static void list_run(void *arg, pgoff_t first, pgoff_t count)
{
	struct drm_placed_listing *listing = arg;

	if (!listing->room)
		return;

	*listing->runs++ = (struct drm_gem_dirty_run) {
		.offset = (u64)first << PAGE_SHIFT,
		.length = (u64)count << PAGE_SHIFT,
	};
	listing->room--;
}

static int query(struct drm_gem_object *obj, struct drm_gem_dirty *args,
		 pgoff_t first, pgoff_t count)
{
	/* No two runs touch, so this is the most there can be. */
	u32 room = min_t(u64, args->count, DIV_ROUND_UP(count, 2));
	struct drm_placed_listing listing = { .room = room };
	struct drm_placed_runs runs = { .emit = list_run, .arg = &listing };
	struct drm_gem_dirty_run *list = NULL;
	int ret = 0;

	if (room) {
		list = kvmalloc_array(room, sizeof(*list), GFP_KERNEL_ACCOUNT);
		if (!list)
			return -ENOMEM;
	}
	listing.runs = list;

	drm_placed_query(obj, first, count, &runs);

	if (runs.runs > room)
		ret = -ENOSPC;
	else if (runs.runs && copy_to_user(u64_to_user_ptr(args->runs), list,
					   runs.runs * sizeof(*list)))
		ret = -EFAULT;
	kvfree(list);

	args->count = runs.runs;
	args->pages = runs.pages;
	return ret;
}

static int dirty_range(struct drm_gem_object *obj, struct drm_gem_dirty *args,
		       pgoff_t first, pgoff_t count)
{
	int ret;

	args->pages = 0;
	if (args->flags & DRM_GEM_DIRTY_QUERY) {
		ret = query(obj, args, first, count);
		if (ret)
			return ret;
	}

	if (!(args->flags & (DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT)))
		return 0;

	ret = obj->dev->driver->placed->flush(obj, first,
					      args->flags & DRM_GEM_DIRTY_FLUSH ? count : 0,
					      args->flags & DRM_GEM_DIRTY_WAIT);
	if (ret || !(args->flags & DRM_GEM_DIRTY_WAIT))
		return ret;

	return drm_placed_take_error(obj);
}

static int dirty(struct drm_gem_object *obj, struct drm_gem_dirty *args)
{
	u64 length;
	int ret;

	if (!PAGE_ALIGNED(args->offset | args->length) || args->offset >= obj->size ||
	    args->length > obj->size - args->offset)
		return -EINVAL;

	length = args->length ?: obj->size - args->offset;

	if (drm_placed_is_tracked(obj))
		return dirty_range(obj, args, args->offset >> PAGE_SHIFT,
				   length >> PAGE_SHIFT);

	/* What is coherent by nature is never dirty. Asking makes nothing so. */
	ret = drm_placed_make_coherent(obj, 0);
	if (ret < 0)
		return ret;

	args->count = 0;
	args->pages = 0;
	return 0;
}

/**
 * drm_gem_dirty_ioctl - DRM_IOCTL_GEM_DIRTY
 * @dev: the device
 * @data: &struct drm_gem_dirty
 * @file_priv: the caller's file
 *
 * Return: 0 or a negative errno; see &struct drm_gem_dirty.
 */
int drm_gem_dirty_ioctl(struct drm_device *dev, void *data, struct drm_file *file_priv)
{
	struct drm_gem_dirty *args = data;
	struct drm_gem_object *obj;
	int ret;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return -EOPNOTSUPP;

	if (!args->flags || args->flags & ~DRM_PLACED_DIRTY_FLAGS || args->pad)
		return -EINVAL;

	obj = drm_gem_object_lookup(file_priv, args->handle);
	if (!obj)
		return -ENOENT;

	ret = dirty(obj, args);
	drm_gem_object_put(obj);
	return ret;
}

/**
 * drm_placed_show_fdinfo - show what the coherent objects of a file have cost
 * @p: where to
 * @file_priv: the file
 *
 * Sums over the objects that the file has handles of. Nothing for drivers
 * without coherent mappings.
 */
void drm_placed_show_fdinfo(struct drm_printer *p, struct drm_file *file_priv)
{
	struct drm_placed_stats sum = {};
	struct drm_gem_object *obj;
	unsigned int objects = 0;
	int id;

	if (!file_priv->minor->dev->driver->placed)
		return;

	spin_lock(&file_priv->table_lock);
	idr_for_each_entry(&file_priv->object_idr, obj, id) {
		const struct drm_placed_track *track = READ_ONCE(obj->placed);

		if (!track)
			continue;

		objects++;
		sum.faults += track->stats.faults;
		sum.collections += track->stats.collections;
		sum.scanned += track->stats.scanned;
		sum.dirty += track->stats.dirty;
		sum.sent += track->stats.sent;
		sum.transfers += track->stats.transfers;
		sum.read_back += track->stats.read_back;
	}
	spin_unlock(&file_priv->table_lock);

	drm_printf(p, "drm-placed-coherent-objects:\t%u\n", objects);
	drm_printf(p, "drm-placed-faults:\t%llu\n", sum.faults);
	drm_printf(p, "drm-placed-collections:\t%llu\n", sum.collections);
	drm_printf(p, "drm-placed-scanned-pages:\t%llu\n", sum.scanned);
	drm_printf(p, "drm-placed-dirty-pages:\t%llu\n", sum.dirty);
	drm_printf(p, "drm-placed-sent-pages:\t%llu\n", sum.sent);
	drm_printf(p, "drm-placed-transfers:\t%llu\n", sum.transfers);
	drm_printf(p, "drm-placed-readback-pages:\t%llu\n", sum.read_back);
}
