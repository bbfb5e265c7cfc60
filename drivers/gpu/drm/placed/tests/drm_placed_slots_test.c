// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/prandom.h>

#include "../drm_placed_slots.h"

/*
 * Tables of slots: what is put in comes out, chains have all slots of a page and no
 * others, names are forgotten, copies go their own way, and a random walk beside an
 * array.
 */

#define LEAF DRM_PLACED_SLOTS_LEAF
/* Neither ends with a leaf. */
#define SLOTS (3 * LEAF + 7)
#define PAGES (2 * LEAF + 5)

static void put_slots(void *slots)
{
	drm_placed_slots_put(slots);
}

static struct drm_placed_slots *keep(struct kunit *test, struct drm_placed_slots *slots)
{
	KUNIT_ASSERT_NOT_NULL(test, slots);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, put_slots, slots), 0);
	return slots;
}

static struct drm_placed_slots *make_slots(struct kunit *test, bool reverse)
{
	return keep(test, drm_placed_slots_create(SLOTS, PAGES, reverse));
}

static void set(struct kunit *test, struct drm_placed_slots *slots, u32 slot, u32 page)
{
	KUNIT_ASSERT_EQ(test, drm_placed_slots_ready(slots, slot, page), 0);
	drm_placed_slots_set(slots, slot, page);
}

/* What the table says is what the array says, and so are the chains. */
static void compare(struct kunit *test, struct drm_placed_slots *slots, const u32 *model)
{
	u32 slot, page, shown = 0, chained = 0;

	for (slot = 0; slot < SLOTS; slot++) {
		KUNIT_ASSERT_EQ(test, drm_placed_slots_page(slots, slot), model[slot]);
		shown += model[slot] != DRM_PLACED_NO_PAGE;
	}

	if (!slots->first)
		return;

	for (page = 0; page < PAGES; page++)
		for (slot = drm_placed_slots_first(slots, page); slot != DRM_PLACED_NO_SLOT;
		     slot = drm_placed_slots_next(slots, slot)) {
			KUNIT_ASSERT_LT(test, slot, SLOTS);
			KUNIT_ASSERT_EQ(test, model[slot], page);
			/* A chain that does not end would have more than there are. */
			KUNIT_ASSERT_LT(test, chained, shown);
			chained++;
		}
	KUNIT_ASSERT_EQ(test, chained, shown);
}

static void test_empty(struct kunit *test)
{
	struct drm_placed_slots *slots = make_slots(test, true);
	u32 page, slot;

	for (slot = 0; slot < SLOTS; slot++)
		KUNIT_EXPECT_EQ(test, drm_placed_slots_page(slots, slot), DRM_PLACED_NO_PAGE);
	for (page = 0; page < PAGES; page++)
		KUNIT_EXPECT_EQ(test, drm_placed_slots_first(slots, page), DRM_PLACED_NO_SLOT);
}

/* Leaving from the start, the middle and the end of a chain. */
static void test_chain(struct kunit *test)
{
	static const u32 order[] = { 2, 0, 1, LEAF, SLOTS - 1 };
	struct drm_placed_slots *slots = make_slots(test, true);
	u32 *model = kunit_kmalloc_array(test, SLOTS, sizeof(*model), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	memset32(model, DRM_PLACED_NO_PAGE, SLOTS);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		set(test, slots, order[i], PAGES - 1);
		model[order[i]] = PAGES - 1;
		compare(test, slots, model);
	}

	/* Once more changes nothing. */
	set(test, slots, 0, PAGES - 1);
	compare(test, slots, model);

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		u32 slot = order[(i + 2) % ARRAY_SIZE(order)];

		set(test, slots, slot, i % 2 ? 0 : DRM_PLACED_NO_PAGE);
		model[slot] = i % 2 ? 0 : DRM_PLACED_NO_PAGE;
		compare(test, slots, model);
	}
}

static void test_names(struct kunit *test)
{
	struct drm_placed_slots *slots = make_slots(test, false), *copy;

	KUNIT_ASSERT_EQ(test, drm_placed_slots_ready(slots, 5, DRM_PLACED_NO_PAGE), 0);
	KUNIT_EXPECT_FALSE(test, drm_placed_slots_name(slots, 5));
	KUNIT_EXPECT_FALSE(test, drm_placed_slots_name(slots, 6));
	KUNIT_EXPECT_TRUE(test, drm_placed_slots_name(slots, 5));

	copy = keep(test, drm_placed_slots_copy(slots));
	KUNIT_EXPECT_FALSE(test, drm_placed_slots_name(copy, 5));

	drm_placed_slots_unname(slots, 5);
	KUNIT_EXPECT_FALSE(test, drm_placed_slots_name(slots, 5));
	KUNIT_EXPECT_EQ(test, drm_placed_slots_page(slots, 5), DRM_PLACED_NO_PAGE);
}

static void random_steps(struct kunit *test, struct drm_placed_slots *slots, u32 *model,
			 struct rnd_state *rnd, int steps)
{
	while (steps--) {
		u32 slot = prandom_u32_state(rnd) % SLOTS;
		/* Few pages, so that chains are long. */
		u32 page = prandom_u32_state(rnd) % 4 ? prandom_u32_state(rnd) % 16 * 64 + 3 :
							 DRM_PLACED_NO_PAGE;

		set(test, slots, slot, page);
		model[slot] = page;
	}
	compare(test, slots, model);
}

static void random_walk(struct kunit *test, bool reverse)
{
	struct drm_placed_slots *slots = make_slots(test, reverse), *copy;
	u32 *model = kunit_kmalloc_array(test, 2 * SLOTS, sizeof(*model), GFP_KERNEL);
	struct rnd_state rnd;
	int round;

	KUNIT_ASSERT_NOT_NULL(test, model);
	memset32(model, DRM_PLACED_NO_PAGE, SLOTS);
	prandom_seed_state(&rnd, 3141592653589793238ULL);
	for (round = 0; round < 20; round++)
		random_steps(test, slots, model, &rnd, 1000);

	/* From here on each on its own. */
	copy = keep(test, drm_placed_slots_copy(slots));
	memcpy(model + SLOTS, model, SLOTS * sizeof(*model));
	random_steps(test, slots, model, &rnd, 1000);
	compare(test, copy, model + SLOTS);
	random_steps(test, copy, model + SLOTS, &rnd, 1000);
	compare(test, slots, model);
}

static void test_random(struct kunit *test)
{
	random_walk(test, true);
}

static void test_random_forward(struct kunit *test)
{
	random_walk(test, false);
}

static struct kunit_case slots_cases[] = {
	KUNIT_CASE(test_empty),
	KUNIT_CASE(test_chain),
	KUNIT_CASE(test_names),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_random_forward),
	{}
};

static struct kunit_suite slots_suite = {
	.name = "drm_placed_slots",
	.test_cases = slots_cases,
};

kunit_test_suite(slots_suite);

MODULE_DESCRIPTION("Tests of the tables of page windows");
MODULE_LICENSE("Dual MIT/GPL");
