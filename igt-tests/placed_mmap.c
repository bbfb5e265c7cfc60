// SPDX-License-Identifier: MIT

/**
 * TEST: placed mmap
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: Where a GEM object is mapped, with which flags, and every errno.
 */

#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Maps GEM objects where the program asks, or says why not.");

#define SIZE (16 * PLACED_PAGE)

/* Arguments that work, for a test to change one thing. */
static struct drm_gem_mmap_placed good(uint32_t handle)
{
	return (struct drm_gem_mmap_placed) {
		.handle = handle,
		.flags = PLACED_RW,
		.length = SIZE,
	};
}

/**
 * SUBTEST: capability
 * Description: DRM_CAP_GEM_MMAP_PLACED is the mask of the flags that are not refused.
 */
static void capability(int fd, const char *driver)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };
	uint32_t handle = placed_object(fd, SIZE);

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), 0);
	igt_assert_eq_u64(cap.value, PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED |
			  DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE | DRM_GEM_MMAP_PLACED_TOPDOWN |
			  DRM_GEM_MMAP_PLACED_FROM_ADDR |
			  (placed_driver_has_coherent(driver) ? DRM_GEM_MMAP_PLACED_COHERENT : 0) |
			  (strcmp(driver, "placed_plain") ? DRM_GEM_MMAP_PLACED_POPULATE |
							    DRM_GEM_MMAP_PLACED_PAGES : 0));

	for (int bit = 0; bit < 32; bit++) {
		struct drm_gem_mmap_placed args = good(handle);
		void *from = placed_must_map(fd, args);

		args.flags |= 1u << bit;
		if (args.flags & DRM_GEM_MMAP_PLACED_FROM_ADDR) {
			args.handle = 0;
			args.from_addr = placed_addr(from);
		}
		if (cap.value & (1u << bit)) {
			if (args.flags & (DRM_GEM_MMAP_PLACED_FIXED |
					  DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE))
				args.addr = placed_free_region(SIZE);
			placed_unmap(placed_must_map(fd, args), SIZE);
		} else {
			placed_must_fail(fd, args, bit <= 8 ? EOPNOTSUPP : EINVAL);
		}
		placed_unmap(from, SIZE);
	}
}

/**
 * SUBTEST: anywhere
 * Description: With no wish, the mapping is where mmap(2) would put one, and shows the object.
 */
static void anywhere(int fd, const char *driver)
{
	uint32_t handle = placed_object(fd, SIZE);
	uint32_t *whole = placed_plain_map(fd, handle, SIZE);
	uint32_t *placed = placed_must_map(fd, good(handle));

	for (int i = 0; i < 16; i++) {
		whole[i * 1024] = 0xabcd0000 | i;
		igt_assert_eq_u32(placed[i * 1024], 0xabcd0000 | i);
		placed[i * 1024 + 1] = 0x12340000 | i;
		igt_assert_eq_u32(whole[i * 1024 + 1], 0x12340000 | i);
	}
	placed_unmap(placed, SIZE);
	igt_assert_eq_u64(placed_addr(placed_plain_map(fd, handle, SIZE)), placed_addr(placed));
	placed_unmap(whole, SIZE);
	placed_unmap(placed, SIZE);
}

/**
 * SUBTEST: stack-room
 * Description: A search from the top leaves the stack the room to grow that mmap(2) leaves it.
 */
static void stack_room(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint64_t stack = placed_addr(&args), high = stack < PLACED_4G ? PLACED_4G : 1ull << 47;
	void *ptr;

	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	ptr = placed_must_map(fd, args);
	igt_assert_lt_u64(placed_addr(ptr), stack - (100 << 20));
	args.range_start = PLACED_PAGE;
	args.range_end = high;
	igt_assert_lt_u64(placed_addr(placed_must_map(fd, args)), placed_addr(ptr));
}

/**
 * SUBTEST: rights
 * Description: READ and WRITE are the mapping's protection, and one of them is needed.
 */
static void rights(int fd, const char *driver)
{
	static const struct {
		uint32_t flags;
		const char *prot;
	} table[] = {
		{ DRM_GEM_MMAP_PLACED_READ, "r--s" },
		{ DRM_GEM_MMAP_PLACED_WRITE, "-w-s" },
		{ PLACED_RW, "rw-s" },
	};
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));

	for (int i = 0; i < 3; i++) {
		uint64_t start, end;
		char rest[256];
		bool found = false;
		FILE *maps;
		void *ptr;

		args.flags = table[i].flags;
		ptr = placed_must_map(fd, args);
		maps = fopen("/proc/self/maps", "r");
		while (placed_next_map(maps, &start, &end, rest, sizeof(rest)))
			if (start == placed_addr(ptr)) {
				igt_assert_eq_u64(end - start, SIZE);
				igt_assert_f(!strncmp(rest, table[i].prot, 4), "%s", rest);
				found = true;
			}
		fclose(maps);
		igt_assert(found);
		placed_unmap(ptr, SIZE);
	}

	args.flags = 0;
	placed_must_fail(fd, args, EINVAL);
	args.flags = DRM_GEM_MMAP_PLACED_TOPDOWN;
	placed_must_fail(fd, args, EINVAL);
}

/**
 * SUBTEST: middle
 * Description: A mapping from the middle shows the object's pages from there, several at once.
 */
static void middle(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint32_t *whole = placed_plain_map(fd, args.handle, SIZE);

	for (int i = 0; i < 16; i++)
		whole[i * 1024] = 1000 + i;

	args.length = 3 * PLACED_PAGE;
	args.offset = PLACED_PAGE;
	if (!placed_driver_has_subrange(driver)) {
		placed_must_fail(fd, args, EOPNOTSUPP);
		placed_unmap(whole, SIZE);
		return;
	}

	for (int first = 0; first <= 13; first++) {
		uint32_t *part, *again;

		args.offset = first * PLACED_PAGE;
		part = placed_must_map(fd, args);
		again = placed_must_map(fd, args);
		igt_assert(part != again);
		for (int i = 0; i < 3; i++) {
			igt_assert_eq_u32(part[i * 1024], 1000 + first + i);
			again[i * 1024 + 7] = first * 100 + i;
			igt_assert_eq_u32(part[i * 1024 + 7], first * 100 + i);
			igt_assert_eq_u32(whole[(first + i) * 1024 + 7], first * 100 + i);
		}
		placed_unmap(part, args.length);
		placed_unmap(again, args.length);
	}
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: plain-mmap-middle
 * Description: mmap(2) of a fake offset plus pages works where the driver opted in, is EINVAL elsewhere.
 */
static void plain_mmap_middle(int fd, const char *driver)
{
	uint32_t handle = placed_object(fd, SIZE), *whole = placed_plain_map(fd, handle, SIZE);
	uint64_t offset;
	uint32_t *part;

	igt_assert_eq(placed_fake_offset(fd, handle, &offset), 0);
	whole[5 * 1024] = 55;
	part = mmap(NULL, PLACED_PAGE, PROT_READ, MAP_SHARED, fd, offset + 5 * PLACED_PAGE);
	if (placed_driver_has_subrange(driver)) {
		igt_assert(part != MAP_FAILED);
		igt_assert_eq_u32(part[0], 55);
		placed_unmap(part, PLACED_PAGE);
	} else {
		igt_assert(part == MAP_FAILED && errno == EINVAL);
	}

	/* Over the end of the object, and from behind it. */
	igt_assert(mmap(NULL, 2 * PLACED_PAGE, PROT_READ, MAP_SHARED, fd,
			offset + SIZE - PLACED_PAGE) == MAP_FAILED && errno == EINVAL);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: malformed
 * Description: Misaligned, overflowing, reversed and reserved values are EINVAL.
 */
static void malformed(int fd, const char *driver)
{
	static const struct {
		const char *what;
		size_t field;
		uint64_t value;
	} table[] = {
#define F(name) offsetof(struct drm_gem_mmap_placed, name)
		{ "pad", F(pad), 1 },
		{ "pad high", F(pad), 1ull << 63 },
		{ "from_addr", F(from_addr), PLACED_PAGE },
		{ "zero length", F(length), 0 },
		{ "length of a byte", F(length), 1 },
		{ "misaligned length", F(length), PLACED_PAGE + 1 },
		{ "length over the end", F(length), SIZE + PLACED_PAGE },
		{ "huge length", F(length), 1ull << 63 },
		{ "length that wraps", F(length), -PLACED_PAGE },
		{ "misaligned offset", F(offset), 1 },
		{ "offset at the end", F(offset), SIZE },
		{ "offset over the end", F(offset), SIZE + PLACED_PAGE },
		{ "offset and length over the end", F(offset), PLACED_PAGE },
		{ "offset that wraps", F(offset), -SIZE },
		{ "misaligned addr", F(addr), 0x12345678 },
		{ "align of a byte", F(align), 1 },
		{ "align below a page", F(align), PLACED_PAGE / 2 },
		{ "align of three pages", F(align), 3 * PLACED_PAGE },
		{ "range without an end", F(range_start), PLACED_PAGE },
		{ "misaligned range_end", F(range_end), 0xffffffff },
	};
	uint32_t handle = placed_object(fd, SIZE);
	struct drm_gem_mmap_placed args;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		igt_debug("%s\n", table[i].what);
		args = good(handle);
		memcpy((char *)&args + table[i].field, &table[i].value, sizeof(uint64_t));
		placed_must_fail(fd, args, EINVAL);
	}

	args = good(handle);
	args.range_start = PLACED_4G;
	args.range_end = PLACED_4G;
	placed_must_fail(fd, args, EINVAL);
	args.range_start = PLACED_4G + PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	args.range_start = 17;
	placed_must_fail(fd, args, EINVAL);

	args = good(handle);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = placed_free_region(SIZE);
	placed_must_fail(fd, args, EINVAL);
}

/**
 * SUBTEST: unknown-size
 * Description: A shorter struct is filled with zeros, a longer one is taken, by size in the number.
 */
static void unknown_size(int fd, const char *driver)
{
	struct {
		struct drm_gem_mmap_placed args;
		uint64_t more[2];
	} args = { .args = good(placed_object(fd, SIZE)), .more = { 1, 2 } };
	size_t shorter = offsetof(struct drm_gem_mmap_placed, range_start);

	igt_assert_eq(placed_ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, 0xF0,
					    sizeof(args)), &args), 0);
	igt_assert_eq_u64(args.more[0], 1);
	placed_unmap(placed_ptr(args.args.addr), SIZE);

	args.args.addr = 0;
	args.args.range_start = 17;
	args.args.pad = 17;
	igt_assert_eq(placed_ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, 0xF0, shorter),
				   &args), 0);
	igt_assert_eq_u64(args.args.pad, 17);
	placed_unmap(placed_ptr(args.args.addr), SIZE);
}

/**
 * SUBTEST: handles
 * Description: Handles that are closed, never were, or belong to another file are ENOENT.
 */
static void handles(int fd, const char *driver)
{
	uint32_t first = placed_object(fd, SIZE), handle = placed_object(fd, SIZE);
	int other = placed_open(driver);

	igt_assert(other >= 0);
	placed_must_fail(fd, good(0), ENOENT);
	placed_must_fail(fd, good(~0u), ENOENT);
	placed_must_fail(other, good(handle), ENOENT);
	igt_assert_eq(placed_close_handle(fd, handle), 0);
	placed_must_fail(fd, good(handle), ENOENT);
	placed_unmap(placed_must_map(fd, good(first)), SIZE);
	close(other);
}

/**
 * SUBTEST: fake-offset
 * Description: A driver that opted in is asked for nothing before; of another, an object that has
 *   no fake offset yet may be one that must not be mapped.
 */
static void fake_offset(int fd, const char *driver)
{
	uint32_t handle = 0;
	uint64_t offset;

	igt_assert_eq(placed_create(fd, SIZE, &handle), 0);
	if (!placed_driver_has_subrange(driver)) {
		placed_must_fail(fd, good(handle), EOPNOTSUPP);
		igt_assert_eq(placed_fake_offset(fd, handle, &offset), 0);
	}
	placed_unmap(placed_must_map(fd, good(handle)), SIZE);
}

/**
 * SUBTEST: read-only-file
 * Description: A file opened for reading maps for reading, and not for writing: EACCES.
 */
static void read_only_file(int fd, const char *driver)
{
	int readonly = placed_open_node(driver, "card", O_RDONLY);
	struct drm_gem_mmap_placed args;
	void *ptr;

	igt_assert(readonly >= 0);
	args = good(placed_object(readonly, SIZE));
	placed_must_fail(readonly, args, EACCES);
	args.range_end = PLACED_4G;
	placed_must_fail(readonly, args, EACCES);
	args.flags = DRM_GEM_MMAP_PLACED_READ;
	ptr = placed_must_map(readonly, args);
	igt_assert(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	placed_unmap(ptr, SIZE);
	close(readonly);
}

/**
 * SUBTEST: render-node
 * Description: The ioctl works on render nodes.
 */
static void render_node(int fd, const char *driver)
{
	struct drm_prime_handle prime = { .handle = placed_object(fd, SIZE) };
	int render = placed_open_node(driver, "renderD", O_RDWR);

	/* Render nodes make no dumb objects: pass one in. */
	igt_assert(render >= 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	igt_assert_eq(placed_ioctl(render, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	placed_unmap(placed_must_map(render, good(prime.handle)), SIZE);
	close(prime.fd);
	close(render);
}

/**
 * SUBTEST: range
 * Description: Exact fit, one page short, behind TASK_SIZE and below mmap_min_addr.
 */
static void range(int fd, const char *driver)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE);
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	void *ptr;

	/* As wide as the mapping: that place, or none. */
	args.range_start = region;
	args.range_end = region + SIZE;
	ptr = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(ptr), region);
	placed_must_fail(fd, args, ENOSPC);
	args.range_end += SIZE - PLACED_PAGE;
	placed_must_fail(fd, args, ENOSPC);
	args.range_end += PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), region + SIZE);
	placed_unmap(ptr, 2 * SIZE);

	args.range_end = region + SIZE - PLACED_PAGE;
	placed_must_fail(fd, args, ENOSPC);

	/* A gap between two mappings, in pages: [8, 24) of 64. */
	placed_reserve(region, region + 8 * PLACED_PAGE);
	placed_reserve(region + 24 * PLACED_PAGE, region + 64 * PLACED_PAGE);
	args.range_end = region + 64 * PLACED_PAGE;
	ptr = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(ptr), region + 8 * PLACED_PAGE);
	placed_must_fail(fd, args, ENOSPC);
	placed_unmap(ptr, SIZE);
	placed_reserve(region + 23 * PLACED_PAGE, region + 24 * PLACED_PAGE);
	placed_must_fail(fd, args, ENOSPC);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);

	/* A range that no address space has. */
	args.range_start = 1ull << 62;
	args.range_end = 1ull << 63;
	placed_must_fail(fd, args, ENOSPC);
	args.range_end = -PLACED_PAGE;
	placed_must_fail(fd, args, ENOSPC);
	args.range_start = -2 * PLACED_PAGE;
	placed_must_fail(fd, args, ENOSPC);

	/* A range that ends behind the address space is cut. */
	args.range_start = region;
	args.range_end = -PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), region);
	placed_unmap(placed_ptr(region), SIZE);

	/* The first pages are nobody's, not even root's without naming them exactly. */
	args.range_start = 0;
	args.range_end = 0x8000;
	placed_must_fail(fd, args, EPERM);
	args.range_end = PLACED_4G;
	ptr = placed_must_map(fd, args);
	igt_assert_lte_u64(0x10000, placed_addr(ptr));
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: below-4g
 * Description: A range that ends at 4 GiB, bottom-up and top-down, is filled without leaving it.
 */
static void below_4g(int fd, const char *driver)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE);
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	void *low, *high;

	args.range_end = PLACED_4G;
	args.range_start = region;
	low = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(low), region);
	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	high = placed_must_map(fd, args);
	igt_assert_lt_u64(placed_addr(low), placed_addr(high));
	igt_assert_lte_u64(placed_addr(high) + SIZE, PLACED_4G);
	placed_unmap(low, SIZE);
	placed_unmap(high, SIZE);
}

/**
 * SUBTEST: hint
 * Description: A hint is honoured when free, and otherwise the nearest gap on its side comes first.
 */
static void hint(int fd, const char *driver)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE);
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint64_t taken = region + 24 * PLACED_PAGE;

	args.length = 4 * PLACED_PAGE;
	args.range_start = region;
	args.range_end = region + 64 * PLACED_PAGE;
	args.addr = taken;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), taken);
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), taken + args.length);
	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), taken - args.length);

	/* Nothing above: below. */
	placed_reserve(region + 32 * PLACED_PAGE, region + 64 * PLACED_PAGE);
	args.flags = PLACED_RW;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), taken - 2 * args.length);

	/* A hint outside the range counts as the end of the range that is nearer. */
	args.addr = region + (1 << 24);
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), taken - 3 * args.length);
	args.addr = PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), region);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);
}

/**
 * SUBTEST: align
 * Description: Alignment is kept, fits exactly, and is 2 MiB by itself for large mappings.
 */
static void align(int fd, const char *driver)
{
	uint64_t region = (placed_free_region(16 * PLACED_2M) + PLACED_2M - 1) & -PLACED_2M;
	struct drm_gem_mmap_placed args = good(placed_object(fd, 2 * PLACED_2M));
	uint64_t addr;

	/* One place in the range has that alignment; it is exactly free. */
	args.align = 1 << 20;
	args.range_start = region + PLACED_PAGE;
	args.range_end = region + PLACED_2M;
	placed_reserve(region + (1 << 20) - PLACED_PAGE, region + (1 << 20));
	placed_reserve(region + (1 << 20) + SIZE, region + (1 << 20) + SIZE + PLACED_PAGE);
	addr = placed_addr(placed_must_map(fd, args));
	igt_assert_eq_u64(addr, region + (1 << 20));
	placed_must_fail(fd, args, ENOSPC);
	placed_unmap(placed_ptr(region), PLACED_2M);

	args.align = 1ull << 40;
	placed_must_fail(fd, args, ENOSPC);
	args.align = 1ull << 63;
	placed_must_fail(fd, args, ENOSPC);

	/* An exact address has to have the alignment it asks for. */
	args.align = PLACED_2M;
	args.range_start = args.range_end = 0;
	args.addr = region + PLACED_PAGE;
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	placed_must_fail(fd, args, EINVAL);

	/* No alignment asked for: huge pages can map it, also from the middle. */
	args = good(args.handle);
	args.length = PLACED_2M;
	args.range_start = region + PLACED_PAGE;
	args.range_end = region + 8 * PLACED_2M;
	for (int i = 0; i < (placed_driver_has_subrange(driver) ? 2 : 1); i++) {
		args.offset = i * 5 * PLACED_PAGE;
		addr = placed_addr(placed_must_map(fd, args));
		igt_assert_eq_u64(addr % PLACED_2M, args.offset);
		placed_unmap(placed_ptr(addr), args.length);
	}

	/* Unless the range has no such place. */
	args.offset = 0;
	args.range_end = args.range_start + args.length;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.range_start);
	placed_unmap(placed_ptr(args.range_start), args.length);

	/* Or there is a hint that says otherwise. */
	args.range_end = region + 8 * PLACED_2M;
	args.addr = region + 3 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);
	placed_unmap(placed_ptr(args.addr), args.length);
}

/**
 * SUBTEST: fixed
 * Description: FIXED replaces a reservation, and nothing around it.
 */
static void fixed(int fd, const char *driver)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE);
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint32_t *whole = placed_plain_map(fd, args.handle, SIZE);
	uint32_t *ptr;

	placed_reserve(region, region + 64 * PLACED_PAGE);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	args.addr = region + 8 * PLACED_PAGE;
	ptr = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(ptr), args.addr);
	whole[0] = 4711;
	igt_assert_eq_u32(ptr[0], 4711);

	/* Over a mapping of an object, too. */
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);
	igt_assert_eq_u32(ptr[0], 4711);

	/* The reservation is still there on both sides. */
	igt_assert(mprotect(placed_ptr(region), 8 * PLACED_PAGE, PROT_READ) == 0);
	igt_assert(mprotect(placed_ptr(region + 24 * PLACED_PAGE), 40 * PLACED_PAGE,
			    PROT_READ) == 0);

	/* An exact address has to lie in the range. */
	args.range_start = args.addr + PLACED_PAGE;
	args.range_end = PLACED_4G;
	placed_must_fail(fd, args, EINVAL);
	args.range_start = PLACED_PAGE;
	args.range_end = args.addr + SIZE - PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	args.range_end += PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);

	/* And to be one. */
	args.range_start = args.range_end = 0;
	args.addr = -PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	args.addr = 1ull << 62;
	placed_must_fail(fd, args, ENOMEM);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: fixed-noreplace
 * Description: FIXED_NOREPLACE is EEXIST for an overlap of one page, and leaves what is there.
 */
static void fixed_noreplace(int fd, const char *driver)
{
	uint64_t region = placed_free_region(64 * PLACED_PAGE);
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	char *mine = mmap(placed_ptr(region + 16 * PLACED_PAGE), PLACED_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	igt_assert_eq_u64(placed_addr(mine), region + 16 * PLACED_PAGE);
	memset(mine, 42, PLACED_PAGE);
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;

	for (int page = 1; page <= 16; page++) {
		args.addr = region + page * PLACED_PAGE;
		placed_must_fail(fd, args, EEXIST);
	}
	args.addr = region;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), region);
	args.addr = region + 17 * PLACED_PAGE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);
	igt_assert_eq(mine[100], 42);
	placed_unmap(placed_ptr(region), 64 * PLACED_PAGE);
}

/* Run a check in a child without the right to map low pages. */
static void without_rawio(int fd, struct drm_gem_mmap_placed args, int error)
{
	igt_fork(child, 1) {
		igt_assert_eq(setresgid(65534, 65534, 65534), 0);
		igt_assert_eq(setresuid(65534, 65534, 65534), 0);
		igt_assert_eq(placed_map(fd, &args), -error);
	}
	igt_waitchildren();
}

/**
 * SUBTEST: min-addr
 * Description: Below mmap_min_addr a program without CAP_SYS_RAWIO gets EPERM.
 */
static void min_addr(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));

	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	without_rawio(fd, args, EPERM);
	args.addr = 0xf000;
	without_rawio(fd, args, EPERM);
	args.flags ^= DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	without_rawio(fd, args, EPERM);

	/* As a hint, it is only one. */
	args.flags = PLACED_RW;
	without_rawio(fd, args, 0);
}

/**
 * SUBTEST: above-47-bits
 * Description: Addresses above the 47-bit line are used when range_end asks for them, or exactly.
 */
static void above_47_bits(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint64_t line = 1ull << 47;
	void *ptr;

	igt_info("%d bits of address space\n", placed_has_57_bits() ? 57 : 47);
	if (!placed_has_57_bits()) {
		/* Then there is nothing up there, for anyone. */
		args.range_start = line;
		args.range_end = line << 1;
		placed_must_fail(fd, args, ENOSPC);
		args.range_start = args.range_end = 0;
		args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
		args.addr = line;
		placed_must_fail(fd, args, ENOMEM);
		return;
	}

	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	ptr = placed_must_map(fd, args);
	igt_assert_lt_u64(placed_addr(ptr), line);
	placed_unmap(ptr, SIZE);

	args.addr = line << 1;
	ptr = placed_must_map(fd, args);
	igt_assert_lt_u64(placed_addr(ptr), line);
	placed_unmap(ptr, SIZE);

	args.addr = 0;
	args.range_end = line << 2;
	args.range_start = PLACED_PAGE;
	ptr = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(ptr), (line << 2) - SIZE);
	placed_unmap(ptr, SIZE);

	args.range_start = line;
	args.flags = PLACED_RW;
	ptr = placed_must_map(fd, args);
	igt_assert_eq_u64(placed_addr(ptr), line);
	placed_unmap(ptr, SIZE);

	args.range_start = args.range_end = 0;
	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = line + SIZE;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), args.addr);
	placed_unmap(placed_ptr(args.addr), SIZE);
}

/**
 * SUBTEST: seccomp
 * Description: A filter for mmap does not see the ioctl, a filter for the ioctl's number stops it.
 */
static void seccomp(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));

	igt_fork(child, 1) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

		igt_assert(filter);
		igt_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(mmap), 0), 0);
		if (sizeof(void *) == 4)
			igt_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
						       SCMP_SYS(mmap2), 0), 0);
		igt_assert_eq(seccomp_load(filter), 0);
		igt_assert(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			   MAP_FAILED && errno == ENOSYS);
		placed_unmap(placed_must_map(fd, args), SIZE);

		igt_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
					       SCMP_A1(SCMP_CMP_EQ, DRM_IOCTL_GEM_MMAP_PLACED, 0)), 0);
		igt_assert_eq(seccomp_load(filter), 0);
		igt_assert_eq(placed_map(fd, &args), -EPERM);
	}
	igt_waitchildren();
}

/**
 * SUBTEST: imported
 * Description: A dma-buf of one driver, imported to another, is mapped from its middle. A driver
 *   without opt-in may rely on nobody mapping what it imported.
 */
static void imported(int fd, const char *driver)
{
	struct drm_prime_handle prime = {
		.handle = placed_shareable_object(fd, SIZE), .flags = DRM_RDWR,
	};
	uint32_t *whole = placed_plain_map(fd, prime.handle, SIZE), *part;
	int other = placed_open("vgem"), plain = placed_open("placed_plain");
	struct drm_gem_mmap_placed args;

	igt_assert(other >= 0 && plain >= 0);
	if (strcmp(driver, "placed_plain")) {
		struct drm_prime_handle to_plain = prime;

		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &to_plain), 0);
		igt_assert_eq(placed_ioctl(plain, DRM_IOCTL_PRIME_FD_TO_HANDLE, &to_plain), 0);
		placed_must_fail(plain, good(to_plain.handle), EOPNOTSUPP);
		close(to_plain.fd);
	}
	close(plain);

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	igt_assert_eq(placed_ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	for (int i = 0; i < 16; i++)
		whole[i * 1024] = 1000 + i;

	args = good(prime.handle);
	args.offset = 6 * PLACED_PAGE;
	args.length = 4 * PLACED_PAGE;
	args.range_end = PLACED_4G;
	part = placed_must_map(other, args);
	for (int i = 0; i < 4; i++)
		igt_assert_eq_u32(part[i * 1024], 1006 + i);
	placed_unmap(part, args.length);

	/* The dma-buf's own mmap at an offset goes the same way. */
	part = mmap(NULL, PLACED_PAGE, PROT_READ, MAP_SHARED, prime.fd, 3 * PLACED_PAGE);
	igt_assert(part != MAP_FAILED);
	igt_assert_eq_u32(part[0], 1003);
	placed_unmap(part, PLACED_PAGE);

	placed_unmap(whole, SIZE);
	close(prime.fd);
	close(other);
}

static void write_trace(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	igt_require_f(fd >= 0, "no %s\n", path);
	igt_assert_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* How many lines of the trace have all three texts? */
static int count_trace(const char *event, const char *driver, const char *what)
{
	FILE *f = fopen("/sys/kernel/tracing/trace", "r");
	char line[1024];
	int count = 0;

	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		count += strstr(line, event) && strstr(line, driver) && strstr(line, what);
	fclose(f);
	return count;
}

/**
 * SUBTEST: tracepoints
 * Description: One event for a map, with its address, one for a failure, with its errno.
 */
static void tracepoints(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	char who[64], what[64];
	void *ptr;

	snprintf(who, sizeof(who), "driver=%s ", driver);
	write_trace("trace", "");
	write_trace("events/drm_placed/enable", "1");
	args.range_end = PLACED_4G;
	ptr = placed_must_map(fd, args);
	placed_unmap(ptr, SIZE);
	args.range_start = PLACED_4G - PLACED_PAGE;
	placed_must_fail(fd, args, ENOSPC);
	args.pad = 1;
	placed_must_fail(fd, args, EINVAL);
	write_trace("events/drm_placed/enable", "0");

	snprintf(what, sizeof(what), "range=[0x0,0x100000000) align=0x0 gaps=1 result=%p", ptr);
	igt_assert_eq(count_trace("drm_placed_map: ", who, what), 1);
	igt_assert_eq(count_trace("drm_placed_map: ", who, "flags=READ|WRITE "), 1);
	snprintf(what, sizeof(what), "error=%d\n", -ENOSPC);
	igt_assert_eq(count_trace("drm_placed_map_failed: ", who, what), 1);
	snprintf(what, sizeof(what), "error=%d\n", -EINVAL);
	igt_assert_eq(count_trace("drm_placed_map_failed: ", who, what), 1);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "capability", "The capability names the flags that work", capability },
		{ "anywhere", "No wish: as mmap(2)", anywhere },
		{ "stack-room", "Top-down searches and the stack", stack_room },
		{ "rights", "READ and WRITE", rights },
		{ "middle", "Parts of an object, several at once", middle },
		{ "plain-mmap-middle", "mmap(2) from the middle", plain_mmap_middle },
		{ "malformed", "EINVAL for every malformed field", malformed },
		{ "unknown-size", "Structs of other sizes", unknown_size },
		{ "handles", "ENOENT for handles that are not the file's", handles },
		{ "fake-offset", "Objects without a fake offset", fake_offset },
		{ "read-only-file", "EACCES for writing through a read-only file", read_only_file },
		{ "render-node", "The ioctl on a render node", render_node },
		{ "range", "Edges of the range", range },
		{ "below-4g", "Both directions below 4 GiB", below_4g },
		{ "hint", "Hints, free and taken", hint },
		{ "align", "Alignment, asked for and by default", align },
		{ "fixed", "FIXED replaces", fixed },
		{ "fixed-noreplace", "FIXED_NOREPLACE does not", fixed_noreplace },
		{ "min-addr", "mmap_min_addr", min_addr },
		{ "above-47-bits", "High addresses on request", above_47_bits },
		{ "seccomp", "Filters of mmap and of the ioctl", seccomp },
		{ "imported", "Imported dma-bufs", imported },
		{ "tracepoints", "Events for maps and failures", tracepoints },
	};

	PLACED_RUN_TESTS(tests);
}
