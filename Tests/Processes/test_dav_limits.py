"""WebDAV by the thousand, and by clients that mean harm: within bounds of time and memory."""

import os
import time
import unittest

from dav_client import DAVClient, condition
from harness import NodeCase

LOCK = (b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>')

# In a test; a benchmark has the true number (docs/PERFORMANCE.md).
LISTING_SECONDS = 2
# Of the gateway, while it answers one request: a page of the store and its text are a few.
GROWTH = 24 << 20

ENTRIES = 100_000 if os.environ.get("CLUSTERF_LONG") == "yes" else 5_000


def memory(pid):
    """Bytes that the process had in memory at most, of those that it needs for itself."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) << 10


class Large(NodeCase):
    def test_a_collection_stays_usable_however_many_of_its_files_were_locked(self):
        node = self.node()
        with DAVClient(node.port, timeout=60) as client:
            self.assertEqual(client.dav("MKCOL", "/d").status, 201)
            for number in range(300):
                path = f"/d/{number}"
                token = client.dav("LOCK", path, LOCK)["Lock-Token"]
                self.assertEqual(client.dav("PUT", path, b"x", If=f"({token})").status, 204)
                self.assertEqual(client.dav("UNLOCK", path, Lock_Token=token).status, 204)
            self.assertEqual(len(client.found("/d", "1")), 301)
            self.assertEqual(client.move("COPY", "/d/", "/e/").status, 201)
            self.assertEqual(client.move("MOVE", "/d/", "/f/").status, 201)
            self.assertEqual(client.move("COPY", "/e/", "/f/").status, 204)
            token = client.dav("LOCK", "/f", LOCK)["Lock-Token"]
            self.assertEqual(client.dav("UNLOCK", "/f", Lock_Token=token).status, 204)
            self.assertEqual(client.dav("DELETE", "/f").status, 204)

    def test_a_large_collection_is_listed_whole(self):
        node = self.node()
        with DAVClient(node.port, "/dav", timeout=60) as client:
            self.assertEqual(client.dav("MKCOL", "/many").status, 201)
            names = [f"{number:05}" for number in range(2500)]
            for name in names:
                self.assertEqual(client.dav("PUT", "/many/" + name, name.encode()).status, 201)
            self.assertEqual(client.names("/many"), names)
            self.assertEqual(client.tree("/many"), names)

    def test_an_infinite_listing_ends_at_its_limit(self):
        node = self.node()
        with DAVClient(node.port, timeout=60) as client:
            self.assertEqual(client.dav("MKCOL", "/a").status, 201)
            for number in range(10):
                self.assertEqual(client.dav("MKCOL", f"/a/{number}").status, 201)
            for number in range(999):
                self.assertEqual(client.dav("PUT", f"/a/0/{number}", b"").status, 201)
            # 1,010 members so far; copies are links.
            for number in range(1, 9):
                self.assertEqual(client.move("COPY", "/a/0/", f"/a/{number}/").status, 204)
            # /a, its ten collections, and nine times 999 files.
            self.assertEqual(len(client.found("/a", "infinity")), 9002)
            self.assertEqual(client.move("COPY", "/a/0/", "/a/9/").status, 204)
            # One more than the limit, with /a itself.
            self.assertEqual(client.dav("DELETE", "/a/9/0").status, 204)
            self.assertEqual(len(client.found("/a", "infinity")), 10_000)
            self.assertEqual(client.dav("PUT", "/a/more", b"").status, 201)
            answer = client.propfind("/a", "infinity")
            self.assertEqual(answer.status, 403)
            self.assertEqual(condition(answer), "propfind-finite-depth")
            self.assertEqual(len(client.found("/a", "1")), 12)

    def test_a_listing_streams_and_takes_no_memory(self):
        node = self.node()
        with DAVClient(node.port, "/dav", timeout=60) as client:
            self.assertEqual(client.dav("MKCOL", "/many").status, 201)
            for number in range(ENTRIES // 10):
                self.assertEqual(client.dav("PUT", f"/many/{number:06}", b"").status, 201)
            # Copies are links.
            for number in range(1, 10):
                self.assertEqual(client.move("COPY", "/many/", f"/copy{number}/").status, 201)
                for name in range(ENTRIES // 10):
                    source = f"/copy{number}/{name:06}"
                    self.assertEqual(client.move("MOVE", source, f"/many/{number}-{name:06}").status, 201)
            before = memory(node.pid("gateway"))
            began = time.monotonic()
            answer = client.propfind("/many", "1")
            took = time.monotonic() - began
            self.assertEqual(answer.status, 207)
            self.assertEqual(answer.body.count(b"<D:response>"), ENTRIES + 1)
            self.assertIsNone(answer["Content-Length"])
            self.assertLess(took, LISTING_SECONDS * ENTRIES / 5_000)
            self.assertLess(memory(node.pid("gateway")) - before, GROWTH)


class Hostile(NodeCase):
    """Each is refused with its status, soon, and leaves nothing in memory."""

    SECONDS = 5

    def bodies(self):
        def asks(inner):
            return f'<propfind xmlns="DAV:">{inner}</propfind>'.encode()

        def sets(inner):
            return f'<propertyupdate xmlns="DAV:"><set><prop>{inner}</prop></set></propertyupdate>'.encode()

        laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))
        bomb = f'<!DOCTYPE a [<!ENTITY e0 "ha">{laughs}]>'.encode() + asks("<prop>&e19;</prop>")
        long_space = "urn:" + "x" * 1000
        includes = "".join(
            "<include>" + "".join(f"<y:a{number}/>" for number in range(first, first + 150)) + "</include>"
            for first in range(0, 6000, 150))
        return [
            ("entities of entities", "PROPFIND", bomb, {400}),
            ("an entity outside", "PROPFIND",
             b'<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:1/e">]>' + asks("<prop>&e;</prop>"), {403}),
            ("a type outside", "PROPFIND", b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + asks("<allprop/>"), {400, 403}),
            ("ten thousand levels", "PROPFIND", asks("<prop>" + "<a>" * 10_000 + "</a>" * 10_000 + "</prop>"), {413}),
            ("levels that stay open", "PROPPATCH", b"<a>" * 60_000, {413}),
            ("a million attributes", "PROPFIND",
             b"<propfind " + b" ".join(b'a%d="1"' % number for number in range(60_000)) + b"/>", {400, 413}),
            ("a mebibyte of properties", "PROPPATCH", sets(f'<x xmlns="urn:x">{"x" * (1 << 20)}</x>'), {413}),
            ("a mebibyte of many properties", "PROPPATCH",
             sets("".join(f'<x{number} xmlns="urn:x">{"x" * 100}</x{number}>' for number in range(8_000))), {413}),
            ("names by the thousand in a long namespace", "PROPFIND",
             asks(f"<allprop/>{includes}").replace(b"<propfind", f'<propfind xmlns:y="{long_space}"'.encode()), {413}),
            ("UTF-7", "PROPFIND", b'<?xml version="1.0" encoding="utf-7"?>+ADw-propfind/+AD4-', {415}),
            ("EBCDIC", "PROPFIND", '<?xml version="1.0" encoding="cp037"?><propfind/>'.encode("cp037"), {400, 415}),
            ("UTF-32", "PROPFIND", asks("<allprop/>").decode().encode("utf-32"), {400, 415}),
            ("half of a UTF-16 pair", "PROPFIND", b"\xff\xfe" + b"<\x00\x00\xd8" * 100, {400}),
            ("bytes that are no UTF-8", "PROPFIND", asks("<prop>\u00e9</prop>").decode().encode("latin1"), {400}),
            ("nothing but zeros", "LOCK", bytes(100_000), {400}),
            ("an owner of a mebibyte", "LOCK", LOCK.replace(
                b"</lockinfo>", b"<owner>" + b"x" * (1 << 20) + b"</owner></lockinfo>"), {413}),
        ]

    def test_bodies_are_refused_in_bounded_time_and_memory(self):
        node = self.node()
        with DAVClient(node.port, "/dav", timeout=30) as client:
            for number in range(128):
                self.assertEqual(client.dav("PUT", f"/{number}", b"").status, 201)
        pid = node.pid("gateway")
        before = memory(pid)
        for name, method, body, expected in self.bodies():
            with self.subTest(name), DAVClient(node.port, "/dav", timeout=30) as client:
                began = time.monotonic()
                headers = {"Depth": "1"} if method == "PROPFIND" else {}
                answer = client.dav(method, "/" if method == "PROPFIND" else "/1", body, **headers)
                self.assertIn(answer.status, expected, answer.body[:300])
                self.assertLess(time.monotonic() - began, self.SECONDS)
                self.assertLess(len(answer.body), 10_000)
        self.assertLess(memory(pid) - before, GROWTH)
        self.assertEqual(node.pid("gateway"), pid, "the gateway died")
        with DAVClient(node.port, "/dav", timeout=30) as client:
            self.assertEqual(len(client.found("/", "1")), 129)
            self.assertEqual(client.dav("PUT", "/1", b"x").status, 204)


if __name__ == "__main__":
    unittest.main()
