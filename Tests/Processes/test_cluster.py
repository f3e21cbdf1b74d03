"""Nodes that find each other by themselves and become one store; all on loopback."""

import socket
import time
import unittest

from client import pattern, quoted, sha256
from harness import NodeCase, eventually, free_port


def discovery_port():
    """A UDP port for the announcements of one test's nodes alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return trial.getsockname()[1]


class ClusterCase(NodeCase):
    """A few nodes with directories of their own that hear each other's announcements."""

    def cluster(self, count, args=(), start=True):
        self.discovery = discovery_port()
        return [self.member(index, args, start) for index in range(1, count + 1)]

    def member(self, index, args=(), start=True):
        return self.node(
            node_id=f"n{index}", start=start,
            args=["--discovery-address", "127.255.255.255", "--discovery-port", str(self.discovery), *args])

    def peers(self, node):
        with node.client() as client:
            answer = client.get("/api/cluster-stats")
            self.assertEqual(answer.status, 200, answer)
            return {peer["node_id"]: peer for peer in answer.json["peer_list"]}

    def wait_whole(self, nodes, seconds=10):
        """Waits until each of the nodes knows all of them as alive."""
        names = {node.node_id for node in nodes}

        def is_whole():
            for node in nodes:
                alive = {name for name, peer in self.peers(node).items() if peer["state"] == "alive"}
                if alive != names:
                    return False
            return True
        return eventually(seconds, is_whole, "one cluster of all nodes")

    def stats(self, node):
        with node.client() as client:
            return client.get("/api/cluster-stats").json

    def wait_settled(self, nodes, seconds=20):
        """Waits until all of the nodes hold files, by one layout, and none has anything left to move."""
        def is_settled():
            for node in nodes:
                stats = self.stats(node)
                members = {peer["node_id"] for peer in stats["peer_list"] if peer["is_member"]}
                if members != {node.node_id for node in nodes} or not stats["settled"]:
                    return False
                if stats["layouts_in_use"] != 1:
                    return False
            return True
        return eventually(seconds, is_settled, "a settled layout of all nodes")

    def founded(self, count, args=()):
        """A cluster that has its first file, and a layout of all its nodes."""
        nodes = self.cluster(count, args)
        self.wait_whole(nodes)
        self.put(nodes[0], "/first", b"first")
        self.wait_settled(nodes)
        return nodes

    def put(self, node, path, data, **headers):
        with node.client(timeout=30) as client:
            answer = client.put("/api/files" + quoted(path), data, **headers)
            self.assertIn(answer.status, (200, 201), answer)
            return answer

    def get(self, node, path):
        with node.client(timeout=30) as client:
            return client.get("/api/files" + quoted(path))

    def names(self, node, path="/"):
        with node.client(timeout=30) as client:
            answer = client.get("/api/files" + quoted(path.rstrip("/") + "/"))
            if answer.status == 404:
                return None
            self.assertEqual(answer.status, 200, answer)
            return [entry["name"] for entry in answer.json["entries"]]


class ThreeNodes(ClusterCase):
    def test_three_nodes_find_each_other_within_three_seconds(self):
        nodes = self.cluster(3, start=False)
        begin = time.monotonic()
        for node in nodes:
            node.spawn()
        for node in nodes:
            eventually(10, node.is_ready, "a ready node")
        self.wait_whole(nodes)
        self.assertLess(time.monotonic() - begin, 3 * 3)

    def test_what_is_put_on_any_is_read_on_any(self):
        nodes = self.founded(3)
        sizes = [0, 1, 1000, 65536, 65537, 300_000, 3_000_000]
        for writer in nodes:
            for size in sizes:
                path = f"/from-{writer.node_id}/file-{size}"
                data = pattern(size, size + 1)
                written = self.put(writer, path, data)
                for reader in nodes:
                    with self.subTest(writer=writer.node_id, reader=reader.node_id, size=size):
                        got = self.get(reader, path)
                        self.assertEqual(got.status, 200, got)
                        self.assertEqual(sha256(got.body), sha256(data))
                        self.assertEqual(got["ETag"], f'"{sha256(data)}"')
                self.assertGreaterEqual(written.json["copies"], 2)
        expected = sorted(f"file-{size}" for size in sizes)
        for reader in nodes:
            self.assertEqual(self.names(reader, "/"), ["first", "from-n1", "from-n2", "from-n3"])
            for writer in nodes:
                self.assertEqual(self.names(reader, f"/from-{writer.node_id}"), expected)
        metadata = []
        for reader in nodes:
            with reader.client() as client:
                metadata.append(client.get("/api/metadata/from-n1/file-1000").json)
                self.assertEqual(metadata[-1]["holders"], ["n1", "n2", "n3"])
                listed = client.get("/api/files/from-n1/").json["entries"]
                self.assertEqual({tuple(entry["holders"]) for entry in listed}, {("n1", "n2", "n3")})
        self.assertEqual(metadata[0], metadata[1])
        self.assertEqual(metadata[1], metadata[2])

    def test_overwriting_and_deleting_is_seen_at_once_everywhere(self):
        nodes = self.founded(3)
        for number in range(12):
            writer = nodes[number % 3]
            self.put(writer, "/f", b"%d" % number)
            for reader in nodes:
                self.assertEqual(self.get(reader, "/f").body, b"%d" % number)
        with nodes[1].client() as client:
            self.assertEqual(client.delete("/api/files/f").status, 204)
        for reader in nodes:
            self.assertEqual(self.get(reader, "/f").status, 404)

    def test_a_file_survives_the_death_of_any_node(self):
        nodes = self.founded(3)
        for number in range(20):
            self.put(nodes[number % 3], f"/d/{number}", pattern(5000, number))
        dead = nodes[2]
        dead.destroy()
        for number in range(20):
            for reader in nodes[:2]:
                got = self.get(reader, f"/d/{number}")
                self.assertEqual(got.status, 200, got)
                self.assertEqual(got.body, pattern(5000, number))
        for number in range(20, 30):
            self.put(nodes[number % 2], f"/d/{number}", pattern(5000, number))
        dead.start()
        self.wait_whole(nodes, 20)
        for number in range(30):
            self.assertEqual(self.get(dead, f"/d/{number}").body, pattern(5000, number))

    def test_what_few_decide_is_said(self):
        nodes = self.founded(3)
        self.put(nodes[0], "/there", b"1")
        for node in nodes[1:]:
            node.destroy()

        def put(path):
            with nodes[0].client(timeout=30) as client:
                return client.put("/api/files" + path, b"2", **{"If-None-Match": "*"})
        eventually(
            20, lambda: put("/there")["X-ClusterF-Consistency"] == "reachable", "a refusal by one of three")
        self.assertEqual(put("/there").status, 412)
        made = put("/new")
        self.assertEqual((made.status, made["X-ClusterF-Consistency"]), (201, "reachable"))
        plain = self.put(nodes[0], "/plain", b"3")
        self.assertIsNone(plain["X-ClusterF-Consistency"])

    def test_the_replication_factor_changes_at_any_time(self):
        nodes = self.founded(3)
        for number in range(20):
            self.put(nodes[number % 3], f"/r/{number}", pattern(3000, number))
        self.put(nodes[0], "/r/large", pattern(400_000))
        count = 22

        def copies():
            return sum(self.files_of(node) for node in nodes)
        eventually(20, lambda: copies() == 3 * count, "three copies of each")
        for factor in (1, 2, 3):
            with nodes[factor % 3].client() as client:
                self.assertEqual(
                    client.put("/api/replication-factor", b'{"replication_factor": %d}' % factor).status, 200)
            # Nothing is missed while copies move.
            deadline = time.monotonic() + 60
            while copies() != factor * count and time.monotonic() < deadline:
                for reader in nodes:
                    self.assertEqual(self.get(reader, "/r/7").body, pattern(3000, 7))
            self.assertEqual(copies(), factor * count)
            for number in range(20):
                self.assertEqual(self.get(nodes[number % 3], f"/r/{number}").body, pattern(3000, number))
            self.assertEqual(self.get(nodes[1], "/r/large").body, pattern(400_000))

    def files_of(self, node):
        with node.client() as client:
            return client.get("/api/partition-stats").json["total_files"]

    def test_a_node_that_keeps_nothing_serves_everything(self):
        nodes = self.founded(2)
        guest = self.member(3, ["--no-store"])
        self.wait_whole([*nodes, guest])
        self.put(nodes[0], "/from-a-node", pattern(100_000))
        self.put(guest, "/from-the-guest", pattern(200_000))
        self.put(guest, "/small", b"small")
        for reader in [*nodes, guest]:
            self.assertEqual(self.get(reader, "/from-a-node").body, pattern(100_000))
            self.assertEqual(self.get(reader, "/from-the-guest").body, pattern(200_000))
            self.assertEqual(self.get(reader, "/small").body, b"small")
            self.assertEqual(self.names(reader), ["first", "from-a-node", "from-the-guest", "small"])
        self.assertEqual(self.files_of(guest), 0)


if __name__ == "__main__":
    unittest.main()
