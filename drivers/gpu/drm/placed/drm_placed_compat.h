/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the kernel versions that the library is laid over.
 */
#ifndef _DRM_PLACED_COMPAT_H_
#define _DRM_PLACED_COMPAT_H_

#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/pfn_t.h>
#include <linux/pgtable.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>

#include <drm/drm_gem.h>

/* Does mmap(2) search this address space downwards from mmap_base? */
static inline bool drm_placed_mm_is_topdown(struct mm_struct *mm)
{
	return test_bit(MMF_TOPDOWN, &mm->flags);
}

/* Where mmap(2) starts to search, for a system call of this task's kind. */
static inline unsigned long drm_placed_mmap_base(struct mm_struct *mm)
{
#ifdef CONFIG_HAVE_ARCH_COMPAT_MMAP_BASES
	if (in_compat_syscall())
		return mm->mmap_compat_base;
#endif
	return mm->mmap_base;
}

/*
 * What __get_unmapped_area() does for a file that has no get_unmapped_area().
 * Keep in step with it: files that have the hook must be mapped where files
 * without it are.
 */
static inline unsigned long drm_placed_default_area(struct file *filp, unsigned long addr,
						    unsigned long len, unsigned long pgoff,
						    unsigned long flags)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	if (!addr && IS_ALIGNED(len, PMD_SIZE))
		return thp_get_unmapped_area(filp, addr, len, pgoff, flags);
#endif
	return mm_get_unmapped_area(current->mm, filp, addr, len, pgoff, flags);
}

/* The caching that the architecture wants for a page frame. */
static inline void drm_placed_track_pfn(struct vm_area_struct *vma, pgprot_t *prot,
					unsigned long pfn)
{
	track_pfn_insert(vma, prot, __pfn_to_pfn_t(pfn, PFN_DEV));
}

/*
 * May an entry be overwritten by one for another page, and the TLB be flushed later?
 * ARM's break-before-make says no.
 */
static inline bool drm_placed_can_replace_entries(void)
{
	return IS_ENABLED(CONFIG_X86) || IS_ENABLED(CONFIG_RISCV);
}

#endif
