// SPDX-License-Identifier: MIT
/**
 * TEST: placed gl random
 * Description: Frames of random use of buffers, against plain memory
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: placed
 * Functionality: coherent mappings
 * Test category: functionality test
 */
#include <string.h>
#include <time.h>

#include "gl_context.h"

IGT_TEST_DESCRIPTION("Buffers that the CPU and the GPU write at random, with a fence where OpenGL asks for one");

/*
 * A model has for each buffer what it holds once all that was asked for is done, and what the
 * GPU may not have done yet. The CPU stores to, and looks at, the rest at any time: OpenGL asks
 * for no fence then, though it may be in the same page.
 */

#define BUFFERS 8
#define LARGEST (24 * 4096)
#define PENDING 64

enum kind { COHERENT_RW, COHERENT_W, EXPLICIT, NEVER_MAPPED, KINDS };

struct span {
	uint32_t start, end;
	bool written;
};

struct buffer {
	enum kind kind;
	GLuint name;
	uint32_t size;
	uint8_t *ptr;
	uint8_t *model;
	/* what commands since the last fence read and write */
	struct span pending[PENDING];
	int count;
};

static struct buffer buffers[BUFFERS];
static struct gl gl;
static uint64_t seed, state;
static uint64_t stores, loads, commands, fences;

static uint32_t below(uint32_t n)
{
	/* xorshift64*, as its authors publish it */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 33) % n;
}

static GLbitfield storage_flags(enum kind kind)
{
	static const GLbitfield flags[KINDS] = {
		[COHERENT_RW] = GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | COHERENT,
		[COHERENT_W] = GL_MAP_WRITE_BIT | COHERENT,
		[EXPLICIT] = GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT,
		[NEVER_MAPPED] = 0,
	};

	return flags[kind];
}

static void map(struct buffer *b)
{
	if (b->kind == NEVER_MAPPED)
		return;
	b->ptr = glMapNamedBufferRange(b->name, 0, b->size, storage_flags(b->kind) |
				       (b->kind == EXPLICIT ? GL_MAP_FLUSH_EXPLICIT_BIT : 0));
	gl_ok();
	igt_assert(b->ptr);
}

static void create(struct buffer *b)
{
	b->kind = below(KINDS);
	/* words, and not always whole pages */
	b->size = 4 * (1 + below(below(4) ? LARGEST / 4 : 1024));
	b->model = malloc(b->size);
	b->count = 0;
	igt_assert(b->model);
	for (uint32_t i = 0; i < b->size; i++)
		b->model[i] = below(256);
	glCreateBuffers(1, &b->name);
	glNamedBufferStorage(b->name, b->size, b->model,
			     storage_flags(b->kind) | GL_DYNAMIC_STORAGE_BIT);
	gl_ok();
	map(b);
}

static void destroy(struct buffer *b)
{
	if (b->ptr)
		glUnmapNamedBuffer(b->name);
	glDeleteBuffers(1, &b->name);
	free(b->model);
	memset(b, 0, sizeof(*b));
}

static void fence(void)
{
	gl_wait();
	fences++;
	for (int i = 0; i < BUFFERS; i++)
		buffers[i].count = 0;
}

static void will_touch(struct buffer *b, uint32_t start, uint32_t end, bool written)
{
	if (b->count == PENDING)
		fence();
	b->pending[b->count++] = (struct span) { start, end, written };
}

/* May the CPU go ahead? Loads only wait for what is written. */
static void settle(struct buffer *b, uint32_t start, uint32_t end, bool store)
{
	for (int i = 0; i < b->count; i++)
		if (start < b->pending[i].end && b->pending[i].start < end &&
		    (store || b->pending[i].written)) {
			fence();
			return;
		}
}

static void span(const struct buffer *b, uint32_t unit, uint32_t *start, uint32_t *end)
{
	uint32_t units = b->size / unit, first = below(units);
	uint32_t count = 1 + below(below(3) ? 64 : units);

	if (count > units - first)
		count = units - first;
	*start = first * unit;
	*end = (first + count) * unit;
}

static void cpu_store(struct buffer *b)
{
	uint32_t start, end;

	if (!b->ptr)
		return;
	span(b, 1, &start, &end);
	settle(b, start, end, true);
	for (uint32_t i = start; i < end; i++)
		b->ptr[i] = b->model[i] = below(256);
	if (b->kind == EXPLICIT)
		glFlushMappedNamedBufferRange(b->name, start, end - start);
	stores++;
}

static void compare(const struct buffer *b, const uint8_t *got, uint32_t start, uint32_t end,
		    const char *how)
{
	for (uint32_t i = start; i < end; i++)
		igt_assert_f(got[i - start] == b->model[i],
			     "seed %llu: %s: kind %d, byte %u of %u: %#x, not %#x\n",
			     (unsigned long long)seed, how, b->kind, i, b->size, got[i - start],
			     b->model[i]);
}

static void cpu_load(struct buffer *b)
{
	uint32_t start, end;

	if (b->kind != COHERENT_RW)
		return;
	span(b, 1, &start, &end);
	settle(b, start, end, false);
	compare(b, b->ptr + start, start, end, "load");
	loads++;
}

static void gpu_load(struct buffer *b)
{
	uint32_t start, end;
	uint8_t *got;

	span(b, 1, &start, &end);
	got = malloc(end - start);
	igt_assert(got);
	/* of what is mapped the GPU has a copy, too: either way must show it */
	if (below(2))
		glGetNamedBufferSubData(b->name, start, end - start, got);
	else
		gl_download(b->name, start, end - start, got);
	compare(b, got, start, end, "copy");
	free(got);
	loads++;
}

static void gpu_copy(struct buffer *to, struct buffer *from)
{
	uint32_t start, end, first;

	span(from, 1, &start, &end);
	if (to == from || end - start > to->size)
		return;
	first = below(to->size - (end - start) + 1);
	glCopyNamedBufferSubData(from->name, to->name, start, first, end - start);
	memcpy(to->model + first, from->model + start, end - start);
	will_touch(from, start, end, false);
	will_touch(to, first, first + end - start, true);
	commands++;
}

static void gpu_clear(struct buffer *b)
{
	uint32_t start, end, value = below(1u << 31);

	span(b, 4, &start, &end);
	glClearNamedBufferSubData(b->name, GL_R32UI, start, end - start, GL_RED_INTEGER,
				  GL_UNSIGNED_INT, &value);
	for (uint32_t i = start; i < end; i += 4)
		memcpy(b->model + i, &value, 4);
	will_touch(b, start, end, true);
	commands++;
}

/* Adds a number to words, so that what it reads must have arrived. */
static void gpu_add(struct buffer *b)
{
	static GLuint program;
	uint32_t start, end, value = below(1000), word;

	if (!program)
		program = gl_program(GL_COMPUTE_SHADER,
				     "#version 430\n"
				     "layout(local_size_x = 64) in;\n"
				     "layout(std430, binding = 0) buffer B { uint b[]; };\n"
				     "uniform uint first, end, value;\n"
				     "void main() {\n"
				     "	uint i = first + gl_GlobalInvocationID.x;\n"
				     "	if (i < end) b[i] += value;\n"
				     "}\n");
	span(b, 4, &start, &end);
	glUseProgram(program);
	glUniform1ui(glGetUniformLocation(program, "first"), start / 4);
	glUniform1ui(glGetUniformLocation(program, "end"), end / 4);
	glUniform1ui(glGetUniformLocation(program, "value"), value);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, b->name);
	glDispatchCompute(((end - start) / 4 + 63) / 64, 1, 1);
	glMemoryBarrier(GL_ALL_BARRIER_BITS);
	for (uint32_t i = start; i < end; i += 4) {
		memcpy(&word, b->model + i, 4);
		word += value;
		memcpy(b->model + i, &word, 4);
	}
	will_touch(b, start, end, true);
	commands++;
}

static void sub_data(struct buffer *b)
{
	uint32_t start, end;

	span(b, 1, &start, &end);
	for (uint32_t i = start; i < end; i++)
		b->model[i] = below(256);
	glNamedBufferSubData(b->name, start, end - start, b->model + start);
	will_touch(b, start, end, true);
	commands++;
}

static void remap(struct buffer *b)
{
	if (!b->ptr)
		return;
	glUnmapNamedBuffer(b->name);
	map(b);
}

static void step(void)
{
	struct buffer *b = &buffers[below(BUFFERS)];

	switch (below(32)) {
	case 0 ... 8: cpu_store(b); break;
	case 9 ... 14: cpu_load(b); break;
	case 15 ... 16: gpu_load(b); break;
	case 17 ... 20: gpu_copy(b, &buffers[below(BUFFERS)]); break;
	case 21 ... 22: gpu_clear(b); break;
	case 23 ... 25: gpu_add(b); break;
	case 26 ... 27: sub_data(b); break;
	case 28: remap(b); break;
	case 29: glFlush(); break;
	case 30: fence(); break;
	case 31:
		if (below(4) == 0) {
			destroy(b);
			create(b);
		}
		break;
	}
	gl_ok();
}

static uint64_t from_environment(const char *name, uint64_t usual)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : usual;
}

static void frames(void)
{
	uint64_t wanted = from_environment("PLACED_FRAMES", 10000);

	igt_assert(wanted >= 200);
	seed = from_environment("PLACED_SEED", time(NULL));
	state = seed * 2 + 1;
	for (int i = 0; i < BUFFERS; i++)
		create(&buffers[i]);
	for (uint64_t frame = 0; frame < wanted; frame++) {
		for (int i = 0; i < 8; i++)
			step();
		glFlush();
	}
	for (int i = 0; i < BUFFERS; i++) {
		struct buffer *b = &buffers[i];
		uint8_t *got = malloc(b->size);

		igt_assert(got);
		gl_download(b->name, 0, b->size, got);
		compare(b, got, 0, b->size, "the end");
		free(got);
		fence();
		if (b->kind == COHERENT_RW)
			compare(b, b->ptr, 0, b->size, "the end, mapped");
		destroy(b);
	}
	igt_info("seed %llu, %llu frames: %llu stores, %llu loads, %llu commands, %llu fences\n",
		 (unsigned long long)seed, (unsigned long long)wanted,
		 (unsigned long long)stores, (unsigned long long)loads,
		 (unsigned long long)commands, (unsigned long long)fences);
	igt_assert(stores && loads && commands && fences);
}

igt_main {
	igt_fixture {
		igt_assert(gl_open(&gl));
		igt_require_f(epoxy_has_gl_extension("GL_ARB_buffer_storage"),
			      "no GL_ARB_buffer_storage, but %s\n", glGetString(GL_VERSION));
	}

	/**
	 * SUBTEST: frames
	 * Description: All that is read, by the CPU and by the GPU, is what the model has
	 */
	igt_describe("All that is read, by the CPU and by the GPU, is what the model has");
	igt_subtest("frames")
		frames();

	igt_fixture
		gl_close(&gl);
}
