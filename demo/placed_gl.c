// SPDX-License-Identifier: MIT
/*
 * Usage: placed_gl [--offer WHO]
 *
 * An animation of OpenGL 4.5, whose vertices are all in one buffer that stays mapped:
 * persistent and coherent, with no flush and no call that uploads. The program stores
 * what moves, draws, and shows the frame; fences keep it out of the third of the buffer
 * that is drawn from, as in any program that streams. The device has no blobs: its memory
 * and the program's are not the same, and what is stored has to be sent, page by page.
 *
 * Thousands of shards leave the rings that they rest in, and make a gem. The program
 * computes what the screen has to show, and compares it with what the host sees. The last
 * frame stays after the program has ended.
 *
 * --offer: say what the Mesa that it runs with offers WHO, and no more.
 */
#include <math.h>
#include <poll.h>

/* libdrm's of the same name is older. */
#include <drm/virtgpu_drm.h>
#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <gbm.h>

#include "expect.h"
#include "placed_host.h"
#include "screen.h"

#define FRAMES 150
/* Frames that the flight of a shard takes, and how many of the last have not arrived. */
#define FLIGHT 40
#define LATE 20

/* Each facet of the gem is cut into so many shards, the square of it. */
#define CUT 32
#define SHARDS (CUT_GEM_FACETS * CUT * CUT)

/* Of the buffer: one is stored to while the others may still be drawn from. */
#define THIRDS 3
#define THIRD (SHARDS * sizeof(struct shard))

#define SCREENS 3

#define GEM_X 905
#define GEM_Y 400
#define GEM_SCALE 1.45

#define PATIENCE 60

struct vertex {
	float x, y;
	/* Red, green, blue, and nothing. */
	uint8_t color[4];
};

/* A triangle, as it is in the buffer. */
struct shard {
	struct vertex corners[3];
};

/* Where a shard belongs, in the units of the layout, and where it comes from. */
struct home {
	double points[3][2], x, y;
	struct color color, away;
	double angle, radius;
	double start;
};

struct counts {
	uint64_t stored, sent;
};

struct shown {
	struct gbm_bo *bo;
	GLuint framebuffer;
	uint32_t fb;
};

struct demo {
	struct screen screen;
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLContext context;
	struct shown shown[SCREENS];

	struct home *homes;
	struct shard *map;
	GLsync fences[THIRDS];
	GLuint buffer, background, behind, shards, no_vertices, vertices;

	cairo_surface_t *picture;
	struct counts counts[FRAMES];
	uint64_t sent;
	bool flipping;
};

/* What the host has counted. */
struct host {
	unsigned long long commands, ranges, bytes;
};

static struct host ask_host(void)
{
	struct host host;
	char answer[256];
	int ret = placed_ask_host("host", answer, sizeof(answer), PATIENCE);

	if (ret)
		die("the host does not answer: %s", strerror(-ret));
	if (sscanf(answer, "%*s %*s %*s %*s %*s %*s %llu %llu %llu", &host.commands, &host.ranges,
		   &host.bytes) != 3)
		die("the host says \"%s\"", answer);
	return host;
}

/* Pages that the kernel has sent for this file, as bytes. */
static uint64_t sent_so_far(const struct demo *demo)
{
	unsigned long long pages = 0;
	char path[64], line[128];
	FILE *fdinfo;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", demo->screen.fd);
	fdinfo = fopen(path, "r");
	if (!fdinfo)
		die("cannot read %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), fdinfo))
		sscanf(line, "drm-placed-sent-pages: %llu", &pages);
	fclose(fdinfo);
	return pages * PLACED_PAGE;
}

/* OpenGL */

static void open_gl(struct demo *demo)
{
	static const EGLint attribs[] = {
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT,
		/* At least: it is the highest that there is. */
		EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 2, EGL_NONE
	};

	demo->gbm = gbm_create_device(demo->screen.fd);
	if (!demo->gbm)
		die("no OpenGL on this device: run it with scripts/run --device virgl");
	demo->display = eglGetPlatformDisplayEXT(EGL_PLATFORM_GBM_KHR, demo->gbm, NULL);
	if (demo->display == EGL_NO_DISPLAY || !eglInitialize(demo->display, NULL, NULL) ||
	    !eglBindAPI(EGL_OPENGL_API))
		die("EGL does not start: 0x%x", eglGetError());
	demo->context = eglCreateContext(demo->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attribs);
	if (demo->context == EGL_NO_CONTEXT ||
	    !eglMakeCurrent(demo->display, EGL_NO_SURFACE, EGL_NO_SURFACE, demo->context))
		die("no context of OpenGL: 0x%x", eglGetError());
}

static bool has_storage(void)
{
	return epoxy_has_gl_extension("GL_ARB_buffer_storage");
}

static void gl_ok(const char *what)
{
	GLenum error = glGetError();

	if (error)
		die("%s: OpenGL says 0x%x", what, error);
}

static GLuint shader(GLenum kind, const char *source)
{
	GLuint shader = glCreateShader(kind);
	GLint compiled = 0;
	char log[200] = "";

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &compiled);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	if (!compiled)
		die("a shader does not compile: %s", log);
	return shader;
}

static GLuint program(const char *vertex, const char *fragment)
{
	GLuint program = glCreateProgram();
	GLint linked = 0;

	glAttachShader(program, shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(program, shader(GL_FRAGMENT_SHADER, fragment));
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &linked);
	if (!linked)
		die("a program does not link");
	return program;
}

/* Buffers that can be shown, and drawn to. */
static void create_shown(struct demo *demo, struct shown *shown)
{
	const drmModeModeInfo *mode = &demo->screen.mode;
	EGLImageKHR image;
	GLuint texture;

	shown->bo = gbm_bo_create(demo->gbm, mode->hdisplay, mode->vdisplay, GBM_FORMAT_XRGB8888,
				  GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
	if (!shown->bo)
		die("no buffer to show: %s", strerror(errno));
	if (drmModeAddFB(demo->screen.fd, mode->hdisplay, mode->vdisplay, 24, 32,
			 gbm_bo_get_stride(shown->bo), gbm_bo_get_handle(shown->bo).u32,
			 &shown->fb))
		die("cannot make a framebuffer: %s", strerror(errno));

	image = eglCreateImageKHR(demo->display, EGL_NO_CONTEXT, EGL_NATIVE_PIXMAP_KHR,
				  (EGLClientBuffer)shown->bo, NULL);
	if (image == EGL_NO_IMAGE_KHR)
		die("no image of a buffer to show: 0x%x", eglGetError());
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glEGLImageTargetTexture2DOES(GL_TEXTURE_2D, image);
	glCreateFramebuffers(1, &shown->framebuffer);
	glNamedFramebufferTexture(shown->framebuffer, GL_COLOR_ATTACHMENT0, texture, 0);
	gl_ok("a buffer to show");
	if (glCheckNamedFramebufferStatus(shown->framebuffer, GL_FRAMEBUFFER) !=
	    GL_FRAMEBUFFER_COMPLETE)
		die("cannot draw to a buffer that can be shown");
}

/* The one buffer, mapped once and for all. */
static void create_buffer(struct demo *demo)
{
	const GLbitfield flags = GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;

	glCreateBuffers(1, &demo->buffer);
	glNamedBufferStorage(demo->buffer, THIRDS * THIRD, NULL, flags);
	demo->map = glMapNamedBufferRange(demo->buffer, 0, THIRDS * THIRD, flags);
	gl_ok("a persistent buffer");

	glCreateVertexArrays(1, &demo->vertices);
	glVertexArrayVertexBuffer(demo->vertices, 0, demo->buffer, 0, sizeof(struct vertex));
	glEnableVertexArrayAttrib(demo->vertices, 0);
	glEnableVertexArrayAttrib(demo->vertices, 1);
	glVertexArrayAttribBinding(demo->vertices, 0, 0);
	glVertexArrayAttribBinding(demo->vertices, 1, 0);
	glVertexArrayAttribFormat(demo->vertices, 0, 2, GL_FLOAT, GL_FALSE,
				  offsetof(struct vertex, x));
	glVertexArrayAttribFormat(demo->vertices, 1, 3, GL_UNSIGNED_BYTE, GL_TRUE,
				  offsetof(struct vertex, color));
	gl_ok("an array of vertices");
}

static void create_programs(struct demo *demo)
{
	demo->behind = program("#version 450\n"
			       "void main() {\n"
			       "	vec2 at = vec2(gl_VertexID & 1, gl_VertexID >> 1);\n"
			       "	gl_Position = vec4(at * 4 - 1, 0, 1);\n"
			       "}\n",
			       "#version 450\n"
			       "layout(binding = 0) uniform sampler2D picture;\n"
			       "out vec4 color;\n"
			       "void main() {\n"
			       "	color = texelFetch(picture, ivec2(gl_FragCoord.xy), 0);\n"
			       "}\n");
	demo->shards = program("#version 450\n"
			       "layout(location = 0) in vec2 at;\n"
			       "layout(location = 1) in vec3 color_in;\n"
			       "layout(location = 0) uniform vec2 size;\n"
			       "flat out vec3 color;\n"
			       "void main() {\n"
			       "	gl_Position = vec4(at / size * 2 - 1, 0, 1);\n"
			       "	color = color_in;\n"
			       "}\n",
			       "#version 450\n"
			       "flat in vec3 color;\n"
			       "out vec4 result;\n"
			       "void main() { result = vec4(color, 1); }\n");
	glProgramUniform2f(demo->shards, 0, demo->screen.mode.hdisplay, demo->screen.mode.vdisplay);
	glCreateVertexArrays(1, &demo->no_vertices);

	glCreateTextures(GL_TEXTURE_2D, 1, &demo->background);
	glTextureStorage2D(demo->background, 1, GL_RGBA8, demo->screen.mode.hdisplay,
			   demo->screen.mode.vdisplay);
	gl_ok("programs and a texture");
}

/* The shards */

/* Between 0 and 1, and always the same for the same number. */
static double scatter(uint32_t i)
{
	i = (i ^ 61) ^ i >> 16;
	i *= 9;
	i ^= i >> 4;
	i *= 0x27d4eb2d;
	return (i ^ i >> 15) / 4294967296.0;
}

static void cut_facet(const struct facet *facet, int row, int column, double points[3][2])
{
	/* Rows of a triangle have 1, 3, 5, ... shards, every second upside down. */
	int corners[3][2] = { { row, column / 2 }, { row + 1, column / 2 },
			      { row + 1, column / 2 + 1 } };

	if (column % 2) {
		corners[1][0] = row;
		corners[1][1] = column / 2 + 1;
	}
	for (int i = 0; i < 3; i++) {
		double down = corners[i][0] / (double)CUT, across = corners[i][1] / (double)CUT;

		for (int j = 0; j < 2; j++)
			points[i][j] = facet->points[0][j] +
				       (facet->points[1][j] - facet->points[0][j]) * down +
				       (facet->points[2][j] - facet->points[1][j]) * across;
	}
}

static int compare_homes(const void *a, const void *b)
{
	const struct home *first = a, *second = b;

	return first->start < second->start ? -1 : first->start > second->start;
}

/* In the order in which they leave: those of the tip are the first. */
static void create_homes(struct demo *demo)
{
	struct home *home;

	demo->homes = home = calloc(SHARDS, sizeof(*home));
	if (!home)
		die("no memory for the shards");
	for (int f = 0; f < CUT_GEM_FACETS; f++)
		for (int row = 0; row < CUT; row++)
			for (int column = 0; column <= 2 * row; column++, home++) {
				double light = cut_gem[f].light;

				cut_facet(&cut_gem[f], row, column, home->points);
				for (int i = 0; i < 3; i++) {
					home->x += home->points[i][0] / 3;
					home->y += home->points[i][1] / 3;
				}
				light += 0.24 * scatter(home - demo->homes) - 0.12;
				home->color = facet_color(fmin(fmax(light, 0), 1));
				home->start = 26 * scatter(2 * (home - demo->homes)) - home->y;
			}
	qsort(demo->homes, SHARDS, sizeof(*home), compare_homes);

	for (int i = 0; i < SHARDS; i++) {
		int ring = i % 5;
		double share = 0.62 - 0.08 * ring;
		struct color color = ring % 2 ? second : first;

		home = &demo->homes[i];
		home->radius = 178 + 13 * ring + 9 * scatter(3 * i) - 4.5;
		home->angle = 2 * M_PI * scatter(5 * i + 1);
		/* As if it was not quite there: the sky is behind it. */
		home->away = (struct color){
			0.12 + (color.r - 0.12) * share, 0.12 + (color.g - 0.12) * share,
			0.25 + (color.b - 0.25) * share,
		};
		home->start = i * (FRAMES - LATE) / (double)SHARDS;
	}
}

static uint8_t blend(double from, double to, double share)
{
	return lrint(255 * fmin(fmax(from + (to - from) * share, 0), 1));
}

/* A shard in a frame, on this screen. */
static struct shard place(const struct demo *demo, const struct home *home, int frame)
{
	double way = fmin(fmax((frame - home->start) / FLIGHT, 0), 1);
	double share = way * way * (3 - 2 * way);
	double angle = atan2(home->y, home->x), radius = hypot(home->x, home->y);
	double turn = remainder(home->angle - angle, 2 * M_PI), size, spin, x, y;
	struct shard shard;

	/* In on a spiral, and turning on its own. */
	angle += (1 - share) * (turn + (way > 0 ? 0.9 * sin(M_PI * way) : 0));
	radius += (1 - share) * (home->radius - radius);
	x = radius * cos(angle);
	y = radius * sin(angle);
	spin = (1 - share) * (4 * M_PI * (1 - way) + home->angle);
	size = 0.4 + 0.6 * share + 0.5 * sin(M_PI * way);

	for (int i = 0; i < 3; i++) {
		double dx = home->points[i][0] - home->x, dy = home->points[i][1] - home->y;

		shard.corners[i] = (struct vertex){
			.x = (GEM_X + GEM_SCALE * (x + size * (dx * cos(spin) - dy * sin(spin)))) *
			     demo->screen.mode.hdisplay / LAYOUT_WIDTH,
			.y = (GEM_Y + GEM_SCALE * (y + size * (dx * sin(spin) + dy * cos(spin)))) *
			     demo->screen.mode.vdisplay / LAYOUT_HEIGHT,
			.color = { blend(home->away.r, home->color.r, share),
				   blend(home->away.g, home->color.g, share),
				   blend(home->away.b, home->color.b, share) },
		};
	}
	return shard;
}

/* Has it moved since the frame before that used the same third? */
static bool has_moved(const struct home *home, int frame)
{
	return frame < THIRDS || (frame > home->start && frame - THIRDS < home->start + FLIGHT);
}

/* The picture behind the shards */

static void draw_chart(cairo_t *cr, const struct demo *demo, int frames)
{
	const double x = 60, y = 700, width = 480, height = 150, step = width / FRAMES;

	cairo_rectangle(cr, x, y - height, width, height);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.45);
	cairo_fill(cr);
	for (int i = 0; i < frames; i++) {
		double stored = fmin((double)demo->counts[i].stored / THIRD, 1) * height;
		double sent = fmin((double)demo->counts[i].sent / THIRD, 1) * height;

		cairo_rectangle(cr, x + step * i, y - stored, step - 0.8, stored);
		set_color(cr, second, 0.8);
		cairo_fill(cr);
		cairo_rectangle(cr, x + step * i, y - sent - 1, step, 2.5);
		set_color(cr, first, 1);
		cairo_fill(cr);
	}
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 14);
	set_color(cr, dim, 1);
	text(cr, x, y + 22, LEFT, "frame 1");
	text(cr, x + width, y + 22, RIGHT, "%d", FRAMES);
	text(cr, x, y - height - 9, LEFT, "stored and sent, frame by frame; the full height is what is drawn");
}

static void draw_number(cairo_t *cr, double y, struct color color, const char *number,
			const char *what)
{
	cairo_rectangle(cr, 60, y, 480, 72);
	cairo_set_source_rgba(cr, 0, 0, 0, 0.45);
	cairo_fill(cr);
	cairo_rectangle(cr, 60, y, 6, 72);
	set_color(cr, color, 1);
	cairo_fill(cr);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 26);
	text(cr, 88, y + 33, LEFT, "%s", number);
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 16);
	set_color(cr, ink, 1);
	text(cr, 88, y + 58, LEFT, "%s", what);
}

/* With what was counted in so many frames. */
static void draw_picture(struct demo *demo, int frames)
{
	cairo_t *cr = cairo_create(demo->picture);
	struct counts sum = {};
	char number[32];

	for (int i = 0; i < frames; i++) {
		sum.stored += demo->counts[i].stored;
		sum.sent += demo->counts[i].sent;
	}
	cairo_scale(cr, demo->screen.mode.hdisplay / LAYOUT_WIDTH,
		    demo->screen.mode.vdisplay / LAYOUT_HEIGHT);
	draw_background(cr);

	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_BOLD, 58);
	set_color(cr, ink, 1);
	text(cr, 60, 92, LEFT, "No flush");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 20);
	set_color(cr, dim, 1);
	text(cr, 62, 130, LEFT, "One persistent coherent buffer of OpenGL %d.%d,",
	     epoxy_gl_version() / 10, epoxy_gl_version() % 10);
	text(cr, 62, 158, LEFT, "on a device without blobs.");
	font(cr, "DejaVu Sans", CAIRO_FONT_WEIGHT_NORMAL, 17);
	text(cr, 62, 198, LEFT, "%s shards; frame %d of %d", grouped(SHARDS, number), frames + 1,
	     FRAMES);

	draw_number(cr, 230, dim, grouped(THIRD, number), "bytes of vertices that a frame draws");
	draw_number(cr, 314, second, frames ? grouped(sum.stored / frames, number) : "0",
		    "bytes a frame stored by the program");
	draw_number(cr, 398, first, frames ? grouped(sum.sent / frames, number) : "0",
		    "bytes a frame sent to the device, found by pages");
	draw_chart(cr, demo, frames);

	font(cr, "DejaVu Sans Mono", CAIRO_FONT_WEIGHT_NORMAL, 12);
	set_color(cr, dim, 0.8);
	text(cr, 60, 760, LEFT, "%s", (const char *)glGetString(GL_RENDERER));
	end_drawing(cr);
	cairo_surface_flush(demo->picture);

	glPixelStorei(GL_UNPACK_ROW_LENGTH, cairo_image_surface_get_stride(demo->picture) / 4);
	glTextureSubImage2D(demo->background, 0, 0, 0, demo->screen.mode.hdisplay,
			    demo->screen.mode.vdisplay, GL_BGRA, GL_UNSIGNED_BYTE,
			    cairo_image_surface_get_data(demo->picture));
	gl_ok("the picture behind");
}

/* Frames */

static void wait_for(GLsync *fence)
{
	GLenum ret;

	if (!*fence)
		return;
	ret = glClientWaitSync(*fence, GL_SYNC_FLUSH_COMMANDS_BIT, PATIENCE * 1000000000ull);
	if (ret != GL_ALREADY_SIGNALED && ret != GL_CONDITION_SATISFIED)
		die("a frame is not drawn within %d s", PATIENCE);
	glDeleteSync(*fence);
	*fence = NULL;
}

static void store(struct demo *demo, int frame)
{
	struct shard *third = demo->map + frame % THIRDS * SHARDS;

	for (int i = 0; i < SHARDS; i++)
		if (has_moved(&demo->homes[i], frame)) {
			third[i] = place(demo, &demo->homes[i], frame);
			demo->counts[frame].stored += sizeof(*third);
		}
}

static void draw(struct demo *demo, int frame)
{
	glBindFramebuffer(GL_FRAMEBUFFER, demo->shown[frame % SCREENS].framebuffer);
	glViewport(0, 0, demo->screen.mode.hdisplay, demo->screen.mode.vdisplay);
	glUseProgram(demo->behind);
	glBindTextureUnit(0, demo->background);
	glBindVertexArray(demo->no_vertices);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glUseProgram(demo->shards);
	glBindVertexArray(demo->vertices);
	glDrawArrays(GL_TRIANGLES, frame % THIRDS * SHARDS * 3, SHARDS * 3);
	demo->fences[frame % THIRDS] = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	glFlush();
	gl_ok("drawing");
}

static void flipped(int fd, unsigned int sequence, unsigned int s, unsigned int us, void *data)
{
	struct demo *demo = data;

	(void)fd, (void)sequence, (void)s, (void)us;
	demo->flipping = false;
}

static void wait_for_flip(struct demo *demo)
{
	drmEventContext context = { .version = 2, .page_flip_handler = flipped };
	struct pollfd pollfd = { .fd = demo->screen.fd, .events = POLLIN };

	while (demo->flipping) {
		if (poll(&pollfd, 1, PATIENCE * 1000) <= 0)
			die("a frame is not shown within %d s", PATIENCE);
		drmHandleEvent(demo->screen.fd, &context);
	}
}

static void show(struct demo *demo, int frame)
{
	struct screen *screen = &demo->screen;
	uint32_t fb = demo->shown[frame % SCREENS].fb;

	wait_for_flip(demo);
	if (!frame) {
		if (drmModeSetCrtc(screen->fd, screen->crtc, fb, 0, 0, &screen->connector, 1,
				   &screen->mode))
			die("cannot set the mode: %s", strerror(errno));
		return;
	}
	if (drmModePageFlip(screen->fd, screen->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, demo))
		die("cannot flip: %s", strerror(errno));
	demo->flipping = true;
}

/* Is it on the screen, and in the buffer? Returns how many pixels were not compared. */
static unsigned int check(struct demo *demo, int frame)
{
	const drmModeModeInfo *mode = &demo->screen.mode;
	struct expect expect;
	unsigned int unsure;
	uint8_t *pixels;

	wait_for_flip(demo);
	expect_start(&expect, mode->hdisplay, mode->vdisplay,
		     (uint32_t *)cairo_image_surface_get_data(demo->picture),
		     cairo_image_surface_get_stride(demo->picture) / 4);
	for (int i = 0; i < SHARDS; i++) {
		struct shard shard = place(demo, &demo->homes[i], frame);
		const uint8_t *color = shard.corners[0].color;
		double points[3][3];

		/* Later ones are drawn over earlier ones. */
		for (int j = 0; j < 3; j++) {
			points[j][0] = shard.corners[j].x;
			points[j][1] = shard.corners[j].y;
			points[j][2] = -i;
		}
		expect_triangle(&expect, points, color[0] << 16 | color[1] << 8 | color[2]);
	}

	pixels = malloc((size_t)mode->hdisplay * mode->vdisplay * 4);
	if (!pixels)
		die("no memory for the pixels");
	glReadPixels(0, 0, mode->hdisplay, mode->vdisplay, GL_BGRA, GL_UNSIGNED_BYTE, pixels);
	gl_ok("reading the pixels");
	unsure = expect_compare(&expect, pixels, 4, 2, "what OpenGL has drawn");
	free(pixels);

	pixels = screen_dump(&demo->screen);
	expect_compare(&expect, pixels, 3, 0, "the screen");
	free(pixels);
	expect_end(&expect);
	return unsure;
}

static void picture(const char *name)
{
	char question[64], answer[256];
	int ret;

	snprintf(question, sizeof(question), "picture %s", name);
	ret = placed_ask_host(question, answer, sizeof(answer), PATIENCE);
	if (ret || strcmp(answer, "go"))
		die("no picture of the screen: %s", ret ? strerror(-ret) : answer);
}

/* What it prints */

static int parameter(int fd, uint64_t which)
{
	int value = 0;
	struct drm_virtgpu_getparam args = { .param = which, .value = (uintptr_t)&value };

	placed_ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &args);
	return value;
}

static void print_device(const struct demo *demo)
{
	int blobs = parameter(demo->screen.fd, VIRTGPU_PARAM_RESOURCE_BLOB);
	int visible = parameter(demo->screen.fd, VIRTGPU_PARAM_HOST_VISIBLE);
	char bytes[32], shards[32];

	printf("OpenGL %s, %s\n", glGetString(GL_VERSION), glGetString(GL_RENDERER));
	printf("  the device has%s blobs and%s memory that the CPU sees\n", blobs ? "" : " no",
	       visible ? "" : " no");
	if (blobs || visible)
		die("this is about devices without blobs: run it with scripts/run --device virgl");
	printf("  one buffer of %s bytes for %s triangles, mapped once: WRITE|PERSISTENT|COHERENT\n",
	       grouped(THIRDS * THIRD, bytes), grouped(SHARDS, shards));
	printf("  %-14s %18s %18s %18s %10s\n", "frames", "bytes stored", "bytes sent",
	       "all vertices", "commands");
}

static void print_frames(const struct demo *demo, int from, int to, const struct host *before,
			 const struct host *after)
{
	char name[32], stored[32], sent[32], all[32], commands[32];
	uint64_t bytes = 0, count = to - from;

	for (int i = from; i < to; i++)
		bytes += demo->counts[i].stored;
	snprintf(name, sizeof(name), "%d to %d", from, to - 1);
	printf("  %-14s %18s %18s %18s %10s\n", name, grouped(bytes, stored),
	       grouped(after->bytes - before->bytes, sent), grouped(count * THIRD, all),
	       grouped(after->commands - before->commands, commands));
	fflush(stdout);
	if (after->bytes - before->bytes < bytes)
		die("more was stored than the device was sent, and still the picture is right");
}

static void animate(struct demo *demo)
{
	/* Frames after which to look at the screen, and to ask the host. */
	static const int stops[] = { THIRDS, 50, 100, FRAMES };
	struct host before = ask_host(), start = before, host;
	unsigned int unsure = 0, stop = 0, from = 0;
	uint64_t sent = sent_so_far(demo), stored = 0, pixels;
	char number[2][32];

	for (int frame = 0; frame < FRAMES; frame++) {
		/* A frame that is looked at has the numbers of those before. */
		if (frame + 1 == stops[stop])
			draw_picture(demo, frame);
		wait_for(&demo->fences[frame % THIRDS]);
		store(demo, frame);
		draw(demo, frame);
		show(demo, frame);
		demo->counts[frame].sent = sent_so_far(demo) - sent;
		sent += demo->counts[frame].sent;
		stored += demo->counts[frame].stored;

		if (frame + 1 == stops[stop]) {
			unsure = check(demo, frame);
			host = ask_host();
			print_frames(demo, from, frame + 1, &before, &host);
			before = host;
			from = stops[stop++];
			if (from == 100)
				picture("flight");
		}
	}
	printf("  a frame: %s bytes stored, %s sent\n", grouped(stored / FRAMES, number[0]),
	       grouped((before.bytes - start.bytes) / FRAMES, number[1]));
	pixels = (uint64_t)demo->screen.mode.hdisplay * demo->screen.mode.vdisplay;
	printf("  %zu frames are on the screen as the CPU computes them: %s of %s pixels compared\n",
	       ARRAY_SIZE(stops), grouped(pixels - unsure, number[0]),
	       grouped(pixels, number[1]));
	if (unsure > pixels / 20)
		die("that is too few");
	if (before.bytes - start.bytes >= FRAMES * THIRD)
		die("no less was sent than all vertices of all frames");
}

int main(int argc, char **argv)
{
	struct demo demo = {};

	screen_open(&demo.screen, 0, 0);
	open_gl(&demo);
	if (argc == 3 && !strcmp(argv[1], "--offer")) {
		printf("%s: OpenGL %s, %s GL_ARB_buffer_storage\n", argv[2],
		       glGetString(GL_VERSION), has_storage() ? "with" : "without");
		return 0;
	}
	if (argc != 1)
		die("usage: placed_gl [--offer WHO]");
	if (epoxy_gl_version() < 45 || !has_storage())
		die("OpenGL %s%s, not 4.5: run it with scripts/with-mesa", glGetString(GL_VERSION),
		    has_storage() ? "" : " without GL_ARB_buffer_storage");

	create_homes(&demo);
	create_programs(&demo);
	create_buffer(&demo);
	for (int i = 0; i < SCREENS; i++)
		create_shown(&demo, &demo.shown[i]);
	demo.picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, demo.screen.mode.hdisplay,
						  demo.screen.mode.vdisplay);
	draw_picture(&demo, 0);

	print_device(&demo);
	animate(&demo);
	screen_stay();
}
