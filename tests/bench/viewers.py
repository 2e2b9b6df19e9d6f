#!/usr/bin/env python3
"""viewers.py ATOLL GUESTS [ROUNDS]: whether somebody who looks at a guest slows it down: nobody, one
who takes everything, and those who take nothing, stand still or go away in the midst of it. GUESTS
is build/guest, for its kernel called generic. Fails when one of them costs the guest more than half
of what it takes alone, or when a command does not answer meanwhile."""

import base64
import contextlib
import multiprocessing
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../boot")]
from guest import Guest  # pylint: disable=wrong-import-position
from screen import TICKS, initrd, ticks, watch  # pylint: disable=wrong-import-position

NAME = "viewers"
# What a guest computes, prints on its screen, draws there, and prints on its serial port. How often a
# scrolling console is sent to the screen depends on how Linux's threads take turns, which is why its
# time is uneven with nobody there.
LOADS = {"computes": "dd if=/dev/zero bs=1M count=96 2>/dev/null | sha256sum >/dev/null",
         "scrolls": "seq 1500 >/dev/tty0",
         "draws": "/screen 400 1 fast >/dev/null",
         "prints": "seq 12000"}
LIMIT = 1.5   # times what it takes with nobody there
ANSWER = 20   # seconds for any command


class Bench:
    def __init__(self, atoll, guest, ports):
        self.atoll, self.guest, self.ports = atoll, guest, ports
        # They are nobody's children: the two that were started last are this machine's, in order.
        found = subprocess.run(["pgrep", "-x", "atoll-vnc"], stdout=subprocess.PIPE, check=True)
        self.helpers = [int(word) for word in found.stdout.split()[-2:]]

    def ask(self, *words):
        subprocess.run([self.atoll, *words], stdout=subprocess.DEVNULL, timeout=ANSWER, check=True)

    def stream(self, kind):
        return socket.create_connection(("127.0.0.1", self.ports[kind]))


# --- who looks; each a context in which it does ---

@contextlib.contextmanager
def nobody(_):
    yield


@contextlib.contextmanager
def reader(bench):
    client = multiprocessing.Process(target=watch, args=(bench.ports["vnc"],), daemon=True)
    client.start()
    time.sleep(1)
    yield client
    with contextlib.suppress(ProcessLookupError):
        os.kill(client.pid, signal.SIGKILL)
    client.join()


REQUEST = struct.pack(">BxHiii", 2, 3, 7, 0, -255) + \
    struct.pack(">BBHHHH", 3, 0, 0, 0, 1280, 800) + struct.pack(">BBHHHH", 3, 1, 0, 0, 1280, 800) * 60


@contextlib.contextmanager
def vnc_deaf(bench):
    """Asks for updates, 60 of them, and reads none."""
    with bench.stream("vnc") as stream:
        for part in (b"RFB 003.008\n", b"\1", b"\1", REQUEST):
            stream.recv(4096)
            stream.sendall(part)
            time.sleep(0.2)
        yield


def frame(data):
    """RFC 6455, 5.2: binary, whole, masked with zeros."""
    length = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack(">BH", 0xfe, len(data))
    return b"\x82" + length + bytes(4) + data


@contextlib.contextmanager
def web_deaf(bench):
    """The same in a websocket."""
    with bench.stream("web") as stream:
        key = base64.b64encode(os.urandom(16)).decode()
        stream.sendall((f"GET /websockify HTTP/1.1\r\nHost: 127.0.0.1:{bench.ports['web']}\r\n"
                        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        for part in (b"RFB 003.008\n", b"\1", b"\1", REQUEST):
            stream.recv(4096)
            stream.sendall(frame(part))
            time.sleep(0.2)
        yield


@contextlib.contextmanager
def vnc_stopped(bench):
    with reader(bench) as client:
        os.kill(client.pid, signal.SIGSTOP)
        yield


@contextlib.contextmanager
def vnc_killed(bench):
    """In the midst of it."""
    with reader(bench) as client:
        killer = multiprocessing.Process(
            target=lambda: (time.sleep(1), os.kill(client.pid, signal.SIGKILL)), daemon=True)
        killer.start()
        yield
        killer.join()


@contextlib.contextmanager
def helpers_stopped(bench):
    """Both of the machine's viewer processes, as if they hung, while somebody looks."""
    with reader(bench):
        for helper in bench.helpers:
            os.kill(helper, signal.SIGSTOP)
        yield
        for helper in bench.helpers:
            os.kill(helper, signal.SIGCONT)


@contextlib.contextmanager
def console_deaf(bench):
    """`atoll console` whose output nobody reads."""
    with subprocess.Popen([bench.atoll, "console", NAME], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        time.sleep(0.5)
        yield
        client.kill()


VIEWERS = {"nobody": nobody, "VNC, reads all": reader, "VNC, reads nothing": vnc_deaf,
           "VNC, stopped": vnc_stopped, "VNC, killed meanwhile": vnc_killed,
           "browser, reads nothing": web_deaf, "`atoll console`, reads nothing": console_deaf,
           "atoll-vnc itself stopped": helpers_stopped}


def measure(bench, viewer):
    """The guest's seconds for each load, the machine's CPU seconds, and what a command took."""
    with viewer(bench):
        before, times = ticks(bench.guest.process.pid), []
        for load in LOADS.values():
            text = bench.guest.check(f"t() {{ cut -d' ' -f1 /proc/uptime; }}; a=$(t); {load}; "
                                     "echo took $a $(t)")
            start, end = re.search(r"took ([0-9.]+) ([0-9.]+)", text).groups()
            times.append(float(end) - float(start))
        times.append((ticks(bench.guest.process.pid) - before) / TICKS)
        start = time.monotonic()
        for words in (["status", NAME], ["stats", NAME], ["list"]):
            bench.ask(*words)
        return times + [(time.monotonic() - start) / 3]


def table(results):
    """Rows of medians; returns the names of those that slow the guest down."""
    slow, alone = [], None
    print("\n| who looks |", " | ".join(f"{load}, s" for load in LOADS),
          "| machine's CPU, s | a command, ms |\n|---" + "|---" * (len(LOADS) + 2) + "|")
    for name, rounds in results.items():
        medians = [statistics.median(each) for each in zip(*rounds)]
        alone = alone or medians
        print(f"| {name} |", " | ".join(f"{value:.2f}" for value in medians[:-1]),
              f"| {1000 * medians[-1]:.0f} |")
        slow += [name] * any(now > LIMIT * then + 0.1
                             for now, then in zip(medians[:len(LOADS)], alone))
    return slow


def run(atoll, guests, rounds):
    ports = {}
    for kind in ("vnc", "web"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports[kind] = server.getsockname()[1]
    displays = [word for kind, port in ports.items() for word in ("--display", f"{kind}:{port}")]
    results = {name: [] for name in VIEWERS}
    with Guest(atoll, ["--name", NAME, *displays, "--net", "none", "--kernel",
                       os.path.join(guests, "generic/linux"), "--initrd",
                       initrd(guests, os.environ["XDG_RUNTIME_DIR"]), "--append",
                       "console=tty0 console=ttyAMA0 quiet"]) as guest:
        guest.shell()
        bench = Bench(atoll, guest, ports)
        for number in range(rounds):
            for name, viewer in VIEWERS.items():
                results[name].append(measure(bench, viewer))
                print(f"{number} {name:32}", *(f"{value:7.3f}" for value in results[name][-1]),
                      file=sys.stderr, flush=True)
        # All of those who hang at once do not keep a machine from its end.
        with vnc_deaf(bench), web_deaf(bench), console_deaf(bench):
            for helper in bench.helpers:
                os.kill(helper, signal.SIGSTOP)
            bench.ask("stop", NAME, "--force")
            guest.wait(None, ANSWER)
            for helper in bench.helpers:
                os.kill(helper, signal.SIGCONT)
    return results


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w", encoding="ascii") as null:
        os.environ["XDG_RUNTIME_DIR"] = folder
        with contextlib.redirect_stdout(null):
            results = run(sys.argv[1], sys.argv[2], int((sys.argv + [5])[3]))
    slow = table(results)
    if slow:
        sys.exit(f"slows the guest down: {', '.join(slow)}")


if __name__ == "__main__":
    main()
