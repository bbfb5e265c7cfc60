// SPDX-License-Identifier: MIT

/**
 * TEST: placed pages errors
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MAP_PAGES
 * Description: Each error that a call deserves, and that it has changed nothing then.
 */

#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Refuses pages, addresses and arrays, and changes nothing.");

/* Some chunks and a part of one. */
#define PAGES (2 * PAGES_2M + 37)
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

#define MAX DRM_GEM_MAP_PAGES_MAX

/* A call that has to fail. That it has changed nothing is checked by who calls. */
static void must_refuse(int fd, struct drm_gem_map_pages args, int error)
{
	int ret = map_pages(fd, args);

	igt_assert_f(ret == -error, "addr %llx, addrs %llx, pages %llx, count %llu, flags %x: "
		     "expected %s (%d), got %s (%d)\n", (unsigned long long)args.addr,
		     (unsigned long long)args.addrs, (unsigned long long)args.pages,
		     (unsigned long long)args.count, args.flags, strerror(error), error,
		     ret ? strerror(-ret) : "success", -ret);
}

/**
 * SUBTEST: arguments
 * Description: Each errno that the struct alone deserves; nothing changes.
 */
static void arguments(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	uint64_t *pages = page_list(&o, 7, 1, PAGES), addrs[] = { place_addr(&w, 0) };
	const struct drm_gem_map_pages good = {
		.addr = placed_addr(w.at), .pages = placed_addr(pages), .count = PAGES,
	};
	static const uint64_t too_many[] = {
		MAX + 1, 1ull << 32, (1ull << 32) + 1, 1ull << 52, 1ull << 61, (1ull << 61) + 1,
		1ull << 63, ~0ull,
	}, nowhere[] = {
		0, 1ull << 47, 1ull << 63, -PLACED_PAGE, -2 * PLACED_PAGE,
	};
	struct drm_gem_map_pages args;

	for (int full = 0; full < 2; full++) {
		for (int bit = 0; bit < 32; bit++) {
			args = good;
			args.flags = 1u << bit;
			must_refuse(fd, args, EINVAL);
		}
		args = good;
		args.pad = 1;
		must_refuse(fd, args, EINVAL);
		args = good;
		args.count = 0;
		must_refuse(fd, args, EINVAL);
		args.pages = 0;
		must_refuse(fd, args, EINVAL);
		args = good;
		args.addrs = placed_addr(addrs);
		args.count = 1;
		must_refuse(fd, args, EINVAL);
		args = good;
		args.addr += 8;
		must_refuse(fd, args, EINVAL);
		for (int i = 0; i < 8; i++) {
			args = good;
			args.count = too_many[i];
			must_refuse(fd, args, E2BIG);
			/* The arrays need not even be there. */
			args.pages = -PLACED_PAGE;
			must_refuse(fd, args, E2BIG);
			args.addr = 0;
			args.addrs = -PLACED_PAGE;
			must_refuse(fd, args, E2BIG);
		}
		/* Up to the last place, and beyond. */
		args = good;
		args.pages = 0;
		args.count = PAGES + 1;
		must_refuse(fd, args, ENOENT);
		args.count = MAX;
		must_refuse(fd, args, ENOENT);
		for (int i = 0; i < 5; i++) {
			args = good;
			args.addr = nowhere[i];
			must_refuse(fd, args, ENOENT);
			args.pages = 0;
			must_refuse(fd, args, ENOENT);
			args.count = 1;
			must_refuse(fd, args, ENOENT);
			/* With the low bits of what would be right. */
			args.addr = good.addr + nowhere[i];
			if (nowhere[i] && args.addr > good.addr)
				must_refuse(fd, args, ENOENT);
		}
		args = good;
		args.count = 1;
		args.addr = good.addr + (1ull << 32);
		if (sizeof(void *) < 8)
			must_refuse(fd, args, ENOENT);
		check_window(&w);
		fill_window(&w, 2);
		check_window(&w);
	}
	free(pages);
	end_window(&w);
	destroy_object(&o);
}

enum { BAD_PAGE, BAD_ADDR, BAD_PLACE, BAD_TWICE };

/* What one entry of a call may have. */
struct bad {
	int what;
	uint64_t value;
	int error;
};

/* With one bad entry among others. */
static void refuse_bad(const struct window *w, const struct bad *bad, uint64_t count, uint64_t at)
{
	uint64_t *pages = page_list(w->o, 9, 5, count), *addrs = malloc(count * sizeof(*addrs));
	struct drm_gem_map_pages args = { .pages = placed_addr(pages), .count = count };

	igt_assert(addrs);
	pages[count / 3] = NONE;
	for (uint64_t i = 0; i < count; i++)
		addrs[i] = place_addr(w, w->pages - 1 - i);
	if (bad->what == BAD_PAGE)
		pages[at] = bad->value;
	else if (bad->what == BAD_ADDR)
		addrs[at] = bad->value;
	else if (bad->what == BAD_PLACE)
		addrs[at] += bad->value;
	else
		addrs[at] = addrs[at ? at - 1 : count - 1];

	args.addrs = placed_addr(addrs);
	must_refuse(w->o->fd, args, bad->error);
	if (bad->what != BAD_PAGE) {
		args.pages = 0;
		must_refuse(w->o->fd, args, bad->error);
	} else {
		args.addrs = 0;
		args.addr = placed_addr(w->at);
		must_refuse(w->o->fd, args, bad->error);
	}
	free(pages);
	free(addrs);
	check_window(w);
}

/**
 * SUBTEST: all-or-nothing
 * Description: One bad entry, first, last or in the middle: a page that there is not, an address that
 *	is not in a window, misaligned, or there twice. Nothing changes.
 */
static void all_or_nothing(int fd, const struct kind *kind)
{
	static const uint64_t counts[] = { 1, 2, 60 };
	struct object o = make_numbered(fd, kind, PAGES);
	/* With nothing around. */
	uint8_t *region = reserve(2 * PAGES), *map = map_all(&o);
	struct window w = make_window_at(&o, page_at(region, 50), 60);
	struct window large = make_window_at(&o, page_at(region, 500), PAGES);
	uint8_t *anon = mmap(NULL, PLACED_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct bad bads[] = {
		{ BAD_PAGE, PAGES, EINVAL }, { BAD_PAGE, PAGES + 1, EINVAL },
		{ BAD_PAGE, 1ull << 31, EINVAL }, { BAD_PAGE, 1ull << 32, EINVAL },
		{ BAD_PAGE, (1ull << 32) + 1, EINVAL }, { BAD_PAGE, 1ull << 52, EINVAL },
		{ BAD_PAGE, (1ull << 52) + 1, EINVAL }, { BAD_PAGE, 1ull << 63, EINVAL },
		{ BAD_PAGE, NONE - 1, EINVAL }, { BAD_PAGE, 0xffffffff, EINVAL },
		{ BAD_PLACE, 1, EINVAL }, { BAD_PLACE, 8, EINVAL },
		{ BAD_PLACE, PLACED_PAGE - 1, EINVAL },
		{ BAD_TWICE, 0, EINVAL },
		{ BAD_ADDR, 0, ENOENT },
		{ BAD_ADDR, placed_addr(region), ENOENT },
		{ BAD_ADDR, placed_addr(w.at) - PLACED_PAGE, ENOENT },
		{ BAD_ADDR, placed_addr(w.at) + 60 * PLACED_PAGE, ENOENT },
		{ BAD_ADDR, placed_addr(anon), ENOENT },
		{ BAD_ADDR, placed_addr(map), ENOENT },
		{ BAD_ADDR, placed_addr(map) + SIZE - PLACED_PAGE, ENOENT },
		{ BAD_ADDR, 1ull << 32, ENOENT },
		{ BAD_ADDR, 1ull << 63, ENOENT },
		{ BAD_ADDR, -PLACED_PAGE, ENOENT },
	};

	igt_assert(anon != MAP_FAILED);
	for (int full = 0; full < 2; full++) {
		for (int b = 0; b < (int)(sizeof(bads) / sizeof(bads[0])); b++) {
			for (int c = 0; c < 3; c++) {
				uint64_t count = counts[c];

				if (count < 2 && bads[b].what == BAD_TWICE)
					continue;
				refuse_bad(&w, &bads[b], count, 0);
				refuse_bad(&w, &bads[b], count, count / 2);
				refuse_bad(&w, &bads[b], count, count - 1);
			}
			/* Behind many that are good. */
			if (b % 8 == 0 || bads[b].what == BAD_TWICE) {
				refuse_bad(&large, &bads[b], PAGES, PAGES - 1);
				refuse_bad(&large, &bads[b], PAGES, 600);
			}
		}
		fill_window(&w, 2);
		fill_window(&large, 3);
		check_window(&w);
		check_window(&large);
	}
	check_stored(map, 0, PAGES, SEED);
	placed_unmap(anon, PLACED_PAGE);
	placed_unmap(map, SIZE);
	end_window(&w);
	end_window(&large);
	placed_unmap(region, 2 * PAGES * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: twice
 * Description: The same address twice in a call, however far apart: EINVAL. The same page is not.
 */
static void twice(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES), other = make_window(&o, 10);
	static const struct { int first, second; } pairs[] = {
		{ 0, 1 }, { 0, 1060 }, { 1059, 1060 }, { 5, 700 }, { 511, 512 }, { 63, 64 },
	};
	unsigned int seed = 5;
	uint64_t addrs[PAGES], *pages = page_list(&o, 3, 7, PAGES);

	for (int shuffle = 0; shuffle < 2; shuffle++)
		for (int i = 0; i < 6; i++) {
			uint64_t *places = shuffled(PAGES, &seed);

			for (uint64_t j = 0; j < PAGES; j++)
				addrs[j] = place_addr(&w, shuffle ? places[j] : j);
			free(places);
			addrs[pairs[i].second] = addrs[pairs[i].first];
			must_refuse(fd, (struct drm_gem_map_pages) {
				.addrs = placed_addr(addrs), .pages = placed_addr(pages),
				.count = PAGES,
			}, EINVAL);
			must_refuse(fd, (struct drm_gem_map_pages) {
				.addrs = placed_addr(addrs), .count = PAGES,
			}, EINVAL);
			/* With the same page. */
			pages[pairs[i].second] = pages[pairs[i].first];
			must_refuse(fd, (struct drm_gem_map_pages) {
				.addrs = placed_addr(addrs), .pages = placed_addr(pages),
				.count = PAGES,
			}, EINVAL);
			check_window(&w);
			put_row(&w, 0, i, 3, PAGES);
		}

	/* With addresses of another window in between. */
	for (int i = 0; i < 10; i++)
		addrs[i] = i % 2 ? place_addr(&other, i) : place_addr(&w, i);
	addrs[9] = addrs[1];
	must_refuse(fd, (struct drm_gem_map_pages) {
		.addrs = placed_addr(addrs), .pages = placed_addr(pages), .count = 10,
	}, EINVAL);
	check_window(&w);
	check_window(&other);
	free(pages);
	end_window(&w);
	end_window(&other);
	destroy_object(&o);
}

/**
 * SUBTEST: arrays
 * Description: Arrays, and structs, that are not there, or end too early: EFAULT, and nothing
 *	changes; arrays anywhere else, also in a window that the call is about.
 */
static void arrays(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	uint8_t *end = mmap(NULL, 4 * PLACED_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *pages, *addrs, places[600];
	struct drm_gem_map_pages args = { .count = 600 }, *far;
	static const uint64_t nowhere[] = {
		8, 1ull << 32, 1ull << 47, 0xffff888000000000ull, -PLACED_PAGE, -8ull,
	};

	igt_assert(end != MAP_FAILED);
	end += 3 * PLACED_PAGE;
	placed_unmap(end, PLACED_PAGE);
	pages = page_list(&o, 5, 3, 600);
	addrs = malloc(600 * sizeof(*addrs));
	igt_assert(addrs);
	for (int i = 0; i < 600; i++) {
		places[i] = PAGES - 1 - i;
		addrs[i] = place_addr(&w, places[i]);
	}

	for (int full = 0; full < 2; full++) {
		for (int i = 0; i < 6; i++) {
			args.addr = 0;
			args.addrs = placed_addr(addrs);
			args.pages = nowhere[i];
			must_refuse(fd, args, EFAULT);
			args.addrs = nowhere[i];
			args.pages = placed_addr(pages);
			must_refuse(fd, args, EFAULT);
			args.pages = 0;
			must_refuse(fd, args, EFAULT);
			args.addr = placed_addr(w.at);
			args.addrs = 0;
			args.pages = nowhere[i];
			must_refuse(fd, args, EFAULT);
			/* Zero is not there, it is no array. */
			args.pages = placed_addr(pages) + (1ull << 32);
			if (sizeof(void *) < 8)
				must_refuse(fd, args, EFAULT);
		}
		/* The last byte is not there; and then it is. */
		for (int missing = 8; missing >= 0; missing--) {
			uint8_t *at = end - 600 * 8 + missing;

			memcpy(at, pages, 600 * 8 - missing);
			args.addr = placed_addr(w.at);
			args.addrs = 0;
			args.pages = placed_addr(at);
			if (missing)
				must_refuse(fd, args, EFAULT);
			else
				put(&w, 0, (uint64_t *)at, 600);
			check_window(&w);
			memcpy(at, addrs, 600 * 8 - missing);
			args.addr = 0;
			args.addrs = placed_addr(at);
			args.pages = placed_addr(pages);
			if (missing)
				must_refuse(fd, args, EFAULT);
			else
				scatter(&w, places, pages, 600);
			check_window(&w);
		}
		fill_window(&w, 3);
		check_window(&w);
	}

	/* Where nothing can be stored. */
	igt_assert_eq(mprotect(end - 2 * PLACED_PAGE, 2 * PLACED_PAGE, PROT_READ), 0);
	must_refuse(fd, (struct drm_gem_map_pages) {
		.addr = placed_addr(w.at), .pages = placed_addr(end - 8), .count = 2,
	}, EFAULT);
	put_one(&w, 3, 4);
	far = (struct drm_gem_map_pages *)(end - sizeof(*far));
	igt_assert_eq(mprotect(end - 2 * PLACED_PAGE, 2 * PLACED_PAGE, RW), 0);
	memcpy(end - 2 * PLACED_PAGE, pages, 8);
	*far = (struct drm_gem_map_pages) {
		.addr = placed_addr(w.at), .pages = placed_addr(end - 2 * PLACED_PAGE), .count = 1,
	};
	igt_assert_eq(mprotect(end - 2 * PLACED_PAGE, 2 * PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, far), 0);
	w.shows[0] = pages[0];
	check_window(&w);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, end - 8), -EFAULT);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, end), -EFAULT);

	/* In pages of the object, behind what numbers them: the call replaces them itself. */
	for (int round = 0; round < 3; round++) {
		uint64_t *list;

		put_row(&w, 0, 2, 1, 600);
		list = (uint64_t *)(page_at(w.at, 10) + 2048);
		memcpy(list, pages, 100 * 8);
		igt_assert_eq(try_put(&w, round * 5, list, 100), 0);
		memcpy(w.shows + round * 5, pages, 100 * 8);
		check_window(&w);
		put_none(&w, 10, 1);
		args.addr = placed_addr(w.at);
		args.addrs = 0;
		args.pages = placed_addr(list);
		args.count = 100;
		must_refuse(fd, args, EFAULT);
		check_window(&w);
	}
	free(pages);
	free(addrs);
	placed_unmap(end - 3 * PLACED_PAGE, 3 * PLACED_PAGE);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: no-duplicates
 * Description: A window cannot be mapped once more by DRM_GEM_MMAP_PLACED_FROM_ADDR.
 */
static void no_duplicates(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	struct drm_gem_mmap_placed args = {
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FROM_ADDR,
		.length = SIZE, .from_addr = placed_addr(w.at),
	};

	for (int full = 0; full < 2; full++) {
		args.length = SIZE;
		refuse_window(&o, args, EOPNOTSUPP);
		args.length = PLACED_PAGE;
		refuse_window(&o, args, EOPNOTSUPP);
		check_window(&w);
		fill_window(&w, 1);
	}
	end_window(&w);
	destroy_object(&o);
}

/* Limits */

/* Enough that no list of it fits in what is left. */
#define LIMITED (MAX / 4)

static int64_t servant_map_pages(uint64_t args, uint64_t fd, uint64_t unused)
{
	return map_pages(fd, *(struct drm_gem_map_pages *)placed_ptr(args));
}

/* Does the place of each so many show the page of its number, modulo the object's? */
static int64_t servant_look(uint64_t at, uint64_t many, uint64_t shown)
{
	catch_access();
	for (uint64_t place = 0; place < many; place += 1000) {
		uint64_t page = place % PAGES;
		int64_t value = caught_load(page_at(placed_ptr(at), place) + page % 1000 * 4);

		if (value != (shown ? (int64_t)page_value(page, SEED) : -SIGSEGV))
			return place + 1;
	}
	return 0;
}

/**
 * SUBTEST: memory-max
 * Description: Over memory.max a call is ENOMEM and changes nothing; nobody is killed for it.
 */
static void memory_max(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	uint8_t *at = placed_must_map(fd, window_args(&o, LIMITED));
	uint64_t *list = page_list(&o, 0, 1, LIMITED), many = LIMITED;
	struct drm_gem_map_pages one = {
		.addr = placed_addr(at), .pages = placed_addr(list), .count = 1,
	}, all = one, none = one;
	struct memcg cg = memcg_make();
	struct servant *servant;
	uint64_t free_now;

	all.count = none.count = many;
	none.pages = 0;
	servant = servant_start();
	memcg_put(&cg, servant->pid);
	/* So that what a call needs for itself is there. */
	igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&one), fd, 0), 0);
	igt_assert_eq(servant_do(servant, servant_look, placed_addr(at), 1, true), 0);

	for (int round = 0; round < 3; round++) {
		free_now = memcg_current(&cg);
		memcg_limit(&cg, free_now + 256 * 1024);
		igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&all), fd, 0),
			      -ENOMEM);
		memcg_limit(&cg, ~0ull);
		igt_assert_eq_u64(memcg_events(&cg, "oom_kill"), 0);
		igt_assert_eq(servant_do(servant, servant_look, placed_addr(at), 1, true), 0);
		igt_assert_eq(servant_do(servant, servant_look, placed_addr(at) + PLACED_PAGE,
					 many - 1, false), 0);
		/* And then it works. */
		igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&all), fd, 0), 0);
		igt_assert_eq(servant_do(servant, servant_look, placed_addr(at), many, true), 0);
		igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&none), fd, 0), 0);
		igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&one), fd, 0), 0);
	}
	servant_kill(servant);
	memcg_remove(&cg);
	free(list);
	placed_unmap(at, many * PLACED_PAGE);
	destroy_object(&o);
}

/* Addresses that have nothing in common. */
#define FAR 500

/* Do all FAR places, one for each 2 MiB, show this page? */
static int64_t servant_far(uint64_t at, uint64_t page, uint64_t unused)
{
	catch_access();
	for (uint64_t i = 0; i < FAR; i++)
		if (caught_load(page_at(placed_ptr(at), i * PAGES_2M) + page % 1000 * 4) !=
		    page_value(page, SEED))
			return false;
	return true;
}

/**
 * SUBTEST: memory-max-fork
 * Description: The same for the first change of a window that was forked, which takes a copy of what
 *	parent and child share: with any limit it is ENOMEM and changes nothing, or does all.
 */
static void memory_max_fork(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	uint64_t *addrs = malloc(FAR * sizeof(*addrs));
	uint64_t *before = page_list(&o, 3, 0, FAR), *after = page_list(&o, 4, 0, FAR);
	uint8_t *at = placed_must_map(fd, window_args(&o, FAR * PAGES_2M));
	struct drm_gem_map_pages args = {
		.addrs = placed_addr(addrs), .pages = placed_addr(before), .count = FAR,
	}, again = args;
	struct memcg cg = memcg_make();
	int refused = 0, done = 0;

	igt_assert(addrs);
	for (uint64_t i = 0; i < FAR; i++)
		addrs[i] = placed_addr(at) + i * PLACED_2M;
	igt_assert_eq(map_pages(fd, args), 0);
	args.pages = placed_addr(after);
	/* Page tables are charged, too, and Linux kills for these: they are to be there. */
	igt_assert(servant_far(placed_addr(at), 3, 0));
	for (uint64_t more = 64 * 1024; more <= 64 * MIB; more *= 4) {
		struct servant *servant = servant_start();
		int ret;

		memcg_put(&cg, servant->pid);
		igt_assert(servant_do(servant, servant_far, placed_addr(at), 3, 0));
		memcg_limit(&cg, memcg_current(&cg) + more);
		ret = servant_do(servant, servant_map_pages, placed_addr(&args), fd, 0);
		igt_assert(!ret || ret == -ENOMEM);
		memcg_limit(&cg, ~0ull);
		igt_assert_eq_u64(memcg_events(&cg, "oom_kill"), 0);
		igt_assert(servant_do(servant, servant_far, placed_addr(at), ret ? 3 : 4, 0));
		igt_assert(servant_far(placed_addr(at), 3, 0));
		igt_assert_eq(servant_do(servant, servant_map_pages, placed_addr(&args), fd, 0), 0);
		igt_assert(servant_do(servant, servant_far, placed_addr(at), 4, 0));
		servant_kill(servant);
		refused += !!ret;
		done += !ret;
	}
	igt_assert(refused && done);
	igt_assert_eq(map_pages(fd, again), 0);
	memcg_remove(&cg);
	free(addrs);
	free(before);
	free(after);
	placed_unmap(at, FAR * PLACED_2M);
	destroy_object(&o);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "arguments", "Errors of the struct", arguments, 0, KIND_NO_WINDOWS },
		{ "all-or-nothing", "Errors of one entry", all_or_nothing, 0, KIND_NO_WINDOWS },
		{ "twice", "An address twice", twice, 0, KIND_NO_WINDOWS },
		{ "arrays", "Arrays that are not there", arrays, 0, KIND_NO_WINDOWS },
		{ "no-duplicates", "DRM_GEM_MMAP_PLACED_FROM_ADDR", no_duplicates, 0, KIND_NO_WINDOWS },
		{ "memory-max", "memory.max of a cgroup", memory_max, 0, KIND_NO_WINDOWS },
		{ "memory-max-fork", "The same for a window that was forked", memory_max_fork, 0,
		  KIND_NO_WINDOWS },
	};

	KIND_RUN_TESTS(tests);
}
