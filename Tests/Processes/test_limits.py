"""Full disks, failing syncs, slow and greedy clients: said clearly, bounded, and over when their cause is."""

import os
import re
import socket
import subprocess
import threading
import time
import unittest

from client import Client, pattern, raw_exchange, sha256, status_of
from faults import RECORDER, RecordedNode
from harness import NodeCase, SharedNodeCase, eventually, resident_bytes, remove_tree, temporary_directory, warn

MIB = 1 << 20


class SmallDisk(NodeCase):
    """A disk of its own for the data directory."""

    SIZE_MIB = 48

    def setUp(self):
        self.place = temporary_directory()
        self.addCleanup(remove_tree, self.place)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.SIZE_MIB}m", "tmpfs", self.place],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if mounted.returncode != 0:
            warn("DISK FULL IS NOT TESTED: no right to mount a tmpfs")
            self.skipTest("no right to mount a tmpfs: " + mounted.stdout.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.place], check=True)


class DiskFull(SmallDisk):
    args = ()

    def test_507_nothing_kept_and_writes_work_again(self):
        node = self.node(data_dir=os.path.join(self.place, "data"), args=self.args)
        kept = {}
        with Client(node.port, timeout=60) as client:
            client.put("/api/files/first", pattern(100_000, "first"))
            kept["/api/files/first"] = pattern(100_000, "first")
            for size in (4 * MIB, 200_000, 65_536, 3000):
                refused = 0
                for number in range(20_000):
                    target = f"/api/files/fill/{size}-{number}"
                    data = pattern(size, (size, number))
                    answer = client.put(target, data)
                    if answer.status == 201:
                        kept[target] = data
                        continue
                    self.assertEqual(answer.status, 507, answer)
                    self.assertEqual(client.get(target).status, 404, "nothing half-written")
                    refused += 1
                    if refused >= 3:
                        break
                self.assertGreaterEqual(refused, 3, f"the disk took everything of {size} bytes")
            # An overwrite that does not fit leaves what was there.
            self.assertEqual(client.put("/api/files/first", pattern(10 * MIB)).status, 507)
            # Reads and deletes go on.
            for target, data in kept.items():
                self.assertEqual(sha256(client.get(target).body), sha256(data), target)
            gone = [target for target in kept if re.search(r"-[02468]$", target)]
            for target in gone:
                self.assertEqual(client.delete(target).status, 204)
                del kept[target]

            def fits():
                return client.put("/api/files/later", pattern(3 * MIB)).status in (200, 201)
            eventually(20, fits, "space that comes back after deletes", interval=0.5)
            self.assertEqual(client.get("/api/files/later").body, pattern(3 * MIB))
            self.assertEqual(client.put("/api/files/later-small", b"x").status, 201)
        node.stop()
        node.start()
        with Client(node.port, timeout=60) as client:
            for target, data in kept.items():
                self.assertEqual(sha256(client.get(target).body), sha256(data), target)
        if not self.args:
            self.assertEqual(os.listdir(os.path.join(node.directory, "staging")), [])
        # Kinds that copy leave there what finds no room for its copy.
        node.stop()

    def test_a_body_that_cannot_fit_is_refused_before_it_is_sent(self):
        node = self.node(data_dir=os.path.join(self.place, "data"), args=self.args)
        answer = raw_exchange(
            node.port,
            b"PUT /api/files/huge HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
            % (10 << 30), seconds=20, until=lambda received: b"\r\n\r\n" in received)
        self.assertEqual(status_of(answer), 507, answer)
        node.stop()


class DiskReserve(SmallDisk):
    SIZE_MIB = 160

    def test_the_reserve_stays_free_and_can_be_changed(self):
        node = self.node(data_dir=os.path.join(self.place, "data"))
        node.control("set", "disk_reserve_percent", "40")
        reserve = self.SIZE_MIB * MIB * 40 // 100

        def free():
            found = os.statvfs(self.place)
            return found.f_bavail * found.f_frsize

        def fill(size):
            """Puts files of `size` bytes until the disk takes no more; what was free then."""
            with Client(node.port, timeout=60) as client:
                for number in range(10_000):
                    answer = client.put(f"/api/files/fill/{size}-{number}", pattern(size, (size, number)))
                    if answer.status == 507:
                        self.assertEqual(answer.json["error"]["code"], "no_space")
                        return free()
                    self.assertIn(answer.status, (200, 201), answer)
            raise AssertionError(f"the disk took everything of {size} bytes")
        left = fill(4 * MIB)
        self.assertGreater(left, reserve - 8 * MIB)
        self.assertLess(left, reserve + 16 * MIB)
        # A body that would reach into the reserve is refused before it is sent.
        answer = raw_exchange(
            node.port,
            b"PUT /api/files/huge HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
            % (left - reserve // 2), seconds=20, until=lambda received: b"\r\n\r\n" in received)
        self.assertEqual(status_of(answer), 507, answer)
        # Small files are refused by it too.
        self.assertGreater(fill(60_000), reserve - 16 * MIB)
        with Client(node.port, timeout=60) as client:
            self.assertEqual(client.get(f"/api/files/fill/{4 * MIB}-0").body, pattern(4 * MIB, (4 * MIB, 0)))
        # With a smaller reserve the same disk takes more.
        node.control("set", "disk_reserve_percent", "10")

        def fits():
            with Client(node.port, timeout=60) as client:
                return client.put("/api/files/later", pattern(8 * MIB)).status in (200, 201)
        eventually(20, fits, "room by a smaller reserve", interval=0.5)
        self.assertLess(free(), reserve)
        node.stop()


class ExtentDiskFull(DiskFull):
    SIZE_MIB = 96
    args = ("--storage-major", "extent")


class SQLiteDiskFull(DiskFull):
    SIZE_MIB = 96
    args = ("--storage-major", "sqlite")


class BoltDiskFull(DiskFull):
    SIZE_MIB = 96
    args = ("--storage-major", "bolt")


class SyncError(NodeCase):
    def failing_node(self, **faults):
        if not os.path.exists(RECORDER):
            self.fail(f"the recorder is not built: {RECORDER}")
        holder = temporary_directory()
        self.addCleanup(remove_tree, holder)
        node = RecordedNode(holder, faults)
        self.__dict__.setdefault("nodes", []).append(node)
        self.addCleanup(node.destroy)
        return node

    def syncs_of_a_start(self):
        node = self.failing_node()
        node.start()
        syncs = node.recorded[2]
        node.stop()
        return syncs

    def test_a_second_failure_leaves_the_store_read_only(self):
        # The first hits a write after the start, the second one of the next life.
        started = self.syncs_of_a_start()
        node = self.failing_node(FAIL_SYNC_AT=",".join(str(started + more) for more in (30, *range(42, 800, 3))))
        node.start()
        kept = {}
        with Client(node.port, timeout=60) as client:
            for number in range(60):
                data = pattern(900, number)
                answer = client.put(f"/api/files/f{number}", data)
                if answer.status == 201:
                    kept[number] = data
                elif answer.json["error"]["code"] == "read_only":
                    break
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "read_only"), answer)
            self.assertTrue(kept)
            for number, data in kept.items():
                self.assertEqual(client.get(f"/api/files/f{number}").body, data)
            self.assertIn("read-only", " ".join(client.get("/status").json["warnings"]))
        node.stop()

    def test_the_store_ends_itself_and_recovers(self):
        # How many syncs a start takes is learnt first; then one of the writes after it is hit, behind those by
        # which a new life of the node begins.
        started = self.syncs_of_a_start()
        for later in (15, 22, 29):
            with self.subTest(sync=f"{later} after the start"):
                node = self.failing_node(FAIL_SYNC_AT=started + later)
                node.start()
                first = node.pid("store")
                kept = {}
                with Client(node.port, timeout=60) as client:
                    for number in range(12):
                        data = pattern(100_000 if number % 2 else 500, number)
                        answer = client.put(f"/api/files/f{number}", data)
                        if answer.status == 201:
                            kept[number] = data
                        else:
                            self.assertEqual(answer.status, 503, answer)
                    eventually(10, lambda: node.pid("store") != first, "another life of the store")
                    self.assertTrue(any("the disk failed" in line for line in node.log), "said in the log")
                    for number, data in kept.items():
                        self.assertEqual(client.get(f"/api/files/f{number}").body, data)
                    self.assertEqual(client.put("/api/files/after", b"x").status, 201)
                node.stop()


class SlowClients(NodeCase):
    def gateway_bytes(self, node):
        return resident_bytes(node.pid("gateway"))

    def test_slow_readers_do_not_grow_memory(self):
        node = self.node()
        with node.client() as client:
            client.put("/api/files/large", pattern(64 * MIB))
            client.get("/api/files/large")
        before = self.gateway_bytes(node)
        readers = []
        for _ in range(40):
            connection = socket.create_connection(("127.0.0.1", node.port))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /api/files/large HTTP/1.1\r\nHost: x\r\n\r\n")
            readers.append(connection)
        for connection in readers:
            self.assertTrue(connection.recv(10))
        # 40 × 64 MiB are wanted; what is not taken must not pile up. Other requests go on.
        with node.client() as client:
            for _ in range(200):
                self.assertEqual(client.get("/api/files/large", Range="bytes=0-9").status, 206)
        grown = self.gateway_bytes(node) - before
        print(f"      40 slow readers: {grown / MIB:.1f} MiB more")
        for connection in readers:
            connection.close()
        self.assertLess(grown, 32 * MIB)
        node.stop()

    def test_slow_writers_do_not_grow_memory(self):
        """The disk side stands still (the store is stopped): senders are held back, not buffered."""
        node = self.node()
        with node.client() as client:
            client.put("/api/files/warm", pattern(MIB))
        before = self.gateway_bytes(node)
        senders, sent = [], [0] * 20

        def send(number, connection):
            connection.sendall(
                b"PUT /api/files/up%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (number, 64 * MIB))
            block = pattern(MIB)
            try:
                for _ in range(64):
                    connection.sendall(block)
                    sent[number] += MIB
            except OSError:
                pass  # Closed by the test below.

        store = node.kill_worker("store", 19)
        threads = []
        for number in range(20):
            connection = socket.create_connection(("127.0.0.1", node.port))
            senders.append(connection)
            threads.append(threading.Thread(target=send, args=(number, connection)))
            threads[-1].start()
        highest = before
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            highest = max(highest, self.gateway_bytes(node))
            time.sleep(0.05)
        node.wait_replaced("store", store, 12)
        for connection in senders:
            connection.close()
        for thread in threads:
            thread.join()
        print(f"      20 senders against a stopped store: {(highest - before) / MIB:.1f} MiB more")
        self.assertLess(highest - before, 48 * MIB)
        node.stop()

    def test_a_slow_loris_is_cut_off(self):
        node = self.node()
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", node.port), timeout=1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            answer, closed = b"", False
            # A byte of a header now and then: the bound is on the whole head, not on the gap.
            while not closed and time.monotonic() - began < 90:
                try:
                    connection.sendall(b"a")
                    block = connection.recv(1000)
                    closed = not block
                    answer += block
                except socket.timeout:
                    continue
                except OSError:
                    closed = True
        seconds = time.monotonic() - began
        print(f"      cut off after {seconds:.0f} s")
        self.assertTrue(closed, "a head that never ends was waited for")
        if answer:
            self.assertEqual(status_of(answer), 408)
        node.stop()


class Greedy(SharedNodeCase):
    def test_very_many_connections_are_bounded_and_others_served(self):
        connections = []
        try:
            for _ in range(900):
                connections.append(socket.create_connection(("127.0.0.1", self.shared.port), timeout=5))
        except OSError:
            pass  # A bound of this process or of the node: both are what the test is about.
        self.assertGreater(len(connections), 100)
        for connection in connections[::50]:
            try:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = connection.recv(1000)
            except OSError:
                answer = b""
            self.assertIn(status_of(answer), (200, 429, 503, None))
        for connection in connections:
            connection.close()

        def served():
            with Client(self.shared.port, timeout=5) as client:
                return client.get("/healthz").status == 200
        eventually(10, served, "service after the flood")
        self.assertEqual(self.shared.workers()["gateway"]["restarts"], 0)


if __name__ == "__main__":
    unittest.main()
