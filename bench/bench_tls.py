"""The rows of TLS: 1.3, a certificate with a key on P-256, the OpenSSL of the system in all of them."""
import collections
import functools
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from measure import compare, cost_of, load, open_loop, rounds_of, run, sustained, to_nginx

FEW, MANY = 2000, 8000  # requests, under callgrind
IDLE = 4000
CERTIFICATES, NAMES = 256, 10_000


def proxies_of(field):
    tls = field.certificate()
    return [field.nginx(tls), field.haproxy(tls), field.gatehouse(tls=tls)[0]]


def keep_alive(report, options, field):
    # Longer slices than elsewhere: each begins with 64 handshakes, which are not what is asked for.
    measured = {p.name: lambda seconds, p=p: load(p, 3 * seconds) for p in proxies_of(field)}
    rounds = rounds_of(options, measured)
    report.rounds("TLS 1.3, CPU per proxied request, 64 connections", rounds)
    report.ratio("CPU over TLS, 64 connections, of nginx's", 0.85, rounds, to_nginx)


def by_object(file):
    """Instructions of each library and program, from what callgrind wrote: what they spend themselves, without their calls."""
    names, spent, here, of_call = {}, collections.Counter(), None, False
    with open(file) as f:
        for line in f:
            if line.startswith(("ob=", "cob=")):
                key, number, name = re.match(r"(c?ob)=(\(\d+\))(?: (.*))?", line).groups()
                if name:
                    names[number] = os.path.basename(name)
                if key == "ob":
                    here = number
            elif line.startswith("calls="):
                of_call = True  # the next line is what the called one spent
            elif line[0] in "0123456789+-*":
                if not of_call:
                    spent[here] += int(line.split()[1])
                of_call = False
    return collections.Counter({names[number]: n for number, n in spent.items()})


def instructions(report, options, field):
    tls = field.certificate()
    starts = {"nginx": lambda prefix: field.nginx(tls, prefix=prefix), "gatehouse": lambda prefix: field.gatehouse(tls=tls, prefix=prefix)[0]}
    whole, without = {}, {}
    for name, start in starts.items():
        counts = []
        for n in (FEW, MANY):
            file = os.path.join(field.folder, f"callgrind.{name}.{n}")
            proxy = start(["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}"])
            out = run(["h2load", "--h1", "-n", n, "-c", 8, "-t", 1, f"{proxy.url}/"]).stdout
            field.end(proxy)
            if f"{n} succeeded" not in out:
                raise SystemExit(f"{name} under callgrind: {out[-500:]}")
            counts.append(by_object(file))
        few, many = counts
        each = {o: (many[o] - few[o]) / (MANY - FEW) for o in many}
        whole[name] = sum(each.values())
        without[name] = sum(n for o, n in each.items() if not o.startswith(("libssl", "libcrypto")))
        shown = ", ".join(f"{o} {n:.0f}" for o, n in sorted(each.items(), key=lambda x: -x[1]) if n >= 1)
        report.say(f"\n### Instructions per request over TLS (callgrind), {name}\n\n{whole[name]:.0f}, without OpenSSL's own {without[name]:.0f}: {shown}")
    ratio = without["gatehouse"] / without["nginx"]
    report.row("user-space instructions over TLS without OpenSSL's own, of nginx's", f"{ratio:.2f}", "0.60", ratio <= 0.60)


def handshakes_of(field, proxy, seconds, mode="full", names=None):
    """CPU for each connection: a handshake, one small answer of the proxy's own, the end."""
    program = field.program("handshakes", "-lssl", "-lcrypto")
    return cost_of(proxy, [program, mode, proxy.port, seconds, 16, *([names] if names else [])])


def handshakes(report, options, field):
    proxies = proxies_of(field)
    for mode, what in (("full", "full handshake"), ("resumed", "resumed handshake")):
        measured = {p.name: functools.partial(handshakes_of, field, p, mode=mode) for p in proxies}
        rounds = rounds_of(options, measured)
        report.rounds(f"CPU per {what}, with one small request", rounds)
        report.ratio(f"CPU per {what}, of nginx's", 1.05, rounds, to_nginx)


def download(report, options, field):
    rounds = compare(report, options, "1 MB downloads over TLS, CPU per MB", proxies_of(field), connections=8, path="/1m")
    report.ratio("1 MB downloads over TLS, CPU per byte, of nginx's", 1.00, rounds, to_nginx)


def idle_connections(proxy, n):
    """Opens them, a request each, and lets them be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connections = []
    for _ in range(n):
        c = context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port)), server_hostname="gate.test")
        c.sendall(b"GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n")
        if not c.recv(4096).startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"{proxy.name}: no answer")
        connections.append(c)
    return connections


def idle(report, options, field):
    report.say(f"\n### {IDLE} idle TLS connections\n")
    figures = {}
    for p in proxies_of(field):
        first = idle_connections(p, 10)  # what is loaded and filled once is no connection's
        before = p.resident()
        opened = idle_connections(p, IDLE)
        time.sleep(1)
        figures[p.name] = (p.resident() - before) / IDLE
        report.say(f"- {p.name}: {figures[p.name]:.0f} bytes each")
        for c in first + opened:
            c.close()
    report.row("idle TLS connection", f"{figures['gatehouse']:.0f} bytes", f"nginx's {figures['nginx']:.0f} bytes", figures["gatehouse"] <= figures["nginx"])


def names(report, options, field):
    # The one certificate is one of the many: their size is in every handshake.
    of = [[f"shop{i}.example.com" for i in range(c, NAMES, CERTIFICATES)] for c in range(CERTIFICATES)]
    certificates = [field.certificate(f"c{c}", of[c]) for c in range(CERTIFICATES)]
    one = field.gatehouse("one certificate", tls=certificates[0])[0]
    many = field.gatehouse(f"{CERTIFICATES} certificates", tls=certificates)[0]
    asked = {one: field.write("few.txt", "\n".join(of[0])), many: field.write("many.txt", "\n".join(sum(of, [])))}
    measured = {p.name: functools.partial(handshakes_of, field, p, names=file) for p, file in asked.items()}
    rounds = rounds_of(options, measured)
    report.rounds(f"CPU per full handshake, {CERTIFICATES} certificates with {NAMES} names, against one", rounds)
    report.ratio(f"handshake with {CERTIFICATES} certificates and {NAMES} names, against one", 1.05, rounds, lambda f: f.of(many.name, one.name))


def flood(report, options, field):
    nginx, _, gatehouse = proxies_of(field)
    program = field.program("handshakes", "-lssl", "-lcrypto")
    clients, seconds = 64, 2 if options.quick else 8
    rate = 0.5 * sustained(nginx, clients, options.seconds)
    report.say(f"\n{clients} connections over TLS, open loop, {rate:.0f} requests/s, half of what nginx sustains; the flood: 64 connections at a time, "
               "each a ClientHello whose answer is not read")

    def measure(proxy, flooded):
        if not flooded:
            return open_loop(proxy, clients, seconds, rate, field.folder)
        # An attacker has a machine of its own: here it gets what the measuring client leaves.
        attacker = subprocess.Popen(["nice", "-n", "19", program, "hello", str(proxy.port), str(seconds + 2), "64"], stdout=subprocess.PIPE, text=True)
        try:
            figures = open_loop(proxy, clients, seconds, rate, field.folder)
            said = attacker.communicate(timeout=60)[0]
            if attacker.returncode != 0:
                raise SystemExit(f"the flood against {proxy.name} failed")
            return figures | dict(flood=int(said) / (seconds + 2))
        finally:
            if attacker.poll() is None:
                attacker.send_signal(signal.SIGKILL)

    rounds = {(p.name, flooded): [] for p in (nginx, gatehouse) for flooded in (False, True)}
    for _ in range(options.rounds):
        for p in (nginx, gatehouse):
            for flooded in (False, True):
                rounds[p.name, flooded].append(measure(p, flooded))
    report.rounds("Handshakes of the flood", {name: of for (name, flooded), of in rounds.items() if flooded}, unit="per second", show="flood")
    shown = {f"{name}, flooded" if flooded else name: of for (name, flooded), of in rounds.items()}
    report.rounds("Median beside a flood of handshakes", shown, show="p50")
    report.rounds("P99 beside a flood of handshakes", shown, show="p99")
    report.ratio("P99 beside a flood of handshakes, of that without", 2.00, shown, lambda f: f.of("gatehouse, flooded", "gatehouse", "p99"))


ROWS = dict(tls64=keep_alive, tls_instructions=instructions, tls_handshakes=handshakes, tls_download=download, tls_idle=idle,
            tls_names=names, tls_flood=flood)
