"""Clients on all nodes that write, read, swap, create and delete files, and write down what they are told."""

import hashlib
import random
import threading
import time

from history import ABSENT, DONE, REFUSED, UNKNOWN, Op
from world import REQUEST_SECONDS

# Registers at a time; few, so that clients meet.
REGISTERS = 5
# After so many operations a register is left alone and another one begins: the search for an order stays short.
OPS_PER_REGISTER = 70
# Elements of a set; then another set begins.
ELEMENTS_PER_SET = 120
LARGE_BYTES = 90_000
# Of so many elements the copies are looked for on the disks.
COUNTED = 0.4
STATUSES = {200: DONE, 201: DONE, 204: DONE, 404: ABSENT, 412: REFUSED}


class Board:
    """What the clients of a run share: the names in use, and which content has which name."""

    def __init__(self, history, prefix=""):
        self.history = history
        self.prefix = prefix
        self.lock = threading.Lock()
        self.names = {}    # SHA-256 -> name of the content
        self.digests = {}  # and the other way round
        self.numbers = {"register": 0, "set": 0, "content": 0}
        self.registers = {}
        self.elements = []
        self.set_key = None
        self.counts = {}
        # Answers that are wrong by themselves.
        self.wrong = []
        while len(self.registers) < REGISTERS:
            self._new_register()
        self._new_set()

    def _new_register(self):
        self.numbers["register"] += 1
        self.registers[f"{self.prefix}r/{self.numbers['register']}"] = 0

    def _new_set(self):
        self.numbers["set"] += 1
        self.set_key = f"{self.prefix}s{self.numbers['set']}"
        self.elements = []

    def register(self, rng):
        """A register to do something with."""
        with self.lock:
            key = rng.choice(sorted(self.registers))
            self.registers[key] += 1
            if self.registers[key] >= OPS_PER_REGISTER:
                del self.registers[key]
                self._new_register()
            return key

    def content(self, rng):
        """A new content: (name, bytes)."""
        with self.lock:
            self.numbers["content"] += 1
            name = f"{self.prefix}v{self.numbers['content']}"
        data = (name + "\n").encode()
        if rng.random() < 0.08:
            data += hashlib.sha512(data).digest() * (LARGE_BYTES // 64)
        self.know(name, data)
        return name, data

    def know(self, name, data):
        digest = hashlib.sha256(data).hexdigest()
        with self.lock:
            self.names[digest] = name
            self.digests[name] = digest

    def element(self):
        """(set, name) of an element that nobody added yet."""
        with self.lock:
            if len(self.elements) >= ELEMENTS_PER_SET:
                self._new_set()
            self.numbers["content"] += 1
            return self.set_key, f"e{self.numbers['content']}"

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def problem(self, text):
        with self.lock:
            self.wrong.append(text)


class Worker:
    """One client of one node, one operation after the other."""

    def __init__(self, world, board, node, name, seed):
        self.world = world
        self.board = board
        self.node = node
        self.name = name
        self.rng = random.Random(seed)
        self.client = None
        self.seen = {}  # key -> the content seen there last

    # One request.

    def _answer(self, method, path, body=None, headers=None):
        """The answer; None where the request was not sent, False where nobody knows what became of it."""
        if self.client is None:
            self.client = self.node.client(timeout=REQUEST_SECONDS)
        if self.client.connection.sock is None:
            try:
                self.client.connection.connect()
            except OSError:
                self.client.close()
                return None
        try:
            return self.client.request(method, "/api/files/" + path, body=body, headers=headers)
        except OSError:
            return False

    def do(self, kind, key, method, path, value=None, expected=None, body=None, headers=None, notes=None):
        """Does it, and writes it down. Returns the operation; None where it was not sent."""
        op = Op(self.name, self.node.node_id, kind, key, time.monotonic(), value, expected, notes=dict(notes or {}))
        answer = self._answer(method, path, body, headers)
        end = time.monotonic()
        if answer is None:
            self.board.count("not sent")
            return None
        if answer:
            op.notes["status"] = answer.status
            op.outcome = STATUSES.get(answer.status, UNKNOWN)
            self._read_notes(op, answer)
            self._read_value(op, answer)
            if op.outcome == UNKNOWN and answer.status not in (503, 504):
                self.board.problem(f"{method} {path}: {answer.status} {answer.text[:200]}")
        if op.is_known:
            op.end = end
        self.board.count(f"{kind} {op.outcome}")
        self.board.history.add(op)
        return op

    @staticmethod
    def _read_notes(op, answer):
        for note, name in (("copies", "X-ClusterF-Copies"), ("version", "X-ClusterF-Version"),
                           ("listing", "X-ClusterF-Listing"), ("consistency", "X-ClusterF-Consistency")):
            if answer[name] is not None:
                op.notes[note] = int(answer[name]) if note == "copies" else answer[name]

    def _read_value(self, op, answer):
        """What a reading operation was told."""
        if op.outcome != DONE:
            return
        if op.kind == "list":
            listed = answer.json
            op.value = [entry["name"] for entry in listed["entries"]]
            if listed["next"]:
                self.board.problem(f"{op.key} is listed in pages")
        elif op.kind in ("read", "look"):
            digest = hashlib.sha256(answer.body).hexdigest()
            op.value = self.board.names.get(digest, f"unknown content {digest[:12]} of {len(answer.body)} bytes")
            if answer["ETag"] != f'"{digest}"':
                self.board.problem(f"{op.key}: a content with SHA-256 {digest} under the ETag {answer['ETag']}")

    # Operations.

    def read(self, key, notes=None):
        op = self.do("read", key, "GET", key, notes=notes)
        if op is not None and op.outcome in (DONE, ABSENT):
            self.seen[key] = op.value
        return op

    def write(self, key, notes=None):
        name, data = self.board.content(self.rng)
        return self.do("write", key, "PUT", key, name, body=data, notes=notes)

    def swap(self, key):
        expected = self.seen.get(key)
        if expected not in self.board.digests:
            return self.read(key)
        name, data = self.board.content(self.rng)
        tag = f'"{self.board.digests[expected]}"'
        op = self.do("swap", key, "PUT", key, name, expected, data, {"If-Match": tag})
        if op is not None and op.outcome == DONE:
            self.seen[key] = name
        return op

    def create(self, key):
        name, data = self.board.content(self.rng)
        return self.do("create", key, "PUT", key, name, body=data, headers={"If-None-Match": "*"})

    def delete(self, key):
        return self.do("delete", key, "DELETE", key)

    def add(self):
        key, name = self.board.element()
        data = f"{key}/{name}\n".encode()
        self.board.know(name, data)
        op = self.do("add", key, "PUT", f"{key}/{name}", name, body=data)
        if op is not None and op.outcome == DONE and self.rng.random() < COUNTED:
            # At once: nobody else writes this file, and its copies were there before the answer.
            op.notes["found"] = self.world.copies_of(f"/{key}/{name}", data)
        if op is not None:
            with self.board.lock:
                self.board.elements.append(op)
        return op

    def remove(self):
        """Takes an element away that surely was there; nobody adds it again."""
        with self.board.lock:
            known = [op for op in self.board.elements if op.outcome == DONE and not op.notes.get("taken")]
            if not known:
                return None
            chosen = self.rng.choice(known)
            # Two removals of one element would have to be told apart.
            chosen.notes["taken"] = True
        return self.do("remove", chosen.key, "DELETE", f"{chosen.key}/{chosen.value}", chosen.value)

    def look(self):
        with self.board.lock:
            if not self.board.elements:
                return None
            chosen = self.rng.choice(self.board.elements[-40:])
        return self.do("look", chosen.key, "GET", f"{chosen.key}/{chosen.value}", expected=chosen.value)

    def list(self, key=None, notes=None):
        key = key or self.board.set_key
        return self.do("list", key, "GET", f"{key}/?limit=10000", notes=notes)

    def step(self):
        """One operation, drawn."""
        draw = self.rng.random()
        if draw < 0.70:
            key = self.board.register(self.rng)
            kinds = ((0.36, self.read), (0.50, self.write), (0.62, self.swap), (0.66, self.create), (1, self.delete))
            return next(kind for limit, kind in kinds if draw < limit)(key)
        if draw < 0.83:
            return self.add()
        return next(kind for limit, kind in ((0.86, self.remove), (0.94, self.look), (1, self.list)) if draw < limit)()

    def close(self):
        if self.client is not None:
            self.client.close()


class Workload:
    """Clients of every node, at work until told to stop."""

    def __init__(self, world, board, per_node, seed):
        self.stopping = threading.Event()
        self.workers = [
            Worker(world, board, node, f"{node.node_id}.{number}", f"{seed} {node.node_id} {number}")
            for node in world.nodes for number in range(per_node)]
        self.threads = [threading.Thread(target=self._run, args=(worker,), daemon=True) for worker in self.workers]
        self.failure = None

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(REQUEST_SECONDS * 3)
            if thread.is_alive():
                raise AssertionError("a client does not come back from a request")
        if self.failure is not None:
            raise self.failure

    def _run(self, worker):
        try:
            while not self.stopping.is_set():
                op = worker.step()
                # The pace of a client, and patience with a node that does not answer.
                self.stopping.wait(worker.rng.random() * (0.06 if op is not None and op.is_known else 0.4))
        except Exception as error:  # noqa: BLE001: a client that ended for a reason of its own would test nothing
            self.failure = error
        finally:
            worker.close()
