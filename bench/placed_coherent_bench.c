// SPDX-License-Identifier: MIT
/*
 * What do coherent mappings cost? A program stores to a buffer, in one of six
 * patterns, and once a frame the device is to have what was stored. Prints, as
 * CSV, what a frame costs on average, for buffers of several sizes and for
 * every way to find out what was stored:
 *
 *   interleaved      a coherent mapping, with each of the policies of the
 *   protect          dirty tracker. The program stores; a DRM_IOCTL_GEM_DIRTY
 *   scan             that flushes stands for the operation of the device.
 *   vmwgfx
 *   upload           no coherent mapping: the program transfers everything.
 *   oracle           no coherent mapping: the program knows what it stores to,
 *                    and transfers exactly that, run by run.
 *
 * On virtio-gpu the memory is the guest's, and to transfer is to have the device copy
 * it. On vmwgfx it is the device's own, and to transfer is to tell the device where to
 * look, by DRM_IOCTL_MODE_DIRTYFB; it looks at a framebuffer that is shown. So there
 * all objects are framebuffers of modes of our own making, and shown, and their
 * refresh is switched off: here a frame is what the program makes one.
 *
 * A frame is one store to each page of the pattern, and then the sending. Both
 * are counted apart, in nanoseconds of the program's CPU time. Under
 * scripts/guest --icount a nanosecond is an instruction of kernel and program
 * together. CPU time rather than the clock, because the device has room for 64
 * commands: who sends more waits, and the clock goes on in leaps meanwhile.
 * What the device does, and what its answers cost, comes after a frame, when
 * nobody counts. Only, an answer may come early and interrupt the frame, or may
 * not, depending on how busy the host is. So of frames that are alike in all
 * that the tracker counts, and that differ by no more than an interruption, the
 * cheapest stands for all.
 *
 * Each object is written whole and then left alone for some frames before each
 * pattern, so that no pattern starts with what the one before has left, except
 * for a policy that never forgets. Then come frames that are not counted, for
 * the policies to learn the pattern.
 *
 * The objects are dumb ones, 16 pages a row, or as square as a mode has to be. Where they
 * need to be made of huge pages is told at create_object().
 */
#include <err.h>
#include <inttypes.h>

#include "bench.h"
#include "placed_device.h"

#include <virtgpu_drm.h>

#define MIB (1ull << 20)

#define PAGE_PIXELS ((unsigned int)PLACED_PAGE / 4)

/* A row of an object of virtio-gpu's: 16 pages. */
#define VIRTIO_WIDTH (16 * PAGE_PIXELS)

/* Collections that make an object forget: more than twice as many as the policy needs. */
#define QUIET_FRAMES 40

/* No more frames if those that were counted took that many instructions. */
#define ENOUGH 400000000ull
#define MIN_FRAMES 2
#define MAX_FRAMES 64

/* The most that an answer costs that comes too early, and the work it wakes. */
#define INTERRUPTION 4000u

/* Pages per frame of the stream and of the window, and how far that moves. */
#define STREAM 256u
#define WINDOW 64u
#define WINDOW_STEP 32u

#define HUGE_FILE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

struct method {
	const char *name;
	/* The name is that of a policy; otherwise the program transfers. */
	bool coherent;
	/* What it does in a frame does not depend on the frames before. */
	bool forgetful;
};

static const struct method methods[] = {
	{ "interleaved", true, false },
	{ "protect", true, true },
	{ "scan", true, false },
	{ "vmwgfx", true, false },
	{ "upload", false, true },
	{ "oracle", false, true },
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))
#define UPLOAD (&methods[METHODS - 2])
#define ORACLE (&methods[METHODS - 1])

struct run {
	uint32_t first, count;
};

/* The pages that a frame stores to, in the order of the stores. */
struct stores {
	uint32_t *pages;
	uint32_t count;
	/* The same, one bit each, and one more that is never set. */
	uint64_t *bits;
	/* The same, in ascending order. */
	struct run *runs;
	uint32_t num_runs;
	uint64_t random;
};

struct pattern {
	const char *name;
	int warm_up, frames;
	/* Pages of one frame of an object with @pages. */
	void (*make)(struct stores *stores, uint32_t pages, uint32_t frame);
};

struct object {
	uint32_t handle;
	uint32_t pages;
	/* A row, in pages; and the framebuffer, if it is one. */
	uint32_t row_pages, fb;
	volatile uint64_t *map;
};

struct bench {
	int fd;
	/* The driver sends what is shown, and where it is. 0: it copies all objects. */
	uint32_t crtc, connector;
	/* Coherent, and never stored to: to wait for the device with. */
	uint32_t fence;
	/* What counting costs by itself. */
	uint64_t overhead;
	struct stores stores;
};

/* What the tracker counts, or the program in its stead. */
struct counters {
	uint64_t faults, scanned, sent, transfers;
};

struct frame {
	uint64_t writer, collection, written;
	struct counters counters;
};

/*
 * The patterns
 */

static void add_page(struct stores *stores, uint32_t page)
{
	stores->pages[stores->count++] = page;
	stores->bits[page / 64] |= 1ull << page % 64;
}

static void add_pages(struct stores *stores, uint32_t pages, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		add_page(stores, (first + i) % pages);
}

static void clear_stores(struct stores *stores)
{
	for (uint32_t i = 0; i < stores->count; i++)
		stores->bits[stores->pages[i] / 64] = 0;
	stores->count = 0;
	stores->num_runs = 0;
}

static void find_runs(struct stores *stores, uint32_t pages)
{
	uint32_t first = 0;

	for (uint32_t page = 0; page <= pages; page++) {
		if (stores->bits[page / 64] & 1ull << page % 64)
			continue;
		if (first < page)
			stores->runs[stores->num_runs++] = (struct run) { first, page - first };
		first = page + 1;
	}
}

static void make_idle(struct stores *stores, uint32_t pages, uint32_t frame)
{
	(void)stores;
	(void)pages;
	(void)frame;
}

static void make_hot(struct stores *stores, uint32_t pages, uint32_t frame)
{
	(void)frame;
	add_page(stores, pages / 3);
}

static void make_random(struct stores *stores, uint32_t pages, uint32_t frame)
{
	uint64_t x;

	if (!frame)
		stores->random = 0x9e3779b97f4a7c15;
	x = stores->random;

	while (stores->count < pages / 100) {
		uint32_t page;

		/* xorshift64 */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		page = (x >> 32) * pages >> 32;
		if (!(stores->bits[page / 64] & 1ull << page % 64))
			add_page(stores, page);
	}
	stores->random = x;
}

static void make_stream(struct stores *stores, uint32_t pages, uint32_t frame)
{
	add_pages(stores, pages, frame * STREAM, STREAM);
}

static void make_full(struct stores *stores, uint32_t pages, uint32_t frame)
{
	(void)frame;
	add_pages(stores, pages, 0, pages);
}

static void make_window(struct stores *stores, uint32_t pages, uint32_t frame)
{
	add_pages(stores, pages, frame * WINDOW_STEP, WINDOW);
}

/* The frames go round what the policies do in cycles. */
static const struct pattern patterns[] = {
	{ "idle", 8, 16, make_idle },
	{ "hot", 16, 64, make_hot },
	{ "random", 24, 48, make_random },
	{ "stream", 8, 64, make_stream },
	{ "full", 6, 18, make_full },
	{ "window", 16, 64, make_window },
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

/*
 * Objects
 */

static void set_policy(const char *policy)
{
	char path[64];

	if (!placed_debugfs(placed_gpu(), "placed_policy", path, sizeof(path)))
		errx(1, "no debugfs of %s", placed_gpu());
	write_file(path, policy);
}

/* The width of a square of so many bytes that is a power of four. */
static uint32_t square_width(uint64_t size)
{
	uint32_t width = 1;

	while ((uint64_t)width * width * 4 < size)
		width *= 2;
	return width;
}

static void show_object(const struct bench *bench, struct object *object)
{
	uint32_t width = object->row_pages * PAGE_PIXELS;
	struct drm_mode_fb_cmd fb = {
		.handle = object->handle, .bpp = 32, .depth = 24,
		.width = width, .height = object->pages / object->row_pages, .pitch = width * 4,
	};
	struct drm_mode_crtc mode = {
		.crtc_id = bench->crtc, .count_connectors = 1, .mode_valid = 1,
		.set_connectors_ptr = placed_addr(&bench->connector),
		.mode = {
			.hdisplay = width, .hsync_start = width + 1, .hsync_end = width + 2,
			.htotal = width + 3, .vdisplay = fb.height, .vsync_start = fb.height + 1,
			.vsync_end = fb.height + 2, .vtotal = fb.height + 3,
			.clock = (uint64_t)width * fb.height * 60 / 1000, .vrefresh = 60,
		},
	};

	must(placed_ioctl(bench->fd, DRM_IOCTL_MODE_ADDFB, &fb), "make it a framebuffer");
	object->fb = fb.fb_id;
	mode.fb_id = fb.fb_id;
	must(placed_ioctl(bench->fd, DRM_IOCTL_MODE_SETCRTC, &mode), "show it");
}

/*
 * QEMU takes at most 16,384 pieces of memory for an object. Small pages, from
 * memory that was used, may be as many; huge ones are 512 for 1 GiB.
 */
static struct object create_object(const struct bench *bench, uint64_t size)
{
	uint32_t width = bench->crtc ? square_width(size) : VIRTIO_WIDTH;
	struct object object = {
		.pages = size / PLACED_PAGE, .row_pages = width / PAGE_PIXELS,
	};
	struct drm_mode_create_dumb create = {
		.bpp = 32,
		.width = width,
		.height = size / (width * 4),
	};

	must(placed_ioctl(bench->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create an object");
	if (create.size != size)
		errx(1, "an object has %" PRIu64 " bytes: rows are not as they were asked for",
		     (uint64_t)create.size);
	object.handle = create.handle;
	return object;
}

static struct object map_object(const struct bench *bench, uint64_t size, bool coherent)
{
	struct object object = create_object(bench, size);
	struct drm_gem_mmap_placed args = {
		.handle = object.handle,
		.flags = PLACED_RW | (coherent ? DRM_GEM_MMAP_PLACED_COHERENT : 0),
		.length = size,
	};

	must(placed_map(bench->fd, &args), "map an object");
	object.map = placed_ptr(args.addr);
	if (bench->crtc)
		show_object(bench, &object);
	return object;
}

static void free_object(const struct bench *bench, const struct object *object)
{
	uint32_t fb = object->fb;

	if (fb)
		must(placed_ioctl(bench->fd, DRM_IOCTL_MODE_RMFB, &fb), "show it no more");
	munmap((void *)object->map, object->pages * PLACED_PAGE);
	must(placed_close_handle(bench->fd, object->handle), "free an object");
}

/*
 * A frame
 */

static int dirty_ioctl(const struct bench *bench, uint32_t handle, uint32_t flags, uint64_t offset)
{
	struct drm_gem_dirty args = { .handle = handle, .flags = flags, .offset = offset };

	return ioctl(bench->fd, DRM_IOCTL_GEM_DIRTY, &args);
}

static void wait_for_device(const struct bench *bench)
{
	if (dirty_ioctl(bench, bench->fence, DRM_GEM_DIRTY_WAIT, 0))
		err(1, "wait for the device");
}

/* What a rectangle cannot show is several. Returns how many pages the next one has. */
static uint32_t next_box(const struct object *object, uint32_t first, uint32_t count,
			 struct drm_clip_rect *box)
{
	uint32_t row = object->row_pages, x = first % row, pages = row - x, rows = 1;

	if (!x && count >= row)
		rows = count / row;
	else if (pages > count)
		pages = count;

	*box = (struct drm_clip_rect) {
		.x1 = x * PAGE_PIXELS, .y1 = first / row,
		.x2 = (x + pages) * PAGE_PIXELS, .y2 = first / row + rows,
	};
	return pages * rows;
}

static void transfer(const struct bench *bench, const struct object *object,
		     const struct drm_clip_rect *box)
{
	uint32_t width = object->row_pages * PAGE_PIXELS;
	struct drm_virtgpu_3d_transfer_to_host args = {
		.bo_handle = object->handle,
		.offset = (box->y1 * width + box->x1) * 4,
		.box = {
			.x = box->x1, .y = box->y1, .w = box->x2 - box->x1,
			.h = box->y2 - box->y1, .d = 1,
		},
	};

	if (ioctl(bench->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &args))
		err(1, "transfer");
}

static void transfer_run(const struct bench *bench, const struct object *object,
			 uint32_t first, uint32_t count, struct counters *counters)
{
	counters->sent += count;
	while (count) {
		struct drm_clip_rect box;
		uint32_t pages = next_box(object, first, count, &box);

		transfer(bench, object, &box);
		counters->transfers++;
		first += pages;
		count -= pages;
	}
}

/* As many rectangles as there may be, if there are as many. */
struct damage {
	struct drm_clip_rect boxes[DRM_MODE_FB_DIRTY_MAX_CLIPS];
	uint32_t count;
};

static void tell_damage(const struct bench *bench, const struct object *object,
			struct damage *damage)
{
	struct drm_mode_fb_dirty_cmd args = {
		.fb_id = object->fb, .clips_ptr = placed_addr(damage->boxes),
		.num_clips = damage->count,
	};

	if (damage->count && ioctl(bench->fd, DRM_IOCTL_MODE_DIRTYFB, &args))
		err(1, "DIRTYFB");
	damage->count = 0;
}

static void damage_run(const struct bench *bench, const struct object *object, struct damage *damage,
		       uint32_t first, uint32_t count, struct counters *counters)
{
	counters->sent += count;
	while (count) {
		uint32_t pages = next_box(object, first, count, &damage->boxes[damage->count++]);

		if (damage->count == DRM_MODE_FB_DIRTY_MAX_CLIPS)
			tell_damage(bench, object, damage);
		counters->transfers++;
		first += pages;
		count -= pages;
	}
}

static void transfer_runs(const struct bench *bench, const struct object *object,
			  const struct run *run, uint32_t count, struct counters *counters)
{
	const struct run *end = run + count;
	struct damage damage;

	if (!bench->crtc) {
		for (; run < end; run++)
			transfer_run(bench, object, run->first, run->count, counters);
		return;
	}

	damage.count = 0;
	for (; run < end; run++)
		damage_run(bench, object, &damage, run->first, run->count, counters);
	tell_damage(bench, object, &damage);
}

static void store(const struct object *object, const struct stores *stores, uint64_t value)
{
	const uint32_t *page = stores->pages, *end = page + stores->count;

	for (; page < end; page++)
		object->map[*page * (PLACED_PAGE / sizeof(*object->map))] = value;
}

/* Let the device have what was stored. */
static void send(const struct bench *bench, const struct method *method,
		 const struct object *object, struct counters *counters)
{
	if (method->coherent) {
		if (dirty_ioctl(bench, object->handle, DRM_GEM_DIRTY_FLUSH, 0))
			err(1, "flush");
	} else if (method == UPLOAD) {
		struct run all = { 0, object->pages };

		transfer_runs(bench, object, &all, 1, counters);
	} else {
		transfer_runs(bench, object, bench->stores.runs, bench->stores.num_runs, counters);
	}
}

static void quiet_frames(const struct bench *bench, const struct method *method,
			 const struct object *object)
{
	for (int i = 0; method->coherent && i < QUIET_FRAMES; i++)
		if (dirty_ioctl(bench, object->handle, DRM_GEM_DIRTY_FLUSH, 0))
			err(1, "flush");
	wait_for_device(bench);
}

/* What the tracker has counted, of all objects of the file. */
static struct counters read_counters(const struct bench *bench)
{
	struct counters counters = {};
	char line[128];
	int found = 0;
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", bench->fd);
	file = fopen(line, "r");
	if (!file)
		err(1, "%s", line);
	while (fgets(line, sizeof(line), file)) {
		found += sscanf(line, "drm-placed-faults: %" SCNu64, &counters.faults) == 1;
		found += sscanf(line, "drm-placed-scanned-pages: %" SCNu64, &counters.scanned) == 1;
		found += sscanf(line, "drm-placed-sent-pages: %" SCNu64, &counters.sent) == 1;
		found += sscanf(line, "drm-placed-transfers: %" SCNu64, &counters.transfers) == 1;
	}
	fclose(file);
	if (found != 4)
		errx(1, "fdinfo does not have the counters");

	return counters;
}

/* What an ioctl costs that comes as far as the object, and then has a fault. */
static uint64_t measure_refused(const struct bench *bench, const struct object *object)
{
	uint64_t start, total = 0;

	for (int i = 0; i < 18; i++) {
		start = cpu_time();
		if (!dirty_ioctl(bench, object->handle, DRM_GEM_DIRTY_FLUSH, 1))
			errx(1, "an offset of 1 was not refused");
		if (i >= 2)
			total += cpu_time() - start - bench->overhead;
	}

	return total / 16;
}

static uint64_t least(uint64_t mine, uint64_t other)
{
	return other < mine && mine - other <= INTERRUPTION ? other : mine;
}

/* The frame as it is if nothing interrupts it, as far as others like it show. */
static struct frame undisturbed(const struct frame *frames, int count, struct frame frame)
{
	struct frame quiet = frame;

	for (int i = 0; i < count; i++) {
		if (memcmp(&frames[i].counters, &frame.counters, sizeof(frame.counters)))
			continue;
		if (least(frame.writer, frames[i].writer) < quiet.writer)
			quiet.writer = frames[i].writer;
		if (least(frame.collection, frames[i].collection) < quiet.collection)
			quiet.collection = frames[i].collection;
	}

	return quiet;
}

static void print_frames(const struct method *method, const struct object *object,
			 const struct pattern *pattern, const struct frame *frames, int count)
{
	uint64_t writer = 0, collection = 0, written = 0;
	struct counters sum = {};

	for (int i = 0; i < count; i++) {
		struct frame frame = undisturbed(frames, count, frames[i]);

		writer += frame.writer;
		collection += frame.collection;
		written += frame.written;
		sum.faults += frames[i].counters.faults;
		sum.scanned += frames[i].counters.scanned;
		sum.sent += frames[i].counters.sent;
		sum.transfers += frames[i].counters.transfers;
	}
	if (sum.sent < written)
		errx(1, "%s, %s: %" PRIu64 " pages were written, and %" PRIu64 " sent",
		     pattern->name, method->name, written, sum.sent);

	printf("%llu,%s,%s,%d,%.0f,%.0f,%.0f,%.1f,%.1f,%.1f,%.1f,%.1f\n",
	       object->pages * PLACED_PAGE / MIB, pattern->name, method->name, count,
	       (double)writer / count, (double)collection / count,
	       (double)(writer + collection) / count, (double)written / count,
	       (double)sum.faults / count, (double)sum.scanned / count,
	       (double)sum.sent / count, (double)sum.transfers / count);
}

static struct frame do_frame(struct bench *bench, const struct method *method,
			     const struct object *object)
{
	struct counters counters = {}, before = {};
	uint64_t start, stored, sent;

	if (method->coherent)
		before = read_counters(bench);

	start = cpu_time();
	store(object, &bench->stores, start);
	stored = cpu_time();
	send(bench, method, object, &counters);
	sent = cpu_time();
	wait_for_device(bench);

	if (method->coherent) {
		counters = read_counters(bench);
		counters.faults -= before.faults;
		counters.scanned -= before.scanned;
		counters.sent -= before.sent;
		counters.transfers -= before.transfers;
	}

	return (struct frame) {
		.writer = stored - start - bench->overhead,
		.collection = sent - stored - bench->overhead,
		.written = bench->stores.count,
		.counters = counters,
	};
}

static void measure(struct bench *bench, const struct method *method,
		    const struct object *object, const struct pattern *pattern)
{
	int warm_up = method->forgetful && object->pages > 100000 ? 1 : pattern->warm_up;
	struct frame frames[MAX_FRAMES];
	uint64_t total = 0;
	int count = 0;

	quiet_frames(bench, method, object);

	for (int i = 0; count < pattern->frames; i++) {
		struct frame *frame = &frames[count];

		if (count >= MIN_FRAMES && total >= ENOUGH)
			break;

		clear_stores(&bench->stores);
		pattern->make(&bench->stores, object->pages, i);
		if (method == ORACLE)
			find_runs(&bench->stores, object->pages);

		*frame = do_frame(bench, method, object);
		if (i < warm_up)
			continue;
		total += frame->writer + frame->collection;
		count++;
	}

	print_frames(method, object, pattern, frames, count);
}

static void print_refused(const struct object *object, uint64_t cost)
{
	printf("%llu,refused,interleaved,16,0,%" PRIu64 ",%" PRIu64 ",0,0,0,0,0\n",
	       object->pages * PLACED_PAGE / MIB, cost, cost);
}

static void measure_method(struct bench *bench, const struct method *method,
			   struct object *object, uint64_t size)
{
	if (method->coherent)
		set_policy(method->name);
	if (!object->map || method->coherent)
		*object = map_object(bench, size, method->coherent);

	clear_stores(&bench->stores);
	make_full(&bench->stores, object->pages, 0);
	store(object, &bench->stores, 1);
	clear_stores(&bench->stores);

	if (method == &methods[0])
		print_refused(object, measure_refused(bench, object));
	for (unsigned int i = 0; i < PATTERNS; i++) {
		measure(bench, method, object, &patterns[i]);
		if (fflush(stdout))
			err(1, "stdout");
	}
}

static void measure_size(struct bench *bench, uint64_t size)
{
	struct object object = {};

	memset(&bench->stores, 0, sizeof(bench->stores));
	bench->stores.pages = calloc(size / PLACED_PAGE, sizeof(*bench->stores.pages));
	bench->stores.bits = calloc(size / PLACED_PAGE / 64 + 1, sizeof(*bench->stores.bits));
	/* No two runs touch. */
	bench->stores.runs = calloc(size / PLACED_PAGE / 2 + 1, sizeof(*bench->stores.runs));
	if (!bench->stores.pages || !bench->stores.bits || !bench->stores.runs)
		err(1, "memory");
	/* Its first use costs page faults. */
	memset(bench->stores.pages, 1, size / PLACED_PAGE * sizeof(*bench->stores.pages));

	for (unsigned int i = 0; i < METHODS; i++) {
		measure_method(bench, &methods[i], &object, size);
		/* The last two share one: making 1 GiB takes some seconds. */
		if (&methods[i] != UPLOAD)
			free_object(bench, &object);
		if (methods[i].coherent)
			object.map = NULL;
	}

	free(bench->stores.pages);
	free(bench->stores.bits);
	free(bench->stores.runs);
}

/* The only output there is. */
static void find_output(struct bench *bench)
{
	uint32_t crtcs[16], connectors[16];
	struct drm_mode_card_res res = {
		.count_crtcs = 16, .crtc_id_ptr = placed_addr(crtcs),
		.count_connectors = 16, .connector_id_ptr = placed_addr(connectors),
	};

	must(placed_ioctl(bench->fd, DRM_IOCTL_MODE_GETRESOURCES, &res), "find the outputs");
	if (!res.count_crtcs || !res.count_connectors)
		errx(1, "no outputs");
	bench->crtc = crtcs[0];
	bench->connector = connectors[0];
}

/* For the objects of a screen to be sent when the program says so, and at no other time. */
static void stop_refresh(void)
{
	char path[64];

	if (!placed_debugfs(placed_gpu(), "placed_break", path, sizeof(path)))
		errx(1, "no switches of %s", placed_gpu());
	write_file(path, "refresh");
}

static void open_bench(struct bench *bench)
{
	struct drm_gem_coherent coherent = { .flags = DRM_GEM_COHERENT_TO_DEVICE };
	uint64_t start;

	bench->fd = placed_open(placed_gpu());
	if (bench->fd < 0)
		errx(1, "no %s device: run in scripts/guest", placed_gpu());
	if (strcmp(placed_gpu(), "virtio_gpu")) {
		find_output(bench);
		stop_refresh();
	}

	must(placed_create(bench->fd, PLACED_PAGE, &bench->fence), "create an object");
	coherent.handle = bench->fence;
	must(placed_ioctl(bench->fd, DRM_IOCTL_GEM_COHERENT, &coherent), "make it coherent");
	if (coherent.state != DRM_GEM_COHERENT_TRACKED)
		errx(1, "the device is coherent by nature: there is nothing to measure");
	dirty_ioctl(bench, bench->fence, DRM_GEM_DIRTY_FLUSH, 0);
	wait_for_device(bench);

	write_file(HUGE_FILE, "force");

	for (int i = 0; i < 4; i++) {
		start = cpu_time();
		bench->overhead = cpu_time() - start;
	}
}

int main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 16, 256, 1024 };
	struct bench bench = {};

	open_bench(&bench);

	printf("mib,pattern,method,frames,writer,collection,total,written,faults,scanned,sent,transfers\n");
	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			measure_size(&bench, strtoul(argv[i], NULL, 0) * MIB);
		return 0;
	}

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure_size(&bench, sizes[i] * MIB);

	return 0;
}
