#!/usr/bin/python3
"""Drives dayfly-monitor the way the switchboard does: binds the control socket, takes the lock, spawns
the monitor and hands it connections.

usage: monitor.py [CASE...]
DAYFLY_PROGRAMS names the folder of the built programs.

A case is a function case_*; its docstring is the sentence it proves.
"""
import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

MONITOR = str(pathlib.Path(os.environ.get("DAYFLY_PROGRAMS", "build/dev")).resolve() / "dayfly-monitor")
TYPE_MUX = "application/vnd.docker.multiplexed-stream"
TYPE_RAW = "application/vnd.docker.raw-stream"


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(*what)


def equal(got, want):
    check(got == want, f"got {repr(got)[:300]}, want {repr(want)[:300]}")


def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.005)
    raise Failure(f"still not after {seconds} s: {what}")


def is_zombie(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def new_id():
    return "".join(random.choice("0123456789abcdef") for _ in range(64))


def try_lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class World:
    """Private state folders and a root file system with busybox."""

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="dayfly-monitor-", dir=os.environ.get("TMPDIR")))
        self.env = {**os.environ, "XDG_DATA_HOME": str(self.top / "data"),
                    "XDG_RUNTIME_DIR": str(self.top / "run"), "HOME": str(self.top)}
        self.data, self.run = self.top / "data/dayfly", self.top / "run/dayfly"
        for sub in ("containers", "names", "events", "trash", "layers"):
            (self.data / sub).mkdir(parents=True)
        for sub in ("containers", "execs"):
            (self.run / sub).mkdir(parents=True)
        self.root = self.data / "layers/base"
        self.make_root()

    def make_root(self):
        for sub in ("bin", "dev", "proc", "sys", "tmp", "etc"):
            (self.root / sub).mkdir(parents=True)
        busybox = shutil.which("busybox")
        if not busybox:
            print("busybox is missing")
            sys.exit(77)
        shutil.copy(busybox, self.root / "bin/busybox")
        for name in ("sh", "cat", "sleep", "echo", "true", "false", "test", "head", "stty", "dd", "kill", "seq", "wc", "yes"):
            (self.root / "bin" / name).symlink_to("busybox")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\n")
        (self.root / "etc/none").write_text("no program\n")

    def events(self):
        path = self.data / "events/current"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwX", str(self.top)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.top, ignore_errors=True)


class Container:
    def __init__(self, world, argv, *, name=None, tty=False, stdin=False, once=False, auto_remove=False,
                 host_pid=False, **more):
        self.world, self.id = world, new_id()
        self.name = name or f"box{self.id[:6]}"
        self.argv, self.tty, self.stdin, self.once = argv, tty, stdin, once
        self.auto_remove, self.host_pid, self.more = auto_remove, host_pid, more
        self.program, self.seccomp = more.pop("program", MONITOR), more.pop("seccomp", "unconfined")
        self.data = world.data / "containers" / self.id
        self.run = world.run / "containers" / self.id
        self.data.mkdir()
        self.run.mkdir()
        for sub in ("upper", "work"):
            (self.data / sub).mkdir()
        (self.data / "config.json").write_text("{}")
        (world.data / "names" / self.name).symlink_to(self.id)
        self.monitor = None
        self.write_plan()
        if auto_remove:  # as the switchboard does when it creates one
            boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            (self.run / "status").write_text(
                seal({"dayfly-status": "1", "state": "created", "boot-id": boot, "sequence": "1"}))

    def base_words(self):
        words = [["lower", str(self.world.root)], ["upper", str(self.data / "upper")],
                 ["work", str(self.data / "work")],
                 ["mount", "tmpfs", "tmpfs", "/dev", "nosuid,mode=755"],
                 ["mount", "devpts", "devpts", "/dev/pts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620"],
                 ["caps", "00000000a80425fb"], ["seccomp", self.seccomp], ["cwd", "/"], ["user", ""],
                 ["env", "PATH=/bin"]]
        words += [["device", f"/dev/{d}"] for d in ("null", "zero", "full", "random", "urandom", "tty")]
        words += [["ns", kind, "private"] for kind in ("net", "ipc", "uts", "cgroup")]
        words += [["ns", "pid", "host" if self.host_pid else "private"]]
        if not self.host_pid:
            words += [["mount", "proc", "proc", "/proc", "nosuid,noexec,nodev"]]
        return words + [["symlink", "/proc/self/fd", "/dev/fd"], ["symlink", "pts/ptmx", "/dev/ptmx"]]

    def write_plan(self):
        words = [["plan", "1"], ["id", self.id], ["name", self.name], ["image", "busybox"],
                 ["attrs", f'"image":"busybox","name":"{self.name}","colour":"red"']]
        words += self.base_words()
        for flag, word in ((self.tty, "tty"), (self.stdin, "open-stdin"), (self.once, "stdin-once"),
                           (self.auto_remove, "auto-remove")):
            if flag:
                words.append([word])
        words += [["log", self.more.get("log", "json-file")]]
        words += [[k.replace("_", "-"), *(v if isinstance(v, list) else [str(v)])]
                  for k, v in self.more.items() if k != "log"]
        words += [["arg", a] for a in self.argv]
        self.save_plan(self.run / "plan", words)

    @staticmethod
    def save_plan(path, words):
        path.write_bytes(b"".join(w.encode() + b"\0" for item in words for w in item))

    def spawn(self, *extra, env=None, wait=False):
        """As the switchboard: lock, bound control socket, then the program."""
        lock = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        until(lambda: try_lock(lock), "the lock is free")
        control = None
        if "--recover" not in extra:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.run / "ctl")
            self.at(control.bind)
            control.setblocking(False)
        high_lock = fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, 50)
        high_control = fcntl.fcntl(control.fileno(), fcntl.F_DUPFD_CLOEXEC, 60) if control else None

        def place():
            if high_control is not None:
                os.dup2(high_control, 3)
            os.dup2(high_lock, 4)
        self.monitor = subprocess.Popen(
            [self.program, *extra, self.id], preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=True, env={**self.world.env, **(env or {})})
        for fd in (lock, high_lock, high_control):
            if fd is not None:
                os.close(fd)
        if control:
            control.close()
        if wait:
            self.monitor.wait(20)
        return self

    def at(self, call):
        fd = os.open(self.run, os.O_PATH)
        try:
            return call(f"/proc/self/fd/{fd}/ctl")
        finally:
            os.close(fd)

    def send(self, op, blob=b"", connect=True, room=None, **words):
        """Sends one message; returns our end of the client's connection, on which the answer has that much room."""
        text = b"".join(w.encode() + b"\0" for w in [op] + [f"{k}={v}" for k, v in words.items()])
        data = struct.pack("=I", len(text)) + text + blob
        ours, theirs = socket.socketpair()
        if room is not None:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            self.at(sock.connect)
            fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
            sock.sendmsg([data], fds if connect else [])
        theirs.close()
        ours.settimeout(15)
        return ours

    def ask(self, op, **words):
        return answer(self.send(op, **words))

    def attach(self, **words):
        words = {"stream": 1, "stdin": 1, "stdout": 1, "stderr": 1, "type": TYPE_RAW if self.tty else TYPE_MUX,
                 **words}
        return Stream(self.send("attach", **words), framed=not self.tty, head="hold" not in words)

    def exec_create(self, argv, tty=False, streams=("stdin", "stdout", "stderr"), **more):
        exec_id = new_id()
        folder = self.run / "exec" / exec_id
        folder.mkdir(parents=True)
        words = [["plan", "1"], ["exec-id", exec_id]]
        words += [["caps", "00000000a80425fb"], ["seccomp", "unconfined"], ["cwd", "/"], ["user", ""],
                  ["env", "PATH=/bin"]]
        words += [["tty"]] if tty else []
        words += [[f"attach-{s}"] for s in streams] + [[k.replace("_", "-"), v] for k, v in more.items()]
        self.save_plan(folder / "plan", words + [["arg", a] for a in argv])
        (self.world.run / "execs" / exec_id).symlink_to(self.id)
        return exec_id

    def exec_start(self, exec_id, tty=False, detach=0, **words):
        sock = self.send("exec-start", id=exec_id, tty=int(tty), detach=detach,
                         type=TYPE_RAW if tty else TYPE_MUX, **words)
        return sock if detach else Stream(sock, framed=not tty, head="hold" not in words)

    def exec_status(self, exec_id):
        return read_status(self.run / "exec" / exec_id / "status")

    def status(self):
        return read_status(self.run / "status")

    def actions(self):
        return [e["Action"] for e in self.world.events() if e["id"] == self.id]

    def death(self):
        """attributes of the latest die event"""
        return [e for e in self.world.events() if e["id"] == self.id and e["Action"] == "die"][-1]["Actor"]["Attributes"]

    def log(self):
        path = self.data / f"{self.id}-json.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def ended(self, seconds=10):
        try:
            return self.monitor.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the monitor does not end: {self.status()}") from None

    def kill(self):
        if self.monitor and self.monitor.poll() is None:
            self.monitor.kill()
            self.monitor.wait()


def read_status(path):
    if not path.exists():
        return None
    text = path.read_text()
    slots = [dict(line.split("=", 1) for line in slot.split("\n") if line) for slot in (text[:1024], text[1024:])]
    return max(slots, key=lambda slot: int(slot.get("sequence", 0))) or None


def what(record):
    """a record without what tells it from another copy of it"""
    return {key: value for key, value in record.items() if key not in ("sequence", "sum")}


def seal(fields):
    """a file with one status record, whose last line is the sum (FNV-1a) of the others"""
    text = "".join(f"{key}={value}\n" for key, value in fields.items() if key != "sum")
    total = 0xcbf29ce484222325
    for byte in text.encode():
        total = (total ^ byte) * 0x100000001b3 % 2**64
    return f"{text}sum={total:016x}\n".ljust(2048, "\n")


def read_all(sock):
    data = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def answer(sock):
    """(status, body) of a whole answer."""
    with sock:
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    check(head, "connection closed without an answer")
    return int(head.split()[1]), (json.loads(body) if body.strip() else None)


class Stream:
    """A hijacked connection."""

    def __init__(self, sock, framed, head=True):
        self.sock, self.framed = sock, framed
        self.head = self.read_head() if head else None

    def read_head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(1)  # byte by byte: the stream must not come with it
            check(piece, "no head")
            data += piece
        return data.decode()

    def send(self, data):
        self.sock.sendall(data)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def take(self, n):
        data = bytearray()
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                check(not data, f"torn frame, {len(data)} of {n} bytes")
                return None
            data += piece
        return bytes(data)

    def frame(self):
        head = self.take(8)
        if head is None:
            return None
        length = struct.unpack(">I", head[4:])[0]
        body = self.take(length)
        check(body is not None, "torn frame")
        return head[0], body

    def expect(self, text):
        """Reads until text has come."""
        seen = b""
        while text not in seen:
            piece = (self.frame() or (0, b""))[1] if self.framed else self.sock.recv(4096)
            check(piece, f"the stream ended before {text!r}; seen {seen!r}")
            seen += piece
        return seen

    def finish(self):
        """(stdout, stderr) to the end."""
        if not self.framed:
            return read_all(self.sock), b""
        out = {1: bytearray(), 2: bytearray()}
        while (got := self.frame()) is not None:
            out[got[0]] += got[1]
        return bytes(out[1]), bytes(out[2])

    def close(self):
        self.sock.close()


class Replayed:
    """A socket of which something was read already."""

    def __init__(self, data, sock):
        self.data, self.sock = data, sock

    def recv(self, n):
        if not self.data:
            return self.sock.recv(n)
        piece, self.data = self.data[:n], self.data[n:]
        return piece


class Waiter:
    def __init__(self, sock):
        self.sock, self.result = sock, None
        data = sock.recv(4096)
        check(b"200 OK" in data and b"chunked" in data, data)
        self.body = data.partition(b"\r\n\r\n")[2]

    def get(self):
        data = self.body + read_all(self.sock)
        size, _, rest = data.partition(b"\r\n")
        check(data.endswith(b"0\r\n\r\n"), data)
        return json.loads(rest[:int(size, 16)])

    def code(self):
        return self.get()["StatusCode"]


def wait(c, condition="not-running"):
    return Waiter(c.send("wait", condition=condition))


SH = "sh"


# ---------------------------------------------------------------- a run

def case_run(w):
    """attach, wait, start: every byte, the exit code, the record, the log and the events"""
    c = Container(w, [SH, "-c", "echo out; echo err >&2; exit 7"]).spawn()
    a, n = c.attach(), wait(c, "next-exit")
    check("200 OK" in a.head and TYPE_MUX in a.head, a.head)
    equal(c.ask("start"), (204, None))
    equal(a.finish(), (b"out\n", b"err\n"))
    equal(n.get(), {"StatusCode": 7})
    c.ended()
    s = c.status()
    equal((s["state"], s["exit-code"], s["exit-known"], s["run"]), ("exited", "7", "1", "1"))
    equal(what(read_status(c.data / "state")), what(s))
    equal(sorted((e["stream"], e["log"]) for e in c.log()), [("stderr", "err\n"), ("stdout", "out\n")])
    equal(c.actions(), ["attach", "start", "die"])
    die = [e for e in w.events() if e["id"] == c.id][-1]
    equal({k: die["Actor"]["Attributes"][k] for k in ("name", "image", "colour", "exitCode", "execDuration")},
          {"name": c.name, "image": "busybox", "colour": "red", "exitCode": "7", "execDuration": "0"})


def case_idle_end(w):
    """a monitor that nobody needs ends by itself"""
    c = Container(w, [SH, "-c", "true"]).spawn()
    equal(c.ask("stop"), (304, None))
    equal(c.ended(), 0)


def case_hold_then_leave(w):
    """clients held before a start are let go when they hang up, and the monitor with them"""
    c = Container(w, [SH, "-c", "true"]).spawn()
    a, n = c.attach(), wait(c, "removed")
    time.sleep(0.1)
    check(c.monitor.poll() is None, "ended although clients wait")
    a.close()
    n.sock.close()
    equal(c.ended(), 0)


def case_half_closed_waiter(w):
    """a waiter that half-closes still gets its answer"""
    c = Container(w, [SH, "-c", "exit 3"]).spawn()
    n = wait(c, "next-exit")
    n.sock.shutdown(socket.SHUT_WR)
    c.ask("start")
    equal(n.code(), 3)


def case_start_twice(w):
    """start of a running container is 304; conflict texts are Docker's"""
    c = Container(w, ["sleep", "60"]).spawn()
    equal(c.ask("start"), (204, None))
    equal(c.ask("start"), (304, None))
    code, body = c.ask("remove", force=0)
    equal((code, body["message"]), (409, f'cannot remove container "/{c.name}": container is running: stop '
                                         "the container before removing or force remove"))
    equal(c.ask("kill", signal=9), (204, None))
    code, body = (c.spawn() if c.ended() == 0 else c).ask("kill", signal=15)
    equal((code, body["message"]),
          (409, f"cannot kill container: {c.name}: container {c.id} is not running"))


def case_wait_conditions(w):
    """not-running answers at once when stopped, next-exit and removed wait for what they name"""
    c = Container(w, [SH, "-c", "exit 5"]).spawn()
    nxt, gone = wait(c, "next-exit"), wait(c, "removed")
    equal(wait(c).code(), 0)
    c.ask("start")
    equal(nxt.code(), 5)
    equal(wait(c).code(), 5)
    equal(c.ask("remove", force=0), (204, None))
    equal(gone.code(), 5)
    c.ended()
    check(not c.data.exists() and not c.run.exists(), "left on disk")
    equal(c.actions(), ["start", "die", "destroy"])
    equal(list((w.data / "trash").iterdir()), [])


def case_bad_condition(w):
    """a senseless wait condition is 400"""
    c = Container(w, ["true"]).spawn()
    equal(c.ask("wait", condition="later")[0], 400)


def case_auto_remove(w):
    """an auto-removed container leaves nothing; its waiters know the exit code"""
    c = Container(w, [SH, "-c", "echo bye; exit 9"], auto_remove=True).spawn()
    a, gone, nxt = c.attach(), wait(c, "removed"), wait(c, "next-exit")
    c.ask("start")
    equal(a.finish()[0], b"bye\n")
    equal((gone.code(), nxt.code()), (9, 9))
    c.ended()
    check(not c.data.exists() and not c.run.exists() and not (w.data / "names" / c.name).is_symlink(), "left")
    equal(c.actions(), ["attach", "start", "die", "destroy"])


def case_auto_remove_alone(w):
    """an auto-removed container that nobody waits for is there for a moment, for who asks late"""
    c = Container(w, ["true"], auto_remove=True).spawn()
    equal(c.ask("start"), (204, None))
    c.ended()
    check(not c.data.exists() and not c.run.exists(), "left")
    equal(c.actions(), ["start", "die", "destroy"])
    when = {e["Action"]: e["timeNano"] for e in w.events()}
    check(when["destroy"] - when["die"] > 200e6, when)


def case_failed_start(w):
    """a program that is not there: 400, 127 on record, still created, clients let go"""
    c = Container(w, ["/no/such"]).spawn()
    a, n = c.attach(), wait(c, "next-exit")
    code, body = c.ask("start")
    equal(code, 400)
    check("no such file or directory" in body["message"] or "not found" in body["message"], body)
    equal(a.finish(), (b"", b""))
    got = n.get()
    equal(got, {"StatusCode": 127})  # why, the start was told
    s = c.status()
    equal((s["state"], s["exit-code"], s["run"]), ("created", "127", "0"))
    c.ended()
    equal(c.actions(), ["attach"])


def case_failed_start_removed(w):
    """an auto-remove container that cannot start is removed"""
    c = Container(w, ["/no/such"], auto_remove=True).spawn()
    gone = wait(c, "removed")
    equal(c.ask("start")[0], 400)
    equal(gone.code(), 127)
    check(not c.data.exists(), "left")
    equal(c.ended(), 0)


def case_plan_fault(w):
    """a configuration that cannot be started: the plan's reason is the answer and on record"""
    c = Container(w, ["true"], fault=["3", "16", "no such layer"]).spawn()
    n = wait(c, "next-exit")
    code, body = c.ask("start")
    equal((code, body), (409, {"message": "no such layer"}))
    equal(n.get(), {"StatusCode": 128})
    s = c.status()
    equal((s["state"], s["exit-code"], s["error"]), ("created", "128", "no such layer"))
    c.ended()


def has_cgroups():
    return any(line.split()[2] == "cgroup2" for line in open("/proc/mounts", encoding="utf-8"))


def case_scope_that_never_comes(w):
    """a container whose scope systemd does not make runs all the same, a little later"""
    if not has_cgroups():
        raise Skipped("no cgroup v2 is mounted")
    c = Container(w, [SH, "-c", "exit 2"]).spawn("--scope")
    n = wait(c, "next-exit")
    first, again = c.send("start"), c.send("start")
    equal(c.ask("kill", signal=1)[0], 409)  # answered while the start waits
    equal(c.ask("remove", force=0), (409, {"message": f'cannot remove container "/{c.name}": container is starting: '
                                           "stop the container before removing or force remove"}))
    equal((answer(first), answer(again)), ((204, None), (304, None)))
    equal(n.code(), 2)


def case_start_given_up(w):
    """what would end a run ends the waiting for systemd, too, and the start is refused"""
    if not has_cgroups():
        raise Skipped("no cgroup v2 is mounted")
    refused = "container {} was stopped while it waited for systemd to make its cgroup"
    for op, words, status in (("stop", {}, 304), ("kill", {"signal": 9}, 204), ("remove", {"force": 1}, 204)):
        for auto_remove in (False, True):
            # for one with limits it is long
            c = Container(w, ["true"], auto_remove=auto_remove, limit=["pids.max", "50"]).spawn("--scope")
            n = wait(c, "removed" if auto_remove else "next-exit")
            starts = [c.send("start"), c.send("restart")]
            begun = time.monotonic()
            equal(c.ask(op, **words)[0], status)
            for s in starts:
                equal(answer(s), (409, {"message": refused.format(c.id)}))
            n.code()
            c.ended()
            equal(time.monotonic() - begun < 15, True)  # and not 25 s
            equal(c.data.exists(), op != "remove" and not auto_remove)


def case_no_plan(w):
    """a start without a plan is the engine's failure"""
    c = Container(w, ["true"])
    (c.run / "plan").unlink()
    c.spawn()
    equal(c.ask("start")[0], 500)
    c.ended()


# ---------------------------------------------------------------- stop, kill, restart

def case_stop(w):
    """stop sends the stop signal, waits, and is answered when the record is there"""
    c = Container(w, [SH, "-c", "trap 'echo caught; exit 4' TERM; echo up; while :; do sleep 0.05; done"]).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    equal(c.ask("stop"), (204, None))
    equal(c.status()["exit-code"], "4")
    equal(a.finish()[0], b"caught\n")
    equal(c.actions(), ["attach", "start", "kill", "die", "stop"])
    c.ended()


def case_stop_timeout(w):
    """stop kills after its timeout; several stops at once are all answered, the shorter one counts"""
    c = Container(w, [SH, "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"]).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    begun = time.monotonic()
    socks = [c.send("stop", timeout=t) for t in (-1, 30, 1)]
    equal([answer(s)[0] for s in socks], [204] * 3)
    took = time.monotonic() - begun
    check(0.9 < took < 5, took)
    equal(c.status()["exit-code"], "137")
    kills = [e["Actor"]["Attributes"]["signal"] for e in w.events() if e["Action"] == "kill"]
    equal(kills, ["15", "9"])
    equal(c.actions()[-2:], ["die", "stop"])
    c.ended()


def case_plan_stop_signal(w):
    """stop-signal and stop-timeout of the plan are the defaults"""
    c = Container(w, [SH, "-c", "trap 'exit 2' INT; trap '' TERM; echo up; while :; do sleep 0.05; done"],
                  stop_signal=2, stop_timeout=20).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    equal(c.ask("stop"), (204, None))
    equal(c.status()["exit-code"], "2")
    c.ended()


def case_kill(w):
    """kill delivers any signal; KILL is answered when the process is gone"""
    c = Container(w, [SH, "-c", "trap 'echo usr1' USR1; echo up; while :; do sleep 0.05; done"]).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    equal(c.ask("kill", signal=10), (204, None))
    a.expect(b"usr1")
    pid = int(c.status()["pid"])
    equal(c.ask("kill", signal=9), (204, None))
    check(not os.path.exists(f"/proc/{pid}"), "still there")
    equal(c.status()["exit-code"], "137")
    c.ended()
    equal(c.actions(), ["attach", "start", "kill", "kill", "die"])


def case_restart(w):
    """restart: kill, die, stop, start, restart; the new run follows the new plan"""
    c = Container(w, ["sleep", "60"], stop_timeout=1).spawn()
    c.ask("start")
    n = wait(c, "next-exit")
    c.argv = [SH, "-c", "echo second; sleep 60"]
    c.write_plan()
    equal(c.ask("restart", signal=9), (204, None))
    equal(n.code(), 137)
    s = c.status()
    equal((s["state"], s["run"]), ("running", "2"))
    equal(c.actions(), ["start", "kill", "die", "stop", "start", "restart"])
    equal(c.ask("remove", force=1), (204, None))
    equal(c.actions()[6:], ["kill", "die", "destroy"])
    equal(c.ended(), 0)


def case_restart_stopped(w):
    """restart of a stopped container starts it, auto-remove notwithstanding"""
    c = Container(w, ["sleep", "60"], auto_remove=True).spawn()
    equal(c.ask("restart"), (204, None))
    equal(c.ask("restart", signal=9), (204, None))
    equal(c.status()["run"], "2")
    equal(c.ask("stop", signal=9), (204, None))
    c.ended()
    check(not c.data.exists(), "left")


def case_sigterm(w):
    """SIGTERM to the monitor stops the container properly, then ends it; other signals do nothing"""
    c = Container(w, [SH, "-c", "trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done"]).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    for sig in set(signal.Signals) - {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP}:
        os.kill(c.monitor.pid, sig)
    time.sleep(0.05)
    equal(c.ask("start"), (304, None))
    os.kill(c.monitor.pid, signal.SIGTERM)
    equal(c.ended(), 0)
    equal(c.status()["exit-code"], "6")


def case_sigterm_idle(w):
    """SIGTERM to an idle monitor lets its clients go"""
    c = Container(w, ["true"]).spawn()
    a = c.attach()
    os.kill(c.monitor.pid, signal.SIGTERM)
    equal(a.finish(), (b"", b""))
    equal(c.ended(), 0)


def case_messages_at_the_end(w):
    """a message that comes while the monitor ends is answered, again and again"""
    c = Container(w, [SH, "-c", "exit 0"]).spawn()
    for _ in range(60):
        try:
            code, _ = c.ask("start")
        except (ConnectionRefusedError, BrokenPipeError, FileNotFoundError, Failure):
            c.ended()
            code, _ = c.spawn().ask("start")
        check(code in (204, 304), code)
    c.ended()
    equal(c.status()["exit-code"], "0")


# ---------------------------------------------------------------- attach

def case_stdin(w):
    """half-closing ends a StdinOnce container's input, and its output still comes"""
    c = Container(w, ["cat"], stdin=True, once=True).spawn()
    a = c.attach()
    a.send(b"early ")
    c.ask("start")
    a.send(b"late\n")
    a.half_close()
    equal(a.finish(), (b"early late\n", b""))
    equal(c.ended(), 0)


def case_early_bytes(w):
    """what a client sent along with its request is the first input, whatever came since"""
    c = Container(w, ["cat"], stdin=True, once=True).spawn()
    a = c.attach(hold="7.1")
    c.ask("start")
    a.send(b"second")
    a.half_close()
    c.send("early", blob=b"not for this one", connect=False, hold="7.2")
    c.send("early", blob=b"first ", connect=False, hold="7.1")
    equal(a.finish()[0], b"first second")


def case_lost_before_early(w):
    """a client that has gone when its early bytes come has sent input all the same"""
    c = Container(w, ["cat"], stdin=True, once=True).spawn()
    c.ask("start")
    a, other = c.attach(hold="7.1"), c.attach(stdin=0)
    a.send(b"second")
    a.sock.close()
    time.sleep(0.1)
    c.send("early", blob=b"first ", connect=False, hold="7.1")
    equal(other.finish()[0], b"first second")


def case_held(w):
    """nothing is written before the switchboard says that the head is out, or is long dead"""
    for said in (True, False):
        c = Container(w, [SH, "-c", "echo hello"]).spawn()
        a = c.attach(hold="7.1", stdin=0)
        c.ask("start")
        a.sock.settimeout(0.3)
        try:
            check(False, a.sock.recv(1))
        except TimeoutError:
            a.sock.settimeout(15)
        if said:
            c.send("early", connect=False, hold="7.1")
        equal(a.finish()[0], b"hello\n")
        c.ended()


def case_held_refusal(w):
    """a refusal behind a 101 is told in the stream"""
    c = Container(w, ["true"])
    s = c.spawn().exec_start(new_id(), hold="7.1")
    c.send("early", connect=False, hold="7.1")
    check(b"No such exec instance" in s.finish()[0], "not told")


def case_only_input(w):
    """a client of the input alone is done when it half-closes"""
    c = Container(w, ["cat"], stdin=True).spawn()
    c.ask("start")
    watcher, a = c.attach(stdin=0), c.attach(stdout=0, stderr=0)
    a.send(b"input\n")
    a.half_close()
    equal(a.finish(), (b"", b""))
    watcher.expect(b"input\n")
    equal(c.status()["state"], "running")
    c.ask("kill", signal=9)


def case_stdin_stays_open(w):
    """without StdinOnce the next client can go on typing"""
    c = Container(w, ["cat"], stdin=True).spawn()
    a = c.attach()
    c.ask("start")
    a.send(b"one\n")
    a.expect(b"one\n")
    a.half_close()
    b = c.attach()
    b.send(b"two\n")
    b.expect(b"two\n")
    a.expect(b"two\n")
    c.ask("kill", signal=9)
    a.finish()
    b.finish()
    c.ended()


def case_lost_client_input(w):
    """a client that sends and vanishes: its input arrives, then the end of it"""
    c = Container(w, ["wc", "-c"], stdin=True, once=True).spawn()
    watcher = c.attach(stdin=0)
    c.ask("start")
    a = c.attach(stdout=0, stderr=0)
    a.send(b"x" * 100000)
    a.close()
    equal(watcher.finish()[0].strip(), b"100000")


def case_thrown_away(w):
    """without an open stdin whatever a client sends is thrown away"""
    c = Container(w, [SH, "-c", "cat; echo done"]).spawn()
    a = c.attach()
    c.ask("start")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(20):
            a.send(b"z" * 65536)
    equal(a.finish(), (b"done\n", b""))


def case_input_backpressure(w):
    """input waits in the client while the container does not read, and none of it is lost"""
    total = 8 << 20
    c = Container(w, [SH, "-c", "sleep 0.5; wc -c"], stdin=True, once=True).spawn()
    a = c.attach()
    c.ask("start")
    a.sock.settimeout(20)
    sender = threading.Thread(target=lambda: (a.send(b"i" * total), a.half_close()))
    sender.start()
    equal(a.finish()[0].strip(), str(total).encode())
    sender.join()
    c.ended()


def case_several_clients(w):
    """several clients see the same; one that vanishes disturbs nobody"""
    c = Container(w, [SH, "-c", "seq 1 2000; sleep 0.2; echo end"]).spawn()
    clients = [c.attach() for _ in range(5)]
    c.ask("start")
    clients.pop().close()
    want = "".join(f"{i}\n" for i in range(1, 2001)).encode() + b"end\n"
    for a in clients:
        equal(a.finish()[0], want)
    c.ended()


def case_slow_client(w):
    """a client that does not read holds nobody up, and gets every byte when it does"""
    total = 40 << 20
    c = Container(w, [SH, "-c", f"yes 0123456789abcde | head -c {total}"], log="none").spawn()
    slow = c.attach()
    quick = c.attach()
    n = wait(c, "next-exit")
    c.ask("start")
    equal(len(quick.finish()[0]), total)
    equal(n.code(), 0)
    equal(c.status()["state"], "exited")
    check(c.monitor.poll() is None, "the monitor left with bytes for its client")
    got = slow.finish()[0]
    check(got == b"0123456789abcde\n" * (total // 16), len(got))
    equal(c.ended(), 0)


def case_streams_chosen(w):
    """a client gets the streams it asked for; one that asked for none is let go"""
    c = Container(w, [SH, "-c", "echo out; echo err >&2"]).spawn()
    only_err = c.attach(stdout=0)
    nothing = c.attach(stdin=0, stdout=0, stderr=0)
    equal(nothing.finish(), (b"", b""))
    c.ask("start")
    equal(only_err.finish(), (b"", b"err\n"))


def case_replay(w):
    """logs=1 replays and goes on live, without gap or repeat"""
    c = Container(w, [SH, "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; printf tail; "
                                "sleep 2; echo end"]).spawn()
    c.ask("start")
    want = "".join(f"line {i}\n" for i in range(1, 3001)) + "tailend\n"
    clients = []
    for _ in range(15):
        clients.append(c.attach(logs=1))
        time.sleep(0.02)
    for a in clients:
        equal(a.finish()[0].decode(), want)
    c.ended()
    c.spawn()
    equal(c.attach(logs=1, stream=0).finish()[0].decode(), want)
    c.ended()


def case_head_first(w):
    """the first byte of the stream waits until the peer has read the head"""
    c = Container(w, [SH, "-c", "echo hello"]).spawn()
    sock = c.send("attach", stream=1, stdout=1, type=TYPE_MUX)
    c.ask("start")
    time.sleep(0.15)
    head = sock.recv(65536)
    check(head.endswith(b"\r\n\r\n"), head)
    equal(Stream(sock, True, head=False).finish()[0], b"hello\n")


def case_grandchild(w):
    """somebody left behind with the pipe open does not hold the end up"""
    c = Container(w, [SH, "-c", "sleep 3 & echo main"], host_pid=True).spawn()
    a = c.attach()
    c.ask("start")
    begun = time.monotonic()
    equal(a.finish()[0], b"main\n")
    check(time.monotonic() - begun < 2, "held up")
    c.ended()


def case_log_writable_again(w):
    """what lay in the pipe when its program ended, and the log could not be written just then, is in the log"""
    c = Container(w, [SH, "-c", "trap 'echo last; exit 4' TERM; seq 1 30000; read x; echo held; "
                                "while :; do sleep 0.02; done"], stdin=True).spawn()
    a = c.attach()
    equal(c.ask("start"), (204, None))
    a.expect(b"30000")
    path, monitor = c.data / f"{c.id}-json.log", c.monitor.pid
    hard = resource.prlimit(monitor, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(monitor, resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    a.send(b"\n")
    a.expect(b"held")
    os.kill(monitor, signal.SIGSTOP)  # so that it finds the end, and room, at once
    pid = int(c.status()["pid"])
    os.kill(pid, signal.SIGTERM)
    until(lambda: is_zombie(pid), "the program's end")
    resource.prlimit(monitor, resource.RLIMIT_FSIZE, (hard, hard))
    os.kill(monitor, signal.SIGCONT)
    c.ended()
    equal([line["log"] for line in c.log()][-2:], ["held\n", "last\n"])


# ---------------------------------------------------------------- terminals

def case_tty(w):
    """a terminal: raw stream, size given before the start, input, resize"""
    c = Container(w, [SH, "-c", "stty size; read x; echo got $x; stty size; exit 3"], tty=True, stdin=True).spawn()
    a = c.attach()
    equal(c.ask("resize", height=33, width=99)[0], 409)
    c.ask("start")
    a.expect(b"33 99")
    equal(c.ask("resize", height=44, width=111), (200, None))
    a.send(b"word\n")
    seen = a.expect(b"44 111")
    check(b"got word" in seen, seen)
    equal(a.finish()[1], b"")
    c.ended()
    equal(c.actions(), ["attach", "start", "resize", "die"])
    equal(c.status()["exit-code"], "3")


def case_detach(w):
    """the detach keys end the client and not the container; a broken-off sequence is passed on"""
    c = Container(w, ["cat"], tty=True, stdin=True).spawn()
    a = c.attach()
    c.ask("start")
    a.send(b"a\x10b\n")
    a.expect(b"a^Pb")
    a.send(b"xyz\x10\x11")
    a.finish()
    equal(c.status()["state"], "running")
    until(lambda: "detach" in c.actions(), "event detach")
    b = c.attach(keys="ctrl-a,x")
    b.send(b"\x01x")
    b.finish()
    equal(c.ask("kill", signal=9), (204, None))
    c.ended()


# ---------------------------------------------------------------- health checks

def checked(w, command, *, times=("20ms", "10s", "0s", "20ms"), retries=1, silent=False, **options):
    """a running container that is checked: interval, timeout, start period, start interval"""
    units = {"ms": 10**6, "s": 10**9}
    ns = [str(int(t.rstrip("ms")) * units[t.lstrip("0123456789")]) for t in times]
    c = Container(w, options.pop("argv", ["sleep", "300"]), **options)
    words = [["plan", "1"], ["health-times", *ns], ["health-retries", str(retries)], ["subreaper"]]
    words += [["health-silent"]] if silent else []
    words += [["caps", "00000000a80425fb"], ["seccomp", "unconfined"], ["cwd", "/tmp"], ["user", ""],
              ["env", "PATH=/bin"], ["env", "WHO=probe"]]
    c.save_plan(c.run / "health-plan", words + [["arg", a] for a in command])
    equal(c.spawn().ask("start"), (204, None))
    return c


def results(c):
    """[(exit code, output)] of the log, oldest first"""
    data = (c.run / "health").read_bytes() if (c.run / "health").exists() else b""
    found, at = [], data.find(b"\n") + 1
    while at < len(data):
        end = data.index(b"\n", at)
        _, _, code, size = data[at:end].split()
        found.append((int(code), data[end + 1:end + 1 + int(size)]))
        at = end + int(size) + 2
    return found


def health(c):
    return c.status()["health"], int(c.status()["failing-streak"])


def case_health(w):
    """a health check: environment and folder of an exec, status, log of five, events on change only"""
    c = checked(w, [SH, "-c", "echo $WHO; pwd >&2; test -e good"])
    equal(health(c), ("starting", 0))
    until(lambda: health(c)[0] == "unhealthy", "unhealthy")
    until(lambda: len(results(c)) == 5 and health(c)[1] >= 6, "five results")
    equal(set(results(c)), {(1, b"probe\n/tmp\n")})
    e = c.exec_create([SH, "-c", "> /tmp/good"])
    c.exec_start(e).finish()
    until(lambda: health(c) == ("healthy", 0), "healthy")
    equal([a for a in c.actions() if a.startswith("health")],
          ["health_status: unhealthy", "health_status: healthy"])
    first = [x for x in w.events() if "execID" in x["Actor"]["Attributes"]][:3]
    text = f"{SH} -c echo $WHO; pwd >&2; test -e good"
    equal([x["Action"] for x in first], [f"exec_create: {text}", f"exec_start: {text}", "exec_die"])
    equal(len({x["Actor"]["Attributes"]["execID"] for x in first}), 1)
    equal(first[2]["Actor"]["Attributes"]["exitCode"], "1")
    c.ask("kill", signal=9)
    c.ended()
    equal(c.status()["health"], "unhealthy")


def case_health_late(w):
    """a probe that takes too long is killed with all that came of it, however far it ran away"""
    script = "echo $$; (sleep 300 & echo $!; (sleep 300 & echo $!)); sleep 300"
    c = checked(w, [SH, "-c", script], times=("10ms", "500ms", "0s", "10ms"), silent=True, host_pid=True)
    late = b"Health check exceeded timeout (500ms): "

    def complete():  # on a busy machine it may not have got far in its time
        return [text for code, text in results(c) if code == -1 and text.startswith(late) and text.count(b"\n") == 3]
    until(complete, "a probe that got so far")
    for pid in complete()[0].removeprefix(late).split():
        until(lambda p=pid.decode(): not alive(p), "its processes are gone")
    equal(health(c)[0], "unhealthy")
    equal([a for a in c.actions() if a.startswith("exec")], [])
    c.ask("kill", signal=9)
    c.ended()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def case_health_cannot_die(w):
    """a probe that took too long and cannot die yet holds nobody up, and is the last one until it has"""
    c = checked(w, ["sleep", "300"], times=("20ms", "300ms", "0s", "20ms"))

    def traced_probe():
        children = pathlib.Path(f"/proc/{c.monitor.pid}/task/{c.monitor.pid}/children").read_text().split()
        return next((int(p) for p in children if p != c.status()["pid"] and runs(p, "sleep") and trace(int(p))), None)
    while not (pid := traced_probe()):
        time.sleep(0.01)
    until(lambda: is_zombie(pid), "the probe's end")
    equal(c.ask("start"), (304, None))
    before = results(c)
    os.waitpid(pid, 0)
    until(lambda: results(c) != before, "its result")
    check(b"exceeded timeout" in results(c)[-1][1], results(c))
    c.ask("kill", signal=9)
    c.ended()


def case_health_broken(w):
    """a probe that cannot be started has failed; one that talks without end is cut"""
    c = checked(w, ["/no/such"])
    until(lambda: health(c)[0] == "unhealthy", "unhealthy")
    code, output = results(c)[0]
    check(code == -1 and b"no such file" in output, output)
    c.ask("kill", signal=9)
    c.ended()
    c = checked(w, [SH, "-c", "yes | head -c 1000000"])
    until(lambda: health(c)[0] == "healthy", "healthy")
    equal(results(c)[0], (0, b"y\n" * 2048 + b"..."))
    c.ask("kill", signal=9)
    c.ended()


def case_health_at_the_end(w):
    """a container that ends while it is probed ends at once; the monitor's death says nothing of its health"""
    c = checked(w, ["sleep", "300"])
    until(lambda: [a for a in c.actions() if a.startswith("exec_start")], "a probe")
    began = time.monotonic()
    equal(c.ask("kill", signal=9), (204, None))
    c.ended()
    check(time.monotonic() - began < 4, "it waited for the probe")
    equal(results(c), [])


# ---------------------------------------------------------------- restart policies

def restarts(c):
    return int(c.status()["restart-count"])


def in_pause(c):
    until(lambda: c.status()["state"] == "restarting", "a pause")
    return c


def looping(w, script="exit 3", policy=("always", "0"), **options):
    """a container that ends at once, again and again"""
    c = Container(w, [SH, "-c", script], restart=list(policy), **options).spawn()
    equal(c.ask("start"), (204, None))
    return c


def case_restarts(w):
    """on-failure: pauses that grow, each run in a fresh root, one log, a waiter for each end"""
    c = Container(w, [SH, "-c", "test ! -e /tmpfs/x && > /tmpfs/x && echo run; exit 3"],
                  restart=["on-failure", "2"], mount=["tmpfs", "tmpfs", "/tmpfs", "nosuid"])
    n = wait(c.spawn(), "next-exit")
    began = time.monotonic()
    equal(c.ask("start"), (204, None))
    equal(n.get(), {"StatusCode": 3})
    c.ended()
    check(0.3 <= time.monotonic() - began, "no pause")
    equal([line["log"] for line in c.log()], ["run\n"] * 3)
    equal(c.actions(), ["start", "die"] * 3)
    s = read_status(c.data / "state")
    equal((s["state"], s["exit-code"], s["run"], s["restart-count"]), ("exited", "3", "3", "2"))
    c = Container(w, ["true"], restart=["on-failure", "0"]).spawn()
    equal(c.ask("start"), (204, None))
    c.ended()
    equal(c.actions(), ["start", "die"])


def case_stop_in_pause(w):
    """stop, kill with the stop signal, and SIGTERM to the monitor end the pause; another signal does not"""
    c = in_pause(looping(w))
    n = wait(c)
    equal(c.ask("kill", signal=1)[0], 409)
    equal(c.ask("start"), (304, None))
    equal(c.ask("remove", force=0)[0], 409)
    in_pause(c)
    equal(c.ask("stop"), (204, None))
    n.get()
    c.ended()
    equal((c.status()["state"], c.status()["stopped"]), ("exited", "1"))
    equal(c.actions()[-2:], ["die", "stop"])
    c = in_pause(looping(w))
    equal(c.ask("kill", signal=15), (204, None))
    c.ended()
    equal((c.status()["state"], c.status()["stopped"]), ("exited", "1"))
    c = in_pause(looping(w))
    c.monitor.terminate()
    c.ended()
    equal((read_status(c.data / "state")["state"], c.status()["stopped"]), ("exited", "0"))
    c = in_pause(looping(w))
    equal(c.ask("remove", force=1), (204, None))
    c.ended()
    equal((c.actions()[-1], c.data.exists()), ("destroy", False))


def case_stop_is_remembered(w):
    """stop and kill end a container that always restarts; a reload signal does not change its policy"""
    script = "trap 'exit 5' HUP; trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done"
    c = looping(w, script)
    until(lambda: len(c.log()) == 1, "up")
    equal(c.ask("kill", signal=1), (204, None))
    until(lambda: len(c.log()) == 2, "up again")
    equal((restarts(c), c.status()["stopped"]), (1, "0"))
    equal(c.ask("stop"), (204, None))
    c.ended()
    equal((c.status()["state"], c.status()["stopped"], c.status()["exit-code"]), ("exited", "1", "6"))
    equal(c.actions(), ["start", "kill", "die", "start", "kill", "die", "stop"])
    equal(c.spawn().ask("start"), (204, None))
    equal((restarts(c), c.status()["stopped"]), (0, "0"))
    until(lambda: len(c.log()) == 3, "up")
    equal(c.ask("restart"), (204, None))
    equal(c.status()["state"], "running")
    equal(c.ask("kill", signal=9), (204, None))
    c.ended()
    equal((c.status()["state"], c.status()["stopped"]), ("exited", "1"))


def case_restart_in_pause(w):
    """restart in the pause begins anew"""
    c = looping(w, "test -e /tmp/x && sleep 300; > /tmp/x; exit 3", policy=("on-failure", "5"))
    in_pause(c)
    equal(c.ask("restart"), (204, None))
    equal((c.status()["state"], restarts(c)), ("running", 0))
    equal(c.actions(), ["start", "die", "stop", "start", "restart"])
    c.ask("kill", signal=9)
    c.ended()


def case_restart_policy_changed(w):
    """a policy that is changed while the container runs, or waits, is the one that counts"""
    c = looping(w, "trap 'exit 5' HUP; echo up; while :; do sleep 0.02; done")
    until(lambda: len(c.log()) == 1, "up")
    c.more["restart"] = ["on-failure", "1"]
    c.write_plan()
    c.send("reload", connect=False)
    c.ask("kill", signal=1)
    until(lambda: len(c.log()) == 2, "up again")
    equal(restarts(c), 1)
    del c.more["restart"]
    c.write_plan()
    c.send("reload", connect=False)
    c.ask("kill", signal=1)
    c.ended()
    equal((c.status()["state"], restarts(c)), ("exited", 1))
    c = in_pause(looping(w))
    del c.more["restart"]
    c.write_plan()
    c.send("reload", connect=False)
    c.ended()
    equal(read_status(c.data / "state")["state"], "exited")


def case_restart_that_fails(w):
    """a restart whose start fails is tried again as the policy says"""
    c = looping(w, "exit 3", policy=("on-failure", "3"))
    c.argv = ["/no/such"]
    c.write_plan()
    c.ended()
    s = c.status()
    equal((s["state"], s["exit-code"], s["restart-count"]), ("exited", "127", "3"))
    equal(c.actions(), ["start", "die"])


def case_restart_unhealthy(w):
    """restart-unhealthy: the program is ended once it is unhealthy, and comes again even if it ends well"""
    c = checked(w, ["false"], restart=["on-failure", "0"], restart_unhealthy=[],
                argv=[SH, "-c", "trap 'exit 0' TERM; while :; do sleep 0.02; done"])
    until(lambda: c.actions().count("start") == 2, "a restart")
    equal([a for a in c.actions() if not a.startswith("exec")][:5],
          ["start", "health_status: unhealthy", "kill", "die", "start"])
    c.ask("kill", signal=9)
    c.ended()


def case_killed_in_pause(w):
    """a monitor killed in the pause: the exit code is kept, and "again" goes on"""
    c = in_pause(looping(w, "test -e /tmp/x && sleep 300; > /tmp/x; exit 3"))
    c.kill()
    c.spawn("--recover", wait=True)
    s = c.status()
    equal((s["state"], s["exit-code"], s["exit-known"], s["restart-count"]), ("exited", "3", "1", "1"))
    equal(c.actions(), ["start", "die"])
    c.spawn().send("again", connect=False, boot=0)
    until(lambda: c.actions() == ["start", "die", "start"], "the next run")
    equal((c.status()["state"], restarts(c)), ("running", 2))
    c.kill()
    c.spawn().send("again", connect=False, boot=1)
    until(lambda: c.actions() == ["start", "die", "start", "die", "start"], "the one after")
    equal((c.status()["state"], restarts(c)), ("running", 0))
    equal(c.ask("stop", timeout=0), (204, None))
    c.ended()
    c.spawn().send("again", connect=False, boot=0)
    c.ended()
    equal(c.status()["state"], "exited")


# ---------------------------------------------------------------- exec

def running(w, **options):
    c = Container(w, ["sleep", "300"], **options).spawn()
    equal(c.ask("start"), (204, None))
    return c


def case_exec(w):
    """exec: streams, input, exit code on record before the stream ends"""
    c = running(w)
    e = c.exec_create([SH, "-c", "cat; echo err >&2; exit 12"])
    s = c.exec_start(e)
    s.send(b"input")
    s.half_close()
    equal(s.finish(), (b"input", b"err\n"))
    equal((c.exec_status(e)["state"], c.exec_status(e)["exit-code"]), ("exited", "12"))
    equal(c.actions()[1:], [f"exec_start: {SH} -c cat; echo err >&2; exit 12", "exec_die"])
    again = c.exec_start(e).finish()
    check(b"has already run" in again[0], again)
    code, body = answer(c.exec_start(e, detach=1))
    equal((code, body["message"]), (409, f"exec command {e} has already run"))
    c.ask("kill", signal=9)
    c.ended()
    code, body = answer(c.spawn().send("exec-start", id=e, detach=1, tty=0))
    check(code == 409, body)


def case_exec_not_running(w):
    """exec in a container that does not run is 409"""
    c = Container(w, ["true"])
    e = c.exec_create(["true"])
    code, body = answer(c.spawn().send("exec-start", id=e, detach=0, tty=0))
    equal((code, body["message"]), (409, f"container {c.id} is not running"))
    code, body = answer(c.spawn().send("exec-start", id=new_id(), detach=0, tty=0)
                        if c.ended() == 0 else None)
    equal(code, 404)


def case_exec_failed(w):
    """a program that is not there: text in the stream and 127, or 400 when detached"""
    c = running(w)
    e = c.exec_create(["/no/such"])
    out, _ = c.exec_start(e).finish()
    check(b"no such file or directory" in out or b"not found" in out, out)
    equal(c.exec_status(e)["exit-code"], "127")
    e = c.exec_create(["/no/such"])
    equal(answer(c.exec_start(e, detach=1))[0], 400)
    c.ask("kill", signal=9)


def case_exec_stopped(w):
    """a container that stops whatever comes into it holds up an exec, and nothing else"""
    c = Container(w, [SH, "-c", "while :; do kill -STOP -1; done"]).spawn()
    equal(c.ask("start"), (204, None))
    for _ in range(20):
        e = c.exec_create(["true"])
        code, body = answer(c.exec_start(e, detach=1))
        if code == 400:
            check("it was held up" in body["message"], body)
            break
    equal(c.ask("kill", signal=9), (204, None))
    c.ended()


def trace(pid):
    """From now on the process's end is ours, and nobody else's before we have seen it: os.waitpid() lets go."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if ptrace(0x4206, pid, None, None) < 0:  # PTRACE_SEIZE
        if ctypes.get_errno() == errno.ESRCH:
            return False
        raise Skipped(f"no right to trace: {os.strerror(ctypes.get_errno())}")
    return True


def runs(pid, name):
    with contextlib.suppress(FileNotFoundError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name


def ticks(pid):
    """processor time"""
    return sum(int(n) for n in pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])


def case_exec_traced(w):
    """an exec session's process whose end somebody else has to see first does not keep its monitor busy"""
    c = running(w)
    e = c.exec_create(["sleep", "300"])
    equal(answer(c.exec_start(e, detach=1))[0], 200)
    pid = int(c.exec_status(e)["pid"])
    trace(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_zombie(pid), "the process's end")
    before = ticks(c.monitor.pid)
    time.sleep(0.3)
    check(ticks(c.monitor.pid) - before <= 10, "the monitor is busy")
    equal(c.exec_status(e)["state"], "running")
    os.waitpid(pid, 0)
    until(lambda: c.exec_status(e)["state"] == "exited", "exec's end")
    equal(c.exec_status(e)["exit-code"], "137")
    c.ask("kill", signal=9)


def case_exec_detached(w):
    """a detached exec answers 200 with nothing and runs on"""
    c = running(w)
    e = c.exec_create([SH, "-c", "echo unseen; sleep 0.2; exit 5"])
    equal(answer(c.exec_start(e, detach=1)), (200, None))
    equal(c.exec_status(e)["state"], "running")
    until(lambda: c.exec_status(e)["state"] == "exited", "exec's end")
    equal(c.exec_status(e)["exit-code"], "5")
    c.ask("kill", signal=9)


def case_exec_tty(w):
    """exec on a terminal: early size, resize, raw or framed as the start asks"""
    c = running(w)
    e = c.exec_create([SH, "-c", "stty size; read x; stty size"], tty=True)
    equal(c.ask("exec-resize", id=e, height=20, width=70), (200, None))
    s = c.exec_start(e, tty=True)
    s.expect(b"20 70")
    equal(c.ask("exec-resize", id=e, height=21, width=71), (200, None))
    s.send(b"\n")
    s.expect(b"21 71")
    s.finish()
    e = c.exec_create([SH, "-c", "echo framed"], tty=True)
    equal(c.exec_start(e, tty=False).finish()[0], b"framed\r\n")
    c.ask("kill", signal=9)


def case_exec_backpressure(w):
    """an exec's output waits for its client and all of it arrives"""
    total = 20 << 20
    c = running(w)
    e = c.exec_create([SH, "-c", f"yes 0123456789abcde | head -c {total}"])
    s = c.exec_start(e)
    time.sleep(0.3)
    equal(c.exec_status(e)["state"], "running")
    equal(len(s.finish()[0]), total)
    equal(c.exec_status(e)["exit-code"], "0")
    c.ask("kill", signal=9)


def case_exec_client_gone(w):
    """a client that vanishes: the process goes on, its output thrown away, its input at an end"""
    c = running(w)
    e = c.exec_create([SH, "-c", "cat >/dev/null; yes | head -c 3000000; exit 21"])
    s = c.exec_start(e)
    s.send(b"x")
    s.close()
    until(lambda: c.exec_status(e)["state"] == "exited", "exec's end")
    equal(c.exec_status(e)["exit-code"], "21")
    c.ask("kill", signal=9)


def jammed(w, then, room, size):
    """an exec session that has written so much, of which its client has read nothing and some is in the pipe still"""
    c = running(w)
    e = c.exec_create([SH, "-c", f"yes 0123456789abcde | head -c {size}; > /written; {then}"])
    s = c.exec_start(e, room=room)
    until((c.data / "upper/written").exists, "all is written")
    return c, e, s


def case_exec_output_at_the_end(w):
    """what an exec session had written when its container ended still gets to its client"""
    for then, code in (("sleep 300", "137"), ("exit 9", "9")):
        c, e, s = jammed(w, then, 1, 290000)
        equal(c.ask("kill", signal=9), (204, None))
        equal(len(s.finish()[0]), 290000)
        equal(c.ended(), 0)
        record = c.exec_status(e)
        equal((record["state"], record["exit-code"]), ("exited", code))
        equal(c.actions().count("exec_die"), 1)


def case_exec_slow_client_goes_on(w):
    """a client that reads on just when an ended session's time is up gets the rest"""
    c, _, s = jammed(w, "exit 9", 32768, 340000)
    time.sleep(0.3)  # the session's end is noticed
    os.kill(c.monitor.pid, signal.SIGSTOP)
    early = b""
    s.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            early += s.sock.recv(65536)
    s.sock.settimeout(15)
    time.sleep(0.3)  # room first, then the time: found at once
    os.kill(c.monitor.pid, signal.SIGCONT)
    s.sock = Replayed(early, s.sock)
    equal(len(s.finish()[0]), 340000)
    c.ask("kill", signal=9)


def case_exec_output_taken(w):
    """somebody left behind who reads what is left, and holds the pipe open, does not hold the end up"""
    c, _, s = jammed(w, "sleep 300 & cat < /proc/self/fd/1 > /dev/null & exit 9", 32768, 340000)
    time.sleep(0.3)
    s.finish()
    c.ask("kill", signal=9)


def case_exec_client_lost_in_a_jam(w):
    """a client that vanishes when neither it nor the process reads leaves a process that goes on to its end"""
    c = running(w)
    e = c.exec_create(["cat"])
    s = c.exec_start(e, room=1)
    s.sock.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            s.send(bytes(65536))
    s.close()
    until(lambda: c.exec_status(e)["state"] == "exited", "exec's end")
    equal(c.exec_status(e)["exit-code"], "0")
    c.ask("kill", signal=9)


def case_exec_detach_keys(w):
    """detach keys leave an exec running"""
    c = running(w)
    e = c.exec_create([SH, "-c", "read x; exit 1"], tty=True, detach_keys="ctrl-x")
    s = c.exec_start(e, tty=True)
    s.send(b"\x18")
    s.finish()
    equal(c.exec_status(e)["state"], "running")
    until(lambda: "exec_detach" in c.actions(), "event")
    c.ask("kill", signal=9)
    c.ended()
    equal(c.exec_status(e)["state"], "exited")


def case_exec_many(w):
    """a hundred execs in a row, each with its output and its code"""
    c = running(w)
    for i in range(100):
        e = c.exec_create([SH, "-c", f"echo {i}; exit {i}"])
        equal(c.exec_start(e).finish()[0], f"{i}\n".encode())
        equal(c.exec_status(e)["exit-code"], str(i))
    c.ask("kill", signal=9)
    equal(c.ended(), 0)


def case_exec_expiry(w):
    """an exec session's folder goes five minutes after its end, a younger one stays"""
    c = running(w)
    young = c.exec_create(["true"])
    c.exec_start(young).finish()
    old = c.exec_create(["true"])
    path = c.run / "exec" / old / "status"
    path.write_text(seal(read_status(c.run / "exec" / young / "status") | {"finished": "1"}))
    c.ask("kill", signal=9)
    c.ended()
    c.spawn()
    equal(c.ask("start"), (204, None))
    check(not path.exists() and not (w.run / "execs" / old).is_symlink(), "the old one is there")
    equal(c.exec_status(young)["state"], "exited")
    c.ask("kill", signal=9)


# ---------------------------------------------------------------- the container's folder

def case_reload(w):
    """after a reload events carry the new name and labels"""
    c = running(w)
    c.name = "renamed"
    c.write_plan()
    c.send("reload", connect=False).close()
    equal(c.ask("kill", signal=9), (204, None))
    die = [e for e in w.events() if e["Action"] == "die"][0]
    equal(die["Actor"]["Attributes"]["name"], "renamed")


def case_removal_fails(w):
    """who waits for a removal that fails is told so"""
    c = Container(w, [SH, "-c", "exit 3"], auto_remove=True).spawn()
    gone = wait(c, "removed")
    lock = w.data / "lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    try:
        equal(c.ask("start"), (204, None))
        got = gone.get()
        equal(got["StatusCode"], 3)
        check("lock the containers" in got["Error"]["Message"], got)
        c.ended()
        equal(c.status()["state"], "dead")
    finally:
        lock.rmdir()
    equal(c.spawn().ask("remove", force=0), (204, None))
    check(not c.data.exists(), "left on disk")


def case_removed_meanwhile(w):
    """a container that is gone from the disk answers 404, and its monitor does not stay"""
    c = Container(w, ["true"])
    shutil.rmtree(c.data)
    c.run = pathlib.Path(f"/proc/self/fd/{os.open(c.run, os.O_PATH)}")  # which the monitor moves to the trash at once
    c.spawn()
    code, body = c.ask("start")
    equal((code, body["message"]), (404, f"No such container: {c.id}"))
    equal(c.ended(), 0)


def case_remove_while_held(w):
    """removing a container that never ran lets go whoever waits for it"""
    c = Container(w, ["true"]).spawn()
    a, n = c.attach(), wait(c, "next-exit")
    equal(c.ask("remove", force=0), (204, None))
    equal(a.finish(), (b"", b""))
    equal(n.code(), 0)
    equal(c.ended(), 0)


def case_senseless_messages(w):
    """messages without sense do no harm"""
    c = running(w)
    for data in (b"", b"x", b"\0" * 4, struct.pack("=I", 99) + b"start\0", os.urandom(500)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            c.at(sock.connect)
            sock.send(data)
    with c.send("no-such-operation") as sock:
        equal(sock.recv(10), b"")
    for op in ("attach", "wait", "exec-start", "resize", "exec-resize"):
        c.send(op, connect=False).close()
        c.send(op).close()
    equal(c.ask("start"), (304, None))
    c.ask("kill", signal=9)
    equal(c.ended(), 0)


# ---------------------------------------------------------------- crashes

def needs_crash_points():
    if b"before-exit-record" not in pathlib.Path(MONITOR).read_bytes():
        raise Skipped("built without crash points")


def recovered(c):
    c.spawn("--recover", wait=True)
    equal(c.monitor.returncode, 0)


def crash(w, point, auto_remove):
    c = Container(w, [SH, "-c", "sleep 0.1; exit 8"], auto_remove=auto_remove)
    c.spawn(env={"DAYFLY_CRASH_AT": point})
    n = wait(c, "next-exit")
    with contextlib.suppress(Failure, ConnectionResetError):
        c.ask("start")
    equal(c.ended(), -signal.SIGKILL)
    with contextlib.suppress(ConnectionResetError, Failure, ValueError):
        n.get()
    return c


def case_crash_points(w):
    """killed anywhere, a monitor leaves what --recover completes"""
    needs_crash_points()
    for point in ("after-clone", "after-running-record", "after-exit", "before-exit-record", "after-exit-record",
                  "after-die-event"):
        c = crash(w, point, False)
        begun = (c.status() or {}).get("started")
        recovered(c)
        recovered(c)  # again: nothing is left to do
        s = c.status()
        if point == "after-clone":
            check(s is None, s)
            continue
        known = point in ("after-exit-record", "after-die-event")
        want = ("exited", "8", "1") if known else ("exited", "255", "0")
        equal((point, s["state"], s["exit-code"], s["exit-known"]), (point, *want))
        equal(s["started"], begun)
        equal(what(read_status(c.data / "state")), what(s))
        equal((point, c.actions().count("die")), (point, 1))
        equal((point, c.death()["exitCode"], c.death()["colour"]), (point, want[1], "red"))
        equal(c.spawn().ask("remove", force=0), (204, None))


def case_crash_points_removed(w):
    """killed anywhere, an auto-remove container is gone after --recover"""
    needs_crash_points()
    for point in ("before-clone", "after-clone", "after-running-record", "after-exit", "before-exit-record",
                  "after-exit-record", "after-die-event", "before-remove", "after-remove"):
        c = crash(w, point, True)
        if point != "after-remove":
            recovered(c)
            equal((point, c.actions()[-1]), (point, "destroy"))
        equal((point, c.actions().count("die")), (point, 0 if point.endswith("clone") else 1))
        check(not c.data.exists() and not c.run.exists(), f"{point}: left on disk")
        check(not (w.data / "names" / c.name).is_symlink(), f"{point}: name left")


def case_killed_monitor(w):
    """kill -9 of a monitor ends its container; the next monitor tells and can start again"""
    c = Container(w, [SH, "-c", "echo up; sleep 300"]).spawn()
    a = c.attach()
    c.ask("start")
    a.expect(b"up")
    e = c.exec_create(["sleep", "300"])
    equal(answer(c.exec_start(e, detach=1))[0], 200)
    pid = int(c.status()["pid"])
    c.kill()
    until(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read().split()[2],
          "the container's end")
    c.spawn()
    got = wait(c).get()
    equal(got["StatusCode"], 255)
    check("unknown" in got["Error"]["Message"], got)
    equal(c.exec_status(e)["state"], "exited")
    c.spawn() if c.ended() == 0 else None
    equal(c.ask("start"), (204, None))
    equal(c.status()["run"], "2")
    equal(c.ask("remove", force=1), (204, None))


def case_killed_at_random(w):
    """killed at any moment, a monitor leaves a record --recover settles, and no process"""
    for i in range(40):
        c = Container(w, [SH, "-c", "sleep 0.005; exit 3"], auto_remove=i % 2 == 0)
        c.spawn()
        c.send("start").close()
        time.sleep(random.uniform(0, 0.03))
        c.kill()
        pid = int((c.status() or {}).get("pid", 0))
        if not c.data.exists() and not c.run.exists():
            continue
        recovered(c)
        s = c.status()
        check(s is None or s["state"] in ("created", "exited"), s)
        check(s is None or s["state"] == "created" or (s["exit-code"], s["exit-known"]) in (("3", "1"), ("255", "0")), s)
        check(c.auto_remove is False or not s or (s["state"], s.get("unfinished", "0")) == ("created", "0"), s)
        deaths = c.actions().count("die")
        check(deaths == 1 if pid or s and s["state"] == "exited" else deaths <= 1, c.actions(), s)
        check(pid == 0 or not os.path.exists(f"/proc/{pid}/exe"), f"process {pid} is left")


def case_exit_known_to_one_record(w):
    """killed between the two copies of the exit record, the code is known after all"""
    c = running(w)
    c.kill()
    s = read_status(c.data / "state")
    (c.data / "state").write_text(seal(s | {"state": "exited", "exit-code": "6", "exit-known": "1",
                                            "finished": s["started"], "pid": "0"}))
    recovered(c)
    equal((c.status()["state"], c.status()["exit-code"], c.status()["exit-known"]), ("exited", "6", "1"))
    equal((c.actions().count("die"), c.death()["exitCode"]), (1, "6"))


def case_exit_in_pause_known_to_one_record(w):
    """the same where a restart was due: the code is known, and the restart counted"""
    c = running(w, restart=["on-failure", "0"])
    c.kill()
    s = read_status(c.data / "state")
    (c.data / "state").write_text(seal(s | {"state": "restarting", "exit-code": "6", "exit-known": "1",
                                            "finished": s["started"], "pid": "0", "restart-count": "1"}))
    recovered(c)
    s = c.status()
    equal((s["state"], s["exit-code"], s["exit-known"], s["restart-count"]), ("exited", "6", "1", "1"))
    equal(what(read_status(c.data / "state")), what(s))
    equal((c.actions().count("die"), c.death()["exitCode"]), (1, "6"))


def case_journal_put_aside(w):
    """a death is told once, also when the journal's file is put aside meanwhile"""
    needs_crash_points()
    for point in ("after-exit-record", "after-die-event"):
        c = crash(w, point, False)
        (w.data / "events/current").rename(w.data / f"events/{time.time_ns()}")
        recovered(c)
        recovered(c)
        told = [json.loads(line) for path in (w.data / "events").iterdir() for line in path.read_text().splitlines()]
        equal((point, [e["Action"] for e in told if e["id"] == c.id].count("die")), (point, 1))


# ---------------------------------------------------------------- the machine goes down

def reboot(c):
    """Nothing but the data tree is left, and the boot id is another one."""
    c.kill()
    shutil.rmtree(c.world.run)
    c.run.mkdir(parents=True)
    state = c.data / "state"
    if state.exists():
        state.write_text(seal(read_status(state) | {"boot-id": "00000000-0000-0000-0000-000000000000"}))


def identify(c):
    """As the switchboard does before a recovery: a plan of whom the container is."""
    words = [["plan", "1"], ["id", c.id], ["name", c.name], ["image", "busybox"],
             ["attrs", f'"image":"busybox","name":"{c.name}","colour":"red"']]
    c.save_plan(c.run / "plan", words + ([["auto-remove"]] if c.auto_remove else []))


def case_reboot(w):
    """after a reboot a run is over with an unknown code; whoever has its pids now is left alone"""
    c = running(w)
    reboot(c)
    bystander = subprocess.Popen(["sleep", "60"])
    with open(f"/proc/{bystander.pid}/stat") as stat:
        start = stat.read().rsplit(")", 1)[1].split()[19]
    (c.data / "state").write_text(seal(read_status(c.data / "state") | {
        "pid": str(bystander.pid), "pid-start": start, "monitor": str(bystander.pid), "monitor-start": start}))
    identify(c)
    recovered(c)
    recovered(c)
    check(bystander.poll() is None, "a stranger was killed")
    bystander.kill()
    bystander.wait()
    s = c.status()
    equal((s["state"], s["exit-code"], s["exit-known"]), ("exited", "255", "0"))
    equal(what(read_status(c.data / "state")), what(s))
    equal((c.actions().count("die"), c.death()["colour"], c.death()["name"]), (1, "red", c.name))
    c.write_plan()
    c.spawn()
    equal(c.ask("start"), (204, None))
    equal(c.status()["run"], "2")
    c.ask("kill", signal=9)
    c.ended()


def case_reboot_after_the_end(w):
    """after a reboot what had ended is as it was, and told no second time"""
    c = Container(w, [SH, "-c", "exit 4"]).spawn()
    c.ask("start")
    c.ended()
    before = read_status(c.data / "state")
    reboot(c)
    identify(c)
    recovered(c)
    equal(read_status(c.data / "state") | {"boot-id": 0, "sum": 0}, before | {"boot-id": 0, "sum": 0})
    equal(c.actions().count("die"), 1)


def case_reboot_auto_remove(w):
    """after a reboot an auto-remove container goes, whatever it was doing"""
    for busy in (True, False):
        c = running(w, auto_remove=True) if busy else Container(w, ["true"], auto_remove=True)
        reboot(c)
        identify(c)
        recovered(c)
        check(not c.data.exists() and not c.run.exists(), "left on disk")
        check(not (w.data / "names" / c.name).is_symlink(), "name left")
        equal(c.actions()[-1], "destroy")


def case_reboot_asked_first(w):
    """after a reboot an auto-remove container answers who starts it that it is gone"""
    c = Container(w, ["true"], auto_remove=True)
    reboot(c)
    c.write_plan()
    c.spawn()
    with contextlib.suppress(FileNotFoundError):  # its folder may be gone before we ask
        code, body = c.ask("start")
        equal((code, body["message"]), (404, f"No such container: {c.id}"))
    equal(c.ended(), 0)
    check(not c.data.exists(), "left on disk")


def case_many_at_once(w):
    """eight at a time, every exit code is right and every monitor ends"""
    failures = []

    def one(number):
        try:
            for i in range(25):
                code = (number * 25 + i) % 256
                c = Container(w, [SH, "-c", f"echo {code}; exit {code}"], auto_remove=True).spawn()
                a, gone = c.attach(), wait(c, "removed")
                equal(c.ask("start"), (204, None))
                equal(a.finish()[0], f"{code}\n".encode())
                equal(gone.code(), code)
                c.ended()
        except Exception as e:  # pylint: disable=broad-except
            failures.append(repr(e))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(failures, [])
    equal(list((w.data / "containers").iterdir()), [])


# ---------------------------------------------------------------- idle

def proc_numbers(pid, name, *keys):
    numbers = {}
    for line in pathlib.Path(f"/proc/{pid}/{name}").read_text().splitlines():
        key, _, value = line.partition(":")
        if key in keys:
            numbers[key] = int(value.split()[0])
    return numbers


def case_idle(w):
    """an idle monitor does not wake up"""
    c = running(w)
    e = c.exec_create([SH, "-c", "yes | head -c 5000000"])
    c.exec_start(e).finish()
    def asleep():
        before = proc_numbers(c.monitor.pid, "status", "voluntary_ctxt_switches")
        time.sleep(1.5)
        return proc_numbers(c.monitor.pid, "status", "voluntary_ctxt_switches") == before
    # on a busy machine the last of the work may take its time; whoever polls never gets there
    until(asleep, "a pause without a wake-up")
    fds = sorted(os.readlink(f"/proc/{c.monitor.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{c.monitor.pid}/fd"))
    memory = proc_numbers(c.monitor.pid, "smaps_rollup", "Pss", "Private_Dirty", "Rss")
    c.ask("kill", signal=9)
    return f"{memory}, {len(fds)} descriptors"


def case_own_program(w):
    """a monitor whose program is the user's own runs it from a read-only place"""
    if os.geteuid() == os.stat(MONITOR).st_uid:
        own = MONITOR
    else:
        own = shutil.copy(MONITOR, w.top)
        shutil.copy(pathlib.Path(MONITOR).with_name("dayfly-worker"), w.top)
    profile = w.top / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW"}))
    c = running(w, program=own, seccomp=str(profile))
    check(os.statvfs(f"/proc/{c.monitor.pid}/exe").f_flag & os.ST_RDONLY, "it can be changed")
    equal(pathlib.Path(f"/proc/{c.monitor.pid}/comm").read_text(), "dayfly-monitor\n")
    c.ask("kill", signal=9)


def main():
    cases = {n[5:]: f for n, f in globals().items() if n.startswith("case_")}
    names = sys.argv[1:] or list(cases)
    failed = 0
    for number, name in enumerate(names, 1):
        world = World()
        known = []
        original = Container.__init__

        def remember(self, *args, __original=original, __known=known, **kw):
            __known.append(self)
            __original(self, *args, **kw)
        Container.__init__ = remember
        begun = time.monotonic()
        try:
            note = cases[name](world)
            verdict = "ok"
        except Skipped as reason:
            note, verdict = None, f"ok # SKIP {reason}:"
        except Exception:  # pylint: disable=broad-except
            note, verdict = traceback.format_exc(limit=-2), "not ok"
            failed += 1
        Container.__init__ = original
        for c in known:
            c.kill()
        world.close()
        print(f"{verdict} {number} {name}: {cases[name].__doc__} ({time.monotonic() - begun:.2f} s)", flush=True)
        if note:
            print("\n".join(f"  # {line}" for line in str(note)[:3000].strip().splitlines()), flush=True)
    print(f"1..{len(names)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
