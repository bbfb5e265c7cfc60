// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/drm/drm_placed.h>

#include "drm_placed_internal.h"
#include "drm_placed_runs.h"

/* All ioctls that list runs do it in the same way. */
static_assert(sizeof(struct drm_gem_sparse_run) == sizeof(struct drm_gem_dirty_run));
static_assert(offsetof(struct drm_gem_sparse_run, offset) ==
	      offsetof(struct drm_gem_dirty_run, offset));
static_assert(offsetof(struct drm_gem_sparse_run, length) ==
	      offsetof(struct drm_gem_dirty_run, length));

/* Runs on their way to a program. */
struct drm_placed_listing {
	struct drm_gem_dirty_run *runs;
	u32 room;
};

/* More than there is room for are counted, not kept. */
static void list_run(void *arg, pgoff_t first, pgoff_t count)
{
	struct drm_placed_listing *listing = arg;

	if (!listing->room)
		return;

	*listing->runs++ = (struct drm_gem_dirty_run) {
		.offset = (u64)first << PAGE_SHIFT,
		.length = (u64)count << PAGE_SHIFT,
	};
	listing->room--;
}

/**
 * drm_placed_list_runs - list runs of an object's pages to a program
 * @obj: the object
 * @first: first page of the range to look at
 * @count: number of pages of the range
 * @find: adds the runs of the range to what it is given, and ends it
 * @array: the program's address of an array of struct drm_gem_dirty_run, or of
 *	struct drm_gem_sparse_run
 * @room: in: number of elements of the array. out: how many runs there are
 * @pages: out: how many pages these have
 *
 * Locking: none held: it writes the program's memory.
 *
 * Return: 0, -ENOMEM, -ENOSPC if there are more runs than elements, or -EFAULT.
 */
int drm_placed_list_runs(struct drm_gem_object *obj, pgoff_t first, pgoff_t count,
			 drm_placed_find_fn find, u64 array, u32 *room, u64 *pages)
{
	/* No two runs touch, so this is the most there can be. */
	u32 most = min_t(u64, *room, DIV_ROUND_UP(count, 2));
	struct drm_placed_listing listing = { .room = most };
	struct drm_placed_runs runs = { .emit = list_run, .arg = &listing };
	struct drm_gem_dirty_run *list = NULL;
	int ret = 0;

	if (most) {
		list = kvmalloc_array(most, sizeof(*list), GFP_KERNEL_ACCOUNT |
				      __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
		if (!list)
			return -ENOMEM;
	}
	listing.runs = list;

	find(obj, first, count, &runs);

	if (runs.runs > most)
		ret = -ENOSPC;
	else if (runs.runs &&
		 copy_to_user(u64_to_user_ptr(array), list, runs.runs * sizeof(*list)))
		ret = -EFAULT;
	kvfree(list);

	*room = runs.runs;
	*pages = runs.pages;
	return ret;
}
