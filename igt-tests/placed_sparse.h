/* SPDX-License-Identifier: MIT */
/*
 * For the tests of populating, of dropping and of sparse objects: the kinds of
 * objects and of mappings, counting faults, a second process that does as it is
 * told, and memory cgroups.
 */
#ifndef PLACED_SPARSE_H
#define PLACED_SPARSE_H

#include <fnmatch.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "placed_copy.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define PAGES_2M (PLACED_2M / PLACED_PAGE)

#define MIB (1ull << 20)

/* What is said of a kind of mapping. */
enum {
	/* Memory of the kernel's own: shows that tests ask for no more than Linux does. */
	KIND_ORDINARY = 1 << 0,
	/* Of a driver that has not opted in to anything. */
	KIND_PLAIN = 1 << 1,
	KIND_COHERENT = 1 << 2,
	KIND_SPARSE = 1 << 3,
	/* The device's copy can be looked at. */
	KIND_COPY = 1 << 4,
	/* Of struct pages, as stock madvise(2) sees it. */
	KIND_PAGES = 1 << 5,
	KIND_SPARSE_COHERENT = 1 << 6,
	/* The device has a copy of all of it, which nobody can look at, and which it may refuse. */
	KIND_HIDDEN_COPY = 1 << 7,
	/*
	 * With memory of a device's pool: charged to nobody here, and a touch brings that
	 * of 2 MiB where these have none.
	 */
	KIND_POOL = 1 << 8,
	/* Page windows cannot show its pages. */
	KIND_NO_WINDOWS = 1 << 9,
	/* In the machine's memory, where its driver would rather have the device's. */
	KIND_SYSTEM = 1 << 10,
	/* Other devices cannot import it: it is in the device's memory. */
	KIND_UNSHARED = 1 << 11,
};

static const struct kind {
	const char *name, *driver;
	uint32_t is, copy_flags;
} kinds[] = {
	{ "memfd", NULL, KIND_ORDINARY | KIND_PAGES | KIND_NO_WINDOWS, 0 },
	{ "plain", "placed_plain", KIND_PLAIN | KIND_NO_WINDOWS, 0 },
	{ "virtio", "virtio_gpu", 0, 0 },
	{ "virtio-coherent", "virtio_gpu", KIND_COHERENT, 0 },
	{ "virtio-sparse", "virtio_gpu", KIND_SPARSE | KIND_HIDDEN_COPY, 0 },
	{ "virtio-sparse-coherent", "virtio_gpu", KIND_SPARSE | KIND_HIDDEN_COPY | KIND_COHERENT |
	  KIND_SPARSE_COHERENT, 0 },
	{ "virtio-pool", "virtio_gpu", KIND_SPARSE | KIND_POOL, 0 },
	{ "vmware", "vmwgfx", KIND_UNSHARED, 0 },
	{ "vmware-system", "vmwgfx", KIND_SYSTEM, 0 },
	{ "vmware-coherent", "vmwgfx", KIND_COHERENT | KIND_UNSHARED, 0 },
	{ "vmware-sparse", "vmwgfx", KIND_SPARSE, 0 },
	{ "vgem", "vgem", 0, 0 },
	{ "vgem-sparse", "vgem", KIND_SPARSE, 0 },
	{ "copy-pfn", "placed_copy", KIND_COPY | KIND_COHERENT | KIND_NO_WINDOWS, 0 },
	{ "copy-pages", "placed_copy", KIND_COPY | KIND_COHERENT | KIND_PAGES | KIND_NO_WINDOWS,
	  DRM_PLACED_COPY_PAGES },
	{ "copy-contiguous", "placed_copy", KIND_COPY | KIND_COHERENT | KIND_NO_WINDOWS,
	  DRM_PLACED_COPY_CONTIGUOUS },
	{ "copy-sparse", "placed_copy", KIND_COPY | KIND_SPARSE, DRM_PLACED_COPY_SPARSE },
	{ "copy-sparse-coherent", "placed_copy", KIND_COPY | KIND_SPARSE | KIND_COHERENT |
	  KIND_SPARSE_COHERENT, DRM_PLACED_COPY_SPARSE },
};

#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

struct object {
	const struct kind *kind;
	int fd;
	uint32_t handle;
	uint64_t size;
};

/*
 * Processes besides igt_fork()'s, to be killed in the middle. What a failed test
 * leaves behind is ended with the test.
 */
static pid_t children[8];

#define CHILDREN (int)(sizeof(children) / sizeof(children[0]))

/* As fork(2). */
static inline pid_t start_child(void)
{
	int slot = 0;
	pid_t pid;

	while (slot < CHILDREN && children[slot])
		slot++;
	igt_assert(slot < CHILDREN);
	fflush(stdout);
	pid = fork();
	igt_assert(pid >= 0);
	if (pid)
		children[slot] = pid;
	else
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* With a signal or, if that is 0, when it ends itself. Returns its status. */
static inline int end_child(pid_t pid, int signal)
{
	int status = 0;

	if (signal)
		kill(pid, signal);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	for (int slot = 0; slot < CHILDREN; slot++)
		if (children[slot] == pid)
			children[slot] = 0;
	return status;
}

static inline void end_children(void)
{
	for (int slot = 0; slot < CHILDREN; slot++)
		if (children[slot])
			end_child(children[slot], SIGKILL);
}

struct kind_test {
	const char *name, *what;
	void (*test)(int fd, const struct kind *kind);
	/* On kinds that are one of the first, unless that is zero, and none of the second. */
	uint32_t only, without;
};

static inline int sparse_create_of(int fd, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_CREATE, .flags = flags, .length = size,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);

	*handle = args.handle;
	return ret;
}

/* What CREATE is told for objects of a kind. */
static inline uint32_t kind_create_flags(const struct kind *kind)
{
	return kind->is & KIND_POOL ? DRM_GEM_SPARSE_POOL : 0;
}

/*
 * Is there a kind at all? A machine has one GPU; and what virtio-gpu has depends on its
 * device: see placed_sparse@no-such-objects. Others have to be there.
 */
static inline bool kind_exists(const struct kind *kind)
{
	static int8_t known[KINDS];
	uint32_t handle;
	int fd, ret;

	if (kind->driver && (!strcmp(kind->driver, "virtio_gpu") ||
			     !strcmp(kind->driver, "vmwgfx")) &&
	    strcmp(kind->driver, placed_gpu()))
		return false;
	if (!(kind->is & (KIND_HIDDEN_COPY | KIND_POOL)))
		return true;
	if (known[kind - kinds])
		return known[kind - kinds] > 0;

	fd = placed_open(kind->driver);
	ret = fd < 0 ? -EOPNOTSUPP :
	      sparse_create_of(fd, PLACED_PAGE, kind_create_flags(kind), &handle);
	if (fd >= 0)
		close(fd);
	known[kind - kinds] = ret == -EOPNOTSUPP ? -1 : 1;
	return ret != -EOPNOTSUPP;
}

/*
 * PLACED_KINDS in the environment is a pattern of names (with !(a|b) and the like), for less
 * than all of them. The
 * subtests that are for none of these are not there then.
 */
static inline bool kind_is_wanted(const struct kind *kind)
{
	const char *pattern = getenv("PLACED_KINDS");

	return !pattern || !fnmatch(pattern, kind->name, FNM_EXTMATCH);
}

static inline bool kind_is_tested(const struct kind_test *test, const struct kind *kind)
{
	if (!kind_exists(kind) || (kind->is & KIND_PAGES && placed_in_short()))
		return false;

	return (!test->only || kind->is & test->only) && !(kind->is & test->without) &&
	       kind_is_wanted(kind);
}

/* Is there a kind that a test is for? */
static inline bool kind_has_any(const struct kind_test *test)
{
	for (int k = 0; k < KINDS; k++)
		if (kind_is_tested(test, &kinds[k]))
			return true;
	return false;
}

/* Can objects of a kind become coherent? vmwgfx's sparse ones are nothing that it shows. */
static inline bool kind_can_be_coherent(const struct kind *kind)
{
	if (kind->is & KIND_COPY)
		return true;
	return placed_driver_has_coherent(kind->driver) &&
	       (placed_gpu_is_virtio() || !(kind->is & KIND_SPARSE));
}

/* A subtest for each test, and in it a dynamic one for each kind that it is for. */
static inline void kind_run_tests(const struct kind_test *tests, size_t count)
{
	/* Both outlive the jumps that end a subtest. */
	volatile int k, fd;

	for (size_t i = 0; i < count; i++) {
		if (!kind_has_any(&tests[i]))
			continue;
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			for (k = 0; k < KINDS; k++) {
				if (!kind_is_tested(&tests[i], &kinds[k]))
					continue;
				fd = kinds[k].driver ? placed_open(kinds[k].driver) : -1;
				igt_dynamic(kinds[k].name) {
					igt_require_f(fd >= 0 || !kinds[k].driver,
						      "no device of %s\n", kinds[k].driver);
					if (kinds[k].driver)
						placed_require_maps(fd);
					if (kinds[k].is & KIND_COPY)
						copy_use_environment();
					tests[i].test(fd, &kinds[k]);
				}
				end_children();
				if (fd >= 0)
					close(fd);
			}
		}
	}
}

#define KIND_RUN_TESTS(tests) kind_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

/* GEM_SPARSE on a range, where nothing is listed. Returns 0 or the negative errno. */
static inline int sparse_do(int fd, uint32_t op, uint32_t handle, uint64_t offset,
			    uint64_t length)
{
	struct drm_gem_sparse args = {
		.op = op, .handle = handle, .offset = offset, .length = length,
	};

	return placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);
}

static inline uint32_t sparse_create(int fd, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(sparse_create_of(fd, size, flags, &handle), 0);
	return handle;
}

static inline struct object make_object(int fd, const struct kind *kind, uint64_t pages)
{
	struct object o = { .kind = kind, .fd = fd, .size = pages * PLACED_PAGE };

	if (kind->is & KIND_ORDINARY) {
		o.fd = memfd_create("placed", MFD_CLOEXEC);
		igt_assert(o.fd >= 0);
		igt_assert_eq(ftruncate(o.fd, o.size), 0);
	} else if (kind->is & KIND_COPY) {
		o.handle = copy_create(fd, o.size, kind->copy_flags);
	} else if (kind->is & KIND_SPARSE) {
		o.handle = sparse_create(fd, o.size, kind_create_flags(kind));
	} else if (kind->is & KIND_SYSTEM) {
		o.handle = placed_system_object(fd, o.size);
	} else {
		o.handle = placed_object(fd, o.size);
	}

	/* So that plain mmap(2) is coherent, too. */
	if (kind->is & KIND_COHERENT)
		copy_make_coherent(fd, o.handle, DRM_GEM_COHERENT_TO_DEVICE |
				   DRM_GEM_COHERENT_FROM_DEVICE);

	/* All of what it may have counts as stored to until then. */
	if (kind->is & KIND_HIDDEN_COPY && kind->is & KIND_COHERENT) {
		struct drm_gem_dirty flush = { .handle = o.handle, .flags = DRM_GEM_DIRTY_FLUSH };

		igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &flush), 0);
	}
	return o;
}

static inline void destroy_object(struct object *o)
{
	if (o->kind->is & KIND_ORDINARY)
		close(o->fd);
	else
		igt_assert_eq(placed_close_handle(o->fd, o->handle), 0);
}

/*
 * Commands that tell a device of memory keep the object until they are answered, and
 * what waits for their end a moment more. Wait for that, before references are counted.
 */
static inline void settle(const struct object *o)
{
	struct timespec moment = { 0, 5 * 1000 * 1000 };
	int last = -1, same = 0;

	if (!(o->kind->is & KIND_HIDDEN_COPY))
		return;

	for (int i = 0; i < 2000 && same < 3; i++) {
		int now = placed_count(o->fd).references;

		same = now == last ? same + 1 : 0;
		last = now;
		nanosleep(&moment, NULL);
	}
}

/* Map by mmap(2), with these flags more than MAP_SHARED. MAP_FAILED is the caller's. */
static inline uint8_t *mmap_object(const struct object *o, void *at, uint64_t first,
				   uint64_t pages, int prot, int flags)
{
	uint64_t offset = 0;

	if (!(o->kind->is & KIND_ORDINARY))
		igt_assert_eq(placed_fake_offset(o->fd, o->handle, &offset), 0);
	return mmap(at, pages * PLACED_PAGE, prot, MAP_SHARED | flags, o->fd,
		    offset + first * PLACED_PAGE);
}

/* Map at an address, over what is there, or with NULL anywhere. Has to work. */
static inline uint8_t *map_object(const struct object *o, void *at, uint64_t first,
				  uint64_t pages, int prot)
{
	struct drm_gem_mmap_placed args = {
		.handle = o->handle,
		.flags = (prot & PROT_READ ? DRM_GEM_MMAP_PLACED_READ : 0) |
			 (prot & PROT_WRITE ? DRM_GEM_MMAP_PLACED_WRITE : 0) |
			 (at ? DRM_GEM_MMAP_PLACED_FIXED : 0),
		.offset = first * PLACED_PAGE,
		.length = pages * PLACED_PAGE,
		.addr = placed_addr(at),
	};
	uint8_t *map;

	if (!(o->kind->is & KIND_ORDINARY))
		return placed_must_map(o->fd, args);

	map = mmap_object(o, at, first, pages, prot, at ? MAP_FIXED : 0);
	igt_assert(map != MAP_FAILED);
	return map;
}

/* The whole of it, anywhere, to be written and read. */
static inline uint8_t *map_all(const struct object *o)
{
	return map_object(o, NULL, 0, o->size / PLACED_PAGE, PROT_READ | PROT_WRITE);
}

/* Addresses that are taken, aligned for huge pages, for mappings at exact places. */
static inline uint8_t *reserve(uint64_t pages)
{
	uint64_t size = pages * PLACED_PAGE, at;
	uint8_t *ptr = mmap(NULL, size + PLACED_2M, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	igt_assert(ptr != MAP_FAILED);
	at = (placed_addr(ptr) + PLACED_2M - 1) & ~(PLACED_2M - 1);
	if (at > placed_addr(ptr))
		placed_unmap(ptr, at - placed_addr(ptr));
	if (placed_addr(ptr) + PLACED_2M > at)
		placed_unmap(placed_ptr(at + size), placed_addr(ptr) + PLACED_2M - at);
	return placed_ptr(at);
}

static inline uint8_t *page_at(uint8_t *map, uint64_t page)
{
	return map + page * PLACED_PAGE;
}

/* As madvise(2) on pages of a mapping. Returns 0 or the negative errno. */
static inline int advise(uint8_t *map, uint64_t first, uint64_t pages, int advice)
{
	return madvise(page_at(map, first), pages * PLACED_PAGE, advice) ? -errno : 0;
}

/* Free memory of a part of a sparse object, or of a memfd, without a mapping. */
static inline int discard_object(const struct object *o, uint64_t first, uint64_t pages)
{
	if (!(o->kind->is & KIND_ORDINARY))
		return sparse_do(o->fd, DRM_GEM_SPARSE_DISCARD, o->handle, first * PLACED_PAGE,
				 pages * PLACED_PAGE);
	return fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PLACED_PAGE,
			 pages * PLACED_PAGE) ? -errno : 0;
}

static inline int populate_object(const struct object *o, uint64_t first, uint64_t pages)
{
	if (!(o->kind->is & KIND_ORDINARY))
		return sparse_do(o->fd, DRM_GEM_SPARSE_POPULATE, o->handle, first * PLACED_PAGE,
				 pages * PLACED_PAGE);
	return fallocate(o->fd, 0, first * PLACED_PAGE, pages * PLACED_PAGE) ? -errno : 0;
}

/* Pages of a sparse object, or of a memfd, that have memory. */
static inline uint64_t present_pages(const struct object *o)
{
	struct drm_gem_sparse args = { .op = DRM_GEM_SPARSE_QUERY, .handle = o->handle };
	struct drm_gem_sparse_run *runs;
	struct stat stat;

	if (o->kind->is & KIND_ORDINARY) {
		igt_assert_eq(fstat(o->fd, &stat), 0);
		return stat.st_blocks * 512ull / PLACED_PAGE;
	}

	/* No more runs than every second page. */
	args.count = o->size / PLACED_PAGE / 2 + 1;
	if (args.count > 65536)
		args.count = 65536;
	runs = malloc(args.count * sizeof(*runs));
	igt_assert(runs);
	args.runs = placed_addr(runs);
	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	free(runs);
	return args.present / PLACED_PAGE;
}

/*
 * Every page has a number of its own somewhere, which the seed changes. Zero is
 * what a page has that nobody wrote.
 */
static inline uint32_t page_value(uint64_t page, uint32_t seed)
{
	return ((uint32_t)page * 2654435761u + seed * 40503u) | 1;
}

static inline volatile uint32_t *page_word(uint8_t *map, uint64_t page)
{
	return (volatile uint32_t *)(page_at(map, page) + page % 1000 * 4);
}

/* Pages by their number in the object; the address is that of the object's first. */
static inline void store_pages(uint8_t *map, uint64_t first, uint64_t pages, uint32_t seed)
{
	for (uint64_t page = first; page < first + pages; page++)
		*page_word(map, page) = page_value(page, seed);
}

static inline void check_pages_from(uint8_t *map, uint64_t first, uint64_t pages, uint32_t seed,
				    const char *func, int line)
{
	for (uint64_t page = first; page < first + pages; page++)
		igt_assert_f(*page_word(map, page) == page_value(page, seed),
			     "%s:%d: page %llu has %#x, not %#x\n", func, line,
			     (unsigned long long)page, *page_word(map, page),
			     page_value(page, seed));
}

#define check_stored(map, first, pages, seed) \
	check_pages_from(map, first, pages, seed, __func__, __LINE__)

static inline void check_zero_from(uint8_t *map, uint64_t first, uint64_t pages,
				   const char *func, int line)
{
	static const uint8_t zeros[PLACED_PAGE];

	for (uint64_t page = first; page < first + pages; page++)
		igt_assert_f(!memcmp(page_at(map, page), zeros, PLACED_PAGE),
			     "%s:%d: page %llu is not zero\n", func, line,
			     (unsigned long long)page);
}

#define check_zero(map, first, pages) check_zero_from(map, first, pages, __func__, __LINE__)

/* Faults. The PTEs of bare page frames are in no file of /proc: they are counted by what is not. */

static inline long minor_faults(void)
{
	struct rusage usage;

	igt_assert_eq(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_minflt;
}

/* Touch the last byte, which no test uses; what is there stays. */
static __attribute__((noinline, unused)) void touch_pages(uint8_t *map, uint64_t pages, bool write)
{
	for (uint64_t page = 0; page < pages; page++) {
		volatile uint8_t *byte = page_at(map, page) + PLACED_PAGE - 1;
		uint8_t value = *byte;

		if (write)
			*byte = value;
	}
}

/* How many faults does it take to read, or to write, pages of a mapping? */
static inline long touch_faults(uint8_t *map, uint64_t first, uint64_t pages, bool write)
{
	static uint8_t warm[2 * PLACED_PAGE];
	long before;

	/* The code, the stack and what counts may fault, too: now. */
	touch_pages(warm, 1, true);
	minor_faults();
	before = minor_faults();
	touch_pages(page_at(map, first), pages, write);
	return minor_faults() - before;
}

#define READ_FAULTS(map, first, pages) (int)touch_faults(map, first, pages, false)
#define WRITE_FAULTS(map, first, pages) (int)touch_faults(map, first, pages, true)

/* A field of a file in /proc of lines with a name and a number, in kB. */
static inline uint64_t proc_kb(const char *path, const char *field)
{
	FILE *f = fopen(path, "r");
	char line[256];
	long long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = atoll(line + strlen(field));
	igt_assert_f(f && kb >= 0, "no %s in %s\n", field, path);
	fclose(f);
	return kb;
}

static inline double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * A second process, which runs functions when told. It was forked after what it
 * shall know: what it has are the addresses and files of that time. What it runs
 * allocates nothing, for it may be in a cgroup without memory.
 */
typedef int64_t (*servant_function)(uint64_t a, uint64_t b, uint64_t c);

enum { SERVANT_IDLE, SERVANT_TOLD, SERVANT_DONE };

struct servant {
	atomic_uint state;
	servant_function function;
	uint64_t args[3];
	int64_t result;
	pid_t pid;
};

static inline void servant_futex(struct servant *s, int op, unsigned int value)
{
	/* What the kernel calls struct timespec, which libraries have their own ideas of. */
	long timeout[2] = { 0, 200 * 1000 * 1000 };

	syscall(SYS_futex, &s->state, op, value, timeout, NULL, 0);
}

static inline void servant_set(struct servant *s, unsigned int state)
{
	atomic_store(&s->state, state);
	syscall(SYS_futex, &s->state, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static sigjmp_buf sigbus_jump;

static inline void on_sigbus(int signal)
{
	siglongjmp(sigbus_jump, 1);
}

static inline void servant_main(struct servant *s)
{
	unsigned int state;

	signal(SIGBUS, on_sigbus);
	for (;;) {
		while ((state = atomic_load(&s->state)) != SERVANT_TOLD)
			servant_futex(s, FUTEX_WAIT, state);
		s->result = s->function(s->args[0], s->args[1], s->args[2]);
		servant_set(s, SERVANT_DONE);
	}
}

static inline struct servant *servant_start(void)
{
	struct servant *s = mmap(NULL, PLACED_PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	igt_assert(s != MAP_FAILED);
	pid = start_child();
	if (!pid)
		servant_main(s);
	/* Where both see it, and only one stores. */
	s->pid = pid;
	return s;
}

static inline void servant_tell(struct servant *s, servant_function function, uint64_t a,
				uint64_t b, uint64_t c)
{
	s->function = function;
	s->args[0] = a;
	s->args[1] = b;
	s->args[2] = c;
	servant_set(s, SERVANT_TOLD);
}

static inline int64_t servant_wait(struct servant *s)
{
	siginfo_t info = {};

	while (atomic_load(&s->state) == SERVANT_TOLD) {
		servant_futex(s, FUTEX_WAIT, SERVANT_TOLD);
		/* It stays to be waited for. */
		waitid(P_PID, s->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		igt_assert_f(!info.si_pid, "the other process died by signal %d\n",
			     info.si_status);
	}
	atomic_store(&s->state, SERVANT_IDLE);
	return s->result;
}

static inline int64_t servant_do(struct servant *s, servant_function function, uint64_t a,
				 uint64_t b, uint64_t c)
{
	servant_tell(s, function, a, b, c);
	return servant_wait(s);
}

/* It is gone, with its mappings, when this returns. */
static inline void servant_kill(struct servant *s)
{
	end_child(s->pid, SIGKILL);
	placed_unmap(s, PLACED_PAGE);
}

/* What it is told most often. */

static inline int64_t servant_advise(uint64_t addr, uint64_t size, uint64_t advice)
{
	return madvise(placed_ptr(addr), size, advice) ? -errno : 0;
}

static inline int64_t servant_read_faults(uint64_t addr, uint64_t pages, uint64_t unused)
{
	return touch_faults(placed_ptr(addr), 0, pages, false);
}

/* Store up to what is SIGBUS. Returns how many pages that is. */
static inline int64_t servant_store(uint64_t addr, uint64_t pages, uint64_t seed)
{
	volatile uint64_t page = 0;

	if (sigsetjmp(sigbus_jump, 1))
		return page;
	for (; page < pages; page++)
		*page_word(placed_ptr(addr), page) = page_value(page, seed);
	return page;
}

/* How many pages, from the first, have what was stored? */
static inline int64_t servant_check(uint64_t addr, uint64_t pages, uint64_t seed)
{
	uint64_t page = 0;

	while (page < pages &&
	       *page_word(placed_ptr(addr), page) == page_value(page, seed))
		page++;
	return page;
}

/* How many pages, from the first, are zero where the number would be? */
static inline int64_t servant_check_zero(uint64_t addr, uint64_t pages, uint64_t unused)
{
	uint64_t page = 0;

	while (page < pages && !*page_word(placed_ptr(addr), page))
		page++;
	return page;
}

/* What is dirty of a coherent object, in pages. */
static inline uint64_t dirty_pages(const struct object *o, uint64_t first, uint64_t pages)
{
	struct drm_gem_dirty_run runs[64];
	struct drm_gem_dirty dirty = {
		.handle = o->handle, .flags = DRM_GEM_DIRTY_QUERY,
		.offset = first * PLACED_PAGE, .length = pages * PLACED_PAGE,
		.runs = placed_addr(runs), .count = 64,
	};

	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_DIRTY, &dirty), 0);
	return dirty.pages;
}

static inline void flush_object(const struct object *o)
{
	struct drm_gem_dirty dirty = {
		.handle = o->handle, .flags = DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
	};

	igt_assert_eq(placed_ioctl(o->fd, DRM_IOCTL_GEM_DIRTY, &dirty), 0);
}

/* What the device reads of an object; the caller frees it. The address is that of page zero. */
static inline uint8_t *device_sees(const struct object *o)
{
	uint8_t *seen = malloc(o->size);

	igt_assert(seen);
	copy_op(o->fd, o->handle, DRM_PLACED_COPY_READ, 0, o->size, seen);
	return seen;
}

/* Where the driver of a file's device is told of it: for devices that go. */
struct device_place {
	char name[64], driver[300];
};

static inline struct device_place find_device(int fd)
{
	char path[64], link[300];
	struct device_place where = {};
	ssize_t length;
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
		 minor(st.st_rdev));
	length = readlink(path, link, sizeof(link) - 1);
	igt_assert(length > 0);
	link[length] = 0;
	snprintf(where.name, sizeof(where.name), "%.63s", strrchr(link, '/') + 1);
	strcat(path, "/driver");
	igt_assert(realpath(path, where.driver));
	return where;
}

static inline void tell_driver(const struct device_place *where, const char *what)
{
	char path[320];
	int file;

	snprintf(path, sizeof(path), "%s/%s", where->driver, what);
	file = open(path, O_WRONLY);
	igt_assert_f(file >= 0, "no %s\n", path);
	igt_assert_eq(write(file, where->name, strlen(where->name)), strlen(where->name));
	close(file);
}

/* Memory cgroups */

struct memcg {
	char path[128];
};

/* Where cgroup v2 is mounted; mounted here if it is nowhere. */
static inline const char *memcg_root(void)
{
	static char root[64];
	char line[512], where[256], type[64];
	FILE *mounts = fopen("/proc/mounts", "r");

	while (!root[0] && mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %255s %63s", where, type) == 2 && !strcmp(type, "cgroup2"))
			snprintf(root, sizeof(root), "%.63s", where);
	if (mounts)
		fclose(mounts);
	if (!root[0]) {
		strcpy(root, "/tmp/placed-cgroup-XXXXXX");
		igt_assert(mkdtemp(root));
		igt_require_f(!mount("none", root, "cgroup2", 0, NULL), "no cgroup v2\n");
	}
	return root;
}

static inline void memcg_write(const struct memcg *cg, const char *file, const char *text)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", cg->path, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	igt_assert_f(fd >= 0, "no %s\n", path);
	ret = write(fd, text, strlen(text));
	igt_assert_f(ret == (int)strlen(text), "cannot write %s to %s\n", text, path);
	close(fd);
}

static inline struct memcg memcg_make(void)
{
	static int number;
	struct memcg root, cg;

	snprintf(root.path, sizeof(root.path), "%s", memcg_root());
	memcg_write(&root, "cgroup.subtree_control", "+memory");
	snprintf(cg.path, sizeof(cg.path), "%.63s/placed-%d-%d", root.path, (int)getpid(),
		 number++);
	igt_assert_eq(mkdir(cg.path, 0755), 0);
	return cg;
}

static inline void memcg_put(const struct memcg *cg, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	memcg_write(cg, "cgroup.procs", text);
}

/* No limit: ~0. */
static inline void memcg_limit(const struct memcg *cg, uint64_t bytes)
{
	char text[32] = "max";

	if (bytes != ~0ull)
		snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	memcg_write(cg, "memory.max", text);
}

static inline uint64_t memcg_current(const struct memcg *cg)
{
	char path[256], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.current", cg->path);
	f = fopen(path, "r");
	igt_assert_f(f && fgets(line, sizeof(line), f), "no %s\n", path);
	fclose(f);
	return strtoull(line, NULL, 10);
}

/* How often did something happen: "oom_kill", say. */
static inline uint64_t memcg_events(const struct memcg *cg, const char *what)
{
	char path[256], line[64], name[32];
	unsigned long long count, found = ~0ull;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.events", cg->path);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %llu", name, &count) == 2 && !strcmp(name, what))
			found = count;
	igt_assert_f(found != ~0ull, "no %s in %s\n", what, path);
	fclose(f);
	return found;
}

/* Its processes are gone; what is left of them may take a moment. */
static inline void memcg_remove(const struct memcg *cg)
{
	double start = seconds_now();

	while (rmdir(cg->path) && errno == EBUSY && seconds_now() < start + 10)
		sched_yield();
	igt_assert_eq(access(cg->path, F_OK), -1);
}

#endif
