"""Large files that get other names between nodes that hold nothing together, over a network that is slow: who asks for
that waits as long as bytes arrive, and no longer."""

import threading
import time
import unittest

import disk
from client import pattern, quoted, sha256
from harness import eventually
from test_cuts import CutCase

LARGE = 30_000_000
KILOBYTES_PER_SECOND = 1_500
# What a client was answered by when the time did not follow the bytes.
OLD_SECONDS = 18


class OverASlowNetwork(CutCase):
    def founded_with_one_copy(self):
        """Four nodes, and for each the names of files that it alone holds."""
        nodes = self.founded_on_a_network(4, "majority")
        with nodes[0].client() as client:
            answer = client.request("PUT", "/api/replication-factor", b'{"replication_factor": 1}')
        self.assertEqual(answer.status, 200, answer)
        self.wait_settled(nodes, 60)
        names = [f"/d/{number}" for number in range(24)]
        for number, name in enumerate(names):
            self.put(nodes[0], name, pattern(100_000, number))
        places = {}

        def is_found():
            for node in nodes:
                places[node.node_id] = sorted(set(names) & set(disk.held(node)))
            return sum(map(len, places.values())) == len(names)
        eventually(20, is_found, "each file on one disk")
        source = max(nodes, key=lambda node: len(places[node.node_id]))
        others = sorted((node for node in nodes if node is not source), key=lambda node: -len(places[node.node_id]))
        return source, others[0], others[2], places[source.node_id], places[others[0].node_id]

    def op(self, node, path, operation, to, answers):
        began = time.monotonic()
        with node.client(timeout=150) as client:
            answer = client.request("POST", f"/api/files{quoted(path)}?op={operation}&to={quoted(to)}")
        answers[path] = answer.status, time.monotonic() - began

    def asked(self, node, *operations):
        """Asks for all of them at one time."""
        answers = {}
        threads = [threading.Thread(target=self.op, args=(node, *operation, answers)) for operation in operations]
        for thread in threads:
            thread.start()
        return threads, answers

    def test_a_move_and_a_copy_take_as_long_as_their_bytes(self):
        source, target, asked, sources, targets = self.founded_with_one_copy()
        moved, copied = pattern(LARGE, 1), pattern(LARGE, 2)
        self.put(source, sources[0], moved)
        self.put(source, sources[1], copied)
        self.network.slow(KILOBYTES_PER_SECOND, [source.host], [target.host])
        threads, answers = self.asked(
            asked, (sources[0], "move", targets[0]), (sources[1], "copy", targets[1]))
        for thread in threads:
            thread.join()
        for path in sources[:2]:
            status, seconds = answers[path]
            self.assertEqual(status, 200, answers)
            self.assertGreater(seconds, OLD_SECONDS, answers)
        self.assertEqual(sha256(self.get(target, targets[0]).body), sha256(moved))
        self.assertEqual(sha256(self.get(target, targets[1]).body), sha256(copied))
        held = disk.held(target)
        self.assertEqual([held.get(name) for name in targets[:2]], [sha256(moved), sha256(copied)])
        self.assertEqual(self.get(asked, sources[0]).status, 404)

    def test_a_holder_whose_bytes_stop_is_waited_for_no_longer(self):
        source, target, asked, sources, targets = self.founded_with_one_copy()
        data = pattern(LARGE, 1)
        self.put(source, sources[0], data)
        before = sha256(self.get(target, targets[0]).body)
        self.network.slow(KILOBYTES_PER_SECOND, [source.host], [target.host])
        threads, answers = self.asked(asked, (sources[0], "move", targets[0]))
        begun = disk.object_bytes(target)[0] + 3_000_000
        eventually(30, lambda: disk.object_bytes(target)[0] > begun, "bytes that arrive")
        self.network.drop([source.host], [target.host])
        stopped = time.monotonic()
        threads[0].join()
        self.assertEqual(answers[sources[0]][0], 503, answers)
        self.assertLess(time.monotonic() - stopped, 60)
        # Nothing was moved, and the same works when the network does.
        self.network.heal()
        eventually(30, lambda: self.get(asked, targets[0]).status == 200, "a network that works")
        self.assertEqual(sha256(self.get(asked, targets[0]).body), before)
        self.assertEqual(sha256(self.get(asked, sources[0]).body), sha256(data))
        eventually(60, lambda: self.is_moved(asked, sources[0], targets[0]), "a move")
        self.assertEqual(sha256(self.get(asked, targets[0]).body), sha256(data))
        self.assertEqual(self.get(asked, sources[0]).status, 404)

    def is_moved(self, node, path, to):
        answers = {}
        self.op(node, path, "move", to, answers)
        return answers[path][0] in (200, 201)


if __name__ == "__main__":
    unittest.main()
