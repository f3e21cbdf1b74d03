"""The tests' own network and clock do what the scenarios that use them take for granted."""

import datetime
import email.utils
import os
import socket
import time
import unittest

import network
from clock import ClockShift
from harness import NodeCase, eventually, remove_tree, temporary_directory
from network import Network, NetworkNode


class Cuts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        obstacle = network.obstacle()
        if obstacle:
            raise unittest.SkipTest(obstacle)

    def setUp(self):
        self.network = Network(3)
        self.addCleanup(self.network.close)
        self.hosts = self.network.hosts

    def listener(self, host):
        with host.entered():
            listener = socket.create_server((host.address, 0))
        self.addCleanup(listener.close)
        return listener

    def reaches(self, sender, receiver):
        """Whether a datagram arrives, and a broadcast too; nothing else on this network would delay it for seconds."""
        with receiver.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
            inbox.bind(("0.0.0.0", 5000))
            inbox.settimeout(1)
            with sender.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
                outbox.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                for address in (receiver.address, "10.77.0.255"):
                    outbox.sendto(address.encode(), (address, 5000))
            arrived = set()
            try:
                while len(arrived) < 2:
                    arrived.add(inbox.recv(100).decode())
            except socket.timeout:
                pass  # What has not come does not come.
        self.assertIn(len(arrived), (0, 2), f"only {arrived} came")
        return bool(arrived)

    def ways(self):
        return {
            (one.number, other.number)
            for one in self.hosts for other in self.hosts if one is not other and self.reaches(one, other)}

    def test_a_cut_and_its_end(self):
        everything = {(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)}
        self.assertEqual(self.ways(), everything)
        self.network.cut(self.hosts[:1], self.hosts[1:])
        self.assertEqual(self.ways(), {(2, 3), (3, 2)})
        self.network.heal()
        self.network.drop([self.hosts[0]], [self.hosts[1]])
        self.assertEqual(self.ways(), everything - {(1, 2)})
        self.network.heal()
        self.network.isolate(self.hosts[2])
        self.assertEqual(self.ways(), {(1, 2), (2, 1)})
        self.network.heal()
        self.assertEqual(self.ways(), everything)

    def test_an_open_connection_is_cut_and_goes_on(self):
        listener = self.listener(self.hosts[1])
        with self.hosts[0].connect(listener.getsockname(), 10) as one, listener.accept()[0] as other:
            other.settimeout(0.5)
            self.network.cut(self.hosts[:1], self.hosts[1:])
            one.sendall(b"late")
            with self.assertRaises(socket.timeout):
                other.recv(10)
            self.network.heal()
            other.settimeout(20)
            self.assertEqual(other.recv(10), b"late")

    def test_an_unplugged_host_knows(self):
        self.network.unplug(self.hosts[0])

        def refused():
            try:
                self.hosts[0].connect((self.hosts[1].address, 5000), 0.2)
            except OSError as error:
                return not isinstance(error, (socket.timeout, ConnectionRefusedError))
        eventually(20, refused, "an error of its own kernel")
        self.network.plug(self.hosts[0])
        eventually(20, lambda: self.reaches(self.hosts[0], self.hosts[1]), "a way again")

    def test_nothing_leads_out_of_it(self):
        for host in self.hosts:
            for address in ("192.0.2.1", "2001:db8::1"):
                with self.assertRaises(OSError) as raised:
                    host.connect((address, 80), 5)
                self.assertNotIsInstance(raised.exception, socket.timeout)
        home = os.readlink("/proc/thread-self/ns/net")
        with self.hosts[0].entered():
            self.assertNotEqual(os.readlink("/proc/thread-self/ns/net"), home)
        self.assertEqual(os.readlink("/proc/thread-self/ns/net"), home)


class Nodes(NodeCase):
    def setUp(self):
        obstacle = network.obstacle()
        if obstacle:
            self.skipTest(obstacle)

    def test_nodes_find_each_other_by_broadcast(self):
        net = Network(2)
        self.addCleanup(net.close)
        nodes = []
        for host in net.hosts:
            node = NetworkNode(host, node_id=f"n{host.number}")
            self.addCleanup(node.remove)
            self.addCleanup(node.destroy)
            nodes.append(node.start())
        self.__dict__["nodes"] = nodes

        def is_whole():
            for node in nodes:
                with node.client() as client:
                    peers = client.get("/api/cluster-stats").json["peer_list"]
                if sorted(peer["node_id"] for peer in peers if peer["state"] == "alive") != ["n1", "n2"]:
                    return False
            return True
        eventually(20, is_whole, "one cluster")
        with net.hosts[0].client(nodes[1].port, net.hosts[1].address) as client:
            self.assertEqual(client.put("/api/files/over-the-bridge", b"x").status, 201)
        for node in nodes:
            node.stop()


class Clock(NodeCase):
    def test_a_shifted_clock_is_the_workers_clock_at_once(self):
        holder = temporary_directory()
        self.addCleanup(remove_tree, holder)
        clock = ClockShift(holder)
        node = self.node(env=clock.environment)
        for name in ("store", "gateway"):
            with open(f"/proc/{node.pid(name)}/maps", encoding="utf-8") as file:
                self.assertIn("clockshift", file.read(), f"{name} runs with the true clock")
        for hours in (0, 1, -1):
            clock.shift(hours * 3600)
            with node.client() as client:
                answer = client.put(f"/api/files/at-{hours}", b"x")
                self.assertEqual(answer.status, 201, answer)
                said = client.get(f"/api/metadata/at-{hours}").json["modified_at"]
            date = email.utils.parsedate_to_datetime(answer["Date"]).timestamp()
            modified = datetime.datetime.fromisoformat(said[:19] + "+00:00").timestamp()
            for shown in (date, modified):
                self.assertAlmostEqual(shown - time.time(), hours * 3600, delta=60)
        node.stop()


if __name__ == "__main__":
    unittest.main()
