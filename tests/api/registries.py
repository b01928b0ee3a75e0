"""Registries for tests, on loopback: docker-registry itself, and one that does as a test tells it."""
import base64
import contextlib
import hashlib
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from suite import Skip

# "me" and "secret", as htpasswd -B writes them
HTPASSWD = "me:$2b$04$MJt0zkFuWzRklaH1isg3bOzrtEGqje50LCkKg8OlthQlfZ2RJo4AC\n"
USER = {"username": "me", "password": "secret"}


def auth_header(**credentials):
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(credentials).encode()).decode()}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """docker-registry with its files below folder; users: ask for HTPASSWD's."""

    def __init__(self, folder, users=False):
        if not shutil.which("docker-registry"):
            raise Skip("docker-registry is not installed")
        self.folder, self.users = folder, users
        self.host = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.host}"

    def __enter__(self):
        self.folder.mkdir()
        text = (f"version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {self.folder}/data}}\n"
                f"  delete: {{enabled: true}}\nhttp: {{addr: '{self.host}'}}\n")
        if self.users:
            (self.folder / "htpasswd").write_text(HTPASSWD)
            text += f"auth: {{htpasswd: {{realm: test, path: {self.folder}/htpasswd}}}}\n"
        (self.folder / "config.yml").write_text(text)
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(["docker-registry", "serve", str(self.folder / "config.yml")],
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.host.split(":"), 1):
                return self
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError("docker-registry did not start: " + (self.folder / "log").read_text())
            time.sleep(0.02)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.folder)

    def get(self, path, accept="*/*", method="GET"):
        """(status, headers, body) of a request below /v2/."""
        headers = {"Accept": accept}
        if self.users:
            headers["Authorization"] = "Basic " + base64.b64encode(b"me:secret").decode()
        request = urllib.request.Request(f"{self.url}/v2/{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers, e.read()

    def manifest(self, name, tag):
        status, headers, body = self.get(f"{name}/manifests/{tag}", ", ".join([
            "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]))
        if status != 200:
            raise AssertionError(f"manifest of {name}:{tag}: {status} {body!r}")
        return headers["Content-Type"], body


class Asked:
    """One request a stand-in got."""

    def __init__(self, method, path, headers, body):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, self.raw_query = path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(self.raw_query))

    def __repr__(self):
        return f"<{self.method} {self.path} {self.query} {len(self.body)} bytes>"


class Cut(Exception):
    """Raised by answer(): the connection ends without an answer."""


class StandIn:
    """answer(asked) gives (status, headers, body); what was asked is kept."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self):
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                data = b""
                while size := int(self.rfile.readline() or b"0", 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return data

            def handle_any(self):
                asked = Asked(self.command, self.path, self.headers, self.body())
                outer.asked.append(asked)
                try:
                    status, headers, body = outer.answer(asked)
                except Cut:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Blobs:
    """What a registry does with uploads, for the answer() of a StandIn: keeps blobs and manifests."""

    def __init__(self):
        self.blobs, self.manifests, self.sessions = {}, {}, {}

    def location(self, session):
        return f"/v2/uploads/{session}?state=a%2Fb"

    def __call__(self, asked):
        parts = asked.path.split("/")
        if asked.path == "/v2/":
            return 200, {}, b"{}"
        if asked.method == "HEAD" and parts[-2] == "blobs":
            return (200 if parts[-1] in self.blobs else 404), {}, b""
        if asked.method == "POST":
            session = str(len(self.sessions))
            self.sessions[session] = b""
            return 202, {"Location": self.location(session)}, b""
        if asked.method == "PATCH":
            self.sessions[parts[-1]] += asked.body
            return 202, {"Location": self.location(parts[-1])}, b""
        if asked.method == "PUT" and parts[-2] == "manifests":
            self.manifests[parts[-1]] = asked.headers["Content-Type"], asked.body
            return 201, {}, b""
        if asked.method == "PUT":
            data = self.sessions.pop(parts[-1]) + asked.body
            if digest(data) != asked.query["digest"] or "state" not in asked.query:
                return 400, {}, json.dumps({"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}).encode()
            self.blobs[digest(data)] = data
            return 201, {}, b""
        return 404, {}, b""
