"""Who holds which file: exactly as many disks as the replication factor says, also while that changes under load."""

import os
import sqlite3
import threading
import time
import unittest

import disk
from client import pattern, sha256
from cluster_load import ClusterLoad
from harness import eventually, suite_of
from test_cluster import ClusterCase

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
FILES = 400 if LONG else 30
SETTLE_SECONDS = 300 if LONG else 90


def lacking(node):
    """The partitions of which a node says that copies are missing."""
    found, after = set(), ""
    with node.client(timeout=30) as client:
        while after is not None:
            answer = client.get("/api/under-replicated?limit=500" + after)
            if answer.status != 200:
                raise OSError(f"{node.node_id}: {answer}")
            page = answer.json
            found |= {int(entry["partition_id"][1:]) for entry in page["partitions"]}
            after = page["next"] and "&after=" + page["next"]
    return found


class CopyWatch:
    """Looks at all disks again and again. A copy counts where it was seen in one of two looks that follow each
    other: what moves between the looks at two disks is not missed, and what is missing for longer is."""

    def __init__(self, nodes, files):
        self.nodes, self.files = nodes, dict(files)
        self.least = None
        self.looks = 0
        self.problems = []
        self.minimum = 0
        self.factor = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def expect(self, minimum, factor=None):
        """From the next look on: no file may have fewer copies than `minimum`; and where one has fewer than
        `factor`, the nodes that have it must say so."""
        self.minimum, self.factor = minimum, factor

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        before = None
        while not self.stopping.is_set():
            minimum, factor = self.minimum, self.factor
            told = self._told() if factor else None
            now = {node.node_id: self._held(node) for node in self.nodes}
            if before is not None and (minimum, factor) == (self.minimum, self.factor):
                self._judge(before, now, minimum, factor, told)
            before = now
            self.looks += 1

    def _held(self, node):
        try:
            return disk.held_with_partition(node)
        except sqlite3.OperationalError:
            return {}  # It has no database yet, or a new one.

    def _told(self):
        """node → the partitions of which it says that copies are missing; without nodes that do not answer."""
        told = {}
        for node in self.nodes:
            try:
                told[node.node_id] = lacking(node)
            except OSError:
                continue
        return told

    def _judge(self, before, now, minimum, factor, told):
        for path, checksum in self.files.items():
            holding = [
                name for name in now
                if any(look[name].get(path, ("",))[0] == checksum for look in (before, now))]
            if self.least is None or len(holding) < self.least:
                self.least = len(holding)
            if len(holding) < minimum:
                self.problems.append(f"{path}: on {holding}, fewer than {minimum}")
            if factor and 0 < len(holding) < factor:
                partition = next(look[name][path][1] for look in (before, now) for name in look if path in look[name])
                # Who got it after it was asked could not know.
                had = [name for name in holding if before[name].get(path, ("",))[0] == checksum]
                silent = [name for name in had if name in told and partition not in told[name]]
                if silent:
                    self.problems.append(
                        f"{path} (partition {partition}): on {holding} of {factor}, and {silent} do not say so")


class LayoutCase(ClusterCase):
    def put_files(self, nodes, count, prefix="/kept"):
        files = {}
        for number in range(count):
            size = (10, 3_000, 60_000, 70_000, 200_000)[number % 5]
            data = pattern(size, number)
            path = f"{prefix}/d{number % 7}/f{number}"
            self.put(nodes[number % len(nodes)], path, data)
            files[path] = sha256(data)
        return files

    def assert_read(self, node, path, checksum):
        got = self.get(node, path)
        found = (got.status, sha256(got.body) if got.status == 200 else got.body)
        self.assertEqual(found, (200, checksum), f"{path} at {node.node_id}")

    def all_at_once(self, actions):
        """name → the result of its action; each runs in a thread of its own."""
        results = {}

        def run(name):
            results[name] = actions[name]()
        threads = [threading.Thread(target=run, args=(name,)) for name in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def set_factor(self, node, factor):
        with node.client(timeout=30) as client:
            answer = client.put("/api/replication-factor", b'{"replication_factor": %d}' % factor)
            self.assertEqual(answer.status, 200, answer)

    def wrong_copies(self, nodes, files, factor):
        """The files that are not on exactly `factor` disks, or on one in another version."""
        found = disk.copies(nodes)
        return {
            path: found.get(path, []) for path, checksum in files.items()
            if sorted({digest for _, digest in found.get(path, [])}) != [checksum]
            or len(found[path]) != factor}

    def wait_copies(self, nodes, files, factor, seconds=SETTLE_SECONDS):
        def are_right():
            wrong = self.wrong_copies(nodes, files, factor)
            if wrong:
                few = dict(list(wrong.items())[:3])
                raise AssertionError(f"{len(wrong)} of {len(files)} files are not on {factor} disks, as {few}")
            return True
        return eventually(seconds, are_right, f"exactly {factor} copies of each file", interval=0.3)

    def wait_nothing_lacks(self, nodes, seconds=30):
        def nothing_lacks():
            for node in nodes:
                if found := lacking(node):
                    raise AssertionError(f"{node.node_id} says of {len(found)} partitions, as {sorted(found)[:3]}")
            return True
        eventually(seconds, nothing_lacks, "an empty list of what lacks copies", interval=0.3)


class Copies(LayoutCase):
    def test_three_of_each_file_on_five_nodes(self):
        nodes = self.founded(5)
        load = ClusterLoad(nodes, clients=1, seed=3)
        with load:
            files = self.put_files(nodes, FILES)
        files.update(load.files())
        self.wait_settled(nodes, SETTLE_SECONDS)
        self.wait_copies(nodes, files, 3)
        gone = load.gone() & set(disk.copies(nodes))
        self.assertEqual(gone, set(), "deleted files that are on a disk")
        self.wait_nothing_lacks(nodes)
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        print(f"      {len(files)} files, {load.summary()}")


class FactorUnderLoad(LayoutCase):
    def test_from_one_to_five_to_two(self):
        nodes = self.founded(5)
        files = self.put_files(nodes, FILES)
        self.wait_copies(nodes, files, 3)
        self.set_factor(nodes[1], 1)
        self.wait_copies(nodes, files, 1)
        load = ClusterLoad(nodes, clients=1, seed=4)
        with CopyWatch(nodes, files) as watch:
            with load:
                watch.expect(1, 1)
                self.change(nodes, watch, load, files, 5, at_least=1)
                self.change(nodes, watch, load, files, 2, at_least=2)
        print(f"      {watch.looks} looks at all disks; {load.summary()}")
        self.assertEqual(watch.problems[:5], [], f"{len(watch.problems)} problems")
        self.assertGreater(watch.looks, 5)
        files.update(load.files())
        self.wait_settled(nodes, SETTLE_SECONDS)
        self.wait_copies(nodes, files, 2)
        self.wait_nothing_lacks(nodes)
        load.verify()
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        self.assertEqual(load.number("unavailable"), 0)

    def change(self, nodes, watch, load, files, factor, at_least):
        """Sets the factor under load, and waits until the files that were there before are where they belong."""
        began = time.monotonic()
        watch.expect(at_least)
        self.set_factor(nodes[factor % len(nodes)], factor)
        for node in nodes:
            eventually(10, lambda: self.stats(node)["replication_factor"] == factor, "the factor everywhere")
        watch.expect(at_least, factor)
        self.wait_copies(nodes, files, factor)
        print(f"      {len(files)} files on {factor} disks {time.monotonic() - began:.1f} s after the change")
        load.wait_for(20)
        watch.expect(factor, factor)
        load.wait_for(20)


class Yielding(LayoutCase):
    """What moves yields to clients."""

    FILES, FILE_BYTES = 400, 2_000_000

    def test_clients_wait_little_longer_while_copies_move(self):
        nodes = self.founded(3)
        self.set_factor(nodes[0], 1)
        for number in range(self.FILES):
            self.put(nodes[number % 3], f"/bulk/f{number}", pattern(self.FILE_BYTES, number))
        self.wait_settled(nodes, SETTLE_SECONDS)
        load = ClusterLoad(nodes, clients=1, seed=6, sizes=(10, 3_000, 60_000), deletes=False)
        with load:
            load.go_on(2)
            began = time.monotonic()
            load.go_on(10)
            moving = time.monotonic()
            self.set_factor(nodes[1], 3)
            eventually(SETTLE_SECONDS, lambda: self.are_everywhere(nodes), "three copies of each", interval=0.5)
            moved = time.monotonic()
        speed = 2 * self.FILES * self.FILE_BYTES / (moved - moving) / 1e6
        shares = [(share, load.percentile(share, began, moving), load.percentile(share, moving, moved))
                  for share in (0.5, 0.9, 0.99)]
        print(f"      {speed:.0f} MB/s moved in {moved - moving:.1f} s; " + "; ".join(
            f"p{share * 100:.0f} {calm:.3f} s before, {busy:.3f} s meanwhile" for share, calm, busy in shares))
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        _, calm, busy = shares[-1]
        self.assertLess(busy, max(5 * calm, 0.5))

    def are_everywhere(self, nodes):
        return all(
            sum(path.startswith("/bulk/") for path in disk.held_with_partition(node)) == self.FILES for node in nodes)


def load_tests(loader, _, __):
    return suite_of(loader, [FactorUnderLoad], [Copies, Yielding])


if __name__ == "__main__":
    unittest.main()
