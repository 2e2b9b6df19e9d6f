#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""ACPICA's tools on every ACPI table that `atoll acpi` writes, for machines of all kinds.

Each table is taken apart (iasl -d) and compiled again (iasl -tc, all remarks on). That must bring
back the same bytes, and no error, warning or remark but those of iasl-remarks.txt, which gives a
reason for each: "TABLE  beginning of the message  # why". An entry that no longer occurs is an
error too. Then ACPICA's interpreter loads the DSDT and runs the method that tells of the power
button.

usage: iasl.py ATOLL REMARKS
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MACHINES = [["--cpus", cpus, *rest]
            for cpus in ("1", "2", "4", "16")
            for rest in ([], ["--strict"], ["--memory", "64G"], ["--quirk", "psci-conduit=hvc"])]
COMPLAINT = re.compile(r"^\s*(Error|Warning|Remark)\s+(\d+)\s+-\s+(.*)$", re.M)
# iasl puts its own name where a table has its maker's: checksum, creator, creator's revision.
ITS_OWN = [9, *range(28, 36)]


def read_remarks(path):
    lines = [line.strip() for line in pathlib.Path(path).read_text().splitlines()]
    rows = [line for line in lines if line and not line.startswith("#")]
    known = {}
    for row in rows:
        what, sep, why = row.partition("#")
        if not sep or not why.strip():
            sys.exit(f"{path}: no reason is given for: {row}")
        table, message = what.strip().split(None, 1)
        known[table, message.strip()] = False
    return known


def iasl(*arguments, cwd):
    run = subprocess.run(["iasl", *arguments], cwd=cwd, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60)
    return run.returncode, run.stdout


def same_but_maker(a, b):
    a, b = bytearray(a), bytearray(b)
    for i in ITS_OWN:
        if i < min(len(a), len(b)):
            a[i] = b[i] = 0
    return a == b


def complaints(name, said, known):
    for kind, number, message in COMPLAINT.findall(said):
        entry = next((k for k in known if k[0] == name and message.startswith(k[1])), None)
        if entry is None or kind == "Error":
            yield f"{name}: {kind} {number}: {message}"
        else:
            known[entry] = True


def check_table(table, known):
    """What is wrong with one table, as a list of lines."""
    name = table.stem
    status, said = iasl("-d", table.name, cwd=table.parent)
    source = table.with_suffix(".dsl")
    if status or not source.exists():
        return [f"{name}: iasl -d fails:\n{said}"]
    status, more = iasl("-w3", "-p", "again", "-tc", source.name, cwd=table.parent)
    again = table.with_name("again.aml")
    if status or not again.exists():
        return [f"{name}: iasl -tc fails:\n{more}"]
    wrong = list(complaints(name, said + more, known))
    if sum(table.read_bytes()) % 256:
        wrong.append(f"{name}: the checksum is wrong")
    if not same_but_maker(table.read_bytes(), again.read_bytes()):
        wrong.append(f"{name}: compiled again, its bytes are others")
    again.unlink()
    return wrong


def check_power_button(dsdt, strict):
    method = "\\_SB.GPO0._E06" if strict else "\\_SB.GED0._EVT 49"
    run = subprocess.run(["acpiexec", "-b", f"evaluate {method}", dsdt.name], cwd=dsdt.parent,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                         stdin=subprocess.DEVNULL)
    if not re.search(r"Device Notify on \[PWRB\] \S+ Value 0x80", run.stdout):
        return [f"DSDT: {method} does not notify the power button:\n{run.stdout}"]
    return [f"DSDT: {line}" for line in run.stdout.splitlines() if "Error" in line]


def check_machine(atoll, options, known):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([atoll, "acpi", "-d", folder, *options], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        tables = sorted(pathlib.Path(folder).glob("*.dat"))
        expected = {"APIC", "DSDT", "FACP", "GTDT", "MCFG", "XSDT"}
        expected |= set() if "--strict" in options else {"SPCR"}
        if {t.stem for t in tables} != expected:
            return [f"the tables are {', '.join(t.stem for t in tables)}"]
        wrong = [line for t in tables for line in check_table(t, known)]
        dsdt = pathlib.Path(folder, "DSDT.dat")
        return wrong + check_power_button(dsdt, "--strict" in options)


def main():
    atoll, remarks = sys.argv[1:]
    known = read_remarks(remarks)
    if not shutil.which("iasl"):
        print("iasl (acpica-tools) is missing")
        sys.exit(77)
    wrong = []
    for options in MACHINES:
        wrong += [f"{' '.join(options)}: {line}" for line in check_machine(atoll, options, known)]
    wrong += [f"{remarks}: no longer seen: {' '.join(k)}" for k, seen in known.items() if not seen]
    print("\n".join(wrong) or f"{len(MACHINES)} machines: nothing to complain about")
    sys.exit(1 if wrong else 0)


main()
