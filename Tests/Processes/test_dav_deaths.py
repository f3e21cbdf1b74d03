"""Locks and properties are the cluster's: they outlive every process, and count on every node."""

import unittest

from dav_client import DAVClient
from harness import NodeCase, eventually, suite_of
from test_cluster import ClusterCase
from test_webdav import PROPERTY

LOCK = (b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>')


def fresh(worker):
    """Ends with SIGKILL what serves, and waits for the next life."""
    def kill(node):
        node.wait_replaced(worker, node.kill_worker(worker))
        eventually(20, node.is_ready, "a node that serves again")
    return kill


class Deaths(NodeCase):
    def test_a_lock_and_properties_outlive_gateway_and_store(self):
        node = self.node()
        with DAVClient(node.port) as client:
            self.assertEqual(client.dav("PUT", "/f", b"x").status, 201)
            self.assertEqual(client.dav("PROPPATCH", "/f", PROPERTY.encode()).status, 207)
            token = client.dav("LOCK", "/f", LOCK)["Lock-Token"]
        for worker in ("gateway", "store"):
            node.wait_replaced(worker, node.kill_worker(worker))
        eventually(20, node.is_ready, "a node that serves again")
        with DAVClient(node.port) as client:
            self.assertEqual(client.dav("PUT", "/f", b"y").status, 423)
            self.assertEqual(client.dav("PUT", "/f", b"y", If=f"({token})").status, 204)
            self.assertEqual(client.found("/f")["/f"]["{urn:x}color"], "blue & green")
            self.assertEqual(client.dav("UNLOCK", "/f", Lock_Token=token).status, 204)
            self.assertEqual(client.dav("PUT", "/f", b"z").status, 204)


class OnEveryNode(ClusterCase):
    def refused(self, nodes, path):
        """A write without the token is 423 on each of the nodes, by either address and by the file routes."""
        for node in nodes:
            for prefix in ("", "/dav"):
                with self.subTest(node=node.node_id, prefix=prefix), DAVClient(node.port, prefix, timeout=30) as client:
                    self.assertEqual(client.dav("PUT", path, b"no").status, 423)
                    self.assertEqual(client.dav("DELETE", path).status, 423)
                    self.assertEqual(client.move("MOVE", path, path + "-moved").status, 423)
            with node.client(timeout=30) as client:
                self.assertEqual(client.put("/api/files" + path, b"no").status, 423)

    def test_a_lock_holds_on_every_node_through_the_death_of_any_process(self):
        nodes = self.founded(3)
        with DAVClient(nodes[0].port, timeout=30) as client:
            self.assertEqual(client.dav("MKCOL", "/d").status, 201)
            self.assertEqual(client.dav("PUT", "/d/f", b"one").status, 201)
            token = client.dav("LOCK", "/d/f", LOCK)["Lock-Token"]
            self.assertIsNotNone(token)
        self.refused(nodes, "/d/f")
        for kill in (fresh("gateway"), fresh("store")):
            kill(nodes[0])
            self.refused(nodes, "/d/f")
        for node in nodes[1:]:
            fresh("store")(node)
        self.refused(nodes, "/d/f")
        # The token is good on a node that it was not given by, which also tells of it.
        with DAVClient(nodes[2].port, timeout=30) as client:
            self.assertEqual(client.dav("PUT", "/d/f", b"two", If=f"({token})").status, 204)
            found = client.found("/d/f")["/d/f"].properties["lockdiscovery"]
            self.assertIn(token.strip("<>"), [text.strip() for text in found.itertext()])
            self.assertEqual(client.dav("UNLOCK", "/d/f", Lock_Token=token).status, 204)
        for number, node in enumerate(nodes):
            with DAVClient(node.port, timeout=30) as client:
                self.assertEqual(client.get("/d/f").body, b"two" if number == 0 else b"%d" % (number - 1))
                self.assertEqual(client.dav("PUT", "/d/f", b"%d" % number).status, 204)


class Abandoned(ClusterCase):
    """Takes the two minutes that a lock counts for after its time, since clocks may differ."""

    def test_a_lock_of_a_client_that_died_is_over_by_itself(self):
        nodes = self.founded(2)
        with DAVClient(nodes[0].port, timeout=30) as client:
            self.assertEqual(client.dav("PUT", "/f", b"one").status, 201)
            token = client.dav("LOCK", "/f", LOCK, Timeout="Second-1")["Lock-Token"]
            self.assertEqual(client.dav("PUT", "/f", b"two", If=f"({token})").status, 204)

        def is_over():
            with DAVClient(nodes[1].port, timeout=30) as client:
                return client.dav("PUT", "/f", b"three").status == 204
        eventually(200, is_over, "a lock that is over")


def load_tests(loader, _, __):
    return suite_of(loader, [Deaths, OnEveryNode], [Abandoned])


if __name__ == "__main__":
    unittest.main()
