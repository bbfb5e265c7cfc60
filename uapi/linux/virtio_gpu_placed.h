/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * Placed GEM: additions to the virtio-gpu protocol.
 *
 * Experimental. Feature bits, commands and responses have numbers that are free,
 * and may change until they are assigned. docs/device.md says what they mean.
 */
#ifndef _LINUX_VIRTIO_GPU_PLACED_H
#define _LINUX_VIRTIO_GPU_PLACED_H

#include <linux/types.h>
#include <linux/virtio_gpu.h>

/* VIRTIO_GPU_CMD_TRANSFER_*_RANGES */
#define VIRTIO_GPU_F_TRANSFER_RANGES	22
/* VIRTIO_GPU_CMD_RESOURCE_*_BACKING; needs VIRTIO_GPU_F_TRANSFER_RANGES */
#define VIRTIO_GPU_F_BACKING_RANGES	23
/* VIRTIO_GPU_CMD_*_POOL; needs a host visible shared memory region */
#define VIRTIO_GPU_F_POOL		50

#define VIRTIO_GPU_CMD_TRANSFER_TO_HOST_RANGES		0x0400
#define VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_RANGES	0x0401
#define VIRTIO_GPU_CMD_RESOURCE_POPULATE_BACKING	0x0402
#define VIRTIO_GPU_CMD_RESOURCE_DISCARD_BACKING		0x0403
#define VIRTIO_GPU_CMD_GET_POOL_INFO			0x0404
#define VIRTIO_GPU_CMD_RESOURCE_CREATE_POOL		0x0405
#define VIRTIO_GPU_CMD_RESOURCE_POPULATE_POOL		0x0406
#define VIRTIO_GPU_CMD_RESOURCE_DISCARD_POOL		0x0407

#define VIRTIO_GPU_RESP_OK_POOL_INFO			0x1140

/* Most ranges in a command */
#define VIRTIO_GPU_MAX_RANGES		16384

/* What ranges of memory, but not of transfers, are multiples of */
#define VIRTIO_GPU_RANGE_PAGE		4096

/* Bytes [offset, offset + length) of a resource */
struct virtio_gpu_range {
	__le64 offset;
	__le64 length;
};

/*
 * VIRTIO_GPU_CMD_TRANSFER_TO_HOST_RANGES, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_RANGES,
 * VIRTIO_GPU_CMD_RESOURCE_DISCARD_BACKING, VIRTIO_GPU_CMD_RESOURCE_DISCARD_POOL
 */
struct virtio_gpu_resource_ranges {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 resource_id;
	__le32 nr_ranges;
	/* followed by nr_ranges of struct virtio_gpu_range, ascending */
};

/* Bytes [offset, offset + length) of a resource get the memory at addr */
struct virtio_gpu_map_range {
	__le64 offset;
	/* guest physical address, or offset in the pool */
	__le64 addr;
	__le64 length;
};

/* VIRTIO_GPU_CMD_RESOURCE_POPULATE_BACKING, VIRTIO_GPU_CMD_RESOURCE_POPULATE_POOL */
struct virtio_gpu_resource_map_ranges {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 resource_id;
	__le32 nr_ranges;
	/* followed by nr_ranges of struct virtio_gpu_map_range, ascending by offset */
};

/* VIRTIO_GPU_CMD_RESOURCE_CREATE_POOL */
struct virtio_gpu_resource_create_pool {
	struct virtio_gpu_ctrl_hdr hdr;
	__le32 resource_id;
	__le32 padding;
	/* bytes, a multiple of VIRTIO_GPU_RANGE_PAGE */
	__le64 size;
};

/* Answer to VIRTIO_GPU_CMD_GET_POOL_INFO */
struct virtio_gpu_resp_pool_info {
	struct virtio_gpu_ctrl_hdr hdr;
	/* bytes of the pool, which begins where the host visible region does */
	__le64 size;
};

#endif
