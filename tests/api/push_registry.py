"""A registry for pushes that answers as a test tells it."""
import http.server
import json
import threading
import urllib.parse

from docker_registry import digest


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


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Clients that go away are what some cases are about."""


class StandIn:
    """answer(asked) gives (status, headers, body); what was asked is kept."""

    def __init__(self, answer, tls=None):
        self.answer, self.tls, self.asked = answer, tls, []

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

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
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
