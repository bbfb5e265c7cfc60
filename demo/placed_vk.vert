// SPDX-License-Identifier: MIT
#version 450

layout(location = 0) in vec3 at;
layout(location = 1) in vec4 color_in;
layout(push_constant) uniform Camera { mat4 camera; };
layout(location = 0) flat out vec4 color;

void main()
{
	gl_Position = camera * vec4(at, 1);
	color = color_in;
}
