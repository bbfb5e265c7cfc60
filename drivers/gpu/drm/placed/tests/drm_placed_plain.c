// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/module.h>
#include <linux/platform_device.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>

/**
 * DOC: a driver that never heard of placed mappings
 *
 * Half of the drivers in the tree have file operations of their own making,
 * and all were written before the library. This one stands for them in tests:
 * no hook in its file operations, no opt-in to anything, and no fake offset for
 * an object before DRM_IOCTL_MODE_MAP_DUMB asks for it.
 */

static const struct file_operations drm_placed_plain_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

/* Many drivers make no fake offset until they are asked for it. */
static int drm_placed_plain_dumb_create(struct drm_file *file, struct drm_device *dev,
					struct drm_mode_create_dumb *args)
{
	struct drm_gem_object *obj;
	int ret;

	ret = drm_gem_shmem_dumb_create(file, dev, args);
	if (ret)
		return ret;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	drm_gem_free_mmap_offset(obj);
	drm_gem_object_put(obj);
	return 0;
}

static const struct drm_driver drm_placed_plain_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.fops = &drm_placed_plain_fops,
	.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,
	.dumb_create = drm_placed_plain_dumb_create,
	.name = "placed_plain",
	.desc = "A driver that knows nothing of placed mappings",
	.date = "20261120",
	.major = 1,
	.minor = 0,
};

static struct drm_device *plain_drm;
static struct platform_device *plain_pdev;

static int __init drm_placed_plain_init(void)
{
	int ret;

	plain_pdev = platform_device_register_simple("placed_plain", -1, NULL, 0);
	if (IS_ERR(plain_pdev))
		return PTR_ERR(plain_pdev);

	plain_drm = drm_dev_alloc(&drm_placed_plain_driver, &plain_pdev->dev);
	if (IS_ERR(plain_drm)) {
		ret = PTR_ERR(plain_drm);
		goto err_unregister;
	}

	ret = drm_dev_register(plain_drm, 0);
	if (ret)
		goto err_put;

	return 0;

err_put:
	drm_dev_put(plain_drm);
err_unregister:
	platform_device_unregister(plain_pdev);
	return ret;
}

static void __exit drm_placed_plain_exit(void)
{
	drm_dev_unregister(plain_drm);
	drm_dev_put(plain_drm);
	platform_device_unregister(plain_pdev);
}

module_init(drm_placed_plain_init);
module_exit(drm_placed_plain_exit);

MODULE_DESCRIPTION("Test driver that knows nothing of placed mappings");
MODULE_LICENSE("Dual MIT/GPL");
