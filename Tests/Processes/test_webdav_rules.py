"""Rules of WebDAV that clients count on when something goes another way than usual."""

import socket
import unittest

from client import pattern
from dav_client import DAVClient, condition, propfind_body
from harness import NodeCase, SharedNodeCase, eventually

PROPERTY = (b'<propertyupdate xmlns="DAV:"><set><prop><color xmlns="urn:x">blue</color></prop></set></propertyupdate>')
LOCK = (b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>')


class AMemberCalledDav(NodeCase):
    def test_deleting_what_is_listed_at_the_root_deletes_no_more_than_that(self):
        node = self.node()
        with DAVClient(node.port, "/dav") as dav, DAVClient(node.port) as root:
            for path in ("/dav", "/davos"):
                self.assertEqual(dav.dav("MKCOL", path).status, 201)
                self.assertEqual(dav.dav("PUT", path + "/f", b"x").status, 201)
            self.assertEqual(dav.dav("PUT", "/a", b"x").status, 201)
            self.assertEqual(root.names("/"), ["a", "davos/"])
            self.assertEqual(root.tree("/"), ["a", "davos/", "davos/f"])
            self.assertEqual(dav.tree("/"), ["a", "dav/", "dav/f", "davos/", "davos/f"])
            # A name that only begins so is a name like others.
            self.assertEqual(root.tree("/davos"), ["f"])
            self.assertNotIn('href="/dav/"', root.get("/davos/").body.decode())
            for name in root.names("/"):
                self.assertEqual(root.dav("DELETE", "/" + name).status, 204)
            self.assertEqual(dav.get("/dav/dav/f").body, b"x")
            self.assertEqual(dav.dav("DELETE", "/dav").status, 204)


class LocksOfNothing(SharedNodeCase):
    """LOCK of a name where nothing is."""

    def setUp(self):
        self.client = DAVClient(self.shared.port)
        self.addCleanup(self.client.close)

    def test_a_refused_lock_leaves_no_file(self):
        client = self.client
        self.assertEqual(client.dav("MKCOL", "/refused").status, 201)
        self.assertEqual(client.dav("PUT", "/refused/f", b"x").status, 201)
        for path, status in (("/refused/new/", 409), ("/refused/f/", 409), ("/refused/f/new", 409)):
            self.assertEqual(client.dav("LOCK", path, LOCK).status, status, path)
        token = client.dav("LOCK", "/refused", LOCK)["Lock-Token"]
        self.assertEqual(client.dav("LOCK", "/refused/new", LOCK).status, 423)
        self.assertEqual(client.names("/refused"), ["f"])
        self.assertEqual(client.dav("UNLOCK", "/refused", Lock_Token=token).status, 204)


class Copies(SharedNodeCase):
    def test_a_copy_of_depth_zero_has_the_collections_properties_and_no_members(self):
        with DAVClient(self.shared.port) as client:
            self.assertEqual(client.dav("MKCOL", "/described").status, 201)
            self.assertEqual(client.dav("PUT", "/described/f", b"x").status, 201)
            self.assertEqual(client.dav("PROPPATCH", "/described", PROPERTY).status, 207)
            for status in (201, 204):
                self.assertEqual(client.move("COPY", "/described", "/alone", Depth="0").status, status)
                self.assertEqual(client.found("/alone")["/alone/"]["{urn:x}color"], "blue")
                self.assertEqual(client.names("/alone"), [])


class Replacing(NodeCase):
    """What is at a destination stays where what was to replace it cannot come."""

    def test_nothing_is_deleted_for_paths_that_would_be_too_long(self):
        with DAVClient(self.node().port) as client:
            self.assertEqual(client.dav("MKCOL", "/from").status, 201)
            self.assertEqual(client.dav("PUT", "/from/" + "n" * 200, b"x").status, 201)
            there = ""
            for _ in range(16):
                there += "/" + "m" * 245
                self.assertEqual(client.dav("MKCOL", there).status, 201)
            self.assertEqual(client.dav("PUT", there + "/f", b"stays").status, 201)
            for method in ("COPY", "MOVE"):
                self.assertEqual(client.move(method, "/from", there).status, 400)
                self.assertEqual(client.get(client.url(there + "/f")).body, b"stays")
            self.assertEqual(client.names("/from"), ["n" * 200])

    def test_nothing_is_deleted_for_what_a_quota_has_no_room_for(self):
        node = self.node()
        with DAVClient(node.port) as client:
            for path in ("/from", "/q", "/q/to"):
                self.assertEqual(client.dav("MKCOL", path).status, 201)
            for number in range(3):
                self.assertEqual(client.dav("PUT", f"/from/{number}", pattern(400_000, number)).status, 201)
            self.assertEqual(client.dav("PUT", "/q/to/f", b"stays").status, 201)
            node.control("set", "quotas", "/q=1M")
            body = propfind_body("quota-available-bytes")

            def room():
                return int(client.found("/q", "0", body)["/q/"]["quota-available-bytes"])

            eventually(20, lambda: room() == (1 << 20) - 5, "the quota is counted")
            for method in ("COPY", "MOVE"):
                answer = client.move(method, "/from", "/q/to")
                self.assertEqual(answer.status, 507)
                self.assertEqual(condition(answer), "quota-not-exceeded")
                self.assertEqual(client.get("/q/to/f").body, b"stays")
            self.assertEqual(client.dav("DELETE", "/from/0").status, 204)
            self.assertEqual(client.move("MOVE", "/from", "/q/to").status, 204)
            self.assertEqual(client.names("/q/to"), ["1", "2"])


class Room(NodeCase):
    def test_each_collection_of_a_listing_has_its_own_quota(self):
        node = self.node()
        with DAVClient(node.port) as client:
            for path in ("/q", "/q/a", "/q/b"):
                self.assertEqual(client.dav("MKCOL", path).status, 201)
            node.control("set", "quotas", "/q/b=1M")
            body = propfind_body("quota-available-bytes")

            def rooms():
                return {path: int(resource["quota-available-bytes"])
                        for path, resource in client.found("/q", "1", body).items()}

            eventually(20, lambda: rooms()["/q/b/"] == 1 << 20, "the quota's room")
            self.assertGreater(rooms()["/q/a/"], 1 << 20)
            self.assertGreater(rooms()["/q/"], 1 << 20)


class EntityTags(SharedNodeCase):
    def test_an_if_header_counts_for_every_method(self):
        with DAVClient(self.shared.port) as client:
            tag = client.dav("PUT", "/demanded", b"x")["ETag"]
            for method, status in (("GET", 200), ("HEAD", 200), ("PROPFIND", 207)):
                self.assertEqual(client.dav(method, "/demanded", If=f"([{tag}])").status, status)
                self.assertEqual(client.dav(method, "/demanded", If='(["other"])').status, 412)
            token = client.dav("LOCK", "/demanded", LOCK)["Lock-Token"]
            self.assertEqual(client.dav("UNLOCK", "/demanded", Lock_Token=token, If=f"(Not {token})").status, 412)
            self.assertEqual(client.dav("UNLOCK", "/demanded", Lock_Token=token, If=f"({token})").status, 204)

    def test_of_two_uploads_under_one_tag_one_is_done(self):
        with DAVClient(self.shared.port) as client:
            tag = client.dav("PUT", "/tagged", b"one")["ETag"]
            # Both heads are judged while the first version is there.
            request = (f"PUT /tagged HTTP/1.1\r\nHost: h\r\nIf: ([{tag}])\r\nExpect: 100-continue\r\n"
                       "Content-Length: 3\r\nConnection: close\r\n\r\n").encode()
            sockets = [socket.create_connection(("127.0.0.1", self.shared.port), timeout=20) for _ in range(2)]
            for connection in sockets:
                self.addCleanup(connection.close)
                connection.sendall(request)
                self.assertIn(b" 100 ", connection.recv(1000))
            statuses = []
            for connection, body in zip(sockets, (b"two", b"six")):
                connection.sendall(body)
                statuses.append(int(connection.recv(1000).split(b" ")[1]))
            self.assertEqual(statuses, [204, 412])
            self.assertEqual(client.get("/tagged").body, b"two")


class ABaseBelowTheRoot(NodeCase):
    def test_nothing_but_the_base_is_served(self):
        node = self.node(args=["--webdav", "/photos/\u00fc"])
        with DAVClient(node.port, "/dav") as client:
            # It need not be there: then it is empty.
            self.assertEqual(client.names("/"), [])
            self.assertEqual(client.get("/dav/").status, 200)
            self.assertEqual(client.dav("MKCOL", "/").status, 405)
            self.assertEqual(client.dav("PUT", "/first", b"1").status, 201)
            self.assertEqual(client.get("/api/files/photos/%C3%BC/first").body, b"1")
            self.assertEqual(client.dav("DELETE", "/first").status, 204)
            self.assertEqual(client.put("/api/files/photos/%C3%BC/a", b"a").status, 201)
            self.assertEqual(client.put("/api/files/other", b"b").status, 201)
            self.assertEqual(client.names("/"), ["a"])
            self.assertEqual(client.get("/a").body, b"a")
            self.assertEqual(client.get("/other").status, 404)
            self.assertEqual(client.dav("DELETE", "/").status, 403)
            self.assertEqual(client.get("/dav/%2e%2e/other").status, 400)
            self.assertEqual(client.move("COPY", "/a", "/b").status, 201)
            self.assertEqual(client.get("/api/files/photos/%C3%BC/b").body, b"a")


if __name__ == "__main__":
    unittest.main()
