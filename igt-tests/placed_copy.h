/* SPDX-License-Identifier: MIT */
/*
 * Objects of placed_copy, the driver whose device is a copy of each object that
 * only transfers reach, for the tests of coherent mappings.
 */
#ifndef PLACED_COPY_H
#define PLACED_COPY_H

#include "placed_helpers.h"

#include "drm_placed_copy.h"

#define COPY_CHUNK 512

/* Operations in which the policy closes pages that are not written. */
#define COPY_PHASE 20

#define COPY_COHERENT (PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT)

/* Kinds of objects, by how their memory is mapped. */
static const struct copy_kind {
	const char *name;
	uint32_t flags;
} copy_kinds[] = {
	{ "pfn", 0 },
	{ "pages", DRM_PLACED_COPY_PAGES },
	{ "contiguous", DRM_PLACED_COPY_CONTIGUOUS },
};

#define COPY_KINDS (int)(sizeof(copy_kinds) / sizeof(copy_kinds[0]))

/*
 * The policy of objects that become coherent from now on. False: there is no
 * such file, or no such policy.
 */
static inline bool copy_set_policy(const char *policy)
{
	char path[64];
	bool done;
	FILE *f;

	if (!placed_debugfs("placed_copy", "placed_policy", path, sizeof(path)))
		return false;

	f = fopen(path, "w");
	if (!f)
		return false;
	done = fputs(policy, f) >= 0;
	return !fclose(f) && done;
}

/* Each test starts with the policy PLACED_POLICY, or the default if that is not set. */
static inline void copy_use_environment(void)
{
	const char *policy = getenv("PLACED_POLICY");

	if (!copy_set_policy(policy ? policy : "interleaved"))
		igt_assert_f(!policy, "cannot set the policy %s\n", policy);
}

struct copy_test {
	const char *name, *what;
	void (*test)(int fd, uint32_t kind);
};

/* A subtest for each test, and in it a dynamic one for each kind of object. */
static inline void copy_run_tests(const struct copy_test *tests, size_t count)
{
	/* Both outlive the jumps that end a subtest. */
	volatile int k, fd;

	for (size_t i = 0; i < count; i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			for (k = 0; k < COPY_KINDS; k++) {
				if (copy_kinds[k].flags & DRM_PLACED_COPY_PAGES && placed_in_short())
					continue;
				fd = placed_open("placed_copy");
				igt_dynamic(copy_kinds[k].name) {
					igt_require_f(fd >= 0, "no device of placed_copy\n");
					copy_use_environment();
					tests[i].test(fd, copy_kinds[k].flags);
				}
				if (fd >= 0)
					close(fd);
			}
		}
	}
}

#define COPY_RUN_TESTS(tests) copy_run_tests(tests, sizeof(tests) / sizeof((tests)[0]))

static inline uint32_t copy_create(int fd, uint64_t size, uint32_t kind)
{
	struct drm_placed_copy_create create = { .size = size, .flags = kind };

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PLACED_COPY_CREATE, &create), 0);
	return create.handle;
}

static inline void copy_make_coherent(int fd, uint32_t handle, uint32_t flags)
{
	struct drm_gem_coherent coherent = { .handle = handle, .flags = flags };

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_GEM_COHERENT, &coherent), 0);
	igt_assert_eq_u32(coherent.state, DRM_GEM_COHERENT_TRACKED);
}

/* An operation of the device. */
static inline struct drm_placed_copy_op copy_op(int fd, uint32_t handle, uint32_t op,
						uint64_t offset, uint64_t length, void *data)
{
	struct drm_placed_copy_op args = {
		.handle = handle,
		.op = op,
		.offset = offset,
		.length = length,
		.data = placed_addr(data),
	};

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PLACED_COPY_OP, &args), 0);
	return args;
}

/* Pages that were ever read back. */
static inline uint64_t copy_read_back(int fd, uint32_t handle)
{
	return copy_op(fd, handle, DRM_PLACED_COPY_PEEK, 0, 0, NULL).read_back;
}

/* Another file's handle of an object. */
static inline uint32_t copy_share(int from, uint32_t handle, int to)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_RDWR };

	igt_assert_eq(placed_ioctl(from, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	igt_assert_eq(placed_ioctl(to, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
	close(prime.fd);
	return prime.handle;
}

/* A dma-buf of an object. */
static inline int copy_export(int fd, uint32_t handle)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_RDWR };

	igt_assert_eq(placed_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	return prime.fd;
}

#endif
