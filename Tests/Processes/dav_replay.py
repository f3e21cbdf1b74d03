"""Requests of WebDAV clients, replayed as those clients send them: header fields in their order, their spelling of
names, one connection that stays open. The clients' classes say what is sent; here is how it gets onto the wire."""

import http.client
import itertools
import socket
import xml.etree.ElementTree as ElementTree

from client import Response
from dav_client import DAVClient, multistatus, propfind_body
from harness import SharedNodeCase, eventually

# In a client's frame: where the request's own fields stand, and where the length of the body.
FIELDS, LENGTH = "{fields}", "{length}"

TOKEN_PATH = "{DAV:}lockdiscovery/{DAV:}activelock/{DAV:}locktoken/{DAV:}href"


class Wire:
    """One connection, on which bytes go out as they are written down."""

    def __init__(self, port, seconds=30):
        self.port, self.seconds = port, seconds
        self.socket = None

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def send(self, data):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.seconds)
        self.socket.sendall(data)

    def interim(self):
        """The status of an answer that only announces another one; it has no body."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise ConnectionError(f"closed after {head!r}")
            head += byte
        return int(head.split(b" ", 2)[1])

    def answer(self, method):
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        response = Response(answer.status, answer.getheaders(), answer.read())
        if answer.will_close:
            self.close()
        return response


def chunked(pieces):
    """The pieces of a body as they go out when their sum is not known before."""
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def token_of(answer):
    """The token in the body of a LOCK's answer."""
    return ElementTree.fromstring(answer.body).findtext(TOKEN_PATH)


class Replay(SharedNodeCase):
    """The sequences of one client. Each test has a collection of its own, `{at}` in the requests; `{token}` is that of
    the last lock that was taken, `{host}` the authority in the address that the client was given."""

    prefix = "/dav"
    # The lines of every head below the first, in the client's order.
    frame = ("Host: {host}", FIELDS, LENGTH)
    # How the client writes that a body has no length, and that it is asked for one whole.
    coding = "Transfer-Encoding: chunked"
    counter = itertools.count(1)

    def setUp(self):
        super().setUp()
        self.wire = Wire(self.shared.port)
        self.addCleanup(self.wire.close)
        # What became of it is looked at by somebody else.
        self.judge = DAVClient(self.shared.port, self.prefix)
        self.addCleanup(self.judge.close)
        self.place = f"/replay {next(Replay.counter)}"
        self.assertEqual(self.judge.dav("MKCOL", self.place).status, 201)
        self.names = {
            "at": self.judge.url(self.place), "host": f"127.0.0.1:{self.shared.port}", "base": f"{self.prefix}/"}

    # What the client does.

    def head(self, line, fields, length):
        """The bytes of a head; what the frame leaves empty has no line."""
        lines = []
        for text in self.frame:
            lines += fields if text == FIELDS else [length] if text == LENGTH else [text]
        text = "\r\n".join([f"{line} HTTP/1.1", *[line for line in lines if line]])
        return text.format(**self.names).encode() + b"\r\n\r\n"

    def sends(self, status, line, *fields, body=None, pieces=None, waits=False):
        """One request and its answer, which has this status and leaves the connection open. `waits`: the body goes out
        when the node has said that it wants it."""
        length = self.coding if pieces is not None else "" if body is None else f"Content-Length: {len(body)}"
        head = self.head(line, fields, length)
        parts = chunked(pieces) if pieces is not None else [body] if body else []
        if waits:
            self.wire.send(head)
            self.assertEqual(self.wire.interim(), 100, line)
            self.wire.send(b"".join(parts))
        else:
            self.wire.send(head + b"".join(parts))
        answer = self.wire.answer(line.split(" ")[0])
        self.assertEqual(answer.status, status, f"{head.decode()}{answer}")
        self.assertIsNotNone(self.wire.socket, f"the connection was closed after {line}")
        return answer

    def locks(self, status, line, *fields, body):
        """A LOCK: its token is shown by what comes next."""
        answer = self.sends(status, line, *fields, body=body)
        token = token_of(answer)
        self.assertEqual(answer["Lock-Token"], f"<{token}>")
        self.names["token"] = token
        return answer

    def found(self, answer):
        """What a PROPFIND or PROPPATCH answered, by the name below the test's collection ("" is itself)."""
        own = self.names["at"]
        return {href[len(own):].strip("/"): resource for href, resource in multistatus(answer).items()}

    # What became of it.

    def content(self, name):
        answer = self.judge.dav("GET", f"{self.place}/{name}")
        self.assertEqual(answer.status, 200, name)
        return answer.body

    def listing(self):
        return self.judge.names(self.place)

    def comes_to(self, names):
        """The name of a directory that is gone leaves the listing of the one above a moment later."""
        eventually(20, lambda: self.listing() == names, f"{names}")

    def properties(self, name, *asked):
        """All properties of a resource, or those that are asked for."""
        path = f"{self.place}/{name}"
        return self.judge.found(path, "0", propfind_body(*asked) if asked else None)[path]

    def active_locks(self, name):
        return self.properties(name, "lockdiscovery").properties["lockdiscovery"].findall("{DAV:}activelock")

    def is_free(self, *names):
        """Nothing is locked any more: somebody else may write."""
        for name in names:
            self.assertEqual(self.active_locks(name), [], name)
