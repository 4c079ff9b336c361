"""The rows of identity: RS256 tokens of 650 bytes, judged by the gateway with keys from a file, or from an issuer that rotates them.
Whatever is compared gets the same requests, tokens included. The load is callers.cc, in all rows of this file."""
import functools
import http.server
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from gate_instructions import per_request
from measure import Figures, rounds_of, run
from proxies import free_port
from tokens import Pool
from traffic import token_case

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS, USERS, LIVE, FRESH = 64, 1000, 100_000, 20_000
BOUND = 300  # seconds that a verdict is kept at most
ATTACKER = "127.0.0.9"
GOOD, BAD = {"200"}, {"401", "429"}
BEYOND = 3  # us that a first sight may cost beside its verification
ROUTES = "routes:\n  - {path: /api/*, to: u, when: {header.x-tier: gold}}\n  - {path: /api/*, reply: {status: 404}}\n"
# What the gateway does with the same token, in HAProxy's words; the conditions of its route too.
HAPROXY = """http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str RS256 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.iss') -m str bench }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.aud') -m str bench }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify(txn.alg,"{key}") -m int 1 }}
  http-request set-header x-user %[http_auth_bearer,jwt_payload_query('$.sub')]
  http-request set-header x-org %[http_auth_bearer,jwt_payload_query('$.org')]
  http-request deny deny_status 404 unless {{ hdr(x-tier) gold }}"""


def guarded(field, pool, name="gatehouse", fields="", more=""):
    """A gateway that asks for the pool's tokens, with metrics."""
    admin = free_port()
    proxy = field.gatehouse(name, admin=admin, more=pool.auth(fields) + more)[0]
    proxy.admin = admin
    return proxy


def callers(field, port, seconds, pool, *options, connections=CLIENTS):
    return [str(c) for c in (field.program("callers"), port, seconds, connections, pool.tokens, *options)]


def said(name, text, error, statuses):
    """What callers printed, if all answers have one of `statuses`."""
    if not text:
        raise SystemExit(f"{name}: {error}")
    figures = json.loads(text)
    if not figures["answers"] or set(figures["statuses"]) - statuses:
        raise SystemExit(f"{name}: {text}")
    del figures["statuses"]
    return figures


def asked(field, proxy, seconds, pool, *options, statuses=GOOD):
    """CPU microseconds per request, requests per second, percentiles."""
    before = sum(proxy.cpu())
    out = run(callers(field, proxy.port, seconds, pool, *options))
    spent = sum(proxy.cpu()) - before
    figures = said(proxy.name, out.stdout, out.stderr, statuses)
    return figures | dict(cost=spent / figures["answers"], spent=spent)


def metrics(proxy):
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin}/metrics", timeout=10) as answer:
        return {m.group(1): float(m.group(2)) for m in re.finditer(r"^(\w+(?:{.*?})?) (\S+)$", answer.read().decode(), re.M)}


def judged(field, proxy, seconds, pool, *options):
    """As `asked`, and the share of requests whose token was not in the cache."""
    def lookups():
        now = metrics(proxy)
        if 'gatehouse_auth_cache_lookups_total{result="hit"}' not in now:
            raise SystemExit(f"{proxy.name} does not count what its cache knew: no gatehouse_auth_cache_lookups")
        return [now[f'gatehouse_auth_cache_lookups_total{{result="{result}"}}'] for result in ("hit", "miss")]

    hits, misses = lookups()
    figures = asked(field, proxy, seconds, pool, *options)
    hits, misses = (after - before for after, before in zip(lookups(), (hits, misses)))
    if hits + misses < 0.99 * figures["answers"]:
        raise SystemExit(f"{proxy.name}: {figures['answers']} answers, but only {hits + misses:.0f} tokens looked up")
    return figures | dict(miss=misses / (hits + misses))


def sure(field, proxy, pool):
    """It does ask for tokens, and knows a wrong one. What is measured would otherwise be something else."""
    asked(field, proxy, 0.2, pool, "forged", f"from={ATTACKER}", f"first={USERS}", statuses=BAD)
    try:
        status = urllib.request.urlopen(f"http://127.0.0.1:{proxy.port}/api/items", timeout=10).status
    except urllib.error.HTTPError as e:
        status = e.code
    if status != 401:
        raise SystemExit(f"{proxy.name}: {status} without a token")


def jwt(report, options, field):
    pool = Pool(field.folder, USERS)
    haproxy = field.haproxy(rules=HAPROXY.format(key=pool.public))
    gatehouse = guarded(field, pool, fields=", send: {x-user: user, x-org: claim.org}", more=ROUTES)
    for p in (haproxy, gatehouse):
        sure(field, p, pool)
    proxies = [p for p in (field.floor(), field.nginx(), haproxy, gatehouse) if p]
    rounds = rounds_of(options, {p.name: lambda seconds, p=p: asked(field, p, seconds, pool) for p in proxies})
    report.rounds(f"RS256 tokens of {USERS} users, header route, CPU per request; floor and nginx only pass them on", rounds)
    if "floor" in rounds:
        report.ratio("own cost with RS256 tokens, of that of nginx, which only passes them on", 0.75, rounds, Figures.own)
    report.ratio("CPU in all with RS256 tokens, of HAProxy's with jwt_verify", 0.25, rounds, lambda f: f.of("gatehouse", "haproxy"))


def verdict(report, options, field):
    pool = Pool(field.folder, USERS)
    case = token_case(pool.first())
    with_token, bare = (per_request(options.binary, case, extra) for extra in (pool.auth(), ""))
    report.say(f"\n### Instructions per request with a token (callgrind)\n\nwith its verdict from the cache {with_token}, passed on unread {bare}")
    report.row("instructions of a cached verdict", str(with_token - bare), "below 2000", with_token - bare < 2000)

    out = run([sys.executable, os.path.join(HERE, "gate_allocations.py"), options.binary]).stdout
    found = re.search(r"RS256 token: (\d+) allocations in (\d+) requests", out)
    if not found:
        raise SystemExit(f"gate_allocations.py: {out}")
    report.row(f"allocations in {found.group(2)} requests with a token", found.group(1), "0", found.group(1) == "0")

    proxies = {"bare": field.gatehouse("bare")[0], "gatehouse": guarded(field, pool)}
    sure(field, proxies["gatehouse"], pool)
    # Half a microsecond is looked for in twenty: longer slices.
    rounds = rounds_of(options, {name: lambda seconds, p=p: asked(field, p, 3 * seconds, pool) for name, p in proxies.items()})
    report.rounds("A cached verdict, CPU per request, against the same requests without `auth`", rounds)
    report.ratio("CPU of a cached verdict, of 0.5 us", 1.00, rounds, lambda f: (f["gatehouse"]["cost"] - f["bare"]["cost"]) / 0.5, below=True)


def verification(field, pool, rate, seconds):
    """CPU microseconds of OpenSSL for one signature, while the service and its callers keep the other cores as busy as they are in
    the runs it is compared with."""
    others = subprocess.Popen(callers(field, field.service, seconds + 0.5, pool, f"rate={rate:.0f}"), stdout=subprocess.DEVNULL)
    out = run([pool.program, "verify", pool.folder, seconds])
    if others.wait(60) != 0 or out.returncode != 0:
        raise SystemExit(f"verification: {out.stderr}")
    return dict(cost=float(out.stdout))


def first_sight(report, options, field):
    pool = Pool(field.folder, FRESH)
    # Asked in turn, over and over: the cache holds a twentieth of them, and every token is a new one when its turn comes.
    fresh, bare = guarded(field, pool, "fresh", ", cache_memory: 1MB"), field.gatehouse("bare")[0]
    sure(field, fresh, pool)
    rate = asked(field, fresh, options.seconds, pool, "in-turn")["rate"]
    rounds = rounds_of(options, {
        "bare": lambda seconds: asked(field, bare, 2 * seconds, pool, "in-turn"),
        "fresh": lambda seconds: judged(field, fresh, 2 * seconds, pool, "in-turn"),
        "verification": functools.partial(verification, field, pool, rate)})
    known = [1 - f["miss"] for f in rounds["fresh"]]
    if max(known) > 0.001:
        raise SystemExit(f"first-sight: tokens were in the cache: {known}")
    report.rounds("Every token at first sight, CPU per request; `verification`: of one signature by OpenSSL alone", rounds)
    report.ratio(f"CPU with fresh tokens, of bare proxy + verification + {BEYOND} us", 1.00, rounds,
                 lambda f: f["fresh"]["cost"] / (f["bare"]["cost"] + f["verification"]["cost"] + BEYOND))


def fill(field, proxy, pool):
    asked(field, proxy, 120, pool, "in-turn", f"requests={LIVE}")  # each token once
    proxy.filled = time.monotonic()


def ages(proxy, rounds):
    """A verdict ends after some minutes, and its token is verified again: a run that is shorter does not see it."""
    rate = statistics.median(f["rate"] for f in rounds[proxy.name])
    return (f" The oldest verdicts were {time.monotonic() - proxy.filled:.0f} s old at the end. Over longer times the bound of {BOUND} s "
            f"alone makes {LIVE / BOUND:.0f} misses a second, {100 * LIVE / BOUND / rate:.1f} % at {rate:.0f} requests/s.")


def population(report, options, field):
    pool = Pool(field.folder, LIVE)
    large, small, nginx = guarded(field, pool, "128MB", ", cache_memory: 128MB"), guarded(field, pool, "64MB"), field.nginx()
    sure(field, large, pool)
    for p in (large, small):
        fill(field, p, pool)
    rate = asked(field, large, options.seconds, pool)["rate"]
    rounds = rounds_of(options, {p.name: lambda seconds, p=p: judged(field, p, 2 * seconds, pool) for p in (large, small)}
                       | {"verification": functools.partial(verification, field, pool, rate)})
    entries, memory = (metrics(small)[f"gatehouse_auth_cache_{what}"] for what in ("entries", "bytes"))
    fit = min(1, entries / LIVE)
    report.rounds(f"{LIVE} live tokens, asked at random, by `cache_memory`: CPU per request", rounds)
    report.say(f"\n64MB hold {entries:.0f} of them, {memory / max(1, entries):.0f} bytes each.{ages(large, rounds)}")
    report.rounds(f"{LIVE} live tokens: throughput", {p.name: rounds[p.name] for p in (large, small)}, unit="requests/s", show="rate")
    report.ratio(f"misses among {LIVE} live tokens, cache_memory 128MB, in percent", 1.00, rounds, lambda f: 100 * f["128MB"]["miss"])
    report.ratio("CPU with 64MB, of a hit's + misses x (verification + 3 us)", 1.00, rounds,
                 lambda f: f["64MB"]["cost"] / (f["128MB"]["cost"] + f["64MB"]["miss"] * (f["verification"]["cost"] + BEYOND)))
    report.ratio("misses with 64MB, of the part that does not fit", 1.20, rounds, lambda f: f["64MB"]["miss"] / max(1 - fit, 0.001))

    half = statistics.median(f["rate"] for f in rounds["128MB"]) / 2
    seconds = 2 if options.quick else 8
    again = guarded(field, pool, "paced", ", cache_memory: 128MB")  # with verdicts as young as those before
    fill(field, again, pool)
    paced = {"nginx": [], "paced": []}
    for _ in range(options.rounds):
        for p, ask in ((nginx, asked), (again, judged)):
            paced[p.name].append(ask(field, p, seconds + 1, pool, f"rate={half:.0f}", "warm=1"))
    report.say(f"\nOpen loop, {half:.0f} requests/s: half of what 128MB sustain. Misses: "
               + " ".join(f"{100 * f['miss']:.2f}" for f in paced["paced"]) + f" %.{ages(again, paced)}")
    for which in ("p50", "p99"):
        report.rounds(f"{LIVE} live tokens at half the throughput, {which}", paced, show=which)
    report.ratio(f"P99 with {LIVE} live tokens at half the throughput, in ms", 1.00, paced, lambda f: f["paced"]["p99"] / 1000, below=True)


def forged(report, options, field):
    """A flood of tokens, each forged anew, from an address of its own: a fifth of all requests."""
    pool = Pool(field.folder, USERS)
    gatehouse = guarded(field, pool)
    sure(field, gatehouse, pool)
    valid = asked(field, gatehouse, options.seconds, pool)["rate"]

    def flooded(seconds, rate, *valid_options, kind=("forged",), statuses=BAD):
        """Figures of the valid ones, and what came beside them."""
        before = sum(gatehouse.cpu())
        flood = subprocess.Popen(callers(field, gatehouse.port, seconds, pool, *kind, f"from={ATTACKER}", f"rate={rate:.0f}"),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        figures = asked(field, gatehouse, seconds, pool, *valid_options)
        its = said("the flood", *flood.communicate(timeout=60), statuses)
        return figures | dict(spent=sum(gatehouse.cpu()) - before, flood=its["answers"], flood_rate=its["rate"])

    # The CPU that the flood leaves: what the gateway used, less what as many forged tokens cost without anybody else. Two
    # clients cost more than one whatever they ask: so the same is measured with a flood of valid requests, and what that
    # allows is what is allowed.
    rounds = rounds_of(options, {
        "valid alone": lambda seconds: asked(field, gatehouse, 2 * seconds, pool),
        "forged alone": lambda seconds: asked(field, gatehouse, 2 * seconds, pool, "forged", f"from={ATTACKER}", statuses=BAD),
        "valid, flooded": lambda seconds: flooded(2 * seconds, valid / 4),
        "valid, beside valid": lambda seconds: flooded(2 * seconds, valid / 4, kind=(), statuses=GOOD)})
    report.rounds("Forged tokens beside valid ones, CPU per request", {n: rounds[n] for n in ("valid alone", "forged alone")})
    report.rounds("Forged tokens beside valid ones, throughput", rounds, unit="requests/s", show="rate")

    def show_flood(meant, rounds):
        given = [f["flood_rate"] for f in rounds]
        report.say(f"\nForged tokens a second: {' '.join(f'{r:.0f}' for r in given)}" + (f", **short of {meant:.0f}**" if min(given) < 0.9 * meant else ""))

    show_flood(valid / 4, rounds["valid, flooded"])

    def raw(f, mixed="valid, flooded", other="forged alone"):
        """Valid answers that the CPU left over would allow at the cost of one client's, of those given."""
        both = f[mixed]
        return (both["spent"] - both["flood"] * f[other]["cost"]) / f["valid alone"]["cost"] / both["answers"]

    def control(f):
        return raw(f, "valid, beside valid", "valid alone")

    def allowed(f):
        # Both kinds of request cost so much more beside each other as the control says.
        both, control_ = f["valid, flooded"], f["valid, beside valid"]
        more = control_["spent"] / (control_["answers"] + control_["flood"]) / f["valid alone"]["cost"]
        left = both["spent"] - both["flood"] * f["forged alone"]["cost"] * more
        return left / (f["valid alone"]["cost"] * more) / both["answers"]

    every = [Figures(zip(rounds, figures)) for figures in zip(*rounds.values())]
    for what, of in (("forged", raw), ("valid requests in their place", control)):
        report.say(f"\nWithout that correction, beside {what}: {' '.join(f'{of(f):.2f}' for f in every)}")
    report.ratio("beside forged tokens, valid answers that the CPU left over allows, of those given", 1 / 0.95, rounds, allowed)

    load, seconds = valid / 2, 2 if options.quick else 8
    report.say(f"\nOpen loop, {load:.0f} valid requests/s, half of what it sustains; the flood: {load / 4:.0f} forged ones a second")
    paced = {"without": [], "flooded": []}
    for _ in range(options.rounds):
        paced["without"].append(asked(field, gatehouse, seconds + 1, pool, f"rate={load:.0f}", "warm=1"))
        paced["flooded"].append(flooded(seconds + 1, load / 4, f"rate={load:.0f}", "warm=1"))
    show_flood(load / 4, paced["flooded"])
    for which in ("p50", "p99"):
        report.rounds(f"Valid ones beside forged tokens, {which}", paced, show=which)
    report.ratio("P99 beside forged tokens, of that without", 2.00, paced, lambda f: f.of("flooded", "without", "p99"), below=True)


class Issuer:
    """Answers with the keys of the moment, on loopback."""

    def __init__(self, keys):
        self.keys, self.fetches = keys, 0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches += 1
                body = issuer.keys
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def rotation(report, options, field):
    """The rude one: a new key every 5 s, the old one gone at once; tokens of both at full load, two workers."""
    every, each = 5, 200
    keys = 4 if options.quick else 37  # 3 minutes
    pools = [Pool(field.folder, each, f"bench-{k:03d}") for k in range(keys)]

    def jwks(k):
        with open(pools[k].jwks, "rb") as f:
            return f.read()

    with tempfile.NamedTemporaryFile("w", dir=field.folder) as tokens:
        for pool in pools:
            with open(pool.tokens) as f:
                tokens.write(f.read())
        tokens.flush()
        issuer = Issuer(jwks(0))
        gatehouse = field.gatehouse("rotation", workers=2, more=f'auth: {{issuer: bench, jwks: "http://127.0.0.1:{issuer.port}/keys", audience: bench}}\n')[0]
        # The first fetch may be under way still; what is measured begins after it.
        end = time.monotonic() + 30
        while json.loads(run(callers(field, gatehouse.port, 0.1, pools[0])).stdout)["statuses"].keys() != GOOD:
            if time.monotonic() > end:
                raise SystemExit("rotation: the first key is not accepted")
        load = subprocess.Popen([field.program("callers"), str(gatehouse.port), str(keys * every), str(CLIENTS), tokens.name, f"window={each}"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begin = time.monotonic()
        for k in range(1, keys):
            time.sleep(max(0, begin + k * every - time.monotonic()))
            issuer.keys = jwks(k)
            load.stdin.write("\n")
            load.stdin.flush()
        text, error = load.communicate(timeout=60)
        issuer.server.shutdown()
    if load.returncode != 0:
        raise SystemExit(f"rotation: {error}")
    figures = json.loads(text)
    refused = figures["answers"] - figures["statuses"].get("200", 0)
    enough = 1 if options.quick else 1_000_000
    report.say(f"\n### A rotation every {every} s, the old key gone at once\n\n{keys - 1} rotations, {figures['answers']} requests with tokens of the "
               f"new and the previous key, {issuer.fetches} fetches; by status {figures['statuses']}; P99 {figures['p99'] / 1000:.1f} ms")
    report.row(f"refused in {keys - 1} rotations", f"{refused} of {figures['answers']}", f"0 of {enough}", refused == 0 and figures["answers"] >= enough)


ROWS = {"jwt": jwt, "verdict": verdict, "first-sight": first_sight, "population": population, "forged": forged, "rotation": rotation}
