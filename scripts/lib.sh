# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Shared by the scripts of this directory: where things are, steps with
# progress, one-line errors. Sourced, after `set -eu`.

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/placed-gem
build=$top/build
me=${0##*/}

# chroot and others are not on a user's path.
export PATH="$PATH:/usr/sbin:/sbin"

# Where the checkout and the cache are inside the sysroot and the guest.
in_top=${in_top:-/mnt/checkout}
in_cache=${in_cache:-/mnt/cache}

# shellcheck disable=SC2034 # used by the scripts that source this
suite=trixie
# shellcheck disable=SC2034
series=6.12

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 125
}

# The first comment block of a script is its help.
usage() {
	sed -n '2,/^[^#]/{/^# SPDX/d; s/^# \{0,1\}//p}' "$0"
}

make_dirs() {
	mkdir -p "$cache" "$build/log" 2>/dev/null ||
		die "cannot write to $cache or $build: check space and permissions, or set XDG_CACHE_HOME"
}

# hash FILE...: one key for the contents of all files, by name and content.
hash_files() {
	sha256sum "$@" | sha256sum | cut -c1-16
}

free_kb() {
	df -Pk "$1" | awk 'NR == 2 { print $4 }'
}

# need_space DIR GIGABYTES
need_space() {
	[ "$(free_kb "$1")" -ge $(($2 * 1048576)) ] ||
		die "less than $2 GB free in $1: make room, or point XDG_CACHE_HOME to a larger disk"
}

# apply_series TREE DIR: the patches of the checkout's DIR/series on TREE, in the
# sysroot. A changed series is taken off as it was applied and put on as it is now.
apply_series() {
	tree=$1
	patches=$2
	new=$(cat "$in_top/$patches/"* | sha256sum)
	[ "$new" != "$(cat "$tree/.placed/series" 2> /dev/null)" ] || return 0
	rm -f "$tree/.placed/series"
	export QUILT_PATCHES="$tree/.placed/patches" QUILT_PC="$tree/.pc"
	# What the patches leave as it was must not look new to make.
	rm -rf "$tree/.placed/before"
	if [ -s "$tree/.pc/applied-patches" ]; then
		mkdir -p "$tree/.placed/before"
		(cd "$tree" && find .pc -mindepth 2 -type f ! -name '.*' | cut -d/ -f3- | sort -u |
			while read -r file; do [ ! -f "$file" ] || echo "$file"; done |
			xargs -r cp -p --parents -t .placed/before)
		(cd "$tree" && quilt pop -a -f -q)
	fi
	rm -rf "$tree/.placed/patches"
	mkdir -p "$tree/.placed"
	cp -r "$in_top/$patches" "$tree/.placed/patches"
	if grep -q '^[^#]' "$tree/.placed/patches/series" &&
		! (cd "$tree" && quilt push -a > "$tree/.placed/log" 2>&1); then
		cat "$tree/.placed/log"
		awk '/^Applying patch/ { patch = $3; sub(".*/", "", patch) }
		     /^patching file/ || /^can.t find file/ { file = $3 }
		     /FAILED|can.t find file|does not apply/ { bad = 1 }
		     END { printf "%s/%s does not apply to %s\n", dir, patch, file }' \
			dir="$patches" "$tree/.placed/log"
		exit 1
	fi
	(cd "$tree/.placed/before" 2> /dev/null && find . -type f) | while read -r file; do
		! cmp -s "$tree/.placed/before/$file" "$tree/$file" ||
			touch -r "$tree/.placed/before/$file" "$tree/$file"
	done
	rm -rf "$tree/.placed/before"
	printf '%s\n' "$new" > "$tree/.placed/series"
}

# newest_source PACKAGE SUITE: the version of the source that there is, or nothing
newest_source() {
	"$top/scripts/apt" "$2" update > "$build/log/$2-lists.log" 2>&1 || return 0
	"$top/scripts/apt" "$2" apt-cache showsrc --only-source "$1" 2> /dev/null |
		sed -n 's/^Version: //p' | sort -rV | head -n 1
}

# find_source PACKAGE: Debian's newest source of it, with Debian's patches, in
# PACKAGE-source/tree of the cache, and its version beside. It is looked for once,
# and kept until it is called with $update set.
find_source() {
	source=$cache/$1-source
	if [ -z "${update:-}" ] && [ -s "$source/version" ]; then
		return 0
	fi
	version=
	for s in "$suite-source" "$suite-security-source"; do
		v=$(newest_source "$1" "$s")
		if [ -n "$v" ] && { [ -z "$version" ] || dpkg --compare-versions "$v" gt "$version"; }; then
			version=$v from=$s
		fi
	done
	[ -n "$version" ] || die "no source of $1 on the mirror of the host's apt sources: is the network up?"
	[ "$version" != "$(cat "$source/version" 2> /dev/null)" ] || return 0

	need_space "$cache" 3
	rm -rf "$source"
	mkdir -p "$source/new"
	step "download $1 $version" download_source "$1"
	# Nothing is left to take off of Debian's patches.
	# shellcheck disable=SC2016 # $0 is the other shell's
	step "unpack $1" "$top/scripts/in-sysroot" sh -ec 'cd "$0"
		dpkg-source --no-check --no-copy -x new/*.dsc tree
		rm -rf tree/.pc new' "$in_cache/$1-source"
	printf '%s\n' "$version" > "$source/version"
}

download_source() {
	cd "$source/new" || return
	"$top/scripts/apt" "$from" apt-get source --only-source --download-only "$1=$version"
}

# keep_newest DIR: the newest few in it; each edit makes one.
keep_newest() {
	find "$1" -mindepth 1 -maxdepth 1 -printf '%T@ %f\n' | sort -rn | tail -n +11 |
		cut -d' ' -f2 | (cd "$1" && xargs -r rm -rf --)
}

# step NAME COMMAND...: run COMMAND with its output in a log, show name, elapsed
# time and the last line of the log; on failure the log's last lines.
# The environment variable step_total is the expected number of lines.
step() {
	step_name=$1
	shift
	step_log=$build/log/$(printf '%s' "$step_name" | tr -c 'A-Za-z0-9.\n' -).log
	step_start=$(date +%s)
	: > "$step_log" || die "cannot write $step_log: is the disk full?"
	"$@" > "$step_log" 2>&1 < /dev/null &
	step_pid=$!
	# A job in the background ignores SIGINT, and in-sysroot all but SIGKILL.
	trap 'kill -KILL "$step_pid" 2> /dev/null; echo >&2; die "$step_name: interrupted"' INT TERM
	step_shown=0
	while kill -0 "$step_pid" 2>/dev/null; do
		sleep 0.5
		step_progress
	done
	trap - INT TERM
	step_rc=0
	wait "$step_pid" || step_rc=$?
	step_elapsed=$(($(date +%s) - step_start))
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$step_rc" -ne 0 ]; then
		printf '%-40s FAILED after %ds\n' "$step_name" "$step_elapsed" >&2
		tail -n 25 "$step_log" | sed 's/^/  | /' >&2
		printf '%s: "%s" failed: see %s\n' "$me" "$step_name" "$step_log" >&2
		exit 125
	fi
	printf '%-40s done in %ds\n' "$step_name" "$step_elapsed" >&2
}

step_progress() {
	step_elapsed=$(($(date +%s) - step_start))
	[ -t 2 ] || [ "$step_elapsed" -ge $((step_shown + 20)) ] || return 0
	step_shown=$step_elapsed
	if [ -n "${step_total:-}" ]; then
		step_at=$(wc -l < "$step_log")
		step_at=$((step_at * 100 / step_total))
		[ "$step_at" -lt 100 ] || step_at=99
		step_at="$step_at %"
	else
		step_at=$(tail -n 1 "$step_log" | tr -cd '[:print:]' | cut -c1-60)
	fi
	if [ -t 2 ]; then
		printf '\r\033[K%-40s %4ds  %s' "$step_name" "$step_elapsed" "$step_at" >&2
	else
		printf '%-40s %4ds  %s\n' "$step_name" "$step_elapsed" "$step_at" >&2
	fi
}

# with_lock FILE COMMAND...: one at a time, across processes.
with_lock() {
	lock_file=$1
	shift
	(
		flock -n 9 || { printf '%s: waiting for %s\n' "$me" "$lock_file" >&2; flock 9; }
		"$@"
	) 9> "$lock_file"
}
