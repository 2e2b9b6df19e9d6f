#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""lab.py ATOLL GUESTS NAME: one test of labs.

  mistakes what `atoll check` says of the labs in mistakes.txt, and of a port that is in use
  peers    peers alone, no machine: TCP, UDP, ICMP, frames and links
  peers6   likewise with IPv6, and frames from the smallest to the largest
  wrong    tests that are to fail do, and say so in TAP, JUnit and captures
  life     up, ps, log, console and down; a lab that is up already; what a killed keeper leaves
  killed   a keeper, a test, a machine, a switch or a peer that is killed leaves nothing for long
  failure  one VM cannot start: why is said, and nothing is left
  layers   what a run writes to its disks is gone with it
  running  tests on a lab that is up, again and again, leave it as it was
  screen   a screen that is read, a keyboard and keys
  nft      docs/labs/nft.lab: Linux and nftables between two wires
  mail     docs/labs/mail.lab: a mail server that only a relay reaches
  wan      docs/labs/wan.lab: a line between two peers that gets worse, fails and comes back
  island   docs/labs/island.lab: machines of a template that reach nobody outside
  router6  IPv6 through a Linux that routes and filters
  pf       docs/labs/pf.lab, on the OpenBSD disk that ATOLL_BSD_EFI_IMAGE names
  pf6      pf and IPv6, likewise
  office   docs/labs/office.lab: pf between a world, a LAN and a DMZ of peers, likewise
  trunk    docs/labs/trunk.lab: two OpenBSD routers and VLANs between them, likewise
"""
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
SKIP = 77


class Lab:
    def __init__(self, atoll, guests):
        self.atoll = pathlib.Path(atoll).resolve()
        self.guests = pathlib.Path(guests).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "run"),
                                XDG_STATE_HOME=str(self.folder / "state"),
                                XDG_DATA_HOME=str(self.folder / "data"))
        for name in ("run", "state", "data"):
            (self.folder / name).mkdir(mode=0o700)

    def run(self, *words, status=0, timeout=120, **more):
        result = subprocess.run([self.atoll, *map(str, words)], env=self.environment, text=True,
                                cwd=self.folder, timeout=timeout, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        print("$ atoll", *words, "->", result.returncode)
        print(result.stdout + result.stderr)
        assert status is None or result.returncode == status, f"it ended with {result.returncode}"
        return result

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def need(self, *names):
        for name in names:
            if not (self.guests / name / "initrd.gz").exists():
                print(f"the guest {name} is missing (tools/guest-debian {name})")
                sys.exit(SKIP)

    def linux(self):
        self.need("generic")
        return (f'kernel "{self.guests}/generic/linux"\n initrd "{self.guests}/generic/initrd.gz"\n'
                ' append "quiet nodhcp"\n memory 192M\n shell prompt "# "\n')

    def left(self):
        """What there still is of any lab."""
        names = [str(p.relative_to(self.folder)) for p in self.folder.rglob("*")
                 if p.is_socket() or "state/atoll/" in str(p)]
        return names + list(self.processes().values())

    def processes(self):
        """Processes with this test's folder in their environment, by number."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
                mine = str(self.folder).encode() in (entry / "environ").read_bytes()
                if mine and state != "Z" and int(entry.name) != os.getpid():
                    found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except (OSError, IndexError):
                continue
        return found

    def kill(self, process):
        os.kill(process, signal.SIGKILL)
        while process in self.processes():
            time.sleep(0.01)

    def await_no_process(self, seconds=60):
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not self.processes(), self.processes()

    def nothing_left(self, seconds=10):
        deadline = time.monotonic() + seconds
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not self.left(), self.left()


def files_of(length):
    """What a process does first that is to find no room beyond so many bytes; it needs
    restore_signals=False, as SIGXFSZ would end it."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (length, length))


def right_line(said, wanted):
    return said.startswith(wanted[:-3]) if wanted.endswith("...") else said == wanted


def mistakes(lab):
    wrong = []
    cases = (HERE / "mistakes.txt").read_text().split("\n== ")[1:]
    for case in cases:
        name, rest = case.split("\n", 1)
        text, wanted = rest.split("-- says\n")
        lab.write("mistake.lab", text)
        result = lab.run("check", "mistake.lab", status=2)
        said = result.stderr.replace(str(lab.folder), "HERE").splitlines()
        wanted = wanted.strip().splitlines()
        if len(said) != len(wanted) or not all(map(right_line, said, wanted)):
            wrong.append(name)
    assert not wrong, wrong
    assert len(cases) > 60
    for kind, protocol in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
        with socket.socket(socket.AF_INET, kind) as used:
            used.bind(("127.0.0.1", 0))
            if protocol == "tcp":
                used.listen()
            port = used.getsockname()[1]
            path = lab.write("port.lab",
                             f"vm a {{\n interface {{ forward {protocol} {port} to 22 }}\n}}\n")
            result = lab.run("check", path, status=2)
            assert f"{path}:2:22: the host's {protocol.upper()} port {port} cannot" in result.stderr


def peers(lab):
    result = lab.run("lab", "test", HERE / "peers.lab", "--junit", "out.xml")
    assert result.stdout.startswith("TAP version 13\n1..8\n")
    assert result.stdout.count("\nok ") == 8
    suite = xml.parse(lab.folder / "out.xml").getroot()
    assert suite.attrib["tests"] == "8" and suite.attrib["failures"] == "0"
    assert not list(lab.folder.glob("*.pcapng")), "captures of tests that were right"
    lab.nothing_left()
    # no file has room: nobody could end a lab whose keeper nobody knows
    result = lab.run("up", HERE / "peers.lab", status=1, restore_signals=False,
                     preexec_fn=files_of(0))
    assert "cannot write its lock" in result.stderr
    lab.nothing_left()


def peers6(lab):
    result = lab.run("lab", "test", HERE / "peers6.lab")
    assert result.stdout.count("\nok ") == 11
    lab.nothing_left()


def wrong(lab):
    (lab.folder / "captures").mkdir()
    result = lab.run("lab", "test", HERE / "wrong.lab", "--junit", "out.xml", "--captures",
                     "captures", status=1)
    count = result.stdout.count("\nnot ok ")
    assert count == 11 and "\nok " not in result.stdout
    for text in ("to be dropped, and it was answered; b has seen it, from 10.0.0.1 port",
                 "to be reset, and it was answered", "to pass, and it was refused: a reset from 10.0.0.2; b has seen it",
                 "10.0.0.2 port 53: it was expected to pass, and it was refused by 10.0.0.2: ICMP, "
                 "port unreachable (type 3, code 3)",
                 "to pass, and there was no answer", "to be reset, and there was no answer",
                 "it was to be translated, and was not", "it arrived with another source",
                 'the answer has no "bye"', 'no frame of "tcp port 4242" on wire',
                 'frames of "tcp port 80" on wire, where none was to be'):
        assert text in result.stdout, text
    suite = xml.parse(lab.folder / "out.xml").getroot()
    assert suite.attrib["failures"] == str(count)
    assert len(suite.findall("testcase/failure")) == count
    captures = list((lab.folder / "captures").glob("wrong-*-wire.pcapng"))
    assert len(captures) == count, captures
    for path in captures:
        assert path.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a", path
    path = lab.write("full.lab", "switch wire { mtu 65435 }\n"
                     "peer a { switch wire; address 10.0.0.1/24 }\n"
                     "peer b { switch wire; address 10.0.0.2/24; listen udp 7 }\n"
                     "test \"more than there is room for\" {\n"
                     + 60 * "udp from a to 10.0.0.2 port 7 size 65000 expect pass at b\n"
                     + "tcp from a to 10.0.0.2 port 9 expect pass\n}\n")
    result = lab.run("lab", "test", path, status=1, restore_signals=False,
                     preexec_fn=files_of(8 << 20))
    assert "full-1-wire.pcapng, not whole: " in result.stdout
    lab.nothing_left()


def life(lab):
    path = lab.write("two.lab", "switch wire\ninstance linux {\n" + lab.linux() + "}\n"
                     "vm { one, two } instance linux { interface wire }\n"
                     "peer p { switch wire; address 10.0.0.1/24 }\n")
    lab.run("check", path)
    result = lab.run("up", path)
    assert 'The lab "two" is up' in result.stdout and result.stderr.count(" runs\n") == 2
    state = json.loads(lab.run("ps", "--json").stdout)
    assert [vm["state"] for vm in state[0]["vms"]] == ["running", "running"]
    assert state[0]["state"] == "up" and state[0]["file"] == str(path)
    assert "two.one" in lab.run("ps", "two").stdout
    lab.run("ps", "three", status=1)
    lab.run("up", path, status=1)
    lab.run("wait", "two.one", "--console", "# ", "--timeout", "60")
    assert "the machine starts" in lab.run("log", "two.two").stdout
    assert "two.one" in lab.run("status", "one").stdout
    assert "three" in lab.run("status", "three", status=1).stderr
    lab.run("down", "two")
    lab.nothing_left()
    lab.run("down", "two", status=1)
    lab.run("up", path)
    keeper = int((lab.folder / "state/atoll/two/lock").read_text())
    os.kill(keeper, signal.SIGKILL)
    time.sleep(0.2)
    deadline = time.monotonic() + 10
    while lab.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    lab.run("ps")
    lab.nothing_left()
    command = [lab.atoll, "up", path]
    with subprocess.Popen(command, env=lab.environment, stderr=subprocess.PIPE, text=True,
                          stdout=subprocess.DEVNULL) as up:
        state = []
        while not state:  # a machine's start takes longer than this
            state = json.loads(lab.run("ps", "--json").stdout)
        lab.run("down", "two")
        said = up.communicate()[1]
    if state[0]["state"] == "starting" and up.returncode:
        assert 'the lab "two" was told to end before it was up' in said
    lab.nothing_left()
    named = lab.write("file.lab", "lab other\nswitch wire\n")
    lab.run("up", named)
    lab.run("down", named)
    lab.run("up", path, "--name", "again")
    lab.run("down", "again", "--timeout", "3")
    lab.nothing_left()


def killed(lab):
    (lab.folder / "base.img").write_bytes(bytes(1 << 20))
    text = ("switch wire { uplink { isolated } }\nvm { a, b } {\n" + lab.linux() +
            ' interface wire\n disk "base.img"\n disk size 1M\n}\n'
            "peer p { switch wire; address 10.0.2.99/24 }\n"
            'test "it is on its wire" { ping from p to 10.0.2.2 expect pass }\n'
            'test "it waits" { sleep 1h }\n')
    path = lab.write("k.lab", text)

    def keeper():
        return int((lab.folder / "state/atoll/k/lock").read_text())

    def vms():
        return json.loads(lab.run("ps", "--json").stdout)[0]["vms"]

    def switches():
        return [process for process, name in lab.processes().items() if "atoll-switch" in name]

    def peer():  # and what else is no machine, switch or keeper: the way out
        known = [vm["pid"] for vm in vms()] + switches() + [keeper()]
        return [process for process in lab.processes() if process not in known]

    def up():
        lab.run("up", path)
        lab.run("lab", "test", "--running", path, "--only", "wire")

    up()
    lab.kill(keeper())  # what it left is in nobody's way
    up()
    lab.kill(keeper())
    assert "had lost its process" in lab.run("down", "k").stdout
    lab.nothing_left(0)
    up()
    lab.kill(keeper())
    lab.await_no_process()  # all of it ends without being asked
    lab.run("ps")
    lab.nothing_left(0)
    for victims in (lambda: [vms()[0]["pid"]], switches, lambda: switches()[:1],
                    lambda: switches()[1:], peer):
        up()
        chosen = victims()
        assert chosen
        for victim in chosen:
            lab.kill(victim)
        lab.run("ps")
        lab.run("down", "k")
        lab.nothing_left()
    folder, capture = lab.folder / "state/atoll/k", lab.folder / "k-2-wire.pcapng"
    for moment in (folder / "a.disk0", folder / "b.log", capture):  # it starts, and a test runs
        command = [lab.atoll, "lab", "test", path, "--only", "waits"]
        test = subprocess.Popen(command, env=lab.environment, cwd=lab.folder,
                                stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not moment.exists() and not capture.exists():
            assert test.poll() is None
            time.sleep(0.01)
        test.kill()
        test.wait()
        lab.await_no_process()
        assert lab.run("ps").stdout == ""
        lab.nothing_left(0)
        capture.unlink(missing_ok=True)


def failure(lab):
    bad = lab.write("bad", "this is no kernel")
    path = lab.write("bad.lab", "switch wire\nvm good {\n" + lab.linux() + "interface wire }\n"
                     f'vm bad {{ kernel "{bad}" }}\n')
    result = lab.run("up", path, status=1)
    assert "bad.bad: " in result.stderr and "bad.bad: it did not start" in result.stderr
    lab.nothing_left()
    path = lab.write("worse.lab", 'vm a { kernel "nothing-there"; memory 1Q }\n')
    result = lab.run("up", path, status=2)
    assert f"{path}:1:39: " in result.stderr


def layers(lab):
    disk = lab.folder / "base.img"
    disk.write_bytes(b"first" + bytes((1 << 20) - 5))
    path = lab.write("disk.lab", "vm a {\n" + lab.linux() +
                     ' disk "base.img"\n disk size 1M\n}\ntest "disks" {\n'
                     ' shell a "head -c 5 /dev/vda" expect "first"\n'
                     ' shell a "echo second >/dev/vda && sync && head -c 6 /dev/vda" expect "second"\n'
                     ' shell a "cat /sys/block/vdb/size" expect "2048"\n}\n')
    for _ in range(2):
        lab.run("lab", "test", path)
        assert disk.read_bytes()[:6] == b"first\0"
    lab.nothing_left()


def running(lab):
    path = lab.write("up.lab", "switch wire\nvm a {\n" + lab.linux() + "interface wire }\n"
                     "peer p { switch wire; address 10.0.0.1/24; listen tcp 80 }\n"
                     'test "a guest" { shell a "ip addr replace 10.0.0.2/24 dev eth0 && echo x >>/tmp/x" within 2m\n'
                     ' ping from p to 10.0.0.2 expect pass within 60s }\n'
                     'test "links" { link a { down }; ping from p to 10.0.0.2 expect drop within 500ms\n'
                     ' link wire { delay 1ms } }\n'
                     'test "it waits" { wait a "what never comes" within 10m }\n'
                     'test "the plug" { stop a }\n')
    lab.run("lab", "test", "--running", path, status=1)
    lab.run("up", path)
    lab.run("link", "up.wire", "a", "loss=1%")
    before = lab.run("link", "up.wire", "a").stdout
    for _ in range(2):
        result = lab.run("lab", "test", "--running", "--only", "guest", "--only", "links", "--only",
                         "plug", path)
        assert result.stdout.count("\nok ") == 4 and result.stdout.count("# SKIP") == 2
        assert lab.run("link", "up.wire", "a").stdout == before
    command = [lab.atoll, "lab", "test", "--running", path, "--only", "links", "--only", "waits"]
    test = subprocess.Popen(command, env=lab.environment, stdout=subprocess.PIPE, text=True,
                            cwd=lab.folder)
    while "ok 2" not in test.stdout.readline():  # the links have changed, and the next test waits
        pass
    assert "another test has the lab" in lab.run("lab", "test", "--running", path, status=1).stderr
    test.kill()
    test.wait()
    result = lab.run("lab", "test", "--running", path, "--only", "guest", status=None)
    while "another test" in result.stderr:  # the keeper has not noticed yet
        result = lab.run("lab", "test", "--running", path, "--only", "guest", status=None)
    assert result.returncode == 0
    assert lab.run("link", "up.wire", "a").stdout == before
    other = path.read_text().replace("10.0.0.1/24", "10.0.0.3/24")
    assert "another switch or address" in lab.run("lab", "test", "--running", lab.write(
        "other.lab", other), "--name", "up", status=1).stderr
    lab.run("down", "up")
    lab.nothing_left()


def screen(lab):
    lab.need("generic")
    result = lab.run("lab", "test", "-D", f"guests={lab.guests}", HERE / "screen.lab", status=1,
                     timeout=1200)
    assert result.stdout.count("\nok ") == 2 and result.stdout.count("\nnot ok ") == 2
    for text in ('"no such text" has not come on the screen, which shows:\n    seen-42\n',
                 '"NOTHING" is no key'):
        assert text in result.stdout, text
    lab.nothing_left()


def machines(lab, path, *macros):
    """A lab with machines. Its steps have limits, and a loaded machine time."""
    given = [word for macro in macros for word in ("-D", macro)]
    lab.run("lab", "test", *given, path, "--junit", "out.xml", timeout=3600)
    lab.nothing_left()


def example(name):
    """A lab of the documentation, as it stands."""
    return HERE.parent.parent / "docs/labs" / name


def image():
    path = os.environ.get("ATOLL_BSD_EFI_IMAGE")
    if not path:
        print("no OpenBSD is named (ATOLL_BSD_EFI_IMAGE)")
        sys.exit(SKIP)
    return f"image={pathlib.Path(path).resolve()}"


def nft(lab):
    lab.need("generic", "router")
    machines(lab, example("nft.lab"), f"guests={lab.guests}")


def mail(lab):
    lab.need("mail", "router")
    machines(lab, example("mail.lab"), f"guests={lab.guests}")


def wan(lab):
    machines(lab, example("wan.lab"))


def island(lab):
    lab.need("generic")
    machines(lab, example("island.lab"), f"guests={lab.guests}")


def router6(lab):
    lab.need("router")
    machines(lab, HERE / "router6.lab", f"guests={lab.guests}")


def pf(lab):
    disk = image()
    lab.need("generic")
    machines(lab, example("pf.lab"), f"guests={lab.guests}", disk)


def pf6(lab):
    machines(lab, HERE / "pf6.lab", image())


def office(lab):
    machines(lab, example("office.lab"), image())


def trunk(lab):
    machines(lab, example("trunk.lab"), image())


def main():
    tests = {test.__name__: test for test in (mistakes, peers, peers6, wrong, life, killed, failure,
                                             layers, running, screen, nft, mail, wan, island, router6, pf, pf6,
                                             office, trunk)}
    if len(sys.argv) != 4 or sys.argv[3] not in tests:
        sys.exit(__doc__)
    lab = Lab(*sys.argv[1:3])
    tests[sys.argv[3]](lab)
    subprocess.run(["rm", "-rf", str(lab.folder)], check=True)


if __name__ == "__main__":
    main()
