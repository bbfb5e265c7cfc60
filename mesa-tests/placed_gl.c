// SPDX-License-Identifier: MIT
/**
 * TEST: placed gl
 * Description: Buffers of OpenGL's that stay mapped, on virgl
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: placed
 * Functionality: coherent mappings
 * Test category: functionality test
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <xf86drm.h>

#include "drm_placed.h"
#include "gl_context.h"
#include "virtgpu_drm.h"

IGT_TEST_DESCRIPTION("Persistent buffers, coherent and not, that the CPU and the GPU write and read");

#define PAGE 4096
#define SIZE (64 * PAGE)
#define WORDS (SIZE / 4)

static struct gl gl;

static uint32_t word(uint32_t round, uint32_t i)
{
	return (round + 1) * 0x9e3779b1u ^ i * 0x85ebca6bu;
}

static void store(volatile uint32_t *ptr, uint32_t round, uint32_t first, uint32_t step)
{
	for (uint32_t i = first; i < WORDS; i += step)
		ptr[i] = word(round, i);
}

static void check(const volatile uint32_t *ptr, uint32_t round, uint32_t first, uint32_t step)
{
	for (uint32_t i = first; i < WORDS; i += step)
		igt_assert_f(ptr[i] == word(round, i), "round %u, word %u: %#x, not %#x", round, i,
			     ptr[i], word(round, i));
}

static void check_gpu(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	uint32_t *got = malloc(SIZE);

	igt_assert(got);
	gl_download(buffer, 0, SIZE, got);
	check(got, round, first, step);
	free(got);
}

static void end(GLuint buffer)
{
	glUnmapNamedBuffer(buffer);
	glDeleteBuffers(1, &buffer);
	gl_ok();
}

/*
 * Which writes word(round, i) to the words first, first + step, ... of the buffer. A store of
 * the CPU's to another word must not be lost, nor one of these.
 */
#define SHADER_WORD \
	"uniform uint round, first, step;\n" \
	"uint word(uint i) { return ((round + 1u) * 0x9e3779b1u) ^ (i * 0x85ebca6bu); }\n"

static void uniforms(GLuint program, uint32_t round, uint32_t first, uint32_t step)
{
	glUseProgram(program);
	glUniform1ui(glGetUniformLocation(program, "round"), round);
	/* Some do not use them. */
	glUniform1ui(glGetUniformLocation(program, "first"), first);
	glUniform1ui(glGetUniformLocation(program, "step"), step);
	gl_ok();
}

static void write_ssbo(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	static GLuint program;

	if (!program)
		program = gl_program(GL_COMPUTE_SHADER,
				     "#version 430\n"
				     "layout(local_size_x = 64) in;\n"
				     "layout(std430, binding = 0) buffer B { uint b[]; };\n"
				     SHADER_WORD
				     "void main() {\n"
				     "	uint i = first + gl_GlobalInvocationID.x * step;\n"
				     "	b[i] = word(i);\n"
				     "}\n");
	uniforms(program, round, first, step);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, buffer);
	glDispatchCompute(WORDS / step / 64, 1, 1);
	glMemoryBarrier(GL_ALL_BARRIER_BITS);
	gl_ok();
}

static void write_image(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	static GLuint program;
	GLuint texture;

	if (!program)
		program = gl_program(GL_COMPUTE_SHADER,
				     "#version 430\n"
				     "layout(local_size_x = 64) in;\n"
				     "layout(r32ui, binding = 0) writeonly uniform uimageBuffer b;\n"
				     SHADER_WORD
				     "void main() {\n"
				     "	uint i = first + gl_GlobalInvocationID.x * step;\n"
				     "	imageStore(b, int(i), uvec4(word(i)));\n"
				     "}\n");
	uniforms(program, round, first, step);
	glCreateTextures(GL_TEXTURE_BUFFER, 1, &texture);
	glTextureBuffer(texture, GL_R32UI, buffer);
	glBindImageTexture(0, texture, 0, GL_FALSE, 0, GL_WRITE_ONLY, GL_R32UI);
	glDispatchCompute(WORDS / step / 64, 1, 1);
	glMemoryBarrier(GL_ALL_BARRIER_BITS);
	glBindImageTexture(0, 0, 0, GL_FALSE, 0, GL_WRITE_ONLY, GL_R32UI);
	glDeleteTextures(1, &texture);
	gl_ok();
}

/* Transform feedback writes in a row: it is all words. */
static void write_feedback(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	static const char *const varying = "o";
	static const char *const source =
		"#version 430\n"
		"out uint o;\n"
		SHADER_WORD
		"void main() { o = word(uint(gl_VertexID)) + (first + step) * 0u; }\n";
	static GLuint program, array, framebuffer;

	igt_assert_eq(first, 0);
	igt_assert_eq(step, 1);
	if (!program) {
		GLuint shader = glCreateShader(GL_VERTEX_SHADER);
		GLint linked;

		glShaderSource(shader, 1, &source, NULL);
		glCompileShader(shader);
		program = glCreateProgram();
		glAttachShader(program, shader);
		glTransformFeedbackVaryings(program, 1, &varying, GL_INTERLEAVED_ATTRIBS);
		glLinkProgram(program);
		glGetProgramiv(program, GL_LINK_STATUS, &linked);
		igt_assert(linked);
		glCreateVertexArrays(1, &array);
		/* Nothing is drawn, but there must be something to draw to. */
		glCreateFramebuffers(1, &framebuffer);
		glNamedFramebufferParameteri(framebuffer, GL_FRAMEBUFFER_DEFAULT_WIDTH, 1);
		glNamedFramebufferParameteri(framebuffer, GL_FRAMEBUFFER_DEFAULT_HEIGHT, 1);
	}
	uniforms(program, round, first, step);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glBindVertexArray(array);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	glEnable(GL_RASTERIZER_DISCARD);
	glBeginTransformFeedback(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, WORDS);
	glEndTransformFeedback();
	glDisable(GL_RASTERIZER_DISCARD);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0);
	gl_ok();
}

static void write_copy(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	uint32_t *data = malloc(SIZE);
	GLuint from;

	igt_assert(data);
	store(data, round, 0, 1);
	glCreateBuffers(1, &from);
	glNamedBufferStorage(from, SIZE, data, 0);
	free(data);
	if (step == 1)
		glCopyNamedBufferSubData(from, buffer, 0, 0, SIZE);
	else
		for (uint32_t i = first; i < WORDS; i += step)
			glCopyNamedBufferSubData(from, buffer, i * 4, i * 4, 4);
	glDeleteBuffers(1, &from);
	gl_ok();
}

static void write_clear(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	for (uint32_t i = first; i < WORDS; i += step) {
		uint32_t value = word(round, i);

		glClearNamedBufferSubData(buffer, GL_R32UI, i * 4, 4, GL_RED_INTEGER,
					  GL_UNSIGNED_INT, &value);
	}
	gl_ok();
}

static void write_subdata(GLuint buffer, uint32_t round, uint32_t first, uint32_t step)
{
	for (uint32_t i = first; i < WORDS; i += step) {
		uint32_t value = word(round, i);

		glNamedBufferSubData(buffer, i * 4, 4, &value);
	}
	gl_ok();
}

typedef void (*write_fn)(GLuint buffer, uint32_t round, uint32_t first, uint32_t step);

static const struct writer {
	const char *name;
	write_fn write;
	/* the smallest step; large ones for what is a command a word */
	uint32_t step;
} writers[] = {
	{ "ssbo", write_ssbo, 1 },
	{ "image", write_image, 1 },
	{ "feedback", write_feedback, 1 },
	{ "copy", write_copy, 1 },
	{ "clear", write_clear, 512 },
	{ "subdata", write_subdata, 512 },
};

static int open_gpu(void)
{
	for (int minor = 128; minor < 144; minor++) {
		char path[32];
		drmVersionPtr version;
		bool found;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", minor);
		fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		found = version && !strcmp(version->name, "virtio_gpu");
		drmFreeVersion(version);
		if (found)
			return fd;
		close(fd);
	}
	igt_assert_f(false, "no virtio_gpu\n");
	return -1;
}

static uint64_t param(int fd, uint64_t which)
{
	uint64_t value = 0;
	struct drm_virtgpu_getparam get = { .param = which, .value = (uintptr_t)&value };

	return ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &get) ? 0 : value;
}

/* The extension, and with it the versions that need it, where there is a way to keep it. */
static void offered(void)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_MMAP_PLACED };
	bool blobs, tracks, has = epoxy_has_gl_extension("GL_ARB_buffer_storage");
	int fd = open_gpu();

	blobs = param(fd, VIRTGPU_PARAM_RESOURCE_BLOB) && param(fd, VIRTGPU_PARAM_HOST_VISIBLE);
	tracks = !ioctl(fd, DRM_IOCTL_GET_CAP, &cap) &&
		 cap.value & DRM_GEM_MMAP_PLACED_COHERENT;
	close(fd);

	igt_info("%s: the device has %s, the kernel %s\n", glGetString(GL_VERSION),
		 blobs ? "blobs" : "no blobs", tracks ? "tracks" : "does not track");
	igt_assert_eq(has, blobs || tracks);
	igt_assert_eq(epoxy_gl_version(), has ? 45 : 43);
}

/* Stores are there when the GPU reads, whether it has read before or not. */
static void stores(void)
{
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_WRITE_BIT | COHERENT, 0, (void **)&ptr);

	for (uint32_t round = 0; round < 20; round++) {
		store(ptr, round, 0, 1);
		check_gpu(buffer, round, 0, 1);
	}
	end(buffer);
}

/* Few bytes, each in a page of its own, and nothing else. */
static void sparse_stores(void)
{
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_WRITE_BIT | COHERENT, 0, (void **)&ptr);

	store(ptr, 0, 0, 1);
	check_gpu(buffer, 0, 0, 1);
	for (uint32_t round = 1; round < 20; round++) {
		uint32_t first = round * 37 % 1024;

		store(ptr, round, first, 1024);
		check_gpu(buffer, round, first, 1024);
		check_gpu(buffer, 0, 1023, 1024);
	}
	end(buffer);
}

/* What the GPU writes is there after a fence, each time. */
static void readback(const struct writer *writer)
{
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT |
				  GL_DYNAMIC_STORAGE_BIT, 0, (void **)&ptr);

	store(ptr, 99, 0, 1);
	for (uint32_t round = 0; round < 5; round++) {
		writer->write(buffer, round, 0, writer->step);
		gl_wait();
		check(ptr, round, 0, writer->step);
		check_gpu(buffer, round, 0, writer->step);
	}
	if (writer->step > 1)
		check(ptr, 99, 1, writer->step);
	end(buffer);
}

/*
 * The CPU and the GPU write other words of each page. What is promised: nothing of either is
 * lost, whichever was first, and though they may write at the same time.
 */
static void false_sharing(const struct writer *writer, GLbitfield access)
{
	uint32_t step = writer->step < 2 ? 2 : writer->step;
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, access | COHERENT | GL_DYNAMIC_STORAGE_BIT, 0,
				  (void **)&ptr);

	for (uint32_t round = 0; round < 10; round++) {
		store(ptr, round, 1, step); /* before */
		writer->write(buffer, round, 0, step);
		glFlush();
		store(ptr, round + 1, 1, step); /* meanwhile, or later */
		gl_wait();
		if (access & GL_MAP_READ_BIT) {
			check(ptr, round, 0, step);
			check(ptr, round + 1, 1, step);
		}
		check_gpu(buffer, round, 0, step);
		check_gpu(buffer, round + 1, 1, step);
	}
	end(buffer);
}

struct storer {
	volatile uint32_t *ptr;
	volatile uint32_t rounds;
	volatile bool stop;
};

static void *storer_thread(void *arg)
{
	struct storer *s = arg;

	while (!s->stop) {
		store(s->ptr, s->rounds, 1, 2);
		s->rounds++;
	}
	return NULL;
}

/* The same with a thread that never stops to store. Both are to have done 20 rounds. */
static void false_sharing_threads(void)
{
	struct storer s = { };
	pthread_t thread;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT, 0,
				  (void **)&s.ptr);

	igt_assert_eq(pthread_create(&thread, NULL, storer_thread, &s), 0);
	for (uint32_t round = 0; round < 20 || s.rounds < 20; round++) {
		write_ssbo(buffer, round, 0, 2);
		gl_wait();
		check(s.ptr, round, 0, 2);
	}
	s.stop = true;
	pthread_join(thread, NULL);
	igt_assert(s.rounds);
	check(s.ptr, s.rounds - 1, 1, 2);
	check_gpu(buffer, s.rounds - 1, 1, 2);
	end(buffer);
}

/* The result of a query that the GPU puts into a buffer. */
static void query(void)
{
	uint64_t *ptr;
	GLuint buffer = gl_mapped(PAGE, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT, 0,
				  (void **)&ptr);
	GLuint feedback = gl_buffer(SIZE, 0), q;

	glCreateQueries(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, 1, &q);
	for (uint32_t round = 0; round < 5; round++) {
		ptr[7] = ~0ull;
		glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, q);
		write_feedback(feedback, round, 0, 1);
		glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
		glGetQueryBufferObjectui64v(q, buffer, GL_QUERY_RESULT, 7 * 8);
		gl_ok();
		gl_wait();
		igt_assert_eq_u64(ptr[7], WORDS);
	}
	glDeleteQueries(1, &q);
	glDeleteBuffers(1, &feedback);
	end(buffer);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/*
 * Who flushes says what is sent, to the byte: words that are not flushed are not sent with
 * them, and no page faults once all have been touched.
 */
static void explicit_flush(void)
{
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT,
				  GL_MAP_FLUSH_EXPLICIT_BIT, (void **)&ptr);
	long before = 0;

	for (uint32_t round = 0; round < 20; round++) {
		if (round == 2)
			before = faults();
		for (uint32_t i = 0; i < WORDS; i += 1024) {
			uint32_t n = i + round * 31 % 1000;

			ptr[n] = word(round, n);
			glFlushMappedNamedBufferRange(buffer, n * 4, 4);
		}
		glFinish();
	}
	/* The test itself touches memory for the first time now and then. */
	igt_info("%ld page faults for %d stores\n", faults() - before, 18 * WORDS / 1024);
	igt_assert(faults() - before < 18 * WORDS / 1024 / 2);

	for (uint32_t round = 0; round < 20; round++)
		check_gpu(buffer, round, round * 31 % 1000, 1024);
	write_ssbo(buffer, 50, 0, 2);
	ptr[1] = 17;
	glFlushMappedNamedBufferRange(buffer, 4, 4);
	ptr[4] = 18; /* and not flushed */
	check_gpu(buffer, 50, 0, 2);
	end(buffer);
}

/* Without explicit flushes, a barrier makes stores visible. */
static void barrier(void)
{
	uint32_t *ptr;
	GLuint buffer = gl_mapped(SIZE, GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT, 0,
				  (void **)&ptr);

	for (uint32_t round = 0; round < 10; round++) {
		store(ptr, round, 0, 1);
		glMemoryBarrier(GL_CLIENT_MAPPED_BUFFER_BARRIER_BIT);
		check_gpu(buffer, round, 0, 1);
	}
	end(buffer);
}

/* A buffer that was flushed explicitly is mapped for reading what the GPU wrote. */
static void explicit_then_read(void)
{
	uint32_t *ptr;
	GLuint buffer = gl_buffer(SIZE, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT);

	for (uint32_t round = 0; round < 6; round += 2) {
		ptr = glMapNamedBufferRange(buffer, 0, SIZE, GL_MAP_WRITE_BIT |
					    GL_MAP_PERSISTENT_BIT | GL_MAP_FLUSH_EXPLICIT_BIT);
		igt_assert(ptr);
		store(ptr, round, 0, 1);
		glFlushMappedNamedBufferRange(buffer, 0, SIZE);
		glUnmapNamedBuffer(buffer);
		ptr = glMapNamedBufferRange(buffer, 0, SIZE, GL_MAP_READ_BIT |
					    GL_MAP_PERSISTENT_BIT);
		igt_assert(ptr);
		check(ptr, round, 0, 1);
		write_ssbo(buffer, round + 1, 0, 2);
		glMemoryBarrier(GL_CLIENT_MAPPED_BUFFER_BARRIER_BIT);
		gl_wait();
		check(ptr, round + 1, 0, 2);
		check(ptr, round, 1, 2);
		glUnmapNamedBuffer(buffer);
	}
	glDeleteBuffers(1, &buffer);
	gl_ok();
}

/* Other ways to store to, and to look at, what is mapped all the time. */
static void while_mapped(void)
{
	uint32_t *ptr, *got = malloc(SIZE);
	GLuint buffer = gl_mapped(SIZE, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT |
				  GL_DYNAMIC_STORAGE_BIT, 0, (void **)&ptr);

	igt_assert(got);
	for (uint32_t round = 0; round < 6; round++) {
		store(ptr, round, 0, 1);
		glGetNamedBufferSubData(buffer, 0, SIZE, got);
		check(got, round, 0, 1);
		store(got, round + 100, 0, 1);
		glNamedBufferSubData(buffer, PAGE, SIZE - 2 * PAGE, got + PAGE / 4);
		gl_wait();
		igt_assert(!memcmp(ptr + PAGE / 4, got + PAGE / 4, SIZE - 2 * PAGE));
		igt_assert_eq_u32(ptr[0], word(round, 0));
		igt_assert_eq_u32(ptr[WORDS - 1], word(round, WORDS - 1));
	}
	free(got);
	end(buffer);
}

/* Many buffers that come and go: the driver keeps some for later. */
static void recycled(void)
{
	for (uint32_t round = 0; round < 60; round++) {
		size_t size = PAGE * (1 + round % 5);
		uint32_t *ptr;
		GLuint buffer = gl_mapped(size, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT, 0,
					  (void **)&ptr);
		uint32_t got[4] = { 1, 2, 3, 4 };

		for (uint32_t i = 0; i < size / 4; i++)
			ptr[i] = word(round, i);
		if (round % 3 == 0) {
			glClearNamedBufferSubData(buffer, GL_R32UI, 16, 16, GL_RED_INTEGER,
						  GL_UNSIGNED_INT, got);
			gl_wait();
			igt_assert_eq_u32(ptr[4], 1);
		}
		gl_download(buffer, size - 16, 16, got);
		for (uint32_t i = 0; i < 4; i++)
			igt_assert_eq_u32(got[i], word(round, size / 4 - 4 + i));
		igt_assert_eq_u32(ptr[0], word(round, 0));
		end(buffer);
	}
}

/* Is there a mapping of the GPU's at or above the limit? How many below? */
static int mapped_below(uint64_t limit)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, finish;
	char line[512];
	int below = 0;

	igt_assert(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/dev/dri/"))
			continue;
		igt_assert_eq(sscanf(line, "%lx-%lx", &start, &finish), 2);
		if (finish > limit)
			below = -1;
		else if (below >= 0)
			below++;
	}
	fclose(maps);
	return below;
}

/* In a process of its own, for the driver reads the variable once. */
static int with_limit(const char *value, int (*child)(void))
{
	int status;
	pid_t pid = fork();

	igt_assert(pid >= 0);
	if (!pid) {
		setenv("MESA_MAP_BELOW", value, 1);
		_exit(child());
	}
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	igt_assert_f(WIFEXITED(status), "signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* With asserts that end the process it was forked from, none in here. */
static int limited(void)
{
	struct gl in_child;
	GLuint buffers[20];

	if (!gl_open(&in_child))
		return 1;
	glCreateBuffers(20, buffers);
	for (int i = 0; i < 20; i++) {
		void *ptr;

		glNamedBufferStorage(buffers[i], SIZE, NULL, GL_MAP_WRITE_BIT | COHERENT);
		ptr = glMapNamedBufferRange(buffers[i], 0, SIZE, GL_MAP_WRITE_BIT | COHERENT);
		if (!ptr || (uintptr_t)ptr + SIZE > 1ull << 32)
			return 2;
		memset(ptr, i, SIZE);
	}
	glFinish();
	if (glGetError())
		return 3;
	return mapped_below(1ull << 32) >= 20 ? 0 : 4;
}

static int limited_to_nothing(void)
{
	struct gl in_child;
	GLuint buffer;

	if (!gl_open(&in_child))
		return 1;
	for (int i = 0; i < 3; i++) {
		glCreateBuffers(1, &buffer);
		glNamedBufferStorage(buffer, SIZE, NULL, GL_MAP_WRITE_BIT | COHERENT);
		if (glGetError())
			return 2;
		if (glMapNamedBufferRange(buffer, 0, SIZE, GL_MAP_WRITE_BIT | COHERENT))
			return 3;
		if (glGetError() != GL_OUT_OF_MEMORY)
			return 4;
		glDeleteBuffers(1, &buffer);
	}
	if (mapped_below(0))
		return 5;
	glClear(GL_COLOR_BUFFER_BIT);
	glFinish();
	gl_close(&in_child);
	return 0;
}

/* What is no address is no limit. */
static int not_limited(void)
{
	struct gl in_child;
	GLuint buffer;
	void *ptr;

	if (!gl_open(&in_child))
		return 1;
	glCreateBuffers(1, &buffer);
	glNamedBufferStorage(buffer, SIZE, NULL, GL_MAP_WRITE_BIT | COHERENT);
	ptr = glMapNamedBufferRange(buffer, 0, SIZE, GL_MAP_WRITE_BIT | COHERENT);
	if (!ptr || glGetError())
		return 2;
	gl_close(&in_child);
	return (uintptr_t)ptr >= 1ull << 32 ? 0 : 3;
}

igt_main {
	/**
	 * SUBTEST: limit
	 * Description: With MESA_MAP_BELOW, all mappings of the driver lie below it
	 */
	igt_describe("With MESA_MAP_BELOW, all mappings of the driver lie below it");
	igt_subtest("limit")
		igt_assert_eq(with_limit("0x100000000", limited), 0);

	/**
	 * SUBTEST: limit-impossible
	 * Description: A limit that leaves no room is GL_OUT_OF_MEMORY, and nothing is mapped
	 */
	igt_describe("A limit that leaves no room is GL_OUT_OF_MEMORY, and nothing is mapped");
	igt_subtest("limit-impossible")
		igt_assert_eq(with_limit("0x1000", limited_to_nothing), 0);

	/**
	 * SUBTEST: limit-nonsense
	 * Description: A limit that is no address is ignored
	 */
	igt_describe("A limit that is no address is ignored");
	igt_subtest("limit-nonsense") {
		igt_assert_eq(with_limit("4G", not_limited), 0);
		igt_assert_eq(with_limit("-1", not_limited), 0);
		igt_assert_eq(with_limit("99999999999999999999", not_limited), 0);
		igt_assert_eq(with_limit("", not_limited), 0);
	}

	igt_fixture
		igt_assert(gl_open(&gl));

	/**
	 * SUBTEST: offered
	 * Description: There is OpenGL 4.5 where the device has blobs or the kernel tracks, and
	 *		what there was before where it has neither
	 */
	igt_describe("There is OpenGL 4.5 where it can be");
	igt_subtest("offered")
		offered();

	igt_fixture {
		igt_require_f(epoxy_has_gl_extension("GL_ARB_buffer_storage"),
			      "no GL_ARB_buffer_storage, but %s\n", glGetString(GL_VERSION));
	}

	/**
	 * SUBTEST: stores
	 * Description: What is stored to a coherent buffer is what the GPU reads
	 */
	igt_describe("What is stored to a coherent buffer is what the GPU reads");
	igt_subtest("stores")
		stores();

	/**
	 * SUBTEST: sparse-stores
	 * Description: Of few words in many pages, too
	 */
	igt_describe("Of few words in many pages, too");
	igt_subtest("sparse-stores")
		sparse_stores();

	/**
	 * SUBTEST: readback-%s
	 * Description: What the GPU writes by %arg[1] is there after a fence
	 *
	 * arg[1]:
	 *
	 * @ssbo:	a shader buffer
	 * @image:	an image of a buffer
	 * @feedback:	transform feedback
	 * @copy:	copies
	 * @clear:	clears
	 * @subdata:	glBufferSubData()
	 */
	for (int i = 0; i < ARRAY_SIZE(writers); i++) {
		igt_describe("What the GPU writes is there after a fence");
		igt_subtest_f("readback-%s", writers[i].name)
			readback(&writers[i]);
	}

	/**
	 * SUBTEST: readback-query
	 * Description: The result of a query that the GPU writes is there after a fence
	 */
	igt_describe("The result of a query that the GPU writes is there after a fence");
	igt_subtest("readback-query")
		query();

	/**
	 * SUBTEST: false-sharing-%s
	 * Description: The CPU and the GPU write other words of a page, nothing is lost: %arg[1]
	 *
	 * arg[1]:
	 *
	 * @ssbo:	a shader buffer
	 * @image:	an image of a buffer
	 * @copy:	copies
	 * @clear:	clears
	 * @subdata:	glBufferSubData()
	 */
	for (int i = 0; i < ARRAY_SIZE(writers); i++) {
		if (writers[i].write == write_feedback)
			continue;
		igt_describe("The CPU and the GPU write other words of a page, nothing is lost");
		igt_subtest_f("false-sharing-%s", writers[i].name)
			false_sharing(&writers[i], GL_MAP_READ_BIT | GL_MAP_WRITE_BIT);
	}

	/**
	 * SUBTEST: false-sharing-write-only
	 * Description: The same of a buffer that is mapped for writing
	 */
	igt_describe("The same of a buffer that is mapped for writing");
	igt_subtest("false-sharing-write-only")
		false_sharing(&writers[0], GL_MAP_WRITE_BIT);

	/**
	 * SUBTEST: false-sharing-threads
	 * Description: The same while a thread stores all the time
	 */
	igt_describe("The same while a thread stores all the time");
	igt_subtest("false-sharing-threads")
		false_sharing_threads();

	/**
	 * SUBTEST: explicit-flush
	 * Description: What is flushed explicitly is sent to the byte, and nothing is tracked
	 */
	igt_describe("What is flushed explicitly is sent to the byte, and nothing is tracked");
	igt_subtest("explicit-flush")
		explicit_flush();

	/**
	 * SUBTEST: explicit-then-read
	 * Description: A buffer that was flushed explicitly is mapped for reading
	 */
	igt_describe("A buffer that was flushed explicitly is mapped for reading");
	igt_subtest("explicit-then-read")
		explicit_then_read();

	/**
	 * SUBTEST: barrier
	 * Description: glMemoryBarrier() makes stores visible that are not flushed
	 */
	igt_describe("glMemoryBarrier() makes stores visible that are not flushed");
	igt_subtest("barrier")
		barrier();

	/**
	 * SUBTEST: while-mapped
	 * Description: glBufferSubData() and glGetBufferSubData() of what stays mapped
	 */
	igt_describe("glBufferSubData() and glGetBufferSubData() of what stays mapped");
	igt_subtest("while-mapped")
		while_mapped();

	/**
	 * SUBTEST: recycled
	 * Description: Buffers that come and go
	 */
	igt_describe("Buffers that come and go");
	igt_subtest("recycled")
		recycled();

	igt_fixture
		gl_close(&gl);
}
