/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * Placed GEM: mappings of GEM buffers at addresses the program chooses.
 *
 * Experimental. The numbers below come from the top of the DRM core range and
 * may change until they are assigned upstream.
 */
#ifndef _UAPI_DRM_PLACED_H_
#define _UAPI_DRM_PLACED_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DRM_CAP_GEM_MMAP_PLACED
 *
 * The mask of DRM_GEM_MMAP_PLACED_* flags that DRM_IOCTL_GEM_MMAP_PLACED
 * takes on this device. Zero, or an error from DRM_IOCTL_GET_CAP: the ioctl is
 * not there, use mmap(2). It may still answer EOPNOTSUPP for an object.
 */
#define DRM_CAP_GEM_MMAP_PLACED			0xF0

/** DRM_GEM_MMAP_PLACED_READ - map with PROT_READ. */
#define DRM_GEM_MMAP_PLACED_READ		(1 << 0)
/** DRM_GEM_MMAP_PLACED_WRITE - map with PROT_WRITE. */
#define DRM_GEM_MMAP_PLACED_WRITE		(1 << 1)
/**
 * DRM_GEM_MMAP_PLACED_FIXED - at &drm_gem_mmap_placed.addr, replacing what is there
 *
 * As with MAP_FIXED of mmap(2), what was there is unmapped first. If the driver
 * then fails, for want of memory, the addresses stay free.
 */
#define DRM_GEM_MMAP_PLACED_FIXED		(1 << 2)
/** DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE - at &drm_gem_mmap_placed.addr, or EEXIST. */
#define DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE	(1 << 3)
/** DRM_GEM_MMAP_PLACED_TOPDOWN - prefer high addresses: search downwards first. */
#define DRM_GEM_MMAP_PLACED_TOPDOWN		(1 << 4)
/** DRM_GEM_MMAP_PLACED_COHERENT - reserved for coherent mappings: EOPNOTSUPP. */
#define DRM_GEM_MMAP_PLACED_COHERENT		(1 << 5)
/** DRM_GEM_MMAP_PLACED_POPULATE - reserved for populated mappings: EOPNOTSUPP. */
#define DRM_GEM_MMAP_PLACED_POPULATE		(1 << 6)
/** DRM_GEM_MMAP_PLACED_FROM_ADDR - reserved for duplicating a mapping: EOPNOTSUPP. */
#define DRM_GEM_MMAP_PLACED_FROM_ADDR		(1 << 7)

/**
 * struct drm_gem_mmap_placed - map a part of a GEM object at a chosen place
 *
 * The layout is the same for 32-bit and 64-bit programs. All sizes, offsets
 * and addresses are in bytes and must be multiples of the page size. When the
 * call fails nothing is mapped and the struct is as it was; but see EFAULT, and
 * %DRM_GEM_MMAP_PLACED_FIXED for a driver that fails late.
 *
 * Errors: EINVAL (malformed), EOPNOTSUPP (a reserved flag, or the driver
 * cannot), ENOENT (no such handle in this file), EACCES (the file may not map
 * the object that way), EPERM (below mmap_min_addr, or sealed), EEXIST
 * (%DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE and something is there), ENOSPC (no
 * gap in the range), ENOMEM (RLIMIT_AS, RLIMIT_MEMLOCK, the number of mappings,
 * memory, or an exact address the task cannot have), EINTR (the task is being
 * killed), ENODEV (the device is gone), EFAULT (the struct cannot be read, or
 * cannot be written back, in which case the mapping is there), or what the
 * driver's mmap answers.
 */
struct drm_gem_mmap_placed {
	/** @handle: in: handle of the object. */
	__u32 handle;

	/**
	 * @flags: in: DRM_GEM_MMAP_PLACED_*. At least one of READ and WRITE,
	 * at most one of FIXED and FIXED_NOREPLACE.
	 */
	__u32 flags;

	/** @offset: in: where in the object the mapping starts. */
	__u64 offset;

	/** @length: in: size of the mapping, not zero, inside the object. */
	__u64 length;

	/**
	 * @addr: in: with FIXED or FIXED_NOREPLACE the address, otherwise a
	 * hint, zero for none. out: the address of the mapping.
	 */
	__u64 addr;

	/** @range_start: in: lowest address the mapping may cover. */
	__u64 range_start;

	/**
	 * @range_end: in: end (exclusive) of what the mapping may cover; zero,
	 * with a zero @range_start, for anywhere mmap(2) would map. On
	 * machines whose mmap(2) keeps to a part of the address space without
	 * being asked (47 bits on x86), addresses above that line are used
	 * only if @range_end is above it, or by an exact address.
	 */
	__u64 range_end;

	/**
	 * @align: in: a power of two of at least a page that @addr shall be
	 * a multiple of. Zero: a page, and where there is a choice an address
	 * that lets huge pages map a mapping of their size or more (2 MiB on
	 * x86; congruent to @offset modulo that size).
	 */
	__u64 align;

	/** @from_addr: in: must be zero. */
	__u64 from_addr;

	/** @pad: in: must be zero. */
	__u64 pad;
};

#define DRM_IOCTL_GEM_MMAP_PLACED	DRM_IOWR(0xF0, struct drm_gem_mmap_placed)

#if defined(__cplusplus)
}
#endif

#endif
