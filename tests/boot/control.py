#!/usr/bin/env python3
"""control.py ATOLL GUESTS TEST: one test of named machines and their control sockets, with Linux as
the guest, by name, as boot.py."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import termios
import time

import boot
from boot import ESCAPE, QUIT, expect_equal
from display import read_png
from guest import ENDINGS, PATIENCE, Failure, Guest

NAME = "demo"


class User:
    """Somebody with a runtime folder of their own, who calls atoll."""

    def __init__(self, bench):
        self.atoll = bench.atoll
        self.folder = bench.scratch("runtime")
        os.mkdir(self.folder, 0o700)
        os.environ["XDG_RUNTIME_DIR"] = self.folder
        os.environ["XDG_DATA_HOME"] = bench.scratch("data")

    def call(self, *words, status=0, stdin=""):
        """Run a command; return what it printed, or what it complained of."""
        print("+ atoll", *words, flush=True)
        done = subprocess.run([self.atoll, *map(str, words)], input=stdin, text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        print(done.stdout, done.stderr, flush=True)
        if done.returncode != status:
            raise Failure(f"atoll {words}: status {done.returncode}, not {status}")
        return done.stdout if status == 0 else done.stderr

    def json(self, *words):
        return json.loads(self.call(*words, "--json"))

    def await_machine(self):
        """Wait until a machine runs."""
        deadline = time.monotonic() + PATIENCE
        while not self.json("list"):
            if time.monotonic() > deadline:
                raise Failure("no machine runs")
            time.sleep(0.1)

    def socket(self, name=NAME):
        return os.path.join(self.folder, "atoll", name + ".sock")

    def console(self, *arguments):
        return Guest(self.atoll, [NAME, *arguments], terminal=True, command="console")


def verbs(bench):
    """A named machine is listed, tells what it is, stops its time and goes on, and has its picture
    taken; what cannot be asked is refused in words."""
    user = User(bench)
    expect_equal(user.json("list"), [], "what runs at first")
    if "running: none does" not in user.call("status", NAME, status=1):
        raise Failure("a machine that does not run is not missed")
    with bench.linux("--name", NAME, "--gpu", "1280x800", "--memory", "512M") as guest:
        guest.shell()
        for path, mode in ((user.socket(), 0o600), (os.path.dirname(user.socket()), 0o700)):
            expect_equal(stat.S_IMODE(os.stat(path).st_mode), mode, path)
        about = user.json("status", NAME)
        expect_equal((about["name"], about["pid"], about["state"], about["memory"]),
                     (NAME, guest.process.pid, "running", 512 << 20), "the status")
        expect_equal(about["consoles"][0]["kind"], "stdio", "the first console")
        expect_equal([one["name"] for one in user.json("list")], [NAME], "what runs")
        for word in (NAME, "running", str(guest.process.pid)):
            if word not in user.call("list"):
                raise Failure(f"the list does not have {word}")
        if "runs already" not in user.call("run", "--name", NAME, "--console", "none", "--kernel",
                                           bench.file("cloud/linux"), status=1):
            raise Failure("two machines have one name")

        user.call("pause", NAME)
        expect_equal(user.json("status", NAME)["state"], "paused", "the state")
        if "is paused already" not in user.call("pause", NAME, status=1):
            raise Failure("a paused machine was paused")
        before = user.json("stats", NAME)["instructions"]
        expect_equal(user.json("stats", NAME)["instructions"], before, "instructions in a pause")
        user.call("resume", NAME)
        guest.check("true")
        if user.json("stats", NAME)["instructions"] <= before:
            raise Failure("the machine did not go on")

        picture = bench.scratch("screen.png")
        user.call("screenshot", NAME, picture)
        expect_equal(read_png(picture)[:2], (1280, 800), "the picture's size")
        user.call("click", NAME, "x", "1", status=2)
        user.call("stop", status=2)
        user.call("reset", NAME)
        guest.expect(rb"Linux version")
        guest.shell()
        guest.poweroff()
    expect_equal(user.json("list"), [], "what runs at last")


def unchanged(viewer, what):
    """Its terminal is as it was before it came."""
    expect_equal(termios.tcgetattr(viewer.terminal), viewer.settings,
                 f"the terminal's settings after {what}")


def console(bench):
    """Two viewers of one console see what came before them and what comes, and both type; one that
    detaches gets its terminal back and leaves the guest alone."""
    user = User(bench)
    with bench.linux("--name", NAME, "--console", "none") as machine:
        user.await_machine()
        with user.console() as first:
            first.expect(rb"attached to demo; Ctrl-A d detaches")
            first.expect(rb"Linux version")
            first.shell()
            first.check("echo shown-to-$((1 + 1))")
            with user.console() as second:
                second.expect(rb"shown-to-2")
                second.send("\n")
                second.shell()
                second.check("echo typed-by-$((1 + 1))")
                first.expect(rb"typed-by-2")
                second.send(ESCAPE + b"h")
                second.expect(rb"Ctrl-A d +detach")
                second.send(b"head -n 1 | cat -v\r")
                second.expect(rb"cat -v\r*\n")
                second.send(ESCAPE + ESCAPE + b"\r")
                second.expect(rb"\^A\r*\n")
                second.shell()
                second.send(ESCAPE + b"d")
                second.expect(rb"detached from demo")
                second.wait(0)
                unchanged(second, "detaching")
            for number in ENDINGS:
                with user.console() as third:
                    third.expect(rb"typed-by-2")
                    third.signal(number)
                    third.wait(QUIT)
                    unchanged(third, number.name)
            first.check("seq 1 20000 | tail -n 1 | grep 20000")
            first.send("poweroff\n")
            first.expect(rb"demo: ")
            first.wait(0)
            unchanged(first, "the machine's end")
        machine.wait(0)


def stop(bench):
    """The plug is pulled at once or after a while; what a killed machine leaves does no harm; two
    machines are told apart."""
    user = User(bench)
    kernel = ["--kernel", bench.file("cloud/linux"), "--initrd", bench.file("cloud/initrd.gz")]
    with bench.linux("--name", NAME) as one, Guest(
            bench.atoll, ["--name", "other", *kernel]) as two:
        one.expect(rb"Linux version")
        two.expect(rb"Linux version")
        expect_equal([each["name"] for each in user.json("list")], [NAME, "other"], "what runs")
        user.call("stop", "other", "--force")
        two.wait(QUIT)
        expect_equal([each["name"] for each in user.json("list")], [NAME], "what runs")
        user.call("stop", NAME, "--timeout", "0.5")
        one.wait(QUIT)
    with bench.linux("--name", NAME) as killed:
        killed.expect(rb"Linux version")
        killed.process.kill()
        killed.wait(None)
    if not os.path.exists(user.socket()):
        raise Failure("a killed machine removed its socket")
    expect_equal(user.json("list"), [], "what runs")
    if os.path.exists(user.socket()):
        raise Failure("the socket of a dead machine was not removed")
    with bench.linux("--name", NAME) as again:
        again.expect(rb"Linux version")
        with user.console() as viewer:
            viewer.expect(rb"Linux version")
            viewer.send(ESCAPE + b"x")
            viewer.expect(rb"its plug were pulled")
            viewer.wait(0)
        again.wait(QUIT)


def keyboard(bench):
    """What is typed, and keys pressed together, arrive at a guest that has a keyboard; its power
    button works; and a guest without a keyboard is not typed to."""
    user = User(bench)
    for kind in "usb", "virtio":
        typed(bench, user, kind)
    with bench.linux("--name", NAME) as guest:
        guest.expect(rb"Linux version")
        if "neither keyboard nor pointer" not in user.call("type", NAME, "x", status=1):
            raise Failure("a guest without a keyboard was typed to")


def typed(bench, user, kind):
    """What is typed on a keyboard of this kind arrives."""
    with bench.linux("--name", NAME, "--input", kind, "--gpu", "640x480", kernel="generic",
                     append="console=ttyAMA0 root=/dev/vda") as guest:
        guest.shell()
        # Linux drops what a USB keyboard says in the first 50 ms after it was opened.
        guest.check("until grep -qi keyboard /proc/bus/input/devices; do sleep 1; done; sleep 1")
        guest.send("(echo open-$((1 + 1)) >/dev/ttyAMA0; head -n 3) </dev/tty1 | cat -v; "
                   "echo read-$((1 + 1))\n")
        guest.expect(rb"open-2")  # what is typed to a terminal that nobody has open is lost
        user.call("type", NAME, r"from the \\ keyboard\n")
        user.call("key", NAME, "SHIFT-A", "B", "ENTER")
        user.call("type", NAME, "-", stdin="from a pipe\n")
        guest.expect(rb"from the \\ keyboard\r*\nAb\r*\nfrom a pipe\r*\nread-2")
        user.call("click", NAME, "10", "20", "--button", "right", "--double")
        if "no key for" not in user.call("type", NAME, "\u20ac", status=1):
            raise Failure("a character was typed that the layout does not have")
        user.call("pause", NAME)
        if "is paused" not in user.call("type", NAME, "x", status=1):
            raise Failure("a paused guest was typed to")
        user.call("resume", NAME)
        user.call("stop", NAME, "--timeout", PATIENCE)
        guest.wait(0)


def rude(bench):
    """Clients that flood, stall and vanish do not touch the guest, nor keep its end from coming."""
    user = User(bench)
    with contextlib.ExitStack() as clients, bench.linux("--name", NAME, "--gpu", "800x600") as guest:
        guest.shell()
        for request in (b'{"verb":"screenshot"}\n' * 100, b'{"verb":"console"}\n', b"x" * 1000,
                        os.urandom(5000), b'{"verb":"console"}\n{"bytes":60000}\n\n'):
            for _ in range(4):
                client = clients.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(user.socket())
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    client.sendall(request)
        guest.check("seq 1 100000 | tail -n 1")
        expect_equal(user.json("status", NAME)["state"], "running", "the state among all those")
        guest.poweroff()


def background(bench):
    """A machine in the background keeps what its console said, and a log, for who attaches later."""
    user = User(bench)
    user.call("run", "--detach", "--name", NAME, "--kernel", bench.file("cloud/linux"), "--initrd",
              bench.file("cloud/initrd.gz"), "--append", "root=/dev/vda", "--disk", bench.disk())
    try:
        about = user.json("status", NAME)
        expect_equal((about["state"], about["consoles"][0]["kind"]), ("running", "memory"),
                     "state and console")
        with user.console() as viewer:
            viewer.expect(rb"Linux version")
            viewer.shell()
            viewer.check("true")
            viewer.send("poweroff\n")
            viewer.expect(rb"the guest switched itself off")
            viewer.wait(0)
        with open(about["log"], encoding="utf-8") as log:
            if "the guest switched itself off" not in log.read():
                raise Failure("the log does not say how the machine ended")
    finally:
        if NAME in (one["name"] for one in user.json("list")):
            user.call("stop", NAME, "--force")


TESTS = {test.__name__: test for test in (verbs, console, stop, keyboard, background, rude)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
