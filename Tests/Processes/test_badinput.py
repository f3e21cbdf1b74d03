"""Nothing that arrives from outside keeps anything, shows anything or brings anything down."""

import array
import os
import random
import socket
import unittest

from client import pattern, raw_exchange, status_of
from harness import SharedNodeCase, eventually

LONG = os.environ.get("CLUSTERF_LONG") == "yes"


class BadInputCase(SharedNodeCase):
    def setUp(self):
        super().setUp()
        self.workers_before = self.shared.workers()
        self.listing_before = self.everything()

    def everything(self):
        listing = self.client.get("/api/files/?limit=10000").json
        return sorted(entry["name"] for entry in listing["entries"])

    def assert_unharmed(self, kept_nothing=True):
        """The same processes, still of use, and no file more."""
        self.assertEqual(self.client.get("/readyz").status, 200)
        workers = self.shared.workers()
        for name, worker in self.workers_before.items():
            self.assertEqual(workers[name]["pid"], worker["pid"], f"{name} died")
        self.assertEqual(self.client.put("/api/files/alive", b"x").status in (200, 201), True)
        self.client.delete("/api/files/alive")
        if kept_nothing:
            self.assertEqual(self.everything(), self.listing_before)

    def exchange(self, data, **options):
        return raw_exchange(self.shared.port, data, **{"seconds": 10, **options})


class Requests(BadInputCase):
    def test_malformed_requests(self):
        for text in (
                b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
                b"GET /healthz HTTP/1.1\nHost x\n\n", b"G\0T / HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
                b"PUT /api/files/bad1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                b"PUT /api/files/bad2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello",
                b"PUT /api/files/bad3 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
                b"PUT /api/files/bad4 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                b"PUT /api/files/bad5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
                b"PUT /api/files/bad6 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
                b"ffffffffffffffffffff\r\nhello",
                b"PUT /api/files/bad7 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nhello",
                b"PUT /api/files/bad8 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
                b"GET /api/files/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                b"GET /api/files/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                b"GET api/files/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 3000):
            with self.subTest(request=text[:60]):
                answer = self.exchange(text, seconds=3)
                status = status_of(answer)
                self.assertTrue(status is None or 400 <= status < 600, answer[:300])
                self.assertNotIn(self.shared.data_dir.encode(), answer)
        self.assert_unharmed()

    def test_dot_dot_in_every_encoding(self):
        for path in (
                "..", "../x", "a/../../x", "%2e%2e/x", "%2E%2E%2Fx", ".%2e/x", "a/..%2fb", "..%2f..%2f..%2fetc/passwd",
                "a/%2e%2e", "a/./b", "%2e", "a/%2e/b", "nul%00byte", "a/../b"):
            for method in ("GET", "PUT", "DELETE", "HEAD"):
                with self.subTest(path=path, method=method):
                    answer = self.exchange(
                        f"{method} /api/files/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                        "Connection: close\r\n\r\nx".encode())
                    self.assertEqual(status_of(answer), 400, answer[:300])
        # What looks like it and is not: decoded once, this is a name.
        self.assertEqual(self.client.put("/api/files/%252e%252e", b"x").status, 201)
        self.assertEqual(self.client.delete("/api/files/%252e%252e").status, 204)
        self.assert_unharmed()

    def test_over_long_names(self):
        for path in ("x" * 256, "ü" * 128, "a/" + "y" * 300 + "/b", "/".join(["d" * 200] * 25)):
            target = "/api/files/" + "".join(character if ord(character) < 128 else "%C3%BC" for character in path)
            for method in ("GET", "PUT"):
                answer = self.client.request(method, target, body=b"x" if method == "PUT" else None)
                self.assertIn(answer.status, (400, 414), (path[:20], len(path), answer))
        self.assert_unharmed()

    def test_header_floods(self):
        for head in (
                b"X-Fill: " + b"a" * 1_000_000 + b"\r\n",
                b"".join(b"X-Fill-%d: a\r\n" % number for number in range(20_000)),
                b"X: " * 100_000):
            answer = self.exchange(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n", seconds=5)
            status = status_of(answer)
            self.assertIn(status, (400, 413, 431, None), answer[:300])
        answer = self.exchange(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", seconds=5)
        self.assertIn(status_of(answer), (400, 414, 431, None), answer[:300])
        self.assert_unharmed()

    def test_a_body_shorter_than_its_length_keeps_nothing(self):
        for size in (10, 70_000, 2_000_000):
            for had in (0, size // 2, size - 1):
                target = f"/api/files/short-{size}-{had}"
                with socket.create_connection(("127.0.0.1", self.shared.port), timeout=10) as connection:
                    connection.sendall(
                        f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + pattern(had))
                with socket.create_connection(("127.0.0.1", self.shared.port), timeout=10) as connection:
                    connection.sendall(
                        f"PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n".encode()
                        + pattern(had))
                    connection.shutdown(socket.SHUT_WR)
                    try:
                        answer = connection.recv(1000)
                    except OSError:
                        answer = b""
                    self.assertNotIn(status_of(answer), (200, 201))
                self.assertEqual(self.client.get(target).status, 404)
        staging = os.path.join(self.shared.directory, "staging")
        eventually(20, lambda: not os.listdir(staging), "an empty staging directory", interval=0.2)
        self.assert_unharmed()

    def test_random_bytes_and_damaged_requests(self):
        rng = random.Random(11)
        whole = (b"PUT /api/files/damaged HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                 b"If-Match: \"abc\"\r\nRange: bytes=0-1\r\n\r\nhello")
        for _ in range(2000 if LONG else 150):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            answer = raw_exchange(
                self.shared.port, bytes(data[:rng.randrange(1, len(data) + 1)]), seconds=0.05)
            self.assertTrue(answer == b"" or status_of(answer) is not None, answer[:100])
        # A damaged name may still be an allowed one, and its 5 bytes a whole body.
        self.assert_unharmed(kept_nothing=False)


class Sockets(BadInputCase):
    """Garbage on every Unix socket of the node."""

    def places(self):
        run = os.path.join(self.shared.directory, "run")
        return [os.path.join(run, name) for name in sorted(os.listdir(run))]

    def connected(self, place):
        """A connection of whichever type the socket has, None when it is refused."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            connection = socket.socket(socket.AF_UNIX, kind)
            connection.settimeout(1)
            # Paths of sockets are limited to 107 bytes.
            folder = os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{os.path.basename(place)}")
                return connection
            except OSError:
                connection.close()
            finally:
                os.close(folder)
        return None

    def frames(self):
        rng = random.Random(5)
        yield b""
        yield b"\0" * 4
        yield b"\xff" * 16
        yield (0).to_bytes(4, "big") + bytes(12)
        yield (11).to_bytes(4, "big") + bytes(16)
        yield (1 << 31).to_bytes(4, "big") + bytes(100)
        yield (12).to_bytes(4, "big") + b"\xff\xff" + bytes(10)
        yield (100).to_bytes(4, "big") + bytes(20)
        # The handshake's frame type with rubbish, then every type with an empty and a random payload.
        for kind in range(80):
            for payload in (b"", rng.randbytes(40)):
                yield ((12 + len(payload)).to_bytes(4, "big") + kind.to_bytes(2, "big") + bytes(2)
                       + (1).to_bytes(8, "big") + payload)
        for _ in range(500 if LONG else 30):
            yield rng.randbytes(rng.randrange(1, 3000))

    def send(self, connection, data):
        try:
            connection.sendall(data)
            connection.recv(1000)
        except OSError:
            return  # Cut off: as it should be.

    def test_garbage_frames(self):
        self.assertTrue(self.places())
        for place in self.places():
            with self.subTest(socket=os.path.basename(place)):
                for data in self.frames():
                    connection = self.connected(place)
                    if connection is None:
                        continue
                    connection.settimeout(0.02)
                    with connection:
                        self.send(connection, data)
        self.assert_unharmed()

    def test_strange_descriptors_are_closed(self):
        store = self.shared.pid("store")
        before = len(os.listdir(f"/proc/{store}/fd"))
        for place in self.places():
            for _ in range(20):
                connection = self.connected(place)
                if connection is None:
                    continue
                with connection, open("/dev/null", "rb") as null:
                    rights = array.array("i", [null.fileno()] * 3)
                    try:
                        connection.sendmsg(
                            [bytes(16)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                    except OSError:
                        continue
        eventually(5, lambda: len(os.listdir(f"/proc/{store}/fd")) <= before + 2, "closed descriptors")
        self.assert_unharmed()

    def test_many_silent_connections_harm_nobody(self):
        held = []
        for place in self.places():
            for _ in range(200):
                connection = self.connected(place)
                if connection is not None:
                    held.append(connection)
        self.assertEqual(self.client.get("/api/files/").status, 200)
        for connection in held:
            connection.close()
        self.assert_unharmed()

    def test_strangers_are_refused_by_a_workers_socket(self):
        """A process that the supervisor did not name gets no answer but the end."""
        hello = bytes.fromhex("00000038" "0001" "0000" "0000000000000001") + bytes(44)
        connection = self.connected(os.path.join(self.shared.directory, "run", "store.sock"))
        self.assertIsNotNone(connection)
        with connection:
            try:
                connection.sendall(hello)
                got = connection.recv(1000)
            except ConnectionError:
                got = b""
        # Nothing, or a frame of type `refusal` (3); a `welcome` (2) would be the door open.
        self.assertTrue(got == b"" or got[4:6] == b"\x00\x03", got)

    def test_the_folder_of_sockets_is_closed_to_others(self):
        run = os.path.join(self.shared.directory, "run")
        self.assertEqual(os.stat(run).st_mode & 0o777, 0o700)


if __name__ == "__main__":
    unittest.main()
