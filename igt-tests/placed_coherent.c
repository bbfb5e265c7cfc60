// SPDX-License-Identifier: MIT

/**
 * TEST: placed coherent
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_COHERENT
 * Description: What the CPU stores, the device finds, and the other way round, whatever
 *	happens to the mapping in between.
 */

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "placed_copy.h"

IGT_TEST_DESCRIPTION("Stores and loads through coherent mappings against the copy of a device.");

/* Some chunks and a part of one. */
#define PAGES (2 * COPY_CHUNK + 37)

#define READ_ONLY (DRM_GEM_MMAP_PLACED_READ | DRM_GEM_MMAP_PLACED_COHERENT)
#define WRITE_ONLY (DRM_GEM_MMAP_PLACED_WRITE | DRM_GEM_MMAP_PLACED_COHERENT)

#define TO_DEVICE DRM_GEM_COHERENT_TO_DEVICE
#define BOTH_WAYS (DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE)

/* An object, the mapping of its whole, and what the device should see. */
struct object {
	int fd;
	uint32_t handle, kind;
	uint64_t pages, size;
	uint8_t *map, *want, *seen;
};

/* Map a part of an object; the address is that of its first byte. */
static uint8_t *map_part(const struct object *o, uint64_t first, uint64_t pages, uint32_t flags)
{
	uint8_t *map = placed_must_map(o->fd, (struct drm_gem_mmap_placed) {
		.handle = o->handle, .flags = flags,
		.offset = first * PLACED_PAGE, .length = pages * PLACED_PAGE,
	});

	return map - first * PLACED_PAGE;
}

/* An object that is not mapped, and not coherent. */
static struct object make_plain(int fd, uint32_t kind, uint64_t pages)
{
	struct object o = { .fd = fd, .kind = kind, .pages = pages, .size = pages * PLACED_PAGE };

	o.handle = copy_create(fd, o.size, kind);
	o.want = calloc(1, o.size);
	o.seen = calloc(1, o.size);
	igt_assert(o.want && o.seen);
	return o;
}

static struct object make(int fd, uint32_t kind, uint64_t pages)
{
	struct object o = make_plain(fd, kind, pages);

	o.map = map_part(&o, 0, pages, COPY_COHERENT);
	return o;
}

static void destroy(struct object *o)
{
	if (o->map)
		placed_unmap(o->map, o->size);
	igt_assert_eq(placed_close_handle(o->fd, o->handle), 0);
	free(o->want);
	free(o->seen);
}

/* Store through a mapping of the object's start, and expect the device to see it. */
static void store_at(struct object *o, uint8_t *map, uint64_t at)
{
	static uint32_t value;

	value = (value * 1664525 + 1013904223) | 1;
	*(volatile uint32_t *)(map + at) = value;
	memcpy(o->want + at, &value, sizeof(value));
}

static void store(struct object *o, uint8_t *map, uint64_t page)
{
	store_at(o, map, page * PLACED_PAGE + page * 36 % (PLACED_PAGE - 4));
}

static void store_pages(struct object *o, uint8_t *map, uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++)
		store(o, map, page);
}

static void compare(const struct object *o, const uint8_t *seen, const char *who)
{
	uint64_t at = 0;

	if (!memcmp(seen, o->want, o->size))
		return;
	while (seen[at] == o->want[at])
		at++;
	igt_assert_f(0, "%s sees %#x in byte %#llx of page %llu, not %#x\n", who, seen[at],
		     (unsigned long long)(at % PLACED_PAGE),
		     (unsigned long long)(at / PLACED_PAGE), o->want[at]);
}

/* The device sees what was stored. How many pages were sent for that? */
static uint64_t check_device(const struct object *o)
{
	struct drm_placed_copy_op op;

	op = copy_op(o->fd, o->handle, DRM_PLACED_COPY_READ, 0, o->size, o->seen);
	compare(o, o->seen, "the device");
	return op.pages;
}

/* Through the mapping, too. */
static void check_map(const struct object *o, const uint8_t *map)
{
	compare(o, map, "the mapping");
}

/* The next operation finds all in the copy, and this many dirty pages; huge pages are coarse. */
static void check_sent(const struct object *o, uint64_t pages)
{
	uint64_t sent = check_device(o);

	if (o->kind & DRM_PLACED_COPY_CONTIGUOUS && pages)
		igt_assert_lte_u64(pages, sent);
	else
		igt_assert_eq_u64(sent, pages);
	igt_assert_eq_u64(check_device(o), 0);
}

static void device_writes(struct object *o, uint64_t at, uint64_t length)
{
	static uint8_t value;

	/* No byte as it was. */
	value++;
	for (uint64_t i = at; i < at + length; i++)
		o->want[i] ^= value | 0x80;
	copy_op(o->fd, o->handle, DRM_PLACED_COPY_WRITE, at, length, o->want + at);
}

/*
 * Write so densely, and operate so often, that any policy takes all chunks for
 * hot. Ends with nothing dirty.
 */
static void heat(struct object *o)
{
	for (int round = 0; round < 12; round++) {
		store_pages(o, o->map, 0, o->pages);
		check_device(o);
	}
	igt_assert_eq_u64(check_device(o), 0);
}

/* What has to hold, in an object as it is made and in one that is written all the time. */
static void cold_and_hot(int fd, uint32_t kind, void (*test)(struct object *o))
{
	for (int hot = 0; hot < 2; hot++) {
		struct object o = make(fd, kind, PAGES);

		if (hot)
			heat(&o);
		test(&o);
		destroy(&o);
	}
}

/* Some pages in all chunks, at the borders of chunks and of what the tests split off. */
static const uint64_t some_pages[] = {
	0, 1, 2, 63, 64, 99, 100, 101, 199, 200, 201, 299, 300, 301, 510, 511,
	512, 513, 600, 699, 700, 701, 1022, 1023, 1024, 1030, 1040, 1050, 1055, PAGES - 1,
};

#define SOME (int)(sizeof(some_pages) / sizeof(some_pages[0]))

static void store_some(struct object *o, uint8_t *map)
{
	for (int i = 0; i < SOME; i++)
		store(o, map, some_pages[i]);
}

/* Run a function in a process of its own. */
static pid_t start_child(void (*f)(struct object *o), struct object *o)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		f(o);
		_exit(0);
	}
	return pid;
}

static void wait_child(pid_t pid)
{
	int status;

	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_eq(status, 0);
}

/* Stores to the device */

/**
 * SUBTEST: whole
 * Description: Stores to all pages of objects of several sizes are what the device reads.
 */
static void whole(int fd, uint32_t kind)
{
	static const uint64_t sizes[] = { 1, 2, 511, 512, 513, PAGES };

	for (int i = 0; i < 6; i++) {
		struct object o = make(fd, kind, sizes[i]);

		check_sent(&o, 0);
		store_pages(&o, o.map, 0, o.pages);
		check_sent(&o, o.pages);
		store_at(&o, o.map, o.size - 4);
		store_at(&o, o.map, 0);
		check_sent(&o, o.pages > 1 ? 2 : 1);
		check_map(&o, o.map);
		destroy(&o);
	}
}

/**
 * SUBTEST: parts
 * Description: The same through mappings of parts that start and end anywhere.
 */
static void parts(int fd, uint32_t kind)
{
	static const struct { uint64_t first, pages; } list[] = {
		{ 0, 1 }, { 1, 1 }, { 3, 520 }, { 511, 2 }, { 513, 7 }, { 5, PAGES - 5 },
		{ 1000, 60 }, { PAGES - 1, 1 }, { 1, PAGES - 2 },
	};
	struct object o = make_plain(fd, kind, PAGES);
	uint64_t end;

	for (int i = 0; i < 9; i++) {
		uint8_t *map = map_part(&o, list[i].first, list[i].pages, COPY_COHERENT);

		end = list[i].first + list[i].pages;
		store_at(&o, map, list[i].first * PLACED_PAGE);
		store_at(&o, map, end * PLACED_PAGE - 4);
		check_sent(&o, list[i].pages > 1 ? 2 : 1);
		store_pages(&o, map, list[i].first, list[i].pages);
		check_sent(&o, list[i].pages);
		placed_unmap(map + list[i].first * PLACED_PAGE, list[i].pages * PLACED_PAGE);
		check_sent(&o, 0);
	}
	destroy(&o);
}

/**
 * SUBTEST: plain
 * Description: Plain mmap(2) is coherent after DRM_IOCTL_GEM_COHERENT, by the same file and others.
 */
static void plain(int fd, uint32_t kind)
{
	struct object o = make_plain(fd, kind, PAGES);
	int other = placed_open("placed_copy");
	uint8_t *map;

	copy_make_coherent(fd, o.handle, BOTH_WAYS);
	o.map = placed_plain_map(fd, o.handle, o.size);
	store_some(&o, o.map);
	check_sent(&o, SOME);

	map = placed_plain_map(other, copy_share(fd, o.handle, other), o.size);
	close(other);
	store_some(&o, map);
	store(&o, o.map, 77);
	check_sent(&o, SOME + 1);
	check_map(&o, map);
	check_map(&o, o.map);
	device_writes(&o, 0, o.size);
	check_map(&o, map);
	check_map(&o, o.map);
	placed_unmap(map, o.size);
	destroy(&o);
}

/**
 * SUBTEST: exact
 * Description: As many pages are sent as were written, and no page twice.
 */
static void exact(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	static bool written[PAGES];
	uint64_t count, page;

	srand(19);
	for (int round = 0; round < 16; round++) {
		memset(written, 0, sizeof(written));
		count = 0;
		for (int i = 0; i < (round % 4 + 1) * 40; i++) {
			page = rand() % PAGES;
			count += !written[page];
			written[page] = true;
			store(&o, o.map, page);
		}
		check_sent(&o, count);
	}
	destroy(&o);
}

/**
 * SUBTEST: patterns
 * Description: Nothing is missing while chunks are written densely, sparsely or not, by turns.
 */
static void patterns(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	uint64_t pages;

	for (int round = 0; round < 5 * COPY_PHASE; round++) {
		pages = 0;
		for (uint64_t chunk = 0; chunk * COPY_CHUNK < PAGES; chunk++) {
			uint64_t first = chunk * COPY_CHUNK;
			uint64_t room = PAGES - first < COPY_CHUNK ? PAGES - first : COPY_CHUNK;

			switch ((round / COPY_PHASE + chunk) % 4) {
			case 0:
				store_pages(&o, o.map, first, room);
				pages += room;
				break;
			case 1:
				store(&o, o.map, first + round % room);
				pages++;
				break;
			case 2:
				/* A stream that goes on from operation to operation. */
				if (room < 32)
					break;
				store_pages(&o, o.map, first + round % 4 * 8, 8);
				pages += 8;
				break;
			}
		}
		/* The next operation goes on with whatever chunks are in. */
		if (round % 2)
			check_sent(&o, pages);
		else if (kind & DRM_PLACED_COPY_CONTIGUOUS)
			igt_assert_lte_u64(pages, check_device(&o));
		else
			igt_assert_eq_u64(check_device(&o), pages);
	}
	destroy(&o);
}

/**
 * SUBTEST: reset
 * Description: A device that forgot its copy gets everything again, mapped or not.
 */
static void reset(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);

	store_some(&o, o.map);
	copy_op(fd, o.handle, DRM_PLACED_COPY_RESET, 0, 0, NULL);
	igt_assert_lte_u64(PAGES, check_device(&o));
	store_some(&o, o.map);
	check_sent(&o, SOME);

	placed_unmap(o.map, o.size);
	o.map = NULL;
	copy_op(fd, o.handle, DRM_PLACED_COPY_RESET, 0, 0, NULL);
	check_sent(&o, PAGES);
	destroy(&o);
}

/**
 * SUBTEST: mapped-before
 * Description: A mapping from before the call stays what it was, and harms nobody.
 */
static void mapped_before(int fd, uint32_t kind)
{
	struct object o = make_plain(fd, kind, PAGES);
	uint8_t *before = placed_plain_map(fd, o.handle, o.size);

	store_pages(&o, before, 0, 700);
	copy_make_coherent(fd, o.handle, BOTH_WAYS);
	store_pages(&o, before, 0, 800);
	o.map = map_part(&o, 0, PAGES, COPY_COHERENT);
	for (int round = 0; round < 4; round++) {
		store_pages(&o, before, 0, PAGES);
		store_pages(&o, o.map, 0, PAGES);
		check_device(&o);
	}
	placed_unmap(before, o.size);
	store_some(&o, o.map);
	check_device(&o);
	igt_assert_eq_u64(check_device(&o), 0);
	destroy(&o);
}

/* What the device writes */

/**
 * SUBTEST: device-writes
 * Description: Loads find what the device wrote, and only chunks that are loaded are read back.
 */
static void device_writes_all(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	uint64_t before;

	for (int round = 0; round < 6; round++) {
		before = copy_read_back(fd, o.handle);
		device_writes(&o, 0, o.size);
		igt_assert_eq_u64(copy_read_back(fd, o.handle), before);
		igt_assert_eq(o.map[round * 700000], o.want[round * 700000]);
		igt_assert_lt_u64(before, copy_read_back(fd, o.handle));
		igt_assert_lte_u64(copy_read_back(fd, o.handle), before + COPY_CHUNK);
		check_map(&o, o.map);
		igt_assert_lte_u64(before + PAGES, copy_read_back(fd, o.handle));
		check_sent(&o, 0);

		/* What was read back is there to be loaded again. */
		before = copy_read_back(fd, o.handle);
		check_map(&o, o.map);
		igt_assert_eq_u64(copy_read_back(fd, o.handle), before);
	}

	/* Nothing of this makes pages dirty; stores do. */
	device_writes(&o, 5000, 100000);
	store_some(&o, o.map);
	check_sent(&o, SOME);
	check_map(&o, o.map);
	destroy(&o);
}

/**
 * SUBTEST: device-writes-beside
 * Description: Stores before and after the device wrote elsewhere in the same page survive.
 */
static void device_writes_beside(struct object *o)
{
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < SOME; i++)
			store_at(o, o->map, some_pages[i] * PLACED_PAGE + 8 * round);
		for (int i = 0; i < SOME; i++)
			device_writes(o, some_pages[i] * PLACED_PAGE + 2000, 77);
		for (int i = 0; i < SOME; i++)
			store_at(o, o->map, some_pages[i] * PLACED_PAGE + 4000 + 4 * round);
		check_map(o, o->map);
		check_device(o);
		check_map(o, o->map);
	}
}

static void device_writes_beside_both(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, device_writes_beside);
}

/**
 * SUBTEST: device-writes-write-only
 * Description: Those who map without PROT_READ pay for no reading back; their page wins.
 */
static void device_writes_write_only(int fd, uint32_t kind)
{
	struct object o = make_plain(fd, kind, PAGES);
	uint8_t old[2 * PLACED_PAGE];

	o.map = map_part(&o, 0, PAGES, WRITE_ONLY);
	store_pages(&o, o.map, 0, PAGES);
	check_sent(&o, PAGES);
	memcpy(old, o.want + 600 * PLACED_PAGE, PLACED_PAGE);
	memcpy(old + PLACED_PAGE, o.want + 602 * PLACED_PAGE, PLACED_PAGE);
	device_writes(&o, 0, o.size);
	igt_assert_eq_u64(check_device(&o), 0);

	/* These pages go to the device as the CPU has them, and none beside them. */
	memcpy(o.want + 600 * PLACED_PAGE, old, PLACED_PAGE);
	memcpy(o.want + 602 * PLACED_PAGE, old + PLACED_PAGE, PLACED_PAGE);
	store_at(&o, o.map, 600 * PLACED_PAGE + 80);
	store_at(&o, o.map, 602 * PLACED_PAGE + 80);
	check_device(&o);
	igt_assert_eq_u64(copy_read_back(fd, o.handle), 0);

	igt_assert(mprotect(o.map, o.size, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	igt_assert(mprotect(o.map, o.size, PROT_READ) == -1 && errno == EACCES);
	igt_assert_eq(mprotect(o.map, PLACED_PAGE, PROT_NONE), 0);
	igt_assert_eq(mprotect(o.map, PLACED_PAGE, PROT_WRITE), 0);
	store(&o, o.map, 0);
	destroy(&o);
}

static void child_sees(struct object *o)
{
	if (memcmp(o->map, o->want, o->size))
		_exit(1);
}

/**
 * SUBTEST: device-writes-maps
 * Description: The same for mappings that are new, read-only, of parts, or in another process.
 */
static void device_writes_maps(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	uint8_t *other, *part;

	device_writes(&o, 0, o.size);
	other = map_part(&o, 0, PAGES, READ_ONLY);
	check_map(&o, other);
	check_map(&o, o.map);
	device_writes(&o, 0, o.size);
	check_map(&o, other);
	wait_child(start_child(child_sees, &o));

	device_writes(&o, 0, o.size);
	part = map_part(&o, 515, 3, READ_ONLY);
	igt_assert(!memcmp(part + 515 * PLACED_PAGE, o.want + 515 * PLACED_PAGE, 3 * PLACED_PAGE));
	wait_child(start_child(child_sees, &o));
	check_map(&o, o.map);

	/* Nobody has it mapped when the device writes. */
	placed_unmap(other, o.size);
	placed_unmap(o.map, o.size);
	placed_unmap(part + 515 * PLACED_PAGE, 3 * PLACED_PAGE);
	device_writes(&o, 0, o.size);
	o.map = map_part(&o, 0, PAGES, COPY_COHERENT);
	check_map(&o, o.map);
	check_sent(&o, 0);
	destroy(&o);
}

/**
 * SUBTEST: device-writes-mixed
 * Description: A store without PROT_READ, and a load of another page of the chunk: both are right.
 */
static void device_writes_mixed(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	uint8_t *out = map_part(&o, 0, PAGES, WRITE_ONLY);

	for (int round = 0; round < 3; round++) {
		device_writes(&o, 0, o.size);
		/* A page as a whole, so that it is known what becomes of it. */
		for (int i = 0; i < 1024; i++)
			store_at(&o, out, 700 * PLACED_PAGE + 4 * i);
		igt_assert(!memcmp(o.map + 701 * PLACED_PAGE, o.want + 701 * PLACED_PAGE,
				   PLACED_PAGE));
		check_map(&o, o.map);
		check_device(&o);
		check_map(&o, o.map);
	}
	placed_unmap(out, o.size);
	destroy(&o);
}

/* What may happen to a mapping between a store and the operation that needs it */

static void child_stores_behind(struct object *o)
{
	signal(SIGBUS, SIG_DFL);
	/* As far from the start of what is left as another page from the object's. */
	*(volatile uint32_t *)(o->map + 6 * PLACED_PAGE + 2048) = 4710;
	for (int i = 0; i < SOME; i++)
		if (some_pages[i] >= 5)
			*(volatile uint32_t *)(o->map + some_pages[i] * PLACED_PAGE + 2048) =
				4711 + i;
}

/**
 * SUBTEST: split
 * Description: Behind what was split off before it was touched, stores are to their own pages.
 */
static void split(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);

	igt_assert_eq(mprotect(o.map, 5 * PLACED_PAGE, PROT_READ), 0);
	/* A child, for it may get a SIGBUS. */
	wait_child(start_child(child_stores_behind, &o));
	for (uint32_t i = 2; i < SOME; i++) {
		uint64_t page = i == 2 ? 6 : some_pages[i];
		uint32_t value = i == 2 ? 4710 : 4711 + i;

		memcpy(o.want + page * PLACED_PAGE + 2048, &value, sizeof(value));
	}
	check_sent(&o, SOME - 2);
	check_map(&o, o.map);
	destroy(&o);
}

static void do_munmap(struct object *o)
{
	uint8_t *map = map_part(o, 0, PAGES, COPY_COHERENT);

	store_some(o, map);
	placed_unmap(map, o->size);
	check_sent(o, SOME);

	/* In pieces. */
	map = map_part(o, 0, PAGES, COPY_COHERENT);
	store_some(o, map);
	placed_unmap(map + 100 * PLACED_PAGE, 200 * PLACED_PAGE);
	check_sent(o, SOME);
	for (int i = 0; i < SOME; i++)
		if (some_pages[i] < 100 || some_pages[i] >= 300)
			store(o, map, some_pages[i]);
	placed_unmap(map, 100 * PLACED_PAGE);
	check_device(o);
	store(o, map, 300);
	store(o, map, 301);
	store(o, map, PAGES - 1);
	check_sent(o, 3);
	store(o, map, 300);
	placed_unmap(map + 300 * PLACED_PAGE, (PAGES - 300) * PLACED_PAGE);
	check_sent(o, 1);
}

/**
 * SUBTEST: munmap
 * Description: What was stored before munmap() of all or of parts is not lost.
 */
static void munmap_both(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_munmap);
}

/* The mapping under test is the only one: nothing else is there to be asked. */
static void do_munmap_last(struct object *o)
{
	for (int round = 0; round < 3; round++) {
		store_some(o, o->map);
		placed_unmap(o->map, o->size);
		check_sent(o, SOME);
		o->map = map_part(o, 0, PAGES, COPY_COHERENT);
	}
}

/**
 * SUBTEST: munmap-last
 * Description: The same for the only mapping there is.
 */
static void munmap_last(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_munmap_last);
}

static void do_map_over(struct object *o)
{
	struct object other = make(o->fd, o->kind, 8);

	store_some(o, o->map);
	igt_assert(mmap(o->map + 100 * PLACED_PAGE, 100 * PLACED_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   o->map + 100 * PLACED_PAGE);
	check_sent(o, SOME);
	memset(o->map + 100 * PLACED_PAGE, 1, 100 * PLACED_PAGE);
	check_sent(o, 0);

	store(o, o->map, 600);
	store(o, o->map, 602);
	placed_must_map(o->fd, (struct drm_gem_mmap_placed) {
		.handle = other.handle,
		.flags = COPY_COHERENT | DRM_GEM_MMAP_PLACED_FIXED,
		.length = 8 * PLACED_PAGE,
		.addr = placed_addr(o->map + 598 * PLACED_PAGE),
	});
	store_pages(&other, o->map + 598 * PLACED_PAGE, 0, 8);
	check_sent(o, 2);
	check_sent(&other, 8);
	check_map(&other, other.map);

	placed_unmap(o->map, o->size);
	o->map = map_part(o, 0, PAGES, COPY_COHERENT);
	check_map(o, o->map);
	destroy(&other);
}

/**
 * SUBTEST: map-over
 * Description: What was stored before a MAP_FIXED mapping, or a FIXED placed one, is not lost.
 */
static void map_over(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_map_over);
}

static void do_protect(struct object *o)
{
	/* All of it. */
	store_some(o, o->map);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ), 0);
	check_sent(o, SOME);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ | PROT_WRITE), 0);
	store_some(o, o->map);
	check_sent(o, SOME);

	/* There and back with nothing in between. */
	store_some(o, o->map);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ), 0);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ | PROT_WRITE), 0);
	check_sent(o, SOME);
	store_some(o, o->map);
	check_sent(o, SOME);

	/* The middle. */
	store_some(o, o->map);
	igt_assert_eq(mprotect(o->map + 200 * PLACED_PAGE, 500 * PLACED_PAGE, PROT_READ), 0);
	check_sent(o, SOME);
	for (int i = 0; i < SOME; i++)
		if (some_pages[i] < 200 || some_pages[i] >= 700)
			store(o, o->map, some_pages[i]);
	check_device(o);
	check_map(o, o->map);
	igt_assert_eq(mprotect(o->map, o->size, PROT_NONE), 0);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ | PROT_WRITE), 0);
	store_some(o, o->map);
	check_sent(o, SOME);
	check_map(o, o->map);
}

/**
 * SUBTEST: mprotect
 * Description: Nothing is lost when all or the middle becomes read-only and writable again.
 */
static void protect(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_protect);
}

static void do_protect_dirty(struct object *o)
{
	/* While a page was read-only it was sent. After that it is stored to as any other. */
	for (int round = 0; round < 4; round++) {
		store_some(o, o->map);
		igt_assert_eq(mprotect(o->map, o->size, PROT_READ), 0);
		if (round % 2)
			check_sent(o, SOME);
		igt_assert_eq(mprotect(o->map, o->size, PROT_READ | PROT_WRITE), 0);
		for (int i = 0; i < SOME; i += 2)
			store(o, o->map, some_pages[i]);
		igt_assert_eq(mprotect(o->map, o->size, PROT_READ), 0);
		check_sent(o, round % 2 ? SOME / 2 : SOME);
		igt_assert_eq(mprotect(o->map, o->size, PROT_READ | PROT_WRITE), 0);
	}
	store_some(o, o->map);
	igt_assert_eq(mprotect(o->map, o->size, PROT_READ), 0);
	placed_unmap(o->map, o->size);
	check_sent(o, SOME);
	o->map = map_part(o, 0, PAGES, COPY_COHERENT);
}

/**
 * SUBTEST: mprotect-dirty
 * Description: The same, by turns, with operations while it is read-only, and munmap() of it.
 */
static void protect_dirty(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_protect_dirty);
}

static uint8_t *move(uint8_t *from, uint64_t size, uint64_t to)
{
	uint8_t *at = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, placed_ptr(to));

	igt_assert_eq_u64(placed_addr(at), to);
	return at;
}

static void do_mremap(struct object *o)
{
	uint64_t region = placed_free_region(5 * o->size);
	/* Aligned as huge pages want it, and not. */
	uint64_t places[] = {
		region + PLACED_2M - region % PLACED_2M,
		region + 2 * o->size + 5 * PLACED_PAGE,
	};
	uint8_t *piece;
	int place = 0;

	for (int round = 0; round < 5; round++) {
		store_some(o, o->map);
		o->map = move(o->map, o->size, places[place++ % 2]);
		check_sent(o, SOME);
		check_map(o, o->map);
		store_some(o, o->map);
		check_sent(o, SOME);

		/* In one go: stored here and there. */
		store(o, o->map, 40);
		if (round % 2)
			o->map = move(o->map, o->size, places[place++ % 2]);
		store(o, o->map, 41);
		check_sent(o, 2);
		if (round == 2)
			for (int i = 0; i < 8; i++) {
				store_pages(o, o->map, 0, PAGES);
				check_device(o);
			}
	}

	/* The middle moves away. */
	store_some(o, o->map);
	piece = move(o->map + 200 * PLACED_PAGE, 500 * PLACED_PAGE, region + 4 * o->size);
	piece -= 200 * PLACED_PAGE;
	check_sent(o, SOME);
	for (int i = 0; i < SOME; i++)
		store(o, some_pages[i] >= 200 && some_pages[i] < 700 ? piece : o->map,
		      some_pages[i]);
	check_sent(o, SOME);
	placed_unmap(piece + 200 * PLACED_PAGE, 500 * PLACED_PAGE);
	placed_unmap(o->map, o->size);
	o->map = map_part(o, 0, PAGES, COPY_COHERENT);
	check_map(o, o->map);
}

/**
 * SUBTEST: mremap
 * Description: Nothing is lost when all moves, to places aligned to a chunk and not, or the middle.
 */
static void mremap_both(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_mremap);
}

static void child_stores(struct object *o)
{
	for (int i = 0; i < SOME; i++)
		*(volatile uint32_t *)(o->map + some_pages[i] * PLACED_PAGE + 2048) = 4711 + i;
}

static void expect_from_child(struct object *o)
{
	for (int i = 0; i < SOME; i++) {
		uint32_t value = 4711 + i;

		memcpy(o->want + some_pages[i] * PLACED_PAGE + 2048, &value, sizeof(value));
	}
}

static void do_fork(struct object *o)
{
	int to_child[2], to_parent[2];
	pid_t pid;
	char byte;

	igt_assert_eq(pipe(to_child), 0);
	igt_assert_eq(pipe(to_parent), 0);
	store_some(o, o->map);
	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		/* After an operation that both mappings were there for, and again. */
		for (int round = 0; round < 2; round++) {
			if (read(to_child[0], &byte, 1) != 1)
				_exit(1);
			for (int i = 0; i < SOME; i++)
				*(volatile uint32_t *)(o->map + some_pages[i] * PLACED_PAGE + 8) =
					round + i;
			if (write(to_parent[1], "", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}

	check_sent(o, SOME);
	for (int round = 0; round < 2; round++) {
		igt_assert_eq(write(to_child[1], "", 1), 1);
		/* Other pages than the child's, and some of the child's. */
		for (uint64_t page = 7; page < PAGES; page += 31)
			store_at(o, o->map, page * PLACED_PAGE + 1024);
		igt_assert_eq(read(to_parent[0], &byte, 1), 1);
		for (int i = 0; i < SOME; i++) {
			uint32_t value = round + i;

			memcpy(o->want + some_pages[i] * PLACED_PAGE + 8, &value, sizeof(value));
		}
		check_device(o);
		igt_assert_eq_u64(check_device(o), 0);
		check_map(o, o->map);
	}
	wait_child(pid);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	check_sent(o, 0);
}

/**
 * SUBTEST: fork
 * Description: Both sides of a fork store, with operations in between.
 */
static void fork_both(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_fork);
}

static void child_is_killed(struct object *o)
{
	child_stores(o);
	kill(getpid(), SIGKILL);
}

static void do_exit(struct object *o)
{
	int status;
	pid_t pid;

	wait_child(start_child(child_stores, o));
	expect_from_child(o);
	check_sent(o, SOME);

	/* Stores of both are in the same page tables' worth of pages. */
	store_some(o, o->map);
	pid = start_child(child_is_killed, o);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_from_child(o);
	check_sent(o, SOME);
}

/**
 * SUBTEST: exit
 * Description: What a child stored that exits, or is killed, without unmapping is not lost.
 */
static void exit_both(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_exit);
}

static void child_of_another_file(struct object *o)
{
	int fd = placed_open("placed_copy");
	uint8_t *map;

	/* A file, an address space and a mapping of its own. */
	placed_unmap(o->map, o->size);
	map = placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = copy_share(o->fd, o->handle, fd),
		.flags = COPY_COHERENT, .length = o->size,
	});
	close(fd);
	for (int i = 0; i < SOME; i++)
		*(volatile uint32_t *)(map + some_pages[i] * PLACED_PAGE + 2048) = 4711 + i;
	for (uint64_t i = 0; i < PAGES; i++)
		if (memcmp(map + i * PLACED_PAGE, o->want + i * PLACED_PAGE, 2048))
			_exit(1);
}

static void do_processes(struct object *o)
{
	for (int round = 0; round < 2; round++) {
		pid_t pid;

		device_writes(o, 300 * PLACED_PAGE, 700 * PLACED_PAGE);
		/* Not where the child compares, for that would race. */
		for (int i = 0; i < SOME; i++)
			store_at(o, o->map, some_pages[i] * PLACED_PAGE + 2052);
		pid = start_child(child_of_another_file, o);
		for (int i = 0; i < SOME; i++)
			store_at(o, o->map, some_pages[i] * PLACED_PAGE + 3000);
		wait_child(pid);
		expect_from_child(o);
		check_sent(o, SOME);
		check_map(o, o->map);
	}
}

/**
 * SUBTEST: processes
 * Description: Two processes with mappings of their own store to the same pages.
 */
static void processes(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_processes);
}

static void do_dma_buf(struct object *o)
{
	int buf = copy_export(o->fd, o->handle);
	uint8_t *map = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, buf, 0);
	uint8_t *part;

	igt_assert(map != MAP_FAILED);
	store_some(o, map);
	check_sent(o, SOME);
	store_some(o, map);
	check_sent(o, SOME);

	part = mmap(NULL, 600 * PLACED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, buf,
		    301 * PLACED_PAGE);
	igt_assert(part != MAP_FAILED);
	close(buf);
	store(o, part - 301 * PLACED_PAGE, 301);
	store(o, part - 301 * PLACED_PAGE, 600);
	store(o, map, 512);
	store(o, o->map, 513);
	placed_unmap(part, 600 * PLACED_PAGE);
	check_sent(o, 4);

	device_writes(o, 0, o->size);
	check_map(o, map);
	store_some(o, map);
	placed_unmap(map, o->size);
	check_sent(o, SOME);
	check_map(o, o->map);
}

/**
 * SUBTEST: dma-buf
 * Description: Mappings of the object's dma-buf are tracked like any other.
 */
static void dma_buf(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_dma_buf);
}

/* A mapping without VM_MAYWRITE, by a file that cannot be written. */
static uint8_t *map_unwritable(const struct object *o)
{
	int fd = placed_open_node("placed_copy", "card", O_RDONLY);
	uint64_t offset = 0;
	uint8_t *map;

	igt_assert(fd >= 0);
	igt_assert_eq(placed_fake_offset(fd, copy_share(o->fd, o->handle, fd), &offset), 0);
	map = mmap(NULL, o->size, PROT_READ, MAP_SHARED, fd, offset);
	igt_assert(map != MAP_FAILED);
	igt_assert(mprotect(map, o->size, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	close(fd);
	return map;
}

static void touch(const uint8_t *map, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PLACED_PAGE)
		(void)*(volatile const uint8_t *)(map + at);
}

/**
 * SUBTEST: read-only-first
 * Description: Read-only mappings of the object, before and after in any list, hide nothing.
 */
static void read_only_first(int fd, uint32_t kind)
{
	for (int unwritable = 0; unwritable < 2; unwritable++) {
		struct object o = make_plain(fd, kind, PAGES);
		uint8_t *readers[2];

		copy_make_coherent(fd, o.handle, BOTH_WAYS);
		readers[0] = unwritable ? map_unwritable(&o) : map_part(&o, 0, PAGES, READ_ONLY);
		touch(readers[0], o.size);
		o.map = map_part(&o, 0, PAGES, COPY_COHERENT);
		readers[1] = unwritable ? map_unwritable(&o) : map_part(&o, 0, PAGES, READ_ONLY);
		touch(readers[1], o.size);

		for (int round = 0; round < 10; round++) {
			store_some(&o, o.map);
			check_sent(&o, SOME);
			store_pages(&o, o.map, 0, PAGES);
			check_sent(&o, PAGES);
			if (round % 3 == 2)
				device_writes(&o, 1000, 4000000);
			check_map(&o, readers[0]);
			check_map(&o, readers[1]);
		}
		placed_unmap(readers[0], o.size);
		store_some(&o, o.map);
		check_sent(&o, SOME);
		placed_unmap(readers[1], o.size);
		destroy(&o);
	}
}

static void do_dontneed(struct object *o)
{
	store_some(o, o->map);
	igt_assert_eq(madvise(o->map, o->size, MADV_DONTNEED), 0);
	check_sent(o, SOME);
	check_map(o, o->map);
	store(o, o->map, 111);
	check_sent(o, 1);
}

/**
 * SUBTEST: dontneed
 * Description: MADV_DONTNEED takes no stores away.
 */
static void dontneed(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_dontneed);
}

static void do_kernel_stores(struct object *o)
{
	static uint8_t data[3 * PLACED_PAGE];
	struct iovec from = { data, sizeof(data) };
	struct iovec to = { o->map + 700 * PLACED_PAGE + 100, sizeof(data) };
	int ends[2];
	ssize_t done;

	for (uint64_t i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + 1;

	/* copy_to_user() */
	igt_assert_eq(pipe(ends), 0);
	for (int round = 0; round < 2; round++) {
		igt_assert_eq(write(ends[1], data, sizeof(data)), sizeof(data));
		igt_assert_eq(read(ends[0], o->map + 600 * PLACED_PAGE + 100, sizeof(data)),
			      sizeof(data));
		memcpy(o->want + 600 * PLACED_PAGE + 100, data, sizeof(data));
		check_sent(o, 4);
	}
	close(ends[0]);
	close(ends[1]);

	/* get_user_pages(): is seen, or is not allowed. */
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			store_pages(o, o->map, 512, COPY_CHUNK);
		check_device(o);
		for (uint64_t i = 0; i < sizeof(data); i++)
			data[i] ^= 0x55;
		done = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
		if (done < 0) {
			igt_assert_eq(errno, EFAULT);
		} else {
			igt_assert_eq(done, sizeof(data));
			memcpy(o->want + 700 * PLACED_PAGE + 100, data, sizeof(data));
		}
		check_device(o);
		check_map(o, o->map);
	}
}

/**
 * SUBTEST: kernel-stores
 * Description: What the kernel stores on behalf of read(2) or process_vm_writev(2) is seen as well.
 */
static void kernel_stores(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_kernel_stores);
}

/* Races */

#define WRITERS 2
#define RACE_PAGES (COPY_CHUNK + 90)

struct race {
	struct object *o;
	int writer;
	/* By writer and page: what was stored there at least. */
	_Atomic uint32_t published[WRITERS][RACE_PAGES];
	atomic_bool stop;
	atomic_uint rounds;
	/* What went wrong first. Said when the threads have ended. */
	atomic_bool wrong;
	char what[160];
	/* Of the thread that stores to parts of a page the device writes elsewhere in. */
	pthread_barrier_t barrier;
	uint32_t expected;
};

/* The word that a writer stores to. */
static uint64_t slot(int writer, int page)
{
	return page * PLACED_PAGE + 128 * writer + page * 40 % 3000 / 8 * 8;
}

__attribute__((format(printf, 2, 3)))
static void note_wrong(struct race *r, const char *format, ...)
{
	va_list args;

	if (atomic_exchange(&r->wrong, true))
		return;
	va_start(args, format);
	vsnprintf(r->what, sizeof(r->what), format, args);
	va_end(args);
}

/* Threads have seen something, and done something, and nothing was wrong. */
static bool goes_on(struct race *r, int round, int rounds, unsigned int progress)
{
	return !atomic_load(&r->wrong) &&
	       (round < placed_rounds(rounds) || atomic_load(&r->rounds) < progress);
}

static struct race *make_race(struct object *o)
{
	struct race *r = calloc(1, sizeof(*r));

	igt_assert(r);
	r->o = o;
	return r;
}

/* Start a writer or another thread. They number themselves. */
static void start_threads(struct race *r, void *(*f)(void *), pthread_t *threads, int count)
{
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, f, r), 0);
}

static void join_threads(struct race *r, pthread_t *threads, int count)
{
	atomic_store(&r->stop, true);
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
}

static void end_race(struct race *r)
{
	igt_assert_f(!r->wrong, "%s\n", r->what);
	free(r);
}

static int number_writer(struct race *r)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	int number;

	pthread_mutex_lock(&mutex);
	number = r->writer++;
	pthread_mutex_unlock(&mutex);
	return number;
}

/* Store a larger value to one page after the other, and say so each time. */
static void *keep_storing(void *data)
{
	struct race *r = data;
	int writer = number_writer(r);
	unsigned int seed = writer;

	for (uint32_t value = 1; !atomic_load(&r->stop); value++) {
		/* Densely, then sparsely, so that chunks change their state. */
		int step = value / 16 % 2 ? 1 : 1 + rand_r(&seed) % 200;

		for (int page = rand_r(&seed) % step; page < RACE_PAGES; page += step) {
			*(volatile uint32_t *)(r->o->map + slot(writer, page)) = value;
			atomic_store_explicit(&r->published[writer][page], value,
					      memory_order_release);
		}
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

/* What was said before an operation, the device has to see in it. */
static void check_published(struct race *r)
{
	static uint32_t before[WRITERS][RACE_PAGES];
	struct object *o = r->o;

	for (int w = 0; w < WRITERS; w++)
		for (int page = 0; page < RACE_PAGES; page++)
			before[w][page] = atomic_load_explicit(&r->published[w][page],
							       memory_order_acquire);

	copy_op(o->fd, o->handle, DRM_PLACED_COPY_READ, 0, o->size, o->seen);
	for (int w = 0; w < WRITERS; w++)
		for (int page = 0; page < RACE_PAGES; page++) {
			uint32_t seen;

			memcpy(&seen, o->seen + slot(w, page), sizeof(seen));
			if (seen < before[w][page])
				note_wrong(r, "page %d: the device sees %u, and %u was stored",
					   page, seen, before[w][page]);
		}
}

/* Nobody stores any more: nothing is missing, and nothing left. */
static void check_all_published(struct race *r)
{
	struct object *o = r->o;

	check_published(r);
	end_race(r);
	igt_assert(!memcmp(o->map, o->seen, o->size));
	igt_assert_eq_u64(copy_op(o->fd, o->handle, DRM_PLACED_COPY_READ, 0, 0, NULL).pages, 0);
}

static void collect_in_race(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS];

	start_threads(r, keep_storing, threads, WRITERS);
	for (int round = 0; goes_on(r, round, 100, 64); round++)
		check_published(r);
	join_threads(r, threads, WRITERS);
	check_all_published(r);
	destroy(&o);
}

/**
 * SUBTEST: race-collect
 * Description: Stores before an operation are seen by it, whatever threads store during it.
 */
static void race_collect(int fd, uint32_t kind)
{
	collect_in_race(fd, kind);
}

/**
 * SUBTEST: race-collect-protect
 * Description: The same with a policy that closes every page in every collection.
 */
static void race_collect_protect(int fd, uint32_t kind)
{
	igt_require_f(copy_set_policy("protect"), "no policies in debugfs\n");
	collect_in_race(fd, kind);
}

/* Maps a part, stores to it, says so, unmaps. */
static void *keep_mapping(void *data)
{
	struct race *r = data;
	int writer = number_writer(r);
	unsigned int seed = writer;

	for (uint32_t value = 1; !atomic_load(&r->stop); value++) {
		int first = rand_r(&seed) % RACE_PAGES;
		int pages = 1 + rand_r(&seed) % (RACE_PAGES - first);
		int step = 1 + rand_r(&seed) % 60, third;
		struct drm_gem_mmap_placed args = {
			.handle = r->o->handle, .flags = COPY_COHERENT,
			.offset = first * PLACED_PAGE, .length = pages * PLACED_PAGE,
		};
		uint8_t *map;

		if (placed_map(r->o->fd, &args)) {
			note_wrong(r, "no mapping");
			return NULL;
		}
		map = (uint8_t *)placed_ptr(args.addr) - first * PLACED_PAGE;
		for (int page = first; page < first + pages; page += step) {
			*(volatile uint32_t *)(map + slot(writer, page)) = value;
			atomic_store_explicit(&r->published[writer][page], value,
					      memory_order_release);
		}
		/* All at once, or what stands in the middle last. */
		third = value % 2 ? pages / 3 : 0;
		if (third) {
			munmap(placed_ptr(args.addr), third * PLACED_PAGE);
			mprotect(placed_ptr(args.addr + 2 * third * PLACED_PAGE),
				 (pages - 2 * third) * PLACED_PAGE, PROT_READ);
		}
		munmap(placed_ptr(args.addr + third * PLACED_PAGE), (pages - third) * PLACED_PAGE);
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

/**
 * SUBTEST: race-munmap
 * Description: The same with threads that map, store and unmap.
 */
static void race_munmap(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS];

	start_threads(r, keep_mapping, threads, WRITERS);
	for (int round = 0; goes_on(r, round, 100, 64); round++)
		check_published(r);
	join_threads(r, threads, WRITERS);
	check_all_published(r);
	destroy(&o);
}

/**
 * SUBTEST: race-device-writes
 * Description: While threads store, the device writes elsewhere in the same pages: both survive.
 */
static void race_device_writes(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS];
	static uint32_t last[RACE_PAGES];
	uint32_t value, page;

	memset(last, 0, sizeof(last));
	srand(5);
	start_threads(r, keep_storing, threads, WRITERS);
	for (value = 1; goes_on(r, value, 200, 32); value++) {
		page = rand() % RACE_PAGES;
		last[page] = value;
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, page * PLACED_PAGE + 4000,
			sizeof(value), &value);

		/* Here, where it was written before, and what was stored. */
		for (int i = 0; i < 4; i++) {
			uint32_t seen = *(volatile uint32_t *)(o.map + page * PLACED_PAGE + 4000);

			if (seen != last[page])
				note_wrong(r, "page %u: a load sees %u, and the device wrote %u",
					   page, seen, last[page]);
			page = rand() % RACE_PAGES;
		}
		if (value % 16 == 0) {
			check_published(r);
			for (page = 0; page < RACE_PAGES; page++) {
				uint32_t seen;

				memcpy(&seen, o.seen + page * PLACED_PAGE + 4000, sizeof(seen));
				if (seen != last[page])
					note_wrong(r, "page %u: the device has %u, and wrote %u",
						   page, seen, last[page]);
			}
		}
	}
	join_threads(r, threads, WRITERS);
	check_all_published(r);
	destroy(&o);
}

/* All load what the device has just written. */
static void *keep_loading(void *data)
{
	struct race *r = data;
	unsigned int seed = number_writer(r);

	for (;;) {
		pthread_barrier_wait(&r->barrier);
		if (atomic_load(&r->stop))
			return NULL;
		for (int i = 0; i < 40; i++) {
			uint64_t page = rand_r(&seed) % RACE_PAGES;

			uint8_t *at = r->o->map + page * PLACED_PAGE + 512;
			uint32_t seen = *(volatile uint32_t *)at;

			if (seen != r->expected)
				note_wrong(r, "a load sees %u, and the device wrote %u", seen,
					   r->expected);
		}
		pthread_barrier_wait(&r->barrier);
	}
}

/**
 * SUBTEST: race-loads
 * Description: Threads load at once from chunks that the device wrote: none sees what was before.
 */
static void race_loads(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[3];

	igt_assert_eq(pthread_barrier_init(&r->barrier, NULL, 4), 0);
	start_threads(r, keep_loading, threads, 3);
	for (uint32_t round = 1; round < 100; round++) {
		for (uint64_t page = 0; page < RACE_PAGES; page++)
			memcpy(o.want + page * PLACED_PAGE + 512, &round, sizeof(round));
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 0, o.size, o.want);
		r->expected = round;
		pthread_barrier_wait(&r->barrier);
		pthread_barrier_wait(&r->barrier);
	}
	atomic_store(&r->stop, true);
	pthread_barrier_wait(&r->barrier);
	join_threads(r, threads, 3);
	pthread_barrier_destroy(&r->barrier);
	end_race(r);
	check_map(&o, o.map);
	destroy(&o);
}

/* Two halves that are the same in each aligned word of eight bytes. */
static void *keep_storing_pairs(void *data)
{
	struct race *r = data;
	int writer = number_writer(r);

	for (uint32_t value = 1; !atomic_load(&r->stop); value++) {
		for (int page = writer; page < RACE_PAGES; page += WRITERS) {
			uint64_t pair = (uint64_t)value << 32 | value;

			__atomic_store_n((uint64_t *)(r->o->map + slot(0, page)), pair,
					 __ATOMIC_RELAXED);
		}
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

/**
 * SUBTEST: race-tear
 * Description: The device never sees a half of an aligned store of eight bytes.
 */
static void race_tear(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS];

	start_threads(r, keep_storing_pairs, threads, WRITERS);
	for (int round = 0; goes_on(r, round, 100, 32); round++) {
		copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, o.size, o.seen);
		for (int page = 0; page < RACE_PAGES; page++) {
			uint32_t half[2];

			memcpy(half, o.seen + slot(0, page), sizeof(half));
			if (half[0] != half[1])
				note_wrong(r, "the device sees %u and %u in one word", half[0],
					   half[1]);
		}
	}
	join_threads(r, threads, WRITERS);
	end_race(r);
	destroy(&o);
}

static void *keep_forking(void *data)
{
	struct race *r = data;

	while (!atomic_load(&r->stop)) {
		int status = 0;
		pid_t pid = fork();

		/* Of what was shared nothing is told to the parent; its tables are. */
		if (!pid) {
			for (int page = 0; page < RACE_PAGES; page += 9)
				*(volatile uint8_t *)(r->o->map + page * PLACED_PAGE + 4090) = 1;
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			note_wrong(r, "a child failed: %#x", status);
		atomic_fetch_add(&r->rounds, 1);
	}
	return NULL;
}

/**
 * SUBTEST: race-fork
 * Description: The same while the process forks, and children store and exit.
 */
static void race_fork(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS], forker;

	start_threads(r, keep_storing, threads, WRITERS);
	start_threads(r, keep_forking, &forker, 1);
	for (int round = 0; goes_on(r, round, 60, 8); round++)
		check_published(r);
	join_threads(r, threads, WRITERS);
	join_threads(r, &forker, 1);
	check_all_published(r);
	destroy(&o);
}

/* Moves a mapping back and forth while other threads store through another. */
static void *keep_moving(void *data)
{
	struct race *r = data;
	int writer = number_writer(r);
	struct drm_gem_mmap_placed args = { .flags = COPY_COHERENT | DRM_GEM_MMAP_PLACED_FIXED };
	uint8_t *places[2], *map;
	unsigned int seed = 7;

	/* Room for it twice, at odd distances from a chunk's start. */
	places[0] = mmap(NULL, 2 * r->o->size + 3 * PLACED_2M, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (places[0] == MAP_FAILED) {
		note_wrong(r, "no mapping");
		return NULL;
	}
	places[0] += PLACED_2M - placed_addr(places[0]) % PLACED_2M;
	places[1] = places[0] + r->o->size + PLACED_PAGE;
	map = places[0];
	args.addr = placed_addr(map);
	args.handle = r->o->handle;
	args.length = r->o->size;
	if (placed_map(r->o->fd, &args)) {
		note_wrong(r, "no mapping");
		return NULL;
	}

	for (uint32_t value = 1; !atomic_load(&r->stop); value++) {
		for (int i = 0; i < 50; i++) {
			int page = rand_r(&seed) % RACE_PAGES;

			*(volatile uint32_t *)(map + slot(writer, page)) = value;
			atomic_store_explicit(&r->published[writer][page], value,
					      memory_order_release);
		}
		if (mremap(map, r->o->size, r->o->size, MREMAP_MAYMOVE | MREMAP_FIXED,
			   places[value % 2]) != places[value % 2]) {
			note_wrong(r, "mremap(): %s", strerror(errno));
			break;
		}
		map = places[value % 2];
		atomic_fetch_add(&r->rounds, 1);
	}
	munmap(places[0], 2 * r->o->size + PLACED_PAGE);
	return NULL;
}

/**
 * SUBTEST: race-mremap
 * Description: The same with threads that store and move their mapping with mremap().
 */
static void race_mremap(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, RACE_PAGES);
	struct race *r = make_race(&o);
	pthread_t threads[WRITERS];

	start_threads(r, keep_moving, threads, WRITERS);
	for (int round = 0; goes_on(r, round, 100, 64); round++)
		check_published(r);
	join_threads(r, threads, WRITERS);
	check_all_published(r);
	destroy(&o);
}

static void *make_coherent_once(void *data)
{
	struct race *r = data;
	struct drm_gem_coherent args = { .handle = r->o->handle, .flags = BOTH_WAYS };
	struct drm_gem_mmap_placed map = {
		.handle = r->o->handle, .flags = COPY_COHERENT, .length = r->o->size,
	};
	int writer = number_writer(r);

	pthread_barrier_wait(&r->barrier);
	if (writer % 2 && placed_ioctl(r->o->fd, DRM_IOCTL_GEM_COHERENT, &args))
		note_wrong(r, "GEM_COHERENT failed");
	if (placed_map(r->o->fd, &map)) {
		note_wrong(r, "no mapping");
		return NULL;
	}
	*(volatile uint32_t *)((uint8_t *)placed_ptr(map.addr) + 8 * writer) = writer + 1;
	munmap(placed_ptr(map.addr), r->o->size);
	return NULL;
}

/**
 * SUBTEST: race-coherent
 * Description: Several threads make an object coherent at once; all their stores are seen.
 */
static void race_coherent(int fd, uint32_t kind)
{
	for (int round = 0; round < placed_rounds(100); round++) {
		struct object o = make_plain(fd, kind, 3);
		struct race *r = make_race(&o);
		pthread_t threads[4];

		igt_assert_eq(pthread_barrier_init(&r->barrier, NULL, 4), 0);
		start_threads(r, make_coherent_once, threads, 4);
		join_threads(r, threads, 4);
		pthread_barrier_destroy(&r->barrier);
		end_race(r);
		for (uint32_t writer = 1; writer <= 4; writer++)
			memcpy(o.want + 8 * (writer - 1), &writer, sizeof(writer));
		check_device(&o);
		destroy(&o);
	}
}

/* The ioctls */

static int coherent(int fd, struct drm_gem_coherent args)
{
	return placed_ioctl(fd, DRM_IOCTL_GEM_COHERENT, &args);
}

/**
 * SUBTEST: coherent-errors
 * Description: Malformed requests for coherency are refused, each with its error.
 */
static void coherent_errors(int fd, uint32_t kind)
{
	uint32_t handle = copy_create(fd, 4 * PLACED_PAGE, kind);

	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) { .handle = handle }), -EINVAL);
	for (int bit = 2; bit < 32; bit++)
		igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
			.handle = handle, .flags = 1u << bit | TO_DEVICE }), -EINVAL);
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
		.handle = handle, .flags = TO_DEVICE, .pad = 1 }), -EINVAL);
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
		.handle = handle + 1000, .flags = TO_DEVICE }), -ENOENT);
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) { .flags = TO_DEVICE }), -ENOENT);

	/* What is not used is not looked at; flags are added; again is no error. */
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
		.handle = handle, .flags = TO_DEVICE, .state = 1234 }), 0);
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
		.handle = handle, .flags = BOTH_WAYS }), 0);
	igt_assert_eq(coherent(fd, (struct drm_gem_coherent) {
		.handle = handle, .flags = TO_DEVICE }), 0);
	igt_assert_eq(placed_close_handle(fd, handle), 0);
}

/**
 * SUBTEST: coherent-unsupported
 * Description: Drivers without coherency say EOPNOTSUPP, and map nothing.
 */
static void coherent_unsupported(int fd, uint32_t kind)
{
	static const char * const drivers[] = { "vgem", "placed_plain" };
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), 0);
	igt_assert(cap.value & DRM_GEM_MMAP_PLACED_COHERENT);

	for (int i = 0; i < 2; i++) {
		int other = placed_open(drivers[i]);
		struct drm_gem_dirty dirty = { .flags = DRM_GEM_DIRTY_FLUSH };
		uint32_t handle;

		igt_require_f(other >= 0, "no device of %s\n", drivers[i]);
		handle = placed_object(other, 4 * PLACED_PAGE);
		igt_assert_eq(coherent(other, (struct drm_gem_coherent) {
			.handle = handle, .flags = BOTH_WAYS }), -EOPNOTSUPP);
		placed_must_fail(other, (struct drm_gem_mmap_placed) {
			.handle = handle, .flags = COPY_COHERENT, .length = PLACED_PAGE,
		}, EOPNOTSUPP);
		dirty.handle = handle;
		igt_assert_eq(placed_ioctl(other, DRM_IOCTL_GEM_DIRTY, &dirty), -EOPNOTSUPP);
		igt_assert_eq(placed_ioctl(other, DRM_IOCTL_GET_CAP, &cap), 0);
		igt_assert(!(cap.value & DRM_GEM_MMAP_PLACED_COHERENT));
		close(other);
	}
}

static int dirty(const struct object *o, struct drm_gem_dirty args)
{
	args.handle = o->handle;
	return placed_ioctl(o->fd, DRM_IOCTL_GEM_DIRTY, &args);
}

static struct drm_gem_dirty must_dirty(const struct object *o, struct drm_gem_dirty args)
{
	args.handle = o->handle;
	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_DIRTY, &args), 0);
	return args;
}

/**
 * SUBTEST: dirty-errors
 * Description: Malformed requests for what is dirty are refused, each with its error.
 */
static void dirty_errors(int fd, uint32_t kind)
{
	struct object o = make_plain(fd, kind, 8);
	static const struct { uint64_t offset, length; } bad[] = {
		{ 1, 0 }, { 0, 1 }, { PLACED_PAGE + 8, PLACED_PAGE }, { 8 * PLACED_PAGE, 0 },
		{ 8 * PLACED_PAGE, PLACED_PAGE }, { 0, 9 * PLACED_PAGE },
		{ 7 * PLACED_PAGE, 2 * PLACED_PAGE }, { -PLACED_PAGE, PLACED_PAGE },
		{ -PLACED_PAGE, 2 * PLACED_PAGE }, { PLACED_PAGE, -PLACED_PAGE },
		{ -PLACED_PAGE, 0 }, { 1ull << 44, PLACED_PAGE }, { 0, 1ull << 44 },
	};
	struct drm_gem_dirty none = { .handle = o.handle + 1000, .flags = DRM_GEM_DIRTY_FLUSH };

	for (int bit = 0; bit < 3; bit++)
		igt_assert_eq(dirty(&o, (struct drm_gem_dirty) { .flags = 1u << bit }),
			      -EOPNOTSUPP);
	o.map = map_part(&o, 0, 8, COPY_COHERENT);
	store(&o, o.map, 3);

	igt_assert_eq(dirty(&o, (struct drm_gem_dirty) { .flags = 0 }), -EINVAL);
	for (int bit = 3; bit < 32; bit++)
		igt_assert_eq(dirty(&o, (struct drm_gem_dirty) {
			.flags = 1u << bit | DRM_GEM_DIRTY_FLUSH }), -EINVAL);
	igt_assert_eq(dirty(&o, (struct drm_gem_dirty) {
		.flags = DRM_GEM_DIRTY_FLUSH, .pad = 1 }), -EINVAL);
	for (int i = 0; i < (int)(sizeof(bad) / sizeof(bad[0])); i++)
		for (int bit = 0; bit < 3; bit++)
			igt_assert_f(dirty(&o, (struct drm_gem_dirty) {
				.flags = 1u << bit, .offset = bad[i].offset,
				.length = bad[i].length }) == -EINVAL, "range %d\n", i);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &none), -ENOENT);

	/* There is a run, and nowhere to put it. Nothing of all this sent it. */
	for (uint32_t flush = 0; flush < 2; flush++) {
		uint32_t flags = DRM_GEM_DIRTY_QUERY | (flush ? DRM_GEM_DIRTY_FLUSH : 0);

		igt_assert_eq(dirty(&o, (struct drm_gem_dirty) {
			.flags = flags, .runs = 8, .count = 4 }), -EFAULT);
		igt_assert_eq(dirty(&o, (struct drm_gem_dirty) {
			.flags = flags, .runs = -64ull, .count = 4 }), -EFAULT);
	}
	/* Waiting alone sends nothing, either. */
	must_dirty(&o, (struct drm_gem_dirty) { .flags = DRM_GEM_DIRTY_WAIT });
	copy_op(fd, o.handle, DRM_PLACED_COPY_PEEK, 0, o.size, o.seen);
	igt_assert(memcmp(o.seen, o.want, o.size));
	check_sent(&o, 1);
	destroy(&o);
}

static void do_dirty_query(struct object *o)
{
	static struct drm_gem_dirty_run runs[PAGES], again[PAGES];
	struct drm_gem_dirty args = {
		.flags = DRM_GEM_DIRTY_QUERY, .runs = placed_addr(runs), .count = PAGES,
	};
	struct drm_gem_dirty answer = must_dirty(o, args);

	igt_assert_eq_u64(answer.pages, 0);
	igt_assert_eq_u32(answer.count, 0);

	store_pages(o, o->map, 5, 3);
	store(o, o->map, 510);
	store_pages(o, o->map, 600, 1);
	store(o, o->map, PAGES - 1);
	for (int round = 0; round < 3; round++) {
		answer = must_dirty(o, args);
		if (round)
			igt_assert(!memcmp(runs, again, answer.count * sizeof(runs[0])));
		memcpy(again, runs, sizeof(runs));
		if (o->kind & DRM_PLACED_COPY_CONTIGUOUS)
			continue;
		igt_assert_eq_u64(answer.pages, 6);
		igt_assert_eq_u32(answer.count, 4);
		igt_assert_eq_u64(runs[0].offset, 5 * PLACED_PAGE);
		igt_assert_eq_u64(runs[0].length, 3 * PLACED_PAGE);
		igt_assert_eq_u64(runs[1].offset, 510 * PLACED_PAGE);
		igt_assert_eq_u64(runs[1].length, PLACED_PAGE);
		igt_assert_eq_u64(runs[2].offset, 600 * PLACED_PAGE);
		igt_assert_eq_u64(runs[3].offset, (PAGES - 1) * PLACED_PAGE);
	}

	/* A range of it. */
	args.offset = 6 * PLACED_PAGE;
	args.length = 600 * PLACED_PAGE;
	answer = must_dirty(o, args);
	igt_assert_eq_u64(runs[0].offset, 6 * PLACED_PAGE);
	if (!(o->kind & DRM_PLACED_COPY_CONTIGUOUS)) {
		igt_assert_eq_u64(answer.pages, 4);
		igt_assert_eq_u32(answer.count, 3);
		igt_assert_eq_u64(runs[0].length, 2 * PLACED_PAGE);
	}
	check_sent(o, 6);
	igt_assert_eq_u64(must_dirty(o, args).pages, 0);
}

/**
 * SUBTEST: dirty-query
 * Description: A query lists the runs of dirty pages, in order, and changes nothing.
 */
static void dirty_query(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_dirty_query);
}

static void do_dirty_flush(struct object *o)
{
	struct drm_gem_dirty_run runs[8];
	struct drm_gem_dirty answer;
	bool coarse = o->kind & DRM_PLACED_COPY_CONTIGUOUS;

	/* A range. */
	store_pages(o, o->map, 100, 8);
	must_dirty(o, (struct drm_gem_dirty) {
		.flags = DRM_GEM_DIRTY_FLUSH, .offset = 102 * PLACED_PAGE,
		.length = 3 * PLACED_PAGE,
	});
	copy_op(o->fd, o->handle, DRM_PLACED_COPY_PEEK, 0, o->size, o->seen);
	igt_assert(!memcmp(o->seen + 102 * PLACED_PAGE, o->want + 102 * PLACED_PAGE,
			   3 * PLACED_PAGE));
	if (!coarse) {
		igt_assert(memcmp(o->seen + 101 * PLACED_PAGE, o->want + 101 * PLACED_PAGE,
				  PLACED_PAGE));
		igt_assert(memcmp(o->seen + 105 * PLACED_PAGE, o->want + 105 * PLACED_PAGE,
				  PLACED_PAGE));
	}
	/* A store to a page of which others in the range were sent. */
	store(o, o->map, 103);
	check_sent(o, 6);

	/* From an offset, and waiting. */
	store_pages(o, o->map, 700, 4);
	must_dirty(o, (struct drm_gem_dirty) {
		.flags = DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT, .offset = 701 * PLACED_PAGE,
	});
	check_sent(o, 1);

	/* Both: what is listed is what is sent. */
	store_pages(o, o->map, 700, 4);
	answer = must_dirty(o, (struct drm_gem_dirty) {
		.flags = DRM_GEM_DIRTY_QUERY | DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
		.runs = placed_addr(runs), .count = 8,
	});
	igt_assert_eq_u32(answer.count, 1);
	if (!coarse) {
		igt_assert_eq_u64(runs[0].offset, 700 * PLACED_PAGE);
		igt_assert_eq_u64(runs[0].length, 4 * PLACED_PAGE);
	}
	copy_op(o->fd, o->handle, DRM_PLACED_COPY_PEEK, 0, o->size, o->seen);
	compare(o, o->seen, "the device");
	check_sent(o, 0);
}

/**
 * SUBTEST: dirty-flush
 * Description: A flush sends what is dirty in its range, and leaves the rest.
 */
static void dirty_flush(int fd, uint32_t kind)
{
	cold_and_hot(fd, kind, do_dirty_flush);
}

/**
 * SUBTEST: dirty-no-space
 * Description: With more runs than there is room for: ENOSPC, how many there are, nothing sent.
 */
static void dirty_no_space(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, 64);
	struct drm_gem_dirty_run runs[10] = {};

	for (uint64_t i = 0; i < 10; i++)
		store(&o, o.map, 6 * i);
	for (uint32_t room = 0; room < 10; room++) {
		struct drm_gem_dirty args = {
			.handle = o.handle,
			.flags = DRM_GEM_DIRTY_QUERY | DRM_GEM_DIRTY_FLUSH,
			.runs = placed_addr(runs), .count = room,
		};

		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &args), -ENOSPC);
		igt_assert_eq_u32(args.count, 10);
		igt_assert_eq_u64(runs[room].length, 0);
	}
	igt_assert_eq_u32(must_dirty(&o, (struct drm_gem_dirty) {
		.flags = DRM_GEM_DIRTY_QUERY, .runs = placed_addr(runs), .count = 10,
	}).count, 10);
	for (uint64_t i = 0; i < 10; i++)
		igt_assert_eq_u64(runs[i].offset, 6 * i * PLACED_PAGE);
	check_sent(&o, 10);
	destroy(&o);
}

/**
 * SUBTEST: failed-transfer
 * Description: A transfer that the device refused is said once, to whoever waits.
 */
static void failed_transfer(int fd, uint32_t kind)
{
	struct drm_gem_dirty flush = { .flags = DRM_GEM_DIRTY_FLUSH };
	struct drm_gem_dirty wait = { .flags = DRM_GEM_DIRTY_WAIT };
	struct object o = make(fd, kind, PAGES);

	store(&o, o.map, 600);
	copy_op(fd, o.handle, DRM_PLACED_COPY_FAIL, 0, 0, NULL);
	copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, o.size, o.seen);
	igt_assert(memcmp(o.seen, o.want, o.size));
	igt_assert_eq(dirty(&o, flush), 0);
	igt_assert_eq(dirty(&o, wait), -EIO);
	igt_assert_eq(dirty(&o, wait), 0);

	/* The next store to the page brings it. */
	store(&o, o.map, 600);
	check_sent(&o, 1);
	igt_assert_eq(dirty(&o, wait), 0);
	destroy(&o);
}

static void child_loads(struct object *o)
{
	signal(SIGBUS, SIG_DFL);
	(void)*(volatile uint8_t *)(o->map + 600 * PLACED_PAGE);
}

/**
 * SUBTEST: failed-read-back
 * Description: Who waits for what the device will not give back gets SIGBUS; others try again.
 */
static void failed_read_back(int fd, uint32_t kind)
{
	struct object o = make(fd, kind, PAGES);
	int status;
	pid_t pid;

	device_writes(&o, 0, o.size);
	copy_op(fd, o.handle, DRM_PLACED_COPY_FAIL, 0, 1, NULL);
	pid = start_child(child_loads, &o);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);

	check_map(&o, o.map);
	check_sent(&o, 0);
	destroy(&o);
}

/* What others' tracking relies on */

static uint32_t clean(const struct object *o)
{
	struct drm_placed_copy_clean args = { .handle = o->handle };

	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_PLACED_COPY_CLEAN, &args), 0);
	return args.pages;
}

/**
 * SUBTEST: clean-skips-readonly
 * Description: mm's walk of an object's mappings goes on behind one that cannot be written.
 */
static void clean_skips_readonly(int fd, uint32_t kind)
{
	/* Mappings of the same offset are in the order they were made in. */
	for (int first = 0; first < 2; first++) {
		struct object o = make_plain(fd, kind, 64);
		uint8_t *reader = NULL;

		if (first)
			reader = map_unwritable(&o);
		o.map = placed_plain_map(fd, o.handle, o.size);
		if (!first)
			reader = map_unwritable(&o);
		touch(reader, o.size);

		clean(&o);
		store(&o, o.map, 3);
		store(&o, o.map, 63);
		igt_assert_eq_u32(clean(&o), 2);
		igt_assert_eq_u32(clean(&o), 0);
		placed_unmap(reader, o.size);
		destroy(&o);
	}
}

igt_main
{
	static const struct copy_test tests[] = {
		{ "whole", "Stores to whole objects", whole },
		{ "parts", "Stores through mappings of parts", parts },
		{ "plain", "Plain mmap(2)", plain },
		{ "exact", "As many pages are sent as were written", exact },
		{ "patterns", "Dense and sparse stores by turns", patterns },
		{ "reset", "The device forgets its copy", reset },
		{ "mapped-before", "A mapping that is not coherent", mapped_before },
		{ "device-writes", "The device writes", device_writes_all },
		{ "device-writes-beside", "Both write in the same pages",
		  device_writes_beside_both },
		{ "device-writes-write-only", "No reading back without PROT_READ",
		  device_writes_write_only },
		{ "device-writes-maps", "Other mappings see it, too", device_writes_maps },
		{ "device-writes-mixed", "Mappings with and without PROT_READ",
		  device_writes_mixed },
		{ "split", "Stores behind what was split off", split },
		{ "munmap", "Stores before munmap()", munmap_both },
		{ "munmap-last", "Stores before munmap() of the only mapping", munmap_last },
		{ "map-over", "Stores before a mapping in the same place", map_over },
		{ "mprotect", "Stores around mprotect()", protect },
		{ "mprotect-dirty", "mprotect() back and forth", protect_dirty },
		{ "mremap", "Stores around mremap()", mremap_both },
		{ "fork", "Both sides of a fork store", fork_both },
		{ "exit", "Stores of a child that exits", exit_both },
		{ "processes", "Stores in two processes", processes },
		{ "dma-buf", "Mappings of the dma-buf", dma_buf },
		{ "read-only-first", "Beside read-only mappings", read_only_first },
		{ "dontneed", "MADV_DONTNEED after stores", dontneed },
		{ "kernel-stores", "Stores by system calls", kernel_stores },
		{ "race-collect", "Stores race with operations", race_collect },
		{ "race-collect-protect", "The same without open pages", race_collect_protect },
		{ "race-munmap", "munmap() races with operations", race_munmap },
		{ "race-device-writes", "Stores race with the device's", race_device_writes },
		{ "race-loads", "Loads race for what the device wrote", race_loads },
		{ "race-tear", "Stores of eight bytes are not torn", race_tear },
		{ "race-fork", "fork() races with operations", race_fork },
		{ "race-mremap", "mremap() races with operations", race_mremap },
		{ "race-coherent", "Threads make an object coherent at once", race_coherent },
		{ "coherent-errors", "Bad arguments of GEM_COHERENT", coherent_errors },
		{ "coherent-unsupported", "Drivers without coherency", coherent_unsupported },
		{ "dirty-errors", "Bad arguments of GEM_DIRTY", dirty_errors },
		{ "dirty-query", "Queries", dirty_query },
		{ "dirty-flush", "Flushes", dirty_flush },
		{ "dirty-no-space", "More runs than room for them", dirty_no_space },
		{ "failed-transfer", "The device refuses a transfer", failed_transfer },
		{ "failed-read-back", "The device refuses to be read", failed_read_back },
		{ "clean-skips-readonly", "Read-only mappings in mm's walk", clean_skips_readonly },
	};

	COPY_RUN_TESTS(tests);

	igt_fixture
		copy_use_environment();
}
