"""Builds, from a recorder's log, the tree that a power cut would have left on the disk.

The model, stricter than ext4 or XFS wherever POSIX allows it:
- File content (and size, and modification time) is durable as of the last fsync or fdatasync of that file, by any
  descriptor of any process. Writes since then may be there or not, each by itself.
- A directory's entries are durable as of the last fsync of that directory. An fsync of a new file does *not* make
  its name durable. Changes of a directory since then survive in their order (a journal keeps it): a prefix of them.
- A rename is atomic: old and new name change together, when the directory of the new name was synced.
- syncfs and sync make everything durable. sync_file_range makes nothing durable.
- After a failed fsync what it should have written is lost, whatever a later fsync says (Linux marks it clean).

Variants of one cut:
  none      nothing that was not synced survives
  names     every change of names survives, content only as synced (new names on empty files)
  random    by a seed: of each file any of the writes, torn at 512 bytes; of each directory any prefix of the changes
  all       everything survives: the tree as the processes saw it (what kill -9 leaves)
"""

import hashlib
import os
import random
import struct
import sys

ENTRY = struct.Struct("<IIQQqQIHH")
ENTRY_MAGIC = 0x4F504552
STATE = struct.Struct("<IIQQ")
KINDS = {
    1: "create", 2: "write", 3: "truncate", 4: "sync", 5: "sync all", 6: "rename", 7: "link", 8: "unlink",
    9: "mkdir", 10: "rmdir", 11: "time", 12: "sync failed", 13: "nothing", 14: "extend", 15: "unknown",
}
VARIANTS = ("none", "names", "random", "all")
RENAME_EXCHANGE = 2


class ReplayError(Exception):
    """A log that the model cannot follow: an operation that the recorder does not know, or one that it missed."""


class Operation:
    """One entry of the log."""

    def __init__(self, number, kind, file, offset, process, path, second, data):
        self.number = number
        self.kind = kind
        self.file = file
        self.offset = offset
        self.process = process
        self.path = path
        self.second = second
        self.data = data

    def __str__(self):
        second = f" -> {self.second}" if self.second else ""
        length = f" {len(self.data)} bytes" if self.data else ""
        return f"{self.number:6} {self.process:8} {self.kind:12} {self.path or '#%d' % self.file}{second} @{self.offset}{length}"


def read_log(path):
    """The operations of a log, in order. An entry that was being written when its process ended is not one."""
    with open(path, "rb") as file:
        text = file.read()
    operations, at = [], 0
    while at + ENTRY.size <= len(text):
        magic, kind, number, inode, offset, length, process, first, second = ENTRY.unpack_from(text, at)
        if magic != ENTRY_MAGIC:
            raise ReplayError(f"no entry at byte {at} of the log")
        at += ENTRY.size
        if at + first + second + length > len(text):
            break
        name = os.fsdecode(text[at:at + first])
        other = os.fsdecode(text[at + first:at + first + second])
        at += first + second
        operations.append(
            Operation(number, KINDS[kind], inode, offset, process, name, other, text[at:at + length]))
        at += length
    return operations


def read_state(path):
    """What the recorder's shared memory says: (stopped, operations so far, syncs so far)."""
    try:
        with open(path + ".state", "rb") as file:
            text = file.read(STATE.size)
    except FileNotFoundError:
        return False, 0, 0
    if len(text) < STATE.size:
        return False, 0, 0
    _, stopped, count, syncs = STATE.unpack(text)
    return bool(stopped), count, syncs


class Content:
    """Bytes and modification time of a file, as one of the two sides (disk or memory) has them. Behind `bytes`, up to
    `size`, it has zeros: space that was reserved is not held here."""

    def __init__(self):
        self.bytes = bytearray()
        self.size = 0
        self.time = None

    def copied(self):
        other = Content()
        other.bytes = bytearray(self.bytes)
        other.size = self.size
        other.time = self.time
        return other

    def apply(self, kind, offset, data):
        if kind == "write":
            if len(self.bytes) < offset:
                self.bytes.extend(bytes(offset - len(self.bytes)))
            self.bytes[offset:offset + len(data)] = data
            self.size = max(self.size, len(self.bytes))
        elif kind == "truncate":
            del self.bytes[offset:]
            self.size = offset
        elif kind == "extend":
            self.size = max(self.size, offset)
        elif kind == "time":
            self.time = offset

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.bytes)
            file.truncate(self.size)
        if self.time is not None:
            os.utime(path, ns=(self.time, self.time))


class File:
    """A file: what is on the disk, and the changes that are not there for certain."""

    # How many there were, which numbers them.
    made = 0

    def __init__(self):
        self.disk = Content()
        self.pending = []
        # The fingerprint of what is durable, where it is known.
        self.durable = None
        File.made += 1
        self.number = File.made

    def change(self, kind, offset, data=b""):
        self.pending.append((kind, offset, data))

    def synced(self):
        for change in self.pending:
            self.disk.apply(*change)
        if self.pending:
            self.durable = None
        self.pending = []

    def sync_failed(self):
        self.pending = []

    def fingerprint(self, variant, rng):
        """Which file it is, and its surviving content."""
        if variant in ("none", "names"):
            # Most files are as they were at the last cut.
            if self.durable is None:
                self.durable = self.digest(self.disk)
            return self.durable
        return self.digest(self.surviving(variant, rng))

    def digest(self, content):
        head = b"%d %d " % (self.number, content.size)
        return hashlib.sha256(head + bytes(content.bytes)).digest()

    def surviving(self, variant, rng):
        content = self.disk.copied()
        if variant == "all":
            for change in self.pending:
                content.apply(*change)
        elif variant == "random":
            for kind, offset, data in self.pending:
                chance = rng.random()
                if kind == "write" and chance < 0.2:
                    data = data[:rng.randrange(0, len(data) + 511) // 512 * 512]
                if chance < 0.6:
                    content.apply(kind, offset, data)
        return content


class Change:
    """One change of names: what is taken away and what is set, in one or two directories, as one."""

    def __init__(self, takes=(), sets=()):
        self.takes = list(takes)
        self.sets = list(sets)

    @property
    def decider(self):
        """The directory whose sync makes it durable."""
        return (self.sets or self.takes)[-1][0]

    def apply(self, table):
        for directory, name, thing in self.takes:
            if table(directory).get(name) is thing:
                del table(directory)[name]
        for directory, name, thing in self.sets:
            table(directory)[name] = thing


class Directory:
    """A directory: its names on the disk and in memory, and the changes between them."""

    def __init__(self):
        self.disk = {}
        self.memory = {}
        self.pending = []

    def synced(self):
        for change in self.pending:
            change.apply(lambda directory: directory.disk)
        self.pending = []


class Tree:
    """The recorded directory, replayed."""

    def __init__(self, ignored=("run",)):
        self.root = Directory()
        self.files = {}
        self.directories = [self.root]
        self.every_file = []
        # Written by processes that are not recorded.
        self.ignored = ignored

    @classmethod
    def of(cls, place):
        """A directory as it lies on the disk, all of it durable: what a recording begins with."""
        tree = cls()

        def load(directory, path):
            for entry in os.scandir(path):
                if entry.is_dir(follow_symlinks=False):
                    thing = Directory()
                    tree.directories.append(thing)
                    load(thing, entry.path)
                else:
                    thing = tree.loaded(entry)
                directory.disk[entry.name] = directory.memory[entry.name] = thing

        load(tree.root, place)
        return tree

    def loaded(self, entry):
        status = entry.stat(follow_symlinks=False)
        if status.st_ino not in self.files:
            file = File()
            file.disk.size, file.disk.time = status.st_size, status.st_mtime_ns
            # What is reserved and was never written takes no memory here.
            if status.st_blocks or status.st_size < 1 << 20:
                with open(entry.path, "rb") as opened:
                    file.disk.bytes = bytearray(opened.read().rstrip(b"\0"))
            self.files[status.st_ino] = file
            self.every_file.append(file)
        return self.files[status.st_ino]

    def find(self, path):
        """The thing at a path, None when there is none."""
        thing = self.root
        for name in [part for part in path.split("/") if part]:
            if not isinstance(thing, Directory) or name not in thing.memory:
                return None
            thing = thing.memory[name]
        return thing

    def place(self, path):
        """(directory, name) of a path whose directory must exist."""
        parent, _, name = path.rpartition("/")
        directory = self.find(parent)
        if not isinstance(directory, Directory):
            raise ReplayError(f"the directory of {path} was never made")
        return directory, name

    def change(self, takes=(), sets=()):
        change = Change(takes, sets)
        change.apply(lambda directory: directory.memory)
        change.decider.pending.append(change)

    def file_of(self, operation):
        if operation.file not in self.files:
            raise ReplayError(f"a file that was never created: {operation}")
        return self.files[operation.file]

    def replay(self, operation):
        if operation.path.split("/")[0] in self.ignored and operation.path:
            return
        handler = getattr(self, "do_" + operation.kind.replace(" ", "_"))
        handler(operation)

    def do_create(self, operation):
        file = File()
        self.files[operation.file] = file
        self.every_file.append(file)
        if operation.path:
            directory, name = self.place(operation.path)
            self.change(sets=[(directory, name, file)])

    def do_write(self, operation):
        self.file_of(operation).change("write", operation.offset, operation.data)

    def do_truncate(self, operation):
        self.file_of(operation).change("truncate", operation.offset)

    def do_extend(self, operation):
        self.file_of(operation).change("extend", operation.offset)

    def do_time(self, operation):
        if operation.file in self.files:
            self.files[operation.file].change("time", operation.offset)

    def synced_thing(self, operation):
        if operation.file:
            return self.file_of(operation)
        directory = self.find(operation.path)
        if not isinstance(directory, Directory):
            raise ReplayError(f"a directory that was never made: {operation}")
        return directory

    def do_sync(self, operation):
        self.synced_thing(operation).synced()

    def do_sync_failed(self, operation):
        thing = self.synced_thing(operation)
        if isinstance(thing, File):
            thing.sync_failed()

    def do_sync_all(self, _):
        for thing in self.directories + self.every_file:
            thing.synced()

    def do_rename(self, operation):
        source, old = self.place(operation.path)
        target, new = self.place(operation.second)
        if old not in source.memory:
            raise ReplayError(f"nothing to rename: {operation}")
        thing = source.memory[old]
        if operation.offset & RENAME_EXCHANGE:
            self.change(sets=[(source, old, target.memory[new]), (target, new, thing)])
        elif target.memory.get(new) is not thing:
            # Two names of one file: rename does nothing.
            self.change(takes=[(source, old, thing)], sets=[(target, new, thing)])

    def do_link(self, operation):
        directory, name = self.place(operation.path)
        self.change(sets=[(directory, name, self.file_of(operation))])

    def do_unlink(self, operation):
        directory, name = self.place(operation.path)
        if name not in directory.memory:
            raise ReplayError(f"nothing to unlink: {operation}")
        self.change(takes=[(directory, name, directory.memory[name])])

    do_rmdir = do_unlink

    def do_mkdir(self, operation):
        directory, name = self.place(operation.path)
        made = Directory()
        self.directories.append(made)
        self.change(sets=[(directory, name, made)])

    def do_nothing(self, _):
        pass

    def do_unknown(self, operation):
        raise ReplayError(f"the model does not know what this does: {operation}")

    def survivors(self, variant, rng):
        """The names of every directory after the cut."""
        tables = {id(directory): dict(directory.disk) for directory in self.directories}
        if variant == "all":
            return {id(directory): directory.memory for directory in self.directories}
        if variant in ("names", "random"):
            for directory in self.directories:
                count = len(directory.pending)
                if variant == "random":
                    count = rng.randint(0, count)
                for change in directory.pending[:count]:
                    change.apply(lambda at: tables[id(at)])
        return tables

    def fingerprint(self, variant, seed=0):
        """The same for two trees of which the same survives (times of files aside)."""
        rng = random.Random(seed)
        tables = self.survivors(variant, rng)
        digest = hashlib.sha256()

        def add(directory):
            for name, thing in sorted(tables[id(directory)].items()):
                digest.update(name.encode() + b"\0")
                if isinstance(thing, Directory):
                    add(thing)
                    digest.update(b"\1")
                else:
                    digest.update(thing.fingerprint(variant, rng))

        add(self.root)
        return digest.digest()

    def write(self, target, variant, seed=0):
        """Makes the surviving tree in the directory `target`."""
        rng = random.Random(seed)
        tables = self.survivors(variant, rng)
        written = {}

        def fill(directory, place):
            os.makedirs(place, exist_ok=True)
            for name, thing in sorted(tables[id(directory)].items()):
                path = os.path.join(place, name)
                if isinstance(thing, Directory):
                    fill(thing, path)
                elif name.endswith("-shm") or name == "lock.mdb":
                    continue  # Shared memory of SQLite and LMDB is made anew by the first that opens the database.
                elif id(thing) in written:
                    os.link(written[id(thing)], path)
                else:
                    written[id(thing)] = path
                    thing.surviving(variant, rng).write(path)

        fill(self.root, target)


def replayed(operations, before=None):
    """The tree after all operations with a number below `before`."""
    tree = Tree()
    for operation in operations:
        if before is not None and operation.number >= before:
            break
        tree.replay(operation)
    return tree


def materialise(log, target, variant="none", seed=0, before=None):
    """Makes in `target` what a power cut would have left; `before`: just before the operation of that number."""
    replayed(read_log(log), before).write(target, variant, seed)


def main():
    if len(sys.argv) == 2:
        for operation in read_log(sys.argv[1]):
            print(operation)
    elif len(sys.argv) in (4, 5) and sys.argv[3] in VARIANTS:
        materialise(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) == 5 else 0)
    else:
        sys.exit(f"usage: {sys.argv[0]} LOG [TARGET {'|'.join(VARIANTS)} [SEED]]")


if __name__ == "__main__":
    main()
