// SPDX-License-Identifier: MIT
/*
 * What does it cost an OpenGL program to have the GPU see what it stores? Some
 * patterns of uploads, each by three ways to do it:
 *
 *   ring             uniforms: a ring of 64 KiB in eight sections. A frame draws 32
 *                    times, and before each stores a block of 256 bytes to the
 *                    next section and binds it.
 *   gathered         the same, but the blocks of a frame are stored in one go before its
 *                    first draw. That is the best that can be had of subdata.
 *   stream           vertices: a ring of three times 4 MiB. A frame stores the next
 *                    4 MiB, and draws once with a vertex for each 2 KiB of them.
 *   sparse           256 MiB that are kept. A frame stores 64 bytes to each of 1 % of
 *                    the pages, at random, and draws once with 2048 of the vertices.
 *
 *   tracked          a persistent coherent mapping of a classic resource: the kernel
 *                    finds out what was stored, and sends those pages
 *   blob             a persistent coherent mapping of host visible memory: there is
 *                    nothing to send
 *   subdata          glNamedBufferSubData, with the program's own memory for what is
 *                    to be sent: a call for each block, section, 4 MiB, or 64 bytes
 *
 * and "none": the same frames without a store, which says what of all this is the
 * drawing. All of them are on one device, that has host visible memory and classic
 * resources; VIRGL_DEBUG chooses, which is read once, so that each is a process.
 *
 * Each frame ends with a fence and a flush. In the rings a frame first waits for the
 * fence of the frame three before it, as a program has to that stores to a section
 * again; the sparse pattern stores in place, and has to wait for the last frame. So
 * all three ways wait alike, though subdata would not have to.
 *
 * Frames draw points into 16 by 16 pixels. Software draws here, on the same CPUs: with
 * more to draw the frames per second would tell of nothing else.
 *
 * Prints CSV: table, pattern, way, frames, median, lowest, highest, median of the ratios to
 * the blob, CPU time of the program, page faults, transfers, bytes that they sent, bytes of
 * command streams; all but the first four per frame. The table is
 *
 *   count            guest instructions per frame, and what was sent. In scripts/guest
 *                    --icount, where an instruction is a nanosecond.
 *   time             nanoseconds per frame by the clock. In a guest without --icount.
 *
 * How instructions are counted: with a GPU that works beside the guest, time goes on while
 * the guest waits, so that the clock alone counts too many. CPU time of the program counts too
 * few: the answers of the device are for interrupts and kernel threads. So it is the
 * clock, less what the only processor was idle, from /proc/timer_list, which has both to the
 * nanosecond: the kernel stops that count at each interrupt. What is left is every
 * instruction of program, kernel threads and interrupts. Before anything else the program sees
 * whether a loop of 20 million instructions measures as that, within 2 %, and a sleep as
 * next to nothing. What remains is the timer's tick, some 2,400 instructions in 4 million.
 *
 * Who waits and who does not is up to the host, and costs some thousands of
 * instructions. So batches of frames of all ways are interleaved, everything is done twice, in
 * processes of their own, and the median stands in the table, with the
 * lowest and the highest beside it. With many calls of glBufferSubData it is the most:
 * each looks whether the buffer is busy, and if it is, copies to another one first.
 *
 * Sent is what the host copies from the guest: pages that the tracker sent, and the boxes of
 * transfers, those in command streams included. These are read by a look at each ioctl
 * of Mesa's, in frames of their own. The streams themselves are counted apart.
 *
 * At the end all that was stored is compared with a copy that the GPU makes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <virtgpu_drm.h>

#include "bench.h"

#define KIB (1ull << 10)
#define MIB (1ull << 20)
#define PAGE (4 * KIB)

#define HUGE_FILE "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

#define COHERENT (GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT)

#define MAX_DEPTH 3
#define MAX_BATCHES 32

/* Times that everything is done, each with processes of its own. */
#define RUNS 2

/* A vertex is the first of so many bytes. The most that OpenGL promises. */
#define VERTEX_STRIDE 2048
#define MAX_VERTICES 2048

#define DRAWS 32
#define BLOCK 256

enum way { TRACKED, BLOB, SUBDATA, NONE, WAYS };

static const char *const way_names[] = { "tracked", "blob", "subdata", "none" };

struct pattern {
	const char *name;
	/* A piece is what is stored in one go. They are a step apart in the buffer. */
	uint32_t pieces, piece_size, step;
	/* Pieces of a frame, in a row or at random. */
	uint32_t per_frame;
	bool random;
	/* Draws of a frame with uniforms, 0: one with vertices. They share the pieces. */
	uint32_t draws;
	/* Frames in flight. */
	int depth;
	/* For the tracker to learn the pattern, and of a batch. */
	int warm_up, frames, timed_frames;
};

static const struct pattern patterns[] = {
	{ "ring", 256, BLOCK, BLOCK, DRAWS, false, DRAWS, 3, 24, 48, 80 },
	{ "gathered", 8, DRAWS * BLOCK, DRAWS * BLOCK, 1, false, DRAWS, 3, 24, 48, 80 },
	{ "stream", 3, 4 * MIB, 4 * MIB, 1, false, 0, 3, 12, 12, 16 },
	{ "sparse", 65536, 64, PAGE, 655, true, 0, 1, 24, 12, 12 },
};

#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

struct batch {
	uint64_t total, process;
	uint64_t faults;
};

struct sent {
	uint64_t transfers, bytes, stream;
};

/*
 * What Mesa sends, by a look at its ioctls: libdrm calls this one.
 */

static int gpu_fd = -1;
static bool looking;
static struct sent seen;

/* Commands of virgl's streams, with the width of the box in the same place. */
#define CMD_INLINE_WRITE 9
#define CMD_TRANSFER 43
#define CMD_COPY_TRANSFER 45
#define CMD_WIDTH 9

static void look_at_stream(const uint32_t *stream, uint32_t size)
{
	uint32_t count = size / 4;

	seen.stream += size;
	for (uint32_t i = 0; i < count; i += 1 + (stream[i] >> 16)) {
		uint32_t cmd = stream[i] & 0xff;

		if (cmd != CMD_INLINE_WRITE && cmd != CMD_TRANSFER && cmd != CMD_COPY_TRANSFER)
			continue;
		seen.transfers++;
		seen.bytes += stream[i + CMD_WIDTH];
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	/* Mesa's struct may be another version, and with that another size. */
	if (_IOC_TYPE(request) != DRM_IOCTL_BASE) {
		/* not the GPU's */
	} else if (_IOC_NR(request) == _IOC_NR(DRM_IOCTL_VIRTGPU_EXECBUFFER)) {
		const struct drm_virtgpu_execbuffer *exec = arg;

		gpu_fd = fd;
		if (looking)
			look_at_stream((const uint32_t *)(uintptr_t)exec->command, exec->size);
	} else if (_IOC_NR(request) == _IOC_NR(DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST) && looking) {
		const struct drm_virtgpu_3d_transfer_to_host *transfer = arg;

		seen.transfers++;
		seen.bytes += transfer->box.w;
	}

	return syscall(SYS_ioctl, fd, request, arg);
}

/* The tracker's. It counts what objects have, so that those that went away are missing. */
static struct sent read_tracker(void)
{
	struct sent sent = {};
	char path[64], line[128];
	uint64_t pages = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", gpu_fd);
	file = fopen(path, "r");
	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "drm-placed-sent-pages: %" SCNu64, &pages);
		(void)sscanf(line, "drm-placed-transfers: %" SCNu64, &sent.transfers);
	}
	fclose(file);
	sent.bytes = pages * PAGE;
	return sent;
}

/*
 * Time
 */

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t process_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t idle_time(void)
{
	FILE *file = fopen("/proc/timer_list", "r");
	uint64_t value, sum = 0;
	char line[256];
	int found = 0;

	if (!file)
		err(1, "/proc/timer_list");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " .idle_sleeptime : %" SCNu64, &value) == 1 ||
		    sscanf(line, " .iowait_sleeptime: %" SCNu64, &value) == 1) {
			sum += value;
			found++;
		}
	fclose(file);
	if (found != 2)
		errx(1, "/proc/timer_list does not have the idle time of one processor");
	return sum;
}

/* A clock that stands still while the processor is idle, if it counts instructions. */
struct stopwatch {
	bool count;
	uint64_t start, idle;
};

static struct stopwatch start_watch(bool count)
{
	struct stopwatch watch = { .count = count, .idle = count ? idle_time() : 0 };

	watch.start = now();
	return watch;
}

/* The processor is idle neither while it reads the idle time, nor between that and the clock. */
static uint64_t stop_watch(const struct stopwatch *watch)
{
	uint64_t end = now();

	return end - watch->start - (watch->count ? idle_time() - watch->idle : 0);
}

static void check_watch(void)
{
	uint64_t loops = 10000000, nothing;
	struct stopwatch watch;
	uint64_t cost;

	for (int i = 0; i < 2; i++) {
		watch = start_watch(true);
		nothing = stop_watch(&watch);
	}

	watch = start_watch(true);
	__asm__ volatile("1: dec %0; jnz 1b" : "+r" (loops) : : "cc");
	cost = stop_watch(&watch) - nothing;
	fprintf(stderr, "a loop of 20,000,000 instructions counts as %" PRIu64 "\n", cost);
	if (cost < 20000000 || cost > 20400000)
		errx(1, "20,000,000 instructions count as %" PRIu64 ": run in scripts/guest --icount",
		     cost);

	watch = start_watch(true);
	usleep(50000);
	cost = stop_watch(&watch) - nothing;
	fprintf(stderr, "a sleep of 50 ms counts as %" PRIu64 "\n", cost);
	if (cost > 200000)
		errx(1, "a sleep of 50 ms counts as %" PRIu64 " instructions", cost);
}

/*
 * The GPU's side
 */

struct bench {
	const struct pattern *pattern;
	enum way way;
	bool count;
	GLuint buffer;
	/* The mapping, or what is sent from. */
	char *map, *copy;
	/* What was last stored to each piece. */
	uint64_t *seeds;
	uint64_t random;
	uint32_t frame, next;
	GLsync fences[MAX_DEPTH];
};

static void gl_ok(const char *what)
{
	GLenum error = glGetError();

	if (error != GL_NO_ERROR)
		errx(1, "%s: OpenGL error %#x", what, error);
}

static void open_gl(void)
{
	static const EGLint attribs[] = {
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE
	};
	GLuint renderbuffer, framebuffer;
	EGLDisplay display;
	EGLContext context;

	display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL) ||
	    !eglBindAPI(EGL_OPENGL_API))
		errx(1, "no EGL");
	context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attribs);
	if (context == EGL_NO_CONTEXT ||
	    !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		errx(1, "no OpenGL");
	if (!strstr((const char *)glGetString(GL_RENDERER), "virgl"))
		errx(1, "not virgl: %s", glGetString(GL_RENDERER));
	if (epoxy_gl_version() < 45)
		errx(1, "no OpenGL 4.5: run in scripts/guest --device virgl, by scripts/with-mesa");

	glCreateRenderbuffers(1, &renderbuffer);
	glNamedRenderbufferStorage(renderbuffer, GL_RGBA8, 16, 16);
	glCreateFramebuffers(1, &framebuffer);
	glNamedFramebufferRenderbuffer(framebuffer, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER,
				       renderbuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glViewport(0, 0, 16, 16);
}

static GLuint add_shader(GLuint program, GLenum stage, const char *source)
{
	GLuint shader = glCreateShader(stage);

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glAttachShader(program, shader);
	return shader;
}

static void use_program(const char *vertex)
{
	GLuint program = glCreateProgram();
	char log[1000] = "";
	GLint linked;

	add_shader(program, GL_VERTEX_SHADER, vertex);
	add_shader(program, GL_FRAGMENT_SHADER,
		   "#version 450\n"
		   "out vec4 color;\n"
		   "void main() { color = vec4(1); }\n");
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &linked);
	glGetProgramInfoLog(program, sizeof(log), NULL, log);
	if (!linked)
		errx(1, "shaders: %s", log);
	glUseProgram(program);
}

static size_t buffer_size(const struct pattern *pattern)
{
	return (size_t)pattern->pieces * pattern->step;
}

static void make_pipeline(const struct bench *bench)
{
	GLuint array;

	glCreateVertexArrays(1, &array);
	glBindVertexArray(array);
	if (bench->pattern->draws) {
		use_program("#version 450\n"
			    "layout(std140, binding = 0) uniform Block { uvec4 b[16]; };\n"
			    "void main() {\n"
			    "	uvec4 v = b[gl_VertexID & 15];\n"
			    "	gl_Position = vec4(vec2(v.xy & 255u) / 128.0 - 1.0, 0.0, 1.0);\n"
			    "}\n");
	} else {
		use_program("#version 450\n"
			    "layout(location = 0) in uvec4 v;\n"
			    "void main() {\n"
			    "	gl_Position = vec4(vec2(v.xy & 255u) / 128.0 - 1.0, 0.0, 1.0);\n"
			    "}\n");
		glVertexArrayVertexBuffer(array, 0, bench->buffer, 0, VERTEX_STRIDE);
		glVertexArrayAttribIFormat(array, 0, 4, GL_UNSIGNED_INT, 0);
		glVertexArrayAttribBinding(array, 0, 0);
		glEnableVertexArrayAttrib(array, 0);
	}
	gl_ok("prepare to draw");
}

static void draw_vertices(const struct bench *bench)
{
	uint32_t parts = buffer_size(bench->pattern) / VERTEX_STRIDE / MAX_VERTICES;

	/* A ring's part is what was stored. */
	glDrawArrays(GL_POINTS, bench->frame % parts * MAX_VERTICES, MAX_VERTICES);
}

static void draw_block(const struct bench *bench, uint32_t number)
{
	uint32_t blocks = buffer_size(bench->pattern) / BLOCK;
	uint32_t block = (bench->frame * DRAWS + number) % blocks;

	glBindBufferRange(GL_UNIFORM_BUFFER, 0, bench->buffer, block * BLOCK, BLOCK);
	glDrawArrays(GL_POINTS, 0, 4);
}

static void wait_for(struct bench *bench, GLsync *fence)
{
	GLenum ret;

	if (!*fence)
		return;
	ret = glClientWaitSync(*fence, GL_SYNC_FLUSH_COMMANDS_BIT, 60000000000ull);
	if (ret != GL_ALREADY_SIGNALED && ret != GL_CONDITION_SATISFIED)
		errx(1, "%s, %s: a frame does not end", bench->pattern->name, way_names[bench->way]);
	glDeleteSync(*fence);
	*fence = NULL;
}

/*
 * The CPU's side
 */

/* In the pages of the sparse pattern, another line in each. */
static size_t piece_offset(const struct pattern *pattern, uint32_t piece)
{
	size_t offset = (size_t)piece * pattern->step;

	if (pattern->piece_size < pattern->step)
		offset += piece * 2654435761u / 64 % (pattern->step / pattern->piece_size) *
			  pattern->piece_size;
	return offset;
}

#define WORD_STEP 0x9e3779b97f4a7c15ull

static void store(void *to, uint32_t size, uint64_t seed)
{
	uint64_t *words = to;

	for (uint32_t i = 0; i < size / 8; i++)
		words[i] = seed += WORD_STEP;
}

static void upload(struct bench *bench, uint32_t piece)
{
	const struct pattern *pattern = bench->pattern;
	size_t offset = piece_offset(pattern, piece);
	uint64_t seed = bench->seeds[piece] + 0x100000001ull + piece;

	bench->seeds[piece] = seed;
	if (bench->map) {
		store(bench->map + offset, pattern->piece_size, seed);
	} else {
		store(bench->copy, pattern->piece_size, seed);
		glNamedBufferSubData(bench->buffer, offset, pattern->piece_size, bench->copy);
	}
}

/* The next in a row, or any: the same ones for every way. */
static uint32_t next_piece(struct bench *bench)
{
	if (!bench->pattern->random)
		return bench->next++ % bench->pattern->pieces;

	/* xorshift64 */
	bench->random ^= bench->random << 13;
	bench->random ^= bench->random >> 7;
	bench->random ^= bench->random << 17;
	return (bench->random >> 32) * bench->pattern->pieces >> 32;
}

static void do_frame(struct bench *bench)
{
	const struct pattern *pattern = bench->pattern;
	GLsync *fence = &bench->fences[bench->frame % pattern->depth];

	wait_for(bench, fence);
	for (uint32_t i = 0; i < pattern->per_frame || i < pattern->draws; i++) {
		if (i < pattern->per_frame) {
			uint32_t piece = next_piece(bench);

			if (bench->way != NONE)
				upload(bench, piece);
		}
		if (i < pattern->draws)
			draw_block(bench, i);
	}
	if (!pattern->draws)
		draw_vertices(bench);
	*fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	glFlush();
	bench->frame++;
}

/* All that was asked for is done. */
static void do_frames(struct bench *bench, int frames)
{
	for (int i = 0; i < frames; i++)
		do_frame(bench);
	for (int i = 0; i < MAX_DEPTH; i++)
		wait_for(bench, &bench->fences[(bench->frame + i) % MAX_DEPTH]);
}

/* The GPU's copy of all that was ever stored to. */
static void check(const struct bench *bench)
{
	const struct pattern *pattern = bench->pattern;
	size_t part = 4 * MIB, size = buffer_size(pattern);
	char *got = malloc(part);
	GLuint copy;

	if (part > size)
		part = size;
	if (!got)
		err(1, "memory");
	glCreateBuffers(1, &copy);
	glNamedBufferStorage(copy, part, NULL, 0);

	for (size_t at = 0; at < size; at += part) {
		glCopyNamedBufferSubData(bench->buffer, copy, at, 0, part);
		glGetNamedBufferSubData(copy, 0, part, got);
		for (uint32_t i = at / pattern->step; i < (at + part) / pattern->step; i++) {
			const uint64_t *words = (void *)(got + piece_offset(pattern, i) - at);
			uint64_t seed = bench->seeds[i];

			for (uint32_t w = 0; seed && w < pattern->piece_size / 8; w++)
				if (words[w] != bench->seeds[i] + (w + 1) * WORD_STEP)
					errx(1, "%s, %s: the GPU does not have piece %u as stored",
					     pattern->name, way_names[bench->way], i);
		}
	}
	glDeleteBuffers(1, &copy);
	free(got);
	gl_ok("check");
}

/*
 * A process for each way: what it is asked for, a line each, and what it answers.
 */

static void prepare(struct bench *bench)
{
	const struct pattern *pattern = bench->pattern;
	size_t size = buffer_size(pattern);
	bool mapped = bench->way == TRACKED || bench->way == BLOB;

	bench->random = 0x9e3779b97f4a7c15;
	bench->seeds = calloc(pattern->pieces, sizeof(*bench->seeds));
	bench->copy = malloc(pattern->piece_size);
	if (!bench->seeds || !bench->copy)
		err(1, "memory");
	/* Its first use costs page faults. */
	memset(bench->copy, 1, pattern->piece_size);

	glCreateBuffers(1, &bench->buffer);
	glNamedBufferStorage(bench->buffer, size, NULL, mapped ? COHERENT : GL_DYNAMIC_STORAGE_BIT);
	if (mapped) {
		bench->map = glMapNamedBufferRange(bench->buffer, 0, size, COHERENT);
		if (!bench->map)
			errx(1, "the buffer cannot be mapped");
		for (size_t at = 0; at < size; at += PAGE)
			*(volatile uint64_t *)(bench->map + at) = 0;
	} else if (bench->way == SUBDATA) {
		/* For Mesa to know that something may be there. */
		glClearNamedBufferData(bench->buffer, GL_R8UI, GL_RED_INTEGER, GL_UNSIGNED_BYTE,
				       NULL);
	}
	gl_ok("make the buffer");
	make_pipeline(bench);
	do_frames(bench, pattern->warm_up);
	gl_ok("draw");
}

static struct batch run_batch(struct bench *bench, int frames)
{
	struct rusage before, after;
	struct stopwatch watch;
	struct batch batch;

	getrusage(RUSAGE_SELF, &before);
	watch = start_watch(bench->count);
	batch.process = process_time();
	do_frames(bench, frames);
	batch.process = process_time() - batch.process;
	batch.total = stop_watch(&watch);
	getrusage(RUSAGE_SELF, &after);
	batch.faults = after.ru_minflt - before.ru_minflt;
	return batch;
}

static struct sent run_looking(struct bench *bench, int frames)
{
	struct sent before = read_tracker(), sent;

	memset(&seen, 0, sizeof(seen));
	looking = true;
	do_frames(bench, frames);
	looking = false;

	sent = read_tracker();
	sent.transfers += seen.transfers - before.transfers;
	sent.bytes += seen.bytes - before.bytes;
	sent.stream = seen.stream;
	return sent;
}

/* The program and the arrays stay bound, and in nobody's way. */
static void clean_up(struct bench *bench)
{
	glDeleteBuffers(1, &bench->buffer);
	glFinish();
	gl_ok("clean up");
	free(bench->seeds);
	free(bench->copy);
}

static int serve(enum way way, bool count)
{
	struct bench bench = {};
	char line[64];
	int number;

	open_gl();
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "prepare %d", &number) == 1) {
			bench = (struct bench) {
				.pattern = &patterns[number], .way = way, .count = count,
			};
			prepare(&bench);
			printf("prepared\n");
		} else if (sscanf(line, "run %d", &number) == 1) {
			struct batch batch = run_batch(&bench, number);

			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", batch.total, batch.process,
			       batch.faults);
		} else if (sscanf(line, "look %d", &number) == 1) {
			struct sent sent = run_looking(&bench, number);

			printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sent.transfers, sent.bytes,
			       sent.stream);
		} else {
			if (way != NONE)
				check(&bench);
			clean_up(&bench);
			printf("checked\n");
		}
		fflush(stdout);
	}
	return 0;
}

/*
 * Who asks
 */

struct process {
	pid_t pid;
	FILE *to, *from;
};

/* Values per frame, one of each batch. */
struct result {
	double total[MAX_BATCHES], process[MAX_BATCHES], faults[MAX_BATCHES];
	int count, frames;
	double transfers, bytes, stream;
};

static struct process start(const char *mode, enum way way)
{
	struct process process;
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		err(1, "pipe");
	process.pid = fork();
	if (process.pid < 0)
		err(1, "fork");
	if (!process.pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		if (way == TRACKED)
			setenv("VIRGL_DEBUG", "tracked", 1);
		else
			unsetenv("VIRGL_DEBUG");
		execl("/proc/self/exe", "placed_gl_bench", mode, way_names[way], NULL);
		err(1, "execl");
	}
	close(to[0]);
	close(from[1]);
	process.to = fdopen(to[1], "w");
	process.from = fdopen(from[0], "r");
	if (!process.to || !process.from)
		err(1, "fdopen");
	return process;
}

/* And wait for the answer: no two work at a time. */
static void ask(const struct process *process, const char *what, int number, uint64_t *values)
{
	char line[128];

	fprintf(process->to, "%s %d\n", what, number);
	fflush(process->to);
	if (!fgets(line, sizeof(line), process->from))
		errx(1, "a process ended");
	if (values && sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &values[0], &values[1],
			     &values[2]) != 3)
		errx(1, "no answer: %s", line);
}

static void end(const struct process *process)
{
	int status;

	fclose(process->to);
	fclose(process->from);
	if (waitpid(process->pid, &status, 0) < 0 || status)
		errx(1, "a process failed");
}

static void measure(struct result *results, const struct process *processes, int number, bool count)
{
	const struct pattern *pattern = &patterns[number];
	int batches = count ? 3 : 12, frames = count ? pattern->frames : pattern->timed_frames;
	uint64_t values[3];

	for (int way = 0; way < WAYS; way++)
		ask(&processes[way], "prepare", number, NULL);

	for (int i = 0; i < batches; i++)
		for (int way = 0; way < WAYS; way++) {
			struct result *result = &results[way];

			ask(&processes[way], "run", frames, values);
			result->total[result->count] = (double)values[0] / frames;
			result->process[result->count] = (double)values[1] / frames;
			result->faults[result->count++] = (double)values[2] / frames;
			result->frames += frames;
		}

	for (int way = 0; way < WAYS; way++) {
		struct result *result = &results[way];

		ask(&processes[way], "look", frames, values);
		result->transfers = (double)values[0] / frames;
		result->bytes = (double)values[1] / frames;
		result->stream = (double)values[2] / frames;
		ask(&processes[way], "check", 0, NULL);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), compare);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* Of each batch beside the blob's of the same round, for the machine may be busier at times. */
static double median_ratio(const struct result *result, const struct result *blob)
{
	double ratios[MAX_BATCHES];

	for (int i = 0; i < result->count; i++)
		ratios[i] = result->total[i] / blob->total[i];
	return median(ratios, result->count);
}

static void print_results(const char *mode, const struct pattern *pattern, struct result *results)
{
	double ratios[WAYS];

	/* median() changes the order. */
	for (int way = 0; way < WAYS; way++)
		ratios[way] = median_ratio(&results[way], &results[BLOB]);

	for (int way = 0; way < WAYS; way++) {
		struct result *result = &results[way];
		double total = median(result->total, result->count);

		printf("%s,%s,%s,%d,%.0f,%.0f,%.0f,%.3f,%.0f,%.1f,%.1f,%.0f,%.0f\n", mode,
		       pattern->name, way_names[way], result->frames, total, result->total[0],
		       result->total[result->count - 1], ratios[way],
		       median(result->process, result->count), median(result->faults, result->count),
		       result->transfers, result->bytes, result->stream);
	}
	if (fflush(stdout))
		err(1, "stdout");
}

/* Of one pattern, or of all. */
static void measure_all(const char *mode, const char *only, bool count)
{
	static struct result results[PATTERNS][WAYS];

	for (int run = 0; run < RUNS; run++) {
		struct process processes[WAYS];

		for (int way = 0; way < WAYS; way++)
			processes[way] = start(mode, way);
		for (unsigned int i = 0; i < PATTERNS; i++) {
			if (only && strcmp(only, patterns[i].name))
				continue;
			measure(results[i], processes, i, count);
			if (run == RUNS - 1)
				print_results(mode, &patterns[i], results[i]);
		}
		for (int way = 0; way < WAYS; way++)
			end(&processes[way]);
	}
}

int main(int argc, char **argv)
{
	bool count = argc > 1 && !strcmp(argv[1], "count");

	if (!count && (argc < 2 || strcmp(argv[1], "time")))
		errx(2, "usage: %s count|time [PATTERN]", argv[0]);

	for (int way = 0; argc > 2 && way < WAYS; way++)
		if (!strcmp(argv[2], way_names[way]))
			return serve(way, count);

	if (count)
		check_watch();
	/* QEMU takes at most 16,384 pieces of memory for an object. */
	write_file(HUGE_FILE, "force");
	/*
	 * By "rep movsb", which memcpy would take for what is large, an instruction copies a
	 * byte here; by others it is 32.
	 */
	setenv("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1000000000", 1);

	measure_all(argv[1], argc > 2 ? argv[2] : NULL, count);
	return 0;
}
