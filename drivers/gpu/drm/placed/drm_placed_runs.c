// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/bitmap.h>
#include <linux/bitops.h>

#include <kunit/visibility.h>

#include "drm_placed_runs.h"

/**
 * DOC: from written pages to transfers
 *
 * A collection finds written pages, one bit each; a device takes transfers of
 * consecutive pages. Each transfer has a fixed cost, in commands, exits and
 * address lists, that is as much as that of copying some pages. So runs of
 * written pages that are at most &drm_placed_runs.gap clean pages apart are
 * merged, which sends the clean pages as well.
 *
 * That is only correct for objects the device does not write: of a page that
 * the device has written and the CPU has not, the device has the newer copy. For
 * such objects the gap is 0, and only adjacent runs are merged.
 *
 * Runs know nothing of chunks. Chunk after chunk is added in ascending order,
 * and a run goes on over the border between them.
 *
 * This file is pure C, as the policy is, and is tested with it.
 */

static void emit_run(struct drm_placed_runs *runs)
{
	runs->runs++;
	runs->pages += runs->count;
	runs->emit(runs->arg, runs->first, runs->count);
}

static __always_inline void add_run(struct drm_placed_runs *runs, pgoff_t first, pgoff_t count)
{
	if (runs->count) {
		/* Not below zero: what is added is in order. */
		if (first - (runs->first + runs->count) <= runs->gap) {
			runs->count = first + count - runs->first;
			return;
		}
		emit_run(runs);
	}

	runs->first = first;
	runs->count = count;
}

/* Add the runs of ones in a word. */
static __always_inline void add_word(struct drm_placed_runs *runs, pgoff_t base,
				     unsigned long word)
{
	while (word) {
		/* The carry turns the lowest run to zeros, and sets the bit behind it. */
		unsigned long carry = word + (word & -word);
		unsigned int start = __ffs(word);
		unsigned int end = carry ? __ffs(carry) : BITS_PER_LONG;

		add_run(runs, base + start, end - start);
		word &= carry;
	}
}

/**
 * drm_placed_runs_add - add consecutive written pages
 * @runs: where to
 * @first: first page, not below the end of what was added before
 * @count: number of pages, not zero
 */
void drm_placed_runs_add(struct drm_placed_runs *runs, pgoff_t first, pgoff_t count)
{
	add_run(runs, first, count);
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_runs_add);

/**
 * drm_placed_runs_add_bitmap - add the pages whose bits are set
 * @runs: where to
 * @base: the page of bit 0, not below the end of what was added before
 * @bitmap: one bit per page
 * @bits: number of bits; those behind them in the last word do not count
 */
void drm_placed_runs_add_bitmap(struct drm_placed_runs *runs, pgoff_t base,
				const unsigned long *bitmap, unsigned int bits)
{
	unsigned long words = BITS_TO_LONGS(bits), whole = bits / BITS_PER_LONG;
	unsigned long i, start;

	for (i = 0; i < words; i++) {
		unsigned long word = bitmap[i];

		if (!word)
			continue;

		start = i;
		while (i < whole && bitmap[i] == ~0UL)
			i++;
		if (i > start) {
			add_run(runs, base + start * BITS_PER_LONG, (i - start) * BITS_PER_LONG);
			/* The word that ended them is looked at next. */
			i--;
			continue;
		}

		if (i == whole)
			word &= BITMAP_LAST_WORD_MASK(bits);
		add_word(runs, base + i * BITS_PER_LONG, word);
	}
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_runs_add_bitmap);

/**
 * drm_placed_runs_end - nothing more will be added
 * @runs: emits its last run; may be used again
 */
void drm_placed_runs_end(struct drm_placed_runs *runs)
{
	if (!runs->count)
		return;

	emit_run(runs);
	runs->count = 0;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_runs_end);
