#!/usr/bin/python3
"""Files in and out of containers: GET, HEAD and PUT /containers/ID/archive, and `docker cp`.

usage: copies.py [REGEX]
"""
import base64
import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.parse

import suite
from cli_tools import docker, try_docker
from engine import IMAGE
from suite import Skip, case, has, same, until

# What Docker's own tests copy: folders, a file, links to both and to nothing.
TREE = {"foo": b"hello", "bar/quux/baz": b"world", "bar/filesymlink": "quux/baz", "bar/dirsymlink": "quux",
        "bar/notarget": "/holy/smokes", "bar/root": "/"}
SECRET = "what no container may see"
STATES = ("created", "running", "exited")


def member(name, content=b"", mode=None, uid=0, gid=0, mtime=1000000000):
    """(TarInfo, content): bytes are a file, a str the target of a link, None a folder."""
    info = tarfile.TarInfo(name)
    info.type = (tarfile.DIRTYPE if content is None else tarfile.SYMTYPE if isinstance(content, str)
                 else tarfile.REGTYPE)
    info.mode = mode if mode is not None else 0o755 if content is None else 0o644
    info.uid, info.gid, info.mtime = uid, gid, mtime
    if isinstance(content, str):
        info.linkname = content
    elif content:
        info.size = len(content)
    return info, content


def tar(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        for info, content in members:
            made.addfile(info, io.BytesIO(content) if info.isreg() and info.size else None)
    return out.getvalue()


def tar_of(files):
    return tar(*(member(name, content) for name, content in files.items()))


def where(container, path, **more):
    return f"/containers/{container}/archive?" + urllib.parse.urlencode({"path": path} | more)


def put(e, container, path, data, status=200, **more):
    return e.request("PUT", where(container, path, **more), body=data,
                     headers={"Content-Type": "application/x-tar"}).expect(status)


def get(e, container, path):
    """{name: content} of what lies there, as member() has it."""
    reply = e.get(where(container, path)).expect(200)
    same(reply.headers["Content-Type"], "application/x-tar")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as found:
        return {m.name + ("/" if m.isdir() else ""): None if m.isdir() else m.linkname if m.issym() else
                found.extractfile(m).read() if m.isreg() else m.type for m in found}


def infos(e, container, path):
    with tarfile.open(fileobj=io.BytesIO(e.get(where(container, path)).expect(200).body)) as found:
        return {m.name: m for m in found}


def facts(reply):
    return json.loads(base64.b64decode(reply.headers["X-Docker-Container-Path-Stat"], validate=True))


def look(e, container, path):
    reply = e.request("HEAD", where(container, path)).expect(200)
    same(reply.body, b"")
    told = facts(reply)
    # what is mounted is made anew for every look at a container that does not run
    same(facts(e.get(where(container, path)).expect(200)) | {"mtime": ""}, told | {"mtime": ""})
    return told


def in_state(e, state, *cmd, **config):
    made = e.create(*(cmd or ("sleep", "60")), **config)
    if state != "created":
        e.post(f"/containers/{made}/start").expect(204)
    if state == "exited":
        e.post(f"/containers/{made}/stop?t=0").expect(204)
    return made


def host(**config):
    return {"HostConfig": {"NetworkMode": "none"} | config}


# ---- out

@case("what is packed is called by the path's last name, whether the container runs or not")
def _(e):
    for state in ("exited", "running"):
        c = in_state(e, state)
        put(e, c, "/", tar_of(TREE))
        for path, want in (("/bar/quux", {"quux/": None, "quux/baz": b"world"}),
                           ("bar/quux/", {"quux/": None, "quux/baz": b"world"}),
                           ("/bar/quux/.", {"./": None, "./baz": b"world"}),
                           ("bar/quux/baz", {"baz": b"world"}),
                           ("/bar/filesymlink", {"filesymlink": "quux/baz"}),
                           ("/bar/dirsymlink", {"dirsymlink": "quux"}),
                           ("/bar/dirsymlink/", {"dirsymlink/": None, "dirsymlink/baz": b"world"}),
                           ("/bar/dirsymlink/.", {"./": None, "./baz": b"world"}),
                           ("/bar/dirsymlink/baz", {"baz": b"world"}),
                           ("/bar/root", {"root": "/"}),
                           ("/bar/notarget", {"notarget": "/holy/smokes"}),
                           ("/bar/../bar/./quux//baz", {"baz": b"world"}),
                           ("/bar/root/bar/root/bar/quux/baz", {"baz": b"world"})):
            same((path, get(e, c, path)), (path, want))
        for path, top in (("/", ""), (".", "."), ("/.", "."), ("./", "."), ("/./", "."), ("/bar/root/", "root"),
                          ("/bar/root/.", ".")):
            reply = e.get(where(c, path)).expect(200)
            names = tarfile.open(fileobj=io.BytesIO(reply.body)).getnames()
            # tarfile takes slashes off the ends
            same((path, f"{top}/bar/quux/baz" in names, top in names or top == "" and "/" in names or "" in names),
                 (path, True, True))
        same(get(e, c, "/bar/"), {"bar/": None, "bar/quux/": None} | {
            name: content for name, content in TREE.items() if name.startswith("bar/")})


@case("the header tells name, size, mode as Go counts, time and where a link leads in the end")
def _(e):
    c = in_state(e, "created")
    put(e, c, "/", tar(member("d", None, 0o1777), member("d/s", b"12345", 0o6755, mtime=1.5),
                       member("d/abs", "/d/rel"), member("d/rel", "../d/./s"), member("d/none", "no/../where"),
                       member("d/up", "../../../../d")))
    told = look(e, c, "/d/s")
    same({k: told[k] for k in ("name", "size", "mode", "linkTarget")},
         {"name": "s", "size": 5, "mode": 0o755 | 1 << 23 | 1 << 22, "linkTarget": ""})
    same(told["mtime"], "1970-01-01T00:00:01.5Z")
    put(e, c, "/", tar(member("d/old", b"", mtime=0)))
    same(look(e, c, "/d/old")["mtime"], "1970-01-01T00:00:00Z")
    for path, mode, target in (("/d", 1 << 31 | 1 << 20 | 0o777, ""), ("/d/abs", 1 << 27 | 0o777, "/d/s"),
                               ("/d/rel", 1 << 27 | 0o777, "/d/s"), ("/d/none", 1 << 27 | 0o777, "/d/where"),
                               ("/d/up", 1 << 27 | 0o777, "/d"), ("/", 1 << 31 | 0o755, "")):
        told = look(e, c, path)
        same((path, told["mode"], told["linkTarget"]), (path, mode, target))
    for path, name in (("/", "/"), ("/.", "."), ("/d/", "d"), ("/d/.", ".")):
        same(look(e, c, path)["name"], name)
    c = in_state(e, "running")
    same(look(e, c, "/dev/null")["mode"], 0o666 | 1 << 26 | 1 << 21)


@case("a folder comes with what is mounted in it, but not with the kernel's file systems")
def _(e):
    folder = e.root / "shared"
    folder.mkdir()
    (folder / "file").write_text("bound")
    for state in STATES:
        c = in_state(e, state, **host(Binds=[f"{folder}:/in/side"], Tmpfs={"/in/memory": ""}))
        if state == "running":
            e.exec(c, "sh", "-c", "echo mem >/in/memory/file; echo x >/dev/shm/file; mkdir /in/here; mkfifo /in/pipe")
            names = get(e, c, "/")
            same([n for n in names if n.startswith(("/proc/", "/sys/", "/dev/")) and n.strip("/").count("/")], [])
            same((names["/in/side/file"], names["/in/memory/file"], "/in/here/" in names), (b"bound", b"mem\n", True))
            same(get(e, c, "/dev/shm/file"), {"file": b"x\n"})
        same(get(e, c, "/in/side/file"), {"file": b"bound"})
        same(get(e, c, "/in")["in/side/file"], b"bound")
        same(look(e, c, "/etc/hosts")["name"], "hosts")


@case("owners, modes, hard links and empty files survive the way out and in again")
def _(e):
    c, other = in_state(e, "running"), in_state(e, "created")
    e.exec(c, "sh", "-c", "mkdir /d; echo a >/d/a; ln /d/a /d/b; : >/d/empty; chown 33:44 /d/a; chmod 4710 /d/a; "
                          "mkfifo -m 601 /d/pipe; ln -s a /d/l; chown -h 5:6 /d/l; touch -d @1000000001 /d")
    packed = e.get(where(c, "/d")).expect(200).body
    put(e, other, "/", packed)
    a, b = (tarfile.open(fileobj=io.BytesIO(data)) for data in (packed, e.get(where(other, "/d")).expect(200).body))

    def tell(found):
        return [(m.name, m.type, m.mode, m.uid, m.gid, m.size, m.mtime, m.linkname) for m in found]
    same(tell(a), tell(b))
    same(infos(e, other, "/d")["d/b"].islnk(), True)
    same((infos(e, other, "/d")["d/a"].uid, infos(e, other, "/d")["d/l"].gid), (33, 6))


@case("what is missing, and what is no folder, is told as Docker tells it")
def _(e):
    for state in ("created", "running"):
        c = in_state(e, state, name=f"c-{state}")
        put(e, c, "/", tar_of({"file": b"x", "loop": "loop"}))
        for path in ("/none", "/none/none", "/none/"):
            text = f"Could not find the file {path} in container c-{state}"
            same(e.get(where(f"c-{state}", path)).expect(404).message, text)
            same(put(e, f"c-{state}", path, tar_of(TREE), 404).message, text)
            same(e.request("HEAD", where(c, path)).expect(404).body, b"")
        for path in ("/file/", "/file/x", "/file/."):
            has(e.get(where(c, path)).expect(400).message.lower(), "not a directory")
            has(put(e, c, path, tar_of(TREE), 400).message.lower(), "not a directory")
        same(put(e, c, "/file", tar_of(TREE), 400).message, "extraction point is not a directory")
        has(e.get(where(c, "/loop/x")).expect(400).message, "symbolic links")
        has(e.get(where(c, "/" + "x" * 300)).expect(400).message, "too long")
    same(e.get(where("nosuch", "/")).expect(404).message, "No such container: nosuch")


@case("both ways are told as events")
def _(e):
    c, since = in_state(e, "created"), time.time()
    put(e, c, "/", tar_of(TREE))
    e.get(where(c, "/foo")).expect(200)
    e.request("HEAD", where(c, "/foo")).expect(200)
    same([x["Action"] for x in e.events(since, type="container")], ["extract-to-dir", "archive-path"])


# ---- in

@case("an archive may be plain, gzip, bzip2, xz or zstd, or empty; anything else is refused")
def _(e):
    c, data = in_state(e, "running"), tar_of({"f": b"content"})
    zstd = subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    for i, body in enumerate((data, gzip.compress(data), bz2.compress(data), lzma.compress(data), zstd)):
        e.exec(c, "mkdir", f"/{i}")
        put(e, c, f"/{i}", body)
        same(get(e, c, f"/{i}/f"), {"f": b"content"})
    put(e, c, "/", b"")
    put(e, c, "/", tar())
    for body in (b"this is no archive" * 100, data[:515], gzip.compress(data)[:60]):
        has(put(e, c, "/", body, 400).message, "invalid archive")


@case("owners are the archive's, or with copyUIDGID the container's user's")
def _(e):
    data = tar(member("dir", None, uid=7, gid=8), member("dir/file", b"x", 0o640, uid=11, gid=12))
    for state in ("created", "running"):
        for user, owner in (("", (11, 12)), ("1234", (1234, 0)), ("1234:5678", (1234, 5678)), ("me", (99, 98))):
            c = in_state(e, state, User=user) if user != "me" else e.create("sleep", "60", User=user)
            put(e, c, "/", tar_of({"etc/passwd": b"root:x:0:0::/:/bin/sh\nme:x:99:98::/:/bin/sh\n"}))
            put(e, c, "/", data)
            found = infos(e, c, "/dir")["dir/file"]
            same((found.uid, found.gid, found.mode), (11, 12, 0o640))
            put(e, c, "/", data, copyUIDGID="1")
            found = infos(e, c, "/dir")
            same((user, (found["dir/file"].uid, found["dir/file"].gid)), (user, owner))
            same(found["dir"].uid, owner[0] if user else 7)
    c = e.create("true", User="nobody-knows")
    has(put(e, c, "/", data, 400, copyUIDGID="true").message, "nobody-knows")


@case("an entry replaces what is there; with noOverwriteDirNonDir not a folder by a file or the reverse")
def _(e):
    for state in ("created", "running"):
        c = in_state(e, state)
        put(e, c, "/", tar_of({"d/inner": b"x", "f": b"file", "l": "d"}))
        text = put(e, c, "/", tar_of({"d": b"now a file"}), 400, noOverwriteDirNonDir="1").message
        same(text, 'cannot overwrite directory "/d" with non-directory "/"')
        text = put(e, c, "/", tar_of({"f": None}), 400, noOverwriteDirNonDir="1").message
        same(text, 'cannot overwrite non-directory "/f" with directory "/"')
        put(e, c, "/", tar_of({"l": None}), 400, noOverwriteDirNonDir="1")
        same(get(e, c, "/d/inner"), {"inner": b"x"})
        put(e, c, "/", tar(member("d", None, 0o700, uid=3), member("d/more", b"y")), noOverwriteDirNonDir="1")
        same((get(e, c, "/d"), infos(e, c, "/d")["d"].uid),
             ({"d/": None, "d/inner": b"x", "d/more": b"y"}, 3))
        put(e, c, "/", tar_of({"d": b"now a file", "f": None, "f/new": b"z", "l": b"no link"}))
        same((get(e, c, "/d"), get(e, c, "/f"), get(e, c, "/l")),
             ({"d": b"now a file"}, {"f/": None, "f/new": b"z"}, {"l": b"no link"}))


@case("links lead around in the container, those of a target and of a path in the archive, too")
def _(e):
    for state in ("created", "running"):
        c = in_state(e, state)
        put(e, c, "/", tar_of({"run/.keep": b"", "usr/lib/.keep": b"", "lib": "usr/lib", "var/run": "/run",
                               "var/far": "../../../../usr/lib"}))
        put(e, c, "/var/run", tar_of({"one": b"1"}))
        put(e, c, "/var", tar_of({"run/two": b"2", "far/three": b"3", "new/folder/four": b"4"}))
        put(e, c, "/", tar_of({"lib/five": b"5", "./six": b"6", "a/../seven": b"7", "/eight": b"8"}))
        same(sorted(get(e, c, "/run")), ["run/", "run/.keep", "run/one", "run/two"])
        same(sorted(get(e, c, "/usr/lib")), ["lib/", "lib/.keep", "lib/five", "lib/three"])
        same(get(e, c, "/var/new/folder/four"), {"four": b"4"})
        for n in ("six", "seven", "eight"):
            same(list(get(e, c, f"/{n}")), [n])
        link = member("hard")[0]
        link.type, link.linkname = tarfile.LNKTYPE, "run/one"
        put(e, c, "/", tar((link, b"")))
        same(get(e, c, "/hard"), {"hard": b"1"})
        for name in ("../x", "a/../../x", "/../x"):
            has(put(e, c, "/var", tar_of({name: b"x"}), 400).message, "leads out")
        link.linkname = "../../etc/passwd"
        has(put(e, c, "/", tar((link, b"")), 400).message, "leads out")


@case("the folder that is copied into keeps its own mode, owner and time")
def _(e):
    c = in_state(e, "created")
    put(e, c, "/", tar(member("d", None, 0o711, uid=5, mtime=1234567)))
    put(e, c, "/d", tar(member("./", None, 0o777, uid=9), member("./f", b"x")))
    found = infos(e, c, "/d")["d"]
    same((found.mode, found.uid), (0o711, 5))


@case("read-only roots and mounts are not written to, and say so")
def _(e):
    for folder in ("ro", "rw"):
        (e.root / folder).mkdir(exist_ok=True)
    for state in STATES:
        c = in_state(e, state, **host(ReadonlyRootfs=True, Binds=[f"{e.root}/ro:/ro:ro", f"{e.root}/rw:/rw"],
                                      Tmpfs={"/memory": ""}))
        same(put(e, c, "/", tar_of(TREE), 400).message, "container rootfs is marked read-only")
        same(put(e, c, "/ro", tar_of(TREE), 400).message, "mounted volume is marked read-only")
        put(e, c, "/rw", tar_of({"from": state.encode()}))
        same((e.root / "rw/from").read_text(), state)
        same(list((e.root / "ro").iterdir()), [])
        if state == "running":
            put(e, c, "/memory", tar_of({"m": b"m"}))
            same(e.exec(c, "cat", "/memory/m")[1][1], b"m")
    c = in_state(e, "running", **host(Binds=[f"{e.root}/ro:/ro:ro"]))
    has(put(e, c, "/", tar_of({"ro/x": b"x"}), 400).message, "ead-only file system")


@case("a file that is mounted is written to, not replaced")
def _(e):
    path = e.root / "config"
    path.write_text("much longer than what comes")
    for state in ("created", "running"):
        c = in_state(e, state, **host(Binds=[f"{path}:/config"]))
        put(e, c, "/", tar_of({"config": state.encode()}))
        same((path.read_text(), get(e, c, "/config")), (state, {"config": state.encode()}))
    (e.root / "kept").mkdir()
    c = in_state(e, "running", **host(Binds=[f"{e.root}/kept:/a/kept"]))
    for files in ({"a/kept": b"x"}, {"a": b"x"}):
        has(put(e, c, "/", tar_of(files), 400).message, "busy")
    e.exec(c, "touch", "/a/kept/still")
    same((e.root / "kept/still").exists(), True)
    put(e, c, "/etc", tar_of({"hosts": b"1.2.3.4 there\n"}))
    has(e.exec(c, "cat", "/etc/hosts")[1][1].decode(), "1.2.3.4")


@case("what is put into a container before its start is there, with its folders, as builders want it")
def _(e):
    c = e.create("sh", "-c", "cat /etc/builder/config.toml /opt/x/y/z; ls -ld /etc/builder | cut -c1-10")
    put(e, c, "/", tar(member("etc", None), member("etc/builder", None, 0o700),
                       member("etc/builder/config.toml", b"debug = true\n"), member("opt/x/y/z", b"deep\n")))
    e.post(f"/containers/{c}/start").expect(204)
    same(e.wait(c), 0)
    same(e.logs(c)[1], b"debug = true\ndeep\ndrwx------\n")
    same(get(e, c, "/opt/x/y/z"), {"z": b"deep\n"})


# ---- with others at work

@case("a program that swaps folders for links into the host's files never makes us follow one", seconds=120)
def _(e):
    victim = e.root / "victim"
    victim.mkdir()
    (victim / "f").write_text(SECRET)
    (victim / "sub").mkdir()
    before = sorted((p.name, p.stat().st_mode, p.stat().st_mtime_ns) for p in victim.iterdir())
    swap = f"""mkdir /a /a/sub; echo own >/a/f
        while :; do mv /a /b; ln -s {victim} /a; rm /a; mv /b /a;
                    rm -f /p; ln -s {victim}/f /p; rm -rf /a/sub; ln -s {victim}/sub /a/sub; done"""
    c = in_state(e, "running", "sh", "-c", swap)
    pipe = member("p")[0]
    pipe.type, pipe.mode = tarfile.FIFOTYPE, 0o777
    data = tar(*[m for i in range(40) for m in (member("a", None, 0o777), member("a/f", b"put"), (pipe, b""),
                                                member(f"a/sub/{i}", b"x"), member("a/sub", None, 0o777))])
    end = time.monotonic() + 2
    while time.monotonic() < end:
        reply = e.request("PUT", where(c, "/"), body=data)
        same(reply.status in (200, 400), True)
        for path in ("/a", "/a/", "/a/f", "/"):
            reply = e.get(where(c, path))
            same((reply.status in (200, 400, 404), SECRET.encode() in reply.body), (True, False))
    same(sorted((p.name, p.stat().st_mode, p.stat().st_mtime_ns) for p in victim.iterdir()), before)
    same((victim / "f").read_text(), SECRET)


class Slow:
    """A PUT whose body comes in pieces."""

    def __init__(self, e, container, path, data):
        self.data, self.sock = data, socket.socket(socket.AF_UNIX)
        self.sock.connect(e.socket)
        self.sock.settimeout(30)
        self.sock.sendall(f"PUT {where(container, path)} HTTP/1.1\r\nHost: x\r\n"
                          f"Content-Length: {len(data)}\r\n\r\n".encode())
        self.send(len(data) // 2)

    def send(self, size):
        self.sock.sendall(self.data[:size])
        self.data = self.data[size:]

    def finish(self):
        self.send(len(self.data))
        reply = self.sock.recv(65536)
        self.sock.close()
        return reply.split(b"\r\n")[0]


def workers(e):
    return [pid for pid, name in e.processes().items() if name == "dayfly-worker"]


@case("a start waits for what is being copied into the container, and finds it complete")
def _(e):
    c = e.create("sh", "-c", "ls -s /big; cat /last", **host())
    slow = Slow(e, c, "/", tar(member("big", b"x" * 3000000), member("last", b"last")))
    until(lambda: workers(e))
    time.sleep(0.2)
    with socket.socket(socket.AF_UNIX) as start:
        start.connect(e.socket)
        start.settimeout(20)
        start.sendall(f"POST /containers/{c}/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        time.sleep(0.2)
        same(slow.finish(), b"HTTP/1.1 200 OK")
        same(start.recv(4096).split(b"\r\n")[0], b"HTTP/1.1 204 No Content")
    same(e.wait(c), 0)
    has(e.logs(c)[1].decode(), "last")


@case("a container that ends does not end a copy; what was mounted in it stays for that long")
def _(e):
    (e.root / "stays").mkdir()
    c = in_state(e, "running", **host(Binds=[f"{e.root}/stays:/stays"]))
    slow = Slow(e, c, "/", tar(member("big", b"x" * 3000000), member("stays/last", b"last")))
    until(lambda: workers(e))
    time.sleep(0.2)
    e.post(f"/containers/{c}/stop?t=0").expect(204)
    same(slow.finish(), b"HTTP/1.1 200 OK")
    same((e.root / "stays/last").read_text(), "last")
    same(look(e, c, "/big")["size"], 3000000)


@case("clients that leave in the middle of a copy leave nothing behind")
def _(e):
    for state in ("created", "running"):
        c = in_state(e, state)
        slow = Slow(e, c, "/", tar(member("big", b"x" * 8000000)))
        slow.sock.close()
        put(e, c, "/", tar(member("big", b"x" * 8000000)))
        stream = e.open("GET", where(c, "/big"))
        stream.read(1000)
        stream.close()
    until(lambda: not workers(e))


# ---- as people type it

def want_docker():
    if not shutil.which("docker"):
        raise Skip("no docker CLI")


@case("docker cp copies files and folders both ways, as cp does")
def _(e):
    want_docker()
    local = e.root / "local"
    (local / "e").mkdir(parents=True)
    (local / "e/f").write_text("x")
    (local / "l").symlink_to("e/f")
    (e.root / "f").write_text("data\n")
    for state in ("created", "running"):
        c = in_state(e, state, name=f"cp-{state}")
        docker(e, "cp", str(e.root / "f"), f"{c}:/tmp/g")
        docker(e, "cp", f"{c}:/tmp/g", str(e.root / "out"))
        same((e.root / "out").read_text(), "data\n")
        docker(e, "cp", str(local), f"{c}:/new")
        docker(e, "cp", f"{c}:/new", str(e.root / f"out-{state}"))
        same((e.root / f"out-{state}/e/f").read_text(), "x")
        same(os.readlink(e.root / f"out-{state}/l"), "e/f")
        docker(e, "cp", f"{local}/.", f"{c}:/tmp")
        docker(e, "cp", f"{c}:/tmp/e/f", str(e.root / "f2"))
        same((e.root / "f2").read_text(), "x")
        docker(e, "cp", str(local), f"{c}:/tmp")
        same(get(e, c, "/tmp/local/e/f"), {"f": b"x"})
        docker(e, "cp", "-L", f"{c}:/new/l", str(e.root / f"followed-{state}"))
        same((e.root / f"followed-{state}").read_text(), "x")
        docker(e, "cp", f"{c}:/new/l", str(e.root / f"link-{state}"))
        same(os.readlink(e.root / f"link-{state}"), "e/f")
        same(try_docker(e, "cp", str(local), f"{c}:/no/such/parent/x").code != 0, True)
        same(try_docker(e, "cp", str(local), f"{c}:/tmp/g").code != 0, True)
        failed = try_docker(e, "cp", f"{c}:/absent", ".")
        same(failed.code, 1)
        has(failed.err.decode(), f"Could not find the file /absent in container {c}")
    same(try_docker(e, "cp", "absent:/x", ".").code, 1)


@case("docker cp - reads and writes archives, and -a keeps owners")
def _(e):
    want_docker()
    c = in_state(e, "running")
    data = tar(member("d", None), member("d/f", b"text", 0o640, uid=11, gid=12))
    docker(e, "cp", "-", f"{c}:/tmp", stdin=data)
    with tarfile.open(fileobj=io.BytesIO(try_docker(e, "cp", f"{c}:/tmp/d", "-").out)) as found:
        same([(m.name, m.mode, m.uid, m.gid) for m in found], [("d", 0o755, 0, 0), ("d/f", 0o640, 11, 12)])
    docker(e, "cp", "-a", str(e.archive), f"{c}:/tmp/archive")
    same(look(e, c, "/tmp/archive")["size"], e.archive.stat().st_size)


suite.main()
