/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_POLICY_H_
#define _DRM_PLACED_POLICY_H_

#include <linux/types.h>

/**
 * enum drm_placed_policy_kind - how an object decides between faults and scans
 *
 * The last three are for comparison.
 */
enum drm_placed_policy_kind {
	/** @DRM_PLACED_INTERLEAVED: per chunk, what was cheaper of late. */
	DRM_PLACED_INTERLEAVED,
	/** @DRM_PLACED_PROTECT: a fault for every page, always. */
	DRM_PLACED_PROTECT,
	/** @DRM_PLACED_SCAN: what was ever written stays writable and is scanned. */
	DRM_PLACED_SCAN,
	/** @DRM_PLACED_VMWGFX: one method for the whole object, as vmwgfx chooses it. */
	DRM_PLACED_VMWGFX,
	/** @DRM_PLACED_POLICIES: number of policies. */
	DRM_PLACED_POLICIES
};

/** enum drm_placed_state - what a store to a chunk meets */
enum drm_placed_state {
	/** @DRM_PLACED_COLD: write protection; every page costs a fault. */
	DRM_PLACED_COLD,
	/** @DRM_PLACED_HOT: nothing; the dirty bits of the open pages are scanned. */
	DRM_PLACED_HOT,
	/** @DRM_PLACED_HUGE: nothing; one dirty bit stands for the whole chunk. */
	DRM_PLACED_HUGE,
	/** @DRM_PLACED_STATES: number of states. */
	DRM_PLACED_STATES
};

/** enum drm_placed_action - what a collection does to the open pages of a chunk */
enum drm_placed_action {
	/** @DRM_PLACED_KEEP: clean them; all stay writable. */
	DRM_PLACED_KEEP,
	/** @DRM_PLACED_CLOSE_CLEAN: protect those that were not written. */
	DRM_PLACED_CLOSE_CLEAN,
	/** @DRM_PLACED_CLOSE: protect all. */
	DRM_PLACED_CLOSE,
};

/**
 * struct drm_placed_policy - what a policy remembers of an object
 *
 * Plain data, as the other structs here: the caller serialises.
 */
struct drm_placed_policy {
	/** @kind: constant. */
	enum drm_placed_policy_kind kind;

	/** @pages: of the object. Constant. */
	u64 pages;

	/** @scanning: vmwgfx: the object's method is to scan, not to protect. */
	bool scanning;

	/** @votes: vmwgfx: collections in a row that spoke for the other method. */
	u8 votes;
};

/** struct drm_placed_policy_chunk - what a policy remembers of a chunk; zero is cold */
struct drm_placed_policy_chunk {
	/** @state: enum drm_placed_state. */
	u8 state;

	/** @closing: the next collection closes the pages it finds clean. */
	bool closing;

	/** @dense: collections in a row in which all of the chunk was written. */
	u8 dense;

	/** @probe: collections until a huge chunk is looked at page by page. */
	u8 probe;

	/** @rent: what scanning has cost more than it saved, in page table entries. */
	u16 rent;

	/**
	 * @debt: what faults have cost more than scans of the whole chunk would have,
	 * up to the last collection, since it was opened whole or closed, in page
	 * table entries.
	 */
	u16 debt;

	/** @faults: write faults since the last collection. */
	u16 faults;

	/** @next: the page in the chunk that a stream would write next. */
	u16 next;

	/** @ahead: how many pages the last fault of the stream opened. */
	u16 ahead;
};

/** struct drm_placed_window - pages of a chunk that a fault opens */
struct drm_placed_window {
	/** @first: page in the chunk. */
	unsigned int first;
	/** @count: number of pages, at least one. */
	unsigned int count;
};

const char *drm_placed_policy_name(enum drm_placed_policy_kind kind);
void drm_placed_policy_init(struct drm_placed_policy *policy,
			    enum drm_placed_policy_kind kind, u64 pages);
struct drm_placed_window
drm_placed_policy_fault(const struct drm_placed_policy *policy,
			struct drm_placed_policy_chunk *chunk,
			unsigned int page, unsigned int pages);
bool drm_placed_policy_wants_huge(const struct drm_placed_policy *policy,
				  const struct drm_placed_policy_chunk *chunk);
void drm_placed_policy_huge(struct drm_placed_policy_chunk *chunk);
enum drm_placed_action
drm_placed_policy_collect(const struct drm_placed_policy *policy,
			  struct drm_placed_policy_chunk *chunk);
bool drm_placed_policy_collected(const struct drm_placed_policy *policy,
				 struct drm_placed_policy_chunk *chunk,
				 enum drm_placed_action action, unsigned int scanned,
				 unsigned int dirty, unsigned int fresh, unsigned int pages);
void drm_placed_policy_end(struct drm_placed_policy *policy, u64 dirty);

#endif
