// SPDX-License-Identifier: MIT
/*
 * The ledger: what all processes with a handle of the same pages know of them, its lock, and
 * what becomes of calls whose process was killed.
 *
 * Its lock is a robust futex, and not a mutex of the C library: that would keep a list through
 * the ledger, and follow pointers which another process may have overwritten. The kernel is
 * told of the lock by list_op_pending of the thread's list of robust futexes, which is there
 * for locks that are being taken, and is in memory of this process. It is the C library's: but
 * that uses it only in functions of robust mutexes, and none runs while a call has the lock,
 * for signals are blocked.
 *
 * A call that is killed leaves the flags AWE_NEW and AWE_GOING behind, and who takes the lock
 * next undoes the one and completes the other. What is marked is as good as free for all
 * others, so that a page is never allocated twice, and never freed with its memory left.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "awe.h"

_Static_assert(sizeof(struct awe_ledger) == 80, "32-bit and 64-bit programs share it");
_Static_assert(offsetof(struct awe_ledger, lock) == 40, "32-bit and 64-bit programs share it");

static size_t bitmap_size(uint64_t pages)
{
	return awe_round_up((pages + 63) / 64 * 8, awe_page_size());
}

size_t awe_ledger_size(uint64_t pages)
{
	return awe_page_size() + bitmap_size(pages) + awe_round_up(pages * 8, awe_page_size());
}

/*
 * Memory for a part of the ledger, before it is touched: a touch that finds none would be
 * SIGBUS, where the system promises no more than it has.
 */
static int make_room(struct placed_awe *awe, uint64_t start, uint64_t end)
{
	uint64_t page = awe_page_size();

	start = start / page * page;
	end = awe_round_up(end, page);
	if (start == end || !fallocate(awe->ledger_fd, 0, start, end - start))
		return 0;
	return errno == ENOSPC ? -ENOMEM : -errno;
}

static int map_ledger(struct placed_awe *awe)
{
	uint64_t size = awe_ledger_size(awe->pages);
	uint8_t *map;

	if (size != (size_t)size)
		return -ENOMEM;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		   awe->ledger_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	/* A child has no use for it: its handle is none. */
	madvise(map, size, MADV_DONTFORK);

	awe->ledger = (struct awe_ledger *)map;
	awe->ledger_size = size;
	awe->used = (uint64_t *)(map + awe_page_size());
	awe->entries = (uint64_t *)(map + awe_page_size() + bitmap_size(awe->pages));
	awe->named = calloc((awe->pages + 63) / 64, sizeof(uint64_t));
	awe->named_first = AWE_NONE;
	return awe->named ? 0 : -ENOMEM;
}

/* Of sizes that nobody can change: whoever could make it smaller, could kill who reads it. */
int awe_ledger_create(struct placed_awe *awe)
{
	int ret;

	awe->ledger_fd = memfd_create("placed-awe-ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (awe->ledger_fd < 0)
		return -errno;
	if (ftruncate(awe->ledger_fd, awe_ledger_size(awe->pages)) ||
	    fcntl(awe->ledger_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	ret = make_room(awe, 0, sizeof(*awe->ledger));
	if (!ret)
		ret = map_ledger(awe);
	if (ret)
		return ret;

	*awe->ledger = (struct awe_ledger) {
		.magic = AWE_MAGIC,
		.version = AWE_VERSION,
		.backend = awe->kind,
		.pages = awe->pages,
		.handle = awe->handle,
		.page_size = awe_page_size(),
		.page_bits = awe->page_bits,
		.owner = awe->owner,
	};
	return 0;
}

static bool is_sane(const struct awe_ledger *ledger, uint64_t size)
{
	return ledger->magic == AWE_MAGIC && ledger->version == AWE_VERSION &&
	       ledger->page_size == awe_page_size() &&
	       (ledger->backend == PLACED_AWE_MEMFD || ledger->backend == PLACED_AWE_DRM) &&
	       (ledger->page_bits == 22 || ledger->page_bits == 42) &&
	       ledger->pages && ledger->pages <= AWE_MAX_PAGES &&
	       ledger->pages < 1ull << ledger->page_bits &&
	       ledger->owner && ledger->owner < (ledger->page_bits == 22 ? 1u << 10 : 1u << 22) &&
	       size == awe_ledger_size(ledger->pages);
}

/* Copies what does not change, after a look whether it can be true. */
int awe_ledger_import(struct placed_awe *awe)
{
	int seals = fcntl(awe->ledger_fd, F_GET_SEALS);
	struct awe_ledger ledger;
	struct stat stat;

	if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
		return -EINVAL;
	if (fstat(awe->ledger_fd, &stat) ||
	    pread(awe->ledger_fd, &ledger, sizeof(ledger), 0) != sizeof(ledger) ||
	    !is_sane(&ledger, stat.st_size))
		return -EINVAL;
	if (ledger.page_bits > sizeof(uintptr_t) * 8)
		return -EOVERFLOW;

	awe->kind = ledger.backend;
	awe->pages = ledger.pages;
	awe->handle = ledger.handle;
	awe->page_bits = ledger.page_bits;
	awe->owner = ledger.owner;
	return map_ledger(awe);
}

void awe_ledger_close(struct placed_awe *awe)
{
	/* In the child of a fork it is not mapped: see MADV_DONTFORK. */
	if (awe->ledger && awe->pid == getpid())
		munmap(awe->ledger, awe->ledger_size);
	if (awe->ledger_fd >= 0)
		close(awe->ledger_fd);
	free(awe->named);
}

/* Waiting */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Until woken, or for up to so many milliseconds if that is not negative. */
static int futex_wait(uint32_t *word, uint32_t value, int64_t milliseconds)
{
	/* What the kernel calls struct timespec, which libraries have their own ideas of. */
	long timeout[2] = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	if (!syscall(SYS_futex, word, FUTEX_WAIT, value, milliseconds < 0 ? NULL : timeout, NULL, 0))
		return 0;
	return errno == EAGAIN || errno == ETIMEDOUT ? 0 : -errno;
}

static void futex_wake(uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Until pages are leaving, or until none are. */
int awe_ledger_wait(struct placed_awe *awe, bool for_some, int milliseconds)
{
	int64_t end = now_ms() + milliseconds, left = -1;
	uint32_t leaving;
	int ret;

	while (!(leaving = AWE_LOAD(awe->ledger->leaving)) == for_some) {
		if (milliseconds >= 0)
			left = end - now_ms();
		if (milliseconds >= 0 && left <= 0)
			return -ETIMEDOUT;
		ret = futex_wait(&awe->ledger->leaving, leaving, left);
		if (ret)
			return ret;
	}
	return 0;
}

void awe_ledger_leaving(struct placed_awe *awe, uint32_t count)
{
	__atomic_store_n(&awe->ledger->leaving, count, __ATOMIC_SEQ_CST);
	futex_wake(&awe->ledger->leaving, INT32_MAX);
}

/* The lock */

/* Where it may not be asked for, a lock that is never freed is one that times out. */
static struct robust_list_head *robust_head(void)
{
	static __thread struct robust_list_head own;
	struct robust_list_head *head = NULL;
	size_t size = 0;

	if (syscall(SYS_get_robust_list, 0, &head, &size))
		return &own;
	if (head)
		return head;

	/* A thread that the C library did not make. */
	own.list.next = &own.list;
	syscall(SYS_set_robust_list, &own, sizeof(own));
	return &own;
}

/* Tell the kernel which futex to look at if this thread dies; NULL for none. */
static void set_pending(void **pending, void *entry)
{
	atomic_signal_fence(memory_order_seq_cst);
	AWE_STORE(*pending, entry);
	atomic_signal_fence(memory_order_seq_cst);
}

static bool exchange(uint32_t *word, uint32_t *seen, uint32_t value)
{
	return __atomic_compare_exchange_n(word, seen, value, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Returns 1 if who had it before is dead. */
static int take(struct placed_awe *awe)
{
	uint32_t *word = &awe->ledger->lock, self = syscall(SYS_gettid), waiters = 0, seen;
	int64_t end = now_ms() + awe->lock_wait, left;

	for (;;) {
		seen = 0;
		if (exchange(word, &seen, self | waiters))
			return 0;

		if (!(seen & FUTEX_TID_MASK)) {
			if (exchange(word, &seen, self | (seen & FUTEX_WAITERS)))
				return 1;
			continue;
		}

		left = end - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (seen & FUTEX_WAITERS || exchange(word, &seen, seen | FUTEX_WAITERS))
			futex_wait(word, seen | FUTEX_WAITERS, left);
		/* There may be more that wait: who wakes one does not know. */
		waiters = FUTEX_WAITERS;
	}
}

/* The state of a page after a call was killed. Names pages that are to be given back. */
static uint64_t settle(struct placed_awe *awe, uint64_t page, bool committed)
{
	uint64_t entry = AWE_LOAD(awe->entries[page]);

	if (entry & AWE_NEW && committed)
		entry = AWE_ALLOCATED;
	if (entry & AWE_LEAVING && entry & ~AWE_FLAGS)
		return AWE_LEAVING | (entry & ~AWE_FLAGS);
	if (entry & (AWE_NEW | AWE_GOING | AWE_LEAVING)) {
		awe_name(awe, page);
		return AWE_ALLOCATED | AWE_GOING;
	}
	return entry & AWE_ALLOCATED ? AWE_ALLOCATED | (entry & ~AWE_FLAGS) : 0;
}

static void recover(struct placed_awe *awe)
{
	bool committed = AWE_LOAD(awe->ledger->commit);
	uint64_t high = awe_high(awe), freed;
	uint32_t leaving = 0;

	for (uint64_t page = 0; page < high; page++) {
		uint64_t entry = settle(awe, page, committed);
		uint64_t *word = &awe->used[page / 64], bit = 1ull << page % 64;

		AWE_STORE(awe->entries[page], entry);
		AWE_STORE(*word, entry ? AWE_LOAD(*word) | bit : AWE_LOAD(*word) & ~bit);
		leaving += !!(entry & AWE_LEAVING);
		awe_point();
	}
	AWE_STORE(awe->ledger->hint, 0);
	awe_ledger_leaving(awe, leaving);
	/* Not before all of them have lost AWE_NEW: this may be killed, too. */
	AWE_STORE(awe->ledger->commit, 0);

	/* If the device does not take it, it stays allocated. */
	awe_give_back_named(awe, &freed);
}

int awe_ledger_lock(struct awe_call *call)
{
	struct placed_awe *awe = call->awe;
	struct robust_list_head *head = robust_head();
	int ret;

	call->robust = (void **)&head->list_op_pending;
	set_pending(call->robust, (uint8_t *)&awe->ledger->lock - head->futex_offset);
	ret = take(awe);
	if (ret < 0) {
		set_pending(call->robust, NULL);
		return ret;
	}
	call->has_ledger = true;
	if (ret)
		recover(awe);
	awe_point();
	return 0;
}

void awe_ledger_unlock(struct awe_call *call)
{
	uint32_t *word = &call->awe->ledger->lock;

	awe_point();
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) & FUTEX_WAITERS)
		futex_wake(word, 1);
	set_pending(call->robust, NULL);
	call->has_ledger = false;
}

/* The process with windows */

/* Where process ids mean what they mean here, or 0 if that cannot be found out. */
static uint64_t process_namespace(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) ? 0 : ns.st_ino;
}

/* Are there no windows any more? If in doubt, there are. */
bool awe_mapper_is_gone(struct placed_awe *awe)
{
	pid_t mapper = AWE_LOAD(awe->ledger->mapper);
	uint64_t namespace = AWE_LOAD(awe->ledger->mapper_namespace);

	if (mapper <= 0)
		return true;
	if (!namespace || namespace != process_namespace())
		return false;
	return kill(mapper, 0) && errno == ESRCH;
}

/* Its windows are gone, and so nothing is mapped. */
void awe_forget_mapper(struct placed_awe *awe)
{
	uint64_t high = awe_high(awe), freed;

	for (uint64_t page = 0; page < high; page++) {
		uint64_t entry = AWE_LOAD(awe->entries[page]);

		if (entry & AWE_LEAVING)
			awe_name(awe, page);
		else if (entry & ~AWE_FLAGS)
			AWE_STORE(awe->entries[page], entry & AWE_FLAGS);
	}
	awe_give_back_named(awe, &freed);
	AWE_STORE(awe->ledger->mapper, 0);
	awe_ledger_leaving(awe, 0);
}

/* From now on this handle, and no other, has windows. */
int awe_become_mapper(struct placed_awe *awe)
{
	if (awe->is_mapper)
		return 0;
	if (!awe_mapper_is_gone(awe))
		return -EACCES;
	awe_forget_mapper(awe);
	AWE_STORE(awe->ledger->mapper_namespace, process_namespace());
	AWE_STORE(awe->ledger->mapper, awe->pid);
	awe->is_mapper = true;
	return 0;
}

/* Pages */

uint64_t awe_high(struct placed_awe *awe)
{
	uint64_t high = AWE_LOAD(awe->ledger->high);

	return high < awe->pages ? high : awe->pages;
}

/* The lowest free page from this one on, which may be one that the ledger does not have yet. */
static uint64_t next_free(struct placed_awe *awe, uint64_t page, uint64_t high)
{
	uint64_t bits = 0;

	while (page < high && !(bits = ~AWE_LOAD(awe->used[page / 64]) & (~0ull << page % 64)))
		page = page / 64 * 64 + 64;
	if (page < high)
		page = page / 64 * 64 + __builtin_ctzll(bits);
	return page < high ? page : high;
}

/* The lowest free pages in a row, up to so many. */
bool awe_find_free(struct placed_awe *awe, uint64_t max, uint64_t *first, uint64_t *count)
{
	uint64_t high = awe_high(awe), page = next_free(awe, AWE_LOAD(awe->ledger->hint), high), end;

	if (page >= awe->pages)
		return false;
	max = max < awe->pages - page ? max : awe->pages - page;
	/* From there on, all are free. */
	for (end = page + 1; end < page + max && end < high; end++)
		if (AWE_LOAD(awe->used[end / 64]) >> end % 64 & 1)
			break;
	*first = page;
	*count = end < high ? end - page : max;
	return true;
}

/* Pages, as far as this one, have a place in the ledger. */
int awe_extend(struct placed_awe *awe, uint64_t end)
{
	uint64_t high = awe_high(awe), bits = (uint8_t *)awe->used - (uint8_t *)awe->ledger;
	uint64_t entries = (uint8_t *)awe->entries - (uint8_t *)awe->ledger;
	int ret;

	if (end <= high)
		return 0;
	ret = make_room(awe, bits + high / 64 * 8, bits + (end + 63) / 64 * 8);
	if (!ret)
		ret = make_room(awe, entries + high * 8, entries + end * 8);
	if (!ret)
		AWE_STORE(awe->ledger->high, end);
	return ret;
}

void awe_mark_new(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	for (uint64_t page = first; page < first + count; page++) {
		AWE_STORE(awe->entries[page], AWE_ALLOCATED | AWE_NEW);
		awe->used[page / 64] |= 1ull << page % 64;
	}
	AWE_STORE(awe->ledger->hint, first + count);
}

void awe_mark_free(struct placed_awe *awe, uint64_t first, uint64_t count)
{
	for (uint64_t page = first; page < first + count; page++) {
		AWE_STORE(awe->entries[page], 0);
		awe->used[page / 64] &= ~(1ull << page % 64);
	}
	if (AWE_LOAD(awe->ledger->hint) > first)
		AWE_STORE(awe->ledger->hint, first);
}

/* False: it was named before. */
bool awe_name(struct placed_awe *awe, uint64_t page)
{
	uint64_t *word = &awe->named[page / 64], bit = 1ull << page % 64;

	if (*word & bit)
		return false;
	*word |= bit;
	if (awe->named_first == AWE_NONE || page < awe->named_first)
		awe->named_first = page;
	if (page > awe->named_last)
		awe->named_last = page;
	return true;
}

void awe_unname(struct placed_awe *awe, uint64_t page)
{
	awe->named[page / 64] &= ~(1ull << page % 64);
}

bool awe_next_named(struct placed_awe *awe, uint64_t from, uint64_t *first, uint64_t *count)
{
	uint64_t page = from > awe->named_first ? from : awe->named_first, bits = 0, end;

	if (awe->named_first == AWE_NONE)
		return false;
	while (page <= awe->named_last &&
	       !(bits = awe->named[page / 64] & (~0ull << page % 64)))
		page = page / 64 * 64 + 64;
	if (page > awe->named_last)
		return false;
	page = page / 64 * 64 + __builtin_ctzll(bits);

	*first = page;
	for (end = page + 1; end <= awe->named_last; end++)
		if (!(awe->named[end / 64] >> end % 64 & 1))
			break;
	*count = end - page;
	return true;
}

void awe_forget_named(struct placed_awe *awe)
{
	if (awe->named_first == AWE_NONE)
		return;
	memset(&awe->named[awe->named_first / 64], 0,
	       (awe->named_last / 64 - awe->named_first / 64 + 1) * sizeof(uint64_t));
	awe->named_first = AWE_NONE;
	awe->named_last = 0;
}

/*
 * Free the pages that are named, which nothing maps. If the device fails, those that are left
 * stay allocated.
 */
int awe_give_back_named(struct placed_awe *awe, uint64_t *freed)
{
	uint64_t from = 0, first, count;
	int ret = 0;

	*freed = 0;
	for (; awe_next_named(awe, from, &first, &count); from = first + count)
		for (uint64_t page = first; page < first + count; page++)
			AWE_STORE(awe->entries[page], AWE_ALLOCATED | AWE_GOING);
	awe_point();

	for (from = 0; awe_next_named(awe, from, &first, &count); from = first + count) {
		if (!ret)
			ret = awe->backend->discard(awe, first, count);
		awe_point();
		if (!ret) {
			awe_mark_free(awe, first, count);
			*freed += count;
			continue;
		}
		for (uint64_t page = first; page < first + count; page++)
			AWE_STORE(awe->entries[page], AWE_ALLOCATED);
	}
	awe_forget_named(awe);
	return ret;
}
