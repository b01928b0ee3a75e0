#!/usr/bin/python3
"""Many at once, and very often. Short by default; DAYFLY_FULL=1 runs the full numbers.

usage: load.py [REGEX]
"""
import concurrent.futures
import os
import random
import shutil
import socket
import subprocess
import time

import suite
from cli_tools import environment
from engine import IMAGE, Engine
from suite import Skip, case, same

FULL = bool(os.environ.get("DAYFLY_FULL"))


def many(short, full):
    return full if FULL else max(10, short // suite.slow_factor())


def in_parallel(count, workers, function):
    """function(0…count-1), workers at a time; the results in order."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, range(count)))


@case("docker run --rm, eight at a time: every exit status is right, none hangs", seconds=600)
def _(e):
    if not shutil.which("docker"):
        raise Skip("no docker CLI")

    def one(number):
        done = subprocess.run(["docker", "run", "--rm", "--network", "none", IMAGE, "sh", "-c", f"echo {number}; exit {number % 200}"],
                              env=environment(e), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr
    count = many(200, 1000)
    wrong = [(n, got) for n, got in enumerate(in_parallel(count, 8, one))
             if got != (n % 200, b"%d\n" % n, b"")]
    same(wrong[:10], [])


@case("create, wait, start by the plain API, eight at a time: every exit status is right", seconds=300)
def _(e):
    def one(number):
        container = e.create("sh", "-c", f"exit {number % 200}", HostConfig={"AutoRemove": True})
        s = e.open("POST", f"/containers/{container}/wait?condition=next-exit")
        e.post(f"/containers/{container}/start").expect(204)
        return s.chunks()
    count = many(200, 1000)
    for number, got in enumerate(in_parallel(count, 8, one)):
        same((number, got.strip()), (number, b'{"StatusCode":%d}' % (number % 200)))


@case("sixty containers at once", seconds=180)
def _(e):
    count = many(60, 200)
    names = in_parallel(count, 8, lambda n: e.run_detached("sleep", "600", name=f"crowd{n}"))
    same(len(e.get("/containers/json").json), count)
    same([e.exec(names[n], "echo", str(n))[1][1] for n in range(0, count, 7)],
         [b"%d\n" % n for n in range(0, count, 7)])
    in_parallel(count, 8, lambda n: e.delete(f"/containers/{names[n]}?force=1").expect(204))


@case("eighty thousand variables do not hold up the start, nor the session that inherits them", seconds=15)
def _(e):
    container = e.run_detached("sleep", "600", Env=[f"V{n}={n}" for n in range(80_000)])
    for pid in ("1", "self"):
        same(e.exec(container, "tail", "-c", "24", f"/proc/{pid}/environ")[1][1], b"V79999=79999\0HOME=/root\0")


@case("activations in a burst with one millisecond of idleness: none fails", seconds=900)
def _(e):
    def one(_):
        # Around the idle time, so that clients meet the process in every state of its going.
        time.sleep(random.uniform(0, 0.004))
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.connect(short.socket)
        sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := sock.recv(4096):
            data += piece
        sock.close()
        return data.startswith(b"HTTP/1.1 200 OK\r\n") and data.endswith(b"\r\n\r\nOK")
    with Engine(idle="0.001", load_image=False) as short:
        count = many(1500, 25000)
        begin = time.monotonic()
        same([one(n) for n in range(count)].count(False), 0)
        activations = short.activation_count()
        print(f"# {count} connections, {activations} activations, {time.monotonic() - begin:.1f} s")
        assert activations > count // 6, activations
        if FULL:
            assert activations >= 10000, activations
        same(short.finish(), [])


@case("list stays quick with five hundred containers", seconds=300)
def _(e):
    count = many(500, 500)
    in_parallel(count, 4, lambda n: e.create("true", name=f"list{n}"))
    best = 1.0
    for _ in range(10):
        begin = time.monotonic()
        same(len(e.get("/containers/json?all=1").json), count)
        best = min(best, time.monotonic() - begin)
    print(f"# {count} containers listed in {best * 1000:.1f} ms")
    assert best < 2, best


suite.main()
