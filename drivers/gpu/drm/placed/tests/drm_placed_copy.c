// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-fence.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>
#include <uapi/drm/drm_placed_copy.h>

#include "../drm_placed_memory.h"
#include "../drm_placed_sparse.h"
#include "../drm_placed_track.h"

/**
 * DOC: a device that sees nothing but transfers
 *
 * A test driver for coherent mappings. Its device is a copy of each object in
 * kernel memory, which nothing reaches but the transfers that the tracker asks
 * for: a store that the tracker missed is missing in the copy, for a test to
 * find. What the device does on an object is up to programs, by private ioctls.
 *
 * The device executes one thing after the other. Transfers to the device are
 * done where they are asked for. Transfers from the device run in a worker,
 * end by a fence, and are waited for by whatever comes after them, so that
 * faults have something to wait for, and the order is still that of a queue.
 *
 * Copies go by words of eight bytes, as no memcpy() promises to, so that a
 * torn word is the tracker's.
 */

/* Larger objects are refused: each takes its size twice. */
#define COPY_MAX_SIZE SZ_1G

/**
 * struct copy_device - the device
 */
struct copy_device {
	/** @drm: base. */
	struct drm_device drm;

	/**
	 * @lock: &drm_placed_funcs.lock. Puts operations and transfers of all
	 * objects in an order.
	 */
	struct mutex lock;

	/**
	 * @queue: ordered; what transfers from the device run in. The workers
	 * take no locks: it is flushed with @lock and the tracker's lock held.
	 */
	struct workqueue_struct *queue;

	/** @fence_lock: of all fences of the device. */
	spinlock_t fence_lock;

	/** @fence_context: of all fences of the device. Constant. */
	u64 fence_context;

	/** @fence_seqno: of the last fence. Protected by @lock. */
	u64 fence_seqno;
};

/**
 * struct copy_object - an object, and what the device has of it
 */
struct copy_object {
	/** @base: base. */
	struct drm_gem_object base;

	/** @flags: DRM_PLACED_COPY_*. Constant. */
	u32 flags;

	/** @pages: the memory that programs map. The array is constant. NULL if sparse. */
	struct page **pages;

	/**
	 * @copy: what the device sees. Written under &copy_device.lock. The
	 * worker reads it without: who writes has waited for the worker.
	 */
	void *copy;

	/** @sent: pages sent so far. Protected by &copy_device.lock. */
	u64 sent;

	/** @runs: transfers to the device so far. Protected by &copy_device.lock. */
	u64 runs;

	/** @read_back: pages read back so far. Protected by &copy_device.lock. */
	u64 read_back;

	/** @fail_send: refuse the next transfer to the device. Protected by &copy_device.lock. */
	bool fail_send;

	/** @fail_read_back: the same for the other way. Protected by &copy_device.lock. */
	bool fail_read_back;
};

/**
 * struct copy_job - a transfer from the device
 */
struct copy_job {
	/** @fence: signals the end. First, for its memory is the job's. */
	struct dma_fence fence;

	/** @work: does it. */
	struct work_struct work;

	/** @bo: the object, which is not freed before the queue is empty. */
	struct copy_object *bo;

	/** @first: the first page. */
	pgoff_t first;

	/** @count: number of pages. */
	pgoff_t count;

	/** @fail: nothing arrives. */
	bool fail;

	/** @pages: the pages. They stay until the fence signals. */
	struct page *pages[];
};

static struct copy_device *to_copy_device(struct drm_device *dev)
{
	return container_of(dev, struct copy_device, drm);
}

static struct copy_object *to_copy_object(struct drm_gem_object *obj)
{
	return container_of(obj, struct copy_object, base);
}

static int copy_create(struct drm_device *dev, struct drm_file *file, u64 size, u32 flags,
		       u32 *handle);

/* Copy a page; a word is old or new, whoever stores to it meanwhile. */
static void copy_page_words(void *to, const void *from)
{
	const u64 *src = from;
	u64 *dst = to;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		WRITE_ONCE(dst[i], READ_ONCE(src[i]));
}

/* Fences */

static const char *copy_fence_driver_name(struct dma_fence *fence)
{
	return "placed_copy";
}

static const char *copy_fence_timeline_name(struct dma_fence *fence)
{
	return "queue";
}

static const struct dma_fence_ops copy_fence_ops = {
	.get_driver_name = copy_fence_driver_name,
	.get_timeline_name = copy_fence_timeline_name,
};

static void copy_read_back_work(struct work_struct *work)
{
	struct copy_job *job = container_of(work, struct copy_job, work);
	struct copy_object *bo = job->bo;
	bool cookie = dma_fence_begin_signalling();
	pgoff_t i;

	if (job->fail) {
		drm_placed_track_error(&bo->base, job->first, job->count, false);
		dma_fence_set_error(&job->fence, -EIO);
	} else {
		for (i = 0; i < job->count; i++)
			copy_page_words(page_address(job->pages[i]),
					bo->copy + ((job->first + i) << PAGE_SHIFT));
	}

	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&job->fence);
}

/* What the tracker asks for */

static int copy_coherent(struct drm_gem_object *obj, u32 flags)
{
	int ret;

	/* Just asking whether the mapped memory is the device's. */
	if (!flags)
		return -EOPNOTSUPP;

	ret = drm_placed_track(obj, flags, false);
	return ret ? ret : DRM_GEM_COHERENT_TRACKED;
}

static int copy_lock(struct drm_gem_object *obj)
{
	return mutex_lock_killable(&to_copy_device(obj->dev)->lock);
}

static void copy_unlock(struct drm_gem_object *obj)
{
	mutex_unlock(&to_copy_device(obj->dev)->lock);
}

static unsigned long copy_pfn(struct drm_gem_object *obj, pgoff_t page)
{
	if (drm_placed_is_sparse(obj))
		return drm_placed_sparse_pfn(obj, page);

	return page_to_pfn(to_copy_object(obj)->pages[page]);
}

static void copy_send(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct copy_device *dev = to_copy_device(obj->dev);
	struct copy_object *bo = to_copy_object(obj);
	pgoff_t i;

	lockdep_assert_held(&dev->lock);
	if (drm_WARN_ON(&dev->drm, !count || first + count > obj->size >> PAGE_SHIFT))
		return;

	/* After all that was queued before. */
	flush_workqueue(dev->queue);
	bo->runs++;
	bo->sent += count;

	if (bo->fail_send) {
		bo->fail_send = false;
		drm_placed_track_error(obj, first, count, true);
		return;
	}

	drm_placed_sparse_begin(obj, 0, 0, NULL);
	for (i = first; i < first + count; i++) {
		unsigned long pfn = copy_pfn(obj, i);
		void *copy = bo->copy + (i << PAGE_SHIFT);

		if (pfn == DRM_PLACED_NO_PFN)
			memset(copy, 0, PAGE_SIZE);
		else
			copy_page_words(copy, page_address(pfn_to_page(pfn)));
	}
	drm_placed_sparse_end(obj);
}

static void copy_discard(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct copy_device *dev = to_copy_device(obj->dev);

	lockdep_assert_held(&dev->lock);

	/* After all that was queued before. */
	flush_workqueue(dev->queue);
	memset(to_copy_object(obj)->copy + (first << PAGE_SHIFT), 0, count << PAGE_SHIFT);
}

static struct dma_fence *copy_read_back(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct copy_device *dev = to_copy_device(obj->dev);
	struct copy_object *bo = to_copy_object(obj);
	struct copy_job *job;
	pgoff_t i;

	lockdep_assert_held(&dev->lock);
	if (drm_WARN_ON(&dev->drm, !count || first + count > obj->size >> PAGE_SHIFT))
		return ERR_PTR(-EINVAL);

	job = kzalloc(struct_size(job, pages, count), GFP_KERNEL);
	if (!job)
		return ERR_PTR(-ENOMEM);

	drm_placed_sparse_begin(obj, 0, 0, NULL);
	for (i = 0; i < count; i++)
		job->pages[i] = pfn_to_page(copy_pfn(obj, first + i));
	drm_placed_sparse_end(obj);

	job->bo = bo;
	job->first = first;
	job->count = count;
	job->fail = bo->fail_read_back;
	bo->fail_read_back = false;
	bo->read_back += count;

	/* One reference is the worker's, the other the caller's. */
	dma_fence_init(&job->fence, &copy_fence_ops, &dev->fence_lock,
		       dev->fence_context, ++dev->fence_seqno);
	dma_fence_get(&job->fence);
	INIT_WORK(&job->work, copy_read_back_work);
	queue_work(dev->queue, &job->work);

	return &job->fence;
}

static int copy_flush(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, bool wait)
{
	int ret;

	/* Sending is done when it returns: there is nothing to wait for. */
	if (!count)
		return 0;

	ret = copy_lock(obj);
	if (ret)
		return ret;

	drm_placed_collect(obj, first, count);
	copy_unlock(obj);
	return 0;
}

static int copy_create_sparse(struct drm_device *dev, struct drm_file *file, u64 size, u32 *handle)
{
	return copy_create(dev, file, size, DRM_PLACED_COPY_SPARSE, handle);
}

static const struct drm_placed_funcs copy_placed_funcs = {
	.coherent = copy_coherent,
	.lock = copy_lock,
	.unlock = copy_unlock,
	.pfn = copy_pfn,
	.send = copy_send,
	.read_back = copy_read_back,
	.flush = copy_flush,
	.create_sparse = copy_create_sparse,
	.discard = copy_discard,
};

/* Objects */

static void copy_object_free(struct drm_gem_object *obj)
{
	struct copy_object *bo = to_copy_object(obj);
	pgoff_t i;

	/* Nobody waits for it any more, but the worker may not have begun. */
	flush_workqueue(to_copy_device(obj->dev)->queue);

	for (i = 0; bo->pages && i < obj->size >> PAGE_SHIFT; i++)
		if (bo->pages[i])
			__free_page(bo->pages[i]);

	kvfree(bo->pages);
	vfree(bo->copy);
	drm_gem_object_release(obj);
	kfree(bo);
}

static vm_fault_t copy_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct copy_object *bo = to_copy_object(obj);
	pgoff_t page = vmf->pgoff - drm_vma_node_start(&obj->vma_node);

	if (page >= obj->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	if (bo->flags & DRM_PLACED_COPY_PAGES)
		return vmf_insert_page(vma, vmf->address, bo->pages[page]);

	return vmf_insert_pfn(vma, vmf->address, page_to_pfn(bo->pages[page]));
}

static int copy_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct copy_object *bo = to_copy_object(obj);

	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;

	/* drm_gem_prime_mmap() sets it after this. */
	vma->vm_private_data = obj;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP |
		     (bo->flags & DRM_PLACED_COPY_PAGES ? VM_MIXEDMAP : VM_PFNMAP | VM_IO));
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);

	drm_placed_track_mmap(obj, vma);
	return 0;
}

static struct sg_table *copy_get_sg_table(struct drm_gem_object *obj)
{
	return drm_prime_pages_to_sg(obj->dev, to_copy_object(obj)->pages,
				     obj->size >> PAGE_SHIFT);
}

static const struct vm_operations_struct copy_vm_ops = {
	.fault = copy_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static const struct drm_gem_object_funcs copy_object_funcs = {
	.free = copy_object_free,
	.mmap = copy_mmap,
	.get_sg_table = copy_get_sg_table,
	.vm_ops = &copy_vm_ops,
};

static const struct drm_gem_object_funcs copy_sparse_funcs = {
	.free = copy_object_free,
	.export = drm_placed_sparse_export,
	.mmap = drm_placed_sparse_mmap,
	.vm_ops = &drm_placed_vm_ops,
	.placed = &drm_placed_sparse_memory,
};

/* Fill an object with pages, in pieces of a huge page where asked for and where one fits. */
static int copy_alloc_pages(struct copy_object *bo)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	pgoff_t count = bo->base.size >> PAGE_SHIFT, i, j;
	unsigned int order;
	struct page *page;

	for (i = 0; i < count; i += 1UL << order) {
		order = bo->flags & DRM_PLACED_COPY_CONTIGUOUS ? PMD_SHIFT - PAGE_SHIFT : 0;
		if (count - i < 1UL << order)
			order = 0;

		page = alloc_pages(gfp, order);
		if (!page)
			return -ENOMEM;

		if (order)
			split_page(page, order);
		for (j = 0; j < 1UL << order; j++)
			bo->pages[i + j] = page + j;

		cond_resched();
	}

	if (bo->flags & DRM_PLACED_COPY_CONTIGUOUS)
		return 0;

	/* Not even by chance: what is sent of huge entries is not exact. */
	for (i = 1; i < count; i += PTRS_PER_PMD)
		if (bo->pages[i] == bo->pages[i - 1] + 1)
			swap(bo->pages[i], bo->pages[i - 1]);

	return 0;
}

static int copy_create(struct drm_device *dev, struct drm_file *file, u64 size, u32 flags,
		       u32 *handle)
{
	struct drm_gem_object *obj;
	struct copy_object *bo;
	int ret;

	bool sparse = flags & DRM_PLACED_COPY_SPARSE;

	if (!size || size > COPY_MAX_SIZE || !PAGE_ALIGNED(size) ||
	    flags & ~(DRM_PLACED_COPY_PAGES | DRM_PLACED_COPY_CONTIGUOUS |
		      DRM_PLACED_COPY_SPARSE) || (sparse && flags != DRM_PLACED_COPY_SPARSE))
		return -EINVAL;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	if (!bo)
		return -ENOMEM;

	obj = &bo->base;
	obj->funcs = sparse ? &copy_sparse_funcs : &copy_object_funcs;
	bo->flags = flags;
	drm_gem_private_object_init(dev, obj, size);

	bo->copy = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!sparse)
		bo->pages = kvcalloc(size >> PAGE_SHIFT, sizeof(*bo->pages), GFP_KERNEL_ACCOUNT);

	if (!bo->copy || (!sparse && !bo->pages))
		ret = -ENOMEM;
	else
		ret = sparse ? drm_placed_sparse_init(obj, NULL) : copy_alloc_pages(bo);
	if (!ret)
		ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		ret = drm_gem_handle_create(file, obj, handle);

	/* The handle keeps it. */
	drm_gem_object_put(obj);
	return ret;
}

static int copy_dumb_create(struct drm_file *file, struct drm_device *dev,
			    struct drm_mode_create_dumb *args)
{
	u64 size;

	args->pitch = DIV_ROUND_UP_ULL((u64)args->width * args->bpp, 8);
	size = (u64)args->pitch * args->height;
	if (!size || size > COPY_MAX_SIZE)
		return -EINVAL;

	args->size = PAGE_ALIGN(size);
	return copy_create(dev, file, args->size, 0, &args->handle);
}

/* Ioctls */

static int copy_create_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_placed_copy_create *args = data;

	return copy_create(dev, file, args->size, args->flags, &args->handle);
}

/* What the device does, in its order. */
static void copy_execute(struct copy_object *bo, struct drm_placed_copy_op *args, void *bounce)
{
	struct drm_gem_object *obj = &bo->base;
	struct copy_device *dev = to_copy_device(obj->dev);
	bool tracked = drm_placed_is_tracked(obj);
	u64 sent = bo->sent, runs = bo->runs;

	switch (args->op) {
	case DRM_PLACED_COPY_READ:
		if (tracked)
			drm_placed_collect(obj, 0, obj->size >> PAGE_SHIFT);
		memcpy(bounce, bo->copy + args->offset, args->length);
		break;
	case DRM_PLACED_COPY_WRITE:
		if (tracked) {
			drm_placed_device_writes(obj);
			drm_placed_collect(obj, 0, obj->size >> PAGE_SHIFT);
		}
		flush_workqueue(dev->queue);
		memcpy(bo->copy + args->offset, bounce, args->length);
		break;
	case DRM_PLACED_COPY_PEEK:
		memcpy(bounce, bo->copy + args->offset, args->length);
		break;
	case DRM_PLACED_COPY_RESET:
		flush_workqueue(dev->queue);
		memset(bo->copy, 0xdd, obj->size);
		if (tracked)
			drm_placed_mark_dirty(obj);
		break;
	case DRM_PLACED_COPY_FAIL:
		if (args->length)
			bo->fail_read_back = true;
		else
			bo->fail_send = true;
		break;
	}

	args->pages = bo->sent - sent;
	args->runs = bo->runs - runs;
	args->read_back = bo->read_back;
}

static int copy_op(struct drm_gem_object *obj, struct drm_placed_copy_op *args)
{
	bool out = args->op == DRM_PLACED_COPY_READ || args->op == DRM_PLACED_COPY_PEEK;
	bool in = args->op == DRM_PLACED_COPY_WRITE;
	void *bounce = NULL;
	int ret = 0;

	if (args->op > DRM_PLACED_COPY_FAIL || args->offset > obj->size ||
	    args->length > obj->size - args->offset)
		return -EINVAL;

	if ((in || out) && args->length) {
		bounce = kvmalloc(args->length, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!bounce)
			return -ENOMEM;
	}

	if (in && copy_from_user(bounce, u64_to_user_ptr(args->data), args->length)) {
		ret = -EFAULT;
		goto out_free;
	}

	ret = copy_lock(obj);
	if (ret)
		goto out_free;
	copy_execute(to_copy_object(obj), args, bounce);
	copy_unlock(obj);

	if (out && copy_to_user(u64_to_user_ptr(args->data), bounce, args->length))
		ret = -EFAULT;

out_free:
	kvfree(bounce);
	return ret;
}

static int copy_op_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_placed_copy_op *args = data;
	struct drm_gem_object *obj;
	int ret;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = copy_op(obj, args);
	drm_gem_object_put(obj);
	return ret;
}

static int copy_clean_ioctl(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_placed_copy_clean *args = data;
	struct drm_gem_object *obj;
	unsigned long *bitmap;
	pgoff_t pages, start = 0, end = 0;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	pages = obj->size >> PAGE_SHIFT;
	bitmap = kvcalloc(BITS_TO_LONGS(pages), sizeof(long), GFP_KERNEL);
	if (!bitmap) {
		drm_gem_object_put(obj);
		return -ENOMEM;
	}

	args->pages = clean_record_shared_mapping_range(dev->anon_inode->i_mapping,
							drm_vma_node_start(&obj->vma_node),
							pages,
							drm_vma_node_start(&obj->vma_node),
							bitmap, &start, &end);
	kvfree(bitmap);
	drm_gem_object_put(obj);
	return 0;
}

static const struct drm_ioctl_desc copy_ioctls[] = {
	DRM_IOCTL_DEF_DRV(PLACED_COPY_CREATE, copy_create_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(PLACED_COPY_OP, copy_op_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(PLACED_COPY_CLEAN, copy_clean_ioctl, DRM_RENDER_ALLOW),
};

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	DRM_GEM_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver copy_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_GEM_PLACED,
	.fops = &copy_fops,
	.ioctls = copy_ioctls,
	.num_ioctls = ARRAY_SIZE(copy_ioctls),
	.dumb_create = copy_dumb_create,
	.placed = &copy_placed_funcs,
	.name = "placed_copy",
	.desc = "A device that sees nothing but transfers",
	.date = "20261120",
	.major = 1,
	.minor = 0,
};

static struct copy_device *copy_dev;
static struct platform_device *copy_pdev;

static void copy_destroy_queue(struct drm_device *dev, void *queue)
{
	destroy_workqueue(queue);
}

static int copy_init_device(struct copy_device *dev)
{
	int ret;

	ret = drmm_mutex_init(&dev->drm, &dev->lock);
	if (ret)
		return ret;

	spin_lock_init(&dev->fence_lock);
	dev->fence_context = dma_fence_context_alloc(1);
	dev->queue = alloc_ordered_workqueue("placed_copy", WQ_MEM_RECLAIM);
	if (!dev->queue)
		return -ENOMEM;

	ret = drmm_add_action_or_reset(&dev->drm, copy_destroy_queue, dev->queue);
	if (ret)
		return ret;

	return drm_dev_register(&dev->drm, 0);
}

static int __init drm_placed_copy_init(void)
{
	int ret;

	copy_pdev = platform_device_register_simple("placed_copy", -1, NULL, 0);
	if (IS_ERR(copy_pdev))
		return PTR_ERR(copy_pdev);

	if (!devres_open_group(&copy_pdev->dev, NULL, GFP_KERNEL)) {
		ret = -ENOMEM;
		goto err_unregister;
	}

	copy_dev = devm_drm_dev_alloc(&copy_pdev->dev, &copy_driver, struct copy_device, drm);
	if (IS_ERR(copy_dev)) {
		ret = PTR_ERR(copy_dev);
		goto err_devres;
	}

	ret = copy_init_device(copy_dev);
	if (ret)
		goto err_devres;

	return 0;

err_devres:
	devres_release_group(&copy_pdev->dev, NULL);
err_unregister:
	platform_device_unregister(copy_pdev);
	return ret;
}

static void __exit drm_placed_copy_exit(void)
{
	drm_dev_unregister(&copy_dev->drm);
	devres_release_group(&copy_pdev->dev, NULL);
	platform_device_unregister(copy_pdev);
}

module_init(drm_placed_copy_init);
module_exit(drm_placed_copy_exit);

MODULE_DESCRIPTION("Test driver whose device sees nothing but transfers");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_IMPORT_NS(DMA_BUF);
