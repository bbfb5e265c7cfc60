// SPDX-License-Identifier: MIT
/*
 * Pages of a sparse GEM object, in page windows: one mapping for a window, whatever is in it,
 * and one system call for any number of pages. The memory is never swapped out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <drm.h>

#include "awe.h"
#include "drm_placed.h"

#define DRM_MAJOR 226
#define NODES 64

_Static_assert(AWE_NONE == DRM_GEM_MAP_PAGES_NONE, "pages are passed on as they are");

/* As libdrm's drmIoctl(). Returns 0 or the negative errno. */
static int drm_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret == -1 && (errno == EINTR || errno == EAGAIN));

	return ret ? -errno : 0;
}

static int sparse(struct placed_awe *awe, uint32_t op, uint64_t first, uint64_t count)
{
	struct drm_gem_sparse args = {
		.op = op, .handle = awe->handle,
		.offset = first * awe_page_size(), .length = count * awe_page_size(),
	};

	return drm_ioctl(awe->fd, DRM_IOCTL_GEM_SPARSE, &args);
}

/* An object of this file. Says why not, if it cannot be. */
static int create_object(struct placed_awe *awe, const char *driver)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };
	struct drm_gem_sparse create = {
		.op = DRM_GEM_SPARSE_CREATE,
		.flags = awe->flags & PLACED_AWE_POOL ? DRM_GEM_SPARSE_POOL : 0,
		.length = awe->pages * awe_page_size(),
	};
	int ret;

	if (drm_ioctl(awe->fd, DRM_IOCTL_GET_CAP, &cap))
		cap.value = 0;
	if (!(cap.value & DRM_GEM_MMAP_PLACED_PAGES)) {
		snprintf(awe->why, sizeof(awe->why), "%s has no page windows", driver);
		return -EOPNOTSUPP;
	}
	ret = drm_ioctl(awe->fd, DRM_IOCTL_GEM_SPARSE, &create);
	if (ret) {
		snprintf(awe->why, sizeof(awe->why), "%s makes no sparse object of %llu pages%s: %s",
			 driver, (unsigned long long)awe->pages,
			 create.flags ? " of a pool" : "", strerror(-ret));
		return ret;
	}
	awe->handle = create.handle;
	return 0;
}

/* Can an object have page windows? The cap says what there is, and not of which objects. */
static int try_window(struct placed_awe *awe, const char *driver)
{
	struct drm_gem_mmap_placed args = {
		.handle = awe->handle, .length = awe_page_size(),
		.flags = DRM_GEM_MMAP_PLACED_PAGES | DRM_GEM_MMAP_PLACED_READ |
			 DRM_GEM_MMAP_PLACED_WRITE,
	};
	int ret = drm_ioctl(awe->fd, DRM_IOCTL_GEM_MMAP_PLACED, &args);

	if (ret) {
		snprintf(awe->why, sizeof(awe->why), "%s has no page window of a sparse object: %s",
			 driver, strerror(-ret));
		return ret;
	}
	munmap((void *)(uintptr_t)args.addr, args.length);
	return 0;
}

/* By render nodes, which give no rights to the screen. */
static int open_node(int node, char *path, size_t path_size, char *name, size_t name_size)
{
	struct drm_version version = { .name = name, .name_len = name_size - 1 };
	int fd;

	snprintf(path, path_size, "/dev/dri/renderD%d", 128 + node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	memset(name, 0, name_size);
	if (!drm_ioctl(fd, DRM_IOCTL_VERSION, &version))
		return fd;
	close(fd);
	return -1;
}

/* All nodes of a driver, or all of others. The reason that stays is that of the last. */
static int try_nodes(struct placed_awe *awe, const char *driver, bool others)
{
	char path[32], name[32];
	int ret = -ENODEV;

	for (int node = 0; node < NODES; node++) {
		awe->fd = open_node(node, path, sizeof(path), name, sizeof(name));
		if (awe->fd < 0)
			continue;
		if (!strcmp(name, driver) != others) {
			ret = create_object(awe, name);
			if (!ret)
				ret = try_window(awe, name);
			if (!ret) {
				snprintf(awe->why, sizeof(awe->why), "%s (%s) has page windows",
					 name, path);
				return 0;
			}
		}
		close(awe->fd);
		awe->fd = -1;
	}
	return ret;
}

/*
 * Any device will do. One without hardware comes first: there, pages are memory of the
 * machine's and nothing else, and no device has to be told of them.
 */
int awe_drm_create(struct placed_awe *awe, const struct placed_awe_options *options)
{
	const char *first = options->driver ? options->driver : "vgem";
	int ret;

	snprintf(awe->why, sizeof(awe->why), "no render node of %s",
		 options->driver ? options->driver : "any driver");
	ret = try_nodes(awe, first, false);
	if (ret && !options->driver)
		ret = try_nodes(awe, first, true);
	if (!ret)
		awe->locked = PLACED_AWE_LOCKED_ALL;
	return ret;
}

/* The object has to be there, and as large as the ledger says. */
int awe_drm_import(struct placed_awe *awe)
{
	struct drm_gem_sparse query = {
		.op = DRM_GEM_SPARSE_QUERY, .handle = awe->handle,
		.length = awe->pages * awe_page_size(),
	};
	struct stat stat;
	int ret;

	if (fstat(awe->fd, &stat) || !S_ISCHR(stat.st_mode) || major(stat.st_rdev) != DRM_MAJOR)
		return -EINVAL;
	ret = drm_ioctl(awe->fd, DRM_IOCTL_GEM_SPARSE, &query);
	if (ret && ret != -ENOSPC)
		return ret == -ENODEV ? ret : -EINVAL;
	awe->locked = PLACED_AWE_LOCKED_ALL;
	return 0;
}

static int drm_populate(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	return sparse(awe, DRM_GEM_SPARSE_POPULATE, first, count);
}

static int drm_discard(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	return sparse(awe, DRM_GEM_SPARSE_DISCARD, first, count);
}

static int drm_reserve(struct placed_awe *awe, struct awe_place *place)
{
	struct drm_gem_mmap_placed args = {
		.handle = awe->handle,
		.flags = DRM_GEM_MMAP_PLACED_PAGES | DRM_GEM_MMAP_PLACED_READ |
			 DRM_GEM_MMAP_PLACED_WRITE,
		.length = place->size,
		.addr = place->addr,
		.range_start = place->range_start,
		.range_end = place->range_end,
	};
	int ret;

	if (place->flags & PLACED_AWE_EXACT) {
		args.flags |= DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	} else {
		args.align = AWE_GRAIN;
		args.addr -= args.addr % AWE_GRAIN;
		if (place->flags & PLACED_AWE_TOPDOWN)
			args.flags |= DRM_GEM_MMAP_PLACED_TOPDOWN;
	}
	ret = drm_ioctl(awe->fd, DRM_IOCTL_GEM_MMAP_PLACED, &args);
	if (ret)
		return ret;
	/* Windows of a process are not for its children. */
	madvise((void *)(uintptr_t)args.addr, args.length, MADV_DONTFORK);
	place->addr = args.addr;
	return 0;
}

/* Some of the changes, in one call. */
static int map_pages(struct placed_awe *awe, const struct awe_changes *changes, uint64_t first,
		     uint64_t count)
{
	struct drm_gem_map_pages args = {
		.addr = changes->addrs ? 0 : awe_change_addr(changes, first),
		.addrs = changes->addrs ? (uintptr_t)(changes->addrs + first) : 0,
		.pages = (uintptr_t)(changes->pages + first),
		.count = count,
	};

	awe->map_calls++;
	return drm_ioctl(awe->fd, DRM_IOCTL_GEM_MAP_PAGES, &args);
}

/* One call changes all or nothing; more are undone if one of them fails. */
static int drm_change(struct placed_awe *awe, struct awe_changes *changes)
{
	uint64_t first, count;
	int ret = 0;

	for (first = 0; first < changes->count; first += count) {
		count = changes->count - first;
		if (count > DRM_GEM_MAP_PAGES_MAX)
			count = DRM_GEM_MAP_PAGES_MAX;
		ret = map_pages(awe, changes, first, count);
		if (ret)
			break;
	}
	if (!ret)
		return 0;

	awe_old_pages(awe, changes);
	while (first) {
		first -= DRM_GEM_MAP_PAGES_MAX;
		if (map_pages(awe, changes, first, DRM_GEM_MAP_PAGES_MAX))
			return -ENOTRECOVERABLE;
	}
	/* A window that somebody has unmapped. */
	return ret == -ENOENT ? -EADDRNOTAVAIL : ret;
}

static void drm_close(struct placed_awe *awe)
{
}

const struct awe_backend awe_drm = {
	.populate = drm_populate,
	.discard = drm_discard,
	.reserve = drm_reserve,
	.change = drm_change,
	.close = drm_close,
};
