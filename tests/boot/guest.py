"""A virtual machine under test: starts build/atoll, reads its console, types, waits for its end.

The console is either a pair of pipes or a pseudo-terminal. Nothing here depends on how fast the
machine is: a wait ends when its text arrives, and gives up only after PATIENCE seconds."""

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

PATIENCE = float(os.environ.get("ATOLL_PATIENCE", "600"))
PROMPT = rb"atoll:[^\r\n]*[#$] "


class Failure(Exception):
    """What the test expected did not happen."""


class Guest:
    """One run of `atoll run`, or of another command that has a guest's console. Use it in a `with`
    statement: leaving it ends the process."""

    def __init__(self, atoll, arguments, terminal=False, stdin=None, wrapper=(), command="run"):
        self.command = [*wrapper, atoll, command] + [str(argument) for argument in arguments]
        self.output = bytearray()  # everything the console said
        self.seen = 0              # up to where expect() has looked
        print("+", " ".join(self.command), flush=True)
        self.master = None
        if terminal:
            self.master, slave = pty.openpty()
            self.terminal = slave  # stays open, to look at its settings afterwards
            self.settings = termios.tcgetattr(slave)
            self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave,
                                            start_new_session=True)
            self.reader = self.writer = self.master
        else:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE if stdin is None else stdin,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.reader = self.process.stdout.fileno()
            self.writer = self.process.stdin.fileno() if stdin is None else None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return False

    def read(self, seconds):
        """Take what the console says within so many seconds; False at its end."""
        ready, _, _ = select.select([self.reader], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.reader, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        self.output += data
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return data != b""

    def expect(self, pattern, patience=PATIENCE):
        """Wait until the console says the pattern (a regular expression); return the match."""
        if isinstance(pattern, str):
            pattern = pattern.encode()
        deadline = time.monotonic() + patience
        while True:
            match = re.compile(pattern).search(self.output, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure(f"the console did not say {pattern!r} in {patience:.0f} s")
            # A terminal that this process holds open has no end of file: look for the process.
            if not self.read(min(left, 0.5)) or (self.master and self.process.poll() is not None):
                while self.read(0.1) and select.select([self.reader], [], [], 0)[0]:
                    pass
                if not re.compile(pattern).search(self.output, self.seen):
                    raise Failure(f"the machine ended (status {self.process.wait()}) before its "
                                  f"console said {pattern!r}")

    def send(self, text):
        """Type the text."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self.writer, data):]

    def run(self, command):
        """Run a command in the guest's shell; return (its exit status, what it printed)."""
        # The shell computes the marks, so that the echo of the command is not taken for them.
        self.send(f"echo mark-$((6 * 7)); {command}; echo mark-$((6 * 7))-$?\n")
        start = self.expect(rb"mark-42\r*\n").end()
        match = self.expect(rb"mark-42-(\d+)")
        text = bytes(self.output[start:match.start()]).decode(errors="replace")
        self.expect(PROMPT)
        return int(match.group(1)), text

    def check(self, command):
        """Run a command that must succeed; return what it printed."""
        status, text = self.run(command)
        if status != 0:
            raise Failure(f"in the guest, '{command}' failed with status {status}")
        return text

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, expected=0, patience=PATIENCE):
        """Wait for the process to end, with this exit status."""
        deadline = time.monotonic() + patience
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise Failure(f"atoll did not end in {patience:.0f} s")
            self.read(0.2)
        status = self.process.returncode
        if expected is not None and status != expected:
            raise Failure(f"atoll ended with status {status}, not {expected}")
        return status

    def alive(self, seconds):
        """The process lives on for so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"atoll ended with status {self.process.returncode}")
            self.read(0.2)

    def shell(self):
        """Wait for the guest's shell."""
        self.expect(PROMPT)

    def poweroff(self):
        self.send("poweroff\n")
        self.wait(0)

    def explained(self):
        """What Atoll had to say about the guest's drivers and addresses (docs/explain.md)."""
        return re.findall(rb"atoll: warning: ((?:virtio-|CPU ).*)", bytes(self.output))

    def cpu_seconds(self):
        """Processor time used so far by the process and its helpers."""
        ticks = 0
        members = [self.process.pid]
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                        fields = stat.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[1]) in members or int(entry) in members:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
