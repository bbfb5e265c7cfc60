// SPDX-License-Identifier: MIT
/*
 * Preloaded by placed-window: gives each DRM file that the program maps a window, so
 * that plain mmap(2) maps inside of it.
 *
 * A file that cannot have a window is not opened, for that is where programs and
 * drivers know how to go on: with another device, or without one. The window is
 * set no sooner than the file is mapped, and by who maps it: it belongs to a process,
 * and the one that opens the file may be another one, which forked, or sent it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "placed-window.h"

#define EXPORT __attribute__((visibility("default")))

static struct placed_window window;

/* What would have been called without this library. */
enum function {
	OPEN, OPEN64, OPENAT, OPENAT64, OPEN_2, OPEN64_2, OPENAT_2, OPENAT64_2, MMAP, MMAP64,
	FUNCTIONS
};

static const char * const names[FUNCTIONS] = {
	"open", "open64", "openat", "openat64",
	"__open_2", "__open64_2", "__openat_2", "__openat64_2",
	"mmap", "mmap64",
};

static void *functions[FUNCTIONS];

/* The constructors of others, and allocators, come before ours. */
static void *next(enum function which)
{
	if (!functions[which])
		functions[which] = dlsym(RTLD_NEXT, names[which]);
	return functions[which];
}

__attribute__((format(printf, 2, 3)))
static void say(int fd, const char *format, ...)
{
	char file[128] = "a DRM file", proc[32], text[128], line[384];
	ssize_t length;
	va_list args;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	length = readlink(proc, file, sizeof(file) - 1);
	if (length > 0)
		file[length] = 0;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	length = snprintf(line, sizeof(line), "placed-window: %.32s[%d]: %s: %s\n",
			  program_invocation_short_name, getpid(), file, text);
	/* In one piece, and past what the program has buffered. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

static const char *reason(int error)
{
	switch (error) {
	case ENOTTY:
		return "this kernel has no windows";
	case EOPNOTSUPP:
		return "its driver has no windows";
	case EINVAL:
		return "this process cannot have such addresses";
	case EBUSY:
		return "another process has its window here";
	default:
		return strerror(error);
	}
}

/* Only once: who is refused may ask again, for ever. */
static void complain(atomic_bool *told, int fd, int error, const char *otherwise,
		     const char *result)
{
	bool is_old = atomic_exchange(told, true);

	if (!window.verbose && (window.optional || is_old))
		return;
	say(fd, "%s: %s", reason(error), window.optional ? otherwise : result);
}

static bool is_drm(int fd)
{
	struct stat64 status;
	int saved = errno;
	bool ret = !fstat64(fd, &status) && S_ISCHR(status.st_mode) &&
		   major(status.st_rdev) == PLACED_WINDOW_MAJOR;

	errno = saved;
	return ret;
}

/* A file that was just opened, or -1 if it may not be. */
static int admit(int fd, int flags)
{
	static atomic_bool told;
	int saved = errno, error;

	if (fd < 0 || !window.end || (flags & O_PATH) || !is_drm(fd))
		return fd;

	error = placed_window_probe(fd);
	if (error)
		complain(&told, fd, error, "opened without",
			 "not opened (placed-window --optional opens it)");
	else if (window.verbose)
		say(fd, "opened");

	if (error && !window.optional) {
		close(fd);
		errno = error == ENOTTY ? EOPNOTSUPP : error;
		return -1;
	}
	errno = saved;
	return fd;
}

/* Does what is about to be mapped of this file land in the window? */
static bool claim(int fd)
{
	static atomic_bool told;
	int saved = errno, error;

	error = placed_window_ioctl(fd, DRM_GEM_MMAP_WINDOW_SET, &window);
	if (error)
		complain(&told, fd, error, "mapped without a window",
			 "not mapped (placed-window --optional maps it)");

	/* What mmap(2) says when there is no room. */
	errno = error && !window.optional ? ENOMEM : saved;
	return !error || window.optional;
}

/* An address that the program insists on is none of the window's business. */
static bool concerns_window(int flags, int fd)
{
	return fd >= 0 && window.end &&
	       !(flags & (MAP_ANONYMOUS | MAP_FIXED | MAP_FIXED_NOREPLACE)) && is_drm(fd);
}

static void *mapped(void *map, size_t length, int fd)
{
	int saved = errno;

	if (!window.verbose)
		return map;
	if (map == MAP_FAILED)
		say(fd, "0x%zx bytes: %s", length, strerror(saved));
	else
		say(fd, "0x%zx bytes at %p", length, map);
	errno = saved;
	return map;
}

typedef void *map_function(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
typedef void *map64_function(void *addr, size_t length, int prot, int flags, int fd,
			     off64_t offset);

EXPORT void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	map_function *map = (map_function *)next(MMAP);

	if (!concerns_window(flags, fd))
		return map(addr, length, prot, flags, fd, offset);
	if (!claim(fd))
		return MAP_FAILED;
	return mapped(map(addr, length, prot, flags, fd, offset), length, fd);
}

EXPORT void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off64_t offset)
{
	map64_function *map = (map64_function *)next(MMAP64);

	if (!concerns_window(flags, fd))
		return map(addr, length, prot, flags, fd, offset);
	if (!claim(fd))
		return MAP_FAILED;
	return mapped(map(addr, length, prot, flags, fd, offset), length, fd);
}

static bool has_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

typedef int open_function(const char *path, int flags, ...);
typedef int openat_function(int dir, const char *path, int flags, ...);
typedef int open_2_function(const char *path, int flags);
typedef int openat_2_function(int dir, const char *path, int flags);

#define WRAP_OPEN(name, which)							\
EXPORT int name(const char *path, int flags, ...)				\
{										\
	open_function *function = (open_function *)next(which);			\
	mode_t mode = 0;							\
	va_list args;								\
										\
	va_start(args, flags);							\
	if (has_mode(flags))							\
		mode = va_arg(args, mode_t);					\
	va_end(args);								\
	return admit(function(path, flags, mode), flags);			\
}

#define WRAP_OPENAT(name, which)						\
EXPORT int name(int dir, const char *path, int flags, ...)			\
{										\
	openat_function *function = (openat_function *)next(which);		\
	mode_t mode = 0;							\
	va_list args;								\
										\
	va_start(args, flags);							\
	if (has_mode(flags))							\
		mode = va_arg(args, mode_t);					\
	va_end(args);								\
	return admit(function(dir, path, flags, mode), flags);			\
}

/* What calls become that are compiled with _FORTIFY_SOURCE. */
#define WRAP_OPEN_2(name, which)						\
EXPORT int name(const char *path, int flags);					\
EXPORT int name(const char *path, int flags)					\
{										\
	open_2_function *function = (open_2_function *)next(which);		\
										\
	return admit(function(path, flags), flags);				\
}

#define WRAP_OPENAT_2(name, which)						\
EXPORT int name(int dir, const char *path, int flags);				\
EXPORT int name(int dir, const char *path, int flags)				\
{										\
	openat_2_function *function = (openat_2_function *)next(which);		\
										\
	return admit(function(dir, path, flags), flags);			\
}

WRAP_OPEN(open, OPEN)
WRAP_OPEN(open64, OPEN64)
WRAP_OPENAT(openat, OPENAT)
WRAP_OPENAT(openat64, OPENAT64)
WRAP_OPEN_2(__open_2, OPEN_2)
WRAP_OPEN_2(__open64_2, OPEN64_2)
WRAP_OPENAT_2(__openat_2, OPENAT_2)
WRAP_OPENAT_2(__openat64_2, OPENAT64_2)

static bool parse_flag(const char *flag)
{
	if (!strcmp(flag, "topdown"))
		return window.topdown = true;
	if (!strcmp(flag, "optional"))
		return window.optional = true;
	if (!strcmp(flag, "verbose"))
		return window.verbose = true;
	return false;
}

static bool parse(const char *text)
{
	char flags[64], *end, *flag;

	window.start = strtoull(text, &end, 0);
	if (*end++ != '-')
		return false;
	window.end = strtoull(end, &end, 0);
	if (window.start >= window.end || (*end && *end++ != ','))
		return false;

	snprintf(flags, sizeof(flags), "%s", end);
	for (flag = strtok(flags, ","); flag; flag = strtok(NULL, ","))
		if (!parse_flag(flag))
			return false;
	return true;
}

__attribute__((constructor))
static void start(void)
{
	static const char message[] =
		"placed-window: cannot understand " PLACED_WINDOW_VARIABLE
		" in the environment: unset it, and start the program by placed-window\n";
	const char *text = getenv(PLACED_WINDOW_VARIABLE);

	for (int i = 0; i < FUNCTIONS; i++)
		next(i);
	if (!text || parse(text))
		return;
	/* Asked for a window, and no way to tell which. */
	if (write(STDERR_FILENO, message, sizeof(message) - 1) >= 0)
		_exit(PLACED_WINDOW_FAILED);
	_exit(PLACED_WINDOW_FAILED);
}
