// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/mm.h>
#include <linux/slab.h>

#include "drm_placed_slots.h"

/**
 * DOC: slots
 *
 * What a page window shows is not in its page tables: these lose entries whenever
 * mm or the library sees fit. It is in a table with a slot for each address, which
 * says what page of the object is there. Pages that may be taken away from under
 * their mappings, or that are tracked, have to be found the other way round, too:
 * such a table chains the slots that show the same page, so that finding them does
 * not depend on the size of the window. Chains are linked both ways, so that taking
 * a slot out of one does not depend on their length.
 *
 * Tables have two levels, and grow where something is put: a window costs in memory
 * what is in use of it, 4 bytes a slot, or 16 and a page table's share with chains,
 * and a pointer for 2 MiB of the rest.
 *
 * The file is always built in, as drm_placed_walk.c is: a table is freed by RCU, which must
 * not outlive a module.
 *
 * fork() shares the table of the parent with the child, as copying it could fail;
 * whoever wants to change it first makes a copy of his own, where he can fail.
 */

/* Who has no memory left in this cgroup is told so, and not killed for it. */
#define GFP_SLOTS (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

static u32 leaves(u32 count)
{
	return DIV_ROUND_UP((u64)count, DRM_PLACED_SLOTS_LEAF);
}

static size_t leaf_size(const struct drm_placed_slots *slots)
{
	struct drm_placed_slots_leaf *leaf;

	return slots->first ? struct_size(leaf, link, DRM_PLACED_SLOTS_LEAF) : sizeof(*leaf);
}

#define FIRST_SIZE (DRM_PLACED_SLOTS_LEAF * sizeof(u32))

/* The last who may have looked at it without a lock is done. */
static void free_slots(struct drm_placed_slots *slots)
{
	u32 i;

	for (i = 0; slots->leaf && i < leaves(slots->count); i++)
		kfree(slots->leaf[i]);
	kvfree(slots->leaf);

	for (i = 0; slots->first && i < leaves(slots->pages); i++)
		kfree(slots->first[i]);
	kvfree(slots->first);

	kfree(slots);
}

static void free_slots_rcu(struct rcu_head *rcu)
{
	free_slots(container_of(rcu, struct drm_placed_slots, rcu));
}

/**
 * drm_placed_slots_create - create a table of empty slots
 * @count: number of slots
 * @pages: number of pages of the object
 * @reverse: whether slots are to be found by their page
 *
 * Return: the table, with one user; NULL if there is no memory.
 */
struct drm_placed_slots *drm_placed_slots_create(u32 count, u32 pages, bool reverse)
{
	struct drm_placed_slots *slots = kzalloc(sizeof(*slots), GFP_SLOTS);

	if (!slots)
		return NULL;

	refcount_set(&slots->refs, 1);
	slots->count = count;
	slots->pages = pages;
	slots->leaf = kvcalloc(leaves(count), sizeof(*slots->leaf), GFP_SLOTS);
	if (reverse)
		slots->first = kvcalloc(leaves(pages), sizeof(*slots->first), GFP_SLOTS);
	if (slots->leaf && (slots->first || !reverse))
		return slots;

	free_slots(slots);
	return NULL;
}
EXPORT_SYMBOL_GPL(drm_placed_slots_create);

/**
 * drm_placed_slots_copy - copy a table
 * @slots: the table, which does not change meanwhile
 *
 * Return: a table that says the same, with one user; NULL if there is no memory.
 */
struct drm_placed_slots *drm_placed_slots_copy(const struct drm_placed_slots *slots)
{
	struct drm_placed_slots *copy = drm_placed_slots_create(slots->count, slots->pages,
								slots->first);
	u32 i;

	if (!copy)
		return NULL;

	for (i = 0; i < leaves(slots->count); i++) {
		if (!slots->leaf[i])
			continue;
		copy->leaf[i] = kmemdup(slots->leaf[i], leaf_size(slots), GFP_SLOTS);
		if (!copy->leaf[i])
			goto err_free;
		bitmap_zero(copy->leaf[i]->named, DRM_PLACED_SLOTS_LEAF);
	}

	for (i = 0; slots->first && i < leaves(slots->pages); i++) {
		if (!slots->first[i])
			continue;
		copy->first[i] = kmemdup(slots->first[i], FIRST_SIZE, GFP_SLOTS);
		if (!copy->first[i])
			goto err_free;
	}

	return copy;

err_free:
	free_slots(copy);
	return NULL;
}
EXPORT_SYMBOL_GPL(drm_placed_slots_copy);

/**
 * drm_placed_slots_put - one user less
 * @slots: the table. Without users it is freed, after an RCU grace period
 */
void drm_placed_slots_put(struct drm_placed_slots *slots)
{
	if (refcount_dec_and_test(&slots->refs))
		call_rcu(&slots->rcu, free_slots_rcu);
}
EXPORT_SYMBOL_GPL(drm_placed_slots_put);

/**
 * drm_placed_slots_prepare - get the memory that a slot needs
 * @slots: the table
 * @slot: the slot
 * @page: the page that it is to show, or %DRM_PLACED_NO_PAGE
 *
 * What the table says does not change.
 *
 * Locking: that of those who change the table.
 *
 * Return: 0 or -ENOMEM.
 */
int drm_placed_slots_prepare(struct drm_placed_slots *slots, u32 slot, u32 page)
{
	struct drm_placed_slots_leaf **leaf = &slots->leaf[slot / DRM_PLACED_SLOTS_LEAF];
	u32 **first;

	if (!*leaf) {
		struct drm_placed_slots_leaf *new = kmalloc(leaf_size(slots), GFP_SLOTS);

		if (!new)
			return -ENOMEM;

		memset32(new->page, DRM_PLACED_NO_PAGE, DRM_PLACED_SLOTS_LEAF);
		bitmap_zero(new->named, DRM_PLACED_SLOTS_LEAF);
		/* Pairs with drm_placed_slots_page(). */
		smp_store_release(leaf, new);
	}

	if (!slots->first || page == DRM_PLACED_NO_PAGE)
		return 0;

	first = &slots->first[page / DRM_PLACED_SLOTS_LEAF];
	if (*first)
		return 0;

	*first = kmalloc(FIRST_SIZE, GFP_SLOTS);
	if (!*first)
		return -ENOMEM;

	memset32(*first, DRM_PLACED_NO_SLOT, DRM_PLACED_SLOTS_LEAF);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_placed_slots_prepare);
