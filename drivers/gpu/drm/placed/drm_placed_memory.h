/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_MEMORY_H_
#define _DRM_PLACED_MEMORY_H_

#include <linux/mm_types.h>
#include <linux/types.h>

struct drm_gem_object;
struct vm_fault;
struct vm_operations_struct;

/** DRM_PLACED_NO_PFN - where there is no memory */
#define DRM_PLACED_NO_PFN	ULONG_MAX

/**
 * struct drm_placed_memory - where the pages of an object are
 *
 * &drm_gem_object_funcs.placed, for objects whose mappings are PFN mappings
 * (VM_PFNMAP) and can be populated and discarded. Pages are counted from the
 * start of the object.
 */
struct drm_placed_memory {
	/**
	 * @lock:
	 *
	 * Optional. Keep the pages where they are until @unlock. Called with
	 * mmap_lock or the VMA's lock held, outside of i_mmap_rwsem. @vmf is the
	 * fault that it is for, or NULL. Returns 0; -EINTR, only if the task is
	 * being killed; -ENOMEM; -EFAULT, if an access would be SIGBUS; or, only
	 * for a fault that may be repeated, -EAGAIN, with the lock that the
	 * fault came with given back unless it has %FAULT_FLAG_RETRY_NOWAIT.
	 */
	int (*lock)(struct drm_gem_object *obj, struct vm_fault *vmf);

	/** @unlock: The opposite of @lock. */
	void (*unlock)(struct drm_gem_object *obj);

	/**
	 * @get:
	 *
	 * Optional. Allocate pages that are missing, zeroed; inside of one
	 * chunk (2 MiB of the object). Called with @lock held. Returns 0 or
	 * -ENOMEM, with some of them there.
	 */
	int (*get)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

	/**
	 * @get_all:
	 *
	 * Optional, if it is cheaper to get memory in one go. As @get, for a
	 * range of any size of which the first chunk is populated now and the
	 * rest soon; does nothing if that chunk misses nothing. Returns 0 or a
	 * negative errno, with some of the pages there.
	 */
	int (*get_all)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

	/**
	 * @pfn:
	 *
	 * The page frame of a page, or %DRM_PLACED_NO_PFN. @count is, in, how
	 * many pages are asked for and, out, how many of these have page
	 * frames in a row, or have none, at least one. The memory of an object
	 * is all of one kind. Called with @lock held, and maybe a page table
	 * lock: must not sleep.
	 */
	unsigned long (*pfn)(struct drm_gem_object *obj, pgoff_t page, unsigned long *count);

	/**
	 * @pfns:
	 *
	 * Optional. As @pfn, for @count pages anywhere; quicker than so many calls. A
	 * page of %DRM_GEM_MAP_PAGES_NONE has no memory. Called as @pfn.
	 */
	void (*pfns)(struct drm_gem_object *obj, const u64 *pages, unsigned int count,
		     unsigned long *pfns);

	/**
	 * @prot:
	 *
	 * Optional. The protection and caching of entries, instead of @prot,
	 * which is &vm_area_struct.vm_page_prot. Called with @lock held, and
	 * maybe a page table lock: must not sleep.
	 */
	pgprot_t (*prot)(struct drm_gem_object *obj, pgprot_t prot);

	/**
	 * @reserves: @lock is the lock of the object's reservation, &dma_resv,
	 * and so is taken outside of &drm_placed_track.lock; otherwise inside.
	 */
	bool reserves;

	/**
	 * @moves: the pages move to other page frames, or go for a time, with
	 * @lock held by who moves them, after all entries were removed: see
	 * drm_placed_unmap_windows(). Then @pfn and &drm_placed_funcs.pfn are
	 * called with it held only. Has @reserves.
	 */
	bool moves;

	/**
	 * @io: the page frames are a device's, to be mapped with the caching
	 * that &vm_area_struct.vm_page_prot says, and not after the device was
	 * unplugged: the library is in drm_dev_enter() meanwhile.
	 */
	bool io;

	/**
	 * @chunks: memory is expensive to get in small pieces. Who touches a
	 * page that has none gets it for the chunk around it, if that has none
	 * at all, and a huge entry where the addresses allow it.
	 */
	bool chunks;
};

#ifdef CONFIG_DRM_PLACED
extern const struct vm_operations_struct drm_placed_vm_ops;

vm_fault_t drm_placed_fault(struct vm_fault *vmf);
vm_fault_t drm_placed_huge_fault(struct vm_fault *vmf, unsigned int order);
long drm_placed_populate(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 bool write);
int drm_placed_discard(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		       int behavior);
extern const struct drm_placed_memory drm_placed_shmem_memory;

void drm_placed_unmap_windows(struct drm_gem_object *obj);

/* drm_placed_ttm.c, which is a part of ttm.ko */
extern const struct drm_placed_memory drm_placed_ttm_memory;

int drm_placed_ttm_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
unsigned long drm_placed_ttm_pfn(struct drm_gem_object *obj, pgoff_t page);
#else
static inline void drm_placed_unmap_windows(struct drm_gem_object *obj)
{
}
#endif

#endif
