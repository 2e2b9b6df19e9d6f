"""Programs of Debian's arm64 packages, the same commands in a guest and under qemu-aarch64: what they print must be
the same, byte for byte. tools/guest-programs makes the tree and the disk that both run from."""

import hashlib
import os
import random
import subprocess

INPUT_BYTES = 300000

PYTHON = "/usr/bin/python3.11"
FLOATS = """
import math, random
random.seed(7)
for _ in range(3000):
    x, y = random.uniform(-50, 50), random.expovariate(0.1)
    print(repr(math.sin(x)), repr(math.exp(-y)), repr(math.atan2(x, y)), repr(math.fma(x, y, 1)) if hasattr(math, 'fma')
          else repr(x * y + 1), repr(math.sqrt(y)), repr(x % (y + 1)), '%.3g' % (x / (y + 1e-9)), round(x, 3), int(x * 1e9))
"""
MIXED = """
import hashlib, json, re, struct, sys, zlib
data = sys.stdin.buffer.read()
words = re.findall(rb'[a-f0-9]{3,}', data)
print(len(words), sorted(set(words))[:50], zlib.crc32(data), zlib.adler32(data))
print(hashlib.sha3_256(data).hexdigest(), hashlib.blake2b(data).hexdigest(), hashlib.md5(data).hexdigest())
packed = zlib.compress(data, 9)
print(len(packed), hashlib.sha256(packed).hexdigest(), zlib.decompress(packed) == data)
print(json.dumps({str(i): [struct.unpack('<d', struct.pack('<q', i * 0x1234567890ab))[0], 3 ** i] for i in range(200)}))
"""
BIG = """
n, digits = 1500, []
q, r, t, k, m, x = 1, 0, 1, 1, 3, 3
while len(digits) < n:
    if 4 * q + r - t < m * t:
        digits.append(str(m))
        q, r, m = 10 * q, 10 * (r - m * t), (10 * (3 * q + r)) // t - 10 * m
    else:
        q, r, t, k, m, x = q * k, (2 * q + r) * x, t * x, k + 1, (q * (7 * k + 2) + r * x) // (t * x), x + 2
print(''.join(digits))
"""

KEY = "000102030405060708090a0b0c0d0e0f"
OPENSSL = "/usr/bin/openssl"

# Each reads the same input and prints what depends on every byte of it.
COMMANDS = [
    *[[f"/usr/bin/{name}"] for name in ("md5sum", "sha1sum", "sha256sum", "sha512sum", "b2sum", "cksum", "sum", "wc",
                                        "sort", "base64", "base32", "od", "nl", "tac", "fold", "expand", "uniq")],
    ["/usr/bin/sort", "-R", "--random-source=/data/input"],
    ["/usr/bin/sort", "-g"],
    ["/usr/bin/tr", "a-f", "A-F"],
    ["/usr/bin/cut", "-c", "3-9,12-"],
    ["/usr/bin/factor", "18446744073709551557", "1000000007000000049", "600851475143"],
    ["/usr/bin/seq", "-f", "%.10g", "0.1", "0.37", "900"],
    ["/usr/bin/numfmt", "--to=iec", "123456789", "987654321012"],
    ["/usr/bin/printf", "%.17g %a %e\\n", "3.14159265358979", "1e-310", "2.5e300"],
    ["/bin/gzip", "-9", "-n", "-c"],
    ["/bin/gzip", "-1", "-n", "-c"],
    *[[OPENSSL, "dgst", f"-{name}"] for name in ("sha224", "sha384", "sha3-512", "shake256", "blake2s256", "ripemd160",
                                                 "sm3")],
    *[[OPENSSL, "enc", f"-{name}", "-K", KEY * (2 if "256" in name or name == "chacha20" else 1), "-iv", KEY] for name in
      ("aes-128-cbc", "aes-256-ctr", "aes-256-cfb", "camellia-128-cbc", "aria-128-ctr", "chacha20")],
    [OPENSSL, "dgst", "-sha256", "-mac", "hmac", "-macopt", "key:secret"],
    [OPENSSL, "prime", "-hex", "E2F7A9B1C3D5E7F9"],
    [OPENSSL, "kdf", "-keylen", "64", "-kdfopt", "digest:SHA256", "-kdfopt", "pass:x", "-kdfopt", "salt:saltsalt",
     "-kdfopt", "iter:2000", "PBKDF2"],
    [OPENSSL, "dgst", "-sha256", "-sign", "/data/key.pem", "-hex"],
    [OPENSSL, "rsa", "-in", "/data/key.pem", "-check", "-noout", "-text"],
    [PYTHON, "-S", "-E", "-c", FLOATS],
    [PYTHON, "-S", "-E", "-c", MIXED],
    [PYTHON, "-S", "-E", "-c", BIG],
]


def make_input():
    """Lines of numbers and words: the same bytes at every run."""
    chance = random.Random(20)
    lines = []
    while sum(map(len, lines)) < INPUT_BYTES:
        lines.append(f"{chance.random():.12g}\t{chance.getrandbits(64):x} {chance.choice('abcdefgh') * 3} word\n")
    return "".join(lines).encode()


def quote(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def script():
    """What the guest runs, chrooted: one line of output a command, its number, status and the digest of what it printed."""
    lines = ["#!/bin/busybox sh", "export LC_ALL=C PYTHONHASHSEED=0"]
    for number, command in enumerate(COMMANDS):
        lines.append(f"{quote(command)} </data/input >/tmp/out 2>/dev/null; "
                     f"echo \"case {number} $? $(/usr/bin/sha256sum </tmp/out)\"")
    return "\n".join(lines) + "\n"


def expected(tree):
    """The same lines from qemu-aarch64."""
    lines = []
    for number, command in enumerate(COMMANDS):
        with open(f"{tree}/data/input", "rb") as stdin:
            run = subprocess.run(["qemu-aarch64", "-L", tree, tree + command[0]] + command[1:], stdin=stdin,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 env=dict(os.environ, LC_ALL="C", PYTHONHASHSEED="0"), check=False)
        lines.append(f"case {number} {run.returncode} {hashlib.sha256(run.stdout).hexdigest()}  -")
    return lines


def prepare(tree, image, directory):
    """Adds the input, a key and the script to the tree and to a copy of the disk; gives the copy's name."""
    os.makedirs(f"{tree}/data", exist_ok=True)
    with open(f"{tree}/data/input", "wb") as file:
        file.write(make_input())
    with open(f"{tree}/data/run", "w", encoding="ascii") as file:
        file.write(script())
    if not os.path.exists(f"{tree}/data/key.pem"):
        subprocess.run(["qemu-aarch64", "-L", tree, tree + OPENSSL, "genrsa", "-traditional", "-out",
                        f"{tree}/data/key.pem", "1024"], check=True, stderr=subprocess.DEVNULL)
    disk = os.path.join(directory, "programs.img")
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    commands = "mkdir /data\n" + "".join(f"write {tree}/data/{name} /data/{name}\n" for name in ("input", "run", "key.pem"))
    subprocess.run(["/sbin/debugfs", "-w", "-f", "-", disk], input=commands.encode(), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    return disk
