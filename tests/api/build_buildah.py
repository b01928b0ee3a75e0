#!/usr/bin/python3
"""The cases of build_table.py once more, with `buildah bud` as the second opinion: the same Dockerfile and
context must give the same configuration and the same files, or fail in both.

usage: build_buildah.py [REGEX]      only cases ("file: sentence") that match

A case that says "~~ REASON" is left out: buildah is known to differ there, or too old.
"""
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile

import suite
from build_table import Image, forget, read_cases, send
from engine import IMAGE
from suite import case, same

CONFIG = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal", "User",
          "Volumes", "WorkingDir")
# what a runtime leaves behind where it mounts something
RUNTIME = {"/dev", "/proc", "/sys", "/run", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv"}


class Buildah:
    """Its own store below the engine's folder, and a base image that is the engine's."""

    def __init__(self, e):
        self.home = e.root / "buildah"
        if not self.home.exists():
            self.home.mkdir()
            self.call("pull", f"docker-archive:{e.archive}").check_returncode()

    def call(self, *words, data=None):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home),
               "TMPDIR": str(self.home), "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
        return subprocess.run(["buildah", *words], env=env, input=data, capture_output=True, timeout=120)

    def build(self, c):
        """A folder with the image in the layout of `docker save`, or None if the build fails."""
        context, out = self.home / "context", self.home / "out.tar"
        shutil.rmtree(context, ignore_errors=True)
        out.unlink(missing_ok=True)
        with tarfile.open(fileobj=io.BytesIO(c.context())) as tar:
            tar.extractall(context, numeric_owner=True)
        words = ["bud", "--format=docker", "--pull=never", "--network=host", "--no-cache", "--tag=made"]
        words += [f"--build-arg={k}={v}" for k, v in c.maps["buildargs"].items()]
        words += [f"--label={k}={v}" for k, v in c.maps["labels"].items()]
        words += [f"--target={c.query['target']}"] if "target" in c.query else []
        self.told = self.call(*words, str(context))
        if self.told.returncode:
            return None
        self.call("push", "--quiet", "made", f"docker-archive:{out}").check_returncode()
        self.call("rmi", "--force", "made")
        return read_archive(out)


def read_archive(path):
    """Config and files of a docker-archive: path -> (TarInfo, bytes)."""
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))["config"]
        files = {}
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer)) as tar:
                apply_layer(files, tar)
        return config, files


def apply_layer(files, tar):
    for m in tar:
        path = "/" + m.name.removeprefix("./").strip("/")
        folder, _, name = path.rpartition("/")
        if name.startswith(".wh."):
            gone = folder if name == ".wh..wh..opq" else f"{folder}/{name[4:]}"
            for old in [p for p in files if p.startswith(gone + "/") or p == gone != folder]:
                del files[old]
        else:
            data = files["/" + m.linkname.lstrip("./")][1] if m.islnk() else tar.extractfile(m).read() if m.isreg() else None
            files[path] = (m, data)


def summary(files):
    """What is compared of every file. A folder's mode counts, its times do not."""
    told = {}
    for path, (m, data) in files.items():
        if path in ("/", "/.") or any(path == r or path.startswith(r + "/") for r in RUNTIME):
            continue
        kind = "dir" if m.isdir() else "link" if m.issym() else "file"
        told[path] = (kind, None if m.issym() else f"{stat.S_IMODE(m.mode):o}", f"{m.uid}:{m.gid}",
                      m.linkname if m.issym() else data)
    return told


def normal(config):
    config = {k: config.get(k) or None for k in CONFIG}
    labels = {k: v for k, v in (config["Labels"] or {}).items() if not k.startswith("io.buildah.")}
    return dict(config, Labels=labels or None, Env=sorted(config["Env"] or []), WorkingDir=config["WorkingDir"] or "/")


def compare(e, c):
    theirs = (b := Buildah(e)).build(c)
    records, problem = send(e, c)
    if (theirs is None) != bool(problem):
        raise AssertionError(f"ours: {problem}\n  buildah: {b.told.stderr.decode()[-600:]}")
    if problem:
        return
    image = Image(e, records)
    same(normal(image.inspected["Config"]), normal(theirs[0]))
    ours, other = summary(image.files()), summary(theirs[1])
    same({p: ours.get(p) for p in ours | other if ours.get(p) != other.get(p)},
         {p: other.get(p) for p in ours | other if ours.get(p) != other.get(p)})


def register(c):
    @case(c.sentence)
    def _(e):
        if c.differs:
            raise suite.Skip(c.differs)
        try:
            compare(e, c)
        finally:
            forget(e)


if __name__ == "__main__":
    if not shutil.which("buildah"):
        print("buildah is not installed")
        sys.exit(77)
    for file in sorted(pathlib.Path(__file__).with_name("build_cases").glob("*.cases")):
        for one in read_cases(file):
            register(one)
    suite.main()
