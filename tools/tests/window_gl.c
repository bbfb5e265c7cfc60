// SPDX-License-Identifier: MIT
/*
 * Usage: window_gl draw|fill START-END|anywhere
 *
 * OpenGL as any program uses it, by whatever Mesa is installed: nothing here knows of
 * placed mappings. draw maps buffers in all ways that there are, has the GPU copy and
 * draw what was stored, and compares what comes back. fill maps more than the
 * window holds, and has to be told so by GL.
 */
#include <epoxy/egl.h>
#include <epoxy/gl.h>

#include "window_test.h"

#define PERSISTENT (GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT)

#define BUFFERS 6
#define WIDTH 256
#define HEIGHT 128

static void check_gl(const char *what)
{
	GLenum error = glGetError();

	if (error)
		fail("%s: GL error 0x%x", what, error);
}

static void start_gl(void)
{
	static const EGLint attributes[] = {
		EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 4, EGL_NONE
	};
	EGLDisplay display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA,
						      EGL_DEFAULT_DISPLAY, NULL);
	EGLContext context;

	if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_API))
		fail("no EGL: 0x%x", eglGetError());
	context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
	if (context == EGL_NO_CONTEXT ||
	    !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		fail("no OpenGL 4.4: 0x%x", eglGetError());
	printf("%s\n", glGetString(GL_RENDERER));
	if (!strstr((const char *)glGetString(GL_RENDERER), "virgl"))
		fail("that is not virtio-gpu");
}

/* Buffers */

/* A buffer that stays mapped: what is stored, the GPU finds without a further call. */
static GLuint create_persistent(uint64_t size, void **map)
{
	GLuint buffer;

	glGenBuffers(1, &buffer);
	glBindBuffer(GL_COPY_WRITE_BUFFER, buffer);
	glBufferStorage(GL_COPY_WRITE_BUFFER, size, NULL, PERSISTENT);
	*map = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, size, PERSISTENT);
	return buffer;
}

static void copy_buffer(GLuint to, GLuint from, uint64_t size)
{
	glBindBuffer(GL_COPY_READ_BUFFER, from);
	glBindBuffer(GL_COPY_WRITE_BUFFER, to);
	glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0, size);
}

static void test_persistent(void)
{
	static const uint64_t sizes[BUFFERS] = {
		4 << 10, 64 << 10, 1 << 20, 3 << 20, 8 << 20, 12 << 10,
	};
	void *from_map[BUFFERS], *to_map[BUFFERS];
	GLuint from[BUFFERS], to[BUFFERS];

	for (int i = 0; i < BUFFERS; i++) {
		from[i] = create_persistent(sizes[i], &from_map[i]);
		to[i] = create_persistent(sizes[i], &to_map[i]);
		check_gl("persistent buffer");
		check_pointer("persistent, to copy from", sizes[i], from_map[i]);
		check_pointer("persistent, to copy to", sizes[i], to_map[i]);
		store_words(from_map[i], sizes[i], i);
	}
	for (int i = 0; i < BUFFERS; i++)
		copy_buffer(to[i], from[i], sizes[i]);
	glFinish();
	check_maps("with persistent buffers", 2 * BUFFERS);
	for (int i = 0; i < BUFFERS; i++)
		check_words(to_map[i], sizes[i], i, "persistent buffer");

	glDeleteBuffers(BUFFERS, from);
	glDeleteBuffers(BUFFERS, to);
	check_gl("persistent buffers");
}

/* Mapped to store, and again to read what the GPU has copied. */
static void test_ranges(void)
{
	uint64_t size = 2 << 20;
	GLuint buffers[2];
	void *map;

	glGenBuffers(2, buffers);
	for (int i = 0; i < 2; i++) {
		glBindBuffer(GL_COPY_WRITE_BUFFER, buffers[i]);
		glBufferData(GL_COPY_WRITE_BUFFER, size, NULL, GL_DYNAMIC_READ);
	}

	glBindBuffer(GL_COPY_WRITE_BUFFER, buffers[0]);
	map = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, size, GL_MAP_WRITE_BIT);
	if (!map)
		fail("cannot map a buffer to write: 0x%x", glGetError());
	print_pointer("mapped to write", size, map);
	store_words(map, size, 77);
	check_maps("with a buffer to write", 1);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);

	copy_buffer(buffers[1], buffers[0], size);
	map = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, size, GL_MAP_READ_BIT);
	if (!map)
		fail("cannot map a buffer to read: 0x%x", glGetError());
	print_pointer("mapped to read", size, map);
	check_words(map, size, 77, "buffer");
	check_maps("with a buffer to read", 1);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);

	glDeleteBuffers(2, buffers);
	check_gl("buffers");
}

/* Pictures */

static GLuint compile(GLenum stage, const char *source)
{
	GLuint shader = glCreateShader(stage);
	char log[512] = "";
	GLint is_compiled;

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &is_compiled);
	glGetShaderInfoLog(shader, sizeof(log), NULL, log);
	if (!is_compiled)
		fail("cannot compile: %s", log);
	return shader;
}

static GLuint create_program(void)
{
	GLuint program = glCreateProgram();
	GLint is_linked;

	glAttachShader(program, compile(GL_VERTEX_SHADER,
		"#version 440\n"
		"layout(location = 0) in vec2 place;\n"
		"out vec2 at;\n"
		"void main() { at = place * 0.5 + 0.5; gl_Position = vec4(place, 0, 1); }\n"));
	glAttachShader(program, compile(GL_FRAGMENT_SHADER,
		"#version 440\n"
		"layout(binding = 0) uniform sampler2D picture;\n"
		"in vec2 at;\n"
		"out vec4 color;\n"
		"void main() { color = texture(picture, at); }\n"));
	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &is_linked);
	if (!is_linked)
		fail("cannot link");
	return program;
}

static void create_target(void)
{
	GLuint texture, framebuffer;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, WIDTH, HEIGHT);
	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	glViewport(0, 0, WIDTH, HEIGHT);
	glClearColor(0, 0, 0, 0);
	glClear(GL_COLOR_BUFFER_BIT);
}

static void create_picture(const uint32_t *pixels)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, WIDTH, HEIGHT);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, WIDTH, HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
}

/* Upload a picture, draw it on two triangles in a mapped buffer, and read it in two ways. */
static void test_draw(void)
{
	static const float corners[] = { -1, -1, 1, -1, -1, 1, 1, 1 };
	uint32_t pixels[WIDTH * HEIGHT], back[WIDTH * HEIGHT];
	GLuint array, buffer;
	void *map;

	store_words(pixels, sizeof(pixels), 5);
	create_target();
	create_picture(pixels);
	glUseProgram(create_program());

	glGenVertexArrays(1, &array);
	glBindVertexArray(array);
	buffer = create_persistent(4096, &map);
	check_pointer("vertices", 4096, map);
	memcpy(map, corners, sizeof(corners));
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);

	glReadPixels(0, 0, WIDTH, HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE, back);
	check_gl("drawing");
	check_words(back, sizeof(back), 5, "picture");

	glGenBuffers(1, &buffer);
	glBindBuffer(GL_PIXEL_PACK_BUFFER, buffer);
	glBufferData(GL_PIXEL_PACK_BUFFER, sizeof(pixels), NULL, GL_STREAM_READ);
	glReadPixels(0, 0, WIDTH, HEIGHT, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	map = glMapBufferRange(GL_PIXEL_PACK_BUFFER, 0, sizeof(pixels), GL_MAP_READ_BIT);
	if (!map)
		fail("cannot map pixels: 0x%x", glGetError());
	print_pointer("pixels", sizeof(pixels), map);
	check_words(map, sizeof(pixels), 5, "picture in a buffer");
	check_maps("with a picture", 2);
	glUnmapBuffer(GL_PIXEL_PACK_BUFFER);
	check_gl("pictures");
}

/* Buffers of a megabyte until the window is full: GL says so, and all that exist work. */
static void test_fill(void)
{
	uint64_t size = 1 << 20, most = (window_test.end - window_test.start) / size;
	void **maps = calloc(most + 1, sizeof(*maps));
	GLuint *buffers = calloc(most + 1, sizeof(*buffers));
	unsigned int count = 0;

	if (!maps || !buffers)
		fail("%s", strerror(ENOMEM));
	for (;;) {
		GLenum error;

		buffers[count] = create_persistent(size, &maps[count]);
		error = glGetError();
		if (!maps[count] && error != GL_OUT_OF_MEMORY)
			fail("no room is GL error 0x%x", error);
		if (!maps[count])
			break;
		store_words(maps[count], size, count);
		if (++count > most)
			fail("%u MiB are mapped in %" PRIu64, count, most);
	}
	printf("%u buffers of 1 MiB in %" PRIu64 " MiB\n", count, most);
	check_maps("in a full window", count);
	if (!count)
		fail("not even one");

	/* What is not there takes nothing from the others: there is room again. */
	for (unsigned int i = 0; i < count; i++)
		check_words(maps[i], size, i, "buffer in a full window");
	glDeleteBuffers(count + 1, buffers);
	glFinish();
	buffers[0] = create_persistent(size, &maps[0]);
	if (!maps[0])
		fail("no room after all are gone: GL error 0x%x", glGetError());
	check_pointer("again", size, maps[0]);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		fail("Usage: window_gl draw|fill START-END|anywhere");
	window_test_start(argv[0], argv[2]);

	start_gl();
	if (!strcmp(argv[1], "fill")) {
		test_fill();
		return window_test_end();
	}
	test_persistent();
	test_ranges();
	test_draw();
	return window_test_end();
}
