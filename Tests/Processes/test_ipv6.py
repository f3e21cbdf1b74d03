"""Nodes find each other over IPv6 alone: two machines (network namespaces) on one cable, without any IPv4 address but
the loopback's, so that there is nothing to broadcast to, and with link-local addresses alone."""

import contextlib
import ctypes
import os
import subprocess
import time
import unittest

from harness import BIN, Node, NodeCase, eventually, remove_tree, temporary_directory

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace):
    """This thread is in the other network for the while; so is what it starts, and the sockets that it makes."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{namespace.pid}/ns/net", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(home)
        os.close(there)


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode()


class Everywhere(Node):
    """A node that announces itself on every interface; its network is a namespace of the test."""

    def command(self):
        words = super().command()
        at = words.index("--discovery-address")
        return words[:at] + words[at + 2:]


class LinkLocal(NodeCase):
    def namespace(self):
        """A network without anything, for as long as its process lives."""
        holder = subprocess.Popen(
            ["unshare", "--net", "sleep", "300"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(holder.stderr.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        own = os.readlink("/proc/self/ns/net")

        def is_there():
            if holder.poll() is not None:
                raise unittest.SkipTest(
                    f"no network namespaces here: {holder.stderr.read().decode(errors='replace').strip()}")
            return os.readlink(f"/proc/{holder.pid}/ns/net") != own
        eventually(10, is_there, "the namespace")
        return holder

    def cable(self):
        """Two machines on one cable."""
        namespaces = [self.namespace(), self.namespace()]
        try:
            with inside(namespaces[0]):
                run("ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1",
                    "netns", str(namespaces[1].pid))
        except OSError as error:
            self.skipTest(f"no cable between namespaces here: {error}")
        for index, namespace in enumerate(namespaces):
            with inside(namespace):
                run("ip", "link", "set", "lo", "up")
                # Nobody else has these addresses: they are used at once.
                with open(f"/proc/sys/net/ipv6/conf/cable{index}/accept_dad", "w", encoding="ascii") as file:
                    file.write("0")
                run("ip", "link", "set", f"cable{index}", "up")
        return namespaces

    def peers(self, node, namespace):
        with inside(namespace), node.client(timeout=10) as client:
            return {peer["node_id"]: peer for peer in client.get("/api/cluster-stats").json["peer_list"]}

    def check(self, args):
        namespaces = self.cable()
        for namespace in namespaces:
            with inside(namespace):
                eventually(10, lambda: "fe80::" in run("ip", "-brief", "address"), "a link-local address")
                shown = run("ip", "-brief", "address")
                self.assertNotIn(".", shown.replace("127.0.0.1/8", ""), "no IPv4 address but the loopback's")
        nodes = []
        for index, namespace in enumerate(namespaces):
            node = Everywhere(node_id=f"n{index + 1}", args=args)
            self.addCleanup(node.remove)
            self.addCleanup(node.destroy)
            self.__dict__.setdefault("nodes", []).append(node)
            nodes.append(node)
            with inside(namespace):
                node.start()
        began = time.monotonic()
        for node, namespace in zip(nodes, namespaces):
            eventually(
                20, lambda: sorted(
                    name for name, peer in self.peers(node, namespace).items() if peer["state"] == "alive"
                ) == ["n1", "n2"], f"{node.node_id} knows both")
        print(f"      found over IPv6 after {time.monotonic() - began:.2f} s")
        with inside(namespaces[0]), nodes[0].client() as client:
            self.assertEqual(client.put("/api/files/over-ipv6", b"x" * 100_000).status, 201)
        with inside(namespaces[1]), nodes[1].client() as client:
            got = client.get("/api/files/over-ipv6")
            self.assertEqual((got.status, len(got.body)), (200, 100_000))
        for node, namespace in zip(nodes, namespaces):
            with inside(namespace):
                node.stop()

    def test_nodes_find_each_other_by_the_link_local_group(self):
        self.check(["--discovery-port", "9999"])

    def test_nodes_with_a_key_do_too(self):
        folder = temporary_directory()
        self.addCleanup(remove_tree, folder)
        key = os.path.join(folder, "key")
        run(os.path.join(BIN, "clusterfctl"), "keygen", key)
        self.check(["--discovery-port", "9999", "--cluster-key-file", key])


if __name__ == "__main__":
    unittest.main()
