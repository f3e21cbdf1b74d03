"""HTTP for the tests: a client over http.client, and raw sockets for what no proper client would send."""

import hashlib
import http.client
import json
import socket
import urllib.parse


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def quoted(path):
    """A path percent-encoded for a request line, `/` kept."""
    return urllib.parse.quote(path, safe="/")


def pattern(size, seed=0):
    """`size` bytes that do not repeat within a block and differ by seed: a torn or shifted file shows."""
    block = hashlib.sha512(str(seed).encode()).digest()
    out = bytearray()
    counter = 0
    while len(out) < size:
        out += hashlib.sha512(block + counter.to_bytes(8, "big")).digest() * 16
        counter += 1
    return bytes(out[:size])


class Response:
    """A whole answer; header names in lower case."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {}
        for name, value in headers:
            self.headers[name.lower()] = value
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __getitem__(self, name):
        return self.headers.get(name.lower())

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Client:
    """One keep-alive connection, opened when needed."""

    def __init__(self, port, timeout=30, host="127.0.0.1"):
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def request(self, method, target, body=None, headers=None, chunked=False):
        """One request; `target` is sent as it is. A connection that broke is closed and the error raised."""
        try:
            self.connection.request(
                method, target, body=body, headers=dict(headers or {}), encode_chunked=chunked)
            answer = self.connection.getresponse()
            return Response(answer.status, answer.getheaders(), answer.read())
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
        except OSError:
            self.close()
            raise

    def get(self, target, **headers):
        return self.request("GET", target, headers=spelled(headers))

    def head(self, target, **headers):
        return self.request("HEAD", target, headers=spelled(headers))

    def put(self, target, body, **headers):
        return self.request("PUT", target, body=body, headers=spelled(headers))

    def put_chunked(self, target, chunks, **headers):
        headers = dict(spelled(headers), **{"Transfer-Encoding": "chunked"})
        return self.request("PUT", target, body=iter(chunks), headers=headers, chunked=True)

    def delete(self, target, **headers):
        return self.request("DELETE", target, headers=spelled(headers))

    def post(self, target, body=b"", **headers):
        return self.request("POST", target, body=body, headers=spelled(headers))


def spelled(headers):
    """Keyword arguments as header names: `If_Match` is `If-Match`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def raw_exchange(port, data, seconds=10, until=None):
    """Sends bytes as they are and returns what came back until the peer closed, `until(bytes)`, or time-out."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        received = bytearray()
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It answered and closed before it had read all: the answer is still to be read.
        while until is None or not until(received):
            try:
                block = connection.recv(65536)
            except (socket.timeout, ConnectionResetError):
                break
            if not block:
                break
            received += block
        return bytes(received)


def status_of(answer):
    """The status number of a raw answer, None when there is none."""
    parts = answer.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") else None
