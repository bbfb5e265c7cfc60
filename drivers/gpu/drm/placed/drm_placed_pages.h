/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_PAGES_H_
#define _DRM_PLACED_PAGES_H_

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include "drm_placed_slots.h"

struct drm_file;
struct drm_gem_mmap_placed;

/**
 * struct drm_placed_windows - the page windows on an object
 *
 * &drm_gem_object.placed_windows, from the first window to the end of the object.
 */
struct drm_placed_windows {
	/**
	 * @lock: whoever puts pages into windows on the object, or asks which
	 * window shows a page, has it. Taken inside mmap_lock,
	 * &drm_placed_track.lock and &drm_placed_memory.lock, outside i_mmap_rwsem
	 * and page table locks.
	 */
	struct mutex lock;

	/** @list: of &struct drm_placed_pages. Protected by @lock. */
	struct list_head list;
};

/**
 * struct drm_placed_pages - a page window
 *
 * A GEM object without memory and without handles: what it is for is the fake offset,
 * by which its mappings are found. Lives as long as they do.
 */
struct drm_placed_pages {
	/** @base: the object. */
	struct drm_gem_object base;

	/** @obj: whose pages it shows. Constant; the window has a reference. */
	struct drm_gem_object *obj;

	/** @vm_ops: of its mappings. Set when it is mapped, before it has any. */
	const struct vm_operations_struct *vm_ops;

	/** @link: in &drm_placed_windows.list. Protected by its lock. */
	struct list_head link;

	/** @views: of &struct drm_placed_view. Protected by &drm_placed_windows.lock. */
	struct list_head views;
};

/**
 * struct drm_placed_view - a page window in an address space
 *
 * fork() makes another. All VMAs that are left of the window in the address space
 * have it for their &vm_area_struct.vm_private_data.
 */
struct drm_placed_view {
	/** @pages: the window. Constant; the view has a reference. */
	struct drm_placed_pages *pages;

	/** @link: in &drm_placed_pages.views. Protected by &drm_placed_windows.lock. */
	struct list_head link;

	/** @mm: the address space, which has VMAs of the view. Constant. */
	struct mm_struct *mm;

	/** @vmas: number of VMAs. Changes with mmap_lock held for writing. */
	refcount_t vmas;

	/** @orig: vm_operations of an ordinary mapping of the object. Constant. */
	const struct vm_operations_struct *orig;

	/**
	 * @slots: what the window shows here. Changed, and replaced, with
	 * &drm_placed_windows.lock held, and mmap_lock for reading, so that fork()
	 * meets neither. Others read it under RCU.
	 *
	 * A page table entry in the window shows the page that its slot says, or
	 * nothing. An entry is made with &drm_placed_windows.lock held, and goes under
	 * the page table lock under which its slot changes, or before.
	 */
	struct drm_placed_slots __rcu *slots;

	/** @asked: @prot is known. As the next two, changes with &drm_placed_windows.lock held. */
	bool asked;

	/** @asked_for: &vm_area_struct.vm_page_prot that @prot is for. */
	pgprot_t asked_for;

	/** @prot: what entries are made with. */
	pgprot_t prot;
};

/**
 * struct drm_placed_batch - pages to put into windows
 *
 * Plain data.
 */
struct drm_placed_batch {
	/** @addr: the first address, if @addrs is NULL: the others follow. */
	unsigned long addr;

	/** @addrs: the addresses, or NULL. */
	const u64 *addrs;

	/** @pages: page numbers or DRM_GEM_MAP_PAGES_NONE; NULL: that for all. */
	const u64 *pages;

	/** @count: number of addresses. */
	unsigned long count;

	/** @vma: the mapping that has the first address. */
	struct vm_area_struct *vma;
};

/* The address that has index @i of a batch. */
static inline unsigned long drm_placed_batch_addr(const struct drm_placed_batch *batch,
						  unsigned long i)
{
	return batch->addrs ? batch->addrs[i] : batch->addr + (i << PAGE_SHIFT);
}

/* The mapping that has the address at index @i. In most batches, all are in one. */
static inline struct vm_area_struct *drm_placed_batch_vma(struct mm_struct *mm,
							  const struct drm_placed_batch *batch,
							  unsigned long i)
{
	unsigned long addr = drm_placed_batch_addr(batch, i);
	struct vm_area_struct *vma = batch->vma;

	return addr - vma->vm_start < vma->vm_end - vma->vm_start ? vma : vma_lookup(mm, addr);
}

static inline struct drm_placed_view *drm_placed_view_of(const struct vm_area_struct *vma)
{
	return vma->vm_private_data;
}

/* The slot of an address in a window. */
static inline u32 drm_placed_slot_of(const struct vm_area_struct *vma, unsigned long addr)
{
	return ((addr - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff -
	       drm_vma_node_start(&drm_placed_view_of(vma)->pages->base.vma_node);
}

/* The page that an address in a window shows, for those without the lock: it may change. */
static inline u32 drm_placed_page_at(const struct vm_area_struct *vma, unsigned long addr)
{
	u32 page;

	rcu_read_lock();
	page = drm_placed_slots_page(rcu_dereference(drm_placed_view_of(vma)->slots),
				     drm_placed_slot_of(vma, addr));
	rcu_read_unlock();
	return page;
}

/* The table of a view, for those who have the lock. */
static inline struct drm_placed_slots *drm_placed_view_slots(struct drm_placed_view *view)
{
	return rcu_dereference_protected(view->slots,
					 lockdep_is_held(&view->pages->obj->placed_windows->lock));
}

/* Can pages of the object be put into windows? */
static inline bool drm_placed_can_pages(const struct drm_gem_object *obj)
{
	return obj->funcs->placed && obj->funcs->mmap && !drm_gem_is_imported(obj) &&
	       obj->size >> PAGE_SHIFT < DRM_PLACED_NO_PAGE;
}

/* drm_placed_pages.c */
struct drm_placed_pages *drm_placed_pages_create(struct drm_gem_object *obj, u64 length);

/* drm_placed_scatter.c */
void drm_placed_scatter(struct mm_struct *mm, struct drm_gem_object *obj,
			const struct drm_placed_batch *batch);
int drm_placed_scatter_one(struct vm_area_struct *vma, struct drm_gem_object *obj,
			   unsigned long addr, u32 page);
void drm_placed_scatter_zap(struct drm_gem_object *obj, pgoff_t first, pgoff_t count);

#endif
