"""What really lies on a node's disk, seen from outside: its database read-only, and its object files."""

import contextlib
import os
import sqlite3

from client import quoted, sha256


def held(node):
    """The files whose newest version this disk has with its content: path → checksum. A record whose content
    is missing or quarantined is no copy."""
    return {path: digest for path, (digest, _) in held_with_partition(node).items()}


def held_with_partition(node):
    """As `held`, path → (checksum, number of the partition)."""
    place = os.path.join(node.directory, "meta", "store.db")
    copies = {}
    with contextlib.closing(sqlite3.connect(f"file:{quoted(place)}?mode=ro", uri=True, timeout=10)) as database:
        database.execute("BEGIN")
        records = database.execute("SELECT path, digest, object, partition FROM records").fetchall()
        # Durable, and not written out or renamed yet.
        elsewhere = {row[0] for row in database.execute("SELECT object FROM content")}
        elsewhere |= {row[0] for row in database.execute("SELECT object FROM staged")}
        lacking = {row[0] for row in database.execute("SELECT object FROM objects WHERE state <> 0")}
    for path, digest, name, partition in records:
        if name in lacking:
            continue
        if name in elsewhere or os.path.exists(object_path(node, name)):
            copies[path.decode()] = (digest.hex(), partition)
    return copies


def object_path(node, name):
    """The file of an object."""
    text = name.hex()
    return os.path.join(node.directory, "objects", text[:2], text)


def object_bytes(node):
    """Bytes of all objects, and of uploads and contents under way, on a node's disk; and their number."""
    total, count = 0, 0
    for folder in ("objects", "staging"):
        for directory, _, names in os.walk(os.path.join(node.directory, folder)):
            for name in names:
                try:
                    total += os.stat(os.path.join(directory, name)).st_size
                    count += 1
                except OSError:
                    continue  # It went meanwhile.
    return total, count


def copies(nodes):
    """path → the list of (node id, checksum) of all disks."""
    found = {}
    for node in nodes:
        for path, digest in held(node).items():
            found.setdefault(path, []).append((node.node_id, digest))
    return found


def objects_of(node):
    """path → the name of its object, of the files that are known on a node's disk."""
    place = os.path.join(node.directory, "meta", "store.db")
    with contextlib.closing(sqlite3.connect(f"file:{quoted(place)}?mode=ro", uri=True, timeout=10)) as database:
        return {path.decode(): name.hex() for path, name in database.execute("SELECT path, object FROM records")}


def contents(nodes):
    """The checksums of all that lies on the disks, whatever names it: of versions that lost a conflict as well."""
    found = set()
    for node in nodes:
        place = os.path.join(node.directory, "meta", "store.db")
        with contextlib.closing(sqlite3.connect(f"file:{quoted(place)}?mode=ro", uri=True, timeout=10)) as database:
            found |= {sha256(row[0]) for row in database.execute("SELECT bytes FROM content")}
        for directory, _, names in os.walk(os.path.join(node.directory, "objects")):
            for name in names:
                try:
                    with open(os.path.join(directory, name), "rb") as file:
                        found.add(sha256(file.read()))
                except FileNotFoundError:
                    continue  # It went meanwhile.
    return found


def read_bytes(pid):
    """Bytes that a process has read, sockets included."""
    with open(f"/proc/{pid}/io", "r", encoding="ascii") as file:
        for line in file:
            if line.startswith("rchar:"):
                return int(line.split()[1])
    raise OSError("no rchar in /proc/PID/io")
