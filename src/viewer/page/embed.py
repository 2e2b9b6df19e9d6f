#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""embed.py SOURCE FILE...: makes C of the page's files (viewer/web_page.h), and of the hashes of its
script and style the policy that lets a browser run them and nothing else."""

import base64
import hashlib
import os
import re
import sys

TYPES = {".html": "text/html; charset=utf-8", ".svg": "image/svg+xml"}


def hashes(html, element):
    """CSP sources of all such elements (Content Security Policy Level 3, 8.3)."""
    texts = re.findall(rb"<%b>(.*?)</%b>" % (element, element), html, re.S)
    digests = (base64.b64encode(hashlib.sha256(text).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def main():
    target, files = sys.argv[1], sys.argv[2:]
    table, lines, policy = [], ['#include "viewer/web_page.h"'], ""
    for number, name in enumerate(files):
        with open(name, "rb") as file:
            data = file.read()
        base, kind = os.path.splitext(os.path.basename(name))
        path = "/"
        if kind == ".html":
            policy = ("default-src 'none'; base-uri 'none'; form-action 'none'; "
                      "frame-ancestors 'none'; connect-src 'self'; img-src 'self' data:; "
                      f"style-src {hashes(data, b'style')}; script-src {hashes(data, b'script')}")
            assert len(policy) < 400  # of a head's WEB_HEAD_MAX bytes
        else:
            path = f"/{base}{kind}"
        lines.append(f"static const unsigned char file{number}[] = {{")
        for at in range(0, len(data), 20):
            lines.append("".join(f"{byte}," for byte in data[at:at + 20]))
        lines.append("};")
        table.append(f'    {{ "{path}", "{TYPES[kind]}", file{number}, sizeof(file{number}) }},')
    lines += ["const struct web_file web_files[] = {", *table, "};",
              "const size_t web_file_count = sizeof(web_files) / sizeof(web_files[0]);",
              f'const char web_page_policy[] = "{policy}";']
    with open(target, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")


main()
