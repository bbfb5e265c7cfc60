// SPDX-License-Identifier: MIT

/**
 * TEST: placed awe
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MAP_PAGES, DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_SPARSE
 * Description: The library that gives Windows' AllocateUserPhysicalPages and its relatives: what
 *	their documentation promises, what it refuses, other processes, and processes that die or
 *	mean harm, on page windows of each driver and on a memfd.
 */

#include <pthread.h>

#include "placed_awe_kinds.h"

IGT_TEST_DESCRIPTION("Allocates, maps and frees pages by the AWE library.");

/* Allocate */

/**
 * SUBTEST: allocate
 * Description: Frame numbers are not zero, differ, and name their process; pages are zero. Fewer
 *	than were asked for are no failure, unless there are none.
 */
static void allocate(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, 200);
	uintptr_t frames[400], count = 150, others[10];
	struct placed_awe *awe;
	struct placed_awe_info info;
	uint8_t *window;

	options.owner = 77;
	awe = awe_make_with(&options);
	placed_awe_get_info(awe, &info);
	igt_assert_eq_u64(info.pages, 200);
	igt_assert_eq_u64(info.allocated, 0);
	igt_assert_eq_u64(awe_present(awe), 0);
	igt_assert_eq(info.owner, 77);

	window = awe_window(awe, 200);
	WORKS(placed_awe_allocate(awe, &count, frames));
	igt_assert_eq_u64(count, 150);
	awe_check_memory(awe, 150);
	WORKS(placed_awe_map(awe, window, count, frames));
	for (int i = 0; i < 150; i++) {
		igt_assert(frames[i]);
		igt_assert_eq_u64(frames[i] >> (sizeof(uintptr_t) > 4 ? 42 : 22), 77);
		check_zero(window, i, 1);
		/* If one was there twice, it would not be zero, or not be mapped. */
		awe_set(page_at(window, i), VALUE(i));
	}

	/* What is left, and then nothing. */
	count = 250;
	WORKS(placed_awe_allocate(awe, &count, frames + 150));
	igt_assert_eq_u64(count, 50);
	awe_check_memory(awe, 200);
	WORKS(placed_awe_map(awe, page_at(window, 150), count, frames + 150));
	check_zero(window, 150, 50);
	count = 10;
	others[0] = 5;
	FAILS(placed_awe_allocate(awe, &count, others), ENOMEM);
	igt_assert_eq_u64(count, 10);
	igt_assert_eq_u64(others[0], 5);

	/* What was freed is the next to be had, and zero again. */
	awe_put(awe, 5, frames + 20);
	awe_check_memory(awe, 195);
	WORKS(placed_awe_allocate(awe, &count, others));
	igt_assert_eq_u64(count, 5);
	WORKS(placed_awe_map(awe, page_at(window, 20), 5, others));
	check_zero(window, 20, 5);
	for (int i = 0; i < 150; i++)
		SHOWS(page_at(window, i), i >= 20 && i < 25 ? 0 : VALUE(i));
	placed_awe_close(awe);
}

/**
 * SUBTEST: owner
 * Description: The number of a process, however large, is in its frame numbers and not zero; and
 *	frame numbers for 32-bit programs fit there.
 */
static void owner(const struct awe_kind *kind)
{
	static const uint32_t owners[] = {
		1, 1022, 1023, 1024, 4194303, 4194304, 0x7fffffff, 0xffffffff, 0
	};
	uint32_t last = 0;

	for (int i = 0; i < 9; i++) {
		for (int narrow = 0; narrow < 2; narrow++) {
			struct placed_awe_options options = awe_options(kind, 5);
			bool is_narrow = narrow || sizeof(uintptr_t) == 4;
			uint32_t most = is_narrow ? 1023 : 4194303;
			struct placed_awe_info info;
			struct placed_awe *awe;
			uintptr_t frames[5];

			options.owner = owners[i];
			options.flags |= narrow ? PLACED_AWE_FRAMES_32 : 0;
			awe = awe_make_with(&options);
			placed_awe_get_info(awe, &info);
			igt_assert(info.owner && info.owner <= most);
			if (owners[i] && owners[i] <= most)
				igt_assert_eq_u32(info.owner, owners[i]);
			/* Those that are made up differ. */
			igt_assert(owners[i] || info.owner != last);
			last = owners[i] ? 0 : info.owner;
			awe_get(awe, 5, frames);
			for (int j = 0; j < 5; j++) {
				igt_assert(frames[j] && frames[j] != UINTPTR_MAX);
				igt_assert_eq_u64((uint64_t)frames[j] >> (is_narrow ? 22 : 42),
						  info.owner);
				igt_assert(!is_narrow || frames[j] <= 0xffffffff);
			}
			placed_awe_close(awe);
		}
	}

	/* 4 GiB can be had by a 32-bit program, and more. */
	igt_assert_lte_u64(1ull << 20, placed_awe_max_pages(32));
}

/* Map */

/**
 * SUBTEST: map
 * Description: Addresses show the pages they were told to, in any order, until they are told
 *	otherwise; what pages hold outlives that; what shows nothing is SIGSEGV.
 */
static void map(const struct awe_kind *kind)
{
	const int pages = 64;
	struct placed_awe *awe = awe_make(kind, pages);
	uint8_t *window = awe_window(awe, pages), *small;
	uintptr_t frames[64], order[64];

	for (int i = 0; i < pages; i++)
		SHOWS_NOTHING(page_at(window, i));
	awe_get(awe, pages, frames);
	WORKS(placed_awe_map(awe, window, pages, frames));
	for (int i = 0; i < pages; i++)
		awe_set(page_at(window, i), VALUE(i));

	/* The other way round, at once: each page is named, and so are all addresses. */
	for (int i = 0; i < pages; i++)
		order[i] = frames[pages - 1 - i];
	WORKS(placed_awe_map(awe, window, pages, order));
	for (int i = 0; i < pages; i++)
		SHOWS(page_at(window, i), VALUE(pages - 1 - i));

	/* Nothing. */
	WORKS(placed_awe_map(awe, page_at(window, 10), 20, NULL));
	for (int i = 0; i < pages; i++) {
		if (i >= 10 && i < 30)
			SHOWS_NOTHING(page_at(window, i));
		else
			SHOWS(page_at(window, i), VALUE(pages - 1 - i));
	}
	awe_check_memory(awe, pages);
	WORKS(placed_awe_map(awe, window, pages, NULL));
	WORKS(placed_awe_map(awe, window, pages, NULL));

	/* All of it passes through a window of four. */
	small = awe_window(awe, 4);
	for (int i = 0; i < pages; i += 4) {
		WORKS(placed_awe_map(awe, small, 4, frames + i));
		for (int j = 0; j < 4; j++)
			SHOWS(page_at(small, j), VALUE(i + j));
	}
	for (int i = 0; i < pages; i++)
		SHOWS_NOTHING(page_at(window, i));
	placed_awe_close(awe);
}

/**
 * SUBTEST: scatter
 * Description: Addresses in several windows by one call, with zeros for those that shall show
 *	nothing, and with no frame numbers at all.
 */
static void scatter(const struct awe_kind *kind)
{
	struct placed_awe *awe = awe_make(kind, 16);
	uint8_t *windows[3];
	uintptr_t frames[16], named[6];
	void *addresses[6];

	for (int i = 0; i < 3; i++)
		windows[i] = awe_window(awe, 4);
	awe_get(awe, 16, frames);
	for (int i = 0; i < 6; i++) {
		addresses[i] = page_at(windows[i % 3], 3 - i / 3);
		named[i] = frames[15 - 2 * i];
	}
	WORKS(placed_awe_map_scatter(awe, addresses, 6, named));
	for (int i = 0; i < 6; i++)
		awe_set(addresses[i], VALUE(i));

	/* Two go, two come, and two stay. */
	named[0] = 0;
	named[3] = 0;
	named[1] = frames[0];
	named[4] = frames[1];
	WORKS(placed_awe_map_scatter(awe, addresses, 6, named));
	SHOWS_NOTHING(addresses[0]);
	SHOWS_NOTHING(addresses[3]);
	SHOWS(addresses[1], 0);
	SHOWS(addresses[4], 0);
	SHOWS(addresses[2], VALUE(2));
	SHOWS(addresses[5], VALUE(5));

	WORKS(placed_awe_map(awe, windows[0], 1, &frames[15]));
	SHOWS(windows[0], VALUE(0));
	WORKS(placed_awe_map_scatter(awe, addresses, 6, NULL));
	for (int i = 0; i < 6; i++)
		SHOWS_NOTHING(addresses[i]);
	SHOWS(windows[0], VALUE(0));
	placed_awe_close(awe);
}

/**
 * SUBTEST: one-address
 * Description: A page is at one address at most: it can change it by one call that names both,
 *	or the two of a swap, and not by one that leaves it where it was.
 */
static void one_address(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	void *both[2] = { page_at(s.a, 1), page_at(s.b, 0) };
	void *same[2] = { page_at(s.a, 6), page_at(s.a, 6) };
	uintptr_t named[2];

	SCENE_FAILS(&s, placed_awe_map(s.awe, s.a, 1, &s.frames[0]), EINVAL);
	SCENE_FAILS(&s, placed_awe_map(s.awe, s.b, 1, &s.frames[4]), EINVAL);
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, both + 1, 1, s.frames), EINVAL);

	/* Twice in one call: a page, an address. */
	named[0] = named[1] = s.frames[6];
	SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 5), 2, named), EINVAL);
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, both, 2, named), EINVAL);
	named[1] = s.frames[7];
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, same, 2, named), EINVAL);
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, same, 2, NULL), EINVAL);

	/* Where it is. */
	WORKS(placed_awe_map(s.awe, page_at(s.a, 1), 4, s.frames));
	WORKS(placed_awe_map(s.awe, page_at(s.a, 2), 1, &s.frames[1]));
	check_scene(&s);

	/* From here to there, and back. */
	named[0] = 0;
	named[1] = s.frames[0];
	WORKS(placed_awe_map_scatter(s.awe, both, 2, named));
	SHOWS_NOTHING(both[0]);
	SHOWS(both[1], VALUE(0));
	named[0] = s.frames[0];
	named[1] = s.frames[8];
	WORKS(placed_awe_map_scatter(s.awe, both, 2, named));
	SHOWS(both[0], VALUE(0));
	SHOWS(both[1], VALUE(8));
	named[0] = s.frames[8];
	named[1] = s.frames[0];
	WORKS(placed_awe_map_scatter(s.awe, both, 2, named));
	SHOWS(both[0], VALUE(8));
	SHOWS(both[1], VALUE(0));
	named[0] = s.frames[0];
	named[1] = 0;
	WORKS(placed_awe_map_scatter(s.awe, both, 2, named));
	end_scene(&s);
}

/**
 * SUBTEST: bad-addresses
 * Description: Addresses that are outside of windows, or not of pages, and counts that go over
 *	the end of one, fail and change nothing.
 */
static void bad_addresses(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	static uint8_t elsewhere[2 * 4096] __attribute__((aligned(4096)));
	uintptr_t *good = &s.frames[5];
	void *bad[] = {
		page_at(s.a, -1), page_at(s.a, SCENE_A), page_at(s.b, -1), page_at(s.b, SCENE_B),
		NULL, elsewhere, (void *)(UINTPTR_MAX & -4096ul),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *list[3] = { page_at(s.a, 6), bad[i], page_at(s.b, 1) };

		/* One window may be beside the other, and the address in that. */
		if (awe_slot(s.awe, placed_addr(bad[i])))
			continue;
		SCENE_FAILS(&s, placed_awe_map(s.awe, bad[i], 1, good), EADDRNOTAVAIL);
		SCENE_FAILS(&s, placed_awe_map(s.awe, bad[i], 1, NULL), EADDRNOTAVAIL);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, list, 3, good), EADDRNOTAVAIL);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, list, 3, NULL), EADDRNOTAVAIL);
	}
	SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 5), 4, good), EADDRNOTAVAIL);
	SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 1), SCENE_A, NULL), EADDRNOTAVAIL);

	for (int off = 1; off < 4096; off += 1365) {
		void *list[2] = { page_at(s.a, 6), page_at(s.a, 7) + off };

		SCENE_FAILS(&s, placed_awe_map(s.awe, s.a + off, 1, good), EINVAL);
		SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 1) + off, 1, NULL), EINVAL);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, list, 2, good), EINVAL);
	}
	SCENE_FAILS(&s, placed_awe_release(s.awe, page_at(s.a, 1)), EADDRNOTAVAIL);
	SCENE_FAILS(&s, placed_awe_release(s.awe, elsewhere), EADDRNOTAVAIL);
	SCENE_FAILS(&s, placed_awe_release(s.awe, NULL), EADDRNOTAVAIL);
	end_scene(&s);
}

/**
 * SUBTEST: bad-frames
 * Description: Frame numbers that were never allocated, were freed, are out of range, or belong to
 *	another process, fail and change nothing, wherever they are among good ones.
 */
static void bad_frames(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	struct placed_awe_options options = awe_options(kind, 64);
	int shift = s.awe->page_bits;
	uintptr_t freed, foreign[SCENE_FRAMES], bad[8], list[3], count;
	struct placed_awe *other;
	void *places[3] = { page_at(s.a, 6), page_at(s.a, 7), page_at(s.b, 0) };

	awe_get(s.awe, 1, &freed);
	awe_put(s.awe, 1, &freed);
	options.owner = s.awe->owner + 1;
	other = awe_make_with(&options);
	awe_get(other, SCENE_FRAMES, foreign);

	bad[0] = freed;
	bad[1] = s.frames[0] + 64;
	bad[2] = s.frames[0] + 20;
	bad[3] = foreign[7];
	bad[4] = s.frames[7] ^ ((uintptr_t)1 << shift);
	bad[5] = UINTPTR_MAX;
	bad[6] = 7;
	bad[7] = (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1);
	for (int i = 0; i < 8; i++) {
		for (int at = 0; at < 3; at++) {
			for (int j = 0; j < 3; j++)
				list[j] = j == at ? bad[i] : s.frames[5 + j];
			SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 5), 3, list), EINVAL);
			SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, places, 3, list), EINVAL);
			count = 3;
			SCENE_FAILS(&s, placed_awe_free(s.awe, &count, list), EINVAL);
			igt_assert_eq_u64(count, 0);
		}
	}

	/* Zero is no page, and says something in one of the calls only. */
	list[1] = 0;
	SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 5), 3, list), EINVAL);
	count = 3;
	SCENE_FAILS(&s, placed_awe_free(s.awe, &count, list), EINVAL);
	igt_assert_eq_u64(count, 0);

	/* The other has lost nothing. */
	awe_check_memory(other, SCENE_FRAMES);
	awe_put(other, SCENE_FRAMES, foreign);
	placed_awe_close(other);
	end_scene(&s);
}

/**
 * SUBTEST: bad-memory
 * Description: Arrays, and numbers, in memory that cannot be read or written: EFAULT, and nothing
 *	has changed. Arrays may be in a window.
 */
static void bad_memory(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	uint8_t *hole = mmap(NULL, 3 * PLACED_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t *split, *readable, *in_window, count;
	void *places[3] = { page_at(s.a, 6), page_at(s.a, 7), page_at(s.b, 0) };
	void *bad[4];

	/* A page, a hole, and a page that can be read alone. */
	igt_assert(hole != MAP_FAILED);
	split = (uintptr_t *)(hole + PLACED_PAGE) - 2;
	split[0] = s.frames[5];
	split[1] = s.frames[6];
	readable = (uintptr_t *)(hole + 2 * PLACED_PAGE);
	readable[0] = 1;
	placed_unmap(hole + PLACED_PAGE, PLACED_PAGE);
	igt_assert_eq(mprotect(readable, PLACED_PAGE, PROT_READ), 0);
	bad[0] = hole + PLACED_PAGE;
	bad[1] = split;
	bad[2] = page_at(s.a, 0);
	/* What is neither the program's nor nobody's. */
	bad[3] = (void *)(UINTPTR_MAX - 4096 + 1);

	for (int i = 0; i < 4; i++) {
		SCENE_FAILS(&s, placed_awe_map(s.awe, page_at(s.a, 5), 3, bad[i]), EFAULT);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, places, 3, bad[i]), EFAULT);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, bad[i], 3, NULL), EFAULT);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, bad[i], 3, &s.frames[5]), EFAULT);
		count = 3;
		SCENE_FAILS(&s, placed_awe_free(s.awe, &count, bad[i]), EFAULT);
		igt_assert_eq_u64(count, 0);
		count = 3;
		SCENE_FAILS(&s, placed_awe_allocate(s.awe, &count, bad[i]), EFAULT);
		igt_assert_eq_u64(count, 3);
		if (i == 1)
			continue;
		SCENE_FAILS(&s, placed_awe_allocate(s.awe, bad[i], split), EFAULT);
		SCENE_FAILS(&s, placed_awe_free(s.awe, bad[i], s.frames), EFAULT);
	}
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, NULL, 1, s.frames), EFAULT);
	count = 1;
	SCENE_FAILS(&s, placed_awe_allocate(s.awe, &count, NULL), EFAULT);
	SCENE_FAILS(&s, placed_awe_free(s.awe, &count, NULL), EFAULT);
	SCENE_FAILS(&s, placed_awe_allocate(s.awe, NULL, split), EFAULT);
	SCENE_FAILS(&s, placed_awe_free(s.awe, NULL, s.frames), EFAULT);
	count = 1;
	SCENE_FAILS(&s, placed_awe_allocate(s.awe, &count, readable), EFAULT);
	awe_check_memory(s.awe, SCENE_FRAMES);

	/* The number is written only if there is something to say. */
	WORKS(placed_awe_allocate(s.awe, readable, split));
	awe_put(s.awe, 1, split);
	check_scene(&s);

	/* In a page of a window, and even of the one that changes. */
	in_window = (uintptr_t *)page_at(s.a, 2) + 8;
	count = 2;
	WORKS(placed_awe_allocate(s.awe, &count, in_window));
	WORKS(placed_awe_map(s.awe, page_at(s.a, 1), 2, in_window));
	SHOWS(page_at(s.a, 1), 0);
	SHOWS(page_at(s.a, 2), 0);
	WORKS(placed_awe_map(s.awe, page_at(s.a, 1), 4, s.frames));
	awe_put(s.awe, 2, in_window);
	placed_unmap(hole, PLACED_PAGE);
	placed_unmap(readable, PLACED_PAGE);
	end_scene(&s);
}

/**
 * SUBTEST: counts
 * Description: No pages at all, as many as a number can say, and 2^32 where it can say that.
 */
static void counts(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	void *places[1] = { s.a };
	uintptr_t large[] = {
		65, 1 << 20, UINT32_MAX, UINTPTR_MAX, UINTPTR_MAX / 8 + 1, UINTPTR_MAX / 4 + 1,
		(uintptr_t)(1ull << 32), (uintptr_t)((1ull << 32) + 1),
	}, count;

	SCENE_FAILS(&s, placed_awe_map(s.awe, s.a, 0, s.frames), EINVAL);
	SCENE_FAILS(&s, placed_awe_map(s.awe, s.a, 0, NULL), EINVAL);
	SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, places, 0, s.frames), EINVAL);
	count = 0;
	SCENE_FAILS(&s, placed_awe_allocate(s.awe, &count, s.frames), EINVAL);
	SCENE_FAILS(&s, placed_awe_free(s.awe, &count, s.frames), EINVAL);

	for (int i = 0; i < 8; i++) {
		uintptr_t got[64];

		/* What 32 bits cannot say. */
		if (large[i] < 65)
			continue;
		SCENE_FAILS(&s, placed_awe_map(s.awe, s.a, large[i], s.frames), EADDRNOTAVAIL);
		SCENE_FAILS(&s, placed_awe_map(s.awe, s.a, large[i], NULL), EADDRNOTAVAIL);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, places, large[i], s.frames), EINVAL);
		SCENE_FAILS(&s, placed_awe_map_scatter(s.awe, places, large[i], NULL), EINVAL);
		count = large[i];
		SCENE_FAILS(&s, placed_awe_free(s.awe, &count, s.frames), EINVAL);
		igt_assert_eq_u64(count, 0);

		/* All there are. */
		count = large[i];
		WORKS(placed_awe_allocate(s.awe, &count, got));
		igt_assert_eq_u64(count, 64 - SCENE_FRAMES);
		awe_put(s.awe, count, got);
		check_scene(&s);
	}
	end_scene(&s);
}

/* Free */

/**
 * SUBTEST: free
 * Description: Pages are freed one by one and many at once, in any order; their memory goes back
 *	at once, and they are zero when they come again.
 */
static void free_order(const struct awe_kind *kind)
{
	const int pages = placed_in_short() ? 150 : 1000;
	struct placed_awe *awe = awe_make(kind, pages);
	uint8_t *window = awe_window(awe, pages);
	uintptr_t frames[1000], shuffled[1000];
	unsigned int seed = 7;
	int left = pages;

	for (int round = 0; round < 4; round++) {
		awe_get(awe, pages, frames);
		WORKS(placed_awe_map(awe, window, pages, frames));
		check_zero(window, 0, pages);
		for (int i = 0; i < pages; i++)
			awe_set(page_at(window, i) + 4 * i, VALUE(i));
		/* Mapped, or not. */
		if (round % 2)
			WORKS(placed_awe_map(awe, window, pages, NULL));

		memcpy(shuffled, frames, pages * sizeof(frames[0]));
		for (int i = pages - 1; i > 0 && round; i--) {
			int j = round == 1 ? 0 : rand_r(&seed) / 7 % (i + 1);
			uintptr_t frame = shuffled[i];

			shuffled[i] = shuffled[j];
			shuffled[j] = frame;
		}
		for (int i = 0; i < 40; i++) {
			awe_put(awe, 1, &shuffled[i]);
			igt_assert_eq_u64(awe_present(awe), pages - 1 - i);
		}
		for (left = pages - 40; left > 0;) {
			int count = 1 + rand_r(&seed) / 7 % 100;

			count = count < left ? count : left;
			awe_put(awe, count, shuffled + pages - left);
			left -= count;
			awe_check_memory(awe, left);
		}
		for (int i = 0; i < pages; i++)
			SHOWS_NOTHING(page_at(window, i));
	}
	placed_awe_close(awe);
}

/**
 * SUBTEST: free-mapped
 * Description: A page that is mapped is unmapped first, and nothing else is.
 */
static void free_mapped(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	uintptr_t list[3] = { s.frames[4], s.frames[8], s.frames[1] }, frame;

	awe_put(s.awe, 3, list);
	SHOWS(page_at(s.a, 1), VALUE(0));
	SHOWS_NOTHING(page_at(s.a, 2));
	SHOWS(page_at(s.a, 3), VALUE(2));
	SHOWS(page_at(s.a, 4), VALUE(3));
	SHOWS_NOTHING(page_at(s.b, 2));
	awe_check_memory(s.awe, SCENE_FRAMES - 3);

	/* Looking at it brings nothing back. */
	for (int i = 0; i < 3; i++)
		FAILS(placed_awe_map(s.awe, page_at(s.b, 2), 1, &list[i]), EINVAL);
	awe_check_memory(s.awe, SCENE_FRAMES - 3);
	awe_get(s.awe, 1, &frame);
	WORKS(placed_awe_map(s.awe, page_at(s.b, 2), 1, &frame));
	SHOWS(page_at(s.b, 2), 0);
	placed_awe_close(s.awe);
}

/**
 * SUBTEST: free-twice
 * Description: A number is freed once: a second time fails, in the same call and in another, and
 *	says that nothing was freed.
 */
static void free_twice(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	uintptr_t list[3] = { s.frames[7], s.frames[2], s.frames[7] }, frame, count = 3;

	SCENE_FAILS(&s, placed_awe_free(s.awe, &count, list), EINVAL);
	igt_assert_eq_u64(count, 0);
	awe_get(s.awe, 1, &frame);
	awe_put(s.awe, 1, &frame);
	count = 1;
	SCENE_FAILS(&s, placed_awe_free(s.awe, &count, &frame), EINVAL);
	igt_assert_eq_u64(count, 0);
	end_scene(&s);
}

/* Windows */

/**
 * SUBTEST: reserve
 * Description: Where windows are: anywhere, at an address or near it, in a range, high or low,
 *	and where there is none.
 */
static void reserve_places(const struct awe_kind *kind)
{
	struct placed_awe *awe = awe_make(kind, 16);
	uint64_t region = placed_free_region(16 << 20), size = 64 * PLACED_PAGE;
	uint64_t end = region + (16 << 20);
	uint8_t *at, *window = awe_window(awe, 3);
	uintptr_t frame;

	igt_assert(!(placed_addr(window) % AWE_GRAIN));
	WORKS(placed_awe_release(awe, window));
	SHOWS_NOTHING(window);

	/* Exactly there, at a page that is no multiple of more. */
	at = placed_awe_reserve(awe, placed_ptr(region + PLACED_PAGE), size, 0, 0,
				PLACED_AWE_EXACT);
	igt_assert(at == placed_ptr(region + PLACED_PAGE));
	FAILS(placed_awe_reserve(awe, placed_ptr(region), 2 * PLACED_PAGE, 0, 0,
				 PLACED_AWE_EXACT) != MAP_FAILED, EEXIST);
	/* What is taken is only taken there. */
	window = placed_awe_reserve(awe, placed_ptr(region), PLACED_PAGE, 0, 0, PLACED_AWE_EXACT);
	igt_assert(window == placed_ptr(region));
	WORKS(placed_awe_release(awe, window));
	WORKS(placed_awe_release(awe, at));

	/* As a hint, rounded down where that is not allowed; free, and not. */
	at = placed_awe_reserve(awe, placed_ptr(region + 0x20000), size, 0, 0, 0);
	igt_assert(at == placed_ptr(region + 0x20000));
	window = placed_awe_reserve(awe, at, size, 0, 0, 0);
	igt_assert(window != MAP_FAILED && window != at);
	WORKS(placed_awe_release(awe, window));

	/* Low and high in a range, around what is there. */
	window = placed_awe_reserve(awe, NULL, size, region, end, 0);
	igt_assert(window == placed_ptr(region) || size > 0x20000);
	igt_assert(placed_addr(window) >= region && placed_addr(window) + size <= end);
	igt_assert(!(placed_addr(window) % AWE_GRAIN));
	WORKS(placed_awe_release(awe, window));
	window = placed_awe_reserve(awe, NULL, size, region, end, PLACED_AWE_TOPDOWN);
	igt_assert_eq_u64(placed_addr(window), end - size);
	WORKS(placed_awe_release(awe, window));
	window = placed_awe_reserve(awe, NULL, 5 << 20, 0, 1ull << 32, 0);
	igt_assert(window != MAP_FAILED);
	igt_assert_lte_u64(placed_addr(window) + (5 << 20), 1ull << 32);
	WORKS(placed_awe_release(awe, window));

	/* No room. */
	FAILS(placed_awe_reserve(awe, NULL, 16 << 20, region, end, 0) != MAP_FAILED, ENOSPC);
	FAILS(placed_awe_reserve(awe, NULL, (16 << 20) + 1, region, end, 0) != MAP_FAILED, ENOSPC);
	WORKS(placed_awe_release(awe, at));
	window = placed_awe_reserve(awe, NULL, 16 << 20, region, end, 0);
	igt_assert(window == placed_ptr(region));
	WORKS(placed_awe_release(awe, window));

	/* What makes no sense. */
	FAILS(placed_awe_reserve(awe, NULL, 0, 0, 0, 0) != MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, NULL, size, 0, 0, 8) != MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, NULL, size, 0, 0, PLACED_AWE_EXACT) != MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, NULL, size, end, region, 0) != MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, NULL, size, region + 1, end, 0) != MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, placed_ptr(region + 1), size, 0, 0, PLACED_AWE_EXACT) !=
	      MAP_FAILED, EINVAL);
	FAILS(placed_awe_reserve(awe, placed_ptr(region), size, region + PLACED_PAGE, end,
				 PLACED_AWE_EXACT) != MAP_FAILED, EINVAL);

	/* A size that is no number of pages is rounded up. */
	window = placed_awe_reserve(awe, NULL, PLACED_PAGE + 1, 0, 0, 0);
	igt_assert(window != MAP_FAILED);
	awe_get(awe, 1, &frame);
	WORKS(placed_awe_map(awe, page_at(window, 1), 1, &frame));
	SHOWS(page_at(window, 1), 0);
	placed_awe_close(awe);
	SHOWS_NOTHING(window);
}

/**
 * SUBTEST: release
 * Description: A window that goes takes its mappings with it, and no page.
 */
static void release_window(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);

	WORKS(placed_awe_release(s.awe, s.a));
	for (int i = 0; i < SCENE_A; i++)
		SHOWS_NOTHING(page_at(s.a, i));
	SHOWS(page_at(s.b, 2), VALUE(4));
	FAILS(placed_awe_release(s.awe, s.a), EADDRNOTAVAIL);
	FAILS(placed_awe_map(s.awe, s.a, 1, &s.frames[9]), EADDRNOTAVAIL);
	awe_check_memory(s.awe, SCENE_FRAMES);

	WORKS(placed_awe_map(s.awe, s.b, 1, &s.frames[2]));
	SHOWS(s.b, VALUE(2));
	WORKS(placed_awe_release(s.awe, s.b));
	s.a = awe_window(s.awe, SCENE_A);
	s.b = awe_window(s.awe, SCENE_B);
	WORKS(placed_awe_map(s.awe, page_at(s.a, 1), 4, s.frames));
	WORKS(placed_awe_map(s.awe, page_at(s.b, 2), 1, &s.frames[4]));
	end_scene(&s);
}

/**
 * SUBTEST: many
 * Description: As many single pages as there is memory for, no two of which follow each other, in
 *	a process that may have few more mappings: page windows do not notice. A memfd has no
 *	more of them; then the call has failed, and changed nothing.
 */
static void many(const struct awe_kind *kind)
{
	const int pages = placed_in_short() ? 1000 : 4000, spare = 600;
	struct placed_awe *awe = awe_make(kind, pages);
	uint8_t *window = awe_window(awe, pages);
	uintptr_t *frames = malloc(3 * pages * sizeof(*frames)), *back = frames + pages;
	uintptr_t *mixed = back + pages;
	char line[64];
	uint64_t start, end;
	int maps = 0;
	FILE *f;

	igt_assert(frames);
	awe_get(awe, pages, frames);
	WORKS(placed_awe_map(awe, window, pages, frames));
	for (int i = 0; i < pages; i++)
		awe_set(page_at(window, i), VALUE(i));
	for (int i = 0; i < pages; i++) {
		back[i] = frames[pages - 1 - i];
		/* A third of the window changes before there are too many. */
		mixed[i] = i < 100 ? frames[i ^ 1] : frames[i];
	}
	WORKS(placed_awe_map(awe, window, 100, mixed));

	f = fopen("/proc/self/maps", "r");
	while (f && placed_next_map(f, &start, &end, line, sizeof(line)))
		maps++;
	igt_assert(f);
	fclose(f);
	awe_set_system("/proc/sys/vm/max_map_count", maps + spare);

	for (int round = 0; round < 3; round++) {
		if (!is_memfd(kind)) {
			WORKS(placed_awe_map(awe, window, pages, back));
			for (int i = 0; i < pages; i++)
				SHOWS(page_at(window, i), VALUE(pages - 1 - i));
			WORKS(placed_awe_map(awe, window, pages, mixed));
		} else {
			FAILS(placed_awe_map(awe, window, pages, back), ENOMEM);
		}
		for (int i = 0; i < pages; i++)
			SHOWS(page_at(window, i), VALUE(i < 100 ? i ^ 1 : i));
	}

	/* It goes on. */
	WORKS(placed_awe_map(awe, window, pages, frames));
	for (int i = 0; i < pages; i++)
		SHOWS(page_at(window, i), VALUE(i));
	awe_put(awe, pages, back);
	awe_check_memory(awe, 0);
	placed_awe_close(awe);
	free(frames);
}

/* Memory */

/**
 * SUBTEST: locked
 * Description: Pages stay in RAM: those of GEM objects always; those of a memfd as far as locked
 *	mappings show them, and the handle says whether that is so.
 */
static void locked(const struct awe_kind *kind)
{
	/* More than a 32-bit program has addresses to spare for. */
	const uint64_t large = 1 << 17;
	struct placed_awe_options options = awe_options(kind, large);
	struct placed_awe_info info;
	struct placed_awe *awe;
	uintptr_t frames[64];
	uint64_t before;
	uint8_t *window;
	pid_t pid;

	before = proc_kb("/proc/self/status", "VmLck:");
	awe = awe_make_with(&options);
	placed_awe_get_info(awe, &info);
	igt_assert_eq(info.locked, is_memfd(kind) && sizeof(void *) == 4 ?
		      PLACED_AWE_LOCKED_MAPPED : PLACED_AWE_LOCKED_ALL);
	awe_get(awe, 64, frames);
	window = awe_window(awe, 64);
	WORKS(placed_awe_map(awe, window, 64, frames));
	if (is_memfd(kind))
		igt_assert_lte_u64(before + 64 * 4, proc_kb("/proc/self/status", "VmLck:"));
	WORKS(placed_awe_map(awe, window, 64, NULL));
	if (info.locked == PLACED_AWE_LOCKED_ALL && is_memfd(kind))
		igt_assert_lte_u64(before + 64 * 4, proc_kb("/proc/self/status", "VmLck:"));
	placed_awe_close(awe);
	igt_assert_eq_u64(proc_kb("/proc/self/status", "VmLck:"), before);

	options.flags |= PLACED_AWE_MUST_LOCK;
	awe = placed_awe_create(&options);
	igt_assert_eq(!!awe, info.locked == PLACED_AWE_LOCKED_ALL);
	igt_assert(awe || errno == EPERM);
	placed_awe_close(awe);

	/* Somebody who may lock nothing. */
	if (!is_memfd(kind))
		return;
	pid = start_child();
	if (!pid) {
		struct rlimit none = {};

		if (setrlimit(RLIMIT_MEMLOCK, &none) || setresuid(65534, 65534, 65534))
			_exit(1);
		options.pages = 64;
		if (placed_awe_create(&options) || errno != EPERM)
			_exit(2);
		options.flags &= ~PLACED_AWE_MUST_LOCK;
		awe = placed_awe_create(&options);
		if (!awe)
			_exit(3);
		placed_awe_get_info(awe, &info);
		if (info.locked != PLACED_AWE_LOCKED_NONE)
			_exit(4);
		/* It works all the same. */
		frames[0] = 64;
		_exit(placed_awe_allocate(awe, &frames[0], frames) ? 0 : 5);
	}
	igt_assert_eq(end_child(pid, 0), 0);
}

/* Which backend, and why */

static char logged[512];

static void log_line(void *data, const char *line)
{
	igt_assert(data == logged);
	snprintf(logged, sizeof(logged), "%s", line);
}

static struct placed_awe *create_logged(const char *driver, uint32_t flags)
{
	struct placed_awe_options options = {
		.size = sizeof(options), .flags = flags, .pages = 16, .driver = driver,
		.log = log_line, .log_data = logged,
	};

	logged[0] = 0;
	return placed_awe_create(&options);
}

/**
 * SUBTEST: backend
 * Description: Without options there is a backend; where a driver has no page windows, it is a
 *	memfd, or none, if that was asked for; and a line says why.
 */
static void backend(void)
{
	static const char * const without[] = { "placed_plain", "no_such_driver" };
	struct placed_awe_info info;
	struct placed_awe *awe;

	for (int i = 0; i < 2; i++) {
		awe = create_logged(without[i], 0);
		igt_assert(awe);
		placed_awe_get_info(awe, &info);
		igt_assert_eq(info.backend, PLACED_AWE_MEMFD);
		igt_assert_f(strstr(info.why, without[i]), "why: %s\n", info.why);
		igt_assert_f(strstr(logged, "memfd") && strstr(logged, info.why), "%s\n", logged);
		placed_awe_close(awe);
		igt_assert(!create_logged(without[i], PLACED_AWE_ONLY_DRM));
		igt_assert(errno == EOPNOTSUPP || errno == ENODEV);
		igt_assert(!logged[0]);
	}
	awe = create_logged(NULL, 0);
	igt_assert(awe);
	placed_awe_get_info(awe, &info);
	igt_assert_eq(info.backend, PLACED_AWE_DRM);
	igt_assert_f(strstr(logged, "page windows") && strstr(logged, "/dev/dri/"), "%s\n", logged);
	placed_awe_close(awe);
	awe = create_logged(NULL, PLACED_AWE_ONLY_MEMFD);
	igt_assert(awe);
	placed_awe_get_info(awe, &info);
	igt_assert_eq(info.backend, PLACED_AWE_MEMFD);
	placed_awe_close(awe);

	/* As many pages as the machine has, if nobody says how many. */
	awe = placed_awe_create(NULL);
	igt_assert(awe);
	placed_awe_get_info(awe, &info);
	igt_assert_eq_u64(info.pages, sysconf(_SC_PHYS_PAGES));
	placed_awe_close(awe);

	FAILS(create_logged(NULL, 1u << 31), EINVAL);
	FAILS(create_logged(NULL, PLACED_AWE_ONLY_MEMFD | PLACED_AWE_POOL), EINVAL);
}

/**
 * SUBTEST: errors
 * Description: The errors of Windows that stand for ours.
 */
static void errors(void)
{
	igt_assert_eq(placed_awe_windows_error(0), 0);
	igt_assert_eq(placed_awe_windows_error(EINVAL), 87);
	igt_assert_eq(placed_awe_windows_error(EFAULT), 998);
	igt_assert_eq(placed_awe_windows_error(EADDRNOTAVAIL), 487);
	igt_assert_eq(placed_awe_windows_error(ENOMEM), 8);
	igt_assert_eq(placed_awe_windows_error(EPERM), 1314);
	igt_assert_eq(placed_awe_windows_error(EACCES), 5);
	igt_assert_eq(placed_awe_windows_error(ETIMEDOUT), 1460);
	igt_assert_eq(placed_awe_windows_error(ELOOP), 31);
}

static const struct awe_test tests[] = {
	{ "allocate", "frame numbers, zeros, and fewer than asked for", allocate },
	{ "owner", "the number of a process in its frame numbers", owner },
	{ "map", "addresses show the pages they were told to", map },
	{ "scatter", "addresses in several windows by one call", scatter },
	{ "one-address", "a page is at one address at most", one_address },
	{ "bad-addresses", "addresses outside of windows, or not of pages", bad_addresses },
	{ "bad-frames", "frame numbers that are none", bad_frames },
	{ "bad-memory", "arrays that cannot be read or written", bad_memory },
	{ "counts", "no pages, and too many", counts },
	{ "free", "freed in any order, memory goes back at once", free_order },
	{ "free-mapped", "what is mapped is unmapped when it is freed", free_mapped },
	{ "free-twice", "a number is freed once", free_twice },
	{ "reserve", "where windows are", reserve_places },
	{ "release", "a window goes, pages stay", release_window },
	{ "many", "more pages than a process may have mappings", many },
	{ "locked", "pages stay in RAM", locked },
};

igt_main
{
	AWE_RUN_TESTS(tests);

	igt_describe("which backend, and why");
	igt_subtest("backend")
		backend();
	igt_describe("the errors of Windows that stand for ours");
	igt_subtest("errors")
		errors();
}
