#!/usr/bin/python3
"""What docs/fields.md says of every field of a create request holds.

Each row is sent with a value that asks for something: an honoured one is shown by inspect, a refused one
is named in the answer, an ignored one leaves no trace.
"""
from create_model import MODEL, Value, body_of, rows, steps
from suite import case, main, same


def shown(document, path):
    at = document if path.startswith("HostConfig") else document["Config"]
    for step in steps(path):
        at = at[step]
    return at


def holds(got, want):
    """The image may have added to a list."""
    if isinstance(want, list) and want and isinstance(got, list):
        return all(item in got for item in want)
    return got == want


def check(engine, path, what, value):
    reply = engine.post("/containers/create", body_of(path, value))
    if what == "refused":
        name = value.says or steps(path)[-1]
        if reply.status not in (400, 501) or name.lower() not in reply.message.lower():
            return f"refused with its name? {reply.status} {reply.body!r}"
        return None
    if reply.status != 201:
        return f"{what}? {reply.status} {reply.body!r}"
    document = engine.inspect(reply.json["Id"])
    if what == "honoured":
        want = value.sent if value.shown is None else value.shown
        got = shown(document, path)
        return None if holds(got, want) else f"shown as {got!r}, sent was {value.sent!r}"
    return None


@case("every field of the model has its row, and no row is about anything else")
def complete(_):
    same(sorted(field for field, _ in rows()), sorted(MODEL))


@case("every row holds")
def every(engine):
    wrong = []
    engine.create("true", name="other")
    for path, what in rows():
        value = MODEL[path] if isinstance(MODEL[path], Value) else Value(MODEL[path])
        found = check(engine, path, what, value)
        if found:
            wrong.append(f"{path}: {found}")
    same(wrong, [])


if __name__ == "__main__":
    main()
