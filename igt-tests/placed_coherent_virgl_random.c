// SPDX-License-Identifier: MIT

/**
 * TEST: placed coherent virgl random
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_COHERENT
 * Description: 20,000 random stores, loads and device copies, compared with plain memory.
 */

#include <time.h>

#include "placed_helpers.h"
#include "placed_virgl.h"

IGT_TEST_DESCRIPTION("Compares coherent buffers of virgl with a model in plain memory.");

#define BUFFERS 4
#define MAPPINGS 3
#define COHERENT DRM_GEM_MMAP_PLACED_COHERENT

/* PLACED_OPERATIONS and PLACED_SEED in the environment. */
static int operations = 20000;
static unsigned int seed;

struct mapping {
	uint8_t *ptr;
	uint64_t offset, length;
};

struct model {
	int fd, step;
	unsigned int seed;
	/* Objects, what they are to contain, and ways to get there; the first shows all. */
	struct virgl_buffer buffer[BUFFERS], spy;
	uint8_t *expected[BUFFERS], *spied;
	struct mapping mapping[BUFFERS][MAPPINGS];
	int stores, loads, copies, looks;
};

/* One page, a few, a chunk of 2 MiB and some, and two of which the last page is not whole. */
static const uint64_t sizes[BUFFERS] = {
	PLACED_PAGE, 37 * PLACED_PAGE, PLACED_2M + 3 * PLACED_PAGE, 2 * PLACED_2M - 100,
};

static uint64_t dice(struct model *m, uint64_t sides)
{
	return ((uint64_t)rand_r(&m->seed) << 16 ^ rand_r(&m->seed)) % sides;
}

static uint64_t pages(uint64_t size)
{
	return (size + PLACED_PAGE - 1) / PLACED_PAGE;
}

/* Most ranges are short, some cross pages, a few are long. */
static uint64_t random_length(struct model *m, uint64_t most)
{
	uint64_t length = dice(m, 10) ? dice(m, 3) ? 1 + dice(m, 16) : 1 + dice(m, 9000) :
			  1 + dice(m, most);

	return length < most ? length : most;
}

/* A random part of what a mapping shows of its buffer. */
static void random_part(struct model *m, const struct mapping *map, uint64_t size,
			uint64_t *at, uint64_t *length)
{
	uint64_t shown = map->length;

	if (map->offset + shown > size)
		shown = size - map->offset;
	*length = random_length(m, shown);
	*at = dice(m, shown - *length + 1);
}

static void compare(struct model *m, const uint8_t *found, int buffer, uint64_t at,
		    uint64_t length, const char *what)
{
	const uint8_t *expected = m->expected[buffer] + at;

	if (!memcmp(found, expected, length))
		return;
	igt_info("replay with PLACED_SEED=%u\n", seed);
	for (uint64_t i = 0; i < length; i++)
		igt_assert_f(found[i] == expected[i],
			     "step %d, %s buffer %d: %#x instead of %#x at %#llx of %#llx to %#llx\n",
			     m->step, what, buffer, found[i], expected[i],
			     (unsigned long long)(at + i), (unsigned long long)at,
			     (unsigned long long)(at + length));
	igt_assert_f(0, "step %d, %s buffer %d: a difference that went away\n", m->step, what,
		     buffer);
}

static void must(struct model *m, int ret, const char *what)
{
	igt_assert_f(!ret, "step %d, %s: %s: replay with PLACED_SEED=%u\n", m->step, what,
		     strerror(-ret), seed);
}

static void random_store(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	struct mapping *map = &m->mapping[buffer][dice(m, MAPPINGS)];
	uint64_t at, length;
	uint8_t value = dice(m, 256);

	random_part(m, map, sizes[buffer], &at, &length);
	for (uint64_t i = 0; i < length; i++)
		map->ptr[at + i] = m->expected[buffer][map->offset + at + i] = value + i % 251;
	m->stores++;
}

static void random_load(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	struct mapping *map = &m->mapping[buffer][dice(m, MAPPINGS)];
	uint64_t at, length;

	random_part(m, map, sizes[buffer], &at, &length);
	compare(m, map->ptr + at, buffer, map->offset + at, length, "loading from");
	m->loads++;
}

/* One to three copies in one operation, of which the kernel is told all buffers or none. */
static void random_copy(struct model *m)
{
	struct virgl_copy copies[3];
	uint32_t handles[6];
	int count = 1 + (dice(m, 4) ? 0 : dice(m, 3)), fence = -1;
	bool named = dice(m, 8), fenced = !dice(m, 4);

	for (int i = 0; i < count; i++) {
		int to = dice(m, BUFFERS), from = dice(m, BUFFERS);
		uint64_t most = sizes[to] < sizes[from] ? sizes[to] : sizes[from];
		uint64_t length = random_length(m, to == from ? most / 2 : most);
		uint64_t to_offset = dice(m, sizes[to] - length + 1);
		uint64_t from_offset = dice(m, sizes[from] - length + 1);

		/* In one buffer the ranges must not overlap. */
		if (to == from) {
			to_offset = dice(m, most / 2 - length + 1);
			from_offset = most / 2 + dice(m, most / 2 - length + 1);
		}
		copies[i] = (struct virgl_copy) {
			&m->buffer[to], to_offset, &m->buffer[from], from_offset, length,
		};
		memcpy(m->expected[to] + to_offset, m->expected[from] + from_offset, length);
		handles[2 * i] = m->buffer[to].handle;
		handles[2 * i + 1] = m->buffer[from].handle;
	}

	/* No buffer may be named twice. */
	for (int i = 0, n = named ? 2 * count : 0; ; i++) {
		if (i >= n) {
			must(m, virgl_submit(m->fd, copies, count, handles, n,
					     fenced ? &fence : NULL), "copy");
			break;
		}
		for (int j = i + 1; j < n; j++)
			if (handles[j] == handles[i])
				handles[j--] = handles[--n];
	}

	if (fenced && dice(m, 4))
		must(m, virgl_wait_fence(fence), "wait");
	else if (fenced)
		close(fence);
	m->copies++;
}

/*
 * What the device has of a buffer, by way of one that is not coherent. The
 * kernel is told what is looked at, or only to flush it before.
 */
static void look_at_device(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	uint64_t length = random_length(m, sizes[buffer]);
	uint64_t at = dice(m, sizes[buffer] - length + 1);
	struct virgl_copy look = { &m->spy, 0, &m->buffer[buffer], at, length };
	struct drm_gem_dirty dirty = {
		.handle = m->buffer[buffer].handle, .flags = DRM_GEM_DIRTY_FLUSH,
	};
	uint32_t handles[] = { m->spy.handle, m->buffer[buffer].handle };
	int count = 1 + dice(m, 2);

	if (count == 1)
		must(m, placed_ioctl(m->fd, DRM_IOCTL_GEM_DIRTY, &dirty), "flush");
	must(m, virgl_submit(m->fd, &look, 1, handles, count, NULL), "copy to look at");
	must(m, virgl_transfer(m->fd, &m->spy, false, 0, length), "transfer");
	must(m, virgl_wait(m->fd, m->spy.handle), "wait");
	compare(m, m->spied, buffer, at, length, "device's copy of");
	m->looks++;
}

static void random_flush(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	uint64_t first = dice(m, pages(sizes[buffer]));
	uint64_t count = dice(m, pages(sizes[buffer]) - first + 1);
	struct drm_gem_dirty_run runs[64];
	struct drm_gem_dirty dirty = {
		.handle = m->buffer[buffer].handle,
		.flags = 1 + dice(m, 7),
		.offset = first * PLACED_PAGE,
		.length = count * PLACED_PAGE,
		.runs = placed_addr(runs),
		.count = 64,
	};
	int ret = placed_ioctl(m->fd, DRM_IOCTL_GEM_DIRTY, &dirty);

	/* It may be more runs than there is room for. */
	if (ret != -ENOSPC || !(dirty.flags & DRM_GEM_DIRTY_QUERY))
		must(m, ret, "flush");
}

static void map_part(struct model *m, int buffer, struct mapping *map, uint64_t offset,
		     uint64_t length)
{
	struct drm_gem_mmap_placed args = {
		.handle = m->buffer[buffer].handle, .flags = PLACED_RW | COHERENT,
		.offset = offset, .length = length,
	};

	must(m, placed_map(m->fd, &args), "map");
	*map = (struct mapping) {
		.ptr = placed_ptr(args.addr), .offset = offset, .length = length,
	};
}

static void map_random_part(struct model *m, int buffer, struct mapping *map)
{
	uint64_t first = dice(m, pages(sizes[buffer]));
	uint64_t count = 1 + dice(m, pages(sizes[buffer]) - first);

	map_part(m, buffer, map, first * PLACED_PAGE, count * PLACED_PAGE);
}

static void random_remap(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	struct mapping *map = &m->mapping[buffer][1 + dice(m, MAPPINGS - 1)];

	placed_unmap(map->ptr, map->length);
	map_random_part(m, buffer, map);
}

/* Splits a mapping, and joins it again some day. */
static void random_protect(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	struct mapping *map = &m->mapping[buffer][dice(m, MAPPINGS)];
	uint8_t *page = map->ptr + dice(m, map->length / PLACED_PAGE) * PLACED_PAGE;

	igt_assert_eq(mprotect(page, PLACED_PAGE, PROT_READ), 0);
	random_load(m);
	igt_assert_eq(mprotect(page, PLACED_PAGE, PROT_READ | PROT_WRITE), 0);
}

/* From the host, explicitly: changes nothing. */
static void random_transfer(struct model *m)
{
	int buffer = dice(m, BUFFERS);
	uint64_t length = random_length(m, sizes[buffer]);

	must(m, virgl_transfer(m->fd, &m->buffer[buffer], false,
			       dice(m, sizes[buffer] - length + 1), length), "transfer");
	must(m, virgl_wait(m->fd, m->buffer[buffer].handle), "wait");
}

static void setup(struct model *m)
{
	for (int i = 0; i < BUFFERS; i++) {
		must(m, virgl_create(m->fd, sizes[i], &m->buffer[i]), "create");
		map_part(m, i, &m->mapping[i][0], 0, pages(sizes[i]) * PLACED_PAGE);
		for (int j = 1; j < MAPPINGS; j++)
			map_random_part(m, i, &m->mapping[i][j]);
		m->expected[i] = calloc(1, sizes[i]);
		igt_assert(m->expected[i]);
		memset(m->mapping[i][0].ptr, 0, sizes[i]);
	}

	must(m, virgl_create(m->fd, 2 * PLACED_2M, &m->spy), "create");
	m->spied = placed_plain_map(m->fd, m->spy.handle, m->spy.size);
}

static void cleanup(struct model *m)
{
	for (int i = 0; i < BUFFERS; i++) {
		for (int j = 0; j < MAPPINGS; j++)
			placed_unmap(m->mapping[i][j].ptr, m->mapping[i][j].length);
		free(m->expected[i]);
		must(m, placed_close_handle(m->fd, m->buffer[i].handle), "close");
	}
	placed_unmap(m->spied, m->spy.size);
	must(m, placed_close_handle(m->fd, m->spy.handle), "close");
}

/**
 * SUBTEST: model
 * Description: Loads and the device find what plain memory would have.
 */
static void model(int fd)
{
	struct model m = { .fd = fd, .seed = seed };

	igt_info("PLACED_SEED=%u PLACED_OPERATIONS=%d\n", seed, operations);
	setup(&m);

	for (m.step = 0; m.step < operations; m.step++) {
		switch (dice(&m, 100)) {
		case 0 ... 54:
			random_store(&m);
			break;
		case 55 ... 69:
			random_copy(&m);
			break;
		case 70 ... 83:
			random_load(&m);
			break;
		case 84 ... 91:
			look_at_device(&m);
			break;
		case 92 ... 94:
			random_flush(&m);
			break;
		case 95 ... 96:
			random_remap(&m);
			break;
		case 97 ... 98:
			random_protect(&m);
			break;
		default:
			random_transfer(&m);
		}
		if (m.step % 500 == 499)
			for (int i = 0; i < BUFFERS; i++)
				compare(&m, m.mapping[i][0].ptr, i, 0, sizes[i], "all of");
	}

	for (int i = 0; i < BUFFERS; i++)
		compare(&m, m.mapping[i][0].ptr, i, 0, sizes[i], "in the end, all of");
	igt_assert(m.stores && m.loads && m.copies && m.looks);
	igt_info("%d stores, %d loads, %d copies, %d looks at the device\n", m.stores, m.loads,
		 m.copies, m.looks);
	cleanup(&m);
}

igt_main
{
	static int fd;

	igt_fixture {
		const char *asked = getenv("PLACED_OPERATIONS"), *again = getenv("PLACED_SEED");

		if (asked)
			operations = atoi(asked);
		igt_assert(operations >= 1000);
		seed = again ? strtoul(again, NULL, 0) : (unsigned int)time(NULL);

		fd = virgl_open();
		placed_require_that(fd >= 0, "gl");
	}

	igt_describe("Random stores, loads and copies against a model");
	igt_subtest("model")
		model(fd);
}
