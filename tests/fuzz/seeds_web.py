#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_web.py DIRECTORY: a seed corpus for fuzz_web in DIRECTORY/web: requests as browsers send them,
and as they never would; frames of each kind.

    tests/fuzz/seeds_web.py corpus && build/fuzz/tests/fuzz/fuzz_web corpus/web
"""
import os
import struct
import sys

HOST = "Host: 127.0.0.1:6080\r\n"
UPGRADE = ("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
SOCKET = "GET /websockify HTTP/1.1\r\n"
NAMES = ["localhost", "127.0.0.1", "[::1]:6080", "example.org:80", "192.0.2.1", "[2001:db8::1]:1",
         "atoll.example:6080", "[::1", "[::1]x", "a:b", "x" * 100, "[::ffff:127.0.0.1]"]
BROWSER = ("User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*;q=0.8\r\n"
           "Accept-Encoding: gzip, deflate, br\r\nSec-Fetch-Site: none\r\nCookie: a=b\r\n")

requests = [
    f"GET / HTTP/1.1\r\n{HOST}{BROWSER}\r\n",
    f"HEAD /favicon.svg?v=1 HTTP/1.1\r\n{HOST}\r\n",
    f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n",
    f"GET /nothing HTTP/1.1\r\n{HOST}\r\n",
    f"GET / HTTP/1.0\r\n{HOST}\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n",
    f"GET / HTTP/1.1\r\n{HOST} folded\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc",
    f"GET / HTTP/1.1\r\n{HOST}X: \x01\r\n\r\n",
    "GET / HTTP/1.1\nHost: localhost\n\n",
    "GET x HTTP/1.1\r\n\r\n",
    "GET /\x7f HTTP/1.1\r\n\r\n",
    "GET / FTP/1.1\r\n\r\n",
    f"{SOCKET}{HOST}{UPGRADE}Origin: http://127.0.0.1:6080\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
    f"{SOCKET}{HOST}{UPGRADE}Origin: https://127.0.0.1:6080\r\n\r\n",
    f"{SOCKET}{HOST}{UPGRADE}Origin: http://example.org\r\n\r\n",
    f"{SOCKET}{HOST}{UPGRADE}Sec-WebSocket-Protocol: base64\r\n\r\n",
    f"{SOCKET}{HOST}{UPGRADE.replace('13', '8')}\r\n",
    f"{SOCKET}{HOST}{UPGRADE.replace('dGhl', '****')}\r\n",
    f"{SOCKET}{HOST}{UPGRADE.replace('ZQ==', 'ZWVl')}\r\n",
    f"{SOCKET}{HOST}{UPGRADE.replace('ZQ==', '')}\r\n",
    f"{SOCKET}{HOST}Upgrade: h2c\r\n\r\n",
    f"{SOCKET}{HOST}\r\n",
] + [f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n" for name in NAMES]

frames = [bytes([first]) + rest for first, rest in (
    (0x82, b"\x05"), (0x92, b"\x05\x80\x7d\x80\x00"), (0x89, b"\x7d"), (0x8a, b"\x00"), (0x88, b"\x02"),
    (0x88, b"\x01"), (0x88, b"\x00\x82\x05"), (0x81, b"\x03"), (0x83, b"\x00"), (0x8b, b"\x00"),
    (0x80, b"\x00"), (0x99, b"\x00"), (0x92, b"\x01\x82\x01"), (0xa2, struct.pack("<H", 300)),
    (0xa2, struct.pack("<H", 3)), (0x82, b"\x7e\x00\x00\x02"), (0x82, b"\x7e\x10\x00\x00"))]
frames += [b"\xff\x82\x01x", b"\xff\xc2\xff\x81\0\0\0\0x", b"\xff\x82\xff\xff" + b"\xff\xff" * 8 + bytes(4),
           b"\x82\x05\x89\x10\x82\x30\xa2\xe8\x03\x88\x02"]


def main():
    folder = os.path.join(sys.argv[1], "web")
    os.makedirs(folder, exist_ok=True)
    # Flags: 2, the server has a name; 4, it was reached over the loopback.
    seeds = [bytes([flags]) + request.encode() for flags in (4, 2) for request in requests]
    seeds += [bytes([1 | (piece - 1) << 1]) + frame for piece in (1, 3) for frame in frames]
    for number, seed in enumerate(seeds):
        with open(os.path.join(folder, str(number)), "wb") as file:
            file.write(seed)


main()
