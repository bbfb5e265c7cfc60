// SPDX-License-Identifier: MIT

/**
 * TEST: placed area
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_WINDOW
 * Description: Where plain mmap(2) of a file maps that has been given a window, and whose window
 *	it is.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Gives files windows, and maps by mmap(2).");

#define PAGES 16
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

/* Drivers whose files can have windows. */
#define AREA_DRIVERS 3

static const char *area_driver(int which)
{
	static const char * const others[] = { "vgem", "placed_copy" };

	return which ? others[which - 1] : placed_gpu();
}

static int window(int fd, uint32_t op, uint32_t flags, uint64_t start, uint64_t end)
{
	struct drm_gem_mmap_window args = {
		.op = op, .flags = flags, .range_start = start, .range_end = end,
	}, before = args;
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, &args);

	igt_assert(!memcmp(&args, &before, sizeof(args)));
	return ret;
}

static int set(int fd, uint64_t start, uint64_t end)
{
	return window(fd, DRM_GEM_MMAP_WINDOW_SET, 0, start, end);
}

static int clear(int fd)
{
	return window(fd, DRM_GEM_MMAP_WINDOW_CLEAR, 0, 0, 0);
}

/* Whether the window is this, without a window all zero. Threads and children do not assert. */
static bool window_is(int fd, uint32_t flags, uint64_t start, uint64_t end)
{
	struct drm_gem_mmap_window args = {
		.op = DRM_GEM_MMAP_WINDOW_QUERY, .flags = 0,
	};

	return !placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, &args) && args.flags == flags &&
	       args.range_start == start && args.range_end == end &&
	       args.op == DRM_GEM_MMAP_WINDOW_QUERY;
}

/* An object, and a place that it is not mapped at by itself. */
struct area {
	int fd;
	uint32_t handle;
	uint64_t fake, size;
	uint64_t start, end;
};

static struct area make_area_of(int fd, uint32_t handle, uint64_t size, uint64_t pages)
{
	struct area a = { .fd = fd, .handle = handle, .size = size };

	igt_assert_eq(placed_fake_offset(fd, a.handle, &a.fake), 0);
	a.start = placed_free_region(pages * PLACED_PAGE);
	a.end = a.start + pages * PLACED_PAGE;
	return a;
}

static struct area make_area(int fd, uint64_t size, uint64_t pages)
{
	return make_area_of(fd, placed_object(fd, size), size, pages);
}

static void finish(struct area *a)
{
	igt_assert(placed_is_free(a->start, a->end));
	igt_assert_eq(clear(a->fd), 0);
	igt_assert_eq(placed_close_handle(a->fd, a->handle), 0);
}

/* Plain mmap(2). 0: it failed. */
static uint64_t map_with(const struct area *a, uint64_t hint, uint64_t size, int flags)
{
	void *ptr = mmap(placed_ptr(hint), size, RW, MAP_SHARED | flags, a->fd, a->fake);

	return ptr == MAP_FAILED ? 0 : placed_addr(ptr);
}

static uint64_t map(const struct area *a)
{
	return map_with(a, 0, a->size, 0);
}

static void unmap(uint64_t addr, uint64_t size)
{
	placed_unmap(placed_ptr(addr), size);
}

/* Where it would map without a window. */
static uint64_t map_default(const struct area *a)
{
	uint64_t addr = map(a);

	igt_assert(addr);
	igt_assert(addr >= a->end || addr + a->size <= a->start);
	unmap(addr, a->size);
	return addr;
}

static void check_default(const struct area *a, uint64_t addr)
{
	igt_assert_eq_u64(map(a), addr);
	unmap(addr, a->size);
}

/**
 * SUBTEST: set-query-clear
 * Description: The window is what was set last; with none, or none any more, it is empty.
 */
static void set_query_clear(int fd)
{
	struct area a = make_area(fd, SIZE, 256);
	uint64_t addr = map_default(&a);
	int other = dup(fd);

	igt_assert(window_is(fd, 0, 0, 0));
	igt_assert_eq(clear(fd), 0);
	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert(window_is(fd, 0, a.start, a.end));
	igt_assert_eq_u64(map(&a), a.start);
	unmap(a.start, SIZE);

	igt_assert_eq(window(fd, DRM_GEM_MMAP_WINDOW_SET, DRM_GEM_MMAP_WINDOW_TOPDOWN,
			     a.start + SIZE, a.end - SIZE), 0);
	igt_assert(window_is(fd, DRM_GEM_MMAP_WINDOW_TOPDOWN, a.start + SIZE, a.end - SIZE));
	igt_assert_eq_u64(map(&a), a.end - 2 * SIZE);
	unmap(a.end - 2 * SIZE, SIZE);

	/* It is the open file's that has it, not the descriptor's. */
	igt_assert_eq(set(other, a.start + 2 * SIZE, a.end), 0);
	igt_assert(window_is(fd, 0, a.start + 2 * SIZE, a.end));
	close(other);
	igt_assert_eq_u64(map(&a), a.start + 2 * SIZE);
	unmap(a.start + 2 * SIZE, SIZE);

	igt_assert_eq(clear(fd), 0);
	igt_assert(window_is(fd, 0, 0, 0));
	check_default(&a, addr);
	igt_assert_eq(clear(fd), 0);
	finish(&a);
}

/**
 * SUBTEST: inside
 * Description: Mappings of all sizes land inside, one above the other, and show the object.
 */
static void inside(int fd)
{
	struct area a = make_area(fd, SIZE, 256);
	uint32_t *whole = placed_plain_map(fd, a.handle, SIZE);
	uint64_t next = a.start;

	for (int i = 0; i < PAGES; i++)
		whole[i * 1024] = 4000 + i;
	igt_assert_eq(set(fd, a.start, a.end), 0);
	for (int pages = 1; pages <= PAGES; pages++) {
		uint64_t addr = map_with(&a, 0, pages * PLACED_PAGE, pages % 2 ? MAP_POPULATE : 0);
		uint32_t *ptr = placed_ptr(addr);

		igt_assert_eq_u64(addr, next);
		for (int i = 0; i < pages; i++)
			igt_assert_eq_u32(ptr[i * 1024], 4000 + i);
		ptr[1] = pages;
		igt_assert_eq_u32(whole[1], pages);
		next += pages * PLACED_PAGE;
	}
	placed_unmap(whole, SIZE);
	unmap(a.start, next - a.start);
	finish(&a);
}

/**
 * SUBTEST: hint
 * Description: A hint inside is honoured when free, or its neighbourhood; one that is not inside is
 *   none.
 */
static void hint(int fd)
{
	struct area a = make_area(fd, SIZE, 128);
	uint64_t at = a.start + 40 * PLACED_PAGE;

	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert_eq_u64(map_with(&a, at, SIZE, 0), at);
	igt_assert_eq_u64(map_with(&a, at, SIZE, 0), at + SIZE);
	igt_assert_eq_u64(map_with(&a, at + 5 * PLACED_PAGE, SIZE, 0), at + 2 * SIZE);
	/* Nothing above: below. */
	placed_reserve(at + 3 * SIZE, a.end);
	igt_assert_eq_u64(map_with(&a, at, SIZE, 0), at - SIZE);
	unmap(at - SIZE, a.end - at + SIZE);

	/* mmap(2) takes any address for a hint, and its page for it. */
	igt_assert_eq_u64(map_with(&a, at + 17, SIZE, 0), at);
	unmap(at, SIZE);
	igt_assert_eq_u64(map_with(&a, a.end - SIZE, SIZE, 0), a.end - SIZE);
	unmap(a.end - SIZE, SIZE);

	/* Over the end, before the start, and elsewhere. */
	igt_assert_eq_u64(map_with(&a, a.end - SIZE + PLACED_PAGE, SIZE, 0), a.start);
	igt_assert_eq_u64(map_with(&a, a.end, SIZE, 0), a.start + SIZE);
	igt_assert_eq_u64(map_with(&a, a.start - PLACED_PAGE, SIZE, 0), a.start + 2 * SIZE);
	igt_assert_eq_u64(map_with(&a, a.start + (1 << 28), SIZE, 0), a.start + 3 * SIZE);
	igt_assert_eq_u64(map_with(&a, PLACED_PAGE, SIZE, 0), a.start + 4 * SIZE);
	unmap(a.start, 5 * SIZE);
	finish(&a);
}

/**
 * SUBTEST: fixed
 * Description: MAP_FIXED and MAP_FIXED_NOREPLACE map where they always did.
 */
static void fixed(int fd)
{
	struct area a = make_area(fd, SIZE, 256);
	uint64_t outside = a.start + 128 * PLACED_PAGE;
	void *mine = placed_ptr(a.start);

	igt_assert_eq(set(fd, a.start, a.start + 64 * PLACED_PAGE), 0);
	igt_assert_eq_u64(map_with(&a, outside, SIZE, MAP_FIXED), outside);
	igt_assert_eq_u64(map_with(&a, outside, SIZE, MAP_FIXED), outside);
	igt_assert_eq_u64(map_with(&a, outside, SIZE, MAP_FIXED_NOREPLACE), 0);
	igt_assert_eq(errno, EEXIST);
	igt_assert_eq_u64(map_with(&a, outside + SIZE, SIZE, MAP_FIXED_NOREPLACE), outside + SIZE);

	/* Half inside. */
	igt_assert_eq_u64(map_with(&a, a.start + 60 * PLACED_PAGE, SIZE, MAP_FIXED_NOREPLACE),
			  a.start + 60 * PLACED_PAGE);
	unmap(a.start + 60 * PLACED_PAGE, SIZE);
	unmap(outside, 2 * SIZE);

	/* Over what is in the window. */
	placed_reserve(a.start, a.start + SIZE);
	igt_assert_eq_u64(map_with(&a, a.start, SIZE, MAP_FIXED_NOREPLACE), 0);
	igt_assert_eq(errno, EEXIST);
	igt_assert_eq_u64(map_with(&a, a.start, SIZE, MAP_FIXED), placed_addr(mine));
	igt_assert_eq_u64(map(&a), a.start + SIZE);
	unmap(a.start, 2 * SIZE);
	finish(&a);
}

/**
 * SUBTEST: map-32bit
 * Description: MAP_32BIT makes no difference, wherever the window is.
 */
static void map_32bit(int fd)
{
	struct area a = make_area(fd, SIZE, 256);

	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert_eq_u64(map_with(&a, 0, SIZE, MAP_32BIT), a.start);
	igt_assert_eq_u64(map_with(&a, a.end - SIZE, SIZE, MAP_32BIT), a.end - SIZE);
	unmap(a.start, SIZE);
	unmap(a.end - SIZE, SIZE);
	if (sizeof(void *) > 4) {
		uint64_t high = 5ull << 40;

		igt_assert(placed_is_free(high, high + SIZE));
		igt_assert_eq(set(fd, high, high + SIZE), 0);
		igt_assert_eq_u64(map_with(&a, 0, SIZE, MAP_32BIT), high);
		igt_assert_eq_u64(map_with(&a, 0, SIZE, MAP_32BIT), 0);
		igt_assert_eq(errno, ENOMEM);
		unmap(high, SIZE);
	}
	finish(&a);
}

/**
 * SUBTEST: full
 * Description: Without room in the window mmap(2) fails with ENOMEM, and works again when there is.
 */
static void full(int fd)
{
	struct area a = make_area(fd, SIZE, 5 * PAGES + 3);
	uint64_t hole;

	igt_assert_eq(set(fd, a.start, a.end), 0);
	for (int i = 0; i < 5; i++)
		igt_assert_eq_u64(map(&a), a.start + i * SIZE);
	for (int i = 0; i < 2; i++) {
		igt_assert_eq_u64(map(&a), 0);
		igt_assert_eq(errno, ENOMEM);
		/* A hint is no help. */
		igt_assert_eq_u64(map_with(&a, a.end, SIZE, 0), 0);
		igt_assert_eq(errno, ENOMEM);
	}
	igt_assert_eq_u64(map_with(&a, 0, 3 * PLACED_PAGE, 0), a.end - 3 * PLACED_PAGE);
	igt_assert_eq_u64(map_with(&a, 0, PLACED_PAGE, 0), 0);

	for (int i = 0; i < 5; i++) {
		hole = a.start + i * 3 % 5 * SIZE;
		unmap(hole, SIZE);
		igt_assert_eq_u64(map(&a), hole);
		unmap(hole, SIZE - PLACED_PAGE);
		igt_assert_eq_u64(map(&a), 0);
		igt_assert_eq(errno, ENOMEM);
		igt_assert_eq_u64(map_with(&a, 0, SIZE - PLACED_PAGE, 0), hole);
	}

	/* Other mappings take room, too, and the file's own elsewhere do not. */
	unmap(a.start, a.end - a.start);
	placed_reserve(a.start + PLACED_PAGE, a.end - SIZE);
	igt_assert_eq_u64(map(&a), a.end - SIZE);
	igt_assert_eq_u64(map(&a), 0);
	unmap(a.start, a.end - a.start);

	/* Smaller than the mapping, even when it is free. */
	igt_assert_eq(set(fd, a.start, a.start + SIZE - PLACED_PAGE), 0);
	igt_assert_eq_u64(map(&a), 0);
	igt_assert_eq(errno, ENOMEM);
	finish(&a);
}

/**
 * SUBTEST: topdown
 * Description: With TOPDOWN, the window is filled from above.
 */
static void topdown(int fd)
{
	struct area a = make_area(fd, SIZE, 128);
	uint64_t at = a.start + 64 * PLACED_PAGE;

	igt_assert_eq(window(fd, DRM_GEM_MMAP_WINDOW_SET, DRM_GEM_MMAP_WINDOW_TOPDOWN, a.start,
			     a.end), 0);
	igt_assert_eq_u64(map(&a), a.end - SIZE);
	igt_assert_eq_u64(map(&a), a.end - 2 * SIZE);
	igt_assert_eq_u64(map_with(&a, at, SIZE, 0), at);
	igt_assert_eq_u64(map_with(&a, at, SIZE, 0), at - SIZE);
	unmap(a.start, a.end - a.start);
	finish(&a);
}

/**
 * SUBTEST: huge
 * Description: Large mappings are where huge pages can map them, from the middle, too.
 */
static void huge(int fd)
{
	struct area a = make_area(fd, 2 * PLACED_2M, 6 * PLACED_2M / PLACED_PAGE);
	uint64_t addr;

	/* A start that is none of these places. */
	igt_assert_eq(set(fd, a.start + PLACED_PAGE, a.end), 0);
	for (int first = 0; first < 12; first += 5) {
		void *ptr = mmap(NULL, PLACED_2M, RW, MAP_SHARED, fd, a.fake + first * PLACED_PAGE);

		igt_assert(ptr != MAP_FAILED);
		addr = placed_addr(ptr);
		igt_assert(addr > a.start && addr + PLACED_2M <= a.end);
		igt_assert_eq_u64(addr % PLACED_2M, first * PLACED_PAGE);
		unmap(addr, PLACED_2M);
	}

	/* Where there is no such place, any will do. */
	igt_assert_eq(set(fd, a.start + PLACED_PAGE, a.start + 2 * PLACED_2M - PLACED_PAGE), 0);
	addr = map_with(&a, 0, PLACED_2M, 0);
	igt_assert_eq_u64(addr, a.start + PLACED_PAGE);
	unmap(addr, PLACED_2M);
	finish(&a);
}

/**
 * SUBTEST: placed
 * Description: Placed maps, and duplicates, are where they are without a window.
 */
static void placed(int fd)
{
	struct area a = make_area(fd, SIZE, 256);
	struct drm_gem_mmap_placed args = {
		.handle = a.handle, .flags = PLACED_RW, .length = SIZE,
	};
	uint64_t anywhere = placed_addr(placed_must_map(fd, args)), inside;

	unmap(anywhere, SIZE);
	igt_assert_eq(set(fd, a.start, a.start + 128 * PLACED_PAGE), 0);
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), anywhere);
	unmap(anywhere, SIZE);
	args.range_start = a.start + 130 * PLACED_PAGE;
	args.range_end = a.end;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.range_start);
	unmap(args.range_start, SIZE);
	args.range_start = a.start + 120 * PLACED_PAGE;
	args.range_end = args.range_start + SIZE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.range_start);
	placed_must_fail(fd, args, ENOSPC);
	unmap(args.range_start, SIZE);
	args = (struct drm_gem_mmap_placed) {
		.handle = a.handle, .length = SIZE, .addr = a.start + 200 * PLACED_PAGE,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE,
	};
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);
	unmap(args.addr, SIZE);

	inside = map(&a);
	igt_assert_eq_u64(inside, a.start);
	args = (struct drm_gem_mmap_placed) {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR, .length = SIZE, .from_addr = inside,
	};
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), anywhere);
	unmap(anywhere, SIZE);
	unmap(inside, SIZE);
	finish(&a);
}

/* The fake offset of an object of a size that no other has, which cannot be asked for. */
static uint64_t find_fake_offset(const char *driver, uint64_t size)
{
	unsigned long long offset, found = 0, its_size;
	char path[64], line[128];
	FILE *f;

	igt_assert(placed_debugfs(driver, "gem_mappable", path, sizeof(path)));
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %llx", &offset, &its_size) == 2 && its_size == size)
			found = offset;
	fclose(f);
	igt_assert(found);
	return found;
}

/**
 * SUBTEST: dma-buf
 * Description: mmap(2) of a dma-buf has nothing to do with the file's window; an imported one that
 *   is mapped through the file has.
 */
static void dma_buf(int fd)
{
	const uint64_t size = 13 * PLACED_PAGE;
	struct area a = make_area_of(fd, placed_shareable_object(fd, size), size, 256);
	struct area import = a;
	struct drm_prime_handle prime = { .handle = a.handle, .flags = DRM_RDWR };
	uint64_t addr;
	void *ptr;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	ptr = mmap(NULL, size, RW, MAP_SHARED, prime.fd, 0);
	igt_assert(ptr != MAP_FAILED);
	placed_unmap(ptr, size);
	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert(mmap(NULL, size, RW, MAP_SHARED, prime.fd, 0) == ptr);
	placed_unmap(ptr, size);
	igt_assert_eq(clear(fd), 0);

	/* Its own dma-bufs are its own objects again. */
	import.fd = placed_open("vgem");
	igt_assert_eq(placed_ioctl(import.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	close(prime.fd);
	placed_unmap(placed_must_map(import.fd, (struct drm_gem_mmap_placed) {
		.handle = prime.handle, .flags = PLACED_RW, .length = size,
	}), size);
	import.fake = find_fake_offset("vgem", size);
	igt_assert_eq(set(import.fd, a.start, a.end), 0);
	addr = map(&import);
	igt_assert_eq_u64(addr, a.start);
	*(volatile uint32_t *)placed_ptr(addr) = 1;
	unmap(addr, size);
	close(import.fd);
	finish(&a);
}

/**
 * SUBTEST: others
 * Description: The window is of one open file: others of the device, and other memory, do not
 *   know it.
 */
static void others(int fd)
{
	struct area a = make_area(fd, SIZE, 256);
	struct drm_version version = {};
	char name[32] = "";
	struct area other = a;
	uint64_t addr;
	void *ptr;

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);
	other.fd = placed_open(name);
	other.handle = placed_object(other.fd, SIZE);
	igt_assert_eq(placed_fake_offset(other.fd, other.handle, &other.fake), 0);
	addr = map_default(&other);

	igt_assert_eq(set(fd, a.start, a.start + SIZE), 0);
	igt_assert(window_is(other.fd, 0, 0, 0));
	check_default(&other, addr);
	ptr = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(ptr != MAP_FAILED);
	igt_assert(placed_addr(ptr) >= a.end || placed_addr(ptr) + SIZE <= a.start);
	placed_unmap(ptr, SIZE);

	/* Two files, two windows. */
	igt_assert_eq(set(other.fd, a.start + 2 * SIZE, a.end), 0);
	igt_assert_eq_u64(map(&a), a.start);
	igt_assert_eq_u64(map(&other), a.start + 2 * SIZE);
	igt_assert_eq_u64(map(&a), 0);
	igt_assert_eq_u64(map(&other), a.start + 3 * SIZE);
	igt_assert_eq(clear(fd), 0);
	igt_assert(window_is(other.fd, 0, a.start + 2 * SIZE, a.end));
	igt_assert_eq_u64(map(&other), a.start + 4 * SIZE);
	unmap(a.start, a.end - a.start);

	/* And when it is opened again, there is none. */
	close(other.fd);
	other.fd = placed_open(name);
	igt_assert(window_is(other.fd, 0, 0, 0));
	close(other.fd);
	finish(&a);
}

/**
 * SUBTEST: render-node
 * Description: Files of render nodes have windows, too.
 */
static void render_node(int fd)
{
	struct area a = make_area(fd, SIZE, 64), render = a;
	struct drm_prime_handle prime = { .handle = a.handle, .flags = DRM_RDWR };
	struct drm_version version = {};
	char name[32] = "";

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);
	render.fd = placed_open_node(name, "renderD", O_RDWR);
	igt_assert(render.fd >= 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	igt_assert_eq(placed_ioctl(render.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	close(prime.fd);
	igt_assert_eq(set(render.fd, a.start, a.end), 0);
	igt_assert_eq_u64(map(&render), a.start);
	unmap(a.start, SIZE);
	close(render.fd);
	finish(&a);
}

/**
 * SUBTEST: above-47-bits
 * Description: A window above the 47-bit line is one, if the machine has addresses there; one that
 *   reaches there from below is filled from below.
 */
static void above_47_bits(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t line = 1ull << 47;

	if (!placed_has_57_bits()) {
		igt_assert_eq(set(fd, line, line << 1), -EINVAL);
		igt_assert(window_is(fd, 0, 0, 0));
		finish(&a);
		return;
	}

	igt_assert_eq(set(fd, line, line << 1), 0);
	igt_assert_eq_u64(map(&a), line);
	igt_assert_eq_u64(map_with(&a, line + (1 << 30), SIZE, 0), line + (1 << 30));
	unmap(line, SIZE);
	unmap(line + (1 << 30), SIZE);
	igt_assert_eq(window(fd, DRM_GEM_MMAP_WINDOW_SET, DRM_GEM_MMAP_WINDOW_TOPDOWN,
			     a.start, line << 1), 0);
	igt_assert_eq_u64(map(&a), (line << 1) - SIZE);
	unmap((line << 1) - SIZE, SIZE);
	igt_assert_eq(set(fd, a.start, line << 1), 0);
	igt_assert_eq_u64(map(&a), a.start);
	unmap(a.start, SIZE);
	finish(&a);
}

/* The end of what a program can have, rounded up as a window may be. */
static uint64_t end_of_addresses(void)
{
	if (sizeof(void *) < 8)
		return PLACED_4G;
	return placed_has_57_bits() ? 1ull << 56 : 1ull << 47;
}

/**
 * SUBTEST: highest
 * Description: A window may end with the address space, and not above.
 */
static void highest(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t end = end_of_addresses(), addr;

	igt_assert_eq(set(fd, a.start, end), 0);
	igt_assert(window_is(fd, 0, a.start, end));
	igt_assert_eq_u64(map(&a), a.start);
	unmap(a.start, SIZE);
	igt_assert_eq(set(fd, a.start, end + PLACED_PAGE), -EINVAL);
	igt_assert_eq(set(fd, end - PLACED_PAGE, end), -EINVAL);
	igt_assert_eq(set(fd, end, end + PLACED_4G), -EINVAL);
	igt_assert(window_is(fd, 0, a.start, end));

	igt_assert_eq(window(fd, DRM_GEM_MMAP_WINDOW_SET, DRM_GEM_MMAP_WINDOW_TOPDOWN,
			     end - PLACED_4G / 2, end), 0);
	addr = map(&a);
	igt_assert_lte_u64(end - PLACED_4G / 2, addr);
	igt_assert_lt_u64(addr + SIZE, end);
	unmap(addr, SIZE);
	finish(&a);
}

/**
 * SUBTEST: lowest
 * Description: A window that starts at zero has no addresses below mmap_min_addr.
 */
static void lowest(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t addr;

	igt_assert_eq(set(fd, 0, PLACED_4G / 2), 0);
	addr = map(&a);
	igt_assert_lte_u64(0x10000, addr);
	unmap(addr, SIZE);
	igt_assert_eq(set(fd, 0, 0x8000), 0);
	igt_assert_eq_u64(map_with(&a, 0, PLACED_PAGE, 0), 0);
	igt_assert_eq(errno, ENOMEM);
	finish(&a);
}

/**
 * SUBTEST: mappings-stay
 * Description: Mappings that are there stay where they are, and can be moved out of the window.
 */
static void mappings_stay(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t before, outside = a.end - SIZE;
	volatile uint32_t *ptr;

	before = map(&a);
	ptr = placed_ptr(before);
	ptr[0] = 17;
	igt_assert_eq(set(fd, a.start, a.start + SIZE), 0);
	igt_assert_eq_u64(map(&a), a.start);
	ptr = placed_ptr(a.start);
	igt_assert_eq_u32(ptr[0], 17);
	unmap(before, SIZE);
	igt_assert(mremap(placed_ptr(a.start), SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  placed_ptr(outside)) == placed_ptr(outside));
	ptr = placed_ptr(outside);
	igt_assert_eq_u32(ptr[0], 17);
	igt_assert_eq(clear(fd), 0);
	igt_assert_eq_u32(ptr[0], 17);
	unmap(outside, SIZE);
	finish(&a);
}

/**
 * SUBTEST: limits
 * Description: What mmap(2) checks it checks in a window: RLIMIT_AS, the file's rights, the handle.
 */
static void limits(int fd)
{
	struct area a = make_area(fd, SIZE, 256), other = a;
	struct drm_version version = {};
	char name[32] = "";

	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_fork(child, 1) {
		struct rlimit limit = { .rlim_cur = 0, .rlim_max = RLIM_INFINITY };

		/* A child has to set its own. */
		igt_assert_eq(set(fd, a.start, a.end), -EBUSY);
		igt_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
		igt_assert_eq_u64(map(&a), 0);
		igt_assert_eq(errno, ENOMEM);
	}
	igt_waitchildren();

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);
	other.fd = placed_open_node(name, "card", O_RDONLY);
	igt_assert_eq(set(other.fd, a.start, a.end), 0);
	igt_assert_eq_u64(map(&other), 0);
	igt_assert_eq(errno, EACCES);
	close(other.fd);
	other.fd = fd;
	other.fake = a.fake + (1ull << 40);
	igt_assert_eq_u64(map(&other), 0);
	igt_assert_eq(errno, EINVAL);
	igt_assert_eq_u64(map(&a), a.start);
	unmap(a.start, SIZE);
	finish(&a);
}

/* Whose it is */

/* Children tell what went wrong by a number, for they cannot assert. */
enum {
	FINE,
	HAS_A_WINDOW,
	NOT_BUSY,
	MAPS_ELSEWHERE,
	BUSY,
};

/* What somebody sees who has the file, while another process has a window there. */
static int look_from_outside(const struct area *a, uint64_t addr)
{
	if (!window_is(a->fd, 0, 0, 0))
		return HAS_A_WINDOW;
	if (set(a->fd, a->start, a->end) != -EBUSY || clear(a->fd) != -EBUSY)
		return NOT_BUSY;
	if (map(a) != addr)
		return MAPS_ELSEWHERE;
	munmap(placed_ptr(addr), a->size);
	return FINE;
}

static int run_child(int (*f)(const struct area *a, uint64_t addr), const struct area *a,
		     uint64_t addr)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid)
		_exit(f(a, addr));
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_f(WIFEXITED(status), "the child died by signal %d\n", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/**
 * SUBTEST: fork
 * Description: The child of a fork() has no window, maps as without one, and cannot take the
 *   parent's away.
 */
static void do_fork(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t addr = map_default(&a);

	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert_eq(run_child(look_from_outside, &a, addr), FINE);
	igt_assert(window_is(fd, 0, a.start, a.end));
	igt_assert_eq_u64(map(&a), a.start);
	/* With a mapping in the window, which the child has, too. */
	igt_assert_eq(run_child(look_from_outside, &a, addr), FINE);
	unmap(a.start, SIZE);
	finish(&a);
}

/**
 * SUBTEST: vfork
 * Description: The child of a vfork() is in the parent's address space, and so in its window.
 */
static void do_vfork(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	int status;
	pid_t pid;

	igt_assert_eq(set(fd, a.start, a.end), 0);
	pid = vfork();
	igt_assert(pid >= 0);
	if (!pid) {
		if (!window_is(fd, 0, a.start, a.end))
			_exit(NOT_BUSY);
		_exit(map(&a) == a.start ? FINE : MAPS_ELSEWHERE);
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_eq(status, 0);
	unmap(a.start, SIZE);
	igt_assert(window_is(fd, 0, a.start, a.end));
	igt_assert_eq(clear(fd), 0);
	finish(&a);
}

/* A process that has set a window, and waits to be killed. */
static pid_t start_owner(const struct area *a, int ready)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		bool fine = !set(a->fd, a->start, a->end) && map(a) == a->start;

		if (write(ready, fine ? "y" : "n", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	return pid;
}

static void wait_ready(int ready)
{
	char byte = 0;

	igt_assert_eq(read(ready, &byte, 1), 1);
	igt_assert_eq(byte, 'y');
}

/**
 * SUBTEST: busy
 * Description: While the owner lives, others get EBUSY; when it is dead, and be it not buried, they
 *   can have the file's window.
 */
static void busy(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	uint64_t addr = map_default(&a);
	siginfo_t info;
	int ready[2];
	pid_t owner;

	igt_assert_eq(pipe(ready), 0);
	for (int round = 0; round < 3; round++) {
		owner = start_owner(&a, ready[1]);
		wait_ready(ready[0]);
		igt_assert_eq(look_from_outside(&a, addr), FINE);
		igt_assert_eq(run_child(look_from_outside, &a, addr), FINE);
		igt_assert_eq(kill(owner, SIGSTOP), 0);
		igt_assert_eq(look_from_outside(&a, addr), FINE);
		igt_assert_eq(kill(owner, SIGKILL), 0);
		igt_assert_eq(waitid(P_PID, owner, &info, WEXITED | WNOWAIT), 0);

		igt_assert(window_is(fd, 0, 0, 0));
		check_default(&a, addr);
		if (round) {
			igt_assert_eq(set(fd, a.start, a.end), 0);
			igt_assert(window_is(fd, 0, a.start, a.end));
			igt_assert_eq_u64(map(&a), a.start);
			unmap(a.start, SIZE);
		}
		igt_assert_eq(clear(fd), 0);
		igt_assert_eq(waitpid(owner, NULL, 0), owner);
	}
	close(ready[0]);
	close(ready[1]);
	finish(&a);
}

/* With these in the environment the program is not a test: see run_after_exec(). */
static const char exec_area[] = "PLACED_AREA_AFTER_EXEC";

/* In the program that is executed, before main(). */
__attribute__((constructor)) static void after_exec(void)
{
	const char *text = getenv(exec_area);
	unsigned long long start, end, fake;
	struct area a = { .size = SIZE };
	int owned;
	uint64_t addr;

	if (!text)
		return;
	if (sscanf(text, "%d %d %llx %llx %llx", &a.fd, &owned, &start, &end, &fake) != 5)
		_exit(100);
	a.start = start;
	a.end = end;
	a.fake = fake;

	addr = map(&a);
	if (!addr || (addr < a.end && addr + SIZE > a.start))
		_exit(MAPS_ELSEWHERE);
	munmap(placed_ptr(addr), SIZE);
	if (!owned)
		_exit(look_from_outside(&a, addr));

	/* The address space that had the window is gone. */
	if (!window_is(a.fd, 0, 0, 0))
		_exit(HAS_A_WINDOW);
	if (set(a.fd, a.start, a.end))
		_exit(BUSY);
	_exit(map(&a) == a.start ? FINE : MAPS_ELSEWHERE);
}

static int exec_self(const struct area *a, bool owned)
{
	char *args[] = { "placed_area", NULL }, text[128];
	int fd = dup(a->fd);

	snprintf(text, sizeof(text), "%d %d %llx %llx %llx", fd, owned,
		 (unsigned long long)a->start, (unsigned long long)a->end,
		 (unsigned long long)a->fake);
	setenv(exec_area, text, 1);
	execv("/proc/self/exe", args);
	return 101;
}

static int own_and_exec(const struct area *a, uint64_t addr)
{
	if (set(a->fd, a->start, a->end))
		return BUSY;
	if (map(a) != a->start)
		return MAPS_ELSEWHERE;
	return exec_self(a, true);
}

static int just_exec(const struct area *a, uint64_t addr)
{
	return exec_self(a, false);
}

/**
 * SUBTEST: exec
 * Description: The program that is executed has no window; if its predecessor had one, it can have
 *   one, too.
 */
static void do_exec(int fd)
{
	struct area a = make_area(fd, SIZE, 64);

	igt_assert_eq(run_child(own_and_exec, &a, 0), FINE);
	/* Of those, nobody is left. */
	igt_assert_eq(set(fd, a.start, a.end), 0);
	igt_assert_eq(run_child(just_exec, &a, 0), FINE);
	igt_assert(window_is(fd, 0, a.start, a.end));
	finish(&a);
}

static void send_file(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(socket, &message, 0) != 1)
		_exit(102);
}

static int receive_file(int socket)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

/**
 * SUBTEST: sent
 * Description: Who is sent a file maps as without a window, and can have one when the sender is
 *   dead.
 */
static void sent(int fd)
{
	struct area a = make_area(fd, SIZE, 64), received = a;
	struct drm_version version = {};
	char name[32] = "", byte;
	uint64_t addr = map_default(&a);
	int sockets[2], status;
	pid_t pid;

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);
	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		struct area own = a;

		/* A file that nobody else has. */
		own.fd = placed_open(name);
		if (placed_create_mappable(own.fd, SIZE, &own.handle) ||
		    placed_fake_offset(own.fd, own.handle, &own.fake))
			_exit(103);
		if (set(own.fd, a.start, a.end))
			_exit(BUSY);
		send_file(sockets[1], own.fd);
		if (write(sockets[1], &own.fake, sizeof(own.fake)) != sizeof(own.fake) ||
		    read(sockets[1], &byte, 1) != 1)
			_exit(104);
		_exit(map(&own) == a.start ? FINE : MAPS_ELSEWHERE);
	}
	received.fd = receive_file(sockets[0]);
	igt_assert(received.fd >= 0);
	igt_assert_eq(read(sockets[0], &received.fake, sizeof(received.fake)),
		      sizeof(received.fake));
	igt_assert_eq(look_from_outside(&received, addr), FINE);
	igt_assert_eq(write(sockets[0], "", 1), 1);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_eq(status, 0);

	igt_assert(window_is(received.fd, 0, 0, 0));
	check_default(&received, addr);
	igt_assert_eq(set(received.fd, a.start, a.end), 0);
	igt_assert_eq_u64(map(&received), a.start);
	unmap(a.start, SIZE);
	close(sockets[0]);
	close(sockets[1]);
	close(received.fd);
	finish(&a);
}

/* Errors */

/**
 * SUBTEST: errors
 * Description: EINVAL and EFAULT; a call that fails leaves the window that there is.
 */
static void errors(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	struct {
		uint32_t op, flags;
		uint64_t start, end;
	} table[] = {
		{ 3, 0, 0, 0 },
		{ ~0u, 0, 0, 0 },
		{ 3, 0, a.start, a.end },
		{ DRM_GEM_MMAP_WINDOW_SET, 2, a.start, a.end },
		{ DRM_GEM_MMAP_WINDOW_SET, 1u << 31, a.start, a.end },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, 0, 0 },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start, a.start },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.end, a.start },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start + 1, a.end },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start, a.end - 1 },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start + 2048, a.end + 2048 },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start, 1ull << 62 },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start, -PLACED_PAGE },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, 1ull << 62, 1ull << 63 },
		{ DRM_GEM_MMAP_WINDOW_SET, 0, a.start,
		  sizeof(void *) < 8 ? PLACED_4G + PLACED_PAGE : 1ull << 57 },
		{ DRM_GEM_MMAP_WINDOW_CLEAR, DRM_GEM_MMAP_WINDOW_TOPDOWN, 0, 0 },
		{ DRM_GEM_MMAP_WINDOW_CLEAR, 0, a.start, 0 },
		{ DRM_GEM_MMAP_WINDOW_CLEAR, 0, 0, a.end },
		{ DRM_GEM_MMAP_WINDOW_QUERY, DRM_GEM_MMAP_WINDOW_TOPDOWN, 0, 0 },
		{ DRM_GEM_MMAP_WINDOW_QUERY, 0, a.start, 0 },
		{ DRM_GEM_MMAP_WINDOW_QUERY, 0, 0, a.end },
	};
	struct drm_gem_mmap_window *args = mmap(NULL, PLACED_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS,
						-1, 0);

	igt_assert(args != MAP_FAILED);
	for (int has = 0; has < 2; has++) {
		if (has)
			igt_assert_eq(set(fd, a.start, a.end - SIZE), 0);
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			igt_debug("line %d of the table\n", (int)i);
			igt_assert_eq(window(fd, table[i].op, table[i].flags, table[i].start,
					     table[i].end), -EINVAL);
			igt_assert(window_is(fd, 0, has ? a.start : 0, has ? a.end - SIZE : 0));
		}
	}

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, NULL), -EFAULT);
	/* What cannot be written back has been done. */
	args->op = DRM_GEM_MMAP_WINDOW_SET;
	args->range_start = a.start;
	args->range_end = a.end;
	igt_assert_eq(mprotect(args, PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, args), -EFAULT);
	igt_assert(window_is(fd, 0, a.start, a.end));
	igt_assert_eq(mprotect(args, PLACED_PAGE, RW), 0);
	memset(args, 0, sizeof(*args));
	args->op = DRM_GEM_MMAP_WINDOW_QUERY;
	igt_assert_eq(mprotect(args, PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, args), -EFAULT);
	placed_unmap(args, PLACED_PAGE);
	finish(&a);
}

/**
 * SUBTEST: not-supported
 * Description: A driver whose file operations have no say in addresses has no windows.
 */
static void not_supported(void)
{
	int fd = placed_open("placed_plain");
	struct area a;
	uint64_t addr;

	igt_assert(fd >= 0);
	a = make_area(fd, SIZE, 64);
	addr = map_default(&a);
	igt_assert_eq(set(fd, a.start, a.end), -EOPNOTSUPP);
	igt_assert_eq(clear(fd), -EOPNOTSUPP);
	igt_assert_eq(window(fd, DRM_GEM_MMAP_WINDOW_QUERY, 0, 0, 0), -EOPNOTSUPP);
	check_default(&a, addr);
	close(fd);
}

/* Threads */

#define THREADS 4
#define ROUNDS placed_rounds(400)

struct race {
	struct area area;
	/* Two windows with a gap between them; of the first nothing is free. */
	uint64_t full_end, gap_end;
	/* How often each has to be seen. */
	int least_inside, least_others;
	atomic_int failed, inside, elsewhere, wrong, tags;
};

static bool is_over(struct race *r)
{
	return atomic_load(&r->wrong) || (atomic_load(&r->inside) >= r->least_inside &&
	       atomic_load(&r->elsewhere) >= r->least_others &&
	       atomic_load(&r->failed) >= r->least_others);
}

/* A mapping is somebody's as long as he has it: its object has his number, and only his. */
static void *map_all_the_time(void *data)
{
	struct race *r = data;
	struct area a = r->area;

	/* An object of one's own. */
	a.size = PLACED_PAGE << atomic_fetch_add(&r->tags, 1) % 3;
	if (placed_create_mappable(a.fd, a.size, &a.handle) ||
	    placed_fake_offset(a.fd, a.handle, &a.fake)) {
		atomic_fetch_add(&r->wrong, 1);
		return NULL;
	}

	while (!is_over(r)) {
		uint64_t addr = map(&a);

		if (!addr) {
			atomic_fetch_add(errno == ENOMEM ? &r->failed : &r->wrong, 1);
			sched_yield();
			continue;
		}
		*(volatile uint32_t *)placed_ptr(addr) = a.handle;
		if (addr >= r->gap_end && addr + a.size <= a.end)
			atomic_fetch_add(&r->inside, 1);
		else if (addr + a.size <= a.start || addr >= a.end)
			atomic_fetch_add(&r->elsewhere, 1);
		else
			atomic_fetch_add(&r->wrong, 1);
		if (*(volatile uint32_t *)placed_ptr(addr) != a.handle)
			atomic_fetch_add(&r->wrong, 1);
		munmap(placed_ptr(addr), a.size);
	}
	placed_close_handle(a.fd, a.handle);
	return NULL;
}

static struct race make_race(int fd)
{
	struct race r = { .area = make_area(fd, SIZE, 192) };

	r.full_end = r.area.start + 64 * PLACED_PAGE;
	r.gap_end = r.full_end + 64 * PLACED_PAGE;
	placed_reserve(r.area.start, r.full_end);
	return r;
}

static void finish_race(struct race *r)
{
	unmap(r->area.start, r->full_end - r->area.start);
	igt_info("%d inside, %d elsewhere, %d without room\n", r->inside, r->elsewhere, r->failed);
	igt_assert_eq(r->wrong, 0);
	finish(&r->area);
}

/**
 * SUBTEST: threads
 * Description: All threads of the process map inside.
 */
static void threads(int fd)
{
	struct race r = make_race(fd);
	pthread_t threads[THREADS];

	igt_assert_eq(set(fd, r.area.start, r.area.end), 0);
	/* There is room for all: the gap is a part of the window, and taken, too. */
	placed_reserve(r.full_end, r.gap_end);
	r.least_inside = 2 * ROUNDS;
	for (int i = 0; i < THREADS; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, map_all_the_time, &r), 0);
	for (int i = 0; i < THREADS; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	unmap(r.full_end, r.gap_end - r.full_end);
	igt_assert_eq(r.elsewhere, 0);
	igt_assert_eq(r.failed, 0);
	finish_race(&r);
}

/**
 * SUBTEST: race-replace
 * Description: While the window is set, cleared and replaced, each mapping is in one of the
 *   windows, or where it would be without; never between the start of one and the end of another.
 */
static void race_replace(int fd)
{
	struct race r = make_race(fd);
	pthread_t threads[2];
	unsigned int seed = 1;
	int changes = 0, ret = 0;

	r.least_inside = ROUNDS / 2;
	r.least_others = ROUNDS / 10;
	for (int i = 0; i < 2; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, map_all_the_time, &r), 0);
	while (!is_over(&r)) {
		switch (rand_r(&seed) % 4) {
		case 0:
			ret = clear(fd);
			break;
		case 1:
			ret = set(fd, r.area.start, r.full_end);
			break;
		default:
			ret = set(fd, r.gap_end, r.area.end);
		}
		if (ret)
			atomic_fetch_add(&r.wrong, 1);
		changes++;
		sched_yield();
	}
	for (int i = 0; i < 2; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(ret, 0);
	igt_info("%d changes\n", changes);
	finish_race(&r);
}

/* Processes that want the file, all in their own way. */
struct contest {
	atomic_int owners, sets, refused, wrong;
};

static void contend(const struct area *a, struct contest *c)
{
	/* All stay until it is over for all: one alone is never refused. */
	while (atomic_load(&c->sets) + atomic_load(&c->refused) < 2 * ROUNDS ||
	       !atomic_load(&c->sets) || !atomic_load(&c->refused)) {
		int ret = set(a->fd, a->start, a->end);
		uint64_t addr;

		if (atomic_load(&c->wrong))
			break;

		if (ret == -EBUSY) {
			atomic_fetch_add(&c->refused, 1);
			addr = map(a);
			if (!addr || (addr < a->end && addr + SIZE > a->start))
				atomic_fetch_add(&c->wrong, 1);
			munmap(placed_ptr(addr), SIZE);
			continue;
		}
		/* From here to the end it is this process' alone. */
		if (ret || atomic_fetch_add(&c->owners, 1))
			atomic_fetch_add(&c->wrong, 1);
		atomic_fetch_add(&c->sets, 1);
		if (map(a) != a->start || !window_is(a->fd, 0, a->start, a->end))
			atomic_fetch_add(&c->wrong, 1);
		munmap(placed_ptr(a->start), SIZE);
		sched_yield();
		atomic_fetch_sub(&c->owners, 1);
		if (clear(a->fd))
			atomic_fetch_add(&c->wrong, 1);
	}
}

/**
 * SUBTEST: race-owners
 * Description: Of processes that want a file's window at the same time one gets it, the others
 *   EBUSY.
 */
static void race_owners(int fd)
{
	struct contest *c = mmap(NULL, PLACED_PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct area a = make_area(fd, SIZE, 64);

	igt_assert(c != MAP_FAILED);
	igt_fork(child, THREADS)
		contend(&a, c);
	igt_waitchildren();
	igt_info("%d times set, %d times busy\n", c->sets, c->refused);
	igt_assert_eq(c->wrong, 0);
	placed_unmap(c, PLACED_PAGE);
	finish(&a);
}

/**
 * SUBTEST: race-death
 * Description: An owner that is killed at any time leaves the file to the next.
 */
static void race_death(int fd)
{
	struct area a = make_area(fd, SIZE, 64);
	int ready[2], status;
	uint64_t byte;

	igt_assert_eq(pipe(ready), 0);
	for (int round = 0; round < ROUNDS / 20; round++) {
		int ret;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			for (int i = 0;; i++) {
				set(fd, a.start, a.end);
				if (i == round % 5 && write(ready[1], "", 1) != 1)
					_exit(1);
				if (map(&a) == a.start)
					munmap(placed_ptr(a.start), SIZE);
				clear(fd);
			}
		}
		igt_assert_eq(read(ready[0], &byte, 1), 1);
		igt_assert_eq(kill(pid, SIGKILL), 0);
		/* It may be anywhere between life and death now. */
		while ((ret = set(fd, a.start, a.end)) == -EBUSY)
			sched_yield();
		igt_assert_eq(ret, 0);
		igt_assert(window_is(fd, 0, a.start, a.end));
		igt_assert_eq_u64(map(&a), a.start);
		unmap(a.start, SIZE);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert(window_is(fd, 0, a.start, a.end));
		igt_assert_eq(clear(fd), 0);
	}
	close(ready[0]);
	close(ready[1]);
	finish(&a);
}

igt_main
{
	static const struct {
		const char *name, *what;
		void (*test)(int fd);
	} tests[] = {
		{ "set-query-clear", "SET, QUERY and CLEAR", set_query_clear },
		{ "inside", "Mappings of all sizes", inside },
		{ "hint", "Hints inside and outside", hint },
		{ "fixed", "MAP_FIXED and MAP_FIXED_NOREPLACE", fixed },
		{ "map-32bit", "MAP_32BIT", map_32bit },
		{ "full", "Windows without room", full },
		{ "topdown", "TOPDOWN", topdown },
		{ "huge", "Large mappings", huge },
		{ "placed", "Placed maps", placed },
		{ "dma-buf", "dma-bufs", dma_buf },
		{ "others", "Other files, and other windows", others },
		{ "render-node", "Files of render nodes", render_node },
		{ "above-47-bits", "High windows", above_47_bits },
		{ "highest", "Windows up to the end", highest },
		{ "lowest", "Low windows", lowest },
		{ "mappings-stay", "Mappings that are there", mappings_stay },
		{ "limits", "What mmap(2) checks", limits },
		{ "fork", "fork(2)", do_fork },
		{ "vfork", "vfork(2)", do_vfork },
		{ "busy", "Living and dead owners", busy },
		{ "exec", "execve(2)", do_exec },
		{ "sent", "Files that are sent", sent },
		{ "errors", "EINVAL and EFAULT", errors },
		{ "threads", "Threads", threads },
		{ "race-replace", "Replacing while others map", race_replace },
		{ "race-owners", "Processes that want the same file's", race_owners },
		{ "race-death", "Owners that are killed", race_death },
	};
	/* Both outlive the jumps that end a subtest. */
	volatile int d, fd;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			for (d = 0; d < AREA_DRIVERS; d++) {
				fd = placed_open(area_driver(d));
				igt_dynamic(area_driver(d)) {
					igt_require_f(fd >= 0, "no device of %s\n",
						      area_driver(d));
					tests[i].test(fd);
				}
				if (fd >= 0)
					close(fd);
			}
		}
	}

	igt_describe("A driver that has no say in addresses");
	igt_subtest("not-supported")
		not_supported();
}
