// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/bitmap.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "../drm_placed_policy.h"
#include "../drm_placed_runs.h"

/*
 * The policy of the dirty tracker, driven by a tracker without page tables:
 * an open bit and a dirty bit for each page, and counters for what costs. And
 * the merging of runs, compared with a model that looks at every page.
 */

#define CHUNK_PAGES	512

/* As the policy has them. */
#define FAULT_COST	700
#define CHUNK_COST	260
#define PAGE_COST	24
#define DENSE		2
#define PROBE		16

/* The price of a chunk that is opened whole, and how many faults come to it. */
#define WHOLE(pages)	((pages) * PAGE_COST)
#define BURST(pages)	DIV_ROUND_UP(WHOLE(pages), FAULT_COST)

/* Collections in which any chunk that nobody writes must have become cold. */
#define IDLE_BOUND	64

struct sim_chunk {
	struct drm_placed_policy_chunk policy;
	DECLARE_BITMAP(open, CHUNK_PAGES);
	DECLARE_BITMAP(dirty, CHUNK_PAGES);
	/* What the last collection found. */
	DECLARE_BITMAP(last, CHUNK_PAGES);
	unsigned int pages;
};

/* The last chunk is a partial one. */
#define SIM_CHUNKS	4
#define SIM_PAGES	(3 * CHUNK_PAGES + 100)

struct sim {
	struct kunit *test;
	struct drm_placed_policy policy;
	struct sim_chunk chunks[SIM_CHUNKS];
	unsigned int pages;
	struct rnd_state rnd;
	/* The memory allows huge mappings. */
	bool huge;
	/* What was done since the counters were zeroed. */
	u64 faults, ahead, scanned, visits, changes;
	/* In the last collection. */
	u64 dirty;
};

static struct sim *sim_alloc(struct kunit *test, enum drm_placed_policy_kind kind,
			     unsigned int pages)
{
	struct sim *sim = kunit_kzalloc(test, sizeof(*sim), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, sim);
	sim->test = test;
	sim->pages = pages;
	drm_placed_policy_init(&sim->policy, kind, pages);
	prandom_seed_state(&sim->rnd, 4711);
	for (i = 0; i < SIM_CHUNKS; i++) {
		sim->chunks[i].pages = min(pages, CHUNK_PAGES);
		pages -= sim->chunks[i].pages;
	}
	return sim;
}

static u32 sim_random(struct sim *sim, u32 below)
{
	return prandom_u32_state(&sim->rnd) % below;
}

/* A store to a page of a chunk. */
static void sim_touch(struct sim *sim, struct sim_chunk *chunk, unsigned int page)
{
	unsigned int open = bitmap_weight(chunk->open, CHUNK_PAGES);
	u8 before = chunk->policy.state;
	struct drm_placed_window window;

	sim->faults++;
	window = drm_placed_policy_fault(&sim->policy, &chunk->policy, page, chunk->pages);
	sim->changes += chunk->policy.state != before;
	KUNIT_ASSERT_GE(sim->test, page, window.first);
	KUNIT_ASSERT_LT(sim->test, page, window.first + window.count);
	KUNIT_ASSERT_LE(sim->test, window.first + window.count, chunk->pages);
	bitmap_set(chunk->open, window.first, window.count);
	/* The price of a fault includes its own page. */
	sim->ahead += bitmap_weight(chunk->open, CHUNK_PAGES) - open - 1;
}

/* Stores to pages in ascending order. */
static void sim_write(struct sim *sim, unsigned int first, unsigned int count)
{
	while (count) {
		struct sim_chunk *chunk = &sim->chunks[first / CHUNK_PAGES];
		unsigned int page = first % CHUNK_PAGES;
		unsigned int end = min(page + count, chunk->pages), at = page;

		KUNIT_ASSERT_LT(sim->test, page, end);
		while ((at = find_next_zero_bit(chunk->open, end, at)) < end)
			sim_touch(sim, chunk, at);

		bitmap_set(chunk->dirty, page, end - page);
		first += end - page;
		count -= end - page;
	}
}

static void sim_collect_chunk(struct sim *sim, struct sim_chunk *chunk)
{
	struct drm_placed_policy_chunk *policy = &chunk->policy;
	unsigned int scanned = bitmap_weight(chunk->open, chunk->pages);
	enum drm_placed_action action;
	unsigned int dirty, fresh;
	u8 before = policy->state;
	bool changed;

	/* Nothing is open, so nothing was written: it costs nothing. */
	if (!scanned) {
		KUNIT_ASSERT_TRUE(sim->test, bitmap_empty(chunk->dirty, CHUNK_PAGES));
		return;
	}

	if (policy->state == DRM_PLACED_HUGE) {
		scanned = 1;
		if (!bitmap_empty(chunk->dirty, CHUNK_PAGES))
			bitmap_set(chunk->dirty, 0, chunk->pages);
	}

	dirty = bitmap_weight(chunk->dirty, CHUNK_PAGES);
	fresh = bitmap_weight_andnot(chunk->dirty, chunk->last, CHUNK_PAGES);
	bitmap_copy(chunk->last, chunk->dirty, CHUNK_PAGES);

	action = drm_placed_policy_collect(&sim->policy, policy);
	if (action == DRM_PLACED_CLOSE)
		bitmap_zero(chunk->open, CHUNK_PAGES);
	else if (action == DRM_PLACED_CLOSE_CLEAN)
		bitmap_and(chunk->open, chunk->open, chunk->dirty, CHUNK_PAGES);
	bitmap_zero(chunk->dirty, CHUNK_PAGES);

	changed = drm_placed_policy_collected(&sim->policy, policy, action, scanned, dirty,
					      fresh, chunk->pages);
	KUNIT_ASSERT_EQ(sim->test, changed, policy->state != before);
	KUNIT_ASSERT_LT(sim->test, policy->state, DRM_PLACED_STATES);

	if (sim->huge && policy->state != DRM_PLACED_HUGE &&
	    drm_placed_policy_wants_huge(&sim->policy, policy)) {
		drm_placed_policy_huge(policy);
		bitmap_set(chunk->open, 0, chunk->pages);
	}

	sim->changes += policy->state != before;
	sim->scanned += scanned;
	sim->visits++;
	sim->dirty += dirty;
}

static void sim_collect(struct sim *sim)
{
	unsigned int i;

	sim->dirty = 0;
	for (i = 0; i < SIM_CHUNKS && sim->chunks[i].pages; i++)
		sim_collect_chunk(sim, &sim->chunks[i]);
	drm_placed_policy_end(&sim->policy, sim->dirty);
}

static u64 sim_cost(const struct sim *sim)
{
	return sim->faults * FAULT_COST + sim->ahead * PAGE_COST + sim->scanned +
	       sim->visits * CHUNK_COST;
}

static void sim_reset(struct sim *sim)
{
	sim->faults = 0;
	sim->ahead = 0;
	sim->scanned = 0;
	sim->visits = 0;
	sim->changes = 0;
}

static unsigned int sim_open(const struct sim *sim)
{
	unsigned int i, open = 0;

	for (i = 0; i < SIM_CHUNKS; i++)
		open += bitmap_weight(sim->chunks[i].open, CHUNK_PAGES);
	return open;
}

/* Patterns: what is written before collection number @round. */

struct pattern {
	const char *name;
	void (*write)(struct sim *sim, const struct pattern *pattern, unsigned int round);
	unsigned int arg, period;
	/* What INTERLEAVED may cost, in percent of the cheaper of PROTECT and SCAN. */
	unsigned int percent;
	/* State changes that INTERLEAVED may make in 200 collections. */
	unsigned int changes;
};

static void write_idle(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	if (!round)
		sim_write(sim, 0, sim->pages);
}

/* The same pages again and again, after all was written once. */
static void write_hot(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int i;

	if (!round)
		sim_write(sim, 0, sim->pages);
	for (i = 0; i < pattern->arg; i++)
		sim_write(sim, (700 + 77 * i) % sim->pages, 1);
}

/* So many pages in a thousand. */
static void write_random(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int i;

	for (i = 0; i < sim->pages * pattern->arg / 1000; i++)
		sim_write(sim, sim_random(sim, sim->pages), 1);
}

/* So many pages in a row, from where the last collection found the end. */
static void write_stream(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int first = round * pattern->arg % sim->pages;
	unsigned int count = min(pattern->arg, sim->pages - first);

	sim_write(sim, first, count);
	sim_write(sim, 0, pattern->arg - count);
}

/* All of it, once in so many collections. */
static void write_full(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	if (round % pattern->period == 0)
		sim_write(sim, 0, sim->pages);
}

/* The same pages of each chunk, once in some collections. */
static void write_again(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int base, i;

	if (round % pattern->period)
		return;
	for (base = 0; base < sim->pages; base += CHUNK_PAGES)
		for (i = 0; i < pattern->arg; i++)
			sim_write(sim, base + 10 * i, 1);
}

/* 64 pages that move by so many. */
static void write_window(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	sim_write(sim, round * pattern->arg % (sim->pages - 64), 64);
}

/* All of it for some collections, one page of each chunk for as many. */
static void write_alternating(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int base;

	if (round / pattern->period % 2 == 0) {
		sim_write(sim, 0, sim->pages);
		return;
	}

	for (base = 0; base < sim->pages; base += CHUNK_PAGES)
		sim_write(sim, base + 50, 1);
}

/* So many pages of each chunk, others each time, once in some collections. */
static void write_pulse(struct sim *sim, const struct pattern *pattern, unsigned int round)
{
	unsigned int base, i;

	if (round % pattern->period)
		return;
	for (base = 0; base < sim->pages; base += CHUNK_PAGES)
		for (i = 0; i < pattern->arg; i++)
			sim_write(sim, base + (i * 31 + round) %
				  sim->chunks[base / CHUNK_PAGES].pages, 1);
}

static const struct pattern patterns[] = {
	{ "idle", write_idle, 0, 0, 110, 0 },
	{ "one_hot_page", write_hot, 1, 0, 30, 0 },
	{ "five_hot_pages", write_hot, 5, 0, 10, 0 },
	{ "random_0.1%", write_random, 1, 0, 170, 50 },
	{ "random_0.3%", write_random, 3, 0, 110, 40 },
	{ "random_0.5%", write_random, 5, 0, 110, 10 },
	{ "random_1%", write_random, 10, 0, 110, 0 },
	{ "random_2%", write_random, 20, 0, 110, 0 },
	{ "random_5%", write_random, 50, 0, 110, 0 },
	{ "stream_3", write_stream, 3, 0, 70, 8 },
	{ "stream_64", write_stream, 64, 0, 190, 60 },
	{ "stream_256", write_stream, 256, 0, 110, 0 },
	{ "stream_600", write_stream, 600, 0, 110, 0 },
	{ "full_rewrite", write_full, 0, 1, 110, 0 },
	{ "full_every_2nd", write_full, 0, 2, 110, 0 },
	{ "full_every_3rd", write_full, 0, 3, 110, 0 },
	{ "full_every_4th", write_full, 0, 4, 110, 0 },
	{ "full_every_16th", write_full, 0, 16, 110, 40 },
	{ "full_every_40th", write_full, 0, 40, 110, 60 },
	{ "again_5_every_2nd", write_again, 5, 2, 50, 0 },
	{ "again_5_every_8th", write_again, 5, 8, 60, 0 },
	{ "again_9_every_4th", write_again, 9, 4, 50, 0 },
	{ "again_9_every_20th", write_again, 9, 20, 100, 40 },
	{ "window_1", write_window, 1, 0, 90, 0 },
	{ "window_8", write_window, 8, 0, 60, 10 },
	{ "window_64", write_window, 64, 0, 160, 30 },
	{ "alternating_1", write_alternating, 0, 1, 110, 0 },
	{ "alternating_3", write_alternating, 0, 3, 110, 0 },
	{ "alternating_10", write_alternating, 0, 10, 110, 0 },
	{ "pulse_1_every_8th", write_pulse, 1, 8, 220, 240 },
	{ "pulse_3_every_4th", write_pulse, 3, 4, 130, 40 },
	{ "pulse_4_every_2nd", write_pulse, 4, 2, 110, 0 },
	{ "pulse_4_every_4th", write_pulse, 4, 4, 150, 20 },
	{ "pulse_4_every_8th", write_pulse, 4, 8, 180, 60 },
	{ "pulse_7_always", write_pulse, 7, 1, 110, 0 },
	{ "pulse_8_every_4th", write_pulse, 8, 4, 110, 0 },
	{ "pulse_8_every_8th", write_pulse, 8, 8, 180, 40 },
	{ "pulse_9_every_4th", write_pulse, 9, 4, 110, 0 },
	{ "pulse_16_every_4th", write_pulse, 16, 4, 110, 0 },
	{ "pulse_16_every_8th", write_pulse, 16, 8, 120, 0 },
	{ "pulse_20_always", write_pulse, 20, 1, 110, 0 },
	{ "pulse_20_every_8th", write_pulse, 20, 8, 120, 0 },
	{ "pulse_20_every_20th", write_pulse, 20, 20, 240, 100 },
};

static void pattern_desc(const struct pattern *pattern, char *desc)
{
	strscpy(desc, pattern->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(pattern, patterns, pattern_desc);

#define WARM_UP		50
#define COLLECTIONS	200

/* What each policy pays for each pattern. */
static void drm_placed_policy_patterns(struct kunit *test)
{
	const struct pattern *pattern = test->param_value;
	enum drm_placed_policy_kind kind;
	u64 cost[DRM_PLACED_POLICIES];
	u64 cheaper, changes = 0;

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++) {
		struct sim *sim = sim_alloc(test, kind, SIM_PAGES);
		unsigned int round;

		for (round = 0; round < WARM_UP + COLLECTIONS; round++) {
			if (round == WARM_UP)
				sim_reset(sim);
			pattern->write(sim, pattern, round);
			sim_collect(sim);
		}

		cost[kind] = sim_cost(sim);
		if (kind == DRM_PLACED_INTERLEAVED)
			changes = sim->changes;
		kunit_info(test, "%s: %s: cost %llu, %llu faults, %llu opened ahead, %llu scanned, %llu visits, %llu changes",
			   pattern->name, drm_placed_policy_name(kind), cost[kind], sim->faults,
			   sim->ahead, sim->scanned, sim->visits, sim->changes);
		kunit_kfree(test, sim);
		cond_resched();
	}

	cheaper = min(cost[DRM_PLACED_PROTECT], cost[DRM_PLACED_SCAN]);
	if (cheaper)
		kunit_info(test, "%s: interleaved costs %llu %% of the cheaper one", pattern->name,
			   div64_u64(cost[DRM_PLACED_INTERLEAVED] * 100, cheaper));
	KUNIT_EXPECT_LE(test, cost[DRM_PLACED_INTERLEAVED] * 100, cheaper * pattern->percent);
	KUNIT_EXPECT_LE(test, changes, pattern->changes);
}

/* As the patterns, for one chunk, and not as long. */
static u64 pulses_cost(struct kunit *test, enum drm_placed_policy_kind kind,
		       unsigned int pages, const struct pattern *pattern)
{
	struct sim *sim = sim_alloc(test, kind, pages);
	unsigned int round;
	u64 cost;

	for (round = 0; round < 3 * 48; round++) {
		if (round == 48)
			sim_reset(sim);
		pattern->write(sim, pattern, round);
		sim_collect(sim);
	}

	cost = sim_cost(sim);
	kunit_kfree(test, sim);
	cond_resched();
	return cost;
}

struct pulses_case {
	unsigned int pages;
	/* What INTERLEAVED may cost, in percent of the cheaper of PROTECT and SCAN. */
	unsigned int percent;
};

/*
 * The worst that pulses can do: as many pages as open a chunk whole, and nothing until
 * it is closed again. Then it has cost the faults, the opening and as much rent.
 */
static const struct pulses_case pulses_cases[] = {
	{ CHUNK_PAGES, 300 },
	{ 256, 300 },
	{ 100, 300 },
	{ 64, 300 },
};

static void pulses_desc(const struct pulses_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u_pages", c->pages);
}

KUNIT_ARRAY_PARAM(pulses, pulses_cases, pulses_desc);

static void drm_placed_policy_pulses(struct kunit *test)
{
	static const unsigned int periods[] = { 1, 2, 3, 4, 5, 6, 8, 12, 16, 24 };
	const struct pulses_case *c = test->param_value;
	struct pattern pattern = { .write = write_pulse };
	unsigned int i, worst_count = 0, worst_period = 0;
	u64 worst = 0;

	for (pattern.arg = 1; pattern.arg <= 2 * BURST(CHUNK_PAGES); pattern.arg++) {
		for (i = 0; i < ARRAY_SIZE(periods); i++) {
			u64 cost, cheaper, percent;

			pattern.period = periods[i];
			cost = pulses_cost(test, DRM_PLACED_INTERLEAVED, c->pages, &pattern);
			cheaper = min(pulses_cost(test, DRM_PLACED_PROTECT, c->pages, &pattern),
				      pulses_cost(test, DRM_PLACED_SCAN, c->pages, &pattern));
			percent = div64_u64(cost * 100, cheaper);
			if (percent > worst) {
				worst = percent;
				worst_count = pattern.arg;
				worst_period = pattern.period;
			}
		}
	}

	kunit_info(test, "%u pages: %llu %% of the cheaper one at worst, %u written every %u collections",
		   c->pages, worst, worst_count, worst_period);
	KUNIT_EXPECT_LE(test, worst, c->percent);
}

/* What open pages pay, and what written ones earn. */

struct rent_case {
	const char *name;
	/* Faults since the last collection, and the rent from before it. */
	unsigned int faults, before;
	unsigned int scanned, dirty, fresh;
	unsigned int rent;
	bool closing;
};

/* The rent that closes a full chunk. */
#define PRICE	WHOLE(CHUNK_PAGES)

static const struct rent_case rent_cases[] = {
	{ "always_written", 0, 0, 100, 100, 0, 0, false },
	{ "all_fresh", 0, 0, 100, 100, 100, 0, false },
	{ "nothing_written", 0, 0, 100, 0, 0, 100 + CHUNK_COST, false },
	{ "one_always_written", 0, 0, 100, 1, 0, 99, false },
	{ "one_saved_fault", 0, FAULT_COST + 100, 100, 1, 1, 199, false },
	{ "one_had_its_fault", 1, 200, 100, 1, 1, 299, false },
	{ "two_of_three_saved", 1, 2 * FAULT_COST + 100, 100, 3, 3, 197, false },
	{ "more_faults_than_fresh", 5, 200, 100, 3, 3, 297, false },
	{ "no_credit", 0, 0, 100, 50, 50, 0, false },
	{ "price_of_one", 0, FAULT_COST - CHUNK_COST - 1, 1, 0, 0, FAULT_COST, true },
	{ "not_yet", 0, FAULT_COST - CHUNK_COST - 2, 1, 0, 0, FAULT_COST - 1, false },
	{ "price_of_all", 0, PRICE - 500, 512, 12, 0, PRICE, true },
	{ "not_yet_of_all", 0, PRICE - 501, 512, 12, 0, PRICE - 1, false },
	{ "price_of_the_clean", 0, 2 * FAULT_COST, 100, 98, 0, 2 * FAULT_COST + 2, true },
	{ "nothing_to_close", 0, 5000, 100, 100, 0, 5000, false },
	{ "unmapped_since", 0, 5000, 5, 10, 0, 5000, false },
};

static void rent_desc(const struct rent_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rent, rent_cases, rent_desc);

static void drm_placed_policy_rent(struct kunit *test)
{
	const struct rent_case *c = test->param_value;
	struct drm_placed_policy_chunk chunk = {
		.state = DRM_PLACED_HOT,
		.faults = c->faults,
		.rent = c->before,
	};
	struct drm_placed_policy policy;

	drm_placed_policy_init(&policy, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	KUNIT_EXPECT_FALSE(test, drm_placed_policy_collected(&policy, &chunk, DRM_PLACED_KEEP,
							     c->scanned, c->dirty, c->fresh,
							     CHUNK_PAGES));
	KUNIT_EXPECT_EQ(test, chunk.rent, c->rent);
	KUNIT_EXPECT_EQ(test, chunk.closing, c->closing);
	KUNIT_EXPECT_EQ(test, chunk.faults, 0);
	KUNIT_EXPECT_EQ(test, drm_placed_policy_collect(&policy, &chunk),
			c->closing ? DRM_PLACED_CLOSE_CLEAN : DRM_PLACED_KEEP);
}

/* However many pages are open, they are closed when nobody writes. */
static void drm_placed_policy_idle(struct kunit *test)
{
	static const unsigned int counts[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 64, 100, 511, 512 };
	unsigned int i, round, slowest = 0;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);

		sim_write(sim, 0, counts[i]);
		for (round = 0; sim_open(sim) && round < IDLE_BOUND; round++)
			sim_collect(sim);
		slowest = max(slowest, round);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 0);
		KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.state, DRM_PLACED_COLD);
		KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.rent, 0);

		sim_reset(sim);
		for (round = 0; round < 100; round++)
			sim_collect(sim);
		KUNIT_EXPECT_EQ(test, sim_cost(sim), 0);
		kunit_kfree(test, sim);
	}
	kunit_info(test, "closed after %u collections at most", slowest);
}

/* As much written as scanning had not paid for does not put off the end. */
static void drm_placed_policy_idle_after_work(struct kunit *test)
{
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, SIM_PAGES);

		for (round = 0; round < 100; round++) {
			patterns[i].write(sim, &patterns[i], round);
			sim_collect(sim);
		}
		for (round = 0; round < IDLE_BOUND; round++)
			sim_collect(sim);

		KUNIT_EXPECT_EQ_MSG(test, sim_open(sim), 0, "after %s", patterns[i].name);
		kunit_kfree(test, sim);
		cond_resched();
	}
}

/* One hot page in a chunk that is open whole: the others are closed. */
static void drm_placed_policy_narrow(struct kunit *test)
{
	static const unsigned int pages[] = { 0, 1, 63, 64, 77, 511 };
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);

		sim_write(sim, 0, CHUNK_PAGES);
		KUNIT_EXPECT_EQ(test, sim_open(sim), CHUNK_PAGES);
		sim_collect(sim);
		for (round = 0; sim_open(sim) > 1 && round < IDLE_BOUND; round++) {
			sim_write(sim, pages[i], 1);
			sim_collect(sim);
		}
		KUNIT_EXPECT_EQ(test, sim_open(sim), 1);
		KUNIT_EXPECT_TRUE(test, test_bit(pages[i], sim->chunks[0].open));

		/* It stays open, and pays its rent. */
		sim_reset(sim);
		for (round = 0; round < 200; round++) {
			sim_write(sim, pages[i], 1);
			sim_collect(sim);
		}
		KUNIT_EXPECT_EQ(test, sim->faults, 0);
		KUNIT_EXPECT_EQ(test, sim->scanned, 200);
		KUNIT_EXPECT_EQ(test, sim->changes, 0);
		kunit_kfree(test, sim);
	}
}

/* Faults here and there open one page each, until they are many for the chunk. */
static void drm_placed_policy_burst(struct kunit *test)
{
	static const unsigned int counts[] = { CHUNK_PAGES, 256, 100, 65, 64, 16, 1 };
	unsigned int i, fault;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, counts[i]);
		unsigned int burst = BURST(counts[i]);

		/* Downwards, so that it is no stream. */
		for (fault = 1; fault < burst; fault++) {
			sim_write(sim, 2 * (burst - fault), 1);
			KUNIT_EXPECT_EQ(test, sim_open(sim), fault);
		}
		sim_write(sim, 0, 1);
		KUNIT_EXPECT_EQ(test, sim_open(sim), counts[i]);
		KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.state, DRM_PLACED_HOT);
		KUNIT_EXPECT_EQ(test, sim->faults, burst);

		sim_write(sim, 0, counts[i]);
		KUNIT_EXPECT_EQ(test, sim->faults, burst);
		kunit_kfree(test, sim);
	}
}

/* Few faults at a time open a chunk whole, too, if scans would have been cheaper. */
static void drm_placed_policy_debt(struct kunit *test)
{
	static const unsigned int counts[] = { CHUNK_PAGES, 400, 256, 100 };
	unsigned int i, fault;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, counts[i]);
		unsigned int debt = 0;

		/* A fault in each collection, on a page that was not written before. */
		for (fault = 1; debt + FAULT_COST < WHOLE(counts[i]); fault++) {
			sim_write(sim, counts[i] - 2 * fault, 1);
			KUNIT_EXPECT_EQ(test, sim_open(sim), fault);
			sim_collect(sim);
			debt += FAULT_COST + fault - counts[i];
			KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.debt, debt);
		}
		sim_write(sim, counts[i] - 2 * fault, 1);
		KUNIT_EXPECT_EQ(test, sim_open(sim), counts[i]);
		KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.debt, 0);
		kunit_kfree(test, sim);
	}
}

/* Faults that are cheaper than scans never do. */
static void drm_placed_policy_no_debt(struct kunit *test)
{
	struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	unsigned int round;

	for (round = 0; round < 400; round++) {
		if (round % 2 == 0)
			sim_write(sim, (round * 19) % CHUNK_PAGES, 1);
		KUNIT_EXPECT_LT(test, sim_open(sim), CHUNK_PAGES / 2);
		sim_collect(sim);
	}
	KUNIT_EXPECT_LT(test, sim->chunks[0].policy.debt, FAULT_COST);
}

/* Faults on pages in a row open twice as much each time, until they are a burst. */
static void drm_placed_policy_stream(struct kunit *test)
{
	static const unsigned int counts[] = { CHUNK_PAGES, 256, 100, 65, 64, 2, 1 };
	struct drm_placed_policy_chunk chunk = {};
	struct drm_placed_window window;
	struct drm_placed_policy policy;
	unsigned int i, fault;

	drm_placed_policy_init(&policy, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned int page = 0, ahead = 1;

		chunk = (struct drm_placed_policy_chunk) {};
		for (fault = 1; page < counts[i]; fault++, ahead *= 2) {
			window = drm_placed_policy_fault(&policy, &chunk, page, counts[i]);
			if (fault == BURST(counts[i])) {
				KUNIT_EXPECT_EQ(test, window.first, 0);
				KUNIT_EXPECT_EQ(test, window.count, counts[i]);
				break;
			}
			KUNIT_EXPECT_EQ(test, window.first, page);
			KUNIT_EXPECT_EQ(test, window.count, min(ahead, counts[i] - page));
			page += window.count;
		}
		/* A full chunk is all open before. */
		KUNIT_EXPECT_EQ(test, page == counts[i], counts[i] == CHUNK_PAGES);
	}

	/* Another page than the next one ends it. */
	chunk = (struct drm_placed_policy_chunk) { .next = 40, .ahead = 8 };
	window = drm_placed_policy_fault(&policy, &chunk, 41, CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, window.first, 41);
	KUNIT_EXPECT_EQ(test, window.count, 1);
	window = drm_placed_policy_fault(&policy, &chunk, 42, CHUNK_PAGES);
	KUNIT_EXPECT_EQ(test, window.first, 42);
	KUNIT_EXPECT_EQ(test, window.count, 2);
}

/* The other policies do one thing. */
static void drm_placed_policy_simple(struct kunit *test)
{
	struct sim *sim = sim_alloc(test, DRM_PLACED_PROTECT, SIM_PAGES);
	unsigned int round;

	for (round = 0; round < 10; round++) {
		sim_write(sim, 500, 20);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 20);
		sim_collect(sim);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 0);
	}
	KUNIT_EXPECT_EQ(test, sim->faults, 200);
	KUNIT_EXPECT_EQ(test, sim->scanned, 200);

	sim = sim_alloc(test, DRM_PLACED_SCAN, SIM_PAGES);
	for (round = 0; round < 10; round++) {
		sim_write(sim, SIM_PAGES - 1, 1);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 100);
		sim_collect(sim);
	}
	KUNIT_EXPECT_EQ(test, sim->faults, 1);
	KUNIT_EXPECT_EQ(test, sim->scanned, 1000);
	KUNIT_EXPECT_EQ(test, sim->chunks[3].policy.state, DRM_PLACED_HOT);
	KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.state, DRM_PLACED_COLD);
}

/* What vmwgfx does; see drm_placed_policy_end(). */

struct vmwgfx_case {
	const char *name;
	u64 pages;
	/* Dirty pages in each collection; the last are NONE. */
	u64 dirty[10];
	bool scanning_before, scanning_after;
};

#define NONE U64_MAX

static const struct vmwgfx_case vmwgfx_cases[] = {
	{ "one_page_scans", 1, { NONE }, true, true },
	{ "small_scans", 511, { NONE }, true, true },
	{ "large_protects", 512, { NONE }, false, false },
	{ "two_votes_protect", 1000, { 1000, 1000, NONE }, false, false },
	{ "three_votes_scan", 1000, { 1000, 1000, 1000, NONE }, false, true },
	{ "interrupted", 1000, { 1000, 1000, 0, 1000, 1000, NONE }, false, false },
	{ "eleven_percent", 1000, { 110, 110, 110, NONE }, false, true },
	{ "ten_percent", 1000, { 100, 100, 100, 100, 100, NONE }, false, false },
	{ "less_than_eleven", 1000, { 109, 109, 109, 109, 109, NONE }, false, false },
	{ "large_object", 16 << 20, { 2 << 20, 2 << 20, 2 << 20, NONE }, false, true },
	{ "larger_than_32_bits", 1ull << 36, { 1ull << 36, 1ull << 36, 1ull << 36, NONE },
	  false, true },
	{ "two_clean_scan", 100, { 0, 0, NONE }, true, true },
	{ "three_clean_protect", 100, { 0, 0, 0, NONE }, true, false },
	{ "clean_interrupted", 100, { 0, 0, 1, 0, 0, NONE }, true, true },
	{ "there_and_back", 1000, { 500, 500, 500, 0, 0, 0, NONE }, false, false },
	{ "votes_start_again", 1000, { 500, 500, 500, 0, 0, NONE }, false, true },
};

static void vmwgfx_desc(const struct vmwgfx_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(vmwgfx, vmwgfx_cases, vmwgfx_desc);

static void drm_placed_policy_vmwgfx(struct kunit *test)
{
	const struct vmwgfx_case *c = test->param_value;
	struct drm_placed_policy_chunk chunk = {};
	struct drm_placed_policy policy;
	unsigned int i;

	drm_placed_policy_init(&policy, DRM_PLACED_VMWGFX, c->pages);
	KUNIT_EXPECT_EQ(test, policy.scanning, c->scanning_before);
	for (i = 0; c->dirty[i] != NONE; i++)
		drm_placed_policy_end(&policy, c->dirty[i]);
	KUNIT_EXPECT_EQ(test, policy.scanning, c->scanning_after);
	KUNIT_EXPECT_EQ(test, drm_placed_policy_collect(&policy, &chunk),
			c->scanning_after ? DRM_PLACED_KEEP : DRM_PLACED_CLOSE);

	/* Nobody else votes. */
	drm_placed_policy_init(&policy, DRM_PLACED_INTERLEAVED, c->pages);
	for (i = 0; c->dirty[i] != NONE; i++)
		drm_placed_policy_end(&policy, c->dirty[i]);
	KUNIT_EXPECT_EQ(test, policy.votes, 0);
}

/* A chunk that is written whole becomes huge, and is looked at now and then. */
static void drm_placed_policy_huge_chunk(struct kunit *test)
{
	struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	struct drm_placed_policy_chunk *chunk = &sim->chunks[0].policy;
	unsigned int round, cycle;

	sim->huge = true;
	for (cycle = 0; cycle < 3; cycle++) {
		/* After a probe, one full collection is known already. */
		for (round = 0; round < (cycle ? 1 : DENSE); round++) {
			KUNIT_EXPECT_FALSE(test,
					   drm_placed_policy_wants_huge(&sim->policy, chunk));
			KUNIT_EXPECT_NE(test, chunk->state, DRM_PLACED_HUGE);
			sim_write(sim, 0, CHUNK_PAGES);
			sim_collect(sim);
		}
		KUNIT_EXPECT_EQ(test, chunk->state, DRM_PLACED_HUGE);

		sim_reset(sim);
		for (round = 0; round < PROBE; round++) {
			KUNIT_EXPECT_EQ(test, chunk->state, DRM_PLACED_HUGE);
			KUNIT_EXPECT_EQ(test, drm_placed_policy_collect(&sim->policy, chunk),
					DRM_PLACED_KEEP);
			sim_write(sim, 0, CHUNK_PAGES);
			sim_collect(sim);
		}
		KUNIT_EXPECT_EQ(test, sim_cost(sim), PROBE * (1 + CHUNK_COST));
		KUNIT_EXPECT_EQ(test, drm_placed_policy_collect(&sim->policy, chunk),
				DRM_PLACED_CLOSE);
		sim_write(sim, 0, CHUNK_PAGES);
		sim_collect(sim);
		KUNIT_EXPECT_EQ(test, chunk->state, DRM_PLACED_COLD);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 0);
	}
}

/* A huge chunk of which only one page is written is found out by the probe. */
static void drm_placed_policy_huge_sparse(struct kunit *test)
{
	struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	struct drm_placed_policy_chunk *chunk = &sim->chunks[0].policy;
	unsigned int round;

	sim->huge = true;
	for (round = 0; round < DENSE; round++) {
		sim_write(sim, 0, CHUNK_PAGES);
		sim_collect(sim);
	}
	KUNIT_EXPECT_EQ(test, chunk->state, DRM_PLACED_HUGE);
	/* What its faults have cost is paid: it does not open the chunk whole later. */
	KUNIT_EXPECT_EQ(test, chunk->debt, 0);

	for (round = 0; round <= PROBE; round++) {
		sim_write(sim, 5, 1);
		sim_collect(sim);
	}
	KUNIT_EXPECT_EQ(test, chunk->state, DRM_PLACED_COLD);

	for (round = 0; round < 100; round++) {
		sim_write(sim, 5, 1);
		KUNIT_EXPECT_EQ(test, sim_open(sim), 1);
		sim_collect(sim);
		KUNIT_EXPECT_EQ(test, sim->dirty, 1);
		KUNIT_EXPECT_NE(test, chunk->state, DRM_PLACED_HUGE);
	}
}

/* A huge chunk that nobody writes ends as any other. */
static void drm_placed_policy_huge_idle(struct kunit *test)
{
	struct sim *sim = sim_alloc(test, DRM_PLACED_INTERLEAVED, CHUNK_PAGES);
	unsigned int round;

	sim->huge = true;
	for (round = 0; round < DENSE; round++) {
		sim_write(sim, 0, CHUNK_PAGES);
		sim_collect(sim);
	}
	KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.state, DRM_PLACED_HUGE);

	/* What it was before it was clean counts no more. */
	sim_collect(sim);
	sim_write(sim, 0, CHUNK_PAGES);
	sim_collect(sim);
	KUNIT_EXPECT_NE(test, sim->chunks[0].policy.state, DRM_PLACED_HUGE);

	for (round = 0; round < IDLE_BOUND; round++)
		sim_collect(sim);
	KUNIT_EXPECT_EQ(test, sim_open(sim), 0);
	KUNIT_EXPECT_EQ(test, sim->chunks[0].policy.state, DRM_PLACED_COLD);

	sim_reset(sim);
	sim_collect(sim);
	KUNIT_EXPECT_EQ(test, sim_cost(sim), 0);
}

/* All but all of a chunk is not dense, and nor is one collection of two. */
static void drm_placed_policy_not_huge(struct kunit *test)
{
	enum drm_placed_policy_kind kind;
	unsigned int round;

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++) {
		struct sim *sim = sim_alloc(test, kind, CHUNK_PAGES);

		sim->huge = true;
		for (round = 0; round < 20; round++) {
			if (kind == DRM_PLACED_INTERLEAVED)
				sim_write(sim, 0, CHUNK_PAGES - round % 2);
			else
				sim_write(sim, 0, CHUNK_PAGES);
			sim_collect(sim);
			KUNIT_EXPECT_NE(test, sim->chunks[0].policy.state, DRM_PLACED_HUGE);
		}
		kunit_kfree(test, sim);
	}
}

/* Counters stop at their end. */
static void drm_placed_policy_saturate(struct kunit *test)
{
	enum drm_placed_policy_kind kind;
	unsigned int i;

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++) {
		struct drm_placed_policy_chunk chunk = {};
		struct drm_placed_policy policy;

		drm_placed_policy_init(&policy, kind, CHUNK_PAGES);
		for (i = 0; i < U16_MAX + 10; i++)
			drm_placed_policy_fault(&policy, &chunk, i % CHUNK_PAGES, CHUNK_PAGES);
		KUNIT_EXPECT_EQ(test, chunk.faults, U16_MAX);

		for (i = 1; i < 1000; i++) {
			drm_placed_policy_collected(&policy, &chunk, DRM_PLACED_KEEP, CHUNK_PAGES,
						    CHUNK_PAGES, CHUNK_PAGES, CHUNK_PAGES);
			KUNIT_EXPECT_EQ(test, drm_placed_policy_wants_huge(&policy, &chunk),
					kind == DRM_PLACED_INTERLEAVED && i >= DENSE);
		}
		KUNIT_EXPECT_EQ(test, chunk.faults, 0);
		KUNIT_EXPECT_EQ(test, chunk.rent, 0);

		if (kind != DRM_PLACED_INTERLEAVED)
			continue;

		/* More rent than a tracker that heeds the policy could owe. */
		for (i = 0; i < 1000; i++)
			drm_placed_policy_collected(&policy, &chunk, DRM_PLACED_KEEP, CHUNK_PAGES,
						    0, 0, CHUNK_PAGES);
		KUNIT_EXPECT_EQ(test, chunk.rent, U16_MAX);
		KUNIT_EXPECT_EQ(test, drm_placed_policy_collect(&policy, &chunk),
				DRM_PLACED_CLOSE_CLEAN);
	}
}

/* Whatever happens, windows and states are valid: the simulator looks. */
static void drm_placed_policy_random(struct kunit *test)
{
	enum drm_placed_policy_kind kind;
	unsigned int round, i;

	for (kind = 0; kind < DRM_PLACED_POLICIES; kind++) {
		static const unsigned int sizes[] = { 1, 2, 5, 511, 512, 513, 1024, SIM_PAGES };

		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct sim *sim = sim_alloc(test, kind, sizes[i]);

			for (round = 0; round < 500; round++) {
				unsigned int writes = sim_random(sim, 8);

				sim->huge = sim_random(sim, 50);
				while (writes--) {
					unsigned int first = sim_random(sim, sizes[i]);
					unsigned int most = sizes[i] - first;

					if (sim_random(sim, 8))
						most = min(most, 10);
					sim_write(sim, first, 1 + sim_random(sim, most));
				}
				sim_collect(sim);
			}
			kunit_kfree(test, sim);
			cond_resched();
		}
	}
}

static void drm_placed_policy_names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, drm_placed_policy_name(DRM_PLACED_INTERLEAVED), "interleaved");
	KUNIT_EXPECT_STREQ(test, drm_placed_policy_name(DRM_PLACED_PROTECT), "protect");
	KUNIT_EXPECT_STREQ(test, drm_placed_policy_name(DRM_PLACED_SCAN), "scan");
	KUNIT_EXPECT_STREQ(test, drm_placed_policy_name(DRM_PLACED_VMWGFX), "vmwgfx");
}

static struct kunit_case drm_placed_policy_tests[] = {
	KUNIT_CASE_PARAM(drm_placed_policy_patterns, pattern_gen_params),
	KUNIT_CASE_PARAM(drm_placed_policy_pulses, pulses_gen_params),
	KUNIT_CASE_PARAM(drm_placed_policy_rent, rent_gen_params),
	KUNIT_CASE(drm_placed_policy_idle),
	KUNIT_CASE(drm_placed_policy_idle_after_work),
	KUNIT_CASE(drm_placed_policy_narrow),
	KUNIT_CASE(drm_placed_policy_burst),
	KUNIT_CASE(drm_placed_policy_debt),
	KUNIT_CASE(drm_placed_policy_no_debt),
	KUNIT_CASE(drm_placed_policy_stream),
	KUNIT_CASE(drm_placed_policy_simple),
	KUNIT_CASE_PARAM(drm_placed_policy_vmwgfx, vmwgfx_gen_params),
	KUNIT_CASE(drm_placed_policy_huge_chunk),
	KUNIT_CASE(drm_placed_policy_huge_sparse),
	KUNIT_CASE(drm_placed_policy_huge_idle),
	KUNIT_CASE(drm_placed_policy_not_huge),
	KUNIT_CASE(drm_placed_policy_saturate),
	KUNIT_CASE(drm_placed_policy_random),
	KUNIT_CASE(drm_placed_policy_names),
	{}
};

static struct kunit_suite drm_placed_policy_suite = {
	.name = "drm_placed_policy",
	.test_cases = drm_placed_policy_tests,
};

/* Runs */

struct page_range {
	pgoff_t first, count;
};

struct runs_case {
	const char *name;
	pgoff_t gap;
	/* Size of the object. */
	pgoff_t pages;
	/* Those of count 0 are none. */
	struct page_range written[6], runs[6];
};

#define GIB(n)	((pgoff_t)(n) << (30 - PAGE_SHIFT))

static const struct runs_case runs_cases[] = {
	{ "nothing", 0, 512, {}, {} },
	{ "one_page_object", 0, 1, { { 0, 1 } }, { { 0, 1 } } },
	{ "one_page_object_gap", 2, 1, { { 0, 1 } }, { { 0, 1 } } },
	{ "first_page", 0, 512, { { 0, 1 } }, { { 0, 1 } } },
	{ "last_page", 0, 512, { { 511, 1 } }, { { 511, 1 } } },
	{ "first_and_last", 2, 512, { { 0, 1 }, { 511, 1 } }, { { 0, 1 }, { 511, 1 } } },
	{ "last_of_word", 0, 512, { { 63, 1 } }, { { 63, 1 } } },
	{ "first_of_word", 0, 512, { { 64, 1 } }, { { 64, 1 } } },
	{ "word", 0, 512, { { 64, 64 } }, { { 64, 64 } } },
	{ "word_but_first", 0, 512, { { 65, 63 } }, { { 65, 63 } } },
	{ "word_but_last", 0, 512, { { 64, 63 } }, { { 64, 63 } } },
	{ "over_a_word", 0, 512, { { 63, 66 } }, { { 63, 66 } } },
	{ "over_words", 0, 512, { { 1, 500 } }, { { 1, 500 } } },
	{ "words_and_hole", 0, 512, { { 0, 128 }, { 192, 320 } }, { { 0, 128 }, { 192, 320 } } },
	{ "words_and_filled_hole", 64, 512, { { 0, 128 }, { 192, 320 } }, { { 0, 512 } } },
	{ "words_and_hole_too_large", 63, 512, { { 0, 128 }, { 192, 320 } },
	  { { 0, 128 }, { 192, 320 } } },
	{ "whole_chunk", 0, 512, { { 0, 512 } }, { { 0, 512 } } },
	{ "partial_first", 0, 600, { { 512, 1 } }, { { 512, 1 } } },
	{ "partial_last", 0, 600, { { 599, 1 } }, { { 599, 1 } } },
	{ "partial_all", 0, 600, { { 512, 88 } }, { { 512, 88 } } },
	{ "partial_word", 0, 576, { { 512, 64 } }, { { 512, 64 } } },
	{ "all", 0, 1636, { { 0, 1636 } }, { { 0, 1636 } } },
	{ "border_adjacent", 0, 1024, { { 510, 2 }, { 512, 2 } }, { { 510, 4 } } },
	{ "border_gap_0_hole_1", 0, 1024, { { 511, 1 }, { 513, 1 } }, { { 511, 1 }, { 513, 1 } } },
	{ "border_gap_1_hole_1", 1, 1024, { { 511, 1 }, { 513, 1 } }, { { 511, 3 } } },
	{ "border_gap_1_hole_before", 1, 1024, { { 510, 1 }, { 512, 1 } }, { { 510, 3 } } },
	{ "border_gap_1_hole_2", 1, 1024, { { 510, 1 }, { 513, 1 } }, { { 510, 1 }, { 513, 1 } } },
	{ "border_gap_2_hole_2", 2, 1024, { { 510, 1 }, { 513, 1 } }, { { 510, 4 } } },
	{ "border_gap_2_hole_3", 2, 1024, { { 510, 1 }, { 514, 1 } }, { { 510, 1 }, { 514, 1 } } },
	{ "hole_1_gap_0", 0, 512, { { 3, 1 }, { 5, 2 } }, { { 3, 1 }, { 5, 2 } } },
	{ "hole_1_gap_1", 1, 512, { { 3, 1 }, { 5, 2 } }, { { 3, 4 } } },
	{ "hole_2_gap_1", 1, 512, { { 3, 1 }, { 6, 2 } }, { { 3, 1 }, { 6, 2 } } },
	{ "hole_2_gap_2", 2, 512, { { 3, 1 }, { 6, 2 } }, { { 3, 5 } } },
	{ "holes_merged_in_part", 1, 512, { { 0, 1 }, { 2, 1 }, { 5, 1 }, { 7, 1 } },
	  { { 0, 3 }, { 5, 3 } } },
	{ "gap_is_from_the_end", 2, 512, { { 0, 10 }, { 12, 1 }, { 15, 1 } }, { { 0, 16 } } },
	{ "over_a_clean_chunk", 1024, 1536, { { 0, 1 }, { 1025, 1 } }, { { 0, 1026 } } },
	{ "not_over_a_clean_chunk", 1023, 1536, { { 0, 1 }, { 1025, 1 } },
	  { { 0, 1 }, { 1025, 1 } } },
	{ "gap_without_end", ULONG_MAX, 1536, { { 7, 1 }, { 1000, 1 }, { 1535, 1 } },
	  { { 7, 1529 } } },
	{ "64_gib_last_page", 0, GIB(64), { { GIB(64) - 1, 1 } }, { { GIB(64) - 1, 1 } } },
	{ "64_gib_both_ends", 2, GIB(64), { { 0, 1 }, { GIB(64) - 1, 1 } },
	  { { 0, 1 }, { GIB(64) - 1, 1 } } },
	{ "64_gib_over_4_gib", 0, GIB(64), { { GIB(4) - 2, 4 } }, { { GIB(4) - 2, 4 } } },
	{ "64_gib_gap_at_4_gib", 1, GIB(64), { { GIB(4) - 1, 1 }, { GIB(4) + 1, 1 } },
	  { { GIB(4) - 1, 3 } } },
	{ "64_gib_all", 0, GIB(64), { { 0, GIB(64) } }, { { 0, GIB(64) } } },
	{ "64_gib_all_but_one", 0, GIB(64), { { 0, GIB(32) }, { GIB(32) + 1, GIB(32) - 1 } },
	  { { 0, GIB(32) }, { GIB(32) + 1, GIB(32) - 1 } } },
};

static void runs_desc(const struct runs_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(runs, runs_cases, runs_desc);

#define MAX_RUNS 1024

struct run_list {
	struct kunit *test;
	unsigned int count;
	struct page_range runs[MAX_RUNS];
};

static void run_list_add(void *arg, pgoff_t first, pgoff_t count)
{
	struct run_list *list = arg;

	KUNIT_ASSERT_LT(list->test, list->count, MAX_RUNS);
	list->runs[list->count++] = (struct page_range) { first, count };
}

static struct run_list *run_list_alloc(struct kunit *test)
{
	struct run_list *list = kunit_kzalloc(test, sizeof(*list), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, list);
	list->test = test;
	return list;
}

static void expect_runs(struct kunit *test, const struct drm_placed_runs *runs,
			const struct run_list *list, const struct page_range *want,
			unsigned int count)
{
	u64 pages = 0;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, list->count, count);
	for (i = 0; i < count; i++) {
		KUNIT_ASSERT_EQ(test, list->runs[i].first, want[i].first);
		KUNIT_ASSERT_EQ(test, list->runs[i].count, want[i].count);
		pages += want[i].count;
	}
	KUNIT_ASSERT_EQ(test, runs->runs, count);
	KUNIT_ASSERT_EQ(test, runs->pages, pages);
	KUNIT_ASSERT_EQ(test, runs->count, 0);
}

/* The part of a chunk's bitmap that a range covers. */
static void set_range(unsigned long *bitmap, pgoff_t base, unsigned int bits,
		      const struct page_range *range)
{
	pgoff_t first = max(range->first, base);
	pgoff_t end = min(range->first + range->count, base + bits);

	if (first < end)
		bitmap_set(bitmap, first - base, end - first);
}

static void drm_placed_runs_tables(struct kunit *test)
{
	const struct runs_case *c = test->param_value;
	struct run_list *list = run_list_alloc(test);
	struct drm_placed_runs runs = { .gap = c->gap, .emit = run_list_add, .arg = list };
	unsigned int i, want = 0;
	pgoff_t base;

	while (want < ARRAY_SIZE(c->runs) && c->runs[want].count)
		want++;

	/* As ranges. */
	for (i = 0; i < ARRAY_SIZE(c->written) && c->written[i].count; i++)
		drm_placed_runs_add(&runs, c->written[i].first, c->written[i].count);
	drm_placed_runs_end(&runs);
	expect_runs(test, &runs, list, c->runs, want);

	/* Chunk by chunk, with bits behind the last page that mean nothing. */
	list->count = 0;
	runs.runs = 0;
	runs.pages = 0;
	for (base = 0; base < c->pages; base += CHUNK_PAGES) {
		unsigned int bits = min_t(pgoff_t, CHUNK_PAGES, c->pages - base);
		DECLARE_BITMAP(bitmap, CHUNK_PAGES) = {};

		for (i = 0; i < ARRAY_SIZE(c->written) && c->written[i].count; i++)
			set_range(bitmap, base, bits, &c->written[i]);
		bitmap_set(bitmap, bits, CHUNK_PAGES - bits);
		drm_placed_runs_add_bitmap(&runs, base, bitmap, bits);
	}
	drm_placed_runs_end(&runs);
	expect_runs(test, &runs, list, c->runs, want);
}

/* To end twice emits once, and what is added next is a run of its own. */
static void drm_placed_runs_again(struct kunit *test)
{
	static const struct page_range want[] = { { 5, 1 }, { 6, 1 } };
	struct run_list *list = run_list_alloc(test);
	struct drm_placed_runs runs = { .gap = 2, .emit = run_list_add, .arg = list };

	drm_placed_runs_end(&runs);
	drm_placed_runs_add(&runs, 5, 1);
	KUNIT_EXPECT_EQ(test, list->count, 0);
	drm_placed_runs_end(&runs);
	drm_placed_runs_end(&runs);
	drm_placed_runs_add(&runs, 6, 1);
	drm_placed_runs_add_bitmap(&runs, 7, NULL, 0);
	drm_placed_runs_end(&runs);
	expect_runs(test, &runs, list, want, ARRAY_SIZE(want));
}

/* One page more. */
static void naive_add(struct run_list *list, pgoff_t gap, pgoff_t page)
{
	if (list->count) {
		struct page_range *last = &list->runs[list->count - 1];

		if (page - (last->first + last->count) <= gap) {
			last->count = page + 1 - last->first;
			return;
		}
	}
	run_list_add(list, page, 1);
}

#define RANDOM_WORDS	8

/* A word as collections see them: often clean, often written whole. */
static unsigned long random_word(struct rnd_state *rnd)
{
	unsigned long word = (unsigned long)prandom_u32_state(rnd) << 16 << 16 |
			     prandom_u32_state(rnd);
	u32 shift = prandom_u32_state(rnd) % BITS_PER_LONG;

	switch (prandom_u32_state(rnd) % 8) {
	case 0:
		return 0;
	case 1:
		return ~0UL;
	case 2:
		return ~0UL << shift;
	case 3:
		return ~0UL >> shift;
	case 4:
		return 1UL << shift;
	case 5:
		return ~(1UL << shift);
	case 6:
		return word & word << 7 & word >> 9;
	default:
		return word;
	}
}

/* Chunks of any size, one after the other, and a look at every page. */
static void drm_placed_runs_random(struct kunit *test)
{
	struct run_list *list = run_list_alloc(test);
	struct run_list *want = run_list_alloc(test);
	struct rnd_state rnd;
	unsigned long *buffer;
	unsigned int round;

	buffer = kunit_kzalloc(test, RANDOM_WORDS * sizeof(*buffer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buffer);
	prandom_seed_state(&rnd, 4711);

	for (round = 0; round < 10000; round++) {
		struct drm_placed_runs runs = { .emit = run_list_add, .arg = list };
		pgoff_t base = (pgoff_t)prandom_u32_state(&rnd) * CHUNK_PAGES;
		unsigned int chunks = 1 + prandom_u32_state(&rnd) % 3;

		runs.gap = prandom_u32_state(&rnd) % (round % 4 ? 3 : 80);
		list->count = 0;
		want->count = 0;

		while (chunks--) {
			unsigned int bits = 1 + prandom_u32_state(&rnd) %
					    (RANDOM_WORDS * BITS_PER_LONG);
			/* At the end of the buffer: KASAN sees what reads too much. */
			unsigned long *bitmap = buffer + RANDOM_WORDS - BITS_TO_LONGS(bits);
			unsigned int i;

			for (i = 0; i < BITS_TO_LONGS(bits); i++)
				bitmap[i] = random_word(&rnd);
			drm_placed_runs_add_bitmap(&runs, base, bitmap, bits);

			for (i = 0; i < bits; i++) {
				if (test_bit(i, bitmap))
					naive_add(want, runs.gap, base + i);
			}

			/* The next one follows, or leaves out clean ones. */
			base += bits;
			if (prandom_u32_state(&rnd) % 2)
				base += prandom_u32_state(&rnd) % 4;
		}

		drm_placed_runs_end(&runs);
		expect_runs(test, &runs, list, want->runs, want->count);
		cond_resched();
	}
}

static struct kunit_case drm_placed_runs_tests[] = {
	KUNIT_CASE_PARAM(drm_placed_runs_tables, runs_gen_params),
	KUNIT_CASE(drm_placed_runs_again),
	KUNIT_CASE(drm_placed_runs_random),
	{}
};

static struct kunit_suite drm_placed_runs_suite = {
	.name = "drm_placed_runs",
	.test_cases = drm_placed_runs_tests,
};

kunit_test_suites(&drm_placed_policy_suite, &drm_placed_runs_suite);

MODULE_DESCRIPTION("KUnit tests of the policy of the dirty tracker and of run merging");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("Dual MIT/GPL");
