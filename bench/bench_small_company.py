"""The small company: examples/small-company as it stands, with its 20 services on this machine; 5 000 requests a second in an open loop for a minute, beside nginx and
HAProxy doing what they can of it, and a forwarder that parses nothing."""
import os
import re
import statistics

from bench_identity import CLIENTS, HAPROXY, asked, callers, said, sure
from bench_limits import STICK
from measure import run
from proxies import free_port
from tokens import Pool

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "..", "examples", "small-company", "gatehouse.yaml")
RATE, USERS = 5000, 1000
NOT_ASKED = {"partners", "login", "export"}  # those need another plan, no token, and patience


def example(field, pool, port, admin, service):
    """The example, with the services of this machine, the pool's keys in place of the issuer's, and the gateway's own ports."""
    with open(EXAMPLE) as f:
        text = f.read()
    names = re.findall(r"http://([\w-]+)\.internal:8080", text)
    text = re.sub(r"http://[\w-]+\.internal:8080", f"http://127.0.0.1:{service}", text)
    text = text.replace("issuer: $ISSUER", f"issuer: bench\n  jwks: {pool.jwks}").replace("audience: api.example.com", "audience: bench")
    text = text.replace("{port: 8080}", f"{{port: {port}, bind: 127.0.0.1}}").replace("log: stdout", "log: /dev/null")
    text += f"workers: 1\nstate: {field.folder}/company.state\nadmin: {{port: {admin}}}\n"
    return field.write("company.yaml", text), sorted(set(names))


def company(field, pool):
    port, admin = free_port(), free_port()
    config, names = example(field, pool, port, admin, field.service)
    proxy = field.spawn("gatehouse", [field.binary, "run", config], port)
    proxy.admin = admin
    paths = [f"/{name}/items" for name in names if name not in NOT_ASKED and name != "payments-v2"]
    return proxy, config, "path=" + ",".join(paths)


def small_company(report, options, field):
    pool = Pool(field.folder, USERS)
    gatehouse, _, paths = company(field, pool)
    rules = HAPROXY.format(key=pool.public) + STICK.format(type="string len 64", key="http_auth_bearer,jwt_payload_query('$.sub')")
    proxies = [p for p in (gatehouse, field.nginx(), field.haproxy(rules=rules), field.floor()) if p]
    seconds = 10 if options.quick else 60
    direct = [asked_at(field, field.service, seconds, pool, paths)["p99"] for _ in range(1 if options.quick else 2)]
    lines = []
    for p in proxies:
        figures = asked(field, p, seconds, pool, f"rate={RATE}", "warm=2", paths)
        share, memory = figures["spent"] / 1e6 / seconds, p.resident() / (1 << 20)
        added = (figures["p99"] - statistics.median(direct)) / 1000
        lines.append(f"| {p.name} | {100 * share:.1f} % | {memory:.0f} MB | {figures['p50'] / 1000:.2f} ms | {figures['p99'] / 1000:.2f} ms | {figures['unsent']} |")
        if p is gatehouse:
            report.row(f"small company, {RATE} requests/s: share of a core", f"{100 * share:.1f} %", "below 10 %", share < 0.10)
            report.row("small company: resident memory", f"{memory:.0f} MB", "below 64 MB", memory < 64)
            report.row("small company: P99 above the service's own", f"{added:.2f} ms", "below 1 ms", added < 1)
            report.row("small company: errors", str(figures["unsent"]), "0", figures["unsent"] == 0)
    report.say(f"\n### The small company: {RATE} requests a second for {seconds} s, open loop\n\nP99 of the service alone: {', '.join(f'{d / 1000:.2f}' for d in direct)} ms\n\n"
               "| | of a core | memory | p50 | p99 | not sent in time |\n|---|---|---|---|---|---|\n" + "\n".join(lines))


def asked_at(field, port, seconds, pool, paths):
    out = run(callers(field, port, seconds, pool, f"rate={RATE}", "warm=2", paths))
    return said("the service alone", out.stdout, out.stderr, {"200"})


ROWS = {"small-company": small_company}
