#!/usr/bin/python3
"""Prometheus' service discovery, with the configuration of clients/, against a private engine. usage: prometheus.py"""
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import urllib.request

import suite
from engine import IMAGE, SOURCE
from suite import case, same, until

if not shutil.which("prometheus"):
    print("prometheus is not installed")
    sys.exit(77)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@contextlib.contextmanager
def prometheus(e):
    """A server that looks at this engine every second; gives a function that asks it for its targets."""
    config, port = e.root / "prometheus.yml", free_port()
    text = (SOURCE / "clients/prometheus.yml").read_text()
    config.write_text(text.replace("unix:///run/user/1000/docker.sock", e.url).replace("30s", "1s"))
    server = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={e.root}/prometheus",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def targets():
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets") as reply:
                found = json.load(reply)["data"]["activeTargets"]
                return sorted((t["labels"]["container"], t["labels"]["instance"]) for t in found)
        return None

    try:
        yield targets
    finally:
        server.terminate()
        server.wait(30)


@case("prometheus finds the containers that offer metrics, and loses those that end")
def _(e):
    def start(name, labels):
        reply = e.post(f"/containers/create?name={name}", {
            "Image": IMAGE, "Cmd": ["sleep", "100"], "Labels": labels, "HostConfig": {"NetworkMode": "host"}})
        e.post(f"/containers/{name}/start").expect(204)
        return reply.expect(201)

    start("plain", {})
    start("measured", {"metrics": "9100"})
    with prometheus(e) as targets:
        until(targets)
        same(targets(), [("measured", "localhost:9100")])
        e.delete("/containers/measured?force=1").expect(204)
        until(lambda: targets() == [])


suite.main()
