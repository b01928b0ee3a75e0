#!/usr/bin/python3
"""What people type: the docker CLI against a private engine. usage: cli.py [REGEX]"""
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time

import suite
from cli_tools import Terminal, docker, environment, try_docker
from engine import IMAGE
from suite import case, has, matches, same, until

if not shutil.which("docker"):
    print("no docker CLI here")
    sys.exit(77)


def run(e, *cmd, options=(), **more):
    return docker(e, "run", "--rm", *options, IMAGE, *cmd, **more)


def inspect(e, name, template):
    return docker(e, "inspect", "-f", template, name)


# ---- run

@case("run prints the output and --rm leaves nothing")
def _(e):
    same(run(e, "echo", "hello world", options=("--name", "c1")), "hello world")
    until(lambda: docker(e, "ps", "-aq") == "")


@case("the exit status of the program is the client's")
def _(e):
    for code in (0, 1, 7, 255):
        same(try_docker(e, "run", "--rm", IMAGE, "sh", "-c", f"exit {code}").code, code)


@case("a program killed by a signal exits with 128 and its number")
def _(e):
    same(try_docker(e, "run", "--rm", "--init", IMAGE, "sh", "-c", "kill -9 $$").code, 137)


@case("a program that is not there is 127, one that cannot be run 126")
def _(e):
    for word, code, text in (("/no/such", 127, "no such file or directory"),
                             ("nosuch", 127, "executable file not found in $PATH"),
                             ("/etc/passwd", 126, "permission denied"), ("/etc", 126, "permission denied")):
        r = try_docker(e, "run", "--rm", IMAGE, word)
        same((word, r.code), (word, code))
        has(r.err.decode(), text)


@case("a start that fails leaves the container created, with its exit code")
def _(e):
    same(try_docker(e, "run", "--name", "c1", IMAGE, "/no/such").code, 127)
    same(inspect(e, "c1", "{{.State.Status}} {{.State.ExitCode}}"), "created 127")


@case("stdout and stderr stay apart")
def _(e):
    r = try_docker(e, "run", "--rm", "--network", "none", IMAGE, "sh", "-c", "echo out; echo err >&2")
    same((r.out, r.err), (b"out\n", b"err\n"))


@case("-i passes standard input to its end")
def _(e):
    same(run(e, "cat", options=("-i",), stdin=b"a\nb\n"), "a\nb")


@case("8 MiB go in and come out unchanged")
def _(e):
    data = os.urandom(8 << 20)
    r = try_docker(e, "run", "--rm", "-i", IMAGE, "cat", stdin=data, timeout=60)
    same((r.code, r.out == data, len(r.out)), (0, True, len(data)))


@case("8 MiB of output arrive whole without -i")
def _(e):
    r = try_docker(e, "run", "--rm", IMAGE, "head", "-c", "8388608", "/dev/zero")
    same((r.code, len(r.out)), (0, 8388608))


@case("-it gives a terminal with the client's size, cooked output and TERM")
def _(e):
    t = Terminal(e, "run", "--rm", "-it", IMAGE, "sh", "-c", "sleep 1; tty; echo $TERM; stty size",
                 rows=33, columns=77)
    code, out = t.finish()
    same(code, 0)
    matches(out.decode(), r"/dev/pts/0\r\nxterm\r\n33 77\r\n$")


@case("an interactive shell answers and its exit status arrives")
def _(e):
    t = Terminal(e, "run", "--rm", "-it", IMAGE, "sh")
    t.expect(b"/ #")
    t.send(b"echo v-$((1+1))\n")
    t.expect(b"\nv-2")
    t.send(b"exit 3\n")
    same(t.finish()[0], 3)


@case("ctrl-c in a terminal reaches the program")
def _(e):
    t = Terminal(e, "run", "--name", "c1", "-it", IMAGE, "sh", "-c",
                 "trap 'exit 130' INT; echo ready; while :; do sleep 0.1; done")
    t.expect(b"ready")
    t.send(b"\3")
    same(t.finish()[0], 130)
    same(inspect(e, "c1", "{{.State.ExitCode}}"), "130")


@case("a signal to the client is passed on")
def _(e):
    p = subprocess.Popen(["docker", "run", "--name", "c1", IMAGE, "sh", "-c",
                          "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done"],
                         env=environment(e), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    same(p.stdout.readline(), b"ready\n")
    p.terminate()
    same(p.wait(20), 9)


@case("-d prints the id; name and id prefix find it")
def _(e):
    container = docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    matches(container, "^[0-9a-f]{64}$")
    same(docker(e, "ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Command}}"),
         f'{container} c1 "sleep 60"')
    same(inspect(e, container[:8], "{{.Name}}"), "/c1")


@case("-w makes the working folder when it is missing")
def _(e):
    same(run(e, "pwd", options=("-w", "/made/here")), "/made/here")


@case("-u takes numbers and names; a name that is not there fails")
def _(e):
    same(run(e, "sh", "-c", "id -u; id -g", options=("-u", "1234:4321")), "1234\n4321")
    same(run(e, "id", "-u", options=("-u", "nobody")), "65534")
    assert try_docker(e, "run", "--rm", "-u", "nosuchuser", IMAGE, "id").code != 0
    has(run(e, "id", "-G", options=("-u", "1000", "--group-add", "777")).split(), "777")


@case("the host name is in uname and /etc/hosts; without -h it is the short id")
def _(e):
    out = run(e, "sh", "-c", "hostname; cat /etc/hosts; cat /etc/hostname", options=("-h", "myhost"))
    assert out.count("myhost") >= 3, out
    container = docker(e, "run", "-d", "--name", "c1", IMAGE, "hostname")
    docker(e, "wait", "c1")
    same(docker(e, "logs", "c1"), container[:12])


@case("capabilities: Docker's default set, --cap-drop and --cap-add")
def _(e):
    def caps(kind, *options):
        return run(e, "grep", kind, "/proc/self/status", options=options).split()[1]
    same(caps("CapEff", "--cap-drop", "ALL"), "0000000000000000")
    same(caps("CapEff", "--cap-drop", "ALL", "--cap-add", "CHOWN"), "0000000000000001")
    same(caps("CapBnd"), "00000000a80425fb")
    same(caps("CapEff"), "00000000a80425fb")
    same(caps("CapEff", "-u", "1000"), "0000000000000000")
    assert int(caps("CapEff", "--privileged"), 16) > 0xa80425fb


@case("no-new-privileges and seccomp are as asked")
def _(e):
    def status(word, *options):
        return run(e, "grep", f"^{word}:", "/proc/self/status", options=options).split()[1]
    same(status("NoNewPrivs", "--security-opt", "no-new-privileges"), "1")
    same(status("NoNewPrivs"), "0")
    same(status("Seccomp"), "2")
    same(status("Seccomp", "--security-opt", "seccomp=unconfined"), "0")


@case("a seccomp profile of one's own is applied")
def _(e):
    (e.root / "profile.json").write_text(
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":'
        '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}')
    r = try_docker(e, "run", "--rm", "--security-opt", "seccomp=profile.json", IMAGE, "mkdir", "/x")
    assert r.code != 0
    has(r.err.decode(), "Operation not permitted")


@case("kernel paths are masked or read-only")
def _(e):
    same(run(e, "sh", "-c", "wc -c </proc/kcore 2>/dev/null || echo 0"), "0")
    assert try_docker(e, "run", "--rm", IMAGE, "sh", "-c", "echo 1 >/proc/sys/kernel/printk").code != 0


@case("--init is pid 1, reaps, and passes signals on")
def _(e):
    docker(e, "run", "-d", "--name", "c1", "--init", IMAGE, "sleep", "60")
    assert docker(e, "exec", "c1", "cat", "/proc/1/comm") != "sleep"
    docker(e, "stop", "-t", "8", "c1")
    same(inspect(e, "c1", "{{.State.ExitCode}}"), "143")


@case("--network none has only loopback, host has the host's interfaces")
def _(e):
    same(run(e, "ls", "/sys/class/net", options=("--network", "none")), "lo")
    with open("/proc/net/dev") as f:
        interfaces = len(f.readlines())
    same(run(e, "sh", "-c", "wc -l </proc/net/dev", options=("--network", "host")), str(interfaces))


@case("bind mounts: rw, ro, a single file, and a missing source is made")
def _(e):
    folder = e.root / "d"
    folder.mkdir()
    (folder / "f").write_text("host\n")
    same(run(e, "sh", "-c", "cat /m/f; echo c >/m/g", options=("-v", f"{folder}:/m")), "host")
    same((folder / "g").read_text(), "c\n")
    assert try_docker(e, "run", "--rm", "-v", f"{folder}:/m:ro", IMAGE, "touch", "/m/no").code != 0
    same(run(e, "cat", "/etc/one", options=("-v", f"{folder}/f:/etc/one:ro")), "host")
    run(e, "true", options=("-v", f"{e.root}/new/folder:/m"))
    assert (e.root / "new/folder").is_dir()


@case("files written by the container's root belong to the user outside")
def _(e):
    folder = e.root / "own"
    folder.mkdir()
    run(e, "touch", "/m/f", options=("-v", f"{folder}:/m"))
    same((folder / "f").stat().st_uid, os.getuid())


@case("six at once")
def _(e):
    many = [subprocess.Popen(["docker", "run", "--rm", IMAGE, "echo", f"n{i}"], env=environment(e),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL) for i in range(6)]
    same([p.communicate(timeout=60)[0] for p in many], [b"n%d\n" % i for i in range(6)])


# ---- create, start, attach

@case("create, start, start again, start -a")
def _(e):
    docker(e, "create", "--name", "c1", IMAGE, "echo", "started")
    same(inspect(e, "c1", "{{.State.Status}}"), "created")
    same(docker(e, "start", "c1"), "c1")
    docker(e, "wait", "c1")
    same(docker(e, "start", "-a", "c1"), "started")
    docker(e, "run", "-d", "--name", "c2", IMAGE, "sleep", "60")
    docker(e, "start", "c2")


@case("start -ai passes standard input")
def _(e):
    docker(e, "create", "-i", "--name", "c1", IMAGE, "cat")
    same(docker(e, "start", "-ai", "c1", stdin=b"through\n"), "through")


@case("attach sees the output and the exit status")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c", "sleep 1; echo late; exit 5")
    r = try_docker(e, "attach", "c1")
    same((r.code, r.out), (5, b"late\n"))
    assert try_docker(e, "attach", "c1").code != 0


@case("the detach keys leave it running")
def _(e):
    docker(e, "run", "-dit", "--name", "c1", IMAGE, "sh")
    t = Terminal(e, "attach", "c1")
    t.send(b"echo in-$((40+2))\n")
    t.expect(b"in-42")
    t.send(b"\x10\x11")
    code, out = t.finish()
    has(out, b"read escape sequence")
    same(inspect(e, "c1", "{{.State.Status}}"), "running")
    t = Terminal(e, "attach", "--detach-keys", "ctrl-a", "c1")
    t.send(b"echo again-$((1+1))\n")
    t.expect(b"again-2")
    t.send(b"\x01")
    has(t.finish()[1], b"read escape sequence")


# ---- logs

@case("logs: streams apart, --tail, -t")
def _(e):
    docker(e, "run", "--name", "c1", IMAGE, "sh", "-c", "for i in 1 2 3 4; do echo l$i; done; echo e >&2")
    r = try_docker(e, "logs", "c1")
    same((r.out, r.err), (b"l1\nl2\nl3\nl4\n", b"e\n"))
    r = try_docker(e, "logs", "--tail", "2", "c1")
    same(len((r.out + r.err).splitlines()), 2)
    same(docker(e, "logs", "--tail", "0", "c1"), "")
    matches(docker(e, "logs", "-t", "c1").splitlines()[0], r"^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{1,9}Z l1$")


@case("logs --since and --until cut by time")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c", "echo first; sleep 2; echo second; sleep 60")
    until(lambda: "second" in docker(e, "logs", "c1"))
    stamp = docker(e, "logs", "-t", "c1").splitlines()[1].split()[0]
    same(docker(e, "logs", "--since", stamp, "c1"), "second")
    same(docker(e, "logs", "--until", "1s", "c1").splitlines()[0], "first")


@case("logs -f follows and ends with the container")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c", "for i in 1 2 3; do echo t$i; sleep 0.4; done")
    same(docker(e, "logs", "-f", "c1"), "t1\nt2\nt3")


@case("logs -f --tail 1: the last old line, then the new ones")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c", "echo a; echo b; sleep 2; echo c")
    until(lambda: "b" in docker(e, "logs", "c1"))
    same(docker(e, "logs", "-f", "--tail", "1", "c1"), "b\nc")


@case("logs of a terminal, of long lines, of a last line without its end")
def _(e):
    docker(e, "run", "-dt", "--name", "c4", IMAGE, "echo", "tt")
    docker(e, "wait", "c4")
    same(docker(e, "logs", "c4").rstrip("\r"), "tt")
    script = "head -c 200000 /dev/zero | tr '\\0' x; echo; seq 1 100000; printf end"
    r = try_docker(e, "run", "--name", "c1", IMAGE, "sh", "-c", script)
    same(r.out, b"x" * 200000 + b"\n" + b"".join(b"%d\n" % i for i in range(1, 100001)) + b"end")
    same(try_docker(e, "logs", "c1").out == r.out, True)


@case("logs keep bytes that are no UTF-8")
def _(e):
    r = try_docker(e, "run", "--name", "c1", IMAGE, "printf", r"\377\376\001x\n")
    same(r.out, b"\xff\xfe\x01x\n")
    same(try_docker(e, "logs", "c1").out, b"\xff\xfe\x01x\n")


@case("logs go on over a second start")
def _(e):
    docker(e, "run", "--name", "c1", IMAGE, "echo", "again")
    docker(e, "start", "-a", "c1")
    same(docker(e, "logs", "c1"), "again\nagain")


@case("logs rotate by max-size and max-file, and what is kept is whole")
def _(e):
    docker(e, "run", "--name", "c1", "--log-opt", "max-size=100k", "--log-opt", "max-file=3", IMAGE,
           "seq", "1", "20000")
    lines = docker(e, "logs", "c1").splitlines()
    same(lines[-1], "20000")
    same(lines, [str(i) for i in range(int(lines[0]), 20001)])
    assert 1000 < len(lines) < 6000, len(lines)


# ---- exec

@case("exec: output, exit status, both streams")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    same(docker(e, "exec", "c1", "echo", "in"), "in")
    same(try_docker(e, "exec", "c1", "sh", "-c", "exit 42").code, 42)
    r = try_docker(e, "exec", "c1", "sh", "-c", "echo oo; echo ee >&2")
    same((r.out, r.err), (b"oo\n", b"ee\n"))
    same(try_docker(e, "exec", "c1", "/nope").code, 127)
    r = try_docker(e, "exec", "zz", "true")
    same(r.code, 1)
    has(r.err.decode(), "No such container")


@case("exec -i: 4 MiB there and back")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    data = os.urandom(4 << 20)
    same(try_docker(e, "exec", "-i", "c1", "cat", stdin=data).out == data, True)


@case("exec -it: a terminal and its exit status")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    t = Terminal(e, "exec", "-it", "c1", "sh")
    t.expect(b"#")
    t.send(b"tty; exit 3\n")
    t.expect(b"/dev/pts/")
    same(t.finish()[0], 3)


@case("exec -d runs on by itself")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    docker(e, "exec", "-d", "c1", "sh", "-c", "sleep 0.2; touch /done")
    until(lambda: try_docker(e, "exec", "c1", "test", "-e", "/done").code == 0)


@case("exec in a container that does not run fails")
def _(e):
    docker(e, "create", "--name", "c1", IMAGE, "true")
    r = try_docker(e, "exec", "c1", "true")
    same(r.code, 1)
    has(r.err.decode(), "is not running")


@case("exec --privileged has more capabilities")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    caps = docker(e, "exec", "--privileged", "c1", "grep", "CapEff", "/proc/self/status").split()[1]
    assert int(caps, 16) > 0xa80425fb, caps


@case("twenty execs in a row answer, and none is left over")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    for i in range(20):
        same(docker(e, "exec", "c1", "echo", str(i)), str(i))
    until(lambda: inspect(e, "c1", "{{.ExecIDs}}") == "[]")


# ---- stop, kill, restart, wait, rename, rm

@case("stop sends TERM first; -t 1 then kills")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c",
           "trap 'exit 21' TERM; echo r; while :; do sleep 0.1; done")
    until(lambda: docker(e, "logs", "c1") == "r")
    same(docker(e, "stop", "c1"), "c1")
    same(inspect(e, "c1", "{{.State.ExitCode}} {{.State.Status}}"), "21 exited")
    docker(e, "stop", "c1")
    docker(e, "run", "-d", "--name", "c2", IMAGE, "sh", "-c",
           "trap '' TERM; echo r; while :; do sleep 0.1; done")
    until(lambda: docker(e, "logs", "c2") == "r")
    begin = time.monotonic()
    docker(e, "stop", "-t", "1", "c2")
    assert 0.9 < time.monotonic() - begin < 9.5  # not the ten seconds of a stop without -t
    same(inspect(e, "c2", "{{.State.ExitCode}}"), "137")


@case("--stop-signal is what stop sends")
def _(e):
    docker(e, "run", "-d", "--name", "c1", "--stop-signal", "USR1", IMAGE, "sh", "-c",
           "trap 'exit 12' USR1; echo r; while :; do sleep 0.1; done")
    until(lambda: docker(e, "logs", "c1") == "r")
    docker(e, "stop", "c1")
    same(inspect(e, "c1", "{{.State.ExitCode}}"), "12")


@case("kill: signals by name and number, KILL by default, and it says so when nothing runs")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sh", "-c",
           "trap 'echo usr' USR1; echo r; while :; do sleep 0.05; done")
    until(lambda: docker(e, "logs", "c1") == "r")
    for n, signal in enumerate(("USR1", "SIGUSR1", "10"), 1):
        docker(e, "kill", "-s", signal, "c1")
        until(lambda: docker(e, "logs", "c1").count("usr") == n)
    docker(e, "kill", "c1")
    same(inspect(e, "c1", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137")
    r = try_docker(e, "kill", "c1")
    same(r.code, 1)
    has(r.err.decode(), "is not running")


@case("restart: same id, new process")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    form = "{{.Id}} {{.State.Pid}} {{.State.StartedAt}}"
    before = inspect(e, "c1", form).split()
    docker(e, "restart", "-t", "0", "c1")
    after = inspect(e, "c1", form).split()
    same(after[0], before[0])
    assert after[1] != before[1] and after[2] != before[2]


@case("rm: a running one needs -f; several at once; a missing one is told")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "60")
    r = try_docker(e, "rm", "c1")
    same(r.code, 1)
    has(r.err.decode(), "container is running")
    docker(e, "rm", "-f", "c1")
    docker(e, "create", "--name", "c2", IMAGE)
    docker(e, "create", "--name", "c3", IMAGE)
    same(docker(e, "rm", "c2", "c3"), "c2\nc3")
    r = try_docker(e, "rm", "c2")
    same(r.code, 1)
    has(r.err.decode(), "No such container")
    same(try_docker(e, "rm", "-f", "c2").code, 0)


# ---- ps, inspect, images, events, system

@case("ps: filters")
def _(e):
    docker(e, "run", "-d", "--name", "aa", IMAGE, "sleep", "60")
    try_docker(e, "run", "--name", "bb", IMAGE, "sh", "-c", "exit 6")
    docker(e, "create", "--name", "cc", "-l", "k=v", IMAGE)

    def names(*filters):
        args = [w for f in filters for w in ("--filter", f)]
        return sorted(docker(e, "ps", "-a", "--format", "{{.Names}}", *args).split())
    same(names("status=running"), ["aa"])
    same(names("status=created"), ["cc"])
    same(names("exited=6"), ["bb"])
    same(names(f"ancestor={IMAGE}"), ["aa", "bb", "cc"])
    same(names("name=^/?bb$"), ["bb"])
    same(names("label=k=v"), ["cc"])
    same(names("before=bb"), ["aa"])
    same(names("since=bb"), ["cc"])
    same(names("network=bridge", "name=aa"), ["aa"])
    same(docker(e, "ps", "--format", "{{.Names}}"), "aa")


@case("load from a file and from standard input, compressed too; garbage is an error")
def _(e):
    has(docker(e, "load", "-i", str(e.archive)), f"Loaded image: {IMAGE}")
    for tool in ("gzip", "zstd"):
        if shutil.which(tool):
            packed = subprocess.run([tool, "-c", str(e.archive)], capture_output=True, check=True).stdout
            has(docker(e, "load", stdin=packed), f"Loaded image: {IMAGE}")
    (e.root / "junk.tar").write_bytes(b"junk\n")
    assert try_docker(e, "load", "-i", str(e.root / "junk.tar")).code != 0


@case("import makes an image from a root file system")
def _(e):
    plain = io.BytesIO()
    with tarfile.open(e.archive) as outer:
        layer = next(m for m in outer if m.name.endswith(".tar"))
        plain.write(outer.extractfile(layer).read())
    image = docker(e, "import", "-c", 'CMD ["echo","from import"]', "-", "imported:1", stdin=plain.getvalue())
    matches(image, "^sha256:[0-9a-f]{64}$")
    same(docker(e, "run", "--rm", "imported:1"), "from import")
    docker(e, "rmi", "imported:1")


@case("an old API version works when asked for, a future one is refused")
def _(e):
    for version in ("1.24", "1.30", "1.40", "1.44"):
        same(run(e, "echo", "old", env={"DOCKER_API_VERSION": version}), "old")
    assert try_docker(e, "ps", env={"DOCKER_API_VERSION": "1.99"}).code != 0


@case("events: a container's life in order, with its attributes")
def _(e):
    begin = f"{time.time():.6f}"
    try_docker(e, "run", "--name", "aa", "-l", "k=v", IMAGE, "sh", "-c", "exit 3")
    docker(e, "rm", "aa")
    end = f"{time.time():.6f}"
    out = docker(e, "events", "--since", begin, "--until", end, "--filter", "container=aa", "--format", "{{.Action}}")
    actions = [a for a in out.split() if a not in ("connect", "disconnect")]
    same(actions, ["create", "attach", "start", "die", "destroy"])
    same(docker(e, "events", "--since", begin, "--until", end, "--filter", "event=die", "--format",
                "{{.Actor.Attributes.exitCode}} {{.Actor.Attributes.name}} {{.Actor.Attributes.image}} "
                "{{.Actor.Attributes.k}}"), f"3 aa {IMAGE} v")


@case("events: exec and kill")
def _(e):
    begin = f"{time.time():.6f}"
    docker(e, "run", "-d", "--name", "aa", IMAGE, "sleep", "60")
    docker(e, "exec", "aa", "true")
    docker(e, "kill", "aa")
    out = docker(e, "events", "--since", begin, "--until", f"{time.time():.6f}", "--format", "{{.Action}}")
    for action in ("exec_create: true", "exec_start: true", "exec_die", "kill", "die"):
        has(out.splitlines(), action)


@case("top shows the processes of a running container only, with ps's own options")
def _(e):
    docker(e, "run", "-d", "--name", "c1", IMAGE, "sleep", "77")
    docker(e, "exec", "-d", "c1", "sleep", "78")
    lines = until(lambda: (shown := docker(e, "top", "c1").splitlines()) and len(shown) == 3 and shown)
    matches(lines[0], r"^UID +PID +PPID ")
    has(lines[1] + lines[2], "sleep 77")
    has(lines[1] + lines[2], "sleep 78")
    matches(docker(e, "top", "c1", "-o", "pid,comm"), r"^PID +COMMAND\n[0-9]+ +sleep\n[0-9]+ +sleep$")
    docker(e, "stop", "-t", "0", "c1")
    failed = try_docker(e, "top", "c1")
    same(failed.code, 1)
    has(failed.err.decode(), "is not running")


suite.main()
