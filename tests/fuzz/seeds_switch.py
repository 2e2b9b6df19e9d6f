#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_switch.py DIRECTORY: seed corpora for fuzz_switch and fuzz_socket, in DIRECTORY/switch and
DIRECTORY/socket: frames of every kind through the fabric, its links and a ring, lines of the
control protocol, and what a program at a socket says.

    tests/fuzz/seeds_switch.py corpus && build/fuzz/tests/fuzz/fuzz_switch corpus/switch
"""
import json
import pathlib
import struct
import sys

RING, MESSAGES, FABRIC, PUTTER = b"\0", b"\1", b"\2", b"\4"  # in fuzz_switch.c
NEEDS_CSUM, TSO4, TSO6, UDP = 1, 1, 4, 3  # VIRTIO 1.2, 5.1.6

folders = {name: pathlib.Path(sys.argv[1]) / name for name in ("switch", "socket")}
for folder in folders.values():
    folder.mkdir(parents=True, exist_ok=True)


def seed(target, name, data):
    (folders[target] / name).write_bytes(data)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def mac(port):
    return bytes([0x52, 0x54, 0, 0, 0, port])


EVERYBODY = b"\xff" * 6


def ethernet(to, source, payload, kind=0x0800, vlan=None):
    tag = b"" if vlan is None else struct.pack(">HH", 0x8100, vlan)
    return to + source + tag + struct.pack(">H", kind) + payload


def ip4(protocol, payload, length=None):
    head = struct.pack(">BBHHHBBH4B4B", 0x45, 0, length or 20 + len(payload), 1, 0, 64, protocol, 0,
                       10, 0, 0, 1, 10, 0, 0, 2)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(protocol, payload):
    return (struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) +
            bytes.fromhex("20010db8" + "0" * 23 + "1" + "20010db8" + "0" * 23 + "2") + payload)


def tcp(data):
    return struct.pack(">HHIIBBHHH", 4000, 80, 1, 1, 0x50, 0x18, 8192, 0, 0) + data


def udp(data):
    return struct.pack(">HHHH", 4000, 53, 8 + len(data), 0) + data


def header(flags=0, gso=0, head=0, size=0, start=0, offset=0):
    return struct.pack("<BBHHHHH", flags, gso, head, size, start, offset, 0)


PLAIN = header()
DATA = bytes(range(256)) * 40


def frames():
    """(name, port, virtio-net's header, frame)"""
    to, source = mac(1), mac(0)
    yield "learn", 1, PLAIN, ethernet(EVERYBODY, mac(1), b"\0" * 46, 0x0806)
    yield "known", 0, PLAIN, ethernet(to, source, ip4(17, udp(b"x")))
    yield "short", 0, PLAIN, ethernet(to, source, b"")
    yield "group", 2, PLAIN, ethernet(b"\1\0\x5e\0\0\1", mac(2), ip4(17, udp(b"y")))
    yield "own", 0, PLAIN, ethernet(source, source, b"\0" * 46)
    yield "forged", 2, PLAIN, ethernet(to, mac(1), b"\0" * 46)
    yield "tagged", 0, PLAIN, ethernet(to, source, ip4(6, tcp(b"z")), vlan=10)
    yield "long", 3, PLAIN, ethernet(to, mac(3), DATA[:4000])
    for vlan in (None, 20):
        at = 14 if vlan is None else 18
        yield (f"csum-{at}", 1, header(NEEDS_CSUM, 0, 0, 0, at + 20, 6),
               ethernet(mac(0), mac(1), ip4(17, udp(DATA[:100])), vlan=vlan))
        yield (f"tso4-{at}", 1, header(NEEDS_CSUM, TSO4, at + 40, 1460, at + 20, 16),
               ethernet(mac(0), mac(1), ip4(6, tcp(DATA[:5000])), vlan=vlan))
        yield (f"tso6-{at}", 1, header(NEEDS_CSUM, TSO6, at + 60, 1440, at + 40, 16),
               ethernet(mac(0), mac(1), ip6(6, tcp(DATA[:5000])), 0x86dd, vlan))
    yield "tso-cut", 1, header(NEEDS_CSUM, TSO4, 54, 0, 34, 16), ethernet(mac(0), mac(1), ip4(6, tcp(DATA)))
    yield "ufo", 1, header(NEEDS_CSUM, UDP, 42, 1400, 34, 6), ethernet(mac(0), mac(1), ip4(17, udp(DATA)))


def fed(port, head, frame):
    return struct.pack("<BH", port, len(frame)) + head + frame


def record(head, frame, length=None):
    data = struct.pack("<I", len(frame) if length is None else length) + head + frame
    return data + b"\0" * (-len(data) % 16)


def ring(name, records, head=None, tail=0):
    data = b"".join(records)
    seed("switch", "ring-" + name,
         RING + struct.pack("<QQ", len(data) if head is None else head, tail) + data)


LINK = {"delay": 1000000, "jitter": 1000, "rate": 1000000, "queue": 65536, "loss": 0.1, "reorder": 0.1,
        "duplicate": 0.1, "corrupt": 0.1, "down": False, "seed": 7}
SETTINGS = {"plain": bytes(4), "slow": bytes([3, 0x1f, 0, 7]), "bad": bytes([1, 0x12, 0xff, 9]),
            "down": bytes([0, 0x36, 0, 0xff])}


def main():
    everything = list(frames())
    for name, port, head, frame in everything:
        seed("switch", "frame-" + name, FABRIC + SETTINGS["plain"] + fed(port, head, frame))
    for name, settings in SETTINGS.items():
        seed("switch", "fabric-" + name, FABRIC + settings + b"".join(
            fed(port, head, frame) for _, port, head, frame in everything))
    many = [ethernet(EVERYBODY, bytes([2, 0, 0, 0, i >> 8, i & 255]), b"\0" * 4) for i in range(600)]
    seed("switch", "fabric-flood", FABRIC + SETTINGS["plain"] + b"".join(fed(2, PLAIN, f) for f in many))
    ring("frames", [record(head, frame) for _, _, head, frame in everything])
    ring("wraps", [record(PLAIN, ethernet(mac(1), mac(0), DATA))] * 7, 65536, 16)
    ring("short", [record(PLAIN, b"short")])
    ring("lies", [record(PLAIN, b"\0" * 60, 65000)])
    ring("far", [record(PLAIN, b"\0" * 60)], 1 << 40)
    ring("half", [record(PLAIN, b"\0" * 60)], 8)
    seed("switch", "put", PUTTER + b"".join(struct.pack("<H", i * 997 & 0xffff) for i in range(300)))
    lines = [json.dumps(LINK), json.dumps({**LINK, "loss": 2}), json.dumps({**LINK, "delay": -1}),
             json.dumps({**LINK, "rate": 1}), json.dumps({**LINK, "jitter": 1 << 40}),
             json.dumps({**LINK, "queue": 1 << 30}), json.dumps({**LINK, "more": 1}), "{}"]
    for i, line in enumerate(lines):
        seed("switch", f"message-{i}", MESSAGES + line.encode() + b"\n")
    seed("switch", "messages", MESSAGES + "\n".join(lines).encode() + b"\n[]\nnonsense\n{")
    stream = b"".join(struct.pack(">I", len(frame)) + frame for _, _, _, frame in everything)
    for name, first in (("whole", 0xfd), ("bytes", 0x0d), ("picky", 0x4f)):
        seed("socket", "stream-" + name, bytes([first]) + stream)
    first = stream[:4 + len(everything[0][3])]
    for name, end in (("long", b"\0\1\0\0"), ("short", b"\0\0\0\5abcde"), ("cut", first[:11])):
        seed("socket", "stream-" + name, bytes([0x81]) + first + end)
    messages = b"".join(struct.pack("<H", min(len(frame), 0xffff)) + frame[:16]
                        for _, _, _, frame in everything)
    for name, first in (("plain", 0), ("picky", 2)):
        seed("socket", "messages-" + name, bytes([first]) + messages)
    seed("socket", "messages-wrong", b"\0" + struct.pack("<HBHBHB", 1, 7, 13, 7, 65535, 7))


if __name__ == "__main__":
    main()
