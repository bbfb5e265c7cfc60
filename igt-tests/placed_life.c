// SPDX-License-Identifier: MIT

/**
 * TEST: placed life
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: What becomes of a mapping when it is split, moved, forked, or outlives its handle.
 */

#include <sys/wait.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Splits, moves, forks and outlives mappings of GEM objects.");

#define PAGES 16
#define SIZE (PAGES * PLACED_PAGE)

/* Every page of the object gets its number; not through the mapping under test. */
static void number_pages(int fd, uint32_t handle)
{
	uint32_t *whole = placed_plain_map(fd, handle, SIZE);

	for (uint32_t i = 0; i < PAGES; i++)
		whole[i * 1024] = 7000 + i;
	placed_unmap(whole, SIZE);
}

static void check_pages(const uint32_t *base, int first, int last)
{
	for (int i = first; i < last; i++)
		igt_assert_eq_u32(base[i * 1024], 7000 + i);
}

static uint32_t *map_numbered(int fd, uint32_t *handle)
{
	*handle = placed_object(fd, SIZE);
	number_pages(fd, *handle);
	return placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = *handle, .flags = PLACED_RW, .length = SIZE, .range_end = PLACED_4G,
	});
}

/**
 * SUBTEST: split-mprotect
 * Description: After mprotect() of the first part, the rest faults in its own pages.
 */
static void split_mprotect(int fd, const char *driver)
{
	uint32_t handle, *ptr = map_numbered(fd, &handle);

	igt_assert_eq(mprotect(ptr, 5 * PLACED_PAGE, PROT_READ), 0);
	check_pages(ptr, 0, PAGES);
	igt_assert_eq(mprotect(ptr + 9 * 1024, PLACED_PAGE, PROT_READ), 0);
	check_pages(ptr, 0, PAGES);
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: split-plain
 * Description: The same for a mapping by mmap(2): a store lands in its own page.
 */
static void split_plain(int fd, const char *driver)
{
	uint32_t handle = placed_object(fd, SIZE), *ptr, *other;

	number_pages(fd, handle);
	ptr = placed_plain_map(fd, handle, SIZE);
	igt_assert_eq(mprotect(ptr, 8 * PLACED_PAGE, PROT_READ), 0);
	ptr[8 * 1024] = 4711;

	other = placed_plain_map(fd, handle, SIZE);
	igt_assert_eq_u32(other[8 * 1024], 4711);
	igt_assert_eq_u32(other[0], 7000);
	placed_unmap(other, SIZE);
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: split-munmap
 * Description: After munmap() of the first pages, or some in the middle, the rest is as it was.
 */
static void split_munmap(int fd, const char *driver)
{
	uint32_t handle, *ptr = map_numbered(fd, &handle);

	placed_unmap(ptr, 3 * PLACED_PAGE);
	check_pages(ptr, 3, PAGES);
	placed_unmap(ptr + 8 * 1024, 2 * PLACED_PAGE);
	check_pages(ptr, 3, 8);
	check_pages(ptr, 10, PAGES);
	igt_assert(placed_is_free(placed_addr(ptr), placed_addr(ptr + 3 * 1024)));
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: split-fixed
 * Description: A FIXED map into the middle of a mapping of the same object leaves both sides right.
 */
static void split_fixed(int fd, const char *driver)
{
	uint32_t handle, *ptr = map_numbered(fd, &handle);
	struct drm_gem_mmap_placed args = {
		.handle = handle,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED,
		.length = PLACED_PAGE,
		.addr = placed_addr(ptr + 4 * 1024),
	};

	/* Its first page, where the fifth was. */
	placed_must_map(fd, args);
	check_pages(ptr, 0, 4);
	igt_assert_eq_u32(ptr[4 * 1024], 7000);
	check_pages(ptr, 5, PAGES);
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: split-dma-buf
 * Description: Mappings through a dma-buf fault in their own pages when split, too.
 */
static void split_dma_buf(int fd, const char *driver)
{
	struct drm_prime_handle prime = { .handle = placed_object(fd, SIZE), .flags = DRM_RDWR };
	uint32_t *ptr;

	number_pages(fd, prime.handle);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	igt_assert(ptr != MAP_FAILED);
	igt_assert_eq(mprotect(ptr, 5 * PLACED_PAGE, PROT_READ), 0);
	check_pages(ptr, 0, PAGES);
	placed_unmap(ptr, SIZE);
	close(prime.fd);
}

/**
 * SUBTEST: mremap
 * Description: A mapping moves with its pages; it does not grow, and is not duplicated.
 */
static void do_mremap(int fd, const char *driver)
{
	uint64_t region = placed_free_region(4 * SIZE);
	uint32_t handle, *ptr = map_numbered(fd, &handle), *moved;

	check_pages(ptr, 0, 4);
	moved = mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, placed_ptr(region + SIZE));
	igt_assert_eq_u64(placed_addr(moved), region + SIZE);
	check_pages(moved, 0, PAGES);
	igt_assert(placed_is_free(placed_addr(ptr), placed_addr(ptr) + SIZE));

	igt_assert(mremap(moved, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	igt_assert(mremap(moved, 0, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);

	/* A part of it moves away. */
	igt_assert(mremap(moved + 4 * 1024, 4 * PLACED_PAGE, 4 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, placed_ptr(region + 3 * SIZE)) ==
		   placed_ptr(region + 3 * SIZE));
	check_pages((uint32_t *)placed_ptr(region + 3 * SIZE) - 4 * 1024, 4, 8);
	check_pages(moved, 0, 4);
	check_pages(moved, 8, PAGES);
	placed_unmap(placed_ptr(region), 4 * SIZE);
}

/**
 * SUBTEST: fork
 * Description: A child shares the mapping, and maps more of its own, also split.
 */
static void do_fork(int fd, const char *driver)
{
	uint32_t handle, *ptr = map_numbered(fd, &handle);

	igt_assert_eq(mprotect(ptr, 5 * PLACED_PAGE, PROT_READ), 0);
	igt_fork(child, 2) {
		struct drm_gem_mmap_placed args = {
			.handle = handle, .flags = PLACED_RW, .length = SIZE,
			.range_end = PLACED_4G,
		};
		uint32_t *mine = placed_must_map(fd, args);

		check_pages(ptr, 0, PAGES);
		check_pages(mine, 0, PAGES);
		mine[8 * 1024 + 1 + child] = 100 + child;
		placed_unmap(ptr, SIZE);
		check_pages(mine, 0, PAGES);
	}
	igt_waitchildren();
	check_pages(ptr, 0, PAGES);
	igt_assert_eq_u32(ptr[8 * 1024 + 1], 100);
	igt_assert_eq_u32(ptr[8 * 1024 + 2], 101);
	placed_unmap(ptr, SIZE);
}

/* Wait until the device has given up the objects that nobody has any more. */
static void wait_without_handle(int fd, int count)
{
	for (int i = 0; i < 1000 && placed_count(fd).without_handle > count; i++)
		usleep(1000);
	igt_assert_eq(placed_count(fd).without_handle, count);
}

/**
 * SUBTEST: close-handle
 * Description: A mapping keeps the object when its handle goes, and lets go of it when it ends.
 */
static void close_handle(int fd, const char *driver)
{
	struct placed_counts before;
	uint32_t handle, *ptr, *half;

	wait_without_handle(fd, 0);
	before = placed_count(fd);
	ptr = map_numbered(fd, &handle);
	half = placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = handle, .flags = PLACED_RW, .length = SIZE / 2,
	});
	igt_assert_eq(placed_close_handle(fd, handle), 0);
	igt_assert_eq(placed_count(fd).without_handle, 1);
	check_pages(ptr, 0, PAGES);
	check_pages(half, 0, PAGES / 2);
	placed_unmap(ptr + 4 * 1024, PLACED_PAGE);
	placed_unmap(ptr, SIZE);
	igt_assert_eq(placed_count(fd).without_handle, 1);
	check_pages(half, 0, PAGES / 2);
	placed_unmap(half, SIZE / 2);
	wait_without_handle(fd, 0);
	placed_assert_same_counts(fd, before);
}

/**
 * SUBTEST: close-file
 * Description: A mapping keeps file and object when the last descriptor goes.
 */
static void close_file(int fd, const char *driver)
{
	int own = placed_open(driver);
	uint32_t handle, *ptr;

	wait_without_handle(fd, 0);
	ptr = map_numbered(own, &handle);
	close(own);
	check_pages(ptr, 0, PAGES);
	ptr[1] = 1;
	placed_unmap(ptr, SIZE);
	wait_without_handle(fd, 0);
}

/**
 * SUBTEST: close-while-mapping
 * Description: One thread maps, one closes the handle: ENOENT or EACCES, or a mapping that works.
 */
static void close_while_mapping(int fd, const char *driver)
{
	for (int round = 0; round < 50; round++) {
		uint32_t handle = placed_object(fd, SIZE);
		struct drm_gem_mmap_placed args = {
			.handle = handle, .flags = PLACED_RW, .length = SIZE,
			.range_end = PLACED_4G,
		};

		/* The child has the same DRM file, and so the same handles. */
		igt_fork(child, 1)
			placed_close_handle(fd, handle);

		for (;;) {
			struct drm_gem_mmap_placed now = args;
			int ret = placed_map(fd, &now);

			if (ret) {
				igt_assert_f(ret == -ENOENT || ret == -EACCES, "%s\n",
					     strerror(-ret));
				break;
			}
			*(volatile uint32_t *)placed_ptr(now.addr) = round;
			placed_unmap(placed_ptr(now.addr), SIZE);
		}
		igt_waitchildren();
	}
	wait_without_handle(fd, 0);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "split-mprotect", "mprotect() of a part", split_mprotect },
		{ "split-plain", "mprotect() of a part of a plain mapping", split_plain },
		{ "split-munmap", "munmap() of a part", split_munmap },
		{ "split-fixed", "A FIXED map into the middle", split_fixed },
		{ "split-dma-buf", "Split mappings of a dma-buf", split_dma_buf },
		{ "mremap", "mremap() of all and of a part", do_mremap },
		{ "fork", "fork() with split mappings", do_fork },
		{ "close-handle", "Mappings outlive the handle", close_handle },
		{ "close-file", "Mappings outlive the file descriptor", close_file },
		{ "close-while-mapping", "Closing the handle races with mapping", close_while_mapping },
	};

	PLACED_RUN_TESTS(tests);
}
