/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _DRM_PLACED_ROWS_H_
#define _DRM_PLACED_ROWS_H_

#include <linux/types.h>

struct drm_rect;

/* The most rectangles that a range of bytes becomes. */
#define DRM_PLACED_ROWS_RECTS	3

/**
 * struct drm_placed_rows - how the bytes of a buffer are pixels
 *
 * From the first byte on. Plain data.
 */
struct drm_placed_rows {
	/** @pitch: from one row to the next, in bytes; at least @width times @cpp. */
	u32 pitch;

	/** @cpp: bytes of a pixel, not zero. */
	u32 cpp;

	/** @width: pixels in a row. */
	u32 width;

	/** @height: number of rows. */
	u32 height;
};

unsigned int drm_placed_rows_rects(const struct drm_placed_rows *rows, u64 start, u64 end,
				   bool exact, struct drm_rect *rects);

#endif
