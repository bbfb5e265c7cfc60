/* SPDX-License-Identifier: MIT */
/*
 * What all placed tests share on top of IGT: the drivers they run on, checks
 * that a failed call left nothing behind, and a region of free addresses.
 */
#ifndef PLACED_HELPERS_H
#define PLACED_HELPERS_H

#include <dirent.h>

#include "igt.h"
#include "placed_device.h"

/* Additions to virtio-gpu's protocol: see docs/device.md. */
enum {
	PLACED_VIRTIO_RANGES = 22,
	PLACED_VIRTIO_BACKING = 23,
	PLACED_VIRTIO_POOL = 50,
};

/*
 * The driver of the machine's GPU; vgem; and a driver that has not opted in to
 * anything and has no hook in its file operations.
 */
#define PLACED_DRIVERS 3

static inline const char *placed_driver(int which)
{
	static const char * const others[] = { "vgem", "placed_plain" };

	return which ? others[which - 1] : placed_gpu();
}

/* Can the driver have coherent objects? */
static inline bool placed_driver_has_coherent(const char *driver)
{
	return !strcmp(driver, placed_gpu());
}

/* May mappings start in the middle of an object? */
static inline bool placed_driver_has_subrange(const char *driver)
{
	return strcmp(driver, "placed_plain");
}

/*
 * How often to try what threads may get wrong: PLACED_EFFORT in the environment is
 * a percentage of what is usual, for kernels on which everything takes longer.
 */
static inline int placed_rounds(int usual)
{
	const char *effort = getenv("PLACED_EFFORT");
	int rounds = effort ? usual * atoi(effort) / 100 : usual;

	return rounds > 0 ? rounds : 1;
}

/*
 * Is less asked for than usual? Then kinds of objects that show little that is new,
 * as ordinary memory, or the struct pages that only a test driver maps, are left out.
 */
static inline bool placed_in_short(void)
{
	return placed_rounds(100) < 100;
}

/* Is a copy of each object on the host, which is sent to? Otherwise it looks at the memory. */
static inline bool placed_gpu_is_virtio(void)
{
	return !strcmp(placed_gpu(), "virtio_gpu");
}

/* Has the driver of virtio-gpu negotiated this feature with its device? */
static inline bool placed_gpu_has(int bit)
{
	static const char devices[] = "/sys/bus/virtio/devices";
	DIR *dir = placed_gpu_is_virtio() ? opendir(devices) : NULL;
	struct dirent *entry;
	bool found = false;

	if (!placed_gpu_is_virtio())
		return false;
	igt_assert(dir);
	while (!found && (entry = readdir(dir))) {
		char path[400], text[128] = "";
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s/device", devices, entry->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		found = fgets(text, sizeof(text), f) && strtoul(text, NULL, 0) == 16;
		fclose(f);
		if (!found)
			continue;

		snprintf(path, sizeof(path), "%s/%s/features", devices, entry->d_name);
		f = fopen(path, "r");
		igt_assert(f && fgets(text, sizeof(text), f) && strlen(text) > 64);
		fclose(f);
		closedir(dir);
		return text[bit] == '1';
	}
	closedir(dir);
	return false;
}

/*
 * What the machine's GPU or its driver can do, by name. A test that needs what it cannot is
 * skipped with that name; scripts/test knows which are missing on which device.
 *
 *   pan            shows a part of a framebuffer from any pixel on
 *   cursor-copy    keeps a copy of a cursor's image, which has to be sent
 *   device-memory  has memory of its own, which objects move to and from
 *   pool           has objects with pages of the host's, see pool=on
 *   host-visible   has objects in the host's memory, see --device virgl
 *   gl             draws, see --device virgl
 *   suspend        comes back, with what the machine's root is on
 */
static inline bool placed_gpu_can(const char *what)
{
	bool only_vmware = !strcmp(what, "device-memory");

	return strcmp(placed_gpu(), "vmwgfx") ? !only_vmware : only_vmware;
}

/* Likewise where the test knows how to find out. */
#define placed_require_that(can, what) igt_require_f(can, "capability %s is missing\n", what)

static inline void placed_require(const char *what)
{
	placed_require_that(placed_gpu_can(what), what);
}

/* A kernel without the ioctls has none of what the tests test. */
static inline void placed_require_maps(int fd)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };

	placed_require_that(!placed_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), "placed-maps");
}

struct placed_test {
	const char *name, *what;
	void (*test)(int fd, const char *driver);
};

/* A subtest for each test, and in it a dynamic one for each driver. */
static inline void placed_run_tests(const struct placed_test *tests, size_t count)
{
	/* Both outlive the jumps that end a subtest. */
	volatile int d, fd;

	for (size_t i = 0; i < count; i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			for (d = 0; d < PLACED_DRIVERS; d++) {
				fd = placed_open(placed_driver(d));
				igt_dynamic(placed_driver(d)) {
					igt_require_f(fd >= 0, "no device of %s\n",
						      placed_driver(d));
					placed_require_maps(fd);
					tests[i].test(fd, placed_driver(d));
				}
				if (fd >= 0)
					close(fd);
			}
		}
	}
}

#define PLACED_RUN_TESTS(tests) placed_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

static inline uint32_t placed_object(int fd, uint64_t size)
{
	uint32_t handle = 0;

	igt_assert_eq(placed_create_mappable(fd, size, &handle), 0);
	return handle;
}

/*
 * An object that finds no room in the device's memory. What takes the room has no memory
 * until it is touched where there is none of the device's.
 */
static inline uint32_t placed_system_object(int fd, uint64_t size)
{
	uint32_t fillers[64], handle;
	int count = 0;

	for (uint64_t filler = 128ull << 20; filler >= PLACED_PAGE; filler /= 2)
		for (int twice = 0; twice < 2; twice++)
			fillers[count++] = placed_object(fd, filler);
	handle = placed_object(fd, size);
	while (count)
		igt_assert_eq(placed_close_handle(fd, fillers[--count]), 0);
	return handle;
}

/* An object that other devices can get at: not in the device's memory. */
static inline uint32_t placed_shareable_object(int fd, uint64_t size)
{
	struct drm_version version = {};
	char name[32] = "";

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);
	return strcmp(name, "vmwgfx") ? placed_object(fd, size) : placed_system_object(fd, size);
}

/* A map that has to work. */
static inline void *placed_must_map(int fd, struct drm_gem_mmap_placed args)
{
	igt_assert_eq(placed_map(fd, &args), 0);
	return placed_ptr(args.addr);
}

/* The whole object, anywhere, by plain mmap(2). */
static inline void *placed_plain_map(int fd, uint32_t handle, uint64_t size)
{
	uint64_t offset = 0;
	void *ptr;

	igt_assert_eq(placed_fake_offset(fd, handle, &offset), 0);
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

/*
 * What the kernel counts, to be compared before and after. Objects without a
 * handle are counted apart: a device may still be busy giving them up.
 */
struct placed_counts {
	int objects, references, handles, maps, without_handle;
};

static inline struct placed_counts placed_count(int fd)
{
	struct placed_counts counts = {};
	struct drm_version version = {};
	char path[64], line[128], name[32] = "";
	uint64_t start, end;
	FILE *f;

	version.name = name;
	version.name_len = sizeof(name) - 1;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VERSION, &version), 0);

	igt_assert_f(placed_debugfs(name, "gem_mappable", path, sizeof(path)),
		     "no debugfs directory of %s\n", name);
	f = fopen(path, "r");
	igt_assert_f(f, "no %s\n", path);
	igt_assert(fgets(line, sizeof(line), f));
	while (fgets(line, sizeof(line), f)) {
		unsigned int references, handles;

		igt_assert_eq(sscanf(line, "%*x %*x %u %u", &references, &handles), 2);
		if (!handles) {
			counts.without_handle++;
			continue;
		}
		counts.objects++;
		counts.references += references;
		counts.handles += handles;
	}
	fclose(f);

	f = fopen("/proc/self/maps", "r");
	igt_assert(f);
	while (placed_next_map(f, &start, &end, line, sizeof(line)))
		if (strstr(line, "/dev/dri/"))
			counts.maps++;
	fclose(f);

	return counts;
}

#define placed_assert_same_counts(fd, before) do { \
	struct placed_counts now_ = placed_count(fd), was_ = (before); \
	igt_assert_eq(now_.objects, was_.objects); \
	igt_assert_eq(now_.references, was_.references); \
	igt_assert_eq(now_.handles, was_.handles); \
	igt_assert_eq(now_.maps, was_.maps); \
} while (0)

/* A map that has to fail, leave the struct as it was, and leave nothing behind. */
static inline void placed_must_fail(int fd, struct drm_gem_mmap_placed args, int error)
{
	struct drm_gem_mmap_placed before = args;
	struct placed_counts counts = placed_count(fd);
	int ret = placed_map(fd, &args);

	igt_assert_f(ret == -error, "expected %s (%d), got %s (%d)\n", strerror(error), error,
		     ret ? strerror(-ret) : "success", -ret);
	igt_assert(!memcmp(&args, &before, sizeof(args)));
	placed_assert_same_counts(fd, counts);
}

/* A free region below 4 GiB that nothing else maps into: reserved and given back. */
static inline uint64_t placed_free_region(uint64_t size)
{
	uint64_t at;

	for (at = 0x10000000; at + size <= 0xf0000000; at += 0x1000000)
		if (placed_is_free(at, at + size))
			return at;

	igt_assert_f(0, "no %#llx free bytes below 4 GiB\n", (unsigned long long)size);
	return 0;
}

/* Take [start, end) with PROT_NONE. */
static inline void placed_reserve(uint64_t start, uint64_t end)
{
	void *at = placed_ptr(start);

	igt_assert(mmap(at, end - start, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			-1, 0) == at);
}

static inline void placed_unmap(const void *ptr, uint64_t size)
{
	igt_assert_eq(munmap((void *)ptr, size), 0);
}

/* Does the process have more than 47 bits to map into? */
static inline bool placed_has_57_bits(void)
{
	void *hint = placed_ptr(1ull << 48);
	void *ptr = sizeof(void *) < 8 ? MAP_FAILED :
		    mmap(hint, PLACED_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has = ptr != MAP_FAILED && placed_addr(ptr) >= 1ull << 47;

	if (ptr != MAP_FAILED)
		placed_unmap(ptr, PLACED_PAGE);
	return has;
}

#endif
