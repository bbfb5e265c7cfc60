// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <kunit/test.h>

#include <linux/mm.h>

#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include <uapi/drm/drm_placed.h>

#include "../drm_placed_internal.h"

/*
 * What of duplicates and windows of files is arithmetic: pages, rights and hints.
 */

#define RD	DRM_GEM_MMAP_PLACED_READ
#define WR	DRM_GEM_MMAP_PLACED_WRITE
#define TOPDOWN	DRM_GEM_MMAP_PLACED_TOPDOWN

/* Where mappings start in memory. */
#define BASE	(16 * PAGE_SIZE)

#define NONE	ULONG_MAX

static const struct vm_operations_struct other_ops = {};

static const struct vm_operations_struct gem_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

struct page_case {
	const char *name;
	/* The object: where in the file, and of how many pages. */
	unsigned long start, count;
	/* The mapping, and the distance of the address from its start. */
	unsigned long pgoff, distance;
	const struct vm_operations_struct *ops;
	/* The page, or NONE. */
	unsigned long answer;
};

static const struct page_case page_cases[] = {
	{ "first", 1000, 10, 1000, 0, &other_ops, 0 },
	{ "middle_by_offset", 1000, 10, 1003, 0, &other_ops, 3 },
	{ "middle_by_distance", 1000, 10, 1000, 3, &other_ops, 3 },
	{ "middle_by_both", 1000, 10, 1003, 2, &other_ops, 5 },
	{ "last", 1000, 10, 1009, 0, &other_ops, 9 },
	{ "behind", 1000, 10, 1009, 1, &other_ops, NONE },
	{ "before", 1000, 10, 999, 0, &other_ops, NONE },
	{ "no_vm_ops", 1000, 10, 1003, 0, NULL, 3 },
	{ "gem_with_offset", 1000, 10, 1003, 0, &gem_ops, 3 },
	{ "gem_offset_taken_off", 1000, 10, 0, 0, &gem_ops, 0 },
	{ "gem_offset_taken_off_middle", 1000, 10, 3, 2, &gem_ops, 5 },
	{ "gem_offset_taken_off_last", 1000, 10, 9, 0, &gem_ops, 9 },
	{ "gem_offset_taken_off_behind", 1000, 10, 9, 1, &gem_ops, NONE },
	{ "not_gems_to_take_off", 1000, 10, 3, 0, &other_ops, NONE },
	{ "no_vm_ops_to_take_off", 1000, 10, 3, 0, NULL, NONE },
	{ "no_fake_offset", 0, 10, 3, 0, &other_ops, 3 },
	{ "no_fake_offset_behind", 0, 10, 10, 0, &other_ops, NONE },
	{ "start_of_file", 1000, 10, 0, 0, &other_ops, NONE },
};

static void page_desc(const struct page_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(page, page_cases, page_desc);

static void test_page(struct kunit *test)
{
	const struct page_case *c = test->param_value;
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);
	struct drm_gem_object *obj = kunit_kzalloc(test, sizeof(*obj), GFP_KERNEL);
	pgoff_t page;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, vma);
	KUNIT_ASSERT_NOT_NULL(test, obj);

	obj->size = c->count << PAGE_SHIFT;
	obj->vma_node.vm_node.start = c->start;
	vma->vm_start = BASE;
	vma->vm_pgoff = c->pgoff;
	vma->vm_ops = c->ops;

	ret = drm_placed_shown_page(vma, obj, BASE + (c->distance << PAGE_SHIFT), &page);
	KUNIT_EXPECT_EQ(test, ret, c->answer == NONE ? -ENOENT : 0);
	if (!ret)
		KUNIT_EXPECT_EQ(test, page, c->answer);
}

struct rights_case {
	const char *name;
	vm_flags_t has;
	u32 flags;
	/* The flags then, or 0 for an error. */
	u32 answer;
};

static const struct rights_case rights_cases[] = {
	{ "none_of_none", 0, 0, 0 },
	{ "read_of_none", 0, RD, 0 },
	{ "may_is_not_can", VM_MAYREAD | VM_MAYWRITE, RD, 0 },
	{ "all_of_read", VM_READ, 0, RD },
	{ "read_of_read", VM_READ, RD, RD },
	{ "write_of_read", VM_READ, WR, 0 },
	{ "both_of_read", VM_READ, RD | WR, 0 },
	{ "write_of_may", VM_READ | VM_MAYWRITE, WR, 0 },
	{ "all_of_write", VM_WRITE, 0, WR },
	{ "read_of_write", VM_WRITE, RD, 0 },
	{ "write_of_write", VM_WRITE, WR, WR },
	{ "all_of_both", VM_READ | VM_WRITE, 0, RD | WR },
	{ "read_of_both", VM_READ | VM_WRITE, RD, RD },
	{ "write_of_both", VM_READ | VM_WRITE, WR, WR },
	{ "both_of_both", VM_READ | VM_WRITE, RD | WR, RD | WR },
	{ "others_stay", VM_READ, TOPDOWN, RD | TOPDOWN },
};

static void rights_desc(const struct rights_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rights, rights_cases, rights_desc);

static void test_rights(struct kunit *test)
{
	const struct rights_case *c = test->param_value;
	u32 flags = c->flags;

	KUNIT_EXPECT_EQ(test, drm_placed_take_rights(c->has, &flags), c->answer ? 0 : -EACCES);
	KUNIT_EXPECT_EQ(test, flags, c->answer ? c->answer : c->flags);
}

static void test_window_hint(struct kunit *test)
{
	const u64 top = ~0ull << PAGE_SHIFT;

	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 0, 4), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 19, 4), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 20, 4), 20);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 20, 10), 20);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 20, 11), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 26, 4), 26);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 27, 4), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 30, 4), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, top, 4), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(20, 30, 25, top), 0);
	KUNIT_EXPECT_EQ(test, drm_placed_window_hint(0, 30, 0, 4), 0);
}

static struct kunit_case duplicate_cases[] = {
	KUNIT_CASE_PARAM(test_page, page_gen_params),
	KUNIT_CASE_PARAM(test_rights, rights_gen_params),
	KUNIT_CASE(test_window_hint),
	{}
};

static struct kunit_suite drm_placed_duplicate_suite = {
	.name = "drm_placed_duplicate",
	.test_cases = duplicate_cases,
};

kunit_test_suite(drm_placed_duplicate_suite);

MODULE_DESCRIPTION("KUnit tests of duplicates and of windows of files");
MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_LICENSE("Dual MIT/GPL");
