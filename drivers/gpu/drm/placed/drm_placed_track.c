// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_compat.h"
#include "drm_placed_memory.h"
#include "drm_placed_pages.h"
#include "drm_placed_runs.h"
#include "drm_placed_sparse.h"
#include "drm_placed_track_internal.h"
#include "drm_placed_trace.h"

/**
 * DOC: coherent mappings
 *
 * A device that keeps a copy of each object, as virtio-gpu's host does, sees
 * CPU stores only when they are transferred to it. This file makes mappings of
 * an object coherent on such a device: it knows which pages were stored to, and
 * sends them before the next operation of the device that may look at them; and
 * after an operation that may have written the object, it reads back what the
 * CPU touches, when it does.
 *
 * An object is tracked from the first drm_placed_track() on. Its mappings get
 * vm_operations of the tracker's, which wrap the driver's, and start out
 * write-protected. The object is divided into chunks of a page table each; the
 * policy in drm_placed_policy.c decides for each chunk whether a store faults
 * or sets a dirty bit that a collection finds. Only chunks with open pages,
 * those that may be written without a fault, are looked at in a collection;
 * so an object that nobody writes costs nothing once its chunks are cold.
 *
 * No store is lost:
 *
 * - A fault makes the entry writable itself, with the tracker's lock held,
 *   rather than let core mm do it later; a collection holds the same lock. See
 *   drm_placed_walk_map().
 * - What is about to be unmapped (munmap, MAP_FIXED, exit, the split of a huge
 *   entry) is reported by mm through &vm_operations_struct.zap before the
 *   entries, and with them the dirty bits, are gone. See drm_placed_walk_zap().
 *   mprotect() and mremap() keep dirty bits, and fork() leaves them to the parent.
 * - All walks go through the reverse map, so that it does not matter how many
 *   processes map an object, where, how often, or through which file; pages are
 *   numbered from the start of the object, not of the mapping.
 * - The bits that a collection took are cleared only when the TLB is flushed, and
 *   what it found is queued to the device before the next collection can start.
 *
 * Reading back works by generations. Each operation that may write the object
 * starts a new one, and removes what readable mappings show. A chunk whose
 * generation is older is gone: the next access faults, and has the chunk read
 * back first. While the device writes the chunk's memory, nobody else does.
 * Mappings that cannot be read do not take part in any of this.
 *
 * The memory of an object may move, as TTM's does: see &drm_placed_memory.moves. Who
 * makes entries keeps it where it is meanwhile. Who moves it removes all entries first,
 * and their dirty bits are taken as at any other time that entries go.
 *
 * Locks, outer to inner: mmap_lock, dma_resv, &drm_placed_funcs.lock,
 * &drm_placed_track.lock, &drm_placed_store.lock, &drm_placed_windows.lock, i_mmap_rwsem,
 * page table locks.
 * Nobody waits for the device with &drm_placed_track.lock held other than for room in its queue.
 */

static struct drm_placed_track *track_of(struct drm_gem_object *obj)
{
	/* Pairs with drm_placed_track(). */
	return smp_load_acquire(&obj->placed);
}

/**
 * drm_placed_is_tracked - does the object have a tracker?
 * @obj: the object
 *
 * Return: whether drm_placed_track() was called for it.
 */
bool drm_placed_is_tracked(struct drm_gem_object *obj)
{
	return track_of(obj);
}
EXPORT_SYMBOL_GPL(drm_placed_is_tracked);

/**
 * drm_placed_is_complete - are all mappings of the object coherent?
 * @obj: the object, which is tracked
 * @flags: DRM_GEM_COHERENT_*: in which directions
 *
 * Return: whether there is nothing left to transfer in these directions but
 * what the tracker knows of; false if the object was ever mapped before it
 * became tracked, or used around it.
 */
bool drm_placed_is_complete(struct drm_gem_object *obj, u32 flags)
{
	struct drm_placed_track *track = track_of(obj);

	return !READ_ONCE(obj->placed_mapped) && !(flags & ~atomic_read(&track->flags));
}
EXPORT_SYMBOL_GPL(drm_placed_is_complete);

/**
 * drm_placed_untracked_access - somebody gets at the memory around the tracker
 * @obj: the object, tracked or not
 *
 * For what stores to an object without a mapping that is tracked: other
 * devices, the kernel's own mappings. drm_placed_is_complete() is false from
 * now on.
 */
void drm_placed_untracked_access(struct drm_gem_object *obj)
{
	WRITE_ONCE(obj->placed_mapped, true);
}
EXPORT_SYMBOL_GPL(drm_placed_untracked_access);

/* The chunk with this number, which has none of its pages mapped if it is new. */
static struct drm_placed_chunk *get_chunk(struct drm_placed_track *track, unsigned long index)
{
	struct drm_placed_chunk *chunk = xa_load(&track->chunks, index);

	lockdep_assert_held(&track->lock);

	if (chunk)
		return chunk;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;

	chunk->index = index;
	if (xa_err(xa_store(&track->chunks, index, chunk, GFP_KERNEL_ACCOUNT))) {
		kfree(chunk);
		return NULL;
	}

	return chunk;
}

static void activate(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	lockdep_assert_held(&track->lock);

	if (xa_get_mark(&track->chunks, chunk->index, DRM_PLACED_ACTIVE))
		return;

	xa_set_mark(&track->chunks, chunk->index, DRM_PLACED_ACTIVE);
	track->states[chunk->policy.state]++;
	WRITE_ONCE(track->active, track->active + 1);
}

static void deactivate(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	lockdep_assert_held(&track->lock);

	xa_clear_mark(&track->chunks, chunk->index, DRM_PLACED_ACTIVE);
	track->states[chunk->policy.state]--;
	WRITE_ONCE(track->active, track->active - 1);
}

/* The policy may have changed the state of an active chunk. */
static void note_state(struct drm_placed_track *track, struct drm_placed_chunk *chunk,
		       enum drm_placed_state before)
{
	enum drm_placed_state now = chunk->policy.state;

	lockdep_assert_held(&track->lock);

	if (now == before)
		return;

	trace_drm_placed_chunk(track->obj, chunk->index, before, now);
	track->states[before]--;
	track->states[now]++;
	track->stats.changes++;
}

/*
 * Collecting
 */

static void send_run(void *arg, pgoff_t first, pgoff_t count)
{
	struct drm_placed_track *track = arg;

	trace_drm_placed_transfer(track->obj, first, count);
	track->funcs->send(track->obj, first, count);
	track->stats.sent += count;
	track->stats.transfers++;
}

static struct drm_placed_runs begin_runs(struct drm_placed_track *track)
{
	return (struct drm_placed_runs) {
		/* A clean page may be older than what the device wrote. */
		.gap = track->generation ? 0 : track->gap,
		.emit = send_run,
		.arg = track,
	};
}

static void end_runs(struct drm_placed_track *track, struct drm_placed_runs *runs)
{
	drm_placed_runs_end(runs);
	if (runs->runs && track->funcs->sent)
		track->funcs->sent(track->obj);
}

/*
 * Take what mappings that went away left in chunk->dirty. After the walk: what
 * the walk did not find because it had been moved is here by now. Returns whether
 * a page was found dirty, here or there.
 */
static bool join_dirty(struct drm_placed_chunk *chunk)
{
	unsigned long any = 0;
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(DRM_PLACED_CHUNK); i++) {
		if (READ_ONCE(chunk->dirty[i]))
			chunk->found[i] |= xchg(&chunk->dirty[i], 0);
		any |= chunk->found[i];
	}

	return any;
}

/* Which pages are still open, after what the walk did to those that were? */
static void close_pages(struct drm_placed_chunk *chunk)
{
	switch (chunk->action) {
	case DRM_PLACED_KEEP:
		break;
	case DRM_PLACED_CLOSE_CLEAN:
		bitmap_and(chunk->open, chunk->open, chunk->found, DRM_PLACED_CHUNK);
		break;
	case DRM_PLACED_CLOSE:
		bitmap_zero(chunk->open, DRM_PLACED_CHUNK);
		break;
	}
}

/*
 * The end of a chunk's collection: put together what was found, count, let the policy
 * know. Returns how many pages were found dirty.
 */
static unsigned int settle_chunk(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	unsigned int scanned = bitmap_weight(chunk->open, DRM_PLACED_CHUNK);
	enum drm_placed_state before = chunk->policy.state;
	unsigned int dirty = 0, fresh = 0;

	/* Most chunks are clean. */
	if (join_dirty(chunk)) {
		dirty = bitmap_weight(chunk->found, DRM_PLACED_CHUNK);
		fresh = bitmap_weight_andnot(chunk->found, chunk->last, DRM_PLACED_CHUNK);
	}

	bitmap_copy(chunk->last, chunk->found, DRM_PLACED_CHUNK);
	close_pages(chunk);
	drm_placed_policy_collected(&track->policy, &chunk->policy, chunk->action, scanned,
				    dirty, fresh, drm_placed_chunk_pages(track, chunk->index));
	note_state(track, chunk, before);

	track->stats.scanned += scanned;
	track->stats.dirty += dirty;
	return dirty;
}

/* Map a chunk that is written whole again and again by one entry. */
static void make_huge(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	enum drm_placed_state before = chunk->policy.state;
	bool done;

	if (before == DRM_PLACED_HUGE ||
	    !drm_placed_policy_wants_huge(&track->policy, &chunk->policy) ||
	    !bitmap_full(chunk->open, DRM_PLACED_CHUNK))
		return;

	if (drm_placed_track_moves(track))
		dma_resv_assert_held(track->obj->resv);
	drm_placed_sparse_begin(track->obj, 0, 0, NULL);
	done = drm_placed_huge_suits(track, chunk->index) &&
	       drm_placed_huge_collapse(track, chunk->index);
	drm_placed_sparse_end(track->obj);
	if (!done)
		return;

	drm_placed_policy_huge(&chunk->policy);
	note_state(track, chunk, before);
}

/* Keep back the pages of a chunk outside of [first, last]. */
static void keep_back(struct drm_placed_chunk *chunk, pgoff_t first, pgoff_t last)
{
	pgoff_t base = chunk->index * DRM_PLACED_CHUNK;
	unsigned int page;

	if (first <= base && last >= base + DRM_PLACED_CHUNK - 1)
		return;

	for_each_set_bit(page, chunk->found, DRM_PLACED_CHUNK) {
		if (base + page >= first && base + page <= last)
			continue;
		__clear_bit(page, chunk->found);
		set_bit(page, chunk->dirty);
	}
}

/*
 * Link the active chunks, in order. They are gone through three times, and an
 * xarray that may be changed meanwhile is searched from its root for each entry.
 */
static struct drm_placed_chunk *link_active(struct drm_placed_track *track)
{
	struct drm_placed_chunk *first, **link = &first, *chunk;
	XA_STATE(xas, &track->chunks, 0);

	lockdep_assert_held(&track->lock);

	rcu_read_lock();
	xas_for_each_marked(&xas, chunk, ULONG_MAX, DRM_PLACED_ACTIVE) {
		*link = chunk;
		link = &chunk->next;
	}
	rcu_read_unlock();

	*link = NULL;
	return first;
}

/*
 * Ask what to do with each active chunk, and do it in all mappings. Returns them,
 * linked.
 */
static struct drm_placed_chunk *walk_active(struct drm_placed_track *track)
{
	struct drm_placed_chunk *first = link_active(track), *chunk;

	for (chunk = first; chunk; chunk = chunk->next) {
		chunk->action = drm_placed_policy_collect(&track->policy, &chunk->policy);
		bitmap_zero(chunk->found, DRM_PLACED_CHUNK);
	}

	drm_placed_walk_collect(track);
	return first;
}

/* Add what was found in a chunk. */
static void add_found(struct drm_placed_track *track, struct drm_placed_runs *runs,
		      struct drm_placed_chunk *chunk)
{
	drm_placed_runs_add_bitmap(runs, chunk->index * DRM_PLACED_CHUNK, chunk->found,
				   drm_placed_chunk_pages(track, chunk->index));
}

/* Everything is sent, so no page is dirty any more; the walk cleans them. */
static void collect_all(struct drm_placed_track *track, struct drm_placed_runs *runs)
{
	track->all_dirty = false;
	WRITE_ONCE(track->active, track->active - 1);
	drm_placed_runs_add(runs, 0, track->pages);
}

/**
 * drm_placed_collect - send what was stored to an object to the device
 * @obj: the object, which is tracked
 * @first: first page of the range to send
 * @count: number of pages of the range
 *
 * Finds all stores to tracked mappings that happened before the call, calls
 * &drm_placed_funcs.send for those in the range, and remembers the others for
 * later. After drm_placed_mark_dirty() it sends all of the object once. With
 * nothing dirty it costs a look at the open pages; with nothing open, nothing.
 *
 * Locking: &drm_placed_funcs.lock is held, so that operations of the device can
 * be queued behind in order; and of an object whose memory moves, the reservation.
 * Takes &drm_placed_track.lock; may sleep.
 *
 * Return: the number of pages sent.
 */
unsigned long drm_placed_collect(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_track *track = track_of(obj);
	unsigned long dirty = 0, changes;
	struct drm_placed_chunk *chunk;
	struct drm_placed_runs runs;
	bool all;

	if (!count || !READ_ONCE(track->active))
		return 0;

	mutex_lock(&track->lock);
	changes = track->stats.changes;
	runs = begin_runs(track);
	chunk = walk_active(track);

	all = track->all_dirty;
	if (all)
		collect_all(track, &runs);

	for (; chunk; chunk = chunk->next) {
		unsigned int found = settle_chunk(track, chunk);

		if (found && !all) {
			keep_back(chunk, first, first + count - 1);
			add_found(track, &runs, chunk);
		}
		dirty += found;
		if (bitmap_empty(chunk->open, DRM_PLACED_CHUNK) &&
		    bitmap_empty(chunk->dirty, DRM_PLACED_CHUNK))
			deactivate(track, chunk);
		else
			make_huge(track, chunk);
	}

	end_runs(track, &runs);
	drm_placed_policy_end(&track->policy, dirty);
	track->stats.collections++;
	trace_drm_placed_collect(obj, dirty, runs.pages, runs.runs,
				 track->stats.changes - changes, track->states);
	mutex_unlock(&track->lock);

	return runs.pages;
}
EXPORT_SYMBOL_GPL(drm_placed_collect);

/**
 * drm_placed_query - list what was stored to an object and not yet sent
 * @obj: the object, which is tracked
 * @first: first page of the range to look at
 * @count: number of pages of the range
 * @runs: where to list them: &drm_placed_runs.emit and its arg are set
 *
 * What is dirty stays so. &drm_placed_runs.emit is called with the tracker's
 * lock held and must not sleep.
 *
 * Locking: takes &drm_placed_track.lock; may sleep.
 */
void drm_placed_query(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
		      struct drm_placed_runs *runs)
{
	struct drm_placed_track *track = track_of(obj);
	struct drm_placed_chunk *active, *chunk;
	unsigned int i;

	mutex_lock(&track->lock);

	active = link_active(track);
	for (chunk = active; chunk; chunk = chunk->next) {
		chunk->action = DRM_PLACED_KEEP;
		bitmap_zero(chunk->found, DRM_PLACED_CHUNK);
	}
	drm_placed_walk_collect(track);

	if (track->all_dirty)
		drm_placed_runs_add(runs, first, count);

	for (chunk = active; chunk; chunk = chunk->next) {
		pgoff_t base = chunk->index * DRM_PLACED_CHUNK;

		join_dirty(chunk);
		for_each_set_bit(i, chunk->found, DRM_PLACED_CHUNK)
			set_bit(i, chunk->dirty);
		if (track->all_dirty)
			continue;

		for_each_set_bit(i, chunk->found, DRM_PLACED_CHUNK)
			if (base + i < first || base + i >= first + count)
				__clear_bit(i, chunk->found);
		add_found(track, runs, chunk);
	}
	drm_placed_runs_end(runs);

	mutex_unlock(&track->lock);
}

/**
 * drm_placed_is_idle - can a collection of the object find anything?
 * @obj: the object, which is tracked
 *
 * Return: true if there is nothing to collect before the next write fault,
 * which calls &drm_placed_funcs.wake.
 */
bool drm_placed_is_idle(struct drm_gem_object *obj)
{
	return !READ_ONCE(track_of(obj)->active);
}
EXPORT_SYMBOL_GPL(drm_placed_is_idle);

/**
 * drm_placed_merge_gap - let transfers send clean pages, if that saves transfers
 * @obj: the object, which is tracked
 * @pages: number of clean pages between dirty ones that a transfer may send
 *
 * Only has an effect as long as the device has not written the object.
 *
 * Locking: takes &drm_placed_track.lock.
 */
void drm_placed_merge_gap(struct drm_gem_object *obj, pgoff_t pages)
{
	struct drm_placed_track *track = track_of(obj);

	mutex_lock(&track->lock);
	track->gap = pages;
	mutex_unlock(&track->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_merge_gap);

/**
 * drm_placed_mark_dirty - the device does not have what memory has
 * @obj: the object, which is tracked
 *
 * For objects that were stored to before they were tracked, and for devices
 * that have lost their copy: the next collection sends the whole object.
 *
 * Locking: takes &drm_placed_track.lock.
 */
void drm_placed_mark_dirty(struct drm_gem_object *obj)
{
	struct drm_placed_track *track = track_of(obj);

	mutex_lock(&track->lock);
	if (!track->all_dirty) {
		track->all_dirty = true;
		WRITE_ONCE(track->active, track->active + 1);
		if (track->active == 1 && track->funcs->wake)
			track->funcs->wake(obj);
	}
	mutex_unlock(&track->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_mark_dirty);

/*
 * The device's writes
 */

/**
 * drm_placed_device_writes - the device is about to write the object, maybe
 * @obj: the object, which is tracked
 *
 * To be called before drm_placed_collect(), and that before the operation is
 * queued, all under one hold of &drm_placed_funcs.lock: what readable mappings
 * were stored to is sent before the operation, and what is loaded from them
 * after this call waits for the operation and is read back.
 *
 * Locking: &drm_placed_funcs.lock is held. Takes &drm_placed_track.lock; may
 * sleep.
 */
void drm_placed_device_writes(struct drm_gem_object *obj)
{
	struct drm_placed_track *track = track_of(obj);

	mutex_lock(&track->lock);
	track->generation++;
	if (atomic_read(&track->flags) & DRM_GEM_COHERENT_FROM_DEVICE &&
	    atomic_read(&track->readers) && !drm_placed_broken(obj->dev, READBACK))
		drm_placed_walk_forget(track);
	mutex_unlock(&track->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_device_writes);

/**
 * drm_placed_track_error - the device refused a transfer
 * @obj: the object, which is tracked
 * @first: first page of the transfer
 * @count: number of its pages
 * @to_device: which way it went
 *
 * Says so once in the log, for each object. Whoever waits for pages that were
 * to be read back gets SIGBUS; the next DRM_IOCTL_GEM_DIRTY that waits gets
 * EIO. Nothing is sent again by itself. To be called before the fence of the
 * transfer signals.
 *
 * Context: any but interrupts; takes no locks but RCU's.
 */
void drm_placed_track_error(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			    bool to_device)
{
	struct drm_placed_track *track = track_of(obj);
	unsigned long index;

	if (!track)
		return;

	if (atomic_inc_return(&track->errors) == 1)
		drm_err(obj->dev, "the device refused to %s pages %lu to %lu of a coherent object\n",
			to_device ? "take" : "give back", first, first + count - 1);

	if (to_device) {
		atomic_set(&track->error, 1);
		return;
	}

	for (index = first / DRM_PLACED_CHUNK; index * DRM_PLACED_CHUNK < first + count; index++) {
		struct drm_placed_chunk *chunk = xa_load(&track->chunks, index);

		if (chunk)
			WRITE_ONCE(chunk->error, true);
	}
}
EXPORT_SYMBOL_GPL(drm_placed_track_error);

/**
 * drm_placed_take_error - has the device refused a transfer?
 * @obj: the object, which is tracked
 *
 * Return: -EIO, once for each time that nobody was told; otherwise 0.
 */
int drm_placed_take_error(struct drm_gem_object *obj)
{
	return atomic_xchg(&track_of(obj)->error, 0) ? -EIO : 0;
}

/* Send what a chunk has, so that reading it back loses no store. */
static void send_chunk(struct drm_placed_track *track, struct drm_placed_chunk *chunk)
{
	struct drm_placed_runs runs = begin_runs(track);
	enum drm_placed_state before;

	if (!xa_get_mark(&track->chunks, chunk->index, DRM_PLACED_ACTIVE))
		return;

	bitmap_zero(chunk->found, DRM_PLACED_CHUNK);
	drm_placed_walk_close(track, chunk);
	join_dirty(chunk);
	add_found(track, &runs, chunk);
	end_runs(track, &runs);

	bitmap_zero(chunk->open, DRM_PLACED_CHUNK);
	before = chunk->policy.state;
	chunk->policy = (struct drm_placed_policy_chunk) {};
	note_state(track, chunk, before);
	deactivate(track, chunk);
}

/* Of an object that the device does not have yet, nothing can be read back. */
static void send_unsent(struct drm_placed_track *track)
{
	struct drm_placed_runs runs = begin_runs(track);

	if (!track->all_dirty)
		return;

	collect_all(track, &runs);
	end_runs(track, &runs);
}

/* Is the chunk's memory what the device has, or does this mapping not care? */
static bool is_valid(struct drm_placed_track *track, const struct drm_placed_chunk *chunk,
		     unsigned long vm_flags)
{
	if (chunk->generation == track->generation || !(vm_flags & VM_MAYREAD))
		return true;

	return !(atomic_read(&track->flags) & DRM_GEM_COHERENT_FROM_DEVICE) ||
	       drm_placed_broken(track->obj->dev, READBACK);
}

/* Queue the reading back of a chunk, unless somebody else was faster. */
static int begin_read_back(struct drm_placed_track *track, unsigned long index,
			   unsigned long vm_flags)
{
	struct drm_gem_object *obj = track->obj;
	struct drm_placed_chunk *chunk;
	struct dma_fence *fence;
	int ret;

	ret = track->funcs->lock(obj);
	if (ret)
		return ret;

	mutex_lock(&track->lock);
	chunk = xa_load(&track->chunks, index);
	if (!chunk->fence && !is_valid(track, chunk, vm_flags)) {
		unsigned int pages = drm_placed_chunk_pages(track, index);

		send_unsent(track);
		send_chunk(track, chunk);
		chunk->reading = track->generation;
		/* Nobody discards what a fence is out for: it stays after the end. */
		fence = ERR_PTR(drm_placed_sparse_begin(obj, index * DRM_PLACED_CHUNK, pages,
							NULL));
		drm_placed_sparse_end(obj);
		if (!fence)
			fence = track->funcs->read_back(obj, index * DRM_PLACED_CHUNK, pages);
		if (IS_ERR(fence))
			ret = PTR_ERR(fence);
		else if (fence)
			chunk->fence = fence;
		else
			chunk->generation = chunk->reading;
		track->stats.read_back += ret ? 0 : pages;
		trace_drm_placed_read_back(obj, index * DRM_PLACED_CHUNK, pages, ret);
	}
	mutex_unlock(&track->lock);

	track->funcs->unlock(obj);
	return ret;
}

struct drm_placed_fence_wait {
	struct dma_fence_cb cb;
	struct completion done;
};

static void fence_signaled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	complete(&container_of(cb, struct drm_placed_fence_wait, cb)->done);
}

/**
 * drm_placed_wait - wait for the device, if need be until the task is killed
 * @dev: the device
 * @fence: the fence to wait for
 *
 * dma_fence_wait() is for any signal, or for none. And the fences of a device
 * that is gone may never signal.
 *
 * Return: 0, -EINTR if the task is being killed, or -ENODEV.
 */
int drm_placed_wait(struct drm_device *dev, struct dma_fence *fence)
{
	struct drm_placed_fence_wait wait;
	long left;

	init_completion(&wait.done);
	if (dma_fence_add_callback(fence, &wait.cb, fence_signaled))
		return 0;

	do {
		left = wait_for_completion_killable_timeout(&wait.done, HZ);
	} while (!left && !drm_dev_is_unplugged(dev));

	if (left > 0)
		return 0;

	if (!dma_fence_remove_callback(fence, &wait.cb))
		wait_for_completion(&wait.done);
	return left ? -EINTR : -ENODEV;
}
EXPORT_SYMBOL_GPL(drm_placed_wait);

/*
 * Wait for a reading back in a fault. If the fault may be repeated, mmap_lock is
 * dropped meanwhile, for others to map and unmap.
 */
static vm_fault_t wait_in_fault(struct vm_fault *vmf, struct drm_gem_object *obj,
				struct dma_fence *fence)
{
	struct drm_placed_unlocked unlocked;

	if (!fault_flag_allow_retry_first(vmf->flags))
		return drm_placed_wait(obj->dev, fence) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;

	if (!(vmf->flags & FAULT_FLAG_RETRY_NOWAIT)) {
		drm_placed_unlock_fault(&unlocked, vmf, obj);
		drm_placed_wait(obj->dev, fence);
		drm_placed_unlocked_end(&unlocked);
	}
	return drm_placed_to_fault(-EAGAIN);
}

/* The end of reading back, if there was one and it has ended. */
static void settle_read_back(struct drm_placed_chunk *chunk)
{
	if (!chunk->fence || !dma_fence_is_signaled(chunk->fence))
		return;

	dma_fence_put(chunk->fence);
	chunk->fence = NULL;
	chunk->generation = chunk->reading;
}

/*
 * Take the tracker's lock to make entries, and before it, keep memory that moves where
 * it is. For a fault, or NULL. Returns what &drm_placed_memory.lock does.
 */
static int lock_to_map(struct drm_placed_track *track, struct vm_fault *vmf)
{
	int ret = 0;

	if (drm_placed_track_moves(track))
		ret = track->obj->funcs->placed->lock(track->obj, vmf);
	if (!ret)
		mutex_lock(&track->lock);
	return ret;
}

static void unlock_to_map(struct drm_placed_track *track)
{
	mutex_unlock(&track->lock);
	if (drm_placed_track_moves(track))
		track->obj->funcs->placed->unlock(track->obj);
}

/*
 * Get a chunk that this mapping may access now. On success lock_to_map() has been
 * called; otherwise *ret is what the fault handler returns.
 */
static struct drm_placed_chunk *lock_chunk(struct vm_fault *vmf, struct drm_placed_track *track,
					   unsigned long index, vm_fault_t *ret)
{
	unsigned long vm_flags = vmf->vma->vm_flags;
	struct drm_placed_chunk *chunk;
	struct dma_fence *fence;

	for (;;) {
		int err = lock_to_map(track, vmf);

		if (err) {
			*ret = drm_placed_to_fault(err);
			return NULL;
		}

		chunk = get_chunk(track, index);
		if (!chunk) {
			*ret = VM_FAULT_OOM;
			break;
		}

		settle_read_back(chunk);
		if (chunk->fence) {
			fence = dma_fence_get(chunk->fence);
			unlock_to_map(track);
			*ret = wait_in_fault(vmf, track->obj, fence);
			dma_fence_put(fence);
			return NULL;
		}

		if (chunk->error && vm_flags & VM_MAYREAD) {
			/* Once: whoever comes back has it tried again. */
			chunk->error = false;
			chunk->generation = 0;
			*ret = VM_FAULT_SIGBUS;
			break;
		}

		if (is_valid(track, chunk, vm_flags))
			return chunk;

		unlock_to_map(track);
		if (begin_read_back(track, index, vm_flags)) {
			*ret = VM_FAULT_SIGBUS;
			return NULL;
		}
	}

	unlock_to_map(track);
	return NULL;
}

/*
 * Faults
 */

/* The page of the object: the mapping may be what is left of a larger one. */
static pgoff_t fault_page(const struct vm_fault *vmf, const struct drm_placed_track *track)
{
	if (drm_placed_broken(track->obj->dev, PAGE))
		return (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT;

	return vmf->pgoff - drm_placed_start(track);
}

/* What to map when a page is read: its neighbours come for nothing. */
static struct drm_placed_window read_window(struct drm_placed_track *track,
					    const struct drm_placed_chunk *chunk,
					    unsigned long index, unsigned int page)
{
	unsigned int pages = drm_placed_chunk_pages(track, index);
	unsigned int around = min_t(unsigned int, SZ_64K >> PAGE_SHIFT, DRM_PLACED_CHUNK);

	/* What was read back is going to be read. */
	if (chunk->generation)
		return (struct drm_placed_window) { 0, pages };

	page = round_down(page, around);
	return (struct drm_placed_window) { page, min(around, pages - page) };
}

/* A write fault on a page has opened pages, the first ones since the object was idle? */
static void note_fault(struct drm_placed_track *track, pgoff_t page, pgoff_t first,
		       unsigned int count, bool idle)
{
	lockdep_assert_held(&track->lock);

	track->stats.faults++;
	track->stats.opened += count;
	trace_drm_placed_fault(track->obj, page, first, count);

	if (idle && track->funcs->wake)
		track->funcs->wake(track->obj);
}

/* Make the page of a write fault writable, and those that the policy wants. */
static vm_fault_t open_pages(struct vm_fault *vmf, struct drm_placed_track *track,
			     struct drm_placed_chunk *chunk, pgoff_t page)
{
	unsigned long index = page / DRM_PLACED_CHUNK;
	bool idle = !track->active;
	struct drm_placed_window window;
	enum drm_placed_state before;
	vm_fault_t ret;

	activate(track, chunk);
	before = chunk->policy.state;
	window = drm_placed_policy_fault(&track->policy, &chunk->policy, page % DRM_PLACED_CHUNK,
					 drm_placed_chunk_pages(track, index));
	note_state(track, chunk, before);

	if (drm_placed_is_pages_vma(vmf->vma)) {
		window = (struct drm_placed_window) { page % DRM_PLACED_CHUNK, 1 };
		ret = drm_placed_walk_map_page(track, vmf->vma, vmf->address & PAGE_MASK, page,
					       true);
	} else if (drm_placed_broken(track->obj->dev, OPEN) && vmf->vma->vm_flags & VM_PFNMAP) {
		__set_bit(page % DRM_PLACED_CHUNK, chunk->open);
		ret = 0;
	} else {
		ret = drm_placed_walk_map(track, vmf->vma, index, &window, vmf->address, true,
					  true);
	}
	note_fault(track, page, index * DRM_PLACED_CHUNK + window.first, window.count, idle);
	return ret;
}

/* A store to a huge chunk through a mapping that has no writable entry of it. */
static void open_huge(struct drm_placed_track *track, unsigned long index,
		      struct drm_placed_chunk *chunk)
{
	bool idle = !track->active;

	activate(track, chunk);
	xa_set_mark(&track->chunks, index, DRM_PLACED_MAPPED);
	bitmap_fill(chunk->open, DRM_PLACED_CHUNK);
	note_fault(track, index * DRM_PLACED_CHUNK, index * DRM_PLACED_CHUNK, DRM_PLACED_CHUNK,
		   idle);
}

static vm_fault_t track_access(struct vm_fault *vmf, bool write)
{
	struct drm_placed_track *track = drm_placed_track_of(vmf->vma);
	pgoff_t page = fault_page(vmf, track);
	unsigned long index = page / DRM_PLACED_CHUNK;
	struct drm_placed_window window;
	struct drm_placed_chunk *chunk;
	vm_fault_t ret;

	if (page >= track->pages)
		return VM_FAULT_SIGBUS;

	chunk = lock_chunk(vmf, track, index, &ret);
	if (!chunk)
		return ret;

	if (drm_placed_sparse_begin(track->obj, page, 1, NULL)) {
		/* There may be no memory in this cgroup only: not for the OOM killer. */
		ret = VM_FAULT_SIGBUS;
		goto out_end;
	}

	xa_set_mark(&track->chunks, index, DRM_PLACED_MAPPED);
	if (write) {
		ret = open_pages(vmf, track, chunk, page);
	} else if (vmf->vma->vm_flags & VM_PFNMAP) {
		window = read_window(track, chunk, index, page % DRM_PLACED_CHUNK);
		ret = drm_placed_walk_map(track, vmf->vma, index, &window, vmf->address, false,
					  true);
	} else {
		/* Struct pages are counted: their driver maps them, read-only. */
		ret = track->orig->fault(vmf);
	}

out_end:
	drm_placed_sparse_end(track->obj);
	unlock_to_map(track);
	return ret;
}

static vm_fault_t drm_placed_track_fault(struct vm_fault *vmf)
{
	struct drm_placed_track *track = drm_placed_track_of(vmf->vma);
	bool write = vmf->flags & FAULT_FLAG_WRITE;

	/* The driver's fault() is not used to it. */
	if (vmf->flags & FAULT_FLAG_VMA_LOCK && !(vmf->vma->vm_flags & VM_PFNMAP)) {
		vma_end_read(vmf->vma);
		return VM_FAULT_RETRY;
	}

	/* Struct pages have to be there first; then the store faults again. */
	if (!(vmf->vma->vm_flags & VM_PFNMAP) || drm_placed_broken(track->obj->dev, OPEN))
		write = false;

	return track_access(vmf, write);
}

static vm_fault_t drm_placed_track_mkwrite(struct vm_fault *vmf)
{
	struct drm_placed_track *track = drm_placed_track_of(vmf->vma);
	vm_fault_t ret = track_access(vmf, true);

	/* What core mm would do next, and time for a collection before it does. */
	if (!ret && drm_placed_broken(track->obj->dev, OPEN))
		usleep_range(200, 500);

	return ret;
}

static vm_fault_t drm_placed_track_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct drm_placed_track *track = drm_placed_track_of(vmf->vma);
	unsigned long addr = vmf->address & PMD_MASK;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct vm_area_struct *vma = vmf->vma;
	struct drm_placed_chunk *chunk;
	vm_fault_t ret = VM_FAULT_NOPAGE;
	unsigned long index;
	pgoff_t page;

	/* For larger orders there is no vmf->pmd. */
	if (order != PMD_ORDER || !(vma->vm_flags & VM_PFNMAP) ||
	    addr < vma->vm_start || addr + PMD_SIZE > vma->vm_end)
		return VM_FAULT_FALLBACK;

	page = linear_page_index(vma, addr) - drm_placed_start(track);
	if (page % DRM_PLACED_CHUNK || page + DRM_PLACED_CHUNK > track->pages)
		return VM_FAULT_FALLBACK;

	index = page / DRM_PLACED_CHUNK;
	chunk = lock_chunk(vmf, track, index, &ret);
	if (!chunk)
		return ret;

	drm_placed_sparse_begin(track->obj, 0, 0, NULL);
	if (!drm_placed_huge_suits(track, index)) {
		ret = VM_FAULT_FALLBACK;
	} else if (!write) {
		xa_set_mark(&track->chunks, index, DRM_PLACED_MAPPED);
		drm_placed_huge_map(track, vma, index, vmf->pmd, addr, false);
	} else if (chunk->policy.state == DRM_PLACED_HUGE) {
		open_huge(track, index, chunk);
		drm_placed_huge_map(track, vma, index, vmf->pmd, addr, true);
	} else if (!pmd_none(vmf->orig_pmd) || !pmd_none(pmdp_get_lockless(vmf->pmd))) {
		/*
		 * The store comes again, and finds room for its page. Never let
		 * mm split it: by then it may be back, writable and dirty.
		 */
		drm_placed_huge_split(track, vma, index, vmf->pmd, addr);
	} else {
		ret = VM_FAULT_FALLBACK;
	}
	drm_placed_sparse_end(track->obj);

	unlock_to_map(track);
	return ret;
}

static void drm_placed_track_zap(struct vm_area_struct *vma, unsigned long start,
				 unsigned long end)
{
	drm_placed_walk_zap(drm_placed_track_of(vma), vma, start, end);
}

/*
 * Page windows
 */

static vm_fault_t track_pages_access(struct vm_fault *vmf, bool write)
{
	struct drm_placed_track *track = drm_placed_view_of(vmf->vma)->pages->obj->placed;
	struct drm_placed_chunk *chunk;
	u32 page = drm_placed_page_at(vmf->vma, vmf->address);
	vm_fault_t ret;

	if (page == DRM_PLACED_NO_PAGE)
		return VM_FAULT_SIGSEGV;

	chunk = lock_chunk(vmf, track, page / DRM_PLACED_CHUNK, &ret);
	if (!chunk)
		return ret;

	/* It changes with the tracker's lock held. If it has, the access comes again. */
	if (drm_placed_page_at(vmf->vma, vmf->address) != page) {
		unlock_to_map(track);
		return VM_FAULT_NOPAGE;
	}

	if (drm_placed_sparse_begin(track->obj, page, 1, NULL)) {
		/* As in track_access(). */
		ret = VM_FAULT_SIGBUS;
		goto out_end;
	}

	xa_set_mark(&track->chunks, page / DRM_PLACED_CHUNK, DRM_PLACED_MAPPED);
	if (write)
		ret = open_pages(vmf, track, chunk, page);
	else
		ret = drm_placed_walk_map_page(track, vmf->vma, vmf->address & PAGE_MASK, page,
					       false);

out_end:
	drm_placed_sparse_end(track->obj);
	unlock_to_map(track);
	return ret;
}

/**
 * drm_placed_track_pages_fault - &vm_operations_struct.fault of tracked page windows
 * @vmf: the fault
 *
 * Locking: mmap_lock is held. Takes &drm_placed_track.lock and what is inside.
 *
 * Return: %VM_FAULT_SIGSEGV where nothing is shown; otherwise as for any tracked mapping.
 */
vm_fault_t drm_placed_track_pages_fault(struct vm_fault *vmf)
{
	return track_pages_access(vmf, vmf->flags & FAULT_FLAG_WRITE);
}

/**
 * drm_placed_track_pages_mkwrite - &vm_operations_struct.pfn_mkwrite of tracked page windows
 * @vmf: the fault
 *
 * Locking: as for drm_placed_track_pages_fault().
 *
 * Return: as drm_placed_track_pages_fault().
 */
vm_fault_t drm_placed_track_pages_mkwrite(struct vm_fault *vmf)
{
	return track_pages_access(vmf, true);
}

/*
 * Populating and discarding
 */

/* The first store to what was idle; without faults, nobody else tells the driver. */
static void wake(struct drm_placed_track *track, bool idle)
{
	if (idle && track->active && track->funcs->wake)
		track->funcs->wake(track->obj);
}

/* The device has not seen the zeros of these pages yet. */
static void mark_fresh(struct drm_placed_track *track, unsigned long index,
		       struct drm_placed_chunk *chunk, const unsigned long *fresh)
{
	unsigned int page;

	/* What the device has written since, it does not want zeros for. */
	if (bitmap_empty(fresh, DRM_PLACED_CHUNK) || chunk->generation != track->generation)
		return;

	activate(track, chunk);
	for_each_set_bit(page, fresh, DRM_PLACED_CHUNK)
		set_bit(page, chunk->dirty);
}

/**
 * drm_placed_track_allocate - allocate what is missing, as by writing zeros to it
 * @obj: the object, which is tracked and sparse
 * @first: first page
 * @count: number of pages, in one chunk
 *
 * Locking: takes &drm_placed_track.lock and &drm_placed_store.lock; may sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_track_allocate(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_track *track = track_of(obj);
	unsigned long index = first / DRM_PLACED_CHUNK;
	DECLARE_BITMAP(fresh, DRM_PLACED_CHUNK);
	struct drm_placed_chunk *chunk;
	int ret = -ENOMEM;
	bool idle;

	mutex_lock(&track->lock);
	idle = !track->active;
	chunk = get_chunk(track, index);
	if (chunk) {
		ret = drm_placed_sparse_begin(obj, first, count, fresh);
		drm_placed_sparse_end(obj);
		mark_fresh(track, index, chunk, fresh);
		wake(track, idle);
	}
	mutex_unlock(&track->lock);
	return ret;
}

/* The end of a reading back under way of pages in a range, or NULL. */
static struct dma_fence *reading_back(struct drm_placed_track *track, pgoff_t first,
				      pgoff_t count)
{
	unsigned long index, last = (first + count - 1) / DRM_PLACED_CHUNK;
	struct drm_placed_chunk *chunk;

	xa_for_each_range(&track->chunks, index, chunk, first / DRM_PLACED_CHUNK, last) {
		settle_read_back(chunk);
		if (chunk->fence)
			return dma_fence_get(chunk->fence);
	}

	return NULL;
}

/* What was stored to a range does not matter any more, and nothing maps it. */
static void forget_range(struct drm_placed_track *track, pgoff_t first, pgoff_t count)
{
	unsigned long index, last = first + count;
	struct drm_placed_chunk *chunk;

	xa_for_each_range(&track->chunks, index, chunk, first / DRM_PLACED_CHUNK,
			  (last - 1) / DRM_PLACED_CHUNK) {
		pgoff_t base = index * DRM_PLACED_CHUNK;
		unsigned int from = max(first, base) - base;
		unsigned int to = min(last, base + DRM_PLACED_CHUNK) - base, page;

		bitmap_clear(chunk->open, from, to - from);
		bitmap_clear(chunk->last, from, to - from);
		/* Others set bits of other pages meanwhile. */
		for (page = from; page < to; page++)
			clear_bit(page, chunk->dirty);
	}
}

/**
 * drm_placed_track_remove - free the memory of a range of an object
 * @obj: the object, which is tracked and sparse
 * @first: first page
 * @count: number of pages, not zero
 *
 * The device is told, in order with what it is told else: what was sent before
 * does not come back, and what is stored afterwards arrives.
 *
 * Locking: as for a fault. Takes &drm_placed_funcs.lock and what is inside.
 *
 * Return: 0 or a negative errno, with nothing freed.
 */
int drm_placed_track_remove(struct drm_gem_object *obj, pgoff_t first, pgoff_t count)
{
	struct drm_placed_track *track = track_of(obj);
	struct dma_fence *fence;
	int ret;

	for (;;) {
		ret = track->funcs->lock(obj);
		if (ret)
			return ret;

		mutex_lock(&track->lock);
		fence = reading_back(track, first, count);
		if (!fence)
			break;
		mutex_unlock(&track->lock);
		track->funcs->unlock(obj);

		ret = drm_placed_wait(obj->dev, fence);
		dma_fence_put(fence);
		if (ret)
			return ret;
	}

	drm_placed_sparse_drop(obj, first, count);
	forget_range(track, first, count);
	track->funcs->discard(obj, first, count);

	mutex_unlock(&track->lock);
	track->funcs->unlock(obj);
	return 0;
}

/*
 * A fault on behalf of the caller, which waits with mmap_lock held. To be read, even
 * if the mapping is for writing only: a write fault would make its page dirty.
 */
static int fault_in(struct vm_area_struct *vma, unsigned long addr, bool write)
{
	vm_fault_t ret;

	if (fatal_signal_pending(current))
		return -EINTR;

	ret = handle_mm_fault(vma, addr, write ? FAULT_FLAG_WRITE : 0, NULL);
	return ret & VM_FAULT_ERROR ? vm_fault_to_errno(ret, 0) : 0;
}

/*
 * Map pages of a chunk that are to be populated. Returns 0; -EAGAIN if it takes a
 * read fault first, which waits for the device, or makes one entry for all of the
 * chunk; or -EBUSY if it takes a write fault, which makes that writable.
 */
static int populate_chunk(struct drm_placed_track *track, struct vm_area_struct *vma,
			  unsigned long addr, pgoff_t page, unsigned int count, bool write)
{
	unsigned long index = page / DRM_PLACED_CHUNK;
	struct drm_placed_window window = { page % DRM_PLACED_CHUNK, count };
	DECLARE_BITMAP(fresh, DRM_PLACED_CHUNK);
	struct drm_placed_chunk *chunk;
	bool idle;
	pmd_t *pmd;
	int ret;

	ret = lock_to_map(track, NULL);
	if (ret)
		return ret;

	idle = !track->active;
	chunk = get_chunk(track, index);
	if (!chunk) {
		unlock_to_map(track);
		return -ENOMEM;
	}

	ret = drm_placed_sparse_begin(track->obj, page, count, fresh);
	if (write)
		mark_fresh(track, index, chunk, fresh);
	if (ret)
		goto out;

	settle_read_back(chunk);
	if (chunk->fence || (chunk->error && vma->vm_flags & VM_MAYREAD) ||
	    !is_valid(track, chunk, vma->vm_flags)) {
		ret = -EAGAIN;
		goto out;
	}

	pmd = drm_placed_walk_pmd(vma->vm_mm, addr);
	if (pmd && pmd_leaf(pmdp_get_lockless(pmd))) {
		if (!write || pmd_write(pmdp_get_lockless(pmd)))
			goto out;
		if (chunk->policy.state == DRM_PLACED_HUGE)
			ret = -EBUSY;
		else
			drm_placed_huge_split(track, vma, index, pmd, addr & PMD_MASK);
	} else if (count == DRM_PLACED_CHUNK && IS_ALIGNED(addr, PMD_SIZE) &&
		   (!write || chunk->policy.state == DRM_PLACED_HUGE) &&
		   (!pmd || pmd_none(pmdp_get_lockless(pmd))) &&
		   drm_placed_huge_suits(track, index)) {
		ret = write ? -EBUSY : -EAGAIN;
	}
	if (ret)
		goto out;

	if (write)
		activate(track, chunk);
	xa_set_mark(&track->chunks, index, DRM_PLACED_MAPPED);
	if (drm_placed_walk_map(track, vma, index, &window, addr, write, false) & VM_FAULT_OOM)
		ret = -ENOMEM;
out:
	drm_placed_sparse_end(track->obj);
	wake(track, idle);
	unlock_to_map(track);
	return ret;
}

/* Struct pages are counted, and mapped by their driver: one by one, to be read. */
static int fault_in_pages(struct vm_area_struct *vma, unsigned long addr, unsigned int count)
{
	int ret = 0;

	for (; count && !ret; count--, addr += PAGE_SIZE)
		ret = fault_in(vma, addr, false);

	return ret;
}

/*
 * What one page table maps of one chunk, from page on. Returns the number of
 * pages, or a negative errno.
 */
static long populate_part(struct drm_placed_track *track, struct vm_area_struct *vma,
			  unsigned long addr, unsigned long end, pgoff_t page, bool write)
{
	unsigned int count;
	int ret;

	end = pmd_addr_end(addr, end);
	count = min_t(pgoff_t, DRM_PLACED_CHUNK - page % DRM_PLACED_CHUNK,
		      (end - addr) >> PAGE_SHIFT);

	for (;;) {
		if (!(vma->vm_flags & VM_PFNMAP)) {
			ret = fault_in_pages(vma, addr, count);
			if (ret)
				return ret;
		}

		ret = populate_chunk(track, vma, addr, page, count, write);
		if (ret != -EAGAIN && ret != -EBUSY)
			return ret ?: (long)count;

		ret = fault_in(vma, addr, ret == -EBUSY);
		if (ret)
			return ret;
	}
}

static long drm_placed_track_populate(struct vm_area_struct *vma, unsigned long start,
				      unsigned long end, bool write)
{
	struct drm_placed_track *track = drm_placed_track_of(vma);
	pgoff_t page = linear_page_index(vma, start) - drm_placed_start(track);
	unsigned long addr;
	long done;

	if (page + ((end - start) >> PAGE_SHIFT) > track->pages)
		return -EFAULT;

	end = start + min(end - start, MM_POPULATE_SPECIAL_STEP);
	for (addr = start; addr < end; addr += done << PAGE_SHIFT, page += done) {
		if (fatal_signal_pending(current))
			done = -EINTR;
		else
			done = populate_part(track, vma, addr, end, page, write);
		if (done < 0)
			return (long)((addr - start) >> PAGE_SHIFT) ?:
			       drm_placed_populate_errno(done);
		cond_resched();
	}

	return (end - start) >> PAGE_SHIFT;
}

static int drm_placed_track_discard(struct vm_area_struct *vma, unsigned long start,
				    unsigned long end, int behavior)
{
	struct drm_placed_track *track = drm_placed_track_of(vma);
	pgoff_t page = linear_page_index(vma, start) - drm_placed_start(track);

	if (behavior == MADV_REMOVE)
		return drm_placed_sparse_discard(track->obj, page, (end - start) >> PAGE_SHIFT);

	/* The lock keeps faults off, as drm_placed_walk_zap() wants it. */
	mutex_lock(&track->lock);
	drm_placed_walk_remove(track, vma, start, end);
	mutex_unlock(&track->lock);
	return 0;
}

/*
 * Maps nothing. But mm takes it for a sign that it may call the operations above
 * with no more than the VMA locked, and does not start the fault again.
 */
static vm_fault_t drm_placed_track_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

static void drm_placed_track_open(struct vm_area_struct *vma)
{
	struct drm_placed_track *track = drm_placed_track_of(vma);

	if (track->orig->open)
		track->orig->open(vma);
	if (vma->vm_flags & VM_MAYREAD)
		atomic_inc(&track->readers);
}

static void drm_placed_track_close(struct vm_area_struct *vma)
{
	struct drm_placed_track *track = drm_placed_track_of(vma);

	if (vma->vm_flags & VM_MAYREAD)
		atomic_dec(&track->readers);
	/* May free the object, and the tracker. */
	if (track->orig->close)
		track->orig->close(vma);
}

/**
 * drm_placed_track_mmap - track a mapping
 * @obj: the object
 * @vma: the mapping, as the driver has set it up
 *
 * To be called at the end of &drm_gem_object_funcs.mmap. Does nothing for an
 * object without a tracker. A mapping that is not for reading can then never
 * become so: it might show what the device has long overwritten.
 *
 * Locking: mmap_lock is held for writing.
 */
void drm_placed_track_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct drm_placed_track *track = track_of(obj);

	if (!track) {
		WRITE_ONCE(obj->placed_mapped, true);
		/* Pairs with drm_placed_track(): one of the two sees the other. */
		smp_mb();
		track = track_of(obj);
	}

	/* Not VM_SHARED: mm takes that from what a read-only file is mapped by. */
	if (!track || !(vma->vm_flags & VM_MAYSHARE))
		return;

	if (drm_placed_broken(obj->dev, DMABUF) &&
	    vma->vm_file->f_op->mmap != obj->dev->driver->fops->mmap)
		return;

	vma->vm_ops = &track->vm_ops;
	/* What get_user_pages() stores to struct pages sets no dirty bit of ours. */
	vm_flags_set(vma, VM_IO);
	if (!(vma->vm_flags & VM_READ))
		vm_flags_clear(vma, VM_MAYREAD);
	else
		atomic_inc(&track->readers);
}
EXPORT_SYMBOL_GPL(drm_placed_track_mmap);

/* What the device wrote before it was to be read back is to be read back, too. */
static void add_flags(struct drm_placed_track *track, u32 flags)
{
	u32 old = atomic_fetch_or(flags, &track->flags);

	if (!(flags & ~old & DRM_GEM_COHERENT_FROM_DEVICE))
		return;

	mutex_lock(&track->lock);
	drm_placed_walk_forget(track);
	mutex_unlock(&track->lock);
}

/**
 * drm_placed_track - start to track the mappings of an object
 * @obj: the object; its driver has &drm_driver.placed
 * @flags: DRM_GEM_COHERENT_*
 * @dirty: the device does not have what was stored to the object so far: as if
 *	drm_placed_mark_dirty() was called
 *
 * Mappings made from now on are tracked. For an object that is tracked already,
 * adds to its flags and does nothing else.
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_track(struct drm_gem_object *obj, u32 flags, bool dirty)
{
	const struct vm_operations_struct *orig = obj->funcs->vm_ops;
	struct drm_placed_track *track = track_of(obj);

	if (track) {
		add_flags(track, flags);
		return 0;
	}

	track = kzalloc(sizeof(*track), GFP_KERNEL_ACCOUNT);
	if (!track)
		return -ENOMEM;

	track->obj = obj;
	track->funcs = obj->dev->driver->placed;
	track->pages = obj->size >> PAGE_SHIFT;
	track->orig = orig;
	track->vm_ops = *orig;
	track->vm_ops.open = drm_placed_track_open;
	track->vm_ops.close = drm_placed_track_close;
	track->vm_ops.fault = drm_placed_track_fault;
	track->vm_ops.pfn_mkwrite = drm_placed_track_mkwrite;
	track->vm_ops.page_mkwrite = drm_placed_track_mkwrite;
	track->vm_ops.huge_fault = drm_placed_track_huge_fault;
	track->vm_ops.map_pages = drm_placed_track_map_pages;
	track->vm_ops.zap = drm_placed_track_zap;
	track->vm_ops.populate = drm_placed_track_populate;
	track->vm_ops.discard = drm_placed_track_discard;
	atomic_set(&track->flags, flags);
	track->all_dirty = dirty;
	track->active = dirty;
	mutex_init(&track->lock);
	xa_init(&track->chunks);
	drm_placed_policy_init(&track->policy, READ_ONCE(obj->dev->placed_policy), track->pages);

	/*
	 * Pairs with track_of(), and is the barrier that drm_placed_track_mmap()
	 * pairs with. Somebody else may have been faster.
	 */
	if (cmpxchg(&obj->placed, NULL, track)) {
		kfree(track);
		return drm_placed_track(obj, flags, dirty);
	}

	if (dirty && track->funcs->wake)
		track->funcs->wake(obj);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_track);

/**
 * drm_placed_untrack - free the tracker of an object, if it has one
 * @obj: the object, which is being freed
 *
 * Called by drm_gem_object_release(): nothing maps the object any more.
 */
void drm_placed_untrack(struct drm_gem_object *obj)
{
	struct drm_placed_track *track = obj->placed;
	struct drm_placed_chunk *chunk;
	unsigned long index;

	if (!track)
		return;

	obj->placed = NULL;
	xa_for_each(&track->chunks, index, chunk) {
		dma_fence_put(chunk->fence);
		kfree(chunk);
	}
	xa_destroy(&track->chunks);
	mutex_destroy(&track->lock);
	kfree(track);
}
