// SPDX-License-Identifier: MIT
/*
 * A framebuffer drawn through two placed mappings: the whole of it somewhere
 * below 4 GiB, and from its middle on at an address the program chose, in an
 * address space with 50,000 mappings in the way.
 *
 * The upper half of the picture is drawn through the first mapping, the lower
 * half through the second: it comes out right only if both show the right
 * pages. The picture stays after the program has ended.
 */
#include <math.h>
#include <time.h>

#include "screen.h"

#define FRAGMENTS 50000

struct window {
	const char *name, *asked;
	struct drm_gem_mmap_placed args;
	uint64_t addr;
};

struct cost {
	const char *name;
	uint64_t median;
};

struct demo {
	struct screen screen;
	/* The first row of the lower half; it starts a page. */
	uint32_t seam;

	uint64_t fragments;
	int mappings;
	struct window whole, middle;
	struct cost placed, parsed;
};

static void find_seam(struct demo *demo)
{
	const struct drm_mode_create_dumb *fb = &demo->screen.fb;

	for (uint32_t row = 1; row <= fb->height / 2; row++)
		if (!((uint64_t)row * fb->pitch % PLACED_PAGE))
			demo->seam = row;
	if (!demo->seam)
		die("no row in the upper half starts a page, the pitch is %u", fb->pitch);
}

static void show(struct demo *demo)
{
	uint32_t fb = screen_show(&demo->screen);
	int ret = drmModeDirtyFB(demo->screen.fd, fb, NULL, 0);

	/* The device looks at what it is told has changed. */
	if (ret && ret != -ENOSYS)
		die("cannot flush the framebuffer: %s", strerror(-ret));
}

/* The mappings */

/* Free addresses below 4 GiB, lowest first from here on. */
static uint64_t find_free(uint64_t from, uint64_t length)
{
	for (uint64_t at = from; at + length <= PLACED_4G; at += 1 << 20)
		if (placed_is_free(at, at + length))
			return at;

	die("no %#llx free bytes below 4 GiB", (unsigned long long)length);
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t start, end;
	int count = 0;

	if (!maps)
		die("cannot read /proc/self/maps: %s", strerror(errno));
	while (placed_next_map(maps, &start, &end, NULL, 0))
		count++;
	fclose(maps);

	return count;
}

/*
 * At the bottom, so that every search from there has to pass them all: what is
 * left free below the first MiB is smaller than the framebuffer.
 */
static void fragment(struct demo *demo)
{
	int count;

	demo->fragments = find_free(1 << 20, FRAGMENTS * 2 * PLACED_PAGE);
	count = placed_fragment(demo->fragments, PLACED_PAGE, FRAGMENTS);
	if (count != FRAGMENTS)
		die("%d mappings instead of %d: %s", count, FRAGMENTS, strerror(errno));
}

static void map_window(struct demo *demo, struct window *window)
{
	struct drm_gem_mmap_placed args = window->args;
	int ret = placed_map(demo->screen.fd, &args);

	if (ret)
		die("cannot map %s %s: %s", window->name, window->asked, strerror(-ret));
	window->addr = args.addr;
}

static void map_windows(struct demo *demo)
{
	uint64_t offset = (uint64_t)demo->seam * demo->screen.fb.pitch;

	demo->whole = (struct window) {
		.name = "the whole framebuffer",
		.asked = "anywhere below 4 GiB",
		.args = {
			.handle = demo->screen.fb.handle,
			.flags = PLACED_RW,
			.length = demo->screen.fb.size,
			.range_end = PLACED_4G,
		},
	};
	map_window(demo, &demo->whole);
	if (demo->whole.addr + demo->screen.fb.size > PLACED_4G)
		die("%#llx is not below 4 GiB", (unsigned long long)demo->whole.addr);

	demo->middle = (struct window) {
		.name = "from the middle on",
		.asked = "at exactly this address",
		.args = {
			.handle = demo->screen.fb.handle,
			.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE,
			.offset = offset,
			.length = demo->screen.fb.size - offset,
			.addr = find_free(0xc0000000, demo->screen.fb.size - offset),
		},
	};
	map_window(demo, &demo->middle);
	if (demo->middle.addr != demo->middle.args.addr)
		die("asked for %#llx, got %#llx", (unsigned long long)demo->middle.args.addr,
		    (unsigned long long)demo->middle.addr);
}

/* What a search costs */

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void search_placed(struct demo *demo)
{
	struct drm_gem_mmap_placed args = demo->whole.args;
	int ret = placed_map(demo->screen.fd, &args);

	if (ret)
		die("cannot map the framebuffer again: %s", strerror(-ret));
	munmap(placed_ptr(args.addr), args.length);
}

/* A reader of /proc/self/maps with no stdio in its way. */
struct reader {
	int fd;
	char buffer[65536];
	size_t at, length;
};

static int next_char(struct reader *reader)
{
	if (reader->at == reader->length) {
		ssize_t length = read(reader->fd, reader->buffer, sizeof(reader->buffer));

		if (length <= 0)
			return -1;
		reader->length = length;
		reader->at = 0;
	}

	return (unsigned char)reader->buffer[reader->at++];
}

static int next_hex(struct reader *reader, uint64_t *value)
{
	int c;

	*value = 0;
	while ((c = next_char(reader)) >= 0) {
		if (c >= '0' && c <= '9')
			*value = *value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (c - 'a' + 10);
		else
			break;
	}

	return c;
}

/* The lowest gap. Stops there. */
static uint64_t parse_for_gap(uint64_t lowest, uint64_t length)
{
	static struct reader reader;
	uint64_t start, end, gap = lowest;
	int c;

	reader.at = reader.length = 0;
	reader.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (reader.fd < 0)
		die("cannot read /proc/self/maps: %s", strerror(errno));

	while (next_hex(&reader, &start) == '-') {
		if (start >= gap + length)
			break;
		next_hex(&reader, &end);
		if (end > gap)
			gap = end;
		do
			c = next_char(&reader);
		while (c >= 0 && c != '\n');
	}
	close(reader.fd);

	return gap;
}

static void search_parsed(struct demo *demo)
{
	uint64_t length = demo->screen.fb.size;
	uint64_t gap = parse_for_gap(0x10000, length);
	void *at;

	if (gap + length > PLACED_4G)
		die("/proc/self/maps shows no gap below 4 GiB");
	at = mmap(placed_ptr(gap), length, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED_NOREPLACE, demo->screen.fd, demo->screen.fake_offset);
	if (at != placed_ptr(gap))
		die("cannot map the gap found in /proc/self/maps: %s", strerror(errno));
	munmap(at, length);
}

static int compare_costs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median_cost(struct demo *demo, void (*search)(struct demo *demo), int count)
{
	uint64_t costs[101];

	/* Once for the caches. */
	search(demo);
	for (int i = 0; i < count; i++) {
		uint64_t start = now();

		search(demo);
		costs[i] = now() - start;
	}
	qsort(costs, count, sizeof(costs[0]), compare_costs);

	return costs[count / 2];
}

static void measure(struct demo *demo)
{
	demo->placed.name = "DRM_IOCTL_GEM_MMAP_PLACED";
	demo->placed.median = median_cost(demo, search_placed, 101);
	demo->parsed.name = "parse /proc/self/maps, mmap()";
	demo->parsed.median = median_cost(demo, search_parsed, 5);
}

static const char *unit(void)
{
	const char *icount = getenv("PLACED_ICOUNT");

	return icount && !strcmp(icount, "1") ? "instructions" : "ns";
}

/* The picture. It knows nothing of halves: what is outside is clipped. */

static void draw_title(cairo_t *cr, const struct demo *demo)
{
	char mappings[32];

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 58);
	set_color(cr, ink, 1);
	text(cr, 60, 92, LEFT, "Placed GEM");

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 20);
	set_color(cr, dim, 1);
	text(cr, 62, 130, LEFT, "One framebuffer, two mappings, each where the program asked for it.");

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 20);
	set_color(cr, ink, 1);
	text(cr, 1220, 80, RIGHT, "%s", PROGRAM);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 20);
	set_color(cr, dim, 1);
	text(cr, 1220, 108, RIGHT, "%s mappings", grouped(demo->mappings, mappings));
}

static void draw_panel(cairo_t *cr, const struct demo *demo, const struct window *window,
		       struct color color, double y)
{
	const struct drm_gem_mmap_placed *args = &window->args;
	char mappings[32];

	cairo_rectangle(cr, 60, y, 640, 200);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.35);
	cairo_fill(cr);
	cairo_rectangle(cr, 60, y, 6, 200);
	set_color(cr, color, 1);
	cairo_fill(cr);

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 19);
	text(cr, 88, y + 36, LEFT, "Drawn through the %s mapping:",
	     window == &demo->whole ? "first" : "second");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 19);
	set_color(cr, ink, 1);
	text(cr, 88, y + 64, LEFT, "%s, %s", window->name, window->asked);

	font(cr, "DejaVu Sans Mono", CAIRO_FONT_WEIGHT_NORMAL, 18);
	text(cr, 88, y + 102, LEFT, "address 0x%08llx", (unsigned long long)window->addr);
	text(cr, 88, y + 128, LEFT, "offset  0x%08llx", (unsigned long long)args->offset);
	text(cr, 88, y + 154, LEFT, "length  0x%08llx", (unsigned long long)args->length);
	set_color(cr, dim, 1);
	text(cr, 88, y + 180, LEFT, "%s, %s mappings in the process", PROGRAM,
	     grouped(demo->mappings, mappings));
}

static void draw_seam(cairo_t *cr, const struct demo *demo, double y)
{
	static const double dashes[] = { 6, 6 };

	font(cr, "DejaVu Sans Mono", CAIRO_FONT_WEIGHT_NORMAL, 13);
	set_color(cr, dim, 1);
	text(cr, 62, y - 7, LEFT, "row %u is the last drawn through the first mapping", demo->seam - 1);
	text(cr, 62, y + 16, LEFT, "row %u, at offset 0x%llx, is the first drawn through the second",
	     demo->seam, (unsigned long long)demo->middle.args.offset);

	cairo_set_dash(cr, dashes, ARRAY_SIZE(dashes), 0);
	cairo_set_line_width(cr, 1);
	set_color(cr, ink, 0.6);
	cairo_move_to(cr, 0, y + 0.5);
	cairo_line_to(cr, LAYOUT_WIDTH, y + 0.5);
	cairo_stroke(cr);
	cairo_set_dash(cr, NULL, 0, 0);
}

#define BAR_X 60.0
#define BAR_Y 704.0
#define BAR_WIDTH 1160.0
#define BAR_HEIGHT 34.0

static double bar_x(uint64_t addr)
{
	return BAR_X + BAR_WIDTH * addr / PLACED_4G;
}

/* To scale a window is a hair, so it gets a flag. */
static void draw_flag(cairo_t *cr, const struct window *window, struct color color,
		      const char *name)
{
	double x = bar_x(window->addr);
	double width = bar_x(window->addr + window->args.length) - x;

	set_color(cr, color, 1);
	cairo_rectangle(cr, x, BAR_Y - 20, fmax(width, 2), BAR_HEIGHT + 20);
	cairo_fill(cr);
	cairo_move_to(cr, x, BAR_Y - 20);
	cairo_line_to(cr, x + 14, BAR_Y - 14);
	cairo_line_to(cr, x, BAR_Y - 8);
	cairo_fill(cr);

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 15);
	text(cr, x + 20, BAR_Y - 9, LEFT, "%s: 0x%08llx", name, (unsigned long long)window->addr);
}

static void draw_address_space(cairo_t *cr, const struct demo *demo)
{
	double from = bar_x(demo->fragments);
	double to = bar_x(demo->fragments + FRAGMENTS * 2 * PLACED_PAGE);
	char count[32];

	cairo_rectangle(cr, BAR_X, BAR_Y, BAR_WIDTH, BAR_HEIGHT);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.35);
	cairo_fill_preserve(cr);
	cairo_set_line_width(cr, 1);
	set_color(cr, dim, 0.8);
	cairo_stroke(cr);

	set_color(cr, dim, 0.45);
	for (double x = ceil(from) + 0.5; x < to; x += 2) {
		cairo_move_to(cr, x, BAR_Y);
		cairo_line_to(cr, x, BAR_Y + BAR_HEIGHT);
	}
	cairo_stroke(cr);

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 14);
	set_color(cr, dim, 1);
	text(cr, from, BAR_Y + 78, LEFT, "%s mappings in the way", grouped(FRAGMENTS, count));
	text(cr, BAR_X, BAR_Y + 56, LEFT, "0");
	text(cr, bar_x(1ull << 30), BAR_Y + 56, CENTER, "1 GiB");
	text(cr, bar_x(2ull << 30), BAR_Y + 56, CENTER, "2 GiB");
	text(cr, bar_x(3ull << 30), BAR_Y + 56, CENTER, "3 GiB");
	text(cr, BAR_X + BAR_WIDTH, BAR_Y + 56, RIGHT, "4 GiB");

	draw_flag(cr, &demo->whole, first, "first");
	draw_flag(cr, &demo->middle, second, "second");
}

static void draw_picture(cairo_t *cr, const struct demo *demo)
{
	double scale = demo->screen.mode.vdisplay / LAYOUT_HEIGHT;

	cairo_scale(cr, demo->screen.mode.hdisplay / LAYOUT_WIDTH, scale);
	draw_background(cr);
	draw_gem(cr, 975, 395);
	draw_title(cr, demo);
	draw_panel(cr, demo, &demo->whole, first, 175);
	draw_panel(cr, demo, &demo->middle, second, 425);
	draw_seam(cr, demo, demo->seam / scale);
	draw_address_space(cr, demo);
}

/* Draw the rows from this one on to where they are in memory. */
static void draw_rows(const struct demo *demo, void *memory, uint32_t row, uint32_t rows)
{
	cairo_surface_t *surface;
	cairo_t *cr;

	surface = cairo_image_surface_create_for_data(memory, CAIRO_FORMAT_RGB24,
						      demo->screen.mode.hdisplay, rows, demo->screen.fb.pitch);
	cr = cairo_create(surface);
	cairo_translate(cr, 0, -(double)row);
	draw_picture(cr, demo);
	end_drawing(cr);
	cairo_surface_finish(surface);
	cairo_surface_destroy(surface);
}

static void draw_halves(const struct demo *demo, void *upper, void *lower)
{
	draw_rows(demo, upper, 0, demo->seam);
	draw_rows(demo, lower, demo->seam, demo->screen.fb.height - demo->seam);
}

/*
 * Does a plain mapping of the object show, in both halves, what the same
 * drawing leaves in ordinary memory?
 */
static void check_picture(const struct demo *demo)
{
	uint64_t offset = demo->middle.args.offset;
	uint8_t *expected = calloc(1, demo->screen.fb.size);
	uint8_t *plain = mmap(NULL, demo->screen.fb.size, PROT_READ, MAP_SHARED, demo->screen.fd,
			      demo->screen.fake_offset);

	if (!expected || plain == MAP_FAILED)
		die("cannot map the framebuffer to check it: %s", strerror(errno));
	draw_halves(demo, expected, expected + offset);

	for (uint32_t y = 0; y < demo->screen.mode.vdisplay; y++) {
		const uint32_t *want = (const void *)(expected + (size_t)y * demo->screen.fb.pitch);
		const uint32_t *have = (const void *)(plain + (size_t)y * demo->screen.fb.pitch);

		for (uint32_t x = 0; x < demo->screen.mode.hdisplay; x++)
			if ((want[x] ^ have[x]) & 0xffffff)
				die("pixel %u,%u, in the half drawn through %s, is %06x and not %06x", x, y,
				    y < demo->seam ? demo->whole.name : demo->middle.name,
				    have[x] & 0xffffff, want[x] & 0xffffff);
	}

	munmap(plain, demo->screen.fb.size);
	free(expected);
}

/* What came of it, in words */

static void print_window(const struct window *window)
{
	const struct drm_gem_mmap_placed *args = &window->args;
	bool exact = args->flags & DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE;
	char range[64];

	if (exact)
		snprintf(range, sizeof(range), "at 0x%llx", (unsigned long long)args->addr);
	else
		snprintf(range, sizeof(range), "0x%llx-0x%llx",
			 (unsigned long long)args->range_start,
			 (unsigned long long)args->range_end);

	printf("  %-16s %#-9llx %#-9llx %-27s 0x%08llx\n", range,
	       (unsigned long long)args->offset, (unsigned long long)args->length,
	       exact ? "READ|WRITE|FIXED_NOREPLACE" : "READ|WRITE",
	       (unsigned long long)window->addr);
}

static void print_cost(const struct cost *cost)
{
	char value[32];

	printf("  %-32s %15s %s\n", cost->name, grouped(cost->median, value), unit());
}

static void print_report(const struct demo *demo)
{
	char mappings[32];

	printf("%s, %ux%u framebuffer, %s mappings in the process\n", PROGRAM,
	       demo->screen.mode.hdisplay, demo->screen.mode.vdisplay,
	       grouped(demo->mappings, mappings));
	printf("  %-16s %-9s %-9s %-27s %s\n", "asked: range", "offset", "length", "flags",
	       "given: address");
	print_window(&demo->whole);
	print_window(&demo->middle);
	printf("to find room for it below 4 GiB, map and unmap it (median)\n");
	print_cost(&demo->placed);
	print_cost(&demo->parsed);
	printf("  %llu times as much\n",
	       (unsigned long long)(demo->parsed.median / (demo->placed.median ?: 1)));
}

int main(void)
{
	struct demo demo = {};

	screen_open(&demo.screen, 0, 0);
	screen_create_framebuffer(&demo.screen);
	find_seam(&demo);
	fragment(&demo);
	map_windows(&demo);
	measure(&demo);

	demo.mappings = count_mappings();
	draw_halves(&demo, placed_ptr(demo.whole.addr), placed_ptr(demo.middle.addr));
	check_picture(&demo);
	show(&demo);

	print_report(&demo);

	/* Not to be copied by the fork. */
	munmap(placed_ptr(demo.fragments), FRAGMENTS * 2 * PLACED_PAGE);
	screen_stay();
}
