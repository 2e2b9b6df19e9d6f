#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""seeds_efi_calls.py DIRECTORY: a seed corpus for fuzz_efi in DIRECTORY/efi: the services that boot
loaders were seen to call (`--log debug`), in their order: GRUB 2.06, shim 15, systemd-boot 252,
Linux 6.1's stub and OpenBSD 7.8's BOOTAA64.EFI. What a service wants in its arguments is read from
fuzz_efi.c's tables, so that seeds and fuzzer agree.

    tests/fuzz/seeds_efi_calls.py corpus && build/fuzz/tests/fuzz/fuzz_efi corpus/efi
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# (NAME)*N: so many times.
SEEN = {
    "grub": """OpenProtocol AllocatePages AllocatePool GetMemoryMap AllocatePages AllocatePool FreePages
        FreePool GetVariable SetWatchdogTimer LocateHandle OpenProtocol SetAttribute LocateProtocol
        EnableCursor OutputString SetAttribute LocateHandle SetAttribute GetVariable LocateHandle
        OpenProtocol (ReadBlocks)*20 SetAttribute ClearScreen SetAttribute QueryMode OutputString
        QueryMode OutputString AllocatePages AllocatePool (ReadBlocks)*20""",
    "shim": """HandleProtocol GetVariable AllocatePool GetVariable FreePool AllocatePool LocateHandle
        FreePool (AllocatePool FreePool)*8 GetVariable SetVariable GetVariable HandleProtocol OpenVolume
        Open GetVariable (AllocatePool FreePool)*20 QueryVariableInfo SetVariable LocateHandle""",
    "systemd-boot": """HandleProtocol GetVariable AllocatePool GetVariable FreePool AllocatePool
        LocateHandle FreePool OpenProtocol LocateProtocol ConvertDevicePathToText (SetVariable
        AllocatePool)*3 HandleProtocol SetVariable FreePool HandleProtocol OpenVolume Open AllocatePool
        GetInfo FreePool AllocatePool Read SetMem Close (AllocatePool GetVariable FreePool)*5 Open
        GetInfo Read Open AllocatePool GetInfo FreePool AllocatePool Read Close HandleProtocol
        LocateDevicePath ConnectController HandleProtocol ReadBlocks CalculateCrc32 ReadBlocks
        CalculateCrc32 LocateHandleBuffer HandleProtocol OpenVolume Open Close LocateProtocol CheckEvent
        HandleProtocol CheckEvent CreateEvent SetTimer SetWatchdogTimer WaitForEvent SetWatchdogTimer
        CloseEvent SetVariable HandleProtocol Open GetInfo Read Close""",
    "linux-stub": """LocateProtocol HandleProtocol AllocatePool CopyMem FreePool SetMem OutputString SetMem
        OutputString LocateHandle HandleProtocol LocateProtocol GetRNG GetMemoryMap AllocatePool
        GetMemoryMap AllocatePages FreePool CopyMem LocateProtocol GetVariable LocateDevicePath SetMem
        LocateProtocol AllocatePool GetRNG InstallConfigurationTable AllocatePool
        InstallConfigurationTable GetVariable (SetMem OutputString)*4 AllocatePages FreePages SetMem
        CopyMem LocateProtocol GetRNG CopyMem GetVariable GetMemoryMap AllocatePool
        InstallConfigurationTable GetMemoryMap CopyMem LEAVE GetNextVariableName GetTime GetVariable""",
    "openbsd": """SetWatchdogTimer HandleProtocol AllocatePages GetMemoryMap AllocatePages CreateEvent
        SetTimer LocateHandle HandleProtocol (AllocatePages ReadBlocks FreePages)*20 HandleProtocol
        OutputString LocateHandleBuffer OutputString (AllocatePages ReadBlocks FreePages)*10 LEAVE
        GetTime""",
}

# The names in fuzz_efi.c's tables of what the guest's calls are named in the log.
BOOT = {
    "OpenProtocol": "OPEN_PROTOCOL", "AllocatePages": "ALLOCATE_PAGES", "FreePages": "FREE_PAGES",
    "AllocatePool": "ALLOCATE_POOL", "FreePool": "FREE_POOL", "GetMemoryMap": "GET_MEMORY_MAP",
    "SetWatchdogTimer": "WATCHDOG", "LocateHandle": "LOCATE_HANDLE", "LocateProtocol": "LOCATE_PROTOCOL",
    "LocateHandleBuffer": "LOCATE_HANDLE_BUFFER", "LocateDevicePath": "LOCATE_DEVICE_PATH",
    "HandleProtocol": "HANDLE_PROTOCOL", "CreateEvent": "CREATE_EVENT", "SetTimer": "SET_TIMER",
    "WaitForEvent": "WAIT_FOR_EVENT", "CheckEvent": "CHECK_EVENT", "CloseEvent": "CLOSE_EVENT",
    "ConnectController": "CONNECT", "CalculateCrc32": "CRC32", "CopyMem": "COPY_MEM",
    "SetMem": "SET_MEM", "InstallConfigurationTable": "INSTALL_TABLE",
}
RUNTIME = {
    "GetVariable": "GET_VARIABLE", "SetVariable": "SET_VARIABLE", "GetTime": "GET_TIME",
    "GetNextVariableName": "NEXT_VARIABLE", "QueryVariableInfo": "QUERY_INFO",
}
METHODS = {  # the table, and the offset in the interface
    "ReadBlocks": ("block_io", 24), "OpenVolume": ("file_system", 8), "OutputString": ("text_out", 8),
    "QueryMode": ("text_out", 24), "SetAttribute": ("text_out", 40), "ClearScreen": ("text_out", 48),
    "EnableCursor": ("text_out", 64), "GetRNG": ("rng", 8), "ConvertDevicePathToText": ("to_text", 8),
    "Open": ("file", 8), "Close": ("file", 16), "Read": ("file", 32), "GetInfo": ("file", 64),
}
STEP_TAKE_OVER, STEP_RUNTIME, STEP_METHOD, STEP_BOOT = 3, 4, 6, 10  # of step()


class Tables:
    """What fuzz_efi.c says of services: their places, and the kinds of their arguments."""

    def __init__(self, source):
        self.boot = self.services(source, "boot_services", "BS_")
        self.runtime = self.services(source, "runtime_services", "RS_")
        body = re.search(r"protocols\[\] = \{(.*?)\n\};", source, re.S).group(1)
        self.order = [first or second for first, second in
                      re.findall(r"METHODS\((\w+)\)|true, (\w+), 2\}", body)]
        self.methods = {}
        for name, table in re.findall(r"static const struct service (\w+)\[\] = \{(.*?)\};", source, re.S):
            self.methods[name] = [(int(offset), kinds)
                                  for offset, kinds in re.findall(r'\{(\d+), "(\w*)"\}', table)]

    @staticmethod
    def services(source, name, prefix):
        table = re.search(name + r"\[\] = \{(.*?)\n\};", source, re.S).group(1)
        return re.findall(r"SERVICE\(" + prefix + r'(\w+), "(\w*)"\)', table)


def arguments(kinds, n):
    """Bytes for take_argument(): handles and addresses are those kept last, pointers new ones."""
    more = {"p": bytes([0, n * 3 % 128]), "g": bytes([n % 14]), "s": bytes([4 + n % 7]),
            "e": bytes([n % 8]), "x": bytes([n, 0, 0, 0])}
    how = {"z": 8, "n": 1, "t": 8, "m": 4, "k": n % 4}
    return b"".join(bytes([how.get(kind, 0)]) + more.get(kind, b"") for kind in kinds)


def pick(table, name):
    return next((i, kinds) for i, (each, kinds) in enumerate(table) if each == name)


def encode(tables, name, n):
    if name == "LEAVE":
        return bytes([STEP_TAKE_OVER, 0, n & 1])
    if name in BOOT:
        index, kinds = pick(tables.boot, BOOT[name])
        return bytes([STEP_BOOT, index]) + arguments(kinds, n)
    if name in RUNTIME:
        index, kinds = pick(tables.runtime, RUNTIME[name])
        return bytes([STEP_RUNTIME, index]) + arguments(kinds, n)
    table, offset = METHODS[name]
    index, kinds = pick(tables.methods[table], offset)
    if table == "file":
        return bytes([STEP_METHOD, len(tables.order), n & 1, index]) + arguments(kinds, n)
    return bytes([STEP_METHOD, tables.order.index(table), index]) + arguments(kinds, n)


def names(text):
    text = re.sub(r"\(([^)]*)\)\*(\d+)", lambda m: " ".join([m.group(1)] * int(m.group(2))), text)
    return text.split()


def main():
    directory = os.path.join(sys.argv[1], "efi")
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(HERE, "fuzz_efi.c"), encoding="utf-8") as file:
        tables = Tables(file.read())
    for loader, text in SEEN.items():
        calls = b"".join(encode(tables, name, n) for n, name in enumerate(names(text)))
        for setup in (0x1f, 0xdf):  # one life; two, with a screen
            with open(os.path.join(directory, f"{loader}-{setup:02x}"), "wb") as file:
                file.write(bytes([setup]) + calls)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
