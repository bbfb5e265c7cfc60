// SPDX-License-Identifier: MIT
/*
 * Pages: allocated, and freed, by whoever has a handle.
 */
#include "awe.h"

/* As much is allocated by one call of the backend, at most. */
#define MOST_AT_ONCE 65536

/* Allocate */

/* How much of these free pages can have memory? They are marked as new. */
static int populate(struct placed_awe *awe, uint64_t first, uint64_t count, uint64_t *done)
{
	uint64_t step = count;
	int ret = 0;

	awe_mark_new(awe, first, count);
	awe_point();
	for (*done = 0; *done < count; *done += step) {
		step = step < count - *done ? step : count - *done;
		while ((ret = awe->backend->populate(awe, first + *done, step))) {
			/* What is there of it leaves no memory to get less by. */
			awe->backend->discard(awe, first + *done, step);
			if (!awe_no_memory(ret) || step == 1)
				break;
			step /= 2;
		}
		if (ret)
			break;
	}
	awe_point();
	awe_mark_free(awe, first + *done, count - *done);
	return awe_no_memory(ret) ? 0 : ret;
}

static int list_frames(struct placed_awe *awe, uint64_t got, uint64_t first, uint64_t count)
{
	int ret = awe_grow_scratch(awe, (got + count) * sizeof(uintptr_t));
	uintptr_t *frames = (uintptr_t *)awe->scratch.map + got;

	for (uint64_t i = 0; i < count && !ret; i++)
		frames[i] = awe_frame_of(awe, first + i);
	return ret;
}

/* Up to so many pages, named, and with their numbers in the scratch file. */
static int get_pages(struct placed_awe *awe, uint64_t want, uint64_t *got)
{
	uint64_t first, count, done;
	int ret = 0;

	for (*got = 0; *got < want && !ret; *got += done) {
		uint64_t most = want - *got < MOST_AT_ONCE ? want - *got : MOST_AT_ONCE;

		if (!awe_find_free(awe, most, &first, &count))
			break;
		/* Before memory is used up, maybe. */
		ret = list_frames(awe, *got, first, count);
		if (!ret)
			ret = awe_extend(awe, first + count);
		if (ret)
			return awe_no_memory(ret) ? 0 : ret;
		ret = populate(awe, first, count, &done);
		for (uint64_t page = first; page < first + done; page++)
			awe_name(awe, page);
		if (done < count)
			want = 0;
	}
	return ret;
}

/* The one store that makes pages allocated is that of commit. */
static void commit_named(struct placed_awe *awe)
{
	uint64_t from = 0, first, count;

	AWE_STORE(awe->ledger->commit, 1);
	for (; awe_next_named(awe, from, &first, &count); from = first + count) {
		for (uint64_t page = first; page < first + count; page++)
			AWE_STORE(awe->entries[page], AWE_ALLOCATED);
		awe_point();
	}
	AWE_STORE(awe->ledger->commit, 0);
}

static int allocate(struct placed_awe *awe, uintptr_t *number_of_pages, uintptr_t want,
		    uintptr_t *page_array)
{
	uint64_t got, freed;
	int ret;

	ret = get_pages(awe, want < awe->pages ? want : awe->pages, &got);
	if (!ret && !got)
		return -ENOMEM;
	if (!ret)
		ret = awe_copy_out(awe, page_array, 0, got * sizeof(uintptr_t));
	if (!ret && got != want)
		ret = awe_copy_number_out(awe, number_of_pages, got);
	if (ret) {
		awe_give_back_named(awe, &freed);
		return ret;
	}
	commit_named(awe);
	return 0;
}

bool placed_awe_allocate(struct placed_awe *awe, uintptr_t *number_of_pages, uintptr_t *page_array)
{
	struct awe_call call;
	uintptr_t want;
	int ret = awe_begin(&call, awe);

	if (ret)
		return awe_result(ret);
	ret = awe_copy_number_in(awe, number_of_pages, &want);
	if (!ret && !want)
		ret = -EINVAL;
	if (!ret)
		ret = awe_take_ledger(&call);
	if (!ret)
		ret = allocate(awe, number_of_pages, want, page_array);
	return awe_result(awe_end(&call, ret));
}

/* Free */

/* What the caller has no windows for: who has, will unmap it. */
static uint64_t let_leave(struct placed_awe *awe)
{
	uint64_t from = 0, first, count, leaving = 0;

	for (; awe_next_named(awe, from, &first, &count); from = first + count) {
		for (uint64_t page = first; page < first + count; page++) {
			uint64_t addr = AWE_LOAD(awe->entries[page]) & ~AWE_FLAGS;

			if (!addr)
				continue;
			AWE_STORE(awe->entries[page], AWE_LEAVING | addr);
			awe_unname(awe, page);
			leaving++;
			awe_point();
		}
	}
	if (leaving)
		awe_ledger_leaving(awe, AWE_LOAD(awe->ledger->leaving) + leaving);
	return leaving;
}

static int name_frames(struct placed_awe *awe, const uintptr_t *frames, uint64_t count)
{
	uint64_t page;

	for (uint64_t i = 0; i < count; i++)
		if (!awe_page_of(awe, frames[i], &page) ||
		    (AWE_LOAD(awe->entries[page]) & AWE_FLAGS) != AWE_ALLOCATED ||
		    !awe_name(awe, page))
			return -EINVAL;
	return 0;
}

static int free_pages(struct placed_awe *awe, uint64_t count, uint64_t *freed, bool *leaving)
{
	uint64_t left = 0;
	int ret;

	if (!awe->is_mapper && AWE_LOAD(awe->ledger->mapper) && awe_mapper_is_gone(awe))
		awe_forget_mapper(awe);
	ret = name_frames(awe, (uintptr_t *)awe->scratch.map, count);
	if (!ret && awe->is_mapper)
		ret = awe_unmap_named(awe);
	if (ret)
		return ret;
	if (!awe->is_mapper)
		left = let_leave(awe);
	*leaving = left;
	ret = awe_give_back_named(awe, freed);
	*freed += left;
	return ret;
}

bool placed_awe_free(struct placed_awe *awe, uintptr_t *number_of_pages,
		     const uintptr_t *page_array)
{
	uint64_t freed = 0;
	struct awe_call call;
	uintptr_t count;
	bool leaving = false;
	int ret = awe_begin(&call, awe);

	if (ret)
		return awe_result(ret);
	ret = awe_copy_number_in(awe, number_of_pages, &count);
	if (ret)
		return awe_result(awe_end(&call, ret));

	if (!count || count > awe->pages)
		ret = -EINVAL;
	if (!ret)
		ret = awe_copy_in(awe, 0, page_array, count * sizeof(uintptr_t));
	if (!ret)
		ret = awe_take_ledger(&call);
	if (!ret)
		ret = free_pages(awe, count, &freed, &leaving);
	/* If it cannot be written any more, there is the error. */
	if (ret)
		awe_copy_number_out(awe, number_of_pages, freed);
	awe_end(&call, ret);
	if (leaving && awe->free_wait)
		awe_ledger_wait(awe, false, awe->free_wait);
	return awe_result(ret);
}

/* Serve */

/* What others have freed while it was mapped here. */
int awe_serve_leaving(struct placed_awe *awe)
{
	uint64_t high = awe_high(awe), freed;
	int ret;

	if (!awe->is_mapper || !AWE_LOAD(awe->ledger->leaving))
		return 0;
	for (uint64_t page = 0; page < high; page++)
		if (AWE_LOAD(awe->entries[page]) & AWE_LEAVING)
			awe_name(awe, page);
	ret = awe_unmap_named(awe);
	if (!ret)
		ret = awe_give_back_named(awe, &freed);
	awe_forget_named(awe);
	if (!ret)
		awe_ledger_leaving(awe, 0);
	return ret;
}

bool placed_awe_serve(struct placed_awe *awe, int milliseconds)
{
	struct awe_call call;
	int ret;

	if (awe->pid != getpid() || !AWE_LOAD(awe->is_mapper))
		return awe_result(-EACCES);
	ret = awe_ledger_wait(awe, true, milliseconds);
	if (ret)
		return awe_result(ret);
	ret = awe_begin(&call, awe);
	if (!ret)
		ret = awe_end(&call, awe_take_ledger(&call));
	return awe_result(ret);
}
