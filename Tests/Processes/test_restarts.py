"""One worker, or a whole node, that is restarted or killed: the clients of other nodes notice nothing, and no node
calls it dead."""

import fcntl
import os
import threading
import time
import unittest

from cluster_load import ClusterLoad
from harness import eventually, suite_of
from test_cluster import ClusterCase

ROUNDS = 8


def locked(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


class StateWatch:
    """What other nodes say of one, as often as they can be asked."""

    def __init__(self, asked, about):
        self.asked, self.about = asked, about
        self.seen = []
        self.looks = 0
        self.problems = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(node,), daemon=True) for node in asked]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _run(self, node):
        last = None
        with node.client(timeout=20) as client:
            while not self.stopping.wait(0.03):
                try:
                    answer = client.get("/api/cluster-stats")
                except OSError as error:
                    self.problems.append(f"{node.node_id}: {error!r}")
                    continue
                self.looks += 1
                if answer.status != 200:
                    self.problems.append(f"{node.node_id}: {answer}")
                    continue
                for peer in answer.json["peer_list"]:
                    if peer["node_id"] != self.about.node_id:
                        continue
                    state = peer["state"] + (", restarting" if peer["restarting"] else "")
                    if state != last:
                        self.seen.append((time.monotonic(), node.node_id, state))
                        last = state

    def states(self):
        return {state for _, _, state in self.seen}

    def told(self, since):
        return ", ".join(f"+{at - since:.2f} s {who}: {state}" for at, who, state in self.seen)


class RestartCase(ClusterCase):
    """Three nodes, clients at two of them, and something that happens to the third."""

    def setUp(self):
        self.three = self.founded(3)
        self.target = self.three[2]
        self.others = self.three[:2]

    def seen_by_clients(self, what, action, rounds=ROUNDS):
        load = ClusterLoad(self.others, clients=3, seed=6)
        began = time.monotonic()
        with StateWatch(self.others, self.target) as watch, load:
            for _ in range(rounds):
                action()
                self.wait_whole(self.three, 20)
                load.wait_for(30)
        print(f"      {what}: {load.summary()}")
        print(f"      {watch.looks} looks: {watch.told(began)}")
        self.assertEqual(load.problems[:5], [], f"{len(load.problems)} problems")
        self.assertEqual(watch.problems[:5], [])
        for bad in ("unavailable", "failed", "broken", "refused"):
            self.assertEqual(load.number(bad), 0, load.summary())
        self.assertGreater(watch.looks, 20)
        self.assertNotIn("dead", watch.states())
        load.verify(self.three)
        self.assertEqual(load.problems[:5], [])
        return watch

    def replaced(self, name, action):
        old = self.target.pid(name)
        action()
        self.target.wait_replaced(name, old, 20)


class Quick(RestartCase):
    def kill_the_store_for_seconds(self):
        """It could be known as dead by then. A few more lives in vain, and the next would be tried much later."""
        old = self.target.kill_worker("store")
        with open(os.path.join(self.target.directory, "store.lock"), "r+b") as lock:
            # The next lives do not get it.
            eventually(5, lambda: locked(lock), "the lock of the store that was killed", interval=0.001)
            time.sleep(6)
        self.target.wait_replaced("store", old, 20)

    def test_each_worker_once(self):
        steps = iter([
            lambda: self.target.control("restart", "gateway"), lambda: self.target.control("restart", "store"),
            lambda: self.replaced("gateway", lambda: self.target.kill_worker("gateway")),
            # A gateway that is new has a word of the store at once, and answers for it.
            self.kill_the_store_for_seconds,
        ])
        watch = self.seen_by_clients("each worker", lambda: next(steps)(), 4)
        self.assertIn("alive, restarting", watch.states())
        self.assertEqual(watch.states() - {"alive", "alive, restarting", "suspect", "suspect, restarting"}, set())


class Requested(RestartCase):
    def test_a_gateway(self):
        self.seen_by_clients("gateway", lambda: self.target.control("restart", "gateway"), 2 * ROUNDS)

    def test_a_store(self):
        watch = self.seen_by_clients("store", lambda: self.target.control("restart", "store"), 2 * ROUNDS)
        self.assertEqual(watch.states() - {"alive", "alive, restarting"}, set())

    def test_a_whole_node(self):
        def again():
            self.target.stop()
            self.target.start()
        self.seen_by_clients("node", again)


class Killed(RestartCase):
    def test_a_gateway(self):
        self.seen_by_clients(
            "gateway", lambda: self.replaced("gateway", lambda: self.target.kill_worker("gateway")), 2 * ROUNDS)

    def test_a_store(self):
        """It said nothing of its end: its gateway answers for it."""
        self.seen_by_clients(
            "store", lambda: self.replaced("store", lambda: self.target.kill_worker("store")), 2 * ROUNDS)

    def test_a_supervisor(self):
        """With it all of the node goes; what starts it again is the system's."""
        def again():
            self.target.kill()
            eventually(5, lambda: not self.target.leftovers(), "the end of every worker")
            self.target.start()
        self.seen_by_clients("supervisor", again)


def load_tests(loader, _, __):
    return suite_of(loader, [Quick], [Requested, Killed])


if __name__ == "__main__":
    unittest.main()
