#!/usr/bin/env python3
"""cross.py BUILD [TARGET...]: builds Atoll for macOS on arm64, as far as a machine without Apple's
tools can: clang compiles and lld links against tests/macos/sdk, whose headers and lists of symbols
are the project's own, so that neither a header of Linux's nor a function that macOS lacks goes
unnoticed. BUILD is the folder to build in.

Of the libraries that a Mac has from Homebrew, Debian's headers and lists of symbols serve: they are
the same libraries. Each is taken alone, never /usr/include."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../.."))
SDK = os.environ.get("ATOLL_MACOS_SDK", os.path.join(HERE, "sdk"))
TARGET = "arm64-apple-macos13"

# pkg-config's name: (library, headers below /usr/include).
LIBRARIES = {
    "libfdt": ("fdt", ["libfdt.h", "libfdt_env.h", "fdt.h"]),
    "zlib": ("z", ["zlib.h", "zconf.h"]),
    "libzstd": ("zstd", ["zstd.h", "zstd_errors.h"]),
    "libpng": ("png16", ["png.h", "pngconf.h", "pnglibconf.h"]),
    "jansson": ("jansson", ["jansson.h", "jansson_config.h"]),
    "libpcap": ("pcap", ["pcap.h", "pcap"]),
    "slirp": ("slirp", ["slirp"]),
    "gnutls": ("gnutls", ["gnutls"]),
}


def run(*command, **how):
    subprocess.run(command, check=True, **how)


def find(path):
    """Where Debian has a header."""
    for place in ["/usr/include", f"/usr/include/{multiarch()}"]:
        if os.path.exists(os.path.join(place, path)):
            return os.path.join(place, path)
    sys.exit(f"tests/macos: {path} is not installed: run tools/setup build")


def multiarch():
    return subprocess.run(["gcc", "-print-multiarch"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def library(name):
    return os.path.join("/usr/lib", multiarch(), f"lib{name}.so")


def version(package):
    """As its pkg-config file says; Debian's libfdt has none."""
    known = subprocess.run(["pkg-config", "--modversion", package], check=False, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    return known or "1"


def symbols(name):
    """What a shared library exports."""
    text = subprocess.run(["nm", "-D", "--defined-only", library(name)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    return sorted({line.split()[-1].split("@")[0] for line in text.splitlines()})


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_stub(path, name, exports):
    """A text stub in the format of Apple's linkers (TBD, version 4)."""
    names = ", ".join(f"_{symbol}" for symbol in exports)
    write(path, "--- !tapi-tbd\ntbd-version: 4\ntargets: [ arm64-macos ]\n"
                f"install-name: '/opt/homebrew/lib/lib{name}.dylib'\n"
                f"exports:\n  - targets: [ arm64-macos ]\n    symbols: [ {names} ]\n...\n")


def prepare(folder):
    """Headers, stubs and pkg-config's files of the libraries; Meson's cross file. Returns that."""
    shutil.rmtree(folder, ignore_errors=True)
    for package, (name, headers) in LIBRARIES.items():
        own = os.path.join(folder, package)
        for header in headers:
            os.makedirs(os.path.join(own, os.path.dirname(header)), exist_ok=True)
            os.symlink(find(header), os.path.join(own, header))
        write_stub(os.path.join(folder, "lib", f"lib{name}.tbd"), name, symbols(name))
        write(os.path.join(folder, "pkgconfig", f"{package}.pc"),
              f"Name: {package}\nDescription: as Debian has it\nVersion: {version(package)}\n"
              f"Cflags: -isystem {own}\nLibs: -L{folder}/lib -l{name}\n")
    cross = os.path.join(folder, "cross.ini")
    compiler = ["clang", f"--target={TARGET}", "-isysroot", SDK]
    write(cross, f"""[binaries]
c = {compiler}
c_ld = 'lld'
ar = 'llvm-ar-19'
strip = 'llvm-strip-19'
pkgconfig = 'pkg-config'

[built-in options]
c_args = ['-isystem', '{HERE}/include', '-isystem', '{folder}/libfdt']
c_link_args = ['-L{folder}/lib', '-Wl,-undefined,error']
b_staticpic = true

[properties]
pkg_config_libdir = '{folder}/pkgconfig'

[host_machine]
system = 'darwin'
cpu_family = 'aarch64'
cpu = 'arm64'
endian = 'little'
""")
    return cross


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: cross.py BUILD [TARGET...]")
    build, targets = os.path.abspath(sys.argv[1]), sys.argv[2:] or ["programs"]
    cross = prepare(build + "-libraries")
    again = ["--reconfigure"] if os.path.exists(os.path.join(build, "build.ninja")) else []
    run("meson", "setup", *again, build, TOP, "--cross-file", cross, "--buildtype=release",
        stdout=subprocess.DEVNULL)
    run("ninja", "-C", build, *targets)


if __name__ == "__main__":
    main()
