"""The results as tables: as plain text while the benchmark runs, as Markdown for docs/performance.md."""

import time

from classes import (BOOT_AIM, BOOT_TARGET, CLASSES, FIRST_TARGET_MS, LOADER_TARGET_MS,
                     MEMORY_TARGET_MB)
from results import QEMUS, geometric_mean

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def column_of(group):
    return "wall" if group.by_wall else "cpu"


class Row:
    """A workload's line: seconds of each monitor, the better QEMU's ratio, and complaints."""

    def __init__(self, results, group, workload):
        column = column_of(group)
        self.name = workload
        self.atoll = results.median(workload, "atoll", column)
        self.qemus = [results.median(workload, name, column) for name in QEMUS]
        self.ratio = results.ratio(workload, column)
        self.problems = []
        sums = results.checksums(workload)
        if len(sums) > 1:
            self.problems.append("CHECKSUMS DIFFER: " + ", ".join(
                f"{'/'.join(sorted(who))} {checksum}" for checksum, who in sorted(sums.items())))
        if self.ratio and self.ratio < group.floor(workload):
            self.problems.append(f"below {group.floor(workload):g}")

    def measured(self):
        return self.atoll is not None or any(each is not None for each in self.qemus)


class Summary:
    """A class's line: the geometric mean against what it must reach."""

    def __init__(self, results, group):
        self.group = group
        self.rows = [row for row in (Row(results, group, name) for name in group.workloads)
                     if row.measured()]
        ratios = [row.ratio for row in self.rows if row.ratio]
        self.mean = geometric_mean(ratios) if ratios else None
        self.least = min(ratios) if ratios else None
        self.whole = len(ratios) == len(group.workloads)

    def verdict(self):
        if self.mean is None:
            return ""
        if not self.group.target:
            return "no target"
        short = [row.name for row in self.rows if row.problems]
        if self.mean < self.group.target:
            return f"MISSES {self.group.target:g}"
        if short:
            return f"reaches {self.group.target:g}, but for {', '.join(short)}"
        best = self.group.aim and self.mean >= self.group.aim
        return f"reaches {self.group.aim if best else self.group.target:g}" + \
            ("" if self.whole else " (of what ran)")


def text_class(results, group):
    """A class, as lines of text."""
    summary = Summary(results, group)
    column = "wall s" if group.by_wall else "CPU s"
    lines = [f"{group.title + ', ' + column:28} {'atoll':>9} "
             + " ".join(f"{name:>9}" for name in QEMUS) + f" {'ratio':>7}"]
    for row in summary.rows:
        lines.append(f"  {row.name:26} {number(row.atoll):>9} "
                     + " ".join(f"{number(each):>9}" for each in row.qemus)
                     + f" {number(row.ratio, 2):>7}  {'; '.join(row.problems)}".rstrip())
    if summary.mean is not None:
        lines.append(f"  {'geometric mean':26} {number(summary.mean, 2):>37}  {summary.verdict()}")
    return "\n".join(lines)


def startup_rows(results):
    """(what, [atoll, QEMUs...], digits, ratio or None, target) of what is not a workload."""
    names = ("atoll",) + QEMUS

    def boots(column):
        return [results.boot_median(name, column) for name in names]
    walls = boots("wall")
    qemus = [each for each in walls[1:] if each is not None]
    ratio = min(qemus) / walls[0] if qemus and walls[0] else None
    yield ("Linux boot to the shell prompt, wall s", walls, 3, ratio,
           f"ratio {BOOT_TARGET:g}, better {BOOT_AIM:g}")
    yield "the same, CPU s", boots("cpu"), 3, None, ""
    yield ("process start to first guest instruction, ms",
           [results.first_median(name) for name in names], 1, None, f"under {FIRST_TARGET_MS}")
    yield ("process start to a loader on an EFI disk, ms",
           [results.first_median(name, "loaders") for name in names], 1, None,
           f"under {LOADER_TARGET_MS}")
    yield ("memory after boot, guest's own pages, MiB", boots("guest_mb"), 1, None, "")
    yield ("memory after boot, all the rest, MiB", boots("own_mb"), 1, None,
           f"under {MEMORY_TARGET_MB}")


def text_startup(results):
    lines = [f"{'startup':46} {'atoll':>9} " + " ".join(f"{name:>9}" for name in QEMUS)
             + f" {'ratio':>7}  must be"]
    for what, values, digits, ratio, target in startup_rows(results):
        lines.append(f"  {what:44} " + " ".join(f"{number(each, digits):>9}" for each in values)
                     + f" {number(ratio, 2):>7}  {target}".rstrip())
    return "\n".join(lines)


def markdown(results, commit, host):
    """Everything, as the text between the marks in docs/performance.md."""
    lines = [BEGIN, "", f"Made from commit {commit}, {time.strftime('%Y-%m-%d')}, on {host}.", ""]
    lines += [f"* {name}: {version}" for name, version in sorted(results.versions.items())]
    lines += [f"* work scaled by {results.scale:g}"] if results.scale != 1 else []
    lines += ["* QEMU's times are of an earlier run on this host"] if results.reused else []
    lines += ["", "| class | ratio, geometric mean | least | must reach | better |",
              "|---|---|---|---|---|"]
    groups = [group for group in CLASSES if Summary(results, group).rows]
    for group in groups:
        summary = Summary(results, group)
        lines.append(f"| {group.title} | {number(summary.mean, 2)} | {number(summary.least, 2)} "
                     f"| {f'{group.target:g}' if group.target else '-'} "
                     f"| {f'{group.aim:g}' if group.aim else '-'} |")
    lines += ["", "| class | workload | atoll | " + " | ".join(QEMUS) + " | ratio | |",
              "|---" * (len(QEMUS) + 5) + "|"]
    for group in groups:
        for row in Summary(results, group).rows:
            lines.append(f"| {group.name}, {column_of(group)} s | {row.name} | {number(row.atoll)} | "
                         + " | ".join(map(number, row.qemus))
                         + f" | {number(row.ratio, 2)} | {'; '.join(row.problems)} |")
    if results.boots or results.firsts:
        lines += ["", "| startup | atoll | " + " | ".join(QEMUS) + " | ratio | must be |",
                  "|---" * (len(QEMUS) + 4) + "|"]
        for what, values, digits, ratio, target in startup_rows(results):
            lines.append(f"| {what} | " + " | ".join(number(each, digits) for each in values)
                         + f" | {number(ratio, 2)} | {target} |")
    return "\n".join(lines + ["", END])


def put_markdown(path, text):
    """Replaces what is between the marks in the file."""
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
    after = rest.partition(END)[2]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + text + after)
