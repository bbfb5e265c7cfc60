/* SPDX-License-Identifier: MIT */
/*
 * The kernel's header, as libdrm's may be too old. An IGT tree has one of its
 * own by this name.
 */
#include <drm/virtgpu_drm.h>
