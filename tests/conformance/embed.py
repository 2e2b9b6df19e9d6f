#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""embed.py FILE NAME OUT: FILE's bytes as a C array NAME, and NAME_length."""
import sys

path, name, out = sys.argv[1:]
with open(path, 'rb') as file:
    data = file.read()
with open(out, 'w') as file:
    file.write('#include "%s.h"\n\nconst unsigned char %s[] = {\n' % (name, name))
    for at in range(0, len(data), 16):
        file.write(''.join('%d,' % byte for byte in data[at:at + 16]) + '\n')
    file.write('};\nconst size_t %s_length = sizeof(%s);\n' % (name, name))
