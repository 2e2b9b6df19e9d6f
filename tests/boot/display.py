#!/usr/bin/env python3
"""display.py ATOLL GUESTS TEST: one test of the display with a real driver, by name, as boot.py."""

import os
import signal
import struct
import sys
import time
import zlib

import boot
import efi
from guest import PATIENCE, Failure, Guest

WIDTH, HEIGHT = 640, 480
COLOUR = (0x10, 0x20, 0x30)
PLACE = (200, 100)


def unfilter(kind, line, above):
    """One line of a PNG with three bytes a pixel (PNG 9.2)."""
    for i, value in enumerate(line):
        left = line[i - 3] if i >= 3 else 0
        up = above[i]
        corner = above[i - 3] if i >= 3 else 0
        if kind == 4:
            guess = left + up - corner
            line[i] = value + min((left, up, corner), key=lambda n: abs(guess - n)) & 0xff
        else:
            line[i] = value + (0, left, up, (left + up) // 2)[kind] & 0xff
    return line


def read_png(path):
    """(width, height, lines) of a picture as Atoll writes them."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed, header, kind = 8, b"", None, b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[at:at + 8].ljust(8, b"\0"))
        body = data[at + 8:at + 8 + length]
        if data[at + 8 + length:at + 12 + length] != struct.pack(">I", zlib.crc32(kind + body)):
            raise Failure(f"{path}: the checksum of {kind} is wrong")
        if kind == b"IHDR":
            header = struct.unpack(">IIBB", body[:10])
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    width, height, *form = header
    if form != [8, 2]:
        raise Failure(f"{path}: depth and colour type are {form}")
    raw, above, lines = zlib.decompress(packed), bytes(3 * width), []
    for start in range(0, len(raw), 1 + 3 * width):
        above = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + 3 * width]), above)
        lines.append(above)
    return width, height, lines


def pixel(picture, x, y):
    return tuple(picture[2][y][3 * x:3 * x + 3])


def take(guest, path):
    """The picture that SIGUSR1 asks for, when all of it is there."""
    before = os.stat(path).st_mtime_ns
    guest.signal(signal.SIGUSR1)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        guest.read(0.05)
        try:
            if os.stat(path).st_mtime_ns != before:
                return read_png(path)
        except Failure as what:
            print(f"(half written: {what})")
    raise Failure("SIGUSR1 brought no picture")


def paint(guest, path):
    """Colour a pixel of the guest's first frame buffer, and see it; return the picture."""
    offset = PLACE[1] * WIDTH + PLACE[0]
    guest.check(f"printf '\\060\\040\\020\\000' | dd of=/dev/fb0 bs=4 seek={offset} conv=notrunc")
    deadline = time.monotonic() + PATIENCE  # a driver sends it when it finds the time
    while pixel(picture := take(guest, path), *PLACE) != COLOUR:
        if time.monotonic() > deadline:
            raise Failure(f"the pixel is {pixel(picture, *PLACE)}")
    return picture


def linux(bench):
    """Linux's driver attaches as on Apple's machine, and what is drawn in its frame buffer is in the
    pictures: at SIGUSR1, and at the end although the driver has let go of the screen."""
    path = bench.scratch("screen.png")
    with bench.linux("--gpu", f"{WIDTH}x{HEIGHT}", "--screenshot", path, kernel="generic",
                     append="console=ttyAMA0 root=/dev/vda") as guest:
        guest.expect(rb"the guest draws on its display now \(640x480\)")
        guest.shell()
        log = guest.check("dmesg | grep drm")
        for text in ("features: -virgl -edid -resource_blob -host_visible", "number of scanouts: 1",
                     "number of cap sets: 0"):
            if text not in log:
                raise Failure(f"the kernel's log does not say '{text}'")
        picture = paint(guest, path)
        boot.expect_equal(picture[:2], (WIDTH, HEIGHT), "the picture's size")
        os.truncate(path, 0)
        guest.poweroff()
        boot.expect_equal(pixel(read_png(path), *PLACE), COLOUR, "the pixel at the end")


def gop(bench):
    """GRUB draws its menu through EFI's graphics output protocol, and Linux goes on in the frame
    buffer that it left (efifb), beside its driver for the GPU."""
    path = bench.scratch("screen.png")
    menu = (b"loadfont unicode\nset gfxmode=auto\nterminal_output gfxterm\nset timeout=600\n"
            b"menuentry linux { linux /linux console=ttyAMA0 root=/dev/vdb\n initrd /initrd.gz\n }\n")
    disk = efi.image(bench, "gop.img", {**efi.grub_files(bench, "generic"),
                                        "EFI/debian/grub.cfg": menu})
    with Guest(bench.atoll, [disk, "--disk", bench.disk(), "--gpu", f"{WIDTH}x{HEIGHT},gop",
                             "--screenshot", path]) as guest:
        guest.expect("GRUB")
        deadline = time.monotonic() + PATIENCE
        while not any(any(line) for line in take(guest, path)[2]):
            if time.monotonic() > deadline:
                raise Failure("GRUB has drawn nothing")
        guest.send("\r")
        guest.shell()
        guest.check("dmesg | grep 'efifb: mode is 640x480x32'")
        paint(guest, path)
        if b"the guest draws on its display" in guest.output:
            raise Failure("what firmware shows was taken for a driver's picture")
        guest.poweroff()


def none(bench):
    """SIGUSR1 without a display is answered in words, and the machine goes on."""
    with bench.linux() as guest:
        guest.shell()
        guest.signal(signal.SIGUSR1)
        guest.expect(rb"atoll: error: the machine has no GPU; give it one with --gpu")
        guest.check("true")
        guest.poweroff()


TESTS = {test.__name__: test for test in (linux, gop, none)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
