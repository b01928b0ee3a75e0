#!/usr/bin/python3
"""clients/smoke against a private engine: every client that is installed runs one container."""
import os
import subprocess
import sys

from engine import SOURCE, Engine

with Engine() as engine:
    environment = {"PATH": os.environ["PATH"], "HOME": str(engine.root / "home"), "DOCKER_HOST": engine.url,
                   "DOCKER_CONFIG": str(engine.root / "home")}
    done = subprocess.run([str(SOURCE / "clients/smoke")], env=environment, cwd=engine.root, check=False)
    engine.clean()
    complaints = engine.finish()
for line in complaints:
    print("#", line)
sys.exit(1 if complaints else done.returncode)
