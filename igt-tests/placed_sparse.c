// SPDX-License-Identifier: MIT

/**
 * TEST: placed sparse
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_SPARSE, MADV_REMOVE
 * Description: Objects that have memory where it was asked for, and nowhere else.
 */

#include <pthread.h>

#include "placed_sparse.h"

IGT_TEST_DESCRIPTION("Populates and discards parts of sparse objects.");

/* Some chunks and a part of one. */
#define PAGES (2 * PAGES_2M + 37)
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

/* On every way to free memory. */
enum { BY_IOCTL, BY_MADVISE, WAYS };

/* Free memory of pages of a mapped object by one of the ways. */
static void discard(const struct object *o, uint8_t *map, uint64_t first, uint64_t pages, int way)
{
	if (way == BY_IOCTL)
		igt_assert_eq(discard_object(o, first, pages), 0);
	else
		igt_assert_eq(advise(map, first, pages, MADV_REMOVE), 0);
}

/* A call that has to fail, leave the struct as it was, and leave nothing behind. */
static void must_fail(int fd, struct drm_gem_sparse args, int error)
{
	struct drm_gem_sparse before = args;
	struct placed_counts counts = placed_count(fd);
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);

	igt_assert_f(ret == -error, "op %u: expected %s (%d), got %s (%d)\n", before.op,
		     strerror(error), error, ret ? strerror(-ret) : "success", -ret);
	igt_assert_f(!memcmp(&args, &before, sizeof(args)),
		     "op %u failed and left handle %u, count %u, present %llu\n", before.op,
		     args.handle, args.count, (unsigned long long)args.present);
	placed_assert_same_counts(fd, counts);
}

/* Creating */

/**
 * SUBTEST: create
 * Description: Objects of up to 64 GiB: no memory in them, none taken, and none left behind. Where
 *	the device has a copy, it refuses those of which it has no room for one: ENOMEM.
 */
static void create(int fd, const struct kind *kind)
{
	static const uint64_t sizes[] = {
		PLACED_PAGE, 3 * PLACED_PAGE, PLACED_2M, SIZE, PLACED_4G + PLACED_PAGE, 64ull << 30,
	};
	struct placed_counts counts = placed_count(fd);
	uint64_t free_kb = proc_kb("/proc/meminfo", "MemFree:");

	for (int i = 0; i < 6; i++) {
		struct drm_gem_sparse args = {
			.op = DRM_GEM_SPARSE_CREATE, .flags = kind_create_flags(kind),
			.length = sizes[i], .present = 7,
		};

		/* QEMU's max_hostmem is 2 GiB, if nobody says otherwise. */
		if (kind->is & KIND_HIDDEN_COPY && sizes[i] > PLACED_4G) {
			must_fail(fd, args, ENOMEM);
			continue;
		}
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
		igt_assert_neq(args.handle, 0);
		igt_assert_eq_u64(args.length, sizes[i]);
		igt_assert_eq_u64(args.present, 0);

		args.op = DRM_GEM_SPARSE_QUERY;
		args.flags = 0;
		args.length = 0;
		args.present = 7;
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
		igt_assert_eq(args.count, 0);
		igt_assert_eq_u64(args.present, 0);
		igt_assert_lte_u64(free_kb, proc_kb("/proc/meminfo", "MemFree:") + 16 * 1024);
		igt_assert_eq(placed_close_handle(fd, args.handle), 0);
	}
	placed_assert_same_counts(fd, counts);
}

/**
 * SUBTEST: create-arguments
 * Description: What is not a size, and what CREATE does not take, is EINVAL.
 */
static void create_arguments(int fd, const struct kind *kind)
{
	const uint32_t flags = kind_create_flags(kind);
	const struct drm_gem_sparse good = {
		.op = DRM_GEM_SPARSE_CREATE, .flags = flags, .length = 16 * PLACED_PAGE,
	};
	struct drm_gem_sparse args = good;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq(placed_close_handle(fd, args.handle), 0);

	args = good;
	args.length = 0;
	must_fail(fd, args, EINVAL);
	args.length = PLACED_PAGE + 1;
	must_fail(fd, args, EINVAL);
	args.length = 2048;
	must_fail(fd, args, EINVAL);
	args.length = ~0ull;
	must_fail(fd, args, EINVAL);

	args = good;
	args.offset = PLACED_PAGE;
	must_fail(fd, args, EINVAL);
	args = good;
	args.handle = 1;
	must_fail(fd, args, EINVAL);
	args = good;
	args.count = 1;
	must_fail(fd, args, EINVAL);
	args = good;
	args.runs = placed_addr(&args);
	must_fail(fd, args, EINVAL);
	for (int bit = 0; bit < 32; bit++) {
		if (1u << bit == DRM_GEM_SPARSE_POOL)
			continue;
		args = good;
		args.flags = flags | 1u << bit;
		must_fail(fd, args, EINVAL);
	}
}

/**
 * SUBTEST: create-huge
 * Description: Sizes that no address space has are ENOSPC or ENOMEM, and leave nothing behind.
 */
static void create_huge(int fd, const struct kind *kind)
{
	struct placed_counts counts = placed_count(fd);

	for (int bit = 56; bit < 64; bit++) {
		struct drm_gem_sparse args = {
			.op = DRM_GEM_SPARSE_CREATE, .flags = kind_create_flags(kind),
			.length = 1ull << bit,
		}, before = args;
		int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);

		if (!ret && bit < 60) {
			igt_assert_eq(placed_close_handle(fd, args.handle), 0);
			continue;
		}
		/* The last is no size to the kernel. */
		igt_assert_f(ret == -ENOSPC || ret == -ENOMEM || (ret == -EINVAL && bit == 63),
			     "2^%d bytes: %d\n", bit, ret);
		igt_assert(!memcmp(&args, &before, sizeof(args)));
	}
	placed_assert_same_counts(fd, counts);
	igt_assert_eq(placed_close_handle(fd, sparse_create(fd, SIZE,
						       kind_create_flags(kind))), 0);
}

/* Arguments */

/**
 * SUBTEST: arguments
 * Description: Each errno of the operations on an object; the struct stays as it was.
 */
static void arguments(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_gem_sparse_run runs[4];
	uint8_t *map = map_all(&o);

	store_pages(map, 3, 5, 1);
	settle(&o);
	for (uint32_t op = DRM_GEM_SPARSE_POPULATE; op <= DRM_GEM_SPARSE_QUERY; op++) {
		struct drm_gem_sparse good = {
			.op = op, .handle = o.handle, .offset = PLACED_PAGE, .length = PLACED_PAGE,
		}, args;

		if (op == DRM_GEM_SPARSE_QUERY) {
			good.runs = placed_addr(runs);
			good.count = 4;
		}
		for (int bit = 0; bit < 32; bit++) {
			args = good;
			args.flags = 1u << bit;
			must_fail(fd, args, EINVAL);
		}
		args = good;
		args.offset = 1;
		must_fail(fd, args, EINVAL);
		args.offset = 2 * PLACED_PAGE - 512;
		must_fail(fd, args, EINVAL);
		args = good;
		args.length = 1;
		must_fail(fd, args, EINVAL);
		args.length = PLACED_PAGE + 2048;
		must_fail(fd, args, EINVAL);
		args = good;
		args.length = SIZE;
		must_fail(fd, args, EINVAL);
		args.offset = SIZE;
		args.length = PLACED_PAGE;
		must_fail(fd, args, EINVAL);
		args.offset = SIZE + PLACED_PAGE;
		args.length = 0;
		must_fail(fd, args, EINVAL);
		args.offset = -PLACED_PAGE;
		args.length = PLACED_PAGE;
		must_fail(fd, args, EINVAL);
		args.length = 2 * PLACED_PAGE;
		must_fail(fd, args, EINVAL);
		args.offset = PLACED_PAGE;
		args.length = -PLACED_PAGE;
		must_fail(fd, args, EINVAL);
		args = good;
		args.handle = 0;
		must_fail(fd, args, ENOENT);
		args.handle = o.handle + 12345;
		must_fail(fd, args, ENOENT);
		if (op == DRM_GEM_SPARSE_QUERY)
			continue;
		args = good;
		args.count = 1;
		must_fail(fd, args, EINVAL);
		args = good;
		args.runs = placed_addr(runs);
		must_fail(fd, args, EINVAL);
	}
	for (uint32_t op = DRM_GEM_SPARSE_QUERY + 1; op; op <<= 1)
		must_fail(fd, (struct drm_gem_sparse) {
			.op = op, .handle = o.handle, .length = PLACED_PAGE,
		}, EINVAL);
	check_stored(map, 3, 5, 1);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

static void must_not_be_sparse(int fd, uint32_t handle)
{
	for (uint32_t op = DRM_GEM_SPARSE_POPULATE; op <= DRM_GEM_SPARSE_QUERY; op++)
		must_fail(fd, (struct drm_gem_sparse) {
			.op = op, .handle = handle, .length = PLACED_PAGE,
		}, EOPNOTSUPP);
}

/**
 * SUBTEST: not-sparse
 * Description: Other objects, and imported ones, are refused: EOPNOTSUPP, and are as before.
 */
static void not_sparse(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	store_pages(map, 0, PAGES, 1);
	must_not_be_sparse(fd, o.handle);
	check_stored(map, 0, PAGES, 1);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: imported
 * Description: An object that came as a dma-buf is not sparse.
 */
static void imported(int fd, const struct kind *kind)
{
	const char * const exporters[] = { placed_gpu(), "vgem", "placed_plain" };
	/* virtio-gpu without GL imports its own only. */
	int count = strcmp(kind->driver, "virtio_gpu") ? 3 : 1;

	for (int i = 0; i < count; i++) {
		int from = placed_open(exporters[i]);
		uint32_t handle, import;

		igt_require_f(from >= 0, "no device of %s\n", exporters[i]);
		handle = placed_object(from, SIZE);
		import = copy_share(from, handle, fd);
		must_not_be_sparse(fd, import);
		igt_assert_eq(placed_close_handle(fd, import), 0);
		close(from);
	}
}

/* What each driver has, or its device offers. */
static bool has_such_objects(const char *driver, bool pool)
{
	if (!strcmp(driver, "virtio_gpu"))
		return placed_gpu_has(pool ? PLACED_VIRTIO_POOL : PLACED_VIRTIO_BACKING);
	return (!strcmp(driver, "vgem") || !strcmp(driver, "vmwgfx")) && !pool;
}

/**
 * SUBTEST: no-such-objects
 * Description: CREATE is EOPNOTSUPP where there are none, of each of the two sorts; but on
 *	virtio-gpu, there are those that its device offers.
 */
static void no_such_objects(int fd, const struct kind *kind)
{
	for (int pool = 0; pool < 2; pool++) {
		struct drm_gem_sparse args = {
			.op = DRM_GEM_SPARSE_CREATE, .length = SIZE,
			.flags = pool ? DRM_GEM_SPARSE_POOL : 0,
		};

		if (has_such_objects(kind->driver, pool))
			igt_assert_eq(placed_close_handle(fd, sparse_create(fd, SIZE,
									    args.flags)), 0);
		else
			must_fail(fd, args, EOPNOTSUPP);
	}
}

/**
 * SUBTEST: export
 * Description: There are no dma-bufs of sparse objects.
 */
static void no_export(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_prime_handle prime = { .handle = o.handle, .flags = DRM_RDWR, .fd = -1 };
	struct placed_counts counts = placed_count(fd);
	uint8_t *map;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), -EOPNOTSUPP);
	igt_assert_eq(prime.fd, -1);
	igt_assert_eq(populate_object(&o, 0, PAGES), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), -EOPNOTSUPP);
	settle(&o);
	placed_assert_same_counts(fd, counts);
	map = map_all(&o);
	store_pages(map, 0, PAGES, 1);
	check_stored(map, 0, PAGES, 1);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* What has memory */

#define RUNS 8

static void expect_runs(const struct object *o, uint64_t first, uint64_t pages,
			const struct drm_gem_sparse_run *want, uint32_t count)
{
	struct drm_gem_sparse_run runs[RUNS];
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY, .handle = o->handle, .count = RUNS,
		.offset = first * PLACED_PAGE, .length = pages * PLACED_PAGE,
		.runs = placed_addr(runs),
	};
	uint64_t present = 0;

	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq(args.count, count);
	for (uint32_t i = 0; i < count; i++) {
		igt_assert_eq_u64(runs[i].offset, want[i].offset * PLACED_PAGE);
		igt_assert_eq_u64(runs[i].length, want[i].length * PLACED_PAGE);
		present += runs[i].length;
	}
	igt_assert_eq_u64(args.present, present);
}

/**
 * SUBTEST: query
 * Description: The runs that have memory, however they came by it, of the whole and of ranges.
 */
static void query(int fd, const struct kind *kind)
{
	static const struct drm_gem_sparse_run all[] = {
		{ 3, 1 }, { 10, 15 }, { 500, 24 }, { PAGES - 1, 1 },
	}, clipped[] = { { 12, 13 }, { 500, 5 } }, full[] = { { 0, PAGES } },
	holed[] = { { 0, 1 }, { 2, PAGES_2M - 2 }, { 2 * PAGES_2M, 37 } };
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	expect_runs(&o, 0, 0, NULL, 0);
	expect_runs(&o, 5, 100, NULL, 0);
	/* A touch brings no more than a page of the pool where others have memory. */
	if (kind->is & KIND_POOL)
		igt_assert_eq(populate_object(&o, 3, 1), 0);
	store_pages(map, 3, 1, 1);
	igt_assert_eq(populate_object(&o, 10, 5), 0);
	igt_assert_eq(advise(map, 15, 6, MADV_POPULATE_READ), 0);
	store_pages(map, 21, 4, 1);
	igt_assert_eq(advise(map, 510, 14, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(populate_object(&o, 500, 12), 0);
	igt_assert_eq(populate_object(&o, PAGES - 1, 1), 0);
	expect_runs(&o, 0, 0, all, 4);
	expect_runs(&o, 0, PAGES, all, 4);
	expect_runs(&o, 12, 493, clipped, 2);
	expect_runs(&o, 25, 475, NULL, 0);
	expect_runs(&o, 524, 0, &all[3], 1);

	igt_assert_eq(populate_object(&o, 0, 0), 0);
	expect_runs(&o, 0, 0, full, 1);
	discard(&o, map, 1, 1, BY_IOCTL);
	discard(&o, map, PAGES_2M, PAGES_2M, BY_MADVISE);
	expect_runs(&o, 0, 0, holed, 3);
	discard(&o, map, 0, 0, BY_IOCTL);
	expect_runs(&o, 0, 0, NULL, 0);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* A number of this file's fdinfo, in the unit that it has. */
static uint64_t fdinfo(int fd, const char *key)
{
	char path[64], line[128];
	uint64_t value = 0;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) || line[strlen(key)] != ':')
			continue;
		value = strtoull(line + strlen(key) + 1, NULL, 10);
		found = true;
	}
	fclose(f);
	igt_assert_f(found, "no %s in %s\n", key, path);
	return value;
}

/* Of the one object of this size in debugfs: bytes that have memory, and huge ones of them. */
static void debugfs_line(const struct object *o, uint64_t *present, uint64_t *huge)
{
	unsigned long long size, p, h;
	char path[64], line[128];
	bool found = false;
	FILE *f;

	igt_assert(placed_debugfs(o->kind->driver, "placed_sparse", path, sizeof(path)));
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x %llx %llx %llx", &size, &p, &h) != 3 || size != o->size)
			continue;
		*present = p;
		*huge = h;
		found = true;
	}
	fclose(f);
	igt_assert(found);
}

/**
 * SUBTEST: accounting
 * Description: fdinfo and debugfs say how much memory there is, and how much of it is huge.
 */
static void accounting(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES), other = make_object(fd, kind, 100);
	uint64_t objects = fdinfo(fd, "drm-placed-sparse-objects"), present = 0, huge = 0;

	igt_assert_lte_u64(2, objects);
	igt_assert_eq_u64(fdinfo(fd, "drm-placed-sparse-size"), (PAGES + 100) * 4);
	igt_assert_eq_u64(fdinfo(fd, "drm-placed-sparse-present"), 0);

	igt_assert_eq(populate_object(&o, PAGES_2M, PAGES_2M), 0);
	igt_assert_eq(populate_object(&o, 10, 5), 0);
	igt_assert_eq(populate_object(&other, 0, 3), 0);
	igt_assert_eq_u64(fdinfo(fd, "drm-placed-sparse-present"), (PAGES_2M + 8) * 4);
	debugfs_line(&o, &present, &huge);
	igt_assert_eq_u64(present, (PAGES_2M + 5) * PLACED_PAGE);
	igt_assert(!huge || huge == PLACED_2M);

	igt_assert_eq(discard_object(&o, PAGES_2M + 7, 1), 0);
	debugfs_line(&o, &present, &huge);
	igt_assert_eq_u64(present, (PAGES_2M + 4) * PLACED_PAGE);
	igt_assert_eq_u64(huge, 0);

	destroy_object(&o);
	destroy_object(&other);
	igt_assert_eq_u64(fdinfo(fd, "drm-placed-sparse-objects"), objects - 2);
	igt_assert_eq_u64(fdinfo(fd, "drm-placed-sparse-present"), 0);
}

/**
 * SUBTEST: query-room
 * Description: Too little room: ENOSPC and how much it takes. No memory there: EFAULT.
 */
static void query_room(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_gem_sparse_run runs[RUNS];
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY, .handle = o.handle, .runs = placed_addr(runs),
	}, before;

	/* Nothing to list takes no room. */
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	args.runs = 0;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);

	for (int i = 0; i < 5; i++)
		igt_assert_eq(populate_object(&o, 1 + i * 250, 3), 0);
	for (uint32_t count = 0; count < 5; count++) {
		args.count = count;
		args.runs = count ? placed_addr(runs) : 0;
		args.present = 77;
		before = args;
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), -ENOSPC);
		igt_assert_eq(args.count, 5);
		before.count = 5;
		igt_assert(!memcmp(&args, &before, sizeof(args)));
	}
	args.count = 5;
	args.runs = placed_addr(runs);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq(args.count, 5);
	igt_assert_eq_u64(args.present, 15 * PLACED_PAGE);

	settle(&o);
	args.present = 77;
	args.count = 1u << 31;
	args.runs = 4096;
	must_fail(fd, args, EFAULT);
	args.count = 5;
	must_fail(fd, args, EFAULT);
	args.runs = 0;
	must_fail(fd, args, EFAULT);
	args.runs = ~0ull - 7;
	must_fail(fd, args, EFAULT);
	igt_assert_eq_u64(present_pages(&o), 15);
	destroy_object(&o);
}

/**
 * SUBTEST: populate
 * Description: The ioctl gives zeroed memory where there is none, and keeps the rest.
 */
static void populate(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_POPULATE, .handle = o.handle, .offset = 7 * PLACED_PAGE,
		.length = 600 * PLACED_PAGE, .present = 77,
	};
	uint8_t *map = map_all(&o);

	if (kind->is & KIND_POOL)
		igt_assert_eq(populate_object(&o, 1, 1), 0);
	store_pages(map, 100, 5, 1);
	store_pages(map, 1, 1, 1);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq_u64(args.present, 600 * PLACED_PAGE);
	igt_assert_eq_u64(args.offset, 7 * PLACED_PAGE);
	igt_assert_eq_u64(args.length, 600 * PLACED_PAGE);
	igt_assert_eq_u64(present_pages(&o), 601);
	check_zero(map, 7, 93);
	check_stored(map, 100, 5, 1);
	check_zero(map, 105, 502);
	store_pages(map, 7, 600, 2);

	args.offset = 0;
	args.length = 0;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq_u64(args.present, SIZE);
	check_stored(map, 1, 1, 1);
	check_stored(map, 7, 600, 2);
	check_zero(map, 607, PAGES - 607);

	args.op = DRM_GEM_SPARSE_DISCARD;
	args.offset = 10 * PLACED_PAGE;
	args.length = 0;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	igt_assert_eq_u64(args.present, 0);
	igt_assert_eq_u64(present_pages(&o), 10);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: touch
 * Description: Stores to pages without memory get each one page, and a load finds zeros. Of the
 *	pool, the first store to 2 MiB gets all of that.
 */
static void touch(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *other = map_all(&o);

	for (uint64_t i = 0; i < 40; i++) {
		uint64_t page = i * 26 + i % 3;

		store_pages(map, page, 1, i);
		igt_assert_eq_u64(present_pages(&o), kind->is & KIND_POOL ?
				  (page / PAGES_2M + 1) * PAGES_2M : i + 1);
		check_stored(other, page, 1, i);
	}
	check_zero(map, 5, 15);
	check_zero(other, 5, 15);
	store_pages(other, 5, 15, 3);
	check_stored(map, 5, 15, 3);
	placed_unmap(map, SIZE);
	placed_unmap(other, SIZE);
	destroy_object(&o);
}

/* Discarding */

static int64_t map_in_servant(uint64_t fd, uint64_t size, uint64_t offset)
{
	void *map = mmap(NULL, size, RW, MAP_SHARED, fd, offset);

	return map == MAP_FAILED ? -errno : (int64_t)placed_addr(map);
}

/**
 * SUBTEST: discard
 * Description: What was discarded reads zeros by all mappings, in all processes; the rest stays.
 */
static void discard_everywhere(int fd, const struct kind *kind)
{
	static const struct { uint64_t first, pages; } parts[] = {
		{ 0, 1 }, { 5, 1 }, { 100, 300 }, { 511, 2 }, { PAGES_2M, PAGES_2M },
		{ 300, 500 }, { PAGES - 1, 1 }, { 1, PAGES - 2 }, { 0, PAGES },
	};
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *other = map_object(&o, NULL, 37, PAGES - 37, RW);
	uint8_t *shifted = other - 37 * PLACED_PAGE;
	struct servant *servant = servant_start();
	uint64_t theirs, inherited = placed_addr(map), offset = 0;

	/* One of its own, of the file that it inherited. */
	if (!(kind->is & KIND_ORDINARY))
		igt_assert_eq(placed_fake_offset(fd, o.handle, &offset), 0);
	theirs = servant_do(servant, map_in_servant, o.fd, SIZE, offset);
	igt_assert((int64_t)theirs > 0);

	for (int i = 0; i < 9 * WAYS; i++) {
		uint64_t first = parts[i / WAYS].first, pages = parts[i / WAYS].pages;
		uint64_t end = first + pages, at = first * PLACED_PAGE;

		store_pages(map, 0, PAGES, i);
		igt_assert_eq(servant_do(servant, servant_check, theirs, PAGES, i), PAGES);
		igt_assert_eq(servant_do(servant, servant_check, inherited, PAGES, i), PAGES);
		check_stored(shifted, 37, PAGES - 37, i);
		igt_assert_eq_u64(present_pages(&o), PAGES);

		discard(&o, map, first, pages, i % WAYS);
		igt_assert_eq_u64(present_pages(&o), PAGES - pages);
		igt_assert_eq(servant_do(servant, servant_check_zero, theirs + at, pages, 0),
			      pages);
		igt_assert_eq(servant_do(servant, servant_check_zero, inherited + at, pages, 0),
			      pages);
		check_zero(map, first, pages);
		check_stored(map, 0, first, i);
		check_stored(map, end, PAGES - end, i);
		if (end > 37)
			check_zero(shifted, first < 37 ? 37 : first,
				   end - (first < 37 ? 37 : first));
		/* What one stores then, all have. */
		igt_assert_eq(servant_do(servant, servant_store, theirs, PAGES, 99), PAGES);
		check_stored(map, 0, PAGES, 99);
		check_stored(shifted, 37, PAGES - 37, 99);
		igt_assert_eq(servant_do(servant, servant_check, inherited, PAGES, 99), PAGES);
	}
	servant_kill(servant);
	placed_unmap(map, SIZE);
	placed_unmap(other, SIZE - 37 * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: discard-by-others
 * Description: What another process discards, by its own mapping, is gone here.
 */
static void discard_by_others(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	struct servant *servant = servant_start();

	store_pages(map, 0, PAGES, 1);
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(page_at(map, 9)),
				 600 * PLACED_PAGE, MADV_REMOVE), 0);
	check_stored(map, 0, 9, 1);
	check_zero(map, 9, 600);
	check_stored(map, 609, PAGES - 609, 1);
	/* It drops its entries only. */
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE,
				 MADV_DONTNEED), 0);
	check_stored(map, 0, 9, 1);
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE,
				 MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(present_pages(&o), PAGES);
	check_zero(map, 9, 600);
	servant_kill(servant);
	check_stored(map, 609, PAGES - 609, 1);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: remove-read-only
 * Description: MADV_REMOVE by a mapping that cannot be written: EACCES; that is not now: it works.
 */
static void remove_read_only(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_object(&o, NULL, 0, PAGES, PROT_READ), *other = map_all(&o);

	/* The file can be written, and so might the mapping be. */
	store_pages(other, 0, PAGES, 1);
	igt_assert_eq(advise(map, 3, 5, MADV_REMOVE), 0);
	check_zero(map, 3, 5);
	check_zero(other, 3, 5);
	igt_assert_eq(mprotect(map, SIZE, PROT_NONE), 0);
	igt_assert_eq(advise(map, 600, 5, MADV_REMOVE), 0);
	check_zero(other, 600, 5);
	placed_unmap(map, SIZE);
	placed_unmap(other, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: remove-read-only-file
 * Description: MADV_REMOVE by a mapping of a file that was opened for reading: EACCES, all stays.
 */
static void remove_read_only_file(int fd, const struct kind *kind)
{
	int reader = placed_open_node(kind->driver, "card", O_RDONLY);
	struct object o;
	uint8_t *map;

	if (reader < 0)
		reader = placed_open_node(kind->driver, "renderD", O_RDONLY);
	igt_assert(reader >= 0);
	o = make_object(reader, kind, PAGES);
	igt_assert_eq(populate_object(&o, 0, 100), 0);
	map = map_object(&o, NULL, 0, PAGES, PROT_READ);
	igt_assert_eq(advise(map, 0, PAGES, MADV_REMOVE), -EACCES);
	igt_assert_eq(advise(map, 3, 5, MADV_REMOVE), -EACCES);
	igt_assert_eq_u64(present_pages(&o), 100);
	igt_assert_eq(advise(map, 0, 200, MADV_POPULATE_READ), 0);
	igt_assert_eq(advise(map, 0, 200, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert_eq(READ_FAULTS(map, 0, 200), 0);
	check_zero(map, 0, 200);
	placed_unmap(map, SIZE);
	destroy_object(&o);
	close(reader);
}

/**
 * SUBTEST: fork
 * Description: A child that was forked from populated mappings shares them, and every discard.
 */
static void fork_shares(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	struct servant *servant;
	uint64_t at = placed_addr(map);

	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	store_pages(map, 0, PAGES, 1);
	servant = servant_start();
	for (int way = 0; way < WAYS; way++) {
		igt_assert_eq(servant_do(servant, servant_store, at, PAGES, 2), PAGES);
		check_stored(map, 0, PAGES, 2);
		discard(&o, map, 0, PAGES, way);
		igt_assert_eq(servant_do(servant, servant_check_zero, at, PAGES, 0), PAGES);
		check_zero(map, 0, PAGES);
	}
	igt_assert_eq(servant_do(servant, servant_store, at, PAGES, 3), PAGES);
	igt_assert_eq(servant_do(servant, servant_advise, at, SIZE, MADV_REMOVE), 0);
	check_zero(map, 0, PAGES);
	store_pages(map, 0, PAGES, 4);
	placed_unmap(map, SIZE);
	igt_assert_eq(servant_do(servant, servant_check, at, PAGES, 4), PAGES);
	servant_kill(servant);
	igt_assert_eq_u64(present_pages(&o), PAGES);
	destroy_object(&o);
}

/**
 * SUBTEST: far
 * Description: Pages behind 4 GiB in an object of 64 GiB, by windows and by the ioctl.
 */
static void far(int fd, const struct kind *kind)
{
	const uint64_t size = 64ull << 30, pages = size / PLACED_PAGE, window = PAGES_2M + 3;
	static const uint64_t gibs[] = { 0, 3, 4, 7, 32, 63 };
	struct object o = { .kind = kind, .fd = fd, .size = size };
	uint64_t present = 0;

	o.handle = sparse_create(fd, size, kind_create_flags(kind));
	for (int i = 0; i < 6; i++) {
		uint64_t first = (gibs[i] << 30) / PLACED_PAGE + 77;
		uint8_t *map = map_object(&o, NULL, first, window, RW);

		/* So that a touch brings no more than is populated afterwards. */
		if (kind->is & KIND_POOL)
			igt_assert_eq(populate_object(&o, first, 1), 0);
		check_zero(map, 0, 3);
		store_pages(map, 0, 20, i);
		igt_assert_eq(advise(map, 0, window, MADV_POPULATE_WRITE), 0);
		present += window;
		igt_assert_eq_u64(present_pages(&o), present);
		check_zero(map, 20, window - 20);
		placed_unmap(map, window * PLACED_PAGE);
	}
	igt_assert_eq(populate_object(&o, pages - 5, 5), 0);
	igt_assert_eq_u64(present_pages(&o), present + 5);
	for (int i = 0; i < 6; i++) {
		uint64_t first = (gibs[i] << 30) / PLACED_PAGE + 77;
		uint8_t *map = map_object(&o, NULL, first, window, RW);

		check_stored(map, 0, 20, i);
		igt_assert_eq(discard_object(&o, first, 10), 0);
		check_zero(map, 0, 10);
		check_stored(map, 10, 10, i);
		placed_unmap(map, window * PLACED_PAGE);
	}
	igt_assert_eq(discard_object(&o, 0, 0), 0);
	igt_assert_eq_u64(present_pages(&o), 0);
	destroy_object(&o);
}

/* Memory */

#define MEMORY (64 * MIB)
#define MEMORY_PAGES (MEMORY / PLACED_PAGE)

/* What is charged in batches, and for page tables. */
#define SLACK (3 * MIB)

/* What is given back may pass through lists: until it is so. */
static void wait_below(const struct memcg *cg, uint64_t bytes)
{
	double start = seconds_now();

	while (memcg_current(cg) > bytes && seconds_now() < start + 20)
		sched_yield();
	igt_assert_lte_u64(memcg_current(cg), bytes);
}

static int64_t sparse_in_servant(uint64_t fd, uint64_t op, uint64_t handle)
{
	return sparse_do(fd, op, handle, 0, 0);
}

/**
 * SUBTEST: memcg
 * Description: Memory is charged to the cgroup of who populates or touches, until it is given back.
 */
static void memcg(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, MEMORY_PAGES);
	struct memcg cg = memcg_make();
	uint8_t *map = map_all(&o);
	struct servant *servant = servant_start();
	uint64_t at = placed_addr(map), before;

	memcg_put(&cg, servant->pid);
	before = memcg_current(&cg);
	for (int round = 0; round < 3; round++) {
		if (round == 0)
			igt_assert_eq(servant_do(servant, servant_advise, at, MEMORY,
						 MADV_POPULATE_WRITE), 0);
		else if (round == 1)
			igt_assert_eq(servant_do(servant, servant_store, at, MEMORY_PAGES, 1),
				      MEMORY_PAGES);
		else if (!(kind->is & KIND_ORDINARY))
			igt_assert_eq(servant_do(servant, sparse_in_servant, fd,
						 DRM_GEM_SPARSE_POPULATE, o.handle), 0);
		else
			break;
		igt_assert_lte_u64(before + MEMORY - SLACK, memcg_current(&cg));
		igt_assert_lte_u64(memcg_current(&cg), before + MEMORY + SLACK);
		/* Again, and by others, costs nothing. */
		igt_assert_eq(advise(map, 0, MEMORY_PAGES, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(servant_do(servant, servant_advise, at, MEMORY,
					 MADV_POPULATE_READ), 0);
		igt_assert_lte_u64(memcg_current(&cg), before + MEMORY + SLACK);

		discard(&o, map, 0, MEMORY_PAGES / 2, round % WAYS);
		wait_below(&cg, before + MEMORY / 2 + SLACK);
		igt_assert_lte_u64(before + MEMORY / 2 - SLACK, memcg_current(&cg));
		discard(&o, map, 0, MEMORY_PAGES, round % WAYS);
		wait_below(&cg, before + SLACK);
	}

	/* What is populated here is not charged there. */
	igt_assert_eq(advise(map, 0, MEMORY_PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(servant_do(servant, servant_store, at, MEMORY_PAGES, 1), MEMORY_PAGES);
	igt_assert_lte_u64(memcg_current(&cg), before + SLACK);
	igt_assert_eq(advise(map, 0, MEMORY_PAGES, MADV_REMOVE), 0);

	/* The object's end gives all back, whoever is left. */
	igt_assert_eq(servant_do(servant, servant_advise, at, MEMORY, MADV_POPULATE_WRITE), 0);
	igt_assert_lte_u64(before + MEMORY - SLACK, memcg_current(&cg));
	servant_kill(servant);
	igt_assert_lte_u64(MEMORY - SLACK, memcg_current(&cg));
	destroy_object(&o);
	igt_assert_lte_u64(MEMORY - SLACK, memcg_current(&cg));
	placed_unmap(map, MEMORY);
	wait_below(&cg, SLACK);
	memcg_remove(&cg);
}

/* What is available, with what each processor keeps of what was freed lately. In kB. */
static uint64_t available_kb(void)
{
	uint64_t kb = proc_kb("/proc/meminfo", "MemAvailable:");
	FILE *f = fopen("/proc/zoneinfo", "r");
	char line[256];
	int count;

	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %d", &count) == 1)
			kb += count * 4;
	fclose(f);
	return kb;
}

/* What is given back may pass through other hands. */
static void wait_available(uint64_t kb)
{
	double start = seconds_now();

	while (available_kb() < kb && seconds_now() < start + 20)
		sched_yield();
	igt_assert_lte_u64(kb, available_kb());
}

/**
 * SUBTEST: meminfo
 * Description: The machine's free memory goes with populating and comes back with discarding.
 */
static void meminfo(int fd, const struct kind *kind)
{
	const uint64_t pages = 128 * MIB / PLACED_PAGE, kb = 128 * 1024, slack = kb / 4;
	struct object o = make_object(fd, kind, pages);
	uint8_t *map = map_all(&o);
	uint64_t before;
	int tries = 0;

	for (int round = 0; round < 3; round++) {
		before = available_kb();
		if (round % 2)
			igt_assert_eq(populate_object(&o, 0, pages), 0);
		else
			igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_READ), 0);

		/* What ended before this test may be freed during it: look once more. */
		if (available_kb() > before - kb + slack && tries++ < 10) {
			discard(&o, map, 0, pages, 0);
			round--;
			continue;
		}
		igt_assert_lte_u64(available_kb(), before - kb + slack);
		if (round < 2) {
			discard(&o, map, 0, pages, round);
		} else {
			placed_unmap(map, o.size);
			destroy_object(&o);
		}
		wait_available(before - slack);
	}
}

/*
 * Do once, on little, what is to be done when there is no more memory: then page
 * tables are there, and what the process writes to is its own. What fails is to be
 * a page of the object.
 */
static int64_t rehearse(uint64_t addr, uint64_t pages, uint64_t fd)
{
	if (!sigsetjmp(sigbus_jump, 1))
		raise(SIGBUS);
	for (uint64_t page = 0; page < pages; page += PAGES_2M / 2)
		servant_store(addr + page * PLACED_PAGE, 1, 1);
	servant_check(addr, 1, 1);
	sparse_in_servant(fd, DRM_GEM_SPARSE_QUERY, 0);
	return servant_advise(addr, PLACED_PAGE, MADV_POPULATE_WRITE);
}

/**
 * SUBTEST: memory-max
 * Description: Over memory.max is ENOMEM or SIGBUS, nobody is killed, and what is there stays.
 */
static void memory_max(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, MEMORY_PAGES);
	uint8_t *map = map_all(&o);
	struct placed_counts counts = placed_count(fd);
	struct memcg cg = memcg_make();
	struct servant *servant = servant_start();
	uint64_t at = placed_addr(map);

	memcg_put(&cg, servant->pid);
	for (int round = 0; round < 3; round++) {
		uint64_t present;
		int64_t stored, again;
		int ret;

		igt_assert_eq(servant_do(servant, rehearse, at, MEMORY_PAGES, fd), 0);
		discard(&o, map, 0, MEMORY_PAGES, round % WAYS);
		igt_debug("round %d: %llu KiB are charged\n", round,
			  (unsigned long long)memcg_current(&cg) / 1024);
		memcg_limit(&cg, memcg_current(&cg) + 16 * MIB);

		/* Not all of it, and not for nothing. */
		ret = 0;
		if (round == 0)
			ret = servant_do(servant, servant_advise, at, MEMORY,
					 MADV_POPULATE_WRITE);
		else if (round == 1)
			ret = servant_do(servant, sparse_in_servant, fd,
					 DRM_GEM_SPARSE_POPULATE, o.handle);
		present = present_pages(&o) * PLACED_PAGE;
		igt_debug("%d, %llu KiB are charged, %llu present\n", ret,
			  (unsigned long long)memcg_current(&cg) / 1024,
			  (unsigned long long)present / 1024);
		igt_assert_eq(ret, round < 2 ? -ENOMEM : 0);
		igt_assert_lte_u64(present, 16 * MIB + SLACK);
		if (round < 2)
			igt_assert_lte_u64(8 * MIB, present);

		/* What is there can be used; beyond is SIGBUS, and only that. */
		stored = servant_do(servant, servant_store, at, MEMORY_PAGES, 5 + round);
		igt_assert(stored * PLACED_PAGE >= 8 * MIB &&
			   stored * PLACED_PAGE <= 16 * MIB + SLACK);
		/* A few more at most: what is freed meanwhile can be charged. */
		again = servant_do(servant, servant_store, at, MEMORY_PAGES, 5 + round);
		igt_assert_f(again >= stored && again <= stored + 64,
			     "%lld pages, then %lld\n", (long long)stored, (long long)again);
		stored = again;
		igt_assert_eq(servant_do(servant, servant_check, at, stored, 5 + round), stored);
		check_stored(map, 0, stored, 5 + round);
		igt_assert_eq(servant_do(servant, servant_advise, at, MEMORY,
					 MADV_POPULATE_READ), -ENOMEM);
		igt_assert_eq_u64(memcg_events(&cg, "oom_kill"), 0);

		memcg_limit(&cg, ~0ull);
		if (round == 1)
			igt_assert_eq(servant_do(servant, sparse_in_servant, fd,
						 DRM_GEM_SPARSE_POPULATE, o.handle), 0);
		else
			igt_assert_eq(servant_do(servant, servant_advise, at, MEMORY,
						 MADV_POPULATE_WRITE), 0);
		igt_assert_eq_u64(present_pages(&o), MEMORY_PAGES);
		check_stored(map, 0, stored, 5 + round);
		check_zero(map, stored, MEMORY_PAGES - stored);
	}
	servant_kill(servant);
	settle(&o);
	placed_assert_same_counts(fd, counts);
	placed_unmap(map, MEMORY);
	destroy_object(&o);
	wait_below(&cg, SLACK);
	memcg_remove(&cg);
}

/* Signals */

/* What is large takes long enough to be cut short. The debug kernel's pages are expensive. */
static uint64_t large_pages(const struct kind *kind)
{
	return (kind->is & KIND_COPY ? 128 : 512) * MIB / PLACED_PAGE;
}

/* Kill one that populates as soon as it has some of it. Was it cut short? */
static bool kill_in_the_middle(struct object *o, uint8_t *map, bool by_ioctl)
{
	const uint64_t pages = o->size / PLACED_PAGE;
	uint64_t before = proc_kb("/proc/meminfo", "MemFree:");
	pid_t pid = start_child();
	double start = seconds_now();
	uint64_t present;

	if (!pid) {
		if (by_ioctl)
			populate_object(o, 0, pages);
		else
			advise(map, 0, pages, MADV_POPULATE_WRITE);
		for (;;)
			pause();
	}
	while (proc_kb("/proc/meminfo", "MemFree:") + 8 * 1024 > before &&
	       seconds_now() < start + 30)
		;
	end_child(pid, SIGKILL);
	present = present_pages(o);
	igt_debug("%llu of %llu pages\n", (unsigned long long)present,
		  (unsigned long long)pages);
	igt_assert_lt_u64(0, present);
	return present < pages;
}

/**
 * SUBTEST: killed
 * Description: Who is killed while populating ends at once; what there is by then can be used.
 */
static void killed(int fd, const struct kind *kind)
{
	const uint64_t pages = large_pages(kind);
	struct object o = make_object(fd, kind, pages);
	uint8_t *map = map_all(&o);
	struct placed_counts counts = {};

	if (kind->driver)
		counts = placed_count(fd);
	for (int way = 0; way < WAYS; way++) {
		bool cut = false;

		/* A machine that does other things may be too late to see it. */
		for (int attempt = 0; attempt < 6 && !cut; attempt++) {
			igt_assert_eq(discard_object(&o, 0, pages), 0);
			store_pages(map, pages - 10, 10, 1);
			cut = kill_in_the_middle(&o, map, way == BY_IOCTL);
			check_stored(map, pages - 10, 10, 1);
			check_zero(map, 0, 600);
		}
		igt_assert_f(cut, "it was never cut short\n");
		store_pages(map, 0, 600, 2);
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_WRITE), 0);
		igt_assert_eq_u64(present_pages(&o), pages);
		check_stored(map, 0, 600, 2);
		check_zero(map, pages / 2, 10);
		check_stored(map, pages - 10, 10, 1);
	}
	settle(&o);
	if (kind->driver)
		placed_assert_same_counts(fd, counts);
	placed_unmap(map, o.size);
	destroy_object(&o);
}

/* Sparse and coherent */

/* Where nobody can look at the device's copy, let it have what is dirty: no more then. */
static void check_device_stored(const struct object *o, uint64_t first, uint64_t pages,
				uint32_t seed)
{
	uint8_t *seen;

	if (o->kind->is & KIND_HIDDEN_COPY) {
		flush_object(o);
		return;
	}
	seen = device_sees(o);

	check_stored(seen, first, pages, seed);
	free(seen);
}

static void check_device_zero(const struct object *o, uint64_t first, uint64_t pages)
{
	uint8_t *seen;

	if (o->kind->is & KIND_HIDDEN_COPY)
		return;
	seen = device_sees(o);

	check_zero(seen, first, pages);
	copy_op(o->fd, o->handle, DRM_PLACED_COPY_PEEK, 0, o->size, seen);
	check_zero(seen, first, pages);
	free(seen);
}

/**
 * SUBTEST: coherent-populate
 * Description: Newly zeroed for writing is dirty once; populated to be read, or again, is not.
 */
static void coherent_populate(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	igt_assert_eq(advise(map, 0, 100, MADV_POPULATE_READ), 0);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	igt_assert_eq(advise(map, 0, 100, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	igt_assert_eq(advise(map, 50, 150, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(dirty_pages(&o, 0, 100), 0);
	igt_assert_eq_u64(dirty_pages(&o, 100, 100), 100);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 100);

	flush_object(&o);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	igt_assert_eq(advise(map, 0, 200, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, 200), 0);

	store_pages(map, 0, 200, 1);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 200);
	check_device_stored(&o, 0, 200, 1);
	check_device_zero(&o, 200, PAGES - 200);
	igt_assert_eq(populate_object(&o, 0, 0), 0);
	check_stored(map, 0, 200, 1);
	check_device_stored(&o, 0, 200, 1);
	check_device_zero(&o, 200, PAGES - 200);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-discard
 * Description: What was discarded is not dirty, zero for the device, and can be stored to again.
 */
static void coherent_discard(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	for (int i = 0; i < 4 * WAYS; i++) {
		int way = i % WAYS;

		store_pages(map, 0, PAGES, i);
		/* Sent before, or not. */
		if (i / WAYS % 2) {
			check_device_stored(&o, 0, PAGES, i);
			store_pages(map, 90, 620, i);
		}
		discard(&o, map, 100, 600, way);
		igt_assert_eq_u64(dirty_pages(&o, 100, 600), 0);
		igt_assert_lte_u64(20, dirty_pages(&o, 0, PAGES));
		check_device_stored(&o, 0, 100, i);
		check_device_zero(&o, 100, 600);
		check_device_stored(&o, 700, PAGES - 700, i);
		check_zero(map, 100, 600);
		check_device_zero(&o, 100, 600);

		store_pages(map, 300, 5, 50 + i);
		igt_assert_eq_u64(dirty_pages(&o, 100, 600), 5);
		check_device_stored(&o, 300, 5, 50 + i);
		check_device_zero(&o, 100, 200);
		check_device_zero(&o, 305, 395);

		/* Without a look at it in between. */
		discard(&o, map, 0, PAGES, way);
		store_pages(map, 600, 3, 60 + i);
		check_device_stored(&o, 600, 3, 60 + i);
		check_device_zero(&o, 0, 600);
		check_device_zero(&o, 603, PAGES - 603);
	}
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-device-writes
 * Description: What the device writes comes back, into holes, too, and a discard takes it away.
 */
static void coherent_device_writes(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *data = malloc(SIZE);

	igt_assert(data);
	for (int i = 0; i < 3 * WAYS; i++) {
		store_pages(data, 0, PAGES, i);
		store_pages(map, 40, 20, 33);
		if (i >= 2 * WAYS)
			igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		/* Some of what has memory, and what has none. */
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 50 * PLACED_PAGE, 500 * PLACED_PAGE,
			page_at(data, 50));
		if (i >= WAYS)
			igt_assert_eq(advise(map, 100, 300, i & 1 ? MADV_POPULATE_READ :
					     MADV_POPULATE_WRITE), 0);
		check_stored(map, 40, 10, 33);
		check_stored(map, 50, 500, i);
		check_zero(map, 550, PAGES - 550);
		check_device_stored(&o, 40, 10, 33);
		check_device_stored(&o, 50, 500, i);
		check_device_zero(&o, 550, PAGES - 550);

		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 600 * PLACED_PAGE, 50 * PLACED_PAGE,
			page_at(data, 600));
		discard(&o, map, 0, PAGES, i % WAYS);
		check_zero(map, 0, PAGES);
		check_device_zero(&o, 0, PAGES);
		igt_assert_eq(discard_object(&o, 0, 0), 0);
	}
	free(data);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-populate-written
 * Description: Memory for what the device wrote to holes does not overwrite it with zeros.
 */
static void coherent_populate_written(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *data = malloc(SIZE);
	uint8_t *writer = map_object(&o, NULL, 0, PAGES, PROT_WRITE);

	igt_assert(data);
	for (int i = 0; i < 4; i++) {
		store_pages(data, 0, PAGES, i);
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 50 * PLACED_PAGE, 500 * PLACED_PAGE,
			page_at(data, 50));
		if (i & 1)
			igt_assert_eq(populate_object(&o, 0, 0), 0);
		else
			igt_assert_eq(advise(writer, 0, PAGES, MADV_POPULATE_WRITE), 0);
		check_device_stored(&o, 50, 500, i);
		check_stored(map, 50, 500, i);
		igt_assert_eq(discard_object(&o, 0, 0), 0);
	}
	free(data);
	placed_unmap(writer, SIZE);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: coherent-reset
 * Description: A device that has forgotten all gets zeros for holes, too.
 */
static void coherent_reset(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	store_pages(map, 100, 300, 3);
	copy_op(fd, o.handle, DRM_PLACED_COPY_RESET, 0, 0, NULL);
	check_device_zero(&o, 0, 100);
	check_device_stored(&o, 100, 300, 3);
	check_device_zero(&o, 400, PAGES - 400);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Races */

#define RACE_PAGES (2 * PAGES_2M)

/*
 * A process stores growing numbers and says which are through. Another discards
 * pages of whose numbers it heard, and says so: from then on nobody may read one
 * of these, but zero or a later one.
 */
struct generations {
	/* The last number that is through, and the last that is gone. */
	atomic_uint stored[RACE_PAGES], gone[RACE_PAGES];
	/* Odd while a discard of the page is under way. */
	atomic_uint discards[RACE_PAGES];
	atomic_bool stop;
	atomic_uint wrong, page, value, bound;
	atomic_uint passes, certain;
};

static void note_page(struct generations *g, uint32_t page, uint32_t value, uint32_t bound)
{
	if (atomic_fetch_add(&g->wrong, 1))
		return;
	atomic_store(&g->page, page);
	atomic_store(&g->value, value);
	atomic_store(&g->bound, bound);
}

static void check_generation(struct generations *g, uint8_t *map, uint32_t page)
{
	uint32_t gone = atomic_load(&g->gone[page]), value = *page_word(map, page);

	if (value && value <= gone)
		note_page(g, page, value, gone);
}

/*
 * Every second page gets the next number when the last one is gone, so that one
 * that a discard left behind stays to be found. The others get theirs at once, so
 * that stores and discards of a page meet.
 */
static bool is_to_be_stored(struct generations *g, uint32_t page)
{
	return page % 2 || atomic_load(&g->stored[page]) <= atomic_load(&g->gone[page]);
}

/* Stores until it is told to stop. In a process of its own. */
static void store_generations(struct generations *g, uint8_t *map)
{
	for (uint32_t number = 1; !atomic_load(&g->stop); number++) {
		for (uint32_t page = 0; page < RACE_PAGES; page++) {
			volatile uint32_t *word = page_word(map, page);
			uint32_t discards, value;

			check_generation(g, map, page);
			if (!is_to_be_stored(g, page))
				continue;
			discards = atomic_load(&g->discards[page]);
			*word = number;
			value = *word;
			/* Nobody else stores to it: it can only have gone. */
			if (discards % 2 || atomic_load(&g->discards[page]) != discards) {
				if (value && value != number)
					note_page(g, page, value, number);
			} else {
				atomic_fetch_add(&g->certain, 1);
				if (value != number)
					note_page(g, page, value, number);
			}
			atomic_store(&g->stored[page], number);
		}
		atomic_fetch_add(&g->passes, 1);
	}
}

/* How many pages of a range hold what was not discarded yet? */
static int count_new(struct generations *g, uint32_t *numbers, uint32_t first, uint32_t pages)
{
	int count = 0;

	for (uint32_t i = first; i < first + pages; i++) {
		numbers[i] = atomic_load(&g->stored[i]);
		count += numbers[i] > atomic_load(&g->gone[i]);
	}
	return count;
}

static int discard_generations(struct generations *g, const struct object *o, uint8_t *map,
			       uint32_t first, uint32_t pages, bool by_ioctl)
{
	uint32_t numbers[RACE_PAGES];
	int count = count_new(g, numbers, first, pages), ret;

	/* So many at once that a call is cheap, and not only where the other is not. */
	if (count * 2 < (int)pages)
		return 0;

	for (uint32_t i = first; i < first + pages; i++)
		atomic_fetch_add(&g->discards[i], 1);
	ret = by_ioctl ? discard_object(o, first, pages) : advise(map, first, pages, MADV_REMOVE);
	for (uint32_t i = first; i < first + pages; i++) {
		atomic_fetch_add(&g->discards[i], 1);
		atomic_store(&g->gone[i], numbers[i]);
	}
	check_generation(g, map, first + pages / 2);
	return ret ? ret : count;
}

/* What is populated now is zero, or later than what is gone. */
static int populate_generations(const struct object *o, uint8_t *map, uint32_t first,
				uint32_t pages, int how)
{
	if (how == 0)
		return populate_object(o, first, pages);
	return advise(map, first, pages, how == 1 ? MADV_POPULATE_READ : MADV_POPULATE_WRITE);
}

/* The device, too, sees nothing that was gone before it looked. */
static void check_device_generations(struct generations *g, const struct object *o)
{
	uint32_t gone[RACE_PAGES];
	uint8_t *seen;

	for (uint32_t page = 0; page < RACE_PAGES; page++)
		gone[page] = atomic_load(&g->gone[page]);
	seen = device_sees(o);
	for (uint32_t page = 0; page < RACE_PAGES; page++)
		if (*page_word(seen, page) && *page_word(seen, page) <= gone[page])
			note_page(g, page, *page_word(seen, page), gone[page]);
	free(seen);
}

/*
 * How many pages are to be stored to and discarded. All of them on the plainest
 * kind: others only differ in who is told, and a file shows that the test is right.
 * A device that is told takes its time for each page.
 */
static int discard_rounds(const struct kind *kind)
{
	if (kind->is & (KIND_HIDDEN_COPY | KIND_POOL))
		return placed_rounds(10000);
	if (kind->is & KIND_COHERENT)
		return placed_rounds(50000);

	return placed_rounds(kind->driver && !strcmp(kind->driver, "vgem") ? 1000000 : 100000);
}

/**
 * SUBTEST: race-discard
 * Description: What was discarded while another process stores is never seen again.
 */
static void race_discard(int fd, const struct kind *kind)
{
	bool coherent = kind->is & KIND_COHERENT;
	const int rounds = discard_rounds(kind);
	struct object o = make_object(fd, kind, RACE_PAGES);
	uint8_t *map = map_all(&o);
	struct generations *g = mmap(NULL, sizeof(*g), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double start = seconds_now();
	int done = 0, calls = 0, ret = 0, idle = 0;
	uint32_t first = 0, pages = 0;
	pid_t pid;

	igt_assert(g != MAP_FAILED);
	srand(21);
	pid = start_child();
	if (!pid) {
		store_generations(g, map);
		_exit(0);
	}
	while (done < rounds && ret >= 0 && !atomic_load(&g->wrong)) {
		/* Short ones are the close races, long ones are many. */
		if (!pages) {
			first = rand() % RACE_PAGES;
			pages = 1 + rand() % (calls % 2 ? 8 : 512);
			if (pages > RACE_PAGES - first)
				pages = RACE_PAGES - first;
		}
		ret = discard_generations(g, &o, map, first, pages, calls / 2 % 2);
		if (!ret) {
			/* Nothing to be done, unless it never comes. */
			if (++idle > 1000) {
				siginfo_t info = {};

				waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT);
				igt_assert_f(!info.si_pid, "the other process died: %d\n",
					     info.si_status);
				idle = 0;
			}
			sched_yield();
			continue;
		}
		if (ret < 0)
			break;
		done += ret;
		calls++;
		if (calls % 4 == 0)
			ret = populate_generations(&o, map, first, pages, calls / 4 % 3);
		pages = 0;
		if (coherent && calls % 64 == 0) {
			if (kind->is & KIND_HIDDEN_COPY)
				flush_object(&o);
			else
				check_device_generations(g, &o);
		}
	}
	atomic_store(&g->stop, true);
	igt_assert_eq(end_child(pid, 0), 0);
	igt_assert_f(ret >= 0, "%s\n", strerror(-ret));
	igt_assert_f(!g->wrong, "%u wrong: page %u had %u, and the bound was %u\n", g->wrong,
		     g->page, g->value, g->bound);
	/* The one did not wait for the other all the time. */
	igt_assert_lt_u64(0, g->passes);
	igt_assert_lt_u64(0, g->certain);
	igt_info("%d rounds by %d calls in %.1f s, %u passes, %u stores alone\n", done, calls,
		 seconds_now() - start, g->passes, g->certain);
	munmap(g, sizeof(*g));
	placed_unmap(map, o.size);
	destroy_object(&o);
}

/* What threads do to one object. */
struct race {
	const struct object *o;
	uint8_t *map, *comes;
	atomic_bool stop;
	atomic_int wrong, last_wrong, next;
	atomic_uint turns[4];
};

static void note_wrong(struct race *race, int ret)
{
	atomic_fetch_add(&race->wrong, 1);
	atomic_store(&race->last_wrong, ret);
}

/* Populate, by all ways, what is there all the time and what comes and goes. */
static void *populate_always(void *data)
{
	struct race *race = data;
	unsigned int me = atomic_fetch_add(&race->next, 1), seed = me;

	while (!atomic_load(&race->stop)) {
		uint64_t first = rand_r(&seed) % PAGES;
		uint64_t pages = 1 + rand_r(&seed) % (PAGES - first);
		int how = rand_r(&seed) % 5, ret;

		if (how < 3) {
			ret = populate_generations(race->o, race->map, first, pages, how);
			if (ret)
				note_wrong(race, ret);
		} else {
			ret = advise(race->comes, first, pages, how == 3 ? MADV_POPULATE_READ :
				     MADV_POPULATE_WRITE);
			if (ret && ret != -ENOMEM)
				note_wrong(race, ret);
		}
		atomic_fetch_add(&race->turns[me], 1);
	}
	return NULL;
}

static void *discard_always(void *data)
{
	struct race *race = data;
	unsigned int me = atomic_fetch_add(&race->next, 1), seed = me;

	while (!atomic_load(&race->stop)) {
		uint64_t first = rand_r(&seed) % PAGES;
		uint64_t pages = 1 + rand_r(&seed) % (PAGES - first);
		int ret = rand_r(&seed) % 2 ? discard_object(race->o, first, pages) :
			  advise(race->map, first, pages, MADV_REMOVE);

		if (ret)
			note_wrong(race, ret);
		atomic_fetch_add(&race->turns[me], 1);
	}
	return NULL;
}

/* Stores find memory, whatever happens to it afterwards. */
static void *store_always(void *data)
{
	struct race *race = data;
	unsigned int me = atomic_fetch_add(&race->next, 1), seed = me;

	while (!atomic_load(&race->stop)) {
		for (int i = 0; i < 64; i++) {
			uint64_t page = rand_r(&seed) % PAGES;
			uint32_t value = *page_word(race->map, page);

			if (value && value != page_value(page, 1))
				note_wrong(race, -EIO);
			*page_word(race->map, page) = page_value(page, 1);
		}
		atomic_fetch_add(&race->turns[me], 1);
	}
	return NULL;
}

static bool had_turns(struct race *race, unsigned int turns)
{
	for (int i = 0; i < 3; i++)
		if (atomic_load(&race->turns[i]) < turns)
			return false;
	return true;
}

/**
 * SUBTEST: race-map
 * Description: Threads populate, discard, store, map and unmap at once: no wrong answer or byte.
 */
static void race_map(int fd, const struct kind *kind)
{
	static void *(* const functions[])(void *) = {
		populate_always, discard_always, store_always,
	};
	const int rounds = placed_rounds(500);
	struct object o = make_object(fd, kind, PAGES);
	struct race race = { .o = &o, .map = map_all(&o), .comes = reserve(PAGES) };
	pthread_t threads[3];
	int ret = 0;

	map_object(&o, race.comes, 0, PAGES, RW);
	for (int i = 0; i < 3; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, functions[i], &race), 0);
	/* Nothing is asserted before the threads have ended. */
	for (int round = 0; !ret && (round < rounds || !had_turns(&race, rounds / 10)); round++) {
		uint64_t first = rand() % PAGES, pages = 1 + rand() % (PAGES - first);
		uint8_t *part = page_at(race.comes, first);

		ret = munmap(part, pages * PLACED_PAGE) ? -errno : 0;
		if (!ret && mmap_object(&o, part, first, pages, RW, MAP_FIXED) != part)
			ret = -errno;
		if (!ret && round % 16 == 0 &&
		    mmap_object(&o, race.comes, 0, PAGES, RW, MAP_FIXED) != race.comes)
			ret = -errno;
	}
	atomic_store(&race.stop, true);
	for (int i = 0; i < 3; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(ret, 0);
	igt_assert_f(!race.wrong, "%d wrong, the last was %s\n", race.wrong,
		     strerror(-race.last_wrong));

	igt_assert_eq(advise(race.map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(present_pages(&o), PAGES);
	store_pages(race.map, 0, PAGES, 9);
	discard(&o, race.map, 0, PAGES, BY_IOCTL);
	igt_assert_eq_u64(present_pages(&o), 0);
	check_zero(race.map, 0, PAGES);
	placed_unmap(race.map, SIZE);
	placed_unmap(race.comes, SIZE);
	destroy_object(&o);
}

igt_main
{
	static const struct kind_test tests[] = {
		/* CREATE is for drivers that have no ioctl of their own for it. */
		{ "create", "CREATE", create, KIND_SPARSE, KIND_COPY },
		{ "create-arguments", "CREATE that must fail", create_arguments, KIND_SPARSE,
		  KIND_COPY },
		{ "create-huge", "CREATE of more than there can be", create_huge, KIND_SPARSE,
		  KIND_COPY },
		{ "arguments", "Every errno", arguments, KIND_SPARSE, 0 },
		{ "not-sparse", "Objects that are not sparse", not_sparse, 0,
		  KIND_SPARSE | KIND_ORDINARY },
		{ "imported", "Objects that were imported", imported, KIND_SPARSE, KIND_COPY },
		{ "no-such-objects", "CREATE where there are none", no_such_objects, 0,
		  KIND_SPARSE | KIND_COHERENT | KIND_ORDINARY },
		{ "export", "dma-bufs of sparse objects", no_export, KIND_SPARSE, 0 },
		{ "query", "QUERY", query, KIND_SPARSE, 0 },
		{ "query-room", "QUERY without room", query_room, KIND_SPARSE, 0 },
		{ "accounting", "What fdinfo and debugfs say", accounting, KIND_SPARSE, 0 },
		{ "populate", "POPULATE", populate, KIND_SPARSE, 0 },
		{ "touch", "Stores to what has no memory", touch, KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "discard", "DISCARD and MADV_REMOVE", discard_everywhere,
		  KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "discard-by-others", "MADV_REMOVE by another process", discard_by_others,
		  KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "remove-read-only", "MADV_REMOVE by mappings that are read-only",
		  remove_read_only, KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "remove-read-only-file", "MADV_REMOVE by files that are read-only",
		  remove_read_only_file, KIND_SPARSE, 0 },
		{ "fork", "Forked mappings", fork_shares, KIND_SPARSE | KIND_ORDINARY, 0 },
		/* A copy of so much is too much. */
		{ "far", "Behind 4 GiB", far, KIND_SPARSE, KIND_COPY | KIND_HIDDEN_COPY },
		/* The pool's memory is not this machine's: see placed_pool for these. */
		{ "memcg", "What memory cgroups are charged", memcg,
		  KIND_SPARSE | KIND_ORDINARY, KIND_POOL },
		{ "meminfo", "The machine's free memory", meminfo, KIND_SPARSE | KIND_ORDINARY,
		  KIND_POOL },
		/* Ordinary memory is killed for it. */
		{ "memory-max", "Over memory.max", memory_max, KIND_SPARSE, KIND_POOL },
		{ "killed", "SIGKILL", killed, KIND_SPARSE | KIND_ORDINARY, KIND_POOL },
		{ "coherent-populate", "What populating makes dirty", coherent_populate,
		  KIND_SPARSE_COHERENT, 0 },
		{ "coherent-discard", "What discarding makes of what is dirty", coherent_discard,
		  KIND_SPARSE_COHERENT, 0 },
		{ "coherent-device-writes", "The device writes into holes",
		  coherent_device_writes, KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
		{ "coherent-populate-written", "Memory for what the device wrote",
		  coherent_populate_written, KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
		{ "coherent-reset", "A device that forgets",
		  coherent_reset, KIND_SPARSE_COHERENT, KIND_HIDDEN_COPY },
		{ "race-discard", "A process stores, another discards", race_discard,
		  KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "race-map", "Threads that do everything at once", race_map,
		  KIND_SPARSE | KIND_ORDINARY, 0 },
	};

	KIND_RUN_TESTS(tests);
}
