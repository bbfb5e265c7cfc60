/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _VIRTGPU_RANGES_H_
#define _VIRTGPU_RANGES_H_

#include <linux/types.h>

struct drm_placed_extent;
struct virtio_device;
struct virtio_gpu_ack;
struct virtio_gpu_device;
struct virtio_gpu_object;
struct virtio_gpu_range;
struct virtio_gpu_vbuffer;

/** struct virtio_gpu_ranges - the device's commands that name many ranges */
struct virtio_gpu_ranges {
	/** @transfer: %VIRTIO_GPU_F_TRANSFER_RANGES. Constant. */
	bool transfer;

	/** @backing: %VIRTIO_GPU_F_BACKING_RANGES. Constant. */
	bool backing;

	/** @pool: %VIRTIO_GPU_F_POOL. Constant. */
	bool pool;

	/**
	 * @list: of the object that is being sent, what is to be transferred by
	 * the next command. Protected by &drm_placed_display.lock.
	 */
	struct virtio_gpu_range *list;

	/** @count: elements of @list in use. Same lock. */
	u32 count;

	/** @room: elements of @list. Same lock. */
	u32 room;
};

#ifdef CONFIG_DRM_PLACED
int virtio_gpu_ranges_validate(struct virtio_device *vdev);
void virtio_gpu_ranges_init(struct virtio_gpu_device *vgdev);

void virtio_gpu_ranges_send(struct virtio_gpu_object *bo, u64 offset, u64 length);
void virtio_gpu_ranges_sent(struct virtio_gpu_object *bo);
void virtio_gpu_ranges_error(struct virtio_gpu_vbuffer *vbuf);

int virtio_gpu_ranges_populate(struct virtio_gpu_object *bo, bool pool, unsigned long base,
			       const struct drm_placed_extent *extents, u32 count);
void virtio_gpu_ranges_discard(struct virtio_gpu_object *bo, bool pool, pgoff_t first,
			       pgoff_t count, bool wait);

struct virtio_gpu_ack *virtio_gpu_ack_create(void);
void virtio_gpu_ack_answer(struct virtio_gpu_device *vgdev, struct virtio_gpu_vbuffer *vbuf);
void virtio_gpu_ack_end(struct virtio_gpu_ack *ack);
int virtio_gpu_ack_wait(struct virtio_gpu_device *vgdev, struct virtio_gpu_ack *ack, u64 *value);
#else
#define virtio_gpu_ranges_validate NULL

static inline void virtio_gpu_ranges_init(struct virtio_gpu_device *vgdev)
{
}

static inline void virtio_gpu_ack_end(struct virtio_gpu_ack *ack)
{
}
#endif

#endif
