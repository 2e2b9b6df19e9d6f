#!/usr/bin/env python3
"""display.py ATOLL GUESTS TEST: one test of the display with a real driver, by name, as boot.py."""

import os
import signal
import struct
import sys
import time
import zlib

import boot
from guest import PATIENCE, Failure

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
    """(width, height, lines) of a picture as Atoll writes them, or None while there is none."""
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        return None
    at, packed, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
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
    """The picture that SIGUSR1 asks for, when it is there."""
    before = os.stat(path).st_mtime_ns
    guest.signal(signal.SIGUSR1)
    deadline = time.monotonic() + PATIENCE
    while os.stat(path).st_mtime_ns == before:
        if time.monotonic() > deadline:
            raise Failure("SIGUSR1 brought no picture")
        guest.read(0.05)
    guest.read(0.2)  # its length comes last
    return read_png(path)


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
        offset = PLACE[1] * WIDTH + PLACE[0]
        guest.check(f"printf '\\060\\040\\020\\000' | dd of=/dev/fb0 bs=4 seek={offset} conv=notrunc")
        deadline = time.monotonic() + PATIENCE  # the driver sends it when it finds the time
        while pixel(picture := take(guest, path), *PLACE) != COLOUR:
            if time.monotonic() > deadline:
                raise Failure(f"the pixel is {pixel(picture, *PLACE)}")
        boot.expect_equal(picture[:2], (WIDTH, HEIGHT), "the picture's size")
        os.truncate(path, 0)
        guest.poweroff()
        boot.expect_equal(pixel(read_png(path), *PLACE), COLOUR, "the pixel at the end")


def none(bench):
    """SIGUSR1 without a display is answered in words, and the machine goes on."""
    with bench.linux() as guest:
        guest.shell()
        guest.signal(signal.SIGUSR1)
        guest.expect(rb"atoll: error: the machine has no GPU; give it one with --gpu")
        guest.check("true")
        guest.poweroff()


TESTS = {test.__name__: test for test in (linux, none)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
