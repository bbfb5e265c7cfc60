// SPDX-License-Identifier: MIT

/**
 * TEST: placed pages
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_MAP_PAGES
 * Description: Windows that show the pages of an object that were put into them, and nothing else.
 */

#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Puts pages of objects into page windows, by one call for many.");

/* Some chunks and a part of one. */
#define PAGES (2 * PAGES_2M + 37)
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

/* Numbers that are, and are not, at the borders of what the kernel may have in one piece. */
static const uint64_t some_counts[] = { 1, 2, 3, 63, 64, 65, 511, 512, 513, PAGES };

#define SOME (int)(sizeof(some_counts) / sizeof(some_counts[0]))

/* Making windows */

static void check_as_made(struct window *w)
{
	uint64_t row = w->pages < PAGES ? w->pages : PAGES;

	check_window(w);
	put_row(w, 0, 0, 1, row);
	put_one(w, w->pages - 1, 5);
	check_window(w);
	put_none(w, 0, 1);
	check_window(w);
}

/**
 * SUBTEST: create
 * Description: Windows that are smaller and larger than the object; they are empty, and one mapping.
 */
static void create(int fd, const struct kind *kind)
{
	static const uint64_t sizes[] = { 1, 2, 511, 512, 513, PAGES - 1, PAGES, 2 * PAGES };
	struct object o = make_numbered(fd, kind, PAGES);
	struct placed_counts counts;

	settle(&o);
	counts = placed_count(fd);
	for (int i = 0; i < 8; i++) {
		struct window w = make_window(&o, sizes[i]);

		igt_assert_eq(placed_count(fd).maps, counts.maps + 1);
		check_as_made(&w);
		igt_assert_eq(placed_count(fd).maps, counts.maps + 1);
		end_window(&w);
	}
	settle(&o);
	placed_assert_same_counts(fd, counts);
	destroy_object(&o);
}

/* What is asked for comes out at an address, is a window, and goes. */
static void check_placed(const struct object *o, struct drm_gem_mmap_placed args, uint64_t addr)
{
	struct window w = window_of(o, args);

	igt_assert_eq_u64(placed_addr(w.at), addr);
	check_as_made(&w);
	end_window(&w);
}

/**
 * SUBTEST: create-placed
 * Description: Windows go where other placed maps would: ranges, hints, alignments, exact addresses.
 */
static void create_placed(int fd, const struct kind *kind)
{
	const uint64_t length = 9 * PLACED_PAGE, region = placed_free_region(3 * PLACED_2M);
	struct object o = make_numbered(fd, kind, PAGES);
	struct drm_gem_mmap_placed args = window_args(&o, 9), good;

	args.range_start = region;
	args.range_end = region + 3 * PLACED_2M;
	good = args;
	check_placed(&o, args, region);
	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	check_placed(&o, args, args.range_end - length);
	args = good;
	args.addr = region + 77 * PLACED_PAGE;
	check_placed(&o, args, args.addr);
	args = good;
	args.range_start += PLACED_PAGE;
	args.align = 1 << 20;
	check_placed(&o, args, (region + (1 << 20)) & ~((1ull << 20) - 1));
	args = good;
	args.range_end = region + length;
	check_placed(&o, args, region);
	args.length += PLACED_PAGE;
	refuse_window(&o, args, ENOSPC);

	args = good;
	args.addr = region + 3 * PLACED_PAGE;
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	check_placed(&o, args, args.addr);
	placed_reserve(region, region + PLACED_2M);
	refuse_window(&o, args, EEXIST);
	args.flags = window_flags(RW) | DRM_GEM_MMAP_PLACED_FIXED;
	check_placed(&o, args, args.addr);
	igt_assert(placed_is_free(args.addr, args.addr + length));
	igt_assert(!placed_is_free(region, args.addr));
	igt_assert(!placed_is_free(args.addr + length, args.addr + length + PLACED_PAGE));
	placed_unmap(placed_ptr(region), PLACED_2M);

	if (placed_has_57_bits()) {
		args = window_args(&o, 9);
		args.range_start = 1ull << 47;
		args.range_end = 1ull << 48;
		check_placed(&o, args, args.range_start);
	}
	destroy_object(&o);
}

/**
 * SUBTEST: create-arguments
 * Description: What a window cannot be made of is an error, and nothing is left behind.
 */
static void create_arguments(int fd, const struct kind *kind)
{
	static const uint32_t no_flags[] = {
		DRM_GEM_MMAP_PLACED_POPULATE, DRM_GEM_MMAP_PLACED_FROM_ADDR,
		DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE,
	};
	struct object o = make_object(fd, kind, PAGES);
	struct drm_gem_mmap_placed good = window_args(&o, 9), args;
	struct window w = make_window(&o, 1);

	settle(&o);
	for (int i = 0; i < 3; i++) {
		args = good;
		args.flags |= no_flags[i];
		args.addr = args.from_addr = 0;
		placed_must_fail(fd, args, EINVAL);
		args.from_addr = no_flags[i] & DRM_GEM_MMAP_PLACED_FROM_ADDR ?
				 placed_addr(w.at) : 0;
		placed_must_fail(fd, args, EINVAL);
	}
	for (int bit = 9; bit < 32; bit++) {
		args = good;
		args.flags |= 1u << bit;
		placed_must_fail(fd, args, EINVAL);
	}
	args = good;
	args.flags = DRM_GEM_MMAP_PLACED_PAGES;
	placed_must_fail(fd, args, EINVAL);
	args = good;
	args.offset = PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	args = good;
	args.from_addr = PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	args = good;
	args.pad = 1;
	placed_must_fail(fd, args, EINVAL);
	args = good;
	args.length = 0;
	placed_must_fail(fd, args, EINVAL);
	args.length = PLACED_PAGE + 1;
	placed_must_fail(fd, args, EINVAL);
	for (int bit = 31 + 12; bit < 64; bit++) {
		args.length = 1ull << bit;
		placed_must_fail(fd, args, EINVAL);
	}
	args = good;
	args.handle = 0;
	placed_must_fail(fd, args, ENOENT);
	args.handle = o.handle + 12345;
	placed_must_fail(fd, args, ENOENT);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: create-largest
 * Description: A window of 512 GiB (of 1 GiB in 32-bit programs) takes the memory that its pages in
 *	use take, and little more.
 */
static void create_largest(int fd, const struct kind *kind)
{
	const uint64_t pages = sizeof(void *) < 8 ? 1ull << 18 : 1ull << 27;
	const uint64_t places[] = { 0, 1, pages / 2, pages - 513, pages - 1 };
	const uint64_t shown[] = { 9, PAGES - 1, 9, 3, 0 };
	struct object o = make_numbered(fd, kind, PAGES);
	uint64_t free_kb = proc_kb("/proc/meminfo", "MemFree:");
	int vmas = count_vmas();
	uint64_t addrs[5];
	uint8_t *at = placed_must_map(fd, window_args(&o, pages));

	for (int i = 0; i < 5; i++)
		addrs[i] = placed_addr(at) + places[i] * PLACED_PAGE;
	for (int round = 0; round < 2; round++) {
		igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
			.addrs = placed_addr(addrs), .pages = placed_addr(shown), .count = 5,
		}), 0);
		for (int i = 0; i < 5; i++) {
			igt_assert(load(placed_ptr(addrs[i] + shown[i] % 1000 * 4)) ==
				   page_value(shown[i], SEED));
			igt_assert(load(placed_ptr(addrs[i] ^ 2 * PLACED_PAGE)) == -SIGSEGV);
		}
		igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
			.addrs = placed_addr(addrs), .count = 5,
		}), 0);
		igt_assert(load(placed_ptr(addrs[2])) == -SIGSEGV);
	}
	igt_assert_eq(count_vmas(), vmas + 1);
	igt_assert_lte_u64(free_kb, proc_kb("/proc/meminfo", "MemFree:") + 16 * 1024);
	placed_unmap(at, pages * PLACED_PAGE);
	destroy_object(&o);
}

static uint64_t capability(int fd)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), 0);
	return cap.value;
}

/**
 * SUBTEST: capability
 * Description: DRM_CAP_GEM_MMAP_PLACED says that there are page windows.
 */
static void has_capability(int fd, const struct kind *kind)
{
	igt_assert(capability(fd) & DRM_GEM_MMAP_PLACED_PAGES);
}

/**
 * SUBTEST: not-supported
 * Description: A driver that has not opted in has no page windows, nor have objects whose memory is
 *	their driver's to map: EOPNOTSUPP, and ENOENT from DRM_IOCTL_GEM_MAP_PAGES.
 */
static void not_supported(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	const uint64_t page = 3;

	igt_assert_eq(!(capability(fd) & DRM_GEM_MMAP_PLACED_PAGES), !!(kind->is & KIND_PLAIN));
	refuse_window(&o, window_args(&o, 1), EOPNOTSUPP);
	refuse_window(&o, window_args(&o, 4 * PAGES), EOPNOTSUPP);
	igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
		.addr = placed_addr(map), .pages = placed_addr(&page), .count = 1,
	}), -ENOENT);
	check_stored(map, 0, PAGES, SEED);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: imported
 * Description: Nor have objects that came as a dma-buf: EOPNOTSUPP.
 */
static void imported(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES), there = o;

	there.fd = placed_open(strcmp(kind->driver, "vgem") ? "vgem" : "placed_plain");
	igt_require_f(there.fd >= 0, "no device to import to\n");
	there.handle = copy_share(fd, o.handle, there.fd);
	refuse_window(&there, window_args(&there, 1), EOPNOTSUPP);
	close(there.fd);
	destroy_object(&o);
}

/**
 * SUBTEST: fake-offset
 * Description: Where /proc/self/maps says that a window is from, nobody else can map anything, by
 *	this file or another.
 */
static void fake_offset(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, 100);
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long long offset = 0;
	uint64_t start, end;
	char rest[256];
	int file = placed_open(kind->driver);

	igt_assert(maps && file >= 0);
	while (!offset && placed_next_map(maps, &start, &end, rest, sizeof(rest)))
		if (start == placed_addr(w.at))
			igt_assert_eq(sscanf(rest, "%*s %llx", &offset), 1);
	fclose(maps);
	igt_assert(offset);
	for (int i = 0; i < 2; i++) {
		igt_assert(mmap(NULL, 100 * PLACED_PAGE, RW, MAP_SHARED, i ? file : fd, offset) ==
			   MAP_FAILED);
		igt_assert_eq(errno, EACCES);
		igt_assert(mmap(NULL, PLACED_PAGE, PROT_READ, MAP_SHARED, i ? file : fd,
				offset + PLACED_PAGE) == MAP_FAILED);
	}
	close(file);
	fill_window(&w, 1);
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: access
 * Description: Where no page is, loads and stores are SIGSEGV and system calls EFAULT, before pages
 *	were there and after.
 */
static void access_empty(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, 2 * PAGES_2M);
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), file = memfd_create("to", MFD_CLOEXEC);

	igt_assert(zero >= 0 && file >= 0);
	for (int round = 0; round < 3; round++) {
		for (uint64_t place = 0; place < w.pages; place += 251) {
			uint8_t *at = page_at(w.at, place);

			igt_assert(load(at) == -SIGSEGV);
			igt_assert_eq(store(at, 1), -SIGSEGV);
			igt_assert(read(zero, at, 8) == -1 && errno == EFAULT);
			igt_assert(write(file, at, 8) == -1 && errno == EFAULT);
			put_one(&w, place, (100 + place) % PAGES);
			igt_assert(read(zero, at, 8) == 8);
			igt_assert(write(file, at, 8) == 8);
			igt_assert_eq(store(at, 5), 0);
			igt_assert(load(at) == 5);
			igt_assert_eq(store(at, 0), 0);
			check_window(&w);
			put_none(&w, place, 1);
		}
		put_row(&w, 0, 0, 1, w.pages);
		put_none(&w, 0, w.pages);
	}
	close(zero);
	close(file);
	end_window(&w);
	destroy_object(&o);
}

/* Which page is where */

/**
 * SUBTEST: consecutive
 * Description: Pages in any order at addresses in a row, from one to all.
 */
static void consecutive(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	unsigned int seed = 1;

	for (int i = 0; i < SOME; i++) {
		uint64_t *pages = shuffled(PAGES, &seed);

		put(&w, rand_r(&seed) % (PAGES - some_counts[i] + 1), pages, some_counts[i]);
		free(pages);
		check_window(&w);
	}
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: scattered
 * Description: Pages in any order at addresses in any order.
 */
static void scattered(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, 2 * PAGES);
	unsigned int seed = 2;

	for (int i = 0; i < SOME; i++) {
		uint64_t *pages = shuffled(PAGES, &seed), *places = shuffled(w.pages, &seed);

		scatter(&w, places, pages, some_counts[i]);
		free(pages);
		free(places);
		check_window(&w);
	}
	/* From the last address to the first. */
	for (int i = 0; i < SOME; i++) {
		uint64_t count = some_counts[i], *pages = page_list(&o, 7, 5, count);
		uint64_t *places = malloc(count * sizeof(*places));

		for (uint64_t j = 0; j < count; j++)
			places[j] = w.pages - 1 - j;
		scatter(&w, places, pages, count);
		free(pages);
		free(places);
		check_window(&w);
	}
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: remap
 * Description: Another page takes a page's place, also where it was accessed just before.
 */
static void remap(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);

	for (uint64_t round = 1; round < 20; round++) {
		fill_window(&w, round);
		check_window(&w);
		put_row(&w, round * 10, round, 0, 100);
		check_window(&w);
	}
	/* One place, whose entry is in use all the time. */
	for (uint64_t page = 0; page < PAGES; page++) {
		put_one(&w, 17, page);
		igt_assert(place_is_right(&w, 17, SEED));
	}
	/* And what is there already. */
	fill_window(&w, 3);
	fill_window(&w, 3);
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: unmap
 * Description: Pages go by DRM_GEM_MAP_PAGES_NONE, or all that the call names; and some go, some
 *	come by one call.
 */
static void unmap(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	unsigned int seed = 3;
	uint64_t *places = shuffled(PAGES, &seed), *pages = page_list(&o, 1, 2, PAGES);

	/* Where nothing is. */
	put_none(&w, 0, PAGES);
	check_window(&w);
	fill_window(&w, 1);
	put_none(&w, 100, 1);
	put_none(&w, 511, 2);
	put_one(&w, 200, NONE);
	check_window(&w);
	scatter(&w, places, NULL, 500);
	check_window(&w);
	scatter(&w, places, pages, 600);
	check_window(&w);
	for (uint64_t i = 0; i < PAGES; i += 3)
		pages[i] = NONE;
	put(&w, 0, pages, PAGES);
	check_window(&w);
	scatter(&w, places, pages, PAGES);
	check_window(&w);
	put_none(&w, 0, PAGES);
	check_window(&w);
	check_object(&o, 0, PAGES, SEED);
	free(places);
	free(pages);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: alias
 * Description: One page at all addresses of a window, and of another: a store is seen at all.
 */
static void alias(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES), other = make_window(&o, 3);
	uint8_t *map = map_all(&o);

	put_row(&w, 0, 8, 0, PAGES);
	put_row(&other, 0, 8, 0, 2);
	check_window(&w);
	check_window(&other);
	for (uint64_t place = 0; place < PAGES; place += 51) {
		*page_word(page_at(w.at, place) - 8 * PLACED_PAGE, 8) = page_value(8, 2 + place);
		check_window_of(&w, 2 + place);
		check_window_of(&other, 2 + place);
		check_stored(map, 8, 1, 2 + place);
	}
	store_pages(map, 8, 1, SEED);
	check_window(&w);
	put_none(&w, 0, PAGES - 1);
	check_window(&w);
	check_window(&other);
	check_device(&o, 0, PAGES, SEED);
	placed_unmap(map, SIZE);
	end_window(&w);
	end_window(&other);
	destroy_object(&o);
}

/**
 * SUBTEST: windows
 * Description: Windows on one object are each their own, and one call puts pages into several,
 *	through whichever file they were made.
 */
static void windows(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	uint8_t *region = reserve(3 * 600);
	struct window w[4] = {
		/* In a row, so that a run of addresses goes through them. */
		make_window_at(&o, region, 600),
		make_window_at(&o, page_at(region, 600), 600),
		make_window_at(&o, page_at(region, 1200), 600),
		make_window(&o, 600),
	};
	uint64_t *pages = page_list(&o, 11, 7, 1800), addrs[400];

	for (int i = 0; i < 4; i++)
		check_window(&w[i]);
	fill_window(&w[0], 1);
	fill_window(&w[2], 5);
	for (int i = 0; i < 4; i++)
		check_window(&w[i]);

	/* From the middle of the first to that of the third. */
	igt_assert_eq(try_put(&w[0], 300, pages, 1200), 0);
	for (int i = 0; i < 1200; i++)
		w[(300 + i) / 600].shows[(300 + i) % 600] = pages[i];
	for (int i = 0; i < 4; i++)
		check_window(&w[i]);

	for (int i = 0; i < 400; i++) {
		addrs[i] = place_addr(&w[i % 4], 599 - i);
		w[i % 4].shows[599 - i] = pages[i];
	}
	igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
		.addrs = placed_addr(addrs), .pages = placed_addr(pages), .count = 400,
	}), 0);
	for (int i = 0; i < 4; i++)
		check_window(&w[i]);

	/* Stores through one are seen by the others. */
	store_window(&w[0], 2);
	for (int i = 0; i < 4; i++)
		fill_window(&w[i], 1);
	store_window(&w[1], 3);
	for (int i = 0; i < 4; i++)
		check_window_of(&w[i], 3);

	free(pages);
	for (int i = 0; i < 4; i++)
		end_window(&w[i]);
	destroy_object(&o);
}

/**
 * SUBTEST: other-file
 * Description: The call goes by addresses: through any file of any device that knows it, and into
 *	windows that were made through several.
 */
static void other_file(int fd, const struct kind *kind)
{
	const char * const drivers[] = { "vgem", "placed_copy", placed_gpu(), "placed_plain" };
	struct object o = make_numbered(fd, kind, PAGES), there = o;
	struct window w = make_window(&o, PAGES), other;
	uint64_t *pages = page_list(&o, 1, 3, PAGES), addrs[2];

	for (int i = 0; i < 4; i++) {
		int file = placed_open(drivers[i]);

		igt_require_f(file >= 0, "no device of %s\n", drivers[i]);
		igt_assert_eq(map_pages(file, (struct drm_gem_map_pages) {
			.addr = placed_addr(w.at), .pages = placed_addr(pages + i),
			.count = PAGES - i,
		}), 0);
		for (uint64_t place = 0; place < PAGES - i; place++)
			w.shows[place] = pages[i + place];
		check_window(&w);
		close(file);
	}

	/* There are no dma-bufs of sparse objects. */
	if (!(kind->is & KIND_SPARSE)) {
		there.fd = placed_open(kind->driver);
		there.handle = copy_share(fd, o.handle, there.fd);
		other = make_window(&there, 5);
		for (int i = 0; i < 2; i++)
			addrs[i] = place_addr(i ? &other : &w, 3);
		igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
			.addrs = placed_addr(addrs), .pages = placed_addr(pages), .count = 2,
		}), 0);
		w.shows[3] = pages[0];
		other.shows[3] = pages[1];
		close(there.fd);
		check_window(&w);
		check_window(&other);
		end_window(&other);
	}
	free(pages);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: two-objects
 * Description: One call for windows on two objects is EINVAL, and changes nothing.
 */
static void two_objects(int fd, const struct kind *kind)
{
	struct object o[2] = { make_numbered(fd, kind, PAGES), make_numbered(fd, kind, PAGES) };
	uint8_t *region = reserve(200);
	struct window w[2] = {
		make_window_at(&o[0], region, 100), make_window_at(&o[1], page_at(region, 100), 100),
	};
	uint64_t *pages = page_list(&o[0], 1, 1, 200), addrs[200];

	for (int round = 0; round < 2; round++) {
		/* In a row; every second; the first only, the last only. */
		igt_assert_eq(try_put(&w[0], 0, pages, 200), -EINVAL);
		igt_assert_eq(try_put(&w[0], 99, NULL, 2), -EINVAL);
		for (int way = 0; way < 3; way++) {
			for (int i = 0; i < 100; i++) {
				bool second = way == 0 ? i % 2 : way == 1 ? i == 0 : i == 99;

				addrs[i] = place_addr(&w[second], i);
			}
			igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
				.addrs = placed_addr(addrs), .pages = placed_addr(pages),
				.count = 100,
			}), -EINVAL);
		}
		for (int i = 0; i < 2; i++) {
			check_window(&w[i]);
			fill_window(&w[i], 3 + i);
			check_window(&w[i]);
		}
	}
	free(pages);
	for (int i = 0; i < 2; i++) {
		end_window(&w[i]);
		destroy_object(&o[i]);
	}
}

/* As many as fit between a 32-bit program's libraries. */
#define MANY (sizeof(void *) < 8 ? 300000ull : 1000000ull)

/* Once without, and once with, lists of where each page is. */
static uint64_t many_for(const struct kind *kind)
{
	bool all = !strcmp(kind->name, "vgem") || !strcmp(kind->name, "vgem-sparse");

	return all && !placed_in_short() ? MANY : MANY / 10;
}

/* Every so many is looked at: a prime. */
#define LOOK 97

/* Pages by a formula, so that there is no list of what is where. */
static void check_many(uint8_t *at, uint64_t many, uint64_t pages, uint64_t step, bool shown)
{
	catch_access();
	for (uint64_t place = 0; place < many; place += LOOK) {
		uint64_t page = place * step % pages;
		int64_t value = caught_load(page_at(at, place) + page % 1000 * 4);

		igt_assert_f(value == (shown ? (int64_t)page_value(page, SEED) : -SIGSEGV),
			     "place %llu should show page %llu, and has %llx\n",
			     (unsigned long long)place, (unsigned long long)page,
			     (unsigned long long)value);
	}
}

/**
 * SUBTEST: million
 * Description: 1,000,000 pages in one window, by one call, are one mapping, which another call, a
 *	fork and munmap(2) deal with.
 */
static void million(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	uint64_t many = many_for(kind), *list;
	uint8_t *at = placed_must_map(fd, window_args(&o, many));
	struct drm_gem_map_pages args = { .addr = placed_addr(at), .count = many };
	int vmas = count_vmas();

	for (uint64_t step = 1; step < 8; step += 4) {
		list = page_list(&o, 0, step, many);
		args.pages = placed_addr(list);
		igt_assert_eq(map_pages(fd, args), 0);
		free(list);
		check_many(at, many, PAGES, step, true);
		igt_assert_eq(count_vmas(), vmas);
	}
	igt_fork(child, 1) {
		check_many(at, many, PAGES, 5, true);
		args.pages = 0;
		igt_assert_eq(map_pages(fd, args), 0);
		check_many(at, many, PAGES, 5, false);
	}
	igt_waitchildren();
	check_many(at, many, PAGES, 5, true);
	igt_assert_eq(advise(at, 0, many, MADV_DONTNEED), 0);
	check_many(at, many, PAGES, 5, true);
	args.pages = 0;
	igt_assert_eq(map_pages(fd, args), 0);
	check_many(at, many, PAGES, 5, false);
	igt_assert_eq(count_vmas(), vmas);
	placed_unmap(at, many * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: million-of-object
 * Description: The same with as many pages of a sparse object, whose memory comes when it is touched.
 */
static void million_of_object(int fd, const struct kind *kind)
{
	uint64_t many = many_for(kind), *list = malloc(many * sizeof(*list));
	struct object o = make_object(fd, kind, many);
	uint8_t *at = placed_must_map(fd, window_args(&o, many));
	uint8_t *map = map_object(&o, NULL, 0, sizeof(void *) < 8 ? 1024 : many, RW);
	uint64_t present, last = sizeof(void *) < 8 ? 1024 : many;

	igt_assert(list);
	for (uint64_t i = 0; i < many; i++)
		list[i] = many - 1 - i;
	igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
		.addr = placed_addr(at), .pages = placed_addr(list), .count = many,
	}), 0);
	igt_assert_eq_u64(present_pages(&o), 0);

	/* A store at each end, and somewhere in between, is one in the object's other end. */
	for (uint64_t page = 0; page < last; page += last / 3) {
		store_pages(at + (many - 1 - 2 * page) * PLACED_PAGE, page, 1, 7);
		check_stored(map, page, 1, 7);
	}
	present = present_pages(&o);
	igt_assert_lt_u64(0, present);
	igt_assert_lte_u64(present, 4 * (kind->is & KIND_POOL ? PAGES_2M : 1));
	free(list);
	placed_unmap(map, last * PLACED_PAGE);
	placed_unmap(at, many * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: contents
 * Description: What was stored stays in the object while its pages are nowhere.
 */
static void contents(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);

	fill_window(&w, 1);
	for (uint32_t seed = 2; seed < 6; seed++) {
		store_window(&w, seed);
		if (seed % 2)
			put_none(&w, 0, PAGES);
		check_object(&o, 0, PAGES, seed);
		check_device(&o, 0, PAGES, seed);
		fill_window(&w, seed);
		check_window_of(&w, seed);
		store_window(&w, seed + 10);
		end_window(&w);
		w = make_window(&o, PAGES);
		check_window(&w);
		fill_window(&w, seed + 1);
		check_window_of(&w, seed + 10);
	}
	end_window(&w);
	check_object(&o, 0, PAGES, 15);
	check_device(&o, 0, PAGES, 15);
	destroy_object(&o);
}

/* Processes */

/**
 * SUBTEST: fork
 * Description: A child has the pages of the time, and then each has its own.
 */
static void fork_copies(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	struct servant *first, *second;
	uint64_t at = placed_addr(&w);

	fill_window(&w, 3);
	put_none(&w, 600, 50);
	first = servant_start();
	check_servant_window(first, &w, SEED);
	check_window(&w);

	/* The parent changes what the child has touched, and what it has not. */
	put_row(&w, 0, 100, 1, 400);
	put_none(&w, 500, 120);
	check_window(&w);
	check_servant_window(first, &w, SEED);

	/* The child does. */
	igt_assert_eq(servant_do(first, servant_put, at, 3, 9), 0);
	igt_assert_eq(servant_do(first, servant_put, at, 610, 10), 0);
	igt_assert_eq(servant_do(first, servant_put_none, at, 700, 100), 0);
	check_servant_window(first, &w, SEED);
	check_window(&w);

	second = servant_start();
	check_servant_window(second, &w, SEED);
	igt_assert_eq(servant_do(second, servant_put_none, at, 0, PAGES), 0);
	check_servant_window(second, &w, SEED);
	check_servant_window(first, &w, SEED);
	check_window(&w);

	/* What pages hold is everybody's. */
	fill_window(&w, 1);
	store_window(&w, 2);
	check_servant_window(first, &w, 2);
	igt_assert_eq(servant_do(first, servant_store_window, at, 3, 0), 0);
	fill_window(&w, 4);
	igt_assert_eq(servant_do(first, servant_put, at, 1, 5), 0);
	store_window(&w, 4);
	check_servant_window(first, &w, 4);

	/* One that ends takes nothing with it, and one that stays keeps what it has. */
	servant_kill(second);
	check_servant_window(first, &w, 4);
	check_window_of(&w, 4);
	placed_unmap(w.at, SIZE);
	check_servant_window(first, &w, 4);
	igt_assert_eq(servant_do(first, servant_put, at, 1, 6), 0);
	check_servant_window(first, &w, 4);
	servant_kill(first);
	forget_window(&w);
	check_object(&o, 0, PAGES, 4);
	check_device(&o, 0, PAGES, 4);
	destroy_object(&o);
}

/* Does a window show what it should, now and when its page tables have nothing more? */
static bool is_right_twice(const struct window *w)
{
	return first_wrong(w, SEED) == w->pages && !advise(w->at, 0, w->pages, MADV_DONTNEED) &&
	       first_wrong(w, SEED) == w->pages;
}

/* Each generation changes its own while the next does. Returns which check failed. */
static int nest(struct window *w, int depth)
{
	uint64_t place = 30 * depth;
	int status = 0;
	pid_t pid;

	if (!is_right_twice(w))
		return 1;
	if (!depth)
		return 0;

	pid = fork();
	if (pid < 0)
		return 2;
	if (!pid) {
		if (servant_put(placed_addr(w), place, 500 + depth) ||
		    servant_put_none(placed_addr(w), place + 5, 10))
			_exit(3);
		_exit(nest(w, depth - 1));
	}

	if (servant_put(placed_addr(w), place + 1, 600 + depth) ||
	    servant_put_none(placed_addr(w), place + 10, 10))
		return 4;
	if (!is_right_twice(w))
		return 5;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 6;
	if (!is_right_twice(w))
		return 7;
	return WEXITSTATUS(status);
}

/**
 * SUBTEST: fork-nested
 * Description: Children of children of children, which all change their windows.
 */
static void fork_nested(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);

	fill_window(&w, 2);
	for (int round = 0; round < 3; round++) {
		igt_assert_eq(nest(&w, 5), 0);
		check_window(&w);
	}
	end_window(&w);
	destroy_object(&o);
}

/* In a grandchild, when its parent is gone. Returns which check failed. */
static int orphan(struct window *w, pid_t parent)
{
	double end = seconds_now() + 10;

	while (getppid() == parent && seconds_now() < end)
		sched_yield();
	if (getppid() == parent)
		return 1;
	if (first_wrong(w, SEED) != w->pages)
		return 2;
	for (uint64_t place = 0; place < w->pages; place += 40)
		if (servant_put(placed_addr(w), place, place + 1))
			return 3;
	return first_wrong(w, SEED) == w->pages ? 0 : 4;
}

/**
 * SUBTEST: fork-orphan
 * Description: A window lives on in a child whose parent, and whose parent's window, is gone.
 */
static void fork_orphan(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	int ends[2], result = -1;
	pid_t middle;

	fill_window(&w, 2);
	igt_assert_eq(pipe(ends), 0);
	middle = start_child();
	if (!middle) {
		pid_t own = getpid();

		servant_put(placed_addr(&w), 7, 8);
		if (!fork()) {
			result = orphan(&w, own);
			_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
		}
		servant_put_none(placed_addr(&w), 0, w.pages);
		_exit(0);
	}
	close(ends[1]);
	end_window(&w);
	igt_assert_eq(end_child(middle, 0), 0);
	/* It ends with the last process that could write, too. */
	igt_assert_eq(read(ends[0], &result, sizeof(result)), sizeof(result));
	igt_assert_eq(result, 0);
	close(ends[0]);
	destroy_object(&o);
}

static int64_t servant_load(uint64_t addr, uint64_t unused1, uint64_t unused2)
{
	return load(placed_ptr(addr));
}

/**
 * SUBTEST: fork-without
 * Description: After MADV_DONTFORK a child has no window: SIGSEGV, and ENOENT.
 */
static void fork_without(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	uint64_t at = placed_addr(&w);
	uint8_t *map = map_all(&o);
	struct servant *servant;

	fill_window(&w, 1);
	igt_assert_eq(advise(w.at, 100, 200, MADV_DONTFORK), 0);
	servant = servant_start();
	igt_assert_eq(servant_do(servant, servant_load, place_addr(&w, 100), 0, 0), -SIGSEGV);
	igt_assert_eq(servant_do(servant, servant_put, at, 100, 1), -ENOENT);
	igt_assert_eq(servant_do(servant, servant_put, at, 299, 1), -ENOENT);
	igt_assert_eq(servant_do(servant, servant_put, at, 99, 1), 0);
	igt_assert_eq(servant_do(servant, servant_put, at, 300, 1), 0);
	/* All but these are there, with what they have shown. */
	igt_assert_eq(servant_do(servant, servant_first_wrong, at, SEED, 0), 100);
	servant_kill(servant);
	check_window(&w);

	/* Linux does not take it back for what it has marked as a device's. */
	if (!advise(map, 0, PAGES, MADV_DOFORK)) {
		igt_assert_eq(advise(w.at, 0, PAGES, MADV_DOFORK), 0);
		servant = servant_start();
		check_servant_window(servant, &w, SEED);
		servant_kill(servant);
	}
	placed_unmap(map, SIZE);
	fill_window(&w, 2);
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/* Windows that are split, moved, and advised on */

/* Places that are no part of the window any more. */
static void lose(struct window *w, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		w->shows[first + i] = GONE;
}

/* No call that names a place in first to last - 1, and others, changes anything. */
static void check_hole(struct window *w, uint64_t first, uint64_t last)
{
	uint64_t *pages = page_list(w->o, 1, 1, w->pages);
	uint64_t places[] = { 0, 1, first };

	igt_assert_eq(try_put(w, 0, pages, w->pages), -ENOENT);
	igt_assert_eq(try_put(w, 0, NULL, w->pages), -ENOENT);
	igt_assert_eq(try_put(w, first, pages, 1), -ENOENT);
	igt_assert_eq(try_put(w, last - 1, pages, 1), -ENOENT);
	if (first)
		igt_assert_eq(try_put(w, first - 1, pages, 2), -ENOENT);
	if (last < w->pages)
		igt_assert_eq(try_put(w, last - 1, pages, 2), -ENOENT);
	if (first > 2)
		igt_assert_eq(try_scatter(w, places, pages, 3), -ENOENT);
	check_window(w);
	free(pages);
}

/**
 * SUBTEST: munmap
 * Description: A window that loses parts: the rest is as it was, the part is ENOENT, and another
 *	window takes its place.
 */
static void munmap_parts(int fd, const struct kind *kind)
{
	static const struct { uint64_t first, count; } parts[] = {
		{ 0, 1 }, { 500, 30 }, { PAGES - 3, 3 }, { 100, 1 }, { 1, 37 },
	};

	for (int i = 0; i < 5; i++) {
		struct object o = make_numbered(fd, kind, PAGES);
		uint64_t first = parts[i].first, count = parts[i].count, end = first + count;
		struct window w = make_window(&o, PAGES), other;
		uint64_t *pages = page_list(&o, 5, 3, PAGES);

		fill_window(&w, 2);
		check_window(&w);
		placed_unmap(page_at(w.at, first), count * PLACED_PAGE);
		lose(&w, first, count);
		check_window(&w);
		igt_assert(placed_is_free(place_addr(&w, first), place_addr(&w, end)));
		check_hole(&w, first, end);
		if (first)
			put(&w, 0, pages, first);
		if (end < PAGES)
			put(&w, end, pages, PAGES - end);
		check_window(&w);

		/* Over the whole again by one call. */
		other = make_window_at(&o, page_at(w.at, first), count);
		check_window(&other);
		check_window(&w);
		igt_assert_eq(try_put(&w, 0, pages, PAGES), 0);
		for (uint64_t j = 0; j < PAGES; j++)
			w.shows[j] = pages[j];
		check_window(&w);
		store_window(&w, 2);
		check_window_of(&w, 2);
		put_none(&w, 0, PAGES);
		check_window(&w);
		free(pages);
		forget_window(&other);
		end_window(&w);
		destroy_object(&o);
	}
}

/**
 * SUBTEST: map-over
 * Description: Memory, a file, the object itself and a window, mapped over a part of a window.
 */
static void map_over(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);

	for (int what = 0; what < 3; what++) {
		struct window w = make_window(&o, PAGES), other;
		uint8_t *part = page_at(w.at, 300);

		fill_window(&w, 2);
		check_window(&w);
		if (what == 0)
			igt_assert(mmap(part, 50 * PLACED_PAGE, RW,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == part);
		else if (what == 1)
			map_object(&o, part, 7, 50, RW);
		else
			other = make_window_at(&o, part, 50);
		lose(&w, 300, 50);
		check_window(&w);
		if (what == 2) {
			check_window(&other);
			put_row(&other, 0, 9, 1, 50);
			check_window(&other);
			forget_window(&other);
		} else {
			check_hole(&w, 300, 350);
			*(volatile uint32_t *)part = *(volatile uint32_t *)part;
		}
		put_row(&w, 0, 3, 1, 300);
		put_row(&w, 350, 4, 1, PAGES - 350);
		check_window(&w);
		end_window(&w);
	}
	destroy_object(&o);
}

/* A place's page cannot be stored to, or not even be loaded. */
static void check_protected(const struct window *w, uint64_t first, uint64_t count, int prot)
{
	for (uint64_t place = first; place < first + count; place += 7) {
		uint8_t *at = page_at(w->at, place);

		igt_assert_eq(store(at + 4088, 1), -SIGSEGV);
		igt_assert_eq(load(at + 4088) == -SIGSEGV,
			      prot == PROT_NONE || w->shows[place] == NONE);
	}
}

/**
 * SUBTEST: mprotect
 * Description: Pages that are in, and that are put into, what cannot be written or accessed, are as
 *	the part is; all of it works again when it may.
 */
static void mprotect_parts(int fd, const struct kind *kind)
{
	static const int prots[] = { PROT_READ, PROT_NONE };
	struct object o = make_numbered(fd, kind, PAGES);

	for (int i = 0; i < 2; i++) {
		struct window w = make_window(&o, PAGES);
		uint8_t *part = page_at(w.at, 200);
		uint64_t length = 400 * PLACED_PAGE;

		fill_window(&w, 2);
		put_none(&w, 400, 10);
		check_window(&w);
		igt_assert_eq(mprotect(part, length, prots[i]), 0);
		check_protected(&w, 200, 400, prots[i]);
		if (prots[i] & PROT_READ)
			check_window(&w);

		/* Over the borders, and into places that have been touched and not. */
		put_row(&w, 100, 50, 3, 600);
		put_none(&w, 300, 20);
		check_protected(&w, 200, 400, prots[i]);
		if (prots[i] & PROT_READ)
			check_window(&w);
		igt_assert_eq(advise(w.at, 200, 400, MADV_DONTNEED), 0);
		check_protected(&w, 200, 400, prots[i]);

		igt_assert_eq(mprotect(part, length, RW), 0);
		check_window(&w);
		store_window(&w, 2);
		check_window_of(&w, 2);
		fill_window(&w, 1);
		store_window(&w, SEED);
		check_window(&w);
		check_device(&o, 0, PAGES, SEED);
		end_window(&w);
	}
	check_object(&o, 0, PAGES, SEED);
	destroy_object(&o);
}

/**
 * SUBTEST: mremap
 * Description: A window, and a part of it, moves with its pages; it does not grow and is not doubled.
 */
static void mremap_parts(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES), part = { .o = &o, .pages = 300 };
	uint8_t *to = reserve(PAGES), *away = reserve(300), *old = w.at;

	fill_window(&w, 2);
	put_none(&w, 30, 5);
	check_window(&w);
	igt_assert(mremap(w.at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	w.at = to;
	check_window(&w);
	igt_assert(load(old) == -SIGSEGV);
	igt_assert_eq(map_pages(fd, (struct drm_gem_map_pages) {
		.addr = placed_addr(old), .count = 1,
	}), -ENOENT);
	put_row(&w, 100, 3, 7, 400);
	check_window(&w);

	igt_assert(mremap(w.at, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	igt_assert(mremap(w.at, 0, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	igt_assert(mremap(w.at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL) == MAP_FAILED);
	check_window(&w);

	/* The middle of it. */
	igt_assert(mremap(page_at(w.at, 400), 300 * PLACED_PAGE, 300 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, away) == away);
	part.at = away;
	part.shows = malloc(300 * sizeof(*part.shows));
	igt_assert(part.shows);
	memcpy(part.shows, w.shows + 400, 300 * sizeof(*part.shows));
	lose(&w, 400, 300);
	check_window(&part);
	check_window(&w);
	check_hole(&w, 400, 700);
	put_row(&part, 0, 1, 5, 200);
	put_none(&part, 250, 50);
	put_row(&w, 0, 77, 1, 400);
	put_row(&w, 700, 78, 1, PAGES - 700);
	check_window(&part);
	check_window(&w);

	/* It shrinks. */
	igt_assert(mremap(part.at, 300 * PLACED_PAGE, 100 * PLACED_PAGE, 0) == part.at);
	lose(&part, 100, 200);
	check_window(&part);
	igt_assert_eq(try_put(&part, 99, NULL, 2), -ENOENT);
	check_window(&part);

	/* And back: what was there is replaced. */
	igt_assert(mremap(part.at, 100 * PLACED_PAGE, 100 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(w.at, 350)) == page_at(w.at, 350));
	memcpy(w.shows + 350, part.shows, 100 * sizeof(*part.shows));
	check_window(&w);
	put_row(&w, 0, 5, 2, 450);
	check_window(&w);
	store_window(&w, SEED);
	check_device(&o, 0, PAGES, SEED);
	forget_window(&part);
	placed_unmap(page_at(away, 100), 200 * PLACED_PAGE);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: populate
 * Description: MADV_POPULATE_READ and _WRITE bring the pages that are in the window; where one is
 *	missing, they are EFAULT.
 */
static void populate(int fd, const struct kind *kind)
{
	static const int advices[] = { MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	struct object o = make_numbered(fd, kind, PAGES);

	for (int i = 0; i < 2; i++) {
		struct window w = make_window(&o, PAGES);

		igt_assert_eq(advise(w.at, 0, PAGES, advices[i]), -EFAULT);
		fill_window(&w, 3);
		igt_assert_eq(advise(w.at, 0, PAGES, MADV_DONTNEED), 0);
		igt_assert_eq(advise(w.at, 0, PAGES, advices[i]), 0);
		igt_assert_eq(READ_FAULTS(w.at, 0, PAGES), 0);
		/* The tracker sees each store. */
		if (i && !(kind->is & KIND_COHERENT))
			igt_assert_eq(WRITE_FAULTS(w.at, 0, PAGES), 0);
		check_window(&w);

		put_none(&w, 600, 1);
		igt_assert_eq(advise(w.at, 0, PAGES, MADV_DONTNEED), 0);
		igt_assert_eq(advise(w.at, 0, PAGES, advices[i]), -EFAULT);
		igt_assert_eq(advise(w.at, 600, 1, advices[i]), -EFAULT);
		igt_assert_eq(advise(w.at, 0, 600, advices[i]), 0);
		igt_assert_eq(advise(w.at, 601, PAGES - 601, advices[i]), 0);
		igt_assert_eq(READ_FAULTS(w.at, 0, 600), 0);
		igt_assert_eq(READ_FAULTS(w.at, 601, PAGES - 601), 0);
		check_window(&w);
		end_window(&w);
	}
	destroy_object(&o);
}

/**
 * SUBTEST: dontneed
 * Description: After MADV_DONTNEED the same pages come again, with the next access.
 */
static void dontneed(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);

	igt_assert_eq(advise(w.at, 0, PAGES, MADV_DONTNEED), 0);
	fill_window(&w, 3);
	put_none(&w, 100, 20);
	for (uint32_t seed = 2; seed < 5; seed++) {
		store_window(&w, seed);
		igt_assert_eq(advise(w.at, seed, 700, MADV_DONTNEED), 0);
		igt_assert_lt_u64(0, READ_FAULTS(w.at, 200, 1));
		check_window_of(&w, seed);
	}
	/* Other pages, where entries were dropped. */
	igt_assert_eq(advise(w.at, 0, PAGES, MADV_DONTNEED), 0);
	put_row(&w, 100, 400, 0, 20);
	store_window(&w, SEED);
	put_row(&w, 0, 5, 4, 700);
	put_none(&w, 800, 10);
	/* The pages that were at the places without any are as they were made. */
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: other-advice
 * Description: MADV_REMOVE is refused, of a page of an object that is sparse, too; so is what is for
 *	memory proper. All pages stay.
 */
static void other_advice(int fd, const struct kind *kind)
{
	static const struct { int advice, answer; } table[] = {
		{ MADV_REMOVE, -EOPNOTSUPP }, { MADV_FREE, -EINVAL }, { MADV_COLD, -EINVAL },
		{ MADV_PAGEOUT, -EINVAL }, { MADV_WIPEONFORK, -EINVAL },
	};
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);

	for (int full = 0; full < 2; full++) {
		for (int i = 0; i < 5; i++)
			igt_assert_eq(advise(w.at, 0, PAGES, table[i].advice), table[i].answer);
		check_window(&w);
		fill_window(&w, 4);
	}
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: mlock
 * Description: Windows under mlock(2) and mlockall(2): they are made, and work.
 */
static void locked(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);

	igt_fork(child, 1) {
		struct window w, other;

		igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		w = make_window(&o, PAGES);
		check_window(&w);
		fill_window(&w, 3);
		check_window(&w);
		igt_assert_eq(munlockall(), 0);
		other = make_window(&o, 100);
		/* As memory that is not to be accessed. */
		igt_assert(mlock(other.at, 100 * PLACED_PAGE) == -1 && errno == ENOMEM);
		fill_window(&other, 3);
		igt_assert_eq(mlock(other.at, 100 * PLACED_PAGE), 0);
		check_window(&other);
		put_row(&other, 3, 90, 1, 40);
		check_window(&other);
		end_window(&other);
		check_window(&w);
		end_window(&w);
	}
	igt_waitchildren();
	destroy_object(&o);
}

/* Sparse objects */

/**
 * SUBTEST: touch
 * Description: Putting a page somewhere allocates nothing; touching it does.
 */
static void touch(int fd, const struct kind *kind)
{
	const uint64_t brought = kind->is & KIND_POOL ? PAGES_2M : 1;
	struct object o = make_object(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	uint8_t *map = map_all(&o);

	fill_window(&w, 2);
	put_none(&w, 0, 10);
	igt_assert_eq_u64(present_pages(&o), 0);
	/* Place 100 shows page 202. */
	igt_assert(load(page_at(w.at, 100)) == 0);
	igt_assert_eq_u64(present_pages(&o), brought);
	store_pages(page_at(w.at, 100) - 202 * PLACED_PAGE, 202, 1, SEED);
	igt_assert_eq_u64(present_pages(&o), brought);
	check_zero(map, 0, 202);
	check_stored(map, 202, 1, SEED);
	check_zero(map, 203, PAGES - 203);
	placed_unmap(map, SIZE);
	end_window(&w);
	destroy_object(&o);
}

/* Each place shows what another process, or this, sees as zero? */
static int64_t servant_all_zero(uint64_t window, uint64_t unused1, uint64_t unused2)
{
	const struct window *w = placed_ptr(window);
	uint64_t place = 0;

	catch_access();
	while (place < w->pages &&
	       caught_load(page_at(w->at, place) + w->shows[place] % 1000 * 4) == 0)
		place++;
	return place;
}

/**
 * SUBTEST: discard
 * Description: Pages that are in windows of several processes, and are discarded: all read zeros
 *	then, and find what is stored later.
 */
static void discard(int fd, const struct kind *kind)
{
	for (int way = 0; way < 2; way++) {
		struct object o = make_numbered(fd, kind, PAGES);
		struct window w = make_window(&o, PAGES), other = make_window(&o, 2 * PAGES);
		uint8_t *map = map_all(&o);
		struct servant *servant;

		fill_window(&w, 3);
		fill_window(&other, 1);
		check_window(&w);
		check_window(&other);
		servant = servant_start();
		check_servant_window(servant, &w, SEED);
		igt_assert_eq_u64(present_pages(&o), PAGES);

		if (way)
			igt_assert_eq(advise(map, 0, PAGES, MADV_REMOVE), 0);
		else
			igt_assert_eq(discard_object(&o, 0, PAGES), 0);
		igt_assert_eq_u64(present_pages(&o), 0);
		igt_assert_eq_u64(servant_all_zero(placed_addr(&w), 0, 0), PAGES);
		igt_assert_eq_u64(servant_all_zero(placed_addr(&other), 0, 0), 2 * PAGES);
		igt_assert_eq_u64(servant_do(servant, servant_all_zero, placed_addr(&w), 0, 0),
				  PAGES);

		igt_assert_eq(servant_do(servant, servant_store_window, placed_addr(&w), 5, 0), 0);
		check_window_of(&w, 5);
		check_window_of(&other, 5);
		check_stored(map, 0, PAGES, 5);

		/* A part, once more, which is nowhere mapped meanwhile. */
		put_none(&w, 0, PAGES);
		igt_assert_eq(discard_object(&o, 100, 50), 0);
		check_zero(map, 100, 50);
		check_stored(map, 150, 50, 5);
		/* Place 99 shows page 100. */
		for (uint64_t place = 99; place < 149; place++)
			igt_assert(load(page_at(other.at, place) + (place + 1) % 1000 * 4) == 0);
		igt_assert_eq(servant_do(servant, servant_store_window, placed_addr(&w), 6, 0), 0);
		check_window_of(&other, 6);
		check_device(&o, 0, PAGES, 6);
		servant_kill(servant);
		placed_unmap(map, SIZE);
		end_window(&other);
		end_window(&w);
		destroy_object(&o);
	}
}

/* Life */

/* Wait until the device has given up the objects that nobody has any more. */
static void wait_without_handle(int fd, int count)
{
	for (int i = 0; i < 1000 && placed_count(fd).without_handle > count; i++)
		usleep(1000);
	igt_assert_eq(placed_count(fd).without_handle, count);
}

/**
 * SUBTEST: close
 * Description: A window keeps an object without a handle, and one whose file is closed; pages of it
 *	are mapped as before.
 */
static void close_both(int fd, const struct kind *kind)
{
	wait_without_handle(fd, 0);
	for (int file = 0; file < 2; file++) {
		struct object o = make_numbered(file ? placed_open(kind->driver) : fd, kind, PAGES);
		struct window w = make_window(&o, PAGES), other = make_window(&o, 10);

		fill_window(&w, 2);
		check_window(&w);
		destroy_object(&o);
		if (file)
			close(o.fd);
		o.fd = fd;
		/* The windows may count, too. */
		igt_assert(placed_count(fd).without_handle > 0);
		check_window(&w);
		fill_window(&w, 3);
		fill_window(&other, 3);
		check_window(&w);
		check_window(&other);
		placed_unmap(page_at(w.at, 10), PLACED_PAGE);
		lose(&w, 10, 1);
		check_window(&w);
		end_window(&w);
		igt_assert(placed_count(fd).without_handle > 0);
		check_window(&other);
		put_row(&other, 1, 8, 1, 4);
		check_window(&other);
		end_window(&other);
		wait_without_handle(fd, 0);
	}
}

/**
 * SUBTEST: rights
 * Description: Windows for reading, and for writing only; files that are open for reading.
 */
static void rights(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES), there = o;
	struct drm_gem_mmap_placed args = window_args(&o, PAGES);
	struct window w;

	args.flags = window_flags(PROT_READ);
	w = window_of(&o, args);
	fill_window(&w, 2);
	check_window(&w);
	check_protected(&w, 0, PAGES, PROT_READ);
	fill_window(&w, 3);
	check_protected(&w, 0, PAGES, PROT_READ);
	check_window(&w);
	igt_assert_eq(advise(w.at, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	/* The file is open for writing. */
	igt_assert_eq(mprotect(w.at, SIZE, RW), 0);
	store_window(&w, 2);
	check_window_of(&w, 2);
	end_window(&w);

	args.flags = window_flags(PROT_WRITE);
	w = window_of(&o, args);
	put_row(&w, 0, 0, 1, PAGES);
	store_pages(w.at, 0, PAGES, SEED);
	igt_assert_eq(store(page_at(w.at, 3), 7), 0);
	igt_assert_eq(store(page_at(w.at, 3), 0), 0);
	end_window(&w);
	check_object(&o, 0, PAGES, SEED);
	check_device(&o, 0, PAGES, SEED);

	if (kind->is & KIND_SPARSE) {
		destroy_object(&o);
		return;
	}
	there.fd = placed_open_node(kind->driver, "card", O_RDONLY);
	igt_assert(there.fd >= 0);
	there.handle = copy_share(fd, o.handle, there.fd);
	args = window_args(&there, PAGES);
	refuse_window(&there, args, EACCES);
	args.flags = window_flags(PROT_READ);
	w = window_of(&there, args);
	fill_window(&w, 2);
	check_window(&w);
	check_protected(&w, 0, PAGES, PROT_READ);
	igt_assert(mprotect(w.at, SIZE, RW) == -1 && errno == EACCES);
	check_protected(&w, 0, PAGES, PROT_READ);
	end_window(&w);
	close(there.fd);
	destroy_object(&o);
}

/* Coherent windows */

/**
 * SUBTEST: coherent-flag
 * Description: DRM_GEM_MMAP_PLACED_COHERENT with a window: EOPNOTSUPP where it would be so without
 *	one.
 */
static void coherent_flag(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct drm_gem_mmap_placed args = window_args(&o, PAGES), plain = args;
	struct window w;
	int ret;

	args.flags |= DRM_GEM_MMAP_PLACED_COHERENT;
	plain.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT;
	ret = placed_map(fd, &plain);
	if (ret) {
		igt_assert_eq(ret, -EOPNOTSUPP);
		refuse_window(&o, args, EOPNOTSUPP);
		destroy_object(&o);
		return;
	}
	placed_unmap(placed_ptr(plain.addr), SIZE);
	w = window_of(&o, args);
	check_window(&w);
	fill_window(&w, 3);
	check_window(&w);
	store_window(&w, 2);
	check_device(&o, 0, PAGES, 2);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-stores
 * Description: Stores through a window arrive at the device, in the pages that the addresses show,
 *	in whichever order they come.
 */
static void coherent_stores(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, 2 * PAGES);
	unsigned int seed = 4;

	check_device(&o, 0, PAGES, SEED);
	for (uint32_t round = 2; round < 8; round++) {
		uint64_t *places = shuffled(w.pages, &seed), *pages = shuffled(PAGES, &seed);

		/* In one half of the window each page once. */
		scatter(&w, places, pages, PAGES);
		scatter(&w, places + PAGES, NULL, PAGES);
		for (uint64_t i = 0; i < PAGES; i++)
			*page_word(page_at(w.at, places[i]) - pages[i] * PLACED_PAGE, pages[i]) =
				page_value(pages[i], round);
		check_device(&o, 0, PAGES, round);
		/* And once more: entries that are there, and clean. */
		store_window(&w, round + 20);
		check_device(&o, 0, PAGES, round + 20);
		check_window_of(&w, round + 20);
		store_window(&w, round);
		check_device(&o, 0, PAGES, round);
		free(places);
		free(pages);
	}
	end_window(&w);
	check_object(&o, 0, PAGES, 7);
	destroy_object(&o);
}

enum {
	LOST_REMAP, LOST_NONE, LOST_MUNMAP, LOST_MAP_OVER, LOST_DONTNEED, LOST_MREMAP,
	LOST_MPROTECT, LOST_CHILD, LOST_CHILD_KILLED, LOST_PAGES_OUT, LOST_WAYS
};

/* What may take stores with it that the device has not seen. */
static void lose_stores(struct window *w, int way, uint32_t seed)
{
	uint8_t *to;
	pid_t pid;

	switch (way) {
	case LOST_REMAP:
		put_row(w, 0, 3, 0, w->pages);
		break;
	case LOST_NONE:
		put_none(w, 0, w->pages);
		break;
	case LOST_MUNMAP:
		placed_unmap(w->at, w->pages * PLACED_PAGE);
		break;
	case LOST_MAP_OVER:
		igt_assert(mmap(w->at, w->pages * PLACED_PAGE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == w->at);
		break;
	case LOST_DONTNEED:
		igt_assert_eq(advise(w->at, 0, w->pages, MADV_DONTNEED), 0);
		break;
	case LOST_MREMAP:
		to = reserve(w->pages);
		igt_assert(mremap(w->at, w->pages * PLACED_PAGE, w->pages * PLACED_PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		w->at = to;
		break;
	case LOST_MPROTECT:
		igt_assert_eq(mprotect(w->at, w->pages * PLACED_PAGE, PROT_NONE), 0);
		break;
	case LOST_CHILD:
	case LOST_CHILD_KILLED:
		/* It stores in the parent's stead, and in other places. */
		fflush(stdout);
		pid = start_child();
		if (!pid) {
			servant_put_none(placed_addr(w), 0, w->pages);
			if (!servant_put(placed_addr(w), 7, 9))
				servant_put(placed_addr(w), 9, 7);
			store_window(w, seed);
			if (way == LOST_CHILD_KILLED)
				kill(getpid(), SIGKILL);
			_exit(0);
		}
		end_child(pid, 0);
		break;
	case LOST_PAGES_OUT:
		/* One call takes all pages out that another window has, too. */
		for (uint64_t place = 0; place < w->pages; place += 2)
			put_none(w, place, 1);
		break;
	}
}

/**
 * SUBTEST: coherent-lost
 * Description: Stores arrive whose window, or page in it, is gone before the device looks.
 */
static void coherent_lost(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);

	for (int way = 0; way < LOST_WAYS; way++)
		for (uint32_t seed = 2; seed < 4; seed++) {
			struct window w = make_window(&o, PAGES);

			put_row(&w, 0, 0, 1, PAGES);
			/* With entries that are clean, and without any. */
			if (seed == 3) {
				store_window(&w, 9);
				check_device(&o, 0, PAGES, 9);
			}
			store_window(&w, seed + way);
			lose_stores(&w, way, seed + way);
			igt_debug("way %d\n", way);
			check_device(&o, 0, PAGES, seed + way);
			check_object(&o, 0, PAGES, seed + way);
			end_window(&w);
		}
	destroy_object(&o);
}

/* Only these: a shared page is stored to by one. */
static void store_where(const struct window *w, uint64_t from, uint64_t step, uint32_t seed)
{
	for (uint64_t place = from; place < w->pages; place += step)
		*page_word(page_at(w->at, place) - w->shows[place] * PLACED_PAGE,
			   w->shows[place]) = page_value(w->shows[place], seed);
}

/**
 * SUBTEST: coherent-parts
 * Description: Some stores, through windows of two processes, another window and plain mappings: the
 *	device sees each, and the pages that are sent are those that were stored to.
 */
static void coherent_parts(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES), other = make_window(&o, PAGES);
	uint8_t *map = map_all(&o), *seen = malloc(SIZE);
	struct drm_placed_copy_op op;
	struct servant *servant;

	igt_assert(seen);
	put_row(&w, 0, PAGES - 1, PAGES - 1, PAGES);
	put_row(&other, 0, 0, 1, PAGES);
	servant = servant_start();
	check_device(&o, 0, PAGES, SEED);
	for (uint32_t round = 2; round < 5; round++) {
		store_where(&w, 0, 40, round);
		store_where(&other, 0, 40, round);
		/* Neither window stores to page 21. */
		store_pages(map, 21, 1, round);
		op = copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, SIZE, seen);
		/* PAGES - 1 - 40 * i and 40 * i are different pages, but for none. */
		igt_assert_eq_u64(op.pages, 2 * ((PAGES + 39) / 40) + 1);
		for (uint64_t page = 0; page < PAGES; page += 40) {
			check_stored(seen, page, 1, round);
			check_stored(seen, PAGES - 1 - page, 1, round);
		}
		check_stored(seen, 21, 1, round);
		op = copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, SIZE, seen);
		igt_assert_eq_u64(op.pages, 0);
	}
	igt_assert_eq(servant_do(servant, servant_store_window, placed_addr(&w), 8, 0), 0);
	check_device(&o, 0, PAGES, 8);
	servant_kill(servant);
	free(seen);
	placed_unmap(map, SIZE);
	end_window(&w);
	end_window(&other);
	destroy_object(&o);
}

/* Store to every so many places, and see that the device has that, and what it had. */
static void store_and_check(const struct window *w, uint64_t from, uint64_t step, uint32_t *seeds)
{
	uint8_t *seen;

	for (uint64_t place = from; place < w->pages; place += step) {
		uint64_t page = w->shows[place];

		seeds[page]++;
		*page_word(page_at(w->at, place) - page * PLACED_PAGE, page) =
			page_value(page, seeds[page]);
	}
	seen = device_sees(w->o);
	for (uint64_t page = 0; page < PAGES; page++)
		check_stored(seen, page, 1, seeds[page]);
	free(seen);
}

/**
 * SUBTEST: coherent-patterns
 * Description: Nothing is missing while places are stored to densely, sparsely or not, by turns.
 */
static void coherent_patterns(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	uint32_t seeds[PAGES];

	for (uint64_t page = 0; page < PAGES; page++)
		seeds[page] = SEED;
	fill_window(&w, 2);
	for (uint64_t turn = 0; turn < 4; turn++) {
		for (int i = 0; i < COPY_PHASE; i++)
			store_and_check(&w, 0, 1, seeds);
		for (int i = 0; i < COPY_PHASE; i++)
			store_and_check(&w, turn, 40, seeds);
		for (int i = 0; i < COPY_PHASE; i++)
			store_and_check(&w, PAGES, 1, seeds);
		store_and_check(&w, 0, 3, seeds);
		if (turn == 1)
			fill_window(&w, 5);
	}
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-device-writes
 * Description: Windows show what the device wrote, in pages that were there and that are put there
 *	later; and what is stored then is not lost.
 */
static void coherent_device_writes(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, PAGES);
	const uint64_t half = PAGES / 2;
	uint8_t *data = calloc(1, SIZE);

	igt_assert(data);
	fill_window(&w, 2);
	check_window(&w);
	for (uint32_t seed = 2; seed < 8; seed++) {
		store_pages(data, 0, PAGES, seed);
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 0, SIZE, data);
		if (seed % 2)
			fill_window(&w, seed);
		check_window_of(&w, seed);
		store_window(&w, seed + 20);
		check_device(&o, 0, PAGES, seed + 20);
		/* Half of it by the device, half by stores. */
		store_window(&w, seed + 10);
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 0, half * PLACED_PAGE, data);
		catch_access();
		for (uint64_t place = 0; place < PAGES; place++)
			igt_assert(place_is_right(&w, place, w.shows[place] < half ?
						  seed : seed + 10));
	}
	free(data);
	end_window(&w);
	destroy_object(&o);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "create", "Windows of several sizes", create, 0, KIND_NO_WINDOWS },
		{ "create-placed", "Windows at chosen places", create_placed, 0, KIND_NO_WINDOWS },
		{ "create-arguments", "What no window is made of", create_arguments, 0, KIND_NO_WINDOWS },
		{ "create-largest", "The largest window", create_largest, 0, KIND_NO_WINDOWS },
		{ "capability", "DRM_CAP_GEM_MMAP_PLACED", has_capability, 0, KIND_NO_WINDOWS },
		{ "not-supported", "Objects that no window shows", not_supported, KIND_NO_WINDOWS,
		  KIND_ORDINARY },
		{ "imported", "Objects that came as a dma-buf", imported, 0,
		  KIND_ORDINARY | KIND_SPARSE | KIND_UNSHARED },
		{ "fake-offset", "What windows are mapped from", fake_offset, 0, KIND_NO_WINDOWS },
		{ "access", "Addresses without a page", access_empty, 0, KIND_NO_WINDOWS },
		{ "consecutive", "Addresses in a row", consecutive, 0, KIND_NO_WINDOWS },
		{ "scattered", "Addresses in any order", scattered, 0, KIND_NO_WINDOWS },
		{ "remap", "Pages that are replaced", remap, 0, KIND_NO_WINDOWS },
		{ "unmap", "Pages that go", unmap, 0, KIND_NO_WINDOWS },
		{ "alias", "A page at several addresses", alias, 0, KIND_NO_WINDOWS },
		{ "windows", "Several windows on an object", windows, 0, KIND_NO_WINDOWS },
		{ "other-file", "Calls through other files", other_file, 0, KIND_NO_WINDOWS },
		{ "two-objects", "Windows on two objects", two_objects, 0, KIND_NO_WINDOWS },
		{ "million", "1,000,000 pages in a window", million, 0, KIND_NO_WINDOWS },
		/* Others have a copy on the host, which has no room for it. */
		{ "million-of-object", "1,000,000 pages of an object", million_of_object,
		  KIND_SPARSE, KIND_HIDDEN_COPY | KIND_COPY },
		{ "contents", "Contents of pages that are nowhere", contents, 0, KIND_NO_WINDOWS },
		{ "fork", "Parent and child", fork_copies, 0, KIND_NO_WINDOWS },
		{ "fork-nested", "Children of children", fork_nested, 0, KIND_NO_WINDOWS },
		{ "fork-orphan", "A parent that is gone", fork_orphan, 0, KIND_NO_WINDOWS },
		{ "fork-without", "MADV_DONTFORK", fork_without, 0, KIND_NO_WINDOWS },
		{ "munmap", "Windows that lose parts", munmap_parts, 0, KIND_NO_WINDOWS },
		{ "map-over", "Mappings over a part", map_over, 0, KIND_NO_WINDOWS },
		{ "mprotect", "Parts that may not be accessed", mprotect_parts, 0, KIND_NO_WINDOWS },
		{ "mremap", "Windows that are moved", mremap_parts, 0, KIND_NO_WINDOWS },
		{ "populate", "MADV_POPULATE_READ and _WRITE", populate, 0, KIND_NO_WINDOWS },
		{ "dontneed", "MADV_DONTNEED", dontneed, 0, KIND_NO_WINDOWS },
		{ "other-advice", "MADV_REMOVE and others", other_advice, 0, KIND_NO_WINDOWS },
		{ "mlock", "mlock(2) and mlockall(2)", locked, 0, KIND_NO_WINDOWS },
		{ "touch", "Memory that comes when it is touched", touch, KIND_SPARSE, 0 },
		{ "discard", "Pages that are discarded", discard, KIND_SPARSE, 0 },
		{ "close", "No handle, and no file", close_both, 0, KIND_NO_WINDOWS },
		{ "rights", "Reading, writing, and read-only files", rights, 0, KIND_NO_WINDOWS },
		{ "coherent-flag", "DRM_GEM_MMAP_PLACED_COHERENT", coherent_flag, 0, KIND_NO_WINDOWS },
		{ "coherent-stores", "Stores arrive at the device", coherent_stores, KIND_COHERENT,
		  KIND_NO_WINDOWS },
		{ "coherent-lost", "Stores whose window is gone", coherent_lost, KIND_COHERENT,
		  KIND_NO_WINDOWS },
		{ "coherent-parts", "Stores by several ways", coherent_parts,
		  KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
		{ "coherent-patterns", "Stores that are many and few by turns", coherent_patterns,
		  KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
		/* The copy alone knows what the device writes. */
		{ "coherent-device-writes", "What the device wrote", coherent_device_writes,
		  KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
	};

	KIND_RUN_TESTS(tests);
}
