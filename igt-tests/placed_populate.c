// SPDX-License-Identifier: MIT

/**
 * TEST: placed populate
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: MADV_POPULATE_READ, MADV_POPULATE_WRITE, MAP_POPULATE, mlock, MADV_DONTNEED
 * Description: Mappings of devices are populated and dropped as ordinary memory is.
 */

#include <pthread.h>
#include <sys/time.h>

#include "placed_sparse.h"

IGT_TEST_DESCRIPTION("Populates mappings of devices, and drops them, by the calls for memory.");

/* Some chunks and a part of one. */
#define PAGES (2 * PAGES_2M + 37)
#define SIZE (PAGES * PLACED_PAGE)

#define RW (PROT_READ | PROT_WRITE)

/* Nothing that is locked is of a device. Memory proper may be. */
static uint64_t locked_kb(void)
{
	return proc_kb("/proc/self/status", "VmLck:");
}

/* An object in which some pages have been stored to, and which is not mapped. */
static struct object make_stored(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	store_pages(map, 5, 300, 1);
	store_pages(map, 600, 1, 1);
	placed_unmap(map, SIZE);
	return o;
}

static void check_as_made(uint8_t *map)
{
	check_zero(map, 0, 5);
	check_stored(map, 5, 300, 1);
	check_zero(map, 305, 295);
	check_stored(map, 600, 1, 1);
	check_zero(map, 601, PAGES - 601);
}

/* What is stored is in the object, and if it is coherent the device has it. */
static void check_works(const struct object *o, uint8_t *map)
{
	uint64_t pages = o->size / PLACED_PAGE;
	uint8_t *other = map_all(o), *seen;

	store_pages(map, 0, pages, 77);
	check_stored(other, 0, pages, 77);
	placed_unmap(other, o->size);
	if (!(o->kind->is & KIND_COPY) || !(o->kind->is & KIND_COHERENT))
		return;
	seen = device_sees(o);
	check_stored(seen, 0, pages, 77);
	free(seen);
}

static ssize_t advise_process(pid_t pid, const struct iovec *iov, int count, int advice)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	ssize_t ret;

	igt_assert(pidfd >= 0);
	ret = syscall(SYS_process_madvise, pidfd, iov, (unsigned long)count, advice, 0);
	ret = ret < 0 ? -errno : ret;
	close(pidfd);
	return ret;
}

/* Ways to populate, or not. Each makes its mapping, and returns 0 or the negative errno. */

static int by_madvise_read(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return advise(*map, 0, PAGES, MADV_POPULATE_READ);
}

static int by_madvise_write(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return advise(*map, 0, PAGES, MADV_POPULATE_WRITE);
}

static int by_process_madvise(const struct object *o, uint8_t **map)
{
	struct iovec iov = { .iov_len = SIZE };
	ssize_t ret;

	*map = map_all(o);
	iov.iov_base = *map;
	ret = advise_process(getpid(), &iov, 1, MADV_POPULATE_WRITE);
	return ret == SIZE ? 0 : ret < 0 ? ret : -EIO;
}

static int by_map_populate(const struct object *o, uint8_t **map)
{
	*map = mmap_object(o, NULL, 0, PAGES, RW, MAP_POPULATE);
	return *map == MAP_FAILED ? -errno : 0;
}

static int by_placed_populate(const struct object *o, uint8_t **map)
{
	struct drm_gem_mmap_placed args = {
		.handle = o->handle,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_POPULATE,
		.length = SIZE,
	};
	int ret = placed_map(o->fd, &args);

	*map = ret ? NULL : placed_ptr(args.addr);
	return ret;
}

static int by_mlock(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return mlock(*map, SIZE) ? -errno : 0;
}

static int by_mlockall_current(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return mlockall(MCL_CURRENT) ? -errno : 0;
}

static int by_mlockall_future(const struct object *o, uint8_t **map)
{
	igt_assert_eq(mlockall(MCL_FUTURE), 0);
	*map = mmap_object(o, NULL, 0, PAGES, RW, 0);
	return *map == MAP_FAILED ? -errno : 0;
}

static int by_mlockall_future_placed(const struct object *o, uint8_t **map)
{
	igt_assert_eq(mlockall(MCL_FUTURE), 0);
	*map = map_all(o);
	return 0;
}

static int by_mlock_onfault(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return mlock2(*map, SIZE, MLOCK_ONFAULT) ? -errno : 0;
}

static int by_mlockall_onfault(const struct object *o, uint8_t **map)
{
	*map = map_all(o);
	return mlockall(MCL_CURRENT | MCL_ONFAULT) ? -errno : 0;
}

static int by_mlockall_future_onfault(const struct object *o, uint8_t **map)
{
	igt_assert_eq(mlockall(MCL_FUTURE | MCL_ONFAULT), 0);
	*map = mmap_object(o, NULL, 0, PAGES, RW, 0);
	return *map == MAP_FAILED ? -errno : 0;
}

/*
 * Afterwards nothing of the mapping faults, and it is what it was. A driver that
 * has not opted in has its own answer, and populates nothing.
 */
static void populated(const struct object *o, int (*by)(const struct object *, uint8_t **),
		      bool writes, int plain)
{
	uint64_t locked;
	uint8_t *map;
	int ret;

	ret = by(o, &map);
	if (o->kind->is & KIND_PLAIN) {
		igt_assert_eq(ret, plain);
		if (map)
			igt_assert_eq(READ_FAULTS(map, 0, PAGES), PAGES);
		return;
	}

	igt_assert_eq(ret, 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	if (writes)
		igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
	if (o->kind->is & (KIND_SPARSE | KIND_ORDINARY))
		igt_assert_eq_u64(present_pages(o), PAGES);
	check_as_made(map);
	check_works(o, map);

	locked = locked_kb();
	placed_unmap(map, SIZE);
	if (!(o->kind->is & KIND_ORDINARY))
		igt_assert_eq_u64(locked_kb(), locked);
}

/* In a process of its own, which may lock what it likes. */
static void populating(int fd, const struct kind *kind,
		       int (*by)(const struct object *, uint8_t **), bool writes, int plain)
{
	struct object o = make_stored(fd, kind);

	igt_fork(child, 1)
		populated(&o, by, writes, plain);
	igt_waitchildren();
	destroy_object(&o);
}

/**
 * SUBTEST: madvise-read
 * Description: After MADV_POPULATE_READ loads do not fault, and contents are as before.
 */
static void madvise_read(int fd, const struct kind *kind)
{
	populating(fd, kind, by_madvise_read, false, -EINVAL);
}

/**
 * SUBTEST: madvise-write
 * Description: After MADV_POPULATE_WRITE neither loads nor stores fault.
 */
static void madvise_write(int fd, const struct kind *kind)
{
	populating(fd, kind, by_madvise_write, true, -EINVAL);
}

/**
 * SUBTEST: process-madvise
 * Description: process_madvise(2) on oneself populates as madvise(2) does.
 */
static void process_madvise_self(int fd, const struct kind *kind)
{
	populating(fd, kind, by_process_madvise, true, -EINVAL);
}

/**
 * SUBTEST: map-populate
 * Description: mmap(2) with MAP_POPULATE; accepted and without effect where nobody opted in.
 */
static void map_populate(int fd, const struct kind *kind)
{
	populating(fd, kind, by_map_populate, false, 0);
}

/**
 * SUBTEST: placed-populate
 * Description: DRM_GEM_MMAP_PLACED_POPULATE; EOPNOTSUPP where nobody opted in.
 */
static void placed_populate(int fd, const struct kind *kind)
{
	populating(fd, kind, by_placed_populate, false, -EOPNOTSUPP);
}

/**
 * SUBTEST: mlock
 * Description: mlock(2) populates.
 */
static void mlock_populates(int fd, const struct kind *kind)
{
	populating(fd, kind, by_mlock, false, 0);
}

/**
 * SUBTEST: mlockall-current
 * Description: mlockall(MCL_CURRENT) populates what is mapped.
 */
static void mlockall_current(int fd, const struct kind *kind)
{
	populating(fd, kind, by_mlockall_current, false, 0);
}

/**
 * SUBTEST: mlockall-future
 * Description: After mlockall(MCL_FUTURE) mmap(2) populates.
 */
static void mlockall_future(int fd, const struct kind *kind)
{
	populating(fd, kind, by_mlockall_future, false, 0);
}

/**
 * SUBTEST: mlockall-future-placed
 * Description: After mlockall(MCL_FUTURE) placed maps populate.
 */
static void mlockall_future_placed(int fd, const struct kind *kind)
{
	populating(fd, kind, by_mlockall_future_placed, false, 0);
}

/* Nothing is there before it is touched, and then all is. */
static void not_populated(const struct object *o, int (*by)(const struct object *, uint8_t **))
{
	uint8_t *map;

	igt_assert_eq(by(o, &map), 0);
	if (o->kind->is & (KIND_SPARSE | KIND_ORDINARY))
		igt_assert_eq_u64(present_pages(o), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, 1));
	igt_assert_lt_u64(0, READ_FAULTS(map, PAGES_2M, PAGES_2M));
	if (!(o->kind->is & KIND_PLAIN))
		check_works(o, map);
}

static void not_populating(int fd, const struct kind *kind,
			   int (*by)(const struct object *, uint8_t **))
{
	struct object o = make_object(fd, kind, PAGES);

	igt_fork(child, 1)
		not_populated(&o, by);
	igt_waitchildren();
	destroy_object(&o);
}

/**
 * SUBTEST: mlock-onfault
 * Description: mlock2(MLOCK_ONFAULT) populates nothing.
 */
static void mlock_onfault(int fd, const struct kind *kind)
{
	not_populating(fd, kind, by_mlock_onfault);
}

/**
 * SUBTEST: mlockall-onfault
 * Description: mlockall(MCL_CURRENT | MCL_ONFAULT) populates nothing.
 */
static void mlockall_onfault(int fd, const struct kind *kind)
{
	not_populating(fd, kind, by_mlockall_onfault);
}

/**
 * SUBTEST: mlockall-future-onfault
 * Description: After mlockall(MCL_FUTURE | MCL_ONFAULT) mmap(2) populates nothing.
 */
static void mlockall_future_onfault(int fd, const struct kind *kind)
{
	not_populating(fd, kind, by_mlockall_future_onfault);
}

/**
 * SUBTEST: munlock
 * Description: munlock(2) and munlockall(2) work, and what was populated stays.
 */
static void munlock_keeps(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);
	uint64_t locked = locked_kb();

	igt_assert_eq(mlock(map, SIZE), 0);
	igt_assert_eq(munlock(map, SIZE), 0);
	igt_assert_eq_u64(locked_kb(), locked);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	igt_assert_eq(mlock(page_at(map, 7), PLACED_PAGE), 0);
	igt_assert_eq(munlock(page_at(map, 3), 9 * PLACED_PAGE), 0);
	igt_assert_eq_u64(locked_kb(), locked);
	check_as_made(map);
	igt_fork(child, 1) {
		igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		igt_assert_eq(munlockall(), 0);
		igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
		igt_assert_eq_u64(locked_kb(), 0);
		check_works(&o, map);
	}
	igt_waitchildren();
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: not-opted-in
 * Description: Where a driver has not opted in, each call answers as ever, and does nothing.
 */
static void not_opted_in(int fd, const struct kind *kind)
{
	static const struct {
		int advice, answer;
	} table[] = {
		{ MADV_POPULATE_READ, -EINVAL }, { MADV_POPULATE_WRITE, -EINVAL },
		{ MADV_DONTNEED, -EINVAL }, { MADV_DONTNEED_LOCKED, -EINVAL },
		{ MADV_REMOVE, -ENODEV }, { MADV_FREE, -EINVAL },
		{ MADV_COLD, -EINVAL }, { MADV_PAGEOUT, -EINVAL },
	};
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		igt_assert_eq(advise(map, 0, PAGES, table[i].advice), table[i].answer);
		igt_assert_eq(advise(map, 3, 4, table[i].advice), table[i].answer);
	}
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), PAGES);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		igt_assert_eq(advise(map, 0, PAGES, table[i].advice), table[i].answer);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	check_as_made(map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: rights
 * Description: Who may not read or write cannot populate for it: EINVAL; mlock(2): ENOMEM.
 */
static void rights(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_object(&o, NULL, 0, PAGES, PROT_READ);

	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	igt_assert_eq(mlock(map, SIZE), 0);
	check_as_made(map);
	placed_unmap(map, SIZE);

	map = map_object(&o, NULL, 0, PAGES, PROT_WRITE);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
	placed_unmap(map, SIZE);

	map = map_all(&o);
	igt_assert_eq(mprotect(map, SIZE, PROT_NONE), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), -EINVAL);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert_eq(mlock(map, SIZE) ? errno : 0, ENOMEM);
	igt_assert_eq(mprotect(map, SIZE, PROT_READ), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert_eq(mprotect(map, SIZE, RW), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	check_as_made(map);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Ranges */

/**
 * SUBTEST: arguments
 * Description: Starts are page-aligned, lengths are rounded up, and may be zero but not wrap.
 */
static void arguments(int fd, const struct kind *kind)
{
	static const int advices[] = {
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED, MADV_DONTNEED_LOCKED,
		MADV_REMOVE,
	};
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	for (int i = 0; i < 5; i++) {
		igt_assert_eq(madvise(map + 1, PLACED_PAGE, advices[i]) ? errno : 0, EINVAL);
		igt_assert_eq(madvise(map + 2048, 0, advices[i]) ? errno : 0, EINVAL);
		igt_assert_eq(madvise(map, 0, advices[i]), 0);
		/* A 32-bit program's arguments do not wrap in a 64-bit kernel. */
		if (sizeof(void *) < 8)
			continue;
		igt_assert_eq(madvise(map, ~0ul, advices[i]) ? errno : 0, EINVAL);
		igt_assert_eq(madvise(map, -placed_addr(map) + PLACED_PAGE, advices[i]) ?
			      errno : 0, EINVAL);
	}
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, PAGES));
	check_as_made(map);

	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(madvise(map, 1, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(map, 0, 1), 0);
	igt_assert_eq(madvise(map, PLACED_PAGE + 1, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, 2), 0);
	igt_assert_eq(madvise(map, 1, MADV_DONTNEED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, 1));
	igt_assert_eq(READ_FAULTS(map, 1, 1), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 2 * PAGES_2M, 1));
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: hole
 * Description: Populating stops at a hole with ENOMEM; dropping goes on behind it.
 */
static void hole(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);
	const uint64_t first = PAGES_2M - 4, end = PAGES_2M + 4;

	placed_unmap(page_at(map, first), (end - first) * PLACED_PAGE);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), -ENOMEM);
	igt_assert_eq(READ_FAULTS(map, 0, first), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, end, PAGES - end));

	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), -ENOMEM);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, first));
	igt_assert_lt_u64(0, READ_FAULTS(map, end, PAGES - end));

	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), -ENOMEM);
	igt_assert_eq(advise(map, first + 1, PAGES - first - 1, MADV_POPULATE_WRITE), -ENOMEM);
	igt_assert_lt_u64(0, READ_FAULTS(map, end, PAGES - end));
	igt_assert_eq(advise(map, first, 8, MADV_POPULATE_WRITE), -ENOMEM);
	igt_assert_eq(advise(map, first, 8, MADV_DONTNEED), -ENOMEM);

	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -ENOMEM);
	igt_assert_eq(WRITE_FAULTS(map, 0, first), 0);
	igt_assert_eq(mlock(map, SIZE) ? errno : 0, ENOMEM);

	map_object(&o, page_at(map, first), first, end - first, RW);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
	check_as_made(map);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: two-mappings
 * Description: One call for two mappings in a row, of two objects and of the halves of one.
 */
static void two_mappings(int fd, const struct kind *kind)
{
	struct object a = make_stored(fd, kind), b = make_object(fd, kind, PAGES);
	uint8_t *map = reserve(2 * PAGES);

	map_object(&a, map, 0, PAGES, RW);
	map_object(&b, page_at(map, PAGES), 0, PAGES, RW);
	igt_assert_eq(advise(map, 0, 2 * PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, 2 * PAGES), 0);
	check_as_made(map);
	check_zero(map, PAGES, PAGES);
	igt_assert_eq(advise(map, PAGES - 3, 6, MADV_DONTNEED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, PAGES - 3, 3));
	igt_assert_lt_u64(0, READ_FAULTS(map, PAGES, 3));
	check_works(&a, map);
	check_works(&b, page_at(map, PAGES));

	/* The second half before the first. */
	map_object(&a, map, 600, PAGES - 600, RW);
	map_object(&a, page_at(map, PAGES - 600), 0, 600, RW);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	check_stored(page_at(map, PAGES - 600), 0, 600, 77);
	check_stored(map - 600 * PLACED_PAGE, 600, PAGES - 600, 77);
	placed_unmap(map, 2 * SIZE);
	destroy_object(&a);
	destroy_object(&b);
}

#define SLOT 4ull

/* Of a device, without a file, of a file: in all orders. */
static const char * const orders[] = { "dam", "dma", "adm", "amd", "mda", "mad" };

/* Three mappings in a row, in this order, with contents. */
static uint8_t *map_in_order(const struct object *o, int memfd, const char *order)
{
	uint8_t *map = reserve(3 * SLOT);

	for (int i = 0; i < 3; i++) {
		void *at = page_at(map, i * SLOT);

		if (order[i] == 'd')
			map_object(o, at, 0, SLOT, RW);
		else
			igt_assert(mmap(at, SLOT * PLACED_PAGE, RW, MAP_FIXED |
					(order[i] == 'a' ? MAP_PRIVATE | MAP_ANONYMOUS :
					 MAP_SHARED), order[i] == 'a' ? -1 : memfd, 0) == at);
	}
	return map;
}

static int slot_of(const char *order, char which)
{
	return (strchr(order, which) - order) * SLOT;
}

/**
 * SUBTEST: mixed
 * Description: One call for mappings of a device, of anonymous memory and of a file, in all orders.
 */
static void mixed(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, SLOT);
	int memfd = memfd_create("mixed", MFD_CLOEXEC);

	igt_assert(memfd >= 0);
	igt_assert_eq(ftruncate(memfd, SLOT * PLACED_PAGE), 0);
	for (int i = 0; i < 6; i++) {
		uint8_t *map = map_in_order(&o, memfd, orders[i]);
		int d = slot_of(orders[i], 'd'), a = slot_of(orders[i], 'a'),
		    m = slot_of(orders[i], 'm');

		igt_assert_eq(advise(map, 0, 3 * SLOT, MADV_POPULATE_READ), 0);
		igt_assert_eq(READ_FAULTS(map, 0, 3 * SLOT), 0);
		igt_assert_eq(advise(map, 0, 3 * SLOT, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(WRITE_FAULTS(map, 0, 3 * SLOT), 0);
		store_pages(map, 0, 3 * SLOT, i);

		igt_assert_eq(advise(map, 0, 3 * SLOT, MADV_DONTNEED), 0);
		igt_assert_lt_u64(0, READ_FAULTS(map, d, SLOT));
		igt_assert_lt_u64(0, READ_FAULTS(map, a, SLOT));
		check_stored(map, d, SLOT, i);
		check_zero(map, a, SLOT);
		check_stored(map, m, SLOT, i);

		store_pages(map, 0, 3 * SLOT, i);
		igt_assert_eq(advise(map, 1, 3 * SLOT - 2, MADV_DONTNEED_LOCKED), 0);
		check_stored(map, d, SLOT, i);
		check_stored(map, m, SLOT, i);
		placed_unmap(map, 3 * SLOT * PLACED_PAGE);
	}
	close(memfd);
	destroy_object(&o);
}

/**
 * SUBTEST: mixed-remove
 * Description: MADV_REMOVE of a device's and a file's pages in one call, in both orders.
 */
static void mixed_remove(int fd, const struct kind *kind)
{
	bool sparse = kind->is & (KIND_SPARSE | KIND_ORDINARY);
	struct object o = make_object(fd, kind, SLOT);
	int memfd = memfd_create("mixed", MFD_CLOEXEC);

	igt_assert(memfd >= 0);
	igt_assert_eq(ftruncate(memfd, SLOT * PLACED_PAGE), 0);
	for (int i = 0; i < 2; i++) {
		/* What has no file has nothing to be removed, and stays out. */
		uint8_t *map = map_in_order(&o, memfd, i ? "dma" : "mda");
		int d = i ? 0 : SLOT, m = i ? SLOT : 0;

		store_pages(map, 0, 2 * SLOT, i);
		igt_assert_eq(advise(map, 0, 2 * SLOT, MADV_REMOVE), sparse ? 0 : -EOPNOTSUPP);
		if (sparse)
			check_zero(map, d, SLOT);
		else
			check_stored(map, d, SLOT, i);
		/* It stops where it may not. */
		if (sparse || m < d)
			check_zero(map, m, SLOT);
		else
			check_stored(map, m, SLOT, i);
		igt_assert_eq(advise(map, 2 * SLOT, SLOT, MADV_REMOVE), -EINVAL);
		placed_unmap(map, 3 * SLOT * PLACED_PAGE);
	}
	close(memfd);
	destroy_object(&o);
}

/**
 * SUBTEST: partial
 * Description: Ranges that start and end anywhere, of mappings of the whole and of parts.
 */
static void partial(int fd, const struct kind *kind)
{
	static const struct { uint64_t first, pages, from, count; } table[] = {
		{ 0, PAGES, 100, 100 }, { 0, PAGES, 511, 2 }, { 0, PAGES, PAGES - 1, 1 },
		{ 37, 600, 0, 600 }, { 37, 600, 400, 200 }, { 513, 500, 0, 1 },
		{ 600, 1, 0, 1 }, { 1024, 37, 36, 1 }, { 1, PAGES - 1, 500, 524 },
	};
	struct object o = make_stored(fd, kind);

	for (int write = 0; write < 2; write++) {
		for (int i = 0; i < 9; i++) {
			uint8_t *map = map_object(&o, NULL, table[i].first, table[i].pages, RW);
			uint8_t *object = map - table[i].first * PLACED_PAGE;

			igt_assert_eq(advise(map, table[i].from, table[i].count, write ?
					     MADV_POPULATE_WRITE : MADV_POPULATE_READ), 0);
			igt_assert_eq(touch_faults(map, table[i].from, table[i].count, write), 0);
			for (uint64_t page = table[i].first;
			     page < table[i].first + table[i].pages; page++)
				if ((page >= 5 && page < 305) || page == 600)
					check_stored(object, page, 1, 1);
				else
					check_zero(object, page, 1);
			placed_unmap(map, table[i].pages * PLACED_PAGE);
		}
	}
	destroy_object(&o);
}

/**
 * SUBTEST: partial-present
 * Description: Of what has memory where it was asked for, a populated part has no more.
 */
static void partial_present(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_object(&o, NULL, 37, 600, RW);

	igt_assert_eq(advise(map, 100, 50, MADV_POPULATE_READ), 0);
	igt_assert_eq_u64(present_pages(&o), 50);
	igt_assert_eq(advise(map, 140, 20, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(present_pages(&o), 60);
	igt_assert_eq(advise(map, 0, 600, MADV_DONTNEED), 0);
	igt_assert_eq_u64(present_pages(&o), 60);
	igt_assert_eq(advise(map, 120, 600 - 120, MADV_REMOVE), 0);
	igt_assert_eq_u64(present_pages(&o), 20);
	igt_assert_eq(advise(map, 0, 600, MADV_POPULATE_WRITE), 0);
	igt_assert_eq_u64(present_pages(&o), 600);
	placed_unmap(map, 600 * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: moved
 * Description: A mapping that mremap(2) moved is populated where it is now.
 */
static void moved(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o), *to = reserve(PAGES);

	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert(mremap(map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	check_as_made(to);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -ENOMEM);
	igt_assert_eq(advise(to, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(to, 0, PAGES));
	igt_assert_eq(advise(to, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(to, 0, PAGES), 0);
	check_as_made(to);
	check_works(&o, to);
	placed_unmap(to, SIZE);

	/* The tail alone. */
	map = map_all(&o);
	to = reserve(PAGES - 600);
	igt_assert(mremap(page_at(map, 600), SIZE - 600 * PLACED_PAGE, SIZE - 600 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	igt_assert_eq(advise(to, 0, PAGES - 600, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(to, 0, PAGES - 600), 0);
	check_stored(to - 600 * PLACED_PAGE, 600, PAGES - 600, 77);
	placed_unmap(map, 600 * PLACED_PAGE);
	placed_unmap(to, SIZE - 600 * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: split
 * Description: A mapping that mprotect(2) split: reading goes over all of it, writing stops.
 */
static void split(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	igt_assert_eq(mprotect(page_at(map, 300), 400 * PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	check_as_made(map);
	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert_eq(WRITE_FAULTS(map, 0, 300), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 2 * PAGES_2M, 1));
	igt_assert_eq(advise(map, 700, PAGES - 700, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 700, PAGES - 700), 0);
	check_as_made(map);

	igt_assert_eq(mprotect(page_at(map, 300), 400 * PLACED_PAGE, PROT_NONE), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), -EINVAL);
	igt_assert_eq(READ_FAULTS(map, 0, 300), 0);
	igt_assert_eq(mlock(map, SIZE) ? errno : 0, ENOMEM);

	igt_assert_eq(mprotect(map, SIZE, RW), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Dropping */

static void dropped(int fd, const struct kind *kind, int advice)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *other = map_all(&o);
	struct servant *servant;

	store_pages(map, 0, PAGES, 1);
	igt_assert_eq(READ_FAULTS(other, 0, PAGES) < 0, 0);
	servant = servant_start();
	servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0);
	igt_assert_eq(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0), 0);

	igt_assert_eq(advise(map, 0, PAGES, advice), 0);
	igt_assert_eq(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0), 0);
	igt_assert_eq(READ_FAULTS(other, 0, PAGES), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, 1));
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, PAGES));
	check_stored(map, 0, PAGES, 1);
	if (kind->is & (KIND_SPARSE | KIND_ORDINARY))
		igt_assert_eq_u64(present_pages(&o), PAGES);

	/* The other way round, and twice. */
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE, advice), 0);
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE, advice), 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	igt_assert(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0) > 0);
	igt_assert_eq(servant_do(servant, servant_check, placed_addr(map), PAGES, 1), PAGES);

	/* A part of it. */
	igt_assert_eq(advise(map, 500, 20, advice), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 500, 20));
	igt_assert_eq(READ_FAULTS(map, 2 * PAGES_2M, 37), 0);
	check_stored(map, 0, PAGES, 1);
	check_works(&o, map);
	servant_kill(servant);
	placed_unmap(map, SIZE);
	placed_unmap(other, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: dontneed
 * Description: MADV_DONTNEED drops the caller's entries of that mapping, and nothing else.
 */
static void dontneed(int fd, const struct kind *kind)
{
	dropped(fd, kind, MADV_DONTNEED);
}

/**
 * SUBTEST: dontneed-locked
 * Description: MADV_DONTNEED_LOCKED does the same.
 */
static void dontneed_locked(int fd, const struct kind *kind)
{
	dropped(fd, kind, MADV_DONTNEED_LOCKED);
}

/**
 * SUBTEST: dontneed-locked-memory
 * Description: Memory of a device is not locked by mlock(2): it can be dropped by both.
 */
static void dontneed_locked_memory(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	igt_assert_eq(mlock(map, SIZE), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, PAGES));
	igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED_LOCKED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, PAGES));
	check_as_made(map);
	igt_assert_eq(munlock(map, SIZE), 0);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: dontneed-dirty
 * Description: What was stored to a coherent object before it was dropped is still sent.
 */
static void dontneed_dirty(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *seen;

	for (int round = 0; round < 4; round++) {
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		flush_object(&o);
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
		store_pages(map, 500, 40, round);
		igt_assert_eq(advise(map, round % 2 ? 510 : 0, round % 2 ? 10 : PAGES,
				     round < 2 ? MADV_DONTNEED : MADV_DONTNEED_LOCKED), 0);
		/* Huge entries are coarse. */
		igt_assert_lte_u64(40, dirty_pages(&o, 500, 40));
		if (kind->is & KIND_COPY) {
			seen = device_sees(&o);
			check_stored(seen, 500, 40, round);
			free(seen);
		} else {
			flush_object(&o);
		}
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
		check_stored(map, 500, 40, round);
	}
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: other-advice
 * Description: MADV_FREE is refused, MADV_COLD and MADV_PAGEOUT are as ever, and nothing is lost.
 */
static void other_advice(int fd, const struct kind *kind)
{
	/* Bare page frames are refused, struct pages are not, and do not care. */
	int answer = kind->is & KIND_PAGES ? 0 : -EINVAL;
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	check_as_made(map);
	igt_assert_eq(advise(map, 0, PAGES, MADV_FREE), -EINVAL);
	if (kind->is & KIND_SPARSE) {
		/* Whatever these are mapped as. */
		advise(map, 0, PAGES, MADV_COLD);
		advise(map, 0, PAGES, MADV_PAGEOUT);
	} else {
		igt_assert_eq(advise(map, 0, PAGES, MADV_COLD), answer);
		igt_assert_eq(advise(map, 0, PAGES, MADV_PAGEOUT), answer);
	}
	check_as_made(map);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: remove-refused
 * Description: MADV_REMOVE on what is not sparse: EOPNOTSUPP, and nothing has changed.
 */
static void remove_refused(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint8_t *map = map_all(&o);

	/* Even where nothing is mapped. */
	igt_assert_eq(advise(map, 0, PAGES, MADV_REMOVE), -EOPNOTSUPP);
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(advise(map, 0, PAGES, MADV_REMOVE), -EOPNOTSUPP);
	igt_assert_eq(advise(map, 511, 2, MADV_REMOVE), -EOPNOTSUPP);
	igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
	check_as_made(map);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Tracked mappings */

/**
 * SUBTEST: tracked
 * Description: Stores after populating do not fault, and the device has them.
 */
static void tracked(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *seen;

	for (int round = 0; round < 6; round++) {
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
		store_pages(map, round * 100, 300, round);
		igt_assert_lte_u64(300, dirty_pages(&o, 0, PAGES));
		if (kind->is & KIND_COPY) {
			seen = device_sees(&o);
			check_stored(seen, round * 100, 300, round);
			free(seen);
			/* No call between the device's look and the store. */
			store_pages(map, round * 100, 300, round + 100);
			seen = device_sees(&o);
			check_stored(seen, round * 100, 300, round + 100);
			free(seen);
		}
		flush_object(&o);
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
		store_pages(map, 7, 1, round);
		igt_assert_lte_u64(1, dirty_pages(&o, 7, 1));
		flush_object(&o);
	}
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: tracked-clean
 * Description: To populate what has memory makes nothing dirty.
 */
static void tracked_clean(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);

	store_pages(map, 0, PAGES, 1);
	flush_object(&o);
	igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	for (int round = 0; round < 3; round++) {
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
		flush_object(&o);
		igt_assert_eq(advise(map, 0, PAGES, MADV_DONTNEED), 0);
		igt_assert_eq_u64(dirty_pages(&o, 0, PAGES), 0);
	}
	check_stored(map, 0, PAGES, 1);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: tracked-read-back
 * Description: What the device wrote is there after populating, and populating loses none of it.
 */
static void tracked_read_back(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o), *data = malloc(SIZE);

	igt_assert(data);
	for (int round = 0; round < 4; round++) {
		if (round)
			igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		store_pages(data, 0, PAGES, 50 + round);
		copy_op(fd, o.handle, DRM_PLACED_COPY_WRITE, 0, SIZE, data);
		igt_assert_eq(advise(map, 0, PAGES, round % 2 ? MADV_POPULATE_READ :
				     MADV_POPULATE_WRITE), 0);
		check_stored(map, 0, PAGES, 50 + round);
		store_pages(map, 3, 700, 60 + round);
		copy_op(fd, o.handle, DRM_PLACED_COPY_READ, 0, SIZE, data);
		check_stored(data, 0, 3, 50 + round);
		check_stored(data, 3, 700, 60 + round);
		check_stored(data, 703, PAGES - 703, 50 + round);
	}
	free(data);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Limits */

/**
 * SUBTEST: rlimit-memlock
 * Description: Populating takes no locked memory: it works where none is allowed.
 */
static void rlimit_memlock(int fd, const struct kind *kind)
{
	struct object o = make_stored(fd, kind);
	uint64_t offset = 0;

	if (!(kind->is & KIND_ORDINARY))
		igt_assert_eq(placed_fake_offset(fd, o.handle, &offset), 0);
	igt_fork(child, 1) {
		struct rlimit limit = { 0, 0 };
		uint8_t *map = map_all(&o);

		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		/* Root may lock what it likes. */
		igt_assert_eq(setresuid(65534, 65534, 65534), 0);
		igt_assert_eq(mlock(map, SIZE) ? errno : 0, EPERM);
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
		igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
		igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(WRITE_FAULTS(map, 0, PAGES), 0);
		check_as_made(map);
		placed_unmap(map, SIZE);

		map = mmap(NULL, SIZE, RW, MAP_SHARED | MAP_POPULATE, o.fd, offset);
		igt_assert(map != MAP_FAILED);
		igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
		igt_assert_eq_u64(locked_kb(), 0);
	}
	igt_waitchildren();
	destroy_object(&o);
}

/* Processes and signals */

/**
 * SUBTEST: fork
 * Description: What a child populates and stores, the parent has; what it drops, the parent keeps.
 */
static void fork_shares(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	struct servant *servant = servant_start();

	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE,
				 MADV_POPULATE_WRITE), 0);
	igt_assert_eq(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0), 0);
	if (kind->is & (KIND_SPARSE | KIND_ORDINARY))
		igt_assert_eq_u64(present_pages(&o), PAGES);
	igt_assert_eq(servant_do(servant, servant_store, placed_addr(map), PAGES, 5), PAGES);
	check_stored(map, 0, PAGES, 5);
	store_pages(map, 0, 600, 6);
	igt_assert_eq(servant_do(servant, servant_check, placed_addr(map), 600, 6), 600);

	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(servant_do(servant, servant_advise, placed_addr(map), SIZE,
				 MADV_DONTNEED), 0);
	igt_assert_eq(READ_FAULTS(map, 0, PAGES), 0);
	servant_kill(servant);
	check_stored(map, 0, 600, 6);
	check_stored(map, 600, PAGES - 600, 5);
	check_works(&o, map);

	/* Forked after it was populated. */
	igt_assert_eq(advise(map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	servant = servant_start();
	igt_assert_eq(servant_do(servant, servant_check, placed_addr(map), PAGES, 77), PAGES);
	igt_assert_eq(servant_do(servant, servant_store, placed_addr(map), PAGES, 8), PAGES);
	check_stored(map, 0, PAGES, 8);
	servant_kill(servant);
	check_works(&o, map);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	signals++;
}

/**
 * SUBTEST: signals
 * Description: Signals with a handler do not make populating fail.
 */
static void signals_handled(int fd, const struct kind *kind)
{
	const uint64_t pages = 32 * PAGES_2M;
	struct object o = make_object(fd, kind, pages);
	uint8_t *map = map_all(&o);
	struct itimerval timer = { { 0, 500 }, { 0, 500 } }, off = {};
	struct sigaction action = { .sa_handler = count_signal }, old;
	int ret = 0;

	signals = 0;
	igt_assert_eq(sigaction(SIGALRM, &action, &old), 0);
	igt_assert_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
	for (int round = 0; !ret && (round < 4 || signals < 20); round++) {
		ret = advise(map, 0, pages, round % 2 ? MADV_POPULATE_READ :
			     MADV_POPULATE_WRITE);
		if (!ret)
			ret = advise(map, 0, pages, kind->is & (KIND_SPARSE | KIND_ORDINARY) ?
				     MADV_REMOVE : MADV_DONTNEED);
	}
	igt_assert_eq(setitimer(ITIMER_REAL, &off, NULL), 0);
	igt_assert_eq(sigaction(SIGALRM, &old, NULL), 0);
	igt_assert_eq(ret, 0);
	placed_unmap(map, o.size);
	destroy_object(&o);
}

/* Populate and drop, over and over, until somebody ends it. */
static void populate_forever(uint8_t *map, uint64_t pages, bool sparse, int tell, int round)
{
	for (int i = 0;; i++) {
		if (advise(map, 0, pages, i % 2 ? MADV_POPULATE_READ : MADV_POPULATE_WRITE))
			_exit(1);
		if (advise(map, 0, pages / 2, sparse ? MADV_REMOVE : MADV_DONTNEED))
			_exit(2);
		if (advise(map, pages / 2, pages / 2, MADV_DONTNEED))
			_exit(3);
		if (i == round && write(tell, "", 1) != 1)
			_exit(4);
	}
}

/**
 * SUBTEST: killed
 * Description: A process that is killed while it populates leaves the object to others as it was.
 */
static void killed(int fd, const struct kind *kind)
{
	const uint64_t pages = 8 * PAGES_2M;
	bool sparse = kind->is & (KIND_SPARSE | KIND_ORDINARY), device = kind->driver;
	struct object o = make_object(fd, kind, pages);
	uint8_t *map = map_all(&o);
	struct placed_counts before = {};

	store_pages(map, pages / 2, pages / 2, 3);
	if (!sparse)
		store_pages(map, 0, pages / 2, 3);
	settle(&o);
	if (device)
		before = placed_count(fd);
	for (int round = 0; round < 12; round++) {
		int ready[2], status;
		char byte;
		pid_t pid;

		igt_assert_eq(pipe(ready), 0);
		pid = start_child();
		if (!pid)
			populate_forever(map, pages, sparse, ready[1], round % 3);
		close(ready[1]);
		igt_assert_f(read(ready[0], &byte, 1) == 1, "the child could not: status %#x\n",
			     end_child(pid, 0));
		status = end_child(pid, SIGKILL);
		igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		close(ready[0]);
		check_stored(map, pages / 2, pages / 2, 3);
		if (!sparse)
			check_stored(map, 0, pages / 2, 3);
	}
	settle(&o);
	if (device)
		placed_assert_same_counts(fd, before);
	igt_assert_eq(advise(map, 0, pages, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, pages), 0);
	check_works(&o, map);
	placed_unmap(map, o.size);
	destroy_object(&o);
}

/**
 * SUBTEST: process-madvise-list
 * Description: A list of ranges of devices and of memory; the answer is how much was advised.
 */
static void process_madvise_list(int fd, const struct kind *kind)
{
	bool sparse = kind->is & (KIND_SPARSE | KIND_ORDINARY);
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	uint8_t *anon = mmap(NULL, SLOT * PLACED_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *free_pages = reserve(SLOT);
	struct iovec iov[3] = {
		{ page_at(map, PAGES_2M), SLOT * PLACED_PAGE },
		{ anon, SLOT * PLACED_PAGE },
		{ map, SLOT * PLACED_PAGE },
	};
	const ssize_t slot = SLOT * PLACED_PAGE;

	igt_assert(anon != MAP_FAILED);
	placed_unmap(free_pages, slot);
	store_pages(map, 0, PAGES, 1);
	store_pages(anon, 0, SLOT, 1);

	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_DONTNEED), 3 * slot);
	igt_assert_lt_u64(0, READ_FAULTS(map, PAGES_2M, SLOT));
	igt_assert_lt_u64(0, READ_FAULTS(map, 0, SLOT));
	check_stored(map, 0, PAGES, 1);
	check_zero(anon, 0, SLOT);

	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_DONTNEED), 3 * slot);
	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_POPULATE_READ), 3 * slot);
	igt_assert_eq(READ_FAULTS(map, PAGES_2M, SLOT), 0);
	igt_assert_eq(READ_FAULTS(anon, 0, SLOT), 0);
	igt_assert_eq(READ_FAULTS(map, 0, SLOT), 0);
	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_POPULATE_WRITE), 3 * slot);
	igt_assert_eq(WRITE_FAULTS(map, PAGES_2M, SLOT), 0);
	igt_assert_eq(WRITE_FAULTS(anon, 0, SLOT), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, SLOT), 0);

	/* The first alone is what was done. */
	iov[1].iov_base = free_pages;
	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_DONTNEED), slot);
	igt_assert_lt_u64(0, READ_FAULTS(map, PAGES_2M, SLOT));
	igt_assert_eq(READ_FAULTS(map, 0, SLOT), 0);
	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_POPULATE_WRITE), slot);
	igt_assert_eq(advise_process(getpid(), iov + 1, 2, MADV_POPULATE_WRITE), -ENOMEM);
	igt_assert_eq(advise_process(getpid(), iov + 1, 2, MADV_DONTNEED), -ENOMEM);

	iov[1].iov_base = page_at(map, 100);
	igt_assert_eq(advise_process(getpid(), iov, 3, MADV_REMOVE),
		      sparse ? 3 * slot : -EOPNOTSUPP);
	if (sparse) {
		check_zero(map, 0, SLOT);
		check_zero(map, 100, SLOT);
		check_zero(map, PAGES_2M, SLOT);
		check_stored(map, PAGES_2M + SLOT, 30, 1);
	} else {
		check_stored(map, 0, PAGES, 1);
	}
	placed_unmap(anon, slot);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/**
 * SUBTEST: process-madvise-other
 * Description: Nobody populates or drops another process' pages: EINVAL, and nothing happens.
 */
static void process_madvise_other(int fd, const struct kind *kind)
{
	static const int advices[] = {
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED, MADV_DONTNEED_LOCKED,
		MADV_REMOVE,
	};
	struct object o = make_object(fd, kind, PAGES);
	uint8_t *map = map_all(&o);
	struct iovec iov = { map, SIZE };
	struct servant *servant = servant_start();

	igt_assert_eq(advise_process(servant->pid, &iov, 1, MADV_POPULATE_READ), -EINVAL);
	igt_assert_eq(advise_process(servant->pid, &iov, 1, MADV_POPULATE_WRITE), -EINVAL);
	igt_assert(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0) > 0);
	igt_assert_eq(servant_do(servant, servant_store, placed_addr(map), PAGES, 4), PAGES);
	for (int i = 0; i < 5; i++)
		igt_assert_eq(advise_process(servant->pid, &iov, 1, advices[i]), -EINVAL);
	igt_assert_eq(servant_do(servant, servant_read_faults, placed_addr(map), PAGES, 0), 0);
	check_stored(map, 0, PAGES, 4);
	servant_kill(servant);
	placed_unmap(map, SIZE);
	destroy_object(&o);
}

/* Huge entries */

#define HUGE_PAGES (4 * PAGES_2M)

enum { CUT_MUNMAP, CUT_MPROTECT, CUT_MREMAP, CUT_DONTNEED, CUT_MAP_OVER, CUTS };

/* Do something to a part of a mapping. What it shows then, shall be as before. */
static void cut(const struct object *o, uint8_t *map, uint64_t first, uint64_t pages, int how)
{
	uint8_t *part = page_at(map, first), *to;

	switch (how) {
	case CUT_MUNMAP:
		placed_unmap(part, pages * PLACED_PAGE);
		return;
	case CUT_MPROTECT:
		igt_assert_eq(mprotect(part, pages * PLACED_PAGE, PROT_READ), 0);
		break;
	case CUT_MREMAP:
		to = reserve(pages);
		igt_assert(mremap(part, pages * PLACED_PAGE, pages * PLACED_PAGE,
				  MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		check_stored(to - first * PLACED_PAGE, first, pages, 1);
		store_pages(to - first * PLACED_PAGE, first, pages, 2);
		placed_unmap(to, pages * PLACED_PAGE);
		return;
	case CUT_DONTNEED:
		igt_assert_eq(advise(map, first, pages, MADV_DONTNEED), 0);
		igt_assert_lt_u64(0, READ_FAULTS(map, first, pages));
		break;
	case CUT_MAP_OVER:
		map_object(o, part, first, pages, PROT_READ);
		break;
	}
	check_stored(map, first, pages, 1);
}

static void cut_and_check(int fd, const struct kind *kind, uint64_t first, uint64_t pages, int how)
{
	struct object o = make_object(fd, kind, HUGE_PAGES);
	uint8_t *map = reserve(HUGE_PAGES), *other, *seen;
	uint64_t end = first + pages;

	map_object(&o, map, 0, HUGE_PAGES, RW);
	igt_assert_eq(advise(map, 0, HUGE_PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(map, 0, HUGE_PAGES), 0);
	store_pages(map, 0, HUGE_PAGES, 1);
	other = map_all(&o);
	check_stored(other, 0, HUGE_PAGES, 1);

	cut(&o, map, first, pages, how);
	check_stored(map, 0, first, 1);
	check_stored(map, end, HUGE_PAGES - end, 1);
	store_pages(map, 0, first, 3);
	store_pages(map, end, HUGE_PAGES - end, 3);
	check_stored(other, 0, first, 3);
	check_stored(other, first, pages, how == CUT_MREMAP ? 2 : 1);
	check_stored(other, end, HUGE_PAGES - end, 3);
	if (kind->is & KIND_COPY && kind->is & KIND_COHERENT) {
		seen = device_sees(&o);
		check_stored(seen, 0, first, 3);
		check_stored(seen, first, pages, how == CUT_MREMAP ? 2 : 1);
		check_stored(seen, end, HUGE_PAGES - end, 3);
		free(seen);
	}
	/* And once more in one go, if there is no hole. */
	if (how == CUT_DONTNEED) {
		igt_assert_eq(advise(map, 0, HUGE_PAGES, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(WRITE_FAULTS(map, 0, HUGE_PAGES), 0);
	}
	placed_unmap(map, HUGE_PAGES * PLACED_PAGE);
	placed_unmap(other, HUGE_PAGES * PLACED_PAGE);
	destroy_object(&o);
}

/**
 * SUBTEST: huge-parts
 * Description: Mappings that huge entries can map lose parts in all ways; the rest is as it was.
 */
static void huge_parts(int fd, const struct kind *kind)
{
	static const struct { uint64_t first, pages; } parts[] = {
		{ PAGES_2M + 100, 1 }, { PAGES_2M, PAGES_2M }, { PAGES_2M + 256, 256 },
		{ PAGES_2M - 1, 2 }, { 100, 3 * PAGES_2M },
	};

	for (int how = 0; how < CUTS; how++)
		for (int i = 0; i < 5; i++)
			cut_and_check(fd, kind, parts[i].first, parts[i].pages, how);
}

/**
 * SUBTEST: alignments
 * Description: Addresses and offsets that are congruent modulo 2 MiB, or not, show the same.
 */
static void alignments(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, HUGE_PAGES);
	uint8_t *whole = map_all(&o), *region = reserve(2 * HUGE_PAGES), *map;

	store_pages(whole, 0, HUGE_PAGES, 1);
	for (int i = 0; i < 16; i++) {
		uint64_t at = i & 1 ? 3 : 0, first = i & 2 ? 3 : 0;
		uint64_t pages = HUGE_PAGES - 5 - (i & 4 ? PAGES_2M : 0);

		map = map_object(&o, page_at(region, at), first, pages, RW);
		igt_assert_eq(advise(map, 0, pages, i & 8 ? MADV_POPULATE_WRITE :
				     MADV_POPULATE_READ), 0);
		igt_assert_eq(touch_faults(map, 0, pages, i & 8), 0);
		check_stored(map - first * PLACED_PAGE, first, pages, 1);
		store_pages(map - first * PLACED_PAGE, first, pages, 2);
		check_stored(whole, first, pages, 2);
		store_pages(whole, 0, HUGE_PAGES, 1);
		placed_unmap(map, pages * PLACED_PAGE);
	}
	placed_unmap(whole, o.size);
	destroy_object(&o);
}

/* Threads */

#define THREADS 3

struct race {
	const struct object *o;
	uint8_t *map;
	uint64_t pages;
	pthread_barrier_t barrier;
	atomic_bool stop;
	atomic_int next, wrong, last_wrong;
	atomic_int done;
};

static void note_wrong(struct race *race, int ret)
{
	atomic_fetch_add(&race->wrong, 1);
	atomic_store(&race->last_wrong, ret);
}

static void check_race(struct race *race)
{
	igt_assert_f(!race->wrong, "%d wrong answers, the last was %s\n", race->wrong,
		     strerror(-race->last_wrong));
}

#define POPULATE_ROUNDS 20

/* All populate the same pages at once, and each stores to a word of its own in all. */
static void *populate_and_store(void *data)
{
	struct race *race = data;
	int me = atomic_fetch_add(&race->next, 1);

	for (int round = 0; round < POPULATE_ROUNDS; round++) {
		pthread_barrier_wait(&race->barrier);
		for (int i = 0; i < 4; i++) {
			int ret = advise(race->map, 0, race->pages, (round + me + i) % 2 ?
					 MADV_POPULATE_WRITE : MADV_POPULATE_READ);

			if (ret)
				note_wrong(race, ret);
			for (uint64_t page = i; page < race->pages; page += 4)
				((volatile uint32_t *)page_at(race->map, page))[me] =
					round + page + 1;
		}
		pthread_barrier_wait(&race->barrier);
		/* Now all that was stored is there, and the main thread takes it away. */
		for (uint64_t page = 0; page < race->pages; page++)
			for (int i = 0; i < THREADS; i++)
				if (((volatile uint32_t *)page_at(race->map, page))[i] !=
				    round + page + 1)
					note_wrong(race, -EIO);
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

/**
 * SUBTEST: race-populate
 * Description: Threads that populate the same pages at once get the same pages.
 */
static void race_populate(int fd, const struct kind *kind)
{
	struct object o = make_object(fd, kind, PAGES);
	struct race race = { .o = &o, .map = map_all(&o), .pages = PAGES };
	pthread_t threads[THREADS];

	igt_assert_eq(pthread_barrier_init(&race.barrier, NULL, THREADS + 1), 0);
	for (int i = 0; i < THREADS; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, populate_and_store, &race), 0);
	for (int round = 0; round < POPULATE_ROUNDS; round++) {
		int ret = advise(race.map, 0, PAGES, kind->is & (KIND_SPARSE | KIND_ORDINARY) ?
				 MADV_REMOVE : MADV_DONTNEED);

		if (ret)
			note_wrong(&race, ret);
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
	}
	for (int i = 0; i < THREADS; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&race.barrier);
	check_race(&race);
	if (kind->is & (KIND_SPARSE | KIND_ORDINARY))
		igt_assert_eq_u64(present_pages(&o), PAGES);
	placed_unmap(race.map, SIZE);
	destroy_object(&o);
}

/* Populate and drop what may be gone, or not to be touched, at any moment. */
static void *populate_what_goes(void *data)
{
	static const int advices[] = { MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTNEED };
	struct race *race = data;
	unsigned int seed = atomic_fetch_add(&race->next, 1);

	while (!atomic_load(&race->stop)) {
		uint64_t first = rand_r(&seed) % race->pages;
		uint64_t pages = 1 + rand_r(&seed) % (race->pages - first);
		int ret = advise(race->map, first, pages, advices[rand_r(&seed) % 3]);

		if (ret && ret != -ENOMEM && ret != -EINVAL)
			note_wrong(race, ret);
		if (rand_r(&seed) % 8 == 0)
			mlock(page_at(race->map, first), pages * PLACED_PAGE);
		atomic_fetch_add(&race->done, 1);
	}
	return NULL;
}

/**
 * SUBTEST: race-unmap
 * Description: Threads populate and drop what another unmaps, maps, moves and protects.
 */
static void race_unmap(int fd, const struct kind *kind)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW };
	struct object o = make_object(fd, kind, PAGES);
	struct race race = { .o = &o, .map = reserve(PAGES), .pages = PAGES };
	const int rounds = placed_rounds(300);
	uint8_t *whole = map_all(&o), *away = reserve(PAGES);
	pthread_t threads[THREADS - 1];
	int ret = 0;

	map_object(&o, race.map, 0, PAGES, RW);
	store_pages(whole, 0, PAGES, 1);
	for (int i = 0; i < THREADS - 1; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, populate_what_goes, &race), 0);

	/* Nothing is asserted before the threads have ended. */
	for (int round = 0; !ret && (round < rounds || atomic_load(&race.done) < rounds / 4);
	     round++) {
		uint64_t first = rand() % PAGES, pages = 1 + rand() % (PAGES - first);
		uint8_t *part = page_at(race.map, first), *to = page_at(away, first);
		uint64_t size = pages * PLACED_PAGE;

		switch (rand() % 4) {
		case 0:
			ret = mprotect(part, size, prots[rand() % 3]);
			break;
		case 1:
			ret = munmap(part, size);
			break;
		case 2:
			/* Only one mapping can be moved at a time. */
			if (mremap(part, PLACED_PAGE, PLACED_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				   to) == to)
				ret = munmap(to, PLACED_PAGE);
			break;
		}
		if (!ret && mmap_object(&o, part, first, pages, RW, MAP_FIXED) != part)
			ret = -errno;
		/* So that there are few mappings, and the next is of the whole. */
		if (!ret && round % 16 == 0 &&
		    mmap_object(&o, race.map, 0, PAGES, RW, MAP_FIXED) != race.map)
			ret = -errno;
	}
	atomic_store(&race.stop, true);
	for (int i = 0; i < THREADS - 1; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	igt_assert_eq(ret, 0);
	check_race(&race);
	map_object(&o, race.map, 0, PAGES, RW);
	igt_assert_eq(advise(race.map, 0, PAGES, MADV_POPULATE_WRITE), 0);
	check_stored(race.map, 0, PAGES, 1);
	check_stored(whole, 0, PAGES, 1);
	check_works(&o, race.map);
	placed_unmap(race.map, SIZE);
	placed_unmap(away, SIZE);
	placed_unmap(whole, SIZE);
	destroy_object(&o);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "madvise-read", "MADV_POPULATE_READ", madvise_read, 0, 0 },
		{ "madvise-write", "MADV_POPULATE_WRITE", madvise_write, 0, 0 },
		{ "process-madvise", "process_madvise(2) on oneself", process_madvise_self, 0, 0 },
		{ "map-populate", "MAP_POPULATE", map_populate, 0, 0 },
		{ "placed-populate", "DRM_GEM_MMAP_PLACED_POPULATE", placed_populate,
		  0, KIND_ORDINARY },
		{ "mlock", "mlock(2)", mlock_populates, 0, 0 },
		{ "mlockall-current", "mlockall(MCL_CURRENT)", mlockall_current, 0, 0 },
		{ "mlockall-future", "mlockall(MCL_FUTURE)", mlockall_future, 0, 0 },
		{ "mlockall-future-placed", "mlockall(MCL_FUTURE) and placed maps",
		  mlockall_future_placed, 0, 0 },
		{ "mlock-onfault", "mlock2(MLOCK_ONFAULT)", mlock_onfault, 0, 0 },
		{ "mlockall-onfault", "mlockall(MCL_ONFAULT)", mlockall_onfault, 0, 0 },
		{ "mlockall-future-onfault", "mlockall(MCL_FUTURE | MCL_ONFAULT)",
		  mlockall_future_onfault, 0, 0 },
		{ "munlock", "munlock(2) and munlockall(2)", munlock_keeps, 0, KIND_PLAIN },
		{ "not-opted-in", "A driver that has not opted in", not_opted_in, KIND_PLAIN, 0 },
		{ "rights", "Mappings that may not be read or written", rights, 0, KIND_PLAIN },
		{ "arguments", "Alignment, rounding, wrapping", arguments, 0,
		  KIND_PLAIN },
		{ "hole", "Holes between mappings", hole, 0, KIND_PLAIN },
		{ "two-mappings", "Two mappings in a row", two_mappings, 0, KIND_PLAIN },
		{ "mixed", "Mappings of devices among others", mixed, 0, KIND_PLAIN },
		{ "mixed-remove", "MADV_REMOVE of devices' and files' pages", mixed_remove, 0,
		  KIND_PLAIN },
		{ "partial", "Parts of mappings of parts", partial, 0, KIND_PLAIN },
		{ "partial-present", "Memory for the populated part alone", partial_present,
		  KIND_SPARSE | KIND_ORDINARY, 0 },
		{ "moved", "Mappings that were moved", moved, 0, KIND_PLAIN },
		{ "split", "Mappings that were split", split, 0, KIND_PLAIN },
		{ "dontneed", "MADV_DONTNEED", dontneed, 0, KIND_PLAIN },
		{ "dontneed-locked", "MADV_DONTNEED_LOCKED", dontneed_locked, 0, KIND_PLAIN },
		{ "dontneed-locked-memory", "MADV_DONTNEED after mlock(2)",
		  dontneed_locked_memory, 0, KIND_PLAIN | KIND_ORDINARY },
		{ "dontneed-dirty", "MADV_DONTNEED of what was stored", dontneed_dirty,
		  KIND_COHERENT, 0 },
		{ "other-advice", "MADV_FREE, MADV_COLD, MADV_PAGEOUT", other_advice, 0,
		  KIND_PLAIN },
		{ "remove-refused", "MADV_REMOVE of what is not sparse", remove_refused, 0,
		  KIND_PLAIN | KIND_ORDINARY | KIND_SPARSE },
		{ "tracked", "Stores after populating are tracked", tracked, KIND_COHERENT, 0 },
		{ "tracked-clean", "Populating makes nothing dirty", tracked_clean,
		  KIND_COHERENT, 0 },
		/* The copy alone knows what the device writes. */
		{ "tracked-read-back", "What the device wrote, populated", tracked_read_back,
		  KIND_COPY, KIND_SPARSE },
		{ "rlimit-memlock", "RLIMIT_MEMLOCK", rlimit_memlock, 0, KIND_PLAIN },
		{ "fork", "A child populates and drops", fork_shares, 0, KIND_PLAIN },
		{ "signals", "Signals with a handler", signals_handled, 0, KIND_PLAIN },
		{ "killed", "SIGKILL", killed, 0, KIND_PLAIN },
		{ "process-madvise-list", "Several ranges in one call", process_madvise_list, 0,
		  KIND_PLAIN },
		{ "process-madvise-other", "Another process", process_madvise_other, 0, 0 },
		{ "huge-parts", "Huge entries that are cut", huge_parts, 0, KIND_PLAIN },
		{ "alignments", "Addresses and offsets modulo 2 MiB", alignments, 0, KIND_PLAIN },
		{ "race-populate", "Threads populate the same pages", race_populate, 0,
		  KIND_PLAIN },
		{ "race-unmap", "Threads populate what comes and goes", race_unmap, 0,
		  KIND_PLAIN },
	};

	KIND_RUN_TESTS(tests);
}
