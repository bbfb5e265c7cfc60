/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the AWE library: what pages can be made of, calls that have to work or to
 * fail, and looks at what an address shows and at what the system has given.
 *
 * The library's own awe.h is included for what no caller sees: the ledger, and the object.
 */
#ifndef PLACED_AWE_KINDS_H
#define PLACED_AWE_KINDS_H

#include <sys/socket.h>

#include "placed_sparse.h"

#include "awe.h"

/* Ends the process in the middle of a call: see awe_point(). */
void (*awe_at_point)(void);

static const struct awe_kind {
	const char *name, *driver;
	uint32_t flags;
} awe_kinds[] = {
	{ "memfd", NULL, PLACED_AWE_ONLY_MEMFD },
	{ "vgem", "vgem", PLACED_AWE_ONLY_DRM },
	{ "vmware", "vmwgfx", PLACED_AWE_ONLY_DRM },
	{ "virtio", "virtio_gpu", PLACED_AWE_ONLY_DRM },
	{ "virtio-pool", "virtio_gpu", PLACED_AWE_ONLY_DRM | PLACED_AWE_POOL },
};

#define AWE_KINDS (int)(sizeof(awe_kinds) / sizeof(awe_kinds[0]))

static inline bool is_memfd(const struct awe_kind *kind)
{
	return kind->flags & PLACED_AWE_ONLY_MEMFD;
}

/* A machine has one GPU, and what virtio-gpu has depends on its device. vgem has to be there. */
static inline bool awe_kind_exists(const struct awe_kind *kind)
{
	uint32_t handle, flags = kind->flags & PLACED_AWE_POOL ? DRM_GEM_SPARSE_POOL : 0;
	int fd, ret;

	if (!kind->driver || !strcmp(kind->driver, "vgem"))
		return true;
	if (strcmp(kind->driver, placed_gpu()))
		return false;
	fd = placed_open_node(kind->driver, "renderD", O_RDWR);
	if (fd < 0)
		return false;
	ret = sparse_create_of(fd, PLACED_PAGE, flags, &handle);
	close(fd);
	return ret != -EOPNOTSUPP;
}

/* PLACED_KINDS in the environment is a pattern of names, as for other tests. */
static inline bool awe_kind_is_wanted(const struct awe_kind *kind)
{
	const char *pattern = getenv("PLACED_KINDS");

	return (!pattern || !fnmatch(pattern, kind->name, FNM_EXTMATCH)) && awe_kind_exists(kind);
}

static inline void awe_restore_system(void);

struct awe_test {
	const char *name, *what;
	void (*test)(const struct awe_kind *kind);
};

/* A subtest for each test, and in it a dynamic one for each kind. */
static inline void awe_run_tests(const struct awe_test *tests, size_t count)
{
	/* Outlives the jumps that end a subtest. */
	volatile int k;

	for (size_t i = 0; i < count; i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			for (k = 0; k < AWE_KINDS; k++) {
				if (!awe_kind_is_wanted(&awe_kinds[k]))
					continue;
				igt_dynamic(awe_kinds[k].name)
					tests[i].test(&awe_kinds[k]);
				end_children();
				awe_restore_system();
				awe_at_point = NULL;
			}
		}
	}
}

#define AWE_RUN_TESTS(tests) awe_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

/* Options for a kind, to be changed. */
static inline struct placed_awe_options awe_options(const struct awe_kind *kind, uint64_t pages)
{
	return (struct placed_awe_options) {
		.size = sizeof(struct placed_awe_options), .flags = kind->flags,
		.pages = pages, .driver = kind->driver,
	};
}

static inline struct placed_awe *awe_make_with(const struct placed_awe_options *options)
{
	struct placed_awe *awe = placed_awe_create(options);
	struct placed_awe_info info;

	igt_assert_f(awe, "cannot create: %s\n", strerror(errno));
	placed_awe_get_info(awe, &info);
	igt_assert_eq(info.backend, options->flags & PLACED_AWE_ONLY_MEMFD ? PLACED_AWE_MEMFD :
		      PLACED_AWE_DRM);
	return awe;
}

static inline struct placed_awe *awe_make(const struct awe_kind *kind, uint64_t pages)
{
	struct placed_awe_options options = awe_options(kind, pages);

	return awe_make_with(&options);
}

/* One more handle of the same pages, as another process has it. */
static inline struct placed_awe *awe_another(struct placed_awe *awe)
{
	struct placed_awe *another;
	int fds[2];

	igt_assert(placed_awe_export(awe, fds));
	another = placed_awe_import(fds, NULL);
	igt_assert_f(another, "cannot import: %s\n", strerror(errno));
	close(fds[0]);
	close(fds[1]);
	return another;
}

/* A call that has to work. */
#define WORKS(call) igt_assert_f(call, "%s: %s\n", #call, strerror(errno))

/* A call that has to fail. */
#define FAILS(call, error) do { \
	errno = 0; \
	igt_assert_f(!(call), "%s has worked\n", #call); \
	igt_assert_f(errno == (error), "%s: %s instead of %s\n", #call, strerror(errno), \
		     #error); \
} while (0)

static inline uint8_t *awe_window(struct placed_awe *awe, uint64_t pages)
{
	uint8_t *window = placed_awe_reserve(awe, NULL, pages * PLACED_PAGE, 0, 0, 0);

	igt_assert_f(window != MAP_FAILED, "no window: %s\n", strerror(errno));
	return window;
}

static inline void awe_get(struct placed_awe *awe, uintptr_t count, uintptr_t *frames)
{
	uintptr_t got = count;

	WORKS(placed_awe_allocate(awe, &got, frames));
	igt_assert_eq_u64(got, count);
}

static inline void awe_put(struct placed_awe *awe, uintptr_t count, const uintptr_t *frames)
{
	uintptr_t freed = count;

	WORKS(placed_awe_free(awe, &freed, frames));
	igt_assert_eq_u64(freed, count);
}

/* Accesses that may be signals */

static sigjmp_buf awe_jump;

static inline void awe_on_signal(int signal)
{
	siglongjmp(awe_jump, signal);
}

/* What a word of the page there is, or minus the signal. */
static inline int64_t awe_peek(const void *addr)
{
	struct sigaction action = { .sa_handler = awe_on_signal }, old[2];
	volatile int64_t value = 0;
	int jumped;

	sigaction(SIGSEGV, &action, &old[0]);
	sigaction(SIGBUS, &action, &old[1]);
	jumped = sigsetjmp(awe_jump, 1);
	if (jumped)
		value = -jumped;
	else
		value = *(const volatile uint32_t *)addr;
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGBUS, &old[1], NULL);
	return value;
}

static inline void awe_set(void *addr, uint32_t value)
{
	*(volatile uint32_t *)addr = value;
}

#define SHOWS(addr, value) \
	igt_assert_eq_u64(awe_peek(addr), (int64_t)(value))

#define SHOWS_NOTHING(addr) SHOWS(addr, -SIGSEGV)

/* Pages of the object that have memory, whoever asked for it. */
static inline uint64_t awe_present(struct placed_awe *awe)
{
	static struct drm_gem_sparse_run runs[65536];
	struct drm_gem_sparse args = {
		.op = DRM_GEM_SPARSE_QUERY, .handle = awe->handle,
		.count = 65536, .runs = placed_addr(runs),
	};
	struct stat stat;

	if (awe->kind == PLACED_AWE_MEMFD) {
		igt_assert_eq(fstat(awe->fd, &stat), 0);
		return stat.st_blocks * 512ull / PLACED_PAGE;
	}
	igt_assert_eq(placed_ioctl(awe->fd, DRM_IOCTL_GEM_SPARSE, &args), 0);
	return args.present / PLACED_PAGE;
}

static inline uint64_t awe_allocated(struct placed_awe *awe)
{
	struct placed_awe_info info;

	placed_awe_get_info(awe, &info);
	return info.allocated;
}

/* There is memory for what is allocated, and for nothing else. */
static inline void awe_check_memory(struct placed_awe *awe, uint64_t pages)
{
	igt_assert_eq_u64(awe_allocated(awe), pages);
	igt_assert_eq_u64(awe_present(awe), pages);
}

/* A number that no page has of itself. */
#define VALUE(i) (0x1000 + (uint32_t)(i))

/*
 * A scene: two windows, pages that are mapped there, and pages that are not, each with a value
 * of its own. Calls that fail must leave all of it as it is.
 */
#define SCENE_FRAMES 10
#define SCENE_A 8
#define SCENE_B 4

struct scene {
	struct placed_awe *awe;
	uintptr_t frames[SCENE_FRAMES];
	uint8_t *a, *b;
};

static inline struct scene make_scene(const struct awe_kind *kind)
{
	struct scene s = { .awe = awe_make(kind, 64) };

	s.a = awe_window(s.awe, SCENE_A);
	s.b = awe_window(s.awe, SCENE_B);
	awe_get(s.awe, SCENE_FRAMES, s.frames);
	for (int i = 0; i < SCENE_FRAMES; i++) {
		WORKS(placed_awe_map(s.awe, s.b, 1, &s.frames[i]));
		awe_set(s.b, VALUE(i));
	}
	WORKS(placed_awe_map(s.awe, s.b, 1, NULL));
	WORKS(placed_awe_map(s.awe, page_at(s.a, 1), 4, s.frames));
	WORKS(placed_awe_map(s.awe, page_at(s.b, 2), 1, &s.frames[4]));
	return s;
}

static inline void check_scene(const struct scene *s)
{
	for (int i = 0; i < SCENE_A; i++) {
		if (i >= 1 && i < 5)
			SHOWS(page_at(s->a, i), VALUE(i - 1));
		else
			SHOWS_NOTHING(page_at(s->a, i));
	}
	for (int i = 0; i < SCENE_B; i++) {
		if (i == 2)
			SHOWS(page_at(s->b, i), VALUE(4));
		else
			SHOWS_NOTHING(page_at(s->b, i));
	}
	igt_assert_eq_u64(awe_allocated(s->awe), SCENE_FRAMES);
}

/* What is not mapped has its value, too. */
static inline void end_scene(struct scene *s)
{
	check_scene(s);
	for (int i = 5; i < SCENE_FRAMES; i++) {
		WORKS(placed_awe_map(s->awe, s->b, 1, &s->frames[i]));
		SHOWS(s->b, VALUE(i));
	}
	WORKS(placed_awe_map(s->awe, s->b, 1, NULL));
	check_scene(s);
	awe_check_memory(s->awe, SCENE_FRAMES);
	placed_awe_close(s->awe);
}

#define SCENE_FAILS(s, call, error) do { \
	FAILS(call, error); \
	check_scene(s); \
} while (0)

/* Two file descriptors through a socket, as between processes that are not related. */

union awe_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

static inline bool awe_send(int socket, struct placed_awe *awe)
{
	union awe_control control = {};
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	bool sent;
	int fds[2];

	if (!placed_awe_export(awe, fds))
		return false;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(header), fds, sizeof(fds));
	sent = sendmsg(socket, &msg, 0) == 1;
	close(fds[0]);
	close(fds[1]);
	return sent;
}

static inline struct placed_awe *awe_receive(int socket, const struct placed_awe_options *options)
{
	union awe_control control;
	struct placed_awe *awe;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fds[2];

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		return NULL;
	header = CMSG_FIRSTHDR(&msg);
	if (!header || header->cmsg_len != CMSG_LEN(sizeof(fds)))
		return NULL;
	memcpy(fds, CMSG_DATA(header), sizeof(fds));
	awe = placed_awe_import(fds, options);
	close(fds[0]);
	close(fds[1]);
	return awe;
}

/*
 * Settings of the system's that a test changes, and that are back when it has ended, however
 * it did.
 */
static struct awe_setting {
	char path[64], text[64];
} awe_settings[4];

static inline bool awe_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

static inline void awe_set_system(const char *path, uint64_t value)
{
	struct awe_setting *setting = awe_settings;
	char text[32];
	ssize_t length;
	int fd;

	while (setting->path[0] && strcmp(setting->path, path))
		setting++;
	if (!setting->path[0]) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		igt_assert_f(fd >= 0, "no %s\n", path);
		length = read(fd, setting->text, sizeof(setting->text) - 1);
		igt_assert(length > 0);
		close(fd);
		snprintf(setting->path, sizeof(setting->path), "%s", path);
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	igt_assert_f(awe_write(path, text), "cannot write %s to %s\n", text, path);
}

static inline void awe_restore_system(void)
{
	for (int i = 0; i < 4; i++) {
		if (awe_settings[i].path[0])
			awe_write(awe_settings[i].path, awe_settings[i].text);
		awe_settings[i] = (struct awe_setting) {};
	}
}

#endif
