#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""clients.py PROGRAM [TEST...]: Debian's VNC clients see atoll-vnc's picture, and type and point at it,
on an X server of their own (Xvfb); and atoll-window by itself. Skipped where they are not installed.
"""

import contextlib
import ctypes
import ctypes.util
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from machine import BUTTON, KEY, KEYSYM, PATIENCE, POINTER, WATCH, Machine, Refused, cursor

SKIPPED = 77  # of Meson's tests
WIDTH, HEIGHT = 640, 480
COLOURS = 0xff0000, 0x00ff00, 0x0000ff, 0xffffff
TOOLS = "Xvfb", "xdotool", "import", "convert"


def command(*words, **more):
    return subprocess.run(words, capture_output=True, check=True, timeout=PATIENCE, **more).stdout


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain for: {what}")
        time.sleep(0.2)


@contextlib.contextmanager
def running(words, log=subprocess.DEVNULL, **more):
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def desktop():
    """An X server; sets DISPLAY."""
    reader, writer = os.pipe()
    with running(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1000x800x24"],
                 pass_fds=[writer]):
        os.close(writer)
        os.environ["DISPLAY"] = ":" + os.read(reader, 16).decode().strip()
        yield
    os.close(reader)


def quarters(machine):
    """A picture with a colour in each quarter."""
    for i, colour in enumerate(COLOURS):
        machine.draw(colour, (i % 2 * WIDTH // 2, i // 2 * HEIGHT // 2, WIDTH // 2, HEIGHT // 2))


def counts(picture):
    """How many pixels of each of the colours are in a file with a picture."""
    raw = command("convert", picture, "-depth", "8", "rgb:-")
    pixels = [raw[at:at + 3] for at in range(0, len(raw), 3)]
    return [pixels.count(struct.pack(">I", colour)[1:]) for colour in COLOURS]


def shown(folder, colours=4):
    """Whether the desktop shows the picture: all quarters whole, but for a pointer on them."""
    path = os.path.join(folder, "desktop.png")
    command("import", "-window", "root", path)
    return sum(count > WIDTH * HEIGHT // 4 - 3000 for count in counts(path)) >= colours


def session(program, folder, words):
    """A client's life: picture, damage, keys, pointer, another size, the end."""
    machine = Machine(program, "vnc", WIDTH, HEIGHT, 0)
    port = int(machine.address.split(":")[1])
    quarters(machine)
    with open(os.path.join(folder, "log"), "wb") as log, \
            running([*words, f"127.0.0.1::{port}"], log):
        until(lambda: shown(folder), "the picture")
        for colour in range(1, 60):  # as fast as the client takes them, or faster
            machine.draw(colour)
        quarters(machine)
        until(lambda: shown(folder), "the picture after many others")
        window = command("xdotool", "search", "--name", "a machine").split()[-1].decode()
        command("xdotool", "mousemove", "--window", window, str(WIDTH // 2), str(HEIGHT // 2))
        command("xdotool", "windowfocus", window)
        command("xdotool", "click", "1")
        while struct.unpack("=I", machine.expect(POINTER)[12:16]) != (1,):
            pass
        command("xdotool", "key", "a", "exclam", "eacute")
        for wanted in ord("a"), ord("!"), 0xe9:
            while struct.unpack("=II", machine.expect(KEYSYM)[4:12]) != (wanted, 1):
                pass
        machine.socket.send(cursor(True, 1, 1, [0xffff00ff] * 4096))
        machine.resize(WIDTH + 100, HEIGHT, 0x00ff00)
        until(lambda: counts_of_desktop(folder)[1] > WIDTH * HEIGHT * 9 // 10, "another size")
    machine.settle()
    machine.end()


def counts_of_desktop(folder):
    path = os.path.join(folder, "desktop.png")
    command("import", "-window", "root", path)
    return counts(path)


def test_tiger(program, folder):
    for encoding in "Tight", "ZRLE", "Hextile", "Raw":
        session(program, folder, ["xtigervncviewer", "-SecurityTypes", "None", "-AutoSelect=0",
                                  "-PreferredEncoding", encoding, "-NoJPEG", "-ReconnectOnError=0"])


def test_tight(program, folder):
    for encoding in "tight", "zlib", "corre", "rre", "hextile copyrect":
        session(program, folder, ["xtightvncviewer", "-encodings", encoding, "-nojpeg"])


def test_snapshot(program, folder):
    machine = Machine(program, "vnc", WIDTH, HEIGHT, 0)
    quarters(machine)
    path = os.path.join(folder, "snapshot.jpg")
    port = int(machine.address.split(":")[1])
    command("vncsnapshot", "-quality", "100", "-allowblank", f"127.0.0.1:{port - 5900}", path)
    command("convert", path, "-posterize", "2", path + ".png")
    counted = counts(path + ".png")
    if min(counted) < WIDTH * HEIGHT // 4 - 3000:
        raise AssertionError(f"the snapshot has {counted} pixels of the colours")
    machine.settle()
    machine.end()


def close(window):
    """What a window manager does when a window's cross is clicked (ICCCM, 4.2.8.1)."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11"))
    x11.XOpenDisplay.restype = x11.XInternAtom.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    protocols, delete = (x11.XInternAtom(display, name, 0)
                         for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    event = struct.pack("@iLiPLLi5l", 33, 0, 1, 0, window, protocols, 32, delete, 0, 0, 0, 0)
    x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), event.ljust(192, b"\0"))
    x11.XCloseDisplay(display)


def test_window(program, folder):
    machine = Machine(program, "window", WIDTH, HEIGHT, 0)
    quarters(machine)
    machine.expect(WATCH)
    until(lambda: shown(folder), "the picture")
    window = command("xdotool", "search", "--name", "a machine").split()[-1].decode()
    command("xdotool", "mousemove", "--window", window, str(WIDTH // 2), str(HEIGHT // 2))
    command("xdotool", "windowfocus", window)
    command("xdotool", "click", "3")
    x, y, buttons = 0, 0, 0
    while buttons != 2:
        x, y, buttons = struct.unpack("=III", machine.expect(POINTER)[4:16])
    if max(abs(x - 16384), abs(y - 16384)) > 100:
        raise AssertionError(f"the pointer is at {x},{y}")
    command("xdotool", "key", "b", "Return")
    for wanted in (5, 1), (5, 0), (0x28, 1), (0x28, 0):
        while struct.unpack("=II", machine.expect(KEY)[4:12]) != wanted:
            pass
    command("xdotool", "keydown", "c")
    machine.resize(WIDTH + 100, HEIGHT, 0x00ff00)
    until(lambda: counts_of_desktop(folder)[1] > WIDTH * HEIGHT, "another size")
    for button in 0, 1:  # the power button, then the plug
        time.sleep(1.5)  # two closes at once are one
        close(int(window))
        if struct.unpack("=I", machine.expect(BUTTON)[4:8]) != (button,):
            raise AssertionError("the wrong button")
    machine.end()
    os.environ["DISPLAY"] = ":no"
    try:
        Machine(program, "window")
    except Refused as error:
        if "desktop" not in str(error):
            raise
    else:
        raise AssertionError("a window without a desktop")


NEEDS = {"window": "xdotool", "tiger": "xtigervncviewer", "tight": "xtightvncviewer", "snapshot": "vncsnapshot"}


def main():
    tests = sys.argv[2:] or list(NEEDS)
    missing = [tool for tool in (*TOOLS, *(NEEDS[name] for name in tests)) if not shutil.which(tool)]
    if missing:
        print("not installed:", *missing)
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder, desktop():
        for name in tests:
            start = time.monotonic()
            globals()["test_" + name](sys.argv[1], folder)
            print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    return 0


sys.exit(main())
