"""What a monitor costs before and beside the guest's work: from power-on to a shell, from the
process's start to the first instruction of a kernel or of a boot loader on an EFI disk, and memory
above the guest's own."""

import os
import signal
import time

import monitors
from console import Console, Failure

PROMPT = "bench-shell# "
FIRST_BYTE = b"!"
FIRST_RUNS = 15


def boot(monitor, directory, timeout, echo=False):
    """Boots Linux to its shell; seconds to the prompt, and memory when it has been there a second."""
    command = monitor.command(**monitors.guest_files(directory), append=monitors.CONSOLE)
    with Console(command, timeout, echo) as console:
        wall = console.wait_for(PROMPT)
        cpu = console.cpu_seconds()
        time.sleep(1)
        memory = console.memory(monitors.MEMORY_MB)
    return {"monitor": monitor.name, "wall": wall, "cpu": cpu, "guest_mb": memory.guest_mb,
            "own_mb": memory.own_mb}


def first_byte(command):
    """Milliseconds from just before the process is made to the byte that its guest's third
    instruction writes; what a monitor says before that is passed over."""
    reader, writer = os.pipe()
    null = os.open(os.devnull, os.O_RDWR)
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, writer, 1),
        (os.POSIX_SPAWN_DUP2, null, 2), (os.POSIX_SPAWN_CLOSE, reader),
        (os.POSIX_SPAWN_CLOSE, writer)])
    os.close(writer)
    os.close(null)
    try:
        while data := os.read(reader, 4096):
            if FIRST_BYTE in data:
                return (time.monotonic() - start) * 1e3
        raise Failure(f"no byte from the first guest instruction: {' '.join(command)}")
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def first_instruction(monitor, directory):
    """The runs' milliseconds, in order."""
    return first_bytes(monitor, monitor.command(os.path.join(directory, monitor.first_image)))


def first_of_loader(monitor, directory):
    """The same with a boot loader on an EFI disk."""
    return first_bytes(monitor, monitor.efi_command(os.path.join(directory, "first-efi.img")))


def first_bytes(monitor, command):
    return {"monitor": monitor.name,
            "milliseconds": [first_byte(command) for _ in range(FIRST_RUNS)]}
