#!/usr/bin/python3
"""Loading and importing images: formats, garbage, and crashes at any moment.

usage: images.py [REGEX]
"""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import socket
import subprocess
import tarfile

import suite
from engine import IMAGE, make_image
from imagestore import complain_about_store, leftovers, store, tar_of, worker
from podman import podman
from suite import Skip, case, has, same, until

TAR = {"Content-Type": "application/x-tar"}


def load(e, body):
    """The records of the answer."""
    reply = e.post("/images/load", body, headers=TAR).expect(200)
    return [json.loads(line) for line in reply.body.splitlines()]


def archive_of(e, name, layers, file="made.tar"):
    path = e.root / file
    image = make_image.make_archive(path, name, layers)
    return image, path.read_bytes()


def big_layer(megabytes, seed):
    rng = random.Random(seed)
    return tar_of({f"big/{n}": rng.randbytes(1 << 20) for n in range(megabytes)} |
                  {f"small/{n}": b"x" * n for n in range(400)})


@case("plain and compressed archives give the same image")
def _(e):
    image, archive = archive_of(e, "packed:1", [tar_of({"a/file": b"text"})])
    bodies = [archive, gzip.compress(archive)]
    if shutil.which("zstd"):
        bodies.append(zstd(archive))
    for body in bodies:
        same(load(e, body), [{"stream": "Loaded image: packed:1\n"}])
        same(e.get("/images/packed:1/json").expect(200).json["Id"], image)
        e.delete("/images/packed:1").expect(200)


@case("an archive without names is told by its id, and dangles")
def _(e):
    image, archive = archive_of(e, None, [tar_of({"b": b"1"})])
    same(load(e, archive), [{"stream": f"Loaded image ID: {image}\n"}])
    listed = e.get('/images/json?filters={"dangling":["1"]}').expect(200).json
    same([i["Id"] for i in listed], [image])
    e.delete(f"/images/{image}").expect(200)


@case("what is no archive of images is an error, and nothing of it stays")
def _(e):
    _, archive = archive_of(e, "bad:1", [big_layer(1, 1)])
    layer = tar_of({"x": b"1"})
    wrong_id = json.dumps({"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}, "os": "linux"}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["l.tar"]}]).encode()
    bodies = {
        "junk": b"junk\n", "nothing": b"", "cut": archive[:500000], "cut gzip": gzip.compress(archive)[:90000],
        "no manifest": layer,
        "no such layer": tar_of({"manifest.json": manifest, "c.json": wrong_id}),
        "wrong diff-id": tar_of({"manifest.json": manifest, "c.json": wrong_id, "l.tar": layer}),
        "bad JSON": tar_of({"manifest.json": b"[{"}),
        "wrong blob": tar_of({"blobs/sha256/" + "0" * 64: b"x"}),
        "out of the tree": tar_of({"../x": b"x"}),
    }
    for what, body in bodies.items():
        records = load(e, body)
        if "error" not in records[-1] or records[-1]["errorDetail"]["message"] != records[-1]["error"]:
            raise AssertionError(f"{what}: {records}")
    same(len(e.get("/images/json").expect(200).json), 1)
    same(leftovers(e), [])


@case("archives of skopeo load, and skopeo reads our store")
def _(e):
    if not shutil.which("skopeo"):
        raise Skip("no skopeo")

    def skopeo(*words):
        return subprocess.run(["skopeo", "--insecure-policy", *words], check=True, capture_output=True,
                              text=True, env=os.environ | {"HOME": str(e.root / "home")}).stdout
    for number, target in enumerate(("docker-archive", "oci-archive")):
        path, name = e.root / f"skopeo{number}.tar", f"docker.io/library/skop:{number}"
        skopeo("copy", f"docker-archive:{e.archive}", f"{target}:{path}:{name}")
        same(load(e, path.read_bytes()), [{"stream": f"Loaded image: skop:{number}\n"}])
    seen = json.loads(skopeo("inspect", f"oci:{store(e)}/oci:docker.io/library/skop:1"))
    same(seen["Os"], "linux")
    for number in range(2):
        e.delete(f"/images/skop:{number}").expect(200)


@case("archives of podman load, alone and with several names")
def _(e):
    with podman(e) as run_podman:
        loaded = run_podman("load", "-i", str(e.archive), check=False)
        if loaded.returncode:
            raise Skip(f"podman does not work here: {loaded.stderr[-200:]}")
        name = loaded.stdout.decode().split()[-1]
        run_podman("tag", name, "docker.io/library/pod:1", "docker.io/library/pod:2")
        run_podman("untag", name, name)
        for kind in ("docker-archive", "oci-archive"):
            run_podman("save", "--format", kind, "-o", f"{kind}.tar", "docker.io/library/pod:1")
            same(load(e, (run_podman.folder / f"{kind}.tar").read_bytes()), [{"stream": "Loaded image: pod:1\n"}])
            runs(e, "pod:1")
            e.delete("/images/pod:1").expect(200)
        run_podman("save", "-m", "-o", "both.tar", "pod:1", "pod:2")
        same({r["stream"] for r in load(e, (run_podman.folder / "both.tar").read_bytes())},
             {f"Loaded image: {name}\n" for name in ("pod:1", "pod:2")})
        for name in ("pod:1", "pod:2"):
            e.delete(f"/images/{name}").expect(200)


def runs(e, image):
    """The image's own shell runs in it."""
    made = e.post("/containers/create", {"Image": image, "Cmd": ["true"],
                                         "HostConfig": {"NetworkMode": "none"}}).expect(201).json["Id"]
    e.post(f"/containers/{made}/start").expect(204)
    same(e.wait(made), 0)
    e.delete(f"/containers/{made}").expect(204)


def zstd(data):
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blobs_of(*contents):
    return {f"blobs/sha256/{digest(data)[7:]}": data for data in contents}


def base_layer(e):
    """The plain tar of the engine's own image."""
    with tarfile.open(e.archive) as outer:
        return outer.extractfile(next(m for m in outer if m.name.endswith(".tar"))).read()


def config_of(*layers):
    return json.dumps({"architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"),
                       "os": "linux", "config": {"Cmd": ["true"]},
                       "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]}}).encode()


@case("docker save of old: a folder per layer with VERSION, json and layer.tar, some of them links")
def _(e):
    layers = [base_layer(e), tar_of({"one": b"1"})]
    config = config_of(*layers, layers[1])
    ids = ["a1" * 32, "b2" * 32, "c3" * 32]
    files = {f"{i}/VERSION": b"1.0" for i in ids} | {f"{i}/json": b'{"id":"%s"}' % i.encode() for i in ids}
    files |= {f"{i}/layer.tar": layer for i, layer in zip(ids, layers)}
    files |= {f"{digest(config)[7:]}.json": config,
              "repositories": json.dumps({"old": {"1": ids[2]}}).encode(),
              "manifest.json": json.dumps([{"Config": f"{digest(config)[7:]}.json", "RepoTags": ["old:1"],
                                            "Layers": [f"{i}/layer.tar" for i in ids]}]).encode()}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        link = tarfile.TarInfo(f"{ids[2]}/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"../{ids[1]}/layer.tar"
        tar.addfile(link)
        for name, data in files.items():
            make_image.add(tar, name, data)
    same(load(e, out.getvalue()), [{"stream": "Loaded image: old:1\n"}])
    same(e.get("/images/old:1/json").expect(200).json["Id"], digest(config))
    runs(e, "old:1")
    e.delete("/images/old:1").expect(200)


@case("docker save of today: an OCI layout with index.json and manifest.json, layers plain or compressed")
def _(e):
    for number, pack in enumerate((bytes, gzip.compress, zstd if shutil.which("zstd") else bytes)):
        name = f"today:{number}"
        plain = [base_layer(e), tar_of({"two": b"2"})]
        layers = [pack(layer) for layer in plain]
        config = config_of(*plain)
        manifest = json.dumps({"schemaVersion": 2, "config": {"digest": digest(config)},
                               "layers": [{"digest": digest(l)} for l in layers]}).encode()
        inner = json.dumps({"schemaVersion": 2, "manifests": [
            {"digest": "sha512:unused", "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": digest(manifest), "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "platform": {k: json.loads(config)[k] for k in ("os", "architecture")}}]}).encode()
        index = json.dumps({"schemaVersion": 2, "manifests": [
            {"digest": digest(inner), "mediaType": "application/vnd.oci.image.index.v1+json",
             "annotations": {"io.containerd.image.name": f"docker.io/library/{name}",
                             "org.opencontainers.image.ref.name": str(number)}}]}).encode()
        listed = json.dumps([{"Config": f"blobs/sha256/{digest(config)[7:]}", "RepoTags": [name],
                              "Layers": [f"blobs/sha256/{digest(l)[7:]}" for l in layers]}]).encode()
        oci = blobs_of(config, manifest, inner, *layers) | {"index.json": index, "oci-layout": b"{}"}
        for files in (oci, oci | {"manifest.json": listed}):
            same(load(e, tar_of(files)), [{"stream": f"Loaded image: {name}\n"}])
            same(e.get(f"/images/{name}/json").expect(200).json["Id"], digest(config))
            runs(e, name)
            e.delete(f"/images/{name}").expect(200)


@case("an archive with more than its share of layers, names or nested indexes is refused")
def _(e):
    def index_to(data):
        return json.dumps({"manifests": [{"digest": digest(data),
                                          "mediaType": "application/vnd.oci.image.index.v1+json"}]}).encode()
    nested = [b"{}"]
    for _ in range(8):
        nested.append(index_to(nested[-1]))
    bodies = {
        "more than 127 layers": {"manifest.json": json.dumps([{"Config": "c", "Layers": ["l"] * 128}]).encode()},
        "more than 2000 names": {"manifest.json": json.dumps([{"Config": "c", "RepoTags": ["n"] * 2001}]).encode()},
        "nested too deeply": blobs_of(*nested[:-1]) | {"index.json": nested[-1]},
        "larger than": {"manifest.json": b" " * (5 << 20)},
        "too many values": {"index.json": b"[" + b"{}," * 200000 + b"{}]"},
    }
    for part, files in bodies.items():
        has(load(e, tar_of(files))[-1]["error"], part)


@case("docker import makes an image with the changes asked for")
def _(e):
    root = tar_of({"keep": b"kept"})
    reply = e.post("/images/create?fromSrc=-&repo=imp&tag=1&message=hello&changes=CMD%20%5B%22cat%22%5D"
                   "&changes=ENV%20A%3Db", root, headers=TAR).expect(200)
    image = json.loads(reply.body)["status"]
    shown = e.get("/images/imp:1/json").expect(200).json
    same((shown["Id"], shown["Comment"], shown["Config"]["Cmd"], shown["Config"]["Env"]),
         (image, "hello", ["cat"], ["A=b"]))
    has(e.post("/images/create?fromSrc=-&changes=RUN%20x", root, headers=TAR).expect(400).message,
        "not a valid change command")
    e.post("/images/create?fromSrc=-&repo=UPPER", root, headers=TAR).expect(400)
    e.post("/images/create?fromSrc=-", b"junk", headers=TAR).expect(400)
    e.delete("/images/imp:1").expect(200)


@case("a load whose client goes away changes nothing")
def _(e):
    _, archive = archive_of(e, "gone:1", [big_layer(4, 5)])
    before = e.get("/images/json").expect(200).json
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(e.socket)
        s.sendall(b"POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(archive) + archive[:2000000])
    until(lambda: not leftovers(e))
    same(e.get("/images/json").expect(200).json, before)


@case("a layer that a power cut may have damaged is unpacked again before it is used")
def _(e):
    layer = store(e) / "layers" / e.get(f"/images/{IMAGE}/json").json["RootFS"]["Layers"][0][7:]
    (layer / "unsynced").write_text("11111111-2222-3333-4444-555555555555")
    damaged = layer / "diff/bin/busybox"
    damaged.write_bytes(b"")

    def runs():
        reply = e.post("/containers/create", {"Image": IMAGE, "Cmd": ["true"],
                                              "HostConfig": {"NetworkMode": "none"}})
        if reply.status != 201:
            return False
        container = reply.json["Id"]
        started = e.post(f"/containers/{container}/start").status == 204 and e.wait(container) == 0
        e.delete(f"/containers/{container}?force=1").expect(204)
        return started
    until(runs)
    if not damaged.stat().st_size:
        raise AssertionError("the damaged file was used")


@case("fsck removes what is half-made and leaves what is complete")
def _(e):
    before = complain_about_store(store(e)), e.get("/images/json").json
    root = store(e)
    (root / "layers/.tmp-0123456789abcdef/diff").mkdir(parents=True)
    (root / "containers" / ("ab" * 32)).mkdir()
    (root / "names/orphan").symlink_to("ab" * 32)
    (root / "oci/.tmp-0123456789abcdef").write_text("{")
    orphan = hashlib.sha256(b"orphan").hexdigest()
    (root / "oci/blobs/sha256" / orphan).write_bytes(b"orphan")
    done = worker(e, "fsck")
    same(done.returncode, 0)
    for path in ("layers/.tmp-0123456789abcdef", "containers/" + "ab" * 32, "oci/.tmp-0123456789abcdef",
                 "oci/blobs/sha256/" + orphan):
        if (root / path).exists():
            raise AssertionError(f"{path} is still there: {done.stdout}")
    if (root / "names/orphan").is_symlink():
        raise AssertionError("the orphan's name is still there")
    same((complain_about_store(store(e)), e.get("/images/json").json), before)


if __name__ == "__main__":
    suite.main()
