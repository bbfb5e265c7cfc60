// SPDX-License-Identifier: MIT

/**
 * TEST: placed vmware
 * Category: Core
 * Mega feature: Memory Management
 * Sub-category: TTM
 * Functionality: DRM_IOCTL_GEM_MMAP_PLACED, DRM_IOCTL_GEM_MAP_PAGES, DRM_IOCTL_GEM_COHERENT
 * Description: Buffers that move between the device's memory and the machine's, or to swap, while
 *	they are mapped, populated, shown by page windows, and stored to; and a driver that is to go.
 */

#include <pthread.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "placed_kms.h"
#include "placed_pages.h"

IGT_TEST_DESCRIPTION("Moves vmwgfx's buffers under their mappings.");

#define RW (PROT_READ | PROT_WRITE)

#define MODULE "vmwgfx"

/* Where a buffer is */

enum place { PLACE_VRAM, PLACE_SYSTEM, PLACE_OTHER };

/* What the driver says of the one of this process's handles that has this size. */
static enum place place_of(const struct object *o)
{
	enum place place = PLACE_OTHER;
	char path[64], line[256];
	bool mine = false;
	FILE *f;

	igt_assert(placed_debugfs(MODULE, "vmwgfx_gem_info", path, sizeof(path)));
	f = fopen(path, "r");
	igt_assert_f(f, "no %s\n", path);
	while (fgets(line, sizeof(line), f)) {
		unsigned int pid, handle;
		char where[8] = "";
		size_t size;

		if (sscanf(line, "pid %u", &pid) == 1)
			mine = (pid_t)pid == getpid();
		else if (mine && sscanf(line, " 0x%x: %zu bytes %7[^,]", &handle, &size, where) == 3 &&
			 handle == o->handle && size == o->size)
			place = !strcmp(where, "VRAM") ? PLACE_VRAM :
				!strcmp(where, " CPU") || !strcmp(where, "CPU") ? PLACE_SYSTEM :
				PLACE_OTHER;
	}
	fclose(f);
	return place;
}

#define expect_place(o, where) igt_assert_eq(place_of(o), where)

static const struct kind *kind_named(const char *name)
{
	int k = 0;

	while (strcmp(kinds[k].name, name))
		k++;
	return &kinds[k];
}

static const struct kind *dumb_kind(bool coherent)
{
	return kind_named(coherent ? "vmware-coherent" : "vmware");
}

/* A framebuffer as an object with pages. */
static struct object object_of(const struct kms_screen *screen, const struct kms_buffer *buffer,
			       bool coherent)
{
	return (struct object) {
		.kind = dumb_kind(coherent), .fd = screen->fd, .handle = buffer->handle,
		.size = buffer->size,
	};
}

/* Put all buffers that are in the machine's memory and not in use to swap. How many pages? */
static unsigned long swap_out(void)
{
	FILE *f = fopen("/sys/kernel/debug/ttm/tt_shrink", "r");
	int pages, sum = 0;

	igt_assert_f(f, "no /sys/kernel/debug/ttm/tt_shrink\n");
	/* A buffer at a time. */
	while (fscanf(f, "%d", &pages) == 1 && pages > 0) {
		sum += pages;
		fclose(f);
		f = fopen("/sys/kernel/debug/ttm/tt_shrink", "r");
		igt_assert(f);
	}
	fclose(f);
	return sum;
}

/*
 * Everything that shows an object: a mapping, one that starts in its middle, a duplicate,
 * a page window that shows each page somewhere, and another process.
 */
struct views {
	struct object *o;
	uint64_t pages;
	uint8_t *whole, *middle, *copy;
	struct window window;
	struct servant *servant;
};

static struct views make_views(struct object *o)
{
	struct views v = { .o = o, .pages = o->size / PLACED_PAGE };

	v.whole = map_all(o);
	v.servant = servant_start();
	v.middle = map_object(o, NULL, v.pages / 2, v.pages - v.pages / 2, RW);
	v.copy = placed_must_map(o->fd, (struct drm_gem_mmap_placed) {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR, .from_addr = placed_addr(v.whole),
		.length = o->size,
	});
	v.window = make_window(o, v.pages);
	put_row(&v.window, 0, 1, 7, v.pages);
	return v;
}

static void end_views(struct views *v)
{
	servant_kill(v->servant);
	end_window(&v->window);
	placed_unmap(v->copy, v->o->size);
	placed_unmap(v->middle, (v->pages - v->pages / 2) * PLACED_PAGE);
	placed_unmap(v->whole, v->o->size);
}

/* All of them show what was stored with this seed. */
static void check_views(const struct views *v, uint32_t seed)
{
	check_stored(v->whole, 0, v->pages, seed);
	check_stored(v->middle - v->pages / 2 * PLACED_PAGE, v->pages / 2,
		     v->pages - v->pages / 2, seed);
	check_stored(v->copy, 0, v->pages, seed);
	for (uint64_t place = 0; place < v->pages; place++) {
		uint64_t page = v->window.shows[place];

		igt_assert_eq_u32(*(volatile uint32_t *)(page_at(v->window.at, place) +
							 page % 1000 * 4), page_value(page, seed));
	}
	igt_assert_eq_u64(servant_do(v->servant, servant_check, placed_addr(v->whole), v->pages,
				     seed), v->pages);
}

/* Store through one of them, a different one each time. */
static void store_views(const struct views *v, uint32_t seed)
{
	switch (seed % 4) {
	case 0:
		store_pages(v->whole, 0, v->pages, seed);
		break;
	case 1:
		store_pages(v->copy, 0, v->pages, seed);
		break;
	case 2:
		for (uint64_t place = 0; place < v->pages; place++) {
			uint64_t page = v->window.shows[place];

			*(volatile uint32_t *)(page_at(v->window.at, place) + page % 1000 * 4) =
				page_value(page, seed);
		}
		break;
	default:
		igt_assert_eq_u64(servant_do(v->servant, servant_store, placed_addr(v->whole),
					     v->pages, seed), v->pages);
	}
}

/*
 * Who wants the screen must be the only one: each test has a file of its own, and gives it
 * up at its end.
 */
struct test {
	int fd;
	struct kms_screen screen;
};

/**
 * SUBTEST: stock
 * Description: What any program does shows: mmap(2), modes, DIRTYFB and page flips, on a kernel
 *	with nothing of ours, too.
 */
static void stock(struct test *t)
{
	int step = t->screen.num_modes / 4 ?: 1;

	for (int which = 0; which < t->screen.num_modes; which += step) {
		struct kms_buffer buffers[2];

		t->screen.mode = t->screen.modes[which];
		/* Rows of others are padded in QEMU's screendumps. */
		if (t->screen.mode.hdisplay % 4 || t->screen.mode.hdisplay > 1280)
			continue;
		for (int i = 0; i < 2; i++) {
			struct kms_buffer *b = &buffers[i];

			*b = kms_create(&t->screen, t->screen.mode.hdisplay, t->screen.mode.vdisplay);
			b->map = mmap(NULL, b->size, RW, MAP_SHARED, t->fd, b->object * PLACED_PAGE);
			igt_assert(b->map != MAP_FAILED);
			kms_fill(b);
		}
		kms_show_at(&t->screen, buffers[0].fb, 0, 0);
		kms_expect(&t->screen, buffers[0].map, buffers[0].pitch);
		for (int i = 1; i < 6; i++) {
			struct kms_buffer *b = &buffers[i % 2];
			struct drm_clip_rect clip = { .x1 = i, .y1 = 7 * i, .x2 = 90 * i, .y2 = 70 * i };

			for (int y = clip.y1; y < clip.y2; y++)
				for (int x = clip.x1; x < clip.x2; x++)
					*kms_pixel(b, x, y) = kms_new_value();
			/* One way or the other. */
			if (i % 3)
				kms_flip(&t->screen, b->fb);
			else
				kms_show_at(&t->screen, b->fb, 0, 0);
			kms_expect(&t->screen, b->map, b->pitch);
			*kms_pixel(b, clip.x1, clip.y1) = kms_new_value();
			kms_dirty(&t->screen, b->fb, &clip, 1);
			kms_expect(&t->screen, b->map, b->pitch);
		}
		for (int i = 0; i < 2; i++) {
			igt_assert_eq(munmap(buffers[i].map, buffers[i].size), 0);
			buffers[i].map = NULL;
			kms_destroy(&t->screen, &buffers[i]);
		}
	}
}

/**
 * SUBTEST: vram-full
 * Description: Once device memory is used up new objects are in the machine's; all work the same,
 *	and when there is room again it is used.
 */
static void vram_full(struct test *t)
{
	enum { MOST = 64 };
	const uint64_t pages = 4 * MIB / PLACED_PAGE;
	struct object objects[MOST];
	uint8_t *maps[MOST];
	int count, first_out;

	for (count = 0; count < MOST; count++) {
		objects[count] = make_object(t->fd, dumb_kind(count % 2), pages);
		maps[count] = map_all(&objects[count]);
		check_zero(maps[count], 0, pages);
		store_pages(maps[count], 0, pages, count);
		if (place_of(&objects[count]) != PLACE_VRAM)
			break;
	}
	igt_assert(count > 2 && count < MOST);
	expect_place(&objects[count], PLACE_SYSTEM);
	first_out = count++;
	igt_info("%d objects of 4 MiB are in device memory\n", first_out);

	/* What there is, populated, and looked at by windows of some of each. */
	for (int i = 0; i < count; i++) {
		igt_assert_eq(advise(maps[i], 0, pages, MADV_DONTNEED), 0);
		igt_assert_eq(advise(maps[i], 0, pages, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(touch_faults(maps[i], 0, pages, false), 0);
		check_stored(maps[i], 0, pages, i);
	}
	for (int i = first_out - 1; i < count; i++) {
		struct window w = make_window(&objects[i], 100);

		put_row(&w, 0, 3, 5, 100);
		for (uint64_t place = 0; place < 100; place++)
			igt_assert(load(page_at(w.at, place) + w.shows[place] % 1000 * 4) ==
				   page_value(w.shows[place], i));
		end_window(&w);
	}

	placed_unmap(maps[0], objects[0].size);
	destroy_object(&objects[0]);
	objects[0] = make_object(t->fd, dumb_kind(false), pages);
	maps[0] = map_all(&objects[0]);
	expect_place(&objects[0], PLACE_VRAM);
	check_zero(maps[0], 0, pages);
	for (int i = 1; i < count; i++)
		check_stored(maps[i], 0, pages, i);
	for (int i = 0; i < count; i++) {
		placed_unmap(maps[i], objects[i].size);
		destroy_object(&objects[i]);
	}
}

/* Framebuffers that take each other's place, with all that shows them. */
struct pair {
	struct kms_buffer buffers[2];
	struct object objects[2];
	struct views views[2];
	/* What was stored last. */
	uint32_t seeds[2];
};

static void make_pair(struct test *t, struct pair *p, bool coherent)
{
	for (int i = 0; i < 2; i++) {
		p->buffers[i] = kms_create(&t->screen, t->screen.mode.hdisplay,
					   t->screen.mode.vdisplay);
		p->objects[i] = object_of(&t->screen, &p->buffers[i], coherent);
		if (coherent)
			copy_make_coherent(t->fd, p->objects[i].handle,
					   DRM_GEM_COHERENT_TO_DEVICE |
					   DRM_GEM_COHERENT_FROM_DEVICE);
		p->views[i] = make_views(&p->objects[i]);
		p->buffers[i].map = (uint32_t *)p->views[i].whole;
		p->seeds[i] = i;
		store_pages(p->views[i].whole, 0, p->views[i].pages, i);
	}
}

static void end_pair(struct test *t, struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		end_views(&p->views[i]);
		p->buffers[i].map = NULL;
		kms_destroy(&t->screen, &p->buffers[i]);
	}
}

static void check_pair(const struct pair *p)
{
	for (int i = 0; i < 2; i++)
		check_views(&p->views[i], p->seeds[i]);
}

/* Show one, which moves it to the start of device memory, and the other out of it. */
static void show_of_pair(struct test *t, struct pair *p, int shown)
{
	kms_show_at(&t->screen, p->buffers[shown].fb, 0, 0);
	expect_place(&p->objects[shown], PLACE_VRAM);
	if (place_of(&p->objects[!shown]) == PLACE_VRAM) {
		/* There was room behind it from the start. */
		kms_show_at(&t->screen, p->buffers[!shown].fb, 0, 0);
		kms_show_at(&t->screen, p->buffers[shown].fb, 0, 0);
	}
	expect_place(&p->objects[!shown], PLACE_SYSTEM);
}

static void expect_shown(struct test *t, const struct pair *p, int shown, bool coherent)
{
	if (coherent)
		kms_wait_quiet(&t->screen, &p->buffers[shown]);
	else
		kms_dirty(&t->screen, p->buffers[shown].fb, NULL, 0);
	kms_expect(&t->screen, p->buffers[shown].map, p->buffers[shown].pitch);
}

static void move(struct test *t, bool coherent)
{
	struct pair p;

	make_pair(t, &p, coherent);
	for (int round = 0; round < placed_rounds(10); round++) {
		int shown = round % 2;

		show_of_pair(t, &p, shown);
		check_pair(&p);
		/* With entries and without. */
		if (round % 3 == 1) {
			igt_assert_eq(advise(p.views[!shown].whole, 0, p.views[!shown].pages,
					     MADV_POPULATE_WRITE), 0);
			igt_assert_eq(advise(p.views[shown].copy, 0, p.views[shown].pages,
					     MADV_DONTNEED), 0);
		}
		for (int i = 0; i < 2; i++) {
			p.seeds[i] = round * 2 + 2 + i;
			store_views(&p.views[i], p.seeds[i]);
		}
		check_pair(&p);
		expect_shown(t, &p, shown, coherent);
	}
	end_pair(t, &p);
}

/**
 * SUBTEST: move
 * Description: A buffer that another one takes the place of has what was stored to it, in its new
 *	place, to all that shows it; and back again.
 */
static void move_dumb(struct test *t)
{
	move(t, false);
}

/**
 * SUBTEST: move-coherent
 * Description: So do coherent ones, and stores from before and after it are on the screen.
 */
static void move_coherent(struct test *t)
{
	move(t, true);
}

static void swap(struct test *t, bool coherent)
{
	struct pair p;

	make_pair(t, &p, coherent);
	for (int round = 0; round < placed_rounds(5); round++) {
		show_of_pair(t, &p, 0);
		p.seeds[1] = 2 + round;
		store_views(&p.views[1], p.seeds[1]);
		igt_assert(swap_out() >= p.views[1].pages);

		/* To be read, to be stored to, and to be shown first. */
		if (round % 3 == 0)
			check_views(&p.views[1], p.seeds[1]);
		if (round % 3 == 1) {
			p.seeds[1] += 100;
			store_views(&p.views[1], p.seeds[1]);
		}
		show_of_pair(t, &p, 1);
		expect_shown(t, &p, 1, coherent);
		check_pair(&p);
	}
	end_pair(t, &p);
}

/**
 * SUBTEST: swap
 * Description: A buffer that was put to swap comes back with what was in it, for whoever looks first.
 */
static void swap_dumb(struct test *t)
{
	swap(t, false);
}

/**
 * SUBTEST: swap-coherent
 * Description: So does a coherent one, with stores that were not sent.
 */
static void swap_coherent(struct test *t)
{
	swap(t, true);
}

/* Threads that store to pages of their own, and look whether they have what they stored last. */

enum { RACERS = 3 };

struct racer {
	struct racing *racing;
	int index;
	uint32_t last;
	char wrong[128];
};

struct racing {
	struct pair *p;
	atomic_bool end;
	atomic_int rounds;
	struct racer racers[RACERS];
};

/* The word that a racer has in a page; the last bytes are nobody else's. */
static volatile uint32_t *racer_word(const struct racer *r, uint8_t *page)
{
	return (volatile uint32_t *)(page + PLACED_PAGE - 16) + r->index;
}

/* Through the mapping, the duplicate, and the window. */
static uint8_t *racer_page(const struct racer *r, const struct views *v, uint64_t place)
{
	switch (r->index) {
	case 0:
		return page_at(v->whole, place);
	case 1:
		return page_at(v->copy, place);
	default:
		return page_at(v->window.at, place);
	}
}

static void *race(void *data)
{
	struct racer *r = data;
	struct pair *p = r->racing->p;
	uint32_t round = 0;

	for (; !atomic_load(&r->racing->end); round++) {
		for (int i = 0; i < 2; i++) {
			const struct views *v = &p->views[i];

			for (uint64_t place = r->index; place < v->pages; place += 5) {
				volatile uint32_t *word = racer_word(r, racer_page(r, v, place));

				if (*word != round && !r->wrong[0])
					snprintf(r->wrong, sizeof(r->wrong),
						 "thread %d, buffer %d, place %llu: %u, not %u",
						 r->index, i, (unsigned long long)place, *word,
						 round);
				*word = round + 1;
			}
		}
		atomic_fetch_add(&r->racing->rounds, 1);
	}
	r->last = round;
	return NULL;
}

/* Populates, and drops entries, all the time. */
static void *advise_all_the_time(void *data)
{
	struct racing *racing = data;
	unsigned int seed = 3;

	while (!atomic_load(&racing->end)) {
		const struct views *v = &racing->p->views[rand_r(&seed) % 2];
		uint64_t first = rand_r(&seed) % v->pages;
		uint64_t count = 1 + rand_r(&seed) % (v->pages - first);

		madvise(page_at(rand_r(&seed) % 2 ? v->whole : v->copy, first),
			count * PLACED_PAGE,
			rand_r(&seed) % 2 ? MADV_POPULATE_WRITE : MADV_DONTNEED);
	}
	return NULL;
}

static void race_while(struct test *t, bool coherent, void (*disturb)(struct test *t, struct pair *p,
								      int round))
{
	struct pair p;
	struct racing racing = { .p = &p };
	pthread_t threads[RACERS + 1];
	double end = kms_now() + KMS_PATIENCE * 4;
	int round = 0, shown;

	make_pair(t, &p, coherent);
	for (int i = 0; i < RACERS; i++) {
		racing.racers[i] = (struct racer) { .racing = &racing, .index = i };
		igt_assert_eq(pthread_create(&threads[i], NULL, race, &racing.racers[i]), 0);
	}
	igt_assert_eq(pthread_create(&threads[RACERS], NULL, advise_all_the_time, &racing), 0);

	while (round < placed_rounds(60) || atomic_load(&racing.rounds) < 3 * RACERS) {
		igt_assert_f(kms_now() < end, "nothing happens\n");
		disturb(t, &p, round++);
	}
	atomic_store(&racing.end, true);
	for (int i = 0; i <= RACERS; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);

	igt_info("%d rounds of the threads in %d\n", atomic_load(&racing.rounds), round);
	for (int i = 0; i < RACERS; i++)
		igt_assert_f(!racing.racers[i].wrong[0], "%s\n", racing.racers[i].wrong);
	for (shown = 0; shown < 2; shown++) {
		show_of_pair(t, &p, shown);
		expect_shown(t, &p, shown, coherent);
	}
	end_pair(t, &p);
}

static void flip_between(struct test *t, struct pair *p, int round)
{
	kms_show_at(&t->screen, p->buffers[round % 2].fb, 0, 0);
	if (round % 7 == 3)
		swap_out();
}

/**
 * SUBTEST: race-move
 * Description: Threads store by mappings, duplicates and page windows, and populate and drop, while
 *	the buffers take each other's place and are swapped: no store is lost.
 */
static void race_move(struct test *t)
{
	race_while(t, false, flip_between);
}

/**
 * SUBTEST: race-move-coherent
 * Description: The same with coherent buffers; in the end the screen is right.
 */
static void race_move_coherent(struct test *t)
{
	race_while(t, true, flip_between);
}

static void change_modes(struct test *t, struct pair *p, int round)
{
	int which = round % t->screen.num_modes;
	struct drm_mode_modeinfo mode = t->screen.mode;

	/* The buffers have room for it. */
	if (t->screen.modes[which].hdisplay <= mode.hdisplay &&
	    t->screen.modes[which].vdisplay <= mode.vdisplay)
		t->screen.mode = t->screen.modes[which];
	kms_show_at(&t->screen, p->buffers[round / 2 % 2].fb, 0, 0);
	if (round % 5 == 4)
		kms_off(&t->screen);
	t->screen.mode = mode;
}

/**
 * SUBTEST: race-modes
 * Description: Modes change, and the screen goes off and on, while threads store to coherent buffers.
 */
static void race_modes(struct test *t)
{
	race_while(t, true, change_modes);
}

/**
 * SUBTEST: cursor-in-the-way
 * Description: A cursor that was set first does not keep a screen from being shown.
 */
static void cursor_in_the_way(struct test *t)
{
	struct kms_buffer image = kms_create(&t->screen, 64, 64), buffer;
	struct drm_mode_cursor2 set = {
		.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .crtc_id = t->screen.crtc,
		.x = 100, .y = 100, .width = 64, .height = 64, .handle = image.handle,
	};

	buffer = kms_create_full(&t->screen);
	kms_fill(&buffer);
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
	/* One that reaches behind the old one, and behind the cursor. */
	kms_destroy(&t->screen, &buffer);
	buffer = kms_create_coherent(&t->screen, t->screen.mode.hdisplay,
				     t->screen.mode.vdisplay + 300);
	kms_fill(&buffer);
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
	kms_store_page(&buffer, 17);
	kms_expect_buffer(&t->screen, &buffer);
	set.handle = 0;
	kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
	kms_destroy(&t->screen, &image);
	kms_destroy(&t->screen, &buffer);
}

/**
 * SUBTEST: cursor-is-screen
 * Description: The buffer that is shown can be the cursor, too. When that goes, so does a mapping of
 *	the kernel's; the screen stays where it is, and so does what the program has mapped, even if
 *	small entries become a huge one then.
 */
static void cursor_is_screen(struct test *t)
{
	const uint64_t chunk = 2 * MIB, rounds = 24;
	struct kms_buffer buffer = kms_create(&t->screen, t->screen.mode.hdisplay,
					      t->screen.mode.vdisplay);
	struct object o = object_of(&t->screen, &buffer, true);
	struct drm_mode_cursor2 set = {
		.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .crtc_id = t->screen.crtc,
		.width = 64, .height = 64,
	};
	uint8_t *room, *other;

	igt_assert(buffer.size >= chunk);
	room = mmap(NULL, buffer.size + chunk, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(room != MAP_FAILED);
	buffer.map = placed_must_map(t->fd, (struct drm_gem_mmap_placed) {
		.handle = buffer.handle, .length = buffer.size,
		.flags = KMS_COHERENT | DRM_GEM_MMAP_PLACED_FIXED,
		.addr = (placed_addr(room) + chunk - 1) & ~(chunk - 1),
	});
	kms_fill(&buffer);
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	expect_place(&o, PLACE_VRAM);
	other = map_object(&o, NULL, 0, buffer.pages, PROT_READ);

	for (uint64_t round = 0; round < rounds; round++) {
		store_pages((uint8_t *)buffer.map, 0, chunk / PLACED_PAGE, round);
		set.handle = buffer.handle;
		set.x = set.y = 10 * round;
		kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
		set.x++;
		kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
		expect_place(&o, PLACE_VRAM);
		set.handle = 0;
		kms_ioctl(t->fd, DRM_IOCTL_MODE_CURSOR2, &set);
		igt_assert_eq(kms_flush(&t->screen, &buffer), 0);
		check_stored(other, 0, chunk / PLACED_PAGE, round);
	}
	kms_expect_buffer(&t->screen, &buffer);
	placed_unmap(other, buffer.size);
	kms_destroy(&t->screen, &buffer);
	igt_assert_eq(munmap(room, buffer.size + chunk), 0);
}

/**
 * SUBTEST: queue
 * Description: If there is no room to tell the device, whoever waits gets EIO; and what was stored
 *	appears as soon as there is, with nobody asking for it and nothing stored.
 */
static void queue_full(struct test *t)
{
	struct kms_buffer buffer = kms_create_full(&t->screen);
	uint32_t *before = malloc(buffer.size);
	double end;
	char first[128];

	igt_assert(before);
	kms_fill(&buffer);
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	kms_expect_buffer(&t->screen, &buffer);
	memcpy(before, buffer.map, buffer.size);

	kms_break("queue");
	kms_store_page(&buffer, 50);
	igt_assert_eq(kms_flush(&t->screen, &buffer), -EIO);
	kms_expect(&t->screen, before, buffer.pitch);
	kms_break("none");

	end = kms_now() + KMS_PATIENCE;
	while (kms_compare(&t->screen, buffer.map, buffer.pitch, first, sizeof(first)) &&
	       kms_now() < end)
		kms_sleep(0.1);
	kms_expect(&t->screen, buffer.map, buffer.pitch);
	igt_assert_eq(kms_flush(&t->screen, &buffer), 0);
	free(before);
	kms_destroy(&t->screen, &buffer);
}

/* Have another device use an object. Returns 0 or the negative errno. */
static int import_into(int fd, uint32_t handle, int importer, uint32_t *imported)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_RDWR };
	int ret;

	kms_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	ret = placed_ioctl(importer, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
	close(prime.fd);
	*imported = prime.handle;
	return ret;
}

/**
 * SUBTEST: shared
 * Description: A buffer that another device uses is not shown, as it cannot be moved; the one that
 *	is shown is for no other device, and stays where it is when one has tried.
 */
static void shared(struct test *t)
{
	struct kms_buffer buffer = kms_create(&t->screen, t->screen.mode.hdisplay,
					      t->screen.mode.vdisplay);
	struct kms_buffer other = kms_create_full(&t->screen);
	struct object o = object_of(&t->screen, &buffer, false);
	struct object shown = object_of(&t->screen, &other, true);
	struct drm_mode_crtc crtc = {
		.crtc_id = t->screen.crtc, .fb_id = buffer.fb, .mode = t->screen.mode,
		.set_connectors_ptr = placed_addr(&t->screen.connector), .count_connectors = 1,
		.mode_valid = 1,
	};
	uint32_t imported[2];
	int importers[2];

	kms_fill(&other);
	/* What is shown goes to the machine's memory when another one takes its place. */
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	kms_show_at(&t->screen, other.fb, 0, 0);
	expect_place(&o, PLACE_SYSTEM);

	for (int i = 0; i < 2; i++) {
		importers[i] = placed_open("vgem");
		igt_require_f(importers[i] >= 0, "no vgem\n");
		igt_assert_eq(import_into(t->fd, buffer.handle, importers[i], &imported[i]), 0);
		igt_assert_eq(import_into(t->fd, other.handle, importers[i], &(uint32_t){ 0 }),
			      -EOPNOTSUPP);
	}
	expect_place(&shown, PLACE_VRAM);
	for (int i = 0; i < 2; i++) {
		igt_assert_eq(placed_ioctl(t->fd, DRM_IOCTL_MODE_SETCRTC, &crtc), -EBUSY);
		swap_out();
		expect_place(&o, PLACE_SYSTEM);
		kms_store_page(&other, 30 + i);
		kms_expect_buffer(&t->screen, &other);
		igt_assert_eq(placed_close_handle(importers[i], imported[i]), 0);
		close(importers[i]);
	}
	kms_show_at(&t->screen, buffer.fb, 0, 0);
	expect_place(&o, PLACE_VRAM);
	kms_destroy(&t->screen, &buffer);
	kms_destroy(&t->screen, &other);
}

/* The module */

/* As rmmod(8). Returns 0 or the negative errno. */
static int remove_module(void)
{
	return syscall(SYS_delete_module, MODULE, O_NONBLOCK) ? -errno : 0;
}

static void insert_module(void)
{
	int file = open("/mnt/run/" MODULE ".ko", O_RDONLY | O_CLOEXEC);

	igt_assert_f(file >= 0, "no /mnt/run/" MODULE ".ko\n");
	igt_assert_eq(syscall(SYS_finit_module, file, "", 0), 0);
	close(file);
}

/* References go a moment after what held them. */
static void must_remove_module(void)
{
	double end = kms_now() + KMS_PATIENCE;
	int ret;

	while ((ret = remove_module()) == -EAGAIN && kms_now() < end)
		kms_sleep(0.01);
	igt_assert_eq(ret, 0);
	igt_assert(placed_open(MODULE) < 0);
}

/**
 * SUBTEST: unload
 * Description: The driver's module stays as long as something maps an object, a page window or a
 *	dma-buf of it, whatever else is closed; and can go, and come back, then.
 */
static void unload(struct test *t)
{
	igt_require_f(!access("/sys/module/" MODULE "/initstate", F_OK) &&
		      !access("/mnt/run/" MODULE ".ko", F_OK), "the driver is no module\n");

	for (int what = 0; what < 4; what++) {
		struct object o = make_object(t->fd, dumb_kind(what % 2), 300);
		struct drm_prime_handle prime = { .handle = o.handle, .flags = DRM_RDWR };
		struct window w = {};
		uint8_t *map = map_all(&o);

		store_pages(map, 0, 300, what);
		switch (what) {
		case 2:
			w = make_window(&o, 300);
			put_row(&w, 0, 0, 1, 300);
			placed_unmap(map, o.size);
			map = w.at;
			break;
		case 3:
			kms_ioctl(t->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
			placed_unmap(map, o.size);
			map = mmap(NULL, o.size, RW, MAP_SHARED, prime.fd, 0);
			igt_assert(map != MAP_FAILED);
			close(prime.fd);
			break;
		}
		close(t->fd);
		igt_assert_eq(remove_module(), -EAGAIN);
		check_stored(map, 0, 300, what);
		store_pages(map, 0, 300, what + 10);
		igt_assert_eq(advise(map, 0, 300, MADV_DONTNEED), 0);
		check_stored(map, 0, 300, what + 10);
		placed_unmap(map, o.size);
		free(w.shows);
		must_remove_module();
		insert_module();
		t->fd = placed_open(MODULE);
		igt_assert(t->fd >= 0);
		t->screen = kms_find_screen(t->fd);
	}

	/* With the screen on, and nobody who shows it. */
	for (int i = 0; i < 3; i++) {
		struct kms_buffer buffer = kms_create_full(&t->screen);

		kms_fill(&buffer);
		kms_show_at(&t->screen, buffer.fb, 0, 0);
		kms_expect_buffer(&t->screen, &buffer);
		kms_fill(&buffer);
		placed_unmap(buffer.map, buffer.size);
		close(t->fd);
		must_remove_module();
		insert_module();
		t->fd = placed_open(MODULE);
		igt_assert(t->fd >= 0);
		t->screen = kms_find_screen(t->fd);
	}
}

/*
 * Libigt would have the clock wake us, but QEMU's does not from this kind of sleep. The
 * host pushes the power button, again and again until it is told that it need not.
 */
static void sleep_until_woken(void)
{
	int state = open("/sys/power/state", O_WRONLY | O_CLOEXEC);
	double end = kms_now() + 4 * KMS_PATIENCE;
	char answer[64];
	bool slept;

	igt_assert(state >= 0);
	igt_assert_eq(placed_ask_host("wake", answer, sizeof(answer), KMS_PATIENCE), 0);
	igt_assert_f(!strcmp(answer, "go"), "the host says \"%s\"\n", answer);
	/* EBUSY: it was early, and we were not asleep. */
	do
		slept = write(state, "freeze", 6) == 6;
	while (!slept && errno == EBUSY && kms_now() < end);
	igt_assert_f(slept, "no suspend: %s\n", strerror(errno));
	close(state);
	igt_assert_eq(placed_ask_host("awake", answer, sizeof(answer), KMS_PATIENCE), 0);
}

/**
 * SUBTEST: suspend
 * Description: Suspend to idle and back: mappings and page windows show what was stored, in device
 *	memory and out of it, the screen is what it was, and stores appear on it.
 */
static void suspend(struct test *t)
{
	struct statfs root;
	struct pair p;

	/* The host's directories do not come back: see scripts/guest-in-memory. */
	igt_assert_eq(statfs("/", &root), 0);
	placed_require_that(root.f_type == TMPFS_MAGIC, "suspend");

	make_pair(t, &p, true);
	for (int round = 0; round < 2; round++) {
		show_of_pair(t, &p, round % 2);
		for (int i = 0; i < 2; i++) {
			p.seeds[i] = 2 + round * 2 + i;
			store_views(&p.views[i], p.seeds[i]);
		}
		sleep_until_woken();

		check_pair(&p);
		expect_shown(t, &p, round % 2, true);
		for (int i = 0; i < 2; i++) {
			p.seeds[i] += 100;
			store_views(&p.views[i], p.seeds[i]);
		}
		expect_shown(t, &p, round % 2, true);
	}
	end_pair(t, &p);
}

static const struct {
	const char *name, *what;
	void (*test)(struct test *t);
} tests[] = {
	{ "stock", "What any program does", stock },
	{ "vram-full", "Device memory that is used up", vram_full },
	{ "move", "Buffers that take each other's place", move_dumb },
	{ "move-coherent", "Coherent ones", move_coherent },
	{ "swap", "Buffers that were in swap", swap_dumb },
	{ "swap-coherent", "Coherent ones", swap_coherent },
	{ "race-move", "Stores meanwhile", race_move },
	{ "race-move-coherent", "Stores to coherent ones", race_move_coherent },
	{ "race-modes", "Other modes meanwhile", race_modes },
	{ "cursor-in-the-way", "A cursor and a larger screen", cursor_in_the_way },
	{ "cursor-is-screen", "The same buffer twice", cursor_is_screen },
	{ "queue", "No room for commands", queue_full },
	{ "shared", "Buffers that another device uses", shared },
	{ "unload", "The driver's module goes and comes back", unload },
	{ "suspend", "Suspend to idle", suspend },
};

igt_main {
	/* They outlive the jumps that end a subtest. */
	static struct test t;
	volatile int i;

	igt_fixture {
		int fd = placed_open(MODULE);

		placed_require("device-memory");
		igt_require_f(kms_has_host(), "no host to show what is on the screen: see scripts/guest\n");
		close(fd);
		igt_install_exit_handler(kms_mend);
	}

	for (i = 0; i < (int)(sizeof(tests) / sizeof(tests[0])); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name) {
			t.fd = placed_open(MODULE);
			igt_assert(t.fd >= 0);
			t.screen = kms_find_screen(t.fd);
			tests[i].test(&t);
			close(t.fd);
			t.fd = -1;
		}
		end_children();
		/* Of one that failed there are mappings, which hold the file. */
		if (t.fd > 0) {
			placed_ioctl(t.fd, DRM_IOCTL_DROP_MASTER, NULL);
			close(t.fd);
		}
	}
}
