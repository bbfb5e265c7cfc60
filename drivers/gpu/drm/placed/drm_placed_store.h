/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_STORE_H_
#define _DRM_PLACED_STORE_H_

#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "drm_placed_internal.h"

struct drm_placed_runs;
struct drm_placed_store;

/** struct drm_placed_extent - pages of a store whose page frames are in a row */
struct drm_placed_extent {
	/** @page: the first page. */
	pgoff_t page;

	/** @pfn: its page frame. */
	unsigned long pfn;

	/** @count: number of pages. */
	unsigned long count;
};

/**
 * struct drm_placed_store_ops - where the memory of a store comes from, and who
 *	has to know of it
 *
 * All are optional, and called with &drm_placed_store.lock held; they may sleep.
 */
struct drm_placed_store_ops {
	/**
	 * @alloc: Find page frames for up to @count pages: @count is
	 * %DRM_PLACED_CHUNK and the frames are a block of as many, aligned, or
	 * they are some in a row. Returns how many, 0 for none, and the first
	 * one in @pfn. Together with @free; without them it is memory of the
	 * kernel's.
	 */
	unsigned int (*alloc)(struct drm_placed_store *store, unsigned int count,
			      unsigned long *pfn);

	/** @free: Give page frames back. */
	void (*free)(struct drm_placed_store *store, unsigned long pfn, unsigned int count);

	/**
	 * @bind: Pages have got memory, which nobody uses yet: tell the device.
	 * The extents are in ascending order, at most %DRM_PLACED_EXTENTS.
	 * Returns 0, or a negative errno, and then they lose it again.
	 */
	int (*bind)(struct drm_placed_store *store, const struct drm_placed_extent *extents,
		    unsigned int count);

	/**
	 * @unbind: The memory of pages, some of which have none, is about to be
	 * freed, and nothing maps it any more: make the device stop using it.
	 * Not called when the store is freed.
	 */
	void (*unbind)(struct drm_placed_store *store, pgoff_t first, pgoff_t count);
};

/** DRM_PLACED_EXTENTS - most extents in a call of &drm_placed_store_ops.bind */
#define DRM_PLACED_EXTENTS 16384

/**
 * struct drm_placed_store_chunk - the memory of 2 MiB of a store
 *
 * Allocated with its first page, freed with the store. Protected by
 * &drm_placed_store.lock.
 */
struct drm_placed_store_chunk {
	/** @present: pages that have memory. */
	DECLARE_BITMAP(present, DRM_PLACED_CHUNK);

	/**
	 * @whole: the memory is one block of all pages, aligned, that was
	 * allocated as such and is to be freed as such. All of @present is set.
	 */
	bool whole;

	/** @pfns: page frames of the pages that are present. */
	unsigned long *pfns;
};

/**
 * struct drm_placed_store - the memory of a sparse object
 */
struct drm_placed_store {
	/**
	 * @lock: taken inside mmap_lock and the tracker's lock, outside
	 * i_mmap_rwsem and page table locks. Memory is allocated and freed with
	 * it held, and mapped: a page that a mapping has an entry of is
	 * present.
	 */
	struct mutex lock;

	/** @ops: Constant. NULL: memory of the kernel's, and nobody else's business. */
	const struct drm_placed_store_ops *ops;

	/** @owner: for @ops. Constant. */
	void *owner;

	/** @pages: size, in pages. Constant. */
	pgoff_t pages;

	/** @chunks: &struct drm_placed_store_chunk by number. Protected by @lock. */
	struct xarray chunks;

	/** @last: the chunk last looked for. Chunks stay. Protected by @lock. */
	struct drm_placed_store_chunk *last;

	/** @last_index: its number. Protected by @lock. */
	unsigned long last_index;

	/** @present: number of pages that are. Written with @lock held, read without. */
	pgoff_t present;

	/** @huge: number of chunks that are whole. Written with @lock held, read without. */
	unsigned long huge;
};

void drm_placed_store_init(struct drm_placed_store *store, pgoff_t pages,
			   const struct drm_placed_store_ops *ops, void *owner);
void drm_placed_store_fini(struct drm_placed_store *store);
int drm_placed_store_get(struct drm_placed_store *store, pgoff_t first, pgoff_t count,
			 unsigned long *fresh);
int drm_placed_store_get_all(struct drm_placed_store *store, pgoff_t first, pgoff_t count);
void drm_placed_store_put(struct drm_placed_store *store, pgoff_t first, pgoff_t count);
unsigned long drm_placed_store_pfn(struct drm_placed_store *store, pgoff_t page,
				   unsigned long *count);
void drm_placed_store_pfns(struct drm_placed_store *store, const u64 *pages, unsigned int count,
			   unsigned long *pfns);
pgoff_t drm_placed_store_present(struct drm_placed_store *store, pgoff_t first, pgoff_t count);
void drm_placed_store_runs(struct drm_placed_store *store, pgoff_t first, pgoff_t count,
			   struct drm_placed_runs *runs);

/**
 * drm_placed_store_is_whole - is the memory of a chunk in one aligned piece?
 * @store: the store
 * @index: number of the chunk
 *
 * Inline: page table code is always built in, and cannot call the library.
 *
 * Locking: &drm_placed_store.lock is held.
 *
 * Return: whether it is.
 */
static inline bool drm_placed_store_is_whole(struct drm_placed_store *store, unsigned long index)
{
	struct drm_placed_store_chunk *chunk = xa_load(&store->chunks, index);

	lockdep_assert_held(&store->lock);
	return chunk && chunk->whole;
}

#endif
