#!/usr/bin/env python3
"""x11.py ATOLL GUESTS KIND: an X server in a Debian guest, with a keyboard and a pointer of one kind, as
boot.py. tools/guest/x11 starts it."""

import subprocess
import sys
import time

import boot
from display import pixel, read_png
from guest import PATIENCE, Failure
from input import until
from remote import Remote, home

WIDTH, HEIGHT = 1280, 800
BACKGROUND = (0x20, 0x40, 0x60)
EYES = ((20, 10, 320, 310), (320, 10, 620, 310))  # the two halves of xeyes' window
TYPED = "Grüße, {äöü} @ € ê é Ê ~^`² |<>'\"yzYZµ[]"


def pupil(picture, eye):
    """The middle of the black spot in the white of an eye."""
    left, top, right, bottom = eye
    spots = []
    for y in range(top, bottom, 4):
        row = [pixel(picture, x, y) for x in range(left, right, 4)]
        white = [i for i, colour in enumerate(row) if colour == (255, 255, 255)]
        if white:
            spots += [(left + 4 * i, y) for i in range(white[0], white[-1]) if row[i] == (0, 0, 0)]
    if not spots:
        raise Failure("there is no eye on the screen")
    return [sum(axis) / len(spots) for axis in zip(*spots)]


def looks(picture, x, y):
    """Whether both eyes look at the point: their pupils lie in its direction."""
    for eye in EYES:
        middle = (eye[0] + eye[2]) / 2, (eye[1] + eye[3]) / 2
        at = pupil(picture, eye)
        dx, dy, px, py = x - middle[0], y - middle[1], at[0] - middle[0], at[1] - middle[1]
        along = dx * px + dy * py
        if along <= 0 or abs(dx * py - dy * px) > 0.2 * along:
            return False
    return True


def follow(remote, path, x, y):
    """Move the pointer, and see the picture follow."""
    remote.pointer(x, y)
    deadline = time.monotonic() + PATIENCE
    while not looks(picture := read_png(remote.screenshot(path)), x, y):
        if time.monotonic() > deadline:
            raise Failure(f"the eyes do not look at ({x}, {y})")
    print(f"(the eyes look at {x}, {y})")
    return picture


def run(bench, kind):
    home(bench.directory)
    disk, path = bench.scratch("x11.img"), bench.scratch("screen.png")
    subprocess.run(["cp", "--sparse=always", bench.file("x11.img"), disk], check=True)
    with bench.linux("--gpu", f"{WIDTH}x{HEIGHT}", "--input", kind, "--keyboard", "de", "--name",
                     "painter", "--cpus", "2", kernel="generic", disk=disk,
                     append="console=ttyAMA0 root=/dev/vda") as guest, Remote("painter") as remote:
        guest.shell()
        guest.check("x11 de")
        picture = follow(remote, path, WIDTH - 1, HEIGHT - 1)
        boot.expect_equal(picture[:2], (WIDTH, HEIGHT), "the picture's size")
        boot.expect_equal(pixel(picture, WIDTH - 30, 30), BACKGROUND, "the root window's colour")
        for place in ((0, 0), (WIDTH - 1, 0), (640, 160), (200, 450)):
            follow(remote, path, *place)
        remote.type(TYPED + "\n")  # into the terminal, which is under the pointer
        until(guest, "grep -q ']$' /tmp/typed")
        boot.expect_equal(guest.check("cat /tmp/typed").strip(), TYPED, "what was typed")
        guest.poweroff()
        boot.expect_equal(guest.explained(), [], "what there was to explain about right drivers")


def usb(bench):
    """xeyes follows the pointer of a USB digitizer, and a terminal gets a USB keyboard's umlauts."""
    run(bench, "usb")


def virtio(bench):
    """The same with virtio-input."""
    run(bench, "virtio")


TESTS = {test.__name__: test for test in (usb, virtio)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
