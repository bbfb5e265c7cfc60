// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "drm_placed_memory.h"
#include "drm_placed_runs.h"
#include "drm_placed_store.h"

/**
 * DOC: the memory of sparse objects
 *
 * A store is an array of pages, some of which are there. shmem is one, too, and
 * was the first choice; but it finds, charges and inserts pages of 4 KiB one by
 * one, which costs half as much as clearing them does; and in huge pages, in which
 * it is cheap, it does not give back parts of them. Graphics memory needs little of
 * what it gets for it: pages are never swapped out or moved while a device may use
 * them, nor found by anything but their number. So the store allocates them
 * itself: 2 MiB in one block where that much is asked for and can be had without
 * trying hard, single pages otherwise. The memory is charged to the memory
 * cgroup of the caller. An allocation that fails does so: it neither calls the
 * OOM killer, nor says so in the log. Page tables for it are mm's, though.
 *
 * A block is divided into pages when a part of it is freed.
 *
 * Memory may also be a device's, and a device may have to know which memory a store
 * has, see &struct drm_placed_store_ops. Then a page is present from the time at which
 * the device has been told of it to the time at which it has been told again. To tell
 * it takes a command, so drm_placed_store_get_all() gathers what is new.
 */

#define STORE_GFP	(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_ZERO | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* For what it takes to keep account of them: with no more of a fuss. */
#define STORE_GFP_META	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

#define STORE_GFP_BLOCK	((STORE_GFP & ~(__GFP_RECLAIM | __GFP_RETRY_MAYFAIL)) | \
			 __GFP_NORETRY | __GFP_KSWAPD_RECLAIM)

static const unsigned int block_order = ilog2(DRM_PLACED_CHUNK);

/**
 * drm_placed_store_init - prepare a store, without memory
 * @store: the store
 * @pages: its size, in pages
 * @ops: where the memory comes from, and who has to know of it, or NULL
 * @owner: for @ops
 */
void drm_placed_store_init(struct drm_placed_store *store, pgoff_t pages,
			   const struct drm_placed_store_ops *ops, void *owner)
{
	mutex_init(&store->lock);
	xa_init(&store->chunks);
	store->ops = ops;
	store->owner = owner;
	store->pages = pages;
	store->last = NULL;
	store->last_index = 0;
	store->present = 0;
	store->huge = 0;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_init);

static void count_present(struct drm_placed_store *store, long pages)
{
	WRITE_ONCE(store->present, store->present + pages);
}

/* Is the memory somebody else's, and not the kernel's? */
static bool is_foreign(const struct drm_placed_store *store)
{
	return store->ops && store->ops->alloc;
}

/* A block becomes pages that are freed one by one. */
static void divide(struct drm_placed_store *store, struct drm_placed_store_chunk *chunk)
{
	if (!is_foreign(store))
		split_page(pfn_to_page(chunk->pfns[0]), block_order);
	chunk->whole = false;
	WRITE_ONCE(store->huge, store->huge - 1);
}

/* False: it is divided now. */
static bool put_block(struct drm_placed_store *store, struct drm_placed_store_chunk *chunk)
{
	/* Who has a reference that is not ours (KVM, for a moment) frees only a page. */
	if (!is_foreign(store) && page_count(pfn_to_page(chunk->pfns[0])) != 1) {
		divide(store, chunk);
		return false;
	}

	if (is_foreign(store))
		store->ops->free(store, chunk->pfns[0], DRM_PLACED_CHUNK);
	else
		__free_pages(pfn_to_page(chunk->pfns[0]), block_order);
	chunk->whole = false;
	bitmap_zero(chunk->present, DRM_PLACED_CHUNK);
	WRITE_ONCE(store->huge, store->huge - 1);
	count_present(store, -(long)DRM_PLACED_CHUNK);
	return true;
}

/* How many pages, from @page on and before @last, are present and in a row? */
static unsigned int row_at(const struct drm_placed_store_chunk *chunk, unsigned int page,
			   unsigned int last)
{
	unsigned int i;

	if (chunk->whole)
		return last - page;

	for (i = page + 1; i < last; i++)
		if (!test_bit(i, chunk->present) ||
		    chunk->pfns[i] != chunk->pfns[page] + (i - page))
			break;

	return i - page;
}

/* Free [first, last) of a chunk. */
static void put_pages(struct drm_placed_store *store, struct drm_placed_store_chunk *chunk,
		      unsigned int first, unsigned int last)
{
	unsigned int page, row;
	long freed = 0;

	if (chunk->whole) {
		if (last - first < DRM_PLACED_CHUNK)
			divide(store, chunk);
		else if (put_block(store, chunk))
			return;
	}

	for (page = find_next_bit(chunk->present, last, first); page < last;
	     page = find_next_bit(chunk->present, last, page + row)) {
		if (is_foreign(store)) {
			row = row_at(chunk, page, last);
			store->ops->free(store, chunk->pfns[page], row);
		} else {
			row = 1;
			__free_page(pfn_to_page(chunk->pfns[page]));
		}
		freed += row;
	}
	bitmap_clear(chunk->present, first, last - first);
	count_present(store, -freed);
}

/**
 * drm_placed_store_fini - free a store and its memory
 * @store: the store; nobody else uses it any more
 */
void drm_placed_store_fini(struct drm_placed_store *store)
{
	struct drm_placed_store_chunk *chunk;
	unsigned long index;

	xa_for_each(&store->chunks, index, chunk) {
		put_pages(store, chunk, 0, DRM_PLACED_CHUNK);
		kfree(chunk->pfns);
		kfree(chunk);
		cond_resched();
	}
	xa_destroy(&store->chunks);
	mutex_destroy(&store->lock);
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_fini);

/* The chunk with this number, or NULL. Callers ask for its pages one after the other. */
static struct drm_placed_store_chunk *find_chunk(struct drm_placed_store *store,
						 unsigned long index)
{
	if (!store->last || store->last_index != index) {
		store->last = xa_load(&store->chunks, index);
		store->last_index = index;
	}

	return store->last;
}

static struct drm_placed_store_chunk *get_chunk(struct drm_placed_store *store,
						unsigned long index)
{
	struct drm_placed_store_chunk *chunk = find_chunk(store, index);

	if (chunk)
		return chunk;

	chunk = kzalloc(sizeof(*chunk), STORE_GFP_META);
	if (!chunk)
		return NULL;

	chunk->pfns = kmalloc_array(DRM_PLACED_CHUNK, sizeof(*chunk->pfns), STORE_GFP_META);
	if (chunk->pfns && !xa_err(xa_store(&store->chunks, index, chunk, STORE_GFP_META))) {
		store->last = chunk;
		store->last_index = index;
		return chunk;
	}

	kfree(chunk->pfns);
	kfree(chunk);
	return NULL;
}

/* A block of the kernel's memory, or of whoever has some. */
static bool alloc_block(struct drm_placed_store *store, unsigned long *pfn)
{
	struct page *page;
	unsigned int got;

	if (is_foreign(store)) {
		got = store->ops->alloc(store, DRM_PLACED_CHUNK, pfn);
		if (got && got < DRM_PLACED_CHUNK)
			store->ops->free(store, *pfn, got);
		return got == DRM_PLACED_CHUNK;
	}

	page = alloc_pages(STORE_GFP_BLOCK, block_order);
	if (page)
		*pfn = page_to_pfn(page);
	return page;
}

/* All of a chunk that has nothing. False: page by page, then. */
static bool get_block(struct drm_placed_store *store, struct drm_placed_store_chunk *chunk)
{
	unsigned long pfn;
	unsigned int i;

	if (!alloc_block(store, &pfn))
		return false;

	for (i = 0; i < DRM_PLACED_CHUNK; i++)
		chunk->pfns[i] = pfn + i;

	chunk->whole = true;
	bitmap_fill(chunk->present, DRM_PLACED_CHUNK);
	WRITE_ONCE(store->huge, store->huge + 1);
	count_present(store, DRM_PLACED_CHUNK);
	return true;
}

/*
 * Up to count pages, no more than @most at a time, which are freed one by one.
 * Returns how many, and lowers @most if that many cannot be had.
 */
static unsigned int alloc_some(struct drm_placed_store *store, unsigned long *pfn,
			       unsigned int count, unsigned int *most)
{
	unsigned int order = ilog2(min(count, *most));
	struct page *page = NULL;

	/* Fewer than a chunk, which would be a block. */
	if (is_foreign(store))
		return store->ops->alloc(store, min(count, DRM_PLACED_CHUNK / 2), pfn);

	if (order) {
		page = alloc_pages(STORE_GFP_BLOCK, order);
		if (page) {
			split_page(page, order);
		} else {
			*most = 1;
			order = 0;
		}
	}
	if (!page)
		page = alloc_page(STORE_GFP);
	if (!page)
		return 0;

	*pfn = page_to_pfn(page);
	return 1U << order;
}

/* What is missing of [first, last) of a chunk. */
static int get_pages(struct drm_placed_store *store, struct drm_placed_store_chunk *chunk,
		     unsigned int first, unsigned int last)
{
	/* Finding and charging a page takes as long as finding and charging several. */
	unsigned int most = SZ_64K >> PAGE_SHIFT, page, missing, got, i;
	unsigned long pfn;

	for (page = find_next_zero_bit(chunk->present, last, first); page < last;
	     page = find_next_zero_bit(chunk->present, last, page + got)) {
		missing = find_next_bit(chunk->present, last, page) - page;
		got = alloc_some(store, &pfn, missing, &most);
		if (!got)
			return -ENOMEM;

		for (i = 0; i < got; i++)
			chunk->pfns[page + i] = pfn + i;
		bitmap_set(chunk->present, page, got);
		count_present(store, got);
	}

	return 0;
}

/* Allocate in one chunk; nobody has been told. @fresh: what is new. */
static int get_in_chunk(struct drm_placed_store *store, pgoff_t first, pgoff_t count,
			unsigned long *fresh)
{
	unsigned int from = first % DRM_PLACED_CHUNK;
	struct drm_placed_store_chunk *chunk;
	int ret = 0;

	bitmap_zero(fresh, DRM_PLACED_CHUNK);
	chunk = get_chunk(store, first / DRM_PLACED_CHUNK);
	if (!chunk)
		return -ENOMEM;

	if (chunk->whole)
		return 0;

	bitmap_copy(fresh, chunk->present, DRM_PLACED_CHUNK);

	if (count < DRM_PLACED_CHUNK || !bitmap_empty(chunk->present, DRM_PLACED_CHUNK) ||
	    !get_block(store, chunk))
		ret = get_pages(store, chunk, from, from + count);

	bitmap_andnot(fresh, chunk->present, fresh, DRM_PLACED_CHUNK);
	return ret;
}

static bool has_listener(const struct drm_placed_store *store)
{
	return store->ops && store->ops->bind;
}

/* What is new, and the device has not been told of yet. */
struct drm_placed_store_news {
	struct drm_placed_extent *extents;
	unsigned int count, room;
};

/* Drop pages of a chunk again. */
static void drop(struct drm_placed_store *store, unsigned long index, unsigned int first,
		 unsigned int last)
{
	put_pages(store, find_chunk(store, index), first, last);
}

static void drop_extent(struct drm_placed_store *store, const struct drm_placed_extent *extent)
{
	pgoff_t page = extent->page, last = page + extent->count, base, next;

	for (; page < last; page = next) {
		base = round_down(page, DRM_PLACED_CHUNK);
		next = min(last, base + DRM_PLACED_CHUNK);
		drop(store, page / DRM_PLACED_CHUNK, page - base, next - base);
	}
}

/* Tell the device. What it does not take, goes again. */
static int tell(struct drm_placed_store *store, struct drm_placed_store_news *news)
{
	unsigned int i;
	int ret;

	if (!news->count)
		return 0;

	ret = store->ops->bind(store, news->extents, news->count);
	for (i = 0; ret && i < news->count; i++)
		drop_extent(store, &news->extents[i]);
	news->count = 0;
	return ret;
}

/* A larger list, or none: then what is in it is told first. */
static void make_room(struct drm_placed_store_news *news)
{
	unsigned int room = news->room * 2;
	struct drm_placed_extent *more;

	if (room > DRM_PLACED_EXTENTS)
		return;

	more = kvmalloc_array(room, sizeof(*more), STORE_GFP_META);
	if (!more)
		return;

	memcpy(more, news->extents, news->count * sizeof(*more));
	kvfree(news->extents);
	news->extents = more;
	news->room = room;
}

static int add_news(struct drm_placed_store *store, struct drm_placed_store_news *news,
		    const struct drm_placed_extent *extent)
{
	struct drm_placed_extent *last = news->count ? &news->extents[news->count - 1] : NULL;
	int ret;

	if (last && last->page + last->count == extent->page &&
	    last->pfn + last->count == extent->pfn) {
		last->count += extent->count;
		return 0;
	}

	if (news->count == news->room)
		make_room(news);
	if (news->count == news->room) {
		ret = tell(store, news);
		if (ret)
			return ret;
	}
	news->extents[news->count++] = *extent;
	return 0;
}

/* Take down what is new in a chunk. On an error, all that is new there goes. */
static int note_fresh(struct drm_placed_store *store, struct drm_placed_store_news *news,
		      unsigned long index, const unsigned long *fresh)
{
	struct drm_placed_store_chunk *chunk = find_chunk(store, index);
	unsigned int page, last, row;
	int ret;

	if (bitmap_empty(fresh, DRM_PLACED_CHUNK))
		return 0;

	for (page = find_first_bit(fresh, DRM_PLACED_CHUNK); page < DRM_PLACED_CHUNK;
	     page = find_next_bit(fresh, DRM_PLACED_CHUNK, page + row)) {
		last = find_next_zero_bit(fresh, DRM_PLACED_CHUNK, page);
		row = row_at(chunk, page, last);
		ret = add_news(store, news, &(struct drm_placed_extent) {
			.page = index * DRM_PLACED_CHUNK + page,
			.pfn = chunk->pfns[page],
			.count = row,
		});
		if (!ret)
			continue;

		/* Of this chunk, what was told before has gone, or stays. */
		for (; page < DRM_PLACED_CHUNK;
		     page = find_next_bit(fresh, DRM_PLACED_CHUNK, page + 1))
			drop(store, index, page, page + 1);
		return ret;
	}

	return 0;
}

/* Pages that are new no more. */
static void forget_dropped(struct drm_placed_store *store, unsigned long index,
			   unsigned long *fresh)
{
	struct drm_placed_store_chunk *chunk = find_chunk(store, index);

	if (chunk)
		bitmap_and(fresh, fresh, chunk->present, DRM_PLACED_CHUNK);
}

static bool begin_news(struct drm_placed_store_news *news, unsigned int room)
{
	news->extents = kmalloc_array(room, sizeof(*news->extents), STORE_GFP_META);
	news->count = 0;
	news->room = room;
	return news->extents;
}

/**
 * drm_placed_store_get - allocate what is missing, zeroed
 * @store: the store
 * @first: first page of the range
 * @count: number of pages, not zero; all in one chunk
 * @fresh: bitmap of %DRM_PLACED_CHUNK bits that says afterwards which pages of
 *	the chunk are new, or NULL
 *
 * Locking: &drm_placed_store.lock is held. May sleep.
 *
 * Return: 0, or -ENOMEM, or what &drm_placed_store_ops.bind returns, with some of the
 * pages there.
 */
int drm_placed_store_get(struct drm_placed_store *store, pgoff_t first, pgoff_t count,
			 unsigned long *fresh)
{
	DECLARE_BITMAP(here, DRM_PLACED_CHUNK);
	struct drm_placed_store_news news;
	int ret, told;

	lockdep_assert_held(&store->lock);
	if (WARN_ON_ONCE(first % DRM_PLACED_CHUNK + count > DRM_PLACED_CHUNK ||
			 first + count > store->pages))
		return -EINVAL;

	fresh = fresh ?: here;
	if (!has_listener(store))
		return get_in_chunk(store, first, count, fresh);

	bitmap_zero(fresh, DRM_PLACED_CHUNK);
	if (!begin_news(&news, 16))
		return -ENOMEM;

	ret = get_in_chunk(store, first, count, fresh);
	told = note_fresh(store, &news, first / DRM_PLACED_CHUNK, fresh) ?: tell(store, &news);
	kvfree(news.extents);
	if (told)
		forget_dropped(store, first / DRM_PLACED_CHUNK, fresh);
	return told ?: ret;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_get);

/**
 * drm_placed_store_get_all - allocate what is missing of a range, zeroed
 * @store: the store
 * @first: first page of the range
 * @count: number of pages, not zero
 *
 * As drm_placed_store_get() for each chunk, but &drm_placed_store_ops.bind is called
 * as few times as can be.
 *
 * Locking: &drm_placed_store.lock is held. May sleep.
 *
 * Return: 0; or, with some of the pages there, -ENOMEM, -EINTR if the task is being
 * killed, or what &drm_placed_store_ops.bind returns.
 */
int drm_placed_store_get_all(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	DECLARE_BITMAP(fresh, DRM_PLACED_CHUNK);
	pgoff_t last = first + count, next;
	struct drm_placed_store_news news;
	int ret = 0, told = 0;

	lockdep_assert_held(&store->lock);
	if (WARN_ON_ONCE(last > store->pages))
		return -EINVAL;
	if (!begin_news(&news, 64))
		return -ENOMEM;

	for (; first < last && !ret && !told; first = next) {
		next = min(last, round_down(first, DRM_PLACED_CHUNK) + DRM_PLACED_CHUNK);
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		ret = get_in_chunk(store, first, next - first, fresh);
		if (has_listener(store))
			told = note_fresh(store, &news, first / DRM_PLACED_CHUNK, fresh);
		cond_resched();
	}

	told = told ?: tell(store, &news);
	kvfree(news.extents);
	return told ?: ret;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_get_all);

/* What of a range is in one chunk that exists. */
struct drm_placed_store_part {
	struct drm_placed_store_chunk *chunk;
	unsigned long index;
	unsigned int from, to;
};

/* The first part of [first, last) that begins at or behind @part->index. */
static bool find_part(struct drm_placed_store *store, pgoff_t first, pgoff_t last,
		      struct drm_placed_store_part *part)
{
	pgoff_t base;

	part->chunk = xa_find(&store->chunks, &part->index, (last - 1) / DRM_PLACED_CHUNK,
			      XA_PRESENT);
	if (!part->chunk)
		return false;

	base = part->index * DRM_PLACED_CHUNK;
	part->from = max(first, base) - base;
	part->to = min(last, base + DRM_PLACED_CHUNK) - base;
	return true;
}

/**
 * drm_placed_store_put - free the memory of a range
 * @store: the store
 * @first: first page
 * @count: number of pages, not zero
 *
 * Locking: &drm_placed_store.lock is held, and nothing maps the range. May sleep.
 */
void drm_placed_store_put(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store_part part = { .index = first / DRM_PLACED_CHUNK };

	lockdep_assert_held(&store->lock);

	if (store->ops && store->ops->unbind && store->present)
		store->ops->unbind(store, first, count);

	for (; find_part(store, first, first + count, &part); part.index++) {
		put_pages(store, part.chunk, part.from, part.to);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_put);

/**
 * drm_placed_store_pfn - find the memory of a page
 * @store: the store
 * @page: the page
 * @count: in: how many pages are asked for, in the same chunk. out: how many of
 *	them are in a row, or have no memory
 *
 * Locking: &drm_placed_store.lock is held.
 *
 * Return: the page frame of the first page, or %DRM_PLACED_NO_PFN.
 */
unsigned long drm_placed_store_pfn(struct drm_placed_store *store, pgoff_t page,
				   unsigned long *count)
{
	unsigned int first = page % DRM_PLACED_CHUNK, last;
	struct drm_placed_store_chunk *chunk;

	lockdep_assert_held(&store->lock);
	chunk = find_chunk(store, page / DRM_PLACED_CHUNK);

	/* Whoever wants more comes again. */
	*count = min_t(unsigned long, *count, DRM_PLACED_CHUNK - first);
	if (!chunk)
		return DRM_PLACED_NO_PFN;

	last = first + *count;
	if (!test_bit(first, chunk->present)) {
		*count = find_next_bit(chunk->present, last, first) - first;
		return DRM_PLACED_NO_PFN;
	}

	*count = row_at(chunk, first, last);
	return chunk->pfns[first];
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_pfn);

/**
 * drm_placed_store_pfns - find the memory of pages anywhere
 * @store: the store
 * @pages: the pages; what the store does not have, has no memory
 * @count: number of them
 * @pfns: out: their page frames, or %DRM_PLACED_NO_PFN
 *
 * Locking: &drm_placed_store.lock is held.
 */
void drm_placed_store_pfns(struct drm_placed_store *store, const u64 *pages, unsigned int count,
			   unsigned long *pfns)
{
	struct drm_placed_store_chunk *chunk;
	unsigned int i, page;

	lockdep_assert_held(&store->lock);

	for (i = 0; i < count; i++) {
		pfns[i] = DRM_PLACED_NO_PFN;
		if (pages[i] >= store->pages)
			continue;

		chunk = find_chunk(store, pages[i] / DRM_PLACED_CHUNK);
		page = pages[i] % DRM_PLACED_CHUNK;
		if (chunk && test_bit(page, chunk->present))
			pfns[i] = chunk->pfns[page];
	}
}

/* The pages of a part that are present. */
static void present_of(const struct drm_placed_store_part *part, unsigned long *present)
{
	bitmap_copy(present, part->chunk->present, DRM_PLACED_CHUNK);
	bitmap_clear(present, 0, part->from);
	bitmap_clear(present, part->to, DRM_PLACED_CHUNK - part->to);
}

/**
 * drm_placed_store_present - how many pages of a range have memory?
 * @store: the store
 * @first: first page
 * @count: number of pages, not zero
 *
 * Locking: &drm_placed_store.lock is held.
 *
 * Return: the number.
 */
pgoff_t drm_placed_store_present(struct drm_placed_store *store, pgoff_t first, pgoff_t count)
{
	struct drm_placed_store_part part = { .index = first / DRM_PLACED_CHUNK };
	DECLARE_BITMAP(present, DRM_PLACED_CHUNK);
	pgoff_t sum = 0;

	lockdep_assert_held(&store->lock);

	if (first == 0 && count == store->pages)
		return store->present;

	for (; find_part(store, first, first + count, &part); part.index++) {
		present_of(&part, present);
		sum += bitmap_weight(present, DRM_PLACED_CHUNK);
	}
	return sum;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_present);

/**
 * drm_placed_store_runs - list the pages of a range that have memory
 * @store: the store
 * @first: first page
 * @count: number of pages, not zero
 * @runs: begun; where to
 *
 * Locking: &drm_placed_store.lock is held.
 */
void drm_placed_store_runs(struct drm_placed_store *store, pgoff_t first, pgoff_t count,
			   struct drm_placed_runs *runs)
{
	struct drm_placed_store_part part = { .index = first / DRM_PLACED_CHUNK };
	DECLARE_BITMAP(present, DRM_PLACED_CHUNK);

	lockdep_assert_held(&store->lock);

	for (; find_part(store, first, first + count, &part); part.index++) {
		present_of(&part, present);
		drm_placed_runs_add_bitmap(runs, part.index * DRM_PLACED_CHUNK, present,
					   DRM_PLACED_CHUNK);
	}
	drm_placed_runs_end(runs);
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_store_runs);
