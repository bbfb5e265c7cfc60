// SPDX-License-Identifier: MIT
/*
 * Usage: window_calls [TEST START-END]
 *
 * Each way to come by a DRM file and to map it, without Mesa: what is mapped has to be
 * in the window, or refused. Knows nothing of placed mappings, as Mesa does not.
 * Without arguments it lists the tests.
 */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "window_test.h"

#define SIZE (64 * 1024)
#define THREADS 8
#define ROUNDS 100

/* glibc declares them only for those that are compiled to call them. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

struct object {
	int fd;
	uint64_t offset;
};

static const char *where;

static int open_device(const char *driver)
{
	int fd = placed_open(driver);

	if (fd < 0)
		fail("cannot open %s: %s", driver, strerror(errno));
	return fd;
}

static struct object create_object(int fd)
{
	struct object object = { .fd = fd };
	uint32_t handle;
	int ret = placed_create(fd, SIZE, &handle);

	if (!ret)
		ret = placed_fake_offset(fd, handle, &object.offset);
	if (ret)
		fail("cannot create an object: %s", strerror(-ret));
	return object;
}

static struct object open_object(void)
{
	return create_object(open_device("virtio_gpu"));
}

/* The offset has more bits than mmap(2) takes in 32-bit programs. */
static void *map_at(const struct object *object, uint64_t addr, int flags)
{
	return mmap64(placed_ptr(addr), SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | flags,
		      object->fd, object->offset);
}

static void check_map(uint32_t *map)
{
	if (map == MAP_FAILED)
		fail("cannot map: %s", strerror(errno));
	store_words(map, SIZE, 3);
	check_words(map, SIZE, 3, "mapping");
}

static void *check_inside(void *map)
{
	check_map(map);
	if (!window_test_holds(placed_addr(map), placed_addr(map) + SIZE))
		fail("%p is outside of the window", map);
	return map;
}

static void *must_map(const struct object *object)
{
	return check_inside(map_at(object, 0, 0));
}

/* Not anywhere, and not in the window, which is another process' here. */
static void must_not_map(const struct object *object)
{
	void *map = map_at(object, 0, 0);

	if (map != MAP_FAILED)
		fail("mapped at %p what another process has its window on", map);
	if (errno != ENOMEM)
		fail("no window is: %s", strerror(errno));
}

static void path_of(int fd, char *path, size_t size)
{
	char proc[32];
	ssize_t length;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	length = readlink(proc, path, size - 1);
	if (length < 0)
		fail("%s: %s", proc, strerror(errno));
	path[length] = 0;
}

static pid_t must_fork(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("cannot fork: %s", strerror(errno));
	return child;
}

static void must_succeed(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status)
		fail("a child ended with status 0x%x", status);
}

/* Ways to open and to map */

#define WAYS 8

/* Open a file of /dev/dri in each way, one after the other. */
static int open_in_way(int way, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	int dir = open("/dev/dri", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags = O_RDWR | O_CLOEXEC;

	switch (way) {
	case 0:
		return open(path, flags);
	case 1:
		return open64(path, flags);
	case 2:
		return openat(dir, name, flags);
	case 3:
		return openat64(dir, name, flags);
	case 4:
		return __open_2(path, flags);
	case 5:
		return __open64_2(path, flags);
	case 6:
		return __openat_2(dir, name, flags);
	default:
		return __openat64_2(dir, name, flags);
	}
}

static void test_opens(void)
{
	int fd = open_device("virtio_gpu");
	char path[64];

	path_of(fd, path, sizeof(path));
	for (int way = 0; way < WAYS; way++) {
		struct object object = create_object(open_in_way(way, path));

		must_map(&object);
	}
	check_maps("opened in each way", WAYS);
}

static void test_duplicates(void)
{
	struct object object = open_object();
	int fds[] = { dup(object.fd), dup2(object.fd, 100), fcntl(object.fd, F_DUPFD_CLOEXEC, 3) };

	must_map(&object);
	close(object.fd);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		object.fd = fds[i];
		must_map(&object);
	}
}

static void test_hints(void)
{
	struct object object = open_object();
	uint32_t *first = must_map(&object), *again;
	void *outside = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(first, SIZE);
	again = check_inside(map_at(&object, placed_addr(first), 0));
	if (again != first)
		fail("the hint %p became %p", first, again);

	/* With addresses above the window to be had, where 32 bits are not all. */
	munmap(outside, SIZE);
	check_inside(map_at(&object, placed_addr(outside), 0));

	/* The program's choice. */
	check_map(map_at(&object, placed_addr(outside), MAP_FIXED));
	munmap(outside, SIZE);
	check_map(map_at(&object, placed_addr(outside), MAP_FIXED_NOREPLACE));
}

#if __SIZEOF_POINTER__ > 4
static void test_mmap(void)
{
	struct object object = open_object();
	int flags = PROT_READ | PROT_WRITE;

	check_inside(mmap(NULL, SIZE, flags, MAP_SHARED, object.fd, object.offset));
	check_inside(mmap(NULL, SIZE, flags, MAP_SHARED | MAP_32BIT, object.fd, object.offset));
}
#endif

static void *map_often(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		munmap(must_map(arg), SIZE);
	return NULL;
}

static void test_threads(void)
{
	struct object object = open_object();
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, map_often, &object))
			fail("cannot create a thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void test_full(void)
{
	uint64_t most = (window_test.end - window_test.start) / SIZE, count = 0;
	struct object object = open_object();
	void *map;

	while ((map = map_at(&object, 0, 0)) != MAP_FAILED) {
		check_inside(map);
		if (++count > most)
			fail("%" PRIu64 " mappings, where %" PRIu64 " have room", count, most);
	}
	if (errno != ENOMEM)
		fail("no room is: %s", strerror(errno));
	if (!count)
		fail("not even one");
}

static void test_topdown(void)
{
	struct object object = open_object();
	uint64_t addr = placed_addr(must_map(&object));

	if (addr + SIZE != window_test.end)
		fail("0x%" PRIx64 " is not at the top of the window", addr);
}

/* More than one process */

static void test_child_opens(void)
{
	struct object object = open_object();
	pid_t child;

	must_map(&object);
	child = must_fork();
	if (!child) {
		object = open_object();
		must_map(&object);
		_exit(0);
	}
	must_map(&object);
	must_succeed(child);
}

/* The window is the parent's, and stays so. */
static void test_child_inherits(void)
{
	struct object object = open_object();
	void *free_place = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	must_map(&object);
	child = must_fork();
	if (!child) {
		must_not_map(&object);
		check_map(map_at(&object, placed_addr(free_place), MAP_FIXED));
		_exit(0);
	}
	must_succeed(child);
	must_map(&object);
}

/* Whoever maps first; and when it is gone, the next. */
static void test_child_maps_first(void)
{
	struct object object = open_object();
	int done[2], go[2];
	pid_t child;
	char c;

	if (pipe(done) || pipe(go))
		fail("no pipe: %s", strerror(errno));
	child = must_fork();
	if (!child) {
		close(go[1]);
		must_map(&object);
		close(done[0]);
		close(done[1]);
		_exit(read(go[0], &c, 1));
	}
	close(done[1]);
	if (read(done[0], &c, 1))
		fail("nothing is written there");
	must_not_map(&object);
	close(go[1]);
	must_succeed(child);
	must_map(&object);
}

/* A daemon: the one that opened and mapped is gone. */
static void test_parent_ends(void)
{
	struct object object = open_object();
	int alive[2], grandchild[2];
	pid_t child;
	char c;

	if (pipe(alive) || pipe(grandchild))
		fail("no pipe: %s", strerror(errno));
	child = must_fork();
	if (!child) {
		must_map(&object);
		if (must_fork())
			_exit(0);
		close(alive[1]);
		/* Its address space is gone before its files are. */
		if (read(alive[0], &c, 1))
			fail("nothing is written there");
		must_map(&object);
		_exit(write(grandchild[1], "", 1) != 1);
	}
	close(alive[1]);
	close(grandchild[1]);
	must_succeed(child);
	if (read(grandchild[0], &c, 1) != 1)
		fail("the child of the process that ended has failed");
}

static void test_executes(void)
{
	struct object object = open_object();
	char fd[16], offset[32];

	must_map(&object);
	fcntl(object.fd, F_SETFD, 0);
	snprintf(fd, sizeof(fd), "%d", object.fd);
	snprintf(offset, sizeof(offset), "%" PRIu64, object.offset);
	fflush(stdout);
	execl("/proc/self/exe", "window_calls", "executed", where, fd, offset, NULL);
	fail("cannot execute myself: %s", strerror(errno));
}

static void send_file(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) != 1)
		fail("cannot send a file: %s", strerror(errno));
}

static int receive_file(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		fail("cannot receive a file: %s", strerror(errno));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* A file that another process opened and does not map, as the X server's of DRI3. */
static void test_received(void)
{
	struct object object;
	int sockets[2];
	pid_t child;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		fail("no sockets: %s", strerror(errno));
	child = must_fork();
	if (!child) {
		close(sockets[1]);
		send_file(sockets[0], open_device("virtio_gpu"));
		/* Lives, and has it open, until the other is through. */
		_exit(read(sockets[0], &byte, 1));
	}
	object = create_object(receive_file(sockets[1]));
	must_map(&object);
	close(sockets[1]);
	close(sockets[0]);
	must_succeed(child);
}

/* Files that cannot have a window, and files of others */

static void test_refused(void)
{
	char path[32];
	int fd = -1, i;

	/* What cannot be opened has no name to be found by. */
	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT)
			break;
		close(fd);
	}
	if (i == 64)
		fail("there is no device without windows, or it was opened");
	for (int way = 0; way < WAYS; way++)
		if (open_in_way(way, path) != -1 || errno != EOPNOTSUPP)
			fail("%s, opened in way %d: %s", path, way, strerror(errno));

	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		fail("%s cannot be looked at: %s", path, strerror(errno));
}

static void test_refused_optional(void)
{
	struct object object = create_object(open_device("placed_plain"));
	pid_t child;

	check_map(map_at(&object, 0, 0));

	object = open_object();
	must_map(&object);
	child = must_fork();
	if (!child) {
		check_map(map_at(&object, 0, 0));
		_exit(0);
	}
	must_succeed(child);
}

static void check_mode(int fd, mode_t mode)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) || (status.st_mode & 07777) != mode)
		fail("a file was not created as it should: %s", strerror(errno));
	close(fd);
}

static void test_ordinary_files(void)
{
	char path[] = "/tmp/window_calls.XXXXXX";
	int fd, flags = O_RDWR | O_CREAT | O_CLOEXEC;
	char *map;

	if (!mkdtemp(path) || chdir(path))
		fail("no directory: %s", strerror(errno));
	umask(0);
	check_mode(open("a", flags, 0751), 0751);
	check_mode(open64("b", flags, 0640), 0640);
	check_mode(openat(AT_FDCWD, "c", flags, 0604), 0604);
	check_mode(openat64(AT_FDCWD, "d", flags, 0777), 0777);
	check_mode(open(".", O_RDWR | O_TMPFILE, 0610), 0610);
	if (open("no such file", O_RDONLY) != -1 || errno != ENOENT)
		fail("no such file: %s", strerror(errno));

	fd = open("a", O_RDWR);
	if (ftruncate(fd, SIZE))
		fail("ftruncate: %s", strerror(errno));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || mmap(map, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		fail("cannot map: %s", strerror(errno));
	if (mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED || errno != EBADF)
		fail("mapped no file");
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "opens", test_opens },
	{ "duplicates", test_duplicates },
	{ "hints", test_hints },
#if __SIZEOF_POINTER__ > 4
	{ "mmap", test_mmap },
#endif
	{ "threads", test_threads },
	{ "child-opens", test_child_opens },
	{ "child-inherits", test_child_inherits },
	{ "child-maps-first", test_child_maps_first },
	{ "parent-ends", test_parent_ends },
	{ "executes", test_executes },
	{ "received", test_received },
	{ "refused", test_refused },
	{ "ordinary-files", test_ordinary_files },
	/* Need something of the launcher's, and are not listed. */
	{ "full", test_full },
	{ "topdown", test_topdown },
	{ "refused-optional", test_refused_optional },
};

int main(int argc, char **argv)
{
	if (argc == 1) {
		for (size_t i = 0; strcmp(tests[i].name, "full"); i++)
			printf("%s\n", tests[i].name);
		return 0;
	}
	if (argc < 3)
		fail("Usage: window_calls [TEST START-END]");
	where = argv[2];
	window_test_start("window_calls", where);

	if (!strcmp(argv[1], "executed") && argc == 5) {
		struct object object = { atoi(argv[3]), strtoull(argv[4], NULL, 0) };

		must_map(&object);
		return 0;
	}
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(argv[1], tests[i].name)) {
			tests[i].run();
			return window_test_end();
		}
	fail("no test %s", argv[1]);
}
