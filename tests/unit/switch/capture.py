#!/usr/bin/env python3
"""capture.py ATOLL: `atoll capture` down a pipe, with ports of this program's own on a real switch. A
reader that is slow, and one that goes, do no harm; what was dropped is counted."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile

ATOLL = sys.argv[1]
FRAME = bytes.fromhex("02000000000b 02000000000a 88b5") + bytes(1486)
INTERFACE, STATISTICS, PACKET = 1, 5, 6
ISB_IFRECV, ISB_OSDROP = 4, 7
PATIENCE = 60


class Port:
    def __init__(self, control, name):
        self.mine, theirs = socket.socketpair()
        request = {"verb": "attach", "arguments": {"port": name, "framing": "stream", "mtu": 1500,
                                                   "uplink": False}}
        socket.send_fds(control, [json.dumps(request).encode() + b"\n"], [theirs.fileno()])
        answer = json.loads(control.recv(65536))
        assert answer["ok"], answer
        theirs.close()

    def send(self, frame):
        self.mine.sendall(struct.pack(">I", len(frame)) + frame)

    def receive(self):
        length, = struct.unpack(">I", self.mine.recv(4, socket.MSG_WAITALL))
        return self.mine.recv(length, socket.MSG_WAITALL)


def read_block(stream):
    """(type, body), or None at the end; a block that is cut is an error."""
    head = stream.read(8)
    if not head:
        return None
    kind, length = struct.unpack("<II", head)
    rest = stream.read(length - 8)
    assert len(rest) == length - 8 and rest[-4:] == head[4:], "a block is cut"
    return kind, rest[:-4]


def read_until(stream, wanted):
    while (block := read_block(stream))[0] != wanted:
        pass
    return block[1]


def statistics_of(body):
    found, at = {}, 12
    while at + 4 <= len(body):
        code, length = struct.unpack_from("<HH", body, at)
        if code == 0:
            break
        found[code] = int.from_bytes(body[at + 4:at + 4 + length], "little")
        at += 4 + (length + 3) // 4 * 4
    return found


def start(*words):
    return subprocess.Popen([ATOLL, "capture", *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def end(capture):
    """The status, and what it said last."""
    said = capture.stderr.read().decode().splitlines()
    return capture.wait(PATIENCE), said[-1] if said else ""


def frames_come_at_once(a, b):
    capture = start("s", "-")
    assert read_until(capture.stdout, INTERFACE)
    a.send(FRAME)
    assert b.receive() == FRAME
    for _ in range(2):  # in at a, out at b; while the capture goes on
        assert FRAME in read_until(capture.stdout, PACKET)
    capture.send_signal(signal.SIGINT)
    assert statistics_of(read_until(capture.stdout, STATISTICS))[ISB_IFRECV] == 1
    assert end(capture) == (0, "2 frames")


def a_slow_reader_is_not_waited_for(a, b):
    capture = start("s:a", "-w", "-", "--filter", "ether proto 0x88b5")
    assert read_until(capture.stdout, INTERFACE)
    for _ in range(3000):
        a.send(FRAME)
        assert b.receive() == FRAME
    capture.send_signal(signal.SIGINT)
    packets, counts = 0, {}
    while block := read_block(capture.stdout):
        packets += block[0] == PACKET
        if block[0] == STATISTICS:
            counts = statistics_of(block[1])
    status, said = end(capture)
    assert status == 0 and counts[ISB_IFRECV] == 3000 and counts[ISB_OSDROP] > 0, (status, counts)
    assert packets + counts[ISB_OSDROP] == 3000, (packets, counts)
    assert said == f"{packets} frames; {counts[ISB_OSDROP]} more that the reader was too slow for"


def a_reader_goes(a, b):
    capture = start("s", "-")
    assert read_until(capture.stdout, INTERFACE)
    capture.stdout.close()
    a.send(FRAME)
    assert b.receive() == FRAME
    assert end(capture)[0] == 0


def a_switch_goes(*_):
    capture = start("s", "-")
    assert read_until(capture.stdout, INTERFACE)
    subprocess.run([ATOLL, "switch", "s", "--stop"], check=True)
    status, said = end(capture)
    assert status == 1 and said, (status, said)


def main():
    with tempfile.TemporaryDirectory(prefix="capture-") as directory:
        os.environ["XDG_RUNTIME_DIR"] = directory
        subprocess.run([ATOLL, "switch", "s", "--keep"], check=True, stdout=subprocess.DEVNULL)
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(os.path.join(directory, "atoll/switch/s.sock"))
            control.recv(65536)
            a, b = Port(control, "a"), Port(control, "b")
            b.send(FRAME[6:12] + FRAME[:6] + FRAME[12:])  # the switch learns where b is
            a.receive()
            for test in (frames_come_at_once, a_slow_reader_is_not_waited_for, a_reader_goes,
                         a_switch_goes):
                test(a, b)
                print(test.__name__, flush=True)


if __name__ == "__main__":
    main()
