"""`--sim-nodes`: many whole nodes on this machine, one cluster, started and stopped by one supervisor."""

import os
import random
import signal
import socket
import subprocess
import time
import unittest

from client import Client, pattern
from harness import BIN, NodeCase, START_SECONDS, descendants, eventually

LONG = os.environ.get("CLUSTERF_LONG") == "yes"
# The promise for ten nodes is 10 s; a busy machine is allowed three times that.
TEN_READY_SECONDS = 10 * 3
# A node promises 10 s; those of one machine stop at the same time.
STOP_TOGETHER_SECONDS = 20
GIVEN_BASES = []


def free_base(count):
    """The first of `count` ports in a row that nobody uses and no other test was given."""
    for _ in range(500):
        base = random.randrange(10000, 20000 - count)
        if any(base < end and first < base + count for first, end in GIVEN_BASES):
            continue
        try:
            for port in range(base, base + count):
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        GIVEN_BASES.append((base, base + count))
        return base
    raise AssertionError("no free ports found")


class LocalClusterCase(NodeCase):
    """A supervisor with `--sim-nodes`, in the place of a node."""

    def local(self, count, args=(), start=True, names_directory=True, **options):
        cluster = self.node(start=False, port=free_base(count), **options)
        cluster.count = count
        directory = ["--data-dir", cluster.data_dir] if names_directory else []
        cluster.command = lambda: [
            cluster.executable, "--sim-nodes", str(count), "--base-port", str(cluster.port), *directory, *args]
        if start:
            cluster.spawn()
            self.wait_line(cluster, "cluster ", 60 + count)
        return cluster

    def wait_line(self, cluster, beginning, seconds=START_SECONDS):
        """Waits for a line of the log, and fails at once where the supervisor ended."""
        def seen():
            if any(line.startswith(beginning) for line in cluster.log):
                return True
            if cluster.process.poll() is not None:
                cluster.join_log()
                self.fail(f"it ended with {cluster.process.returncode}:\n{cluster.tail()}")
            return False
        try:
            eventually(seconds, seen, f"the line {beginning!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cluster.tail()}") from None

    def request(self, cluster, number, method, *arguments, **fields):
        """A request to the node `number`, from 1."""
        with Client(cluster.port + number - 1, timeout=60) as client:
            return getattr(client, method)(*arguments, **fields)

    def states(self, cluster, number):
        answer = self.request(cluster, number, "get", "/api/cluster-stats")
        self.assertEqual(answer.status, 200, answer)
        return {peer["node_id"]: peer["state"] for peer in answer.json["peer_list"]}

    def supervisor_pid(self, cluster, number):
        with open(os.path.join(cluster.data_dir, f"sim-{number}", "lock"), encoding="utf-8") as file:
            return int(file.read())

    def refused(self, args, data_dir):
        done = subprocess.run(
            [os.path.join(BIN, "clusterf-supervisor"), "--data-dir", data_dir, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(os.listdir(data_dir), [], "nothing may be made")
        self.assertEqual(descendants(os.getpid()), [], "nothing may be left running")
        return done.returncode, done.stderr.decode()

    def control(self, cluster, *words):
        return subprocess.run(
            [os.path.join(BIN, "clusterfctl"), "--data-dir", cluster.data_dir, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


class Together(LocalClusterCase):
    def test_ten_nodes_are_one_cluster_with_a_file_of_each(self):
        cluster = self.local(10, start=False)
        began = time.monotonic()
        cluster.spawn()
        self.wait_line(cluster, "ready ", TEN_READY_SECONDS)
        print(f"      10 nodes ready: {time.monotonic() - began:.2f} s")
        self.wait_line(cluster, "cluster ", 60)
        print(f"      10 nodes one cluster with their files: {time.monotonic() - began:.2f} s")
        self.assertEqual(sum(line.startswith("sim-") and "  http://127.0.0.1:" in line for line in cluster.log), 10)
        names = {f"sim-{number}": "alive" for number in range(1, 11)}
        for number in range(1, 11):
            eventually(20, lambda: self.states(cluster, number) == names, f"all are alive to sim-{number}")
            for other in range(1, 11):
                got = self.request(cluster, number, "get", f"/api/files/demo/sim-{other}.txt")
                self.assertEqual(got.status, 200, got)
                self.assertIn(f"sim-{other}.".encode(), got.body)
        self.assertEqual(len(cluster.processes()), 30, "a supervisor, a store and a gateway each")
        # clusterfctl finds each of them as it finds any node.
        self.assertIn(b"sim-3", self.control(cluster, "--node", "sim-3", "status").stdout)
        self.assertIn(b"sim-10", self.control(cluster, "status").stderr, "which one is asked")
        began = time.monotonic()
        cluster.stop(STOP_TOGETHER_SECONDS)
        print(f"      10 nodes stopped: {time.monotonic() - began:.2f} s")

    def test_a_start_again_keeps_what_people_changed(self):
        cluster = self.local(3)
        self.assertEqual(self.request(cluster, 2, "put", "/api/files/demo/sim-1.txt", b"mine").status, 200)
        self.assertEqual(self.request(cluster, 3, "delete", "/api/files/demo/sim-2.txt").status, 204)
        cluster.stop(STOP_TOGETHER_SECONDS)
        cluster.log.clear()
        cluster.spawn()
        self.wait_line(cluster, "cluster ", 60)
        self.assertEqual(self.request(cluster, 3, "get", "/api/files/demo/sim-1.txt").body, b"mine")
        self.assertEqual(self.request(cluster, 1, "get", "/api/files/demo/sim-2.txt").status, 404)
        self.assertEqual(self.request(cluster, 1, "get", "/api/files/demo/sim-3.txt").status, 200)
        cluster.stop(STOP_TOGETHER_SECONDS)

    def test_a_temporary_directory_goes_with_the_nodes(self):
        parent = self.node(start=False).data_dir
        cluster = self.local(2, names_directory=False, env={"TMPDIR": parent})
        self.assertEqual(len(os.listdir(parent)), 1)
        self.assertTrue(any(parent in line and "removed" in line for line in cluster.log), cluster.tail())
        cluster.stop(STOP_TOGETHER_SECONDS)
        self.assertEqual(os.listdir(parent), [])

    def test_a_killed_supervisor_leaves_no_process(self):
        cluster = self.local(3)
        self.assertEqual(len(cluster.processes()), 9)
        cluster.kill()
        eventually(10, lambda: not cluster.leftovers(), "the end of all processes")

    def test_a_second_signal_ends_all_at_once(self):
        cluster = self.local(3)
        cluster.processes()
        cluster.process.terminate()
        eventually(10, lambda: any("SIGTERM: stopping" in line for line in cluster.log), "the first signal")
        cluster.process.terminate()
        self.assertEqual(cluster.process.wait(10), 0, cluster.tail())
        self.assertEqual(cluster.leftovers(), [])

    def test_a_node_that_ends_is_said_and_left(self):
        cluster = self.local(3)
        os.kill(self.supervisor_pid(cluster, 2), signal.SIGKILL)
        eventually(10, lambda: any("sim-2 ended with signal 9" in line for line in cluster.log), "a word of it")
        with self.assertRaises(OSError):
            self.request(cluster, 2, "get", "/readyz")
        # "out": it was no member of the layout yet.
        eventually(
            60, lambda: self.states(cluster, 1)["sim-2"] in ("dead", "out"), "its death is known")
        for number in (1, 3):
            self.assertEqual(self.request(cluster, number, "get", "/api/files/demo/sim-2.txt").status, 200)
        self.assertEqual(self.control(cluster, "--node", "sim-3", "stop").returncode, 0)
        eventually(10, lambda: any("sim-3 was stopped" in line for line in cluster.log), "a word of it")
        self.assertEqual(self.request(cluster, 1, "get", "/readyz").status, 200)
        cluster.stop(STOP_TOGETHER_SECONDS)


class Many(LocalClusterCase):
    """With --long a hundred nodes, on a machine that is small for them: slow, and right."""

    def test_many_nodes_are_one_cluster_that_serves_files(self):
        count = 100 if LONG else 5
        victim = count // 2
        cluster = self.local(count, start=False)
        began = time.monotonic()
        cluster.spawn()
        self.wait_line(cluster, "ready ", 180)
        ready = time.monotonic() - began
        self.wait_line(cluster, "cluster ", 240)
        print(f"      {count} nodes: ready {ready:.1f} s, one cluster {time.monotonic() - began:.1f} s")
        numbers = range(1, count + 1)

        def is_whole():
            return all(list(self.states(cluster, number).values()).count("alive") == count for number in numbers)
        eventually(240, is_whole, "everybody is alive to everybody", interval=1)
        everything = sum(self.shared(process.pid) for process in cluster.processes())
        print(f"      {count} nodes: {everything >> 20} MiB")
        self.assertLess(everything / count, 30 << 20)
        chance = random.Random(100)
        for number in numbers:
            path = f"/api/files/many/{number}"
            data = pattern(5000 + number, number)
            put = self.request(cluster, chance.choice(numbers), "put", path, data)
            self.assertEqual(put.status, 201, put)
            got = self.request(cluster, chance.choice(numbers), "get", path)
            self.assertEqual((got.status, got.body), (200, data))
            demo = self.request(cluster, chance.choice(numbers), "get", f"/api/files/demo/sim-{number}.txt")
            self.assertEqual(demo.status, 200, demo)
        os.kill(self.supervisor_pid(cluster, victim), signal.SIGKILL)
        began = time.monotonic()
        name = f"sim-{victim}"
        eventually(90, lambda: self.states(cluster, 1)[name] in ("dead", "out"), "its death is known")
        print(f"      {count} nodes: a death is known after {time.monotonic() - began:.1f} s")
        for number in numbers:
            reader = chance.choice([other for other in numbers if other != victim])
            got = self.request(cluster, reader, "get", f"/api/files/many/{number}")
            self.assertEqual((got.status, got.body), (200, pattern(5000 + number, number)))
        cluster.stop(60)

    def shared(self, pid):
        """What a process takes, with its share of what several have."""
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):
            return 0


class Refusals(LocalClusterCase):
    def test_a_taken_port_is_named_and_nothing_starts(self):
        base = free_base(3)
        directory = self.node(start=False).data_dir
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(("127.0.0.1", base + 1))
            taken.listen(1)
            code, said = self.refused(["--sim-nodes", "3", "--base-port", str(base)], directory)
        self.assertEqual(code, 69, said)
        for word in (str(base + 1), "sim-2", "--base-port", "in use"):
            self.assertIn(word, said)

    def test_contradictory_flags_exit_64(self):
        directory = self.node(start=False).data_dir
        for args, named in [
            (["--node-id", "x"], "--node-id"), (["--http-port", "8080"], "--http-port"),
            (["--peer-port", "31000"], "--peer-port"), (["--join", "127.0.0.1:31000"], "--join"),
            (["--no-store"], "--no-store"), (["--discovery-address", "off"], "--discovery-address"),
            (["--base-port", "65535"], "--base-port"), (["--sim-nodes", "0"], "--sim-nodes"),
            (["--sim-nodes", "many"], "--sim-nodes"), (["--webdav", "photos"], "--webdav"),
        ]:
            with self.subTest(args=args):
                code, said = self.refused(["--sim-nodes", "3", *args], directory)
                self.assertEqual(code, 64, said)
                self.assertIn(named, said)
        code, said = self.refused(["--base-port", "31000"], directory)
        self.assertEqual(code, 64, said)
        self.assertIn("--sim-nodes", said)

    def test_a_node_that_cannot_start_ends_all(self):
        cluster = self.local(2)
        cluster.stop(STOP_TOGETHER_SECONDS)
        with open(os.path.join(cluster.data_dir, "sim-2", "FORMAT"), "w", encoding="utf-8") as file:
            file.write("clusterf 99 rawfile 1\n")
        cluster.spawn()
        self.assertEqual(cluster.process.wait(30), 125, cluster.tail())
        cluster.join_log()
        self.assertIn("sim-2 ended with exit code 125 before it was ready", cluster.tail())
        self.assertEqual(cluster.leftovers(), [])


if __name__ == "__main__":
    unittest.main()
