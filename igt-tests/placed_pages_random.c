// SPDX-License-Identifier: MIT

/**
 * TEST: placed pages random
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_MAP_PAGES
 * Description: Random calls, changes of windows, stores and forks against a model.
 */

#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Compares what page windows show with a model of them.");

#define OBJECTS 2
/* More than a chunk, and no multiple of anything. */
#define PAGES 701
#define SIZE (PAGES * PLACED_PAGE)

/* The addresses that windows come and go in. */
#define REGION 1500

/* Operations of a child, and of its parent meanwhile. */
#define CHILD_STEPS 25

#define RW (PROT_READ | PROT_WRITE)

/* PLACED_OPERATIONS in the environment is for kernels that check every step. */
static int operations = 10000;
/* PLACED_SEED repeats a run. */
static unsigned int first_seed = 20;

/* What the model knows of a place in the region. */
struct place {
	/* Index of the object whose window it is in, or -1. */
	int object;
	/* PROT_* */
	int prot;
	/* The same in neighbours: they are in one VMA. */
	int vma;
	/* Page of the object, or NONE. */
	uint64_t page;
};

struct model {
	const struct kind *kind;
	struct object o[OBJECTS];
	uint8_t *map[OBJECTS], *region;
	/* What each page has: a forked process stores for both. */
	uint32_t (*data)[PAGES];
	struct place at[REGION];
	unsigned int seed, start;
	int fd, step, vmas, generation;
	long calls, refused, stores, made, moves, forks, discards;
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

/* In a forked process a failure ends it; its parent then fails. */
static void fail_in_child(const char *what)
{
	if (m.generation) {
		fprintf(stderr, "seed %u, step %d, generation %d: %s\n", m.start, m.step,
			m.generation, what);
		_exit(1);
	}
}

#define assert_model(expr, format, ...) do { \
	if (!(expr)) { \
		fail_in_child(#expr); \
		igt_assert_f(0, "seed %u, step %d: " #expr ": " format "\n", m.start, m.step, \
			     ##__VA_ARGS__); \
	} \
} while (0)

static uint8_t *address(int place)
{
	return page_at(m.region, place);
}

static void forget(int place, int count)
{
	for (int i = place; i < place + count; i++)
		m.at[i] = (struct place) { .object = -1, .page = NONE };
}

/* Looking */

static void check_place(int place)
{
	const struct place *p = &m.at[place];
	bool readable = p->object >= 0 && p->page != NONE && p->prot & PROT_READ;
	int64_t want = -SIGSEGV, value;

	if (readable)
		want = m.data[p->object][p->page];
	value = caught_load(address(place) + (readable ? p->page % 1000 * 4 : 0));
	assert_model(value == want, "place %d has %llx, not %llx: page %lld of object %d, prot %d",
		     place, (unsigned long long)value, (unsigned long long)want,
		     (long long)p->page, p->object, p->prot);
}

static void check_all(void)
{
	/* Signals take long on kernels that check every step. */
	for (int place = 0; place < REGION; place++)
		if (m.at[place].page != NONE || place % 16 == m.step % 16 || !placed_in_short())
			check_place(place);
	for (int object = 0; object < OBJECTS; object++)
		for (uint64_t page = 0; page < PAGES; page++)
			assert_model(*page_word(m.map[object], page) == m.data[object][page],
				     "page %llu of object %d has %x, not %x",
				     (unsigned long long)page, object,
				     *page_word(m.map[object], page), m.data[object][page]);
}

/* Any place, but rather one that shows a page. */
static int random_place(void)
{
	int place = dice(REGION);

	for (int i = dice(10); i && m.at[place].page == NONE; i--)
		place = dice(REGION);
	return place;
}

static void random_load(void)
{
	int place = random_place(), count = small(40);

	for (; count && place < REGION; count--, place++)
		check_place(place);
}

/* What the device has is what was stored, as it was before that, or later. */
static void random_device(void)
{
	int object = dice(OBJECTS);
	const struct object *o = &m.o[object];
	uint64_t page = dice(PAGES), at = page * PLACED_PAGE + page % 1000 * 4;
	uint32_t value = m.seed | 1;
	uint8_t *seen;

	if (!(m.kind->is & KIND_COPY) || !(m.kind->is & KIND_COHERENT) || m.generation)
		return;
	if (dice(2)) {
		copy_op(m.fd, o->handle, DRM_PLACED_COPY_WRITE, at, sizeof(value), &value);
		m.data[object][page] = value;
		return;
	}
	seen = device_sees(o);
	for (page = 0; page < PAGES; page++)
		assert_model(*page_word(seen, page) == m.data[object][page],
			     "the device sees %x in page %llu of object %d, not %x",
			     *page_word(seen, page), (unsigned long long)page, object,
			     m.data[object][page]);
	free(seen);
}

/* Stores */

static void random_store(void)
{
	static uint32_t value;
	int place = random_place(), count = small(40);

	for (; count && place < REGION; count--, place++) {
		const struct place *p = &m.at[place];
		bool writable = p->object >= 0 && p->page != NONE && p->prot & PROT_WRITE;
		int ret;

		value = (value * 1664525 + 1013904223) | 1;
		ret = caught_store(address(place) + (p->page == NONE ? 0 : p->page % 1000 * 4),
				   value);
		assert_model(ret == (writable ? 0 : -SIGSEGV), "place %d: %d", place, ret);
		if (!writable)
			continue;
		m.data[p->object][p->page] = value;
		m.stores++;
	}
}

static void random_plain_store(void)
{
	int object = dice(OBJECTS), count = small(20);

	for (uint64_t page = dice(PAGES); count && page < PAGES; page++, count--)
		*page_word(m.map[object], page) = m.data[object][page] = m.seed + page;
}

static void random_discard(void)
{
	int object = dice(OBJECTS);
	uint64_t page = dice(PAGES), pages = small(PAGES - page);
	int ret;

	if (!(m.kind->is & KIND_SPARSE))
		return;
	ret = dice(2) ? discard_object(&m.o[object], page, pages) :
			advise(m.map[object], page, pages, MADV_REMOVE);
	assert_model(!ret, "%s", strerror(-ret));
	memset(m.data[object] + page, 0, pages * sizeof(uint32_t));
	m.discards++;
}

/* The call */

struct call {
	uint64_t count, places[REGION], pages[REGION], addrs[REGION];
	bool in_a_row, none;
	int object;
};

/* A place in a window of some object, or -1. */
static int random_window_place(void)
{
	int place = -1;

	for (int i = 0; i < 40; i++) {
		place = dice(REGION);
		if (m.at[place].object >= 0)
			return place;
	}
	return -1;
}

/* What has to succeed. False: there is no window. */
static bool random_call(struct call *call)
{
	static bool taken[REGION];
	int place = random_window_place(), count = 1 + dice(dice(5) ? 100 : REGION);

	if (place < 0)
		return false;
	call->object = m.at[place].object;
	call->in_a_row = dice(2);
	call->none = !dice(25);
	call->count = 0;
	memset(taken, 0, sizeof(taken));
	for (int i = 0; i < count; i++) {
		if (place >= REGION || m.at[place].object != call->object || taken[place]) {
			if (call->in_a_row)
				break;
			place = dice(REGION);
			continue;
		}
		taken[place] = true;
		call->places[call->count] = place;
		call->addrs[call->count] = placed_addr(address(place));
		call->pages[call->count] = dice(12) ? dice(PAGES) : NONE;
		call->count++;
		place = call->in_a_row || dice(2) ? place + 1 : (int)dice(REGION);
	}
	return true;
}

static int do_call(const struct call *call)
{
	return map_pages(m.fd, (struct drm_gem_map_pages) {
		.addr = call->in_a_row ? call->addrs[0] : 0,
		.addrs = call->in_a_row ? 0 : placed_addr(call->addrs),
		.pages = call->none ? 0 : placed_addr(call->pages),
		.count = call->count,
	});
}

static void random_put(void)
{
	static struct call call;
	int ret;

	if (!random_call(&call))
		return;
	ret = do_call(&call);
	assert_model(!ret, "%s", strerror(-ret));
	for (uint64_t i = 0; i < call.count; i++)
		m.at[call.places[i]].page = call.none ? NONE : call.pages[i];
	m.calls++;
}

/* Spoil one entry. Returns the error that it deserves, or 0: not here. */
static int spoil(struct call *call)
{
	uint64_t bad = dice(call->count);
	int place = dice(REGION);

	switch (dice(4)) {
	case 0:
		call->none = false;
		call->pages[bad] = PAGES + (dice(2) ? 0 : 1ull << dice(64));
		return call->pages[bad] != NONE && call->pages[bad] >= PAGES ? -EINVAL : 0;
	case 1:
		call->in_a_row = false;
		call->addrs[bad] += 1 + dice(PLACED_PAGE - 1);
		return -EINVAL;
	case 2:
		call->in_a_row = false;
		if (call->count < 2)
			return 0;
		call->addrs[bad] = call->addrs[(bad + 1 + dice(call->count - 1)) % call->count];
		return -EINVAL;
	default:
		call->in_a_row = false;
		if (m.at[place].object == call->object)
			return 0;
		call->addrs[bad] = placed_addr(address(place));
		if (m.at[place].object < 0)
			return -ENOENT;
		return call->count > 1 ? -EINVAL : 0;
	}
}

static void random_refused(void)
{
	static struct call call;
	int error, ret;

	if (!random_call(&call))
		return;
	error = spoil(&call);
	if (!error)
		return;
	ret = do_call(&call);
	assert_model(ret == error, "%d, not %d", ret, error);
	for (uint64_t i = 0; i < call.count; i++)
		check_place(call.places[i]);
	m.refused++;
}

/* Windows */

static void random_window(void)
{
	int length = small(dice(3) ? 200 : REGION), place = dice(REGION - length + 1);
	int prot = dice(4) ? RW : PROT_READ;
	struct drm_gem_mmap_placed args = {
		.flags = window_flags(prot) | DRM_GEM_MMAP_PLACED_FIXED,
		.length = length * PLACED_PAGE, .addr = placed_addr(address(place)),
	};
	int object = dice(OBJECTS), ret;

	args.handle = m.o[object].handle;
	ret = placed_map(m.fd, &args);
	assert_model(!ret, "%s", strerror(-ret));
	m.vmas++;
	for (int i = place; i < place + length; i++)
		m.at[i] = (struct place) {
			.object = object, .prot = prot, .vma = m.vmas, .page = NONE,
		};
	m.made++;
}

static void random_unmap(void)
{
	int length = small(dice(3) ? 60 : REGION / 2), place = dice(REGION - length + 1);

	/* Nobody else shall take the addresses. */
	assert_model(mmap(address(place), length * PLACED_PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
		     address(place), "%s", strerror(errno));
	forget(place, length);
}

/* A random run of places in one VMA, or -1. */
static int random_run(int *length)
{
	int place = random_window_place(), first = place, last = place;

	if (place < 0)
		return -1;
	while (first > 0 && m.at[first - 1].vma == m.at[place].vma && m.at[first - 1].object >= 0)
		first--;
	while (last < REGION - 1 && m.at[last + 1].vma == m.at[place].vma &&
	       m.at[last + 1].object >= 0)
		last++;

	/* All of it, or a part. */
	if (dice(2)) {
		first += dice(last - first + 1);
		last = first + dice(last - first + 1);
	}
	*length = last - first + 1;
	return first;
}

/* What follows a run in its VMA is one of its own now. */
static void split_behind(int place, int length, int vma)
{
	m.vmas++;
	for (int i = place + length; i < REGION && m.at[i].object >= 0 && m.at[i].vma == vma; i++)
		m.at[i].vma = m.vmas;
}

static void random_protect(void)
{
	static const int prots[] = { RW, RW, PROT_READ, PROT_NONE };
	int length, place = random_run(&length), prot = prots[dice(4)], vma;

	if (place < 0)
		return;
	assert_model(!mprotect(address(place), length * PLACED_PAGE, prot), "%s", strerror(errno));
	vma = m.at[place].vma;
	split_behind(place, length, vma);
	m.vmas++;
	for (int i = place; i < place + length; i++) {
		m.at[i].prot = prot;
		m.at[i].vma = m.vmas;
	}
}

static void random_move(void)
{
	int length, place = random_run(&length), to, vma;
	uint64_t size;

	if (place < 0)
		return;
	to = dice(REGION - length + 1);
	if (to < place + length && place < to + length)
		return;
	size = length * PLACED_PAGE;
	assert_model(mremap(address(place), size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			    address(to)) == address(to), "%s", strerror(errno));
	assert_model(mmap(address(place), size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
		     address(place), "%s", strerror(errno));
	vma = m.at[place].vma;
	split_behind(place, length, vma);
	m.vmas++;
	for (int i = 0; i < length; i++) {
		m.at[to + i] = m.at[place + i];
		m.at[to + i].vma = m.vmas;
	}
	forget(place, length);
	m.moves++;
}

static void random_advice(void)
{
	int length, place = random_run(&length), want = 0, ret, right;
	bool write = dice(2);

	if (place < 0)
		return;
	if (dice(2)) {
		ret = advise(address(place), 0, length, MADV_DONTNEED);
		assert_model(!ret, "%s", strerror(-ret));
		return;
	}
	right = write ? PROT_WRITE : PROT_READ;
	for (int i = place; i < place + length && !want; i++)
		want = !(m.at[i].prot & right) ? -EINVAL : m.at[i].page == NONE ? -EFAULT : 0;
	ret = advise(address(place), 0, length, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	assert_model(ret == want, "%d, not %d: %d places from %d", ret, want, length, place);
}

/* Processes */

static void random_step(void);

static void wait_for(pid_t pid)
{
	int status;

	assert_model(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	assert_model(!status, "the status of generation %d is %#x", m.generation + 1, status);
}

/*
 * A child that goes on from here with windows of its own, and ends without unmapping. Its
 * parent does the same before, in one half of the cases, and waits for it in all: who
 * stores is always one process.
 */
static void random_fork(void)
{
	bool parent_first = dice(2);
	int ends[2], steps = small(CHILD_STEPS);
	pid_t pid;
	char byte;

	if (m.generation > 1)
		return;
	assert_model(!pipe(ends), "%s", strerror(errno));
	pid = fork();
	assert_model(pid >= 0, "%s", strerror(errno));
	if (!pid) {
		m.generation++;
		m.seed += 77;
		close(ends[1]);
		/* Until the other end is closed. */
		if (read(ends[0], &byte, 1) != 0)
			_exit(2);
		close(ends[0]);
		check_all();
		for (int i = 0; i < steps; i++)
			random_step();
		check_all();
		_exit(0);
	}
	close(ends[0]);
	for (int i = 0; parent_first && i < steps; i++)
		random_step();
	close(ends[1]);
	wait_for(pid);
	m.forks++;
}

static void random_step(void)
{
	switch (dice(1000)) {
	case 0 ... 299:
		random_put();
		break;
	case 300 ... 379:
		random_refused();
		break;
	case 380 ... 579:
		random_store();
		break;
	case 580 ... 729:
		random_load();
		break;
	case 730 ... 769:
		random_plain_store();
		break;
	case 770 ... 799:
		random_window();
		break;
	case 800 ... 814:
		random_unmap();
		break;
	case 815 ... 854:
		random_protect();
		break;
	case 855 ... 889:
		random_move();
		break;
	case 890 ... 949:
		random_advice();
		break;
	case 950 ... 969:
		random_discard();
		break;
	case 970 ... 991:
		random_device();
		break;
	default:
		random_fork();
	}
}

/* The test */

static void begin_epoch(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		m.o[i] = make_object(m.fd, m.kind, PAGES);
		m.map[i] = map_all(&m.o[i]);
		for (uint64_t page = 0; page < PAGES; page++)
			*page_word(m.map[i], page) = m.data[i][page] =
				page_value(page, i + m.step);
	}
	m.region = reserve(REGION);
	forget(0, REGION);
}

static void end_epoch(void)
{
	check_all();
	placed_unmap(m.region, REGION * PLACED_PAGE);
	for (int i = 0; i < OBJECTS; i++) {
		placed_unmap(m.map[i], SIZE);
		destroy_object(&m.o[i]);
	}
}

/**
 * SUBTEST: model
 * Description: Windows, objects and the device have what the model has.
 */
static void model(int fd, const struct kind *kind)
{
	const size_t size = OBJECTS * sizeof(m.data[0]);
	/* It takes some to have windows that are full of pages. */
	int epoch = operations < 4000 ? 1000 : operations / 4;

	memset(&m, 0, sizeof(m));
	m.fd = fd;
	m.kind = kind;
	m.seed = m.start = first_seed;
	m.data = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(m.data != MAP_FAILED);
	catch_access();
	for (m.step = 0; m.step < operations; m.step++) {
		if (m.step % epoch == 0) {
			if (m.step)
				end_epoch();
			begin_epoch();
		}
		random_step();
	}
	end_epoch();
	placed_unmap(m.data, size);

	igt_info("%s: %ld calls, %ld refused, %ld stores, %ld windows, %ld moves, %ld forks, "
		 "%ld discards\n", kind->name, m.calls, m.refused, m.stores, m.made, m.moves,
		 m.forks, m.discards);
	igt_assert(m.calls > operations / 10 && m.refused > operations / 100 &&
		   m.stores > operations / 10 && m.forks > 0);
}

igt_main
{
	static const struct kind_test tests[] = {
		{ "model", "Random operations against a model", model, 0, KIND_NO_WINDOWS },
	};

	igt_fixture {
		const char *asked = getenv("PLACED_OPERATIONS");
		const char *seed = getenv("PLACED_SEED");

		if (asked)
			operations = atoi(asked);
		igt_assert(operations >= 500);
		if (seed)
			first_seed = atoi(seed);
	}

	KIND_RUN_TESTS(tests);
}
