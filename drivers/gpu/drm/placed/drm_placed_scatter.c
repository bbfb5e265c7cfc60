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

#include <uapi/drm/drm_placed.h>

#include "drm_placed_compat.h"
#include "drm_placed_map.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: page tables of page windows
 *
 * Thousands of pages change at once, and what counts is what each of them costs. So
 * entries are handled a page table at a time, under one lock, and the TLB is flushed
 * once for each mapping. Until then, who accesses an address may find the old page
 * there or the new one. Architectures that want an entry to be removed, and the TLB to
 * know, before there is another in its place go through it all twice; an access between
 * the two faults, and waits for &drm_placed_windows.lock.
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

/* What a batch has in a row, from one index on, in one page table of a mapping. */
struct row {
	unsigned long addr;
	unsigned long index;
	unsigned long count;
};

/* The row at index i, which is in the mapping. [*start, *start + *size): the table's part. */
static struct row row_at(const struct drm_placed_batch *batch, unsigned long i,
			 const struct vm_area_struct *vma, unsigned long *start,
			 unsigned long *size)
{
	struct row row = { .addr = drm_placed_batch_addr(batch, i), .index = i, .count = 1 };
	unsigned long most;

	*start = max(row.addr & PMD_MASK, vma->vm_start);
	*size = pmd_addr_end(row.addr, vma->vm_end) - *start;
	most = min((*start + *size - row.addr) >> PAGE_SHIFT, batch->count - i);

	if (!batch->addrs)
		row.count = most;
	else
		while (row.count < most && batch->addrs[i + row.count] ==
					   row.addr + (row.count << PAGE_SHIFT))
			row.count++;

	return row;
}

/* Go on behind a row. Returns whether there is another in [start, start + size). */
static bool next_row(const struct drm_placed_batch *batch, struct row *row,
		     const struct vm_area_struct *vma, unsigned long start, unsigned long size)
{
	unsigned long i = row->index + row->count;

	if (i == batch->count || drm_placed_batch_addr(batch, i) - start >= size)
		return false;

	*row = row_at(batch, i, vma, &start, &size);
	return true;
}

/* Is the address that has index i in the mapping? */
static bool is_in(const struct drm_placed_batch *batch, unsigned long i,
		  const struct vm_area_struct *vma)
{
	return i < batch->count &&
	       drm_placed_batch_addr(batch, i) - vma->vm_start < vma->vm_end - vma->vm_start;
}

/* Entries of a row have gone: [first, last) of it. */
static void note_removal(struct removal *removal, unsigned long addr, unsigned long first,
			 unsigned long last)
{
	if (first >= last)
		return;

	removal->start = min(removal->start, addr + (first << PAGE_SHIFT));
	removal->end = max(removal->end, addr + (last << PAGE_SHIFT));
}

/* Nobody wants to know what the processor has noted in them. */
static void clear_row(struct removal *removal, const struct row *row, pte_t *ptes)
{
	unsigned long i, first = row->count, last = 0;

	for (i = 0; i < row->count; i++) {
		if (pte_none(ptep_get(ptes + i)))
			continue;
		pte_clear(removal->vma->vm_mm, row->addr + (i << PAGE_SHIFT), ptes + i);
		first = min(first, i);
		last = i + 1;
	}
	note_removal(removal, row->addr, first, last);
}

static const u64 *pages_of(const struct drm_placed_batch *batch, const struct row *row)
{
	return batch->pages ? batch->pages + row->index : NULL;
}

/* Page frames looked up at a time: on the stack. */
#define FRAMES 64

static void look_up(struct drm_gem_object *obj, const u64 *pages, unsigned int count,
		    unsigned long *pfns)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	unsigned int i;

	if (memory->pfns) {
		memory->pfns(obj, pages, count, pfns);
		return;
	}

	for (i = 0; i < count; i++) {
		unsigned long one = 1;

		pfns[i] = pages[i] == DRM_GEM_MAP_PAGES_NONE ? DRM_PLACED_NO_PFN :
							       memory->pfn(obj, pages[i], &one);
	}
}

static pgprot_t prot_of(struct vm_area_struct *vma, struct drm_gem_object *obj,
			unsigned long pfn)
{
	struct drm_placed_view *view = drm_placed_view_of(vma);

	/* To ask takes as long as twenty entries. */
	if (!view->asked || pgprot_val(view->asked_for) != pgprot_val(vma->vm_page_prot)) {
		view->asked_for = vma->vm_page_prot;
		view->prot = drm_placed_map_prot(vma, obj, pfn);
		view->asked = true;
	}

	return view->prot;
}

/* Make entries for those of count pages that have memory, and remove those of the others. */
static void enter_frames(struct removal *removal, struct drm_gem_object *obj,
			 unsigned long addr, const u64 *pages, unsigned int count, pte_t *ptes)
{
	struct vm_area_struct *vma = removal->vma;
	pte_t zero = __pte(0);
	unsigned long pfns[FRAMES];
	bool removed = false;
	unsigned int i;

	look_up(obj, pages, count, pfns);
	for (i = 0; i < count; i++) {
		unsigned long at = addr + ((unsigned long)i << PAGE_SHIFT);

		removed |= !pte_none(ptep_get(ptes + i));
		if (pfns[i] == DRM_PLACED_NO_PFN) {
			pte_clear(vma->vm_mm, at, ptes + i);
			continue;
		}

		/* They differ in nothing but the page frame. */
		if (pte_none(zero))
			zero = pte_mkspecial(pfn_pte(0, prot_of(vma, obj, pfns[i])));
		set_pte_at(vma->vm_mm, at, ptes + i, pte_advance_pfn(zero, pfns[i]));
		update_mmu_cache(vma, at, ptes + i);
	}

	if (removed)
		note_removal(removal, addr, 0, count);
}

static void enter_row(struct removal *removal, struct drm_gem_object *obj,
		      const struct row *row, const u64 *pages, pte_t *ptes)
{
	unsigned long i, n;

	for (i = 0; i < row->count; i += n) {
		n = min_t(unsigned long, row->count - i, FRAMES);
		enter_frames(removal, obj, row->addr + (i << PAGE_SHIFT), pages + i, n, ptes + i);
	}
}

/* What to do with entries. */
enum step {
	/* Remove those that are there. */
	CLEAR,
	/* Let the slots show what the batch says, and make entries that show it. */
	ENTER,
};

/*
 * Do a step for a row, and for those that follow in [start, start + size), whose entries
 * ptes are; NULL: there are none. Returns the next index.
 */
static unsigned long do_rows(struct removal *removal, struct drm_gem_object *obj,
			     struct drm_placed_slots *slots,
			     const struct drm_placed_batch *batch, struct row row,
			     unsigned long start, unsigned long size, pte_t *ptes,
			     enum step step)
{
	struct vm_area_struct *vma = removal->vma;
	u32 slot = drm_placed_slot_of(vma, start);

	do {
		unsigned long at = (row.addr - start) >> PAGE_SHIFT;

		if (ptes && (step == CLEAR || !batch->pages))
			clear_row(removal, &row, ptes + at);
		else if (ptes)
			enter_row(removal, obj, &row, batch->pages + row.index, ptes + at);

		if (step == ENTER)
			drm_placed_slots_set_row(slots, slot + at, pages_of(batch, &row),
						 row.count);
	} while (next_row(batch, &row, vma, start, size));

	return row.index + row.count;
}

/*
 * Do a step for what the batch says, from index i on, as long as the addresses are in
 * one page table of one mapping. Returns the next index.
 */
static unsigned long do_table(struct removal *removal, struct drm_gem_object *obj,
			      struct drm_placed_slots *slots,
			      const struct drm_placed_batch *batch, unsigned long i,
			      enum step step)
{
	struct vm_area_struct *vma = removal->vma;
	unsigned long start, size;
	struct row row = row_at(batch, i, vma, &start, &size);
	spinlock_t *ptl;
	pte_t *ptes;
	pmd_t *pmd;

	/* Without a table there are no entries, and none come meanwhile. */
	if (step == CLEAR || !batch->pages)
		pmd = drm_placed_walk_pmd(vma->vm_mm, start);
	else
		pmd = drm_placed_map_alloc_table(vma->vm_mm, start);
	if (!pmd)
		return do_rows(removal, obj, slots, batch, row, start, size, NULL, step);

	ptes = pte_offset_map_lock(vma->vm_mm, pmd, start, &ptl);
	if (!ptes)
		return do_rows(removal, obj, slots, batch, row, start, size, NULL, step);

	i = do_rows(removal, obj, slots, batch, row, start, size, ptes, step);
	pte_unmap_unlock(ptes, ptl);
	return i;
}

/* As do_table(), for all that follows in the mapping. */
static unsigned long do_mapping(struct vm_area_struct *vma, struct drm_gem_object *obj,
				const struct drm_placed_batch *batch, unsigned long i,
				enum step step)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	struct removal removal;

	if (batch->addrs)
		removal_begin(&removal, vma, vma->vm_start, vma->vm_end);
	else
		removal_begin(&removal, vma, drm_placed_batch_addr(batch, i),
			      min(vma->vm_end, drm_placed_batch_addr(batch, batch->count)));

	do {
		i = do_table(&removal, obj, slots, batch, i, step);
		cond_resched();
	} while (is_in(batch, i, vma));

	removal_end(&removal);
	return i;
}

static unsigned long replace(struct vm_area_struct *vma, struct drm_gem_object *obj,
			     const struct drm_placed_batch *batch, unsigned long i)
{
	if (batch->pages && !drm_placed_can_replace_entries())
		do_mapping(vma, obj, batch, i, CLEAR);

	return do_mapping(vma, obj, batch, i, ENTER);
}

/* As replace(), for a mapping whose owner wants to be told before entries go. */
static unsigned long replace_tracked(struct vm_area_struct *vma,
				     const struct drm_placed_batch *batch, unsigned long i)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	unsigned long start, size;

	do {
		struct row row = row_at(batch, i, vma, &start, &size);

		zap_page_range_single(vma, row.addr, row.count << PAGE_SHIFT, NULL);
		drm_placed_slots_set_row(slots, drm_placed_slot_of(vma, row.addr),
					 pages_of(batch, &row), row.count);
		i = row.index + row.count;
		cond_resched();
	} while (is_in(batch, i, vma));

	return i;
}

/* Does the owner of the mapping want to see each store? */
static bool is_tracked(const struct vm_area_struct *vma)
{
	return vma->vm_ops->zap;
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
		vma = drm_placed_batch_vma(mm, batch, i);
		i = is_tracked(vma) ? replace_tracked(vma, batch, i) :
				      replace(vma, obj, batch, i);
	}
}
EXPORT_SYMBOL_GPL(drm_placed_scatter);

/* Unless another fault was faster. */
static void enter_one(struct vm_area_struct *vma, unsigned long addr, pte_t *pte, pte_t entry)
{
	if (!pte_none(ptep_get(pte)))
		return;

	set_pte_at(vma->vm_mm, addr, pte, entry);
	update_mmu_cache(vma, addr, pte);
}

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

	enter_one(vma, addr, pte, pte_mkspecial(pfn_pte(pfn, prot_of(vma, obj, pfn))));
	pte_unmap_unlock(pte, ptl);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_scatter_one);

/* Addresses in a row whose entries are to go. */
struct zap {
	struct vm_area_struct *vma;
	unsigned long start, end;
};

static void zap_now(struct zap *zap)
{
	if (zap->start < zap->end)
		zap_page_range_single(zap->vma, zap->start, zap->end - zap->start, NULL);
	zap->start = 0;
	zap->end = 0;
}

static void zap_slot(struct zap *zap, u32 slot)
{
	struct vm_area_struct *vma = zap->vma;
	u32 first = drm_placed_slot_of(vma, vma->vm_start);
	unsigned long addr;

	if (slot < first || slot - first >= vma_pages(vma))
		return;

	addr = vma->vm_start + ((unsigned long)(slot - first) << PAGE_SHIFT);
	if (addr != zap->end) {
		zap_now(zap);
		zap->start = addr;
	}
	zap->end = addr + PAGE_SIZE;
}

/* Remove the entries of a mapping that show pages of a range. */
static void zap_vma(struct vm_area_struct *vma, pgoff_t first, pgoff_t count)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	struct zap zap = { .vma = vma };
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
				zap_slot(&zap, slot);
		}
	} else {
		for (page = first; page < first + count; page++)
			for (slot = drm_placed_slots_first(slots, page);
			     slot != DRM_PLACED_NO_SLOT;
			     slot = drm_placed_slots_next(slots, slot))
				zap_slot(&zap, slot);
	}
	zap_now(&zap);
}

/* For all mappings of all windows on an object, in all address spaces. */
static void visit_windows(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			  void (*visit)(struct vm_area_struct *vma, pgoff_t first, pgoff_t count))
{
	/* Pairs with who added it, before there were any entries. */
	struct drm_placed_windows *windows = smp_load_acquire(&obj->placed_windows);
	struct drm_placed_pages *pages;
	struct address_space *mapping;
	struct vm_area_struct *vma;

	if (!windows)
		return;

	mapping = obj->dev->anon_inode->i_mapping;
	mutex_lock(&windows->lock);
	i_mmap_lock_read(mapping);
	list_for_each_entry(pages, &windows->list, link)
		vma_interval_tree_foreach(vma, &mapping->i_mmap,
					  drm_vma_node_start(&pages->base.vma_node),
					  drm_vma_node_start(&pages->base.vma_node) +
					  drm_vma_node_size(&pages->base.vma_node) - 1)
			if (vma->vm_ops == pages->vm_ops)
				visit(vma, first, count);
	i_mmap_unlock_read(mapping);
	mutex_unlock(&windows->lock);
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
	visit_windows(obj, first, count, zap_vma);
}
EXPORT_SYMBOL_GPL(drm_placed_scatter_zap);

/* Remove all entries of a mapping. Those of the new place may have other caching. */
static void unmap_vma(struct vm_area_struct *vma, pgoff_t first, pgoff_t count)
{
	drm_placed_view_of(vma)->asked = false;
	zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
}

/**
 * drm_placed_unmap_windows - remove what windows show of an object whose memory moves
 * @obj: the object
 *
 * For who moves it: windows have offsets of their own, so that unmap_mapping_range() of
 * the object's does not remove their entries. What they are to show does not change: the
 * next access faults, and waits for &drm_placed_memory.lock.
 *
 * Locking: &drm_placed_memory.lock is held: the object's reservation. Takes
 * &drm_placed_windows.lock, i_mmap_rwsem for reading and page table locks; may sleep.
 */
void drm_placed_unmap_windows(struct drm_gem_object *obj)
{
	visit_windows(obj, 0, 0, unmap_vma);
}
EXPORT_SYMBOL_GPL(drm_placed_unmap_windows);
