/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_POOL_H_
#define _DRM_PLACED_POOL_H_

#include <linux/mutex.h>
#include <linux/types.h>

/**
 * struct drm_placed_pool - page frames that a device has to give
 */
struct drm_placed_pool {
	/** @lock: innermost: taken inside &drm_placed_store.lock. */
	struct mutex lock;

	/** @first: the first page frame, aligned to %DRM_PLACED_CHUNK. Constant. */
	unsigned long first;

	/** @pages: number of page frames. Constant. */
	unsigned long pages;

	/** @free: number of those that are free. Protected by @lock, read without. */
	unsigned long free;

	/** @used: bitmap of page frames that are not free. Protected by @lock. */
	unsigned long *used;

	/**
	 * @whole: bitmap of blocks of %DRM_PLACED_CHUNK page frames that are all
	 * free. Protected by @lock.
	 */
	unsigned long *whole;

	/** @part: bitmap of blocks of which some are free, and some are not. Same lock. */
	unsigned long *part;

	/** @left: number of free page frames by block. Same lock. */
	u16 *left;
};

int drm_placed_pool_init(struct drm_placed_pool *pool, unsigned long first, unsigned long pages);
void drm_placed_pool_fini(struct drm_placed_pool *pool);
unsigned int drm_placed_pool_alloc(struct drm_placed_pool *pool, unsigned int count,
				   unsigned long *pfn);
void drm_placed_pool_free(struct drm_placed_pool *pool, unsigned long pfn, unsigned int count);

#endif
