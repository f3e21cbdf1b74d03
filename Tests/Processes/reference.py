"""What a store must look like: a dictionary, and what each request does to it."""

from bare_store import (
    COMMIT_UPLOAD, DELETE, INLINE_MAX, INVALID, IS_DIRECTORY, MAKE_DIRECTORY, NOT_DIRECTORY, NOT_EMPTY, NOT_FOUND,
    PRECONDITION, PUT, TRANSFER, make_operation, run_of)


class Unmodelled(Exception):
    """A request whose outcome depends on the order in which a tree is walked; it is not made."""


def parents(path):
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def within(path, directory):
    return path == directory or path.startswith(directory + "/")


class Tree:
    """Files with their contents, directories that somebody made, and the contents that can be restored."""

    def __init__(self):
        self.files = {}
        self.marks = set()
        # By path the contents before, the newest last; None: not known.
        self.kept = {}

    def copy(self):
        other = Tree()
        other.files, other.marks = dict(self.files), set(self.marks)
        other.kept = {path: list(kept) if kept is not None else None for path, kept in self.kept.items()}
        return other

    def is_directory(self, path):
        return path == "/" or path in self.marks or any(
            other.startswith(path + "/") for other in [*self.files, *self.marks])

    def names(self, directory):
        """name → whether it is a directory."""
        prefix = directory if directory == "/" else directory + "/"
        found = {}
        for path in [*self.files, *self.marks]:
            if path.startswith(prefix):
                name = path[len(prefix):].split("/")[0]
                found[name] = found.get(name, False) or path not in self.files or path != prefix + name
        return found

    def directories(self):
        """Every directory but the root."""
        found = set(self.marks)
        for path in [*self.files, *self.marks]:
            found.update(parents(path))
        return found

    def obstacle(self, path):
        """Why no file can be put at a path."""
        if self.is_directory(path):
            return IS_DIRECTORY
        return NOT_DIRECTORY if any(above in self.files for above in parents(path)) else None

    # Changes: the code of the refusal, None where it is done.

    def set(self, path, content):
        if path in self.files:
            self.keep(path, self.files[path])
        self.files[path] = content

    def keep(self, path, content):
        if self.kept.setdefault(path, []) is not None:
            self.kept[path].append(content)

    def put(self, path, content):
        refusal = self.obstacle(path)
        if refusal is None:
            self.set(path, content)
        return refusal

    def make(self, path):
        if any(place in self.files for place in [path, *parents(path)]):
            return NOT_DIRECTORY
        self.marks.add(path)
        return None

    def delete(self, path, recursive):
        if path in self.files:
            self.keep(path, self.files.pop(path))
            return None
        if not self.is_directory(path):
            return NOT_FOUND
        if not recursive:
            if self.names(path):
                return NOT_EMPTY
            self.marks.discard(path)
            return None
        for file in [file for file in self.files if within(file, path)]:
            self.keep(file, self.files.pop(file))
        self.marks = {mark for mark in self.marks if not within(mark, path)}
        return None

    def restore(self, path):
        kept = self.kept.get(path, [])
        if kept is None:
            raise Unmodelled
        if not kept:
            return NOT_FOUND
        refusal = self.obstacle(path)
        if refusal is None:
            self.set(path, kept[-1])
        return refusal

    def transfer(self, path, target, is_move, overwrites):
        if target == path or is_move and within(target, path):
            return INVALID
        if path in self.files:
            return self._transfer_file(path, target, is_move, overwrites)
        if within(path, target):
            return IS_DIRECTORY
        if not self.is_directory(path):
            return NOT_FOUND
        return self._transfer_tree(path, target, is_move, overwrites)

    def _transfer_file(self, path, target, is_move, overwrites):
        refusal = self.obstacle(target)
        if refusal is not None:
            return refusal
        if target in self.files and not overwrites:
            return PRECONDITION
        self.set(target, self.files[path])
        if is_move:
            del self.files[path]
            # What was at the path before stays restorable or not, as it may be.
            self.kept[path] = None
        return None

    def _transfer_tree(self, path, target, is_move, overwrites):
        if self.is_directory(target):
            if not overwrites:
                return PRECONDITION
            # Merged file by file: done here only where nothing can be in the way.
            if within(target, path) or any(self._collides(place, path, target) for place in self._below(path)):
                raise Unmodelled
        elif self.make(target) is not None:
            return NOT_DIRECTORY
        below, directories = self._below(path), [place for place in self.directories() if within(place, path)]
        for directory in directories:
            if not within(directory, target):
                self.marks.add(target + directory[len(path):])
        for file in below:
            if file in self.files and not within(file, target):
                self.set(target + file[len(path):], self.files[file])
        if is_move:
            for file in below:
                if file in self.files:
                    del self.files[file]
                    self.kept[file] = None
            self.marks = {mark for mark in self.marks if not within(mark, path)}
        return None

    def _below(self, path):
        return [place for place in [*self.files, *self.marks] if within(place, path)]

    def _collides(self, place, path, target):
        other = target + place[len(path):]
        if place in self.files:
            return self.is_directory(other) or any(above in self.files for above in parents(other))
        return any(above in self.files for above in [other, *parents(other)])


class Request:
    """One request: how it is sent, and what it does to a tree."""

    def __init__(self, what, path, content=None, target=None, flag=False):
        self.what = what
        self.path = path
        self.content = content
        self.target = target
        # Recursive, of a deletion; of a move or copy: what is at the target may be replaced.
        self.flag = flag
        self.operation = make_operation()

    def __str__(self):
        size = f" {len(self.content)} bytes" if self.content is not None else ""
        target = f" to {self.target}" if self.target else ""
        return f"{self.what} {self.path}{target}{size}{' !' if self.flag else ''}"

    @property
    def is_upload(self):
        return self.what == "put" and len(self.content) > INLINE_MAX

    def apply(self, tree):
        if self.what == "put":
            return tree.put(self.path, self.content)
        if self.what == "make":
            return tree.make(self.path)
        if self.what == "delete":
            return tree.delete(self.path, self.flag)
        if self.what == "restore":
            return tree.restore(self.path)
        return tree.transfer(self.path, self.target, self.what == "move", self.flag)

    def send(self, store):
        """Sends it and returns its number; an upload is written before."""
        path = self.path.encode()
        if self.is_upload:
            store.begin_upload(self.operation, path, self.content)
        return self.send_again(store)

    def send_again(self, store):
        """As a gateway does whose link ended before the answer came."""
        path = self.path.encode()
        if self.what == "put":
            write = store.write_payload(self.operation, path, self.content)
            if self.is_upload:
                return store.send(COMMIT_UPLOAD, write)
            return store.send(PUT, write + run_of(self.content))
        if self.what == "make":
            return store.send(MAKE_DIRECTORY, self.operation + run_of(path))
        if self.what == "delete":
            return store.send(DELETE, self.operation + run_of(path) + b"\0\0\0" + bytes([self.flag, 0]))
        payload = self.operation + run_of(path)
        if self.what == "restore":
            return store.send(TRANSFER, payload + b"\3\0")
        kind = b"\1" if self.what == "move" else b"\2"
        return store.send(TRANSFER, payload + kind + run_of(self.target.encode()) + bytes([self.flag, 0]))
