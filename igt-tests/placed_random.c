// SPDX-License-Identifier: MIT

/**
 * TEST: placed random
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED
 * Description: 100,000 random operations against a model of the address space.
 */

#include "placed_helpers.h"

IGT_TEST_DESCRIPTION("Compares random maps and unmaps with a model of the address space.");

#define PAGES 512
#define OBJECTS 3
#define OBJECT_PAGES 24

/* PLACED_OPERATIONS in the environment is for kernels that check every step. */
static int operations = 100000;

/* What the model knows of a page of the region: 0 free, 1 reserved, or an object's page. */
struct model {
	uint64_t region;
	int page[PAGES];
	uint32_t handle[OBJECTS];
	uint32_t *whole[OBJECTS];
	bool subrange;
	unsigned int seed;
	int placed, refused;
};

static unsigned int dice(struct model *m, unsigned int sides)
{
	return rand_r(&m->seed) % sides;
}

static int object_page(int object, int page)
{
	return 2 + object * OBJECT_PAGES + page;
}

static bool model_free(const struct model *m, int page, int count)
{
	if (page < 0 || page + count > PAGES)
		return false;
	for (int i = page; i < page + count; i++)
		if (m->page[i])
			return false;
	return true;
}

/* As the uapi says: the hint, then upwards, then downwards; or the other way round. */
static int model_search(const struct model *m, int low, int high, int near, bool hint, bool topdown,
			int length, int align)
{
	int up, down;

	for (up = topdown ? near + 1 : near; up < PAGES; up++)
		if (up >= low && up + length <= high && !(up % align) && model_free(m, up, length))
			break;
	for (down = topdown ? near : near - 1; down >= 0; down--)
		if (down >= low && down + length <= high && !(down % align) &&
		    model_free(m, down, length))
			break;

	if (topdown)
		return down >= 0 ? down : up < PAGES ? up : -1;
	return up < PAGES ? up : down;
}

static void model_set(struct model *m, int page, int count, int first)
{
	for (int i = 0; i < count; i++)
		m->page[page + i] = first > 1 ? first + i : first;
}

/* Every page of the region shows what the model says. */
static void check_page(struct model *m, int page)
{
	volatile uint32_t *ptr = placed_ptr(m->region + page * PLACED_PAGE);

	if (m->page[page] > 1)
		igt_assert_eq_u32(*ptr, m->page[page]);
}

static void random_search(struct model *m, int fd)
{
	int object = dice(m, OBJECTS), length = 1 + dice(m, dice(m, 4) ? 6 : OBJECT_PAGES);
	int offset = m->subrange ? (int)dice(m, OBJECT_PAGES - length + 1) : 0;
	int low = dice(m, PAGES), high = low + 1 + dice(m, PAGES - low), align = 1 << dice(m, 4);
	bool hint = dice(m, 2), topdown = dice(m, 2);
	int near = dice(m, PAGES), want, ret;
	struct drm_gem_mmap_placed args = {
		.handle = m->handle[object],
		.flags = PLACED_RW | (topdown ? DRM_GEM_MMAP_PLACED_TOPDOWN : 0),
		.offset = offset * PLACED_PAGE,
		.length = length * PLACED_PAGE,
		.addr = hint ? m->region + near * PLACED_PAGE : 0,
		.range_start = m->region + low * PLACED_PAGE,
		.range_end = m->region + high * PLACED_PAGE,
		.align = align * PLACED_PAGE,
	};

	if (!hint)
		near = topdown ? high : low;
	else if (near > high)
		near = high;
	want = model_search(m, low, high, near, hint, topdown, length, align);

	ret = placed_map(fd, &args);
	if (want < 0) {
		igt_assert_eq(ret, -ENOSPC);
		m->refused++;
		return;
	}
	igt_assert_eq(ret, 0);
	igt_assert_eq_u64(args.addr, m->region + want * PLACED_PAGE);
	model_set(m, want, length, object_page(object, offset));
	check_page(m, want + dice(m, length));
	m->placed++;
}

static void random_exact(struct model *m, int fd)
{
	int object = dice(m, OBJECTS), length = 1 + dice(m, 6);
	int offset = m->subrange ? (int)dice(m, OBJECT_PAGES - length + 1) : 0;
	int page = dice(m, PAGES - length + 1);
	bool replace = dice(m, 2);
	struct drm_gem_mmap_placed args = {
		.handle = m->handle[object],
		.flags = PLACED_RW | (replace ? DRM_GEM_MMAP_PLACED_FIXED :
						DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE),
		.offset = offset * PLACED_PAGE,
		.length = length * PLACED_PAGE,
		.addr = m->region + page * PLACED_PAGE,
	};
	int ret = placed_map(fd, &args);

	if (!replace && !model_free(m, page, length)) {
		igt_assert_eq(ret, -EEXIST);
		m->refused++;
		return;
	}
	igt_assert_eq(ret, 0);
	model_set(m, page, length, object_page(object, offset));
	check_page(m, page + dice(m, length));
	m->placed++;
}

static void random_unmap(struct model *m)
{
	int length = 1 + dice(m, 24), page = dice(m, PAGES - length + 1);

	placed_unmap(placed_ptr(m->region + page * PLACED_PAGE), length * PLACED_PAGE);
	model_set(m, page, length, 0);
}

static void random_reserve(struct model *m)
{
	int length = 1 + dice(m, 8), page = dice(m, PAGES - length + 1);

	igt_assert(mmap(placed_ptr(m->region + page * PLACED_PAGE), length * PLACED_PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
		   MAP_FAILED);
	model_set(m, page, length, 1);
}

/* Splits VMAs without changing what is where. */
static void random_protect(struct model *m)
{
	int page = dice(m, PAGES);

	if (m->page[page] > 1)
		igt_assert_eq(mprotect(placed_ptr(m->region + page * PLACED_PAGE), PLACED_PAGE,
				       dice(m, 2) ? PROT_READ : PROT_READ | PROT_WRITE), 0);
	check_page(m, page);
}

/**
 * SUBTEST: model
 * Description: Addresses, errors and contents are the model's.
 */
static void model(int fd, const char *driver)
{
	struct model m = { .seed = 20, .subrange = placed_driver_has_subrange(driver) };

	/* Where alignments of the test are the region's. */
	m.region = placed_free_region(2 * PAGES * PLACED_PAGE);
	for (int object = 0; object < OBJECTS; object++) {
		m.handle[object] = placed_object(fd, OBJECT_PAGES * PLACED_PAGE);
		m.whole[object] = placed_plain_map(fd, m.handle[object],
						   OBJECT_PAGES * PLACED_PAGE);
		for (int page = 0; page < OBJECT_PAGES; page++)
			m.whole[object][page * 1024] = object_page(object, page);
	}

	for (int i = 0; i < operations; i++) {
		switch (dice(&m, 10)) {
		case 0 ... 4:
			random_search(&m, fd);
			break;
		case 5:
			random_exact(&m, fd);
			break;
		case 6 ... 7:
			random_unmap(&m);
			break;
		case 8:
			random_protect(&m);
			break;
		default:
			if (dice(&m, 3))
				random_unmap(&m);
			else
				random_reserve(&m);
		}
	}

	for (int page = 0; page < PAGES; page++)
		check_page(&m, page);
	igt_assert(m.placed > operations / 10 && m.refused > operations / 100);
	igt_info("%d placed, %d refused\n", m.placed, m.refused);

	placed_unmap(placed_ptr(m.region), PAGES * PLACED_PAGE);
	for (int object = 0; object < OBJECTS; object++)
		placed_unmap(m.whole[object], OBJECT_PAGES * PLACED_PAGE);
}

igt_main
{
	static const struct placed_test tests[] = {
		{ "model", "Random operations against a model", model },
	};

	igt_fixture {
		const char *asked = getenv("PLACED_OPERATIONS");

		if (asked)
			operations = atoi(asked);
		igt_assert(operations >= 1000);
	}

	PLACED_RUN_TESTS(tests);
}
