#!/usr/bin/python3
"""python3-docker, as Debian ships it, against a private engine. usage: sdk.py [REGEX]"""
import io
import os
import socket
import sys
import tarfile
import threading
import time

import suite
from engine import IMAGE
from suite import case, has, same, until

try:
    import docker
except ImportError:
    print("python3-docker is not installed")
    sys.exit(77)


def client(e):
    return docker.DockerClient(base_url=e.url, version="auto", timeout=60)


@case("ping, version and info")
def _(e):
    c = client(e)
    same(c.ping(), True)
    same(c.version()["ApiVersion"], "1.47")
    same(c.info()["OSType"], "linux")


@case("run returns the output of a container")
def _(e):
    same(client(e).containers.run(IMAGE, "echo hello"), b"hello\n")
    same(client(e).containers.run(IMAGE, ["sh", "-c", "echo err >&2; echo out"], stderr=True, remove=True)
         in (b"err\nout\n", b"out\nerr\n"), True)


@case("a failing run raises with its exit status and stderr")
def _(e):
    try:
        client(e).containers.run(IMAGE, ["sh", "-c", "echo sorry >&2; exit 3"])
    except docker.errors.ContainerError as error:
        same((error.exit_status, error.stderr), (3, b"sorry\n"))
    else:
        raise AssertionError("no ContainerError")


@case("a missing image raises ImageNotFound, a missing container NotFound")
def _(e):
    c = client(e)
    for call, kind in ((lambda: c.images.get("nosuch"), docker.errors.ImageNotFound),
                       (lambda: c.containers.get("nosuch"), docker.errors.NotFound)):
        try:
            call()
        except kind:
            continue
        raise AssertionError(f"no {kind}")


@case("a container's life: create, start, reload, stop, logs, remove")
def _(e):
    c = client(e).containers.create(IMAGE, ["sh", "-c", "echo up; exec sleep 60"], name="life",
                                    labels={"k": "v"}, environment={"A": "b"}, init=True)
    same((c.status, c.name, c.labels), ("created", "life", {"k": "v"}))
    c.start()
    c.reload()
    same(c.status, "running")
    until(lambda: c.logs() == b"up\n")
    c.stop(timeout=5)
    c.reload()
    same(c.status, "exited")
    c.remove()


@case("500 times exec_run is never empty", seconds=240)
def _(e):
    c = client(e).containers.run(IMAGE, "sleep 600", detach=True)
    times = 500 if suite.slow_factor() == 1 else 120
    for i in range(times):
        code, out = c.exec_run(["echo", str(i)])
        same((code, out), (0, b"%d\n" % i))


@case("exec_run: exit status, streams apart, environment, user, working folder")
def _(e):
    c = client(e).containers.run(IMAGE, "sleep 600", detach=True)
    same(c.exec_run(["sh", "-c", "echo o; echo e >&2; exit 4"], demux=True), (4, (b"o\n", b"e\n")))
    same(c.exec_run(["sh", "-c", "echo $X $(id -u) $(pwd)"], environment={"X": "y"}, user="7",
                    workdir="/tmp").output, b"y 7 /tmp\n")
    same(b"".join(c.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stream=True).output), b"1\n2\n3\n")
    same(c.exec_run(["sh", "-c", "tty"], tty=True).output.startswith(b"/dev/pts/"), True)


@case("exec through a raw socket: standard input goes in, half-close ends it")
def _(e):
    api = client(e).api
    c = client(e).containers.run(IMAGE, "sleep 600", detach=True)
    session = api.exec_create(c.id, "cat", stdin=True)["Id"]
    raw = api.exec_start(session, socket=True)._sock
    raw.sendall(b"through\n")
    raw.shutdown(socket.SHUT_WR)
    same(read_frames(raw), b"through\n")
    same(api.exec_inspect(session)["ExitCode"], 0)


def read_frames(raw):
    raw.settimeout(20)
    data = b""
    while piece := raw.recv(65536):
        data += piece
    out = b""
    while data:
        size = int.from_bytes(data[4:8], "big")
        out, data = out + data[8:8 + size], data[8 + size:]
    return out


@case("attach_socket echoes standard input")
def _(e):
    c = client(e).containers.create(IMAGE, "cat", stdin_open=True)
    raw = c.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})._sock
    c.start()
    raw.sendall(b"one\n")
    raw.settimeout(20)
    seen = b""
    while b"one\n" not in seen:
        seen += raw.recv(4096)
    raw.sendall(b"two\n")
    while b"two\n" not in seen:
        seen += raw.recv(4096)
    raw.close()
    c.reload()
    same(c.status, "running")


@case("attach with StdinOnce: half-close ends the program, its output arrives whole")
def _(e):
    api = client(e).api
    made = e.create("cat", OpenStdin=True, StdinOnce=True, AttachStdin=True)
    raw = api.attach_socket(made, params={"stdin": 1, "stdout": 1, "stream": 1})._sock
    api.start(made)
    data = os.urandom(1 << 20)
    feeder = threading.Thread(target=lambda: (raw.sendall(data), raw.shutdown(socket.SHUT_WR)))
    feeder.start()
    same(read_frames(raw) == data, True)
    feeder.join()
    same(api.wait(made)["StatusCode"], 0)


@case("logs: stream, tail, since, timestamps")
def _(e):
    c = client(e).containers.run(IMAGE, ["sh", "-c", "echo a; echo b; echo c"], detach=True)
    c.wait()
    same(c.logs(), b"a\nb\nc\n")
    same(c.logs(tail=1), b"c\n")
    same(list(c.logs(stream=True)), [b"a\n", b"b\n", b"c\n"])
    same(c.logs(since=int(time.time()) + 100), b"")
    has(c.logs(timestamps=True), b"Z a\n")


@case("wait gives the exit status, also of one that ended")
def _(e):
    c = client(e).containers.run(IMAGE, ["sh", "-c", "exit 6"], detach=True)
    same(c.wait()["StatusCode"], 6)
    same(c.wait()["StatusCode"], 6)


@case("list, filters and prune")
def _(e):
    c = client(e)
    one = c.containers.create(IMAGE, "true", name="one", labels={"k": "1"})
    c.containers.create(IMAGE, "true", name="two")
    same([x.id for x in c.containers.list(all=True, filters={"label": "k=1"})], [one.id])
    same(len(c.containers.list(all=True)), 2)
    same(c.containers.list(), [])
    same(len(c.containers.prune()["ContainersDeleted"]), 2)


@case("events are a stream one can leave")
def _(e):
    c = client(e)
    stream = c.events(decode=True)
    got = []
    reader = threading.Thread(target=lambda: got.extend(x for x in stream), daemon=True)
    reader.start()
    time.sleep(0.3)
    c.containers.run(IMAGE, "true", remove=True, name="seen")
    until(lambda: any(x["Action"] == "die" for x in got))
    stream.close()
    for x in got:
        same((x["id"], x["status"], x["from"]), (x["Actor"]["ID"], x["Action"], IMAGE))


@case("images: list, get, tag, load, remove")
def _(e):
    c = client(e)
    image = c.images.get(IMAGE)
    same(image.tags, [IMAGE])
    image.tag("mine", "v1")
    same(sorted(c.images.get(image.id).tags), [IMAGE, "mine:v1"])
    c.images.remove("mine:v1")
    with open(e.archive, "rb") as f:
        same([x.id for x in c.images.load(f.read())], [image.id])
    same([x.id for x in c.images.list()], [image.id])


@case("import_image makes an image of a root file system")
def _(e):
    tar = io.BytesIO()
    with tarfile.open(e.archive) as outer:
        tar.write(outer.extractfile(next(m for m in outer if m.name.endswith(".tar"))).read())
    c = client(e)
    c.api.import_image_from_data(tar.getvalue(), repository="imported", tag="1")
    same(c.containers.run("imported:1", ["echo", "works"], remove=True), b"works\n")
    c.images.remove("imported:1")


@case("a terminal: resize reaches the program")
def _(e):
    c = client(e).containers.run(IMAGE, ["sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"],
                                 detach=True, tty=True)
    until(lambda: b"ready" in c.logs())
    c.resize(height=31, width=91)
    until(lambda: b"31 91" in c.logs())


@case("archives go into a container that never ran, and come out of one that runs")
def _(e):
    c = client(e).containers.create(IMAGE, ["sleep", "60"])
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as made:
        info = tarfile.TarInfo("etc/x/conf")
        info.size = 4
        made.addfile(info, io.BytesIO(b"text"))
    same(c.put_archive("/", body.getvalue()), True)
    c.start()
    chunks, facts = c.get_archive("/etc/x/conf")
    same((facts["name"], facts["size"], facts["linkTarget"]), ("conf", 4, ""))
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as found:
        same(found.extractfile("conf").read(), b"text")
    same(c.top()["Titles"][:2], ["UID", "PID"])
    same(c.top(ps_args="-o pid,args")["Processes"][0][1], "sleep 60")


suite.main()
