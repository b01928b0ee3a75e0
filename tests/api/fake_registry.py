"""A registry that does what it is told: it answers late, breaks off, lies, wants tokens.

Everything it holds is in memory. A test sets its `on_blob` and `on_manifest`, which may answer in the
registry's place (and return True), and reads `requests` afterwards.
"""
import base64
import gzip
import hashlib
import http.server
import json
import subprocess
import threading
import urllib.parse

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 1)
    if how == "zstd":
        return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
    return data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def refuse(self, status, code, message="", headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        return self.answer(status, body, {"Content-Type": "application/json"} | dict(headers))

    def break_off(self, body, length, status=200, headers=()):
        """Says that length bytes come, sends these, and closes."""
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True
        return True

    def do_GET(self):
        self.server.registry.handle(self)

    do_HEAD = do_GET

    def do_POST(self):
        self.form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.registry.handle(self)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


class FakeRegistry:
    def __init__(self, address="127.0.0.1", tls=None):
        self.server = Server((address, 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.server.registry = self
        self.host = f"{address}:{self.server.server_port}"
        self.blobs, self.manifests, self.requests = {}, {}, []
        self.auth = None            # None, "basic" or "bearer"
        self.user = ("user", "secret")
        self.tokens = self.expired = 0  # given so far, and no longer good
        self.ranges = True
        self.page = 1000
        self.on_blob = self.on_manifest = self.on_token = lambda *_: False
        self.lock = threading.Lock()
        self.busy = self.most_busy = 0

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # ---- contents

    def add_blob(self, data):
        self.blobs[digest_of(data)] = data
        return digest_of(data)

    def add_manifest(self, repo, tag, document, media_type):
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        for name in {tag, digest_of(text)} - {None}:
            self.manifests[repo, name] = (media_type, text)
        return {"mediaType": media_type, "digest": digest_of(text), "size": len(text)}

    def add_image(self, repo, tag, layers, how="gzip", arch="amd64", **config):
        """Returns the manifest's descriptor; its digests of layers are in self.layers."""
        blobs = [compress(layer, how) for layer in layers]
        suffix = "+" + how if how else ""
        text = json.dumps({"architecture": arch, "os": "linux", "config": {"Cmd": ["/bin/sh"]} | config,
                           "rootfs": {"type": "layers", "diff_ids": [digest_of(t) for t in layers]}})
        self.layers = [self.add_blob(blob) for blob in blobs]
        document = {
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": self.add_blob(text.encode()), "size": len(text)},
            "layers": [{"mediaType": OCI_LAYER + suffix, "digest": digest_of(b), "size": len(b)} for b in blobs]}
        self.document = document
        return self.add_manifest(repo, tag, document, OCI_MANIFEST)

    def add_index(self, repo, tag, *entries):
        return self.add_manifest(repo, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX,
                                             "manifests": list(entries)}, OCI_INDEX)

    # ---- answers

    def handle(self, h):
        self.requests.append((h.command, h.path, dict(h.headers)))
        url = urllib.parse.urlsplit(h.path)
        if url.path == "/token":
            return self.give_token(h, urllib.parse.parse_qs(url.query))
        if not self.is_authorized(h):
            return True
        if url.path == "/v2/":
            return h.answer(200, b"{}")
        return self.answer_repository(h, url)

    def answer_repository(self, h, url):
        repo, _, rest = url.path.removeprefix("/v2/").rpartition("/")
        repo, _, kind = repo.rpartition("/")
        if kind == "manifests":
            return self.give_manifest(h, repo, rest)
        if kind == "blobs":
            return self.give_blob(h, rest)
        if kind == "tags":
            return self.give_tags(h, repo, urllib.parse.parse_qs(url.query))
        return h.refuse(404, "UNSUPPORTED", "what?")

    def challenge(self):
        if self.auth == "basic":
            return 'Basic realm="here"'
        return f'Bearer realm="http://{self.host}/token",service="fake",scope="x"'

    def is_authorized(self, h):
        pair = base64.b64encode(":".join(self.user).encode()).decode()
        tokens = {f"Bearer token{n + 1}" for n in range(self.expired, self.tokens)}
        good = {"basic": {f"Basic {pair}"}, "bearer": tokens}
        if not self.auth or h.headers.get("Authorization") in good[self.auth]:
            return True
        h.refuse(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": self.challenge()})
        return False

    def give_token(self, h, query):
        if self.on_token(h, query):
            return True
        self.tokens += 1
        return h.answer(200, json.dumps({"token": f"token{self.tokens}"}).encode())

    def give_manifest(self, h, repo, name):
        if self.on_manifest(h, name):
            return True
        if (repo, name) not in self.manifests:
            return h.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, text = self.manifests[repo, name]
        return h.answer(200, text, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(text)})

    def give_blob(self, h, digest):
        with self.lock:
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        try:
            return self.send_blob(h, digest)
        finally:
            with self.lock:
                self.busy -= 1

    def send_blob(self, h, digest):
        data = self.blobs.get(digest)
        if self.on_blob(h, digest, data):
            return True
        if data is None:
            return h.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        start = self.start_of(h)
        if start:
            return h.answer(206, data[start:],
                            {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
        return h.answer(200, data)

    def start_of(self, h):
        wanted = h.headers.get("Range", "")
        return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0

    def give_tags(self, h, repo, query):
        tags = sorted(name for r, name in self.manifests if r == repo and ":" not in name)
        after = query.get("last", [""])[0]
        rest = [t for t in tags if t > after]
        shown = rest[:self.page]
        headers = {}
        if len(rest) > len(shown):
            headers["Link"] = f'</v2/{repo}/tags/list?last={shown[-1]}&n={self.page}>; rel="next"'
        return h.answer(200, json.dumps({"name": repo, "tags": shown}).encode(), headers)
