// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <drm/drm_mm.h>

#include <uapi/linux/virtio_gpu_placed.h>

#include "virtgpu_drv.h"

#include "../placed/drm_placed_store.h"

/**
 * DOC: virtio-gpu's pool
 *
 * Objects of this kind have memory of the host's, which appears in the host visible
 * BAR: the device maps nothing there for anyone, all of its pool is there all the
 * time, and what of it takes up memory of the host's is what was populated. So the
 * page frames are the driver's to give, by &drm_placed_pool, an object may
 * have any of them in any order, and be larger than the pool; and no window gets
 * fragmented. What one object gives back another may get at once: the device
 * executes the command that discards it before the one that populates it.
 *
 * The host sees what the CPU stores, so such objects are coherent by nature.
 */

static struct virtio_gpu_device *vgdev_of(struct drm_placed_store *store)
{
	struct drm_gem_object *obj = store->owner;

	return obj->dev->dev_private;
}

static unsigned int pool_alloc(struct drm_placed_store *store, unsigned int count,
			       unsigned long *pfn)
{
	return drm_placed_pool_alloc(&vgdev_of(store)->pool, count, pfn);
}

static void pool_free(struct drm_placed_store *store, unsigned long pfn, unsigned int count)
{
	drm_placed_pool_free(&vgdev_of(store)->pool, pfn, count);
}

static int pool_bind(struct drm_placed_store *store, const struct drm_placed_extent *extents,
		     unsigned int count)
{
	return virtio_gpu_ranges_populate(gem_to_virtio_gpu_obj(store->owner), true,
					  vgdev_of(store)->pool.first, extents, count);
}

static void pool_unbind(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	virtio_gpu_ranges_discard(gem_to_virtio_gpu_obj(store->owner), true, first, count, true);
}

/* Of objects whose memory is the pool's. */
const struct drm_placed_store_ops virtio_gpu_pool_store_ops = {
	.alloc = pool_alloc,
	.free = pool_free,
	.bind = pool_bind,
	.unbind = pool_unbind,
};

/* Its size, or 0. */
static u64 ask_for_size(struct virtio_gpu_device *vgdev)
{
	struct virtio_gpu_ctrl_hdr cmd = {
		.type = cpu_to_le32(VIRTIO_GPU_CMD_GET_POOL_INFO),
	};
	struct virtio_gpu_ack *ack = virtio_gpu_ack_create();
	u64 size;

	virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), NULL, 0, NULL, ack);
	return virtio_gpu_ack_wait(vgdev, ack, &size) ? 0 : size;
}

/**
 * virtio_gpu_pool_init - find out about the pool
 * @vgdev: the device, which is ready; one without a usable pool has none afterwards
 */
void virtio_gpu_pool_init(struct virtio_gpu_device *vgdev)
{
	struct virtio_shm_region *region = &vgdev->host_visible_region;
	u64 size;

	if (!vgdev->ranges.pool)
		return;

	vgdev->ranges.pool = false;
	size = ask_for_size(vgdev);
	if (!size || size > region->len || !PAGE_ALIGNED(size))
		goto no_use;

	/* What else appears in the region stays clear of it. */
	vgdev->pool_node.start = region->addr;
	vgdev->pool_node.size = size;
	if (drm_mm_reserve_node(&vgdev->host_visible_mm, &vgdev->pool_node))
		goto no_use;

	vgdev->ranges.pool = !drm_placed_pool_init(&vgdev->pool, region->addr >> PAGE_SHIFT,
						   size >> PAGE_SHIFT);
	if (vgdev->ranges.pool)
		return;

	drm_mm_remove_node(&vgdev->pool_node);
no_use:
	drm_err(vgdev->ddev, "the device's pool of %llu bytes is of no use\n", size);
}

/**
 * virtio_gpu_pool_fini - the device goes
 * @vgdev: the device, all of whose objects are gone
 */
void virtio_gpu_pool_fini(struct virtio_gpu_device *vgdev)
{
	if (!vgdev->ranges.pool)
		return;

	drm_placed_pool_fini(&vgdev->pool);
	drm_mm_remove_node(&vgdev->pool_node);
}
