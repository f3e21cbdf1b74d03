"""Every kind of storage behind the same promises: contents of all sizes, ranges, kills, clusters, conversion."""

import os
import subprocess
import time
import unittest

from client import pattern, sha256
from harness import BIN, NodeCase, eventually
from load import Load
from test_cluster import ClusterCase

KINDS = ("rawfile", "extent", "sqlite", "bolt")
# The edges of rows, windows and segments of their own.
SIZES = (0, 1, 65_536, 65_537, 262_145, 1_048_577, 5_000_000, 12_000_000)
LONG = os.environ.get("CLUSTERF_LONG") == "yes"


def adopted(node):
    """No upload waits for its place."""
    return os.listdir(os.path.join(node.directory, "staging")) == []


class Kind:
    """What holds for each of the kinds below."""

    kind = None

    def storing(self, **options):
        return self.node(args=["--storage-major", self.kind], **options)

    def check_all(self, client, contents):
        for path, data in contents.items():
            got = client.get("/api/files" + path)
            self.assertEqual((got.status, len(got.body)), (200, len(data)), path)
            self.assertEqual(sha256(got.body), sha256(data), path)

    def check_ranges(self, client, path, data):
        size = len(data)
        for first, last in ((0, 0), (size - 5, size - 1), (65_530, 65_545), (262_140, 1_048_580), (1, size - 2)):
            part = client.get("/api/files" + path, Range=f"bytes={first}-{last}")
            self.assertEqual(part.status, 206, part)
            self.assertEqual(part["Content-Range"], f"bytes {first}-{last}/{size}")
            self.assertEqual(sha256(part.body), sha256(data[first:last + 1]), (first, last))
        several = client.get("/api/files" + path, Range=f"bytes=5-9,{size // 2}-{size // 2 + 700_000},-3")
        self.assertEqual(several.status, 206)
        for piece in (data[5:10], data[size // 2:size // 2 + 700_001], data[-3:]):
            self.assertIn(piece, several.body)

    def test_contents_of_all_sizes_and_their_ranges(self):
        node = self.storing()
        contents = {f"/sizes/{size}": pattern(size, size) for size in SIZES}
        with node.client(timeout=60) as client:
            for path, data in contents.items():
                answer = client.put("/api/files" + path, data)
                self.assertEqual((answer.status, answer.json["checksum"]), (201, sha256(data)))
            self.check_all(client, contents)
            eventually(30, lambda: adopted(node), "the uploads' places")
            self.check_all(client, contents)
            self.check_ranges(client, "/sizes/5000000", contents["/sizes/5000000"])
            self.check_ranges(client, "/sizes/12000000", contents["/sizes/12000000"])
            self.assertEqual(client.head("/api/files/sizes/12000000")["Content-Length"], "12000000")
            storage = client.get("/status").json["storage"]
            self.assertEqual((storage["major"], storage["minor"]), (self.kind, "1"))
            # Replaced and deleted.
            contents["/sizes/12000000"] = pattern(3_000_000, "new")
            client.put("/api/files/sizes/12000000", contents["/sizes/12000000"])
            del contents["/sizes/1048577"]
            self.assertEqual(client.delete("/api/files/sizes/1048577").status, 204)
            self.assertEqual(client.get("/api/files/sizes/1048577").status, 404)
            self.check_all(client, contents)
        node.stop()
        with open(os.path.join(node.directory, "FORMAT"), encoding="utf-8") as file:
            self.assertEqual(file.read(), f"clusterf 1 {self.kind} 1\n")
        node.start()
        with node.client(timeout=60) as client:
            self.check_all(client, contents)
            self.assertEqual(client.get("/status").json["warnings"], [])
        node.stop()

    def test_a_download_goes_on_over_a_stores_death(self):
        node = self.storing()
        data = pattern(30_000_000, 5)
        with node.client(timeout=60) as client:
            client.put("/api/files/film", data)
            eventually(30, lambda: adopted(node), "the upload's place")
            client.connection.request("GET", "/api/files/film")
            answer = client.connection.getresponse()
            body = bytearray(answer.read(1_000_000))
            for _ in range(3):
                old = node.kill_worker("store")
                body += answer.read(3_000_000)
                node.wait_replaced("store", old)
            body += answer.read()
        self.assertEqual((len(body), sha256(bytes(body))), (len(data), sha256(data)))
        node.stop()

    def test_a_replaced_file_is_read_to_its_end(self):
        node = self.storing()
        data = pattern(30_000_000, 6)
        with node.client(timeout=60) as client, node.client() as other:
            client.put("/api/files/film", data)
            eventually(30, lambda: adopted(node), "the upload's place")
            client.connection.request("GET", "/api/files/film")
            answer = client.connection.getresponse()
            body = bytearray(answer.read(1_000_000))
            self.assertEqual(other.put("/api/files/film", b"another").status, 200)
            # Until the housekeeper has seen to it.
            time.sleep(1)
            body += answer.read()
            self.assertEqual(other.get("/api/files/film").body, b"another")
        self.assertEqual(sha256(bytes(body)), sha256(data))
        node.stop()

    def test_kills_lose_nothing(self):
        node = self.storing()
        load = Load(node, 8, seed=7)

        def kills():
            for _ in range(20 if LONG else 4):
                node.kill_worker("store")
                eventually(20, lambda: node.workers()["store"]["state"] == "ready", "the store")
                load.wait_for(16)

        load.run_during(kills)
        for _ in range(2):
            load.verify()
            self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
            self.assertEqual(load.number("broken") + load.number("unavailable"), 0, load.counts)
            self.assertGreater(load.number("put"), 0)
            node.stop()
            node.start()
        node.stop()

    def test_another_kind_is_refused(self):
        node = self.storing()
        with node.client() as client:
            client.put("/api/files/f", b"1")
        node.stop()
        other = "bolt" if self.kind != "bolt" else "rawfile"
        options = list(node.args)
        for wrong, words in ((["--storage-major", other], ("clusterfctl convert", self.kind)),
                             (["--storage-minor", "99"], ("99", self.kind))):
            node.args = wrong
            node.spawn()
            self.assertNotEqual(node.process.wait(15), 0)
            node.join_log()
            for word in words:
                self.assertIn(word, node.tail())
        # The same, and nothing, are fine.
        for right in (options, ["--storage-major", self.kind, "--storage-minor", "1"], []):
            node.args = right
            node.start()
            with node.client() as client:
                self.assertEqual(client.get("/api/files/f").body, b"1")
            node.stop()


class Rawfile(Kind, NodeCase):
    kind = "rawfile"


class Extent(Kind, NodeCase):
    kind = "extent"


class SQLite(Kind, NodeCase):
    kind = "sqlite"


class Bolt(Kind, NodeCase):
    kind = "bolt"


class Cluster(ClusterCase):
    def test_nodes_of_different_kinds_are_one_cluster(self):
        nodes = self.cluster(0)
        nodes = [self.member(index + 1, ["--storage-major", kind]) for index, kind in enumerate(KINDS[1:])]
        guest = self.member(9, ["--no-store"])
        self.wait_whole([*nodes, guest], 20)
        data = {f"/f{size}": pattern(size, size) for size in (10, 70_000, 9_000_000)}
        for number, (path, content) in enumerate(data.items()):
            with nodes[number % 3].client(timeout=60) as client:
                self.assertIn(client.put("/api/files" + path, content).status, (200, 201))
        self.wait_settled([*nodes], 60)
        for node in [*nodes, guest]:
            with node.client(timeout=60) as client:
                for path, content in data.items():
                    got = client.get("/api/files" + path)
                    self.assertEqual((got.status, sha256(got.body)), (200, sha256(content)))
                part = client.get("/api/files/f9000000", Range="bytes=4000000-6000000")
                self.assertEqual(part.body, data["/f9000000"][4_000_000:6_000_001])
        for node in [*nodes, guest]:
            node.stop()


class Conversion(NodeCase):
    def convert(self, node, kind):
        return subprocess.run(
            [os.path.join(BIN, "clusterfctl"), "--data-dir", node.data_dir, "--node", node.node_id,
             "convert", "--to", kind],
            capture_output=True, text=True, timeout=120, check=False)

    def test_a_stopped_node_is_converted_and_a_killed_conversion_goes_on(self):
        node = self.node()
        contents = {f"/d{size % 7}/f{size}": pattern(size, size) for size in SIZES}
        contents |= {f"/many/{number}": pattern(100 + number, number) for number in range(300)}
        with node.client(timeout=60) as client:
            for path, data in contents.items():
                client.put("/api/files" + path, data)
        refused = self.convert(node, "extent")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("runs", refused.stderr)
        node.stop()
        for kind in ("extent", "sqlite", "bolt", "rawfile"):
            for delay in (0.02, 0.05, 0.1, 0.2, 0.4):
                running = subprocess.Popen(
                    [os.path.join(BIN, "clusterfctl"), "--data-dir", node.data_dir, "--node", node.node_id,
                     "convert", "--to", kind],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(delay)
                running.kill()
                running.wait()
            done = self.convert(node, kind)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(kind, done.stdout)
            node.start()
            with node.client(timeout=60) as client:
                for path, data in contents.items():
                    self.assertEqual(sha256(client.get("/api/files" + path).body), sha256(data), path)
                self.assertEqual(client.get("/status").json["storage"]["major"], kind)
            node.stop()
        # The view is back.
        for path, data in contents.items():
            with open(node.view + path, "rb") as file:
                self.assertEqual(sha256(file.read()), sha256(data), path)


if __name__ == "__main__":
    unittest.main()
