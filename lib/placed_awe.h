/* SPDX-License-Identifier: MIT */
/*
 * Windows' Address Windowing Extensions on Linux: physical pages that a process owns, and
 * windows of addresses in which it maps and remaps them, page by page.
 *
 * The four functions that Windows has are here under names of their own, with what their
 * documentation says of them: placed_awe_allocate() is AllocateUserPhysicalPages(), and so on.
 * docs/awe.md has the table, with what Windows leaves open and what was decided here.
 *
 * All functions that return bool return false for a failure, with the reason in errno.
 * placed_awe_windows_error() says what GetLastError() would be:
 *
 *	EINVAL		ERROR_INVALID_PARAMETER		a number, a count, an alignment
 *	EFAULT		ERROR_NOACCESS			an array cannot be read or written
 *	EADDRNOTAVAIL	ERROR_INVALID_ADDRESS		an address is in no window
 *	EEXIST		ERROR_INVALID_ADDRESS		something is there already
 *	ENOMEM		ERROR_NOT_ENOUGH_MEMORY		memory, or mappings, are used up
 *	ENOSPC		ERROR_NOT_ENOUGH_MEMORY		no room among the addresses
 *	EACCES		ERROR_ACCESS_DENIED		the caller is not the process that maps
 *	EPERM		ERROR_PRIVILEGE_NOT_HELD	memory cannot be locked: see
 *							PLACED_AWE_MUST_LOCK
 *	ETIMEDOUT	ERROR_TIMEOUT			another process keeps the ledger locked
 *	ENOTRECOVERABLE	ERROR_INTERNAL_ERROR		the ledger contradicts itself
 *
 * and, from files and devices, what the kernel answered.
 *
 * Any thread may call any function at any time, except placed_awe_close(). Signals are
 * blocked meanwhile.
 */
#ifndef PLACED_AWE_H
#define PLACED_AWE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#pragma GCC visibility push(default)

/*
 * What Windows' functions get as a process handle: the physical pages of one process. It may
 * be there several times, in the process that maps the pages, and in others that allocate and
 * free pages for it.
 */
struct placed_awe;

/* What the pages and the windows are made of. */
enum placed_awe_backend {
	/* A memfd: a mapping for each run of pages. */
	PLACED_AWE_MEMFD = 0,
	/* A sparse GEM object and page windows: one mapping for each window. */
	PLACED_AWE_DRM = 1,
};

/* Do pages stay in RAM? */
enum placed_awe_locked {
	/* They may be swapped out: RLIMIT_MEMLOCK is too low. */
	PLACED_AWE_LOCKED_NONE = 0,
	/* Those that are mapped stay; those that are not may be swapped out. */
	PLACED_AWE_LOCKED_MAPPED = 1,
	/* All that this process has allocated stay. */
	PLACED_AWE_LOCKED_ALL = 2,
};

/* placed_awe_options.flags */

/* No DRM device, even if one could. */
#define PLACED_AWE_ONLY_MEMFD		(1u << 0)
/* Fail rather than use a memfd. */
#define PLACED_AWE_ONLY_DRM		(1u << 1)
/* Memory of the device's pool: see DRM_GEM_SPARSE_POOL. No memfd then. */
#define PLACED_AWE_POOL			(1u << 2)
/* Frame numbers of 32 bits, for a process that is a 32-bit program. */
#define PLACED_AWE_FRAMES_32		(1u << 3)
/* Fail, by EPERM, rather than have memory that may be swapped out. */
#define PLACED_AWE_MUST_LOCK		(1u << 4)

/* All zero but for size are the defaults, and so is NULL in place of the options. */
struct placed_awe_options {
	/* sizeof(struct placed_awe_options) */
	uint32_t size;

	/* PLACED_AWE_* */
	uint32_t flags;

	/*
	 * The most pages that can be allocated at one time: 0 for as many as the machine has
	 * RAM, and no more than placed_awe_max_pages().
	 */
	uint64_t pages;

	/*
	 * A number for the process, the id that it has on Windows, for example. Frame numbers
	 * have it in their upper bits: 10 on 32-bit, of which 0 is not used, 22 on 64-bit.
	 * Processes have numbers that differ if these do modulo 1,023 or 4,194,303. 0: one that
	 * is made up.
	 */
	uint32_t owner;

	/* The name of the DRM driver whose device is to be used; NULL for any that can. */
	const char *driver;

	/*
	 * Milliseconds to wait, at most, for a process that has the ledger locked, before a
	 * call fails with ETIMEDOUT. 0: 10,000.
	 */
	uint32_t lock_wait;

	/*
	 * Milliseconds for which placed_awe_free() waits, at most, for the process that has
	 * the pages mapped to unmap them: see there.
	 */
	uint32_t free_wait;

	/*
	 * Told in one line, without a newline, which backend was chosen and why. The same
	 * line goes to stderr if PLACED_AWE_LOG is in the environment and not empty.
	 */
	void (*log)(void *data, const char *line);
	void *log_data;
};

struct placed_awe_info {
	enum placed_awe_backend backend;
	enum placed_awe_locked locked;

	/* Why this backend, for people. Lives as long as the handle. */
	const char *why;

	/* The most there can be; those that are allocated; those of these that are mapped. */
	uint64_t pages, allocated, mapped;

	/* The number that frame numbers have in their upper bits. */
	uint32_t owner;

	/* System calls by which this handle has changed mappings. */
	uint64_t map_calls;
};

/* The most pages that one process can have by frame numbers of so many bits, 32 or 64. */
uint64_t placed_awe_max_pages(unsigned int bits);

/*
 * Make a process that has no pages yet, for this process or for another, which gets it by
 * placed_awe_export() and placed_awe_import(). NULL for a failure.
 */
struct placed_awe *placed_awe_create(const struct placed_awe_options *options);

/*
 * Two file descriptors, which are the caller's to send (by SCM_RIGHTS, for example) and to
 * close. Whoever has them can do everything with the pages: they are for that process, and
 * those that it trusts with its memory.
 */
bool placed_awe_export(struct placed_awe *awe, int fds[2]);

/*
 * Make a handle from two file descriptors, which stay the caller's. Of the options, log,
 * lock_wait, free_wait and PLACED_AWE_MUST_LOCK count. EINVAL: these are not such files.
 * EOVERFLOW: the frame numbers do not fit into this process' pointers.
 */
struct placed_awe *placed_awe_import(const int fds[2], const struct placed_awe_options *options);

/*
 * Close a handle: its windows are released. When the last one is closed, in whichever process
 * and however that ends, the pages are gone. NULL is no handle and does nothing.
 */
void placed_awe_close(struct placed_awe *awe);

void placed_awe_get_info(struct placed_awe *awe, struct placed_awe_info *info);

/* The error that Windows has for an errno. */
uint32_t placed_awe_windows_error(int error);

/* placed_awe_reserve() */

/* At the address, or EEXIST. Without, the address is a hint, and NULL for none. */
#define PLACED_AWE_EXACT		(1u << 0)
/* Prefer high addresses. */
#define PLACED_AWE_TOPDOWN		(1u << 1)

/*
 * VirtualAlloc(address, size, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE): a window of
 * addresses with nothing mapped, where an access is SIGSEGV. The size is rounded up to pages.
 * It lies in [range_start, range_end); 0, 0 for anywhere. Addresses are multiples of 64 KiB,
 * except exact ones. MAP_FAILED for a failure: ENOSPC, EEXIST, ENOMEM.
 *
 * One handle has windows: the first that asks for one. Others of the same pages get EACCES.
 * Windows are not inherited by fork(2), and neither are handles: in the child of a fork, all
 * but placed_awe_close() fail with EACCES. Windows belong to the library: munmap(2), mmap(2)
 * or mprotect(2) there are not for anybody else.
 */
void *placed_awe_reserve(struct placed_awe *awe, void *address, size_t size, uint64_t range_start,
			 uint64_t range_end, uint32_t flags);

/*
 * VirtualFree(address, 0, MEM_RELEASE): the window that starts there goes. Pages that it showed
 * stay allocated.
 */
bool placed_awe_release(struct placed_awe *awe, void *address);

/*
 * AllocateUserPhysicalPages(): get up to *number_of_pages pages, all zeros. If there are
 * fewer, that many are got, which is no failure unless it is none, and *number_of_pages says
 * how many. Their frame numbers, never 0, are in page_array then. Any process with a handle.
 *
 * After a failure nothing is allocated, and *number_of_pages is what it was. EINVAL: 0 pages.
 */
bool placed_awe_allocate(struct placed_awe *awe, uintptr_t *number_of_pages,
			 uintptr_t *page_array);

/*
 * MapUserPhysicalPages(): the addresses from address on, all in one window, show these pages
 * instead of what they showed before; with NULL for page_array, nothing. What a page holds
 * stays when it is unmapped.
 *
 * After a failure nothing has changed. EINVAL: 0 pages; an address that is not page-aligned; a
 * frame number that was not allocated by this process, is named twice, or is mapped at another
 * address that this call does not change. EADDRNOTAVAIL: not all in one window.
 */
bool placed_awe_map(struct placed_awe *awe, void *address, uintptr_t number_of_pages,
		    const uintptr_t *page_array);

/*
 * MapUserPhysicalPagesScatter(): the same for addresses each of which is named, in one window
 * or in several. A frame number of 0 unmaps what is at its address. EINVAL, too: an address
 * that is named twice.
 */
bool placed_awe_map_scatter(struct placed_awe *awe, void *const *addresses,
			    uintptr_t number_of_pages, const uintptr_t *page_array);

/*
 * FreeUserPhysicalPages(): the memory goes back to the system at once, in any order, and the
 * numbers may be allocated again. Pages that are mapped are unmapped first. Any process with
 * a handle.
 *
 * After a failure *number_of_pages is how many were freed: none if a frame number is not
 * allocated, or is named twice (EINVAL).
 *
 * Nobody can unmap what another process has mapped. If the caller is another process than the
 * one that has pages mapped, the numbers of these are not valid any more, but addresses show
 * them, with what they hold, and their memory stays, until that process makes a call (one that
 * does not fail for its arguments alone); placed_awe_serve() is for that. This waits for it for
 * up to free_wait milliseconds, and has succeeded either way.
 */
bool placed_awe_free(struct placed_awe *awe, uintptr_t *number_of_pages,
		     const uintptr_t *page_array);

/*
 * Unmap, and give back, what other processes have freed while it was mapped here, after waiting
 * up to so many milliseconds for something to do; -1 for as long as it takes. For a thread that
 * does nothing else, which has to return before the handle is closed, or what the other process
 * makes this one call. ETIMEDOUT: there was nothing.
 * EACCES: there are no windows of this handle. EINTR: a signal came while it waited.
 */
bool placed_awe_serve(struct placed_awe *awe, int milliseconds);

#pragma GCC visibility pop

#if defined(__cplusplus)
}
#endif

#endif
