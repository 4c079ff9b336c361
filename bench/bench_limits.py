"""The rows of limits: what one more costs, a limit alone beside nginx and HAProxy, and the full stack (RS256 token, per-user limit, header
route, JSON log, metrics) beside bare nginx and HAProxy doing what it can of it."""
from bench_identity import HAPROXY, ROUTES, USERS, asked, guarded, sure
from gate_instructions import per_request
from measure import compare, rounds_of
from proxies import free_port
from tokens import Pool
from traffic import CASES

# A rate that nobody reaches: what is measured is the asking.
RATE = "1000000/s burst 1000000"
STICK = """
  stick-table type {type} size 1m expire 60s store http_req_rate(10s)
  http-request track-sc0 {key}
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 10000000 }}"""


def limit(report, options, field):
    case = CASES[0]
    texts = {0: "", 1: f"limits: {{a: {RATE} per ip}}\n", 2: f"limits: {{a: {RATE} per ip, b: {RATE} per ip}}\n",
             3: f"limits: {{a: {{rate: {RATE} per ip, headers: off}}}}\n", 4: f"limits: {{a: {{rate: {RATE} per ip, headers: off}}, b: {{rate: {RATE} per ip, headers: off}}}}\n"}
    found = {n: per_request(options.binary, case, text) for n, text in texts.items()}
    report.say(f"\n### Instructions per request with limits (callgrind)\n\nnone {found[0]}; one {found[1]}, two {found[2]}; without headers one {found[3]}, two {found[4]}")
    report.row("instructions of one more limit", str(found[2] - found[1]), "below 300", found[2] - found[1] < 300)
    report.row("instructions of one more limit that tells clients nothing", str(found[4] - found[3]), "below 300", found[4] - found[3] < 300)


def limit_alone(report, options, field):
    port = free_port()
    zone = "limit_req_zone $binary_remote_addr zone=z:10m rate=1000000r/s;"
    config = field.write(f"nginx-limit{port}.conf", field.nginx_frame(f"""{zone}
            upstream u {{ server 127.0.0.1:{field.service}; keepalive 512; keepalive_requests 100000000; }}
            server {{ listen 127.0.0.1:{port} reuseport backlog=4096;
              location / {{ limit_req zone=z burst=1000000 nodelay; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://u; }} }}"""))
    nginx = field.spawn("nginx", ["nginx", "-c", config], port)
    haproxy = field.haproxy(rules=STICK.format(type="ip", key="src"))
    gatehouse = field.gatehouse(more=f"limits: {{a: {RATE} per ip}}\n")[0]
    proxies = [p for p in (field.floor(), nginx, haproxy, gatehouse) if p]
    rounds = compare(report, options, "A limit by address and nothing else, CPU per request", proxies)
    report.ratio("CPU with one limit by address, of nginx's with limit_req", 1.00, rounds, lambda f: f.of("gatehouse", "nginx"), below=True)
    report.ratio("CPU with one limit by address, of HAProxy's with a stick table", 1.00, rounds, lambda f: f.of("gatehouse", "haproxy"), below=True)


def stack(report, options, field):
    pool = Pool(field.folder, USERS)
    rules = HAPROXY.format(key=pool.public) + STICK.format(type="string len 64", key="http_auth_bearer,jwt_payload_query('$.sub')")
    haproxy = field.haproxy(rules=rules)
    gatehouse = guarded(field, pool, fields=", send: {x-user: user, x-org: claim.org}", more=f"limits: {{default: {RATE} per user}}\n" + ROUTES)
    for p in (haproxy, gatehouse):
        sure(field, p, pool)
    proxies = [p for p in (field.floor(), field.nginx(), haproxy, gatehouse) if p]
    rounds = rounds_of(options, {p.name: lambda seconds, p=p: asked(field, p, seconds, pool) for p in proxies})
    report.rounds(f"The full stack: RS256 tokens of {USERS} users, a limit per user, header route, JSON log, metrics; CPU per request; floor and nginx only pass the tokens on", rounds)
    report.ratio("whole CPU of the full stack, of bare nginx's", 1.00, rounds, lambda f: f.of("gatehouse", "nginx"), below=True)
    report.ratio("whole CPU of the full stack, of HAProxy's with jwt_verify and a stick table", 0.25, rounds, lambda f: f.of("gatehouse", "haproxy"))


ROWS = {"limit": limit, "limit_alone": limit_alone, "stack": stack}
