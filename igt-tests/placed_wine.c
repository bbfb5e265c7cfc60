// SPDX-License-Identifier: MIT

/**
 * TEST: placed wine
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: What Wine does for a 32-bit program that maps a buffer: it reserves addresses
 *	that the program can have, as NtAllocateVirtualMemory() does, has the buffer mapped over
 *	them, and gets the reservation back when the buffer is unmapped.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Maps over reservations in low memory, again and again.");

#define PLACED_2G (2ull << 30)

/* What Windows rounds reservations to. */
#define GRANULE 0x10000ull

#define OBJECTS 4
#define VIEWS 12
#define THREADS 4
#define FRAGMENTS 4000

/* PLACED_OPERATIONS in the environment is for kernels that check every step. */
static int operations = 10000;

struct object {
	uint32_t handle;
	uint64_t size;
	/* A second mapping of all of it; and its dma-buf, or -1. */
	volatile uint32_t *whole;
	int dma_buf;
};

/*
 * A reservation, of which the first and the last granule are not the view's: the
 * pages next to it are guards.
 */
struct view {
	enum { NOTHING, RESERVED, MAPPED } state;
	uint64_t start, end;
	/* The part that is mapped, and of which object. */
	uint64_t addr, length, offset;
	const struct object *object;
};

/* One who maps: the process, or each of its threads. */
struct wine {
	int fd;
	unsigned int id, seed;
	/* What the driver can. */
	bool subrange, coherent;
	/* Where reservations go, and how large views get. */
	uint64_t low, high, largest;
	/* Does a driver that knows nothing of all this map first, where it likes? */
	bool duplicate;

	struct object objects[OBJECTS];
	struct view views[VIEWS];
	uint32_t serial;
	int maps, goal;

	/* The first thing that went wrong; threads cannot assert. */
	const char *wrong;
	int error, line;
	uint64_t where;
};

static bool note(struct wine *w, const char *what, int error, uint64_t where, int line)
{
	if (!w->wrong) {
		w->wrong = what;
		w->error = error;
		w->where = where;
		w->line = line;
	}
	return false;
}

/* For functions that return whether all is well. */
#define must(w, expr, where) do { \
	errno = 0; \
	if (!(expr)) \
		return note(w, #expr, errno, where, __LINE__); \
} while (0)

static void assert_right(const struct wine *w)
{
	igt_assert_f(!w->wrong, "line %d, map %d, address %#llx: %s (%s)\n", w->line, w->maps,
		     (unsigned long long)w->where, w->wrong, strerror(w->error));
}

static uint64_t dice(struct wine *w, uint64_t sides)
{
	uint64_t number = (uint64_t)rand_r(&w->seed) << 31 | rand_r(&w->seed);

	return number % sides;
}

/* Small ones more often: each power of two as often as each other. */
static uint64_t some_pages(struct wine *w, uint64_t most)
{
	uint64_t top = 1;

	while (top < most && dice(w, 12))
		top *= 2;
	if (top > most)
		top = most;
	return 1 + dice(w, top);
}

static void *reserve_at(uint64_t start, uint64_t size, int flag)
{
	return mmap(placed_ptr(start), size, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flag, -1, 0);
}

/*
 * NtAllocateVirtualMemory() with zero_bits: try one address after the other, which
 * other threads do, too.
 */
static bool reserve(struct wine *w, struct view *v, uint64_t size)
{
	uint64_t places = (w->high - w->low - size) / GRANULE + 1;
	uint64_t place = dice(w, places);

	for (uint64_t tries = 0; tries < 4 * places; tries++, place = (place + 1) % places) {
		uint64_t start = w->low + place * GRANULE;
		void *at = reserve_at(start, size, MAP_FIXED_NOREPLACE);

		if (at == MAP_FAILED && errno == EEXIST)
			continue;
		if (at != placed_ptr(start))
			return note(w, "no reservation", errno, start, __LINE__);
		v->start = start;
		v->end = start + size;
		return true;
	}

	return note(w, "no room", ENOMEM, w->low, __LINE__);
}

static volatile uint32_t *guard_below(const struct view *v)
{
	return placed_ptr(v->start + GRANULE - PLACED_PAGE);
}

static volatile uint32_t *guard_above(const struct view *v)
{
	return placed_ptr(v->end - GRANULE);
}

/* What the guard pages have, and the fragments: their address, mixed up. */
static uint32_t guard_value(uint64_t addr)
{
	return (uint32_t)(addr / PLACED_PAGE) * 2654435761u | 1;
}

static bool set_guard(struct wine *w, volatile uint32_t *guard)
{
	uint64_t addr = placed_addr((void *)guard);

	must(w, !mprotect((void *)guard, PLACED_PAGE, PROT_READ | PROT_WRITE), addr);
	guard[0] = guard_value(addr);
	guard[PLACED_PAGE / 4 - 1] = ~guard_value(addr);
	return true;
}

static bool check_guard(struct wine *w, volatile uint32_t *guard)
{
	uint64_t addr = placed_addr((void *)guard);

	must(w, guard[0] == guard_value(addr), addr);
	must(w, guard[PLACED_PAGE / 4 - 1] == ~guard_value(addr), addr);
	return true;
}

static bool make_reservation(struct wine *w, struct view *v)
{
	uint64_t size = some_pages(w, w->largest / PLACED_PAGE) * PLACED_PAGE;

	size = (size + GRANULE - 1) & -GRANULE;
	if (!reserve(w, v, size + 2 * GRANULE))
		return false;
	v->state = RESERVED;
	return set_guard(w, guard_below(v)) && set_guard(w, guard_above(v));
}

static bool free_reservation(struct wine *w, struct view *v)
{
	must(w, !munmap(placed_ptr(v->start), v->end - v->start), v->start);
	v->state = NOTHING;
	return true;
}

/*
 * A mapping as a driver makes it that asks nobody, with the view somewhere in it.
 * Returns its address, or 0.
 */
static uint64_t driver_maps(struct wine *w, const struct view *v, uint64_t *first, uint64_t *size)
{
	const struct object *o = v->object;
	bool by_dma_buf = o->dma_buf >= 0 && dice(w, 2);
	uint64_t fake = 0, from = w->subrange ? dice(w, v->offset / PLACED_PAGE + 1) : 0;
	void *at;

	*first = from * PLACED_PAGE;
	*size = v->offset + v->length - *first;
	*size += dice(w, (o->size - *first - *size) / PLACED_PAGE + 1) * PLACED_PAGE;
	if (!by_dma_buf && placed_fake_offset(w->fd, o->handle, &fake))
		return 0;
	at = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED,
		  by_dma_buf ? o->dma_buf : w->fd, fake + *first);
	return at == MAP_FAILED ? 0 : placed_addr(at);
}

/* The driver was not asked for an address: have the same at one the program can have. */
static bool map_duplicate(struct wine *w, struct view *v)
{
	uint64_t first, size, original = driver_maps(w, v, &first, &size);
	struct drm_gem_mmap_placed args = {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR | DRM_GEM_MMAP_PLACED_FIXED |
			 (dice(w, 2) ? PLACED_RW : 0),
		.from_addr = original + v->offset - first, .length = v->length, .addr = v->addr,
	};
	volatile uint32_t *word;
	uint32_t value = ++w->serial;

	must(w, original, v->addr);
	must(w, !placed_map(w->fd, &args), v->addr);
	must(w, args.addr == v->addr, args.addr);

	/* The driver's own is as good as before. */
	word = placed_ptr(args.from_addr + 12);
	*word = value;
	must(w, ((volatile uint32_t *)placed_ptr(v->addr))[3] == value, v->addr);
	must(w, !munmap(placed_ptr(original), size), original);
	return true;
}

static bool map_placed(struct wine *w, struct view *v)
{
	struct drm_gem_mmap_placed args = {
		.handle = v->object->handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED |
			 (w->coherent && dice(w, 2) ? DRM_GEM_MMAP_PLACED_COHERENT : 0),
		.offset = v->offset, .length = v->length, .addr = v->addr,
	};

	must(w, !placed_map(w->fd, &args), v->addr);
	must(w, args.addr == v->addr, args.addr);
	return true;
}

/* vkMapMemory2() with an address, for a part of the reservation. */
static bool map_view(struct wine *w, struct view *v)
{
	const struct object *o = &w->objects[dice(w, OBJECTS)];
	uint64_t room = (v->end - v->start - 2 * GRANULE) / PLACED_PAGE;
	uint64_t most = o->size < room * PLACED_PAGE ? o->size / PLACED_PAGE : room;

	v->object = o;
	v->length = (dice(w, 2) ? most : 1 + dice(w, most)) * PLACED_PAGE;
	if (w->subrange)
		v->offset = dice(w, (o->size - v->length) / PLACED_PAGE + 1) * PLACED_PAGE;
	v->addr = v->start + GRANULE + dice(w, room - v->length / PLACED_PAGE + 1) * PLACED_PAGE;
	if (!(w->duplicate ? map_duplicate(w, v) : map_placed(w, v)))
		return false;
	v->state = MAPPED;
	w->maps++;
	return true;
}

/* A page of the view is that page of the object, both ways. */
static bool use_page(struct wine *w, const struct view *v, uint64_t page)
{
	volatile uint32_t *view = placed_ptr(v->addr + page * PLACED_PAGE);
	volatile uint32_t *whole = v->object->whole + (v->offset / PLACED_PAGE + page) * 1024;
	uint32_t value = w->id << 28 | (++w->serial & 0xfffffff);

	view[8] = value;
	must(w, whole[8] == value, placed_addr((void *)view));
	whole[9] = ~value;
	must(w, view[9] == ~value, placed_addr((void *)view));
	return true;
}

static bool use_view(struct wine *w, const struct view *v)
{
	uint64_t pages = v->length / PLACED_PAGE;

	return use_page(w, v, 0) && use_page(w, v, pages - 1) && use_page(w, v, dice(w, pages)) &&
	       check_guard(w, guard_below(v)) && check_guard(w, guard_above(v));
}

/* vkUnmapMemory2() with VK_MEMORY_UNMAP_RESERVE_BIT_EXT. */
static bool unmap_view(struct wine *w, struct view *v)
{
	if (!use_view(w, v))
		return false;
	must(w, reserve_at(v->addr, v->length, MAP_FIXED) == placed_ptr(v->addr), v->addr);
	v->state = RESERVED;
	return check_guard(w, guard_below(v)) && check_guard(w, guard_above(v));
}

static bool step(struct wine *w, struct view *v)
{
	switch (v->state) {
	case NOTHING:
		return make_reservation(w, v) && map_view(w, v) && use_view(w, v);
	case RESERVED:
		/* Often enough the next buffer goes where the last one was. */
		if (!dice(w, 2))
			return free_reservation(w, v);
		return map_view(w, v) && use_view(w, v);
	default:
		/* Without a word before, too. */
		if (!dice(w, 8))
			return use_view(w, v) && free_reservation(w, v);
		return unmap_view(w, v);
	}
}

static void free_all(struct wine *w)
{
	for (int i = 0; i < VIEWS; i++)
		if (w->views[i].state != NOTHING && !free_reservation(w, &w->views[i]))
			return;
}

static void *run(void *data)
{
	struct wine *w = data;

	while (!w->wrong && w->maps < w->goal)
		if (!step(w, &w->views[dice(w, VIEWS)]))
			return NULL;
	free_all(w);
	return NULL;
}

static struct wine start(int fd, const char *driver, uint64_t high)
{
	struct wine w = {
		.fd = fd, .seed = 20, .id = 1, .largest = PLACED_2M * 4,
		/* The first and the last granule are nobody's, on Windows, too. */
		.low = GRANULE, .high = high - GRANULE,
		.subrange = placed_driver_has_subrange(driver),
		.coherent = placed_driver_has_coherent(driver), .goal = operations,
	};

	return w;
}

/* From a page to some MiB. */
static void make_objects(struct wine *w)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct object *o = &w->objects[i];
		struct drm_prime_handle prime = { .flags = DRM_RDWR };

		o->size = PLACED_PAGE << 4 * i;
		if (o->size > w->largest)
			o->size = w->largest;
		o->handle = prime.handle = placed_object(w->fd, o->size);
		o->whole = placed_plain_map(w->fd, o->handle, o->size);
		o->dma_buf = -1;
		if (w->duplicate && w->subrange) {
			igt_assert_eq(placed_ioctl(w->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
			o->dma_buf = prime.fd;
		}
	}
}

static void destroy_objects(struct wine *w)
{
	for (int i = 0; i < OBJECTS; i++) {
		placed_unmap((void *)w->objects[i].whole, w->objects[i].size);
		if (w->objects[i].dma_buf >= 0)
			close(w->objects[i].dma_buf);
		igt_assert_eq(placed_close_handle(w->fd, w->objects[i].handle), 0);
	}
}

/* How many mappings does the process have? */
static int count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end;
	int count = 0;

	igt_assert(maps);
	while (placed_next_map(maps, &start, &end, NULL, 0))
		count++;
	fclose(maps);
	return count;
}

/* Run until all maps are done; as many mappings are there then as before. */
static void run_alone(struct wine *w)
{
	int before;

	make_objects(w);
	before = count_maps();
	run(w);
	assert_right(w);
	igt_assert_eq(count_maps(), before);
	igt_assert_lte_u64(w->goal, w->maps);
	destroy_objects(w);
}

/**
 * SUBTEST: below-2g
 * Description: 5,000 buffers over reservations below 2 GiB.
 */
static void below_2g(int fd, const char *driver)
{
	struct wine w = start(fd, driver, PLACED_2G);

	w.goal = operations / 2;
	run_alone(&w);
}

/**
 * SUBTEST: below-4g
 * Description: The same below 4 GiB, for programs that can have these addresses.
 */
static void below_4g(int fd, const char *driver)
{
	struct wine w = start(fd, driver, PLACED_4G);

	w.goal = operations / 2;
	run_alone(&w);
}

/*
 * Mappings of a page or a few, all over low memory, that somebody else has and that
 * stay as they are.
 */
struct fragments {
	int count;
	struct {
		uint64_t addr, size;
	} at[FRAGMENTS];
};

static struct fragments *make_fragments(struct wine *w)
{
	struct fragments *f = calloc(1, sizeof(*f));
	int wanted = placed_rounds(FRAGMENTS);

	igt_assert(f);
	if (wanted > FRAGMENTS)
		wanted = FRAGMENTS;
	while (f->count < wanted) {
		uint64_t size = (1 + dice(w, 4)) * PLACED_PAGE;
		uint64_t pages = (w->high - w->low - size) / PLACED_PAGE;
		uint64_t addr = w->low + dice(w, pages) * PLACED_PAGE;
		volatile uint32_t *ptr = mmap(placed_ptr(addr), size, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
					      -1, 0);

		if (ptr == MAP_FAILED && errno == EEXIST)
			continue;
		igt_assert_eq_u64(placed_addr((void *)ptr), addr);
		ptr[0] = guard_value(addr);
		f->at[f->count].addr = addr;
		f->at[f->count++].size = size;
	}
	return f;
}

static void check_fragments(struct wine *w, struct fragments *f)
{
	for (int i = 0; i < f->count; i++) {
		volatile uint32_t *ptr = placed_ptr(f->at[i].addr);

		igt_assert_eq_u32(ptr[0], guard_value(f->at[i].addr));
		/* What nobody wrote. */
		igt_assert_eq_u32(ptr[f->at[i].size / 4 - 1], 0);
		placed_unmap((void *)ptr, f->at[i].size);
	}
	free(f);
}

/**
 * SUBTEST: fragmented
 * Description: 10,000 below 2 GiB, among thousands of small mappings that are nobody's business.
 */
static void fragmented(int fd, const char *driver)
{
	struct wine w = start(fd, driver, PLACED_2G);
	struct fragments *f = make_fragments(&w);

	w.largest = PLACED_2M / 4;
	run_alone(&w);
	check_fragments(&w, f);
}

/**
 * SUBTEST: duplicate
 * Description: A driver maps where it likes, and what it mapped is duplicated over the reservation,
 *   in fragmented memory.
 */
static void duplicate(int fd, const char *driver)
{
	struct wine w = start(fd, driver, PLACED_4G);
	struct fragments *f = make_fragments(&w);

	w.duplicate = true;
	w.largest = PLACED_2M / 2;
	run_alone(&w);
	check_fragments(&w, f);
}

/* Some at a time, who want the same addresses. Their stacks are left out of the count. */
static void run_threads(int fd, const char *driver, bool duplicate)
{
	/* Enough for what they have at a time, and not much more. */
	const uint64_t size = 8 * PLACED_2M;
	uint64_t region = placed_free_region(size);
	struct wine wines[THREADS];
	pthread_t threads[THREADS];
	int before, i;

	for (i = 0; i < THREADS; i++) {
		wines[i] = start(fd, driver, region + size);
		wines[i].low = region;
		wines[i].id = wines[i].seed = i + 1;
		wines[i].largest = 4 * GRANULE;
		wines[i].duplicate = duplicate;
		make_objects(&wines[i]);
	}

	/* Once without a goal, for the stacks. */
	for (before = 0;; before = count_maps()) {
		for (i = 0; i < THREADS; i++) {
			wines[i].goal = before ? operations / 4 / THREADS : 1;
			igt_assert_eq(pthread_create(&threads[i], NULL, run, &wines[i]), 0);
		}
		for (i = 0; i < THREADS; i++)
			igt_assert_eq(pthread_join(threads[i], NULL), 0);
		if (before)
			break;
	}

	for (i = 0; i < THREADS; i++)
		assert_right(&wines[i]);
	igt_assert_eq(count_maps(), before);
	for (i = 0; i < THREADS; i++)
		destroy_objects(&wines[i]);
	igt_assert(placed_is_free(region, region + size));
}

/**
 * SUBTEST: threads
 * Description: Threads race for the same addresses: each has what it reserved, and nothing else.
 */
static void threads(int fd, const char *driver)
{
	run_threads(fd, driver, false);
}

/**
 * SUBTEST: threads-duplicate
 * Description: The same where what is mapped over the reservations are duplicates.
 */
static void threads_duplicate(int fd, const char *driver)
{
	run_threads(fd, driver, true);
}

/* Those who look for room where there is none. */
struct intruder {
	int fd;
	uint32_t handle;
	uint64_t start, end, size;
	atomic_bool stop;
	atomic_int tries, inside, other_error;
};

static void intrude(struct intruder *s, void *ptr)
{
	uint64_t addr = placed_addr(ptr);

	if (ptr == MAP_FAILED)
		return;
	if (addr < s->end && addr + s->size > s->start)
		atomic_fetch_add(&s->inside, 1);
	munmap(ptr, s->size);
}

static void *run_intruder(void *data)
{
	struct intruder *s = data;
	unsigned int seed = 1;

	while (!atomic_load(&s->stop)) {
		uint64_t pages = (s->end - s->start) / PLACED_PAGE - 1;
		void *hint = placed_ptr(s->start + rand_r(&seed) % pages * PLACED_PAGE);
		struct drm_gem_mmap_placed args = {
			.handle = s->handle, .flags = PLACED_RW, .length = s->size,
			.range_start = s->start, .range_end = s->end,
		};
		int ret = placed_map(s->fd, &args);

		if (ret && ret != -ENOSPC)
			atomic_store(&s->other_error, ret);
		intrude(s, ret ? MAP_FAILED : placed_ptr(args.addr));
		intrude(s, mmap(hint, s->size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		intrude(s, mmap(hint, s->size, PROT_READ,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
		atomic_fetch_add(&s->tries, 1);
	}

	return NULL;
}

static void nobody_gets_in(int fd, const char *driver, bool duplicate)
{
	struct wine w = start(fd, driver, PLACED_4G);
	struct intruder s = { .fd = fd, .size = PLACED_PAGE };
	struct view *v = &w.views[0];
	pthread_t thread;
	int map;

	w.largest = PLACED_2M / 4;
	w.duplicate = duplicate;
	make_objects(&w);
	igt_assert(reserve(&w, v, w.largest));
	igt_assert(set_guard(&w, guard_below(v)) && set_guard(&w, guard_above(v)));
	s.handle = w.objects[0].handle;
	s.start = v->start;
	s.end = v->end;
	igt_assert_eq(pthread_create(&thread, NULL, run_intruder, &s), 0);
	for (map = 0; map < operations / 10 || !atomic_load(&s.tries); map++) {
		if (!map_view(&w, v) || !unmap_view(&w, v))
			break;
		/* One processor has to give the other its turn. */
		if (map % 16 == 0)
			sched_yield();
	}
	atomic_store(&s.stop, true);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	assert_right(&w);
	igt_assert_f(!s.inside, "%d of %d got in\n", s.inside, s.tries);
	igt_assert_eq(s.other_error, 0);
	igt_info("%d maps, %d tries to get in\n", map, s.tries);
	igt_assert(free_reservation(&w, v));
	destroy_objects(&w);
}

/**
 * SUBTEST: reservation-stays
 * Description: While buffers come and go, no search finds room in the reservation, nor between the
 *   end of one and the beginning of the next.
 */
static void reservation_stays(int fd, const char *driver)
{
	nobody_gets_in(fd, driver, false);
}

/**
 * SUBTEST: reservation-stays-duplicate
 * Description: The same for duplicates.
 */
static void reservation_stays_duplicate(int fd, const char *driver)
{
	nobody_gets_in(fd, driver, true);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "below-2g", "Reservations below 2 GiB", below_2g },
		{ "below-4g", "Reservations below 4 GiB", below_4g },
		{ "fragmented", "Reservations in fragmented memory", fragmented },
		{ "duplicate", "Duplicates of a driver's mappings over reservations", duplicate },
		{ "threads", "Threads that race for addresses", threads },
		{ "threads-duplicate", "Threads that duplicate", threads_duplicate },
		{ "reservation-stays", "Nobody gets into a reservation", reservation_stays },
		{ "reservation-stays-duplicate", "Nor where it is a duplicate that comes and goes",
		  reservation_stays_duplicate },
	};

	igt_fixture {
		const char *asked = getenv("PLACED_OPERATIONS");

		if (asked)
			operations = atoi(asked);
		igt_assert(operations >= 100);
	}

	PLACED_RUN_TESTS(tests);
}
