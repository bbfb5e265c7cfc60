// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/dma-fence.h>
#include <linux/slab.h>

#include <drm/drm_atomic.h>
#include <drm/drm_crtc.h>
#include <drm/drm_file.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_modes.h>
#include <drm/drm_prime.h>

#include <uapi/drm/drm_placed.h>

#include "virtgpu_drv.h"

#include "../placed/drm_placed_rows.h"
#include "../placed/drm_placed_runs.h"
#include "../placed/drm_placed_sparse.h"
#include "../placed/drm_placed_store.h"
#include "../placed/drm_placed_track_internal.h"

/**
 * DOC: coherent mappings of virtio-gpu's resources
 *
 * The host keeps a copy of each classic resource, and learns of the guest's
 * memory by TRANSFER_TO_HOST and TRANSFER_FROM_HOST commands. Here is when the
 * tracker is asked what to transfer, and how pages become boxes.
 *
 * Two layouts are known well enough: buffers, whose bytes are transferred one
 * by one, and 2D resources, those of dumb buffers and sparse objects, which are rows
 * of 32-bit pixels. Textures are laid out by the host, so a page of theirs is no box; they
 * are refused. Blobs of guest memory, host visible blobs and pool objects are mapped
 * by both sides and need nothing.
 *
 * A device that takes ranges (virtgpu_ranges.c) gets one command for a collection, with
 * the bytes of the runs; any other one gets a command for each run, with a box.
 *
 * Dirty pages are sent before execbuffer, explicit transfers, plane updates
 * (page flips and DIRTYFB among them), and when an object is scanned out, at the
 * display's refresh rate: see drm_placed_display.c.
 *
 * All of it happens with one mutex of the device held, from the collection to
 * the command that needs it, so that no command overtakes the transfers of
 * stores that it must see.
 *
 * Commands of the tracker's are queued without a lock on the object's
 * reservation, since they come from page faults too: &virtio_gpu_object_array
 * says so with its member coherent. That is right because the device executes
 * its queue in order, and because waiting for them is the tracker's business.
 */

static struct virtio_gpu_device *vgdev_of(struct drm_gem_object *obj)
{
	return obj->dev->dev_private;
}

static bool is_native(struct virtio_gpu_object *bo)
{
	/* With HOST3D_GUEST, both sides have memory of their own. */
	return virtio_gpu_is_vram(bo) || virtio_gpu_is_pool(bo) ||
	       (bo->guest_blob && !bo->host3d_blob);
}

/* Of rows, a host with GL has a texture, which is not linear there. */
static bool takes_ranges(struct virtio_gpu_object *bo)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;

	return vgdev->ranges.transfer &&
	       (bo->coherent.layout == VIRTIO_GPU_LAYOUT_BUFFER || !vgdev->has_virgl_3d);
}

/**
 * virtio_gpu_coherent_object_init - note what a resource looks like
 * @bo: the object, just created
 * @params: what it was created with
 */
void virtio_gpu_coherent_object_init(struct virtio_gpu_object *bo,
				     const struct virtio_gpu_object_params *params)
{
	bo->coherent.width = params->width;
	bo->coherent.height = params->height;

	if (params->blob)
		bo->coherent.layout = VIRTIO_GPU_LAYOUT_NONE;
	else if (!params->virgl)
		bo->coherent.layout = VIRTIO_GPU_LAYOUT_ROWS;
	else if (!params->target)
		bo->coherent.layout = VIRTIO_GPU_LAYOUT_BUFFER;
}

/**
 * virtio_gpu_coherent_mmap - map an object, and track the mapping if it is coherent
 * @obj: the object
 * @vma: the mapping
 *
 * &drm_gem_object_funcs.mmap of shmem objects; through a file of the device and
 * through one of a dma-buf.
 *
 * Return: 0 or a negative errno.
 */
int virtio_gpu_coherent_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	int ret = drm_gem_shmem_object_mmap(obj, vma);

	if (!ret && !drm_gem_is_imported(obj))
		drm_placed_track_mmap(obj, vma);
	return ret;
}

/**
 * virtio_gpu_coherent_vmap - map an object into the kernel
 * @obj: the object
 * @map: where it is mapped
 *
 * &drm_gem_object_funcs.vmap of shmem objects. Nobody tracks what the kernel
 * stores.
 *
 * Return: 0 or a negative errno.
 */
int virtio_gpu_coherent_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	drm_placed_untracked_access(obj);
	return drm_gem_shmem_object_vmap(obj, map);
}

/**
 * virtio_gpu_coherent_attach - attach another device to an exported object
 * @buf: the object's dma-buf
 * @attach: the attachment
 *
 * &virtio_dma_buf_ops.device_attach. Nobody tracks what other devices store.
 *
 * Return: 0 or a negative errno.
 */
int virtio_gpu_coherent_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	drm_placed_untracked_access(buf->priv);
	return drm_gem_map_attach(buf, attach);
}

static int virtio_gpu_make_coherent(struct drm_gem_object *obj, u32 flags)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	bool rows = bo->coherent.layout == VIRTIO_GPU_LAYOUT_ROWS;
	int ret;

	if (is_native(bo))
		return DRM_GEM_COHERENT_NATIVE;

	if (!flags || bo->coherent.layout == VIRTIO_GPU_LAYOUT_NONE)
		return -EOPNOTSUPP;

	if (drm_placed_is_tracked(obj))
		return drm_placed_track(obj, flags, false) ?: DRM_GEM_COHERENT_TRACKED;

	/* Before anybody can find it tracked. One too many does no harm. */
	atomic_inc(&vgdev_of(obj)->coherent.objects);

	/*
	 * What was drawn before was to be sent by the next plane update. That goes for
	 * a sparse object, too, however little it has: it may be getting more right now.
	 */
	ret = drm_placed_track(obj, flags, rows);
	if (ret)
		return ret;

	/* What a command costs. A range more costs 16 bytes, and a page in between 4096. */
	if (rows)
		drm_placed_merge_gap(obj, takes_ranges(bo) ? 0 : 2);

	/* What the host wrote so far, nobody has read back. */
	if (READ_ONCE(bo->coherent.used) || READ_ONCE(vgdev_of(obj)->coherent.unnamed)) {
		mutex_lock(&vgdev_of(obj)->coherent.display.lock);
		drm_placed_device_writes(obj);
		mutex_unlock(&vgdev_of(obj)->coherent.display.lock);
	}

	return DRM_GEM_COHERENT_TRACKED;
}

static int virtio_gpu_coherent_lock(struct drm_gem_object *obj)
{
	return mutex_lock_killable(&vgdev_of(obj)->coherent.display.lock);
}

static void virtio_gpu_coherent_unlock(struct drm_gem_object *obj)
{
	mutex_unlock(&vgdev_of(obj)->coherent.display.lock);
}

/* Of shmem, constant as long as the object is mapped: every mapping pins the pages. */
static unsigned long virtio_gpu_coherent_pfn(struct drm_gem_object *obj, pgoff_t page)
{
	if (drm_placed_is_sparse(obj))
		return drm_placed_sparse_pfn(obj, page);

	return page_to_pfn(to_drm_gem_shmem_obj(obj)->pages[page]);
}

/**
 * virtio_gpu_coherent_array - an object for a command without its reservation
 * @bo: the object
 *
 * Return: an array, allocated without fail, as commands are.
 */
struct virtio_gpu_object_array *virtio_gpu_coherent_array(struct virtio_gpu_object *bo)
{
	struct virtio_gpu_object_array *objs;

	objs = kmalloc(struct_size(objs, objs, 1), GFP_KERNEL | __GFP_NOFAIL);
	objs->nents = 0;
	objs->total = 1;
	objs->coherent = true;
	virtio_gpu_array_add_obj(objs, &bo->base.base);
	return objs;
}

/* One box of a transfer: a range of a buffer, or a rectangle. */
struct virtio_gpu_coherent_box {
	u64 offset;
	struct drm_virtgpu_3d_box box;
};

static void set_box(struct virtio_gpu_coherent_box *box, u64 offset, u32 x, u32 y, u32 w, u32 h)
{
	box->offset = offset;
	box->box = (struct drm_virtgpu_3d_box) { .x = x, .y = y, .w = w, .h = h, .d = 1 };
}

/*
 * Turn pages to boxes: one for a buffer; for rows one, or up to three if
 * nothing outside of the pages may be touched.
 */
static unsigned int boxes_of(struct virtio_gpu_object *bo, pgoff_t first, pgoff_t count, bool exact,
			     struct virtio_gpu_coherent_box boxes[DRM_PLACED_ROWS_RECTS])
{
	u64 start = (u64)first << PAGE_SHIFT, end = (u64)(first + count) << PAGE_SHIFT;
	u32 width = bo->coherent.width;
	struct drm_placed_rows rows = {
		.pitch = width * 4, .cpp = 4, .width = width, .height = bo->coherent.height,
	};
	struct drm_rect rects[DRM_PLACED_ROWS_RECTS];
	unsigned int i, n;

	if (bo->coherent.layout == VIRTIO_GPU_LAYOUT_BUFFER) {
		end = min_t(u64, end, width);
		if (start >= end)
			return 0;
		set_box(boxes, start, start, 0, end - start, 1);
		return 1;
	}

	n = drm_placed_rows_rects(&rows, start, end, exact, rects);
	for (i = 0; i < n; i++)
		set_box(&boxes[i], ((u64)rects[i].y1 * width + rects[i].x1) * 4,
			rects[i].x1, rects[i].y1,
			drm_rect_width(&rects[i]), drm_rect_height(&rects[i]));
	return n;
}

/* What is on the screen has to be flushed. */
static void add_damage(struct virtio_gpu_device *vgdev, const struct drm_virtgpu_3d_box *box)
{
	struct drm_rect rect = DRM_RECT_INIT(box->x, box->y, box->w, box->h);

	drm_placed_display_damage(&vgdev->coherent.display, &rect);
}

/* QEMU's virgl never refuses a transfer, so tests have to pretend that it does. */
static bool pretend_refusal(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    bool to_device)
{
	if (!drm_placed_broken(obj->dev, TRANSFER))
		return false;

	drm_placed_track_error(obj, first, count, to_device);
	return true;
}

static void send_box(struct virtio_gpu_object *bo, struct virtio_gpu_coherent_box *box)
{
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct drm_virtgpu_3d_box *at = &box->box;

	/*
	 * They may be the stores of others: whether they arrive must not depend on one
	 * file's context, which that may detach the object from at any time.
	 */
	if (bo->coherent.layout == VIRTIO_GPU_LAYOUT_BUFFER)
		virtio_gpu_cmd_transfer_to_host_3d(vgdev, 0, box->offset, 0, 0, 0,
						   at, virtio_gpu_coherent_array(bo), NULL);
	else
		/* Tests want the device to refuse: this is outside of the resource. */
		virtio_gpu_cmd_transfer_to_host_2d(vgdev, box->offset, at->w, at->h,
						   drm_placed_broken(vgdev->ddev, TRANSFER) ?
						   bo->coherent.width : at->x, at->y,
						   virtio_gpu_coherent_array(bo), NULL);
}

/* The bytes of a resource that pages hold: the last page may hold more. */
static void send_range(struct virtio_gpu_object *bo, pgoff_t first, pgoff_t count)
{
	u64 start = (u64)first << PAGE_SHIFT, end = (u64)(first + count) << PAGE_SHIFT;
	u64 size = bo->coherent.width;

	if (bo->coherent.layout == VIRTIO_GPU_LAYOUT_ROWS)
		size = (u64)bo->coherent.width * bo->coherent.height * 4;

	end = min(end, size);
	if (start < end)
		virtio_gpu_ranges_send(bo, start, end - start);
}

/* Pages that have memory. */
static void send_run(void *arg, pgoff_t first, pgoff_t count)
{
	struct virtio_gpu_object *bo = arg;
	struct virtio_gpu_device *vgdev = bo->base.base.dev->dev_private;
	struct virtio_gpu_coherent_box boxes[DRM_PLACED_ROWS_RECTS];
	bool shown = drm_placed_display_shows(&vgdev->coherent.display, &bo->base.base);
	unsigned int i, n;

	if (bo->coherent.layout == VIRTIO_GPU_LAYOUT_BUFFER &&
	    pretend_refusal(&bo->base.base, first, count, true))
		return;

	if (takes_ranges(bo))
		send_range(bo, first, count);

	/* A host without GL never writes a resource: whole rows do no harm. */
	n = boxes_of(bo, first, count, vgdev->has_virgl_3d, boxes);
	for (i = 0; i < n; i++) {
		if (!takes_ranges(bo))
			send_box(bo, &boxes[i]);
		if (shown)
			add_damage(vgdev, &boxes[i].box);
	}
}

static void virtio_gpu_coherent_send(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	struct drm_placed_runs runs = { .emit = send_run, .arg = bo };

	lockdep_assert_held(&vgdev_of(obj)->coherent.display.lock);

	if (drm_placed_is_sparse(obj))
		drm_placed_sparse_runs(obj, first, count, &runs);
	else
		send_run(bo, first, count);
}

/* Whoever made them sent: what is on the screen has to get there. */
static void virtio_gpu_coherent_sent(struct drm_gem_object *obj)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	struct virtio_gpu_device *vgdev = vgdev_of(obj);
	struct drm_placed_display *display = &vgdev->coherent.display;
	unsigned int i;

	lockdep_assert_held(&display->lock);

	virtio_gpu_ranges_sent(bo);
	for (i = 0; i < display->num_rects; i++) {
		struct drm_rect *rect = &display->rects[i];

		virtio_gpu_cmd_resource_flush(vgdev, bo->hw_res_handle, rect->x1, rect->y1,
					      drm_rect_width(rect), drm_rect_height(rect),
					      NULL, NULL);
	}
	display->num_rects = 0;
	virtio_gpu_notify(vgdev);
}

static struct dma_fence *virtio_gpu_coherent_read_back(struct drm_gem_object *obj,
						       pgoff_t first, pgoff_t count)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	struct virtio_gpu_device *vgdev = vgdev_of(obj);
	struct virtio_gpu_coherent_box boxes[DRM_PLACED_ROWS_RECTS];
	struct virtio_gpu_fence *fence;
	unsigned int i, n;

	lockdep_assert_held(&vgdev->coherent.display.lock);

	/* The neighbours' memory is not ours to write: exactly these pages. */
	n = boxes_of(bo, first, count, true, boxes);
	if (!n || !vgdev->has_virgl_3d || pretend_refusal(obj, first, count, false))
		return NULL;

	fence = virtio_gpu_fence_alloc(vgdev, vgdev->fence_drv.context, 0);
	if (!fence)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < n; i++)
		virtio_gpu_cmd_transfer_from_host_3d(vgdev, 0, boxes[i].offset, 0, 0, 0,
						     &boxes[i].box, virtio_gpu_coherent_array(bo),
						     i == n - 1 ? fence : NULL);
	virtio_gpu_notify(vgdev);

	/* It was not queued: the device is gone. */
	if (!fence->f.seqno) {
		dma_fence_put(&fence->f);
		return ERR_PTR(-ENODEV);
	}

	return &fence->f;
}

/* A store to an object that was quiet. From a fault: no lock but the tracker's. */
static void virtio_gpu_coherent_wake(struct drm_gem_object *obj)
{
	drm_placed_display_wake(&vgdev_of(obj)->coherent.display, obj);
}

static void collect(struct drm_gem_object *obj)
{
	drm_placed_collect(obj, 0, obj->size >> PAGE_SHIFT);
}

static void lock_and_collect(struct drm_gem_object *obj)
{
	mutex_lock(&vgdev_of(obj)->coherent.display.lock);
	collect(obj);
	mutex_unlock(&vgdev_of(obj)->coherent.display.lock);
}

static const struct drm_placed_display_funcs virtio_gpu_display_funcs = {
	.get = drm_gem_object_get,
	.put = drm_gem_object_put,
	.collect = lock_and_collect,
};

/*
 * Wait until the device has executed all that is queued. It knows no command for
 * that; flushing nothing of a resource is the one that asks least of it.
 */
static int wait_for_device(struct virtio_gpu_device *vgdev, struct virtio_gpu_object *bo)
{
	struct virtio_gpu_fence *fence;
	int ret;

	fence = virtio_gpu_fence_alloc(vgdev, vgdev->fence_drv.context, 0);
	if (!fence)
		return -ENOMEM;

	virtio_gpu_cmd_resource_flush(vgdev, bo->hw_res_handle, 0, 0, 0, 0, NULL, fence);
	virtio_gpu_notify(vgdev);
	ret = fence->f.seqno ? drm_placed_wait(vgdev->ddev, &fence->f) : -ENODEV;
	dma_fence_put(&fence->f);
	return ret;
}

static int virtio_gpu_coherent_flush(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
				     bool wait)
{
	struct virtio_gpu_object *bo = gem_to_virtio_gpu_obj(obj);
	int ret;

	if (count) {
		ret = virtio_gpu_coherent_lock(obj);
		if (ret)
			return ret;
		drm_placed_collect(obj, first, count);
		virtio_gpu_coherent_unlock(obj);
	}

	return wait ? wait_for_device(vgdev_of(obj), bo) : 0;
}

/* The command that takes the memory away has made the host's copy zero. */
static void virtio_gpu_coherent_discard(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
}

const struct drm_placed_funcs virtio_gpu_placed_funcs = {
	.coherent = virtio_gpu_make_coherent,
	.create_sparse = virtio_gpu_create_sparse,
	.create_pool = virtio_gpu_create_pool,
	.discard = virtio_gpu_coherent_discard,
	.lock = virtio_gpu_coherent_lock,
	.unlock = virtio_gpu_coherent_unlock,
	.pfn = virtio_gpu_coherent_pfn,
	.send = virtio_gpu_coherent_send,
	.sent = virtio_gpu_coherent_sent,
	.read_back = virtio_gpu_coherent_read_back,
	.wake = virtio_gpu_coherent_wake,
	.flush = virtio_gpu_coherent_flush,
};

/* The device is about to read the object, and may write it. */
static void operate(struct drm_gem_object *obj)
{
	if (!drm_placed_is_tracked(obj))
		return;

	drm_placed_device_writes(obj);
	collect(obj);
}

/* The next tracked object that a file has a handle of, with a reference. */
static struct drm_gem_object *next_tracked(struct drm_file *file, int *id)
{
	struct drm_gem_object *obj;

	spin_lock(&file->table_lock);
	while ((obj = idr_get_next(&file->object_idr, id)) && !drm_placed_is_tracked(obj))
		(*id)++;
	if (obj)
		drm_gem_object_get(obj);
	spin_unlock(&file->table_lock);

	return obj;
}

/**
 * virtio_gpu_coherent_begin - send what an execbuffer needs
 * @vgdev: the device
 * @file: whose execbuffer it is
 * @objs: the objects that it names; NULL for none, which stands for all
 *
 * To be followed by queueing the commands and by virtio_gpu_coherent_end().
 *
 * Locking: the objects' reservations are held. Takes &drm_placed_display.lock,
 * and keeps it if it returns true.
 *
 * Return: whether virtio_gpu_coherent_end() has to be called.
 */
bool virtio_gpu_coherent_begin(struct virtio_gpu_device *vgdev, struct drm_file *file,
			       struct virtio_gpu_object_array *objs)
{
	struct virtio_gpu_object_array *array;
	struct drm_gem_object *obj;
	unsigned int i;
	int id;

	/* For those that become coherent later. */
	for (i = 0; objs && i < objs->nents; i++)
		WRITE_ONCE(gem_to_virtio_gpu_obj(objs->objs[i])->coherent.used, true);
	if (!objs)
		WRITE_ONCE(vgdev->coherent.unnamed, true);

	if (!atomic_read(&vgdev->coherent.objects))
		return false;

	mutex_lock(&vgdev->coherent.display.lock);
	if (objs) {
		for (i = 0; i < objs->nents; i++)
			operate(objs->objs[i]);
		return true;
	}

	for (id = 0; (obj = next_tracked(file, &id)); id++) {
		operate(obj);
		/* The last reference wants locks that are taken before ours. */
		array = virtio_gpu_coherent_array(gem_to_virtio_gpu_obj(obj));
		virtio_gpu_array_put_free_delayed(vgdev, array);
		drm_gem_object_put(obj);
	}
	return true;
}

/**
 * virtio_gpu_coherent_end - the commands of an execbuffer are queued
 * @vgdev: the device
 */
void virtio_gpu_coherent_end(struct virtio_gpu_device *vgdev)
{
	mutex_unlock(&vgdev->coherent.display.lock);
}

/* Send what is dirty; are all stores to the object on their way then? */
static bool send_all(struct virtio_gpu_object *bo, u32 flags)
{
	struct drm_gem_object *obj = &bo->base.base;

	if (!drm_placed_is_tracked(obj))
		return false;

	lock_and_collect(obj);
	return drm_placed_is_complete(obj, flags);
}

/* All that a sparse object has, stored to or not. */
static void send_sparse(struct virtio_gpu_object *bo)
{
	struct drm_gem_object *obj = &bo->base.base;

	mutex_lock(&vgdev_of(obj)->coherent.display.lock);
	virtio_gpu_coherent_send(obj, 0, obj->size >> PAGE_SHIFT);
	virtio_gpu_coherent_sent(obj);
	mutex_unlock(&vgdev_of(obj)->coherent.display.lock);
}

/**
 * virtio_gpu_coherent_transfer - a program transfers an object by itself
 * @bo: the object
 * @from_host: whether it is a transfer from the host
 *
 * Sends what is dirty, so that the transfer neither overtakes stores nor writes
 * over them. Of an object that is coherent both ways that is all there is to
 * do. To go on would do harm: memory may be older than what the host has, and
 * the host must not write memory that is being stored to; what it has is read
 * back when it is looked at.
 *
 * Return: whether the transfer is to be left out.
 */
bool virtio_gpu_coherent_transfer(struct virtio_gpu_object *bo, bool from_host)
{
	struct drm_gem_object *obj = &bo->base.base;

	/* Both sides have the same memory. */
	if (virtio_gpu_is_pool(bo))
		return true;

	/* Whoever asks for it believes that the host has written. */
	if (from_host && drm_placed_is_tracked(obj)) {
		mutex_lock(&vgdev_of(obj)->coherent.display.lock);
		drm_placed_device_writes(obj);
		collect(obj);
		mutex_unlock(&vgdev_of(obj)->coherent.display.lock);
	}

	if (send_all(bo, DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE))
		return true;

	/* A box is of no meaning where there are no rows: all that has memory. */
	if (virtio_gpu_is_sparse(bo))
		send_sparse(bo);
	return virtio_gpu_is_sparse(bo);
}

/**
 * virtio_gpu_coherent_update - a plane that shows an object is updated
 * @bo: the object
 *
 * Return: whether all stores to it are on their way to the host. Otherwise it
 * has mappings that nobody tracks, and the damaged rectangle has to be sent.
 */
bool virtio_gpu_coherent_update(struct virtio_gpu_object *bo)
{
	return virtio_gpu_is_pool(bo) || send_all(bo, DRM_GEM_COHERENT_TO_DEVICE);
}

/**
 * virtio_gpu_coherent_scan_out - an output shows an object from now on
 * @vgdev: the device
 * @index: of the output
 * @crtc: the output's
 * @bo: the object, or NULL for none
 */
void virtio_gpu_coherent_scan_out(struct virtio_gpu_device *vgdev, unsigned int index,
				  struct drm_crtc *crtc, struct virtio_gpu_object *bo)
{
	/* Others show nothing by themselves. */
	if (bo && bo->coherent.layout != VIRTIO_GPU_LAYOUT_ROWS)
		bo = NULL;

	BUILD_BUG_ON(VIRTIO_GPU_MAX_SCANOUTS > DRM_PLACED_OUTPUTS);
	drm_placed_display_show(&vgdev->coherent.display, index, crtc,
				bo ? &bo->base.base : NULL);
}

/**
 * virtio_gpu_coherent_error - the device has answered a command with an error
 * @vbuf: the command
 *
 * Context: the work that takes answers from the queue, before it signals the
 * command's fence. Nothing of the tracker may be waited for: it may be waiting
 * for room in the queue.
 */
void virtio_gpu_coherent_error(struct virtio_gpu_vbuffer *vbuf)
{
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)vbuf->buf;
	const struct virtio_gpu_transfer_host_3d *box3d = (const void *)vbuf->buf;
	const struct virtio_gpu_transfer_to_host_2d *box2d = (const void *)vbuf->buf;
	struct drm_gem_object *obj;

	if (!vbuf->objs || !vbuf->objs->coherent)
		return;

	obj = vbuf->objs->objs[0];
	switch (le32_to_cpu(hdr->type)) {
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		drm_placed_track_error(obj, le64_to_cpu(box2d->offset) >> PAGE_SHIFT, 1, true);
		break;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
		drm_placed_track_error(obj, le64_to_cpu(box3d->offset) >> PAGE_SHIFT, 1, true);
		break;
	case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
		drm_placed_track_error(obj, le64_to_cpu(box3d->offset) >> PAGE_SHIFT, 1, false);
		break;
	default:
		virtio_gpu_ranges_error(vbuf);
	}
}

/**
 * virtio_gpu_coherent_init - prepare a device for coherent mappings
 * @vgdev: the device
 */
void virtio_gpu_coherent_init(struct virtio_gpu_device *vgdev)
{
	drm_placed_display_init(&vgdev->coherent.display, &virtio_gpu_display_funcs);
}

/**
 * virtio_gpu_coherent_fini - the device goes away
 * @vgdev: the device, whose outputs show nothing any more
 */
void virtio_gpu_coherent_fini(struct virtio_gpu_device *vgdev)
{
	drm_placed_display_fini(&vgdev->coherent.display);
}
