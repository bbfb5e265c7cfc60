/* SPDX-License-Identifier: MIT */
/*
 * What the launcher tells the library: a variable of the environment, as in
 *
 *	PLACED_WINDOW=0x0-0x100000000,topdown,optional,verbose
 */
#ifndef PLACED_WINDOW_H
#define PLACED_WINDOW_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <drm.h>

#include "drm_placed.h"

#define PLACED_WINDOW_VARIABLE "PLACED_WINDOW"
#define PLACED_WINDOW_LIBRARY "libplaced-window.so"

/* Exit status if there is no window, and therefore no program. */
#define PLACED_WINDOW_FAILED 125

/* Of the device files of DRM. */
#define PLACED_WINDOW_MAJOR 226

struct placed_window {
	uint64_t start, end;
	bool topdown;
	/* Go on without a window where there is none to be had. */
	bool optional;
	/* Say what is opened and mapped. */
	bool verbose;
};

/* Returns 0 or the errno. */
static inline int placed_window_ioctl(int fd, uint32_t op, const struct placed_window *window)
{
	struct drm_gem_mmap_window args = { .op = op };

	if (op == DRM_GEM_MMAP_WINDOW_SET) {
		args.flags = window->topdown ? DRM_GEM_MMAP_WINDOW_TOPDOWN : 0;
		args.range_start = window->start;
		args.range_end = window->end;
	}

	while (ioctl(fd, DRM_IOCTL_GEM_MMAP_WINDOW, &args))
		if (errno != EINTR && errno != EAGAIN)
			return errno;
	return 0;
}

/* Does this file have windows at all? Returns 0 or the errno: EOPNOTSUPP, or ENOTTY for no ioctl. */
static inline int placed_window_probe(int fd)
{
	int error = placed_window_ioctl(fd, DRM_GEM_MMAP_WINDOW_QUERY, NULL);

	/* What Linux answers to numbers that it does not know. */
	return error == EINVAL ? ENOTTY : error;
}

#endif
