// SPDX-License-Identifier: MIT

/**
 * TEST: placed awe share
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MAP_PAGES, DRM_GEM_MMAP_PLACED_PAGES, DRM_IOCTL_GEM_SPARSE
 * Description: The AWE library in several threads and processes: brokers that allocate for others,
 *	processes that die in the middle of a call, and processes that mean harm.
 */

#include <pthread.h>

#include "placed_awe_kinds.h"

IGT_TEST_DESCRIPTION("Shares pages of the AWE library between threads and processes.");

/* Other processes */

/* What an owner does who has got a handle from another process. */
static struct placed_awe *owner_awe;
static int owner_socket;

static int64_t owner_import(uint64_t unused, uint64_t unused2, uint64_t unused3)
{
	owner_awe = awe_receive(owner_socket, NULL);
	return owner_awe ? 0 : -errno;
}

/* Returns the address. */
static int64_t owner_reserve(uint64_t pages, uint64_t unused, uint64_t unused2)
{
	void *window = placed_awe_reserve(owner_awe, NULL, pages * PLACED_PAGE, 0, 0, 0);

	return window == MAP_FAILED ? -errno : (int64_t)placed_addr(window);
}

static int64_t owner_map(uint64_t addr, uint64_t count, uint64_t frames)
{
	return placed_awe_map(owner_awe, placed_ptr(addr), count, placed_ptr(frames)) ? 0 : -errno;
}

static int64_t owner_free(uint64_t frames, uint64_t count, uint64_t unused)
{
	uintptr_t freed = count;

	return placed_awe_free(owner_awe, &freed, placed_ptr(frames)) ? (int64_t)freed : -errno;
}

static int64_t owner_allocate(uint64_t frames, uint64_t count, uint64_t unused)
{
	uintptr_t got = count;

	return placed_awe_allocate(owner_awe, &got, placed_ptr(frames)) ? (int64_t)got : -errno;
}

static int64_t owner_set(uint64_t addr, uint64_t value, uint64_t unused)
{
	awe_set(placed_ptr(addr), value);
	return 0;
}

static int64_t owner_peek(uint64_t addr, uint64_t unused, uint64_t unused2)
{
	return awe_peek(placed_ptr(addr));
}

static int64_t owner_serve(uint64_t milliseconds, uint64_t unused, uint64_t unused2)
{
	return placed_awe_serve(owner_awe, milliseconds) ? 0 : -errno;
}

/* A broker, which is the test, an owner, and memory that both see. */
struct pair {
	struct placed_awe *awe;
	struct servant *owner;
	uintptr_t *frames;
	int socket;
};

#define PAIR_FRAMES 65536

static struct pair make_pair(const struct placed_awe_options *options)
{
	struct pair p = {};
	int sockets[2];

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	p.frames = mmap(NULL, PAIR_FRAMES * sizeof(*p.frames), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(p.frames != MAP_FAILED);
	p.socket = sockets[0];
	owner_socket = sockets[1];
	/* It has nothing of what the broker makes but what it is sent. */
	p.owner = servant_start();
	p.awe = awe_make_with(options);
	WORKS(awe_send(p.socket, p.awe));
	igt_assert_eq(servant_do(p.owner, owner_import, 0, 0, 0), 0);
	return p;
}

static void end_pair(struct pair *p)
{
	if (p->owner)
		servant_kill(p->owner);
	placed_awe_close(p->awe);
	placed_unmap(p->frames, PAIR_FRAMES * sizeof(*p->frames));
	close(p->socket);
	close(owner_socket);
}

/*
 * No more than so many pages can be had. A memory cgroup would kill who asks a memfd for more:
 * there it is what the system may promise to all.
 */
static void limit_memory(const struct awe_kind *kind, const struct memcg *cg, uint64_t pages)
{
	if (!is_memfd(kind)) {
		memcg_limit(cg, memcg_current(cg) + pages * PLACED_PAGE);
		return;
	}
	/* First, for that adds up what each processor has counted for itself. */
	awe_set_system("/proc/sys/vm/overcommit_memory", 2);
	awe_set_system("/proc/sys/vm/overcommit_kbytes",
		       proc_kb("/proc/meminfo", "Committed_AS:") + pages * 4);
}

static int64_t pair_allocate(struct pair *p, uint64_t count)
{
	return servant_do(p->owner, owner_allocate, placed_addr(p->frames), count, 0);
}

static int64_t pair_free(struct pair *p, uint64_t first, uint64_t count)
{
	return servant_do(p->owner, owner_free, placed_addr(p->frames + first), count, 0);
}

/**
 * SUBTEST: partial
 * Description: Where memory is used up, what could be had is allocated and the count says how many
 *	that is; none is ENOMEM. What is freed can be had again.
 */
static void partial(const struct awe_kind *kind)
{
	const char *pool_mib = getenv("PLACED_POOL_MIB");
	bool is_pool = kind->flags & PLACED_AWE_POOL;
	uint64_t limit = is_pool && pool_mib ? atoi(pool_mib) * MIB / PLACED_PAGE : 8192;
	/* A pool of unknown size has what the object has. */
	struct placed_awe_options options = awe_options(kind, is_pool && !pool_mib ? limit :
							2 * limit);
	struct pair p = make_pair(&options);
	struct memcg cg = memcg_make();
	int64_t got, more;

	igt_assert_lte_u64(2 * limit, PAIR_FRAMES);
	memcg_put(&cg, p.owner->pid);
	/* So that it has all that it needs beside. */
	igt_assert_eq(pair_allocate(&p, limit), limit);
	igt_assert_eq(pair_free(&p, 0, limit), limit);
	awe_check_memory(p.awe, 0);

	/* Processors count for themselves again: it is about half. */
	if (!is_pool)
		limit_memory(kind, &cg, limit / 2);
	got = pair_allocate(&p, 2 * limit);
	igt_assert_f(got > 0 && got <= (int64_t)limit, "got %lld pages of %llu\n",
		     (long long)got, (unsigned long long)limit);
	if (is_pool)
		igt_assert_eq(got, limit);
	awe_check_memory(p.awe, got);

	/* What others of the group have given up meanwhile may be had, page by page. */
	while ((more = pair_allocate(&p, 1)) == 1)
		igt_assert_lt_u64(++got, limit);
	igt_assert_eq(more, -ENOMEM);
	awe_check_memory(p.awe, got);

	/* Not all that was freed: of what may be promised to all, others take some. */
	igt_assert_eq(pair_free(&p, 1, got / 2), got / 2);
	igt_assert_eq(pair_allocate(&p, 50), 50);
	awe_check_memory(p.awe, got - got / 2 + 50);
	end_pair(&p);
	memcg_remove(&cg);
}

/**
 * SUBTEST: broker
 * Description: A process allocates for another, which it sends the handle to; both allocate and
 *	free, and only the one with windows maps. Foreign numbers are none.
 */
static void broker(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, 256);
	struct pair p = make_pair(&options), q;
	int64_t window;
	uintptr_t count = 10;

	awe_get(p.awe, 10, p.frames);
	window = servant_do(p.owner, owner_reserve, 64, 0, 0);
	igt_assert(window > 0);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 10, placed_addr(p.frames)), 0);
	for (int i = 0; i < 10; i++) {
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0), 0);
		servant_do(p.owner, owner_set, window + i * PLACED_PAGE, VALUE(i), 0);
	}

	/* The windows are the other's. */
	FAILS(placed_awe_reserve(p.awe, NULL, PLACED_PAGE, 0, 0, 0) != MAP_FAILED, EACCES);
	FAILS(placed_awe_map(p.awe, placed_ptr(window), 1, p.frames), EADDRNOTAVAIL);
	FAILS(placed_awe_serve(p.awe, 0), EACCES);

	/* Both allocate, and nobody the same. */
	igt_assert_eq(servant_do(p.owner, owner_allocate, placed_addr(p.frames + 10), 20, 0), 20);
	awe_get(p.awe, 20, p.frames + 30);
	awe_check_memory(p.awe, 50);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 50, placed_addr(p.frames)), 0);
	for (int i = 0; i < 50; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      i < 10 ? VALUE(i) : 0);

	/* Each frees what the other has allocated. */
	igt_assert_eq(servant_do(p.owner, owner_map, window, 50, 0), 0);
	awe_put(p.awe, 15, p.frames + 10);
	igt_assert_eq(servant_do(p.owner, owner_free, placed_addr(p.frames + 30), 20, 0), 20);
	awe_check_memory(p.awe, 15);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 1, placed_addr(p.frames + 10)),
		      -EINVAL);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 10, placed_addr(p.frames)), 0);

	/* Of a second owner, nothing is any good. */
	options.owner = p.awe->owner + 1;
	q = make_pair(&options);
	awe_get(q.awe, 10, q.frames);
	igt_assert(servant_do(q.owner, owner_reserve, 64, 0, 0) > 0);
	memcpy(p.frames + 100, q.frames, 10 * sizeof(*q.frames));
	igt_assert_eq(servant_do(p.owner, owner_map, window, 10, placed_addr(p.frames + 100)),
		      -EINVAL);
	igt_assert_eq(servant_do(p.owner, owner_free, placed_addr(p.frames + 100), 10, 0), -EINVAL);
	FAILS(placed_awe_free(p.awe, &count, q.frames), EINVAL);
	igt_assert_eq_u64(count, 0);
	for (int i = 0; i < 10; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      VALUE(i));
	awe_check_memory(q.awe, 10);
	end_pair(&q);

	/* The broker goes; the owner does not notice. */
	placed_awe_close(p.awe);
	p.awe = NULL;
	for (int i = 0; i < 10; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      VALUE(i));
	igt_assert_eq(servant_do(p.owner, owner_allocate, placed_addr(p.frames + 10), 100, 0), 100);
	end_pair(&p);
}

static void *serve_all(void *arg)
{
	while (placed_awe_serve(arg, -1) || errno == EINTR)
		;
	return NULL;
}

static int64_t owner_serve_always(uint64_t unused, uint64_t unused2, uint64_t unused3)
{
	pthread_t thread;

	return -pthread_create(&thread, NULL, serve_all, owner_awe);
}

/**
 * SUBTEST: freed-by-another
 * Description: A page that another process frees while it is mapped is no page any more at once;
 *	its address shows what it has until the owner makes a call, or serves, and then nothing.
 */
static void freed_by_another(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, 64);
	struct pair p;
	int64_t window;
	uintptr_t count = 1;

	options.free_wait = 10000;
	p = make_pair(&options);
	/* The handle of a process that has not said so, and does not serve. */
	p.awe->free_wait = 0;
	awe_get(p.awe, 8, p.frames);
	window = servant_do(p.owner, owner_reserve, 16, 0, 0);
	igt_assert(window > 0);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 8, placed_addr(p.frames)), 0);
	for (int i = 0; i < 8; i++)
		servant_do(p.owner, owner_set, window + i * PLACED_PAGE, VALUE(i), 0);
	igt_assert_eq(servant_do(p.owner, owner_serve, 0, 0, 0), -ETIMEDOUT);

	awe_put(p.awe, 3, p.frames + 2);
	igt_assert_eq_u64(awe_allocated(p.awe), 5);
	FAILS(placed_awe_free(p.awe, &count, p.frames + 2), EINVAL);
	/* Not a fresh page, and not one of somebody's. */
	for (int i = 0; i < 8; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      VALUE(i));
	count = 64;
	WORKS(placed_awe_allocate(p.awe, &count, p.frames + 100));
	igt_assert_eq_u64(count, 56);
	for (int i = 2; i < 5; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      VALUE(i));
	awe_put(p.awe, 56, p.frames + 100);

	igt_assert_eq(servant_do(p.owner, owner_serve, 10000, 0, 0), 0);
	for (int i = 0; i < 8; i++)
		igt_assert_eq(servant_do(p.owner, owner_peek, window + i * PLACED_PAGE, 0, 0),
			      i >= 2 && i < 5 ? -SIGSEGV : (int64_t)VALUE(i));
	awe_check_memory(p.awe, 5);

	/* Any call will do, also one that fails, or puts another page there. */
	awe_put(p.awe, 1, p.frames);
	igt_assert_eq(servant_do(p.owner, owner_map, window, 1, placed_addr(p.frames)), -EINVAL);
	igt_assert_eq(servant_do(p.owner, owner_peek, window, 0, 0), -SIGSEGV);
	awe_check_memory(p.awe, 4);
	awe_put(p.awe, 1, p.frames + 1);
	igt_assert_eq(servant_do(p.owner, owner_map, window + PLACED_PAGE, 1,
				 placed_addr(p.frames + 7)), -EINVAL);
	igt_assert_eq(servant_do(p.owner, owner_map, window + 7 * PLACED_PAGE, 1, 0), 0);
	igt_assert_eq(servant_do(p.owner, owner_map, window + PLACED_PAGE, 1,
				 placed_addr(p.frames + 7)), 0);
	igt_assert_eq(servant_do(p.owner, owner_peek, window + PLACED_PAGE, 0, 0), VALUE(7));
	awe_check_memory(p.awe, 3);

	/* With a thread for it, it is done when the call returns. */
	igt_assert_eq(servant_do(p.owner, owner_serve_always, 0, 0, 0), 0);
	p.awe->free_wait = 10000;
	awe_put(p.awe, 3, p.frames + 5);
	igt_assert_eq_u64(awe_present(p.awe), 0);
	igt_assert_eq(servant_do(p.owner, owner_peek, window + PLACED_PAGE, 0, 0), -SIGSEGV);
	igt_assert_eq(servant_do(p.owner, owner_peek, window + 5 * PLACED_PAGE, 0, 0), -SIGSEGV);
	end_pair(&p);
}

/**
 * SUBTEST: owner-killed
 * Description: An owner is killed with pages mapped. What the broker frees goes back at once, and
 *	another process may have windows.
 */
static void owner_killed(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, 64);
	struct pair p = make_pair(&options);
	uint8_t *window;
	int64_t theirs;

	awe_get(p.awe, 8, p.frames);
	theirs = servant_do(p.owner, owner_reserve, 16, 0, 0);
	igt_assert(theirs > 0);
	igt_assert_eq(servant_do(p.owner, owner_map, theirs, 8, placed_addr(p.frames)), 0);
	for (int i = 0; i < 8; i++)
		servant_do(p.owner, owner_set, theirs + i * PLACED_PAGE, VALUE(i), 0);
	/* Freed while it lived, and while it does not. */
	awe_put(p.awe, 2, p.frames);
	igt_assert_eq_u64(awe_present(p.awe), 8);
	FAILS(placed_awe_reserve(p.awe, NULL, PLACED_PAGE, 0, 0, 0) != MAP_FAILED, EACCES);
	servant_kill(p.owner);
	p.owner = NULL;
	awe_put(p.awe, 2, p.frames + 2);
	awe_check_memory(p.awe, 4);

	window = awe_window(p.awe, 4);
	WORKS(placed_awe_map(p.awe, window, 4, p.frames + 4));
	for (int i = 0; i < 4; i++)
		SHOWS(page_at(window, i), VALUE(4 + i));
	awe_put(p.awe, 4, p.frames + 4);
	awe_check_memory(p.awe, 0);
	end_pair(&p);
}

/* What there is of objects, or of what memfds have: in MiB, for other things have that, too. */
static uint64_t what_there_is(const struct awe_kind *kind, int fd)
{
	if (is_memfd(kind))
		return proc_kb("/proc/meminfo", "Shmem:") >> 10;
	return placed_count(fd).objects;
}

/**
 * SUBTEST: last-handle
 * Description: With the last handle, in whichever process and however that ends, the memory is
 *	gone, and not before.
 */
static void last_handle(const struct awe_kind *kind)
{
	const uint64_t pages = 16 * MIB / PLACED_PAGE;
	struct placed_awe_options options = awe_options(kind, pages);
	int fd = kind->driver ? placed_open(kind->driver) : -1;
	uint64_t before = what_there_is(kind, fd);
	uintptr_t *frames = malloc(pages * sizeof(*frames));
	double end = seconds_now() + 20;
	struct pair p;

	igt_assert(frames);
	p = make_pair(&options);
	awe_get(p.awe, pages, frames);
	free(frames);
	placed_awe_close(p.awe);
	p.awe = NULL;
	igt_assert_lt_u64(before, what_there_is(kind, fd));
	end_pair(&p);
	/* A device may have to say that it is done. */
	while (what_there_is(kind, fd) > before && seconds_now() < end)
		sched_yield();
	igt_assert_lte_u64(what_there_is(kind, fd), before);
	if (fd >= 0)
		close(fd);
}

/**
 * SUBTEST: fork
 * Description: A child has neither windows nor a handle, and what it does with them does nothing
 *	to its parent.
 */
static void forked(const struct awe_kind *kind)
{
	struct scene s = make_scene(kind);
	uintptr_t count = 1;
	int status;
	pid_t pid = start_child();

	if (!pid) {
		int failed = 0;

		failed |= awe_peek(page_at(s.a, 1)) != -SIGSEGV;
		failed |= placed_awe_map(s.awe, s.a, 1, s.frames) || errno != EACCES;
		failed |= placed_awe_map_scatter(s.awe, (void **)&s.a, 1, NULL) || errno != EACCES;
		failed |= placed_awe_allocate(s.awe, &count, s.frames) || errno != EACCES;
		failed |= placed_awe_free(s.awe, &count, s.frames) || errno != EACCES;
		failed |= placed_awe_release(s.awe, s.a) || errno != EACCES;
		failed |= placed_awe_reserve(s.awe, NULL, 1, 0, 0, 0) != MAP_FAILED ||
			  errno != EACCES;
		failed |= placed_awe_serve(s.awe, 0) || errno != EACCES;
		placed_awe_close(s.awe);
		_exit(failed);
	}
	status = end_child(pid, 0);
	igt_assert_eq(status, 0);
	end_scene(&s);
}

/**
 * SUBTEST: import-bad
 * Description: Files that are not what they should be are EINVAL, whatever they are.
 */
static void import_bad(const struct awe_kind *kind)
{
	struct placed_awe *awe = awe_make(kind, 64), *other;
	struct awe_ledger good;
	int fds[2], bad[2], pipes[2], seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	uint64_t size;

	WORKS(placed_awe_export(awe, fds));
	igt_assert_eq(pipe(pipes), 0);
	bad[0] = fds[1];
	bad[1] = fds[0];
	FAILS(placed_awe_import(bad, NULL), EINVAL);
	bad[0] = fds[0];
	FAILS(placed_awe_import(bad, NULL), EINVAL);
	bad[1] = pipes[0];
	FAILS(placed_awe_import(bad, NULL), EINVAL);
	bad[0] = pipes[0];
	bad[1] = fds[1];
	FAILS(placed_awe_import(bad, NULL), EINVAL);
	bad[0] = -1;
	FAILS(placed_awe_import(bad, NULL), EBADF);
	bad[0] = fds[0];
	bad[1] = -1;
	FAILS(placed_awe_import(bad, NULL), EBADF);

	/* A ledger that says something else, of each of its fields, and one that can shrink. */
	igt_assert_eq(pread(fds[1], &good, sizeof(good), 0), sizeof(good));
	size = lseek(fds[1], 0, SEEK_END);
	for (int i = 0; i < 12; i++) {
		struct awe_ledger ledger = good;

		bad[1] = memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		igt_assert(bad[1] >= 0);
		switch (i) {
		case 0: ledger.magic++; break;
		case 1: ledger.version++; break;
		case 2: ledger.backend += 2; break;
		case 3: ledger.pages += 1 << 20; break;
		case 4: ledger.pages = 0; break;
		case 5: ledger.pages = ~0ull; break;
		case 6: ledger.page_size *= 2; break;
		case 7: ledger.page_bits++; break;
		case 8: ledger.owner = 0; break;
		case 9: ledger.owner = UINT32_MAX; break;
		/* As it is, but it can shrink, or is shorter than it says. */
		case 10: break;
		case 11: size -= PLACED_PAGE; break;
		}
		igt_assert_eq(ftruncate(bad[1], size), 0);
		igt_assert_eq(pwrite(bad[1], &ledger, sizeof(ledger), 0), sizeof(ledger));
		if (i != 10)
			igt_assert_eq(fcntl(bad[1], F_ADD_SEALS, seals), 0);
		FAILS(placed_awe_import(bad, NULL), EINVAL);
		close(bad[1]);
	}

	/* Of an object that is not there, or smaller. */
	other = awe_make(kind, 32);
	bad[0] = other->fd;
	bad[1] = fds[1];
	FAILS(placed_awe_import(bad, NULL), EINVAL);
	placed_awe_close(other);
	if (kind->driver) {
		bad[0] = placed_open_node(kind->driver, "renderD", O_RDWR);
		FAILS(placed_awe_import(bad, NULL), EINVAL);
		close(bad[0]);
	}

	/* A 64-bit program's numbers have no room in a 32-bit one. */
	if (sizeof(uintptr_t) == 4) {
		struct awe_ledger ledger = good;

		ledger.page_bits = 42;
		igt_assert_eq(pwrite(fds[1], &ledger, sizeof(ledger), 0), sizeof(ledger));
		FAILS(placed_awe_import(fds, NULL), EOVERFLOW);
		igt_assert_eq(pwrite(fds[1], &good, sizeof(good), 0), sizeof(good));
	}

	/* And the right ones. */
	other = placed_awe_import(fds, NULL);
	igt_assert(other);
	placed_awe_close(other);
	close(fds[0]);
	close(fds[1]);
	close(pipes[0]);
	close(pipes[1]);
	placed_awe_close(awe);
}

/* Processes that die */

enum { KILL_ALLOCATE, KILL_FREE, KILL_FREE_MAPPED, KILL_MAP, KILL_RELEASE, KILL_LEAVE, KILL_KINDS };

#define KILL_PAGES 128

static int points_left;

/* At the point that was chosen. */
static void die_at_point(void)
{
	if (!--points_left)
		kill(getpid(), SIGKILL);
}

static void stop_at_point(void)
{
	if (!--points_left)
		kill(getpid(), SIGSTOP);
}

/* The call that does not come to its end, with a handle of its own. Does not return. */
static void call_and_die(int what, const int *fds, uintptr_t *frames, int point)
{
	struct placed_awe *awe = placed_awe_import(fds, NULL);
	uintptr_t count = 20, more[20];
	void *window = NULL;

	if (!awe)
		_exit(1);
	if (what == KILL_FREE_MAPPED || what == KILL_MAP || what == KILL_RELEASE) {
		window = placed_awe_reserve(awe, NULL, 40 * PLACED_PAGE, 0, 0, 0);
		if (window == MAP_FAILED || !placed_awe_map(awe, window, 30, frames))
			_exit(2);
	}
	points_left = point;
	awe_at_point = die_at_point;
	switch (what) {
	case KILL_ALLOCATE:
		placed_awe_allocate(awe, &count, more);
		break;
	case KILL_FREE:
	case KILL_FREE_MAPPED:
	case KILL_LEAVE:
		placed_awe_free(awe, &count, frames + 10);
		break;
	case KILL_MAP:
		placed_awe_map(awe, window, 20, frames + 15);
		break;
	case KILL_RELEASE:
		placed_awe_release(awe, window);
		break;
	}
	_exit(0);
}

/* All that is allocated has memory, and nothing else; all can be had, and given back. */
static void check_after_death(struct placed_awe *awe, int what, uintptr_t *frames,
			      struct servant *owner)
{
	uint64_t allocated = awe_allocated(awe);
	uintptr_t rest[KILL_PAGES], count = KILL_PAGES;
	uint8_t *window;

	if (owner) {
		int64_t served = servant_do(owner, owner_serve, 0, 0, 0);

		igt_assert(!served || served == -ETIMEDOUT);
	}
	awe_check_memory(awe, allocated);
	if (what == KILL_ALLOCATE)
		igt_assert(allocated == 40 || allocated == 60);
	else if (what == KILL_MAP || what == KILL_RELEASE)
		igt_assert_eq_u64(allocated, 40);
	else
		igt_assert(allocated >= 20 && allocated <= 40);

	WORKS(placed_awe_allocate(awe, &count, rest));
	igt_assert_eq_u64(count, KILL_PAGES - allocated);
	awe_put(awe, count, rest);
	/* Those that nobody touched are as they were. */
	if (!owner) {
		window = awe_window(awe, 10);
		WORKS(placed_awe_map(awe, window, 10, frames));
		for (int i = 0; i < 10; i++)
			SHOWS(page_at(window, i), VALUE(i));
		awe_put(awe, 10, frames);
		awe_check_memory(awe, allocated - 10);
	}
}

static void set_up_for_death(struct placed_awe *awe, uintptr_t *frames)
{
	struct placed_awe *mapper = awe_another(awe);
	uint8_t *window = awe_window(mapper, 80);
	uintptr_t all[80];

	/* With holes, so that there is much to do for each call. */
	awe_get(awe, 80, all);
	WORKS(placed_awe_map(mapper, window, 80, all));
	for (int i = 0; i < 40; i++) {
		frames[i] = all[2 * i];
		all[i] = all[2 * i + 1];
		awe_set(page_at(window, 2 * i), VALUE(i));
	}
	WORKS(placed_awe_map(mapper, window, 80, NULL));
	awe_put(awe, 40, all);
	placed_awe_close(mapper);
}

/* Returns whether the call was killed, and not over before. */
static bool kill_at(const struct awe_kind *kind, int what, int point)
{
	struct placed_awe_options options = awe_options(kind, KILL_PAGES);
	struct pair p = {};
	uintptr_t *frames, own[40];
	struct placed_awe *awe;
	int fds[2], status;
	pid_t pid;

	if (what == KILL_LEAVE) {
		int64_t window;

		p = make_pair(&options);
		awe = p.awe;
		frames = p.frames;
		set_up_for_death(awe, frames);
		window = servant_do(p.owner, owner_reserve, 40, 0, 0);
		igt_assert_eq(servant_do(p.owner, owner_map, window, 25, placed_addr(frames)), 0);
	} else {
		awe = awe_make_with(&options);
		frames = own;
		set_up_for_death(awe, frames);
	}
	WORKS(placed_awe_export(awe, fds));
	pid = start_child();
	if (!pid)
		call_and_die(what, fds, frames, point);
	status = end_child(pid, 0);
	igt_assert(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
	check_after_death(awe, what, frames, p.owner);
	close(fds[0]);
	close(fds[1]);
	if (p.owner)
		end_pair(&p);
	else
		placed_awe_close(awe);
	return status;
}

/**
 * SUBTEST: killed
 * Description: A process is killed at each point of each call at which it has the ledger's lock:
 *	the next one completes or undoes what it has left, and nothing is lost.
 */
static void killed(const struct awe_kind *kind)
{
	/* A device adds time to it, and nothing else. */
	int step = placed_in_short() ? 7 : kind->driver && !strcmp(kind->driver, placed_gpu()) ? 5 : 1;

	for (int what = 0; what < KILL_KINDS; what++) {
		int point = 1;

		while (kill_at(kind, what, point))
			point += step;
		igt_debug("call %d has %d points\n", what, point - 1);
		igt_assert_lt_u64(2, point);
	}
}

static void *allocate_one(void *arg)
{
	uintptr_t frame, count = 1;

	return placed_awe_allocate(arg, &count, &frame) ? arg : NULL;
}

/**
 * SUBTEST: killed-waited-for
 * Description: Calls that wait for the lock of a process that is killed go on; of one that lives
 *	and keeps it, they time out.
 */
static void killed_waited_for(const struct awe_kind *kind)
{
	struct placed_awe *awe = awe_make(kind, KILL_PAGES);
	uintptr_t frame, count = 1;
	pthread_t thread;
	int fds[2], status;
	void *ret;
	pid_t pid;

	WORKS(placed_awe_export(awe, fds));
	pid = start_child();
	if (!pid) {
		struct placed_awe *other = placed_awe_import(fds, NULL);

		points_left = 3;
		awe_at_point = stop_at_point;
		if (other)
			placed_awe_allocate(other, &count, &frame);
		_exit(1);
	}
	igt_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
	igt_assert(WIFSTOPPED(status));

	awe->lock_wait = 50;
	FAILS(placed_awe_allocate(awe, &count, &frame), ETIMEDOUT);
	FAILS(placed_awe_free(awe, &count, &frame), ETIMEDOUT);
	igt_assert_eq_u64(count, 0);
	count = 1;
	FAILS(placed_awe_reserve(awe, NULL, PLACED_PAGE, 0, 0, 0) != MAP_FAILED, ETIMEDOUT);

	awe->lock_wait = 60000;
	AWE_STORE(awe->ledger->lock, AWE_LOAD(awe->ledger->lock) & ~FUTEX_WAITERS);
	igt_assert_eq(pthread_create(&thread, NULL, allocate_one, awe), 0);
	while (!(AWE_LOAD(awe->ledger->lock) & FUTEX_WAITERS))
		sched_yield();
	end_child(pid, SIGKILL);
	igt_assert_eq(pthread_join(thread, &ret), 0);
	igt_assert(ret == awe);
	awe_check_memory(awe, 1);
	close(fds[0]);
	close(fds[1]);
	placed_awe_close(awe);
}

/* Processes that mean harm */

/* Write nonsense to a ledger. */
static void scribble(int fd, unsigned int seed)
{
	size_t size = lseek(fd, 0, SEEK_END);
	uint32_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (words == MAP_FAILED)
		_exit(1);
	for (;;) {
		/* Half of it to the start, where the numbers are. */
		size_t at = (rand_r(&seed) / 7) % (seed & 1024 ? 32 : size / 4);
		uint32_t value = rand_r(&seed) ^ (uint32_t)rand_r(&seed) << 16;

		if (value % 3 == 0)
			value = ~0u;
		if (value % 5 == 0)
			value &= 15;
		words[at] = value;
		/* What has no memory at all comes back as zeros. */
		if (value % 101 == 0)
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  at * 4 / PLACED_PAGE * PLACED_PAGE, PLACED_PAGE);
		/* Or all would wait for that. */
		words[offsetof(struct awe_ledger, lock) / 4] = value % 50 ? 0 : value;
	}
}

/**
 * SUBTEST: hostile
 * Description: Another process writes nonsense to the ledger while calls are made: they come back,
 *	in time, with whatever result; other handles are not concerned.
 */
static void hostile(const struct awe_kind *kind)
{
	const int rounds = placed_rounds(400), pages = 512;
	struct scene innocent = make_scene(kind);
	double start = seconds_now();
	uintptr_t frames[512], count;
	unsigned int seed = 3;
	int results[2] = {};

	for (int round = 0; round < 4; round++) {
		struct placed_awe *awe = awe_make(kind, pages);
		uint8_t *window = round % 2 ? awe_window(awe, pages) : NULL;
		int fds[2];
		pid_t pid;

		WORKS(placed_awe_export(awe, fds));
		awe->lock_wait = 20;
		memset(frames, 0, sizeof(frames));
		pid = start_child();
		if (!pid)
			scribble(fds[1], round);
		for (int i = 0; i < rounds; i++) {
			int first = rand_r(&seed) / 7 % 400;

			count = 1 + rand_r(&seed) / 7 % 100;
			switch (rand_r(&seed) / 7 % 4) {
			case 0:
				results[placed_awe_allocate(awe, &count, frames + first)]++;
				break;
			case 1:
				results[placed_awe_free(awe, &count, frames + first)]++;
				break;
			case 2:
				if (window)
					results[placed_awe_map(awe, page_at(window, first), count,
							       frames + first)]++;
				break;
			case 3:
				if (window)
					results[placed_awe_map(awe, page_at(window, first), count,
							       NULL)]++;
				break;
			}
		}
		placed_awe_close(awe);
		end_child(pid, SIGKILL);
		close(fds[0]);
		close(fds[1]);
	}
	/* It has come to more than time-outs. */
	igt_info("%d calls have worked, %d have failed, in %.1f s\n", results[1], results[0],
		 seconds_now() - start);
	igt_assert(results[0] && results[1]);
	end_scene(&innocent);
}

/* What a process can do to the object that it was sent. Returns how much it could. */
static int ruin_object(const struct placed_awe *awe)
{
	int ruined = 0;

	if (awe->kind == PLACED_AWE_MEMFD) {
		/* It may empty it, and may not make it smaller, or unwritable. */
		ruined += !ftruncate(awe->fd, 0);
		ruined += !fcntl(awe->fd, F_ADD_SEALS, F_SEAL_WRITE);
		ruined += !!fallocate(awe->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				      awe->pages * PLACED_PAGE);
		return ruined;
	}
	return placed_close_handle(awe->fd, awe->handle) ? 1 : 0;
}

/**
 * SUBTEST: hostile-object
 * Description: Another process destroys the object, as far as it can: calls fail, or work, and
 *	nothing else happens to who makes them.
 */
static void hostile_object(const struct awe_kind *kind)
{
	struct placed_awe *awe = awe_make(kind, 64);
	uint8_t *window = awe_window(awe, 8);
	uintptr_t frames[16], count = 8;
	int fds[2];
	pid_t pid;

	awe_get(awe, 8, frames);
	WORKS(placed_awe_map(awe, window, 4, frames));
	WORKS(placed_awe_export(awe, fds));
	pid = start_child();
	if (!pid) {
		struct placed_awe *other = placed_awe_import(fds, NULL);

		_exit(other ? ruin_object(other) : 100);
	}
	igt_assert_eq(end_child(pid, 0), 0);
	close(fds[0]);
	close(fds[1]);

	if (is_memfd(kind)) {
		SHOWS(window, 0);
		awe_put(awe, 8, frames);
		awe_get(awe, 8, frames);
	} else {
		/* The object is there as long as a window shows it. */
		SHOWS(window, 0);
		FAILS(placed_awe_allocate(awe, &count, frames + 8), ENOENT);
		igt_assert_eq_u64(count, 8);
		FAILS(placed_awe_free(awe, &count, frames), ENOENT);
		igt_assert_eq_u64(count, 0);
		igt_assert(placed_awe_reserve(awe, NULL, PLACED_PAGE, 0, 0, 0) == MAP_FAILED);
		/* What needs no handle works. */
		WORKS(placed_awe_map(awe, window, 4, frames + 4));
		SHOWS(window, 0);
	}
	placed_awe_close(awe);
	SHOWS_NOTHING(window);
}

/* Threads */

#define RACE_PAGES 200

struct race {
	struct placed_awe *awe;
	uint8_t *window;
	unsigned int seed;
	uintptr_t base;
	/* Calls that have worked, and so many that is enough; racers that have not enough. */
	long worked, failed, enough;
	atomic_int *left;
};

/* They go on until all have done enough, so that none is ever alone. */
static bool race_goes_on(struct race *r)
{
	if (r->worked >= r->enough && r->enough) {
		r->enough = 0;
		atomic_fetch_sub(r->left, 1);
	}
	return atomic_load(r->left) > 0;
}

static unsigned int toss(struct race *r, unsigned int sides)
{
	return rand_r(&r->seed) / 7 % sides;
}

static void count_result(struct race *r, bool worked)
{
	if (worked)
		r->worked++;
	else if (errno == EINVAL || errno == ENOMEM)
		r->failed++;
	else
		igt_assert_f(0, "unexpected: %s\n", strerror(errno));
}

/* Pages by their numbers, whether they are allocated or not. */
static void *race_map(void *arg)
{
	struct race *r = arg;

	while (race_goes_on(r)) {
		unsigned int count = 1 + toss(r, 8), at = toss(r, RACE_PAGES - 8);
		uintptr_t frames[8];

		for (unsigned int i = 0; i < count; i++)
			frames[i] = r->base + at + i;
		count_result(r, placed_awe_map(r->awe, page_at(r->window, toss(r, RACE_PAGES - 8)),
					       count, toss(r, 3) ? frames : NULL));
	}
	return NULL;
}

static void *race_free(void *arg)
{
	struct race *r = arg;

	while (race_goes_on(r)) {
		uintptr_t count = 1 + toss(r, 8), frames[8];

		if (toss(r, 2)) {
			count_result(r, placed_awe_allocate(r->awe, &count, frames));
			continue;
		}
		for (unsigned int i = 0; i < count; i++)
			frames[i] = r->base + toss(r, RACE_PAGES);
		count_result(r, placed_awe_free(r->awe, &count, frames));
	}
	return NULL;
}

/* What the addresses show is what the ledger says, and each page is where it says. */
static void check_windows(struct placed_awe *awe)
{
	struct placed_awe_info info;
	uint64_t mapped = 0;

	for (unsigned int w = 0; w < awe->window_count; w++) {
		uint8_t *at = placed_ptr(awe->windows[w].start);

		for (uint64_t i = 0; i < awe->windows[w].pages; i++) {
			uint32_t slot = awe->windows[w].slots[i];

			if (!slot) {
				SHOWS_NOTHING(page_at(at, i));
				continue;
			}
			mapped++;
			igt_assert_eq_u64(awe->entries[slot - 1], AWE_ALLOCATED |
					  placed_addr(page_at(at, i)));
			igt_assert(awe_peek(page_at(at, i)) >= 0);
		}
	}
	placed_awe_get_info(awe, &info);
	igt_assert_eq_u64(info.mapped, mapped);
	awe_check_memory(awe, info.allocated);
}

static void run_race(struct race *racers, int count, void *(*const *bodies)(void *), long enough)
{
	atomic_int left = count;
	pthread_t threads[8];

	for (int i = 0; i < count; i++) {
		racers[i].left = &left;
		racers[i].enough = enough;
		racers[i].seed = i + 1;
		igt_assert_eq(pthread_create(&threads[i], NULL, bodies[i], &racers[i]), 0);
	}
	for (int i = 0; i < count; i++) {
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
		igt_debug("%ld have worked, %ld have failed\n", racers[i].worked,
			  racers[i].failed);
	}
}

/**
 * SUBTEST: race-free
 * Description: Threads map and unmap pages that others allocate and free, by all numbers there are.
 */
static void race_map_free(const struct awe_kind *kind)
{
	void *(*const bodies[4])(void *) = { race_map, race_free, race_map, race_free };
	struct placed_awe *awe = awe_make(kind, RACE_PAGES);
	struct race racers[4] = {};
	uintptr_t first;

	awe_get(awe, 1, &first);
	for (int i = 0; i < 4; i++) {
		racers[i].awe = awe;
		racers[i].window = bodies[i] == race_map ? awe_window(awe, RACE_PAGES) : NULL;
		racers[i].base = first;
	}
	run_race(racers, 4, bodies, placed_rounds(1000));
	check_windows(awe);
	placed_awe_close(awe);
}

/* Who has the pages mapped; each says so while it is. */
static atomic_int race_holder;

static void *race_hold(void *arg)
{
	struct race *r = arg;
	uintptr_t frames[16];
	int self = r->seed;

	for (int i = 0; i < 16; i++)
		frames[i] = r->base + i;
	while (race_goes_on(r)) {
		if (!placed_awe_map(r->awe, r->window, 16, frames)) {
			igt_assert_eq(errno, EINVAL);
			r->failed++;
			continue;
		}
		r->worked++;
		igt_assert_eq(atomic_exchange(&race_holder, self), 0);
		for (int i = 0; i < 16; i++)
			(*(volatile uint32_t *)page_at(r->window, i))++;
		igt_assert_eq(atomic_exchange(&race_holder, 0), self);
		igt_assert(placed_awe_map(r->awe, r->window, 16, NULL));
	}
	return NULL;
}

/**
 * SUBTEST: race-map
 * Description: Threads map the same pages, each at its own addresses: one has them at a time.
 */
static void race_same(const struct awe_kind *kind)
{
	void *(*const bodies[3])(void *) = { race_hold, race_hold, race_hold };
	struct placed_awe *awe = awe_make(kind, RACE_PAGES);
	struct race racers[3] = {};
	uintptr_t frames[16];
	uint8_t *window;
	long sum = 0;

	awe_get(awe, 16, frames);
	for (int i = 0; i < 3; i++) {
		racers[i].awe = awe;
		racers[i].window = awe_window(awe, 16);
		racers[i].base = frames[0];
	}
	run_race(racers, 3, bodies, placed_rounds(500));
	for (int i = 0; i < 3; i++)
		sum += racers[i].worked;
	window = awe_window(awe, 16);
	WORKS(placed_awe_map(awe, window, 16, frames));
	for (int i = 0; i < 16; i++)
		SHOWS(page_at(window, i), sum);
	check_windows(awe);
	placed_awe_close(awe);
}

/* In memory that both processes see. */
static atomic_int *broker_left;

/* Maps what there is, stores, and looks whether it is there. */
static int64_t owner_race_map(uint64_t window, uint64_t base, uint64_t enough)
{
	struct race r = { .seed = 5, .left = broker_left, .enough = enough };
	uintptr_t frame;

	while (race_goes_on(&r)) {
		void *at = placed_ptr(window + toss(&r, RACE_PAGES) * PLACED_PAGE);
		int64_t value;

		frame = base + toss(&r, RACE_PAGES);
		if (!placed_awe_map(owner_awe, at, 1, &frame)) {
			if (errno != EINVAL)
				return -errno;
			continue;
		}
		r.worked++;
		/* Freed or not, it is there until this process makes a call. */
		value = awe_peek(at);
		if (value < 0 || (value && value != VALUE(frame)))
			return value;
		awe_set(at, VALUE(frame));
		if (awe_peek(at) != VALUE(frame))
			return -1;
	}
	return r.worked;
}

/**
 * SUBTEST: race-broker
 * Description: A broker allocates and frees what the owner maps and stores to at the same time.
 */
static void race_broker(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, RACE_PAGES);
	struct race r = { .seed = 9, .enough = placed_rounds(1000) };
	struct pair p;
	int64_t window, served;

	broker_left = mmap(NULL, PLACED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);
	igt_assert(broker_left != MAP_FAILED);
	atomic_store(broker_left, 2);
	r.left = broker_left;
	p = make_pair(&options);
	awe_get(p.awe, RACE_PAGES, p.frames);
	window = servant_do(p.owner, owner_reserve, RACE_PAGES, 0, 0);
	igt_assert(window > 0);
	servant_tell(p.owner, owner_race_map, window, p.frames[0], r.enough);
	while (race_goes_on(&r)) {
		uintptr_t count = 1 + toss(&r, 8), frames[8];

		/* If it has found something wrong, it does not go on. */
		if (atomic_load(&p.owner->state) == SERVANT_DONE)
			break;
		if (toss(&r, 3)) {
			count_result(&r, placed_awe_allocate(p.awe, &count, frames));
			continue;
		}
		for (unsigned int i = 0; i < count; i++)
			frames[i] = p.frames[toss(&r, RACE_PAGES)];
		count_result(&r, placed_awe_free(p.awe, &count, frames));
	}
	igt_assert_lt_u64(0, servant_wait(p.owner));
	served = servant_do(p.owner, owner_serve, 0, 0, 0);
	igt_assert(!served || served == -ETIMEDOUT);
	awe_check_memory(p.awe, awe_allocated(p.awe));
	end_pair(&p);
	placed_unmap(broker_left, PLACED_PAGE);
}

/* A program of the other word size */

/* This program for the other word size, where this build has it. */
static bool other_program(char *path, size_t size)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash, *dir;

	if (length < 0)
		return false;
	own[length] = 0;
	slash = strrchr(own, '/');
	*slash = 0;
	dir = strrchr(own, '/');
	if (!dir)
		return false;
	*dir = 0;
	length = snprintf(path, size, "%s/%s/%s", own, sizeof(void *) == 8 ? "i386" : "x86_64",
			  slash + 1);
	return length < (ssize_t)size && !access(path, X_OK);
}

#define OTHER_PAGES 8

/* What the other program is told. */
struct other_task {
	uint64_t frames[OTHER_PAGES];
};

/* The owner's part. */
static int be_other(int socket)
{
	struct placed_awe *awe = awe_receive(socket, NULL);
	uintptr_t frames[OTHER_PAGES];
	struct other_task task;
	uint8_t *window;

	if (!awe || recv(socket, &task, sizeof(task), MSG_WAITALL) != sizeof(task))
		return 1;
	for (int i = 0; i < OTHER_PAGES; i++)
		frames[i] = task.frames[i];
	window = placed_awe_reserve(awe, NULL, OTHER_PAGES * PLACED_PAGE, 0, 0, 0);
	if (window == MAP_FAILED || !placed_awe_map(awe, window, OTHER_PAGES, frames))
		return 2;
	for (int i = 0; i < OTHER_PAGES; i++) {
		if (awe_peek(page_at(window, i)))
			return 3;
		awe_set(page_at(window, i), VALUE(i));
	}
	return placed_awe_map(awe, window, OTHER_PAGES, NULL) ? 0 : 4;
}

/* Instead of the tests, if there is a socket in the environment. */
static __attribute__((constructor)) void maybe_be_other(void)
{
	const char *socket = getenv("PLACED_AWE_OTHER");

	if (socket)
		_exit(be_other(atoi(socket)));
}

/**
 * SUBTEST: other-word-size
 * Description: A broker and an owner of which one is a 64-bit and the other a 32-bit program.
 */
static void other_word_size(const struct awe_kind *kind)
{
	struct placed_awe_options options = awe_options(kind, 64);
	uintptr_t frames[OTHER_PAGES];
	struct other_task task;
	struct placed_awe *awe;
	char path[PATH_MAX];
	uint8_t *window;
	int sockets[2];
	pid_t pid;

	igt_assert(other_program(path, sizeof(path)));
	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	options.flags |= PLACED_AWE_FRAMES_32;
	awe = awe_make_with(&options);
	awe_get(awe, OTHER_PAGES, frames);
	for (int i = 0; i < OTHER_PAGES; i++)
		task.frames[i] = frames[i];
	WORKS(awe_send(sockets[0], awe));
	igt_assert_eq(send(sockets[0], &task, sizeof(task), 0), sizeof(task));

	pid = start_child();
	if (!pid) {
		char text[16];

		snprintf(text, sizeof(text), "%d", sockets[1]);
		setenv("PLACED_AWE_OTHER", text, 1);
		execl(path, path, NULL);
		_exit(100);
	}
	igt_assert_eq(end_child(pid, 0), 0);
	close(sockets[0]);
	close(sockets[1]);

	window = awe_window(awe, OTHER_PAGES);
	WORKS(placed_awe_map(awe, window, OTHER_PAGES, frames));
	for (int i = 0; i < OTHER_PAGES; i++)
		SHOWS(page_at(window, i), VALUE(i));
	placed_awe_close(awe);
}

static const struct awe_test tests[] = {
	{ "partial", "memory is used up", partial },
	{ "broker", "a process allocates for another", broker },
	{ "freed-by-another", "freed by a process that cannot unmap it", freed_by_another },
	{ "owner-killed", "killed with pages mapped", owner_killed },
	{ "last-handle", "the memory goes with the last handle", last_handle },
	{ "fork", "a child has neither windows nor a handle", forked },
	{ "import-bad", "files that are not what they should be", import_bad },
	{ "killed", "killed at each point of each call", killed },
	{ "killed-waited-for", "killed while others wait, or not", killed_waited_for },
	{ "hostile", "nonsense in the ledger", hostile },
	{ "hostile-object", "the object destroyed by another process", hostile_object },
	{ "race-free", "mapping what others free", race_map_free },
	{ "race-map", "mapping the same pages", race_same },
	{ "race-broker", "a broker frees what is mapped and stored to", race_broker },
};

static const struct awe_test other_tests[] = {
	{ "other-word-size", "a broker and an owner of different word sizes", other_word_size },
};

igt_main
{
	char path[PATH_MAX];

	AWE_RUN_TESTS(tests);
	if (other_program(path, sizeof(path)))
		AWE_RUN_TESTS(other_tests);
}
