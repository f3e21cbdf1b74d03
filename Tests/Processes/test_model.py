"""The store against a dictionary (reference.py): random requests from a seed, in lives that are cut off at any operation
on the disk, by kill -9 or by the mains. What was acknowledged is there after each, whole; what was under way is there
wholly or not at all, and may be sent again.

A seed that fails is said with the command that runs it alone. The requests and the place of the cut follow from the
seed; what the threads of a store do at the same time does not, so that a rare failure may want some repetitions
(CLUSTERF_REPEAT).
"""

import concurrent.futures
import multiprocessing
import os
import random
import shutil
import time
import traceback
import unittest

from bare_store import INLINE_MAX, IS_DIRECTORY, NOT_FOUND, BareStore, Gone, Refused, memory_place
from client import pattern
from faults import RECORDER, materialise
from judge import Judge, Wrong, eventually
from reference import Request, Tree, Unmodelled

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
SEED = os.environ.get("CLUSTERF_SEED")
KIND = os.environ.get("CLUSTERF_KIND")
REPEAT = int(os.environ.get("CLUSTERF_REPEAT", "1"))
PHRASE = "correct horse battery staple"

# Seeds of each kind; an encrypted start costs a sixth of a second (scrypt).
SEEDS = {"rawfile": 800, "extent": 400, "sqlite": 400, "bolt": 400}
SEALED_SEEDS = 15
# Within so many seeds a missing sync must have shown itself.
CANARY_SEEDS = 60
LONG_FACTOR = 10
# Runs at one time: most of a run is waiting for threads that rest, so more than there are processors.
AT_ONCE = 20
CANARY_SETTLE_SECONDS = 4
# Operations on the disk of a start and some requests: cuts are before any of them.
CUT_FIRST, CUT_LATER = 900, 450

NAMES = ("a", "b", "c", "a!", "a0", "é")


class Run(Judge):
    """One seed: some lives of one directory, and the tree that it must show."""

    def __init__(self, place, kind, phrase, seed, canary=None):
        super().__init__(None, kind, phrase, Tree())
        self.root = place
        self.random = random.Random(f"{kind} {seed} {bool(phrase)}")
        self.made = 0
        # What was sent and not answered by the life before.
        self.open = []
        self.trace = []
        # Syncs of files with this in their path do nothing, and the mains are cut each time.
        self.canary = canary
        if canary:
            self.patience = CANARY_SETTLE_SECONDS

    def note(self, text):
        self.trace.append(str(text))

    def next_place(self):
        self.made += 1
        return os.path.join(self.root, str(self.made))

    def run(self):
        self.place = self.next_place()
        lives = self.random.choice((2, 2, 3))
        try:
            for life in range(lives):
                self.life(life)
            self.last()
        finally:
            if self.store is not None:
                self.store.kill()

    # Lives.

    def life(self, number):
        """A life that does not end in order."""
        fate = "cut" if self.canary else self.random.choice(("kill", "kill", "cut"))
        at = self.random.randrange(1, CUT_FIRST if number == 0 else CUT_LATER)
        log = os.path.join(self.root, f"log{number}")
        self.note(f"life {number}: {fate} before {at}")
        base = materialise.Tree.of(self.place) if fate == "cut" and os.path.exists(self.place) else None
        os.makedirs(self.place, exist_ok=True)
        faults = {"ROOT": self.place, "LOG": log, "STOP_AT": at}
        if self.canary:
            faults["IGNORE_SYNC"] = self.canary
        self.store = BareStore(self.place, self.kind, self.phrase, RECORDER, faults)
        try:
            self.store.start()
            self.recover()
            self.work(self.random.randrange(2, 9))
            # The write-out begins after a fifth of a second.
            if self.random.random() < 0.5:
                self.linger(0.5)
        except Gone:
            self.note("gone")
        self.store.kill()
        self.store = None
        if fate == "cut":
            self.cut(base, log)

    def linger(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.store.status()
            time.sleep(0.02)

    def cut(self, base, log):
        """What was not synced is not there."""
        variant = self.random.choice(("none", "names", "random", "random"))
        tree = base or materialise.Tree()
        for operation in materialise.read_log(log):
            tree.replay(operation)
        before, self.place = self.place, self.next_place()
        tree.write(self.place, variant, self.random.randrange(1 << 30))
        shutil.rmtree(before)
        self.is_disordered |= variant == "random"
        self.note(f"cut, {variant}")

    def recover(self):
        """After a death: what was acknowledged is there, what was open is there or not."""
        if self.open and self.random.random() < 0.5:
            self.repeat()
        if self.open:
            self.observe()
        # A name that nobody was promised may follow its file a little later: also where the life before died
        # while it was waited for.
        wrong = eventually(lambda: self.listed_wrong("/"), self.patience)
        if wrong:
            raise Wrong(f"listings after a death: {wrong}")
        for path in self.paths():
            self.check(path, [self.tree.files.get(path)])

    def repeat(self):
        """Sends again what was open, as a gateway does. What is open still then is not known to have happened."""
        sent = []
        for request in self.open:
            self.note(f"again {request}")
            sent.append(request.send_again(self.store) if request.is_committed else None)
        after, unknown = self.tree.copy(), []
        for request, number in zip(self.open, sent):
            next_ = after.copy()
            expected = request.apply(next_)
            outcome = self.outcome(number) if number is not None else None
            if number is not None and not request.is_upload:
                outcome = self.settled(outcome, expected, lambda: self.outcome(request.send_again(self.store)))
            if number is None or request.is_upload and outcome is not None and expected is None:
                # Its staging file was not synced: the gateway says so, and nothing was written.
                unknown.append(request)
                continue
            # A tree that was moved or deleted to its end is not there any more, by which it would be known.
            is_over = (request.what in ("move", "delete") and outcome == NOT_FOUND
                       and after.is_directory(request.path))
            if outcome != expected and not is_over:
                raise Wrong(f"again {request}: {outcome}, not {expected}")
            for path in self.affected(after, next_):
                # It may have been done twice.
                next_.kept[path] = None
            after = next_
        self.tree, self.open = after, unknown

    def outcome(self, number):
        try:
            self.store.answer(number)
        except Refused as refusal:
            return refusal.code
        return None

    @staticmethod
    def affected(before, after):
        return {path for path in before.files.keys() | after.files.keys()
                if before.files.get(path) is not after.files.get(path)}

    def observe(self):
        """Of each open request: all of it happened, or nothing, or of a tree some files did."""
        uploads = [request.operation for request in self.open if request.is_upload]
        if uploads:
            # Their clients are gone.
            self.store.abort(*uploads)
        before, after, marks = self.tree, self.tree.copy(), set()
        for request in self.open:
            done = before.copy()
            request.apply(done)
            marks |= done.marks ^ before.marks
            changed = self.affected(before, done)
            self.finish_moves(request, before, done)
            for path in sorted(changed):
                found = self.check(path, [before.files.get(path), done.files.get(path)])
                if found is None:
                    after.files.pop(path, None)
                else:
                    after.files[path] = found
                after.kept[path] = None
            self.check_kept_whole(request, before, after, changed)
        # Whether these are there is not known, so they are made.
        after.marks -= marks
        makes = [Request("make", path) for path in sorted(marks)]
        expected = [request.apply(after) for request in makes]
        for request, code in zip(makes, expected):
            outcome = self.outcome(request.send_again(self.store))
            if outcome != code:
                raise Wrong(f"{request}: {outcome}, not {code}")
        self.tree, self.open = after, []

    @staticmethod
    def check_kept_whole(request, before, after, changed):
        """A file that is moved is at one of its places at least."""
        if request.what != "move":
            return
        for path in changed & before.files.keys():
            if path in after.files or path == request.target:
                continue
            target = request.target + path[len(request.path):]
            if after.files.get(target) != before.files[path]:
                raise Wrong(f"{path} is at neither of its places")

    # Requests.

    def work(self, count):
        for _ in range(count):
            if self.random.random() < 0.15:
                self.group()
            else:
                self.one()

    def path(self):
        depth = self.random.choice((1, 1, 2, 2, 3))
        return "".join("/" + self.random.choice(NAMES) for _ in range(depth))

    def content(self):
        sizes = (0, 10, 1000, 5000, 40_000, INLINE_MAX, INLINE_MAX + 1, 150_000)
        size = self.random.choices(sizes, (1, 8, 4, 3, 1, 1, 3, 2))[0]
        return pattern(size, self.random.randrange(1 << 40))

    def choose(self):
        what = self.random.choices(
            ("put", "make", "delete", "recursive", "move", "copy", "restore"), (9, 2, 3, 1, 2, 2, 2))[0]
        path = self.path()
        if what in ("delete", "move", "copy", "restore") and self.tree.files and self.random.random() < 0.7:
            path = self.random.choice(sorted(self.tree.files))
        if what == "put":
            return Request("put", path, self.content())
        if what == "recursive":
            return Request("delete", path, flag=True)
        if what in ("move", "copy"):
            return Request(what, path, target=self.path(), flag=self.random.random() < 0.5)
        return Request(what, path)

    def one(self):
        request = self.choose()
        after = self.tree.copy()
        try:
            expected = request.apply(after)
        except Unmodelled:
            return
        self.ask(request, expected)
        self.tree = after
        if self.random.random() < 0.2:
            self.check(request.path, [after.files.get(request.path)])

    def ask(self, request, expected):
        self.note(request)
        outcome = self.begin(request)
        if outcome is None:
            outcome = self.outcome(request.send_again(self.store))
        outcome = self.settled(outcome, expected, lambda: self.anew(request))
        if outcome != expected:
            raise Wrong(f"{request}: {outcome}, not {expected}")
        self.open.remove(request)

    def anew(self, request):
        self.open.remove(request)
        outcome = self.begin(request)
        return self.outcome(request.send_again(self.store)) if outcome is None else outcome

    def settled(self, outcome, expected, again):
        """That a directory has lost its last name reaches it a moment after that was answered
        (docs/ARCHITECTURE.md, Data): until then it stands in a file's way. The same request, a little later."""
        deadline = time.monotonic() + self.patience
        while outcome == IS_DIRECTORY and expected is None and time.monotonic() < deadline:
            time.sleep(0.01)
            outcome = again()
        return outcome

    def begin(self, request):
        """What comes before the commit of an upload; the code of its refusal."""
        request.is_committed = not request.is_upload
        self.open.append(request)
        if request.is_upload:
            try:
                self.store.begin_upload(request.operation, request.path.encode(), request.content)
            except Refused as refusal:
                return refusal.code
            request.is_committed = True
        return None

    def group(self):
        """Writes of several files at one time, which share commits."""
        requests, after = [], self.tree.copy()
        for name in self.random.sample(NAMES, self.random.randrange(2, 5)):
            request = Request("put", f"/{name}/{self.random.choice(NAMES)}", self.content())
            if not request.is_upload and request.apply(after) is None:
                requests.append(request)
        self.note(f"at one time: {', '.join(map(str, requests))}")
        for request in requests:
            self.begin(request)
        for request, number in [(request, request.send_again(self.store)) for request in requests]:
            outcome = self.outcome(number)
            if outcome is not None:
                raise Wrong(f"{request}: {outcome}")
            self.open.remove(request)
            request.apply(self.tree)

    def paths(self):
        return sorted(self.tree.files.keys() | {path for path in self.tree.kept if path not in self.tree.directories()})

    def last(self):
        """A life that is left alone: in the end everything is as the dictionary has it, on the disk as well."""
        self.note("the last life")
        self.store = BareStore(self.place, self.kind, self.phrase)
        self.store.start()
        self.recover()
        self.work(2)
        self.settle()
        self.end()


def run_seed(kind, is_sealed, seed, canary=None):
    """What is wrong with a seed, None where nothing is."""
    place = memory_place("clusterf-model-")
    run = Run(place, kind, PHRASE if is_sealed else None, seed, canary)
    try:
        run.run()
        return None
    except Exception as error:  # Whatever it is, the seed goes with it.
        text = str(error) if isinstance(error, Wrong) else traceback.format_exc()
        said = [line for name in os.listdir(place) if name.endswith(".log")
                for line in open(os.path.join(place, name), encoding="utf-8", errors="replace")
                if line.startswith(("error", "warning", "critical"))]
        sealed_word = " CLUSTERF_SEALED=yes" if is_sealed else ""
        return (f"{text}\nagain by: CLUSTERF_SEED={seed} CLUSTERF_KIND={kind}{sealed_word} "
                f"python3 Tests/Processes/run.py test_model\n  " + "\n  ".join(run.trace[-30:] + said[-5:]))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run_seeds(kind, is_sealed, seeds, canary=None):
    """What is wrong with the seeds, up to some of them."""
    wrong = []
    context = multiprocessing.get_context("forkserver")
    with concurrent.futures.ProcessPoolExecutor(AT_ONCE, mp_context=context) as pool:
        waiting = [pool.submit(run_seed, kind, is_sealed, seed, canary) for seed in seeds for _ in range(REPEAT)]
        for future in concurrent.futures.as_completed(waiting):
            text = future.result()
            if text:
                wrong.append(text)
                if not canary:
                    print(text, flush=True)
            if len(wrong) >= (1 if canary else 3):
                pool.shutdown(cancel_futures=True)
                break
    return wrong


class ModelCase:
    kind = None
    is_sealed = False

    def setUp(self):
        if SEED is not None and KIND is not None and KIND != self.kind:
            self.skipTest("another kind was asked for")
        if SEED is not None and (os.environ.get("CLUSTERF_SEALED") == "yes") != self.is_sealed:
            self.skipTest("another seed was asked for")

    def test_a_store_is_its_reference_through_deaths(self):
        count = SEALED_SEEDS if self.is_sealed else SEEDS[self.kind]
        seeds = range(count * (LONG_FACTOR if LONG else 1)) if SEED is None else [int(SEED)]
        self.assertEqual(run_seeds(self.kind, self.is_sealed, seeds), [])


class PlainCase(ModelCase):
    # Syncs of files with this in their path do nothing in the canary.
    removed = None

    def test_canary_a_missing_sync_is_found_out(self):
        """The same without these syncs must fail the same judgement, or the judge sees nothing."""
        if SEED is not None:
            self.skipTest("another seed was asked for")
        self.assertNotEqual(run_seeds(self.kind, False, range(CANARY_SEEDS), self.removed), [], self.removed)


class Rawfile(PlainCase, unittest.TestCase):
    kind = "rawfile"
    removed = "-wal"


class Extent(PlainCase, unittest.TestCase):
    kind = "extent"
    removed = "extent/segments"


class SQLite(PlainCase, unittest.TestCase):
    kind = "sqlite"
    removed = "sqlite/"


class Bolt(PlainCase, unittest.TestCase):
    kind = "bolt"
    removed = "bolt/"


class SealedRawfile(ModelCase, unittest.TestCase):
    kind = "rawfile"
    is_sealed = True


class SealedExtent(ModelCase, unittest.TestCase):
    kind = "extent"
    is_sealed = True


class SealedSQLite(ModelCase, unittest.TestCase):
    kind = "sqlite"
    is_sealed = True


class SealedBolt(ModelCase, unittest.TestCase):
    kind = "bolt"
    is_sealed = True


if __name__ == "__main__":
    unittest.main()
