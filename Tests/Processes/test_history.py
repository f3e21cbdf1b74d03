"""What was overwritten and deleted: listed, read, restored, let go; and files that get other names."""

import contextlib
import threading
import unittest

from client import pattern, quoted, sha256
from harness import NodeCase, eventually
from test_cluster import ClusterCase


class HistoryCase(NodeCase):
    def ask(self, node, method, target, body=None, **headers):
        with node.client(timeout=60) as client:
            return client.request(method, target, body, headers)

    def put(self, node, path, data):
        answer = self.ask(node, "PUT", "/api/files" + quoted(path), data)
        self.assertIn(answer.status, (200, 201), answer)
        return answer.json["version"]

    def body(self, node, path, version=None):
        """The content at a path, None where there is none."""
        target = "/api/files" + quoted(path) + (f"?version={version}" if version else "")
        answer = self.ask(node, "GET", target)
        if answer.status == 404:
            return None
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def versions(self, node, path):
        answer = self.ask(node, "GET", "/api/versions" + quoted(path))
        if answer.status == 404:
            return []
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json["count"], len(answer.json["versions"]))
        return answer.json["versions"]

    def trash(self, node, below="", **query):
        target = "/api/trash" + quoted(below)
        if query:
            target += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        answer = self.ask(node, "GET", target)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def trashed(self, node, below=""):
        return [entry["path"] for entry in self.trash(node, below)["entries"]]

    def wait_trashed(self, node, paths, below=""):
        """What is acknowledged is in the trash a moment later."""
        eventually(10, lambda: self.trashed(node, below) == paths, f"{paths} in the trash")

    def delete(self, node, path, query=""):
        answer = self.ask(node, "DELETE", "/api/files" + quoted(path) + query)
        self.assertEqual(answer.status, 204, answer)

    def op(self, node, path, operation, expected=None, **query):
        query = "".join(f"&{name}={quoted(str(value))}" for name, value in query.items())
        answer = self.ask(node, "POST", f"/api/files{quoted(path)}?op={operation}{query}")
        if expected is not None:
            self.assertEqual(answer.status, expected, answer)
        return answer


class Versions(HistoryCase):
    def test_an_overwritten_file_is_listed_read_and_restored(self):
        node = self.node()
        small, large = b"first", pattern(300_000, 1)
        names = [self.put(node, "/a/ü.txt", data) for data in (small, large, b"third")]
        found = self.versions(node, "/a/ü.txt")
        self.assertEqual([entry["version"] for entry in found], names[::-1])
        self.assertEqual([entry["current"] for entry in found], [True, False, False])
        self.assertEqual([entry["size"] for entry in found], [5, 300_000, 5])
        self.assertEqual(found[1]["checksum"], sha256(large))
        self.assertNotIn("superseded_at", found[0])
        self.assertTrue(found[1]["superseded_at"] >= found[2]["superseded_at"])
        self.assertNotIn("conflict", found[1])
        for name, data in zip(names, (small, large, b"third")):
            self.assertEqual(self.body(node, "/a/ü.txt", name), data)
        part = self.ask(node, "GET", f"/api/files/a/%C3%BC.txt?version={names[1]}", Range="bytes=100000-100009")
        self.assertEqual((part.status, part.body), (206, large[100000:100010]))
        head = self.ask(node, "HEAD", f"/api/files/a/%C3%BC.txt?version={names[0]}")
        self.assertEqual((head.status, head["Content-Length"]), (200, "5"))
        answer = self.op(node, "/a/ü.txt", "restore", 200, version=names[1])
        self.assertEqual(self.body(node, "/a/ü.txt"), large)
        self.assertNotIn(answer.json["version"], names)
        # All of it outlives the store.
        node.kill_worker("store")
        self.assertEqual(self.body(node, "/a/ü.txt"), large)
        self.assertEqual([entry["size"] for entry in self.versions(node, "/a/ü.txt")], [300_000, 5, 300_000, 5])
        self.assertEqual(self.body(node, "/a/ü.txt", names[0]), small)

    def test_versions_go_one_by_one_or_all(self):
        node = self.node()
        names = [self.put(node, "/f", bytes([65 + number])) for number in range(4)]
        self.assertEqual(self.ask(node, "DELETE", f"/api/versions/f?version={names[1]}").status, 204)
        self.assertEqual(
            [entry["version"] for entry in self.versions(node, "/f")], [names[3], names[2], names[0]])
        self.assertEqual(self.ask(node, "GET", f"/api/files/f?version={names[1]}").status, 404)
        self.op(node, "/f", "restore", 404, version=names[1])
        self.assertEqual(self.ask(node, "DELETE", "/api/versions/f").status, 204)
        self.assertEqual([entry["version"] for entry in self.versions(node, "/f")], [names[3]])
        self.assertEqual(self.ask(node, "DELETE", "/api/versions/f").status, 404)
        self.assertEqual(self.body(node, "/f"), b"D")

    def test_what_makes_no_sense_is_refused(self):
        node = self.node()
        name = self.put(node, "/f", b"1")
        for bad in ("x", "1.2", name[:-1] + "x", "0" * 32 + "."):
            self.assertEqual(self.ask(node, "GET", f"/api/files/f?version={bad}").status, 400, bad)
        stranger = "0" * 32 + ".7"
        self.assertEqual(self.ask(node, "GET", f"/api/files/f?version={stranger}").status, 404)
        self.op(node, "/f", "restore", 404)
        self.op(node, "/f", "sideways", 400)
        self.op(node, "/f", "move", 400)
        self.op(node, "/f", "move", 400, to="not/absolute")
        self.op(node, "/f", "move", 400, to="/f")
        self.op(node, "/missing", "move", 404, to="/g")
        self.assertEqual(self.ask(node, "GET", "/api/versions/missing").status, 404)
        self.assertEqual(self.ask(node, "PUT", "/api/versions/f", b"").status, 405)
        self.assertEqual(self.ask(node, "GET", "/api/trash?limit=0").status, 400)
        self.assertEqual(self.ask(node, "GET", "/api/trash?after=x").status, 400)


class Trash(HistoryCase):
    def test_deleted_files_are_listed_by_pages_and_come_back(self):
        node = self.node()
        paths = [f"/t/{name}" for name in ("a", "b", "c/d", "e")] + ["/other", "/t-not-below"]
        for path in paths:
            self.put(node, path, path.encode())
        self.delete(node, "/t/", "?recursive=1")
        self.delete(node, "/other")
        self.wait_trashed(node, ["/other", "/t/a", "/t/b", "/t/c/d", "/t/e"])
        self.assertEqual(self.trashed(node, "/t"), ["/t/a", "/t/b", "/t/c/d", "/t/e"])
        self.assertEqual(self.trashed(node, "/t/c"), ["/t/c/d"])
        self.assertEqual(self.trashed(node, "/other"), ["/other"])
        first = self.trash(node, limit=2)
        self.assertEqual([entry["path"] for entry in first["entries"]], ["/other", "/t/a"])
        self.assertEqual(first["next"], "/t/a")
        rest = self.trash(node, limit=10, after="/t/a")
        self.assertEqual([entry["path"] for entry in rest["entries"]], ["/t/b", "/t/c/d", "/t/e"])
        self.assertIsNone(rest["next"])
        self.assertTrue(rest["complete"])
        entry = first["entries"][1]
        self.assertTrue(entry["deleted"])
        self.assertTrue(entry["deleted_at"].endswith("Z"))
        self.assertEqual((entry["size"], entry["checksum"]), (4, sha256(b"/t/a")))
        self.op(node, "/t/a", "restore", 201)
        self.assertEqual(self.body(node, "/t/a"), b"/t/a")
        self.wait_trashed(node, ["/other", "/t/b", "/t/c/d", "/t/e"])
        node.kill_worker("store")
        self.assertEqual(self.trashed(node), ["/other", "/t/b", "/t/c/d", "/t/e"])
        self.op(node, "/t/c/d", "restore", 201, version=self.trash(node, "/t/c")["entries"][0]["version"])
        self.assertEqual(self.body(node, "/t/c/d"), b"/t/c/d")

    def test_trash_is_emptied_by_path_and_whole_and_outlives_a_death(self):
        node = self.node()
        for number in range(20):
            self.put(node, f"/f{number:02}", b"x")
            self.delete(node, f"/f{number:02}")
        self.wait_trashed(node, [f"/f{number:02}" for number in range(20)])
        name = self.versions(node, "/f07")[0]["version"]
        self.assertEqual(self.ask(node, "DELETE", "/api/trash/f03").status, 204)
        self.assertEqual(len(self.trashed(node)), 19)
        for number in range(3):
            self.put(node, f"/dir/{number}", b"x")
        self.put(node, "/live", b"1")
        self.put(node, "/live", b"2")
        self.delete(node, "/dir/", "?recursive=1")
        eventually(10, lambda: len(self.trashed(node, "/dir")) == 3, "three in the trash")
        self.assertEqual(self.ask(node, "DELETE", "/api/trash/dir").status, 204)
        self.assertEqual(self.trashed(node, "/dir"), [])
        self.assertEqual(self.ask(node, "DELETE", "/api/trash/live").status, 404)
        self.assertEqual(len(self.versions(node, "/live")), 2)
        self.op(node, "/f03", "restore", 404)
        self.assertEqual(self.ask(node, "DELETE", "/api/trash").status, 204)
        node.kill_worker("store")
        self.assertEqual(self.trashed(node), [])
        self.assertEqual(self.versions(node, "/f07"), [])
        self.assertIsNone(self.body(node, "/f07", name))
        self.op(node, "/f07", "restore", 404)
        # What comes later is kept.
        self.put(node, "/f00", b"again")
        self.delete(node, "/f00")
        self.wait_trashed(node, ["/f00"])

    def test_status_counts_it(self):
        node = self.node()
        self.put(node, "/f", pattern(1000))
        self.put(node, "/f", pattern(10))
        self.put(node, "/g", pattern(500))
        self.delete(node, "/g")

        def storage():
            return self.ask(node, "GET", "/status").json["storage"]
        eventually(5, lambda: storage()["kept_versions"] == 2, "two kept versions")
        self.assertEqual(storage()["bytes_kept"], 1500)
        self.assertEqual(self.ask(node, "DELETE", "/api/versions/f").status, 204)
        eventually(5, lambda: storage()["kept_versions"] == 1, "one kept version")
        self.assertEqual(storage()["bytes_kept"], 500)


class Room(HistoryCase):
    def test_the_past_takes_no_more_than_it_may(self):
        node = self.node()
        names = [self.put(node, "/f", pattern(200_000, number)) for number in range(3)]

        def kept():
            return self.ask(node, "GET", "/status").json["storage"]["bytes_kept"]
        eventually(5, lambda: kept() == 400_000, "two contents of the past")
        answer = self.ask(node, "PATCH", "/api/settings", b'{"trash_percent": 0}')
        self.assertEqual(answer.status, 200, answer)
        eventually(20, lambda: kept() == 0, "no content of the past")
        # They stay known, and are said to be gone.
        self.assertEqual([entry["version"] for entry in self.versions(node, "/f")], names[::-1])
        gone = self.ask(node, "GET", f"/api/files/f?version={names[0]}")
        self.assertEqual(gone.status, 404)
        self.assertIn("made way", gone.text)
        self.op(node, "/f", "restore", 404, version=names[0])
        self.assertEqual(self.body(node, "/f"), pattern(200_000, 2))


class OtherNames(HistoryCase):
    def test_a_file_is_moved_and_copied(self):
        node = self.node()
        large = pattern(2_000_000, 3)
        self.put(node, "/a/from", large)
        self.op(node, "/a/from", "copy", 201, to="/b/copy")
        self.op(node, "/a/from", "move", 201, to="/c/moved")
        self.assertIsNone(self.body(node, "/a/from"))
        self.assertEqual(self.body(node, "/b/copy"), large)
        self.assertEqual(self.body(node, "/c/moved"), large)
        # One content, of two files; and no trash of what was merely moved.
        eventually(10, lambda: self.trashed(node) == [], "no trash")
        self.put(node, "/taken", b"taken")
        self.op(node, "/b/copy", "move", 412, to="/taken", overwrite=0)
        self.op(node, "/b/copy", "copy", 412, to="/taken", overwrite=0)
        self.assertEqual(self.body(node, "/taken"), b"taken")
        self.op(node, "/b/copy", "move", 200, to="/taken")
        self.assertEqual(self.body(node, "/taken"), large)
        self.assertEqual(len(self.versions(node, "/taken")), 2)
        self.delete(node, "/taken")
        self.assertEqual(self.body(node, "/c/moved"), large)
        self.op(node, "/c/moved", "move", 400, to="/c/moved/below")
        self.put(node, "/file", b"file")
        self.op(node, "/c", "move", 409, to="/file")
        self.op(node, "/c/moved", "move", 409, to="/file/below")
        self.op(node, "/file", "move", 409, to="/c")
        self.op(node, "/c/moved/", "move", 404, to="/d")

    def test_trees_are_moved_and_copied_whole(self):
        node = self.node()
        files = {f"/tree/{n % 7}/{n}": pattern(50 + n, n) for n in range(150)}
        for path, data in files.items():
            self.put(node, path, data)
        self.ask(node, "POST", "/api/files/tree/empty", **{"X-Create-Directory": "true"})
        self.op(node, "/tree", "copy", 201, to="/copy")
        self.op(node, "/tree/", "move", 201, to="/moved/here")
        self.assertEqual(self.ask(node, "GET", "/api/files/tree/").status, 404)
        for path, data in files.items():
            self.assertEqual(self.body(node, "/copy" + path[5:]), data)
            self.assertEqual(self.body(node, "/moved/here" + path[5:]), data)
        for place in ("/copy/empty/", "/moved/here/empty/"):
            self.assertEqual(self.ask(node, "GET", "/api/files" + place).status, 200)
        self.op(node, "/copy", "copy", 412, to="/moved", overwrite=0)
        self.op(node, "/moved", "move", 400, to="/moved/below")
        self.op(node, "/moved/here", "move", 409, to="/moved")
        self.op(node, "/copy", "copy", 201, to="/copy/below")
        self.assertEqual(self.body(node, "/copy/below/0/0"), files["/tree/0/0"])
        self.assertEqual(self.ask(node, "GET", "/api/files/copy/below/below/").status, 404)

    def test_a_store_that_dies_in_the_middle_of_a_move_loses_nothing(self):
        node = self.node()
        files = {f"/tree/{n}": pattern(100, n) for n in range(400)}
        for path, data in files.items():
            self.put(node, path, data)
        answers = []
        mover = threading.Thread(
            target=lambda: answers.append(self.op(node, "/tree", "move", to="/new").status))
        mover.start()
        eventually(10, lambda: self.body(node, "/new/0") is not None, "the first of them")
        node.kill_worker("store")
        mover.join(60)
        # The gateway has sent it again.
        self.assertIn(answers, ([200], [201]))
        for path, data in files.items():
            self.assertEqual(self.body(node, "/new" + path[5:]), data, path)
        self.assertEqual(self.ask(node, "GET", "/api/files/tree/").status, 404)


class InACluster(ClusterCase, HistoryCase):
    def put(self, node, path, data, **headers):
        return HistoryCase.put(self, node, path, data)

    def test_all_nodes_show_the_same_past(self):
        nodes = self.founded(3)
        large = pattern(400_000, 5)
        name = self.put(nodes[0], "/f", large)
        self.put(nodes[1], "/f", b"second")
        self.put(nodes[2], "/g", b"gone")
        self.delete(nodes[0], "/g")
        for node in nodes:
            self.assertEqual(self.body(node, "/f", name), large)
            self.wait_trashed(node, ["/g"])
        # The past outlives a node, too.
        nodes[0].kill()
        self.op(nodes[1], "/f", "restore", 200, version=name)
        self.op(nodes[2], "/g", "restore", 201)
        self.assertEqual(self.body(nodes[2], "/f"), large)
        self.assertEqual(self.body(nodes[1], "/g"), b"gone")
        self.delete(nodes[1], "/g")
        self.assertEqual(self.ask(nodes[1], "DELETE", "/api/trash").status, 204)
        nodes[0].start()
        for node in nodes:
            eventually(20, lambda: self.trashed(node) == [], "an empty trash")

    def half_moved(self, nodes):
        """(files of a directory that are at both of their places, since the node that moves it was killed; all files
        by their new names). Round by round, until the kill came in between for some of them."""
        mover, other = nodes[2], nodes[0]
        for number in range(10):
            files = {f"{n:03}": pattern(80 + n, 1000 * number + n) for n in range(100)}
            for name, data in files.items():
                self.put(other, f"/from{number}/{name}", data)
            asking = threading.Thread(
                target=lambda: self.interrupted(mover, f"/from{number}", to=f"/to{number}"))
            asking.start()
            eventually(20, lambda: any(
                self.body(other, f"/to{number}/{name}") is not None for name in ("000", "010", "020", "050")),
                "one of them", interval=0)
            mover.kill()
            asking.join(60)
            both = [name for name in files if all(
                self.body(other, f"/{place}{number}/{name}") is not None for place in ("from", "to"))]
            if len(both) >= 3:
                return number, both, files
            mover.start()
            self.wait_whole(nodes)
        self.fail("no file was ever between its places")

    def interrupted(self, node, path, to):
        with contextlib.suppress(OSError):
            self.op(node, path, "move", to=to)

    def test_a_move_whose_node_dies_is_finished_by_the_others(self):
        nodes = self.founded(3)
        number, both, files = self.half_moved(nodes)
        overwritten, rewritten = both[:2]
        self.put(nodes[1], f"/to{number}/{overwritten}", b"newer")
        self.put(nodes[0], f"/from{number}/{rewritten}", b"rewritten")
        for node in nodes[:2]:
            for name in both:
                if name != rewritten:
                    eventually(60, lambda: self.body(node, f"/from{number}/{name}") is None, f"{name} went on")
        # A file is at one of its places, whole, whether its move was begun or not.
        for name, data in files.items():
            found = [self.body(nodes[1], f"/{place}{number}/{name}") for place in ("from", "to")]
            expected = [None, data]
            if name == overwritten:
                expected = [None, b"newer"]
            elif name == rewritten:
                expected = [b"rewritten", data]
            elif found[0] is not None:
                expected = [data, None]
            self.assertEqual(found, expected, name)
        # None of them is in the trash, and the same request goes on with what is left.
        self.assertEqual(self.trashed(nodes[0]), [])
        self.op(nodes[1], f"/from{number}", "move", to=f"/to{number}")
        eventually(20, lambda: self.ask(nodes[0], "GET", f"/api/files/from{number}/").status == 404, "all of it moved")

    def test_a_file_is_moved_between_nodes_that_hold_nothing_together(self):
        nodes = self.founded(3)
        answer = self.ask(nodes[0], "PUT", "/api/replication-factor", b'{"replication_factor": 1}')
        self.assertEqual(answer.status, 200, answer)
        self.wait_settled(nodes)
        files = {f"/from/{n}": pattern(150_000 if n % 2 else 100, n) for n in range(12)}
        for path, data in files.items():
            self.put(nodes[0], path, data)
        for number, (path, data) in enumerate(files.items()):
            self.op(nodes[number % 3], path, "move", 201, to="/to" + path[5:])
            self.assertEqual(self.body(nodes[(number + 1) % 3], "/to" + path[5:]), data)

    def test_a_file_is_moved_to_holders_that_have_it_not_and_a_guest_sees_it(self):
        nodes = self.founded(4)
        guest = self.member(5, ["--no-store"])
        self.wait_whole([*nodes, guest])
        files = {f"/from/{n}": pattern(200_000, n) for n in range(12)}
        for path, data in files.items():
            self.put(guest, path, data)
        self.op(guest, "/from", "move", 201, to="/to")
        for path, data in files.items():
            for node in (nodes[0], nodes[3], guest):
                self.assertEqual(self.body(node, "/to" + path[5:]), data)


if __name__ == "__main__":
    unittest.main()
