#!/usr/bin/env python3
"""Measures Gatehouse beside nginx and HAProxy on this machine, in interleaved rounds, and writes bench/results/.
   scripts/bench [--quick] [--rounds N] [--only ROW,...] [--envoy] [--out FILE]
A figure holds if the median of the rounds does; all rounds are printed."""
import argparse
import functools
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time

import bench_identity
import bench_limits
import bench_recovery
import bench_small_company
import bench_tls
import bench_websocket
from measure import Figures, Report, compare, load, lua_of, open_loop, rounds_of, run, sustained, to_nginx, tool
from proxies import Field, free_port
from traffic import BROWSER_HEADERS

HERE = os.path.dirname(os.path.abspath(__file__))
OTHERS = bench_tls.ROWS | bench_websocket.ROWS | bench_identity.ROWS | bench_limits.ROWS | bench_small_company.ROWS | bench_recovery.ROWS
ROWS = "cost64 cost256 instructions browser download upload latency routes idle start syscalls allocations".split() + list(OTHERS)


def cost(report, options, connections):
    path = tool("proxycost.py")
    if not path:
        report.say(f"\ncost{connections}: skipped, no ../shared/tools/proxycost.py")
        return
    rounds = {}
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = os.path.join(folder, "g.yaml")
        with open(config, "w") as f:
            f.write(f"workers: 1\nstate: {folder}/state\nlog: /dev/null\nadmin: off\nlisten: {{public: {{port: {port}, bind: 127.0.0.1}}}}\n"
                    'services: {u: {url: "http://127.0.0.1:19001", path: /*}}\n')
        for _ in range(options.rounds):
            out = run([path, "--gatehouse", options.binary, config, port, "--rounds", options.slices, "--conns", connections, "--secs", options.seconds, "--json"])
            if out.returncode != 0:
                raise SystemExit(out.stderr)
            for name, figures in json.loads(out.stdout).items():
                rounds.setdefault(name, []).append(figures)
    report.rounds(f"CPU per proxied request, {connections} connections", rounds)
    report.ratio(f"own cost, {connections} connections, of nginx's", 0.50, rounds, Figures.own)
    if connections == 64:
        for peer in ("nginx", "haproxy"):
            report.ratio(f"CPU in all, 64 connections, of {peer}'s", 1.00, rounds, lambda f, peer=peer: f.of("gatehouse", peer), below=True)


def instructions(report, options):
    path = tool("instructions.py")
    if not path:
        report.say("\ninstructions: skipped, no ../shared/tools/instructions.py")
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = os.path.join(folder, "g.yaml")
        with open(config, "w") as f:
            f.write(f"workers: 1\nstate: {folder}/state\nlog: /dev/null\nadmin: off\nlisten: {{public: {{port: {port}, bind: 127.0.0.1}}}}\n"
                    'services: {u: {url: "http://127.0.0.1:19001", path: /*}}\n')
        out = run(["python3", path, "--gatehouse", options.binary, config, port, "--json"])
        if out.returncode != 0:
            raise SystemExit(out.stderr or out.stdout)
    result = json.loads(out.stdout)
    report.say(f"\n### Instructions per request (callgrind)\n\nnginx {result['nginx']:.0f}, gatehouse {result['gatehouse']:.0f}")
    ratio = result["gatehouse"] / result["nginx"]
    report.row("user-space instructions per request, of nginx's", f"{ratio:.2f}", "0.60", ratio <= 0.60)


def browser(report, options, field):
    proxies = [p for p in (field.floor(), field.nginx(), field.haproxy(), field.gatehouse()[0]) if p]
    if options.envoy:
        proxies.append(field.envoy(options.envoy))
    lua = lua_of(field.folder, "browser.lua", headers=BROWSER_HEADERS)
    rounds = compare(report, options, "A browser's request (1.5 KB of headers), 10 KB answer", proxies, path="/10k", lua=lua)
    if "floor" in rounds:
        report.ratio("own cost, browser's request and 10 KB, of nginx's", 0.60, rounds, Figures.own)


def bodies(report, options, field, what):
    proxies = [field.nginx(), field.haproxy(), field.gatehouse()[0]]
    how = dict(connections=8)
    if what == "download":
        how |= dict(path="/1m")
    else:
        how |= dict(path="/upload", lua=lua_of(field.folder, "upload.lua", method="POST", body=1 << 20))
    rounds = compare(report, options, f"1 MB {what}s, CPU per MB", proxies, **how)
    report.ratio(f"1 MB {what}s, CPU per byte, of nginx's", 1.00, rounds, to_nginx)


def latency(report, options, field):
    proxies = [field.nginx(), field.gatehouse()[0]]
    clients = 64
    # A percentile needs more seconds than a mean does: in slices of a few seconds it swings by a third.
    seconds = options.seconds if options.quick else 8
    # By the same program that then keeps the rate: it shares the cores with what it measures, and costs more than wrk does.
    rate = 0.8 * sustained(proxies[0], clients, seconds)
    report.say(f"\nnginx sustains {rate / 0.8:.0f} requests/s of h2load; the load is {rate:.0f}/s, open loop, {clients} connections, rounds of {seconds} s")
    rounds = {p.name: [] for p in proxies}
    for _ in range(options.rounds):
        for p in proxies:
            rounds[p.name].append(open_loop(p, clients, seconds, rate, field.folder))
    report.rounds("Median at 80 % of nginx's load", rounds, show="p50")
    report.rounds("P99 at 80 % of nginx's load", rounds, show="p99")
    report.ratio("P99 at 80 % of nginx's load, of nginx's", 1.00, rounds, lambda f: f.of("gatehouse", "nginx", "p99"))


def routes(report, options, field):
    few, many = field.gatehouse("10 routes", routes=10)[0], field.gatehouse("10000 routes", routes=10_000)[0]
    # Ten routes are asked for in both: what the size of the table costs. Then all of them evenly, where the caches of the
    # processor hold ten and not ten thousand.
    asked = {few.name: (few, "math.random(0, 9)"), many.name: (many, "1000 * math.random(0, 9)"), "10000 routes, all asked for": (many, "math.random(0, 9999)")}

    def measure(proxy, choice):
        return lambda seconds: load(proxy, seconds, lua=lua_of(field.folder, "routes.lua", path=f'"/r" .. {choice} .. "/items/17"'))

    rounds = rounds_of(options, {name: measure(*of) for name, of in asked.items()})
    report.rounds("10 000 routes against 10", rounds)
    report.ratio("10 000 routes against 10", 1.05, rounds, lambda f: f.of(many.name, few.name))


def memory(report, options, field, what):
    proxies = [field.nginx(), field.haproxy(), field.gatehouse()[0]]
    if what == "start":
        time.sleep(0.5)
        report.say("\n### Resident at start\n\n" + ", ".join(f"{p.name} {p.resident() / 1e6:.1f} MB" for p in proxies))
        own_memory = proxies[-1].resident()
        report.row("resident at start, one worker", f"{own_memory / 1e6:.1f} MB", "16 MB", own_memory <= 16e6)
        return
    path = tool("idle.py")
    if not path:
        report.say("\nidle: skipped, no ../shared/tools/idle.py")
        return
    report.say("\n### Idle keep-alive connections\n")
    figures = {}
    for p in proxies:
        out = run(["python3", path, p.process.pid, p.port, 4000]).stdout.strip()
        report.say(f"- {p.name}: {out}")
        figures[p.name] = int(re.search(r"(-?\d+) bytes each", out).group(1))
    report.row("idle keep-alive connection", f"{figures['gatehouse']} bytes", "1024 bytes", figures["gatehouse"] <= 1024)


def syscalls(report, options, field):
    """Of the worker's thread, which is the busiest one: the log's own thread wakes by the clock, not by the request."""
    gatehouse = field.gatehouse()[0]
    load(gatehouse, 1)
    tasks = f"/proc/{gatehouse.process.pid}/task"

    def busy(thread):
        with open(f"{tasks}/{thread}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    worker = max(os.listdir(tasks), key=busy)
    trace = subprocess.Popen(["strace", "-c", "-q", "-p", worker, "-o", f"{field.folder}/strace"], stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    n = 20_000
    out = run(["h2load", "--h1", "-n", n, "-c", 64, "-t", 1, f"http://127.0.0.1:{gatehouse.port}/"]).stdout
    trace.terminate()
    if trace.wait(20) not in (0, -15, 143) or f"{n} succeeded" not in out:
        raise SystemExit(f"strace: {trace.stderr.read()} {out[-300:]}")
    with open(f"{field.folder}/strace") as f:
        text = f.read()
    found = re.finditer(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", text, re.M)
    calls = {m.group(2): int(m.group(1)) / n for m in found if m.group(2) != "total"}
    shown = ", ".join(f"{name} {c:.3f}" for name, c in sorted(calls.items(), key=lambda x: -x[1]) if c >= 0.001)
    report.say(f"\n### System calls per proxied keep-alive request (strace -c, the worker's thread)\n\n{shown}")
    sockets = sum(c for name, c in calls.items() if name in ("recvfrom", "recvmsg", "read", "readv", "sendto", "sendmsg", "write", "writev"))
    waits = sum(c for name, c in calls.items() if name.startswith("epoll_") and name != "epoll_ctl")
    others = sum(calls.values()) - sockets - waits
    # 64 connections of clients are opened and closed in it too: a twentieth of a call at most.
    good = sockets <= 4.02 and others <= 0.05
    report.row("system calls per request", f"{sockets:.2f} on sockets, {waits:.2f} waits, {others:.3f} others", "4 + waits", good)


def allocations(report, options):
    out = run(["python3", os.path.join(HERE, "gate_allocations.py"), options.binary])
    report.say("\n### Allocations in steady state\n\n" + out.stdout.strip().replace("\n", "\n\n"))
    worst = max((int(n) for n in re.findall(r": (\d+) allocations", out.stdout)), default=-1)
    report.row("allocations in 10 000 requests", str(worst), "0", worst == 0)


def workers(report, options, field):
    cores = os.cpu_count() or 1
    if cores < 6:
        report.say(f"\nTwo workers against one: not measured, {cores} cores do not hold two workers beside the service and the load. Workers share "
                   "the process-wide state of endpoints and services alone (a few relaxed atomic words a request); all else is a worker's own.")
        return
    rates = {n: field.gatehouse(f"{n} workers", workers=n)[0] for n in (1, 2)}
    rounds = rounds_of(options, {p.name: functools.partial(load, p, connections=128) for p in rates.values()})
    report.rounds("Two workers against one, requests/s", rounds, unit="requests/s", show="rps")
    report.ratio("requests of one worker, of two workers'", 1 / 1.8, rounds, lambda f: f.of("1 workers", "2 workers", "rps"))


def versions():
    first = lambda command: (run(command).stdout + run(command).stderr).strip().splitlines()[0]  # noqa: E731
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return [f"- machine: {model.group(1) if model else '?'}, {os.cpu_count()} cores, Linux {os.uname().release}; load before: {os.getloadavg()[0]:.1f}",
            f"- {first(['nginx', '-v'])}; {first(['haproxy', '-v'])}; wrk {first(['wrk', '-v']).split()[1]}; {first(['h2load', '--version'])}",
            f"- {first(['git', 'log', '-1', '--format=commit %h of %cs'])}; python {sys.version.split()[0]}"]


def main():
    ap = argparse.ArgumentParser(prog="scripts/bench")
    ap.add_argument("--quick", action="store_true", help="two short rounds: to see that it works, not to quote")
    ap.add_argument("--rounds", type=int)
    ap.add_argument("--only", default=",".join(ROWS))
    ap.add_argument("--envoy", help="path of an Envoy program, measured with the browser's request")
    ap.add_argument("--binary", default="build/release/gatehouse")
    ap.add_argument("--out")
    options = ap.parse_args()
    options.binary = os.path.abspath(options.binary)
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds, options.slices = 1, 1 if options.quick else 5
    out = options.out or os.path.join(HERE, "results", "local-quick.md" if options.quick else time.strftime("%Y-%m-%d.md"))
    random.seed(1)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # for thousands of idle clients
    report = Report()
    head = versions()
    if os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1):
        head.append("- **others used the machine at the same time: these figures are not to be quoted**")
    print("\n".join(head), flush=True)
    for row in ROWS:
        if row not in options.only.split(","):
            continue
        if row in ("cost64", "cost256"):
            cost(report, options, int(row[4:]))
        elif row == "instructions":
            instructions(report, options)
        elif row == "allocations":
            allocations(report, options)
        else:
            with Field(options.binary) as field:
                if row in ("download", "upload"):
                    bodies(report, options, field, row)
                elif row in ("idle", "start"):
                    memory(report, options, field, row)
                elif row in OTHERS:
                    OTHERS[row](report, options, field)
                else:
                    {"browser": browser, "latency": latency, "routes": routes, "syscalls": syscalls}[row](report, options, field)
    with Field(options.binary) as field:
        workers(report, options, field)
    table = ["| what | measured | at most | holds |", "|---|---|---|---|"] + ["| " + " | ".join(r) + " |" for r in report.table]
    print("\n" + "\n".join(table))
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "w") as f:
        f.write(f"# Measured {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}\n\n" + "\n".join(head)
                + f"\n\nOf each ratio the median of {options.rounds} interleaved rounds (all in brackets), each the median of {options.slices} slices of {options.seconds} s in turns; one worker each; Gatehouse's JSON log on, the peers' off. "
                "Own cost is what lies above a forwarder that parses nothing.\n\n" + "\n".join(table) + "\n" + "\n".join(report.lines) + "\n")
    print(f"\n{os.path.relpath(out)}")


main()
