"""One node dies, comes back, or loses its disk, under load: nothing that was acknowledged is lost, and clients of the
other nodes go on."""

import os
import shutil
import signal
import time
import unittest

import disk
from client import pattern, sha256
from cluster_load import ClusterLoad
from harness import descendants, eventually, suite_of
from test_layout import CopyWatch, LayoutCase

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
FILES = 300 if LONG else 40
DEAD_SECONDS = 30 if LONG else 13
SETTLE_SECONDS = 300 if LONG else 90
# What a request may take ten seconds after a death, where it took less before: a machine with two cores runs all nodes.
NORMAL_SECONDS = 0.5


def wipe(node):
    """Everything of a node's data is gone; its ports are the same."""
    for name in os.listdir(node.directory):
        if name != "ports":
            place = os.path.join(node.directory, name)
            shutil.rmtree(place) if os.path.isdir(place) else os.remove(place)


class DeathCase(LayoutCase):
    def kill_all(self, node):
        """kill -9 of all processes of a node, at one moment."""
        node.processes()
        for process in [*descendants(node.process.pid), None]:
            try:
                os.kill(process.pid if process else node.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        node.destroy()

    def objects(self, node):
        """The object files of a node: name → (inode, bytes)."""
        found = {}
        for directory, _, names in os.walk(os.path.join(node.directory, "objects")):
            for name in names:
                status = os.stat(os.path.join(directory, name))
                found[name] = (status.st_ino, status.st_size)
        return found


class ADeath(DeathCase):
    def death_under_load(self, count):
        nodes = self.founded(count)
        files = self.put_files(nodes, FILES)
        self.wait_copies(nodes, files, 3)
        victim, others = nodes[-1], nodes[:-1]
        load = ClusterLoad(nodes, clients=2, seed=count)
        names = {node.node_id for node in others}
        with load:
            load.go_on(1)
            began = time.monotonic()
            load.go_on(4)
            load.leave(victim)
            died = time.monotonic()
            self.kill_all(victim)
            before = self.objects(victim)
            load.go_on(DEAD_SECONDS)
            again = time.monotonic()
            normal = load.percentile(0.99, began, died, names)
            at_once = load.percentile(0.99, died, died + 10, names)
            later = load.percentile(0.99, died + 10, again, names)
            self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
            victim.start()
            self.wait_whole(nodes, 20)
            load.wait_for(20)
        print(f"      {load.summary()}")
        print(f"      p99: {normal:.3f} s before, {at_once:.3f} s in the 10 s after, {later:.3f} s then")
        self.assertLess(later, max(3 * normal, NORMAL_SECONDS))
        self.settled_with_little(nodes, victim, before, files, load)
        load.verify(nodes)
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")

    def settled_with_little(self, nodes, victim, before, files, load):
        """Only what changed was brought to the node that came back."""
        changed = load.files()
        self.wait_settled(nodes, SETTLE_SECONDS)
        self.wait_copies(nodes, {**files, **changed}, 3)
        self.wait_nothing_lacks(nodes)
        after = self.objects(victim)
        new = {name: size for name, (_, size) in after.items() if name not in before}
        received = disk.read_bytes(victim.pid("gateway"))
        print(f"      {sum(size for _, size in before.values())} bytes in {len(before)} objects were there;"
              f" {sum(new.values())} in {len(new)} are new; {received} came over the network")
        rewritten = [name for name in before if name in after and after[name] != before[name]]
        self.assertEqual(rewritten, [], "objects that were there, written again")
        unchanged = {name for path, name in disk.objects_of(victim).items() if path in files}
        self.assertEqual(unchanged & set(new), set(), "objects of files that nobody wrote")

    def test_of_one_in_three(self):
        self.death_under_load(3)

    def test_of_one_in_five(self):
        self.death_under_load(5)


class AWipedDisk(DeathCase):
    def test_it_counts_for_nothing_until_it_is_filled_again(self):
        nodes = self.founded(3)
        files = self.put_files(nodes, FILES)
        self.wait_copies(nodes, files, 3)
        victim, others = nodes[2], nodes[:2]
        with ClusterLoad(others, clients=2, seed=8) as load:
            self.kill_all(victim)
            wipe(victim)
            load.wait_for(50)
            for node in others:
                eventually(20, lambda: self.peers(node)["n3"]["state"] == "dead", "a node known as dead")
        self.assertEqual(load.problems[:5], [])
        files.update(load.files())
        gone = load.gone()
        with CopyWatch(nodes, files) as watch:
            # The two that have everything keep it, and say what is missing, until the third has it.
            watch.expect(2, 3)
            victim.start()
            for number, (path, checksum) in enumerate(sorted(files.items())):
                self.assert_read(nodes[(2, 0, 2, 1)[number % 4]], path, checksum)
            for path in sorted(gone):
                self.assertEqual(self.get(victim, path).status, 404, path)
            self.wait_settled(nodes, SETTLE_SECONDS)
            self.wait_copies(nodes, files, 3)
        print(f"      {len(files)} files, {watch.looks} looks at all disks")
        self.assertEqual(watch.problems[:5], [], f"{len(watch.problems)} problems")
        self.assertEqual(gone & set(disk.copies(nodes)), set(), "deleted files that are on a disk")
        self.wait_nothing_lacks(nodes)
        # Its new disk makes it no second node of its id.
        for node in nodes:
            with node.client() as client:
                self.assertEqual(
                    [text for text in client.get("/status").json["warnings"] if "two nodes" in text], [])


class UnderMajority(DeathCase):
    def test_an_empty_disk_makes_no_majority_with_another(self):
        """Two of three that held a file are gone, one for good: whoever answers says so, and nobody says that the
        file is not there."""
        nodes = self.founded(3)
        with nodes[0].client() as client:
            self.assertEqual(client.request("PATCH", "/api/settings", body='{"write_policy":"majority"}').status, 200)
        files = self.put_files(nodes, 6)
        self.wait_copies(nodes, files, 3)
        victim, away = nodes[2], nodes[1]
        self.kill_all(victim)
        wipe(victim)
        self.kill_all(away)
        victim.start()
        answers = self.all_at_once({
            (path, node.node_id): lambda node=node, path=path: self.get(node, path)
            for path in files for node in (nodes[0], victim)})
        for (path, who), got in answers.items():
            self.assertIn(got.status, (200, 503), f"{path} at {who}: {got}")
            if got.status == 200:
                self.assertEqual(sha256(got.body), files[path])
        statuses = [got.status for got in answers.values()]
        print(f"      with one holder and an empty disk: {statuses.count(200)} answers, {statuses.count(503)} refusals")
        away.start()
        self.wait_settled(nodes, SETTLE_SECONDS)
        self.wait_copies(nodes, files, 3)
        for number, path in enumerate(sorted(files)):
            self.assert_read(nodes[number % 3], path, files[path])


def load_tests(loader, _, __):
    return suite_of(loader, [AWipedDisk], [ADeath, UnderMajority])


if __name__ == "__main__":
    unittest.main()
