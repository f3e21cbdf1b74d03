"""Cluster keys: who has the key belongs to the cluster, and nobody else changes anything. All on loopback; the
attacker hears every packet and sends from whatever address it likes, but has no key."""

import json
import os
import re
import socket
import ssl
import stat
import struct
import subprocess
import threading
import time
import unittest

from client import pattern
from harness import BIN, Node, NodeCase, eventually, free_port, remove_tree, temporary_directory
from test_cluster import ClusterCase
from test_peers import HELLO, REFUSAL, Stranger, datagram, identity, text_at

CTL = os.path.join(BIN, "clusterfctl")
SUPERVISOR = os.path.join(BIN, "clusterf-supervisor")

ANNOUNCE, SOLICIT, CHALLENGE = 1, 2, 5
SEAL_BYTES = 4 * 8 + 32
SAYS_WARNING = re.compile(r"Z (error|warning) ")


def keygen(*words):
    return subprocess.run(
        [CTL, "keygen", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)


class KeyCase(ClusterCase):
    """Nodes with keys, and what can be seen of them."""

    def setUp(self):
        self.folder = temporary_directory()
        self.addCleanup(remove_tree, self.folder)

    def key(self, name="key"):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            done = keygen(path)
            self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def keyed(self, name="key"):
        return ["--cluster-key-file", self.key(name)]

    def status(self, node):
        with node.client() as client:
            return client.get("/status").json

    def counts(self, node):
        return self.status(node)["peer_network"]["counts"]

    def peer_port(self, node):
        return self.status(node)["peer_port"]

    def alive(self, node):
        return sorted(name for name, peer in self.peers(node).items() if peer["state"] == "alive")

    def standing(self, nodes):
        """What an attack must leave as it is."""
        found = {}
        for node in nodes:
            peers = {
                name: (peer["state"], sorted(peer["addresses"])) for name, peer in self.peers(node).items()}
            worrying = [line for line in node.log if SAYS_WARNING.search(line)]
            found[node.node_id] = (peers, self.status(node)["warnings"], worrying, self.names(node))
        return found


class Keygen(KeyCase):
    def test_a_key_file_is_new_private_and_never_written_over(self):
        path = self.key()
        with open(path, encoding="ascii") as file:
            key = file.read()
        self.assertRegex(key, r"\A[0-9a-f]{64}\n\Z")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        again = keygen(path)
        self.assertEqual(again.returncode, 1)
        self.assertIn(b"is there already", again.stderr)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), key)
        link = os.path.join(self.folder, "link")
        os.symlink(os.path.join(self.folder, "elsewhere"), link)
        self.assertEqual(keygen(link).returncode, 1, "a link that leads nowhere is somebody's")
        shown = [keygen().stdout for _ in range(2)]
        self.assertRegex(shown[0].decode(), r"\A[0-9a-f]{64}\n\Z")
        self.assertEqual(len({*shown, key.encode()}), 3)

    def test_what_is_no_key_starts_nothing_and_is_not_shown(self):
        cases = {
            "short": b"ab" * 31 + b"\n",
            "words": b"correct horse battery staple\n",
            "odd": b"ab" * 32 + b"a\n",
            "lines": b"ab" * 32 + b"\n" + b"cd" * 32 + b"\n",
            "empty": b"",
            "large": b"ab" * 5_000,
            "binary": os.urandom(64),
        }
        for name, content in cases.items():
            path = os.path.join(self.folder, name)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o600)
            with self.subTest(name):
                self.refused(path, "32 bytes")
        self.refused(os.path.join(self.folder, "missing"), "cannot be read")
        self.refused(self.folder, "no regular file")
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        self.refused(fifo, "no regular file")

    def refused(self, path, said):
        done = subprocess.run(
            [SUPERVISOR, "--data-dir", os.path.join(self.folder, "data"), "--node-id", "n",
             "--discovery-address", "off", "--cluster-key-file", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(done.returncode, 64, done.stderr)
        text = done.stderr.decode()
        self.assertIn("--cluster-key-file", text)
        self.assertIn(said, text)
        self.assertNotIn("abab", text)
        self.assertNotIn("horse", text)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "data")))

    def test_the_key_stays_between_supervisor_and_gateway(self):
        with open(self.key(), encoding="ascii") as file:
            key = file.read().strip()
        os.chmod(self.key(), 0o644)
        config = os.path.join(self.folder, "node.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f'cluster-key-file = "{self.key()}"\n')
        for args, env in [(["--config", config], {}), ([], {"CLUSTERF_CLUSTER_KEY_FILE": self.key()})]:
            node = self.node(args=["--debug", *args], env=env)
            warnings = self.status(node)["warnings"]
            self.assertTrue(any("chmod 600" in text for text in warnings), warnings)
            self.assertTrue(self.status(node)["peer_network"]["cluster_key"])
            self.assertFalse(any("open network" in line.lower() for line in node.log), node.tail())
            self.assertNotIn(key, json.dumps(self.status(node)))
            self.assertNotIn(key, node.control("status", "--json").stdout.decode())
            for process in [*node.processes(), *[p for p in node.processes() if p.pid == node.process.pid]]:
                for name in ("cmdline", "environ"):
                    with open(f"/proc/{process.pid}/{name}", "rb") as file:
                        self.assertNotIn(key.encode(), file.read(), f"{process.name} {name}")
            node.control("restart", "gateway")
            self.assertTrue(self.status(node)["peer_network"]["cluster_key"], "so is the next gateway")
            node.stop()
            self.assertNotIn(key, "\n".join(node.log))

    def test_without_a_key_it_is_said_loudly(self):
        node = self.node()
        self.assertTrue(any("OPEN NETWORK" in line for line in node.log), node.tail())
        self.assertEqual(len([line for line in node.log if "open network:" in line]), 1)
        self.assertFalse(self.status(node)["peer_network"]["cluster_key"])
        node.stop()


class Proxy:
    """Passes TCP connections on and keeps what goes through."""

    def __init__(self, port):
        self.target = port
        self.recorded = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                return
            server.settimeout(None)
            self.open += [client, server]
            up, down = bytearray(), bytearray()
            self.recorded.append((up, down))
            for source, sink, kept in ((client, server, up), (server, client, down)):
                threading.Thread(target=self._pump, args=(source, sink, kept), daemon=True).start()

    @staticmethod
    def _pump(source, sink, kept):
        try:
            while True:
                data = source.recv(1 << 16)
                kept += data
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
        except OSError:
            return

    def close(self):
        for one in [self.listener, *self.open]:
            one.close()


class Wire:
    """All UDP packets of the loopback interface, and packets of any sender."""

    def __init__(self):
        self.sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.sniffer.bind(("lo", 0))
        self.sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self.raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def close(self):
        self.sniffer.close()
        self.raw.close()

    def record(self, seconds, ports):
        """What is sent to or from one of the ports: (source, target, bytes), each once."""
        packets = {}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.sniffer.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                packet, source = self.sniffer.recvfrom(65536)
            except socket.timeout:
                break
            if source[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
                continue
            at = (packet[0] & 15) * 4
            sport, dport = struct.unpack_from(">HH", packet, at)
            if {sport, dport} & set(ports):
                hosts = [socket.inet_ntoa(packet[place:place + 4]) for place in (12, 16)]
                packets[(hosts[0], sport), (hosts[1], dport), packet[at + 8:]] = None
        return list(packets)

    def send(self, source, target, data):
        """A packet that says it is from `source`."""
        length = 8 + len(data)
        head = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0,
            socket.inet_aton(source[0]), socket.inet_aton(target[0]))
        # A checksum of 0 is none.
        self.raw.sendto(head + struct.pack(">HHHH", source[1], target[1], length, 0) + data, target)


class KeyedCluster(KeyCase):
    def test_nodes_of_one_key_are_one_store_and_a_restart_changes_nothing(self):
        nodes = self.founded(3, self.keyed())
        for index, node in enumerate(nodes):
            self.put(node, f"/f{index}", pattern(300_000, index))
        for node in nodes:
            for index in range(3):
                self.assertEqual(self.get(node, f"/f{index}").body, pattern(300_000, index))
        nodes[1].control("restart", "gateway")
        self.put(nodes[1], "/after", b"after")
        for node in nodes:
            self.assertEqual(self.get(node, "/after").body, b"after")
        killed = nodes[2].kill_worker("gateway")
        nodes[2].wait_replaced("gateway", killed)
        self.wait_whole(nodes, 20)
        eventually(20, lambda: self.get(nodes[2], "/after").body == b"after", "the file at the new gateway")
        for node in nodes:
            counts = self.counts(node)
            self.assertEqual(counts["datagrams_forged"], 0)
            self.assertEqual(counts["datagrams_malformed"], 0)
            # A gateway that was just replaced has heard nothing yet.
            eventually(10, lambda: self.counts(node)["datagrams_received"] > 0, "a datagram of a peer")
            self.assertEqual(self.status(node)["peer_network"]["key_problems"], [])
        # Not before: who is the last hears of nobody.
        for node in nodes:
            node.stop()

    def test_what_peers_say_is_encrypted_and_no_recording_of_it_is_of_use(self):
        first = self.node(node_id="n1", args=self.keyed())
        proxy = Proxy(self.peer_port(first))
        self.addCleanup(proxy.close)
        second = self.node(node_id="n2", args=[*self.keyed(), "--join", f"127.0.0.1:{proxy.port}"])
        nodes = [first, second]
        self.wait_whole(nodes, 20)
        secret = b"nobody reads this " * 3_000
        self.put(first, "/secret", secret)
        self.wait_settled(nodes, 30)
        eventually(
            20, lambda: sum(len(up) + len(down) for up, down in proxy.recorded) > len(secret),
            "the content went through the proxy")
        for up, down in proxy.recorded:
            for kept in (up, down):
                for word in (b"nobody reads", b"/secret", b"secret", b"default"):
                    self.assertNotIn(word, kept)
        before = self.standing(nodes)
        counted = self.counts(first)["connections_of_nobody"]
        for up, _ in list(proxy.recorded):
            with Stranger(self.peer_port(first)) as replay:
                try:
                    replay.socket.sendall(bytes(up))
                except (BrokenPipeError, ConnectionResetError):
                    continue  # It did not wait for the rest.
                finally:
                    replay.socket.settimeout(10)
                eventually(10, replay.is_closed, "the end of the connection")
        eventually(
            10, lambda: self.counts(first)["connections_of_nobody"] > counted, "the replay is counted")
        self.assertEqual(self.standing(nodes), before)
        for node in nodes:
            node.stop()

    def test_garbage_and_strangers_at_the_encrypted_port_change_nothing(self):
        nodes = self.founded(2, self.keyed())
        port = self.peer_port(nodes[0])
        before = self.standing(nodes)
        for index in range(60):
            with Stranger(port) as peer:
                junk = os.urandom(20 + index)
                peer.socket.sendall((b"\x16\x03\x01\x02\x00" + junk, b"GET / HTTP/1.1\r\n\r\n", junk)[index % 3])
                if index % 10 == 0:
                    peer.socket.shutdown(socket.SHUT_WR)
                    self.take_all(peer)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = version
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                with self.assertRaises((ssl.SSLError, OSError)):
                    context.wrap_socket(plain)
        eventually(
            10, lambda: self.counts(nodes[0])["connections_of_nobody"] >= 40, "garbage is counted")
        self.assertEqual(self.standing(nodes), before)
        # A gateway without a key is told so, and it alone is no garbage.
        with Stranger(port) as peer:
            kind, payload = peer.hello()
            self.assertEqual(kind, REFUSAL)
            self.assertIn("cluster key", text_at(payload, 1 + 4 + len("n1"))[0])
            self.assertTrue(peer.is_closed())
        self.assertEqual(self.counts(nodes[0])["connections_without_key"], 1)
        self.assertEqual(self.alive(nodes[0]), ["n1", "n2"])
        self.put(nodes[0], "/still", b"works")
        self.assertEqual(self.get(nodes[1], "/still").body, b"works")

    def take_all(self, peer):
        try:
            while peer.socket.recv(4096):
                pass
        except ConnectionResetError:
            return


class Attacker(KeyCase):
    """Somebody in the network without the key."""

    def setUp(self):
        super().setUp()
        try:
            self.wire = Wire()
        except PermissionError:
            self.skipTest("raw sockets cannot be had here")
        self.addCleanup(self.wire.close)
        self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.own.bind(("127.0.0.1", 0))
        self.addCleanup(self.own.close)

    def forgeries(self, data):
        """The datagram as somebody without the key can change it."""
        flipped = bytearray(data)
        flipped[-1] ^= 1
        yield bytes(flipped)
        renamed = bytearray(data)
        renamed[13] ^= 0x20
        yield bytes(renamed)
        later = bytearray(data)
        later[len(data) - 34] ^= 0x7F
        yield bytes(later)
        yield data[:-1]
        yield data[:len(data) // 2]
        yield data + b"\0"
        newer = bytearray(data)
        newer[4] = 9
        yield bytes(newer)

    def test_what_was_recorded_or_forged_changes_nothing(self):
        nodes = self.founded(2, self.keyed())
        ports = [self.discovery, *[self.peer_port(node) for node in nodes]]
        # A restart of a gateway shows its questions and answers once more.
        nodes[0].control("restart", "gateway")
        packets = self.wire.record(7, ports)
        kinds = {data[5] for _, _, data in packets}
        self.assertTrue({1, 2, 3, 4} <= kinds, f"of the kinds only {kinds} were heard")
        self.assertTrue(all(data[6:8] == b"\0\1" for _, _, data in packets), "all are sealed")
        self.wait_whole(nodes)
        before = self.standing(nodes)
        counted = [self.counts(node) for node in nodes]
        for source, target, data in packets:
            for place in {target, *[("127.0.0.1", port) for port in ports]}:
                for changed in [data, *self.forgeries(data)]:
                    self.wire.send(source, place, changed)
                    self.own.sendto(changed, place)

        def is_counted():
            for node, old in zip(nodes, counted):
                new = self.counts(node)
                for name in ("replayed", "forged", "malformed", "of_other_versions"):
                    if new["datagrams_" + name] <= old["datagrams_" + name]:
                        return False
            return True
        eventually(10, is_counted, "all that came is counted")
        self.assertEqual(self.standing(nodes), before)
        self.put(nodes[0], "/after", b"all that")
        self.assertEqual(self.get(nodes[1], "/after").body, b"all that")
        for node in nodes:
            self.assertEqual(self.status(node)["peer_network"]["key_problems"], [])

    def test_recordings_of_a_dead_node_neither_revive_it_nor_are_believed_by_who_starts_anew(self):
        nodes = self.founded(2, self.keyed())
        dead_port = self.peer_port(nodes[1])
        said = []

        def has_said_everything():
            # It asks when it starts, answers when the other one starts, and announces itself after 5 s.
            for node in reversed(nodes):
                node.control("restart", "gateway")
            packets = self.wire.record(8, [dead_port, self.discovery])
            said.extend(packet for packet in packets if packet[0][1] == dead_port)
            return {1, 2, 3, 4} <= {data[5] for _, _, data in said}
        eventually(40, has_said_everything, "a datagram of each kind")
        nodes[1].destroy()
        first_port = self.peer_port(nodes[0])

        def replay():
            for source, target, data in said:
                for place in {target, ("127.0.0.1", first_port)}:
                    self.wire.send(source, place, data)
                    self.own.sendto(data, place)

        def is_dead():
            replay()
            return self.peers(nodes[0])["n2"]["state"] == "dead"
        eventually(30, is_dead, "n2 is known dead, whatever is replayed", interval=0.3)
        nodes[0].stop()
        nodes[0].start()
        first_port = self.peer_port(nodes[0])
        counted = self.counts(nodes[0])["datagrams_unproven"]
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            replay()
            self.assertNotEqual(self.peers(nodes[0]).get("n2", {}).get("state"), "alive")
            time.sleep(0.2)
        self.assertGreater(self.counts(nodes[0])["datagrams_unproven"], counted)
        self.assertEqual(self.counts(nodes[0])["datagrams_received"], 0)

    def test_what_has_no_key_is_heard_by_nobody(self):
        nodes = self.founded(2, self.keyed())
        before = {name: found[0] for name, found in self.standing(nodes).items()}
        target = ("127.255.255.255", self.discovery)
        self.own.sendto(datagram(SOLICIT, identity("stranger")), target)
        self.own.sendto(datagram(ANNOUNCE, identity("stranger")), target)
        # A seal that anybody can write.
        sealed = struct.pack(">IBBH", 0x636C6664, 1, SOLICIT, 1) + identity("stranger") + os.urandom(SEAL_BYTES)
        for _ in range(50):
            self.own.sendto(sealed, target)
        for node in nodes:
            eventually(10, lambda: self.counts(node)["datagrams_of_other_keys"] >= 1, "another key")
            self.assertGreaterEqual(self.counts(node)["datagrams_without_key"], 1)
            said = [line for line in node.log if "node stranger at 127.0.0.1" in line]
            self.assertEqual(len(said), 2, "each of its two faults is said once")
        self.own.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            self.own.recvfrom(2000)
        self.assertEqual({name: found[0] for name, found in self.standing(nodes).items()}, before)


class Strangers(KeyCase):
    """Nodes that do not belong together say so on both sides, and nothing else happens."""

    def apart(self, nodes, waiting=()):
        """Each is alone, with its own files; those that wait for who they were told to join have none."""
        for node in nodes:
            if node not in waiting:
                self.put(node, f"/of-{node.node_id}", node.node_id.encode())
        for node in nodes:
            self.assertEqual(self.alive(node), [node.node_id])
            if node in waiting:
                self.assertEqual(self.status(node)["partition_stats"]["total_files"], 0)
            else:
                self.assertEqual(self.names(node), [f"of-{node.node_id}"])
            self.assertEqual(self.counts(node)["messages_received"], 0)
            self.assertEqual(self.status(node)["peer_network"]["links"], 0)

    def check(self, args, said, by_join):
        """Two nodes with these options; what each has to say of the other."""
        if by_join:
            first = self.node(node_id="n1", args=args[0])
            second = self.node(
                node_id="n2", args=[*args[1], "--join", f"127.0.0.1:{self.peer_port(first)}"])
            nodes = [first, second]
        else:
            self.cluster(0)
            nodes = [self.member(1, args[0]), self.member(2, args[1])]
        for node, words in zip(nodes, said):
            eventually(10, lambda: any(words in line for line in node.log), f"{node.node_id} says: {words}")
            eventually(
                10, lambda: any(words in text for text in self.status(node)["warnings"]), "it is a warning")
            self.assertIn(words, node.control("peers").stdout.decode())
            told = node.control("doctor", check=False)
            self.assertEqual(told.returncode, 1)
            self.assertIn(words, told.stdout.decode())
        waiting = nodes[1:] if by_join else []
        self.apart(nodes, waiting)
        # Tried again, slowly and without more words.
        began = [self.counts(node) for node in nodes]
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            self.assertEqual(self.alive(nodes[0]), [nodes[0].node_id])
            time.sleep(0.2)
        for node, words, old in zip(nodes, said, began):
            self.assertEqual(len([line for line in node.log if words in line]), 1, node.tail())
            tries = sum(self.counts(node)[name] - old[name] for name in old if name.startswith("connections_"))
            self.assertLessEqual(tries, 6)
        self.apart(nodes, waiting)
        for node in nodes:
            node.stop()

    def test_two_keys(self):
        for by_join in (False, True):
            with self.subTest(by_join=by_join):
                self.check(
                    (self.keyed("one"), self.keyed("two")), ("wrong cluster key", "wrong cluster key"), by_join)

    def test_a_key_on_one_side_alone(self):
        for by_join in (False, True):
            for args, said in [
                ((self.keyed(), []), ("has no cluster key, and this node has one", "and this node has none")),
                (([], self.keyed()), ("and this node has none", "has no cluster key, and this node has one")),
            ]:
                with self.subTest(by_join=by_join, args=args):
                    self.check(args, said, by_join)

    def test_two_names_with_one_key(self):
        self.cluster(0)
        nodes = [self.member(1, self.keyed()), self.member(2, [*self.keyed(), "--cluster-name", "office"])]
        for node, other in zip(nodes, ("office", "default")):
            eventually(
                10, lambda: any(f'cluster "{other}" is in this network' in line for line in node.log), "it is said")
        joining = self.node(
            node_id="n3", args=[*self.keyed(), "--cluster-name", "attic", "--join",
                                f"127.0.0.1:{self.peer_port(nodes[0])}"])
        for node in (joining, nodes[0]):
            eventually(
                10, lambda: any('belongs to the cluster "default", not to "attic"' in line for line in node.log),
                "it is said on both sides")
        self.apart([*nodes, joining], waiting=[joining])
        for node in nodes:
            self.assertEqual(self.status(node)["peer_network"]["key_problems"], [])

    def test_two_established_clusters_of_one_name_and_key_stay_two_until_a_person_says_so(self):
        self.check_two_stay_two(self.keyed())

    def test_two_established_clusters_of_one_name_without_a_key_stay_two_until_a_person_says_so(self):
        self.cluster(0)
        self.check_two_stay_two([])

    def check_two_stay_two(self, args):
        first = self.node(node_id="n1", args=args)
        second = self.node(node_id="n2", args=args)
        for node in (first, second):
            self.put(node, f"/of-{node.node_id}", node.node_id.encode())
        second.stop()
        second.args += ["--join", f"127.0.0.1:{self.peer_port(first)}"]
        second.start()
        nodes = [first, second]
        for node in nodes:
            eventually(
                20, lambda: any("another cluster of this name" in text for text in self.status(node)["warnings"]),
                f"{node.node_id} says it")
        for node in nodes:
            self.assertEqual(self.names(node), [f"of-{node.node_id}"])
        ids = [self.stats(node)["cluster_id"] for node in nodes]
        self.assertNotEqual(*ids)
        second.control("join", "--merge", ids[0])
        eventually(20, lambda: self.stats(second)["cluster_id"] == ids[0], "one cluster")
        for node in nodes:
            eventually(
                30, lambda: sorted(self.names(node)) == ["of-n1", "of-n2"], f"all files at {node.node_id}")
            self.assertEqual(self.get(node, "/of-n1").body, b"n1")
            self.assertEqual(self.get(node, "/of-n2").body, b"n2")
        # What is one's own cluster by now is not another one.
        eventually(
            10, lambda: not any(ids[0] in text for text in self.status(second)["warnings"]), "no warning of itself")


if __name__ == "__main__":
    unittest.main()
