#!/usr/bin/env python3
"""boot.py ATOLL GUESTS TEST: one boot test, by name. ATOLL is the program, GUESTS the directory
that tools/guest-debian fills. Exit status 0: passed; 1: failed; 77: skipped, with the reason."""

import contextlib
import hashlib
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

import programs as debian_programs
from guest import ENDINGS, Failure, Guest

SKIPPED = 77
# atoll's exit status (atoll(1)).
RESET, QUIT = 3, 4
ESCAPE = b"\x01"  # Ctrl-A


class Skip(Exception):
    """The test cannot run here; its text says why."""


class Bench:
    """What a test has at hand: the program, the guests' files, a directory of its own."""

    def __init__(self, atoll, guests, directory):
        self.atoll, self.guests, self.directory = atoll, guests, directory

    def file(self, name):
        path = os.path.join(self.guests, name)
        if not os.path.exists(path):
            raise Skip(f"{path} is not there: run tools/guest-debian")
        return path

    def scratch(self, name):
        return os.path.join(self.directory, name)

    def disk(self, name="disk.img"):
        """A copy of the guest's disk, to write to."""
        copy = self.scratch("copy-" + name)
        subprocess.run(["cp", "--sparse=always", self.file(name), copy], check=True)
        return copy

    def linux(self, *arguments, kernel="cloud", append="root=/dev/vda", disk=None, **how):
        """Start a Debian guest from its disk."""
        disk = self.disk() if disk is None else disk
        return Guest(self.atoll, [
            "--kernel", self.file(f"{kernel}/linux"), "--initrd", self.file(f"{kernel}/initrd.gz"),
            "--append", append, "--disk", disk, *arguments], **how)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def web_server(directory, visits=None):
    """An HTTP server on the host's loopback; gives its port, and adds each client to `visits`."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, request, client, *arguments):
            if visits is not None:
                visits.append(client)
            super().__init__(request, client, *arguments, directory=directory)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def expect_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {got!r}, not {wanted!r}")


# The tests. The first line of each docstring is what it shows.

def shell(bench):
    """A shell with disk and network; what it wrote survives a reboot; poweroff ends with 0."""
    payload = os.urandom(1 << 20)
    with open(bench.scratch("payload"), "wb") as file:
        file.write(payload)
    disk = bench.disk()
    port = free_port()
    with web_server(bench.directory) as web, bench.linux(
            "--net", f"user,host=on,forward=tcp:{port}:7000", "--reboot", disk=disk) as guest:
        guest.shell()
        guest.check("ping -c 2 10.0.2.2")

        guest.check(f"wget -q -O /root/payload http://10.0.2.2:{web}/payload")
        text = guest.check("sha256sum /root/payload")
        if hashlib.sha256(payload).hexdigest() not in text:
            raise Failure("wget fetched something else than the server has")

        guest.send("echo from-the-guest | nc -l -p 7000 >/root/inwards\n")
        answer = talk(port, b"from-the-host\n")
        expect_equal(answer.strip(), b"from-the-guest", "what the forwarded port answered")
        guest.shell()
        guest.check("grep -x from-the-host /root/inwards")

        guest.check("dd if=/dev/urandom of=/root/data bs=64k count=64 conv=fsync")
        before = guest.check("sha256sum /root/data")
        guest.send("reboot\n")
        guest.expect(rb"Linux version")
        guest.shell()
        expect_equal(guest.check("sha256sum /root/data"), before, "what dd wrote, after a reboot")
        guest.poweroff()
        expect_equal(guest.explained(), [], "what there was to explain about right drivers")
    check = subprocess.run(["/sbin/e2fsck", "-f", "-n", disk], stdout=subprocess.PIPE)
    expect_equal(check.returncode, 0, "e2fsck of the disk after poweroff")


def talk(port, message):
    """Send a message to the forwarded port until somebody in the guest answers."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as peer:
            peer.settimeout(10)
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)
            answer = peer.recv(4096)
            if answer:
                return answer
        time.sleep(0.2)
    raise Failure("nobody answered at the forwarded port")


def nested(bench):
    """A guest that may have guests starts at EL2, its second CPU as well, and calls PSCI by SMC. (The
    double of Hypervisor.framework, where alone this is run, has no hypervisor's EL2: Linux finds EL1.)"""
    with bench.linux("--nested", "--cpus", 2, "--reboot") as guest:
        guest.shell()
        expect_equal(guest.check("nproc").strip(), "2", "number of CPUs")
        expect_equal(guest.check("tr -d '\\0' </proc/device-tree/psci/method").strip(), "smc", "the conduit")
        guest.send("reboot\n")
        guest.expect("Booting Linux")
        guest.shell()
        guest.poweroff()


def smp(bench):
    """Four CPUs run a parallel load and agree on its results."""
    with bench.linux("--cpus", 4, "--memory", "512M") as guest:
        guest.shell()
        expect_equal(guest.check("nproc").strip(), "4", "number of CPUs")
        guest.check("dd if=/dev/urandom of=/tmp/data bs=64k count=32")
        guest.check("for i in 1 2 3 4 5 6 7 8; do"
                    " (gzip -c /tmp/data | gunzip | sha256sum >/tmp/sum$i) & done; wait;"
                    " cat /tmp/sum? | sort -u | wc -l | grep -qx 1")
        times = guest.check("grep '^cpu[0-9]' /proc/stat").splitlines()
        if len(times) != 4 or any(sum(map(int, line.split()[1:4])) == 0 for line in times):
            raise Failure(f"not every CPU ran something: {times}")
        guest.poweroff()


def threads(bench):
    """Two CPUs with disk and network, little enough to do for ThreadSanitizer to follow."""
    with bench.linux("--cpus", 2, "--memory", "256M") as guest:
        guest.shell()
        guest.check("for i in 1 2 3 4; do sha256sum /bin/busybox >/root/sum$i & done; wait;"
                    " sync; cat /root/sum? | sort -u | wc -l | grep -qx 1")
        guest.check("ping -c 1 10.0.2.2")
        guest.poweroff()


def strict(bench):
    """Apple's machine without extensions: the shell is on the virtio console, with no PL011."""
    with bench.linux("--strict", append="root=/dev/vda console=hvc0") as guest:
        guest.shell()
        guest.check("[ ! -e /sys/class/tty/ttyAMA0/device/driver ] && [ -c /dev/hvc0 ]")
        guest.check("ping -c 1 10.0.2.2")
        guest.poweroff()
        expect_equal(guest.explained(), [], "what there was to explain about right drivers")


def jumbo(bench):
    """Frames of the longest MTU go to and fro, on Apple's machine too."""
    for machine in ([], ["--strict"]):
        append = "root=/dev/vda console=hvc0" if machine else "root=/dev/vda"
        with bench.linux("--net", "user,mtu=65435", *machine, append=append) as guest:
            guest.shell()
            guest.check("ip link set eth0 mtu 65435")
            guest.check("ping -c 2 -s 65407 10.0.2.2")
            guest.poweroff()
            expect_equal(guest.explained(), [], "what there was to explain about right drivers")


def generic(bench):
    """Debian 12's generic kernel boots; the power button switches it off."""
    with bench.linux(kernel="generic", terminal=True) as guest:
        guest.shell()
        guest.check("ping -c 1 10.0.2.2")
        guest.send(ESCAPE + b"p")
        guest.wait(0)


def trixie(bench):
    """Debian 13's kernel boots."""
    with bench.linux(kernel="trixie") as guest:
        guest.shell()
        guest.check("ping -c 1 10.0.2.2")
        guest.poweroff()


def installer(bench):
    """The Debian 12 network installer reaches its first screen, on the console."""
    arguments = ["--kernel", bench.file("installer/linux"),
                 "--initrd", bench.file("installer/initrd.gz"), "--append", "TERM=vt102"]
    with Guest(bench.atoll, arguments, terminal=True) as guest:
        guest.expect(rb"(Select a language|Choose a language)")
        guest.send(ESCAPE + b"x")
        guest.wait(QUIT)


def reset(bench):
    """Without --reboot, a guest's reset ends the program with a status of its own."""
    with bench.linux() as guest:
        guest.shell()
        guest.send("reboot\n")
        guest.wait(RESET)


def stdin(bench):
    """The end of standard input does not end the machine."""
    with bench.linux("--net", "none", stdin=subprocess.DEVNULL) as guest:
        guest.shell()
        guest.alive(3)
        guest.signal(signal.SIGTERM)
        guest.wait(QUIT)


def terminal(bench):
    """The terminal is raw while the guest has it, and as it was after every way out."""
    ways = [("the quit key", None)] + [(number.name, number) for number in ENDINGS]
    for name, number in ways:
        with bench.linux("--net", "none", terminal=True) as guest:
            guest.expect(rb"Linux version")
            if termios.tcgetattr(guest.terminal) == guest.settings:
                raise Failure("the terminal was not made raw")
            if number is None:
                guest.send(ESCAPE + b"x")
            else:
                guest.signal(number)
            guest.wait(QUIT)
            expect_equal(termios.tcgetattr(guest.terminal), guest.settings,
                         f"the terminal's settings after {name}")


def capture(bench):
    """A capture file of the network is one that Wireshark opens."""
    if not shutil.which("tshark"):
        raise Skip("tshark is not installed")
    path = bench.scratch("net.pcapng")
    with bench.linux("--net", f"user,capture={path}") as guest:
        guest.shell()
        guest.check("ping -c 3 10.0.2.2")
        guest.poweroff()
    tshark = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "_ws.col.Protocol"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    expect_equal(tshark.returncode, 0, "tshark's exit status: " + tshark.stderr.decode())
    protocols = tshark.stdout.decode().split()
    if protocols.count("ICMP") < 6 or "DHCP" not in protocols:
        raise Failure(f"the capture lacks the guest's DHCP or pings: {protocols}")


def isolated(bench):
    """The host's loopback cannot be reached unless host=on."""
    for host, wanted in ("on", 1), ("off", 0):
        visits = []
        with web_server(bench.directory, visits) as web, \
                bench.linux("--net", f"user,host={host}") as guest:
            guest.shell()
            guest.check("ping -c 1 10.0.2.2")
            guest.run(f"echo | nc -w 5 10.0.2.2 {web}")
            guest.poweroff()
        expect_equal(len(visits), wanted, f"connections at the host's server with host={host}")


def idle(bench):
    """An idle shell costs under 2 % of a core."""
    with bench.linux() as guest:
        guest.shell()
        guest.alive(5)
        before = guest.cpu_seconds()
        guest.alive(20)
        used = (guest.cpu_seconds() - before) / 20
        print(f"\nidle: {used:.2%} of a core")
        if used >= 0.02:
            raise Failure(f"an idle guest costs {used:.1%} of a core")
        guest.poweroff()


def memory(bench):
    """The smallest memory boots, and more than the host has starts with a warning."""
    with bench.linux("--memory", "128M") as guest:
        guest.shell()
        guest.poweroff()
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        if int(meminfo.readline().split()[1]) >= 64 << 20:
            return
    with bench.linux("--memory", "64G") as guest:
        guest.expect(rb"memory")
        guest.expect(rb"Linux version")
        guest.signal(signal.SIGTERM)
        guest.wait(QUIT)


def qcow2(bench):
    """A root disk in qcow2 works, and its image is whole afterwards."""
    if not shutil.which("qemu-img"):
        raise Skip("qemu-img is not installed")
    image = bench.scratch("disk.qcow2")
    subprocess.run(["qemu-img", "convert", "-c", "-O", "qcow2", bench.file("disk.img"), image],
                   check=True)
    with bench.linux("--net", "none", disk=f"{image},format=qcow2") as guest:
        guest.shell()
        guest.check("dd if=/dev/urandom of=/root/data bs=64k count=64 conv=fsync")
        guest.poweroff()
    subprocess.run(["qemu-img", "check", image], check=True)


def locked(bench):
    """Two machines never write one image: the second says so and does not start."""
    disk = bench.disk()
    with bench.linux(disk=disk) as guest:
        guest.expect(rb"Linux version")
        with bench.linux(disk=disk) as second:
            second.expect(disk)
            second.wait(1)
        guest.alive(1)
        guest.signal(signal.SIGTERM)
        guest.wait(QUIT)


def full(bench):
    """A full host disk is an I/O error in the guest, and the machine goes on."""
    small = bench.scratch("small")
    os.mkdir(small)
    image = os.path.join(small, "image")
    # A file system of its own, in a namespace of its own, so that no root is needed.
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-euc",
               f"mount -t tmpfs -o size=8m none {small}; truncate -s 64M {image}; exec \"$@\"", "sh"]
    if subprocess.run(wrapper + ["true"], stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("this host allows no user namespaces")
    with bench.linux("--disk", image, "--net", "none", wrapper=wrapper) as guest:
        guest.shell()
        guest.check("dd if=/dev/urandom of=/dev/vdb bs=64k count=16 conv=fsync")
        status, _ = guest.run("dd if=/dev/urandom of=/dev/vdb bs=64k count=512 conv=fsync")
        if status == 0:
            raise Failure("the guest wrote 32 MB to a file system of 8")
        guest.check("dd if=/dev/vdb of=/dev/null bs=64k count=16")
        guest.poweroff()


def gzip(bench):
    """A gzip-compressed kernel boots like the one it was made from."""
    packed = bench.scratch("linux.gz")
    with open(packed, "wb") as file:
        subprocess.run(["gzip", "-1", "-c", bench.file("cloud/linux")], stdout=file, check=True)
    with Guest(bench.atoll, ["--kernel", packed, "--initrd", bench.file("cloud/initrd.gz"),
                             "--net", "none"]) as guest:
        guest.shell()
        guest.poweroff()


def programs(bench):
    """coreutils, gzip, openssl and python3 print the same as under qemu-aarch64."""
    if not shutil.which("qemu-aarch64"):
        raise Skip("qemu-aarch64 is not installed (package qemu-user)")
    tree = bench.file("programs")
    disk = debian_programs.prepare(tree, bench.file("programs.img"), bench.directory)
    wanted = debian_programs.expected(tree)
    with bench.linux("--disk", disk) as guest:
        guest.shell()
        guest.check("mount /dev/vdb /mnt && mount -t devtmpfs dev /mnt/dev && "
                    "mount -t proc proc /mnt/proc && mount -t tmpfs tmp /mnt/tmp")
        text = guest.check("chroot /mnt /bin/busybox sh /data/run")
        guest.poweroff()
    got = [line.strip() for line in text.splitlines() if line.startswith("case ")]
    for command, ours, theirs in zip(debian_programs.COMMANDS, got, wanted):
        expect_equal(ours, theirs, " ".join(command)[:60])
    expect_equal(len(got), len(wanted), "number of commands that ran")


def hwdebug(bench):
    """A debugger's single-steps, hardware breakpoints and watchpoints, through Linux's ptrace."""
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if not compiler:
        raise Skip("aarch64-linux-gnu-gcc is not installed (package gcc-aarch64-linux-gnu)")
    program = bench.scratch("hwdebug")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hwdebug.c")
    subprocess.run([compiler, "-O1", "-static", "-o", program, source], check=True)
    disk = bench.disk()
    subprocess.run(["/sbin/debugfs", "-w", "-R", f"write {program} /root/hwdebug", disk],
                   check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with bench.linux(disk=disk) as guest:
        guest.shell()
        text = guest.check("chmod +x /root/hwdebug && /root/hwdebug")
        guest.poweroff()
    wanted = ["20 steps", "6 breakpoints"] + 3 * ["breakpoint"] + \
        ["4 watchpoints", "written", "read", "exit 7"]
    expect_equal([line.strip() for line in text.split("\n") if line.strip()], wanted,
                 "what the debugger saw")


def systemd(bench):
    """A debootstrapped Debian with systemd: login, a package from a local mirror, clean shutdown."""
    disk = bench.disk("systemd.img")
    mirror = bench.file("mirror")
    with web_server(mirror) as web, Guest(bench.atoll, [
            "--kernel", bench.file("generic/linux"), "--initrd", bench.file("generic/initrd.gz"),
            "--append", "root=/dev/vda", "--disk", disk, "--net", "user,host=on", "--reboot",
            "--memory", "1G", "--cpus", 2]) as guest:
        guest.expect(rb"login: ")
        guest.send("root\n")
        guest.expect(rb"root@[^\r\n]*# ")
        guest.send("PS1='atoll:\\w# '\n")
        guest.shell()
        guest.check("systemctl is-system-running --wait | grep -E 'running|degraded'")
        guest.check(f"echo 'deb [trusted=yes] http://10.0.2.2:{web}/ ./' >/etc/apt/sources.list")
        guest.check("apt-get update")
        guest.check("apt-get install -y hello")
        if "Hello, world!" not in guest.check("hello"):
            raise Failure("the installed package does not work")
        guest.send("poweroff\n")
        guest.wait(0)
    check = subprocess.run(["/sbin/e2fsck", "-f", "-n", disk], stdout=subprocess.PIPE)
    expect_equal(check.returncode, 0, "e2fsck of the disk after the shutdown")


AUTOCONF = [rb"psci\d+ at ", rb"agintc\d+ at ", rb"agintcmsi\d+|ampintcmsi\d+", rb"agtimer\d+ at ",
            rb"pluart\d+ at ", rb"vio\d+ at virtio", rb"vioblk\d+ at virtio", rb"msix per-VQ"]


def bsd(bench):
    """A BSD that the user has reaches the end of autoconf with its drivers attached."""
    kernel, image = os.environ.get("ATOLL_KERNEL"), os.environ.get("ATOLL_IMAGE")
    if not kernel:
        raise Skip("no BSD was given: make check-guest KERNEL=bsd [IMAGE=disk]")
    if not image:
        image = bench.scratch("empty.img")
        with open(image, "wb") as file:
            file.truncate(64 << 20)
    with Guest(bench.atoll, ["--kernel", kernel, "--disk", image, "--net", "user",
                             "--cpus", 2]) as guest:
        guest.expect(rb"OpenBSD")
        guest.expect(rb"(root device:|root on |boot device: )")
        for driver in AUTOCONF:
            guest.seen = 0
            guest.expect(driver, patience=1)
        # A driver from before MTU was asked for is right but for that, which is said once.
        lines = guest.explained()
        if not (len(lines) in (0, 2) and all(b"if_vio.c" in line or b"VIRTIO_NET_F_MTU" in line
                                             for line in lines)):
            raise Failure(f"about this kernel's drivers, the log has {lines}")


TESTS = {test.__name__: test for test in (
    shell, nested, smp, threads, strict, jumbo, generic, trixie, installer, reset, stdin, terminal, capture,
    isolated, idle, memory, qcow2, gzip, locked, full, programs, hwdebug, systemd, bsd)}


def main(tests):
    if len(sys.argv) != 4 or sys.argv[3] not in tests:
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} ATOLL GUESTS " + "|".join(tests))
    atoll, guests, name = sys.argv[1:]
    # Told to stop, it leaves through its `with` statements, so that no machine outlives the test.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="atoll-boot-") as directory:
        try:
            tests[name](Bench(atoll, guests, directory))
        except Skip as reason:
            print(f"skipped: {name}: {reason}")
            return SKIPPED
        except Failure as what:
            print(f"\nFAILED: {name}: {what}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(TESTS))
