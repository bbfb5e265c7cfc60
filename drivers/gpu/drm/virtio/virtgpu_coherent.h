/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _VIRTGPU_COHERENT_H_
#define _VIRTGPU_COHERENT_H_

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/virtio_gpu.h>

#include "../placed/drm_placed_display.h"

struct dma_buf;
struct dma_buf_attachment;
struct drm_crtc;
struct drm_file;
struct drm_gem_object;
struct iosys_map;
struct virtio_gpu_device;
struct virtio_gpu_object;
struct virtio_gpu_object_array;
struct virtio_gpu_object_params;
struct virtio_gpu_vbuffer;
struct vm_area_struct;

/** enum virtio_gpu_layout - where in a resource the bytes of its backing are */
enum virtio_gpu_layout {
	/** @VIRTIO_GPU_LAYOUT_NONE: only the host knows. */
	VIRTIO_GPU_LAYOUT_NONE,
	/** @VIRTIO_GPU_LAYOUT_BUFFER: byte by byte. */
	VIRTIO_GPU_LAYOUT_BUFFER,
	/** @VIRTIO_GPU_LAYOUT_ROWS: rows of 32-bit pixels. */
	VIRTIO_GPU_LAYOUT_ROWS,
};

/** struct virtio_gpu_coherent_object - what coherency needs to know of an object */
struct virtio_gpu_coherent_object {
	/** @layout: Constant after creation. */
	enum virtio_gpu_layout layout;

	/** @width: of the resource, in bytes or pixels. Constant. */
	u32 width;

	/** @height: of the resource, in rows. Constant. */
	u32 height;

	/** @used: it was named in an execbuffer. Set and read without a lock. */
	bool used;
};

/** struct virtio_gpu_coherent - the device's part of coherent mappings */
struct virtio_gpu_coherent {
	/** @display: the outputs. Its lock is &drm_placed_funcs.lock. */
	struct drm_placed_display display;

	/** @objects: number of objects that were made coherent, ever. */
	atomic_t objects;

	/** @unnamed: there was an execbuffer that named no objects. No lock. */
	bool unnamed;
};

#ifdef CONFIG_DRM_PLACED
extern const struct drm_placed_funcs virtio_gpu_placed_funcs;

void virtio_gpu_coherent_init(struct virtio_gpu_device *vgdev);
void virtio_gpu_coherent_fini(struct virtio_gpu_device *vgdev);
void virtio_gpu_coherent_object_init(struct virtio_gpu_object *bo,
				     const struct virtio_gpu_object_params *params);
int virtio_gpu_coherent_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
int virtio_gpu_coherent_vmap(struct drm_gem_object *obj, struct iosys_map *map);
int virtio_gpu_coherent_attach(struct dma_buf *buf, struct dma_buf_attachment *attach);
bool virtio_gpu_coherent_begin(struct virtio_gpu_device *vgdev, struct drm_file *file,
			       struct virtio_gpu_object_array *objs);
void virtio_gpu_coherent_end(struct virtio_gpu_device *vgdev);
bool virtio_gpu_coherent_transfer(struct virtio_gpu_object *bo, bool from_host);
bool virtio_gpu_coherent_update(struct virtio_gpu_object *bo);
struct virtio_gpu_object_array *virtio_gpu_coherent_array(struct virtio_gpu_object *bo);
void virtio_gpu_coherent_scan_out(struct virtio_gpu_device *vgdev, unsigned int index,
				  struct drm_crtc *crtc, struct virtio_gpu_object *bo);
void virtio_gpu_coherent_error(struct virtio_gpu_vbuffer *vbuf);
#else
static inline void virtio_gpu_coherent_init(struct virtio_gpu_device *vgdev)
{
}

static inline void virtio_gpu_coherent_fini(struct virtio_gpu_device *vgdev)
{
}

static inline void
virtio_gpu_coherent_object_init(struct virtio_gpu_object *bo,
				const struct virtio_gpu_object_params *params)
{
}

#define virtio_gpu_coherent_mmap drm_gem_shmem_object_mmap
#define virtio_gpu_coherent_vmap drm_gem_shmem_object_vmap
#define virtio_gpu_coherent_attach drm_gem_map_attach

static inline bool virtio_gpu_coherent_begin(struct virtio_gpu_device *vgdev,
					     struct drm_file *file,
					     struct virtio_gpu_object_array *objs)
{
	return false;
}

static inline void virtio_gpu_coherent_end(struct virtio_gpu_device *vgdev)
{
}

static inline bool virtio_gpu_coherent_transfer(struct virtio_gpu_object *bo, bool from_host)
{
	return false;
}

static inline bool virtio_gpu_coherent_update(struct virtio_gpu_object *bo)
{
	return false;
}

static inline void virtio_gpu_coherent_scan_out(struct virtio_gpu_device *vgdev,
						unsigned int index, struct drm_crtc *crtc,
						struct virtio_gpu_object *bo)
{
}

static inline void virtio_gpu_coherent_error(struct virtio_gpu_vbuffer *vbuf)
{
}
#endif

#endif
