/* SPDX-License-Identifier: MIT */
/* What the programs of the demo share: a screen, a brush, and how to give up. */
#ifndef SCREEN_H
#define SCREEN_H

#include <cairo.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "placed_device.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PROGRAM (sizeof(void *) == 8 ? "64-bit program" : "i386 program")

/* Pictures are laid out in these units, whatever the mode. */
#define LAYOUT_WIDTH 1280.0
#define LAYOUT_HEIGHT 800.0

/* Say so and exit. */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...);

/* 1234567 as 1,234,567 */
const char *grouped(uint64_t value, char out[32]);

/* The screen */

struct screen {
	int fd;
	uint32_t connector, crtc;
	drmModeModeInfo mode;

	struct drm_mode_create_dumb fb;
	uint64_t fake_offset;
};

/* Take the first connected screen, in its mode of this size or in its preferred one. */
void screen_open(struct screen *screen, int width, int height);
void screen_create_framebuffer(struct screen *screen);
/* Show the framebuffer. Returns its id. */
uint32_t screen_show(struct screen *screen);
/* What the host sees on the screen: red, green, blue of each pixel, row by row. To be freed. */
uint8_t *screen_dump(const struct screen *screen);
/* Stay in the background for ever, for the screen to stay as it is. */
void __attribute__((noreturn)) screen_stay(void);

/* The brush */

struct color {
	double r, g, b;
};

extern const struct color ink, dim, first, second;

enum align { LEFT, CENTER, RIGHT };

void set_color(cairo_t *cr, struct color color, double alpha);
void font(cairo_t *cr, const char *family, cairo_font_weight_t weight, double size);
void __attribute__((format(printf, 5, 6)))
text(cairo_t *cr, double x, double y, enum align align, const char *format, ...);

/* A night sky over the whole layout. */
void draw_background(cairo_t *cr);
/* A cut gem, 300 units wide. */
void draw_cut_gem(cairo_t *cr);
/* The same in rings. */
void draw_gem(cairo_t *cr, double x, double y);

/* The triangles that the gem is drawn of. */
#define CUT_GEM_FACETS 8

struct facet {
	double points[3][2];
	double light;
};

extern const struct facet cut_gem[CUT_GEM_FACETS];

struct color facet_color(double light);

/* Dies if the drawing has failed. */
void end_drawing(cairo_t *cr);

#endif
