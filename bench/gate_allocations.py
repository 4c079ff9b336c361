#!/usr/bin/env python3
"""Gate: no allocation per request in steady state. gate_allocations.py BINARY

malloc of the whole process is counted (malloc_count.c) over 10 000 requests on connections that have served 20 000
before. What was reserved up to then (blocks, frames, log buffers) must do for all that follow."""
import mmap
import os
import struct
import subprocess
import sys
import tempfile

from tokens import Pool
from traffic import CASES, LIMITS, Gateway, Traffic, token_case

WARM, COUNTED, CONNECTIONS = 20_000, 10_000, 8
here = os.path.dirname(os.path.abspath(__file__))


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        shim = os.path.join(folder, "malloc_count.so")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-Wall", "-Werror", "-o", shim, os.path.join(here, "malloc_count.c")], check=True)
        counter = os.path.join(folder, "count")
        pool = Pool(folder, 1)
        token = token_case(pool.first())
        failed = counted(binary, shim, counter, CASES) + counted(binary, shim, counter, [token], pool.auth() + LIMITS)
        print(f"{len(CASES) + 1 - failed} passed, {failed} failed")
        return failed == 0


def counted(binary, shim, counter, cases, extra=""):
    """How many of the cases fail. `extra`: further lines of the configuration."""
    with open(counter, "wb") as f:
        f.write(bytes(mmap.PAGESIZE))
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port, env={"LD_PRELOAD": shim, "GATEHOUSE_MALLOC_COUNT": counter}, extra=extra)

    def allocations():
        with open(counter, "rb") as f:
            return struct.unpack("<Q", f.read(8))[0]

    if allocations() == 0:
        raise SystemExit("nothing was counted: the shim is not in the process")
    traffic.connect(gateway.port, CONNECTIONS)
    failed = 0
    for i, case in enumerate(cases):
        traffic.run(case, WARM if i == 0 else WARM // 4)
        before = allocations()
        traffic.run(case, COUNTED if i == 0 else COUNTED // 4)
        n = allocations() - before
        failed += n != 0
        print(f"{'ok    ' if n == 0 else 'FAILED'} {case.name}: {n} allocations in {COUNTED if i == 0 else COUNTED // 4} requests")
    traffic.close()
    gateway.stop()
    return failed


sys.exit(0 if main(sys.argv[1]) else 1)
