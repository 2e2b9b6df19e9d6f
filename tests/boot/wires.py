#!/usr/bin/env python3
"""Guests on one wire: a switch with links and captures, its way out, and programs that speak QEMU's
and vfkit's protocols. wires.py ATOLL GUESTS NAME runs one test."""

import contextlib
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import boot
from boot import Failure, Skip, expect_equal
from guest import PROMPT

PORT = 7000


def private(bench):
    """Switches of this test's own."""
    os.environ["XDG_RUNTIME_DIR"] = bench.directory


def atoll(bench, *arguments, status=0):
    """Run a command of atoll's; return what it printed."""
    command = [bench.atoll, *arguments]
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, check=False)
    print(done.stdout, flush=True)
    expect_equal(done.returncode, status, "the status of " + " ".join(command))
    return done.stdout


def start(bench, name, *nets):
    disk = bench.scratch(f"{name}.img")
    subprocess.run(["cp", "--sparse=always", bench.file("disk.img"), disk], check=True)
    return bench.linux(*sum((["--net", net] for net in nets), []), "--memory", "256M", disk=disk)


def address(guest, own, mtu=1500):
    guest.expect(PROMPT)
    guest.check(f"ifconfig eth0 {own} netmask 255.255.255.0 mtu {mtu} up")


def await_carrier(guest, value):
    """Until the guest has heard that its cable is plugged in (1) or not (0)."""
    guest.check(f"until [ $(cat /sys/class/net/eth0/carrier) = {value} ]; do sleep 0.1; done")


def round_trips(guest, peer, count=10):
    """Milliseconds of each ping that came back."""
    _, text = guest.run(f"ping -c {count} -i 0.2 -W 2 {peer}")
    return [float(each) for each in re.findall(r"time=([\d.]+) ms", text)]


def send_file(sender, receiver, to, megabytes):
    """TCP, and what comes is what went."""
    # busybox nc ends with its input, which must not be the file's end before the file has come.
    receiver.check(f"(sleep 600 | nc -l -p {PORT} | md5sum >/tmp/came &) ; sleep 1")
    sender.check(f"head -c {megabytes << 20} /dev/urandom >/tmp/sent; nc {to} {PORT} </tmp/sent")
    receiver.check("until [ -s /tmp/came ]; do sleep 0.2; done")
    expect_equal(receiver.check("cat /tmp/came").split()[0],
                 sender.check("md5sum </tmp/sent").split()[0], "what came by TCP")


def ports(bench, name):
    return {port["port"]: port for port in json.loads(atoll(bench, "switch", name, "--json"))["ports"]}


def measure_delay(bench, guest):
    """50 ms within 2 ms, by the fastest answers: a busy host adds to the others."""
    for _ in range(30):
        atoll(bench, "link", "wire", "a", "clear")
        plain = min(round_trips(guest, "10.3.0.2"))
        atoll(bench, "link", "wire", "a", "from", "delay=50ms")
        took = min(round_trips(guest, "10.3.0.2")) - plain
        if 48 <= took <= 52:
            return
    raise Failure(f"a delay of 50 ms took {took:.1f} ms")


def switch(bench):
    """Two guests: ping, TCP both ways with offloads carried, MTU 9000, a link that is told how to
    behave while they run, and a capture of it; nothing is left at the end."""
    private(bench)
    nets = [f"switch:wire,mtu=9000,port={name}" for name in ("a", "b")]
    with start(bench, "a", nets[0]) as a, start(bench, "b", nets[1]) as b:
        address(a, "10.3.0.1", 9000)
        address(b, "10.3.0.2", 9000)
        a.check("ping -c 3 10.3.0.2")
        a.check("ping -c 3 -s 8972 10.3.0.2")
        send_file(a, b, "10.3.0.2", 20)
        send_file(b, a, "10.3.0.1", 20)
        # Segments were not cut on the way: far fewer frames went than 40 MiB have at this MTU.
        frames = ports(bench, "wire")["a"]["from"]["frames"]
        if frames > 40 * 1024 * 1024 // 9000 * 2:
            raise Failure(f"{frames} frames for 40 MiB: offloads were undone")
        path = bench.scratch("link.pcapng")
        capture = subprocess.Popen([bench.atoll, "capture", "wire:b", path, "--filter", "icmp"],
                                   stderr=subprocess.PIPE)
        capture.stderr.readline()
        measure_delay(bench, a)
        capture.terminate()
        expect_equal(capture.wait(30), 0, "atoll capture's status")
        text = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "frame.interface_name", "-e",
                               "icmp.type"], stdout=subprocess.PIPE, text=True, check=True).stdout
        expect_equal(set(text.split("\n")) - {""}, {"b\t8", "b\t0"}, "what was captured")
        atoll(bench, "link", "wire", "a", "down")
        await_carrier(a, 0)
        expect_equal(len(round_trips(a, "10.3.0.2", 2)), 0, "answers over a link that is down")
        atoll(bench, "link", "wire", "a", "clear")
        await_carrier(a, 1)
        a.check("ping -c 3 10.3.0.2")
        atoll(bench, "link", "wire", "a", "from", "down")
        expect_equal(a.check("cat /sys/class/net/eth0/carrier").split()[0], "1",
                     "the carrier while one direction passes")
        atoll(bench, "link", "wire", "a", "clear")
        atoll(bench, "link", "wire", "nobody", "down", status=1)
        atoll(bench, "link", "wire", "a", "delay=50", status=2)
        atoll(bench, "switch", "wire", "--detach", "b")
        await_carrier(b, 0)
        atoll(bench, "switch", "wire", "--stop")
        await_carrier(a, 0)
    deadline = time.monotonic() + 30
    while os.listdir(os.path.join(bench.directory, "atoll/switch")):
        if time.monotonic() > deadline:
            raise Failure("the switch's socket is left behind")
        time.sleep(0.2)


def uplink(bench):
    """Without a way out the host is not there; with one, a guest has an address and reaches it."""
    private(bench)
    atoll(bench, "switch", "out", "--keep")
    with start(bench, "a", "switch:out") as guest:
        guest.expect(PROMPT)
        guest.check("ifconfig eth0 10.0.2.77 netmask 255.255.255.0 up")
        expect_equal(guest.run("ping -c 1 -W 2 10.0.2.2")[0], 1, "ping's status without a way out")
        atoll(bench, "switch", "out", "--uplink", "user,host=on")
        guest.check("udhcpc -i eth0 -n -q")
        guest.check("ping -c 1 -W 5 10.0.2.2")
    atoll(bench, "switch", "out", "--stop")


class Relay(threading.Thread):
    """A program between a socket of QEMU's protocol and one of vfkit's."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.stream_path = os.path.join(directory, "qemu.sock")
        self.message_path = os.path.join(directory, "vfkit.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.stream_path)
        self.listener.listen(1)
        self.messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.messages.bind(self.message_path)
        self.magic = None

    def from_messages(self, stream):
        while True:
            frame, _ = self.messages.recvfrom(65536)
            with contextlib.suppress(OSError):
                stream.sendall(struct.pack(">I", len(frame)) + frame)

    def run(self):
        self.magic, peer = self.messages.recvfrom(65536)
        stream, _ = self.listener.accept()
        threading.Thread(target=self.from_messages, args=(stream,), daemon=True).start()
        file = stream.makefile("rb")
        while head := file.read(4):
            frame = file.read(struct.unpack(">I", head)[0])
            with contextlib.suppress(OSError):
                self.messages.sendto(frame, peer)


def sockets(bench):
    """A guest that speaks QEMU's protocol and one that speaks vfkit's, each chosen by the socket's
    type, and a program between them."""
    relay = Relay(bench.directory)
    relay.start()
    with start(bench, "b", f"socket:{relay.message_path}") as b, \
            start(bench, "a", f"socket:{relay.stream_path}") as a:
        address(a, "10.4.0.1")
        address(b, "10.4.0.2")
        expect_equal(relay.magic, b"VFKT", "vfkit's first message")
        a.check("ping -c 3 10.4.0.2")
        send_file(a, b, "10.4.0.2", 4)
        send_file(b, a, "10.4.0.1", 4)


@contextlib.contextmanager
def tap_device(name, own):
    """A tap device of this test's own, where that is permitted."""
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        raise Skip("making a tap device takes root and /dev/net/tun")
    try:
        made = subprocess.run(["ip", "tuntap", "add", "dev", name, "mode", "tap"], check=False)
    except FileNotFoundError:
        raise Skip("there is no program ip here") from None
    if made.returncode != 0:
        raise Skip("this system makes no tap device")
    try:
        subprocess.run(["ip", "addr", "add", f"{own}/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "link", "del", name], check=True)


def tap(bench):
    """A guest on a tap device, and one on a switch whose way out that is."""
    private(bench)
    with tap_device("atolltap0", "10.5.0.1"):
        with start(bench, "a", "tap:atolltap0") as a:
            address(a, "10.5.0.2")
            a.check("ping -c 3 10.5.0.1")
            a.check("(sleep 600 | nc -l -p 7000 | md5sum >/tmp/came &) ; sleep 1")
            payload = os.urandom(8 << 20)
            with socket.create_connection(("10.5.0.2", PORT), 10) as peer:
                peer.sendall(payload)
            a.check("until [ -s /tmp/came ]; do sleep 0.2; done")
            expect_equal(a.check("cat /tmp/came").split()[0], hashlib.md5(payload).hexdigest(),
                         "what came over the tap device")
        atoll(bench, "switch", "tapped", "--keep", "--uplink", "tap:atolltap0")
        with start(bench, "b", "switch:tapped") as b:
            address(b, "10.5.0.3")
            b.check("ping -c 3 10.5.0.1")
        atoll(bench, "switch", "tapped", "--stop")


def errors(bench):
    """What cannot be is said before anything starts."""
    private(bench)
    kernel = ["--kernel", bench.file("cloud/linux")]
    for net, text in (("tap:nosuchtap0", "no device nosuchtap0"), ("socket:/nowhere", "/nowhere"),
                      ("switch:../x", "cannot be"), ("socket:/x,forward=tcp:1:1", "protocol=")):
        status = 2 if "=" in text or "cannot be" in text else 1
        said = subprocess.run([bench.atoll, "run", *kernel, "--net", net], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if text not in said.stdout or said.returncode != status:
            raise Failure(f"--net {net}: status {said.returncode}: {said.stdout}")


if __name__ == "__main__":
    sys.exit(boot.main({test.__name__: test for test in (switch, uplink, sockets, tap, errors)}))
