"""Parts of files over WebDAV: PATCH, and PUT with Content-Range. The file is always as it was before or after one."""

import hashlib
import http.client
import random
import socket
import threading
import unittest

from client import pattern, sha256
from dav_client import DAVClient, entity_tag
from harness import NodeCase, SharedNodeCase, eventually
from test_cluster import ClusterCase
from test_integrity import flip
from test_kinds import KINDS, adopted
from test_large import ADDED_BYTES_MAX, GIB, MIB, Watch, gibibyte

PARTIAL = "application/x-sabredav-partialupdate"
SIZES = (0, 1, 10_000, 65_536, 200_000, 3_000_000)
COLOR = ('<?xml version="1.0" encoding="utf-8"?><propertyupdate xmlns="DAV:"><set><prop>'
         '<color xmlns="urn:x">blue</color></prop></set></propertyupdate>')
LOCK = b'<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>'


def spliced(data, start, part):
    """What a file is with a part written anew at `start`."""
    return data[:start] + bytes(max(0, start - len(data))) + part + data[start + len(part):]


class Waiting:
    """A PATCH that has come as far as its body: the node has looked at the file, and waits."""

    def __init__(self, port, path, update, length, **headers):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        fields = {"Host": "h", "Content-Type": PARTIAL, "X-Update-Range": update, "Content-Length": length,
                  "Expect": "100-continue", "Connection": "close", **headers}
        head = f"PATCH {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.connection.sendall(head.encode() + b"\r\n")
        first = self.connection.recv(4096)
        if not first.startswith(b"HTTP/1.1 100 "):
            raise AssertionError(first)

    def send(self, data):
        self.connection.sendall(data)

    def status(self):
        answer = b""
        while b"\r\n\r\n" not in answer:
            block = self.connection.recv(65536)
            if not block:
                raise ConnectionError(answer)
            answer += block
        return int(answer.split(b" ")[1])

    def close(self):
        self.connection.close()


class Parts:
    """What holds wherever the content is."""

    prefix = "/dav"

    def answers(self, status, answer):
        self.assertEqual(answer.status, status, answer)
        return answer

    def patch(self, client, path, update, data, status=204, **headers):
        return self.answers(status, client.dav(
            "PATCH", path, data, Content_Type=PARTIAL, X_Update_Range=update, **headers))

    def is_file(self, client, path, data):
        got = self.answers(200, client.dav("GET", path))
        self.assertEqual((len(got.body), sha256(got.body)), (len(data), sha256(data)), path)
        self.assertEqual(got["ETag"], entity_tag(data))

    def check_parts(self, client, reader, place):
        """Append, middle, beginning, past the end, of files of all sizes."""
        rng = random.Random(7)
        for size in SIZES:
            path = f"{place}-{size}"
            data = pattern(size, size)
            self.answers(201, client.dav("PUT", path, data, Content_Type="image/x"))
            for start, length in ((size, 5), (size // 2, 3), (0, 70_000), (size + 100_000, 10), (size, 1_500_000)):
                part = pattern(length, rng.random())
                data = spliced(data, start, part)
                answer = self.patch(client, path, f"bytes={start}-", part)
                self.assertEqual(answer["ETag"], entity_tag(data), (size, start, length))
                self.is_file(reader, path, data)
            part = pattern(100, 1)
            data += part
            self.patch(client, path, "append", part)
            data = data[:-50] + part
            self.patch(client, path, "bytes=-50", part)
            data = spliced(data, 7, part)
            self.answers(204, client.dav("PUT", path, part, Content_Range=f"bytes 7-106/{len(data)}"))
            self.is_file(reader, path, data)
            self.assertEqual(client.dav("HEAD", path)["Content-Type"], "image/x")


class OneNode(Parts, SharedNodeCase):
    def setUp(self):
        self.client = DAVClient(self.shared.port, self.prefix, timeout=60)
        self.addCleanup(self.client.close)

    def url(self, path):
        return self.client.url(path)

    def test_parts_of_files_of_all_sizes(self):
        self.check_parts(self.client, self.client, "/sizes")

    def test_options_name_it(self):
        answer = self.answers(200, self.client.dav("OPTIONS", "/"))
        self.assertIn("sabredav-partialupdate", [word.strip() for word in answer["DAV"].split(",")])
        self.assertIn("PATCH", self.client.dav("OPTIONS", "/any")["Allow"].split(", "))

    def test_a_put_of_a_part_may_make_the_file(self):
        self.answers(201, self.client.dav("PUT", "/made", b"abc", Content_Range="bytes 5-7/*"))
        self.is_file(self.client, "/made", bytes(5) + b"abc")
        self.answers(409, self.client.dav("PUT", "/none/made", b"abc", Content_Range="bytes 5-7/*"))

    def test_what_cannot_be_is_refused_and_changes_nothing(self):
        path, data = "/refused", b"0123456789"
        self.answers(201, self.client.dav("PUT", path, data))
        self.answers(201, self.client.dav("MKCOL", "/collection"))
        for update, status in (("bytes=0-1", 416), ("bytes=4-1", 416), ("bytes=x", 400), ("", 400), ("first", 400),
                               ("bytes=18446744073709551614-", 416), ("bytes=1099511627776-", 413)):
            with self.subTest(update=update):
                self.patch(self.client, path, update, b"abc", status)
        self.patch(self.client, "/nothing", "append", b"abc", 404)
        self.assertIn("PATCH", self.patch(self.client, "/collection", "append", b"abc", 405)["Allow"])
        self.answers(415, self.client.dav("PATCH", path, b"abc", X_Update_Range="append"))
        self.answers(415, self.client.dav(
            "PATCH", path, b"abc", X_Update_Range="append", Content_Type="application/octet-stream"))
        self.answers(400, self.client.dav("PATCH", path, b"abc", Content_Type=PARTIAL))
        for content_range in ("bytes 0-1/10", "bytes 0-2/2", "bytes 2-0/*", "bytes */10", "lines 0-2/9"):
            self.answers(400, self.client.dav("PUT", path, b"abc", Content_Range=content_range))
        chunked = {"Content-Type": PARTIAL, "X-Update-Range": "append"}
        self.answers(411, self.client.request("PATCH", self.url(path), iter([b"abc"]), chunked, chunked=True))
        self.client.close()
        wrong = self.patch(self.client, path, "append", b"abc", 422, X_ClusterF_Checksum=sha256(b"abd"))
        self.assertIn(sha256(b"abc"), wrong.text)
        self.patch(self.client, path, "append", b"d", 412, If_Match='"other"')
        self.patch(self.client, path, "append", b"d", 412, If_None_Match="*")
        self.patch(self.client, path, "append", b"d", 412, If='(["other"])')
        self.is_file(self.client, path, data)
        tag = f'"{sha256(data)}"'
        self.patch(self.client, path, "append", b"d", If_Match=tag, X_ClusterF_Checksum=sha256(b"d"))
        self.is_file(self.client, path, data + b"d")
        # Beside WebDAV there are no parts.
        answer = self.client.put("/api/files" + path, b"abc", Content_Range="bytes 0-2/*")
        self.answers(400, answer)

    def test_properties_and_times_are_kept_as_by_a_put(self):
        path = "/kept"
        self.answers(201, self.client.dav("PUT", path, b"one"))
        self.answers(207, self.client.dav("PROPPATCH", path, COLOR.encode()))
        before = self.client.found(path)[path]
        answer = self.patch(self.client, path, "append", b"two", X_OC_Mtime="1000000000")
        self.assertEqual(answer["X-OC-MTime"], "accepted")
        after = self.client.found(path)[path]
        self.assertEqual(after["{urn:x}color"], "blue")
        self.assertEqual(after["creationdate"], before["creationdate"])
        self.assertEqual(after["getlastmodified"], "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(after["getcontentlength"], "6")

    def test_a_locked_file_is_written_with_its_token(self):
        for path, data in (("/locked", b"one"), ("/locked-large", pattern(300_000))):
            self.answers(201, self.client.dav("PUT", path, data))
            token = self.client.dav("LOCK", path, LOCK)["Lock-Token"]
            self.patch(self.client, path, "append", b"two", 423)
            self.answers(423, self.client.dav("PUT", path, b"two", Content_Range="bytes 0-2/*"))
            self.is_file(self.client, path, data)
            self.patch(self.client, path, "append", b"two", If=f"({token})")
            self.is_file(self.client, path, data + b"two")
            self.answers(204, self.client.dav("UNLOCK", path, Lock_Token=token))

    def test_of_two_at_the_same_time_one_is_refused(self):
        for path, data in (("/both", b"0123456789"), ("/both-large", pattern(300_000))):
            self.answers(201, self.client.dav("PUT", path, data))
            waiting = [Waiting(self.shared.port, self.url(path), "append", 3) for _ in range(2)]
            demanding = Waiting(
                self.shared.port, self.url(path), "append", 3, **{"If-Match": f'"{sha256(data)}"'})
            waiting[0].send(b"one")
            self.assertEqual(waiting[0].status(), 204)
            waiting[1].send(b"two")
            self.assertEqual(waiting[1].status(), 409)
            demanding.send(b"two")
            self.assertEqual(demanding.status(), 412)
            self.is_file(self.client, path, data + b"one")
            for each in (*waiting, demanding):
                each.close()

    def test_a_put_in_between_is_not_lost(self):
        self.answers(201, self.client.dav("PUT", "/between", b"old"))
        waiting = Waiting(self.shared.port, self.url("/between"), "append", 3)
        self.answers(204, self.client.dav("PUT", "/between", b"new"))
        waiting.send(b"end")
        self.assertEqual(waiting.status(), 409)
        self.is_file(self.client, "/between", b"new")
        waiting.close()

    def test_appends_of_many_are_all_there_once(self):
        self.answers(201, self.client.dav("PUT", "/log", pattern(100_000)))
        refused = []
        failures = []

        def append(number):
            with DAVClient(self.shared.port, self.prefix) as client:
                for line in range(10):
                    while True:
                        answer = client.dav("PATCH", "/log", f"{number}-{line}\n".encode(), Content_Type=PARTIAL,
                                            X_Update_Range="append")
                        if answer.status != 409:
                            break
                        refused.append(answer)
                    if answer.status != 204:
                        failures.append(answer)
        threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        print(f"      {len(refused)} of {40 + len(refused)} appends met another one")
        body = self.client.dav("GET", "/log").body
        self.assertEqual(body[:100_000], pattern(100_000))
        lines = body[100_000:].decode().splitlines()
        self.assertEqual(sorted(lines), sorted(f"{n}-{line}" for n in range(4) for line in range(10)))

    def test_a_body_that_ends_early_changes_nothing(self):
        path, data = "/early", pattern(500_000)
        self.answers(201, self.client.dav("PUT", path, data))
        waiting = Waiting(self.shared.port, self.url(path), "bytes=100000-", 300_000)
        waiting.send(pattern(200_000, 2))
        waiting.close()
        eventually(20, lambda: adopted(self.shared), "the place of the upload")
        self.is_file(self.client, path, data)


class Kinds(Parts, NodeCase):
    def test_parts_with_every_kind_of_storage(self):
        for kind in KINDS[1:]:
            with self.subTest(kind=kind):
                node = self.node(args=["--storage-major", kind])
                with DAVClient(node.port, self.prefix, timeout=60) as client:
                    self.check_parts(client, client, "/f")
                node.stop()

    def test_parts_of_encrypted_files(self):
        for kind in ("rawfile", "extent"):
            node = self.node(args=["--storage-major", kind, "--encryption-key", "ab" * 32])
            with DAVClient(node.port, self.prefix, timeout=60) as client:
                self.check_parts(client, client, "/f")
            node.stop()


class Damage(Parts, NodeCase):
    def test_nothing_is_made_of_a_damaged_file(self):
        node = self.node()
        data = pattern(2_000_000)
        with DAVClient(node.port, self.prefix, timeout=60) as client:
            self.answers(201, client.dav("PUT", "/f", data))
            eventually(30, lambda: adopted(node), "the upload's place")
            self.assertTrue(flip(node, data[1_000_000:1_000_400]))
            # Where the damaged bytes would go: it is not to be covered up.
            # The store may know before the gateway has read it; then it is answered as a GET is.
            answer = client.dav("PATCH", "/f", pattern(1000, 3), Content_Type=PARTIAL, X_Update_Range="bytes=1000000-")
            self.assertIn(answer.status, (500, 503), answer)
            eventually(20, lambda: client.dav("GET", "/f").status == 500, "that the store knows")
            self.patch(client, "/f", "append", pattern(1000, 3), 500)
            self.answers(204, client.dav("PUT", "/f", data))
            self.patch(client, "/f", "append", b"end")
            self.is_file(client, "/f", data + b"end")
        node.stop()


class Deaths(Parts, NodeCase):
    def test_a_gateway_that_dies_leaves_the_old_content_whole(self):
        node = self.node()
        data = pattern(3_000_000)
        with DAVClient(node.port, self.prefix) as client:
            self.answers(201, client.dav("PUT", "/f", data))
        for update in ("bytes=1000000-", "append", "bytes=5000000-"):
            waiting = Waiting(node.port, self.prefix + "/f", update, 2_000_000)
            waiting.send(pattern(1_200_000, 2))
            node.wait_replaced("gateway", node.kill_worker("gateway"))
            with self.assertRaises((ConnectionError, OSError)):
                waiting.send(pattern(800_000, 2))
                waiting.status()
            waiting.close()
            eventually(20, node.is_ready, "a node that serves again")
            with DAVClient(node.port, self.prefix) as client:
                self.is_file(client, "/f", data)
        eventually(30, lambda: adopted(node), "the places of the uploads")
        node.stop()

    def test_a_store_that_dies_is_waited_for(self):
        node = self.node()
        data, part = pattern(3_000_000), pattern(2_000_000, 2)
        with DAVClient(node.port, self.prefix) as client:
            self.answers(201, client.dav("PUT", "/f", data))
        waiting = Waiting(node.port, self.prefix + "/f", "bytes=500000-", len(part))
        waiting.send(part[:1_000_000])
        node.wait_replaced("store", node.kill_worker("store"))
        waiting.send(part[1_000_000:])
        self.assertEqual(waiting.status(), 204)
        with DAVClient(node.port, self.prefix) as client:
            self.is_file(client, "/f", spliced(data, 500_000, part))
        node.stop()

    def test_appends_through_kills_are_whole_or_not_there(self):
        node = self.node()
        data = pattern(400_000)
        with DAVClient(node.port, self.prefix) as client:
            self.answers(201, client.dav("PUT", "/f", data))
        records = []
        sure = set()
        stop = threading.Event()
        problems = []

        def append():
            while not stop.is_set():
                record = pattern(20_000, len(records))
                records.append(record)
                try:
                    with DAVClient(node.port, self.prefix) as client:
                        answer = client.dav("PATCH", "/f", record, Content_Type=PARTIAL, X_Update_Range="append")
                except (OSError, http.client.HTTPException):
                    continue  # Done or not: the file says.
                if answer.status == 204:
                    sure.add(len(records) - 1)
                elif answer.status not in (409, 503):
                    problems.append(answer)
        thread = threading.Thread(target=append)
        thread.start()
        for _ in range(6):
            before = len(sure)
            eventually(20, lambda count=before: len(sure) >= count + 3, "appends")
            node.wait_replaced("gateway", node.kill_worker("gateway"))
        stop.set()
        thread.join()
        eventually(20, node.is_ready, "a node that serves again")
        with DAVClient(node.port, self.prefix, timeout=60) as client:
            body = self.answers(200, client.dav("GET", "/f")).body
        self.assertEqual(problems, [])
        self.assertEqual(sha256(body[:len(data)]), sha256(data))
        rest = body[len(data):]
        self.assertEqual(len(rest) % 20_000, 0)
        digests = {sha256(record): number for number, record in enumerate(records)}
        there = [digests.get(sha256(rest[start:start + 20_000])) for start in range(0, len(rest), 20_000)]
        self.assertNotIn(None, there)
        self.assertEqual(there, sorted(set(there)), "in their order, each once")
        self.assertLessEqual(sure, set(there))
        print(f"      {len(there)} of {len(records)} appends, {len(sure)} of them acknowledged")
        node.stop()


class InACluster(Parts, ClusterCase):
    def test_parts_through_nodes_that_have_the_file_and_through_one_that_has_none(self):
        nodes = self.founded(2)
        bare = self.member(3, args=["--no-store"])
        self.wait_whole([*nodes, bare])
        with DAVClient(bare.port, self.prefix, timeout=60) as client, \
                DAVClient(nodes[0].port, self.prefix, timeout=60) as first, \
                DAVClient(nodes[1].port, self.prefix, timeout=60) as second:
            self.check_parts(client, first, "/bare")
            self.check_parts(first, second, "/stored")
            # Two at the same time, through different nodes.
            data = pattern(300_000)
            self.answers(201, first.dav("PUT", "/both", data))
            self.is_file(second, "/both", data)
            waiting = [Waiting(node.port, self.prefix + "/both", "append", 3) for node in nodes]
            waiting[0].send(b"one")
            self.assertEqual(waiting[0].status(), 204)
            waiting[1].send(b"two")
            self.assertEqual(waiting[1].status(), 409)
            self.is_file(second, "/both", data + b"one")
            for each in waiting:
                each.close()


class Large(Parts, NodeCase):
    def test_memory_stays_flat_through_parts_of_a_gibibyte(self):
        node = self.node()
        # With what the first requests allocate.
        with DAVClient(node.port, self.prefix, timeout=60) as client:
            self.answers(201, client.dav("PUT", "/small", pattern(200_000)))
            self.patch(client, "/small", "append", b"x")
        digest = hashlib.sha256()
        part = pattern(MIB, 9)
        for number, piece in enumerate(gibibyte()):
            digest.update(part + piece[MIB:] if number == 100 else piece)
        digest.update(part)
        start = 100 * 4 * MIB
        with DAVClient(node.port, self.prefix, timeout=300) as client, Watch(node) as watch:
            idle = watch.sum()
            answer = client.request(
                "PUT", client.url("/large"), gibibyte(), {"Content-Length": str(GIB)})
            self.answers(201, answer)
            self.patch(client, "/large", "append", part)
            self.patch(client, "/large", f"bytes={start}-{start + MIB - 1}", part)
            self.assertEqual(client.dav("HEAD", "/large")["X-ClusterF-Checksum"], digest.hexdigest())
            # Zeros up to 1 GiB, and a little.
            self.patch(client, "/small", f"bytes={GIB}-", part)
        print(f"      {(watch.highest - idle) / MIB:.1f} MiB above {idle / MIB:.1f} MiB")
        self.assertLess(watch.highest - idle, ADDED_BYTES_MAX)
        node.stop()


if __name__ == "__main__":
    unittest.main()
