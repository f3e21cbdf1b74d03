"""Whether a store, and the directory that it leaves, are as a dictionary has it (reference.py)."""

import contextlib
import ctypes
import os
import sqlite3
import time

# A prepared version is due for settling after 2 s, and its entry follows in the next round.
SETTLE_SECONDS = 20


class Wrong(Exception):
    """A broken promise."""


def eventually(predicate, seconds):
    """What `predicate` returns as soon as it is empty, or at last."""
    deadline, pause = time.monotonic() + seconds, 0.002
    while True:
        found = predicate()
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


class Judge:
    """One directory, the life that runs on it, and the tree that it must show."""

    def __init__(self, place, kind, phrase, tree):
        self.place = place
        self.kind = kind
        self.phrase = phrase
        self.tree = tree
        self.store = None
        # Names may have survived out of their order: the view cannot show then what is in the way.
        self.is_disordered = False
        self.patience = SETTLE_SECONDS

    def check(self, path, allowed):
        """Reads a path, which must have one of these contents (None: no file)."""
        found = self.store.read(path.encode())
        if found is False:
            found = None
        if found not in allowed:
            what = "nothing" if found is None else f"other content of {len(found)} bytes"
            raise Wrong(f"{what} is at {path}, not {[None if item is None else len(item) for item in allowed]}")
        return found

    def finish_moves(self, request, before, after):
        """A move that was cut between its two steps is finished by the store itself: what is at both places
        for a moment is at its destination alone, without anybody asking again. Where the same content was there
        before, only asking again tells whether it was moved."""
        if request.what != "move":
            return
        for path in sorted(before.files.keys() - after.files.keys()):
            content, target = before.files[path], request.target + path[len(request.path):]

            def is_at_both():
                return all(self.store.read(place.encode()) == content for place in (path, target))

            if not is_at_both():
                continue
            if before.files.get(target) == content:
                self.store.answer(request.send_again(self.store))
            elif eventually(is_at_both, self.patience):
                raise Wrong(f"{path} is at both of its places for good")

    def settle(self):
        """Everything that can be asked for is as it must be, at once or a little later."""
        wrong = eventually(lambda: self.listed_wrong("/"), self.patience)
        if wrong:
            raise Wrong(f"listings: {wrong}")
        wrong = eventually(self.counted_wrong, self.patience)
        if wrong:
            raise Wrong(wrong)

    def end(self):
        """Ends the life in order, and looks at what it leaves."""
        # What nobody claims goes after 10 s, or when it is given up.
        left = [bytes.fromhex(name) for name in os.listdir(os.path.join(self.place, "staging")) if len(name) == 32]
        if left:
            self.store.abort(*left)
        code, self.store = self.store.drain(), None
        if code != 0:
            raise Wrong(f"the end in order was {code}")
        self.check_disk()

    def listed_wrong(self, directory):
        expected = {name.encode(): is_directory for name, is_directory in self.tree.names(directory).items()}
        found = self.store.list(directory.encode())
        if (found or {}) != expected or found is None and directory != "/":
            return f"{directory}: {found}, not {expected}"
        for name, is_directory in self.tree.names(directory).items():
            if is_directory:
                wrong = self.listed_wrong(("" if directory == "/" else directory) + "/" + name)
                if wrong:
                    return wrong
        return None

    def counted_wrong(self):
        files, size, warnings = self.store.status()
        expected = len(self.tree.files), sum(map(len, self.tree.files.values()))
        if (files, size) != expected:
            return f"counted are {files, size}, not {expected}"
        return f"{warnings}" if warnings and not self.is_disordered else None

    def check_disk(self):
        left = os.listdir(os.path.join(self.place, "staging"))
        if left:
            raise Wrong(f"left in staging: {left}")
        if self.phrase:
            return
        wrong = named(self.place) ^ stored(self.place, self.kind)
        if wrong:
            raise Wrong(f"{len(wrong)} objects are named and not there, or the reverse: {sorted(wrong)[:3]}")
        if self.kind == "rawfile":
            self.check_view()

    def check_view(self):
        view = os.path.join(self.place, "files")
        seen, expected = {}, {path[1:]: content for path, content in self.tree.files.items()}
        directories = {path[1:] for path in self.tree.directories()}
        found = set()
        for place, folders, names in os.walk(view):
            for name in folders:
                found.add(os.path.relpath(os.path.join(place, name), view))
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    seen[os.path.relpath(path, view)] = file.read()
        if (seen != expected or found != directories) and not self.is_disordered:
            different = {path for path in seen.keys() | expected.keys() if seen.get(path) != expected.get(path)}
            raise Wrong(f"the view differs at {sorted(different | found ^ directories)}")


def named(place):
    """Objects that the database has as there."""
    with contextlib.closing(sqlite3.connect(os.path.join(place, "meta", "store.db"))) as database:
        return {row[0].hex() for row in database.execute("SELECT object FROM objects WHERE state = 0")}


def stored(place, kind):
    """Objects that are there."""
    if kind == "rawfile":
        return {name for _, _, names in os.walk(os.path.join(place, "objects")) for name in names}
    if kind == "bolt":
        return bolt_items(place)
    file, query = {
        "extent": ("extent/index.db", "SELECT object FROM entries"),
        "sqlite": ("sqlite/content.db", "SELECT object FROM items WHERE complete"),
    }[kind]
    with contextlib.closing(sqlite3.connect(os.path.join(place, file))) as database:
        return {row[0].hex() for row in database.execute(query)}


def bolt_items(place):
    """Complete objects of LMDB's table `items`, with the library that the store has."""
    library = ctypes.CDLL("liblmdb.so.0")

    class Value(ctypes.Structure):
        _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_void_p)]

    def check(code):
        if code:
            raise OSError(f"LMDB: {code}")

    environment, transaction, cursor = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    table, key, value = ctypes.c_uint(), Value(), Value()
    check(library.mdb_env_create(ctypes.byref(environment)))
    check(library.mdb_env_set_maxdbs(environment, 8))
    check(library.mdb_env_set_mapsize(environment, ctypes.c_size_t(1 << 32)))
    no_subdirectory, read_only, first, next_ = 0x4000, 0x20000, 0, 8
    found = set()
    try:
        place = os.path.join(place, "bolt", "data.mdb").encode()
        check(library.mdb_env_open(environment, place, no_subdirectory | read_only, 0o600))
        check(library.mdb_txn_begin(environment, None, read_only, ctypes.byref(transaction)))
        check(library.mdb_dbi_open(transaction, b"items", 0, ctypes.byref(table)))
        check(library.mdb_cursor_open(transaction, table, ctypes.byref(cursor)))
        step = first
        while library.mdb_cursor_get(cursor, ctypes.byref(key), ctypes.byref(value), step) == 0:
            step = next_
            if ctypes.string_at(value.data, value.size)[-1]:
                found.add(ctypes.string_at(key.data, key.size).hex())
        library.mdb_cursor_close(cursor)
        library.mdb_txn_abort(transaction)
    finally:
        library.mdb_env_close(environment)
    return found
