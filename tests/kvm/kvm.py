#!/usr/bin/env python3
"""kvm.py BUILD GUESTS TEST: one test of the engine kvm, by name, on an emulated arm64 host (host.py).
BUILD is a build for arm64 (make check-kvm makes it), GUESTS the directory that tools/guest-debian
fills. Exit status 0: passed; 1: failed; 77: skipped, with the reason."""

import base64
import json
import os
import shutil
import sys
import tempfile
import time

import host
from guest import PATIENCE, Failure

sys.path.insert(0, os.path.join(host.TOP, "tests/boot"))
import boot     # noqa: E402  (found by the path above)
import display  # noqa: E402
import efi      # noqa: E402

# QEMU 7.2's EL2 does not say that a load extends the sign (ESR_EL2.SSE).
KNOWN = ["mmio_signs"]
# A guest's own shell is told from the host's by what Debian's init says there.
GREETING = rb"on \d+ aarch64 CPU\(s\)"


class Bench(boot.Bench):
    """What a test has at hand: the arm64 programs too."""

    def __init__(self, build, guests, directory):
        super().__init__(os.path.join(build, "src/cli/atoll"), guests, directory)
        self.build = build

    def host(self, *more, files=None, **how):
        """The emulated host with atoll, and with these programs and files."""
        if not os.path.exists(self.atoll):
            raise boot.Skip(f"{self.atoll} is not there: run make check-kvm")
        if not shutil.which("qemu-system-aarch64"):
            raise boot.Skip("no qemu-system-aarch64")
        return host.Host(self.directory, [self.atoll, *more], files, guests=self.guests, **how)

    def linux_file(self):
        return {"guest/linux": self.file("cloud/linux")}

    def linux_files(self):
        return {"guest/linux": self.file("cloud/linux"), "guest/initrd.gz": self.file("cloud/initrd.gz"),
                "guest/disk.img": self.file("disk.img")}


def nested(guest, arguments):
    """Start Atoll's guest on the host's shell, up to the guest's own."""
    guest.send(f"atoll run --engine kvm --memory 512M {arguments}\n")
    guest.expect(GREETING)
    guest.shell()


def leave(guest):
    """Power Atoll's guest off: the host's shell is there again, with Atoll's exit status."""
    guest.send("poweroff\n")
    guest.expect(rb"reboot: Power down")
    guest.shell()
    guest.send("echo status-$?\n")
    guest.expect(rb"status-0\r*\n")


def engine_lines(guest, command="atoll engines"):
    """What `atoll engines` says under kvm's name."""
    lines = guest.check(command).replace("\r", "").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("kvm"))
    return " ".join(line.strip() for line in lines[at + 1:at + 4] if line.startswith(" "))


def expect_text(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in: {text}")


def expect_refused(guest, arguments, *parts):
    status, text = guest.run("atoll run --engine kvm --net none --kernel /mnt/guest/linux "
                             f"{arguments} 2>&1")
    if status == 0:
        raise Failure(f"a machine with {arguments} was not refused")
    expect_text(text, *parts)


def engines(bench):
    """What `atoll engines` says of kvm where it is, where there is no /dev/kvm and where it is not allowed; and why a
    strict machine is refused."""
    with bench.host(files=bench.linux_file(), kernel="trixie") as guest:
        text = engine_lines(guest)
        expect_text(text, "auto takes this one", "the CPU differs from --cpu atoll: MIDR_EL1")
        if "AArch32" in text:  # Linux 6.7 and later can hide it
            raise Failure(f"more is shown than has to be: {text}")
        expect_refused(guest, "--strict", "24 MHz")
        expect_refused(guest, "--trace /tmp/trace", "does not translate")
        guest.check("echo nobody:x:99:99::/:/bin/sh >>/etc/passwd && chmod 755 /mnt")
        expect_text(engine_lines(guest, "start-stop-daemon -S -c nobody -x /mnt/bin/atoll -- engines"),
                    "cannot open /dev/kvm: Permission denied", "group kvm")
        guest.check("mv /dev/kvm /dev/kvm.aside")
        expect_text(engine_lines(guest), "there is no /dev/kvm")


def engines_bookworm(bench):
    """The same of what an older kernel cannot do."""
    with bench.host(files=bench.linux_file()) as guest:
        expect_text(engine_lines(guest), "auto takes this one", "AArch32")
        expect_refused(guest, "--strict", "by HVC only")


def run_conformance(bench, kernel):
    with bench.host(os.path.join(bench.build, "tests/conformance/test_conformance"),
                    kernel=kernel) as guest:
        known = "".join(f" --todo {name}" for name in KNOWN)
        text = guest.check(f"test_conformance --engine kvm --patience 60{known}")
        if "\nok 1" not in text.replace("\r", ""):
            raise Failure("the conformance suite ran nothing")


def conformance(bench):
    """The conformance suite on Debian 12's kernel."""
    run_conformance(bench, "cloud")


def conformance_trixie(bench):
    """The same on Debian 13's."""
    run_conformance(bench, "trixie")


def boots(bench, cpus, kernel):
    with bench.host(files=bench.linux_files(), kernel=kernel) as guest:
        nested(guest, f"--cpus {cpus} --kernel /mnt/guest/linux --initrd /mnt/guest/initrd.gz "
                      "--append root=/dev/vda --disk /mnt/guest/disk.img --net user")
        boot.expect_equal(guest.check("nproc").strip(), str(cpus), "number of CPUs")
        guest.check("ping -c 2 -W 10 10.0.2.2")
        guest.check("dd if=/dev/urandom of=/root/file bs=64k count=16 conv=fsync && "
                    "md5sum /root/file >/root/sum && echo 3 >/proc/sys/vm/drop_caches && "
                    "md5sum -c /root/sum")
        leave(guest)


def linux(bench):
    """A Debian guest to its shell, with a disk and a network."""
    boots(bench, 1, "cloud")


def smp(bench):
    """The same with two CPUs, on Debian 13's kernel."""
    boots(bench, 2, "trixie")


def efi_boot(bench):
    """A disk that boots by EFI, through GRUB."""
    disk = efi.image(bench, "grub.img", efi.grub_files(bench))
    with bench.host(files={"guest/grub.img": disk}) as guest:
        nested(guest, "/mnt/guest/grub.img --net none")
        guest.check("[ -d /sys/firmware/efi ]")
        leave(guest)


def statistics(guest):
    """What `atoll stats` says of the machine, and how many requests its disk has had."""
    text = guest.check("atoll stats guest --json")
    numbers = json.loads(text[text.index("{"):text.rindex("}") + 1])
    disk = next(device for device in numbers["devices"] if device["name"] == "virtio-blk0")
    return numbers, disk["requests"]


def stats(bench):
    """The kernel's exits are told, and reads of a disk are announced without one to user space."""
    reads = 2000
    with bench.host(files=bench.linux_files()) as guest:
        guest.check("atoll run --name guest --detach --engine kvm --memory 512M "
                    "--kernel /mnt/guest/linux --initrd /mnt/guest/initrd.gz "
                    "--disk /mnt/guest/disk.img")
        guest.check("atoll wait guest --console 'aarch64 CPU' --timeout 300")
        before, requests = statistics(guest)
        guest.check(f"echo 'dd if=/dev/vda of=/dev/null bs=4k count={reads} iflag=direct && "
                    "echo read-$((6 * 7))' | atoll console guest >/dev/null & "
                    "atoll wait guest --console read-42 --timeout 300")
        after, requests_after = statistics(guest)
        exits = {name: times - before["kernel"][name] for name, times in after["kernel"].items()}
        if requests_after - requests < reads or exits["all"] < exits["mmio"]:
            raise Failure(f"{requests_after - requests} reads and {exits} do not fit")
        if exits["mmio-user"] > reads / 2 or exits["mmio"] < reads / 2:
            raise Failure(f"{reads} reads were announced by {exits['mmio-user']} exits to user "
                          f"space and {exits['mmio']} to the kernel")
        guest.check("atoll stats guest; atoll stop guest --force")


def look(guest, path):
    """The screen of Atoll's guest, which goes to a file here as well."""
    text = guest.check("atoll screenshot guest /tmp/screen.png && echo begin-$((6 * 7)) && "
                       "base64 /tmp/screen.png")
    with open(path, "wb") as file:
        file.write(base64.b64decode(text.split("begin-42")[1]))
    return display.read_png(path)


def screen(bench):
    """What a guest stores to its frame buffer in RAM is seen, again and again: here and there, and
    where it was seen before."""
    disk = efi.image(bench, "grub.img", efi.grub_files(bench))
    path = bench.scratch("screen.png")
    with bench.host(files={"guest/grub.img": disk}) as guest:
        guest.check("atoll run --name guest --detach --engine kvm --memory 512M --net none "
                    "--gpu 640x480,gop /mnt/guest/grub.img")
        guest.check("atoll wait guest --console 'aarch64 CPU' --timeout 300")
        for page, letter in (50, "P"), (150, "Q"), (50, "R"):
            # A page of pixels: the letter, a line's end, the letter, and what does not count.
            guest.check(f"echo 'yes {letter} | head -c 4096 | dd of=/dev/fb0 bs=4096 seek={page}' | "
                        "atoll console guest >/dev/null 2>&1 & true")
            at, colour = page * 4096 // 4 + 10, (ord(letter), 0x0a, ord(letter))
            deadline = time.monotonic() + PATIENCE
            while (seen := display.pixel(look(guest, path), at % 640, at // 640)) != colour:
                if time.monotonic() > deadline:
                    raise Failure(f"the pixel is {seen} instead of {colour}")
        guest.check("atoll stop guest --force")


def features(guest):
    """What the guest's Linux says that its CPU has."""
    return set(guest.check("grep -m 1 Features /proc/cpuinfo").split(":")[1].split())


def cpu(bench):
    """On a host with SVE and pointer authentication guests have what the CPU model has, and with --cpu host all."""
    boot_linux = "--kernel /mnt/guest/linux --initrd /mnt/guest/initrd.gz --net none"
    with bench.host(files=bench.linux_files(), kernel="trixie", machine=tuple(host.SVE)) as guest:
        for model, have, lack in (("apple", {"atomics", "paca", "pacg"}, {"sve", "flagm"}),
                                  ("host", {"sve", "paca", "flagm"}, set())):
            nested(guest, f"{boot_linux} --cpu {model}")
            found = features(guest)
            if have - found or lack & found:
                raise Failure(f"--cpu {model}: {have - found} is missing, {lack & found} too much")
            leave(guest)


def gicv2(bench):
    """A host with a GICv2 only: the message says so."""
    with bench.host(files=bench.linux_file(), machine=tuple(host.GICV2), cpus=1) as guest:
        expect_text(engine_lines(guest), "interrupt controller is a GICv2", "has a GICv3")
        expect_refused(guest, "", "interrupt controller is a GICv2")


TESTS = {"engines": engines, "engines_bookworm": engines_bookworm, "conformance": conformance, "conformance_trixie": conformance_trixie,
         "linux": linux, "smp": smp, "stats": stats, "screen": screen, "efi": efi_boot, "cpu": cpu, "gicv2": gicv2}


def main():
    if len(sys.argv) != 4 or sys.argv[3] not in TESTS:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} BUILD GUESTS " + "|".join(TESTS))
    build, guests, name = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="atoll-kvm-") as directory:
        try:
            TESTS[name](Bench(build, guests, directory))
        except boot.Skip as reason:
            print(f"skipped: {name}: {reason}")
            return boot.SKIPPED
        except Failure as what:
            print(f"\nFAILED: {name}: {what}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
