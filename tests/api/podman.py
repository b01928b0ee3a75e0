"""podman as a second opinion, with a state of its own that goes with it."""
import contextlib
import os
import shutil
import signal
import subprocess

from suite import Skip


@contextlib.contextmanager
def podman(e):
    """Yields a function that runs it below its folder, which is returned's .folder."""
    if not shutil.which("podman"):
        raise Skip("no podman")
    state = e.root / "podman"
    (state / "run").mkdir(parents=True, mode=0o700)

    def run(*words, check=True):
        done = subprocess.run(["podman", "--cgroup-manager=cgroupfs", "--storage-driver=vfs",
                               "--events-backend=none", *words], capture_output=True, cwd=state, check=False,
                              timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(state),
                                                "XDG_RUNTIME_DIR": str(state / "run")})
        if check and done.returncode:
            raise AssertionError(done.stderr.decode())
        return done
    run.folder = state
    try:
        yield run
    finally:
        # a process that holds its user namespace: it would keep the test's user busy for ever
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((state / "run/libpod/tmp/pause.pid").read_text()), signal.SIGKILL)
        e.remove_tree(state)
