"""What a node says and keeps of its peers: ports, options, the sockets that its gateway gets."""

import json
import os
import re
import socket
import struct
import subprocess
import time
import unittest

from fake_node import FakeNodeCase, SUPERVISOR
from harness import NodeCase, eventually, free_port


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
            self.assertEqual(len(descriptors), 3 + 1 + 2 + 2 + 2 + 1, "control, and two addresses for each of three")
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
            (["--cluster-key-file", "/x"], "cannot be read"),
        ]:
            with self.subTest(arguments):
                code, text = self.refused(node, *arguments)
                self.assertEqual(code, 64)
                self.assertIn(said, text)
        self.assertFalse(os.path.exists(node.directory))


def text(value):
    return struct.pack(">I", len(value)) + value.encode()


def identity(node, cluster="default"):
    return text(cluster) + text(node) + struct.pack(">HQQQ", 9, 1, 1, 7)


def datagram(kind, fields):
    return struct.pack(">IBBH", 0x636C6664, 1, kind, 0) + fields


def text_at(data, at):
    size = struct.unpack_from(">I", data, at)[0]
    return data[at + 4:at + 4 + size].decode(), at + 4 + size


SOLICIT, ANSWER = 2, 3
HELLO, WELCOME, REFUSAL = 1, 2, 3


class Stranger:
    """A peer by hand: one TCP connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hello(self, node="stranger", cluster="default", version=1):
        payload = struct.pack(">QHHHH", 0x636C667370656572, version, version, 1, 1) + identity(node, cluster)
        payload += struct.pack(">BQ", 0, 0)
        self.socket.sendall(struct.pack(">IHHQ", 12 + len(payload), HELLO, 0, 0) + payload)
        return self.frame()

    def frame(self):
        header = self.take(16)
        size, kind = struct.unpack_from(">IH", header)
        return kind, self.take(size - 12)

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def is_closed(self):
        """Waits for the end of the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class Gateway(NodeCase):
    """A real gateway, asked by strangers."""

    def peer_port(self, node):
        return int(json.loads(node.control("status", "--json").stdout)["peer_port"])

    def generation(self, payload):
        _, at = text_at(payload, 4)
        return struct.unpack_from(">QQ", payload, at)[1]

    def test_who_asks_is_answered_within_the_cluster_alone(self):
        port = free_udp_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                listener.setsockopt(socket.SOL_SOCKET, option, 1)
            listener.bind(("127.255.255.255", port))
            listener.settimeout(10)
            node = self.node(args=["--discovery-address", "127.255.255.255", "--discovery-port", str(port)])
            heard, source = listener.recvfrom(2000)
            self.assertEqual(heard[:8], datagram(SOLICIT, b""))
            self.assertEqual(source[1], self.peer_port(node), "it speaks from its peer port")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            asker.bind(("127.0.0.1", 0))
            asker.settimeout(5)
            target = ("127.255.255.255", port)
            asker.sendto(b"nonsense", target)
            asker.sendto(datagram(SOLICIT, identity("x", "office")), target)
            asker.sendto(datagram(9, identity("x")), target)
            asker.sendto(datagram(SOLICIT, identity("x")), target)
            answer, source = asker.recvfrom(2000)
            self.assertEqual(answer[:8], datagram(ANSWER, b""))
            cluster, at = text_at(answer, 8)
            name, at = text_at(answer, at)
            self.assertEqual((cluster, name), ("default", "n1"))
            self.assertEqual(struct.unpack_from(">H", answer, at)[0], source[1])
            asker.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                asker.recvfrom(2000)
        node.stop()

    def test_a_hello_is_answered_or_refused_with_a_sentence(self):
        node = self.node()
        port = self.peer_port(node)
        with Stranger(port) as peer:
            kind, payload = peer.hello()
            self.assertEqual(kind, WELCOME)
            self.assertEqual(text_at(payload, 4)[0], "n1")
        for arguments, said in [
            ({"cluster": "office"}, 'belongs to the cluster "default", not to "office"'),
            ({"version": 9}, "update the older of the two"),
            ({"node": "n1"}, "two nodes have the id n1"),
        ]:
            with self.subTest(arguments), Stranger(port) as peer:
                kind, payload = peer.hello(**arguments)
                self.assertEqual(kind, REFUSAL)
                self.assertIn(said, text_at(payload, 1 + 4 + len("n1"))[0])
                self.assertTrue(peer.is_closed())
        node.stop()

    def test_garbage_costs_nothing_that_lasts(self):
        node = self.node()
        port = self.peer_port(node)
        gateway = node.pid("gateway")

        def descriptors():
            return len(os.listdir(f"/proc/{gateway}/fd"))
        before = descriptors()
        for index in range(200):
            with Stranger(port) as peer:
                peer.socket.sendall(os.urandom(20 + index) if index % 2 else b"GET / HTTP/1.1\r\n\r\n")
                if index % 20 == 0:
                    self.assertTrue(peer.is_closed())
        eventually(15, lambda: descriptors() <= before + 2, "the descriptors of before")
        with Stranger(port) as peer:
            self.assertEqual(peer.hello()[0], WELCOME)
        self.assertEqual(node.pid("gateway"), gateway)
        node.stop()

    def test_connects_wait_out_a_gateways_death_and_its_restart(self):
        node = self.node()
        port = self.peer_port(node)
        with Stranger(port) as peer:
            self.assertEqual(self.generation(peer.hello()[1]), 1)
            node.kill_worker("gateway")
            self.assertTrue(peer.is_closed())
            with Stranger(port) as again:
                self.assertEqual(self.generation(again.hello()[1]), 2)
                node.control("restart", "gateway")
                with Stranger(port) as last:
                    self.assertEqual(self.generation(last.hello("other")[1]), 3)
        node.stop()

    def test_a_peer_that_is_silent_does_not_hold_up_the_stop(self):
        node = self.node()
        with Stranger(self.peer_port(node)) as peer:
            self.assertEqual(peer.hello()[0], WELCOME)
            began = time.monotonic()
            node.stop()
            self.assertLess(time.monotonic() - began, 6)


if __name__ == "__main__":
    unittest.main()
