"""A node of real processes for the tests: started, watched, killed and stopped.

Standard library only (Python 3.9). Nothing here knows how a node is built: it knows its command line, its
HTTP interface and `clusterfctl`.
"""

import ctypes
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from client import Client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("CLUSTERF_BIN", os.path.join(ROOT, ".build-release", "release")))

# A start takes well below a second; this bounds a machine that does ten other things.
START_SECONDS = 30
# The supervisor drains for up to 10 s.
STOP_SECONDS = 20

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Makes this process the parent of what a killed supervisor leaves behind, so that it can be found."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


adopt_orphans()


def eventually(seconds, predicate, what="the condition", interval=0.05):
    """Waits until `predicate()` is true and returns its value; fails with its last value or error otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        failure = None
        value = None
        try:
            value = predicate()
        except (OSError, AssertionError, ValueError, KeyError, LookupError, NodeError) as error:
            failure = error
        if failure is None and value:
            return value
        if time.monotonic() > deadline:
            last = failure if failure is not None else value
            raise AssertionError(f"{what} did not come true within {seconds} s; last: {last!r}")
        time.sleep(interval)


class NodeError(Exception):
    """A node that does not start, stop or answer as agreed."""


class Process:
    """What /proc says of one process."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
        fields = text[text.rindex(b")") + 2:].split()
        self.pid = pid
        self.name = text[text.index(b"(") + 1:text.rindex(b")")].decode("utf-8", "replace")
        self.state = fields[0].decode()
        self.parent = int(fields[1])

    def __repr__(self):
        return f"{self.name}[{self.pid}] {self.state} of {self.parent}"


def process_table():
    """All processes by pid."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                table[int(name)] = Process(int(name))
            except (OSError, ValueError):
                continue  # It ended meanwhile.
    return table


def descendants(pid, table=None):
    """The living (not zombie) processes below `pid`."""
    table = process_table() if table is None else table
    found, parents = [], {pid}
    grown = True
    while grown:
        grown = False
        for process in table.values():
            if process.parent in parents and process.pid not in parents:
                parents.add(process.pid)
                grown = True
                found.append(process)
    return [process for process in found if process.state not in "ZX"]


def resident_bytes(pid):
    """The resident set of a process; pages that several processes map count for each (as `ps` has it)."""
    with open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def cpu_seconds(pid):
    """User and system time that a process has used."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        text = file.read()
    fields = text[text.rindex(b")") + 2:].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


GIVEN_PORTS = set()


def free_port():
    """A port that nobody uses, below the range of ephemeral ports, so that no client takes it meanwhile. None is
    given twice: a node that has not started yet would find another one answering in its place."""
    for _ in range(200):
        port = random.randrange(20000, 29999)
        if port in GIVEN_PORTS:
            continue
        try:
            for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                with socket.socket(family, socket.SOCK_STREAM) as trial:
                    if family == socket.AF_INET6:
                        trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    trial.bind((address, port))
            GIVEN_PORTS.add(port)
            return port
        except OSError:
            continue
    raise NodeError("no free port found")


def temporary_directory(prefix="clusterf-test-"):
    """A directory on a real disk: TMPDIR, else /var/tmp (/tmp may be memory, which knows no fsync)."""
    return tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("TMPDIR", "/var/tmp"))


def remove_tree(path):
    """Deletes a directory, however deep (shutil.rmtree recurses, and Python's stack ends at 1,000)."""
    subprocess.run(["rm", "-rf", "--", path], stdin=subprocess.DEVNULL, check=True)


class Node:
    """One node: a supervisor and what it starts."""

    living = []

    def __init__(self, data_dir=None, args=(), env=None, node_id="n1", port=None, executable=None):
        self.owns_data = data_dir is None
        self.data_dir = data_dir or temporary_directory()
        self.node_id = node_id
        self.port = port or free_port()
        self.args = list(args)
        self.env = dict(os.environ, **(env or {}))
        self.executable = executable or os.path.join(BIN, "clusterf-supervisor")
        self.process = None
        self.log = []
        self._reader = None
        self._ever = set()

    # Places.

    @property
    def directory(self):
        return os.path.join(self.data_dir, self.node_id)

    @property
    def view(self):
        return os.path.join(self.directory, "files")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # Life.

    def command(self):
        return [
            self.executable, "--http-port", str(self.port), "--data-dir", self.data_dir,
            "--node-id", self.node_id, *self.quiet(), *self.args,
        ]

    def quiet(self):
        """Nodes of different tests must not find each other; a test that wants it says so."""
        return [] if "--discovery-address" in self.args else ["--discovery-address", "off"]

    def spawn(self):
        """Starts the supervisor and returns at once."""
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=self.env, start_new_session=True)
        if self not in Node.living:
            Node.living.append(self)
        self._reader = threading.Thread(target=self._collect, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return self

    def start(self, seconds=START_SECONDS):
        """Starts the node and waits until it is ready."""
        self.spawn()
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                self._reader.join(2)
                raise NodeError(f"the supervisor ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise NodeError(f"not ready within {seconds} s:\n{self.tail()}")
            time.sleep(0.01)
        return self

    def is_ready(self):
        try:
            with self.client(timeout=2) as client:
                return client.get("/readyz").status == 200
        except OSError:
            return False

    def _collect(self, pipe):
        for line in pipe:
            self.log.append(line.decode("utf-8", "replace").rstrip("\n"))
        pipe.close()

    def tail(self, lines=60):
        return "\n".join(self.log[-lines:])

    def stop(self, seconds=STOP_SECONDS):
        """Ends the node in order (SIGTERM); asserts that it says so by exit 0 and that no process is left."""
        if self.process is None:
            return
        self.processes()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            left = self.processes()
            self.destroy()
            raise NodeError(f"SIGTERM did not end the node within {seconds} s; left: {left}")
        self.join_log()
        left = self.leftovers()
        self.destroy()
        if left:
            raise NodeError(f"processes left after the supervisor ended: {left}")
        if code != 0:
            raise NodeError(f"the supervisor ended with {code}:\n{self.tail()}")

    def kill(self):
        """kill -9 of the supervisor alone."""
        self.processes()
        self.process.kill()
        self.process.wait()

    def destroy(self):
        """Ends whatever is left of this node, by pid."""
        if self.process is None:
            return
        self.processes()
        for pid in [self.process.pid, *self._ever]:
            if self._is_ours(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        self.process.wait()
        deadline = time.monotonic() + 5
        while self.leftovers() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.join_log()
        self.process = None
        if self in Node.living:
            Node.living.remove(self)

    def join_log(self):
        """After the end of all processes: waits until the log is read."""
        if self._reader is not None:
            self._reader.join(5)

    def _is_ours(self, pid):
        """Whether `pid` still is below this test process (and not a stranger with a reused number)."""
        return any(process.pid == pid for process in descendants(os.getpid()))

    def remove(self):
        """Deletes the data directory, when this node made it."""
        if self.owns_data:
            remove_tree(self.data_dir)

    # Processes.

    def processes(self):
        """The living processes below the supervisor."""
        found = descendants(self.process.pid)
        self._ever.update(process.pid for process in found)
        return found

    def leftovers(self):
        """The processes of this node that outlived its supervisor; dead ones are reaped."""
        table = process_table()
        left = []
        for process in descendants(os.getpid(), table):
            if process.pid in self._ever and process.pid != self.process.pid:
                left.append(process)
        for pid in list(self._ever):
            process = table.get(pid)
            if process is not None and process.parent == os.getpid() and process.state == "Z":
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    continue
        return left

    def control(self, *words, check=True):
        """Runs clusterfctl against this node."""
        done = subprocess.run(
            [os.path.join(os.path.dirname(self.executable), "clusterfctl"), "--data-dir", self.data_dir,
             "--node", self.node_id, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, env=self.env)
        if check and done.returncode != 0:
            raise NodeError(
                f"clusterfctl {' '.join(words)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done

    def workers(self):
        """The workers by name, as `clusterfctl workers --json` lists them."""
        listed = json.loads(self.control("workers", "--json").stdout)
        if isinstance(listed, dict):
            listed = listed["workers"]
        return {worker["name"]: worker for worker in listed}

    def pid(self, name):
        """The pid of the worker that serves now."""
        pid = self.workers()[name].get("pid")
        if not pid:
            raise NodeError(f"{name} has no process now")
        return int(pid)

    def kill_worker(self, name, signal_number=signal.SIGKILL):
        """Sends a signal to a worker and returns its pid; no error when it is between two lives."""
        pid = self.pid(name)
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            raise NodeError(f"{name}[{pid}] is listed but gone") from None
        return pid

    def wait_replaced(self, name, old_pid, seconds=10):
        """Waits until a worker of another pid is ready."""
        def replaced():
            worker = self.workers()[name]
            return worker.get("pid") not in (None, 0, old_pid) and worker["state"] == "ready" and worker
        return eventually(seconds, replaced, f"a new {name}")

    def resident(self):
        """Resident bytes of the supervisor and all workers, by name."""
        sizes = {}
        for process in [Process(self.process.pid), *self.processes()]:
            sizes[f"{process.name}[{process.pid}]"] = resident_bytes(process.pid)
        return sizes

    def client(self, **options):
        return Client(self.port, **options)


def destroy_all():
    """Ends every node that a test left running."""
    for node in list(Node.living):
        node.destroy()


class NodeCase(unittest.TestCase):
    """A test with nodes of its own; each is stopped at the end, and its log is shown when the test fails."""

    longMessage = True
    maxDiff = 2000

    def node(self, *args, start=True, **options):
        node = Node(*args, **options)
        self.__dict__.setdefault("nodes", []).append(node)
        self.addCleanup(node.remove)
        self.addCleanup(node.destroy)
        if start:
            node.start()
        return node

    def all_nodes(self):
        return self.__dict__.get("nodes", [])


class SharedNodeCase(NodeCase):
    """Tests that share one node, which is started once; it must stop in order after the last."""

    args = ()

    @classmethod
    def setUpClass(cls):
        cls.shared = Node(args=cls.args)
        cls.addClassCleanup(cls.shared.remove)
        cls.addClassCleanup(cls.shared.destroy)
        cls.shared.start()

    @classmethod
    def tearDownClass(cls):
        cls.shared.stop()

    def setUp(self):
        self.client = self.shared.client()
        self.addCleanup(self.client.close)

    def all_nodes(self):
        return [self.shared]


def suite_of(loader, ordinary, long):
    """The cases of a module: those of every run, and with `--long` the others as well. For a module's `load_tests`."""
    cases = [*ordinary, *long] if os.environ.get("CLUSTERF_LONG") == "yes" else ordinary
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


def warn(text):
    """Something a reader of the test's output must not miss."""
    print(f"!! {text}", file=sys.stderr, flush=True)
