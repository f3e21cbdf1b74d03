"""What a node says and keeps of its peers: ports, options, the sockets that its gateway gets."""

import json
import os
import re
import socket
import subprocess
import unittest

from fake_node import FakeNodeCase, SUPERVISOR
from harness import free_port


def free_udp_port():
    """A port at which nobody listens, neither by TCP nor by UDP."""
    while True:
        port = free_port()
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                trial.bind(("0.0.0.0", port))
            return port
        except OSError:
            continue


class Ports(FakeNodeCase):
    def ports(self, node):
        with open(os.path.join(node.directory, "ports"), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split("=", 1) for line in file)

    def settings(self, node):
        found = {}
        for line in node.wait_log("] settings "):
            name = re.search(r"info (\w+)\[", line).group(1)
            found[name] = json.loads(line.split("settings ", 1)[1])
        return found

    def refused(self, node, *arguments):
        done = subprocess.run(
            [SUPERVISOR, "--data-dir", node.data_dir, "--node-id", node.node_id, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, env=node.env)
        return done.returncode, done.stderr.decode()

    def test_the_peer_port_is_made_once_and_kept(self):
        node = self.node()
        first = self.ports(node)["peer_port"]
        self.assertIn(int(first), range(30000, 32768))
        self.assertTrue(node.logged(f"peers       port {first}, discovery off"), node.tail())
        status = json.loads(node.control("status", "--json").stdout)
        self.assertEqual(str(status["peer_port"]), first)
        self.assertEqual(int(status["discovery_port"]), 0)
        node.stop()
        node.start()
        self.assertEqual(self.ports(node)["peer_port"], first)
        node.stop()

    def test_both_kinds_listen_at_the_peer_port(self):
        port = free_udp_port()
        node = self.node(args=["--peer-port", str(port)])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            with self.assertRaises(OSError):
                trial.bind(("127.0.0.1", port))
        node.stop()

    def test_a_taken_explicit_port_is_refused_and_named(self):
        node = self.node(start=False)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with self.subTest(kind), socket.socket(socket.AF_INET, kind) as taken:
                taken.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    taken.listen()
                port = taken.getsockname()[1]
                code, said = self.refused(
                    node, "--peer-port", str(port), "--discovery-address", "off", "--bind", "127.0.0.1")
                self.assertEqual(code, 69, said)
                self.assertIn(f"--peer-port {port} is in use", said)

    def test_a_kept_port_that_is_taken_is_replaced_with_a_word(self):
        node = self.node()
        port = int(self.ports(node)["peer_port"])
        node.stop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", port))
            node.start()
            self.assertNotEqual(int(self.ports(node)["peer_port"]), port)
            node.wait_log(f"the kept --peer-port {port} is in use")
            node.stop()

    def test_a_taken_discovery_port_is_a_warning(self):
        port = free_udp_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.255.255.255", port))
            node = self.node(args=["--discovery-address", "127.255.255.255", "--discovery-port", str(port)])
            node.wait_log(f"UDP port {port} cannot be used")
            status = json.loads(node.control("status", "--json").stdout)
            self.assertEqual(int(status["discovery_port"]), 0)
            self.assertEqual(self.settings(node)["store"]["discovers"], "false")
            node.stop()

    def test_nodes_of_one_machine_share_the_discovery_port(self):
        port = free_udp_port()
        args = ["--discovery-address", "127.255.255.255", "--discovery-port", str(port)]
        nodes = [self.node(args=args, node_id=f"n{index}") for index in range(2)]
        for node in nodes:
            self.assertTrue(node.logged(f"discovery at 127.255.255.255, UDP port {port}"), node.tail())
            settings = self.settings(node)
            self.assertEqual(settings["gateway"]["discovery_port"], str(port))
            self.assertEqual(settings["gateway"]["discovery_address"], "127.255.255.255")
            self.assertEqual(settings["store"]["discovers"], "true")
            descriptors = json.loads(
                [line for line in node.wait_log("] descriptors ") if " gateway[" in line][0].split("descriptors ")[1])
            self.assertEqual(len(descriptors), 3 + 1 + 2 + 2 + 2 + 1)
            node.stop()

    def test_what_was_given_reaches_the_workers(self):
        node = self.node(args=[
            "--join", "n2.example.org:31000", "--join", "[::1]:31001", "--cluster-name", "home", "--zone", "attic",
            "--capacity", "2G"])
        settings = self.settings(node)
        self.assertEqual(settings["gateway"]["join"], "n2.example.org:31000,[::1]:31001")
        self.assertEqual(settings["gateway"]["cluster_name"], "home")
        self.assertEqual(settings["gateway"]["peer_port"], self.ports(node)["peer_port"])
        self.assertEqual(settings["store"]["cluster_name"], "home")
        self.assertEqual(settings["store"]["zone"], "attic")
        self.assertEqual(settings["store"]["capacity"], str(2 << 30))
        self.assertEqual(settings["store"]["no_store"], "false")
        self.assertEqual(settings["store"]["joins"], "true")
        self.assertNotIn("join", settings["store"])
        node.stop()

    def test_contradictions_start_nothing(self):
        node = self.node(start=False)
        for arguments, said in [
            (["--join", "n2"], "HOST:PORT"),
            (["--no-store", "--capacity", "1G"], "--no-store"),
            (["--discovery-address", "everywhere"], "IPv4"),
            (["--cluster-name", "my cluster"], "no name of a cluster"),
            (["--cluster-key-file", "/x"], "not available"),
        ]:
            with self.subTest(arguments):
                code, text = self.refused(node, *arguments)
                self.assertEqual(code, 64)
                self.assertIn(said, text)
        self.assertFalse(os.path.exists(node.directory))


if __name__ == "__main__":
    unittest.main()
