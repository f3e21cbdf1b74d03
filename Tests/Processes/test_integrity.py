"""Disks that lose or change what was stored: found, said, served to nobody, and fetched from another node."""

import http.client
import os
import unittest

from client import pattern, sha256
from harness import NodeCase, eventually
from test_cluster import ClusterCase

KINDS = ("rawfile", "extent", "sqlite", "bolt")
LARGE = pattern(3_000_000, "large")
SMALL = pattern(5_000, "small")


def adopted(node):
    return os.listdir(os.path.join(node.directory, "staging")) == []


def files_of(node):
    for folder in ("objects", "extent", "sqlite", "bolt"):
        for path, _, names in os.walk(os.path.join(node.directory, folder)):
            for name in names:
                yield os.path.join(path, name)


def flip(node, data):
    """Changes a byte of what is stored where `data` lies on the node's disk, and leaves the times."""
    for path in files_of(node):
        with open(path, "rb") as file:
            place = file.read().find(data)
        if place < 0:
            continue
        status = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(bytes([data[0] ^ 0x40]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return True
    return False


def settled(node, *contents):
    """All of it is in its place."""
    def there():
        if not adopted(node):
            return False
        left = list(contents)
        for path in files_of(node):
            with open(path, "rb") as file:
                stored = file.read()
            left = [data for data in left if stored.find(data) < 0]
        return not left
    eventually(30, there, "the contents' places", interval=0.3)


class Checks:
    def check(self, client, query=""):
        answer = client.post("/api/integrity-check?wait=1" + query)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["status"], "completed")
        return answer.json

    def refused(self, node, path):
        """Nothing of the file is given out as the file."""
        with node.client(timeout=60) as client:
            try:
                answer = client.get("/api/files" + path)
            except (http.client.IncompleteRead, ConnectionError):
                return True
            return answer.status in (500, 503)


class Alone(Checks, NodeCase):
    def test_a_check_of_a_good_disk(self):
        node = self.node()
        with node.client(timeout=60) as client:
            client.put("/api/files/a/large", LARGE)
            client.put("/api/files/a/small", SMALL)
            begun = client.post("/api/integrity-check")
            self.assertEqual(begun.status, 202)
            done = client.get(f"/api/integrity-check/{begun.json['id']}?wait=1").json
            self.assertEqual((done["status"], done["id"]), ("completed", begun.json["id"]))
            self.assertEqual(
                (done["total_files"], done["verified"], done["corrupted"], done["corrupted_files"]), (2, 2, 0, []))
            self.assertEqual(done["bytes_verified"], len(LARGE) + len(SMALL))
            self.assertEqual(client.get("/api/integrity-check/17").status, 404)
        self.assertIn("2 of 2 files verified", node.control("scrub").stdout.decode())
        node.stop()

    def test_a_check_goes_on_after_the_stores_death(self):
        node = self.node()
        with node.client(timeout=60) as client:
            for number in range(40):
                client.put(f"/api/files/many/{number}", pattern(400_000, number))
            begun = client.post("/api/integrity-check").json
            old = node.kill_worker("store")
            node.wait_replaced("store", old)
            done = client.get(f"/api/integrity-check/{begun['id']}?wait=1").json
            self.assertEqual(
                (done["status"], done["total_files"], done["verified"]), ("completed", 40, 40), done)
        node.stop()

    def test_a_file_that_was_edited_while_an_earlier_life_ran_is_not_served(self):
        node = self.node()
        with node.client(timeout=60) as client:
            client.put("/api/files/a/film", LARGE)
            settled(node, LARGE[:1000])
            with open(os.path.join(node.view, "a", "film"), "r+b") as file:
                file.seek(1000)
                file.write(b"edited by hand")
            old = node.kill_worker("store")
            node.wait_replaced("store", old)
            # A part of it, which nobody compares with anything.
            part = client.get("/api/files/a/film", Range="bytes=0-9")
            self.assertEqual(part.status, 500, part)
        node.stop()

    def test_a_file_that_was_edited_in_the_view_is_not_served(self):
        node = self.node()
        with node.client(timeout=60) as client:
            client.put("/api/files/a/film", LARGE)
            client.put("/api/files/a/note", SMALL)
            settled(node, LARGE[:1000], SMALL[:1000])
            shown = os.path.join(node.view, "a", "film")
            with open(shown, "r+b") as file:
                file.seek(1000)
                file.write(b"edited by hand")
            # A part of it, too.
            part = client.get("/api/files/a/film", Range="bytes=0-9")
            self.assertEqual(part.status, 500, part)
            self.assertIn("no good copy", part.text)
            # In the first moment of the next life, too.
            old = node.kill_worker("store")
            part = client.get("/api/files/a/film", Range="bytes=0-9")
            self.assertEqual(part.status, 500, part)
            node.wait_replaced("store", old)
            self.assertEqual(client.get("/api/files/a/note").body, SMALL)
            found = self.check(client)
            self.assertEqual((found["quarantined"], found["verified"]), (1, 1))
            # What was made of it is kept.
            folder = os.path.join(node.directory, "quarantine")
            names = os.listdir(folder)
            self.assertEqual(len(names), 1)
            with open(os.path.join(folder, names[0]), "rb") as file:
                self.assertEqual(file.read(), LARGE[:1000] + b"edited by hand" + LARGE[1014:])
            self.assertNotEqual(node.control("scrub", check=False).returncode, 0)
            self.assertTrue([text for text in client.get("/status").json["warnings"] if "no good copy" in text])
            client.put("/api/files/a/film", LARGE)
            self.assertEqual(client.get("/api/files/a/film").body, LARGE)
            # Answered when it is prepared: a moment later it is all that there is.
            eventually(20, lambda: self.check(client)["quarantined"] == 0, "a good disk", interval=0.2)
            self.assertEqual(client.get("/status").json["warnings"], [])
        node.stop()


class Kind(Checks):
    """What holds for each of the kinds below."""

    kind = None

    def test_a_whole_download_of_changed_bytes_is_cut_off(self):
        node = self.node(args=["--storage-major", self.kind])
        with node.client(timeout=60) as client:
            client.put("/api/files/film", LARGE)
            client.put("/api/files/note", SMALL)
            settled(node, LARGE[-1000:-900], SMALL[1000:1100])
            self.assertTrue(flip(node, LARGE[-1000:-900]))
            self.assertTrue(self.refused(node, "/film"))
            # From then on it is known.
            eventually(20, lambda: client.head("/api/files/film").status != 200
                       or client.get("/api/files/film", Range="bytes=0-9").status == 500, "the mark")
            self.assertEqual(client.get("/api/files/note").body, SMALL)
            found = self.check(client)
            self.assertEqual((found["quarantined"], found["verified"]), (1, 1), found)
        node.stop()


def kind_case(kind):
    return type(kind.capitalize(), (Kind, NodeCase), {"kind": kind, "__module__": __name__})


Extent = kind_case("extent")
Sqlite = kind_case("sqlite")
Bolt = kind_case("bolt")
Rawfile = kind_case("rawfile")


class Cluster(Checks, ClusterCase):
    def holding(self, nodes, data):
        return [node for node in nodes if any(
            open(path, "rb").read().find(data) >= 0 for path in files_of(node))]

    def test_damaged_copies_come_back_from_the_others(self):
        nodes = self.cluster(3)
        paths = [f"/photos/{number}" for number in range(6)]
        data = {path: pattern(200_000 if index % 2 else 4_000, path) for index, path in enumerate(paths)}
        with nodes[0].client(timeout=60) as client:
            for path, content in data.items():
                self.assertEqual(client.put("/api/files" + path, content).status, 201)
        eventually(30, lambda: all(len(self.holding(nodes, content[:500])) == 3 for content in data.values()),
                   "three copies of each", interval=0.5)
        victim = nodes[1]
        for path in paths[:4]:
            self.assertTrue(flip(victim, data[path][100:600]), path)
        with victim.client(timeout=60) as client:
            found = self.check(client)
            self.assertEqual(sorted(found["corrupted_files"]), paths[:4], found)
            self.assertEqual((found["corrupted"], found["repaired"], found["quarantined"]), (4, 4, 0), found)
            self.assertEqual(len(os.listdir(os.path.join(victim.directory, "quarantine"))), 4)
            again = self.check(client)
            self.assertEqual((again["total_files"], again["verified"], again["corrupted"]), (6, 6, 0), again)
        for node in nodes:
            with node.client(timeout=60) as client:
                for path in paths:
                    self.assertEqual(sha256(client.get("/api/files" + path).body), sha256(data[path]))
        for node in nodes:
            node.stop()

    def test_a_check_of_the_cluster_says_all_of_it(self):
        nodes = self.cluster(3)
        with nodes[0].client(timeout=60) as client:
            for number in range(5):
                self.assertEqual(client.put(f"/api/files/f/{number}", pattern(4_000, number)).status, 201)
        eventually(30, lambda: len(self.holding(nodes, pattern(4_000, 3)[:500])) == 3, "three copies", interval=0.5)
        self.assertTrue(flip(nodes[2], pattern(4_000, 3)[100:600]))
        with nodes[0].client(timeout=60) as client:
            found = self.check(client, "&scope=cluster")
            self.assertEqual(found["corrupted_files"], ["/f/3"], found)
            self.assertEqual((found["total_files"], found["repaired"], found["quarantined"]), (15, 1, 0), found)
            self.assertEqual(
                {node["node_id"]: node["corrupted"] for node in found["nodes"]},
                {nodes[0].node_id: 0, nodes[1].node_id: 0, nodes[2].node_id: 1})
        for node in nodes:
            node.stop()

    def test_who_gave_a_damaged_copy_learns_of_it(self):
        nodes = self.cluster(3)
        # Small ones lie in memory for a while, and are given from there.
        data = pattern(300_000, "given")
        with nodes[0].client(timeout=60) as client:
            # Nobody looks by himself.
            nodes[0].control("set", "scrub_mib_per_second", "0")
            self.assertEqual(client.put("/api/files/given", data).status, 201)
        eventually(30, lambda: len(self.holding(nodes, data[:500])) == 3, "three copies", interval=0.5)
        giver, taker, good = nodes
        self.assertTrue(flip(giver, data[100:600]))
        self.assertTrue(flip(taker, data[100:600]))
        # There is the damaged copy alone to be asked for.
        good.kill()
        with taker.client(timeout=60) as client:
            client.post("/api/integrity-check")
        apart = os.path.join(giver.directory, "quarantine")
        eventually(60, lambda: len(os.listdir(apart)) == 1, "the giver's own look at what it gave", interval=0.5)
        good.start()
        eventually(90, lambda: len(self.holding(nodes, data[:5000])) == 3, "three good copies", interval=0.5)
        for node in nodes:
            with node.client(timeout=60) as client:
                self.assertEqual(sha256(client.get("/api/files/given").body), sha256(data))
        for node in nodes:
            node.stop()

    def test_a_reader_gets_the_good_copy(self):
        nodes = self.cluster(3)
        with nodes[0].client(timeout=60) as client:
            client.put("/api/files/film", LARGE)
        eventually(30, lambda: len(self.holding(nodes, LARGE[:500])) == 3, "three copies", interval=0.5)
        victim = nodes[2]
        self.assertTrue(flip(victim, LARGE[100:600]))
        with victim.client(timeout=60) as client:
            self.assertEqual(sha256(client.get("/api/files/film").body), sha256(LARGE))
            # And it is here again.
            eventually(60, lambda: victim in self.holding([victim], LARGE[:5000]), "the copy", interval=0.5)
        for node in nodes:
            node.stop()


if __name__ == "__main__":
    unittest.main()
