"""Death is ordinary: no acknowledged write is lost or torn, no connection refused, and requests wait."""

import hashlib
import http.client
import os
import random
import signal
import threading
import time
import unittest

from client import Client, pattern, sha256
from harness import NodeCase, NodeError, Process, eventually
from load import Load

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# Kills in each loop.
ROUNDS = 60 if LONG else 8
CLIENTS = 16


class Kills(NodeCase):
    def assert_kept(self, load):
        checked = load.verify()
        print(f"      {load.summary()}, {checked} files verified")
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        self.assertEqual(load.number("refused"), 0, "refused connections")
        self.assertGreater(load.number("put"), 0)
        self.assertGreater(load.number("get"), 0)

    def kill_in_a_loop(self, names, seed):
        node = self.node()
        load = Load(node, CLIENTS, seed=seed)
        rng = random.Random(seed)

        def kills():
            for _ in range(ROUNDS):
                for name in names:
                    node.kill_worker(name)
                if rng.random() < 0.3:
                    # Once more into the start of the next life.
                    time.sleep(rng.random() * 0.2)
                    try:
                        node.kill_worker(names[0])
                    except NodeError:
                        pass  # Between two lives.
                eventually(20, lambda: all(
                    worker["state"] == "ready" for worker in node.workers().values()), "all workers")
                load.wait_for(CLIENTS * 2)

        load.run_during(kills)
        self.assert_kept(load)
        node.stop()
        node.start()
        self.assert_kept(load)
        node.stop()
        return load

    def test_the_store(self):
        load = self.kill_in_a_loop(["store"], 1)
        # The gateway lives: its clients notice nothing but the wait.
        self.assertEqual(load.number("broken"), 0, load.counts)
        self.assertEqual(load.number("unavailable"), 0, load.counts)

    def test_the_gateway(self):
        self.kill_in_a_loop(["gateway"], 2)

    def test_both(self):
        self.kill_in_a_loop(["store", "gateway"], 3)

    def test_a_requested_gateway_restart_fails_no_request(self):
        node = self.node()
        load = Load(node, CLIENTS, seed=4)

        def restarts():
            for _ in range(4 if not LONG else 30):
                node.control("restart", "gateway")
                load.wait_for(CLIENTS * 3)

        load.run_during(restarts)
        self.assert_kept(load)
        self.assertEqual(load.number("broken"), 0, load.counts)
        self.assertEqual(load.number("unavailable"), 0, load.counts)
        node.stop()

    def test_a_requested_store_restart_fails_no_request(self):
        node = self.node()
        load = Load(node, CLIENTS, seed=5)

        def restarts():
            for _ in range(4):
                node.control("restart", "store")
                load.wait_for(CLIENTS * 3)

        load.run_during(restarts)
        self.assert_kept(load)
        self.assertEqual(load.number("broken") + load.number("unavailable"), 0, load.counts)
        node.stop()


class Stopped(NodeCase):
    def test_a_stopped_store_is_replaced_and_requests_wait(self):
        node = self.node()
        with node.client() as client:
            client.put("/api/files/there", b"before")
        old = node.kill_worker("store", signal.SIGSTOP)
        began = time.monotonic()
        answers = {}

        def ask(name, action):
            with Client(node.port, timeout=40) as client:
                answers[name] = action(client)

        threads = [
            threading.Thread(target=ask, args=("get", lambda client: client.get("/api/files/there"))),
            threading.Thread(target=ask, args=("put", lambda client: client.put("/api/files/new", b"small"))),
            threading.Thread(
                target=ask, args=("large", lambda client: client.put("/api/files/large", pattern(500_000)))),
        ]
        for thread in threads:
            thread.start()
        node.wait_replaced("store", old, 12)
        seconds = time.monotonic() - began
        for thread in threads:
            thread.join()
        print(f"      replaced after {seconds:.1f} s")
        self.assertLess(seconds, 10)
        self.assertEqual(answers["get"].body, b"before")
        self.assertEqual(answers["put"].status, 201)
        self.assertEqual(answers["large"].status, 201)
        node.stop()

    def test_a_stopped_gateway_is_replaced(self):
        node = self.node()
        old = node.kill_worker("gateway", signal.SIGSTOP)
        # What it accepts until it really stands still goes with it.
        eventually(5, lambda: Process(old).state == "T", "a stopped gateway", interval=0.001)
        with Client(node.port, timeout=20) as client:
            # It is in the backlog of the socket, which outlives the gateway.
            began = time.monotonic()
            self.assertEqual(client.get("/healthz").status, 200)
            self.assertLess(time.monotonic() - began, 10)
        node.wait_replaced("gateway", old)
        node.stop()


class InFlight(NodeCase):
    SIZE = 40 << 20

    def test_a_get_in_flight_completes_through_a_store_death(self):
        node = self.node()
        data = pattern(self.SIZE)
        with node.client() as client:
            self.assertEqual(client.put("/api/files/large", data).status, 201)
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=40)
        connection.request("GET", "/api/files/large")
        answer = connection.getresponse()
        digest = hashlib.sha256(answer.read(1 << 20))
        for _ in range(2):
            old = node.kill_worker("store")
            digest.update(answer.read(5 << 20))
            node.wait_replaced("store", old)
        digest.update(answer.read())
        connection.close()
        self.assertEqual(digest.hexdigest(), sha256(data))
        node.stop()

    def test_a_put_in_flight_survives_a_store_death(self):
        node = self.node()
        data = pattern(self.SIZE)
        half = len(data) // 2

        def body():
            yield data[:half]
            old = node.kill_worker("store")
            yield data[half:half + (1 << 20)]
            node.wait_replaced("store", old)
            yield data[half + (1 << 20):]

        with Client(node.port, timeout=60) as client:
            answer = client.request(
                "PUT", "/api/files/upload", body=body(), headers={"Content-Length": str(len(data))})
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(sha256(client.get("/api/files/upload").body), sha256(data))
        node.stop()

    def test_a_put_cut_by_the_gateways_death_leaves_nothing(self):
        node = self.node()
        with node.client() as client:
            client.put("/api/files/kept", pattern(100_000))

        def body():
            yield pattern(5 << 20)
            node.kill_worker("gateway")
            yield pattern(5 << 20)

        for target in ("/api/files/cut", "/api/files/kept"):
            with Client(node.port, timeout=30) as client:
                with self.assertRaises(OSError):
                    client.request("PUT", target, body=body(), headers={"Content-Length": str(11 << 20)})
        with node.client() as client:
            self.assertEqual(client.get("/api/files/cut").status, 404)
            self.assertEqual(client.get("/api/files/kept").body, pattern(100_000))
        staging = os.path.join(node.directory, "staging")
        eventually(20, lambda: not os.listdir(staging), "an empty staging directory", interval=0.5)
        node.stop()

    def test_a_put_sent_again_after_a_store_death_is_applied_once(self):
        """The gateway re-sends its open writes: each acknowledged overwrite is one version, none is applied
        after a later one, and a creation that may happen once answers 201, not 412."""
        node = self.node()
        stop = threading.Event()
        wrong = []

        def create(number):
            with Client(node.port, timeout=40) as client:
                count = 0
                while not stop.is_set():
                    count += 1
                    target = f"/api/files/once/{number}-{count}"
                    size = 100 if count % 3 else 80_000
                    answer = client.put(target, pattern(size, count), If_None_Match="*")
                    # Applied and then sent again without its operation id, it would find itself there.
                    if answer.status != 201:
                        wrong.append((target, answer))
                    gone = client.delete(target)
                    if gone.status != 204:
                        wrong.append((target, gone))

        threads = [threading.Thread(target=create, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for _ in range(ROUNDS):
            time.sleep(0.3)
            old = node.kill_worker("store")
            node.wait_replaced("store", old, 20)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong[:5], [], f"{len(wrong)} answers")
        node.stop()


class Supervisor(NodeCase):
    def test_its_death_leaves_no_orphan_and_the_next_start_works(self):
        node = self.node()
        load = Load(node, 4, seed=9)
        load.start()
        load.wait_for(50)
        node.kill()
        began = time.monotonic()
        eventually(5, lambda: not node.leftovers(), "the end of every worker", interval=0.01)
        print(f"      no process left after {time.monotonic() - began:.2f} s")
        load.stop()
        node.start()
        load.problems.clear()
        load.verify()
        self.assertEqual(load.problems, [])
        node.stop()

    def test_its_death_with_a_stopped_worker_leaves_no_orphan(self):
        node = self.node()
        node.kill_worker("store", signal.SIGSTOP)
        node.kill()
        eventually(5, lambda: not node.leftovers(), "the end of every worker")
        node.start()
        node.stop()

    def test_kill_at_any_moment_of_the_start(self):
        node = self.node(start=False)
        rng = random.Random(7)
        for _ in range(6 if not LONG else 40):
            node.spawn()
            time.sleep(rng.random() * 0.3)
            node.kill()
            eventually(5, lambda: not node.leftovers(), "the end of every worker")
        node.start()
        with node.client() as client:
            self.assertEqual(client.put("/api/files/x", b"x").status, 201)
        node.stop()


if __name__ == "__main__":
    unittest.main()
