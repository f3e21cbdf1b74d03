"""Every workload of few requests × every write, sync and rename: the store's operations on the disk are recorded, and for
a cut of the mains before each of them the disk is rebuilt with what was synced by then. A store that is started on it
must have what was acknowledged, and of the request under way all or nothing.

The workloads are all sequences over `ALPHABET`, but for those that are the same as others:
- one with a request that is refused is like the one without it, which it leaves as it was;
- the cuts within all requests but the last are those of the workload that ends there;
- other names and sizes are like those of the alphabet: a path in the root or below a directory, a content in a row or
  in a staging file is all that the store tells apart.
Between two requests there is no time, or as much as the store needs to write out the first. Cuts that leave the same
bytes are judged once, by what each of them allows.
"""

import concurrent.futures
import hashlib
import itertools
import multiprocessing
import os
import random
import shutil
import time
import traceback
import unittest

from bare_store import BareStore, Gone, Refused, memory_place
from client import pattern
from faults import RECORDER, materialise
from judge import Judge, Wrong
from reference import Request, Tree, Unmodelled

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# One workload alone, as it is said where it fails: "rawfile put,move rested".
WORKLOAD = os.environ.get("CLUSTERF_WORKLOAD")
KINDS = ("rawfile", "extent", "sqlite", "bolt")
REQUESTS_MAX = 3 if LONG else 2
# Without anything that was not synced, and with changes of names alone. In the long run, of workloads of up to two
# requests, also with any part of it, and with all of it.
VARIANTS = ("none", "names")
ALL_VARIANTS = ("none", "names", "random", "all") if LONG else VARIANTS
AT_ONCE = 20
# A write-out begins after 0.2 s; what the store does each second by itself comes in between.
QUIET_SECONDS, QUIET_MAX = 0.35, 3
CANARY_SETTLE_SECONDS = 4
# A thread that gets no processor for some milliseconds is not waited for.
ONE_SYNC_ATTEMPTS = 8

SMALL, OTHER, LARGE = pattern(300, 1), pattern(4000, 2), pattern(70_000, 3)

ALPHABET = {
    "put": lambda: Request("put", "/a", SMALL),
    "replace": lambda: Request("put", "/a", OTHER),
    "upload": lambda: Request("put", "/a", LARGE),
    "below": lambda: Request("put", "/d/x", OTHER),
    "delete": lambda: Request("delete", "/a"),
    "move": lambda: Request("move", "/a", target="/b", flag=True),
    "copy": lambda: Request("copy", "/a", target="/b", flag=True),
    "make": lambda: Request("make", "/d"),
    "tree": lambda: Request("delete", "/d", flag=True),
    "restore": lambda: Request("restore", "/a"),
}


def requests_of(names):
    """The requests of a workload and the trees before and after each; None where one is refused, or would restore
    what was moved away."""
    trees, requests = [Tree()], []
    for name in names:
        after, request = trees[-1].copy(), ALPHABET[name]()
        try:
            if request.apply(after) is not None:
                return None
        except Unmodelled:
            return None
        requests.append(request)
        trees.append(after)
    return requests, trees


def workloads(count):
    """Names of the requests of each workload of so many, that is none of those that are like others."""
    found = []
    for names in itertools.product(ALPHABET, repeat=count):
        # The second content is for replacing the first.
        if names[0] != "replace" and requests_of(names) is not None:
            found.append(names)
    return found


class Recording:
    """A workload, recorded: the operations, and between which of them each request was asked and answered."""

    def __init__(self, place, kind, names, rests, faults=None, settles=False):
        """`rests`: between two requests the first is written out. `settles`: what a start writes is, before the first."""
        self.place = place
        self.kind = kind
        self.log = place + ".recorded"
        self.requests, self.trees = requests_of(names)
        self.base = materialise.Tree.of(place)
        # By request the count of operations before it was sent, and when its answer was there.
        self.times = []
        faults = {"ROOT": place, "LOG": self.log, **(faults or {})}
        self.store = BareStore(place, kind, recorder=RECORDER, faults=faults)
        try:
            self.store.start()
            for number, request in enumerate(self.requests):
                if rests if number else settles:
                    self.rest()
                asked = self.count
                outcome = None
                try:
                    self.store.answer(request.send(self.store))
                except Refused as refusal:
                    outcome = refusal
                if outcome is not None:
                    raise Wrong(f"{request}: {outcome}")
                self.times.append((asked, self.count))
            self.rest()
        finally:
            self.store.kill()

    @property
    def count(self):
        return materialise.read_state(self.log)[1]

    def rest(self):
        """Until nothing is written any more, but for what is each second."""
        began, last, since = time.monotonic(), self.count, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS and time.monotonic() - began < QUIET_MAX:
            time.sleep(0.02)
            if self.count != last:
                last, since = self.count, time.monotonic()

    def states(self, variants):
        """Each disk that a cut within the last request or after it leaves, once: (tree, variant, seed, the ranges of
        what it allows). A range is (first, last) index of `trees`."""
        tree, found = self.base, {}
        asked, answered = self.times[-1]
        last = len(self.requests)
        operations = materialise.read_log(self.log)
        for operation in operations:
            if operation.number > asked:
                allowed = (last, last) if operation.number > answered else (last - 1, last)
                yield from self.cut(tree, operation.number, allowed, variants, found)
            tree.replay(operation)
        yield from self.cut(tree, operations[-1].number + 1, (last, last), variants, found)

    @staticmethod
    def cut(tree, number, allowed, variants, found):
        for variant in variants:
            key = tree.fingerprint(variant, number), allowed
            if key not in found:
                found[key] = True
                yield tree, variant, number, allowed


class CutJudge(Judge):
    """A store on a rebuilt disk. `request`: what led from the first of the trees to the last, where there are two."""

    def __init__(self, place, kind, trees, request=None, patience=None):
        super().__init__(place, kind, None, trees[-1])
        self.trees = trees
        self.request = request
        if patience:
            self.patience = patience

    def run(self):
        self.store = BareStore(self.place, self.kind)
        try:
            self.store.start()
            self.tree = self.found()
            self.settle()
            self.end()
        finally:
            if self.store is not None:
                self.store.kill()

    def found(self):
        """The tree that is there: one of those allowed, or, of a request that changes several things, one between."""
        before, after = self.trees[0], self.trees[-1]
        tree = after.copy()
        tree.files = {}
        if self.request is not None:
            self.finish_moves(self.request, before, after)
        for path in sorted(before.files.keys() | after.files.keys()):
            content = self.check(path, [before.files.get(path), after.files.get(path)])
            if content is not None:
                tree.files[path] = content
        moved = before.files.keys() - after.files.keys()
        if after.files and moved and not tree.files:
            raise Wrong(f"{sorted(moved)} is at neither of its places")
        # Whether a directory was made, or is made no more, is decided by making it.
        for path in sorted(before.marks ^ after.marks):
            request = Request("make", path)
            request.apply(tree)
            self.store.answer(request.send(self.store))
        return tree


def fresh(kind, template, place):
    """A store's directory that nobody wrote to, at `place`: a copy of `template`."""
    shutil.copytree(os.path.join(template, kind), place, copy_function=shutil.copy2)


def failure(place, what, error):
    text = str(error) if isinstance(error, Wrong) else traceback.format_exc()
    said = []
    for name in sorted(os.listdir(place)):
        if name.endswith(".log"):
            with open(os.path.join(place, name), encoding="utf-8", errors="replace") as file:
                said += [line.rstrip() for line in file if line.startswith(("error", "critical", "warning"))]
    return f"{what}: {text}\n  " + "\n  ".join(said[-5:])


def judge_workload(template, kind, names, rests, variants, canary=None):
    """(how many disks were judged, how many cuts there were, what is wrong)"""
    place = memory_place("clusterf-cut-")
    word = f"{kind} {','.join(names)}{' rested' if rests else ''}"
    judged, cuts, wrong, where = 0, 0, [], ""
    try:
        disk = os.path.join(place, "recorded")
        fresh(kind, template, disk)
        recording = Recording(disk, kind, names, rests, {"IGNORE_SYNC": canary} if canary else None)
        cuts = recording.count - recording.times[-1][0]
        for tree, variant, number, (first, last) in recording.states(variants):
            where = f", {variant} before {number}"
            judged += 1
            made = os.path.join(place, str(judged))
            tree.write(made, variant, number)
            judge = CutJudge(
                made, kind, recording.trees[first:last + 1], recording.requests[first] if first < last else None,
                CANARY_SETTLE_SECONDS if canary else None)
            judge.is_disordered = variant == "random"
            try:
                judge.run()
            except Exception as error:  # A disk on which no store starts is a finding, not the end.
                wrong.append(failure(place, word + where, error)
                             + f"\n  again by: CLUSTERF_WORKLOAD='{word}' python3 Tests/Processes/run.py test_boundaries")
                if canary or len(wrong) > 3:
                    break
            shutil.rmtree(made)
            os.remove(made + ".log")
    except Exception as error:
        wrong.append(failure(place, word + where, error))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return judged, cuts, wrong


def count_syncs(template, kind, names):
    """How many there are in a life that does a workload."""
    place = memory_place("clusterf-count-")
    try:
        disk = os.path.join(place, "recorded")
        fresh(kind, template, disk)
        return materialise.read_state(Recording(disk, kind, names, False).log)[2]
    finally:
        shutil.rmtree(place, ignore_errors=True)


def log_syncs_of_last(template, names):
    """Of the database's log, between the last request of a workload and its answer."""
    place = memory_place("clusterf-count-")
    try:
        disk = os.path.join(place, "recorded")
        fresh("rawfile", template, disk)
        recording = Recording(disk, "rawfile", names, True, settles=True)
        log = os.stat(os.path.join(disk, "meta", "store.db-wal")).st_ino
        asked, answered = recording.times[-1]
        return sum(operation.kind == "sync" and operation.file == log and asked < operation.number <= answered
                   for operation in materialise.read_log(recording.log))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def judge_failed_sync(template, kind, names, number):
    """The sync of this number fails, the process ends for it; the next life acknowledges something, and then the mains
    are cut. (whether there was such a sync, what is wrong)"""
    place = memory_place("clusterf-sync-")
    word = f"{kind} {','.join(names)}, sync {number} failed"
    judge = None
    try:
        disk = os.path.join(place, "recorded")
        fresh(kind, template, disk)
        tree, log = materialise.Tree.of(disk), os.path.join(place, "log")
        requests, trees = requests_of(names)
        faults = {"ROOT": disk, "LOG": log}
        store = BareStore(disk, kind, recorder=RECORDER, faults={**faults, "FAIL_SYNC_AT": number})
        done = 0
        try:
            store.start()
            for request in requests:
                store.answer(request.send(store))
                done += 1
            deadline = time.monotonic() + 2 * QUIET_SECONDS
            while time.monotonic() < deadline:
                store.status()
                time.sleep(0.02)
        except Gone:
            pass
        failed = materialise.read_state(log)[2] >= number
        store.kill()
        if not failed:
            return False, []
        # The next life knows of no fault; what was not written then it must write again.
        judge = CutJudge(disk, kind, trees[done:done + 2], requests[done] if done < len(requests) else None)
        judge.store = BareStore(disk, kind, recorder=RECORDER, faults=faults)
        judge.store.start()
        seen = judge.found()
        after = Request("put", "/after", SMALL)
        after.apply(seen)
        judge.store.answer(after.send(judge.store))
        judge.store.kill()
        for operation in materialise.read_log(log):
            tree.replay(operation)
        made = os.path.join(place, "cut")
        tree.write(made, "none")
        judge = CutJudge(made, kind, [seen])
        judge.run()
        return True, []
    except Exception as error:
        return True, [failure(place, word, error)]
    finally:
        if judge is not None and judge.store is not None:
            judge.store.kill()
        shutil.rmtree(place, ignore_errors=True)


class Boundaries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Of each kind a directory of a store that is through with its first start."""
        cls.template = memory_place("clusterf-template-")
        cls.addClassCleanup(shutil.rmtree, cls.template)
        for kind in KINDS:
            store = BareStore(os.path.join(cls.template, kind), kind).start()
            for request in (Request("put", "/first", b"1"), Request("delete", "/first")):
                store.answer(request.send(store))
            # Who counts as the cluster's is decided in the first second.
            time.sleep(1.5)
            store.drain()

    def pool(self):
        return concurrent.futures.ProcessPoolExecutor(
            AT_ONCE, mp_context=multiprocessing.get_context("forkserver"))

    def judged(self, kind, chosen, canary=None):
        """What is wrong with workloads, as (names, whether there are rests)."""
        judged, cuts, wrong = 0, 0, []
        began = time.monotonic()
        with self.pool() as pool:
            waiting = [pool.submit(judge_workload, self.template, kind, names, rests,
                                   ALL_VARIANTS if len(names) < 3 else VARIANTS, canary)
                       for names, rests in chosen]
            for future in concurrent.futures.as_completed(waiting):
                disks, operations, texts = future.result()
                judged, cuts, wrong = judged + disks, cuts + operations, wrong + texts
                if len(wrong) >= (1 if canary else 4):
                    pool.shutdown(cancel_futures=True)
                    break
        if not canary:
            print("\n".join(wrong), end="\n" if wrong else "")
            print(f"      {kind}: {len(chosen)} workloads, {cuts} cuts, {judged} different disks judged,"
                  f" {time.monotonic() - began:.0f} s", flush=True)
        return wrong

    def chosen(self, kind):
        if WORKLOAD is not None:
            of, names, *rests = WORKLOAD.split()
            return [(tuple(names.split(",")), bool(rests))] if of == kind else []
        found = []
        for count in range(1, REQUESTS_MAX + 1):
            for names in workloads(count):
                found += [(names, rests) for rests in ((False, True) if count > 1 else (False,))]
        return found

    def check_kind(self, kind):
        chosen = self.chosen(kind)
        if not chosen:
            self.skipTest("another workload was asked for")
        self.assertEqual(self.judged(kind, chosen), [])

    def test_every_cut_of_rawfile(self):
        self.check_kind("rawfile")

    def test_every_cut_of_extent(self):
        self.check_kind("extent")

    def test_every_cut_of_sqlite(self):
        self.check_kind("sqlite")

    def test_every_cut_of_bolt(self):
        self.check_kind("bolt")

    def test_the_steps_of_a_request_share_one_sync_of_the_log(self):
        """What follows from one change of the own disk joins its transaction, where the machine is not too busy."""
        if WORKLOAD is not None:
            self.skipTest("a workload was asked for")
        for names in (("put",), ("put", "replace"), ("upload",), ("put", "delete"), ("make",)):
            counts = []
            while len(counts) < ONE_SYNC_ATTEMPTS and 1 not in counts:
                counts.append(log_syncs_of_last(self.template, names))
            self.assertEqual(min(counts), 1, f"{','.join(names)}: {counts}")

    def test_canary_a_missing_sync_is_found_out(self):
        """Without these syncs the same judge must find something."""
        if WORKLOAD is not None:
            self.skipTest("another workload was asked for")
        for kind, removed in (("rawfile", "-wal"), ("rawfile", "objects"), ("extent", "extent/segments"),
                              ("sqlite", "sqlite/"), ("bolt", "bolt/")):
            chosen = [(("upload", "replace"), True), (("upload", "move"), True)]
            self.assertNotEqual(self.judged(kind, chosen, removed), [], (kind, removed))

    def test_a_failed_sync_and_then_a_cut_lose_nothing(self):
        """Of each sync of some workloads: it fails, what it should have written is lost, the next life acknowledges
        something, and what was not synced since is gone."""
        if WORKLOAD is not None:
            self.skipTest("a workload was asked for")
        chosen = [("put", "upload"), ("upload", "move"), ("below", "tree")]
        for kind in KINDS:
            began, wrong, tried = time.monotonic(), [], 0
            with self.pool() as pool:
                counts = list(pool.map(count_syncs, *zip(*((self.template, kind, names) for names in chosen))))
                waiting = [pool.submit(judge_failed_sync, self.template, kind, names, number)
                           for names, count in zip(chosen, counts) for number in range(1, 1 + count)]
                for future in concurrent.futures.as_completed(waiting):
                    failed, texts = future.result()
                    tried, wrong = tried + failed, wrong + texts
            print("\n".join(wrong[:4]), end="\n" if wrong else "")
            print(f"      {kind}: {tried} failed syncs, {time.monotonic() - began:.0f} s", flush=True)
            self.assertEqual(wrong[:4], [])
            self.assertGreater(tried, 30)


if __name__ == "__main__":
    unittest.main()
