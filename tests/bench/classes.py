"""The classes of workloads: what belongs to each, how it is run and compared, and what it must reach.

A ratio is QEMU's time over Atoll's: above 1, Atoll is faster."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Class:
    """One class: its workloads run one after the other in one boot of the guest."""
    name: str
    title: str
    workloads: tuple
    target: float = 0.0  # the geometric mean must reach this (0: no target)
    aim: float = 0.0
    least: float = 0.0   # no ratio may be below this
    excepted: dict = field(default_factory=dict)  # but for these workloads
    by_wall: bool = False  # compared by wall time, not by the monitor's CPU time
    cpus: int = 1
    devices: bool = False  # has a disk and a network
    rounds: int = 1        # at least so many, where the host's caches make for noise

    def floor(self, workload):
        return self.excepted.get(workload, self.least)


CLASSES = (
    Class("integer", "integer", ("coremix", "sha256", "zlib", "qsort", "heapsort", "matint", "fib",
                                 "interp", "hash"), target=1.7, aim=2.5, least=1.0),
    Class("strings", "strings and NEON integer", ("strops", "neonint"), target=8, aim=20),
    Class("fp", "scalar FP", ("nbody", "matdbl", "mandel", "spectral", "fpmix"), target=5, aim=9),
    Class("neon", "NEON FP", ("neonf32",), target=10, aim=20),
    Class("memory", "memory", ("chase32k", "chase4m", "chase64m", "memcpy", "stride", "memseq"),
          target=1.7, aim=3, least=1.0, excepted={"chase4m": 0.9, "chase64m": 0.9}, rounds=5),
    Class("kernel", "kernel entries", ("getpid", "stat", "clock", "pipe", "signal", "segv"),
          target=4, aim=10),
    Class("process", "processes", ("fork", "forkexec", "pgfault"), target=2, aim=4),
    Class("first", "first execution", ("codegen",), target=5, aim=10),
    Class("rewritten", "rewritten code", ("smc",), target=1.0),
    Class("atomics", "atomics, uncontended", ("atomic", "llsc")),
    Class("threads", "threads, 2 vCPUs", ("mtsha", "mtatomic", "mtfutex"), target=3, by_wall=True,
          cpus=2),
    Class("devices", "devices", ("blkseq", "blkrand", "blkrand8", "blkwrite", "netrx", "nettx",
                                 "netrtt"), target=3, aim=5, least=1.0, by_wall=True, devices=True),
)
BY_NAME = {each.name: each for each in CLASSES}

# Wall time from power-on to the shell prompt.
BOOT_TARGET, BOOT_AIM = 2.0, 4.0
# Atoll alone: from process start to the first guest instruction, and memory above the guest's.
FIRST_TARGET_MS = 15
LOADER_TARGET_MS = 20
MEMORY_TARGET_MB = 30


def class_of(workload):
    for each in CLASSES:
        if workload in each.workloads:
            return each
    raise KeyError(workload)
