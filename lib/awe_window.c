// SPDX-License-Identifier: MIT
/*
 * Windows: where they are, what their addresses show, and how that changes.
 */
#include <stdlib.h>

#include "awe.h"

/* Windows */

/* The window that an address is in, or the place where one that starts there would be. */
static unsigned int find_window(struct placed_awe *awe, uint64_t addr, bool *is_in)
{
	unsigned int low = 0, high = awe->window_count;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (awe->windows[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	*is_in = low && addr - awe->windows[low - 1].start <
		 awe->windows[low - 1].pages * awe_page_size();
	return *is_in ? low - 1 : low;
}

/* What is known of an address; NULL if it is in no window. */
uint32_t *awe_slot(struct placed_awe *awe, uint64_t addr)
{
	bool is_in;
	unsigned int at = find_window(awe, addr, &is_in);

	if (!is_in)
		return NULL;
	return &awe->windows[at].slots[(addr - awe->windows[at].start) / awe_page_size()];
}

static bool add_window(struct placed_awe *awe, const struct awe_window *window)
{
	bool is_in;
	unsigned int at = find_window(awe, window->start, &is_in);

	if (awe->window_count == awe->window_room) {
		unsigned int room = awe->window_room ? 2 * awe->window_room : 8;
		struct awe_window *more = realloc(awe->windows, room * sizeof(*more));

		if (!more)
			return false;
		awe->windows = more;
		awe->window_room = room;
	}
	memmove(&awe->windows[at + 1], &awe->windows[at],
		(awe->window_count - at) * sizeof(*window));
	awe->windows[at] = *window;
	awe->window_count++;
	return true;
}

void awe_remove_window(struct placed_awe *awe, unsigned int at)
{
	free(awe->windows[at].slots);
	awe->window_count--;
	memmove(&awe->windows[at], &awe->windows[at + 1],
		(awe->window_count - at) * sizeof(awe->windows[0]));
}

/* Changes to windows */

uint64_t awe_change_addr(const struct awe_changes *changes, uint64_t i)
{
	return changes->addrs ? changes->addrs[i] : changes->addr + i * awe_page_size();
}

static uint64_t shown_at(struct placed_awe *awe, uint64_t addr)
{
	uint32_t *slot = awe_slot(awe, addr);

	return slot && *slot & ~AWE_NAMED ? (*slot & ~AWE_NAMED) - 1 : AWE_NONE;
}

/* What the addresses show before the changes, to go back to it. */
void awe_old_pages(struct placed_awe *awe, struct awe_changes *changes)
{
	for (uint64_t i = 0; i < changes->count; i++)
		changes->pages[i] = shown_at(awe, awe_change_addr(changes, i));
}

/* The addresses are in windows, and each is named once. They stay marked. */
static int name_addresses(struct placed_awe *awe, const struct awe_changes *changes,
			  uint64_t *named)
{
	for (uint64_t i = 0; i < changes->count; i++, (*named)++) {
		uint64_t addr = awe_change_addr(changes, i);
		uint32_t *slot;

		if (addr % awe_page_size())
			return -EINVAL;
		slot = awe_slot(awe, addr);
		if (!slot)
			return -EADDRNOTAVAIL;
		if (*slot & AWE_NAMED)
			return -EINVAL;
		*slot |= AWE_NAMED;
	}
	return 0;
}

static void forget_addresses(struct placed_awe *awe, const struct awe_changes *changes,
			     uint64_t named)
{
	for (uint64_t i = 0; i < named; i++)
		*awe_slot(awe, awe_change_addr(changes, i)) &= ~AWE_NAMED;
}

/* The pages are allocated, named once, and mapped nowhere that is not changed, too. */
static int name_pages(struct placed_awe *awe, const struct awe_changes *changes)
{
	for (uint64_t i = 0; i < changes->count; i++) {
		uint64_t page = changes->pages[i], entry, addr;
		uint32_t *slot;

		if (page == AWE_NONE)
			continue;
		entry = AWE_LOAD(awe->entries[page]);
		addr = entry & ~AWE_FLAGS;
		if ((entry & AWE_FLAGS) != AWE_ALLOCATED || !awe_name(awe, page))
			return -EINVAL;
		if (!addr)
			continue;
		slot = awe_slot(awe, addr);
		if (!slot || (*slot & ~AWE_NAMED) != page + 1)
			return -ENOTRECOVERABLE;
		if (!(*slot & AWE_NAMED))
			return -EINVAL;
	}
	return 0;
}

static void note_changes(struct placed_awe *awe, const struct awe_changes *changes)
{
	for (uint64_t i = 0; i < changes->count; i++) {
		uint64_t page = shown_at(awe, awe_change_addr(changes, i));

		if (page != AWE_NONE)
			AWE_STORE(awe->entries[page], AWE_LOAD(awe->entries[page]) & AWE_FLAGS);
	}
	for (uint64_t i = 0; i < changes->count; i++) {
		uint64_t addr = awe_change_addr(changes, i), page = changes->pages[i];

		*awe_slot(awe, addr) = page == AWE_NONE ? 0 : page + 1;
		if (page != AWE_NONE)
			AWE_STORE(awe->entries[page], AWE_ALLOCATED | addr);
	}
}

static int change(struct placed_awe *awe, struct awe_changes *changes)
{
	uint64_t named = 0;
	int ret;

	ret = name_addresses(awe, changes, &named);
	if (!ret)
		ret = name_pages(awe, changes);
	if (!ret)
		ret = awe->backend->change(awe, changes);
	awe_point();
	forget_addresses(awe, changes, named);
	awe_forget_named(awe);
	if (!ret)
		note_changes(awe, changes);
	return ret;
}

/*
 * Take pages from the addresses at which they are mapped here: those that are named. Leaves
 * them named.
 */
int awe_unmap_named(struct placed_awe *awe)
{
	struct awe_changes changes = {};
	uint64_t from = 0, first, count, room = 0, *addrs;
	int ret;

	for (; awe_next_named(awe, from, &first, &count); from = first + count)
		for (uint64_t page = first; page < first + count; page++)
			room += !!(AWE_LOAD(awe->entries[page]) & ~AWE_FLAGS);
	if (!room)
		return 0;
	/* Not the scratch file, which has what this call is about. */
	addrs = calloc(room, 2 * sizeof(uint64_t));
	if (!addrs)
		return -ENOMEM;
	changes.addrs = addrs;
	changes.pages = addrs + room;

	for (from = 0; awe_next_named(awe, from, &first, &count); from = first + count) {
		for (uint64_t page = first; page < first + count; page++) {
			uint64_t addr = AWE_LOAD(awe->entries[page]) & ~AWE_FLAGS;

			/* The ledger may say what it wants: what is here, counts. */
			if (!addr || shown_at(awe, addr) != page || changes.count == room)
				continue;
			addrs[changes.count] = addr;
			changes.pages[changes.count++] = AWE_NONE;
		}
	}
	ret = changes.count ? awe->backend->change(awe, &changes) : 0;
	awe_point();
	if (!ret)
		note_changes(awe, &changes);
	free(addrs);
	return ret;
}

/* Reserve and release */

static int reserve(struct placed_awe *awe, struct awe_place *place)
{
	struct awe_window window = { .pages = place->size / awe_page_size() };
	int ret = awe_become_mapper(awe);

	if (ret)
		return ret;
	window.slots = calloc(window.pages, sizeof(window.slots[0]));
	if (!window.slots)
		return -ENOMEM;
	ret = awe->backend->reserve(awe, place);
	if (!ret) {
		window.start = place->addr;
		if (add_window(awe, &window))
			return 0;
		munmap((void *)(uintptr_t)place->addr, place->size);
		ret = -ENOMEM;
	}
	free(window.slots);
	return ret;
}

static int check_place(const struct awe_place *place)
{
	uint64_t page = awe_page_size(), end = place->range_end;

	if (place->flags & ~(PLACED_AWE_EXACT | PLACED_AWE_TOPDOWN) || !place->size ||
	    place->addr % page || place->range_start % page || end % page)
		return -EINVAL;
	if (place->size > AWE_MAX_PAGES * page)
		return -ENOSPC;
	if ((place->range_start || end) && end <= place->range_start)
		return -EINVAL;
	if (!(place->flags & PLACED_AWE_EXACT))
		return 0;
	if (!place->addr || (end && (place->addr < place->range_start || place->size > end ||
				     place->addr > end - place->size)))
		return -EINVAL;
	return 0;
}

void *placed_awe_reserve(struct placed_awe *awe, void *address, size_t size, uint64_t range_start,
			 uint64_t range_end, uint32_t flags)
{
	struct awe_place place = {
		.addr = (uintptr_t)address, .size = awe_round_up(size, awe_page_size()),
		.range_start = range_start, .range_end = range_end, .flags = flags,
	};
	struct awe_call call;
	int ret = check_place(&place);

	if (!ret)
		ret = awe_begin(&call, awe);
	if (!ret) {
		ret = awe_take_ledger(&call);
		if (!ret)
			ret = reserve(awe, &place);
		awe_end(&call, ret);
	}
	return awe_result(ret) ? (void *)(uintptr_t)place.addr : MAP_FAILED;
}

static int unmap_window(const struct awe_window *window)
{
	return munmap((void *)window->start, window->pages * awe_page_size()) ? -errno : 0;
}

static int release(struct placed_awe *awe, unsigned int at)
{
	struct awe_window *window = &awe->windows[at];
	int ret = unmap_window(window);

	if (ret)
		return ret;
	for (uint64_t i = 0; i < window->pages; i++) {
		uint64_t page = window->slots[i] - 1ull;

		if (window->slots[i])
			AWE_STORE(awe->entries[page], AWE_LOAD(awe->entries[page]) & AWE_FLAGS);
	}
	awe_remove_window(awe, at);
	return 0;
}

bool placed_awe_release(struct placed_awe *awe, void *address)
{
	struct awe_call call;
	unsigned int at;
	bool is_in;
	int ret = awe_begin(&call, awe);

	if (ret)
		return awe_result(ret);
	ret = awe_take_ledger(&call);
	if (!ret) {
		at = find_window(awe, (uintptr_t)address, &is_in);
		if (!is_in || awe->windows[at].start != (uintptr_t)address)
			ret = -EADDRNOTAVAIL;
		else
			ret = release(awe, at);
	}
	return awe_result(awe_end(&call, ret));
}

/* If the ledger cannot be had, the windows go, and it says what it said. */
void awe_leave_windows(struct placed_awe *awe)
{
	struct awe_call call;

	awe_begin(&call, awe);
	if (awe_take_ledger(&call)) {
		for (unsigned int i = 0; i < awe->window_count; i++)
			unmap_window(&awe->windows[i]);
	} else {
		while (awe->window_count && !release(awe, awe->window_count - 1))
			;
		if (awe->is_mapper && !awe->window_count)
			AWE_STORE(awe->ledger->mapper, 0);
	}
	awe_end(&call, 0);
}

/* Map */

/* Pages for frame numbers. None are there for a NULL, and for zeros if these mean that. */
static int look_up(struct placed_awe *awe, uint64_t count, const uintptr_t *frames,
		   bool zero_is_none, uint64_t *pages)
{
	for (uint64_t i = 0; i < count; i++) {
		pages[i] = AWE_NONE;
		if (!frames || (!frames[i] && zero_is_none))
			continue;
		if (!awe_page_of(awe, frames[i], &pages[i]))
			return -EINVAL;
	}
	return 0;
}

/* Pointers, as addresses of 64 bits, in the same place, which has room for them. */
static uint64_t *widen(void *pointers, uint64_t count)
{
	uint64_t *wide = pointers;
	uintptr_t *narrow = pointers;

	for (uint64_t i = count; i > 0 && sizeof(*wide) > sizeof(*narrow); i--) {
		uintptr_t value = AWE_LOAD(narrow[i - 1]);

		AWE_STORE(wide[i - 1], value);
	}
	return wide;
}

/* The scratch file has what becomes of the pages in front, then addresses and frame numbers. */
static int map_at(struct awe_call *call, uint64_t addr, void *const *addresses, uint64_t count,
		  const uintptr_t *page_array)
{
	struct placed_awe *awe = call->awe;
	struct awe_changes changes = { .count = count, .addr = addr };
	size_t addrs_at = count * sizeof(uint64_t), frames_at = addrs_at;
	uintptr_t *frames = NULL;
	int ret;

	if (addresses)
		frames_at += count * sizeof(uint64_t);
	ret = awe_grow_scratch(awe, frames_at);
	if (!ret && addresses)
		ret = awe_copy_in(awe, addrs_at, addresses, count * sizeof(uintptr_t));
	if (!ret && page_array)
		ret = awe_copy_in(awe, frames_at, page_array, count * sizeof(uintptr_t));
	if (!ret)
		ret = awe_take_ledger(call);
	if (ret)
		return ret;

	changes.pages = (uint64_t *)awe->scratch.map;
	if (addresses)
		changes.addrs = widen(awe->scratch.map + addrs_at, count);
	if (page_array)
		frames = (uintptr_t *)(awe->scratch.map + frames_at);
	ret = look_up(awe, count, frames, !!addresses, changes.pages);
	return ret ? ret : change(awe, &changes);
}

bool placed_awe_map(struct placed_awe *awe, void *address, uintptr_t number_of_pages,
		    const uintptr_t *page_array)
{
	uint64_t addr = (uintptr_t)address, left;
	struct awe_call call;
	unsigned int at;
	bool is_in;
	int ret = awe_begin(&call, awe);

	if (ret)
		return awe_result(ret);
	at = find_window(awe, addr, &is_in);
	left = is_in ? awe->windows[at].pages - (addr - awe->windows[at].start) / awe_page_size() : 0;
	if (!number_of_pages || addr % awe_page_size())
		ret = -EINVAL;
	else if (number_of_pages > left)
		ret = -EADDRNOTAVAIL;
	else
		ret = map_at(&call, addr, NULL, number_of_pages, page_array);
	return awe_result(awe_end(&call, ret));
}

bool placed_awe_map_scatter(struct placed_awe *awe, void *const *addresses,
			    uintptr_t number_of_pages, const uintptr_t *page_array)
{
	struct awe_call call;
	uint64_t most = 0;
	int ret = awe_begin(&call, awe);

	if (ret)
		return awe_result(ret);
	for (unsigned int i = 0; i < awe->window_count; i++)
		most += awe->windows[i].pages;
	/* More addresses than there are: one is named twice, or in no window. */
	if (!number_of_pages || number_of_pages > most)
		ret = -EINVAL;
	else if (!addresses)
		ret = -EFAULT;
	else
		ret = map_at(&call, 0, addresses, number_of_pages, page_array);
	return awe_result(awe_end(&call, ret));
}
