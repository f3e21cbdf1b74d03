"""The supervisor's control socket and clusterfctl, over fake workers."""

import json
import os
import socket
import subprocess
import tempfile
import unittest

from fake_node import FakeNodeCase
from harness import BIN, eventually


class Control(FakeNodeCase):
    def control(self, *words):
        return subprocess.run(
            [os.path.join(BIN, "clusterfctl"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=20)

    def test_the_only_node_is_found(self):
        node = self.node()
        done = self.control("--data-dir", node.data_dir, "workers", "--json")
        workers = json.loads(done.stdout)
        self.assertEqual([worker["name"] for worker in workers], ["store", "gateway"])
        for worker in workers:
            self.assertEqual(
                set(worker), {"name", "pid", "state", "generation", "restarts", "ready_since"})
            self.assertRegex(worker["ready_since"], r"^20\d\d-.*Z$")

    def test_status_for_people_and_programs(self):
        node = self.node()
        told = json.loads(node.control("status", "--json").stdout)
        self.assertEqual(told["http_port"], node.port)
        self.assertEqual(told["state"], "running")
        self.assertEqual(told["pid"], node.process.pid)
        self.assertGreaterEqual(told["uptime_seconds"], 0)
        text = node.control("status").stdout.decode()
        self.assertIn(f"http://localhost:{node.port}/", text)
        self.assertRegex(text, r"store +\d+ +ready +1 +0 ")

    def test_no_node_exits_with_3(self):
        with tempfile.TemporaryDirectory() as base:
            for words in (["status"], ["--node", "n1", "workers"], ["stop"]):
                done = self.control("--data-dir", base, *words)
                self.assertEqual(done.returncode, 3, done)
                self.assertIn(base, done.stderr.decode())
            self.assertEqual(self.control("--data-dir", base, "version").returncode, 0)

    def test_wrong_usage_exits_with_64(self):
        for words in ([], ["martian"], ["restart"], ["status", "extra"], ["status", "--follow"], ["scrub", "x"]):
            done = self.control(*words)
            self.assertEqual(done.returncode, 64, (words, done))

    def test_a_stranger_on_the_control_socket_harms_nothing(self):
        node = self.node()
        path = os.path.join(node.directory, "run", "control.sock")
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\0\0\0\x0c" + b"\0" * 12, b""):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
                stranger.settimeout(5)
                stranger.connect(path)
                stranger.sendall(data)
        idle = []
        for _ in range(100):
            idle.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            idle[-1].connect(path)
        for stranger in idle:
            stranger.close()
        eventually(5, lambda: node.workers(), "answers again")

if __name__ == "__main__":
    unittest.main()
