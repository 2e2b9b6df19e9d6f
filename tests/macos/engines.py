#!/usr/bin/env python3
"""engines.py ATOLL SYSTEM: what `atoll engines` says where Hypervisor.framework is, that of macOS SYSTEM,
which is over the double: hvf is there, auto takes it, and what has no double says what it needs."""

import subprocess
import sys


def main():
    told = subprocess.run([sys.argv[1], "engines"], check=True, capture_output=True, text=True)
    print(told.stdout, end="")
    engines, name = {}, None
    for line in told.stdout.splitlines():
        if not line.startswith(" "):
            name = line.split()[0]
        engines.setdefault(name, []).append(line)
    wanted = {"hvf": "available (auto takes this one)", "kvm": "not here: it needs Linux",
              "interp": "available", "vz": "not here: it needs macOS"}
    wrong = [name for name, words in wanted.items() if words not in engines[name][1]]
    nested = [name for name, lines in engines.items() if "--nested" in " ".join(lines)]
    if nested != (["hvf"] if sys.argv[2] == "15" else []):
        wrong.append("--nested")
    if wrong:
        sys.exit(f"not as it should be: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
