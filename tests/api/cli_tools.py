"""Driving the docker CLI: one command, or one in a terminal of its own."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"<{self.code} out={self.out[:600]!r} err={self.err[:600]!r}>"


def environment(e):
    return {"PATH": os.environ["PATH"], "HOME": str(e.root / "home"), "DOCKER_HOST": e.url,
            "DOCKER_CONFIG": str(e.root / "home"), "DOCKER_CLI_HINTS": "false", "TERM": "xterm"}


def try_docker(e, *args, stdin=b"", timeout=40, env=None):
    done = subprocess.run(["docker", *args], input=stdin, capture_output=True, timeout=timeout,
                          env=environment(e) | (env or {}), cwd=e.root, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def docker(e, *args, **options):
    """Output without its last newline; the command must succeed."""
    r = try_docker(e, *args, **options)
    if r.code != 0:
        raise AssertionError(f"docker {' '.join(args)}: {r!r}")
    return r.out.decode().rstrip("\n")


class Terminal:
    """docker in a terminal of its own."""

    def __init__(self, e, *args, rows=24, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("docker", ["docker", *args], environment(e))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.seen = b""

    def send(self, data):
        os.write(self.fd, data)

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return None
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""

    def expect(self, part, seconds=20):
        end = time.monotonic() + seconds
        while part not in self.seen:
            more = self.read(end - time.monotonic()) if time.monotonic() < end else None
            if not more:
                raise AssertionError(f"no {part!r} in {self.seen!r}")
            self.seen += more
        before, _, self.seen = self.seen.partition(part)
        return before

    def finish(self, seconds=20):
        """Exit code and what came since the last expect()."""
        end = time.monotonic() + seconds
        while (more := self.read(max(0, end - time.monotonic()))) != b"":
            if more is None:
                os.kill(self.pid, 9)
                raise AssertionError(f"does not end: {self.seen!r}")
            self.seen += more
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.seen
