#!/usr/bin/env python3
"""Plays the traffic from which the compiler learns what is hot: see scripts/profile.
   train.py BINARY

What is listed here is laid out for speed, what is not for size. So it holds what production does all day, in its rough
proportions: small requests first, then browsers, bodies, TLS, routes with conditions, edited headers, refusals, tokens, limits."""
import http.client
import socket
import sys
import tempfile

from tokens import Pool
from traffic import BROWSER_HEADERS, CASES, LIMITS, SMALL, Case, Gateway, Traffic, request, secure, token_case

ROUTES = """\
routes:
  - {path: /api/*, to: api, headers: {request: {set: {x-team: shop}, remove: [dnt]}, response: {add: {x-served: "yes"}}}}
  - {path: /api/items, method: GET, to: api, when: {header.x-beta: "true", query.page: "~[0-9]+"}}
  - {path: /api/items, method: GET, to: api, when: {cookie.theme: dark, ip: 127.0.0.0/8}, priority: 1}
  - {path: /api/items/:id, to: api, rewrite: /api/items}
  - {path: "/api/~[a-z]+-[0-9]+", to: api, rewrite: /api/items}
  - {path: /old/*, redirect: /api/*}
  - {path: /hello, reply: {status: 200, body: hello}}
"""


def routes():
    many = "".join(f"  - {{path: /r{i}/items/:id, to: api, rewrite: /api/items}}\n" for i in range(1000))
    hosts = "".join(f"  - {{path: /api/items, host: h{i}.example.com, to: api}}\n" for i in range(100))
    return ROUTES + many + hosts


def asking(path, headers=b"User-Agent: bench\r\nAccept: */*\r\n", host=b"api.example.com"):
    return b"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, headers)


def plain(binary):
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port)
    traffic.connect(gateway.port, 32)
    for case, times in zip(CASES, (60_000, 20_000, 10_000, 10_000), strict=True):
        traffic.run(case, times)
    for name, size in (("64 KB", 65_536), ("1 MB", 1 << 20)):
        traffic.run(Case(f"{name} down", request(), b"d" * size), 320)
        traffic.run(Case(f"{name} up", request("POST", body=b"u" * size), SMALL), 320)
    traffic.close()
    for _ in range(2000):  # connections that come, ask once and go
        once(gateway.port, b"Connection: close\r\n")
    gateway.stop()


def over_tls(binary):
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port, listener=", tls: dev")
    traffic.connect(gateway.port, 32, tls=True)
    for case, times in zip(CASES, (40_000, 10_000, 5000, 5000), strict=True):
        traffic.run(case, times)
    for name, size in (("64 KB", 65_536), ("1 MB", 1 << 20)):
        traffic.run(Case(f"{name} down", request(), b"d" * size), 160)
    traffic.close()
    session = None
    for i in range(2000):  # every other one resumes an earlier session
        session = once(gateway.port, b"Connection: close\r\n", lambda s, kept=session if i % 2 else None: secure(s, kept))
    gateway.stop()


def once(port, headers, wrap=None):
    """A request that the gateway answers by itself. `wrap`: puts TLS on the socket; then its session is returned."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        c = wrap(s) if wrap else s
        c.sendall(b"GET /nowhere HTTP/1.1\r\nHost: api.example.com\r\n%s\r\n" % headers)
        c.recv(1 << 16)
        with c:
            return c.session if wrap else None


def with_rules(binary):
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port, service=", allow: [127.0.0.0/8, 10.0.0.0/8], deny: [10.1.0.0/16]", extra=routes())
    traffic.connect(gateway.port, 32)
    asks = [asking(b"/api/items/17"), asking(b"/api/items", BROWSER_HEADERS), asking(b"/api/chairs-7"), asking(b"/r77/items/5?x=1"),
            asking(b"/r977/items/5"), asking(b"/api/items?page=3", b"X-Beta: true\r\n"), asking(b"/api/items", host=b"h42.example.com"),
            asking(b"/api/a%20b/../items", b"X-Forwarded-For: 10.0.0.1\r\nX-Request-Id: abc\r\nTraceparent: 00-%s-%s-01\r\n" % (b"a1" * 16, b"b2" * 8))]
    for ask in asks:
        traffic.run(Case("", ask, SMALL), 4000)
    traffic.close()
    own = http.client.HTTPConnection("127.0.0.1", gateway.port)
    for i in range(4000):  # redirects, replies, no route, wrong method
        own.request(("GET", "PUT")[i % 8 == 7], ("/old/x", "/hello", "/nowhere", "/r1/items/2/3")[i % 4])
        own.getresponse().read()
    gateway.stop()


def with_tokens(binary, more="", rounds=4):
    """A thousand users, each of whom is seen again and again, as they are; and who is turned away. `more`: lines of the configuration."""
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(folder, 1000)
        send = ", send: {x-user: user, authorization: remove}"
        traffic = Traffic()
        gateway = Gateway(binary, traffic.port, extra=pool.auth(send) + more + 'routes:\n  - {path: /api/*, to: api, when: {claim.sub: "*"}}\n')
        traffic.connect(gateway.port, 32)
        with open(pool.tokens, "rb") as f:
            tokens = [line.strip() for line in f]
        for _ in range(rounds):
            for token in tokens:
                traffic.run(token_case(token), 32)
        forged = tokens[0][:-8] + b"AAAAAAAA"
        for token in (forged, b"nonsense"):
            for _ in range(500):
                once(gateway.port, b"Connection: close\r\nAuthorization: Bearer %s\r\n" % token)
        traffic.close()
        gateway.stop()


def with_limits(binary):
    """Limits that nobody reaches, one, two and three of them, and one that refuses nearly all."""
    for limits in ("limits: {default: 1000000/s}\n", "limits: {default: 1000000/s, address: 1000000/s per ip}\n", LIMITS):
        traffic = Traffic()
        gateway = Gateway(binary, traffic.port, extra=limits)
        traffic.connect(gateway.port, 32)
        traffic.run(CASES[0], 10_000)
        traffic.close()
        gateway.stop()
    traffic = Traffic()
    gateway = Gateway(binary, traffic.port, extra="limits: {default: 10/h}\n")
    for _ in range(1000):
        once(gateway.port, b"Connection: close\r\n")
    traffic.close()
    gateway.stop()


def main(binary):
    plain(binary)
    over_tls(binary)
    with_rules(binary)
    with_tokens(binary)
    with_tokens(binary, "limits: {default: 1000000/s per user}\n")
    with_limits(binary)


main(sys.argv[1])
