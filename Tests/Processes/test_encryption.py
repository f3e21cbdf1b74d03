"""Encryption at rest: nothing that was written is found below the data directory, what was written comes back through
deaths and restarts, and no other key opens it."""

import os
import shutil
import unittest

from client import pattern
from harness import Node, NodeCase, eventually, remove_tree, temporary_directory
from test_cluster import ClusterCase, discovery_port

KIB = 1024
PHRASE = "correct horse battery staple"
WORDS = b"these words are found wherever they are in the clear"


def wordy(count, seed=0):
    """Content that has the words everywhere."""
    piece = WORDS + b" %d " % seed
    return (piece * (count // len(piece) + 1))[:count]


def leaks(directory, words):
    """Files below the directory that hold one of the words, in their content or their names."""
    found = []
    for place, folders, names in os.walk(directory):
        for name in folders + names:
            path = os.path.join(place, name)
            if any(word in os.fsencode(name) for word in words):
                found.append(path)
            if name in names and os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = file.read()
                found += [path for word in words if word in content]
    return found


class EncryptedCase(NodeCase):
    def setUp(self):
        super().setUp()
        self.folder = temporary_directory()
        self.addCleanup(remove_tree, self.folder)

    def key(self, text=PHRASE, name="key"):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
        return path

    def encrypted(self, **options):
        return self.node(args=["--encryption-key-file", self.key()], **options)


class Contents(EncryptedCase):
    FILES = [
        ("/hidden-name.txt", WORDS), ("/hidden-folder/empty", b""), ("/edge", wordy(64 * KIB)),
        ("/hidden-folder/more", wordy(64 * KIB + 1)), ("/chunks", wordy(256 * KIB)), ("/large", wordy(5_000_000)),
    ]

    def check(self, node, files):
        with node.client() as client:
            for path, content in files:
                answer = client.get("/api/files" + path)
                self.assertEqual(answer.status, 200, path)
                self.assertEqual(answer.body, content, path)

    def test_nothing_is_in_the_clear_and_everything_comes_back(self):
        node = self.encrypted()
        with node.client() as client:
            for path, content in self.FILES:
                answer = client.put("/api/files" + path, content)
                self.assertEqual(answer.status, 201, answer)
            self.assertTrue(client.get("/status").json["storage"]["encrypted"])
        words = [WORDS[:24], WORDS[10:40], b"hidden-name", b"hidden-folder", b"text/plain"]
        self.assertEqual(leaks(node.directory, words), [])
        self.check(node, self.FILES)
        for name in ("store", "gateway"):
            pid = node.pid(name)
            node.kill_worker(name)
            node.wait_replaced(name, pid)
            self.check(node, self.FILES)
        self.assertEqual(leaks(node.directory, words), [])
        node.stop()
        self.assertEqual(leaks(node.directory, words), [])
        # The phrase is neither on the disk nor in what the node says.
        self.assertEqual(leaks(node.directory, [PHRASE.encode()]), [])
        self.assertNotIn(PHRASE, "\n".join(node.log))
        node.start()
        self.check(node, self.FILES)

    def test_ranges_of_large_files(self):
        node = self.encrypted()
        content = pattern(3_500_000, "ranges")
        with node.client() as client:
            self.assertEqual(client.put("/api/files/f", content).status, 201)
            for first, last in [
                (0, 0), (0, 99), (65_535, 65_536), (65_536, 131_071), (1_000_000, 2_600_000), (3_499_999, 3_499_999),
                (3_400_000, 3_499_999),
            ]:
                answer = client.get("/api/files/f", Range=f"bytes={first}-{last}")
                self.assertEqual(answer.status, 206)
                self.assertEqual(answer.body, content[first:last + 1], (first, last))
            answer = client.get("/api/files/f", Range="bytes=-70000")
            self.assertEqual(answer.body, content[-70000:])

    def test_the_key_reaches_the_store_alone(self):
        node = self.node(env={"CLUSTERF_ENCRYPTION_KEY": PHRASE})
        secrets = [PHRASE.encode(), PHRASE.encode().hex().encode()]
        for process in node.processes():
            if process.pid == node.process.pid:
                continue
            for name in ("environ", "cmdline"):
                with open(f"/proc/{process.pid}/{name}", "rb") as file:
                    content = file.read()
                for secret in secrets:
                    self.assertNotIn(secret, content, (process, name))

    def test_an_upload_survives_a_death_of_the_store(self):
        node = self.encrypted()
        content = wordy(40_000_000)
        half = len(content) // 2

        def pieces():
            yield content[:half]
            pid = node.pid("store")
            node.kill_worker("store")
            node.wait_replaced("store", pid)
            yield content[half:]

        with node.client(timeout=60) as client:
            self.assertEqual(client.put_chunked("/api/files/f", pieces()).status, 201)
            self.assertEqual(leaks(node.directory, [WORDS[:24]]), [])
            self.assertEqual(client.get("/api/files/f").body, content)


class Keys(EncryptedCase):
    def refused(self, node, *args):
        """What the log of a node says whose store does not start with these arguments, and which ends for that."""
        other = Node(data_dir=node.data_dir, args=list(args))
        self.addCleanup(other.destroy)
        other.spawn()
        self.assertEqual(other.process.wait(30), 125)
        other.join_log()
        log = "\n".join(other.log)
        self.assertIn("store: failed for good (exit code 125)", log)
        return log

    def test_no_other_key_opens_a_directory(self):
        node = self.encrypted()
        with node.client() as client:
            self.assertEqual(client.put("/api/files/f", b"content").status, 201)
        node.stop()
        self.assertIn(
            "the encryption key is wrong for this data directory",
            self.refused(node, "--encryption-key-file", self.key("another phrase", "other")))
        self.assertIn("is encrypted, and no encryption key was given", self.refused(node))
        node.start()
        with node.client() as client:
            self.assertEqual(client.get("/api/files/f").body, b"content")
        # The same phrase by the command line, which everybody sees: that is said.
        node.stop()
        again = Node(data_dir=node.data_dir, args=["--encryption-key", PHRASE])
        self.addCleanup(again.destroy)
        again.start()
        with again.client() as client:
            self.assertEqual(client.get("/api/files/f").body, b"content")
            warnings = client.get("/status").json["warnings"]
        self.assertTrue([text for text in warnings if "--encryption-key-file does not" in text], warnings)

    def test_a_running_node_says_that_its_store_has_the_wrong_key(self):
        node = self.encrypted()
        other = Node(args=["--encryption-key-file", self.key("another phrase", "other")])
        self.addCleanup(other.remove)
        self.addCleanup(other.destroy)
        other.start()
        other.stop()
        shutil.copy(os.path.join(other.directory, "KEY"), os.path.join(node.directory, "KEY"))
        node.kill_worker("store")
        eventually(30, lambda: node.workers()["store"]["state"] == "failed", "the store's state")
        self.assertIn("store failed for good: see its log", node.control("status").stdout.decode())
        self.assertIn(
            "the encryption key is wrong for this data directory", node.control("logs", "store").stdout.decode())

    def test_another_key_for_a_stopped_node(self):
        node = self.encrypted()
        content = wordy(300_000)
        with node.client() as client:
            self.assertEqual(client.put("/api/files/small", WORDS).status, 201)
            self.assertEqual(client.put("/api/files/large", content).status, 201)
        new = self.key("another phrase", "new")
        words = ["rekey", "--encryption-key-file", self.key(), "--new-encryption-key-file", new]
        self.assertIn(b"runs", node.control(*words, check=False).stderr)
        node.stop()
        self.assertIn(b"2 objects, 2 sealed anew", node.control(*words).stdout)
        self.assertIn(b"is under the new key", node.control(*words).stdout)
        self.assertIn("the encryption key is wrong", self.refused(node, "--encryption-key-file", self.key()))
        again = Node(data_dir=node.data_dir, args=["--encryption-key-file", new])
        self.addCleanup(again.destroy)
        again.start()
        with again.client() as client:
            self.assertEqual(client.get("/api/files/small").body, WORDS)
            self.assertEqual(client.get("/api/files/large").body, content)
        again.stop()
        self.assertEqual(leaks(node.directory, [WORDS[:24], b"another phrase"]), [])
        done = node.control("convert", "--to", "sqlite", "--encryption-key-file", new)
        self.assertIn(b"2 objects", done.stdout)
        again.start()
        with again.client() as client:
            self.assertEqual(client.get("/api/files/large").body, content)
        self.assertEqual(leaks(node.directory, [WORDS[:24]]), [])

    def test_a_key_for_a_plain_directory_is_refused(self):
        node = self.node()
        node.stop()
        self.assertIn(
            "is not encrypted and cannot become so", self.refused(node, "--encryption-key-file", self.key()))
        node.start()

    def test_a_damaged_database_ends_the_store_and_says_so(self):
        node = self.encrypted()
        with node.client() as client:
            for number in range(50):
                client.put(f"/api/files/f{number}", pattern(1000, number))
        node.stop()
        path = os.path.join(node.directory, "meta", "store.db")
        with open(path, "r+b") as file:
            size = os.path.getsize(path)
            for page in range(size // 4096):
                file.seek(page * 4096 + 2000)
                byte = file.read(1)
                file.seek(page * 4096 + 2000)
                file.write(bytes([byte[0] ^ 1]))
        node.spawn()
        eventually(
            30, lambda: "the database is damaged or was changed from outside" in "\n".join(node.log), "the message")


class Cluster(ClusterCase):
    def test_encrypted_and_plain_nodes_share_their_files(self):
        folder = temporary_directory()
        self.addCleanup(remove_tree, folder)
        path = os.path.join(folder, "key")
        with open(path, "w", encoding="ascii") as file:
            file.write(PHRASE)
        os.chmod(path, 0o600)
        self.discovery = discovery_port()
        encrypted = ["--encryption-key-file", path]
        nodes = [self.member(1, encrypted), self.member(2, encrypted), self.member(3)]
        self.wait_whole(nodes)
        self.put(nodes[0], "/first", b"first")
        self.wait_settled(nodes)
        files = [("/small", WORDS), ("/large", wordy(3_000_000)), ("/chunks", wordy(640 * KIB))]
        for number, (name, content) in enumerate(files):
            with nodes[number].client(timeout=60) as client:
                self.assertIn(client.put("/api/files" + name, content).status, (200, 201))
        for node in nodes:
            with node.client(timeout=60) as client:
                for name, content in files:
                    self.assertEqual(client.get("/api/files" + name).body, content, (node.node_id, name))
        for node in nodes[:2]:
            self.assertEqual(leaks(node.directory, [WORDS[:24]]), [])


if __name__ == "__main__":
    unittest.main()
