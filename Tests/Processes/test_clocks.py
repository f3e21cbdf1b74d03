"""A node whose clock is an hour off: it says so, its clients' writes are stamped by others, and none is lost."""

import unittest

import disk
from client import pattern, sha256
from clock import ClockShift
from cluster_load import ClusterLoad
from harness import eventually, remove_tree, suite_of, temporary_directory
from test_cluster import discovery_port
from test_layout import LayoutCase

HOUR = 3600


class ClockCase(LayoutCase):
    def founded_with_a_clock(self, count=3):
        """A cluster whose last node has a clock that can be set."""
        holder = temporary_directory()
        self.addCleanup(remove_tree, holder)
        self.clock = ClockShift(holder)
        self.discovery = discovery_port()
        nodes = [self.member(index, start=False) for index in range(1, count + 1)]
        nodes[-1].env.update(self.clock.environment)
        for node in nodes:
            node.spawn()
        for node in nodes:
            eventually(30, node.is_ready, "a ready node")
        self.wait_whole(nodes, 20)
        self.put(nodes[0], "/first", b"first")
        self.wait_settled(nodes)
        return nodes

    def in_doubt(self, node, about):
        return self.peers(node)[about.node_id]["clock_in_doubt"]

    def clock_off(self, seconds):
        nodes = self.founded_with_a_clock()
        off, others = nodes[-1], nodes[:-1]
        files = self.put_files(nodes, 15, prefix="/before")
        load = ClusterLoad(nodes, clients=2, seed=11)
        with load:
            self.clock.shift(seconds)
            eventually(20, lambda: self.stats(off)["clock_in_doubt"], "a clock in doubt")
            self.assert_said(off, others)
            mine = {}
            for number in range(15):
                path, data = f"/through-it/f{number}", pattern((10, 3_000, 90_000)[number % 3], number)
                self.put(off, path, data)
                mine[path] = sha256(data)
                # Seen at once, by all.
                for node in nodes:
                    self.assertEqual(sha256(self.get(node, path).body), mine[path], path)
            # Overwritten and deleted, through it and through others, in turn: the last word counts.
            for number in range(6):
                for writer, text in ((off, b"off"), (others[0], b"right")):
                    self.put(writer, "/in-turn", text + b" %d" % number)
                    for node in nodes:
                        self.assertEqual(self.get(node, "/in-turn").body, text + b" %d" % number)
            with off.client() as client:
                self.assertEqual(client.delete("/api/files/in-turn").status, 204)
            for node in nodes:
                self.assertEqual(self.get(node, "/in-turn").status, 404)
        print(f"      {load.summary()}")
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        self.assertEqual(load.number("unavailable"), 0)
        self.clock.shift(0)
        eventually(30, lambda: not self.stats(off)["clock_in_doubt"], "a clock that is right again")
        self.put(off, "/in-turn", b"after")
        for node in nodes:
            self.assertEqual(self.get(node, "/in-turn").body, b"after")
        load.verify(nodes)
        self.assertEqual(load.problems[:5], [])
        self.wait_settled(nodes, 60)
        files.update(mine)
        files.update(load.files())
        self.wait_copies(nodes, files, 3)
        self.assertEqual(load.gone() & set(disk.copies(nodes)), set())

    def assert_said(self, off, others):
        with off.client() as client:
            warnings = client.get("/status").json["warnings"]
        self.assertTrue(any("clock" in warning for warning in warnings), warnings)
        for node in others:
            eventually(20, lambda: self.in_doubt(node, off), "the clock of another in doubt")
            self.assertFalse(self.stats(node)["clock_in_doubt"])
        eventually(5, lambda: any("clock" in line for line in off.log), "a line of the log")


class Ahead(ClockCase):
    def test_by_an_hour(self):
        self.clock_off(HOUR)


class Behind(ClockCase):
    def test_by_an_hour(self):
        self.clock_off(-HOUR)


def load_tests(loader, _, __):
    return suite_of(loader, [Ahead], [Behind])


if __name__ == "__main__":
    unittest.main()
