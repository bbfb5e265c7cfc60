// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

#include <asm/tlbflush.h>

#include <drm/drm_device.h>

#include "drm_placed_map.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: page tables of page windows
 *
 * Thousands of pages change at once, and what counts is what each of them costs. So
 * entries are handled a page table at a time, under one lock, and the TLB is flushed
 * once for each mapping: all old entries go first, then the TLB's, then the new ones
 * come. Between the two, an access faults, and waits for &drm_placed_windows.lock.
 *
 * Making an entry is an economy, not a duty: if a page table cannot be had, or the
 * page has no memory yet, the fault does it.
 *
 * Windows on tracked objects have their entries made by faults only, as each store has
 * to be seen; and removed by zapping, which tells the tracker before they go.
 *
 * The file is always built in, as drm_placed_walk.c is.
 */

/* What is removed from one mapping, and must be flushed. */
struct removal {
	struct vm_area_struct *vma;
	struct mmu_notifier_range range;
	unsigned long start, end;
};

static void removal_begin(struct removal *removal, struct vm_area_struct *vma,
			  unsigned long start, unsigned long end)
{
	removal->vma = vma;
	removal->start = end;
	removal->end = start;

	mmu_notifier_range_init(&removal->range, MMU_NOTIFY_CLEAR, 0, vma->vm_mm, start, end);
	mmu_notifier_invalidate_range_start(&removal->range);
	inc_tlb_flush_pending(vma->vm_mm);
}

static void removal_end(struct removal *removal)
{
	struct vm_area_struct *vma = removal->vma;

	/* Somebody else may have cleared entries here, and not flushed yet. */
	if (mm_tlb_flush_nested(vma->vm_mm))
		flush_tlb_range(vma, removal->range.start, removal->range.end);
	else if (removal->start < removal->end)
		flush_tlb_range(vma, removal->start, removal->end);

	dec_tlb_flush_pending(vma->vm_mm);
	mmu_notifier_invalidate_range_end(&removal->range);
}

/* The end of what a batch has in a mapping from index i on, if it is all in a row. */
static unsigned long row_end(const struct drm_placed_batch *batch, unsigned long i,
			     const struct vm_area_struct *vma)
{
	return min(vma->vm_end, batch->addr + (batch->count << PAGE_SHIFT));
}

/*
 * Let slots show what the batch says, from index i on, as long as the addresses are in
 * one page table of one mapping; remove their entries. Returns the next index.
 */
static unsigned long replace_table(struct removal *removal, struct drm_placed_slots *slots,
				   const struct drm_placed_batch *batch, unsigned long i)
{
	struct vm_area_struct *vma = removal->vma;
	unsigned long addr = drm_placed_batch_addr(batch, i);
	unsigned long from = max(addr & PMD_MASK, vma->vm_start);
	unsigned long size = pmd_addr_end(addr, vma->vm_end) - from;
	u32 slot = drm_placed_slot_of(vma, from);
	pmd_t *pmd = drm_placed_walk_pmd(vma->vm_mm, addr);
	pte_t *ptes = NULL;
	spinlock_t *ptl;

	/* Without a table there are no entries, and none come meanwhile. */
	if (pmd)
		ptes = pte_offset_map_lock(vma->vm_mm, pmd, from, &ptl);

	do {
		unsigned long index = (addr - from) >> PAGE_SHIFT;

		if (ptes && !pte_none(ptep_get(ptes + index))) {
			ptep_get_and_clear(vma->vm_mm, addr, ptes + index);
			removal->start = min(removal->start, addr);
			removal->end = max(removal->end, addr + PAGE_SIZE);
		}
		drm_placed_slots_set(slots, slot + index, drm_placed_batch_page(batch, i));

		if (++i == batch->count)
			break;
		addr = drm_placed_batch_addr(batch, i);
	} while (addr - from < size);

	if (ptes)
		pte_unmap_unlock(ptes, ptl);
	return i;
}

/* As replace_table(), for all that follows in the mapping. */
static unsigned long replace(struct vm_area_struct *vma, const struct drm_placed_batch *batch,
			     unsigned long i)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	unsigned long size = vma->vm_end - vma->vm_start;
	struct removal removal;

	if (batch->addrs)
		removal_begin(&removal, vma, vma->vm_start, vma->vm_end);
	else
		removal_begin(&removal, vma, drm_placed_batch_addr(batch, i),
			      row_end(batch, i, vma));

	do {
		i = replace_table(&removal, slots, batch, i);
		cond_resched();
	} while (i < batch->count && drm_placed_batch_addr(batch, i) - vma->vm_start < size);

	removal_end(&removal);
	return i;
}

/* As replace(), for a mapping whose owner wants to be told before entries go. */
static unsigned long replace_tracked(struct vm_area_struct *vma,
				     const struct drm_placed_batch *batch, unsigned long i)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	unsigned long size = vma->vm_end - vma->vm_start;

	do {
		unsigned long start = drm_placed_batch_addr(batch, i), end = start, first = i;

		/* As long as they are in a row. */
		do {
			end += PAGE_SIZE;
			i++;
		} while (i < batch->count && end < vma->vm_end &&
			 drm_placed_batch_addr(batch, i) == end);

		zap_page_range_single(vma, start, end - start, NULL);
		for (; first < i; first++, start += PAGE_SIZE)
			drm_placed_slots_set(slots, drm_placed_slot_of(vma, start),
					     drm_placed_batch_page(batch, first));
		cond_resched();
	} while (i < batch->count && drm_placed_batch_addr(batch, i) - vma->vm_start < size);

	return i;
}

/* Make the entries of one page table, from index i on. Returns the next index. */
static unsigned long enter_table(struct vm_area_struct *vma, struct drm_gem_object *obj,
				 const struct drm_placed_batch *batch, unsigned long i,
				 pgprot_t *prot)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	unsigned long addr = drm_placed_batch_addr(batch, i);
	unsigned long from = max(addr & PMD_MASK, vma->vm_start);
	unsigned long size = pmd_addr_end(addr, vma->vm_end) - from;
	pmd_t *pmd = drm_placed_map_alloc_pmd(vma->vm_mm, addr);
	pte_t *ptes = NULL;
	spinlock_t *ptl;

	if (pmd && !pte_alloc(vma->vm_mm, pmd))
		ptes = pte_offset_map_lock(vma->vm_mm, pmd, from, &ptl);

	do {
		u32 page = drm_placed_batch_page(batch, i);

		if (ptes && page != DRM_PLACED_NO_PAGE) {
			unsigned long count = 1, pfn = memory->pfn(obj, page, &count);

			if (pfn != DRM_PLACED_NO_PFN) {
				pte_t *pte = ptes + ((addr - from) >> PAGE_SHIFT);

				if (!pgprot_val(*prot))
					*prot = drm_placed_map_prot(vma, memory, pfn);
				set_pte_at(vma->vm_mm, addr, pte,
					   pte_mkspecial(pfn_pte(pfn, *prot)));
				update_mmu_cache(vma, addr, pte);
			}
		}

		if (++i == batch->count)
			break;
		addr = drm_placed_batch_addr(batch, i);
	} while (addr - from < size);

	if (ptes)
		pte_unmap_unlock(ptes, ptl);
	return i;
}

static unsigned long enter(struct vm_area_struct *vma, struct drm_gem_object *obj,
			   const struct drm_placed_batch *batch, unsigned long i)
{
	unsigned long size = vma->vm_end - vma->vm_start;
	pgprot_t prot = {};

	do {
		i = enter_table(vma, obj, batch, i, &prot);
		cond_resched();
	} while (i < batch->count && drm_placed_batch_addr(batch, i) - vma->vm_start < size);

	return i;
}

/* Does the owner of the mapping want to see each store? */
static bool is_tracked(const struct vm_area_struct *vma)
{
	return vma->vm_ops->zap;
}

/* What a mapping has of a batch from index i on, and needs no entries. */
static unsigned long skip(struct vm_area_struct *vma, const struct drm_placed_batch *batch,
			  unsigned long i)
{
	unsigned long size = vma->vm_end - vma->vm_start;

	do {
		i++;
	} while (i < batch->count && drm_placed_batch_addr(batch, i) - vma->vm_start < size);

	return i;
}

/**
 * drm_placed_scatter - put pages of an object into windows
 * @mm: the address space
 * @obj: the object
 * @batch: what goes where: all addresses are in windows on @obj, all pages exist, and
 *	drm_placed_slots_prepare() was called for all of them; no address twice
 *
 * Locking: mmap_lock is held, &drm_placed_memory.lock, &drm_placed_windows.lock, and
 * &drm_placed_track.lock if the object has one. Takes page table locks; may sleep.
 */
void drm_placed_scatter(struct mm_struct *mm, struct drm_gem_object *obj,
			const struct drm_placed_batch *batch)
{
	struct vm_area_struct *vma;
	unsigned long i;

	mmap_assert_locked(mm);
	lockdep_assert_held(&obj->placed_windows->lock);

	for (i = 0; i < batch->count;) {
		vma = vma_lookup(mm, drm_placed_batch_addr(batch, i));
		i = is_tracked(vma) ? replace_tracked(vma, batch, i) : replace(vma, batch, i);
	}

	if (!batch->pages)
		return;

	for (i = 0; i < batch->count;) {
		vma = vma_lookup(mm, drm_placed_batch_addr(batch, i));
		i = is_tracked(vma) ? skip(vma, batch, i) : enter(vma, obj, batch, i);
	}
}
EXPORT_SYMBOL_GPL(drm_placed_scatter);

/**
 * drm_placed_scatter_one - make the entry for one address
 * @vma: the mapping of a window, which is not tracked
 * @obj: the object it shows
 * @addr: the address
 * @page: the page that its slot says, which has memory
 *
 * Locking: mmap_lock or the VMA's is held, &drm_placed_memory.lock and
 * &drm_placed_windows.lock. Takes a page table lock; allocates.
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_scatter_one(struct vm_area_struct *vma, struct drm_gem_object *obj,
			   unsigned long addr, u32 page)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	unsigned long count = 1, pfn = memory->pfn(obj, page, &count);
	spinlock_t *ptl;
	pte_t *pte;

	lockdep_assert_held(&obj->placed_windows->lock);

	if (WARN_ON_ONCE(pfn == DRM_PLACED_NO_PFN))
		return -ENOMEM;

	pte = get_locked_pte(vma->vm_mm, addr, &ptl);
	if (!pte)
		return -ENOMEM;

	if (pte_none(ptep_get(pte))) {
		set_pte_at(vma->vm_mm, addr, pte,
			   pte_mkspecial(pfn_pte(pfn, drm_placed_map_prot(vma, memory, pfn))));
		update_mmu_cache(vma, addr, pte);
	}
	pte_unmap_unlock(pte, ptl);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_scatter_one);

/* Addresses in a row whose entries are to go. */
struct row {
	struct vm_area_struct *vma;
	unsigned long start, end;
};

static void row_flush(struct row *row)
{
	if (row->start < row->end)
		zap_page_range_single(row->vma, row->start, row->end - row->start, NULL);
	row->start = 0;
	row->end = 0;
}

static void row_add(struct row *row, u32 slot)
{
	struct vm_area_struct *vma = row->vma;
	u32 first = drm_placed_slot_of(vma, vma->vm_start);
	unsigned long addr;

	if (slot < first || slot - first >= vma_pages(vma))
		return;

	addr = vma->vm_start + ((unsigned long)(slot - first) << PAGE_SHIFT);
	if (addr != row->end) {
		row_flush(row);
		row->start = addr;
	}
	row->end = addr + PAGE_SIZE;
}

/* Remove the entries of a mapping that show pages of a range. */
static void zap_vma(struct vm_area_struct *vma, pgoff_t first, pgoff_t count)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	struct row row = { .vma = vma };
	pgoff_t page;
	u32 slot, i;

	if (!slots->first)
		return;

	/* Whichever there are fewer of. */
	if (count > vma_pages(vma)) {
		for (i = 0; i < vma_pages(vma); i++) {
			slot = drm_placed_slot_of(vma, vma->vm_start) + i;
			page = drm_placed_slots_page(slots, slot);
			if (page != DRM_PLACED_NO_PAGE && page >= first && page - first < count)
				row_add(&row, slot);
		}
	} else {
		for (page = first; page < first + count; page++)
			for (slot = drm_placed_slots_first(slots, page);
			     slot != DRM_PLACED_NO_SLOT;
			     slot = drm_placed_slots_next(slots, slot))
				row_add(&row, slot);
	}
	row_flush(&row);
}

/**
 * drm_placed_scatter_zap - remove what windows show of a range of an object
 * @obj: the object
 * @first: first page
 * @count: number of pages
 *
 * In all address spaces. What the windows are to show does not change: the next
 * access faults.
 *
 * Locking: &drm_placed_memory.lock is held, so that no entries come back meanwhile,
 * and &drm_placed_track.lock if the object has one. Takes &drm_placed_windows.lock,
 * i_mmap_rwsem for reading and page table locks; may sleep.
 */
void drm_placed_scatter_zap(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	/* Pairs with who added it, before there were any entries. */
	struct drm_placed_windows *windows = smp_load_acquire(&obj->placed_windows);
	struct address_space *mapping = obj->dev->anon_inode->i_mapping;
	struct drm_placed_pages *pages;
	struct vm_area_struct *vma;

	if (!windows)
		return;

	mutex_lock(&windows->lock);
	i_mmap_lock_read(mapping);
	list_for_each_entry(pages, &windows->list, link)
		vma_interval_tree_foreach(vma, &mapping->i_mmap,
					  drm_vma_node_start(&pages->base.vma_node),
					  drm_vma_node_start(&pages->base.vma_node) +
					  drm_vma_node_size(&pages->base.vma_node) - 1)
			if (vma->vm_ops == pages->vm_ops)
				zap_vma(vma, first, count);
	i_mmap_unlock_read(mapping);
	mutex_unlock(&windows->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_scatter_zap);
