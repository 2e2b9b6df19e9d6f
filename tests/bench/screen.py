#!/usr/bin/env python3
"""screen.py ATOLL GUESTS: what a screen costs, in per cents of one of the host's cores: the machine's
process, and the viewer process with one viewer that asks for all there is. A Debian guest draws its
whole screen 60 times a second (screen.c). GUESTS is build/guest, for its kernel called generic."""

import gzip
import multiprocessing
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../boot"))
from guest import Guest, PROMPT  # pylint: disable=wrong-import-position

SECONDS = 8
KINDS = ("one colour each", "moving bars", "all pixels differ", "the same again")
TICKS = os.sysconf("SC_CLK_TCK")


class Viewer:
    """A client of the Remote Framebuffer protocol that wants everything, in Tight or raw."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")
        self.read(12)
        self.socket.sendall(b"RFB 003.008\n")
        self.read(self.read(1)[0])
        self.socket.sendall(b"\1")
        self.read(4)
        self.socket.sendall(b"\1")
        self.size = struct.unpack(">HH", self.read(4))
        self.read(16)
        self.read(struct.unpack(">I", self.read(4))[0])
        self.socket.sendall(struct.pack(">BxHiii", 2, 3, 7, 0, -255))

    def read(self, count):
        data = self.file.read(count)
        if len(data) != count:
            raise EOFError
        return data

    def compact(self):
        """A length as Tight has it: seven bits, seven bits, eight bits."""
        length = 0
        for shift in (0, 7, 14):
            byte = self.read(1)[0]
            length |= (byte & (0x7f if shift < 14 else 0xff)) << shift
            if not byte & 0x80:
                break
        return length

    def tight(self, width, height):
        control, size = self.read(1)[0] >> 4, width * height * 3
        if control == 8:
            return self.read(3)
        if control != 9 and control & 4 and self.read(1)[0] == 1:
            colours = self.read(1)[0] + 1
            self.read(colours * 3)
            size = (width + 7) // 8 * height if colours == 2 else width * height
        return self.read(size if control != 9 and size < 12 else self.compact())

    def watch(self):
        incremental = 0
        while True:
            self.socket.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, *self.size))
            incremental = 1
            while self.read(1) != b"\0":
                pass  # a bell
            for _ in range(struct.unpack(">xH", self.read(3))[0]):
                _, _, width, height, encoding = struct.unpack(">HHHHi", self.read(12))
                if encoding == 7:
                    self.tight(width, height)
                else:
                    self.read(width * height * 4)


def watch(port):
    try:
        Viewer(port).watch()
    except (EOFError, OSError):
        pass


def initrd(guests, folder):
    """The guest's, with the program in it."""
    os.mkdir(os.path.join(folder, "root"))
    subprocess.run(["aarch64-linux-gnu-gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-Wall",
                    "-Wextra", "-Werror", "-static", "-o", os.path.join(folder, "root/screen"),
                    os.path.join(HERE, "screen.c")], check=True)
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"screen\n",
                             cwd=os.path.join(folder, "root"), stdout=subprocess.PIPE, check=True)
    path = os.path.join(folder, "initrd")
    with open(path, "wb") as out, open(os.path.join(guests, "generic/initrd.gz"), "rb") as base:
        out.write(base.read() + gzip.compress(archive.stdout))
    return path


def ticks(process):
    with open(f"/proc/{process}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def viewer_of(folder):
    """The viewer process that was started last, by this machine's program."""
    found = subprocess.run(["pgrep", "-n", "-x", "atoll-vnc"], stdout=subprocess.PIPE, cwd=folder,
                           check=True)
    return int(found.stdout)


def measure(guest, kind, processes):
    before, start = [ticks(process) for process in processes], time.monotonic()
    text = guest.check(f"/screen {60 * SECONDS} {kind}")
    wall = time.monotonic() - start
    shares = [100 * (ticks(process) - then) / TICKS / wall
              for process, then in zip(processes, before)]
    late = re.search(r"(\d+) late", text).group(1)
    print(f"\n## {KINDS[kind]:20} " + " ".join(f"{share:6.1f} %" for share in shares) +
          f"   {late} of {60 * SECONDS} frames late", flush=True)


def run(atoll, guests, folder, display):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shown = ["--display", f"vnc:{port}"] if display else []
    with Guest(atoll, ["--gpu", "1280x800", *shown, "--net", "none", "--kernel",
                       os.path.join(guests, "generic/linux"), "--initrd", initrd(guests, folder),
                       "--append", "console=ttyAMA0 quiet"]) as guest:
        guest.expect(PROMPT)
        processes, client = [guest.process.pid], None
        if display:
            processes.append(viewer_of(folder))
            client = multiprocessing.Process(target=watch, args=(port,), daemon=True)
            client.start()
        print(f"\n## machine{', viewer process' if display else ''}", flush=True)
        for kind in range(len(KINDS)):
            measure(guest, kind, processes)
        if client:
            client.kill()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for display in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            run(sys.argv[1], sys.argv[2], folder, display)


if __name__ == "__main__":
    main()
