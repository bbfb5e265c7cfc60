// SPDX-License-Identifier: MIT

/**
 * TEST: placed duplicate
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: Duplicates of mappings: what they show, where they are, what may be done with
 *	them, and what has none.
 */

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stddef.h>

#include "placed_sparse.h"

IGT_TEST_DESCRIPTION("Maps once more what is mapped.");

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define PAGES 16
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

#define READ DRM_GEM_MMAP_PLACED_READ
#define WRITE DRM_GEM_MMAP_PLACED_WRITE

/* Arguments that work, for a test to change one thing. */
static struct drm_gem_mmap_placed once_more(const void *from, uint64_t pages)
{
	return (struct drm_gem_mmap_placed) {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR, .length = pages * PLACED_PAGE,
		.from_addr = placed_addr(from),
	};
}

/* What /proc/self/maps says of some addresses. */
struct description {
	char text[4096];
};

static struct description describe(const void *at, uint64_t size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	struct description d = {};
	uint64_t start, end;
	char rest[256];
	size_t used = 0;

	igt_assert(maps);
	while (placed_next_map(maps, &start, &end, rest, sizeof(rest))) {
		if (end <= placed_addr(at) || start >= placed_addr(at) + size)
			continue;
		used += snprintf(d.text + used, sizeof(d.text) - used, "%llx-%llx %s",
				 (unsigned long long)start, (unsigned long long)end, rest);
		igt_assert(used < sizeof(d.text));
	}
	fclose(maps);
	return d;
}

static void check_rights_from(const void *at, uint64_t pages, const char *rights, const char *func,
			      int line)
{
	uint64_t next = placed_addr(at), last = next + pages * PLACED_PAGE, start, end;
	FILE *maps = fopen("/proc/self/maps", "r");
	char rest[256];

	igt_assert(maps);
	while (placed_next_map(maps, &start, &end, rest, sizeof(rest))) {
		if (end <= placed_addr(at) || start >= last)
			continue;
		igt_assert_f(start <= next && !strncmp(rest, rights, 4), "%s:%d: not %s: %s", func,
			     line, rights, rest);
		next = end;
	}
	fclose(maps);
	igt_assert_f(next >= last, "%s:%d: not all of it is mapped\n", func, line);
}

#define check_rights(at, pages, rights) check_rights_from(at, pages, rights, __func__, __LINE__)

/* A duplicate that has to work, and leaves the original as it is. */
static uint8_t *must_duplicate(int fd, struct drm_gem_mmap_placed args)
{
	struct description before = describe(placed_ptr(args.from_addr), args.length), after;
	uint8_t *map = placed_must_map(fd, args);

	after = describe(placed_ptr(args.from_addr), args.length);
	igt_assert_f(!strcmp(before.text, after.text), "the original was\n%sand is\n%s",
		     before.text, after.text);
	return map;
}

static uint8_t *duplicate(const struct object *o, const uint8_t *from, uint64_t pages)
{
	return must_duplicate(o->fd, once_more(from, pages));
}

/* One that has to fail, and leaves everything as it is. */
static void must_not_duplicate(int fd, const struct object *o, struct drm_gem_mmap_placed args,
			       int error)
{
	struct description before, after;
	struct placed_counts counts;

	settle(o);
	if (fd != o->fd)
		counts = placed_count(o->fd);
	before = describe(placed_ptr(args.from_addr), SIZE);
	placed_must_fail(fd, args, error);
	after = describe(placed_ptr(args.from_addr), SIZE);
	igt_assert_f(!strcmp(before.text, after.text), "the original was\n%sand is\n%s",
		     before.text, after.text);
	if (fd != o->fd)
		placed_assert_same_counts(o->fd, counts);
}

static bool has_middle(const struct kind *kind)
{
	return !(kind->is & KIND_PLAIN);
}

/* Another device's file, which has nothing to do with the object. */
static int open_another(const struct kind *kind)
{
	int fd = placed_open(strcmp(kind->driver, "vgem") ? "vgem" : "placed_copy");

	igt_assert(fd >= 0);
	return fd;
}

/* An object with a number in each page, and a mapping of all of it. */
static struct object make_mapped(int fd, const struct kind *kind, uint8_t **map)
{
	struct object o = make_object(fd, kind, PAGES);

	*map = map_all(&o);
	store_pages(*map, 0, PAGES, 1);
	return o;
}

static void finish(struct object *o, uint8_t *map)
{
	placed_unmap(map, SIZE);
	destroy_object(o);
}

/* What they show */

/**
 * SUBTEST: both-ways
 * Description: A duplicate shows the same memory, both ways, and outlives the original.
 */
static void both_ways(int fd, const struct kind *kind)
{
	uint8_t *map, *copy, *copy_of_copy, *whole;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);
	struct placed_counts before;

	settle(&o);
	before = placed_count(fd);
	args.range_end = PLACED_4G;
	copy = must_duplicate(fd, args);
	igt_assert_lte_u64(placed_addr(copy) + SIZE, PLACED_4G);
	igt_assert(copy + SIZE <= map || map + SIZE <= copy);
	check_rights(copy, PAGES, "rw-s");
	check_stored(copy, 0, PAGES, 1);
	store_pages(copy, 0, PAGES, 2);
	check_stored(map, 0, PAGES, 2);
	store_pages(map, 3, 5, 3);
	check_stored(copy, 0, 3, 2);
	check_stored(copy, 3, 5, 3);

	/* A duplicate is as good an original. */
	copy_of_copy = duplicate(&o, copy, PAGES);
	placed_unmap(copy, SIZE);
	check_stored(copy_of_copy, 8, PAGES - 8, 2);
	placed_unmap(map, SIZE);
	store_pages(copy_of_copy, 0, PAGES, 4);
	whole = map_all(&o);
	check_stored(whole, 0, PAGES, 4);
	placed_unmap(copy_of_copy, SIZE);
	settle(&o);
	placed_assert_same_counts(fd, before);
	finish(&o, whole);
}

/**
 * SUBTEST: description
 * Description: /proc/self/maps says the same of a duplicate as of its original.
 */
static void description(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);
	struct description was = describe(map, SIZE), is;

	/* The addresses are others: compare what comes behind them. */
	copy = duplicate(&o, map, PAGES);
	is = describe(copy, SIZE);
	igt_assert_f(!strcmp(strchr(is.text, ' '), strchr(was.text, ' ')), "%sand\n%s", was.text,
		     is.text);
	placed_unmap(copy, SIZE);
	finish(&o, map);
}

/**
 * SUBTEST: parts
 * Description: Duplicates of parts of mappings of the whole, and of a part.
 */
static void parts(int fd, const struct kind *kind)
{
	uint8_t *map, *part, *copy;
	struct object o = make_mapped(fd, kind, &map);

	copy = duplicate(&o, map, 5);
	check_stored(copy, 0, 5, 1);
	placed_unmap(copy, 5 * PLACED_PAGE);
	if (!has_middle(kind)) {
		for (int first = 1; first < PAGES; first += 7)
			must_not_duplicate(fd, &o, once_more(page_at(map, first), 1), EOPNOTSUPP);
		finish(&o, map);
		return;
	}

	for (int first = 0; first <= PAGES - 3; first++) {
		copy = duplicate(&o, page_at(map, first), 3);
		check_stored(copy - first * PLACED_PAGE, first, 3, 1);
		placed_unmap(copy, 3 * PLACED_PAGE);
	}

	part = map_object(&o, NULL, 5, 7, RW);
	for (int first = 0; first < 7; first++) {
		uint64_t pages = 7 - first;

		copy = duplicate(&o, page_at(part, first), pages);
		check_stored(copy - (5 + first) * PLACED_PAGE, 5 + first, pages, 1);
		placed_unmap(copy, pages * PLACED_PAGE);
	}

	/* Of what is left of a mapping. */
	placed_unmap(part, 2 * PLACED_PAGE);
	placed_unmap(page_at(part, 6), PLACED_PAGE);
	copy = duplicate(&o, page_at(part, 2), 4);
	check_stored(copy - 7 * PLACED_PAGE, 7, 4, 1);
	placed_unmap(copy, 4 * PLACED_PAGE);
	placed_unmap(page_at(part, 2), 4 * PLACED_PAGE);
	finish(&o, map);
}

/**
 * SUBTEST: in-a-row
 * Description: Several mappings whose pages are in a row have one duplicate, others have none.
 */
static void in_a_row(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES), other = make_object(fd, kind, PAGES);
	uint8_t *whole = map_all(&o), *place = reserve(PAGES), *copy;

	store_pages(whole, 0, PAGES, 1);
	map_object(&o, place, 0, 8, RW);
	map_object(&o, page_at(place, 8), 8, 8, RW);
	copy = duplicate(&o, place, PAGES);
	check_stored(copy, 0, PAGES, 1);
	placed_unmap(copy, SIZE);

	/* The same pages once more; pages that are missing, or that are before the others. */
	map_object(&o, page_at(place, 8), 0, 8, RW);
	must_not_duplicate(fd, &o, once_more(place, PAGES), ENOENT);
	map_object(&o, page_at(place, 8), 7, 8, RW);
	must_not_duplicate(fd, &o, once_more(place, PAGES), ENOENT);
	map_object(&o, page_at(place, 8), 9, 7, RW);
	must_not_duplicate(fd, &o, once_more(place, PAGES - 1), ENOENT);
	map_object(&o, page_at(place, 4), 3, 4, RW);
	must_not_duplicate(fd, &o, once_more(place, 8), ENOENT);
	copy = duplicate(&o, place, 4);
	placed_unmap(copy, 4 * PLACED_PAGE);

	/* Another object's. */
	map_object(&o, place, 0, 8, RW);
	map_object(&other, page_at(place, 8), 8, 8, RW);
	must_not_duplicate(fd, &o, once_more(place, PAGES), ENOENT);
	must_not_duplicate(fd, &o, once_more(page_at(place, 7), 2), ENOENT);
	copy = duplicate(&other, page_at(place, 8), 8);
	placed_unmap(copy, 8 * PLACED_PAGE);
	placed_unmap(place, SIZE);
	destroy_object(&other);
	finish(&o, whole);
}

/**
 * SUBTEST: two-files
 * Description: Mappings in a row may be two files', and have no more rights than both.
 */
static void two_files(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES), through_other = o;
	uint8_t *whole = map_all(&o), *place = reserve(PAGES), *copy;

	through_other.fd = placed_open_node(kind->driver, "card", O_RDONLY);
	igt_assert(through_other.fd >= 0);
	through_other.handle = copy_share(fd, o.handle, through_other.fd);
	store_pages(whole, 0, PAGES, 1);

	for (int i = 0; i < 2; i++) {
		map_object(&o, page_at(place, i * 8), i * 8, 8, RW);
		map_object(&through_other, page_at(place, 8 - i * 8), 8 - i * 8, 8, PROT_READ);
		copy = duplicate(&o, place, PAGES);
		check_stored(copy, 0, PAGES, 1);
		check_rights(copy, PAGES, "r--s");
		igt_assert(mprotect(copy, PLACED_PAGE, RW) == -1 && errno == EACCES);
		igt_assert(mprotect(page_at(copy, 8), PLACED_PAGE, RW) == -1 && errno == EACCES);
		placed_unmap(copy, SIZE);
	}

	close(through_other.fd);
	placed_unmap(place, SIZE);
	finish(&o, whole);
}

/**
 * SUBTEST: split
 * Description: What mprotect(2) splits has one duplicate, with the rights that all parts have.
 */
static void split(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	igt_assert_eq(mprotect(page_at(map, 5), 3 * PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(mprotect(page_at(map, 12), PLACED_PAGE, PROT_READ), 0);
	copy = must_duplicate(fd, args);
	check_rights(copy, PAGES, "r--s");
	check_stored(copy, 0, PAGES, 1);
	/* As the original's parts can. */
	igt_assert_eq(mprotect(copy, SIZE, RW), 0);
	store_pages(copy, 0, PAGES, 2);
	check_stored(map, 0, PAGES, 2);
	placed_unmap(copy, SIZE);

	args.flags |= READ;
	placed_unmap(must_duplicate(fd, args), SIZE);
	args.flags |= WRITE;
	must_not_duplicate(fd, &o, args, EACCES);
	args.length = 5 * PLACED_PAGE;
	copy = must_duplicate(fd, args);
	check_rights(copy, 5, "rw-s");
	placed_unmap(copy, args.length);
	args.length += PLACED_PAGE;
	must_not_duplicate(fd, &o, args, EACCES);

	/* What may not be accessed at all takes everything from the others. */
	igt_assert_eq(mprotect(page_at(map, 9), PLACED_PAGE, PROT_NONE), 0);
	must_not_duplicate(fd, &o, once_more(map, PAGES), EACCES);
	copy = duplicate(&o, map, 9);
	check_stored(copy, 0, 9, 2);
	placed_unmap(copy, 9 * PLACED_PAGE);
	finish(&o, map);
}

/**
 * SUBTEST: moved
 * Description: Duplicates of what mremap(2) moved, whole and in parts.
 */
static void moved(int fd, const struct kind *kind)
{
	uint8_t *map, *copy, *place = reserve(PAGES);
	struct object o = make_mapped(fd, kind, &map);

	igt_assert(mremap(map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	must_not_duplicate(fd, &o, once_more(map, PAGES), ENOENT);
	copy = duplicate(&o, place, PAGES);
	check_stored(copy, 0, PAGES, 1);
	placed_unmap(copy, SIZE);

	/* The end of it goes back to where it was. */
	igt_assert(mremap(page_at(place, 9), 7 * PLACED_PAGE, 7 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(map, 9)) == page_at(map, 9));
	must_not_duplicate(fd, &o, once_more(place, PAGES), ENOENT);
	copy = duplicate(&o, place, 9);
	check_stored(copy, 0, 9, 1);
	placed_unmap(copy, 9 * PLACED_PAGE);
	if (has_middle(kind)) {
		copy = duplicate(&o, page_at(map, 9), 7);
		check_stored(copy - 9 * PLACED_PAGE, 9, 7, 1);
		placed_unmap(copy, 7 * PLACED_PAGE);
	} else {
		must_not_duplicate(fd, &o, once_more(page_at(map, 9), 7), EOPNOTSUPP);
	}
	placed_unmap(page_at(map, 9), 7 * PLACED_PAGE);
	placed_unmap(place, 9 * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: first-half-gone
 * Description: The second half of a mapping has a duplicate where the driver can map the middle.
 */
static void first_half_gone(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);

	placed_unmap(map, SIZE / 2);
	must_not_duplicate(fd, &o, once_more(map, PAGES), ENOENT);
	if (has_middle(kind)) {
		copy = duplicate(&o, page_at(map, 8), 8);
		check_stored(copy - SIZE / 2, 8, 8, 1);
		placed_unmap(copy, SIZE / 2);
	} else {
		must_not_duplicate(fd, &o, once_more(page_at(map, 8), 8), EOPNOTSUPP);
	}
	placed_unmap(page_at(map, 8), SIZE / 2);
	destroy_object(&o);
}

/**
 * SUBTEST: over-itself
 * Description: FIXED over a part of the original, or all of it, shows what was there when it was
 *   looked at.
 */
static void over_itself(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *place = reserve(2 * PAGES), *map = map_object(&o, page_at(place, 8), 0, PAGES, RW);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	store_pages(map, 0, PAGES, 1);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	args.addr = placed_addr(map);
	igt_assert(placed_must_map(fd, args) == map);
	check_stored(map, 0, PAGES, 1);
	args.addr = placed_addr(page_at(map, 8));
	igt_assert(placed_must_map(fd, args) == page_at(map, 8));
	check_stored(map, 0, 8, 1);
	check_stored(page_at(map, 8), 0, PAGES, 1);

	/* From above. */
	args.from_addr = args.addr;
	args.addr = placed_addr(place);
	igt_assert(placed_must_map(fd, args) == place);
	check_stored(place, 0, PAGES, 1);
	check_stored(page_at(map, 8), 0, PAGES, 1);
	placed_unmap(place, 2 * SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: fork
 * Description: A child duplicates what it inherited, for itself.
 */
static void do_fork(int fd, const struct kind *kind)
{
	uint8_t *map, *place = reserve(PAGES);
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	placed_unmap(place, SIZE);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = placed_addr(place);
	igt_assert_eq(placed_close_handle(fd, o.handle), 0);
	igt_fork(child, 1) {
		igt_assert(must_duplicate(fd, args) == place);
		placed_unmap(map, SIZE);
		check_stored(place, 0, PAGES, 1);
		store_pages(place, 0, PAGES, 2);
	}
	igt_waitchildren();
	igt_assert(placed_is_free(placed_addr(place), placed_addr(place) + SIZE));
	check_stored(map, 0, PAGES, 2);
	placed_unmap(map, SIZE);
}

/* Where they are */

/**
 * SUBTEST: place
 * Description: Range, hint, direction, and exact addresses.
 */
static void place(int fd, const struct kind *kind)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE), at;
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	args.range_start = region;
	args.range_end = region + 64 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), region);
	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), region + 48 * PLACED_PAGE);
	args.addr = region + 17 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), args.addr);
	must_not_duplicate(fd, &o, args, ENOSPC);
	args.length = 5 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), region + 33 * PLACED_PAGE);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);

	/* The one place that has the alignment. */
	args = once_more(map, PAGES);
	args.range_start = region + PLACED_PAGE;
	args.range_end = region + 40 * PLACED_PAGE;
	args.align = 32 * PLACED_PAGE;
	must_not_duplicate(fd, &o, args, ENOSPC);
	args.length = 8 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), region + 32 * PLACED_PAGE);
	must_not_duplicate(fd, &o, args, ENOSPC);
	placed_unmap(placed_ptr(region + 32 * PLACED_PAGE), args.length);

	args = once_more(map, PAGES);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = at = region + 16 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), at);
	args.addr = at + SIZE - PLACED_PAGE;
	must_not_duplicate(fd, &o, args, EEXIST);
	args.addr = at - SIZE + PLACED_PAGE;
	must_not_duplicate(fd, &o, args, EEXIST);
	args.addr = placed_addr(map);
	must_not_duplicate(fd, &o, args, EEXIST);
	args.addr = at;
	args.range_start = at;
	args.range_end = at + SIZE - PLACED_PAGE;
	must_not_duplicate(fd, &o, args, EINVAL);
	placed_unmap(placed_ptr(at), SIZE);

	/* Over a reservation, and nothing around it. */
	args = once_more(map, PAGES);
	placed_reserve(region, region + 64 * PLACED_PAGE);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	args.addr = at;
	igt_assert_eq_u64(placed_addr(must_duplicate(fd, args)), at);
	check_rights(placed_ptr(region), 16, "---p");
	check_rights(placed_ptr(at), PAGES, "rw-s");
	check_rights(placed_ptr(at + SIZE), 32, "---p");
	check_stored((uint8_t *)placed_ptr(at), 0, PAGES, 1);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);
	finish(&o, map);
}

/**
 * SUBTEST: huge
 * Description: Large duplicates are where huge pages can map them, from the middle, too.
 */
static void huge(int fd, const struct kind *kind)
{
	uint64_t region = (placed_free_region(8 * PLACED_2M) + PLACED_2M - 1) & -PLACED_2M;
	struct object o = make_object(fd, kind, 2 * PAGES_2M);
	uint8_t *map = map_all(&o);
	struct drm_gem_mmap_placed args = once_more(map, PAGES_2M);

	args.range_start = region + PLACED_PAGE;
	args.range_end = region + 6 * PLACED_2M;
	for (int first = 0; first < (has_middle(kind) ? 12 : 1); first += 5) {
		uint8_t *copy;

		store_pages(map, first, PAGES_2M, first);
		args.from_addr = placed_addr(page_at(map, first));
		copy = must_duplicate(fd, args);
		igt_assert_eq_u64(placed_addr(copy) % PLACED_2M, first * PLACED_PAGE);
		check_stored(copy - first * PLACED_PAGE, first, PAGES_2M, first);
		placed_unmap(copy, PLACED_2M);
	}
	placed_unmap(map, 2 * PLACED_2M);
	destroy_object(&o);
}

/**
 * SUBTEST: above-47-bits
 * Description: From an address above the 47-bit line, and to one.
 */
static void above_47_bits(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_gem_mmap_placed args;
	uint8_t *map, *copy;

	if (!placed_has_57_bits()) {
		/* Nothing is mapped there. */
		args = once_more(NULL, PAGES);
		args.from_addr = 1ull << 50;
		placed_must_fail(fd, args, ENOENT);
		destroy_object(&o);
		return;
	}

	map = map_object(&o, placed_ptr(1ull << 50), 0, PAGES, RW);
	store_pages(map, 0, PAGES, 1);
	args = once_more(map, PAGES);
	copy = must_duplicate(fd, args);
	igt_assert_lt_u64(placed_addr(copy), 1ull << 47);
	check_stored(copy, 0, PAGES, 1);
	placed_unmap(map, SIZE);

	args = once_more(copy, PAGES);
	args.range_start = 1ull << 47;
	args.range_end = 1ull << 48;
	map = must_duplicate(fd, args);
	igt_assert_lte_u64(1ull << 47, placed_addr(map));
	check_stored(map, 0, PAGES, 1);
	placed_unmap(copy, SIZE);
	finish(&o, map);
}

/* What may be done with them */

static const char *rights_text(uint32_t flags)
{
	static const char * const texts[] = { "---s", "r--s", "-w-s", "rw-s" };

	return texts[flags & PLACED_RW];
}

static int rights_prot(uint32_t flags)
{
	return (flags & READ ? PROT_READ : 0) | (flags & WRITE ? PROT_WRITE : 0);
}

/**
 * SUBTEST: rights
 * Description: A duplicate gets what its original has when it is asked for, or all of it if
 *   nothing is. Later, it can be given what the original can be given.
 */
static void rights(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);

	for (uint32_t has = 0; has <= PLACED_RW; has++) {
		igt_assert_eq(mprotect(map, SIZE, rights_prot(has)), 0);
		for (uint32_t wants = 0; wants <= PLACED_RW; wants++) {
			struct drm_gem_mmap_placed args = once_more(map, PAGES);

			args.flags |= wants;
			if (!has || wants & ~has) {
				must_not_duplicate(fd, &o, args, EACCES);
				continue;
			}
			copy = must_duplicate(fd, args);
			check_rights(copy, PAGES, rights_text(wants ? wants : has));
			if ((wants ? wants : has) & READ || !(kind->is & KIND_COHERENT)) {
				igt_assert_eq(mprotect(copy, SIZE, RW), 0);
				store_pages(copy, 0, PAGES, has * 4 + wants + 1);
				check_stored(copy, 0, PAGES, has * 4 + wants + 1);
			}
			placed_unmap(copy, SIZE);
		}
	}
	finish(&o, map);
}

/**
 * SUBTEST: read-only-file
 * Description: A duplicate of what a file maps that was opened for reading can never be
 *   written to, whatever file the call is made on.
 */
static void read_only_file(int fd, const struct kind *kind)
{
	int read_only = placed_open_node(kind->driver, "card", O_RDONLY);
	struct object o = make_object(read_only, kind, PAGES);
	uint8_t *map = map_object(&o, NULL, 0, PAGES, PROT_READ), *copy;
	int files[] = { fd, read_only, open_another(kind) };

	for (int i = 0; i < 3; i++) {
		struct drm_gem_mmap_placed args = once_more(map, PAGES);

		copy = must_duplicate(files[i], args);
		check_rights(copy, PAGES, "r--s");
		igt_assert(mprotect(copy, SIZE, RW) == -1 && errno == EACCES);
		placed_unmap(copy, SIZE);
		args.flags |= WRITE;
		must_not_duplicate(files[i], &o, args, EACCES);
		args.flags |= READ;
		must_not_duplicate(files[i], &o, args, EACCES);
	}
	close(files[2]);
	finish(&o, map);
	close(read_only);
}

/**
 * SUBTEST: handle-closed
 * Description: What is mapped can be duplicated without a handle, and no file can map it by mmap(2)
 *   because of that.
 */
static void handle_closed(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);
	uint64_t offset;

	igt_assert_eq(placed_fake_offset(fd, o.handle, &offset), 0);
	igt_assert_eq(placed_close_handle(fd, o.handle), 0);
	copy = duplicate(&o, map, PAGES);
	check_stored(copy, 0, PAGES, 1);
	igt_assert(mmap(NULL, SIZE, RW, MAP_SHARED, fd, offset) == MAP_FAILED && errno == EACCES);
	placed_unmap(map, SIZE);
	check_stored(copy, 0, PAGES, 1);
	map = duplicate(&o, copy, PAGES);
	igt_assert(mmap(NULL, SIZE, RW, MAP_SHARED, fd, offset) == MAP_FAILED && errno == EACCES);
	placed_unmap(copy, SIZE);
	check_stored(map, 0, PAGES, 1);
	placed_unmap(map, SIZE);
}

/* Wait until the device has given up the objects that nobody has any more. */
static void wait_without_handle(int fd)
{
	for (int i = 0; i < 1000 && placed_count(fd).without_handle; i++)
		usleep(1000);
	igt_assert_eq(placed_count(fd).without_handle, 0);
}

/**
 * SUBTEST: file-closed
 * Description: Nor is the file needed that mapped it. A duplicate keeps what its original kept.
 */
static void file_closed(int fd, const struct kind *kind)
{
	int own = placed_open(kind->driver);
	struct placed_counts before;
	uint8_t *map, *copy;
	struct object o;
	uint64_t offset;

	wait_without_handle(fd);
	before = placed_count(fd);
	o = make_mapped(own, kind, &map);
	igt_assert_eq(placed_fake_offset(own, o.handle, &offset), 0);
	close(own);
	copy = must_duplicate(fd, once_more(map, PAGES));
	igt_assert(mmap(NULL, SIZE, RW, MAP_SHARED, fd, offset) == MAP_FAILED && errno == EACCES);
	placed_unmap(map, SIZE);
	check_stored(copy, 0, PAGES, 1);
	/* The file is there as long as its mappings, and so are its handles. */
	igt_assert_eq(placed_count(fd).objects, before.objects + 1);
	placed_unmap(copy, SIZE);
	wait_without_handle(fd);
	placed_assert_same_counts(fd, before);
}

/**
 * SUBTEST: other-file
 * Description: The call works on any device's file, and on render nodes.
 */
static void other_file(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);
	int files[] = {
		open_another(kind), placed_open("placed_plain"), placed_open(kind->driver),
		placed_open_node(kind->driver, "renderD", O_RDWR),
		placed_open_node("placed_plain", "renderD", O_RDONLY),
	};
	uint64_t offset;

	igt_assert_eq(placed_fake_offset(fd, o.handle, &offset), 0);
	for (int i = 0; i < 5; i++) {
		struct drm_gem_mmap_placed args = once_more(map, PAGES);

		igt_assert(files[i] >= 0);
		args.range_end = PLACED_4G;
		copy = must_duplicate(files[i], args);
		check_rights(copy, PAGES, "rw-s");
		check_stored(copy, 0, PAGES, 1);
		igt_assert(mmap(NULL, SIZE, RW, MAP_SHARED, files[i], offset) == MAP_FAILED);
		close(files[i]);
		store_pages(copy, 0, PAGES, 1);
		check_stored(map, 0, PAGES, 1);
		placed_unmap(copy, SIZE);
	}
	finish(&o, map);
}

static uint8_t *map_dma_buf(int dma_buf, uint64_t first, uint64_t pages, int prot)
{
	uint8_t *map = mmap(NULL, pages * PLACED_PAGE, prot, MAP_SHARED, dma_buf,
			    first * PLACED_PAGE);

	igt_assert(map != MAP_FAILED);
	return map;
}

/**
 * SUBTEST: dma-buf
 * Description: Mappings of an object's dma-buf, when neither handle nor file are there any more.
 */
static void dma_buf(int fd, const struct kind *kind)
{
	int other = open_another(kind), dma_buf;
	uint8_t *map, *part, *copy;
	struct object o = make_object(fd, kind, PAGES);

	wait_without_handle(fd);
	dma_buf = copy_export(fd, o.handle);
	map = map_dma_buf(dma_buf, 0, PAGES, RW);
	store_pages(map, 0, PAGES, 1);
	part = map_dma_buf(dma_buf, 3, 5, PROT_READ);
	close(dma_buf);
	destroy_object(&o);

	copy = must_duplicate(other, once_more(map, PAGES));
	check_rights(copy, PAGES, "rw-s");
	check_stored(copy, 0, PAGES, 1);
	store_pages(copy, 0, PAGES, 2);
	check_stored(map, 0, PAGES, 2);
	placed_unmap(copy, SIZE);

	if (has_middle(kind)) {
		copy = must_duplicate(fd, once_more(page_at(part, 1), 3));
		check_rights(copy, 3, "r--s");
		check_stored(copy - 4 * PLACED_PAGE, 4, 3, 2);
		igt_assert_eq(mprotect(copy, 3 * PLACED_PAGE, RW), 0);
		placed_unmap(copy, 3 * PLACED_PAGE);
	} else {
		placed_must_fail(fd, once_more(page_at(part, 1), 3), EOPNOTSUPP);
	}

	/* And some of each. */
	igt_assert_eq(mprotect(page_at(map, 7), PLACED_PAGE, PROT_READ), 0);
	copy = must_duplicate(other, once_more(map, PAGES));
	check_rights(copy, PAGES, "r--s");
	check_stored(copy, 0, PAGES, 2);
	placed_unmap(map, SIZE);
	placed_unmap(part, 5 * PLACED_PAGE);
	check_stored(copy, 0, PAGES, 2);
	igt_assert_eq(placed_count(fd).without_handle, 1);
	placed_unmap(copy, SIZE);
	wait_without_handle(fd);
	close(other);
}

/**
 * SUBTEST: read-only-dma-buf
 * Description: A dma-buf that is for reading makes no duplicate that can be written to.
 */
static void read_only_dma_buf(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_prime_handle prime = { .handle = o.handle };
	struct drm_gem_mmap_placed args;
	uint8_t *map, *copy;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	map = map_dma_buf(prime.fd, 0, PAGES, PROT_READ);
	args = once_more(map, PAGES);
	copy = must_duplicate(fd, args);
	check_rights(copy, PAGES, "r--s");
	igt_assert(mprotect(copy, SIZE, RW) == -1 && errno == EACCES);
	placed_unmap(copy, SIZE);
	args.flags |= WRITE;
	must_not_duplicate(fd, &o, args, EACCES);
	close(prime.fd);
	finish(&o, map);
}

/**
 * SUBTEST: imported
 * Description: Mappings that another device makes of what it imported.
 */
static void imported(int fd, const struct kind *kind)
{
	int vgem = placed_open("vgem"), other = placed_open("placed_plain");
	uint8_t *map, *through, *copy;
	struct object o = make_mapped(fd, kind, &map), import = { .kind = kind, .fd = vgem };

	igt_assert(vgem >= 0 && other >= 0);
	import.handle = copy_share(fd, o.handle, vgem);
	import.size = o.size;
	through = map_object(&import, NULL, 0, PAGES, RW);
	igt_assert_eq(placed_close_handle(vgem, import.handle), 0);
	close(vgem);

	copy = must_duplicate(other, once_more(through, PAGES));
	check_stored(copy, 0, PAGES, 1);
	placed_unmap(through, SIZE);
	store_pages(copy, 0, PAGES, 2);
	check_stored(map, 0, PAGES, 2);
	placed_unmap(copy, SIZE);
	close(other);
	finish(&o, map);
}

/**
 * SUBTEST: imported-read-only
 * Description: What was mapped by a file that was opened for reading cannot be written to later,
 *   though it is a mapping of a dma-buf that can; nor what shows a dma-buf that cannot.
 */
static void imported_read_only(int fd, const struct kind *kind)
{
	int vgem = placed_open_node("vgem", "card", O_RDONLY);
	struct object o = make_object(fd, kind, PAGES), import = { .kind = kind, .fd = vgem };
	struct drm_prime_handle prime = { .handle = o.handle };
	struct drm_gem_mmap_placed args;
	uint8_t *map, *copy;

	igt_assert(vgem >= 0);
	import.handle = copy_share(fd, o.handle, vgem);
	import.size = o.size;
	map = map_object(&import, NULL, 0, PAGES, PROT_READ);
	igt_assert(mprotect(map, SIZE, RW) == -1 && errno == EACCES);
	args = once_more(map, PAGES);
	copy = must_duplicate(fd, args);
	check_rights(copy, PAGES, "r--s");
	igt_assert(mprotect(copy, SIZE, RW) == -1 && errno == EACCES);
	placed_unmap(copy, SIZE);
	args.flags |= WRITE;
	must_not_duplicate(fd, &o, args, EACCES);
	placed_unmap(map, SIZE);
	igt_assert_eq(placed_close_handle(vgem, import.handle), 0);
	destroy_object(&o);
	close(vgem);

	/*
	 * Linux lets an importer map for writing what was exported for reading; but what
	 * comes home is the object itself.
	 */
	if (!strcmp(kind->driver, "vgem"))
		return;
	o = make_object(fd, kind, PAGES);
	prime.handle = o.handle;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	import.fd = vgem = placed_open("vgem");
	igt_assert_eq(placed_ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	close(prime.fd);
	import.handle = prime.handle;
	map = map_object(&import, NULL, 0, PAGES, RW);
	args = once_more(map, PAGES);
	args.flags |= READ;
	copy = must_duplicate(fd, args);
	igt_assert(mprotect(copy, SIZE, RW) == -1 && errno == EACCES);
	placed_unmap(copy, SIZE);
	args.flags |= WRITE;
	must_not_duplicate(fd, &o, args, EACCES);
	finish(&o, map);
	close(vgem);
}

/* Coherency */

/* Of any kind that the device's copy can be looked at of. */
static struct object make_mapped_coherent(int fd, const struct kind *kind, uint8_t **map)
{
	struct object o = make_object(fd, kind, PAGES);

	copy_make_coherent(fd, o.handle, DRM_GEM_COHERENT_TO_DEVICE |
			   DRM_GEM_COHERENT_FROM_DEVICE);
	*map = map_all(&o);
	store_pages(*map, 0, PAGES, 1);
	return o;
}

/**
 * SUBTEST: coherent
 * Description: The duplicate of a coherent mapping is coherent: the device sees what is stored,
 *   and what it writes is there to be read.
 */
static void coherent(int fd, const struct kind *kind)
{
	uint8_t *map, *copy, *seen;
	struct object o = make_mapped_coherent(fd, kind, &map);

	free(device_sees(&o));
	copy = duplicate(&o, map, PAGES);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	store_pages(copy, 0, PAGES, 2);
	seen = device_sees(&o);
	check_stored(seen, 0, PAGES, 2);

	/* Clean again, and written by the device. */
	store_pages(seen, 4, 5, 3);
	copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 0, o.size, seen);
	check_stored(copy, 4, 5, 3);
	check_stored(copy, 9, 7, 2);
	check_stored(map, 4, 5, 3);
	free(seen);

	placed_unmap(map, SIZE);
	store_pages(copy, 0, PAGES, 4);
	placed_unmap(copy, SIZE);
	seen = device_sees(&o);
	check_stored(seen, 0, PAGES, 4);
	free(seen);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-parts
 * Description: Each page of a duplicate of a part counts as that page of the object, through a
 *   dma-buf, too.
 */
static void coherent_parts(int fd, const struct kind *kind)
{
	uint8_t *map, *maps[2], *seen;
	struct object o = make_mapped_coherent(fd, kind, &map);
	int dma_buf = kind->is & KIND_SPARSE ? -1 : copy_export(fd, o.handle);

	maps[0] = map;
	maps[1] = dma_buf < 0 ? map : map_dma_buf(dma_buf, 0, PAGES, RW);
	for (int i = 0; i < 2; i++) {
		uint8_t *copy;

		free(device_sees(&o));
		copy = duplicate(&o, page_at(maps[i], 6), 5) - 6 * PLACED_PAGE;
		igt_assert_eq(mprotect(page_at(copy, 8), PLACED_PAGE, PROT_READ), 0);
		store_pages(copy, 6, 2, 10 + i);
		store_pages(copy, 9, 2, 10 + i);
		/* Huge entries are coarse. */
		igt_assert_lte_u64(4, dirty_pages(&o, 6, 5));
		seen = device_sees(&o);
		check_stored(seen, 6, 2, 10 + i);
		check_stored(seen, 9, 2, 10 + i);
		check_stored(seen, 11, 5, 1);
		free(seen);
		placed_unmap(page_at(copy, 6), 5 * PLACED_PAGE);
	}
	if (dma_buf >= 0) {
		placed_unmap(maps[1], SIZE);
		close(dma_buf);
	}
	finish(&o, map);
}

/**
 * SUBTEST: coherent-dirty
 * Description: On devices that nobody can look into, stores through a duplicate count as dirty.
 */
static void coherent_dirty(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);

	flush_object(&o);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	copy = duplicate(&o, map, PAGES);
	check_stored(copy, 0, PAGES, 1);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	store_pages(copy, 2, 3, 2);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 3);
	placed_unmap(copy, SIZE);
	igt_assert_eq_u64(dirty_pages(&o, 2, 3), 3);
	flush_object(&o);
	finish(&o, map);
}

/**
 * SUBTEST: coherent-write-only
 * Description: What cannot be made readable as the original has no duplicate that can.
 */
static void coherent_write_only(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_object(&o, NULL, 0, PAGES, PROT_WRITE), *copy;
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	igt_assert(mprotect(map, SIZE, RW) == -1 && errno == EACCES);
	copy = must_duplicate(fd, args);
	check_rights(copy, PAGES, "-w-s");
	igt_assert(mprotect(copy, SIZE, RW) == -1 && errno == EACCES);
	placed_unmap(copy, SIZE);
	args.flags |= READ;
	must_not_duplicate(fd, &o, args, EACCES);
	finish(&o, map);
}

/* An object that is not coherent, of a kind whose others are. */
static struct object make_incoherent(int fd, const struct kind *kind)
{
	struct kind incoherent = *kind;
	struct object o;

	incoherent.is &= ~KIND_COHERENT;
	o = make_object(fd, &incoherent, PAGES);
	o.kind = kind;
	return o;
}

/**
 * SUBTEST: coherent-flag
 * Description: COHERENT makes the duplicate coherent, even if the original is not; EOPNOTSUPP where
 *   objects cannot be.
 */
static void coherent_flag(int fd, const struct kind *kind)
{
	struct object o = make_incoherent(fd, kind);
	uint8_t *map = map_all(&o), *copy, *seen;
	struct drm_gem_mmap_placed args = once_more(map, PAGES);
	int other;

	store_pages(map, 0, PAGES, 1);
	args.flags |= DRM_GEM_MMAP_PLACED_COHERENT;
	if (!kind_can_be_coherent(kind)) {
		must_not_duplicate(fd, &o, args, EOPNOTSUPP);
		args.flags |= PLACED_RW;
		must_not_duplicate(fd, &o, args, EOPNOTSUPP);
		finish(&o, map);
		return;
	}

	/* By another device's file: it is the object's that counts. */
	other = open_another(kind);
	copy = must_duplicate(other, args);
	check_stored(copy, 0, PAGES, 1);
	store_pages(copy, 0, PAGES, 2);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), kind->is & KIND_POOL ? 0 : PAGES);
	if (kind->is & KIND_COPY) {
		seen = device_sees(&o);
		check_stored(seen, 0, PAGES, 2);
		free(seen);
	}
	placed_unmap(copy, SIZE);
	close(other);
	finish(&o, map);
}

/* Populating */

/**
 * SUBTEST: populate
 * Description: POPULATE brings all of the duplicate; EOPNOTSUPP where nobody opted in.
 */
static void populate(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *copy;
	struct drm_gem_mmap_placed args = once_more(map, PAGES);
	int other = open_another(kind);

	args.flags |= DRM_GEM_MMAP_PLACED_POPULATE;
	if (kind->is & KIND_PLAIN) {
		must_not_duplicate(fd, &o, args, EOPNOTSUPP);
		must_not_duplicate(other, &o, args, EOPNOTSUPP);
	} else {
		copy = must_duplicate(other, args);
		igt_assert_eq(READ_FAULTS(copy, 0, PAGES), 0);
		if (!(kind->is & KIND_COHERENT))
			igt_assert_eq(WRITE_FAULTS(copy, 0, PAGES), 0);
		if (kind->is & KIND_SPARSE)
			igt_assert_lte_u64(PAGES, present_pages(&o));
		store_pages(copy, 0, PAGES, 1);
		check_stored(map, 0, PAGES, 1);
		placed_unmap(copy, SIZE);
	}
	close(other);
	finish(&o, map);
}

/**
 * SUBTEST: discard
 * Description: Discarding through one is discarding for both; and they have the same memory after.
 */
static void discard(int fd, const struct kind *kind)
{
	uint8_t *map, *copy;
	struct object o = make_mapped(fd, kind, &map);

	copy = duplicate(&o, map, PAGES);
	check_stored(copy, 0, PAGES, 1);
	igt_assert_eq(advise(copy, 3, 5, MADV_REMOVE), 0);
	check_zero(map, 3, 5);
	check_stored(map, 0, 3, 1);
	store_pages(map, 3, 5, 2);
	check_stored(copy, 3, 5, 2);
	igt_assert_eq(advise(map, 0, PAGES, MADV_REMOVE), 0);
	check_zero(copy, 0, PAGES);
	placed_unmap(copy, SIZE);
	finish(&o, map);
}

/* What has none */

/* Something that is mapped and is no GEM object's. */
static void must_be_foreign(int fd, const struct object *o, void *map)
{
	igt_assert(map != MAP_FAILED);
	must_not_duplicate(fd, o, once_more(map, 1), ENOENT);
	must_not_duplicate(fd, o, once_more(map, 4), ENOENT);
	placed_unmap(map, 4 * PLACED_PAGE);
}

static int make_udmabuf(int memfd)
{
	struct udmabuf_create create = { .memfd = memfd, .size = 4 * PLACED_PAGE };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	igt_assert(device >= 0);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	fd = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert(fd >= 0);
	close(device);
	return fd;
}

static int make_heap_buffer(void)
{
	struct dma_heap_allocation_data alloc = {
		.len = 4 * PLACED_PAGE, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	igt_assert(heap >= 0);
	igt_assert_eq(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc), 0);
	close(heap);
	return alloc.fd;
}

/**
 * SUBTEST: foreign
 * Description: Memory of no GEM object is ENOENT: none at all, anonymous, files, dma-bufs of
 *   others.
 */
static void foreign(int fd, const struct kind *kind)
{
	const uint64_t size = 4 * PLACED_PAGE;
	struct object o = make_object(fd, kind, PAGES);
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), vgem = placed_open("vgem");
	int memfd = memfd_create("placed", MFD_ALLOW_SEALING | MFD_CLOEXEC), buffer;
	struct drm_prime_handle prime = {};
	struct object import = { .kind = kind, .fd = vgem, .size = size };
	uint8_t *free_place = reserve(4);

	igt_assert(self >= 0 && vgem >= 0 && memfd >= 0);
	igt_assert_eq(ftruncate(memfd, size), 0);
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	must_be_foreign(fd, &o, mmap(NULL, size, PROT_READ, MAP_PRIVATE, self, 0));
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_SHARED, memfd, 0));
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_PRIVATE, memfd, 0));
	must_be_foreign(fd, &o, free_place);
	must_not_duplicate(fd, &o, once_more(free_place, 4), ENOENT);

	/* Of dma-bufs that are nobody's object, also if they are imported. */
	buffer = make_heap_buffer();
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_SHARED, buffer, 0));
	close(buffer);
	prime.fd = buffer = make_udmabuf(memfd);
	must_be_foreign(fd, &o, mmap(NULL, size, RW, MAP_SHARED, buffer, 0));
	igt_assert_eq(placed_ioctl(vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	import.handle = prime.handle;
	must_be_foreign(fd, &o, map_object(&import, NULL, 0, 4, RW));
	close(buffer);

	/* The ends of the address space, and what is behind. */
	must_not_duplicate(fd, &o, once_more(NULL, 1), ENOENT);
	must_not_duplicate(fd, &o, once_more(placed_ptr(PLACED_PAGE), 1), ENOENT);
	for (int bit = sizeof(void *) < 8 ? 32 : 57; bit < 64; bit++) {
		struct drm_gem_mmap_placed args = once_more(NULL, 1);

		args.from_addr = 1ull << bit;
		placed_must_fail(fd, args, ENOENT);
		args.from_addr -= PLACED_PAGE;
		placed_must_fail(fd, args, ENOENT);
	}
	close(self);
	close(memfd);
	close(vgem);
	destroy_object(&o);
}

/**
 * SUBTEST: holes
 * Description: A range of which a page is missing, or somebody else's, is ENOENT.
 */
static void holes(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *place = reserve(PAGES + 2), *map = page_at(place, 1), *copy;

	for (int page = 0; page < PAGES; page += 15) {
		placed_unmap(place, SIZE + 2 * PLACED_PAGE);
		map_object(&o, map, 0, PAGES, RW);
		store_pages(map, 0, PAGES, 1);
		must_not_duplicate(fd, &o, once_more(place, PAGES), ENOENT);
		must_not_duplicate(fd, &o, once_more(map, PAGES + 1), ENOENT);
		placed_unmap(page_at(map, page), PLACED_PAGE);
		must_not_duplicate(fd, &o, once_more(map, PAGES), ENOENT);
		must_not_duplicate(fd, &o, once_more(page_at(map, page), 1), ENOENT);

		igt_assert(mmap(page_at(map, page), PLACED_PAGE, RW,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
		must_not_duplicate(fd, &o, once_more(map, PAGES), ENOENT);
		must_not_duplicate(fd, &o, once_more(page_at(map, page), 1), ENOENT);
		if (page) {
			copy = duplicate(&o, map, page);
			check_stored(copy, 0, page, 1);
			placed_unmap(copy, page * PLACED_PAGE);
		}
	}

	/* Anonymous memory before it and behind is no part of it. */
	igt_assert(mmap(place, PLACED_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   place);
	must_not_duplicate(fd, &o, once_more(place, 2), ENOENT);
	placed_unmap(place, SIZE + 2 * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: malformed
 * Description: Members that must be zero, misaligned, overflowing or reversed values are EINVAL.
 */
static void malformed(int fd, const struct kind *kind)
{
	static const struct {
		const char *what;
		size_t field;
		uint64_t value;
	} table[] = {
#define F(name) offsetof(struct drm_gem_mmap_placed, name)
		{ "pad", F(pad), 1 },
		{ "misaligned from_addr", F(from_addr), 0x12345678 },
		{ "offset", F(offset), PLACED_PAGE },
		{ "zero length", F(length), 0 },
		{ "misaligned length", F(length), PLACED_PAGE + 1 },
		{ "length that wraps", F(length), -PLACED_PAGE },
		{ "misaligned addr", F(addr), 0x12345678 },
		{ "align of three pages", F(align), 3 * PLACED_PAGE },
		{ "range without an end", F(range_start), PLACED_PAGE },
		{ "misaligned range_end", F(range_end), 0xffffffff },
	};
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		igt_debug("%s\n", table[i].what);
		args = once_more(map, PAGES);
		memcpy((char *)&args + table[i].field, &table[i].value, sizeof(uint64_t));
		must_not_duplicate(fd, &o, args, EINVAL);
	}

	args = once_more(map, PAGES);
	args.handle = o.handle;
	must_not_duplicate(fd, &o, args, EINVAL);
	args = once_more(map, PAGES);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = placed_free_region(SIZE);
	must_not_duplicate(fd, &o, args, EINVAL);
	args = once_more(map, PAGES);
	args.flags |= DRM_GEM_MMAP_PLACED_PAGES;
	must_not_duplicate(fd, &o, args, EINVAL);

	/* An address is of account only with the flag. */
	args = once_more(map, PAGES);
	args.flags = PLACED_RW;
	args.handle = o.handle;
	must_not_duplicate(fd, &o, args, EINVAL);
	finish(&o, map);
}

/**
 * SUBTEST: page-window
 * Description: Page windows have no duplicates, with pages in them or not.
 */
static void page_window(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint64_t pages[] = { 0, 1, 2, 3 };
	struct drm_gem_mmap_placed args = {
		.handle = o.handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_PAGES,
		.length = 4 * PLACED_PAGE,
	};
	struct drm_gem_map_pages put = { .pages = placed_addr(pages), .count = 4 };
	uint8_t *window;

	/* What its driver alone knows the pages of has no windows. */
	if ((kind->is & (KIND_COPY | KIND_SPARSE)) == KIND_COPY) {
		placed_must_fail(fd, args, EOPNOTSUPP);
		destroy_object(&o);
		return;
	}

	window = placed_must_map(fd, args);
	must_not_duplicate(fd, &o, once_more(window, 4), EOPNOTSUPP);
	put.addr = placed_addr(window);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, &put), 0);
	must_not_duplicate(fd, &o, once_more(window, 4), EOPNOTSUPP);
	must_not_duplicate(fd, &o, once_more(page_at(window, 1), 1), EOPNOTSUPP);
	placed_unmap(window, 4 * PLACED_PAGE);
	destroy_object(&o);
}

/* Limits */

/* Without a look at what was there before: that needs mappings of its own. */
static void all_of_a_process(int fd, struct drm_gem_mmap_placed args, int error)
{
	struct drm_gem_mmap_placed before = args;
	int ret = placed_map(fd, &args);

	igt_assert_f(ret == -error, "expected %d, got %d\n", -error, ret);
	if (ret)
		igt_assert(!memcmp(&args, &before, sizeof(args)));
	else
		placed_unmap(placed_ptr(args.addr), args.length);
}

/**
 * SUBTEST: rlimit-as
 * Description: Over RLIMIT_AS is ENOMEM; up to it is not.
 */
static void rlimit_as(int fd, const struct kind *kind)
{
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES), exact = args;

	exact.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	exact.addr = placed_free_region(SIZE);
	igt_fork(child, 1) {
		struct rlimit limit = { .rlim_max = RLIM_INFINITY };

		limit.rlim_cur = proc_kb("/proc/self/status", "VmSize:") * 1024 + SIZE;
		igt_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
		all_of_a_process(fd, args, 0);
		all_of_a_process(fd, exact, 0);
		limit.rlim_cur -= PLACED_PAGE;
		igt_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
		all_of_a_process(fd, args, ENOMEM);
		all_of_a_process(fd, exact, ENOMEM);
	}
	igt_waitchildren();
	finish(&o, map);
}

static const char max_map_count[] = "/proc/sys/vm/max_map_count";
static char old_max_map_count[16];

static bool write_max_map_count(const char *text)
{
	int fd = open(max_map_count, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void restore_max_map_count(int signal)
{
	write_max_map_count(old_max_map_count);
}

/**
 * SUBTEST: map-count
 * Description: With vm.max_map_count mappings a duplicate is ENOMEM, and one less makes room.
 */
static void map_count(int fd, const struct kind *kind)
{
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	if (!old_max_map_count[0]) {
		FILE *f = fopen(max_map_count, "r");

		igt_assert(f && fgets(old_max_map_count, sizeof(old_max_map_count), f));
		fclose(f);
		igt_install_exit_handler(restore_max_map_count);
	}

	igt_require_f(write_max_map_count("300"), "cannot write to %s\n", max_map_count);
	igt_fork(child, 1) {
		uint64_t start = placed_free_region(400 * 2 * PLACED_PAGE);

		igt_assert(placed_fragment(start, PLACED_PAGE, 400) < 300);
		all_of_a_process(fd, args, ENOMEM);
		placed_unmap(placed_ptr(start), PLACED_PAGE);
		placed_must_map(fd, args);
		all_of_a_process(fd, args, ENOMEM);
	}
	igt_waitchildren();
	restore_max_map_count(0);
	finish(&o, map);
}

/**
 * SUBTEST: mlockall-future
 * Description: Under mlockall(MCL_FUTURE) it works, and over RLIMIT_MEMLOCK is ENOMEM.
 */
static void mlockall_future(int fd, const struct kind *kind)
{
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	igt_fork(child, 1) {
		struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		igt_assert_eq(mlockall(MCL_FUTURE), 0);
		all_of_a_process(fd, args, 0);
		limit.rlim_cur = proc_kb("/proc/self/status", "VmLck:") * 1024;
		limit.rlim_max = limit.rlim_cur;
		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		/* Root may lock what it likes. */
		igt_assert_eq(setresuid(65534, 65534, 65534), 0);
		all_of_a_process(fd, args, ENOMEM);
	}
	igt_waitchildren();
	finish(&o, map);
}

/**
 * SUBTEST: sealed
 * Description: What is sealed can be duplicated, and not be replaced by a duplicate: EPERM.
 */
static void sealed(int fd, const struct kind *kind)
{
	uint8_t *map, *place = reserve(PAGES);
	struct object o = make_mapped(fd, kind, &map);
	struct drm_gem_mmap_placed args = once_more(map, PAGES);

	/* There is no way back but the end of the process. */
	igt_fork(child, 1) {
		igt_assert_eq(syscall(SYS_mseal, map, SIZE, 0), 0);
		all_of_a_process(fd, args, 0);
		igt_assert_eq(syscall(SYS_mseal, place, PLACED_PAGE, 0), 0);
		args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
		args.addr = placed_addr(place);
		all_of_a_process(fd, args, EPERM);
		check_rights(place, PAGES, "---p");
		args.addr = placed_addr(map);
		all_of_a_process(fd, args, EPERM);
		check_stored(map, 0, PAGES, 1);
	}
	igt_waitchildren();
	placed_unmap(place, SIZE);
	finish(&o, map);
}

/* Threads and processes */

/*
 * One who changes what is mapped somewhere, and one who duplicates it. Every object
 * has a tag, and each of its pages the tag and its number.
 */
struct race {
	const struct kind *kind;
	int fd;
	uint8_t *place;
	atomic_bool stop;
	atomic_int changes, good, none, refused, wrong, last_wrong;
};

#define RACE_PAGES 6
#define RACE_SIZE (RACE_PAGES * PLACED_PAGE)
#define RACE_ROUNDS placed_rounds(200)

static volatile uint32_t *tag_at(uint8_t *map, int page)
{
	return (volatile uint32_t *)page_at(map, page);
}

static void race_wrong(struct race *r, int error)
{
	atomic_store(&r->last_wrong, error);
	atomic_fetch_add(&r->wrong, 1);
}

/* All pages of one object, in order. */
static bool is_one_object(uint8_t *map)
{
	uint32_t tag = *tag_at(map, 0);

	for (int page = 0; page < RACE_PAGES; page++)
		if (*tag_at(map, page) != tag + page)
			return false;
	/* No object has tag zero, and anonymous memory has others. */
	return tag && !(tag & 0x800000ff);
}

/* An object that nobody but the mapping has, at some address. Returns 0 or the negative errno. */
static int race_map(struct race *r, uint8_t *at, uint32_t tag)
{
	struct drm_gem_mmap_placed args = {
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED, .length = RACE_SIZE,
		.addr = placed_addr(at),
	};
	int ret = r->kind->is & KIND_SPARSE ?
		  sparse_create_of(r->fd, RACE_SIZE, kind_create_flags(r->kind), &args.handle) :
		  placed_create_mappable(r->fd, RACE_SIZE, &args.handle);

	if (ret)
		return ret;
	ret = placed_map(r->fd, &args);
	for (int page = 0; !ret && page < RACE_PAGES; page++)
		*tag_at(at, page) = tag + page;
	return placed_close_handle(r->fd, args.handle) ? -EBADF : ret;
}

static int race_map_anonymous(struct race *r)
{
	uint8_t *map = mmap(r->place, RACE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			    -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	for (int page = 0; page < RACE_PAGES; page++)
		*tag_at(map, page) = 0x80000000 | page;
	return 0;
}

/* From one object to the next, at once or with something in between. */
static void *remap(void *data)
{
	uint8_t *next = reserve(RACE_PAGES);
	struct race *r = data;
	unsigned int seed = 1;
	uint32_t tag = 0;
	int ret = 0;

	while (!ret && !atomic_load(&r->stop)) {
		tag = (tag + 0x100) & 0x7fffff00;
		ret = race_map(r, next, tag ? tag : (tag = 0x100));

		switch (ret ? 0 : rand_r(&seed) % 4) {
		case 1:
			ret = munmap(page_at(r->place, rand_r(&seed) % RACE_PAGES), PLACED_PAGE) ?
			      -errno : 0;
			break;
		case 2:
			ret = race_map_anonymous(r);
		}
		sched_yield();
		if (!ret && mremap(next, RACE_SIZE, RACE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				   r->place) != r->place)
			ret = -errno;
		atomic_fetch_add(&r->changes, 1);
	}
	if (ret)
		race_wrong(r, ret);
	munmap(next, RACE_SIZE);
	return NULL;
}

static void duplicate_remapped(struct race *r)
{
	while (!atomic_load(&r->wrong) &&
	       (atomic_load(&r->good) < RACE_ROUNDS || atomic_load(&r->changes) < RACE_ROUNDS / 4 ||
		!atomic_load(&r->none))) {
		struct drm_gem_mmap_placed args = once_more(r->place, RACE_PAGES);
		int ret;

		args.range_end = PLACED_4G;
		ret = placed_map(r->fd, &args);
		if (ret == -ENOENT) {
			atomic_fetch_add(&r->none, 1);
			sched_yield();
			continue;
		}
		if (ret) {
			race_wrong(r, ret);
			break;
		}
		if (!is_one_object(placed_ptr(args.addr)))
			race_wrong(r, -EBADMSG);
		munmap(placed_ptr(args.addr), RACE_SIZE);
		atomic_fetch_add(&r->good, 1);
	}
}

static void run_race(struct race *r, void *(*change)(void *), void (*use)(struct race *))
{
	pthread_t changer;

	igt_assert_eq(pthread_create(&changer, NULL, change, r), 0);
	use(r);
	atomic_store(&r->stop, true);
	igt_assert_eq(pthread_join(changer, NULL), 0);
	igt_assert_f(!r->wrong, "%d wrong, the last was %s\n", r->wrong, strerror(-r->last_wrong));
	igt_info("%d changes: %d good, %d none, %d refused\n", r->changes, r->good, r->none,
		 r->refused);
}

/**
 * SUBTEST: race-remap
 * Description: While another thread maps objects that it creates and forgets, other memory, or
 *   nothing, a duplicate is one of one of these objects, or ENOENT.
 */
static void race_remap(int fd, const struct kind *kind)
{
	struct race r = { .kind = kind, .fd = fd, .place = reserve(RACE_PAGES) };

	wait_without_handle(fd);
	run_race(&r, remap, duplicate_remapped);
	placed_unmap(r.place, RACE_SIZE);
	wait_without_handle(fd);
}

static void *protect(void *data)
{
	struct race *r = data;
	unsigned int seed = 1;

	while (!atomic_load(&r->stop)) {
		int first = rand_r(&seed) % RACE_PAGES, pages = 1 + rand_r(&seed) % RACE_PAGES;

		if (rand_r(&seed) % 2)
			first = 0, pages = RACE_PAGES;
		if (first + pages > RACE_PAGES)
			continue;
		if (mprotect(page_at(r->place, first), pages * PLACED_PAGE,
			     rand_r(&seed) % 2 ? RW : PROT_READ))
			race_wrong(r, -errno);
		atomic_fetch_add(&r->changes, 1);
		sched_yield();
	}

	return NULL;
}

static void duplicate_protected(struct race *r)
{
	for (int i = 0; !atomic_load(&r->wrong) &&
	     (atomic_load(&r->good) < RACE_ROUNDS || atomic_load(&r->changes) < RACE_ROUNDS ||
	      !atomic_load(&r->refused)); i++) {
		struct drm_gem_mmap_placed args = once_more(r->place, RACE_PAGES);
		int ret;

		args.flags |= i % 2 ? PLACED_RW : 0;
		ret = placed_map(r->fd, &args);
		if (i % 2 && ret == -EACCES) {
			atomic_fetch_add(&r->refused, 1);
			sched_yield();
			continue;
		}
		if (ret) {
			race_wrong(r, ret);
			break;
		}
		/* What was asked for is there: a store that may not be would be the end. */
		if (!is_one_object(placed_ptr(args.addr)))
			race_wrong(r, -EBADMSG);
		if (i % 2)
			*tag_at(placed_ptr(args.addr), 1) = *tag_at(placed_ptr(args.addr), 1);
		munmap(placed_ptr(args.addr), RACE_SIZE);
		atomic_fetch_add(&r->good, 1);
	}
}

/**
 * SUBTEST: race-mprotect
 * Description: While another thread changes rights, splits and merges, a duplicate gets what it
 *   asks for or is refused it.
 */
static void race_mprotect(int fd, const struct kind *kind)
{
	struct race r = { .kind = kind, .fd = fd, .place = reserve(RACE_PAGES) };

	igt_assert_eq(race_map(&r, r.place, 0x100), 0);
	run_race(&r, protect, duplicate_protected);
	placed_unmap(r.place, RACE_SIZE);
}

/* What two who share files see: in memory that is shared, too. */
struct burglar {
	int files[2];
	uint64_t offset;
	atomic_bool stop;
	atomic_int tries, hits, other_error;
};

static void *break_in(void *data)
{
	struct burglar *b = data;

	while (!atomic_load(&b->stop)) {
		for (int i = 0; i < 2; i++) {
			void *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, b->files[i], b->offset);

			if (map != MAP_FAILED) {
				atomic_fetch_add(&b->hits, 1);
				munmap(map, SIZE);
			} else if (errno != EACCES) {
				atomic_store(&b->other_error, errno);
			}
		}
		atomic_fetch_add(&b->tries, 1);
	}

	return NULL;
}

/**
 * SUBTEST: race-break-in
 * Description: While an object without a handle is duplicated, other threads, and processes that
 *   share the file, cannot map it.
 */
static void race_break_in(int fd, const struct kind *kind)
{
	struct burglar *child = mmap(NULL, PLACED_PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct burglar thread;
	int own = placed_open(kind->driver), i;
	struct object o = make_object(own, kind, PAGES);
	uint8_t *map = map_all(&o);
	pthread_t burglar;

	igt_assert(child != MAP_FAILED);
	child->files[0] = own;
	child->files[1] = fd;
	igt_assert_eq(placed_fake_offset(own, o.handle, &child->offset), 0);
	igt_assert_eq(placed_close_handle(own, o.handle), 0);
	thread = *child;

	igt_fork(process, 1)
		break_in(child);
	igt_assert_eq(pthread_create(&burglar, NULL, break_in, &thread), 0);
	for (i = 0; i < RACE_ROUNDS || !atomic_load(&child->tries) ||
	     !atomic_load(&thread.tries); i++) {
		struct drm_gem_mmap_placed args = once_more(map, PAGES);

		if (i % 2)
			args.range_end = PLACED_4G;
		if (placed_map(i % 3 ? own : fd, &args))
			break;
		munmap(placed_ptr(args.addr), SIZE);
	}
	atomic_store(&child->stop, true);
	atomic_store(&thread.stop, true);
	igt_waitchildren();
	igt_assert_eq(pthread_join(burglar, NULL), 0);
	igt_assert_lte_u64(RACE_ROUNDS, i);
	igt_info("%d duplicates, %d and %d tries\n", i, child->tries, thread.tries);
	igt_assert_eq(child->hits, 0);
	igt_assert_eq(thread.hits, 0);
	igt_assert_eq(child->other_error, 0);
	igt_assert_eq(thread.other_error, 0);
	placed_unmap(map, SIZE);
	placed_unmap(child, PLACED_PAGE);
	close(own);
}

/**
 * SUBTEST: killed
 * Description: A process that is killed in the middle of duplicating leaves no reference.
 */
static void killed(int fd, const struct kind *kind)
{
	uint8_t *map;
	struct object o = make_mapped(fd, kind, &map);
	struct placed_counts before;

	settle(&o);
	before = placed_count(fd);
	for (int round = 0; round < placed_rounds(6); round++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		igt_assert_eq(pipe(ready), 0);
		pid = start_child();
		if (!pid) {
			for (int i = 0;; i++) {
				struct drm_gem_mmap_placed args = once_more(map, PAGES);

				args.range_end = PLACED_4G;
				if (placed_map(fd, &args))
					_exit(1);
				munmap(placed_ptr(args.addr), SIZE);
				if (i == round && write(ready[1], "", 1) != 1)
					_exit(1);
			}
		}
		close(ready[1]);
		igt_assert_eq(read(ready[0], &byte, 1), 1);
		status = end_child(pid, SIGKILL);
		igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(ready[0]);
	}
	settle(&o);
	placed_assert_same_counts(fd, before);
	finish(&o, map);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "both-ways", "The same memory, both ways", both_ways, 0, KIND_ORDINARY },
		{ "description", "As /proc/self/maps shows it", description, 0, KIND_ORDINARY },
		{ "parts", "Parts of mappings", parts, 0, KIND_ORDINARY },
		{ "in-a-row", "Several mappings in a row", in_a_row, 0,
		  KIND_ORDINARY | KIND_PLAIN },
		{ "two-files", "Mappings in a row of two files", two_files, 0,
		  KIND_ORDINARY | KIND_PLAIN | KIND_SPARSE },
		{ "split", "Mappings that are split", split, 0, KIND_ORDINARY },
		{ "moved", "Mappings that were moved", moved, 0, KIND_ORDINARY },
		{ "first-half-gone", "Second halves", first_half_gone, 0, KIND_ORDINARY },
		{ "over-itself", "FIXED over the original", over_itself, 0, KIND_ORDINARY },
		{ "fork", "A child duplicates", do_fork, 0, KIND_ORDINARY },
		{ "place", "Range, hint, direction, exact addresses", place, 0, KIND_ORDINARY },
		{ "huge", "Large duplicates", huge, 0, KIND_ORDINARY },
		{ "above-47-bits", "High addresses", above_47_bits, 0, KIND_ORDINARY },
		{ "rights", "READ and WRITE", rights, 0, KIND_ORDINARY },
		{ "read-only-file", "Files opened for reading", read_only_file, 0, KIND_ORDINARY },
		{ "handle-closed", "Objects without a handle", handle_closed, 0, KIND_ORDINARY },
		{ "file-closed", "Mappings whose file is closed", file_closed, 0, KIND_ORDINARY },
		{ "other-file", "Calls on other files", other_file, 0, KIND_ORDINARY },
		{ "dma-buf", "Mappings of dma-bufs", dma_buf, 0, KIND_ORDINARY | KIND_SPARSE },
		{ "read-only-dma-buf", "Mappings of dma-bufs for reading", read_only_dma_buf, 0,
		  KIND_ORDINARY | KIND_SPARSE },
		{ "imported", "Mappings of imported objects", imported, 0,
		  KIND_ORDINARY | KIND_SPARSE | KIND_UNSHARED },
		{ "imported-read-only", "Imports that are not for writing", imported_read_only, 0,
		  KIND_ORDINARY | KIND_SPARSE | KIND_UNSHARED },
		{ "coherent", "Coherent originals", coherent, KIND_COPY, 0 },
		{ "coherent-parts", "Parts of coherent originals", coherent_parts, KIND_COPY, 0 },
		{ "coherent-dirty", "Stores count as dirty", coherent_dirty, KIND_COHERENT,
		  KIND_COPY },
		{ "coherent-write-only", "Coherent originals that are never read",
		  coherent_write_only, KIND_COHERENT, 0 },
		{ "coherent-flag", "COHERENT with FROM_ADDR", coherent_flag, 0,
		  KIND_ORDINARY },
		{ "populate", "POPULATE with FROM_ADDR", populate, 0, KIND_ORDINARY },
		{ "discard", "MADV_REMOVE through either", discard, KIND_SPARSE, 0 },
		{ "foreign", "Memory of no GEM object", foreign, 0,
		  KIND_ORDINARY | KIND_SPARSE | KIND_COHERENT },
		{ "holes", "Ranges with holes", holes, 0, KIND_ORDINARY },
		{ "page-window", "Page windows", page_window, 0, KIND_ORDINARY | KIND_PLAIN },
		{ "malformed", "EINVAL", malformed, 0,
		  KIND_ORDINARY | KIND_SPARSE | KIND_COHERENT },
		{ "rlimit-as", "RLIMIT_AS", rlimit_as, 0, KIND_ORDINARY },
		{ "map-count", "vm.max_map_count", map_count, 0, KIND_ORDINARY },
		{ "mlockall-future", "mlockall(MCL_FUTURE) and RLIMIT_MEMLOCK", mlockall_future, 0,
		  KIND_ORDINARY },
		{ "sealed", "mseal(2)", sealed, 0, KIND_ORDINARY },
		{ "race-remap", "The original is remapped meanwhile", race_remap, 0,
		  KIND_ORDINARY | KIND_COPY | KIND_COHERENT },
		{ "race-mprotect", "The original's rights change meanwhile", race_mprotect, 0,
		  KIND_ORDINARY | KIND_COPY | KIND_COHERENT },
		{ "race-break-in", "Others try to map it meanwhile", race_break_in, 0,
		  KIND_ORDINARY },
		{ "killed", "SIGKILL", killed, 0, KIND_ORDINARY },
	};

	KIND_RUN_TESTS(tests);
}
