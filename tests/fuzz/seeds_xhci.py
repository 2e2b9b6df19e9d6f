#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_xhci.py DIRECTORY: a seed corpus for fuzz_xhci in DIRECTORY/xhci: what the drivers of OpenBSD,
Linux and a boot loader were seen to ask of the keyboard and the pointer, then typing, stopping,
sleeping and errors with their recovery. Each seed comes alone, and with a move by saved state in its
middle.

    tests/fuzz/seeds_xhci.py corpus && build/fuzz/tests/fuzz/fuzz_xhci corpus/xhci
"""
import os
import struct
import sys

(REGISTER, OPERATE, DOORBELL, COMMAND, CONTEXT, CONTROL, ASK, TRB, _, _, _, OVERWRITE, KEY, EVENTS, MOVE,
 RESET) = range(16)  # fuzz_xhci.c's table
(ENABLE_SLOT, DISABLE_SLOT, ADDRESS, CONFIGURE, EVALUATE, RESET_EP, STOP, SET_DEQUEUE, RESET_DEVICE, _, _, _,
 BANDWIDTH, _, NO_OP, _) = range(16)
PORTSC1, PORTSC2 = 4, 5  # in op_operate's table
NOWHERE = b"\xff" + struct.pack("<Q", 0xdead00000000)
BUFFER = bytes([5, 0, 0])


def control(device, kind, request, value=0, index=0, length=0):
    return struct.pack("<BBBBHBH", CONTROL, device, kind, request, value, index, length)


def command(kind, slot=0, endpoint=0, how=0, extra=b""):
    return bytes([COMMAND, kind, how]) + extra + bytes([endpoint, slot])


def context(dci, kind, flags=0, port=1):
    return bytes([CONTEXT, dci - 1, flags, port, kind])


def key(usage, down):
    return bytes([KEY, usage, 0, down])


def point(place):
    return bytes([KEY, place, 1])


def ask(device, length=8):
    return bytes([ASK, device, length])


def operate(register, value):
    return struct.pack("<BBI", OPERATE, register, value)


def trb(ring, kind, flags=0, parameter=0, status=0):
    return struct.pack("<BBBBBQI", TRB, ring, kind, flags, 0, parameter, status)


def setup(ring, *fields):
    return trb(ring, 2, 0x20, struct.unpack("<Q", struct.pack("<BBHHH", *fields))[0], 8)


def read(offset, size=2):
    """`size` is a power of two."""
    return struct.pack("<BBH", REGISTER, 4 | size, offset)


def write(offset, value):
    return struct.pack("<BBHI", REGISTER, 2, offset, value)


def doorbell(slot, target):
    return bytes([DOORBELL, slot, target])


def events(*how):
    return bytes([EVENTS] + list(how or (1, 0)))


def enumerate_device(device):
    for kind, request, value, length in (
            (0x80, 6, 0x100, 8), (0x80, 6, 0x100, 18), (0x80, 6, 0x200, 9), (0x80, 6, 0x200, 34),
            (0x80, 6, 0x300, 4), (0x80, 6, 0x302, 255), (0x80, 6, 0x303, 255), (0x80, 0, 0, 2),
            (0x00, 9, 1, 0), (0x80, 8, 0, 1), (0x21, 10, 0, 0), (0x81, 6, 0x2100, 9),
            (0x81, 6, 0x2200, 255), (0xa1, 3, 0, 1), (0x21, 11, 0, 0), (0xa1, 2, 0, 1), (0xa1, 1, 0x100, 8),
            (0x21, 9, 0x200, 1), (0xa1, 1, 0x200, 1), (0x00, 3, 1, 0), (0x00, 1, 1, 0), (0x81, 0, 0, 2),
            (0x81, 10, 0, 1), (0x01, 11, 0, 0)):
        yield control(device, kind, request, value, 0, length)
    yield control(device, 0x82, 0, 0, 0x81, 2)
    yield control(device, 0x02, 3, 0, 0x81, 0)
    yield ask(device)
    yield command(RESET_EP, 1 + device, 3)
    yield command(SET_DEQUEUE, 1 + device, 3, 2 * device + 1)
    yield control(device, 0x02, 1, 0, 0x81, 0)
    yield events()


def typing():
    yield events(0, 0)
    for usage in (0xe1, 0x04, 0x05):
        for down in (1, 0):
            yield key(usage, down)
            yield ask(0)
    for usage in range(0x10, 0x18):
        yield key(usage, 1)
        yield ask(0)
    for place in (0, 100, 200):
        yield point(place)
        yield ask(1)
    yield events()


def stalls():
    for device in (0, 1):
        for kind, request, value in ((0x80, 6, 0x600), (0x00, 7, 0), (0xa1, 77, 0), (0x83, 0, 0),
                                     (0x21, 11, 2), (0x00, 9, 2), (0xc1, 1, 0)):
            yield control(device, kind, request, value, 0, 0)
            yield command(RESET_EP, 1 + device, 1)
            yield command(SET_DEQUEUE, 1 + device, 1, 2 * device)
    yield events()


def stopping():
    yield command(STOP, 1, 3)
    yield key(0x04, 1)
    yield command(SET_DEQUEUE, 1, 3, 1)
    yield ask(0)
    yield doorbell(1, 3)
    yield operate(2, 0)
    yield bytes([OPERATE, 2, 0xff]) + struct.pack("<QB", 0, 6)
    yield command(NO_OP)
    yield events()


def sleeping():
    yield control(0, 0, 3, 1)
    yield operate(PORTSC1, 0x10260)
    yield key(0x04, 1)
    yield operate(PORTSC1, 0x10200)
    yield operate(PORTSC1, 0x400200)
    yield operate(PORTSC2, 0x202)
    yield ask(1)
    yield operate(PORTSC2, 0x210)
    yield operate(0, 0)
    yield operate(0, 0x405)
    yield operate(8, 100)
    yield command(NO_OP)
    yield command(NO_OP)
    yield events()


def contexts():
    yield context(1, 4, 0)
    yield command(EVALUATE, 1)
    for dci in (2, 4, 5, 31):
        yield context(dci, 7 if dci & 1 else 2)
        yield command(CONFIGURE, 1)
        yield doorbell(1, dci)
        yield context(dci, 0, 5)
        yield command(CONFIGURE, 1)
    yield command(CONFIGURE, 1, 0, 0x20)
    yield command(RESET_DEVICE, 1)
    yield context(1, 4)
    yield command(ADDRESS, 1)
    yield command(DISABLE_SLOT, 1)
    yield command(BANDWIDTH, 0, 0, 0x80, BUFFER)
    for _ in range(3):
        yield command(ENABLE_SLOT)
    yield context(1, 4, 0, 2)
    yield command(ADDRESS, 1, 0, 0x20)
    yield command(ADDRESS, 1)
    yield bytes([RESET, 1])


def rings():
    yield trb(1, 1, 0x06, 0x70020000, 3)
    yield trb(1, 1, 0x06, 0x70020100, 4)
    yield trb(1, 7, 0x10, 1234, 0)
    yield key(0x04, 1)
    yield trb(1, 1, 0x12, 0x70020000, 20)
    yield trb(1, 8, 0x10)
    yield key(0x05, 1)
    yield doorbell(1, 3)
    yield setup(0, 0x21, 9, 0x200, 0, 1)
    yield trb(0, 3, 0x20, 2, 1)
    yield trb(0, 4, 0x10)
    yield doorbell(1, 1)
    yield setup(0, 0x80, 6, 0x100, 0, 18)
    yield trb(0, 3, 1, 0x70020000, 4)
    yield doorbell(1, 1)
    for ring, kind in ((0, 2), (2, 3), (2, 4), (2, 1), (3, 6), (3, 2), (4, 6)):
        yield trb(ring, kind, 0, 0x70010000, 8)
        yield doorbell(1 + ring // 2 % 2, 3 if ring % 2 else 1)
        yield command(SET_DEQUEUE, 1 + ring // 2 % 2, 3 if ring % 2 else 1, ring)
    yield doorbell(0, 0)
    yield events(1, 255)


def nowhere():
    yield command(CONFIGURE, 1, 0, 0x80, NOWHERE)
    yield bytes([RESET, 0])
    for register in (2, 15, 10, 11, 13):
        yield bytes([OPERATE, register]) + NOWHERE + b"\0"
        yield command(NO_OP)
        yield bytes([RESET, 0])
    yield bytes([OVERWRITE, 2, 0, 8]) + struct.pack("<I", 3)
    yield operate(9, 1)
    yield command(NO_OP)
    yield bytes([RESET, 1])


def registers():
    """What a driver looks at when it attaches, and some of it in other widths."""
    for offset in (*range(0, 0x60, 4), *range(0x400, 0x440, 4), *range(0x980, 0x9d0, 4),
                   *range(0xa00, 0xa60, 4), 0xc00, 0xffc):
        yield read(offset)
    for size in (0, 1, 3):
        for offset in (0, 0x20, 0x38, 0x400, 0x980, 0xa30):
            yield read(offset, size)
    for offset in (0x04, 0x24, 0x28, 0x34, 0x38, 0x3c, 0x54, 0x980, 0xa00, 0xa20, 0xa2c, 0xc04, 0xffc):
        yield write(offset, 0xffffffff)
    yield events()


def main():
    directory = os.path.join(sys.argv[1], "xhci")
    os.makedirs(directory, exist_ok=True)
    seeds = {"keyboard": list(enumerate_device(0)), "pointer": list(enumerate_device(1))}
    for make in (typing, stalls, stopping, sleeping, contexts, rings, nowhere, registers):
        seeds[make.__name__] = list(make())
    for name, steps in seeds.items():
        half = len(steps) // 2
        for suffix, move in (("", b""), ("-moved", bytes([MOVE, 0])), ("-damaged", bytes([MOVE, 1, 9, 2, 0, 4]))):
            with open(os.path.join(directory, name + suffix), "wb") as seed:
                seed.write(b"".join(steps[:half]) + move + b"".join(steps[half:]))


main()
