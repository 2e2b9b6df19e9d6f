#!/usr/bin/env python3
"""cross.py BUILD [TARGET...]: builds Atoll for macOS on arm64, as far as a machine without Apple's
tools can: clang compiles and lld links against tests/macos/sdk, whose headers and lists of symbols
are the project's own, so that neither a header of Linux's nor a function that macOS lacks goes
unnoticed. BUILD is the folder to build in.

Of the libraries that a Mac has from Homebrew, Debian's headers and lists of symbols serve: they are
the same libraries. Each is taken alone, never /usr/include."""

import os
import plistlib
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../.."))
SDK = os.environ.get("ATOLL_MACOS_SDK", os.path.join(HERE, "sdk"))
TARGET = "arm64-apple-macos13"

# pkg-config's name: (library, headers below /usr/include). What is called "headers=FOLDER" is a
# folder whose headers are named without it.
LIBRARIES = {
    "libfdt": ("fdt", ["libfdt.h", "libfdt_env.h", "fdt.h"]),
    "zlib": ("z", ["zlib.h", "zconf.h"]),
    "libzstd": ("zstd", ["zstd.h", "zstd_errors.h"]),
    "libpng": ("png16", ["png.h", "pngconf.h", "pnglibconf.h"]),
    "jansson": ("jansson", ["jansson.h", "jansson_config.h"]),
    "libpcap": ("pcap", ["pcap.h", "pcap"]),
    "slirp": ("slirp", ["slirp"]),
    "gnutls": ("gnutls", ["gnutls"]),
    "libvncserver": ("vncserver", ["rfb", "zlib.h", "zconf.h"]),
    "sdl2": ("SDL2", ["headers=SDL2", "SDL2/_real_SDL_config.h"]),
    "lwip": ("lwip", ["headers=lwip"]),  # Homebrew has none; it may come from elsewhere
}


# What Debian's builds of them have, and a Mac's do not.
NOT_THERE = {
    "rfb/rfbconfig.h": ["LIBVNCSERVER_HAVE_ENDIAN_H"],
    "SDL2/_real_SDL_config.h": ["HAVE_IMMINTRIN_H", "HAVE_MALLOC_H"],
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


def take(path, to):
    """A header or a folder of headers of Debian's, as a Mac would have it."""
    os.makedirs(os.path.dirname(to), exist_ok=True)
    place = find(path)
    if not any(name.startswith(path) for name in NOT_THERE):
        os.symlink(place, to)
    elif os.path.isdir(place):
        shutil.copytree(place, to)
    else:
        shutil.copyfile(place, to)
    for name, words in NOT_THERE.items():
        at = to + name[len(path):]
        if not name.startswith(path) or not os.path.exists(at):
            continue
        with open(at, encoding="utf-8") as file:
            lines = [line for line in file if not any(f"#define {word}" in line for word in words)]
        write(at, "".join(lines))


def prepare(folder):
    """Headers, stubs and pkg-config's files of the libraries; Meson's cross file. Returns that."""
    shutil.rmtree(folder, ignore_errors=True)
    for package, (name, headers) in LIBRARIES.items():
        own = os.path.join(folder, package)
        paths = f"-isystem {own}"
        for header in headers:
            to, _, path = header.rpartition("=")
            paths += f" -isystem {own}/{to}" if to else ""
            take(path, os.path.join(own, to or path))
        write_stub(os.path.join(folder, "lib", f"lib{name}.tbd"), name, symbols(name))
        write(os.path.join(folder, "pkgconfig", f"{package}.pc"),
              f"Name: {package}\nDescription: as Debian has it\nVersion: {version(package)}\n"
              f"Cflags: {paths}\nLibs: -L{folder}/lib -l{name}\n")
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


# What would be a mistake, each of which the build has to refuse; and what is none.
# Of macOS 15.
NEWER = ["_hv_gic_", "_el2_supported", "_el2_enabled"]
MISTAKES = [
    "#include <sys/epoll.h>", "#include <sys/eventfd.h>", "#include <sys/signalfd.h>",
    "#include <sys/prctl.h>", "#include <sys/random.h>\n#include <linux/kvm.h>",
    "#include <linux/if_tun.h>", "#include <endian.h>", "#include <malloc.h>", "#include <byteswap.h>",
    "#include <sys/mman.h>\nint f(void) { return memfd_create(\"\", 0); }",
    "#include <unistd.h>\nvoid f(void) { closefrom(3); }",
    "int gettid(void);\nint main(void) { return gettid(); }",
    "int hv_vm_creat(void *);\nint main(void) { return hv_vm_creat(0); }",
]
RIGHT = "#include <Hypervisor/Hypervisor.h>\nint main(void) { return hv_vm_create(NULL); }"


def builds(folder, text):
    """Whether a program of this text compiles and, where it has a main, links."""
    source, to = os.path.join(folder, "mistake.c"), os.path.join(folder, "mistake")
    write(source, text + "\n")
    command = ["clang", f"--target={TARGET}", "-isysroot", SDK, "-isystem", f"{HERE}/include",
               "-std=gnu17", "-Werror=implicit-function-declaration", "-D_GNU_SOURCE", "-o", to, source]
    command += ["-fuse-ld=lld", "-framework", "Hypervisor"] if "main(" in text else ["-c"]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def check_mistakes(folder):
    """The build would notice a header of Linux's, and a function that macOS has not."""
    if not builds(folder, RIGHT):
        sys.exit("tests/macos: a program without a mistake does not build")
    for text in MISTAKES:
        if builds(folder, text):
            sys.exit(f"tests/macos: this builds for macOS, and must not:\n{text}")


def check_program(program):
    """It starts on macOS 13, where what is newer is not there; and it is signed for both frameworks."""
    names = subprocess.run(["llvm-nm-19", "-m", program], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    newer = [line for line in names if any(of in line for of in NEWER)]
    if not newer or not all(" weak " in line for line in newer):
        sys.exit("tests/macos: what only macOS 15 has is no weak import: " + "; ".join(newer))
    with open(os.path.join(TOP, "macos/atoll.entitlements"), "rb") as file:
        entitlements = plistlib.load(file)
    for name in ["hypervisor", "virtualization"]:
        if entitlements.get("com.apple.security." + name) is not True:
            sys.exit(f"tests/macos: macos/atoll.entitlements lacks com.apple.security.{name}")
    for name in ["atoll-vnc", "atoll-window"]:
        if not os.path.exists(os.path.join(os.path.dirname(program), "../viewer", name)):
            sys.exit(f"tests/macos: {name} was not built")


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: cross.py BUILD [TARGET...]")
    build, targets = os.path.abspath(sys.argv[1]), sys.argv[2:] or ["programs"]
    cross = prepare(build + "-libraries")
    again = ["--reconfigure"] if os.path.exists(os.path.join(build, "build.ninja")) else []
    run("meson", "setup", *again, build, TOP, "--cross-file", cross, "--buildtype=release",
        stdout=subprocess.DEVNULL)
    run("ninja", "-C", build, *targets)
    check_mistakes(build + "-libraries")
    if targets == ["programs"]:
        check_program(os.path.join(build, "src/cli/atoll"))


if __name__ == "__main__":
    main()
