/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_MAP_H_
#define _DRM_PLACED_MAP_H_

#include <linux/mm_types.h>
#include <linux/pgtable.h>

struct drm_gem_object;
struct drm_placed_memory;

bool drm_placed_map_can_be_huge(void);
pgprot_t drm_placed_map_prot(struct vm_area_struct *vma, struct drm_gem_object *obj,
			     unsigned long pfn);
pmd_t *drm_placed_map_alloc_table(struct mm_struct *mm, unsigned long addr);
int drm_placed_map(struct vm_area_struct *vma, struct drm_gem_object *obj,
		   const struct drm_placed_memory *memory,
		   unsigned long start, unsigned long end);

#endif
