#!/usr/bin/env python3
"""efi.py ATOLL GUESTS TEST: one test of booting by EFI, by name, as boot.py. The images are made by
tools/efi-disk from what tools/guest-debian leaves in GUESTS."""

import os
import re
import subprocess
import sys

import boot
from boot import ESCAPE, QUIT, RESET, Skip, expect_equal
from guest import Failure, Guest

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools")
CONSOLE = "console=ttyAMA0"
GRUB_CONFIG = """set timeout=0
menuentry atoll {
    linux /linux %s
    initrd /initrd.gz
}
"""
# By the GUID of crash dumps: the only variables of no meaning that Linux lets root remove.
VARIABLE = "/sys/firmware/efi/efivars/AtollTest-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"
# What Linux's EFI stub and kernel say when they were started by EFI.
STUB = rb"EFI stub: Booting Linux Kernel"
KERNEL = rb"efi: EFI v2\.70? by"

# Messages of warning level and above about ACPI whose cause is as on Apple's machine: it has no
# table of the CPUs' caches, and no performance monitor that interrupts.
EXPECTED = [r"ACPI PPTT: No PPTT table found", r"No ACPI PMU IRQ for CPU\d+"]


def image(bench, name, files, **options):
    """A disk image made by tools/efi-disk; `files` are PATH: FILE, or PATH: bytes."""
    path = bench.scratch(name)
    arguments = [[f"--{option}", str(value)] for option, value in options.items()]
    command = [os.path.join(TOOLS, "efi-disk"), *sum(arguments, []), path]
    for number, (place, source) in enumerate(files.items()):
        if isinstance(source, bytes):
            with open(bench.scratch(f"{name}.{number}"), "wb") as file:
                file.write(source)
            source = file.name
        command.append(f"{place}={source}")
    subprocess.run(command, check=True)
    return path


def linux_files(bench, kernel="cloud"):
    return {"linux": bench.file(f"{kernel}/linux"), "initrd.gz": bench.file(f"{kernel}/initrd.gz")}


def grub_files(bench, kernel="cloud", append=CONSOLE, **how):
    """GRUB as the removable medium's loader, with a kernel and its initramfs."""
    return {"EFI/BOOT/BOOTAA64.EFI": bench.file("efi/grubaa64.efi"),
            "EFI/debian/grub.cfg": (GRUB_CONFIG % append).encode(), **linux_files(bench, kernel)}


def shim_files(bench, append=CONSOLE):
    """An ESP as Debian's installer leaves it: shim with its fallback, shim and GRUB for Debian."""
    return {"EFI/BOOT/BOOTAA64.EFI": bench.file("efi/shimaa64.efi"),
            "EFI/BOOT/fbaa64.efi": bench.file("efi/fbaa64.efi"),
            "EFI/BOOT/mmaa64.efi": bench.file("efi/mmaa64.efi"),
            "EFI/debian/shimaa64.efi": bench.file("efi/shimaa64.efi"),
            "EFI/debian/mmaa64.efi": bench.file("efi/mmaa64.efi"),
            "EFI/debian/grubaa64.efi": bench.file("efi/grubaa64.efi"),
            "EFI/debian/BOOTAA64.CSV": bench.file("efi/BOOTAA64.CSV"),
            "EFI/debian/grub.cfg": (GRUB_CONFIG % append).encode(), **linux_files(bench)}


def check_linux(guest, cpus=1):
    """In its shell: the kernel runs on EFI's tables, with as many CPUs as the machine has."""
    guest.check("[ -d /sys/firmware/efi ] && [ -d /sys/firmware/acpi/tables ]")
    expect_equal(guest.check("nproc").strip(), str(cpus), "number of CPUs")


def boots(bench, disk, *arguments, cpus=1, sign=STUB):
    """`atoll run disk` reaches a shell of a Linux with EFI, and powers off."""
    with Guest(bench.atoll, [disk, "--cpus", cpus, *arguments]) as guest:
        guest.expect(sign)
        guest.expect(KERNEL)
        guest.shell()
        check_linux(guest, cpus)
        guest.poweroff()
        return bytes(guest.output)


# The tests. The first line of each docstring is what it shows.

def stub(bench):
    """A plain Image as BOOTAA64.EFI; its stub fetches the initramfs of --initrd by LoadFile2."""
    disk = image(bench, "stub.img", {"EFI/BOOT/BOOTAA64.EFI": bench.file("cloud/linux")})
    text = boots(bench, disk, "--initrd", bench.file("cloud/initrd.gz"))
    if b"LINUX_EFI_INITRD_MEDIA_GUID" not in text:
        raise Failure("the stub did not say that it has loaded the initramfs")


def stub_trixie(bench):
    """The same with Debian 13's kernel, four CPUs and a FAT16 partition in an MBR."""
    disk = image(bench, "stub.img", {"EFI/BOOT/BOOTAA64.EFI": bench.file("trixie/linux")},
                 table="mbr", fat=16)
    boots(bench, disk, "--initrd", bench.file("trixie/initrd.gz"), cpus=4)


def stub_interp(bench):
    """The interpreter gets as far as the kernel's first words."""
    disk = image(bench, "stub.img", {"EFI/BOOT/BOOTAA64.EFI": bench.file("cloud/linux")})
    with Guest(bench.atoll, [disk, "--engine", "interp", "--initrd",
                             bench.file("cloud/initrd.gz")]) as guest:
        guest.expect(STUB)
        guest.expect(KERNEL)


def option(bench):
    """--efi starts a program of the host's, with --append as its load options."""
    with Guest(bench.atoll, [
            "--efi", bench.file("cloud/linux"), "--initrd", bench.file("cloud/initrd.gz"),
            "--append", CONSOLE + " root=/dev/vda atoll.test=1", "--disk", bench.disk()]) as guest:
        guest.expect(STUB)
        guest.shell()
        guest.check("grep -q 'atoll.test=1' /proc/cmdline")
        check_linux(guest)
        guest.poweroff()


def zboot(bench):
    """An EFI zboot kernel uncompresses itself (tools/guest-zboot makes it)."""
    disk = image(bench, "zboot.img", {"EFI/BOOT/BOOTAA64.EFI": bench.file("zboot/linux")})
    boots(bench, disk, "--initrd", bench.file("cloud/initrd.gz"))


def grub(bench):
    """GRUB loads kernel and initramfs from the ESP; reboot leads to GRUB again."""
    disk = image(bench, "grub.img", grub_files(bench))
    with Guest(bench.atoll, [disk, "--reboot", "--cpus", 4]) as guest:
        for ending in ("reboot", "poweroff"):
            guest.expect(STUB)
            guest.expect(KERNEL)
            guest.shell()
            check_linux(guest, 4)
            guest.send(ending + "\n")
        guest.wait(0)


def grub_interp(bench):
    """GRUB on the interpreter starts the kernel."""
    disk = image(bench, "grub.img", grub_files(bench))
    with Guest(bench.atoll, [disk, "--engine", "interp"]) as guest:
        guest.expect(STUB)
        guest.expect(KERNEL)


def grub_menu(bench):
    """GRUB's menu counts down, takes keys, edits a line and gives its command line."""
    files = grub_files(bench)
    files["EFI/debian/grub.cfg"] = files["EFI/debian/grub.cfg"].replace(b"timeout=0", b"timeout=60")
    disk = image(bench, "grub.img", files)
    with Guest(bench.atoll, [disk]) as guest:
        guest.expect(rb"seconds|in \d+s")
        guest.send("c")
        guest.expect(rb"grub> ")
        guest.send("ls\r")
        guest.expect(rb"\(hd0,gpt1\)")
        guest.expect(rb"grub> ")
        guest.send("ls (hd0,gpt1)/EFI/debian\r")
        guest.expect(rb"grub\.cfg")
        guest.expect(rb"grub> ")
        guest.send("halt\r")
        guest.wait(0)


def shim(bench):
    """shim's fallback makes a boot option of Debian's, which then starts shim and GRUB."""
    disk = image(bench, "shim.img", shim_files(bench))
    nvram = bench.scratch("nvram")
    with Guest(bench.atoll, [disk, "--nvram", nvram, "--reboot"]) as guest:
        guest.expect(STUB)
        guest.shell()
        check_linux(guest)
        guest.check("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
        # UTF-16 without its zero bytes, and on one line: the partition's GUID may hold a line feed.
        guest.check("cat /sys/firmware/efi/efivars/Boot0000-* | tr -d '\\000\\n' | "
                    "grep -q 'debian.*EFI.debian.shimaa64.efi'")
        guest.check("[ -e /sys/firmware/efi/efivars/BootOrder-* ]")
        guest.send("reboot\n")
        # The second time, the boot option starts.
        guest.expect(STUB)
        guest.shell()
        guest.check("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
        current = guest.check("od -An -tx1 /sys/firmware/efi/efivars/BootCurrent-*")
        expect_equal(current.split()[4:6], ["00", "00"], "the boot option in use")
        guest.poweroff()


def systemd_boot(bench):
    """systemd-boot starts an entry of its own configuration."""
    entry = f"title Atoll\nlinux /linux\ninitrd /initrd.gz\noptions {CONSOLE}\n"
    disk = image(bench, "systemd.img", {
        "EFI/BOOT/BOOTAA64.EFI": bench.file("efi/systemd-bootaa64.efi"),
        "loader/loader.conf": b"timeout 0\ndefault atoll.conf\n",
        "loader/entries/atoll.conf": entry.encode(), **linux_files(bench)})
    boots(bench, disk)


def unified(bench):
    """A unified kernel image: systemd's stub with a kernel, an initramfs and a command line."""
    objcopy = "aarch64-linux-gnu-objcopy"
    path = bench.scratch("unified.efi")
    command = [objcopy]
    with open(bench.scratch("cmdline"), "w", encoding="ascii") as file:
        file.write(CONSOLE)
    for section, address, source in (("cmdline", 0x30000, file.name),
                                     ("initrd", 0x3000000, bench.file("cloud/initrd.gz")),
                                     ("linux", 0x4000000, bench.file("cloud/linux"))):
        command += ["--add-section", f".{section}={source}",
                    "--change-section-vma", f".{section}={address:#x}"]
    try:
        subprocess.run(command + [bench.file("efi/linuxaa64.efi.stub"), path], check=True)
    except FileNotFoundError as missing:
        raise Skip(f"{objcopy} is not installed") from missing
    boots(bench, image(bench, "unified.img", {"EFI/BOOT/BOOTAA64.EFI": path}))


def iso(bench):
    """A CD whose El Torito boot image is an ESP."""
    boots(bench, image(bench, "cd.iso", grub_files(bench), table="iso", fat=16))


def qcow2(bench):
    """A qcow2 disk, with its ESP in an MBR."""
    raw = image(bench, "grub.img", grub_files(bench), table="mbr", fat=16)
    disk = bench.scratch("grub.qcow2")
    subprocess.run(["qemu-img", "convert", "-c", "-O", "qcow2", raw, disk], check=True)
    boots(bench, disk)


def bare(bench):
    """A disk that is a FAT file system, without partitions."""
    boots(bench, image(bench, "bare.img", grub_files(bench), table="none"))


def second(bench):
    """A disk without a loader is passed over for the next one."""
    empty = bench.scratch("empty.img")
    with open(empty, "wb") as file:
        file.truncate(16 << 20)
    boots(bench, empty, "--disk", image(bench, "grub.img", grub_files(bench)))


def nvram(bench):
    """Variables last from one run of atoll to the next, and are gone without --nvram."""
    disk = image(bench, "grub.img", grub_files(bench))
    file = bench.scratch("nvram")
    mount = "mount -t efivarfs efivarfs /sys/firmware/efi/efivars"
    with Guest(bench.atoll, [disk, "--nvram", file]) as guest:
        guest.shell()
        guest.check(mount)
        guest.check(rf"printf '\007\000\000\000kept' >{VARIABLE}")
        guest.check(f"tail -c 4 {VARIABLE} | grep -qx kept")
        guest.poweroff()
    if not os.path.getsize(file):
        raise Failure("the file of the variables is empty")
    with Guest(bench.atoll, [disk, "--nvram", file]) as guest:
        guest.shell()
        guest.check(mount)
        guest.check(f"tail -c 4 {VARIABLE} | grep -qx kept")
        guest.check(f"rm -f {VARIABLE}")
        # What a clock of EFI's and nothing else can answer.
        guest.check("hwclock -r || cat /sys/class/rtc/rtc0/time")
        guest.poweroff()
    for arguments in (["--nvram", file], []):
        with Guest(bench.atoll, [disk, *arguments]) as guest:
            guest.shell()
            guest.check(mount)
            guest.check(f"[ ! -e {VARIABLE} ]")
            guest.poweroff()


def acpi(bench):
    """Linux has nothing to complain of in the tables; every device of the machine is there."""
    disk = image(bench, "grub.img", grub_files(bench, "generic"))
    with Guest(bench.atoll, [disk, "--cpus", 4, "--disk", bench.disk(), "--net", "user"],
               terminal=True) as guest:
        guest.shell()
        text = guest.check("dmesg -r | grep -E '^<[0-4]>'; :")
        unexpected = [line for line in text.splitlines() if re.search("(?i)acpi|efi|smbios", line)
                      and not any(re.search(known, line) for known in EXPECTED)]
        expect_equal(unexpected, [], "complaints in the kernel's log")
        guest.check("dmesg | grep -q 'SMBIOS [23]'")
        guest.check("[ -b /dev/vdb ] && [ -c /dev/ttyAMA0 ] && [ -c /dev/hwrng ]")
        guest.check("[ -e /dev/rtc0 ]")
        guest.check("ping -c 1 10.0.2.2")
        guest.send(ESCAPE + b"p")
        guest.wait(0)


def fdt(bench):
    """--tables fdt gives the kernel a device tree by EFI, and no ACPI."""
    disk = image(bench, "grub.img", grub_files(bench))
    with Guest(bench.atoll, [disk, "--tables", "fdt"]) as guest:
        guest.expect(STUB)
        guest.shell()
        guest.check("[ -d /sys/firmware/efi ] && [ ! -d /sys/firmware/acpi/tables ]")
        guest.check("[ -d /sys/firmware/devicetree/base ]")
        guest.poweroff()


def strict(bench):
    """Apple's machine without extensions: ACPI without a serial port, the shell on hvc0."""
    disk = image(bench, "grub.img", grub_files(bench, append="console=hvc0"))
    with Guest(bench.atoll, [disk, "--strict"]) as guest:
        guest.shell()
        guest.check("[ ! -e /sys/firmware/acpi/tables/SPCR ] && [ -d /sys/firmware/efi ]")
        guest.poweroff()


def reset(bench):
    """Without --reboot, a reset under EFI ends the program with its status."""
    disk = image(bench, "grub.img", grub_files(bench))
    with Guest(bench.atoll, [disk]) as guest:
        guest.shell()
        guest.send("reboot\n")
        guest.wait(RESET)


def nothing(bench):
    """With nothing to boot, atoll says so, and where it has looked."""
    empty = bench.scratch("empty.img")
    with open(empty, "wb") as file:
        file.truncate(1 << 20)
    with Guest(bench.atoll, [empty]) as guest:
        guest.expect(rb"BOOTAA64\.EFI")
        guest.wait(None)
        if guest.process.returncode in (0, None):
            raise Failure("atoll took this for a success")


def installer(bench):
    """Debian 12's network installer, started by GRUB, reaches its first screen."""
    files = grub_files(bench, "installer", append="TERM=vt102 " + CONSOLE)
    with Guest(bench.atoll, [image(bench, "installer.img", files), "--memory", "1G"],
               terminal=True) as guest:
        guest.expect(STUB)
        guest.expect(rb"(Select a language|Choose a language)")
        guest.send(ESCAPE + b"x")
        guest.wait(QUIT)


def systemd(bench):
    """A Debian root disk boots through shim and GRUB to systemd's login, and shuts down."""
    files = shim_files(bench, append=f"{CONSOLE} root=/dev/vda2 rw")
    files["linux"], files["initrd.gz"] = (bench.file("generic/linux"),
                                          bench.file("generic/initrd.gz"))
    root = bench.disk("systemd.img")
    with open(bench.scratch("fstab"), "w", encoding="ascii") as fstab:
        fstab.write("LABEL=debian / ext4 defaults 0 1\n")
    for request in ("rm /etc/fstab", f"write {fstab.name} /etc/fstab"):
        subprocess.run(["/sbin/debugfs", "-w", "-R", request, root], check=True,
                       stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    disk = image(bench, "debian.img", files, root=root)
    with Guest(bench.atoll, [disk, "--nvram", bench.scratch("nvram"), "--memory", "1G",
                             "--cpus", 2, "--net", "user"]) as guest:
        guest.expect(STUB)
        guest.expect(rb"login: ")
        guest.send("root\n")
        guest.expect(rb"root@[^\r\n]*# ")
        guest.send("PS1='atoll:\\w# '\n")
        guest.shell()
        guest.check("systemctl is-system-running --wait | grep -E 'running|degraded'")
        guest.check("[ -d /sys/firmware/efi/efivars ]")
        guest.send("poweroff\n")
        guest.wait(0)


# What attaches where ACPI describes the machine.
AUTOCONF = [rb"psci\d+ at ", rb"agintc\d+ at ", rb"ampintcmsi\d+ at ", rb"agtimer\d+ at ",
            rb"acpi\d+ at mainbus", rb"pluart\d+ at acpi", rb"acpipci\d+ at acpi",
            rb"vio\d+ at virtio", rb"vioblk\d+ at virtio", rb"viornd\d+ at virtio", rb"msix per-VQ"]


def bsd_image(bench):
    given = os.environ.get("ATOLL_BSD_EFI_IMAGE")
    if not given:
        raise Skip("no EFI disk of a BSD was given: make check-guest EFI=disk")
    disk = bench.scratch("bsd.img")
    subprocess.run(["cp", "--sparse=always", given, disk], check=True)
    return disk


def bsd(bench):
    """An EFI disk with a BSD that the user has: its loader and kernel use the serial port unasked."""
    disk = bsd_image(bench)
    for cpus in (1, 4):
        with Guest(bench.atoll, [disk, "--net", "user", "--cpus", cpus]) as guest:
            guest.expect(rb">> OpenBSD/arm64 BOOTAA64")
            guest.expect(rb"OpenBSD \d+\.\d+")
            guest.expect(rb"root on ")
            for driver in AUTOCONF:
                guest.seen = 0
                guest.expect(driver, patience=1)
            guest.expect(rb"login: |\(I\)nstall|\r\n# ")


def bsd_button(bench):
    """The power button ends its kernel in good order, where that has a driver for it."""
    with Guest(bench.atoll, [bsd_image(bench), "--net", "user"], terminal=True) as guest:
        guest.expect(rb"root on ")
        if b"acpibtn0 at acpi0" not in guest.output:
            raise Skip("this kernel has no driver for the power button")
        guest.expect(rb"login: ")
        # Its kernel ignores the button for ten seconds after a start, lest it is one that woke it.
        guest.alive(12)
        guest.send(ESCAPE + b"p")
        guest.wait(0)


def bsd_tables(bench):
    """The same disk with a device tree instead of ACPI."""
    disk = bsd_image(bench)
    with Guest(bench.atoll, [disk, "--tables", "fdt", "--net", "user"]) as guest:
        guest.expect(rb">> OpenBSD/arm64 BOOTAA64")
        guest.expect(rb"plrtc\d+ at ")
        guest.expect(rb"pciecam\d+ at ")
        guest.expect(rb"root on ")
        guest.expect(rb"login: |\(I\)nstall|\r\n# ")


def bsd_strict(bench):
    """On Apple's machine a driver of before January 2026 is refused, and atoll says by which rule."""
    disk = bsd_image(bench)
    with Guest(bench.atoll, [disk, "--net", "user", "--strict"]) as guest:
        guest.expect(rb"MTU")


TESTS = {test.__name__: test for test in (
    stub, stub_trixie, stub_interp, option, zboot, grub, grub_interp, grub_menu, shim, systemd_boot,
    unified, iso, qcow2, bare, second, nvram, acpi, fdt, strict, reset, nothing, installer,
    systemd, bsd, bsd_button, bsd_tables, bsd_strict)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
