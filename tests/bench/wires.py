#!/usr/bin/env python3
"""wires.py: TCP between two guests on one wire, in Atoll (a switch) and in QEMU (its -netdev dgram and
stream), in turn: bits a second and the median round trip. Needs build/guest/cloud (make guests)."""

import argparse
import contextlib
import gzip
import os
import re
import statistics
import subprocess
import sys
import tempfile

from console import Console, Failure, end_with_children
from monitors import QEMUS

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = "256M"


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--atoll", default=os.path.join(TOP, "build/atoll"), metavar="PROGRAM")
    parser.add_argument("--guest", default=os.path.join(TOP, "build/guest/cloud"), metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of TCP in a round (5)")
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--only-atoll", action="store_true")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one round (300)")
    parser.add_argument("--least", type=float, metavar="FACTOR",
                        help="fail unless Atoll carries so many times as much as QEMU's best, in "
                        "round trips as many times as short")
    return parser.parse_args(argv)


def make_initramfs(given, directory):
    """The guest's initramfs with wire.c's program and our /init in a second archive behind it."""
    root = os.path.join(directory, "root")
    os.makedirs(os.path.join(root, "bin"))
    subprocess.run(["aarch64-linux-gnu-gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-static", "-o",
                    os.path.join(root, "bin/wire"), os.path.join(HERE, "wire.c")], check=True)
    with open(os.path.join(HERE, "wires-init"), "rb") as init, \
            open(os.path.join(root, "init"), "wb") as to:
        to.write(init.read())
    os.chmod(os.path.join(root, "init"), 0o755)
    names = subprocess.run(["find", "."], cwd=root, stdout=subprocess.PIPE, check=True).stdout
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root,
                             input=names, stdout=subprocess.PIPE, check=True).stdout
    path = os.path.join(directory, "initrd.gz")
    with open(os.path.join(given.guest, "initrd.gz"), "rb") as first, open(path, "wb") as to:
        to.write(first.read() + gzip.compress(archive, mtime=0))
    return path


def appended(given, number):
    words = f"console=ttyAMA0 quiet own=10.9.0.{number} mtu={given.mtu} seconds={given.seconds}"
    return words + (" peer=10.9.0.1" if number == 2 else "")


class Atoll:
    name = "atoll"

    def __init__(self, given, directory):
        self.given = given
        os.environ["XDG_RUNTIME_DIR"] = directory

    def command(self, initrd, number):
        return [self.given.atoll, "run", "--memory", MEMORY, "--kernel",
                os.path.join(self.given.guest, "linux"), "--initrd", initrd, "--append",
                appended(self.given, number), "--net", f"switch:bench,mtu={self.given.mtu}"]


class Qemu:
    def __init__(self, given, directory, netdev):
        self.given, self.directory, self.netdev = given, directory, netdev
        self.name = f"qemu-{netdev}"

    def wire(self, number):
        path = os.path.join(self.directory, f"{self.netdev}")
        if self.netdev == "dgram":
            return (f"dgram,id=net,local.type=unix,local.path={path}{number},remote.type=unix,"
                    f"remote.path={path}{3 - number}")
        return f"stream,id=net,server={'on' if number == 1 else 'off'},addr.type=unix,addr.path={path}"

    def command(self, initrd, number):
        command = QEMUS[0].command(os.path.join(self.given.guest, "linux"), initrd,
                                   appended(self.given, number), memory=256)
        return command + ["-netdev", self.wire(number), "-device",
                          f"virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:0{number},"
                          f"host_mtu={self.given.mtu}"]


def run(given, monitor, initrd):
    """(bits a second, round trip in seconds)"""
    with contextlib.ExitStack() as stack:
        serve = stack.enter_context(Console(monitor.command(initrd, 1), given.timeout))
        serve.wait_for("WIRES-SERVE")
        measure = stack.enter_context(Console(monitor.command(initrd, 2), given.timeout))
        measure.wait_for("WIRES-END")
        took = re.search(rb"rtt (\d+)", measure.log)
        carried = re.search(rb"stream (\d+) (\d+)", measure.log)
        if not took or not carried:
            measure.fail("the guest measured nothing")
        return (int(carried[1]) * 8e9 / int(carried[2]), int(took[1]) / 1e9)


def main(argv=None):
    given = arguments(argv)
    with tempfile.TemporaryDirectory(prefix="wires-") as directory:
        initrd = make_initramfs(given, directory)
        monitors = [Atoll(given, directory)]
        if not given.only_atoll:
            monitors += [Qemu(given, directory, "dgram"), Qemu(given, directory, "stream")]
        results = {monitor.name: [] for monitor in monitors}
        for number in range(given.rounds):
            for monitor in monitors:
                print(f"... {monitor.name}, round {number + 1}", file=sys.stderr, flush=True)
                results[monitor.name].append(run(given, monitor, initrd))
    print(f"MTU {given.mtu}    TCP Gbit/s   round trip us")
    middle = {}
    for name, runs in results.items():
        middle[name] = [statistics.median(each) for each in zip(*runs)]
        print(f"{name:12} {middle[name][0] / 1e9:8.3f} {middle[name][1] * 1e6:15.0f}")
    others = [middle[name] for name in middle if name != "atoll"]
    if not others:
        return 0
    carries = middle["atoll"][0] / max(each[0] for each in others)
    shorter = min(each[1] for each in others) / middle["atoll"][1]
    print(f"Atoll carries {carries:.1f} times as much, in round trips {shorter:.1f} times as short")
    return 1 if given.least and min(carries, shorter) < given.least else 0


if __name__ == "__main__":
    end_with_children()
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"wires.py: {failure}")
