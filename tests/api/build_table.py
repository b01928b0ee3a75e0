#!/usr/bin/python3
"""Builds the small Dockerfiles of tests/api/build_cases/*.cases and looks at what came out.

usage: build_table.py [REGEX]      only cases ("file: sentence") that match

    == SENTENCE               begins a case; the lines that follow are its Dockerfile
    -- PATH [MODE]            a file of the context, 644; the lines that follow are its content
    -- PATH/ [MODE]           a folder, 755
    -- PATH -> TARGET         a symbolic link
    -- PATH tar|tgz           an archive; each line that follows is "NAME TEXT", a file in it
    ?? NAME=VALUE             of the query, e.g. target=x; buildarg A=B and label A=B are collected
    ~~ REASON                 why buildah is no second opinion here (build_buildah.py)
    => CHECK                  see below; a case with "error" checks nothing else

    is KEY.KEY JSON           a member of the inspected image, null if it is not there
    has KEY.KEY JSON          an array that holds it, an object that has its members, a text it is part of
    /PATH MODE UID:GID [JSON] a file of the image and maybe its content; a name that ends with / is a folder
    /PATH -> TARGET           a symbolic link
    !/PATH                    is not there
    says TEXT                 is somewhere in the stream
    layers N                  were added to the base's
    error TEXT                is part of the message the build ends with

Lines that begin with "# " between cases are comments. TEXT goes to the end of the line. In a content line,
\\t is a tab and \\\\ a backslash.
"""
import io
import json
import pathlib
import stat
import tarfile
import urllib.parse

import suite
from engine import IMAGE
from suite import case, has, same

TAR = {"Content-Type": "application/x-tar"}


class Case:
    def __init__(self, sentence):
        self.sentence, self.dockerfile, self.checks = sentence, [], []
        self.entries = []  # of the context: (TarInfo, lines, kind)
        self.query = {"nocache": "1"}
        self.differs = None
        self.maps = {"buildargs": {}, "labels": {}}

    def add_entry(self, words):
        name, _, target = words.partition(" -> ")
        info = tarfile.TarInfo(name.split()[0].rstrip("/"))
        options = name.split()[1:]
        kind = options.pop(0) if options and options[0] in ("tar", "tgz") else "file"
        info.mode = int(options[0], 8) if options else 0o755 if words.split()[0].endswith("/") else 0o644
        if target:
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
        elif words.split()[0].endswith("/"):
            info.type = tarfile.DIRTYPE
        self.entries.append((info, [], kind))

    def add_query(self, words):
        for word, key in (("buildarg ", "buildargs"), ("label ", "labels")):
            if words.startswith(word):
                name, _, value = words[len(word):].partition("=")
                self.maps[key][name] = value
                return
        name, _, value = words.partition("=")
        self.query[name] = value

    def add_line(self, line):
        if line.startswith("-- "):
            self.add_entry(line[3:])
        elif line.startswith("?? "):
            self.add_query(line[3:])
        elif line.startswith("~~ "):
            self.differs = line[3:]
        elif line.startswith("=> "):
            self.checks.append(line[3:])
        elif not self.entries:
            self.dockerfile.append(line)
        elif not self.checks:
            self.entries[-1][1].append(line.replace("\\\\", "\0").replace("\\t", "\t").replace("\0", "\\"))

    def context(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            add_file(tar, tarfile.TarInfo("Dockerfile"), "".join(f"{line}\n" for line in self.dockerfile).encode())
            for info, lines, kind in self.entries:
                add_file(tar, info, content(lines, kind) if info.isreg() else b"")
        return out.getvalue()

    def path(self):
        query = dict(self.query, **{key: json.dumps(value) for key, value in self.maps.items() if value})
        return "/build?" + urllib.parse.urlencode(query)


def add_file(tar, info, data):
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def content(lines, kind):
    if kind == "file":
        return "".join(f"{line}\n" for line in lines).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if kind == "tgz" else "w") as tar:
        for line in lines:
            name, _, text = line.partition(" ")
            info = tarfile.TarInfo(name)
            info.mode, info.uid, info.gid = 0o640, 11, 12
            add_file(tar, info, f"{text}\n".encode())
    return out.getvalue()


def read_cases(path):
    found = []
    for line in path.read_text().split("\n"):
        if line.startswith("== "):
            found.append(Case(f"{path.stem}: {line[3:]}"))
        elif found and not (found[-1].checks and (not line or line.startswith("# "))):
            found[-1].add_line(line)
    return found


class Image:
    """What a build came to."""

    def __init__(self, e, records):
        self.text = "".join(r.get("stream", "") for r in records)
        self.id = next(r["aux"]["ID"] for r in records if "aux" in r)
        self.inspected = e.get(f"/images/{self.id}/json").expect(200).json
        self.layers = len(self.inspected["RootFS"].get("Layers") or [])
        self.base_layers = len(e.get(f"/images/{IMAGE}/json").json["RootFS"]["Layers"])
        self.e, self.tree = e, None

    def files(self):
        """Path -> (TarInfo, bytes)."""
        if self.tree is None:
            container = self.e.post("/containers/create", {"Image": self.id, "Cmd": ["none"]}).expect(201).json["Id"]
            body = self.e.get(f"/containers/{container}/export").expect(200).body
            self.e.delete(f"/containers/{container}").expect(204)
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                self.tree = {}
                for m in tar:
                    source = self.tree["/" + m.linkname.lstrip("./")][1] if m.islnk() else None
                    data = source if m.islnk() else tar.extractfile(m).read() if m.isreg() else None
                    self.tree["/" + m.name.removeprefix("./").rstrip("/")] = (m, data)
        return self.tree

    def member(self, path):
        value = self.inspected
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value


def check_file(image, words):
    path, _, rest = words.partition(" ")
    info, data = image.files().get(path.rstrip("/"), (None, None))
    if info is None:
        raise AssertionError(f"{path} is not there")
    if rest.startswith("-> "):
        same((info.type, info.linkname), (tarfile.SYMTYPE, rest[3:]))
        return
    mode, owner, *text = rest.split(" ", 2)
    same((info.isdir(), f"{stat.S_IMODE(info.mode):o}", f"{info.uid}:{info.gid}"), (path.endswith("/"), mode, owner))
    if text:
        same(data.decode(), json.loads(text[0]))


def contains(value, part):
    if isinstance(value, dict):
        return isinstance(part, dict) and all(value.get(k) == v for k, v in part.items())
    return part in (value or [])


def check(image, line):
    word, _, rest = line.partition(" ")
    if word == "is" or word == "has":
        path, _, wanted = rest.partition(" ")
        value, wanted = image.member(path), json.loads(wanted)
        if not (value == wanted if word == "is" else contains(value, wanted)):
            raise AssertionError(f"{path} is {json.dumps(value)}")
    elif word == "says":
        # what a command says on stderr is red, in as many pieces as it was written in
        has(image.text.replace("\x1b[91m", "").replace("\x1b[0m", ""), rest)
    elif word == "layers":
        same(image.layers - image.base_layers, int(rest))
    elif word.startswith("!"):
        same(word[1:] in image.files(), False)
    else:
        check_file(image, line)


def send(e, c):
    """The records of the answer, and the message it ends with, if any."""
    reply = e.post(c.path(), c.context(), headers=TAR)
    records = [json.loads(line) for line in reply.body.splitlines()]
    return records, records[-1].get("error", records[-1].get("message")) if records else "no answer"


def run(e, c):
    records, problem = send(e, c)
    wanted = [line[6:] for line in c.checks if line.startswith("error ")]
    if wanted:
        has(problem or "", wanted[0])
        return
    if problem:
        raise AssertionError(problem)
    image = Image(e, records)
    for line in c.checks:
        try:
            check(image, line)
        except AssertionError as wrong:
            raise AssertionError(f"=> {line}: {wrong}") from None


def forget(e):
    for image in e.get("/images/json?all=1").json:
        if IMAGE not in image["RepoTags"]:
            e.delete(f"/images/{image['Id']}?force=1")
    e.post("/build/prune?all=1").expect(200)


def register(c):
    @case(c.sentence)
    def _(e):
        try:
            run(e, c)
        finally:
            forget(e)


if __name__ == "__main__":
    for file in sorted(pathlib.Path(__file__).with_name("build_cases").glob("*.cases")):
        for one in read_cases(file):
            register(one)
    suite.main()
