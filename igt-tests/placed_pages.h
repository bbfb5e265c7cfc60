/* SPDX-License-Identifier: MIT */
/*
 * For the tests of page windows: windows that know what their addresses should
 * show, and loads and stores that survive where nothing is.
 */
#ifndef PLACED_PAGES_H
#define PLACED_PAGES_H

#include "placed_sparse.h"

#define NONE DRM_GEM_MAP_PAGES_NONE

/* Of a place that is no part of a window any more. */
#define GONE (NONE - 1)

/* What pages are numbered with. */
#define SEED 1

/* Accesses that may be a signal */

static __thread sigjmp_buf access_jump;
static __thread volatile sig_atomic_t accessing;

static inline void on_access(int number)
{
	/* Somebody else's: it will come again. */
	if (!accessing) {
		signal(number, SIG_DFL);
		return;
	}
	siglongjmp(access_jump, number);
}

/* igt_fork() and servants have handlers of their own: this is for whoever accesses next. */
static inline void catch_access(void)
{
	struct sigaction action = { .sa_handler = on_access, .sa_flags = SA_NODEFER };

	igt_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
	igt_assert_eq(sigaction(SIGBUS, &action, NULL), 0);
}

/* The word at an address, or the negative signal that comes of it. */
static inline int64_t caught_load(const void *at)
{
	volatile int64_t value = -1;
	int number = sigsetjmp(access_jump, 0);

	accessing = 1;
	if (number)
		value = -number;
	else
		value = *(const volatile uint32_t *)at;
	accessing = 0;
	return value;
}

/* Returns 0 or the negative signal. */
static inline int caught_store(void *at, uint32_t value)
{
	int number = sigsetjmp(access_jump, 0);

	accessing = 1;
	if (!number)
		*(volatile uint32_t *)at = value;
	accessing = 0;
	return -number;
}

static inline int64_t load(const void *at)
{
	catch_access();
	return caught_load(at);
}

static inline int store(void *at, uint32_t value)
{
	catch_access();
	return caught_store(at, value);
}

/* Windows */

struct window {
	const struct object *o;
	uint8_t *at;
	uint64_t pages;
	/* For each place the page of the object, or NONE, or GONE. */
	uint64_t *shows;
};

static inline uint32_t window_flags(int prot)
{
	return DRM_GEM_MMAP_PLACED_PAGES | (prot & PROT_READ ? DRM_GEM_MMAP_PLACED_READ : 0) |
	       (prot & PROT_WRITE ? DRM_GEM_MMAP_PLACED_WRITE : 0);
}

/* What asks for a window anywhere. */
static inline struct drm_gem_mmap_placed window_args(const struct object *o, uint64_t pages)
{
	return (struct drm_gem_mmap_placed) {
		.handle = o->handle, .flags = PLACED_RW | DRM_GEM_MMAP_PLACED_PAGES,
		.length = pages * PLACED_PAGE,
	};
}

static inline struct window window_of(const struct object *o, struct drm_gem_mmap_placed args)
{
	struct window w = { .o = o, .pages = args.length / PLACED_PAGE };

	w.at = placed_must_map(o->fd, args);
	w.shows = malloc(w.pages * sizeof(*w.shows));
	igt_assert(w.shows);
	for (uint64_t place = 0; place < w.pages; place++)
		w.shows[place] = NONE;
	return w;
}

static inline struct window make_window(const struct object *o, uint64_t pages)
{
	return window_of(o, window_args(o, pages));
}

/* At an address, over what is there. */
static inline struct window make_window_at(const struct object *o, void *at, uint64_t pages)
{
	struct drm_gem_mmap_placed args = window_args(o, pages);

	args.flags |= DRM_GEM_MMAP_PLACED_FIXED;
	args.addr = placed_addr(at);
	return window_of(o, args);
}

/* Its mapping is gone, or is unmapped. */
static inline void forget_window(struct window *w)
{
	free(w->shows);
	w->shows = NULL;
}

static inline void end_window(struct window *w)
{
	placed_unmap(w->at, w->pages * PLACED_PAGE);
	forget_window(w);
}

/* A map that has to fail, and leave nothing behind. */
static inline void refuse_window(const struct object *o, struct drm_gem_mmap_placed args, int error)
{
	settle(o);
	placed_must_fail(o->fd, args, error);
}

/* An object whose pages have their numbers. */
static inline struct object make_numbered(int fd, const struct kind *kind, uint64_t pages)
{
	struct object o = make_object(fd, kind, pages);
	uint8_t *map = map_all(&o);

	store_pages(map, 0, pages, SEED);
	placed_unmap(map, o.size);
	return o;
}

static inline uint64_t place_addr(const struct window *w, uint64_t place)
{
	return placed_addr(w->at) + place * PLACED_PAGE;
}

static inline int map_pages(int fd, struct drm_gem_map_pages args)
{
	return placed_ioctl(fd, DRM_IOCTL_GEM_MAP_PAGES, &args);
}

/* Pages, or with NULL none, to places in a row. Returns 0 or the negative errno. */
static inline int try_put(const struct window *w, uint64_t first, const uint64_t *pages,
			  uint64_t count)
{
	return map_pages(w->o->fd, (struct drm_gem_map_pages) {
		.addr = place_addr(w, first), .pages = placed_addr(pages), .count = count,
	});
}

static inline void put(struct window *w, uint64_t first, const uint64_t *pages, uint64_t count)
{
	igt_assert_eq(try_put(w, first, pages, count), 0);
	for (uint64_t i = 0; i < count; i++)
		w->shows[first + i] = pages ? pages[i] : NONE;
}

static inline void put_one(struct window *w, uint64_t place, uint64_t page)
{
	put(w, place, &page, 1);
}

/* Pages whose numbers differ by step, modulo the object's, from page. */
static inline uint64_t *page_list(const struct object *o, uint64_t page, uint64_t step,
				  uint64_t count)
{
	uint64_t *list = malloc(count * sizeof(*list)), pages = o->size / PLACED_PAGE;

	igt_assert(list);
	for (uint64_t i = 0; i < count; i++)
		list[i] = (page + i * step) % pages;
	return list;
}

static inline void put_row(struct window *w, uint64_t first, uint64_t page, uint64_t step,
			   uint64_t count)
{
	uint64_t *list = page_list(w->o, page, step, count);

	put(w, first, list, count);
	free(list);
}

/* All places get some page; which, is different with every step. */
static inline void fill_window(struct window *w, uint64_t step)
{
	put_row(w, 0, step, step, w->pages);
}

static inline void put_none(struct window *w, uint64_t first, uint64_t count)
{
	put(w, first, NULL, count);
}

/* Pages, or with NULL none, to places anywhere in a window. */
static inline int try_scatter(const struct window *w, const uint64_t *places,
			      const uint64_t *pages, uint64_t count)
{
	uint64_t *addrs = malloc(count * sizeof(*addrs));
	int ret;

	igt_assert(addrs);
	for (uint64_t i = 0; i < count; i++)
		addrs[i] = place_addr(w, places[i]);
	ret = map_pages(w->o->fd, (struct drm_gem_map_pages) {
		.addrs = placed_addr(addrs), .pages = placed_addr(pages), .count = count,
	});
	free(addrs);
	return ret;
}

static inline void scatter(struct window *w, const uint64_t *places, const uint64_t *pages,
			   uint64_t count)
{
	igt_assert_eq(try_scatter(w, places, pages, count), 0);
	for (uint64_t i = 0; i < count; i++)
		w->shows[places[i]] = pages ? pages[i] : NONE;
}

/* 0 to count - 1 in a random order. */
static inline uint64_t *shuffled(uint64_t count, unsigned int *seed)
{
	uint64_t *list = malloc(count * sizeof(*list));

	igt_assert(list);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t other = rand_r(seed) % (i + 1);

		list[i] = list[other];
		list[other] = i;
	}
	return list;
}

/*
 * A signal takes long on kernels that check every step: there, of places without a page,
 * some are tried, and those next to pages.
 */
static inline bool empty_is_tried(const struct window *w, uint64_t place)
{
	static int in_short = -1;

	if (in_short < 0)
		in_short = placed_in_short();
	return !in_short || place % 29 == 0 || place + 1 == w->pages ||
	       w->shows[place - 1] != NONE || w->shows[place + 1] != NONE;
}

/* Does a place show what it should? Handlers are the caller's. */
static inline bool place_is_right(const struct window *w, uint64_t place, uint32_t seed)
{
	uint64_t page = w->shows[place];
	uint8_t *at = page_at(w->at, place);

	if (page == GONE)
		return true;
	if (page == NONE)
		return !empty_is_tried(w, place) || caught_load(at) == -SIGSEGV;
	return caught_load(at + page % 1000 * 4) == page_value(page, seed);
}

/* The first place that does not show what it should, or how many places there are. */
static inline uint64_t first_wrong(const struct window *w, uint32_t seed)
{
	uint64_t place = 0;

	catch_access();
	while (place < w->pages && place_is_right(w, place, seed))
		place++;
	return place;
}

static inline void check_window_from(const struct window *w, uint32_t seed, const char *func,
				     int line)
{
	uint64_t place = first_wrong(w, seed), page;

	if (place == w->pages)
		return;
	page = w->shows[place];
	igt_assert_f(0, "%s:%d: place %llu, which should show page %lld, has %llx\n", func, line,
		     (unsigned long long)place, (long long)page,
		     (long long)load(page_at(w->at, place) +
				     (page == NONE ? 0 : page % 1000 * 4)));
}

#define check_window(w) check_window_from(w, SEED, __func__, __LINE__)
#define check_window_of(w, seed) check_window_from(w, seed, __func__, __LINE__)

/* Store to all places that show a page what it has with another seed. */
static inline void store_window(const struct window *w, uint32_t seed)
{
	for (uint64_t place = 0; place < w->pages; place++) {
		uint64_t page = w->shows[place];

		if (page != NONE && page != GONE)
			*(volatile uint32_t *)(page_at(w->at, place) + page % 1000 * 4) =
				page_value(page, seed);
	}
}

/* The device has what all pages of a coherent object were numbered with. */
static inline void check_device(const struct object *o, uint64_t first, uint64_t pages,
				uint32_t seed)
{
	uint8_t *seen;

	if (!(o->kind->is & KIND_COPY) || !(o->kind->is & KIND_COHERENT))
		return;
	seen = device_sees(o);
	check_stored(seen, first, pages, seed);
	free(seen);
}

/* So has its memory, by another mapping. */
static inline void check_object(const struct object *o, uint64_t first, uint64_t pages,
				uint32_t seed)
{
	uint8_t *map = map_all(o);

	check_stored(map, first, pages, seed);
	placed_unmap(map, o->size);
}

/* How many mappings has the process? */
static inline int count_vmas(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end;
	int count = 0;

	igt_assert(maps);
	while (placed_next_map(maps, &start, &end, NULL, 0))
		count++;
	fclose(maps);
	return count;
}

/* What another process is told. Its window, and what that should show, are its own. */

static inline int64_t servant_put(uint64_t window, uint64_t place, uint64_t page)
{
	struct window *w = placed_ptr(window);
	int ret = try_put(w, place, &page, 1);

	if (!ret)
		w->shows[place] = page;
	return ret;
}

static inline int64_t servant_put_none(uint64_t window, uint64_t place, uint64_t count)
{
	struct window *w = placed_ptr(window);
	int ret = try_put(w, place, NULL, count);

	for (uint64_t i = 0; !ret && i < count; i++)
		w->shows[place + i] = NONE;
	return ret;
}

static inline int64_t servant_first_wrong(uint64_t window, uint64_t seed, uint64_t unused)
{
	return first_wrong(placed_ptr(window), seed);
}

static inline int64_t servant_store_window(uint64_t window, uint64_t seed, uint64_t unused)
{
	store_window(placed_ptr(window), seed);
	return 0;
}

#define check_servant_window(servant, w, seed) \
	igt_assert_eq_u64(servant_do(servant, servant_first_wrong, placed_addr(w), seed, 0), \
			  (w)->pages)

#endif
