"""host.py: an emulated arm64 host with a working /dev/kvm, for tests of the engine kvm.

QEMU emulates a CPU with EL2, and on it Debian's own kernel offers KVM. The host is one of the guests
that tools/guest-debian makes, in its initramfs; the programs and what they need lie on a disk of
their own, which is mounted on /mnt. Use it in a `with` statement:

    with Host(programs, files={"guest/linux": path}) as host:
        host.check("atoll engines")
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(TOP, "tests/boot"))

from guest import Failure, Guest  # noqa: E402  (found by the path above)

SYSROOT = os.path.join(TOP, "build/arm64/sysroot")
LIBRARIES = ["usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu"]
LOADER = "ld-linux-aarch64.so.1"
# The fastest with KVM in it, one with all that QEMU knows, and one whose GIC is too old for Atoll (facts about QEMU's
# `virt`).
MODERN = ["-M", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a76"]
SVE = ["-M", "virt,virtualization=on,gic-version=3", "-cpu", "max,pauth-impdef=on"]
GICV2 = ["-M", "virt,virtualization=on,gic-version=2", "-cpu", "cortex-a72"]


def library(name):
    """Where the sysroot has a shared library."""
    for place in LIBRARIES:
        path = os.path.join(SYSROOT, place, name)
        if os.path.exists(path):
            return path
    raise Failure(f"the sysroot has no {name}: run tools/cross-arm64")


def needed(path):
    """The shared libraries that a program or library names."""
    text = subprocess.run(["aarch64-linux-gnu-readelf", "-d", path], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def libraries(programs):
    """All libraries that these programs want, by name: where they are."""
    found = {LOADER: library(LOADER)}
    todo = list(programs)
    while todo:
        for name in needed(todo.pop()):
            if name not in found:
                found[name] = library(name)
                todo.append(found[name])
    return found


def make_disk(image, programs, files):
    """An ext4 disk with the programs in bin/, their libraries in lib/, and files: {PLACE: PATH}."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(image)) as tree:
        contents = {f"bin/{os.path.basename(path)}": path for path in programs}
        contents |= {f"lib/{name}": path for name, path in libraries(programs).items()}
        contents |= files
        size = 64 << 20
        for place, path in contents.items():
            target = os.path.join(tree, place)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(path, target)
            shutil.copymode(path, target)
            size += os.path.getsize(target)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, image, f"{size >> 10}k"],
                       check=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})


class Host(Guest):
    """One run of the emulated host. Its console gives a shell, and `atoll` is on its path."""

    def __init__(self, directory, programs, files=None, guests=None, kernel="cloud",
                 machine=tuple(MODERN), cpus=2, memory=1536):
        guests = guests or os.path.join(TOP, "build/guest")
        image = os.path.join(directory, "host.img")
        make_disk(image, programs, files or {})
        super().__init__("qemu-system-aarch64", [
            *machine, "-smp", cpus, "-m", memory, "-nographic", "-no-reboot", "-serial", "stdio",
            "-monitor", "none", "-kernel", f"{guests}/{kernel}/linux",
            "-initrd", f"{guests}/{kernel}/initrd.gz", "-append", "console=ttyAMA0 panic=-1 quiet",
            "-drive", f"file={image},format=raw,if=none,id=disk,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk"], command="-nodefaults")

    def __enter__(self):
        self.shell()
        for command in ("mount -t ext4 /dev/vda /mnt", "mkdir -p /lib /run/user",
                        f"ln -s /mnt/lib/{LOADER} /lib/{LOADER}",
                        "ln -s /mnt/lib /lib/aarch64-linux-gnu", "chmod 700 /run/user",
                        "export PATH=/mnt/bin:$PATH XDG_RUNTIME_DIR=/run/user", "stty cols 1000"):
            self.check(command)
        return self
