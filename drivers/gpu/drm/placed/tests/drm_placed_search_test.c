// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/maple_tree.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sizes.h>

#include "../drm_placed_internal.h"

/*
 * Tables of address spaces, questions and answers for drm_placed_search(),
 * and a search by trying every page to compare it with.
 *
 * Addresses in the tables are in pages.
 */

#define MAX_VMAS 24

struct vma_pages {
	unsigned long start, end;
	bool stack;
};

struct search_case {
	const char *name;
	struct vma_pages vmas[8];
	/* In pages; align and prefer_align too. */
	unsigned long low, high, length, near, align, prefer_align, prefer_offset;
	bool hint, topdown;
	/* The page, or NONE. */
	unsigned long answer;
};

#define NONE ULONG_MAX

/* Pages to bytes. */
static unsigned long b(unsigned long pages)
{
	return pages << PAGE_SHIFT;
}

static const struct search_case search_cases[] = {
	{ "empty_up", {}, 16, 100, 4, .near = 16, .answer = 16 },
	{ "empty_down", {}, 16, 100, 4, .near = 100, .topdown = true, .answer = 96 },
	{ "exact_fit", { { 10, 20 }, { 24, 30 } }, 20, 24, 4, .near = 20, .answer = 20 },
	{ "exact_fit_between", { { 10, 20 }, { 24, 30 } }, 16, 30, 4, .near = 16, .answer = 20 },
	{ "one_page_short", { { 10, 20 }, { 24, 30 } }, 16, 30, 5, .near = 16, .answer = NONE },
	{ "range_one_page_short", {}, 16, 20, 5, .near = 16, .answer = NONE },
	{ "range_exact", {}, 16, 20, 4, .near = 16, .answer = 16 },
	{ "empty_range", {}, 20, 20, 1, .near = 20, .answer = NONE },
	{ "reversed_range", {}, 30, 20, 1, .near = 30, .answer = NONE },
	{ "full", { { 0, 100 } }, 16, 100, 1, .near = 16, .answer = NONE },
	{ "low_zero", { { 1, 100 } }, 0, 100, 1, .near = 0, .answer = 0 },
	{ "last_page", { { 0, 99 } }, 0, 100, 1, .near = 0, .answer = 99 },
	{ "hint_free", { { 10, 20 } }, 0, 100, 4, .near = 40, .hint = true, .answer = 40 },
	{ "hint_taken_up", { { 38, 42 } }, 0, 100, 4, .near = 40, .hint = true, .answer = 42 },
	{ "hint_taken_topdown", { { 38, 42 } }, 0, 100, 4, .near = 40, .hint = true,
	  .topdown = true, .answer = 34 },
	{ "hint_overlaps_end", { { 42, 50 } }, 0, 100, 4, .near = 40, .hint = true, .answer = 50 },
	{ "hint_full_above", { { 40, 100 } }, 0, 100, 4, .near = 60, .hint = true, .answer = 36 },
	{ "hint_full_below_topdown", { { 0, 60 } }, 0, 100, 4, .near = 40, .hint = true,
	  .topdown = true, .answer = 60 },
	{ "hint_room_straddles_above", { { 0, 38 }, { 42, 100 } }, 0, 100, 4, .near = 40,
	  .hint = true, .answer = 38 },
	{ "hint_room_straddles_topdown", { { 0, 38 }, { 42, 100 } }, 0, 100, 4, .near = 36,
	  .hint = true, .topdown = true, .answer = 38 },
	{ "hint_below_range", {}, 16, 100, 4, .near = 2, .hint = true, .answer = 16 },
	{ "hint_above_range", {}, 16, 100, 4, .near = 200, .hint = true, .answer = 96 },
	{ "hint_last_fit", {}, 16, 100, 4, .near = 96, .hint = true, .answer = 96 },
	{ "hint_past_last_fit", {}, 16, 100, 4, .near = 97, .hint = true, .answer = 96 },
	{ "hint_below_range_topdown", {}, 16, 100, 4, .near = 2, .hint = true, .topdown = true,
	  .answer = 16 },
	{ "nearest_gap_above", { { 10, 20 }, { 22, 30 }, { 36, 50 } }, 0, 100, 4, .near = 12,
	  .hint = true, .answer = 30 },
	{ "nearest_gap_below", { { 10, 20 }, { 26, 30 }, { 31, 100 } }, 0, 100, 4, .near = 50,
	  .hint = true, .topdown = true, .answer = 22 },
	{ "align_up", { { 10, 20 } }, 16, 100, 4, .near = 16, .align = 16, .answer = 32 },
	{ "align_exact_gap", { { 0, 32 }, { 36, 100 } }, 0, 100, 4, .near = 0, .align = 16,
	  .answer = 32 },
	{ "align_skips_gap", { { 0, 31 }, { 35, 40 }, { 56, 100 } }, 0, 100, 4, .near = 0,
	  .align = 16, .answer = 48 },
	{ "align_skips_gap_down", { { 0, 16 }, { 20, 33 }, { 47, 100 } }, 0, 100, 4, .near = 100,
	  .align = 16, .topdown = true, .answer = 16 },
	{ "align_none_fits", { { 0, 33 }, { 47, 100 } }, 0, 100, 4, .near = 0, .align = 16,
	  .answer = NONE },
	{ "align_hint_rounded_up", {}, 0, 100, 4, .near = 40, .hint = true, .align = 16,
	  .answer = 48 },
	{ "align_hint_rounded_down", {}, 0, 100, 4, .near = 40, .hint = true, .align = 16,
	  .topdown = true, .answer = 32 },
	{ "align_above_range", {}, 17, 31, 4, .near = 17, .align = 16, .answer = NONE },
	{ "prefer_taken", {}, 1, 1000, 4, .near = 1, .prefer_align = 16, .prefer_offset = 3,
	  .answer = 3 },
	{ "prefer_next", {}, 4, 1000, 4, .near = 4, .prefer_align = 16, .prefer_offset = 3,
	  .answer = 19 },
	{ "prefer_down", {}, 4, 100, 4, .near = 100, .topdown = true, .prefer_align = 16,
	  .prefer_offset = 3, .answer = 83 },
	{ "prefer_yields_to_hint", {}, 4, 1000, 4, .near = 40, .hint = true, .prefer_align = 16,
	  .answer = 40 },
	{ "prefer_not_there", {}, 17, 31, 4, .near = 17, .prefer_align = 16, .answer = 17 },
	{ "prefer_not_above", {}, 16, 40, 10, .near = 20, .prefer_align = 32,
	  .prefer_offset = 18, .answer = 20 },
	{ "prefer_below", { { 20, 40 } }, 16, 40, 2, .near = 20, .prefer_align = 32,
	  .prefer_offset = 17, .answer = 17 },
	{ "stack_guard_up", { { 1000, 1010, true } }, 700, 1100, 64, .near = 690, .hint = true,
	  .answer = 1010 },
	{ "stack_guard_down", { { 1000, 1010, true } }, 100, 1010, 64, .near = 1010,
	  .topdown = true, .answer = 1000 - 256 - 64 },
	{ "stack_guard_exact", { { 1000, 1010, true } }, 680, 1000, 64, .near = 680,
	  .answer = 680 },
	{ "stack_guard_hint", { { 1000, 1010, true } }, 100, 1010, 64, .near = 900, .hint = true,
	  .answer = 1000 - 256 - 64 },
	{ "stack_guard_covers_gap", { { 600, 800 }, { 1000, 1010, true } }, 500, 1010, 64,
	  .near = 500, .answer = 500 },
	{ "stack_guard_covers_gap_down", { { 600, 800 }, { 1000, 1010, true } }, 500, 1010, 64,
	  .near = 1010, .topdown = true, .answer = 536 },
	{ "no_guard_below_plain_vma", { { 1000, 1010 } }, 100, 1000, 64, .near = 1000,
	  .topdown = true, .answer = 936 },
	{ "top_of_memory", {}, (ULONG_MAX >> PAGE_SHIFT) - 8, ULONG_MAX >> PAGE_SHIFT, 4,
	  .near = 0, .answer = (ULONG_MAX >> PAGE_SHIFT) - 8 },
	{ "top_of_memory_down", {}, (ULONG_MAX >> PAGE_SHIFT) - 8, ULONG_MAX >> PAGE_SHIFT, 4,
	  .near = ULONG_MAX >> PAGE_SHIFT, .topdown = true,
	  .answer = (ULONG_MAX >> PAGE_SHIFT) - 4 },
	{ "top_of_memory_align", {}, (ULONG_MAX >> PAGE_SHIFT) - 8, ULONG_MAX >> PAGE_SHIFT, 4,
	  .near = 0, .align = 1024, .answer = NONE },
};

static void case_desc(const struct search_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(search, search_cases, case_desc);

struct space {
	/* Stands for mmap_lock: protects @mt, and allows to sleep under it. */
	struct mutex lock;
	struct maple_tree mt;
	struct vm_area_struct vmas[MAX_VMAS];
	unsigned int count;
};

static struct space *space_alloc(struct kunit *test)
{
	struct space *space = kunit_kzalloc(test, sizeof(*space), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, space);
	mutex_init(&space->lock);
	mt_init_flags(&space->mt, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&space->mt, &space->lock);
	return space;
}

static void space_free(struct kunit *test, struct space *space)
{
	mutex_lock(&space->lock);
	__mt_destroy(&space->mt);
	mutex_unlock(&space->lock);
	mutex_destroy(&space->lock);
	kunit_kfree(test, space);
}

static void space_add(struct kunit *test, struct space *space, unsigned long start,
		      unsigned long end, bool stack)
{
	struct vm_area_struct *vma = &space->vmas[space->count++];
	struct ma_state mas;
	int ret;

	mas_init(&mas, &space->mt, b(start));
	mas.last = b(end) - 1;
	vma->vm_start = b(start);
	vma->vm_end = b(end);
	vm_flags_init(vma, stack ? VM_GROWSDOWN : 0);

	mutex_lock(&space->lock);
	ret = mas_store_gfp(&mas, vma, GFP_KERNEL);
	mutex_unlock(&space->lock);
	KUNIT_ASSERT_EQ(test, 0, ret);
}

static int space_search(struct space *space, const struct drm_placed_range *range,
			unsigned long *addr)
{
	unsigned int gaps = 0;
	int ret;

	mutex_lock(&space->lock);
	ret = drm_placed_search(&space->mt, range, addr, &gaps);
	mutex_unlock(&space->lock);
	return ret;
}

static void drm_placed_search_tables(struct kunit *test)
{
	const struct search_case *c = test->param_value;
	struct drm_placed_range range = {
		.low = b(c->low),
		.high = b(c->high),
		.length = b(c->length),
		.near = b(c->near),
		.align = b(c->align ?: 1),
		.prefer_align = b(c->prefer_align),
		.prefer_offset = b(c->prefer_offset),
		.hint = c->hint,
		.topdown = c->topdown,
	};
	struct space *space = space_alloc(test);
	unsigned long addr = 0x1234;
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(c->vmas) && c->vmas[i].end; i++)
		space_add(test, space, c->vmas[i].start, c->vmas[i].end, c->vmas[i].stack);

	ret = space_search(space, &range, &addr);
	if (c->answer == NONE) {
		KUNIT_EXPECT_EQ(test, ret, -ENOSPC);
		KUNIT_EXPECT_EQ(test, addr, 0x1234);
	} else {
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, addr, b(c->answer));
	}

	space_free(test, space);
}

/* Does a mapping at @page keep clear of all VMAs and of the next one's guard gap? */
static bool naive_fits(struct space *space, const struct drm_placed_range *range,
		       unsigned long addr)
{
	unsigned long end = addr + range->length;
	struct vm_area_struct *next = NULL;
	unsigned int i;

	if (addr < range->low || end > range->high)
		return false;

	for (i = 0; i < space->count; i++) {
		struct vm_area_struct *vma = &space->vmas[i];

		if (addr < vma->vm_end && vma->vm_start < end)
			return false;
		if (vma->vm_start >= end && (!next || vma->vm_start < next->vm_start))
			next = vma;
	}

	return !next || end <= vm_start_gap(next);
}

/* The first fitting address from @near, one page at a time. */
static bool naive_walk(struct space *space, const struct drm_placed_range *range, bool up,
		       unsigned long from, unsigned long align, unsigned long offset,
		       unsigned long *addr)
{
	unsigned long a = from;

	while (up ? a < range->high : a + PAGE_SIZE > range->low) {
		if ((a & (align - 1)) == offset && naive_fits(space, range, a)) {
			*addr = a;
			return true;
		}
		if (!up && !a)
			return false;
		a += up ? PAGE_SIZE : -PAGE_SIZE;
	}

	return false;
}

static bool naive_side(struct space *space, const struct drm_placed_range *range, bool up,
		       unsigned long from, unsigned long *addr)
{
	return (range->prefer_align && naive_walk(space, range, up, from, range->prefer_align,
						  range->prefer_offset, addr)) ||
	       naive_walk(space, range, up, from, range->align, 0, addr);
}

static bool naive_near(struct space *space, const struct drm_placed_range *range,
		       unsigned long *addr)
{
	unsigned long near = range->near;

	if (range->topdown)
		return naive_side(space, range, false, near, addr) ||
		       naive_side(space, range, true, near + PAGE_SIZE, addr);

	return naive_side(space, range, true, near, addr) ||
	       (near && naive_side(space, range, false, near - PAGE_SIZE, addr));
}

static int naive_search(struct space *space, const struct drm_placed_range *range,
			unsigned long *addr)
{
	if (range->hint && IS_ALIGNED(range->near, range->align) &&
	    naive_fits(space, range, range->near)) {
		*addr = range->near;
		return 0;
	}

	return naive_near(space, range, addr) ? 0 : -ENOSPC;
}

/* 20,000 random address spaces and questions against the naive search. */
static void drm_placed_search_random(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int round;

	prandom_seed_state(&rnd, 4711);

	for (round = 0; round < 20000; round++) {
		u32 bits = prandom_u32_state(&rnd);
		struct drm_placed_range range = {
			.low = b(prandom_u32_state(&rnd) % 400),
			.high = b(prandom_u32_state(&rnd) % 800),
			.length = b(1 + prandom_u32_state(&rnd) % (bits & 8 ? 100 : 8)),
			.near = b(prandom_u32_state(&rnd) % 800),
			.align = b(1 << (prandom_u32_state(&rnd) % 5)),
			.hint = bits & 1,
			.topdown = bits & 2,
		};
		struct space *space = space_alloc(test);
		unsigned long page = prandom_u32_state(&rnd) % 300, addr = 1, want = 2;
		int ret;

		if (bits & 4) {
			range.prefer_align = range.align << 2;
			range.prefer_offset = b(prandom_u32_state(&rnd)) & (range.prefer_align - 1);
		}

		while (space->count < MAX_VMAS && page < 800) {
			unsigned long end = page + 1 + prandom_u32_state(&rnd) % 30;

			space_add(test, space, page, end, !(prandom_u32_state(&rnd) % 8));
			page = end + prandom_u32_state(&rnd) % (bits & 16 ? 40 : 300);
		}

		ret = space_search(space, &range, &addr);
		KUNIT_ASSERT_EQ_MSG(test, ret, naive_search(space, &range, &want),
				    "round %u", round);
		if (!ret)
			KUNIT_ASSERT_EQ_MSG(test, addr, want,
					    "round %u: [%lx, %lx) length %lx near %lx align %lx prefer %lx+%lx hint %d topdown %d",
					    round, range.low, range.high, range.length, range.near,
					    range.align, range.prefer_align, range.prefer_offset,
					    range.hint, range.topdown);

		space_free(test, space);
		cond_resched();
	}
}

static struct kunit_case drm_placed_search_tests[] = {
	KUNIT_CASE_PARAM(drm_placed_search_tables, search_gen_params),
	KUNIT_CASE(drm_placed_search_random),
	{}
};

static struct kunit_suite drm_placed_search_suite = {
	.name = "drm_placed_search",
	.test_cases = drm_placed_search_tests,
};

kunit_test_suite(drm_placed_search_suite);

MODULE_DESCRIPTION("KUnit tests of the address search of placed mappings");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("Dual MIT/GPL");
