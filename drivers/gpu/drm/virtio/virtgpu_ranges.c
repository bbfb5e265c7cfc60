// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include <drm/drm_drv.h>

#include <uapi/linux/virtio_gpu_placed.h>

#include "virtgpu_drv.h"

#include "../placed/drm_placed_store.h"
#include "../placed/drm_placed_track_internal.h"

/**
 * DOC: commands that name many ranges
 *
 * What the dirty tracker finds, and what sparse objects get and lose, are ranges. A
 * device may take many of them in one command; docs/device.md has the protocol.
 *
 * Transfers are queued and forgotten, as the transfers of boxes are. Memory comes and
 * goes by commands whose answer matters: who populates wants to know whether there is
 * memory, and who discards must not free what the device still uses. They wait
 * for it, which a &struct virtio_gpu_ack is for. Faults do so too, with mmap_lock
 * and the object's lock held, as they wait for a disk; taking answers from the
 * queue takes neither.
 *
 * Whatever is queued later is executed later. So a command that undoes another may be
 * queued without waiting for either.
 */

/* How many ranges a command may name if memory is short. */
#define RANGES_FEW 128

/**
 * struct virtio_gpu_ack - the answer to a command, to be waited for
 *
 * Belongs to who waits and to the command.
 */
struct virtio_gpu_ack {
	/** @ref: one for each of the two. */
	struct kref ref;

	/** @done: @result is final. */
	struct completion done;

	/** @result: 0 or a negative errno. Written before @done. */
	int result;

	/** @value: what the answer says besides. Written before @done. */
	u64 value;
};

/**
 * virtio_gpu_ranges_validate - &virtio_driver.validate
 * @vdev: the device
 *
 * Return: 0.
 */
int virtio_gpu_ranges_validate(struct virtio_device *vdev)
{
	if (!__virtio_test_bit(vdev, VIRTIO_GPU_F_TRANSFER_RANGES))
		__virtio_clear_bit(vdev, VIRTIO_GPU_F_BACKING_RANGES);
	return 0;
}

/**
 * virtio_gpu_ranges_init - look what the device offers
 * @vgdev: the device, whose features are negotiated
 */
void virtio_gpu_ranges_init(struct virtio_gpu_device *vgdev)
{
	struct virtio_gpu_ranges *ranges = &vgdev->ranges;

	ranges->transfer = virtio_has_feature(vgdev->vdev, VIRTIO_GPU_F_TRANSFER_RANGES);

	/* Where there is an IOMMU, the device is told of other addresses than ours. */
	ranges->backing = virtio_has_feature(vgdev->vdev, VIRTIO_GPU_F_BACKING_RANGES) &&
			  !vgdev->has_virgl_3d && !virtio_gpu_use_dma_api(vgdev->vdev);

	ranges->pool = virtio_has_feature(vgdev->vdev, VIRTIO_GPU_F_POOL) &&
		       !vgdev->has_virgl_3d && vgdev->has_host_visible;
}

/**
 * virtio_gpu_ack_create - prepare to wait for an answer
 *
 * It is to be given to one command, and to virtio_gpu_ack_wait().
 *
 * Return: it; as commands are, it is allocated without fail.
 */
struct virtio_gpu_ack *virtio_gpu_ack_create(void)
{
	struct virtio_gpu_ack *ack = kmalloc(sizeof(*ack), GFP_KERNEL | __GFP_NOFAIL);

	kref_init(&ack->ref);
	kref_get(&ack->ref);
	init_completion(&ack->done);
	ack->result = -ENODEV;
	ack->value = 0;
	return ack;
}

static void ack_free(struct kref *ref)
{
	kfree(container_of(ref, struct virtio_gpu_ack, ref));
}

static int to_errno(u32 type)
{
	switch (type) {
	case VIRTIO_GPU_RESP_OK_NODATA:
	case VIRTIO_GPU_RESP_OK_POOL_INFO:
		return 0;
	case VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/**
 * virtio_gpu_ack_answer - &virtio_gpu_vbuffer.resp_cb of commands that are waited for
 * @vgdev: the device
 * @vbuf: the command
 */
void virtio_gpu_ack_answer(struct virtio_gpu_device *vgdev, struct virtio_gpu_vbuffer *vbuf)
{
	const struct virtio_gpu_ctrl_hdr *resp = (const void *)vbuf->resp_buf;
	const struct virtio_gpu_resp_pool_info *info = (const void *)vbuf->resp_buf;
	u32 type = le32_to_cpu(resp->type);

	vbuf->ack->result = to_errno(type);
	if (type == VIRTIO_GPU_RESP_OK_POOL_INFO && vbuf->resp_size >= (int)sizeof(*info))
		vbuf->ack->value = le64_to_cpu(info->size);
}

/**
 * virtio_gpu_ack_end - a command goes, with an answer or without
 * @ack: the command's, or NULL
 */
void virtio_gpu_ack_end(struct virtio_gpu_ack *ack)
{
	if (!ack)
		return;

	complete_all(&ack->done);
	kref_put(&ack->ref, ack_free);
}

/**
 * virtio_gpu_ack_wait - wait for an answer
 * @vgdev: the device
 * @ack: what to wait for. Gone afterwards
 * @value: what the answer says besides, or NULL
 *
 * Not longer than the device is there: who unplugs it waits for those who use it.
 *
 * Return: 0, -ENOMEM, -EIO for another error, or -ENODEV if the device is gone.
 */
int virtio_gpu_ack_wait(struct virtio_gpu_device *vgdev, struct virtio_gpu_ack *ack, u64 *value)
{
	unsigned long left;
	int ret = -ENODEV;

	virtio_gpu_notify(vgdev);
	do {
		left = wait_for_completion_timeout(&ack->done, HZ);
	} while (!left && !drm_dev_is_unplugged(vgdev->ddev));

	if (left) {
		ret = ack->result;
		if (value)
			*value = ack->value;
	}
	kref_put(&ack->ref, ack_free);
	return ret;
}

/* As many elements as can be had in one piece, at least a few. */
static void *alloc_list(u32 *count, size_t size)
{
	void *list;

	for (; *count > RANGES_FEW; *count = max_t(u32, *count / 2, RANGES_FEW)) {
		list = kmalloc_array(*count, size, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (list)
			return list;
	}

	return kmalloc_array(*count, size, GFP_KERNEL | __GFP_NOFAIL);
}

/* Transfers */

static void queue_transfer(struct virtio_gpu_object *bo)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct virtio_gpu_ranges *ranges = &vgdev->ranges;
	struct virtio_gpu_resource_ranges cmd = {
		.hdr.type = cpu_to_le32(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_RANGES),
		.resource_id = cpu_to_le32(bo->hw_res_handle),
		.nr_ranges = cpu_to_le32(ranges->count),
	};

	/* Tests want the device to refuse. */
	if (drm_placed_broken(vgdev->ddev, TRANSFER))
		cmd.resource_id = 0;

	virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), ranges->list,
			      ranges->count * sizeof(*ranges->list),
			      virtio_gpu_coherent_array(bo), NULL);
	ranges->list = NULL;
	ranges->count = 0;
}

static void make_room(struct virtio_gpu_object *bo, struct virtio_gpu_ranges *ranges)
{
	u32 room = ranges->list ? min(ranges->room * 2, VIRTIO_GPU_MAX_RANGES) : RANGES_FEW;
	struct virtio_gpu_range *list = alloc_list(&room, sizeof(*list));

	if (ranges->list && room > ranges->room) {
		memcpy(list, ranges->list, ranges->count * sizeof(*list));
		kfree(ranges->list);
	} else if (ranges->list) {
		queue_transfer(bo);
	}
	ranges->list = list;
	ranges->room = room;
}

/**
 * virtio_gpu_ranges_send - let a range be sent by the next command
 * @bo: the object; the same until virtio_gpu_ranges_sent()
 * @offset: where it begins, in bytes, behind all that were added before
 * @length: bytes, not zero
 *
 * Locking: &drm_placed_display.lock is held.
 */
void virtio_gpu_ranges_send(struct virtio_gpu_object *bo, u64 offset, u64 length)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct virtio_gpu_ranges *ranges = &vgdev->ranges;

	lockdep_assert_held(&vgdev->coherent.display.lock);

	if (!ranges->list || ranges->count == ranges->room)
		make_room(bo, ranges);

	ranges->list[ranges->count++] = (struct virtio_gpu_range) {
		.offset = cpu_to_le64(offset),
		.length = cpu_to_le64(length),
	};
}

/**
 * virtio_gpu_ranges_sent - queue the transfer of what was added
 * @bo: the object
 *
 * Locking: &drm_placed_display.lock is held.
 */
void virtio_gpu_ranges_sent(struct virtio_gpu_object *bo)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;

	lockdep_assert_held(&vgdev->coherent.display.lock);

	if (vgdev->ranges.count)
		queue_transfer(bo);
}

static pgoff_t page_of(__le64 bytes)
{
	return le64_to_cpu(bytes) >> PAGE_SHIFT;
}

/**
 * virtio_gpu_ranges_error - the device has refused a command
 * @vbuf: the command, one of this file's with an object
 *
 * Context: as virtio_gpu_coherent_error().
 */
void virtio_gpu_ranges_error(struct virtio_gpu_vbuffer *vbuf)
{
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)vbuf->buf;
	struct drm_gem_object *obj = vbuf->objs->objs[0];
	const struct virtio_gpu_map_range *map = vbuf->data_buf;
	const struct virtio_gpu_range *range = vbuf->data_buf;
	u32 i;

	switch (le32_to_cpu(hdr->type)) {
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_RANGES:
		for (i = 0; i < vbuf->data_size / sizeof(*range); i++)
			drm_placed_track_error(obj, page_of(range[i].offset), 1, true);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_POPULATE_BACKING:
		for (i = 0; i < vbuf->data_size / sizeof(*map); i++)
			drm_placed_track_error(obj, page_of(map[i].offset), 1, true);
		break;
	}
}

/* Memory */

static int queue_populate(struct virtio_gpu_object *bo, bool pool,
			  struct virtio_gpu_map_range *list, u32 count,
			  struct virtio_gpu_ack *ack)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct virtio_gpu_resource_map_ranges cmd = {
		.hdr.type = cpu_to_le32(pool ? VIRTIO_GPU_CMD_RESOURCE_POPULATE_POOL :
					       VIRTIO_GPU_CMD_RESOURCE_POPULATE_BACKING),
		.resource_id = cpu_to_le32(bo->hw_res_handle),
		.nr_ranges = cpu_to_le32(count),
	};

	/* Who waits keeps the object. */
	return virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), list, count * sizeof(*list),
				     ack ? NULL : virtio_gpu_coherent_array(bo), ack);
}

static void queue_discard(struct virtio_gpu_object *bo, bool pool, pgoff_t first, pgoff_t count,
			  struct virtio_gpu_ack *ack)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct virtio_gpu_resource_ranges cmd = {
		.hdr.type = cpu_to_le32(pool ? VIRTIO_GPU_CMD_RESOURCE_DISCARD_POOL :
					       VIRTIO_GPU_CMD_RESOURCE_DISCARD_BACKING),
		.resource_id = cpu_to_le32(bo->hw_res_handle),
		.nr_ranges = cpu_to_le32(1),
	};
	struct virtio_gpu_range *range = kmalloc(sizeof(*range), GFP_KERNEL | __GFP_NOFAIL);

	range->offset = cpu_to_le64((u64)first << PAGE_SHIFT);
	range->length = cpu_to_le64((u64)count << PAGE_SHIFT);
	virtio_gpu_cmd_ranges(vgdev, &cmd, sizeof(cmd), range, sizeof(*range), NULL, ack);
}

static int populate_some(struct virtio_gpu_object *bo, bool pool, unsigned long base,
			 const struct drm_placed_extent *extents, u32 *count)
{
	struct virtio_gpu_map_range *list = alloc_list(count, sizeof(*list));
	struct virtio_gpu_ack *ack;
	u32 i;

	for (i = 0; i < *count; i++)
		list[i] = (struct virtio_gpu_map_range) {
			.offset = cpu_to_le64((u64)extents[i].page << PAGE_SHIFT),
			.addr = cpu_to_le64((u64)(extents[i].pfn - base) << PAGE_SHIFT),
			.length = cpu_to_le64((u64)extents[i].count << PAGE_SHIFT),
		};

	if (!pool)
		return queue_populate(bo, pool, list, *count, NULL);

	/* Only the device's own memory may run out. If it is not queued, that ends it. */
	ack = virtio_gpu_ack_create();
	queue_populate(bo, pool, list, *count, ack);
	return virtio_gpu_ack_wait(bo->base.base.dev->dev_private, ack, NULL);
}

/**
 * virtio_gpu_ranges_populate - tell the device of memory that an object has got
 * @bo: the object
 * @pool: it is memory of the device's: wait for it. Otherwise it is the guest's
 * @base: page frame that counts as zero
 * @extents: the memory, in ascending order
 * @count: number of extents, not zero
 *
 * Locking: the object's &drm_placed_store.lock is held.
 *
 * Return: 0 or a negative errno, and then the device has none of them.
 */
int virtio_gpu_ranges_populate(struct virtio_gpu_object *bo, bool pool, unsigned long base,
			       const struct drm_placed_extent *extents, u32 count)
{
	u32 done, some, i;
	int ret = 0;

	for (done = 0; done < count; done += some) {
		some = min(count - done, VIRTIO_GPU_MAX_RANGES);
		ret = populate_some(bo, pool, base, extents + done, &some);
		if (ret)
			break;
	}

	/*
	 * Take back what was given. Nobody gives these page frames to the device
	 * again before that: it is queued.
	 */
	for (i = 0; ret && i < done; i++)
		queue_discard(bo, pool, extents[i].page, extents[i].count, NULL);

	/* The commands have references to the object. */
	virtio_gpu_notify(bo->base.base.dev->dev_private);
	return ret;
}

/**
 * virtio_gpu_ranges_discard - make the device stop using memory of an object
 * @bo: the object
 * @pool: it is memory of the device's. Otherwise it is the guest's
 * @first: first page
 * @count: number of pages, some of which may have no memory
 * @wait: until it has stopped. Otherwise it will before whatever is queued later
 *
 * Locking: the object's &drm_placed_store.lock is held, or nobody uses it any more.
 */
void virtio_gpu_ranges_discard(struct virtio_gpu_object *bo, bool pool, pgoff_t first,
			       pgoff_t count, bool wait)
{
	struct virtio_gpu_ack *ack = wait ? virtio_gpu_ack_create() : NULL;

	queue_discard(bo, pool, first, count, ack);
	if (ack)
		virtio_gpu_ack_wait(bo->base.base.dev->dev_private, ack, NULL);
}
