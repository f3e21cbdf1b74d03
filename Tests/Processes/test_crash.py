"""Power cuts: the store's and the gateway's operations on the disk are recorded, the disk is rebuilt as it would be
after a cut at each of them, and a node started on it must have kept every promise.

Two ways, because each sees what the other cannot:
- *cuts of one run*: the workload runs once; the disk is rebuilt for a cut before each operation of the log. Cheap, so many
  cuts. What was acknowledged by then is known from the operation count when the answer arrived.
- *true stops*: the processes are really stopped at an operation and what the client has in its hand then counts. An
  answer that runs ahead of its sync is found only here.
"""

import os
import random
import threading
import time
import unittest

from client import Client, pattern, sha256
from faults import RECORDER, RecordedNode, materialise
from harness import Node, NodeCase, eventually, remove_tree, temporary_directory

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# Cuts per test, sampled evenly over the operations; each costs about a second and its part of a wait of 12 s.
CUTS = 100_000 if LONG else 16
STOPS = 120 if LONG else 6
# Every cut of every kind's store alone is test_boundaries'.
KIND_CUTS = 8
CANARY_CUTS = 60 if LONG else 24
# Nodes that are started on rebuilt disks at the same time, and so wait for their staging at the same time.
BATCH = 8
# Uploads that nobody claims are deleted 10 s after the start.
STAGING_SECONDS = 20

KIB = 1024
ABSENT = None


class Step:
    """One request of the workload and what came of it."""

    def __init__(self, path, checksum, asked_at):
        self.path = path
        self.checksum = checksum
        self.asked_at = asked_at
        # The operation count when the answer was there; None: never acknowledged.
        self.answered_at = None
        self.version = None


class Workload:
    """Writes of every kind, one after the other; a disk that is cut may end it anywhere."""

    def __init__(self, node):
        self.node = node
        self.steps = []
        self.directories = []
        self.failure = None

    def run(self):
        try:
            with Client(self.node.port, timeout=30) as client:
                self._requests(client)
        except (OSError, ValueError) as error:
            self.failure = error

    def _requests(self, client):
        small = [pattern(200 + number, number) for number in range(4)]
        large = [pattern(300 * KIB + number, number) for number in range(3)]
        self.put(client, "/small", small[0])
        self.put(client, "/deep/er/small", small[1])
        self.put(client, "/large", large[0])
        self.put(client, "/small", small[2])
        self.put(client, "/large", large[1])
        self.directory(client, "/made/here")
        self.put(client, "/empty", b"")
        self.put(client, "/turns", small[3])
        self.put(client, "/turns", large[2])
        self.put(client, "/turns", small[0])
        self.put(client, "/edge", pattern(64 * KIB, "edge"))
        self.put(client, "/gone/small", small[1])
        self.put(client, "/gone/large", large[0])
        self.delete(client, "/gone/small")
        self.delete(client, "/gone/large")
        self.put(client, "/gone/small", small[2])
        threads = [threading.Thread(target=self._group, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.put(client, "/last", large[0])

    def _group(self, number):
        """Writes at the same time, which share a commit."""
        try:
            with Client(self.node.port, timeout=30) as client:
                self.put(client, f"/group/{number}", pattern(5000 if number % 2 else 100 * KIB, number))
                self.put(client, f"/group/{number}", pattern(70 * KIB if number % 2 else 900, number + 10))
        except (OSError, ValueError) as error:
            self.failure = error

    def step(self, path, checksum):
        step = Step(path, checksum, self.node.recorded[1])
        self.steps.append(step)
        return step

    def put(self, client, path, data):
        step = self.step(path, sha256(data))
        answer = client.put("/api/files" + path, data)
        if answer.status not in (200, 201):
            raise ValueError(f"PUT {path}: {answer}")
        step.version = answer.json["version"]
        step.answered_at = self.node.recorded[1]

    def delete(self, client, path):
        step = self.step(path, ABSENT)
        answer = client.delete("/api/files" + path)
        if answer.status != 204:
            raise ValueError(f"DELETE {path}: {answer}")
        step.answered_at = self.node.recorded[1]

    def directory(self, client, path):
        asked = self.node.recorded[1]
        answer = client.post("/api/files" + path, X_Create_Directory="true")
        if answer.status != 201:
            raise ValueError(f"POST {path}: {answer}")
        self.directories.append((path, asked, self.node.recorded[1]))

    def allowed(self, cut):
        """By path: what may be there after a cut before operation `cut` (None: after whatever happened):
        a list of (checksum, version, acknowledged)."""
        states = {}
        for step in self.steps:
            if cut is not None and step.asked_at >= cut:
                continue
            acknowledged = step.answered_at is not None and (cut is None or step.answered_at < cut)
            known = states.setdefault(step.path, [(ABSENT, None, True)])
            if acknowledged:
                known.clear()
            known.append((step.checksum, step.version, acknowledged))
        return states


# A prepared version is due for settling after 2 s, and its entry follows in the next round.
SETTLE_SECONDS = 15


class Checker:
    """One node on a rebuilt disk: started, judged, waited for, stopped."""

    def __init__(self, place, states, directories, label, is_disordered, env=None):
        self.is_disordered = is_disordered
        self.has_view = not env
        self.node = Node(data_dir=place, env=env)
        self.states = states
        self.directories = directories
        self.label = label
        self.wrong = []

    def note(self, text):
        self.wrong.append(f"{self.label}: {text}")

    def judge(self):
        self.node.start()
        found = {}
        with Client(self.node.port, timeout=30) as client:
            for path, known in self.states.items():
                found[path] = self._judge_path(client, path, known)
            for path in self.directories:
                if client.get(f"/api/files{path}/").status != 200:
                    self.note(f"{path}/: an acknowledged directory is gone")
            # A store that starts and serves must also take a write.
            if client.put("/api/files/.after", b"after the cut").status != 201:
                self.note("no write is taken after the cut")
            elif client.delete("/api/files/.after").status != 204:
                self.note("no delete is taken after the cut")
            # What was cut off between a file and its directory's entry is settled a little later.
            deadline = time.monotonic() + SETTLE_SECONDS
            while True:
                said = len(self.wrong)
                listed, there = self._seen(client)
                if (listed == there and len(self.wrong) == said) or time.monotonic() > deadline:
                    break
                # A directory may still be named whose last file is gone.
                del self.wrong[said:]
                time.sleep(0.1)
        if listed != there:
            self.note(f"listed but not readable, or the reverse: {listed ^ there}")
        self.found = found

    def _seen(self, client):
        """The files that are listed, and those of the workload that can be read."""
        listed = self._listed(client, "/")
        return listed, {path for path in self.states if client.get("/api/files" + path).status == 200}

    def _judge_path(self, client, path, known):
        answer = client.get("/api/files" + path)
        if answer.status not in (200, 404):
            self.note(f"GET {path}: {answer}")
            return ABSENT
        checksum = sha256(answer.body) if answer.status == 200 else ABSENT
        matching = [state for state in known if state[0] == checksum]
        if not matching:
            what = "gone" if checksum is ABSENT else f"other content ({len(answer.body)} bytes)"
            self.note(f"{path}: {what}; allowed were {len(known)} states, acknowledged {known[0][1]}")
        elif checksum is not ABSENT:
            if answer["ETag"] != f'"{checksum}"':
                self.note(f"{path}: ETag {answer['ETag']} for content {checksum}")
            version = client.get("/api/metadata" + path).json["version"]
            versions = [state[1] for state in matching if state[1]]
            if versions and len(versions) == len(matching) and version not in versions:
                self.note(f"{path}: version {version}, not {versions}")
        return checksum

    def _listed(self, client, place):
        """Every file below a directory, by the listings."""
        found = set()
        answer = client.get(f"/api/files{place}?limit=10000")
        if answer.status != 200:
            self.note(f"the listing of {place}: {answer}")
            return found
        for entry in answer.json["entries"]:
            path = place + entry["name"]
            if entry["is_directory"]:
                found |= self._listed(client, path + "/")
            else:
                found.add(path)
        return found

    def settled(self):
        """The view, where there is one, shows what is there and nothing else, and no upload is left."""
        seen = {}
        if not os.path.isdir(self.node.view):
            return self._has_no_staging()
        for place, _, names in os.walk(self.node.view):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    seen["/" + os.path.relpath(path, self.node.view)] = sha256(file.read())
        expected = {path: checksum for path, checksum in self.found.items() if checksum is not ABSENT}
        if not self.has_view:
            expected = {}
        different = {path for path in seen.keys() | expected.keys() if seen.get(path) != expected.get(path)}
        if different:
            # Where changes of names survive out of their order, a name of the view may outlive that of its object.
            # Such a file is nobody's for certain: it stays, and the store must say that it cannot show its own.
            with self.node.client() as client:
                said = " ".join(map(str, client.get("/status").json["warnings"]))
            different = {path for path in different if f"files{path}" not in said or not self.is_disordered}
        if different:
            raise AssertionError(f"the view differs at {sorted(different)[:4]}")
        return self._has_no_staging()

    def _has_no_staging(self):
        staging = os.listdir(os.path.join(self.node.directory, "staging"))
        if staging:
            raise AssertionError(f"staging has {staging[:3]}")
        return True


def judged(checkers, settle=True):
    """Runs checkers, some at a time; returns everything that is wrong. `settle`: waits for view and staging too."""
    wrong = []
    for start in range(0, len(checkers), BATCH):
        batch = checkers[start:start + BATCH]
        try:
            for checker in batch:
                try:
                    checker.judge()
                except Exception as error:  # A disk on which no node starts is a finding, not the end.
                    checker.note(f"{type(error).__name__}: {error}")
                    checker.found = None
                if checker.wrong and not settle:
                    break  # One is enough for a canary.
            deadline = time.monotonic() + STAGING_SECONDS
            for checker in batch:
                if settle and checker.found is not None:
                    try:
                        eventually(deadline - time.monotonic(), checker.settled, "the settled state", interval=0.2)
                        checker.node.stop()
                    except Exception as error:
                        checker.note(f"{type(error).__name__}: {error}")
        finally:
            for checker in batch:
                checker.node.destroy()
                remove_tree(checker.node.data_dir)
                wrong += checker.wrong
    return wrong


class CrashCase(NodeCase):
    # How the node is started.
    args = ()
    # What encrypts its directory, if it is.
    env = None

    def setUp(self):
        if not os.path.exists(RECORDER):
            self.fail(f"the recorder is not built: {RECORDER}")
        self.place = temporary_directory("clusterf-crash-")
        self.addCleanup(remove_tree, self.place)
        self.made = 0

    def folder(self):
        self.made += 1
        path = os.path.join(self.place, str(self.made))
        os.mkdir(path)
        return path

    def recorded_run(self, **faults):
        """The workload under the recorder, ended when it is through or the processes are stopped."""
        node = RecordedNode(self.folder(), faults, args=self.args, env=self.env)
        self.nodes = [node]
        self.addCleanup(node.destroy)
        workload = Workload(node)

        def work():
            eventually(30, lambda: node.recorded[0] or node.is_ready(), "readiness or a stop")
            if not node.recorded[0]:
                workload.run()

        node.spawn()
        worker = threading.Thread(target=work)
        worker.start()
        while worker.is_alive() and not node.recorded[0]:
            time.sleep(0.002)
        if node.recorded[0]:
            # What is on its way to the client was sent before the cut.
            time.sleep(0.05)
        else:
            worker.join()
            self.assertIsNone(workload.failure, node.tail())
            # Content moves from rows to files, and the view is made, after the answers.
            self.settle(node)
        steps = list(workload.steps)
        node.kill()
        eventually(10, lambda: not node.leftovers(), "the end of every process")
        worker.join()
        workload.steps = steps
        node.destroy()
        return node, workload

    def settle(self, node):
        last = [node.recorded[1], time.monotonic()]

        def quiet():
            now = node.recorded[1]
            if now != last[0]:
                last[:] = [now, time.monotonic()]
            return time.monotonic() - last[1] > 1.5
        eventually(30, quiet, "the end of the work after the answers")

    def checker(self, tree, states, directories, variant, seed, label):
        place = self.folder()
        tree.write(os.path.join(place, "n1"), variant, seed)
        return Checker(place, states, directories, f"{label}, {variant} {seed}", variant == "random", self.env)

    def cuts_of(self, node, workload, count):
        """Checkers for cuts sampled evenly over the log, the variants in turn."""
        operations = materialise.read_log(node.log_path)
        total = operations[-1].number + 1
        chosen = sorted({1 + total * number // count for number in range(count)} | {total}) if count < total \
            else list(range(1, total + 1))
        variants = ("none", "random", "names", "random")
        tree, at, checkers = materialise.Tree(), 0, []
        for index, cut in enumerate(chosen):
            while at < len(operations) and operations[at].number < cut:
                tree.replay(operations[at])
                at += 1
            directories = [path for path, _, answered in workload.directories if answered < cut]
            checkers.append(self.checker(
                tree, workload.allowed(cut), directories, variants[index % 4], cut, f"cut before {cut} of {total}"))
            if len(checkers) == BATCH:
                yield checkers
                checkers = []
        yield checkers

    def violations(self, node, workload, count, canary=False):
        wrong, seen = [], 0
        for checkers in self.cuts_of(node, workload, count):
            seen += len(checkers)
            wrong += judged(checkers, settle=not canary)
            if len(wrong) >= (1 if canary else 8):
                break
        print(f"      {seen} cuts of {node.recorded[1]} operations judged")
        return wrong


class Crash(CrashCase):
    def test_the_recorder_misses_nothing(self):
        """The model's tree after everything is the directory itself: no operation went by unseen."""
        node, _ = self.recorded_run()
        target = self.folder()
        materialise.materialise(node.log_path, target, "all")
        self.assertEqual(snapshot(target), snapshot(node.directory))

    def test_every_cut_of_a_run_keeps_every_promise(self):
        node, workload = self.recorded_run()
        self.assertEqual(self.violations(node, workload, CUTS), [])

    def test_true_stops_keep_every_promise(self):
        node, _ = self.recorded_run()
        total = node.recorded[1]
        rng = random.Random(3)
        checkers, wrong = [], []
        for index in range(STOPS):
            at = 1 + (total * (2 * index + 1)) // (2 * STOPS)
            kind = ("before", "after")[index % 2]
            stopped, workload = self.recorded_run(STOP_AT=at, STOP=kind)
            tree = materialise.replayed(materialise.read_log(stopped.log_path))
            directories = [path for path, _, answered in workload.directories]
            variant = ("none", "names", "random")[index % 3]
            checkers.append(self.checker(
                tree, workload.allowed(None), directories, variant, rng.randrange(1000), f"stopped {kind} {at}"))
            if len(checkers) == BATCH:
                wrong += judged(checkers)
                checkers = []
        wrong += judged(checkers)
        self.assertEqual(wrong, [])

    def test_canary_ignored_syncs_are_found_out(self):
        """The same run with every sync ignored must fail the same judgement, or the judge sees nothing."""
        node, workload = self.recorded_run(IGNORE_SYNC="all")
        self.assertNotEqual(self.violations(node, workload, CANARY_CUTS, canary=True), [])

    def test_canary_one_kind_of_sync_removed_is_found_out(self):
        for removed in ("-wal", "objects"):
            with self.subTest(removed=removed):
                node, workload = self.recorded_run(IGNORE_SYNC=removed)
                self.assertNotEqual(self.violations(node, workload, CANARY_CUTS, canary=True), [], removed)


class EncryptedCrash(CrashCase):
    """The same with an encrypted directory: what a cut tears does not open, and must not be needed."""

    env = {"CLUSTERF_ENCRYPTION_KEY": "correct horse battery staple"}

    def test_every_cut_of_an_encrypted_run_keeps_every_promise(self):
        node, workload = self.recorded_run()
        self.assertEqual(self.violations(node, workload, CUTS), [])

    def test_canary_a_removed_sync_of_the_sealed_log_is_found_out(self):
        node, workload = self.recorded_run(IGNORE_SYNC="-wal")
        self.assertNotEqual(self.violations(node, workload, CANARY_CUTS, canary=True), [])


class KindCrash:
    """The same for the other kinds of storage, with fewer cuts."""

    removed = None

    def test_the_recorder_misses_nothing(self):
        node, _ = self.recorded_run()
        target = self.folder()
        materialise.materialise(node.log_path, target, "all")
        self.assertEqual(snapshot(target), snapshot(node.directory))

    def test_cuts_of_a_run_keep_every_promise(self):
        node, workload = self.recorded_run()
        self.assertEqual(self.violations(node, workload, CUTS if LONG else KIND_CUTS), [])

    def test_canary_a_sync_of_the_kind_removed_is_found_out(self):
        node, workload = self.recorded_run(IGNORE_SYNC=self.removed)
        self.assertNotEqual(self.violations(node, workload, CANARY_CUTS, canary=True), [], self.removed)


class ExtentCrash(KindCrash, CrashCase):
    args = ("--storage-major", "extent")
    removed = "extent/segments"


class SQLiteCrash(KindCrash, CrashCase):
    args = ("--storage-major", "sqlite")
    removed = "sqlite/"


class BoltCrash(KindCrash, CrashCase):
    args = ("--storage-major", "bolt")
    removed = "bolt/"


def snapshot(directory):
    """Every file below a directory by content, without what processes that are not recorded write."""
    found = {}
    for place, directories, names in os.walk(directory):
        if place == directory:
            directories[:] = [name for name in directories if name != "run"]
            names = [name for name in names if name not in ("lock", "ports", "admin-token")]
        for name in directories:
            found[os.path.relpath(os.path.join(place, name), directory)] = None
        for name in names:
            if not name.endswith("-shm") and name != "lock.mdb":
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, directory)] = sha256(file.read())
    return found


if __name__ == "__main__":
    unittest.main()
