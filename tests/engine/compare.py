#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs a bare-metal guest on an engine and on QEMU and compares what they print, line by line.

    compare.py RUN_GUEST IMAGE ELF DIFFERENCES ENGINE

A line is "name: what was found". DIFFERENCES has the names that are known to differ, with the reason.
"""
import shutil
import subprocess
import sys

SKIP = 77


def lines(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True)
    return [line for line in done.stdout.decode().splitlines() if line]


def by_name(found):
    return dict(line.split(': ', 1) for line in found)


def known(path):
    with open(path) as file:
        rows = [line.split('|')[0].strip() for line in file if line.strip() and line[0] != '#']
    return set(rows)


def main():
    run_guest, image, elf, differences, engine = sys.argv[1:]
    qemu = shutil.which('qemu-system-aarch64')
    if not qemu:
        print('no qemu-system-aarch64: skipped')
        return SKIP
    ours = by_name(lines([run_guest, '--engine', engine, image]))
    theirs = by_name(lines([qemu, '-M', 'virt', '-cpu', 'cortex-a76', '-m', '64', '-nodefaults', '-display', 'none',
                            '-monitor', 'none', '-serial', 'stdio', '-kernel', elf]))
    differ = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    expected = known(differences)
    for name in sorted(differ - expected):
        print(f'{name}:\n  ours   {ours.get(name)}\n  QEMU\'s {theirs.get(name)}')
    for name in sorted(expected - differ):
        print(f'{name}: listed as different, but the same')
    print(f'{len(ours)} probes, {len(differ)} known or new differences')
    return 0 if differ == expected and ours else 1


sys.exit(main())
