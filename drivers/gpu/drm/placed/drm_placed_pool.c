// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/bitmap.h>
#include <linux/export.h>
#include <linux/mm.h>

#include "drm_placed_internal.h"
#include "drm_placed_pool.h"

/**
 * DOC: a pool of a device's page frames
 *
 * Sparse objects with memory of the device's get it from here. What they want is
 * blocks of 2 MiB, as long as there are any, and pages that fill up blocks which
 * are broken already, so that blocks last. drm_mm and genalloc find room for what is
 * freed as it was allocated; pages of an object are freed one by one. So the pool is
 * a bitmap of pages, and two of blocks, which say where to look in the first:
 * blocks that are whole, and those of which a part is free. Low page frames come
 * first, so that what is asked for in a row is in a row.
 *
 * What it costs does not depend on how much is used: finding a block looks at one bit
 * for 2 MiB, finding pages at one block more.
 */

/* The blocks that exist; the last one may be short, and then is never whole. */
static unsigned long blocks_of(const struct drm_placed_pool *pool)
{
	return DIV_ROUND_UP(pool->pages, DRM_PLACED_CHUNK);
}

static void note_block(struct drm_placed_pool *pool, unsigned long block)
{
	unsigned int left = pool->left[block];

	__assign_bit(block, pool->whole, left == DRM_PLACED_CHUNK);
	__assign_bit(block, pool->part, left && left < DRM_PLACED_CHUNK);
}

/**
 * drm_placed_pool_init - prepare a pool, all of which is free
 * @pool: the pool
 * @first: its first page frame, a multiple of %DRM_PLACED_CHUNK
 * @pages: how many there are
 *
 * Return: 0, -EINVAL, or -ENOMEM for what it takes to keep account of them.
 */
int drm_placed_pool_init(struct drm_placed_pool *pool, unsigned long first, unsigned long pages)
{
	unsigned long block;

	if (!pages || !IS_ALIGNED(first, DRM_PLACED_CHUNK))
		return -EINVAL;

	mutex_init(&pool->lock);
	pool->first = first;
	pool->pages = pages;
	pool->free = pages;
	pool->used = kvcalloc(BITS_TO_LONGS(pages), sizeof(long), GFP_KERNEL);
	pool->whole = kvcalloc(BITS_TO_LONGS(blocks_of(pool)), sizeof(long), GFP_KERNEL);
	pool->part = kvcalloc(BITS_TO_LONGS(blocks_of(pool)), sizeof(long), GFP_KERNEL);
	pool->left = kvcalloc(blocks_of(pool), sizeof(*pool->left), GFP_KERNEL);
	if (!pool->used || !pool->whole || !pool->part || !pool->left) {
		drm_placed_pool_fini(pool);
		return -ENOMEM;
	}

	for (block = 0; block < blocks_of(pool); block++) {
		pool->left[block] = min_t(unsigned long, DRM_PLACED_CHUNK,
					  pages - block * DRM_PLACED_CHUNK);
		note_block(pool, block);
	}

	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_pool_init);

/**
 * drm_placed_pool_fini - the end of a pool
 * @pool: the pool; nobody has page frames of it
 */
void drm_placed_pool_fini(struct drm_placed_pool *pool)
{
	kvfree(pool->used);
	kvfree(pool->whole);
	kvfree(pool->part);
	kvfree(pool->left);
	mutex_destroy(&pool->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_pool_fini);

/* A row of free pages in a block that has some. */
static unsigned int find_row(const struct drm_placed_pool *pool, unsigned long block,
			     unsigned int count, unsigned long *page)
{
	unsigned long base = block * DRM_PLACED_CHUNK;
	unsigned long end = min(base + DRM_PLACED_CHUNK, pool->pages);

	*page = find_next_zero_bit(pool->used, end, base);
	return find_next_bit(pool->used, min(end, *page + count), *page) - *page;
}

static unsigned int find_free(const struct drm_placed_pool *pool, unsigned int count,
			      unsigned long *page)
{
	unsigned long block = blocks_of(pool);

	if (count < DRM_PLACED_CHUNK)
		block = find_first_bit(pool->part, blocks_of(pool));
	if (block == blocks_of(pool))
		block = find_first_bit(pool->whole, blocks_of(pool));
	if (block == blocks_of(pool))
		return 0;

	return find_row(pool, block, count, page);
}

/**
 * drm_placed_pool_alloc - take page frames out of a pool
 * @pool: the pool
 * @count: %DRM_PLACED_CHUNK for a block of as many, aligned; or fewer, for at most as
 *	many in a row
 * @pfn: the first one
 *
 * Locking: takes &drm_placed_pool.lock.
 *
 * Return: how many there are, 0 for none.
 */
unsigned int drm_placed_pool_alloc(struct drm_placed_pool *pool, unsigned int count,
				   unsigned long *pfn)
{
	unsigned long page;
	unsigned int got;

	if (WARN_ON_ONCE(!count || count > DRM_PLACED_CHUNK))
		return 0;

	mutex_lock(&pool->lock);
	got = find_free(pool, count, &page);
	if (got) {
		bitmap_set(pool->used, page, got);
		WRITE_ONCE(pool->free, pool->free - got);
		pool->left[page / DRM_PLACED_CHUNK] -= got;
		note_block(pool, page / DRM_PLACED_CHUNK);
		*pfn = pool->first + page;
	}
	mutex_unlock(&pool->lock);
	return got;
}
EXPORT_SYMBOL_GPL(drm_placed_pool_alloc);

/**
 * drm_placed_pool_free - give page frames back
 * @pool: the pool
 * @pfn: the first one
 * @count: how many; all of them were taken, in one go or in several
 *
 * Locking: takes &drm_placed_pool.lock.
 */
void drm_placed_pool_free(struct drm_placed_pool *pool, unsigned long pfn, unsigned int count)
{
	unsigned long page = pfn - pool->first, end = page + count, next;

	mutex_lock(&pool->lock);
	for (; page < end; page = next) {
		next = min(end, round_down(page, DRM_PLACED_CHUNK) + DRM_PLACED_CHUNK);
		WARN_ON_ONCE(find_next_zero_bit(pool->used, next, page) < next);
		bitmap_clear(pool->used, page, next - page);
		WRITE_ONCE(pool->free, pool->free + (next - page));
		pool->left[page / DRM_PLACED_CHUNK] += next - page;
		note_block(pool, page / DRM_PLACED_CHUNK);
	}
	mutex_unlock(&pool->lock);
}
EXPORT_SYMBOL_GPL(drm_placed_pool_free);
