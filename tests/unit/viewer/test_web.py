#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""test_web.py ATOLL-VNC: what `--display web` says to browsers, and to programs that are none. Each
test is a function; after each the page is still served."""

import base64
import hashlib
import os
import re
import socket
import struct
import sys
import time

from machine import KEYSYM, PATIENCE, POINTER, TYPE, Machine

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # and its answer: RFC 6455, 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
CONTINUE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def equal(value, expected, what):
    if value != expected:
        raise AssertionError(f"{what}: {value!r}, not {expected!r}")


class Server:
    def __init__(self, program):
        self.machine = Machine(program, "web")
        self.address = re.fullmatch(r"http://(127\.0\.0\.1:\d+)/", self.machine.address).group(1)
        self.host, port = self.address.split(":")
        self.port = int(port)

    def connect(self):
        return socket.create_connection((self.host, self.port), PATIENCE)

    def raw(self, request):
        """All that is answered to these bytes."""
        with self.connect() as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(65536):
                answer += part
        return answer

    def ask(self, line="GET / HTTP/1.1", host=None, **fields):
        """(status, fields in lower case, body)"""
        lines = [line, f"Host: {host or self.address}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        head, _, body = self.raw("\r\n".join(lines + ["", ""]).encode()).partition(b"\r\n\r\n")
        status, *rest = head.decode().split("\r\n")
        pairs = (entry.split(": ", 1) for entry in rest)
        return int(status.split()[1]), {name.lower(): value for name, value in pairs}, body

    def upgrade(self, **fields):
        given = {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket",
                 "Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": KEY,
                 "Origin": f"http://{self.address}", **fields}
        return {name: value for name, value in given.items() if value is not None}


class Socket:
    """A websocket that is the browser's end."""

    def __init__(self, server, early=b"", **fields):
        self.connection = server.connect()
        lines = ["GET /websockify HTTP/1.1", f"Host: {server.address}"]
        lines += [f"{name.replace('_', '-')}: {value}"
                  for name, value in server.upgrade(**fields).items()]
        self.connection.sendall("\r\n".join(lines + ["", ""]).encode() + early)
        self.input = b""
        self.stream = b""
        self.pongs = []
        self.code = None
        head = self.until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 ") or f"Accept: {ACCEPT}".encode() not in head:
            raise AssertionError(f"the handshake's answer was {head!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def more(self):
        part = self.connection.recv(1 << 20)
        if not part:
            raise EOFError
        self.input += part

    def until(self, mark):
        while mark not in self.input:
            self.more()
        head, _, self.input = self.input.partition(mark)
        return head

    def take(self, count):
        while len(self.input) < count:
            self.more()
        part, self.input = self.input[:count], self.input[count:]
        return part

    def frame(self):
        """Read a frame, which is not masked, in its shortest form, and no part of a message."""
        first, length = self.take(2)
        equal(first & 0xf0, 0x80, "a frame's first bits")
        if length >= 126:
            form = ">H" if length == 126 else ">Q"
            length, = struct.unpack(form, self.take(struct.calcsize(form)))
        payload = self.take(length)
        if first & 15 == BINARY:
            self.stream += payload
        elif first & 15 == PONG:
            self.pongs.append(payload)
        elif first & 15 == CLOSE:
            self.code = payload and struct.unpack(">H", payload)[0]
        else:
            raise AssertionError(f"a frame with opcode {first & 15}")

    def bytes(self, count):
        while len(self.stream) < count:
            self.frame()
        part, self.stream = self.stream[:count], self.stream[count:]
        return part

    @staticmethod
    def make(payload, opcode=BINARY, final=True, mask=b"\x12\x34\x56\x78"):
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else (
            struct.pack(">BH", 254, size) if size < 65536 else struct.pack(">BQ", 255, size))
        masked = bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))
        return bytes([(128 if final else 0) | opcode]) + length + mask + masked

    def send(self, payload, **how):
        self.connection.sendall(self.make(payload, **how))

    def closed(self):
        """Read to the end of the connection; return the code that was given."""
        try:
            while True:
                self.frame()
        except (EOFError, ConnectionResetError):
            return self.code

    def rfb(self):
        """RFC 6143, 7.1 to 7.3: return the screen's (width, height)."""
        equal(self.bytes(12), b"RFB 003.008\n", "the server's version")
        self.send(b"RFB 003.008\n")
        equal(self.bytes(2), b"\1\1", "the kinds of security")
        self.send(b"\1")
        equal(self.bytes(4), bytes(4), "the security's result")
        self.send(b"\1")
        width, height, length = struct.unpack(">HH16xI", self.bytes(24))
        equal(self.bytes(length), b"a machine", "the name")
        return width, height

    def picture(self, width, height, incremental=False):
        """The pixels of one raw update of the whole screen."""
        self.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, width, height))
        out = bytearray(width * height * 4)
        _, count = struct.unpack(">HH", self.bytes(4))
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.bytes(12))
            equal(encoding, 0, "the encoding")
            for row in range(h):
                at = ((y + row) * width + x) * 4
                out[at:at + 4 * w] = self.bytes(4 * w)
        return bytes(out)


def page(server):
    """The page is what the policy allows and asks for nothing from elsewhere."""
    status, fields, body = server.ask()
    equal(status, 200, "the status")
    equal(fields["content-type"], "text/html; charset=utf-8", "the type")
    equal(int(fields["content-length"]), len(body), "the length")
    equal(fields["cache-control"], "no-store", "the cache's instruction")
    equal(fields["x-frame-options"], "DENY", "framing")
    policy = dict(part.strip().split(" ", 1) for part in fields["content-security-policy"].split(";"))
    equal(policy["default-src"], "'none'", "what is allowed by default")
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        text, = re.findall(rf"<{element}>(.*?)</{element}>".encode(), body, re.S)
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        equal(policy[directive], f"'sha256-{digest}'", directive)
    outside = re.findall(rb"(?:src|href|url|import)\W{1,3}(?:https?:)?//", body)
    equal(outside, [], "references to elsewhere")
    status, fields, body = server.ask("HEAD / HTTP/1.1")
    equal((status, body), (200, b""), "HEAD")
    status, fields, body = server.ask("GET /favicon.svg?x HTTP/1.1")
    equal((status, fields["content-type"]), (200, "image/svg+xml"), "the icon")
    for path in ("/index.html", "//", "/../etc/passwd", "/%2e%2e/", "/websockify/"):
        equal(server.ask(f"GET {path} HTTP/1.1")[0], 404, path)
    for method in ("POST", "PUT", "OPTIONS", "get"):
        status, fields, _ = server.ask(f"{method} / HTTP/1.1")
        equal((status, fields["allow"]), (405, "GET, HEAD"), method)


def malformed(server):
    """What is no request is told so, whole or in pieces."""
    host = f"Host: {server.address}\r\n".encode()
    for request in (
            b"\r\n\r\n", b"GET\r\n\r\n", b"GET /\r\n" + host + b"\r\n",
            b"GET  / HTTP/1.1\r\n" + host + b"\r\n", b"GET / HTTP/1.1 \r\n" + host + b"\r\n",
            b"GET / FTP/1.1\r\n" + host + b"\r\n", b"GET x HTTP/1.1\r\n" + host + b"\r\n",
            b"GET /\x01 HTTP/1.1\r\n" + host + b"\r\n", b"GET /\xe9 HTTP/1.1\r\n" + host + b"\r\n",
            b"G(T / HTTP/1.1\r\n" + host + b"\r\n", b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\n" + host + b"\r\n", b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",
            b"GET / HTTP/1.1\r\n" + host + b" folded\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"no colon\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"Space : x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b": x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"X: \x00\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n"):
        answer = server.raw(request)
        if not answer.startswith(b"HTTP/1.1 400 "):
            raise AssertionError(f"the answer to {request!r} is {answer[:40]!r}")
    for version in ("HTTP/1.0", "HTTP/2.0"):
        equal(server.ask(f"GET / {version}")[0], 505, version)
    equal(server.ask(X="y" * 9000)[0], 431, "a long request")
    equal(server.ask(X="y" * 7000)[0], 200, "a request that is not too long")
    with server.connect() as connection:
        for byte in f"GET / HTTP/1.1\r\nHost: {server.address}\r\n\r\n".encode():
            connection.sendall(bytes([byte]))
        equal(connection.recv(12), b"HTTP/1.1 200", "the answer to single bytes")


def strangers(server):
    """Host has to be this server (a name may have been made to lead here), Origin too."""
    port = server.port
    for host in (f"localhost:{port}", "LocalHost", "127.0.0.1", "127.1.2.3:1", "[::1]", f"[::1]:{port}"):
        equal(server.ask(host=host)[0], 200, host)
    for host in ("example.org", f"example.org:{port}", f"127.0.0.1.example.org:{port}",
                 f"localhost.example.org:{port}", "192.0.2.1", "[2001:db8::1]", "127.1", "2130706433",
                 "127.0.0.1:", "127.0.0.1:123456", "127.0.0.1:1x", "[::1", "[::1]x", "[127.0.0.1]:x",
                 "localhost:1:2", "user@localhost", "::1", "x" * 300):
        equal(server.ask(host=host)[0], 403, host)
    for origin in ("http://example.org", f"http://127.0.0.1:{port + 1}", "http://127.0.0.1", "null",
                   f"http://localhost:{port}", f"ftp://{server.address}", f"http://{server.address}/",
                   f"http://{server.address}.example.org", "", server.address):
        status, _, _ = server.ask("GET /websockify HTTP/1.1", **server.upgrade(Origin=origin))
        equal(status, 403, origin)
    status, _, _ = server.ask("GET /websockify HTTP/1.1", host=f"example.org:{port}",
                              **server.upgrade(Origin=f"http://example.org:{port}"))
    equal(status, 403, "a name that leads here")
    for fields, status in (({"Connection": "close"}, 400), ({"Upgrade": "h2c"}, 400),
                           ({"Sec_WebSocket_Key": None}, 400), ({"Sec_WebSocket_Key": "YWJj"}, 400),
                           ({"Sec_WebSocket_Key": "*" * 24}, 400),
                           ({"Sec_WebSocket_Version": None}, 400),
                           ({"Sec_WebSocket_Version": "8"}, 426),
                           ({"Sec_WebSocket_Protocol": "base64"}, 400)):
        equal(server.ask("GET /websockify HTTP/1.1", **server.upgrade(**fields))[0], status, fields)
    equal(server.ask("GET /websockify HTTP/1.1")[0], 404, "without an upgrade")


def neighbours(server):
    """Another user of this computer, who reaches the loopback too, is shown nothing."""
    if os.geteuid() != 0:
        print("(not looked at: that takes root)")
        return
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            equal(server.ask()[0], 403, "the page")
            equal(server.ask("GET /websockify HTTP/1.1", **server.upgrade())[0], 403, "the screen")
            with server.connect() as connection:  # what it leaves behind belongs to nobody
                connection.sendall(f"GET / HTTP/1.1\r\nHost: {server.address}\r\n\r\n".encode())
        except BaseException as what:
            print(what, flush=True)
            os._exit(1)
        os._exit(0)
    equal(os.waitpid(child, 0)[1], 0, "the status of the other user's process")


def rfb(server):
    """Two viewers at once see the screen and what changes, and what they type arrives."""
    with Socket(server, Sec_WebSocket_Protocol="base64, binary") as one, \
            Socket(server, Origin=None, early=Socket.make(b"RFB 0", final=False)) as two:
        two.send(b"03.008\n", opcode=CONTINUE)
        equal(two.bytes(14), b"RFB 003.008\n\1\1", "what the server says to early bytes")
        two.send(b"\1")
        two.send(b"\1")
        two.bytes(4 + 24 + len("a machine"))
        size = one.rfb()
        equal(size, (320, 200), "the screen's size")
        for viewer in (one, two):
            equal(viewer.picture(*size)[:3], b"\x99\x66\x33", "the colour")
        server.machine.draw(0x112233)
        for viewer in (one, two):
            equal(viewer.picture(*size, incremental=True)[-4:-1], b"\x33\x22\x11", "the new colour")
        one.send(struct.pack(">BBHI", 4, 1, 0, 0xff0d))
        equal(struct.unpack("=3I", server.machine.expect(KEYSYM)), (KEYSYM, 0xff0d, 1), "the key")
        two.send(struct.pack(">BBHH", 5, 4, 319, 199))
        equal(struct.unpack("=4I", server.machine.expect(POINTER)[:16]), (POINTER, 32767, 32767, 2),
              "the pointer")
        two.send(struct.pack(">BxxxI", 6, 3) + b"ab\n")
        equal(server.machine.expect(TYPE)[8:], b"ab\n", "the text")
        for keysym in (0xffe3, 0xffe9, 0x76):  # Ctrl-Alt-V is the guest's
            two.send(struct.pack(">BBHI", 4, 1, 0, keysym))
            equal(struct.unpack("=3I", server.machine.expect(KEYSYM)), (KEYSYM, keysym, 1),
                  "Ctrl-Alt-V, key by key")


def frames(server):
    """RFC 6455, section 5: control frames are answered, also between the parts of a message."""
    with Socket(server) as viewer:
        viewer.send(b"RFB 003", final=False)
        viewer.send(b"x" * 125, opcode=PING)
        viewer.send(b"", opcode=CONTINUE, final=False)
        viewer.send(b"unasked", opcode=PONG)
        viewer.send(b".008\n", opcode=CONTINUE)
        viewer.send(b"", opcode=PING)
        equal(viewer.bytes(14)[-2:], b"\1\1", "the kinds of security")
        while len(viewer.pongs) < 2:
            viewer.frame()
        equal(viewer.pongs, [b"x" * 125, b""], "the answers")
        viewer.send(struct.pack(">H", 1000) + b"enough", opcode=CLOSE)
        equal(viewer.closed(), 1000, "the code that comes back")
    mask = bytes(4)
    for what, code, bad in (
            ("text", 1003, Socket.make(b"hello", opcode=TEXT)),
            ("no mask", 1002, b"\x82\x01x"),
            ("a reserved bit", 1002, b"\xc2\x81" + mask + b"x"),
            ("opcode 3", 1002, Socket.make(b"", opcode=3)),
            ("opcode 11", 1002, Socket.make(b"", opcode=11)),
            ("a continuation of nothing", 1002, Socket.make(b"", opcode=CONTINUE)),
            ("a message in a message", 1002, Socket.make(b"", final=False) + Socket.make(b"")),
            ("a ping in parts", 1002, Socket.make(b"", opcode=PING, final=False)),
            ("a long ping", 1002, Socket.make(b"x" * 126, opcode=PING)),
            ("a close frame of one byte", 1002, Socket.make(b"x", opcode=CLOSE)),
            ("a length in too many bytes", 1002, b"\x82\xfe\x00\x7d" + mask),
            ("a length in far too many", 1002, b"\x82\xff" + struct.pack(">Q", 65535) + mask),
            ("a negative length", 1002, b"\x82\xff" + struct.pack(">Q", 1 << 63) + mask)):
        with Socket(server) as viewer:
            viewer.connection.sendall(bad)
            equal(viewer.closed(), code, what)
    with Socket(server) as viewer:  # the length alone costs nothing
        viewer.connection.sendall(b"\x82\xff" + struct.pack(">Q", (1 << 63) - 1) + mask + b"RFB ")


def garbage(server):
    """What is no RFB ends that connection, and no other."""
    with Socket(server) as good:
        size = good.rfb()
        for junk in (b"\xff" * 12, b"RFB 999.999\n", bytes(range(256)) * 200):
            with Socket(server) as bad:
                bad.send(junk)
                try:
                    while True:
                        bad.frame()
                except (EOFError, ConnectionResetError):
                    pass
        equal(len(good.picture(*size)), 320 * 200 * 4, "the picture of another viewer")


def floods(server):
    """Connections that say nothing, pings without end and a viewer that does not read: others are
    served meanwhile."""
    with Socket(server) as good:
        size = good.rfb()
        idle = [server.connect() for _ in range(200)]
        equal(server.ask()[0], 200, "the page among idle connections")
        with Socket(server) as deaf, Socket(server) as pinging:
            deaf.rfb()
            deaf.connection.settimeout(0.2)
            request = Socket.make(struct.pack(">BBHHHH", 3, 0, 0, 0, *size))
            ping = Socket.make(b"x" * 100, opcode=PING) * 100
            pinging.connection.settimeout(0.2)
            for flood, message in ((deaf, request * 1000), (pinging, ping)):
                try:
                    for _ in range(200):
                        flood.connection.sendall(message)
                except TimeoutError:
                    pass
            equal(len(good.picture(*size)), 320 * 200 * 4, "the picture of another viewer")
            equal(server.ask()[0], 200, "the page among floods")
        for connection in idle:
            connection.close()
    viewers = []
    try:
        for _ in range(100):
            viewers.append(Socket(server))
        raise AssertionError("a hundred viewers were let in")
    except AssertionError as refusal:
        if "503" not in str(refusal):
            raise
    equal(len(viewers), 16, "viewers that were let in")
    equal(server.ask()[0], 200, "the page with all seats taken")
    for viewer in viewers:
        viewer.connection.close()
    deadline = time.monotonic() + PATIENCE
    while True:  # seats become free when the server has noticed
        try:
            with Socket(server) as viewer:
                viewer.rfb()
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def slow(server):
    """A request that does not end is not waited for, however it drips."""
    with server.connect() as connection:
        start = time.monotonic()
        connection.settimeout(0.5)
        answer = b""
        while not answer:
            if time.monotonic() > start + PATIENCE:
                raise AssertionError("a request may take for ever")
            connection.sendall(b"G")
            try:
                answer = connection.recv(100)
            except TimeoutError:
                pass
        equal(answer[:12], b"HTTP/1.1 408", "the answer to a slow request")


def main():
    server = Server(sys.argv[1])
    for test in (page, malformed, strangers, neighbours, rfb, frames, garbage, floods, slow):
        print(f"{test.__name__}: {test.__doc__.split(':')[0].split('.')[0]}", flush=True)
        test(server)
        equal(server.ask()[0], 200, f"the page after {test.__name__}")
    server.machine.end()


main()
