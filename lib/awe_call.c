// SPDX-License-Identifier: MIT
/*
 * What all calls have in common. Each goes through the same steps: copy the caller's arrays, take
 * the ledger, finish what others have left, look at everything that is asked for, change the
 * mappings by one call of the backend that does all or nothing, and write down what was done.
 */
#include <fcntl.h>

#include "awe.h"

/* What is left of the scratch file after a call that needed more. */
#define SCRATCH_KEPT (256u << 10)

bool awe_no_memory(int error)
{
	return error == -ENOMEM || error == -ENOSPC;
}

bool awe_result(int ret)
{
	if (!ret)
		return true;
	errno = -ret;
	return false;
}

/* Frame numbers */

uintptr_t awe_frame_of(const struct placed_awe *awe, uint64_t page)
{
	return (uint64_t)awe->owner << awe->page_bits | page;
}

/* The page, if there is such a one, allocated or not. */
bool awe_page_of(const struct placed_awe *awe, uintptr_t frame, uint64_t *page)
{
	*page = frame & ((1ull << awe->page_bits) - 1);
	return (uint64_t)frame >> awe->page_bits == awe->owner && *page < awe->pages;
}

/* Calls */

/*
 * No signal handler runs, and no thread is cancelled, between here and awe_end(): it would find
 * locks taken, or leave them.
 */
int awe_begin(struct awe_call *call, struct placed_awe *awe)
{
	sigset_t all;

	*call = (struct awe_call) { .awe = awe };
	/* The handle of a parent. */
	if (awe->pid != getpid())
		return -EACCES;

	sigfillset(&all);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel);
	pthread_sigmask(SIG_SETMASK, &all, &call->signals);
	pthread_mutex_lock(&awe->mutex);
	return 0;
}

/*
 * Arrays of the caller's. They may be in memory that cannot be read, or that another thread
 * changes, or in a window. The kernel copies them, by way of a file, and says EFAULT; what it
 * has copied is looked at.
 */

int awe_grow_scratch(struct placed_awe *awe, uint64_t size)
{
	struct awe_scratch *scratch = &awe->scratch;
	void *map;

	size = awe_round_up(size, 65536);
	if (size <= scratch->size)
		return 0;
	if (size != (size_t)size)
		return -ENOMEM;
	/* With memory, for a touch that finds none is SIGBUS. */
	if (fallocate(scratch->fd, 0, 0, size))
		return errno == ENOSPC || errno == EFBIG ? -ENOMEM : -errno;
	map = scratch->map ? mremap(scratch->map, scratch->size, size, MREMAP_MAYMOVE) :
	      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, scratch->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	scratch->map = map;
	scratch->size = size;
	return 0;
}

void awe_drop_scratch(struct placed_awe *awe)
{
	struct awe_scratch *scratch = &awe->scratch;

	if (scratch->map)
		munmap(scratch->map, scratch->size);
	scratch->map = NULL;
	scratch->size = 0;
}

static void trim_scratch(struct placed_awe *awe)
{
	if (awe->scratch.size <= SCRATCH_KEPT)
		return;
	awe_drop_scratch(awe);
	/* What cannot be given back is used again. */
	if (ftruncate(awe->scratch.fd, 0))
		return;
}

int awe_copy_in(struct placed_awe *awe, size_t at, const void *from, size_t size)
{
	ssize_t done;
	int ret = awe_grow_scratch(awe, at + size);

	if (ret)
		return ret;
	for (; size; size -= done, at += done, from = (const uint8_t *)from + done) {
		done = pwrite(awe->scratch.fd, from, size, at);
		if (done < 0)
			return errno == ENOSPC ? -ENOMEM : -errno;
		if (!done)
			return -EFAULT;
	}
	return 0;
}

int awe_copy_out(struct placed_awe *awe, void *to, size_t at, size_t size)
{
	ssize_t done;

	for (; size; size -= done, at += done, to = (uint8_t *)to + done) {
		done = pread(awe->scratch.fd, to, size, at);
		if (done < 0)
			return -errno;
		if (!done)
			return -EFAULT;
	}
	return 0;
}

int awe_copy_number_in(struct placed_awe *awe, const uintptr_t *from, uintptr_t *number)
{
	int ret = awe_copy_in(awe, 0, from, sizeof(*from));

	if (!ret)
		*number = *(uintptr_t *)awe->scratch.map;
	return ret;
}

int awe_copy_number_out(struct placed_awe *awe, uintptr_t *to, uintptr_t number)
{
	int ret = awe_grow_scratch(awe, sizeof(number));

	if (ret)
		return ret;
	*(uintptr_t *)awe->scratch.map = number;
	return awe_copy_out(awe, to, 0, sizeof(number));
}

int awe_end(struct awe_call *call, int ret)
{
	struct placed_awe *awe = call->awe;

	if (awe->pid != getpid())
		return ret;
	awe_forget_named(awe);
	if (call->has_ledger)
		awe_ledger_unlock(call);
	trim_scratch(awe);
	pthread_mutex_unlock(&awe->mutex);
	pthread_sigmask(SIG_SETMASK, &call->signals, NULL);
	pthread_setcancelstate(call->cancel, NULL);
	return ret;
}

/* Take the ledger, with nothing left to do from before. */
int awe_take_ledger(struct awe_call *call)
{
	int ret = awe_ledger_lock(call);

	return ret ? ret : awe_serve_leaving(call->awe);
}
