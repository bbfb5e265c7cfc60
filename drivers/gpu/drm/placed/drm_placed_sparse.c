// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_internal.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_runs.h"
#include "drm_placed_sparse.h"
#include "drm_placed_store.h"
#include "drm_placed_trace.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: sparse objects
 *
 * A sparse object is as large as the program says, and has as much memory as the
 * program uses: pages come when they are populated or touched, and go when they
 * are discarded. Its memory is a store, see drm_placed_store.c.
 *
 * Whoever frees a page sees to it that nobody has it any more:
 *
 * - Entries for pages of a store are made with &drm_placed_store.lock held, by
 *   drm_placed_map() or by the tracker. A discard takes the lock, removes the
 *   entries of the range from all mappings in all processes through the reverse
 *   map, which flushes the TLBs, and only then frees. An access that comes
 *   meanwhile faults, waits for the lock, and gets a new page, which is zeroed. So
 *   what is read is what was there before the discard, or zero.
 * - No reference lasts: PFN mappings have none that get_user_pages() could take, no
 *   dma-bufs can be made of sparse objects, and fork() copies entries with the
 *   child's mapping in the reverse map already. Who follows entries (KVM) is told
 *   by MMU notifiers.
 * - A device that reads the memory behind the CPU's back is the driver's to stop, by
 *   &drm_placed_store_ops.unbind. The tracker has its part in it for coherent
 *   objects: it waits for what is being read back, forgets what was dirty, and has
 *   the driver tell the device.
 *
 * Programs call madvise() on a mapping, or DRM_IOCTL_GEM_SPARSE on the object.
 */

static struct drm_placed_store *store_of(struct drm_gem_object *obj)
{
	return obj->placed_store;
}

/**
 * drm_placed_is_sparse - was drm_placed_sparse_init() called for an object?
 * @obj: the object
 *
 * Return: whether it was.
 */
bool drm_placed_is_sparse(struct drm_gem_object *obj)
{
	return store_of(obj);
}
EXPORT_SYMBOL_GPL(drm_placed_is_sparse);

/* What drm_placed_vm_ops need. */

static int sparse_lock(struct drm_gem_object *obj, struct vm_fault *vmf)
{
	return mutex_lock_killable(&store_of(obj)->lock);
}

static void sparse_unlock(struct drm_gem_object *obj)
{
	mutex_unlock(&store_of(obj)->lock);
}

static int sparse_get(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	return drm_placed_store_get(store_of(obj), first, count, NULL);
}

/* Others wait for the object's lock, and perhaps for mmap_lock, meanwhile. */
#define MOST_IN_ONE_GO (SZ_1G >> PAGE_SHIFT)

static int sparse_get_all(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store *store = store_of(obj);
	pgoff_t here = min(count, DRM_PLACED_CHUNK - first % DRM_PLACED_CHUNK);

	/* Nobody is told of the kernel's own, and it takes its time: chunk by chunk. */
	if (!store->ops || drm_placed_store_present(store, first, here) == here)
		return 0;

	return drm_placed_store_get_all(store, first, min(count, MOST_IN_ONE_GO));
}

static unsigned long sparse_pfn(struct drm_gem_object *obj, pgoff_t page, unsigned long *count)
{
	return drm_placed_store_pfn(store_of(obj), page, count);
}

static void sparse_pfns(struct drm_gem_object *obj, const u64 *pages, unsigned int count,
			unsigned long *pfns)
{
	drm_placed_store_pfns(store_of(obj), pages, count, pfns);
}

/* &drm_gem_object_funcs.placed of sparse objects. */
const struct drm_placed_memory drm_placed_sparse_memory = {
	.lock = sparse_lock,
	.unlock = sparse_unlock,
	.get = sparse_get,
	.get_all = sparse_get_all,
	.pfn = sparse_pfn,
	.pfns = sparse_pfns,
};
EXPORT_SYMBOL_GPL(drm_placed_sparse_memory);

/* The same for those whose memory is a device's: &drm_placed_store_ops.alloc. */
const struct drm_placed_memory drm_placed_sparse_io_memory = {
	.lock = sparse_lock,
	.unlock = sparse_unlock,
	.get = sparse_get,
	.get_all = sparse_get_all,
	.pfn = sparse_pfn,
	.pfns = sparse_pfns,
	.io = true,
	.chunks = true,
};
EXPORT_SYMBOL_GPL(drm_placed_sparse_io_memory);

/**
 * drm_placed_sparse_pfn - find the memory of a page
 * @obj: the object, which is sparse
 * @page: the page
 *
 * For &drm_placed_funcs.pfn, which is called between drm_placed_sparse_begin()
 * and drm_placed_sparse_end(), and for drivers that know that the page stays.
 *
 * Return: the page frame, or %DRM_PLACED_NO_PFN.
 */
unsigned long drm_placed_sparse_pfn(struct drm_gem_object *obj, pgoff_t page)
{
	unsigned long count = 1;

	return drm_placed_store_pfn(store_of(obj), page, &count);
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_pfn);

/**
 * drm_placed_sparse_begin - keep the memory of an object where it is
 * @obj: the object. For one that is not sparse there is nothing to do
 * @first: first page to allocate if it is missing
 * @count: number of pages, in one chunk; 0 for none
 * @fresh: as for drm_placed_store_get(); always set
 *
 * To be followed by drm_placed_sparse_end(), even after an error.
 *
 * Locking: takes &drm_placed_store.lock, and keeps it.
 *
 * Return: 0, or -ENOMEM with some pages allocated.
 */
int drm_placed_sparse_begin(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    unsigned long *fresh)
{
	struct drm_placed_store *store = store_of(obj);

	if (fresh)
		bitmap_zero(fresh, DRM_PLACED_CHUNK);
	if (!store)
		return 0;

	mutex_lock(&store->lock);
	return count ? drm_placed_store_get(store, first, count, fresh) : 0;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_begin);

/**
 * drm_placed_sparse_end - the end of drm_placed_sparse_begin()
 * @obj: the object
 *
 * Locking: gives &drm_placed_store.lock back.
 */
void drm_placed_sparse_end(struct drm_gem_object *obj)
{
	if (store_of(obj))
		mutex_unlock(&store_of(obj)->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_end);

/* Nobody can have them any more: free pages. */
static void drop_pages(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store *store = store_of(obj);
	pgoff_t before = store->present;

	lockdep_assert_held(&store->lock);

	if (!drm_placed_store_present(store, first, count))
		return;

	unmap_mapping_range(obj->dev->anon_inode->i_mapping,
			    (loff_t)(drm_vma_node_start(&obj->vma_node) + first) << PAGE_SHIFT,
			    (loff_t)count << PAGE_SHIFT, 1);
	drm_placed_scatter_zap(obj, first, count);
	drm_placed_store_put(store, first, count);
	trace_drm_placed_discard(obj, first, count, before - store->present);
}

/**
 * drm_placed_sparse_drop - free the memory of a range
 * @obj: the object, which is sparse
 * @first: first page
 * @count: number of pages
 *
 * For the tracker, which has made sure that the device uses none of it.
 *
 * Locking: takes &drm_placed_store.lock, and inside, i_mmap_rwsem for reading.
 */
void drm_placed_sparse_drop(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store *store = store_of(obj);

	mutex_lock(&store->lock);
	drop_pages(obj, first, count);
	mutex_unlock(&store->lock);
}

static int discard_part(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store *store = store_of(obj);
	int ret;

	if (drm_placed_is_tracked(obj))
		return drm_placed_track_remove(obj, first, count);

	ret = mutex_lock_killable(&store->lock);
	if (ret)
		return ret;

	/* A tracker does not get at the memory as long as we have the lock. */
	if (drm_placed_is_tracked(obj)) {
		mutex_unlock(&store->lock);
		return drm_placed_track_remove(obj, first, count);
	}
	drop_pages(obj, first, count);
	mutex_unlock(&store->lock);
	return 0;
}

/**
 * drm_placed_sparse_discard - free the memory of a range for good
 * @obj: the object, sparse or not
 * @first: first page
 * @count: number of pages
 *
 * So much at a time that others get at the object's locks in between; mmap_lock, if
 * it is held, stays so.
 *
 * Locking: as for a fault: mmap_lock may be held. Takes &drm_placed_store.lock,
 * and those of the tracker if there is one.
 *
 * Return: 0; -EOPNOTSUPP if the object is not sparse; -EINVAL if the range is not
 * inside of it; or, perhaps with a part of it freed, -EINTR if the task is being
 * killed, or -ENODEV if the device is gone that is about to write the range.
 */
int drm_placed_sparse_discard(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	const pgoff_t most = SZ_64M >> PAGE_SHIFT;
	struct drm_placed_store *store = store_of(obj);
	pgoff_t part;
	int ret = 0;

	if (!store)
		return -EOPNOTSUPP;
	if (first > store->pages || count > store->pages - first)
		return -EINVAL;

	for (; count && !ret; first += part, count -= part) {
		if (fatal_signal_pending(current))
			return -EINTR;

		part = min(count, most);
		ret = discard_part(obj, first, part);
		cond_resched();
	}

	return ret;
}

/*
 * Allocate what is missing of a range in one chunk, and perhaps of what is to be
 * populated after it.
 */
static int populate_part(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, pgoff_t ahead)
{
	int ret;

	if (drm_placed_is_tracked(obj))
		return drm_placed_track_allocate(obj, first, count);

	ret = sparse_lock(obj, NULL);
	if (ret)
		return ret;
	sparse_get_all(obj, first, ahead);
	ret = sparse_get(obj, first, count);
	sparse_unlock(obj);
	return ret;
}

static int populate(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	pgoff_t last = first + count, next;
	int ret;

	for (; first < last; first = next) {
		if (fatal_signal_pending(current))
			return -EINTR;

		next = min(last, round_down(first, DRM_PLACED_CHUNK) + DRM_PLACED_CHUNK);
		ret = populate_part(obj, first, next - first, last - first);
		if (ret)
			return ret;
		cond_resched();
	}

	return 0;
}

static u64 present_bytes(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	pgoff_t present;

	mutex_lock(&store_of(obj)->lock);
	present = drm_placed_store_present(store_of(obj), first, count);
	mutex_unlock(&store_of(obj)->lock);
	return (u64)present << PAGE_SHIFT;
}

static int query(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
		 struct drm_gem_sparse *args)
{
	u32 runs = args->count;
	u64 pages;
	int ret;

	ret = drm_placed_list_runs(obj, first, count, drm_placed_sparse_runs, args->runs,
				   &runs, &pages);
	if (!ret || ret == -ENOSPC)
		args->count = runs;
	if (!ret)
		args->present = pages << PAGE_SHIFT;
	return ret;
}

/* All but CREATE. */
static int operate(struct drm_gem_object *obj, struct drm_gem_sparse *args)
{
	u64 length;
	pgoff_t first, count;
	int ret;

	if (!drm_placed_is_sparse(obj))
		return -EOPNOTSUPP;

	if (args->offset >= obj->size || args->length > obj->size - args->offset)
		return -EINVAL;

	length = args->length ?: obj->size - args->offset;
	first = args->offset >> PAGE_SHIFT;
	count = length >> PAGE_SHIFT;

	switch (args->op) {
	case DRM_GEM_SPARSE_POPULATE:
		ret = populate(obj, first, count);
		trace_drm_placed_populate(obj, first, count, ret);
		break;
	case DRM_GEM_SPARSE_DISCARD:
		ret = drm_placed_sparse_discard(obj, first, count);
		break;
	default:
		return query(obj, first, count, args);
	}

	if (!ret)
		args->present = present_bytes(obj, first, count);
	return ret;
}

static int create(struct drm_device *dev, struct drm_file *file_priv, struct drm_gem_sparse *args)
{
	const struct drm_placed_funcs *funcs = dev->driver->placed;
	int (*create_sparse)(struct drm_device *, struct drm_file *, u64, u32 *) = NULL;
	int ret;

	if (!args->length || args->offset || args->handle)
		return -EINVAL;
	if (funcs)
		create_sparse = args->flags & DRM_GEM_SPARSE_POOL ? funcs->create_pool :
								    funcs->create_sparse;
	if (!create_sparse)
		return -EOPNOTSUPP;

	ret = create_sparse(dev, file_priv, args->length, &args->handle);
	if (!ret)
		args->present = 0;
	return ret;
}

/**
 * drm_gem_sparse_ioctl - DRM_IOCTL_GEM_SPARSE
 * @dev: the device
 * @data: &struct drm_gem_sparse
 * @file_priv: the caller's file
 *
 * See &struct drm_gem_sparse for operations and errors.
 *
 * Locking: none held.
 *
 * Return: 0 or a negative errno, with @data unchanged but for the number of
 * runs with -ENOSPC.
 */
int drm_gem_sparse_ioctl(struct drm_device *dev, void *data, struct drm_file *file_priv)
{
	struct drm_gem_sparse *args = data;
	struct drm_gem_object *obj;
	int ret;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return -EOPNOTSUPP;

	if (args->op > DRM_GEM_SPARSE_QUERY ||
	    args->flags & ~(args->op == DRM_GEM_SPARSE_CREATE ? DRM_GEM_SPARSE_POOL : 0) ||
	    !PAGE_ALIGNED(args->offset) || !PAGE_ALIGNED(args->length))
		return -EINVAL;
	if (args->op != DRM_GEM_SPARSE_QUERY && (args->count || args->runs))
		return -EINVAL;

	if (args->op == DRM_GEM_SPARSE_CREATE)
		return create(dev, file_priv, args);

	obj = drm_gem_object_lookup(file_priv, args->handle);
	if (!obj)
		return -ENOENT;

	ret = operate(obj, args);
	drm_gem_object_put(obj);
	return ret;
}

/**
 * drm_placed_sparse_init - make an object sparse
 * @obj: the object, new and not yet visible to anyone; its
 *	&drm_gem_object_funcs.placed is &drm_placed_sparse_memory, or with
 *	&drm_placed_store_ops.alloc, &drm_placed_sparse_io_memory; its vm_ops are
 *	&drm_placed_vm_ops or wrap these
 * @ops: where its memory comes from and who has to know of it, or NULL;
 *	&drm_placed_store.owner is @obj
 *
 * drm_gem_object_release() frees its memory.
 *
 * Locking: none needed.
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_sparse_init(struct drm_gem_object *obj, const struct drm_placed_store_ops *ops)
{
	struct drm_placed_store *store = kmalloc(sizeof(*store), GFP_KERNEL_ACCOUNT);

	if (!store)
		return -ENOMEM;

	drm_placed_store_init(store, obj->size >> PAGE_SHIFT, ops, obj);
	obj->placed_store = store;
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_init);

/**
 * drm_placed_sparse_fini - free the memory of an object, if it is sparse
 * @obj: the object, which is being freed
 *
 * Called by drm_gem_object_release(), or before: nothing maps the object any more.
 */
void drm_placed_sparse_fini(struct drm_gem_object *obj)
{
	if (!obj->placed_store)
		return;

	drm_placed_store_fini(obj->placed_store);
	kfree(obj->placed_store);
	obj->placed_store = NULL;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_fini);

/**
 * drm_placed_sparse_mmap - &drm_gem_object_funcs.mmap of sparse objects
 * @obj: the object
 * @vma: the mapping
 *
 * Locking: mmap_lock is held for writing.
 *
 * Return: 0, or -EINVAL for a private mapping that may be written.
 */
int drm_placed_sparse_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;

	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (obj->funcs->placed->io)
		vm_flags_set(vma, VM_IO);
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);

	drm_placed_track_mmap(obj, vma);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_mmap);

static void sparse_free(struct drm_gem_object *obj)
{
	drm_gem_object_release(obj);
	kfree(obj);
}

/**
 * drm_placed_sparse_export - &drm_gem_object_funcs.export of sparse objects
 * @obj: the object
 * @flags: of the file
 *
 * Who imports a dma-buf expects all of its memory to be there, and to stay.
 *
 * Locking: none needed.
 *
 * Return: -EOPNOTSUPP, as a pointer.
 */
struct dma_buf *drm_placed_sparse_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_export);

/**
 * drm_placed_sparse_rss - &drm_gem_object_funcs.rss of sparse objects
 * @obj: the object
 *
 * Return: bytes of it that have memory.
 */
size_t drm_placed_sparse_rss(struct drm_gem_object *obj)
{
	return READ_ONCE(store_of(obj)->present) << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_rss);

/**
 * drm_placed_sparse_runs - list the pages of a range that have memory
 * @obj: the object, which is sparse
 * @first: first page
 * @count: number of pages, not zero
 * @runs: begun; where to
 *
 * Locking: takes &drm_placed_store.lock.
 */
void drm_placed_sparse_runs(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    struct drm_placed_runs *runs)
{
	mutex_lock(&store_of(obj)->lock);
	drm_placed_store_runs(store_of(obj), first, count, runs);
	mutex_unlock(&store_of(obj)->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_runs);

static const struct drm_gem_object_funcs sparse_funcs = {
	.free = sparse_free,
	.export = drm_placed_sparse_export,
	.mmap = drm_placed_sparse_mmap,
	.rss = drm_placed_sparse_rss,
	.vm_ops = &drm_placed_vm_ops,
	.placed = &drm_placed_sparse_memory,
};

/**
 * drm_placed_sparse_create - &drm_placed_funcs.create_sparse of drivers whose
 *	device needs to know nothing of the object
 * @dev: the device
 * @file: whose handle it becomes
 * @size: bytes, a multiple of the page size
 * @handle: where the handle goes
 *
 * Locking: none held.
 *
 * Return: 0, -ENOMEM, or -ENOSPC if there is no fake offset for so much.
 */
int drm_placed_sparse_create(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle)
{
	struct drm_gem_object *obj;
	int ret;

	if (size > SIZE_MAX)
		return -ENOSPC;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return -ENOMEM;

	obj->funcs = &sparse_funcs;
	drm_gem_private_object_init(dev, obj, size);

	ret = drm_placed_sparse_init(obj, NULL);
	if (!ret)
		ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		ret = drm_gem_handle_create(file, obj, handle);

	/* The handle keeps it. */
	drm_gem_object_put(obj);
	return ret;
}
EXPORT_SYMBOL_GPL(drm_placed_sparse_create);
