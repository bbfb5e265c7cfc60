/* SPDX-License-Identifier: MIT */
/*
 * What the screen should show, computed by the CPU: flat triangles before a picture.
 * GPUs may round the edges of triangles as they like, within limits. Pixels that this
 * decides are not compared.
 */
#ifndef EXPECT_H
#define EXPECT_H

#include <stddef.h>
#include <stdint.h>

struct expect {
	unsigned int width, height;
	struct expect_pixel *pixels;
};

/* The picture is of 32 bit pixels, in rows of this many. */
void expect_start(struct expect *expect, unsigned int width, unsigned int height,
		  const uint32_t *picture, unsigned int stride);

/* x and y in pixels from the top left corner, z smaller if it is nearer; 0xrrggbb. */
void expect_triangle(struct expect *expect, const double points[3][3], uint32_t color);

/*
 * Compare with what there is, of which each pixel is so many bytes, red at red, blue at
 * 2 - red. Dies if a pixel is wrong. Returns how many were not compared.
 */
unsigned int expect_compare(const struct expect *expect, const uint8_t *have, unsigned int bytes,
			    unsigned int red, const char *whose);

void expect_end(struct expect *expect);

#endif
