#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_config.py DIRECTORY: a seed corpus for fuzz_config in DIRECTORY/config: the labs of the
examples, and those of the unit tests, which are wrong in each way that there is.

    tests/fuzz/seeds_config.py corpus && build/fuzz/tests/fuzz/fuzz_config corpus/config
"""
import pathlib
import sys

TEXT = b"\1"  # in fuzz_config.c

root = pathlib.Path(__file__).resolve().parent.parent.parent
out = pathlib.Path(sys.argv[1]) / "config"
out.mkdir(parents=True, exist_ok=True)
for folder, pattern in [("tests/unit/config/errors", "*.conf"), ("docs/labs", "*.lab"), ("tests/lab", "*.lab")]:
    for path in sorted((root / folder).glob(pattern)):
        (out / path.name).write_bytes(TEXT + path.read_bytes())
(out / "include").write_bytes(TEXT + b'include b\nvm $names { include b\n }\n\0names = { x, y }\n')
