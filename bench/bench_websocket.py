"""The rows of WebSocket: an offer in clear text that is passed on, and the tunnel behind it."""
import functools
import resource
import subprocess
import time

from measure import cost_of, rounds_of, to_nginx
from proxies import free_port

UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_read_timeout 600s;'


def service(field):
    """Sends every message back."""
    program, port = field.program("websocket", "-lcrypto"), free_port()
    field.spawn("echo", [program, "serve", str(port)], port)
    return program, port


def messages(program, proxy, seconds):
    """64 clients, each one message at a time. CPU for each message and its echo."""
    return cost_of(proxy, [program, "load", proxy.port, seconds, 64])


def echo(report, options, field):
    program, port = service(field)
    proxies = [field.nginx(service=port, headers=UPGRADE), field.haproxy(service=port), field.gatehouse(service=port)[0]]
    measured = {p.name: functools.partial(messages, program, p) for p in proxies}
    rounds = rounds_of(options, measured)
    report.rounds("WebSocket, CPU per message of 64 bytes and its echo, 64 connections", rounds)
    report.ratio("WebSocket echo of 64 bytes, CPU per message, of nginx's", 0.90, rounds, to_nginx)


def idle(report, options, field):
    program, port = service(field)
    # A tunnel takes two descriptors of the proxy's.
    tunnels = min(10_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500) // 2)
    report.say(f"\n### {tunnels} idle WebSocket tunnels\n")
    figures = {}
    for p in (field.nginx(service=port, headers=UPGRADE, connections=2 * tunnels + 200), field.gatehouse(service=port)[0]):
        messages(program, p, 0.2)  # what is loaded and filled once is no tunnel's
        before = p.resident()
        clients = subprocess.Popen([program, "hold", str(p.port), str(tunnels)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if clients.stdout.readline() != "open\n":
            raise SystemExit(f"{p.name}: {clients.communicate()[1]}")
        time.sleep(1)
        figures[p.name] = (p.resident() - before) / tunnels
        report.say(f"- {p.name}: {figures[p.name]:.0f} bytes each")
        clients.communicate()
    report.row(f"idle WebSocket tunnel, of {tunnels}", f"{figures['gatehouse']:.0f} bytes", "4096 bytes", figures["gatehouse"] <= 4096)


ROWS = dict(ws_echo=echo, ws_idle=idle)
