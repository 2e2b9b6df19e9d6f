# SPDX-License-Identifier: ISC
"""The machine's side of a viewer process (src/viewer/protocol.h), for tests of the process alone."""

import fcntl
import mmap
import os
import queue
import socket
import struct
import subprocess
import threading

VERSION = 2
SETUP, MODE, DAMAGE, CURSOR, CURSOR_MOVE, LEDS = 1, 2, 3, 4, 5, 6
READY, LOG, WATCH, KEYSYM, KEY, POINTER, TYPE, RESIZE, BUTTON, WANT = range(32, 42)
KINDS = {"vnc": 0, "web": 1, "window": 2}
PATIENCE = 60
ROOM = 1920 * 1200 * 4  # bytes of the largest screen here
BACKLOG = 1000  # messages that nobody has looked at


class Refused(Exception):
    """The viewer process says that it cannot be reached, and why."""


def mode(lit, width, height):
    return struct.pack("=4I", MODE, lit, width, height)


def cursor(visible, hot_x, hot_y, pixels):
    return struct.pack("=6I4096I", CURSOR, visible, 0, 0, hot_x, hot_y, *pixels)


def leds(lit):
    return struct.pack("=2I", LEDS, lit)


def damage(*rectangle):
    """Of one rectangle or of none."""
    return struct.pack("=2I", DAMAGE, bool(rectangle)) + \
        struct.pack(f"={len(rectangle)}I", *rectangle).ljust(32 * 16, b"\0")


def high(descriptor):
    """The same descriptor with a number that is in nobody's way."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100)


class Machine:
    """A screen of one colour, and the process that shows it."""

    def __init__(self, program, kind, width=320, height=200, colour=0x336699, password="",
                 address="127.0.0.1:0"):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("pixels")
        os.ftruncate(memory, 8192 * 8192 * 4)
        self.width, self.height = width, height
        self.pixels = mmap.mmap(memory, ROOM)
        self.fill(colour, (0, 0, width, height))
        ends = high(theirs.fileno()), high(memory)

        def place():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen([program], preexec_fn=place, pass_fds=(3, 4))
        theirs.close()
        for descriptor in (memory, *ends):
            os.close(descriptor)
        self.socket.send(struct.pack("=5I128s512s4096s", SETUP, VERSION, KINDS[kind], width, height,
                                     b"a machine", address.encode(), password.encode()))
        self.log, self.watching, self.wants = [], 0, 0
        self.wanted = lambda: self.socket.send(damage())  # what is done about it
        self.messages = queue.Queue(BACKLOG)
        threading.Thread(target=self.receive, daemon=True).start()
        ready = self.expect(READY)
        self.address = ready[8:].split(b"\0")[0].decode()
        if ready[4:8] != bytes(4):
            self.socket.close()
            self.process.wait(PATIENCE)
            raise Refused(self.address)
        self.socket.send(mode(True, width, height))

    def receive(self):
        """Answers those who want what has changed, and keeps all other messages."""
        message = b"?"
        while message:
            try:
                message = self.socket.recv(65536)
            except OSError:
                message = b""
            if message[:4] == struct.pack("=I", WANT):
                self.wants += 1
                self.wanted()
            else:
                self.messages.put(message)

    def take(self, message):
        """Takes note of what any message says."""
        if not message:
            raise AssertionError("the viewer process has ended")
        if message[:4] == struct.pack("=I", LOG):
            self.log.append(message[8:].split(b"\0")[0].decode())
        if message[:4] == struct.pack("=I", WATCH):
            self.watching = struct.unpack("=II", message)[1]
        return message

    def expect(self, kind):
        """The next message of that kind."""
        while True:
            message = self.take(self.messages.get(timeout=PATIENCE))
            if message[:4] == struct.pack("=I", kind):
                return message

    def nothing(self, kind, what):
        """None of the messages that are there already is of that kind."""
        for message in self.drain():
            if message[:4] == struct.pack("=I", kind):
                raise AssertionError(f"{what}: {message[:64]!r}")

    def drain(self):
        """All messages that are there."""
        messages = []
        try:
            while True:
                messages.append(self.take(self.messages.get(timeout=0.1)))
        except queue.Empty:
            return messages

    def settle(self):
        """Waits until nobody watches any more."""
        self.drain()
        while self.watching:
            self.expect(WATCH)

    def fill(self, colour, rectangle):
        x, y, width, height = rectangle
        for line in range(y, y + height):
            at = (line * self.width + x) * 4
            self.pixels[at:at + width * 4] = struct.pack("<I", colour) * width

    def draw(self, colour, rectangle=None):
        rectangle = rectangle or (0, 0, self.width, self.height)
        self.fill(colour, rectangle)
        self.socket.send(damage(*rectangle))

    def resize(self, width, height, colour):
        self.width, self.height = width, height
        self.fill(colour, (0, 0, width, height))
        self.socket.send(mode(True, width, height))

    def end(self):
        """The machine goes: its viewer has to go by itself, without a complaint."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        status = self.process.wait(PATIENCE)
        if status != 0:
            raise AssertionError(f"the viewer process ended with status {status}")
