"""A monitor while it runs: its console read as it comes, each line with the time it came."""

import os
import select
import signal
import subprocess
import sys
import time

import usage


class Failure(Exception):
    """The guest did not do what it is for."""


def end_with_children():
    """SIGTERM ends this program the ordinary way, and so its monitors with it."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


class Console:
    """One run of a monitor. Use it in a `with` statement: leaving it ends the process."""

    def __init__(self, command, timeout, echo=False):
        self.command, self.echo = command, echo
        self.pending, self.log = b"", b""
        self.start = time.monotonic()
        self.deadline = self.start + timeout
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        return False

    def fail(self, what):
        tail = self.log[-2000:].decode(errors="replace")
        raise Failure(f"{what}\n  {' '.join(self.command)}\n{tail}")

    def read(self):
        left = self.deadline - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            self.fail("the guest took too long")
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            self.fail("the monitor ended before its guest was done")
        if self.echo:
            os.write(2, data)
        self.log += data
        self.pending += data

    def lines(self):
        """(seconds since the start, line) of each line that comes."""
        while True:
            while b"\n" not in self.pending:
                self.read()
            line, self.pending = self.pending.split(b"\n", 1)
            yield time.monotonic() - self.start, line.decode(errors="replace").strip()

    def wait_for(self, text):
        """Seconds from the start until the console says this."""
        while text.encode() not in self.log:
            self.read()
        return time.monotonic() - self.start

    def cpu_seconds(self):
        return usage.cpu_seconds(self.process.pid)

    def memory(self, guest_mb):
        return usage.memory(self.process.pid, guest_mb)
