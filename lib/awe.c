// SPDX-License-Identifier: MIT
/*
 * Handles: made, given to other processes, and closed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "awe.h"

uint64_t placed_awe_max_pages(unsigned int bits)
{
	return bits == 32 ? (1ull << 22) - 1 : AWE_MAX_PAGES;
}

uint32_t placed_awe_windows_error(int error)
{
	static const struct {
		int error;
		uint32_t windows;
	} errors[] = {
		{ 0, 0 },
		{ EINVAL, 87 },			/* ERROR_INVALID_PARAMETER */
		{ EFAULT, 998 },		/* ERROR_NOACCESS */
		{ EADDRNOTAVAIL, 487 },		/* ERROR_INVALID_ADDRESS */
		{ EEXIST, 487 },
		{ ENOMEM, 8 },			/* ERROR_NOT_ENOUGH_MEMORY */
		{ ENOSPC, 8 },
		{ EACCES, 5 },			/* ERROR_ACCESS_DENIED */
		{ EPERM, 1314 },		/* ERROR_PRIVILEGE_NOT_HELD */
		{ EBADF, 6 },			/* ERROR_INVALID_HANDLE */
		{ EMFILE, 4 },			/* ERROR_TOO_MANY_OPEN_FILES */
		{ ENFILE, 4 },
		{ ENODEV, 55 },			/* ERROR_DEV_NOT_EXIST */
		{ EOPNOTSUPP, 50 },		/* ERROR_NOT_SUPPORTED */
		{ EOVERFLOW, 534 },		/* ERROR_ARITHMETIC_OVERFLOW */
		{ ETIMEDOUT, 1460 },		/* ERROR_TIMEOUT */
		{ EINTR, 995 },			/* ERROR_OPERATION_ABORTED */
		{ ENOTRECOVERABLE, 1359 },	/* ERROR_INTERNAL_ERROR */
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return errors[i].windows;
	return 31; /* ERROR_GEN_FAILURE */
}

/* Handles */

static void print_line(const struct placed_awe_options *options, const char *line)
{
	const char *wanted = secure_getenv("PLACED_AWE_LOG");

	if (options->log)
		options->log(options->log_data, line);
	if (wanted && *wanted)
		fprintf(stderr, "%s\n", line);
}

static void say_why(struct placed_awe *awe, const struct placed_awe_options *options)
{
	char line[sizeof(awe->why) + 64];

	snprintf(line, sizeof(line), "placed-awe: %s: %s",
		 awe->kind == PLACED_AWE_DRM ? "page windows" : "memfd", awe->why);
	print_line(options, line);
}

/* A process may be older, or newer, than the library. */
static int get_options(struct placed_awe_options *options, const struct placed_awe_options *given)
{
	*options = (struct placed_awe_options) { .size = sizeof(*options) };
	if (given && given->size < offsetof(struct placed_awe_options, pages))
		return -EINVAL;
	if (given)
		memcpy(options, given, given->size < sizeof(*options) ? given->size :
		       sizeof(*options));
	if (options->flags & ~(PLACED_AWE_ONLY_MEMFD | PLACED_AWE_ONLY_DRM | PLACED_AWE_POOL |
			       PLACED_AWE_FRAMES_32 | PLACED_AWE_MUST_LOCK))
		return -EINVAL;
	if (options->flags & PLACED_AWE_ONLY_MEMFD &&
	    options->flags & (PLACED_AWE_ONLY_DRM | PLACED_AWE_POOL))
		return -EINVAL;
	if (options->flags & PLACED_AWE_POOL)
		options->flags |= PLACED_AWE_ONLY_DRM;
	if (sizeof(uintptr_t) == 4)
		options->flags |= PLACED_AWE_FRAMES_32;
	return 0;
}

static struct placed_awe *make_handle(const struct placed_awe_options *options)
{
	struct placed_awe *awe = calloc(1, sizeof(*awe));

	if (!awe)
		return NULL;
	pthread_mutex_init(&awe->mutex, NULL);
	awe->fd = -1;
	awe->ledger_fd = -1;
	awe->pid = getpid();
	awe->flags = options->flags;
	awe->lock_wait = options->lock_wait ? options->lock_wait : 10000;
	awe->free_wait = options->free_wait;
	awe->scratch.fd = memfd_create("placed-awe-scratch", MFD_CLOEXEC);
	if (awe->scratch.fd >= 0)
		return awe;
	free(awe);
	return NULL;
}

/* Those of two processes differ, if few others were made in between. */
static uint32_t make_up_owner(void)
{
	static atomic_uint count;

	return getpid() + 257 * atomic_fetch_add(&count, 1);
}

static int set_numbers(struct placed_awe *awe, const struct placed_awe_options *options)
{
	uint32_t owner = options->owner ? options->owner : make_up_owner();
	uint64_t most = placed_awe_max_pages(awe->flags & PLACED_AWE_FRAMES_32 ? 32 : 64);
	long ram = sysconf(_SC_PHYS_PAGES);

	awe->page_bits = awe->flags & PLACED_AWE_FRAMES_32 ? 22 : 42;
	awe->owner = (owner - 1) % (awe->page_bits == 22 ? (1u << 10) - 1 : (1u << 22) - 1) + 1;
	awe->pages = options->pages;
	if (!awe->pages)
		awe->pages = ram > 0 && (uint64_t)ram < most ? (uint64_t)ram : most;
	return awe->pages <= most ? 0 : -EINVAL;
}

/* What one backend has made before it failed. */
static void drop_object(struct placed_awe *awe)
{
	if (awe->fd >= 0)
		close(awe->fd);
	awe->fd = -1;
	awe->handle = 0;
}

static int create_object(struct placed_awe *awe, const struct placed_awe_options *options)
{
	int ret = -EOPNOTSUPP;

	if (options->flags & PLACED_AWE_ONLY_MEMFD) {
		snprintf(awe->why, sizeof(awe->why), "no DRM device was asked for");
	} else {
		awe->backend = &awe_drm;
		awe->kind = PLACED_AWE_DRM;
		ret = awe_drm_create(awe, options);
		if (!ret)
			return 0;
		drop_object(awe);
	}
	if (options->flags & PLACED_AWE_ONLY_DRM)
		return ret;

	awe->backend = &awe_memfd;
	awe->kind = PLACED_AWE_MEMFD;
	return awe_memfd_create(awe);
}

static void destroy(struct placed_awe *awe)
{
	bool is_here = awe->pid == getpid();

	if (awe->backend && is_here)
		awe->backend->close(awe);
	while (awe->window_count)
		awe_remove_window(awe, awe->window_count - 1);
	free(awe->windows);
	awe_drop_scratch(awe);
	close(awe->scratch.fd);
	drop_object(awe);
	awe_ledger_close(awe);
	free(awe);
}

static struct placed_awe *failed(struct placed_awe *awe, int ret)
{
	destroy(awe);
	errno = -ret;
	return NULL;
}

struct placed_awe *placed_awe_create(const struct placed_awe_options *given)
{
	struct placed_awe_options options;
	struct placed_awe *awe;
	int ret = get_options(&options, given);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	awe = make_handle(&options);
	if (!awe)
		return NULL;
	ret = set_numbers(awe, &options);
	if (!ret)
		ret = create_object(awe, &options);
	if (!ret)
		ret = awe_ledger_create(awe);
	if (ret)
		return failed(awe, ret);
	say_why(awe, &options);
	return awe;
}

bool placed_awe_export(struct placed_awe *awe, int fds[2])
{
	int copies[2];

	copies[0] = fcntl(awe->fd, F_DUPFD_CLOEXEC, 0);
	if (copies[0] < 0)
		return false;
	copies[1] = fcntl(awe->ledger_fd, F_DUPFD_CLOEXEC, 0);
	if (copies[1] < 0) {
		int error = errno;

		close(copies[0]);
		errno = error;
		return false;
	}
	memcpy(fds, copies, sizeof(copies));
	return true;
}

static int import(struct placed_awe *awe, const int fds[2])
{
	int ret;

	awe->fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	awe->ledger_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
	if (awe->fd < 0 || awe->ledger_fd < 0)
		return -errno;
	ret = awe_ledger_import(awe);
	if (ret)
		return ret;
	snprintf(awe->why, sizeof(awe->why), "as the process that made it has chosen");
	if (awe->kind == PLACED_AWE_DRM) {
		awe->backend = &awe_drm;
		return awe_drm_import(awe);
	}
	awe->backend = &awe_memfd;
	return awe_memfd_import(awe);
}

struct placed_awe *placed_awe_import(const int fds[2], const struct placed_awe_options *given)
{
	struct placed_awe_options options;
	struct placed_awe *awe;
	int ret = get_options(&options, given);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	awe = make_handle(&options);
	if (!awe)
		return NULL;
	ret = import(awe, fds);
	if (ret)
		return failed(awe, ret);
	say_why(awe, &options);
	return awe;
}

void placed_awe_get_info(struct placed_awe *awe, struct placed_awe_info *info)
{
	struct awe_call call;
	uint64_t high;

	*info = (struct placed_awe_info) {
		.backend = awe->kind, .why = awe->why, .pages = awe->pages, .owner = awe->owner,
	};
	if (awe_begin(&call, awe))
		return;
	info->locked = awe->locked;
	info->map_calls = awe->map_calls;
	high = awe_high(awe);
	if (!awe_take_ledger(&call)) {
		for (uint64_t page = 0; page < high; page++) {
			uint64_t entry = AWE_LOAD(awe->entries[page]);

			info->allocated += !!(entry & AWE_ALLOCATED);
			info->mapped += entry & AWE_ALLOCATED && entry & ~AWE_FLAGS;
		}
	}
	awe_end(&call, 0);
}

void placed_awe_close(struct placed_awe *awe)
{
	if (!awe)
		return;
	if (awe->pid == getpid())
		awe_leave_windows(awe);
	destroy(awe);
}
