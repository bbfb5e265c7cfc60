# SPDX-License-Identifier: GPL-2.0-or-later
#
# The devices of the QEMU that tests of virtio-gpu and vmware-svga run with
# sanitizers: a PC and these, and nothing else. It goes to
# configs/devices/x86_64-softmmu/NAME.mak, and takes --with-devices-x86_64=NAME
# and --without-default-devices.

CONFIG_I440FX=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_GPU=y
CONFIG_VMWARE_VGA=y
