// SPDX-License-Identifier: MIT
/*
 * What does it cost to map a buffer below 4 GiB, in a process that has many
 * mappings? Prints, as CSV, the nanoseconds per map and unmap of 1 MiB, for
 * every way to do it and for growing numbers of VMAs. Under scripts/guest
 * --icount a nanosecond is an instruction of kernel and program together.
 *
 * The address space is laid out so that all ways that look below 4 GiB have to
 * get past the same VMAs, and come to the same address, which is checked:
 *
 *   mmap_min_addr .. 1 GiB   one mapping, at every size. MAP_32BIT searches
 *                            [1 GiB, 2 GiB) only; the others shall not have
 *                            a gap that it has not.
 *   1 GiB + 4 KiB ..         the VMAs that are counted: one page each, with a
 *                            gap of one page behind each.
 *   behind the last          the lowest gap of 1 MiB, and the address of
 *                            placed_4g, placed_hint, map_32bit, reserve_fixed
 *                            and proc_maps.
 *
 *   below the libraries      4 MiB that are never touched. mmap and placed_any
 *                            map below these.
 *
 * Without the last, mmap and placed_any would get the addresses next to the
 * libraries, that share a page table with them. munmap() then looks at each of
 * 256 page table entries, for 2,000 instructions that the other methods, with
 * no page tables around, do not have. Still, the number of VMAs below 4 GiB is
 * nothing to mmap but a deeper tree; who wants to know the cost of the search
 * alone can compare placed_4g to map_32bit.
 *
 * The program itself has some 20 VMAs more than the first column says. No page
 * of the object is touched: page faults cost the same at every address.
 */
#include <err.h>
#include <inttypes.h>
#include <sys/personality.h>
#include <time.h>

#include "placed_device.h"

#define LENGTH (1ull << 20)
#define BLOCK_END (1ull << 30)
#define FRAGMENTS (BLOCK_END + PLACED_PAGE)
#define MEASURE_NS 50000000ull
#define MIN_ITERATIONS 3

struct bench {
	int fd;
	uint32_t handle;
	/* The offset of the object for mmap(2). */
	uint64_t fake;
	/* The lowest address that can be mapped at all. */
	uint64_t min_addr;
	/* The lowest address with LENGTH of free room. */
	uint64_t lowest;
};

struct method {
	const char *name;
	/* Returns MAP_FAILED and sets errno. */
	void *(*map)(const struct bench *bench);
	/* Shall map at bench->lowest, rather than anywhere above 4 GiB. */
	bool low;
};

static void *placed(const struct bench *bench, uint64_t hint, uint64_t range_end)
{
	struct drm_gem_mmap_placed args = {
		.handle = bench->handle,
		.flags = PLACED_RW,
		.length = LENGTH,
		.addr = hint,
		.range_end = range_end,
	};
	int ret = placed_map(bench->fd, &args);

	if (ret) {
		errno = -ret;
		return MAP_FAILED;
	}

	return placed_ptr(args.addr);
}

static void *map_object(const struct bench *bench, uint64_t addr, int flags)
{
	return mmap(placed_ptr(addr), LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		    bench->fd, bench->fake);
}

static void *map_placed_4g(const struct bench *bench)
{
	return placed(bench, 0, PLACED_4G);
}

static void *map_placed_any(const struct bench *bench)
{
	return placed(bench, 0, 0);
}

static void *map_placed_hint(const struct bench *bench)
{
	return placed(bench, bench->lowest, PLACED_4G);
}

static void *map_mmap(const struct bench *bench)
{
	return map_object(bench, 0, 0);
}

static void *map_map_32bit(const struct bench *bench)
{
	return map_object(bench, 0, MAP_32BIT);
}

/*
 * The reservation is no MAP_NORESERVE mapping, as those that are counted are:
 * it would be merged with the last of them, only to be split off again.
 */
static void *map_reserve_fixed(const struct bench *bench)
{
	void *at = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (at == MAP_FAILED)
		return at;
	return map_object(bench, placed_addr(at), MAP_FIXED);
}

static unsigned int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* A position in the text of /proc/self/maps, which comes in pieces. */
struct maps_parser {
	enum { START, END, REST } field;
	uint64_t value, start;
	/* End of the last mapping seen: a gap begins here. */
	uint64_t gap;
};

/* Returns true when the parser has come to a gap that LENGTH fits in. */
static bool parse_maps(struct maps_parser *parser, const char *text, size_t size)
{
	const char *end = text + size;

	for (; text < end; text++) {
		if (parser->field == REST) {
			text = memchr(text, '\n', end - text);
			if (!text)
				return false;
			parser->field = START;
			parser->value = 0;
		} else if (*text == '-') {
			if (parser->value >= parser->gap + LENGTH)
				return true;
			parser->field = END;
			parser->value = 0;
		} else if (*text == ' ') {
			if (parser->value > parser->gap)
				parser->gap = parser->value;
			parser->field = REST;
		} else {
			parser->value = parser->value << 4 | hex_digit(*text);
		}
	}

	return false;
}

/*
 * As few instructions as reading the file can take: no stdio, no sscanf(), and
 * the end at the first gap. Programs that do this usually take more.
 */
static void *map_proc_maps(const struct bench *bench)
{
	struct maps_parser parser = { .gap = bench->min_addr };
	static char text[1 << 16];
	bool found = false;
	ssize_t size;
	int fd;

	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;

	while (!found && (size = read(fd, text, sizeof(text))) > 0)
		found = parse_maps(&parser, text, size);
	close(fd);

	if (!found || parser.gap + LENGTH > PLACED_4G) {
		errno = ENOSPC;
		return MAP_FAILED;
	}

	return map_object(bench, parser.gap, MAP_FIXED_NOREPLACE);
}

static const struct method methods[] = {
	{ "placed_4g", map_placed_4g, true },
	{ "placed_any", map_placed_any, false },
	{ "placed_hint", map_placed_hint, true },
	{ "mmap", map_mmap, false },
	{ "map_32bit", map_map_32bit, true },
	{ "reserve_fixed", map_reserve_fixed, true },
	{ "proc_maps", map_proc_maps, true },
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t map_and_unmap(const struct bench *bench, const struct method *method)
{
	void *at = method->map(bench);

	if (at == MAP_FAILED)
		err(1, "%s: map", method->name);
	if (munmap(at, LENGTH))
		err(1, "%s: unmap", method->name);

	return placed_addr(at);
}

/* The methods compare if they come to the same address. */
static void check(const struct bench *bench, const struct method *method)
{
	uint64_t at = map_and_unmap(bench, method);

	if (method->low && at != bench->lowest)
		errx(1, "%s maps at 0x%" PRIx64 ", not at 0x%" PRIx64 ": numbers would not compare",
		     method->name, at, bench->lowest);
	if (!method->low && at < PLACED_4G)
		errx(1, "%s maps at 0x%" PRIx64 ", below 4 GiB: numbers would not compare",
		     method->name, at);
}

/*
 * Nanoseconds per map and unmap, after one to warm up. Rather the mean than
 * the least: what a mapping leaves to RCU is part of its cost. It is done in
 * timer ticks, so that it takes many of these to be seen for what it is.
 */
static uint64_t measure(const struct bench *bench, const struct method *method)
{
	uint64_t start = now();
	int iterations;

	check(bench, method);
	iterations = MEASURE_NS / (now() - start);
	if (iterations < MIN_ITERATIONS)
		iterations = MIN_ITERATIONS;

	start = now();
	for (int i = 0; i < iterations; i++)
		map_and_unmap(bench, method);

	return (now() - start + iterations / 2) / iterations;
}

static uint64_t read_min_addr(void)
{
	FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "r");
	unsigned long long addr;

	if (!file || fscanf(file, "%llu", &addr) != 1)
		errx(1, "cannot read /proc/sys/vm/mmap_min_addr");
	fclose(file);

	return addr < PLACED_PAGE ? PLACED_PAGE : addr;
}

static void open_object(struct bench *bench)
{
	int ret;

	bench->fd = placed_open("virtio_gpu");
	if (bench->fd < 0)
		errx(1, "no virtio_gpu device: run in scripts/guest");

	ret = placed_create(bench->fd, LENGTH, &bench->handle);
	if (!ret)
		ret = placed_fake_offset(bench->fd, bench->handle, &bench->fake);
	if (ret)
		errx(1, "no object of 1 MiB: %s", strerror(-ret));
}

/* All but the VMAs that are counted. */
static void lay_out(struct bench *bench)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *at;

	bench->min_addr = read_min_addr();
	at = placed_ptr(bench->min_addr);
	if (mmap(at, BLOCK_END - bench->min_addr, PROT_NONE,
		 flags | MAP_FIXED_NOREPLACE, -1, 0) != at)
		errx(1, "something is mapped below 1 GiB");

	/* A page more: 4 MiB would be aligned to a huge page, and leave a gap. */
	if (mmap(NULL, 2 * PLACED_2M + PLACED_PAGE, PROT_NONE, flags, -1, 0) == MAP_FAILED)
		err(1, "no room below the libraries");
}

/* From @from to @to counted VMAs. */
static void grow(struct bench *bench, int from, int to)
{
	uint64_t start = FRAGMENTS + from * 2 * PLACED_PAGE;
	int made = placed_fragment(start, PLACED_PAGE, to - from);

	if (made != to - from)
		errx(1, "cannot have %d VMAs, only %d: see /proc/sys/vm/max_map_count",
		     to, from + made);

	bench->lowest = to ? FRAGMENTS + (2 * to - 1) * PLACED_PAGE : BLOCK_END;
}

/*
 * Start again without address randomisation: MAP_32BIT would begin its search
 * anywhere in [1 GiB, 1 GiB + 32 MiB), and come to other addresses than the
 * rest. Also, two runs have the same tree of VMAs.
 */
static void fix_addresses(char **argv)
{
	int persona = personality(0xffffffff);

	if (persona & ADDR_NO_RANDOMIZE)
		return;

	if (personality(persona | ADDR_NO_RANDOMIZE) < 0 ||
	    !(personality(0xffffffff) & ADDR_NO_RANDOMIZE))
		err(1, "cannot turn off address randomisation");
	execv("/proc/self/exe", argv);
	err(1, "cannot start again");
}

static void print_header(void)
{
	printf("vmas");
	for (unsigned int i = 0; i < METHODS; i++)
		printf(",%s", methods[i].name);
	printf("\n");
}

static void print_row(const struct bench *bench, int vmas)
{
	uint64_t cost[METHODS];

	/* Printing is work for the kernel too: not between measurements. */
	for (unsigned int i = 0; i < METHODS; i++)
		cost[i] = measure(bench, &methods[i]);

	printf("%d", vmas);
	for (unsigned int i = 0; i < METHODS; i++)
		printf(",%" PRIu64, cost[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 0, 100, 1000, 5000, 10000, 20000, 30000, 40000, 50000, 60000 };
	struct bench bench;
	int vmas = 0;

	if (argc > 1)
		errx(1, "takes no arguments");

	fix_addresses(argv);
	open_object(&bench);
	lay_out(&bench);

	print_header();
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		grow(&bench, vmas, sizes[i]);
		vmas = sizes[i];
		print_row(&bench, vmas);
		if (fflush(stdout))
			err(1, "stdout");
	}

	return 0;
}
