// SPDX-License-Identifier: MIT

/**
 * TEST: placed awe random
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MAP_PAGES, DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_SPARSE
 * Description: Random calls of the AWE library, good and bad, against a model of pages and
 *	addresses.
 */

#include "placed_awe_kinds.h"

IGT_TEST_DESCRIPTION("Compares what calls answer, and what addresses show, with a model.");

#define PAGES 600
#define WINDOWS 4
#define WINDOW_MOST 200

/* So often everything is looked at. */
#define EPOCH 1000

/* PLACED_OPERATIONS in the environment is for kernels that check every step. */
static int operations = 100000;
/* PLACED_SEED repeats a run. */
static unsigned int first_seed = 20;

struct page {
	bool allocated;
	uintptr_t frame;
	/* What its first word is. */
	uint32_t value;
	/* Where it is mapped: a window, and an address in it; -1 for nowhere. */
	int window, at;
};

struct window {
	uint8_t *start;
	int pages;
	/* A page, or -1. */
	int shows[WINDOW_MOST];
};

struct model {
	/* A second handle allocates and frees, too. */
	struct placed_awe *awe, *broker;
	struct page page[PAGES];
	struct window window[WINDOWS];
	int allocated, step;
	/* Freed by the broker while mapped: still shown, and in need of memory. */
	int leaving;
	unsigned int seed;
	const char *kind;
	long done[8], refused;
};

static struct model m;

static unsigned int dice(unsigned int sides)
{
	return rand_r(&m.seed) / 7 % sides;
}

#define assert_model(expr, format, ...) \
	igt_assert_f(expr, "seed %u, step %d, %s: " format "\n", first_seed, m.step, m.kind, \
		     ##__VA_ARGS__)

static int number_of(uintptr_t frame)
{
	return frame & ((1u << 22) - 1);
}

static uint8_t *address(int window, int at)
{
	return page_at(m.window[window].start, at);
}

/* What is known of pages and addresses */

static void show_nothing(int window, int at)
{
	int page = m.window[window].shows[at];

	if (page >= 0)
		m.page[page].window = -1;
	m.window[window].shows[at] = -1;
}

/* A page that was freed by the broker is gone with the next call of the mapper's. */
#define LEAVING 10000

static void served(void)
{
	for (int w = 0; w < WINDOWS && m.leaving; w++)
		for (int i = 0; i < m.window[w].pages; i++)
			if (m.window[w].shows[i] >= LEAVING) {
				m.window[w].shows[i] = -1;
				m.leaving--;
			}
}

static void check_address(int window, int at)
{
	int page = m.window[window].shows[at];
	int64_t seen = awe_peek(address(window, at));

	if (page >= LEAVING)
		return;
	if (page < 0)
		assert_model(seen == -SIGSEGV, "address %d of window %d shows %lld, and no page is there",
			     at, window, (long long)seen);
	else
		assert_model(seen == m.page[page].value,
			     "address %d of window %d shows %lld, and not page %d with %u", at,
			     window, (long long)seen, page, m.page[page].value);
}

static void check_all(void)
{
	struct placed_awe_info info;
	int mapped = 0;

	placed_awe_get_info(m.awe, &info);
	served();
	for (int w = 0; w < WINDOWS; w++)
		for (int i = 0; i < m.window[w].pages; i++) {
			check_address(w, i);
			mapped += m.window[w].shows[i] >= 0;
		}
	assert_model(info.allocated == (uint64_t)m.allocated, "%llu pages are allocated, and not %d",
		     (unsigned long long)info.allocated, m.allocated);
	assert_model(info.mapped == (uint64_t)mapped, "%llu pages are mapped, and not %d",
		     (unsigned long long)info.mapped, mapped);
	assert_model(awe_present(m.awe) == (uint64_t)m.allocated, "memory for %llu pages, and not %d",
		     (unsigned long long)awe_present(m.awe), m.allocated);
}

/* Windows */

static void reserve_window(int w)
{
	int pages = 1 + dice(WINDOW_MOST);
	uint8_t *start = placed_awe_reserve(m.awe, NULL, pages * PLACED_PAGE, 0, 0,
					    dice(2) ? PLACED_AWE_TOPDOWN : 0);

	assert_model(start != MAP_FAILED, "no window: %s", strerror(errno));
	served();
	m.window[w].start = start;
	m.window[w].pages = pages;
	for (int i = 0; i < pages; i++)
		m.window[w].shows[i] = -1;
}

static void release_window(int w)
{
	assert_model(placed_awe_release(m.awe, m.window[w].start), "release: %s", strerror(errno));
	served();
	for (int i = 0; i < m.window[w].pages; i++)
		show_nothing(w, i);
}

/* Allocate and free */

static void allocate(void)
{
	uintptr_t want = 1 + dice(dice(8) ? 20 : PAGES), got = want, frames[PAGES];
	uintptr_t free_pages = PAGES - m.allocated - m.leaving;
	bool by_broker = dice(2);
	bool worked;

	if (!by_broker) {
		served();
		free_pages = PAGES - m.allocated;
	}
	worked = placed_awe_allocate(by_broker ? m.broker : m.awe, &got, frames);
	assert_model(worked == !!free_pages, "allocate has %s, with %lu free pages: %s",
		     worked ? "worked" : "failed", (unsigned long)free_pages, strerror(errno));
	if (!worked)
		return;
	assert_model(got == (want < free_pages ? want : free_pages), "allocated %lu of %lu",
		     (unsigned long)got, (unsigned long)want);
	for (uintptr_t i = 0; i < got; i++) {
		int page = number_of(frames[i]);

		assert_model(page < PAGES && !m.page[page].allocated, "page %d twice", page);
		m.page[page] = (struct page) { .allocated = true, .frame = frames[i], .window = -1 };
	}
	m.allocated += got;
}

static void free_pages(void)
{
	uintptr_t count = 1 + dice(dice(8) ? 20 : 200), freed = count, frames[200];
	bool by_broker = dice(2), good = true, named[PAGES] = {};

	for (uintptr_t i = 0; i < count; i++) {
		int page = dice(PAGES);

		/* Mostly right. */
		for (int tries = 0; tries < 100 && dice(500) &&
		     (!m.page[page].allocated || named[page]); tries++)
			page = dice(PAGES);
		good &= m.page[page].allocated && !named[page];
		named[page] = true;
		/* The number of one that was never allocated is not known. */
		frames[i] = m.page[page].frame;
		good &= !!frames[i];
	}
	if (!by_broker)
		served();
	if (!placed_awe_free(by_broker ? m.broker : m.awe, &freed, frames)) {
		assert_model(!good && errno == EINVAL && !freed, "free failed: %s", strerror(errno));
		m.refused++;
		return;
	}
	assert_model(good, "free has worked");
	m.allocated -= count;
	for (int page = 0; page < PAGES; page++) {
		struct page *p = &m.page[page];

		if (!named[page])
			continue;
		p->allocated = false;
		if (p->window < 0)
			continue;
		m.window[p->window].shows[p->at] = by_broker ? LEAVING + page : -1;
		m.leaving += by_broker;
		p->window = -1;
	}
}

/* Map */

struct plan {
	int count, window[WINDOW_MOST], at[WINDOW_MOST], page[WINDOW_MOST];
	uintptr_t frames[WINDOW_MOST];
	bool good;
};

/* By the rules, as they are documented: may this call succeed? */
static bool is_allowed(const struct plan *p)
{
	static uint8_t page_named[PAGES], named[WINDOWS][WINDOW_MOST];

	memset(page_named, 0, sizeof(page_named));
	memset(named, 0, sizeof(named));
	for (int i = 0; i < p->count; i++)
		if (named[p->window[i]][p->at[i]]++)
			return false;
	for (int i = 0; i < p->count; i++) {
		struct page *page;

		if (p->page[i] < 0)
			continue;
		page = &m.page[p->page[i]];
		if (!page->allocated || page_named[p->page[i]]++)
			return false;
		if (page->window >= 0 && !named[page->window][page->at])
			return false;
	}
	return true;
}

/* A page that may be mapped there, most of the time. */
static int choose_page(const struct plan *p, int i)
{
	int page = dice(PAGES);

	for (int tries = 0; tries < 50 && dice(300); tries++) {
		bool named = false;

		for (int j = 0; j < i && !named; j++)
			named = p->page[j] == page;
		if (m.page[page].allocated && m.page[page].window < 0 && !named)
			return page;
		page = dice(PAGES);
	}
	return page;
}

static void carry_out(const struct plan *p)
{
	for (int i = 0; i < p->count; i++)
		show_nothing(p->window[i], p->at[i]);
	for (int i = 0; i < p->count; i++) {
		if (p->page[i] < 0)
			continue;
		m.page[p->page[i]].window = p->window[i];
		m.page[p->page[i]].at = p->at[i];
		m.window[p->window[i]].shows[p->at[i]] = p->page[i];
	}
	/* Every page has something of its own as soon as it can. */
	for (int i = 0; i < p->count; i++) {
		check_address(p->window[i], p->at[i]);
		if (p->page[i] < 0 || dice(2))
			continue;
		m.page[p->page[i]].value = 1 + dice(1 << 20);
		awe_set(address(p->window[i], p->at[i]), m.page[p->page[i]].value);
	}
}

static void finish(const struct plan *p, bool worked)
{
	bool good = is_allowed(p);

	assert_model(worked == good, "a call that should %s has %s: %s", good ? "work" : "fail",
		     worked ? "worked" : "failed", strerror(errno));
	if (worked) {
		carry_out(p);
		return;
	}
	assert_model(errno == EINVAL, "%s", strerror(errno));
	m.refused++;
	for (int i = 0; i < p->count; i++)
		check_address(p->window[i], p->at[i]);
}

static void map(void)
{
	int w = dice(WINDOWS), first = dice(m.window[w].pages);
	bool nothing = !dice(5);
	struct plan p = {};
	int run = dice(PAGES);

	served();
	p.count = 1 + dice(m.window[w].pages - first);
	if (dice(4) && p.count > 20)
		p.count = 20;
	for (int i = 0; i < p.count; i++) {
		p.window[i] = w;
		p.at[i] = first + i;
		/* Sometimes pages in a row, and sometimes what is there, in another order. */
		p.page[i] = nothing ? -1 : choose_page(&p, i);
		if (!nothing && run % 4 == 0 && run + i < PAGES)
			p.page[i] = run + i;
		if (!nothing && run % 4 == 1)
			p.page[i] = m.window[w].shows[first + p.count - 1 - i];
		if (!nothing && p.page[i] < 0)
			p.page[i] = choose_page(&p, i);
		p.frames[i] = nothing ? 0 : m.page[p.page[i]].frame;
		/* Never allocated: a number that is none. */
		if (!nothing && !p.frames[i])
			p.frames[i] = UINTPTR_MAX;
	}
	finish(&p, placed_awe_map(m.awe, address(w, first), p.count, nothing ? NULL : p.frames));
}

static void scatter(void)
{
	bool nothing = !dice(8);
	void *addresses[40];
	struct plan p = {};

	served();
	p.count = 1 + dice(40);
	for (int i = 0; i < p.count; i++) {
		bool again;

		do {
			p.window[i] = dice(WINDOWS);
			p.at[i] = dice(m.window[p.window[i]].pages);
			again = false;
			for (int j = 0; j < i; j++)
				again |= p.window[j] == p.window[i] && p.at[j] == p.at[i];
		} while (again && dice(300));
		addresses[i] = address(p.window[i], p.at[i]);
		p.page[i] = nothing || !dice(4) ? -1 : choose_page(&p, i);
		/* One that is named to go. */
		if (p.page[i] >= 0 && i && !dice(3)) {
			int j = dice(i), there = m.window[p.window[j]].shows[p.at[j]];

			if (there >= 0)
				p.page[i] = there;
		}
		p.frames[i] = p.page[i] < 0 ? 0 : m.page[p.page[i]].frame;
		if (p.page[i] >= 0 && !p.frames[i])
			p.frames[i] = UINTPTR_MAX;
	}
	finish(&p, placed_awe_map_scatter(m.awe, addresses, p.count, nothing ? NULL : p.frames));
}

/* What is wrong in itself. */
static void nonsense(void)
{
	int w = dice(WINDOWS), at = dice(m.window[w].pages), error = EINVAL;
	uintptr_t count = 1, frame = 0;
	void *place = address(w, at);
	bool worked;

	/* A call that fails for its arguments does not get as far as that. */
	placed_awe_serve(m.awe, 0);
	served();
	for (int page = 0; page < PAGES && !frame; page++)
		if (m.page[page].allocated && m.page[page].window < 0)
			frame = m.page[page].frame;
	switch (dice(7)) {
	case 0:
		worked = placed_awe_map(m.awe, (uint8_t *)place + 1 + dice(4095), 1, &frame);
		break;
	case 1:
		worked = placed_awe_map(m.awe, place, 0, &frame);
		break;
	case 2:
		worked = placed_awe_map(m.awe, place, WINDOW_MOST + 1, NULL);
		error = EADDRNOTAVAIL;
		break;
	case 3:
		worked = placed_awe_map(m.awe, place, 1, placed_ptr(8));
		error = EFAULT;
		break;
	case 4:
		frame += 1ull << 22;
		worked = placed_awe_map_scatter(m.awe, &place, 1, &frame);
		break;
	case 5:
		place = placed_ptr(PLACED_PAGE);
		worked = placed_awe_map_scatter(m.awe, &place, 1, &frame);
		error = EADDRNOTAVAIL;
		break;
	default:
		worked = placed_awe_free(m.awe, &count, placed_ptr(16));
		error = EFAULT;
		break;
	}
	assert_model(!worked && errno == error, "nonsense has %s: %s",
		     worked ? "worked" : "failed", strerror(errno));
	m.refused++;
	check_address(w, at);
}

static void step(void)
{
	int what = dice(20), kind;

	switch (what) {
	case 0 ... 2:
		allocate();
		kind = 0;
		break;
	case 3 ... 5:
		free_pages();
		kind = 1;
		break;
	case 6 ... 11:
		map();
		kind = 2;
		break;
	case 12 ... 17:
		scatter();
		kind = 3;
		break;
	case 18:
		nonsense();
		kind = 4;
		break;
	default:
		kind = dice(WINDOWS);
		if (!dice(5)) {
			release_window(kind);
			reserve_window(kind);
		}
		for (int i = 0; i < m.window[kind].pages; i++)
			check_address(kind, i);
		kind = 5;
		break;
	}
	m.done[kind]++;
}

/**
 * SUBTEST: model
 * Description: Random sequences of all functions, by two handles, against a plain model.
 */
static void model(const struct awe_kind *kind)
{
	m = (struct model) { .seed = first_seed, .kind = kind->name };
	igt_info("seed %u\n", first_seed);
	m.awe = awe_make(kind, PAGES);
	m.broker = awe_another(m.awe);
	for (int page = 0; page < PAGES; page++)
		m.page[page].window = -1;
	for (int w = 0; w < WINDOWS; w++)
		reserve_window(w);
	for (m.step = 0; m.step < operations; m.step++) {
		step();
		if (m.step % EPOCH == EPOCH - 1)
			check_all();
	}
	check_all();
	igt_info("%ld allocate, %ld free, %ld map, %ld scatter, %ld nonsense; %ld refused\n",
		 m.done[0], m.done[1], m.done[2], m.done[3], m.done[4], m.refused);
	placed_awe_close(m.broker);
	placed_awe_close(m.awe);
}

static const struct awe_test tests[] = {
	{ "model", "random calls against a model", model },
};

igt_main
{
	igt_fixture {
		if (getenv("PLACED_OPERATIONS"))
			operations = atoi(getenv("PLACED_OPERATIONS"));
		if (getenv("PLACED_SEED"))
			first_seed = strtoul(getenv("PLACED_SEED"), NULL, 0);
	}
	AWE_RUN_TESTS(tests);
}
