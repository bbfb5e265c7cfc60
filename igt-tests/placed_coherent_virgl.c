// SPDX-License-Identifier: MIT

/**
 * TEST: placed coherent virgl
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_COHERENT
 * Description: Coherent mappings of virgl's buffers: stores and the device's writes arrive.
 */

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

#include "placed_helpers.h"
#include "placed_virgl.h"

IGT_TEST_DESCRIPTION("Stores, loads and device copies without transfers, on buffers of virgl.");

#define COHERENT DRM_GEM_MMAP_PLACED_COHERENT
#define READABLE DRM_GEM_MMAP_PLACED_READ
#define WRITABLE DRM_GEM_MMAP_PLACED_WRITE
#define RW PLACED_RW
#define NOWHERE ((uint64_t)-1)

/* Buffers, mappings and transfers that have to work. */

static uint8_t *map_part(int fd, const struct virgl_buffer *buffer, uint32_t flags,
			 uint64_t offset, uint64_t length)
{
	return placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = buffer->handle, .flags = flags, .offset = offset, .length = length,
	});
}

static uint64_t mapped_size(const struct virgl_buffer *buffer)
{
	return (buffer->size + PLACED_PAGE - 1) & ~(PLACED_PAGE - 1);
}

static uint8_t *map_all(int fd, const struct virgl_buffer *buffer, uint32_t flags)
{
	return map_part(fd, buffer, flags, 0, mapped_size(buffer));
}

/* An explicit transfer, and its end. */
static void transfer(int fd, const struct virgl_buffer *buffer, bool to_host,
		     uint64_t offset, uint64_t length)
{
	igt_assert_eq(virgl_transfer(fd, buffer, to_host, offset, length), 0);
	igt_assert_eq(virgl_wait(fd, buffer->handle), 0);
}

/* One copy with both buffers named, and its end. */
static void copy(int fd, const struct virgl_buffer *to, uint64_t to_offset,
		 const struct virgl_buffer *from, uint64_t from_offset, uint64_t length)
{
	igt_assert_eq(virgl_copy(fd, to, to_offset, from, from_offset, length), 0);
	igt_assert_eq(virgl_wait(fd, to->handle), 0);
}

/* The same, with no buffer named. */
static void copy_unnamed(int fd, const struct virgl_buffer *to, uint64_t to_offset,
			 const struct virgl_buffer *from, uint64_t from_offset, uint64_t length)
{
	struct virgl_copy command = { to, to_offset, from, from_offset, length };
	int fence = -1;

	igt_assert_eq(virgl_submit(fd, &command, 1, NULL, 0, &fence), 0);
	igt_assert_eq(virgl_wait_fence(fence), 0);
}

typedef void (*copy_func)(int fd, const struct virgl_buffer *to, uint64_t to_offset,
			  const struct virgl_buffer *from, uint64_t from_offset, uint64_t length);

/* Did the device take the buffer's pages? It takes no more than 16,384 runs of them. */
static bool has_backing(int fd, const struct virgl_buffer *buffer)
{
	uint64_t last = (buffer->size - 1) & ~(PLACED_PAGE - 1);
	volatile uint8_t *page = map_part(fd, buffer, RW, last, PLACED_PAGE);
	bool has;

	*page = 0x5a;
	transfer(fd, buffer, true, last, 1);
	*page = 0;
	transfer(fd, buffer, false, last, 1);
	has = *page == 0x5a;
	placed_unmap((void *)page, PLACED_PAGE);
	return has;
}

#define SHMEM_HUGE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* Which of the words in a file of settings is in brackets? */
static bool chosen_setting(const char *path, char *word, int size)
{
	char line[128] = "", *start, *end;
	FILE *f = fopen(path, "r");

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	start = strchr(line, '[');
	end = strchr(line, ']');
	if (!start || !end)
		return false;
	snprintf(word, size, "%.*s", (int)(end - start - 1), start + 1);
	return true;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return written == (ssize_t)strlen(text);
}

/*
 * A buffer that the device has taken. For a large one that may need huge pages,
 * if memory is in pieces.
 */
static struct virgl_buffer create(int fd, uint64_t size)
{
	struct virgl_buffer buffer;
	char before[32];

	igt_assert_eq(virgl_create(fd, size, &buffer), 0);
	for (int i = 0; i < 4 && size >= 64 << 20 && !has_backing(fd, &buffer); i++) {
		igt_info("%llu MiB in too many pieces for the device: again, with huge pages\n",
			 (unsigned long long)size >> 20);
		placed_close_handle(fd, buffer.handle);
		/* The memory is free when the device has let go of it. */
		usleep(200000);
		igt_assert(write_file("/proc/sys/vm/compact_memory", "1"));

		igt_assert(chosen_setting(SHMEM_HUGE, before, sizeof(before)));
		igt_assert(write_file(SHMEM_HUGE, "always"));
		igt_assert_eq(virgl_create(fd, size, &buffer), 0);
		igt_assert(write_file(SHMEM_HUGE, before));
	}

	igt_assert(size < 64 << 20 || has_backing(fd, &buffer));
	return buffer;
}

static void destroy(int fd, struct virgl_buffer *buffer)
{
	igt_assert_eq(placed_close_handle(fd, buffer->handle), 0);
}

/* Bytes that differ from place to place, and from number to number. */
static void pattern(uint8_t *to, uint64_t length, uint32_t number)
{
	uint64_t i;

	for (i = 0; i + 4 <= length; i += 4) {
		uint32_t word = (uint32_t)(i / 4 + 1) * 2654435761u ^ number * 0x9e3779b9u;

		memcpy(to + i, &word, 4);
	}
	for (; i < length; i++)
		to[i] = i + number;
}

static uint8_t *new_pattern(uint64_t length, uint32_t number)
{
	uint8_t *bytes = malloc(length);

	igt_assert(bytes);
	pattern(bytes, length, number);
	return bytes;
}

/* Where the first difference is, or NOWHERE. */
static uint64_t difference(const uint8_t *found, const uint8_t *expected, uint64_t length)
{
	if (!memcmp(found, expected, length))
		return NOWHERE;
	for (uint64_t i = 0; i < length; i++)
		if (found[i] != expected[i])
			return i;
	/* It was there a moment ago. */
	return 0;
}

static void assert_same(const uint8_t *found, const uint8_t *expected, uint64_t length,
			const char *what)
{
	uint64_t at = difference(found, expected, length), last = length - 1, count = 0;

	if (at == NOWHERE)
		return;
	for (uint64_t i = at; i < length; i++)
		count += found[i] != expected[i];
	while (last > at && found[last] == expected[last])
		last--;
	igt_assert_f(0, "%s: %llu of %llu bytes differ, from %#llx (%#x instead of %#x) to %#llx\n",
		     what, (unsigned long long)count, (unsigned long long)length,
		     (unsigned long long)at, found[at], expected[at], (unsigned long long)last);
}

/* What the device has of a buffer, which the kernel is not told that we look at. */
static void peek(int fd, const struct virgl_buffer *buffer, uint64_t offset, uint64_t length,
		 uint8_t *bytes)
{
	uint64_t most = 16 << 20, at, count;
	struct virgl_buffer spy = create(fd, length < most ? length : most);
	uint8_t *ptr = map_all(fd, &spy, RW);

	for (at = 0; at < length; at += count) {
		struct virgl_copy command = { &spy, 0, buffer, offset + at, 0 };

		count = length - at < most ? length - at : most;
		command.length = count;
		igt_assert_eq(virgl_submit(fd, &command, 1, &spy.handle, 1, NULL), 0);
		transfer(fd, &spy, false, 0, count);
		memcpy(bytes + at, ptr, count);
	}

	placed_unmap(ptr, mapped_size(&spy));
	destroy(fd, &spy);
}

static void assert_device_has(int fd, const struct virgl_buffer *buffer, uint64_t offset,
			      uint64_t length, const uint8_t *expected, const char *what)
{
	uint8_t *bytes = malloc(length);

	igt_assert(bytes);
	peek(fd, buffer, offset, length, bytes);
	assert_same(bytes, expected, length, what);
	free(bytes);
}

static int make_coherent(int fd, uint32_t handle)
{
	struct drm_gem_coherent coherent = {
		.handle = handle,
		.flags = DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_COHERENT, &coherent);

	if (!ret)
		igt_assert_eq_u32(coherent.state, DRM_GEM_COHERENT_TRACKED);
	return ret;
}

static int flush(int fd, const struct virgl_buffer *buffer)
{
	struct drm_gem_dirty dirty = {
		.handle = buffer->handle, .flags = DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
	};

	return placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &dirty);
}

/* Pages read back from the device for this file so far. */
static uint64_t readback_pages(int fd)
{
	static const char key[] = "drm-placed-readback-pages:";
	unsigned long long pages = 0;
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			found = sscanf(line + strlen(key), "%llu", &pages) == 1;
	fclose(f);
	igt_assert_f(found, "no %s in %s\n", key, path);
	return pages;
}

/**
 * SUBTEST: stock
 * Description: The harness, without coherency: explicit transfers, and copies on the device.
 */
static void stock(int fd, uint64_t size)
{
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW), *pb = map_all(fd, &b, RW);
	uint8_t *expected = new_pattern(size, 1);

	memcpy(pa, expected, size);
	transfer(fd, &a, true, 0, size);
	memset(pa, 0, size);
	copy(fd, &b, 0, &a, 0, size);
	transfer(fd, &b, false, 0, size);
	assert_same(pb, expected, size, "copied by a named copy");

	/* Not all of it, and neither buffer named. */
	copy_unnamed(fd, &b, 77, &a, 1000, size - 1001);
	memcpy(expected + 77, pb + 1000, size - 1001);
	transfer(fd, &b, false, 0, size);
	assert_same(pb, expected, size, "copied by an unnamed copy");
	assert_device_has(fd, &b, 0, size, expected, "peeked");

	free(expected);
	placed_unmap(pa, mapped_size(&a));
	placed_unmap(pb, mapped_size(&b));
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: to-device
 * Description: Plain stores to A; the device copies A to B; an explicit transfer from B has them.
 */
static void to_device(int fd, uint64_t size)
{
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW);
	uint8_t *expected = new_pattern(size, 2);

	memcpy(pa, expected, size);
	copy(fd, &b, 0, &a, 0, size);
	transfer(fd, &b, false, 0, size);
	assert_same(pb, expected, size, "all stored");

	/* Single bytes, and again, and again. */
	for (int round = 0; round < 4; round++) {
		unsigned int seed = round;

		for (int i = 0; i < 50; i++) {
			uint64_t at = ((uint64_t)rand_r(&seed) << 15 ^ rand_r(&seed)) % size;

			pa[at] = expected[at] = round * 50 + i;
		}
		copy(fd, &b, 0, &a, 0, size);
		transfer(fd, &b, false, 0, size);
		assert_same(pb, expected, size, "bytes stored");
	}

	free(expected);
	placed_unmap(pa, mapped_size(&a));
	placed_unmap(pb, mapped_size(&b));
	destroy(fd, &a);
	destroy(fd, &b);
}

/* Stores to A, copy to B, loads from B; then the other way. Both are coherent. */
static void there_and_back(int fd, uint64_t size, copy_func copy_by)
{
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t *expected = new_pattern(size, 3);

	memcpy(pa, expected, size);
	copy_by(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "loads from B");

	/* Some of B's pages change, and all of A's follow. */
	for (uint64_t at = 5; at < size; at += at < PLACED_2M ? 3 * PLACED_PAGE + 3 : PLACED_2M / 3)
		pb[at] = expected[at] = ~expected[at];
	copy_by(fd, &a, 0, &b, 0, size);
	assert_same(pa, expected, size, "loads from A");
	assert_same(pb, expected, size, "loads from B, unchanged");

	/* A readable mapping takes the device's bytes and the program's. */
	for (uint64_t at = 9; at < size; at += at < PLACED_2M ? PLACED_PAGE : PLACED_2M / 5)
		pa[at] = expected[at] = ~expected[at];
	copy_by(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "loads from B, second time");
	assert_same(pa, expected, size, "loads from A, second time");

	free(expected);
	placed_unmap(pa, mapped_size(&a));
	placed_unmap(pb, mapped_size(&b));
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: there-and-back
 * Description: A and B are mapped coherently, and loaded from after the fence.
 */
static void named(int fd, uint64_t size)
{
	there_and_back(fd, size, copy);
}

/**
 * SUBTEST: unnamed
 * Description: The same by operations that name no buffer: all of the file's are meant.
 */
static void unnamed(int fd, uint64_t size)
{
	there_and_back(fd, size, copy_unnamed);
}

/**
 * SUBTEST: parts
 * Description: Mappings of parts, copies of odd ranges, and a buffer of an odd size.
 */
static void parts(int fd)
{
	uint64_t size = 2 * PLACED_2M + 5 * PLACED_PAGE - 1234, room = mapped_size(
		&(struct virgl_buffer) { .size = size });
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	static const struct {
		unsigned int first, count;
	} ranges[] = {
		{ 3, 5 }, { 7, 1 }, { 508, 9 }, { 1023, 2 }, { 1020, 9 }, { 0, 1029 }, { 1028, 1 },
	};
	enum { RANGES = sizeof(ranges) / sizeof(ranges[0]) };
	uint8_t *in_a[RANGES], *in_b[RANGES], *pb, *expected = new_pattern(room, 4);
	unsigned int seed = 5;

	igt_assert_eq_u64(room / PLACED_PAGE, 1029);
	for (int i = 0; i < RANGES; i++) {
		in_a[i] = map_part(fd, &a, RW | COHERENT, ranges[i].first * PLACED_PAGE,
				   ranges[i].count * PLACED_PAGE);
		in_b[i] = map_part(fd, &b, RW | COHERENT, ranges[i].first * PLACED_PAGE,
				   ranges[i].count * PLACED_PAGE);
	}
	pb = in_b[5];

	memcpy(in_a[5], expected, size);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "all");

	for (int round = 0; round < 60; round++) {
		int i = rand_r(&seed) % RANGES;
		uint64_t start = ranges[i].first * PLACED_PAGE;
		uint64_t length = ranges[i].count * PLACED_PAGE, from, to, count;

		if (start + length > size)
			length = size - start;
		from = rand_r(&seed) % length;
		count = 1 + rand_r(&seed) % (length - from);
		if (count > 9000)
			count = 9000;

		/* Stored through one mapping of a part, copied to some other place of B. */
		pattern(in_a[i] + from, count, 100 + round);
		to = ((uint64_t)rand_r(&seed) << 8) % (size - count);
		copy(fd, &b, to, &a, start + from, count);
		pattern(expected + to, count, 100 + round);
		assert_same(pb, expected, size, "odd range");

		/* And what the parts of B show. */
		i = rand_r(&seed) % RANGES;
		start = ranges[i].first * PLACED_PAGE;
		length = ranges[i].count * PLACED_PAGE;
		if (start + length > size)
			length = size - start;
		assert_same(in_b[i], expected + start, length, "part of B");
	}

	/* The device has nothing behind the buffer's end. That is no error, and stays. */
	pb[room - 1] = 42;
	igt_assert_eq(flush(fd, &b), 0);
	copy(fd, &b, 0, &a, 0, 1);
	igt_assert_eq(pb[room - 1], 42);

	for (int i = 0; i < RANGES; i++) {
		placed_unmap(in_a[i], ranges[i].count * PLACED_PAGE);
		placed_unmap(in_b[i], ranges[i].count * PLACED_PAGE);
	}
	free(expected);
	destroy(fd, &a);
	destroy(fd, &b);
}

/*
 * A storm: while the device copies between A and B, and the main thread stores
 * to both and compares, four threads store to places of A that are theirs, one
 * in each group of bytes. A store that was announced before an operation was
 * submitted must be in what the operation copies.
 */

enum { WRITERS = 4 };

struct storm {
	int fd;
	/* Each group of bytes starts with the main thread's, then the writers' slots. */
	uint64_t group, mine, slot, groups;
	struct virgl_buffer a, b, all;
	uint8_t *pa, *pb, *pall, *expected;
	bool stop;
	struct writer {
		struct storm *storm;
		pthread_t thread;
		int index;
		uint32_t announced, done;
		bool failed;
		uint64_t failed_at;
		uintptr_t found, expected;
	} writers[WRITERS];
	char error[200];
};

/* A value that shows when half of it is missing. */
static uintptr_t stormy(uint32_t number)
{
	return (uintptr_t)((uint64_t)number << 32 | number);
}

static uint64_t slot_at(const struct storm *storm, int writer, uint64_t group)
{
	/* Not at the same place in every page. */
	return group * storm->group + storm->mine + writer * storm->slot +
	       group * 8 % (storm->slot < 64 ? storm->slot : 64);
}

static void *write_slots(void *data)
{
	struct writer *w = data;
	struct storm *storm = w->storm;
	uint32_t number = 0;

	while (!__atomic_load_n(&storm->stop, __ATOMIC_RELAXED)) {
		number++;
		for (uint64_t group = 0; group < storm->groups; group++) {
			uint64_t at = slot_at(storm, w->index, group);
			volatile uintptr_t *slot = (volatile uintptr_t *)(storm->pa + at);
			uintptr_t found = *slot;

			if (found != stormy(number - 1)) {
				w->failed_at = at;
				w->found = found;
				w->expected = stormy(number - 1);
				w->failed = true;
				return NULL;
			}
			*slot = stormy(number);
		}
		w->done = number;
		__atomic_store_n(&w->announced, number, __ATOMIC_RELEASE);
		if (w->index)
			usleep(w->index * 300);
	}

	return NULL;
}

/* The main thread's bytes of each group, and if asked for all of A to where it is looked at. */
static int storm_copy(struct storm *storm, const struct virgl_buffer *to,
		      const struct virgl_buffer *from, bool look, bool named, bool wait)
{
	struct virgl_copy *copies = calloc(storm->groups + 1, sizeof(*copies));
	uint32_t handles[] = { storm->a.handle, storm->b.handle, storm->all.handle };
	int fence = -1, ret;

	if (!copies)
		return -ENOMEM;
	for (uint64_t i = 0; i < storm->groups; i++)
		copies[i] = (struct virgl_copy) {
			to, i * storm->group, from, i * storm->group, storm->mine,
		};
	copies[storm->groups] = (struct virgl_copy) {
		&storm->all, 0, &storm->a, 0, storm->a.size,
	};
	ret = virgl_submit(storm->fd, copies, storm->groups + look, handles,
			   named ? 2 + look : 0, &fence);
	free(copies);
	if (!ret && wait)
		ret = virgl_wait_fence(fence);
	else if (!ret)
		close(fence);
	return ret;
}

static bool storm_same(struct storm *storm, const uint8_t *found, const char *what)
{
	for (uint64_t i = 0; i < storm->groups; i++) {
		uint64_t start = i * storm->group;
		uint64_t at = difference(found + start, storm->expected + start, storm->mine);

		if (at == NOWHERE)
			continue;
		snprintf(storm->error, sizeof(storm->error),
			 "%s: at %#llx %#x instead of %#x", what, (unsigned long long)(start + at),
			 found[start + at], storm->expected[start + at]);
		return false;
	}
	return true;
}

/* What the device had of the writers' slots is whole, and not older than `least`. */
static bool storm_slots(struct storm *storm, const uint32_t *least, bool exactly)
{
	for (int w = 0; w < WRITERS; w++) {
		for (uint64_t i = 0; i < storm->groups; i++) {
			uint64_t at = slot_at(storm, w, i);
			uintptr_t found;

			memcpy(&found, storm->pall + at, sizeof(found));
			if (found == stormy(found) && (uint32_t)found >= least[w] &&
			    (!exactly || (uint32_t)found == least[w]))
				continue;
			snprintf(storm->error, sizeof(storm->error),
				 "writer %d: the device has %#llx at %#llx, and %#x was announced",
				 w, (unsigned long long)found, (unsigned long long)at, least[w]);
			return false;
		}
	}
	return true;
}

/* Not IGT's checks: these jump away, and the writers have to be stopped first. */
static bool storm_round(struct storm *storm, uint32_t number)
{
	bool named = number % 3;
	uint32_t least[WRITERS];
	int ret;

	/* Some of the main thread's bytes change in A, and reach B. */
	for (uint64_t i = number % 5; i < storm->groups; i += 1 + number % 7) {
		uint64_t start = i * storm->group;

		pattern(storm->expected + start, storm->mine, number + i);
		memcpy(storm->pa + start, storm->expected + start, storm->mine);
	}
	for (int w = 0; w < WRITERS; w++)
		least[w] = __atomic_load_n(&storm->writers[w].announced, __ATOMIC_ACQUIRE);
	ret = storm_copy(storm, &storm->b, &storm->a, true, named, true);
	if (!ret)
		ret = virgl_transfer(storm->fd, &storm->all, false, 0, storm->all.size);
	if (!ret)
		ret = virgl_wait(storm->fd, storm->all.handle);
	if (ret) {
		snprintf(storm->error, sizeof(storm->error), "A to B: %s", strerror(-ret));
		return false;
	}
	if (!storm_slots(storm, least, false) ||
	    !storm_same(storm, storm->pall, "what the device had of A") ||
	    !storm_same(storm, storm->pb, "loads from B"))
		return false;

	/* Then in B, and reach A. The loads wait. */
	for (uint64_t i = number % 3; i < storm->groups; i += 1 + number % 4) {
		uint64_t at = i * storm->group + number * 37 % storm->mine;

		storm->pb[at] = storm->expected[at] = number;
	}
	ret = storm_copy(storm, &storm->a, &storm->b, false, named, !(number % 2));
	if (ret) {
		snprintf(storm->error, sizeof(storm->error), "B to A: %s", strerror(-ret));
		return false;
	}
	return storm_same(storm, storm->pa, "loads from A");
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static void do_storm(int fd, uint64_t size, uint64_t group, uint64_t mine, uint64_t slot)
{
	struct storm storm = {
		.fd = fd, .group = group, .mine = mine, .slot = slot, .groups = size / group,
		.a = create(fd, size), .b = create(fd, size), .all = create(fd, size),
		.expected = calloc(1, size),
	};
	/* Of a large buffer, a round takes seconds. */
	uint32_t rounds = 0, least = size < 64 << 20 ? 4 : 2, last[WRITERS];
	double end;
	bool ok = true;

	igt_assert(storm.expected && mine + WRITERS * slot <= group);
	storm.pa = map_all(fd, &storm.a, RW | COHERENT);
	storm.pb = map_all(fd, &storm.b, RW | COHERENT);
	storm.pall = map_all(fd, &storm.all, RW);
	memset(storm.pa, 0, size);
	memset(storm.pb, 0, size);

	for (int i = 0; i < WRITERS; i++) {
		storm.writers[i].storm = &storm;
		storm.writers[i].index = i;
		igt_assert_eq(pthread_create(&storm.writers[i].thread, NULL, write_slots,
					     &storm.writers[i]), 0);
	}
	end = seconds() + 4;
	while (ok && (rounds < least || seconds() < end))
		ok = storm_round(&storm, ++rounds);
	__atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < WRITERS; i++)
		igt_assert_eq(pthread_join(storm.writers[i].thread, NULL), 0);

	igt_info("%u rounds; the writers passed %u, %u, %u, %u times\n", rounds,
		 storm.writers[0].done, storm.writers[1].done, storm.writers[2].done,
		 storm.writers[3].done);
	for (int i = 0; i < WRITERS; i++) {
		const struct writer *w = &storm.writers[i];

		igt_assert_f(!w->failed, "writer %d: %#llx instead of %#llx at %#llx\n", i,
			     (unsigned long long)w->found, (unsigned long long)w->expected,
			     (unsigned long long)w->failed_at);
	}
	igt_assert_f(ok, "round %u: %s\n", rounds, storm.error);

	/* Everything arrived. */
	for (int i = 0; i < WRITERS; i++) {
		last[i] = storm.writers[i].done;
		igt_assert_lt_u64(0, last[i]);
	}
	igt_assert_eq(storm_copy(&storm, &storm.b, &storm.a, true, true, true), 0);
	transfer(fd, &storm.all, false, 0, size);
	igt_assert_f(storm_slots(&storm, last, true) &&
		     storm_same(&storm, storm.pall, "at the end") &&
		     storm_same(&storm, storm.pb, "loads from B at the end"),
		     "%s\n", storm.error);

	free(storm.expected);
	placed_unmap(storm.pa, size);
	placed_unmap(storm.pb, size);
	placed_unmap(storm.pall, size);
	destroy(fd, &storm.a);
	destroy(fd, &storm.b);
	destroy(fd, &storm.all);
}

/**
 * SUBTEST: storm
 * Description: Four threads store to pages between those that the device writes.
 */
static void storm(int fd, uint64_t size)
{
	/* A page has no pages between its pages. */
	if (size < PLACED_2M)
		do_storm(fd, size, PLACED_PAGE, PLACED_PAGE / 2, 64);
	else if (size < 64 << 20)
		do_storm(fd, size, 8 * PLACED_PAGE, 4 * PLACED_PAGE, PLACED_PAGE);
	else
		do_storm(fd, size, 128 * PLACED_PAGE, 124 * PLACED_PAGE, PLACED_PAGE);
}

/**
 * SUBTEST: storm-in-pages
 * Description: Four threads store to the same pages that the device writes.
 */
static void storm_in_pages(int fd)
{
	do_storm(fd, PLACED_2M + 2 * PLACED_PAGE, PLACED_PAGE, PLACED_PAGE / 2, 256);
}

/**
 * SUBTEST: false-sharing
 * Description: The device writes some bytes of a page, the CPU others before and after.
 */
static void false_sharing(int fd)
{
	struct virgl_buffer a = create(fd, 4 * PLACED_PAGE), b = create(fd, PLACED_PAGE);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t expected[PLACED_PAGE] = {};

	for (int round = 0; round < 40; round++) {
		uint64_t page = round % 4 * PLACED_PAGE;

		memset(expected, 0, sizeof(expected));
		memset(pa + page, 0, PLACED_PAGE);
		pattern(pb, 100, 200 + round);
		pattern(expected, 100, 200 + round);

		/* Before the operation, right after it was submitted, and after its end. */
		memset(pa + page + 200, round + 1, 30);
		memset(expected + 200, round + 1, 30);
		igt_assert_eq(virgl_copy(fd, &a, page, &b, 0, 100), 0);
		memset(pa + page + 230, round + 2, 40);
		memset(expected + 230, round + 2, 40);
		igt_assert_eq(virgl_wait(fd, a.handle), 0);
		memset(pa + page + 270, round + 3, 30);
		memset(expected + 270, round + 3, 30);

		assert_same(pa + page, expected, PLACED_PAGE, "loads");
		igt_assert_eq(flush(fd, &a), 0);
		assert_device_has(fd, &a, page, PLACED_PAGE, expected, "the device");
	}

	placed_unmap(pa, mapped_size(&a));
	placed_unmap(pb, mapped_size(&b));
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: early-load
 * Description: A load while the device is at work waits for it; a store keeps its bytes.
 */
static void early_load(int fd)
{
	enum { LONG = 8 << 20, COUNT = 24 };
	struct virgl_buffer a = create(fd, LONG), b = create(fd, LONG);
	struct virgl_copy copies[COUNT];
	uint32_t handles[] = { a.handle, b.handle };
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	int busy = 0;

	for (int i = 0; i < COUNT; i++)
		copies[i] = (struct virgl_copy) { &b, 0, &a, 0, LONG };

	for (uint32_t round = 1; round <= 10; round++) {
		uint32_t at = round * 654321 % (LONG - 4), found;

		memcpy(pa + at, &round, 4);
		igt_assert_eq(virgl_submit(fd, copies, COUNT, handles, 2, NULL), 0);
		busy += !virgl_is_idle(fd, b.handle);
		memcpy(&found, pb + at, 4);
		igt_assert_eq_u32(found, round);

		/* What the first load brought is not all that the device wrote. */
		memcpy(pa + LONG - 4, &round, 4);
		igt_assert_eq(virgl_submit(fd, copies, COUNT, handles, 2, NULL), 0);
		pb[at / 2] = round;
		memcpy(&found, pb + LONG - 4, 4);
		igt_assert_eq_u32(found, round);
		igt_assert_eq(pb[at / 2], round);
	}
	igt_info("%d of 10 loads came early\n", busy);
	igt_assert_lt_u64(0, busy);

	placed_unmap(pa, LONG);
	placed_unmap(pb, LONG);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: mixed
 * Description: Read-only, write-only and other mappings of a buffer, in both orders.
 */
static void mixed(int fd)
{
	static const uint32_t orders[][3] = {
		{ READABLE, RW, READABLE }, { RW, READABLE, WRITABLE },
		{ READABLE, WRITABLE, RW }, { WRITABLE, RW, READABLE },
	};
	enum { ORDERS = sizeof(orders) / sizeof(orders[0]) };
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE;
	struct virgl_buffer b = create(fd, size);
	uint8_t *pb = map_all(fd, &b, RW | COHERENT);

	for (int order = 0; order < ORDERS; order++) {
		struct virgl_buffer a = create(fd, size);
		uint8_t *expected = new_pattern(size, 300 + order), *ptr[3];
		unsigned int seed = order;

		for (int i = 0; i < 3; i++)
			ptr[i] = map_all(fd, &a, orders[order][i] | COHERENT);
		memcpy(pb, expected, size);
		copy(fd, &a, 0, &b, 0, size);

		for (int round = 0; round < 24; round++) {
			uint64_t at = rand_r(&seed) % (size - 8);
			int i = rand_r(&seed) % 3;

			/*
			 * What the device wrote is here before a store, if it is by a
			 * mapping that can be read; so look first.
			 */
			for (int j = 0; j < 3; j++)
				if (orders[order][j] & READABLE)
					assert_same(ptr[j], expected, size, "seen");
			if (orders[order][i] & WRITABLE) {
				memset(ptr[i] + at, round + 1, 8);
				memset(expected + at, round + 1, 8);
			}
			if (round % 2) {
				copy(fd, &b, 0, &a, 0, size);
				assert_same(pb, expected, size, "copied from");
			} else {
				pb[size - 1 - at] ^= 0xff;
				expected[size - 1 - at] = pb[size - 1 - at];
				copy(fd, &a, size - 1 - at, &b, size - 1 - at, 1);
			}
			/* B has what A has, and the other way round. */
			copy(fd, &b, 0, &a, 0, size);
		}

		free(expected);
		for (int i = 0; i < 3; i++)
			placed_unmap(ptr[i], size);
		destroy(fd, &a);
	}

	placed_unmap(pb, size);
	destroy(fd, &b);
}

/**
 * SUBTEST: write-only
 * Description: Nothing is read back for a mapping that is not readable, nor can it be made so.
 */
static void write_only(int fd)
{
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE, before = readback_pages(fd);
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, WRITABLE | COHERENT);
	uint8_t *pb = map_all(fd, &b, WRITABLE | COHERENT);
	uint8_t *expected = new_pattern(size, 6);

	memcpy(pa, expected, size);
	copy(fd, &b, 0, &a, 0, size);
	memcpy(pb, expected, PLACED_PAGE);
	copy(fd, &a, PLACED_PAGE, &b, 0, PLACED_PAGE);
	memcpy(expected + PLACED_PAGE, expected, PLACED_PAGE);
	copy_unnamed(fd, &b, 0, &a, 0, size);

	/* Whole pages, so that it does not matter what was there. */
	pattern(pa + 7 * PLACED_PAGE, 2 * PLACED_PAGE, 7);
	pattern(expected + 7 * PLACED_PAGE, 2 * PLACED_PAGE, 7);
	copy(fd, &b, 0, &a, 0, size);
	igt_assert_eq_u64(readback_pages(fd), before);
	assert_device_has(fd, &b, 0, size, expected, "write-only");

	igt_assert_eq(mprotect(pa, size, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);

	/* The counter does count. */
	placed_unmap(pb, size);
	pb = map_all(fd, &b, RW | COHERENT);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "made readable");
	igt_assert_lt_u64(before, readback_pages(fd));

	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: explicit
 * Description: Explicit transfers of a coherent buffer lose no bytes, the CPU's or the device's.
 */
static void explicit_transfers(int fd)
{
	uint64_t size = 16 * PLACED_PAGE;
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t *expected = new_pattern(size, 8);

	/* From the host, over what was stored before: the device has that by now. */
	memcpy(pa, expected, size);
	transfer(fd, &a, false, 0, size);
	assert_same(pa, expected, size, "stored before a transfer from the host");

	/* To the host, of one page: the others get there as well when they are needed. */
	pattern(pa, size, 9);
	pattern(expected, size, 9);
	transfer(fd, &a, true, 3 * PLACED_PAGE, PLACED_PAGE);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "after a transfer of a page");

	/* To the host, over what the device wrote, and nobody stored to. */
	pattern(pb, size, 10);
	pattern(expected, size, 10);
	copy(fd, &a, 0, &b, 0, size);
	transfer(fd, &a, true, 0, size);
	assert_same(pa, expected, size, "written by the device before a transfer to the host");
	igt_assert_eq(flush(fd, &a), 0);
	assert_device_has(fd, &a, 0, size, expected, "the device's own bytes");

	/* From the host, of what the device wrote. */
	pattern(pb, size, 11);
	pattern(expected, size, 11);
	copy(fd, &a, 0, &b, 0, size);
	transfer(fd, &a, false, 0, size);
	assert_same(pa, expected, size, "transferred from the host");

	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: dirty
 * Description: DRM_IOCTL_GEM_DIRTY lists what was stored to, and sends it at once.
 */
static void dirty(int fd)
{
	static const unsigned int stored[] = { 0, 3, 4, 300, 511, 512, 1000 };
	uint64_t size = 1001 * PLACED_PAGE;
	struct virgl_buffer a = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *expected = new_pattern(size, 12);
	struct drm_gem_dirty_run runs[1001];
	struct drm_gem_dirty query = {
		.handle = a.handle, .flags = DRM_GEM_DIRTY_QUERY, .runs = placed_addr(runs),
		.count = 1001,
	};
	uint64_t pages = 0;

	memcpy(pa, expected, size);
	igt_assert_eq(flush(fd, &a), 0);
	assert_device_has(fd, &a, 0, size, expected, "flushed");
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &query), 0);
	igt_assert_eq_u32(query.count, 0);
	igt_assert_eq_u64(query.pages, 0);

	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		pa[stored[i] * PLACED_PAGE + i] = expected[stored[i] * PLACED_PAGE + i] = 0x77;
	query.count = 1001;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &query), 0);
	igt_assert_lt_u64(0, query.count);
	for (uint32_t i = 0; i < query.count; i++) {
		igt_assert_lt_u64(0, runs[i].length);
		igt_assert_lte_u64(runs[i].offset + runs[i].length, size);
		if (i)
			igt_assert_lt_u64(runs[i - 1].offset + runs[i - 1].length - 1,
					  runs[i].offset);
		pages += runs[i].length / PLACED_PAGE;
	}
	igt_assert_eq_u64(query.pages, pages);
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
		bool listed = false;

		for (uint32_t j = 0; j < query.count; j++)
			if (runs[j].offset <= stored[i] * PLACED_PAGE &&
			    stored[i] * PLACED_PAGE < runs[j].offset + runs[j].length)
				listed = true;
		igt_assert_f(listed, "page %u is not listed\n", stored[i]);
	}

	igt_assert_eq(flush(fd, &a), 0);
	assert_device_has(fd, &a, 0, size, expected, "flushed again");

	free(expected);
	placed_unmap(pa, size);
	destroy(fd, &a);
}

/**
 * SUBTEST: flushed
 * Description: Many flushes, no operation between, and beside it mappings that are not tracked.
 */
static void flushed(int fd)
{
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE, chunk = PLACED_2M / PLACED_PAGE;
	struct virgl_buffer a = create(fd, size);
	/* Not tracked, and in front of those that are. */
	uint8_t *old = map_all(fd, &a, RW);
	struct drm_prime_handle prime = { .handle = a.handle, .flags = DRM_CLOEXEC };
	uint8_t *pa, *written, *read_only, *expected = new_pattern(size, 25);
	unsigned int seed = 26;

	igt_assert_eq(make_coherent(fd, a.handle), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	/* One that cannot be made writable by mprotect(2). */
	read_only = mmap(NULL, size, PROT_READ, MAP_SHARED, prime.fd, 0);
	igt_assert(read_only != MAP_FAILED);
	igt_assert_eq(mprotect(read_only, size, PROT_READ | PROT_WRITE), -1);
	pa = map_all(fd, &a, RW | COHERENT);
	written = map_all(fd, &a, WRITABLE | COHERENT);
	memcpy(pa, expected, size);

	/* Many pages for some rounds, always the same two, none, many again. */
	for (int round = 0; round < 60; round++) {
		int stores = round % 20 < 8 ? 300 : round % 20 < 14 ? 2 : round % 3 ? 0 : 1;

		for (int i = 0; i < stores; i++) {
			uint64_t page = stores > 2 ? rand_r(&seed) % (chunk + 3) : 7u + 300u * i;
			uint64_t at = page * PLACED_PAGE + rand_r(&seed) % PLACED_PAGE;

			(i % 4 ? pa : written)[at] = expected[at] = round + i;
		}
		igt_assert_eq(flush(fd, &a), 0);
		assert_device_has(fd, &a, 0, size, expected, "flushed");
	}
	assert_same(read_only, expected, size, "read-only");
	assert_same(old, expected, size, "from before");

	close(prime.fd);
	free(expected);
	placed_unmap(old, size);
	placed_unmap(pa, size);
	placed_unmap(written, size);
	placed_unmap(read_only, size);
	destroy(fd, &a);
}

/**
 * SUBTEST: outlived
 * Description: Stores outlive the mapping: munmap, mprotect, mremap, a FIXED map over it.
 */
static void outlived(int fd)
{
	uint64_t size = PLACED_2M + 8 * PLACED_PAGE, region = placed_free_region(2 * size);
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa, *pb = map_all(fd, &b, RW | COHERENT), *expected = new_pattern(size, 13);

	/* The whole mapping is gone before the operation. */
	pa = map_all(fd, &a, RW | COHERENT);
	memcpy(pa, expected, size);
	placed_unmap(pa, size);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "unmapped");

	/* Some pages of it, when the chunks have been written many times. */
	pa = map_all(fd, &a, RW | COHERENT);
	for (int round = 0; round < 12; round++) {
		pattern(pa, size, 400 + round);
		pattern(expected, size, 400 + round);
		if (round == 9)
			placed_unmap(pa + 5 * PLACED_PAGE, 3 * PLACED_PAGE);
		if (round == 10)
			igt_assert_eq(mprotect(pa, 5 * PLACED_PAGE, PROT_READ), 0);
		copy(fd, &b, 0, &a, 0, size);
		assert_same(pb, expected, size, "split");
		if (round == 9) {
			/* Back again, for the rounds that follow. */
			placed_must_map(fd, (struct drm_gem_mmap_placed) {
				.handle = a.handle, .length = 3 * PLACED_PAGE,
				.flags = RW | COHERENT | DRM_GEM_MMAP_PLACED_FIXED,
				.offset = 5 * PLACED_PAGE,
				.addr = placed_addr(pa + 5 * PLACED_PAGE),
			});
		}
		if (round == 10)
			igt_assert_eq(mprotect(pa, 5 * PLACED_PAGE, PROT_READ | PROT_WRITE), 0);
	}

	/* Moved between the store and the operation, and between two stores. */
	pattern(pa, size / 2, 14);
	pattern(expected, size / 2, 14);
	igt_assert(mremap(pa + 10 * PLACED_PAGE, 16 * PLACED_PAGE, 16 * PLACED_PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, placed_ptr(region)) == placed_ptr(region));
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "moved");
	memset(placed_ptr(region), 0x31, 16 * PLACED_PAGE);
	memset(expected + 10 * PLACED_PAGE, 0x31, 16 * PLACED_PAGE);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "stored after a move");
	placed_unmap(placed_ptr(region), 16 * PLACED_PAGE);

	/* Another mapping in its place. */
	memset(pa + 30 * PLACED_PAGE, 0x32, 2 * PLACED_PAGE);
	memset(expected + 30 * PLACED_PAGE, 0x32, 2 * PLACED_PAGE);
	igt_assert(mmap(pa + 30 * PLACED_PAGE, 2 * PLACED_PAGE, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "replaced");

	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: older-mapping
 * Description: A mapping from before the buffer was coherent stays what it was.
 */
static void older_mapping(int fd)
{
	uint64_t size = 8 * PLACED_PAGE;
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *old = map_all(fd, &a, RW), *pa, *pb, *expected = new_pattern(size, 15);

	memcpy(old, expected, size);
	transfer(fd, &a, true, 0, size);
	pa = map_all(fd, &a, RW | COHERENT);
	pb = map_all(fd, &b, RW | COHERENT);
	assert_same(pa, expected, size, "from before");

	for (int round = 0; round < 6; round++) {
		/* Coherent stores to the first pages, others with a transfer. */
		memset(pa, 16 + round, 3 * PLACED_PAGE);
		memset(expected, 16 + round, 3 * PLACED_PAGE);
		memset(old + 5 * PLACED_PAGE, 66 + round, PLACED_PAGE);
		memset(expected + 5 * PLACED_PAGE, 66 + round, PLACED_PAGE);
		transfer(fd, &a, true, 5 * PLACED_PAGE, PLACED_PAGE);
		copy(fd, &b, 0, &a, 0, size);
		assert_same(pb, expected, size, "copied");
		assert_same(pa, expected, size, "loaded");
		assert_same(old, expected, size, "loaded by the old mapping");
	}

	free(expected);
	placed_unmap(old, size);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: plain-mmap
 * Description: After DRM_IOCTL_GEM_COHERENT, mappings by mmap(2) are coherent.
 */
static void plain_mmap(int fd)
{
	uint64_t size = PLACED_2M + PLACED_PAGE;
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa, *pb, *expected = new_pattern(size, 17);

	igt_assert_eq(make_coherent(fd, a.handle), 0);
	igt_assert_eq(make_coherent(fd, b.handle), 0);
	igt_assert_eq(make_coherent(fd, b.handle), 0);
	pa = placed_plain_map(fd, a.handle, size);
	pb = placed_plain_map(fd, b.handle, size);
	memcpy(pa, expected, size);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "copied");

	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: exported
 * Description: A mapping through the buffer's dma-buf is tracked like any other.
 */
static void exported(int fd)
{
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE;
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	struct drm_prime_handle prime = { .handle = a.handle, .flags = DRM_RDWR | DRM_CLOEXEC };
	uint8_t *pa, *shared, *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t *expected = new_pattern(size, 18);

	/* Exported before and after it is made coherent. */
	for (int late = 0; late < 2; late++) {
		if (late)
			igt_assert_eq(make_coherent(fd, a.handle), 0);
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
		if (!late)
			igt_assert_eq(make_coherent(fd, a.handle), 0);
		shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
		igt_assert(shared != MAP_FAILED);

		for (int round = 0; round < 8; round++) {
			pattern(shared, size, 500 + round);
			pattern(expected, size, 500 + round);
			copy(fd, &b, 0, &a, 0, size);
			assert_same(pb, expected, size, "stored by the dma-buf");

			pattern(pb, size, 600 + round);
			pattern(expected, size, 600 + round);
			copy(fd, &a, 0, &b, 0, size);
			assert_same(shared, expected, size, "loaded by the dma-buf");
			igt_assert(!mprotect(shared + 7 * PLACED_PAGE, PLACED_PAGE,
					     round % 2 ? PROT_READ | PROT_WRITE : PROT_READ));
			igt_assert(!mprotect(shared + 7 * PLACED_PAGE, PLACED_PAGE,
					     PROT_READ | PROT_WRITE));
		}

		/* A part, beside a mapping through the device. */
		pa = map_part(fd, &a, RW | COHERENT, 509 * PLACED_PAGE, 4 * PLACED_PAGE);
		for (int round = 0; round < 8; round++) {
			uint64_t at = 510 * PLACED_PAGE + round * 700;

			pa[PLACED_PAGE + round * 700] = expected[at] = round;
			shared[at + 3] = expected[at + 3] = 99 - round;
			copy(fd, &b, 0, &a, 0, size);
			assert_same(pb, expected, size, "stored by both");
			assert_same(shared, expected, size, "seen by the dma-buf");
			assert_same(pa, expected + 509 * PLACED_PAGE, 4 * PLACED_PAGE, "seen");
		}
		placed_unmap(pa, 4 * PLACED_PAGE);

		/* Stores outlive mapping and dma-buf. */
		memset(shared, 0x44 + late, size);
		memset(expected, 0x44 + late, size);
		placed_unmap(shared, size);
		close(prime.fd);
		copy(fd, &b, 0, &a, 0, size);
		assert_same(pb, expected, size, "gone");
	}

	free(expected);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/* Two processes that take turns. */
struct turns {
	int to_child[2], to_parent[2];
};

static struct turns new_turns(void)
{
	struct turns turns;

	igt_assert_eq(pipe(turns.to_child), 0);
	igt_assert_eq(pipe(turns.to_parent), 0);
	return turns;
}

static void pass_to(int *to)
{
	igt_assert_eq(write(to[1], "x", 1), 1);
}

/* The other end must be closed in here: a process that failed does not pass. */
static void wait_for(int *from)
{
	char c;

	igt_assert_f(read(from[0], &c, 1) == 1, "the other process has failed\n");
}

enum way { DMA_BUF, FLINK, FORK };

/**
 * SUBTEST: processes
 * Description: Two processes store to and load from one buffer, by files of their own or by fork.
 */
static void processes(int fd, enum way way)
{
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE, half = size / 2 + 77;
	struct virgl_buffer a = create(fd, size), b = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t *expected = new_pattern(size, 19);
	struct drm_prime_handle prime = { .handle = a.handle, .flags = DRM_RDWR };
	struct drm_gem_flink flink = { .handle = a.handle };
	struct turns turns = new_turns();
	enum { ROUNDS = 6 };

	if (way == DMA_BUF)
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	if (way == FLINK)
		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_FLINK, &flink), 0);
	/* So that there is something mapped to inherit. */
	memcpy(pa, expected, size);
	copy(fd, &b, 0, &a, 0, size);

	igt_fork(child, 1) {
		struct virgl_buffer theirs = a, scratch;
		uint8_t *ptr = pa, *scratch_ptr;
		int file = fd;

		close(turns.to_child[1]);
		close(turns.to_parent[0]);
		if (way != FORK) {
			struct drm_gem_open name = { .name = flink.name };
			uint32_t handle;

			file = virgl_open();
			igt_assert(file >= 0);
			if (way == DMA_BUF) {
				igt_assert_eq(placed_ioctl(file, DRM_IOCTL_PRIME_FD_TO_HANDLE,
							   &prime), 0);
				handle = prime.handle;
			} else {
				igt_assert_eq(placed_ioctl(file, DRM_IOCTL_GEM_OPEN, &name), 0);
				handle = name.handle;
			}
			igt_assert_eq(virgl_adopt(file, handle, &theirs), 0);
			ptr = map_all(file, &theirs, RW | COHERENT);
		}
		scratch = create(file, size);
		scratch_ptr = map_all(file, &scratch, RW | COHERENT);

		for (int round = 0; round < ROUNDS; round++) {
			/* Stores of this process, for an operation of the parent. */
			wait_for(turns.to_child);
			pattern(ptr, half, 700 + round);
			pass_to(turns.to_parent);

			/* What an operation of the parent wrote. */
			wait_for(turns.to_child);
			pattern(expected, size, 800 + round);
			assert_same(ptr, expected, size, "written for the parent");

			/* What the parent stored, by an operation of this process. */
			pass_to(turns.to_parent);
			wait_for(turns.to_child);
			pattern(expected + half, size - half, 900 + round);
			copy(file, &scratch, 0, &theirs, 0, size);
			assert_same(scratch_ptr, expected, size, "stored by the parent");

			/* And an operation of this process, for the parent to load. */
			pattern(scratch_ptr, size, 1000 + round);
			copy(file, &theirs, 0, &scratch, 0, size);
			pass_to(turns.to_parent);
		}

		/* Stores outlive the process. */
		wait_for(turns.to_child);
		pattern(ptr, half, 1100);
	}

	close(turns.to_child[0]);
	close(turns.to_parent[1]);
	for (int round = 0; round < ROUNDS; round++) {
		pass_to(turns.to_child);
		wait_for(turns.to_parent);
		pattern(expected, half, 700 + round);
		if (round % 2)
			copy(fd, &b, 0, &a, 0, size);
		else
			copy_unnamed(fd, &b, 0, &a, 0, size);
		assert_same(pb, expected, size, "stored by the child");

		pattern(pb, size, 800 + round);
		copy(fd, &a, 0, &b, 0, size);
		pass_to(turns.to_child);

		wait_for(turns.to_parent);
		pattern(pa + half, size - half, 900 + round);
		pass_to(turns.to_child);

		wait_for(turns.to_parent);
		pattern(expected, size, 1000 + round);
		assert_same(pa, expected, size, "written for the child");
	}
	pass_to(turns.to_child);
	igt_waitchildren();
	pattern(expected, half, 1100);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "stored by a process that is gone");

	close(turns.to_child[1]);
	close(turns.to_parent[0]);
	if (way == DMA_BUF)
		close(prime.fd);
	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &a);
	destroy(fd, &b);
}

/**
 * SUBTEST: orphan
 * Description: A mapping stays coherent when its handle and its file are closed.
 */
static void orphan(int fd)
{
	uint64_t size = PLACED_2M + 3 * PLACED_PAGE;
	struct virgl_buffer a, b = create(fd, size), theirs;
	struct drm_prime_handle prime = { .flags = DRM_RDWR | DRM_CLOEXEC };
	uint8_t *pa, *pb = map_all(fd, &b, RW | COHERENT), *expected = new_pattern(size, 24);
	int other = virgl_open();

	igt_assert(other >= 0);
	theirs = create(other, size);
	pa = map_all(other, &theirs, RW | COHERENT);
	prime.handle = theirs.handle;
	igt_assert_eq(placed_ioctl(other, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	igt_assert_eq(virgl_adopt(fd, prime.handle, &a), 0);
	close(prime.fd);

	for (int round = 0; round < 6; round++) {
		copy_func copy_by = round % 2 ? copy : copy_unnamed;

		if (round == 2)
			destroy(other, &theirs);
		if (round == 4)
			close(other);
		pattern(pa, size, 1200 + round);
		pattern(expected, size, 1200 + round);
		copy_by(fd, &b, 0, &a, 0, size);
		assert_same(pb, expected, size, "stored");

		pattern(pb, size, 1300 + round);
		pattern(expected, size, 1300 + round);
		copy_by(fd, &a, 0, &b, 0, size);
		assert_same(pa, expected, size, "loaded");
	}

	/* And when there is no handle left, loads are what they were. */
	destroy(fd, &a);
	assert_same(pa, expected, size, "no handle");
	pa[0] ^= 1;

	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	destroy(fd, &b);
}

/* Until commands that are under way have dropped their references. */
static void settle(int fd)
{
	struct placed_counts before, now = placed_count(fd);

	do {
		before = now;
		usleep(50000);
		now = placed_count(fd);
	} while (memcmp(&before, &now, sizeof(now)));
}

/**
 * SUBTEST: refused
 * Description: Textures and imported objects are EOPNOTSUPP, and nothing is mapped.
 */
static void refused(int fd)
{
	struct drm_gem_mmap_placed args = { .length = 256 * 256 * 4 };
	struct drm_prime_handle prime = { .flags = DRM_RDWR | DRM_CLOEXEC };
	uint32_t texture;
	uint8_t *ptr;
	int vgem, ret;

	igt_assert_eq(virgl_create_texture(fd, 256, 256, &texture), 0);
	igt_assert_eq(make_coherent(fd, texture), -EOPNOTSUPP);
	settle(fd);
	args.handle = texture;
	args.flags = RW | COHERENT;
	placed_must_fail(fd, args, EOPNOTSUPP);
	args.flags = READABLE | COHERENT;
	placed_must_fail(fd, args, EOPNOTSUPP);
	args.flags = RW;
	ptr = placed_must_map(fd, args);
	ptr[0] = 1;
	placed_unmap(ptr, args.length);
	igt_assert_eq(placed_close_handle(fd, texture), 0);

	vgem = placed_open("vgem");
	igt_assert(vgem >= 0);
	prime.handle = placed_object(vgem, args.length);
	igt_assert_eq(placed_ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	ret = placed_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	if (ret) {
		igt_info("virtio-gpu does not import: %s\n", strerror(-ret));
	} else {
		igt_assert_eq(make_coherent(fd, prime.handle), -EOPNOTSUPP);
		args.handle = prime.handle;
		args.flags = RW | COHERENT;
		placed_must_fail(fd, args, EOPNOTSUPP);
		igt_assert_eq(placed_close_handle(fd, prime.handle), 0);
	}
	close(prime.fd);
	close(vgem);
}

/*
 * A device that refuses. The kernel's own transfers name a resource that does
 * not exist if a file in debugfs says so.
 */

static char breaker[64];

static bool find_breaker(void)
{
	return placed_debugfs("virtio_gpu", "placed_break", breaker, sizeof(breaker)) &&
	       !access(breaker, W_OK);
}

static void mend(int signal)
{
	if (breaker[0])
		write_file(breaker, "none");
}

static sigjmp_buf after_fault;

static void on_fault(int signal)
{
	siglongjmp(after_fault, 1);
}

/* Load a byte: false if that was a SIGBUS. */
static bool load(const uint8_t *ptr, uint8_t *value)
{
	if (sigsetjmp(after_fault, 1))
		return false;
	*value = *(const volatile uint8_t *)ptr;
	return true;
}

/**
 * SUBTEST: broken
 * Description: A refused flush is EIO, once; a refused readback SIGBUS; then all works again.
 */
static void broken(int fd)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	uint64_t size = 4 * PLACED_PAGE;
	struct virgl_buffer a = create(fd, size), b = create(fd, size), other = create(fd, size);
	uint8_t *pa = map_all(fd, &a, RW | COHERENT), *pb = map_all(fd, &b, RW | COHERENT);
	uint8_t *pother = map_all(fd, &other, RW | COHERENT);
	uint8_t *expected = new_pattern(size, 20), value = 0;

	igt_assert_f(find_breaker(), "no %s\n", breaker);
	igt_install_exit_handler(mend);
	igt_assert_eq(sigaction(SIGBUS, &action, &before), 0);

	memcpy(pother, expected, size);
	copy(fd, &a, 0, &other, 0, size);
	assert_same(pa, expected, size, "before");
	igt_assert_eq(flush(fd, &a), 0);

	/* To the device: said once, and not of others. */
	igt_assert(write_file(breaker, "transfer"));
	pa[0] = 1;
	igt_assert_eq(flush(fd, &a), -EIO);
	igt_assert_eq(flush(fd, &other), 0);
	igt_assert(write_file(breaker, "none"));
	igt_assert_eq(flush(fd, &a), 0);
	pa[0] = expected[0] = 2;
	igt_assert_eq(flush(fd, &a), 0);
	assert_device_has(fd, &a, 0, size, expected, "mended");

	/* The same if the flush was an operation's. */
	igt_assert(write_file(breaker, "transfer"));
	pa[1] = 1;
	igt_assert_eq(virgl_copy(fd, &b, 0, &a, 0, 1), 0);
	igt_assert_eq(virgl_wait(fd, b.handle), 0);
	igt_assert(write_file(breaker, "none"));
	igt_assert_eq(flush(fd, &a), -EIO);
	igt_assert_eq(flush(fd, &a), 0);
	pa[1] = expected[1] = 2;
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "mended again");

	/* From the device. */
	pattern(pother, size, 21);
	copy(fd, &a, 0, &other, 0, size);
	igt_assert_eq(flush(fd, &a), 0);
	igt_assert_eq(flush(fd, &other), 0);
	igt_assert(write_file(breaker, "transfer"));
	igt_assert(!load(pa, &value));
	igt_assert(!load(pa + size - 1, &value));
	igt_assert(write_file(breaker, "none"));
	pattern(expected, size, 21);
	igt_assert(load(pother, &value));
	igt_assert_eq(value, expected[0]);
	igt_assert(load(pa, &value));
	assert_same(pa, expected, size, "read back when asked again");

	/* And all goes on. */
	pattern(pother, size, 22);
	pattern(expected, size, 22);
	copy(fd, &a, 0, &other, 0, size);
	assert_same(pa, expected, size, "read back when mended");
	pattern(pa, size, 23);
	pattern(expected, size, 23);
	copy(fd, &b, 0, &a, 0, size);
	assert_same(pb, expected, size, "copied when mended");
	igt_assert_eq(flush(fd, &a), 0);
	igt_assert_eq(flush(fd, &b), 0);
	igt_assert_eq(flush(fd, &other), 0);

	igt_assert_eq(sigaction(SIGBUS, &before, NULL), 0);
	free(expected);
	placed_unmap(pa, size);
	placed_unmap(pb, size);
	placed_unmap(pother, size);
	destroy(fd, &a);
	destroy(fd, &b);
	destroy(fd, &other);
}

static const struct {
	const char *name;
	uint64_t size;
} sizes[] = {
	{ "4K", PLACED_PAGE },
	{ "2M4K", PLACED_2M + PLACED_PAGE },
	{ "16M", 16 << 20 },
	{ "256M", 256 << 20 },
};

/* PLACED_LARGEST in the environment, in MiB, is for kernels that are slow. */
static uint64_t largest(void)
{
	const char *asked = getenv("PLACED_LARGEST");

	return asked ? strtoull(asked, NULL, 10) << 20 : UINT64_MAX;
}

igt_main
{
	static const struct {
		const char *name, *what;
		void (*test)(int fd, uint64_t size);
	} sized[] = {
		{ "stock", "Explicit transfers, without coherency", stock },
		{ "to-device", "Stores reach the device", to_device },
		{ "there-and-back", "Stores reach the device, and its writes the CPU", named },
		{ "unnamed", "The same by operations that name no buffer", unnamed },
		{ "storm", "All of it while four threads store to other pages", storm },
	};
	static const struct {
		const char *name, *what;
		void (*test)(int fd);
	} tests[] = {
		{ "parts", "Parts of buffers and odd ranges", parts },
		{ "storm-in-pages", "Four threads and the device share pages", storm_in_pages },
		{ "false-sharing", "The CPU and the device share a page", false_sharing },
		{ "early-load", "Loads while the device is at work", early_load },
		{ "mixed", "Read-only, write-only and other mappings", mixed },
		{ "write-only", "Nothing is read back for write-only mappings", write_only },
		{ "explicit", "Explicit transfers of coherent buffers", explicit_transfers },
		{ "dirty", "What is dirty is listed, and sent when asked for", dirty },
		{ "flushed", "Flushes and no operations, beside mappings that are not tracked", flushed },
		{ "outlived", "Stores outlive the mapping", outlived },
		{ "older-mapping", "Mappings from before", older_mapping },
		{ "plain-mmap", "Mappings by mmap(2)", plain_mmap },
		{ "exported", "Mappings through a dma-buf", exported },
		{ "orphan", "Mappings whose handle and file are closed", orphan },
		{ "refused", "Textures and imported objects", refused },
		{ "broken", "A device that refuses transfers", broken },
	};
	static const char * const ways[] = {
		[DMA_BUF] = "dma-buf", [FLINK] = "flink", [FORK] = "fork",
	};
	/* These outlive the jumps that end a subtest. */
	static int fd;
	static size_t t, s;

	igt_fixture {
		fd = virgl_open();
		placed_require_that(fd >= 0, "gl");
	}

	for (t = 0; t < sizeof(sized) / sizeof(sized[0]); t++) {
		igt_describe(sized[t].what);
		igt_subtest_with_dynamic(sized[t].name)
			for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]) &&
				    sizes[s].size <= largest(); s++)
				igt_dynamic(sizes[s].name)
					sized[t].test(fd, sizes[s].size);
	}

	igt_describe("Two processes and one buffer");
	igt_subtest_with_dynamic("processes")
		for (s = 0; s < sizeof(ways) / sizeof(ways[0]); s++)
			igt_dynamic(ways[s])
				processes(fd, s);

	for (t = 0; t < sizeof(tests) / sizeof(tests[0]); t++) {
		igt_describe(tests[t].what);
		igt_subtest(tests[t].name)
			tests[t].test(fd);
	}
}
