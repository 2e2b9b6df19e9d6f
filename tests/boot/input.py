#!/usr/bin/env python3
"""input.py ATOLL GUESTS KIND: Linux's drivers for a keyboard and a pointer of one kind, usb or virtio,
as boot.py."""

import os
import struct
import sys
import time

import boot
from display import read_png
from guest import PATIENCE, Failure
from remote import Remote, home

WIDTH, HEIGHT = 640, 480
AXIS = 32768  # positions of the pointer, from edge to edge

# What is typed on Linux's default layout and what it makes of it, by evdev's codes.
SHIFT, ENTER, LEFT, RIGHT = 42, 28, 272, 273
CODES = {"H": 35, "e": 18, "l": 38, "o": 24, ",": 51, " ": 57, "W": 17, "r": 19, "d": 32, "\n": ENTER,
         "!": 2}
TEXT = "Hello, World!\n"


def presses(text):
    """The (code, value) of keys that make a text."""
    for character in text:
        shift = character.isupper() or character == "!"
        yield from [(SHIFT, 1)] * shift
        yield from [(CODES[character], 1), (CODES[character], 0)]
        yield from [(SHIFT, 0)] * shift


def device(guest, capability):
    """The event device whose driver says that it can do this."""
    until(guest, "cd /sys/class/input; rm -f /tmp/device; for d in event*; do grep -qv '^0$' "
                 f"$d/device/capabilities/{capability} && echo $d >/tmp/device; done; cd; "
                 "[ -e /tmp/device ]")
    return guest.check("cat /tmp/device").strip()


def until(guest, command):
    """Run the command in the guest until it succeeds."""
    deadline = time.monotonic() + PATIENCE
    while guest.run(command)[0] != 0:
        if time.monotonic() > deadline:
            raise Failure(f"in the guest, '{command}' has not succeeded")


class Events:
    """What an event device says while something is done."""

    def __init__(self, guest, name):
        self.guest, self.name = guest, name

    def __enter__(self):
        self.guest.check(f"cat /dev/input/{self.name} >/tmp/{self.name} & sleep 0.2")
        return self

    def __exit__(self, kind, value, trace):
        return False

    def take(self, last):
        """All (type, code, value) until `last` has come."""
        pattern = "".join(f" {byte:02x}" for byte in struct.pack("<HHi", *last))
        dump = f"od -An -v -tx1 -w24 /tmp/{self.name}"
        until(self.guest, f"{dump} | grep -q '{pattern}'")
        self.guest.check(f"kill %%; wait; {dump} >/tmp/dump")
        text = self.guest.check("cat /tmp/dump")
        lines = [bytes.fromhex(line) for line in text.split("\n") if len(line.split()) == 24]
        return [struct.unpack("<HHi", line[16:]) for line in lines]


def keyboard(guest, remote):
    with Events(guest, device(guest, "led")) as events:
        remote.type(TEXT)
        remote.key("F12")
        got = events.take((1, 88, 0))
    keys = [event[1:] for event in got if event[0] == 1]
    boot.expect_equal(keys, [*presses(TEXT), (88, 1), (88, 0)], "the keys")
    # Each key is a report of its own.
    boot.expect_equal(got.count((0, 0, 0)), len(keys), "the number of reports")


def pointer(guest, remote):
    with Events(guest, device(guest, "abs")) as events:
        remote.pointer(100, 200)
        remote.ask("click", x=WIDTH - 1, y=0, timeout=60)
        remote.pointer(5, HEIGHT - 1, wheel=-2)
        remote.ask("click", x=7, y=9, button="right", timeout=60)
        got = events.take((1, RIGHT, 0))
    place, clicks, wheel = [None, None], [], 0
    for kind, code, value in got:
        if kind == 3 and code < 2:
            place[code] = value * (WIDTH, HEIGHT)[code] // AXIS
        elif kind == 1:
            clicks.append((code, value, *place))
        elif (kind, code) == (2, 8):
            wheel += value
            boot.expect_equal(place, [5, HEIGHT - 1], "where the wheel was turned")
    boot.expect_equal(clicks, [(LEFT, 1, WIDTH - 1, 0), (LEFT, 0, WIDTH - 1, 0), (RIGHT, 1, 7, 9),
                               (RIGHT, 0, 7, 9)], "the clicks")
    boot.expect_equal(wheel, -2, "the wheel's notches")


def console(guest, remote, path):
    """Linux's text console on the display."""
    guest.check("(setsid sh -c 'exec sh </dev/tty1 >/dev/tty1 2>&1' &)")
    remote.type("clear; echo >/tmp/ready\n")
    until(guest, "[ -e /tmp/ready ]")
    before = read_png(remote.screenshot(path))
    remote.type("echo seen-$((6 * 7)) >/tmp/seen\n")
    until(guest, "grep -x seen-42 /tmp/seen")
    deadline = time.monotonic() + PATIENCE  # a driver sends its frame buffer when it finds the time
    while read_png(remote.screenshot(path))[2] == before[2]:
        if time.monotonic() > deadline:
            raise Failure("what was typed is not on the screen")
    remote.key("CAPSLOCK")
    remote.type("echo 'Caps LOCK' >/tmp/caps\n")
    until(guest, "grep -x 'Caps LOCK' /tmp/caps")
    guest.check("echo >/dev/tty2")  # a console that nobody ever used is not switched to
    remote.key(["CAPSLOCK", "CTRL-ALT-F2"])
    until(guest, "grep -x tty2 /sys/class/tty/tty0/active")
    remote.key("ALT-F1")
    until(guest, "grep -x tty1 /sys/class/tty/tty0/active")
    text = "".join(f"line {n} " + "all the letters, abcdefghijklmnopqrstuvwxyz.\n" for n in range(8))
    remote.type("cat >/tmp/long\n" + text)
    remote.key("CTRL-D")
    until(guest, "grep -q 'line 7' /tmp/long")
    boot.expect_equal(guest.check("cat /tmp/long").replace("\r", "").strip(), text.strip(),
                      "a long text")


def run(bench, kind):
    home(bench.directory)
    with bench.linux("--gpu", f"{WIDTH}x{HEIGHT}", "--input", kind, "--name", "typist",
                     kernel="generic", append="console=ttyAMA0 root=/dev/vda") as guest, \
            Remote("typist") as remote:
        remote.type("\n", timeout=PATIENCE)  # waits for the driver
        guest.shell()
        keyboard(guest, remote)
        pointer(guest, remote)
        console(guest, remote, bench.scratch("screen.png"))
        guest.poweroff()
        boot.expect_equal(guest.explained(), [], "what there was to explain about right drivers")


def usb(bench):
    """A keyboard and a pointer on USB, as Apple's: evdev says what was typed, Linux's console shows
    it, and no key of a long text is lost."""
    run(bench, "usb")


def virtio(bench):
    """The same as virtio-input."""
    run(bench, "virtio")


TESTS = {test.__name__: test for test in (usb, virtio)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
