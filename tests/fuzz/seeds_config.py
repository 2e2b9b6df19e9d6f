#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_config.py DIRECTORY: a seed corpus for fuzz_config in DIRECTORY/config: the labs of the
examples, those of the tests, which are wrong in each way that there is, and each mistake that people
make. What a lab includes is its file "b".

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
        text = path.read_bytes()
        if b'include "linux.conf"' in text:
            text = text.replace(b'include "linux.conf"', b"include b") + b"\0" + \
                (path.parent / "linux.conf").read_bytes()
        (out / path.name).write_bytes(TEXT + text)
for number, case in enumerate((root / "tests/lab/mistakes.txt").read_text().split("\n== ")[1:]):
    text = case.split("\n", 1)[1].split("-- says\n")[0]
    (out / f"mistake-{number}").write_bytes(TEXT + text.encode())
(out / "include").write_bytes(TEXT + b'include b\nvm $names { include b\n }\n\0names = { x, y }\n')
