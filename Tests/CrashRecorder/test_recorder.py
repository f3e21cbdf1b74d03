"""The recorder and its model are tested before anything is tested with them: against programs whose promises are
known, against the real file system, and by canaries, which must be found out."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from materialise import materialise, read_log, read_state, replayed  # noqa: E402

LIBRARY = os.environ.get("CLUSTERF_RECORDER", "")
VERSIONS = [(f"version {version} " * 300).encode() for version in range(6)]


def contents(directory):
    """Everything below a directory: relative path to (content, name count), None for a directory."""
    found = {}
    for place, directories, files in os.walk(directory):
        for name in directories:
            found[os.path.relpath(os.path.join(place, name), directory)] = None
        for name in files:
            if name.endswith("-shm"):
                continue
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = (file.read(), os.stat(path).st_nlink)
    return found


class RecorderCase(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.addCleanup(holder.cleanup)
        self.base = os.path.realpath(holder.name)
        self.runs = 0

    def run_recorded(self, program, **environment):
        """Runs a program of recorded.py; returns (exit code, lines it acknowledged)."""
        self.runs += 1
        self.root = os.path.join(self.base, f"root{self.runs}")
        self.log = os.path.join(self.base, f"log{self.runs}")
        os.mkdir(self.root)
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "recorded.py"), program, self.root],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60,
            env=dict(os.environ, LD_PRELOAD=LIBRARY, CRASHREC_ROOT=self.root, CRASHREC_LOG=self.log,
                     PYTHONDONTWRITEBYTECODE="1", **environment))
        return done.returncode, done.stdout.decode().splitlines()

    def after_cut(self, variant, seed=0, before=None):
        target = tempfile.mkdtemp(dir=self.base)
        materialise(self.log, target, variant, seed, before)
        return target

    def cuts(self):
        """The tree after a cut before each operation, in every variant."""
        operations = read_log(self.log)
        for number in range(1, len(operations) + 2):
            tree = replayed(operations, number)
            for variant, seed in (("none", 0), ("names", 0), ("random", number), ("random", -number)):
                target = tempfile.mkdtemp(dir=self.base)
                tree.write(target, variant, seed)
                yield number, variant, target

    def count(self):
        return read_state(self.log)[1]


class Model(RecorderCase):
    def test_the_replayed_tree_is_the_real_one(self):
        for seed in range(12):
            with self.subTest(seed=seed):
                code, _ = self.run_recorded("everything", SEED=str(seed))
                self.assertEqual(code, 0)
                self.assertGreater(self.count(), 200)
                self.assertEqual(contents(self.after_cut("all")), contents(self.root))

    def test_threads_and_other_processes_are_recorded_in_order(self):
        for program in ("threads", "handed_over", "database"):
            with self.subTest(program=program):
                code, _ = self.run_recorded(program)
                self.assertEqual(code, 0)
                operations = read_log(self.log)
                numbers = [operation.number for operation in operations]
                self.assertEqual(numbers, sorted(set(numbers)))
                self.assertEqual(contents(self.after_cut("all")), contents(self.root))
        self.run_recorded("handed_over")
        self.assertEqual(len({operation.process for operation in read_log(self.log)}), 2)

    def test_what_was_synced_survives_and_nothing_else_needs_to(self):
        self.run_recorded("handed_over")
        whole = b"".join(b"%d" % number * 1000 for number in range(10))
        self.assertEqual(contents(self.after_cut("none")), {"file": (whole, 1)})
        last = read_log(self.log)[-1].number
        self.assertEqual(contents(self.after_cut("none", before=last)), {})
        self.assertEqual(contents(self.after_cut("names", before=last - 1)), {"file": (b"", 1)})


class Stops(RecorderCase):
    def test_the_process_ends_at_the_operation_asked_for(self):
        self.run_recorded("replace")
        total = self.count()
        for stop, last in (("before", lambda n: n - 1), ("after", lambda n: n)):
            for number in range(1, total + 1, 3):
                code, _ = self.run_recorded("replace", CRASHREC_STOP_AT=str(number), CRASHREC_STOP=stop)
                self.assertEqual(code, -signal.SIGKILL)
                self.assertEqual(read_state(self.log)[:2], (True, number))
                operations = read_log(self.log)
                self.assertEqual(operations[-1].number if operations else 0, last(number))
                self.assertEqual(contents(self.after_cut("all")), contents(self.root))

    def test_threads_all_stop(self):
        for number in range(1, 200, 17):
            code, _ = self.run_recorded("threads", CRASHREC_STOP_AT=str(number))
            self.assertEqual(code, -signal.SIGKILL)
            self.assertEqual(len(read_log(self.log)), number - 1)


class Promises(RecorderCase):
    """Programs that keep their promise pass, the same with a sync taken away are found out."""

    def violations(self, acknowledged_at):
        """What is wrong after each cut with a file that is replaced; `acknowledged_at`: number of operations to
        the last acknowledged version by then."""
        wrong = []
        for number, variant, target in self.cuts():
            found = contents(target).get("file")
            version = acknowledged_at(number)
            allowed = VERSIONS[max(version, 0):version + 2]
            if not (found is None and version < 0) and (found is None or found[0] not in allowed):
                wrong.append((number, variant, found and found[0][:20], version))
        return wrong

    def replaced(self, **environment):
        code, lines = self.run_recorded("replace", **environment)
        self.assertEqual((code, lines), (0, [str(version) for version in range(6)]))
        operations = read_log(self.log)
        renames = [operation.number for operation in operations if operation.kind == "rename"]
        # A version is acknowledged after the sync of the directory, which is the operation after its rename.
        return lambda number: sum(1 for rename in renames if rename + 1 < number) - 1

    def test_a_careful_program_keeps_every_promise(self):
        self.assertEqual(self.violations(self.replaced()), [])

    def test_canary_all_syncs_ignored(self):
        self.assertNotEqual(self.violations(self.replaced(CRASHREC_IGNORE_SYNC="all")), [])

    def test_canary_the_files_sync_removed(self):
        self.assertNotEqual(self.violations(self.replaced(CRASHREC_IGNORE_SYNC="file.new")), [])

    def test_a_database_keeps_its_rows_and_its_canary_loses_some(self):
        for ignored, promise in ((None, True), ("-wal", False)):
            environment = {"CRASHREC_IGNORE_SYNC": ignored} if ignored else {}
            code, lines = self.run_recorded("database", **environment)
            self.assertEqual((code, len(lines)), (0, 10))
            total = self.count()
            kept = []
            for variant in ("none", "names", "random"):
                # The database is closed by nobody: the cut is where the program ended, before the close.
                operations = read_log(self.log)
                last_row = max(op.number for op in operations if op.kind == "write" and op.path.endswith("-wal"))
                target = self.after_cut(variant, seed=total, before=last_row + 2)
                try:
                    connection = sqlite3.connect(os.path.join(target, "store.db"))
                    kept.append(connection.execute("SELECT count(*) FROM t").fetchone()[0])
                    connection.close()
                except sqlite3.DatabaseError:
                    kept.append(-1)
            self.assertEqual(kept == [10, 10, 10], promise, kept)

    def test_a_failed_sync_loses_what_it_should_have_kept(self):
        # The first sync is that of the directory.
        code, lines = self.run_recorded("failing", CRASHREC_FAIL_SYNC_AT="3,9")
        self.assertEqual(code, 0)
        self.assertEqual(lines, ["0 synced", "1 errno 5", "2 synced", "3 synced"])
        kept, _ = contents(self.after_cut("none"))["file"]
        self.assertEqual(kept, b"0" * 100 + bytes(100) + b"2" * 100 + b"3" * 100)


if __name__ == "__main__":
    if not LIBRARY:
        sys.exit("CLUSTERF_RECORDER must name the built recorder")
    unittest.main()
