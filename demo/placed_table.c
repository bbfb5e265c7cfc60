// SPDX-License-Identifier: MIT
/*
 * What Linux answers to calls that are to populate, discard, duplicate and split
 * the mapping of a GEM object: then, on a driver that has not opted in to
 * anything, and now, on a dumb buffer of the GPU's and a sparse object of vgem.
 * And where the memory of a sparse object goes when it is discarded.
 *
 * All answers are measured. Page maps say nothing about mappings of page frames,
 * so what is populated is told by the faults that touching all pages takes,
 * beside those that a mapping takes in which nothing is populated: a fault may
 * bring in more than one page.
 */
#include <sys/resource.h>

#include "screen.h"

#define SIZE (64ull << 20)
#define PAGES (SIZE / PLACED_PAGE)
#define HALF (SIZE / 2)

#define LARGE (1ull << 30)

/* A cell of the table. */
#define CELL 32

struct column {
	/* Without a driver, it is the GPU's. */
	const char *driver, *what;
	bool sparse;
	/* Stands for Linux without us. */
	bool stock;
	int fd;
	/* Why there is no such object, or 0. */
	int missing;
};

struct object {
	const struct column *column;
	uint32_t handle;
	uint64_t size, fake;
};

enum access { LOAD, STORE };

static struct column columns[] = {
	{ .driver = "placed_plain", .stock = true },
	{ .what = "dumb" },
	{ .driver = "vgem", .what = "sparse", .sparse = true },
};

/* The objects */

static int create_sparse(int fd, uint64_t size, uint32_t *handle)
{
	struct drm_gem_sparse args = { .op = DRM_GEM_SPARSE_CREATE, .length = size };
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);

	*handle = args.handle;
	return ret;
}

static int try_create(const struct column *column, uint64_t size, struct object *object)
{
	int ret;

	*object = (struct object) { .column = column, .size = size };
	if (column->sparse)
		ret = create_sparse(column->fd, size, &object->handle);
	else
		ret = placed_create(column->fd, size, &object->handle);
	if (ret)
		return ret;

	return placed_fake_offset(column->fd, object->handle, &object->fake);
}

static struct object create(const struct column *column, uint64_t size)
{
	struct object object;
	int ret = try_create(column, size, &object);

	if (ret)
		die("no object of %s: %s", column->driver, strerror(-ret));
	return object;
}

static void destroy(const struct object *object)
{
	placed_close_handle(object->column->fd, object->handle);
}

static void *try_map(const struct object *object, uint64_t offset, int flags)
{
	return mmap(NULL, object->size - offset, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		    object->column->fd, object->fake + offset);
}

static uint8_t *map_whole(const struct object *object)
{
	void *map = try_map(object, 0, 0);

	if (map == MAP_FAILED)
		die("cannot map an object of %s: %s", object->column->driver, strerror(errno));
	return map;
}

/* Bytes that a sparse object has memory for. It is in one piece here, at most. */
static uint64_t present(const struct object *object)
{
	struct drm_gem_sparse_run run;
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY,
		.handle = object->handle,
		.count = 1,
		.runs = placed_addr(&run),
	};
	int ret = placed_ioctl(object->column->fd, DRM_IOCTL_GEM_SPARSE, &args);

	if (ret)
		die("cannot query a sparse object: %s", strerror(-ret));
	return args.present;
}

/* The faults */

static long count_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Touch all pages. How many faults did that take? */
static long touch(uint8_t *map, enum access access)
{
	volatile uint8_t *byte = map;
	long before;

	/* Once more, for what the counting itself may touch. */
	count_faults();
	before = count_faults();
	for (uint64_t at = 0; at < SIZE; at += PLACED_PAGE) {
		if (access == STORE)
			byte[at] = 1;
		else
			(void)byte[at];
	}
	return count_faults() - before;
}

/* The faults of a new mapping of this object. */
static long faults_of_mapping(const struct object *object, enum access access)
{
	uint8_t *map = map_whole(object);
	long faults = touch(map, access);

	munmap(map, SIZE);
	return faults;
}

/* The faults of a new object in which nothing is populated. */
static long faults_of_object(const struct column *column, enum access access)
{
	struct object object = create(column, SIZE);
	long faults = faults_of_mapping(&object, access);

	destroy(&object);
	return faults;
}

/* How many pages is that, if all pages take so many faults? */
static uint64_t pages_of(long faults, long all)
{
	return all ? PAGES * faults / all : 0;
}

/* The answers */

static void say_error(char *cell, int error)
{
	const char *name = strerrorname_np(error);

	snprintf(cell, CELL, "%s", name ? name : "?");
}

static void say_pages(char *cell, uint64_t pages, const char *what)
{
	char number[32];

	snprintf(cell, CELL, "ok, %s pages %s", grouped(pages, number), what);
}

static void populate_write(const struct column *column, char *cell)
{
	long all = faults_of_object(column, STORE);
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);

	if (madvise(map, SIZE, MADV_POPULATE_WRITE))
		say_error(cell, errno);
	else
		say_pages(cell, PAGES - pages_of(touch(map, STORE), all), "populated");
	munmap(map, SIZE);
	destroy(&object);
}

static void map_populate(const struct column *column, char *cell)
{
	long all = faults_of_object(column, LOAD);
	struct object object = create(column, SIZE);
	uint8_t *map = try_map(&object, 0, MAP_POPULATE);

	if (map == MAP_FAILED) {
		say_error(cell, errno);
	} else {
		say_pages(cell, PAGES - pages_of(touch(map, LOAD), all), "populated");
		munmap(map, SIZE);
	}
	destroy(&object);
}

/* What the pages held has to be there still. */
static void dontneed(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);
	long all;

	touch(map, STORE);
	all = faults_of_mapping(&object, LOAD);
	if (madvise(map, SIZE, MADV_DONTNEED)) {
		say_error(cell, errno);
	} else {
		uint64_t pages = pages_of(touch(map, LOAD), all);

		say_pages(cell, pages, map[HALF] == 1 ? "unmapped" : "LOST");
	}
	munmap(map, SIZE);
	destroy(&object);
}

static void remove_pages(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);

	touch(map, STORE);
	if (madvise(map, SIZE, MADV_REMOVE)) {
		say_error(cell, errno);
	} else {
		uint64_t pages = column->sparse ? PAGES - present(&object) / PLACED_PAGE : 0;

		say_pages(cell, pages, map[HALF] ? "NOT ZERO" : "freed");
	}
	munmap(map, SIZE);
	destroy(&object);
}

static void duplicate(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);
	void *low = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		die("no room below 4 GiB: %s", strerror(errno));
	if (mremap(map, 0, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, low) == MAP_FAILED)
		say_error(cell, errno);
	else
		snprintf(cell, CELL, "ok");
	munmap(low, SIZE);
	munmap(map, SIZE);
	destroy(&object);
}

/* Where did a store of 1 to the middle of the object end up? */
static void say_place(const uint8_t *map, char *cell)
{
	snprintf(cell, CELL, "%s", map[HALF] == 1 ? "ok, the right page" :
		 map[0] == 1 ? "the WRONG page" : "the store is LOST");
}

static void duplicate_placed(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);
	struct drm_gem_mmap_placed args = {
		.handle = object.handle,
		.flags = PLACED_RW,
		.length = SIZE,
		.range_end = PLACED_4G,
	};
	int ret = placed_map(column->fd, &args);

	if (ret) {
		say_error(cell, -ret);
	} else {
		((volatile uint8_t *)placed_ptr(args.addr))[HALF] = 1;
		if (args.addr + SIZE > PLACED_4G)
			die("0x%llx is not below 4 GiB", (unsigned long long)args.addr);
		snprintf(cell, CELL, "%s", map[HALF] == 1 ? "ok, the same pages" : "OTHER pages");
		munmap(placed_ptr(args.addr), SIZE);
	}
	munmap(map, SIZE);
	destroy(&object);
}

static void map_middle(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	volatile uint8_t *middle = try_map(&object, HALF, 0);
	uint8_t *map = map_whole(&object);

	if (middle == MAP_FAILED) {
		say_error(cell, errno);
	} else {
		middle[0] = 1;
		say_place(map, cell);
		munmap((void *)middle, HALF);
	}
	munmap(map, SIZE);
	destroy(&object);
}

/*
 * Drivers share the function that had this wrong, so that it comes out right for
 * the driver that knows nothing of us, too: that is not what it was then.
 */
static void split(const struct column *column, char *cell)
{
	struct object object = create(column, SIZE);
	uint8_t *map = map_whole(&object);
	volatile uint8_t *parts = map_whole(&object);

	if (mprotect((void *)parts, HALF, PROT_READ)) {
		say_error(cell, errno);
	} else {
		parts[HALF] = 1;
		say_place(map, cell);
		if (column->stock && map[HALF] == 1)
			snprintf(cell, CELL, "-");
	}
	munmap((void *)parts, SIZE);
	munmap(map, SIZE);
	destroy(&object);
}

static const struct {
	const char *call;
	void (*answer)(const struct column *column, char *cell);
	/* There was no such call. */
	bool new;
} rows[] = {
	{ "madvise MADV_POPULATE_WRITE", populate_write, false },
	{ "mmap MAP_POPULATE", map_populate, false },
	{ "madvise MADV_DONTNEED", dontneed, false },
	{ "madvise MADV_REMOVE", remove_pages, false },
	{ "mremap(p, 0, len) to below 4 GiB", duplicate, false },
	{ "  by DRM_IOCTL_GEM_MMAP_PLACED", duplicate_placed, true },
	{ "mmap from the middle of an object", map_middle, false },
	{ "store to the 2nd part of a split", split, false },
};

/* The table */

static void open_columns(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++) {
		struct column *column = &columns[i];
		struct object object;

		if (!column->driver)
			column->driver = placed_gpu();
		column->fd = placed_open(column->driver);
		if (column->fd < 0)
			die("no device of %s: run in scripts/guest", column->driver);
		column->missing = -try_create(column, PLACED_2M, &object);
		if (!column->missing)
			destroy(&object);
	}
}

static void print_row(unsigned int row)
{
	printf("  %-34s", rows[row].call);
	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++) {
		const struct column *column = &columns[i];
		char cell[CELL] = "-";

		if (!column->missing && !(column->stock && rows[row].new))
			rows[row].answer(column, cell);
		printf(i + 1 < ARRAY_SIZE(columns) ? " %-28s" : " %s\n", cell);
	}
	fflush(stdout);
}

static void print_table(void)
{
	char pages[32];

	printf("what Linux answers, then and now, for objects of %s pages\n",
	       grouped(PAGES, pages));
	printf("  %-34s", "");
	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++) {
		char title[CELL] = "then";

		if (!columns[i].stock)
			snprintf(title, CELL, "%s, %s", columns[i].driver, columns[i].what);
		printf(i + 1 < ARRAY_SIZE(columns) ? " %-28s" : " %s\n", title);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		print_row(i);
	printf("  then: on a driver that has opted in to nothing; -: not to be seen there\n");
}

/* Where the memory goes */

/* A line of /proc/meminfo, in MiB. */
static uint64_t meminfo(const char *key)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long kb = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			sscanf(line + strlen(key) + 1, "%llu", &kb);
	if (!file || !kb)
		die("no %s in /proc/meminfo", key);
	fclose(file);

	return (kb + 512) / 1024;
}

/*
 * What is freed stays with the processor that freed it for a while, up to an
 * eighth of the memory, and is not counted as free meanwhile. Have it give back
 * all but some hundred pages at once.
 */
static void count_all_that_is_free(void)
{
	FILE *file = fopen("/proc/sys/vm/percpu_pagelist_high_fraction", "w");

	if (!file || fprintf(file, "1000000") < 0 || fclose(file))
		die("cannot set percpu_pagelist_high_fraction: %s", strerror(errno));
}

static void print_memory(const struct object *object, const char *when, uint64_t expected)
{
	char own[32], unused[32], available[32];
	uint64_t bytes = present(object);

	printf("  %-34s %16s %16s %16s\n", when, grouped(bytes >> 20, own),
	       grouped(meminfo("MemFree"), unused), grouped(meminfo("MemAvailable"), available));
	fflush(stdout);
	if (bytes != expected)
		die("%s: the object has %llu bytes, not %llu", when,
		    (unsigned long long)bytes, (unsigned long long)expected);
}

/* The memory of an object of virtio-gpu's is free once the host has let go of it. */
static void wait_for_host(void)
{
	uint64_t before;

	do {
		before = meminfo("MemFree");
		usleep(100000);
	} while (meminfo("MemFree") != before);
}

static void follow_memory(const struct column *column)
{
	struct object object = create(column, LARGE);
	uint8_t *map = map_whole(&object);

	wait_for_host();
	printf("memory in MiB, and what of it a sparse object of 1 GiB has\n");
	printf("  %-34s %16s %16s %16s\n", "", "the object", "MemFree", "MemAvailable");
	print_memory(&object, "before", 0);
	if (madvise(map, LARGE, MADV_POPULATE_WRITE))
		die("cannot populate 1 GiB: %s", strerror(errno));
	print_memory(&object, "MADV_POPULATE_WRITE of all", LARGE);
	if (madvise(map, LARGE / 2, MADV_REMOVE))
		die("cannot discard half of it: %s", strerror(errno));
	print_memory(&object, "MADV_REMOVE of the first half", LARGE / 2);
	if (madvise(map, LARGE, MADV_REMOVE))
		die("cannot discard all of it: %s", strerror(errno));
	print_memory(&object, "MADV_REMOVE of all", 0);

	munmap(map, LARGE);
	destroy(&object);
}

int main(void)
{
	const struct column *sparse = &columns[ARRAY_SIZE(columns) - 1];

	count_all_that_is_free();
	open_columns();
	print_table();
	if (sparse->missing)
		die("there is no sparse object to map: %s", strerror(sparse->missing));
	follow_memory(sparse);

	return 0;
}
