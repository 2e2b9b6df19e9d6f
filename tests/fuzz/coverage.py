#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""coverage.py: builds some libFuzzer targets with clang's source-based coverage, in build/coverage,
runs them on their seed corpora alone, and prints how many lines they reach of what they are to
reach. Fails below 85 %."""

import json
import os
import shutil
import subprocess
import sys

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(TOP, "build/coverage")
LEAST = 85
# The files that take apart what comes from outside. xhci_state.c is saving and loading.
PARSERS = {
    "xhci": ["src/usb/xhci.c", "src/usb/xhci_command.c", "src/usb/xhci_context.c",
             "src/usb/xhci_event.c", "src/usb/xhci_port.c", "src/usb/xhci_registers.c",
             "src/usb/xhci_ring.c", "src/usb/xhci_transfer.c", "src/usb/device.c", "src/usb/hid.c",
             "src/usb/keyboard.c", "src/usb/pointer.c"],
    "control": ["src/cli/control_protocol.c", "src/cli/control_verbs.c"],
    "config": ["src/config/build.c", "src/config/check.c", "src/config/check_once.c",
               "src/config/check_test.c", "src/config/grammar.c", "src/config/lexer.c",
               "src/config/setting.c", "src/config/value.c", "src/config/words.c"],
    "switch": ["src/switch/addresses.c", "src/switch/fabric.c", "src/switch/link.c",
               "src/switch/ring.c"],
    "socket": ["src/backend/net/stream.c"],
    "web": ["src/viewer/web_http.c", "src/viewer/web_socket.c"],
}


def tool(name):
    """Of the same version as clang: Debian's are called after it."""
    version = subprocess.run(["clang", "-dumpversion"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split(".")[0]
    return shutil.which(f"{name}-{version}") or name


def environment(profile):
    """Programs that the build runs write one too."""
    return dict(os.environ, CC="clang", LLVM_PROFILE_FILE=profile)


def build():
    flags = "-fprofile-instr-generate -fcoverage-mapping"
    again = ["--reconfigure"] if os.path.exists(os.path.join(BUILD, "build.ninja")) else []
    subprocess.run(["meson", "setup", *again, BUILD, TOP, "--buildtype=debugoptimized",
                    "-Db_lundef=false", f"-Dc_args=-fsanitize=fuzzer-no-link {flags}",
                    f"-Dc_link_args={flags}"], env=environment("/dev/null"), check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", BUILD, "tests/fuzz/corpus",
                    *(f"tests/fuzz/fuzz_{target}" for target in PARSERS)], env=environment("/dev/null"),
                   check=True)


def path_of(name):
    return os.path.relpath(name, BUILD if name.startswith(BUILD + "/") else TOP)


def measure(target):
    """By file of the repository or that the build made, (its lines, those that were reached)."""
    folder = os.path.join(BUILD, "tests/fuzz")
    program, raw = os.path.join(folder, "fuzz_" + target), os.path.join(folder, target + ".profraw")
    subprocess.run([program, "-runs=0", "-rss_limit_mb=3072", os.path.join(folder, "corpus", target)],
                   env=environment(raw), stderr=subprocess.DEVNULL, check=True)
    merged = raw.replace("profraw", "profdata")
    subprocess.run([tool("llvm-profdata"), "merge", "-o", merged, raw], check=True)
    told = subprocess.run([tool("llvm-cov"), "export", "-summary-only", program,
                           "-instr-profile=" + merged], stdout=subprocess.PIPE, check=True)
    return {path_of(os.path.realpath(each["filename"])):
            (each["summary"]["lines"]["count"], each["summary"]["lines"]["covered"])
            for each in json.loads(told.stdout)["data"][0]["files"]}


def main():
    build()
    low = []
    for target, names in PARSERS.items():
        files = measure(target)
        count, covered = (sum(files[name][i] for name in names) for i in (0, 1))
        print(f"{target}: {100 * covered / count:.1f} % of {count} lines")
        for name in names:
            print(f"    {100 * files[name][1] / files[name][0]:5.1f} % of {name}")
        low += [target] * (100 * covered < LEAST * count)
    if low:
        sys.exit(f"below {LEAST} %: {', '.join(low)}")


if __name__ == "__main__":
    main()
