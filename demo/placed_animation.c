// SPDX-License-Identifier: MIT
/*
 * Usage: placed_animation HEAT-MAP.png
 *
 * An animation that is drawn by nothing but stores to a coherent mapping of the
 * framebuffer: no page flips, no DIRTYFB, no transfers. Each frame waits until
 * the kernel has found and sent what the frame before has written.
 *
 * The program knows which pages it writes, and the kernel's trace events say
 * which pages were sent and how each chunk of pages is watched. Every page that
 * was written has to be sent in the same frame; the heat map shows them all. The
 * last frame stays on the screen after the program has ended.
 */
#include <math.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "screen.h"

#define TRACE "/sys/kernel/tracing/instances/placed_animation"

/* What the kernel decides for as a whole, in pages: what a page table maps. */
#define CHUNK 512
#define MAX_CHUNKS 64

#define PATIENCE 10000000000ull

/* Of a page, in a frame. */
#define WRITTEN (1 << 0)
#define SENT (1 << 1)
#define FAULTED (1 << 2)

enum state { COLD, HOT, HUGE_ENTRY, STATES };

struct frame {
	uint8_t *pages;
	uint8_t states[MAX_CHUNKS];
	unsigned int written, sent, transfers, faults, collections;
};

/* The kernel's own count, from fdinfo. */
struct counters {
	unsigned long long faults, collections, sent, transfers;
};

#define REDRAWS 10

struct animation {
	struct screen screen;
	cairo_surface_t *surface;
	cairo_t *cr;

	/* What to draw, made in advance: a frame shall be stores and little else. */
	cairo_surface_t *before, *redraws[REDRAWS], *gem, *spark;
	int gem_x, gem_y;
	uint32_t seed;

	unsigned int pages, chunks, count;
	struct frame *frames, *frame;

	int trace;
	char line[512];
	size_t line_length;
	uint8_t states[MAX_CHUNKS];
	/* As of the last event: no page is open, so nothing is looked at. */
	bool idle;
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static unsigned int chunk_pages(const struct animation *a, unsigned int chunk)
{
	return chunk < a->chunks - 1 ? CHUNK : a->pages - chunk * CHUNK;
}

/* What the kernel says */

static void write_trace(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write %s to %s: %s", text, path, strerror(errno));
	close(fd);
}

static void start_trace(struct animation *a)
{
	static const char * const events[] = { "transfer", "fault", "chunk", "collect" };
	char file[64];

	if (mkdir(TRACE, 0700) && errno != EEXIST)
		die("cannot create %s: %s", TRACE, strerror(errno));
	/* Whoever polls is to be woken by every event, not by a half full buffer. */
	write_trace("buffer_percent", "0");
	write_trace("trace", "");
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(file, sizeof(file), "events/drm_placed/drm_placed_%s/enable", events[i]);
		write_trace(file, "1");
	}

	a->trace = open(TRACE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (a->trace < 0)
		die("cannot read %s/trace_pipe: %s", TRACE, strerror(errno));
}

static void stop_trace(struct animation *a)
{
	write_trace("events/enable", "0");
	close(a->trace);
	rmdir(TRACE);
}

static uint8_t *traced_pages(struct animation *a, unsigned long first, unsigned long count)
{
	if (first + count > a->pages || !count)
		die("the trace has pages %lu to %lu of %u", first, first + count - 1, a->pages);
	return a->frame->pages + first;
}

static void handle_transfer(struct animation *a, unsigned long first, unsigned long count)
{
	uint8_t *pages = traced_pages(a, first, count);

	for (unsigned long i = 0; i < count; i++)
		pages[i] |= SENT;
	a->frame->sent += count;
	a->frame->transfers++;
}

/* A fault that opens all of a cold chunk makes it hot; others change no state. */
static void handle_fault(struct animation *a, unsigned long page, unsigned long count)
{
	unsigned long chunk = page / CHUNK;

	*traced_pages(a, page, 1) |= FAULTED;
	if (count == chunk_pages(a, chunk) && a->states[chunk] == COLD)
		a->states[chunk] = HOT;
	a->frame->faults++;
	a->idle = false;
}

static void handle_chunk(struct animation *a, unsigned long chunk, const char *to)
{
	if (chunk >= a->chunks)
		die("the trace has chunk %lu of %u", chunk, a->chunks);
	a->states[chunk] = !strcmp(to, "cold") ? COLD : !strcmp(to, "hot") ? HOT : HUGE_ENTRY;
}

/*
 * Is what the events before have made of the chunks what the kernel thinks? It
 * counts those that have open pages, as every hot chunk has.
 */
static void handle_collect(struct animation *a, unsigned int cold, unsigned int hot,
			   unsigned int huge)
{
	unsigned int states[STATES] = {};

	for (unsigned int i = 0; i < a->chunks; i++)
		states[a->states[i]]++;
	if (states[HOT] != hot || states[HUGE_ENTRY] < huge)
		die("the events make %u chunks hot and %u huge, the kernel counts %u and %u",
		    states[HOT], states[HUGE_ENTRY], hot, huge);

	a->frame->collections++;
	a->idle = !(cold + hot + huge);
}

static void handle_line(struct animation *a, const char *line)
{
	const char *event = strstr(line, ": drm_placed_");
	unsigned long object, first, count, page;
	unsigned int cold, hot, huge;
	char to[8];

	if (strstr(line, "LOST"))
		die("events were lost: %s", line);
	if (!event || sscanf(event, ": %*s object=0x%lx", &object) != 1 ||
	    object != a->screen.fake_offset / PLACED_PAGE)
		return;

	if (sscanf(event, ": drm_placed_transfer: %*s first=%lu count=%lu", &first, &count) == 2)
		handle_transfer(a, first, count);
	else if (sscanf(event, ": drm_placed_fault: %*s page=%lu first=%lu count=%lu",
			&page, &first, &count) == 3)
		handle_fault(a, page, count);
	else if (sscanf(event, ": drm_placed_chunk: %*s chunk=%lu from=%*s to=%7s",
			&first, to) == 2)
		handle_chunk(a, first, to);
	else if (sscanf(event, ": drm_placed_collect: %*s dirty=%*s sent=%*s runs=%*s changes=%*s"
			" cold=%u hot=%u huge=%u", &cold, &hot, &huge) == 3)
		handle_collect(a, cold, hot, huge);
	else
		die("not understood: %s", event);
}

/* All events that there are, for the frame that is drawn. */
static void read_trace(struct animation *a)
{
	char buffer[4096];
	ssize_t length;

	while ((length = read(a->trace, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < length; i++) {
			if (buffer[i] != '\n') {
				if (a->line_length < sizeof(a->line) - 1)
					a->line[a->line_length++] = buffer[i];
				continue;
			}
			a->line[a->line_length] = 0;
			handle_line(a, a->line);
			a->line_length = 0;
		}
	}
	if (length < 0 && errno != EAGAIN)
		die("cannot read the trace: %s", strerror(errno));
}

static unsigned long long counter(FILE *fdinfo, const char *name)
{
	unsigned long long value;
	char line[128], key[64];

	rewind(fdinfo);
	while (fgets(line, sizeof(line), fdinfo))
		if (sscanf(line, "drm-placed-%63[^:]: %llu", key, &value) == 2 &&
		    !strcmp(key, name))
			return value;

	die("no drm-placed-%s in fdinfo", name);
}

static struct counters read_counters(const struct animation *a)
{
	struct counters counters;
	FILE *fdinfo;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", a->screen.fd);
	fdinfo = fopen(path, "r");
	if (!fdinfo)
		die("cannot read %s: %s", path, strerror(errno));
	counters.faults = counter(fdinfo, "faults");
	counters.collections = counter(fdinfo, "collections");
	counters.sent = counter(fdinfo, "sent-pages");
	counters.transfers = counter(fdinfo, "transfers");
	fclose(fdinfo);

	return counters;
}

/* Asks, and changes nothing by it. */
static bool is_dirty(const struct animation *a)
{
	struct drm_gem_dirty args = {
		.handle = a->screen.fb.handle,
		.flags = DRM_GEM_DIRTY_QUERY,
	};
	int ret = placed_ioctl(a->screen.fd, DRM_IOCTL_GEM_DIRTY, &args);

	if (ret && ret != -ENOSPC)
		die("cannot ask what is dirty: %s", strerror(-ret));
	return ret;
}

/* What was sent is still on its way: until the device has taken it. */
static void wait_for_device(const struct animation *a)
{
	struct drm_gem_dirty args = {
		.handle = a->screen.fb.handle,
		.flags = DRM_GEM_DIRTY_WAIT,
	};
	int ret = placed_ioctl(a->screen.fd, DRM_IOCTL_GEM_DIRTY, &args);

	if (ret)
		die("the device has not taken all that was sent: %s", strerror(-ret));
}

/* The display's refresh interval, in nanoseconds. */
static uint64_t interval(const struct animation *a)
{
	return 1000000000ull / (a->screen.mode.vrefresh ?: 60);
}

static void wait_for_event(struct animation *a, uint64_t deadline, const char *what)
{
	struct pollfd pollfd = { .fd = a->trace, .events = POLLIN };
	uint64_t time = now();

	if (time >= deadline)
		die("frame %td: %s for %llu s, %u collections", a->frame - a->frames, what,
		    PATIENCE / 1000000000, a->frame->collections);
	if (poll(&pollfd, 1, (deadline - time + 999999) / 1000000) < 0 && errno != EINTR)
		die("cannot wait for the trace: %s", strerror(errno));
	read_trace(a);
}

/*
 * The end of a frame: all that was written has been sent or, if nothing was, the
 * collection that is due has looked. If none is due, time goes by, no more.
 */
static void end_frame(struct animation *a)
{
	uint64_t deadline = now() + PATIENCE;
	struct timespec ts = { .tv_nsec = interval(a) };
	struct frame *frame = a->frame;

	read_trace(a);
	if (frame->written) {
		while (is_dirty(a) || !frame->collections)
			wait_for_event(a, deadline, "what was written has not been sent");
		read_trace(a);
	} else if (a->idle) {
		nanosleep(&ts, NULL);
		read_trace(a);
		if (frame->collections)
			die("frame %td: collected, but nothing was written", frame - a->frames);
	} else {
		while (!frame->collections)
			wait_for_event(a, deadline, "no collection");
	}

	memcpy(frame->states, a->states, sizeof(frame->states));
	for (unsigned int i = 0; i < a->pages; i++)
		if ((frame->pages[i] & (WRITTEN | SENT)) == WRITTEN)
			die("frame %td: page %u was written and not sent", frame - a->frames, i);
}

/* Drawing */

static cairo_surface_t *create_picture(const struct animation *a, cairo_t **cr)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
							      a->screen.mode.hdisplay,
							      a->screen.mode.vdisplay);

	*cr = cairo_create(surface);
	cairo_save(*cr);
	cairo_scale(*cr, a->screen.mode.hdisplay / LAYOUT_WIDTH,
		    a->screen.mode.vdisplay / LAYOUT_HEIGHT);
	draw_background(*cr);
	cairo_restore(*cr);
	return surface;
}

static void draw_caption(const struct animation *a, cairo_t *cr)
{
	double unit = a->screen.mode.vdisplay / 1080.0;
	char pages[32];

	cairo_save(cr);
	cairo_scale(cr, unit, unit);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 78);
	set_color(cr, ink, 1);
	text(cr, 90, 150, LEFT, "Just stores");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 28);
	set_color(cr, dim, 1);
	text(cr, 92, 206, LEFT, "Drawn into a coherent mapping of the framebuffer:");
	text(cr, 92, 246, LEFT, "no page flip, no DIRTYFB, no transfer by the program.");
	text(cr, 92, 1010, LEFT, "%u×%u, %s pages of 4 KiB, %u chunks of 2 MiB",
	     a->screen.mode.hdisplay, a->screen.mode.vdisplay, grouped(a->pages, pages), a->chunks);
	cairo_restore(cr);
}

/* The picture after this many of the redraws: a sunrise. */
static cairo_surface_t *create_redraw(const struct animation *a, double progress)
{
	double width = a->screen.mode.hdisplay, height = a->screen.mode.vdisplay;
	cairo_pattern_t *glow;
	cairo_surface_t *surface;
	cairo_t *cr;

	surface = create_picture(a, &cr);
	glow = cairo_pattern_create_radial(width * 0.68, height * 0.60, 0,
					   width * 0.68, height * 0.60, height);
	cairo_pattern_add_color_stop_rgba(glow, 0, 1.00, 0.62, 0.30, 0.75 * progress);
	cairo_pattern_add_color_stop_rgba(glow, 0.45, 0.80, 0.30, 0.45, 0.40 * progress);
	cairo_pattern_add_color_stop_rgba(glow, 1, 0.30, 0.10, 0.40, 0);
	cairo_set_source(cr, glow);
	cairo_paint(cr);
	cairo_pattern_destroy(glow);

	draw_caption(a, cr);
	cairo_translate(cr, width * 0.68, height * 0.60);
	cairo_scale(cr, height / 740, height / 740);
	draw_gem(cr, 0, 0);
	end_drawing(cr);

	return surface;
}

static void prepare(struct animation *a)
{
	int size = a->screen.mode.vdisplay / 6, spark = a->screen.mode.vdisplay / 60;
	cairo_t *cr;

	a->before = create_picture(a, &cr);
	draw_caption(a, cr);
	end_drawing(cr);

	for (unsigned int i = 0; i < REDRAWS; i++)
		a->redraws[i] = create_redraw(a, i / (REDRAWS - 1.0));

	a->gem = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size);
	cr = cairo_create(a->gem);
	cairo_translate(cr, size / 2.0, size / 2.0);
	cairo_scale(cr, size / 310.0, size / 310.0);
	draw_cut_gem(cr);
	end_drawing(cr);

	a->spark = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, spark, spark);
	cr = cairo_create(a->spark);
	cairo_translate(cr, spark / 2.0, spark / 2.0);
	for (int i = 0; i < 8; i++) {
		double radius = (i % 2 ? 0.12 : 0.5) * spark;

		cairo_line_to(cr, radius * sin(i * M_PI / 4), radius * cos(i * M_PI / 4));
	}
	cairo_close_path(cr);
	cairo_set_source_rgb(cr, 1, 0.97, 0.86);
	cairo_fill(cr);
	end_drawing(cr);
}

static void wrote(struct animation *a, int x, int y, int width, int height)
{
	for (int row = y; row < y + height; row++) {
		uint64_t start = (uint64_t)row * a->screen.fb.pitch + x * 4;

		for (uint64_t page = start / PLACED_PAGE;
		     page <= (start + width * 4 - 1) / PLACED_PAGE; page++)
			a->frame->pages[page] |= WRITTEN;
	}
}

/* Store all pixels of a rectangle of the screen, as they are in the picture. */
static void store(struct animation *a, cairo_surface_t *picture, int x, int y,
		  int width, int height)
{
	cairo_set_operator(a->cr, CAIRO_OPERATOR_SOURCE);
	cairo_set_source_surface(a->cr, picture, 0, 0);
	cairo_rectangle(a->cr, x, y, width, height);
	cairo_fill(a->cr);
	wrote(a, x, y, width, height);
}

/* The same with something small in front of it. */
static void store_sprite(struct animation *a, cairo_surface_t *picture, cairo_surface_t *sprite,
			 int x, int y)
{
	store(a, picture, x, y, cairo_image_surface_get_width(sprite),
	      cairo_image_surface_get_height(sprite));
	cairo_set_operator(a->cr, CAIRO_OPERATOR_OVER);
	cairo_set_source_surface(a->cr, sprite, x, y);
	cairo_paint(a->cr);
}

#define BOUNCES 26

static void bounce(struct animation *a, unsigned int step)
{
	double height = a->screen.mode.vdisplay, width = a->screen.mode.hdisplay;
	int size = cairo_image_surface_get_width(a->gem);

	if (step)
		store(a, a->before, a->gem_x, a->gem_y, size, size);
	a->gem_x = width * (0.06 + 0.78 * step / (BOUNCES - 1));
	a->gem_y = height * (0.36 + 0.27 * (1 - fabs(cos(2 * M_PI * step / (BOUNCES - 1)))));
	store_sprite(a, a->before, a->gem, a->gem_x, a->gem_y);
}

#define WIPES 24

static void wipe(struct animation *a, unsigned int step)
{
	int from = a->screen.mode.vdisplay * step / WIPES;
	int to = a->screen.mode.vdisplay * (step + 1) / WIPES;

	store(a, a->redraws[0], 0, from, a->screen.mode.hdisplay, to - from);
}

static void redraw(struct animation *a, unsigned int step)
{
	store(a, a->redraws[step], 0, 0, a->screen.mode.hdisplay, a->screen.mode.vdisplay);
}

static unsigned int pick(struct animation *a, unsigned int below)
{
	a->seed = a->seed * 1664525 + 1013904223;
	return (uint64_t)a->seed * below >> 32;
}

/* Nothing shall glitter in front of the words. */
static bool is_caption(const struct animation *a, int x, int y)
{
	double height = a->screen.mode.vdisplay;

	return x < a->screen.mode.hdisplay * 0.48 && (y < height * 0.26 || y > height * 0.90);
}

static void sparkle(struct animation *a, unsigned int step)
{
	int size = cairo_image_surface_get_width(a->spark);

	(void)step;
	for (int i = 0; i < 5; i++) {
		int x, y;

		do {
			x = pick(a, a->screen.mode.hdisplay - size);
			y = pick(a, a->screen.mode.vdisplay - size);
		} while (is_caption(a, x, y));
		store_sprite(a, a->redraws[REDRAWS - 1], a->spark, x, y);
	}
}

/* Enough that the policy closes what was written: 17 collections for a whole chunk. */
#define QUIET 24

static const struct phase {
	const char *name;
	unsigned int frames;
	void (*draw)(struct animation *a, unsigned int step);
} phases[] = {
	{ "a gem bounces", BOUNCES, bounce },
	{ "quiet", QUIET, NULL },
	{ "a wipe from top to bottom", WIPES, wipe },
	{ "quiet", QUIET, NULL },
	{ "all redrawn", REDRAWS, redraw },
	{ "quiet", QUIET, NULL },
	{ "scattered sparks", 16, sparkle },
	{ "quiet", QUIET, NULL },
};

static void draw_frame(struct animation *a, const struct phase *phase, unsigned int step)
{
	if (phase->draw)
		phase->draw(a, step);
	cairo_surface_flush(a->surface);
	if (cairo_status(a->cr))
		die("cannot draw: %s", cairo_status_to_string(cairo_status(a->cr)));

	for (unsigned int i = 0; i < a->pages; i++)
		a->frame->written += a->frame->pages[i] & WRITTEN;
	end_frame(a);
}

static void map_framebuffer(struct animation *a)
{
	struct drm_gem_mmap_placed args = {
		.handle = a->screen.fb.handle,
		.flags = PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT,
		.length = a->screen.fb.size,
	};
	int ret = placed_map(a->screen.fd, &args);

	if (ret)
		die("cannot map the framebuffer coherently: %s", strerror(-ret));
	a->surface = cairo_image_surface_create_for_data(placed_ptr(args.addr), CAIRO_FORMAT_RGB24,
							 a->screen.mode.hdisplay,
							 a->screen.mode.vdisplay,
							 a->screen.fb.pitch);
	a->cr = cairo_create(a->surface);
}

static void create_frames(struct animation *a)
{
	a->pages = a->screen.fb.size / PLACED_PAGE;
	a->chunks = (a->pages + CHUNK - 1) / CHUNK;
	if (a->chunks > MAX_CHUNKS)
		die("a framebuffer of %u chunks", a->chunks);

	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		a->count += phases[i].frames;
	a->frames = calloc(a->count, sizeof(*a->frames));
	for (unsigned int i = 0; a->frames && i < a->count; i++) {
		a->frames[i].pages = calloc(a->pages, 1);
		if (!a->frames[i].pages)
			die("no memory for %u frames", a->count);
	}
	if (!a->frames)
		die("no memory for %u frames", a->count);
}

/* The first picture is no part of the animation: wait until all is cold again. */
static void show_first(struct animation *a)
{
	uint64_t deadline = now() + PATIENCE;

	a->frame = a->frames;
	store(a, a->before, 0, 0, a->screen.mode.hdisplay, a->screen.mode.vdisplay);
	cairo_surface_flush(a->surface);
	screen_show(&a->screen);
	while (!a->idle)
		wait_for_event(a, deadline, "the first picture has not been sent");

	memset(a->frame->pages, 0, a->pages);
	*a->frame = (struct frame) { .pages = a->frame->pages };
}

static void animate(struct animation *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		for (unsigned int step = 0; step < phases[i].frames; step++) {
			draw_frame(a, &phases[i], step);
			a->frame++;
		}
	a->frame--;
	wait_for_device(a);
}

/* The frames together, and the kernel's counters for the same time. */
static struct frame add_up(const struct animation *a, const struct counters *before)
{
	struct counters after = read_counters(a);
	struct frame sum = {};

	for (unsigned int i = 0; i < a->count; i++) {
		sum.written += a->frames[i].written;
		sum.sent += a->frames[i].sent;
		sum.transfers += a->frames[i].transfers;
		sum.faults += a->frames[i].faults;
		sum.collections += a->frames[i].collections;
	}

	if (sum.sent != after.sent - before->sent ||
	    sum.transfers != after.transfers - before->transfers ||
	    sum.faults != after.faults - before->faults ||
	    sum.collections != after.collections - before->collections)
		die("the trace has %u pages in %u transfers, %u faults, %u collections; fdinfo %llu, %llu, %llu, %llu",
		    sum.sent, sum.transfers, sum.faults, sum.collections,
		    after.sent - before->sent, after.transfers - before->transfers,
		    after.faults - before->faults, after.collections - before->collections);

	return sum;
}

/* The heat map */

#define MAP_LEFT 184.0
#define MAP_TOP 176.0
#define MAP_COLUMN 9.0
#define MAP_ROW 0.32
#define MAP_BAND 10.0
#define MAP_GAP 12.0
#define MAP_BARS 90.0

static const struct color map_background = { 0.045, 0.055, 0.09 };
static const struct color spilled = { 0.16, 0.38, 0.58 };
static const struct color missed = { 1.00, 0.10, 0.30 };
static const struct color fault = { 1.00, 1.00, 1.00 };
static const struct color bands[STATES] = {
	{ 0.22, 0.30, 0.48 }, { 0.95, 0.48, 0.12 }, { 0.85, 0.25, 0.75 },
};
static const struct color tints[STATES] = {
	{ 0.085, 0.110, 0.180 }, { 0.250, 0.125, 0.070 }, { 0.240, 0.080, 0.220 },
};

static void fill(cairo_t *cr, double x, double y, double width, double height,
		 struct color color)
{
	set_color(cr, color, 1);
	cairo_rectangle(cr, x, y, width, height);
	cairo_fill(cr);
}

static double column_x(unsigned int frame)
{
	return MAP_LEFT + frame * MAP_COLUMN;
}

static double chunk_y(unsigned int chunk)
{
	return MAP_TOP + chunk * (CHUNK * MAP_ROW + MAP_BAND + MAP_GAP);
}

static double map_bottom(const struct animation *a)
{
	return chunk_y(a->chunks - 1) + chunk_pages(a, a->chunks - 1) * MAP_ROW + MAP_BAND;
}

/* Pages in a row that had the same done to them, as one rectangle. */
static void map_runs(cairo_t *cr, const uint8_t *pages, unsigned int count, uint8_t mask,
		     uint8_t value, double x, double y, double width, struct color color)
{
	for (unsigned int first = 0, end; first < count; first = end + 1) {
		for (end = first; end < count && (pages[end] & mask) == value; end++)
			;
		if (end > first)
			fill(cr, x, y + first * MAP_ROW, width, (end - first) * MAP_ROW, color);
	}
}

static void map_frame(cairo_t *cr, const struct animation *a, unsigned int i)
{
	const struct frame *frame = &a->frames[i];
	double x = column_x(i), width = MAP_COLUMN - 1;

	for (unsigned int chunk = 0; chunk < a->chunks; chunk++) {
		const uint8_t *pages = frame->pages + chunk * CHUNK;
		unsigned int count = chunk_pages(a, chunk);
		double y = chunk_y(chunk);

		fill(cr, x, y, MAP_COLUMN, count * MAP_ROW, tints[frame->states[chunk]]);
		map_runs(cr, pages, count, WRITTEN | SENT, SENT, x, y, width, spilled);
		map_runs(cr, pages, count, WRITTEN | SENT, WRITTEN | SENT, x, y, width, first);
		map_runs(cr, pages, count, WRITTEN | SENT, WRITTEN, x, y, width, missed);
		for (unsigned int page = 0; page < count; page++)
			if (pages[page] & FAULTED)
				fill(cr, x, y + page * MAP_ROW - 0.5, 4, 1.5, fault);
		fill(cr, x, y + count * MAP_ROW, MAP_COLUMN, MAP_BAND,
		     bands[frame->states[chunk]]);
	}
}

static void map_phases(cairo_t *cr, const struct animation *a)
{
	double bottom = map_bottom(a) + MAP_GAP + 14 + MAP_BARS;
	unsigned int frame = 0;

	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		double from = column_x(frame), to = column_x(frame + phases[i].frames);

		font(cr, "DejaVu Sans", phases[i].draw ? CAIRO_FONT_WEIGHT_BOLD :
		     CAIRO_FONT_WEIGHT_NORMAL, 15);
		set_color(cr, phases[i].draw ? ink : dim, 1);
		text(cr, (from + to) / 2, MAP_TOP - 20, CENTER, "%s", phases[i].name);
		cairo_set_line_width(cr, 2);
		cairo_move_to(cr, from + 3, MAP_TOP - 10);
		cairo_line_to(cr, to - 3, MAP_TOP - 10);
		cairo_stroke(cr);

		frame += phases[i].frames;
		if (frame == a->count)
			break;
		cairo_set_line_width(cr, 1);
		set_color(cr, ink, 0.35);
		cairo_move_to(cr, round(to) - 0.5, MAP_TOP - 16);
		cairo_line_to(cr, round(to) - 0.5, bottom);
		cairo_stroke(cr);
	}
}

static void map_axes(cairo_t *cr, const struct animation *a)
{
	double bottom = map_bottom(a) + MAP_GAP + 14 + MAP_BARS;

	for (unsigned int chunk = 0; chunk < a->chunks; chunk++) {
		double y = chunk_y(chunk) + chunk_pages(a, chunk) * MAP_ROW / 2;

		font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 16);
		set_color(cr, ink, 1);
		text(cr, MAP_LEFT - 14, y, RIGHT, "chunk %u", chunk);
		font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 13);
		set_color(cr, dim, 1);
		text(cr, MAP_LEFT - 14, y + 20, RIGHT, "pages %u–%u", chunk * CHUNK,
		     chunk * CHUNK + chunk_pages(a, chunk) - 1);
	}

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 13);
	set_color(cr, dim, 1);
	for (unsigned int frame = 0; frame < a->count; frame += 10)
		text(cr, column_x(frame) + MAP_COLUMN / 2, bottom + 20, CENTER, "%u", frame);
	text(cr, MAP_LEFT - 14, bottom + 20, RIGHT, "frame");

	cairo_save(cr);
	cairo_translate(cr, 28, (MAP_TOP + map_bottom(a)) / 2);
	cairo_rotate(cr, -M_PI / 2);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 15);
	text(cr, 0, 0, CENTER, "page of the framebuffer, from the top of the screen to the bottom");
	cairo_restore(cr);
}

/* How much of the framebuffer was sent in each frame. */
static void map_bars(cairo_t *cr, const struct animation *a)
{
	double top = map_bottom(a) + MAP_GAP + 14;

	for (unsigned int i = 0; i < a->count; i++) {
		double sent = MAP_BARS * fmin(1, (double)a->frames[i].sent / a->pages);
		double written = MAP_BARS * a->frames[i].written / a->pages;

		fill(cr, column_x(i), top, MAP_COLUMN, MAP_BARS, tints[COLD]);
		fill(cr, column_x(i), top + MAP_BARS - sent, MAP_COLUMN - 1, sent, spilled);
		fill(cr, column_x(i), top + MAP_BARS - written, MAP_COLUMN - 1, written, first);
	}

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 16);
	set_color(cr, ink, 1);
	text(cr, MAP_LEFT - 14, top + MAP_BARS / 2, RIGHT, "sent");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 13);
	set_color(cr, dim, 1);
	text(cr, MAP_LEFT - 14, top + MAP_BARS / 2 + 20, RIGHT, "of the whole");
	text(cr, column_x(a->count) + 8, top + 11, LEFT, "100 %%");
	text(cr, column_x(a->count) + 8, top + MAP_BARS, LEFT, "0");
}

/* Returns where the next goes. */
static double legend(cairo_t *cr, double x, double y, struct color color, struct color band,
		     const char *what)
{
	cairo_text_extents_t extents;

	fill(cr, x, y - 14, 22, 12, color);
	fill(cr, x, y - 2, 22, 5, band);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 15);
	set_color(cr, ink, 1);
	text(cr, x + 31, y, LEFT, "%s", what);
	cairo_text_extents(cr, what, &extents);
	return x + 31 + extents.x_advance + 30;
}

static bool is_any_huge(const struct animation *a)
{
	for (unsigned int i = 0; i < a->count; i++)
		if (memchr(a->frames[i].states, HUGE_ENTRY, a->chunks))
			return true;

	return false;
}

static void map_legend(cairo_t *cr, const struct animation *a)
{
	double y = map_bottom(a) + MAP_GAP + 14 + MAP_BARS + 62, x = MAP_LEFT;

	x = legend(cr, x, y, first, first, "written by the program, and sent");
	x = legend(cr, x, y, spilled, spilled, "not written, sent along to save a transfer");
	x = legend(cr, x, y, missed, missed, "written, not sent (there is none)");
	fill(cr, x, y - 7, 9, 3, fault);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 15);
	set_color(cr, ink, 1);
	text(cr, x + 18, y, LEFT, "a store faulted here");

	x = legend(cr, MAP_LEFT, y + 32, tints[COLD], bands[COLD],
		   "cold: write-protected, a store faults; costs nothing while nothing is written");
	x = legend(cr, x, y + 32, tints[HOT], bands[HOT],
		   "hot: writable, dirty bits are scanned in every refresh");
	if (is_any_huge(a))
		legend(cr, x, y + 32, tints[HUGE_ENTRY], bands[HUGE_ENTRY],
		       "huge: hot, with one dirty bit for all");
}

static void map_title(cairo_t *cr, const struct animation *a, const struct frame *sum)
{
	double everything = (double)a->count * a->pages;
	char pages[32], sent[32], all[32];

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 34);
	set_color(cr, ink, 1);
	text(cr, MAP_LEFT, 58, LEFT, "Which pages of the screen are written, and which are sent");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 18);
	set_color(cr, dim, 1);
	text(cr, MAP_LEFT, 92, LEFT,
	     "%s, %u×%u, %s pages. %u frames drawn by plain stores: "
	     "no page flip, no DIRTYFB, no transfer by the program.", placed_gpu(),
	     a->screen.mode.hdisplay, a->screen.mode.vdisplay, grouped(a->pages, pages), a->count);
	text(cr, MAP_LEFT, 118, LEFT,
	     "%s pages were sent, %.1f %% of the %s that sending all in every frame takes; %u stores faulted.",
	     grouped(sum->sent, sent), 100 * sum->sent / everything,
	     grouped(everything, all), sum->faults);
}

static void draw_map(const struct animation *a, const struct frame *sum, const char *path)
{
	double width = column_x(a->count) + 80;
	double height = map_bottom(a) + MAP_GAP + 14 + MAP_BARS + 126;
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, ceil(width),
							      ceil(height));
	cairo_t *cr = cairo_create(surface);
	cairo_status_t status;

	set_color(cr, map_background, 1);
	cairo_paint(cr);
	for (unsigned int i = 0; i < a->count; i++)
		map_frame(cr, a, i);
	map_bars(cr, a);
	map_phases(cr, a);
	map_axes(cr, a);
	map_legend(cr, a);
	map_title(cr, a, sum);

	status = cairo_surface_write_to_png(surface, path);
	if (status)
		die("cannot write %s: %s", path, cairo_status_to_string(status));
	end_drawing(cr);
	cairo_surface_destroy(surface);
}

/* What came of it, in words */

static void print_line(const char *what, uint64_t tracked, uint64_t all)
{
	char a[32], b[32];

	printf("  %-24s %12s", what, grouped(tracked, a));
	if (all)
		printf(" %12s", grouped(all, b));
	putchar('\n');
}

static void print_report(const struct animation *a, const struct frame *sum)
{
	uint64_t everything = (uint64_t)a->count * a->pages;
	char pages[32];

	printf("%s, %ux%u framebuffer of %s pages, %u frames drawn by stores alone\n", PROGRAM,
	       a->screen.mode.hdisplay, a->screen.mode.vdisplay, grouped(a->pages, pages),
	       a->count);
	printf("  %-24s %12s %12s\n", "", "by tracking", "sending all");
	print_line("pages written", sum->written, 0);
	print_line("pages sent", sum->sent, everything);
	print_line("transfers", sum->transfers, a->count);
	print_line("stores that faulted", sum->faults, 0);
	print_line("collections", sum->collections, 0);
	printf("  %.1f %% of the pages; each that was written was sent before the next frame\n",
	       100.0 * sum->sent / everything);
}

int main(int argc, char **argv)
{
	struct animation a = { .seed = 1 };
	struct counters before;
	struct frame sum;

	if (argc != 2)
		die("usage: placed_animation HEAT-MAP.png");

	screen_open(&a.screen, 1920, 1080);
	screen_create_framebuffer(&a.screen);
	create_frames(&a);
	prepare(&a);
	map_framebuffer(&a);
	start_trace(&a);

	show_first(&a);
	before = read_counters(&a);
	animate(&a);
	sum = add_up(&a, &before);
	stop_trace(&a);

	draw_map(&a, &sum, argv[1]);
	print_report(&a, &sum);
	screen_stay();
}
