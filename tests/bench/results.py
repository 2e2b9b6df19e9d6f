"""What has been measured, and what follows from it: medians, ratios, geometric means.

Kept as JSON: {"commit", "host", "versions", "scale", "runs": [...], "boots": [...], "firsts": [...],
"loaders": [...]}, the lists as measure.run and startup's functions give their entries."""

import json
import math
import os
import statistics
import subprocess

from monitors import QEMUS as QEMU_MONITORS

QEMUS = tuple(each.name for each in QEMU_MONITORS)
LISTS = ("runs", "boots", "firsts", "loaders")


def commit():
    def git(*arguments):
        return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.strip()
    name = git("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "include")
    return name + (" with local changes" if changed else "")


def host():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if
                  line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} CPUs, {models[0] if models else 'unknown model'}"


class Results:
    """The measurements of one invocation, with QEMU's from an earlier one where they are reused."""

    def __init__(self, scale):
        self.scale = scale
        self.versions, self.reused = {}, None
        self.runs, self.boots, self.firsts, self.loaders = [], [], [], []

    def save(self, path):
        data = {"commit": commit(), "host": host(), "versions": self.versions,
                "scale": self.scale, **{each: getattr(self, each) for each in LISTS}}
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
        os.replace(path + ".new", path)

    def reuse_qemu(self, path):
        """Takes QEMU's measurements from a file; its work must have been the same."""
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        if data["scale"] != self.scale:
            raise ValueError(f"{path} was made with scale {data['scale']:g}, not {self.scale:g}")
        for each in LISTS:
            getattr(self, each).extend(entry for entry in data.get(each, [])
                                       if entry["monitor"] in QEMUS)
        self.versions.update({name: text for name, text in data["versions"].items()
                              if name in QEMUS})
        self.reused = path

    def samples(self, workload, monitor):
        return [run["workloads"][workload] for run in self.runs
                if run["monitor"] == monitor and workload in run["workloads"]]

    def median(self, workload, monitor, column):
        """The median of a workload's times, or None where it has not run."""
        samples = self.samples(workload, monitor)
        return statistics.median(each[column] for each in samples) if samples else None

    def best_qemu(self, workload, column):
        """(model's name, seconds) of the CPU model that is faster at it, or None."""
        times = [(self.median(workload, name, column), name) for name in QEMUS]
        times = sorted(each for each in times if each[0] is not None)
        return (times[0][1], times[0][0]) if times else None

    def ratio(self, workload, column):
        best, ours = self.best_qemu(workload, column), self.median(workload, "atoll", column)
        return best[1] / ours if best and ours else None

    def checksums(self, workload):
        """The different checksums, with who had them: more than one is a wrong result."""
        found = {}
        for run in self.runs:
            if workload in run["workloads"]:
                sums = found.setdefault(run["workloads"][workload]["checksum"], set())
                sums.add(run["monitor"])
        return found

    def boot_median(self, monitor, column):
        values = [boot[column] for boot in self.boots if boot["monitor"] == monitor]
        return statistics.median(values) if values else None

    def first_median(self, monitor, of="firsts"):
        values = [ms for first in getattr(self, of) if first["monitor"] == monitor
                  for ms in first["milliseconds"]]
        return statistics.median(values) if values else None


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))
