// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_mm.h>
#include <drm/drm_vma_manager.h>

/**
 * DOC: debugfs
 *
 * dri/N/gem_mappable lists the GEM objects of a device that have a fake
 * offset, those that can be mapped, with the number of their references and of
 * their handles. A reference that a failed call forgot keeps its object in the
 * list after the last handle and the last mapping are gone.
 */

/**
 * drm_placed_debugfs_show - show the mappable objects of a device
 * @m: where to; its private member is the &struct drm_debugfs_entry
 * @data: unused
 *
 * Only for devices that are mapped by drm_gem_mmap(): others keep nodes in
 * their offset manager that are not part of GEM objects.
 *
 * Locking: takes the lock of the device's offset manager for reading.
 *
 * Return: 0.
 */
int drm_placed_debugfs_show(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct drm_device *dev = entry->dev;
	struct drm_mm_node *pos;

	if (dev->driver->fops->mmap != drm_gem_mmap)
		return 0;

	seq_puts(m, "          offset             size references handles\n");

	/* An object leaves the tree before it is freed. */
	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	drm_mm_for_each_node(pos, &dev->vma_offset_manager->vm_addr_space_mm) {
		struct drm_gem_object *obj = container_of(pos, struct drm_gem_object,
							  vma_node.vm_node);

		seq_printf(m, "%#16llx %#16zx %10u %7u\n",
			   drm_vma_node_offset_addr(&obj->vma_node), obj->size,
			   kref_read(&obj->refcount), READ_ONCE(obj->handle_count));
	}
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);

	return 0;
}
