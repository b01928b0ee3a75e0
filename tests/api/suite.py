"""A list of cases, run one after the other on one engine, told as TAP.

A case is a function under @case("the sentence it proves"); it gets the engine. After each case
everything it made is removed, and a container, process, mount or file that stays behind fails it.

usage of a suite: NAME.py [REGEX]     only cases whose sentence matches
"""
import os
import re
import signal
import sys
import time
import traceback

from engine import Engine

cases = []


class Skip(Exception):
    """Raised by a case that cannot be decided here, with the reason."""


def case(sentence, *, seconds=60):
    def add(function):
        cases.append((sentence, function, seconds))
        return function
    return add


def sanitized():
    """./test says so for programs that were built with sanitizers."""
    return "ASAN_OPTIONS" in os.environ


def slow_factor():
    """Sanitizers make everything slower; patience grows, expectations do not."""
    return 4 if sanitized() else 1


def same(got, want):
    if got != want:
        raise AssertionError(f"\n  got:  {got!r}\n  want: {want!r}")


def has(text, part):
    if part not in text:
        raise AssertionError(f"\n  got: {text!r}\n  without: {part!r}")


def matches(text, pattern):
    if not re.search(pattern, text):
        raise AssertionError(f"\n  got: {text!r}\n  does not match: {pattern}")


def until(condition, seconds=30, every=0.05):
    """Asks condition again until it is true; its last value is returned, or the case fails."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {seconds} s: {value!r}")
        time.sleep(every)


def too_late(*_):
    raise TimeoutError("the case took too long")


def run_one(engine, function, seconds):
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds * 2 if sanitized() else seconds)
    try:
        function(engine)
    finally:
        signal.alarm(60)
        try:
            engine.clean()
        finally:
            signal.alarm(0)


def main(**engine_options):
    only = re.compile(sys.argv[1] if len(sys.argv) > 1 else "")
    chosen = [c for c in cases if only.search(c[0])]
    failed = 0
    with Engine(**engine_options) as engine:
        print(f"1..{len(chosen) + 1}", flush=True)
        for number, (sentence, function, seconds) in enumerate(chosen, 1):
            begin = time.monotonic()
            try:
                run_one(engine, function, seconds)
                print(f"ok {number} {sentence} ({time.monotonic() - begin:.2f} s)", flush=True)
            except Skip as reason:
                print(f"ok {number} {sentence} # SKIP {reason}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} {sentence}")
                print("".join("# " + line + "\n" for line in
                              (traceback.format_exc() + engine.recent_log()).splitlines()), flush=True)
                engine.reset()
        complaints = engine.finish()
        print(f"{'not ok' if complaints else 'ok'} {len(chosen) + 1} "
              f"every reply fits api/openapi.yaml ({engine.recorder.checked} of them other clients') "
              "and no sanitizer spoke")
        for line in complaints[:200]:
            print("#", line)
    sys.exit(1 if failed or complaints else 0)
