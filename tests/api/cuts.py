#!/usr/bin/python3
"""Processes are killed before any of their changes to the image store, and the machine's power is cut after
any of them: what is there is whole, what was acknowledged is there, and fsck has nothing to say.

Where to cut is counted by tests/lib/cut.c, which is preloaded; a few of all the changes are tried, the same
ones each time (all of them with DAYFLY_FULL; others with DAYFLY_SEED=N).

usage: cuts.py [REGEX]
"""
import filecmp
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile

import suite
from disk import Disk, inodes, read_log
from engine import IMAGE, PROGRAMS, make_image
from fake_registry import FakeRegistry
from imagestore import (complain_about_store, leftovers, start_worker, store, tar_of, unreferenced,
                        worker)
from suite import case, has, same, until

SEED = int(os.environ.get("DAYFLY_SEED", "3"))
SHIM = PROGRAMS / "dayfly-cut"
NAME, OLD = "cut:1", "old:1"  # made and cut off; there before


def full(name):
    return "docker.io/library/" + name


def layer(number):
    return tar_of({f"d{number}/f{n}": b"%d" % number * n for n in range(1, 6)})


def load_old(e):
    """A small image that must never be hurt: tests/api/engine.py's own has hundreds of files."""
    path = e.root / "old.tar"
    make_image.make_archive(path, OLD, [layer(0)])
    e.load(path)


class Job:
    """What one job of the worker is given, and where its image is found."""

    def __init__(self, *words, stdin=b"", told=""):
        self.words, self.stdin, self.told = words, stdin, told

    def run(self, e, root=None, **environment):
        """Until it ends; whether by itself. root: another store."""
        root = root or store(e)
        with tempfile.TemporaryFile(dir=e.root) as body:
            body.write(self.stdin)
            body.seek(0)
            process, control = start_worker(e, *self.words, stdin=body, LD_PRELOAD=str(SHIM),
                                            XDG_DATA_HOME=str(root.parent), DAYFLY_CUT_BELOW=str(root),
                                            **environment)
        client, theirs = socket.socketpair()
        try:
            socket.send_fds(control, [b"client"], [theirs.fileno()])
        except OSError:
            pass  # it is dead by now
        _, errors = process.communicate(timeout=60)
        for s in (client, theirs, control):
            s.close()
        if process.returncode not in (0, -9):
            raise AssertionError(f"{self.words[0]} ended with {process.returncode}: {errors}")
        return process.returncode == 0

    def watch(self, e, root=None):
        """The log of a run, and the folder with the contents that were synced."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=e.root))
        same(self.run(e, root, DAYFLY_CUT_LOG=str(folder / "log"), DAYFLY_CUT_SAVE=str(folder)), True)
        return (*read_log(folder / "log"), folder)


def load(e):
    image, layers = e.root / "cut.tar", [layer(1), layer(2)]
    make_image.make_archive(image, NAME, layers)
    return Job("load", "quiet=1", stdin=image.read_bytes(), told="Loaded image: cut:1")


def pull(registry):
    registry.add_image("cut", "1", [layer(3), layer(4)])
    return Job("pull", f"from={registry.host}/cut", "tag=1", stdin=b"\n", told="Status: Downloaded newer image")


def commit(e):
    made = e.create("true", Image=OLD)
    own = store(e) / "containers" / made / "upper/d"
    own.mkdir(0o755)
    for n in range(6):
        (own / f"f{n}").write_text("x" * n)
    return Job("commit", f"id={made}", "repo=cut", "tag=1", told='"Id"')


def imported():
    return Job("import", "repo=cut", "tag=1", stdin=layer(6), told="sha256:")


def build():
    files = {"Dockerfile": f"FROM {IMAGE}\nCOPY f /f\nRUN cat /f /f >/g\nCMD [\"cat\", \"/g\"]\n".encode(), "f": b"x\n"}
    return Job("build", "t=" + NAME, "rm=1", "nocache=1", stdin=b"\n\n" + tar_of(files), told="Successfully tagged")


# ---- kill -9

def images(e):
    return [i for i in e.get("/images/json").expect(200).json if OLD not in i["RepoTags"]]


def look_at(e):
    """After a sweep nothing is left to do, and what is there is whole."""
    def swept():
        # what a killed one had started may hold its lock for a moment longer
        same(worker(e, "sweep", LD_PRELOAD=str(SHIM)).returncode, 0)
        return not leftovers(e) and not list(store(e).glob("build/.tmp-*"))
    until(swept)
    done = worker(e, "fsck", LD_PRELOAD=str(SHIM))
    same((done.returncode, done.stdout, done.stderr), (0, "", ""))
    same(complain_about_store(store(e)), [])
    kept = {p.name for p in (store(e) / "leases").glob("*")} | {
        json.loads(p.read_text()).get("layer", "")[7:] for p in (store(e) / "build/cache").glob("*")}
    same(set(unreferenced(store(e))) - kept, set())


def forget(e):
    for image in images(e):
        e.delete(f"/images/{image['Id']}?force=1").expect(200)
    e.post("/images/prune").expect(200)


def chosen(changes, count):
    if os.environ.get("DAYFLY_FULL"):
        return range(1, changes + 1)
    return sorted(random.Random(SEED).sample(range(1, changes + 1), min(count, changes)))


def kill_at_points(e, job, count):
    """Kills the job before some of its changes; then it is run once to its end."""
    lines, changes, _ = job.watch(e)
    has(str([w for o, _, w in lines if o == "answer"]), job.told)
    look_at(e)
    forget(e)
    for point in chosen(changes, count):
        job.run(e, DAYFLY_CUT_AT=str(point))
        try:
            look_at(e)
            forget(e)
        except AssertionError as error:
            raise AssertionError(f"killed before change {point} of {changes}: {error}") from error
    same(job.run(e), True)
    same(len(images(e)), 1)
    look_at(e)
    forget(e)
    print(f"# {job.words[0]}: {min(count, changes)} of {changes} changes")


@case("a load killed before any change leaves a whole image or none", seconds=600)
def _(e):
    load_old(e)
    kill_at_points(e, load(e), 14)


@case("a pull killed before any change leaves a whole image or none, and what came in whole for the next",
      seconds=600)
def _(e):
    load_old(e)
    with FakeRegistry() as registry:
        job = pull(registry)
        kill_at_points(e, job, 14)
        # when all layers have come and nothing is named yet
        lines, _, _ = job.watch(e)
        forget(e)
        registry.requests.clear()
        for point in (min(int(w[0]) for o, _, w in lines if o == "fsyncdir"), 0):
            job.run(e, DAYFLY_CUT_AT=str(point))
        asked = [p.rpartition("/")[2] for _, p, _ in registry.requests]
        same([asked.count(d) for d in registry.layers], [1] * len(registry.layers))
        forget(e)


@case("a commit killed before any change leaves a whole image or none", seconds=600)
def _(e):
    load_old(e)
    kill_at_points(e, commit(e), 8)


@case("an import killed before any change leaves a whole image or none", seconds=600)
def _(e):
    load_old(e)
    kill_at_points(e, imported(), 6)


@case("a build killed before any change leaves a whole image or none, and no container", seconds=600)
def _(e):
    e.load(e.archive)
    e.post(f"/images/{IMAGE}/tag?repo=old&tag=1").expect(201)
    kill_at_points(e, build(), 8)
    until(lambda: e.get("/containers/json?all=1").expect(200).json == [])
    load_old(e)
    e.delete(f"/images/{IMAGE}").expect(200)
    e.post("/build/prune").expect(200)
    look_at(e)


@case("tagging, removing and pruning killed before any change are done or not done", seconds=600)
def _(e):
    load_old(e)
    job, dangling = load(e), e.root / "dangling.tar"
    make_image.make_archive(dangling, None, [layer(7)])
    preload = {"LD_PRELOAD": SHIM, "DAYFLY_CUT_BELOW": store(e)}
    steps = {"tag": lambda: e.post(f"/images/{NAME}/tag?repo=cut&tag=2"),
             "remove": lambda: e.delete(f"/images/{NAME}?force=1"),
             "prune": lambda: e.post("/images/prune")}
    for number, (what, step) in enumerate(steps.items()):
        killed = 0
        for point in chosen(11, 5):
            job.run(e)
            e.load(dangling)
            e.set_environment(DAYFLY_CUT_AT=point, **preload)
            try:
                step()
            except OSError:
                killed += 1
            e.set_environment()
            look_at(e)
            found = {t for i in images(e) for t in i["RepoTags"] or ["dangling"]}
            for name, there in {NAME: what != "remove", "dangling": what != "prune"}.items():
                if there and name not in found:
                    raise AssertionError(f"{what} killed before change {point}: {name} is lost")
            forget(e)
        same((what, killed > 1), (what, True))
    print(f"# seed {SEED}, {number + 1} requests")


# ---- the power is cut

BY_DESIGN = re.compile(r"layer sha256:\w+ is unpacked again"
                       # made, but neither acknowledged nor referred to
                       r"|\d+ blobs and layers that nothing refers to are removed"
                       r"|\d+ half-made containers, names and records are removed")


def differing(a, b):
    """Files that are not the same in both folders."""
    found = filecmp.dircmp(a, b)
    _, *wrong = filecmp.cmpfiles(a, b, found.common_files, shallow=False)
    wrong = sum(wrong, []) + found.left_only + found.right_only
    for name in found.common_dirs:
        wrong += differing(f"{a}/{name}", f"{b}/{name}")
    return wrong


def check_found(e, found, names, root):
    """What was found of the store root after a power cut: fsck mends it, images are whole, these are there."""
    done = worker(e, "fsck", LD_PRELOAD=str(SHIM), XDG_DATA_HOME=str(found), XDG_RUNTIME_DIR=str(found))
    lines = [line for line in done.stdout.splitlines() if not BY_DESIGN.fullmatch(line)]
    same((done.returncode, lines, done.stderr), (0, [], ""))
    found = found / "dayfly"
    if names or (found / "oci/index.json").exists():
        same(complain_about_store(found), [])
        there = {entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
                 for entry in json.loads((found / "oci/index.json").read_text())["manifests"]}
        same(names - there, set())
        json.loads((found / "oci/oci-layout").read_text())
    for unpacked in (found / "layers").iterdir():
        same(differing(unpacked / "diff", root / "layers" / unpacked.name / "diff"), [])


# A name without contents does no harm before index.json has it, so cuts in between would show nothing more.
CUTS = ("fsyncdir", "syncfs", "rename", "unlink", "answer")


def cut_power(e, job, name, root=None):
    """After each of these, in both ways that a disk may be behind."""
    if not root:
        load_old(e)
    root, before = root or store(e), set() if root else {full(OLD)}
    same(worker(e, "sweep").returncode, 0)  # so that nobody else does it meanwhile
    copy = pathlib.Path(tempfile.mkdtemp(dir=e.root)) / "copy"
    subprocess.run(["cp", "-a", root, copy], check=True)
    disk = Disk(root, copy)
    lines, _, saved = job.watch(e, root)
    final, seen, acknowledged, cuts = inodes(root / "layers"), set(), False, 0
    for number, (operation, inode, words) in enumerate(lines):
        disk.apply(operation, inode, words, saved, final)
        acknowledged = acknowledged or (operation == "answer" and job.told in words[0])
        if operation not in CUTS:
            continue
        for ahead in (False, True):
            state = json.dumps([acknowledged, ahead, disk.signature(disk.root, ahead)])
            if state in seen:
                continue
            seen.add(state)
            cuts += 1
            with tempfile.TemporaryDirectory(dir=e.root) as folder:
                disk.leave(ahead, f"{folder}/dayfly")
                try:
                    check_found(e, pathlib.Path(folder), before | ({name} if acknowledged else set()), root)
                except (AssertionError, OSError, ValueError) as error:
                    raise AssertionError(f"power cut after line {number} of {job.words[0]} ({operation} {words}; "
                                         f"names {'ahead' if ahead else 'as synced'}): {error}") from error
    same(acknowledged, True)
    print(f"# {job.words[0]}: {cuts} states of the disk")
    shutil.rmtree(copy.parent)


@case("a power cut at any moment of a load loses nothing that was acknowledged", seconds=600)
def _(e):
    cut_power(e, load(e), full(NAME))
    forget(e)


@case("a power cut at any moment of the first load of all loses nothing that was acknowledged", seconds=600)
def _(e):
    root = e.root / "first/dayfly"
    subprocess.run([PROGRAMS / "dayfly-worker", "sweep"], check=True,
                   env=e.environment() | {"XDG_DATA_HOME": str(root.parent)})
    cut_power(e, load(e), full(NAME), root)


@case("a power cut at any moment of a pull loses nothing that was acknowledged", seconds=600)
def _(e):
    with FakeRegistry() as registry:
        cut_power(e, pull(registry), f"{registry.host}/{NAME}")
    forget(e)


@case("a power cut at any moment of a commit loses nothing that was acknowledged", seconds=600)
def _(e):
    load_old(e)
    cut_power(e, commit(e), full(NAME))
    forget(e)


if __name__ == "__main__":
    suite.main(changing_environment=True, load_image=False)
