"""docker-registry, Debian's package, on loopback."""
import base64
import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
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
