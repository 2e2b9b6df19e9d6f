"""The monitors that are compared, as command lines. QEMU runs at its best of two CPU models:
cortex-a57 has no pointer authentication to emulate, max has the large-system extensions; max's
default pointer authentication (QARMA5) alone would cost QEMU 7.2 most of a boot, so it is off."""

import os
import subprocess

MEMORY_MB = 512
CONSOLE = "console=ttyAMA0 quiet"


class Atoll:
    """build/atoll, or another build of it, with one of its engines."""

    def __init__(self, program, engine, options=()):
        self.name = "atoll"
        self.program, self.engine, self.options = program, engine, list(options)
        self.first_image = "first-atoll"

    def command(self, kernel, initrd=None, append=None, cpus=1, disk=None,
                memory=MEMORY_MB):
        command = [self.program, "run", "--engine", self.engine, "--memory", f"{memory}M",
                   "--cpus", str(cpus), "--kernel", kernel, *self.options]
        if initrd:
            command += ["--initrd", initrd, "--append", append]
        command += ["--disk", f"{disk},format=raw", "--net", "user,host=on"] if disk \
            else ["--net", "none"]
        return command

    def efi_command(self, disk):
        return [self.program, "run", "--engine", self.engine, "--memory", f"{MEMORY_MB}M",
                "--net", "none", *self.options, disk]

    def version(self):
        return f"engine {self.engine}"


class Qemu:
    """qemu-system-aarch64's TCG with one CPU model, one thread a vCPU, and no device unasked for."""

    def __init__(self, name, model):
        self.name, self.model = name, model
        self.program = "qemu-system-aarch64"
        self.first_image = "first-qemu"

    def command(self, kernel, initrd=None, append=None, cpus=1, disk=None,
                memory=MEMORY_MB):
        command = [self.program, "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio",
                   "-M", "virt,gic-version=3", "-accel", "tcg,thread=multi", "-cpu", self.model,
                   "-m", str(memory), "-smp", str(cpus), "-kernel", kernel]
        if initrd:
            command += ["-initrd", initrd, "-append", append]
        if disk:
            command += ["-drive", f"file={disk},format=raw,if=none,id=disk,cache=writeback",
                        "-device", "virtio-blk-pci,drive=disk", "-netdev", "user,id=net",
                        "-device", "virtio-net-pci,netdev=net,romfile="]
        return command

    def version(self):
        text = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return text.splitlines()[0]


QEMUS = (Qemu("qemu-max", "max,pauth-impdef=on"), Qemu("qemu-a57", "cortex-a57"))


def guest_files(directory):
    """The kernel and the initramfs that tests/bench/prepare made, for command()."""
    return {"kernel": os.path.join(directory, "linux"),
            "initrd": os.path.join(directory, "initrd.gz")}
