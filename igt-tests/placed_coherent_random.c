// SPDX-License-Identifier: MIT

/**
 * TEST: placed coherent random
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_COHERENT
 * Description: Random stores, changes of mappings and operations of the device against a model.
 */

#include <sys/wait.h>

#include "placed_copy.h"

IGT_TEST_DESCRIPTION("Compares what the device and mappings see with a model of the object.");

/* Two chunks and a part of one. */
#define PAGES (2 * COPY_CHUNK + 77)
#define SIZE (PAGES * PLACED_PAGE)

/* The addresses that mappings come and go in. */
#define REGION 4096

/* So often, at least, there is a new object, with another policy. */
#define EPOCH 10000

#define MAX_STORE (3 * PLACED_PAGE)

/* PLACED_OPERATIONS in the environment is for kernels that check every step. */
static int operations = 200000;
/* PLACED_SEED repeats a run. */
static unsigned int first_seed = 20;

enum { PROT_R = PROT_READ, PROT_W = PROT_WRITE, PROT_RW = PROT_READ | PROT_WRITE };

/* What the model knows of a page of the region. */
struct place {
	/* Page of the object, or -1. */
	int page;
	/* PROT_* */
	int prot;
	/* Made without PROT_READ, or by a file for reading: it can never have the other. */
	bool unreadable, unwritable;
	/* The same in neighbours: they are in one VMA, at least. */
	int vma;
};

struct model {
	int fd, reader, buf, step;
	uint32_t handle, reader_handle, kind;
	uint64_t region, fake;
	unsigned int seed, start;
	const char *policy;
	/* The device may write: then all mappings are readable. */
	bool writes;
	struct place at[REGION];
	int vmas;
	/* What the object has, and which of its pages the device has not got. */
	uint8_t data[SIZE];
	bool dirty[PAGES];
	/*
	 * The device has lost its copy, so that everything is sent, by a flush
	 * of a range more than it asks for, maybe, and maybe twice.
	 */
	bool lost, vague;
	/* For comparison */
	uint8_t seen[SIZE];
	struct drm_gem_dirty_run runs[PAGES];
	long stores, reads, writes_done, maps, moves, forks;
};

static struct model m;

static unsigned int dice(unsigned int sides)
{
	return rand_r(&m.seed) / 7 % sides;
}

/* Mostly small. */
static unsigned int small(unsigned int max)
{
	return 1 + dice(1 + dice(1 + dice(max)));
}

/* One dirty bit may stand for a chunk if its memory is in one piece. */
static bool is_exact(void)
{
	return !(m.kind & DRM_PLACED_COPY_CONTIGUOUS) && !m.vague;
}

#define assert_model(expr, format, ...) \
	igt_assert_f(expr, "seed %u, step %d, policy %s: " format "\n", m.start, m.step, \
		     m.policy, ##__VA_ARGS__)

static uint8_t *address(int place)
{
	return placed_ptr(m.region + place * PLACED_PAGE);
}

static void compare(const uint8_t *seen, uint64_t offset, uint64_t length, const char *who)
{
	uint64_t i = 0;

	if (!memcmp(seen, m.data + offset, length))
		return;
	while (seen[i] == m.data[offset + i])
		i++;
	i += offset;
	assert_model(0, "%s sees %#x in byte %llu of page %llu, not %#x", who, seen[i - offset],
		     (unsigned long long)(i % PLACED_PAGE), (unsigned long long)(i / PLACED_PAGE),
		     m.data[i]);
}

/* Mappings */

static void forget(int place, int count)
{
	for (int i = place; i < place + count; i++)
		m.at[i] = (struct place) { .page = -1 };
}

static void random_map(void)
{
	int length = dice(3) ? (int)small(PAGES) : (int)small(60), page, place;
	bool unreadable = !m.writes && !dice(3), unwritable = !unreadable && !dice(6);
	int prot = unreadable ? PROT_W : unwritable || !dice(4) ? PROT_R : PROT_RW;
	void *map = MAP_FAILED;

	page = dice(PAGES - length + 1);
	place = dice(REGION - length + 1);
	/* As huge pages want it. */
	if (dice(2)) {
		place += (page - place) % COPY_CHUNK;
		if (place < 0 || place + length > REGION)
			return;
	}

	switch (unwritable ? 3 : dice(3)) {
	case 0:
		map = placed_must_map(m.fd, (struct drm_gem_mmap_placed) {
			.handle = m.handle,
			.flags = DRM_GEM_MMAP_PLACED_FIXED | DRM_GEM_MMAP_PLACED_COHERENT |
				 (prot & PROT_R ? DRM_GEM_MMAP_PLACED_READ : 0) |
				 (prot & PROT_W ? DRM_GEM_MMAP_PLACED_WRITE : 0),
			.offset = page * PLACED_PAGE, .length = length * PLACED_PAGE,
			.addr = placed_addr(address(place)),
		});
		break;
	case 1:
		map = mmap(address(place), length * PLACED_PAGE, prot, MAP_SHARED | MAP_FIXED,
			   m.fd, m.fake + page * PLACED_PAGE);
		break;
	case 2:
		map = mmap(address(place), length * PLACED_PAGE, prot, MAP_SHARED | MAP_FIXED,
			   m.buf, page * PLACED_PAGE);
		break;
	case 3:
		map = mmap(address(place), length * PLACED_PAGE, prot, MAP_SHARED | MAP_FIXED,
			   m.reader, m.fake + page * PLACED_PAGE);
	}
	assert_model(map == address(place), "%s", strerror(errno));

	m.vmas++;
	for (int i = 0; i < length; i++)
		m.at[place + i] = (struct place) {
			page + i, prot, unreadable, unwritable, m.vmas
		};
	m.maps++;
}

static void random_unmap(void)
{
	int length = small(dice(3) ? 100 : 2000), place = dice(REGION - length + 1);

	if (dice(4))
		placed_unmap(address(place), length * PLACED_PAGE);
	else
		igt_assert(mmap(address(place), length * PLACED_PAGE, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
			   address(place));
	forget(place, length);
}

/* A random run of places in one VMA. */
static int random_run(int *length)
{
	int place = dice(REGION), first = place, last = place;

	for (int i = 0; i < 40 && m.at[place].page < 0; i++)
		place = dice(REGION);
	if (m.at[place].page < 0)
		return -1;

	first = last = place;
	while (first > 0 && m.at[first - 1].vma == m.at[place].vma && m.at[first - 1].page >= 0)
		first--;
	while (last < REGION - 1 && m.at[last + 1].vma == m.at[place].vma &&
	       m.at[last + 1].page >= 0)
		last++;

	/* All of it, or a part. */
	if (dice(2)) {
		first += dice(last - first + 1);
		last = first + dice(last - first + 1);
	}
	*length = last - first + 1;
	return first;
}

static void random_protect(void)
{
	int length, place = random_run(&length), prot, vma, i;

	if (place < 0)
		return;
	if (m.at[place].unreadable)
		prot = dice(4) ? PROT_W : PROT_NONE;
	else if (m.at[place].unwritable)
		prot = dice(4) ? PROT_R : PROT_NONE;
	else
		prot = dice(2) ? PROT_RW : dice(3) ? PROT_R : PROT_NONE;
	assert_model(!mprotect(address(place), length * PLACED_PAGE, prot), "%s",
		     strerror(errno));

	/* What follows in the VMA is one of its own. */
	vma = m.at[place].vma;
	m.vmas += 2;
	for (i = place; i < place + length; i++) {
		m.at[i].prot = prot;
		m.at[i].vma = m.vmas;
	}
	for (; i < REGION && m.at[i].page >= 0 && m.at[i].vma == vma; i++)
		m.at[i].vma = m.vmas - 1;
}

static void random_move(void)
{
	int length, place = random_run(&length), to;

	if (place < 0)
		return;
	to = dice(REGION - length + 1);
	if (dice(2))
		to += (place - to) % COPY_CHUNK;
	if (to < 0 || to + length > REGION || (to < place + length && place < to + length))
		return;

	assert_model(mremap(address(place), length * PLACED_PAGE, length * PLACED_PAGE,
			    MREMAP_MAYMOVE | MREMAP_FIXED, address(to)) == address(to),
		     "%s", strerror(errno));
	m.vmas++;
	for (int i = 0; i < length; i++) {
		m.at[to + i] = m.at[place + i];
		m.at[to + i].vma = m.vmas;
	}
	forget(place, length);
	m.moves++;
}

/* Where mappings allow it, page tables go and come back. */
/* What changes page tables and nothing else. */
static void random_advice(void)
{
	static const int advice[] = { MADV_DONTNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	int length, place = random_run(&length);

	/* Of mappings without the right to write: EINVAL. */
	if (place >= 0)
		madvise(address(place), length * PLACED_PAGE, advice[dice(3)]);
}

/* Stores and loads */

/* A readable place shows what the model has. */
static void check_place(int place)
{
	compare(address(place), m.at[place].page * PLACED_PAGE, PLACED_PAGE,
		m.at[place].unwritable ? "a mapping by a file for reading" : "a mapping");
}

static void note_stored(int page, uint64_t offset, const uint8_t *data, uint64_t length)
{
	memcpy(m.data + page * PLACED_PAGE + offset, data, length);
	m.dirty[page] = true;
}

/* A place with these rights, or -1. */
static int random_place(int prot)
{
	int place = -1;

	for (int i = 0; i < 60; i++) {
		place = dice(REGION);
		if (m.at[place].page >= 0 && (m.at[place].prot & prot) == prot)
			return place;
	}
	return -1;
}

/*
 * Bytes to a place and what follows it, as far as it may be written; the same
 * in the model. By a child, the stores are its, and the model this process's.
 */
static void store_bytes(int place, uint64_t offset, uint64_t length, bool by_cpu, bool in_model)
{
	static uint8_t data[PLACED_PAGE];

	for (; length && place < REGION; place++, offset = 0) {
		uint64_t part = length < PLACED_PAGE - offset ? length : PLACED_PAGE - offset;
		uint8_t fill = dice(256);

		if (m.at[place].page < 0 || !(m.at[place].prot & PROT_W))
			return;
		for (uint64_t i = 0; i < part; i++)
			data[i] = fill + i * 3;
		if (by_cpu)
			memcpy(address(place) + offset, data, part);
		if (in_model)
			note_stored(m.at[place].page, offset, data, part);
		length -= part;
	}
}

static void random_store(bool by_cpu, bool in_model)
{
	int place = random_place(PROT_W), count, step;
	uint64_t length = 0;

	if (place < 0)
		return;
	switch (dice(8)) {
	case 0:
		length = small(MAX_STORE);
		break;
	case 1:
		/* Many pages, in a row or here and there. */
		step = dice(3) ? 1 : 1 + dice(9);
		count = small(COPY_CHUNK);
		for (int i = place; count && i < REGION; i += step, count--)
			store_bytes(i, dice(PLACED_PAGE - 8), 8, by_cpu, in_model);
		break;
	default:
		length = small(64);
	}
	store_bytes(place, dice(PLACED_PAGE), length, by_cpu, in_model);
	if (in_model)
		m.stores++;
}

static void random_load(void)
{
	int place = random_place(PROT_R), count = small(20);

	if (place < 0)
		return;
	for (; count && place < REGION; count--, place++) {
		if (m.at[place].page < 0 || !(m.at[place].prot & PROT_R))
			return;
		check_place(place);
	}
}

/* A child stores what this process knows it will store, and exits without unmapping. */
static void random_fork(void)
{
	int count = small(30), status;
	unsigned int seed = m.seed;
	pid_t pid = fork();

	igt_assert(pid >= 0);
	if (!pid) {
		for (int i = 0; i < count; i++)
			random_store(true, false);
		_exit(0);
	}

	/* At the same time this process stores nothing: which came last is known. */
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	assert_model(!status, "the child's status is %#x", status);
	m.seed = seed;
	for (int i = 0; i < count; i++)
		random_store(false, true);
	m.forks++;
}

/* The device */

static uint64_t count_dirty(int first, int last)
{
	uint64_t count = 0;

	for (int i = first; i < last; i++)
		count += m.dirty[i];
	return count;
}

static void note_sent(int first, int last)
{
	if (m.lost)
		memset(m.dirty, 0, sizeof(m.dirty));
	memset(m.dirty + first, 0, last - first);
	m.vague = (m.vague || m.lost) && (first || last < PAGES);
	m.lost = false;
}

static void check_count(uint64_t pages, uint64_t want, const char *what)
{
	assert_model(is_exact() ? pages == want : pages >= want, "%llu pages are %s, not %llu",
		     (unsigned long long)pages, what, (unsigned long long)want);
}

static void random_range(uint64_t *offset, uint64_t *length)
{
	if (!dice(150)) {
		*offset = 0;
		*length = SIZE;
		return;
	}
	*offset = dice(SIZE);
	*length = dice(4) ? small(MAX_STORE) : dice(40 * PLACED_PAGE);
	if (*length > SIZE - *offset)
		*length = SIZE - *offset;
}

static void device_reads(uint64_t offset, uint64_t length)
{
	struct drm_placed_copy_op op = copy_op(m.fd, m.handle, DRM_PLACED_COPY_READ, offset,
					       length, m.seen);

	check_count(op.pages, count_dirty(0, PAGES), "sent");
	note_sent(0, PAGES);
	compare(m.seen, offset, length, "the device");
	m.reads++;
}

static void random_read(void)
{
	uint64_t offset, length;

	random_range(&offset, &length);
	device_reads(offset, length);
}

static void random_write(void)
{
	struct drm_placed_copy_op op;
	uint64_t offset, length;
	uint8_t fill = dice(256);

	if (!m.writes)
		return;
	random_range(&offset, &length);
	for (uint64_t i = offset; i < offset + length; i++)
		m.data[i] = fill + i * 5;
	op = copy_op(m.fd, m.handle, DRM_PLACED_COPY_WRITE, offset, length, m.data + offset);
	check_count(op.pages, count_dirty(0, PAGES), "sent before the device writes");
	note_sent(0, PAGES);
	m.writes_done++;
}

/* The device loses its copy, and gets it back from memory: so memory must have it. */
static void random_reset(void)
{
	if (m.writes)
		return;
	copy_op(m.fd, m.handle, DRM_PLACED_COPY_RESET, 0, 0, NULL);
	memset(m.dirty, 1, sizeof(m.dirty));
	m.lost = true;
}

static void random_dirty(void)
{
	bool flush = dice(2), list = !flush || dice(2);
	int first = dice(2) ? 0 : dice(PAGES);
	int last = dice(2) ? PAGES : first + 1 + (int)dice(PAGES - first), next = first;
	uint64_t want = count_dirty(first, last), pages = 0;
	struct drm_gem_dirty args = {
		.handle = m.handle,
		.flags = (list ? DRM_GEM_DIRTY_QUERY : 0) | (flush ? DRM_GEM_DIRTY_FLUSH : 0) |
			 (dice(2) ? DRM_GEM_DIRTY_WAIT : 0),
		.offset = first * PLACED_PAGE,
		.length = last == PAGES ? 0 : (last - first) * PLACED_PAGE,
		.runs = placed_addr(m.runs), .count = list ? PAGES : 0,
	};
	int ret = placed_ioctl(m.fd, DRM_IOCTL_GEM_DIRTY, &args);

	assert_model(!ret, "GEM_DIRTY: %s", strerror(-ret));
	if (list) {
		check_count(args.pages, want, "dirty");
		for (uint32_t i = 0; i < args.count; i++) {
			int page = m.runs[i].offset / PLACED_PAGE;
			int end = page + m.runs[i].length / PLACED_PAGE;

			/* In order, in the range, with a clean page between two. */
			assert_model(page >= next && end > page && end <= last,
				     "run of pages %d to %d after %d, and up to %d", page, end,
				     next, last);
			want -= count_dirty(page, end);
			pages += end - page;
			next = end + 1;
		}
		assert_model(!want && pages == args.pages, "%llu dirty pages are not listed",
			     (unsigned long long)want);
	}
	if (!flush)
		return;

	note_sent(first, last);
	copy_op(m.fd, m.handle, DRM_PLACED_COPY_PEEK, first * PLACED_PAGE,
		(last - first) * PLACED_PAGE, m.seen);
	compare(m.seen, first * PLACED_PAGE, (last - first) * PLACED_PAGE, "the device");
}

/* The test */

static void begin_epoch(void)
{
	static const char * const policies[] = { "interleaved", "protect", "scan", "vmwgfx" };
	struct drm_gem_coherent coherent = {};

	m.policy = policies[dice(3) ? 0 : dice(4)];
	if (getenv("PLACED_POLICY") || !copy_set_policy(m.policy))
		m.policy = "of the environment";

	m.handle = copy_create(m.fd, SIZE, m.kind);
	m.writes = dice(2);
	coherent.handle = m.handle;
	coherent.flags = DRM_GEM_COHERENT_TO_DEVICE |
			 (m.writes ? DRM_GEM_COHERENT_FROM_DEVICE : 0);
	igt_assert_eq(placed_ioctl(m.fd, DRM_IOCTL_GEM_COHERENT, &coherent), 0);
	igt_assert_eq(placed_fake_offset(m.fd, m.handle, &m.fake), 0);
	m.buf = copy_export(m.fd, m.handle);
	m.reader_handle = copy_share(m.fd, m.handle, m.reader);
	memset(m.data, 0, sizeof(m.data));
	memset(m.dirty, 0, sizeof(m.dirty));
	m.lost = m.vague = false;
	forget(0, REGION);
}

static void end_epoch(void)
{
	for (int place = 0; place < REGION; place++)
		if (m.at[place].page >= 0 && m.at[place].prot & PROT_R)
			check_place(place);
	placed_unmap(address(0), REGION * PLACED_PAGE);
	device_reads(0, SIZE);
	close(m.buf);
	igt_assert_eq(placed_close_handle(m.reader, m.reader_handle), 0);
	igt_assert_eq(placed_close_handle(m.fd, m.handle), 0);
}

/**
 * SUBTEST: model
 * Description: The device, mappings and queries see what the model has.
 */
static void model(int fd, uint32_t kind)
{
	/* What differs between the kinds is not much: one of them goes all the way. */
	int steps = kind ? operations / 10 : operations;
	int epoch = steps < 4000 ? 1000 : steps < 4 * EPOCH ? steps / 4 : EPOCH;

	memset(&m, 0, sizeof(m));
	m.fd = fd;
	m.kind = kind;
	m.reader = placed_open_node("placed_copy", "card", O_RDONLY);
	igt_assert(m.reader >= 0);
	m.seed = m.start = first_seed;
	m.region = placed_free_region(REGION * PLACED_PAGE);
	igt_info("seed %u, %d steps\n", m.start, steps);

	for (m.step = 0; m.step < steps; m.step++) {
		if (m.step % epoch == 0) {
			if (m.step)
				end_epoch();
			begin_epoch();
		}

		switch (dice(1000)) {
		case 0 ... 499:
			random_store(true, true);
			break;
		case 500 ... 619:
			random_load();
			break;
		case 620 ... 769:
			random_read();
			break;
		case 770 ... 819:
			random_write();
			break;
		case 820 ... 859:
			random_map();
			break;
		case 860 ... 879:
			random_unmap();
			break;
		case 880 ... 929:
			random_protect();
			break;
		case 930 ... 954:
			random_move();
			break;
		case 955 ... 984:
			random_dirty();
			break;
		case 985 ... 988:
			random_fork();
			break;
		case 989 ... 997:
			random_advice();
			break;
		default:
			random_reset();
		}
	}
	end_epoch();
	close(m.reader);

	igt_info("%ld stores, %ld maps, %ld moves, %ld forks; %ld reads and %ld writes\n",
		 m.stores, m.maps, m.moves, m.forks, m.reads, m.writes_done);
	igt_assert(m.stores > steps / 5 && m.maps > steps / 100);
}

igt_main
{
	static const struct copy_test tests[] = {
		{ "model", "Random operations against a model", model },
	};

	igt_fixture {
		const char *asked = getenv("PLACED_OPERATIONS");
		const char *seed = getenv("PLACED_SEED");

		if (asked)
			operations = atoi(asked);
		igt_assert(operations >= 1000);
		if (seed)
			first_seed = atoi(seed);
	}

	COPY_RUN_TESTS(tests);

	igt_fixture
		copy_use_environment();
}
