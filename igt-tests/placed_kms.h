/* SPDX-License-Identifier: MIT */
/*
 * A screen, buffers to show on it, what the host shows of it, and what the
 * driver did for that according to its tracepoints.
 */
#ifndef PLACED_KMS_H
#define PLACED_KMS_H

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "placed_helpers.h"
#include "placed_host.h"

#define KMS_COHERENT (PLACED_RW | DRM_GEM_MMAP_PLACED_COHERENT)

/* For what happens soon, on a machine that others use, too. */
#define KMS_PATIENCE 60.0

static inline double kms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static inline void kms_sleep(double seconds)
{
	struct timespec ts = { seconds, (seconds - (long)seconds) * 1e9 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* The files of the device in debugfs. */
static inline void kms_debugfs(const char *file, char path[64])
{
	igt_assert_f(placed_debugfs(placed_gpu(), file, path, 64),
		     "no debugfs directory of %s\n", placed_gpu());
}

/* Switch a mechanism of the tracker off, or all on again by "none". */
static inline void kms_break(const char *what)
{
	char path[64];
	FILE *f;

	kms_debugfs("placed_break", path);
	f = fopen(path, "w");
	igt_require_f(f, "no %s: the kernel lacks CONFIG_DRM_PLACED_BREAK\n", path);
	igt_assert(fprintf(f, "%s\n", what) > 0);
	igt_assert_eq(fclose(f), 0);
}

/* For igt_install_exit_handler(). */
static inline void kms_mend(int sig)
{
	char path[64];
	int fd;

	if (!placed_debugfs(placed_gpu(), "placed_break", path, sizeof(path)))
		return;
	fd = open(path, O_WRONLY);
	if (fd >= 0 && write(fd, "none", 4) != 4)
		perror(path);
	if (fd >= 0)
		close(fd);
}

/* Screens */

struct kms_screen {
	int fd;
	uint32_t connector, crtc, dpms;
	int num_modes;
	struct drm_mode_modeinfo modes[64];
	/* What is set, and the preferred one at first. */
	struct drm_mode_modeinfo mode;
};

static inline void kms_ioctl(int fd, unsigned long request, void *arg)
{
	igt_assert_eq(placed_ioctl(fd, request, arg), 0);
}

static inline struct kms_screen kms_find_screen(int fd)
{
	struct kms_screen screen = { .fd = fd };
	uint32_t connectors[8], crtcs[8], properties[64];
	uint64_t values[64];
	struct drm_mode_card_res res = {
		.connector_id_ptr = placed_addr(connectors), .count_connectors = 8,
		.crtc_id_ptr = placed_addr(crtcs), .count_crtcs = 8,
	};
	struct drm_mode_get_connector connector = {};

	kms_ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &res);
	igt_assert(res.count_connectors >= 1 && res.count_connectors <= 8);
	igt_assert(res.count_crtcs >= 1 && res.count_crtcs <= 8);
	screen.connector = connectors[0];
	screen.crtc = crtcs[0];

	/* With no room for modes, the kernel asks the display. */
	connector.connector_id = screen.connector;
	kms_ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	connector = (struct drm_mode_get_connector) {
		.connector_id = screen.connector,
		.modes_ptr = placed_addr(screen.modes), .count_modes = 64,
		.props_ptr = placed_addr(properties), .prop_values_ptr = placed_addr(values),
		.count_props = 64,
	};
	kms_ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	igt_assert(connector.count_modes >= 1 && connector.count_modes <= 64);
	igt_assert(connector.count_props <= 64);
	screen.num_modes = connector.count_modes;
	screen.mode = screen.modes[0];
	for (int i = screen.num_modes - 1; i >= 0; i--)
		if (screen.modes[i].type & DRM_MODE_TYPE_PREFERRED)
			screen.mode = screen.modes[i];

	for (uint32_t i = 0; i < connector.count_props; i++) {
		struct drm_mode_get_property property = { .prop_id = properties[i] };

		kms_ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &property);
		if (!strcmp(property.name, "DPMS"))
			screen.dpms = properties[i];
	}
	return screen;
}

/* The mode of this size. Returns whether there is one. */
static inline bool kms_pick_mode(struct kms_screen *screen, uint32_t width, uint32_t height)
{
	for (int i = 0; i < screen->num_modes; i++) {
		if (screen->modes[i].hdisplay != width || screen->modes[i].vdisplay != height)
			continue;
		screen->mode = screen->modes[i];
		return true;
	}
	return false;
}

static inline int kms_hz(const struct kms_screen *screen)
{
	return screen->mode.vrefresh ? screen->mode.vrefresh : 60;
}

/* Show a framebuffer from this pixel of it on. */
static inline void kms_show_at(const struct kms_screen *screen, uint32_t fb, uint32_t x, uint32_t y)
{
	struct drm_mode_crtc crtc = {
		.set_connectors_ptr = placed_addr(&screen->connector), .count_connectors = 1,
		.crtc_id = screen->crtc, .fb_id = fb, .x = x, .y = y,
		.mode_valid = 1, .mode = screen->mode,
	};

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

static inline void kms_off(const struct kms_screen *screen)
{
	struct drm_mode_crtc crtc = { .crtc_id = screen->crtc };

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

static inline void kms_dpms(const struct kms_screen *screen, uint64_t value)
{
	struct drm_mode_connector_set_property set = {
		.value = value, .prop_id = screen->dpms, .connector_id = screen->connector,
	};

	igt_assert(screen->dpms);
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_SETPROPERTY, &set);
}

static inline void kms_dirty(const struct kms_screen *screen, uint32_t fb,
			     const struct drm_clip_rect *clips, uint32_t count)
{
	struct drm_mode_fb_dirty_cmd dirty = {
		.fb_id = fb, .num_clips = count, .clips_ptr = placed_addr(clips),
	};

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_DIRTYFB, &dirty);
}

/* Flip, and wait until it is done. */
static inline void kms_flip(const struct kms_screen *screen, uint32_t fb)
{
	struct drm_mode_crtc_page_flip flip = {
		.crtc_id = screen->crtc, .fb_id = fb, .flags = DRM_MODE_PAGE_FLIP_EVENT,
	};
	struct pollfd readable = { .fd = screen->fd, .events = POLLIN };
	char events[256];

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip);
	igt_assert_eq(poll(&readable, 1, KMS_PATIENCE * 1000), 1);
	igt_assert(read(screen->fd, events, sizeof(events)) >= (ssize_t)sizeof(struct drm_event));
}

/* Atomic updates, of which there are few */

static inline uint32_t kms_property(const struct kms_screen *screen, uint32_t object,
				    uint32_t type, const char *name)
{
	uint32_t ids[64];
	uint64_t values[64];
	struct drm_mode_obj_get_properties get = {
		.props_ptr = placed_addr(ids), .prop_values_ptr = placed_addr(values),
		.count_props = 64, .obj_id = object, .obj_type = type,
	};

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &get);
	igt_assert(get.count_props <= 64);
	for (uint32_t i = 0; i < get.count_props; i++) {
		struct drm_mode_get_property property = { .prop_id = ids[i] };

		kms_ioctl(screen->fd, DRM_IOCTL_MODE_GETPROPERTY, &property);
		if (!strcmp(property.name, name))
			return ids[i];
	}
	return 0;
}

/* The plane that shows something. */
static inline uint32_t kms_primary(const struct kms_screen *screen)
{
	struct drm_set_client_cap planes = { DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1 };
	struct drm_set_client_cap atomic = { DRM_CLIENT_CAP_ATOMIC, 1 };
	uint32_t ids[64];
	struct drm_mode_get_plane_res res = { .plane_id_ptr = placed_addr(ids), .count_planes = 64 };

	kms_ioctl(screen->fd, DRM_IOCTL_SET_CLIENT_CAP, &planes);
	kms_ioctl(screen->fd, DRM_IOCTL_SET_CLIENT_CAP, &atomic);
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &res);
	for (uint32_t i = 0; i < res.count_planes && i < 64; i++) {
		struct drm_mode_get_plane plane = { .plane_id = ids[i] };

		kms_ioctl(screen->fd, DRM_IOCTL_MODE_GETPLANE, &plane);
		if (plane.crtc_id == screen->crtc)
			return plane.plane_id;
	}
	/* None that shows: the first that could. */
	return ids[0];
}

static inline bool kms_has_damage(const struct kms_screen *screen)
{
	return kms_property(screen, kms_primary(screen), DRM_MODE_OBJECT_PLANE,
			    "FB_DAMAGE_CLIPS");
}

static inline uint32_t kms_blob(const struct kms_screen *screen, void *data, uint32_t length)
{
	struct drm_mode_create_blob blob = { .data = placed_addr(data), .length = length };

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob);
	return blob.blob_id;
}

/* Show a framebuffer in the mode that is set, with damage. */
static inline void kms_commit(const struct kms_screen *screen, uint32_t fb, uint64_t damage)
{
	uint32_t plane = kms_primary(screen), count = 2;
	uint32_t ids[] = {
		kms_property(screen, plane, DRM_MODE_OBJECT_PLANE, "FB_ID"),
		kms_property(screen, plane, DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS"),
	};
	uint64_t values[] = { fb, damage };
	struct drm_mode_atomic commit = {
		.count_objs = 1, .objs_ptr = placed_addr(&plane),
		.count_props_ptr = placed_addr(&count), .props_ptr = placed_addr(ids),
		.prop_values_ptr = placed_addr(values),
	};

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_ATOMIC, &commit);
}

/* Buffers */

struct kms_buffer {
	uint32_t handle, fb, width, height, pitch;
	uint64_t size, pages;
	/* What events and debugfs call it. */
	uint64_t object;
	uint32_t *map;
};

/* Not mapped, not coherent. */
static inline struct kms_buffer kms_create(const struct kms_screen *screen,
					   uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
	struct kms_buffer buffer = { .width = width, .height = height };
	struct drm_mode_fb_cmd add = { .width = width, .height = height, .bpp = 32, .depth = 24 };
	uint64_t offset;

	kms_ioctl(screen->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	buffer.handle = create.handle;
	buffer.pitch = create.pitch;
	buffer.size = (create.size + PLACED_PAGE - 1) & ~(PLACED_PAGE - 1);
	buffer.pages = buffer.size / PLACED_PAGE;

	igt_assert_eq(placed_fake_offset(screen->fd, buffer.handle, &offset), 0);
	buffer.object = offset / PLACED_PAGE;

	add.pitch = buffer.pitch;
	add.handle = buffer.handle;
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_ADDFB, &add);
	buffer.fb = add.fb_id;
	return buffer;
}

static inline void kms_map(const struct kms_screen *screen, struct kms_buffer *buffer)
{
	buffer->map = placed_must_map(screen->fd, (struct drm_gem_mmap_placed) {
		.handle = buffer->handle, .flags = KMS_COHERENT, .length = buffer->size,
	});
}

static inline struct kms_buffer kms_create_coherent(const struct kms_screen *screen,
						    uint32_t width, uint32_t height)
{
	struct kms_buffer buffer = kms_create(screen, width, height);

	kms_map(screen, &buffer);
	return buffer;
}

/* One that fills the screen. */
static inline struct kms_buffer kms_create_full(const struct kms_screen *screen)
{
	return kms_create_coherent(screen, screen->mode.hdisplay, screen->mode.vdisplay);
}

static inline void kms_remove_fb(const struct kms_screen *screen, struct kms_buffer *buffer)
{
	kms_ioctl(screen->fd, DRM_IOCTL_MODE_RMFB, &buffer->fb);
	buffer->fb = 0;
}

static inline void kms_destroy(const struct kms_screen *screen, struct kms_buffer *buffer)
{
	if (buffer->map)
		placed_unmap(buffer->map, buffer->size);
	if (buffer->fb)
		kms_remove_fb(screen, buffer);
	if (buffer->handle)
		igt_assert_eq(placed_close_handle(screen->fd, buffer->handle), 0);
}

static inline volatile uint32_t *kms_pixel(const struct kms_buffer *buffer, uint32_t x, uint32_t y)
{
	return buffer->map + (size_t)y * (buffer->pitch / 4) + x;
}

/* A value that nothing had before. */
static inline uint32_t kms_new_value(void)
{
	static uint32_t value;

	value = value * 1664525 + 1013904223;
	/* The uppermost byte is not on the screen, and the lowest bits repeat soon. */
	return value >> 8;
}

static inline void kms_store_word(const struct kms_buffer *buffer, uint64_t word)
{
	((volatile uint32_t *)buffer->map)[word] = kms_new_value();
}

static inline void kms_store_page(const struct kms_buffer *buffer, uint64_t page)
{
	kms_store_word(buffer, page * (PLACED_PAGE / 4) + page * 37 % (PLACED_PAGE / 4));
}

static inline void kms_fill(const struct kms_buffer *buffer)
{
	uint32_t value = kms_new_value();

	for (uint32_t y = 0; y < buffer->height; y++)
		for (uint32_t x = 0; x < buffer->width; x++)
			*kms_pixel(buffer, x, y) = value + x * 3 + (y << 12) + x * y;
}

/* Send now, and wait for the device. Returns 0 or the negative errno. */
static inline int kms_flush(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	struct drm_gem_dirty dirty = {
		.handle = buffer->handle, .flags = DRM_GEM_DIRTY_FLUSH | DRM_GEM_DIRTY_WAIT,
	};

	return placed_ioctl(screen->fd, DRM_IOCTL_GEM_DIRTY, &dirty);
}

/* Pages that are written and not sent. */
static inline uint64_t kms_unsent(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	uint32_t room = buffer->pages / 2 + 1;
	struct drm_gem_dirty_run *runs = calloc(room, sizeof(*runs));
	struct drm_gem_dirty dirty = {
		.handle = buffer->handle, .flags = DRM_GEM_DIRTY_QUERY,
		.runs = placed_addr(runs), .count = room,
	};

	igt_assert(runs);
	kms_ioctl(screen->fd, DRM_IOCTL_GEM_DIRTY, &dirty);
	free(runs);
	return dirty.pages;
}

/* Is there nothing of the object to look at before the next fault? */
static inline bool kms_is_quiet(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	unsigned long long object, cold, hot, huge;
	bool quiet = false, found = false;
	char path[64], line[512];
	FILE *f;

	kms_debugfs("placed_coherent", path);
	f = fopen(path, "r");
	igt_assert_f(f, "no %s\n", path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %llx %*x %*s %llu %llu %llu", &object, &cold, &hot, &huge) != 4 ||
		    object != buffer->object)
			continue;
		found = true;
		quiet = !cold && !hot && !huge;
	}
	fclose(f);
	igt_assert_f(found, "no object %#llx in %s\n", (unsigned long long)buffer->object, path);
	return quiet && !kms_unsent(screen, buffer);
}

/* Of an object that is shown. Asks for nothing to be sent. */
static inline void kms_wait_quiet(const struct kms_screen *screen, const struct kms_buffer *buffer)
{
	struct drm_gem_dirty dirty = { .handle = buffer->handle, .flags = DRM_GEM_DIRTY_WAIT };
	double end = kms_now() + KMS_PATIENCE;

	while (!kms_is_quiet(screen, buffer)) {
		igt_assert_f(kms_now() < end, "object %#llx does not come to rest\n",
			     (unsigned long long)buffer->object);
		kms_sleep(0.005);
	}
	kms_ioctl(screen->fd, DRM_IOCTL_GEM_DIRTY, &dirty);
}

/* What the host shows */

struct kms_picture {
	uint32_t width, height;
	uint8_t *rgb;
};

static inline bool kms_has_host(void)
{
	int port = placed_open_host();

	if (port >= 0)
		close(port);
	return port >= 0;
}

/* As PPM, by the port: nothing else may be there after a suspend. */
static inline struct kms_picture kms_screendump(void)
{
	int port = placed_open_host(), start = 0;
	struct kms_picture picture;
	char answer[256], *file;
	size_t size;

	igt_assert(port >= 0);
	igt_assert_eq(placed_ask_port(port, "screendump", answer, sizeof(answer),
				      2 * KMS_PATIENCE), 0);
	igt_assert_f(sscanf(answer, "go %zu", &size) == 1 && size < 1u << 30,
		     "the host says \"%s\"\n", answer);
	file = calloc(1, size + 1);
	igt_assert(file);
	igt_assert_eq(placed_read_host(port, file, size, KMS_PATIENCE), 0);
	close(port);

	/* One white space, and no more than that: the next byte may look like one. */
	igt_assert_eq(sscanf(file, "P6 %u %u 255%n", &picture.width, &picture.height, &start), 2);
	igt_assert(start++);
	igt_assert(picture.width <= 16384 && picture.height <= 16384);
	igt_assert_eq_u64(start + (size_t)picture.width * picture.height * 3, size);
	memmove(file, file + start, size - start);
	picture.rgb = (uint8_t *)file;
	return picture;
}

/* How many pixels of the screen are not what they should be, and which is the first? */
static inline uint64_t kms_compare(const struct kms_screen *screen, const uint32_t *want,
				   uint32_t pitch, char *first, size_t size)
{
	struct kms_picture picture = kms_screendump();
	uint64_t wrong = 0;

	if (picture.width != screen->mode.hdisplay || picture.height != screen->mode.vdisplay) {
		snprintf(first, size, "the screen has %ux%u pixels and not %ux%u", picture.width,
			 picture.height, screen->mode.hdisplay, screen->mode.vdisplay);
		free(picture.rgb);
		return 1;
	}
	for (uint32_t y = 0; y < screen->mode.vdisplay; y++) {
		const uint8_t *rgb = picture.rgb + (size_t)y * picture.width * 3;

		for (uint32_t x = 0; x < screen->mode.hdisplay; x++, rgb += 3) {
			uint32_t have = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
			uint32_t should = want[(size_t)y * (pitch / 4) + x] & 0xffffff;

			if (have != should && !wrong++)
				snprintf(first, size, "pixel %u,%u is %06x on the screen and not %06x",
					 x, y, have, should);
		}
	}
	free(picture.rgb);
	return wrong;
}

/* The screen shows these pixels. */
static inline void kms_expect(const struct kms_screen *screen, const uint32_t *want, uint32_t pitch)
{
	char first[128] = "";
	uint64_t wrong = kms_compare(screen, want, pitch, first, sizeof(first));

	igt_assert_f(!wrong, "%llu wrong: %s\n", (unsigned long long)wrong, first);
}

/* The screen shows the buffer, as soon as the driver has come to rest. */
static inline void kms_expect_buffer(const struct kms_screen *screen,
				     const struct kms_buffer *buffer)
{
	kms_wait_quiet(screen, buffer);
	kms_expect(screen, buffer->map, buffer->pitch);
}

/* What the driver did */

#define TRACE_DIR "/sys/kernel/tracing/instances/placed_kms"

enum {
	TRACE_SET_SCANOUT = 0x103,
	TRACE_FLUSH = 0x104,
	TRACE_TRANSFER = 0x105,
	TRACE_TRANSFER_RANGES = 0x400,
};

enum trace_kind { TRACE_SENT, TRACE_COLLECT, TRACE_COMMAND };

struct trace_event {
	enum trace_kind kind;
	double time;
	uint64_t object;
	/* Pages sent. */
	uint64_t first, count;
	/* Type of a command to the device. */
	uint32_t type;
};

struct trace {
	struct trace_event *events;
	size_t count;
};

static inline void trace_write(const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE_DIR "/%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	igt_assert_f(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value),
		     "cannot write %s\n", path);
	close(fd);
}

/* Forget what was, and look at what comes. */
static inline void trace_start(void)
{
	igt_assert(!mkdir(TRACE_DIR, 0755) || errno == EEXIST);
	trace_write("tracing_on", "0");
	trace_write("buffer_size_kb", "4096");
	trace_write("trace", "");
	trace_write("events/drm_placed/drm_placed_transfer/enable", "1");
	trace_write("events/drm_placed/drm_placed_collect/enable", "1");
	if (placed_gpu_is_virtio())
		trace_write("events/virtio_gpu/virtio_gpu_cmd_queue/enable", "1");
	trace_write("tracing_on", "1");
}

/* Everything since, until the next read; what comes is still looked at. */
static inline struct trace trace_read(void)
{
	FILE *f = fopen(TRACE_DIR "/trace", "r");
	static struct trace trace;
	char line[512];

	igt_assert(f);
	free(trace.events);
	trace = (struct trace) {};
	while (fgets(line, sizeof(line), f)) {
		unsigned long long object = 0, first = 0, count = 0, kept, written;
		struct trace_event event = {};
		const char *at, *time;
		unsigned int type = 0;

		if (sscanf(line, "# entries-in-buffer/entries-written: %llu/%llu", &kept, &written) == 2)
			igt_assert_eq_u64(kept, written);
		if ((at = strstr(line, ": drm_placed_transfer: "))) {
			event.kind = TRACE_SENT;
			igt_assert_eq(sscanf(at, ": drm_placed_transfer: object=%llx first=%llu count=%llu",
					     &object, &first, &count), 3);
		} else if ((at = strstr(line, ": drm_placed_collect: "))) {
			event.kind = TRACE_COLLECT;
			igt_assert_eq(sscanf(at, ": drm_placed_collect: object=%llx dirty=%*u sent=%llu",
					     &object, &count), 2);
		} else if ((at = strstr(line, ": virtio_gpu_cmd_queue: "))) {
			event.kind = TRACE_COMMAND;
			at = strstr(at, " type=");
			igt_assert(at && sscanf(at, " type=%x", &type) == 1);
			at = strstr(line, ": virtio_gpu_cmd_queue: ");
		} else {
			continue;
		}

		for (time = at; time > line && time[-1] != ' '; time--)
			;
		event.time = strtod(time, NULL);
		event.object = object;
		event.first = first;
		event.count = count;
		event.type = type;

		if (!(trace.count & (trace.count - 1))) {
			size_t room = trace.count ? trace.count * 2 : 1;

			trace.events = realloc(trace.events, room * sizeof(event));
			igt_assert(trace.events);
		}
		trace.events[trace.count++] = event;
	}
	fclose(f);
	return trace;
}

static inline void trace_stop(int sig)
{
	int fd = open(TRACE_DIR "/events/enable", O_WRONLY);

	if (fd >= 0) {
		if (write(fd, "0", 1) != 1)
			perror(TRACE_DIR);
		close(fd);
		rmdir(TRACE_DIR);
	}
}

/* Commands of a type. */
static inline unsigned int trace_commands(const struct trace *trace, uint32_t type)
{
	unsigned int count = 0;

	for (size_t i = 0; i < trace->count; i++)
		count += trace->events[i].kind == TRACE_COMMAND && trace->events[i].type == type;
	return count;
}

/* Events of a kind that concern the object. */
static inline unsigned int trace_count(const struct trace *trace, enum trace_kind kind,
				       const struct kms_buffer *buffer)
{
	unsigned int count = 0;

	for (size_t i = 0; i < trace->count; i++)
		count += trace->events[i].kind == kind && trace->events[i].object == buffer->object;
	return count;
}

/*
 * That many runs were sent: by a command each, or if the device takes ranges, by one
 * for each collection that found any. A device without copies is sent nothing.
 */
static inline void trace_expect_runs(const struct trace *trace, const struct kms_buffer *buffer,
				     unsigned int runs)
{
	unsigned int collections = 0;

	igt_assert_eq(trace_count(trace, TRACE_SENT, buffer), runs);
	if (!placed_gpu_is_virtio())
		return;

	if (!placed_gpu_has(PLACED_VIRTIO_RANGES)) {
		igt_assert_eq(trace_commands(trace, TRACE_TRANSFER_RANGES), 0);
		igt_assert_eq(trace_commands(trace, TRACE_TRANSFER), runs);
		return;
	}

	for (size_t i = 0; i < trace->count; i++)
		collections += trace->events[i].kind == TRACE_COLLECT && trace->events[i].count;
	igt_assert_eq(trace_commands(trace, TRACE_TRANSFER), 0);
	igt_assert_eq(trace_commands(trace, TRACE_TRANSFER_RANGES), collections);
}

/* Pages that were sent of the object. */
static inline uint64_t trace_sent(const struct trace *trace, const struct kms_buffer *buffer)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < trace->count; i++)
		if (trace->events[i].kind == TRACE_SENT &&
		    trace->events[i].object == buffer->object)
			pages += trace->events[i].count;
	return pages;
}

/*
 * Was a page sent more than once? Stores that a collection meets half way are: after the
 * fault, and before the access comes again.
 */
static inline bool trace_sent_twice(const struct trace *trace, const struct kms_buffer *buffer)
{
	uint8_t *sent = calloc(1, buffer->pages);
	bool twice = false;

	igt_assert(sent);
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->events[i];

		if (event->kind != TRACE_SENT || event->object != buffer->object)
			continue;
		for (uint64_t page = event->first; page < event->first + event->count &&
		     page < buffer->pages; page++) {
			twice |= sent[page];
			sent[page] = 1;
		}
	}
	free(sent);
	return twice;
}

/* Exactly these pages of the object were sent, each once, and none of another one. */
static inline void trace_expect_pages(const struct trace *trace, const struct kms_buffer *buffer,
				      const uint64_t *pages, size_t count)
{
	uint8_t *left = calloc(1, buffer->pages);

	igt_assert(left);
	for (size_t i = 0; i < count; i++)
		left[pages[i]] = 1;

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->events[i];

		if (event->kind != TRACE_SENT)
			continue;
		igt_assert_eq_u64(event->object, buffer->object);
		for (uint64_t page = event->first; page < event->first + event->count; page++) {
			igt_assert_f(page < buffer->pages && left[page],
				     "page %llu was sent, %s\n", (unsigned long long)page,
				     page < buffer->pages ? "again or for nothing" :
							    "which the object does not have");
			left[page] = 0;
		}
	}
	for (uint64_t page = 0; page < buffer->pages; page++)
		igt_assert_f(!left[page], "page %llu was not sent\n", (unsigned long long)page);
	free(left);
}

#endif
