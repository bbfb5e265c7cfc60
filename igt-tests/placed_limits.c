// SPDX-License-Identifier: MIT

/**
 * TEST: placed limits
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: The limits of mmap(2) hold: RLIMIT_AS, mappings, locked memory, stack guard gaps.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Runs placed maps into the limits that mmap(2) has.");

#define SIZE (16 * PLACED_PAGE)

static struct drm_gem_mmap_placed good(uint32_t handle)
{
	return (struct drm_gem_mmap_placed) {
		.handle = handle, .flags = PLACED_RW, .length = SIZE, .range_end = PLACED_4G,
	};
}

static struct drm_gem_mmap_placed good_fixed(uint32_t handle)
{
	struct drm_gem_mmap_placed args = good(handle);

	args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args.addr = placed_free_region(SIZE);
	return args;
}

static long status_kb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = atol(line + strlen(field) + 1);
	igt_assert(f && kb >= 0);
	fclose(f);
	return kb;
}

/**
 * SUBTEST: rlimit-as
 * Description: Over RLIMIT_AS is ENOMEM; up to it is not.
 */
static void rlimit_as(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	struct drm_gem_mmap_placed exact = good_fixed(args.handle);

	igt_fork(child, 1) {
		struct rlimit limit = { .rlim_max = RLIM_INFINITY };

		limit.rlim_cur = status_kb("VmSize:") * 1024ull + SIZE;
		igt_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
		placed_unmap(placed_must_map(fd, args), SIZE);
		placed_unmap(placed_must_map(fd, exact), SIZE);
		limit.rlim_cur -= PLACED_PAGE;
		igt_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
		igt_assert_eq(placed_map(fd, &args), -ENOMEM);
		igt_assert_eq(placed_map(fd, &exact), -ENOMEM);
	}
	igt_waitchildren();
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
 * Description: With vm.max_map_count mappings the next is ENOMEM, and one less makes room.
 */
static void map_count(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));

	if (!old_max_map_count[0]) {
		FILE *f = fopen(max_map_count, "r");

		igt_assert(f && fgets(old_max_map_count, sizeof(old_max_map_count), f));
		fclose(f);
		igt_install_exit_handler(restore_max_map_count);
	}

	/* The usual 65,530 take a kernel that checks every step a minute. */
	igt_require_f(write_max_map_count("2000"), "cannot write to %s\n", max_map_count);
	igt_fork(child, 1) {
		uint64_t start = placed_free_region(3000 * 2 * PLACED_PAGE);
		int count = placed_fragment(start, PLACED_PAGE, 3000);

		igt_assert(count > 1500 && count < 2000);
		igt_assert_eq(placed_map(fd, &args), -ENOMEM);
		args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
		igt_assert_eq(placed_map(fd, &args), -ENOMEM);
		placed_unmap(placed_ptr(start), PLACED_PAGE);
		placed_must_map(fd, args);
		igt_assert_eq(placed_map(fd, &args), -ENOMEM);
	}
	igt_waitchildren();
	restore_max_map_count(0);
}

/**
 * SUBTEST: mlockall-future
 * Description: Under mlockall(MCL_FUTURE) it maps, and over RLIMIT_MEMLOCK is ENOMEM.
 */
static void mlockall_future(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));
	uint64_t offset;

	igt_assert_eq(placed_fake_offset(fd, args.handle, &offset), 0);
	igt_fork(child, 1) {
		struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
		uint32_t *ptr;

		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		igt_assert_eq(mlockall(MCL_FUTURE), 0);
		ptr = placed_must_map(fd, args);
		ptr[0] = 1;
		placed_unmap(ptr, SIZE);

		limit.rlim_cur = limit.rlim_max = status_kb("VmLck:") * 1024ull;
		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		/* Root may lock what it likes. */
		igt_assert_eq(setresuid(65534, 65534, 65534), 0);
		igt_assert(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
		igt_assert_eq(errno, EAGAIN);
		igt_assert_eq(placed_map(fd, &args), -ENOMEM);
	}
	igt_waitchildren();
}

/**
 * SUBTEST: stack-guard-gap
 * Description: A search keeps clear of the guard gap of a stack, from below and by a hint into it.
 */
static void stack_guard_gap(int fd, const char *driver)
{
	const uint64_t gap = 256 * PLACED_PAGE;
	uint64_t region = placed_free_region(4 * gap), stack = region + 3 * gap;
	struct drm_gem_mmap_placed args = good(placed_object(fd, SIZE));

	igt_assert(mmap(placed_ptr(stack), PLACED_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE,
			-1, 0) == placed_ptr(stack));

	args.range_start = region;
	args.range_end = stack;
	args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), stack - gap - SIZE);
	args.flags = PLACED_RW;
	args.addr = stack - gap / 2;
	igt_assert_eq_u64(placed_addr(placed_must_map(fd, args)), stack - gap - 2 * SIZE);

	/* In the gap there is room, and none to be had. */
	args.addr = 0;
	args.range_start = stack - gap;
	placed_must_fail(fd, args, ENOSPC);
	args.range_start -= SIZE;
	placed_must_fail(fd, args, ENOSPC);
	placed_unmap(placed_ptr(region), 4 * gap);
}

/**
 * SUBTEST: read-only-arguments
 * Description: Arguments that cannot be written back are EFAULT, as for all DRM ioctls.
 */
static void read_only_arguments(int fd, const char *driver)
{
	struct drm_gem_mmap_placed *args = mmap(NULL, PLACED_PAGE, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t region = placed_free_region(SIZE);

	igt_assert(args != MAP_FAILED);
	*args = good(placed_object(fd, SIZE));
	args->flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	args->addr = region;
	igt_assert_eq(mprotect(args, PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(placed_map(fd, args), -EFAULT);
	/* An exact address is known without the answer, and can be given back. */
	placed_unmap(placed_ptr(region), SIZE);
	igt_assert_eq(placed_map(fd, NULL), -EFAULT);
	placed_unmap(args, PLACED_PAGE);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "rlimit-as", "RLIMIT_AS", rlimit_as },
		{ "map-count", "vm.max_map_count", map_count },
		{ "mlockall-future", "mlockall(MCL_FUTURE) and RLIMIT_MEMLOCK", mlockall_future },
		{ "stack-guard-gap", "Guard gaps of stacks", stack_guard_gap },
		{ "read-only-arguments", "EFAULT", read_only_arguments },
	};

	PLACED_RUN_TESTS(tests);
}
