// SPDX-License-Identifier: MIT
/*
 * What do the device's additions cost and save, in the guest and in the host?
 * Prints, as CSV, nanoseconds of CPU time: of the program, which under scripts/guest
 * --icount are instructions of kernel and program together, and of the thread of
 * QEMU's that executes the device's commands, which are nanoseconds. What it does is
 * told by its argument:
 *
 *   ranges   frames of stores to a coherent dumb object, in runs of pages, and
 *            their collections; on a device that transfers ranges
 *   boxes    the same, on a device that does not
 *   pool     populating and discarding memory of the device's pool, beside sparse
 *            objects and memfds in guest memory
 *   flat     one operation on a page of a pool object, in objects of several sizes;
 *            "empty" ones without other pages, and "used" ones with a fixed set of them
 *   memcpy   in the host: copying the same runs, without a device
 *
 * The clock of instructions is that of the program's CPU time. There is in it what
 * the kernel does for the program, and interruptions that happen to come; there is not
 * what it waits for the device, nor what a kernel thread does with the device's
 * answers afterwards. The mean of a round counts, and of the rounds the least; but see
 * do_work().
 *
 * The host's part is asked for by the port that scripts/guest attends to, which
 * takes QEMU some time, too. What that takes is measured, and subtracted. Others
 * use the host at the same time, and so the least of several rounds counts. While
 * it waits, a guest that has nothing to do goes from timer to timer as
 * fast as QEMU can, under --icount, so that somebody here has to do something always.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "bench.h"
#include "placed_device.h"
#include "placed_host.h"

#define MIB (1ull << 20)

/* A row of a dumb object: 16 pages. */
#define WIDTH 16384u
#define ROW_PAGES 16u

/* The object of the frames. */
#define PAGES 40000u

/* Rounds of each measurement in which the host has a part, and of one that has none. */
#define ROUNDS 3
#define MEMCPY_ROUNDS 10

/* Frames that are not counted, for the tracker to learn the pattern. */
#define WARM_UP 12

/* Small ranges of the pool are measured as many at a time. */
#define ENOUGH (256 * MIB)
/* In the guest's memory, where nothing disturbs. */
#define ENOUGH_HERE (64 * MIB)

/* Chunks of 2 MiB in which pages of objects of all sizes are used, and pages of one. */
#define CHUNKS 8u
#define CHUNK_PAGES 512u

/* Of a chunk, these are there, if any are, and as many are not. */
#define PRESENT_STEP 8u

/* Without the host the port answers nothing; each second is one of the guest's. */
#define PATIENCE 600

#define HUGE_FILE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
#define TRACE_DIR "/sys/kernel/tracing/instances/placed_device_bench"

/* Runs of pages that a frame stores to, as far apart from each other as there is room. */
struct pattern {
	const char *name;
	uint32_t runs, run_pages;
	/* From one run to the next. */
	uint32_t step;
	/* In a round. */
	int frames;
};

static const struct pattern patterns[] = {
	{ "one", 1, 1, PAGES, 400 },
	{ "hundred", 100, 1, PAGES / 100, 200 },
	{ "apart", 10000, 1, 4, 6 },
	/* A box takes the page in between with it. */
	{ "alternate", 10000, 1, 2, 8 },
	{ "64k", 1000, 16, 32, 8 },
	{ "1m", 64, 256, 512, 8 },
	{ "all", 1, PAGES, PAGES, 4 },
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/* What the host says, see scripts/guest. */
struct host {
	/* Nanoseconds of CPU time of the thread that executes commands. */
	unsigned long long worked;
	/* Commands: of the pool, and transfers of ranges; and how much those sent. */
	unsigned long long populates, discards, transfers, bytes;
};

/* The least of several rounds, for each of the two. */
struct cost {
	double instructions, host;
};

static struct {
	int fd, vgem;
	/* What counting costs by itself. */
	uint64_t overhead;
	/* What asking the host costs the host. */
	uint64_t asking;
	pid_t busy;
} bench;

/*
 * The host
 */

static struct host ask(void)
{
	struct host host;
	char answer[256];

	must(placed_ask_host("host", answer, sizeof(answer), PATIENCE), "ask the host");
	if (sscanf(answer, "%*u %llu %*u %*u %llu %llu %llu %*u %llu", &host.worked,
		   &host.populates, &host.discards, &host.transfers, &host.bytes) != 5)
		errx(1, "the host says \"%s\"", answer);
	return host;
}

/* What the host has done between two answers, but for answering. */
static double worked(const struct host *before, const struct host *after)
{
	double time = after->worked - before->worked;

	return time < bench.asking ? 0 : time - bench.asking;
}

static void measure_asking(void)
{
	struct host last = ask();

	bench.asking = UINT64_MAX;
	for (int i = 0; i < 4; i++) {
		struct host now = ask();

		if (now.worked - last.worked < bench.asking)
			bench.asking = now.worked - last.worked;
		last = now;
	}
}

/* Runs whenever nobody else does. */
static void start_busy_process(void)
{
	struct sched_param param = {};

	bench.busy = fork();
	if (bench.busy < 0)
		err(1, "fork");
	if (bench.busy)
		return;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &param))
		err(1, "SCHED_IDLE");
	for (;;)
		__asm__ volatile ("pause");
}

/*
 * Counting
 */

static uint64_t elapsed(uint64_t start)
{
	uint64_t time = cpu_time() - start;

	return time < bench.overhead ? 0 : time - bench.overhead;
}

static void keep_least(struct cost *cost, double instructions, double host)
{
	if (!cost->instructions || instructions < cost->instructions)
		cost->instructions = instructions;
	if (!cost->host || host < cost->host)
		cost->host = host;
}

static void print_line(const char *table, const char *method, uint64_t mib, const char *work,
		       double commands, double bytes, const struct cost *cost)
{
	printf("%s,%s,%" PRIu64 ",%s,%.2f,%.0f,%.1f,%.1f\n", table, method, mib, work,
	       commands, bytes, cost->instructions, cost->host);
	if (fflush(stdout))
		err(1, "stdout");
}

/*
 * Frames
 */

static uint32_t create_frame_object(void)
{
	struct drm_mode_create_dumb create = {
		.bpp = 32,
		.width = WIDTH,
		.height = PAGES / ROW_PAGES,
	};

	/* QEMU takes at most 16,384 pieces of memory for an object. */
	write_file(HUGE_FILE, "force");
	must(placed_ioctl(bench.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create an object");
	if (create.size != PAGES * PLACED_PAGE)
		errx(1, "an object has %" PRIu64 " bytes: rows are not as they were asked for",
		     (uint64_t)create.size);
	return create.handle;
}

static volatile uint64_t *map_frame_object(uint32_t handle)
{
	struct drm_gem_mmap_placed args = {
		.handle = handle,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT,
		.length = PAGES * PLACED_PAGE,
	};
	struct drm_gem_coherent coherent = {
		.handle = handle,
		.flags = DRM_GEM_COHERENT_TO_DEVICE,
	};

	must(placed_map(bench.fd, &args), "map an object");
	must(placed_ioctl(bench.fd, DRM_IOCTL_GEM_COHERENT, &coherent), "make it coherent");
	if (coherent.state != DRM_GEM_COHERENT_TRACKED)
		errx(1, "the device is coherent by nature: there is nothing to measure");
	return placed_ptr(args.addr);
}

/* To each page of each run. */
static void store(volatile uint64_t *map, const struct pattern *pattern, uint64_t value)
{
	for (uint32_t run = 0; run < pattern->runs; run++)
		for (uint32_t page = 0; page < pattern->run_pages; page++)
			map[((uint64_t)run * pattern->step + page) * (PLACED_PAGE / sizeof(*map))] =
				value;
}

/* Returns what it costs to collect. */
static uint64_t do_frame(volatile uint64_t *map, uint32_t handle, const struct pattern *pattern)
{
	struct drm_gem_dirty args = {
		.handle = handle,
		.flags = DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
	};
	uint64_t start;

	store(map, pattern, cpu_time());
	start = cpu_time();
	must(placed_ioctl(bench.fd, DRM_IOCTL_GEM_DIRTY, &args), "flush");
	return elapsed(start);
}

static uint64_t read_sent_pages(void)
{
	uint64_t pages = 0;
	char line[128];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", bench.fd);
	file = fopen(line, "r");
	if (!file)
		err(1, "%s", line);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "drm-placed-sent-pages: %" SCNu64, &pages);
	fclose(file);
	return pages;
}

static void write_trace(const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), TRACE_DIR "/%s", file);
	write_file(path, text);
}

/* The commands that were queued while it was looked at. */
static uint64_t read_trace(void)
{
	FILE *file = fopen(TRACE_DIR "/trace", "r");
	unsigned long long kept = 0, seen = 1;
	char line[512];

	if (!file)
		err(1, "no trace");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "# entries-in-buffer/entries-written: %llu/%llu", &kept, &seen);
	fclose(file);
	if (kept != seen)
		errx(1, "the trace has %llu of %llu commands", kept, seen);
	return kept;
}

/* The transfers of a frame of its own, and the bytes that they send. */
static uint64_t count_commands(volatile uint64_t *map, uint32_t handle,
			       const struct pattern *pattern, uint64_t *bytes)
{
	uint64_t pages = read_sent_pages();

	if (mkdir(TRACE_DIR, 0755) && errno != EEXIST)
		err(1, "trace");
	write_trace("tracing_on", "0");
	write_trace("buffer_size_kb", "8192");
	write_trace("trace", "");
	write_trace("events/virtio_gpu/virtio_gpu_cmd_queue/filter",
		    "type == 0x105 || type == 0x400");
	write_trace("events/virtio_gpu/virtio_gpu_cmd_queue/enable", "1");
	write_trace("tracing_on", "1");
	do_frame(map, handle, pattern);
	write_trace("tracing_on", "0");
	write_trace("events/virtio_gpu/virtio_gpu_cmd_queue/enable", "0");

	*bytes = (read_sent_pages() - pages) * PLACED_PAGE;
	return read_trace();
}

static void measure_frames(const char *method, volatile uint64_t *map, uint32_t handle,
			   const struct pattern *pattern)
{
	bool ranges = !strcmp(method, "ranges");
	uint64_t commands, bytes, sum;
	struct host before, after;
	struct cost cost = {};

	for (int i = 0; i < WARM_UP; i++)
		do_frame(map, handle, pattern);
	commands = count_commands(map, handle, pattern, &bytes);

	after = ask();
	for (int round = 0; round < ROUNDS; round++) {
		before = after;
		sum = 0;
		for (int i = 0; i < pattern->frames; i++)
			sum += do_frame(map, handle, pattern);
		after = ask();
		keep_least(&cost, (double)sum / pattern->frames,
			   worked(&before, &after) / pattern->frames);
		if ((after.transfers != before.transfers) != ranges)
			errx(1, "the device of this guest is not one for %s", method);
		if (ranges && after.bytes - before.bytes != bytes * pattern->frames)
			errx(1, "%s: a frame sends %" PRIu64 " bytes, and the device got %llu",
			     pattern->name, bytes, (after.bytes - before.bytes) / pattern->frames);
	}

	print_line("frame", method, 0, pattern->name, commands, bytes, &cost);
}

static void measure_transfers(const char *method)
{
	uint32_t handle = create_frame_object();
	volatile uint64_t *map = map_frame_object(handle);

	store(map, &patterns[PATTERNS - 1], 1);
	for (unsigned int i = 0; i < PATTERNS; i++)
		measure_frames(method, map, handle, &patterns[i]);
}

/*
 * What copying costs the host by itself: from memory such as QEMU gives a guest to
 * memory such as it gives an image, once they have been used, and after stores to what
 * is copied. One word of each page is stored, by a guest as by this.
 */

static uint8_t *host_memory(uint64_t size, int fd)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		err(1, "memory");
	if (fd < 0)
		madvise(map, size, MADV_HUGEPAGE);
	memset(map, 1, size);
	return map;
}

static void copy_runs(uint8_t *to, const uint8_t *from, const struct pattern *pattern)
{
	for (uint32_t run = 0; run < pattern->runs; run++) {
		uint64_t offset = run * (pattern->step * PLACED_PAGE);

		memcpy(to + offset, from + offset, pattern->run_pages * PLACED_PAGE);
	}
}

static void measure_memcpy(uint8_t *to, uint8_t *from, const struct pattern *pattern,
			   const char *method)
{
	uint64_t bytes = pattern->runs * (pattern->run_pages * PLACED_PAGE);
	struct cost cost = {};

	for (int round = 0; round < MEMCPY_ROUNDS; round++) {
		uint64_t sum = 0, start;

		for (int i = 0; i < pattern->frames; i++) {
			store((uint64_t *)from, pattern, i);
			start = cpu_time();
			copy_runs(to, from, pattern);
			/* It has to be seen to be done. */
			__asm__ volatile ("" : : "r" (to) : "memory");
			sum += elapsed(start);
		}
		keep_least(&cost, 0, (double)sum / pattern->frames);
	}

	print_line("frame", method, 0, pattern->name, 0, bytes, &cost);
}

static void measure_host(void)
{
	uint64_t size = PAGES * PLACED_PAGE;
	int fd = memfd_create("copy", MFD_CLOEXEC);
	uint8_t *to, *from;

	if (fd < 0 || ftruncate(fd, size))
		err(1, "memfd");
	to = host_memory(size, fd);
	from = host_memory(size, -1);

	for (unsigned int i = 0; i < PATTERNS; i++) {
		struct pattern whole = patterns[i];

		measure_memcpy(to, from, &patterns[i], "memcpy_runs");
		/* The same bytes in one piece. */
		whole.run_pages *= whole.runs;
		whole.runs = 1;
		measure_memcpy(to, from, &whole, "memcpy");
	}
}

/*
 * Sparse objects
 */

struct memory {
	/* A device and a handle, or a memfd. */
	int fd;
	uint32_t handle;
	uint64_t size;
	uint8_t *map;
};

static struct memory create_sparse(int fd, uint64_t size, uint32_t flags)
{
	struct memory memory = { .fd = fd, .size = size };
	struct drm_gem_sparse create = {
		.op = DRM_GEM_SPARSE_CREATE, .flags = flags, .length = size,
	};
	struct drm_gem_mmap_placed map = { .flags = PLACED_RW, .length = size };
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &create);

	if (ret)
		errx(1, "no sparse object: %s: no pool, or not that large?", strerror(-ret));
	memory.handle = map.handle = create.handle;
	must(placed_map(fd, &map), "map an object");
	memory.map = placed_ptr(map.addr);
	return memory;
}

static struct memory create_pool(uint64_t size)
{
	return create_sparse(bench.fd, size, DRM_GEM_SPARSE_POOL);
}

static struct memory create_vgem(uint64_t size)
{
	return create_sparse(bench.vgem, size, 0);
}

static struct memory create_memfd(uint64_t size)
{
	struct memory memory = { .size = size, .fd = memfd_create("device", MFD_CLOEXEC) };

	if (memory.fd < 0 || ftruncate(memory.fd, size))
		err(1, "memfd");
	memory.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	if (memory.map == MAP_FAILED)
		err(1, "map a memfd");
	return memory;
}

static void destroy(struct memory *memory)
{
	munmap(memory->map, memory->size);
	if (memory->handle)
		must(placed_close_handle(memory->fd, memory->handle), "free an object");
	else
		close(memory->fd);
}

static void advise(const struct memory *memory, uint64_t offset, uint64_t length, int advice)
{
	if (madvise(memory->map + offset, length, advice))
		err(1, advice == MADV_REMOVE ? "MADV_REMOVE" : "MADV_POPULATE_WRITE");
}

static void touch(const struct memory *memory, uint64_t offset)
{
	*(volatile uint8_t *)(memory->map + offset) = 1;
}

/* Returns how many bytes of a range have memory. */
static uint64_t query(const struct memory *memory, uint64_t offset, uint64_t length)
{
	static struct drm_gem_sparse_run runs[CHUNKS * CHUNK_PAGES];
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY,
		.handle = memory->handle,
		.offset = offset,
		.length = length,
		.runs = placed_addr(runs),
		.count = CHUNKS * CHUNK_PAGES,
	};

	must(placed_ioctl(memory->fd, DRM_IOCTL_GEM_SPARSE, &args), "query an object");
	return args.present;
}

/*
 * Populating and discarding
 */

struct kind {
	const char *name;
	struct memory (*create)(uint64_t size);
	/* In the guest: the host has no part in it. */
	bool here;
	unsigned int max_mib;
};

static const struct kind kinds[] = {
	{ "pool", create_pool, false, 4096 },
	{ "sparse", create_vgem, true, 1024 },
	{ "memfd", create_memfd, true, 1024 },
};

/* Each part of an object by a call of its own. */
static uint64_t advise_parts(const struct memory *memory, uint64_t part, int advice)
{
	uint64_t start = cpu_time();

	for (uint64_t offset = 0; offset < memory->size; offset += part)
		advise(memory, offset, part, advice);
	return elapsed(start);
}

static void measure_populate(const struct kind *kind, uint64_t part)
{
	uint64_t enough = kind->here ? ENOUGH_HERE : ENOUGH;
	struct memory memory = kind->create(part < enough ? enough : part);
	double pages = memory.size / PLACED_PAGE, parts = memory.size / part;
	struct host host[3] = {};
	struct cost populate = {}, discard = {};
	uint64_t instructions;
	/*
	 * The first makes page tables. Without the host all others are alike, and clearing
	 * 1 GiB takes long, of which page tables are a hundredth.
	 */
	int rounds = !kind->here ? ROUNDS : part < 1024 * MIB ? 2 : 1;

	if (!kind->here)
		host[2] = ask();
	for (int round = 0; round < rounds; round++) {
		host[0] = host[2];
		instructions = advise_parts(&memory, part, MADV_POPULATE_WRITE);
		if (!kind->here)
			host[1] = ask();
		keep_least(&populate, instructions / pages, worked(&host[0], &host[1]) / pages);

		/* That is nothing to the device. */
		for (uint64_t offset = 0; offset < memory.size; offset += PLACED_PAGE)
			touch(&memory, offset);

		instructions = advise_parts(&memory, part, MADV_REMOVE);
		if (!kind->here)
			host[2] = ask();
		keep_least(&discard, instructions / pages, worked(&host[1], &host[2]) / pages);
	}

	print_line("pool", kind->name, part / MIB, "populate",
		   (host[2].populates - host[0].populates) / parts, part, &populate);
	print_line("pool", kind->name, part / MIB, "discard",
		   (host[2].discards - host[0].discards) / parts, part, &discard);
	destroy(&memory);
}

static void measure_pool(void)
{
	static const unsigned int sizes[] = { 4, 64, 1024, 4096 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (sizes[i] <= kinds[k].max_mib)
				measure_populate(&kinds[k], sizes[i] * MIB);
}

/*
 * Objects that grow
 */

/*
 * Pages of each chunk, in chunks that are spread over the object: those that are there
 * all the time, and those that come and go.
 */
static uint64_t page_offset(const struct memory *memory, unsigned int chunk, unsigned int page)
{
	return memory->size / CHUNKS * chunk + page * PLACED_PAGE;
}

enum work { POPULATE, DISCARD, TOUCH };

static void do_one(const struct memory *memory, uint64_t offset, enum work work)
{
	switch (work) {
	case POPULATE:
		advise(memory, offset, PLACED_PAGE, MADV_POPULATE_WRITE);
		break;
	case DISCARD:
		advise(memory, offset, PLACED_PAGE, MADV_REMOVE);
		break;
	case TOUCH:
		touch(memory, offset);
		break;
	}
}

#define OPERATIONS (CHUNKS * CHUNK_PAGES / 4)

/*
 * On every fourth page of the chunks. They are all alike, but for the time at which the
 * answer comes, which decides who is interrupted and who has to be woken, and is the
 * host's: the cheapest stands for all.
 */
static void do_work(const struct memory *memory, enum work work, struct cost *cost,
		    struct host *host)
{
	struct host before = *host;
	uint64_t least = UINT64_MAX;

	for (unsigned int page = 1; page < CHUNK_PAGES; page += 4)
		for (unsigned int chunk = 0; chunk < CHUNKS; chunk++) {
			uint64_t start = cpu_time(), time;

			do_one(memory, page_offset(memory, chunk, page), work);
			time = elapsed(start);
			if (time < least)
				least = time;
		}
	*host = ask();
	if (host->populates - before.populates + host->discards - before.discards != OPERATIONS)
		errx(1, "%u operations took %llu and %llu commands", OPERATIONS,
		     host->populates - before.populates, host->discards - before.discards);
	keep_least(cost, least, worked(&before, host) / OPERATIONS);
}

static double measure_query(const struct memory *memory)
{
	uint64_t start = cpu_time();

	for (unsigned int page = 0; page < CHUNK_PAGES; page += PRESENT_STEP)
		for (unsigned int chunk = 0; chunk < CHUNKS; chunk++)
			query(memory, page_offset(memory, chunk, page), PLACED_PAGE);
	return (double)elapsed(start) / (CHUNKS * CHUNK_PAGES / PRESENT_STEP);
}

/* All of an object at once. */
static double measure_list(const struct memory *memory)
{
	uint64_t start = cpu_time();

	for (int i = 0; i < 16; i++)
		query(memory, 0, memory->size);
	return elapsed(start) / 16.0;
}

/* A touch where there is nothing brings 2 MiB. They are discarded again. */
static void do_large_touches(const struct memory *memory, struct cost *cost, struct host *host)
{
	const int rounds = 16;
	struct host before = *host;
	uint64_t start = cpu_time();
	double instructions;

	for (int i = 0; i < rounds; i++) {
		for (unsigned int chunk = 0; chunk < CHUNKS; chunk++)
			touch(memory, page_offset(memory, chunk, 0));
		for (unsigned int chunk = 0; chunk < CHUNKS; chunk++)
			advise(memory, page_offset(memory, chunk, 0), PLACED_2M, MADV_REMOVE);
	}
	instructions = elapsed(start);
	*host = ask();
	keep_least(cost, instructions / (rounds * CHUNKS),
		   worked(&before, host) / (rounds * CHUNKS));
}

static void expect_present(const struct memory *memory, uint64_t bytes)
{
	uint64_t present = query(memory, 0, memory->size);

	if (present != bytes)
		errx(1, "%" PRIu64 " bytes of %" PRIu64 " are there", present, bytes);
}

/* An object of some size, with or without other memory, and what is measured of it. */
struct growing {
	struct memory memory;
	bool used;
	/* large: a touch where there is nothing. */
	struct cost works[3], query, list, large;
};

static struct growing create_growing(uint64_t size, bool used)
{
	struct growing growing = { .memory = create_pool(size), .used = used };

	for (unsigned int page = 0; used && page < CHUNK_PAGES; page += PRESENT_STEP)
		for (unsigned int chunk = 0; chunk < CHUNKS; chunk++)
			do_one(&growing.memory, page_offset(&growing.memory, chunk, page),
			       POPULATE);
	return growing;
}

static uint64_t present_bytes(const struct growing *growing)
{
	return growing->used ? CHUNKS * CHUNK_PAGES / PRESENT_STEP * PLACED_PAGE : 0;
}

static void do_growing(struct growing *growing, struct host *host)
{
	const struct memory *memory = &growing->memory;
	uint64_t present = present_bytes(growing);

	do_work(memory, POPULATE, &growing->works[POPULATE], host);
	expect_present(memory, present + OPERATIONS * PLACED_PAGE);
	do_work(memory, DISCARD, &growing->works[DISCARD], host);
	expect_present(memory, present);
	keep_least(&growing->query, measure_query(memory), 0);
	keep_least(&growing->list, measure_list(memory), 0);

	if (growing->used) {
		do_work(memory, TOUCH, &growing->works[TOUCH], host);
		do_work(memory, DISCARD, &growing->works[DISCARD], host);
	} else {
		do_large_touches(memory, &growing->large, host);
	}
	expect_present(memory, present);
}

static void print_growing(const struct growing *growing)
{
	static const char *const names[] = { "populate", "discard", "touch" };
	const char *state = growing->used ? "used" : "empty";
	uint64_t mib = growing->memory.size / MIB;

	for (int work = POPULATE; work <= DISCARD; work++)
		print_line("flat", state, mib, names[work], 1, PLACED_PAGE, &growing->works[work]);
	if (growing->used)
		print_line("flat", state, mib, "touch", 1, PLACED_PAGE, &growing->works[TOUCH]);
	else
		print_line("flat", state, mib, "touch", 2, PLACED_2M, &growing->large);
	print_line("flat", state, mib, "query", 0, PLACED_PAGE, &growing->query);
	print_line("flat", state, mib, "list", 0, present_bytes(growing), &growing->list);
}

static void measure_flat(void)
{
	static const unsigned int sizes[] = { 16, 1024, 65536 };
	struct growing growing[2 * sizeof(sizes) / sizeof(sizes[0])];
	const unsigned int objects = sizeof(growing) / sizeof(growing[0]);
	struct host host;

	for (unsigned int i = 0; i < objects; i++)
		growing[i] = create_growing(sizes[i / 2] * MIB, i % 2);

	/* Sizes in turn, for what others do on the host meanwhile to hit them alike. */
	host = ask();
	for (int round = 0; round < ROUNDS; round++)
		for (unsigned int i = 0; i < objects; i++)
			do_growing(&growing[i], &host);

	for (unsigned int i = 0; i < objects; i++) {
		print_growing(&growing[i]);
		destroy(&growing[i].memory);
	}
}

static void measure_overhead(void)
{
	for (int i = 0; i < 4; i++) {
		uint64_t start = cpu_time();

		bench.overhead = cpu_time() - start;
	}
}

static void open_guest(void)
{
	bench.fd = placed_open("virtio_gpu");
	bench.vgem = placed_open("vgem");
	if (bench.fd < 0 || bench.vgem < 0)
		errx(1, "no virtio_gpu or no vgem device: run in scripts/guest");
	start_busy_process();
	measure_asking();
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(1, "an argument: ranges, boxes, pool, flat or memcpy");

	measure_overhead();
	if (strcmp(argv[1], "memcpy"))
		open_guest();

	if (!strcmp(argv[1], "ranges") || !strcmp(argv[1], "boxes"))
		measure_transfers(argv[1]);
	else if (!strcmp(argv[1], "pool"))
		measure_pool();
	else if (!strcmp(argv[1], "flat"))
		measure_flat();
	else if (!strcmp(argv[1], "memcpy"))
		measure_host();
	else
		errx(1, "what is %s?", argv[1]);

	if (bench.busy)
		kill(bench.busy, SIGKILL);
	return 0;
}
