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
/**
 * DRM_GEM_MMAP_PLACED_COHERENT - stores and loads need no transfers and no flushes
 *
 * As if DRM_IOCTL_GEM_COHERENT had been called first, with
 * %DRM_GEM_COHERENT_TO_DEVICE and, if READ is among the flags,
 * %DRM_GEM_COHERENT_FROM_DEVICE. EOPNOTSUPP for an object that cannot be
 * coherent; nothing is mapped then.
 */
#define DRM_GEM_MMAP_PLACED_COHERENT		(1 << 5)
/**
 * DRM_GEM_MMAP_PLACED_POPULATE - fault the mapping in
 *
 * As MAP_POPULATE of mmap(2): what cannot be populated is not an error, and
 * comes when it is touched. MADV_POPULATE_READ and MADV_POPULATE_WRITE say what
 * went wrong. EOPNOTSUPP on a device whose mappings cannot be populated.
 */
#define DRM_GEM_MMAP_PLACED_POPULATE		(1 << 6)
/**
 * DRM_GEM_MMAP_PLACED_FROM_ADDR - map once more what is mapped at &drm_gem_mmap_placed.from_addr
 *
 * A duplicate of a mapping of the caller's, whoever made it: through any file of
 * any DRM device, or the dma-buf of a GEM object. What it shows may have lost
 * its handle, and the file it was made through may be closed. The original stays
 * as it is; both show the same memory, and if the original is coherent, so is the
 * duplicate. It may consist of several mappings in a row, as mprotect(2) leaves them,
 * that show the pages of one object in a row.
 *
 * READ and WRITE may be asked for if all of the original has them at the time; with
 * neither, the duplicate gets those that all of it has, or EACCES. Private mappings, page
 * windows, and, for drivers that cannot map the middle of an object, mappings that
 * do not show its start have no duplicates.
 */
#define DRM_GEM_MMAP_PLACED_FROM_ADDR		(1 << 7)
/**
 * DRM_GEM_MMAP_PLACED_PAGES - a page window: shows the pages that are put into it
 *
 * A mapping of &drm_gem_mmap_placed.length bytes, which may be more or less than
 * the object has, with nothing in it. DRM_IOCTL_GEM_MAP_PAGES puts pages of the
 * object at its addresses. An access to an address that has no page is SIGSEGV, as
 * if nothing was mapped. EOPNOTSUPP for an object that cannot be mapped by pages.
 */
#define DRM_GEM_MMAP_PLACED_PAGES		(1 << 8)

/**
 * struct drm_gem_mmap_placed - map a part of a GEM object at a chosen place
 *
 * The layout is the same for 32-bit and 64-bit programs. All sizes, offsets
 * and addresses are in bytes and must be multiples of the page size. When the
 * call fails nothing is mapped and the struct is as it was; but see EFAULT, and
 * %DRM_GEM_MMAP_PLACED_FIXED for a driver that fails late.
 *
 * Errors: EINVAL (malformed), EOPNOTSUPP (the driver or the object cannot), ENOENT
 * (no such handle in this file; FROM_ADDR: not all of the range is mapped, or not
 * from one GEM object), EACCES (the file may not map the object that way; FROM_ADDR:
 * the original may not be accessed that way), EPERM (below mmap_min_addr, or sealed), EEXIST
 * (%DRM_GEM_MMAP_PLACED_FIXED_NOREPLACE and something is there), ENOSPC (no
 * gap in the range), ENOMEM (RLIMIT_AS, RLIMIT_MEMLOCK, the number of mappings,
 * memory, or an exact address the task cannot have), EINTR (the task is being
 * killed), ENODEV (the device is gone), EFAULT (the struct cannot be read, or
 * cannot be written back, in which case the mapping is there), or what the
 * driver's mmap answers.
 */
struct drm_gem_mmap_placed {
	/** @handle: in: handle of the object; with FROM_ADDR, zero. */
	__u32 handle;

	/**
	 * @flags: in: DRM_GEM_MMAP_PLACED_*. At least one of READ and WRITE but with
	 * FROM_ADDR, at most one of FIXED and FIXED_NOREPLACE; PAGES with neither
	 * FROM_ADDR nor POPULATE.
	 */
	__u32 flags;

	/**
	 * @offset: in: where in the object the mapping starts; with FROM_ADDR or
	 * PAGES, zero.
	 */
	__u64 offset;

	/**
	 * @length: in: size of the mapping, not zero; inside the object but with
	 * PAGES, which takes up to 2^31 - 1 pages, as far as the device has fake
	 * offsets for them: there are 2^28 pages of these (ENOMEM).
	 */
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

	/**
	 * @from_addr: in: with FROM_ADDR, the address of the original, page-aligned;
	 * otherwise zero.
	 */
	__u64 from_addr;

	/** @pad: in: must be zero. */
	__u64 pad;
};

/**
 * DRM_GEM_COHERENT_TO_DEVICE - what the CPU stores, the device finds
 *
 * A store through a mapping of the object is visible to every operation of the
 * device on the object that is submitted after it.
 */
#define DRM_GEM_COHERENT_TO_DEVICE		(1 << 0)
/**
 * DRM_GEM_COHERENT_FROM_DEVICE - what the device writes, the CPU loads
 *
 * What an operation of the device wrote is visible to loads through a readable
 * mapping of the object once the operation's fence has signalled. A load before
 * that waits for it.
 */
#define DRM_GEM_COHERENT_FROM_DEVICE		(1 << 1)

/** DRM_GEM_COHERENT_NATIVE - the device uses the very memory that is mapped. */
#define DRM_GEM_COHERENT_NATIVE			0
/** DRM_GEM_COHERENT_TRACKED - stores are tracked and sent, reads are read back. */
#define DRM_GEM_COHERENT_TRACKED		1

/**
 * struct drm_gem_coherent - make the mappings of a GEM object coherent
 *
 * Concerns all mappings made after the call, by mmap(2) and by
 * DRM_IOCTL_GEM_MMAP_PLACED, through this file, others and the object's
 * dma-buf. Mappings made before the call stay what they were. It lasts as long
 * as the object; calling it again adds flags.
 *
 * Coherency works by whole pages: of a page that the device wrote and a mapping
 * without PROT_READ stored to at the same time, the CPU's page wins. Readable
 * mappings have the device's bytes before a store can happen. A mapping that
 * was made without PROT_READ cannot be given it later by mprotect(2).
 *
 * Errors: EINVAL (no flag, unknown flags, or @pad), ENOENT (no such handle in
 * this file), EOPNOTSUPP (the driver or the object cannot: imported objects,
 * textures without a linear layout), ENOMEM.
 */
struct drm_gem_coherent {
	/** @handle: in: handle of the object. */
	__u32 handle;

	/** @flags: in: DRM_GEM_COHERENT_TO_DEVICE, _FROM_DEVICE, or both. */
	__u32 flags;

	/** @state: out: DRM_GEM_COHERENT_NATIVE or _TRACKED. */
	__u32 state;

	/** @pad: in: must be zero. */
	__u32 pad;
};

/** DRM_GEM_DIRTY_QUERY - list the runs of dirty pages in @runs. */
#define DRM_GEM_DIRTY_QUERY			(1 << 0)
/** DRM_GEM_DIRTY_FLUSH - send the dirty pages to the device now. */
#define DRM_GEM_DIRTY_FLUSH			(1 << 1)
/** DRM_GEM_DIRTY_WAIT - wait until the device has taken all that was sent. */
#define DRM_GEM_DIRTY_WAIT			(1 << 2)

/** struct drm_gem_dirty_run - pages in a row that were written */
struct drm_gem_dirty_run {
	/** @offset: where in the object, in bytes. */
	__u64 offset;

	/** @length: bytes. */
	__u64 length;
};

/**
 * struct drm_gem_dirty - what of a coherent object is written and not yet sent
 *
 * Nothing needs this call: operations of the device send what they need by
 * themselves. It is for those who want to know, or who want the sending done
 * early. Of an object that is coherent by nature nothing is ever dirty.
 *
 * A query alone changes nothing. Query and flush together list what is sent; what
 * is stored meanwhile may be sent with it.
 *
 * Errors: EINVAL (no flag, unknown flags, @pad, a range that is not
 * page-aligned or not inside the object), ENOENT (no such handle in this
 * file), EOPNOTSUPP (the object is not coherent), ENOSPC (more runs than
 * @count: @count says how many there are, nothing was sent), EFAULT (@runs
 * cannot be written; nothing was sent), EIO (the device refused a
 * transfer of this object; said once), ENOMEM, EINTR (the task is being
 * killed), ENODEV (the device went away).
 */
struct drm_gem_dirty {
	/** @handle: in: handle of the object. */
	__u32 handle;

	/** @flags: in: DRM_GEM_DIRTY_*, at least one. */
	__u32 flags;

	/** @offset: in: start of the range in the object, page-aligned bytes. */
	__u64 offset;

	/** @length: in: bytes of the range, page-aligned; zero for all from @offset. */
	__u64 length;

	/** @runs: in: with QUERY, address of an array of &struct drm_gem_dirty_run. */
	__u64 runs;

	/**
	 * @count: in: with QUERY, number of elements that @runs has room for.
	 * out: how many runs there are.
	 */
	__u32 count;

	/** @pad: in: must be zero. */
	__u32 pad;

	/** @pages: out: number of dirty pages in the range, when the call looked. */
	__u64 pages;
};

/**
 * DRM_GEM_SPARSE_CREATE - create a sparse object of @length bytes
 *
 * It has no memory. EOPNOTSUPP: the driver or its device has no such objects. ENOMEM
 * or ENOSPC: not even for an object without memory, which may be the device's answer.
 */
#define DRM_GEM_SPARSE_CREATE			0
/**
 * DRM_GEM_SPARSE_POPULATE - allocate what the range has no memory for yet, zeroed
 *
 * As MADV_POPULATE_WRITE on a mapping of the range, but maps nothing. After
 * ENOMEM or EINTR what was populated so far stays; the call can be repeated.
 */
#define DRM_GEM_SPARSE_POPULATE			1
/**
 * DRM_GEM_SPARSE_DISCARD - free the memory of the range
 *
 * As MADV_REMOVE on a mapping of the range. All mappings of it, in all
 * processes, fault on the next access and then read zeros.
 */
#define DRM_GEM_SPARSE_DISCARD			2
/** DRM_GEM_SPARSE_QUERY - list the runs of the range that have memory in @runs. */
#define DRM_GEM_SPARSE_QUERY			3

/**
 * DRM_GEM_SPARSE_POOL - with CREATE: memory of the device's, not of this machine's
 *
 * A page that is touched and has no memory brings that of its 2 MiB of the object, if
 * these have none at all; populating brings what it is asked for. Mappings are
 * coherent by nature. ENOMEM, from a bare access SIGBUS: the device's memory is
 * used up. EOPNOTSUPP: the device has none to give.
 */
#define DRM_GEM_SPARSE_POOL			(1 << 0)

/** struct drm_gem_sparse_run - pages in a row that have memory */
struct drm_gem_sparse_run {
	/** @offset: where in the object, in bytes. */
	__u64 offset;

	/** @length: bytes. */
	__u64 length;
};

/**
 * struct drm_gem_sparse - objects that have memory where it was asked for
 *
 * A sparse object has a size, and memory for those of its pages that were
 * populated or touched (or, of coherent ones, read back) since they were last
 * discarded. All others read zeros.
 * The memory is charged to the memory cgroup of who populates or touches it, is
 * never swapped out, and does not count for RLIMIT_MEMLOCK.
 *
 * A touch that finds no memory is SIGBUS. dma-bufs cannot be made of sparse
 * objects: whoever imports one expects all of its memory to be there.
 *
 * When the call fails the struct is as it was, but for @count with ENOSPC.
 *
 * Errors: EINVAL (unknown @op, flags, a member that must be zero, a range that is
 * not page-aligned or not inside the object, a size of zero), ENOENT (no such
 * handle in this file), EOPNOTSUPP (the object is not sparse; CREATE: the device
 * has none), ENOSPC (QUERY: more runs than @count, which then says how many;
 * CREATE: no fake offset left for an object of this size), EFAULT (@runs cannot be
 * written; or the struct cannot be read, or not written back, in which case the
 * work is done), ENOMEM, EINTR (the task is being killed), ENODEV (the device is
 * gone). After ENOMEM, EINTR or ENODEV a part may have been populated or discarded.
 */
struct drm_gem_sparse {
	/** @op: in: DRM_GEM_SPARSE_CREATE and others. */
	__u32 op;

	/** @flags: in: with CREATE, DRM_GEM_SPARSE_POOL; must be zero otherwise. */
	__u32 flags;

	/** @handle: in: handle of the object; zero with CREATE. out: with CREATE. */
	__u32 handle;

	/**
	 * @count: in: with QUERY, number of elements that @runs has room for.
	 * out: how many runs there are. Must be zero with other operations.
	 */
	__u32 count;

	/** @offset: in: start of the range in the object, page-aligned bytes; zero with CREATE. */
	__u64 offset;

	/**
	 * @length: in: bytes of the range, page-aligned; zero for all from
	 * @offset. With CREATE the size of the object, not zero.
	 */
	__u64 length;

	/**
	 * @runs: in: with QUERY, address of an array of &struct drm_gem_sparse_run;
	 * may be zero if @count is. Must be zero with other operations.
	 */
	__u64 runs;

	/** @present: out: bytes of the range that have memory, after the call. */
	__u64 present;
};

/** DRM_GEM_MMAP_WINDOW_SET - set the window, or replace the one there is */
#define DRM_GEM_MMAP_WINDOW_SET			0
/** DRM_GEM_MMAP_WINDOW_CLEAR - mmap(2) maps as it did before any window was set */
#define DRM_GEM_MMAP_WINDOW_CLEAR		1
/** DRM_GEM_MMAP_WINDOW_QUERY - the window: range and flags; an empty range for none */
#define DRM_GEM_MMAP_WINDOW_QUERY		2

/** DRM_GEM_MMAP_WINDOW_TOPDOWN - prefer high addresses */
#define DRM_GEM_MMAP_WINDOW_TOPDOWN		(1 << 0)

/**
 * struct drm_gem_mmap_window - where plain mmap(2) of this file maps
 *
 * For programs and libraries that call mmap(2) and cannot be changed: every
 * mapping of this open file that the calling process makes from now on lands inside
 * of the window, found as by DRM_IOCTL_GEM_MMAP_PLACED. The address that mmap(2) is
 * given is a hint, honoured if it is free and inside; MAP_FIXED and
 * MAP_FIXED_NOREPLACE map where they always did; MAP_32BIT makes no difference. When
 * there is no room in the window, mmap(2) fails with ENOMEM. Mappings that exist stay
 * where they are.
 *
 * The window is the calling process' own. Nobody inherits it: not the child of a
 * fork(), nor the program that is executed, nor the process that the file is sent
 * to. They map as without a window. A file has one window at a time: while the
 * process that set it lives, others get EBUSY.
 *
 * Errors: EINVAL (unknown @op or flags, a member that must be zero, a range that is
 * empty, not page-aligned, or above the end of the address space, rounded up to
 * 4 GiB), EOPNOTSUPP (the
 * driver cannot), EBUSY (another process has a window here), EFAULT (the struct
 * cannot be read, or not written back, in which case the work is done).
 */
struct drm_gem_mmap_window {
	/** @op: in: DRM_GEM_MMAP_WINDOW_SET and others. */
	__u32 op;

	/** @flags: DRM_GEM_MMAP_WINDOW_TOPDOWN. in: with SET, otherwise zero. out: with QUERY. */
	__u32 flags;

	/**
	 * @range_start: lowest address, in bytes, page-aligned. in: with SET,
	 * otherwise zero. out: with QUERY.
	 */
	__u64 range_start;

	/** @range_end: end (exclusive) of the window, likewise. */
	__u64 range_end;
};

/** DRM_GEM_MAP_PAGES_NONE - in &drm_gem_map_pages.pages: no page, unmap the address */
#define DRM_GEM_MAP_PAGES_NONE			(~(__u64)0)

/** DRM_GEM_MAP_PAGES_MAX - the most addresses that one call takes */
#define DRM_GEM_MAP_PAGES_MAX			(1 << 20)

/**
 * struct drm_gem_map_pages - put pages of an object into its page windows
 *
 * Makes each of @count addresses show a page of the object, instead of what it
 * showed before. The addresses are in page windows
 * (%DRM_GEM_MMAP_PLACED_PAGES) of the calling process, in one or in several, which
 * are windows on the same object. The same page may be at several addresses. What the
 * pages hold belongs to the object, and stays when they are unmapped.
 *
 * The windows are found by address: they may have been made through any file, and
 * the object needs no handle any more. The child of a fork() has the pages in its
 * windows that the parent had at the time; from then on each changes its own.
 *
 * A call that fails has changed nothing, and a call that succeeds has changed
 * all; threads that access the addresses meanwhile see some changed before others.
 *
 * Errors: EINVAL (a @count of zero; flags or @pad; a page that the object does not
 * have; an address that is not page-aligned or is named twice; windows on two
 * objects), E2BIG (a @count above %DRM_GEM_MAP_PAGES_MAX), ENOENT (an address is not in
 * a page window), EFAULT (an array, or the struct, cannot be read), ENOMEM, EINTR (the task
 * is being killed), ENODEV (the device is gone).
 */
struct drm_gem_map_pages {
	/**
	 * @addr: in: without @addrs, the first address; the others follow in a row.
	 * Otherwise zero.
	 */
	__u64 addr;

	/** @addrs: in: address of an array of @count addresses (__u64), or zero. */
	__u64 addrs;

	/**
	 * @pages: in: address of an array of @count page numbers (__u64), counted from
	 * the start of the object, or DRM_GEM_MAP_PAGES_NONE. Zero: NONE for all.
	 */
	__u64 pages;

	/** @count: in: number of addresses, not zero. */
	__u64 count;

	/** @flags: in: must be zero. */
	__u32 flags;

	/** @pad: in: must be zero. */
	__u32 pad;
};

#define DRM_IOCTL_GEM_MMAP_PLACED	DRM_IOWR(0xF0, struct drm_gem_mmap_placed)
#define DRM_IOCTL_GEM_COHERENT		DRM_IOWR(0xF1, struct drm_gem_coherent)
#define DRM_IOCTL_GEM_DIRTY		DRM_IOWR(0xF2, struct drm_gem_dirty)
#define DRM_IOCTL_GEM_SPARSE		DRM_IOWR(0xF3, struct drm_gem_sparse)
#define DRM_IOCTL_GEM_MMAP_WINDOW	DRM_IOWR(0xF4, struct drm_gem_mmap_window)
#define DRM_IOCTL_GEM_MAP_PAGES		DRM_IOW(0xF5, struct drm_gem_map_pages)

#if defined(__cplusplus)
}
#endif

#endif
