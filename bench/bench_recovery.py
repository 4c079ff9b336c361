"""A crash: how long until the next process serves, with a thousand users' limits and with a million keys. And the survivor of two: three times
the load that the service can do."""
import asyncio
import json
import multiprocessing
import os
import signal
import socket
import statistics
import time
import urllib.request

from bench_identity import asked, callers, metrics
from bench_small_company import RATE, USERS, company
from measure import run
from proxies import free_port
from tokens import Pool

MILLION = 1_000_000
AT_ONCE, SERVICE_TIME = 20, 0.05  # what the slow service can do: 400 requests a second


def first_answer(port, begun, path=b"/health"):
    """Milliseconds from `begun` until somebody answers there."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
                if s.recv(100).startswith(b"HTTP/1.1 200"):
                    return (time.monotonic() - begun) * 1000
        except OSError:
            pass
        if time.monotonic() - begun > 20:
            raise SystemExit("nobody serves any more")


def recovery(report, options, field):
    """kill -9, and at once the next process, as a supervisor does it; with 1 000 users' limits and the configuration kept."""
    pool = Pool(field.folder, USERS)
    proxy, config, paths = company(field, pool)
    asked(field, proxy, 8, pool, f"rate={RATE}", paths)  # what is kept is written every five seconds
    times = []
    for _ in range(options.rounds * 4):
        os.killpg(proxy.process.pid, signal.SIGKILL)
        proxy.process.wait()
        begun = time.monotonic()
        proxy = field.spawn_at_once("gatehouse", [field.binary, "run", config], proxy.port)
        times.append(first_answer(proxy.port, begun))
    median, worst = statistics.median(times), max(times)
    report.say(f"\n### kill -9 and the next process: until it answers\n\nmedian {median:.0f} ms, worst of {len(times)}: {worst:.0f} ms")
    report.row("kill -9: until the next process answers", f"{median:.0f} ms (worst {worst:.0f})", "below 100 ms", worst < 100)


def one(port, user):
    """The RateLimit field of an answer."""
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/a", headers={"x-user": user}), timeout=10) as answer:
        return answer.headers["ratelimit"]


def cpu_share(proxy, seconds):
    """Of a core, while one request a second changes something."""
    before = sum(proxy.cpu())
    for n in range(seconds):
        one(proxy.port, f"idle-{n}")
        time.sleep(1)
    return (sum(proxy.cpu()) - before) / 1e6 / seconds


def admitted(proxy):
    return int(metrics(proxy)['gatehouse_limit_requests_total{limit="each",result="admitted"}'])


def million(report, options, field):
    """A million keys that owe something: what writing them every five seconds costs, and a start with them."""
    port, admin = free_port(), free_port()
    config = field.write("million.yaml", f"workers: 1\nstate: {field.folder}/million.state\nlog: /dev/null\nlisten: {{public: {{port: {port}, bind: 127.0.0.1}}}}\nadmin: {{port: {admin}}}\n"
                         "limits: {each: 10/d per header.x-user}\nroutes: [{path: /a, reply: {body: a}}]\n")
    proxy = field.spawn("gatehouse", [field.binary, "run", config], port)
    proxy.admin = admin
    seconds = 10 if options.quick else 40
    empty = cpu_share(proxy, seconds)
    while (count := admitted(proxy)) < MILLION:  # wrk begins its script anew each time
        lua = field.write("million.lua", f'local n = {count}\nfunction request() n = n + 1; return wrk.format("GET", "/a", {{["x-user"] = n}}) end\n')
        run(["wrk", "-t1", "-c64", "-d1s", "-s", lua, proxy.url])
    time.sleep(6)
    full = cpu_share(proxy, seconds)
    size = os.path.getsize(f"{field.folder}/million.state/limits")
    if size < 28 * MILLION * 0.99:
        raise SystemExit(f"the file has room for {size // 28} keys")
    times = []
    for _ in range(options.rounds * 2):
        os.killpg(proxy.process.pid, signal.SIGKILL)
        proxy.process.wait()
        begun = time.monotonic()
        proxy = field.spawn_at_once("gatehouse", [field.binary, "run", config], port)
        times.append(first_answer(port, begun, b"/a"))
        if ";r=9;" in one(port, "77"):
            raise SystemExit("what user 77 owed was forgotten")
    median, worst = statistics.median(times), max(times)
    report.say(f"\n### A million keys\n\nof a core, with one request a second: {100 * empty:.2f} % without keys, {100 * full:.2f} % with them ({size >> 20} MB every 5 s)\n"
               f"kill -9 until the next process answers: median {median:.0f} ms, worst of {len(times)}: {worst:.0f} ms")
    report.row("1 000 000 keys: CPU of writing them every 5 s, of a core", f"{100 * (full - empty):.2f} %", "below 1 %", full - empty < 0.01)
    report.row("1 000 000 keys, kill -9: until the next process answers", f"{median:.0f} ms (worst {worst:.0f})", "below 100 ms", worst < 100)


async def slow_service(port):
    """Serves AT_ONCE requests at a time, each for SERVICE_TIME; whoever comes beyond that waits his turn, as in a pool of threads."""
    pool = asyncio.Semaphore(AT_ONCE)

    async def serve(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                async with pool:
                    await asyncio.sleep(SERVICE_TIME)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1000)
    await server.serve_forever()


def survivor(report, options, field):
    """Three times what the service can do, which `max_in_flight` says: what of it is done all the same, and what an answer costs then."""
    service, port, admin = free_port(), free_port(), free_port()
    process = multiprocessing.Process(target=lambda: asyncio.run(slow_service(service)), daemon=True)
    process.start()
    pool = Pool(field.folder, USERS)
    config = field.write("survivor.yaml", f"workers: 1\nstate: {field.folder}/survivor.state\nlog: /dev/null\nlisten: {{public: {{port: {port}, bind: 127.0.0.1}}}}\nadmin: {{port: {admin}}}\n"
                         f"{pool.auth()}services: {{slow: {{url: \"http://127.0.0.1:{service}\", max_in_flight: {AT_ONCE}, path: /*}}}}\n")
    proxy = field.spawn("gatehouse", [field.binary, "run", config], port)
    seconds = 5 if options.quick else 20

    def done(port, rate, connections):
        before = sum(proxy.cpu())
        figures = json.loads(run(callers(field, port, seconds, pool, *([f"rate={rate}"] if rate else []), connections=connections)).stdout)
        return {int(k): v for k, v in figures["statuses"].items()}, sum(proxy.cpu()) - before, figures.get("unsent", 0)

    alone, *_ = done(service, 0, AT_ONCE)  # so many clients keep it busy without end
    could = alone[200] / seconds
    calm, calm_cpu, _ = done(port, round(could / 2), 256)
    rows, spent, unsent = done(port, round(3 * could), 256)
    process.terminate()
    goodput, refused = rows[200] / seconds, rows.get(503, 0)
    other = sum(rows.values()) - rows[200] - refused
    if unsent or refused < 1.8 * could * seconds:
        raise SystemExit(f"that was not three times the load: {rows}, {unsent} not sent in time")
    report.say(f"\n### The survivor of two: a service that can do {could:.0f} requests a second, {3 * could:.0f} offered\n\n{rows} in {seconds} s; "
               f"CPU of an answer: {calm_cpu / sum(calm.values()):.0f} us at half of what it can, {spent / sum(rows.values()):.0f} us at three times")
    report.row("survivor at 3x: what the service can do that is done", f"{100 * goodput / could:.1f} %", "at least 95 %", goodput >= 0.95 * could)
    report.row("survivor at 3x: answers that are neither 200 nor 503", str(other), "0", other == 0)


ROWS = {"recovery": recovery, "million-keys": million, "survivor": survivor}
