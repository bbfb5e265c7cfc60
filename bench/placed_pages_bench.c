// SPDX-License-Identifier: MIT
/*
 * What does it cost to show other pages at addresses that a program has? Prints, as
 * CSV, nanoseconds per page, for batches of 1 to 65,536 pages. Under scripts/guest
 * --icount a nanosecond is an instruction of kernel and program together.
 *
 * By DRM_IOCTL_GEM_MAP_PAGES, in page windows on
 *
 *   vgem, virtio       dumb objects
 *   sparse             a sparse object of vgem, populated
 *   pool               one of virtio-gpu, whose memory is the device's
 *   coherent           a coherent dumb object of virtio-gpu: entries are made by
 *                      faults, as each store has to be seen
 *
 * and with a memfd, by
 *
 *   mmap               mmap(MAP_FIXED) of each page
 *   mmap_run           one mmap(MAP_FIXED) of all, which is possible if addresses
 *                      and pages happen to be in a row
 *   remap_file_pages   remap_file_pages(2) of each page
 *
 * The pages are random ones of 64 MiB, but for mmap_run. The addresses are
 *
 *   row                n in a row, and nothing else
 *   scatter            n of 4 n, in a random order; the others show nothing
 *   sorted             the same in ascending order; to mmap(2) it makes no difference
 *
 * so that to mmap(2), too, the address space is no larger than it has to be. Each
 * round replaces all pages by others. What the first round finds, which is no page
 * anywhere, counts for nobody.
 *
 * What is counted is the call, or calls; then, as touch, a load from each of the
 * pages. Of what mmap(2) leaves to RCU, that is part of its cost which is done while
 * the program runs. vmas is how many mappings there are more than without any of that.
 *
 * The last table, duplicate, has map and unmap of a whole mapping of n pages that
 * nobody touches: by DRM_GEM_MMAP_PLACED_FROM_ADDR, by a placed map of the handle, and by
 * mmap(2) of the fake offset.
 */
#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>

#include "bench.h"
#include "placed_device.h"

#define OBJECT_PAGES 16384ull
#define MOST_PAGES 65536ull

/* A row of a dumb object: 16 pages. */
#define WIDTH 16384u

/* Repeat what is smaller, up to that often. */
#define ENOUGH 32768
#define MAX_ROUNDS 1024
#define MIN_ROUNDS 2

#define MAX_MAPS_FILE "/proc/sys/vm/max_map_count"

enum order { ROW, SORTED, SCATTER, ORDERS };

static const char *const order_names[ORDERS] = { "row", "sorted", "scatter" };

struct batch {
	uint64_t count;
	/* The window or what takes its place, and its size in pages. */
	uint8_t *base;
	uint64_t span;
	/* Of each of count pages. */
	uint64_t *addrs, *pages;
	enum order order;
};

struct method {
	const char *name;
	/* Sets fd and handle. None: a memfd. */
	void (*create)(const struct method *method, int *fd, uint32_t *handle);
	void (*remap)(const struct batch *batch, int fd);
	uint32_t flags;
	/* In which order addresses may be, a bit each. */
	unsigned int orders;
};

static struct {
	int vgem, virtio, memfd;
	/* What counting costs by itself. */
	uint64_t overhead;
	uint64_t seed;
} bench = { .seed = 1 };

static uint64_t dice(uint64_t sides)
{
	bench.seed = bench.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (bench.seed >> 33) % sides;
}

static int count_vmas(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int count = 0, c;

	if (!maps)
		err(1, "/proc/self/maps");
	while ((c = fgetc(maps)) != EOF)
		count += c == '\n';
	fclose(maps);
	return count;
}

/*
 * Objects
 */

static void create_dumb(const struct method *method, int *fd, uint32_t *handle)
{
	struct drm_mode_create_dumb create = {
		.bpp = 32,
		.width = WIDTH,
		.height = OBJECT_PAGES * PLACED_PAGE / (WIDTH * 4),
	};

	*fd = strcmp(method->name, "vgem") ? bench.virtio : bench.vgem;
	must(placed_ioctl(*fd, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create a dumb object");
	*handle = create.handle;
}

static void create_sparse(const struct method *method, int *fd, uint32_t *handle)
{
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_CREATE,
		.flags = method->flags,
		.length = OBJECT_PAGES * PLACED_PAGE,
	};

	*fd = method->flags ? bench.virtio : bench.vgem;
	must(placed_ioctl(*fd, DRM_IOCTL_GEM_SPARSE, &args), "create a sparse object");
	*handle = args.handle;
	args = (struct drm_gem_sparse) { .op = DRM_GEM_SPARSE_POPULATE, .handle = *handle };
	must(placed_ioctl(*fd, DRM_IOCTL_GEM_SPARSE, &args), "populate a sparse object");
}

static void create_coherent(const struct method *method, int *fd, uint32_t *handle)
{
	struct drm_gem_coherent args = { .flags = DRM_GEM_COHERENT_TO_DEVICE };

	create_dumb(method, fd, handle);
	args.handle = *handle;
	must(placed_ioctl(*fd, DRM_IOCTL_GEM_COHERENT, &args), "make an object coherent");
}

/*
 * Ways to show other pages
 */

static void remap_window(const struct batch *batch, int fd)
{
	struct drm_gem_map_pages args = {
		.addr = batch->order == ROW ? placed_addr(batch->base) : 0,
		.addrs = batch->order == ROW ? 0 : placed_addr(batch->addrs),
		.pages = placed_addr(batch->pages),
		.count = batch->count,
	};

	must(placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, &args), "DRM_IOCTL_GEM_MAP_PAGES");
}

static void map_fixed(void *at, uint64_t count, uint64_t page)
{
	if (mmap(at, count * PLACED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 bench.memfd, page * PLACED_PAGE) != at)
		err(1, "mmap");
}

static void remap_mmap(const struct batch *batch, int fd)
{
	(void)fd;
	for (uint64_t i = 0; i < batch->count; i++)
		map_fixed(placed_ptr(batch->addrs[i]), 1, batch->pages[i]);
}

static void remap_run(const struct batch *batch, int fd)
{
	(void)fd;
	map_fixed(batch->base, batch->count, batch->pages[0]);
}

static void remap_old_call(const struct batch *batch, int fd)
{
	(void)fd;
	for (uint64_t i = 0; i < batch->count; i++)
		if (remap_file_pages(placed_ptr(batch->addrs[i]), PLACED_PAGE, 0,
				     batch->pages[i], 0))
			err(1, "remap_file_pages");
}

#define ALL_ORDERS ((1 << ORDERS) - 1)

static const struct method methods[] = {
	{ .name = "vgem", .create = create_dumb, .remap = remap_window, .orders = ALL_ORDERS },
	{ .name = "virtio", .create = create_dumb, .remap = remap_window, .orders = ALL_ORDERS },
	{ .name = "sparse", .create = create_sparse, .remap = remap_window, .orders = ALL_ORDERS },
	{ .name = "pool", .create = create_sparse, .remap = remap_window, .orders = ALL_ORDERS,
	  .flags = DRM_GEM_SPARSE_POOL },
	{ .name = "coherent", .create = create_coherent, .remap = remap_window,
	  .orders = ALL_ORDERS },
	{ .name = "mmap", .remap = remap_mmap, .orders = 1 << ROW | 1 << SCATTER },
	{ .name = "mmap_run", .remap = remap_run, .orders = 1 << ROW },
	{ .name = "remap_file_pages", .remap = remap_old_call, .orders = 1 << ROW | 1 << SCATTER },
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

/*
 * Counting
 */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void choose_addrs(struct batch *batch)
{
	uint64_t *all = malloc(batch->span * sizeof(*all));

	if (!all)
		err(1, "memory");
	for (uint64_t i = 0; i < batch->span; i++)
		all[i] = placed_addr(batch->base) + i * PLACED_PAGE;
	for (uint64_t i = 0; i < batch->count; i++) {
		uint64_t other = batch->order == ROW ? i : i + dice(batch->span - i);

		batch->addrs[i] = all[other];
		all[other] = all[i];
	}
	free(all);
	if (batch->order == SORTED)
		qsort(batch->addrs, batch->count, sizeof(*batch->addrs), compare);
}

/* Each of them once, as far as there are so many. */
static void choose_pages(struct batch *batch)
{
	static uint64_t all[OBJECT_PAGES];

	for (uint64_t i = 0; i < batch->count; i++) {
		uint64_t at = i % OBJECT_PAGES, other;

		if (!at)
			for (uint64_t page = 0; page < OBJECT_PAGES; page++)
				all[page] = page;
		other = at + dice(OBJECT_PAGES - at);
		batch->pages[i] = all[other];
		all[other] = all[at];
	}
}

static void touch(const struct batch *batch)
{
	for (uint64_t i = 0; i < batch->count; i++)
		*(volatile uint8_t *)placed_ptr(batch->addrs[i]);
}

/* The addresses, with nothing at them but what has to be there for a method. */
static void map_base(const struct method *method, struct batch *batch, int fd, uint32_t handle)
{
	struct drm_gem_mmap_placed args = {
		.handle = handle,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_PAGES,
		.length = batch->span * PLACED_PAGE,
	};
	void *at;

	if (method->create) {
		must(placed_map(fd, &args), "create a page window");
		batch->base = placed_ptr(args.addr);
		return;
	}

	/* It changes mappings of files only. */
	if (method->remap == remap_old_call)
		at = mmap(NULL, args.length, PROT_READ | PROT_WRITE, MAP_SHARED, bench.memfd, 0);
	else
		at = mmap(NULL, args.length, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		err(1, "no room for %" PRIu64 " pages", batch->span);
	batch->base = at;
}

static uint64_t since(uint64_t start)
{
	uint64_t elapsed = cpu_time() - start;

	return elapsed > bench.overhead ? elapsed - bench.overhead : 0;
}

static void measure(const struct method *method, uint64_t count, enum order order)
{
	struct batch batch = {
		.count = count, .span = order == ROW ? count : 4 * count, .order = order,
	};
	uint64_t start, call = 0, touched = 0;
	int rounds = ENOUGH / count, vmas = count_vmas(), fd = -1;
	uint32_t handle = 0;

	if (rounds > MAX_ROUNDS)
		rounds = MAX_ROUNDS;
	if (rounds < MIN_ROUNDS)
		rounds = MIN_ROUNDS;
	batch.addrs = malloc(count * sizeof(*batch.addrs));
	batch.pages = malloc(count * sizeof(*batch.pages));
	if (!batch.addrs || !batch.pages)
		err(1, "memory");

	if (method->create)
		method->create(method, &fd, &handle);
	map_base(method, &batch, fd, handle);
	choose_addrs(&batch);
	for (int round = -1; round < rounds; round++) {
		choose_pages(&batch);
		start = cpu_time();
		method->remap(&batch, fd);
		if (round >= 0)
			call += since(start);
		start = cpu_time();
		touch(&batch);
		if (round >= 0)
			touched += since(start);
	}
	vmas = count_vmas() - vmas;

	munmap(batch.base, batch.span * PLACED_PAGE);
	if (method->create)
		must(placed_close_handle(fd, handle), "free an object");
	free(batch.addrs);
	free(batch.pages);
	printf("%s,%" PRIu64 ",%s,%d,%.2f,%.2f,%d\n", order_names[order], count,
	       method->name, rounds, (double)call / rounds / count,
	       (double)touched / rounds / count, vmas);
	if (fflush(stdout))
		err(1, "stdout");
}

/*
 * Duplicates
 */

struct original {
	uint32_t handle;
	uint64_t length, fake, addr;
};

static void *duplicate(const struct original *original)
{
	struct drm_gem_mmap_placed args = {
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FROM_ADDR,
		.length = original->length,
		.from_addr = original->addr,
	};

	must(placed_map(bench.virtio, &args), "DRM_GEM_MMAP_PLACED_FROM_ADDR");
	return placed_ptr(args.addr);
}

static void *map_placed(const struct original *original)
{
	struct drm_gem_mmap_placed args = {
		.handle = original->handle,
		.flags = PLACED_RW,
		.length = original->length,
	};

	must(placed_map(bench.virtio, &args), "a placed map");
	return placed_ptr(args.addr);
}

static void *map_plain(const struct original *original)
{
	void *at = mmap(NULL, original->length, PROT_READ | PROT_WRITE, MAP_SHARED,
			bench.virtio, original->fake);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static void measure_duplicate(uint64_t pages)
{
	static const struct {
		const char *name;
		void *(*map)(const struct original *original);
	} ways[] = {
		{ "duplicate", duplicate }, { "placed", map_placed }, { "mmap", map_plain },
	};
	struct original original = { .length = pages * PLACED_PAGE };
	struct method dumb = { .name = "virtio" };
	int fd, vmas;

	create_dumb(&dumb, &fd, &original.handle);
	must(placed_fake_offset(fd, original.handle, &original.fake), "ask for the fake offset");
	vmas = count_vmas();
	original.addr = placed_addr(map_placed(&original));
	for (int way = 0; way < 3; way++) {
		uint64_t start, elapsed = 0;

		for (int round = -1; round < MAX_ROUNDS; round++) {
			start = cpu_time();
			munmap(ways[way].map(&original), original.length);
			if (round >= 0)
				elapsed += since(start);
		}
		printf("duplicate,%" PRIu64 ",%s,%d,%.2f,0,%d\n", pages, ways[way].name,
		       MAX_ROUNDS, (double)elapsed / MAX_ROUNDS, count_vmas() - vmas);
	}
	munmap(placed_ptr(original.addr), original.length);
	must(placed_close_handle(fd, original.handle), "free an object");
}

/* In one line what a kernel lacks, and that a window shows what was put there. */
static void check_kernel(void)
{
	uint64_t pages[2] = { OBJECT_PAGES - 1, 3 };
	struct batch batch = { .count = 2, .span = 2, .pages = pages };
	struct drm_gem_mmap_placed args = { .flags = PLACED_RW, .length = PLACED_PAGE };
	int fd;

	create_dumb(&methods[0], &fd, &args.handle);
	map_base(&methods[0], &batch, fd, args.handle);
	remap_window(&batch, fd);
	batch.base[0] = 5;
	batch.base[PLACED_PAGE] = 6;
	for (int i = 0; i < 2; i++) {
		args.offset = pages[i] * PLACED_PAGE;
		must(placed_map(fd, &args), "a placed map");
		if (*(uint8_t *)placed_ptr(args.addr) != 5 + i)
			errx(1, "page %" PRIu64 " has not what was stored by a window", pages[i]);
		munmap(placed_ptr(args.addr), PLACED_PAGE);
		args.addr = 0;
	}
	munmap(batch.base, 2 * PLACED_PAGE);
	must(placed_close_handle(fd, args.handle), "free an object");
}

static void open_bench(void)
{
	bench.vgem = placed_open("vgem");
	bench.virtio = placed_open("virtio_gpu");
	if (bench.vgem < 0 || bench.virtio < 0)
		errx(1, "no vgem or no virtio_gpu device: run in scripts/guest");

	bench.memfd = memfd_create("pages", MFD_CLOEXEC);
	if (bench.memfd < 0 || ftruncate(bench.memfd, 4 * MOST_PAGES * PLACED_PAGE) ||
	    fallocate(bench.memfd, 0, 0, (MOST_PAGES + OBJECT_PAGES) * PLACED_PAGE))
		err(1, "a memfd");
	/* So that there is something to compare with where they usually end. */
	write_file(MAX_MAPS_FILE, "1000000");

	for (int i = 0; i < 4; i++) {
		uint64_t start = cpu_time();

		bench.overhead = cpu_time() - start;
	}
}

static void measure_all(uint64_t count)
{
	for (int order = 0; order < ORDERS; order++)
		for (unsigned int i = 0; i < METHODS; i++)
			if (methods[i].orders & 1 << order)
				measure(&methods[i], count, order);
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 1, 16, 256, 4096, OBJECT_PAGES };

	open_bench();
	check_kernel();

	printf("table,pages,method,rounds,call,touch,vmas\n");
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			measure_all(strtoul(argv[i], NULL, 0));
		return 0;
	}

	for (uint64_t count = 1; count <= MOST_PAGES; count *= 4)
		measure_all(count);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure_duplicate(sizes[i]);

	return 0;
}
