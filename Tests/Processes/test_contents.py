"""Large contents between nodes: fetched from file to file, passed through to clients, resumed; on loopback."""

import glob
import os
import socket
import threading
import time
import unittest

from client import pattern, sha256
from harness import eventually
from test_cluster import ClusterCase

SIZE = 24_000_000


def objects(node, size):
    """Files of that size among the objects of a node."""
    found = []
    for path in glob.glob(os.path.join(node.directory, "objects", "*", "*")):
        try:
            if os.path.getsize(path) == size:
                found.append(path)
        except FileNotFoundError:
            continue  # dropped in between
    return found


def staged(node):
    """Bytes in staging files of a node."""
    total = 0
    for path in glob.glob(os.path.join(node.directory, "staging", "*")):
        try:
            total += os.path.getsize(path)
        except FileNotFoundError:
            continue  # moved to its place in between
    return total


class Contents(ClusterCase):
    def pair(self):
        """Two holders and a node that keeps nothing."""
        nodes = self.founded(2)
        guest = self.member(3, ["--no-store"])
        self.wait_whole([*nodes, guest])
        return nodes, guest

    def test_a_large_file_is_read_through_a_node_that_keeps_nothing(self):
        nodes, guest = self.pair()
        data = pattern(SIZE, 1)
        self.put(nodes[0], "/large", data)
        got = self.get(guest, "/large")
        self.assertEqual(got.status, 200)
        self.assertEqual(sha256(got.body), sha256(data))
        with guest.client(timeout=30) as client:
            for first, last in ((0, 0), (1_000_000, 1_999_999), (SIZE - 5, SIZE - 1)):
                part = client.get("/api/files/large", Range=f"bytes={first}-{last}")
                self.assertEqual(part.status, 206)
                self.assertEqual(part["Content-Range"], f"bytes {first}-{last}/{SIZE}")
                self.assertEqual(part.body, data[first:last + 1])
            several = client.get("/api/files/large", Range="bytes=5-9,100000-100002")
            self.assertEqual(several.status, 206)
            self.assertIn(data[5:10], several.body)
            self.assertIn(data[100000:100003], several.body)
        # It passed through.
        self.assertEqual(objects(guest, SIZE), [])
        self.assertEqual(staged(guest), 0)

    def test_a_holder_that_dies_is_followed_by_the_next_in_the_middle_of_a_read(self):
        nodes, guest = self.pair()
        data = pattern(SIZE, 2)
        self.put(nodes[0], "/large", data)
        eventually(20, lambda: all(objects(node, SIZE) for node in nodes), "two copies")
        body = bytearray()
        with guest.client(timeout=60) as client:
            connection = client.connection
            connection.request("GET", "/api/files/large")
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            body += answer.read(1_000_000)
            # Whichever it is read from: one goes, comes back, and the other goes.
            nodes[0].destroy()
            body += answer.read(6_000_000)
            nodes[0].spawn()
            eventually(20, nodes[0].is_ready, "a ready node")
            nodes[1].destroy()
            while len(body) < SIZE:
                more = answer.read(1 << 20)
                if not more:
                    break
                body += more
        self.assertEqual(sha256(bytes(body)), sha256(data))

    def test_an_upload_is_fetched_while_its_client_still_sends(self):
        nodes = self.founded(2)
        data = pattern(SIZE, 3)
        sent = threading.Event()
        go_on = threading.Event()
        answers = []

        def pieces():
            yield data[:SIZE - 1000]
            sent.set()
            go_on.wait(60)
            yield data[SIZE - 1000:]

        def upload():
            with nodes[0].client(timeout=90) as client:
                answers.append(client.put_chunked("/api/files/slow", pieces()))

        thread = threading.Thread(target=upload)
        thread.start()
        try:
            self.assertTrue(sent.wait(60))
            # The other node has most of it before the client has sent the end.
            eventually(30, lambda: staged(nodes[1]) >= SIZE // 2, "most of it at the other node")
            self.assertEqual(self.get(nodes[1], "/slow").status, 404)
        finally:
            go_on.set()
            thread.join(90)
        self.assertEqual(answers[0].status, 201, answers)
        self.assertEqual(answers[0].json["copies"], 2)
        self.assertEqual(sha256(self.get(nodes[1], "/slow").body), sha256(data))
        eventually(20, lambda: len(objects(nodes[1], SIZE)) == 1, "a copy at the other node")
        self.assertEqual(staged(nodes[1]), 0)

    def test_an_upload_that_is_given_up_leaves_nothing_at_others(self):
        nodes = self.founded(2)
        connection = socket.create_connection(("127.0.0.1", nodes[0].port), timeout=60)
        connection.sendall(b"PUT /api/files/never HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
        connection.sendall(pattern(SIZE - 1000, 4))
        eventually(30, lambda: staged(nodes[1]) >= SIZE // 4, "some of it at the other node")
        connection.close()
        for node in nodes:
            eventually(30, lambda: staged(node) == 0, "no staging file")
        self.assertEqual(self.get(nodes[1], "/never").status, 404)

    def test_a_gateway_that_dies_costs_nothing_that_came(self):
        nodes = self.founded(2)
        data = pattern(4 * SIZE, 5)
        stop = threading.Event()

        def kill_gateways():
            while not stop.wait(0.7):
                nodes[1].kill_worker("gateway")

        killer = threading.Thread(target=kill_gateways)
        killer.start()
        try:
            begin = time.monotonic()
            written = self.put(nodes[0], "/through", data)
            self.assertLess(time.monotonic() - begin, 60)
        finally:
            stop.set()
            killer.join(10)
        self.assertGreaterEqual(written.json["copies"], 1)
        eventually(60, lambda: len(objects(nodes[1], len(data))) == 1, "a copy at the other node")
        self.assertEqual(sha256(self.get(nodes[1], "/through").body), sha256(data))


if __name__ == "__main__":
    unittest.main()
