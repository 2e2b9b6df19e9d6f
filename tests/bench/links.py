#!/usr/bin/env python3
"""links.py: what a switch's links do in real time, beside what they were told: delay, jitter, loss,
rate, reordering, duplication and corruption, with ports of this program's own on a real switch. The
exit status is 1 if something is further off than it may be."""

import argparse
import contextlib
import json
import math
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
SWITCH = "links"
# Two addresses that no turned bit makes the same
TO_B = bytes.fromhex("02000000f0f0 0200000000aa 88b5")
HEAD = struct.Struct(">IQ")  # number, time sent
PATTERN = b"\x5a" * 64


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atoll", default=os.path.join(TOP, "build/atoll"), metavar="PROGRAM")
    parser.add_argument("--frames", type=int, default=20000, help="for what is a matter of chance")
    return parser.parse_args(argv)


class Port:
    """A port of the switch: frames after their length, as QEMU has them."""

    def __init__(self, control, name):
        self.mine, theirs = socket.socketpair()
        for each in (self.mine, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        request = {"id": 1, "verb": "attach", "arguments": {"port": name, "framing": "stream",
                                                            "mtu": 1500, "uplink": False}}
        socket.send_fds(control, [json.dumps(request).encode() + b"\n"], [theirs.fileno()])
        answer = json.loads(control.recv(65536))
        if not answer["ok"]:
            sys.exit(f"links.py: {answer['error']}")
        theirs.close()
        self.bytes = b""

    def send(self, frame):
        self.mine.sendall(struct.pack(">I", len(frame)) + frame)

    def receive(self, patience):
        """(when, frame) of each that comes, until none has for so many seconds."""
        while select.select([self.mine], [], [], patience)[0]:
            data = self.mine.recv(1 << 20)
            now = time.monotonic_ns()
            if not data:
                return
            self.bytes += data
            while len(self.bytes) >= 4:
                length = struct.unpack(">I", self.bytes[:4])[0]
                if len(self.bytes) < 4 + length:
                    break
                yield now, self.bytes[4:4 + length]
                self.bytes = self.bytes[4 + length:]


class Bench:
    def __init__(self, given, stack):
        self.given, self.failed = given, False
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="links-"))
        os.environ["XDG_RUNTIME_DIR"] = directory
        self.atoll("switch", SWITCH, "--keep")
        stack.callback(self.atoll, "switch", SWITCH, "--stop")
        control = stack.enter_context(socket.socket(socket.AF_UNIX))
        control.connect(os.path.join(directory, f"atoll/switch/{SWITCH}.sock"))
        control.recv(65536)
        self.a, self.b = Port(control, "a"), Port(control, "b")
        # The switch learns where b is.
        self.b.send(TO_B[6:12] + TO_B[:6] + TO_B[12:] + bytes(60))
        list(self.a.receive(0.2))

    def atoll(self, *words):
        subprocess.run([self.given.atoll, *words], check=True, stdout=subprocess.DEVNULL)

    def carry(self, settings, frames, gap, padding=b"", patience=1.0):
        """Send frames, `gap` seconds apart, through a link; what came, as (when, frame). What was
        sent is in self.sent."""
        self.atoll("link", SWITCH, "a", "from", "clear")  # so that a seed begins anew
        self.atoll("link", SWITCH, "a", "from", *settings.split())
        came, self.sent = [], []
        reader = threading.Thread(target=lambda: came.extend(self.b.receive(patience)))
        reader.start()
        begin = time.monotonic()
        for number in range(frames):
            left = begin + number * gap - time.monotonic()
            if left > 0:
                time.sleep(left)
            self.sent.append(TO_B + HEAD.pack(number, time.monotonic_ns()) + PATTERN + padding)
            self.a.send(self.sent[-1])
        reader.join()
        return came

    def row(self, told, measured, right):
        print(f"{told:24} {measured:64} {'' if right else 'NO'}", flush=True)
        self.failed |= not right


def delays(came):
    return [(when - HEAD.unpack_from(frame, 14)[1]) / 1e6 for when, frame in came]


def numbers(came):
    return [HEAD.unpack_from(frame, 14)[0] for _, frame in came]


def error_of(count, frames, share):
    """How many standard deviations off."""
    return abs(count - frames * share) / math.sqrt(frames * share * (1 - share))


def measure_delay(bench):
    took = delays(bench.carry("delay=50ms", 200, 0.005))
    median = statistics.median(took)
    bench.row("delay=50ms", f"{median:.2f} ms (the fastest {min(took):.2f}, the slowest "
              f"{max(took):.2f})", 50 <= min(took) and median <= 52)


def measure_jitter(bench):
    """Evenly spread: a tenth below 42 ms, a tenth above 58. The latest ones tell of a busy host."""
    took = sorted(delays(bench.carry("delay=50ms jitter=10ms", 200, 0.025)))
    low, high = took[len(took) // 10], took[len(took) * 9 // 10]
    bench.row("delay=50ms jitter=10ms", f"{low:.2f} to {high:.2f} ms without a tenth at each end, "
              f"median {statistics.median(took):.2f}",
              took[0] >= 40 and abs(low - 42) <= 2 and abs(high - 58) <= 2)


def measure_rate(bench):
    padding = bytes(1514 - len(TO_B) - HEAD.size - len(PATTERN))
    came = bench.carry("rate=10M queue=8M", 3000, 0, padding)
    bits = sum(len(frame) for _, frame in came[1:]) * 8
    rate = bits / (came[-1][0] - came[0][0]) * 1e3
    bench.row("rate=10M", f"{rate:.3f} Mbit/s over {(came[-1][0] - came[0][0]) / 1e9:.1f} s",
              abs(rate - 10) <= 0.3)


def measure_chance(bench, key, share, count_of):
    """A share of many frames, and that a seed repeats it exactly; what overtakes what is
    a matter of time as well."""
    frames = bench.given.frames
    runs = [bench.carry(f"{key}={share * 100:g}% seed=7", frames, 1e-5) for _ in range(2)]
    count = count_of(runs[1], bench.sent)
    same = [frame[14:18] + frame[26:] for _, frame in runs[0]] == \
        [frame[14:18] + frame[26:] for _, frame in runs[1]]
    off, again = error_of(count, frames, share), ""
    if key != "reorder":
        again = "; the same again" if same else "; others again"
    bench.row(f"{key}={share * 100:g}%", f"{count / frames * 100:.2f} % of {frames}, "
              f"{off:.1f} standard deviations off{again}", off < 3 and (same or not again))


def altered(came, sent):
    return sum(frame != original for (_, frame), original in zip(came, sent, strict=True))


def overtaken(came, _):
    latest, count = -1, 0
    for number in numbers(came):
        count += number < latest
        latest = max(latest, number)
    return count


def main(argv=None):
    given = arguments(argv)
    with contextlib.ExitStack() as stack:
        bench = Bench(given, stack)
        measure_delay(bench)
        measure_jitter(bench)
        measure_rate(bench)
        measure_chance(bench, "loss", 0.01, lambda came, sent: len(sent) - len(came))
        measure_chance(bench, "duplicate", 0.02, lambda came, sent: len(came) - len(sent))
        measure_chance(bench, "reorder", 0.03, overtaken)
        measure_chance(bench, "corrupt", 0.05, altered)
        return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
