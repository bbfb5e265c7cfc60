/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _VIRTGPU_SPARSE_H_
#define _VIRTGPU_SPARSE_H_

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_gem_object;
struct drm_mode_fb_cmd2;
struct drm_placed_store_ops;
struct virtio_gpu_device;
struct virtio_gpu_object;

#ifdef CONFIG_DRM_PLACED
bool virtio_gpu_is_sparse(const struct virtio_gpu_object *bo);
bool virtio_gpu_is_pool(const struct virtio_gpu_object *bo);
void virtio_gpu_sparse_free(struct virtio_gpu_object *bo);
int virtio_gpu_sparse_check_fb(struct drm_gem_object *obj, const struct drm_mode_fb_cmd2 *cmd);

int virtio_gpu_create_sparse(struct drm_device *dev, struct drm_file *file, u64 size,
			     u32 *handle);
int virtio_gpu_create_pool(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle);

/* virtgpu_pool.c */
extern const struct drm_placed_store_ops virtio_gpu_pool_store_ops;

void virtio_gpu_pool_init(struct virtio_gpu_device *vgdev);
void virtio_gpu_pool_fini(struct virtio_gpu_device *vgdev);
#else
static inline bool virtio_gpu_is_sparse(const struct virtio_gpu_object *bo)
{
	return false;
}

static inline bool virtio_gpu_is_pool(const struct virtio_gpu_object *bo)
{
	return false;
}

static inline void virtio_gpu_sparse_free(struct virtio_gpu_object *bo)
{
}

static inline int virtio_gpu_sparse_check_fb(struct drm_gem_object *obj,
					     const struct drm_mode_fb_cmd2 *cmd)
{
	return 0;
}

static inline void virtio_gpu_pool_init(struct virtio_gpu_device *vgdev)
{
}

static inline void virtio_gpu_pool_fini(struct virtio_gpu_device *vgdev)
{
}
#endif

#endif
