#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_control.py DIRECTORY: a seed corpus for fuzz_control in DIRECTORY/control: a request of each
verb with all of its arguments, requests that are refused in each way that there is, and the messages
of a console's stream.

    tests/fuzz/seeds_control.py corpus && build/fuzz/tests/fuzz/fuzz_control corpus/control
"""
import json
import os
import struct
import sys

BYTES, WORDS, STREAM = range(3)  # in fuzz_control.c

VERBS = [
    ("version", {}), ("status", {}), ("stats", {}), ("reset", {}), ("pause", {}), ("resume", {}),
    ("stop", {}), ("stop", {"force": True}), ("stop", {"timeout": 1.5}), ("screenshot", {}),
    ("screen", {}), ("screen", {"colours": True}), ("type", {"text": "root\né", "timeout": 2}),
    ("key", {"keys": "CTRL-ALT-F1"}), ("key", {"keys": ["A", "NONE"], "timeout": 0}),
    ("click", {"x": 1, "y": 2}), ("click", {"x": 1, "y": 2, "button": "middle", "double": True}),
    ("pointer", {"x": 8191, "y": 0, "buttons": ["left", "right"], "wheel": -3}),
    ("pointer", {"x": 0, "y": 0, "buttons": "left", "timeout": 600}),
    ("console", {}), ("console", {"index": 1, "replay": False}),
    # refused
    ("fly", {}), ("reset", {"now": 1}), ("type", {}), ("type", {"text": 1}), ("console", {"index": 3}),
    ("stop", {"force": 1}), ("key", {"keys": ["A", 1]}), ("click", {"x": 1.5, "y": 0}),
    ("click", {"x": 8192, "y": 0}), ("click", {"x": 1, "y": 0, "button": "far"}),
    ("type", {"text": "", "timeout": 601}), ("type", {"text": "\0"}),
]
LINES = [
    b"", b"[]", b"{}", b'{"verb":1}', b'{"id":"x","verb":"reset"}', b'{"verb":"reset","arguments":[]}',
    b'{"id":1,"id":2}', b"[[[[[[[[[[", b'{"a":"\\"[[[[[[[[[["}', b'{"verb":"\xff"}', b"{" * 4000,
]


def requests(*lines, part=0xffff):
    return bytes([BYTES]) + struct.pack("<H", part) + b"\n".join(lines) + b"\n"


def stream(*messages, part=0xffff, step=255):
    return bytes([STREAM]) + struct.pack("<HB", part, step) + b"".join(messages)


def bytes_message(data):
    return b'{"bytes":%d}\n' % len(data) + data


def seeds():
    texts = [json.dumps({"id": n, "verb": verb, "arguments": arguments}).encode()
             for n, (verb, arguments) in enumerate(VERBS)]
    for text in texts + LINES:
        yield requests(text)
    yield requests(*texts)
    yield requests(*texts, part=0)  # a byte at a time
    yield requests(*LINES)
    yield requests(texts[4], texts[12], texts[4], texts[5], texts[5], part=6)  # while it is paused
    yield bytes([BYTES, 0xff, 0xff]) + b"x" * 270000  # longer than a line may be
    yield bytes([WORDS]) + bytes(range(60))
    yield stream(bytes_message(b"root\n"), bytes_message(b""), bytes_message(b"x" * 1000))
    yield stream(bytes_message(b"root\n") * 3, part=2, step=1)  # to a guest that takes little
    yield stream(b'{"bytes":65537}\n')
    yield stream(b'{"bytes":"1"}\n')
    yield stream(b'{"bytes":-1}\n')
    yield stream(b'{"what":1}\nno\n')
    yield stream(b" " * 270000)


def main():
    directory = os.path.join(sys.argv[1], "control")
    os.makedirs(directory, exist_ok=True)
    for n, seed in enumerate(seeds()):
        with open(os.path.join(directory, f"{n:02}"), "wb") as file:
            file.write(seed)


main()
