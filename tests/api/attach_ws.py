#!/usr/bin/python3
"""Attach by websocket: what RFC 6455 asks of a server, what a session owes its client, and real clients.

usage: attach_ws.py [REGEX]
"""
import contextlib
import socket
import threading

import suite
from engine import IMAGE, Stream
from suite import Skip, case, has, same, until

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
NORMAL, PROTOCOL_ERROR = (1000).to_bytes(2, "big"), (1002).to_bytes(2, "big")
MASK = b"\x37\xfa\x21\x3d"
ALL = "stream=1&stdin=1&stdout=1&stderr=1"


def frame(opcode, data=b"", fin=FIN):
    """A client's frame."""
    size = len(data)
    if size < 126:
        head = bytes([0x80 | size])
    else:
        head = b"\xfe" + size.to_bytes(2, "big") if size < 1 << 16 else b"\xff" + size.to_bytes(8, "big")
    return bytes([fin | opcode]) + head + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(data))


class WebSocket(Stream):
    """early: what goes out together with the request."""

    def __init__(self, e, container, query=ALL, version="", early=b""):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(30)
        sock.connect(e.socket)
        path = f"{version}/containers/{container}/attach/ws?{query}"
        sock.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
                      "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode() + early)
        super().__init__(sock, "GET", path)
        same((self.status, self.headers["upgrade"], self.headers["sec-websocket-accept"]),
             (101, "websocket", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        same([h for h in ("content-type", "sec-websocket-extensions", "sec-websocket-protocol")
              if h in self.headers], [])

    def send(self, *frame_arguments):
        self.sock.sendall(frame(*frame_arguments))

    def next(self):
        """(opcode, payload); a server's frames are whole and have no mask."""
        first, size = self.read_exactly(2)
        same((first & 0xf0, size & 0x80), (FIN, 0))
        if size >= 126:
            size = int.from_bytes(self.read_exactly(2 if size == 126 else 8), "big")
        return first & 0xf, self.read_exactly(size)

    def expect(self, want, opcode=BINARY):
        """So many bytes of output, in messages of whatever size."""
        got = b""
        while len(got) < len(want):
            kind, data = self.next()
            same(kind, opcode)
            got += data
        same(got, want)

    def finish(self, opcode=BINARY):
        """All output up to the engine's close, which is answered."""
        pieces = []
        while (got := self.next())[0] != CLOSE:
            same(got[0], opcode)
            pieces.append(got[1])
        same(got[1], NORMAL)
        self.send(CLOSE, NORMAL)
        same(self.read(), b"")
        self.close()
        return b"".join(pieces)


def cat(e, **config):
    return e.run_detached("cat", OpenStdin=True, **config)


@case("output comes in binary messages, both streams as one, and ends with a close")
def _(e):
    container = e.create("sh", "-c", "echo out; echo err >&2; head -c 100000 /dev/zero")
    s = WebSocket(e, container)
    e.post(f"/containers/{container}/start").expect(204)
    got = s.finish()
    same((len(got), sorted(got.replace(b"\0", b"").split())), (100008, [b"err", b"out"]))


@case("messages of both kinds, whole or in fragments, are standard input; a close is its end")
def _(e):
    container = e.run_detached("sh", "-c", "cat; echo end", OpenStdin=True, StdinOnce=True)
    s = WebSocket(e, container)
    s.send(TEXT, b"text ")
    s.send(BINARY, b"in ", 0)
    s.send(PING, b"amid")
    s.send(CONTINUATION, b"pieces\n")
    out, pongs = b"", []
    while not (out.endswith(b"\n") and pongs):
        kind, data = s.next()
        if kind == PONG:
            pongs.append(data)
        else:
            out += data
    same((out, pongs), (b"text in pieces\n", [b"amid"]))
    s.send(CLOSE, NORMAL + b"enough")
    same(s.next(), (CLOSE, NORMAL))
    same(s.read(), b"")
    same(e.wait(container), 0)
    same(e.logs(container)[1], b"text in pieces\nend\n")


def outlives(e, lose):
    container = cat(e)
    s = WebSocket(e, container)
    s.send(BINARY, b"before\n")
    s.expect(b"before\n")
    lose()
    s.send(BINARY, b"after\n")
    s.expect(b"after\n")
    s.send(PING)
    same(s.next(), (PONG, b""))
    e.post(f"/containers/{container}/kill").expect(204)
    same(s.finish(), b"")


@case("a session outlives the API process (idle)")
def _(e):
    outlives(e, e.wait_idle)


@case("a session outlives the API process (kill -9)")
def _(e):
    outlives(e, e.kill_api)


@case("an API killed at the moment of its 101 has lost nothing")
def _(e):
    container = cat(e)
    for number in range(3):
        e.get("/_ping")
        s = WebSocket(e, container, "stream=1&stdin=1&stdout=1")
        e.kill_api()
        s.send(BINARY, b"%d\n" % number)
        s.expect(b"%d\n" % number)
        s.close()


@case("frames sent along with the request, and left behind by a client that is gone, are read")
def _(e):
    container = e.run_detached("sh", "-c", "cat; echo end", OpenStdin=True, StdinOnce=True)
    s = WebSocket(e, container, early=frame(BINARY, b"early ") + frame(BINARY, b"cut in two ")[:9])
    s.sock.sendall(frame(BINARY, b"cut in two ")[9:] + frame(BINARY, b"late\n"))
    s.close()
    same(e.wait(container), 0)
    same(e.logs(container)[1], b"early cut in two late\nend\n")


@case("before the start pings are answered, input waits, and a close is answered")
def _(e):
    container = e.create("cat", OpenStdin=True)
    s, other = WebSocket(e, container), WebSocket(e, container)
    other.send(PING, b"1")
    same(other.next(), (PONG, b"1"))
    other.send(CLOSE)
    same(other.next(), (CLOSE, b""))
    same(other.read(), b"")
    s.send(BINARY, b"waits\n")
    e.post(f"/containers/{container}/start").expect(204)
    s.expect(b"waits\n")
    s.close()


@case("the end of a client's sending ends the input of one with StdinOnce, and nothing else")
def _(e):
    container = e.run_detached("sh", "-c", "cat; echo end", OpenStdin=True, StdinOnce=True)
    s = WebSocket(e, container)
    s.send(BINARY, b"x\n")
    s.sock.shutdown(socket.SHUT_WR)
    s.expect(b"x\nend\n")
    same(s.next(), (CLOSE, NORMAL))
    same(s.read(), b"")


@case("what breaks the rules is answered by a close that says so, and harms nobody else")
def _(e):
    container = cat(e)
    other = WebSocket(e, container)
    for nonsense in (b"\x82\x01x", frame(PING, b"in pieces", 0), frame(3), frame(CONTINUATION, b"of nothing"),
                     frame(CLOSE, b"\x03"), b"\x82\xff\xff" + b"\xff" * 7 + MASK):
        s = WebSocket(e, container, "stream=1&stdin=1")
        s.sock.sendall(frame(BINARY, b"good\n") + nonsense)
        same(s.next(), (CLOSE, PROTOCOL_ERROR))
        same(s.read(), b"")
        other.expect(b"good\n")
        s.close()
    other.close()


@case("detach keys end a terminal's session by a close, and no more")
def _(e):
    container = cat(e, Tty=True)
    s = WebSocket(e, container, ALL + "&detachKeys=ctrl-a,x")
    s.send(BINARY, b"y\n")
    s.expect(b"y\r\ny\r\n")
    s.send(BINARY, b"\x01")
    s.send(BINARY, b"x")
    same(s.finish(), b"")
    same(e.state(container)["Running"], True)


@case("logs=1 comes first, then what is new")
def _(e):
    container = e.run_detached("sh", "-c", "echo one; read x; echo two", OpenStdin=True)
    until(lambda: e.logs(container)[1])
    s = WebSocket(e, container, ALL + "&logs=1")
    s.expect(b"one\n")
    s.send(BINARY, b"\n")
    same(s.finish(), b"two\n")


@case("before API 1.28 messages are text; before 1.42 every stream is attached")
def _(e):
    for version, query, opcode, want in (("/v1.27", "stream=1", TEXT, b"x\n"), ("/v1.41", "stream=1", BINARY, b"x\n"),
                                         ("/v1.42", "stream=1", BINARY, b"")):
        container = e.create("echo", "x")
        s = WebSocket(e, container, query, version)
        if want:
            e.post(f"/containers/{container}/start").expect(204)
        same(s.finish(opcode), want)


@case("a client that does not read never blocks the container, and loses nothing", seconds=90)
def _(e):
    size = 8 << 20
    container = e.create("sh", "-c", f"head -c {size} /dev/zero; echo done >&2")
    s = WebSocket(e, container, "stream=1&stdout=1")
    e.post(f"/containers/{container}/start").expect(204)
    same(e.wait(container), 0)
    same(len(s.finish()), size)


@case("each of many pings is answered, also to a client that reads the answers late")
def _(e):
    s = WebSocket(e, e.run_detached("sleep", "600"))
    s.sock.sendall(frame(PING) * 10000)
    for _ in range(10000):
        same(s.next(), (PONG, b""))
    s.close()


# ---- real clients

def websocket_client():
    try:
        import websocket
    except ImportError:
        raise Skip("python3-websocket is not installed") from None
    return websocket


def talk(s):
    """By python3-websocket."""
    s.settimeout(30)
    s.send("text\n")
    got = b""
    while got != b"text\n":
        got += s.recv()
    s.ping("x")
    s.send_binary(b"\xff\n")
    while got != b"text\n\xff\n":
        got += s.recv()


@case("python3-websocket, which offers a subprotocol as many browsers' pages do")
def _(e):
    websocket = websocket_client()
    container = cat(e)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(e.socket)
    s = websocket.create_connection(f"ws://localhost/containers/{container}/attach/ws?{ALL}", socket=sock,
                                    subprotocols=["binary"])
    same(s.getsubprotocol(), "binary")
    talk(s)
    s.close(timeout=30)
    same(e.state(container)["Running"], True)


class Forwarder:
    """A TCP port in front of the engine, for a client that opens its websocket by host and port."""

    def __init__(self, e):
        self.path = e.url.removeprefix("unix://")
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self.path)
                for a, b in ((client, engine), (engine, client)):
                    threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


@case("python3-docker's attach_socket(ws=True)")
def _(e):
    websocket_client()
    try:
        import docker
    except ImportError:
        raise Skip("python3-docker is not installed") from None
    forwarder = Forwarder(e)
    client = docker.APIClient(base_url=f"tcp://127.0.0.1:{forwarder.port}", version="1.41", timeout=60)
    container = client.create_container(IMAGE, "cat", stdin_open=True)["Id"]
    client.start(container)
    s = client.attach_socket(container, {"stdin": 1, "stdout": 1, "stream": 1}, ws=True)
    talk(s)
    client.kill(container)
    same(s.recv_data(), (CLOSE, NORMAL))  # it answers that by itself
    client.close()
    forwarder.close()


suite.main()
