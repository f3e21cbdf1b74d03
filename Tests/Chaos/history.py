"""What clients asked and were told, with times of one clock."""

import json
import threading

# How an operation ended.
DONE = "done"        # It did what it says.
REFUSED = "refused"  # Its condition did not hold (412).
ABSENT = "absent"    # There is nothing (404).
UNKNOWN = "unknown"  # 503, a broken connection, a time-out: it may have happened, or may yet happen at any time.


class Op:
    """One operation of one client.

    kinds of a register: read, write and delete (unconditional), swap (If-Match: `expected`), create (If-None-Match)
    kinds of a set: add, remove, look (GET of one element), list
    `value`: what was written or read: a name for the content, None for no file. Of a list, the names in it.
    """

    FIELDS = ("client", "node", "kind", "key", "value", "expected", "begin", "end", "outcome", "notes")

    def __init__(
            self, client, node, kind, key, begin, value=None, expected=None, end=None, outcome=UNKNOWN, notes=None):
        self.client = client
        self.node = node
        self.kind = kind
        self.key = key
        self.value = value
        self.expected = expected
        self.begin = begin
        self.end = end
        self.outcome = outcome
        # What else the answer said: status, copies, version, listing, consistency.
        self.notes = notes or {}

    @property
    def is_known(self):
        return self.outcome != UNKNOWN

    def as_dict(self):
        return {name: getattr(self, name) for name in self.FIELDS}

    def line(self, origin=0.0):
        """For people: when, who, what, and what came of it."""
        end = "?" if self.end is None else f"{self.end - origin:.3f}"
        what = f"{self.kind} {self.key}"
        if self.kind == "swap":
            what += f" {self.expected} -> {self.value}"
        elif self.kind in ("write", "create", "add", "remove"):
            what += f" {self.value}"
        result = self.outcome
        if self.kind in ("read", "look") and self.outcome == DONE:
            result = f"= {self.value}"
        elif self.kind == "list" and self.outcome == DONE:
            result = f"= {len(self.value)} names"
        notes = " ".join(f"{name}={value}" for name, value in self.notes.items())
        return f"{self.begin - origin:9.3f} {end:>9} {self.client:8} {self.node:4} {what}: {result} {notes}".rstrip()


class History:
    """The operations of a run, in the order of their ends."""

    def __init__(self):
        self.ops = []
        self._lock = threading.Lock()

    def add(self, op):
        with self._lock:
            self.ops.append(op)

    def of_kinds(self, *kinds):
        return [op for op in self.ops if op.kind in kinds]

    def by_key(self, *kinds):
        keys = {}
        for op in sorted(self.of_kinds(*kinds), key=lambda op: op.begin):
            keys.setdefault(op.key, []).append(op)
        return keys

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            for op in self.ops:
                file.write(json.dumps(op.as_dict()) + "\n")

    @classmethod
    def load(cls, path):
        history = cls()
        with open(path, encoding="utf-8") as file:
            for line in file:
                history.add(Op(**json.loads(line)))
        return history


class Violation:
    """A broken promise, with the shortest part of the history that shows it."""

    def __init__(self, promise, text, ops=()):
        self.promise = promise
        self.text = text
        self.ops = list(ops)

    def __repr__(self):
        return self.report()

    def report(self, origin=0.0):
        lines = [f"{self.promise}: {self.text}"]
        lines += ["    " + op.line(origin) for op in sorted(self.ops, key=lambda op: op.begin)]
        return "\n".join(lines)
