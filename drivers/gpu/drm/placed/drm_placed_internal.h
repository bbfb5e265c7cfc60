/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_INTERNAL_H_
#define _DRM_PLACED_INTERNAL_H_

#include <linux/errno.h>
#include <linux/mm_types.h>
#include <linux/pgtable.h>
#include <linux/types.h>

struct drm_file;
struct drm_gem_mmap_placed;
struct drm_gem_object;
struct drm_placed_runs;
struct drm_vma_offset_node;
struct file;
struct maple_tree;
struct vm_area_struct;
struct vm_fault;

/* A chunk is what one page of page table entries maps: 2 MiB on x86. */
#define DRM_PLACED_CHUNK	PTRS_PER_PTE

/**
 * struct drm_placed_range - what an address search is asked for
 *
 * All values are in bytes and multiples of the page size. Plain data: whoever
 * owns the struct may read and write it without a lock.
 */
struct drm_placed_range {
	/** @low: lowest address the mapping may cover. */
	unsigned long low;

	/** @high: end (exclusive) of what the mapping may cover. */
	unsigned long high;

	/** @length: size of the mapping, not zero. */
	unsigned long length;

	/**
	 * @near: the address to be nearest to. Bottom-up, the search goes up
	 * from here and then down; @topdown turns this round. May lie outside
	 * [@low, @high).
	 */
	unsigned long near;

	/** @align: the address is a multiple of this power of two. */
	unsigned long align;

	/**
	 * @prefer_align: zero, or a power of two above @align. On either side of
	 * @near, addresses that are @prefer_offset modulo @prefer_align come
	 * before others.
	 */
	unsigned long prefer_align;

	/** @prefer_offset: see @prefer_align. */
	unsigned long prefer_offset;

	/** @hint: @near was named by the caller, and is the answer if it is free. */
	bool hint;

	/** @topdown: search below @near before searching above it. */
	bool topdown;
};

int drm_placed_search(struct maple_tree *mt, const struct drm_placed_range *range,
		      unsigned long *addr, unsigned int *gaps);

int drm_placed_fill_range(const struct drm_gem_mmap_placed *args, struct drm_placed_range *range);
unsigned long drm_placed_search_mm(const struct drm_placed_range *range, unsigned int *gaps);

unsigned long drm_placed_window_area(struct drm_file *file_priv, unsigned long addr,
				     unsigned long len, unsigned long pgoff);

unsigned long drm_placed_map_node(struct file *filp, const struct drm_gem_mmap_placed *args,
				  struct drm_vma_offset_node *allow, u64 offset,
				  vm_flags_t deny, unsigned int *gaps);
int drm_placed_prepare(struct drm_gem_object *obj, u32 flags);

bool drm_placed_is_drm_file(struct file *filp);
unsigned long drm_placed_duplicate(const struct drm_gem_mmap_placed *args, unsigned int *gaps);

#if IS_ENABLED(CONFIG_KUNIT)
int drm_placed_shown_page(const struct vm_area_struct *vma, struct drm_gem_object *obj,
			  unsigned long addr, pgoff_t *page);
int drm_placed_take_rights(vm_flags_t rights, u32 *flags);
u64 drm_placed_window_hint(u64 start, u64 end, u64 addr, u64 len);
#endif

bool drm_placed_is_pages_vma(const struct vm_area_struct *vma);

typedef void (*drm_placed_find_fn)(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
				   struct drm_placed_runs *runs);

int drm_placed_list_runs(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			 drm_placed_find_fn find, u64 array, u32 *room, u64 *pages);

/**
 * drm_placed_populate_errno - what &vm_operations_struct.populate returns for an error
 * @err: 0 or a negative errno, of the device's perhaps
 *
 * Return: @err if mm knows it; otherwise -EFAULT: an access would be SIGBUS.
 */
static inline int drm_placed_populate_errno(int err)
{
	return !err || err == -ENOMEM || err == -EINTR ? err : -EFAULT;
}

/**
 * struct drm_placed_unlocked - what a fault keeps while it waits without its lock
 *
 * Plain data of the task's own.
 */
struct drm_placed_unlocked {
	/** @file: of the mapping, a reference: it keeps the device. */
	struct file *file;

	/** @obj: a reference. */
	struct drm_gem_object *obj;
};

/* drm_placed_populate.c */
void drm_placed_unlock_fault(struct drm_placed_unlocked *unlocked, struct vm_fault *vmf,
			     struct drm_gem_object *obj);
void drm_placed_unlocked_end(struct drm_placed_unlocked *unlocked);
int drm_placed_lock_memory(struct drm_gem_object *obj, struct vm_fault *vmf, int *idx);
void drm_placed_unlock_memory(struct drm_gem_object *obj, int idx);
int drm_placed_get_touched(struct drm_gem_object *obj, pgoff_t page);
vm_fault_t drm_placed_to_fault(int err);

int drm_placed_make_coherent(struct drm_gem_object *obj, u32 flags);

#endif
