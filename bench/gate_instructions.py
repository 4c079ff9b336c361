#!/usr/bin/env python3
"""Gate: instructions per proxied request, as callgrind counts them, against the figure in instructions.txt.
   gate_instructions.py BINARY [--write]

Fails when the figure grows by more than 3 %; --write puts the new one into the file, which is then committed with what
made it so. One connection and one request at a time: every run does the same work to the instruction, which a load
generator's timing would not. Start and stop are left out by the difference of two runs."""
import os
import re
import sys
import tempfile

from tokens import Pool
from traffic import CASES, LIMITS, Gateway, Traffic, token_case

FEW, MANY, TOLERANCE = 1000, 4000, 0.03
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.txt")


def collected(binary, case, requests, extra=""):
    """Of the whole run. `extra`: further lines of the configuration."""
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port, extra=extra, prefix=["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
    traffic.connect(gateway.port, 1)
    traffic.run(case, requests)
    traffic.close()
    text = gateway.stop()
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        raise SystemExit(f"callgrind said nothing: {text[-500:]}")
    return int(found.group(1))


def per_request(binary, case, extra=""):
    return round((collected(binary, case, MANY, extra) - collected(binary, case, FEW, extra)) / (MANY - FEW))


def main(binary, write):
    measured = {c.name: per_request(binary, c) for c in CASES[:2]}
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(folder, 1)
        case = token_case(pool.first())
        measured[case.name] = per_request(binary, case, pool.auth())
        measured[f"{case.name}, three limits"] = per_request(binary, case, pool.auth() + LIMITS)
    if write:
        with open(FILE, "w") as f:
            f.write("# Instructions per proxied request (callgrind, release build): bench/gate_instructions.py --write\n")
            f.writelines(f"{n:7d}  {name}\n" for name, n in measured.items())
    if not os.path.exists(FILE):
        raise SystemExit(f"there is no {FILE}: {measured}")
    with open(FILE) as f:
        kept = {m.group(2): int(m.group(1)) for m in re.finditer(r"^ *(\d+)  (.+)$", f.read(), re.M)}
    failed = 0
    for name, n in measured.items():
        bad = name not in kept or n > kept[name] * (1 + TOLERANCE)
        failed += bad
        print(f"{'FAILED' if bad else 'ok    '} {name}: {n} instructions, the file says {kept.get(name)}")
        if name in kept and n < kept[name] * (1 - TOLERANCE):
            print("       better than the file says: scripts/gates --write")
    if failed:
        print("If it has to be so: scripts/gates --write, and commit bench/instructions.txt with the reason.")
    print(f"{len(measured) - failed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1], "--write" in sys.argv) else 1)
