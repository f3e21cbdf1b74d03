"""clusterfctl: what an operator asks and orders, with answers for people and as JSON."""

import json
import os
import unittest

from client import Client
from harness import Node, NodeCase, SharedNodeCase, descendants, eventually


class Asking(SharedNodeCase):
    def test_workers(self):
        workers = self.shared.workers()
        self.assertTrue({"store", "gateway"} <= set(workers))
        pids = {process.pid for process in self.shared.processes()}
        for worker in workers.values():
            self.assertIn(worker["pid"], pids)
            self.assertEqual(worker["state"], "ready")
        text = self.shared.control("workers").stdout.decode()
        self.assertIn("store", text)
        self.assertIn(str(workers["store"]["pid"]), text)

    def test_status(self):
        told = json.loads(self.shared.control("status", "--json").stdout)
        self.assertEqual(told["node_id"], self.shared.node_id)
        self.assertEqual(told["http_port"], self.shared.port)
        self.assertIn(self.shared.node_id, self.shared.control("status").stdout.decode())

    def test_version(self):
        told = self.shared.control("version").stdout.decode()
        self.assertIn(self.client.get("/status").json["version"], told)

    def test_logs(self):
        lines = self.shared.control("logs", "store").stdout.decode().splitlines()
        self.assertTrue(lines)
        pid = self.shared.pid("store")
        self.assertTrue(any(f"store[{pid}]" in line for line in lines), lines)
        self.assertFalse(any("gateway[" in line for line in lines), lines)

    def test_what_does_not_exist_is_an_error(self):
        for words in (["restart", "martian"], ["logs", "martian"], ["no-such-command"]):
            done = self.shared.control(*words, check=False)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertTrue(done.stderr, words)

    def test_the_log_names_role_and_pid(self):
        for name in ("store", "gateway"):
            pid = self.shared.pid(name)
            self.assertTrue(any(f"{name}[{pid}]" in line for line in self.shared.log), name)


class Ordering(NodeCase):
    def test_restart_replaces_a_worker(self):
        node = self.node()
        for name in ("gateway", "store"):
            before = node.workers()[name]
            node.control("restart", name)
            after = node.workers()[name]
            self.assertNotEqual(after["pid"], before["pid"])
            self.assertEqual(after["state"], "ready", "the order returns when the new life is ready")
            self.assertGreater(after["generation"], before["generation"])
            with node.client() as client:
                self.assertEqual(client.get("/api/files/").status, 200)
        node.stop()

    def test_stop_ends_the_node(self):
        node = self.node()
        node.processes()
        node.control("stop")
        self.assertEqual(node.process.wait(20), 0)
        eventually(5, lambda: not node.leftovers(), "no process left")

    def test_no_node_is_said(self):
        node = self.node(start=False)
        done = node.control("status", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr)

    def test_two_nodes_in_one_directory_are_told_apart(self):
        first = self.node()
        second = Node(data_dir=first.data_dir, node_id="n2")
        self.nodes.append(second)
        self.addCleanup(second.destroy)
        second.start()
        self.assertEqual(json.loads(second.control("status", "--json").stdout)["node_id"], "n2")
        self.assertEqual(json.loads(first.control("status", "--json").stdout)["node_id"], "n1")
        second.stop()
        first.stop()

    def test_a_life_that_fails_again_and_again_is_slowed_and_said(self):
        """The store dies before it was of use: the node stays up, degrades, says so, and recovers."""
        libexec = os.path.join(self.node(start=False).data_dir, "libexec")
        os.mkdir(libexec)
        real = os.path.dirname(self.nodes[0].executable)
        for name in ("clusterf-exec", "clusterf-gateway"):
            os.symlink(os.path.join(real, name), os.path.join(libexec, name))
        broken = os.path.join(libexec, "clusterf-store")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 1\n")
        os.chmod(broken, 0o755)
        node = self.nodes[0]
        node.env["CLUSTERF_LIBEXEC"] = libexec
        node.data_dir = os.path.join(node.data_dir, "data")
        os.mkdir(node.data_dir)
        node.spawn()
        eventually(60, lambda: node.workers()["store"]["state"] == "degraded", "degraded", interval=0.5)
        restarts = node.workers()["store"]["restarts"]
        self.assertLess(restarts, 20, "back-off")
        with Client(node.port, timeout=60) as client:
            self.assertNotEqual(client.get("/readyz").status, 200)
            self.assertEqual(client.get("/healthz").status, 200)
            self.assertTrue(client.get("/status").json["warnings"])
        os.remove(broken)
        os.symlink(os.path.join(real, "clusterf-store"), broken)
        eventually(60, node.is_ready, "recovery at the next probe", interval=0.5)
        node.stop()

    def test_a_permanent_failure_is_not_repeated(self):
        node = self.node(start=False)
        libexec = os.path.join(node.data_dir, "libexec")
        os.mkdir(libexec)
        real = os.path.dirname(node.executable)
        for name in ("clusterf-exec", "clusterf-gateway"):
            os.symlink(os.path.join(real, name), os.path.join(libexec, name))
        with open(os.path.join(libexec, "clusterf-store"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho 'error this cannot work' >&2\nexit 125\n")
        os.chmod(os.path.join(libexec, "clusterf-store"), 0o755)
        node.env["CLUSTERF_LIBEXEC"] = libexec
        node.spawn()
        # Either the node ends, or it stays and says so; the store is tried once.
        eventually(20, lambda: any("this cannot work" in line for line in node.log), "the reason in the log")

        def settled():
            if node.process.poll() is not None:
                return True
            return node.workers()["store"]["state"] in ("failed", "degraded")
        eventually(20, settled, "the end of the tries")
        self.assertEqual(sum("this cannot work" in line for line in node.log), 1)
        if node.process.poll() is not None:
            self.assertEqual(node.process.returncode, 125)
            self.assertEqual(descendants(os.getpid()), [])


if __name__ == "__main__":
    unittest.main()
