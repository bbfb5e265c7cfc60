/* SPDX-License-Identifier: MIT */
/*
 * As much of virgl as copies bytes between buffers on the device: no Mesa, no
 * shaders. A buffer has a copy in the guest, which is mapped, and one on the
 * host, which the device works on; transfers go from one to the other.
 */
#ifndef PLACED_VIRGL_H
#define PLACED_VIRGL_H

#include <poll.h>

#include <virtgpu_drm.h>

#include "placed_device.h"

enum {
	/* What a resource is. */
	VIRGL_TARGET_BUFFER = 0,
	VIRGL_TARGET_2D = 2,
	VIRGL_FORMAT_R8 = 64,
	VIRGL_FORMAT_RGBA8 = 67,
	VIRGL_BIND_RENDERING = 1 << 1,
	VIRGL_BIND_SAMPLING = 1 << 3,
	VIRGL_BIND_VERTICES = 1 << 4,

	/* The commands of a context: opcode, and dwords behind the header. */
	VIRGL_COPY_OPCODE = 17,
	VIRGL_COPY_LENGTH = 13,
	VIRGL_COPY_DWORDS = 1 + VIRGL_COPY_LENGTH,

	/* Dialects of contexts. */
	VIRGL_CAPSET_1 = 1,
	VIRGL_CAPSET_2 = 2,
};

struct virgl_buffer {
	uint32_t handle, resource;
	uint64_t size;
};

/* Bytes to copy from one buffer to another on the device. */
struct virgl_copy {
	const struct virgl_buffer *to;
	uint64_t to_offset;
	const struct virgl_buffer *from;
	uint64_t from_offset, length;
};

static inline int virgl_param(int fd, uint64_t which)
{
	int value = 0;
	struct drm_virtgpu_getparam get = { .param = which, .value = placed_addr(&value) };

	return placed_ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &get) ? 0 : value;
}

/*
 * Make the context of a file. Where contexts have no dialects to choose from,
 * the first use makes it.
 */
static inline int virgl_context(int fd)
{
	int capset = VIRGL_CAPSET_2, ret;

	if (!virgl_param(fd, VIRTGPU_PARAM_CONTEXT_INIT))
		return 0;

	do {
		struct drm_virtgpu_context_set_param param = {
			.param = VIRTGPU_CONTEXT_PARAM_CAPSET_ID, .value = capset,
		};
		struct drm_virtgpu_context_init init = {
			.num_params = 1, .ctx_set_params = placed_addr(&param),
		};

		ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
	} while (ret == -EINVAL && capset-- > VIRGL_CAPSET_1);

	return ret;
}

/* A new file with a context of its own. -1: no virtio-gpu, or none with virgl. */
static inline int virgl_open(void)
{
	int fd = placed_open("virtio_gpu");

	if (fd >= 0 && (!virgl_param(fd, VIRTGPU_PARAM_3D_FEATURES) || virgl_context(fd))) {
		close(fd);
		return -1;
	}

	return fd;
}

/* Returns 0 or the negative errno, as all that follow. */
static inline int virgl_create(int fd, uint64_t size, struct virgl_buffer *buffer)
{
	struct drm_virtgpu_resource_create create = {
		.target = VIRGL_TARGET_BUFFER, .format = VIRGL_FORMAT_R8,
		.bind = VIRGL_BIND_VERTICES,
		.width = size, .height = 1, .depth = 1, .array_size = 1,
		.size = size,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);

	*buffer = (struct virgl_buffer) {
		.handle = create.bo_handle, .resource = create.res_handle, .size = size,
	};
	return ret;
}

/* A texture of 4 bytes a pixel. */
static inline int virgl_create_texture(int fd, uint32_t width, uint32_t height, uint32_t *handle)
{
	struct drm_virtgpu_resource_create create = {
		.target = VIRGL_TARGET_2D, .format = VIRGL_FORMAT_RGBA8,
		.bind = VIRGL_BIND_SAMPLING | VIRGL_BIND_RENDERING,
		.width = width, .height = height, .depth = 1, .array_size = 1,
		.size = width * height * 4,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);

	*handle = create.bo_handle;
	return ret;
}

/* The handle that a file has for a buffer of another one. */
static inline int virgl_adopt(int fd, uint32_t handle, struct virgl_buffer *buffer)
{
	struct drm_virtgpu_resource_info info = { .bo_handle = handle };
	int ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);

	*buffer = (struct virgl_buffer) {
		.handle = handle, .resource = info.res_handle, .size = info.size,
	};
	return ret;
}

static inline void virgl_encode(uint32_t *dwords, const struct virgl_copy *copy)
{
	const uint32_t command[VIRGL_COPY_DWORDS] = {
		VIRGL_COPY_OPCODE | VIRGL_COPY_LENGTH << 16,
		copy->to->resource, 0 /* level */, copy->to_offset, 0, 0,
		copy->from->resource, 0 /* level */, copy->from_offset, 0, 0,
		copy->length, 1, 1,
	};

	memcpy(dwords, command, sizeof(command));
}

/*
 * Submit copies, which the device makes one after the other. The handles are
 * those that the kernel is told of. If there is a fence, it is a file that can
 * be polled; without one and without handles there is nothing to wait for.
 */
static inline int virgl_submit(int fd, const struct virgl_copy *copies, int count,
			       const uint32_t *handles, int num_handles, int *fence)
{
	struct drm_virtgpu_execbuffer execbuffer = {
		.flags = fence ? VIRTGPU_EXECBUF_FENCE_FD_OUT : 0,
		.size = count * VIRGL_COPY_DWORDS * 4,
		.bo_handles = placed_addr(handles),
		.num_bo_handles = num_handles,
		.fence_fd = -1,
	};
	uint32_t *dwords = malloc(execbuffer.size);
	int ret;

	if (!dwords)
		return -ENOMEM;
	for (int i = 0; i < count; i++)
		virgl_encode(dwords + i * VIRGL_COPY_DWORDS, &copies[i]);

	execbuffer.command = placed_addr(dwords);
	ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &execbuffer);
	if (!ret && fence)
		*fence = execbuffer.fence_fd;

	free(dwords);
	return ret;
}

/* Submit one copy, and tell the kernel of both buffers. */
static inline int virgl_copy(int fd, const struct virgl_buffer *to, uint64_t to_offset,
			     const struct virgl_buffer *from, uint64_t from_offset,
			     uint64_t length)
{
	struct virgl_copy copy = { to, to_offset, from, from_offset, length };
	uint32_t handles[] = { to->handle, from->handle };

	return virgl_submit(fd, &copy, 1, handles, to == from ? 1 : 2, NULL);
}

/* Wait for what is submitted on an object. The kernel gives up after 15 s, this after 60. */
static inline int virgl_wait(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait wait = { .handle = handle };
	int ret = -EBUSY;

	for (int i = 0; i < 4 && ret == -EBUSY; i++)
		ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &wait);
	return ret;
}

/* Is the device done with an object? */
static inline bool virgl_is_idle(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait wait = { .handle = handle, .flags = VIRTGPU_WAIT_NOWAIT };

	return !placed_ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &wait);
}

/* Wait for a fence, and close it. */
static inline int virgl_wait_fence(int fence)
{
	struct pollfd poll_fence = { .fd = fence, .events = POLLIN };
	int ret;

	do {
		ret = poll(&poll_fence, 1, 60000);
	} while (ret < 0 && errno == EINTR);

	close(fence);
	return ret == 1 && poll_fence.revents == POLLIN ? 0 : -ETIME;
}

/* Queue a transfer of a part of a buffer: to the host, or from there. */
static inline int virgl_transfer(int fd, const struct virgl_buffer *buffer, bool to_host,
				 uint64_t offset, uint64_t length)
{
	/* The two structs are the same. */
	struct drm_virtgpu_3d_transfer_to_host transfer = {
		.bo_handle = buffer->handle,
		.box = { .x = offset, .w = length, .h = 1, .d = 1 },
		.offset = offset,
	};

	return placed_ioctl(fd, to_host ? DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST :
					  DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer);
}

#endif
