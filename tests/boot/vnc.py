#!/usr/bin/env python3
"""vnc.py ATOLL GUESTS TEST: one test of --display vnc with a real guest, by name, as boot.py."""

import os
import signal
import sys

import boot
from display import COLOUR, HEIGHT, PLACE, WIDTH
from guest import Failure
from input import AXIS, Events, device

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../unit/viewer"))
from rfb import Client

F12 = 0xffc9
AT = (PLACE[1] * WIDTH + PLACE[0]) * 4


def viewer_of(guest):
    """A viewer process of the guest's: nobody's child, of the program beside ours."""
    program = os.path.realpath(os.path.join(os.path.dirname(guest.command[0]), "../viewer/atoll-vnc"))
    for process in sorted(filter(str.isdigit, os.listdir("/proc")), key=int, reverse=True):
        try:
            if os.readlink(f"/proc/{process}/exe") == program:
                return int(process)
        except OSError:
            continue
    raise Failure("there is no viewer process")


def linux(bench):
    """Two clients see what Linux draws; what they type and point at reaches it; and when the viewer
    process dies, the guest goes on."""
    with bench.linux("--gpu", f"{WIDTH}x{HEIGHT}", "--input", "virtio", "--display",
                     "vnc:127.0.0.1:0", "--display", f"vnc:unix:{bench.scratch('screen')}",
                     kernel="generic", append="console=ttyAMA0 root=/dev/vda") as guest:
        address = guest.expect(rb"display: vnc on (127\.0\.0\.1:\d+)").group(1).decode()
        guest.shell()
        clients = Client(address), Client("unix:" + bench.scratch("screen"))
        guest.check(f"printf '\\060\\040\\020\\000' | dd of=/dev/fb0 bs=4 seek={AT // 4} conv=notrunc")
        for client in clients:
            client.until(lambda c: c.pixels[AT:AT + 3] == bytes(COLOUR[::-1]), "the pixel")
        with Events(guest, device(guest, "led")) as events:
            clients[0].stroke(ord("q"))
            clients[0].stroke(F12)
            got = [event[1:] for event in events.take((1, 88, 0)) if event[0] == 1]
        boot.expect_equal(got, [(16, 1), (16, 0), (88, 1), (88, 0)], "the keys")
        with Events(guest, device(guest, "abs")) as events:
            clients[1].pointer(1, WIDTH - 1, HEIGHT - 1)
            clients[1].pointer(0, 0, 0)
            got = events.take((1, 272, 0))
        boot.expect_equal([event for event in got if event[0] == 3][:2],
                          [(3, 0, AXIS - 1), (3, 1, AXIS - 1)], "where the pointer was")
        os.kill(viewer_of(guest), signal.SIGKILL)
        guest.expect("its process has ended; the guest goes on without it")
        guest.check("true")
        guest.poweroff()


TESTS = {test.__name__: test for test in (linux,)}

if __name__ == "__main__":
    sys.exit(boot.main(TESTS))
