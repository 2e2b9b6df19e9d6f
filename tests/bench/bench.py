#!/usr/bin/env python3
"""bench.py: runs the workloads of tests/bench in Atoll and in QEMU's TCG, in turn, on the same
kernel and initramfs, and prints what each took and the ratios. tests/bench/prepare makes the guest;
`make bench` does both. The exit status is 1 when a checksum differs or something did not run."""

import argparse
import contextlib
import os
import sys

import links
import measure
import profile_run
import report
import results as bookkeeping
import startup
import wires
from classes import BY_NAME, CLASSES, class_of
from console import Failure, end_with_children
from monitors import QEMUS, Atoll

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
QUICK = 0.1
EXTRAS = ("startup", "wires", "links")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     epilog="Classes: " + " ".join([*BY_NAME, *EXTRAS]))
    parser.add_argument("--class", dest="classes", metavar="NAME,...", help="only these classes")
    parser.add_argument("--workload", metavar="NAME,...", help="only these workloads")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each in each monitor (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the work (1)")
    parser.add_argument("--quick", action="store_true", help=f"one round, scale {QUICK}")
    parser.add_argument("--engine", default="auto", help="Atoll's engine (auto)")
    parser.add_argument("--atoll", default=os.path.join(TOP, "build/atoll"), metavar="PROGRAM")
    parser.add_argument("--option", action="append", default=[], metavar="OPTION",
                        help="one more option for Atoll (as --option=--no-confine); repeatable")
    parser.add_argument("--only-atoll", action="store_true", help="QEMU does not run")
    parser.add_argument("--only-qemu", action="store_true", help="Atoll does not run")
    parser.add_argument("--reuse-qemu", metavar="FILE", help="QEMU's results from an earlier --json")
    parser.add_argument("--json", metavar="FILE", help="keeps the measurements here")
    parser.add_argument("--markdown", metavar="FILE",
                        help="puts the tables into this file (docs/performance.md)")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one boot (1800)")
    parser.add_argument("--verbose", action="store_true", help="show the guests' consoles")
    parser.add_argument("--profile", metavar="WORKLOAD",
                        help="no comparison: run this one in Atoll under perf")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.scale = 1, QUICK
    return given


def chosen(given):
    """[(class, its workloads)], and what of EXTRAS is measured too."""
    if given.workload:
        names = given.workload.split(",")
        with_names = [(each, [name for name in each.workloads if name in names])
                      for each in CLASSES]
        for name in names:
            class_of(name)
        return [(each, found) for each, found in with_names if found], []
    names = given.classes.split(",") if given.classes else [*BY_NAME, *EXTRAS]
    return [(BY_NAME[name], list(BY_NAME[name].workloads)) for name in names
            if name not in EXTRAS], [name for name in EXTRAS if name in names]


class Bench:
    """One invocation: what runs, and what it has found so far."""

    def __init__(self, given):
        self.given = given
        self.directory = os.path.join(TOP, "build/bench")
        self.results = bookkeeping.Results(given.scale)
        self.failures = []
        self.monitors = []
        if not given.only_qemu:
            self.monitors.append(Atoll(given.atoll, given.engine, given.option))
        if given.reuse_qemu:
            self.results.reuse_qemu(given.reuse_qemu)
        elif not given.only_atoll:
            self.monitors += QEMUS
        for monitor in self.monitors:
            self.results.versions[monitor.name] = monitor.version()

    @contextlib.contextmanager
    def attempt(self, what):
        """What fails is said, and the rest goes on."""
        print(f"... {what}", file=sys.stderr, flush=True)
        try:
            yield
        except (Failure, OSError) as failure:
            self.failures.append(what)
            print(f"FAILED: {what}: {failure}", file=sys.stderr, flush=True)
        if self.given.json:
            self.results.save(self.given.json)

    def run_class(self, group, workloads):
        given = self.given
        rounds = max(given.rounds, group.rounds) if given.rounds >= 3 else given.rounds
        for number in range(rounds):
            for monitor in self.monitors:
                with self.attempt(f"{group.name} in {monitor.name}, round {number + 1}"):
                    run = measure.run(monitor, self.directory, group, workloads, given.scale,
                                      given.timeout, given.verbose)
                    self.results.runs.append(run)
                    if run["failure"]:
                        raise Failure(run["failure"])
        print(report.text_class(self.results, group) + "\n", flush=True)

    def run_startup(self):
        for number in range(self.given.rounds):
            for monitor in self.monitors:
                with self.attempt(f"boot in {monitor.name}, round {number + 1}"):
                    self.results.boots.append(startup.boot(
                        monitor, self.directory, self.given.timeout, self.given.verbose))
        for monitor in self.monitors:
            with self.attempt(f"first instruction in {monitor.name}"):
                self.results.firsts.append(startup.first_instruction(monitor, self.directory))
        # QEMU's EFI is firmware that takes seconds, and is not compared.
        for monitor in self.monitors:
            if monitor.name == "atoll":
                with self.attempt("first instruction of a loader"):
                    self.results.loaders.append(
                        startup.first_of_loader(monitor, self.directory))
        print(report.text_startup(self.results) + "\n", flush=True)

    def run_wires(self):
        given = self.given
        with self.attempt("two guests on a wire"):
            if wires.main(["--atoll", given.atoll, "--rounds", str(given.rounds), "--least", "3"] +
                          ["--only-atoll"] * (given.only_atoll or bool(given.reuse_qemu))):
                raise Failure("less than three times QEMU's")
        print(flush=True)

    def run_links(self):
        with self.attempt("a switch's links"):
            if links.main(["--atoll", self.given.atoll]):
                raise Failure("a link does not behave as it was told")
        print(flush=True)

    def wrong(self):
        """The workloads that gave more than one checksum."""
        return [name for group in CLASSES for name in group.workloads
                if len(self.results.checksums(name)) > 1]


def main():
    end_with_children()
    given = arguments()
    if given.profile:
        return profile_run.profile(Atoll(given.atoll, given.engine, given.option),
                                   os.path.join(TOP, "build/bench"), given)
    try:
        bench = Bench(given)
        groups, extras = chosen(given)
    except KeyError as name:
        sys.exit(f"bench.py: no class or workload is called {name}")
    except (OSError, ValueError) as error:
        sys.exit(f"bench.py: {error}")
    print(f"commit {bookkeeping.commit()}, {bookkeeping.host()}, scale {given.scale:g}, "
          f"{given.rounds} round(s)" + (f"; QEMU's times are from {given.reuse_qemu}"
                                        if given.reuse_qemu else "") + "\n", flush=True)
    for group, workloads in groups:
        bench.run_class(group, workloads)
    if "startup" in extras:
        bench.run_startup()
    if "wires" in extras and not given.only_qemu:
        bench.run_wires()
    if "links" in extras and not given.only_qemu:
        bench.run_links()
    if given.markdown:
        report.put_markdown(given.markdown, report.markdown(
            bench.results, bookkeeping.commit(), bookkeeping.host()))
    for name in bench.wrong():
        print(f"WRONG: {name}: checksums differ")
    for what in bench.failures:
        print(f"FAILED: {what}")
    return 1 if bench.failures or bench.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
