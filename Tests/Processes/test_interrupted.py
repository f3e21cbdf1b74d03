"""kill -9, and the mains, within what a store does for long: compaction of segments, another key for an encrypted
directory. Nothing is lost, and the work goes on where it stopped."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from bare_store import PURGE, BareStore, Gone, Refused, memory_place, run_of
from client import pattern
from faults import RECORDER, materialise
from harness import BIN
from judge import Judge, eventually
from reference import Request, Tree

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# Ends of one kind of work, evenly over what it does on the disk; of a rekeying each costs half a second of scrypt.
COMPACTION_ENDS = 200 if LONG else 24
REKEYING_ENDS = 60 if LONG else 6
REKEYING_SECONDS = 60
# A write-out begins after 0.2 s.
QUIET_SECONDS, QUIET_MAX = 0.5, 10


class InterruptedCase(unittest.TestCase):
    def setUp(self):
        self.place = memory_place("clusterf-interrupted-")
        self.addCleanup(shutil.rmtree, self.place)
        self.made = 0

    def copied(self, place):
        self.made += 1
        made = os.path.join(self.place, str(self.made))
        shutil.copytree(place, made, copy_function=shutil.copy2)
        return made

    def ends(self, first, last, count):
        """Numbers of operations, evenly; the first and the last of them too."""
        return sorted({first + (last - first) * number // (count - 1) for number in range(count)})

    def judge(self, place, kind, phrase, tree):
        """All of the tree is there, and nothing else is left on the disk."""
        judge = Judge(place, kind, phrase, tree)
        judge.store = BareStore(place, kind, phrase).start()
        try:
            for path, content in tree.files.items():
                judge.check(path, [content])
            judge.settle()
            self.before_end(place)
            judge.end()
        finally:
            if judge.store is not None:
                judge.store.kill()

    def before_end(self, place):
        pass

    @staticmethod
    def cut(base, log, made):
        """What was not synced is not there."""
        for operation in materialise.read_log(log):
            base.replay(operation)
        base.write(made, "none")


class SmallDiskCase(InterruptedCase):
    DISK_MIB = 192

    def setUp(self):
        super().setUp()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.DISK_MIB}m", "tmpfs", self.place],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if mounted.returncode != 0:
            self.skipTest("no right to mount a tmpfs: " + mounted.stdout.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.place], check=True)


class FailedSync(SmallDiskCase):
    """On a disk with little room: LMDB gives both a write that found none and a sync that failed the same number."""

    DISK_MIB = 48

    def life(self, place, number, **faults):
        """Whether a write ends the process, and its syncs of LMDB's file."""
        log = f"{place}.recorded{number}"
        faults = {"ROOT": place, "LOG": log, "SYNC_PATH": "bolt/", **faults}
        store = BareStore(place, "bolt", recorder=RECORDER, faults=faults)
        try:
            store.start()
            before = materialise.read_state(log)[2]
            store.answer(Request("put", f"/{number}", pattern(1000, number)).send(store))
            deadline = time.monotonic() + QUIET_MAX
            while time.monotonic() < deadline:
                store.status()
                after = materialise.read_state(log)[2]
                if not faults.get("FAIL_SYNC_AT") and after > before:
                    time.sleep(QUIET_SECONDS)
                    return False, before
                time.sleep(0.02)
            return False, before
        except Gone:
            return True, 0
        finally:
            store.kill()

    def test_a_failed_sync_ends_the_process_on_a_disk_that_is_nearly_full(self):
        place = os.path.join(self.place, "bolt")
        self.life(place, 1)
        _, before = self.life(place, 2)
        has_ended, _ = self.life(place, 3, FAIL_SYNC_AT=before + 1)
        self.assertTrue(has_ended, "the sync failed, and the store went on")
        store = BareStore(place, "bolt").start()
        try:
            # The third was not answered for.
            for number in (1, 2):
                self.assertEqual(store.read(f"/{number}".encode()), pattern(1000, number))
        finally:
            store.kill()


class Compaction(SmallDiskCase):
    # Segments are a 64th of the disk.
    FILES, SIZE = 120, 60_000
    LIVE_BYTES = FILES // 3 * SIZE

    def sparse(self):
        """A directory whose segments are to be compacted at its next start, and what is in it."""
        place, tree = os.path.join(self.place, "sparse"), Tree()
        store = BareStore(place, "extent").start()
        try:
            for number in range(self.FILES):
                request = Request("put", f"/{number}", pattern(self.SIZE, number))
                request.apply(tree)
                store.answer(request.send(store))
            store.drain()
            store = BareStore(place, "extent").start()
            gone = [f"/{number}" for number in range(self.FILES) if number % 3]
            requests = [Request("delete", path) for path in gone]
            for request, sent in [(request, request.send(store)) for request in requests]:
                store.answer(sent)
                request.apply(tree)
            self.purge(store, gone)
        finally:
            # Before the write-out, which would begin the compaction.
            store.kill()
        return place, tree

    @staticmethod
    def purge(store, paths):
        """Nothing is kept of what was there; a deletion becomes the past a moment after its answer."""
        deadline = time.monotonic() + QUIET_MAX
        while paths and time.monotonic() < deadline:
            sent = [(path, store.send(PURGE, b"\1" + run_of(path.encode()) + b"\0\0")) for path in paths]
            paths = []
            for path, number in sent:
                try:
                    store.answer(number)
                except Refused:
                    paths.append(path)
        if paths:
            raise AssertionError(f"{len(paths)} files have no past")

    def segment_bytes(self, place):
        folder = os.path.join(place, "extent", "segments")
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))

    def before_end(self, place):
        wrong = eventually(lambda: self.segment_bytes(place) > 2 * self.LIVE_BYTES, QUIET_MAX)
        self.assertFalse(wrong, "the compaction did not go on")

    def run_recorded(self, place, **faults):
        """A life that is stopped, or until nothing more is done; the operations that it did."""
        log = place + ".recorded"
        store = BareStore(place, "extent", recorder=RECORDER, faults={"ROOT": place, "LOG": log, **faults})
        last, since, began = 0, time.monotonic(), time.monotonic()
        try:
            store.start()
            while time.monotonic() - since < QUIET_SECONDS and time.monotonic() - began < QUIET_MAX:
                store.status()
                time.sleep(0.02)
                count = materialise.read_state(log)[1]
                # The store's own clock is written each second.
                if count - last > 4:
                    last, since = count, time.monotonic()
        except Gone:
            pass
        store.kill()
        return materialise.read_state(log)[1]

    def test_ends_within_compaction_lose_nothing(self):
        sparse, tree = self.sparse()
        self.assertGreater(self.segment_bytes(sparse), 2 * self.LIVE_BYTES)
        whole = self.copied(sparse)
        total = self.run_recorded(whole)
        # The files of the segments are all new by then: there was a compaction to be stopped.
        self.assertLess(self.segment_bytes(whole), 2 * self.LIVE_BYTES)
        shutil.rmtree(whole)
        ends = self.ends(1, total, COMPACTION_ENDS)
        for number in ends:
            for is_cut in (False, True):
                with self.subTest(number=number, cut=is_cut):
                    place = self.copied(sparse)
                    base = materialise.Tree.of(place) if is_cut else None
                    self.run_recorded(place, STOP_AT=number)
                    if is_cut:
                        before, place = place, place + "-cut"
                        self.cut(base, before + ".recorded", place)
                        shutil.rmtree(before)
                    self.judge(place, "extent", None, tree)
                    shutil.rmtree(place)
        print(f"      {2 * len(ends)} ends within {total} operations")


class Rekeying(InterruptedCase):
    OLD, NEW = "correct horse battery staple", "another phrase altogether"

    def sealed(self, kind):
        place, tree = os.path.join(self.place, kind), Tree()
        store = BareStore(place, kind, self.OLD).start()
        try:
            for number, size in enumerate((0, 100, 5000, 65_536, 65_537, 200_000)):
                request = Request("put", f"/d/{number}", pattern(size, number))
                request.apply(tree)
                store.answer(request.send(store))
        finally:
            # With work left, which is finished first.
            store.kill()
        return place, tree

    def rekey(self, place, **faults):
        """What clusterfctl starts for a stopped node; its exit code, its words and its operations on the disk."""
        log, environment = place + ".recorded", {}
        if faults:
            environment = {"LD_PRELOAD": RECORDER, "CRASHREC_ROOT": place, "CRASHREC_LOG": log}
            environment |= {f"CRASHREC_{name}": str(value) for name, value in faults.items()}
        with tempfile.TemporaryFile() as phrases:
            phrases.write("".join(phrase.encode().hex() + "\n" for phrase in (self.OLD, self.NEW)).encode())
            phrases.seek(0)
            done = subprocess.run(
                [os.path.join(BIN, "clusterf-store"), "--rekey", place], stdin=phrases, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=environment, timeout=REKEYING_SECONDS, check=False)
        return done.returncode, done.stdout.decode(errors="replace"), materialise.read_state(log)[1]

    def check_kind(self, kind):
        sealed, tree = self.sealed(kind)
        whole = self.copied(sealed)
        code, said, total = self.rekey(whole, STOP_AT=0)
        self.assertEqual(code, 0, said)
        shutil.rmtree(whole)
        # The number of operations varies a little.
        for index, number in enumerate(self.ends(1, total - total // 20, REKEYING_ENDS)):
            is_cut = index % 2 == 1
            with self.subTest(kind=kind, number=number, cut=is_cut):
                place = self.copied(sealed)
                base = materialise.Tree.of(place) if is_cut else None
                code, said, _ = self.rekey(place, STOP_AT=number)
                self.assertEqual(code, -9, said)
                if is_cut:
                    before, place = place, place + "-cut"
                    self.cut(base, before + ".recorded", place)
                    shutil.rmtree(before)
                code, said, _ = self.rekey(place)
                self.assertEqual(code, 0, said)
                self.judge(place, kind, self.NEW, tree)
                shutil.rmtree(place)
        print(f"      {kind}: {REKEYING_ENDS} ends within {total} operations")

    def test_ends_within_rekeying_rawfile_lose_nothing(self):
        self.check_kind("rawfile")

    def test_ends_within_rekeying_extent_lose_nothing(self):
        self.check_kind("extent")

    def test_ends_within_rekeying_sqlite_lose_nothing(self):
        self.check_kind("sqlite")

    def test_ends_within_rekeying_bolt_lose_nothing(self):
        self.check_kind("bolt")


if __name__ == "__main__":
    unittest.main()
