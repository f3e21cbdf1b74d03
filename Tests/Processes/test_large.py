"""1 GiB up and down, and the memory of a node at rest and at work."""

import hashlib
import http.client
import os
import threading
import time
import unittest

from client import Client, pattern
from harness import NodeCase, Process, eventually, resident_bytes

GIB = 1 << 30
MIB = 1 << 20
IDLE_BYTES_MAX = 90 * MIB
ADDED_BYTES_MAX = 32 * MIB


def gibibyte():
    """1 GiB in pieces, none like another, without holding it."""
    piece = bytearray(pattern(4 * MIB))
    for number in range(GIB // len(piece)):
        piece[:8] = number.to_bytes(8, "big")
        yield bytes(piece)


class Watch:
    """The highest sum of resident sets while something happens."""

    def __init__(self, node):
        self.node = node
        self.pids = [node.process.pid] + [process.pid for process in node.processes()]
        self.stop = threading.Event()
        self.highest = self.sum()
        self.thread = threading.Thread(target=self._run)

    def sum(self):
        total = 0
        for pid in self.pids:
            try:
                total += resident_bytes(pid)
            except OSError:
                continue
        return total

    def _run(self):
        while not self.stop.wait(0.05):
            self.highest = max(self.highest, self.sum())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


class Large(NodeCase):
    def test_memory_at_rest_and_through_a_gibibyte(self):
        node = self.node()
        with node.client() as client:
            client.put("/api/files/small", b"x")
            client.get("/api/files/small")
        # Whatever the start allocated has been given back or will stay.
        time.sleep(2)
        sizes = node.resident()
        idle = sum(sizes.values())
        print("      idle: " + ", ".join(f"{name} {size / MIB:.1f} MiB" for name, size in sizes.items())
              + f"; together {idle / MIB:.1f} MiB")
        digest = hashlib.sha256()
        for piece in gibibyte():
            digest.update(piece)
        expected = digest.hexdigest()

        with Watch(node) as up:
            for kind in ("length", "chunked"):
                began = time.monotonic()
                with Client(node.port, timeout=300) as client:
                    headers = {"Content-Length": str(GIB)} if kind == "length" else {"Transfer-Encoding": "chunked"}
                    answer = client.request(
                        "PUT", f"/api/files/{kind}", body=gibibyte(), headers=headers, chunked=kind == "chunked")
                self.assertEqual(answer.status, 201, answer)
                self.assertEqual(answer.json["checksum"], expected)
                print(f"      1 GiB up ({kind}): {GIB / (time.monotonic() - began) / 1e6:.0f} MB/s")
        with Watch(node) as down:
            began = time.monotonic()
            self.assertEqual(self.downloaded(node, "/api/files/length"), expected)
            print(f"      1 GiB down: {GIB / (time.monotonic() - began) / 1e6:.0f} MB/s")
        print(f"      added: {(up.highest - idle) / MIB:.1f} MiB up, {(down.highest - idle) / MIB:.1f} MiB down")
        self.assertEqual(self.downloaded(node, "/api/files/chunked", "bytes=536870912-"), self.half())
        self.assertLess(idle, IDLE_BYTES_MAX)
        self.assertLess(up.highest - idle, ADDED_BYTES_MAX)
        self.assertLess(down.highest - idle, ADDED_BYTES_MAX)
        eventually(15, lambda: not os.listdir(os.path.join(node.directory, "staging")), "an empty staging directory")
        node.stop()

    def half(self):
        digest = hashlib.sha256()
        for number, piece in enumerate(gibibyte()):
            if number >= 128:
                digest.update(piece)
        return digest.hexdigest()

    def downloaded(self, node, target, span=None):
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=300)
        connection.request("GET", target, headers={"Range": span} if span else {})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 206 if span else 200)
        digest = hashlib.sha256()
        while block := answer.read(MIB):
            digest.update(block)
        connection.close()
        return digest.hexdigest()

    def test_the_whole_start_is_seen_in_few_processes(self):
        node = self.node()
        names = sorted(process.name for process in [Process(node.process.pid), *node.processes()])
        self.assertEqual(names, ["clusterf-gateway"[:15], "clusterf-store"[:15], "clusterf-supervisor"[:15]])
        node.stop()


if __name__ == "__main__":
    unittest.main()
