#!/usr/bin/env python3
"""test_machines.py ATOLL: named machines from outside: folders are made, started, found in use,
left by the terminal and removed. The guest is a few instructions of its own."""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PATIENCE = 120
ATOLL = os.path.abspath(sys.argv[1])

UART = 0x20100000
WFI, BACK = 0xd503207f, 0x17ffffff
SYSTEM_OFF = 0x84000008


def move(register, value):
    """Two instructions that put 32 bits into a register."""
    return [0xd2a00000 | (value >> 16) << 5 | register,
            0xf2800000 | (value & 0xffff) << 5 | register]


def kernel(text, off=False):
    """A kernel image (Linux's booting.rst) that says a text on the serial port; then it switches
    the machine off, or waits for ever."""
    code = move(0, UART)
    for character in text:
        code += move(1, ord(character)) + [0xb9000001]
    code += [*move(0, SYSTEM_OFF), 0xd4000002] if off else [WFI, BACK]
    head = struct.pack("<IIQQQQQQ4sI", 0x14000010, 0, 0, 0x10000, 0xa, 0, 0, 0, b"ARM\x64", 0)
    return head + struct.pack(f"<{len(code)}I", *code)


class Machines(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="atoll-machines-"))
        self.environment = dict(os.environ, XDG_DATA_HOME=str(self.folder / "data"),
                                XDG_RUNTIME_DIR=str(self.folder / "run"))
        (self.folder / "run").mkdir(0o700)
        self.waiting = self.file("waiting", kernel("hello\n"))
        self.off = self.file("off", kernel("bye\n", off=True))

    def tearDown(self):
        for machine in self.running():
            self.atoll("stop", machine, "--force", status=None)
        shutil.rmtree(self.folder)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def machine(self, name="demo"):
        return self.folder / "data/atoll" / name

    def atoll(self, *words, status=0, **more):
        """Calls it and returns all that it said."""
        done = subprocess.run([ATOLL, *map(str, words)], env=self.environment, text=True,
                              stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False,
                              cwd=more.pop("cwd", self.folder), **more)
        if status is not None:
            self.assertEqual(done.returncode, status, f"atoll {words}: {done.stdout}")
        return done.stdout

    def running(self):
        listed = json.loads(self.atoll("list", "--json"))
        return [one["name"] for one in listed if one["state"] == "running"]

    def test_nothing_to_boot(self):
        """Whoever starts it in the background is still there to hear of it."""
        self.atoll("create", "empty", "--memory", "128M", "--disk-size", "1M")
        self.assertIn("nothing to boot", self.atoll("start", "empty", "--detach", status=1))
        self.assertEqual(self.running(), [])

    def test_reboot_is_chosen(self):
        self.create("demo", "--reboot=off")
        self.assertRegex((self.machine() / "vm.conf").read_text(), r"(?m)^reboot off$")
        self.assertNotRegex((self.machine() / "vm.conf").read_text(), r"(?m)^reboot$")

    def test_no_runtime_folder(self):
        self.environment["XDG_RUNTIME_DIR"] = str(self.folder / "gone")
        said = self.atoll("list")
        self.assertIn(f"/gone, which is not there: using /tmp/atoll-{os.geteuid()}", said)
        self.environment["XDG_RUNTIME_DIR"] = str(self.folder / "run")

    def test_not_running(self):
        """One that is there is not told apart as if there were none."""
        self.create()
        self.assertIn('the machine "demo" does not run; `atoll start demo` starts it',
                      self.atoll("status", "demo", status=1))
        self.assertIn('no machine called "other" runs', self.atoll("status", "other", status=1))

    def create(self, name="demo", *options):
        return self.atoll("create", name, "--memory", "128M", *options, "--kernel", self.waiting)

    def until(self, what, *arguments):
        deadline = time.monotonic() + PATIENCE
        while not what(*arguments):
            self.assertLess(time.monotonic(), deadline, "it did not come to pass")
            time.sleep(0.05)

    def log(self, name="demo"):
        return (self.machine(name) / "log").read_text()

    # --- folders ---

    def test_create(self):
        said = self.atoll("create", "demo", "--memory=256M", "--append", "a b#c", "--disk-size",
                          "20G", "--kernel", "waiting", "--display", "none", "image", status=1)
        self.assertIn("image: cannot read the image", said)
        self.file("image", b"x" * 4096)
        self.file("copied.qcow2", b"QFI\xfb" + bytes(1000))
        self.assertFalse(self.machine().exists())
        said = self.atoll("create", "demo", "--memory=256M", "--append", "a b#c", "--disk-size",
                          "20G", "--kernel", "waiting", "image")
        self.assertIn("atoll start demo", said)
        self.assertEqual(stat.S_IMODE(self.machine().stat().st_mode), 0o700)
        conf = (self.machine() / "vm.conf").read_text()
        uuid = re.search(r"^uuid ([0-9a-f-]{36})$", conf, re.MULTILINE)[1]
        self.assertEqual(conf.splitlines()[1:], [
            "version 1", "", f"uuid {uuid}", "reboot", "disk disk0.raw,format=raw", "memory 256M",
            "append \"a b#c\"", f"kernel {self.folder}/waiting", f"disk {self.folder}/image"])
        disk = (self.machine() / "disk0.raw").stat()
        self.assertEqual((disk.st_size, disk.st_blocks), (20 << 30, 0))
        before = sorted(self.machine().iterdir())
        self.assertIn("already", self.atoll("create", "demo", status=1))
        self.assertEqual(sorted(self.machine().iterdir()), before)

        self.atoll("create", "--copy", "copy", "image", "copied.qcow2")
        self.assertEqual((self.machine("copy") / "disk0.raw").read_bytes(), b"x" * 4096)
        conf = (self.machine("copy") / "vm.conf").read_text()
        self.assertIn("nvram nvram\nreboot\ndisk disk0.raw,format=raw\ndisk disk1.qcow2,format=qcow2\n",
                      conf)
        self.assertNotEqual(re.search("uuid (.*)", conf)[1], uuid)

    def test_create_refuses(self):
        for words, why in ((["--memory", "1M"], "128M to 64G"),
                           (["--cpus", "99"], "1 to 16"),
                           (["--disk-size", "0"], "is not a disk's size"),
                           (["--disk-size", "1000"], "is not a disk's size"),
                           (["--uuid", "1"], "is not a UUID"),
                           (["--append", "a\nb"], "no configuration can hold"),
                           (["--detach"], "--detach is for `atoll run`"),
                           (["--kernel", "k", "--nvram", "n"], "no EFI variables"),
                           (["--disk-size", "1G", *["waiting"] * 16], "more than 16 disks")):
            said = self.atoll("create", "demo", *words, status=2)
            self.assertIn(why, said)
        for words in (["--disk", "gone.img"], ["--kernel", "gone"], ["--efi", "gone"], ["gone.img"]):
            self.assertIn("gone", self.atoll("create", "demo", *words, status=1))
        self.assertIn("cannot be a machine's name", self.atoll("create", "../demo", status=2))
        self.assertIn("usage: atoll create", self.atoll("create", status=2))
        self.assertIn("--disk-size SIZE", self.atoll("create", "--help"))
        self.assertFalse((self.folder / "data").exists())

    def test_create_cleans_up(self):
        """What does not fit leaves nothing behind."""
        image = self.file("image", b"\1" * (1 << 20))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000))
        said = self.atoll("create", "demo", "--copy", image, status=1, preexec_fn=limit)
        self.assertIn("File too large", said)
        self.assertEqual(list(self.machine().parent.iterdir()), [])
        said = self.atoll("create", "demo", "--disk-size", "1G", status=1, preexec_fn=limit)
        self.assertIn("cannot make a disk of this size", said)
        self.assertEqual(list(self.machine().parent.iterdir()), [])

    def test_full_disk(self):
        small = self.folder / "data"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", small],
                          capture_output=True, check=False).returncode:
            self.skipTest("only root can make a small file system")
        try:
            image = self.file("image", b"\1" * (1 << 20))
            said = self.atoll("create", "demo", "--copy", image, status=1)
            self.assertIn("No space left", said)
            self.assertFalse(self.machine().exists())
            self.create()
            self.file("data/full", b"").write_bytes(b"")
            with open(self.folder / "data/full", "wb", buffering=0) as full, \
                    self.assertRaises(OSError):
                while True:
                    full.write(bytes(4096))
            self.atoll("start", "demo", "--detach", status=None)
            if self.running():
                self.atoll("stop", "demo", "--force")
            self.atoll("remove", "demo", "--yes")
        finally:
            subprocess.run(["umount", small], check=True)

    def test_unwritable(self):
        if os.geteuid() == 0:
            self.file("data", b"")
            said = self.atoll("create", "demo", status=1)
            self.assertIn("cannot make the folder", said)
            return
        (self.folder / "data").mkdir(0o500)
        self.assertIn("Permission denied", self.atoll("create", "demo", status=1))

    def test_remove(self):
        self.create()
        self.assertIn("add --yes", self.atoll("remove", "demo", status=2))
        self.assertTrue(self.machine().exists())
        self.atoll("remove", "demo", "--yes")
        self.assertFalse(self.machine().exists())
        self.assertIn("there is no machine", self.atoll("remove", "demo", "--yes", status=1))
        self.assertTrue(self.waiting.exists())

    # --- machines ---

    def test_background(self):
        self.create()
        self.atoll("start", "demo", "--detach")
        self.assertEqual(self.running(), ["demo"])
        about = json.loads(self.atoll("status", "demo", "--json"))
        self.assertEqual((about["folder"], about["log"], about["consoles"][0]["kind"]),
                         (str(self.machine()), str(self.machine() / "log"), "memory"))
        fields = pathlib.Path(f"/proc/{about['pid']}/stat").read_text().rsplit(")", 1)[1].split()
        self.assertEqual(int(fields[3]), about["pid"], "the leader of its session")
        for number, target in ((0, "/dev/null"), (1, "/dev/null"), (2, about["log"])):
            self.assertEqual(os.readlink(f"/proc/{about['pid']}/fd/{number}"), target)
        self.assertIn("hello", self.console("demo"))

        said = self.atoll("start", "demo", "--detach", status=1)
        self.assertIn(f"in use by process {about['pid']}", said)
        self.assertIn("in use", self.atoll("remove", "demo", "--yes", status=1))
        self.assertIn("`atoll start demo` runs",
                      self.atoll("run", "--name", "demo", "--kernel", self.waiting, status=2))
        self.atoll("stop", "demo", "--force")
        self.until(lambda: "plug were pulled" in self.log())
        self.assertRegex(self.log(), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ the machine starts\n")
        self.atoll("start", "demo", "--detach")
        self.atoll("stop", "demo", "--force")

    def console(self, name):
        """What its console said."""
        with subprocess.Popen([ATOLL, "console", name], env=self.environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as viewer:
            text = ""
            while "hello" not in text:
                got = viewer.stdout.readline()
                self.assertTrue(got, text)
                text += got
            viewer.kill()
        return text

    def test_two(self):
        self.create()
        self.create("other")
        for name in ("demo", "other"):
            self.atoll("start", name, "--detach")
        self.atoll("run", "--detach", "--name", "third", "--kernel", self.waiting, "--memory",
                   "128M")
        self.assertEqual(self.running(), ["demo", "other", "third"])
        log = self.folder / "run/atoll/third.log"
        self.assertIn("the machine starts", log.read_text())
        self.assertIn("runs already", self.atoll("run", "--name", "third", "--kernel", self.waiting,
                                                 status=1))
        self.atoll("stop", "other", "--force")
        self.assertEqual(self.running(), ["demo", "third"])
        self.atoll("stop", "third", "--force")

    def test_errors_reach_the_user(self):
        self.create()
        self.waiting.unlink()
        said = self.atoll("start", "demo", "--detach", status=1)
        self.assertIn("cannot open the kernel", said)
        self.assertIn("cannot open the kernel", self.log())
        self.assertEqual(self.running(), [])
        self.assertIn("needs a name", self.atoll("run", "--detach", "--kernel", self.off, status=2))
        self.assertIn("there is no machine \"none\"", self.atoll("start", "none", status=1))
        conf = self.machine() / "vm.conf"
        conf.write_text("version 1\nmemroy 1G\n")
        self.assertIn(f"{conf}:2: there is no \"memroy\"", self.atoll("start", "demo", status=2))
        conf.chmod(0o666)
        self.assertIn("nobody else's to write", self.atoll("start", "demo", status=1))
        conf.unlink()
        self.assertIn("has no vm.conf", self.atoll("start", "demo", status=1))
        self.machine().chmod(0o777)
        self.assertIn("nobody else's to write", self.atoll("start", "demo", status=1))
        self.machine().chmod(0o700)

    def test_foreground(self):
        """The file and then the command line say what runs; the log is kept, and the status is the
        machine's end."""
        self.create()
        said = self.atoll("start", "demo", "--kernel", self.off, "--log", "debug")
        self.assertIn("bye", said)
        self.assertIn("the guest switched itself off", self.log())
        self.assertIn("debug: ", self.log())
        said = self.atoll("start", "--memory", "1M", "demo", status=2)
        self.assertIn("128M to 64G", said)
        self.assertIn("usage: atoll start", self.atoll("start", status=2))
        self.assertIn("--detach", self.atoll("start", "--help"))

    def test_log_keeps_its_size(self):
        """The confined process, too, moves what is old out of the way."""
        self.create()
        log = self.machine() / "log"
        log.write_bytes(b"x" * ((1 << 20) - 20))
        self.atoll("start", "demo", "--detach")
        self.atoll("stop", "demo", "--force")
        self.until(self.is_free)
        self.assertIn("plug were pulled", self.log())
        self.assertLess(log.stat().st_size, 1000)
        self.assertGreaterEqual((self.machine() / "log.0").stat().st_size, 1 << 20)

    def test_signals(self):
        """A terminated machine leaves nothing that keeps the next from starting, nor does a killed
        one."""
        self.create()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            self.atoll("start", "demo", "--detach")
            pid = json.loads(self.atoll("status", "demo", "--json"))["pid"]
            os.kill(pid, number)
            self.until(lambda: not self.running())
            self.until(self.is_free)
        self.atoll("start", "demo", "--detach")

    def is_free(self):
        """Nobody holds the folder."""
        return subprocess.run(["flock", "-n", self.machine() / "lock", "true"],
                              check=False).returncode == 0


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
