// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#include "drm_placed_map.h"
#include "drm_placed_store.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: huge entries for the dirty tracker
 *
 * A chunk whose memory is contiguous can be mapped by one entry of the page
 * middle directory: one fault instead of 512 to read it, and one dirty bit for
 * a chunk that is always written whole.
 *
 * Reads map huge where they can. A store takes the entry apart again, since
 * one dirty bit cannot tell which page was written; unless the policy has seen
 * the chunk written whole time and again. A chunk that is mapped page by page
 * when the policy comes to that conclusion is collapsed, in the way that
 * khugepaged does it for files, in a collection: what it was mapped by is
 * replaced by one entry, its page table freed.
 *
 * Whether the new entry may be writable is taken from the old ones, under their
 * lock, and not from the VMA: mprotect() changes that with mmap_lock held, which
 * a collection does not hold.
 *
 * Like drm_placed_walk.c, the file is always built in.
 */

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP

static bool can_be_huge(void)
{
	/* A collapse looks at page tables by their kernel address. */
	return drm_placed_map_can_be_huge() && !IS_ENABLED(CONFIG_HIGHPTE);
}

/**
 * drm_placed_huge_suits - can a chunk be mapped by one entry?
 * @track: the tracker
 * @index: number of the chunk, which has been touched
 *
 * Locking: &drm_placed_track.lock is held, and the memory of a sparse object, by
 * drm_placed_sparse_begin(), or one that moves, by &drm_placed_memory.lock.
 *
 * Return: whether the chunk is whole and its memory contiguous and aligned.
 */
bool drm_placed_huge_suits(struct drm_placed_track *track, unsigned long index)
{
	struct drm_placed_chunk *chunk = xa_load(&track->chunks, index);
	unsigned long pfn, count = DRM_PLACED_CHUNK;
	pgoff_t first = index * DRM_PLACED_CHUNK;
	unsigned int i;

	lockdep_assert_held(&track->lock);

	/* What is there comes and goes. */
	if (track->obj->placed_store)
		return can_be_huge() && drm_placed_chunk_pages(track, index) == DRM_PLACED_CHUNK &&
		       drm_placed_store_is_whole(track->obj->placed_store, index);

	if (drm_placed_track_moves(track)) {
		if (!can_be_huge() || drm_placed_chunk_pages(track, index) < DRM_PLACED_CHUNK)
			return false;

		pfn = track->obj->funcs->placed->pfn(track->obj, first, &count);
		return count == DRM_PLACED_CHUNK && IS_ALIGNED(pfn, DRM_PLACED_CHUNK);
	}

	if (chunk->contiguous != DRM_PLACED_UNKNOWN)
		return chunk->contiguous == DRM_PLACED_YES;

	chunk->contiguous = DRM_PLACED_NO;
	if (!can_be_huge() || drm_placed_chunk_pages(track, index) < DRM_PLACED_CHUNK)
		return false;

	pfn = track->funcs->pfn(track->obj, first);
	if (!IS_ALIGNED(pfn, DRM_PLACED_CHUNK))
		return false;

	for (i = 1; i < DRM_PLACED_CHUNK; i++)
		if (track->funcs->pfn(track->obj, first + i) != pfn + i)
			return false;

	chunk->contiguous = DRM_PLACED_YES;
	return true;
}
EXPORT_SYMBOL_GPL(drm_placed_huge_suits);

static pmd_t make_pmd(struct drm_placed_track *track, struct vm_area_struct *vma,
		      unsigned long pfn)
{
	pgprot_t prot = drm_placed_map_prot(vma, track->obj, pfn);

	return pmd_mkspecial(pmd_mkhuge(pfn_pmd(pfn, prot)));
}

/**
 * drm_placed_huge_map - map a chunk by one entry, or make that writable
 * @track: the tracker
 * @vma: the mapping
 * @index: number of the chunk, which suits
 * @pmd: where the entry belongs
 * @addr: its address, aligned
 * @write: for writing; &drm_placed_chunk.open is full
 *
 * Locking: &drm_placed_track.lock is held, and mmap_lock or the VMA's.
 */
void drm_placed_huge_map(struct drm_placed_track *track, struct vm_area_struct *vma,
			 unsigned long index, pmd_t *pmd, unsigned long addr, bool write)
{
	unsigned long pfn;
	spinlock_t *ptl;
	pmd_t entry;

	lockdep_assert_held(&track->lock);

	ptl = pmd_lock(vma->vm_mm, pmd);
	if (pmd_none(*pmd)) {
		pfn = track->funcs->pfn(track->obj, index * DRM_PLACED_CHUNK);
		entry = pmd_mkyoung(make_pmd(track, vma, pfn));
		if (write)
			entry = pmd_mkwrite(pmd_mkdirty(entry), vma);
		set_pmd_at(vma->vm_mm, addr, pmd, entry);
		update_mmu_cache_pmd(vma, addr, pmd);
	} else if (write && pmd_trans_huge(*pmd)) {
		entry = pmd_mkwrite(pmd_mkdirty(pmd_mkyoung(*pmd)), vma);
		if (pmdp_set_access_flags(vma, addr, pmd, entry, 1))
			update_mmu_cache_pmd(vma, addr, pmd);
	}
	/* Otherwise somebody has put a page table there: the access comes again. */
	spin_unlock(ptl);
}
EXPORT_SYMBOL_GPL(drm_placed_huge_map);

/**
 * drm_placed_huge_split - remove a huge entry, for pages to take its place
 * @track: the tracker
 * @vma: the mapping
 * @index: number of the chunk
 * @pmd: where the entry is, if it is still there
 * @addr: its address, aligned
 *
 * If it was dirty, so is the chunk.
 *
 * Locking: &drm_placed_track.lock is held, and mmap_lock or the VMA's.
 */
void drm_placed_huge_split(struct drm_placed_track *track, struct vm_area_struct *vma,
			   unsigned long index, pmd_t *pmd, unsigned long addr)
{
	struct drm_placed_chunk *chunk = xa_load(&track->chunks, index);
	struct mmu_notifier_range range;
	unsigned int page;
	spinlock_t *ptl;

	lockdep_assert_held(&track->lock);

	mmu_notifier_range_init(&range, MMU_NOTIFY_CLEAR, 0, vma->vm_mm, addr, addr + PMD_SIZE);
	mmu_notifier_invalidate_range_start(&range);
	ptl = pmd_lock(vma->vm_mm, pmd);
	if (pmd_trans_huge(*pmd) && pmd_dirty(pmdp_huge_clear_flush(vma, addr, pmd)))
		for (page = 0; page < DRM_PLACED_CHUNK; page++)
			set_bit(page, chunk->dirty);
	spin_unlock(ptl);
	mmu_notifier_invalidate_range_end(&range);
}
EXPORT_SYMBOL_GPL(drm_placed_huge_split);

/*
 * Are all entries of a page table there and writable, and can one entry stand for them?
 * What they map is what the new one is to map, whatever the driver would say.
 */
static bool all_open(pte_t *ptes)
{
	unsigned long pfn = 0;
	unsigned int i;

	for (i = 0; i < DRM_PLACED_CHUNK; i++) {
		pte_t pte = ptep_get(ptes + i);

		if (!pte_present(pte) || !pte_write(pte))
			return false;

		if (!i)
			pfn = pte_pfn(pte);
		else if (pte_pfn(pte) != pfn + i)
			return false;
	}

	return IS_ALIGNED(pfn, DRM_PLACED_CHUNK);
}

/*
 * Empty a page table that nothing refers to any more, but that somebody may be
 * waiting for the lock of: fork() would copy what it finds there. Returns
 * whether an entry was dirty.
 */
static bool empty_table(struct mm_struct *mm, unsigned long addr, pte_t *ptes)
{
	bool dirty = false;
	unsigned int i;

	for (i = 0; i < DRM_PLACED_CHUNK; i++)
		dirty |= pte_dirty(ptep_get_and_clear(mm, addr + i * PAGE_SIZE, ptes + i));

	return dirty;
}

/* Replace the page table of a chunk in one mapping by one entry. */
static bool collapse(struct drm_placed_track *track, struct vm_area_struct *vma,
		     unsigned long index, pmd_t *pmd, unsigned long addr)
{
	struct mm_struct *mm = vma->vm_mm;
	struct mmu_notifier_range range;
	pmd_t table = __pmd(0), entry;
	spinlock_t *pml, *ptl;
	unsigned long pfn;
	bool done = false;
	pte_t *ptes;

	mmu_notifier_range_init(&range, MMU_NOTIFY_CLEAR, 0, mm, addr, addr + PMD_SIZE);
	mmu_notifier_invalidate_range_start(&range);

	pml = pmd_lock(mm, pmd);
	if (pmd_none(*pmd) || !pmd_present(*pmd) || pmd_leaf(*pmd))
		goto unlock_pmd;

	ptl = pte_lockptr(mm, pmd);
	if (ptl != pml)
		spin_lock_nested(ptl, SINGLE_DEPTH_NESTING);

	ptes = pte_offset_kernel(pmd, addr);
	if (all_open(ptes)) {
		pfn = pte_pfn(ptep_get(ptes));
		/* From here on the CPU does not get at the table any more. */
		table = pmdp_collapse_flush(vma, addr, pmd);
		pmdp_get_lockless_sync();

		entry = pmd_mkyoung(make_pmd(track, vma, pfn));
		entry = pmd_mkwrite(entry, vma);
		/* Stores that came before it, since the collection. */
		if (empty_table(mm, addr, ptes))
			entry = pmd_mkdirty(entry);
		set_pmd_at(mm, addr, pmd, entry);
		update_mmu_cache_pmd(vma, addr, pmd);
		done = true;
	}

	if (ptl != pml)
		spin_unlock(ptl);
unlock_pmd:
	spin_unlock(pml);
	mmu_notifier_invalidate_range_end(&range);

	if (done) {
		mm_dec_nr_ptes(mm);
		pte_free_defer(mm, pmd_pgtable(table));
	}
	return done;
}

/**
 * drm_placed_huge_collapse - map a chunk by one entry wherever that goes
 * @track: the tracker
 * @index: number of the chunk, which suits, with all of its pages open
 *
 * In all mappings that are aligned as the chunk is and have all of it writable.
 *
 * Locking: &drm_placed_track.lock is held. Takes i_mmap_rwsem for reading and
 * page table locks; may sleep.
 *
 * Return: whether there was a mapping to collapse.
 */
bool drm_placed_huge_collapse(struct drm_placed_track *track, unsigned long index)
{
	struct address_space *mapping = track->obj->dev->anon_inode->i_mapping;
	pgoff_t first = drm_placed_start(track) + index * DRM_PLACED_CHUNK;
	struct vm_area_struct *vma;
	bool done = false;

	lockdep_assert_held(&track->lock);

	i_mmap_lock_read(mapping);
	vma_interval_tree_foreach(vma, &mapping->i_mmap, first, first + DRM_PLACED_CHUNK - 1) {
		unsigned long addr = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT);
		pmd_t *pmd;

		if (vma->vm_ops != &track->vm_ops || first < vma->vm_pgoff ||
		    !IS_ALIGNED(addr, PMD_SIZE) || vma->vm_end - addr < PMD_SIZE)
			continue;

		/* Nobody but its own task should do this to a mm that is dying. */
		if (!(vma->vm_flags & VM_PFNMAP) || !atomic_read(&vma->vm_mm->mm_users))
			continue;

		pmd = drm_placed_walk_pmd(vma->vm_mm, addr);
		if (pmd)
			done |= collapse(track, vma, index, pmd, addr);
	}
	i_mmap_unlock_read(mapping);

	return done;
}
EXPORT_SYMBOL_GPL(drm_placed_huge_collapse);

#endif
