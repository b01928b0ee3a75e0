"""A private engine for tests: own state folders, own socket, socket activation, one throw-away image.

The programs come from DAYFLY_PROGRAMS. tools/activate stands in for systemd and is the reaper of
everything the engine starts, so that what is left over after a case can be counted.
"""
import contextlib
import http.client
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

import schema
from recorder import Recorder

SOURCE = pathlib.Path(os.environ.get("DAYFLY_SOURCE", pathlib.Path(__file__).parents[2]))
PROGRAMS = pathlib.Path(os.environ.get("DAYFLY_PROGRAMS", SOURCE / "build/dev"))
IMAGE = "busybox:latest"
# All that the leak check of a process says that is killed while it exits. What it finds, it says in other lines.
LEAK_CHECK_CUT = re.compile(r"==\d+==Unable to get registers from thread \d+\.")


def load_tool(name):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(SOURCE / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


make_image = load_tool("make-image")


class Reply:
    def __init__(self, method, path, status, headers, body):
        self.method, self.path, self.status, self.headers, self.body = method, path, status, headers, body

    def __repr__(self):
        return f"<{self.method} {self.path}: {self.status} {self.body[:300]!r}>"

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json["message"]

    def expect(self, status):
        if self.status != status:
            raise AssertionError(f"{self!r}, expected {status}")
        return self


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Stream:
    """One open connection: the head has been read, the rest is the caller's."""

    def __init__(self, sock, method, path):
        self.sock, self.early = sock, b""
        while b"\r\n\r\n" not in self.early:
            more = sock.recv(4096)
            if not more:
                raise AssertionError(f"{method} {path}: closed in its head: {self.early!r}")
            self.early += more
        head, _, self.early = self.early.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    def read(self, size=65536):
        """Some bytes; b"" at the end."""
        if self.early:
            data, self.early = self.early[:size], self.early[size:]
            return data
        return self.sock.recv(size)

    def read_exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.read(size - len(data))
            if not more:
                raise AssertionError(f"ended after {data!r}")
            data += more
        return data

    def read_all(self):
        pieces = []
        while more := self.read():
            pieces.append(more)
        return b"".join(pieces)

    def read_until(self, part):
        data = b""
        while part not in data:
            more = self.read()
            if not more:
                raise AssertionError(f"ended after {data!r} without {part!r}")
            data += more
        return data

    def read_line(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.read_exactly(1)
        return data[:-2]

    def chunk(self):
        """The next chunk of a chunked answer; b"" for the last."""
        size = int(self.read_line(), 16)
        data = self.read_exactly(size)
        self.read_exactly(2)
        return data

    def chunks(self):
        data = b""
        while piece := self.chunk():
            data += piece
        return data

    def close(self):
        self.sock.close()


def unframe(data):
    """Docker's multiplexed stream -> {1: stdout, 2: stderr}."""
    out, at = {1: [], 2: []}, 0
    while at < len(data):
        head = data[at:at + 8]
        if len(head) < 8 or head[0] not in out or head[1:4] != b"\0\0\0":
            raise AssertionError(f"not a frame: {data[at:at + 40]!r}")
        size = int.from_bytes(head[4:8], "big")
        at += 8
        if len(data) < at + size:
            raise AssertionError("the last frame is cut")
        out[head[0]].append(data[at:at + size])
        at += size
    return {stream: b"".join(pieces) for stream, pieces in out.items()}


class Engine:
    """changing_environment: set_environment() works, at the price of a shell at every activation."""

    def __init__(self, idle="0.3", load_image=True, changing_environment=False):
        self.idle, self.load_image = str(idle), load_image
        self.changing_environment = changing_environment
        self.activator = None
        self.checker = schema.Checker(SOURCE / "api/openapi.yaml")
        self.complaints = []

    # ---- life

    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="e."))
        self.run, self.data = self.root / "run", self.root / "data"
        for folder in ("run", "data", "home", "reports"):
            (self.root / folder).mkdir(mode=0o700)
        self.socket = str(self.run / "docker.sock")
        # for clients that are not ours: what they are told is recorded and checked
        self.url = f"unix://{self.root}/clients.sock"
        self.archive = self.root / "busybox.tar"
        self.image_id = make_image.make_archive(
            self.archive, IMAGE, [make_image.make_layer(make_image.find_busybox())])
        self.set_environment()
        self.start()
        self.recorder = Recorder(self.url.removeprefix("unix://"), self.socket, self.check)
        try:
            if self.load_image:
                self.load(self.archive)
        except BaseException:
            print(self.recent_log())
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.clean()
        self.recorder.stop()
        self.stop()
        if os.environ.get("DAYFLY_KEEP"):
            print(f"# kept {self.root}")
        else:
            self.remove_tree(self.root)

    @staticmethod
    def remove_tree(path):
        """Some files belong to ids of the subordinate range: removed inside a user namespace."""
        subprocess.run(["unshare", "--map-root-user", "--map-auto", "rm", "-rf", str(path)],
                       stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(path, ignore_errors=True)

    def environment(self):
        reports = self.root / "reports"
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.run), "XDG_DATA_HOME": str(self.data),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + f":log_path={reports}/asan",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={reports}/ubsan",
            "DAYFLY_IDLE_TIMEOUT": self.idle,
        }

    def set_environment(self, **variables):
        """What the next API process, and the monitors it starts, find in their environment."""
        text = "".join(f"export {name}={value}\n" for name, value in variables.items())
        (self.root / "environment").write_text(text)
        if self.activator and self.api_pid():
            self.kill_api()

    def start(self):
        self.log = open(self.root / "engine.log", "ab")
        self.activations = self.root / "activations.log"
        program = [str(PROGRAMS / "dayfly")]
        if self.changing_environment:
            program = ["/bin/sh", "-c", f'. {self.root}/environment; exec "$0"', *program]
        self.activator = subprocess.Popen(
            [str(SOURCE / "tools/activate"), "-l", self.socket, "--", *program],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=open(self.activations, "ab"),
            stderr=self.log)
        end = time.monotonic() + 10
        while not os.path.exists(self.socket):
            if time.monotonic() > end or self.activator.poll() is not None:
                raise AssertionError("tools/activate did not start")
            time.sleep(0.005)

    def stop(self):
        if not self.activator:
            return
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.activator.terminate()
        self.activator.wait(10)
        self.log.close()
        self.activator = None

    def reset(self):
        """After a failed case: whatever it left is killed and a new life begins on the same data."""
        self.stop()
        for pattern in ("run/dayfly", "data/dayfly/containers", "data/dayfly/names", "data/dayfly/volumes"):
            self.remove_tree(self.root / pattern)
        self.start()

    def recent_log(self):
        with contextlib.suppress(OSError):
            return "engine.log:\n" + (self.root / "engine.log").read_text(errors="replace")[-3000:]
        return ""

    def finish(self):
        """What was wrong with the engine or any reply."""
        self.recorder.stop()
        reports = list(self.recorder.failures)
        for path in sorted((self.root / "reports").iterdir()):
            lines = [x for x in path.read_text(errors="replace").splitlines() if not LEAK_CHECK_CUT.fullmatch(x)]
            if lines:
                reports += [path.name + ":"] + lines[:40]
        for line in self.activations.read_text().splitlines():
            word, pid, *status = line.split()
            # A case may have killed it (-9); any other end but 0 is a crash.
            if word == "ended" and status[0] not in ("0", "-9"):
                reports.append(f"dayfly {pid} ended with {status[0]}")
        return reports + sorted(set(self.complaints))

    # ---- the API process

    def api_pid(self):
        """The pid of the API process that runs now, or None."""
        running = None
        for line in self.activations.read_text().splitlines():
            word, pid, *_ = line.split()
            running = int(pid) if word == "started" else None
        return running

    def activation_count(self):
        return self.activations.read_text().count("started")

    def kill_api(self):
        """kill -9 of the API process; one is started for it when none runs."""
        while True:
            pid = self.api_pid()
            try:
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    break
            except ProcessLookupError:  # it has just gone by itself, and the record of that is to come
                time.sleep(0.002)
                continue
            self.get("/_ping")
        end = time.monotonic() + 5
        while self.api_pid() == pid and time.monotonic() < end:
            time.sleep(0.002)
        return pid

    def wait_idle(self, seconds=40):
        """Until the API process went by itself: a connection that is kept alive holds it for 15 s."""
        end = time.monotonic() + seconds
        while self.api_pid() is not None:
            if time.monotonic() > end:
                raise AssertionError("the API process does not go away")
            time.sleep(0.01)

    # ---- requests

    def request(self, method, path, body=None, headers=None, timeout=60):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)) and not hasattr(body, "read"):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = Connection(self.socket, timeout)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        reply = Reply(method, path, answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        self.check(method, path, reply.status, reply.headers.get("Content-Type", ""), reply.body)
        return reply

    def check(self, *reply):
        self.complaints += self.checker.check(*reply)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    def open(self, method, path, body=None, upgrade=False, timeout=30):
        """A raw request whose answer is a stream."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(self.socket)
        text = json.dumps(body) if body is not None else ""
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(text)}"]
        if body is not None:
            head.append("Content-Type: application/json")
        if upgrade:
            head += ["Connection: Upgrade", "Upgrade: tcp"]
        sock.sendall(("\r\n".join(head) + "\r\n\r\n" + text).encode())
        return Stream(sock, method, path)

    # ---- shorthands

    def load(self, archive):
        with open(archive, "rb") as f:
            reply = self.post("/images/load", f.read(), headers={"Content-Type": "application/x-tar"})
        reply.expect(200)
        if b'"error"' in reply.body:
            raise AssertionError(reply)
        return reply

    def create(self, *cmd, name=None, **config):
        body = {"Image": IMAGE} | ({"Cmd": list(cmd)} if cmd else {}) | config
        path = "/containers/create" + (f"?name={name}" if name else "")
        return self.post(path, body).expect(201).json["Id"]

    def run_detached(self, *cmd, name=None, **config):
        container = self.create(*cmd, name=name, **config)
        self.post(f"/containers/{container}/start").expect(204)
        return container

    def wait(self, container, condition="not-running", timeout=60):
        reply = self.post(f"/containers/{container}/wait?condition={condition}", timeout=timeout)
        return reply.expect(200).json["StatusCode"]

    def inspect(self, container):
        return self.get(f"/containers/{container}/json").expect(200).json

    def state(self, container):
        return self.inspect(container)["State"]

    def logs(self, container, query="stdout=1&stderr=1"):
        return unframe(self.get(f"/containers/{container}/logs?{query}").expect(200).body)

    def exec(self, container, *cmd, **config):
        """Runs cmd inside; returns (exit code, {1: stdout, 2: stderr})."""
        body = {"Cmd": list(cmd), "AttachStdout": True, "AttachStderr": True} | config
        session = self.post(f"/containers/{container}/exec", body).expect(201).json["Id"]
        stream = self.open("POST", f"/exec/{session}/start", {"Detach": False, "Tty": False}, upgrade=True)
        out = unframe(stream.read_all())
        return self.get(f"/exec/{session}/json").json["ExitCode"], out

    def events(self, since, **filters):
        query = {"since": since, "until": f"{time.time():.9f}"}
        if filters:
            query["filters"] = json.dumps({k: [v] for k, v in filters.items()})
        reply = self.get("/events?" + urllib.parse.urlencode(query)).expect(200)
        return [json.loads(line) for line in reply.body.splitlines() if line]

    # ---- what is left over

    def processes(self):
        """Everything the engine started that lives, the API process included: pid -> name."""
        parents, names = {}, {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                text = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            found = re.match(r"(\d+) \((.*)\) (\S) (\d+)", text, re.DOTALL)
            if found[3] != "Z":
                parents[int(entry)], names[int(entry)] = int(found[4]), found[2]
        mine, grew = {self.activator.pid}, True
        while grew:
            more = {p for p, parent in parents.items() if parent in mine} - mine
            mine |= more
            grew = bool(more)
        return {p: names[p] for p in mine - {self.activator.pid}}

    def leftovers(self):
        """What no empty engine has, as a list of words."""
        found = []
        api = self.api_pid()
        found += [f"process {pid} {name}" for pid, name in self.processes().items() if pid != api]
        for folder in ("run/dayfly/containers", "run/dayfly/execs", "data/dayfly/containers",
                       "data/dayfly/names", "data/dayfly/volumes"):
            path = self.root / folder
            if path.is_dir():
                found += [f"{folder}/{name}{self.look_into(path / name)}" for name in os.listdir(path)]
        with open("/proc/self/mountinfo") as f:
            found += [f"mount {line.split()[4]}" for line in f if str(self.root) in line]
        return found

    @staticmethod
    def look_into(path):
        """What a left folder holds says who left it."""
        try:
            return " (" + " ".join(os.listdir(path)) + ")"
        except OSError:
            return ""

    def clean(self):
        """Removes every container and volume and waits until nothing of them is left."""
        for container in self.get("/containers/json?all=1").expect(200).json:
            self.delete(f"/containers/{container['Id']}?force=1&v=1")
        end = time.monotonic() + 30
        while left := self.leftovers():
            # only then: a sweep waits until nobody asks for anything
            for volume in [word.rsplit("/", 1)[1].split()[0] for word in left if "dayfly/volumes/" in word]:
                self.delete(f"/volumes/{volume}?force=1")
            if time.monotonic() > end:
                raise AssertionError("left over: " + ", ".join(left))
            time.sleep(0.02)
