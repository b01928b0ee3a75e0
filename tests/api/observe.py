#!/usr/bin/python3
"""What one can look at: events and how long they are remembered, logs and where they are kept, containers
that are gone, and everything else while one container hangs.

usage: observe.py [REGEX]
"""
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.parse

import suite
from engine import IMAGE, make_image, unframe
from suite import Skip, case, has, matches, same, until


def query(**values):
    return urllib.parse.urlencode({k: json.dumps(v) if isinstance(v, dict) else v for k, v in values.items()})


def told(events, *attributes):
    """Actions in order, each with the attributes asked for that it has."""
    result = []
    for event in events:
        have = event["Actor"]["Attributes"]
        result.append(" ".join([event["Action"], *(f"{a}={have[a]}" for a in attributes if a in have)]))
    return result


# ---- events: sequences

@case("a container's life is told in Docker's order and with its attributes")
def _(e):
    since = f"{time.time():.9f}"
    container = e.create("sh", "-c", "trap : USR1; cat; exit 3", name="life", Tty=True, OpenStdin=True,
                         Labels={"a": "b", "name": "ignored"})
    s = e.open("POST", f"/containers/{container}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
    e.post(f"/containers/{container}/start").expect(204)
    e.post(f"/containers/{container}/resize?h=20&w=50").expect(200)
    same(e.exec(container, "sh", "-c", "exit 4")[0], 4)
    same(e.exec(container, "/nosuch")[0], 127)
    e.post(f"/containers/{container}/rename?name=lives").expect(204)
    e.post(f"/containers/{container}/kill?signal=USR1").expect(204)
    s.sock.sendall(b"\x10\x11")
    s.read_all()
    e.post(f"/containers/{container}/restart?t=0").expect(204)
    e.post(f"/containers/{container}/stop?t=0").expect(204)
    e.post(f"/containers/{container}/start").expect(204)
    e.post(f"/containers/{container}/kill").expect(204)
    e.delete(f"/containers/{container}").expect(204)
    events = e.events(since, type="container")
    same(told(events, "name", "signal", "oldName", "height", "width", "exitCode"), [
        "create name=life", "attach name=life", "start name=life", "resize name=life height=20 width=50",
        "exec_create: sh -c exit 4 name=life", "exec_start: sh -c exit 4 name=life",
        "exec_die name=life exitCode=4",
        "exec_create: /nosuch name=life", "exec_start: /nosuch name=life",
        "rename name=lives oldName=life", "kill name=lives signal=10", "detach name=lives",
        "kill name=lives signal=15", "kill name=lives signal=9", "die name=lives exitCode=137",
        "stop name=lives", "start name=lives", "restart name=lives",
        "kill name=lives signal=15", "kill name=lives signal=9", "die name=lives exitCode=137", "stop name=lives",
        "start name=lives", "kill name=lives signal=9", "die name=lives exitCode=137", "destroy name=lives"])
    for event in events:
        have = event["Actor"]["Attributes"]
        same((event["Type"], event["Actor"]["ID"], event["scope"], have["image"], have["a"]),
             ("container", container, "local", IMAGE, "b"))
        same((event["id"], event["status"], event["from"]), (container, event["Action"], IMAGE))
        same(event["time"], event["timeNano"] // 10**9)
        assert ("execID" in have) == event["Action"].startswith("exec_"), event
        assert event["Action"] != "die" or have["execDuration"].isdigit(), event
    times = [event["timeNano"] for event in events]
    same(times, sorted(times))


@case("natural ends, forced removals and failed starts are told as Docker tells them")
def _(e):
    def life(*cmd, action=None, **config):
        since = f"{time.time():.9f}"
        container = e.create(*cmd, **config)
        answer = e.post(f"/containers/{container}/start")
        if action:
            action(container)
        if config.get("HostConfig", {}).get("AutoRemove"):
            until(lambda: e.get(f"/containers/{container}/json").status == 404)
        elif answer.status == 204:
            e.post(f"/containers/{container}/wait")
        return told(e.events(since, container=container), "exitCode", "signal")
    same(life("sh", "-c", "exit 5"), ["create", "start", "die exitCode=5"])
    same(life("true", HostConfig={"AutoRemove": True}), ["create", "start", "die exitCode=0", "destroy"])
    same(life("sleep", "600", action=lambda c: e.delete(f"/containers/{c}?force=1").expect(204)),
         ["create", "start", "kill signal=9", "die exitCode=137", "destroy"])
    same(life("/nosuch"), ["create"])
    same(life("/nosuch", HostConfig={"AutoRemove": True}), ["create", "destroy"])
    same(life("true", action=lambda c: (e.wait(c), e.post(f"/containers/{c}/restart").expect(204))),
         ["create", "start", "die exitCode=0", "start", "restart", "die exitCode=0"])


@case("what a run used in all is in its exit record and its die event, until the next run")
def _(e):
    since = f"{time.time():.9f}"
    script = "[ -e /done ] && exec sleep 600; dd if=/dev/zero of=/done bs=16M count=1"
    container = e.create("sh", "-c", script)
    assert "Usage" not in e.state(container)
    e.post(f"/containers/{container}/start").expect(204)
    e.wait(container)
    usage = e.state(container)["Usage"]
    assert usage["MaxRSS"] > 16_000_000 and usage["CPUTime"] > 0, usage
    same(usage["CPUTime"], usage["CPUUser"] + usage["CPUKernel"])
    die = e.events(since, container=container)[-1]["Actor"]["Attributes"]
    attributes = {"cpuTime": "CPUTime", "memoryPeak": "MemoryPeak", "maxRSS": "MaxRSS", "ioRead": "IORead",
                  "ioWritten": "IOWritten", "oomKills": "OOMKills"}
    same({a: die.get(a) for a in attributes}, {a: str(usage[u]) if u in usage else None for a, u in attributes.items()})
    e.post(f"/containers/{container}/start").expect(204)
    assert "Usage" not in e.state(container)


@case("images are told of by id and name, and pruning by what it freed")
def _(e):
    layer = make_image.make_layer(make_image.find_busybox())
    since = f"{time.time():.9f}"
    e.post("/containers/prune").expect(200)
    made = e.create("true")
    e.post(f"/images/{IMAGE}/tag?repo=told&tag=1").expect(201)
    e.delete("/images/told:1").expect(200)
    image = e.post(f"/commit?container={made}&repo=told&tag=2&comment=why", {}).expect(201).json["Id"]
    archive = e.get("/images/told:2/get").expect(200).body
    e.delete("/images/told:2").expect(200)
    e.post("/images/load", archive, headers={"Content-Type": "application/x-tar"}).expect(200)
    e.delete("/images/told:2").expect(200)
    reply = e.post("/images/create?fromSrc=-&repo=told&tag=3", layer, headers={"Content-Type": "application/x-tar"})
    imported = json.loads(reply.expect(200).body.splitlines()[-1])["status"]
    e.get(f"/containers/{made}/export").expect(200)
    e.delete("/images/told:3").expect(200)
    e.post("/images/prune").expect(200)
    e.delete(f"/containers/{made}").expect(204)
    events = e.events(since)
    short = {e.image_id: "base", image: "image", imported: "imported", made: "made", "": ""}
    same([f"{x['Type']} {x['Action']} {short[x['Actor']['ID']]} "
          f"{short.get(x['Actor']['Attributes'].get('name'), x['Actor']['Attributes'].get('name'))}"
          for x in events if x["Type"] == "image"],
         ["image tag base told:1", "image untag base base", "image create image image", "image tag image told:2", "image save image image",
          "image untag image image", "image delete image image", "image load image image",
          "image untag image image", "image delete image image", "image tag imported told:3",
          "image import imported imported", "image untag imported imported", "image delete imported imported",
          "image prune  None"])
    same(told([x for x in events if x["Type"] == "container"], "comment", "imageRef", "reclaimed"),
         ["prune reclaimed=0", "create", "commit comment=why imageRef=told:2", "export", "destroy"])
    old = e.get(f"/v1.45/events?since={since}&until={time.time():.9f}").expect(200).body
    same(len(old.splitlines()), len(events) - 1)
    assert all("from" not in x and x["status"] == x["Action"] for x in events if x["Type"] == "image")


@case("events are filtered by every key, in both encodings")
def _(e):
    since = f"{time.time():.9f}"
    one = e.create("true", name="one", Labels={"k": "v", "x": ""})
    two = e.create("true", name="two")
    e.post(f"/images/{IMAGE}/tag?repo=filtered&tag=1").expect(201)
    e.delete("/images/filtered:1").expect(200)
    end = f"{time.time():.9f}"

    def ask(**filters):
        lists = {k: v if isinstance(v, list) else [v] for k, v in filters.items()}
        answers = []
        for encoded in (lists, {k: {x: True for x in v} for k, v in lists.items()}):
            body = e.get("/events?" + query(since=since, until=end, filters=encoded)).expect(200).body
            answers.append([(x["Action"], x["Actor"]["Attributes"].get("name")) for x in
                            map(json.loads, body.splitlines())])
        same(answers[0], answers[1])
        return answers[0]
    first, second = ("create", "one"), ("create", "two")
    same(ask(container="one"), [first])
    same(ask(container=[one[:12], "two"]), [first, second])
    same(ask(label="k"), [first])
    same(ask(label=["k=v", "x"]), [first])
    same(ask(label=["k=v", "y"]), [])
    same(ask(label="k=w"), [])
    same(ask(type="container"), [first, second])
    same(ask(type="image", event="untag"), [("untag", e.image_id)])
    same(ask(event=["tag", "create"]), [first, second, ("tag", "filtered:1")])
    same(ask(image=IMAGE), [first, second])
    same(ask(image="busybox"), [first, second])
    same(ask(image="filtered"), [("tag", "filtered:1")])
    same(ask(scope="swarm"), [])
    same(len(ask(scope="local")), 4)
    same([ask(**{kind: "one"}) for kind in ("volume", "network", "daemon", "plugin", "node", "service", "secret",
                                            "config")], [[]] * 8)
    same(len(ask(frobnicate="x")), 4)
    e.delete(f"/containers/{two}").expect(204)


@case("events are a history: past the API's death, a reboot, rotation and a torn line")
def _(e):
    since = f"{time.time():.9f}"
    container = e.create("true", name="before")
    folder = e.data / "dayfly/events"
    # another writer died in the middle of its line
    with open(folder / "current", "ab") as f:
        f.write(b'{"status":"create","id":"torn')
    e.post(f"/containers/{container}/rename?name=torn").expect(204)
    e.kill_api()
    # put aside as if it were full, and older than what is kept of old ones
    os.rename(folder / "current", folder / f"{time.time_ns()}")
    (folder / "1000").write_text('{"Type":"x","Action":"old","timeNano":1000}\n')
    first = json.loads((folder / sorted(os.listdir(folder))[-1]).read_text().splitlines()[0])
    first["timeNano"] = 5
    (folder / "current").write_text(json.dumps(first, separators=(",", ":")) + "\n")
    e.post(f"/containers/{container}/rename?name=rotated").expect(204)
    same((folder / "1000").exists(), False)
    same(len((folder / "current").read_text().splitlines()), 1)
    e.stop()
    e.remove_tree(e.run / "dayfly")
    e.start()
    e.post(f"/containers/{container}/rename?name=booted").expect(204)
    same(told(e.events(since, container=container), "name"),
         ["create name=before", "rename name=torn", "rename name=rotated", "rename name=booted"])


# ---- log drivers

def log_config(driver, **options):
    return {"LogConfig": {"Type": driver, "Config": {k.replace("_", "-"): v for k, v in options.items()}}}


@case("json-file: labels, variables and a tag go with every record and show as details")
def _(e):
    options = log_config("json-file", labels="a,missing", labels_regex="^x[.]", env="E", env_regex="^F", tag="{{.Name}}/{{.ID}}")
    container = e.create("sh", "-c", "echo one; echo two >&2", name="tagged", HostConfig=options,
                         Labels={"a": "1 &", "x.y": "2", "z": "3"}, Env=["E=5", "FF=6", "G=7"])
    e.post(f"/containers/{container}/start").expect(204)
    e.wait(container)
    text = f"E=5,FF=6,a=1+%26,tag=tagged%2F{container[:12]},x.y=2"
    same(e.logs(container, "stdout=1&details=1")[1], f"{text} one\n".encode())
    same(e.logs(container)[2], b"two\n")
    matches(e.logs(container, "stderr=1&details=1&timestamps=1")[2].decode(), rf"^\S{{30}} {text.replace('+', '[+]')} two\n$")
    with open(e.inspect(container)["LogPath"]) as f:
        record = json.loads(f.readline())
    same(list(record), ["log", "stream", "attrs", "time"])
    same(record["attrs"], {"E": "5", "FF": "6", "a": "1 &", "tag": f"tagged/{container[:12]}", "x.y": "2"})


@case("local keeps logs that can be read, none keeps nothing, and both can be attached to")
def _(e):
    local = e.run_detached("sh", "-c", "seq 1 3; cat", OpenStdin=True, HostConfig=log_config("local", max_size="1m", max_file="2"))
    until(lambda: e.logs(local)[1].count(b"\n") == 3)
    same(e.inspect(local)["LogPath"], "")
    same(e.logs(local, "stdout=1&tail=1")[1], b"3\n")
    none = e.create("sh", "-c", "read x; echo $x", OpenStdin=True, HostConfig=log_config("none"))
    s = e.open("POST", f"/containers/{none}/attach?stream=1&stdin=1&stdout=1", upgrade=True)
    e.post(f"/containers/{none}/start").expect(204)
    s.sock.sendall(b"word\n")
    same(unframe(s.read_all())[1], b"word\n")
    same(e.get(f"/containers/{none}/logs?stdout=1").expect(501).message,
         "configured logging driver does not support reading")
    e.post(f"/containers/{none}/attach?logs=1&stdout=1").expect(501)


class Journal:
    """Stands in for systemd-journald's socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        os.chmod(path, 0o666)
        self.sock.settimeout(10)

    def entry(self):
        data, fds, _, _ = socket.recv_fds(self.sock, 1 << 20, 1)
        for fd in fds:
            with open(fd, "rb") as f:
                data = f.read()
        fields, at = {}, 0
        while at < len(data):
            end = data.index(b"\n", at)
            line, at = data[at:end], end + 1
            if b"=" in line:
                key, _, value = line.partition(b"=")
            else:
                size, = struct.unpack_from("<Q", data, at)
                key, value = line, data[at + 8:at + 8 + size]
                at += 8 + size + 1
            fields[key.decode()] = value
        return fields


@case("journald gets entries with the fields people filter by, in order, however slow it is")
def _(e):
    path = e.root / "journal.sock"
    journal = Journal(path)
    e.set_environment(DAYFLY_JOURNAL_SOCKET=str(path))
    container = e.run_detached("sh", "-c", "echo out; sleep 0.1; echo err >&2; sleep 0.1; printf 'no\\001end'; sleep 0.1; seq 1 300",
                               name="told", Labels={"com.x": "two\nlines"}, Env=["V=w"],
                               HostConfig=log_config("journald", labels="com.x", env="V", tag="t-{{.Name}}"))
    first = journal.entry()
    own = {k: first.pop(k) for k in ("SYSLOG_TIMESTAMP", "CONTAINER_LOG_EPOCH", "CONTAINER_LOG_ORDINAL")}
    same(first, {"MESSAGE": b"out", "PRIORITY": b"6", "CONTAINER_ID": container[:12].encode(),
                 "CONTAINER_ID_FULL": container.encode(), "CONTAINER_NAME": b"told", "CONTAINER_TAG": b"t-told",
                 "IMAGE_NAME": IMAGE.encode(), "SYSLOG_IDENTIFIER": b"t-told", "COM_X": b"two\nlines", "V": b"w"})
    same(own["CONTAINER_LOG_ORDINAL"], b"1")
    second = journal.entry()
    same((second["MESSAGE"], second["PRIORITY"], second["CONTAINER_LOG_ORDINAL"]), (b"err", b"3", b"2"))
    time.sleep(0.3)  # its queue is full by now, and the program waits
    rest = [journal.entry() for _ in range(300)]
    same([x["MESSAGE"] for x in rest], [b"no\x01end1"] + [b"%d" % i for i in range(2, 301)])
    same(e.wait(container), 0)
    same({x["CONTAINER_LOG_EPOCH"] for x in rest}, {own["CONTAINER_LOG_EPOCH"]})
    # what is too large for a datagram comes in a file
    os.unlink(path)
    journal.sock.close()
    reply = e.post(f"/containers/{container}/start").expect(500)
    same(reply.message, "failed to initialize logging driver: journald is not enabled on this host")
    e.set_environment()


class Journald:
    """A real systemd-journald as an ordinary user, its socket and its files below a folder of ours."""

    program = "/lib/systemd/systemd-journald"

    def __init__(self, folder):
        if not os.access(self.program, os.X_OK) or not os.path.exists("/etc/machine-id"):
            raise Skip("there is no systemd-journald here")
        self.socket, self.files = folder / "run/socket", folder / "log"
        for path in (folder / "run", self.files):
            path.mkdir(parents=True)
        script = (f"mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal.t /run/log/journal && "
                  f"mount --bind {folder}/run /run/systemd/journal.t && mount --bind {folder}/log /run/log/journal && "
                  f"exec {self.program} t")
        self.process = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c", script],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: self.socket.exists() and list(self.files.glob("*/*.journal")))
        except AssertionError:
            self.stop()
            raise Skip("systemd-journald does not run here") from None

    def stop(self):
        self.process.kill()
        self.process.wait()


@case("what journald has is shown by logs: at once, from its end, since then, and as it comes")
def _(e):
    journald = Journald(e.root / "journald")
    try:
        files, = journald.files.iterdir()
        e.set_environment(DAYFLY_JOURNAL_SOCKET=str(journald.socket), DAYFLY_JOURNAL_FOLDER=str(files))
        container = e.create("sh", "-c", "seq 1 50; echo err >&2; printf end", name="journal", Labels={"k": "v w"},
                             HostConfig=log_config("journald", labels="k"))
        e.post(f"/containers/{container}/start").expect(204)
        same(e.wait(container), 0)
        lines = b"".join(b"%d\n" % i for i in range(1, 51))
        same(e.logs(container), {1: lines + b"end", 2: b"err\n"})
        same(e.logs(container, "stdout=1&tail=2&details=1")[1], b"K=v+w end")
        same(e.logs(container, "stdout=1&stderr=1&tail=1000")[1], lines + b"end")
        stamps = e.logs(container, "stdout=1&timestamps=1")[1].split(b"\n")
        since = stamps[0].split()[0].decode()
        same(e.logs(container, f"stdout=1&since={since}")[1], lines + b"end")
        same(e.logs(container, "stdout=1&since=4000000000")[1], b"")
        live = e.run_detached("sh", "-c", "echo one; read x; echo two; exit 3", OpenStdin=True,
                              HostConfig=log_config("journald"))
        feed = e.open("POST", f"/containers/{live}/attach?stream=1&stdin=1", upgrade=True)
        s = e.open("GET", f"/containers/{live}/logs?follow=1&stdout=1")
        same(s.chunk()[8:], b"one\n")
        feed.sock.sendall(b"\n")
        same(unframe(s.chunks())[1], b"two\n")
        feed.close()
    finally:
        e.set_environment()
        journald.stop()


@case("what is wrong with a log driver or its options is told in Docker's words")
def _(e):
    def refused(driver, **options):
        body = {"Image": IMAGE, "HostConfig": log_config(driver, **options)}
        reply = e.post("/containers/create", body)
        assert reply.status in (400, 501), reply
        return reply.message
    same(refused("asdf"), "logger: no log driver named 'asdf' is registered")
    has(refused("fluentd"), '"fluentd" is not supported')
    same(refused("json-file", frob="1"), "unknown log opt 'frob' for json-file log driver")
    same(refused("local", labels="a"), "unknown log opt 'labels' for log driver local")
    same(refused("journald", max_size="1m"), "unknown log opt 'max-size' for journald log driver")
    same(refused("json-file", mode="frob"), "logger: logging mode not supported: frob")
    same(refused("json-file", max_buffer_size="1m"),
         "logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    same(refused("json-file", max_size="frob"), "invalid size: 'frob'")
    same(refused("json-file", max_file="0"), "max-file cannot be less than 1")
    same(refused("json-file", compress="frob"), 'strconv.ParseBool: parsing "frob": invalid syntax')
    has(refused("json-file", compress="true", max_size="1m", max_file="3"), "compress=true is not supported")
    has(refused("json-file", labels_regex="("), "labels-regex")
    has(refused("json-file", tag="{{.Frob}}"), "{{.Frob}} is not supported")
    e.create("true", HostConfig=log_config("json-file", mode="non-blocking", max_buffer_size="4m"))
    info = e.get("/info").json
    same((info["LoggingDriver"], info["Plugins"]["Log"]), ("json-file", ["journald", "json-file", "local"]))


# ---- attach

@case("several viewers at once: a slow one falls behind alone, and a late one sees the screen's last lines")
def _(e):
    container = e.run_detached("sh", "-c", "for i in $(seq 1 300); do echo line $i; done; read x; seq 1 30000; echo end; sleep 600",
                               Tty=True, OpenStdin=True, Labels={"dayfly.attach.tail": "3"})
    until(lambda: b"line 300" in e.get(f"/containers/{container}/logs?stdout=1&tail=1").body)
    path = f"/containers/{container}/attach?stream=1&stdin=1&stdout=1"
    viewers = [e.open("POST", path, upgrade=True) for _ in range(4)]
    for s in viewers:
        same(s.read_until(b"300\r\n"), b"line 298\r\nline 299\r\nline 300\r\n")
    s = e.open("POST", f"/containers/{container}/attach?logs=1&tail=2&stdout=1", upgrade=True)
    same(s.read_all(), b"line 299\r\nline 300\r\n")
    s = e.open("POST", f"/containers/{container}/attach?logs=1&stdout=1", upgrade=True)
    same(s.read_all().count(b"line"), 300)
    viewers[0].sock.sendall(b"go\n")
    for s in viewers[1:]:  # while the first one reads nothing
        same(s.read_until(b"end\r\n").count(b"\n"), 30002)
    same(viewers[0].read_until(b"end\r\n").count(b"\n"), 30002)


# ---- containers that are gone

@case("of a removed container exit code, log and diff are answered by its id, as long as was asked for")
def _(e):
    (e.root / "home/.config/dayfly").mkdir(parents=True, exist_ok=True)
    config = e.root / "home/.config/dayfly/config"

    def life(**config):
        container = e.create("sh", "-c", "echo last words; echo x > /new; exit 6", **config)
        e.post(f"/containers/{container}/start").expect(204)
        if not config.get("HostConfig", {}).get("AutoRemove"):
            e.wait(container)
            e.delete(f"/containers/{container}").expect(204)
        until(lambda: e.get(f"/containers/{container}/json").status == 404)
        return container

    def left(container):
        logs = e.get(f"/containers/{container}/logs?stdout=1")
        diff = e.get(f"/containers/{container}/changes")
        wait = e.post(f"/containers/{container}/wait?condition=removed")
        return (wait.status, logs.status, diff.status,
                wait.json.get("StatusCode"), unframe(logs.body)[1] if logs.status == 200 else None)
    keep = {"dayfly.removed.keep": "1h"}
    same(left(life()), (404, 404, 404, None, None))
    for options in ({}, {"HostConfig": {"AutoRemove": True}}):
        container = life(name="again", Labels=keep, **options)
        same(left(container), (200, 200, 404, 6, b"last words\n"))
        same(e.get(f"/containers/{container[:20]}/logs?stdout=1").status, 404)
        same([x["Id"] for x in e.get("/containers/json?all=1").json], [])
    config.write_text(json.dumps({"removed-containers": {"keep": "1h", "diff": True, "max-count": 2}}))
    kept = []
    for options in ({}, {"HostConfig": {"AutoRemove": True}}, {"HostConfig": {"AutoRemove": True}}):
        kept.append(life(**options))
        same(left(kept[-1]), (200, 200, 200, 6, b"last words\n"))
    has(e.get(f"/containers/{kept[-1]}/changes").json, {"Path": "/new", "Kind": 1})
    until(lambda: [left(c)[0] for c in kept] == [404, 200, 200])
    config.write_text(json.dumps({"removed-containers": {"keep": "200ms"}}))
    container = life()
    until(lambda: left(container)[0] == 404)
    config.unlink()
    e.post("/containers/create", {"Image": IMAGE, "Labels": {"dayfly.removed.keep": "soon"}}).expect(400)


# ---- while one container hangs

class Asked:
    """A request whose answer may be long in coming."""

    def __init__(self, e, method, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(e.socket)
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())

    def await_begin(self):
        """Until the answer has begun: the one who gives it has heard of the request."""
        self.sock.recv(1, socket.MSG_PEEK)

    def finish(self):
        data = b""
        while more := self.sock.recv(65536):
            data += more
        return data


@case("a stopped monitor, held locks and a busy folder hold nobody up but who asks for that container")
def _(e):
    stuck = e.run_detached("sleep", "600", name="stuck")
    others = [e.run_detached("sleep", "600", name=f"other{i}") for i in range(3)]
    for i in range(25):
        e.create("true", name=f"made{i}")
    pid = int(dict(line.split("=", 1) for line in (e.run / f"dayfly/containers/{stuck}/status").read_text()
                   .splitlines() if "=" in line)["monitor"])
    busy = e.data / f"dayfly/containers/{stuck}"
    enough = threading.Event()

    def keep_busy():
        number = 0
        while not enough.is_set():
            number += 1
            (busy / f"busy{number % 50}").write_bytes(b"x" * 4096)
            os.rename(busy / f"busy{number % 50}", busy / "busy")
    worker = threading.Thread(target=keep_busy)
    os.kill(pid, signal.SIGSTOP)
    worker.start()
    try:
        with open(busy / "config.json") as a, open(busy / "summary") as b:
            for f in (a, b):
                fcntl.flock(f, fcntl.LOCK_EX)
            waiting = [Asked(e, "POST", f"/containers/{stuck}/wait?condition=removed") for _ in range(20)]
            slowest = 0
            for round in range(5):
                for method, path in (("GET", "/containers/json?all=1"), ("GET", "/info"), ("GET", f"/containers/{stuck}/json"),
                                     ("GET", f"/containers/{others[0]}/json"), ("GET", "/events?since=0&until=1"),
                                     ("GET", f"/containers/{stuck}/logs?stdout=1"), ("GET", "/system/df")):
                    begin = time.monotonic()
                    reply = e.request(method, path)
                    same(reply.status, 200)
                    slowest = max(slowest, time.monotonic() - begin)
            assert slowest < 10, slowest  # those who ask for it wait until it goes on
            begin = time.monotonic()
            e.post(f"/containers/{others[1]}/kill").expect(204)
            same(e.wait(others[1]), 137)
            same(e.exec(others[2], "echo", "x")[1][1], b"x\n")
            assert time.monotonic() - begin < 20
    finally:
        enough.set()
        worker.join()
        os.kill(pid, signal.SIGCONT)
    for s in waiting:  # the removal must not be heard of before them
        s.await_begin()
    e.delete(f"/containers/{stuck}?force=1").expect(204)
    answers = [s.finish() for s in waiting]
    assert {a[:12] for a in answers} <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}, answers
    has(b"".join(answers), b'"StatusCode":137')


if __name__ == "__main__":
    suite.main(changing_environment=True)
