// SPDX-License-Identifier: MIT

/**
 * TEST: placed race
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: Search and mapping are one step, whatever other threads do meanwhile.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Threads race for address space.");

#define SIZE (4 * PLACED_PAGE)
#define THREADS 4
#define ROUNDS placed_rounds(300)

struct shared {
	int fd;
	struct drm_gem_mmap_placed args;
	pthread_barrier_t barrier;
	atomic_bool stop;
	atomic_int wins, losses, wrong, last_wrong;
	int lost;
	uint64_t low, high;
};

/* Run a function in threads, and wait for them. */
static void run_threads(void *(*f)(void *), struct shared *s, int count)
{
	pthread_t threads[THREADS];

	igt_assert_eq(pthread_barrier_init(&s->barrier, NULL, count), 0);
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, f, s), 0);
	for (int i = 0; i < count; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&s->barrier);
}

static void note_wrong(struct shared *s, int ret)
{
	atomic_fetch_add(&s->wrong, 1);
	atomic_store(&s->last_wrong, ret);
}

/* All at once for a range with one slot: somebody wins, the others hear so. */
static void *take_last_slot(void *data)
{
	struct shared *s = data;

	for (int round = 0; round < ROUNDS; round++) {
		struct drm_gem_mmap_placed args = s->args;
		int ret;

		pthread_barrier_wait(&s->barrier);
		ret = placed_map(s->fd, &args);
		if (!ret)
			atomic_fetch_add(&s->wins, 1);
		else if (ret == s->lost)
			atomic_fetch_add(&s->losses, 1);
		else
			note_wrong(s, ret);
		pthread_barrier_wait(&s->barrier);
		if (!ret)
			munmap(placed_ptr(args.addr), SIZE);
	}

	return NULL;
}

static void last_slot(int fd, uint32_t flags, int lost)
{
	struct shared s = { .fd = fd, .lost = lost };
	uint64_t region = placed_free_region(SIZE);

	s.args = (struct drm_gem_mmap_placed) {
		.handle = placed_object(fd, SIZE),
		.flags = PLACED_RW | flags,
		.length = SIZE,
		.range_start = region,
		.range_end = region + SIZE,
	};
	if (flags)
		s.args.addr = region;
	run_threads(take_last_slot, &s, THREADS);
	igt_assert_f(!s.wrong, "%d wrong answers, the last was %s\n", s.wrong,
		     strerror(-s.last_wrong));
	igt_assert_eq(s.wins, ROUNDS);
	igt_assert_eq(s.losses, ROUNDS * (THREADS - 1));
	igt_assert(placed_is_free(region, region + SIZE));
}

/**
 * SUBTEST: last-slot
 * Description: Threads that ask for the last free slot get one success, the others ENOSPC.
 */
static void last_slot_search(int fd, const char *driver)
{
	last_slot(fd, 0, -ENOSPC);
}

/**
 * SUBTEST: last-slot-noreplace
 * Description: The same with an exact address: EEXIST.
 */
static void last_slot_noreplace(int fd, const char *driver)
{
	last_slot(fd, DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE, -EEXIST);
}

/* Placed maps in the range; what is in a mapping stays in it while it is mine. */
static void *map_in_range(void *data)
{
	static atomic_int tags;
	struct shared *s = data;
	uint32_t tag = atomic_fetch_add(&tags, 1) + 1;
	struct drm_gem_mmap_placed args = s->args;
	uint32_t own = 0;
	int created = placed_create_mappable(s->fd, SIZE, &own);

	pthread_barrier_wait(&s->barrier);
	if (created) {
		note_wrong(s, created);
		return NULL;
	}
	args.handle = own;

	for (int round = 0; round < ROUNDS; round++) {
		struct drm_gem_mmap_placed now = args;
		int ret = placed_map(s->fd, &now);
		volatile uint32_t *ptr;

		if (ret == -ENOSPC) {
			atomic_fetch_add(&s->losses, 1);
			continue;
		}
		if (ret) {
			note_wrong(s, ret);
			continue;
		}
		if (now.addr < s->low || now.addr + SIZE > s->high) {
			note_wrong(s, -ERANGE);
			continue;
		}
		ptr = placed_ptr(now.addr);
		for (int page = 0; page < 4; page++)
			ptr[page * 1024] = tag;
		sched_yield();
		for (int page = 0; page < 4; page++)
			if (ptr[page * 1024] != tag)
				note_wrong(s, -EIO);
		munmap((void *)ptr, SIZE);
		atomic_fetch_add(&s->wins, 1);
	}

	placed_close_handle(s->fd, own);
	return NULL;
}

/* Other mappings come and go in the same range. */
static void *disturb_range(void *data)
{
	struct shared *s = data;
	unsigned int seed = 1;

	while (!atomic_load(&s->stop)) {
		uint64_t pages = (s->high - s->low) / PLACED_PAGE;
		uint64_t page = rand_r(&seed) % pages, count = 1 + rand_r(&seed) % 6;
		void *at = placed_ptr(s->low + page * PLACED_PAGE);

		if (page + count > pages)
			continue;
		if (mmap(at, count * PLACED_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at) {
			*(volatile char *)at = 1;
			munmap(at, count * PLACED_PAGE);
		}
	}

	return NULL;
}

/**
 * SUBTEST: crowded-range
 * Description: Placed maps among mappings that come and go: no overwrite, nothing but ENOSPC.
 */
static void crowded_range(int fd, const char *driver)
{
	struct shared s = { .fd = fd };
	pthread_t disturber;

	s.low = placed_free_region(24 * PLACED_PAGE);
	s.high = s.low + 24 * PLACED_PAGE;
	s.args = (struct drm_gem_mmap_placed) {
		.flags = PLACED_RW, .length = SIZE, .range_start = s.low, .range_end = s.high,
	};
	igt_assert_eq(pthread_create(&disturber, NULL, disturb_range, &s), 0);
	run_threads(map_in_range, &s, THREADS);
	atomic_store(&s.stop, true);
	igt_assert_eq(pthread_join(disturber, NULL), 0);
	igt_assert_f(!s.wrong, "%d wrong answers, the last was %s\n", s.wrong,
		     strerror(-s.last_wrong));
	igt_assert_eq(s.wins + s.losses, ROUNDS * THREADS);
	igt_assert(s.wins > 0);
	igt_assert(placed_is_free(s.low, s.high));
	igt_info("%d mapped, %d found no room\n", s.wins, s.losses);
}

static void *map_without_wish(void *data)
{
	struct shared *s = data;
	uint64_t offset = 0;

	if (placed_fake_offset(s->fd, s->args.handle, &offset))
		note_wrong(s, -ENOENT);

	while (!atomic_load(&s->stop)) {
		void *ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, s->fd, offset);

		if (ptr == MAP_FAILED) {
			note_wrong(s, -errno);
			continue;
		}
		if (placed_addr(ptr) < s->high && placed_addr(ptr) + SIZE > s->low)
			note_wrong(s, -ERANGE);
		munmap(ptr, SIZE);
		atomic_fetch_add(&s->wins, 1);
	}

	return NULL;
}

/**
 * SUBTEST: plain-beside-placed
 * Description: A plain mmap(2) of the same file never lands where another thread's search goes.
 */
static void plain_beside_placed(int fd, const char *driver)
{
	struct shared plain = { .fd = fd }, placed = { .fd = fd };
	pthread_t thread;

	placed.low = plain.low = placed_free_region(256 * PLACED_PAGE);
	placed.high = plain.high = placed.low + 256 * PLACED_PAGE;
	placed.args = plain.args = (struct drm_gem_mmap_placed) {
		.handle = placed_object(fd, SIZE), .flags = PLACED_RW, .length = SIZE,
		.range_start = placed.low, .range_end = placed.high,
	};
	igt_assert_eq(pthread_create(&thread, NULL, map_without_wish, &plain), 0);
	run_threads(map_in_range, &placed, THREADS);
	atomic_store(&plain.stop, true);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	igt_assert_f(!plain.wrong, "plain: %s\n", strerror(-plain.last_wrong));
	igt_assert_f(!placed.wrong, "placed: %s\n", strerror(-placed.last_wrong));
	igt_assert(plain.wins > 0);
	igt_assert_eq(placed.wins, ROUNDS * THREADS);
}

/**
 * SUBTEST: shared-file
 * Description: Processes that share one DRM file search each its own address space.
 */
static void shared_file(int fd, const char *driver)
{
	uint64_t region = placed_free_region(SIZE);
	struct drm_gem_mmap_placed args = {
		.handle = placed_object(fd, SIZE), .flags = PLACED_RW, .length = SIZE,
		.range_start = region, .range_end = region + SIZE,
	};

	igt_fork(child, THREADS) {
		for (int round = 0; round < ROUNDS; round++)
			placed_unmap(placed_must_map(fd, args), SIZE);
	}
	igt_waitchildren();
}

/**
 * SUBTEST: killed
 * Description: A process that is killed in the middle of mapping leaves no reference.
 */
static void killed(int fd, const char *driver)
{
	struct placed_counts before;
	struct drm_gem_mmap_placed args = {
		.handle = placed_object(fd, SIZE), .flags = PLACED_RW, .length = SIZE,
		.range_end = PLACED_4G,
	};

	before = placed_count(fd);
	for (int round = 0; round < 30; round++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		igt_assert_eq(pipe(ready), 0);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			for (int i = 0;; i++) {
				struct drm_gem_mmap_placed now = args;

				if (placed_map(fd, &now))
					_exit(1);
				munmap(placed_ptr(now.addr), SIZE);
				if (i == round && write(ready[1], "", 1) != 1)
					_exit(1);
			}
		}
		close(ready[1]);
		igt_assert_eq(read(ready[0], &byte, 1), 1);
		igt_assert_eq(kill(pid, SIGKILL), 0);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(ready[0]);
	}
	placed_assert_same_counts(fd, before);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "last-slot", "One winner for the last slot", last_slot_search },
		{ "last-slot-noreplace", "One winner for an exact address", last_slot_noreplace },
		{ "crowded-range", "Mappings that come and go", crowded_range },
		{ "plain-beside-placed", "Plain mmap(2) of the same file", plain_beside_placed },
		{ "shared-file", "One file in several processes", shared_file },
		{ "killed", "SIGKILL", killed },
	};

	PLACED_RUN_TESTS(tests);
}
