"""Where the time of one workload goes: Atoll under perf, from the workload's start to its end."""

import os
import shutil
import subprocess
import sys

import measure
from classes import class_of
from console import Console

EVENTS = "cycles:u,cycles:k"
CLOCK = "cpu-clock"  # where the host's own hypervisor hides the counters


def has_cycles():
    return subprocess.run(["perf", "stat", "-e", "cycles", "true"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True,
                          check=False).stderr.find("not supported") < 0


def profile(monitor, directory, given):
    """Attaches perf when the workload starts and takes it off when its result comes."""
    if not shutil.which("perf"):
        sys.exit("bench.py: perf is not installed (package linux-perf)")
    group = class_of(given.profile)
    data = os.path.join(directory, "perf.data")
    command = measure.command_of(monitor, directory, group, [given.profile], given.scale)
    perf = None
    with Console(command, given.timeout, given.verbose) as console:
        for _, line in console.lines():
            if measure.START.search(line):
                perf = subprocess.Popen(
                    ["perf", "record", "-q", "-o", data, "-g", "-e",
                     EVENTS if has_cycles() else CLOCK, "-p", str(console.process.pid)])
            elif measure.RESULT.search(line):
                print(line, flush=True)
                break
    if perf:
        perf.wait()
    subprocess.run(["perf", "report", "-i", data, "--no-children", "-g", "none", "--stdio",
                    "--percent-limit", "0.3"], check=False)
    print(f"\nMore of it: perf report -i {data}")
    return 0
