// SPDX-License-Identifier: MIT
/*
 * One framebuffer, drawn through a high and a low address at once. The high one is
 * where a driver has mapped it, by plain mmap(2), and all that the program gets from
 * it is a pointer: no handle, no file. The program duplicates the mapping below
 * 4 GiB, where 32-bit code could use it, and draws the bands of the picture through
 * the two in turn.
 *
 * The picture stays after the program has ended.
 */
#include "screen.h"

#define BANDS 10

struct demo {
	struct screen screen;
	/* Any file of any DRM device will do for the ioctl. */
	int other;
	uint8_t *high, *low;
};

/* The driver's part. */
static uint8_t *driver_maps(const struct screen *screen)
{
	uint8_t *high = mmap(NULL, screen->fb.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     screen->fd, screen->fake_offset);

	if (high == MAP_FAILED)
		die("cannot map the framebuffer: %s", strerror(errno));
	if (placed_addr(high) < PLACED_4G)
		die("the driver's mapping is at %p, which is low already", (void *)high);
	return high;
}

/* The program's part. */
static uint8_t *duplicate(const struct demo *demo)
{
	struct drm_gem_mmap_placed args = {
		.flags = DRM_GEM_MMAP_PLACED_FROM_ADDR,
		.from_addr = (uintptr_t)demo->high,
		.length = demo->screen.fb.size,
		.range_start = 1 << 20,
		.range_end = PLACED_4G,
	};
	int ret = placed_map(demo->other, &args);

	if (ret)
		die("cannot duplicate the mapping at %p: %s", (void *)demo->high, strerror(-ret));
	if (args.addr + args.length > PLACED_4G)
		die("0x%llx is not below 4 GiB", (unsigned long long)args.addr);
	return placed_ptr(args.addr);
}

static void draw_band(cairo_t *cr, const struct demo *demo, int band)
{
	double y = LAYOUT_HEIGHT * band / BANDS, height = LAYOUT_HEIGHT / BANDS;
	bool low = band % 2;

	cairo_rectangle(cr, 0, y, LAYOUT_WIDTH, height);
	cairo_clip(cr);
	draw_background(cr);
	draw_gem(cr, 975, 400);

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 36);
	set_color(cr, ink, 1);
	text(cr, 1220, 92, RIGHT, "One object, two addresses");

	cairo_rectangle(cr, 0, y, 10, height);
	set_color(cr, low ? second : first, 1);
	cairo_fill(cr);
	font(cr, "DejaVu Sans Mono", CAIRO_FONT_WEIGHT_NORMAL, 20);
	text(cr, 60, y + height / 2 + 22, LEFT, "drawn at 0x%012llx, %s",
	     (unsigned long long)(uintptr_t)(low ? demo->low : demo->high),
	     low ? "the duplicate" : "the driver's mapping");
}

/* The bands whose number is first modulo step. */
static void draw_bands(const struct demo *demo, uint8_t *memory, int start, int step)
{
	const struct screen *screen = &demo->screen;
	cairo_surface_t *surface;
	int band;

	surface = cairo_image_surface_create_for_data(memory, CAIRO_FORMAT_RGB24,
						      screen->mode.hdisplay, screen->mode.vdisplay,
						      screen->fb.pitch);
	for (band = start; band < BANDS; band += step) {
		cairo_t *cr = cairo_create(surface);

		cairo_scale(cr, screen->mode.hdisplay / LAYOUT_WIDTH,
			    screen->mode.vdisplay / LAYOUT_HEIGHT);
		draw_band(cr, demo, band);
		end_drawing(cr);
	}
	cairo_surface_finish(surface);
	cairo_surface_destroy(surface);
}

/* Is what the two drew together what one would have drawn? */
static void check_picture(const struct demo *demo)
{
	const struct screen *screen = &demo->screen;
	uint8_t *expected = calloc(1, screen->fb.size);

	if (!expected)
		die("no memory for a second picture");
	draw_bands(demo, expected, 0, 1);

	for (uint32_t y = 0; y < screen->mode.vdisplay; y++) {
		size_t row = (size_t)y * screen->fb.pitch, length = screen->mode.hdisplay * 4;

		if (memcmp(expected + row, demo->high + row, length))
			die("row %u is wrong at the high address", y);
		if (memcmp(expected + row, demo->low + row, length))
			die("row %u is wrong at the low address", y);
	}
	free(expected);
}

int main(void)
{
	struct demo demo = {};
	uint32_t fb;
	int ret;

	screen_open(&demo.screen, 0, 0);
	screen_create_framebuffer(&demo.screen);
	demo.other = placed_open("vgem");
	if (demo.other < 0)
		die("there is no second DRM device");

	demo.high = driver_maps(&demo.screen);
	demo.low = duplicate(&demo);
	draw_bands(&demo, demo.high, 0, 2);
	draw_bands(&demo, demo.low, 1, 2);
	check_picture(&demo);

	fb = screen_show(&demo.screen);
	ret = drmModeDirtyFB(demo.screen.fd, fb, NULL, 0);
	if (ret && ret != -ENOSYS)
		die("cannot flush the framebuffer: %s", strerror(-ret));

	printf("%s, one framebuffer of 0x%llx bytes at two addresses\n", PROGRAM,
	       (unsigned long long)demo.screen.fb.size);
	printf("  where the driver has mapped it    0x%012llx\n",
	       (unsigned long long)(uintptr_t)demo.high);
	printf("  duplicated below 4 GiB            0x%012llx\n",
	       (unsigned long long)(uintptr_t)demo.low);
	printf("  %d bands, drawn through the two in turn, are the same at both\n", BANDS);
	screen_stay();
}
