/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_TRACK_H_
#define _DRM_PLACED_TRACK_H_

#include <linux/types.h>

struct dma_fence;
struct drm_device;
struct drm_file;
struct drm_gem_object;
struct vm_area_struct;

/**
 * struct drm_placed_funcs - what a driver does for coherent mappings and sparse
 *	objects
 *
 * &drm_driver.placed. A driver without it has neither, and does not take
 * %DRM_GEM_MMAP_PLACED_POPULATE; one without @coherent has no coherent mappings, and
 * needs none of what is called for these. Pages are numbered from the start of the
 * object.
 */
struct drm_placed_funcs {
	/**
	 * @coherent:
	 *
	 * Make an object coherent. @flags are DRM_GEM_COHERENT_TO_DEVICE and
	 * others. The driver either knows that the device uses the mapped memory
	 * itself, and returns DRM_GEM_COHERENT_NATIVE; or calls
	 * drm_placed_track() and returns DRM_GEM_COHERENT_TRACKED; or returns
	 * -EOPNOTSUPP. No flags are a question: is the device's access to the
	 * object's memory coherent by nature? Called without locks; may be
	 * called for an object that is tracked already, and by several tasks at
	 * once.
	 */
	int (*coherent)(struct drm_gem_object *obj, u32 flags);

	/**
	 * @create_sparse:
	 *
	 * Optional. Create a sparse object of @size bytes, a multiple of the
	 * page size and not zero, see drm_placed_sparse.c. Called without
	 * locks. Returns 0 and the handle, or -ENOMEM, -ENOSPC or another
	 * negative errno, with @handle as it was.
	 */
	int (*create_sparse)(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle);

	/**
	 * @create_pool:
	 *
	 * Optional. The same with memory of the device's.
	 */
	int (*create_pool)(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle);

	/**
	 * @discard:
	 *
	 * For sparse objects that become coherent. Queue that pages of the
	 * device's copy become zero, in order with @send. Called with @lock and
	 * the tracker's lock held, when the memory is gone already.
	 */
	void (*discard)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

	/**
	 * @lock:
	 *
	 * Take the lock that puts sending, reading back and the device's
	 * operations on coherent objects in an order: a mutex of the device,
	 * taken inside mmap_lock and dma_resv, outside everything of the
	 * library. The holder may wait for room in the device's queue, but not
	 * for a page fault. Returns 0, or -EINTR if the task is being killed.
	 */
	int (*lock)(struct drm_gem_object *obj);

	/** @unlock: Drop what @lock took. */
	void (*unlock)(struct drm_gem_object *obj);

	/**
	 * @pfn:
	 *
	 * The page frame of a page, or %DRM_PLACED_NO_PFN. Stays the same while
	 * the object is mapped or, of a sparse object, from
	 * drm_placed_sparse_begin() to drm_placed_sparse_end(). Called with the
	 * tracker's lock held, and maybe a page table lock: must not sleep.
	 */
	unsigned long (*pfn)(struct drm_gem_object *obj, pgoff_t page);

	/**
	 * @send:
	 *
	 * Queue the transfer of pages to the device, in order before whatever
	 * is queued later. They may be the stores of any process that maps the
	 * object. Called with @lock and the tracker's lock held. A transfer that
	 * fails later is reported by drm_placed_track_error().
	 */
	void (*send)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

	/**
	 * @sent:
	 *
	 * A collection sent something, and is at its end: tell the device to
	 * look. May be NULL. Locks as for @send.
	 */
	void (*sent)(struct drm_gem_object *obj);

	/**
	 * @read_back:
	 *
	 * Queue the transfer of pages from the device, after all that was
	 * queued before. Locks as for @send. Returns a fence for its end, NULL
	 * if it has ended already, or an error pointer.
	 */
	struct dma_fence *(*read_back)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

	/**
	 * @wake:
	 *
	 * A page of an object that had none may be dirty from now on. For
	 * drivers that collect without being asked to. May be NULL. Called
	 * from faults with the tracker's lock held; must not sleep.
	 */
	void (*wake)(struct drm_gem_object *obj);

	/**
	 * @flush:
	 *
	 * Send what is dirty in a range on behalf of DRM_IOCTL_GEM_DIRTY, by
	 * drm_placed_collect() under @lock, and with @wait wait for the device
	 * to have taken it. Called without locks. Returns 0 or a negative errno.
	 */
	int (*flush)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, bool wait);
};

#ifdef CONFIG_DRM_PLACED
int drm_placed_track(struct drm_gem_object *obj, u32 flags, bool dirty);
void drm_placed_track_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);

bool drm_placed_is_tracked(struct drm_gem_object *obj);
void drm_placed_untracked_access(struct drm_gem_object *obj);
bool drm_placed_is_complete(struct drm_gem_object *obj, u32 flags);
void drm_placed_merge_gap(struct drm_gem_object *obj, pgoff_t pages);
unsigned long drm_placed_collect(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);
bool drm_placed_is_idle(struct drm_gem_object *obj);
int drm_placed_wait(struct drm_device *dev, struct dma_fence *fence);
void drm_placed_device_writes(struct drm_gem_object *obj);
void drm_placed_mark_dirty(struct drm_gem_object *obj);
void drm_placed_track_error(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    bool to_device);
#else
static inline bool drm_placed_is_tracked(struct drm_gem_object *obj)
{
	return false;
}

static inline void drm_placed_untracked_access(struct drm_gem_object *obj)
{
}
#endif

#endif
