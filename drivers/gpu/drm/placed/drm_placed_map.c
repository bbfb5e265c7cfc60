// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>

#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include "drm_placed_compat.h"
#include "drm_placed_map.h"
#include "drm_placed_memory.h"

/**
 * DOC: mapping many pages at once
 *
 * vmf_insert_pfn() makes one entry: it finds the page table, takes its lock, and
 * looks the caching of the page frame up, each time. To populate a mapping, make
 * the entries of a page table under one lock, with one look at the caching; and
 * where 2 MiB of the object are in one piece of memory, and the mapping is
 * aligned with them, make one entry of the page middle directory do for all.
 *
 * Entries are made for pages that have memory and have no entry; others are left
 * alone. What keeps a page from being freed before its entry is there is the
 * object's lock, &drm_placed_memory.lock: whoever frees pages takes it, removes
 * all entries, and frees then. Objects whose pages never go need no lock: of two
 * callers at the same place, one may then find the other's huge entry where it
 * was about to fill a page table, and is done. That the mapping stays is due to
 * mmap_lock or the VMA's lock.
 *
 * Mappings that the dirty tracker tracks are none of this file's: their entries
 * are made by drm_placed_walk.c, and start out write-protected.
 *
 * The file is always built in, as drm_placed_walk.c is.
 */

/**
 * drm_placed_map_can_be_huge - can page frames be mapped 2 MiB at a time?
 *
 * Return: whether they can on this kernel.
 */
bool drm_placed_map_can_be_huge(void)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	/* What is kept for the page table that a split needs is the core's business. */
	return !arch_needs_pgtable_deposit();
#else
	return false;
#endif
}
EXPORT_SYMBOL_GPL(drm_placed_map_can_be_huge);

/**
 * drm_placed_map_prot - how the pages of an object are mapped
 * @vma: the mapping
 * @obj: the object
 * @pfn: one of its page frames: the memory of an object is all of one kind
 *
 * Locking: &drm_placed_memory.lock is held, if the object has it.
 *
 * Return: the protection and caching of entries.
 */
pgprot_t drm_placed_map_prot(struct vm_area_struct *vma, struct drm_gem_object *obj,
			     unsigned long pfn)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	pgprot_t prot = vma->vm_page_prot;

	if (memory && memory->prot)
		prot = memory->prot(obj, prot);
	if (!memory || !memory->io)
		drm_placed_track_pfn(vma, &prot, pfn);
	return prot;
}
EXPORT_SYMBOL_GPL(drm_placed_map_prot);

static pmd_t *alloc_pmd(struct mm_struct *mm, unsigned long addr)
{
	p4d_t *p4d = p4d_alloc(mm, pgd_offset(mm, addr), addr);
	pud_t *pud = p4d ? pud_alloc(mm, p4d, addr) : NULL;

	return pud ? pmd_alloc(mm, pud, addr) : NULL;
}

/**
 * drm_placed_map_alloc_table - find the page table for an address, or make one
 * @mm: the address space
 * @addr: the address, which has no huge entry
 *
 * Return: the entry of the page middle directory, or NULL if there is no memory.
 */
pmd_t *drm_placed_map_alloc_table(struct mm_struct *mm, unsigned long addr)
{
	pmd_t *pmd = alloc_pmd(mm, addr);

	return pmd && !pte_alloc(mm, pmd) ? pmd : NULL;
}

/* One entry for 2 MiB. False: pages have to do. */
static bool map_huge(struct vm_area_struct *vma, struct drm_gem_object *obj,
		     unsigned long addr, pmd_t *pmd, unsigned long pfn)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	spinlock_t *ptl;
	bool done;

	/* A page table, perhaps with entries, is filled. */
	if (!pmd_none(pmdp_get_lockless(pmd)))
		return pmd_leaf(pmdp_get_lockless(pmd));

	ptl = pmd_lock(vma->vm_mm, pmd);
	done = pmd_none(*pmd);
	if (done) {
		pmd_t entry = pfn_pmd(pfn, drm_placed_map_prot(vma, obj, pfn));

		set_pmd_at(vma->vm_mm, addr, pmd, pmd_mkspecial(pmd_mkhuge(entry)));
		update_mmu_cache_pmd(vma, addr, pmd);
	}
	spin_unlock(ptl);
	return done;
#else
	return false;
#endif
}

static void map_run(struct vm_area_struct *vma, pte_t *pte, unsigned long addr,
		    unsigned long pfn, unsigned long count, pgprot_t prot)
{
	struct mm_struct *mm = vma->vm_mm;

	for (; count; count--, pte++, pfn++, addr += PAGE_SIZE) {
		if (!pte_none(ptep_get(pte)))
			continue;
		set_pte_at(mm, addr, pte, pte_mkspecial(pfn_pte(pfn, prot)));
		update_mmu_cache(vma, addr, pte);
	}
}

/* [start, end) is in one page table, and shows the object from page on. */
static int map_table(struct vm_area_struct *vma, struct drm_gem_object *obj,
		     const struct drm_placed_memory *memory, pgoff_t page,
		     unsigned long start, unsigned long end, pmd_t *pmd)
{
	unsigned long pfn, count, addr = start;
	pgprot_t prot = {};
	spinlock_t *ptl;
	pte_t *ptes;

	do {
		/* Then all of it is there. */
		if (pmd_leaf(pmdp_get_lockless(pmd)))
			return 0;

		/* Without a lock of the object's, it may come meanwhile, and go again. */
		if (pte_alloc(vma->vm_mm, pmd))
			return -ENOMEM;
		ptes = pte_offset_map_lock(vma->vm_mm, pmd, start, &ptl);
	} while (!ptes);

	arch_enter_lazy_mmu_mode();
	while (addr < end) {
		count = (end - addr) >> PAGE_SHIFT;
		pfn = memory->pfn(obj, page, &count);
		if (pfn != DRM_PLACED_NO_PFN) {
			if (!pgprot_val(prot))
				prot = drm_placed_map_prot(vma, obj, pfn);
			map_run(vma, ptes + ((addr - start) >> PAGE_SHIFT), addr, pfn, count,
				prot);
		}
		addr += count << PAGE_SHIFT;
		page += count;
	}
	arch_leave_lazy_mmu_mode();

	pte_unmap_unlock(ptes, ptl);
	return 0;
}

/**
 * drm_placed_map - make the missing entries of a part of a mapping
 * @vma: the mapping, a PFN mapping of @obj that is not tracked
 * @obj: the object
 * @memory: where its pages are
 * @start: first address, page-aligned
 * @end: end of the addresses
 *
 * Pages without memory are left out. The entries allow what
 * &vm_area_struct.vm_page_prot allows.
 *
 * Locking: @memory's lock is held, and mmap_lock or the VMA's. Takes page table
 * locks; allocates page tables.
 *
 * Return: 0, or -ENOMEM with some entries made.
 */
int drm_placed_map(struct vm_area_struct *vma, struct drm_gem_object *obj,
		   const struct drm_placed_memory *memory,
		   unsigned long start, unsigned long end)
{
	pgoff_t page = linear_page_index(vma, start) - drm_vma_node_start(&obj->vma_node);
	unsigned long addr, next, pfn, count;
	int ret;

	for (addr = start; addr < end; addr = next) {
		pmd_t *pmd = alloc_pmd(vma->vm_mm, addr);

		next = pmd_addr_end(addr, end);
		if (!pmd)
			return -ENOMEM;

		count = (next - addr) >> PAGE_SHIFT;
		pfn = DRM_PLACED_NO_PFN;
		if (count == PTRS_PER_PTE && drm_placed_map_can_be_huge())
			pfn = memory->pfn(obj, page, &count);

		if (pfn == DRM_PLACED_NO_PFN || count < PTRS_PER_PTE ||
		    !IS_ALIGNED(pfn, PTRS_PER_PTE) || !map_huge(vma, obj, addr, pmd, pfn)) {
			ret = map_table(vma, obj, memory, page, addr, next, pmd);
			if (ret)
				return ret;
		}
		page += (next - addr) >> PAGE_SHIFT;
	}

	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_map);
