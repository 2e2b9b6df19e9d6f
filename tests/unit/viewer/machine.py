# SPDX-License-Identifier: ISC
"""The machine's side of a viewer process (src/viewer/protocol.h), for tests of the process alone."""

import fcntl
import mmap
import os
import socket
import struct
import subprocess

VERSION = 1
SETUP, MODE, DAMAGE, CURSOR = 1, 2, 3, 4
READY, LOG, WATCH, KEYSYM, KEY, POINTER, TYPE = 32, 33, 34, 35, 36, 37, 38
KINDS = {"vnc": 0, "web": 1}
PATIENCE = 60


def high(descriptor):
    """The same descriptor with a number that is in nobody's way."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100)


class Machine:
    """A screen of one colour, and the process that shows it."""

    def __init__(self, program, kind, width=320, height=200, colour=0x336699, password=""):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        memory = os.memfd_create("pixels")
        os.ftruncate(memory, 8192 * 8192 * 4)
        self.width, self.height = width, height
        self.pixels = mmap.mmap(memory, width * height * 4)
        self.pixels[:] = struct.pack("<I", colour) * (width * height)
        ends = high(theirs.fileno()), high(memory)

        def place():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen([program], preexec_fn=place, pass_fds=(3, 4))
        theirs.close()
        for descriptor in (memory, *ends):
            os.close(descriptor)
        self.socket.send(struct.pack("=5I128s512s4096s", SETUP, VERSION, KINDS[kind], width, height,
                                     b"a machine", b"127.0.0.1:0", password.encode()))
        self.socket.send(struct.pack("=4I", MODE, 1, width, height))
        self.log = []
        self.address = self.expect(READY)[8:].split(b"\0")[0].decode()

    def expect(self, kind):
        """The next message of that kind."""
        while True:
            message = self.socket.recv(65536)
            if not message:
                raise AssertionError("the viewer process has ended")
            if message[:4] == struct.pack("=I", kind):
                return message
            if message[:4] == struct.pack("=I", LOG):
                self.log.append(message[8:].split(b"\0")[0].decode())

    def draw(self, colour):
        self.pixels[:] = struct.pack("<I", colour) * (self.width * self.height)
        rectangles = struct.pack("=4I", 0, 0, self.width, self.height).ljust(32 * 16, b"\0")
        self.socket.send(struct.pack("=2I", DAMAGE, 1) + rectangles)

    def end(self):
        """The machine goes: its viewer has to go by itself, without a complaint."""
        self.socket.close()
        status = self.process.wait(PATIENCE)
        if status != 0:
            raise AssertionError(f"the viewer process ended with status {status}")
