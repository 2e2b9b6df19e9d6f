#!/usr/bin/env python3
"""machines.py ATOLL GUESTS TEST: one test of machines that have a folder, with Linux as the guest,
by name, as boot.py."""

import os
import re
import subprocess
import sys
import termios

import boot
from boot import ESCAPE, QUIT, expect_equal
from control import NAME, User
from efi import VARIABLE, grub_files, image
from guest import Failure, Guest

MOUNT = "mount -t efivarfs efivarfs /sys/firmware/efi/efivars"


def folder(user, name=NAME):
    return os.path.join(os.environ["XDG_DATA_HOME"], "atoll", name)


def identifier(user, name=NAME):
    with open(os.path.join(folder(user, name), "vm.conf"), encoding="utf-8") as conf:
        return re.search("^uuid (.*)$", conf.read(), re.MULTILINE)[1]


def background(bench):
    """A machine in the background is worked with on its console, and has its variables and its
    identifier at the next start; another one beside it has its own."""
    user = User(bench)
    disk = image(bench, "grub.img", grub_files(bench, "generic"))
    macs = []
    for name in (NAME, "other"):
        user.call("create", name, "--memory", "512M", "--copy", disk)
        expect_equal(user.call("start", name, "--detach"), "", "what a start says")
    for name in (NAME, "other"):
        with Guest(bench.atoll, [name], terminal=True, command="console") as console:
            console.send("\n")
            console.shell()
            console.check(MOUNT)
            expect_equal(console.check("cat /sys/class/dmi/id/product_serial").strip(),
                         f"Virtualization-{identifier(user, name)}", "the machine's identifier")
            macs.append(console.check("cat /sys/class/net/*0/address").strip())
            console.check(rf"printf '\007\000\000\000{name}' >{VARIABLE}")
            console.send(ESCAPE + b"d")
            console.wait(0)
    if macs[0] == macs[1]:
        raise Failure(f"two machines have the address {macs[0]}")
    for name in (NAME, "other"):
        with Guest(bench.atoll, [name], terminal=True, command="console") as console:
            console.send("poweroff\n")
            console.expect(rb"switched itself off")
            console.wait(0)

    with Guest(bench.atoll, [NAME], command="start") as guest:
        guest.shell()
        guest.check(MOUNT)
        guest.check(f"tail -c {len(NAME)} {VARIABLE} | grep -qx {NAME}")
        expect_equal(guest.check("cat /sys/class/net/*0/address").strip(), macs[0],
                     "the address at the next start")
        guest.poweroff()
    expect_equal([each["state"] for each in user.json("list")], ["off", "off"], "the machines")
    user.call("remove", "other", "--yes")
    expect_equal([each["name"] for each in user.json("list")], [NAME], "what is left")


def foreground(bench):
    """The terminal that started it is the machine's console, another one beside it too, and gets
    its settings back."""
    user = User(bench)
    user.call("create", NAME, "--kernel", bench.file("cloud/linux"), "--initrd",
              bench.file("cloud/initrd.gz"), "--append", "root=/dev/vda", bench.disk())
    with Guest(bench.atoll, [NAME], terminal=True, command="start") as guest:
        guest.shell()
        with user.console() as viewer:
            viewer.expect(rb"attached to demo")
            viewer.send("\n")
            viewer.shell()
            viewer.check("echo seen-by-$((1 + 1))")
            guest.expect(rb"seen-by-2")
            guest.check("echo typed-by-$((1 + 1))")
            viewer.expect(rb"typed-by-2")
            viewer.send(ESCAPE + b"d")
            viewer.wait(0)
        guest.send(ESCAPE + b"x")
        guest.wait(QUIT)
        expect_equal(termios.tcgetattr(guest.terminal), guest.settings, "the terminal's settings")


def terminal(bench):
    """The terminal that a machine in the background was started from may go away."""
    user = User(bench)
    user.call("create", NAME, "--kernel", bench.file("cloud/linux"), "--initrd",
              bench.file("cloud/initrd.gz"), "--append", "root=/dev/vda", bench.disk())
    with Guest(bench.atoll, [NAME, "--detach"], terminal=True, command="start") as starter:
        starter.wait(0)
        expect_equal(termios.tcgetattr(starter.terminal), starter.settings,
                     "the terminal's settings")
        os.close(starter.terminal)
        os.close(starter.master)
        starter.master = None
    with user.console() as console:
        console.send("\n")
        console.shell()
        console.send("poweroff\n")
        console.wait(0)
    # Whoever reads what a start says sees its end, though the machine runs on.
    subprocess.run(f"{bench.atoll} start {NAME} --detach 2>&1 | cat", shell=True, timeout=60,
                   check=True)
    user.call("stop", NAME, "--force")


TESTS = {test.__name__: test for test in (background, foreground, terminal)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
