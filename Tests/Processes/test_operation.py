"""What people order of a running node or cluster over HTTP and by clusterfctl, and what they watch."""

import json
import os
import socket
import threading
import unittest
import urllib.parse

from client import Client
from harness import NodeCase, SharedNodeCase, eventually
from test_cluster import ClusterCase
from test_cluster_routes import other_address


def doctor(node):
    """The exit code of clusterfctl doctor, and its findings by code."""
    done = node.control("doctor", "--json", check=False)
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, {finding["code"]: finding for finding in findings}


class Load:
    """Reads and writes through nodes while something happens; what fails is kept."""

    def __init__(self, nodes):
        self.nodes, self.failures, self.count = nodes, [], 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(index,)) for index in range(len(nodes))]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)

    def run(self, index):
        node, number = self.nodes[index], 0
        while not self.stopped.is_set():
            number += 1
            path = f"/api/files/load/{index}-{number % 20}"
            try:
                with node.client(timeout=40) as client:
                    put = client.put(path, b"%d" % number)
                with node.client(timeout=40) as client:
                    got = client.get(path)
                if put.status not in (200, 201) or got.status != 200 or got.body != b"%d" % number:
                    self.failures.append((node.node_id, number, put, got))
            except OSError as error:
                self.failures.append((node.node_id, number, repr(error)))
            self.count += 1


class Workers(SharedNodeCase):
    def restart(self, worker, **headers):
        return self.client.post(f"/api/workers/{worker}/restart", **headers)

    def test_a_worker_is_restarted_and_not_twice_at_once(self):
        for worker in ("gateway", "store"):
            before = self.shared.pid(worker)
            with Load([self.shared]) as load:
                eventually(10, lambda: load.count > 5, "some requests")
                with self.shared.client(timeout=60) as client:
                    answer = client.post(f"/api/workers/{worker}/restart")
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.json["worker"], worker)
                done = load.count
                eventually(10, lambda: load.count > done + 5, "some more requests")
            self.assertEqual(load.failures, [])
            self.assertNotEqual(self.shared.pid(worker), before)
            after = self.shared.pid(worker)
            with self.shared.client() as client:
                again = client.post(f"/api/workers/{worker}/restart")
            self.assertEqual(again.status, 503, again)
            self.assertIn("moment", again.json["error"]["message"])
            self.assertTrue(again.json["error"]["hint"])
            self.assertEqual(self.shared.pid(worker), after)

    def test_what_is_no_worker_is_404(self):
        for worker in ("all", "indexer", "x" * 33, "..", "Store", "store/restart"):
            self.assertEqual(self.restart(worker).status, 404, worker)
        self.assertEqual(self.client.get("/api/workers/store/restart").status, 405)

    def test_only_people_of_this_machine_restart(self):
        refused = self.restart("store", **{"Origin": "http://evil.example"})
        self.assertEqual(refused.status, 403, refused)
        address = other_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        with Client(self.shared.port, host=address) as client:
            for path in ("/api/workers/store/restart", "/api/cluster-restart"):
                self.assertEqual(client.post(path).status, 403, path)


class Doctor(ClusterCase):
    def test_a_node_alone_is_well_and_one_without_its_store_is_not(self):
        node = self.node()
        self.assertEqual(node.control("doctor", check=False).returncode, 0)
        self.assertEqual(doctor(node)[0], 0)
        with node.client() as client:
            self.assertEqual(client.get("/api/doctor").json["healthy"], True)
        pid = node.pid("store")
        node.kill_worker("store", 19)  # SIGSTOP: it neither answers nor ends.
        try:
            code, found = doctor(node)
            self.assertEqual(code, 1)
            self.assertIn("store_not_ready", found)
            self.assertTrue(found["store_not_ready"]["hint"])
        finally:
            node.wait_replaced("store", pid, 30)

    def test_a_node_that_is_gone_and_one_of_another_name_are_found(self):
        first, second = self.founded(2, ["--cluster-name", "cellar"])
        eventually(20, lambda: doctor(first)[0] == 0, "a healthy cluster")
        self.member(3, ["--cluster-name", "attic"])
        eventually(20, lambda: "other_cluster_name" in doctor(first)[1], "another cluster's name")
        self.assertEqual(doctor(first)[0], 0)
        second.destroy()

        def is_missed():
            code, found = doctor(first)
            return code == 1 and found.get("peer_unseen", {}).get("node") == "n2" and found["peer_unseen"]
        missed = eventually(30, is_missed, "the dead node is found missing")
        self.assertTrue(missed["hint"])
        said = first.control("doctor", check=False).stdout.decode()
        self.assertIn("problem: Node n2", said)


class Inspector(SharedNodeCase):
    def ask(self, route, **query):
        answer = self.client.get(f"/api/crdt/{route}?" + urllib.parse.urlencode(query))
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def walk(self, route, **query):
        """All pages of a list or a search."""
        items, after = [], ""
        for _ in range(1000):
            page = self.ask(route, after=after, **query)
            items += page["items"]
            if not page["has_more"]:
                return items
            self.assertNotEqual(page["next_after"], after)
            after = page["next_after"]
        self.fail("pages without end")

    def test_keys_values_and_what_was_deleted(self):
        for number in range(30):
            self.assertIn(self.client.put(f"/api/files/seen/f{number}.txt", b"%d" % number).status, (200, 201))
        self.assertEqual(self.client.delete("/api/files/seen/f7.txt").status, 204)
        roots = {item["name"]: item for item in self.ask("list")["items"]}
        self.assertEqual(set(roots) - {"settings"}, {"cluster", "files", "layouts", "members", "nodes"})
        self.assertTrue(all(item["type"] == "dir" for item in roots.values()))
        nodes = self.ask("list", prefix="nodes/")["items"]
        self.assertEqual([item["key"] for item in nodes], [f"nodes/{self.shared.node_id}"])
        value = self.ask("get", key=nodes[0]["key"])
        self.assertEqual(value["value_json"]["node"], self.shared.node_id)
        self.assertEqual(json.loads(value["value_text"]), value["value_json"])
        self.assertEqual(value["size"], len(value["value_text"]))

        # A deletion is acknowledged when it is prepared; it is among the records a moment later.
        def settled():
            found = {item["key"].split("/", 2)[2]: item for item in self.walk("search", q="seen/f", limit=7)}
            return "deleted" in found["seen/f7.txt"] and found
        found = eventually(10, settled, "the deletion")
        self.assertEqual(set(found), {f"seen/f{number}.txt" for number in range(30)})
        gone = found["seen/f7.txt"]
        self.assertEqual(gone["deleted"], 1)
        self.assertEqual([name for name, item in found.items() if "deleted" in item], ["seen/f7.txt"])
        self.assertTrue(self.ask("get", key=gone["key"])["deleted"])
        value = self.ask("get", key=found["seen/f8.txt"]["key"])
        self.assertFalse(value["deleted"])
        self.assertEqual(value["value_json"]["path"], "/seen/f8.txt")
        self.assertEqual(value["value_json"]["size"], 1)

        groups = self.walk("list", prefix="files", limit=4)
        self.assertEqual(sorted(item["key"] for item in groups), [item["key"] for item in groups])
        listed = []
        for group in groups:
            below = self.walk("list", prefix=group["key"])
            self.assertEqual(sum(item.get("count", 1) for item in below), group["count"])
            for item in below:
                listed += self.walk("list", prefix=item["key"]) if item["type"] == "dir" else [item]
        self.assertEqual({item["key"] for item in listed if "seen/" in item["key"]},
                         {item["key"] for item in found.values()})

    def test_what_is_not_there_and_what_is_no_question(self):
        value = self.ask("get", key="nodes/nobody")
        self.assertEqual((value["deleted"], value["size"]), (False, 0))
        for path in ("get", "get?key=", "search", "search?q=", "search?q=%FF", "get?key=" + "x" * 8193):
            answer = self.client.get(f"/api/crdt/{path}")
            self.assertIn(answer.status, (400, 414), answer)
        self.assertEqual(self.ask("list", prefix="files/p99999/")["items"], [])
        self.assertEqual(self.ask("list", limit="many")["has_more"], False)
        self.assertEqual(self.client.post("/api/crdt/list").status, 405)

    def test_settings_are_keys(self):
        self.client.request("PATCH", "/api/settings", body='{"grace_before_out": 77}')
        value = self.ask("get", key="settings/grace_before_out")
        self.assertEqual(value["value_json"]["value"], "77")
        self.client.request("PATCH", "/api/settings", body='{"grace_before_out": null}')
        self.assertTrue(self.ask("get", key="settings/grace_before_out")["deleted"])


class Watcher:
    """A client of /api/events, as a browser's EventSource reads it."""

    def __init__(self, node):
        self.events, self.raw = [], b""
        self.socket = socket.create_connection(("127.0.0.1", node.port), timeout=60)
        self.socket.sendall(b"GET /api/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        rest = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except OSError:
                return
            if not piece:
                return
            self.raw += piece
            *texts, rest = (rest + piece).split(b"\n\n")
            for text in texts:
                fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if line[:1] in b"ied")
                if b"event" in fields:
                    self.events.append((fields[b"event"].decode(), json.loads(fields[b"data"])))

    def seen(self, name, /, **members):
        return any(event == name and all(data.get(key) == value for key, value in members.items())
                   for event, data in list(self.events))

    def close(self):
        self.socket.close()


class Events(ClusterCase):
    def test_files_workers_and_nodes_are_told_of(self):
        nodes = self.founded(2)
        watchers = [Watcher(node) for node in nodes]
        for watcher in watchers:
            self.addCleanup(watcher.close)
            eventually(10, lambda: watcher.seen("hello"), "a hello")
        version = self.put(nodes[0], "/news/a", b"1").json["version"]
        with nodes[1].client() as client:
            self.assertEqual(client.delete("/api/files/first").status, 204)
        for watcher in watchers:
            eventually(10, lambda: watcher.seen("file", path="/news/a", kind="written", version=version), "a file")
            eventually(10, lambda: watcher.seen("file", path="/first", kind="deleted"), "a deletion")
        nodes[0].control("restart", "store")
        eventually(10, lambda: watchers[0].seen("worker", name="store", state="ready", generation=2), "a worker")
        eventually(10, lambda: watchers[0].seen("lost", count=None), "what is not known is said")
        eventually(10, lambda: watchers[1].seen("peer", node_id="n1", state="back"), "a peer that is back")
        self.put(nodes[0], "/news/b", b"2")
        eventually(10, lambda: watchers[0].seen("file", path="/news/b"), "a file after the restart")
        nodes[1].destroy()
        eventually(30, lambda: watchers[0].seen("peer", node_id="n2", state="dead"), "a dead node")

    def test_each_change_is_told_once_wherever_somebody_watches(self):
        """Also where nobody has the file, and while copies move."""
        for policy in ("available", "majority"):
            with self.subTest(policy=policy):
                nodes = self.founded(2)
                with nodes[0].client() as client:
                    body = json.dumps({"write_policy": policy}).encode()
                    self.assertEqual(client.request("PATCH", "/api/settings", body=body).status, 200)
                guest = self.member(3, ["--no-store"])
                self.wait_whole([*nodes, guest])
                eventually(10, lambda: self.stats(guest)["cluster_id"] is not None, "the guest belongs to it")
                watchers = [Watcher(node) for node in (*nodes, guest)]
                for watcher in watchers:
                    self.addCleanup(watcher.close)
                    eventually(10, lambda: watcher.seen("hello"), "a hello")
                # The guest has asked the others by then.
                eventually(15, lambda: self.told_of_a_probe(nodes[0], watchers[2]), "the guest hears of others")
                versions = {f"/news/{n}": self.put(nodes[n % 2], f"/news/{n}", b"1").json["version"] for n in range(20)}
                with guest.client() as client:
                    self.assertEqual(client.delete("/api/files/news/0").status, 204)
                self.set_factor(nodes[0], 1)
                self.wait_settled(nodes)
                self.put(nodes[1], "/end", b"")
                for watcher in watchers:
                    eventually(10, lambda: watcher.seen("file", path="/end"), "the last file")
                    told = [data for event, data in watcher.events if event == "file" and "/news/" in data["path"]]
                    written = [(data["path"], data["version"]) for data in told if data["kind"] == "written"]
                    self.assertEqual(sorted(written), sorted(versions.items()))
                    gone = [(data["path"], data["version"]) for data in told if data["kind"] == "deleted"]
                    self.assertEqual(gone, [("/news/0", None)])
                for node in (*nodes, guest):
                    node.stop()

    def told_of_a_probe(self, node, watcher):
        self.put(node, "/probe", os.urandom(8))
        return watcher.seen("file", path="/probe")

    def set_factor(self, node, factor):
        with node.client() as client:
            answer = client.put("/api/replication-factor", b'{"replication_factor": %d}' % factor)
            self.assertEqual(answer.status, 200, answer)


class Repair(ClusterCase):
    def repair(self, node):
        done = node.control("repair", "--json", check=False)
        return done.returncode, {peer["node_id"]: peer for peer in json.loads(done.stdout)["peers"]}

    def test_what_a_node_missed_is_there_after_it(self):
        nodes = self.founded(3)
        code, peers = self.repair(nodes[0])
        self.assertEqual((code, set(peers)), (0, {"n2", "n3"}))
        nodes[2].destroy()
        eventually(20, lambda: self.peers(nodes[0])["n3"]["state"] == "dead", "a dead node")
        for number in range(30):
            self.put(nodes[number % 2], f"/missed/{number}", b"%d" % number * 1000)
        code, peers = self.repair(nodes[0])
        self.assertEqual(code, 1)
        self.assertEqual((peers["n2"]["outcome"], peers["n3"]["outcome"]), ("equal", "unreachable"))
        nodes[2].start()
        self.wait_whole(nodes, 20)
        code, peers = self.repair(nodes[0])
        self.assertEqual((code, peers["n3"]["outcome"]), (0, "equal"))
        self.assertEqual(self.repair(nodes[1])[0], 0)
        counts = []
        for node in nodes:
            with node.client() as client:
                counts.append(client.get("/api/partition-stats").json["total_files"])
        self.assertEqual(counts, [31, 31, 31])
        self.assertIn("unreachable", "".join(self.repair_text(nodes)))

    def repair_text(self, nodes):
        nodes[1].destroy()
        eventually(20, lambda: self.peers(nodes[0])["n2"]["state"] == "dead", "a dead node")
        done = nodes[0].control("repair", check=False)
        self.assertEqual(done.returncode, 1)
        return done.stdout.decode()

    def test_a_node_without_a_place_in_the_layout_says_so(self):
        guest = self.node(args=["--no-store"])
        done = guest.control("repair", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"holds nothing", done.stderr)


class WholeCluster(ClusterCase):
    def test_all_workers_of_all_nodes_are_restarted_without_a_failed_request(self):
        nodes = self.founded(3)
        before = {node.node_id: (node.pid("store"), node.pid("gateway")) for node in nodes}
        with Load(nodes) as load:
            eventually(20, lambda: load.count > 10, "some requests")
            with nodes[1].client() as client:
                answer = client.post("/api/cluster-restart")
            self.assertEqual(answer.status, 202, answer)
            self.assertEqual(answer.json["nodes"], ["n1", "n3", "n2"])

            def all_new():
                for node in nodes:
                    workers = node.workers()
                    if any(worker["state"] != "ready" for worker in workers.values()):
                        return False
                    old = before[node.node_id]
                    if workers["store"]["pid"] == old[0] or workers["gateway"]["pid"] == old[1]:
                        return False
                return True
            eventually(120, all_new, "new workers everywhere", interval=0.5)
            done = load.count
            eventually(20, lambda: load.count > done + 10, "some more requests")
        self.assertEqual(load.failures, [])
        self.wait_whole(nodes, 20)
        for node in nodes:
            self.assertEqual({worker["restarts"] for worker in node.workers().values()}, {1})


if __name__ == "__main__":
    unittest.main()
