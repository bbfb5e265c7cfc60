/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * Private ioctls of placed_copy, the test driver whose "device" is a copy of
 * each object that only transfers reach. For tests; no ABI.
 */
#ifndef _UAPI_DRM_PLACED_COPY_H_
#define _UAPI_DRM_PLACED_COPY_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/** DRM_PLACED_COPY_PAGES - map struct pages (VM_MIXEDMAP), not bare PFNs */
#define DRM_PLACED_COPY_PAGES		(1 << 0)
/** DRM_PLACED_COPY_CONTIGUOUS - back whole 2 MiB of the object with memory in one piece */
#define DRM_PLACED_COPY_CONTIGUOUS	(1 << 1)
/** DRM_PLACED_COPY_SPARSE - an object that DRM_IOCTL_GEM_SPARSE works on, not with the others */
#define DRM_PLACED_COPY_SPARSE		(1 << 2)

/** struct drm_placed_copy_create - create an object */
struct drm_placed_copy_create {
	/** @size: in: bytes, page-aligned, at most 1 GiB. */
	__u64 size;
	/** @flags: in: DRM_PLACED_COPY_PAGES, _CONTIGUOUS, _SPARSE. */
	__u32 flags;
	/** @handle: out: its handle. */
	__u32 handle;
};

/** DRM_PLACED_COPY_READ - the device reads its copy into @data (after a collection) */
#define DRM_PLACED_COPY_READ		0
/** DRM_PLACED_COPY_WRITE - the device writes @data to its copy (after a collection) */
#define DRM_PLACED_COPY_WRITE		1
/** DRM_PLACED_COPY_PEEK - read the device's copy as it is, no operation of the device */
#define DRM_PLACED_COPY_PEEK		2
/** DRM_PLACED_COPY_RESET - the device forgets the copy (fills it with 0xdd), as by a reset */
#define DRM_PLACED_COPY_RESET		3
/**
 * DRM_PLACED_COPY_FAIL - the next transfer of the object will fail
 *
 * With a @length of zero the next one to the device, otherwise the next one
 * from the device.
 */
#define DRM_PLACED_COPY_FAIL		4

/**
 * struct drm_placed_copy_op - an operation of the device on an object
 *
 * An object that is not coherent is not collected: the device works on the
 * copy as it is, and nobody hears of what it writes.
 */
struct drm_placed_copy_op {
	/** @handle: in: the object. */
	__u32 handle;
	/** @op: in: DRM_PLACED_COPY_READ and others. */
	__u32 op;
	/** @offset: in: where in the object, bytes. */
	__u64 offset;
	/** @length: in: bytes. With zero an operation touches nothing, but still collects. */
	__u64 length;
	/** @data: in: address of @length bytes of the caller's. */
	__u64 data;
	/** @pages: out: pages sent to the device for this operation. */
	__u64 pages;
	/** @runs: out: transfers it took. */
	__u64 runs;
	/** @read_back: out: pages that were ever queued to be read back from the device. */
	__u64 read_back;
};

/**
 * struct drm_placed_copy_clean - mm's clean_record_shared_mapping_range()
 *
 * Cleans and counts the dirty PTEs of all mappings of an object that is not
 * coherent: what other drivers' tracking relies on.
 */
struct drm_placed_copy_clean {
	/** @handle: in: the object. */
	__u32 handle;
	/** @pages: out: number of dirty PTEs found. */
	__u32 pages;
};

#define DRM_IOCTL_PLACED_COPY_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + 0x00, struct drm_placed_copy_create)
#define DRM_IOCTL_PLACED_COPY_OP \
	DRM_IOWR(DRM_COMMAND_BASE + 0x01, struct drm_placed_copy_op)
#define DRM_IOCTL_PLACED_COPY_CLEAN \
	DRM_IOWR(DRM_COMMAND_BASE + 0x02, struct drm_placed_copy_clean)

#if defined(__cplusplus)
}
#endif

#endif
