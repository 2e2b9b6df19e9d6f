#!/usr/bin/env python3
"""bsd.py ATOLL IMAGE ENGINE TEST: one test with the kernel of guest/bsd/, by name. ATOLL is the program,
IMAGE the kernel, ENGINE the engine to run it on, or "qemu". Exit status 0: passed; 1: failed; 77:
skipped, with the reason.

The kernel says "ok ..." and "FAIL ..." for what it tried, in the order of its drivers, and "done". What
a broken driver does is part of what is expected here, so each test names the lines it wants."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from screen import blank, difference, painted, read_png

SKIPPED = 77
PATIENCE = 240
WIDTH, HEIGHT = 330, 214  # no multiples of anything
RAM = 0x70000000
KERNBASE = 0xffffff8000200000  # guest/bsd/pmap.h
DISPLAY = 0x40000000           # where a program's mmap of the display is, guest/bsd/uvm.c
# VIRTIO_F_VERSION_1, INDIRECT_DESC, EVENT_IDX, and of virtio-net STATUS, MAC, MTU, GUEST_CSUM, CSUM:
# what OpenBSD's if_vio.c 1.78 ends with on Apple's machine.
FEATURES_ON_APPLE = "0x13001002b"


class Failure(Exception):
    """What the test expected did not happen."""


class Skip(Exception):
    """The test cannot run here; its text says why."""


class Bench:
    """What a test has at hand: the program, the kernel, an engine, a directory of its own."""

    def __init__(self, atoll, image, engine, directory):
        self.atoll, self.image, self.engine, self.directory = atoll, image, engine, directory

    def scratch(self, name):
        return os.path.join(self.directory, name)

    def disk(self):
        with open(self.scratch("disk.img"), "wb") as file:
            file.truncate(1 << 20)
        return self.scratch("disk.img")

    def run(self, append, *arguments, gpu=True, net="user", done=True):
        """Run the kernel on Atoll to its power-off; the result has its console, Atoll's log, the
        picture. A kernel that is to panic is not `done`."""
        picture = self.scratch("screen.png")
        command = [self.atoll, "run", "--engine", self.engine, "--kernel", self.image,
                   "--memory", "256M", "--append", append, "--net", net, *arguments]
        if gpu:
            command += ["--gpu", f"{WIDTH}x{HEIGHT}", "--screenshot", picture]
        print("+", " ".join(command), flush=True)
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=PATIENCE)
        result = Result(ended.stdout, ended.stderr, picture if gpu else None)
        if ended.returncode != 0:
            raise Failure(f"atoll ended with status {ended.returncode}")
        if done:
            result.expect("done")
        return result


class Result:
    """What a run said and showed."""

    def __init__(self, console, log, picture):
        self.console = console.decode(errors="replace").replace("\r", "").splitlines()
        self.log = log.decode(errors="replace").splitlines()
        self.picture = picture
        print("\n".join(self.console + ["-- log"] + self.log), flush=True)

    def expect(self, *lines):
        """The console said these lines, in this order, among others."""
        at = 0
        for line in lines:
            if line not in self.console[at:]:
                raise Failure(f"the kernel did not say {line!r}")
            at = self.console.index(line, at) + 1

    def without(self, *words):
        """No line of the console has any of the words."""
        for line in self.console:
            if any(word in line for word in words):
                raise Failure(f"the kernel said {line!r}")

    def find(self, pattern):
        """The first match of a regular expression on a line of the console."""
        for line in self.console:
            match = re.search(pattern, line)
            if match:
                return match
        raise Failure(f"the kernel said nothing like {pattern!r}")

    def logged(self, *patterns):
        """Atoll's log has a line for each of the regular expressions."""
        text = "\n".join(self.log)
        for pattern in patterns:
            if not re.search(pattern, text):
                raise Failure(f"the log has nothing like {pattern!r}")

    def silent(self):
        """Atoll had nothing to say about a driver or an access."""
        for line in self.log:
            if re.search(r"driver|refuse|fault|abort|address|virtio|malformed|feature", line, re.I):
                raise Failure(f"the log has {line!r}")

    def shows(self, wanted):
        what = difference(read_png(self.picture), wanted)
        if what:
            raise Failure(f"the screen: {what}")

    def numbers(self, pattern):
        """The hexadecimal numbers in the pattern's groups."""
        return tuple(int(number, 16) for number in self.find(pattern).groups())

    def buffer(self):
        """(kernel virtual address, physical address) of the frame buffer."""
        return self.numbers(r"frame buffer kva 0x(\w+) pa 0x(\w+)")


NET = ("ok vio0: arp", "ok vio0: ping of 56 bytes", "ok vio0: ping of 1472 bytes")
STUCK = "FAIL viogpu0: the user program did not end well"


# The tests. The first line of each docstring is what it shows.

def drivers(bench):
    """Every right driver works, by message interrupts and by polling, and Atoll has nothing to say."""
    for how in ("intr=msix", "intr=poll"):
        result = bench.run(f"gpu=pa net=new {how}", "--disk", bench.disk(),
                           "--console", "stdio", "--console", "none,port=virtio")
        result.expect("ok viornd0: entropy", "ok vioblk0: a sector written, flushed and read",
                      "ok viocon0: console", *NET, "user: painted", "ok viogpu0: picture painted")
        result.without("FAIL")
        result.find("vio0: polled" if how == "intr=poll" else "vio0: msix per-VQ")
        result.silent()


def strict(bench):
    """The same on Apple's machine: the console is virtio's, the features are those a Mac gives."""
    result = bench.run("gpu=pa net=new", "--strict", "--disk", bench.disk())
    result.expect("vio0: GUEST_TSO without CTRL_GUEST_OFFLOADS and MRG_RXBUF: again without TSO",
                  f"vio0: msix per-VQ, features {FEATURES_ON_APPLE}",
                  "ok vioblk0: a sector written, flushed and read", "ok viocon0: console", *NET,
                  "ok viogpu0: picture painted")
    result.without("FAIL", "pluart0")
    result.shows(painted(WIDTH, HEIGHT))
    result.silent()


def old_net(bench):
    """A driver that does not know MTU works by default, and fails on Apple's machine as on a Mac."""
    result = bench.run("net=old", gpu=False)
    result.expect(*NET)
    result.without("FAIL", "negotiation failed")
    result.logged(r"Apple's machine would refuse .*VIRTIO_NET_F_MTU")
    if sum("VIRTIO_NET_F_MTU" in line for line in result.log) != 1:
        raise Failure("the log says it more than once")

    result = bench.run("net=old", "--strict", gpu=False)
    result.expect("vio0: Feature negotiation failed", "ok viocon0: console")
    result.without("vio0: arp", "FAIL")
    result.logged(r"FEATURES_OK", r"VIRTIO_NET_F_MTU")


def mtu(bench):
    """The device's MTU is taken, frames of that length go to and fro, and 65435 is the most."""
    for size in (1280, 1500, 9000, 65435):
        for machine in ([], ["--strict"]):
            result = bench.run("net=new", *machine, gpu=False, net=f"user,mtu={size}")
            result.find(rf"vio0: address .*, hardmtu {size} \(the device's\)")
            result.expect("ok vio0: arp", f"ok vio0: ping of {size - 28} bytes")
            result.without("FAIL")
            result.silent()


def screen(bench):
    """What the user program paints through the physical address is what the screen shows."""
    for append in ("gpu=pa", "gpu=pa fb=0x4321000 resource=77 slide=0x7654000 base=0x2600000"):
        result = bench.run(append, net="none")
        result.expect("user: painted", "ok viogpu0: picture painted")
        result.without("FAIL")
        result.shows(painted(WIDTH, HEIGHT))
        result.silent()


def check_explanation(result, resource, row=0):
    """The log tells of the program's first store, with this run's own numbers, each in its place."""
    offset = row * WIDTH * 4
    buffer_kva, pa = (number + offset for number in result.buffer())
    address = buffer_kva & ((1 << 48) - 1)  # what the page table keeps of it
    result.logged(rf"pc 0x\w+, wrote to virtual address 0x{DISPLAY + offset:x}, .* physical address "
                  rf"0x{address:x}\b",
                  rf"0x{address:x}\b.* kernel virtual address 0x{buffer_kva:x}\b.* physical address "
                  rf"0x{pa:x}\b.* virtio-gpu resource {resource}, offset 0x{offset:x}\b")
    for line in result.console:
        trap = re.match(r"trap: .* far 0x(\w+) pc 0x(\w+)", line)
        if trap:
            result.logged(rf"pc 0x{trap[2]}, wrote to virtual address 0x{trap[1]}\b")


def kva(bench):
    """Mapped by its kernel virtual address, the program faults for ever, the screen stays black."""
    result = bench.run("gpu=kva refaults=5", net="none")
    buffer_kva, _ = result.buffer()
    result.expect("user: painting", f"user: its driver gave the physical address 0x{buffer_kva:x}",
                  STUCK)
    result.find(r"trap: (address size fault|synchronous external abort): esr 0x92000")
    result.without("painted")
    result.shows(blank(WIDTH, HEIGHT))


def serror(bench):
    """By SError, as Apple's machine seems to answer, the kernel panics at once."""
    for machine in (["--strict"], ["--quirk", "wild-access=serror"]):
        result = bench.run("gpu=kva", *machine, net="none", done=False)
        result.expect("user: painting")
        result.find(r"panic: SError: esr 0xbe\w+ pc 0x\w+ \(user\)")
        result.without("stuck", "painted", "done")


def ignored(bench):
    """On a machine that ignores it, the program paints into nowhere, and the screen stays black."""
    result = bench.run("gpu=kva", "--quirk", "wild-access=ignore", net="none")
    result.expect("user: painted",
                  "FAIL viogpu0: what the user program painted is not in the frame buffer")
    result.shows(blank(WIDTH, HEIGHT))


def explained(bench):
    """Whatever the machine answers, the log tells where the address leads and what it really is."""
    for answer in ("sync", "serror", "ignore"):
        result = bench.run("gpu=kva", "--quirk", f"wild-access={answer}", net="none",
                           done=answer != "serror")
        check_explanation(result, 1)


MOVES = (
    ("fb=0x2345000 resource=7", 7, 0),
    ("kva=0x1239000 resource=4096 row=100", 4096, 100),
    ("slide=0x3579000 base=0x3200000 resource=2 user=0x7654000", 2, 0),
    ("fb=0x5000000 kva=0x77000 slide=0xabc000 base=0x600000 resource=33 row=213 user=0x3000", 33, 213),
)


def moved(bench):
    """The explanation follows the buffer, its addresses, the resource, the kernel and the program."""
    seen = set()
    for arguments, resource, row in MOVES:
        result = bench.run(f"gpu=kva {arguments}", net="none")
        result.expect(STUCK)
        check_explanation(result, resource, row)
        seen.add(result.buffer())
    if len(seen) != len(MOVES):
        raise Failure("the arguments did not move the buffer")


def image(bench):
    """So it does when the address is one in the kernel's image, which the loader and KASLR move."""
    for base, slide in ((0, 0), (0x1400000, 0), (0x3200000, 0x3579000)):
        result = bench.run(f"gpu=image base={base:#x} slide={slide:#x}", net="none")
        result.expect(STUCK)
        address, pa = result.numbers(r"kernel: image at 0x(\w+), pa 0x(\w+)")
        if (address, pa) != (KERNBASE + slide, RAM + base):
            raise Failure("the arguments did not move the image")
        result.logged(rf"kernel virtual address 0x{address:x}\b.* physical address 0x{pa:x}: RAM\b")
        if any("virtio-gpu resource" in line for line in result.log):
            raise Failure("the log takes the kernel for the frame buffer")


LIES = (
    ("dma=kva", "kernel virtual address, .* physical address 0x{pa:x}"),
    ("dma=kva kva=0x45000", "kernel virtual address, .* physical address 0x{pa:x}"),
    ("dma=outside", "there is nothing at physical address 0x{given:x}"),
    ("dma=device", "what lives at 0x{given:x} is virtio-blk0's BAR 0"),
    ("dma=end", "0x{given:x} is in RAM, but the 512 bytes there run off its end"),
)


def descriptors(bench):
    """A wrong address in a descriptor stops the device, and the log says what is wrong with it."""
    disk = bench.disk()
    for append, words in LIES:
        result = bench.run(append, "--disk", disk, gpu=False, net="none")
        result.expect("vioblk0: device needs reset",
                      "FAIL vioblk0: a sector written, flushed and read")
        _, pa, given = result.numbers(r"buffer kva 0x(\w+) pa 0x(\w+), given as 0x(\w+)")
        result.logged(r"virtio-blk0: .*" + words.format(pa=pa, given=given))
    result = bench.run("gpu=pa backing=kva resource=5", net="none")
    result.find(r"FAIL viogpu0: attach")
    buffer_kva, pa = result.buffer()
    result.logged(rf"virtio-gpu0: the backing of resource 5: 0x{buffer_kva:x} is a kernel virtual address"
                  rf".* physical address 0x{pa:x}\b")


def quiet(bench):
    """With --explain off, the log leaves the explanation out, and the machine does the same."""
    result = bench.run("gpu=kva", "--explain", "off", net="none")
    result.expect(STUCK)
    if any("virtio-gpu resource" in line for line in result.log):
        raise Failure("the log explains")


class Qemu:
    """The kernel on QEMU's virt machine, stopped at its power-off with its last picture."""

    def __init__(self, bench, append, cpu, *devices):
        self.bench = bench
        if not shutil.which("qemu-system-aarch64"):
            raise Skip("qemu-system-aarch64 is not installed (package qemu-system-arm)")
        self.path = bench.scratch("qmp")
        command = ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", cpu, "-m", "256",
                   "-nodefaults", "-no-shutdown", "-display", "none", "-serial", "stdio",
                   "-qmp", f"unix:{self.path},server=on,wait=off", "-kernel", bench.image,
                   "-append", append, *devices]
        print("+", " ".join(command), flush=True)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.kill()
        self.process.wait()
        return False

    def finish(self, picture=True):
        """Wait for "done" and take the picture; a Result."""
        console = b""
        for line in self.process.stdout:
            console += line
            if line.strip() == b"done":
                break
        result = Result(console, b"", None)
        result.expect("done")
        if not picture:
            return result
        path = self.bench.scratch("screen.png")
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(self.path)
            stream = monitor.makefile("rw")
            for name, arguments in (("qmp_capabilities", {}), 
                                    ("screendump", {"filename": path, "format": "png"})):
                stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
                stream.flush()
                answer = next(message for message in map(json.loads, stream)
                              if "return" in message or "error" in message)
                if "error" in answer:
                    raise Failure(f"QEMU: {name}: {answer['error']}")
        result.picture = path
        return result


GPU = ("-device", f"virtio-gpu-pci,xres={WIDTH},yres={HEIGHT}")


def qemu_right(bench):
    """Every right driver works on QEMU too, with 1.x functions and with transitional ones."""
    disk = bench.disk()
    for legacy in ("off", "on"):
        devices = (*GPU, "-netdev", "user,id=net",
                   "-device", f"virtio-net-pci,netdev=net,romfile=,disable-legacy={legacy}",
                   "-drive", f"if=none,id=disk,file={disk},format=raw",
                   "-device", f"virtio-blk-pci,drive=disk,disable-legacy={legacy}",
                   "-device", f"virtio-rng-pci,disable-legacy={legacy}",
                   "-device", f"virtio-serial-pci,disable-legacy={legacy}",
                   "-chardev", f"file,id=con,path={bench.scratch('virtcon')}",
                   "-device", "virtconsole,chardev=con")
        with Qemu(bench, "gpu=pa net=new fb=0x3456000 slide=0x5000", "max", *devices) as machine:
            result = machine.finish()
        result.expect("ok viornd0: entropy", "ok vioblk0: a sector written, flushed and read",
                      "ok viocon0: console", *NET, "ok viogpu0: picture painted")
        result.without("FAIL")
        result.shows(painted(WIDTH, HEIGHT))


def qemu_mtu(bench):
    """An MTU beyond what the driver can do is left alone; another is taken, with whole buffers."""
    for options, hardmtu in (("host_mtu=65500", "2022, merged buffers"),
                             ("host_mtu=9000,mrg_rxbuf=off", "9000 (the device's)")):
        with Qemu(bench, "net=new ping=1472", "max", "-netdev", "user,id=net", "-device",
                  f"virtio-net-pci,netdev=net,romfile=,{options}") as machine:
            result = machine.finish(picture=False)
        result.find(f"vio0: address .*, hardmtu {re.escape(hardmtu)}$")
        if hardmtu.startswith("2022"):
            result.expect("vio0: mtu 65500 not supported")
        result.expect(*NET)
        result.without("FAIL")


def qemu_kva(bench):
    """Bug 2 on QEMU: an external abort on a CPU of 52 bits, an address size fault on one of 44."""
    for cpu, fault in (("max", "synchronous external abort"), ("cortex-a57", "address size fault")):
        with Qemu(bench, "gpu=kva", cpu, *GPU) as machine:
            result = machine.finish()
        result.find(f"trap: {fault}: esr 0x92000")
        result.expect(STUCK)
        result.shows(blank(WIDTH, HEIGHT))


TESTS = {test.__name__: test for test in (
    drivers, strict, mtu, screen, kva, serror, ignored, quiet, old_net, explained, moved,
    image, descriptors, qemu_right, qemu_mtu, qemu_kva)}


def main():
    if len(sys.argv) != 5 or sys.argv[4] not in TESTS:
        sys.exit("usage: bsd.py ATOLL IMAGE ENGINE " + "|".join(TESTS))
    atoll, image, engine, name = sys.argv[1:]
    if not os.path.exists(image):
        print("skipped: no aarch64-linux-gnu-gcc: there is no kernel")
        return SKIPPED
    # Told to stop, it leaves through its `with` statements, so that no machine outlives the test.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="atoll-bsd-") as directory:
        try:
            TESTS[name](Bench(atoll, image, engine, directory))
        except Skip as reason:
            print(f"skipped: {name}: {reason}")
            return SKIPPED
        except Failure as what:
            print(f"\nFAILED: {name}: {what}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
