#!/usr/bin/python3
"""The same containers, run by dayfly itself, by crun and by runc. usage: runtimes.py [REGEX]"""
import concurrent.futures
import os
import pathlib
import shutil
import signal

import suite
from cli_tools import Terminal, docker, try_docker
from engine import IMAGE
from suite import Skip, case, has, matches, same, until

WHERE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OTHERS = [name for name in ("crun", "runc") if shutil.which(name, path=WHERE)]
NONE = {"NetworkMode": "none"}


def each(function, names):
    """function(runtime) at the same time for all; name -> result."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(function, names)))


def others(function):
    if not OTHERS:
        raise Skip("neither crun nor runc is installed")
    return each(function, OTHERS)


def same_for_all(function):
    """What dayfly's own containers give must be what the others' give; returned."""
    if not OTHERS:
        raise Skip("neither crun nor runc is installed")
    results = each(function, ["dayfly", *OTHERS])
    for name in OTHERS:
        if results[name] != results["dayfly"]:
            raise AssertionError(f"\n  dayfly: {results['dayfly']!r}\n  {name}: {results[name]!r}")
    return results["dayfly"]


def run_detached(e, runtime, *cmd, **more):
    host = more.pop("HostConfig", {})
    return e.run_detached(*cmd, HostConfig=NONE | {"Runtime": runtime} | host, **more)


# Options and a script: what it prints, what it complains of and its code are the same.
SAME = [
    ("--network none", "id; pwd; echo $$; hostname; env | sort; umask; ulimit -a; exit 7"),
    ("--network none", "ls -la /dev | awk '{print $1, $3, $NF}'; awk '{print $2, $3}' /proc/mounts | sort; awk '$2 == \"/proc\"'"
     " /proc/mounts; cat /proc/self/cgroup; ls -a / /etc /sys | sort; touch /sys/x; readlink /proc/self/exe"),
    ("--network none", "grep -E 'Cap|NoNew|Seccomp:|Groups|SigBlk' /proc/self/status; unshare -U true; mount -t tmpfs x /tmp;"
     "wc -c /proc/keys; echo 1 >/proc/sys/kernel/domainname; ls /sys/firmware; ls -l /proc/self/fd | wc -l"),
    ("--network none --domainname dom --sysctl net.ipv4.ip_default_ttl=77 --sysctl kernel.shmmni=99 --oom-score-adj 300",
     "dnsdomainname; cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmni /proc/self/oom_score_adj"),
    ("--network none -u 1000:1001 --group-add 7 -w /made/here",
     "id -u; id -g; id -G; pwd; grep Cap /proc/self/status; echo fine >/dev/stdout; touch /x; echo $HOME"),
    ("--network none --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges --ulimit nofile=100:200 --ulimit core=-1",
     "grep -E 'Cap|NoNew' /proc/self/status; ulimit -n; ulimit -Hn; ulimit -c"),
    ("--network none --cap-add SYS_ADMIN", "grep Cap /proc/self/status; mount -t tmpfs x /tmp && unshare -m true && echo both"),
    ("--network none --privileged", "grep -E 'Cap|Seccomp:' /proc/self/status; mount -t tmpfs x /tmp && echo done; ls /dev"),
    ("--network none --security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status; unshare -U true && echo free"),
    ("--network none --security-opt seccomp={profile}", "grep Seccomp: /proc/self/status; mkdir /x; chmod 77 /; unshare -U true"),
    ("--network none --read-only --tmpfs /t:size=64k,noexec -v shared:/v -v /tmp:/host:ro --mount type=tmpfs,dst=/m",
     "touch /x /t/y /v/f /m/f /host/no; ls -d /t/y /v/f /m/f /host; grep -E ' (/t|/m) ' /proc/mounts"),
    ("--network host --ipc host --uts host", "for n in net ipc uts; do readlink /proc/self/ns/$n; done; hostname; touch /sys/x"),
    ("--network none --init", "trap 'exit 3' TERM; echo $PPID; (sleep 0 &); kill -TERM $$; sleep 5"),
    ("--network none {keep-id} --init -v {workspace}:/w", "id; cat /proc/self/uid_map; grep Cap /proc/self/status; touch /w/mine;"
     "ls -ln / /w | awk '{print $1, $3, $4}'; echo fine >/dev/stdout"),
    ("--network none {keep-id} -u 0", "id -u; chown 5:6 /etc/passwd && ls -ln /etc/passwd; mount -t tmpfs x /tmp"),
    ("--network none --device {device} --shm-size 1m -i",
     "ls -l {device} | awk '{print $1}'; df -k /dev/shm | awk 'END {print $2}'; cat; echo to stderr >&2"),
]
PROFILE = """{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17},
    {"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
     "args": [{"index": 2, "value": 63, "op": "SCMP_CMP_EQ"}]},
    {"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "errnoRet": 6, "excludes": {"caps": ["CAP_SYS_TIME"]}},
    {"names": ["write"], "action": "SCMP_ACT_KILL", "includes": {"caps": ["CAP_SYS_TIME"]}}]}"""


@case("whoever runs it, a container sees the same", seconds=120)
def _(e):
    (e.root / "profile.json").write_text(PROFILE)
    fuse = os.access("/dev/fuse", os.R_OK | os.W_OK)
    fill = {"{profile}": str(e.root / "profile.json"),
            "{device}": "/dev/fuse" if fuse else "/dev/null",
            "{keep-id}": "--label dayfly.userns=keep-id" if fuse and shutil.which("fuse-overlayfs") else ""}

    def run(line, runtime):
        options, script = line
        workspace = e.root / f"workspace-{runtime}"
        workspace.mkdir(exist_ok=True)
        options = options.replace("{workspace}", str(workspace))
        for key, value in fill.items():
            options, script = options.replace(key, value), script.replace(key, value)
        name = () if "uts" in options else ("-h", "box")
        r = try_docker(e, "run", "--rm", "--runtime", runtime, *name, *options.split(), IMAGE, "sh", "-c", script,
                       stdin=b"typed\n")
        return r.code, r.out, r.err

    for line in SAME:
        code, *_ = same_for_all(lambda runtime, line=line: run(line, runtime))
        if code >= 125:
            raise AssertionError(f"{line}: {code}")


# ---- while it runs

SPACES = "for n in net ipc; do readlink /proc/self/ns/$n; done"
BUSY = "trap 'echo usr1' USR1; trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.02; done"


@case("exec, signals, top, cp, changes, stop and restart are the same")
def _(e):
    def story(runtime):
        seen = []
        c = run_detached(e, runtime, "sh", "-c", BUSY, HostConfig={"Tmpfs": {"/t": ""}})
        until(lambda: b"up" in e.logs(c).get(1, b""))
        pid = e.state(c)["Pid"]
        matches(pathlib.Path(f"/proc/{pid}/status").read_text(), r"NSpid:\s[\d\s]*\b1\n")
        seen += [e.exec(c, "sh", "-c", "touch /t/mark; ls /t; id -u; exit 9"),
                 e.exec(c, "sh", "-c", "id; grep -E 'Cap|Seccomp:' /proc/self/status; readlink /proc/self/ns/pid | wc -l",
                        User="1000:7")]
        e.post(f"/containers/{c}/kill?signal=USR1").expect(204)
        until(lambda: b"usr1" in e.logs(c)[1])
        rows = e.get(f"/containers/{c}/top?ps_args=-o%20pid,args").expect(200).json["Processes"]
        same([row for row in rows if BUSY in row[1]][0][0].strip(), str(pid))
        same([row for row in rows if "dayfly" in row[1] or runtime in row[1]], [])
        (e.root / runtime).write_text("in")
        docker(e, "cp", str(e.root / runtime), f"{c}:/file")
        docker(e, "cp", str(e.root / runtime), f"{c}:/t/file")
        docker(e, "exec", c, "sh", "-c", "cat /t/file /file >/out")
        docker(e, "cp", f"{c}:/out", str(e.root / f"{runtime}.out"))
        seen.append((e.root / f"{runtime}.out").read_text())
        seen.append(sorted(docker(e, "diff", c).splitlines()))
        stats = f"/containers/{c}/stats?stream=false&one-shot=true"
        until(lambda: e.get(stats).expect(200).json["cpu_stats"]["cpu_usage"]["total_usage"] > 0)
        seen.append((e.post(f"/containers/{c}/pause").status, e.post(f"/containers/{c}/unpause").status))
        e.post(f"/containers/{c}/restart").expect(204)
        until(lambda: e.logs(c)[1].count(b"up") == 2)
        e.post(f"/containers/{c}/stop").expect(204)
        state = e.state(c)
        seen += [{k: state[k] for k in ("Status", "ExitCode", "Error", "OOMKilled", "Pid")},
                 e.logs(c)[1], e.inspect(c)["RestartCount"]]
        e.delete(f"/containers/{c}").expect(204)
        return seen

    same_for_all(story)


@case("terminals have the client's size, follow it, and belong to the program")
def _(e):
    script = ("tty; stty size; ls -l /dev/console | cut -c1; echo on >/dev/console; echo also >/dev/tty; echo re''ady;"
              "until stty size | grep -q '20 50'; do sleep 0.02; done; echo resized; read line; echo got $line; exit 4")

    def story(runtime):
        t = Terminal(e, "run", "-it", "--rm", "--network", "none", "--name", runtime, "--runtime", runtime, IMAGE,
                     "sh", "-c", script, rows=33, columns=77)
        seen = [t.expect(b"ready\r\n")]

        def resized():  # again, since the CLI tells its own size when it likes
            e.post(f"/containers/{runtime}/resize?h=20&w=50").expect(200)
            t.seen += t.read(0.1) or b""
            return b"resized\r\n" in t.seen
        until(resized)
        t.send(b"typed\n")
        seen += t.finish()
        return seen

    first, code, rest = same_for_all(story)
    same((first, code), (b"/dev/pts/0\r\n33 77\r\nc\r\non\r\nalso\r\n", 4))
    has(rest, b"got typed")


@case("health checks, restart policies and shared networks work for all")
def _(e):
    def story(runtime):
        c = run_detached(e, runtime, "sh", "-c", "sleep 60", Healthcheck={
            "Test": ["CMD-SHELL", "echo well; id -u"], "Interval": 30_000_000, "StartPeriod": 0, "Retries": 1})
        until(lambda: e.state(c)["Health"]["Status"] == "healthy")
        seen = [e.state(c)["Health"]["Log"][-1]["Output"]]
        other = e.create("sh", "-c", SPACES, HostConfig={
            "Runtime": runtime, "NetworkMode": f"container:{c}"})
        e.post(f"/containers/{other}/start").expect(204)
        e.wait(other)
        net, ipc = e.logs(other)[1].split()
        out = e.exec(c, "sh", "-c", SPACES)[1][1].split()
        seen.append((net == out[0], ipc == out[1]))
        again = run_detached(e, runtime, "sh", "-c", "echo run; exit 3",
                             HostConfig={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}})
        until(lambda: e.state(again)["Status"] == "exited")
        return seen + [e.logs(again)[1], e.inspect(again)["RestartCount"], e.state(again)["ExitCode"]]

    same(same_for_all(story), ["well\n0\n", (True, False), b"run\nrun\nrun\n", 2, 3])


# ---- failures

@case("what cannot be started is told in the runtime's words, has Docker's codes and leaves nothing")
def _(e):
    for cmd, options, code in ((["nonsense"], {}, 127), (["/etc/passwd"], {}, 126), (["/tmp"], {}, 126),
                               (["nonsense"], {"Init": True}, 127)):
        def story(runtime, cmd=cmd, options=options, code=code):
            c = e.create(*cmd, HostConfig=NONE | {"Runtime": runtime} | options)
            text = e.post(f"/containers/{c}/start").expect(400).message
            has(text, "failed to create task for container: failed to create shim task: OCI runtime create failed: ")
            state = e.state(c)
            same((state["ExitCode"], state["Status"], state["Error"], e.logs(c)), (code, "created", text, {1: b"", 2: b""}))
            return text
        has(others(story)[OTHERS[0]], "unknown")
    until(lambda: "dayfly-monitor" not in e.processes().values())


@case("kill -9 of the monitor ends the container, and its code is unknown; kill -9 of the API ends nothing")
def _(e):
    def pid_of(container):
        return e.state(container)["Pid"]

    containers = others(lambda runtime: run_detached(e, runtime, "sh", "-c", "trap '' TERM; sleep 60 & wait"))
    pids = {c: pid_of(c) for c in containers.values()}
    e.kill_api()
    same({c: pid_of(c) for c in pids}, pids)
    for c, pid in pids.items():
        monitor = next(p for p, name in e.processes().items()
                       if name == "dayfly-monitor" and c in pathlib.Path(f"/proc/{p}/cmdline").read_text())
        os.kill(monitor, signal.SIGKILL)
        until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"))
        state = until(lambda c=c: (s := e.state(c))["Status"] == "exited" and s)
        same(state["ExitCode"], 255)
    for runtime in OTHERS:
        c = run_detached(e, runtime, "sleep", "60")
        os.kill(pid_of(c), signal.SIGKILL)
        same(e.wait(c), 137)


# ---- names

@case("only what is installed can be asked for, and what it cannot do is refused by name")
def _(e):
    info = e.get("/info").json
    for name in ("crun", "runc"):
        if name in OTHERS:
            same(info["Runtimes"][name]["path"], shutil.which(name, path=WHERE))
    same(("crun" in info["Runtimes"], info["DefaultRuntime"]), ("crun" in OTHERS, "dayfly"))
    for name in ("runsc", "kata", "/usr/bin/crun", "../crun", *({"crun"} - set(OTHERS))):
        text = e.post("/containers/create", {"Image": IMAGE, "HostConfig": {"Runtime": name}}).expect(400).message
        has(text, f"unknown or invalid runtime name: {name}")
    warnings = e.post("/containers/create", {"Image": IMAGE, "HostConfig": NONE | {"Runtime": "io.containerd.runc.v2"}}
                      ).expect(201).json["Warnings"]
    same(any("built-in" in w for w in warnings), "runc" not in OTHERS)
    for runtime in OTHERS:
        for field, value in (("PidMode", "host"), ("PidMode", "container:x"), ("GroupAdd", ["keep-groups"]),
                             ("Mounts", ["/:/x:rslave"]), ("Mounts", ["/tmp:/proc"])):
            if (runtime, field) == ("crun", "GroupAdd") or (runtime, value) == ("runc", ["/:/x:rslave"]):
                continue
            host = {"Runtime": runtime, "Binds" if field == "Mounts" else field: value}
            text = e.post("/containers/create", {"Image": IMAGE, "HostConfig": host}).expect(501).message
            has(text, f"HostConfig.{field}")
            has(text, f"HostConfig.Runtime {runtime}")


suite.main()
