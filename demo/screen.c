// SPDX-License-Identifier: MIT
#include <math.h>
#include <signal.h>
#include <stdarg.h>

#include "placed_host.h"
#include "screen.h"

/* Seconds that the host is waited for. */
#define PATIENCE 60

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

const char *grouped(uint64_t value, char out[32])
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	char *to = out;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = 0;

	return out;
}

/* The screen */

static uint32_t crtc_for(int fd, const drmModeRes *res, const drmModeConnector *connector)
{
	for (int i = 0; i < connector->count_encoders; i++) {
		drmModeEncoder *encoder = drmModeGetEncoder(fd, connector->encoders[i]);
		uint32_t crtcs = encoder ? encoder->possible_crtcs : 0;

		drmModeFreeEncoder(encoder);
		for (int j = 0; j < res->count_crtcs; j++)
			if (crtcs & (1u << j))
				return res->crtcs[j];
	}

	return 0;
}

/* The mode of this size, or the preferred one, or any. */
static drmModeModeInfo pick_mode(const drmModeConnector *connector, int width, int height)
{
	drmModeModeInfo mode = connector->modes[0];

	for (int i = connector->count_modes - 1; i >= 0; i--)
		if (connector->modes[i].type & DRM_MODE_TYPE_PREFERRED)
			mode = connector->modes[i];
	for (int i = connector->count_modes - 1; i >= 0; i--)
		if (connector->modes[i].hdisplay == width && connector->modes[i].vdisplay == height)
			mode = connector->modes[i];

	return mode;
}

static void pick_screen(struct screen *screen, int width, int height)
{
	drmModeRes *res = drmModeGetResources(screen->fd);

	if (!res)
		die("this device has no screens: %s", strerror(errno));

	for (int i = 0; i < res->count_connectors && !screen->crtc; i++) {
		drmModeConnector *connector = drmModeGetConnector(screen->fd, res->connectors[i]);

		if (connector && connector->connection == DRM_MODE_CONNECTED &&
		    connector->count_modes) {
			screen->connector = connector->connector_id;
			screen->mode = pick_mode(connector, width, height);
			screen->crtc = crtc_for(screen->fd, res, connector);
		}
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(res);

	if (!screen->crtc)
		die("no screen is connected");
}

void screen_open(struct screen *screen, int width, int height)
{
	screen->fd = placed_open(placed_gpu());
	if (screen->fd < 0)
		die("no %s device: run it with scripts/run", placed_gpu());
	/* As the first to open the device, unless someone else was. */
	if (!drmIsMaster(screen->fd))
		die("another program has the screen");

	pick_screen(screen, width, height);
}

void screen_create_framebuffer(struct screen *screen)
{
	int ret;

	screen->fb.bpp = 32;
	screen->fb.height = screen->mode.vdisplay;
	/* Multiples of 64 pixels, for a page to start at every 16th row at least. */
	screen->fb.width = (screen->mode.hdisplay + 63u) & ~63u;
	ret = placed_ioctl(screen->fd, DRM_IOCTL_MODE_CREATE_DUMB, &screen->fb);
	if (ret)
		die("cannot create a framebuffer: %s", strerror(-ret));

	ret = placed_fake_offset(screen->fd, screen->fb.handle, &screen->fake_offset);
	if (ret)
		die("no offset for mmap(): %s", strerror(-ret));
}

uint32_t screen_show(struct screen *screen)
{
	uint32_t fb;
	int ret = drmModeAddFB(screen->fd, screen->mode.hdisplay, screen->mode.vdisplay, 24, 32,
			       screen->fb.pitch, screen->fb.handle, &fb);

	if (ret)
		die("cannot add the framebuffer: %s", strerror(-ret));

	ret = drmModeSetCrtc(screen->fd, screen->crtc, fb, 0, 0, &screen->connector, 1,
			     &screen->mode);
	if (ret)
		die("cannot set the mode: %s", strerror(-ret));

	return fb;
}

uint8_t *screen_dump(const struct screen *screen)
{
	unsigned int width, height;
	int port = placed_open_host(), start = 0, ret;
	char answer[256];
	uint8_t *file;
	size_t size;

	if (port < 0)
		die("nobody to ask for a screendump: run it in scripts/guest");
	ret = placed_ask_port(port, "screendump", answer, sizeof(answer), PATIENCE);
	if (ret || sscanf(answer, "go %zu", &size) != 1 || size > 1u << 30)
		die("no screendump: %s", ret ? strerror(-ret) : answer);
	file = calloc(1, size + 1);
	if (!file)
		die("no memory for a screendump");
	ret = placed_read_host(port, file, size, PATIENCE);
	if (ret)
		die("no screendump: %s", strerror(-ret));
	close(port);

	/* One white space, and no more than that: the next byte may look like one. */
	if (sscanf((char *)file, "P6 %u %u 255%n", &width, &height, &start) != 2 || !start++ ||
	    start + width * height * 3ull != size)
		die("the screendump is no picture");
	if (width != screen->mode.hdisplay || height != screen->mode.vdisplay)
		die("the screen has %ux%u pixels and not %ux%u", width, height,
		    screen->mode.hdisplay, screen->mode.vdisplay);
	memmove(file, file + start, size - start);
	return file;
}

/* The screen goes blank when the last process with the device open ends. */
void screen_stay(void)
{
	/* The guest's first process takes the terminal away with it. */
	signal(SIGHUP, SIG_IGN);
	if (fflush(stdout) || daemon(1, 0))
		die("cannot stay: %s", strerror(errno));
	for (;;)
		pause();
}

/* The brush */

const struct color ink = { 0.93, 0.95, 0.98 };
const struct color dim = { 0.62, 0.68, 0.78 };
const struct color first = { 0.36, 0.78, 0.98 };
const struct color second = { 1.00, 0.70, 0.28 };

void set_color(cairo_t *cr, struct color color, double alpha)
{
	cairo_set_source_rgba(cr, color.r, color.g, color.b, alpha);
}

void text(cairo_t *cr, double x, double y, enum align align, const char *format, ...)
{
	cairo_text_extents_t extents;
	char line[160];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);

	cairo_text_extents(cr, line, &extents);
	cairo_move_to(cr, x - extents.x_advance * align / 2, y);
	cairo_show_text(cr, line);
}

void font(cairo_t *cr, const char *family, cairo_font_weight_t weight, double size)
{
	cairo_select_font_face(cr, family, CAIRO_FONT_SLANT_NORMAL, weight);
	cairo_set_font_size(cr, size);
}

void draw_background(cairo_t *cr)
{
	cairo_pattern_t *sky = cairo_pattern_create_linear(0, 0, LAYOUT_WIDTH, LAYOUT_HEIGHT);

	cairo_pattern_add_color_stop_rgb(sky, 0, 0.05, 0.07, 0.14);
	cairo_pattern_add_color_stop_rgb(sky, 0.55, 0.10, 0.13, 0.26);
	cairo_pattern_add_color_stop_rgb(sky, 1, 0.20, 0.10, 0.26);
	cairo_set_source(cr, sky);
	cairo_paint(cr);
	cairo_pattern_destroy(sky);

	cairo_set_line_width(cr, 1);
	set_color(cr, ink, 0.05);
	for (double x = -LAYOUT_HEIGHT; x < LAYOUT_WIDTH; x += 40) {
		cairo_move_to(cr, x, LAYOUT_HEIGHT);
		cairo_line_to(cr, x + LAYOUT_HEIGHT, 0);
	}
	cairo_stroke(cr);
}

const struct facet cut_gem[CUT_GEM_FACETS] = {
	/* Below the girdle, and above it. */
	{ { { -150, -60 }, { -60, -60 }, { 0, 140 } }, 0.35 },
	{ { { -150, -60 }, { -60, -60 }, { -85, -125 } }, 0.85 },
	{ { { -60, -60 }, { 60, -60 }, { 0, 140 } }, 0.75 },
	{ { { -60, -60 }, { 60, -60 }, { 0, -125 } }, 0.55 },
	{ { { 60, -60 }, { 150, -60 }, { 0, 140 } }, 0.10 },
	{ { { 60, -60 }, { 150, -60 }, { 85, -125 } }, 0.30 },
	/* The stars between these. */
	{ { { -85, -125 }, { 0, -125 }, { -60, -60 } }, 1.0 },
	{ { { 0, -125 }, { 85, -125 }, { 60, -60 } }, 0.45 },
};

struct color facet_color(double light)
{
	return (struct color){ 0.20 + 0.35 * light, 0.35 + 0.55 * light, 0.70 + 0.30 * light };
}

void draw_cut_gem(cairo_t *cr)
{
	cairo_set_line_width(cr, 1.5);
	cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
	for (int i = 0; i < CUT_GEM_FACETS; i++) {
		const struct facet *facet = &cut_gem[i];

		cairo_move_to(cr, facet->points[0][0], facet->points[0][1]);
		for (int j = 1; j < 3; j++)
			cairo_line_to(cr, facet->points[j][0], facet->points[j][1]);
		cairo_close_path(cr);
		set_color(cr, facet_color(facet->light), 1);
		cairo_fill_preserve(cr);
		cairo_set_source_rgba(cr, 1, 1, 1, 0.35);
		cairo_stroke(cr);
	}
}

void draw_gem(cairo_t *cr, double x, double y)
{
	cairo_save(cr);
	cairo_translate(cr, x, y);

	cairo_set_line_width(cr, 3);
	for (int i = 0; i < 5; i++) {
		set_color(cr, i % 2 ? second : first, 0.55 - 0.08 * i);
		cairo_new_path(cr);
		cairo_arc(cr, 0, 0, 178 + 13 * i, 0, 2 * M_PI);
		cairo_stroke(cr);
	}

	draw_cut_gem(cr);
	cairo_restore(cr);
}

void end_drawing(cairo_t *cr)
{
	cairo_status_t status = cairo_status(cr);

	cairo_destroy(cr);
	if (status)
		die("cannot draw: %s", cairo_status_to_string(status));
}
