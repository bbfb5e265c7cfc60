// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_mm.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "drm_placed_store.h"
#include "drm_placed_track_internal.h"

/**
 * DOC: debugfs
 *
 * dri/N/gem_mappable lists the GEM objects of a device that have a fake
 * offset, those that can be mapped, with the number of their references and of
 * their handles. A reference that a failed call forgot keeps its object in the
 * list after the last handle and the last mapping are gone.
 *
 * dri/N/placed_coherent lists the tracked objects of a device: their policy, how
 * many of their active chunks are in each state, and the counters of &struct
 * drm_placed_stats. /proc/PID/fdinfo/FD has the sums over the objects of a file.
 *
 * dri/N/placed_sparse lists the sparse objects of a device: how large they are, how
 * many bytes of them have memory, and how many of these in blocks of 2 MiB.
 *
 * dri/N/placed_policy is the policy of objects that are made coherent from now
 * on, for comparison: interleaved, protect, scan or vmwgfx.
 *
 * dri/N/placed_break switches a mechanism of the tracker off, for tests that
 * show that it is needed. Only with CONFIG_DRM_PLACED_BREAK.
 */

/*
 * Show the mappable objects of a device, a line each. Only for devices that are
 * mapped by drm_gem_mmap(): others keep nodes in their offset manager that are not
 * part of GEM objects.
 */
static void show_objects(struct seq_file *m, struct drm_device *dev, const char *header,
			 void (*show)(struct seq_file *m, struct drm_gem_object *obj))
{
	struct drm_mm_node *pos;

	seq_puts(m, header);
	if (dev->driver->fops->mmap != drm_gem_mmap)
		return;

	/* An object leaves the tree before it is freed. */
	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	drm_mm_for_each_node(pos, &dev->vma_offset_manager->vm_addr_space_mm)
		show(m, container_of(pos, struct drm_gem_object, vma_node.vm_node));
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);
}

static void show_mappable(struct seq_file *m, struct drm_gem_object *obj)
{
	seq_printf(m, "%#16llx %#16zx %10u %7u\n",
		   drm_vma_node_offset_addr(&obj->vma_node), obj->size,
		   kref_read(&obj->refcount), READ_ONCE(obj->handle_count));
}

/**
 * drm_placed_debugfs_show - show the mappable objects of a device
 * @m: where to; its private member is the &struct drm_debugfs_entry
 * @data: unused
 *
 * Locking: takes the lock of the device's offset manager for reading.
 *
 * Return: 0.
 */
int drm_placed_debugfs_show(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;

	show_objects(m, entry->dev, "          offset             size references handles\n",
		     show_mappable);
	return 0;
}

static void show_tracker(struct seq_file *m, struct drm_gem_object *obj)
{
	const struct drm_placed_track *track = obj->placed;
	const struct drm_placed_stats *stats;

	if (!track)
		return;
	stats = &track->stats;

	/* Each number is right; together they may be of different moments. */
	seq_printf(m, "%#16lx %#16zx %11s %5lu %5lu %5lu %9llu %9llu %9llu %9llu %9llu %9llu %9llu %9llu %9llu %6d\n",
		   drm_placed_start(track), track->obj->size,
		   drm_placed_policy_name(track->policy.kind),
		   track->states[DRM_PLACED_COLD], track->states[DRM_PLACED_HOT],
		   track->states[DRM_PLACED_HUGE], stats->faults, stats->opened,
		   stats->collections, stats->scanned, stats->dirty, stats->sent,
		   stats->transfers, stats->read_back, stats->changes,
		   atomic_read(&track->errors));
}

static int coherent_show(struct seq_file *m, void *data)
{
	show_objects(m, m->private,
		     "          object             size      policy  cold   hot  huge    faults    opened collected   scanned     dirty      sent transfers read-back   changes errors\n",
		     show_tracker);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coherent);

static void show_store(struct seq_file *m, struct drm_gem_object *obj)
{
	const struct drm_placed_store *store = obj->placed_store;

	if (store)
		seq_printf(m, "%#16lx %#16zx %#16llx %#16llx\n",
			   drm_vma_node_start(&obj->vma_node), obj->size,
			   (u64)READ_ONCE(store->present) << PAGE_SHIFT,
			   (u64)READ_ONCE(store->huge) << PMD_SHIFT);
}

static int sparse_show(struct seq_file *m, void *data)
{
	show_objects(m, m->private,
		     "          object             size          present             huge\n",
		     show_store);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sparse);

static int policy_show(struct seq_file *m, void *data)
{
	struct drm_device *dev = m->private;
	int kind;

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++)
		seq_printf(m, kind == READ_ONCE(dev->placed_policy) ? "[%s]%s" : "%s%s",
			   drm_placed_policy_name(kind),
			   kind < DRM_PLACED_POLICIES - 1 ? " " : "\n");

	return 0;
}

/* A word from user space, without white space around it. */
static char *get_word(char *word, size_t size, const char __user *from, size_t len)
{
	if (len >= size)
		return ERR_PTR(-EINVAL);

	if (copy_from_user(word, from, len))
		return ERR_PTR(-EFAULT);

	word[len] = 0;
	return strim(word);
}

static ssize_t policy_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct drm_device *dev = ((struct seq_file *)file->private_data)->private;
	char buf[32], *word = get_word(buf, sizeof(buf), from, len);
	int kind;

	if (IS_ERR(word))
		return PTR_ERR(word);

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++) {
		if (strcmp(word, drm_placed_policy_name(kind)))
			continue;
		WRITE_ONCE(dev->placed_policy, kind);
		return len;
	}

	return -EINVAL;
}
DEFINE_SHOW_STORE_ATTRIBUTE(policy);

#ifdef CONFIG_DRM_PLACED_BREAK
static const char * const breaks[] = {
	[DRM_PLACED_BREAK_ZAP] = "zap",
	[DRM_PLACED_BREAK_OPEN] = "open",
	[DRM_PLACED_BREAK_READONLY] = "readonly",
	[DRM_PLACED_BREAK_PAGE] = "page",
	[DRM_PLACED_BREAK_FLUSH] = "flush",
	[DRM_PLACED_BREAK_DMABUF] = "dmabuf",
	[DRM_PLACED_BREAK_CLOSE] = "close",
	[DRM_PLACED_BREAK_READBACK] = "readback",
	[DRM_PLACED_BREAK_TRANSFER] = "transfer",
	[DRM_PLACED_BREAK_QUEUE] = "queue",
	[DRM_PLACED_BREAK_REFRESH] = "refresh",
};

static int break_show(struct seq_file *m, void *data)
{
	struct drm_device *dev = m->private;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(breaks); i++)
		seq_printf(m, READ_ONCE(dev->placed_break) & BIT(i) ? "[%s]%s" : "%s%s", breaks[i],
			   i < ARRAY_SIZE(breaks) - 1 ? " " : "\n");

	return 0;
}

/* One mechanism, or none: an empty word or "none". */
static ssize_t break_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct drm_device *dev = ((struct seq_file *)file->private_data)->private;
	char buf[32], *word = get_word(buf, sizeof(buf), from, len);
	int i;

	if (IS_ERR(word))
		return PTR_ERR(word);

	if (!*word || !strcmp(word, "none")) {
		WRITE_ONCE(dev->placed_break, 0);
		return len;
	}

	i = match_string(breaks, ARRAY_SIZE(breaks), word);
	if (i < 0)
		return i;

	WRITE_ONCE(dev->placed_break, BIT(i));
	return len;
}
DEFINE_SHOW_STORE_ATTRIBUTE(break);
#endif

/**
 * drm_placed_debugfs_init - add the files of a device for what it has
 * @dev: the device
 */
void drm_placed_debugfs_init(struct drm_device *dev)
{
	const struct drm_placed_funcs *funcs = dev->driver->placed;

	if (!funcs)
		return;

	if (funcs->create_sparse || funcs->create_pool)
		debugfs_create_file("placed_sparse", 0444, dev->debugfs_root, dev, &sparse_fops);

	if (!funcs->coherent)
		return;

	debugfs_create_file("placed_coherent", 0444, dev->debugfs_root, dev, &coherent_fops);
	debugfs_create_file("placed_policy", 0644, dev->debugfs_root, dev, &policy_fops);
#ifdef CONFIG_DRM_PLACED_BREAK
	debugfs_create_file("placed_break", 0644, dev->debugfs_root, dev, &break_fops);
#endif
}
