/* SPDX-License-Identifier: MIT */
/*
 * What the files of the library share.
 *
 * A handle has three parts. The object, a sparse GEM object or a memfd, holds what the pages
 * hold: page number N is its page N. The ledger, a memfd that all handles of the same pages
 * map, says which pages are allocated, and where they are mapped. The windows are known to the
 * handle alone, for nobody else can change them.
 *
 * Whoever has the ledger can write anything to it. What is read from it is read once, and
 * checked before it is used, and there are no pointers in it; what does not change is copied
 * when the handle is made. So a ledger that somebody has filled with nonsense makes calls fail,
 * or gives them the wrong pages of this object, but nothing else.
 */
#ifndef AWE_H
#define AWE_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "placed_awe.h"

#define AWE_MAGIC 0x31455741444c5047ull
#define AWE_VERSION 1

/* A page that is none: an address that shows nothing. As DRM_GEM_MAP_PAGES_NONE. */
#define AWE_NONE (~0ull)

/* Slots and bitmaps have numbers of pages in 31 bits, and one more than the last. */
#define AWE_MAX_PAGES ((1ull << 31) - 2)

/* Windows without an exact address start at multiples of this, as they do on Windows. */
#define AWE_GRAIN 0x10000ull

/*
 * What the ledger says of a page: the address at which it is mapped, or 0, and flags.
 * Nothing at all: the page is free, and has no memory.
 */
#define AWE_ALLOCATED	(1u << 0)
/* Allocated by a call that has not ended: see awe_ledger.commit. */
#define AWE_NEW		(1u << 1)
/* About to be given back: the memory may be gone. */
#define AWE_GOING	(1u << 2)
/* Not allocated any more, but still mapped. */
#define AWE_LEAVING	(1u << 3)
#define AWE_FLAGS	0xfffull

/*
 * The start of the ledger. Behind it, on a page of its own each, are a bitmap of the pages that
 * are not free, and an entry of 64 bits for each page. The same for 32-bit and 64-bit programs.
 */
struct awe_ledger {
	/* What does not change. */
	uint64_t magic;
	uint32_t version;
	uint32_t backend;
	uint64_t pages;
	uint32_t handle;
	uint32_t page_size;
	uint32_t page_bits;
	uint32_t owner;

	/* A futex: the thread that has all below, FUTEX_WAITERS, FUTEX_OWNER_DIED. */
	uint32_t lock;

	/* The number of pages that are AWE_LEAVING. To be waited for as a futex. */
	uint32_t leaving;

	/* Pages that are AWE_NEW are allocated, as of now. */
	uint32_t commit;

	/* The process with windows, in a process namespace; 0: there is none. */
	uint32_t mapper;
	uint64_t mapper_namespace;

	/* All pages from here on are free, and were never anything else. */
	uint64_t high;

	/* There is no free page below. */
	uint64_t hint;
};

/* A window. */
struct awe_window {
	uintptr_t start;
	uint64_t pages;
	/* For each address the page that it shows, plus one, or 0; and AWE_NAMED. */
	uint32_t *slots;
};

/* In a slot: the call at work has named the address. */
#define AWE_NAMED (1u << 31)

/* Changes to windows. All or none happen. */
struct awe_changes {
	uint64_t count;
	/* The first address, if there are no addrs. */
	uint64_t addr;
	const uint64_t *addrs;
	/* Pages or AWE_NONE. Left with something else after a failure. */
	uint64_t *pages;
};

struct awe_place {
	uint64_t addr, size, range_start, range_end;
	uint32_t flags;
};

struct awe_backend {
	/* Memory for free pages, all or not: ENOMEM and ENOSPC say that there is too little. */
	int (*populate)(struct placed_awe *awe, uint64_t first, uint64_t count);
	/* Give memory back. Nothing has it mapped. */
	int (*discard)(struct placed_awe *awe, uint64_t first, uint64_t count);
	/* A window with nothing in it. */
	int (*reserve)(struct placed_awe *awe, struct awe_place *place);
	int (*change)(struct placed_awe *awe, struct awe_changes *changes);
	/* What the backend has besides the object. */
	void (*close)(struct placed_awe *awe);
};

extern const struct awe_backend awe_drm, awe_memfd;

/* User arrays, copied; what is made of them; and room for what goes back. */
struct awe_scratch {
	int fd;
	uint8_t *map;
	size_t size;
};

struct placed_awe {
	/* Does not change. */
	const struct awe_backend *backend;
	enum placed_awe_backend kind;
	/* The DRM file, or the memfd. */
	int fd;
	int ledger_fd;
	struct awe_ledger *ledger;
	uint64_t *used, *entries;
	size_t ledger_size;
	uint64_t pages;
	uint32_t handle, owner, page_bits;
	uint32_t flags, lock_wait, free_wait;
	pid_t pid;
	char why[240];

	/* Guards all below. */
	pthread_mutex_t mutex;
	/* This handle has windows, or had: in the order of their addresses. */
	bool is_mapper;
	struct awe_window *windows;
	unsigned int window_count, window_room;
	/* Pages that the call at work has named, from the lowest to the highest. */
	uint64_t *named, named_first, named_last;
	struct awe_scratch scratch;
	uint64_t map_calls;

	/* The memfd's: all of it mapped, to keep it in RAM; mappings to spare. */
	uint8_t *keep;
	uint64_t kept;
	void *spare;
	enum placed_awe_locked locked;
};

/* A call at work. */
struct awe_call {
	struct placed_awe *awe;
	sigset_t signals;
	int cancel;
	bool has_ledger;
	void **robust;
};

/* Once, whatever happens to it meanwhile. */
#define AWE_LOAD(x) (*(const volatile __typeof__(x) *)&(x))
#define AWE_STORE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* Tests end the process at each of these in turn. */
#ifdef AWE_POINTS
extern void (*awe_at_point)(void);
static inline void awe_point(void)
{
	if (awe_at_point)
		awe_at_point();
}
#else
static inline void awe_point(void)
{
}
#endif

static inline size_t awe_page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static inline uint64_t awe_round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* awe_call.c */

bool awe_no_memory(int error);
bool awe_result(int ret);
uintptr_t awe_frame_of(const struct placed_awe *awe, uint64_t page);
bool awe_page_of(const struct placed_awe *awe, uintptr_t frame, uint64_t *page);
int awe_begin(struct awe_call *call, struct placed_awe *awe);
int awe_end(struct awe_call *call, int ret);
int awe_take_ledger(struct awe_call *call);
int awe_grow_scratch(struct placed_awe *awe, uint64_t size);
void awe_drop_scratch(struct placed_awe *awe);
int awe_copy_in(struct placed_awe *awe, size_t at, const void *from, size_t size);
int awe_copy_out(struct placed_awe *awe, void *to, size_t at, size_t size);
int awe_copy_number_in(struct placed_awe *awe, const uintptr_t *from, uintptr_t *number);
int awe_copy_number_out(struct placed_awe *awe, uintptr_t *to, uintptr_t number);

/* awe_window.c */

uint32_t *awe_slot(struct placed_awe *awe, uint64_t addr);
uint64_t awe_change_addr(const struct awe_changes *changes, uint64_t i);
void awe_old_pages(struct placed_awe *awe, struct awe_changes *changes);
int awe_unmap_named(struct placed_awe *awe);
void awe_remove_window(struct placed_awe *awe, unsigned int at);
void awe_leave_windows(struct placed_awe *awe);

/* awe_pages.c */

int awe_serve_leaving(struct placed_awe *awe);

/* awe_ledger.c */

size_t awe_ledger_size(uint64_t pages);
int awe_ledger_create(struct placed_awe *awe);
int awe_ledger_import(struct placed_awe *awe);
void awe_ledger_close(struct placed_awe *awe);
int awe_ledger_lock(struct awe_call *call);
void awe_ledger_unlock(struct awe_call *call);
int awe_ledger_wait(struct placed_awe *awe, bool for_some, int milliseconds);
void awe_ledger_leaving(struct placed_awe *awe, uint32_t count);
bool awe_mapper_is_gone(struct placed_awe *awe);
void awe_forget_mapper(struct placed_awe *awe);
int awe_become_mapper(struct placed_awe *awe);
uint64_t awe_high(struct placed_awe *awe);

bool awe_find_free(struct placed_awe *awe, uint64_t max, uint64_t *first, uint64_t *count);
int awe_extend(struct placed_awe *awe, uint64_t end);
void awe_mark_new(struct placed_awe *awe, uint64_t first, uint64_t count);
void awe_mark_free(struct placed_awe *awe, uint64_t first, uint64_t count);
bool awe_name(struct placed_awe *awe, uint64_t page);
void awe_unname(struct placed_awe *awe, uint64_t page);
bool awe_next_named(struct placed_awe *awe, uint64_t from, uint64_t *first, uint64_t *count);
void awe_forget_named(struct placed_awe *awe);
int awe_give_back_named(struct placed_awe *awe, uint64_t *freed);

/* awe_drm.c, awe_memfd.c */

int awe_drm_create(struct placed_awe *awe, const struct placed_awe_options *options);
int awe_drm_import(struct placed_awe *awe);
int awe_memfd_create(struct placed_awe *awe);
int awe_memfd_import(struct placed_awe *awe);

#endif
