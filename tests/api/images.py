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
import time

import suite
from engine import IMAGE, PROGRAMS, make_image
from suite import Skip, case, has, same, until

TAR = {"Content-Type": "application/x-tar"}


def store(e):
    return e.data / "dayfly"


def load(e, body):
    """The records of the answer."""
    reply = e.post("/images/load", body, headers=TAR).expect(200)
    return [json.loads(line) for line in reply.body.splitlines()]


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            make_image.add(tar, name, data)
    return out.getvalue()


def archive_of(e, name, layers, file="made.tar"):
    path = e.root / file
    image = make_image.make_archive(path, name, layers)
    return image, path.read_bytes()


def big_layer(megabytes, seed):
    rng = random.Random(seed)
    return tar_of({f"big/{n}": rng.randbytes(1 << 20) for n in range(megabytes)} |
                  {f"small/{n}": b"x" * n for n in range(400)})


def worker(e, *words):
    return subprocess.run([PROGRAMS / "dayfly-worker", *words], env=e.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def complain_about_store(e):
    """What is wrong in the image store: every blob is what its name says, every entry complete."""
    root, wrong = store(e), []
    for blob in (root / "oci/blobs/sha256").iterdir():
        if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.name:
            wrong.append(f"blob {blob.name} has other contents")
    for entry in json.loads((root / "oci/index.json").read_text())["manifests"]:
        manifest = json.loads((root / "oci/blobs/sha256" / entry["digest"][7:]).read_text())
        config = json.loads((root / "oci/blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        for layer in manifest["layers"]:
            if not (root / "oci/blobs/sha256" / layer["digest"][7:]).exists():
                wrong.append(f"{layer['digest']} is missing")
        for diff_id in config["rootfs"]["diff_ids"]:
            if not (root / "layers" / diff_id[7:] / "diff").exists():
                wrong.append(f"layer {diff_id} is missing")
    return wrong


def leftovers(e):
    return [p.name for p in (store(e) / "layers").iterdir() if p.name.startswith(".tmp-")]


def start_worker(e):
    """A load as the switchboard starts it: (process, control socket)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def give_control():
        os.dup2(theirs.fileno(), 3, inheritable=True)
    process = subprocess.Popen([PROGRAMS / "dayfly-worker", "load", "quiet=1"], env=e.environment(),
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=False,
                               preexec_fn=give_control)
    theirs.close()
    return process, ours


@case("plain and compressed archives give the same image")
def _(e):
    image, archive = archive_of(e, "packed:1", [tar_of({"a/file": b"text"})])
    bodies = [archive, gzip.compress(archive)]
    if shutil.which("zstd"):
        bodies.append(subprocess.run(["zstd", "-c"], input=archive, capture_output=True, check=True).stdout)
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


@case("kill -9 of the worker at any moment leaves a complete image or none", seconds=300)
def _(e):
    image, archive = archive_of(e, "crash:1", [big_layer(8, 2), big_layer(4, 3)])
    rng = random.Random(4)
    for attempt in range(12):
        process, control = start_worker(e)
        client, theirs = socket.socketpair()
        cut = rng.choice([rng.randrange(len(archive)), len(archive)])
        process.stdin.write(archive[:cut])
        process.stdin.flush()
        if cut == len(archive):
            process.stdin.close()
            socket.send_fds(control, [b"client"], [theirs.fileno()])
            time.sleep(rng.random() * 0.15)
        process.kill()
        process.wait()
        for s in (client, theirs, control):
            s.close()
        same(complain_about_store(e), [])
        # a helper the worker had just forked may hold its lock for a moment longer
        until(lambda: worker(e, "fsck").returncode == 0 and not leftovers(e))
        if any(i["Id"] == image for i in e.get("/images/json").expect(200).json):
            e.delete("/images/crash:1").expect(200)
    same(load(e, archive), [{"stream": "Loaded image: crash:1\n"}])
    e.delete("/images/crash:1").expect(200)


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
    before = complain_about_store(e), e.get("/images/json").json
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
    same((complain_about_store(e), e.get("/images/json").json), before)


if __name__ == "__main__":
    suite.main()
