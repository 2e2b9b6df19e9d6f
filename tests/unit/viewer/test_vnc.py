#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""test_vnc.py ATOLL-VNC: what `--display vnc` does for clients, to clients that do not keep to the
protocol, and to the machine. Each test is a function; after each there is still a good client."""

import os
import random
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

import rfb
from machine import (KEYSYM, POINTER, RESIZE, TYPE, WATCH, Machine, Refused, cursor, damage, leds,
                     mode)
from rfb import Client

CONTROL, ALT = 0xffe3, 0xffe9
SEATS = 16


def equal(value, expected, what):
    if value != expected:
        raise AssertionError(f"{what}: {value!r}, not {expected!r}")


def open_client(machine, **more):
    """A client that the machine knows of."""
    client = Client(machine.address, **more)
    machine.expect(WATCH)
    return client


def picture(client, machine):
    """Waits until the client has the machine's picture."""
    client.until(lambda c: bytes(c.pixels) == bytes(machine.pixels[:machine.width *
                                                                  machine.height * 4]), "the picture")


def keys(machine, count):
    return [struct.unpack("=II", machine.expect(KEYSYM)[4:12]) for _ in range(count)]


def pointer(machine):
    """(x, y, buttons, wheel, pan)"""
    return struct.unpack("=IIIii", machine.expect(POINTER)[4:24])


def rest(stream):
    """All that comes until the stream's end."""
    data = b""
    try:
        while part := stream.recv(65536):
            data += part
    except ConnectionError:
        pass
    stream.close()
    return data


def test_picture(machine):
    client = open_client(machine)
    equal(client.version, b"RFB 003.008\n", "the version")
    equal(client.kinds, [rfb.NONE], "kinds of authentication")
    equal((client.width, client.height, client.name), (320, 200, "a machine"), "the screen")
    equal(client.form[:3] + client.form[4:13], bytes([32, 24, 0, 0, 255, 0, 255, 0, 255, 16, 8, 0]),
          "the format")
    picture(client, machine)
    client.close()


def test_damage(machine):
    client = open_client(machine)
    picture(client, machine)
    before = client.received
    machine.draw(0xff0000, (10, 20, 30, 40))
    picture(client, machine)
    if client.received - before > 2 * 30 * 40 * 4:
        raise AssertionError(f"{client.received - before} bytes for 30x40 pixels")
    client.close()


def test_resize(machine):
    client = open_client(machine)
    picture(client, machine)
    for width, height in (640, 480), (33, 77), (320, 200):
        machine.resize(width, height, 0x123456 + width)
        picture(client, machine)
        equal((client.width, client.height), (width, height), "the size")
    client.wish(1024, 768)
    equal(struct.unpack("=II", machine.expect(RESIZE)[4:12]), (1024, 768), "the wish")
    client.close()


def test_off(machine):
    client = open_client(machine)
    picture(client, machine)
    machine.socket.send(mode(False, 320, 200))
    client.until(lambda c: not any(c.pixels[:100]), "a black screen")
    equal(set(client.pixels), {0, 0x80}, "what is on it is a line of text")
    machine.draw(0x00ff00)  # which nobody sees
    machine.socket.send(mode(True, 320, 200))
    picture(client, machine)
    client.close()


def test_cursor(machine):
    client = open_client(machine)
    picture(client, machine)
    equal(client.cursor, None, "a pointer before the guest has one")
    machine.socket.send(cursor(True, 3, 5, [0xff112233] * 64 + [0] * (64 * 63)))
    client.until(lambda c: c.cursor, "the pointer")
    x, y, width, height, pixels, mask = client.cursor
    equal((x, y, width, height), (3, 5, 64, 64), "its hot spot and size")
    equal(pixels[:4], b"\x33\x22\x11\xff", "its first pixel")
    equal(mask, b"\xff" * 8 + bytes(8 * 63), "its mask")
    machine.socket.send(cursor(False, 3, 5, [0xff112233] * 4096))
    client.cursor = None
    client.until(lambda c: c.cursor, "no pointer")
    equal(any(client.cursor[5]), False, "a hidden pointer's mask")
    client.close()
    machine.socket.send(cursor(True, 0, 0, [0xffffffff] * 4096))
    plain = open_client(machine, encodings=(rfb.RAW,))  # would have it drawn into the picture
    picture(plain, machine)
    plain.pointer(0, 5, 5)
    machine.draw(0x445566)
    picture(plain, machine)
    plain.close()


def test_leds(machine):
    client = open_client(machine, encodings=(rfb.RAW, rfb.QEMU_LEDS))
    for lit, expected in (1, 2), (2, 4), (7, 7), (0, 0):
        machine.socket.send(leds(lit))
        client.until(lambda c, e=expected: c.leds == e, f"lights {expected}")
    client.close()


def test_keys(machine):
    client = open_client(machine)
    client.stroke(0x61)
    equal(keys(machine, 2), [(0x61, 1), (0x61, 0)], "a key")
    for keysym in range(0x100, 0x100 + 40):  # more than are kept
        client.key(keysym, True)
    equal(len(set(keys(machine, 32))), 32, "keys that are down")
    client.key(0x1f0, False)  # was never down: nobody is told
    client.close()
    released = keys(machine, 32)
    equal({key for key, _ in released}, set(range(0x100, 0x120)), "keys of a client that has gone")
    equal({down for _, down in released}, {0}, "they go up")


def test_pointer(machine):
    client = open_client(machine)
    for buttons, x, y, expected in [
            (0, 0, 0, (0, 0, 0, 0, 0)), (1, 319, 199, (32767, 32767, 1, 0, 0)),
            (2, 65535, 65535, (32767, 32767, 4, 0, 0)), (4, 0, 199, (0, 32767, 2, 0, 0)),
            (8, 0, 0, (0, 0, 0, 1, 0)), (0, 0, 0, (0, 0, 0, 0, 0)), (16, 0, 0, (0, 0, 0, -1, 0)),
            (0x30, 0, 0, (0, 0, 0, 0, -1)), (0x40, 0, 0, (0, 0, 0, 0, 1)),
            (0x47, 0, 0, (0, 0, 7, 0, 0))]:
        client.pointer(buttons, x, y)
        equal(pointer(machine), expected, f"buttons {buttons:#x} at {x},{y}")
    client.close()
    equal(pointer(machine)[2], 0, "the buttons of a client that has gone")


def test_paste(machine):
    client = open_client(machine)
    client.cut("caf\xe9\r\n\x07\tend".encode("latin-1"))
    client.stroke(0x62)
    keys(machine, 2)
    machine.nothing(TYPE, "a clipboard that nobody pasted")
    client.stroke(CONTROL, ALT, 0x76)
    equal(keys(machine, 4), [(CONTROL, 1), (ALT, 1), (CONTROL, 0), (ALT, 0)], "the paste's keys")
    message = machine.expect(TYPE)
    equal(message[8:].decode(), "café\n\tend", "what is typed")
    equal(struct.unpack("=I", message[4:8])[0], len(message) - 8, "its length")
    client.cut(b"x" * 10000)
    client.stroke(CONTROL, ALT, 0x56)
    text = b""
    while len(text) < 10000:
        text += machine.expect(TYPE)[8:]
    equal(text, b"x" * 10000, "a long text")
    client.close()


def test_two(machine):
    first, second = open_client(machine), open_client(machine)
    for client in first, second:
        picture(client, machine)
    machine.draw(0xabcdef)
    for client in second, first:
        picture(client, machine)
    first.close()
    equal(struct.unpack("=II", machine.expect(WATCH))[1], 1, "who watches")
    machine.draw(0xfedcba)
    picture(second, machine)
    second.close()
    equal(struct.unpack("=II", machine.expect(WATCH))[1], 0, "who watches")


def test_wanted(machine):
    """The machine is asked to look at its screen for a client that asks, and for no other; who asks is
    shown nothing that is older."""
    client = open_client(machine)
    picture(client, machine)
    machine.draw(0x010101)
    client.stroke(0x61)
    keys(machine, 2)
    before = machine.wants
    for colour in (0x020202, 0x030303):
        machine.draw(colour)
        client.stroke(0x61)
        keys(machine, 2)
    equal(machine.wants, before, "requests of a client that asks for nothing")
    usual, machine.wanted = machine.wanted, lambda: machine.draw(0x0a0b0c)
    client.ask(incremental=False)
    while not any(encoding == rfb.RAW for *_, encoding in client.message()):
        client.ask()  # it is told the size first
    machine.wanted = usual
    equal({bytes(client.pixels[i:i + 3]) for i in range(0, 400, 4)}, {b"\x0c\x0b\x0a"}, "the colour")
    client.close()


def test_unanswered(machine):
    """A machine that hangs is not waited for."""
    usual, machine.wanted = machine.wanted, lambda: None
    client = open_client(machine)
    client.ask(incremental=False)
    client.message()
    client.close()
    machine.wanted = usual
    machine.socket.send(damage())


def test_stalled(machine):
    """A client that takes nothing holds up itself alone."""
    machine.resize(1280, 800, 0)
    stalled, good = open_client(machine), open_client(machine)
    for _ in range(50):
        stalled.ask(incremental=False)
    for colour in range(1, 30):
        machine.draw(colour)
        picture(good, machine)
    stalled.close()
    good.close()
    machine.resize(320, 200, 0)


def test_stalled_machine(machine):
    """Input that nobody takes stops its client, and not the picture."""
    flooding, good = open_client(machine), open_client(machine)
    picture(good, machine)
    flooding.stream.settimeout(0.2)
    try:
        while True:
            flooding.stream.sendall(struct.pack(">BBHH", 5, 0, 1, 1) * 1000)
    except socket.timeout:
        pass
    machine.draw(0x313131)
    picture(good, machine)
    flooding.close()
    good.close()
    machine.drain()


def test_requests_refused(machine):
    """What libvncserver knows beyond its duty: scaling, file transfer, chat, xvp, nonsense."""
    for kind in 1, 7, 8, 9, 10, 11, 15, 50, 150, 250, 252, 255:
        client = open_client(machine)
        client.stream.sendall(bytes([kind]) + bytes(40))
        rest(client.stream)
        machine.expect(WATCH)


def test_lengths(machine):
    """Messages that promise more than anybody should send, or break off."""
    for message in (struct.pack(">BxxxI", 6, 0xffffffff), struct.pack(">BxxxI", 6, 0x7fffffff),
                    struct.pack(">BxxxI", 6, 1 << 21), struct.pack(">BxH", 2, 0xffff) + bytes(100),
                    struct.pack(">BxHHBx", 251, 65535, 65535, 255) + bytes(100),
                    struct.pack(">BxHHBx", 251, 0, 0, 1) + bytes(16),
                    struct.pack(">B3xBBBBHHHBBB3x", 0, 7, 3, 0, 1, 9, 9, 9, 77, 88, 99),
                    struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 0, 0, 0, 255, 255, 255),
                    struct.pack(">B3xBBBBHHHBBB3x", 0, 8, 8, 0, 0, 65535, 65535, 65535, 0, 0, 0),
                    struct.pack(">BBHHHH", 3, 0, 65535, 65535, 65535, 65535), b"\6", b"\0\0"):
        client = open_client(machine)
        client.stream.sendall(message)
        client.ask(incremental=False)
        client.close()
        machine.expect(WATCH)


def test_noise(machine):
    """Bytes of no meaning, before the greeting and after it."""
    noise = random.Random(5)
    for _ in range(30):
        stream = rfb.connect(machine.address)
        try:
            stream.sendall(noise.randbytes(noise.randrange(1, 200)))
            stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has seen enough
        rest(stream)
    for _ in range(30):
        client = open_client(machine)
        try:
            for _ in range(20):
                client.stream.sendall(bytes([noise.choice([0, 2, 3, 4, 5, 6, 251])]) +
                                      noise.randbytes(noise.randrange(1, 40)))
        except ConnectionError:
            pass
        client.close()
        machine.expect(WATCH)
        machine.drain()


def test_websocket(machine):
    """libvncserver's own websockets would take anybody's page."""
    stream = rfb.connect(machine.address)
    stream.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
                   b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    equal(rest(stream), b"RFB 003.008\n", "the answer")


def test_seats(machine):
    """Connections that say nothing take seats, and are told off; others keep theirs."""
    good = open_client(machine)
    silent = [rfb.connect(machine.address) for _ in range(SEATS - 1)]
    for stream in silent:
        stream.recv(12)
    late = rfb.connect(machine.address)
    equal(late.recv(12), b"", "one too many")
    machine.draw(0x777777)
    picture(good, machine)
    for stream in silent:
        stream.close()
    good.close()


def test_password(program):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("secret\nignored\n")
        file.flush()
        machine = Machine(program, "vnc", password=file.name)
        client = open_client(machine, password="secret")
        equal(client.kinds, [rfb.PASSWORD], "kinds of authentication")
        picture(client, machine)
        for wrong in " ", "Secret", "secre", "secret1":
            try:
                Client(machine.address, password=wrong)
            except PermissionError:
                continue
            raise AssertionError(f"{wrong!r} is let in")
        try:
            Client(machine.address)  # chooses what is not offered
        except (PermissionError, ConnectionError, EOFError):
            pass
        else:
            raise AssertionError("it is let in without a password")
        machine.draw(0x555555)
        picture(client, machine)
        client.close()
        machine.end()


def test_addresses(program):
    first = Machine(program, "vnc", address="")
    equal(first.address.startswith("127.0.0.1:59"), True, "the default address")
    second = Machine(program, "vnc", address="")
    if int(second.address.split(":")[1]) <= int(first.address.split(":")[1]):
        raise AssertionError(f"the next free port is {second.address} after {first.address}")
    for address, expected in [(first.address, "taken"), ("0.0.0.0:0", "password"),
                              ("[::]:0", "password"), ("127.0.0.1", "no address"),
                              ("::1:5900", "no address"), (":5900", "no address"),
                              ("65536", "no address"), ("unix:", "path"), ("1x", "no address"),
                              ("unix:" + "x" * 200, "path"), ("unix:/nowhere/s", "No such file")]:
        try:
            Machine(program, "vnc", address=address)
        except Refused as error:
            if expected not in str(error):
                raise AssertionError(f"{address}: {error}") from None
        else:
            raise AssertionError(f"{address} is accepted")
    six = Machine(program, "vnc", address="[::1]:0")
    equal(six.address.startswith("[::1]:"), True, "an IPv6 address")
    for machine in first, second, six:
        client = open_client(machine)
        picture(client, machine)
        client.close()
        machine.end()


def test_unix(program):
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/screen"
        for _ in range(2):  # the second finds the first one's file
            machine = Machine(program, "vnc", address="unix:" + path)
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "the socket's mode")
            client = open_client(machine)
            picture(client, machine)
            client.close()
            machine.end()
        with open(folder + "/file", "w", encoding="ascii") as file:
            file.write("precious")
        for taken in "/file", "/screen":
            try:
                keep = Machine(program, "vnc", address="unix:" + path) if taken != "/file" else None
                Machine(program, "vnc", address="unix:" + folder + taken)
            except Refused:
                pass
            else:
                raise AssertionError(f"{taken} is replaced")
            if keep:
                keep.end()


def test_alone(program):
    """Started by hand it says what it is."""
    with open(os.devnull, "rb") as null:
        done = subprocess.run([program], stdin=null, capture_output=True, check=False)
    equal((done.returncode, b"started by atoll" in done.stderr), (1, True), "by hand")


def main():
    program = sys.argv[1]
    machine = Machine(program, "vnc")
    alone = {"password", "addresses", "unix", "alone"}
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (sys.argv[2:] and name[5:] not in sys.argv[2:]):
            continue
        start = time.monotonic()
        if name[5:] in alone:
            test(program)
        else:
            test(machine)
            machine.settle()
            good = open_client(machine)
            picture(good, machine)
            good.close()
            machine.settle()
        print(f"{name}: {time.monotonic() - start:.2f} s", flush=True)
    machine.end()


main()
