/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the kernel versions that the library is laid over.
 */
#ifndef _DRM_PLACED_COMPAT_H_
#define _DRM_PLACED_COMPAT_H_

#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>

/* Does mmap(2) search this address space downwards from mmap_base? */
static inline bool drm_placed_mm_is_topdown(struct mm_struct *mm)
{
	return test_bit(MMF_TOPDOWN, &mm->flags);
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

#endif
