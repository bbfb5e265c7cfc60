// SPDX-License-Identifier: MIT
/*
 * What does it cost to populate a mapping, and to give its memory back? Prints,
 * as CSV, nanoseconds of the program's CPU time per page of 4 KiB, for objects of
 * several sizes. Under scripts/guest --icount a nanosecond is an instruction of
 * kernel and program together.
 *
 *   sparse_huge   a sparse object of vgem, populated in one go, at an address
 *                 that lets huge pages map it
 *   sparse_4k     the same in pages of 4 KiB: populated in pieces that no huge
 *                 page fits in, at an address that no huge page can map. All that
 *                 is not to allocate is populated in one go here, too.
 *   dumb          a dumb object of virtio-gpu, which has its pages from the
 *                 start, at an address as sparse_huge
 *   dumb_4k       the same object at an address as sparse_4k
 *   memfd         a memfd in pages of 4 KiB, as they are if nobody asks for more
 *   memfd_huge    a memfd in huge pages
 *   anonymous     private memory in pages of 4 KiB
 *
 * Of each, as far as it can:
 *
 *   allocate      MADV_POPULATE_WRITE, with pages to allocate and to clear
 *   present       MADV_POPULATE_WRITE behind a MADV_DONTNEED: the pages are there,
 *                 the entries are not
 *   store         instead of that a store to each page of a fresh mapping
 *   touch         instead of allocate a store to each page
 *   discard       MADV_REMOVE, or the fallocate() of a memfd that punches a hole,
 *                 with all entries there
 *   memset        of the whole, with all entries there: the floor for whatever
 *                 clears pages
 *
 * Small objects go through that several times, and the mean counts. The faults
 * per page tell which sizes of entries there were: 512 pages share one if the
 * entries are huge.
 */
#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "bench.h"
#include "placed_device.h"

#define MIB (1ull << 20)

/* A row of a dumb object: 16 pages. */
#define WIDTH 16384u

/* Repeat what is smaller, up to that often. */
#define ENOUGH (64 * MIB)
#define MAX_ROUNDS 16

#define HUGE_FILE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

enum work { ALLOCATE, PRESENT, STORE, TOUCH, DISCARD, MEMSET, WORKS };

static const char *const work_names[WORKS] = {
	"allocate", "present", "store", "touch", "discard", "memset",
};

struct memory {
	const struct kind *kind;
	/* A device, a memfd, or none. */
	int fd;
	uint32_t handle;
	uint64_t size;
	volatile uint8_t *map;
};

struct cost {
	uint64_t instructions, faults;
	int rounds;
};

struct kind {
	const char *name;
	/* What is done with it, a bit each. */
	unsigned int works;
	/* What shmem makes its pages of. */
	const char *shmem;
	void (*create)(struct memory *memory);
	void (*map)(struct memory *memory);
	void (*allocate)(const struct memory *memory);
	/* Frees its pages; none: they cannot be had back. */
	void (*discard)(const struct memory *memory);
	void (*destroy)(struct memory *memory);
	/* The address is not congruent to the offset, modulo a huge page. */
	bool odd;
};

static struct {
	int vgem, virtio;
	/* What counting costs by itself. */
	uint64_t overhead;
} bench;

static void advise(const struct memory *memory, uint64_t offset, uint64_t length,
		   int advice, const char *name)
{
	if (madvise((void *)(memory->map + offset), length, advice))
		err(1, "%s: %s", memory->kind->name, name);
}

/*
 * Mappings
 */

/* An address that no huge page of the object can be mapped at. */
static uint64_t odd_address(uint64_t size)
{
	uint64_t length = size + 2 * PLACED_2M;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *at = mmap(NULL, length, PROT_NONE, flags, -1, 0);

	if (at == MAP_FAILED)
		err(1, "no room for a mapping");
	munmap(at, length);
	return ((placed_addr(at) + PLACED_2M - 1) & ~(PLACED_2M - 1)) + PLACED_PAGE;
}

static void map_object(struct memory *memory)
{
	struct drm_gem_mmap_placed args = {
		.handle = memory->handle,
		.flags = PLACED_RW,
		.length = memory->size,
	};

	if (memory->kind->odd) {
		args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
		args.addr = odd_address(memory->size);
		args.align = PLACED_PAGE;
	}
	must(placed_map(memory->fd, &args), "map an object");
	if (args.addr % PLACED_2M != (memory->kind->odd ? PLACED_PAGE : 0))
		errx(1, "%s is mapped at 0x%" PRIx64 ": numbers would not compare",
		     memory->kind->name, (uint64_t)args.addr);
	memory->map = placed_ptr(args.addr);
}

static void map_memfd(struct memory *memory)
{
	void *map = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);

	if (map == MAP_FAILED)
		err(1, "map a memfd");
	memory->map = map;
}

static void map_anonymous(struct memory *memory)
{
	void *map = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		err(1, "map memory");
	memory->map = map;
	advise(memory, 0, memory->size, MADV_NOHUGEPAGE, "MADV_NOHUGEPAGE");
}

static void unmap(struct memory *memory)
{
	munmap((void *)memory->map, memory->size);
}

/*
 * Memory
 */

static int sparse_ioctl(const struct memory *memory, struct drm_gem_sparse *args)
{
	args->handle = memory->handle;
	return placed_ioctl(memory->fd, DRM_IOCTL_GEM_SPARSE, args);
}

static void create_sparse(struct memory *memory)
{
	struct drm_gem_sparse args = { .op = DRM_GEM_SPARSE_CREATE, .length = memory->size };

	memory->fd = bench.vgem;
	must(sparse_ioctl(memory, &args), "create a sparse object");
	memory->handle = args.handle;
}

/*
 * QEMU takes at most 16,384 pieces of memory for an object. Small pages, from
 * memory that was used, may be as many; huge ones are 512 for 1 GiB.
 */
static void create_dumb(struct memory *memory)
{
	struct drm_mode_create_dumb create = {
		.bpp = 32,
		.width = WIDTH,
		.height = memory->size / (WIDTH * 4),
	};

	memory->fd = bench.virtio;
	must(placed_ioctl(memory->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create a dumb object");
	if (create.size != memory->size)
		errx(1, "an object has %" PRIu64 " bytes: rows are not as they were asked for",
		     (uint64_t)create.size);
	memory->handle = create.handle;
}

static void create_memfd(struct memory *memory)
{
	memory->fd = memfd_create("populate", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, memory->size))
		err(1, "create a memfd");
}

static void create_nothing(struct memory *memory)
{
	memory->fd = -1;
}

static void destroy_object(struct memory *memory)
{
	must(placed_close_handle(memory->fd, memory->handle), "free an object");
}

static void destroy_memfd(struct memory *memory)
{
	close(memory->fd);
}

static void destroy_nothing(struct memory *memory)
{
	(void)memory;
}

static void populate(const struct memory *memory)
{
	advise(memory, 0, memory->size, MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
}

/* Pieces of 1 MiB that end at odd pages: there is no huge page inside of any. */
static void populate_pieces(const struct memory *memory)
{
	for (uint64_t at = 0, next = PLACED_PAGE; at < memory->size; at = next, next += MIB) {
		if (next > memory->size)
			next = memory->size;
		advise(memory, at, next - at, MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
	}
}

static void remove_pages(const struct memory *memory)
{
	advise(memory, 0, memory->size, MADV_REMOVE, "MADV_REMOVE");
}

static void punch_hole(const struct memory *memory)
{
	if (fallocate(memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, memory->size))
		err(1, "punch a hole");
}

/* Of shared memory it takes the entries only, of private memory the pages, too. */
static void forget(const struct memory *memory)
{
	advise(memory, 0, memory->size, MADV_DONTNEED, "MADV_DONTNEED");
}

static void store(const struct memory *memory)
{
	volatile uint8_t *byte = memory->map, *end = byte + memory->size;

	for (; byte < end; byte += PLACED_PAGE)
		*byte = 1;
}

static void set_all(const struct memory *memory)
{
	memset((void *)memory->map, 2, memory->size);
}

#define SPARSE_WORKS (1 << ALLOCATE | 1 << PRESENT | 1 << STORE | 1 << TOUCH | 1 << DISCARD)
#define DUMB_WORKS (1 << PRESENT | 1 << STORE)

static const struct kind kinds[] = {
	{
		.name = "sparse_huge", .works = SPARSE_WORKS, .shmem = "never",
		.create = create_sparse, .map = map_object, .allocate = populate,
		.discard = remove_pages, .destroy = destroy_object,
	}, {
		.name = "sparse_4k", .works = SPARSE_WORKS, .shmem = "never",
		.create = create_sparse, .map = map_object, .allocate = populate_pieces,
		.discard = remove_pages, .destroy = destroy_object, .odd = true,
	}, {
		.name = "dumb", .works = DUMB_WORKS, .shmem = "force",
		.create = create_dumb, .map = map_object, .allocate = populate,
		.destroy = destroy_object,
	}, {
		.name = "dumb_4k", .works = DUMB_WORKS, .shmem = "force",
		.create = create_dumb, .map = map_object, .allocate = populate,
		.destroy = destroy_object, .odd = true,
	}, {
		.name = "memfd", .works = SPARSE_WORKS | 1 << MEMSET, .shmem = "never",
		.create = create_memfd, .map = map_memfd, .allocate = populate,
		.discard = punch_hole, .destroy = destroy_memfd,
	}, {
		.name = "memfd_huge", .works = SPARSE_WORKS, .shmem = "force",
		.create = create_memfd, .map = map_memfd, .allocate = populate,
		.discard = punch_hole, .destroy = destroy_memfd,
	}, {
		.name = "anonymous", .works = 1 << ALLOCATE | 1 << TOUCH, .shmem = "never",
		.create = create_nothing, .map = map_anonymous, .allocate = populate,
		.discard = forget, .destroy = destroy_nothing,
	},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/*
 * Counting
 */

static uint64_t count_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static void count(const struct memory *memory, void (*work)(const struct memory *memory),
		  struct cost *cost)
{
	uint64_t faults = count_faults(), start = cpu_time();

	work(memory);
	cost->instructions += cpu_time() - start - bench.overhead;
	cost->faults += count_faults() - faults;
	cost->rounds++;
}

static uint64_t present_bytes(const struct memory *memory)
{
	struct drm_gem_sparse_run run;
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY,
		.count = 1,
		.runs = placed_addr(&run),
	};

	/* The memory begins at the start of the object, or there is none. */
	must(sparse_ioctl(memory, &args), "query a sparse object");
	return args.present;
}

static void fresh_mapping(struct memory *memory)
{
	unmap(memory);
	memory->kind->map(memory);
}

/* One after the other, so that each finds what it needs. */
static void do_round(struct memory *memory, struct cost *costs)
{
	const struct kind *kind = memory->kind;

	if (kind->works & 1 << ALLOCATE)
		count(memory, kind->allocate, &costs[ALLOCATE]);

	if (kind->works & 1 << PRESENT) {
		forget(memory);
		count(memory, populate, &costs[PRESENT]);
	}
	if (kind->works & 1 << MEMSET)
		count(memory, set_all, &costs[MEMSET]);
	if (kind->works & 1 << STORE) {
		fresh_mapping(memory);
		count(memory, store, &costs[STORE]);
	}
	if (kind->works & 1 << DISCARD)
		count(memory, kind->discard, &costs[DISCARD]);
	else if (kind->discard)
		kind->discard(memory);
	if (kind->works & 1 << TOUCH) {
		fresh_mapping(memory);
		count(memory, store, &costs[TOUCH]);
		kind->discard(memory);
	}
	fresh_mapping(memory);
}

static void print_costs(const struct memory *memory, const struct cost *costs)
{
	for (int i = 0; i < WORKS; i++) {
		double pages = (double)costs[i].rounds * memory->size / PLACED_PAGE;

		if (memory->kind->works & 1 << i)
			printf("%llu,%s,%s,%d,%.2f,%.4f\n", memory->size / MIB, work_names[i],
			       memory->kind->name, costs[i].rounds, costs[i].instructions / pages,
			       costs[i].faults / pages);
	}
	if (fflush(stdout))
		err(1, "stdout");
}

static void measure(const struct kind *kind, uint64_t size)
{
	struct memory memory = { .kind = kind, .size = size };
	struct cost costs[WORKS] = {};
	int rounds = ENOUGH / size;

	if (rounds > MAX_ROUNDS)
		rounds = MAX_ROUNDS;

	write_file(HUGE_FILE, kind->shmem);
	kind->create(&memory);
	kind->map(&memory);

	/* What the first round finds differs from what it leaves to the next. */
	if (rounds > 1) {
		do_round(&memory, costs);
		memset(costs, 0, sizeof(costs));
	}
	do
		do_round(&memory, costs);
	while (--rounds > 0);

	unmap(&memory);
	kind->destroy(&memory);
	write_file(HUGE_FILE, "never");
	print_costs(&memory, costs);
}

/* In one line what a kernel lacks, and that populate and discard do what they say. */
static void check_kernel(void)
{
	struct memory memory = { .kind = &kinds[0], .size = PLACED_2M, .fd = bench.vgem };
	struct drm_gem_sparse args = { .op = DRM_GEM_SPARSE_CREATE, .length = memory.size };
	int ret = sparse_ioctl(&memory, &args);

	if (ret)
		errx(1, "this kernel cannot do it: DRM_IOCTL_GEM_SPARSE of vgem: %s",
		     strerror(-ret));
	memory.handle = args.handle;

	map_object(&memory);
	populate(&memory);
	if (present_bytes(&memory) != memory.size)
		errx(1, "MADV_POPULATE_WRITE leaves %" PRIu64 " bytes of %" PRIu64,
		     present_bytes(&memory), memory.size);
	store(&memory);
	forget(&memory);
	if (memory.map[0] != 1)
		errx(1, "MADV_DONTNEED loses what was stored");
	remove_pages(&memory);
	if (memory.map[0] || present_bytes(&memory) == memory.size)
		errx(1, "MADV_REMOVE frees nothing");
	unmap(&memory);
	destroy_object(&memory);
}

static void open_bench(void)
{
	uint64_t start;

	bench.vgem = placed_open("vgem");
	bench.virtio = placed_open("virtio_gpu");
	if (bench.vgem < 0 || bench.virtio < 0)
		errx(1, "no vgem or no virtio_gpu device: run in scripts/guest");

	for (int i = 0; i < 4; i++) {
		start = cpu_time();
		bench.overhead = cpu_time() - start;
	}
}

static void measure_size(uint64_t size)
{
	for (unsigned int i = 0; i < KINDS; i++)
		measure(&kinds[i], size);
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 4, 16, 64, 256, 1024 };

	open_bench();
	check_kernel();

	printf("mib,work,method,rounds,instructions,faults\n");
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			measure_size(strtoul(argv[i], NULL, 0) * MIB);
		return 0;
	}

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure_size(sizes[i] * MIB);

	return 0;
}
