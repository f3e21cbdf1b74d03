"""Clients of several nodes at once: each writes paths of its own, through any node, and reads them through any."""

import random
import threading
import time

from client import pattern, sha256
from load import Key

SIZES = (0, 10, 3_000, 3_000, 60_000, 70_000, 300_000)
# A request waits out a store's death for up to 20 s, and a node asks others meanwhile.
REQUEST_SECONDS = 40
# Between two requests of one client: a load that leaves room to see what a fault costs.
PAUSE_SECONDS = 0.01


class Sample:
    """One request: when it began and how long it took."""

    __slots__ = ("began", "seconds", "what", "node", "outcome")

    def __init__(self, began, seconds, what, node, outcome):
        self.began, self.seconds, self.what, self.node, self.outcome = began, seconds, what, node, outcome


class ClusterLoad:
    """`clients` threads for each node; a client asks its own node mostly, and any other now and then."""

    def __init__(self, nodes, clients=2, seed=1, prefix="/load", sizes=SIZES, keys=30, deletes=True):
        self.nodes = list(nodes)
        self.prefix, self.sizes, self.seed, self.keys_max, self.deletes = prefix, sizes, seed, keys, deletes
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.away = set()
        self.samples = []
        self.problems = []
        self.keys = [[] for _ in range(clients * len(self.nodes))]
        self.threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(len(self.keys))]

    # Running.

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """Lets every client finish what it does."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(REQUEST_SECONDS + 10)
        if any(thread.is_alive() for thread in self.threads):
            self.problem("a client hangs")
        return self

    def __enter__(self):
        self.start()
        self.wait_for(len(self.threads) * 4)
        return self

    def __exit__(self, *_):
        self.stop()

    def leave(self, node):
        """From now on nobody begins a request at this node."""
        with self.lock:
            self.away.add(node)

    def come_back(self, node):
        with self.lock:
            self.away.discard(node)

    def wait_for(self, more, seconds=60):
        """Waits until that many further requests were answered."""
        goal = len(self.samples) + more
        deadline = time.monotonic() + seconds
        while len(self.samples) < goal:
            if time.monotonic() > deadline:
                self.problem(f"no {more} requests were answered in {seconds} s")
                return
            time.sleep(0.02)

    def go_on(self, seconds):
        """Lets the load run for so long."""
        self.stopping.wait(seconds)

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    # One client.

    def _run(self, number):
        rng = random.Random(self.seed * 1000 + number)
        home = self.nodes[number % len(self.nodes)]
        clients = {}
        step = 0
        while not self.stopping.wait(PAUSE_SECONDS):
            step += 1
            with self.lock:
                here = [node for node in self.nodes if node not in self.away]
            node = home if home in here and rng.random() < 0.6 else rng.choice(here)
            client = clients.setdefault(node, node.client(timeout=REQUEST_SECONDS))
            self._step(client, node, number, step, rng)
        for client in clients.values():
            client.close()

    def _step(self, client, node, number, step, rng):
        keys = self.keys[number]
        choice = rng.random()
        if not keys or (choice < 0.2 and len(keys) < self.keys_max):
            keys.append(Key(f"{self.prefix}/c{number}/k{len(keys)}"))
            action, key = "put", keys[-1]
        else:
            key = rng.choice(keys)
            action = "put" if choice < 0.45 else "delete" if self.deletes and choice < 0.5 else "get"
        began = time.monotonic()
        try:
            outcome = getattr(self, "_" + action)(client, node, key, (self.seed, number, step), rng)
        except OSError as error:
            outcome = "refused" if isinstance(error, ConnectionRefusedError) else "broken"
            if action == "get" and node not in self.away:
                self.problem(f"GET {key.path} through {node.node_id}: {error!r}")
        sample = Sample(began, time.monotonic() - began, action, node.node_id, outcome)
        with self.lock:
            self.samples.append(sample)

    def _put(self, client, node, key, seed, rng):
        data = pattern(rng.choice(self.sizes), seed)
        checksum = sha256(data)
        key.unsure.append(checksum)
        answer = client.put("/api/files" + key.path, data)
        if answer.status not in (200, 201):
            return self._refused(key, node, "PUT", answer)
        if answer.json["checksum"] != checksum:
            self.problem(f"{key.path}: acknowledged with another checksum")
        key.promised(checksum, answer.json["version"])
        return "done"

    def _delete(self, client, node, key, _, __):
        key.unsure.append(None)
        answer = client.delete("/api/files" + key.path)
        if answer.status == 204 or (answer.status == 404 and key.allows(None)):
            key.promised(None, None)
            return "done"
        return self._refused(key, node, "DELETE", answer)

    def _refused(self, key, node, method, answer):
        """No acknowledgement: clear and retryable is allowed, anything else is not."""
        if answer.status == 503 and answer.json["error"]["code"]:
            return "unavailable"
        self.problem(f"{method} {key.path} through {node.node_id}: {answer}")
        return "failed"

    def _get(self, client, node, key, _, __):
        before = (key.acknowledged, list(key.unsure))
        answer = client.get("/api/files" + key.path)
        if answer.status == 503:
            # A reader has nothing to repeat: what is there is to be told.
            self.problem(f"GET {key.path} through {node.node_id}: {answer.body!r}")
            return "unavailable"
        self._judge(key, node, answer, before)
        return "done"

    def _judge(self, key, node, answer, before=None):
        who = f"{key.path} through {node.node_id}"
        if answer.status == 404:
            if not key.allows(None):
                self.problem(f"{who}: lost (404), acknowledged {key.version}; {before}")
        elif answer.status != 200:
            self.problem(f"GET {who}: {answer}")
        elif not key.allows(sha256(answer.body)):
            self.problem(f"{who}: other content ({len(answer.body)} bytes) than version {key.version}")
        elif answer["ETag"] != f'"{sha256(answer.body)}"':
            self.problem(f"{who}: content and ETag differ")

    # What came of it.

    def verify(self, nodes=None):
        """Reads every path again, through each of the nodes; returns the number of reads. All nodes have to say
        the same, also where the outcome of a write is not known."""
        reads = 0
        for node in nodes or self.nodes:
            with node.client(timeout=REQUEST_SECONDS) as client:
                for key in [key for keys in self.keys for key in keys]:
                    answer = client.get("/api/files" + key.path)
                    self._judge(key, node, answer)
                    reads += 1
                    if answer.status in (200, 404):
                        self._settle(key, node, None if answer.status == 404 else sha256(answer.body))
        return reads

    def _settle(self, key, node, checksum):
        """What one reader saw is what the next one has to see: nothing is written any more."""
        if checksum != key.acknowledged and key.allows(checksum):
            key.promised(checksum, key.version)
        elif key.unsure:
            key.unsure = []

    def files(self):
        """path → checksum of what has to be there; nothing whose outcome is not known."""
        return {
            key.path: key.acknowledged for keys in self.keys for key in keys
            if key.acknowledged is not None and not key.unsure}

    def gone(self):
        """The paths at which there must be nothing."""
        return {key.path for keys in self.keys for key in keys if key.acknowledged is None and not key.unsure}

    def number(self, outcome, since=0.0):
        with self.lock:
            return sum(1 for sample in self.samples if sample.outcome == outcome and sample.began >= since)

    def percentile(self, share, begin, end, nodes=None):
        """The latency below which `share` of the requests that were begun in a time stayed; None without any."""
        with self.lock:
            taken = sorted(
                sample.seconds for sample in self.samples
                if begin <= sample.began < end and (nodes is None or sample.node in nodes))
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else None

    def slowest(self, count=3):
        """The slowest requests, for the log of a test."""
        with self.lock:
            taken = sorted(self.samples, key=lambda sample: -sample.seconds)[:count]
        return ", ".join(f"{sample.what} at {sample.node} {sample.seconds:.2f} s" for sample in taken)

    def summary(self):
        counts = {}
        with self.lock:
            for sample in self.samples:
                name = f"{sample.what} {sample.outcome}"
                counts[name] = counts.get(name, 0) + 1
        return f"{counts}; slowest: {self.slowest()}"
