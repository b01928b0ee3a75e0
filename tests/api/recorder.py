"""A socket in front of the engine's: clients that are not ours talk through it, and what they were told
is checked like the replies to our own requests.

Bytes pass unaltered in both directions and as they come, half-closed connections stay half-closed, and
a side that is gone is gone for the other. What passed is kept and read once the connection is over, so
that reading it can change nothing. After an upgrade it is no longer HTTP and left alone.
"""
import contextlib
import fcntl
import http.client
import io
import select
import socket
import termios
import threading
import time

PIECE = 65536
HEAD_END = b"\r\n\r\n"


def take_piece(sock):
    """What has come, but only as far as a head reaches."""
    ready = sock.recv(PIECE, socket.MSG_PEEK)
    head, end, _ = ready.partition(HEAD_END)
    return sock.recv(len(head + end)) if ready else b""


def until_read(sock, patience=0.2):
    """python3-docker loses what it reads together with the head of a 101. The engine has its reasons to
    come later with that; here both might have come together while this thread did not run."""
    end = time.monotonic() + patience
    with contextlib.suppress(OSError):
        while any(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))) and time.monotonic() < end:
            time.sleep(0.0002)


class Pipe:
    """One direction of a connection. Takes the next piece when the last one has been passed on."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.waiting, self.seen = b"", bytearray()
        self.over = False

    def wants(self):
        """Which socket to wait for, and what; in the end only that the source is gone altogether."""
        if self.waiting:
            return self.target, select.POLLOUT
        return self.source, 0 if self.over else select.POLLIN

    def step(self):
        try:
            if self.waiting:
                whole = self.waiting
                self.waiting = whole[self.target.send(whole):]
                if whole.endswith(HEAD_END) and not self.waiting:
                    until_read(self.target)
                return
            self.waiting = take_piece(self.source)
            self.seen += self.waiting
            if not self.waiting:
                self.end()
        except BlockingIOError:
            pass
        except OSError:
            self.end()

    def end(self):
        """The source says no more, or the target does not listen."""
        self.over, self.waiting = True, b""
        for sock, how in ((self.target, socket.SHUT_WR), (self.source, socket.SHUT_RD)):
            with contextlib.suppress(OSError):
                sock.shutdown(how)


def wait(pipes):
    """Descriptor -> what happened."""
    interest = {}
    for pipe in pipes:
        sock, events = pipe.wants()
        interest[sock] = interest.get(sock, 0) | events
    poll = select.poll()
    for sock, events in interest.items():
        poll.register(sock, events)
    return dict(poll.poll())


def pump(client, engine):
    """Passes bytes until both directions have ended or one side is gone; (asked, told)."""
    ask, tell = pipes = Pipe(client, engine), Pipe(engine, client)
    for sock in (client, engine):
        sock.setblocking(False)
    while not (ask.over and tell.over):
        ready = wait(pipes)
        for pipe in pipes:
            sock, events = pipe.wants()
            happened = ready.get(sock.fileno(), 0)
            if not pipe.over and happened & (events | select.POLLHUP | select.POLLERR):
                pipe.step()
            # closed as a whole, not just for writing: nobody is there to be told anything
            if pipe.over and sock is pipe.source and happened & select.POLLHUP:
                return ask.seen, tell.seen
    return ask.seen, tell.seen


# ---- reading what passed

class Kept(io.BytesIO):
    """http.client closes what it reads from at the end of each reply; here more may follow."""

    def makefile(self, *_):
        return self

    def close(self):
        pass


def skip_body(asked, headers):
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        while size := int(asked.readline().split(b";")[0] or b"0", 16):
            asked.read(size + 2)
        asked.readline()
    else:
        asked.read(int(headers.get("Content-Length", 0)))


def whole_lines(data):
    return data[:data.rfind(b"\n") + 1]


def replies(asked, told):
    """(method, path, status, type, body) of each reply; of one that was cut, the lines that are whole."""
    asked, told = Kept(bytes(asked)), Kept(bytes(told))
    while line := asked.readline():
        method, path, _ = line.decode().split(" ")
        skip_body(asked, http.client.parse_headers(asked))
        answer = http.client.HTTPResponse(told, method=method)
        try:
            answer.begin()
        except (http.client.HTTPException, ConnectionError):
            return  # the engine or the client was killed
        kind = answer.getheader("Content-Type", "")
        if answer.status == 101:
            yield method, path, 101, kind, b""
            return
        try:
            body = answer.read()
        except http.client.IncompleteRead as cut:
            body = whole_lines(cut.partial)
            kind = kind if body else ""
        yield method, path, answer.status, kind, body
        if answer.will_close:
            return  # without an upgrade, too: what else the client said was for the container


# ---- the socket

class Recorder:
    def __init__(self, path, engine_path, check):
        """check(method, path, status, type, body) is called for each reply, from threads."""
        self.engine_path, self.check = engine_path, check
        self.failures, self.checked = [], 0
        self.open, self.threads = set(), []
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(128)
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(client,), daemon=True)
            with self.lock:
                self.open.add(client)
                self.threads = [t for t in self.threads if t.is_alive()] + [thread]
                thread.start()

    def serve(self, client):
        passed = b"", b""
        with client, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(self.engine_path)
            passed = pump(client, engine)
        with self.lock:
            self.open.discard(client)
        try:
            for reply in replies(*passed):
                self.check(*reply)
                self.checked += 1
        except Exception as error:  # told at the end: there is nobody here to catch it
            self.failures.append(f"recorder: {error!r} in {bytes(passed[0][:200])!r}")

    def stop(self):
        """Ends what is still open (clients keep connections) and waits until all of it has been read."""
        with contextlib.suppress(OSError):  # twice is once
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.acceptor.join()
        with self.lock:
            for client in self.open:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
