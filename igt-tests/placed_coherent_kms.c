// SPDX-License-Identifier: MIT

/**
 * TEST: placed coherent kms
 * Category: Display
 * Mega feature: Memory Management
 * Sub-category: GEM
 * Functionality: DRM_IOCTL_GEM_COHERENT
 * Description: Plain stores to a framebuffer are what the host shows, at the cost of the
 *	pages that were written.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "placed_kms.h"

IGT_TEST_DESCRIPTION("Stores to coherent framebuffers against screendumps of the host.");

/* Pages apart by more than what the driver may send along to save a transfer. */
#define APART 4

/* Whatever ends the program. */
static void mend(int sig)
{
	kms_mend(sig);
	trace_stop(sig);
}

static void make_coherent(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	struct drm_gem_coherent coherent = {
		.handle = buffer->handle,
		.flags = DRM_GEM_COHERENT_TO_DEVICE | DRM_GEM_COHERENT_FROM_DEVICE,
	};

	kms_ioctl(screen->fd, DRM_IOCTL_GEM_COHERENT, &coherent);
	igt_assert_eq_u32(coherent.state, DRM_GEM_COHERENT_TRACKED);
}

/* Show a new buffer that fills the screen; ends with nothing to send. */
static struct kms_buffer show_new(struct kms_screen *screen)
{
	struct kms_buffer buffer = kms_create_full(screen);

	kms_fill(&buffer);
	kms_show_at(screen, buffer.fb, 0, 0);
	kms_wait_quiet(screen, &buffer);
	return buffer;
}

/* As many periods of the display. */
static void wait_frames(const struct kms_screen *screen, int frames)
{
	kms_sleep((double)frames / kms_hz(screen));
}

/* Wait until the driver has sent this many pages of an object. */
static struct trace wait_sent(const struct kms_buffer *buffer, uint64_t pages)
{
	double end = kms_now() + KMS_PATIENCE;
	struct trace trace = trace_read();

	while (trace_sent(&trace, buffer) < pages) {
		igt_assert_f(kms_now() < end, "%llu pages are sent, and not %llu\n",
			     (unsigned long long)trace_sent(&trace, buffer),
			     (unsigned long long)pages);
		kms_sleep(0.005);
		trace = trace_read();
	}
	return trace;
}

/*
 * Let the host show it, without anything that might help: look at the screen
 * until it is right.
 */
static void expect_soon(const struct kms_screen *screen, const uint32_t *want, uint32_t pitch)
{
	double end = kms_now() + KMS_PATIENCE;
	char first[128] = "";
	uint64_t wrong;

	while ((wrong = kms_compare(screen, want, pitch, first, sizeof(first))))
		igt_assert_f(kms_now() < end, "%llu still wrong: %s\n",
			     (unsigned long long)wrong, first);
}

/**
 * SUBTEST: plain-stores
 * Description: Stores alone bring a picture to the screen, and change it.
 */
static void plain_stores(struct kms_screen *screen)
{
	struct kms_buffer buffer = kms_create_full(screen);
	uint32_t right = buffer.width - 1, bottom = buffer.height - 1;

	kms_show_at(screen, buffer.fb, 0, 0);
	kms_fill(&buffer);
	expect_soon(screen, buffer.map, buffer.pitch);

	*kms_pixel(&buffer, 0, 0) = kms_new_value();
	*kms_pixel(&buffer, right, 0) = kms_new_value();
	*kms_pixel(&buffer, 0, bottom) = kms_new_value();
	*kms_pixel(&buffer, right, bottom) = kms_new_value();
	expect_soon(screen, buffer.map, buffer.pitch);

	/* By other ways to store. */
	memset((void *)kms_pixel(&buffer, 0, 10), 0x5a, buffer.pitch * 7);
	((volatile uint8_t *)kms_pixel(&buffer, 17, 100))[1] ^= 0xff;
	__atomic_fetch_xor(kms_pixel(&buffer, 18, 300), 0xffffff, __ATOMIC_SEQ_CST);
	expect_soon(screen, buffer.map, buffer.pitch);

	for (uint64_t page = 0; page < buffer.pages; page++)
		kms_store_page(&buffer, page);
	expect_soon(screen, buffer.map, buffer.pitch);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: sizes
 * Description: Pixels come out where they are stored whatever the pitch: rows that do not fill
 *	pages, do not start them, and end behind the edge of the screen.
 */
static void sizes(struct kms_screen *screen)
{
	static const uint32_t more[] = { 1, 2, 7, 64, 1023 };

	for (int i = 0; i < 5; i++) {
		struct kms_buffer buffer = kms_create_coherent(screen,
							       screen->mode.hdisplay + more[i],
							       screen->mode.vdisplay + i);

		kms_fill(&buffer);
		kms_show_at(screen, buffer.fb, 0, 0);
		kms_expect_buffer(screen, &buffer);

		for (int j = 0; j < 300; j++)
			*kms_pixel(&buffer, rand() % buffer.width, rand() % buffer.height) =
				kms_new_value();
		kms_expect_buffer(screen, &buffer);
		kms_destroy(screen, &buffer);
	}
}

/**
 * SUBTEST: damage-exact
 * Description: The pages that were written are sent, each once, and nothing else.
 */
static void damage_exact(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	uint64_t last = buffer.pages - 1;
	uint64_t rounds[][8] = {
		{ 0 }, { last }, { 511, 520 }, { 0, 300, 510, 512 + APART, last },
		{ 17, 17 + APART, 17 + 2 * APART, 17 + 3 * APART, 600, 700, 710 },
	};
	size_t counts[] = { 1, 1, 2, 5, 7 };
	uint64_t many[40];
	struct trace trace;

	igt_assert(last > 800);
	for (int i = 0; i < 5; i++) {
		int attempts = 5;

		do {
			trace_start();
			for (size_t j = 0; j < counts[i]; j++)
				kms_store_page(&buffer, rounds[i][j]);
			kms_wait_quiet(screen, &buffer);
			trace = trace_read();
		} while (trace_sent_twice(&trace, &buffer) && --attempts);
		trace_expect_pages(&trace, &buffer, rounds[i], counts[i]);

		/* A flush for each, and the flush of nothing to wait for. */
		trace_expect_runs(&trace, &buffer, counts[i]);
		if (placed_gpu_is_virtio())
			igt_assert_eq(trace_commands(&trace, TRACE_FLUSH), counts[i] + 1);
		kms_expect(screen, buffer.map, buffer.pitch);
	}

	/* More places than are flushed one by one. */
	for (int attempts = 0; attempts < 5; attempts++) {
		trace_start();
		for (int i = 0; i < 40; i++) {
			many[i] = i * 20 + 7;
			kms_store_page(&buffer, many[i]);
		}
		kms_wait_quiet(screen, &buffer);
		trace = trace_read();
		if (!trace_sent_twice(&trace, &buffer))
			break;
	}
	trace_expect_pages(&trace, &buffer, many, 40);
	trace_expect_runs(&trace, &buffer, 40);
	kms_expect(screen, buffer.map, buffer.pitch);

	/* Pages in a row are one transfer. */
	trace_start();
	memset((char *)buffer.map + 5 * PLACED_PAGE, 0x7f, 20 * PLACED_PAGE);
	igt_assert_eq(kms_flush(screen, &buffer), 0);
	trace = trace_read();
	igt_assert_eq_u64(trace_sent(&trace, &buffer), 20);
	igt_assert_lte_u64(trace_commands(&trace, TRACE_TRANSFER) +
			   trace_commands(&trace, TRACE_TRANSFER_RANGES), 2);
	kms_expect_buffer(screen, &buffer);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: flip-clips
 * Description: A flip to a coherent buffer that was stored to before shows all of it, whatever part
 *	of it the program says is damaged.
 */
static void flip_clips(struct kms_screen *screen)
{
	struct kms_buffer buffers[2] = { kms_create_full(screen), kms_create_full(screen) };
	uint64_t damage = 0;

	if (kms_has_damage(screen))
		damage = kms_blob(screen, &(struct drm_mode_rect) { 8, 8, 16, 16 },
				  sizeof(struct drm_mode_rect));
	placed_require_that(damage, "damage-clips");
	kms_fill(&buffers[0]);
	kms_show_at(screen, buffers[0].fb, 0, 0);
	for (int i = 1; i < 6; i++) {
		struct kms_buffer *b = &buffers[i % 2];

		kms_fill(b);
		/* With nothing left to send, and with everything. */
		if (i % 3)
			igt_assert_eq(kms_flush(screen, b), 0);
		kms_commit(screen, b->fb, damage);
		kms_expect_buffer(screen, b);
		kms_store_page(b, 10 * i);
		kms_commit(screen, b->fb, damage);
		kms_expect_buffer(screen, b);
	}
	kms_destroy(screen, &buffers[0]);
	kms_destroy(screen, &buffers[1]);
}

/**
 * SUBTEST: many-runs
 * Description: Thousands of runs are sent by one command where the device takes ranges, and by one
 *	for each where it does not.
 */
static void many_runs(struct kms_screen *screen)
{
	const uint64_t runs = 3000;
	struct kms_buffer buffer = {
		.pages = runs * APART, .size = runs * APART * PLACED_PAGE,
	};
	struct trace trace;
	uint64_t offset;

	/* Larger than any screen. */
	buffer.handle = placed_object(screen->fd, buffer.size);
	igt_assert_eq(placed_fake_offset(screen->fd, buffer.handle, &offset), 0);
	buffer.object = offset / PLACED_PAGE;
	kms_map(screen, &buffer);
	igt_assert_eq(kms_flush(screen, &buffer), 0);

	for (int i = 0; i < 3; i++) {
		trace_start();
		for (uint64_t run = 0; run < runs; run++)
			kms_store_page(&buffer, run * APART + i);
		igt_assert_eq(kms_flush(screen, &buffer), 0);
		trace = trace_read();
		trace_expect_runs(&trace, &buffer, runs);
		igt_assert_eq_u64(trace_sent(&trace, &buffer), runs);
		igt_assert_eq(trace_commands(&trace, TRACE_TRANSFER_RANGES),
			      placed_gpu_has(PLACED_VIRTIO_RANGES));
	}
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: damage-host
 * Description: On the host nothing changes but what was stored: what an untracked mapping hid
 *	in the pages beside does not come to light.
 */
static void damage_host(struct kms_screen *screen)
{
	struct kms_buffer buffer;
	uint32_t *hidden, *want;
	struct trace trace;

	/* A row is a page. */
	igt_require_f(kms_pick_mode(screen, 1024, 768), "no mode of 1024 by 768\n");
	buffer = kms_create(screen, 1024, 768);
	igt_assert_eq(buffer.pitch, PLACED_PAGE);
	hidden = placed_plain_map(screen->fd, buffer.handle, buffer.size);
	kms_map(screen, &buffer);
	kms_fill(&buffer);
	kms_show_at(screen, buffer.fb, 0, 0);
	kms_expect_buffer(screen, &buffer);

	want = malloc(buffer.size);
	igt_assert(want);
	memcpy(want, buffer.map, buffer.size);
	trace_start();
	for (uint32_t y = 0; y < 768; y += 2 * APART) {
		for (uint32_t x = 0; x < 1024; x++)
			hidden[(y + APART) * 1024 + x] = kms_new_value();
		*kms_pixel(&buffer, y, y) = kms_new_value();
		want[y * 1024 + y] = *kms_pixel(&buffer, y, y);
	}
	kms_wait_quiet(screen, &buffer);
	trace = trace_read();
	igt_assert_eq_u64(trace_sent(&trace, &buffer), 768 / (2 * APART));
	kms_expect(screen, want, buffer.pitch);

	/* It is there, after all. */
	kms_dirty(screen, buffer.fb, NULL, 0);
	kms_expect_buffer(screen, &buffer);
	placed_unmap(hidden, buffer.size);
	kms_destroy(screen, &buffer);
	free(want);
}

/* Nothing is done in as many frames. */
static void expect_rest(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	struct trace trace;

	trace_start();
	wait_frames(screen, 25);
	trace = trace_read();
	igt_assert_eq(trace_count(&trace, TRACE_COLLECT, buffer), 0);
	igt_assert_eq_u64(trace.count, 0);
}

/**
 * SUBTEST: quiet
 * Description: An object that nobody writes is not looked at; a store wakes it up, every time.
 */
static void quiet(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	struct trace trace;

	for (int i = 0; i < 5; i++) {
		/* Once hot, once a page. */
		if (i == 2)
			kms_fill(&buffer);
		kms_wait_quiet(screen, &buffer);
		expect_rest(screen, &buffer);

		kms_store_page(&buffer, i * 100);
		trace = wait_sent(&buffer, 1);
		trace_expect_pages(&trace, &buffer, &(uint64_t){ i * 100 }, 1);
		kms_expect_buffer(screen, &buffer);
	}

	/* Loads are no stores. */
	trace_start();
	for (uint64_t page = 0; page < buffer.pages; page++)
		(void)((volatile uint32_t *)buffer.map)[page * (PLACED_PAGE / 4)];
	wait_frames(screen, 25);
	trace = trace_read();
	igt_assert_eq_u64(trace.count, 0);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: off-screen
 * Description: Stores to an object that is not shown cost nothing until it is.
 */
static void off_screen(struct kms_screen *screen)
{
	struct kms_buffer shown = show_new(screen), other = kms_create_full(screen);
	struct trace trace;

	trace_start();
	kms_fill(&other);
	wait_frames(screen, 25);
	trace = trace_read();
	igt_assert_eq_u64(trace.count, 0);

	kms_show_at(screen, other.fb, 0, 0);
	kms_expect_buffer(screen, &other);

	/* The one that was shown is one that is not. */
	trace_start();
	for (uint64_t page = 0; page < shown.pages; page++)
		kms_store_page(&shown, page);
	wait_frames(screen, 25);
	trace = trace_read();
	igt_assert_eq_u64(trace.count, 0);
	kms_expect_buffer(screen, &other);
	kms_destroy(screen, &shown);
	kms_expect_buffer(screen, &other);
	kms_destroy(screen, &other);
}

/* A bar that moves over the screen. */
static void draw_frame(const struct kms_buffer *buffer, int frame, uint32_t value)
{
	for (uint32_t y = 0; y < buffer->height; y += 50) {
		*kms_pixel(buffer, frame % buffer->width, y) = value;
		*kms_pixel(buffer, (frame + 50) % buffer->width, y) = ~value;
	}
}

/**
 * SUBTEST: keeps-up
 * Description: An animation comes to the screen at its refresh rate and not faster; the last frame
 *	stays.
 */
static void keeps_up(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	double first = 0, last = 0, rate, start = kms_now();
	unsigned int collections = 0;
	struct trace trace;
	int frame = 0;

	trace_start();
	do {
		draw_frame(&buffer, frame++, kms_new_value());
		/* Far more often than the screen shows one. */
		kms_sleep(0.001);
	} while (kms_now() - start < 3);
	kms_wait_quiet(screen, &buffer);
	trace = trace_read();
	kms_expect(screen, buffer.map, buffer.pitch);

	for (size_t i = 0; i < trace.count; i++) {
		if (trace.events[i].kind != TRACE_COLLECT)
			continue;
		if (!collections++)
			first = trace.events[i].time;
		last = trace.events[i].time;
	}
	igt_assert(collections > 10);
	rate = (collections - 1) / (last - first);
	igt_info("%d frames, %u collections, %.1f a second, with %d frames a second\n", frame,
		 collections, rate, kms_hz(screen));
	igt_assert_f(rate <= kms_hz(screen) * 1.1, "%.1f collections a second with %d Hz\n",
		     rate, kms_hz(screen));
	/* On a machine that does anything at all. */
	igt_assert_f(rate >= kms_hz(screen) / 20., "%.1f collections a second with %d Hz\n",
		     rate, kms_hz(screen));
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: dirtyfb
 * Description: DIRTYFB sends what is written, wherever it says that it is, at once; and flushes.
 */
static void dirtyfb(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	struct drm_clip_rect clips[] = { { 0, 0, 8, 8 }, { 32, 600, 64, 610 } };
	uint64_t pages[] = { 1, 400, 401 + APART, buffer.pages - 1 };
	struct trace trace;

	for (int count = 0; count <= 2; count++) {
		trace_start();
		for (int i = 0; i < 4; i++)
			kms_store_page(&buffer, pages[i]);
		kms_dirty(screen, buffer.fb, count ? clips : NULL, count);
		igt_assert_eq_u64(kms_unsent(screen, &buffer), 0);
		kms_wait_quiet(screen, &buffer);
		trace = trace_read();
		trace_expect_pages(&trace, &buffer, pages, 4);
		trace_expect_runs(&trace, &buffer, 4);
		kms_expect(screen, buffer.map, buffer.pitch);
	}

	/* With nothing to send it is a flush, or nothing. */
	trace_start();
	kms_dirty(screen, buffer.fb, NULL, 0);
	trace = trace_read();
	trace_expect_runs(&trace, &buffer, 0);
	if (placed_gpu_is_virtio())
		igt_assert_eq(trace_commands(&trace, TRACE_FLUSH), 1);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: untracked
 * Description: Stores through a mapping from before the buffer became coherent appear with DIRTYFB,
 *	as they always did, and do not keep those through a coherent one from appearing.
 */
static void untracked(struct kms_screen *screen)
{
	struct kms_buffer buffer = kms_create(screen, screen->mode.hdisplay, screen->mode.vdisplay);
	uint32_t *old = placed_plain_map(screen->fd, buffer.handle, buffer.size);
	struct kms_buffer other = kms_create_full(screen);
	struct drm_clip_rect clip = { 40, 400, 72, 432 };

	kms_map(screen, &buffer);
	kms_fill(&buffer);
	kms_show_at(screen, buffer.fb, 0, 0);
	kms_expect_buffer(screen, &buffer);

	for (int i = 0; i < 200; i++)
		old[rand() % (buffer.size / 4)] = kms_new_value();
	for (int i = 0; i < 200; i++)
		*kms_pixel(&buffer, rand() % buffer.width, rand() % buffer.height) = kms_new_value();
	kms_dirty(screen, buffer.fb, NULL, 0);
	kms_expect_buffer(screen, &buffer);

	/* A rectangle of the old mapping's. */
	for (uint32_t y = clip.y1; y < clip.y2; y++)
		for (uint32_t x = clip.x1; x < clip.x2; x++)
			old[y * (buffer.pitch / 4) + x] = kms_new_value();
	*kms_pixel(&buffer, 5, 5) = kms_new_value();
	kms_dirty(screen, buffer.fb, &clip, 1);
	kms_expect_buffer(screen, &buffer);

	/* Nobody knows what was written: a flip to it sends all of it. */
	kms_show_at(screen, other.fb, 0, 0);
	for (int i = 0; i < 200; i++)
		old[rand() % (buffer.size / 4)] = kms_new_value();
	kms_flip(screen, buffer.fb);
	kms_expect_buffer(screen, &buffer);
	placed_unmap(old, buffer.size);
	kms_destroy(screen, &buffer);
	kms_destroy(screen, &other);
}

/**
 * SUBTEST: drawn-before
 * Description: What was drawn before the buffer became coherent is shown, whether the buffer was
 *	shown already or is shown later.
 */
static void drawn_before(struct kms_screen *screen)
{
	for (int shown = 0; shown < 2; shown++) {
		struct kms_buffer buffer = kms_create(screen, screen->mode.hdisplay,
						      screen->mode.vdisplay);

		buffer.map = placed_plain_map(screen->fd, buffer.handle, buffer.size);
		if (shown)
			kms_show_at(screen, buffer.fb, 0, 0);
		kms_fill(&buffer);
		placed_unmap(buffer.map, buffer.size);
		make_coherent(screen, &buffer);
		if (!shown)
			kms_show_at(screen, buffer.fb, 0, 0);

		buffer.map = placed_plain_map(screen->fd, buffer.handle, buffer.size);
		expect_soon(screen, buffer.map, buffer.pitch);
		kms_store_page(&buffer, 55);
		kms_expect_buffer(screen, &buffer);
		kms_destroy(screen, &buffer);
	}
}

static void show_in_turn(struct kms_screen *screen,
			 void (*show)(const struct kms_screen *, uint32_t))
{
	struct kms_buffer buffers[2] = { kms_create_full(screen), show_new(screen) };
	uint64_t pages[] = { 3, 500, 511 + APART, 700 };
	struct trace trace;

	kms_fill(&buffers[0]);
	igt_assert_eq(kms_flush(screen, &buffers[0]), 0);

	for (int i = 0; i < 4; i++) {
		struct kms_buffer *next = &buffers[i % 2], *shown = &buffers[!(i % 2)];

		/* Nothing is sent before. */
		trace_start();
		for (int j = 0; j < 4; j++)
			kms_store_page(next, pages[j] + i);
		wait_frames(screen, 5);
		igt_assert_eq_u64(kms_unsent(screen, next), 4);
		trace = trace_read();
		igt_assert_eq_u64(trace.count, 0);
		kms_expect_buffer(screen, shown);

		trace_start();
		show(screen, next->fb);
		igt_assert_eq_u64(kms_unsent(screen, next), 0);
		kms_wait_quiet(screen, next);
		trace = trace_read();
		trace_expect_pages(&trace, next, (uint64_t[]) {
			pages[0] + i, pages[1] + i, pages[2] + i, pages[3] + i,
		}, 4);
		if (placed_gpu_is_virtio())
			igt_assert(trace_commands(&trace, TRACE_SET_SCANOUT) >= 1);
		kms_expect(screen, next->map, next->pitch);

		/* The one behind goes nowhere, the one in front appears. */
		kms_store_page(next, 77);
		kms_expect_buffer(screen, next);
		igt_assert_eq_u64(kms_unsent(screen, shown), 0);
	}
	kms_destroy(screen, &buffers[0]);
	kms_destroy(screen, &buffers[1]);
}

/**
 * SUBTEST: page-flip
 * Description: A page flip shows what was stored to the buffer, and sends that and nothing else.
 */
static void page_flip(struct kms_screen *screen)
{
	show_in_turn(screen, kms_flip);
}

static void set_crtc_to(const struct kms_screen *screen, uint32_t fb)
{
	kms_show_at(screen, fb, 0, 0);
}

/**
 * SUBTEST: set-crtc
 * Description: So does SETCRTC.
 */
static void set_crtc(struct kms_screen *screen)
{
	show_in_turn(screen, set_crtc_to);
}

/**
 * SUBTEST: cursor
 * Description: A cursor's image is sent when it is set, if it was written; screendumps do not show it.
 */
static void cursor(struct kms_screen *screen)
{
	struct kms_buffer shown, image;
	struct drm_mode_cursor2 set = {
		.flags = DRM_MODE_CURSOR_BO | DRM_MODE_CURSOR_MOVE, .crtc_id = screen->crtc,
		.x = 100, .y = 100, .width = 64, .height = 64,
	};
	struct drm_mode_cursor2 move = {
		.flags = DRM_MODE_CURSOR_MOVE, .crtc_id = screen->crtc, .x = 200, .y = 300,
	};
	struct trace trace;

	placed_require("cursor-copy");
	shown = show_new(screen);
	image = kms_create_coherent(screen, 64, 64);
	set.handle = image.handle;
	igt_assert_eq_u64(image.pages, 4);
	kms_fill(&image);
	trace_start();
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_CURSOR2, &set);
	igt_assert_eq_u64(kms_unsent(screen, &image), 0);
	trace = trace_read();
	igt_assert_eq_u64(trace_sent(&trace, &image), 4);

	for (uint64_t page = 0; page < 4; page++) {
		trace_start();
		kms_store_page(&image, page);
		kms_ioctl(screen->fd, DRM_IOCTL_MODE_CURSOR2, &move);
		wait_frames(screen, 3);
		trace = trace_read();
		igt_assert_eq_u64(trace_sent(&trace, &image), 0);

		kms_ioctl(screen->fd, DRM_IOCTL_MODE_CURSOR2, &set);
		trace = trace_read();
		trace_expect_pages(&trace, &image, &page, 1);
	}

	/* While it is shown it may go, and the screen stays what it is. */
	kms_destroy(screen, &image);
	kms_store_page(&shown, 9);
	kms_expect_buffer(screen, &shown);
	set.handle = 0;
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_CURSOR2, &set);
	kms_destroy(screen, &shown);
}

/**
 * SUBTEST: modes
 * Description: Stores appear in other modes, with a buffer for each, and with one for all.
 */
static void modes(struct kms_screen *screen)
{
	struct kms_buffer all = kms_create_coherent(screen, 1920, 1200);
	int tried = 0;

	kms_fill(&all);
	for (int i = 0; i < screen->num_modes && tried < 3; i++) {
		struct kms_buffer buffer;

		if (screen->modes[i].hdisplay > 1920 || screen->modes[i].vdisplay > 1200)
			continue;
		screen->mode = screen->modes[i];
		tried++;

		buffer = show_new(screen);
		kms_expect_buffer(screen, &buffer);
		kms_store_page(&buffer, buffer.pages / 2);
		kms_expect_buffer(screen, &buffer);

		kms_show_at(screen, all.fb, 0, 0);
		kms_store_page(&all, 11 * i);
		*kms_pixel(&all, i, 5) = kms_new_value();
		kms_expect_buffer(screen, &all);
		kms_destroy(screen, &buffer);
		kms_expect_buffer(screen, &all);
	}
	igt_assert(tried >= 2);
	kms_destroy(screen, &all);
}

/**
 * SUBTEST: panning
 * Description: A screen that shows a part of a buffer shows what is stored there.
 */
static void panning(struct kms_screen *screen)
{
	static const uint32_t at[][2] = { { 0, 0 }, { 100, 50 }, { 101, 0 }, { 700, 200 } };
	struct kms_buffer buffer;

	placed_require("pan");
	buffer = kms_create_coherent(screen, screen->mode.hdisplay + 700,
				     screen->mode.vdisplay + 200);
	kms_fill(&buffer);
	for (int i = 0; i < 4; i++) {
		uint32_t x = at[i][0], y = at[i][1];

		kms_show_at(screen, buffer.fb, x, y);
		kms_wait_quiet(screen, &buffer);
		kms_expect(screen, (const uint32_t *)kms_pixel(&buffer, x, y), buffer.pitch);

		for (int j = 0; j < 100; j++)
			*kms_pixel(&buffer, rand() % buffer.width, rand() % buffer.height) =
				kms_new_value();
		*kms_pixel(&buffer, x, y) = kms_new_value();
		kms_wait_quiet(screen, &buffer);
		kms_expect(screen, (const uint32_t *)kms_pixel(&buffer, x, y), buffer.pitch);
	}
	kms_destroy(screen, &buffer);
}

static void dpms_off(const struct kms_screen *screen)
{
	kms_dpms(screen, DRM_MODE_DPMS_OFF);
}

static void dpms_on(const struct kms_screen *screen, uint32_t fb)
{
	kms_dpms(screen, DRM_MODE_DPMS_ON);
}

/**
 * SUBTEST: off-and-on
 * Description: While the screen is off nothing is sent; when it is on again it shows what was stored
 *	meanwhile.
 */
static void off_and_on(struct kms_screen *screen)
{
	static const struct {
		void (*off)(const struct kms_screen *screen);
		void (*on)(const struct kms_screen *screen, uint32_t fb);
	} ways[] = {
		{ kms_off, set_crtc_to }, { dpms_off, dpms_on },
	};
	struct kms_buffer buffer = show_new(screen);
	struct trace trace;

	for (int i = 0; i < 6; i++) {
		ways[i % 2].off(screen);
		trace_start();
		for (uint64_t page = i; page < buffer.pages; page += 50)
			kms_store_page(&buffer, page);
		wait_frames(screen, 25);
		trace = trace_read();
		igt_assert_eq_u64(trace.count, 0);

		ways[i % 2].on(screen, buffer.fb);
		expect_soon(screen, buffer.map, buffer.pitch);
		kms_store_page(&buffer, i);
		kms_expect_buffer(screen, &buffer);
		expect_rest(screen, &buffer);

		/* Off while there is something to do. */
		kms_fill(&buffer);
	}
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: close-handle
 * Description: Stores through a mapping appear when the handle is closed.
 */
static void close_handle(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);

	igt_assert_eq(placed_close_handle(screen->fd, buffer.handle), 0);
	buffer.handle = 0;
	for (uint64_t page = 0; page < buffer.pages; page += 9)
		kms_store_page(&buffer, page);
	expect_soon(screen, buffer.map, buffer.pitch);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: remove-fb
 * Description: With its framebuffer gone, a mapped buffer is one that is not shown; it can be shown
 *	again.
 */
static void remove_fb(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	struct drm_mode_fb_cmd add = {
		.width = buffer.width, .height = buffer.height, .pitch = buffer.pitch,
		.bpp = 32, .depth = 24, .handle = buffer.handle,
	};
	struct trace trace;

	/* One while it is quiet, one while it is not. */
	for (int busy = 0; busy < 2; busy++) {
		if (busy)
			kms_fill(&buffer);
		kms_remove_fb(screen, &buffer);
		trace_start();
		for (uint64_t page = 0; page < buffer.pages; page += 10)
			kms_store_page(&buffer, page);
		wait_frames(screen, 25);
		trace = trace_read();
		igt_assert_eq_u64(trace.count, 0);

		kms_ioctl(screen->fd, DRM_IOCTL_MODE_ADDFB, &add);
		buffer.fb = add.fb_id;
		kms_show_at(screen, buffer.fb, 0, 0);
		expect_soon(screen, buffer.map, buffer.pitch);
	}
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: unmap
 * Description: What was stored right before the mapping went appears.
 */
static void unmap(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	uint32_t *want = malloc(buffer.size);

	igt_assert(want);
	for (int hot = 0; hot < 2; hot++) {
		if (hot)
			for (int i = 0; i < 10; i++) {
				kms_fill(&buffer);
				kms_dirty(screen, buffer.fb, NULL, 0);
			}
		for (uint64_t page = 0; page < buffer.pages; page += 7)
			kms_store_page(&buffer, page);
		memcpy(want, buffer.map, buffer.size);
		placed_unmap(buffer.map, buffer.size);
		expect_soon(screen, want, buffer.pitch);
		kms_map(screen, &buffer);
		kms_expect_buffer(screen, &buffer);
	}
	free(want);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: dma-buf
 * Description: Stores through a mapping of the buffer's dma-buf appear.
 */
static void dma_buf(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	struct drm_prime_handle prime = { .handle = buffer.handle, .flags = DRM_RDWR };
	uint32_t *map;

	kms_ioctl(screen->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	map = mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	igt_assert(map != MAP_FAILED);
	close(prime.fd);
	for (uint64_t page = 0; page < buffer.pages; page += 3)
		map[page * (PLACED_PAGE / 4)] = kms_new_value();
	expect_soon(screen, buffer.map, buffer.pitch);
	placed_unmap(map, buffer.size);
	kms_destroy(screen, &buffer);
}

/**
 * SUBTEST: fork
 * Description: What a child stored through the mapping it inherited appears, also if it exits at once.
 */
static void fork_shown(struct kms_screen *screen)
{
	struct kms_buffer buffer = show_new(screen);
	int status;
	pid_t pid;

	for (int i = 0; i < 5; i++) {
		fflush(stdout);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			for (uint64_t page = i; page < buffer.pages; page += 11)
				buffer.map[page * (PLACED_PAGE / 4) + 3 + i] = 0x00a0b0c0 + i;
			_exit(0);
		}
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert_eq(status, 0);
		expect_soon(screen, buffer.map, buffer.pitch);
	}
	kms_destroy(screen, &buffer);
}

/* A program of its own, with the screen for itself. */
static void __attribute__((noreturn)) be_killed(int ready)
{
	int fd = placed_open(placed_gpu());
	struct kms_screen screen;
	struct kms_buffer buffer;

	if (fd < 0)
		_exit(1);
	screen = kms_find_screen(fd);
	buffer = show_new(&screen);
	for (;;) {
		kms_fill(&buffer);
		if (write(ready, "", 1) != 1)
			_exit(1);
	}
}

/**
 * SUBTEST: exit
 * Description: A program may end while its buffer is shown and written; nothing is left of it.
 */
static void exit_shown(struct kms_screen *screen)
{
	struct placed_counts before = placed_count(screen->fd), after;
	double end = kms_now() + KMS_PATIENCE;
	struct kms_buffer buffer;
	int status, ready[2];
	struct trace trace;
	pid_t pid;
	char c;

	for (int i = 0; i < 3; i++) {
		kms_ioctl(screen->fd, DRM_IOCTL_DROP_MASTER, NULL);
		igt_assert_eq(pipe(ready), 0);
		fflush(stdout);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			close(ready[0]);
			be_killed(ready[1]);
		}
		close(ready[1]);
		for (int frame = 0; frame < 1 + 2 * i; frame++)
			igt_assert_eq(read(ready[0], &c, 1), 1);
		igt_assert_eq(kill(pid, SIGKILL), 0);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert(WIFSIGNALED(status));
		close(ready[0]);
		kms_ioctl(screen->fd, DRM_IOCTL_SET_MASTER, NULL);
	}

	trace_start();
	wait_frames(screen, 25);
	trace = trace_read();
	igt_assert_eq_u64(trace.count, 0);
	/* The device gives objects up when it has answered. */
	do {
		kms_sleep(0.01);
		after = placed_count(screen->fd);
	} while (after.without_handle > before.without_handle && kms_now() < end);
	igt_assert_eq(after.objects, before.objects);
	igt_assert(after.without_handle <= before.without_handle);

	buffer = show_new(screen);
	kms_expect_buffer(screen, &buffer);
	kms_destroy(screen, &buffer);
}

/* Lines of the kernel log from here on. */
static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	igt_assert(fd >= 0);
	igt_assert(lseek(fd, 0, SEEK_END) >= 0);
	return fd;
}

static int count_lines(int log, const char *with)
{
	char line[4096];
	int count = 0;
	ssize_t size;

	while ((size = read(log, line, sizeof(line) - 1)) > 0 || (size < 0 && errno == EPIPE)) {
		line[size > 0 ? size : 0] = 0;
		count += !!strstr(line, with);
	}
	return count;
}

/**
 * SUBTEST: refused-transfer
 * Description: If the device refuses a transfer, whoever waits for it is told, once, and the log says
 *	so, once an object; nothing is tried for ever, and other objects have nothing to do with it.
 */
static void refused_transfer(struct kms_screen *screen)
{
	struct kms_buffer shown = show_new(screen);
	struct kms_buffer refused = kms_create_coherent(screen, 512, 512);
	struct kms_buffer other = kms_create_coherent(screen, 512, 512);
	uint32_t *want = malloc(shown.size);
	struct drm_gem_dirty wait = { .handle = shown.handle, .flags = DRM_GEM_DIRTY_WAIT };
	struct trace trace;
	int log;

	igt_assert(want);
	igt_assert_eq(kms_flush(screen, &refused), 0);
	igt_assert_eq(kms_flush(screen, &other), 0);
	log = open_log();
	kms_break("transfer");

	/* Whoever waits is told once, for each time. */
	for (int i = 0; i < 3; i++) {
		kms_store_page(&refused, 10);
		igt_assert_eq(kms_flush(screen, &refused), -EIO);
		igt_assert_eq(kms_flush(screen, &refused), 0);
		igt_assert_eq_u64(kms_unsent(screen, &refused), 0);
		igt_assert_eq(kms_flush(screen, &other), 0);
	}
	igt_assert_eq(count_lines(log, "refused"), 1);

	/* It does not appear, and is not tried again; nor is there an end of later ones. */
	memcpy(want, shown.map, shown.size);
	trace_start();
	kms_store_page(&shown, 50);
	trace = wait_sent(&shown, 1);
	wait_frames(screen, 25);
	trace = trace_read();
	trace_expect_pages(&trace, &shown, &(uint64_t){ 50 }, 1);
	trace_expect_runs(&trace, &shown, 1);
	igt_assert(trace_commands(&trace, TRACE_FLUSH) <= 1);
	kms_expect(screen, want, shown.pitch);
	kms_store_page(&shown, 150);
	wait_sent(&shown, 2);
	igt_assert_eq(placed_ioctl(screen->fd, DRM_IOCTL_GEM_DIRTY, &wait), -EIO);
	igt_assert_eq(placed_ioctl(screen->fd, DRM_IOCTL_GEM_DIRTY, &wait), 0);
	igt_assert_eq(count_lines(log, "refused"), 1);

	kms_break("none");
	kms_store_page(&other, 3);
	igt_assert_eq(kms_flush(screen, &other), 0);
	kms_store_page(&refused, 10);
	igt_assert_eq(kms_flush(screen, &refused), 0);
	kms_store_page(&shown, 50);
	kms_store_page(&shown, 150);
	kms_expect_buffer(screen, &shown);
	igt_assert_eq(count_lines(log, "refused"), 0);
	close(log);

	free(want);
	kms_destroy(screen, &refused);
	kms_destroy(screen, &other);
	kms_destroy(screen, &shown);
}

/* Threads that store to two buffers, as fast as they can. */
struct storm {
	const struct kms_buffer *buffers;
	atomic_bool end;
	unsigned int seed;
};

static void *storm_thread(void *arg)
{
	struct storm *storm = arg;
	unsigned int seed = storm->seed;

	while (!atomic_load(&storm->end)) {
		const struct kms_buffer *buffer = &storm->buffers[rand_r(&seed) % 2];
		uint64_t word = ((uint64_t)rand_r(&seed) << 8 ^ rand_r(&seed)) % (buffer->size / 4);

		((volatile uint32_t *)buffer->map)[word] = rand_r(&seed);
		/* Let them come to rest now and then. */
		if (!(seed >> 8 & 1023))
			kms_sleep(0.002 * (seed >> 20 & 31));
	}
	return NULL;
}

/**
 * SUBTEST: storm
 * Description: SETCRTC, DIRTYFB, flushes and the screen going off and on, in any order, while two
 *	threads store: in the end both buffers are shown right.
 */
static void storm(struct kms_screen *screen)
{
	/*
	 * No page flips: a commit right behind one frees, with a driver that has
	 * no vblanks, the state that drm_atomic_helper_wait_for_vblanks() of
	 * Linux 6.12 still looks at.
	 */
	struct kms_buffer buffers[2] = { kms_create_full(screen), show_new(screen) };
	struct storm storms[2] = { { buffers, false, 1 }, { buffers, false, 2 } };
	double end = kms_now() + 5;
	pthread_t threads[2];
	int operations = 0;

	for (int i = 0; i < 2; i++)
		igt_assert_eq(pthread_create(&threads[i], NULL, storm_thread, &storms[i]), 0);

	while (kms_now() < end || operations < 50) {
		struct kms_buffer *one = &buffers[rand() % 2];

		switch (rand() % 8) {
		case 0:
			kms_off(screen);
			break;
		case 1:
		case 2:
			igt_assert_eq(kms_flush(screen, one), 0);
			break;
		case 3:
			kms_dirty(screen, one->fb, NULL, 0);
			break;
		case 4:
			kms_show_at(screen, one->fb, 0, 0);
			break;
		case 5:
			kms_sleep(0.03);
			break;
		default:
			kms_show_at(screen, buffers[0].fb, 0, 0);
			kms_show_at(screen, buffers[1].fb, 0, 0);
		}
		operations++;
	}

	for (int i = 0; i < 2; i++)
		atomic_store(&storms[i].end, true);
	for (int i = 0; i < 2; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 2; i++) {
		kms_show_at(screen, buffers[i].fb, 0, 0);
		kms_expect_buffer(screen, &buffers[i]);
	}
	igt_info("%d operations\n", operations);
	kms_destroy(screen, &buffers[0]);
	kms_destroy(screen, &buffers[1]);
}

static const struct {
	const char *name, *what;
	void (*test)(struct kms_screen *screen);
} tests[] = {
#define TEST(name, function, what) { name, what, function }
	TEST("plain-stores", plain_stores, "Stores alone bring a picture to the screen."),
	TEST("sizes", sizes, "Whatever the pitch."),
	TEST("damage-exact", damage_exact, "The pages that were written are sent, and nothing else."),
	TEST("flip-clips", flip_clips, "Damage that is not all there is."),
	TEST("many-runs", many_runs, "Thousands of runs, and what they take."),
	TEST("damage-host", damage_host, "Nothing else changes on the host."),
	TEST("quiet", quiet, "What nobody writes is not looked at; a store wakes it up."),
	TEST("off-screen", off_screen, "Nor is what is not shown."),
	TEST("keeps-up", keeps_up, "Animations come at the refresh rate."),
	TEST("dirtyfb", dirtyfb, "DIRTYFB sends what is written, at once."),
	TEST("untracked", untracked, "Older mappings need DIRTYFB as ever."),
	TEST("drawn-before", drawn_before, "What was drawn before coherency is shown."),
	TEST("page-flip", page_flip, "Page flips send what was written."),
	TEST("set-crtc", set_crtc, "So does SETCRTC."),
	TEST("cursor", cursor, "Cursors are sent when they are set."),
	TEST("modes", modes, "Stores appear in other modes."),
	TEST("panning", panning, "Stores appear where a part of a buffer is shown."),
	TEST("off-and-on", off_and_on, "Nothing is sent to a screen that is off."),
	TEST("close-handle", close_handle, "Mappings appear without a handle."),
	TEST("remove-fb", remove_fb, "Without a framebuffer nothing is shown."),
	TEST("unmap", unmap, "What was stored right before the mapping went appears."),
	TEST("dma-buf", dma_buf, "Stores through a dma-buf appear."),
	TEST("fork", fork_shown, "Stores of a child appear."),
	TEST("exit", exit_shown, "Programs may end while their buffer is shown."),
	TEST("refused-transfer", refused_transfer, "A device that refuses is no reason to go on for ever."),
	TEST("storm", storm, "All at once."),
#undef TEST
};

igt_main {
	/* They outlive the jumps that end a subtest. */
	static struct kms_screen screen;
	volatile int fd = -1;

	igt_fixture {
		igt_require_f(kms_has_host(), "no host to show what is on the screen: see scripts/guest\n");
		fd = placed_open(placed_gpu());
		igt_require_f(fd >= 0, "no device of %s\n", placed_gpu());
		screen = kms_find_screen(fd);
		close(fd);
		igt_install_exit_handler(mend);
	}

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name) {
			fd = placed_open(placed_gpu());
			screen = kms_find_screen(fd);
			tests[i].test(&screen);
			close(fd);
			fd = -1;
		}
		/* Of one that failed there are mappings, which hold the file. */
		if (fd >= 0) {
			placed_ioctl(fd, DRM_IOCTL_DROP_MASTER, NULL);
			close(fd);
			fd = -1;
		}
	}
}
