#!/usr/bin/python3
"""Pulling from registries: a real one, and one that does everything a registry must not.

usage: registry.py [REGEX]
"""
import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import suite
from engine import make_image
from fake_registry import DOCKER_MANIFEST, OCI_LAYER, OCI_MANIFEST, SCHEMA1, FakeRegistry
from imagestore import complain_about_store, leftovers, store, tar_of
from suite import Skip, case, has, matches, same, until

NOISE = random.Random(1)


def noise(megabytes):
    return tar_of({f"n{n}": NOISE.randbytes(1 << 20) for n in range(megabytes)})


def login(**members):
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(members).encode()).decode()}


def ask(e, name, tag="latest", headers=None, **query):
    text = urllib.parse.urlencode({"fromImage": name} | ({"tag": tag} if tag else {}) | query)
    return e.post(f"/images/create?{text}", headers=headers)


def records(reply):
    return [json.loads(line) for line in reply.expect(200).body.splitlines()]


def pull(e, name, tag="latest", **options):
    """The records of a pull that worked."""
    told = records(ask(e, name, tag, **options))
    if "error" in told[-1]:
        raise AssertionError(told[-1])
    return told


def failure(e, name, tag="latest", **options):
    """The message of one that broke off in the middle."""
    last = records(ask(e, name, tag, **options))[-1]
    same(last["error"], last["errorDetail"]["message"])
    return last["error"]


def states(told, digest):
    """What one layer went through."""
    found = [r["status"] for r in told if r.get("id") == digest[7:19]]
    return [s for n, s in enumerate(found) if n == 0 or found[n - 1] != s]


def forget(e):
    """Removes every image but the suite's own."""
    for image in e.get("/images/json").expect(200).json:
        if image["Id"] != e.image_id:
            e.delete(f"/images/{image['Id']}?force=1").expect(200)


@contextlib.contextmanager
def fake(e, **options):
    with FakeRegistry(**options) as registry:
        yield registry
    forget(e)
    same(complain_about_store(store(e)), [])
    same(leftovers(e), [])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def real_registry(e):
    """Debian's docker-registry; yields its host and a function that runs skopeo."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        raise Skip("no docker-registry or no skopeo")
    host, config = f"127.0.0.1:{free_port()}", e.root / "registry.yml"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: {host}}}\n"
                      f"storage: {{filesystem: {{rootdirectory: {e.root}/registry}}}}\n")
    with open(e.root / "registry.log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)

    def skopeo(*words):
        done = subprocess.run(["skopeo", "--insecure-policy", *words], capture_output=True, text=True,
                              env=os.environ | {"HOME": str(e.root / "home"), "XDG_RUNTIME_DIR": str(e.run)})
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout

    def answers():
        with contextlib.suppress(OSError), socket.create_connection(host.split(":")):
            return True
    try:
        until(answers)
        yield host, skopeo
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(e.root / "registry", ignore_errors=True)
    forget(e)
    same(complain_about_store(store(e)), [])


# ---- a registry as it should be

@case("an image is pulled by tag and by digest, runs, and goes with its names")
def _(e):
    with real_registry(e) as (host, skopeo):
        name = f"{host}/some/busybox"
        skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{e.archive}", f"docker://{name}:1")
        digest = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}:1"))["Digest"]
        begin = f"{time.time():.9f}"
        told = pull(e, name, "1")
        same(told[0], {"status": "Pulling from some/busybox", "id": "1"})
        same([r["status"] for r in told[-2:]],
             [f"Digest: {digest}", f"Status: Downloaded newer image for {name}:1"])
        image = e.get(f"/images/{name}:1/json").expect(200).json
        same((image["RepoTags"], image["RepoDigests"]), ([f"{name}:1", "busybox:latest"], [f"{name}@{digest}"]))
        same(image["Id"], e.image_id)
        event, = e.events(begin, type="image", event="pull")
        same((event["Actor"]["ID"], event["Actor"]["Attributes"]["name"]), (f"{name}:1", name))
        same([r["status"] for r in pull(e, name, "1")],
             ["Pulling from some/busybox", f"Digest: {digest}", f"Status: Image is up to date for {name}:1"])
        container = e.run_detached("true", Image=f"{name}@{digest}")
        same(e.wait(container), 0)
        e.delete(f"/containers/{container}").expect(204)
        same(e.delete(f"/images/{name}:1").expect(200).json,
             [{"Untagged": f"{name}:1"}, {"Untagged": f"{name}@{digest}"}])
        told = pull(e, name, digest)
        same(told[0]["id"], digest)
        same(e.get(f"/images/{name}@{digest}/json").expect(200).json["RepoTags"], ["busybox:latest"])


@case("docker run gets what is missing, and skopeo finds in our store what the registry has")
def _(e):
    if not shutil.which("docker"):
        raise Skip("no docker")
    with real_registry(e) as (host, skopeo):
        name = f"{host}/busybox:latest"
        skopeo("copy", "--format=oci", "--dest-tls-verify=false", f"docker-archive:{e.archive}",
               f"docker://{name}")
        e.delete(f"/images/{e.image_id}?force=1").expect(200)
        try:
            done = subprocess.run(["docker", "-H", e.url, "run", "--rm", name, "echo", "it runs"],
                                  capture_output=True, text=True, env=e.environment(), timeout=60)
            same((done.stdout, done.returncode), ("it runs\n", 0))
            has(done.stderr, "Pull complete")
            theirs = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}"))
            ours = json.loads(skopeo("inspect", f"oci:{store(e)}/oci:{name}"))
            same((ours["Digest"], ours["Layers"]), (theirs["Digest"], theirs["Layers"]))
        finally:
            e.load(e.archive)


@case("an image with Docker's manifest keeps its digest here, and other tools read our store all the same")
def _(e):
    with real_registry(e) as (host, skopeo):
        name, other = f"{host}/schema2:1", f"{host}/again:1"
        make_image.make_archive(e.root / "schema2.tar", "x:1", [tar_of({"x": b"schema 2"})])
        skopeo("copy", "--format=v2s2", "--dest-tls-verify=false", f"docker-archive:{e.root}/schema2.tar",
               f"docker://{name}")
        theirs = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}"))
        pull(e, f"{host}/schema2", "1")
        e.post(f"/images/{name}/tag?repo={host}/again&tag=1").expect(201)
        for shown in (name, other):
            ours = json.loads(skopeo("inspect", f"oci:{store(e)}/oci:{shown}"))
            same((ours["Layers"], ours["Architecture"]), (theirs["Layers"], theirs["Architecture"]))
        skopeo("copy", f"oci:{store(e)}/oci:{name}", f"dir:{e.root}/copied")
        shutil.rmtree(e.root / "copied")
        if shutil.which("umoci"):
            done = subprocess.run(["umoci", "ls", "--layout", store(e) / "oci"], capture_output=True, text=True,
                                  check=True)
            has(done.stdout.split(), name)
        same(e.get(f"/images/{name}/json").expect(200).json["RepoDigests"],
             [f"{host}/schema2@{theirs['Digest']}"])
        e.post(f"/images/{host}/again/push?tag=1", headers=login()).expect(200)
        pushed = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{other}"))
        same(pushed["Digest"], theirs["Digest"])


# ---- images as they come

@case("gzip, zstd and plain layers give the same image, and are unpacked once")
def _(e):
    with fake(e) as r:
        layers = [tar_of({"a": b"1"}), tar_of({"b": b"2"}), tar_of({"a": b"1"})]
        for how in ["gzip", None] + (["zstd"] if shutil.which("zstd") else []):
            r.add_image("img", f"{how}", layers, how)
            told = pull(e, f"{r.host}/img", f"{how}")
            same(states(told, r.layers[0])[-1], "Pull complete")
        same(len(e.get("/images/json").expect(200).json), 2)
        again = pull(e, f"{r.host}/img", "gzip")
        same(len(again), 3)


@case("of an index comes what suits, attestations are no images, and without a match nothing begins")
def _(e):
    with fake(e) as r:
        def entry(arch, variant=None, **more):
            made = r.add_image("multi", None, [tar_of({"arch": (arch + str(variant)).encode()})], arch=arch)
            return made | {"platform": {"os": "linux", "architecture": arch} |
                           ({"variant": variant} if variant else {})} | more
        note = entry("unknown", annotations={"vnd.docker.reference.digest": "sha256:" + "0" * 64})
        note["platform"] = {"os": "linux", "architecture": "s390x"}
        entries = [entry("arm", "v5"), entry("arm", "v7"), entry("arm64", "v8"), note]
        top = r.add_index("multi", "latest", *entries)
        for asked, index in {"linux/arm/v7": 1, "linux/arm": 1, "linux/arm/v6": 0, "linux/arm64": 2}.items():
            told = pull(e, f"{r.host}/multi", platform=asked)
            same(told[-2]["status"], f"Digest: {top['digest']}")
            manifest = json.loads(r.manifests["multi", entries[index]["digest"]][1])
            image = e.get(f"/images/{r.host}/multi/json").expect(200).json
            same((asked, image["Id"]), (asked, manifest["config"]["digest"]))
        for asked in ("linux/s390x", "linux/arm64/v7"):
            reply = ask(e, f"{r.host}/multi", platform=asked).expect(404)
            same(reply.message, f"no matching manifest for {asked} in the manifest list entries")
        r.add_image("one", "latest", [tar_of({"x": b""})], arch="arm64")
        reply = ask(e, f"{r.host}/one", platform="linux/amd64").expect(404)
        has(reply.message, "wanted linux/amd64, actual: linux/arm64")
        pull(e, f"{r.host}/one")
        ask(e, f"{r.host}/one", platform="windows/amd64").expect(400)


@case("without a tag all tags come, page by page")
def _(e):
    with fake(e) as r:
        for n in range(5):
            r.add_image("many", f"t{n}", [tar_of({"same": b""}), tar_of({"n": b"%d" % n})])
        r.page = 2
        told = pull(e, f"{r.host}/many:", tag=None)
        same([x["id"] for x in told if x["status"] == "Pulling from many"], [f"t{n}" for n in range(5)])
        same(told[-1]["status"], f"Status: Downloaded newer image for {r.host}/many")
        same(sum("Already exists" in states(told, d) for d in r.layers), 1)
        ask(e, f"{r.host}/nothing", tag=None).expect(404)


@case("what is no image for this engine is refused by its name")
def _(e):
    with fake(e) as r:
        r.add_image("ok", "latest", [tar_of({"x": b""})])
        good = json.dumps(r.document)

        def put(tag, change, media_type=OCI_MANIFEST):
            document = json.loads(good)
            change(document)
            r.add_manifest("odd", tag, document, media_type)
        put("foreign", lambda d: d["layers"][0].update(
            mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"))
        put("nondist", lambda d: d["layers"][0].update(
            mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"))
        put("chart", lambda d: d["config"].update(mediaType="application/vnd.cncf.helm.config.v1+json"))
        put("secret", lambda d: d["layers"][0].update(mediaType=OCI_LAYER + "+gzip+encrypted"))
        r.add_manifest("odd", "old", {"schemaVersion": 1, "name": "odd", "fsLayers": []}, SCHEMA1)
        for tag, part in {"foreign": "is foreign", "nondist": "is foreign", "chart": "helm",
                          "secret": "encrypted", "old": "schema 1"}.items():
            has(ask(e, f"{r.host}/odd", tag).expect(501).message, part)
        put("both", lambda d: d.update(manifests=[]))
        put("other", lambda d: d.update(mediaType=DOCKER_MANIFEST))
        put("nosize", lambda d: d["layers"][0].pop("size"))
        put("count", lambda d: d.update(layers=[]))
        put("huge", lambda d: d["config"].update(size=1 << 40))
        for tag, part in {"both": "both an index and an image", "other": "but was sent as",
                          "nosize": "has no size", "count": "layers length mismatch",
                          "huge": "configuration"}.items():
            has(ask(e, f"{r.host}/odd", tag).expect(500).message, part)


# ---- a bad line

@case("a layer that breaks off goes on where it was, or is skipped to there")
def _(e):
    with fake(e) as r:
        for ranges in (True, False):
            r.add_image("cut", f"{ranges}".lower(), [noise(3)])
            r.ranges, left = ranges, [2]

            def cut(h, digest, data):
                if digest not in r.layers or not left[0]:
                    return False
                left[0] -= 1
                start = r.start_of(h)
                some = data[start:start + 1000000]
                if start:
                    return h.break_off(some, len(data) - start, 206,
                                       {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})
                return h.break_off(some, len(data))
            r.on_blob, r.requests = cut, []
            told = pull(e, f"{r.host}/cut", f"{ranges}".lower())
            asked = [h.get("Range") for _, path, h in r.requests if r.layers[0] in path]
            same(asked, [None, "bytes=1000000-", "bytes=2000000-" if ranges else "bytes=1000000-"])
            has(states(told, r.layers[0]), "Retrying in 1 second")
            amounts = [t["progressDetail"]["current"] for t in told if t["status"] == "Downloading"]
            same((amounts, amounts[-1]), (sorted(amounts), len(r.blobs[r.layers[0]])))


@case("429 and 500 are waited out, as long as Retry-After says")
def _(e):
    with fake(e) as r:
        r.add_image("busy", "latest", [tar_of({"x": b""})])
        left = [429, 503]

        def busy(h, *_):
            return left and h.refuse(left.pop(), "TOOMANYREQUESTS", "slow down", {"Retry-After": "1"})
        r.on_blob = r.on_manifest = busy
        begin = time.monotonic()
        pull(e, f"{r.host}/busy")
        same((left, 2 <= time.monotonic() - begin < 20), ([], True))


@case("what does not pass is told with Docker's status and words")
def _(e):
    with fake(e) as r:
        for status, code, want, text in [
                (404, "MANIFEST_UNKNOWN", 404, "manifest for NAME:latest not found: manifest unknown: why"),
                (404, "NAME_UNKNOWN", 404, "repository NAME not found: name unknown: why"),
                (403, "DENIED", 404, "pull access denied for NAME, repository does not exist or may require "
                                     "'docker login': denied: why"),
                (401, "UNAUTHORIZED", 401, "unauthorized: why"),
                (400, "BAD\nTHING", 500, "bad thing: why")]:
            r.on_manifest = lambda h, *_, status=status, code=code: h.refuse(status, code, "why")
            same(ask(e, f"{r.host}/x").expect(want).message, text.replace("NAME", f"{r.host}/x"))
        r.on_manifest = lambda h, *_: h.answer(404)
        has(ask(e, f"{r.host}/x").expect(404).message, "not found: manifest unknown")
        r.on_manifest = lambda h, *_: h.answer(200, b"[" * 100, {"Content-Type": OCI_MANIFEST})
        ask(e, f"{r.host}/x").expect(500)
        r.on_manifest = lambda h, *_: h.answer(200, b" " * (5 << 20), {"Content-Type": OCI_MANIFEST})
        has(ask(e, f"{r.host}/x").expect(500).message, "has more than")
        r.on_manifest = lambda h, *_: h.answer(200, b"{}", {f"X-{n}": "y" * 1000 for n in range(90)})
        has(ask(e, f"{r.host}/x").expect(500).message, "headers")
    port = free_port()
    has(ask(e, f"127.0.0.1:{port}/x").expect(500).message,
        f'Get "http://127.0.0.1:{port}/v2/": dial tcp 127.0.0.1:{port}: connect: connection refused')
    same(ask(e, "scratch").expect(403).message, "'scratch' is a reserved name")
    ask(e, "Upper/Case").expect(400)


# ---- lies

@case("digests and lengths that are not as declared end the pull")
def _(e):
    with fake(e) as r:
        made = r.add_image("lie", "latest", [noise(1), tar_of({"b": b""})])
        data, config = r.blobs[r.layers[0]], r.document["config"]["digest"]
        name = f"{r.host}/lie"

        def of_layer(answer):
            r.on_blob = lambda h, digest, _: digest == r.layers[0] and answer(h)
        wrong = data[:-1] + bytes([data[-1] ^ 1])
        of_layer(lambda h: h.answer(200, wrong))
        message = failure(e, name)
        matches(message, "verification failed for digest|registering layer|invalid layer|failed to register")
        of_layer(lambda h: h.answer(200, data + b"more"))
        has(failure(e, name), "its size is not the declared one")
        of_layer(lambda h: h.answer(206, data, {"Content-Range": "bytes 0-1/2"}))
        has(failure(e, name), "unexpected answer")

        def endless(h):
            h.send_response(200)
            h.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    h.wfile.write(data)
        of_layer(endless)
        has(failure(e, name), "more bytes come than were declared")

        def elsewhere(h):
            if not r.start_of(h):
                return h.break_off(data[:100000], len(data))
            return h.answer(206, data[5:], {"Content-Range": f"bytes 5-{len(data) - 1}/{len(data)}"})
        of_layer(elsewhere)
        has(failure(e, name), "the wrong part was sent")
        r.on_blob = lambda h, digest, d: digest == config and h.answer(200, d[:-1] + b" ")
        has(ask(e, name).expect(500).message, f"image config verification failed for digest {config}")
        r.on_blob = lambda *_: False
        r.on_manifest = lambda h, _: h.answer(200, json.dumps(r.document).encode() + b" ",
                                              {"Content-Type": OCI_MANIFEST})
        has(ask(e, name, made["digest"]).expect(500).message, "manifest verification failed for digest")
        r.on_manifest = lambda *_: False
        r.add_index("lie", "index", made | {"size": 7, "platform": {"os": "linux", "architecture": "amd64"}})
        has(ask(e, name, "index", platform="linux/amd64").expect(500).message, "verification failed")
        same(len(e.get("/images/json").expect(200).json), 1)


@case("a layer that is another than the configuration says is not taken for the one we have")
def _(e):
    with fake(e) as r:
        r.add_image("swap", "good", [tar_of({"x": b"good"})])
        good = r.document
        pull(e, f"{r.host}/swap", "good")
        r.add_image("swap", "bad", [tar_of({"x": b"evil"})])
        mixed = good | {"layers": r.document["layers"]}
        r.add_manifest("swap", "mixed", mixed, OCI_MANIFEST)
        has(failure(e, f"{r.host}/swap", "mixed"), "invalid diffID for layer 0")


# ---- who we are

@case("tokens are fetched with the credentials, for the repository, and anew when they have run out")
def _(e):
    with fake(e) as r:
        r.add_image("a/private", "latest", [tar_of({"x": b"%d" % n}) for n in range(4)])
        r.auth, scopes = "bearer", []

        def token(h, query):
            scopes.append((query["scope"], query["service"]))
            pair = "Basic " + base64.b64encode(b"user:secret").decode()
            return h.headers.get("Authorization") != pair and h.refuse(
                401, "UNAUTHORIZED", "incorrect username or password")
        r.on_token = token
        name, good = f"{r.host}/a/private", login(username="user", password="secret")
        same(ask(e, name).expect(401).message, "unauthorized: incorrect username or password")
        ask(e, name, headers=login(username="user", password="wrong")).expect(401)
        ask(e, name, headers={"X-Registry-Auth": "@@ no base64"}).expect(401)

        def expire(h, digest, _):
            if digest == r.layers[2] and not r.expired:
                r.expired = r.tokens
                h.refuse(401, "UNAUTHORIZED", "expired", {"WWW-Authenticate": r.challenge()})
                return True
            return False
        r.on_blob = expire
        pull(e, name, headers=good)
        same(set(map(str, scopes)), {str((["repository:a/private:pull"], ["fake"]))})
        forget(e)
        pull(e, name, headers=login(auth=base64.b64encode(b"user:secret").decode()))
        forget(e)
        r.expired, r.tokens, r.on_token = 6, 7, lambda h, _: h.answer(500)
        pull(e, name, headers=login(registrytoken="token7"))
        # a token that would end the header it goes into
        forget(e)
        r.on_token = lambda h, _: h.answer(200, json.dumps({"token": "a\r\nX-Evil: 1"}).encode())
        ask(e, name).expect(500)
        same(any("X-Evil" in headers for _, _, headers in r.requests), False)


@case("an identity token is exchanged, and basic authentication works")
def _(e):
    with fake(e) as r:
        r.add_image("id", "latest", [tar_of({"x": b"id"})])
        r.auth, forms = "bearer", []

        def token(h, _):
            forms.append((h.command, urllib.parse.parse_qs(getattr(h, "form", ""))))
            return False
        r.on_token = token
        pull(e, f"{r.host}/id", headers=login(identitytoken="id-token"))
        same([(m, f["refresh_token"], f["grant_type"], f["scope"]) for m, f in forms],
             [("POST", ["id-token"], ["refresh_token"], ["repository:id:pull"])])
        forget(e)
        r.auth = "basic"
        has(ask(e, f"{r.host}/id").expect(401).message, "no basic auth credentials")
        ask(e, f"{r.host}/id", headers=login(username="user", password="wrong")).expect(401)
        pull(e, f"{r.host}/id", headers=login(username="user", password="secret"))


@case("a scope that is not given is access denied")
def _(e):
    with fake(e) as r:
        r.auth = "bearer"
        r.is_authorized = lambda h: h.path == "/v2/" or not h.refuse(401, "UNAUTHORIZED", "no", {
            "WWW-Authenticate": r.challenge() + ',error="insufficient_scope"'})
        has(ask(e, f"{r.host}/x").expect(404).message,
            f"pull access denied for {r.host}/x, repository does not exist or may require 'docker login'")


@case("a redirect to another host gets no authorization, and none leads in circles")
def _(e):
    with fake(e) as r, FakeRegistry() as cdn:
        r.add_image("far", "latest", [tar_of({"x": b"far"})])
        cdn.blobs, r.auth = r.blobs, "bearer"

        def away(h, digest, _):
            return h.answer(307, b"go", {"Location": f"http://{cdn.host}/v2/far/blobs/{digest}"})
        r.on_blob = away
        pull(e, f"{r.host}/far")
        same([h.get("Authorization") for _, _, h in cdn.requests], [None] * 2)
        same({h.get("Authorization") for _, p, h in r.requests if "blobs" in p}, {"Bearer token1"})
        forget(e)
        r.on_blob = lambda h, digest, _: h.answer(302, b"", {"Location": h.path})
        has(ask(e, f"{r.host}/far").expect(500).message, "redirects")
        r.on_blob = lambda h, *_: h.answer(302, b"", {"Location": "file:///etc/passwd"})
        ask(e, f"{r.host}/far").expect(500)


# ---- settings

@contextlib.contextmanager
def settings(e, **document):
    folder = e.root / "home/.config/dayfly"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(json.dumps(document))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def own_address():
    """An address of this machine that is not the loopback's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with contextlib.suppress(OSError):
            s.connect(("192.0.2.1", 9))
            if not s.getsockname()[0].startswith("127."):
                return s.getsockname()[0]
    raise Skip("this machine has no address but the loopback's")


@case("docker.io is looked for at its mirrors, one after the other")
def _(e):
    with fake(e) as r, FakeRegistry() as empty:
        r.add_image("library/mirrored", "latest", [tar_of({"x": b"m"})])
        gone = f"http://127.0.0.1:{free_port()}"
        mirrors = [gone, f"http://{empty.host}", f"http://{r.host}"]
        with settings(e, **{"registry-mirrors": mirrors}):
            told = pull(e, "mirrored")
        same(told[0], {"status": "Pulling from library/mirrored", "id": "latest"})
        same(told[-1]["status"], "Status: Downloaded newer image for mirrored:latest")
        same(any("manifests" in path for _, path, _ in empty.requests), True)


@case("TLS is believed with an authority of certs.d, and plain http where it is allowed")
def _(e):
    address = own_address()
    key, cert = e.root / "tls.key", e.root / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
                    "-out", cert, "-subj", "/CN=fake", "-addext", f"subjectAltName=IP:{address}"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with fake(e, address=address, tls=context) as r:
        r.add_image("tls", "latest", [tar_of({"x": b"tls"})])
        has(ask(e, f"{r.host}/tls").expect(500).message, "tls: ")
        with settings(e) as folder:
            (folder / f"certs.d/{r.host}").mkdir(parents=True)
            shutil.copy(cert, folder / f"certs.d/{r.host}/ca.crt")
            pull(e, f"{r.host}/tls")
        forget(e)
        with settings(e, **{"insecure-registries": [r.host]}):
            pull(e, f"{r.host}/tls")
    with fake(e, address=address) as r:
        r.add_image("plain", "latest", [tar_of({"x": b"plain"})])
        ask(e, f"{r.host}/plain").expect(500)
        same(r.requests, [])
        with settings(e, **{"insecure-registries": [f"{address}/32"]}):
            pull(e, f"{r.host}/plain")
        r.add_image("library/plain", "latest", [tar_of({"x": b"plain"})])
        with settings(e, **{"registry-mirrors": [f"http://{r.host}"]}):
            pull(e, "plain")


# ---- many at once, and ends in the middle

@case("three layers come at once, each tells its states in their order")
def _(e):
    with fake(e) as r:
        r.add_image("wide", "latest", [tar_of({f"f{n}": b"x" * 9}) for n in range(7)])
        r.on_blob = lambda *_: time.sleep(0.15)
        told = pull(e, f"{r.host}/wide")
        same(r.most_busy, 3)
        for digest in r.layers:
            seen = [s for s in states(told, digest) if s not in ("Waiting", "Downloading", "Extracting")]
            same(seen, ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"])
        first_done = [t["status"] for t in told].index("Download complete")
        same([t["status"] for t in told[:first_done]].count("Waiting"), 4)


def ask_only(e, name):
    """A connection on which a pull was asked for."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(e.socket)
    query = urllib.parse.urlencode({"fromImage": name, "tag": "latest"})
    client.sendall(f"POST /images/create?{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    return client


def pulls_under_way(e):
    return [p for p, name in e.processes().items() if name == "dayfly-worker"]


@case("a client that goes away cancels the pull, and what was complete need not come again")
def _(e):
    with fake(e) as r:
        r.add_image("gone", "latest", [noise(1), noise(1)])
        stuck = threading.Event()

        def hang(h, digest, data):
            if digest != r.layers[1]:
                return False
            h.break_off(data[:1000], len(data))
            stuck.wait(20)
            return True
        r.on_blob = hang
        client, seen = ask_only(e, f"{r.host}/gone"), b""
        while b"Download complete" not in seen:
            seen += client.recv(4096) or has("the answer", "Download complete")
        client.close()
        until(lambda: not pulls_under_way(e), 5)
        stuck.set()
        same(leftovers(e), [])
        same(len(e.get("/images/json").expect(200).json), 1)
        r.on_blob, r.requests = lambda *_: False, []
        told = pull(e, f"{r.host}/gone")
        same(states(told, r.layers[0]), ["Already exists"])
        same([p for _, p, _ in r.requests if r.layers[0] in p], [])


def asked_for(r, digests):
    """Which of these blobs were asked for, each as often."""
    return sorted(p.rpartition("/")[2] for _, p, _ in list(r.requests) if p.rpartition("/")[2] in digests)


@case("two pulls at once get each layer once, in whatever order they come, and a dead one lets go")
def _(e):
    with fake(e) as r:
        layers = [noise(1) for _ in range(4)]
        r.add_image("one", "latest", layers, None)
        digests, gate = r.layers, threading.Event()
        r.add_image("two", "latest", layers[::-1], None)
        r.on_blob = lambda h, digest, _: digest in digests and gate.wait(20) and False

        def read_until_waiting(client, digest):
            seen = b""
            while not any(b'"Waiting"' in line and digest[7:19].encode() in line for line in seen.splitlines()):
                more = client.recv(4096)
                if not more:
                    raise AssertionError(f"nothing waited: {seen}")
                seen += more
            return seen

        def read_to_end(client):
            seen = b""
            while more := client.recv(65536):
                seen += more
            client.close()
            has(seen, b"Status: Downloaded newer image")
        first = ask_only(e, f"{r.host}/one")
        until(lambda: len(asked_for(r, digests)) == 3)
        second = ask_only(e, f"{r.host}/two")
        read_until_waiting(second, digests[1])
        gate.set()
        read_to_end(first)
        read_to_end(second)
        same(asked_for(r, digests), sorted(digests))
        until(lambda: not any((store(e) / "leases" / d[7:]).exists() for d in digests))
        # one that dies
        r.add_image("last", "latest", [noise(1)])
        digests[:], r.requests = r.layers, []
        gate.clear()
        first = ask_only(e, f"{r.host}/last")
        until(lambda: asked_for(r, digests))
        [holder] = pulls_under_way(e)
        second = ask_only(e, f"{r.host}/last")
        read_until_waiting(second, digests[0])
        os.kill(holder, signal.SIGKILL)
        until(lambda: len(asked_for(r, digests)) == 2)
        gate.set()
        read_to_end(second)
        first.close()


if __name__ == "__main__":
    suite.main()
