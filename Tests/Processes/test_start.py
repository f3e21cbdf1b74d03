"""Starting, stopping, and refusing to start: each refusal says what is wrong and starts nothing."""

import os
import re
import socket
import subprocess
import time
import unittest

from client import pattern
from harness import BIN, Node, NodeCase, descendants, eventually

# An exit that takes longer is a hang.
REFUSAL_SECONDS = 15
# The promise is 1 s (measured by `make bench`); a busy machine is allowed ten times that.
START_BOUND_SECONDS = 10


class Start(NodeCase):
    def refused(self, node):
        """Spawns a node that must end by itself with an error; returns what it said."""
        node.spawn()
        try:
            code = node.process.wait(REFUSAL_SECONDS)
        except subprocess.TimeoutExpired:
            node.destroy()
            self.fail(f"the node started, or hangs, instead of refusing:\n{node.tail()}")
        node.join_log()
        said = node.tail()
        self.assertNotEqual(code, 0, said)
        self.assertGreater(code, 0, f"ended by a signal: {said}")
        self.assertEqual(descendants(os.getpid()), [], "nothing may be left running")
        return said

    def test_start_to_first_200(self):
        for name in ("first", "again"):
            node = self.node(start=False)
            began = time.monotonic()
            node.start()
            with node.client() as client:
                self.assertEqual(client.get("/api/files/").status, 200)
            seconds = time.monotonic() - began
            print(f"      start to first 200 ({name}): {seconds:.3f} s")
            self.assertLess(seconds, START_BOUND_SECONDS)
            node.stop()
            worrying = [line for line in node.log if re.search(r"Z (error|warning) ", line)]
            # That anybody of the network may join is said at each start.
            self.assertEqual(
                [line for line in worrying if "open network" not in line], [],
                "a clean life has nothing to complain of")
            self.assertEqual(len(worrying), 1, "said once")

    def test_a_stopped_node_starts_again_with_everything(self):
        node = self.node()
        files = {f"/api/files/kept/{size}": pattern(size) for size in (0, 10, 65536, 65537, 3_000_000)}
        with node.client() as client:
            for target, data in files.items():
                self.assertEqual(client.put(target, data).status, 201)
        node.stop()
        node.start()
        with node.client() as client:
            for target, data in files.items():
                self.assertEqual(client.get(target).body, data)
        node.stop()

    def test_a_stop_right_after_the_start(self):
        node = self.node(start=False)
        node.spawn()
        eventually(10, lambda: node.log or node.processes(), "a sign of life")
        node.stop()

    def test_sigint_stops_in_order(self):
        node = self.node()
        node.processes()
        node.process.send_signal(2)
        self.assertEqual(node.process.wait(20), 0, node.tail())
        self.assertEqual(node.leftovers(), [])

    def test_the_log_names_what_a_person_needs(self):
        node = self.node()
        text = "\n".join(node.log)
        self.assertIn(node.node_id, text)
        self.assertIn(str(node.port), text)
        self.assertIn(node.data_dir, text)
        node.stop()

    def test_a_port_in_use_is_refused_naming_port_and_flag(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(("0.0.0.0", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            said = self.refused(self.node(port=port, start=False))
        self.assertIn(str(port), said)
        self.assertIn("--http-port", said)

    def test_a_locked_data_directory_is_refused(self):
        first = self.node()
        second = Node(data_dir=first.data_dir)
        self.addCleanup(second.destroy)
        second.spawn()
        code = second.process.wait(REFUSAL_SECONDS)
        second.join_log()
        self.assertNotEqual(code, 0)
        self.assertIn(first.directory, second.tail())
        self.assertRegex(second.tail().lower(), "lock|in use|another")
        with first.client() as client:
            self.assertEqual(client.get("/readyz").status, 200)
        first.stop()

    def test_a_newer_format_is_refused(self):
        node = self.node()
        node.stop()
        format_file = os.path.join(node.directory, "FORMAT")
        with open(format_file, encoding="utf-8") as file:
            original = file.read()
        self.assertRegex(original, r"^clusterf 1 rawfile 1\n?$")
        for text in ("clusterf 99 rawfile 1\n", "clusterf 1 rawfile 99\n", "clusterf 1 martian 1\n", "other\n", ""):
            with self.subTest(format=text):
                with open(format_file, "w", encoding="utf-8") as file:
                    file.write(text)
                said = self.refused(node)
                self.assertRegex(said, re.compile("format", re.IGNORECASE))
                with open(format_file, encoding="utf-8") as file:
                    self.assertEqual(file.read(), text, "a refusal changes nothing")
        with open(format_file, "w", encoding="utf-8") as file:
            file.write(original)
        node.start()
        node.stop()

    def test_unknown_and_contradictory_flags_exit_64(self):
        for args in (["--no-such-flag"], ["--http-port", "seventy"], ["--http-port", "70000"],
                     ["--node-id", "a/b"], ["--node-id", "x" * 65], ["--storage-major", "martian"]):
            with self.subTest(args=args):
                node = self.node(args=args, start=False)
                said = self.refused(node)
                self.assertEqual(node.process.returncode, 64, said)
                self.assertEqual(os.listdir(node.data_dir), [], "nothing may be made")

    def test_an_unknown_storage_version_is_refused(self):
        said = self.refused(self.node(args=["--storage-minor", "99"], start=False))
        self.assertIn("99", said)

    def test_the_node_id_is_made_once_and_kept(self):
        node = self.node(start=False)
        plain = [node.executable, "--http-port", str(node.port), "--data-dir", node.data_dir]
        node.command = lambda: plain
        node.start()
        with node.client() as client:
            first = client.get("/status").json["node_id"]
        node.stop()
        self.assertEqual(os.listdir(node.data_dir), [first])
        node.start()
        with node.client() as client:
            self.assertEqual(client.get("/status").json["node_id"], first)
        node.stop()
        os.mkdir(os.path.join(node.data_dir, "another"))
        for name in ("FORMAT", "lock"):
            with open(os.path.join(node.data_dir, first, name), "rb") as file:
                content = file.read()
            with open(os.path.join(node.data_dir, "another", name), "wb") as file:
                file.write(content)
        said = self.refused(node)
        self.assertIn(first, said)
        self.assertIn("another", said)
        self.assertIn("--node-id", said)

    def test_an_automatic_port_is_kept(self):
        node = self.node(start=False)
        node.command = lambda: [node.executable, "--data-dir", node.data_dir, "--node-id", node.node_id]

        def announced():
            found = re.findall(r"https?://[^\s/]*:(\d+)", "\n".join(node.log))
            return int(found[0]) if found else None

        ports = []
        for _ in range(2):
            node.log.clear()
            node.spawn()
            node.port = eventually(20, announced, "the URL in the log")
            eventually(20, node.is_ready, "readiness")
            ports.append(node.port)
            node.stop()
        self.assertEqual(ports[0], ports[1])
        self.assertTrue(30000 <= ports[0] <= 32767, ports)

    def test_version_of_every_program(self):
        versions = set()
        for name in ("clusterf-supervisor", "clusterf-store", "clusterf-gateway"):
            path = os.path.join(BIN, name)
            done = subprocess.run([path, "--version"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=10)
            self.assertEqual(done.returncode, 0)
            versions.add(done.stdout.decode().split()[-1])
        self.assertEqual(len(versions), 1, versions)


if __name__ == "__main__":
    unittest.main()
