#!/usr/bin/python3
"""The clients from npm (clients/node) against a private engine, in their own test runner. usage: node.py [REGEX]

./test puts the packages that clients/node/package-lock.json names into build/clients; without them
the suite is skipped. DAYFLY_NODE_MODULES names another folder.
"""
import os
import re
import shutil
import subprocess
import sys

from engine import SOURCE, Engine

PROGRAMS = ("dockerode", "testcontainers", "devcontainer")
MODULES = os.environ.get("DAYFLY_NODE_MODULES", str(SOURCE / "build/clients/node_modules"))
SECONDS = 480


def run(engine, program):
    """Passes the runner's TAP on; true when all is well."""
    folder = engine.root / program
    shutil.copytree(SOURCE / "clients/node", folder)
    (folder / "node_modules").symlink_to(MODULES)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(engine.root), "DOCKER_HOST": engine.url,
                   "DOCKER_CONFIG": str(folder), "TESTCONTAINERS_RYUK_DISABLED": "true"}
    done = subprocess.run(["node", "--test-reporter=tap", f"{program}.mjs"], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    for line in done.stdout.splitlines():
        told = re.match(r"(ok|not ok) \d+ - (.*)", line)
        if told:
            print(f"{told[1]} - {program}: {told[2]}")
        elif done.returncode:
            print("#", line)
    return done.returncode == 0


def main():
    wanted = [p for p in PROGRAMS if len(sys.argv) < 2 or re.search(sys.argv[1], p)]
    if not shutil.which("node") or not os.path.isdir(MODULES):
        print(f"node or {MODULES} is not there")
        return 77
    with Engine(idle="2") as engine:
        good = [run(engine, program) for program in wanted]
        engine.clean()
        complaints = engine.finish()
        if complaints:
            print(engine.recent_log())
    for line in complaints:
        print("#", line)
    return 0 if all(good) and not complaints else 1


sys.exit(main())
