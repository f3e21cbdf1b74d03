"""The routes and commands that speak of the cluster as a whole, on one node."""

import json
import unittest

from client import Client
from harness import NodeCase, SharedNodeCase, eventually
from test_cluster import ClusterCase

WRONG_FACTORS = (
    '{"replication_factor":0}', '{"replication_factor":256}', '{"replication_factor":2.5}',
    '{"replication_factor":3.0}', '{"replication_factor":"3"}', '{"replication_factor":3',
    '{"factor":3}', '{"replication_factor":3,"more":1}', '{"replication_factor":3}x', "", "3",
)


class ClusterRouteCase(SharedNodeCase):
    def send(self, method, path, value, **headers):
        body = value if isinstance(value, (str, bytes)) else json.dumps(value)
        return self.client.request(method, path, body=body, headers=headers)

    def assert_error(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer)
        error = answer.json["error"]
        self.assertTrue(error["code"] and error["message"], answer)
        self.assertIn("hint", error)
        if code:
            self.assertEqual(error["code"], code, answer)

    def setting(self, key):
        answer = self.client.get("/api/settings")
        self.assertEqual(answer.status, 200, answer)
        return {entry["key"]: entry for entry in answer.json["settings"]}[key]


class Factor(ClusterRouteCase):
    def factor(self):
        return self.client.get("/api/replication-factor").json["replication_factor"]

    def test_it_is_set_and_told_everywhere(self):
        self.assertEqual(self.setting("replication_factor")["default"], 3)
        for factor in (1, 255, 2):
            answer = self.send("PUT", "/api/replication-factor", {"replication_factor": factor})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json["replication_factor"], factor)
            self.assertEqual(self.factor(), factor)
        self.assertEqual(self.client.get("/status").json["replication_factor"], 2)
        self.assertEqual(self.client.get("/api/partition-stats").json["replication_factor"], 2)
        self.assertEqual(self.client.get("/api/cluster-stats").json["replication_factor"], 2)
        self.assertEqual(self.setting("replication_factor")["value"], 2)

    def test_what_is_no_factor_changes_nothing(self):
        self.send("PUT", "/api/replication-factor", {"replication_factor": 4})
        for body in WRONG_FACTORS:
            self.assert_error(self.send("PUT", "/api/replication-factor", body), 400)
            self.assertEqual(self.factor(), 4, body)

    def test_a_long_body_is_413(self):
        self.assert_error(self.send("PUT", "/api/replication-factor", b" " * 65537), 413)


class Settings(ClusterRouteCase):
    def test_settings_are_set_and_say_who_did(self):
        before = self.setting("grace_before_out")
        self.assertEqual((before["value"], before["default"]), (600, 600))
        answer = self.send(
            "PATCH", "/api/settings", {"grace_before_out": 60, "write_policy": "majority"})
        self.assertEqual(answer.status, 200, answer)
        after = self.setting("grace_before_out")
        self.assertEqual(after["value"], 60)
        self.assertEqual(after["set_by"], self.shared.node_id)
        self.assertTrue(after["set_at"].endswith("Z"))
        self.assertEqual(self.setting("write_policy")["value"], "majority")
        answer = self.send(
            "PATCH", "/api/settings", {"grace_before_out": None, "write_policy": None})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.setting("grace_before_out")["value"], 600)
        self.assertEqual(self.setting("write_policy")["value"], "available")

    def test_one_refused_leaves_all_unchanged(self):
        for wrong in ({"martian": 1}, {"write_policy": "all"}, {"partition_sync_paused": 3},
                      {"replication_factor": 0}):
            changes = dict({"trash_days": 12}, **wrong)
            self.assert_error(self.send("PATCH", "/api/settings", changes), 400)
            self.assertNotEqual(self.setting("trash_days")["value"], 12, wrong)

    def test_interval_and_pause(self):
        interval, pause = "/api/partition-sync-interval", "/api/partition-sync-pause"
        name = "partition_sync_interval_seconds"
        self.assertEqual(self.client.get(interval).json, {name: 300})
        self.assertEqual(self.client.get(pause).json, {"paused": False})
        self.assertEqual(self.send("PUT", interval, {name: 30}).status, 200)
        self.assertEqual(self.send("PUT", pause, {"paused": True}).status, 200)
        self.assertEqual(self.client.get(interval).json, {name: 30})
        self.assertEqual(self.client.get(pause).json, {"paused": True})
        self.assertEqual(self.setting("partition_sync_paused")["value"], True)
        for wrong in ({name: 0}, {name: 3601}, {name: "30"}, {}):
            self.assert_error(self.send("PUT", interval, wrong), 400)
        for wrong in ({"paused": 1}, {"paused": "true"}, {}):
            self.assert_error(self.send("PUT", pause, wrong), 400)
        self.assertEqual(self.client.get(interval).json, {name: 30})
        self.assertEqual(self.send("PUT", pause, {"paused": False}).status, 200)


class Pages(ClusterRouteCase):
    def test_one_node_alone(self):
        self.assertEqual(self.client.put("/api/files/a/b", b"12345").status, 201)
        stats = self.client.get("/api/cluster-stats").json
        self.assertEqual([peer["node_id"] for peer in stats["peer_list"]], [self.shared.node_id])
        self.assertEqual(stats["peers"], 0)
        self.assertEqual(stats["http_port"], self.shared.port)
        partitions = self.client.get("/api/partition-stats").json
        self.assertEqual(partitions["total_partitions"], 65536)
        self.assertGreater(partitions["local_partitions"], 0)
        self.assertGreaterEqual(partitions["total_files"], 1)

    def test_copies_that_one_node_cannot_have_are_missing(self):
        self.send("PUT", "/api/replication-factor", {"replication_factor": 3})
        self.assertIn(self.client.put("/api/files/lonely", b"1").status, (200, 201))

        def lacking():
            page = self.client.get("/api/under-replicated?limit=1")
            self.assertEqual(page.status, 200, page)
            return page.json["partitions"] and page.json
        page = eventually(10, lacking, "a partition that lacks copies")
        first = page["partitions"][0]
        self.assertEqual(first["holders"], [self.shared.node_id])
        self.assertEqual(first["missing_replicas"], 2)

        # A write is acknowledged when it is prepared; it is among the records a moment later.
        def listed():
            whole = self.client.get("/api/under-replicated").json["partitions"]
            named = {file["path"]: file for entry in whole for file in entry["files"]}
            return "/lonely" in named and (whole, named)
        whole, named = eventually(10, listed, "the file among those that lack copies")
        self.assertEqual(named["/lonely"]["size"], 1)
        self.assertEqual(named["/lonely"]["holders"], [self.shared.node_id])
        self.assertEqual(
            sum(entry["file_count"] for entry in whole),
            self.client.get("/api/partition-stats").json["total_files"])
        seen = [first["partition_id"]]
        while page["next"]:
            page = self.client.get(f"/api/under-replicated?limit=1&after={page['next']}").json
            seen += [entry["partition_id"] for entry in page["partitions"]]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(seen, sorted(seen))
        self.send("PUT", "/api/replication-factor", {"replication_factor": 1})
        eventually(
            10, lambda: not self.client.get("/api/under-replicated").json["partitions"],
            "nothing lacks copies")

    def test_methods(self):
        for method, path, allowed in (
                ("POST", "/api/replication-factor", "GET, HEAD, PUT, OPTIONS"),
                ("PUT", "/api/settings", "GET, HEAD, PATCH, OPTIONS"),
                ("DELETE", "/api/under-replicated", "GET, HEAD, OPTIONS"),
                ("GET", "/api/cluster/leave", "POST, OPTIONS")):
            answer = self.client.request(method, path)
            self.assert_error(answer, 405)
            self.assertEqual(answer["Allow"], allowed)
            self.assertEqual(self.client.request("OPTIONS", path).status, 204)
        self.assertEqual(self.client.head("/api/settings").body, b"")

    def test_pages_of_other_sites_are_refused(self):
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            self.assert_error(
                self.send("PUT", "/api/partition-sync-pause", {"paused": True}, **headers), 403)
            self.assert_error(self.send("PUT", "/api/files/from-afar", b"1", **headers), 403)
        own = {"Origin": f"http://127.0.0.1:{self.shared.port}"}
        self.assertEqual(
            self.send("PUT", "/api/partition-sync-pause", {"paused": False}, **own).status, 200)


def other_address():
    """An address of this machine that is not loopback; None where it has none."""
    import socket
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("192.0.2.1", 9))  # Sends nothing: it only chooses a way.
            address = trial.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class FromElsewhere(ClusterRouteCase):
    def test_changes_are_for_loopback_alone(self):
        address = other_address()
        if address is None:
            self.skipTest("this machine has no address but loopback")
        with Client(self.shared.port, host=address) as client:
            answer = client.request(
                "PUT", "/api/replication-factor", body='{"replication_factor":2}')
            self.assert_error(answer, 403)
            self.assertTrue(answer.json["error"]["hint"])
            self.assertEqual(client.get("/api/settings").status, 200)
            self.assertEqual(client.get("/api/cluster-stats").status, 200)


class Commands(SharedNodeCase):
    def control(self, *words, **options):
        return self.shared.control(*words, **options)

    def refused(self, *words, code=1):
        done = self.control(*words, check=False)
        self.assertEqual(done.returncode, code, done)
        self.assertTrue(done.stderr.startswith(b"clusterfctl: "), done)
        self.assertEqual(done.stdout, b"")
        return done.stderr.decode()

    def test_peers(self):
        listed = json.loads(self.control("peers", "--json").stdout)
        self.assertEqual([peer["node_id"] for peer in listed], [self.shared.node_id])
        self.assertEqual(listed[0]["state"], "alive")
        lines = self.control("peers").stdout.decode().splitlines()
        self.assertTrue(lines[0].startswith("NODE"), lines)
        self.assertTrue(lines[1].startswith(f"{self.shared.node_id} (this)"), lines)

    def test_settings(self):
        self.control("set", "grace_before_out", "120")
        listed = {one["key"]: one for one in json.loads(self.control("settings", "--json").stdout)}
        self.assertEqual(listed["grace_before_out"]["value"], 120)
        self.assertEqual(listed["grace_before_out"]["set_by"], self.shared.node_id)
        self.assertIn("grace_before_out", self.control("settings").stdout.decode())
        self.control("set", "grace_before_out", "")
        self.control("set", "replication_factor", "2")
        listed = {one["key"]: one for one in json.loads(self.control("settings", "--json").stdout)}
        self.assertEqual(listed["grace_before_out"]["value"], 600)
        self.assertEqual(listed["replication_factor"]["value"], 2)

    def test_what_cannot_be_is_said(self):
        self.assertIn("10..", self.refused("set", "grace_before_out", "1"))
        self.assertIn("martian", self.refused("set", "martian", "1"))
        self.refused("set", "grace_before_out", code=64)
        self.refused("out", "n9", code=64)
        self.refused("out", "n9", "--force")
        self.assertIn("itself", self.refused("out", self.shared.node_id, "--force"))
        self.refused("join", code=64)
        self.refused("join", "--merge", "xyz")
        self.assertIn("heard", self.refused("join", "--merge", "0f" * 16))
        self.refused("cancel-leave")
        self.assertIn("last", self.refused("leave"))


class Restarts(NodeCase):
    def test_settings_outlive_workers_and_nodes(self):
        node = self.node()
        node.control("set", "replication_factor", "7")
        node.control("set", "partition_sync_paused", "true")

        def told():
            with node.client() as client:
                return (client.get("/api/replication-factor").json.get("replication_factor"),
                        client.get("/api/partition-sync-pause").json.get("paused"))
        for again in (lambda: node.control("restart", "store"),
                      lambda: node.control("restart", "gateway"),
                      lambda: (node.stop(), node.start())):
            again()
            self.assertEqual(told(), (7, True))
            self.assertEqual(node.control("peers", "--json").returncode, 0)


class TwoNodes(ClusterCase):
    def state(self, node, name):
        listed = json.loads(node.control("peers", "--json").stdout)
        return {peer["node_id"]: peer for peer in listed}.get(name)

    def test_what_is_set_on_one_counts_on_the_other(self):
        first, second = self.cluster(2)
        self.wait_whole([first, second])
        first.control("set", "replication_factor", "2")
        second.control("set", "grace_before_out", "77")

        def told(node):
            with node.client() as client:
                settings = {one["key"]: one for one in client.get("/api/settings").json["settings"]}
                return settings["replication_factor"]["value"], settings["grace_before_out"]["value"]
        for node in (first, second):
            eventually(10, lambda: told(node) == (2, 77), f"the settings on {node.node_id}")
        with first.client() as client:
            self.assertEqual(client.get("/status").json["peers"], 1)

    def test_disks_are_told_of_while_their_nodes_live(self):
        first, second = self.cluster(2)
        self.wait_whole([first, second])
        self.put(first, "/a", b"x" * 100_000)

        def both_have_it(node):
            peers = self.peers(node).values()
            return all((peer["bytes_stored"] or 0) >= 100_000 and peer["bytes_free"] for peer in peers)
        for node in (first, second):
            eventually(20, lambda: both_have_it(node), f"both disks, asked of {node.node_id}")
            self.assertTrue(all(peer["last_seen"].endswith("Z") for peer in self.peers(node).values()))
        second.destroy()
        eventually(20, lambda: self.peers(first)["n2"]["state"] == "dead", "a dead node")
        dead = self.peers(first)["n2"]
        self.assertIsNone(dead["bytes_stored"])
        self.assertIsNone(dead["bytes_free"])
        self.assertLess(dead["last_seen"], self.peers(first)["n1"]["last_seen"])

    def test_a_node_that_lives_is_not_taken_out_and_may_leave(self):
        first, second = self.cluster(2)
        self.wait_whole([first, second])
        self.put(first, "/a", b"1")
        eventually(10, lambda: self.state(first, "n2")["is_member"], "both in the layout")
        refused = first.control("out", "n2", "--force", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"alive", refused.stderr)
        second.control("leave")
        eventually(
            30, lambda: not self.state(first, "n2")["is_member"], "a layout without the node")
        self.assertEqual(self.get(first, "/a").body, b"1")


if __name__ == "__main__":
    unittest.main()
