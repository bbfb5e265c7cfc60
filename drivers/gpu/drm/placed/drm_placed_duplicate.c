// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include <kunit/visibility.h>

#include "drm_placed_internal.h"

/**
 * DOC: duplicates
 *
 * A program that gets the mapping of a buffer from somebody else's code, with no
 * handle and no file, may need it at another address as well. mremap(2) moves
 * such a mapping and refuses to double it. With %DRM_GEM_MMAP_PLACED_FROM_ADDR a
 * placed map takes the mapping itself for what to map.
 *
 * It happens in two steps. First the mappings in the range are looked at, under
 * mmap_lock: of which file they are, which pages of which GEM object they show, and what
 * may be done with them. Then the same pages of the same file are mapped as if by
 * handle, with drm_placed_map_node(). What counts is what was there in the first
 * step; file and object are held on to, so that nothing can happen to them until the second.
 *
 * The object of a mapping of a DRM device is found by the fake offset, where
 * drm_gem_mmap() found it. Some drivers take the fake offset off &vm_area_struct.vm_pgoff
 * in their mmap. Those among them whose mappings are opened by drm_gem_vm_open()
 * say thereby that &vm_area_struct.vm_private_data is the object, which then is
 * preferred to the fake offset: a page of one object may be the fake offset of another.
 * The private data of others can be anything, and is not looked at. The object of a mapping of a
 * dma-buf is what the dma-buf was made of, if that is GEM's to say.
 *
 * Mappings that drivers put a file of their own behind, such as i915 does with all,
 * and some others with those that are cached, cannot be told from any other
 * file's, and have no duplicates.
 *
 * A mapping is itself the right to be mapped: fork() gives no less. The duplicate has
 * no right that the original has not. What it can do now is compared with what all of
 * the original can. What mprotect(2) could give it later comes from the file
 * and the driver, and is in most cases what they gave the original: from a
 * file that was opened for reading no mapping becomes writable, drivers deny what they denied
 * before, and a tracked mapping that cannot be read makes one that cannot be read. But a mapping
 * that was made by the handle of an import has the dma-buf for its file, and its rights
 * from another; and the parts of a mapping may come from different files. So what the
 * original has not is taken away from the duplicate by drm_placed_limit(), for
 * all drivers that map by drm_gem_mmap(). Where the file gives less than the
 * original has, less there is: EACCES for a writable duplicate of what was
 * exported for reading.
 */

/* What mprotect(2) can give a mapping. */
#define MAY	(VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

/* What the mappings in a range show. */
struct original {
	/* The file of the first; a reference. */
	struct file *filp;
	/* The object; a reference. */
	struct drm_gem_object *obj;
	/* The first page of it that they show. */
	pgoff_t page;
	/* Of VM_READ, VM_WRITE and MAY, what all of them have. */
	vm_flags_t rights;
};

/**
 * drm_placed_is_drm_file - is this an open file of a DRM device?
 * @filp: the file
 *
 * Drivers have file operations of their own making, but none has all: who
 * opens or releases by DRM's functions has a &drm_file for private data.
 *
 * Return: whether &file.private_data is a &drm_file.
 */
bool drm_placed_is_drm_file(struct file *filp)
{
	const struct file_operations *fops = filp->f_op;

	return fops->open == drm_open || fops->release == drm_release ||
	       fops->release == drm_release_noglobal ||
	       fops->get_unmapped_area == drm_gem_get_unmapped_area;
}

/* The object with a fake offset, as drm_gem_mmap() finds it; a reference, or NULL. */
static struct drm_gem_object *lookup(struct drm_device *dev, pgoff_t pgoff)
{
	struct drm_gem_object *obj = NULL;
	struct drm_vma_offset_node *node;

	if (!drm_core_check_feature(dev, DRIVER_GEM))
		return NULL;

	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	node = drm_vma_offset_lookup_locked(dev->vma_offset_manager, pgoff, 1);
	if (node) {
		obj = container_of(node, struct drm_gem_object, vma_node);
		if (!kref_get_unless_zero(&obj->refcount))
			obj = NULL;
	}
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);

	return obj;
}

/* Is vm_private_data the object? */
static bool is_private_data(const struct vm_area_struct *vma)
{
	return vma->vm_ops && vma->vm_ops->open == drm_gem_vm_open;
}

/* The object that a mapping shows pages of; a reference, or NULL. */
static struct drm_gem_object *object_of(const struct vm_area_struct *vma)
{
	struct file *filp = vma->vm_file;
	struct drm_gem_object *obj;
	struct drm_file *file_priv;
	struct dma_buf *dma_buf;

	if (!filp)
		return NULL;

	if (is_dma_buf_file(filp)) {
		dma_buf = filp->private_data;
		if (dma_buf->ops->mmap != drm_gem_dmabuf_mmap)
			return NULL;

		obj = dma_buf->priv;
		drm_gem_object_get(obj);
		return obj;
	}

	if (!drm_placed_is_drm_file(filp))
		return NULL;

	if (is_private_data(vma)) {
		obj = vma->vm_private_data;
		drm_gem_object_get(obj);
		return obj;
	}

	file_priv = filp->private_data;
	return lookup(file_priv->minor->dev, vma->vm_pgoff);
}

/* The page of the object that a mapping of it shows at an address. */
VISIBLE_IF_KUNIT
int drm_placed_shown_page(const struct vm_area_struct *vma, struct drm_gem_object *obj,
			  unsigned long addr, pgoff_t *page)
{
	pgoff_t pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	pgoff_t count = obj->size >> PAGE_SHIFT;

	*page = pgoff - drm_vma_node_start(&obj->vma_node);
	if (*page < count)
		return 0;

	*page = pgoff;
	return is_private_data(vma) && pgoff < count ? 0 : -ENOENT;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_shown_page);

/* Look at the part of the range that starts at an address in the mapping. */
static int add_part(struct original *orig, struct vm_area_struct *vma, unsigned long addr,
		    pgoff_t distance)
{
	struct drm_gem_object *obj;
	bool other;
	pgoff_t page;

	obj = object_of(vma);
	if (!obj)
		return -ENOENT;

	other = orig->obj && obj != orig->obj;
	if (orig->obj) {
		drm_gem_object_put(obj);
	} else {
		orig->obj = obj;
		orig->filp = get_file(vma->vm_file);
	}

	if (other)
		return -ENOENT;

	if (!(vma->vm_flags & VM_MAYSHARE) || drm_placed_is_pages_vma(vma))
		return -EOPNOTSUPP;

	if (drm_placed_shown_page(vma, orig->obj, addr, &page))
		return -ENOENT;

	if (!distance)
		orig->page = page;
	else if (page != orig->page + distance)
		return -ENOENT;

	orig->rights &= vma->vm_flags;
	return 0;
}

/* Look at all of [from, from + length). What is in @orig then is to be put. */
static int look(struct original *orig, unsigned long from, unsigned long length)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long addr;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	for (addr = from; !ret && addr < from + length; addr = vma->vm_end) {
		vma = vma_lookup(mm, addr);
		if (!vma) {
			ret = -ENOENT;
			break;
		}
		ret = add_part(orig, vma, addr, (addr - from) >> PAGE_SHIFT);
	}

	mmap_read_unlock(mm);
	return ret;
}

/* The rights that a duplicate gets, put into the flags that say which it wants. */
VISIBLE_IF_KUNIT
int drm_placed_take_rights(vm_flags_t rights, u32 *flags)
{
	u32 prot = DRM_GEM_MMAP_PLACED_READ | DRM_GEM_MMAP_PLACED_WRITE;
	u32 has = (rights & VM_READ ? DRM_GEM_MMAP_PLACED_READ : 0) |
		  (rights & VM_WRITE ? DRM_GEM_MMAP_PLACED_WRITE : 0);

	if (!has || *flags & prot & ~has)
		return -EACCES;

	if (!(*flags & prot))
		*flags |= has;

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_take_rights);

/* Can the driver map these pages once more? */
static int check_object(const struct original *orig, u64 length)
{
	struct drm_gem_object *obj = orig->obj;

	if (length > obj->size - ((u64)orig->page << PAGE_SHIFT))
		return -ENOENT;

	if (orig->page && !drm_core_check_feature(obj->dev, DRIVER_GEM_PLACED))
		return -EOPNOTSUPP;

	/* A dma-buf is mapped without a fake offset. */
	if (is_dma_buf_file(orig->filp))
		return 0;

	return drm_mm_node_allocated(&obj->vma_node.vm_node) ? 0 : -EOPNOTSUPP;
}

/* Map it once more. */
static unsigned long map_again(const struct original *orig,
			       const struct drm_gem_mmap_placed *args, unsigned int *gaps)
{
	struct drm_gem_mmap_placed what = *args;
	struct drm_gem_object *obj = orig->obj;
	u64 offset = 0;
	int ret;

	ret = drm_placed_take_rights(orig->rights, &what.flags);
	if (ret)
		return ret;

	ret = check_object(orig, what.length);
	if (ret)
		return ret;

	ret = drm_placed_prepare(obj, what.flags);
	if (ret)
		return ret;

	what.offset = (u64)orig->page << PAGE_SHIFT;
	if (!is_dma_buf_file(orig->filp))
		offset = drm_vma_node_offset_addr(&obj->vma_node);

	return drm_placed_map_node(orig->filp, &what, &obj->vma_node, offset + what.offset,
				   MAY & ~orig->rights, gaps);
}

/**
 * drm_placed_duplicate - map once more what is mapped
 * @args: what the program asked for, with %DRM_GEM_MMAP_PLACED_FROM_ADDR; checked
 * @gaps: in and out: the number of gaps that were looked at is added
 *
 * Locking: as drm_placed_map_node().
 *
 * Return: the address, or a negative errno.
 */
unsigned long drm_placed_duplicate(const struct drm_gem_mmap_placed *args, unsigned int *gaps)
{
	struct original orig = { .rights = VM_READ | VM_WRITE | MAY };
	unsigned long addr;
	int ret;

	/* A 32-bit kernel must not fold an address it cannot express. */
	if (args->from_addr + args->length > ULONG_MAX)
		return -ENOENT;

	ret = look(&orig, args->from_addr, args->length);
	addr = ret ? ret : map_again(&orig, args, gaps);

	if (orig.obj)
		drm_gem_object_put(orig.obj);
	if (orig.filp)
		fput(orig.filp);

	return addr;
}
