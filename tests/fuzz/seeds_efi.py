#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_efi.py DIRECTORY [EFI-PROGRAM...]: seed corpora for the fuzzers of EFI's files and disks, made
from what other people's tools write: DIRECTORY/{pe,fat,partition,variables}. Needs dosfstools, mtools,
gdisk, fdisk and xorriso. Programs are loaders such as BOOTAA64.EFI, or else those that
`tools/guest-debian efi` left in build/guest/efi; of those above 256 KiB only the beginning is kept,
which still has the headers.

    tests/fuzz/seeds_efi.py corpus && build/fuzz/tests/fuzz/fuzz_fat corpus/fat
"""
import glob
import os
import struct
import subprocess
import sys
import tempfile
import zlib


def run(*command, **more):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, PATH=path, MTOOLS_SKIP_CHECK="1"), **more)


def put(directory, kind, name, data):
    os.makedirs(f"{directory}/{kind}", exist_ok=True)
    with open(f"{directory}/{kind}/{name}", "wb") as file:
        file.write(data)


def blank(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def contents(path, most=None):
    with open(path, "rb") as file:
        return file.read() if most is None else file.read(most)


def pe(directory, programs):
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(f"{directory}/pe", exist_ok=True)
    for path in programs or sorted(glob.glob(f"{here}/../../build/guest/efi/*")):
        program = contents(path, 256 << 10)
        if program.startswith(b"MZ"):
            put(directory, "pe", os.path.basename(path), program)


def fat_image(path, size, *options):
    blank(path, size)
    run("mkfs.vfat", *options, "-n", "ESP", path)
    if "32" in options:  # mtools knows no FAT32 that is so small
        return
    run("mmd", "-i", path, "::/EFI", "::/EFI/BOOT", "::/loader")
    run("mcopy", "-i", path, __file__, "::/EFI/BOOT/BOOTAA64.EFI")
    run("mcopy", "-i", path, __file__, "::/loader/a rather long name of a file.conf")
    run("mcopy", "-i", path, __file__, "::/grubenv")
    run("mdel", "-i", path, "::/EFI/BOOT/BOOTAA64.EFI")
    run("mcopy", "-i", path, __file__, "::/EFI/BOOT/grubaa64.efi")


def fat(directory, scratch):
    # The fuzzer's first byte 0x00 reads the volume from the input; then a script of calls.
    scripts = [bytes(64),
               bytes([0] + [0, 0x10, 0, 0, 1, 3, 1, 0, 0, 0, 4, 1, 0, 60, 0] * 4 + [13, 0, 0]),
               bytes([0] + [2, 0x10, 0, 0, 4, 4, 1, 0, 30, 0, 7, 1, 0, 0, 5, 6, 1, 0, 0, 0] * 3
                     + [8, 0, 0]),
               bytes([0] + [13, 0, 0, 0, 0x80, 1, 0x20, 0, 0, 0x80, 13, 2, 0, 0, 0, 9, 0, 0, 0, 6,
                            10, 0, 0, 0, 0, 11, 2, 1, 0, 0] * 2 + [12, 0, 0])]
    kinds = {"fat12": (64 << 10, "-F", "12", "-s", "1", "-r", "64"),
             "fat12-big": (1440 << 10, "-F", "12"),
             "fat16": (2500 << 10, "-F", "16", "-s", "1", "-r", "64"),
             "fat32": (1 << 20, "-F", "32", "-s", "1")}
    for name, (size, *options) in kinds.items():
        fat_image(f"{scratch}/{name}", size, *options)
        image = contents(f"{scratch}/{name}", 120 << 10).rstrip(b"\0")
        for i, script in enumerate(scripts):
            put(directory, "fat", f"{name}-{i}", script[:64].ljust(64, b"\0") + image)


def partition(directory, scratch):
    disk = f"{scratch}/disk"
    blank(disk, 128 << 10)
    run("sgdisk", "-a", "1", "-n", "1:40:80", "-t", "1:ef00", "-n", "2:81:150", disk)
    gpt = contents(disk)
    for flags in (0, 3, 8):
        put(directory, "partition", f"gpt-{flags}", bytes([flags]) + gpt)
    table = "label: dos\n1 : start=2, size=8, type=ef\n2 : start=16, size=200, type=5\n" \
            "5 : start=18, size=8\n6 : start=40, size=8\n"
    blank(disk, 128 << 10)
    run("sfdisk", disk, input=table.encode())
    put(directory, "partition", "mbr", b"\0" + contents(disk, 64 << 10))
    fat_image(f"{scratch}/efi.img", 64 << 10, "-F", "12", "-r", "64")
    os.makedirs(f"{scratch}/cd", exist_ok=True)
    os.replace(f"{scratch}/efi.img", f"{scratch}/cd/efi.img")
    run("xorriso", "-as", "mkisofs", "-o", f"{scratch}/iso", "-e", "efi.img", "-no-emul-boot",
        f"{scratch}/cd")
    put(directory, "partition", "cd", b"\0" + contents(f"{scratch}/iso", 127 << 10))
    for kind in (0x80, 0xa0, 0xb0, 0xb8):
        put(directory, "partition", f"made-{kind:x}", bytes([kind]) + bytes(600))


def slot(sequence, records):
    data = b""
    for name, value in records:
        record = struct.pack("<III", 7, len(name), len(value)) + bytes(range(16))
        record += name.encode("utf-16-le") + value
        data += record + bytes(-len(record) % 4)
    head = struct.pack("<IQII16s16x", len(records), sequence, len(data), 0, bytes(range(16)))
    return b"AtollNV1" + struct.pack("<I", zlib.crc32(head + data)) + head + data


def variables(directory):
    older = slot(2, [("BootOrder", b"\0\0")])
    newer = slot(3, [("BootOrder", b"\1\0\0\0"), ("Boot0000", b"an option"), ("Boot0001", b"")])
    script = bytes([0x11, 7, 9, 0, 0x12, 7, 0, 1, 0x00, 0, 4, 0, 0x12, 0x47, 3, 0, 3, 0, 0, 0] * 3)
    for flags in (0, 1, 2, 4, 9):
        put(directory, "variables", f"file-{flags}",
            struct.pack("<BH", flags, len(older)) + script.ljust(64, b"\0") + older + newer)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory, programs = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        pe(directory, programs)
        fat(directory, scratch)
        partition(directory, scratch)
        variables(directory)


if __name__ == "__main__":
    main()
