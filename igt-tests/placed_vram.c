// SPDX-License-Identifier: MIT

/**
 * TEST: placed vram
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: Mappings of virtio-gpu objects that live in host memory, how they are populated
 *	and dropped.
 */

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <virtgpu_drm.h>

#include "placed_sparse.h"

IGT_TEST_DESCRIPTION("Maps parts of host visible virtio-gpu objects.");

#define PAGES 16
#define SIZE (PAGES * PLACED_PAGE)

/* Words of virgl's command that makes the buffer behind a blob. */
enum {
	VIRGL_PIPE_RESOURCE_CREATE = 48,
	VIRGL_PIPE_RESOURCE_CREATE_SIZE = 11,
	VIRGL_FORMAT_R8_UNORM = 64,
	VIRGL_BIND_VERTEX_BUFFER = 1 << 4,
	VIRGL_RESOURCE_MAP_PERSISTENT = 1 << 1,
	VIRGL_RESOURCE_MAP_COHERENT = 1 << 2,
};

/* A mappable object in the host's memory, through virgl. */
static int create_vram(int fd, uint32_t *handle)
{
	uint32_t command[] = {
		VIRGL_PIPE_RESOURCE_CREATE | VIRGL_PIPE_RESOURCE_CREATE_SIZE << 16,
		0 /* a buffer */, VIRGL_FORMAT_R8_UNORM, VIRGL_BIND_VERTEX_BUFFER,
		SIZE, 1, 1, 1, 0, 0,
		VIRGL_RESOURCE_MAP_PERSISTENT | VIRGL_RESOURCE_MAP_COHERENT,
		1 /* blob id */,
	};
	struct drm_virtgpu_resource_create_blob create = {
		.blob_mem = VIRTGPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = SIZE,
		.cmd_size = sizeof(command),
		.cmd = placed_addr(command),
		.blob_id = 1,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create);

	*handle = create.bo_handle;
	return ret;
}

static uint64_t param(int fd, uint64_t which)
{
	int value = 0;
	struct drm_virtgpu_getparam get = { .param = which, .value = placed_addr(&value) };

	return placed_ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &get) ? 0 : value;
}

/* Every page of the object gets its number, through a mapping of the whole. */
static uint32_t *number_pages(int fd, uint32_t handle)
{
	struct drm_virtgpu_map map = { .handle = handle };
	uint32_t *whole;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &map), 0);
	whole = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
	igt_assert(whole != MAP_FAILED);
	for (uint32_t i = 0; i < PAGES; i++)
		whole[i * 1024] = 9000 + i;
	return whole;
}

static void check_pages(const uint32_t *ptr, int first, int count)
{
	for (int i = 0; i < count; i++)
		igt_assert_eq_u32(ptr[i * 1024], 9000 + first + i);
}

/**
 * SUBTEST: middle
 * Description: A mapping from the middle shows the object's pages from there.
 */
static void middle(int fd, uint32_t handle)
{
	struct drm_gem_mmap_placed args = {
		.handle = handle, .flags = PLACED_RW, .length = 3 * PLACED_PAGE,
		.range_end = PLACED_4G,
	};
	uint32_t *whole = number_pages(fd, handle);

	for (int first = 0; first <= PAGES - 3; first++) {
		uint32_t *part;

		args.offset = first * PLACED_PAGE;
		part = placed_must_map(fd, args);
		check_pages(part, first, 3);
		part[1] = 300 + first;
		igt_assert_eq_u32(whole[first * 1024 + 1], 300 + first);
		placed_unmap(part, args.length);
	}

	args.offset = SIZE - PLACED_PAGE;
	args.length = 2 * PLACED_PAGE;
	placed_must_fail(fd, args, EINVAL);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: split
 * Description: A split mapping, and one moved in parts, still shows its own pages.
 */
static void split(int fd, uint32_t handle)
{
	uint64_t region = placed_free_region(2 * SIZE);
	uint32_t *whole = number_pages(fd, handle), *moved;

	igt_assert_eq(mprotect(whole, 5 * PLACED_PAGE, PROT_READ), 0);
	check_pages(whole, 0, PAGES);
	moved = mremap(whole + 8 * 1024, 4 * PLACED_PAGE, 4 * PLACED_PAGE,
		       MREMAP_MAYMOVE | MREMAP_FIXED, placed_ptr(region));
	igt_assert_eq_u64(placed_addr(moved), region);
	check_pages(moved, 8, 4);
	check_pages(whole, 0, 8);
	check_pages(whole + 12 * 1024, 12, 4);
	placed_unmap(moved, 4 * PLACED_PAGE);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: fixed
 * Description: A placed map over a reservation, and over a part of itself.
 */
static void fixed(int fd, uint32_t handle)
{
	uint64_t region = placed_free_region(SIZE);
	struct drm_gem_mmap_placed args = {
		.handle = handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED, .length = SIZE,
		.addr = region,
	};
	uint32_t *ptr;

	placed_unmap(number_pages(fd, handle), SIZE);
	placed_reserve(region, region + SIZE);
	ptr = placed_must_map(fd, args);
	check_pages(ptr, 0, PAGES);

	args.addr = region + 4 * PLACED_PAGE;
	args.offset = 10 * PLACED_PAGE;
	args.length = PLACED_PAGE;
	placed_must_map(fd, args);
	check_pages(ptr, 0, 4);
	check_pages(ptr + 4 * 1024, 10, 1);
	check_pages(ptr + 5 * 1024, 5, PAGES - 5);
	placed_unmap(ptr, SIZE);
}

/* Coherent, without anybody tracking: a store leaves nothing to send. */
static void check_native(int fd, uint32_t handle)
{
	struct drm_gem_coherent coherent = {
		.handle = handle,
		.flags = DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE,
		.state = ~0u,
	};
	struct drm_gem_mmap_placed args = {
		.handle = handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT,
		.length = SIZE,
	};
	struct drm_gem_dirty dirty = {
		.handle = handle,
		.flags = DRM_GEM_DIRTY_QUERY | DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
		.count = 7, .pages = 7,
	};
	uint32_t *ptr;

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_COHERENT, &coherent), 0);
	igt_assert_eq(coherent.state, DRM_GEM_COHERENT_NATIVE);

	ptr = placed_must_map(fd, args);
	for (int i = 0; i < PAGES; i++)
		ptr[i * 1024] = 9000 + i;
	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_DIRTY, &dirty), 0);
	igt_assert_eq(dirty.count, 0);
	igt_assert_eq_u64(dirty.pages, 0);
	check_pages(ptr, 0, PAGES);
	placed_unmap(ptr, SIZE);
}

/**
 * SUBTEST: native
 * Description: Blobs are coherent by nature: accepted, and not tracked.
 */
static void native(int fd, uint32_t handle)
{
	struct drm_virtgpu_resource_create_blob create = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = SIZE,
	};

	check_native(fd, handle);

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create), 0);
	check_native(fd, create.bo_handle);
	igt_assert_eq(placed_close_handle(fd, create.bo_handle), 0);
}

static struct drm_gem_mmap_placed once_more(const void *from, uint64_t pages)
{
	return (struct drm_gem_mmap_placed) {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR, .length = pages * PLACED_PAGE,
		.from_addr = placed_addr(from), .range_end = PLACED_4G,
	};
}

/**
 * SUBTEST: duplicate
 * Description: Duplicates of the whole and of parts, by another device's file, too; a private
 *	mapping has none.
 */
static void duplicate(int fd, uint32_t handle)
{
	struct drm_virtgpu_map map = { .handle = handle };
	uint32_t *whole = number_pages(fd, handle), *copy;
	int vgem = placed_open("vgem");

	igt_assert(vgem >= 0);
	copy = placed_must_map(vgem, once_more(whole, PAGES));
	check_pages(copy, 0, PAGES);
	copy[5 * 1024 + 1] = 77;
	igt_assert_eq_u32(whole[5 * 1024 + 1], 77);
	placed_unmap(copy, SIZE);

	igt_assert_eq(mprotect(whole, 6 * PLACED_PAGE, PROT_READ), 0);
	copy = placed_must_map(fd, once_more(whole + 4 * 1024, 5));
	check_pages(copy, 4, 5);
	igt_assert_eq(mprotect(copy, 5 * PLACED_PAGE, PROT_READ | PROT_WRITE), 0);
	copy[1024 + 1] = 78;
	igt_assert_eq_u32(whole[5 * 1024 + 1], 78);
	placed_unmap(copy, 5 * PLACED_PAGE);
	placed_unmap(whole, SIZE);

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &map), 0);
	whole = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, map.offset);
	igt_assert(whole != MAP_FAILED);
	placed_must_fail(fd, once_more(whole, PAGES), EOPNOTSUPP);
	placed_must_fail(vgem, once_more(whole + 1024, 1), EOPNOTSUPP);
	placed_unmap(whole, SIZE);
	close(vgem);
}

/* A mapping of the whole, whose entries are not there. */
static uint8_t *map_dropped(int fd, uint32_t handle)
{
	uint8_t *ptr = placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = handle, .flags = PLACED_RW, .length = SIZE,
	});

	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(ptr, 0, 1));
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	return ptr;
}

/**
 * SUBTEST: populate
 * Description: After each call that populates nothing faults, and the object is as it was.
 */
static void populate(int fd, uint32_t handle)
{
	struct drm_virtgpu_map map = { .handle = handle };
	uint32_t *whole = number_pages(fd, handle);
	uint8_t *ptr = map_dropped(fd, handle);

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &map), 0);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(ptr, 0, PAGES), 0);
	igt_assert_eq(advise(ptr, 3, 5, MADV_DONTNEED), 0);
	igt_assert_eq(READ_FAULTS(ptr, 0, 3), 0);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_POPULATE_WRITE), 0);
	igt_assert_eq(WRITE_FAULTS(ptr, 0, PAGES), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);

	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(mlock(ptr, SIZE), 0);
	igt_assert_eq(READ_FAULTS(ptr, 0, PAGES), 0);
	igt_assert_eq(munlock(ptr, SIZE), 0);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(mlock2(ptr, SIZE, MLOCK_ONFAULT), 0);
	igt_assert_lt_u64(0, READ_FAULTS(ptr, 0, PAGES));
	igt_assert_eq(munlock(ptr, SIZE), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);
	placed_unmap(ptr, SIZE);

	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, map.offset);
	igt_assert(ptr != MAP_FAILED);
	igt_assert_eq(READ_FAULTS(ptr, 0, PAGES), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);
	placed_unmap(ptr, SIZE);

	/* Of a part. */
	ptr = placed_must_map(fd, (struct drm_gem_mmap_placed) {
		.handle = handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_POPULATE,
		.offset = 5 * PLACED_PAGE, .length = 7 * PLACED_PAGE,
	});
	igt_assert_eq(READ_FAULTS(ptr, 0, 7), 0);
	check_pages((uint32_t *)ptr, 5, 7);
	placed_unmap(ptr, 7 * PLACED_PAGE);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: dontneed
 * Description: MADV_DONTNEED drops the entries of that mapping alone, until the next access.
 */
static void dontneed(int fd, uint32_t handle)
{
	uint32_t *whole = number_pages(fd, handle);
	uint8_t *ptr = map_dropped(fd, handle);

	igt_assert_eq(READ_FAULTS((uint8_t *)whole, 0, PAGES), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);
	((uint32_t *)ptr)[5 * 1024 + 1] = 55;
	igt_assert_eq(advise(ptr, 5, 2, MADV_DONTNEED_LOCKED), 0);
	igt_assert_lt_u64(0, READ_FAULTS(ptr, 5, 1));
	igt_assert_eq(READ_FAULTS(ptr, 7, PAGES - 7), 0);
	igt_assert_eq_u32(whole[5 * 1024 + 1], 55);
	check_pages((uint32_t *)ptr, 0, PAGES);

	/* A split mapping's parts fault in their own pages. */
	igt_assert_eq(mprotect(page_at(ptr, 4), 4 * PLACED_PAGE, PROT_READ), 0);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_DONTNEED), 0);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_POPULATE_READ), 0);
	igt_assert_eq(READ_FAULTS(ptr, 0, PAGES), 0);
	check_pages((uint32_t *)ptr, 0, PAGES);
	igt_assert_eq(advise(ptr, 0, PAGES, MADV_POPULATE_WRITE), -EINVAL);
	placed_unmap(ptr, SIZE);
	placed_unmap(whole, SIZE);
}

/**
 * SUBTEST: not-sparse
 * Description: MADV_REMOVE and DRM_IOCTL_GEM_SPARSE: EOPNOTSUPP, and nothing has changed.
 */
static void not_sparse(int fd, uint32_t handle)
{
	uint32_t *whole = number_pages(fd, handle);

	igt_assert_eq(advise((uint8_t *)whole, 0, PAGES, MADV_REMOVE), -EOPNOTSUPP);
	igt_assert_eq(advise((uint8_t *)whole, 3, 2, MADV_REMOVE), -EOPNOTSUPP);
	igt_assert_eq(READ_FAULTS((uint8_t *)whole, 0, PAGES), 0);
	igt_assert_eq(sparse_do(fd, DRM_GEM_SPARSE_POPULATE, handle, 0, 0), -EOPNOTSUPP);
	igt_assert_eq(sparse_do(fd, DRM_GEM_SPARSE_DISCARD, handle, 0, PLACED_PAGE), -EOPNOTSUPP);
	igt_assert_eq(sparse_do(fd, DRM_GEM_SPARSE_QUERY, handle, 0, 0), -EOPNOTSUPP);
	igt_assert_eq(sparse_do(fd, DRM_GEM_SPARSE_CREATE, 0, 0, SIZE), -EOPNOTSUPP);
	check_pages(whole, 0, PAGES);
	placed_unmap(whole, SIZE);
}

/* Take the device away from its driver. */
static void unbind(int fd)
{
	char path[64], device[256], *name;
	struct stat st;
	ssize_t length;
	int file;

	igt_assert_eq(fstat(fd, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
		 minor(st.st_rdev));
	length = readlink(path, device, sizeof(device) - 1);
	igt_assert(length > 0);
	device[length] = 0;
	name = strrchr(device, '/') + 1;

	strcat(path, "/driver/unbind");
	file = open(path, O_WRONLY);
	igt_assert_f(file >= 0, "no %s\n", path);
	igt_assert_eq(write(file, name, strlen(name)), strlen(name));
	close(file);
}

/**
 * SUBTEST: unplugged
 * Description: Of a device that is gone nothing is mapped any more, by no call. The last test.
 */
static void unplugged(int fd, uint32_t handle)
{
	uint8_t *whole = (uint8_t *)number_pages(fd, handle);
	struct drm_gem_mmap_placed args = once_more(whole, PAGES);
	int status, vgem = placed_open("vgem");
	pid_t pid;

	/* The entries that are there go; and those that are not do not come. */
	for (int i = 0; i < 2; i++) {
		if (i)
			igt_assert_eq(advise(whole, 0, PAGES, MADV_POPULATE_READ), -EFAULT);
		else
			unbind(fd);

		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			signal(SIGBUS, SIG_DFL);
			_exit(*(volatile uint8_t *)whole);
		}
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	}

	igt_assert(vgem >= 0);
	igt_assert_eq(placed_map(fd, &args), -ENODEV);
	igt_assert_eq(placed_map(vgem, &args), -ENODEV);
	args.flags |= DRM_GEM_MMAP_PLACED_POPULATE;
	igt_assert_eq(placed_map(vgem, &args), -ENODEV);
	close(vgem);
	placed_unmap(whole, SIZE);
}

igt_main
{
	static const struct {
		const char *name, *what;
		void (*test)(int fd, uint32_t handle);
	} tests[] = {
		{ "middle", "Parts of an object in host memory", middle },
		{ "split", "Split mappings", split },
		{ "fixed", "Placed maps over reservations", fixed },
		{ "native", "Blobs are coherent by nature", native },
		{ "duplicate", "Duplicates, and private mappings", duplicate },
		{ "populate", "Calls that populate", populate },
		{ "dontneed", "MADV_DONTNEED", dontneed },
		{ "not-sparse", "MADV_REMOVE and GEM_SPARSE", not_sparse },
		{ "unplugged", "A device that is gone", unplugged },
	};
	int fd = -1;
	uint32_t handle = 0;

	igt_fixture {
		fd = placed_open("virtio_gpu");
		placed_require_that(fd >= 0 && param(fd, VIRTGPU_PARAM_3D_FEATURES) &&
				    param(fd, VIRTGPU_PARAM_HOST_VISIBLE), "host-visible");
		igt_assert_eq(create_vram(fd, &handle), 0);
	}

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].test(fd, handle);
	}
}
