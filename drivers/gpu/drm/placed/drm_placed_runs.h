/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_RUNS_H_
#define _DRM_PLACED_RUNS_H_

#include <linux/types.h>

/**
 * struct drm_placed_runs - written pages on the way to becoming transfers
 *
 * Pages are numbered from the start of the object. To begin, fill in @gap,
 * @emit and @arg, and zero the rest. Plain data: the caller serialises.
 */
struct drm_placed_runs {
	/** @first: first page of the run being built. */
	pgoff_t first;

	/** @count: pages of the run being built; 0: there is none. */
	pgoff_t count;

	/** @gap: clean pages allowed between written ones of a run; 0: none. */
	pgoff_t gap;

	/** @emit: called with each run, in ascending order. */
	void (*emit)(void *arg, pgoff_t first, pgoff_t count);

	/** @arg: for @emit. */
	void *arg;

	/** @runs: number of runs emitted. */
	u64 runs;

	/** @pages: number of pages emitted, with the clean ones inside of runs. */
	u64 pages;
};

void drm_placed_runs_add(struct drm_placed_runs *runs, pgoff_t first, pgoff_t count);
void drm_placed_runs_add_bitmap(struct drm_placed_runs *runs, pgoff_t base,
				const unsigned long *bitmap, unsigned int bits);
void drm_placed_runs_end(struct drm_placed_runs *runs);

#endif
