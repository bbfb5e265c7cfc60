// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/security.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_compat.h"
#include "drm_placed_internal.h"
#include "drm_placed_pages.h"
#include "drm_placed_track.h"

#define CREATE_TRACE_POINTS
#include "drm_placed_trace.h"

/**
 * DOC: placed mappings
 *
 * mmap(2) lets a program name an address, or nothing. A program that needs a
 * buffer below 4 GiB, or inside the bits its GPU can address, has to guess: it
 * reads /proc/self/maps, tries an exact address, collides with another thread,
 * and starts again. DRM_IOCTL_GEM_MMAP_PLACED takes a range instead, and finds
 * the place and maps it in one step.
 *
 * The mapping itself is an ordinary one. The ioctl calls vm_mmap() on the
 * caller's own DRM file, at the fake offset of the object plus the offset in
 * it, so that everything that mmap(2) checks is checked by the same code: file
 * mode, LSM, limits, mlockall(), seals. /proc/PID/maps, fork and munmap see
 * nothing new.
 *
 * Search and mapping are one step because both run under one hold of
 * mmap_lock: do_mmap() asks the file for an address through its
 * get_unmapped_area() operation, with the lock held for writing, and that is
 * where the search runs. What to search for is carried there by a request, on
 * the stack of the ioctl and on a list of the &drm_file; a request is its
 * task's own, so a plain mmap(2) of another thread never meets it. All drivers
 * that use %DRM_GEM_FOPS have the operation. With the file operations of a
 * driver's own making, the search runs under mmap_lock for reading and the
 * address is then claimed with %MAP_FIXED_NOREPLACE; if another thread was
 * there first, that thread has made progress, and the search is repeated. It
 * ends when the claim succeeds, when there is no gap left or when the task is
 * killed; it never gives up because of the race.
 *
 * No lock of the library is held around vm_mmap().
 *
 * The request also says what the task may map that the file may not, for maps
 * whose right to the object is not a handle; so that there is one for exact
 * addresses, too. See drm_placed_map_node().
 *
 * Placement needs nothing from a driver: an object that has got a fake offset,
 * by the driver's own ioctl for that, can be mapped from its start. Two more
 * things need the driver's word, %DRIVER_GEM_PLACED. Mappings from the middle
 * rely on it to find its pages by &vm_area_struct.vm_pgoff less the fake offset
 * rather than by the distance from the start of the VMA. And to save the caller
 * the driver's ioctl, objects are given a fake offset here, so that it must be
 * &drm_gem_object_funcs.mmap that refuses those that may not be mapped; there
 * are drivers that rely on withholding the fake offset, of imported objects for
 * example.
 */

#define DRM_PLACED_PROT \
	(DRM_GEM_MMAP_PLACED_READ | DRM_GEM_MMAP_PLACED_WRITE)

#define DRM_PLACED_EXACT \
	(DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE)

#define DRM_PLACED_SUPPORTED \
	(DRM_PLACED_PROT | DRM_PLACED_EXACT | DRM_GEM_MMAP_PLACED_TOPDOWN | \
	 DRM_GEM_MMAP_PLACED_FROM_ADDR)

/* For devices whose driver takes part. */
#define DRM_PLACED_OPTIONAL \
	(DRM_GEM_MMAP_PLACED_COHERENT | DRM_GEM_MMAP_PLACED_POPULATE | \
	 DRM_GEM_MMAP_PLACED_PAGES)

/**
 * struct drm_placed_request - a placed map on its way through do_mmap()
 *
 * Lives on the stack of the ioctl.
 */
struct drm_placed_request {
	/** @filp: the file to map. Constant, as the next five. */
	struct file *filp;

	/** @file_priv: the &drm_file of @filp, or NULL if that is no DRM file. */
	struct drm_file *file_priv;

	/** @args: how to map it. */
	const struct drm_gem_mmap_placed *args;

	/** @offset: what of @filp to map: where it starts, in bytes. */
	unsigned long offset;

	/** @allow: what may be mapped without being allowed to @file_priv, or NULL. */
	struct drm_vma_offset_node *allow;

	/** @deny: VM_* flags that the mapping must not have. */
	vm_flags_t deny;

	/**
	 * @link: in &drm_file.placed_requests, protected by
	 * &drm_file.placed_lock; or, if @file_priv is NULL, in
	 * other_requests, protected by other_lock.
	 */
	struct list_head link;

	/**
	 * @task: whose request it is. Constant. The members below are only
	 * touched by this task and need no lock.
	 */
	struct task_struct *task;

	/** @search: do_mmap() is to search for @range. */
	bool search;

	/** @range: what to look for. */
	struct drm_placed_range range;

	/** @gaps: number of gaps looked at so far. */
	unsigned int gaps;
};

/* The requests for files that are not DRM's. */
static LIST_HEAD(other_requests);
static DEFINE_SPINLOCK(other_lock);

/**
 * drm_placed_file_init - prepare a DRM file for placed mappings
 * @file_priv: the file, not yet visible to anyone
 */
void drm_placed_file_init(struct drm_file *file_priv)
{
	spin_lock_init(&file_priv->placed_lock);
	INIT_LIST_HEAD(&file_priv->placed_requests);
}

static u32 optional_flags(const struct drm_placed_funcs *funcs)
{
	if (!funcs)
		return 0;

	return DRM_GEM_MMAP_PLACED_POPULATE | DRM_GEM_MMAP_PLACED_PAGES |
	       (funcs->coherent ? DRM_GEM_MMAP_PLACED_COHERENT : 0);
}

/**
 * drm_placed_caps - answer %DRM_CAP_GEM_MMAP_PLACED
 * @dev: the device
 *
 * Return: the mask of DRM_GEM_MMAP_PLACED_* flags the device takes, 0 if it
 * cannot map at all.
 */
u64 drm_placed_caps(struct drm_device *dev)
{
	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return 0;

	return DRM_PLACED_SUPPORTED | optional_flags(dev->driver->placed);
}

/* The requests for a DRM file or, without, for other files. */
static struct list_head *requests_of(struct drm_file *file_priv)
{
	return file_priv ? &file_priv->placed_requests : &other_requests;
}

/* What protects them. */
static spinlock_t *requests_lock(struct drm_file *file_priv)
{
	return file_priv ? &file_priv->placed_lock : &other_lock;
}

/* The request of this task, or NULL. It can only go away by this task. */
static struct drm_placed_request *current_request(struct drm_file *file_priv)
{
	struct drm_placed_request *req, *found = NULL;

	/* The stand-in that drm_gem_prime_mmap() makes is no more than its pointers. */
	if (file_priv && !file_priv->filp)
		return NULL;

	spin_lock(requests_lock(file_priv));
	list_for_each_entry(req, requests_of(file_priv), link) {
		if (req->task == current) {
			found = req;
			break;
		}
	}
	spin_unlock(requests_lock(file_priv));

	return found;
}

/**
 * drm_placed_may_map - is this task mapping this object by right of its own?
 * @node: the object's
 * @file_priv: the file that it maps, which the object is not allowed to
 *
 * For drm_gem_mmap(). A task that is in the middle of a placed map may have
 * shown another right to the object than a handle, see drm_placed_map_node().
 * Nobody else who has the file can make use of it.
 *
 * Return: whether to let it map the object.
 */
bool drm_placed_may_map(struct drm_vma_offset_node *node, struct drm_file *file_priv)
{
	struct drm_placed_request *req = current_request(file_priv);

	return req && req->allow == node;
}

/**
 * drm_placed_limit - take rights from a mapping that a placed map must not give it
 * @vma: the mapping, in the making
 * @file_priv: the DRM file that is mapped; NULL for a dma-buf
 *
 * For drm_gem_mmap() and drm_gem_prime_mmap(), before the driver sees the
 * mapping: so that there is no time at which mprotect(2) could make use of them.
 * Does nothing if this task is not in the middle of a placed map of this file.
 */
void drm_placed_limit(struct vm_area_struct *vma, struct drm_file *file_priv)
{
	struct drm_placed_request *req = current_request(file_priv);

	if (req && req->deny && vma->vm_file == req->filp)
		vm_flags_clear(vma, req->deny);
}

/**
 * drm_placed_search_mm - find a place in the current task's address space
 * @range: what to look for
 * @gaps: in and out: the number of gaps looked at is added
 *
 * Locking: called with mmap_lock held.
 *
 * Return: the address, or -ENOSPC.
 */
unsigned long drm_placed_search_mm(const struct drm_placed_range *range, unsigned int *gaps)
{
	struct mm_struct *mm = current->mm;
	unsigned long addr;
	int ret;

	mmap_assert_locked(mm);

	ret = drm_placed_search(&mm->mm_mt, range, &addr, gaps);
	return ret ? ret : addr;
}

/**
 * drm_gem_get_unmapped_area - choose the address of a mapping of a DRM file
 * @filp: the DRM file
 * @addr: hint or, with %MAP_FIXED in @flags, the address
 * @len: size in bytes
 * @pgoff: offset in pages
 * @flags: MAP_* flags
 *
 * The get_unmapped_area() operation of %DRM_GEM_FOPS. In the middle of a
 * placed map of the same task it searches as that asks, and without %MAP_FIXED
 * in the window that this process gave the file, if it did; in all other cases
 * it answers as if the file had no such operation.
 *
 * Locking: called with mmap_lock held for writing. Takes and drops
 * &drm_file.placed_lock.
 *
 * Return: the address, or a negative errno.
 */
unsigned long drm_gem_get_unmapped_area(struct file *filp, unsigned long addr,
					unsigned long len, unsigned long pgoff,
					unsigned long flags)
{
	struct drm_placed_request *req = current_request(filp->private_data);

	unsigned long found = 0;

	if (req && req->search && !WARN_ON_ONCE(len != req->range.length))
		found = drm_placed_search_mm(&req->range, &req->gaps);
	else if (!(flags & MAP_FIXED))
		found = drm_placed_window_area(filp->private_data, addr, len, pgoff);

	if (!found)
		return drm_placed_default_area(filp, addr, len, pgoff, flags);

	mmap_assert_write_locked(current->mm);
	if (IS_ERR_VALUE(found))
		return found;

	/* Some architectures have more to do for an address than to find it. */
	return mm_get_unmapped_area(current->mm, filp, found, len, pgoff, flags | MAP_FIXED);
}
EXPORT_SYMBOL(drm_gem_get_unmapped_area);

static unsigned long placed_prot(u32 flags)
{
	return (flags & DRM_GEM_MMAP_PLACED_READ ? PROT_READ : 0) |
	       (flags & DRM_GEM_MMAP_PLACED_WRITE ? PROT_WRITE : 0);
}

/* What a coherent mapping with these rights needs of its object. */
static u32 placed_coherent(u32 flags)
{
	return DRM_GEM_COHERENT_TO_DEVICE |
	       (flags & DRM_GEM_MMAP_PLACED_READ ? DRM_GEM_COHERENT_FROM_DEVICE : 0);
}

/* In what way to map. */
static unsigned long placed_map_flags(u32 flags)
{
	return MAP_SHARED | (flags & DRM_GEM_MMAP_PLACED_POPULATE ? MAP_POPULATE : 0);
}

/*
 * The mapping itself, with the request where drm_gem_get_unmapped_area(),
 * drm_placed_may_map() and drm_placed_limit() find it.
 */
static unsigned long map_request(struct drm_placed_request *req, unsigned long addr,
				 unsigned long flag)
{
	const struct drm_gem_mmap_placed *args = req->args;
	spinlock_t *lock = requests_lock(req->file_priv);

	spin_lock(lock);
	list_add(&req->link, requests_of(req->file_priv));
	spin_unlock(lock);

	addr = vm_mmap(req->filp, addr, args->length, placed_prot(args->flags),
		       placed_map_flags(args->flags) | flag, req->offset);

	spin_lock(lock);
	list_del(&req->link);
	spin_unlock(lock);

	return addr;
}

/* Map at an exact address. */
static unsigned long map_exact(struct drm_placed_request *req)
{
	u64 addr = req->args->addr;

	/* A 32-bit kernel must not fold an address it cannot express. */
	if (addr > ULONG_MAX)
		return -ENOMEM;

	return map_request(req, addr, req->args->flags & DRM_GEM_MMAP_PLACED_FIXED ?
			   MAP_FIXED : MAP_FIXED_NOREPLACE);
}

/* Search and map in do_mmap(), through drm_gem_get_unmapped_area(). */
static unsigned long map_by_hook(struct drm_placed_request *req)
{
	req->search = true;
	return map_request(req, 0, 0);
}

/* Search, then claim; again if another thread was faster. */
static unsigned long map_by_claim(struct drm_placed_request *req)
{
	struct mm_struct *mm = current->mm;
	unsigned long addr;

	do {
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		addr = drm_placed_search_mm(&req->range, &req->gaps);
		mmap_read_unlock(mm);

		if (!IS_ERR_VALUE(addr))
			addr = map_request(req, addr, MAP_FIXED_NOREPLACE);
	} while (addr == -EEXIST && !fatal_signal_pending(current));

	return addr == -EEXIST ? -EINTR : addr;
}

/* What the members that say what to map must be, when it is a mapping. */
static int check_from_addr(const struct drm_gem_mmap_placed *args)
{
	u64 end;

	if (args->handle || args->offset || args->flags & DRM_GEM_MMAP_PLACED_PAGES ||
	    !PAGE_ALIGNED(args->from_addr) ||
	    check_add_overflow(args->from_addr, args->length, &end))
		return -EINVAL;

	return 0;
}

/* And when it is an object by its handle. */
static int check_handle(const struct drm_gem_mmap_placed *args)
{
	if (args->from_addr || !(args->flags & DRM_PLACED_PROT))
		return -EINVAL;

	/* A page window starts with nothing of the object. */
	if (args->flags & DRM_GEM_MMAP_PLACED_PAGES &&
	    (args->offset || args->flags & DRM_GEM_MMAP_PLACED_POPULATE))
		return -EINVAL;

	return 0;
}

/* Everything that can be said of the arguments without looking at the object. */
static int check_args(const struct drm_gem_mmap_placed *args)
{
	u32 exact = args->flags & DRM_PLACED_EXACT;
	u64 end;
	int ret;

	if (args->flags & ~(DRM_PLACED_SUPPORTED | DRM_PLACED_OPTIONAL) ||
	    args->pad || exact == DRM_PLACED_EXACT)
		return -EINVAL;

	ret = args->flags & DRM_GEM_MMAP_PLACED_FROM_ADDR ? check_from_addr(args) :
							    check_handle(args);
	if (ret)
		return ret;

	if (!args->length ||
	    !PAGE_ALIGNED(args->offset | args->length | args->addr |
			  args->range_start | args->range_end))
		return -EINVAL;

	/* Not is_power_of_2(), which takes a long. */
	if (args->align && (args->align < PAGE_SIZE || args->align & (args->align - 1)))
		return -EINVAL;

	if ((args->range_start || args->range_end) && args->range_start >= args->range_end)
		return -EINVAL;

	if (!exact)
		return 0;

	/* An exact address has to be one that the other fields allow. */
	if (check_add_overflow(args->addr, args->length, &end))
		return -EINVAL;

	if (args->range_end && (args->addr < args->range_start || end > args->range_end))
		return -EINVAL;

	if (args->align && args->addr & (args->align - 1))
		return -EINVAL;

	return 0;
}

/* End of what a task gets without asking for addresses above the 47-bit line. */
static unsigned long default_high(void)
{
#ifdef DEFAULT_MAP_WINDOW
	return min_t(unsigned long, TASK_SIZE, DEFAULT_MAP_WINDOW);
#else
	return TASK_SIZE;
#endif
}

/*
 * Where a search from the top starts: mmap_base if that is in the range, which
 * leaves the stack the room to grow that mmap(2) leaves it.
 */
static unsigned long topmost(const struct drm_placed_range *range)
{
	unsigned long base = drm_placed_mmap_base(current->mm);
	/* The line itself is a page further than what tasks get on x86. */
	unsigned long line = ALIGN(default_high(), PMD_SIZE);

	if (range->high > line || base >= range->high || base < range->length ||
	    base - range->length < range->low)
		return range->high;

	return base - range->length;
}

/**
 * drm_placed_fill_range - translate arguments to a search in this task's address space
 * @args: where to map, how much and, as far as it matters to huge pages, what; checked
 * @range: out: what to look for
 *
 * Return: 0; -EPERM or -ENOSPC if it cannot be found.
 */
int drm_placed_fill_range(const struct drm_gem_mmap_placed *args, struct drm_placed_range *range)
{
	struct mm_struct *mm = current->mm;
	unsigned long lowest = max(PAGE_ALIGN(mmap_min_addr), PAGE_SIZE);
	u64 high = args->range_end ? min_t(u64, args->range_end, TASK_SIZE) : default_high();

	/* Nothing in the range is the task's to map, however empty it is. */
	if (high <= lowest)
		return -EPERM;

	if (args->length > high || args->range_start >= high)
		return -ENOSPC;

	range->low = max_t(u64, args->range_start, lowest);
	range->high = high;
	range->length = args->length;
	range->hint = args->addr;
	range->topdown = args->flags & DRM_GEM_MMAP_PLACED_TOPDOWN;
	range->align = PAGE_SIZE;
	range->prefer_align = 0;

	/* No wish at all: as mmap(2) does it, randomised. */
	if (!args->addr && !args->range_end && drm_placed_mm_is_topdown(mm))
		range->topdown = true;

	if (args->addr)
		/* The nearest address to one out of reach is the last in reach. */
		range->near = min_t(u64, args->addr, high);
	else if (range->topdown)
		range->near = topmost(range);
	else
		range->near = args->range_end ? range->low : drm_placed_mmap_base(mm);

	if (args->align > high)
		return -ENOSPC;

	if (args->align) {
		range->align = args->align;
	} else if (args->length >= PMD_SIZE) {
		range->prefer_align = PMD_SIZE;
		range->prefer_offset = args->offset & (PMD_SIZE - 1);
	}

	return 0;
}

/* The drm_file of an open file, or NULL if that is no DRM device's. */
static struct drm_file *to_drm_file(struct file *filp)
{
	return drm_placed_is_drm_file(filp) ? filp->private_data : NULL;
}

/**
 * drm_placed_map_node - map a part of a file as a placed map asks
 * @filp: the file: of a DRM device or a dma-buf
 * @args: length, place and rights of the mapping; its offset only serves to
 *	choose an address that suits huge pages. Checked; handle and from_addr are of
 *	no account
 * @allow: NULL, or the node of a GEM object that this task may map whatever rights
 *	the file has to it; of no account if @filp is no DRM file, or its driver does
 *	not map by drm_gem_mmap()
 * @offset: where in the file the mapping starts, in bytes: for a DRM file the fake
 *	offset of the object and the offset in it
 * @deny: of VM_MAYREAD, VM_MAYWRITE and VM_MAYEXEC, what the mapping shall not have
 *	even if the file gives it; with the same reservation
 * @gaps: in and out: the number of gaps that were looked at is added
 *
 * What is common to all placed maps once it is clear what they map: search and
 * mapping in one step, as the overview has it.
 *
 * Locking: takes mmap_lock of the calling process and, inside, the locks of
 * the driver's mmap. The caller holds none of these, and a reference to @filp
 * and to the object of @allow.
 *
 * Return: the address, or a negative errno.
 */
unsigned long drm_placed_map_node(struct file *filp, const struct drm_gem_mmap_placed *args,
				  struct drm_vma_offset_node *allow, u64 offset,
				  vm_flags_t deny, unsigned int *gaps)
{
	struct drm_placed_request req = {
		.filp = filp,
		.file_priv = to_drm_file(filp),
		.args = args,
		.offset = offset,
		.allow = allow,
		.deny = deny,
		.task = current,
	};
	unsigned long addr;
	int ret;

	/* Offsets in bytes may be more than a 32-bit kernel can pass on. */
	if (offset + args->length - 1 > ULONG_MAX)
		return -ENOMEM;

	if (args->flags & DRM_PLACED_EXACT)
		return map_exact(&req);

	ret = drm_placed_fill_range(args, &req.range);
	if (ret)
		return ret;

	if (filp->f_op->get_unmapped_area == drm_gem_get_unmapped_area)
		addr = map_by_hook(&req);
	else
		addr = map_by_claim(&req);

	*gaps += req.gaps;
	return addr;
}

/**
 * drm_placed_prepare - do to an object what a placed map asks for beforehand
 * @obj: the object
 * @flags: DRM_GEM_MMAP_PLACED_*, with the rights that the mapping will have
 *
 * Makes it coherent, if that is among @flags.
 *
 * Return: 0 or a negative errno: -EOPNOTSUPP if its driver does not know one of
 * the flags.
 */
int drm_placed_prepare(struct drm_gem_object *obj, u32 flags)
{
	int ret;

	if (flags & DRM_PLACED_OPTIONAL & ~optional_flags(obj->dev->driver->placed))
		return -EOPNOTSUPP;

	if (!(flags & DRM_GEM_MMAP_PLACED_COHERENT))
		return 0;

	ret = drm_placed_make_coherent(obj, placed_coherent(flags));
	return ret < 0 ? ret : 0;
}

/* May this file map this part of this object, if mm agrees? */
static int check_object(struct drm_file *file_priv, struct drm_gem_object *obj,
			const struct drm_gem_mmap_placed *args)
{
	if (args->offset >= obj->size ||
	    (args->length > obj->size - args->offset &&
	     !(args->flags & DRM_GEM_MMAP_PLACED_PAGES)))
		return -EINVAL;

	if (!obj->funcs->mmap && !obj->funcs->vm_ops)
		return -EOPNOTSUPP;

	if (!drm_vma_node_is_allowed(&obj->vma_node, file_priv))
		return -EACCES;

	if (drm_core_check_feature(obj->dev, DRIVER_GEM_PLACED)) {
		/* Out of fake offsets is not out of addresses. */
		return drm_gem_create_mmap_offset(obj) ? -ENOMEM : 0;
	}

	/*
	 * Other drivers may not tell the middle of an object from its start,
	 * and some forbid mapping one by never giving it a fake offset. As
	 * drm_gem_dumb_map_offset() does, keep off imported objects.
	 */
	if (args->offset || drm_gem_is_imported(obj) ||
	    !drm_mm_node_allocated(&obj->vma_node.vm_node))
		return -EOPNOTSUPP;

	return 0;
}

/* The window goes away with the last mapping of it, or now. */
static unsigned long map_window(struct drm_file *file_priv, struct drm_gem_object *obj,
				const struct drm_gem_mmap_placed *args, unsigned int *gaps)
{
	struct drm_placed_pages *pages = drm_placed_pages_create(obj, args->length);
	unsigned long addr;

	if (IS_ERR(pages))
		return PTR_ERR(pages);

	addr = drm_placed_map_node(file_priv->filp, args, &pages->base.vma_node,
				   drm_vma_node_offset_addr(&pages->base.vma_node), 0, gaps);
	drm_gem_object_put(&pages->base);
	return addr;
}

static unsigned long map_object(struct drm_file *file_priv, struct drm_gem_object *obj,
				const struct drm_gem_mmap_placed *args, unsigned int *gaps)
{
	int ret;

	ret = check_object(file_priv, obj, args);
	if (ret)
		return ret;

	ret = drm_placed_prepare(obj, args->flags);
	if (ret)
		return ret;

	if (args->flags & DRM_GEM_MMAP_PLACED_PAGES)
		return map_window(file_priv, obj, args, gaps);

	return drm_placed_map_node(file_priv->filp, args, NULL,
				   drm_vma_node_offset_addr(&obj->vma_node) + args->offset, 0,
				   gaps);
}

static unsigned long map_handle(struct drm_file *file_priv,
				const struct drm_gem_mmap_placed *args, unsigned int *gaps)
{
	struct drm_gem_object *obj;
	unsigned long addr;

	obj = drm_gem_object_lookup(file_priv, args->handle);
	if (!obj)
		return -ENOENT;

	addr = map_object(file_priv, obj, args, gaps);
	drm_gem_object_put(obj);

	return addr;
}

/* Map, by way of what the arguments name. */
static unsigned long map(struct drm_file *file_priv, const struct drm_gem_mmap_placed *args,
			 unsigned int *gaps)
{
	int ret;

	ret = check_args(args);
	if (ret)
		return ret;

	if (args->flags & DRM_GEM_MMAP_PLACED_FROM_ADDR)
		return drm_placed_duplicate(args, gaps);

	return map_handle(file_priv, args, gaps);
}

/**
 * drm_gem_mmap_placed_ioctl - DRM_IOCTL_GEM_MMAP_PLACED
 * @dev: the device
 * @data: &struct drm_gem_mmap_placed
 * @file_priv: the caller's file
 *
 * Maps a part of a GEM object into the calling process, where it asks. See
 * &struct drm_gem_mmap_placed for arguments and errors.
 *
 * Locking: takes mmap_lock of the calling process and, inside, the locks of
 * the driver's mmap. The caller holds none of these.
 *
 * Return: 0 or a negative errno, with @data unchanged.
 */
int drm_gem_mmap_placed_ioctl(struct drm_device *dev, void *data,
			      struct drm_file *file_priv)
{
	struct drm_gem_mmap_placed *args = data;
	unsigned int gaps = 0;
	unsigned long addr;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return -EOPNOTSUPP;

	addr = map(file_priv, args, &gaps);

	/* RLIMIT_MEMLOCK. DRM's callers take EAGAIN for a reason to try again. */
	if (addr == -EAGAIN)
		addr = -ENOMEM;

	if (IS_ERR_VALUE(addr)) {
		trace_drm_placed_map_failed(dev, args, addr, gaps);
		return addr;
	}

	trace_drm_placed_map(dev, args, addr, gaps);
	args->addr = addr;
	return 0;
}
