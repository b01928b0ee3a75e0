"""Checks replies against api/openapi.yaml: the subset of JSON Schema that file uses, and strictly.

A member that a reply has and the description does not is a complaint too, so that the description
cannot fall behind; objects whose members are data (labels) say additionalProperties.
"""
import json
import re
import urllib.parse

import yaml

VERSION = re.compile(r"^/v\d+\.\d+(?=/)")
TYPES = {"string": str, "boolean": bool, "object": dict, "array": list}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "null":
        return value is None
    return isinstance(value, TYPES[name])


class Checker:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.document = yaml.load(f, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.routes = []
        for template, methods in self.document["paths"].items():
            # {name} may hold slashes where it names an image; literal parts decide.
            pattern = re.sub(r"\\{\w+\\}", "(.+)" if template.startswith(("/images", "/distribution")) else "([^/]+)",
                             re.escape(template))
            self.routes.append((template.count("{"), re.compile(pattern + "$"), methods))
        self.routes.sort(key=lambda r: r[0])
        self.seen = set()

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].split("/")[1:]:
                target = target[part]
            node = target
        return node

    def operation(self, method, path):
        path = VERSION.sub("", urllib.parse.urlsplit(path).path)
        for _, pattern, methods in self.routes:
            if pattern.match(path) and method.lower() in methods:
                return methods[method.lower()]
        return None

    def check(self, method, path, status, content_type, body):
        """Complaints about one reply, none if it is as described."""
        operation = self.operation(method, path)
        version = VERSION.match(path)
        if status == 400 and version and not 24 <= int(version[0].split(".")[1]) <= 47:
            return []  # of no operation: the version is not served
        if operation is None:
            return [] if status in (400, 404) or method == "OPTIONS" else [f"{method} {path}: {status} from no described route"]
        name = operation["operationId"]
        self.seen.add(name)
        described = operation["responses"].get(str(status), operation["responses"].get("default"))
        where = f"{name} {status}"
        if described is None:
            return [f"{where}: this status is not described ({body[:120]!r})"]
        content = self.resolve(described).get("content")
        if not content:
            return [f"{where}: a body where none is described: {body[:80]!r}"] if body else []
        if method == "HEAD" or not (body or content_type):
            return []
        kind = content_type.split(";")[0]
        if kind not in content:
            return [f"{where}: type {kind!r}, described are {sorted(content)}"]
        node = content[kind].get("schema")
        if kind != "application/json" or node is None:
            return []
        try:
            # Progress and events: one object a line.
            values = ([json.loads(line) for line in body.splitlines() if line.strip()]
                      if content[kind].get("x-lines") else [json.loads(body)])
        except ValueError as e:
            return [f"{where}: no JSON ({e}): {body[:120]!r}"]
        return [f"{where}: {c}" for value in values for c in self.value(value, node, "")]

    def value(self, value, node, where):
        node = self.resolve(node)
        for part in node.get("allOf", []):
            yield from self.value(value, part, where)
        if "anyOf" in node:
            tries = [list(self.value(value, option, where)) for option in node["anyOf"]]
            if all(tries):
                yield from tries[0]
        if value is None and node.get("nullable"):
            return
        wanted = node.get("type")
        if wanted and not is_type(value, wanted):
            yield f"{where or 'value'} is {json.dumps(value)[:80]}, not of type {wanted}"
            return
        if "enum" in node and value not in node["enum"]:
            yield f"{where} is {value!r}, not one of {node['enum']}"
        if "pattern" in node and isinstance(value, str) and not re.search(node["pattern"], value):
            yield f"{where} is {value!r}, which does not match {node['pattern']}"
        if isinstance(value, list) and "items" in node:
            for item in value:
                yield from self.value(item, node["items"], where + "[]")
        if isinstance(value, dict):
            yield from self.members(value, node, where)

    def members(self, value, node, where):
        known = node.get("properties", {})
        for name in node.get("required", []):
            if name not in value:
                yield f"{where}.{name} is missing"
        for name, item in value.items():
            if name in known:
                yield from self.value(item, known[name], f"{where}.{name}")
                continue
            more = node.get("additionalProperties", not known)
            if more is False:
                yield f"{where}.{name} is not described"
            elif isinstance(more, dict):
                yield from self.value(item, more, f"{where}.*")
