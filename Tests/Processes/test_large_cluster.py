"""A large file in a cluster: no node's memory grows with it, and what is copied goes on where it was cut off."""

import http.client
import os
import threading
import time
import unittest

import disk
from client import Client, pattern
from harness import eventually, suite_of
from test_layout import LayoutCase
from test_large import ADDED_BYTES_MAX, MIB, Watch

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
SIZE = 1 << 30 if LONG else 64 * MIB
# Messages about the content, other messages, and a window that was under way at each cut.
EXTRA_BYTES_MAX = 16 * MIB
SECONDS = 300


def pieces(size):
    """`size` bytes in pieces, none like another, without holding them."""
    piece = bytearray(pattern(4 * MIB))
    for number in range(size // len(piece)):
        piece[:8] = number.to_bytes(8, "big")
        yield bytes(piece)


class LargeCase(LayoutCase):
    def founded_with_factor(self, count, factor):
        nodes = self.founded(count)
        self.set_factor(nodes[0], factor)
        eventually(30, lambda: len(disk.copies(nodes).get("/first", ())) == factor, "copies by the new factor")
        return nodes

    def path_held_by_others(self, nodes, node):
        """A path that a node does not hold."""
        for number in range(100):
            path = f"/large{number}"
            self.put(nodes[0], path, b"small")
            eventually(20, lambda: path in disk.copies(nodes), "a copy")
            self.wait_settled(nodes)
            if path not in disk.held(node):
                return path
        self.fail("no path of a hundred that the node does not hold")

    def upload(self, node, path, size):
        with Client(node.port, timeout=SECONDS) as client:
            answer = client.request(
                "PUT", "/api/files" + path, body=pieces(size), headers={"Content-Length": str(size)})
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json

    def downloaded(self, node, path, size):
        """Compares without holding it."""
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=SECONDS)
        connection.request("GET", "/api/files" + path)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        for piece in pieces(size):
            got = bytearray()
            while len(got) < len(piece):
                block = answer.read(len(piece) - len(got))
                self.assertTrue(block, "the file ends early")
                got += block
            self.assertEqual(got == piece, True, "other bytes than were put")
        self.assertEqual(answer.read(), b"")
        connection.close()


class Memory(LargeCase):
    def test_of_all_nodes_through_a_large_file_put_on_one_that_does_not_hold_it(self):
        nodes = self.founded_with_factor(3, 2)
        path = self.path_held_by_others(nodes, nodes[2])
        # Whatever the start allocated has been given back or will stay.
        time.sleep(1)
        watches = [Watch(node) for node in nodes]
        idle = [watch.sum() for watch in watches]
        for watch in watches:
            watch.__enter__()
        began = time.monotonic()
        try:
            written = self.upload(nodes[2], path, SIZE)
            took = time.monotonic() - began
            self.wait_copies(nodes, {path: written["checksum"]}, 2, SECONDS)
            there = time.monotonic() - began
            for node in nodes:
                self.downloaded(node, path, SIZE)
        finally:
            for watch in watches:
                watch.__exit__()
        added = [watch.highest - before for watch, before in zip(watches, idle)]
        print(f"      {SIZE / MIB:.0f} MiB: {written['copies']} copies acknowledged after {took:.1f} s, on both disks after"
              f" {there:.1f} s; added: " + ", ".join(f"{size / MIB:.1f} MiB" for size in added))
        for size in added:
            self.assertLess(size, ADDED_BYTES_MAX)
        if LONG:
            # The uploading node keeps it for a while, for who asks.
            eventually(
                150, lambda: not os.listdir(os.path.join(nodes[2].directory, "staging")), "an empty staging directory")


class ACut(LargeCase):
    def test_what_is_copied_goes_on_where_it_was(self):
        """A node that joins the holders copies a file; its gateway, and with it every connection, goes several
        times meanwhile."""
        nodes = self.founded_with_factor(2, 1)
        path = self.path_held_by_others(nodes, nodes[1])
        written = self.upload(nodes[0], path, SIZE)
        self.wait_copies(nodes, {path: written["checksum"]}, 1)
        store = nodes[1].pid("store")
        before = disk.read_bytes(store)
        cuts = threading.Thread(target=self.cut, args=(nodes[1], SIZE))
        self.cuts = []
        cuts.start()
        began = time.monotonic()
        self.set_factor(nodes[0], 2)
        self.wait_copies(nodes, {path: written["checksum"]}, 2, SECONDS)
        cuts.join()
        pulled = disk.read_bytes(store) - before
        print(f"      {SIZE / MIB:.0f} MiB copied in {time.monotonic() - began:.1f} s with {pulled / MIB:.1f} MiB read;"
              f" cut at {', '.join(f'{at / MIB:.1f} MiB' for at in self.cuts)}")
        self.assertEqual(nodes[1].pid("store"), store, "another life of the store")
        self.assertGreaterEqual(len(self.cuts), 1, "the file was there before the connection was cut")
        self.assertLess(pulled, SIZE + EXTRA_BYTES_MAX)
        self.downloaded(nodes[1], path, SIZE)

    def cut(self, node, size):
        """Kills the gateway at a quarter, a half and three quarters of the file."""
        staging = os.path.join(node.directory, "staging")

        def present():
            sizes = [0]
            for name in os.listdir(staging):
                try:
                    sizes.append(os.stat(os.path.join(staging, name)).st_size)
                except OSError:
                    continue  # It was moved.
            return max(sizes)
        deadline = time.monotonic() + SECONDS
        pid = node.pid("gateway")
        for quarter in (1, 2, 3):
            while (at := present()) < size * quarter // 4:
                if time.monotonic() > deadline:
                    return
                if path_is_there(node, size):
                    return
                time.sleep(0.005)
            self.cuts.append(at)
            os.kill(pid, 9)
            pid = int(node.wait_replaced("gateway", pid, 20)["pid"])


def path_is_there(node, size):
    """Whether the file is an object by now."""
    for directory, _, names in os.walk(os.path.join(node.directory, "objects")):
        if any(os.stat(os.path.join(directory, name)).st_size == size for name in names):
            return True
    return False


def load_tests(loader, _, __):
    return suite_of(loader, [Memory], [ACut])


if __name__ == "__main__":
    unittest.main()
