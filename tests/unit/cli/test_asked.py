#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""test_asked.py ATOLL: what the commands make of a machine's answers. The machine is a few lines of
Python, and says what a hostile guest could have it say."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

ATOLL = os.path.abspath(sys.argv[1])
PATIENCE = 120
ESCAPE = "\033]0;title\a\x9b2J\b"
CLEAN = "?]0;title???2J?"  # U+009B is two bytes


class Machine(threading.Thread):
    """Answers each verb with the members of `answers`, and the bytes that follow."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.answers = answers
        self.greets = True

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(ConnectionError):  # clients leave when they like
            self.answer(connection)

    def answer(self, connection):
        say = lambda **members: connection.sendall(json.dumps(members).encode() + b"\n")
        if self.greets:
            say(protocol="atoll-control", version=1)
        for line in connection.makefile():
            request = json.loads(line)
            members, more = self.answers[request["verb"]]
            say(**{"id": request["id"], "ok": True, **members})
            connection.sendall(more)


class Asked(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="atoll-asked-"))
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder))
        (self.folder / "atoll").mkdir(0o700)

    def tearDown(self):
        self.served.listener.shutdown(socket.SHUT_RDWR)
        self.served.join()
        self.served.listener.close()
        shutil.rmtree(self.folder)

    def machine(self, **answers):
        self.served = Machine(self.folder / "atoll/demo.sock", answers)
        self.served.start()

    def atoll(self, *words, status=0):
        done = subprocess.run([ATOLL, *map(str, words)], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, status, f"atoll {words}: {done.stdout}")
        return done.stdout

    def test_status(self):
        self.machine(status=({"name": ESCAPE, "state": ESCAPE, "folder": ESCAPE,
                              "displays": [{"kind": "vnc", "address": ESCAPE}]}, b""))
        self.assertIn(f"folder     {CLEAN}\n", self.atoll("status", "demo"))
        self.assertIn(CLEAN, self.atoll("list"))
        self.assertNotIn("\033", self.atoll("status", "demo"))

    def test_screen(self):
        lines, run = ["one", "", ESCAPE], [80, "#ffffff", "#000000"]
        self.machine(screen=({"columns": 80, "rows": 3, "lines": lines, "colours": [[run] * 9] * 3,
                              "cursor": {"column": 1, "row": 2}}, b""))
        self.assertEqual(self.atoll("screen", "demo"), f"one\n\n{CLEAN}\n")
        said = self.atoll("screen", "demo", "--json")
        self.assertEqual(json.loads(said), {
            "columns": 80, "rows": 3, "lines": ["one", "", CLEAN], "colours": [[run] * 9] * 3,
            "cursor": {"column": 1, "row": 2}})
        self.assertLess(len(said.splitlines()), 20)

    def test_wait(self):
        text = b"login\xc2\x9b2J\x7f: \033[1m \n"
        self.machine(console=({"index": 0}, b'{"bytes":%d}\n' % len(text) + text))
        self.assertEqual(self.atoll("wait", "demo", "--console", "login", "--timeout", "60"),
                         "login??2J?:\n")

    def test_full_disk(self):
        """What could not be printed is no success."""
        self.machine(status=({"name": "demo"}, b""), stats=({}, b""),
                     screen=({"lines": ["one"]}, b""))
        for words in (["status", "demo"], ["status", "demo", "--json"], ["stats", "demo", "--json"],
                      ["screen", "demo"], ["list"], ["list", "--json"], ["engines"], ["help"],
                      ["--version"], ["status", "--help"]):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([ATOLL, *words], env=self.environment, text=True, stdout=full,
                                      stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("cannot write to standard output: No space left", done.stderr)

    def test_type(self):
        """A NUL is no character of a keyboard's; what the machine could not read is told."""
        self.machine(type=({"id": 0, "ok": False, "error": "what is this"}, b""))
        self.folder.joinpath("text").write_bytes(b"a\0b")
        with open(self.folder / "text", encoding="ascii") as text:
            done = subprocess.run([ATOLL, "type", "demo", "-"], env=self.environment, stdin=text,
                                  text=True, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "atoll: type: the text has a NUL, for which there is no key\n"))
        self.assertEqual(self.atoll("type", "demo", "x", status=1), "atoll: demo: what is this\n")

    def test_mute(self):
        """Of a machine that hangs it is said which process it is."""
        self.machine()
        self.served.greets = False
        self.assertIn(f"does not answer; it is process {os.getpid()}",
                      self.atoll("stop", "demo", "--force", status=1))

    def test_screenshot_on_a_device(self):
        """What cannot be written is removed, but no device."""
        full = self.folder / "full"
        try:
            os.mknod(full, 0o600 | stat.S_IFCHR, os.makedev(1, 7))
            full.open("wb").close()
        except OSError:
            self.machine()
            self.skipTest("no devices can be made here")
        self.machine(screenshot=({"format": "png", "bytes": 4}, b"\x89PNG"))
        self.assertIn("No space left", self.atoll("screenshot", "demo", full, status=1))
        self.assertTrue(full.exists())


unittest.main(argv=sys.argv[:1])
