#!/usr/bin/env python3
"""Sixteen guests on one switch, of which one floods it. crowd.py ATOLL GUESTS crowd."""

import concurrent.futures
import contextlib
import gzip
import os
import re
import shutil
import subprocess
import sys
import threading

import boot
from boot import Failure, Skip, expect_equal
from guest import Guest
from wires import atoll, ports, private

GUESTS = 16
MEMORY = "128M"
PINGS = 5


def initramfs(bench):
    """The guest's, with the program that floods behind it."""
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if not compiler:
        raise Skip("aarch64-linux-gnu-gcc is not installed (package gcc-aarch64-linux-gnu)")
    root = bench.scratch("root")
    os.makedirs(os.path.join(root, "bin"))
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flood.c")
    subprocess.run([compiler, "-O1", "-D_GNU_SOURCE", "-static", "-o", os.path.join(root, "bin/flood"), source],
                   check=True)
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=root,
                             input=b"bin\nbin/flood\n", stdout=subprocess.PIPE, check=True).stdout
    path = bench.scratch("initrd.gz")
    with open(bench.file("cloud/initrd.gz"), "rb") as first, open(path, "wb") as to:
        to.write(first.read() + gzip.compress(archive, mtime=0))
    return path


def start(bench, initrd, number):
    return Guest(bench.atoll, [
        "--kernel", bench.file("cloud/linux"), "--initrd", initrd, "--append", "quiet nodhcp",
        "--memory", MEMORY, "--net", f"switch:crowd,port=g{number}"])


def settle(number, guest):
    """The guest has its address; returns that of its card."""
    guest.shell()
    guest.check(f"ifconfig eth0 10.6.0.{number} netmask 255.255.255.0 up")
    return guest.check("cat /sys/class/net/eth0/address").split()[0]


def ping(guest, peer):
    """Milliseconds of the median round trip; all of them must come."""
    text = guest.check(f"ping -c {PINGS} -i 0.2 -W 60 10.6.0.{peer}")
    took = sorted(float(each) for each in re.findall(r"time=([\d.]+) ms", text))
    expect_equal(len(took), PINGS, f"answers of 10.6.0.{peer}")
    return took[PINGS // 2]


def ping_round(pool, guests):
    """Every well-behaved guest pings the one after it, all at once."""
    good = GUESTS - 1
    return list(pool.map(lambda i: ping(guests[i], (i + 1) % good + 1), range(good)))


def crowd(bench):
    """Fifteen guests ping each other, alone and while the sixteenth sends all that is wrong as fast
    as it can: every answer comes, nobody's machine or switch ends, and what was forged or too much is
    counted at the hostile port alone."""
    private(bench)
    initrd = initramfs(bench)
    with contextlib.ExitStack() as stack:
        guests = [stack.enter_context(start(bench, initrd, i + 1)) for i in range(GUESTS)]
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(GUESTS))
        cards = list(pool.map(settle, range(1, GUESTS + 1), guests))
        quiet = ping_round(pool, guests)
        hostile = guests[-1]
        hostile.send(f"flood {cards[-1]} {' '.join(cards[:-1])}\n")
        hostile.expect("FLOODING")
        # Somebody has to read its console.
        done = threading.Event()
        reader = pool.submit(lambda: [hostile.read(0.2) for _ in iter(done.is_set, True)])
        flooded = ping_round(pool, guests)
        counts = {name: port["from"] for name, port in ports(bench, "crowd").items()}
        done.set()
        reader.result()
        print(f"\nround trips, ms: quiet {max(quiet):.1f}, flooded {max(flooded):.1f} at most")
        for what in ("forged", "limited"):
            if counts[f"g{GUESTS}"][what] == 0:
                raise Failure(f"of the flood nothing was {what}")
            expect_equal(sum(counts[f"g{i}"][what] for i in range(1, GUESTS)), 0,
                         f"frames of the others that were {what}")
        for guest in guests:
            expect_equal(guest.process.poll(), None, "a machine's end")
        atoll(bench, "switch", "crowd", "--stop")


if __name__ == "__main__":
    sys.exit(boot.main({"crowd": crowd}))
