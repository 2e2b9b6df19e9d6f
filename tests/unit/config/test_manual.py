#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""test_manual.py WORDS.DEF ATOLL.CONF.5: the manual page has every word of the language of labs,
and no other as one."""
import pathlib
import re
import sys

# What the page sets as words and the grammar knows as values, or the lexer before it.
VALUES = {"include", "raw", "qcow2", "smtp", "user"}
MACROS = {"Ar", "Op", "Oo", "Oc", "Ns", "Bro", "Brc", "Pq", "Xo", "Xc", "No", "Ql", "Fl", "Sx",
          "Pa", "Xr"}


def words_of(page):
    """What stands after Cm in the part about labs, word by word."""
    begin, end = page.index(".Sh THE LANGUAGE OF LABS"), page.index(".Sh THE FOLDER OF A MACHINE")
    for line in page[begin:end].splitlines():
        if not line.startswith("."):
            continue
        command = False
        for word in line.lstrip(".").split():
            if word == "Cm" or word in MACROS:
                command = word == "Cm"
            elif command and re.fullmatch(r"[a-z]+", word):
                yield word


def main():
    words = set(re.findall(r'^WORD\("(\w+)"', pathlib.Path(sys.argv[1]).read_text(), re.M))
    shown = set(words_of(pathlib.Path(sys.argv[2]).read_text()))
    missing, unknown = words - shown, shown - words - VALUES
    assert words and not missing, f"not in the manual page: {sorted(missing)}"
    assert not unknown, f"not in the language: {sorted(unknown)}"


main()
