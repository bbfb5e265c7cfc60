/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_SPARSE_H_
#define _DRM_PLACED_SPARSE_H_

#include <linux/types.h>

struct dma_buf;
struct drm_device;
struct drm_file;
struct drm_gem_object;
struct drm_placed_memory;
struct drm_placed_runs;
struct drm_placed_store_ops;
struct vm_area_struct;

#ifdef CONFIG_DRM_PLACED
extern const struct drm_placed_memory drm_placed_sparse_memory;
extern const struct drm_placed_memory drm_placed_sparse_io_memory;

int drm_placed_sparse_init(struct drm_gem_object *obj, const struct drm_placed_store_ops *ops);
int drm_placed_sparse_create(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle);
struct dma_buf *drm_placed_sparse_export(struct drm_gem_object *obj, int flags);
int drm_placed_sparse_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);

bool drm_placed_is_sparse(struct drm_gem_object *obj);
unsigned long drm_placed_sparse_pfn(struct drm_gem_object *obj, pgoff_t page);
size_t drm_placed_sparse_rss(struct drm_gem_object *obj);
void drm_placed_sparse_runs(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    struct drm_placed_runs *runs);
int drm_placed_sparse_discard(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

/* For the tracker and its drivers */
int drm_placed_sparse_begin(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    unsigned long *fresh);
void drm_placed_sparse_end(struct drm_gem_object *obj);
void drm_placed_sparse_drop(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);
#endif

#endif
