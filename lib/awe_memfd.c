// SPDX-License-Identifier: MIT
/*
 * Pages of a memfd, where no DRM device has page windows. A window is a reservation, and each
 * run of pages in it that follow each other a mapping of its own, of which a process has 65,530
 * unless vm.max_map_count says otherwise.
 *
 * A memfd's memory is swapped out unless a locked mapping shows it. Where there is room, all of
 * the memfd is mapped once more, and that mapping locked as far as pages were ever allocated, as
 * one, so that freeing in any order does not split it. Where there is none, as in a 32-bit
 * program with more pages than addresses, what windows show is locked.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "awe.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

/* So much of the address space, at most, goes to the mapping that keeps pages in RAM. */
#define KEEP_MOST (sizeof(void *) > 4 ? 1ull << 45 : 256ull << 20)

/* Mappings to spare: see change_back(). Pages, every second a mapping of its own. */
#define SPARE_PAGES 16

/* Locks a part of it grow by. */
#define KEEP_STEP (4ull << 20)

static uint64_t object_size(struct placed_awe *awe)
{
	return awe->pages * awe_page_size();
}

static void map_keep(struct placed_awe *awe)
{
	uint64_t size = object_size(awe);
	void *map;

	if (size > KEEP_MOST)
		return;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, awe->fd, 0);
	if (map == MAP_FAILED)
		return;
	madvise(map, size, MADV_DONTFORK);
	awe->keep = map;
}

/* Lock as far as these pages. */
static int keep(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	uint64_t size = awe_page_size(), end = (first + count) * size;

	if (!awe->keep)
		return awe->flags & PLACED_AWE_MUST_LOCK ? -EPERM : 0;

	if (end > awe->kept) {
		uint64_t more = awe_round_up(end, KEEP_STEP);

		more = more < object_size(awe) ? more : object_size(awe);
		/* Where there is a limit, no more than there has to be. */
		if (syscall(SYS_mlock2, awe->keep, (size_t)more, MLOCK_ONFAULT)) {
			more = end;
			if (syscall(SYS_mlock2, awe->keep, (size_t)more, MLOCK_ONFAULT))
				return -EPERM;
		}
		awe->kept = more;
	}
	/* The memory is there, so that this makes entries of page tables, and locks. */
	if (madvise(awe->keep + first * size, count * size, MADV_POPULATE_READ))
		return errno == EINVAL ? -EPERM : -errno;
	return 0;
}

/* The least that pages must be able to do: otherwise, what windows show is tried. */
static int look_at_locks(struct placed_awe *awe)
{
	int ret;

	map_keep(awe);
	awe->locked = awe->keep ? PLACED_AWE_LOCKED_ALL : PLACED_AWE_LOCKED_MAPPED;
	ret = awe->keep ? syscall(SYS_mlock2, awe->keep, awe_page_size(), MLOCK_ONFAULT) : 0;
	if (ret)
		awe->locked = PLACED_AWE_LOCKED_NONE;
	if (awe->flags & PLACED_AWE_MUST_LOCK && awe->locked != PLACED_AWE_LOCKED_ALL)
		return -EPERM;
	return 0;
}

int awe_memfd_create(struct placed_awe *awe)
{
	awe->fd = memfd_create("placed-awe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (awe->fd < 0)
		return -errno;
	if (ftruncate(awe->fd, object_size(awe)) ||
	    fcntl(awe->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	return look_at_locks(awe);
}

/* Nobody can make it smaller, or keep it from being written. */
int awe_memfd_import(struct placed_awe *awe)
{
	int seals = fcntl(awe->fd, F_GET_SEALS);
	struct stat stat;

	if (seals < 0 || seals & F_SEAL_WRITE || !(seals & F_SEAL_SHRINK) ||
	    !(seals & F_SEAL_SEAL) || fstat(awe->fd, &stat) ||
	    (uint64_t)stat.st_size != object_size(awe))
		return -EINVAL;
	return look_at_locks(awe);
}

static int memfd_discard(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	uint64_t size = awe_page_size();

	if (fallocate(awe->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * size,
		      count * size))
		return -errno;
	return 0;
}

static int memfd_populate(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	uint64_t size = awe_page_size();
	int ret;

	if (fallocate(awe->fd, 0, first * size, count * size))
		return -errno;
	ret = keep(awe, first, count);
	if (ret && awe->flags & PLACED_AWE_MUST_LOCK) {
		memfd_discard(awe, first, count);
		return -EPERM;
	}
	if (ret)
		awe->locked = PLACED_AWE_LOCKED_NONE;
	return 0;
}

/* Places for windows */

/* Nothing is mapped between these. */
struct gap {
	uint64_t start, end;
};

/* The next gap of the address space, from where the file is on. */
static bool next_gap(FILE *maps, uint64_t *from, struct gap *gap)
{
	unsigned long long start, end;
	char line[512];

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		*gap = (struct gap) { *from, start };
		*from = end;
		if (gap->start < gap->end)
			return true;
	}
	if (*from == AWE_NONE)
		return false;
	*gap = (struct gap) { *from, AWE_NONE };
	*from = AWE_NONE;
	return true;
}

/* The lowest place in a gap, or the highest. */
static bool place_in(const struct awe_place *place, struct gap gap, bool high, uint64_t *addr)
{
	if (gap.start < place->range_start)
		gap.start = place->range_start;
	if (gap.end > place->range_end)
		gap.end = place->range_end;
	gap.start = awe_round_up(gap.start, AWE_GRAIN);
	if (gap.start >= gap.end || gap.end - gap.start < place->size)
		return false;
	*addr = high ? (gap.end - place->size) / AWE_GRAIN * AWE_GRAIN : gap.start;
	return true;
}

static bool find_place(const struct awe_place *place, uint64_t *found)
{
	bool high = place->flags & PLACED_AWE_TOPDOWN, has_one = false;
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t from = AWE_GRAIN, addr;
	struct gap gap;

	if (!maps)
		return false;
	while (next_gap(maps, &from, &gap)) {
		if (!place_in(place, gap, high, &addr))
			continue;
		*found = addr;
		has_one = true;
		if (!high)
			break;
	}
	fclose(maps);
	return has_one;
}

static int reserve_at(struct awe_place *place, uint64_t addr)
{
	void *at = (void *)(uintptr_t)addr;
	void *map = mmap(at, place->size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	/* Linux before 4.17 takes the address for a hint. */
	if (map != at) {
		munmap(map, place->size);
		return -EEXIST;
	}
	place->addr = addr;
	return 0;
}

/* Anywhere, with something to cut off for the alignment. */
static int reserve_anywhere(struct awe_place *place)
{
	uint64_t size = place->size + AWE_GRAIN, start, addr, end;
	uint8_t *map;

	if (size != (size_t)size)
		return -ENOSPC;
	map = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return errno == ENOMEM ? -ENOSPC : -errno;
	start = (uintptr_t)map;
	addr = awe_round_up(start, AWE_GRAIN);
	end = addr + place->size;
	if (addr > start)
		munmap(map, addr - start);
	if (start + size > end)
		munmap((void *)(uintptr_t)end, start + size - end);
	place->addr = addr;
	return 0;
}

/* What others map between looking and mapping is found the next time. */
static int reserve_in_range(struct awe_place *place)
{
	uint64_t addr;
	int ret = -ENOSPC;

	for (int tries = 0; tries < 100; tries++) {
		if (!find_place(place, &addr))
			return -ENOSPC;
		ret = reserve_at(place, addr);
		if (ret != -EEXIST)
			return ret;
	}
	return ret;
}

static int memfd_reserve(struct placed_awe *awe, struct awe_place *place)
{
	bool has_range = place->range_start || place->range_end;

	if (place->flags & PLACED_AWE_EXACT)
		return reserve_at(place, place->addr);

	if (!has_range)
		place->range_end = AWE_NONE;
	if (place->addr && !(place->addr % AWE_GRAIN) &&
	    place->addr >= place->range_start && place->size <= place->range_end &&
	    place->addr <= place->range_end - place->size && !reserve_at(place, place->addr))
		return 0;
	if (!has_range && !(place->flags & PLACED_AWE_TOPDOWN))
		return reserve_anywhere(place);
	if (!has_range)
		place->range_end = sizeof(void *) > 4 ? 1ull << 47 : 0xffff0000;
	return reserve_in_range(place);
}

/* Changes */

static bool follows(uint64_t page, uint64_t next)
{
	return page == AWE_NONE ? next == AWE_NONE : next == page + 1;
}

/* How many changes from this one on are a single mapping? */
static uint64_t run_length(const struct awe_changes *changes, uint64_t i)
{
	uint64_t count = 1, addr = awe_change_addr(changes, i);

	while (i + count < changes->count &&
	       awe_change_addr(changes, i + count) == addr + count * awe_page_size() &&
	       follows(changes->pages[i + count - 1], changes->pages[i + count]))
		count++;
	return count;
}

static int map_run(struct placed_awe *awe, uint64_t addr, uint64_t page, uint64_t count)
{
	uint64_t size = awe_page_size();
	void *at = (void *)(uintptr_t)addr;

	awe->map_calls++;
	if (page == AWE_NONE) {
		if (mmap(at, count * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			 MAP_FIXED, -1, 0) == MAP_FAILED)
			return -errno;
		return 0;
	}
	if (mmap(at, count * size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, awe->fd,
		 page * size) == MAP_FAILED)
		return -errno;
	if (madvise(at, count * size, MADV_DONTFORK))
		return -errno;
	if (!awe->keep && mlock(at, count * size))
		awe->locked = PLACED_AWE_LOCKED_NONE;
	return 0;
}

/* All, or up to the one that fails, which is not counted. */
static int map_runs(struct placed_awe *awe, const struct awe_changes *changes, uint64_t *done)
{
	uint64_t i, count;
	int ret;

	for (i = 0; i < changes->count; i += count) {
		count = run_length(changes, i);
		ret = map_run(awe, awe_change_addr(changes, i), changes->pages[i], count);
		*done = i;
		if (ret)
			return ret;
	}
	return 0;
}

/* Mappings that can be given up when there are no more to be had. */
static bool have_spare(struct placed_awe *awe)
{
	size_t size = awe_page_size();
	uint8_t *map;

	if (awe->spare)
		return true;
	map = mmap(NULL, SPARE_PAGES * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (map == MAP_FAILED)
		return false;
	for (int i = 1; i < SPARE_PAGES - 1; i += 2) {
		if (!mprotect(map + i * size, size, PROT_READ))
			continue;
		munmap(map, SPARE_PAGES * size);
		return false;
	}
	awe->spare = map;
	return true;
}

static void drop_spare(struct placed_awe *awe)
{
	if (awe->spare)
		munmap(awe->spare, SPARE_PAGES * awe_page_size());
	awe->spare = NULL;
}

/*
 * Show again what was shown before. When the number of mappings is what failed, there may be
 * none left for the moment between two steps of this; so there are some to spare.
 */
static int change_back(struct placed_awe *awe, struct awe_changes *changes, uint64_t done)
{
	struct awe_changes back = *changes;

	/* The run that failed may have left a hole. */
	back.count = done + run_length(changes, done);
	awe_old_pages(awe, &back);
	drop_spare(awe);
	return map_runs(awe, &back, &done);
}

static int memfd_change(struct placed_awe *awe, struct awe_changes *changes)
{
	uint64_t done = 0;
	int ret;

	if (!have_spare(awe))
		return -ENOMEM;
	ret = map_runs(awe, changes, &done);
	if (!ret)
		return 0;
	/* If another thread takes what was spared, it is not as before. */
	if (change_back(awe, changes, done))
		return -ENOTRECOVERABLE;
	return ret;
}

static void memfd_close(struct placed_awe *awe)
{
	drop_spare(awe);
	if (awe->keep)
		munmap(awe->keep, object_size(awe));
}

const struct awe_backend awe_memfd = {
	.populate = memfd_populate,
	.discard = memfd_discard,
	.reserve = memfd_reserve,
	.change = memfd_change,
	.close = memfd_close,
};
