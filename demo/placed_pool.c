// SPDX-License-Identifier: MIT
/*
 * An object of 8 GiB in a guest that has a quarter of that. Its memory is the host's:
 * the program populates 256 MiB of it, shows a picture that it has drawn there, and
 * discards all. Beside each step stands what the host says: how much memory QEMU has,
 * and the counters of the device's pool.
 *
 * Where the device has no pool, it says so and ends.
 */
#include <drm_fourcc.h>

#include "placed_host.h"
#include "screen.h"

#define SIZE (8ull << 30)
#define POPULATED (256ull << 20)

/* Where in the object the picture is, which is memory like any other. */
#define PICTURE (3ull << 30)

#define PATIENCE 60

struct host {
	/* Kilobytes that QEMU has in memory, and nanoseconds that it has worked. */
	unsigned long long rss, worked;
	/* Bytes of the pool: that objects have, and that the host has given. */
	unsigned long long committed, resident;
	/* Commands. */
	unsigned long long populates, discards;
};

static struct host ask(void)
{
	struct host host;
	char answer[256];
	int ret = placed_ask_host("host", answer, sizeof(answer), PATIENCE);

	if (ret)
		die("the host does not answer: %s", strerror(-ret));
	if (sscanf(answer, "%llu %llu %llu %llu %llu %llu", &host.rss, &host.worked,
		   &host.committed, &host.resident, &host.populates, &host.discards) != 6)
		die("the host says \"%s\"", answer);
	return host;
}

static struct host print_host(const char *when)
{
	char rss[32], committed[32], resident[32], populates[32], discards[32];
	struct host host = ask();

	printf("  %-38s %12s %12s %12s %10s %10s\n", when, grouped(host.rss >> 10, rss),
	       grouped(host.committed >> 20, committed), grouped(host.resident >> 20, resident),
	       grouped(host.populates, populates), grouped(host.discards, discards));
	fflush(stdout);
	return host;
}

static uint64_t sparse(int fd, uint32_t op, uint32_t handle, uint64_t offset, uint64_t length)
{
	struct drm_gem_sparse args = {
		.op = op, .handle = handle, .offset = offset, .length = length,
	};
	int ret = placed_ioctl(fd, DRM_IOCTL_GEM_SPARSE, &args);

	if (ret)
		die("DRM_IOCTL_GEM_SPARSE %u: %s", op, strerror(-ret));
	return args.present;
}

static uint8_t *map_part(int fd, uint32_t handle, uint64_t offset, uint64_t length)
{
	struct drm_gem_mmap_placed args = {
		.handle = handle, .flags = PLACED_RW, .offset = offset, .length = length,
	};
	int ret = placed_map(fd, &args);

	if (ret)
		die("cannot map 0x%llx bytes: %s", (unsigned long long)length, strerror(-ret));
	return placed_ptr(args.addr);
}

static void draw(cairo_t *cr, const struct host *host)
{
	char resident[32];

	draw_background(cr);
	draw_gem(cr, LAYOUT_WIDTH / 2, 300);
	set_color(cr, ink, 1);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 40);
	text(cr, LAYOUT_WIDTH / 2, 560, CENTER, "These pixels are the host's memory");
	set_color(cr, dim, 1);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 22);
	text(cr, LAYOUT_WIDTH / 2, 610, CENTER, "drawn 3 GiB into an object of 8 GiB, in a guest of 2 GiB");
	text(cr, LAYOUT_WIDTH / 2, 650, CENTER, "the host has given %s MiB for it",
	     grouped(host->resident >> 20, resident));
	end_drawing(cr);
}

/* A framebuffer in the middle of the object. Returns its id. */
static uint32_t show(struct screen *screen, uint32_t handle, uint32_t pitch)
{
	uint32_t handles[4] = { handle }, pitches[4] = { pitch }, offsets[4] = { 0 }, fb;

	offsets[0] = PICTURE;
	if (drmModeAddFB2(screen->fd, screen->mode.hdisplay, screen->mode.vdisplay,
			  DRM_FORMAT_XRGB8888, handles, pitches, offsets, &fb, 0))
		die("cannot make a framebuffer of it: %s", strerror(errno));
	if (drmModeSetCrtc(screen->fd, screen->crtc, fb, 0, 0, &screen->connector, 1,
			   &screen->mode))
		die("cannot show it: %s", strerror(errno));
	return fb;
}

int main(void)
{
	struct drm_gem_sparse create = {
		.op = DRM_GEM_SPARSE_CREATE, .flags = DRM_GEM_SPARSE_POOL, .length = SIZE,
	};
	struct screen screen = {};
	cairo_surface_t *surface;
	struct host before, populated, after;
	uint32_t pitch, size;
	uint8_t *map, *pixels;
	char answer[256];
	int ret;

	screen_open(&screen, 0, 0);
	ret = placed_ioctl(screen.fd, DRM_IOCTL_GEM_SPARSE, &create);
	if (ret == -EOPNOTSUPP) {
		printf("this device has no pool of memory to give\n");
		return 0;
	}
	if (ret)
		die("cannot create an object of 8 GiB: %s", strerror(-ret));

	printf("an object of 8 GiB with memory of the host's, as the host sees it, in MiB\n");
	printf("  %-38s %12s %12s %12s %10s %10s\n", "", "QEMU has", "committed", "resident",
	       "populates", "discards");
	before = print_host("created");

	map = map_part(screen.fd, create.handle, 0, POPULATED);
	if (madvise(map, POPULATED, MADV_POPULATE_WRITE))
		die("cannot populate 256 MiB: %s", strerror(errno));
	populated = print_host("MADV_POPULATE_WRITE of 256 MiB");
	if (populated.committed - before.committed != POPULATED)
		die("the pool has committed %llu bytes", populated.committed - before.committed);
	if (populated.populates - before.populates != 1)
		die("that took %llu commands", populated.populates - before.populates);
	memset(map, 0x5a, POPULATED);
	print_host("written");

	pitch = screen.mode.hdisplay * 4;
	size = (pitch * screen.mode.vdisplay + PLACED_PAGE - 1) & ~(PLACED_PAGE - 1);
	pixels = map_part(screen.fd, create.handle, PICTURE, size);
	surface = cairo_image_surface_create_for_data(pixels, CAIRO_FORMAT_RGB24,
						      screen.mode.hdisplay, screen.mode.vdisplay,
						      pitch);
	populated = ask();
	draw(cairo_create(surface), &populated);
	cairo_surface_destroy(surface);
	show(&screen, create.handle, pitch);
	print_host("a picture drawn and shown");

	ret = placed_ask_host("picture pool", answer, sizeof(answer), PATIENCE);
	if (ret || strcmp(answer, "go"))
		die("no picture of the screen: %s", ret ? strerror(-ret) : answer);

	sparse(screen.fd, DRM_GEM_SPARSE_DISCARD, create.handle, 0, 0);
	after = print_host("all discarded");
	if (after.committed != before.committed || after.resident > before.resident)
		die("the pool still has %llu bytes, the host has given %llu", after.committed,
		    after.resident);
	if (map[0] || pixels[0])
		die("what was discarded is not zero");
	return 0;
}
