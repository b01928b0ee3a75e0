#!/usr/bin/python3
"""Every route of api/openapi.yaml gets what no client should send.

Wrong types, huge and negative numbers, empty and very long strings, NUL, invalid UTF-8, deep JSON and
unknown words, in the path, the query and the body. Nothing of it may end in a crash, a hang or a 5xx
(501 and a swarm's 503 are answers), and a refused member of a body is named.
"""
import json
import socket
import time

import create_model
from suite import case, main, same, slow_factor

PATIENCE = 10 * slow_factor()
DEEP = "[" * 5000
LONG = "x" * (1 << 20)

# percent-encoded where they have to be
WORDS = ["", "-1", "99999999999999999999", "%00", "%ff%fe", "..%2f..%2fetc", "%7b%22a%22%3a", "%5b%5d",
         "null", "unknown", "x" * 5000, DEEP[:2000]]
NUMBERS = ["0", "1e9", "0x10", "-9223372036854775809"]
BODIES = [b"", b"null", b"[]", b"5", b'"x"', b"{", b"{}", b"{}{}", DEEP.encode(),
          b'{"a":' * 5000, b'{"Image":"\\u0000"}', b'{"Image":"\xff\xfe"}', b'{"Image":1e400}',
          b"\0" * 64, json.dumps({"Image": LONG}).encode(), b'{"Image":"\\ud800"}']
VALUES = [-1, 2 ** 63, 1e300, True, "", "a\0b", [[]], {"a": {"b": []}}]

# Members of the other bodies.
MEMBERS = {
    "ContainerExec": ["User", "Privileged", "Tty", "ConsoleSize", "AttachStdin", "AttachStdout",
                      "AttachStderr", "DetachKeys", "Env", "WorkingDir", "Cmd"],
    "ExecStart": ["Detach", "Tty", "ConsoleSize"],
    "VolumeCreate": ["Name", "Driver", "DriverOpts", "Labels"],
    "ContainerUpdate": ["Memory", "CpuShares", "RestartPolicy", "PidsLimit"],
    "SystemAuth": ["username", "password", "serveraddress"],
}
NAMING = ("ContainerExec", "SystemAuth")  # the others are not all there yet
# What removes things comes last.
LAST = ("delete", "post /containers/prune", "post /images/prune", "post /volumes/prune")


class Answer:
    def __init__(self, status, body):
        self.status, self.body = status, body


def talk(engine, method, path, body=None, kind="application/json"):
    """Sends one request and reads its head and, if its length is told, its body."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(engine.socket)
        head = f"{method.upper()} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        try:
            sock.sendall(head.encode("latin-1") + b"\r\n" + (body or b""))
        except BrokenPipeError:
            pass  # refused by its head
        return read_answer(sock)


def read_answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise AssertionError(f"closed without an answer: {data!r}")
        data += more
    head, _, data = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(l.split(":")[1]) for l in lines if l.lower().startswith("content-length:")), 0)
    while len(data) < length:
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return Answer(int(lines[0].split()[1]), data)


def complaint(answer, names=None):
    if answer.status == 500 and b"dial tcp" in answer.body:
        return None  # a good name, of a registry that cannot be reached
    if answer.status >= 500 and answer.status not in (501, 503):
        return f"{answer.status} {answer.body[:200]!r}"
    if answer.status in (400, 501) and names:
        message = json.loads(answer.body)["message"].lower()
        if not any(name.lower() in message for name in names):
            return f"not named: {answer.status} {message[:200]}"
    return None


class Round:
    """Asks, and collects what was wrong."""

    def __init__(self, engine):
        self.engine, self.wrong, self.count = engine, [], 0
        self.begin = time.monotonic()

    def ask(self, method, path, body=None, names=None, **options):
        self.count += 1
        try:
            found = complaint(talk(self.engine, method, path, body, **options), names)
        except (AssertionError, OSError, ValueError, KeyError) as e:
            found = f"{type(e).__name__} {e}"
        if found:
            shown = "" if body is None else f" {body[:120]!r}"
            self.wrong.append(f"{method.upper()} {path[:160]}{shown}: {found}")

    def done(self):
        print(f"# {self.count} requests in {time.monotonic() - self.begin:.1f} s")
        same(self.wrong, [])


def operations(engine):
    """(method, path, description), what removes things last."""
    checker = engine.checker
    found = []
    for path, methods in checker.document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "head", "post", "put", "delete"):
                found.append((method, path, operation, methods.get("parameters", [])))
    found.sort(key=lambda f: f[0] in LAST or f"{f[0]} {f[1]}" in LAST)
    return found


def filled(path, value):
    """path with value for what its braces name; containers that exist where they are asked for."""
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + value + rest.partition("}")[2]
    return path


def target(path):
    if path.startswith("/containers/{"):
        return "there"
    if path.startswith("/images/{"):
        return "busybox"
    return "nosuch"


def parameters(engine, operation, shared):
    return [engine.checker.resolve(p) for p in operation.get("parameters", []) + shared]


def has_body(operation):
    return "application/json" in operation.get("requestBody", {}).get("content", {})


def prepare(engine):
    """An image, whatever became of the last case's; and a proxy that nobody is, so that names that could
    be those of images are not asked for in the world."""
    engine.load(engine.archive)
    folder = engine.root / "home/.config/dayfly"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(json.dumps({"proxies": {
        "http-proxy": "http://127.0.0.1:1", "https-proxy": "http://127.0.0.1:1"}}))


@case("names in the path may be anything")
def paths(engine):
    around = Round(engine)
    prepare(engine)
    for method, path, _, _ in operations(engine):
        if "{" in path:
            for word in WORDS:
                around.ask(method, filled(path, word))
    around.done()


@case("parameters may be anything", seconds=120)
def queries(engine):
    around = Round(engine)
    prepare(engine)
    engine.create(name="there")
    for method, path, operation, shared in operations(engine):
        for p in parameters(engine, operation, shared):
            if p["in"] != "query":
                continue
            kind = engine.checker.resolve(p.get("schema", {})).get("type")
            # a build is a worker and its folders each time: a few must do
            words = WORDS[2::3] if path == "/build" else WORDS
            for word in words + (NUMBERS if kind == "integer" else []):
                around.ask(method, f"{filled(path, target(path))}?{p['name']}={word}")
    around.done()


@case("bodies may be anything", seconds=120)
def bodies(engine):
    around = Round(engine)
    prepare(engine)
    engine.create(name="there")
    for method, path, operation, _ in operations(engine):
        for body in BODIES if has_body(operation) else BODIES[:2]:
            if method in ("post", "put") and not path.endswith("/unpause"):  # 500 where nothing is paused, as in Docker
                around.ask(method, filled(path, target(path)), body)
    around.done()


@case("a member of a create request that is of another type is named")
def members(engine):
    around = Round(engine)
    prepare(engine)
    ignored = [path for path, what in create_model.rows() if what == "ignored"]
    for path, value in create_model.MODEL.items():
        known = value if isinstance(value, create_model.Value) else create_model.Value(value)
        for bad in VALUES:
            body = create_model.body_of(path, create_model.Value(bad, **known.beside))
            if bad in (True, "") or path in ignored:
                body["Image"] = "nosuch"  # read all the same, and no container to be removed again
            names = [s for s in create_model.steps(path) if isinstance(s, str)][-2:] + [known.says or "\0"]
            around.ask("post", "/containers/create", json.dumps(body).encode(),
                       None if isinstance(bad, type(known.sent)) else names)
    engine.post("/containers/prune").expect(200)
    around.done()


@case("a member of any other body that is of another type is named")
def others(engine):
    around = Round(engine)
    prepare(engine)
    engine.run_detached("sleep", "60", name="there")
    for method, path, operation, _ in operations(engine):
        for name in MEMBERS.get(operation["operationId"], []):
            for bad in VALUES:
                body = json.dumps({"Cmd": ["true"], name: bad}).encode()
                around.ask(method, filled(path, target(path)), body,
                           [name] if operation["operationId"] in NAMING else None)
    around.done()


if __name__ == "__main__":
    main()
