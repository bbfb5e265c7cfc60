// SPDX-License-Identifier: MIT

/**
 * TEST: placed pool
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_SPARSE, DRM_GEM_SPARSE_POOL
 * Description: What is to be seen of sparse objects whose memory is the device's: what a touch
 *	brings, that the memory is used up and comes back, that nobody sees what others had in it,
 *	and that the host shows it. What all sparse objects do is in placed_sparse and
 *	placed_populate.
 */

#include <pthread.h>

#include <drm_fourcc.h>
#include <virtgpu_drm.h>

#include "placed_kms.h"
#include "placed_sparse.h"

IGT_TEST_DESCRIPTION("Uses, and uses up, the memory of virtio-gpu's pool.");

#define GIB (1ull << 30)

#define RW (PROT_READ | PROT_WRITE)

/* A pool of more than that is not used up: it is the host's memory. */
#define MOST_PAGES (256 * MIB / PLACED_PAGE)

/* Pages of the pool, or 0 if they are more. */
static uint64_t pool_pages;

static const struct kind *pool_kind(void)
{
	int k = 0;

	while (!(kinds[k].is & KIND_POOL))
		k++;
	return &kinds[k];
}

static struct object make_pool(int fd, uint64_t pages)
{
	return make_object(fd, pool_kind(), pages);
}

/* The sum of the objects of a file, in pages, without looking at each. */
static uint64_t present_in(const struct object *objects, int count)
{
	uint64_t pages = 0;

	for (int i = 0; i < count; i++)
		pages += present_pages(&objects[i]);
	return pages;
}

/* Of a part of an object, which has not many holes. */
static uint64_t present_between(const struct object *o, uint64_t first, uint64_t pages)
{
	struct drm_gem_sparse_run runs[16];
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY, .handle = o->handle, .count = 16,
		.offset = first * PLACED_PAGE, .length = pages * PLACED_PAGE,
		.runs = placed_addr(runs),
	};

	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	return args.present / PLACED_PAGE;
}

/* Populate up to so many pages, as far as there is memory. Returns how many there are. */
static uint64_t populate_most(const struct object *o, uint64_t most)
{
	const uint64_t step = MIB / PLACED_PAGE;
	uint64_t page = 0;

	while (page < most && !populate_object(o, page, step))
		page += step;
	return present_pages(o);
}

/*
 * All of the pool can be had, and no more. The memory of objects that were destroyed
 * comes back when the device has answered, which nobody waits for.
 */
static void check_all_free(int fd)
{
	double end = seconds_now() + 20;
	uint64_t pages;

	if (!pool_pages)
		return;
	do {
		struct object o = make_pool(fd, pool_pages + PAGES_2M);

		pages = populate_object(&o, 0, 0) == -ENOMEM ? present_pages(&o) : 0;
		igt_assert_eq(discard_object(&o, 0, 0), 0);
		destroy_object(&o);
	} while (pages != pool_pages && seconds_now() < end);
	igt_assert_eq_u64(pages, pool_pages);
}

static void require_small_pool(void)
{
	igt_require_f(pool_pages, "the pool is not to be used up: see pool-limit\n");
}

/* Pages are filled, so that nothing that others had in them can hide. */

static void fill_pages(uint8_t *map, uint64_t first, uint64_t pages, uint32_t seed)
{
	for (uint64_t page = first; page < first + pages; page++) {
		uint32_t *words = (uint32_t *)page_at(map, page);

		for (unsigned int i = 0; i < PLACED_PAGE / 4; i++)
			words[i] = page_value(page, seed) + i;
	}
}

static bool is_filled(uint8_t *map, uint64_t page, uint32_t seed)
{
	uint32_t *words = (uint32_t *)page_at(map, page);

	for (unsigned int i = 0; i < PLACED_PAGE / 4; i++)
		if (words[i] != page_value(page, seed) + i)
			return false;
	return true;
}

static void check_filled(uint8_t *map, uint64_t first, uint64_t pages, uint32_t seed)
{
	for (uint64_t page = first; page < first + pages; page++)
		igt_assert_f(is_filled(map, page, seed), "page %llu is not what was stored\n",
			     (unsigned long long)page);
}

/* Memory */

/**
 * SUBTEST: sizes
 * Description: Objects of more than 8 and of 64 GiB, whatever the pool has: memory in places.
 */
static void sizes(int fd)
{
	static const uint64_t bytes[] = { 8 * GIB + PLACED_PAGE, 64 * GIB };
	static const uint64_t gibs[] = { 0, 1, 3, 4, 7, 31, 63 };
	const uint64_t window = 600;

	for (int i = 0; i < 2; i++) {
		struct object o = make_pool(fd, bytes[i] / PLACED_PAGE);
		uint64_t pages = o.size / PLACED_PAGE, present = 0;
		uint8_t *map;

		igt_assert_eq_u64(present_pages(&o), 0);
		for (int j = 0; j < 7 && gibs[j] * GIB < bytes[i]; j++) {
			uint64_t first = gibs[j] * GIB / PLACED_PAGE + 2 * PAGES_2M - 100;

			map = map_object(&o, NULL, first, window, RW);
			igt_assert_eq(advise(map, 50, 100, MADV_POPULATE_WRITE), 0);
			present += 100;
			igt_assert_eq_u64(present_pages(&o), present);
			check_zero(map, 50, 100);
			fill_pages(map, 50, 100, i * 10 + j);
			placed_unmap(map, window * PLACED_PAGE);
		}

		/* The end, which 2 MiB do not divide in the first. */
		map = map_object(&o, NULL, pages - 1, 1, RW);
		fill_pages(map, 0, 1, 77);
		present += (pages - 1) % PAGES_2M + 1;
		igt_assert_eq_u64(present_pages(&o), present);
		check_filled(map, 0, 1, 77);
		placed_unmap(map, PLACED_PAGE);

		for (int j = 0; j < 7 && gibs[j] * GIB < bytes[i]; j++) {
			uint64_t first = gibs[j] * GIB / PLACED_PAGE + 2 * PAGES_2M - 100;

			map = map_object(&o, NULL, first, window, RW);
			check_filled(map, 50, 100, i * 10 + j);
			igt_assert_eq(discard_object(&o, first + 60, 10), 0);
			check_filled(map, 50, 10, i * 10 + j);
			check_filled(map, 70, 80, i * 10 + j);
			check_zero(map, 60, 10);
			placed_unmap(map, window * PLACED_PAGE);
		}
		igt_assert_eq(discard_object(&o, 0, 0), 0);
		igt_assert_eq_u64(present_pages(&o), 0);
		destroy_object(&o);
	}
}

/* Bytes of an object, the only one of its size, that have memory in blocks of 2 MiB. */
static uint64_t huge_bytes(const struct object *o)
{
	unsigned long long size, huge, found = ~0ull;
	char path[64], line[128];
	FILE *f;

	igt_assert(placed_debugfs("virtio_gpu", "placed_sparse", path, sizeof(path)));
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x %llx %*x %llx", &size, &huge) == 2 && size == o->size)
			found = huge;
	fclose(f);
	igt_assert(found != ~0ull);
	return found;
}

/**
 * SUBTEST: touch
 * Description: The first touch of 2 MiB brings all of them by one fault, as far as the object
 *	goes, also where the mapping is of a part; where some has memory, a touch brings a page.
 */
static void touch(int fd)
{
	const uint64_t pages = 8 * PAGES_2M + 37;
	struct object o = make_pool(fd, pages);
	uint8_t *map = map_all(&o), *part;

	/* By loads and by stores. */
	igt_assert_eq(READ_FAULTS(map, 5, 1), 1);
	igt_assert_eq_u64(present_pages(&o), PAGES_2M);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES_2M), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, PAGES_2M), 0);
	igt_assert_eq(WRITE_FAULTS(map, 2 * PAGES_2M - 1, 1), 1);
	igt_assert_eq(WRITE_FAULTS(map, 0, 4 * PAGES_2M), 2);
	igt_assert_eq_u64(present_pages(&o), 4 * PAGES_2M);
	igt_assert_eq_u64(huge_bytes(&o), 4 * PLACED_2M);
	check_zero(map, 0, 4 * PAGES_2M);

	/* Others need a fault for each, and no memory. */
	part = map_all(&o);
	igt_assert_eq(READ_FAULTS(part, 0, 4 * PAGES_2M), 4);
	igt_assert_eq_u64(present_pages(&o), 4 * PAGES_2M);
	placed_unmap(part, o.size);

	/* The last 37 pages, 64 KiB by a fault. */
	igt_assert_eq(READ_FAULTS(map, pages - 1, 1), 1);
	igt_assert_eq_u64(present_pages(&o), 4 * PAGES_2M + 37);
	igt_assert_eq(READ_FAULTS(map, 8 * PAGES_2M, 37), 2);
	check_zero(map, 8 * PAGES_2M, 37);

	/* A page that is there keeps touches from bringing more than theirs. */
	igt_assert_eq(populate_object(&o, 5 * PAGES_2M + 100, 1), 0);
	for (int i = 1; i <= 5; i++) {
		fill_pages(map, 5 * PAGES_2M + 100 + i * 50, 1, 1);
		igt_assert_eq_u64(present_pages(&o), 4 * PAGES_2M + 37 + 1 + i);
	}

	/* A mapping that begins and ends in the middle brings all, too. */
	part = map_object(&o, NULL, 6 * PAGES_2M + 200, 10, RW);
	igt_assert_eq(discard_object(&o, 0, 6 * PAGES_2M), 0);
	igt_assert_eq_u64(present_pages(&o), 37);
	igt_assert_eq(WRITE_FAULTS(part, 0, 1), 1);
	igt_assert_eq_u64(present_pages(&o), PAGES_2M + 37);
	fill_pages(part, 0, 10, 2);
	for (int i = 0; i < 10; i++)
		igt_assert(!memcmp(page_at(map, 6 * PAGES_2M + 200 + i), page_at(part, i),
				   PLACED_PAGE));
	placed_unmap(part, 10 * PLACED_PAGE);

	/* Addresses that no huge entry can map. */
	part = reserve(3 * PAGES_2M);
	map_object(&o, page_at(part, 3), 0, 2 * PAGES_2M, RW);
	/* 64 KiB of the object by a fault, but those that two page tables have need two. */
	igt_assert_eq(READ_FAULTS(part, 3, 2 * PAGES_2M), 2 * (PAGES_2M / 16 + 1));
	igt_assert_eq_u64(present_pages(&o), 3 * PAGES_2M + 37);
	fill_pages(page_at(part, 3), 0, 2 * PAGES_2M, 3);
	check_filled(map, 0, 2 * PAGES_2M, 3);
	placed_unmap(part, 3 * PLACED_2M);
	placed_unmap(map, o.size);
	destroy_object(&o);
}

enum { POPULATE_POOL = 0x406, DISCARD_POOL = 0x407 };

/**
 * SUBTEST: populate
 * Description: A range is populated, and discarded, by one command, and mapped by huge entries.
 */
static void populate(int fd)
{
	const uint64_t pages = 10 * PAGES_2M;
	struct object o = make_pool(fd, 4 * GIB / PLACED_PAGE);
	uint8_t *map = map_object(&o, NULL, 0, pages, RW);

	for (int way = 0; way < 4; way++) {
		struct trace trace;

		trace_start();
		if (way < 2)
			igt_assert_eq(advise(map, 0, pages, way ? MADV_POPULATE_READ :
					     MADV_POPULATE_WRITE), 0);
		else if (way == 2)
			igt_assert_eq(populate_object(&o, 0, pages), 0);
		else
			map_object(&o, map, 0, pages, RW);
		trace = trace_read();
		igt_assert_eq(trace_commands(&trace, POPULATE_POOL), way < 3);

		if (way == 2)
			igt_assert_eq(READ_FAULTS(map, 0, pages), 10);
		if (way == 3)
			igt_assert_eq(READ_FAULTS(map, 0, pages), 10);
		igt_assert_eq(WRITE_FAULTS(map, 0, pages), 0);
		igt_assert_eq_u64(present_pages(&o), pages);
		igt_assert_eq_u64(huge_bytes(&o), pages * PLACED_PAGE);
		check_zero(map, 0, pages);
		fill_pages(map, 0, pages, way);

		/* A hole, and what fills it, leave the rest alone. */
		igt_assert_eq(advise(map, PAGES_2M + 5, 1, MADV_REMOVE), 0);
		igt_assert_eq_u64(huge_bytes(&o), (pages - PAGES_2M) * PLACED_PAGE);
		igt_assert_eq(READ_FAULTS(map, 2 * PAGES_2M, 8 * PAGES_2M), 0);
		trace_start();
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_WRITE), 0);
		trace = trace_read();
		igt_assert_eq(trace_commands(&trace, POPULATE_POOL), 1);
		igt_assert_eq(WRITE_FAULTS(map, 0, pages), 0);
		check_filled(map, 0, PAGES_2M + 5, way);
		check_zero(map, PAGES_2M + 5, 1);
		check_filled(map, PAGES_2M + 6, pages - PAGES_2M - 6, way);

		trace_start();
		igt_assert_eq(advise(map, 0, pages, MADV_DONTNEED), 0);
		trace = trace_read();
		igt_assert_eq(trace_commands(&trace, DISCARD_POOL), 0);
		check_filled(map, 0, PAGES_2M + 5, way);
		trace_start();
		if (way % 2)
			igt_assert_eq(discard_object(&o, 0, pages), 0);
		else
			igt_assert_eq(advise(map, 0, pages, MADV_REMOVE), 0);
		trace = trace_read();
		igt_assert_eq(trace_commands(&trace, DISCARD_POOL), 1);
		igt_assert_eq_u64(present_pages(&o), 0);
		/* The last way maps what is there. */
		if (way == 2)
			igt_assert_eq(populate_object(&o, 0, pages), 0);
	}
	placed_unmap(map, pages * PLACED_PAGE);
	destroy_object(&o);
}

/* What others had */

static void populate_all_ways(const struct object *o, uint8_t *map, uint64_t pages, int way)
{
	switch (way % 4) {
	case 0:
		igt_assert_eq(populate_object(o, 0, pages), 0);
		break;
	case 1:
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_READ), 0);
		break;
	case 2:
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_WRITE), 0);
		break;
	}
}

/**
 * SUBTEST: zero
 * Description: Memory that was filled and given back, in every way, is zero for who gets it next.
 */
static void zero(int fd)
{
	enum { DISCARD, REMOVE, DESTROY, EXIT, ENDS };
	uint64_t pages;

	require_small_pool();
	/* All of it, so that it is the same, and nobody has had it in between. */
	pages = pool_pages;
	for (int i = 0; i <= 2 * ENDS; i++) {
		struct object o = make_pool(fd, pages);
		uint8_t *map = map_all(&o);

		populate_all_ways(&o, map, pages, i + i / ENDS);
		check_zero(map, 0, pages);
		igt_assert_eq_u64(present_pages(&o), pages);
		fill_pages(map, 0, pages, i);
		switch (i % ENDS) {
		case DISCARD:
			/* In pieces that are no blocks. */
			for (uint64_t page = 0; page < pages; page += 300)
				igt_assert_eq(discard_object(&o, page, page + 300 > pages ?
							     pages - page : 300), 0);
			break;
		case REMOVE:
			igt_assert_eq(advise(map, 0, pages, MADV_REMOVE), 0);
			break;
		}
		/* Where it has memory again, that has nothing of what was. */
		if (i % ENDS < DESTROY) {
			check_zero(map, 0, pages);
			fill_pages(map, 0, pages, i + 50);
		}
		placed_unmap(map, o.size);
		destroy_object(&o);
		if (i % ENDS != EXIT)
			continue;

		igt_fork(child, 1) {
			int other = placed_open("virtio_gpu");

			o = make_pool(other, pages);
			map = map_all(&o);
			check_zero(map, 0, pages);
			fill_pages(map, 0, pages, i + 100);
		}
		igt_waitchildren();
	}
}

/* Objects of a process, and what it knows of them. */

#define MODEL_OBJECTS 4
#define MODEL_PAGES (3 * PAGES_2M + 100)

struct model {
	struct object objects[MODEL_OBJECTS];
	uint8_t *maps[MODEL_OBJECTS];
	/* What each page was filled with; 0: it is zero, if it is there. */
	uint32_t seeds[MODEL_OBJECTS][MODEL_PAGES];
	unsigned int seed;
	uint32_t next;
	int done, refused;
};

static void model_make(struct model *m, int fd, int i)
{
	m->objects[i] = make_pool(fd, MODEL_PAGES);
	m->maps[i] = map_all(&m->objects[i]);
	memset(m->seeds[i], 0, sizeof(m->seeds[i]));
}

static void model_end(struct model *m, int i)
{
	placed_unmap(m->maps[i], m->objects[i].size);
	destroy_object(&m->objects[i]);
}

/* Of pages that are there. */
static void model_check(struct model *m, int i, uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++) {
		if (m->seeds[i][page])
			igt_assert_f(is_filled(m->maps[i], page, m->seeds[i][page]),
				     "page %llu is not what was stored: it has %#x\n",
				     (unsigned long long)page,
				     *(uint32_t *)page_at(m->maps[i], page));
		else
			check_zero(m->maps[i], page, 1);
	}
}

static void model_discard(struct model *m, int i, uint64_t first, uint64_t pages, bool by_ioctl)
{
	if (by_ioctl)
		igt_assert_eq(discard_object(&m->objects[i], first, pages), 0);
	else
		igt_assert_eq(advise(m->maps[i], first, pages, MADV_REMOVE), 0);
	memset(&m->seeds[i][first], 0, pages * sizeof(m->seeds[i][0]));
}

static void model_step(struct model *m, int fd)
{
	int i = rand_r(&m->seed) % MODEL_OBJECTS, op = rand_r(&m->seed) % 16, ret;
	uint64_t first = rand_r(&m->seed) % MODEL_PAGES, pages = 1, look;

	/* Short ranges, and some of several blocks. */
	pages += rand_r(&m->seed) % (op % 4 ? 24 : MODEL_PAGES);
	if (pages > MODEL_PAGES - first)
		pages = MODEL_PAGES - first;

	if (op == 0) {
		model_end(m, i);
		model_make(m, fd, i);
		return;
	}
	if (op < 4) {
		model_discard(m, i, first, pages, op == 1);
		return;
	}

	ret = op < 8 ? populate_object(&m->objects[i], first, pages) :
	      advise(m->maps[i], first, pages, op < 12 ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	if (ret == -ENOMEM) {
		/* Make room. What the others have is theirs to keep. */
		m->refused++;
		i = rand_r(&m->seed) % MODEL_OBJECTS;
		model_discard(m, i, 0, MODEL_PAGES, ret % 2);
		return;
	}
	igt_assert_eq(ret, 0);
	m->done++;
	look = pages < 24 ? pages : 24;
	model_check(m, i, first, look);
	/* Next time it has something else. */
	fill_pages(m->maps[i], first, look, ++m->next);
	for (uint64_t page = first; page < first + look; page++)
		m->seeds[i][page] = m->next;
}

/**
 * SUBTEST: strangers
 * Description: Processes populate, store, discard, and destroy objects at random, more of them than
 *	there is memory: each finds zeros, or what it stored itself.
 */
static void strangers(int fd)
{
	const int rounds = placed_rounds(400);
	struct object rest;

	require_small_pool();
	/* Leave less than they would have without each other. */
	rest = make_pool(fd, pool_pages - 16 * PAGES_2M - 5);
	igt_assert_eq(populate_object(&rest, 0, 0), 0);
	igt_fork(child, 4) {
		struct model *m = calloc(1, sizeof(*m));
		int mine = placed_open("virtio_gpu");

		igt_assert(m && mine >= 0);
		m->seed = child + 1;
		/* No two of them ever store the same. */
		m->next = child << 24;
		for (int i = 0; i < MODEL_OBJECTS; i++)
			model_make(m, mine, i);
		for (int round = 0; round < rounds; round++)
			model_step(m, mine);
		igt_info("%d populated, %d refused\n", m->done, m->refused);
		igt_assert_lt_u64(rounds / 8, m->done);
		for (int i = 0; i < MODEL_OBJECTS; i++)
			model_end(m, i);
	}
	igt_waitchildren();
	destroy_object(&rest);
}

/* All of it */

enum { BY_IOCTL, BY_WRITE, BY_READ, BY_TOUCH, BY_WAYS };

/* Populate all of an object that is larger than what is left. */
static void use_up(const struct object *o, uint8_t *map, struct servant *servant, int way)
{
	const uint64_t pages = o->size / PLACED_PAGE;
	int64_t touched;

	switch (way) {
	case BY_IOCTL:
		igt_assert_eq(populate_object(o, 0, 0), -ENOMEM);
		break;
	case BY_WRITE:
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_WRITE), -ENOMEM);
		break;
	case BY_READ:
		igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_READ), -ENOMEM);
		break;
	case BY_TOUCH:
		/* Up to the SIGBUS. */
		touched = servant_do(servant, servant_store, placed_addr(map), pages, 99);
		igt_assert_eq_u64(touched, present_pages(o));
		break;
	}
}

/**
 * SUBTEST: used-up
 * Description: Without memory, calls that populate are ENOMEM and accesses SIGBUS; what was there
 *	stays, what is given back can be had by others, page by page, and all goes on.
 */
static void used_up(int fd)
{
	enum { KEPT, LARGE, LATE, OBJECTS };
	struct placed_counts counts;

	require_small_pool();
	counts = placed_count(fd);
	for (int way = 0; way < BY_WAYS; way++) {
		struct object o[OBJECTS] = {
			make_pool(fd, 300), make_pool(fd, pool_pages + PAGES_2M + 9),
			make_pool(fd, 2 * PAGES_2M),
		};
		uint8_t *maps[OBJECTS] = {
			map_all(&o[KEPT]), map_all(&o[LARGE]), map_all(&o[LATE]),
		};
		struct drm_gem_mmap_placed args = {
			.handle = o[LATE].handle,
			.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_POPULATE, .length = o[LATE].size,
		};
		struct servant *servant = servant_start();
		uint64_t late = placed_addr(maps[LATE]), large;
		uint8_t *more;

		fill_pages(maps[KEPT], 0, 300, 1);
		igt_assert_eq_u64(present_pages(&o[KEPT]), 300);
		use_up(&o[LARGE], maps[LARGE], servant, way);
		large = pool_pages - 300;
		igt_assert_eq_u64(present_pages(&o[LARGE]), large);

		/* No more, for nobody. */
		igt_assert_eq(populate_object(&o[LATE], 0, 1), -ENOMEM);
		igt_assert_eq(advise(maps[LATE], 0, 2 * PAGES_2M, MADV_POPULATE_WRITE), -ENOMEM);
		igt_assert_eq(advise(maps[LATE], 5, 1, MADV_POPULATE_READ), -ENOMEM);
		igt_assert_eq(mlock(maps[LATE], PLACED_2M) ? errno : 0, EAGAIN);
		igt_assert_eq(servant_do(servant, servant_store, late, 1, 1), 0);
		igt_assert_eq(servant_do(servant, servant_store, late + PLACED_2M, 1, 1), 0);
		igt_assert_eq_u64(present_pages(&o[LATE]), 0);
		more = mmap_object(&o[LATE], NULL, 0, 2 * PAGES_2M, RW, MAP_POPULATE);
		igt_assert(more != MAP_FAILED);
		placed_unmap(more, o[LATE].size);
		placed_unmap(placed_must_map(fd, args), o[LATE].size);

		/* What is there is as it was. */
		check_filled(maps[KEPT], 0, 300, 1);
		if (way != BY_TOUCH)
			check_zero(maps[LARGE], 0, large);
		fill_pages(maps[LARGE], 0, large, 2);
		igt_assert_eq(populate_object(&o[KEPT], 0, 0), 0);
		igt_assert_eq(populate_object(&o[LARGE], 0, large), 0);

		/* Pages, where there is no block. */
		igt_assert_eq(discard_object(&o[LARGE], 1000, 2), 0);
		igt_assert_eq(advise(maps[LARGE], 1500, 1, MADV_REMOVE), 0);
		igt_assert_eq(servant_do(servant, servant_store, late, 10, 1), 3);
		igt_assert_eq_u64(present_pages(&o[LATE]), 3);
		check_stored(maps[LATE], 0, 3, 1);
		igt_assert_eq_u64(present_in(o, OBJECTS), pool_pages);
		igt_assert_eq(servant_do(servant, servant_store, late + PLACED_2M, 1, 1), 0);

		/* Blocks again. */
		igt_assert_eq(discard_object(&o[LATE], 0, 0), 0);
		igt_assert_eq(discard_object(&o[LARGE], 0, 4 * PAGES_2M), 0);
		igt_assert_eq(servant_do(servant, servant_store, late, 2 * PAGES_2M, 5),
			      2 * PAGES_2M);
		check_stored(maps[LATE], 0, 2 * PAGES_2M, 5);
		check_filled(maps[KEPT], 0, 300, 1);
		check_filled(maps[LARGE], 4 * PAGES_2M, large - 4 * PAGES_2M, 2);

		/* Who dies for it takes nothing along that others have. */
		igt_assert_eq(advise(maps[LARGE], 0, 4 * PAGES_2M, MADV_POPULATE_WRITE),
			      -ENOMEM);
		servant_kill(servant);
		check_filled(maps[KEPT], 0, 300, 1);
		for (int i = 0; i < OBJECTS; i++) {
			placed_unmap(maps[i], o[i].size);
			destroy_object(&o[i]);
		}
		check_all_free(fd);
	}
	placed_assert_same_counts(fd, counts);
}

/**
 * SUBTEST: comes-back
 * Description: What is discarded, or was an object's that is gone, can be had at once, and as often
 *	as one likes.
 */
static void comes_back(int fd)
{
	struct object big, other;
	uint8_t *map;

	require_small_pool();
	big = make_pool(fd, pool_pages);
	for (int i = 0; i < 10; i++) {
		igt_assert_eq(populate_object(&big, 0, 0), 0);
		igt_assert_eq(discard_object(&big, 0, 0), 0);
	}
	destroy_object(&big);
	for (int i = 0; i < 10; i++) {
		big = make_pool(fd, pool_pages);
		igt_assert_eq(populate_object(&big, 0, 0), 0);
		destroy_object(&big);
	}

	/* By one that was there already, in every way. */
	other = make_pool(fd, pool_pages);
	map = map_all(&other);
	for (int i = 0; i < 16; i++) {
		big = make_pool(fd, pool_pages);
		igt_assert_eq(populate_object(&big, 0, 0), 0);
		destroy_object(&big);
		if (i % 4 == 3)
			fill_pages(map, pool_pages / 2, 1, i);
		else
			populate_all_ways(&other, map, pool_pages, i);
		igt_assert_eq(discard_object(&other, 0, 0), 0);
	}
	placed_unmap(map, other.size);
	destroy_object(&other);
}

/* Until somebody ends it. All may be refused, for there may be others. */
static void use_forever(int fd, unsigned int seed, int tell)
{
	struct object shared = make_pool(fd, 64 * GIB / PLACED_PAGE);
	uint8_t *map = map_object(&shared, NULL, 0, pool_pages, RW);

	for (int i = 0;; i++) {
		uint64_t first = rand_r(&seed) % pool_pages;
		uint64_t pages = 1 + rand_r(&seed) % (pool_pages - first);
		int ret;

		switch (rand_r(&seed) % 6) {
		case 0:
			ret = populate_object(&shared, first, 0);
			break;
		case 1:
			ret = advise(map, first, pages, MADV_POPULATE_READ);
			break;
		case 2:
			ret = advise(map, first, pages, MADV_POPULATE_WRITE);
			break;
		case 3:
			ret = advise(map, first, pages, MADV_REMOVE);
			break;
		case 4:
			ret = discard_object(&shared, first, pages);
			break;
		default: {
			struct object o = make_pool(fd, pages);

			ret = populate_object(&o, 0, 0);
			destroy_object(&o);
		}
		}
		if (ret && ret != -ENOMEM)
			_exit(1);
		if (i == 2 && write(tell, "", 1) != 1)
			_exit(2);
	}
}

/**
 * SUBTEST: killed
 * Description: Processes that are killed while they populate and discard leave nothing behind.
 */
static void killed(int fd)
{
	const int rounds = placed_rounds(15);
	struct placed_counts counts;
	struct object o;
	uint8_t *map;

	require_small_pool();
	o = make_pool(fd, 700);
	map = map_all(&o);
	fill_pages(map, 0, 700, 4);
	counts = placed_count(fd);
	for (int round = 0; round < rounds; round++) {
		struct timespec moment = { 0, rand() % 40000000 };
		pid_t pids[2];
		int ready[2], status;
		char bytes[2];

		igt_assert_eq(pipe(ready), 0);
		for (int i = 0; i < 2; i++) {
			pids[i] = start_child();
			if (!pids[i])
				use_forever(placed_open("virtio_gpu"), round * 2 + i, ready[1]);
		}
		close(ready[1]);
		igt_assert_eq(read(ready[0], bytes, 1), 1);
		nanosleep(&moment, NULL);
		for (int i = 0; i < 2; i++) {
			status = end_child(pids[i], SIGKILL);
			igt_assert_f(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
				     "status %#x\n", status);
		}
		close(ready[0]);
		check_filled(map, 0, 700, 4);
	}
	placed_unmap(map, o.size);
	igt_assert_eq(discard_object(&o, 0, 0), 0);
	check_all_free(fd);
	counts.maps--;
	counts.references--;
	placed_assert_same_counts(fd, counts);
	destroy_object(&o);
}

/* Coherency */

/**
 * SUBTEST: native
 * Description: Objects of the pool are coherent by nature: accepted, and nothing is ever dirty.
 */
static void native(int fd)
{
	struct object o = make_pool(fd, 3 * PAGES_2M);
	struct drm_gem_coherent coherent = {
		.handle = o.handle,
		.flags = DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE,
		.state = ~0u,
	};
	struct drm_gem_dirty dirty = {
		.handle = o.handle,
		.flags = DRM_GEM_DIRTY_QUERY | DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
		.count = 7, .pages = 7,
	};
	struct drm_gem_mmap_placed args = {
		.handle = o.handle, .length = o.size,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT | DRM_GEM_MMAP_PLACED_POPULATE,
	};
	uint8_t *map;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_COHERENT, &coherent), 0);
	igt_assert_eq(coherent.state, DRM_GEM_COHERENT_NATIVE);
	map = placed_must_map(fd, args);
	igt_assert_eq_u64(present_pages(&o), 3 * PAGES_2M);
	igt_assert_eq(WRITE_FAULTS(map, 0, 3 * PAGES_2M), 0);
	check_zero(map, 0, 3 * PAGES_2M);
	fill_pages(map, 0, 3 * PAGES_2M, 1);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &dirty), 0);
	igt_assert_eq(dirty.count, 0);
	igt_assert_eq_u64(dirty.pages, 0);
	check_filled(map, 0, 3 * PAGES_2M, 1);

	/* Of a part, and without having asked before. */
	placed_unmap(map, o.size);
	igt_assert_eq(discard_object(&o, 0, 0), 0);
	args.offset = 100 * PLACED_PAGE;
	args.length = 900 * PLACED_PAGE;
	map = placed_must_map(fd, args);
	igt_assert_eq_u64(present_pages(&o), 900);
	igt_assert_eq(READ_FAULTS(map, 0, 900), 0);
	placed_unmap(map, args.length);
	destroy_object(&o);
}

/**
 * SUBTEST: transfers
 * Description: Transfers by the program do nothing to sparse objects, whatever they ask for.
 */
static void transfers(int fd)
{
	static const struct { uint32_t x, y, w, h, offset; } boxes[] = {
		{ 0, 0, 16, 16, 0 }, { 0, 0, 1024, 1024, 0 }, { 1000, 1000, 1000, 1000, 4096 },
		{ 0, 0, 0, 0, 0 }, { ~0u, ~0u, ~0u, ~0u, ~0u }, { 1, 0, ~0u, 1, 8 },
		{ 0, 1u << 31, 1u << 31, 1u << 31, 1u << 31 }, { 5, 7, 11, 13, 17 },
	};

	for (int k = 0; k < KINDS; k++) {
		struct object o;
		uint8_t *map;

		if (!(kinds[k].is & (KIND_POOL | KIND_HIDDEN_COPY)) || !kind_exists(&kinds[k]))
			continue;
		o = make_object(fd, &kinds[k], 2 * PAGES_2M);
		map = map_all(&o);
		for (int i = 0; i < 8; i++) {
			struct drm_virtgpu_3d_transfer_to_host transfer = {
				.bo_handle = o.handle, .offset = boxes[i].offset,
				.box = { boxes[i].x, boxes[i].y, 0, boxes[i].w, boxes[i].h, 1 },
				.level = i, .stride = i * 3, .layer_stride = i * 5,
			};

			/* With holes and without, with contents and without. */
			if (i == 2)
				igt_assert_eq(populate_object(&o, 5, 900), 0);
			if (i == 4)
				fill_pages(map, 5, 900, 1);
			if (i == 6)
				igt_assert_eq(populate_object(&o, 0, 0), 0);
			placed_ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &transfer);
			/* The same layout, but for its name. */
			placed_ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer);
			if (i >= 4)
				check_filled(map, 5, 900, 1);
			if (i >= 2)
				igt_assert_eq_u64(present_pages(&o), i < 6 ? 900 : 2 * PAGES_2M);
		}
		check_zero(map, 0, 5);
		check_zero(map, 905, 2 * PAGES_2M - 905);
		igt_assert_eq(discard_object(&o, 0, 0), 0);
		placed_unmap(map, o.size);
		destroy_object(&o);
	}
}

/* The screen */

static int add_fb(int fd, uint32_t handle, uint32_t width, uint32_t height, uint32_t pitch,
		  uint32_t offset, uint32_t *fb)
{
	struct drm_mode_fb_cmd2 add = {
		.width = width, .height = height, .pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { handle }, .pitches = { pitch }, .offsets = { offset },
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &add);

	if (fb)
		*fb = add.fb_id;
	if (!ret && !fb)
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_MODE_RMFB, &add.fb_id), 0);
	return ret;
}

/**
 * SUBTEST: framebuffers
 * Description: A framebuffer may be anywhere in an object of the pool, and nowhere else: EINVAL.
 *	Sparse objects in memory of the guest's make none.
 */
static void framebuffers(int fd)
{
	const uint32_t size = 1000 * PLACED_PAGE, pitch = 640 * 4;
	struct placed_counts counts = placed_count(fd);
	struct object o = make_pool(fd, 1000), huge = make_pool(fd, 16 * GIB / PLACED_PAGE);
	const struct {
		uint32_t width, height, pitch, offset;
		int error;
	} table[] = {
		{ 640, 480, pitch, 0, 0 },
		{ 640, 480, pitch, size - 480 * pitch, 0 },
		{ 640, 480, pitch, size - 480 * pitch + 4, EINVAL },
		{ 640, 480, pitch, size, EINVAL },
		/* What 32 bits do not count the kernel refuses for all drivers. */
		{ 640, 480, pitch, -(480 * pitch), ERANGE },
		{ 640, 480, pitch, ~0u & ~3u, ERANGE },
		/* It takes its last row, not a whole pitch. */
		{ 640, 480, pitch + 64, size - 479 * (pitch + 64) - pitch, 0 },
		{ 640, 480, pitch + 64, size - 479 * (pitch + 64) - pitch + 4, EINVAL },
		{ 640, 480, pitch + 4, 4, 0 },
		{ 640, 480, pitch + 2, 0, EINVAL },
		{ 640, 480, pitch, 2, EINVAL },
		{ 640, 480, pitch - 4, 0, EINVAL },
		{ 640, 32, (size - pitch) / 31 & ~3u, 0, 0 },
		{ 640, 32, ((size - pitch) / 31 & ~3u) + 4, 0, EINVAL },
		{ 640, 480, ~0u & ~3u, 0, ERANGE },
		{ 640, 480, 1u << 31, 0, ERANGE },
		{ 0, 480, pitch, 0, EINVAL },
		{ 640, 0, pitch, 0, EINVAL },
		{ 32, 32, 128, size - PLACED_PAGE, 0 },
		{ 32, 32, 128, size - PLACED_PAGE + 4, EINVAL },
		{ 32, 32, 128, size, EINVAL },
		{ 1000, 1024, 4000, 0, 0 },
		{ 1000, 1025, 4000, 0, EINVAL },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int ret = add_fb(fd, o.handle, table[i].width, table[i].height, table[i].pitch,
				 table[i].offset, NULL);

		igt_assert_f(ret == -table[i].error, "%u by %u, pitch %u, offset %u: %d\n",
			     table[i].width, table[i].height, table[i].pitch, table[i].offset,
			     ret);
	}
	igt_assert_eq(add_fb(fd, huge.handle, 640, 480, pitch, -(480 * pitch) - 4, NULL), 0);
	igt_assert_eq(add_fb(fd, huge.handle, 640, 480, 1u << 20, 3u << 30, NULL), 0);
	igt_assert_eq_u64(present_pages(&o), 0);
	destroy_object(&o);
	destroy_object(&huge);

	for (int k = 0; k < KINDS; k++) {
		if (!(kinds[k].is & KIND_HIDDEN_COPY) || !kind_exists(&kinds[k]))
			continue;
		o = make_object(fd, &kinds[k], 1000);
		igt_assert_eq(add_fb(fd, o.handle, 640, 480, pitch, 0, NULL), -EINVAL);
		igt_assert_eq(add_fb(fd, o.handle, 1024, 1000, PLACED_PAGE, 0, NULL), -EINVAL);
		destroy_object(&o);
	}
	placed_assert_same_counts(fd, counts);
}

/* A picture in an object, and where it is. */
struct picture {
	struct kms_screen screen;
	struct object o;
	uint8_t *map;
	uint64_t bytes;
	uint32_t fb, pitch, offset;
};

static volatile uint32_t *pixel_of(const struct picture *p, uint32_t x, uint32_t y)
{
	return (volatile uint32_t *)(p->map + p->offset + (size_t)y * p->pitch) + x;
}

static void draw(const struct picture *p, uint32_t seed)
{
	for (uint32_t y = 0; y < p->screen.mode.vdisplay; y++)
		for (uint32_t x = 0; x < p->screen.mode.hdisplay; x++)
			*pixel_of(p, x, y) = seed + x * 3 + (y << 12) + x * y;
}

/* As soon as the host has got to it. */
static void expect_pixels(const struct picture *p, const uint32_t *want, uint32_t pitch)
{
	double end = kms_now() + KMS_PATIENCE;
	char first[128] = "";

	while (kms_compare(&p->screen, want, pitch, first, sizeof(first)))
		igt_assert_f(kms_now() < end, "still wrong: %s\n", first);
}

static void expect_picture(const struct picture *p)
{
	expect_pixels(p, (const uint32_t *)pixel_of(p, 0, 0), p->pitch);
}

static void require_screen(void)
{
	igt_require_f(kms_has_host(), "no host to show what is on the screen: see scripts/guest\n");
}

/* One that is shown, and has no memory yet; its rows have so many bytes more than they show. */
static struct picture show_picture(int fd, uint32_t more_pitch, uint32_t offset)
{
	struct picture p = { .screen = kms_find_screen(fd), .offset = offset };

	p.pitch = p.screen.mode.hdisplay * 4 + more_pitch;
	p.bytes = (offset + (uint64_t)p.pitch * p.screen.mode.vdisplay + PLACED_PAGE - 1) &
		  ~(PLACED_PAGE - 1);
	p.o = make_pool(fd, 8 * GIB / PLACED_PAGE);
	p.map = map_object(&p.o, NULL, 0, p.bytes / PLACED_PAGE, RW);
	igt_assert_eq(add_fb(fd, p.o.handle, p.screen.mode.hdisplay, p.screen.mode.vdisplay,
			     p.pitch, p.offset, &p.fb), 0);
	kms_show_at(&p.screen, p.fb, 0, 0);
	return p;
}

static void end_picture(struct picture *p)
{
	kms_off(&p->screen);
	igt_assert_eq(placed_ioctl(p->screen.fd, DRM_IOCTL_MODE_RMFB, &p->fb), 0);
	placed_unmap(p->map, p->bytes);
	destroy_object(&p->o);
}

/**
 * SUBTEST: shown
 * Description: What is drawn in an object of 8 GiB, at any offset and with any pitch, is what the
 *	host shows after DIRTYFB, and after a page flip.
 */
static void shown(int fd)
{
	static const struct { uint32_t pitch, offset; } where[] = {
		{ 0, 0 }, { 4, 4 }, { 68, 2 * PLACED_PAGE + 100 }, { 8192, PLACED_2M - 8 },
	};

	require_screen();
	for (int i = 0; i < 4; i++) {
		struct picture p = show_picture(fd, where[i].pitch, where[i].offset), second;
		struct drm_clip_rect clip = { 100, 50, 200, 90 };

		/* Memory comes by the touch, while it is shown. */
		draw(&p, i);
		kms_dirty(&p.screen, p.fb, NULL, 0);
		expect_picture(&p);

		for (int y = clip.y1; y < clip.y2; y++)
			for (int x = clip.x1; x < clip.x2; x++)
				*pixel_of(&p, x, y) = kms_new_value();
		kms_dirty(&p.screen, p.fb, &clip, 1);
		expect_picture(&p);

		/* The same object has room for another one. */
		second = p;
		second.offset = p.bytes;
		second.map = map_object(&p.o, NULL, 0, 2 * p.bytes / PLACED_PAGE, RW);
		igt_assert_eq(add_fb(fd, p.o.handle, p.screen.mode.hdisplay,
				     p.screen.mode.vdisplay, p.pitch, second.offset, &second.fb),
			      0);
		draw(&second, i * 1000);
		kms_flip(&p.screen, second.fb);
		expect_picture(&second);
		*pixel_of(&p, 3, 4) = kms_new_value();
		kms_flip(&p.screen, p.fb);
		expect_picture(&p);
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_MODE_RMFB, &second.fb), 0);
		placed_unmap(second.map, 2 * p.bytes);
		end_picture(&p);
	}
}

/**
 * SUBTEST: panning
 * Description: A screen that shows a part of a larger framebuffer in the pool shows that part.
 */
static void panning(int fd)
{
	static const uint32_t at[][2] = { { 0, 0 }, { 101, 57 }, { 300, 200 }, { 0, 200 } };
	struct kms_screen screen = kms_find_screen(fd);
	uint32_t width = screen.mode.hdisplay + 300, height = screen.mode.vdisplay + 200;
	struct picture p = { .screen = screen, .pitch = width * 4 + 12, .offset = 40 };

	require_screen();
	p.bytes = (p.offset + (uint64_t)p.pitch * height + PLACED_PAGE - 1) & ~(PLACED_PAGE - 1);
	p.o = make_pool(fd, p.bytes / PLACED_PAGE);
	p.map = map_all(&p.o);
	igt_assert_eq(add_fb(fd, p.o.handle, width, height, p.pitch, p.offset, &p.fb), 0);
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			*pixel_of(&p, x, y) = x * 5 + (y << 11) + x * y;
	for (int i = 0; i < 4; i++) {
		uint32_t x = at[i][0], y = at[i][1];
		struct drm_clip_rect clip = { x + 20, y + 30, x + 60, y + 70 };

		kms_show_at(&screen, p.fb, x, y);
		expect_pixels(&p, (const uint32_t *)pixel_of(&p, x, y), p.pitch);
		for (uint32_t j = 0; j < 40; j++)
			*pixel_of(&p, x + 20 + j, y + 30 + j) = kms_new_value();
		kms_dirty(&screen, p.fb, &clip, 1);
		expect_pixels(&p, (const uint32_t *)pixel_of(&p, x, y), p.pitch);
	}
	end_picture(&p);
}

/**
 * SUBTEST: discarded-shown
 * Description: Of what is shown and has no memory, or has it no more, the host shows black.
 */
static void discarded_shown(int fd)
{
	struct picture p;
	uint64_t pages, some;
	uint8_t *want;

	require_screen();
	p = show_picture(fd, 0, 0);
	pages = p.bytes / PLACED_PAGE;
	some = pages / 3;
	want = calloc(1, p.bytes);
	igt_assert(want);
	igt_assert_eq_u64(present_pages(&p.o), 0);
	expect_pixels(&p, (const uint32_t *)want, p.pitch);
	igt_assert_eq_u64(present_pages(&p.o), 0);

	for (int i = 0; i < 4; i++) {
		/* Pages that are no rows, and blocks, by both ways. */
		uint64_t first = i % 2 ? some : 0, count = i % 2 ? some + 7 : pages;

		draw(&p, i * 77);
		kms_dirty(&p.screen, p.fb, NULL, 0);
		expect_picture(&p);
		memcpy(want, p.map, p.bytes);
		memset(want + first * PLACED_PAGE, 0, count * PLACED_PAGE);
		if (i < 2)
			igt_assert_eq(discard_object(&p.o, first, count), 0);
		else
			igt_assert_eq(advise(p.map, first, count, MADV_REMOVE), 0);
		kms_dirty(&p.screen, p.fb, NULL, 0);
		expect_pixels(&p, (const uint32_t *)want, p.pitch);
		igt_assert_eq_u64(present_between(&p.o, first, count), 0);

		/* And what comes in its place is shown. */
		igt_assert_eq(populate_object(&p.o, first, count / 2), 0);
		fill_pages(p.map, first, count / 2, 9);
		memcpy(want + first * PLACED_PAGE, page_at(p.map, first), count / 2 * PLACED_PAGE);
		kms_dirty(&p.screen, p.fb, NULL, 0);
		expect_pixels(&p, (const uint32_t *)want, p.pitch);
	}
	free(want);
	end_picture(&p);
}

/**
 * SUBTEST: shown-and-gone
 * Description: Programs may close, unmap and end while an object of theirs is shown, or is the
 *	cursor; its memory comes back.
 */
static void shown_and_gone(int fd)
{
	/* Who shows has to be the only one. */
	placed_ioctl(fd, DRM_IOCTL_DROP_MASTER, NULL);
	for (int round = 0; round < 3; round++) {
		igt_fork(child, 1) {
			int mine = placed_open("virtio_gpu");
			struct picture p = show_picture(mine, 0, round * 4);
			struct object image = make_pool(mine, 64 * 64 * 4 / PLACED_PAGE);
			struct drm_mode_cursor2 set = {
				.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE,
				.crtc_id = p.screen.crtc, .x = 10, .y = 10, .width = 64,
				.height = 64, .handle = image.handle,
			};

			placed_ioctl(mine, DRM_IOCTL_MODE_CURSOR2, &set);
			fill_pages(map_all(&image), 0, image.size / PLACED_PAGE, 1);
			placed_ioctl(mine, DRM_IOCTL_MODE_CURSOR2, &set);
			igt_assert_eq(discard_object(&image, 0, 0), 0);
			placed_ioctl(mine, DRM_IOCTL_MODE_CURSOR2, &set);
			draw(&p, round);
			kms_dirty(&p.screen, p.fb, NULL, 0);
			if (round == 1)
				igt_assert_eq(placed_close_handle(mine, p.o.handle), 0);
			if (round == 2)
				placed_unmap(p.map, p.bytes);
			kms_dirty(&p.screen, p.fb, NULL, 0);
		}
		igt_waitchildren();
		check_all_free(fd);
	}
	placed_ioctl(fd, DRM_IOCTL_SET_MASTER, NULL);
}

/* Races */

static __thread sigjmp_buf bus_jump;
static __thread volatile bool bus_guarded;

static void on_bus(int number)
{
	if (!bus_guarded)
		abort();
	siglongjmp(bus_jump, 1);
}

/* A load and a store that may find no memory. False: SIGBUS. */
static bool try_store(volatile uint32_t *word, uint32_t value, uint32_t *found)
{
	bool done = false;

	bus_guarded = true;
	if (!sigsetjmp(bus_jump, 1)) {
		*found = *word;
		*word = value;
		done = true;
	}
	bus_guarded = false;
	return done;
}

#define RACE_OBJECTS 2
#define RACE_PAGES (3 * PAGES_2M + 37)

struct race {
	struct object objects[RACE_OBJECTS];
	uint8_t *maps[RACE_OBJECTS], *comes;
	double end;
	atomic_int next, wrong, last_wrong, refused, done[4];
};

static void note_wrong(struct race *race, int ret)
{
	atomic_fetch_add(&race->wrong, 1);
	atomic_store(&race->last_wrong, ret);
}

static int change_something(struct race *race, unsigned int *seed)
{
	int i = rand_r(seed) % RACE_OBJECTS;
	uint64_t first = rand_r(seed) % RACE_PAGES, pages = 1 + rand_r(seed) % (RACE_PAGES - first);
	const struct object *o = &race->objects[i];

	switch (rand_r(seed) % 6) {
	case 0:
		return populate_object(o, first, pages);
	case 1:
		return advise(race->maps[i], first, pages, MADV_POPULATE_READ);
	case 2:
		return advise(race->maps[i], first, pages, MADV_POPULATE_WRITE);
	case 3:
		return advise(race->maps[i], first, pages, MADV_REMOVE);
	case 4:
		return discard_object(o, first, pages);
	default:
		return advise(race->maps[i], first, pages, MADV_DONTNEED);
	}
}

static void *race_change(void *data)
{
	struct race *race = data;
	int me = atomic_fetch_add(&race->next, 1);
	unsigned int seed = me + 1;

	while (seconds_now() < race->end) {
		int ret = change_something(race, &seed);

		if (ret == -ENOMEM)
			atomic_fetch_add(&race->refused, 1);
		else if (ret)
			note_wrong(race, ret);
		atomic_fetch_add(&race->done[me], 1);
	}
	return NULL;
}

static void *race_store(void *data)
{
	struct race *race = data;
	int me = atomic_fetch_add(&race->next, 1);
	unsigned int seed = me + 1;

	while (seconds_now() < race->end) {
		for (int i = 0; i < 32; i++) {
			int object = rand_r(&seed) % RACE_OBJECTS;
			uint64_t page = rand_r(&seed) % RACE_PAGES;
			uint32_t value = page_value(page, object + 1), found;

			if (!try_store(page_word(race->maps[object], page), value, &found))
				atomic_fetch_add(&race->refused, 1);
			else if (found && found != value)
				note_wrong(race, -EIO);
		}
		atomic_fetch_add(&race->done[me], 1);
	}
	return NULL;
}

/* A child has the mappings, too, and may be what frees the last of something. */
static int fork_and_store(struct race *race, unsigned int seed)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		uint32_t found;

		for (int i = 0; i < 20; i++) {
			uint64_t page = rand_r(&seed) % RACE_PAGES;

			if (try_store(page_word(race->maps[0], page), page_value(page, 1),
				      &found) && found && found != page_value(page, 1))
				_exit(1);
			if (i == 10)
				advise(race->maps[0], page, 1, MADV_REMOVE);
		}
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? -EIO : 0;
}

/**
 * SUBTEST: races
 * Description: Threads populate, discard, store to, map and fork mappings of objects that together
 *	are larger than what is left of the pool: no wrong answer, and no wrong byte.
 */
static void races(int fd)
{
	static void *(* const functions[])(void *) = { race_change, race_change, race_store };
	struct object rest;

	require_small_pool();
	/* Leave less than they want. */
	rest = make_pool(fd, pool_pages - 4 * PAGES_2M - 5);
	igt_assert_eq(populate_object(&rest, 0, 0), 0);
	igt_fork(child, 1) {
		struct race race = { .comes = reserve(RACE_PAGES) };
		pthread_t threads[3];
		unsigned int seed = 7;
		int ret = 0, turns = 0;

		signal(SIGBUS, on_bus);
		for (int i = 0; i < RACE_OBJECTS; i++) {
			race.objects[i] = make_pool(fd, RACE_PAGES);
			race.maps[i] = map_all(&race.objects[i]);
		}
		race.end = seconds_now() + 0.05 * placed_rounds(100);
		for (int i = 0; i < 3; i++)
			igt_assert_eq(pthread_create(&threads[i], NULL, functions[i], &race), 0);
		for (; !ret && seconds_now() < race.end; turns++) {
			uint64_t first = rand_r(&seed) % RACE_PAGES;
			uint64_t pages = 1 + rand_r(&seed) % (RACE_PAGES - first);
			uint8_t *part = page_at(race.comes, first);

			if (mmap_object(&race.objects[turns % 2], part, first, pages, RW,
					MAP_FIXED | (turns % 3 ? 0 : MAP_POPULATE)) != part)
				ret = -errno;
			if (!ret && turns % 4 == 0)
				ret = munmap(part, pages * PLACED_PAGE) ? -errno : 0;
			if (!ret && turns % 8 == 0)
				ret = fork_and_store(&race, turns);
		}
		for (int i = 0; i < 3; i++)
			igt_assert_eq(pthread_join(threads[i], NULL), 0);
		igt_info("%d, %d and %d turns, %d maps, %d refused\n", race.done[0], race.done[1],
			 race.done[2], turns, race.refused);
		igt_assert_eq(ret, 0);
		igt_assert_f(!race.wrong, "%d wrong, the last was %s\n", race.wrong,
			     strerror(-race.last_wrong));
		igt_assert(race.done[0] && race.done[1] && race.done[2] && race.refused);
		for (int i = 0; i < RACE_OBJECTS; i++)
			igt_assert_eq(discard_object(&race.objects[i], 0, 0), 0);
		for (int i = 0; i < RACE_OBJECTS; i++) {
			igt_assert_eq(populate_object(&race.objects[i], 0, 0), 0);
			check_zero(race.maps[i], 0, RACE_PAGES);
			igt_assert_eq(discard_object(&race.objects[i], 0, 0), 0);
		}
	}
	igt_waitchildren();
	destroy_object(&rest);
}

/* The device goes */

/* Until it is no more. Exits with 0 if that is because the device is gone. */
static void populate_to_the_end(int fd, const struct kind *kind, int way)
{
	const uint64_t pages = 4 * PAGES_2M;
	struct object o = make_object(fd, kind, pages), other = { .kind = kind, .fd = fd };
	uint8_t *map = map_all(&o);
	int ret = 0;

	signal(SIGBUS, SIG_DFL);
	for (uint64_t round = 0; !ret; round++) {
		switch (way) {
		case 0:
			ret = populate_object(&o, 0, 0);
			if (!ret)
				ret = discard_object(&o, 0, 0);
			break;
		case 1:
			ret = advise(map, 0, pages, MADV_POPULATE_WRITE);
			if (!ret)
				ret = advise(map, 0, pages, MADV_REMOVE);
			break;
		case 2:
			ret = sparse_create_of(fd, PLACED_2M, kind_create_flags(kind),
					       &other.handle);
			if (!ret)
				ret = populate_object(&other, 0, 0);
			if (!ret)
				ret = placed_close_handle(fd, other.handle);
			break;
		case 3:
			/* It dies by it. */
			store_pages(map, round % pages, 1, 1);
			if (round % 64 == 0)
				ret = discard_object(&o, 0, 0);
			break;
		}
	}
	_exit(ret == -ENODEV || ret == -EFAULT ? 0 : -ret);
}

/* What is left of objects of a kind when the device has gone, and the file has not. */
static void check_gone(const struct object *o, uint8_t *map)
{
	/* Neither what was mapped nor what was not. */
	for (int i = 0; i < 2; i++) {
		struct servant *servant = servant_start();
		uint64_t at = placed_addr(page_at(map, i * 3 * PAGES_2M));
		bool stored = servant_do(servant, servant_store, at, 1, 1);

		/* Memory of this machine stays, what there is of it. */
		igt_assert_eq(stored, !i && !(o->kind->is & KIND_POOL));
		servant_kill(servant);
	}
	igt_assert_eq(advise(map, 0, PAGES_2M, MADV_POPULATE_READ),
		      o->kind->is & KIND_POOL ? -EFAULT : 0);
	igt_assert_eq(advise(map, 3 * PAGES_2M, 1, MADV_POPULATE_WRITE), -EFAULT);
	igt_assert_eq(populate_object(o, 0, 0), -ENODEV);
	igt_assert_eq(discard_object(o, 0, 0), -ENODEV);
	/* It may be done or not. */
	advise(map, 0, 2 * PAGES_2M, MADV_REMOVE);
	igt_assert_eq(advise(map, 0, 2 * PAGES_2M, MADV_DONTNEED), 0);
}

static void unplug_and_plug(int fd, const struct kind *kind)
{
	struct device_place where = find_device(fd);
	struct object o = make_object(fd, kind, 4 * PAGES_2M);
	uint8_t *map = map_all(&o);
	double end = seconds_now() + 30;
	struct timespec moment = { 0, 200000000 };
	pid_t pids[4];
	int status;

	igt_assert_eq(advise(map, 0, 2 * PAGES_2M, MADV_POPULATE_WRITE), 0);
	fill_pages(map, 0, 2 * PAGES_2M, 1);
	for (int i = 0; i < 4; i++) {
		pids[i] = start_child();
		if (!pids[i])
			populate_to_the_end(i % 2 ? fd : placed_open("virtio_gpu"), kind, i);
	}
	nanosleep(&moment, NULL);
	tell_driver(&where, "unbind");

	for (int i = 0; i < 4; i++) {
		status = end_child(pids[i], 0);
		igt_assert_f(!status || (i == 3 && WIFSIGNALED(status) &&
					 WTERMSIG(status) == SIGBUS),
			     "child %d: status %#x\n", i, status);
	}
	check_gone(&o, map);
	placed_unmap(map, o.size);
	close(fd);

	tell_driver(&where, "bind");
	do {
		fd = placed_open("virtio_gpu");
	} while (fd < 0 && seconds_now() < end);
	igt_assert(fd >= 0);
	check_all_free(fd);
	o = make_object(fd, kind, 100);
	map = map_all(&o);
	check_zero(map, 0, 100);
	fill_pages(map, 0, 100, 1);
	check_filled(map, 0, 100, 1);
	placed_unmap(map, o.size);
	destroy_object(&o);
	close(fd);
}

/**
 * SUBTEST: unplugged
 * Description: A device that goes while sparse objects are mapped, populated and stored to:
 *	accesses that need it are SIGBUS, calls fail, nobody hangs; and when it is back, so is all
 *	of its memory.
 */
static void unplugged(int fd)
{
	close(fd);
	for (int k = 0; k < KINDS; k++) {
		if (!(kinds[k].is & (KIND_POOL | KIND_HIDDEN_COPY)) || !kind_exists(&kinds[k]))
			continue;
		igt_debug("%s\n", kinds[k].name);
		unplug_and_plug(placed_open("virtio_gpu"), &kinds[k]);
	}
}

/* Of a test that failed: nothing of it may keep memory from the next. */
static void forget_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char rest[256];
	uint64_t start, end;

	while (maps && placed_next_map(maps, &start, &end, rest, sizeof(rest)))
		if (strstr(rest, "/dev/dri/"))
			munmap(placed_ptr(start), end - start);
	if (maps)
		fclose(maps);
}

static void find_pool(int fd)
{
	const char *mib = getenv("PLACED_POOL_MIB");
	struct object o = make_pool(fd, MOST_PAGES);
	uint64_t pages = populate_most(&o, MOST_PAGES);

	igt_assert_eq(discard_object(&o, 0, 0), 0);
	destroy_object(&o);
	igt_assert_lt_u64(0, pages);
	pool_pages = pages < MOST_PAGES ? pages : 0;
	igt_info("%s%llu pages\n", pool_pages ? "" : "more than ", (unsigned long long)pages);
	if (mib)
		igt_assert_eq_u64(pages, strtoull(mib, NULL, 10) * MIB / PLACED_PAGE);
}

igt_main
{
	static const struct {
		const char *name, *what;
		void (*test)(int fd);
	} tests[] = {
		{ "sizes", "Objects larger than the pool", sizes },
		{ "touch", "What a touch brings", touch },
		{ "populate", "What populating and discarding takes", populate },
		{ "zero", "What was given back is zero", zero },
		{ "strangers", "Nobody sees what others had", strangers },
		{ "used-up", "No memory left", used_up },
		{ "comes-back", "Memory that comes back", comes_back },
		{ "killed", "SIGKILL", killed },
		{ "native", "Coherent by nature", native },
		{ "transfers", "Transfers by the program", transfers },
		{ "framebuffers", "Where framebuffers may be", framebuffers },
		{ "shown", "The host shows what is drawn", shown },
		{ "panning", "A part of a framebuffer", panning },
		{ "discarded-shown", "Black is where no memory is", discarded_shown },
		{ "shown-and-gone", "Objects that go while they are shown", shown_and_gone },
		{ "races", "All at once", races },
		{ "unplugged", "A device that is gone, and comes back", unplugged },
	};
	/* They outlive the jumps that end a subtest. */
	volatile int fd = -1;

	igt_fixture {
		fd = placed_open("virtio_gpu");
		placed_require_that(fd >= 0 && placed_gpu_has(PLACED_VIRTIO_POOL), "pool");
		find_pool(fd);
		close(fd);
		igt_install_exit_handler(trace_stop);
	}

	for (volatile size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name) {
			fd = placed_open("virtio_gpu");
			tests[i].test(fd);
			/* It has closed it if the device is another. */
			if (fcntl(fd, F_GETFD) >= 0)
				check_all_free(fd);
		}
		end_children();
		forget_mappings();
		if (fcntl(fd, F_GETFD) >= 0) {
			placed_ioctl(fd, DRM_IOCTL_DROP_MASTER, NULL);
			close(fd);
		}
	}
}
