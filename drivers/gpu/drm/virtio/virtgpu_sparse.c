// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>

#include <uapi/linux/virtio_gpu_placed.h>

#include "virtgpu_drv.h"

#include "../placed/drm_placed_sparse.h"
#include "../placed/drm_placed_store.h"

/**
 * DOC: virtio-gpu's sparse objects
 *
 * There are two kinds, see drm_placed_sparse.c. One has memory of the guest's: to
 * the device it is a 2D resource, rows of a page each, and its backing has holes. The
 * host keeps a copy of it as of any such resource, so it may be coherent by tracking,
 * and the copy of what is discarded becomes zero. The other has memory of the host's,
 * which both sides map, see virtgpu_pool.c.
 *
 * The device is told of memory before anyone can use it, and the memory is not
 * freed before the device has answered that it does not use it any more. When an
 * object goes it is its resource that goes first, with all it has.
 */

static unsigned long size_in_pages(const struct virtio_gpu_object *bo)
{
	return bo->base.base.size >> PAGE_SHIFT;
}

/* Of guest memory. Nothing waits: the order of the queue is enough. */
static int sparse_bind(struct drm_placed_store *store, const struct drm_placed_extent *extents,
		       unsigned int count)
{
	return virtio_gpu_ranges_populate(gem_to_virtio_gpu_obj(store->owner), false, 0,
					  extents, count);
}

static void sparse_unbind(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	virtio_gpu_ranges_discard(gem_to_virtio_gpu_obj(store->owner), false, first, count, true);
}

static const struct drm_placed_store_ops sparse_store_ops = {
	.bind = sparse_bind,
	.unbind = sparse_unbind,
};

static const struct drm_gem_object_funcs sparse_funcs = {
	.free = virtio_gpu_free_object,
	.export = drm_placed_sparse_export,
	.mmap = drm_placed_sparse_mmap,
	.rss = drm_placed_sparse_rss,
	.vm_ops = &drm_placed_vm_ops,
	.placed = &drm_placed_sparse_memory,
};

/*
 * The pool gets its memory back now, and not when the device has answered: who asks for
 * memory next must not be told that there is none. What it asks is queued behind this.
 */
static void pool_free(struct drm_gem_object *obj)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);

	if (obj->placed_store && obj->placed_store->present)
		virtio_gpu_ranges_discard(bo, true, 0, size_in_pages(bo), false);
	drm_placed_sparse_fini(obj);
	virtio_gpu_free_object(obj);
}

static const struct drm_gem_object_funcs pool_funcs = {
	.free = pool_free,
	.export = drm_placed_sparse_export,
	.mmap = drm_placed_sparse_mmap,
	.rss = drm_placed_sparse_rss,
	.vm_ops = &drm_placed_vm_ops,
	.placed = &drm_placed_sparse_io_memory,
};

/**
 * virtio_gpu_is_pool - does an object have memory of the device's pool?
 * @bo: the object
 *
 * Return: whether it does.
 */
bool virtio_gpu_is_pool(const struct virtio_gpu_object *bo)
{
	return bo->base.base.funcs == &pool_funcs;
}

/**
 * virtio_gpu_is_sparse - is an object sparse, of either kind?
 * @bo: the object
 *
 * Return: whether it is.
 */
bool virtio_gpu_is_sparse(const struct virtio_gpu_object *bo)
{
	return bo->base.base.funcs == &sparse_funcs || virtio_gpu_is_pool(bo);
}

/**
 * virtio_gpu_sparse_free - free a sparse object
 * @bo: the object, of which the device knows nothing any more
 */
void virtio_gpu_sparse_free(struct virtio_gpu_object *bo)
{
	drm_gem_object_release(&bo->base.base);
	kfree(bo);
}

static int queue_create_2d(struct virtio_gpu_device *vgdev, struct virtio_gpu_object *bo,
			   struct virtio_gpu_ack *ack)
{
	struct virtio_gpu_resource_create_2d cmd = {
		.hdr.type = cpu_to_le32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = cpu_to_le32(bo->hw_res_handle),
		.format = cpu_to_le32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = cpu_to_le32(bo->coherent.width),
		.height = cpu_to_le32(bo->coherent.height),
	};

	return virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), NULL, 0, NULL, ack);
}

static int queue_create_pool(struct virtio_gpu_device *vgdev, struct virtio_gpu_object *bo,
			     struct virtio_gpu_ack *ack)
{
	struct virtio_gpu_resource_create_pool cmd = {
		.hdr.type = cpu_to_le32(VIRTIO_GPU_CMD_RESOURCE_CREATE_POOL),
		.resource_id = cpu_to_le32(bo->hw_res_handle),
		.size = cpu_to_le64(bo->base.base.size),
	};

	return virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), NULL, 0, NULL, ack);
}

/* The resource. It may be too large for the device. */
static int create_resource(struct virtio_gpu_device *vgdev, struct virtio_gpu_object *bo)
{
	struct virtio_gpu_ack *ack = virtio_gpu_ack_create();
	int ret;

	if (virtio_gpu_is_pool(bo))
		queue_create_pool(vgdev, bo, ack);
	else
		queue_create_2d(vgdev, bo, ack);

	ret = virtio_gpu_ack_wait(vgdev, ack, NULL);
	bo->created = !ret;
	return ret;
}

/* With one reference, or an error pointer. */
static struct virtio_gpu_object *create_object(struct virtio_gpu_device *vgdev, u64 size,
					       const struct drm_gem_object_funcs *funcs)
{
	struct virtio_gpu_object *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!bo)
		return ERR_PTR(-ENOMEM);

	ret = virtio_gpu_resource_id_get(vgdev, &bo->hw_res_handle);
	if (ret) {
		kfree(bo);
		return ERR_PTR(ret);
	}

	bo->base.base.funcs = funcs;
	drm_gem_private_object_init(vgdev->ddev, &bo->base.base, size);

	/* Rows of a page, where it has rows. */
	if (!virtio_gpu_is_pool(bo)) {
		bo->coherent.layout = VIRTIO_GPU_LAYOUT_ROWS;
		bo->coherent.width = PAGE_SIZE / 4;
		bo->coherent.height = size_in_pages(bo);
	}
	return bo;
}

static int create(struct virtio_gpu_device *vgdev, struct drm_file *file, u64 size, u32 *handle,
		  const struct drm_gem_object_funcs *funcs,
		  const struct drm_placed_store_ops *ops)
{
	struct virtio_gpu_object *bo;
	int ret;

	/* The device counts rows, and mm bytes. */
	if (size > SIZE_MAX || size >> PAGE_SHIFT > S32_MAX)
		return -ENOSPC;

	bo = create_object(vgdev, size, funcs);
	if (IS_ERR(bo))
		return PTR_ERR(bo);

	ret = drm_placed_sparse_init(&bo->base.base, ops);
	if (!ret)
		ret = drm_gem_create_mmap_offset(&bo->base.base);
	if (!ret)
		ret = create_resource(vgdev, bo);
	if (!ret)
		ret = drm_gem_handle_create(file, &bo->base.base, handle);

	/* The handle keeps it. */
	drm_gem_object_put(&bo->base.base);
	return ret;
}

/**
 * virtio_gpu_create_sparse - &drm_placed_funcs.create_sparse
 * @dev: the device
 * @file: whose handle it becomes
 * @size: bytes, a multiple of the page size
 * @handle: where the handle goes
 *
 * Return: 0; -EOPNOTSUPP if the device takes no backing that has holes; -ENOMEM,
 * perhaps of the device's; -ENOSPC, -EIO or -ENODEV.
 */
int virtio_gpu_create_sparse(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle)
{
	struct virtio_gpu_device *vgdev = dev->dev_private;

	if (!vgdev->ranges.backing)
		return -EOPNOTSUPP;

	return create(vgdev, file, size, handle, &sparse_funcs, &sparse_store_ops);
}

/**
 * virtio_gpu_create_pool - &drm_placed_funcs.create_pool
 * @dev: the device
 * @file: whose handle it becomes
 * @size: bytes, a multiple of the page size; may be more than the pool has
 * @handle: where the handle goes
 *
 * Return: 0; -EOPNOTSUPP if the device has no pool; -ENOMEM, -ENOSPC, -EIO or -ENODEV.
 */
int virtio_gpu_create_pool(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle)
{
	struct virtio_gpu_device *vgdev = dev->dev_private;

	if (!vgdev->ranges.pool)
		return -EOPNOTSUPP;

	return create(vgdev, file, size, handle, &pool_funcs, &virtio_gpu_pool_store_ops);
}

/**
 * virtio_gpu_sparse_check_fb - may a framebuffer be made of an object?
 * @obj: the object
 * @cmd: the framebuffer, with a format of 4 bytes a pixel
 *
 * A pool object may be shown wherever the picture is in it. What the device knows of
 * one with memory of the guest's is rows of a page, which is no picture.
 *
 * Return: 0, for all other objects too, or -EINVAL.
 */
int virtio_gpu_sparse_check_fb(struct drm_gem_object *obj, const struct drm_mode_fb_cmd2 *cmd)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	u64 end;

	if (!virtio_gpu_is_sparse(bo))
		return 0;
	if (!virtio_gpu_is_pool(bo) || !cmd->height || cmd->offsets[0] % 4 || cmd->pitches[0] % 4)
		return -EINVAL;

	end = cmd->offsets[0] + (u64)(cmd->height - 1) * cmd->pitches[0] + (u64)cmd->width * 4;
	return end > obj->size ? -EINVAL : 0;
}
