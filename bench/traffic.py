"""Clients on keep-alive connections and the service behind the gateway, in one thread and in lock step: the gateway's
work is then the same in every run, which is what the gates compare. Every answer is checked."""
import os
import re
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

SMALL = b'{"greeting": "a small body of about one hundred bytes, as a small JSON document would have them"}\n'
BROWSER_HEADERS = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Language: de-CH,de;q=0.8,en-US;q=0.5,en;q=0.3\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://shop.example.com/catalogue/garden/chairs?sort=price&page=3\r\n"
    b"Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n"
    b"Sec-Fetch-User: ?1\r\nPriority: u=0, i\r\nDNT: 1\r\nSec-GPC: 1\r\nTE: trailers\r\nCache-Control: max-age=0\r\n"
    b'If-None-Match: W/"5f3-18c2a4b7d10"\r\n'
    b"Cookie: session=" + b"q7Zr" * 40 + b"; consent=" + b"0110" * 25 + b"; _ga=GA1.2.1234567890.1700000000; theme=dark; cart="
    + b"3f9a" * 60 + b"\r\n")


def request(method="GET", headers=b"", body=b""):
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%s /api/items HTTP/1.1\r\nHost: api.example.com\r\n%s%s\r\n%s" % (method.encode(), headers, length, body)


def answer(body, chunked=False):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    if chunked:
        return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class Case:
    """What is asked and answered."""

    def __init__(self, name, ask, body, chunked=False):
        self.name, self.ask, self.body = name, ask, body
        self.reply = answer(body, chunked)
        self.ask_size = len(ask.split(b"\r\n\r\n", 1)[1])


CASES = [
    Case("GET, 100 bytes", request(headers=b"User-Agent: bench\r\nAccept: */*\r\n"), SMALL),
    Case("a browser's GET, 10 KB", request(headers=BROWSER_HEADERS), SMALL * 102),
    Case("POST of 1 KB", request("POST", b"Content-Type: application/json\r\n", b"x" * 1024), SMALL),
    Case("a chunked answer", request(), SMALL * 10, chunked=True),
]


# That nobody reaches, of three kinds.
LIMITS = "limits: {default: 1000000/s, address: 1000000/s per ip, fleet: 1000000/s}\n"


def token_case(token):
    return Case("GET, 100 bytes, RS256 token", request(headers=b"User-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n" % token), SMALL)


class Gateway:
    """The binary with one worker and its log on, the service `api` behind it. `prefix`: a command that runs it; `service`: further
    fields of `api`; `listener`: further fields of the listener; `extra`: further lines of the configuration."""

    def __init__(self, binary, service_port, prefix=(), env=None, service="", listener="", extra=""):
        self.folder = tempfile.mkdtemp(prefix="gatehouse-gate-")
        with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
            self.port, self.admin = a.getsockname()[1], b.getsockname()[1]
        config = os.path.join(self.folder, "gatehouse.yaml")
        with open(config, "w") as f:
            f.write(f"workers: 1\nstate: {self.folder}/state\nlog: {self.folder}/access.log\nadmin: {{port: {self.admin}}}\n"
                    f"listen: {{public: {{port: {self.port}, bind: 127.0.0.1{listener}}}}}\n"
                    f'services: {{api: {{url: "http://127.0.0.1:{service_port}"{service}}}}}\n{extra}')
        self.stderr = open(os.path.join(self.folder, "stderr"), "w")
        self.process = subprocess.Popen([*prefix, binary, "run", config], env={**os.environ, **(env or {})},
                                        stdout=subprocess.DEVNULL, stderr=self.stderr)
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/readyz", timeout=10).read()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.process.kill()
                    raise SystemExit(f"the gateway did not start ({self.process.poll()}): {open(self.stderr.name).read()}")
                time.sleep(0.05)

    def stop(self):
        """Returns what it said."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        with open(self.stderr.name) as f:
            said = f.read()
        shutil.rmtree(self.folder)
        if code != 0:
            raise SystemExit(f"the gateway ended with {code}: {said}")
        return said


def secure(s, session=None):
    """TLS on a connected socket, whatever certificate is shown."""
    if not hasattr(secure, "context"):
        secure.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        secure.context.check_hostname, secure.context.verify_mode = False, ssl.CERT_NONE
    return secure.context.wrap_socket(s, server_hostname="localhost", session=session)


class Traffic:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.clients = []
        self.case = CASES[0]

    def connect(self, gateway_port, n, tls=False):
        for _ in range(n):
            c = socket.create_connection(("127.0.0.1", gateway_port))
            c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                c = secure(c)
                c.setblocking(False)  # what can be read may be less than a record, or no data at all
            self.clients.append(c)
            self.selector.register(c, selectors.EVENT_READ, ["client", b""])

    def round(self):
        """One request on every connection, and their answers."""
        for c in self.clients:
            c.sendall(self.case.ask)
        waiting = len(self.clients)
        end = time.monotonic() + 60
        while waiting:
            for key, _ in self.selector.select(10):
                if key.data is None:
                    s, _ = self.listener.accept()
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(s, selectors.EVENT_READ, ["service", b""])
                    continue
                try:
                    piece = key.fileobj.recv(1 << 17)
                except ssl.SSLWantReadError:
                    continue
                if not piece:
                    if key.data[0] == "client":
                        raise SystemExit("the gateway closed a connection")
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    continue
                key.data[1] += piece
                if key.data[0] == "service":
                    self.serve(key)
                elif self.answered(key):
                    waiting -= 1
            if time.monotonic() > end:
                raise SystemExit("the gateway did not answer")

    def serve(self, key):
        head, end, body = key.data[1].partition(b"\r\n\r\n")
        if end and len(body) >= self.case.ask_size:
            key.data[1] = b""
            key.fileobj.sendall(self.case.reply)

    def answered(self, key):
        head, end, body = key.data[1].partition(b"\r\n\r\n")
        if not end:
            return False
        if re.search(rb"transfer-encoding: *chunked", head, re.I):
            if not body.endswith(b"0\r\n\r\n"):
                return False
            plain = b""
            while True:
                size, _, body = body.partition(b"\r\n")
                if int(size, 16) == 0:
                    break
                plain, body = plain + body[:int(size, 16)], body[int(size, 16) + 2:]
            body = plain
        elif len(body) < len(self.case.body):
            return False
        if not head.startswith(b"HTTP/1.1 200 ") or body != self.case.body:
            raise SystemExit(f"a wrong answer: {key.data[1][:300]!r}")
        key.data[1] = b""
        return True

    def run(self, case, requests):
        self.case = case
        for _ in range(max(1, requests // len(self.clients))):
            self.round()

    def close(self):
        for c in self.clients:
            self.selector.unregister(c)
            c.close()
        self.clients = []
