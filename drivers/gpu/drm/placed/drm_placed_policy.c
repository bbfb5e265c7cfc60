// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/visibility.h>

#include <linux/export.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "drm_placed_policy.h"

/**
 * DOC: when to fault and when to scan
 *
 * There are two ways to learn that a page was written. Write-protect it, and
 * take a fault: that costs only what is written, but a fault costs as much as
 * looking at hundreds of page table entries. Or leave it writable and look at its
 * dirty bit in every collection: that costs nothing to the writer, and costs
 * for pages nobody writes.
 *
 * The policy decides for each chunk, a page table's worth of an object, from
 * what the chunk did last. A page that a fault or a window opened is *open*:
 * it may be written without a fault, and is scanned. Open pages that are found
 * clean pay rent, an entry each, and the chunk pays for the visit if all of them
 * are; a page that is written after it was clean has saved a fault, which pays for
 * hundreds of entries. When the rent that nothing paid for has come to the price
 * of opening the pages again, the next collection closes those that it finds
 * clean; if that is all of them, the chunk is cold again and costs nothing more.
 * This is the rule of whoever rents skis: stop when the rent has come to the price.
 *
 * In the other direction, faults are a *debt* as far as they cost more than scans of
 * the whole chunk would have. When it has come to the price of opening all pages and
 * closing them again, the next fault does open them all. Faults on pages in a row
 * are a stream, and open twice as much ahead each time, whatever the debt.
 *
 * Who goes back and forth between two states by these rules pays at most three times
 * what somebody does who knows what comes, and no rule can promise less: Borodin,
 * Linial and Saks, "An optimal on-line algorithm for metrical task system", 1992. The
 * worst stores that were found here cost just below three times what faults alone or
 * scans alone would, whichever is cheaper.
 *
 * A chunk that is written whole in several collections may be mapped by one
 * huge entry with one dirty bit. As that cannot tell which pages are written,
 * the chunk is looked at page by page again every %PROBE collections.
 *
 * This file is pure C: no locks, no page tables, nothing of the kernel but
 * types and min(). It is tested by tests/drm_placed_policy_test.c.
 */

/*
 * The unit is what it takes to look at one page table entry among others, 3.3
 * instructions on x86-64. A write fault takes 2,350 there, with what it takes to
 * protect the page again.
 */
#define FAULT_COST	700

/* What a chunk costs in a collection besides its open pages: 860 instructions. */
#define CHUNK_COST	260

/* To open a page along with others, and to close it again: 80 instructions. */
#define PAGE_COST	24

/* Collections in a row that must find all of a chunk written to make it huge. */
#define DENSE		2

/* Collections of a huge chunk between two looks at its pages. */
#define PROBE		16

/* vmwgfx: votes needed, size below which it starts to scan, and its threshold. */
#define VMWGFX_VOTES	2
#define VMWGFX_SMALL	512
#define VMWGFX_PERCENT	10

/**
 * drm_placed_policy_name - name of a policy
 * @kind: the policy
 *
 * Return: a word, as debugfs takes and shows it.
 */
const char *drm_placed_policy_name(enum drm_placed_policy_kind kind)
{
	static const char * const names[DRM_PLACED_POLICIES] = {
		[DRM_PLACED_INTERLEAVED] = "interleaved",
		[DRM_PLACED_PROTECT] = "protect",
		[DRM_PLACED_SCAN] = "scan",
		[DRM_PLACED_VMWGFX] = "vmwgfx",
	};

	return names[kind];
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_name);

/**
 * drm_placed_policy_init - start with an object
 * @policy: to be filled in
 * @kind: the policy
 * @pages: number of pages of the object
 */
void drm_placed_policy_init(struct drm_placed_policy *policy,
			    enum drm_placed_policy_kind kind, u64 pages)
{
	*policy = (struct drm_placed_policy) {
		.kind = kind,
		.pages = pages,
		.scanning = pages < VMWGFX_SMALL,
	};
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_init);

/* The price of opening all of a chunk at once, and of closing it again. */
static unsigned int whole(unsigned int pages)
{
	return pages * PAGE_COST;
}

static struct drm_placed_window
interleaved_fault(struct drm_placed_policy_chunk *chunk, unsigned int page, unsigned int pages)
{
	struct drm_placed_window window = { page, 1 };

	if (chunk->debt + chunk->faults * FAULT_COST >= whole(pages)) {
		chunk->state = DRM_PLACED_HOT;
		chunk->debt = 0;
		chunk->next = 0;
		return (struct drm_placed_window) { 0, pages };
	}

	/* Nothing is known of what was before the chunk's first page. */
	if (page && page == chunk->next)
		window.count = min(2u * max_t(unsigned int, chunk->ahead, 1), pages - page);

	chunk->ahead = window.count;
	chunk->next = page + window.count;
	return window;
}

/**
 * drm_placed_policy_fault - a store faulted: which pages to make writable?
 * @policy: the object's
 * @chunk: the chunk's
 * @page: the page that was stored to, from the start of the chunk
 * @pages: number of pages in the chunk
 *
 * Return: a window in the chunk that includes @page.
 */
struct drm_placed_window
drm_placed_policy_fault(const struct drm_placed_policy *policy,
			struct drm_placed_policy_chunk *chunk,
			unsigned int page, unsigned int pages)
{
	chunk->faults = min(chunk->faults + 1, U16_MAX);

	switch (policy->kind) {
	case DRM_PLACED_INTERLEAVED:
		return interleaved_fault(chunk, page, pages);
	case DRM_PLACED_SCAN:
		chunk->state = DRM_PLACED_HOT;
		return (struct drm_placed_window) { 0, pages };
	default:
		return (struct drm_placed_window) { page, 1 };
	}
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_fault);

/**
 * drm_placed_policy_wants_huge - is one dirty bit enough for this chunk?
 * @policy: the object's
 * @chunk: the chunk's
 *
 * Return: whether the chunk should be mapped huge if its memory allows it.
 */
bool drm_placed_policy_wants_huge(const struct drm_placed_policy *policy,
				  const struct drm_placed_policy_chunk *chunk)
{
	return policy->kind == DRM_PLACED_INTERLEAVED && chunk->dense >= DENSE;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_wants_huge);

/**
 * drm_placed_policy_huge - a chunk is mapped by one writable entry from now on
 * @chunk: the chunk's
 */
void drm_placed_policy_huge(struct drm_placed_policy_chunk *chunk)
{
	chunk->state = DRM_PLACED_HUGE;
	chunk->probe = PROBE;
	chunk->rent = 0;
	chunk->debt = 0;
	chunk->closing = false;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_huge);

/**
 * drm_placed_policy_collect - a collection begins: what to do with open pages?
 * @policy: the object's
 * @chunk: the chunk's
 *
 * Return: what to do with the chunk's pages while looking at their dirty bits.
 */
enum drm_placed_action
drm_placed_policy_collect(const struct drm_placed_policy *policy,
			  struct drm_placed_policy_chunk *chunk)
{
	switch (policy->kind) {
	case DRM_PLACED_INTERLEAVED:
		if (chunk->state == DRM_PLACED_HUGE)
			return chunk->probe ? DRM_PLACED_KEEP : DRM_PLACED_CLOSE;
		return chunk->closing ? DRM_PLACED_CLOSE_CLEAN : DRM_PLACED_KEEP;
	case DRM_PLACED_SCAN:
		return DRM_PLACED_KEEP;
	case DRM_PLACED_VMWGFX:
		return policy->scanning ? DRM_PLACED_KEEP : DRM_PLACED_CLOSE;
	default:
		return DRM_PLACED_CLOSE;
	}
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_collect);

/*
 * Add up what the clean pages cost that are open: has it come to what opening
 * them again would? Pages that are written again and again stay open in any
 * case; what the others earn is the faults of those that were clean the last
 * time and are dirty now, unless these have had their fault.
 */
static void pay_rent(struct drm_placed_policy_chunk *chunk, unsigned int scanned,
		     unsigned int dirty, unsigned int fresh, unsigned int pages)
{
	unsigned int clean = scanned - dirty;
	unsigned int saved = fresh - min_t(unsigned int, fresh, chunk->faults);
	int rent = chunk->rent + clean + (dirty ? 0 : CHUNK_COST) - saved * FAULT_COST;

	chunk->rent = clamp(rent, 0, U16_MAX);
	chunk->closing = clean && chunk->rent >= min(clean * FAULT_COST, whole(pages));
}

/*
 * Add up what faults and scans have cost more than scans of the whole chunk would
 * have. The visit costs the same.
 */
static void add_debt(struct drm_placed_policy_chunk *chunk, unsigned int scanned,
		     unsigned int pages)
{
	int debt = chunk->debt + chunk->faults * FAULT_COST + scanned - pages;

	chunk->debt = clamp(debt, 0, U16_MAX);
}

/* One dirty bit says nothing of the pages: look at them when it is time. */
static void huge_collected(struct drm_placed_policy_chunk *chunk,
			   enum drm_placed_action action, unsigned int dirty)
{
	if (action == DRM_PLACED_KEEP) {
		/* The next collection closes what is not written any more. */
		chunk->probe = dirty ? chunk->probe - 1 : 0;
		return;
	}

	chunk->state = DRM_PLACED_COLD;
	chunk->dense = dirty ? DENSE - 1 : 0;
}

static void interleaved_collected(struct drm_placed_policy_chunk *chunk,
				  enum drm_placed_action action, unsigned int scanned,
				  unsigned int dirty, unsigned int fresh, unsigned int pages)
{
	if (chunk->state == DRM_PLACED_HUGE) {
		huge_collected(chunk, action, dirty);
		return;
	}

	chunk->dense = dirty == pages ? min(chunk->dense + 1, DENSE) : 0;

	if (action == DRM_PLACED_KEEP) {
		chunk->state = DRM_PLACED_HOT;
		pay_rent(chunk, scanned, dirty, fresh, pages);
		add_debt(chunk, scanned, pages);
		return;
	}

	chunk->state = dirty ? DRM_PLACED_HOT : DRM_PLACED_COLD;
	chunk->rent = 0;
	chunk->debt = 0;
	chunk->closing = false;
}

/**
 * drm_placed_policy_collected - a collection has looked at a chunk
 * @policy: the object's
 * @chunk: the chunk's
 * @action: what drm_placed_policy_collect() said
 * @scanned: number of pages that were open
 * @dirty: number of pages that were written
 * @fresh: number of those that were not written before the last collection
 * @pages: number of pages in the chunk
 *
 * Return: whether the chunk's state changed.
 */
bool drm_placed_policy_collected(const struct drm_placed_policy *policy,
				 struct drm_placed_policy_chunk *chunk,
				 enum drm_placed_action action, unsigned int scanned,
				 unsigned int dirty, unsigned int fresh, unsigned int pages)
{
	u8 before = chunk->state;

	/* Pages found dirty need not be open any more: they were unmapped. */
	scanned = max(scanned, dirty);

	if (policy->kind == DRM_PLACED_INTERLEAVED)
		interleaved_collected(chunk, action, scanned, dirty, fresh, pages);
	else
		chunk->state = action == DRM_PLACED_KEEP ? DRM_PLACED_HOT : DRM_PLACED_COLD;

	chunk->faults = 0;
	return chunk->state != before;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_collected);

/**
 * drm_placed_policy_end - a collection of an object has ended
 * @policy: the object's
 * @dirty: number of pages that were written, in all chunks
 *
 * What vmw_bo_dirty_scan_pagetable() and vmw_bo_dirty_scan_mkwrite() do in
 * vmwgfx_page_dirty.c: more than two collections in a row without a dirty page
 * end scanning; more than two in a row with over a tenth dirty begin it.
 */
void drm_placed_policy_end(struct drm_placed_policy *policy, u64 dirty)
{
	bool vote;

	if (policy->kind != DRM_PLACED_VMWGFX)
		return;

	vote = policy->scanning ? !dirty :
	       div64_u64(dirty * 100, policy->pages) > VMWGFX_PERCENT;

	policy->votes = vote ? policy->votes + 1 : 0;
	if (policy->votes <= VMWGFX_VOTES)
		return;

	policy->scanning = !policy->scanning;
	policy->votes = 0;
}
EXPORT_SYMBOL_IF_KUNIT(drm_placed_policy_end);
