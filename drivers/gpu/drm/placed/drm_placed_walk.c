// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

#include <asm/cacheflush.h>
#include <asm/tlbflush.h>

#include "drm_placed_map.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: page table walks of the dirty tracker
 *
 * What the tracker does to page tables: make entries writable, take their dirty
 * bits, protect them, remove them. It follows mm/mapping_dirty_helpers.c, and
 * differs from it where that stands in the tracker's way. There, a call walks
 * one range of an object, visits every entry in it, and flushes the TLB; here,
 * one walk takes all chunks of an object that have open pages, wherever they
 * are, looks at the open pages only, and flushes once for each mapping. There,
 * protecting and cleaning are two walks, with room for a store between them;
 * here they are one step under the page table lock.
 *
 * The file is always built in, even if DRM is a module: page tables are not
 * something that modules are let near, and exporting the half dozen functions
 * of mm that it needs would be worse than exporting its own.
 *
 * All walks find the mappings of an object through the reverse map of the
 * device's address space, with i_mmap_rwsem held. A mapping leaves the reverse
 * map before its page tables are freed, and enters it before it has any. fork()
 * links the child's mapping behind the parent's, and copies entries under both
 * page table locks: a walk that comes to the parent first and protects an entry
 * too late finds the copy when it comes to the child. mremap() does likewise.
 */

/* The part of a mapping that a walk has changed and must flush. */
struct drm_placed_flush {
	const struct drm_placed_track *track;
	struct vm_area_struct *vma;
	struct mmu_notifier_range range;
	unsigned long start, end;
};

static void flush_begin(struct drm_placed_flush *flush, const struct drm_placed_track *track,
			struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	flush->track = track;
	flush->vma = vma;
	flush->start = end;
	flush->end = start;

	mmu_notifier_range_init(&flush->range, MMU_NOTIFY_PROTECTION_PAGE, 0, vma->vm_mm,
				start, end);
	mmu_notifier_invalidate_range_start(&flush->range);
	inc_tlb_flush_pending(vma->vm_mm);
}

static void flush_add(struct drm_placed_flush *flush, unsigned long start, unsigned long end)
{
	flush->start = min(flush->start, start);
	flush->end = max(flush->end, end);
}

/*
 * Entries that somebody else has cleaned or protected, and not flushed yet, may
 * still be written through the TLB. So if there is such a one, flush it all.
 */
static void flush_end(struct drm_placed_flush *flush)
{
	struct vm_area_struct *vma = flush->vma;

	if (drm_placed_broken(flush->track->obj->dev, FLUSH))
		;
	else if (mm_tlb_flush_nested(vma->vm_mm))
		flush_tlb_range(vma, flush->range.start, flush->range.end);
	else if (flush->start < flush->end)
		flush_tlb_range(vma, flush->start, flush->end);

	dec_tlb_flush_pending(vma->vm_mm);
	mmu_notifier_invalidate_range_end(&flush->range);
}

/**
 * drm_placed_walk_pmd - find the entry of the page middle directory
 * @mm: the address space
 * @addr: the address
 *
 * Return: the entry, or NULL if there is no directory for the address.
 */
pmd_t *drm_placed_walk_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none_or_clear_bad(pgd))
		return NULL;

	p4d = p4d_offset(pgd, addr);
	if (p4d_none_or_clear_bad(p4d))
		return NULL;

	pud = pud_offset(p4d, addr);
	if (pud_none_or_clear_bad(pud))
		return NULL;

	return pmd_offset(pud, addr);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_pmd);

/* The page of the object that an address of a mapping shows. */
static pgoff_t page_of(const struct drm_placed_track *track, struct vm_area_struct *vma,
		       unsigned long addr)
{
	return linear_page_index(vma, addr) - drm_placed_start(track);
}

/* The address at which a mapping shows a page of the object, if it does. */
static unsigned long address_of(const struct drm_placed_track *track,
				struct vm_area_struct *vma, pgoff_t page)
{
	return vma->vm_start + ((page + drm_placed_start(track) - vma->vm_pgoff) << PAGE_SHIFT);
}

/* Is there nothing to do to an entry? Most entries that a scan looks at are so. */
static __always_inline bool is_quiet(pte_t pte, enum drm_placed_action action)
{
	return !pte_dirty(pte) && (action == DRM_PLACED_KEEP || !pte_write(pte));
}

/* Take the dirty bit of an entry, and do what the action says. Returns the bit. */
static __always_inline bool take_pte(struct drm_placed_flush *flush, pte_t *pte,
				     unsigned long addr, enum drm_placed_action action)
{
	struct vm_area_struct *vma = flush->vma;
	pte_t old, new = ptep_get(pte);

	if (is_quiet(new, action) || !pte_present(new))
		return false;

	old = ptep_modify_prot_start(vma, addr, pte);
	new = pte_mkclean(old);
	if (action == DRM_PLACED_CLOSE || (action == DRM_PLACED_CLOSE_CLEAN && !pte_dirty(old)))
		new = pte_wrprotect(new);
	ptep_modify_prot_commit(vma, addr, pte, old, new);
	flush_add(flush, addr, addr + PAGE_SIZE);

	return pte_dirty(old);
}

/* What to do to entries, unless a test has switched off that they are closed. */
static enum drm_placed_action working(const struct drm_placed_flush *flush,
				      enum drm_placed_action action)
{
	return drm_placed_broken(flush->track->obj->dev, CLOSE) ? DRM_PLACED_KEEP : action;
}

/* Is one of eight dirty? Not ||: so that it is one test. */
#define TOGETHER	8

static __always_inline bool any_dirty(pte_t *ptes)
{
	return pte_dirty(ptep_get(ptes)) | pte_dirty(ptep_get(ptes + 1)) |
	       pte_dirty(ptep_get(ptes + 2)) | pte_dirty(ptep_get(ptes + 3)) |
	       pte_dirty(ptep_get(ptes + 4)) | pte_dirty(ptep_get(ptes + 5)) |
	       pte_dirty(ptep_get(ptes + 6)) | pte_dirty(ptep_get(ptes + 7));
}

/*
 * Which of the entries whose bits are set, from ptes on, are dirty? Most are not, and
 * what a look at those costs decides what it costs to leave pages open.
 */
static unsigned long dirty_among(pte_t *ptes, unsigned long open)
{
	unsigned long dirty = 0;
	unsigned int i;

	if (open == ~0ul) {
		open = 0;
		for (i = 0; i < BITS_PER_LONG; i += TOGETHER)
			if (any_dirty(ptes + i))
				open |= GENMASK(TOGETHER - 1, 0) << i;
	}

	for (; open; open &= open - 1)
		if (pte_dirty(ptep_get(ptes + __ffs(open))))
			dirty |= open & -open;
	return dirty;
}

/*
 * Take the dirty bits of the open ones among the entries of [first, last) of a
 * chunk, and do what the action says. ptes is the entry of page first, at addr.
 * Returns whether an entry was found dirty, in found.
 */
static void take_ptes(struct drm_placed_flush *flush, struct drm_placed_chunk *chunk,
		      unsigned int first, unsigned int last, pte_t *ptes, unsigned long addr,
		      enum drm_placed_action action, unsigned long *found)
{
	unsigned int word;

	action = working(flush, action);
	for (word = BIT_WORD(first); word <= BIT_WORD(last - 1); word++) {
		unsigned long open = READ_ONCE(chunk->open[word]);
		unsigned int base = word * BITS_PER_LONG;

		if (!open)
			continue;
		if (base < first)
			open &= BITMAP_FIRST_WORD_MASK(first);
		if (base + BITS_PER_LONG > last)
			open &= BITMAP_LAST_WORD_MASK(last);

		/* The first entry of the word may be in front of ptes, its bit is clear then. */
		if (action == DRM_PLACED_KEEP && open)
			open = dirty_among(ptes + (int)(base - first), open);

		for (; open; open &= open - 1) {
			unsigned int page = base + __ffs(open);

			if (take_pte(flush, ptes + (page - first),
				     addr + ((unsigned long)(page - first) << PAGE_SHIFT), action))
				__set_bit(page, found);
		}
	}
}

/*
 * As take_ptes(), for a chunk that is mapped by one entry. Of all of it, even if
 * the walk is in a part: there is one bit, and it is taken.
 */
static void take_pmd(struct drm_placed_flush *flush, pmd_t *pmd, unsigned long addr,
		     enum drm_placed_action action, unsigned long *found)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	struct vm_area_struct *vma = flush->vma;
	unsigned long start = addr & PMD_MASK;
	pmd_t old = *pmd;

	if (!pmd_dirty(old) && (action == DRM_PLACED_KEEP || !pmd_write(old)))
		return;

	/* Clears and flushes: nothing can be written until it is set again. */
	old = pmdp_invalidate(vma, start, pmd);
	if (pmd_dirty(old))
		bitmap_fill(found, DRM_PLACED_CHUNK);

	old = pmd_mkclean(old);
	if (action != DRM_PLACED_KEEP)
		old = pmd_wrprotect(old);
	set_pmd_at(vma->vm_mm, start, pmd, old);
	flush_add(flush, start, start + PMD_SIZE);
#endif
}

static bool is_huge(pmd_t pmd)
{
	return pmd_trans_huge(pmd) || pmd_devmap(pmd);
}

/*
 * Take the dirty bits of a chunk in [start, end) of a mapping. With harvest,
 * what is found goes to chunk->dirty under the page table lock, for those who
 * do not hold the tracker's lock; without, to chunk->found.
 */
static void take_chunk(struct drm_placed_track *track, struct drm_placed_flush *flush,
		       struct drm_placed_chunk *chunk, unsigned long start, unsigned long end,
		       enum drm_placed_action action, bool harvest)
{
	struct vm_area_struct *vma = flush->vma;
	DECLARE_BITMAP(harvested, DRM_PLACED_CHUNK);
	unsigned long *found = harvest ? harvested : chunk->found;
	pgoff_t base = chunk->index * DRM_PLACED_CHUNK;
	unsigned long next;

	/* A mapping need not be aligned as its object is: two tables, at most. */
	for (; start < end; start = next) {
		pmd_t *pmd = drm_placed_walk_pmd(vma->vm_mm, start);
		unsigned int first, last, bit;
		spinlock_t *ptl;
		pte_t *ptes;

		next = pmd_addr_end(start, end);
		if (!pmd)
			continue;

		first = page_of(track, vma, start) - base;
		last = first + ((next - start) >> PAGE_SHIFT);
		if (harvest)
			bitmap_zero(harvested, DRM_PLACED_CHUNK);
again:
		ptl = pmd_trans_huge_lock(pmd, vma);
		if (ptl) {
			take_pmd(flush, pmd, start, action, found);
			if (harvest)
				for_each_set_bit(bit, harvested, DRM_PLACED_CHUNK)
					set_bit(bit, chunk->dirty);
			spin_unlock(ptl);
			continue;
		}

		ptes = pte_offset_map_lock(vma->vm_mm, pmd, start, &ptl);
		if (!ptes) {
			/* Somebody put a huge entry there since we looked, or nothing. */
			if (is_huge(pmdp_get_lockless(pmd)))
				goto again;
			continue;
		}

		take_ptes(flush, chunk, first, last, ptes, start, action, found);
		/* Who finds the bit below must not meet a store that comes after it. */
		if (harvest && !bitmap_empty(harvested, DRM_PLACED_CHUNK)) {
			flush_tlb_range(vma, start, next);
			for_each_set_bit(bit, harvested, DRM_PLACED_CHUNK)
				set_bit(bit, chunk->dirty);
		}
		pte_unmap_unlock(ptes, ptl);
	}
}

/* Is this mapping tracked, and could it have been written? */
static bool is_tracked(const struct drm_placed_track *track, struct vm_area_struct *vma)
{
	return vma->vm_ops == &track->vm_ops && vma->vm_flags & VM_MAYWRITE;
}

/* The first active chunk that has one of pages [first, last], or NULL. */
static struct drm_placed_chunk *first_chunk(struct drm_placed_track *track, pgoff_t first,
					    pgoff_t last)
{
	unsigned long index = first / DRM_PLACED_CHUNK;

	return xa_find(&track->chunks, &index, last / DRM_PLACED_CHUNK, DRM_PLACED_ACTIVE);
}

/* The active chunk that follows, if it has one of the pages up to last, or NULL. */
static struct drm_placed_chunk *next_chunk(struct drm_placed_track *track,
					   struct drm_placed_chunk *chunk, pgoff_t last,
					   bool harvest)
{
	unsigned long index = chunk->index;

	/* Without the tracker's lock, links are somebody else's. */
	if (harvest)
		return xa_find_after(&track->chunks, &index, last / DRM_PLACED_CHUNK,
				     DRM_PLACED_ACTIVE);

	chunk = chunk->next;
	return chunk && chunk->index <= last / DRM_PLACED_CHUNK ? chunk : NULL;
}

/* All active chunks, or one, in [start, end) of one mapping. */
static void take_vma(struct drm_placed_track *track, struct vm_area_struct *vma,
		     unsigned long start, unsigned long end, bool harvest)
{
	pgoff_t first = page_of(track, vma, start);
	pgoff_t last = page_of(track, vma, end - 1);
	struct drm_placed_flush flush;
	struct drm_placed_chunk *chunk;

	flush_begin(&flush, track, vma, start, end);

	for (chunk = first_chunk(track, first, last); chunk;
	     chunk = next_chunk(track, chunk, last, harvest)) {
		pgoff_t base = chunk->index * DRM_PLACED_CHUNK;
		pgoff_t from = max_t(pgoff_t, first, base);
		pgoff_t to = min_t(pgoff_t, last, base + DRM_PLACED_CHUNK - 1);

		take_chunk(track, &flush, chunk, address_of(track, vma, from),
			   address_of(track, vma, to) + PAGE_SIZE,
			   harvest ? DRM_PLACED_CLOSE : chunk->action, harvest);
	}

	flush_end(&flush);
}

/* Clip [first, last] of the object to a mapping: false if nothing is left. */
static bool clip(const struct drm_placed_track *track, struct vm_area_struct *vma,
		 pgoff_t first, pgoff_t last, unsigned long *start, unsigned long *end)
{
	pgoff_t lowest = page_of(track, vma, vma->vm_start);

	first = max(first, lowest);
	last = min(last, lowest + vma_pages(vma) - 1);
	if (first > last)
		return false;

	*start = address_of(track, vma, first);
	*end = address_of(track, vma, last) + PAGE_SIZE;
	return true;
}

static struct address_space *mapping_of(const struct drm_placed_track *track)
{
	return track->obj->dev->anon_inode->i_mapping;
}

/*
 * Page windows: their addresses have nothing to do with the places of their pages, so
 * that each open page is looked for by itself.
 */

typedef void (*window_fn)(struct drm_placed_track *track, struct vm_area_struct *vma,
			  pgoff_t first, pgoff_t last);

/* For all mappings of all windows on the object that are tracked. */
static void visit_windows(struct drm_placed_track *track, struct drm_placed_windows *windows,
			  pgoff_t first, pgoff_t last, window_fn visit)
{
	struct address_space *mapping = mapping_of(track);
	struct drm_placed_pages *pages;
	struct vm_area_struct *vma;

	lockdep_assert_held(&windows->lock);

	list_for_each_entry(pages, &windows->list, link) {
		pgoff_t start = drm_vma_node_start(&pages->base.vma_node);

		vma_interval_tree_foreach(vma, &mapping->i_mmap, start,
					  start + drm_vma_node_size(&pages->base.vma_node) - 1)
			if (vma->vm_ops == pages->vm_ops && vma->vm_ops->zap)
				visit(track, vma, first, last);
	}
}

/* A slot shows an open page of a chunk. */
static void take_slot(struct drm_placed_flush *flush, struct drm_placed_chunk *chunk,
		      unsigned int page, u32 slot)
{
	struct vm_area_struct *vma = flush->vma;
	u32 first = drm_placed_slot_of(vma, vma->vm_start);
	unsigned long addr;
	spinlock_t *ptl;
	pte_t *pte;
	pmd_t *pmd;

	if (slot < first || slot - first >= vma_pages(vma))
		return;

	addr = vma->vm_start + ((unsigned long)(slot - first) << PAGE_SHIFT);
	pmd = drm_placed_walk_pmd(vma->vm_mm, addr);
	pte = pmd ? pte_offset_map_lock(vma->vm_mm, pmd, addr, &ptl) : NULL;
	if (!pte)
		return;

	if (take_pte(flush, pte, addr, working(flush, chunk->action)))
		__set_bit(page, chunk->found);
	pte_unmap_unlock(pte, ptl);
}

/* Pages [first, last], in one mapping of a window. */
static void take_window(struct drm_placed_track *track, struct vm_area_struct *vma,
			pgoff_t first, pgoff_t last)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(drm_placed_view_of(vma));
	struct drm_placed_flush flush;
	struct drm_placed_chunk *chunk;
	unsigned int page;
	u32 slot;

	if (!(vma->vm_flags & VM_MAYWRITE))
		return;

	flush_begin(&flush, track, vma, vma->vm_start, vma->vm_end);
	for (chunk = first_chunk(track, first, last); chunk;
	     chunk = next_chunk(track, chunk, last, false))
		for_each_set_bit(page, chunk->open, DRM_PLACED_CHUNK)
			for (slot = drm_placed_slots_first(slots,
							   chunk->index * DRM_PLACED_CHUNK + page);
			     slot != DRM_PLACED_NO_SLOT;
			     slot = drm_placed_slots_next(slots, slot))
				take_slot(&flush, chunk, page, slot);
	flush_end(&flush);
}

/* The page that each dirty entry of [start, end), in one page table, shows is dirty. */
static void harvest_table(struct drm_placed_track *track, struct drm_placed_flush *flush,
			  unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = flush->vma;
	pmd_t *pmd = drm_placed_walk_pmd(vma->vm_mm, start);
	unsigned int count = (end - start) >> PAGE_SHIFT, i;
	enum drm_placed_action action = working(flush, DRM_PLACED_CLOSE);
	DECLARE_BITMAP(found, PTRS_PER_PTE) = {};
	const struct drm_placed_slots *slots;
	struct drm_placed_chunk *chunk;
	spinlock_t *ptl;
	pte_t *ptes;
	u32 page;

	ptes = pmd ? pte_offset_map_lock(vma->vm_mm, pmd, start, &ptl) : NULL;
	if (!ptes)
		return;

	for (i = 0; i < count; i++)
		if (take_pte(flush, ptes + i, start + ((unsigned long)i << PAGE_SHIFT), action))
			__set_bit(i, found);

	/* As take_chunk(): who finds the bit must not meet a store that comes after it. */
	if (!bitmap_empty(found, PTRS_PER_PTE))
		flush_tlb_range(vma, start, end);

	rcu_read_lock();
	slots = rcu_dereference(drm_placed_view_of(vma)->slots);
	for_each_set_bit(i, found, PTRS_PER_PTE) {
		page = drm_placed_slots_page(slots, drm_placed_slot_of(vma, start) + i);
		chunk = xa_load(&track->chunks, page / DRM_PLACED_CHUNK);
		if (!WARN_ON_ONCE(!chunk))
			set_bit(page % DRM_PLACED_CHUNK, chunk->dirty);
	}
	rcu_read_unlock();
	pte_unmap_unlock(ptes, ptl);
}

/**
 * drm_placed_walk_zap_pages - entries of a page window are about to go away
 * @track: the tracker
 * @vma: a mapping of the window, which is tracked
 * @start: first address
 * @end: end of the addresses
 *
 * As drm_placed_walk_zap(). An entry shows what its slot says as long as it is there,
 * see &drm_placed_view.slots, so that the page is the right one.
 *
 * Locking: as drm_placed_walk_zap().
 */
void drm_placed_walk_zap_pages(struct drm_placed_track *track, struct vm_area_struct *vma,
			       unsigned long start, unsigned long end)
{
	struct drm_placed_flush flush;
	unsigned long next;

	if (drm_placed_broken(track->obj->dev, ZAP) || !(vma->vm_flags & VM_MAYWRITE) ||
	    !xa_marked(&track->chunks, DRM_PLACED_ACTIVE))
		return;

	flush_begin(&flush, track, vma, start, end);
	for (; start < end; start = next) {
		next = pmd_addr_end(start, end);
		harvest_table(track, &flush, start, next);
	}
	flush_end(&flush);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_zap_pages);

/* All that a mapping of a window shows, if it can be read. */
static void forget_window(struct drm_placed_track *track, struct vm_area_struct *vma,
			  pgoff_t first, pgoff_t last)
{
	if (vma->vm_flags & VM_MAYREAD)
		zap_page_range_single(vma, vma->vm_start, vma->vm_end - vma->vm_start, NULL);
}

/* To be taken before i_mmap_rwsem. Returns NULL if there are no windows. */
static struct drm_placed_windows *lock_windows(struct drm_placed_track *track)
{
	/* Pairs with who added it, before there were any entries. */
	struct drm_placed_windows *windows = smp_load_acquire(&track->obj->placed_windows);

	if (windows)
		mutex_lock(&windows->lock);
	return windows;
}

static void unlock_windows(struct drm_placed_windows *windows)
{
	if (windows)
		mutex_unlock(&windows->lock);
}

/* Take pages [first, last] in all mappings, as the chunks' actions say. */
static void take_mappings(struct drm_placed_track *track, pgoff_t first, pgoff_t last)
{
	struct address_space *mapping = mapping_of(track);
	struct drm_placed_windows *windows;
	struct vm_area_struct *vma;
	unsigned long start, end;

	lockdep_assert_held(&track->lock);

	windows = lock_windows(track);
	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, first + drm_placed_start(track),
				  last + drm_placed_start(track)) {
		/* Those that follow may be writable: go on, do not stop. */
		if (!is_tracked(track, vma)) {
			if (drm_placed_broken(track->obj->dev, READONLY))
				break;
			continue;
		}

		if (clip(track, vma, first, last, &start, &end))
			take_vma(track, vma, start, end, false);
	}
	if (windows)
		visit_windows(track, windows, first, last, take_window);
	i_mmap_unlock_read(mapping);
	unlock_windows(windows);
}

/**
 * drm_placed_walk_collect - take the dirty bits of all active chunks
 * @track: the tracker
 *
 * Does to the open pages of each active chunk what &drm_placed_chunk.action
 * says, in all mappings, and notes in &drm_placed_chunk.found those that were
 * dirty. All stores that happened before the call are found, here or in
 * &drm_placed_chunk.dirty, which the caller reads afterwards. Stores that
 * happen after the call to pages that are still open make them dirty again.
 *
 * Locking: &drm_placed_track.lock is held, since the active chunks were linked by
 * &drm_placed_chunk.next. Takes i_mmap_rwsem for reading and page table locks; may
 * sleep.
 */
void drm_placed_walk_collect(struct drm_placed_track *track)
{
	take_mappings(track, 0, track->pages - 1);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_collect);

/**
 * drm_placed_walk_close - protect all pages of a chunk
 * @track: the tracker
 * @chunk: the chunk, which is active
 *
 * As drm_placed_walk_collect() for one chunk, with %DRM_PLACED_CLOSE.
 */
void drm_placed_walk_close(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	pgoff_t first = chunk->index * DRM_PLACED_CHUNK;

	chunk->action = DRM_PLACED_CLOSE;
	chunk->next = NULL;
	take_mappings(track, first, first + drm_placed_chunk_pages(track, chunk->index) - 1);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_close);

/**
 * drm_placed_walk_zap - entries of a mapping are about to go away
 * @track: the tracker
 * @vma: the mapping
 * @start: first address
 * @end: end of the addresses
 *
 * mm throws the dirty bits of PFN mappings away with the entries. So take them
 * before, into &drm_placed_chunk.dirty, and protect the entries, so that no
 * store comes between here and there. Faults must be kept off the range by the
 * caller: munmap() has taken the VMA out of the tree, exit has no other users left,
 * and drm_placed_walk_forget() holds the tracker's lock.
 *
 * Locking: called with i_mmap_rwsem, mmap_lock or neither; does not take
 * &drm_placed_track.lock. Takes page table locks; may sleep.
 */
void drm_placed_walk_zap(struct drm_placed_track *track, struct vm_area_struct *vma,
			 unsigned long start, unsigned long end)
{
	if (drm_placed_broken(track->obj->dev, ZAP))
		return;

	if (is_tracked(track, vma) && xa_marked(&track->chunks, DRM_PLACED_ACTIVE))
		take_vma(track, vma, start, end, true);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_zap);

/**
 * drm_placed_walk_forget - remove what readable mappings show
 * @track: the tracker
 *
 * Removes all entries that tracked mappings with %VM_MAYREAD have, so that the
 * next access faults. Dirty bits are taken as by drm_placed_walk_zap(). Costs
 * as much as there are chunks mapped.
 *
 * Locking: &drm_placed_track.lock is held. Takes i_mmap_rwsem for reading and
 * page table locks; may sleep.
 */
void drm_placed_walk_forget(struct drm_placed_track *track)
{
	struct address_space *mapping = mapping_of(track);
	struct drm_placed_windows *windows;
	struct drm_placed_chunk *chunk;
	struct vm_area_struct *vma;
	unsigned long index, start, end;

	lockdep_assert_held(&track->lock);

	if (!xa_marked(&track->chunks, DRM_PLACED_MAPPED))
		return;

	windows = lock_windows(track);
	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, drm_placed_start(track),
				  drm_placed_start(track) + track->pages - 1) {
		if (vma->vm_ops != &track->vm_ops || !(vma->vm_flags & VM_MAYREAD))
			continue;

		xa_for_each_marked(&track->chunks, index, chunk, DRM_PLACED_MAPPED) {
			pgoff_t first = index * DRM_PLACED_CHUNK;
			pgoff_t last = first + DRM_PLACED_CHUNK - 1;

			/* Chunks in a row cost one call, and one flush. */
			while (xa_get_mark(&track->chunks, index + 1, DRM_PLACED_MAPPED)) {
				last += DRM_PLACED_CHUNK;
				index++;
			}

			if (clip(track, vma, first, last, &start, &end))
				zap_page_range_single(vma, start, end - start, NULL);
		}
	}
	if (windows)
		visit_windows(track, windows, 0, track->pages - 1, forget_window);
	i_mmap_unlock_read(mapping);
	unlock_windows(windows);

	xa_for_each_marked(&track->chunks, index, chunk, DRM_PLACED_MAPPED)
		xa_clear_mark(&track->chunks, index, DRM_PLACED_MAPPED);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_forget);

/**
 * drm_placed_walk_remove - remove entries of a mapping
 * @track: the tracker
 * @vma: the mapping, which is tracked
 * @start: first address
 * @end: end of the addresses
 *
 * Dirty bits are taken as by drm_placed_walk_zap(), which mm calls.
 *
 * Locking: &drm_placed_track.lock and mmap_lock are held. Takes page table locks;
 * may sleep.
 */
void drm_placed_walk_remove(struct drm_placed_track *track, struct vm_area_struct *vma,
			    unsigned long start, unsigned long end)
{
	lockdep_assert_held(&track->lock);

	zap_page_range_single(vma, start, end - start, NULL);
}
EXPORT_SYMBOL_GPL(drm_placed_walk_remove);

/*
 * Make an entry writable or, where there is none, make one. The page that
 * faulted is as good as written.
 */
static void open_pte(struct drm_placed_track *track, struct vm_area_struct *vma,
		     pgoff_t page, unsigned long at, pte_t *pte, pgprot_t *prot,
		     bool write, bool fault)
{
	pte_t old = ptep_get(pte), new;
	unsigned long pfn;

	if (pte_none(old)) {
		/* Struct pages are counted: that is for their driver to do. */
		if (!(vma->vm_flags & VM_PFNMAP))
			return;

		pfn = track->funcs->pfn(track->obj, page);
		if (pfn == DRM_PLACED_NO_PFN)
			return;

		/* Once, and only if needed: it takes as long as twenty entries. */
		if (!pgprot_val(*prot))
			*prot = drm_placed_map_prot(vma, track->obj, pfn);
		new = pte_mkspecial(pfn_pte(pfn, *prot));
		/* The neighbours stay clean: who stores to them sets the dirty bit. */
		if (write)
			new = pte_mkwrite(new, vma);
		if (fault)
			new = write ? pte_mkdirty(pte_mkyoung(new)) : pte_mkyoung(new);
		set_pte_at(vma->vm_mm, at, pte, new);
		update_mmu_cache(vma, at, pte);
		return;
	}

	/* Neighbours were done by open_present_pte(), if they are there. */
	if (!write || !fault || !pte_present(old))
		return;

	new = pte_mkdirty(pte_mkwrite(pte_mkyoung(old), vma));
	if (ptep_set_access_flags(vma, at, pte, new, 1))
		update_mmu_cache(vma, at, pte);
}

/*
 * As open_pte(), for an entry that is there and is not what faulted: most are so when
 * a chunk is opened whole. Returns false if there is none.
 */
static __always_inline bool open_present_pte(struct vm_area_struct *vma, unsigned long at,
					     pte_t *pte, bool write)
{
	pte_t old = ptep_get(pte);

	if (!pte_present(old))
		return false;

	/* Read-only so far: there is nothing that the CPU could set but young. */
	if (write && !pte_write(old))
		set_pte_at(vma->vm_mm, at, pte, pte_mkwrite(pte_mkyoung(old), vma));
	return true;
}

/**
 * drm_placed_walk_map - map pages of a chunk, or make them writable
 * @track: the tracker
 * @vma: the mapping
 * @index: number of the chunk
 * @window: pages in the chunk; those that the mapping does not show in the same
 *	page table as @addr are left out
 * @addr: the address that faulted, or another that shows a page of the window
 * @write: for writing
 * @fault: a fault at @addr is what it is for: its page is as good as accessed
 *
 * With @write, the entries become writable with the page table lock held, and
 * the pages are noted in &drm_placed_chunk.open before: there is no moment in
 * which a store could happen that a collection would not find. Core mm's own
 * way, to make the entry writable after the fault handler has returned, leaves
 * such a moment.
 *
 * Locking: &drm_placed_track.lock is held, and mmap_lock or the VMA's. Takes
 * page table locks; allocates.
 *
 * Return: %VM_FAULT_NOPAGE, or %VM_FAULT_OOM.
 */
vm_fault_t drm_placed_walk_map(struct drm_placed_track *track, struct vm_area_struct *vma,
			       unsigned long index, const struct drm_placed_window *window,
			       unsigned long addr, bool write, bool fault)
{
	struct drm_placed_chunk *chunk = xa_load(&track->chunks, index);
	pgoff_t first = index * DRM_PLACED_CHUNK + window->first;
	unsigned long start, end, at;
	spinlock_t *ptl;
	pgprot_t prot = {};
	pte_t *ptes, *pte;
	pgoff_t page;
	pmd_t *pmd;

	lockdep_assert_held(&track->lock);

	if (!clip(track, vma, first, first + window->count - 1, &start, &end))
		return VM_FAULT_SIGBUS;

	start = max(start, addr & PMD_MASK);
	end = min(end - 1, addr | ~PMD_MASK) + 1;

	/* The access comes again, to the huge fault. None comes or goes meanwhile. */
	pmd = drm_placed_walk_pmd(vma->vm_mm, start);
	if (pmd && is_huge(pmdp_get_lockless(pmd)))
		return VM_FAULT_NOPAGE;

	page = page_of(track, vma, start);
	if (write)
		bitmap_set(chunk->open, page - index * DRM_PLACED_CHUNK,
			   (end - start) >> PAGE_SHIFT);

	ptes = get_locked_pte(vma->vm_mm, start, &ptl);
	if (!ptes)
		return VM_FAULT_OOM;

	for (at = start, pte = ptes; at < end; at += PAGE_SIZE, page++, pte++) {
		bool hit = fault && at == (addr & PAGE_MASK);

		if (hit || !open_present_pte(vma, at, pte, write))
			open_pte(track, vma, page, at, pte, &prot, write, hit);
	}

	pte_unmap_unlock(ptes, ptl);
	return VM_FAULT_NOPAGE;
}
EXPORT_SYMBOL_GPL(drm_placed_walk_map);

/**
 * drm_placed_walk_map_page - map a page at an address of a page window
 * @track: the tracker
 * @vma: a mapping of the window, which is tracked
 * @addr: the address, which faulted
 * @page: the page, which the slot of the address says
 * @write: for writing
 *
 * As drm_placed_walk_map(). Its neighbours here are none in the object, and are left
 * alone.
 *
 * Locking: &drm_placed_track.lock is held, and mmap_lock or the VMA's. Takes page
 * table locks; allocates.
 *
 * Return: %VM_FAULT_NOPAGE, or %VM_FAULT_OOM.
 */
vm_fault_t drm_placed_walk_map_page(struct drm_placed_track *track, struct vm_area_struct *vma,
				    unsigned long addr, pgoff_t page, bool write)
{
	struct drm_placed_chunk *chunk = xa_load(&track->chunks, page / DRM_PLACED_CHUNK);
	pgprot_t prot = {};
	spinlock_t *ptl;
	pte_t *pte;

	lockdep_assert_held(&track->lock);

	if (write)
		__set_bit(page % DRM_PLACED_CHUNK, chunk->open);

	pte = get_locked_pte(vma->vm_mm, addr, &ptl);
	if (!pte)
		return VM_FAULT_OOM;

	open_pte(track, vma, page, addr, pte, &prot, write, true);
	pte_unmap_unlock(pte, ptl);
	return VM_FAULT_NOPAGE;
}
EXPORT_SYMBOL_GPL(drm_placed_walk_map_page);
