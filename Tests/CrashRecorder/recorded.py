"""Programs that the recorder's own test runs under it: `recorded.py NAME DIRECTORY`."""

import os
import random
import socket
import sqlite3
import sys
import threading


def acknowledge(text):
    os.write(1, (text + "\n").encode())


def write_file(path, data, sync=True):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for at in range(0, len(data), 1000):
        os.write(fd, data[at:at + 1000])
    if sync:
        os.fsync(fd)
    os.close(fd)


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def replace(directory):
    """Replaces one file again and again, as one should: new file, sync, rename, sync of the directory."""
    path = os.path.join(directory, "file")
    for version in range(6):
        data = (f"version {version} " * 300).encode()
        write_file(path + ".new", data)
        os.rename(path + ".new", path)
        sync_directory(directory)
        acknowledge(str(version))


def threads(directory):
    """Eight threads that each replace their own file."""
    def one(number):
        place = os.path.join(directory, f"t{number}")
        os.mkdir(place)
        sync_directory(directory)
        for version in range(4):
            write_file(os.path.join(place, "new"), (f"version {version} " * 300).encode())
            os.rename(os.path.join(place, "new"), os.path.join(place, "file"))
            sync_directory(place)

    started = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def handed_over(directory):
    """The file is opened by one process, written by another that got its descriptor, synced by the first."""
    ours, theirs = socket.socketpair()
    path = os.path.join(directory, "file")
    child = os.fork()
    if child == 0:
        os.chdir("/")
        _, fds, _, _ = socket.recv_fds(theirs, 10, 1)
        for number in range(10):
            os.write(fds[0], b"%d" % number * 1000)
        os._exit(0)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    socket.send_fds(ours, [b"x"], [fd])
    os.waitpid(child, 0)
    os.fsync(fd)
    sync_directory(directory)
    acknowledge("whole")


def everything(directory):
    """Every call that the recorder stands in for, in a random order by the seed of the environment."""
    rng = random.Random(int(os.environ.get("SEED", "1")))
    os.chdir(directory)
    names = [f"{letter}{number}" for letter in "ab" for number in range(4)]
    for place in ("d1", "d2"):
        os.mkdir(place)
    outside = os.open("/proc/self/exe", os.O_RDONLY)
    for _ in range(300):
        path = os.path.join(rng.choice([".", "d1", "./d2", directory + "/d1/../d2"]), rng.choice(names))
        other = os.path.join(rng.choice(["d1", "d2", ""]), rng.choice(names))
        action = rng.randrange(14)
        try:
            if action < 4:
                flags = rng.choice([0, os.O_TRUNC, os.O_APPEND, os.O_EXCL])
                fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
                os.write(fd, rng.randbytes(rng.randrange(3000)))
                os.pwrite(fd, rng.randbytes(100), rng.randrange(5000))
                os.writev(fd, [rng.randbytes(10), b"", rng.randbytes(20)])
                os.pwritev(fd, [rng.randbytes(10), rng.randbytes(5)], rng.randrange(100))
                if rng.random() < 0.5:
                    os.ftruncate(fd, rng.randrange(4000))
                    os.posix_fallocate(fd, 0, rng.randrange(1, 6000))
                    os.sendfile(fd, outside, rng.randrange(1000), 500)
                    os.copy_file_range(outside, fd, 300, rng.randrange(1000), rng.randrange(1000))
                rng.choice([os.fsync, os.fdatasync, os.close, os.close])(fd)
            elif action < 6:
                os.rename(path, other)
            elif action < 8:
                os.link(path, other)
            elif action < 10:
                os.unlink(path)
            elif action == 10:
                os.truncate(path, rng.randrange(9000))
            elif action == 11:
                sync_directory(rng.choice([".", "d1", "d2"]))
            elif action == 12:
                place = os.path.join("d1", f"sub{rng.randrange(3)}")
                rng.choice([os.mkdir, os.rmdir])(place)
            else:
                os.utime(path, ns=(10**18, 10**18 + rng.randrange(10**9)))
        except OSError:
            continue


def database(directory):
    """Ten committed rows in SQLite as the store uses it."""
    connection = sqlite3.connect(os.path.join(directory, "store.db"), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, content BLOB)")
    sync_directory(directory)
    for number in range(10):
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, bytes([number]) * 5000))
        acknowledge(str(number))
        if number == 6:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def failing(directory):
    """Syncs until one fails, then syncs again and says what each gave."""
    path = os.path.join(directory, "file")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    sync_directory(directory)
    for number in range(4):
        os.write(fd, b"%d" % number * 100)
        try:
            os.fsync(fd)
            acknowledge(f"{number} synced")
        except OSError as error:
            acknowledge(f"{number} errno {error.errno}")


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2])
