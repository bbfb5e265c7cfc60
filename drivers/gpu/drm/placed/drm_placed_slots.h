/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_SLOTS_H_
#define _DRM_PLACED_SLOTS_H_

#include <linux/bitmap.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

/** DRM_PLACED_NO_PAGE - the slot is empty */
#define DRM_PLACED_NO_PAGE	U32_MAX
/** DRM_PLACED_NO_SLOT - the end of a chain */
#define DRM_PLACED_NO_SLOT	U32_MAX

/* Slots, and pages, by which the tables grow. */
#define DRM_PLACED_SLOTS_LEAF	512

/** struct drm_placed_slots_leaf - slots in a row */
struct drm_placed_slots_leaf {
	/**
	 * @page: page of the object that each slot shows, or
	 * %DRM_PLACED_NO_PAGE. Of a table that is in use, changes under the page
	 * table lock of the slot's entry.
	 */
	u32 page[DRM_PLACED_SLOTS_LEAF];

	/** @named: slots that the call under way has named. */
	DECLARE_BITMAP(named, DRM_PLACED_SLOTS_LEAF);

	/** @link: only with &drm_placed_slots.first. Slots that show the same page. */
	struct {
		/** @link.next: or %DRM_PLACED_NO_SLOT. */
		u32 next;
		/** @link.prev: or %DRM_PLACED_NO_SLOT: &drm_placed_slots.first is it. */
		u32 prev;
	} link[];
};

/**
 * struct drm_placed_slots - which page each address of a page window shows
 *
 * A slot is an address, counted in pages from the start of the window. Written by
 * one at a time; read by others at the same time with drm_placed_slots_page() only.
 */
struct drm_placed_slots {
	/** @rcu: for those who read without the writers' lock. */
	struct rcu_head rcu;

	/** @refs: users; whoever changes it has it for himself. */
	refcount_t refs;

	/** @count: number of slots. Constant. */
	u32 count;

	/** @pages: number of pages of the object. Constant. */
	u32 pages;

	/** @leaf: slots, by leaves that exist once something was put in them. */
	struct drm_placed_slots_leaf **leaf;

	/**
	 * @first: NULL, or the first slot that shows each page, by leaves of
	 * %DRM_PLACED_SLOTS_LEAF pages.
	 */
	u32 **first;
};

struct drm_placed_slots *drm_placed_slots_create(u32 count, u32 pages, bool reverse);
struct drm_placed_slots *drm_placed_slots_copy(const struct drm_placed_slots *slots);
void drm_placed_slots_put(struct drm_placed_slots *slots);
int drm_placed_slots_prepare(struct drm_placed_slots *slots, u32 slot, u32 page);

/**
 * drm_placed_slots_page - which page does a slot show?
 * @slots: the table
 * @slot: the slot
 *
 * Locking: none. Without the writers' lock, the answer may be old.
 *
 * Return: the page or %DRM_PLACED_NO_PAGE.
 */
static inline u32 drm_placed_slots_page(const struct drm_placed_slots *slots, u32 slot)
{
	const struct drm_placed_slots_leaf *leaf;

	/* Pairs with drm_placed_slots_prepare(). */
	leaf = smp_load_acquire(&slots->leaf[slot / DRM_PLACED_SLOTS_LEAF]);
	return leaf ? READ_ONCE(leaf->page[slot % DRM_PLACED_SLOTS_LEAF]) : DRM_PLACED_NO_PAGE;
}

/* As drm_placed_slots_prepare(), quick if there is nothing to do. */
static inline int drm_placed_slots_ready(struct drm_placed_slots *slots, u32 slot, u32 page)
{
	if (likely(slots->leaf[slot / DRM_PLACED_SLOTS_LEAF] &&
		   (!slots->first || page == DRM_PLACED_NO_PAGE ||
		    slots->first[page / DRM_PLACED_SLOTS_LEAF])))
		return 0;

	return drm_placed_slots_prepare(slots, slot, page);
}

/* The first slot that shows a page, of a table with a reverse one. */
static inline u32 drm_placed_slots_first(const struct drm_placed_slots *slots, u32 page)
{
	const u32 *first = slots->first[page / DRM_PLACED_SLOTS_LEAF];

	return first ? first[page % DRM_PLACED_SLOTS_LEAF] : DRM_PLACED_NO_SLOT;
}

/* The slot that shows the same page as this, and comes next. */
static inline u32 drm_placed_slots_next(const struct drm_placed_slots *slots, u32 slot)
{
	return slots->leaf[slot / DRM_PLACED_SLOTS_LEAF]->link[slot % DRM_PLACED_SLOTS_LEAF].next;
}

/**
 * drm_placed_slots_set - let a slot show a page
 * @slots: the table
 * @slot: the slot, which drm_placed_slots_prepare() was called for with @page
 * @page: the page, or %DRM_PLACED_NO_PAGE
 *
 * Cannot fail, does not sleep, and is here for those who do it a thousand times.
 */
static inline void drm_placed_slots_set(struct drm_placed_slots *slots, u32 slot, u32 page)
{
	struct drm_placed_slots_leaf *leaf = slots->leaf[slot / DRM_PLACED_SLOTS_LEAF];
	unsigned int index = slot % DRM_PLACED_SLOTS_LEAF;
	u32 old = leaf->page[index];

	WRITE_ONCE(leaf->page[index], page);
	if (!slots->first || old == page)
		return;

	if (old != DRM_PLACED_NO_PAGE) {
		u32 next = leaf->link[index].next, prev = leaf->link[index].prev;

		if (prev == DRM_PLACED_NO_SLOT)
			slots->first[old / DRM_PLACED_SLOTS_LEAF][old % DRM_PLACED_SLOTS_LEAF] =
				next;
		else
			slots->leaf[prev / DRM_PLACED_SLOTS_LEAF]
				->link[prev % DRM_PLACED_SLOTS_LEAF].next = next;
		if (next != DRM_PLACED_NO_SLOT)
			slots->leaf[next / DRM_PLACED_SLOTS_LEAF]
				->link[next % DRM_PLACED_SLOTS_LEAF].prev = prev;
	}

	if (page != DRM_PLACED_NO_PAGE) {
		u32 *first = &slots->first[page / DRM_PLACED_SLOTS_LEAF]
					  [page % DRM_PLACED_SLOTS_LEAF];

		if (*first != DRM_PLACED_NO_SLOT)
			slots->leaf[*first / DRM_PLACED_SLOTS_LEAF]
				->link[*first % DRM_PLACED_SLOTS_LEAF].prev = slot;
		leaf->link[index].next = *first;
		leaf->link[index].prev = DRM_PLACED_NO_SLOT;
		*first = slot;
	}
}

/**
 * drm_placed_slots_set_row - let slots in a row show pages
 * @slots: the table
 * @slot: the first slot. drm_placed_slots_prepare() was called for all of them
 * @pages: the pages, or NULL for none. What is %DRM_PLACED_NO_PAGE in its lower half is none
 * @count: number of slots
 */
static inline void drm_placed_slots_set_row(struct drm_placed_slots *slots, u32 slot,
					    const u64 *pages, unsigned long count)
{
	unsigned long i, n;

	if (slots->first || !pages) {
		for (i = 0; i < count; i++)
			drm_placed_slots_set(slots, slot + i,
					     pages ? pages[i] : DRM_PLACED_NO_PAGE);
		return;
	}

	for (; count; count -= n, slot += n, pages += n) {
		u32 *page = slots->leaf[slot / DRM_PLACED_SLOTS_LEAF]->page +
			    slot % DRM_PLACED_SLOTS_LEAF;

		n = min_t(unsigned long, count,
			  DRM_PLACED_SLOTS_LEAF - slot % DRM_PLACED_SLOTS_LEAF);
		for (i = 0; i < n; i++)
			WRITE_ONCE(page[i], pages[i]);
	}
}

/**
 * drm_placed_slots_name - a call names a slot
 * @slots: the table
 * @slot: the slot, which drm_placed_slots_prepare() was called for
 *
 * Return: whether the call has named it before.
 */
static inline bool drm_placed_slots_name(struct drm_placed_slots *slots, u32 slot)
{
	return __test_and_set_bit(slot % DRM_PLACED_SLOTS_LEAF,
				  slots->leaf[slot / DRM_PLACED_SLOTS_LEAF]->named);
}

/* The end of a call that has named a slot. */
static inline void drm_placed_slots_unname(struct drm_placed_slots *slots, u32 slot)
{
	__clear_bit(slot % DRM_PLACED_SLOTS_LEAF,
		    slots->leaf[slot / DRM_PLACED_SLOTS_LEAF]->named);
}

#endif
