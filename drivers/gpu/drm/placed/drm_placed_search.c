// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/align.h>
#include <linux/errno.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <kunit/visibility.h>

#include "drm_placed_internal.h"

/**
 * DOC: address search
 *
 * Where does a mapping of a given size go, if it must lie in a given range and
 * should lie near a given address? mm answers such questions for mmap(2) in
 * vm_unmapped_area(), for one direction and one range, and asks for a gap of
 * length plus alignment, so that it misses a gap that fits exactly. The search
 * here has the same ingredients (the maple tree of the VMAs knows the largest
 * gap below each of its nodes, and stacks keep their guard gaps), and
 *
 * - finds the nearest place on either side of an address,
 * - finds every place there is: ENOSPC means that no aligned address in the
 *   range has enough free room.
 *
 * It works gap by gap. The tree is asked for the next gap that is long enough;
 * if the aligned mapping fits in, that is the answer, otherwise the search
 * goes on behind the gap or at the next aligned address, whichever is further.
 * Without an alignment above a page, and with no stack near by, the first gap
 * is the answer, at a cost of log(VMAs). With one, gaps are passed over that
 * are long enough and badly placed: at most one per multiple of the alignment
 * in the range, and at most one per VMA.
 *
 * The search changes nothing and knows nothing of DRM; it reads a tree of
 * VMAs, so that KUnit can hand it trees of its own.
 */

/* The free room around an address, less the guard gaps of its neighbours. */
struct gap {
	/* First free address. */
	unsigned long start;
	/* First address that is not free, or 0 for the end of the tree. */
	unsigned long end;
	/* The VMAs on both sides, or NULL. */
	struct vm_area_struct *prev, *next;
};

/* The gap that @mas is in, or is about to enter; moves @mas. */
static void gap_around(struct ma_state *mas, struct gap *gap)
{
	gap->next = mas_find(mas, ULONG_MAX);
	gap->prev = mas_prev(mas, 0);
	gap->start = gap->prev ? vm_end_gap(gap->prev) : 0;
	gap->end = gap->next ? vm_start_gap(gap->next) : 0;
}

/* Does [start, start + length) fit in the gap? */
static bool gap_fits(const struct gap *gap, unsigned long start, unsigned long length)
{
	return start >= gap->start && (!gap->next || (start < gap->end &&
						      gap->end - start >= length));
}

/* The first address from @addr up that is @offset modulo @align; wraps. */
static unsigned long congruent_up(unsigned long addr, unsigned long align, unsigned long offset)
{
	return addr + ((offset - addr) & (align - 1));
}

/* The first address from @addr down that is @offset modulo @align; wraps. */
static unsigned long congruent_down(unsigned long addr, unsigned long align, unsigned long offset)
{
	return addr - ((addr - offset) & (align - 1));
}

/* The lowest address that fits in [low, high). */
static int search_up(struct maple_tree *mt, unsigned long low, unsigned long high,
		     unsigned long length, unsigned long align, unsigned long offset,
		     unsigned long *addr, unsigned int *gaps)
{
	while (low < high && high - low >= length) {
		MA_STATE(mas, mt, 0, 0);
		unsigned long free, start;
		struct gap gap;

		if (mas_empty_area(&mas, low, high - 1, length))
			return -ENOSPC;

		cond_resched();
		++*gaps;
		free = mas.index;
		gap_around(&mas, &gap);
		start = congruent_up(max(free, gap.start), align, offset);
		if (start < free || start >= high || high - start < length)
			return -ENOSPC;

		if (gap_fits(&gap, start, length)) {
			*addr = start;
			return 0;
		}

		/*
		 * Only the neighbour above, or its guard gap, can be in the
		 * way. Its guard gap is no concern of places above it.
		 */
		low = max(congruent_up(free, align, offset), gap.next->vm_end);
	}

	return -ENOSPC;
}

/* The highest address that fits in [low, high). */
static int search_down(struct maple_tree *mt, unsigned long low, unsigned long high,
		       unsigned long length, unsigned long align, unsigned long offset,
		       unsigned long *addr, unsigned int *gaps)
{
	while (low < high && high - low >= length) {
		MA_STATE(mas, mt, 0, 0);
		unsigned long free, end, start;
		struct gap gap;

		if (mas_empty_area_rev(&mas, low, high - 1, length))
			return -ENOSPC;

		cond_resched();
		++*gaps;
		free = mas.index;
		gap_around(&mas, &gap);
		end = gap.next ? min(free + length, gap.end) : free + length;
		/* Wraps, and is not below end, if there is no such address. */
		start = congruent_down(end - length, align, offset);
		if (start < end && start >= low && gap_fits(&gap, start, length)) {
			*addr = start;
			return 0;
		}

		/*
		 * Only the neighbour below, or the guard gap of the one above,
		 * can be in the way. The latter is no concern of places below
		 * the former.
		 */
		if (!gap.prev)
			return -ENOSPC;
		start = congruent_down(free, align, offset);
		if (start > free)
			return -ENOSPC;
		high = min(start + length, gap.prev->vm_start);
	}

	return -ENOSPC;
}

/* One side, with the preferred alignment if it has such a place. */
static int search_side(struct maple_tree *mt, const struct drm_placed_range *range, bool up,
		       unsigned long low, unsigned long high,
		       unsigned long *addr, unsigned int *gaps)
{
	int (*search)(struct maple_tree *mt, unsigned long low, unsigned long high,
		      unsigned long length, unsigned long align, unsigned long offset,
		      unsigned long *addr, unsigned int *gaps) = up ? search_up : search_down;

	if (range->prefer_align &&
	    !search(mt, low, high, range->length, range->prefer_align, range->prefer_offset,
		    addr, gaps))
		return 0;

	return search(mt, low, high, range->length, range->align, 0, addr, gaps);
}

/* Both sides of range->near. */
static int search_near(struct maple_tree *mt, const struct drm_placed_range *range,
		       unsigned long *addr, unsigned int *gaps)
{
	unsigned long length = range->length;
	unsigned long last = range->high - length;
	/* Starts in [low, split) are below, starts in [split, last] above. */
	unsigned long split;
	int ret;

	if (range->topdown) {
		split = range->near < range->low ? range->low :
						   min(range->near, last) + PAGE_SIZE;
		ret = search_side(mt, range, false, range->low, split - PAGE_SIZE + length,
				  addr, gaps);
		if (!ret)
			return 0;
		return search_side(mt, range, true, split, range->high, addr, gaps);
	}

	split = clamp(range->near, range->low, last + PAGE_SIZE);
	ret = search_side(mt, range, true, split, range->high, addr, gaps);
	if (!ret)
		return 0;
	return search_side(mt, range, false, range->low, split - PAGE_SIZE + length, addr, gaps);
}

/* Did the caller name an address, and does the mapping fit there? */
static bool hint_fits(struct maple_tree *mt, const struct drm_placed_range *range)
{
	MA_STATE(mas, mt, range->near, range->near);
	struct gap gap;

	if (!range->hint || range->near < range->low || range->near > range->high - range->length ||
	    !IS_ALIGNED(range->near, range->align))
		return false;

	gap_around(&mas, &gap);
	return gap_fits(&gap, range->near, range->length);
}

/**
 * drm_placed_search - find a place for a mapping
 * @mt: tree of &struct vm_area_struct with gap tracking, such as mm->mm_mt
 * @range: what to look for
 * @addr: out: the address, unchanged on failure
 * @gaps: in and out: the number of gaps looked at is added
 *
 * With @range->hint the answer is @range->near if the mapping fits there. Otherwise it is the
 * nearest fitting address above, and if there is none, below (the other way
 * round with @range->topdown). On either side, addresses that have the
 * preferred alignment come before those that have not.
 *
 * Follows unmapped_area() and unmapped_area_topdown() in mm, see the overview
 * for the differences.
 *
 * Locking: the caller keeps the tree from changing, for mm->mm_mt by holding
 * mmap_lock, and may sleep. The answer holds as long as the lock is held.
 *
 * Return: 0, or -ENOSPC if no address in the range will do.
 */
int drm_placed_search(struct maple_tree *mt, const struct drm_placed_range *range,
		      unsigned long *addr, unsigned int *gaps)
{
	if (range->low >= range->high || range->high - range->low < range->length)
		return -ENOSPC;

	if (hint_fits(mt, range)) {
		*addr = range->near;
		++*gaps;
		return 0;
	}

	return search_near(mt, range, addr, gaps);
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_search);
