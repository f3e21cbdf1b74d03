"""The nodes of a run: started on a network of their own, disturbed, and brought back to rest."""

import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "Processes"))

from clock import ClockShift  # noqa: E402
from harness import descendants, eventually, remove_tree, temporary_directory  # noqa: E402
from network import Network, NetworkNode  # noqa: E402
from promises import Troubles  # noqa: E402

# A busy machine may need long for what takes seconds; only what never comes is a finding.
START_SECONDS = 60
REST_SECONDS = 150
# Under `majority` a cut side refuses at once or waits up to 18 s; clients have other things to do.
REQUEST_SECONDS = 6
COMMS = {"store": "clusterf-store", "gateway": "clusterf-gatewa"}


class ChaosNode(NetworkNode):
    """A node with a clock of its own that can be disturbed in all ways."""

    def __init__(self, host, holder, name):
        self.clock = ClockShift(holder, f"clock-{name}")
        super().__init__(
            host, data_dir=os.path.join(holder, name), node_id=name, env=self.clock.environment,
            args=["--peer-port", "31000"])
        os.makedirs(self.data_dir)
        self.is_down = False
        self.is_paused = False

    def worker_pids(self, name):
        """The processes of a worker, by the process table: the supervisor may be the one that stands still."""
        if self.process is None:
            return []
        return [process.pid for process in descendants(self.process.pid) if process.name == COMMS[name]]

    def signal_worker(self, name, number):
        for pid in self.worker_pids(name):
            self._signal(pid, number)

    def pause(self):
        """Everything of the node stands still, as a machine does that is suspended: the supervisor first, which would
        replace a worker that is stopped."""
        self.is_paused = True
        self._signal(self.process.pid, signal.SIGSTOP)
        for process in descendants(self.process.pid):
            self._signal(process.pid, signal.SIGSTOP)

    def resume(self):
        if self.process is not None:
            for process in descendants(self.process.pid):
                self._signal(process.pid, signal.SIGCONT)
            self._signal(self.process.pid, signal.SIGCONT)
        self.is_paused = False

    @staticmethod
    def _signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return  # It ended meanwhile, which is what most signals here are for.

    def down(self):
        """kill -9 of all its processes."""
        self.is_down = True
        self.destroy()

    def up(self):
        self.spawn()
        self.is_down = False

    def is_whole(self):
        """Whether its supervisor lives and says that it is ready."""
        return self.process is not None and self.process.poll() is None and self.is_ready()


class World:
    """Some nodes, one cluster, one write policy."""

    def __init__(self, count, policy, log):
        self.log = log
        self.policy = policy
        self.holder = temporary_directory("clusterf-chaos-")
        self.network = Network(count)
        self.nodes = [ChaosNode(host, self.holder, f"n{host.number}") for host in self.network.hosts]
        self.names = [node.node_id for node in self.nodes]
        self.by_name = dict(zip(self.names, self.nodes))
        self.troubles = Troubles(self.names)
        self.factor = 3

    def close(self, keep=None):
        """Ends everything. `keep`: a directory for the nodes' data."""
        for node in self.nodes:
            if node.is_paused:
                node.resume()
            node.destroy()
        self.network.close()
        if keep is not None:
            for node in self.nodes:
                shutil.copytree(
                    node.directory, os.path.join(keep, "data", node.node_id), dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns("run", "files"))
        remove_tree(self.holder)

    def save_logs(self, directory):
        for node in self.nodes:
            with open(os.path.join(directory, f"{node.node_id}.log"), "w", encoding="utf-8") as file:
                file.write("\n".join(node.log) + "\n")

    # Beginning and end.

    def found(self):
        """Starts all nodes; they become one cluster with the policy of the run, known to everybody."""
        for node in self.nodes:
            node.spawn()
        for node in self.nodes:
            eventually(START_SECONDS, node.is_ready, f"{node.node_id} ready")
        eventually(START_SECONDS, self.is_one_cluster, "one cluster of all nodes")
        self.log("one cluster")
        first = self.nodes[0]
        eventually(START_SECONDS, lambda: self._put(first, "/api/files/founded", b"x") in (200, 201), "the first file")
        settings = {"write_policy": self.policy, "grace_before_out": 10}
        eventually(START_SECONDS, lambda: self._send(first, "PATCH", "/api/settings", settings) == 200, "the settings")
        self.set_factor(3)
        eventually(START_SECONDS, lambda: all(self._policy(node) == self.policy for node in self.nodes), "the policy")
        self.log("the policy is known")
        self.wait_rest()

    def heal(self):
        """Ends every fault; everybody is up again."""
        self.network.heal()
        for node in self.nodes:
            self.network.plug(node.host)
            node.clock.shift(0)
            if node.is_paused:
                node.resume()
            if node.is_down:
                node.up()
        for node in self.nodes:
            if not node.is_whole():
                eventually(START_SECONDS, lambda node=node: self._is_back(node), f"{node.node_id} back")

    def _is_back(self, node):
        """A supervisor that was killed is started again, as systemd would."""
        if node.process is None or node.process.poll() is not None:
            node.destroy()
            node.up()
            return False
        return node.is_ready()

    def wait_rest(self):
        """Waits until nothing is left to be done; says what it waits for when that changes."""
        said = None

        def is_at_rest():
            nonlocal said
            reason = self._unrest()
            if reason is not None:
                if reason != said:
                    self.log(f"        {reason}")
                said = reason
                raise AssertionError(reason)
            return True
        eventually(REST_SECONDS, is_at_rest, "a cluster at rest", interval=0.3)

    def _unrest(self):
        """Why the cluster is not at rest; None when it is."""
        for node in self.nodes:
            stats = self.stats(node)
            members = sorted(peer["node_id"] for peer in stats["peer_list"] if peer["is_member"])
            others = [
                f"{peer['node_id']} is {peer['state']}" for peer in stats["peer_list"] if peer["state"] != "alive"]
            if members != self.names or others or stats["layouts_in_use"] != 1:
                return (f"{node.node_id}: members {' '.join(members)}, {stats['layouts_in_use']} layouts in use "
                        f"{' '.join(others)}")
            if not stats["settled"]:
                return f"{node.node_id}: not settled"
        return None

    def is_one_cluster(self):
        for node in self.nodes:
            states = {peer["node_id"]: peer["state"] for peer in self.stats(node)["peer_list"]}
            if states != {name: "alive" for name in self.names}:
                return False
        return True

    # HTTP of the operator.

    def stats(self, node):
        with node.client(timeout=REQUEST_SECONDS) as client:
            answer = client.get("/api/cluster-stats")
            if answer.status != 200:
                raise AssertionError(f"{node.node_id}: {answer}")
            return answer.json

    def _send(self, node, method, path, value):
        with node.client(timeout=REQUEST_SECONDS) as client:
            return client.request(method, path, body=json.dumps(value)).status

    def _put(self, node, path, data):
        with node.client(timeout=REQUEST_SECONDS) as client:
            return client.put(path, data).status

    def _policy(self, node):
        with node.client(timeout=REQUEST_SECONDS) as client:
            listed = client.get("/api/settings").json["settings"]
            return {entry["key"]: entry["value"] for entry in listed}["write_policy"]

    def set_factor(self, factor):
        """Asks some node that answers for another replication factor."""
        self.troubles.factor(factor, time.monotonic())
        for node in random.sample(self.nodes, len(self.nodes)):
            try:
                if self._send(node, "PUT", "/api/replication-factor", {"replication_factor": factor}) == 200:
                    self.factor = factor
                    return True
            except OSError:
                continue  # The next one.
        return False

    # Disks.

    def copies_of(self, path, data):
        """How many disks have this small content of a file for good."""
        found = 0
        for node in self.nodes:
            database = self._database(node)
            try:
                # One state of the database: what is written out leaves its row in the same transaction.
                database.execute("BEGIN")
                found += self._has_content(database, path, data)
            except sqlite3.OperationalError:
                continue  # Its store never began, or begins.
            finally:
                database.close()
        return found

    @staticmethod
    def _has_content(database, path, data):
        """Whether a row has it, or a version at the path names an object that is there (docs/FORMATS.md)."""
        if database.execute("SELECT EXISTS(SELECT 1 FROM content WHERE bytes = ?)", (data,)).fetchone()[0]:
            return True
        digest = hashlib.sha256(data).digest()
        named = database.execute("SELECT object FROM records WHERE path = ? AND digest = ?", (path.encode(), digest))
        objects = [row[0] for row in named]
        for (register,) in database.execute("SELECT register FROM registers WHERE path = ?", (path.encode(),)):
            at = register.find(digest)
            if at >= 0:
                # Behind the digest: the content type behind its length, two times, the object.
                at += 32 + 4 + int.from_bytes(register[at + 32:at + 36], "big") + 16
                objects.append(register[at:at + 16])
        return any(
            database.execute("SELECT 1 FROM objects WHERE object = ? AND state = 0", (name,)).fetchone()
            for name in objects)

    @staticmethod
    def _database(node):
        """A node's tables, read only."""
        path = os.path.join(node.directory, "meta", "store.db")
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)

    def contents(self):
        """The SHA-256 of every content that some disk has."""
        found = set()
        for node in self.nodes:
            database = self._database(node)
            try:
                for (data,) in database.execute("SELECT bytes FROM content"):
                    found.add(hashlib.sha256(data).hexdigest())
            finally:
                database.close()
            for directory, _, names in os.walk(os.path.join(node.directory, "objects")):
                for name in names:
                    try:
                        with open(os.path.join(directory, name), "rb") as file:
                            found.add(hashlib.sha256(file.read()).hexdigest())
                    except FileNotFoundError:
                        continue  # The store took it away meanwhile.
        return found

