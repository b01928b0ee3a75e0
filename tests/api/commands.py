#!/usr/bin/python3
"""Types what people type, and compares what they would see. Transcripts: tests/api/commands/*.cases

usage: commands.py [REGEX]      only cases ("file: sentence") that match

    == SENTENCE       begins a case; all it does is done by one shell, in an empty folder of its own
    $ COMMAND         typed to that shell; lines that begin with "> " continue it
    [STATUS]          what it ends with, if not 0
    anything else     what it prints, standard output and error as they come

Without docker CLI 28 it is skipped. In what is printed, a word in angle brackets stands for what differs from run to run:

    <id> 64 digits of an id    <short> 12 of them    <n> a number       <size> 12.3kB, 4MB
    <time> with its date       <ago> 3 seconds       <word> one word    <*> anything

A line "..." stands for any lines, and columns may be wider than they are in the file.
"""
import pathlib
import re
import shutil
import subprocess
import sys

import suite
from cli_tools import environment

STANDS_FOR = {
    "id": "[0-9a-f]{64}", "short": "[0-9a-f]{12}", "n": r"\d+", "size": r"[\d.]+([kMGT]i?)?B",
    "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?( [+-]\d{4} UTC)?",
    "ago": r"(Less than a second|About an? \w+|\d+ \w+)", "word": r"\S+", "*": ".*",
}
MARK = "\1status "
# Every container on the default bridge is told so as long as there are no networks.
NOT_YET = re.compile(r"^(WARNING:| ---> \[Warning\]) Networks are not supported yet.*\n", re.MULTILINE)


class Command:
    def __init__(self, line):
        self.line, self.status, self.expected = line, 0, []


def read(path):
    """The cases of a file: [(sentence, [Command])]."""
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("== "):
            cases.append((f"{path.stem}: {line[3:]}", commands := []))
        elif not cases:
            assert not line or line.startswith("# "), f"{path}:{number}: before the first case"
        elif line.startswith("$ "):
            commands.append(Command(line[2:]))
        elif line.startswith("> "):
            commands[-1].line += "\n" + line[2:]
        elif status := re.fullmatch(r"\[(\d+)\]", line):
            commands[-1].status = int(status[1])
        elif line and not line.startswith("# "):
            commands[-1].expected.append(line)
    return cases


def pattern(line):
    """One line as a regular expression."""
    if line == "...":
        return r"(?:.*\n)*?"
    found = "".join(STANDS_FOR[part[1:-1]] if part[1:-1] in STANDS_FOR and part[0] == "<" else
                    "  +" if part.startswith("  ") else re.escape(part)
                    for part in re.split(r"(<[a-z*]+>|  +)", line))
    return found + " *\n"


def fits(command, status, printed):
    return status == command.status and re.fullmatch("".join(map(pattern, command.expected)), printed)


def play(e, commands):
    folder = e.root / "typed"
    folder.mkdir()
    script = "exec 2>&1\n" + "".join(f"{c.line}\nprintf '{MARK}%d\\n' $?\n" for c in commands)
    try:
        done = subprocess.run(["sh", "-c", script], env=environment(e), cwd=folder, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False)
    finally:
        shutil.rmtree(folder)
    parts = re.split(f"{MARK}(\\d+)\n", NOT_YET.sub("", done.stdout.decode()))
    # blank lines and a missing last newline are no difference anybody sees
    printed = ["".join(line + "\n" for line in part.splitlines() if line) for part in parts[0::2]]
    seen = list(zip(commands, map(int, parts[1::2]), printed))
    if len(seen) == len(commands) and all(fits(*step) for step in seen):
        return
    raise AssertionError("\n" + "".join(
        f"{'  ' if fits(c, status, printed) else '! '}$ {c.line}\n{printed}" + (f"[{status}]\n" if status else "")
        for c, status, printed in seen))


# Much of what is printed is the client's own, and other versions word it in other ways.
if not shutil.which("docker") or " 28." not in subprocess.run(["docker", "--version"], capture_output=True,
                                                              text=True, check=True).stdout:
    print("no docker CLI 28 here")
    sys.exit(77)

for file in sorted((pathlib.Path(__file__).parent / "commands").glob("*.cases")):
    for sentence, typed in read(file):
        suite.case(sentence)(lambda e, typed=typed: play(e, typed))
suite.main()
