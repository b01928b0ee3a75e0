#!/usr/bin/python3
"""Runs the one-line cases of tests/api/cases/*.cases.

usage: table.py [REGEX]      only sections ("file: title") that match

A line is a request, the status it must give, and what must hold for the answer:

    METHOD PATH [type=MIME] [header:NAME=VALUE] [BODY] STATUS [CHECK...]

BODY is JSON; a JSON string is sent as plain text, @image sends the test image's archive. CHECKs:

    .a.b[0]=VALUE   member equals VALUE (JSON, or a bare word)    .a~REGEX   its text matches
    .a#N            its length                                    .a:TYPE    array object string number
    !.a             it is absent                                  >name=.a   remember it as $name
    :Header=VALUE   :Header~REGEX   !:Header                      =TEXT      the whole body
    ~REGEX          somewhere in the body

Quote VALUE, REGEX or TEXT as a JSON string if it has blanks. $name and ${name:12} (its first 12
characters) are replaced everywhere. "eventually" before a line repeats it for up to ten seconds.
"== title" begins a section: what the one before made is removed, and variables are forgotten.
"""
import json
import pathlib
import re
import sys
import time
import urllib.parse

from engine import Engine

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
TYPES = {"array": list, "object": dict, "string": str, "number": (int, float), "bool": bool}
DECODER = json.JSONDecoder()
STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\.\"([^\"]+)\"|\[(-?\d+)\]")
PATH = re.compile(r"(?:\.(?=\[))?(?:%s)+|\.(?=[#:=~]|$)" % STEP.pattern.replace("(", "(?:"))
MISSING = object()


class Bad(Exception):
    pass


def take_json(text):
    """A JSON value at the start of text, and the rest."""
    value, end = DECODER.raw_decode(text)
    return value, text[end:].lstrip()


def take_word(text, as_text=False):
    """JSON or a bare word at the start of text (after an operator), and the rest. A bare 1.47 is a
    number, or as_text a string."""
    if text[:1] in ('"', "{", "["):
        return take_json(text)
    word, _, rest = text.partition(" ")
    if as_text:
        return word, rest.lstrip()
    try:
        return json.loads(word), rest.lstrip()
    except ValueError:
        return word, rest.lstrip()


def take_pattern(text):
    if text.startswith('"'):
        return take_json(text)
    word, _, rest = text.partition(" ")
    return word, rest.lstrip()


def look_up(value, path):
    for name, quoted, index in STEP.findall(path):
        if index:
            if not isinstance(value, list) or not -len(value) <= int(index) < len(value):
                return MISSING
            value = value[int(index)]
        elif not isinstance(value, dict) or (name or quoted) not in value:
            return MISSING
        else:
            value = value[name or quoted]
    return value


def substitute(line, variables):
    def one(found):
        name, cut = found[1] or found[2], found[3]
        if name not in variables:
            raise Bad(f"${name} was never set")
        return variables[name][:int(cut)] if cut else variables[name]
    return re.sub(r"\$(?:([a-z]\w*)|\{([a-z]\w*)(?::(\d+))?\})", one, line)


class Case:
    def __init__(self, line, variables):
        self.variables = variables
        rest = substitute(line, variables)
        self.again = rest.startswith("eventually ")
        if self.again:
            rest = rest.removeprefix("eventually ").lstrip()
        self.method, self.path, rest = (rest.split(None, 2) + [""])[:3]
        if self.method not in METHODS:
            raise Bad(f"{self.method} is no method")
        self.headers, self.body, rest = self.take_request(rest)
        status, _, rest = (rest + " ").partition(" ")
        self.status = int(status)
        self.checks = rest.strip()

    @staticmethod
    def take_request(rest):
        headers, body = {}, None
        while not rest[:1].isdigit():
            if rest.startswith("type="):
                headers["Content-Type"], rest = take_pattern(rest[5:])
            elif rest.startswith("header:"):
                name, _, rest = rest[7:].partition("=")
                headers[name], rest = take_pattern(rest)
            elif rest.startswith("@image"):
                body, rest = "@image", rest[6:].lstrip()
                headers.setdefault("Content-Type", "application/x-tar")
            elif rest[:1] in '{["':
                value, rest = take_json(rest)
                body = value if isinstance(value, str) else json.dumps(value)
                if not isinstance(value, str):
                    headers.setdefault("Content-Type", "application/json")
            else:
                raise Bad(f"what is {rest!r}?")
        return headers, body, rest

    def run(self, engine):
        body = engine.archive.read_bytes() if self.body == "@image" else self.body
        path = urllib.parse.quote(self.path, safe="/?&=%+:@,;~.-_!*'()")
        reply = engine.request(self.method, path, body, headers=self.headers)
        if reply.status != self.status:
            raise Bad(f"status {reply.status}: {reply.body[:500]!r}")
        rest = self.checks
        while rest:
            rest = self.check(reply, rest)

    def check(self, reply, rest):
        kind = rest[0]
        if kind == "=":
            want, rest = take_pattern(rest[1:])
            self.demand(reply.body.decode() == want, reply.body, rest)
        elif kind == "~":
            want, rest = take_pattern(rest[1:])
            self.demand(re.search(want, reply.body.decode(errors="replace")), reply.body, want)
        elif kind == ">":
            name, _, rest = rest[1:].partition("=")
            path, rest = self.take_path(rest)
            value = look_up(reply.json, path)
            self.demand(value is not MISSING, reply.body, path)
            self.variables[name] = value if isinstance(value, str) else json.dumps(value)
        elif kind == "!":
            rest = self.check_absent(reply, rest[1:])
        elif kind == ":":
            rest = self.check_header(reply, rest[1:])
        else:
            rest = self.check_member(reply, rest)
        return rest.lstrip()

    @staticmethod
    def demand(holds, got, want):
        if not holds:
            raise Bad(f"{want!r} does not hold for {got[:1500]!r}")

    @staticmethod
    def take_path(rest):
        found = PATH.match(rest)
        if not found:
            raise Bad(f"no check: {rest!r}")
        return found[0], rest[found.end():]

    def check_absent(self, reply, rest):
        if rest.startswith(":"):
            name, _, rest = rest[1:].partition(" ")
            self.demand(name not in reply.headers, str(reply.headers), f"no {name}")
            return rest
        path, rest = self.take_path(rest)
        self.demand(look_up(reply.json, path) is MISSING, reply.body, f"no {path}")
        return rest

    def check_header(self, reply, rest):
        name = re.match(r"[A-Za-z-]+", rest)[0]
        operator, rest = rest[len(name)], rest[len(name) + 1:]
        want, rest = take_pattern(rest)
        got = reply.headers.get(name, "")
        holds = got == want if operator == "=" else re.search(want, got)
        self.demand(holds, str(reply.headers), f"{name} {operator} {want}")
        return rest

    def check_member(self, reply, rest):
        path, rest = self.take_path(rest)
        operator, rest = rest[:1], rest[1:]
        got = look_up(reply.json, path)
        self.demand(got is not MISSING, reply.body, f"a member {path}")
        if operator == "=":
            want, rest = take_word(rest, as_text=isinstance(got, str))
            self.demand(got == want, repr(got), f"{path} = {want!r}")
        elif operator == "~":
            want, rest = take_pattern(rest)
            text = got if isinstance(got, str) else json.dumps(got)
            self.demand(re.search(want, text), text, f"{path} ~ {want}")
        elif operator == "#":
            want, rest = take_word(rest)
            self.demand(len(got) == want, repr(got), f"length {want} of {path}")
        elif operator == ":":
            want, _, rest = rest.partition(" ")
            self.demand(isinstance(got, TYPES[want]), repr(got), f"{path} is of type {want}")
        else:
            raise Bad(f"no check: {operator + rest!r}")
        return rest


def sections(folder):
    """(file: title, [(line number, line)]) of every section of every file."""
    for path in sorted(folder.glob("*.cases")):
        title, lines = path.stem, []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.strip()
            if line.startswith("== "):
                if lines:
                    yield title, lines
                title, lines = f"{path.stem}: {line[3:]}", []
            elif line and not line.startswith("#"):
                lines.append((f"{path.stem}:{number}", line))
        if lines:
            yield title, lines


def run_line(engine, line, variables):
    end = time.monotonic() + 10
    while True:
        case = Case(line, variables)
        try:
            return case.run(engine)
        except Bad:
            if not case.again or time.monotonic() > end:
                raise
        time.sleep(0.05)


def run_section(engine, title, lines, count):
    failed, variables = 0, {"image": engine.image_id, "imagehex": engine.image_id[7:]}
    for where, line in lines:
        count += 1
        try:
            run_line(engine, line, variables)
            print(f"ok {count} {where} {line}")
        except Exception as e:
            failed += 1
            print(f"not ok {count} {where} {line}\n# {type(e).__name__}: {e}")
    try:
        engine.clean()
    except Exception as e:
        failed += 1
        print(f"# after {title}: {e}")
        print(f"not ok {count} {title} leaves nothing behind")
        engine.reset()
    sys.stdout.flush()
    return count, failed


def main():
    only = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    count = failed = 0
    with Engine() as engine:
        for title, lines in sections(pathlib.Path(__file__).parent / "cases"):
            if not only.search(title):
                continue
            count, bad = run_section(engine, title, lines, count)
            failed += bad
        complaints = engine.finish()
        print("not ok" if complaints else "ok", count + 1,
              "every reply fits api/openapi.yaml and no sanitizer spoke")
        for line in complaints[:200]:
            print("#", line)
    if failed:
        print("#", engine.recent_log().replace("\n", "\n# "))
    sys.exit(1 if failed or complaints else 0)


main()
