/* SPDX-License-Identifier: MIT */
/*
 * DRM devices, dumb objects and placed maps for the tests, the demo and the
 * bench. Needs nothing but the kernel's headers and libdrm's.
 */
#ifndef PLACED_DEVICE_H
#define PLACED_DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>
#include <drm_mode.h>

#include "drm_placed.h"

#define PLACED_PAGE 4096ull
#define PLACED_2M (2ull << 20)
#define PLACED_4G (4ull << 30)

#define PLACED_RW (DRM_GEM_MMAP_PLACED_READ | DRM_GEM_MMAP_PLACED_WRITE)

/* As libdrm's drmIoctl(): again after signals. Returns 0 or the negative errno. */
static inline int placed_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret == -1 && (errno == EINTR || errno == EAGAIN));

	return ret ? -errno : 0;
}

/*
 * Open a node of a driver by the driver's name: node is "card" or "renderD",
 * mode O_RDWR or O_RDONLY. -1: there is none.
 */
static inline int placed_open_node(const char *driver, const char *node, int mode)
{
	for (int i = 0; i < 192; i++) {
		struct drm_version version = {};
		char path[32], name[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/%s%d", node, i);
		fd = open(path, mode | O_CLOEXEC);
		if (fd < 0)
			continue;

		version.name = name;
		version.name_len = sizeof(name) - 1;
		if (!placed_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, driver))
			return fd;

		close(fd);
	}

	return -1;
}

/* The path of a device's file in debugfs, by the driver's name. False: there is no such device. */
static inline bool placed_debugfs(const char *driver, const char *file, char *path, size_t size)
{
	for (int i = 0; i < 16; i++) {
		char name[64] = "";
		FILE *f;

		snprintf(path, size, "/sys/kernel/debug/dri/%d/name", i);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		if (strncmp(name, driver, strlen(driver)) || name[strlen(driver)] != ' ')
			continue;

		snprintf(path, size, "/sys/kernel/debug/dri/%d/%s", i, file);
		return true;
	}

	return false;
}

static inline int placed_open(const char *driver)
{
	return placed_open_node(driver, "card", O_RDWR);
}

/* The driver of the machine's GPU: that of vmware-svga, or of virtio-gpu. */
static inline const char *placed_gpu(void)
{
	static const char *gpu;
	int fd;

	if (!gpu) {
		fd = placed_open_node("vmwgfx", "renderD", O_RDWR);
		gpu = fd < 0 ? "virtio_gpu" : "vmwgfx";
		if (fd >= 0)
			close(fd);
	}
	return gpu;
}

/* A dumb object of at least this many bytes. Returns 0 or the negative errno. */
static inline int placed_create(int fd, uint64_t size, uint32_t *handle)
{
	struct drm_mode_create_dumb create = {
		.bpp = 32,
		.width = 1024,
		.height = (size + PLACED_PAGE - 1) / PLACED_PAGE,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);

	if (!ret)
		*handle = create.handle;
	return ret;
}

static inline int placed_close_handle(int fd, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	return placed_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

/* The fake offset of an object, for plain mmap(2). */
static inline int placed_fake_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_mode_map_dumb map = { .handle = handle };
	int ret = placed_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);

	if (!ret)
		*offset = map.offset;
	return ret;
}

/* A dumb object that any driver maps: some wait to be asked for the fake offset. */
static inline int placed_create_mappable(int fd, uint64_t size, uint32_t *handle)
{
	uint64_t offset;
	int ret = placed_create(fd, size, handle);

	return ret ? ret : placed_fake_offset(fd, *handle, &offset);
}

static inline int placed_map(int fd, struct drm_gem_mmap_placed *args)
{
	return placed_ioctl(fd, DRM_IOCTL_GEM_MMAP_PLACED, args);
}

static inline void *placed_ptr(uint64_t addr)
{
	return (void *)(uintptr_t)addr;
}

static inline uint64_t placed_addr(const void *ptr)
{
	return (uintptr_t)ptr;
}

/* Walk /proc/self/maps. Returns false at its end. */
static inline bool placed_next_map(FILE *maps, uint64_t *start, uint64_t *end, char *rest, int size)
{
	char line[512], *at;

	if (!fgets(line, sizeof(line), maps))
		return false;

	/* Tests do this all the time: sscanf() takes several times as long. */
	*start = strtoull(line, &at, 16);
	if (*at != '-')
		return false;
	*end = strtoull(at + 1, &at, 16);
	if (*at != ' ')
		return false;

	if (rest)
		snprintf(rest, size, "%s", at + 1);
	return true;
}

/* Is nothing mapped in [start, end)? */
static inline bool placed_is_free(uint64_t start, uint64_t end)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t s, e;
	bool is_free = true;

	while (maps && placed_next_map(maps, &s, &e, NULL, 0))
		if (s < end && start < e)
			is_free = false;

	if (maps)
		fclose(maps);
	return maps && is_free;
}

/*
 * Fill [start, start + count * 2 * length) with count mappings, one free gap
 * of the same length behind each. Returns how many there are.
 */
static inline int placed_fragment(uint64_t start, uint64_t length, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		void *at = placed_ptr(start + i * 2 * length);

		if (mmap(at, length, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			 -1, 0) != at)
			break;
	}

	return i;
}

#endif
