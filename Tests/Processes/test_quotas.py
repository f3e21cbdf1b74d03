"""Quotas: how much may be below a directory, said before the body where that is possible, summed over the cluster."""

import json
import threading
import time
import unittest

from client import Client, raw_exchange, status_of
from harness import NodeCase, NodeError, eventually
from test_cluster import ClusterCase

KIB = 1 << 10
MIB = 1 << 20


class QuotaCase(NodeCase):
    def put(self, node, path, size, **headers):
        with Client(node.port, timeout=60) as client:
            return client.put("/api/files" + path, b"x" * size, **headers)

    def written(self, node, path, size):
        answer = self.put(node, path, size)
        self.assertIn(answer.status, (200, 201), answer)

    def refused(self, answer, directory="/photos"):
        self.assertEqual(answer.status, 507, answer)
        error = answer.json["error"]
        self.assertEqual(error["code"], "quota_exceeded")
        self.assertIn(f"the quota of {directory} has no room", error["message"])
        self.assertIn("quotas", error["hint"])
        return error["message"]

    def quotas(self, node):
        with node.client() as client:
            answer = client.get("/api/quotas")
            self.assertEqual(answer.status, 200, answer)
            return {entry["path"]: entry for entry in answer.json["quotas"]}

    def wait_used(self, node, path, size, seconds=15):
        def is_used():
            entry = self.quotas(node)[path]
            return entry["complete"] and entry["used_bytes"] == size
        try:
            eventually(seconds, is_used, f"{size} bytes in {path}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.quotas(node)}") from error

    def status(self, node, path):
        with node.client() as client:
            return client.request("HEAD", "/api/files" + path).status


class OneNode(QuotaCase):
    def test_a_quota_is_kept_to_the_byte(self):
        node = self.node()
        node.control("set", "quotas", "/photos=1M, /photos/raw = 300k")
        self.assertEqual(self.quotas(node)["/photos"]["limit_bytes"], MIB)
        self.assertEqual(self.quotas(node)["/photos/raw"]["limit_bytes"], 300 * KIB)
        self.written(node, "/photos/a", 600 * KIB)
        message = self.refused(self.put(node, "/photos/b", 500 * KIB))
        self.assertIn("600 K of 1 M are used, and this needs 500 K more", message)
        self.assertEqual(self.status(node, "/photos/b"), 404)
        # What lies beside it does not count, however its name begins.
        self.written(node, "/photos2", 2 * MIB)
        # Overwriting counts the difference.
        self.refused(self.put(node, "/photos/a", MIB + 1))
        self.written(node, "/photos/a", 900 * KIB)
        self.written(node, "/photos/b", 124 * KIB)
        self.refused(self.put(node, "/photos/c", 1))
        self.written(node, "/photos/empty", 0)
        self.written(node, "/photos/a", 400 * KIB)
        # Below both, the tighter one refuses.
        self.refused(self.put(node, "/photos/raw/a", 301 * KIB), "/photos/raw")
        self.written(node, "/photos/raw/a", 300 * KIB)
        self.wait_used(node, "/photos", 824 * KIB)
        # What is deleted makes room at once, though it can be had back.
        with node.client() as client:
            self.assertEqual(client.delete("/api/files/photos/a").status, 204)
        self.written(node, "/photos/d", 600 * KIB)
        with node.client() as client:
            self.refused(client.post("/api/files/photos/a?op=restore"))
        for end in (node.stop, node.kill):
            end()
            node.start()
            self.wait_used(node, "/photos", 1024 * KIB)
            self.refused(self.put(node, "/photos/c", 1))
        node.control("set", "quotas", "")
        self.written(node, "/photos/c", 2 * MIB)
        self.assertEqual(self.quotas(node), {})
        node.stop()

    def test_a_body_that_does_not_fit_is_refused_before_it_is_sent(self):
        node = self.node()
        node.control("set", "quotas", "/photos=1M")
        answer = raw_exchange(
            node.port,
            b"PUT /api/files/photos/a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
            % (2 * MIB), seconds=20, until=lambda received: b"\r\n\r\n" in received)
        self.assertEqual(status_of(answer), 507, answer)
        # Of a body without a length only its end tells.
        with Client(node.port, timeout=60) as client:
            self.refused(client.put_chunked("/api/files/photos/a", [b"x" * MIB, b"x"]))
            self.assertEqual(client.put_chunked("/api/files/photos/a", [b"x" * MIB]).status, 201)
        with Client(node.port, timeout=60) as client:
            self.refused(client.put_chunked("/api/files/photos/b", [b"x" * MIB]))
        # Nor does an upload that its client leaves take room for good.
        node.control("set", "quotas", "/photos=2M")
        raw_exchange(
            node.port, b"PUT /api/files/photos/b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nbegun" % MIB, seconds=1)
        self.written(node, "/photos/b", MIB)
        self.wait_used(node, "/photos", 2 * MIB)
        node.stop()

    def test_what_is_moved_and_copied_there_counts(self):
        node = self.node()
        node.control("set", "quotas", "/photos=1M")
        self.written(node, "/photos/a", 600 * KIB)
        self.written(node, "/other/b", 500 * KIB)
        self.written(node, "/other/tree/c", 200 * KIB)
        self.written(node, "/other/tree/d", 300 * KIB)
        with Client(node.port, timeout=60) as client:
            for operation in ("move", "copy"):
                self.refused(client.post(f"/api/files/other/b?op={operation}&to=/photos/b"))
                self.refused(client.post(f"/api/files/other/tree?op={operation}&to=/photos/tree{operation}"))
                self.assertEqual(self.status(node, "/other/b"), 200)
            # Within it a move adds nothing, also where there is no room.
            self.assertEqual(client.post("/api/files/photos/a?op=move&to=/photos/inner/a").status, 201)
            used = self.quotas(node)["/photos"]["limit_bytes"]
            self.assertEqual(used, MIB)
            # Out of it makes room.
            self.assertEqual(client.post("/api/files/photos/inner/a?op=move&to=/other/a").status, 201)
            self.assertEqual(client.post("/api/files/other/b?op=copy&to=/photos/b").status, 201)
        node.stop()

    def test_a_list_that_is_none_is_refused_and_says_why(self):
        node = self.node()
        node.control("set", "quotas", "/a=1G")
        for text, why in (
                ("/a", "write it as /directory=500G"), ("a=1G", "names no directory"), ("/a=1X", "K, M, G and T"),
                ("/a=1G, /a=2G", "/a has two quotas"), ("/a=-1", "no number of bytes"),
                (", ".join(f"/d{number}=1G" for number in range(17)), "17 quotas are too many: there may be 16")):
            with self.assertRaises(NodeError) as caught:
                node.control("set", "quotas", text)
            self.assertIn(why, str(caught.exception))
        self.assertEqual(list(self.quotas(node)), ["/a"])
        with node.client() as client:
            entry = next(entry for entry in client.get("/api/settings").json["settings"] if entry["key"] == "quotas")
            self.assertEqual((entry["type"], entry["value"]), ("text", "/a=1G"))
        node.stop()

    def test_files_that_were_there_before_are_counted(self):
        node = self.node()
        count = 300
        with Client(node.port, timeout=60) as client:
            for number in range(count):
                self.assertEqual(client.put(f"/api/files/many/{number % 50}/{number}", b"12345678").status, 201)
            client.put("/api/files/beside", b"12345678")
        node.control("set", "quotas", f"/many={8 * count}, /=1T")
        self.wait_used(node, "/many", 8 * count)
        self.wait_used(node, "/", 8 * count + 8)
        self.refused(self.put(node, "/many/more", 1), "/many")
        with Client(node.port, timeout=60) as client:
            self.assertEqual(client.delete("/api/files/many?recursive=1").status, 204)
        self.wait_used(node, "/many", 0)
        node.stop()


class ThreeNodes(QuotaCase, ClusterCase):
    put = QuotaCase.put

    def three(self):
        nodes = self.cluster(3)
        self.wait_whole(nodes)
        self.written(nodes[0], "/first", 5)
        self.wait_settled(nodes)
        nodes[0].control("set", "quotas", "/photos=4M")
        for node in nodes:
            eventually(10, lambda node=node: self.quotas(node).get("/photos"), "a setting that all nodes know")
        return nodes

    def test_each_file_counts_once_and_every_node_refuses(self):
        nodes = self.three()
        for number in range(30):
            self.written(nodes[number % 3], f"/photos/{number}", 100 * KIB)
        for node in nodes:
            self.wait_used(node, "/photos", 3000 * KIB)
        self.written(nodes[0], "/photos/large", 1096 * KIB)
        for node in nodes[1:]:
            self.wait_used(node, "/photos", 4 * MIB)
            self.assertIn("4 M of 4 M are used", self.refused(self.put(node, "/photos/more", 1)))
        # Others count what a dead node counted, as soon as they agree that it is dead.
        nodes[2].destroy()
        for node in nodes[:2]:
            eventually(30, lambda node=node: self.peers(node)["n3"]["state"] == "dead", "a death that is known")
        for node in nodes[:2]:
            self.wait_used(node, "/photos", 4 * MIB, seconds=30)
            self.refused(self.put(node, "/photos/more", 1))
        with nodes[0].client() as client:
            self.assertEqual(client.delete("/api/files/photos/large").status, 204)
        self.written(nodes[1], "/photos/more", MIB)
        nodes[2].start()
        self.wait_whole(nodes, seconds=30)
        for node in nodes:
            self.wait_used(node, "/photos", 4024 * KIB, seconds=30)

    def test_writers_at_all_nodes_exceed_it_by_no_more_than_a_moment(self):
        nodes = self.three()
        taken = [0, 0, 0]
        refused_at = [None, None, None]
        began = time.monotonic()

        def fill(index):
            with Client(nodes[index].port, timeout=60) as client:
                for number in range(400):
                    answer = client.put(f"/api/files/photos/{index}-{number}", b"x" * 40 * KIB)
                    if answer.status == 507:
                        refused_at[index] = time.monotonic() - began
                        return
                    if answer.status == 201:
                        taken[index] += 40 * KIB
        threads = [threading.Thread(target=fill, args=(index,)) for index in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        total = sum(taken)
        self.assertTrue(all(refused_at), f"{taken} {refused_at}")
        for node in nodes:
            self.wait_used(node, "/photos", total)
            self.refused(self.put(node, "/photos/more", 41 * KIB))
        self.assertGreater(total, 4 * MIB - 41 * KIB)
        # Sums are 5 s old at the most; what these writers make in that time is the bound.
        rate = total / max(refused_at)
        self.assertLess(total, 4 * MIB + 6 * rate, json.dumps([taken, refused_at]))


if __name__ == "__main__":
    unittest.main()
