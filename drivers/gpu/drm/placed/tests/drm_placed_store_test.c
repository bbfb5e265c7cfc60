// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/prandom.h>

#include "../drm_placed_memory.h"
#include "../drm_placed_pool.h"
#include "../drm_placed_runs.h"
#include "../drm_placed_store.h"

/*
 * The memory of sparse objects: what is present after what was asked for, at the
 * edges of chunks and of the object, and by a random walk beside an array.
 */

#define CHUNK DRM_PLACED_CHUNK

struct store_test {
	struct drm_placed_store store;
	/* Runs that were listed. */
	pgoff_t first[8], count[8];
	int runs;
};

static struct store_test *make_store(struct kunit *test, pgoff_t pages)
{
	struct store_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	drm_placed_store_init(&t->store, pages, NULL, NULL);
	mutex_lock(&t->store.lock);
	return t;
}

static void free_store(struct store_test *t)
{
	mutex_unlock(&t->store.lock);
	drm_placed_store_fini(&t->store);
}

static void note_run(void *arg, pgoff_t first, pgoff_t count)
{
	struct store_test *t = arg;

	if (t->runs < ARRAY_SIZE(t->first)) {
		t->first[t->runs] = first;
		t->count[t->runs] = count;
	}
	t->runs++;
}

static void list(struct store_test *t, pgoff_t first, pgoff_t count)
{
	struct drm_placed_runs runs = { .emit = note_run, .arg = t };

	t->runs = 0;
	drm_placed_store_runs(&t->store, first, count, &runs);
}

static bool is_zero(struct drm_placed_store *store, pgoff_t page)
{
	unsigned long count = 1, pfn = drm_placed_store_pfn(store, page, &count);

	return pfn != DRM_PLACED_NO_PFN &&
	       !memchr_inv(page_address(pfn_to_page(pfn)), 0, PAGE_SIZE);
}

static void scribble(struct drm_placed_store *store, pgoff_t page)
{
	unsigned long count = 1, pfn = drm_placed_store_pfn(store, page, &count);

	memset(page_address(pfn_to_page(pfn)), 0xa5, PAGE_SIZE);
}

static void test_empty(struct kunit *test)
{
	struct store_test *t = make_store(test, 3 * CHUNK);
	unsigned long count = 100;

	KUNIT_EXPECT_EQ(test, drm_placed_store_pfn(&t->store, 5, &count), DRM_PLACED_NO_PFN);
	KUNIT_EXPECT_EQ(test, count, 100);
	KUNIT_EXPECT_EQ(test, drm_placed_store_present(&t->store, 0, 3 * CHUNK), 0);
	list(t, 0, 3 * CHUNK);
	KUNIT_EXPECT_EQ(test, t->runs, 0);
	drm_placed_store_put(&t->store, 0, 3 * CHUNK);
	free_store(t);
}

static void test_one_page(struct kunit *test)
{
	struct store_test *t = make_store(test, 1);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 0, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->store.present, 1);
	KUNIT_EXPECT_EQ(test, t->store.huge, 0);
	KUNIT_EXPECT_TRUE(test, is_zero(&t->store, 0));
	list(t, 0, 1);
	KUNIT_EXPECT_EQ(test, t->runs, 1);
	drm_placed_store_put(&t->store, 0, 1);
	KUNIT_EXPECT_EQ(test, t->store.present, 0);
	free_store(t);
}

/* First and last pages of chunks, and of an object whose last chunk is short. */
static void test_edges(struct kunit *test)
{
	struct store_test *t = make_store(test, 2 * CHUNK + 7);
	static const pgoff_t pages[] = { 0, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK,
					 2 * CHUNK + 6 };
	int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, pages[i], 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->store.present, 6);

	/* Neighbours in two chunks are one run. */
	list(t, 0, 2 * CHUNK + 7);
	KUNIT_ASSERT_EQ(test, t->runs, 4);
	KUNIT_EXPECT_EQ(test, t->first[1], CHUNK - 1);
	KUNIT_EXPECT_EQ(test, t->count[1], 2);
	KUNIT_EXPECT_EQ(test, t->first[3], 2 * CHUNK + 6);

	/* Only what is in the range. */
	list(t, CHUNK, CHUNK);
	KUNIT_ASSERT_EQ(test, t->runs, 2);
	KUNIT_EXPECT_EQ(test, t->first[0], CHUNK);
	KUNIT_EXPECT_EQ(test, t->count[0], 1);
	KUNIT_EXPECT_EQ(test, drm_placed_store_present(&t->store, 1, 2 * CHUNK + 5), 4);

	drm_placed_store_put(&t->store, CHUNK - 1, 2);
	KUNIT_EXPECT_EQ(test, t->store.present, 4);
	list(t, 0, 2 * CHUNK + 7);
	KUNIT_EXPECT_EQ(test, t->runs, 3);
	free_store(t);
}

/* A chunk of a store in one block, or NULL if there is no such block to be had. */
static struct store_test *make_block(struct kunit *test)
{
	struct store_test *t = make_store(test, 2 * CHUNK);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, CHUNK, CHUNK, NULL), 0);
	if (t->store.huge)
		return t;

	free_store(t);
	kunit_skip(test, "no block of %d pages", (int)CHUNK);
	return NULL;
}

static void test_whole(struct kunit *test)
{
	struct store_test *t = make_block(test);
	unsigned long count = CHUNK, pfn;

	pfn = drm_placed_store_pfn(&t->store, CHUNK, &count);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED(pfn, CHUNK));
	KUNIT_EXPECT_EQ(test, count, CHUNK);
	KUNIT_EXPECT_TRUE(test, drm_placed_store_is_whole(&t->store, 1));
	KUNIT_EXPECT_FALSE(test, drm_placed_store_is_whole(&t->store, 0));

	drm_placed_store_put(&t->store, CHUNK, CHUNK);
	KUNIT_EXPECT_EQ(test, t->store.huge, 0);
	KUNIT_EXPECT_EQ(test, t->store.present, 0);
	free_store(t);
}

/* A part of a block goes, the rest stays what and where it is. */
static void test_divide(struct kunit *test)
{
	struct store_test *t = make_block(test);
	unsigned long count = CHUNK, before, after;

	before = drm_placed_store_pfn(&t->store, CHUNK, &count);
	scribble(&t->store, CHUNK + 99);
	scribble(&t->store, CHUNK + 100);

	drm_placed_store_put(&t->store, CHUNK + 100, 1);
	KUNIT_EXPECT_EQ(test, t->store.huge, 0);
	KUNIT_EXPECT_EQ(test, t->store.present, CHUNK - 1);
	KUNIT_EXPECT_FALSE(test, is_zero(&t->store, CHUNK + 99));

	count = CHUNK;
	after = drm_placed_store_pfn(&t->store, CHUNK, &count);
	KUNIT_EXPECT_EQ(test, after, before);
	KUNIT_EXPECT_EQ(test, count, 100);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, CHUNK, CHUNK, NULL), 0);
	KUNIT_EXPECT_EQ(test, t->store.present, CHUNK);
	KUNIT_EXPECT_TRUE(test, is_zero(&t->store, CHUNK + 100));
	KUNIT_EXPECT_FALSE(test, is_zero(&t->store, CHUNK + 99));
	free_store(t);
}

static void test_fresh(struct kunit *test)
{
	struct store_test *t = make_store(test, CHUNK);
	DECLARE_BITMAP(fresh, CHUNK);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 10, 5, fresh), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(fresh, CHUNK), 5);
	KUNIT_EXPECT_EQ(test, find_first_bit(fresh, CHUNK), 10);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 12, 5, fresh), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(fresh, CHUNK), 2);
	KUNIT_EXPECT_EQ(test, find_first_bit(fresh, CHUNK), 15);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 0, CHUNK, fresh), 0);
	KUNIT_EXPECT_EQ(test, bitmap_weight(fresh, CHUNK), CHUNK - 7);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 0, CHUNK, fresh), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(fresh, CHUNK));
	free_store(t);
}

static void test_freed_is_zero_again(struct kunit *test)
{
	struct store_test *t = make_store(test, CHUNK);
	int round;

	for (round = 0; round < 20; round++) {
		KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 3, 1, NULL), 0);
		KUNIT_EXPECT_TRUE(test, is_zero(&t->store, 3));
		scribble(&t->store, 3);
		drm_placed_store_put(&t->store, 3, 1);
	}
	free_store(t);
}

/* 64 GiB, of which three pages are there. */
static void test_large(struct kunit *test)
{
	const pgoff_t pages = 64ull << (30 - PAGE_SHIFT);
	struct store_test *t = make_store(test, pages);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, 0, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, pages / 2, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(&t->store, pages - 1, 1, NULL), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_store_present(&t->store, 1, pages - 1), 2);
	list(t, 0, pages);
	KUNIT_EXPECT_EQ(test, t->runs, 3);
	KUNIT_EXPECT_EQ(test, t->first[2], pages - 1);
	drm_placed_store_put(&t->store, 0, pages);
	KUNIT_EXPECT_EQ(test, t->store.present, 0);
	free_store(t);
}

#define WALK_PAGES (3 * CHUNK + 100)

static void compare(struct kunit *test, struct store_test *t, const bool *model)
{
	pgoff_t page, present = 0;

	for (page = 0; page < WALK_PAGES; page++) {
		unsigned long count = 1;
		bool there = drm_placed_store_pfn(&t->store, page, &count) != DRM_PLACED_NO_PFN;

		KUNIT_ASSERT_EQ_MSG(test, there, model[page], "page %lu", page);
		present += there;
	}
	KUNIT_ASSERT_EQ(test, t->store.present, present);
	KUNIT_ASSERT_EQ(test, drm_placed_store_present(&t->store, 0, WALK_PAGES), present);
}

static void test_random(struct kunit *test)
{
	struct store_test *t = make_store(test, WALK_PAGES);
	bool *model = kunit_kcalloc(test, WALK_PAGES, sizeof(*model), GFP_KERNEL);
	struct rnd_state rnd;
	int step;

	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 1);

	for (step = 0; step < 300; step++) {
		pgoff_t first = prandom_u32_state(&rnd) % WALK_PAGES;
		pgoff_t most, count;
		bool get = prandom_u32_state(&rnd) % 2;

		/* Whole chunks now and then. */
		if (prandom_u32_state(&rnd) % 4 == 0)
			first = round_down(first, CHUNK);
		most = WALK_PAGES - first;
		if (get)
			most = min_t(pgoff_t, most, CHUNK - first % CHUNK);
		count = prandom_u32_state(&rnd) % 3 ? 1 + prandom_u32_state(&rnd) % most : most;

		if (get)
			KUNIT_ASSERT_EQ(test, 0,
					drm_placed_store_get(&t->store, first, count, NULL));
		else
			drm_placed_store_put(&t->store, first, count);
		memset(model + first, get, count);

		if (step % 10 == 0)
			compare(test, t, model);
	}
	compare(test, t, model);
	free_store(t);
}

/*
 * A device that has a pool, and is told of what a store has: it may refuse, and
 * notes what breaks the rules.
 */

#define DEVICE_FIRST (4 * CHUNK)

struct device_test {
	struct store_test *t;
	struct drm_placed_pool pool;

	/* By page: the page frame that it was told of, or 0. */
	unsigned long *told;
	pgoff_t pages;

	int binds, extents, wrong;

	/* This many calls are answered with 0, and the next one with an errno. */
	int refuse_after;
};

static unsigned int device_alloc(struct drm_placed_store *store, unsigned int count,
				 unsigned long *pfn)
{
	struct device_test *device = store->owner;

	return drm_placed_pool_alloc(&device->pool, count, pfn);
}

static void device_free(struct drm_placed_store *store, unsigned long pfn, unsigned int count)
{
	struct device_test *device = store->owner;
	pgoff_t page;

	/* It must know by then. */
	for (page = 0; page < device->pages; page++)
		if (device->told[page] >= pfn && device->told[page] < pfn + count)
			device->wrong++;
	drm_placed_pool_free(&device->pool, pfn, count);
}

static int device_bind(struct drm_placed_store *store, const struct drm_placed_extent *extents,
		       unsigned int count)
{
	struct device_test *device = store->owner;
	unsigned int i, j;

	device->binds++;
	if (device->refuse_after >= 0 && device->refuse_after-- == 0)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		if (i && extents[i].page < extents[i - 1].page + extents[i - 1].count)
			device->wrong++;
		for (j = 0; j < extents[i].count; j++) {
			if (device->told[extents[i].page + j])
				device->wrong++;
			device->told[extents[i].page + j] = extents[i].pfn + j;
		}
	}
	device->extents += count;
	return 0;
}

static void device_unbind(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	struct device_test *device = store->owner;

	memset(device->told + first, 0, count * sizeof(*device->told));
}

static const struct drm_placed_store_ops device_ops = {
	.alloc = device_alloc,
	.free = device_free,
	.bind = device_bind,
	.unbind = device_unbind,
};

static struct device_test *make_device(struct kunit *test, pgoff_t pages, unsigned long pool)
{
	struct device_test *device = kunit_kzalloc(test, sizeof(*device), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, device);
	KUNIT_ASSERT_EQ(test, drm_placed_pool_init(&device->pool, DEVICE_FIRST, pool), 0);
	device->told = kunit_kcalloc(test, pages, sizeof(*device->told), GFP_KERNEL);
	device->t = kunit_kzalloc(test, sizeof(*device->t), GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, device->told && device->t);
	device->pages = pages;
	device->refuse_after = -1;
	drm_placed_store_init(&device->t->store, pages, &device_ops, device);
	mutex_lock(&device->t->store.lock);
	return device;
}

/* What it was told is what is there. */
static void check_device(struct kunit *test, struct device_test *device)
{
	pgoff_t page;

	for (page = 0; page < device->pages; page++) {
		unsigned long count = 1, told = device->told[page];
		unsigned long pfn = drm_placed_store_pfn(&device->t->store, page, &count);

		KUNIT_ASSERT_EQ_MSG(test, told ?: DRM_PLACED_NO_PFN, pfn, "page %lu", page);
	}
	KUNIT_ASSERT_EQ(test, device->wrong, 0);
	KUNIT_ASSERT_EQ(test, device->pool.pages - device->pool.free, device->t->store.present);
}

static void free_device(struct kunit *test, struct device_test *device)
{
	check_device(test, device);
	/* The device forgets an object at once. */
	memset(device->told, 0, device->pages * sizeof(*device->told));
	free_store(device->t);
	KUNIT_EXPECT_EQ(test, device->pool.free, device->pool.pages);
	KUNIT_EXPECT_EQ(test, device->wrong, 0);
	drm_placed_pool_fini(&device->pool);
}

/* However many chunks, and pages in a row are one extent. */
static void test_device_is_told_once(struct kunit *test)
{
	struct device_test *device = make_device(test, 5 * CHUNK + 3, 8 * CHUNK);
	struct drm_placed_store *store = &device->t->store;

	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 5 * CHUNK + 3), 0);
	KUNIT_EXPECT_EQ(test, device->binds, 1);
	KUNIT_EXPECT_EQ(test, device->extents, 1);
	KUNIT_EXPECT_EQ(test, store->huge, 5);
	KUNIT_EXPECT_TRUE(test, drm_placed_store_is_whole(store, 4));
	check_device(test, device);

	/* What is there is no news. */
	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 5 * CHUNK + 3), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(store, CHUNK, CHUNK, NULL), 0);
	KUNIT_EXPECT_EQ(test, device->binds, 1);

	drm_placed_store_put(store, 100, 3 * CHUNK);
	check_device(test, device);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 50, 4 * CHUNK), 0);
	KUNIT_EXPECT_EQ(test, device->binds, 2);
	KUNIT_EXPECT_EQ(test, store->present, 5 * CHUNK + 3);
	free_device(test, device);
}

/* More holes than the list begins with. */
static void test_device_many_extents(struct kunit *test)
{
	struct device_test *device = make_device(test, 2 * CHUNK, 4 * CHUNK);
	struct drm_placed_store *store = &device->t->store;
	pgoff_t page;

	for (page = 0; page < 2 * CHUNK; page += 2)
		KUNIT_ASSERT_EQ(test, drm_placed_store_get(store, page, 1, NULL), 0);
	device->binds = 0;
	device->extents = 0;
	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 2 * CHUNK), 0);
	KUNIT_EXPECT_EQ(test, device->binds, 1);
	KUNIT_EXPECT_EQ(test, device->extents, CHUNK);
	free_device(test, device);
}

static void test_device_refuses(struct kunit *test)
{
	struct device_test *device = make_device(test, 3 * CHUNK, 3 * CHUNK);
	struct drm_placed_store *store = &device->t->store;
	DECLARE_BITMAP(fresh, CHUNK);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get(store, 5, 2, NULL), 0);
	device->refuse_after = 0;
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(store, 0, CHUNK, fresh), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, bitmap_empty(fresh, CHUNK));
	KUNIT_EXPECT_EQ(test, store->present, 2);
	check_device(test, device);

	device->refuse_after = 0;
	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 3 * CHUNK), -ENOMEM);
	KUNIT_EXPECT_EQ(test, store->present, 2);
	KUNIT_EXPECT_EQ(test, store->huge, 0);
	check_device(test, device);

	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 3 * CHUNK), 0);
	free_device(test, device);
}

/* What there is of it is there, and told. */
static void test_device_runs_out(struct kunit *test)
{
	struct device_test *device = make_device(test, 4 * CHUNK, 2 * CHUNK + 9);
	struct drm_placed_store *store = &device->t->store;

	KUNIT_EXPECT_EQ(test, drm_placed_store_get_all(store, 0, 4 * CHUNK), -ENOMEM);
	KUNIT_EXPECT_EQ(test, store->present, 2 * CHUNK + 9);
	check_device(test, device);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(store, 3 * CHUNK, 1, NULL), -ENOMEM);

	drm_placed_store_put(store, 7, 1);
	KUNIT_EXPECT_EQ(test, drm_placed_store_get(store, 3 * CHUNK, 1, NULL), 0);
	free_device(test, device);
}

static void test_device_random(struct kunit *test)
{
	struct device_test *device = make_device(test, WALK_PAGES, 3 * CHUNK);
	struct drm_placed_store *store = &device->t->store;
	struct rnd_state rnd;
	int step;

	prandom_seed_state(&rnd, 2);
	for (step = 0; step < 400; step++) {
		pgoff_t first = prandom_u32_state(&rnd) % WALK_PAGES;
		pgoff_t count = 1 + prandom_u32_state(&rnd) % (WALK_PAGES - first);

		if (prandom_u32_state(&rnd) % 4 == 0)
			device->refuse_after = prandom_u32_state(&rnd) % 2;
		switch (prandom_u32_state(&rnd) % 4) {
		case 0:
			drm_placed_store_get_all(store, first, count);
			break;
		case 1:
			drm_placed_store_get(store, first,
					     min(count, CHUNK - first % CHUNK), NULL);
			break;
		default:
			drm_placed_store_put(store, first, count);
		}
		device->refuse_after = -1;
		if (step % 8 == 0)
			check_device(test, device);
	}
	free_device(test, device);
}

static struct kunit_case store_cases[] = {
	KUNIT_CASE(test_empty),
	KUNIT_CASE(test_one_page),
	KUNIT_CASE(test_edges),
	KUNIT_CASE(test_whole),
	KUNIT_CASE(test_divide),
	KUNIT_CASE(test_fresh),
	KUNIT_CASE(test_freed_is_zero_again),
	KUNIT_CASE(test_large),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_device_is_told_once),
	KUNIT_CASE(test_device_many_extents),
	KUNIT_CASE(test_device_refuses),
	KUNIT_CASE(test_device_runs_out),
	KUNIT_CASE(test_device_random),
	{}
};

static struct kunit_suite drm_placed_store_suite = {
	.name = "drm_placed_store",
	.test_cases = store_cases,
};

kunit_test_suite(drm_placed_store_suite);

MODULE_DESCRIPTION("KUnit tests of the memory of sparse objects");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("Dual MIT/GPL");
