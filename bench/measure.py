"""What every row measures with: load, rounds of slices in turns, and the report."""
import functools
import json
import os
import re
import statistics
import subprocess

from proxies import SHARED


def tool(name):
    path = os.path.join(SHARED, name)
    return path if os.path.exists(path) else None


def run(command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)


def lua_of(folder, name, method="GET", headers=b"", body=0, path=None):
    """A wrk script; `path`: Lua that gives the path of each request."""
    lines = [f'wrk.method = "{method}"']
    for line in headers.split(b"\r\n"):
        if b": " in line:
            key, value = line.decode().split(": ", 1)
            lines.append(f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}")
    if body:
        lines.append(f'wrk.body = string.rep("u", {body})')
    if path:
        lines.append(f'function request() return wrk.format(nil, {path}) end')
    file = os.path.join(folder, name)
    with open(file, "w") as f:
        f.write("\n".join(lines) + "\n")
    return file


def cost_of(proxy, command):
    """CPU microseconds of the proxy for each of what `command` has done, which says how many."""
    user0, system0 = proxy.cpu()
    out = run(command)
    user1, system1 = proxy.cpu()
    if out.returncode != 0:
        raise SystemExit(f"{proxy.name}: {out.stderr}")
    n = int(out.stdout)
    return dict(cost=(user1 + system1 - user0 - system0) / n, user=(user1 - user0) / n)


def load(proxy, seconds, connections=64, path="/", lua=None):
    """wrk against it. Returns CPU microseconds per request and requests per second."""
    user0, system0 = proxy.cpu()
    out = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *(["-s", lua] if lua else []), f"{proxy.url}{path}"]).stdout
    user1, system1 = proxy.cpu()
    requests = re.search(r"(\d+) requests in", out)
    if not requests or int(requests.group(1)) == 0 or "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(f"{proxy.name} failed: {out}")
    n = int(requests.group(1))
    return dict(cost=(user1 + system1 - user0 - system0) / n, user=(user1 - user0) / n, rps=float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)))


def h2load(proxy, clients, seconds, *more):
    return run(["h2load", "--h1", "-t1", "-c", clients, "-D", seconds, "--warm-up-time", 1, *more, f"{proxy.url}/"])


def sustained(proxy, clients, seconds):
    """Requests per second of h2load that it serves at most."""
    rates = []
    for _ in range(3):
        out = h2load(proxy, clients, seconds)
        found = re.search(r"([\d.]+) req/s", out.stdout)
        if not found:
            raise SystemExit(f"h2load against {proxy.name}: {out.stdout[-500:]} {out.stderr}")
        rates.append(float(found.group(1)))
    return statistics.median(rates)


def open_loop(proxy, clients, seconds, rate, folder):
    """Percentiles, in microseconds, at a rate that does not wait for answers."""
    log = os.path.join(folder, "h2load.log")
    out = h2load(proxy, clients, seconds, "--rps", f"{rate / clients:.1f}", "--log-file", log)
    with open(log) as f:
        times = sorted(int(line.split("\t")[2]) for line in f if line.split("\t")[1] == "200")
    os.unlink(log)
    if not times:
        raise SystemExit(f"h2load against {proxy.name}: {out.stdout[-500:]} {out.stderr}")
    return dict(p99=times[int(len(times) * 0.99)], p50=times[len(times) // 2])


class Report:
    def __init__(self):
        self.lines, self.table = [], []

    def say(self, text):
        print(text, flush=True)
        self.lines.append(text)

    def row(self, what, figure, most, good):
        self.table.append((what, figure, most, "yes" if good else "**no**"))
        print(f"{'ok    ' if good else 'MISSED'} {what}: {figure} (at most {most})", flush=True)

    def rounds(self, title, rounds, unit="us", show="cost"):
        """`rounds`: by proxy, a list of figures. Prints them all."""
        self.say(f"\n### {title}\n\n| | median {unit} | rounds |\n|---|---|---|")
        for name, values in rounds.items():
            median = statistics.median(v[show] for v in values)
            more = f" (user {statistics.median(v['user'] for v in values):.2f})" if "user" in values[0] else ""
            self.say(f"| {name} | {median:.2f}{more} | {' '.join(f'{v[show]:.2f}' for v in values)} |")


    def ratio(self, what, most, rounds, value, below=False):
        """`value`: the ratio, of one round's figures by proxy. The row's is the median of the rounds' ratios: a machine that is
        slower for a minute makes all of a round dearer, not one of them."""
        each = [value(Figures(zip(rounds, figures))) for figures in zip(*rounds.values())]
        median = statistics.median(each)
        good = median < most if below else median <= most
        self.row(what, f"{median:.2f} ({' '.join(f'{r:.2f}' for r in each)})", f"{'below ' if below else ''}{most:.2f}", good)


class Figures(dict):
    """One round's, by proxy."""

    def of(self, one, other, show="cost"):
        return self[one][show] / self[other][show]

    def own(self, peer="nginx"):
        """Gatehouse's own cost as a share of the peer's: what lies above the floor."""
        ours, theirs, floor = (self[name]["cost"] for name in ("gatehouse", peer, "floor"))
        return (ours - floor) / (theirs - floor)


def to_nginx(figures):
    return figures.of("gatehouse", "nginx")


def one_round(options, measured):
    """`measured`: by name, what runs the load for some seconds and returns its figures. All take turns in short slices, so that
    what else the machine does in a second or two falls on all of them; a round's figure is the median of its slices."""
    slices = {name: [] for name in measured}
    for _ in range(options.slices):
        for name, measure in measured.items():
            slices[name].append(measure(options.seconds))
    return {name: {key: statistics.median(s[key] for s in of) for key in of[0]} for name, of in slices.items()}


def rounds_of(options, measured):
    rounds = {name: [] for name in measured}
    for measure in measured.values():
        measure(1)  # warms it up
    for _ in range(options.rounds):
        for name, figures in one_round(options, measured).items():
            rounds[name].append(figures)
    return rounds


def compare(report, options, title, proxies, **how):
    rounds = rounds_of(options, {p.name: functools.partial(load, p, **how) for p in proxies})
    report.rounds(title, rounds)
    return rounds
