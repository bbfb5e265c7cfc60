// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/prandom.h>

#include <drm/drm_rect.h>

#include "../drm_placed_rows.h"

/*
 * From bytes to rectangles: a table of the edges, and random ranges beside a model that looks
 * at every byte.
 */

#define MOST_ROWS	12
#define MOST_WIDTH	40

struct rows_case {
	const char *name;
	struct drm_placed_rows rows;
	u64 start, end;
	bool exact;
	unsigned int count;
	struct drm_rect rects[DRM_PLACED_ROWS_RECTS];
};

/* Rows of ten pixels of four bytes, and eight bytes between rows. */
#define GAPS { .pitch = 48, .cpp = 4, .width = 10, .height = 5 }
#define TIGHT { .pitch = 40, .cpp = 4, .width = 10, .height = 5 }
#define RECT(x, y, w, h) DRM_RECT_INIT(x, y, w, h)

static const struct rows_case cases[] = {
	{ "nothing", TIGHT, 8, 8, true, 0 },
	{ "no rows", { .pitch = 40, .cpp = 4, .width = 10 }, 0, 4096, true, 0 },
	{ "no pixels", { .pitch = 40, .cpp = 4, .height = 5 }, 0, 4096, true, 0 },
	{ "behind the last row", TIGHT, 200, 4096, true, 0 },
	{ "all", TIGHT, 0, 4096, true, 1, { RECT(0, 0, 10, 5) } },
	{ "one byte", TIGHT, 47, 48, true, 1, { RECT(1, 1, 1, 1) } },
	{ "across two pixels", TIGHT, 43, 45, true, 1, { RECT(0, 1, 2, 1) } },
	{ "the last byte", TIGHT, 199, 200, true, 1, { RECT(9, 4, 1, 1) } },
	{ "a whole row", TIGHT, 40, 80, true, 1, { RECT(0, 1, 10, 1) } },
	{ "end and start of two rows", TIGHT, 72, 88, true, 2,
	  { RECT(8, 1, 2, 1), RECT(0, 2, 2, 1) } },
	{ "and one between", TIGHT, 72, 128, true, 3,
	  { RECT(8, 1, 2, 1), RECT(0, 3, 2, 1), RECT(0, 2, 10, 1) } },
	{ "as whole rows", TIGHT, 72, 128, false, 1, { RECT(0, 1, 10, 3) } },
	{ "one row is no more than it", TIGHT, 44, 52, false, 1, { RECT(1, 1, 2, 1) } },
	{ "a gap", GAPS, 40, 48, true, 0 },
	{ "the last gap", GAPS, 232, 4096, true, 0 },
	{ "from a gap", GAPS, 44, 56, true, 1, { RECT(0, 1, 2, 1) } },
	{ "from a gap to a gap", GAPS, 44, 92, true, 1, { RECT(0, 1, 10, 1) } },
	{ "over a gap", GAPS, 36, 52, true, 2, { RECT(9, 0, 1, 1), RECT(0, 1, 1, 1) } },
	{ "from a gap, whole rows", GAPS, 44, 104, false, 1, { RECT(0, 1, 10, 2) } },
	{ "large", { .pitch = U32_MAX, .cpp = 1, .width = U32_MAX / 2, .height = 1 << 20 },
	  (u64)U32_MAX << 19, ((u64)U32_MAX << 19) + 1, true, 1, { RECT(0, 1 << 19, 1, 1) } },
};

static void test_table(struct kunit *test)
{
	struct drm_rect rects[DRM_PLACED_ROWS_RECTS];
	unsigned int i, j, n;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct rows_case *c = &cases[i];

		n = drm_placed_rows_rects(&c->rows, c->start, c->end, c->exact, rects);
		KUNIT_EXPECT_EQ_MSG(test, n, c->count, "%s", c->name);
		for (j = 0; j < min(n, c->count); j++)
			KUNIT_EXPECT_TRUE_MSG(test, drm_rect_equals(&rects[j], &c->rects[j]),
					      "%s: " DRM_RECT_FMT, c->name,
					      DRM_RECT_ARG(&rects[j]));
	}
}

/* Is one of the pixel's bytes in the range? */
static bool is_in(const struct drm_placed_rows *rows, u32 x, u32 y, u64 start, u64 end)
{
	u64 first = (u64)y * rows->pitch + x * rows->cpp;

	return start < end && first < end && first + rows->cpp > start;
}

/* The pixels of the range are in one rectangle each, others in none, unless in its rows. */
static void compare(struct kunit *test, const struct drm_placed_rows *rows, u64 start, u64 end,
		    bool exact)
{
	struct drm_rect rects[DRM_PLACED_ROWS_RECTS];
	unsigned int n = drm_placed_rows_rects(rows, start, end, exact, rects);
	unsigned int i, times;
	u32 x, y;

	KUNIT_ASSERT_LE(test, n, exact ? DRM_PLACED_ROWS_RECTS : 1);
	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_TRUE(test, drm_rect_visible(&rects[i]));
		KUNIT_ASSERT_GE(test, min(rects[i].x1, rects[i].y1), 0);
		KUNIT_ASSERT_LE(test, rects[i].x2, rows->width);
		KUNIT_ASSERT_LE(test, rects[i].y2, rows->height);
	}

	for (y = 0; y < rows->height; y++)
		for (x = 0; x < rows->width; x++) {
			bool in = is_in(rows, x, y, start, end);

			for (times = 0, i = 0; i < n; i++)
				times += x >= rects[i].x1 && x < rects[i].x2 &&
					 y >= rects[i].y1 && y < rects[i].y2;
			KUNIT_ASSERT_LE(test, times, 1);
			if (in || exact)
				KUNIT_ASSERT_EQ_MSG(test, times, in,
						    "pixel %u,%u of %u by %u, pitch %u, bytes %llu to %llu",
						    x, y, rows->width, rows->height, rows->pitch,
						    start, end);
		}
}

static void test_random(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int i;

	prandom_seed_state(&rnd, 20);
	for (i = 0; i < 20000; i++) {
		struct drm_placed_rows rows = {
			.cpp = 1 + prandom_u32_state(&rnd) % 4,
			.width = 1 + prandom_u32_state(&rnd) % MOST_WIDTH,
			.height = 1 + prandom_u32_state(&rnd) % MOST_ROWS,
		};
		u64 start, end;

		rows.pitch = rows.width * rows.cpp +
			     (prandom_u32_state(&rnd) % 2 ? prandom_u32_state(&rnd) % 20 : 0);
		start = prandom_u32_state(&rnd) % (rows.pitch * (rows.height + 1));
		end = start + prandom_u32_state(&rnd) % (rows.pitch * 3);
		compare(test, &rows, start, end, prandom_u32_state(&rnd) % 2);
	}
}

static struct kunit_case rows_cases[] = {
	KUNIT_CASE(test_table),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite rows_suite = {
	.name = "drm_placed_rows",
	.test_cases = rows_cases,
};

kunit_test_suite(rows_suite);

MODULE_DESCRIPTION("Tests of rectangles that bytes become");
MODULE_LICENSE("Dual MIT/GPL");
