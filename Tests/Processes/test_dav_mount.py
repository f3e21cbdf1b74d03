"""WebDAV as a file system: davfs2 over the real node, with locks on. What is done in the mount is done in a directory
of this machine too, and must come to the same, in the mount, through HTTP and in another mount."""

import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
import unittest

from client import pattern, sha256
from dav_client import DAVClient, multistatus, propfind_body
from harness import SharedNodeCase, descendants, eventually, remove_tree, suite_of, temporary_directory, warn

# A daemon that has not done a test's work by then hangs: it is ended, so that whatever waits for it fails.
HANGS_AFTER_SECONDS = 150
UNMOUNTS_SECONDS = 60

# No user, no password, nothing that asks for them; what is closed is uploaded at once; what others did is seen soon.
# The buffer (KiB) is larger than what a newer kernel asks of a directory at once: davfs2 refuses what does not fit.
SETTINGS = """
ask_auth 0
buf_size 256
use_locks 1
lock_owner the-tests
use_expect100 1
delay_upload 0
dir_refresh 1
file_refresh 0
secrets {directory}/secrets
cache_dir {directory}/cache
"""

NAMES = [" blank ", "#hash", "100%", "%41", "+plus", "&amp;", "quote'", "ümläut", "日本", "semi;colon", "co:lon", "[b]",
         ".dot"]


def obstacle():
    if shutil.which("mount.davfs") is None:
        return "davfs2 is not installed (Debian package davfs2)"
    return "" if os.geteuid() == 0 else "only root mounts"


class Mount:
    """One mount of an address, with settings, cache and mount point in a directory of its own."""

    def __init__(self, url):
        self.directory = temporary_directory()
        self.point = os.path.join(self.directory, "mount")
        cache = os.path.join(self.directory, "cache")
        for path in (self.point, cache):
            os.mkdir(path)
        # The daemon gives up root's rights, and wants its cache to be its group's.
        os.chown(cache, 0, pwd.getpwnam("davfs2").pw_gid)
        os.chmod(cache, 0o770)
        os.chmod(self.directory, 0o755)
        settings = os.path.join(self.directory, "settings")
        for path, text in ((settings, SETTINGS.format(directory=self.directory)),
                           (os.path.join(self.directory, "secrets"), "")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o600)
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run(
            ["mount.davfs", url, self.point, "-o", f"conf={settings}"], stdin=subprocess.DEVNULL, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(environment, HOME=self.directory))
        self.said = done.stdout.decode("utf-8", "replace")
        self.pid = next((process.pid for process in descendants(os.getpid()) if self.is_ours(process)), None)
        if done.returncode != 0 or self.pid is None:
            self.end()
            raise AssertionError(f"mount.davfs ended with {done.returncode}:\n{self.said}")
        self.watch = threading.Timer(HANGS_AFTER_SECONDS, self.kill)
        self.watch.daemon = True
        self.watch.start()

    def is_ours(self, process):
        """Whether a process is the daemon of this mount; whoever started it has ended, so it is ours to wait for."""
        if process.name != "mount.davfs":
            return False
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            return self.point.encode() in file.read().split(b"\0")

    def kill(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def unmount(self):
        """Takes the mount away and waits until the daemon has uploaded what is left and is gone: as umount.davfs does,
        which cannot see it from here, since to it an ended child of ours lives until we look."""
        subprocess.run(["umount", "-i", self.point], check=True, stdin=subprocess.DEVNULL, timeout=UNMOUNTS_SECONDS)
        code = self.waited(UNMOUNTS_SECONDS)
        if code != 0:
            raise AssertionError(f"the daemon ended with {code}")

    def waited(self, seconds):
        """The daemon's exit code; None where it still runs."""
        deadline = time.monotonic() + seconds
        while self.pid is not None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.pid = None
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                return None
            time.sleep(0.02)
        return None

    def end(self):
        """Whatever happened: no mount, no daemon, no directory."""
        if getattr(self, "watch", None) is not None:
            self.watch.cancel()
        if os.path.ismount(self.point):
            subprocess.run(["umount", "-i", "-l", self.point], stdin=subprocess.DEVNULL, timeout=UNMOUNTS_SECONDS)
        self.kill()
        self.waited(UNMOUNTS_SECONDS)
        if os.path.ismount(self.point):
            raise AssertionError(f"{self.point} is still mounted")
        remove_tree(self.directory)


class Davfs2(SharedNodeCase):
    counter = 0

    def setUp(self):
        if obstacle():
            self.skipTest(obstacle())
        super().setUp()
        self.dav = DAVClient(self.shared.port, "/dav", timeout=60)
        self.addCleanup(self.dav.close)
        Davfs2.counter += 1
        self.place = f"/mount{Davfs2.counter}"
        self.assertEqual(self.dav.dav("MKCOL", self.place).status, 201)
        self.here = temporary_directory()
        self.addCleanup(remove_tree, self.here)

    def mounted(self):
        mount = Mount(f"{self.shared.url}/dav/")
        self.addCleanup(mount.end)
        return mount

    def below(self, mount):
        return mount.point + self.place

    def ran(self, script, directory):
        """Runs shell commands in a directory."""
        done = subprocess.run(
            ["sh", "-eu", "-c", script], cwd=directory, stdin=subprocess.DEVNULL, timeout=HANGS_AFTER_SECONDS,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, f"{script}\nin {directory}:\n{done.stdout.decode('utf-8', 'replace')}")

    def both(self, mount, script):
        """The same in a directory of this machine and in the mount."""
        for directory in (self.here, self.below(mount)):
            self.ran(script, directory)

    def is_the_same_in(self, mount):
        """Soon: davfs2 remembers listings for as long as it is told to."""
        def same():
            done = subprocess.run(
                ["diff", "-r", self.here, self.below(mount)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=HANGS_AFTER_SECONDS)
            self.assertEqual(done.stdout.decode("utf-8", "replace"), "")
            return done.returncode == 0
        eventually(20, same, "the same in the mount")

    def is_the_same_through_http(self):
        """Names and contents, by a way that has nothing of davfs2; and nothing is locked."""
        expected = {}
        for root, directories, names in os.walk(self.here):
            inner = os.path.relpath(root, self.here)
            for name in directories:
                expected[os.path.normpath(os.path.join(inner, name)) + "/"] = None
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    expected[os.path.normpath(os.path.join(inner, name))] = sha256(file.read())
        # The name of a directory that was deleted leaves the listing of the one above a moment later.
        eventually(20, lambda: self.dav.tree(self.place) == sorted(expected), f"{sorted(expected)}")
        for name, digest in expected.items():
            if digest is not None:
                self.assertEqual(sha256(self.dav.dav("GET", f"{self.place}/{name}").body), digest, name)
        answer = self.dav.propfind(self.place, "infinity", propfind_body("lockdiscovery"))
        for resource in multistatus(answer).values():
            self.assertEqual(resource.properties["lockdiscovery"].findall("{DAV:}activelock"), [], resource.href)

    def is_the_same(self, mount):
        """In the mount, through HTTP when that is gone, and in another mount."""
        self.is_the_same_in(mount)
        self.assertEqual(os.listdir(os.path.join(mount.point, "lost+found")), [], "files that could not be uploaded")
        mount.unmount()
        self.is_the_same_through_http()
        self.is_the_same_in(self.mounted())

    def file(self, name, data):
        """A file on this machine, outside of what is compared: for `cp`."""
        directory = temporary_directory()
        self.addCleanup(remove_tree, directory)
        path = os.path.join(directory, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def tree(self):
        """A tree of files with odd names and many sizes, for `cp -r`."""
        directory = temporary_directory()
        self.addCleanup(remove_tree, directory)
        for number, name in enumerate(NAMES * 3):
            place = os.path.join(directory, "tree", *[f"d{number % 3}", NAMES[number % 5]][:number // len(NAMES)])
            os.makedirs(place, exist_ok=True)
            with open(os.path.join(place, f"{name}{number}"), "wb") as file:
                file.write(pattern((0, 1, 4096, 70_001)[number % 4], number))
        return os.path.join(directory, "tree")

    def test_trees_are_copied_moved_and_deleted(self):
        mount = self.mounted()
        self.both(mount, f"cp -r '{self.tree()}' one; cp -r one two; mkdir empty")
        self.is_the_same_in(mount)
        self.both(mount, "mv two three; mv three/d1 .; mv d1/%4116 renamed; mv renamed one; mv one/renamed 'one/#hash1'")
        self.is_the_same_in(mount)
        self.both(mount, "rm -r one/d2; rm 'three/[b]11'; rm -r three; mkdir -p three/four; rmdir empty")
        self.is_the_same(mount)

    def test_files_are_edited_in_place(self):
        mount = self.mounted()
        self.both(mount, f"cp '{self.file('f', pattern(200_000))}' f; seq 1 5000 > lines")
        self.both(mount, "echo appended >> f; echo 5001 >> lines")
        self.both(mount, "printf middle | dd of=f bs=1 seek=100000 conv=notrunc")
        self.both(mount, "sed -i 's/^49\\(..\\)$/line \\1/' lines; sed -i 1d lines")
        self.both(mount, "cp f shorter; truncate -s 100001 shorter; cp f longer; truncate -s 300000 longer; : > empty")
        self.both(mount, "cp f over; cp lines over; cp f gone; rm gone")
        self.is_the_same(mount)

    def test_large_files_come_whole_both_ways(self):
        mount = self.mounted()
        for size in ((1 << 20) - 1, 1 << 20, (1 << 20) + 1, 12_345_678):
            self.both(mount, f"cp '{self.file('f', pattern(size, size))}' {size}")
        self.both(mount, "mv 1048576 moved; cp 12345678 again; printf xyz | dd of=again bs=1 seek=7000000 conv=notrunc")
        self.is_the_same(mount)

    def test_what_is_open_is_locked_for_others_and_what_others_write_is_seen(self):
        mount = self.mounted()
        path = self.place + "/f"
        self.both(mount, "echo one > f")
        # A shell that has the file open until we say so.
        holder = subprocess.Popen(
            ["sh", "-c", "exec 3>> f; echo two >&3; echo open; read line"], cwd=self.below(mount),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline(), b"open\n")
        self.assertEqual(self.dav.dav("PUT", path, b"other").status, 423)
        holder.stdin.close()
        self.assertEqual(holder.wait(60), 1)
        eventually(60, lambda: self.dav.dav("PUT", path, b"from elsewhere\n").status == 204, "a file that is free")
        self.assertEqual(self.dav.dav("PUT", self.place + "/new", b"new\n").status, 201)
        self.ran("echo from elsewhere > f; echo new > new", self.here)
        self.is_the_same(mount)


def load_tests(loader, tests, _):
    # A kernel without FUSE mounts nothing, whoever asks.
    if os.path.exists("/dev/fuse"):
        return tests
    warn("davfs2 is not tried: this machine has no /dev/fuse")
    return suite_of(loader, [], [])


if __name__ == "__main__":
    unittest.main()
