#!/usr/bin/env python3
"""scripting.py ATOLL GUESTS TEST: one test of the text on a guest's screen and of scripts that live
by it, by name, as boot.py."""

import os
import re
import subprocess
import sys

import boot
import efi
from boot import expect_equal
from control import NAME, User
from guest import PATIENCE, Failure

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")
# What a console may be asked to draw: every kind of character, most of them only once.
TEXT = [
    "The quick brown fox jumps over the lazy dog 0123456789 !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "PACK MY BOX WITH FIVE DOZEN LIQUOR JUGS. Il1| O0 rn m vv w B8 S5 Z2",
    "\u00e4\u00f6\u00fc\u00df \u00e9\u00e8 \u00a3 \u00b5 \u2554\u2550\u2557 \u2551 \u255a\u2550\u255d"]
ROWS = len(TEXT) + 1


def drive(bench, script, *arguments):
    """Run one of the scripts that docs/scripting.md tells of; return what it printed."""
    User(bench)
    command = [os.path.join(DOCS, script), bench.atoll, *arguments]
    print("+", *command, flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=5 * PATIENCE, check=False)
    print(done.stdout, flush=True)
    expect_equal(done.returncode, 0, f"status of {script}")
    return [line.rstrip() for line in done.stdout.splitlines()]


def expect_line(lines, wanted):
    if wanted not in lines:
        raise Failure(f"no line on the screen is \"{wanted}\"")


def linux(bench):
    """A strict Linux without a serial port is driven from its shell to its power-off."""
    lines = drive(bench, "drive-linux.sh", bench.file("generic/linux"),
                  bench.file("generic/initrd.gz"))
    expect_line(lines, "Linux aarch64")


def openbsd(bench):
    """A strict OpenBSD likewise, from its login."""
    lines = drive(bench, "drive-openbsd.sh", efi.bsd_image(bench))
    expect_line(lines, "OpenBSD arm64")
    expect_line(lines, "Apple Virtualization Generic Platform")


def drawn(guest, columns):
    """The first rows of the console, as the kernel keeps them."""
    words = guest.check(f"head -c {4 * ROWS * columns} /dev/vcsu1 | od -An -v -tx4 | tr -d '\\n'")
    text = "".join(chr(int(word, 16)) for word in words.split())
    return [text[at:at + columns].rstrip() for at in range(0, ROWS * columns, columns)]


def exact(bench):
    """What is read from the screen is what the kernel says it drew there, in its fonts."""
    user = User(bench)
    for font in ("VGA8x16", "VGA8x8"):
        append = f"console=ttyAMA0 root=/dev/vda fbcon=font:{font}"
        with bench.linux("--gpu", "1280x800", "--name", NAME, kernel="generic",
                         append=append) as guest:
            guest.shell()
            # An empty screen without a cursor, and UTF-8.
            guest.check("printf '\\033[2J\\033[H\\033[?25l\\033%%G' >/dev/tty1")
            for line in TEXT:
                encoded = "".join(f"\\0{byte:o}" for byte in line.encode())
                guest.check(f"printf '%b\\n' '{encoded}' >/dev/tty1")
            guest.check("printf '\\033[1;33;44mbold\\033[0m \\033[7mreversed\\033[0m' >/dev/tty1")
            seen = [line.rstrip() for line in user.call("screen", NAME).splitlines()]
            wanted = drawn(guest, 1280 // 8)
            expect_equal(wanted[:len(TEXT)], TEXT, "what the kernel drew")
            expect_equal(seen[:ROWS], wanted, f"the screen in {font}")
            guest.poweroff()


def waiting(bench):
    """`atoll wait` says when a text never came, and when the machine ended before."""
    user = User(bench)
    with bench.linux("--gpu", "1280x800", "--name", NAME, kernel="generic",
                     append="console=tty0 console=ttyAMA0 root=/dev/vda") as guest:
        guest.shell()
        found = user.call("wait", NAME, "--regex", "--console", "Linux version [0-9.]+")
        if not re.search(r"Linux version [0-9]", found):
            raise Failure("the line in which it was found was not printed")
        said = user.call("wait", NAME, "--screen", "no such text", "--timeout", 1, status=5)
        if "no such text" not in said:
            raise Failure("what did not come is not named")
        guest.send("poweroff\n")
        user.call("wait", NAME, "--screen", "no such text", "--timeout", PATIENCE, status=1)
        guest.wait()


TESTS = {test.__name__: test for test in (linux, openbsd, exact, waiting)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
