"""A network that is cut in two and healed: both sides go on as the policy says, and become one store again.

Every run has such cuts in test_chaos; these say in detail what becomes of what, and are part of the long runs.
"""

import os
import unittest

import disk
import network
from client import pattern, sha256
from cluster_load import ClusterLoad
from harness import eventually, suite_of
from network import Network, NetworkNode
from test_layout import LayoutCase

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
FILES = 100 if LONG else 20
CUT_SECONDS = 60 if LONG else 5
SETTLE_SECONDS = 300 if LONG else 90


class CutCase(LayoutCase):
    def setUp(self):
        obstacle = network.obstacle()
        if obstacle:
            self.skipTest(obstacle)

    def founded_on_a_network(self, count, policy):
        self.network = Network(count)
        self.addCleanup(self.network.close)
        nodes = []
        for host in self.network.hosts:
            node = NetworkNode(host, node_id=f"n{host.number}")
            self.__dict__.setdefault("nodes", []).append(node)
            self.addCleanup(node.remove)
            self.addCleanup(node.destroy)
            nodes.append(node.spawn())
        for node in nodes:
            eventually(30, node.is_ready, "a ready node")
        self.wait_whole(nodes, 20)
        with nodes[0].client() as client:
            answer = client.request("PATCH", "/api/settings", body='{"write_policy":"%s"}' % policy)
            self.assertEqual(answer.status, 200, answer)
        self.put(nodes[0], "/first", b"first")
        self.wait_settled(nodes, 60)
        return nodes

    def cut(self, one, other):
        """Cuts, and waits until each side knows the other as dead."""
        self.network.cut([node.host for node in one], [node.host for node in other])
        for here, there in ((one, other), (other, one)):
            for node in here:
                eventually(
                    30, lambda: all(self.peers(node)[far.node_id]["state"] == "dead" for far in there),
                    "the other side known as dead")

    def heal(self, nodes):
        self.network.heal()
        self.wait_whole(nodes, 40)
        self.wait_settled(nodes, SETTLE_SECONDS)

    def delete(self, node, path):
        with node.client(timeout=30) as client:
            answer = client.delete("/api/files" + path)
        self.assertEqual(answer.status, 204, answer)

    def put_status(self, node, path, data):
        with node.client(timeout=60) as client:
            return client.put("/api/files" + path, data).status

    def assert_same_on_all(self, nodes, files, gone):
        """What has to be there is, what was deleted is not, at every node and on every disk."""
        for node in nodes:
            for path, checksum in files.items():
                self.assert_read(node, path, checksum)
            for path in gone:
                self.assertEqual(self.get(node, path).status, 404, f"{path} at {node.node_id}")
        self.assertEqual(set(gone) & set(disk.copies(nodes)), set(), "deleted files that are on a disk")
        for directory in sorted({os.path.dirname(path) for path in [*files, *gone]}):
            expected = {os.path.basename(path) for path in files if os.path.dirname(path) == directory}
            for node in nodes:
                listed = set(self.names(node, directory) or [])
                self.assertLessEqual(expected, listed, f"{directory} at {node.node_id}")
                self.assertEqual(
                    {name for name in listed if f"{directory}/{name}" in gone}, set(),
                    f"{directory} at {node.node_id}")

    def assert_both_kept(self, nodes, contents):
        answers = {self.get(node, "/fate/both-write").body for node in nodes}
        self.assertEqual(len(answers), 1, "the nodes do not agree on who wins")
        self.assertIn(answers.pop(), contents.values())
        # The one that lost is kept: no route shows it yet, the disks do.
        found = disk.contents(nodes)
        for name, content in contents.items():
            self.assertIn(sha256(content), found, f"what {name} wrote is gone")


class Quick(CutCase):
    def test_one_node_against_two(self):
        nodes = self.founded_on_a_network(3, "available")
        one, two = nodes[:1], nodes[1:]
        files = self.put_files(nodes, 8)
        self.put(nodes[0], "/fate/one-goes", b"1")
        self.put(nodes[0], "/fate/two-goes", b"2")
        self.put(nodes[0], "/fate/both-write", b"before")
        self.wait_copies(nodes, files, 3)
        self.cut(one, two)
        contents = {"one": pattern(90_000, "one"), "two": pattern(90_000, "two")}
        for name, side in (("one", one), ("two", two)):
            for path, checksum in files.items():
                self.assert_read(side[0], path, checksum)
            self.put(side[-1], "/fate/both-write", contents[name])
            self.put(side[0], f"/fate/new-on-{name}", name.encode())
            self.delete(side[-1], f"/fate/{name}-goes")
        self.heal(nodes)
        files.update({f"/fate/new-on-{name}": sha256(name.encode()) for name in contents})
        self.wait_copies(nodes, files, 3)
        self.assert_same_on_all(nodes, files, {"/fate/one-goes", "/fate/two-goes"})
        self.assert_both_kept(nodes, contents)


class Available(CutCase):
    def test_both_halves_serve_and_nothing_is_lost(self):
        nodes = self.founded_on_a_network(4, "available")
        left, right = nodes[:2], nodes[2:]
        files = self.put_files(nodes, FILES)
        for name in ("left-goes", "right-goes", "both-write", "edited-and-deleted"):
            self.put(nodes[0], f"/fate/{name}", name.encode())
        self.wait_copies(nodes, files, 3)
        self.cut(left, right)
        # Each file has a holder on each side: three of four nodes have it.
        for number, (path, checksum) in enumerate(sorted(files.items())):
            for side in (left, right):
                self.assert_read(side[number % 2], path, checksum)
        loads = [
            ClusterLoad(side, clients=2, seed=number, prefix=f"/{name}")
            for number, (name, side) in enumerate((("on-the-left", left), ("on-the-right", right)))]
        with loads[0], loads[1]:
            loads[0].go_on(CUT_SECONDS)
            contents = {"left": pattern(90_000, "left"), "right": pattern(90_000, "right")}
            for name, side in (("left", left), ("right", right)):
                self.put(side[0], "/fate/both-write", contents[name])
                self.delete(side[1], f"/fate/{name}-goes")
            self.put(left[1], "/fate/edited-and-deleted", b"edited on the left")
            self.delete(right[0], "/fate/edited-and-deleted")
            # What is deleted here is still there on the other side.
            self.assertEqual(self.get(right[1], "/fate/left-goes").status, 200)
            self.assertEqual(self.get(left[0], "/fate/left-goes").status, 404)
        for load in loads:
            print(f"      {load.prefix}: {load.summary()}")
            self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
            self.assertEqual(load.number("unavailable"), 0)
        self.heal(nodes)
        for load in loads:
            files.update(load.files())
            load.verify(nodes)
            self.assertEqual(load.problems[:5], [])
        gone = {"/fate/left-goes", "/fate/right-goes", *loads[0].gone(), *loads[1].gone()}
        self.wait_copies(nodes, files, 3)
        self.assert_same_on_all(nodes, files, gone)
        self.assert_conflicts_are_kept(nodes, contents)
        self.wait_nothing_lacks(nodes)

    def assert_conflicts_are_kept(self, nodes, contents):
        self.assert_both_kept(nodes, contents)
        # Of an edit and a deletion that know nothing of each other one wins everywhere, and the edit is kept.
        statuses = {self.get(node, "/fate/edited-and-deleted").status for node in nodes}
        self.assertEqual(len(statuses), 1, "the nodes do not agree on an edit and a deletion")
        self.assertIn(sha256(b"edited on the left"), disk.contents(nodes), "the edit is gone")

    def test_a_file_and_a_directory_of_one_name_are_both_there(self):
        nodes = self.founded_on_a_network(4, "available")
        left, right = nodes[:2], nodes[2:]
        self.cut(left, right)
        self.put(left[0], "/name", b"a file")
        self.put(right[0], "/name/inside", b"in a directory")
        self.heal(nodes)

        def shown():
            listings = [self.names(node) for node in nodes]
            conflicts = [name for name in listings[0] if name.startswith("name.conflict-")]
            return all(listing == listings[0] for listing in listings) and len(conflicts) == 1 and conflicts[0]
        name = eventually(30, shown, "the file beside the directory")
        for node in nodes:
            self.assertEqual(self.get(node, "/name/inside").body, b"in a directory")
            self.assertEqual(self.get(node, "/" + name).body, b"a file")
            eventually(10, lambda: not self.warnings_of_views(node), "no warning of what cannot be shown")

    def warnings_of_views(self, node):
        with node.client() as client:
            return [text for text in client.get("/status").json["warnings"] if "the view of this file" in text]


class Majority(CutCase):
    def test_the_larger_side_serves_and_the_smaller_refuses(self):
        nodes = self.founded_on_a_network(5, "majority")
        small, large = nodes[:2], nodes[2:]
        with nodes[0].client() as client:
            self.assertEqual(client.put("/api/replication-factor", b'{"replication_factor": 5}').status, 200)
        files = self.put_files(nodes, FILES)
        self.put(nodes[0], "/fate/goes", b"goes")
        self.wait_settled(nodes, SETTLE_SECONDS)
        self.wait_copies(nodes, files, 5)
        self.cut(small, large)
        load = ClusterLoad(large, clients=2, seed=9, prefix="/on-the-large-side")
        with load:
            self.delete(large[1], "/fate/goes")
            asked = {
                "a write": lambda: self.put_status(small[0], "/kept/d0/f0", b"on the small side"),
                "a read": lambda: self.get(small[1], "/kept/d1/f1").status,
                "a read of what the others delete": lambda: self.get(small[1], "/fate/goes").status,
            }
            # Each waits for a majority as long as a request may: all of them at one time.
            refused = self.all_at_once(asked)
            self.assertEqual(refused, {what: 503 for what in asked})
            load.go_on(CUT_SECONDS)
            for number, (path, checksum) in enumerate(sorted(files.items())):
                self.assert_read(large[number % 3], path, checksum)
        print(f"      {load.summary()}")
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        self.assertEqual(load.number("unavailable"), 0)
        self.heal(nodes)
        load.verify(nodes)
        self.assertEqual(load.problems[:5], [])
        # Nobody was told that it is stored: it may be.
        self.assertIn(
            self.get(nodes[0], "/kept/d0/f0").body, (b"on the small side", pattern(10, 0)))
        del files["/kept/d0/f0"]
        files.update(load.files())
        self.wait_copies(nodes, files, 5)
        self.assert_same_on_all(nodes, files, {"/fate/goes", *load.gone()})
        self.wait_nothing_lacks(nodes)


def load_tests(loader, _, __):
    return suite_of(loader, [], [Quick, Available, Majority])


if __name__ == "__main__":
    unittest.main()
