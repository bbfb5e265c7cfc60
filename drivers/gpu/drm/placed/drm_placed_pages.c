// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_internal.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_trace.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: page windows
 *
 * A program with more memory than addresses shows itself a part of it at a time: DOS
 * had EMS for it, Windows has AWE. mmap(2) can do it, a page at a time, and makes a
 * VMA of each; at 65,530 of them it is over, and long before, the cost of finding,
 * splitting and merging them is the cost of everything. remap_file_pages(2), which was
 * made for this, is emulated in that way since Linux 4.0.
 *
 * A page window is one VMA, whatever it shows. DRM_IOCTL_GEM_MAP_PAGES changes which
 * pages of an object are at which addresses of it, by writing to a table of slots, see
 * drm_placed_slots.c, and to the page tables, see drm_placed_scatter.c. The table is
 * what counts. Page table entries follow from it, and come back by faults when they
 * are gone: after fork(), MADV_DONTNEED, the discarding of a page, or because a
 * tracker wants to see the next store.
 *
 * To mm a window is an ordinary mapping of a DRM file, from a fake offset. The offset
 * is not the object's, as the two have different sizes, and no place of the window has
 * to do with a place of the object. So each window has a GEM object of its own, for
 * the offset; it has no handle, and nobody but the ioctl that makes the window can map
 * it. Access rights, caching, what keeps the object's memory where it is, and what
 * the driver wants else, is as for an ordinary mapping: the object's own mmap
 * operation sets the VMA up, and the window puts itself in front of its vm_operations.
 *
 * A window belongs to an address space. fork() gives the child one of its own: a
 * &struct drm_placed_view, which shares the parent's table until one of them changes
 * what it shows. Splitting a VMA changes nothing: slots are counted by
 * &vm_area_struct.vm_pgoff.
 *
 * A call that puts pages into windows does all of it or nothing: it has its arguments
 * in memory of the kernel's before it looks at them, checks all, gets all memory that
 * the tables need, and from then on cannot fail.
 */

/* As in drm_placed_slots.c. */
#define GFP_PAGES (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static struct drm_gem_object *obj_of(const struct vm_area_struct *vma)
{
	return drm_placed_view_of(vma)->pages->obj;
}

static struct drm_placed_pages *to_pages(struct drm_gem_object *base)
{
	return container_of(base, struct drm_placed_pages, base);
}

/*
 * Call an operation of an ordinary mapping. Nobody else finds the VMA now: it is not
 * in the trees yet, or not any more.
 */
static void as_ordinary(struct vm_area_struct *vma, struct drm_placed_view *view,
			void (*operation)(struct vm_area_struct *vma))
{
	const struct vm_operations_struct *vm_ops = vma->vm_ops;

	if (!operation)
		return;

	vma->vm_ops = view->orig;
	vma->vm_private_data = view->pages->obj;
	operation(vma);
	vma->vm_ops = vm_ops;
	vma->vm_private_data = view;
}

/* The view that an address space has of a window already. */
static struct drm_placed_view *find_view(struct drm_placed_pages *pages, struct mm_struct *mm)
{
	struct drm_placed_view *view;

	lockdep_assert_held(&pages->obj->placed_windows->lock);

	list_for_each_entry(view, &pages->views, link)
		if (view->mm == mm)
			return view;

	return NULL;
}

/* For a child. Never fails: there is nobody to tell. */
static struct drm_placed_view *clone_view(struct drm_placed_view *view, struct mm_struct *mm)
{
	struct drm_placed_slots *slots = drm_placed_view_slots(view);
	struct drm_placed_view *clone = kmalloc(sizeof(*clone), GFP_KERNEL | __GFP_NOFAIL);

	refcount_inc(&slots->refs);
	*clone = (struct drm_placed_view) {
		.pages = view->pages,
		.mm = mm,
		.orig = view->orig,
		.slots = RCU_INITIALIZER(slots),
	};
	refcount_set(&clone->vmas, 1);
	drm_gem_object_get(&view->pages->base);
	list_add(&clone->link, &view->pages->views);
	return clone;
}

static void pages_vm_open(struct vm_area_struct *vma)
{
	struct drm_placed_view *view = drm_placed_view_of(vma), *other;
	struct mutex *lock = &view->pages->obj->placed_windows->lock;

	as_ordinary(vma, view, view->orig->open);

	if (vma->vm_mm == view->mm) {
		refcount_inc(&view->vmas);
		return;
	}

	/* Of what the parent has in several VMAs, the first makes the child's view. */
	mutex_lock(lock);
	other = find_view(view->pages, vma->vm_mm);
	if (other)
		refcount_inc(&other->vmas);
	else
		other = clone_view(view, vma->vm_mm);
	mutex_unlock(lock);

	vma->vm_private_data = other;
}

static void pages_vm_close(struct vm_area_struct *vma)
{
	struct drm_placed_view *view = drm_placed_view_of(vma);
	struct drm_placed_pages *pages = view->pages;

	as_ordinary(vma, view, view->orig->close);

	if (!refcount_dec_and_test(&view->vmas))
		return;

	mutex_lock(&pages->obj->placed_windows->lock);
	list_del(&view->link);
	drm_placed_slots_put(drm_placed_view_slots(view));
	mutex_unlock(&pages->obj->placed_windows->lock);

	kfree(view);
	drm_gem_object_put(&pages->base);
}

/* Show what the slot of an address says, for a fault or NULL: -ENXIO if that is nothing. */
static int show(struct vm_area_struct *vma, unsigned long addr, struct vm_fault *vmf)
{
	struct drm_placed_view *view = drm_placed_view_of(vma);
	struct drm_gem_object *obj = view->pages->obj;
	int ret, idx;
	u32 page;

	/* Nothing is nothing, even if the device is gone. */
	if (drm_placed_page_at(vma, addr) == DRM_PLACED_NO_PAGE)
		return -ENXIO;

	ret = drm_placed_lock_memory(obj, vmf, &idx);
	if (ret)
		return ret;

	mutex_lock(&obj->placed_windows->lock);
	page = drm_placed_slots_page(drm_placed_view_slots(view), drm_placed_slot_of(vma, addr));
	if (page == DRM_PLACED_NO_PAGE)
		ret = -ENXIO;
	else
		ret = drm_placed_get_touched(obj, page);
	if (!ret)
		ret = drm_placed_scatter_one(vma, obj, addr, page);
	mutex_unlock(&obj->placed_windows->lock);

	drm_placed_unlock_memory(obj, idx);
	return ret;
}

static vm_fault_t pages_fault(struct vm_fault *vmf)
{
	int ret = show(vmf->vma, vmf->address & PAGE_MASK, vmf);

	return ret == -ENXIO ? VM_FAULT_SIGSEGV : drm_placed_to_fault(ret);
}

/* Of a tracked window the entry is made by a fault, to be read: a store is to be seen. */
static int show_tracked(struct vm_area_struct *vma, unsigned long addr)
{
	vm_fault_t ret = handle_mm_fault(vma, addr, 0, NULL);

	return ret & VM_FAULT_ERROR ? vm_fault_to_errno(ret, 0) : 0;
}

static long pages_populate(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			   bool write)
{
	unsigned long addr;
	int ret = 0;

	end = start + min(end - start, MM_POPULATE_SPECIAL_STEP);
	for (addr = start; addr < end; addr += PAGE_SIZE) {
		if (fatal_signal_pending(current))
			ret = -EINTR;
		else if (vma->vm_ops->zap)
			ret = show_tracked(vma, addr);
		else
			ret = show(vma, addr, NULL);
		if (ret)
			break;
		cond_resched();
	}

	return (long)((addr - start) >> PAGE_SHIFT) ?: drm_placed_populate_errno(ret);
}

static int pages_discard(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 int behavior)
{
	struct drm_placed_track *track = obj_of(vma)->placed;

	/* What a window shows is the object's, and named by the object's pages. */
	if (behavior == MADV_REMOVE)
		return -EOPNOTSUPP;

	if (!vma->vm_ops->zap) {
		zap_vma_ptes(vma, start, end - start);
		return 0;
	}

	mutex_lock(&track->lock);
	drm_placed_walk_remove(track, vma, start, end);
	mutex_unlock(&track->lock);
	return 0;
}

static void pages_zap(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	drm_placed_walk_zap_pages(obj_of(vma)->placed, vma, start, end);
}

static const struct vm_operations_struct pages_vm_ops = {
	.open = pages_vm_open,
	.close = pages_vm_close,
	.fault = pages_fault,
	.populate = pages_populate,
	.discard = pages_discard,
};

/* For mappings that the dirty tracker tracks. */
static const struct vm_operations_struct tracked_vm_ops = {
	.open = pages_vm_open,
	.close = pages_vm_close,
	.fault = drm_placed_track_pages_fault,
	.pfn_mkwrite = drm_placed_track_pages_mkwrite,
	.zap = pages_zap,
	.populate = pages_populate,
	.discard = pages_discard,
};

/**
 * drm_placed_is_pages_vma - is this a mapping of a page window?
 * @vma: any mapping
 *
 * Locking: mmap_lock is held.
 *
 * Return: whether it is.
 */
bool drm_placed_is_pages_vma(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &pages_vm_ops || vma->vm_ops == &tracked_vm_ops;
}

/*
 * Creating
 */

/* Let the object's driver set the VMA up as for an ordinary mapping. */
static int map_as_ordinary(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	int ret;

	/* As drm_gem_mmap_obj(). Some look whether the VMA starts in the object. */
	drm_gem_object_get(obj);
	vma->vm_private_data = obj;
	vma->vm_ops = obj->funcs->vm_ops;
	vma->vm_pgoff = drm_vma_node_start(&obj->vma_node);
	ret = obj->funcs->mmap(obj, vma);
	vma->vm_pgoff = pgoff;
	if (ret) {
		drm_gem_object_put(obj);
		return ret;
	}

	/* Struct pages are counted, and their driver's to map. */
	if (vma->vm_flags & VM_PFNMAP && vma->vm_ops && vma->vm_ops->close)
		return 0;

	if (vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	return -EOPNOTSUPP;
}

static bool is_tracked(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return drm_placed_is_tracked(obj) && vma->vm_ops == &obj->placed->vm_ops;
}

/* &drm_gem_object_funcs.mmap of a window, which is mapped once. */
static int pages_mmap(struct drm_gem_object *base, struct vm_area_struct *vma)
{
	struct drm_placed_pages *pages = to_pages(base);
	struct drm_gem_object *obj = pages->obj;
	struct drm_placed_view *view;
	struct drm_placed_slots *slots;
	bool tracked;
	int ret;

	view = kzalloc(sizeof(*view), GFP_PAGES);
	if (!view)
		return -ENOMEM;

	ret = map_as_ordinary(obj, vma);
	if (ret)
		goto err_free;

	tracked = is_tracked(obj, vma);
	view->pages = pages;
	view->mm = vma->vm_mm;
	view->orig = vma->vm_ops;
	refcount_set(&view->vmas, 1);

	/* Others that take pages away, or look at them, have to find their slots. */
	slots = drm_placed_slots_create(base->size >> PAGE_SHIFT, obj->size >> PAGE_SHIFT,
					tracked || obj->placed_store);
	if (!slots) {
		ret = -ENOMEM;
		goto err_close;
	}
	rcu_assign_pointer(view->slots, slots);

	pages->vm_ops = tracked ? &tracked_vm_ops : &pages_vm_ops;
	vma->vm_ops = pages->vm_ops;
	vma->vm_private_data = view;

	/* The reference that drm_gem_mmap_obj() has taken is the view's. */
	mutex_lock(&obj->placed_windows->lock);
	list_add(&view->link, &pages->views);
	mutex_unlock(&obj->placed_windows->lock);
	return 0;

err_close:
	vma->vm_ops->close(vma);
err_free:
	kfree(view);
	return ret;
}

static void pages_free(struct drm_gem_object *base)
{
	struct drm_placed_pages *pages = to_pages(base);

	mutex_lock(&pages->obj->placed_windows->lock);
	list_del(&pages->link);
	mutex_unlock(&pages->obj->placed_windows->lock);

	drm_gem_object_release(base);
	drm_gem_object_put(pages->obj);
	kfree(pages);
}

static const struct drm_gem_object_funcs pages_funcs = {
	.free = pages_free,
	.mmap = pages_mmap,
};

/* The windows on an object. Of several who create this, one wins. */
static struct drm_placed_windows *get_windows(struct drm_gem_object *obj)
{
	struct drm_placed_windows *windows, *other;

	/* Pairs with the cmpxchg() below. */
	windows = smp_load_acquire(&obj->placed_windows);
	if (windows)
		return windows;

	windows = kzalloc(sizeof(*windows), GFP_PAGES);
	if (!windows)
		return NULL;

	mutex_init(&windows->lock);
	INIT_LIST_HEAD(&windows->list);
	other = cmpxchg(&obj->placed_windows, NULL, windows);
	if (!other)
		return windows;

	mutex_destroy(&windows->lock);
	kfree(windows);
	return other;
}

/**
 * drm_placed_pages_create - create a page window
 * @obj: the object whose pages it is to show
 * @length: size of the window in bytes, page-aligned and not zero
 *
 * It is not mapped yet, and has a fake offset for that. The caller drops the
 * reference when it is.
 *
 * Return: the window, or an error pointer: -EINVAL if it is too large, -EOPNOTSUPP if
 * the object cannot be mapped by pages, -ENOMEM.
 */
struct drm_placed_pages *drm_placed_pages_create(struct drm_gem_object *obj, u64 length)
{
	struct drm_placed_windows *windows;
	struct drm_placed_pages *pages;

	if (!drm_placed_can_pages(obj))
		return ERR_PTR(-EOPNOTSUPP);

	if (length >> PAGE_SHIFT > S32_MAX || length > SIZE_MAX)
		return ERR_PTR(-EINVAL);

	windows = get_windows(obj);
	if (!windows)
		return ERR_PTR(-ENOMEM);

	pages = kzalloc(sizeof(*pages), GFP_PAGES);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	pages->base.funcs = &pages_funcs;
	/* It is never in the list without an offset: that is freed after it has left. */
	drm_gem_private_object_init(obj->dev, &pages->base, length);
	drm_gem_object_get(obj);
	pages->obj = obj;
	INIT_LIST_HEAD(&pages->link);
	INIT_LIST_HEAD(&pages->views);

	/* Out of fake offsets is not out of addresses. */
	if (drm_gem_create_mmap_offset(&pages->base)) {
		drm_gem_object_put(&pages->base);
		return ERR_PTR(-ENOMEM);
	}

	/* Who goes through the list looks for the mappings at this offset. */
	mutex_lock(&windows->lock);
	list_add(&pages->link, &windows->list);
	mutex_unlock(&windows->lock);

	return pages;
}

/**
 * drm_placed_pages_fini - free what an object has for page windows
 * @obj: the object, which is being freed
 *
 * Called by drm_gem_object_release(): there are no windows on it any more.
 */
void drm_placed_pages_fini(struct drm_gem_object *obj)
{
	struct drm_placed_windows *windows = obj->placed_windows;

	if (!windows)
		return;

	obj->placed_windows = NULL;
	mutex_destroy(&windows->lock);
	kfree(windows);
}

/*
 * Putting pages into windows
 */

/* The window that the address at index i is in, with a table that may be changed. */
static int find_window(struct mm_struct *mm, struct drm_gem_object *obj,
		       const struct drm_placed_batch *batch, unsigned long i,
		       struct vm_area_struct **vma, struct drm_placed_slots **slots)
{
	struct drm_placed_slots *copy;
	struct drm_placed_view *view;

	*vma = drm_placed_batch_vma(mm, batch, i);
	if (!*vma || !drm_placed_is_pages_vma(*vma))
		return -ENOENT;

	view = drm_placed_view_of(*vma);
	if (view->pages->obj != obj)
		return -EINVAL;

	*slots = drm_placed_view_slots(view);
	if (refcount_read(&(*slots)->refs) == 1)
		return 0;

	/* A parent's or a child's, too. Its other users may all go meanwhile. */
	copy = drm_placed_slots_copy(*slots);
	if (!copy)
		return -ENOMEM;

	rcu_assign_pointer(view->slots, copy);
	drm_placed_slots_put(*slots);
	*slots = copy;
	return 0;
}

/* What has to be known of a batch before anything is changed. */
static int check_pages(const struct drm_placed_batch *batch, u32 pages)
{
	unsigned long i;

	for (i = 0; batch->pages && i < batch->count; i++)
		if (batch->pages[i] >= pages && batch->pages[i] != DRM_GEM_MAP_PAGES_NONE)
			return -EINVAL;

	for (i = 0; batch->addrs && i < batch->count; i++)
		if (!PAGE_ALIGNED(batch->addrs[i]))
			return -EINVAL;

	return 0;
}

/* Get the table ready for count slots in a row. */
static int prepare_row(struct drm_placed_slots *slots, u32 slot, const u64 *pages,
		       unsigned long count)
{
	unsigned long i;
	int ret = 0;

	/* Without chains, what counts is the leaf. */
	if (!slots->first) {
		for (i = 0; i < count && !ret;
		     i += DRM_PLACED_SLOTS_LEAF - (slot + i) % DRM_PLACED_SLOTS_LEAF)
			ret = drm_placed_slots_ready(slots, slot + i, DRM_PLACED_NO_PAGE);
		return ret;
	}

	for (i = 0; i < count && !ret; i++)
		ret = drm_placed_slots_ready(slots, slot + i,
					     pages ? pages[i] : DRM_PLACED_NO_PAGE);
	return ret;
}

/* All addresses are in a row. */
static int check_row(struct mm_struct *mm, struct drm_gem_object *obj,
		     const struct drm_placed_batch *batch)
{
	struct drm_placed_slots *slots;
	struct vm_area_struct *vma;
	unsigned long i, n, addr;
	int ret;

	for (i = 0; i < batch->count; i += n) {
		addr = drm_placed_batch_addr(batch, i);
		ret = find_window(mm, obj, batch, i, &vma, &slots);
		if (ret)
			return ret;

		n = min((vma->vm_end - addr) >> PAGE_SHIFT, batch->count - i);
		ret = prepare_row(slots, drm_placed_slot_of(vma, addr),
				  batch->pages ? batch->pages + i : NULL, n);
		if (ret)
			return ret;
		cond_resched();
	}

	return 0;
}

/* Each has an address of its own, and no other the same. Those before *named are named. */
static int check_addrs(struct mm_struct *mm, struct drm_gem_object *obj,
		       const struct drm_placed_batch *batch, unsigned long *named)
{
	unsigned long i, addr, start = 0, size = 0;
	struct drm_placed_slots *slots = NULL;
	struct vm_area_struct *vma;
	u32 slot = 0;
	int ret;

	for (i = 0; i < batch->count; i++) {
		*named = i;
		if (batch->addrs[i] > ULONG_MAX)
			return -ENOENT;

		addr = batch->addrs[i];
		if (addr - start >= size) {
			ret = find_window(mm, obj, batch, i, &vma, &slots);
			if (ret)
				return ret;
			start = vma->vm_start;
			size = vma->vm_end - start;
			slot = drm_placed_slot_of(vma, start);
			cond_resched();
		}

		ret = drm_placed_slots_ready(slots, slot + ((addr - start) >> PAGE_SHIFT),
					     batch->pages ? batch->pages[i] : DRM_PLACED_NO_PAGE);
		if (ret)
			return ret;

		if (drm_placed_slots_name(slots, slot + ((addr - start) >> PAGE_SHIFT)))
			return -EINVAL;
	}

	*named = i;
	return 0;
}

/* Forget the names again. */
static void unname_addrs(struct mm_struct *mm, const struct drm_placed_batch *batch,
			 unsigned long named)
{
	unsigned long i, addr, start = 0, size = 0;
	struct drm_placed_slots *slots = NULL;
	struct vm_area_struct *vma;
	u32 slot = 0;

	for (i = 0; i < named; i++) {
		addr = batch->addrs[i];
		if (addr - start >= size) {
			vma = drm_placed_batch_vma(mm, batch, i);
			slots = drm_placed_view_slots(drm_placed_view_of(vma));
			start = vma->vm_start;
			size = vma->vm_end - start;
			slot = drm_placed_slot_of(vma, start);
		}
		drm_placed_slots_unname(slots, slot + ((addr - start) >> PAGE_SHIFT));
	}
}

/* Check a batch, and get the tables ready for it. Nobody notices yet. */
static int check_batch(struct mm_struct *mm, struct drm_gem_object *obj,
		       const struct drm_placed_batch *batch)
{
	unsigned long named = 0;
	int ret;

	ret = check_pages(batch, obj->size >> PAGE_SHIFT);
	if (ret)
		return ret;

	if (!batch->addrs)
		return check_row(mm, obj, batch);

	ret = check_addrs(mm, obj, batch, &named);
	unname_addrs(mm, batch, named);
	return ret;
}

/*
 * The tracker, if there is one, and the memory of an object: which comes first is up to
 * the memory.
 */
static int lock_object(struct drm_gem_object *obj, struct drm_placed_track *track, int *idx)
{
	bool reserves = obj->funcs->placed->reserves;
	int ret;

	if (track && !reserves)
		mutex_lock(&track->lock);
	ret = drm_placed_lock_memory(obj, NULL, idx);
	if (ret && track && !reserves)
		mutex_unlock(&track->lock);
	else if (!ret && track && reserves)
		mutex_lock(&track->lock);
	return ret == -EFAULT ? -ENODEV : ret;
}

static void unlock_object(struct drm_gem_object *obj, struct drm_placed_track *track, int idx)
{
	bool reserves = obj->funcs->placed->reserves;

	if (track && reserves)
		mutex_unlock(&track->lock);
	drm_placed_unlock_memory(obj, idx);
	if (track && !reserves)
		mutex_unlock(&track->lock);
}

/* With the object's locks. */
static int map_batch_locked(struct mm_struct *mm, struct drm_gem_object *obj,
			    const struct drm_placed_batch *batch)
{
	int ret;

	mutex_lock(&obj->placed_windows->lock);
	ret = check_batch(mm, obj, batch);
	if (!ret)
		drm_placed_scatter(mm, obj, batch);
	mutex_unlock(&obj->placed_windows->lock);
	return ret;
}

static int map_batch(struct drm_placed_batch *batch)
{
	struct mm_struct *mm = current->mm;
	struct drm_placed_track *track;
	struct vm_area_struct *vma;
	struct drm_gem_object *obj;
	int ret = -ENOENT, idx;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	vma = vma_lookup(mm, drm_placed_batch_addr(batch, 0));
	if (!vma || !drm_placed_is_pages_vma(vma))
		goto out_unlock;
	batch->vma = vma;

	/*
	 * Windows are tracked from the start or never. An object that becomes tracked
	 * now has no tracked ones.
	 */
	obj = obj_of(vma);
	track = drm_placed_is_tracked(obj) ? obj->placed : NULL;
	ret = lock_object(obj, track, &idx);
	if (!ret) {
		ret = map_batch_locked(mm, obj, batch);
		unlock_object(obj, track, idx);
	}
	trace_drm_placed_map_pages(obj, drm_placed_batch_addr(batch, 0) >> PAGE_SHIFT,
				   batch->count, ret);

out_unlock:
	mmap_read_unlock(mm);
	return ret;
}

/* Arrays that are copied to the stack. */
#define SMALL 64

/* Copy a user's array. What is returned is to be freed if it is not small. */
static u64 *copy_array(u64 user, unsigned long count, u64 *small)
{
	u64 *array = small;

	if (count > SMALL)
		array = kvmalloc_array(count, sizeof(*array), GFP_PAGES);
	if (!array)
		return ERR_PTR(-ENOMEM);

	if (user <= ULONG_MAX &&
	    !copy_from_user(array, u64_to_user_ptr(user), count * sizeof(*array)))
		return array;

	if (array != small)
		kvfree(array);
	return ERR_PTR(-EFAULT);
}

static int map_pages(const struct drm_gem_map_pages *args, const u64 *addrs)
{
	struct drm_placed_batch batch = {
		.addr = args->addr,
		.addrs = addrs,
		.count = args->count,
	};
	u64 small[SMALL], *pages;
	int ret;

	if (!args->pages)
		return map_batch(&batch);

	pages = copy_array(args->pages, args->count, small);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	batch.pages = pages;
	ret = map_batch(&batch);
	if (pages != small)
		kvfree(pages);
	return ret;
}

/**
 * drm_gem_map_pages_ioctl - DRM_IOCTL_GEM_MAP_PAGES
 * @dev: the device
 * @data: &struct drm_gem_map_pages
 * @file_priv: the caller's file
 *
 * See &struct drm_gem_map_pages for arguments and errors.
 *
 * Locking: takes mmap_lock for reading and, inside, the locks of the object.
 *
 * Return: 0, or a negative errno with nothing changed.
 */
int drm_gem_map_pages_ioctl(struct drm_device *dev, void *data, struct drm_file *file_priv)
{
	const struct drm_gem_map_pages *args = data;
	u64 small[SMALL], *addrs;
	int ret;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return -EOPNOTSUPP;

	if (!args->count || args->flags || args->pad || !PAGE_ALIGNED(args->addr) ||
	    (args->addr && args->addrs))
		return -EINVAL;

	if (args->count > DRM_GEM_MAP_PAGES_MAX)
		return -E2BIG;

	if (args->addr > ULONG_MAX)
		return -ENOENT;

	if (!args->addrs)
		return map_pages(args, NULL);

	addrs = copy_array(args->addrs, args->count, small);
	if (IS_ERR(addrs))
		return PTR_ERR(addrs);

	ret = map_pages(args, addrs);
	if (addrs != small)
		kvfree(addrs);
	return ret;
}
