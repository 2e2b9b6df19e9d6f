"""Runs workloads in a monitor and takes their times."""

import contextlib
import os
import re
import subprocess

import monitors
from console import Console, Failure

START = re.compile(r"START (\S+)$")
RESULT = re.compile(r"BENCH (\S+) ([\d.]+) ([0-9a-f]{16}) ?(.*)$")
END = re.compile(r"BENCH-END (\d+)$")


@contextlib.contextmanager
def network_peer(directory):
    """The host's end of the network workloads."""
    peer = subprocess.Popen([os.path.join(directory, "peer")])
    try:
        yield
    finally:
        peer.terminate()
        peer.wait()


def command_of(monitor, directory, group, workloads, scale, stay=False):
    append = f"{monitors.CONSOLE} bench={','.join(workloads)} scale={scale:g}"
    append += " devices" if group.devices else ""
    append += " stay" if stay else ""
    disk = os.path.join(directory, "disk.img") if group.devices else None
    return monitor.command(**monitors.guest_files(directory), append=append, cpus=group.cpus,
                           disk=disk)


def watch(console, results):
    """Follows the console to the end of the workloads; puts into the results, by workload, what the
    monitor took from the line that says it starts to the line that says its result."""
    started = None
    for when, line in console.lines():
        if START.search(line):
            started = when, console.cpu_seconds()
        elif (match := RESULT.search(line)) and started:
            results[match[1]] = {
                "cpu": console.cpu_seconds() - started[1], "wall": when - started[0],
                "guest": float(match[2]), "checksum": match[3], "remark": match[4]}
        elif END.search(line):
            return


def run(monitor, directory, group, workloads, scale, timeout, echo=False):
    """One boot of the guest, in which it runs these workloads of one class; also says what failed,
    and keeps what was measured until then."""
    command = command_of(monitor, directory, group, workloads, scale)
    peer = network_peer(directory) if group.devices else contextlib.nullcontext()
    results, failure = {}, None
    with peer, Console(command, timeout, echo) as console:
        try:
            watch(console, results)
        except Failure as what:
            failure = str(what)
        memory = console.memory(monitors.MEMORY_MB)
    missing = [name for name in workloads if name not in results]
    if missing and not failure:
        failure = f"did not run {', '.join(missing)}"
    return {"monitor": monitor.name, "class": group.name, "workloads": results,
            "failure": failure, "guest_mb": memory.guest_mb, "own_mb": memory.own_mb}
