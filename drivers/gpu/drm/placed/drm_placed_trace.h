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
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

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
		      { DRM_GEM_MMAP_PLACED_FROM_ADDR, "FROM_ADDR" }, \
		      { DRM_GEM_MMAP_PLACED_PAGES, "PAGES" })

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
		__field(u64, from_addr)
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
		__entry->from_addr = args->from_addr;
		__entry->result = result;
		__entry->gaps = gaps;
	),
	TP_printk("driver=%s handle=%u offset=0x%llx length=0x%llx flags=%s from_addr=0x%llx addr=0x%llx range=[0x%llx,0x%llx) align=0x%llx gaps=%u result=0x%lx error=%ld",
		  __get_str(driver), __entry->handle, __entry->offset, __entry->length,
		  DRM_PLACED_SHOW_FLAGS(__entry->flags), __entry->from_addr, __entry->addr,
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

/*
 * The objects of the events below go by their fake offset, in pages: it is what
 * /proc/PID/maps shows, and debugfs.
 */
DECLARE_EVENT_CLASS(drm_placed_pages,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count),
	TP_ARGS(obj, first, count),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, first)
		__field(pgoff_t, count)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->first = first;
		__entry->count = count;
	),
	TP_printk("object=0x%lx first=%lu count=%lu",
		  __entry->object, __entry->first, __entry->count)
);

/* Pages of a coherent object are sent to the device. */
DEFINE_EVENT(drm_placed_pages, drm_placed_transfer,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count),
	TP_ARGS(obj, first, count));

/* A store faulted, and opened pages. */
TRACE_EVENT(drm_placed_fault,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t page, pgoff_t first, unsigned int count),
	TP_ARGS(obj, page, first, count),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, page)
		__field(pgoff_t, first)
		__field(unsigned int, count)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->page = page;
		__entry->first = first;
		__entry->count = count;
	),
	TP_printk("object=0x%lx page=%lu first=%lu count=%u",
		  __entry->object, __entry->page, __entry->first, __entry->count)
);

/* A chunk changed its state: 0 cold, 1 hot, 2 huge. */
TRACE_EVENT(drm_placed_chunk,
	TP_PROTO(struct drm_gem_object *obj, unsigned long chunk, int from, int to),
	TP_ARGS(obj, chunk, from, to),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(unsigned long, chunk)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->chunk = chunk;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("object=0x%lx chunk=%lu from=%s to=%s", __entry->object, __entry->chunk,
		  __print_symbolic(__entry->from, { 0, "cold" }, { 1, "hot" }, { 2, "huge" }),
		  __print_symbolic(__entry->to, { 0, "cold" }, { 1, "hot" }, { 2, "huge" }))
);

/* A collection that had something to look at has ended. */
TRACE_EVENT(drm_placed_collect,
	TP_PROTO(struct drm_gem_object *obj, unsigned long dirty, unsigned long sent,
		 unsigned long runs, unsigned long changes, const unsigned long *states),
	TP_ARGS(obj, dirty, sent, runs, changes, states),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(unsigned long, dirty)
		__field(unsigned long, sent)
		__field(unsigned long, runs)
		__field(unsigned long, changes)
		__array(unsigned long, states, 3)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->dirty = dirty;
		__entry->sent = sent;
		__entry->runs = runs;
		__entry->changes = changes;
		memcpy(__entry->states, states, sizeof(__entry->states));
	),
	TP_printk("object=0x%lx dirty=%lu sent=%lu runs=%lu changes=%lu cold=%lu hot=%lu huge=%lu",
		  __entry->object, __entry->dirty, __entry->sent, __entry->runs,
		  __entry->changes, __entry->states[0], __entry->states[1], __entry->states[2])
);

/* The memory of a range of a sparse object was freed. */
TRACE_EVENT(drm_placed_discard,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, unsigned long freed),
	TP_ARGS(obj, first, count, freed),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, first)
		__field(pgoff_t, count)
		__field(unsigned long, freed)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->first = first;
		__entry->count = count;
		__entry->freed = freed;
	),
	TP_printk("object=0x%lx first=%lu count=%lu freed=%lu",
		  __entry->object, __entry->first, __entry->count, __entry->freed)
);

/* Something was to be done to pages of an object. */
DECLARE_EVENT_CLASS(drm_placed_done,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, int error),
	TP_ARGS(obj, first, count, error),
	TP_STRUCT__entry(
		__field(unsigned long, object)
		__field(pgoff_t, first)
		__field(pgoff_t, count)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->object = drm_vma_node_start(&obj->vma_node);
		__entry->first = first;
		__entry->count = count;
		__entry->error = error;
	),
	TP_printk("object=0x%lx first=%lu count=%lu error=%d",
		  __entry->object, __entry->first, __entry->count, __entry->error)
);

/* Pages of a coherent object are read back from the device. */
DEFINE_EVENT(drm_placed_done, drm_placed_read_back,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, int error),
	TP_ARGS(obj, first, count, error));

/* A range of a sparse object was populated by DRM_IOCTL_GEM_SPARSE. */
DEFINE_EVENT(drm_placed_done, drm_placed_populate,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, int error),
	TP_ARGS(obj, first, count, error));

/* Pages of an object were put into windows. Here, first is an address, in pages. */
DEFINE_EVENT(drm_placed_done, drm_placed_map_pages,
	TP_PROTO(struct drm_gem_object *obj, pgoff_t first, pgoff_t count, int error),
	TP_ARGS(obj, first, count, error));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../../drivers/gpu/drm/placed
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE drm_placed_trace
#include <trace/define_trace.h>
