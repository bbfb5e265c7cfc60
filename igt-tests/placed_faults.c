// SPDX-License-Identifier: MIT

/**
 * TEST: placed faults
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED, DRM_IOCTL_GEM_MAP_PAGES
 * Description: Every allocation on the way of a placed map, and of putting pages into a window,
 *	fails once: errno, and nothing left.
 */

#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Fails the allocations of a placed map one after the other.");

#define SIZE (16 * PLACED_PAGE)

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	igt_require_f(fd >= 0, "no %s: this kernel injects no faults\n", path);
	igt_assert_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Fail allocations that may sleep, too: those of a system call are such. */
static void arm(void)
{
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
}

/* Let the n-th allocation from now on fail. Returns a file. */
static int begin_failing(int n)
{
	char text[16];
	int file = open("/proc/thread-self/fail-nth", O_RDWR);

	igt_require_f(file >= 0, "no fail-nth: this kernel injects no faults\n");
	snprintf(text, sizeof(text), "%d", n);
	igt_assert_eq(pwrite(file, text, strlen(text), 0), strlen(text));
	return file;
}

/* Returns whether there were as many. */
static bool end_failing(int file)
{
	char text[16] = "";

	igt_assert(pread(file, text, sizeof(text) - 1, 0) > 0);
	igt_assert_eq(pwrite(file, "0", 1, 0), 1);
	close(file);
	return atoi(text) == 0;
}

/* Let the n-th allocation of the map fail. Returns whether there were as many. */
static bool map_failing(int fd, struct drm_gem_mmap_placed *args, int n, int *ret)
{
	int file = begin_failing(n);

	*ret = placed_map(fd, args);
	return end_failing(file);
}

/* Each map with a new object, whose pages are not there yet. */
static void fail_all(int fd, struct drm_gem_mmap_placed template, const char *what)
{
	uint64_t region = placed_free_region(4 * SIZE);
	int injected = 0, failed = 0, n, ret;

	arm();
	for (n = 1;; n++) {
		struct drm_gem_mmap_placed args = template, before;
		uint32_t handle = placed_object(fd, SIZE);
		struct placed_counts counts;
		void *original = NULL;
		bool was_injected;

		if (template.flags & DRM_GEM_MMAP_PLACED_FROM_ADDR) {
			original = placed_plain_map(fd, handle, SIZE);
			args.from_addr = placed_addr(original);
		} else {
			args.handle = handle;
		}
		if (template.flags & DRM_GEM_MMAP_PLACED_FIXED)
			placed_reserve(region, region + 4 * SIZE);
		if (template.flags & (DRM_GEM_MMAP_PLACED_FIXED |
				      DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE))
			args.addr = region + SIZE;
		before = args;
		counts = placed_count(fd);

		was_injected = map_failing(fd, &args, n, &ret);
		if (ret) {
			igt_assert_f(ret == -ENOMEM, "%s, fault %d: %s\n", what, n, strerror(-ret));
			igt_assert(!memcmp(&args, &before, sizeof(args)));
			placed_assert_same_counts(fd, counts);
			failed++;
		} else {
			*(volatile uint32_t *)placed_ptr(args.addr) = n;
			placed_unmap(placed_ptr(args.addr), SIZE);
			placed_assert_same_counts(fd, counts);
		}
		injected += was_injected;

		/* And then it works. */
		args = before;
		placed_unmap(placed_must_map(fd, args), SIZE);
		if (template.flags & DRM_GEM_MMAP_PLACED_FIXED)
			placed_unmap(placed_ptr(region), 4 * SIZE);
		if (original)
			placed_unmap(original, SIZE);
		igt_assert_eq(placed_close_handle(fd, handle), 0);

		if (!was_injected)
			break;
	}

	igt_info("%s: %d faults injected, %d made the map fail\n", what, injected, failed);
	igt_assert(failed > 0);
	igt_assert_eq(ret, 0);
}

static struct drm_gem_mmap_placed template(uint32_t flags)
{
	return (struct drm_gem_mmap_placed) { .flags = PLACED_RW | flags, .length = SIZE };
}

/**
 * SUBTEST: search
 * Description: Faults in a map below 4 GiB.
 */
static void search(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = template(0);

	args.range_end = PLACED_4G;
	fail_all(fd, args, "search");
}

/**
 * SUBTEST: anywhere
 * Description: Faults in a map without a wish.
 */
static void anywhere(int fd, const char *driver)
{
	fail_all(fd, template(0), "anywhere");
}

/**
 * SUBTEST: fixed
 * Description: Faults in a map over a reservation.
 */
static void fixed(int fd, const char *driver)
{
	fail_all(fd, template(DRM_GEM_MMAP_PLACED_FIXED), "FIXED");
}

/**
 * SUBTEST: noreplace
 * Description: Faults in a map at an exact, free address.
 */
static void noreplace(int fd, const char *driver)
{
	fail_all(fd, template(DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE), "FIXED_NOREPLACE");
}

/**
 * SUBTEST: duplicate
 * Description: Faults in a duplicate below 4 GiB.
 */
static void duplicate(int fd, const char *driver)
{
	struct drm_gem_mmap_placed args = template(DRM_GEM_MMAP_PLACED_FROM_ADDR);

	args.range_end = PLACED_4G;
	fail_all(fd, args, "FROM_ADDR");
}

/**
 * SUBTEST: duplicate-fixed
 * Description: Faults in a duplicate over a reservation.
 */
static void duplicate_fixed(int fd, const char *driver)
{
	fail_all(fd, template(DRM_GEM_MMAP_PLACED_FROM_ADDR | DRM_GEM_MMAP_PLACED_FIXED),
		 "FROM_ADDR, FIXED");
}

/* Places in several page tables, and pages of both ends of the object. */
#define PLACES 6

static const uint64_t fail_places[PLACES] = { 0, 1, 600, 1100, 1900, 2999 };
static const uint64_t fail_pages[PLACES] = { 15, 0, 7, NONE, 0, 3 };

/*
 * Windows are made, and pages are put into them, until no allocation is left to fail. With
 * another process that has the same window, the call is the first to change its table.
 */
static void fail_windows(int fd, const struct kind *kind, bool shared)
{
	struct object o = make_numbered(fd, kind, SIZE / PLACED_PAGE);
	struct drm_gem_mmap_placed args = window_args(&o, 3000), now;
	int made = 0, refused = 0, n, ret;
	bool was_injected = true;

	arm();
	for (n = 1; was_injected; n++) {
		struct placed_counts counts = placed_count(fd);

		now = args;
		was_injected = map_failing(fd, &now, n, &ret);
		igt_assert_f(!ret || ret == -ENOMEM, "fault %d: %s\n", n, strerror(-ret));
		if (!ret)
			placed_unmap(placed_ptr(now.addr), now.length);
		else
			igt_assert(!memcmp(&now, &args, sizeof(args)));
		placed_assert_same_counts(fd, counts);
		made += !ret;
	}
	igt_assert_eq(ret, 0);
	igt_assert(made < n - 1);

	was_injected = true;
	for (n = 1; was_injected; n++) {
		struct window w = make_window(&o, 3000);
		struct servant *servant = NULL;
		int file;

		if (shared) {
			put_row(&w, 590, 3, 1, 20);
			servant = servant_start();
		}
		file = begin_failing(n);
		ret = try_scatter(&w, fail_places, fail_pages, PLACES);
		was_injected = end_failing(file);
		igt_assert_f(!ret || ret == -ENOMEM, "fault %d: %s\n", n, strerror(-ret));
		for (int i = 0; !ret && i < PLACES; i++)
			w.shows[fail_places[i]] = fail_pages[i];
		refused += !!ret;
		check_window(&w);
		scatter(&w, fail_places, fail_pages, PLACES);
		check_window(&w);
		if (servant)
			servant_kill(servant);
		end_window(&w);
	}
	igt_assert_eq(ret, 0);
	igt_info("%s: %d faults injected, %d refused\n", kind->name, n - 2, refused);
	igt_assert(refused > 0);
	destroy_object(&o);
}

/**
 * SUBTEST: page-windows
 * Description: Faults while page windows are made, and pages are put into them.
 */
static void windows(int fd, const struct kind *kind)
{
	fail_windows(fd, kind, false);
}

/**
 * SUBTEST: page-windows-forked
 * Description: The same in a window that another process still shares.
 */
static void windows_forked(int fd, const struct kind *kind)
{
	fail_windows(fd, kind, true);
}

/**
 * SUBTEST: kmemleak
 * Description: After all that, the kernel finds no memory that nobody has.
 */
static void kmemleak(void)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char line[256] = "";
	FILE *f;

	/* A scan does not report what is younger than five seconds, whatever happens. */
	sleep(6);
	/* What is in a register or on its way at the first scan is not at the second. */
	write_file(path, "scan");
	write_file(path, "scan");
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		igt_info("%s", line);
	fclose(f);
	igt_assert_f(!line[0], "kmemleak has a report\n");
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "search", "Faults in a map by range", search },
		{ "anywhere", "Faults in a map without a wish", anywhere },
		{ "fixed", "Faults in a map that replaces", fixed },
		{ "noreplace", "Faults in a map at an exact address", noreplace },
		{ "duplicate", "Faults in a duplicate", duplicate },
		{ "duplicate-fixed", "Faults in a duplicate that replaces", duplicate_fixed },
	};

	/* Where pages are, and where a list of places for each page is, too. */
	static const struct kind_test kind_tests[] = {
		{ "page-windows", "Faults in page windows", windows, 0,
		  KIND_NO_WINDOWS | KIND_HIDDEN_COPY | KIND_POOL },
		{ "page-windows-forked", "Faults in page windows that are shared", windows_forked, 0,
		  KIND_NO_WINDOWS | KIND_HIDDEN_COPY | KIND_POOL },
	};

	PLACED_RUN_TESTS(tests);
	KIND_RUN_TESTS(kind_tests);

	igt_describe("No leaks");
	igt_subtest("kmemleak")
		kmemleak();
}
