// SPDX-License-Identifier: GPL-2.0 OR MIT

#include <linux/export.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include <drm/drm_rect.h>

#include <kunit/visibility.h>

#include "drm_placed_rows.h"

/**
 * DOC: from bytes to rectangles
 *
 * What was stored to a framebuffer is known by pages, and what a device is told of are
 * rectangles. A run of pages is the end of a row, whole rows, and the start of another,
 * each of which is a rectangle. Where it does no harm to say more than was stored, whole
 * rows will do, in one rectangle.
 *
 * Pure C, without locks or memory of its own.
 */

static void add(struct drm_rect *rects, unsigned int *n, u32 x, u32 y, u32 width, u32 height)
{
	rects[(*n)++] = DRM_RECT_INIT(x, y, width, height);
}

/**
 * drm_placed_rows_rects - which pixels are in a range of bytes?
 * @rows: how the bytes are pixels
 * @start: first byte
 * @end: end (exclusive) of the range
 * @exact: the rectangles have no pixels but those, even if that takes more of them
 * @rects: out: room for %DRM_PLACED_ROWS_RECTS of them
 *
 * Bytes between the rows, and behind the last, are no pixels. A pixel counts if one of
 * its bytes is in the range.
 *
 * Return: the number of rectangles, which do not overlap: at most 1 without @exact.
 */
unsigned int drm_placed_rows_rects(const struct drm_placed_rows *rows, u64 start, u64 end,
				   bool exact, struct drm_rect *rects)
{
	u32 top, bottom, head, tail;
	unsigned int n = 0;

	end = min_t(u64, end, (u64)rows->pitch * rows->height);
	if (start >= end || !rows->width)
		return 0;

	top = div_u64_rem(start, rows->pitch, &head);
	bottom = div_u64_rem(end - 1, rows->pitch, &tail);
	head /= rows->cpp;
	tail = min(tail / rows->cpp + 1, rows->width);

	if (head >= rows->width) {
		head = 0;
		if (top++ == bottom)
			return 0;
	}

	if (top == bottom) {
		add(rects, &n, head, top, tail - head, 1);
		return n;
	}

	if (exact && head) {
		add(rects, &n, head, top, rows->width - head, 1);
		top++;
	}
	if (exact && tail < rows->width) {
		add(rects, &n, 0, bottom, tail, 1);
		bottom--;
	}
	if (top <= bottom)
		add(rects, &n, 0, top, rows->width, bottom - top + 1);
	return n;
}
EXPORT_SYMBOL_GPL(drm_placed_rows_rects);
