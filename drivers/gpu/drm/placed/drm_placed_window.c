// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include <kunit/visibility.h>

#include "drm_placed_internal.h"

/**
 * DOC: windows of files
 *
 * A driver in user space that knows nothing of placed maps calls mmap(2) with no
 * address, and gets one that its program may not be able to use. With
 * DRM_IOCTL_GEM_MMAP_WINDOW the program tells the kernel once in which range
 * mmap(2) of an open file is to map, and drm_gem_get_unmapped_area() searches there
 * as a placed map would.
 *
 * Files go from process to process, by fork() and by sockets, and the addresses
 * that one cannot use mean nothing to another. So a window is for the address space of the
 * process that set it. It is known by its &struct mm_struct, of which the
 * file holds on to the struct and not to what is in it; once its users are gone
 * the window is nobody's, and the next who comes may set one.
 *
 * With %MAP_FIXED, and so with %MAP_FIXED_NOREPLACE and in mremap(2) with
 * %MREMAP_FIXED, addresses are the caller's choice and the window has no say.
 * mremap(2) does not ask for an address of its own choice for mappings of
 * GEM objects: it neither lets them grow (%VM_DONTEXPAND) nor moves them without growing.
 *
 * It takes file operations with drm_gem_get_unmapped_area(). What others mmap(2) is
 * out of reach: mm asks them, or nobody.
 */

/**
 * drm_placed_file_fini - let go of what a DRM file has for placed mappings
 * @file_priv: the file, no longer visible to anyone
 */
void drm_placed_file_fini(struct drm_file *file_priv)
{
	if (file_priv->placed_window.mm)
		mmdrop(file_priv->placed_window.mm);
}

/* The window that this process has on the file, if any. */
static bool own_window(struct drm_file *file_priv, struct drm_placed_file_window *window)
{
	spin_lock(&file_priv->placed_lock);
	*window = file_priv->placed_window;
	spin_unlock(&file_priv->placed_lock);

	return window->mm && window->mm == current->mm;
}

/* How far into its object a mapping starts, in bytes. */
static u64 object_offset(struct drm_device *dev, unsigned long pgoff)
{
	struct drm_vma_offset_node *node;
	u64 offset = 0;

	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	node = drm_vma_offset_lookup_locked(dev->vma_offset_manager, pgoff, 1);
	if (node)
		offset = (u64)(pgoff - drm_vma_node_start(node)) << PAGE_SHIFT;
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);

	return offset;
}

/* The hint of an mmap(), or 0: one that is out of the window is no hint where in it to map. */
VISIBLE_IF_KUNIT
u64 drm_placed_window_hint(u64 start, u64 end, u64 addr, u64 len)
{
	return addr >= start && addr < end && len <= end - addr ? addr : 0;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_window_hint);

/**
 * drm_placed_window_area - choose the address of a plain mmap() in a window
 * @file_priv: the file
 * @addr: hint, or 0
 * @len: size in bytes
 * @pgoff: offset in the file in pages
 *
 * Locking: called with mmap_lock held for writing. Takes and drops
 * &drm_file.placed_lock.
 *
 * Return: the address; 0 if this process has no window on the file; -ENOMEM if
 * there is no room in the window.
 */
unsigned long drm_placed_window_area(struct drm_file *file_priv, unsigned long addr,
				     unsigned long len, unsigned long pgoff)
{
	struct drm_gem_mmap_placed args = { .length = len };
	struct drm_placed_file_window window;
	struct drm_placed_range range;
	unsigned int gaps = 0;

	if (!own_window(file_priv, &window))
		return 0;

	args.range_start = window.start;
	args.range_end = window.end;
	/* What mmap() answers has 32 bits, even if the task has more. */
	if (in_compat_syscall())
		args.range_end = min(args.range_end, SZ_4G);

	args.addr = drm_placed_window_hint(args.range_start, args.range_end, PAGE_ALIGN(addr), len);
	if (window.flags & DRM_GEM_MMAP_WINDOW_TOPDOWN)
		args.flags = DRM_GEM_MMAP_PLACED_TOPDOWN;

	args.offset = object_offset(file_priv->minor->dev, pgoff);

	if (drm_placed_fill_range(&args, &range))
		return -ENOMEM;

	addr = drm_placed_search_mm(&range, &gaps);
	return IS_ERR_VALUE(addr) ? -ENOMEM : addr;
}

/* Put a window, or none, in the place of what is there. */
static int replace_window(struct drm_file *file_priv, const struct drm_placed_file_window *window)
{
	struct mm_struct *old;

	spin_lock(&file_priv->placed_lock);
	old = file_priv->placed_window.mm;
	if (old && old != current->mm && atomic_read(&old->mm_users)) {
		spin_unlock(&file_priv->placed_lock);
		return -EBUSY;
	}
	file_priv->placed_window = *window;
	if (window->mm)
		mmgrab(window->mm);
	spin_unlock(&file_priv->placed_lock);

	if (old)
		mmdrop(old);
	return 0;
}

static int set_window(struct drm_file *file_priv, const struct drm_gem_mmap_window *args)
{
	struct drm_placed_file_window window = {
		.mm = current->mm,
		.start = args->range_start,
		.end = args->range_end,
		.flags = args->flags,
	};

	/* "Below 4 GiB" is all of it for a 32-bit task, whose addresses end before that. */
	if (args->flags & ~DRM_GEM_MMAP_WINDOW_TOPDOWN ||
	    !PAGE_ALIGNED(args->range_start | args->range_end) ||
	    args->range_start >= args->range_end ||
	    args->range_start >= TASK_SIZE || args->range_end > ALIGN((u64)TASK_SIZE, SZ_4G))
		return -EINVAL;

	return replace_window(file_priv, &window);
}

static int clear_window(struct drm_file *file_priv)
{
	struct drm_placed_file_window none = {};

	return replace_window(file_priv, &none);
}

static void query_window(struct drm_file *file_priv, struct drm_gem_mmap_window *args)
{
	struct drm_placed_file_window window;

	if (!own_window(file_priv, &window))
		return;

	args->flags = window.flags;
	args->range_start = window.start;
	args->range_end = window.end;
}

/**
 * drm_gem_mmap_window_ioctl - DRM_IOCTL_GEM_MMAP_WINDOW
 * @dev: the device
 * @data: &struct drm_gem_mmap_window
 * @file_priv: the caller's file
 *
 * Sets, clears or tells the range that plain mmap() of the file maps in. See
 * &struct drm_gem_mmap_window for arguments and errors.
 *
 * Return: 0 or a negative errno, with @data unchanged.
 */
int drm_gem_mmap_window_ioctl(struct drm_device *dev, void *data,
			      struct drm_file *file_priv)
{
	struct drm_gem_mmap_window *args = data;

	if (!drm_core_check_feature(dev, DRIVER_GEM) ||
	    file_priv->filp->f_op->get_unmapped_area != drm_gem_get_unmapped_area)
		return -EOPNOTSUPP;

	if (args->op == DRM_GEM_MMAP_WINDOW_SET)
		return set_window(file_priv, args);

	if (args->flags || args->range_start || args->range_end)
		return -EINVAL;

	switch (args->op) {
	case DRM_GEM_MMAP_WINDOW_CLEAR:
		return clear_window(file_priv);
	case DRM_GEM_MMAP_WINDOW_QUERY:
		query_window(file_priv, args);
		return 0;
	default:
		return -EINVAL;
	}
}
