"""Clients of WebDAV that others wrote: litmus, curl, cadaver, rclone, against the real node."""

import os
import random
import shutil
import subprocess
import unittest

from client import pattern
from dav_client import DAVClient
from harness import SharedNodeCase, eventually, remove_tree, temporary_directory
from test_cluster import ClusterCase

# Of litmus: all that it has.
SUITES = ["basic", "copymove", "props", "locks", "http"]


def need(case, program):
    if shutil.which(program) is None:
        case.skipTest(f"{program} is not installed (Debian package {program})")


class Run:
    """Runs a program in a directory of its own, and fails with what it said."""

    def in_directory(self):
        directory = temporary_directory()
        self.addCleanup(remove_tree, directory)
        return directory

    def ran(self, *command, directory=None, stdin=b"", seconds=240):
        environment = dict(os.environ, HOME=directory or self.in_directory())
        done = subprocess.run(
            command, cwd=directory or environment["HOME"], input=stdin, timeout=seconds, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = done.stdout.decode("utf-8", "replace")
        self.assertEqual(done.returncode, 0, f"{command}:\n{text[-4000:]}")
        return text


class Litmus(Run):
    """Every test of every suite passes, and litmus leaves none out."""

    def litmus(self, node, prefix):
        need(self, "litmus")
        directory = self.in_directory()
        environment = dict(os.environ, TESTS=" ".join(SUITES))
        done = subprocess.run(
            ["litmus", "-k", f"{node.url}{prefix}/"], cwd=directory, stdin=subprocess.DEVNULL, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        text = done.stdout.decode("utf-8", "replace")
        self.assertEqual(done.returncode, 0, text)
        for suite in SUITES:
            self.assertRegex(text, rf"<- summary for `{suite}': of \d+ tests run: \d+ passed, 0 failed\. 100\.0%")
        self.assertNotIn("FAIL", text)
        self.assertNotIn("SKIPPED", text)
        self.assertNotIn("WARNING", text)


class LitmusOnOneNode(Litmus, SharedNodeCase):
    def test_below_dav(self):
        self.litmus(self.shared, "/dav")

    def test_at_the_root(self):
        self.litmus(self.shared, "")


class LitmusThroughASecondNode(Litmus, ClusterCase):
    def test_below_dav_and_at_the_root(self):
        nodes = self.founded(2)
        for prefix in ("/dav", ""):
            with self.subTest(prefix=prefix):
                self.litmus(nodes[1], prefix)


class Clients(Run, SharedNodeCase):
    def setUp(self):
        super().setUp()
        self.dav = DAVClient(self.shared.port, "/dav")
        self.addCleanup(self.dav.close)
        self.url = f"{self.shared.url}/dav"

    def collection(self, name):
        self.assertEqual(self.dav.dav("MKCOL", name).status, 201)
        return self.url + name

    def test_curl_uploads(self):
        need(self, "curl")
        directory = self.in_directory()
        url = self.collection("/curl")
        data = pattern(3_000_000, 1)
        with open(os.path.join(directory, "a file"), "wb") as file:
            file.write(data)
        self.ran("curl", "-sS", "--fail", "-T", "a file", f"{url}/", directory=directory)
        self.ran("curl", "-sS", "--fail", "-T", "-", f"{url}/from-a-pipe", stdin=data)
        for name in ("/curl/a file", "/curl/from-a-pipe"):
            self.assertEqual(self.dav.dav("GET", name).body, data)
        # A part of a file goes on where it ended.
        with open(os.path.join(directory, "part"), "wb") as file:
            file.write(data[:1000])
        self.ran("curl", "-sS", "--fail", "-C", "-", "-o", "part", f"{url}/from-a-pipe", directory=directory)
        with open(os.path.join(directory, "part"), "rb") as file:
            self.assertEqual(file.read(), data)

    def test_cadaver_works_through_a_script(self):
        need(self, "cadaver")
        directory = self.in_directory()
        self.collection("/cadaver")
        with open(os.path.join(directory, "one"), "wb") as file:
            file.write(b"the content of one")
        script = "\n".join((
            "mkcol sub", "put one", "put one sub/two", "copy one three", "move three sub/four", "cd sub", "ls",
            "get four", "delete two", "cd ..", "mkcol empty", "rmcol empty", "quit", ""))
        text = self.ran("cadaver", f"{self.url}/cadaver/", directory=directory, stdin=script.encode())
        self.assertNotIn("failed", text)
        self.assertRegex(text, r"four +18 ")
        with open(os.path.join(directory, "four"), "rb") as file:
            self.assertEqual(file.read(), b"the content of one")
        eventually(20, lambda: self.dav.tree("/cadaver") == ["one", "sub/", "sub/four"], "what cadaver left")

    def tree(self, directory, count):
        """Files of many sizes in some directories, with names that mean something elsewhere, and times."""
        chance = random.Random(1)
        odd = [" blank ", "#hash", "?mark", "100%", "%41", "+plus", "&amp;", "<b>", "quote\"'", "back\\slash",
               "ümläut", "日本", "emoji 🐸", "-dash", ".dot", "semi;colon", "co:lon", "tilde~", "[b]", "{c}"]
        for number in range(count):
            name = f"{odd[number % len(odd)]}{number}"
            parts = [f"d{number % 7}", odd[number % 11]][:number % 3]
            place = os.path.join(directory, *parts)
            os.makedirs(place, exist_ok=True)
            path = os.path.join(place, name)
            size = chance.choice((0, 1, 100, 5000, 70_000)) if number % 50 else 300_000
            with open(path, "wb") as file:
                file.write(pattern(size, number))
            seconds = chance.randrange(1, 1_700_000_000)
            os.utime(path, (seconds, seconds))

    def test_rclone_syncs_up_and_down(self):
        need(self, "rclone")
        directory = self.in_directory()
        here, back = os.path.join(directory, "here"), os.path.join(directory, "back")
        self.tree(here, 2000)
        self.collection("/rclone")
        # This vendor's servers take the time of a file with it.
        remote = f":webdav,vendor=owncloud,url=\"{self.url}/rclone\":"
        flags = ("--config", os.path.join(directory, "none"), "--retries", "1", "--low-level-retries", "1")
        self.ran("rclone", "sync", here, remote, *flags, directory=directory)
        self.ran("rclone", "check", "--download", here, remote, *flags, directory=directory)
        text = self.ran("rclone", "sync", here, remote, "-v", "--stats-log-level", "NOTICE", *flags, directory=directory)
        self.assertIn("There was nothing to transfer", text)
        self.ran("rclone", "sync", remote, back, *flags, directory=directory)
        self.ran("diff", "-r", here, back, directory=directory)
        for root, _, names in os.walk(here):
            for name in names:
                path = os.path.join(root, name)
                copy = os.path.join(back, os.path.relpath(path, here))
                self.assertEqual(int(os.stat(copy).st_mtime), int(os.stat(path).st_mtime), path)
        shutil.rmtree(os.path.join(here, "d1"))
        self.ran("rclone", "sync", here, remote, *flags, directory=directory)
        self.ran("rclone", "check", "--download", here, remote, *flags, directory=directory)


if __name__ == "__main__":
    unittest.main()
