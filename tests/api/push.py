#!/usr/bin/python3
"""Pushing images, logging in, asking registries. docker-registry is the other side; skopeo and podman say
what has arrived there. usage: push.py [REGEX]
"""
import base64
import gzip
import io
import json
import os
import random
import shutil
import ssl
import subprocess
import tarfile
import time

import suite
from cli_tools import docker, try_docker
from engine import IMAGE, make_image
from docker_registry import USER, Registry, auth_header, digest
from imagestore import complain_about_store, store, tar_of
from podman import podman
from push_registry import Blobs, Cut, StandIn
from suite import Skip, case, has, matches, same, until

TAR = {"Content-Type": "application/x-tar"}


def make(e, name, *layers):
    """Loads an image of these tars; returns its id."""
    path = e.root / "made.tar"
    image = make_image.make_archive(path, name, list(layers))
    e.load(path)
    return image


def records(reply):
    reply.expect(200)
    return [json.loads(line) for line in reply.body.splitlines()]


def push(e, name, tag=None, headers=None):
    """The records of the answer."""
    query = f"?tag={tag}" if tag else ""
    return records(e.post(f"/images/{name}/push{query}", headers=headers or auth_header()))


def pushed(e, name, tag="1", **options):
    """The aux record of a push that succeeds."""
    done = push(e, name, tag, **options)
    if "aux" not in done[-1]:
        raise AssertionError(done)
    return done[-1]["aux"]


def statuses(done):
    """What was said last of each layer."""
    return {r["id"]: r["status"] for r in done if "id" in r}


def tag_as(e, image, repo, tag="1"):
    e.post(f"/images/{image}/tag?repo={repo}&tag={tag}").expect(201)


def drop(e, *names):
    for name in names:
        e.delete(f"/images/{name}?force=1").expect(200)


def skopeo_copy(e, host, name):
    """skopeo fetches the image: (manifest, config, uncompressed layers)."""
    if not shutil.which("skopeo"):
        raise Skip("skopeo is not installed")
    folder = e.root / "copied"
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
                           f"docker://{host}/{name}", f"dir:{folder}"],
                          env=e.environment(), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(done.stderr)
    manifest = json.loads((folder / "manifest.json").read_text())
    config = (folder / manifest["config"]["digest"][7:]).read_bytes()
    layers = [gzip.decompress((folder / layer["digest"][7:]).read_bytes()) for layer in manifest["layers"]]
    shutil.rmtree(folder)
    return manifest, config, layers


# ---- push

@case("what is pushed is what skopeo gets: configuration, layers, files")
def _(e):
    layers = [tar_of({"one": b"1" * 100000, "two": os.urandom(300000)}), tar_of({"three": b"3"})]
    with Registry(e.root / "reg") as r:
        image = make(e, f"{r.host}/a/b:1", *layers)
        done = push(e, f"{r.host}/a/b", "1")
        manifest, config, got = skopeo_copy(e, r.host, "a/b:1")
        same((digest(config), got), (image, layers))
        same(json.loads(config)["rootfs"]["diff_ids"], [digest(layer) for layer in layers])
        same({layer["mediaType"] for layer in manifest["layers"]},
             {"application/vnd.oci.image.layer.v1.tar+gzip"})
        kind, text = r.manifest("a/b", "1")
        same(kind, "application/vnd.oci.image.manifest.v1+json")
        same(done[-1], {"progressDetail": {},
                        "aux": {"Tag": "1", "Digest": digest(text), "Size": len(text)}})
        same(done[-2], {"status": f"1: digest: {digest(text)} size: {len(text)}"})
        drop(e, f"{r.host}/a/b:1")


@case("podman pulls what was pushed, with the same id, layers and files")
def _(e):
    layers = [tar_of({"one": b"1" * 1000}), tar_of({"dir/two": b"2"})]
    with podman(e) as run_podman, Registry(e.root / "reg") as r:
        name = f"{r.host}/pod:1"
        image = make(e, name, *layers)
        pushed(e, f"{r.host}/pod")
        run_podman("pull", "--tls-verify=false", name)
        shown = json.loads(run_podman("image", "inspect", name).stdout)[0]
        same(("sha256:" + shown["Id"], shown["RootFS"]["Layers"]), (image, [digest(x) for x in layers]))
        container = run_podman("create", "--network=none", name, "x").stdout.decode().strip()
        with tarfile.open(fileobj=io.BytesIO(run_podman("export", container).stdout)) as tar:
            same((tar.extractfile("one").read(), tar.extractfile("dir/two").read()), (b"1" * 1000, b"2"))
        run_podman("rm", container)
        drop(e, name)


@case("the records are Docker's, layer by layer")
def _(e):
    layers = [tar_of({"one": random.Random(1).randbytes(3 << 20)}), tar_of({"two": b"2"})]
    lines = [digest(layer)[7:19] for layer in layers]
    with Registry(e.root / "reg") as r:
        make(e, f"{r.host}/rec:1", *layers)
        done = push(e, f"{r.host}/rec", "1")
        same(done[0], {"status": f"The push refers to repository [{r.host}/rec]"})
        same(done[1:3], [{"status": "Preparing", "progressDetail": {}, "id": line} for line in lines[::-1]])
        same(statuses(done), dict.fromkeys(lines, "Pushed"))
        bars = [x for x in done if x.get("status") == "Pushing"]
        for bar in bars:
            same(set(bar), {"status", "progressDetail", "progress", "id"})
            same(bar["progressDetail"]["total"], len(layers[lines.index(bar["id"])]))
        if not bars:
            raise AssertionError(done)
        drop(e, f"{r.host}/rec:1")


@case("a second push finds every layer, and comes to the same digest")
def _(e):
    with Registry(e.root / "reg") as r, Registry(e.root / "reg2") as other:
        make(e, f"{r.host}/twice:1", tar_of({"one": os.urandom(200000)}), tar_of({"two": b"2"}))
        first = pushed(e, f"{r.host}/twice")
        again = push(e, f"{r.host}/twice", "1")
        same(set(statuses(again).values()), {"Layer already exists"})
        same(again[-1]["aux"], first)
        tag_as(e, f"{r.host}/twice:1", f"{other.host}/x")
        elsewhere = push(e, f"{other.host}/x", "1")
        same(set(statuses(elsewhere).values()), {"Pushed"})
        same(elsewhere[-1]["aux"], first)
        drop(e, f"{r.host}/twice:1")


@case("an image whose layers came compressed keeps its manifest's digest")
def _(e):
    plain = [tar_of({"one": b"1"}), tar_of({"two": b"2"})]
    packed = [gzip.compress(layer) for layer in plain]
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [digest(x) for x in plain]}}).encode()
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                                      "digest": digest(config), "size": len(config)},
                           "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                                       "digest": digest(x), "size": len(x)} for x in packed],
                           "annotations": {"kept": "yes"}}).encode()
    with Registry(e.root / "reg") as r:
        index = json.dumps({"schemaVersion": 2, "manifests": [
            {"digest": digest(manifest), "size": len(manifest),
             "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "annotations": {"io.containerd.image.name": f"{r.host}/same:1"}}]}).encode()
        files = {"blobs/sha256/" + digest(x)[7:]: x for x in (config, manifest, *packed)}
        e.post("/images/load", tar_of(files | {"index.json": index, "oci-layout": b"{}"}),
               headers=TAR).expect(200)
        same(pushed(e, f"{r.host}/same")["Digest"], digest(manifest))
        same(r.manifest("same", "1")[1], manifest)
        drop(e, f"{r.host}/same:1")


@case("a layer the registry has under another name is mounted")
def _(e):
    layer = tar_of({"one": os.urandom(100000)})
    with Registry(e.root / "reg") as r:
        make(e, f"{r.host}/from/here:1", layer)
        pushed(e, f"{r.host}/from/here")
        tag_as(e, f"{r.host}/from/here:1", f"{r.host}/to")
        done = push(e, f"{r.host}/to", "1")
        same(statuses(done), {digest(layer)[7:19]: "Mounted from from/here"})
        same(skopeo_copy(e, r.host, "to:1")[2], [layer])
        drop(e, f"{r.host}/from/here:1")


@case("without a tag all of them are pushed, and nothing of other repositories")
def _(e):
    with Registry(e.root / "reg") as r:
        make(e, f"{r.host}/all:1", tar_of({"one": b"1"}))
        make(e, f"{r.host}/all:2", tar_of({"two": b"2"}))
        make(e, f"{r.host}/all/other:3", tar_of({"three": b"3"}))
        done = push(e, f"{r.host}/all")
        same([x["aux"]["Tag"] for x in done if "aux" in x], ["1", "2"])
        same(sorted(json.loads(r.get("all/tags/list")[2])["tags"]), ["1", "2"])
        same(json.loads(r.get("_catalog")[2])["repositories"], ["all"])
        drop(e, f"{r.host}/all:1", f"{r.host}/all:2", f"{r.host}/all/other:3")


@case("afterwards the image has the digest it was pushed with, and the event is told")
def _(e):
    with Registry(e.root / "reg") as r:
        since = time.time()
        make(e, f"{r.host}/dig:1", tar_of({"one": b"1"}))
        aux = pushed(e, f"{r.host}/dig")
        shown = e.get(f"/images/{r.host}/dig:1/json").expect(200).json
        same(shown["RepoDigests"], [f"{r.host}/dig@{aux['Digest']}"])
        event = e.events(since, event="push")
        same([(x["id"], x["Type"], x["Actor"]["Attributes"]["name"]) for x in event],
             [(f"{r.host}/dig:1", "image", f"{r.host}/dig")])
        untagged = e.delete(f"/images/{r.host}/dig:1").expect(200).json
        same([list(x.values())[0] for x in untagged],
             [f"{r.host}/dig:1", f"{r.host}/dig@{aux['Digest']}", shown["Id"], *shown["RootFS"]["Layers"]])
        e.get(f"/images/{r.host}/dig@{aux['Digest']}/json").expect(404)


@case("digests count as one name with the tag of their repository")
def _(e):
    with Registry(e.root / "reg") as r:
        image = make(e, f"{r.host}/dig:1", tar_of({"one": b"1"}))
        aux = pushed(e, f"{r.host}/dig")
        tag_as(e, image, f"{r.host}/dig", "2")
        e.delete(f"/images/{image}").expect(409)
        same(e.delete(f"/images/{r.host}/dig:1").expect(200).json, [{"Untagged": f"{r.host}/dig:1"}])
        e.get(f"/images/{r.host}/dig@{aux['Digest']}/json").expect(200)
        same([list(x)[0] for x in e.delete(f"/images/{image}").expect(200).json],
             ["Untagged", "Untagged", "Deleted", "Deleted"])


@case("what is not there is told in the stream, a name that is none by its status")
def _(e):
    has(push(e, "127.0.0.1:9/nosuch", "1")[-1]["error"],
        "An image does not exist locally with the tag: 127.0.0.1:9/nosuch")
    tag_as(e, IMAGE, "127.0.0.1:9/here")
    has(push(e, "127.0.0.1:9/here", "2")[-1]["error"], "tag does not exist: 127.0.0.1:9/here:2")
    e.post("/images/UPPER/push?tag=1").expect(400)
    e.post("/images/x/push?tag=a%20b").expect(400)
    e.post(f"/images/x@{digest(b'')}/push").expect(400)
    e.post("/images/scratch/push?tag=1").expect(403)
    has(e.post("/images/x/push?tag=1", headers={"X-Registry-Auth": "%%%"}).expect(400).message,
        "X-Registry-Auth")
    has(push(e, "127.0.0.1:9/here", "1")[-1]["error"], "connection refused")
    drop(e, "127.0.0.1:9/here:1")


@case("a registry with users takes a push from one of them alone")
def _(e):
    with Registry(e.root / "reg", users=True) as r:
        make(e, f"{r.host}/mine:1", tar_of({"one": b"1"}))
        has(push(e, f"{r.host}/mine", "1")[-1]["error"], "no basic auth credentials")
        has(push(e, f"{r.host}/mine", "1", headers=auth_header(username="me", password="no"))[-1]["error"],
            "unauthorized: authentication required")
        pushed(e, f"{r.host}/mine", headers=auth_header(**USER))
        encoded = base64.b64encode(b"me:secret").decode()
        pushed(e, f"{r.host}/mine", headers=auth_header(auth=encoded))
        drop(e, f"{r.host}/mine:1")


# ---- registries that are none

def refusing(status, code, text):
    blobs = Blobs()

    def answer(asked):
        if asked.method in ("POST", "PUT", "PATCH"):
            return status, {}, json.dumps({"errors": [{"code": code, "message": text}]}).encode()
        return blobs(asked)
    return answer


@case("a refusal is told in the registry's words")
def _(e):
    for status, code, text, said in (
            (403, "DENIED", "requested access to the resource is denied",
             "denied: requested access to the resource is denied"),
            (401, "UNAUTHORIZED", "authentication required", "unauthorized: authentication required"),
            (400, "NAME_INVALID", "invalid repository name", "name invalid: invalid repository name"),
            (413, "", "", "413")):
        with StandIn(refusing(status, code, text)) as r:
            make(e, f"{r.host}/no:1", tar_of({"one": b"1"}))
            has(push(e, f"{r.host}/no", "1")[-1]["error"], said)
            drop(e, f"{r.host}/no:1")


def failing(times, how):
    """The first times of sending a layer come to how(); what arrives all the same is kept."""
    blobs, left = Blobs(), [times]

    def answer(asked):
        if asked.method == "PATCH" and left[0]:
            left[0] -= 1
            return how()
        return blobs(asked)
    return blobs, answer


def cut():
    raise Cut


@case("an upload that breaks off is begun anew", seconds=120)
def _(e):
    layer = tar_of({"one": os.urandom(400000)})
    for how in (cut, lambda: (500, {}, b""), lambda: (503, {"Retry-After": "1"}, b""), lambda: (404, {}, b"")):
        blobs, answer = failing(2, how)
        with StandIn(answer) as r:
            make(e, f"{r.host}/again:1", layer)
            done = push(e, f"{r.host}/again", "1")
            same(statuses(done)[digest(layer)[7:19]], "Pushed")
            kept = json.loads(blobs.manifests["1"][1])["layers"][0]["digest"]
            same(gzip.decompress(blobs.blobs[kept]), layer)
            same(sum(a.method == "PATCH" for a in r.asked), 3)
            drop(e, f"{r.host}/again:1")


@case("a registry that always fails is given up on with its error", seconds=120)
def _(e):
    answer = failing(100, lambda: (500, {}, b""))[1]
    with StandIn(answer) as r:
        make(e, f"{r.host}/never:1", tar_of({"one": b"1"}))
        done = push(e, f"{r.host}/never", "1")
        has(done[-1]["error"], "500")
        if not any(x.get("status", "").startswith("Retrying in ") for x in done):
            raise AssertionError(done)
        drop(e, f"{r.host}/never:1")


@case("whoever goes away takes his push with him")
def _(e):
    blobs, stopped = Blobs(), []

    def answer(asked):
        if asked.method == "PATCH":
            stopped.append(asked)
            time.sleep(30)  # far longer than its client has patience
        return blobs(asked)
    with StandIn(answer) as r:
        make(e, f"{r.host}/gone:1", tar_of({"one": b"1"}))
        stream = e.open("POST", f"/images/{r.host}/gone/push?tag=1")
        until(lambda: stopped)
        stream.close()
        until(lambda: "dayfly-worker" not in e.processes().values())
        same(len(stopped), 1)
        same(blobs.manifests, {})
        drop(e, f"{r.host}/gone:1")


@case("an image that is removed while it is pushed arrives all the same, and stays removed")
def _(e):
    blobs, layer = Blobs(), tar_of({"one": b"1"})

    def answer(asked):
        if asked.method == "PATCH":
            drop(e, f"{r.host}/gone:1")
        return blobs(asked)
    with StandIn(answer) as r:
        image = make(e, f"{r.host}/gone:1", layer)
        pushed(e, f"{r.host}/gone")
        kept = json.loads(blobs.manifests["1"][1])["layers"][0]["digest"]
        same(gzip.decompress(blobs.blobs[kept]), layer)
        e.get(f"/images/{image}/json").expect(404)
        same(complain_about_store(store(e)), [])


@case("a layer that an image holds twice is sent once")
def _(e):
    blobs, layer = Blobs(), tar_of({"one": b"1"})
    with StandIn(blobs) as r:
        make(e, f"{r.host}/twin:1", layer, tar_of({"two": b"2"}), layer)
        done = push(e, f"{r.host}/twin", "1")
        same(sum(a.method == "PATCH" for a in r.asked), 2)
        sent = [x["digest"] for x in json.loads(blobs.manifests["1"][1])["layers"]]
        same((len(sent), sent[0]), (3, sent[2]))
        same(len(statuses(done)), 2)
        drop(e, f"{r.host}/twin:1")


# ---- auth

@case("credentials are checked before they are kept")
def _(e):
    with Registry(e.root / "reg", users=True) as r:
        for server in (r.host, r.url, f"{r.url}/v2/"):
            same(e.post("/auth", USER | {"serveraddress": server}).expect(200).json,
                 {"Status": "Login Succeeded", "IdentityToken": ""})
        reply = e.post("/auth", {"username": "me", "password": "no", "serveraddress": r.host}).expect(401)
        same(reply.message, f"login attempt to {r.url}/v2/ failed with status: 401 Unauthorized")
    e.post("/auth", {"serveraddress": "a b"}).expect(400)
    e.post("/auth", "{", headers={"Content-Type": "application/json"}).expect(400)
    has(e.post("/auth", USER | {"serveraddress": "127.0.0.1:9"}).expect(500).message, "connection refused")


def token_server(asked, r, refresh=None):
    """A registry that wants tokens, and the server that gives them."""
    if asked.path == "/token":
        if asked.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
            return 401, {}, b'{"details":"incorrect username or password"}'
        more = {"refresh_token": refresh} if "offline_token" in asked.query else {}
        return 200, {}, json.dumps({"token": "good"} | more).encode()
    if asked.headers.get("Authorization") != "Bearer good":
        challenge = f'Bearer realm="http://{r().host}/token",service="test"'
        return 401, {"WWW-Authenticate": challenge}, b""
    return 200, {}, b"{}"


@case("a token server's identity token is given to whoever logs in")
def _(e):
    with StandIn(lambda asked: token_server(asked, lambda: r, "refresh")) as r:
        same(e.post("/auth", USER | {"serveraddress": r.host}).expect(200).json,
             {"Status": "Login Succeeded", "IdentityToken": "refresh"})
        reply = e.post("/auth", {"username": "me", "password": "no", "serveraddress": r.host}).expect(401)
        has(reply.message, "incorrect username or password")


@case("a push with mounts asks one token for all of its repositories")
def _(e):
    blobs, scopes = Blobs(), []

    def answer(asked):
        if asked.path == "/token":
            scopes.append(asked.raw_query)
        refused = token_server(asked, lambda: r)
        return refused if asked.path == "/token" or refused[0] != 200 else blobs(asked)
    with StandIn(answer) as r:
        make(e, f"{r.host}/one:1", tar_of({"one": b"1"}))
        tag_as(e, f"{r.host}/one:1", f"{r.host}/two")
        pushed(e, f"{r.host}/two", headers=auth_header(**USER))
        has(scopes[0], "scope=repository%3Atwo%3Apull%2Cpush&scope=repository%3Aone%3Apull")
        same(len(scopes), 1)
        drop(e, f"{r.host}/one:1")


# ---- distribution

@case("distribution tells what a registry has, and for which platforms")
def _(e):
    with Registry(e.root / "reg") as r:
        make(e, f"{r.host}/d:1", tar_of({"one": b"1"}))
        aux = pushed(e, f"{r.host}/d")
        shown = e.get(f"/images/{r.host}/d:1/json").json
        platforms = [{"architecture": shown["Architecture"], "os": "linux"}]
        want = {"Descriptor": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                               "digest": aux["Digest"], "size": aux["Size"]}, "Platforms": platforms}
        same(e.get(f"/distribution/{r.host}/d:1/json").expect(200).json, want)
        same(e.get(f"/distribution/{r.host}/d@{aux['Digest']}/json").expect(200).json, want)
        e.get(f"/distribution/{r.host}/d:2/json").expect(404)
        e.get(f"/distribution/{r.host}/nosuch:1/json").expect(404)
        e.get("/distribution/UPPER/json").expect(400)
        drop(e, f"{r.host}/d:1")
    with Registry(e.root / "reg", users=True) as r:
        e.get(f"/distribution/{r.host}/d:1/json").expect(401)
        e.get(f"/distribution/{r.host}/d:1/json", headers=auth_header(**USER)).expect(404)


@case("of an index all platforms are told")
def _(e):
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"digest": digest(b"a"), "size": 1, "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
        {"digest": digest(b"b"), "size": 1, "platform": {"os": "windows", "architecture": "amd64",
                                                         "os.version": "10", "extra": 1}},
        {"digest": digest(b"c"), "size": 1}]}).encode()

    def answer(asked):
        if asked.path.endswith("/manifests/latest"):
            return 200, {"Content-Type": "application/vnd.oci.image.index.v1+json"}, index
        return 200, {}, b"{}"
    with StandIn(answer) as r:
        told = e.get(f"/distribution/{r.host}/ix/json").expect(200).json
        same(told["Descriptor"]["digest"], digest(index))
        same(told["Platforms"], [{"architecture": "arm", "os": "linux", "variant": "v7"},
                                 {"architecture": "amd64", "os": "windows", "os.version": "10"}])
        e.get(f"/distribution/{r.host}/ix@{digest(b'other')}/json").expect(500)


# ---- search

def searchable(results, seen):
    def answer(asked):
        seen.append(asked)
        if asked.path == "/v1/search":
            return 200, {"Content-Type": "application/json"}, json.dumps({"results": results}).encode()
        return 404, {}, b""
    return answer


@case("search asks the index that the term names, and filters what it gives")
def _(e):
    results = [{"name": "one", "description": "first", "star_count": 10, "is_official": True, "is_automated": True},
               {"name": "two", "description": "", "star_count": 5, "is_official": False},
               {"name": 3, "star_count": 50}, "junk"]
    seen = []
    with StandIn(searchable(results, seen)) as r:
        def search(query=""):
            return e.get(f"/images/search?term={r.host}/some%2Fthing{query}").expect(200).json
        same(search("&limit=7"), [
            {"name": "one", "description": "first", "star_count": 10, "is_official": True, "is_automated": False},
            {"name": "two", "description": "", "star_count": 5, "is_official": False, "is_automated": False}])
        same((seen[-1].path, seen[-1].query), ("/v1/search", {"q": "some/thing", "n": "7"}))
        same([x["name"] for x in search('&filters={"stars":["6"]}')], ["one"])
        same([x["name"] for x in search('&filters={"is-official":["false"]}')], ["two"])
        same([x["name"] for x in search('&filters={"is-official":["true"]}')], ["one"])
        same(search('&filters={"is-automated":["true"]}'), [])
    with Registry(e.root / "reg") as r:
        has(e.get(f"/images/search?term={r.host}/x").expect(501).message, "offers no search")


@case("a search that makes no sense is refused")
def _(e):
    for query in ("term=", "term=x&limit=0", "term=x&limit=101", "term=x&limit=y", "term=http://x/y",
                  'term=x&filters={"stars":["many"]}', 'term=x&filters={"frob":["1"]}',
                  'term=x&filters={"is-official":["maybe"]}'):
        e.get(f"/images/search?{query}").expect(400)


# ---- settings

def configure(e, text):
    folder = e.root / "home/.config/dayfly"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(text)
    return folder


@case("info shows the settings, and what is wrong with them")
def _(e):
    folder = configure(e, json.dumps({
        "insecure-registries": ["reg.lan:5000", "10.0.0.0/8"], "registry-mirrors": ["http://127.0.0.1:9"],
        "proxies": {"http-proxy": "http://me:secret@proxy:1", "no-proxy": ".lan"}}))
    try:
        info = e.get("/info").expect(200).json
        registries = info["RegistryConfig"]
        same(registries["InsecureRegistryCIDRs"], ["::1/128", "127.0.0.0/8", "10.0.0.0/8"])
        same(registries["Mirrors"], ["http://127.0.0.1:9/"])
        same(registries["IndexConfigs"]["reg.lan:5000"],
             {"Name": "reg.lan:5000", "Mirrors": [], "Secure": False, "Official": False})
        same((info["HttpProxy"], info["NoProxy"]), ("http://xxxxx:xxxxx@proxy:1", ".lan"))
        configure(e, '{"log-driver": "none"}')
        info = e.get("/info").expect(200).json
        wrong = f'{folder}/config: unknown key "log-driver"'
        has(info["Warnings"], f"WARNING: {wrong}")
        tag_as(e, IMAGE, "127.0.0.1:9/conf")
        same(e.post("/images/127.0.0.1:9/conf/push?tag=1").expect(500).message, wrong)
        same(e.get("/distribution/x/json").expect(500).message, wrong)
        drop(e, "127.0.0.1:9/conf:1")
    finally:
        shutil.rmtree(folder)


@case("a proxy is used, but not for this machine")
def _(e):
    seen, direct = [], []
    with StandIn(lambda a: (seen.append(a), (200, {}, b'{"results": [{"name": "found"}]}'))[1]) as proxy, \
            StandIn(searchable([], direct)) as here:
        folder = configure(e, json.dumps({"insecure-registries": ["registry.invalid:5000"],
                                          "proxies": {"http-proxy": f"http://{proxy.host}"}}))
        try:
            found = e.get("/images/search?term=registry.invalid:5000/x").expect(200).json
            same([x["name"] for x in found], ["found"])
            same(seen[-1].path, "http://registry.invalid:5000/v1/search")
            same(e.get(f"/images/search?term={here.host}/x").expect(200).json, [])
            same((len(seen), len(direct)), (1, 1))
        finally:
            shutil.rmtree(folder)


def make_certificate(folder, name):
    """NAME.cert and NAME.key, for 127.0.0.1; vouches for itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.cert"], capture_output=True, check=True)


@case("a registry that asks who we are is shown the certificate of certs.d")
def _(e):
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    files = e.root / "certs"
    files.mkdir()
    for name in ("server", "me"):
        make_certificate(files, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.cert", files / "server.key")
    context.load_verify_locations(files / "me.cert")
    context.verify_mode = ssl.CERT_REQUIRED
    with StandIn(searchable([], []), tls=context) as r:
        folder = configure(e, "{}")
        try:
            term = f"/images/search?term={r.host}/x"
            e.get(term).expect(500)
            mine = folder / "certs.d" / r.host
            mine.mkdir(parents=True)
            shutil.copy(files / "server.cert", mine / "ca.crt")
            shutil.copy(files / "me.key", mine)
            has(e.get(term).expect(500).message, "missing client certificate me.cert for key me.key")
            shutil.copy(files / "me.cert", mine)
            same(e.get(term).expect(200).json, [])
        finally:
            shutil.rmtree(folder)
            shutil.rmtree(files)


# ---- clients

@case("docker-py logs in and pushes")
def _(e):
    try:
        import docker as sdk  # pylint: disable=import-outside-toplevel
    except ImportError:
        raise Skip("python3-docker is not installed") from None
    with Registry(e.root / "reg", users=True) as r:
        c = sdk.DockerClient(base_url=e.url, version="auto", timeout=60)
        make(e, f"{r.host}/py:1", tar_of({"one": b"1"}))
        same(c.login("me", "secret", registry=r.host)["Status"], "Login Succeeded")
        told = list(c.images.push(f"{r.host}/py", "1", stream=True, decode=True))
        same(told[-1]["aux"]["Tag"], "1")
        same(c.images.get_registry_data(f"{r.host}/py:1").id, told[-1]["aux"]["Digest"])
        try:
            c.login("me", "wrong", registry=r.host, reauth=True)
        except sdk.errors.APIError as refused:
            same(refused.status_code, 401)
        else:
            raise AssertionError("a wrong password was taken")
        drop(e, f"{r.host}/py:1")


@case("docker login, push, push -a, logout")
def _(e):
    with Registry(e.root / "reg", users=True) as r:
        make(e, f"{r.host}/cli:1", tar_of({"one": b"1"}))
        tag_as(e, f"{r.host}/cli:1", f"{r.host}/cli", "2")
        denied = try_docker(e, "push", f"{r.host}/cli:1")
        same(denied.code, 1)
        has(denied.err.decode(), "no basic auth credentials")
        bad = try_docker(e, "login", "-u", "me", "--password-stdin", r.host, stdin=b"wrong")
        same(bad.code, 1)
        has(bad.err.decode(), "401 Unauthorized")
        has(docker(e, "login", "-u", "me", "--password-stdin", r.host, stdin=b"secret"), "Login Succeeded")
        matches(docker(e, "push", f"{r.host}/cli:1"), r"1: digest: sha256:[0-9a-f]{64} size: \d+")
        has(docker(e, "push", "-a", f"{r.host}/cli"), "2: digest: ")
        same(sorted(json.loads(r.get("cli/tags/list")[2])["tags"]), ["1", "2"])
        docker(e, "logout", r.host)
        same(try_docker(e, "push", f"{r.host}/cli:1").code, 1)
        drop(e, f"{r.host}/cli:1")


@case("docker search says when a registry cannot be searched")
def _(e):
    with Registry(e.root / "reg") as r:
        refused = try_docker(e, "search", f"{r.host}/x")
        same(refused.code, 1)
        has(refused.err.decode(), "offers no search")


if __name__ == "__main__":
    suite.main()
