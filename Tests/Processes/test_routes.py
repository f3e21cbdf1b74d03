"""The routes of /api/files and their neighbours, as the contract has them: every method, status and header."""

import base64
import email
import email.policy
import hashlib
import socket
import threading
import time
import unittest
import urllib.parse

from client import Client, pattern, raw_exchange, sha256, status_of
from harness import SharedNodeCase


class RouteCase(SharedNodeCase):
    def put(self, path, data=b"content", **headers):
        answer = self.client.put("/api/files" + path, data, **headers)
        self.assertIn(answer.status, (200, 201), answer)
        return answer

    def assert_error(self, answer, status, code=None):
        self.assertEqual(answer.status, status, answer)
        error = answer.json["error"]
        self.assertTrue(error["code"] and error["message"], answer)
        self.assertIn("hint", error)
        self.assertNotIn(self.shared.data_dir, answer.text, "no path of the host in an error")
        if code:
            self.assertEqual(error["code"], code)
        self.assertTrue(answer["Content-Type"].startswith("application/json"), answer)


class Files(RouteCase):
    def test_put_is_201_then_200_delete_204_then_404(self):
        self.assertEqual(self.client.put("/api/files/a/b", b"1").status, 201)
        self.assertEqual(self.client.put("/api/files/a/b", b"22").status, 200)
        self.assertEqual(self.client.get("/api/files/a/b").body, b"22")
        gone = self.client.delete("/api/files/a/b")
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assert_error(self.client.get("/api/files/a/b"), 404)
        self.assert_error(self.client.delete("/api/files/a/b"), 404)
        self.assertEqual(self.client.head("/api/files/a/b").status, 404)
        self.assert_error(self.client.get("/api/metadata/a/b"), 404)

    def test_versions_differ_and_are_told(self):
        first = self.put("/versioned", b"1").json["version"]
        second = self.put("/versioned", b"2").json["version"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.client.get("/api/metadata/versioned").json["version"], second)

    def test_metadata_has_every_field(self):
        before = time.time()
        self.put("/meta/photo.jpg", b"jpeg", Content_Type="image/jpeg")
        entry = self.client.get("/api/metadata/meta/photo.jpg").json
        self.assertEqual(entry["name"], "photo.jpg")
        self.assertEqual(entry["path"], "/meta/photo.jpg")
        self.assertEqual(entry["size"], 4)
        self.assertEqual(entry["content_type"], "image/jpeg")
        self.assertEqual(entry["is_directory"], False)
        self.assertEqual(entry["checksum"], sha256(b"jpeg"))
        self.assertIsInstance(entry["holders"], list)
        self.assertEqual(len(entry["holders"]), 1)
        for field in ("created_at", "modified_at"):
            self.assertRegex(entry[field], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")
            year = int(entry[field][:4])
            self.assertEqual(year, time.gmtime(before).tm_year)

    def test_the_clients_times_and_type_are_kept(self):
        self.put("/times", b"x", Content_Type="text/x-frog",
                 X_ClusterF_Modified_At="2020-02-03T04:05:06.789012345Z",
                 X_ClusterF_Created_At="2019-01-02T03:04:05+02:00")
        entry = self.client.get("/api/metadata/times").json
        self.assertEqual(entry["modified_at"], "2020-02-03T04:05:06.789012345Z")
        self.assertTrue(entry["created_at"].startswith("2019-01-02T01:04:05"), entry)
        got = self.client.get("/api/files/times")
        self.assertEqual(got["Content-Type"], "text/x-frog")
        self.assertEqual(got["Last-Modified"], "Mon, 03 Feb 2020 04:05:06 GMT")
        self.assertTrue(got["X-ClusterF-Modified-At"].startswith("2020-02-03T04:05:06"))
        self.assertTrue(got["X-ClusterF-Created-At"].startswith("2019-01-02T01:04:05"))
        self.assertEqual(got["X-ClusterF-Checksum"], sha256(b"x"))
        self.assertEqual(got["X-ClusterF-Is-Directory"], "false")
        for bad in ("yesterday", "1700000000", "2020-13-01T00:00:00Z"):
            self.assert_error(self.client.put("/api/files/times2", b"x", X_ClusterF_Modified_At=bad), 400)

    def test_head_is_get_without_a_body(self):
        for size in (0, 10, 70_000):
            self.put(f"/head/{size}", pattern(size))
            got = self.client.get(f"/api/files/head/{size}")
            head = self.client.head(f"/api/files/head/{size}")
            self.assertEqual((head.status, head.body), (200, b""))
            same = ("etag", "content-length", "content-type", "last-modified", "accept-ranges")
            self.assertEqual([head[name] for name in same], [got[name] for name in same])
            self.assertEqual(got["Accept-Ranges"], "bytes")

    def test_download_is_an_attachment(self):
        self.put("/down/gr%C3%BCn%20%22x%22.txt", b"x")
        got = self.client.get("/api/files/down/gr%C3%BCn%20%22x%22.txt?download=1")
        self.assertEqual(got.status, 200)
        disposition = got["Content-Disposition"]
        self.assertTrue(disposition.startswith("attachment"), disposition)
        self.assertIn("filename*=UTF-8''gr%C3%BCn%20%22x%22.txt", disposition)
        plain = self.client.get("/api/files/down/gr%C3%BCn%20%22x%22.txt")["Content-Disposition"]
        self.assertFalse((plain or "").startswith("attachment"))

    def test_content_digest_and_checksum_are_checked(self):
        for size in (5, 200_000):
            data = pattern(size, 1)
            digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
            other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
            right = [{"Content_Digest": f"sha-256=:{digest}:"}, {"X_ClusterF_Checksum": sha256(data)}]
            wrong = [{"Content_Digest": f"sha-256=:{other}:"}, {"X_ClusterF_Checksum": sha256(b"other")}]
            for number, headers in enumerate(right):
                self.assertEqual(self.client.put(f"/api/files/digest/{size}-{number}", data, **headers).status, 201)
            for number, headers in enumerate(wrong):
                target = f"/api/files/digest/wrong-{size}-{number}"
                self.assert_error(self.client.put(target, data, **headers), 422)
                self.assertEqual(self.client.get(target).status, 404)
                # What was there stays.
                target = f"/api/files/digest/{size}-{number}"
                self.assert_error(self.client.put(target, b"new" * size, **headers), 422)
                self.assertEqual(self.client.get(target).body, data)

    def test_wrong_methods_are_405_with_allow(self):
        self.put("/methods")
        for method, target in (("PATCH", "/api/files/methods"), ("PUT", "/api/metadata/methods"),
                               ("DELETE", "/status"), ("POST", "/healthz"), ("PUT", "/")):
            answer = self.client.request(method, target, body=b"")
            self.assertEqual(answer.status, 405, (method, target, answer))
            self.assertIn("GET", answer["Allow"])

    def test_unknown_routes_are_404(self):
        for target in ("/api/unknown", "/api", "/nothing/here", "/api/filesystem"):
            self.assertEqual(self.client.get(target).status, 404, target)
        self.assert_error(self.client.get("/api/unknown"), 404)


class Directories(RouteCase):
    def test_a_directory_is_made_once(self):
        made = self.client.post("/api/files/made/deep/down", X_Create_Directory="true")
        self.assertEqual(made.status, 201, made)
        again = self.client.post("/api/files/made/deep/down", X_Create_Directory="true")
        self.assertEqual(again.status, 200, again)
        self.assertEqual(self.client.get("/api/files/made/deep/down/").json["entries"], [])
        entry = self.client.get("/api/files/made/deep/").json["entries"][0]
        self.assertEqual((entry["name"], entry["is_directory"]), ("down", True))
        self.assert_error(self.client.post("/api/files/made/other"), 400)
        self.put("/made/file")
        self.assert_error(self.client.post("/api/files/made/file", X_Create_Directory="true"), 409)

    def test_a_name_is_a_file_or_a_directory(self):
        self.put("/either/file")
        self.assert_error(self.client.put("/api/files/either", b"x"), 409)
        self.assert_error(self.client.put("/api/files/either/file/below", b"x"), 409)
        self.assert_error(self.client.post("/api/files/either/file/below", X_Create_Directory="true"), 409)
        self.assertEqual(self.client.get("/api/files/either/file").status, 200)

    def test_parents_come_and_go_with_their_files(self):
        self.put("/parents/a/b/c")
        self.assertEqual(self.client.get("/api/files/parents/a/").json["entries"][0]["name"], "b")
        self.client.delete("/api/files/parents/a/b/c")
        self.assert_error(self.client.get("/api/files/parents/a/b/"), 404)
        self.assert_error(self.client.get("/api/files/parents/"), 404)
        self.client.post("/api/files/marked", X_Create_Directory="true")
        self.put("/marked/x")
        self.client.delete("/api/files/marked/x")
        self.assertEqual(self.client.get("/api/files/marked/").status, 200, "a made directory stays")

    def test_a_directory_is_deleted_empty_or_on_request(self):
        self.put("/full/a/1")
        self.put("/full/a/2", pattern(100_000))
        self.assert_error(self.client.delete("/api/files/full/"), 409)
        self.assert_error(self.client.delete("/api/files/full"), 409)
        self.assertEqual(self.client.get("/api/files/full/a/1").status, 200)
        self.assertEqual(self.client.delete("/api/files/full/?recursive=1").status, 204)
        self.assertEqual(self.client.get("/api/files/full/a/2").status, 404)
        self.assert_error(self.client.get("/api/files/full/"), 404)
        self.assert_error(self.client.delete("/api/files/full/"), 404)

    def test_the_root_always_exists(self):
        listing = self.client.get("/api/files/")
        self.assertEqual(listing.status, 200)
        self.assertEqual(listing.json["path"], "/")
        self.assertIn(self.client.delete("/api/files/").status, (400, 403, 405, 409))
        self.assertIn(self.client.put("/api/files/", b"x").status, (400, 405, 409))

    def test_a_directory_without_slash_redirects(self):
        self.put("/redirected%20dir/x")
        answer = self.client.get("/api/files/redirected%20dir?limit=3")
        self.assertEqual(answer.status, 308)
        location = urllib.parse.urljoin("/api/files/redirected%20dir?limit=3", answer["Location"])
        self.assertEqual(location, "/api/files/redirected%20dir/?limit=3")
        self.assert_error(self.client.get("/api/files/redirected%20dir/x/"), 404)
        head = self.client.head("/api/files/redirected%20dir/")
        self.assertEqual((head.status, head["X-ClusterF-Is-Directory"]), (200, "true"))


class Listing(RouteCase):
    """5,000 entries, made once."""

    COUNT = 5000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        wrong = []

        def fill(start):
            with cls.shared.client() as client:
                for number in range(start, cls.COUNT, 8):
                    answer = client.put(f"/api/files/many/{number * 7919 % cls.COUNT:05d}.txt", b"%d" % number)
                    if answer.status != 201:
                        wrong.append(answer)

        threads = [threading.Thread(target=fill, args=(start,)) for start in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if wrong:
            raise AssertionError(f"{len(wrong)} files could not be put; first: {wrong[0]}")

    def names(self):
        return [f"{number:05d}.txt" for number in range(self.COUNT)]

    def test_one_page_has_all_sorted(self):
        listing = self.client.get("/api/files/many/?limit=10000").json
        self.assertEqual([entry["name"] for entry in listing["entries"]], self.names())
        self.assertEqual(listing["count"], self.COUNT)
        self.assertFalse(listing.get("next"))
        entry = listing["entries"][17]
        self.assertEqual(entry["path"], "/many/00017.txt")
        self.assertTrue({"size", "content_type", "created_at", "modified_at", "checksum", "version"} <= set(entry))

    def test_pages_join_to_the_whole(self):
        for limit in (1, 7, 999, 1000, 1001, 5000):
            names, after, pages = [], None, 0
            bound = 20 if limit == 1 else self.COUNT
            while len(names) < bound:
                target = f"/api/files/many/?limit={limit}" + (f"&after={after}" if after else "")
                page = self.client.get(target).json
                self.assertLessEqual(len(page["entries"]), limit)
                names += [entry["name"] for entry in page["entries"]]
                after, pages = page.get("next"), pages + 1
                if not after:
                    break
            self.assertEqual(names, self.names()[:len(names)])
            self.assertGreaterEqual(len(names), bound)
            if bound == self.COUNT:
                self.assertFalse(after, f"limit {limit}: a next page after the last")

    def test_after_need_not_exist(self):
        page = self.client.get("/api/files/many/?limit=2&after=00017a").json
        self.assertEqual([entry["name"] for entry in page["entries"]], ["00018.txt", "00019.txt"])
        self.assertEqual(self.client.get("/api/files/many/?after=zzz").json["entries"], [])

    def test_bad_limits_are_400(self):
        for limit in ("0", "-1", "10001", "x", "1.5", ""):
            self.assert_error(self.client.get(f"/api/files/many/?limit={limit}"), 400)

    def test_without_a_limit_the_listing_says_what_follows(self):
        page = self.client.get("/api/files/many/").json
        self.assertEqual(page["entries"][0]["name"], "00000.txt")
        self.assertEqual(bool(page.get("next")), len(page["entries"]) < self.COUNT)


class Ranges(RouteCase):
    def setUp(self):
        super().setUp()
        # One file in a row of the database, one beside it.
        self.files = {"/ranges/small": pattern(1000, 1), "/ranges/large": pattern(300_000, 2)}
        for path, data in self.files.items():
            self.put(path, data)

    def each(self):
        return [("/api/files" + path, data) for path, data in self.files.items()]

    def test_single_ranges(self):
        for target, data in self.each():
            size = len(data)
            for header, first, last in (
                    ("0-0", 0, 0), ("0-99", 0, 99), ("10-10", 10, 10), (f"{size - 1}-{size - 1}", size - 1, size - 1),
                    ("-1", size - 1, size - 1), ("-100", size - 100, size - 1), ("500-", 500, size - 1),
                    (f"-{size * 2}", 0, size - 1), (f"900-{size * 2}", 900, size - 1), ("0-", 0, size - 1)):
                got = self.client.get(target, Range=f"bytes={header}")
                self.assertEqual(got.status, 206, (header, got))
                self.assertEqual(got.body, data[first:last + 1], header)
                self.assertEqual(got["Content-Range"], f"bytes {first}-{last}/{size}")
                self.assertEqual(got["Content-Length"], str(last - first + 1))
                head = self.client.head(target, Range=f"bytes={header}")
                self.assertIn(head.status, (200, 206))

    def test_several_ranges_are_multipart(self):
        for target, data in self.each():
            got = self.client.get(target, Range="bytes=0-0,10-19, -5")
            self.assertEqual(got.status, 206)
            self.assertTrue(got["Content-Type"].startswith("multipart/byteranges"), got)
            self.assertEqual(got["Content-Length"], str(len(got.body)))
            message = email.message_from_bytes(
                b"Content-Type: " + got["Content-Type"].encode() + b"\r\n\r\n" + got.body, policy=email.policy.HTTP)
            parts = [(part["Content-Range"], part.get_payload(decode=True)) for part in message.iter_parts()]
            size = len(data)
            expected = [(0, 0), (10, 19), (size - 5, size - 1)]
            self.assertEqual(len(parts), 3)
            for (header, _), (first, last) in zip(parts, expected):
                self.assertEqual(header, f"bytes {first}-{last}/{size}")
            # The parser may touch line ends; the bytes are looked for in the raw body.
            for first, last in expected:
                self.assertIn(b"\r\n\r\n" + data[first:last + 1] + b"\r\n--", got.body)

    def test_unsatisfiable_ranges_are_416(self):
        for target, data in self.each():
            for header in (f"bytes={len(data)}-", f"bytes={len(data) + 5}-{len(data) + 9}", "bytes=-0"):
                got = self.client.get(target, Range=header)
                self.assertEqual(got.status, 416, header)
                self.assertEqual(got["Content-Range"], f"bytes */{len(data)}")

    def test_what_is_no_range_is_ignored(self):
        for target, data in self.each():
            for header in ("frogs=0-5", "bytes=5-2", "bytes=a-b", "bytes", "bytes=", "bytes=--5"):
                got = self.client.get(target, Range=header)
                self.assertEqual((got.status, got.body), (200, data), header)

    def test_a_flood_of_ranges_is_bounded(self):
        target, data = "/api/files/ranges/large", self.files["/ranges/large"]
        header = "bytes=" + ",".join(["0-"] * 500)
        got = self.client.get(target, Range=header)
        self.assertIn(got.status, (200, 206, 400, 416, 431))
        self.assertLess(len(got.body), 2 * len(data))

    def test_an_empty_file_has_no_range(self):
        self.put("/ranges/empty", b"")
        self.assertEqual(self.client.get("/api/files/ranges/empty", Range="bytes=0-0").status, 416)

    def test_if_range(self):
        for target, data in self.each():
            etag = f'"{sha256(data)}"'
            self.assertEqual(self.client.get(target, Range="bytes=0-1", If_Range=etag).status, 206)
            self.assertEqual(self.client.get(target, Range="bytes=0-1", If_Range='"other"').status, 200)
            self.assertEqual(self.client.get(target, Range="bytes=0-1", If_Range="W/" + etag).status, 200)
            stamp = self.client.get(target)["Last-Modified"]
            self.assertIn(self.client.get(target, Range="bytes=0-1", If_Range=stamp).status, (200, 206))
            old = "Thu, 01 Jan 1970 00:00:01 GMT"
            self.assertEqual(self.client.get(target, Range="bytes=0-1", If_Range=old).status, 200)


class Conditions(RouteCase):
    OLD = "Thu, 01 Jan 2015 00:00:00 GMT"
    NEW = "Fri, 01 Jan 2038 00:00:00 GMT"

    def test_reads(self):
        for size in (10, 100_000):
            data = pattern(size)
            target = f"/api/files/conditions/{size}"
            self.put(f"/conditions/{size}", data, X_ClusterF_Modified_At="2020-01-01T00:00:00Z")
            etag, exact = f'"{sha256(data)}"', "Wed, 01 Jan 2020 00:00:00 GMT"
            for method in ("GET", "HEAD"):
                for headers, status in (
                        ({"If-Match": etag}, 200), ({"If-Match": "*"}, 200), ({"If-Match": f'"x", {etag}'}, 200),
                        ({"If-Match": '"x"'}, 412), ({"If-Match": "W/" + etag}, 412),
                        ({"If-None-Match": etag}, 304), ({"If-None-Match": "*"}, 304),
                        ({"If-None-Match": "W/" + etag}, 304), ({"If-None-Match": f'"x", {etag}'}, 304),
                        ({"If-None-Match": '"x"'}, 200),
                        ({"If-Modified-Since": self.OLD}, 200), ({"If-Modified-Since": exact}, 304),
                        ({"If-Modified-Since": self.NEW}, 304), ({"If-Modified-Since": "rubbish"}, 200),
                        ({"If-Unmodified-Since": self.OLD}, 412), ({"If-Unmodified-Since": exact}, 200),
                        ({"If-None-Match": '"x"', "If-Modified-Since": self.NEW}, 200),
                        ({"If-Match": etag, "If-Unmodified-Since": self.OLD}, 200),
                        ({"If-None-Match": etag, "Range": "bytes=0-0"}, 304),
                        ({"If-Match": '"x"', "Range": "bytes=0-0"}, 412)):
                    answer = self.client.request(method, target, headers=headers)
                    self.assertEqual(answer.status, status, (method, headers, answer))
                    if status == 304:
                        self.assertEqual((answer["ETag"], answer.body), (etag, b""))

    def test_writes(self):
        for size in (10, 100_000):
            path = f"/conditional/{size}"
            target = "/api/files" + path
            data, other = pattern(size, 1), pattern(size, 2)
            etag = f'"{sha256(data)}"'
            self.assert_error(self.client.put(target, data, If_Match="*"), 412)
            self.assert_error(self.client.put(target, data, If_Match=etag), 412)
            self.assertEqual(self.client.get(target).status, 404)
            self.assertEqual(self.client.put(target, data, If_None_Match="*").status, 201)
            self.assert_error(self.client.put(target, other, If_None_Match="*"), 412)
            self.assert_error(self.client.put(target, other, If_None_Match=etag), 412)
            self.assert_error(self.client.put(target, other, If_Match='"x"'), 412)
            self.assert_error(self.client.put(target, other, If_Unmodified_Since=self.OLD), 412)
            self.assertEqual(self.client.get(target).body, data)
            self.assertEqual(self.client.put(target, other, If_Match=etag).status, 200)
            self.assert_error(self.client.delete(target, If_Match=etag), 412)
            self.assertEqual(self.client.delete(target, If_Match=f'"{sha256(other)}"').status, 204)

    def test_one_of_many_creators_wins(self):
        answers = []

        def create(number):
            with self.shared.client() as client:
                answers.append(client.put("/api/files/once", pattern(100, number), If_None_Match="*").status)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [201] + [412] * 19)


class Protocol(RouteCase):
    def test_expect_100_continue(self):
        body = pattern(100_000)
        head = (b"PUT /api/files/expected HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                b"Expect: 100-continue\r\nConnection: close\r\n\r\n" % len(body))
        with socket.create_connection(("127.0.0.1", self.shared.port), timeout=10) as connection:
            connection.sendall(head)
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100"))
            connection.sendall(body)
            answer = b""
            while block := connection.recv(65536):
                answer += block
        self.assertEqual(status_of(answer), 201, answer)
        self.assertEqual(self.client.get("/api/files/expected").body, body)

    def test_expect_is_refused_before_the_body_when_the_condition_fails(self):
        self.put("/expected-not", b"here")
        answer = raw_exchange(
            self.shared.port,
            b"PUT /api/files/expected-not HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            b"If-None-Match: *\r\nExpect: 100-continue\r\n\r\n",
            seconds=10, until=lambda received: b"\r\n\r\n" in received)
        self.assertEqual(status_of(answer), 412, answer)

    def test_pipelined_requests_are_answered_in_order(self):
        for number in range(5):
            self.put(f"/piped/{number}", b"body-%d" % number)
        requests = b"".join(
            b"GET /api/files/piped/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5))
        answer = raw_exchange(self.shared.port, requests, until=lambda received: b"body-4" in received)
        places = [answer.index(b"body-%d" % number) for number in range(5)]
        self.assertEqual(places, sorted(places))

    def test_keep_alive_and_close(self):
        get = b"GET /healthz HTTP/1.%d\r\nHost: x\r\n%s\r\n"
        closing = raw_exchange(self.shared.port, get % (1, b"Connection: close\r\n"), seconds=5)
        self.assertEqual(status_of(closing), 200)
        old = raw_exchange(self.shared.port, get % (0, b""), seconds=5)
        self.assertEqual(status_of(old), 200)

    def test_a_body_is_read_or_the_connection_ends_when_refused(self):
        # Whatever the server does with the rest of a refused body, the next request is not taken from it.
        body = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        request = (b"PUT /api/metadata/x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        answer = raw_exchange(self.shared.port, request, seconds=2)
        self.assertEqual(status_of(answer), 405)
        self.assertEqual(answer.count(b"HTTP/1.1"), 1, answer)


class Status(RouteCase):
    def test_status_has_what_the_contract_names(self):
        self.put("/counted", b"x")
        status = self.client.get("/status").json
        self.assertEqual(status["node_id"], self.shared.node_id)
        self.assertEqual(status["http_port"], self.shared.port)
        for field in ("version", "data_dir", "uptime_seconds", "replication_factor", "partition_stats", "workers",
                      "storage", "warnings"):
            self.assertIn(field, status)
        workers = {worker["name"]: worker for worker in status["workers"]}
        self.assertTrue({"store", "gateway"} <= set(workers), workers)
        for worker in workers.values():
            self.assertTrue({"pid", "state", "generation", "restarts", "ready_since"} <= set(worker), worker)
            self.assertEqual(worker["state"], "ready")
        storage = status["storage"]
        self.assertEqual((storage["major"], storage["encrypted"]), ("rawfile", False))
        self.assertGreater(storage["bytes_free"], 0)

    def test_health_and_readiness(self):
        self.assertEqual(self.client.get("/healthz").status, 200)
        self.assertEqual(self.client.get("/readyz").status, 200)

    def test_the_first_page_is_for_people(self):
        page = self.client.get("/")
        self.assertEqual(page.status, 200)
        self.assertTrue(page["Content-Type"].startswith("text/html"))
        self.assertIn(self.shared.node_id, page.text)
        self.assertEqual(page["X-Content-Type-Options"], "nosniff")
        self.assertIn("default-src", page["Content-Security-Policy"])

    def test_user_files_cannot_script_the_page(self):
        self.put("/evil.html", b"<script>alert(1)</script>", Content_Type="text/html")
        got = self.client.get("/api/files/evil.html")
        self.assertEqual(got["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", got["Content-Security-Policy"])

    def test_other_address_family(self):
        with Client(self.shared.port, host="::1") as client:
            self.assertEqual(client.get("/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
