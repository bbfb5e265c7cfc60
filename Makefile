# SPDX-License-Identifier: GPL-2.0-or-later

# Each target is a script of its own, and each script sees to what it needs.
.DEFAULT_GOAL := help

run: ## everything from nothing to the main job: the demos, and their pictures; DEVICE=vmware, virgl or venus for others
	@scripts/run $(if $(DEVICE),--device "$(DEVICE)")

test: ## everything from nothing to all tests; SUITES="..." for some of them
	@scripts/test $(SUITES)

bench: ## what maps, coherency and populating cost beside their peers: CSV and plots
	@scripts/bench

check: ## style: checkpatch --strict, W=1, sparse, kernel-doc, shellcheck
	@scripts/check

kernel: ## the guest's kernel; KERNEL=debug for the one with the sanitizers
	@scripts/kernel $(KERNEL)

qemu: ## the QEMU that guests run on; QEMU=asan for the one with the sanitizers
	@scripts/qemu $(QEMU)

sysroot: ## the build environment, which is the guest's root as well
	@scripts/sysroot

shell: ## an interactive guest
	@scripts/guest --timeout 86400 --shell

update: ## look for newer sources of Linux and QEMU on the mirror
	@scripts/kernel --update
	@scripts/qemu --update

igt-tree: ## put the tests into an IGT tree: IGT_SRC=directory
	@scripts/igt-tree "$(IGT_SRC)"

clean: ## remove what was built here; the cache stays
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

.PHONY: run test bench check kernel qemu sysroot shell update igt-tree clean help
