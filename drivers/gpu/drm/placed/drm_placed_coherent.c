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
#include "drm_placed_store.h"
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
	if (!funcs || !funcs->coherent || drm_gem_is_imported(obj))
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

static int dirty_range(struct drm_gem_object *obj, struct drm_gem_dirty *args,
		       pgoff_t first, pgoff_t count)
{
	int ret;

	args->pages = 0;
	if (args->flags & DRM_GEM_DIRTY_QUERY) {
		ret = drm_placed_list_runs(obj, first, count, drm_placed_query, args->runs,
					   &args->count, &args->pages);
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

static void show_coherent(struct drm_printer *p, struct drm_file *file_priv)
{
	struct drm_placed_stats sum = {};
	struct drm_gem_object *obj;
	unsigned int objects = 0;
	int id;

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

static void show_sparse(struct drm_printer *p, struct drm_file *file_priv)
{
	struct drm_gem_object *obj;
	unsigned int objects = 0;
	u64 size = 0, present = 0;
	int id;

	spin_lock(&file_priv->table_lock);
	idr_for_each_entry(&file_priv->object_idr, obj, id) {
		if (!obj->placed_store)
			continue;

		objects++;
		size += obj->size;
		present += (u64)READ_ONCE(obj->placed_store->present) << PAGE_SHIFT;
	}
	spin_unlock(&file_priv->table_lock);

	drm_printf(p, "drm-placed-sparse-objects:\t%u\n", objects);
	drm_printf(p, "drm-placed-sparse-size:\t%llu KiB\n", size >> 10);
	drm_printf(p, "drm-placed-sparse-present:\t%llu KiB\n", present >> 10);
}

/**
 * drm_placed_show_fdinfo - show what the coherent objects of a file have cost, and
 *	what memory its sparse ones have
 * @p: where to
 * @file_priv: the file
 *
 * Sums over the objects that the file has handles of. Nothing for drivers that
 * have no such objects.
 */
void drm_placed_show_fdinfo(struct drm_printer *p, struct drm_file *file_priv)
{
	const struct drm_placed_funcs *funcs = file_priv->minor->dev->driver->placed;

	if (!funcs)
		return;

	if (funcs->coherent)
		show_coherent(p, file_priv);
	if (funcs->create_sparse || funcs->create_pool)
		show_sparse(p, file_priv);
}
