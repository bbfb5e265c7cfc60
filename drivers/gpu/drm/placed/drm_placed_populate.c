// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_internal.h"
#include "drm_placed_map.h"
#include "drm_placed_memory.h"
#include "drm_placed_sparse.h"

/**
 * DOC: populating and discarding mappings
 *
 * Mappings of a device's memory are left alone, or refused, by MADV_POPULATE_READ
 * and _WRITE, MAP_POPULATE, mlock(), MADV_DONTNEED and MADV_REMOVE. The operations
 * in this file make these calls mean for a GEM object's mappings what madvise(2)
 * says of ordinary memory:
 *
 * - Populating brings all of a range: it allocates what an object has no memory
 *   for yet, if it is one that can be without, and makes all entries of a page
 *   table in one go. What was populated before an error stays, and the call can
 *   be repeated.
 * - MADV_DONTNEED removes the entries. The memory stays, with what is in it, and
 *   other mappings of it do not notice.
 * - MADV_REMOVE frees the memory, too, and all mappings of it read zeros from
 *   then on. That is for sparse objects, see drm_placed_sparse.c; of others,
 *   someone relies on all of the memory being there.
 *
 * An object takes part by &drm_gem_object_funcs.placed, which says where its
 * memory is, and by vm_operations with drm_placed_populate() and
 * drm_placed_discard() in them: drm_placed_vm_ops, or those of a helper library.
 *
 * The dirty tracker has its own operations for the mappings that it tracks.
 */

static pgoff_t start_of(struct drm_gem_object *obj)
{
	return drm_vma_node_start(&obj->vma_node);
}

/**
 * drm_placed_lock_memory - keep the memory of an object where it is
 * @obj: the object, with &drm_gem_object_funcs.placed
 * @vmf: the fault that it is for, or NULL
 * @idx: out: for drm_placed_unlock_memory()
 *
 * So does the device stay, if the memory is its own: unplugging removes all entries
 * after those who are in here have left.
 *
 * Locking: takes &drm_placed_memory.lock, and keeps it.
 *
 * Return: what &drm_placed_memory.lock returns, or -EFAULT if the device is gone.
 */
int drm_placed_lock_memory(struct drm_gem_object *obj, struct vm_fault *vmf, int *idx)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	int ret;

	if (memory->io && !drm_dev_enter(obj->dev, idx))
		return -EFAULT;

	ret = memory->lock ? memory->lock(obj, vmf) : 0;
	if (ret && memory->io)
		drm_dev_exit(*idx);
	return ret;
}

/**
 * drm_placed_unlock_memory - the end of drm_placed_lock_memory()
 * @obj: the object
 * @idx: what it said
 */
void drm_placed_unlock_memory(struct drm_gem_object *obj, int idx)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;

	if (memory->unlock)
		memory->unlock(obj);
	if (memory->io)
		drm_dev_exit(idx);
}

static int get_memory(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;

	return memory->get ? memory->get(obj, first, count) : 0;
}

/*
 * What is missing of a chunk that is being populated, and, if it is cheaper to get
 * memory in one go, of what is populated after it. Less of that may come than was
 * asked for: the chunk that it is missing from asks again.
 */
static int get_ahead(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, pgoff_t ahead)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;

	if (memory->get_all)
		memory->get_all(obj, first, ahead);

	return get_memory(obj, first, count);
}

/**
 * drm_placed_get_touched - get what a page that is touched needs
 * @obj: the object
 * @page: the page
 *
 * That is the page, or if nothing of its chunk has memory, all of it, as far as the
 * object goes; and the page alone if that is too much.
 *
 * Locking: between drm_placed_lock_memory() and drm_placed_unlock_memory().
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_get_touched(struct drm_gem_object *obj, pgoff_t page)
{
	const struct drm_placed_memory *memory = obj->funcs->placed;
	pgoff_t first = round_down(page, DRM_PLACED_CHUNK);
	unsigned long want, count;

	if (memory->chunks) {
		want = min_t(pgoff_t, DRM_PLACED_CHUNK, (obj->size >> PAGE_SHIFT) - first);
		count = want;
		if (memory->pfn(obj, first, &count) == DRM_PLACED_NO_PFN && count == want &&
		    !get_memory(obj, first, want))
			return 0;
	}

	return get_memory(obj, page, 1);
}

/**
 * drm_placed_populate - &vm_operations_struct.populate
 * @vma: a PFN mapping of an object with &drm_gem_object_funcs.placed
 * @start: first address
 * @end: end of the addresses
 * @write: for writing. Makes no difference: entries allow what the mapping does
 *
 * Locking: mmap_lock is held for reading. Takes &drm_placed_memory.lock.
 *
 * Return: number of pages populated from @start, if there are any; -ENOMEM;
 * -EINTR, if the task is being killed; or -EFAULT, if an access would be SIGBUS.
 */
long drm_placed_populate(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 bool write)
{
	struct drm_gem_object *obj = vma->vm_private_data;
	pgoff_t page = linear_page_index(vma, start) - start_of(obj);
	unsigned long stop = start + min(end - start, MM_POPULATE_SPECIAL_STEP);
	unsigned long addr = start, next;
	int ret, idx;

	if (page + ((end - start) >> PAGE_SHIFT) > obj->size >> PAGE_SHIFT)
		return -EFAULT;

	ret = drm_placed_lock_memory(obj, NULL, &idx);
	if (ret)
		return ret;

	/* A chunk of the object at a time: the unit in which memory comes. */
	for (; addr < stop && !ret; addr = next) {
		pgoff_t count = min_t(pgoff_t, DRM_PLACED_CHUNK - page % DRM_PLACED_CHUNK,
				      (stop - addr) >> PAGE_SHIFT);

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}

		next = addr + (count << PAGE_SHIFT);
		ret = get_ahead(obj, page, count, (end - addr) >> PAGE_SHIFT);
		if (!ret)
			ret = drm_placed_map(vma, obj, obj->funcs->placed, addr, next);
		if (ret)
			break;
		page += count;
	}
	drm_placed_unlock_memory(obj, idx);

	return (long)((addr - start) >> PAGE_SHIFT) ?: drm_placed_populate_errno(ret);
}
EXPORT_SYMBOL_GPL(drm_placed_populate);

/**
 * drm_placed_discard - &vm_operations_struct.discard
 * @vma: a PFN mapping of an object with &drm_gem_object_funcs.placed
 * @start: first address
 * @end: end of the addresses
 * @behavior: %MADV_DONTNEED or %MADV_REMOVE
 *
 * Locking: mmap_lock is held for reading. %MADV_REMOVE takes what
 * drm_placed_sparse_discard() takes.
 *
 * Return: 0, or for %MADV_REMOVE what drm_placed_sparse_discard() returns.
 */
int drm_placed_discard(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		       int behavior)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	if (behavior == MADV_REMOVE)
		return drm_placed_sparse_discard(obj,
						 linear_page_index(vma, start) - start_of(obj),
						 (end - start) >> PAGE_SHIFT);

	zap_vma_ptes(vma, start, end - start);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_discard);

/**
 * drm_placed_unlock_fault - give back the lock of a fault that waits, and will be repeated
 * @unlocked: for drm_placed_unlocked_end()
 * @vmf: the fault, which allows it; of no use any more
 * @obj: the object that it is about
 *
 * The mapping may go now, and its reference to the object with it.
 *
 * Locking: gives mmap_lock back, or the VMA's lock.
 */
void drm_placed_unlock_fault(struct drm_placed_unlocked *unlocked, struct vm_fault *vmf,
			     struct drm_gem_object *obj)
{
	unlocked->file = get_file(vmf->vma->vm_file);
	unlocked->obj = obj;
	drm_gem_object_get(obj);
	release_fault_lock(vmf);
}
EXPORT_SYMBOL_GPL(drm_placed_unlock_fault);

/**
 * drm_placed_unlocked_end - the end of waiting: give up what was kept
 * @unlocked: what drm_placed_unlock_fault() has filled in
 */
void drm_placed_unlocked_end(struct drm_placed_unlocked *unlocked)
{
	drm_gem_object_put(unlocked->obj);
	fput(unlocked->file);
}
EXPORT_SYMBOL_GPL(drm_placed_unlocked_end);

/**
 * drm_placed_to_fault - what a fault handler returns
 * @err: 0 or a negative errno, of drm_placed_lock_memory() perhaps
 *
 * Memory may be short in this cgroup only: SIGBUS, and not the OOM killer. And for a
 * task that is being killed, an error ends what the kernel does on its behalf.
 *
 * Return: VM_FAULT_* flags.
 */
vm_fault_t drm_placed_to_fault(int err)
{
	/* NOPAGE, too: what calls pfn_mkwrite() knows no other end. */
	if (err == -EAGAIN)
		return VM_FAULT_RETRY | VM_FAULT_NOPAGE;

	return err ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/*
 * The addresses around a fault that are mapped with it, as far as there is memory:
 * its aligned 64 KiB of the object, in the mapping and in one page table.
 */
static void fault_window(const struct vm_fault *vmf, pgoff_t page, unsigned long *start,
			 unsigned long *end)
{
	unsigned long addr = vmf->address & PAGE_MASK;
	unsigned int before = page % (SZ_64K >> PAGE_SHIFT);
	unsigned long from = max(vmf->vma->vm_start, addr & PMD_MASK);
	unsigned long to = min(vmf->vma->vm_end - 1, addr | ~PMD_MASK) + 1;

	*start = addr - min_t(unsigned long, addr - from, before << PAGE_SHIFT);
	*end = addr + min_t(unsigned long, to - addr, SZ_64K - (before << PAGE_SHIFT));
}

/**
 * drm_placed_fault - &vm_operations_struct.fault
 * @vmf: the fault, in a PFN mapping of an object with &drm_gem_object_funcs.placed
 *
 * Allocates the page if it has no memory, and maps it and what of its
 * neighbours has.
 *
 * Locking: mmap_lock or the VMA's lock is held. Takes &drm_placed_memory.lock.
 *
 * Return: %VM_FAULT_NOPAGE, %VM_FAULT_SIGBUS, or with %VM_FAULT_RETRY.
 */
vm_fault_t drm_placed_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	pgoff_t page = vmf->pgoff - start_of(obj);
	unsigned long start, end;
	int ret, idx;

	if (page >= obj->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	ret = drm_placed_lock_memory(obj, vmf, &idx);
	if (ret)
		return drm_placed_to_fault(ret);

	ret = drm_placed_get_touched(obj, page);
	if (!ret) {
		fault_window(vmf, page, &start, &end);
		ret = drm_placed_map(vmf->vma, obj, obj->funcs->placed, start, end);
	}
	drm_placed_unlock_memory(obj, idx);

	return drm_placed_to_fault(ret);
}
EXPORT_SYMBOL_GPL(drm_placed_fault);

/**
 * drm_placed_huge_fault - &vm_operations_struct.huge_fault
 * @vmf: the fault, in a PFN mapping of an object with &drm_gem_object_funcs.placed
 * @order: of the entry
 *
 * Maps 2 MiB by one entry if their memory is there in one piece. Does not
 * allocate, but for &drm_placed_memory.chunks: who touches a page has not asked for
 * its neighbours.
 *
 * Locking: as drm_placed_fault().
 *
 * Return: %VM_FAULT_NOPAGE, %VM_FAULT_FALLBACK, %VM_FAULT_SIGBUS, or with %VM_FAULT_RETRY.
 */
vm_fault_t drm_placed_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	const struct drm_placed_memory *memory = obj->funcs->placed;
	unsigned long addr = vmf->address & PMD_MASK, count = PTRS_PER_PTE, pfn;
	pgoff_t page;
	int ret, idx;

	/* Of entries that are there, mm sees to the access rights. */
	if (order != PMD_ORDER || !drm_placed_map_can_be_huge() || !pmd_none(vmf->orig_pmd) ||
	    addr < vma->vm_start || addr + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;

	page = linear_page_index(vma, addr) - start_of(obj);
	if (page + PTRS_PER_PTE > obj->size >> PAGE_SHIFT)
		return VM_FAULT_FALLBACK;

	ret = drm_placed_lock_memory(obj, vmf, &idx);
	if (ret)
		return drm_placed_to_fault(ret);

	if (memory->chunks)
		drm_placed_get_touched(obj, linear_page_index(vma, vmf->address) - start_of(obj));

	pfn = memory->pfn(obj, page, &count);
	if (pfn != DRM_PLACED_NO_PFN && count == PTRS_PER_PTE && IS_ALIGNED(pfn, PTRS_PER_PTE))
		ret = drm_placed_map(vma, obj, memory, addr, addr + PMD_SIZE);
	else
		ret = -ENOENT;
	drm_placed_unlock_memory(obj, idx);

	return ret == -ENOENT ? VM_FAULT_FALLBACK : drm_placed_to_fault(ret);
}
EXPORT_SYMBOL_GPL(drm_placed_huge_fault);

/* For PFN mappings of objects with &drm_gem_object_funcs.placed. */
const struct vm_operations_struct drm_placed_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = drm_placed_fault,
	.huge_fault = drm_placed_huge_fault,
	.populate = drm_placed_populate,
	.discard = drm_placed_discard,
};
EXPORT_SYMBOL_GPL(drm_placed_vm_ops);

/*
 * Objects of drm_gem_shmem_helper.c: all of their memory is there while they are
 * mapped.
 */

static int shmem_lock(struct drm_gem_object *obj, struct vm_fault *vmf)
{
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);

	/* As drm_gem_shmem_fault(). */
	dma_resv_lock(obj->resv, NULL);
	if (!WARN_ON_ONCE(!shmem->pages) && shmem->madv >= 0)
		return 0;

	dma_resv_unlock(obj->resv);
	return -EFAULT;
}

static void shmem_unlock(struct drm_gem_object *obj)
{
	dma_resv_unlock(obj->resv);
}

static unsigned long shmem_pfn(struct drm_gem_object *obj, pgoff_t page, unsigned long *count)
{
	struct page **pages = to_drm_gem_shmem_obj(obj)->pages + page;
	unsigned long pfn = page_to_pfn(pages[0]), i;

	for (i = 1; i < *count; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			break;

	*count = i;
	return pfn;
}

static void shmem_pfns(struct drm_gem_object *obj, const u64 *pages, unsigned int count,
		       unsigned long *pfns)
{
	struct page **memory = to_drm_gem_shmem_obj(obj)->pages;
	unsigned int i;

	for (i = 0; i < count; i++)
		pfns[i] = pages[i] == DRM_GEM_MAP_PAGES_NONE ? DRM_PLACED_NO_PFN :
							       page_to_pfn(memory[pages[i]]);
}

/* &drm_gem_object_funcs.placed for objects of drm_gem_shmem_helper.c. */
const struct drm_placed_memory drm_placed_shmem_memory = {
	.lock = shmem_lock,
	.unlock = shmem_unlock,
	.pfn = shmem_pfn,
	.pfns = shmem_pfns,
	.reserves = true,
};
EXPORT_SYMBOL_GPL(drm_placed_shmem_memory);
