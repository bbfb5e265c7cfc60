/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM drm_placed

#if !defined(_DRM_PLACED_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _DRM_PLACED_TRACE_H_

#include <linux/tracepoint.h>
#include <linux/types.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include <uapi/drm/drm_placed.h>

#define DRM_PLACED_SHOW_FLAGS(flags) \
	__print_flags(flags, "|", \
		      { DRM_GEM_MMAP_PLACED_READ, "READ" }, \
		      { DRM_GEM_MMAP_PLACED_WRITE, "WRITE" }, \
		      { DRM_GEM_MMAP_PLACED_FIXED, "FIXED" }, \
		      { DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE, "FIXED_NOREPLACE" }, \
		      { DRM_GEM_MMAP_PLACED_TOPDOWN, "TOPDOWN" }, \
		      { DRM_GEM_MMAP_PLACED_COHERENT, "COHERENT" }, \
		      { DRM_GEM_MMAP_PLACED_POPULATE, "POPULATE" }, \
		      { DRM_GEM_MMAP_PLACED_FROM_ADDR, "FROM_ADDR" })

DECLARE_EVENT_CLASS(drm_placed_mmap,
	TP_PROTO(struct drm_device *dev, const struct drm_gem_mmap_placed *args,
		 unsigned long result, unsigned int gaps),
	TP_ARGS(dev, args, result, gaps),
	TP_STRUCT__entry(
		__string(driver, dev->driver->name)
		__field(u32, handle)
		__field(u32, flags)
		__field(u64, offset)
		__field(u64, length)
		__field(u64, addr)
		__field(u64, range_start)
		__field(u64, range_end)
		__field(u64, align)
		__field(unsigned long, result)
		__field(unsigned int, gaps)
	),
	TP_fast_assign(
		__assign_str(driver);
		__entry->handle = args->handle;
		__entry->flags = args->flags;
		__entry->offset = args->offset;
		__entry->length = args->length;
		__entry->addr = args->addr;
		__entry->range_start = args->range_start;
		__entry->range_end = args->range_end;
		__entry->align = args->align;
		__entry->result = result;
		__entry->gaps = gaps;
	),
	TP_printk("driver=%s handle=%u offset=0x%llx length=0x%llx flags=%s addr=0x%llx range=[0x%llx,0x%llx) align=0x%llx gaps=%u result=0x%lx error=%ld",
		  __get_str(driver), __entry->handle, __entry->offset, __entry->length,
		  DRM_PLACED_SHOW_FLAGS(__entry->flags), __entry->addr,
		  __entry->range_start, __entry->range_end, __entry->align, __entry->gaps,
		  IS_ERR_VALUE(__entry->result) ? 0 : __entry->result,
		  IS_ERR_VALUE(__entry->result) ? (long)__entry->result : 0)
);

/* A placed map succeeded: result is the address. */
DEFINE_EVENT(drm_placed_mmap, drm_placed_map,
	TP_PROTO(struct drm_device *dev, const struct drm_gem_mmap_placed *args,
		 unsigned long result, unsigned int gaps),
	TP_ARGS(dev, args, result, gaps));

/* A placed map failed: result is the negative errno. */
DEFINE_EVENT(drm_placed_mmap, drm_placed_map_failed,
	TP_PROTO(struct drm_device *dev, const struct drm_gem_mmap_placed *args,
		 unsigned long result, unsigned int gaps),
	TP_ARGS(dev, args, result, gaps));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../../drivers/gpu/drm/placed
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE drm_placed_trace
#include <trace/define_trace.h>
