"""Clients that write and read in a loop while something is killed, and a book of what was promised to them."""

import random
import threading
import time

from client import Client, pattern, sha256

# Mostly rows of the database, now and then content in a file of its own.
SIZES = (0, 10, 3_000, 60_000, 65_536, 70_000, 300_000)
# A request waits out a store's death for up to 20 s.
REQUEST_SECONDS = 40


class Key:
    """One path, written by one client alone: what was acknowledged last, and what may have happened since."""

    def __init__(self, path):
        self.path = path
        self.acknowledged = None  # checksum; None: not there
        self.version = None
        self.unsure = []

    def promised(self, checksum, version):
        self.acknowledged, self.version, self.unsure = checksum, version, []

    def allows(self, checksum):
        return checksum == self.acknowledged or checksum in self.unsure


class Load:
    """`clients` threads, each with a connection and paths of its own."""

    def __init__(self, node, clients=16, seed=1, prefix="/load", only_reads=False):
        self.node = node
        self.prefix = prefix
        self.seed = seed
        self.only_reads = only_reads
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.counts = {}
        self.problems = []
        self.slowest = 0.0
        self.keys = [[] for _ in range(clients)]
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

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

    def run_during(self, action):
        """Runs the load while `action()` does its work, and stops it then."""
        self.start()
        try:
            self.wait_for(len(self.threads) * 2)
            action()
        finally:
            self.stop()
        return self

    def wait_for(self, more, seconds=60):
        """Waits until that many further requests were answered."""
        goal = self.answered() + more
        deadline = time.monotonic() + seconds
        while self.answered() < goal:
            if time.monotonic() > deadline:
                self.problem(f"no {more} requests were answered in {seconds} s")
                return
            time.sleep(0.02)

    def answered(self):
        with self.lock:
            return self.counts.get("put", 0) + self.counts.get("get", 0) + self.counts.get("delete", 0)

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def number(self, what):
        return self.counts.get(what, 0)

    def _run(self, number):
        rng = random.Random(self.seed * 1000 + number)
        client = Client(self.node.port, timeout=REQUEST_SECONDS)
        step = 0
        while not self.stopping.is_set():
            step += 1
            began = time.monotonic()
            try:
                self._step(client, number, step, rng)
            except ConnectionRefusedError:
                self.count("refused")
                time.sleep(0.01)
            except OSError as error:
                # A killed gateway takes its open requests with it: not acknowledged, to be repeated.
                self.count("broken")
                with self.lock:
                    self.counts.setdefault("last break", repr(error))
            self.slowest = max(self.slowest, time.monotonic() - began)
        client.close()

    def _step(self, client, number, step, rng):
        keys = self.keys[number]
        choice = rng.random()
        if not keys or (choice < 0.2 and len(keys) < 40):
            keys.append(Key(f"{self.prefix}/c{number}/k{len(keys)}"))
            self._put(client, keys[-1], (number, step), rng)
        elif choice < 0.55 and not self.only_reads:
            self._put(client, rng.choice(keys), (number, step), rng)
        elif choice < 0.6 and not self.only_reads:
            self._delete(client, rng.choice(keys))
        else:
            self._get(client, rng.choice(keys))

    def _put(self, client, key, seed, rng):
        data = pattern(rng.choice(SIZES), seed)
        checksum = sha256(data)
        key.unsure.append(checksum)
        if rng.random() < 0.3:
            answer = client.put_chunked("/api/files" + key.path, [data[at:at + 50_000] for at in range(0, len(data), 50_000)])
        else:
            answer = client.put("/api/files" + key.path, data)
        if answer.status in (200, 201):
            if answer.json["checksum"] != checksum:
                self.problem(f"{key.path}: acknowledged with another checksum")
            key.promised(checksum, answer.json["version"])
            self.count("put")
        else:
            self._refused(key, "PUT", answer)

    def _delete(self, client, key):
        key.unsure.append(None)
        answer = client.delete("/api/files" + key.path)
        if answer.status == 204 or (answer.status == 404 and key.allows(None)):
            key.promised(None, None)
            self.count("delete")
        else:
            self._refused(key, "DELETE", answer)

    def _refused(self, key, method, answer):
        """An answer that is not an acknowledgement: clear and retryable is allowed, anything else is not."""
        if answer.status == 503 and answer.json["error"]["code"]:
            self.count("unavailable")
        else:
            self.problem(f"{method} {key.path}: {answer}")

    def _get(self, client, key):
        answer = client.get("/api/files" + key.path)
        if answer.status == 503:
            self.count("unavailable")
            return
        self._judge(key, answer)
        self.count("get")

    def _judge(self, key, answer):
        if answer.status == 404:
            if not key.allows(None):
                self.problem(f"{key.path}: lost (404), acknowledged {key.version}")
        elif answer.status != 200:
            self.problem(f"GET {key.path}: {answer}")
        elif not key.allows(sha256(answer.body)):
            self.problem(f"{key.path}: other content ({len(answer.body)} bytes) than version {key.version}")
        elif answer["ETag"] != f'"{sha256(answer.body)}"':
            self.problem(f"{key.path}: content and ETag differ")

    def verify(self):
        """Reads every path again; returns the number of files checked. Problems go to `problems`."""
        checked = 0
        with Client(self.node.port, timeout=REQUEST_SECONDS) as client:
            for keys in self.keys:
                for key in keys:
                    answer = client.get("/api/files" + key.path)
                    self._judge(key, answer)
                    if answer.status == 200 and sha256(answer.body) == key.acknowledged:
                        entry = client.get("/api/metadata" + key.path).json
                        if entry["version"] != key.version and key.acknowledged not in key.unsure:
                            self.problem(f"{key.path}: version {entry['version']}, acknowledged was {key.version}")
                    checked += 1
        return checked

    def summary(self):
        return f"{self.counts}, slowest {self.slowest:.1f} s"
