"""Starts the proxies that are compared, each with one worker and the same service behind it: one nginx worker that
answers from memory and takes uploads. The peers' logs are off; Gatehouse's JSON log is on. Over TLS they answer /here themselves."""
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = os.path.abspath(os.path.join(HERE, "../../shared/tools"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def descendants(pid):
    pids = [pid]
    for line in subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]:
        child, parent = map(int, line.split())
        if parent in pids:
            pids.append(child)
    return pids


def build(folder, name, *flags):
    """Builds one of the programs of this folder, into another."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        subprocess.run(["g++", "-O2", "-std=c++20", "-Wall", "-o", path, os.path.join(HERE, f"{name}.cc"), *flags], check=True)
    return path


class Certificate:
    """Files of a self-signed one, ECDSA on P-256. `both`: certificate and key, as HAProxy wants them."""

    def __init__(self, folder, name, names):
        self.cert, self.key, self.both = (os.path.join(folder, name + end) for end in (".pem", "-key.pem", "-both.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                        "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names), "-keyout", self.key, "-out", self.cert],
                       check=True, capture_output=True)
        with open(self.both, "w") as out:
            for part in (self.cert, self.key):
                with open(part) as f:
                    out.write(f.read())


class Proxy:
    def __init__(self, name, process, port, scheme="http"):
        self.name, self.process, self.port = name, process, port
        self.url = f"{scheme}://127.0.0.1:{port}"

    def cpu(self):
        """User and system microseconds so far."""
        user = system = 0
        for pid in descendants(self.process.pid):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                user, system = user + int(fields[11]), system + int(fields[12])
            except OSError:
                pass
        return user * 10_000, system * 10_000

    def resident(self):
        total = 0
        for pid in descendants(self.process.pid):
            with open(f"/proc/{pid}/statm") as f:
                total += int(f.read().split()[1]) * 4096
        return total


class Field:
    """The service and whatever proxies are asked for; a context manager that ends them all."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = tempfile.mkdtemp(prefix="gatehouse-bench-")
        self.processes = []
        self.service = free_port()

    def __enter__(self):
        os.chmod(self.folder, 0o755)  # nginx's worker may be another user
        www = os.path.join(self.folder, "www")
        os.mkdir(www)
        for name, size in (("10k", 10 * 1024), ("1m", 1 << 20)):
            with open(os.path.join(www, name), "wb") as f:
                f.write(b"a line of an answer that is long enough to be one.\n" * (size // 51) + b"x" * (size % 51))
        body = "hello from upstream, this is a small body of about one hundred bytes, just like a small json document..\\n"
        self.spawn("service", ["nginx", "-c", self.write("service.conf", self.nginx_frame(f"""
            client_max_body_size 0; client_body_buffer_size 2m; sendfile on; open_file_cache max=10; root {www};
            upstream sink {{ server 127.0.0.1:{self.service}; keepalive 64; }}
            server {{ listen 127.0.0.1:{self.service} reuseport backlog=4096; default_type application/json;
              location = /10k {{ }} location = /1m {{ }}
              location = /upload {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://sink/took; }}
              location = /took {{ return 200 "took it\\n"; }}
              location / {{ return 200 "{body}"; }} }}"""))], self.service)
        return self

    def __exit__(self, *_):
        for p in self.processes:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def certificate(self, name="gate", names=("gate.test", "localhost")):
        return Certificate(self.folder, name, names)

    def program(self, name, *flags):
        """Builds one of the programs of this folder."""
        return build(self.folder, name, *flags)

    def nginx_frame(self, http, connections=16384):
        n, files = len(self.processes), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return (f"worker_processes 1; daemon off; pid {self.folder}/{n}.pid; error_log {self.folder}/{n}.err; worker_rlimit_nofile {files};\n"
                f"events {{ worker_connections {connections}; }}\nhttp {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s;\n{http} }}\n")

    def spawn(self, name, command, port, scheme="http"):
        with open(os.path.join(self.folder, f"{name}.out"), "w") as out:
            p = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(p)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return Proxy(name, p, port, scheme)
            except OSError:
                if time.monotonic() > end or p.poll() is not None:
                    with open(os.path.join(self.folder, f"{name}.out")) as f:
                        raise SystemExit(f"{name} did not start: {f.read()}")
                time.sleep(0.05)

    def spawn_at_once(self, name, command, port):
        """Does not wait until it accepts."""
        with open(os.path.join(self.folder, f"{name}.out"), "a") as out:
            p = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(p)
        return Proxy(name, p, port, "http")

    def end(self, proxy):
        for _ in range(12):  # nginx as a single process may be about to wait, and then does not see it
            proxy.process.send_signal(signal.SIGTERM)
            try:
                return proxy.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        raise SystemExit(f"{proxy.name} does not end")

    # In all of these: `tls`, a Certificate to speak TLS 1.3 with; `service`, the port of another one than the usual;
    # `prefix`, a command that runs it.

    def nginx(self, tls=None, service=None, prefix=(), headers='proxy_set_header Connection "";', connections=16384):
        port = free_port()
        here = 'location = /here { return 200 "here\\n"; }' if tls else ""
        secure = f"ssl_certificate {tls.cert}; ssl_certificate_key {tls.key}; ssl_protocols TLSv1.3;" if tls else ""
        config = self.write(f"nginx{port}.conf", self.nginx_frame(f"""
            client_max_body_size 0; proxy_request_buffering off; proxy_max_temp_file_size 0;
            upstream u {{ server 127.0.0.1:{service or self.service}; keepalive 512; keepalive_requests 100000000; }}
            server {{ listen 127.0.0.1:{port} reuseport backlog=4096{' ssl' if tls else ''}; large_client_header_buffers 4 16k; {secure}
              {here}
              location / {{ proxy_http_version 1.1; {headers} proxy_pass http://u; }} }}""", connections))
        single = ["-g", "master_process off;"] if prefix else []  # what runs it follows one process
        return self.spawn("nginx", [*prefix, "nginx", "-c", config, *single], port, "https" if tls else "http")

    def haproxy(self, tls=None, service=None, connections=8000, rules=""):
        """`rules`: further lines of the frontend."""
        port = free_port()
        here = 'http-request return status 200 content-type text/plain string "here\\n" if { path /here }' if tls else ""
        return self.spawn("haproxy", ["haproxy", "-db", "-f", self.write(f"haproxy{port}.cfg", f"""global
  nbthread 1
  maxconn {connections}
defaults
  mode http
  timeout client 600s
  timeout server 60s
  timeout tunnel 600s
  timeout connect 5s
  http-reuse always
frontend f
  bind 127.0.0.1:{port}{f' ssl crt {tls.both} ssl-min-ver TLSv1.3' if tls else ''}
  {here}{rules}
  default_backend b
backend b
  server s1 127.0.0.1:{service or self.service}
""")], port, "https" if tls else "http")

    def floor(self):
        """A forwarder that parses nothing; None where its source is not at hand."""
        source = os.path.join(SHARED, "floor.cc")
        if not os.path.exists(source):
            return None
        port = free_port()
        program = os.path.join(self.folder, "floor")
        subprocess.run(["g++", "-O2", "-o", program, source], check=True)
        return self.spawn("floor", [program, str(port), str(self.service)], port)

    def gatehouse(self, name="gatehouse", workers=1, routes=0, port=None, tls=None, service=None, prefix=(), admin=None, more=""):
        """`tls`: one Certificate or several, the first the default. `admin`: its port. `more`: further lines of the configuration."""
        port = port or free_port()
        listener = f"port: {port}, bind: 127.0.0.1"
        if tls:
            pairs = ", ".join(f"{{cert: {c.cert}, key: {c.key}}}" for c in (tls if isinstance(tls, list) else [tls]))
            listener += f", tls: {{certificates: [{pairs}], min: 1.3}}"
        text = (f"workers: {workers}\nstate: {self.folder}/{name}.state\nlog: /dev/null\n"
                f"admin: {f'{{port: {admin}}}' if admin else 'off'}\nlisten: {{public: {{{listener}}}}}\n"
                f'services: {{u: {{url: "http://127.0.0.1:{service or self.service}", path: /*}}}}\n')
        if routes:
            text += "routes:\n" + "".join(f"  - {{path: /r{i}/items/:id, method: GET, to: u}}\n" for i in range(routes)) + "  - {path: /*, to: u}\n"
        elif tls:
            text += 'routes:\n  - {path: /here, reply: {body: "here\\n"}}\n'
        config = self.write(f"{name}.yaml", text + more)
        return self.spawn(name, [*prefix, self.binary, "run", config], port, "https" if tls else "http"), config

    def envoy(self, program):
        port = free_port()
        config = self.write("envoy.yaml", f"""static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: f
          route_config: {{virtual_hosts: [{{name: v, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: u}}}}]}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: u
    load_assignment: {{cluster_name: u, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {self.service}}}}}}}}}]}}]}}
""")
        return self.spawn("envoy", [program, "-c", config, "--concurrency", "1", "-l", "error"], port)
