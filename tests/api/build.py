#!/usr/bin/python3
"""Building images: the stream, instructions, the cache, failures, and crashes at any moment.

usage: build.py [REGEX]
"""
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.parse
import urllib.request

import suite
from cli_tools import docker, try_docker
from engine import IMAGE, PROGRAMS, make_image, unframe
from images import complain_about_store, leftovers, store, worker
from suite import case, has, same, until

suite.cases.clear()  # those of images.py are its own

TAR = {"Content-Type": "application/x-tar"}
RUNNING = re.compile(r" ---> (Running in|Removed intermediate container) [0-9a-f]{12}\n")


def context(dockerfile, files=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in dict(files, Dockerfile=dockerfile).items():
            if isinstance(data, tarfile.TarInfo):
                data.name = name
                tar.addfile(data)
            else:
                make_image.add(tar, name, data if isinstance(data, bytes) else data.encode(), mode=0o644)
    return out.getvalue()


def post(e, text, files=(), **query):
    return e.post("/build?" + urllib.parse.urlencode(query, doseq=True), context(text, files), headers=TAR)


def build(e, text, files=(), **query):
    """The records of a build that gets as far as its first step."""
    return [json.loads(line) for line in post(e, text, files, **query).expect(200).body.splitlines()]


def text_of(records):
    return "".join(r.get("stream", "") for r in records)


def image_of(records):
    if "error" in records[-1]:
        raise AssertionError(records)
    return next(r["aux"]["ID"] for r in records if "aux" in r)


def made(e, text, files=(), **query):
    return image_of(build(e, text, files, **query))


def config(e, image):
    return e.get(f"/images/{image}/json").expect(200).json["Config"]


def output(e, text, files=(), **query):
    """What the last step prints, with nothing of the stream around it."""
    told = text_of(build(e, text, files, nocache=1, **query))
    return told.split(" ---> Running in ")[-1].split("\n", 1)[1].split(" ---> Removed")[0]


def forget(e):
    for image in e.get("/images/json?all=1").json:
        if IMAGE not in image["RepoTags"]:
            e.delete(f"/images/{image['Id']}?force=1")
    e.post("/build/prune?all=1").expect(200)


@case("the stream is the classic builder's, record by record")
def _(e):
    records = build(e, f"FROM {IMAGE}\nRUN echo out\nENV A=1\n", t=["st:1", "st:2"], nocache=1)
    image = image_of(records)
    base = e.image_id[7:19]
    ids = re.findall(r" ---> ([0-9a-f]{12})\n", text_of(records))
    container = re.search(r"Running in ([0-9a-f]{12})", text_of(records))[1]
    same([r.get("stream", r.get("aux")) for r in records], [
        f"Step 1/3 : FROM {IMAGE}", "\n", f" ---> {base}\n",
        "Step 2/3 : RUN echo out", "\n", " ---> [Warning] Networks are not supported yet: the container gets a "
        "private network with only a loopback interface.\n", f" ---> Running in {container}\n", "out\n",
        f" ---> Removed intermediate container {container}\n", f" ---> {ids[1]}\n",
        "Step 3/3 : ENV A=1", "\n", f" ---> {image[7:19]}\n", {"ID": image},
        f"Successfully built {image[7:19]}\n", "Successfully tagged st:1\n", "Successfully tagged st:2\n"])
    for name in ("st:1", "st:2"):
        same(e.get(f"/images/{name}/json").expect(200).json["Id"], image)
    forget(e)


@case("a build that comes the same way gives the same image from the cache")
def _(e):
    text = f"FROM {IMAGE}\nRUN date > /when\nCOPY a /a\nWORKDIR /new\nCMD [\"true\"]\n"
    first = build(e, text, {"a": "1"})
    again = build(e, text, {"a": "1"})
    same(image_of(again), image_of(first))
    same(text_of(again).count("Using cache"), 4)
    changed = build(e, text, {"a": "2"})
    same(text_of(changed).count("Using cache"), 1)
    same(text_of(build(e, text, {"a": "1"}, nocache=1)).count("Using cache"), 0)
    forget(e)


@case("every instruction ends in the image's configuration")
def _(e):
    image = made(e, f"""FROM {IMAGE}
ENV A=1 B="two words"
ENV C=$A-${{B:+set}}
LABEL x=y "z"="$A"
EXPOSE 80 90/udp
VOLUME /data
USER nobody
WORKDIR /srv
WORKDIR sub
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=3s --retries=2 CMD true
ONBUILD RUN echo triggered
ENTRYPOINT ["/bin/sh"]
CMD echo cmd
MAINTAINER me
""", labels=json.dumps({"later": "1"}))
    c = config(e, image)
    same(c["Env"][-3:], ["A=1", "B=two words", "C=1-set"])
    same((c["Labels"], c["ExposedPorts"], c["Volumes"]),
         ({"x": "y", "z": "1", "later": "1"}, {"80/tcp": {}, "90/udp": {}}, {"/data": {}}))
    same((c["User"], c["WorkingDir"], c["StopSignal"]), ("nobody", "/srv/sub", "SIGINT"))
    same((c["Entrypoint"], c["Cmd"]), (["/bin/sh"], ["/bin/sh", "-ec", "echo cmd"]))
    same(c["Healthcheck"], {"Test": ["CMD-SHELL", "true"], "Interval": 3000000000, "Retries": 2})
    same(c["OnBuild"], ["RUN echo triggered"])
    same(e.get(f"/images/{image}/json").json["Author"], "me")
    records = build(e, f"FROM {image}\n", nocache=1)
    has(text_of(records), "# Executing 1 build trigger\n")
    has(text_of(records), "triggered\n")
    same(config(e, image_of(records)).get("OnBuild"), None)
    forget(e)


@case("stages: only what the target takes is built, and files come from stages and images")
def _(e):
    text = f"""ARG BASE={IMAGE}
FROM $BASE AS first
RUN echo one > /one
FROM $BASE AS never
RUN exit 1
FROM first AS second
COPY --from=first /one /two
COPY --from={IMAGE} /etc/passwd /stolen
RUN cat /one /two; wc -l < /stolen
FROM scratch AS last
COPY --from=second /two /
"""
    records = build(e, text)
    same("exit 1" in text_of(records), False)
    has(text_of(records), "one\none\n2\n")
    image = image_of(records)
    same(len(e.get(f"/images/{image}/json").json["RootFS"]["Layers"]), 1)
    has(text_of(build(e, text, target="first")), "Step 3/3 : RUN echo one")
    has(post(e, text, target="nosuch").expect(400).message, "nosuch")
    forget(e)


@case("stages that do not need each other run at the same time, and are told one after the other")
def _(e):
    wait = "i=0; while [ ! -e /c/{0} ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; [ -e /c/{0} ] && echo met {0}"
    mount = "RUN --mount=type=cache,target=/c"
    text = (f"FROM {IMAGE} AS a\n{mount} touch /c/a; {wait.format('b')}\nRUN echo a > /x\n"
            f"FROM {IMAGE} AS b\n{mount} touch /c/b; {wait.format('a')}\nRUN echo b > /x\n"
            f"FROM {IMAGE}\nCOPY --from=a /x /a\nCOPY --from=b /x /b\nRUN cat /a /b\n")
    told = text_of(build(e, text, nocache=1))
    has(told, "met b\n")
    has(told, "met a\n")
    has(told, "a\nb\n")
    same([int(n) for n in re.findall(r"^Step (\d+)/10", told, re.MULTILINE)], list(range(1, 11)))
    failing = f"FROM {IMAGE} AS a\nRUN sleep 60\nFROM {IMAGE} AS b\nRUN exit 5\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n"
    begin = time.monotonic()
    for quiet in (0, 1):
        records = build(e, failing, nocache=1, q=quiet)
        same(records[-1]["errorDetail"], {"code": 5, "message": "The command '/bin/sh -c exit 5' returned a non-zero code: 5"})
        has(text_of(records), "RUN exit 5")
    same(time.monotonic() - begin < 50, True)
    same(e.get("/containers/json?all=1").json, [])
    forget(e)


@case("COPY and ADD put files where Docker does, with owners, modes, wildcards and archives")
def _(e):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        make_image.add(tar, "packed/file", b"in the archive\n", mode=0o640)
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.SYMTYPE, "f1"
    files = {"d/f1": "1\n", "d/sub/f2": "2\n", "d/link": link, "x.txt": "x\n", "y.txt": "y\n", "z.md": "z\n",
             "a.tar": inner.getvalue(), "a.tgz": gzip.compress(inner.getvalue()), "plain.gz": gzip.compress(b"no tar")}
    same(output(e, f"""FROM {IMAGE}
RUN mkdir /real && ln -s /real /lnk
COPY d /dir
COPY d/f1 /as/name
COPY d/f1 /into/
COPY *.txt z.m? /wild/
COPY --exclude=*.txt . /all/
COPY --chown=nobody:nogroup --chmod=0600 x.txt /lnk/own
COPY --chown=12:34 d /owned
ADD a.tar a.tgz /un/
ADD plain.gz /un/
RUN cat /dir/f1 /dir/sub/f2 /dir/link /as/name /into/f1; ls /wild /all; stat -c '%U %G %a' /real/own; \\
 stat -c '%u %g' /owned /owned/sub/f2; cat /un/packed/file; stat -c %a /un/packed/file; ls /un
""", files), "1\n2\n1\n1\n1\n/all:\nDockerfile\na.tar\na.tgz\nd\nplain.gz\nz.md\n\n/wild:\nx.txt\ny.txt\nz.md\n"
         "nobody nogroup 600\n12 34\n12 34\nin the archive\n640\npacked\nplain.gz\n")
    forget(e)


@case("what COPY cannot do is said in Docker's words")
def _(e):
    for line, message in {
            "COPY nosuch /": "file not found in build context",
            "COPY ../x /": "forbidden path outside the build context",
            "COPY a* /": "no source files were specified",
            "COPY x y /z": "the destination must be a directory and end with a /",
            "COPY --from=127.0.0.1:1/none /x /": "127.0.0.1:1",
            "COPY --chown=nosuch x /": "nosuch",
            "ADD http://127.0.0.1:1/x /": "connection refused",
            "ADD git@127.0.0.1:x.git /": "only cloned over http",
            "STOPSIGNAL SIGNONE": "invalid signal: SIGNONE",
            "EXPOSE 80/none": "invalid proto: none"}.items():
        has(build(e, f"FROM {IMAGE}\n{line}\n", {"x": "1", "y": "2"})[-1].get("error", "none"), message)
    forget(e)


@case("names of one file in a copied folder stay names of one file")
def _(e):
    link = tarfile.TarInfo()
    link.type, link.linkname = tarfile.LNKTYPE, "d/a"
    same(output(e, f"FROM {IMAGE} AS s\nCOPY d /x\nFROM {IMAGE}\nCOPY --from=s --chown=7 /x /y\n"
                   "RUN cd /y; [ a -ef b ] && stat -c '%h %u' b; cat b\n", {"d/a": "once\n", "d/b": link}), "2 7\nonce\n")
    forget(e)


@case(".dockerignore takes files away, and brings back what it says")
def _(e):
    files = {".dockerignore": "# c\n*.o\nlogs\n!logs/keep\n", "a.o": "", "a.c": "", "logs/1": "", "logs/keep": "", "d/b.o": ""}
    same(output(e, f"FROM {IMAGE}\nCOPY . /c/\nRUN cd /c; find . -type f | sort\n", files),
         "./.dockerignore\n./Dockerfile\n./a.c\n./d/b.o\n./logs/keep\n")
    forget(e)


@case("links in the context and in the image lead nowhere but inside")
def _(e):
    def link(to):
        entry = tarfile.TarInfo()
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        return entry
    files = {"up": link("../../../../../../etc/passwd"), "abs": link("/etc/hostname"), "ok": "inside"}
    for name in ("up", "abs"):
        has(build(e, f"FROM {IMAGE}\nCOPY {name} /\n", files)[-1].get("error", "none"), "failed")
    same(output(e, f"FROM {IMAGE}\nRUN ln -s /../../../../tmp /out\nCOPY ok /out/x\nRUN cat /tmp/x\n", files), "inside")
    has(post(e, f"FROM {IMAGE}\n", {"../escape": "x"}).expect(400).message, "leads out of")
    forget(e)


@case("arguments: declared ones, defaults, global ones, proxies; others are warned of")
def _(e):
    text = f"""ARG V=global
FROM {IMAGE}
ARG V
ARG D=default
ARG N
RUN echo $V $D [$N] $http_proxy $UNKNOWN $TARGETARCH
"""
    args = {"D": "given", "http_proxy": "proxy", "UNKNOWN": "x"}
    records = build(e, text, buildargs=json.dumps(args), nocache=1)
    has(text_of(records), "global given [] proxy\n")
    has(text_of(records), "[Warning] One or more build-args [UNKNOWN] were not consumed\n")
    history = e.get(f"/images/{image_of(records)}/history").json[0]["CreatedBy"]
    same(history, "|2 D=given V=global /bin/sh -c echo $V $D [$N] $http_proxy $UNKNOWN $TARGETARCH")
    forget(e)


@case("heredocs are lines for the shell, scripts, and files")
def _(e):
    same(output(e, f"""FROM {IMAGE}
ARG WHO=me
COPY <<A <<"B" /
hi $WHO
A
raw $WHO
B
RUN <<EOF
#!/bin/sh
echo script: $(cat /A /B)
EOF
"""), "script: hi me raw $WHO\n")
    same(output(e, f"FROM {IMAGE}\nRUN <<EOF\necho 1\necho 2\nEOF\n"), "1\n2\n")
    forget(e)


@case("RUN --mount: a cache stays, a bind is read only, nothing of them is in the layer")
def _(e):
    text = f"""FROM {IMAGE}
RUN --mount=type=cache,id=c,target=/cache --mount=type=tmpfs,target=/t --mount=type=bind,source=d,target=/b \\
 echo x >> /cache/log; wc -l < /cache/log; touch /b/no 2>/dev/null || echo ro; cat /b/f; touch /t/x
RUN ls /cache /b /t
"""
    for n in ("1", "2"):
        text_n = text_of(build(e, text, {"d/f": "bound\n"}, nocache=1))
        has(text_n, f"{n}\nro\nbound\n")
        same("log" in text_n.split("Step 3/3")[1], False)
    has(text_of(build(e, f"FROM {IMAGE} AS s\nRUN echo from > /f\nFROM {IMAGE}\n"
                         "RUN --mount=type=bind,from=s,source=/f,target=/g cat /g\n")), "from\n")
    same(output(e, f"FROM {IMAGE}\nRUN --mount=type=secret,id=s ls /run/secrets 2>/dev/null; echo none\n"), "none\n")
    has(build(e, f"FROM {IMAGE}\nRUN --mount=type=secret,id=s,required=true true\n")[-1]["error"], "secret s is required")
    forget(e)


@case("a cache begins with what it is from, belongs to whom it says, and can be had by one at a time")
def _(e):
    mount = "RUN --mount=type=cache,target=/c,id=k"
    text = (f"FROM {IMAGE} AS s\nRUN mkdir /s && echo first > /s/f && chmod 750 /s\nFROM {IMAGE}\n"
            f"{mount},from=s,source=/s stat -c '%a %U' /c; cat /c/*; echo more > /c/g\n")
    has(text_of(build(e, text, nocache=1)), "750 root\nfirst\n")
    has(text_of(build(e, text.replace("/c/g", "/c/h"))), "first\nmore\n")
    same(output(e, f"FROM {IMAGE}\n{mount},uid=12,gid=34,mode=0700 stat -c '%a %u %g' /c; ls /c\n"), "700 12 34\n")
    has(build(e, f"FROM {IMAGE}\n{mount},source=/x true\n")[-1]["error"], "source= without from=")
    has(build(e, f"FROM {IMAGE} AS s\nFROM {IMAGE}\n{mount},from=s,source=/etc/passwd true\n")[-1]["error"], "is not a folder")
    locked = "--mount=type=cache,sharing=locked,id=l,target=/"
    alone = f"RUN {locked}c {locked}again mkdir /c/in && sleep 0.2 && rmdir /again/in\n"
    build(e, f"FROM {IMAGE} AS a\n{alone}FROM {IMAGE} AS b\n{alone}FROM scratch\nCOPY --from=a /etc /\nCOPY --from=b /etc /\n")
    forget(e)


@case("an image of layers that only fuse-overlayfs can stack is copied to and from, too")
def _(e):
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        raise suite.Skip("no right to /dev/fuse") from error
    if not shutil.which("fuse-overlayfs"):
        raise suite.Skip("no fuse-overlayfs")
    text = (f"FROM {IMAGE} AS s\nCOPY a /d/a\nRUN cat /d/a\nFROM {IMAGE}\nCOPY --from=s /d /etc\nCOPY a /etc/passwd\n"
            "RUN cat /etc/a /etc/passwd; [ ! -e /d ]\n")
    process, client = start_build(e, context(text, {"a": "fused\n"}), DAYFLY_STORAGE="fuse-overlayfs")
    with client, client.makefile("rb") as answer:
        told = answer.read().decode()
    same((told.count("fused\\n"), "Successfully built" in told), (3, True))
    same(process.wait(), 0)
    forget(e)


@contextlib.contextmanager
def web(files):
    """A server of these files: its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            data = files.get(self.path.partition("?")[0])
            self.send_response(200 if data is not None else 404)
            self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@case("ADD takes files from URLs, a build its context, an import its files; what is not there is told")
def _(e):
    tar = context(f"FROM {IMAGE}\nCOPY in /\nRUN cat /in\n", {"in": "remote tar\n"})
    with web({"/f.txt": b"from the web\n", "/t.tar": tar, "/Df": f"FROM {IMAGE}\nRUN echo alone\n".encode()}) as url:
        same(output(e, f"FROM {IMAGE}\nADD {url}/f.txt {url}/t.tar /w/\nADD {url}/f.txt /name\n"
                       "RUN cat /w/f.txt; stat -c '%a %Y' /name; ls /w\n"),
             "from the web\n600 1000000000\nf.txt\nt.tar\n")
        good = "sha256:" + hashlib.sha256(b"from the web\n").hexdigest()
        made(e, f"FROM {IMAGE}\nADD --checksum={good} {url}/f.txt /\n")
        for line, message in {f"ADD {url}/none /": "404", f"ADD {url}/ /": "cannot determine filename",
                              f"ADD --checksum=sha256:{'0' * 64} {url}/f.txt /": "digest mismatch"}.items():
            has(build(e, f"FROM {IMAGE}\n{line}\n")[-1]["error"], message)
        for path, printed in {"/t.tar": "remote tar\n", "/Df": "alone\n"}.items():
            reply = e.post("/build?nocache=1&remote=" + urllib.parse.quote(url + path)).expect(200)
            has(text_of(json.loads(line) for line in reply.body.splitlines()), printed)
        has(e.post("/build?remote=" + urllib.parse.quote(url + "/no")).expect(404).message, "404")
        for source in (url + "/t.tar", url.removeprefix("http://") + "/t.tar"):
            told = e.post("/images/create?repo=imported&fromSrc=" + urllib.parse.quote(source)).expect(200).body.splitlines()
            same(json.loads(told[0])["status"], f"Downloading from {url}/t.tar")
            shown = e.get("/images/imported/json").expect(200).json
            same((shown["Id"], shown["Comment"]), (json.loads(told[1])["status"], f"Imported from {url}/t.tar"))
        for path, message in {"/no": "the server answers 404", "/f.txt": ""}.items():
            told = e.post("/images/create?fromSrc=" + urllib.parse.quote(url + path)).expect(200).body.splitlines()
            has(json.loads(told[-1])["error"], message)
        has(e.post("/images/create?fromSrc=ftp://x/y").expect(400).message, "http and https only")
    forget(e)


def repository(folder):
    """A git repository as a plain web server shows it: path -> content, and its commits."""
    def git(*words):
        return subprocess.run(["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x", *words], check=True,
                              env={"PATH": os.environ["PATH"], "HOME": str(folder)}, capture_output=True, text=True).stdout
    folder.mkdir()
    git("init", "-q", "-b", "main")
    commits = []
    for n in ("old", "new"):
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /c\nRUN ls -A /c; cat /c/f\n")
        (folder / "f").write_text(f"{n}\n")
        (folder / "sub/Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo below {n}\n")
        git("add", ".")
        git("commit", "-q", "-m", n)
        commits.append(git("rev-parse", "HEAD").strip())
    git("branch", "side", commits[0])
    git("update-server-info")
    top = folder / ".git"
    return {f"/x.git/{p.relative_to(top)}": p.read_bytes() for p in top.rglob("*") if p.is_file()}, commits


@case("a context can be a git repository: a branch or commit of it, a folder in it; and so can be what ADD takes")
def _(e):
    if not shutil.which("git"):
        raise suite.Skip("no git")
    files, commits = repository(e.root / "git")
    with web(files) as url:
        def told(remote):
            reply = e.post("/build?nocache=1&remote=" + urllib.parse.quote(remote)).expect(200)
            return text_of(json.loads(line) for line in reply.body.splitlines())
        has(told(f"{url}/x.git"), "Dockerfile\nf\nsub\nnew\n")
        has(told(f"{url}/x.git#side"), "\nold\n")
        has(told(f"{url}/x.git#{commits[0]}:sub"), "below old\n")
        for remote, message in {"/x.git#none": "none", "/x.git#--upload-pack=x": "invalid git reference",
                                "/x.git#:f": "no folder", "/y.git": "not found"}.items():
            has(e.post("/build?remote=" + urllib.parse.quote(url + remote)).expect(400).message, message)
        same(output(e, f"FROM {IMAGE}\nADD {url}/x.git#side:sub /repo/\nRUN ls -A /repo\n"), "Dockerfile\n")
    forget(e)


@contextlib.contextmanager
def git_server(folder):
    """Repositories below folder, by git's own protocol over HTTP; yields the URL and what was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            path, _, query = self.path.partition("?")
            asked.append((self.command, path))
            variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1",
                         "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1",
                         "CONTENT_TYPE": self.headers.get("Content-Type", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                         "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            out = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=variables, check=False).stdout
            head, _, body = out.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode().splitlines()]
            self.send_response(int(dict(lines).get("Status", "200").split()[0]))
            for name, value in lines:
                if name != "Status":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()


@case("git's own protocol over HTTP gives contexts as well; over ssh what fails is told")
def _(e):
    if not shutil.which("git"):
        raise suite.Skip("no git")
    (e.root / "served").mkdir()
    _, commits = repository(e.root / "served/x.git")
    with git_server(e.root / "served") as (url, asked):
        reply = e.post("/build?nocache=1&remote=" + urllib.parse.quote(f"{url}/x.git#{commits[0]}:sub")).expect(200)
        has(text_of(json.loads(line) for line in reply.body.splitlines()), "below old\n")
        same(("POST", "/x.git/git-upload-pack") in asked, True)
        has(e.post(f"/build?remote={url}/none.git").expect(400).message, "not found")
        same(output(e, f"FROM {IMAGE}\nADD {url}/x.git#side /repo/\nRUN cat /repo/f\n"), "old\n")
    message = e.post("/build?remote=ssh://127.0.0.1:1/x").expect(400).message
    has(message, "unable to clone ssh://127.0.0.1:1/x: ")
    has(message, "Connection refused" if shutil.which("ssh") else "ssh")
    forget(e)


@contextlib.contextmanager
def registry(e):
    """An empty docker-registry on the loopback: its host and port."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        raise suite.Skip("no docker-registry, or no skopeo")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{s.getsockname()[1]}"
    settings = e.root / "registry.yml"
    settings.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {e.root}/reg}}}}\n"
                        f"http: {{addr: '{host}'}}\n")
    server = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)

    def answers():
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://{host}/v2/", timeout=2).status == 200
    try:
        until(answers)
        yield host
    finally:
        server.kill()
        server.wait()


@case("FROM pulls what is not here, --pull what may be newer")
def _(e):
    def push(name):
        subprocess.run(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false",
                        f"docker-archive:{e.root}/push.tar", f"docker://{name}"], check=True,
                       stdout=subprocess.DEVNULL, env=os.environ | {"HOME": str(e.root / "home"), "XDG_RUNTIME_DIR": str(e.run)})
    with registry(e) as host:
        name = f"{host}/base:1"
        layer = make_image.make_layer(make_image.find_busybox())
        for content in ("old", "new"):
            make_image.make_archive(e.root / "push.tar", "x:1", [layer, context("", {"v": content})])
            push(name)
            text = f"FROM {name}\nRUN cat /v\n"
            same(output(e, text, pull=1 if content == "new" else 0), content)
            has(text_of(build(e, text)), "Using cache")
        has(build(e, f"FROM {host}/none\n")[-1]["error"], "none")
    forget(e)


@case("a failing command is told with its code, and leaves no container")
def _(e):
    last = build(e, f"FROM {IMAGE}\nRUN echo x; exit 7\n")[-1]
    message = "The command '/bin/sh -c echo x; exit 7' returned a non-zero code: 7"
    same(last, {"errorDetail": {"code": 7, "message": message}, "error": message})
    same(e.get("/containers/json?all=1").json, [])
    r = try_docker(e, "build", "-", stdin=f"FROM {IMAGE}\nRUN exit 3\n".encode())
    same(r.code, 3)


@case("limits, names of hosts and the network are those of the steps' containers")
def _(e):
    same(output(e, f"FROM {IMAGE}\nRUN ulimit -n; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; grep -c extra /etc/hosts; "
                   "ls /sys/class/net\n", shmsize=3 << 20, extrahosts="extra:192.0.2.1", networkmode="none",
                ulimits='[{"Name":"nofile","Soft":77,"Hard":78}]'), "77\n3072\n1\nlo\n")
    asks = f"FROM {IMAGE}\nRUN --network=host readlink /proc/self/ns/net\n"
    same(output(e, asks, networkmode="host").strip(), os.readlink("/proc/self/ns/net"))
    for mode in "none", "default", "":  # a Dockerfile is a stranger's
        has(build(e, asks, networkmode=mode)[-1]["error"], "network.host is not allowed")
    forget(e)


@case("limits of memory and CPU are those of the steps' containers; what is not applied here is told, once")
def _(e):
    limits = {"Memory": 64 << 20, "MemorySwap": 96 << 20, "CpuShares": 512, "CpuPeriod": 50000, "CpuQuota": 25000,
              "CpusetCpus": "0", "CpusetMems": "0"}
    query = {name.replace("MemorySwap", "MemSwap").lower(): value for name, value in limits.items()}
    told = text_of(build(e, f"FROM {IMAGE}\nRUN echo one\nRUN echo two\n", rm=0, **query))
    host = e.inspect(re.search(r"Running in ([0-9a-f]{12})", told)[1])["HostConfig"]
    same({name: host[name] for name in limits}, limits)
    for warning in e.post("/containers/create", {"Image": IMAGE, "HostConfig": limits}).expect(201).json["Warnings"]:
        same(told.count(f" ---> [Warning] {warning}\n"), 1)
    for query, message in (({"memory": 64 << 20, "memswap": 32 << 20}, "Minimum memoryswap limit should be larger than memory limit"),
                           ({"memswap": 64 << 20}, "You should always set the Memory limit when using Memoryswap limit"),
                           ({"cpuperiod": 1}, "CPU cfs period can not be less than 1ms"), ({"cpuquota": 1}, "CPU cfs quota"),
                           ({"cpusetcpus": "8000"}, "Requested CPUs are not available - requested 8000"),
                           ({"cpushares": -1}, "invalid CPU shares (-1)"), ({"shmsize": -1}, "SHM size can not be less than 0"),
                           ({"ulimits": '[{"Name":"nofile","Soft":2,"Hard":1}]'}, "ulimit soft limit must be less")):
        has(post(e, f"FROM {IMAGE}\n", **query).expect(400).message, message)
    has(post(e, f"FROM {IMAGE}\n", cgroupparent="x.slice").expect(501).message, "HostConfig.CgroupParent")
    forget(e)


@case("without rm the containers of steps stay, also of one that fails, unless forcerm")
def _(e):
    image = made(e, f"FROM {IMAGE}\nRUN echo kept > /k\n", rm=0, nocache=1)
    same([c["State"] for c in e.get("/containers/json?all=1").json], ["exited"])
    same(output(e, f"FROM {image}\nRUN cat /k\n"), "kept\n")
    build(e, f"FROM {IMAGE}\nRUN exit 1\n", rm=0)
    same(len(e.get("/containers/json?all=1").json), 2)
    build(e, f"FROM {IMAGE}\nRUN exit 1\n", rm=0, forcerm=1)
    same(len(e.get("/containers/json?all=1").json), 2)
    forget(e)


@case("what is wrong with the request or the Dockerfile is a status, before any step")
def _(e):
    same(post(e, "FROM x\nNOSUCH y\n").expect(400).message, "dockerfile parse error on line 2: unknown instruction: NOSUCH")
    post(e, f"FROM {IMAGE}\n", t="UPPER").expect(400)
    post(e, f"FROM {IMAGE}\n", dockerfile="nosuch").expect(400)
    post(e, f"FROM {IMAGE}\n", dockerfile="../../etc/passwd").expect(400)
    post(e, f"FROM {IMAGE}\n", buildargs="[").expect(400)
    post(e, f"FROM {IMAGE}\n", platform="plan9/amd64").expect(400)
    e.post("/build", b"junk", headers=TAR).expect(400)
    has(post(e, f"FROM {IMAGE}\n", memory=1 << 20).expect(400).message, "Minimum memory limit allowed is 6MB")
    for query in ({"squash": 1}, {"remote": "ftp://127.0.0.1/x"}, {"version": 2}, {"outputs": '[{"Type":"x"}]'}):
        post(e, f"FROM {IMAGE}\n", **query).expect(501)
    for path in ("/session", "/grpc"):
        has(e.post(path).expect(501).message, "DOCKER_BUILDKIT=0")


@case("a quiet build tells the id alone, and everything if it fails")
def _(e):
    records = build(e, f"FROM {IMAGE}\nRUN echo quiet\n", q=1, t="quiet:1")
    same([r["stream"] for r in records], [e.get("/images/quiet:1/json").json["Id"] + "\n"])
    records = build(e, f"FROM {IMAGE}\nRUN echo loud; exit 1\n", q=1)
    has(text_of(records), "loud\n")
    forget(e)


@case("with SOURCE_DATE_EPOCH the same files give the same id, without any cache")
def _(e):
    text = f"FROM {IMAGE}\nRUN date > /dev/null; mkdir /d; echo x > /d/f\nCOPY a /a\nWORKDIR /w\n"
    args = json.dumps({"SOURCE_DATE_EPOCH": "1000000000"})
    first = made(e, text, {"a": "1"}, buildargs=args, nocache=1)
    time.sleep(1.1)
    same(made(e, text, {"a": "1"}, buildargs=args, nocache=1), first)
    same(e.get(f"/images/{first}/json").json["Created"], "2001-09-09T01:46:40Z")
    forget(e)


@case("deleting the image keeps its steps for the next build, and pruning forgets them")
def _(e):
    text = f"FROM {IMAGE}\nRUN head -c 3000000 /dev/zero > /big\n"
    image = made(e, text, t="gone:1")
    layer = e.get("/images/gone:1/json").json["RootFS"]["Layers"][-1][7:]
    e.delete("/images/gone:1").expect(200)
    same((store(e) / "layers" / layer).exists(), True)
    same(made(e, text), image)
    e.delete(f"/images/{image}").expect(200)
    reply = e.post("/build/prune").expect(200).json
    same(len(reply["CachesDeleted"]) >= 1 and reply["SpaceReclaimed"] >= 6000000, True)
    same((store(e) / "layers" / layer).exists(), False)
    same(complain_about_store(store(e)), [])


@case("pruning takes what no image has, or all; what was used longest ago first; and tells what it freed")
def _(e):
    def prune(**query):
        reply = e.post("/build/prune?" + urllib.parse.urlencode(query)).expect(200).json
        return len(reply["CachesDeleted"] or []), reply["SpaceReclaimed"]

    def listed():
        return e.get("/system/df?type=build-cache").expect(200).json["BuildCache"]
    forget(e)
    big = "head -c {0} /dev/zero >"
    made(e, f"FROM {IMAGE}\nENV A=1\nRUN --mount=type=cache,target=/c {big.format(500000)} /c/x; {big.format(300000)} /f\n", t="pr:1")
    same([(c["Type"], c["Shared"], c["InUse"]) for c in listed()].count(("exec.cachemount", False, False)), 1)
    same(prune(filters='{"type":["regular"]}'), (0, 0))
    same(prune(filters='{"until":["1h"]}'), (0, 0))
    same(prune(filters='{"inuse":["1"]}'), (0, 0))
    same(prune(filters='{"label":["mine"]}'), (0, 0))
    same(prune(**{"keep-storage": 10000000}), (0, 0))
    count, freed = prune()
    same((count, 500000 <= freed < 600000), (1, True))
    e.delete("/images/pr:1").expect(200)
    count, freed = prune()
    same((count, 600000 <= freed < 700000), (1, True))
    same([(c["Type"], c["Size"]) for c in listed()], [("regular", 0)])
    for text in ("one", "two"):
        made(e, f"FROM {IMAGE}\nRUN echo {text} > /n; {big.format(400000)} /f\n", t="pr:2")
        e.delete("/images/pr:2").expect(200)
    same(prune(**{"keep-storage": 900000})[0] >= 1, True)
    same(len([c for c in listed() if c["Size"]]), 1)
    same(prune(all=1)[0] >= 1, True)
    same(listed(), [])
    has(e.post('/build/prune?filters={"parent":["x"]}').expect(400).message, "invalid filter 'parent'")
    e.post("/build/prune?keep-storage=x").expect(400)
    has(docker(e, "builder", "prune", "-a", "-f"), "Total")
    has(docker(e, "system", "df"), "Build Cache")


@case("a client that goes away ends its build, and leaves nothing")
def _(e):
    body = context(f"FROM {IMAGE}\nRUN echo begun; sleep 100\nRUN echo never\n")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(e.socket)
    s.sendall(f"POST /build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
              f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    seen = b""
    while b"begun\\n\"" not in seen:
        seen += s.recv(65536)
    s.close()
    until(lambda: e.get("/containers/json?all=1").json == [])
    until(lambda: leftovers(e) == [] and
          [p.name for p in (store(e) / "build").iterdir() if p.name.startswith(".tmp")] == [])


def start_build(e, body, **environment):
    """A build as the switchboard starts it: (process, our end of the client's connection)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client, end = socket.socketpair()

    def give_control():
        os.dup2(theirs.fileno(), 3, inheritable=True)
    process = subprocess.Popen([PROGRAMS / "dayfly-worker", "build", "t=crash:1"], env=dict(e.environment(), **environment),
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=False,
                               preexec_fn=give_control)
    process.stdin.write(b"\n\n" + body)
    process.stdin.close()
    socket.send_fds(ours, [b"client"], [end.fileno()])
    for x in (theirs, end, ours):
        x.close()
    return process, client


@case("kill -9 of the worker at any moment leaves a consistent store, and fsck finds no more", seconds=300)
def _(e):
    rng = random.Random(5)
    for attempt in range(50):
        text = f"FROM {IMAGE} AS one\nRUN echo {attempt} > /n; head -c 200000 /dev/urandom > /r\nCOPY a /a\nWORKDIR /w\n"
        if attempt % 2: # two processes more
            text += f"FROM {IMAGE} AS two\nRUN echo {attempt} two > /n\nFROM one\nCOPY --from=two /n /two\n"
        body = context(text + "RUN cat /n\n", {"a": f"{attempt}"})
        process, client = start_build(e, body)
        time.sleep(rng.random() * 0.25)
        process.kill()
        process.wait()
        client.close()
        same(complain_about_store(store(e)), [])
        until(lambda: worker(e, "fsck").returncode == 0 and leftovers(e) == [] and
              e.get("/containers/json?all=1").json == [])
        same(complain_about_store(store(e)), [])
        same(worker(e, "fsck").stdout, "")
    same(output(e, f"FROM {IMAGE}\nRUN echo fine\n"), "fine\n")
    forget(e)


@case("the docker CLI builds, tags, and names the file")
def _(e):
    folder = e.root / "cli"
    folder.mkdir()
    (folder / "Other").write_text(f"FROM {IMAGE}\nARG X\nCOPY file /\nRUN cat /file; echo $X\n")
    (folder / "file").write_text("from the CLI\n")
    out = docker(e, "build", "-f", str(folder / "Other"), "-t", "cli:1", "--build-arg", "X=arg", str(folder))
    has(out, "from the CLI\narg\n")
    has(out, "Successfully tagged cli:1")
    same(docker(e, "run", "--rm", "--network", "none", "cli:1", "cat", "/file").strip(), "from the CLI")
    forget(e)


@case("the docker CLI's Dockerfile may lie outside of the context, come by itself, or in a tar")
def _(e):
    folder = e.root / "out"
    (folder / "context").mkdir(parents=True)
    text = f"FROM {IMAGE}\nCOPY . /c\nRUN ls -A /c; cat /c/file\n"
    (folder / "Dockerfile").write_text(text)
    (folder / "context/file").write_text("inside\n")
    # the CLI appends Dockerfile and .dockerignore, which lists both, to the tar of the context
    has(docker(e, "build", "--no-cache", "-f", str(folder / "Dockerfile"), str(folder / "context")), "\nfile\ninside\n")
    has(docker(e, "build", "--no-cache", "-f", "-", str(folder / "context"), stdin=text.encode()), "\nfile\ninside\n")
    (folder / "context/.dockerignore").write_text("other\n")
    (folder / "context/other").write_text("ignored\n")
    has(docker(e, "build", "--no-cache", "-f", str(folder / "Dockerfile"), str(folder / "context")), "\nfile\ninside\n")
    for tar in (context(text, {"file": "tar\n"}), gzip.compress(context(text, {"file": "tar\n"}))):
        has(docker(e, "build", "--no-cache", "-", stdin=tar), "\nDockerfile\nfile\ntar\n")
    forget(e)


@case("what buildx asks for to run a BuildKit in a container is there, and /session and /grpc say so")
def _(e):
    for path in ("/session", "/grpc"):
        message = e.post(path, headers={"Connection": "Upgrade", "Upgrade": "h2c"}).expect(501).message
        has(message, "docker buildx create --driver docker-container")
    # an image in whose place buildctl echoes
    image, name = "127.0.0.1:1/moby/buildkit:buildx-stable-1", "buildx_buildkit_x0"
    made(e, f"FROM {IMAGE}\nCOPY --chmod=755 buildctl /usr/bin/\nVOLUME /var/lib/buildkit\nENTRYPOINT [\"sleep\"]\n",
         {"buildctl": "#!/bin/sh\necho noise >&2\ncat\nexit 7\n"}, t=image)
    records = e.post(f"/images/create?fromImage={image.rpartition(':')[0]}&tag=buildx-stable-1")
    same(records.status != 200 or b'"error"' in records.body, True)  # then it looks for the image here
    e.get(f"/images/{image}/json").expect(200)
    same([o for o in e.get("/info").json["SecurityOptions"] if o.startswith("name=userns")], [])  # else UsernsMode were "host"
    e.get(f"/containers/{name}/json").expect(404)
    e.post(f"/containers/create?name={name}", {
        "Image": image, "Env": None, "Cmd": ["1000"], "NetworkingConfig": {},
        "HostConfig": {"Privileged": True, "Init": True, "RestartPolicy": {"Name": "unless-stopped"}, "NetworkMode": "host",
                       "Mounts": [{"Type": "volume", "Source": name + "_state", "Target": "/var/lib/buildkit"}],
                       "UsernsMode": "", "CgroupParent": "", "Memory": 64 << 20}}).expect(201)
    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w") as tar:
        make_image.add(tar, "buildkit")
        make_image.add(tar, "buildkit/buildkitd.toml", b"debug = true\n", mode=0o644)
    e.request("PUT", f"/containers/{name}/archive?noOverwriteDirNonDir=true&path=%2Fetc", files.getvalue(), headers=TAR).expect(200)
    e.post(f"/containers/{name}/start").expect(204)
    same(e.exec(name, "cat", "/etc/buildkit/buildkitd.toml"), (0, {1: b"debug = true\n", 2: b""}))
    same(e.exec(name, "mount", "-t", "tmpfs", "none", "/var/lib/buildkit"), (0, {1: b"", 2: b""}))
    session = e.post(f"/containers/{name}/exec", {"Cmd": ["buildctl", "dial-stdio"], "AttachStdin": True, "AttachStdout": True,
                                                  "AttachStderr": True}).expect(201).json["Id"]
    tunnel = e.open("POST", f"/exec/{session}/start", {"Detach": False, "Tty": False}, upgrade=True)
    data = os.urandom(1 << 20)

    def send():
        tunnel.sock.sendall(data)
        tunnel.sock.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    out = unframe(tunnel.read_all())
    sender.join()
    same((tunnel.status, out[1] == data, out[2]), (101, True, b"noise\n"))
    same(e.get(f"/exec/{session}/json").expect(200).json["ExitCode"], 7)
    e.post(f"/containers/{name}/stop?t=0").expect(204)
    e.delete(f"/containers/{name}?force=1&v=1").expect(204)
    e.delete(f"/volumes/{name}_state").expect(204)
    forget(e)


@case("python3-docker builds and gives the image")
def _(e):
    try:
        import docker as sdk
    except ImportError as error:
        raise suite.Skip("no python3-docker") from error
    client = sdk.DockerClient(base_url=e.url, version="auto", timeout=60)
    image, log = client.images.build(fileobj=io.BytesIO(f"FROM {IMAGE}\nRUN echo sdk\n".encode()), tag="sdk:1", rm=True)
    same(image.tags, ["sdk:1"])
    has("".join(r.get("stream", "") for r in log), "sdk\n")
    forget(e)


if __name__ == "__main__":
    suite.main()
