// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/bitmap.h>
#include <linux/prandom.h>

#include "../drm_placed_internal.h"
#include "../drm_placed_pool.h"

/*
 * A pool of page frames: blocks and rows, pages that fill broken blocks first, a
 * short last block, and a random walk beside an array.
 */

#define CHUNK DRM_PLACED_CHUNK
#define FIRST (10 * CHUNK)

static struct drm_placed_pool *make_pool(struct kunit *test, unsigned long pages)
{
	struct drm_placed_pool *pool = kunit_kzalloc(test, sizeof(*pool), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pool);
	KUNIT_ASSERT_EQ(test, drm_placed_pool_init(pool, FIRST, pages), 0);
	KUNIT_EXPECT_EQ(test, pool->free, pages);
	return pool;
}

static void test_bad(struct kunit *test)
{
	struct drm_placed_pool pool;

	KUNIT_EXPECT_EQ(test, drm_placed_pool_init(&pool, FIRST, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_init(&pool, FIRST + 1, CHUNK), -EINVAL);
}

static void test_blocks(struct kunit *test)
{
	struct drm_placed_pool *pool = make_pool(test, 3 * CHUNK);
	unsigned long pfn;
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), CHUNK);
		KUNIT_EXPECT_EQ(test, pfn, FIRST + i * CHUNK);
	}
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 1, &pfn), 0);

	drm_placed_pool_free(pool, FIRST + CHUNK, CHUNK);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), CHUNK);
	KUNIT_EXPECT_EQ(test, pfn, FIRST + CHUNK);
	drm_placed_pool_free(pool, FIRST, 3 * CHUNK);
	KUNIT_EXPECT_EQ(test, pool->free, 3 * CHUNK);
	drm_placed_pool_fini(pool);
}

/* Pages come from the block that is broken, and it is whole again without them. */
static void test_pages(struct kunit *test)
{
	struct drm_placed_pool *pool = make_pool(test, 2 * CHUNK);
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 1, &pfn), 1);
	KUNIT_EXPECT_EQ(test, pfn, FIRST);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 7, &pfn), 7);
	KUNIT_EXPECT_EQ(test, pfn, FIRST + 1);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), CHUNK);
	KUNIT_EXPECT_EQ(test, pfn, FIRST + CHUNK);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), 0);

	/* A hole of three is a row of three, however many are asked for. */
	drm_placed_pool_free(pool, FIRST + 2, 3);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 100, &pfn), 3);
	KUNIT_EXPECT_EQ(test, pfn, FIRST + 2);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK - 1, &pfn), CHUNK - 8);
	KUNIT_EXPECT_EQ(test, pool->free, 0);

	drm_placed_pool_free(pool, FIRST, CHUNK);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), CHUNK);
	drm_placed_pool_fini(pool);
}

static void test_short_block(struct kunit *test)
{
	struct drm_placed_pool *pool = make_pool(test, CHUNK + 5);
	unsigned long pfn;

	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), CHUNK);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, CHUNK, &pfn), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 8, &pfn), 5);
	KUNIT_EXPECT_EQ(test, pfn, FIRST + CHUNK);
	KUNIT_EXPECT_EQ(test, drm_placed_pool_alloc(pool, 1, &pfn), 0);
	drm_placed_pool_fini(pool);
}

#define RANDOM_PAGES (5 * CHUNK + 99)

static void test_random(struct kunit *test)
{
	struct drm_placed_pool *pool = make_pool(test, RANDOM_PAGES);
	unsigned long *model = kunit_kcalloc(test, BITS_TO_LONGS(RANDOM_PAGES), sizeof(long),
					     GFP_KERNEL);
	struct rnd_state rnd;
	unsigned long pfn, page, end;
	unsigned int count, got;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 20000; i++) {
		if (prandom_u32_state(&rnd) % 2) {
			count = prandom_u32_state(&rnd) % 4 ? 1 + prandom_u32_state(&rnd) % 64 :
							      CHUNK;
			got = drm_placed_pool_alloc(pool, count, &pfn);
			page = pfn - FIRST;
			if (!got) {
				/* Then there is none, or no block. */
				if (count < CHUNK)
					KUNIT_ASSERT_TRUE(test, bitmap_full(model, RANDOM_PAGES));
				continue;
			}
			KUNIT_ASSERT_LE(test, got, count);
			KUNIT_ASSERT_LE(test, page + got, RANDOM_PAGES);
			KUNIT_ASSERT_GE(test, find_next_bit(model, page + got, page), page + got);
			if (count == CHUNK)
				KUNIT_ASSERT_TRUE(test, got == CHUNK && page % CHUNK == 0);
			bitmap_set(model, page, got);
		} else {
			page = find_next_bit(model, RANDOM_PAGES,
					     prandom_u32_state(&rnd) % RANDOM_PAGES);
			if (page == RANDOM_PAGES)
				continue;
			end = find_next_zero_bit(model, RANDOM_PAGES, page);
			count = 1 + prandom_u32_state(&rnd) % (end - page);
			drm_placed_pool_free(pool, FIRST + page, count);
			bitmap_clear(model, page, count);
		}
		KUNIT_ASSERT_EQ(test, pool->free,
				RANDOM_PAGES - bitmap_weight(model, RANDOM_PAGES));
	}
	drm_placed_pool_fini(pool);
}

static struct kunit_case pool_cases[] = {
	KUNIT_CASE(test_bad),
	KUNIT_CASE(test_blocks),
	KUNIT_CASE(test_pages),
	KUNIT_CASE(test_short_block),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite pool_suite = {
	.name = "drm_placed_pool",
	.test_cases = pool_cases,
};

kunit_test_suite(pool_suite);

MODULE_DESCRIPTION("Tests of a pool of page frames");
MODULE_LICENSE("Dual MIT/GPL");
