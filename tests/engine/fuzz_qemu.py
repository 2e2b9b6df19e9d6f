#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Random blocks (fuzz_block.h) on an engine and on QEMU: the same image, which prints a hash of what each block left.

    fuzz_qemu.py PACK RUN_GUEST HARNESS DIFFERENCES ENGINE SEED BLOCKS [SECONDS]

Runs BLOCKS blocks from SEED on, some thousands an image, and ends after SECONDS at the latest. A block that leaves
something else is run again alone, and the words that differ are printed: s is struct fuzz_state, l the log of
exceptions, m the arena (guest/fuzz.h), each with its offset.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

SKIP = 77
IMAGE_BLOCKS = 4000
SHOWN = 5
QEMU = ['-M', 'virt', '-cpu', 'max,pauth=off', '-m', '64', '-nodefaults', '-display', 'none', '-monitor', 'none',
        '-no-reboot', '-serial', 'stdio', '-device', 'loader,addr=0x40100000,cpu-num=0']


class Fuzz:
    def __init__(self, pack, run_guest, harness, differences, engine, folder):
        self.pack, self.harness, self.differences = pack, harness, differences
        self.image = os.path.join(folder, 'blocks')
        self.ours = [run_guest, '--engine', engine, self.image]
        self.theirs = ['qemu-system-aarch64', *QEMU, '-device', f'loader,file={self.image},addr=0x40100000,force-raw=on']

    def make(self, seed, count, *options):
        """Returns how many blocks fitted."""
        done = subprocess.run([self.pack, *options, self.harness, self.differences, str(seed), str(count), self.image],
                              stdout=subprocess.PIPE, check=True)
        return int(done.stdout)

    def run(self):
        """What each printed, by name."""
        found = []
        for command in (self.ours, self.theirs):
            done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=600, check=False)
            lines = done.stdout.decode(errors='replace').splitlines()
            found.append(dict(line.split(': ', 1) for line in lines if ': ' in line))
        return found

    def explain(self, seed):
        print(f'seed {seed}:')
        self.make(seed, 1, '--dump')
        ours, theirs = self.run()
        differ = [name for name in sorted(ours.keys() | theirs.keys())
                  if name[0] in 'slm' and ours.get(name) != theirs.get(name)]
        for name in differ[:SHOWN]:
            print(f'    {name}: ours {ours.get(name)}, QEMU\'s {theirs.get(name)}')


def main():
    *programs, engine, seed, blocks = sys.argv[1:8]
    seed, blocks = int(seed), int(blocks)
    limit = time.monotonic() + (float(sys.argv[8]) if len(sys.argv) > 8 else 1e9)
    if not shutil.which('qemu-system-aarch64'):
        print('no qemu-system-aarch64: skipped')
        return SKIP
    done = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(*programs, engine, folder)
        while done < blocks and wrong < SHOWN and time.monotonic() < limit:
            count = fuzz.make(seed + done, min(blocks - done, IMAGE_BLOCKS))
            ours, theirs = fuzz.run()
            names = [f'b{seed + done + i:016x}' for i in range(count)]
            differ = [name for name in names if name not in ours or ours[name] != theirs.get(name)]
            for name in differ[:SHOWN]:
                fuzz.explain(int(name[1:], 16))
            wrong += len(differ)
            done += count
            print(f'{done} blocks against QEMU, {wrong} differences', flush=True)
    return 1 if wrong or not done else 0


sys.exit(main())
