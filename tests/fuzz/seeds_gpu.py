#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_gpu.py DIRECTORY: a seed corpus for fuzz_gpu in DIRECTORY/gpu: the commands that drivers were
seen to send to a display of 320 by 200, OpenBSD 7.8's viogpu up to its installer and Linux 6.1's
virtio_gpu with a console, and those of a compositor with two buffers and a pointer. Backing lies
where the fuzzer has its pixels. Each seed comes alone, and with a move by saved state half-way, whole
and damaged.

    tests/fuzz/seeds_gpu.py corpus && build/fuzz/tests/fuzz/fuzz_gpu corpus/gpu
"""
import os
import struct
import sys

PIXELS = 0x70040000
OP_RAW, OP_PIXELS, OP_HOST, OP_MOVE = 10, 12, 14, 15  # in fuzz_gpu.c's table
INFO, CREATE, UNREF, SCANOUT, FLUSH, TRANSFER, ATTACH, DETACH, CAPSET = range(0x100, 0x109)
UPDATE_CURSOR, MOVE_CURSOR = 0x300, 0x301
SCREEN = (0, 0, 320, 200)


def command(kind, *words, fence=0, queue=0, room=None):
    body = struct.pack(f"<IIQII{len(words)}I", kind, int(fence != 0), fence, 0, 0, *words)
    if room is None:
        room = 408 if kind == INFO else 24
    return bytes([OP_RAW]) + struct.pack("<H", len(body)) + body + struct.pack("<BH", queue, room)


def attach(resource, *entries, fence=0):
    words = [word for address, length in entries for word in (address, 0, length, 0)]
    return command(ATTACH, resource, len(entries), *words, fence=fence)


def transfer(resource, rect, offset=0, fence=0):
    return command(TRANSFER, *rect, offset, 0, resource, 0, fence=fence)


def draw(byte):
    return struct.pack("<BHBH", OP_PIXELS, byte * 16, byte, 0x4000)


def openbsd():
    yield command(INFO, fence=1)
    yield command(CREATE, 1, 2, 320, 200, fence=2)
    yield attach(1, (PIXELS, 256000), fence=3)
    yield command(SCANOUT, *SCREEN, 0, 1, fence=4)
    for frame in range(5, 13, 2):
        yield draw(frame)
        yield transfer(1, SCREEN, fence=frame)
        yield command(FLUSH, *SCREEN, 1, 0, fence=frame + 1)


def linux():
    pieces = [94208, 8192, 12288, 4096, 65536, 16384, 28672, 32768]
    entries = [(PIXELS + sum(pieces[:i]), length) for i, length in enumerate(pieces)]
    yield command(INFO)
    yield command(CREATE, 2, 2, 320, 200)
    yield attach(2, *reversed(entries))
    yield command(SCANOUT, *SCREEN, 0, 0)
    for rect, offset in ((SCREEN, 0), ((0, 192, 8, 8), 245760), ((0, 0, 312, 200), 0),
                         ((0, 8, 320, 192), 10240), ((104, 192, 8, 8), 246176)):
        yield draw(rect[2] & 0xff)
        yield transfer(2, rect, offset)
        yield command(SCANOUT, *SCREEN, 0, 2)
        yield command(FLUSH, *rect, 2, 0)
    yield command(UNREF, 2, 0)


def compositor():
    for resource in (3, 4):
        yield command(CREATE, resource, 1, 320, 200)
        yield attach(resource, (PIXELS + resource * 4096, 256000))
    yield command(CREATE, 5, 1, 64, 64)
    yield attach(5, (PIXELS, 16384))
    yield transfer(5, (0, 0, 64, 64))
    yield command(UPDATE_CURSOR, 0, 10, 20, 0, 5, 1, 1, 0, queue=1, room=0)
    for resource in (3, 4, 3):
        yield draw(resource)
        yield transfer(resource, SCREEN, fence=resource)
        yield command(SCANOUT, *SCREEN, 0, resource)
        yield command(FLUSH, *SCREEN, resource, 0, fence=resource)
        yield command(MOVE_CURSOR, 0, 30, 40 + resource, 0, 0, 0, 0, 0, queue=1, room=0)
    yield command(CAPSET, 0, 0)
    yield command(DETACH, 4, 0)
    yield command(UNREF, 3, 0)


def firmware():
    yield struct.pack("<BBHBBBBBBBB", OP_HOST, 2, 0, 0, 0, 200, 0, 100, 0, 232, 3)
    yield struct.pack("<BBH", OP_HOST, 0, 0)
    yield from openbsd()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = f"{sys.argv[1]}/gpu"
    os.makedirs(directory, exist_ok=True)
    moves = {"": b"", "-moved": bytes([OP_MOVE, 0]), "-damaged": bytes([OP_MOVE, 1, 0x40, 0, 0, 1])}
    for driver in (openbsd, linux, compositor, firmware):
        commands = list(driver())
        half = len(commands) // 2
        for name, move in moves.items():
            with open(f"{directory}/{driver.__name__}{name}", "wb") as file:
                file.write(b"".join(commands[:half] + [move] + commands[half:]))


if __name__ == "__main__":
    main()
