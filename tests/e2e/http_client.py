"""Talks to the gateway with Python's http.client: http_client.py PORT. The service behind answers with what it saw."""
import http.client
import json
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)


def ask(method, target, body=None, headers=None, **options):
    connection.request(method, target, body=body, headers=headers or {}, **options)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, (answer.status, text)
    return json.loads(text) if text else answer


for i in range(50):  # one connection
    seen = ask("GET", f"/api/{i}?q=%2F")
    assert (seen["method"], seen["url"]) == ("GET", f"/api/{i}?q=%2F"), seen
local = connection.sock.getsockname()

seen = ask("POST", "/api/form", "a=1&b=2", {"Content-Type": "application/x-www-form-urlencoded"})
assert seen["bytes"] == 7 and seen["headers"]["content-length"] == "7", seen

seen = ask("PUT", "/api/chunks", iter([b"abc" * 1000] * 50), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
assert seen["bytes"] == 150000, seen

answer = ask("HEAD", "/api/head")
assert int(answer.getheader("Content-Length")) > 100
assert connection.sock.getsockname() == local, "the connection was kept through all of it"

connection.request("GET", "/nowhere")
answer = connection.getresponse()
problem = json.loads(answer.read())
assert answer.status == 404 and problem["reason"] == "no_route", problem
assert ask("GET", "/api/after")["url"] == "/api/after"
