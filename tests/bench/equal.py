#!/usr/bin/env python3
"""equal.py: runs programs of Debian's arm64 packages (the scripts in tests/bench/equal) in a guest of
Atoll's and in one of a reference's, and compares everything they print; prints what each took, too.
tests/bench/equal-prepare makes the disk they are on. The exit status is 1 when they differ, 77 when
the disk is not there."""

import argparse
import os
import sys

import measure
import monitors
from console import Console, Failure, end_with_children

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PROGRAMS = sorted(os.listdir(os.path.join(TOP, "tests/bench/equal")))
SKIPPED = 77
MEMORY_MB = 1024
REFERENCES = {"qemu": monitors.QEMUS[0], "qemu-a57": monitors.QEMUS[1]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, epilog="Programs: " + " ".join(PROGRAMS))
    parser.add_argument("programs", nargs="*", default=PROGRAMS, metavar="PROGRAM")
    parser.add_argument("--engine", default="auto", help="Atoll's engine (auto)")
    parser.add_argument("--reference", default="qemu",
                        help="qemu, qemu-a57, or an engine of Atoll's, such as interp (qemu)")
    parser.add_argument("--cpus", type=int, default=1, help="of the guest (1)")
    parser.add_argument("--atoll", default=os.path.join(TOP, "build/atoll"), metavar="PROGRAM")
    parser.add_argument("--timeout", type=float, default=7200, help="seconds for one run (7200)")
    parser.add_argument("--show", action="store_true",
                        help="no comparison: show what they print in Atoll")
    parser.add_argument("--verbose", action="store_true", help="show the guests' consoles")
    given = parser.parse_args()
    for name in given.programs:
        if name not in PROGRAMS:
            parser.error(f"no program is called '{name}'; there are {', '.join(PROGRAMS)}")
    return given


def run(monitor, given, echo, first_words=()):
    """The programs' results in one boot, as far as they came."""
    files = monitors.guest_files(os.path.join(TOP, "build/bench"))
    names = ",".join([*first_words, *given.programs])
    command = monitor.command(**files, append=f"{monitors.CONSOLE} equal={names}", cpus=given.cpus,
                              disk=os.path.join(TOP, "build/bench/equal.img"), memory=MEMORY_MB)
    results = {}
    with Console(command, given.timeout, echo) as console:
        try:
            measure.watch(console, results)
        except Failure as failure:
            print(f"FAILED in {monitor.name}: {failure}", flush=True)
    return results


def compare(name, ours, theirs):
    """One line about a program; whether it was equal."""
    if ours is None or theirs is None:
        print(f"{name:14} DID NOT RUN in {'Atoll' if ours is None else 'the reference'}")
        return False
    equal = (ours["checksum"], ours["remark"]) == (theirs["checksum"], theirs["remark"])
    what = ours["remark"] if equal else \
        f"DIFFERS: {ours['checksum']} ({ours['remark']}), {theirs['checksum']} ({theirs['remark']})"
    print(f"{name:14} {ours['cpu']:9.2f} {theirs['cpu']:9.2f} {theirs['cpu'] / ours['cpu']:7.2f}  "
          f"{what}", flush=True)
    return equal


def main():
    end_with_children()
    given = arguments()
    if not os.path.exists(os.path.join(TOP, "build/bench/equal.img")):
        print("skipped: tests/bench/equal-prepare has not made the disk")
        return SKIPPED
    atoll = monitors.Atoll(given.atoll, given.engine)
    reference = REFERENCES.get(given.reference) or monitors.Atoll(given.atoll, given.reference)
    if given.show:
        run(atoll, given, True, ["show"])
        return 0
    theirs = run(reference, given, given.verbose)
    ours = run(atoll, given, given.verbose)
    print(f"{'CPU s':14} {given.engine:>9} {given.reference:>9} {'ratio':>7}")
    equal = [compare(name, ours.get(name), theirs.get(name)) for name in given.programs]
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
