"""WebDAV as clients meet it: every method, at /dav/ and at the root, on one node and through another one of a cluster."""

import email.utils
import re
import unittest

from client import pattern, raw_exchange, sha256, status_of
from dav_client import DAVClient, condition, entity_tag, multistatus, propfind_body
from harness import SharedNodeCase, eventually
from test_cluster import ClusterCase
from test_roundtrip import NAMES

# Names that mean something in a URL, in XML or in HTML, beside those of the file routes.
ODD_NAMES = [*NAMES, "<b>&amp;", "]]>", "a%2Fb", "~tilde", "c:d", "*", "\u0001 control", "e\u0301", "\ufffe"]


PROPERTY = ('<?xml version="1.0" encoding="utf-8"?><propertyupdate xmlns="DAV:"><set><prop>'
            '<color xmlns="urn:x">blue &amp; green</color></prop></set></propertyupdate>')


class Methods:
    """The cases; who inherits them says on which nodes and below which prefix."""

    prefix = ""
    counter = 0

    def place(self):
        """A new collection for one test."""
        Methods.counter += 1
        path = f"/t{Methods.counter}"
        self.answers(201, self.client.dav("MKCOL", path + "/"))
        return path

    def answers(self, status, answer):
        self.assertEqual(answer.status, status, answer)
        return answer

    def put(self, path, data=b"content", status=201, **headers):
        return self.answers(status, self.client.dav("PUT", path, data, **headers))

    def get(self, path):
        return self.answers(200, self.reader.dav("GET", path)).body

    def comes_to(self, path, tree):
        """The name of a directory that is gone leaves the listing of the one above a moment later."""
        eventually(20, lambda: self.reader.tree(path) == tree, f"{tree} in {path}")

    # Options, and what is no method here.

    def test_options_say_the_classes_to_everybody(self):
        place = self.place()
        for path in ("/", place, place + "/none"):
            answer = self.answers(200, self.client.dav("OPTIONS", path, Origin="http://elsewhere"))
            classes = [word.strip() for word in answer["DAV"].split(",")]
            self.assertIn("1", classes)
            self.assertIn("3", classes)
            self.assertEqual(answer["MS-Author-Via"], "DAV")
            for method in ("PROPFIND", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"):
                self.assertIn(method, answer["Allow"].split(", "))

    def test_other_methods_are_405_and_say_which_there_are(self):
        place = self.place()
        for method in ("POST", "BREW"):
            answer = self.answers(405, self.client.dav(method, place + "/x", b""))
            self.assertIn("PUT", answer["Allow"].split(", "))
        self.assertEqual(self.reader.names(place), [])

    # Files.

    def test_a_file_is_made_replaced_read_and_deleted(self):
        path = self.place() + "/file.txt"
        made = self.put(path, b"one")
        self.assertEqual(made["ETag"], entity_tag(b"one"))
        self.assertEqual(self.get(path), b"one")
        self.put(path, b"two!", status=204)
        head = self.answers(200, self.reader.dav("HEAD", path))
        self.assertEqual(head["Content-Length"], "4")
        self.assertEqual(head["Content-Type"], "text/plain")
        self.assertEqual(head["ETag"], entity_tag(b"two!"))
        self.answers(204, self.client.dav("DELETE", path))
        self.answers(404, self.reader.dav("GET", path))
        self.answers(404, self.client.dav("DELETE", path))

    def test_large_files_with_and_without_a_length(self):
        place = self.place()
        for size in (0, 65536, 65537, 3 << 20):
            data = pattern(size, size)
            self.put(f"{place}/length", data, status=201 if size == 0 else 204)
            self.assertEqual(sha256(self.get(f"{place}/length")), sha256(data))
            chunks = [data[start:start + 50_000] for start in range(0, size, 50_000)]
            answer = self.client.put_chunked(self.client.url(f"{place}/chunked-{size}"), chunks)
            self.answers(201, answer)
            self.assertEqual(sha256(self.get(f"{place}/chunked-{size}")), sha256(data))

    def test_ranges(self):
        path = self.place() + "/f"
        data = pattern(200_000, 1)
        self.put(path, data)
        part = self.answers(206, self.reader.dav("GET", path, Range="bytes=100000-100009"))
        self.assertEqual(part.body, data[100_000:100_010])
        self.assertEqual(part["Content-Range"], "bytes 100000-100009/200000")
        self.answers(416, self.reader.dav("GET", path, Range="bytes=200000-"))

    def test_a_file_needs_a_collection_and_is_none(self):
        place = self.place()
        self.put(place + "/f")
        self.put(place + "/none/f", status=409)
        self.put(place + "/f/g", status=409)
        self.put(place, status=405)
        self.put(place + "/", status=405)
        self.put(place + "/new/", status=409)
        self.answers(404, self.reader.dav("GET", place + "/f/"))
        self.assertEqual(self.reader.names(place), ["f"])

    def test_a_client_may_say_the_time_of_a_file(self):
        path = self.place() + "/f"
        answer = self.put(path, b"x", X_OC_Mtime="1000000000")
        self.assertEqual(answer["X-OC-MTime"], "accepted")
        self.assertEqual(
            self.reader.found(path)[path]["getlastmodified"], "Sun, 09 Sep 2001 01:46:40 GMT")

    def test_conditions(self):
        place = self.place()
        path = place + "/f"
        tag = self.put(path, b"one")["ETag"]
        for headers in ({"If_Match": '"other"'}, {"If_None_Match": "*"}, {"If": '(["other"])'},
                        {"If": f"(Not [{tag}])"}, {"If": "(<urn:uuid:00000000-0000-0000-0000-000000000001>)"}):
            with self.subTest(headers=headers):
                self.put(path, b"two", status=412, **headers)
                self.answers(412, self.client.dav("DELETE", path, **headers))
                self.answers(412, self.client.move("MOVE", path, place + "/g", **headers))
        self.put(path, b"two", status=204, If_Match=tag)
        self.answers(400, self.client.dav("DELETE", path, If="nonsense"))
        elsewhere = f"<{self.client.absolute(path)}> ([{entity_tag(b'two')}])"
        self.put(place + "/h", b"h", If=elsewhere)
        self.assertEqual(self.get(path), b"two")

    # Collections.

    def test_a_collection_is_made_once_and_in_a_collection(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.answers(405, self.client.dav("MKCOL", place + "/a"))
        self.answers(405, self.client.dav("MKCOL", place + "/a/"))
        self.answers(409, self.client.dav("MKCOL", place + "/none/b"))
        self.put(place + "/f")
        self.answers(405, self.client.dav("MKCOL", place + "/f"))
        self.answers(409, self.client.dav("MKCOL", place + "/f/b"))
        self.answers(415, self.client.dav("MKCOL", place + "/c", b"<x/>"))
        self.assertEqual(self.reader.names(place), ["a/", "f"])

    def test_a_collection_goes_with_all_that_is_in_it(self):
        place = self.place()
        for path in ("/a", "/a/b", "/a/b/c"):
            self.answers(201, self.client.dav("MKCOL", place + path))
            self.put(f"{place}{path}/f")
        self.answers(400, self.client.dav("DELETE", place + "/a", Depth="0"))
        self.answers(204, self.client.dav("DELETE", place + "/a/"))
        self.answers(404, self.reader.propfind(place + "/a/b", "0"))
        self.comes_to(place, [])

    def test_a_fragment_deletes_nothing(self):
        place = self.place()
        request = f"DELETE {self.client.url(place)}/#x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        answer = raw_exchange(self.client.port, request.encode(), seconds=5)
        self.assertEqual(status_of(answer), 400)
        self.assertEqual(self.reader.names(place), [])

    def test_the_root_stays(self):
        self.answers(403, self.client.dav("MOVE", "/", Destination=self.client.absolute("/x")))
        if self.prefix:
            self.answers(403, self.client.dav("DELETE", "/"))
            self.answers(405, self.client.dav("MKCOL", "/"))
        self.answers(207, self.client.propfind("/", "0"))

    def test_a_collection_is_a_page_of_links_for_people(self):
        place = self.place()
        self.put(place + "/<b>&.txt")
        self.answers(201, self.client.dav("MKCOL", place + "/sub"))
        page = self.answers(200, self.reader.dav("GET", place + "/"))
        self.assertEqual(page["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", page["Content-Security-Policy"])
        self.assertIn(f'<a href="{self.client.url(place)}/%3Cb%3E%26.txt">&lt;b&gt;&amp;.txt</a>', page.text)
        self.assertIn(f'<a href="{self.client.url(place)}/sub/">sub/</a>', page.text)
        self.answers(200, self.reader.dav("HEAD", place))

    # Copies and moves.

    def test_copies_and_moves_of_files(self):
        place = self.place()
        self.put(place + "/a", b"a")
        self.answers(201, self.client.move("COPY", place + "/a", place + "/b"))
        self.answers(204, self.client.move("COPY", place + "/a", place + "/b"))
        self.answers(412, self.client.move("COPY", place + "/a", place + "/b", Overwrite="F"))
        self.answers(403, self.client.move("COPY", place + "/a", place + "/a"))
        self.answers(409, self.client.move("COPY", place + "/a", place + "/none/b"))
        self.answers(404, self.client.move("MOVE", place + "/none", place + "/c"))
        self.answers(201, self.client.move("MOVE", place + "/a", place + "/c"))
        self.put(place + "/d", b"d")
        self.answers(412, self.client.move("MOVE", place + "/c", place + "/d", Overwrite="F"))
        self.answers(204, self.client.move("MOVE", place + "/c", place + "/d"))
        self.assertEqual(self.reader.names(place), ["b", "d"])
        self.assertEqual(self.get(place + "/d"), b"a")

    def test_destinations(self):
        place = self.place()
        self.put(place + "/a", b"a")
        self.answers(400, self.client.dav("COPY", place + "/a"))
        self.answers(502, self.client.dav("COPY", place + "/a", Destination="http://elsewhere.example/b"))
        self.answers(400, self.client.dav("COPY", place + "/a", Destination=self.client.url(place) + "/%2e%2e/b"))
        # Both addresses of the tree mean the same, and a path alone does.
        self.answers(201, self.client.dav("COPY", place + "/a", Destination=f"/dav{place}/b"))
        self.answers(201, self.client.dav("COPY", place + "/a", Destination=f"{place}/c%20d"))
        self.assertEqual(self.reader.names(place), ["a", "b", "c d"])

    def test_copies_and_moves_of_trees(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.answers(201, self.client.dav("MKCOL", place + "/a/empty"))
        self.put(place + "/a/f", b"f")
        self.answers(201, self.client.move("COPY", place + "/a/", place + "/b/"))
        self.assertEqual(self.reader.tree(place + "/b"), ["empty/", "f"])
        self.answers(201, self.client.move("COPY", place + "/a", place + "/flat", Depth="0"))
        self.assertEqual(self.reader.tree(place + "/flat"), [])
        self.answers(400, self.client.move("COPY", place + "/a", place + "/no", Depth="1"))
        self.answers(403, self.client.move("COPY", place + "/a", place + "/a/inside"))
        self.answers(403, self.client.move("MOVE", place + "/a/f", place + "/a"))
        # What was there is replaced, not mixed.
        self.put(place + "/b/only here", b"x")
        self.answers(412, self.client.move("MOVE", place + "/a", place + "/b", Overwrite="F"))
        self.answers(204, self.client.move("MOVE", place + "/a", place + "/b"))
        self.comes_to(place, ["b/", "b/empty/", "b/f", "flat/"])
        # A file takes a collection's place, and the reverse.
        self.put(place + "/file", b"file")
        self.answers(204, self.client.move("COPY", place + "/file", place + "/flat"))
        self.assertEqual(self.get(place + "/flat"), b"file")
        self.answers(204, self.client.move("MOVE", place + "/b", place + "/file"))
        self.comes_to(place, ["file/", "file/empty/", "file/f", "flat"])

    # PROPFIND.

    def test_properties_of_files_and_collections(self):
        place = self.place()
        self.put(place + "/f.txt", b"content")
        found = self.reader.found(place + "/", "1")
        self.assertEqual(sorted(found), [place + "/", place + "/f.txt"])
        own, file = found[place + "/"], found[place + "/f.txt"]
        self.assertTrue(own.is_collection)
        self.assertIsNone(own["getcontentlength"])
        self.assertFalse(file.is_collection)
        self.assertEqual(file["getcontentlength"], "7")
        self.assertEqual(file["getcontenttype"], "text/plain")
        self.assertEqual(file["getetag"], entity_tag(b"content"))
        self.assertEqual(file["displayname"], "f.txt")
        head = self.reader.dav("HEAD", place + "/f.txt")
        self.assertEqual(file["getlastmodified"], head["Last-Modified"])
        self.assertIsNotNone(email.utils.parsedate_to_datetime(file["getlastmodified"]))
        self.assertRegex(file["creationdate"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_what_is_asked_for_and_is_not_there_is_404(self):
        place = self.place()
        body = propfind_body("getetag", "getcontentlength", "nonsense")
        own = self.reader.found(place + "/", "0", body)[place + "/"]
        self.assertEqual(own.statuses, {"getetag": 404, "getcontentlength": 404, "nonsense": 404})
        body = '<propfind xmlns="DAV:"><propname/></propfind>'
        names = self.reader.found(place + "/", "0", body)[place + "/"]
        self.assertIn("resourcetype", names.properties)

    def test_the_quota_is_answered_where_it_is_asked_for(self):
        place = self.place()
        body = propfind_body("quota-available-bytes", "quota-used-bytes")
        own = self.reader.found(place + "/", "0", body)[place + "/"]
        self.assertGreater(int(own["quota-available-bytes"]), 0)
        self.assertGreaterEqual(int(own["quota-used-bytes"]), 0)
        self.assertNotIn("quota-used-bytes", self.reader.found(place + "/")[place + "/"].statuses)

    def test_depths(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        self.assertEqual(sorted(self.reader.found(place + "/", "0")), [place + "/"])
        self.assertEqual(sorted(self.reader.found(place, "1")), [place + "/", place + "/a/"])
        whole = [place + "/", place + "/a/", place + "/a/f"]
        self.assertEqual(sorted(self.reader.found(place, "infinity")), whole)
        answer = self.reader.request("PROPFIND", self.client.url(place))
        self.assertEqual(len(multistatus(self.answers(207, answer))), 3)
        self.answers(400, self.reader.propfind(place, "2"))
        self.answers(404, self.reader.propfind(place + "/none", "0"))
        self.answers(404, self.reader.propfind(place + "/a/f/", "0"))

    def test_bodies_that_are_none_are_refused(self):
        place = self.place()
        external = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><allprop/></propfind>'
        bomb = '<!DOCTYPE a [<!ENTITY e "eeeeeeeeee">]><propfind xmlns="DAV:"><allprop/></propfind>'
        deep = '<propfind xmlns="DAV:">' + "<a>" * 1000
        for body, status in (("<propfind", 400), ("<x/>", 400), (bomb, 400), (external, 403), (deep, 413),
                             (" " * 300_000, 413), ('<?xml version="1.0" encoding="latin1"?><a/>', 415)):
            with self.subTest(body=body[:40]):
                answer = self.answers(status, self.reader.propfind(place, "0", body))
                if status == 403:
                    self.assertEqual(condition(answer), "no-external-entities")

    def test_odd_names_come_and_go(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/sub"))
        for number, name in enumerate(ODD_NAMES):
            with self.subTest(name=name):
                data = str(number).encode()
                self.put(f"{place}/{name}", data)
                # The href that is answered is one that works.
                href = next(
                    href for href, resource in multistatus(self.reader.propfind(place, "1")).items()
                    if resource["getetag"] == entity_tag(data))
                self.assertEqual(self.reader.get(href).body, data)
                moved = self.client.request(
                    "MOVE", href, headers={"Destination": self.client.absolute(f"{place}/sub/{name}")})
                self.answers(201, moved)
                self.assertEqual(self.get(f"{place}/sub/{name}"), data)
                self.answers(204, self.client.dav("DELETE", f"{place}/sub/{name}"))
        self.comes_to(place, ["sub/"])

    # Locks and properties.

    def lock(self, path, scope="exclusive", status=200, owner="<owner>me</owner>", **headers):
        """Takes a lock and returns the value of an If header that shows its token."""
        body = (f'<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><{scope}/></lockscope>'
                f"<locktype><write/></locktype>{owner}</lockinfo>")
        answer = self.answers(status, self.client.dav("LOCK", path, body.encode(), **headers))
        if status not in (200, 201):
            return answer
        token = answer["Lock-Token"]
        self.assertRegex(token, r"^<urn:uuid:[0-9a-f-]{36}>$")
        self.assertIn(token[1:-1], answer.text)
        return token

    def unlock(self, path, token, status=204):
        return self.answers(status, self.client.dav("UNLOCK", path, Lock_Token=token))

    def locks(self, path):
        """The tokens that the reader's node discovers."""
        found = self.reader.found(path, "0", propfind_body("lockdiscovery"))
        prop = next(iter(found.values())).properties["lockdiscovery"]
        return sorted(f"<{token.findtext('{DAV:}href')}>" for token in prop.iter("{DAV:}locktoken"))

    def test_a_lock_keeps_others_from_writing_on_every_node(self):
        path = self.place() + "/f"
        self.put(path, b"one")
        token = self.lock(path)
        self.assertEqual(self.locks(path), [token])
        for client in (self.client, self.reader):
            answer = self.answers(423, client.dav("PUT", path, b"two"))
            self.assertEqual(condition(answer), "lock-token-submitted")
            self.answers(423, client.dav("DELETE", path))
            self.answers(423, client.move("MOVE", path, path + "2"))
            self.answers(423, client.dav("PROPPATCH", path, PROPERTY.encode()))
            self.answers(412, client.dav("PUT", path, b"two", If="(<urn:uuid:00000000-0000-0000-0000-000000000001>)"))
        self.lock(path, status=423)
        self.lock(path, "shared", status=423)
        self.answers(201, self.client.move("COPY", path, path + "2"))
        self.assertEqual(self.locks(path + "2"), [])
        self.put(path, b"two", status=204, If=f"({token})")
        self.put(path, pattern(200_000), status=204, If=f"({token})")
        self.put(path, b"three", status=204, If=f"<{self.client.absolute(path)}> ({token})")
        self.unlock(path, token)
        self.unlock(path, token, status=409)
        self.put(path, b"four", status=204)
        self.assertEqual(self.locks(path), [])

    def test_a_lock_of_nothing_makes_an_empty_file(self):
        place = self.place()
        token = self.lock(place + "/f", status=201)
        self.assertEqual(self.get(place + "/f"), b"")
        self.put(place + "/f", b"x", status=423)
        self.put(place + "/f", b"x", status=204, If=f"({token})")
        self.lock(place + "/none/f", status=409)
        self.unlock(place + "/f", token)

    def test_a_lock_goes_on_when_it_is_refreshed(self):
        path = self.place() + "/f"
        self.put(path)
        token = self.lock(path, Timeout="Second-100")
        answer = self.answers(200, self.client.dav("LOCK", path, If=f"({token})", Timeout="Second-3000"))
        seconds = int(re.search(r"Second-(\d+)", answer.text).group(1))
        self.assertTrue(2900 < seconds <= 3000, answer)
        self.answers(412, self.client.dav("LOCK", path, If="(<urn:uuid:00000000-0000-0000-0000-000000000001>)"))
        self.answers(400, self.client.dav("LOCK", path))
        self.unlock(path, token)

    def test_shared_locks(self):
        path = self.place() + "/f"
        self.put(path)
        first, second = self.lock(path, "shared"), self.lock(path, "shared")
        self.assertEqual(self.locks(path), sorted([first, second]))
        self.lock(path, status=423)
        self.put(path, b"x", status=423)
        self.put(path, b"x", status=204, If=f"({second})")
        self.unlock(path, first)
        self.put(path, b"x", status=423)
        self.unlock(path, second)
        self.put(path, b"x", status=204)

    def test_a_lock_of_a_tree_covers_what_is_in_it(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        token = self.lock(place + "/a")
        self.assertEqual(self.locks(place + "/a/f"), [token])
        self.put(place + "/a/f", b"x", status=423)
        self.put(place + "/a/new", b"x", status=423)
        self.answers(423, self.client.dav("MKCOL", place + "/a/b"))
        self.put(place + "/a/new", b"x", If=f"<{self.client.absolute(place + '/a')}> ({token})")
        self.put(place + "/a/f", b"x", status=204, If=f"({token})")
        self.unlock(place + "/a/f", token)
        self.put(place + "/a/f", b"y", status=204)

    def test_a_lock_of_depth_zero_keeps_members_from_coming_and_going(self):
        place = self.place()
        self.put(place + "/f")
        token = self.lock(place, Depth="0")
        self.put(place + "/f", b"x", status=204)
        self.put(place + "/new", b"x", status=423)
        self.answers(423, self.client.dav("DELETE", place + "/f"))
        self.answers(423, self.client.move("MOVE", place + "/f", place + "/g"))
        self.put(place + "/new", b"x", If=f"<{self.client.absolute(place)}> ({token})")
        self.unlock(place, token)

    def test_members_that_are_locked_are_said_one_by_one(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        token = self.lock(place + "/a/f")
        for answer in (self.client.dav("DELETE", place + "/a"), self.client.move("MOVE", place + "/a", place + "/b")):
            found = multistatus(self.answers(207, answer))
            self.assertEqual(found[self.client.url(place + "/a/f")].status, 423)
        self.lock(place + "/a", status=207)
        self.assertEqual(self.reader.tree(place), ["a/", "a/f"])
        tagged = f"<{self.client.absolute(place + '/a/f')}> ({token})"
        self.answers(204, self.client.dav("DELETE", place + "/a", If=tagged))
        # A lock goes with what it was of.
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        self.assertEqual(self.locks(place + "/a/f"), [])

    def test_a_collection_alone_that_is_locked_keeps_the_trees_in_it(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        token = self.lock(place, Depth="0")
        self.answers(423, self.client.dav("DELETE", place + "/a"))
        self.answers(423, self.client.move("MOVE", place + "/a", place + "/b"))
        self.assertEqual(self.reader.tree(place), ["a/", "a/f"])
        tagged = f"<{self.client.absolute(place)}> ({token})"
        self.answers(204, self.client.dav("DELETE", place + "/a", If=tagged))
        self.unlock(place, token)

    def test_those_who_share_a_collection_share_what_is_in_it(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/a/f")
        above = self.lock(place + "/a", "shared")
        below = self.lock(place + "/a/f", "shared")
        tagged = f"<{self.client.absolute(place + '/a')}> ({above})"
        for content in (b"x", pattern(200_000)):
            self.put(place + "/a/f", content, status=423)
            self.put(place + "/a/f", content, status=204, If=tagged)
        self.unlock(place + "/a/f", below)
        self.unlock(place + "/a", above)

    def test_nothing_is_deleted_for_a_move_that_is_refused(self):
        place = self.place()
        for path in ("/from", "/to"):
            self.answers(201, self.client.dav("MKCOL", place + path))
            self.put(f"{place}{path}/f")
        token = self.lock(place + "/from")
        self.answers(423, self.client.move("MOVE", place + "/from", place + "/to"))
        self.assertEqual(self.reader.tree(place), ["from/", "from/f", "to/", "to/f"])
        tagged = f"<{self.client.absolute(place + '/from')}> ({token})"
        self.answers(204, self.client.move("MOVE", place + "/from", place + "/to", If=tagged))
        self.assertEqual(self.locks(place + "/to"), [])
        self.comes_to(place, ["to/", "to/f"])

    def test_properties_are_kept_and_go_along(self):
        place = self.place()
        self.answers(201, self.client.dav("MKCOL", place + "/a"))
        self.put(place + "/f")
        for path in ("/f", "/a"):
            answer = self.answers(207, self.client.dav("PROPPATCH", place + path, PROPERTY.encode()))
            (resource,) = multistatus(answer).values()
            self.assertEqual(resource.statuses, {"{urn:x}color": 200})
        # Written anew it keeps them.
        self.put(place + "/f", b"anew", status=204)
        self.answers(201, self.client.move("COPY", place + "/f", place + "/copy"))
        self.answers(201, self.client.move("MOVE", place + "/f", place + "/moved"))
        self.answers(201, self.client.move("COPY", place + "/a", place + "/b"))
        found = self.reader.found(place + "/", "1")
        for name in ("/copy", "/moved", "/a/", "/b/"):
            self.assertEqual(found[place + name]["{urn:x}color"], "blue & green", name)
        remove = '<propertyupdate xmlns="DAV:"><remove><prop><c xmlns="urn:x"/><color xmlns="urn:x"/></prop></remove></propertyupdate>'
        self.answers(207, self.client.dav("PROPPATCH", place + "/copy", remove.encode()))
        self.assertIsNone(self.reader.found(place + "/copy")[place + "/copy"]["{urn:x}color"])

    def test_changes_of_properties_are_all_done_or_none(self):
        path = self.place() + "/f"
        self.put(path)
        body = ('<propertyupdate xmlns="DAV:"><set><prop><color xmlns="urn:x">red</color>'
                "<getetag>x</getetag></prop></set></propertyupdate>")
        (resource,) = multistatus(self.answers(207, self.client.dav("PROPPATCH", path, body.encode()))).values()
        self.assertEqual(resource.statuses, {"getetag": 403, "{urn:x}color": 424})
        self.assertIsNone(self.reader.found(path)[path]["{urn:x}color"])
        large = ('<propertyupdate xmlns="DAV:"><set><prop><color xmlns="urn:x">' + "x" * 20_000
                 + "</color></prop></set></propertyupdate>")
        self.answers(413, self.client.dav("PROPPATCH", path, large.encode()))
        self.answers(413, self.client.dav("PROPPATCH", path, b" " * (1 << 20)))

    # Browsers.

    def test_pages_of_other_sites_change_nothing(self):
        place = self.place()
        self.put(place + "/f")
        other = {"Origin": "http://elsewhere.example"}
        for method in ("PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"):
            for headers in (other, {"Sec_Fetch_Site": "cross-site"}):
                answer = self.client.dav(method, place + "/f", b"", Destination=self.client.absolute(place + "/g"), **headers)
                self.answers(403, answer)
        self.assertEqual(self.reader.names(place), ["f"])


class OneNode(Methods, SharedNodeCase):
    def setUp(self):
        self.client = self.reader = DAVClient(self.shared.port, self.prefix)
        self.addCleanup(self.client.close)


class AtTheRoot(OneNode):
    pass


class BelowDav(OneNode):
    prefix = "/dav"


class BesideOtherRoutes(SharedNodeCase):
    """What the root of the server means where the node has pages and an API of its own."""

    def test_routes_keep_their_names_and_files_of_those_names_are_below_dav(self):
        with DAVClient(self.shared.port, "/dav") as dav, DAVClient(self.shared.port) as root:
            self.assertEqual(dav.dav("PUT", "/status", b"a file").status, 201)
            self.assertEqual(dav.get("/dav/status").body, b"a file")
            self.assertIn("node_id", root.get("/status").json)
            # WebDAV's own methods have no other meaning anywhere.
            self.assertEqual(root.found("/status")["/status"]["getcontentlength"], "6")
            self.assertEqual(root.dav("PUT", "/status", b"x").status, 405)
            self.assertEqual(root.dav("DELETE", "/").status, 405)
            self.assertEqual(root.get("/api/nothing").status, 404)
            self.assertEqual(root.dav("PUT", "/api/nothing", b"x").status, 404)
            self.assertEqual(root.dav("MKCOL", "/dav").status, 405)
            self.assertEqual(root.get("/dav").status, 200)
            for path in ("/", "/status", "*"):
                answer = root.request("OPTIONS", path)
                self.assertIn("PROPFIND", answer["Allow"], answer)
                self.assertIsNotNone(answer["DAV"])
            # What was written there is a file like any other.
            self.assertEqual(root.get("/api/files/status").body, b"a file")


class ThroughASecondNode(Methods, ClusterCase):
    """What is written on one node is read on another one."""

    prefix = "/dav"

    @classmethod
    def setUpClass(cls):
        maker = ClusterCase()
        cls.maker = maker
        cls.addClassCleanup(maker.doCleanups)
        cls.pair = maker.founded(2)

    def setUp(self):
        self.client = DAVClient(self.pair[0].port, self.prefix)
        self.reader = DAVClient(self.pair[1].port, self.prefix)
        self.addCleanup(self.client.close)
        self.addCleanup(self.reader.close)

    def all_nodes(self):
        return self.pair


if __name__ == "__main__":
    unittest.main()
