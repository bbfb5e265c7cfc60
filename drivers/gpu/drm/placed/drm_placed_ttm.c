// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include <drm/drm_gem.h>
#include <drm/drm_gem_ttm_helper.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

#include "drm_placed_internal.h"
#include "drm_placed_memory.h"
#include "drm_placed_track.h"

/**
 * DOC: memory that TTM manages
 *
 * TTM moves buffers between kinds of memory: a device's own, of which there is little,
 * and the machine's. Mappings stay. Before a buffer moves, ttm_bo_unmap_virtual() removes
 * all entries; the next access faults, and finds the memory wherever it is by then. All
 * of that happens with the buffer's reservation held, so that the reservation is what
 * keeps the memory in its place, &drm_placed_memory.lock.
 *
 * As for ttm_bo_vm_fault(), a fault that has to wait, for the reservation or for a move
 * that has been queued, drops mmap_lock meanwhile if it may be repeated.
 *
 * A driver's objects take part by drm_placed_ttm_mmap(), drm_placed_vm_ops and
 * drm_placed_ttm_memory in their &drm_gem_object_funcs. Their mappings count as references
 * to the GEM object, as those of other drivers do, and not to the &ttm_buffer_object as
 * drm_gem_ttm_mmap() has it: the library finds the object by
 * &vm_area_struct.vm_private_data, and takes references to it. One keeps the other.
 *
 * The file is a part of ttm.ko.
 */

static struct ttm_buffer_object *bo_of(struct drm_gem_object *obj)
{
	return drm_gem_ttm_of_gem(obj);
}

/* Is it for a fault that may be repeated? Then -EAGAIN says so. */
static bool may_repeat(const struct vm_fault *vmf)
{
	return vmf && fault_flag_allow_retry_first(vmf->flags);
}

static int reserve(struct drm_gem_object *obj, struct vm_fault *vmf)
{
	struct drm_placed_unlocked unlocked;

	if (dma_resv_trylock(obj->resv))
		return 0;

	if (!may_repeat(vmf)) {
		dma_resv_lock(obj->resv, NULL);
		return 0;
	}

	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		drm_placed_unlock_fault(&unlocked, vmf, obj);
		if (!dma_resv_lock_interruptible(obj->resv, NULL))
			dma_resv_unlock(obj->resv);
		drm_placed_unlocked_end(&unlocked);
	}
	return -EAGAIN;
}

/* Wait for moves that have been queued. Gives the reservation back if it fails. */
static int settle(struct drm_gem_object *obj, struct vm_fault *vmf)
{
	struct drm_placed_unlocked unlocked;

	if (dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_KERNEL))
		return 0;

	if (!may_repeat(vmf)) {
		dma_resv_wait_timeout(obj->resv, DMA_RESV_USAGE_KERNEL, false,
				      MAX_SCHEDULE_TIMEOUT);
		return 0;
	}

	dma_resv_unlock(obj->resv);
	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		drm_placed_unlock_fault(&unlocked, vmf, obj);
		dma_resv_wait_timeout(obj->resv, DMA_RESV_USAGE_KERNEL, true,
				      MAX_SCHEDULE_TIMEOUT);
		drm_placed_unlocked_end(&unlocked);
	}
	return -EAGAIN;
}

/* Have page frames to map. TTM brings all of a buffer that has none, or was swapped. */
static int bring(struct ttm_buffer_object *bo)
{
	struct ttm_operation_ctx ctx = { .force_alloc = true };
	int ret;

	if (!bo->resource)
		return -EFAULT;

	/* Those of an import are the exporter's to map. */
	if (bo->ttm && bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL &&
	    !(bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL_MAPPABLE))
		return -EFAULT;

	if (ttm_mem_io_reserve(bo->bdev, bo->resource))
		return -EFAULT;
	if (bo->resource->bus.is_iomem)
		return 0;

	ret = ttm_tt_populate(bo->bdev, bo->ttm, &ctx);
	return !ret || ret == -ENOMEM ? ret : -EFAULT;
}

static int ttm_lock(struct drm_gem_object *obj, struct vm_fault *vmf)
{
	int ret;

	ret = reserve(obj, vmf);
	if (!ret)
		ret = settle(obj, vmf);
	if (ret)
		return ret;

	ret = bring(bo_of(obj));
	if (ret)
		dma_resv_unlock(obj->resv);
	return ret;
}

static void ttm_unlock(struct drm_gem_object *obj)
{
	dma_resv_unlock(obj->resv);
}

/*
 * Are there page frames to ask for? A collection asks without having brought any. Where
 * device memory is has to be asked for each time: TTM forgets it when a mapping of the
 * kernel's goes, whatever mappings of programs there are.
 */
static bool has_frames(struct ttm_buffer_object *bo)
{
	if (!bo->resource || ttm_mem_io_reserve(bo->bdev, bo->resource))
		return false;

	return bo->resource->bus.is_iomem || (bo->ttm && ttm_tt_is_populated(bo->ttm));
}

/* Of one that has_frames(). */
static unsigned long pfn_of(struct ttm_buffer_object *bo, pgoff_t page)
{
	if (!bo->resource->bus.is_iomem)
		return bo->ttm->pages[page] ? page_to_pfn(bo->ttm->pages[page]) :
					      DRM_PLACED_NO_PFN;

	if (bo->bdev->funcs->io_mem_pfn)
		return bo->bdev->funcs->io_mem_pfn(bo, page);
	return PHYS_PFN(bo->resource->bus.offset) + page;
}

static unsigned long ttm_pfn(struct drm_gem_object *obj, pgoff_t page, unsigned long *count)
{
	struct ttm_buffer_object *bo = bo_of(obj);
	unsigned long pfn, i;

	dma_resv_assert_held(obj->resv);

	if (!has_frames(bo))
		return DRM_PLACED_NO_PFN;
	pfn = pfn_of(bo, page);

	/* In one piece. */
	if (bo->resource->bus.is_iomem && !bo->bdev->funcs->io_mem_pfn)
		return pfn;

	for (i = 1; i < *count; i++)
		if (pfn_of(bo, page + i) != (pfn == DRM_PLACED_NO_PFN ? pfn : pfn + i))
			break;
	*count = i;
	return pfn;
}

/* As ttm_bo_vm_fault_reserved(). */
static pgprot_t ttm_prot(struct drm_gem_object *obj, pgprot_t prot)
{
	struct ttm_buffer_object *bo = bo_of(obj);

	prot = ttm_io_prot(bo, bo->resource, prot);
	return bo->resource->bus.is_iomem ? pgprot_decrypted(prot) : prot;
}

/* &drm_gem_object_funcs.placed of objects that are buffers of TTM's. */
const struct drm_placed_memory drm_placed_ttm_memory = {
	.lock = ttm_lock,
	.unlock = ttm_unlock,
	.pfn = ttm_pfn,
	.prot = ttm_prot,
	.reserves = true,
	.moves = true,
};
EXPORT_SYMBOL_GPL(drm_placed_ttm_memory);

/**
 * drm_placed_ttm_pfn - find the memory of a page
 * @obj: the object
 * @page: the page
 *
 * For &drm_placed_funcs.pfn.
 *
 * Locking: the object's reservation is held, by &drm_placed_memory.lock.
 *
 * Return: the page frame, or %DRM_PLACED_NO_PFN.
 */
unsigned long drm_placed_ttm_pfn(struct drm_gem_object *obj, pgoff_t page)
{
	unsigned long count = 1;

	return ttm_pfn(obj, page, &count);
}
EXPORT_SYMBOL_GPL(drm_placed_ttm_pfn);

/**
 * drm_placed_ttm_mmap - &drm_gem_object_funcs.mmap
 * @obj: the object, which is not imported; its vm_ops are &drm_placed_vm_ops
 * @vma: the mapping
 *
 * As drm_gem_ttm_mmap(), but for the reference that the mapping has, see the overview.
 * Tracked if the object is.
 *
 * Locking: mmap_lock is held for writing.
 *
 * Return: 0, or -EINVAL for a private mapping that may be written.
 */
int drm_placed_ttm_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	int ret = ttm_bo_mmap_obj(vma, bo_of(obj));

	if (ret)
		return ret;

	/* It is pointed to by the same address, and kept by the GEM object. */
	BUILD_BUG_ON(offsetof(struct ttm_buffer_object, base));
	ttm_bo_put(bo_of(obj));
	drm_placed_track_mmap(obj, vma);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_ttm_mmap);
