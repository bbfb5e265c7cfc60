// SPDX-License-Identifier: MIT
#include <math.h>

#include "expect.h"
#include "screen.h"

/* In pixels: GPUs have at least four bits behind the point, those here have eight. */
#define EDGE (1 / 32.0)
#define DEPTH 1e-5
/* Of 255, for rounding. */
#define SHADE 2

struct expect_pixel {
	uint32_t color;
	/* Of what is surely there, and of the nearest of what may be. */
	float depth, maybe;
};

void expect_start(struct expect *expect, unsigned int width, unsigned int height,
		  const uint32_t *picture, unsigned int stride)
{
	expect->width = width;
	expect->height = height;
	expect->pixels = calloc((size_t)width * height, sizeof(*expect->pixels));
	if (!expect->pixels)
		die("no memory for what to expect");
	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++)
			expect->pixels[y * width + x] = (struct expect_pixel){
				.color = picture[y * stride + x] & 0xffffff,
				.depth = INFINITY,
				.maybe = INFINITY,
			};
}

/*
 * One edge of a triangle: how far a point is on the inner side of it, in pixels, and how
 * much depth the corner beyond it has there.
 */
struct edge {
	double x, y, c, depth;
};

static void expect_at(struct expect_pixel *pixel, const struct edge edges[3], double x, double y,
		      uint32_t color)
{
	double distance = INFINITY, z = 0;

	for (int i = 0; i < 3; i++) {
		double inner = edges[i].x * x + edges[i].y * y + edges[i].c;

		if (inner < -EDGE)
			return;
		distance = fmin(distance, inner);
		z += inner * edges[i].depth;
	}
	if (z > pixel->depth + DEPTH)
		return;

	if (distance > EDGE && z < pixel->depth - DEPTH) {
		pixel->depth = z;
		pixel->color = color;
	} else {
		pixel->maybe = fmin(pixel->maybe, z);
	}
}

void expect_triangle(struct expect *expect, const double p[3][3], uint32_t color)
{
	int left = fmax(0, fmin(p[0][0], fmin(p[1][0], p[2][0])) - 1);
	int top = fmax(0, fmin(p[0][1], fmin(p[1][1], p[2][1])) - 1);
	int right = fmin(expect->width, fmax(p[0][0], fmax(p[1][0], p[2][0])) + 2);
	int bottom = fmin(expect->height, fmax(p[0][1], fmax(p[1][1], p[2][1])) + 2);
	struct edge edges[3];

	for (int i = 0; i < 3; i++) {
		const double *a = p[i], *b = p[(i + 1) % 3], *c = p[(i + 2) % 3];
		double dx = b[0] - a[0], dy = b[1] - a[1], length = hypot(dx, dy);
		double height = (dx * (c[1] - a[1]) - dy * (c[0] - a[0])) / length;
		double sign = height < 0 ? -1 : 1;

		/* Seen from its edge it is nothing. */
		if (!length || fabs(height) < 1e-9)
			return;
		edges[i] = (struct edge){
			.x = -dy / length * sign, .y = dx / length * sign,
			.c = (dy * a[0] - dx * a[1]) / length * sign,
			.depth = c[2] / fabs(height),
		};
	}

	for (int y = top; y < bottom; y++)
		for (int x = left; x < right; x++)
			expect_at(&expect->pixels[y * expect->width + x], edges, x + 0.5, y + 0.5,
				  color);
}

static bool differs(unsigned int have, uint32_t want)
{
	return abs((int)have - (int)(want & 0xff)) > SHADE;
}

unsigned int expect_compare(const struct expect *expect, const uint8_t *have, unsigned int bytes,
			    unsigned int red, const char *whose)
{
	size_t count = (size_t)expect->width * expect->height, unsure = 0;

	for (size_t i = 0; i < count; i++, have += bytes) {
		const struct expect_pixel *pixel = &expect->pixels[i];

		if (isfinite(pixel->maybe) && pixel->maybe <= pixel->depth + DEPTH)
			unsure++;
		else if (differs(have[red], pixel->color >> 16) ||
			 differs(have[1], pixel->color >> 8) ||
			 differs(have[2 - red], pixel->color))
			die("pixel %zu,%zu of %s is %02x%02x%02x and not %06x", i % expect->width,
			    i / expect->width, whose, have[red], have[1], have[2 - red],
			    pixel->color);
	}
	return unsure;
}

void expect_end(struct expect *expect)
{
	free(expect->pixels);
	expect->pixels = NULL;
}
