"""What a monitor costs the host: CPU time and memory, summed over its process and all that descend
from it (Atoll keeps its network in a helper)."""

import collections
import os
import time

TICK = os.sysconf("SC_CLK_TCK")

Memory = collections.namedtuple("Memory", "guest_mb own_mb")


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third on (proc(5))."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()


def tree(pid):
    """The process and its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                children.setdefault(int(stat_fields(entry)[1]), []).append(int(entry))
            except OSError:
                continue
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    """CPU time so far: of living processes to the nanosecond, their ended threads included; of
    ended children, to the tick."""
    total = 0.0
    for each in tree(pid):
        try:
            # The clock of another process, as clock_getcpuclockid(3) makes its number on Linux.
            total += time.clock_gettime((~each << 3) | 2)
            fields = stat_fields(each)
            total += (int(fields[13]) + int(fields[14])) / TICK
        except OSError:
            continue
    return total


def mappings(pid):
    """(size in KiB, PSS in KiB) of each mapping."""
    size = 0
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            words = line.split()
            if words[0] == "Size:":
                size = int(words[1])
            elif words[0] == "Pss:":
                yield size, int(words[1])


def memory(pid, guest_mb):
    """Resident memory, in MiB: the guest's own pages, which are the mapping of its RAM's size, and
    all the rest. Proportional shares, so that what is mapped twice (a code cache) or in two
    processes counts once."""
    guest = rest = 0
    for each in tree(pid):
        for size, share in mappings(each):
            if size == guest_mb * 1024:
                guest += share
            else:
                rest += share
    return Memory(guest / 1024, rest / 1024)
