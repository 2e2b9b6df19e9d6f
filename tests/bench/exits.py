#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""exits.py: how often guests of Atoll and of QEMU leave for KVM and for user space.

On the emulated arm64 host of tests/kvm/host.py, the same guest kernel runs in each of the two by the
same KVM, with the same virtio devices (network, disk, entropy, balloon), and does the same work. What is counted
is KVM's own (/sys/kernel/debug/kvm): all exits, those that end in user space with a device's
access, and WFIs. So the numbers hold on real machines as well, unlike times.

    tests/bench/exits.py --atoll PROGRAM [--cpus N] [--only atoll|qemu] [--json FILE]

PROGRAM is Atoll for arm64. Prints a table with the ratio of Atoll to QEMU.
"""

import argparse
import json
import os
import sys
import tempfile

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(TOP, "tests/kvm"))

import host as emulated  # noqa: E402  (found by the path above)
from guest import Failure  # noqa: E402

EXITS = os.path.join(TOP, "build/bench/exits")
COUNTERS = ["exits", "mmio_exit_user", "mmio_exit_kernel", "hvc_exit_stat", "wfi_exit_stat",
            "signal_exits"]
PORT = 5001
IDLE_SECONDS = 30

# What: (the workload's arguments, what it counts).
WORK = {
    "read, depth 1": ("read /dev/vda 1 2000", "read"),
    "read, depth 32": ("read /dev/vda 32 4000", "read"),
    "send, 1 stream": (f"send {{sink}} {PORT} 1 4096", "packet"),
    "send, 16 streams": (f"send {{sink}} {PORT} 16 256", "packet"),
}

APPEND = "console=ttyAMA0 quiet"
COMMANDS = {
    "atoll": "atoll run --engine kvm --cpus {cpus} --memory 256M --kernel /mnt/guest/linux"
             " --initrd /mnt/guest/initrd.gz --append '" + APPEND + "' --disk /mnt/guest/disk.img"
             " --net user,host --console stdio",
    "qemu": "/mnt/lib/" + emulated.LOADER + " --library-path /mnt/qemu:/mnt/lib"
            " /mnt/qemu/qemu-system-aarch64 -M virt,gic-version=3 -accel kvm -cpu host -smp {cpus}"
            " -m 256 -nodefaults -display none -serial stdio -kernel /mnt/guest/linux"
            " -initrd /mnt/guest/initrd.gz -append '" + APPEND + "'"
            " -drive file=/mnt/guest/disk.img,format=raw,if=none,id=d -device virtio-blk-pci,drive=d"
            " -netdev user,id=n -device virtio-net-pci,netdev=n,romfile="
            " -device virtio-rng-pci -device virtio-balloon-pci",
}


def qemu_files():
    """QEMU and its libraries, as {place on the host's disk: file}."""
    tree = os.path.join(EXITS, "qemu")
    folders = [os.path.join(tree, place) for place in emulated.LIBRARIES]
    # Some libraries lie in folders of their own, which ld.so.conf.d names on a real system.
    folders += [entry.path for place in folders for entry in os.scandir(place) if entry.is_dir()]
    files = {"qemu/qemu-system-aarch64": os.path.join(tree, "usr/bin/qemu-system-aarch64")}
    todo = list(files.values())
    while todo:
        for name in emulated.needed(todo.pop()):
            found = [os.path.join(folder, name) for folder in folders
                     if os.path.exists(os.path.join(folder, name))]
            if not found:
                raise Failure(f"QEMU needs {name}, which none of its packages has")
            if f"qemu/{name}" not in files:
                files[f"qemu/{name}"] = found[0]
                todo.append(found[0])
    return files


class Monitor:
    """A virtual machine monitor with its guest, on the emulated host, its console on two pipes."""

    def __init__(self, host, name, cpus):
        self.host = host
        self.said = 0  # lines of the console that have been looked at
        host.check("cd /tmp; rm -f in out; mkfifo in; (sleep 100000 >in & echo $! >holder); true")
        host.check(f"{COMMANDS[name].format(cpus=cpus)} <in >out 2>&1 & echo $! >monitor")
        self.await_line("~ *#|atoll:")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.host.check("kill $(cat monitor holder); wait; true")
        return False

    def await_line(self, pattern):
        """Wait until the console has said this since the last time; return the line."""
        wait = (f"until tail -n +{self.said + 1} out | grep -qE '{pattern}'; do "
                "kill -0 $(cat monitor) || { tail -n 20 out; break; }; sleep 0.2; done; "
                f"tail -n +{self.said + 1} out | grep -E '{pattern}' | tail -n 1; wc -l <out")
        lines = [line for line in self.host.check(wait).splitlines() if line.strip()]
        self.said = int(lines[-1])
        if len(lines) < 2:
            raise Failure("the guest's monitor ended")
        return lines[-2]

    def type(self, text):
        self.host.check(f"echo '{text}' >in")

    def counters(self):
        text = self.host.check("cd /sys/kernel/debug/kvm; cat " + " ".join(COUNTERS) + "; cd /tmp")
        return dict(zip(COUNTERS, map(int, text.split())))

    def work(self, arguments):
        """The counters' differences over a workload, and its count."""
        self.type(f"/bench/exits {arguments}")
        self.await_line("^ready")
        before = self.counters()
        self.type("")
        count = int(self.await_line("^done [0-9]").split()[1])
        after = self.counters()
        return {name: after[name] - before[name] for name in COUNTERS}, count


def idle(monitor):
    before = monitor.counters()
    monitor.host.check(f"sleep {IDLE_SECONDS}")
    after = monitor.counters()
    return {name: after[name] - before[name] for name in COUNTERS}, IDLE_SECONDS


def measure(host, name, cpus):
    """All measures of one monitor: {what: (counters, count, unit)}."""
    results = {}
    # Each on its own boot's second half would cost a boot each; they run one after the other.
    with Monitor(host, name, cpus) as monitor:
        results["boot"] = (monitor.counters(), 1, "boot")
        host.check("sleep 20")  # what the boot left to be done, as asking for IPv6 routers
        results["idle"] = (*idle(monitor), "second")
        for what, (arguments, unit) in WORK.items():
            results[what] = (*monitor.work(arguments.format(sink="10.0.2.2")), unit)
    return results


def report(results):
    """The table: counters per unit of each monitor, and the ratio."""
    names = list(results)
    print(f"\n{'':18} {'':15}" + "".join(f"{name:>12}" for name in names) + f"{'ratio':>10}")
    for what, (_, _, unit) in results[names[0]].items():
        for counter in COUNTERS:
            rates = [results[name][what][0][counter] / results[name][what][1] for name in names]
            ratio = f"{rates[0] / rates[1]:10.2f}" if len(rates) > 1 and rates[1] else ""
            head = f"{what}, a {unit}" if counter == COUNTERS[0] else ""
            print(f"{head:28} {counter:15}" + "".join(f"{rate:12.2f}" for rate in rates) + ratio)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoll", required=True, help="the program, for arm64")
    parser.add_argument("--cpus", type=int, default=1, help="of the guest")
    parser.add_argument("--only", choices=list(COMMANDS), help="one monitor instead of both")
    parser.add_argument("--json", help="a file for the numbers")
    options = parser.parse_args()
    monitors = [options.only] if options.only else list(COMMANDS)
    files = {"guest/linux": os.path.join(TOP, "build/guest/cloud/linux"),
             "guest/initrd.gz": os.path.join(EXITS, "initrd.gz"),
             "guest/disk.img": os.path.join(EXITS, "disk.img"),
             "bin/exits": os.path.join(EXITS, "exits"), **qemu_files()}
    results = {}
    for name in monitors:  # a host each, so that neither finds a warm cache
        with tempfile.TemporaryDirectory(dir=EXITS) as folder, \
                emulated.Host(folder, [options.atoll], files=files) as host:
            host.check("mount -t debugfs none /sys/kernel/debug")
            host.check(f"(/mnt/bin/exits sink {PORT} &)")
            results[name] = measure(host, name, options.cpus)
    report(results)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
