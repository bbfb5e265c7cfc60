// SPDX-License-Identifier: MIT

/**
 * TEST: placed pages race
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_MAP_PAGES
 * Description: Pages are put into windows by several at once, and by those who are interrupted.
 */

#include <pthread.h>
#include <sys/time.h>

#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Threads and processes race for page windows.");

/* Some chunks and a part of one. */
#define PAGES (2 * PAGES_2M + 37)
#define SIZE (PAGES * PLACED_PAGE)

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	alarms++;
}

/**
 * SUBTEST: signals
 * Description: Signals with a handler do no harm to a call, however long it takes.
 */
static void signals(int fd, const struct kind *kind)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = {};
	struct object o = make_numbered(fd, kind, PAGES);
	struct window w = make_window(&o, 30000);
	double end = seconds_now() + 5;

	signal(SIGALRM, on_alarm);
	alarms = 0;
	igt_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (uint64_t step = 1; step < 4 || (alarms < 20 && seconds_now() < end); step++)
		fill_window(&w, step % PAGES);
	igt_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	signal(SIGALRM, SIG_DFL);
	igt_assert(alarms >= 20);
	check_window(&w);
	end_window(&w);
	destroy_object(&o);
}

/**
 * SUBTEST: killed
 * Description: A process that is killed in the middle of calls leaves nothing behind.
 */
static void killed(int fd, const struct kind *kind)
{
	struct object o = make_numbered(fd, kind, PAGES);
	struct placed_counts counts;

	settle(&o);
	counts = placed_count(fd);
	for (int round = 0; round < 5; round++) {
		struct timespec moment = { 0, (round + 1) * 7 * 1000 * 1000 };
		pid_t pid = start_child();

		if (!pid) {
			struct window w = make_window(&o, 200000);

			for (uint64_t step = 1;; step++)
				fill_window(&w, step);
		}
		nanosleep(&moment, NULL);
		igt_assert_eq(end_child(pid, SIGKILL), SIGKILL);
		settle(&o);
		placed_assert_same_counts(fd, counts);
	}
	check_object(&o, 0, PAGES, SEED);
	destroy_object(&o);
}

/* Threads */

/* A place gets pages that are congruent to it: anything else was put there by nobody. */
#define CLASSES 7
#define RACE_PAGES (CLASSES * 150ull)

struct race {
	const struct object *o;
	uint8_t *at, *map;
	pthread_barrier_t barrier;
	atomic_bool stop;
	atomic_int next, calls, refused, loads, wrong, last_wrong;
	/* What it has started at, for it goes on for some time. */
	double start;
	/* What may be the answer beside success; what accesses may find beside a page. */
	int allowed;
	bool may_be_empty, may_be_zero;
};

/* The number of a page, where it does not depend on the page; zero is of one that was discarded. */
static void *number_at(uint8_t *page)
{
	return page + 4080;
}

static struct object make_race(int fd, const struct kind *kind, struct race *race)
{
	struct object o = make_object(fd, kind, RACE_PAGES);

	memset(race, 0, sizeof(*race));
	race->map = map_all(&o);
	for (uint64_t page = 0; page < RACE_PAGES; page++)
		*(volatile uint32_t *)number_at(page_at(race->map, page)) = page + 1;
	race->at = reserve(RACE_PAGES);
	return o;
}

/*
 * For some time, and until everybody had a turn: whoever is first at a lock may keep
 * it for a while.
 */
static bool race_goes_on(const struct race *race, int turns)
{
	double now = seconds_now();

	if (now > race->start + 10)
		return false;
	return now < race->start + 0.003 * placed_rounds(100) || turns < 3 || race->calls < 3 ||
	       race->loads < 10;
}

static void race_window(const struct race *race, uint64_t first, uint64_t pages)
{
	struct drm_gem_mmap_placed args = window_args(race->o, pages);

	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	args.addr = placed_addr(page_at(race->at, first));
	placed_must_map(race->o->fd, args);
}

static void note_wrong(struct race *race, int what)
{
	atomic_fetch_add(&race->wrong, 1);
	atomic_store(&race->last_wrong, what);
}

static uint64_t page_of_class(uint64_t place, unsigned int *seed)
{
	return place % CLASSES + CLASSES * (rand_r(seed) % (RACE_PAGES / CLASSES));
}

/* One call, for places in a row or here and there. No allocations: others unmap and map. */
static void race_call(struct race *race, unsigned int *seed)
{
	static __thread uint64_t pages[RACE_PAGES], addrs[RACE_PAGES];
	uint64_t first = rand_r(seed) % RACE_PAGES;
	uint64_t count = 1 + rand_r(seed) % (rand_r(seed) % 2 ? RACE_PAGES - first : 1);
	struct drm_gem_map_pages args = { .pages = placed_addr(pages), .count = count };
	bool scattered = rand_r(seed) % 2;
	int ret;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t place = scattered ? (first + i * 11) % RACE_PAGES : first + i;

		addrs[i] = placed_addr(page_at(race->at, place));
		pages[i] = page_of_class(place, seed);
		if (race->may_be_empty && rand_r(seed) % 8 == 0)
			pages[i] = NONE;
	}
	if (scattered)
		args.addrs = placed_addr(addrs);
	else
		args.addr = addrs[0];
	ret = map_pages(race->o->fd, args);
	atomic_fetch_add(&race->calls, 1);
	if (ret && ret == race->allowed)
		atomic_fetch_add(&race->refused, 1);
	else if (ret)
		note_wrong(race, ret);
}

/* What a place has, if that is nothing it could have. */
static int64_t wrong_at(const struct race *race, uint64_t place)
{
	int64_t value = caught_load(number_at(page_at(race->at, place)));

	if (value > 0 && value <= (int64_t)RACE_PAGES && (uint64_t)(value - 1) % CLASSES == place % CLASSES)
		return 0;
	if (!value)
		return race->may_be_zero ? 0 : -EIO;
	if (value == -SIGSEGV && race->may_be_empty)
		return 0;
	return value < 0 ? value : -ERANGE;
}

static void race_load(struct race *race, unsigned int *seed)
{
	int64_t wrong = wrong_at(race, rand_r(seed) % RACE_PAGES);

	if (wrong)
		note_wrong(race, wrong);
	atomic_fetch_add(&race->loads, 1);
}

static void *race_map(void *data)
{
	struct race *race = data;
	unsigned int seed = 100 + atomic_fetch_add(&race->next, 1);

	catch_access();
	while (!atomic_load(&race->stop)) {
		race_call(race, &seed);
		for (int i = 0; i < 20; i++)
			race_load(race, &seed);
	}
	return NULL;
}

static void fill_race(struct race *race)
{
	static uint64_t pages[RACE_PAGES];
	unsigned int seed = 9;

	for (uint64_t place = 0; place < RACE_PAGES; place++)
		pages[place] = page_of_class(place, &seed);
	igt_assert_eq(map_pages(race->o->fd, (struct drm_gem_map_pages) {
		.addr = placed_addr(race->at), .pages = placed_addr(pages), .count = RACE_PAGES,
	}), 0);
	for (uint64_t place = 0; place < RACE_PAGES; place++)
		if (!race->may_be_zero)
			igt_assert(load(number_at(page_at(race->at, place))) ==
				   (int64_t)pages[place] + 1);
}

static void start_race(struct race *race, pthread_t *threads, int count)
{
	race->start = seconds_now();
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, race_map, race), 0);
}

/* Nothing is asserted before the threads have ended. */
static void end_race(struct race *race, pthread_t *threads, int count)
{
	atomic_store(&race->stop, true);
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_info("%s: %d calls, %d refused, %d loads\n", race->o->kind->name, race->calls,
		 race->refused, race->loads);
	igt_assert_f(!race->wrong, "%d wrong, the last was %d\n", race->wrong, race->last_wrong);
	igt_assert(race->calls > 0 && race->loads > 0);
}

/* The object is as it was made, and has a window that works. */
static void finish_race(struct race *race, struct object *o)
{
	race->may_be_empty = false;
	race_window(race, 0, RACE_PAGES);
	fill_race(race);
	for (uint64_t page = 0; !race->may_be_zero && page < RACE_PAGES; page++)
		igt_assert_eq_u32(*(volatile uint32_t *)number_at(page_at(race->map, page)),
				  page + 1);
	placed_unmap(race->at, RACE_PAGES * PLACED_PAGE);
	placed_unmap(race->map, o->size);
	destroy_object(o);
}

/**
 * SUBTEST: race-remap
 * Description: Threads put pages into the same window: what is there is always what somebody put.
 */
static void race_remap(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	pthread_t threads[2];
	unsigned int seed = 1;

	race.o = &o;
	race_window(&race, 0, RACE_PAGES);
	fill_race(&race);
	start_race(&race, threads, 2);
	for (int turn = 0; race_goes_on(&race, turn); turn++)
		race_load(&race, &seed);
	end_race(&race, threads, 2);
	finish_race(&race, &o);
}

/**
 * SUBTEST: race-munmap
 * Description: The window, and parts of it, are unmapped, moved, protected and made again
 *	meanwhile: ENOENT at worst.
 */
static void race_munmap(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	uint8_t *away = reserve(RACE_PAGES);
	pthread_t threads[2];
	unsigned int seed = 2;
	int ret = 0;

	race.o = &o;
	race.allowed = -ENOENT;
	race.may_be_empty = true;
	race_window(&race, 0, RACE_PAGES);
	start_race(&race, threads, 2);
	for (int round = 0; !ret && race_goes_on(&race, round); round++) {
		uint64_t first = rand_r(&seed) % RACE_PAGES;
		uint64_t pages = 1 + rand_r(&seed) % (RACE_PAGES - first);
		uint8_t *part = page_at(race.at, first), *to = page_at(away, first);
		uint64_t size = pages * PLACED_PAGE;
		struct drm_gem_mmap_placed args = window_args(&o, pages);

		/* So that some calls find all they name. */
		if (round % 4 == 0) {
			first = 0;
			args.length = o.size;
			part = race.at;
		}
		switch (rand_r(&seed) % 5) {
		case 0:
			ret = munmap(part, size);
			break;
		case 1:
			ret = mprotect(part, size, PROT_NONE);
			break;
		case 2:
			/* One mapping at a time. */
			if (mremap(part, PLACED_PAGE, PLACED_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				   to) == to)
				ret = munmap(to, PLACED_PAGE);
			break;
		case 3:
			advise(part, 0, pages, MADV_DONTNEED);
			break;
		}
		args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
		args.addr = placed_addr(part);
		if (!ret)
			ret = placed_map(fd, &args);
		for (int i = 0; i < 5; i++)
			race_load(&race, &seed);
	}
	end_race(&race, threads, 2);
	igt_assert_eq(ret, 0);
	igt_assert(race.refused < race.calls);
	finish_race(&race, &o);
	placed_unmap(away, RACE_PAGES * PLACED_PAGE);
}

/* In a child whose parent's threads put pages: its window does not change but by itself. */
static int check_snapshot(struct race *race, unsigned int seed)
{
	static int64_t was[RACE_PAGES];

	catch_access();
	for (uint64_t place = 0; place < RACE_PAGES; place++) {
		was[place] = caught_load(number_at(page_at(race->at, place)));
		if (wrong_at(race, place))
			return 1;
	}
	for (uint64_t place = 0; place < RACE_PAGES; place += 3) {
		uint64_t page = page_of_class(place, &seed);

		if (map_pages(race->o->fd, (struct drm_gem_map_pages) {
			.addr = placed_addr(page_at(race->at, place)),
			.pages = placed_addr(&page), .count = 1,
		}))
			return 2;
		was[place] = page + 1;
	}
	for (uint64_t place = 0; place < RACE_PAGES; place++)
		if (caught_load(number_at(page_at(race->at, place))) != was[place])
			return 3;
	return 0;
}

/**
 * SUBTEST: race-fork
 * Description: Processes that are forked while threads put pages have a window that is whole, and
 *	their own: its pages do not change by what the parent does, nor the parent's by them.
 */
static void race_fork(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	pthread_t threads[2];
	unsigned int seed = 3;
	int status = 0;

	race.o = &o;
	race_window(&race, 0, RACE_PAGES);
	fill_race(&race);
	fflush(stdout);
	start_race(&race, threads, 2);
	for (int round = 0; !status && race_goes_on(&race, round); round++) {
		pid_t pid = fork();

		if (!pid)
			_exit(check_snapshot(&race, round));
		for (int i = 0; i < 100; i++)
			race_load(&race, &seed);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			status = -1;
	}
	end_race(&race, threads, 2);
	igt_assert_eq(status, 0);
	finish_race(&race, &o);
}

/**
 * SUBTEST: race-processes
 * Description: A parent's threads and its child put pages into the window that both have.
 */
static void race_processes(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	pthread_t threads[1];
	unsigned int seed = 4;
	int status = 0;
	pid_t pid;

	race.o = &o;
	race_window(&race, 0, RACE_PAGES);
	fill_race(&race);
	pid = start_child();
	if (!pid) {
		catch_access();
		race.start = seconds_now();
		for (int round = 0; race_goes_on(&race, round); round++) {
			race_call(&race, &seed);
			for (int i = 0; i < 20; i++)
				race_load(&race, &seed);
			if (round % 20 == 0)
				race.wrong += check_snapshot(&race, round);
		}
		_exit(race.wrong ? 1 : 0);
	}
	start_race(&race, threads, 1);
	while (waitpid(pid, &status, WNOHANG) == 0)
		race_load(&race, &seed);
	children[0] = 0;
	end_race(&race, threads, 1);
	igt_assert_eq(status, 0);
	finish_race(&race, &o);
}

/**
 * SUBTEST: race-discard
 * Description: Pages of a sparse object are discarded and stored to while threads put them: zero, or
 *	what was stored; and at the end all windows show the object.
 */
static void race_discard(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	pthread_t threads[2];
	unsigned int seed = 5;
	int ret = 0;

	race.o = &o;
	race.may_be_zero = true;
	race_window(&race, 0, RACE_PAGES);
	fill_race(&race);
	start_race(&race, threads, 2);
	for (int round = 0; !ret && race_goes_on(&race, round); round++) {
		uint64_t first = rand_r(&seed) % RACE_PAGES;
		uint64_t pages = 1 + rand_r(&seed) % (RACE_PAGES - first);

		ret = round % 2 ? discard_object(&o, first, pages) :
				  advise(race.map, first, pages, MADV_REMOVE);
		for (uint64_t page = first; page < first + pages; page += 1 + page % 3)
			*(volatile uint32_t *)number_at(page_at(race.map, page)) = page + 1;
		for (int i = 0; i < 50; i++)
			race_load(&race, &seed);
	}
	end_race(&race, threads, 2);
	igt_assert_eq(ret, 0);
	for (uint64_t page = 0; page < RACE_PAGES; page++)
		*(volatile uint32_t *)number_at(page_at(race.map, page)) = page + 1;
	race.may_be_zero = false;
	for (uint64_t place = 0; place < RACE_PAGES; place++)
		igt_assert(!wrong_at(&race, place));
	finish_race(&race, &o);
}

/* Stores at the start of whatever page is there, while it may be replaced. */
static void *store_anywhere(void *data)
{
	struct race *race = data;
	unsigned int seed = 50;
	uint32_t value = 0;

	catch_access();
	while (!atomic_load(&race->stop)) {
		uint8_t *page = page_at(race->at, rand_r(&seed) % RACE_PAGES);
		int ret = caught_store(page + rand_r(&seed) % 1000 * 4, ++value);

		if (ret && (ret != -SIGSEGV || !race->may_be_empty))
			note_wrong(race, ret);
	}
	return NULL;
}

/**
 * SUBTEST: race-coherent
 * Description: Stores while pages come, are replaced and go, and the device looks: in the end it has
 *	what the memory has.
 */
static void race_coherent(int fd, const struct kind *kind)
{
	struct race race;
	struct object o = make_race(fd, kind, &race);
	uint8_t *seen = malloc(o.size);
	pthread_t threads[2];
	int differ = 0;

	igt_assert(seen);
	race.o = &o;
	for (int empty = 0; empty < 2; empty++) {
		race_window(&race, 0, RACE_PAGES);
		fill_race(&race);
		atomic_store(&race.stop, false);
		race.may_be_empty = empty;
		igt_assert_eq(pthread_create(&threads[0], NULL, store_anywhere, &race), 0);
		igt_assert_eq(pthread_create(&threads[1], NULL, race_map, &race), 0);
		race.start = seconds_now();
		for (int round = 0; race_goes_on(&race, round); round++)
			copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, round % 8 ? 0 : o.size,
				seen);
		end_race(&race, threads, 2);
		copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, o.size, seen);
		for (uint64_t page = 0; page < RACE_PAGES; page++)
			differ += !!memcmp(page_at(seen, page), page_at(race.map, page),
					   PLACED_PAGE);
		igt_assert_eq(differ, 0);
	}
	free(seen);
	finish_race(&race, &o);
}

/* The device goes */

/**
 * SUBTEST: unplugged
 * Description: When the device is gone, calls are ENODEV, memory of this machine stays in windows,
 *	memory of the device's is SIGBUS; and when the device is back, windows work.
 */
static void unplugged(int fd, const struct kind *kind)
{
	struct device_place where = find_device(fd);
	struct object o = make_numbered(fd, kind, PAGES), again;
	struct window w = make_window(&o, PAGES);
	int64_t empty, mapped, dropped;
	double end = seconds_now() + 30;
	int put_ret, none_ret;
	uint64_t page = 3;

	fill_window(&w, 1);
	put_none(&w, 100, 100);
	check_window(&w);
	/* Entries are there, and not, and no page is there. */
	igt_assert_eq(advise(w.at, 500, 100, MADV_DONTNEED), 0);
	tell_driver(&where, "unbind");
	catch_access();
	empty = caught_load(page_at(w.at, 150));
	mapped = caught_load(page_at(w.at, 50) + w.shows[50] % 1000 * 4);
	dropped = caught_load(page_at(w.at, 550) + w.shows[550] % 1000 * 4);
	put_ret = try_put(&w, 0, &page, 1);
	none_ret = try_put(&w, 0, NULL, PAGES);
	tell_driver(&where, "bind");

	/* Others that come after this want a device, whatever is wrong. */
	do {
		again.fd = placed_open("virtio_gpu");
	} while (again.fd < 0 && seconds_now() < end);
	igt_assert(again.fd >= 0);
	igt_assert(empty == -SIGSEGV);
	if (kind->is & KIND_POOL)
		igt_assert(mapped == -SIGBUS && dropped == -SIGBUS);
	else
		igt_assert(mapped == page_value(w.shows[50], SEED));
	igt_assert_eq(put_ret, -ENODEV);
	igt_assert_eq(none_ret, -ENODEV);
	end_window(&w);

	again = make_numbered(again.fd, kind, PAGES);
	w = make_window(&again, PAGES);
	fill_window(&w, 3);
	check_window(&w);
	end_window(&w);
	destroy_object(&again);
	close(again.fd);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "signals", "Signals with a handler", signals, 0, KIND_NO_WINDOWS },
		{ "killed", "SIGKILL", killed, 0, KIND_NO_WINDOWS },
		{ "race-remap", "Threads put pages", race_remap, 0, KIND_NO_WINDOWS },
		{ "race-munmap", "The window comes and goes", race_munmap, 0, KIND_NO_WINDOWS },
		{ "race-fork", "Processes are forked meanwhile", race_fork, 0, KIND_NO_WINDOWS },
		{ "race-processes", "Two processes put pages", race_processes, 0, KIND_NO_WINDOWS },
		{ "race-discard", "Memory goes meanwhile", race_discard, KIND_SPARSE, 0 },
		{ "race-coherent", "Stores meanwhile", race_coherent, KIND_SPARSE_COHERENT,
		  KIND_HIDDEN_COPY },
		{ "unplugged", "A device that is gone, and comes back", unplugged,
		  KIND_HIDDEN_COPY | KIND_POOL, 0 },
	};

	KIND_RUN_TESTS(tests);
}
