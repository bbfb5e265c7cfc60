/* SPDX-License-Identifier: MIT */
/*
 * A context of OpenGL's core profile without a window, and the few things that
 * tests and measurements do with buffers in it.
 */
#ifndef GL_CONTEXT_H
#define GL_CONTEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <epoxy/egl.h>
#include <epoxy/gl.h>

#include "igt.h"

#define COHERENT (GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT)

#define gl_ok() igt_assert_eq(glGetError(), GL_NO_ERROR)

struct gl {
	EGLDisplay display;
	EGLContext context;
};

/* The highest version that there is. False: not even the display. */
static inline bool gl_open(struct gl *gl)
{
	/* The first that has profiles: what is compatible with it is as good. */
	static const EGLint attribs[] = {
		EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 2,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE
	};

	/* EGL 1.5 has it without the suffix, but nobody knows yet which version this is. */
	gl->display = eglGetPlatformDisplayEXT(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY,
					       NULL);
	if (gl->display == EGL_NO_DISPLAY || !eglInitialize(gl->display, NULL, NULL) ||
	    !eglBindAPI(EGL_OPENGL_API))
		return false;

	gl->context = eglCreateContext(gl->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attribs);
	return gl->context != EGL_NO_CONTEXT &&
	       eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, gl->context);
}

static inline void gl_close(struct gl *gl)
{
	eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(gl->display, gl->context);
	eglTerminate(gl->display);
}

/* Until the GPU has done all so far. */
static inline void gl_wait(void)
{
	GLsync fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	GLenum ret = glClientWaitSync(fence, GL_SYNC_FLUSH_COMMANDS_BIT, 60000000000ull);

	igt_assert(ret == GL_ALREADY_SIGNALED || ret == GL_CONDITION_SATISFIED);
	glDeleteSync(fence);
}

static inline GLuint gl_buffer(size_t size, GLbitfield flags)
{
	GLuint buffer;

	glCreateBuffers(1, &buffer);
	glNamedBufferStorage(buffer, size, NULL, flags);
	gl_ok();
	return buffer;
}

/* A buffer that is mapped for good, as its flags say. */
static inline GLuint gl_mapped(size_t size, GLbitfield flags, GLbitfield more, void **ptr)
{
	GLuint buffer = gl_buffer(size, flags);

	*ptr = glMapNamedBufferRange(buffer, 0, size, (flags & ~GL_DYNAMIC_STORAGE_BIT) | more);
	gl_ok();
	igt_assert(*ptr);
	return buffer;
}

/* What the GPU has, by a copy that nobody maps while it is made. */
static inline void gl_download(GLuint buffer, size_t offset, size_t size, void *data)
{
	GLuint copy = gl_buffer(size, 0);

	glCopyNamedBufferSubData(buffer, copy, offset, 0, size);
	glGetNamedBufferSubData(copy, 0, size, data);
	glDeleteBuffers(1, &copy);
	gl_ok();
}

static inline GLuint gl_program(GLenum stage, const char *source)
{
	GLuint program = glCreateShaderProgramv(stage, 1, &source);
	char log[1000] = "";
	GLint linked = 0;

	glGetProgramiv(program, GL_LINK_STATUS, &linked);
	if (!linked)
		glGetProgramInfoLog(program, sizeof(log), NULL, log);
	igt_assert_f(linked, "%s", log);
	return program;
}

#endif
