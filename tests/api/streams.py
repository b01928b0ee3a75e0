#!/usr/bin/python3
"""Open sessions do not depend on the API process: it idles out or is killed under them, and each goes
on to its proper end. Also what a session owes its client: heads at once, no byte lost, half-close.

usage: streams.py [REGEX]
"""
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import suite
from cli_tools import Terminal, environment
from engine import IMAGE, Stream, unframe
from suite import Skip, case, has, same, until


def lose_api(e, how):
    """The API process goes away under whatever is open."""
    if how == "idle":
        e.wait_idle()
        same(e.api_pid(), None)
    else:
        gone = e.kill_api()
        assert e.api_pid() != gone, gone  # the client's next request may have started another


def for_each_loss(sentence):
    """One case for an API process that idles out, one for a kill -9."""
    def add(function):
        for how in ("idle", "kill -9"):
            case(f"{sentence} ({how})")(lambda e, how=how: function(e, lambda: lose_api(e, how)))
        return function
    return add


def run_trapping(e, action):
    """A container that has set its trap for SIGTERM: before that its first process ignores the signal."""
    container = e.run_detached("sh", "-c", f"trap '{action}' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: e.logs(container)[1] == b"ready\n")
    return container


def connections(e, container):
    """How many descriptors those have who answer for the container: its monitor and the streams."""
    status = (e.run / f"dayfly/containers/{container}/status").read_text()
    monitor = re.findall(r"^monitor=(\d+)$", status, re.MULTILINE)[-1]
    streams = [pid for pid, name in e.processes().items() if name == "dayfly-stream"]
    return len(os.listdir(f"/proc/{monitor}/fd")) + len(streams)


def need_docker():
    if not shutil.which("docker"):
        raise Skip("no docker CLI")


# ---- the API goes away

@for_each_loss("an attached session outlives the API, both ways")
def _(e, lose):
    container = e.create("cat", OpenStdin=True, StdinOnce=True)
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
    same(s.status, 101)
    e.post(f"/containers/{container}/start").expect(204)
    s.sock.sendall(b"before\n")
    same(s.read_exactly(15)[8:], b"before\n")
    lose()
    s.sock.sendall(b"after\n")
    same(s.read_exactly(14)[8:], b"after\n")
    s.sock.shutdown(socket.SHUT_WR)
    same(s.read_all(), b"")
    same(e.wait(container), 0)


@for_each_loss("an attach made before the start sees everything")
def _(e, lose):
    container = e.create("sh", "-c", "echo first; sleep 0.2; echo last")
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1&stderr=1", upgrade=True)
    lose()
    e.post(f"/containers/{container}/start").expect(204)
    same(unframe(s.read_all())[1], b"first\nlast\n")


@for_each_loss("an exec session outlives the API, and so does its exit status")
def _(e, lose):
    container = e.run_detached("sleep", "600")
    session = e.post(f"/containers/{container}/exec",
                     {"Cmd": ["sh", "-c", "read x; echo got $x; exit 7"], "AttachStdin": True,
                      "AttachStdout": True}).expect(201).json["Id"]
    s = e.open("POST", f"/exec/{session}/start", {"Detach": False, "Tty": False}, upgrade=True)
    lose()
    s.sock.sendall(b"word\n")
    same(unframe(s.read_all())[1], b"got word\n")
    same(e.get(f"/exec/{session}/json").json["ExitCode"], 7)


@for_each_loss("a wait outlives the API and tells the exit status")
def _(e, lose):
    container = run_trapping(e, "exit 9")
    s = e.open("POST", f"/containers/{container}/wait")
    same(s.status, 200)
    lose()
    e.post(f"/containers/{container}/kill?signal=TERM").expect(204)
    has(s.chunks(), b'"StatusCode":9')


@for_each_loss("a wait for the removal outlives the API and an auto-removed container")
def _(e, lose):
    container = e.create("sh", "-c", "sleep 0.3; exit 8", HostConfig={"AutoRemove": True})
    s = e.open("POST", f"/containers/{container}/wait?condition=removed")
    e.post(f"/containers/{container}/start").expect(204)
    lose()
    has(s.chunks(), b'"StatusCode":8')
    e.get(f"/containers/{container}/json").expect(404)


@for_each_loss("logs -f outlives the API and ends with the container")
def _(e, lose):
    container = e.run_detached("sh", "-c", "echo one; read x; echo two", OpenStdin=True)
    feed = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1", upgrade=True)
    s = e.open("GET", f"/containers/{container}/logs?follow=1&stdout=1")
    same(s.chunk()[8:], b"one\n")
    lose()
    feed.sock.sendall(b"\n")
    same(unframe(s.chunks())[1], b"two\n")


@for_each_loss("events outlive the API and tell what monitors do alone")
def _(e, lose):
    container = e.run_detached("sh", "-c", "sleep 1.5; exit 5", name="told")
    s = e.open("GET", "/events?filters=%7B%22event%22%3A%5B%22die%22%5D%7D")
    same(s.status, 200)
    lose()
    line = s.chunk()
    for part in (b'"Action":"die"', b'"exitCode":"5"', b'"name":"told"', container.encode()):
        has(line, part)
    s.close()


@for_each_loss("docker stop outlives the API")
def _(e, lose):
    container = run_trapping(e, "echo caught; sleep 1; exit 3")
    s = threading.Thread(target=lambda: replies.append(e.post(f"/containers/{container}/stop")))
    replies = []
    s.start()
    until(lambda: b"caught" in e.logs(container)[1])
    lose()
    s.join()
    same(replies[0].status, 204)
    same(e.state(container)["ExitCode"], 3)


@for_each_loss("docker run -it outlives the API")
def _(e, lose):
    need_docker()
    t = Terminal(e, "run", "-it", "--rm", IMAGE, "sh")
    t.expect(b"/ #")
    lose()
    t.send(b"echo v-$((1+1))\n")
    t.expect(b"\nv-2")
    lose_again = e.get("/_ping")
    same(lose_again.status, 200)
    t.send(b"exit 4\n")
    same(t.finish()[0], 4)


@for_each_loss("docker run, logs -f, wait and events by the CLI outlive the API")
def _(e, lose):
    need_docker()

    def begin(*args):
        return subprocess.Popen(["docker", *args], env=environment(e), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    container = e.run_detached("sh", "-c", "echo a; while [ ! -e /go ]; do sleep 0.05; done; echo b; exit 6",
                               name="many")
    before = connections(e, container)
    many = [begin("logs", "-f", "many"), begin("wait", "many"), begin("attach", "many"),
            begin("events", "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}")]
    until(lambda: connections(e, container) >= before + 4)
    lose()
    same(e.exec(container, "touch", "/go")[0], 0)
    same(many[0].communicate(timeout=40)[0], b"a\nb\n")
    same(many[1].communicate(timeout=40)[0], b"6\n")
    same(many[2].communicate(timeout=40)[0], b"b\n")
    same(many[2].returncode, 6)
    same(many[3].stdout.readline(), b"6\n")
    many[3].kill()
    many[3].communicate()


@case("an open session does not keep the API process alive")
def _(e):
    container = e.run_detached("sleep", "600")
    s = e.open("POST", f"/containers/{container}/wait")
    f = e.open("GET", f"/containers/{container}/logs?follow=1&stdout=1")
    v = e.open("GET", "/events")
    e.wait_idle()
    same([x.status for x in (s, f, v)], [200, 200, 200])
    for x in (s, f, v):
        x.close()


# ---- heads at once

@case("wait, logs -f and events send their heads before there is anything to say")
def _(e):
    container = e.run_detached("sleep", "600")
    e.get("/_ping")
    for method, path in (("POST", f"/containers/{container}/wait"), ("GET", "/events"),
                         ("GET", f"/containers/{container}/logs?follow=1&stdout=1")):
        begin = time.monotonic()
        s = e.open(method, path)
        assert time.monotonic() - begin < 10, path
        same((s.status, s.headers["transfer-encoding"], s.headers["connection"]), (200, "chunked", "close"))
        same(s.headers["api-version"], "1.47")
        s.close()


@case("an answer that was handed over closes its connection")
def _(e):
    container = e.run_detached("sleep", "1")  # still up: of one that has ended the switchboard tells itself
    s = e.open("POST", f"/containers/{container}/wait")
    s.chunks()
    same(s.read(), b"")


# ---- attach and exec as protocols

@case("101 when asked to upgrade, 200 otherwise, with the content types of each API version")
def _(e):
    def head(path, upgrade):
        s = e.open("POST", path, upgrade=upgrade)
        s.close()
        return s.status, s.headers["content-type"], s.headers.get("upgrade")
    raw, multiplexed = (f"application/vnd.docker.{x}-stream" for x in ("raw", "multiplexed"))
    plain, tty = e.run_detached("sleep", "600"), e.run_detached("sleep", "600", Tty=True)
    query = "attach?stream=1&stdout=1"
    same(head(f"/containers/{plain}/{query}", True), (101, multiplexed, "tcp"))
    same(head(f"/containers/{plain}/{query}", False), (200, multiplexed, None))
    same(head(f"/v1.41/containers/{plain}/{query}", True), (101, raw, "tcp"))
    same(head(f"/containers/{tty}/{query}", True), (101, raw, "tcp"))
    same(head(f"/containers/{tty}/{query}", False), (200, raw, None))


def upgrade_with_input(e, path, body, data):
    """Request and first input in one packet."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(e.socket)
    sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                 f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}{data}".encode())
    return Stream(sock, "POST", path)


@case("bytes sent along with the request are standard input: attach")
def _(e):
    container = e.create("cat", OpenStdin=True, StdinOnce=True)
    s = upgrade_with_input(e, f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", "", "early ")
    e.post(f"/containers/{container}/start").expect(204)
    s.sock.sendall(b"late\n")
    s.sock.shutdown(socket.SHUT_WR)
    same(unframe(s.read_all())[1], b"early late\n")


@case("bytes sent along with the request are standard input: exec")
def _(e):
    container = e.run_detached("sleep", "600")
    session = e.post(f"/containers/{container}/exec",
                     {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True}).json["Id"]
    s = upgrade_with_input(e, f"/exec/{session}/start", '{"Detach":false}', "early ")
    s.sock.sendall(b"late\n")
    s.sock.shutdown(socket.SHUT_WR)
    same(unframe(s.read_all())[1], b"early late\n")


@case("an API killed at the moment of its 101 has lost nothing", seconds=90)
def _(e):
    container = e.run_detached("cat", OpenStdin=True)
    for number in range(20):
        e.get("/_ping")
        s = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
        e.kill_api()
        word = b"%d\n" % number
        s.sock.sendall(word)
        same(s.read_exactly(8 + len(word))[8:], word)
        s.close()


@case("attach with logs=1 and stream=1 has no gap and repeats nothing")
def _(e):
    container = e.run_detached("sh", "-c", "for i in $(seq 1 4000); do echo $i; done; sleep 0.3; echo end")
    s = e.open("POST", f"/containers/{container}/attach?stream=1&logs=1&stdout=1", upgrade=True)
    got = unframe(s.read_all())[1].split()
    same(got, [b"%d" % i for i in range(1, 4001)] + [b"end"])


@case("attach with logs=1 alone ends after the replay")
def _(e):
    container = e.run_detached("sh", "-c", "echo x; sleep 600")
    until(lambda: e.logs(container)[1])
    s = e.open("POST", f"/containers/{container}/attach?logs=1&stdout=1", upgrade=True)
    same(unframe(s.read_all())[1], b"x\n")


@case("without StdinOnce the end of one client's input leaves standard input open for the next")
def _(e):
    container = e.create("cat", OpenStdin=True)
    e.post(f"/containers/{container}/start").expect(204)
    for word in (b"one\n", b"two\n"):
        s = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
        s.sock.sendall(word)
        s.sock.shutdown(socket.SHUT_WR)
        same(s.read_exactly(8 + len(word))[8:], word)
        s.close()
    same(e.state(container)["Running"], True)


@case("two clients both see the output")
def _(e):
    container = e.create("sh", "-c", "seq 1 1000")
    two = [e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1", upgrade=True) for _ in range(2)]
    e.post(f"/containers/{container}/start").expect(204)
    want = b"".join(b"%d\n" % i for i in range(1, 1001))
    for s in two:
        same(unframe(s.read_all())[1] == want, True)


@case("a client that does not read never blocks the container, and loses nothing", seconds=90)
def _(e):
    size = 24 << 20
    container = e.create("sh", "-c", f"head -c {size} /dev/zero; echo done >&2")
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1", upgrade=True)
    e.post(f"/containers/{container}/start").expect(204)
    same(e.wait(container), 0)
    same(len(unframe(s.read_all())[1]), size)


@case("a background process that holds the pipe does not hold the end of the session")
def _(e):
    container = e.create("sh", "-c", "sleep 600 & echo out")
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1", upgrade=True)
    e.post(f"/containers/{container}/start").expect(204)
    begin = time.monotonic()
    same(unframe(s.read_all())[1], b"out\n")
    assert time.monotonic() - begin < 50
    same(e.wait(container), 0)


@case("detach keys end a terminal's session and no more")
def _(e):
    container = e.create("cat", OpenStdin=True, Tty=True)
    e.post(f"/containers/{container}/start").expect(204)
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
    s.sock.sendall(b"x\x10y\n")
    has(s.read_until(b"\n"), b"x")
    s.sock.sendall(b"\x10\x11")
    s.read_all()
    same(e.state(container)["Running"], True)


@case("a start error in a hijacked exec is told in the stream, its code in inspect")
def _(e):
    container = e.run_detached("sleep", "600")
    code, out = e.exec(container, "/no/such")
    same(code, 127)
    has(out[1] + out[2], b"no such file or directory")


@case("an exec with a terminal is not framed and can be resized")
def _(e):
    container = e.run_detached("sleep", "600")
    session = e.post(f"/containers/{container}/exec",
                     {"Cmd": ["sh", "-c", "read x; stty size"], "AttachStdin": True, "AttachStdout": True,
                      "Tty": True}).json["Id"]
    s = e.open("POST", f"/exec/{session}/start", {"Detach": False, "Tty": True}, upgrade=True)
    same(s.headers["content-type"], "application/vnd.docker.raw-stream")
    e.post(f"/exec/{session}/resize?h=30&w=90").expect(200)
    s.sock.sendall(b"\n")
    has(s.read_all(), b"30 90\r\n")


@case("ConsoleSize of create is the terminal's first size")
def _(e):
    container = e.create("stty", "size", Tty=True, HostConfig={"ConsoleSize": [21, 81]})
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdout=1", upgrade=True)
    e.post(f"/containers/{container}/start").expect(204)
    same(s.read_all(), b"21 81\r\n")


@case("the session of an exec ends when the container does")
def _(e):
    container = e.run_detached("sleep", "600")
    session = e.post(f"/containers/{container}/exec", {"Cmd": ["sleep", "600"], "AttachStdout": True}).json["Id"]
    s = e.open("POST", f"/exec/{session}/start", {"Detach": False}, upgrade=True)
    e.post(f"/containers/{container}/kill").expect(204)
    s.read_all()
    same(e.get(f"/exec/{session}/json").json["Running"], False)


@case("a client that goes away while it waits leaves no process behind")
def _(e):
    container = e.create("true")
    waits = [e.open("POST", f"/containers/{container}/wait?condition=next-exit") for _ in range(5)]
    until(lambda: any("monitor" in n for n in e.processes().values()))
    for s in waits:
        s.close()
    until(lambda: not any("monitor" in n for n in e.processes().values()))
    same(e.state(container)["Status"], "created")


@case("an idle engine keeps no process at all")
def _(e):
    e.post("/containers/create", {"Image": IMAGE}).expect(201)
    e.wait_idle()
    until(lambda: not e.processes())


suite.main()
