"""The supervisor alone: its workers are stand-ins that keep the process contract, or break it as told."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from fake_node import FakeNodeCase, HERE, SUPERVISOR
from harness import BIN, descendants, eventually, free_port


class Stopping(FakeNodeCase):
    def test_sigterm_drains_the_gateway_before_the_store(self):
        node = self.node()
        began = time.monotonic()
        node.stop()
        self.assertLess(time.monotonic() - began, 5)
        drained = [re.search(r"info (\w+)\[", line).group(1) for line in node.logged("] drained")]
        self.assertEqual(drained, ["gateway", "store"])

    def test_sigterm_ends_stubborn_workers_within_10_seconds(self):
        node = self.node({"store": {"stubborn": True}, "gateway": {"stubborn": True}})
        node.processes()
        began = time.monotonic()
        node.process.terminate()
        self.ends(node, 0)
        self.assertLess(time.monotonic() - began, 11)
        self.assertEqual(len(node.logged("did not drain in time")), 2)

    def test_sigint_is_quicker(self):
        node = self.node({"store": {"stubborn": True}, "gateway": {"stubborn": True}})
        node.processes()
        began = time.monotonic()
        node.process.send_signal(signal.SIGINT)
        self.ends(node, 0)
        self.assertLess(time.monotonic() - began, 4)

    def test_an_interrupt_at_the_terminal_reaches_the_supervisor_alone(self):
        node = self.node()
        node.processes()
        os.killpg(node.process.pid, signal.SIGINT)
        self.ends(node, 0)
        self.assertEqual(len(node.logged("] drained")), 2, node.tail())

    def test_the_second_signal_ends_at_once(self):
        node = self.node({"store": {"stubborn": True}, "gateway": {"stubborn": True}})
        node.processes()
        node.process.terminate()
        node.wait_log("SIGTERM: stopping")
        began = time.monotonic()
        node.process.terminate()
        self.ends(node, 0)
        self.assertLess(time.monotonic() - began, 3)

    def test_kill_9_leaves_no_orphan_and_the_next_start_works(self):
        node = self.node()
        node.kill()
        eventually(5, lambda: not node.leftovers(), "no orphan")
        node.start()
        node.wait_ready()
        node.stop()

    def test_clusterfctl_stop_returns_when_the_node_is_gone(self):
        node = self.node()
        node.processes()
        node.control("stop")
        self.assertEqual(node.process.wait(2), 0)


class Refusing(FakeNodeCase):
    def refused(self, *arguments, code=64, env=None):
        done = subprocess.run(
            [SUPERVISOR, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=20, env=dict(os.environ, **(env or {})))
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, said)
        self.assertTrue(said)
        self.assertEqual(descendants(os.getpid()), [])
        return said

    def test_wrong_command_lines_exit_with_64_and_start_nothing(self):
        place = os.path.join(tempfile.gettempdir(), "clusterf-never-made")
        base = ["--data-dir", place]
        for arguments, word in [
            (["--no-such-flag"], "no-such-flag"),
            (["--http-port", "70000"], "--http-port"),
            (["--http-port", "eighty"], "--http-port"),
            (["--node-id", "../up"], "--node-id"),
            (["--bind", "localhost"], "--bind"),
            (["--bind", "127.0.0.1", "--bind", "127.0.0.1"], "twice"),
            (["--storage-major", "martian"], "--storage-major"),
            (["--storage-major", "sqlite", "--storage-minor", "2"], "--storage-minor"),
            (["--cluster-key-file", "/x"], "--cluster-key-file: the cluster key in /x cannot be read"),
            (["--join", "host"], "--join"),
            (["--encryption-key-file=/x"], "--encryption-key-file: the encryption key in /x cannot be read"),
            (["--encryption-key", "correct horse", "--encryption-key-file", "/x"], "contradict each other"),
            (["--config", "/does/not/exist.toml"], "/does/not/exist.toml"),
            (["stray"], "stray"),
        ]:
            with self.subTest(arguments=arguments):
                self.assertIn(word, self.refused(*base, *arguments))
                self.assertFalse(os.path.exists(place))
        self.assertIn("CLUSTERF_HTTP_PORT", self.refused(*base, env={"CLUSTERF_HTTP_PORT": "no"}))
        self.assertIn("CLUSTERF_TLS_CERT", self.refused(*base, env={"CLUSTERF_TLS_CERT": "x"}))

    def test_help_and_version_are_no_errors(self):
        for flag in ("--help", "--version"):
            done = subprocess.run([SUPERVISOR, flag], stdout=subprocess.PIPE, timeout=20)
            self.assertEqual(done.returncode, 0)
            self.assertIn(b"clusterf", done.stdout)

    def test_a_wrong_configuration_file_names_the_place(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            for text, word in [("htp-port = 1\n", "htp-port"), ("x = [\n", "line"), ("join = 'a'\n", "join")]:
                file.seek(0)
                file.truncate()
                file.write(text)
                file.flush()
                with self.subTest(text=text):
                    said = self.refused("--config", file.name)
                    self.assertIn(word, said)
                    self.assertIn(file.name, said)

    def test_a_port_in_use_names_port_and_flag(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            node = self.node(port=port, start=False)
            node.args += ["--bind", "127.0.0.1"]
            node.spawn()
            said = self.ends(node, 69)
        self.assertIn(f"--http-port {port} is in use", said)

    def test_a_held_lock_names_directory_and_pid(self):
        first = self.node()
        second = self.node(data_dir=first.data_dir, start=False)
        second.spawn()
        self.assertEqual(second.process.wait(10), 75)
        second.join_log()
        self.assertIn(first.directory, second.tail())
        self.assertIn(f"pid {first.process.pid}", second.tail())
        self.assertEqual({worker["state"] for worker in first.workers().values()}, {"ready"})

    def test_several_nodes_and_no_id_are_listed(self):
        with tempfile.TemporaryDirectory() as base:
            for name in ("one", "two"):
                os.mkdir(os.path.join(base, name))
                open(os.path.join(base, name, "lock"), "w").close()
            libexec = self.node(start=False).libexec
            self.assertIn("one, two", self.refused("--data-dir", base, env={"CLUSTERF_LIBEXEC": libexec}))

    def test_missing_programs_are_named(self):
        said = self.refused(env={"CLUSTERF_LIBEXEC": "/var/empty"}, code=69)
        self.assertIn("clusterf-store", said)


class Starting(FakeNodeCase):
    def spawn_plain(self, arguments, env, libexec):
        return subprocess.Popen(
            [SUPERVISOR, "--discovery-address", "off", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, CLUSTERF_LIBEXEC=libexec, **env))

    def facts(self, process):
        lines = {}
        for _ in range(6):
            name, value = process.stdout.readline().decode().rstrip("\n").split("  ", 1)
            lines[name] = value.strip()
        return lines

    def end(self, process):
        process.terminate()
        self.assertEqual(process.wait(15), 0)
        process.stdout.close()

    def test_node_id_and_port_are_made_once_and_kept(self):
        node = self.node(start=False)
        seen = []
        for _ in range(2):
            process = self.spawn_plain(["--data-dir", node.data_dir], {}, node.libexec)
            try:
                seen.append(self.facts(process))
            finally:
                self.end(process)
        self.assertEqual(seen[0], seen[1])
        port = int(seen[0]["dashboard"].split(":")[2].rstrip("/"))
        self.assertIn(port, range(30000, 32768))
        self.assertEqual(os.path.basename(seen[0]["data"]), seen[0]["node id"])
        with open(os.path.join(seen[0]["data"], "ports"), encoding="utf-8") as file:
            self.assertIn(f"http_port={port}\n", file.read())

    def test_the_command_line_wins_over_environment_over_file(self):
        node = self.node(start=False)
        file_port, environment_port, flag_port = free_port(), free_port(), free_port()
        place = os.path.join(node.libexec, "clusterf.toml")
        with open(place, "w", encoding="utf-8") as file:
            file.write(f"http-port = {file_port}\nnode-id = 'from-file'\nbind = ['127.0.0.1']\n")
        base = ["--data-dir", node.data_dir, "--config", place]
        for arguments, env, port in [
            ([], {}, file_port),
            ([], {"CLUSTERF_HTTP_PORT": str(environment_port)}, environment_port),
            (["--http-port", str(flag_port)], {"CLUSTERF_HTTP_PORT": str(environment_port)}, flag_port),
        ]:
            process = self.spawn_plain(base + arguments, env, node.libexec)
            try:
                facts = self.facts(process)
            finally:
                self.end(process)
            self.assertEqual(facts["dashboard"], f"http://127.0.0.1:{port}/")
            self.assertEqual(facts["node id"], "from-file")

    def test_both_address_families_are_served(self):
        node = self.node()
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, node.port), timeout=5) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                self.assertIn(b"200 OK", connection.recv(1000))

    def test_workers_get_their_descriptors_settings_and_nothing_else(self):
        node = self.node({}, args=["--idle-timeout", "7", "--debug"], env={"NOTIFY_SOCKET": "@nobody-listens"})
        settings = {}
        for line in node.wait_log("] settings "):
            name = re.search(r"info (\w+)\[", line).group(1)
            settings[name] = json.loads(line.split("settings ", 1)[1])
        self.assertEqual(settings["store"]["node_dir"], node.directory)
        self.assertEqual(settings["store"]["storage_major"], "")
        self.assertEqual(settings["gateway"]["http_port"], str(node.port))
        self.assertEqual(settings["gateway"]["store_socket"], node.directory + "/run/store.sock")
        self.assertEqual(settings["gateway"]["idle_timeout_ms"], "7000")
        self.assertEqual(settings["gateway"]["debug"], "true")
        for line in node.wait_log("] descriptors "):
            # The store: control and two listeners. The gateway: control, and HTTP, TCP and UDP for peers on two
            # addresses each.
            expected = 3 + (7 if " gateway[" in line else 3)
            self.assertEqual(json.loads(line.split("descriptors ", 1)[1]), list(range(expected)))
        for line in node.wait_log("] environment "):
            names = json.loads(line.split("environment ", 1)[1])
            self.assertNotIn("NOTIFY_SOCKET", names)
            self.assertIn("LISTEN_FDNAMES", names)
        self.assertEqual(oct(os.stat(os.path.join(node.directory, "run")).st_mode & 0o777), oct(0o700))

    def test_the_store_is_told_who_may_connect(self):
        node = self.node()

        def peers():
            line = node.logged("store[")[-1:] and [at for at in node.logged("] peers ")][-1]
            return json.loads(line.split("peers ", 1)[1])
        pid = node.pid("gateway")
        eventually(5, lambda: peers() == [[pid, 3, 1]], "the gateway named")
        node.control("restart", "gateway")
        fresh = node.pid("gateway")
        eventually(5, lambda: [fresh, 3, 2] in peers(), "the new gateway named")

    def test_a_worker_cannot_command_the_supervisor(self):
        node = self.node({"gateway": {"call_control": True}})
        node.wait_log("a worker called clusterfctl's socket")
        node.wait_log("the control socket answered b''")


class ServiceManager(FakeNodeCase):
    def notifications(self, node, env=None):
        place = os.path.join(node.libexec, "notify")
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(place)
        self.addCleanup(receiver.close)
        node.env.update({"NOTIFY_SOCKET": place, **(env or {})})
        got = []

        def receive():
            while True:
                try:
                    got.extend(receiver.recv(4096).decode().splitlines())
                except OSError:
                    return
        threading.Thread(target=receive, daemon=True).start()
        return got

    def test_ready_watchdog_and_stopping_are_said(self):
        node = self.node(start=False, behaviour={"store": {"silent": True}})
        got = self.notifications(node, {"WATCHDOG_USEC": "400000"})
        node.start()
        eventually(5, lambda: got.count("WATCHDOG=1") >= 3, "watchdog")
        self.assertNotIn("READY=1", got)
        node.behave({})
        os.kill(node.pid("store"), signal.SIGKILL)
        eventually(10, lambda: "READY=1" in got, "READY=1")
        self.assertTrue([line for line in got if line.startswith("STATUS=")])
        node.stop()
        self.assertIn("STOPPING=1", got)
        self.assertEqual(got.count("READY=1"), 1)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_the_units_are_valid_and_hardened(self):
        source = os.path.join(os.path.dirname(os.path.dirname(HERE)), "packaging", "systemd")
        with tempfile.TemporaryDirectory() as place:
            os.mkdir(os.path.join(place, "bin"))
            os.symlink(SUPERVISOR, os.path.join(place, "bin", "clusterf-supervisor"))
            units = []
            for name in sorted(os.listdir(source)):
                with open(os.path.join(source, name), encoding="utf-8") as file:
                    text = file.read().replace("@PREFIX@", place)
                units.append(os.path.join(place, name))
                with open(units[-1], "w", encoding="utf-8") as file:
                    file.write(text)
            verified = subprocess.run(
                ["systemd-analyze", "verify", *units], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            self.assertEqual((verified.returncode, verified.stdout), (0, b""))
            security = subprocess.run(
                ["systemd-analyze", "security", "--offline=true", "--threshold=25", units[0]],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            self.assertEqual(security.returncode, 0, security.stdout.decode())

    def test_socket_activation(self):
        node = self.node(start=False)
        listener = socket.create_server(("127.0.0.1", 0))
        node.port = listener.getsockname()[1]
        # LISTEN_PID must name the supervisor itself, as the service manager has it.
        script = ("import os,sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
                  "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='clusterf.socket');"
                  "os.execv(sys.argv[2], sys.argv[2:])")
        command = [SUPERVISOR, "--data-dir", node.data_dir, "--node-id", node.node_id, "--discovery-address", "off"]
        node.command = lambda: [sys.executable, "-c", script, str(listener.fileno()), *command]
        os.set_inheritable(listener.fileno(), True)
        original = subprocess.Popen

        def popen(*arguments, **options):
            return original(*arguments, pass_fds=[listener.fileno()], **options)
        subprocess.Popen = popen
        try:
            node.start()
        finally:
            subprocess.Popen = original
        listener.close()
        node.wait_ready()
        self.assertEqual(node.serving(), 1)
        self.assertIn(f":{node.port}/", "\n".join(node.log))
        with open(os.path.join(node.directory, "ports"), encoding="utf-8") as file:
            self.assertNotIn("http_port", file.read())
        node.control("restart", "gateway")
        self.assertEqual(node.serving(), 2)
        node.stop()


class Supervising(FakeNodeCase):
    def test_a_killed_worker_is_back_at_once(self):
        node = self.node()
        for name in ("gateway", "store"):
            eventually(5, lambda: node.workers()[name]["state"] == "ready", "ready")
            # The supervisor has heard that this life finished a request.
            time.sleep(0.6)
            old = node.kill_worker(name)
            worker = node.wait_replaced(name, old, 3)
            self.assertEqual(worker["restarts"], 1)
            self.assertEqual(worker["generation"], 2)

    def test_no_connection_is_refused_while_the_gateway_dies(self):
        node = self.node()
        time.sleep(0.6)
        pid = node.pid("gateway")
        os.kill(pid, signal.SIGKILL)
        for _ in range(20):
            socket.create_connection(("127.0.0.1", node.port), timeout=5).close()
        node.wait_replaced("gateway", pid)
        self.assertEqual(node.serving(), 2)

    def test_a_stopped_store_is_replaced_within_10_seconds(self):
        node = self.node()
        old = node.pid("store")
        began = time.monotonic()
        os.kill(old, signal.SIGSTOP)
        node.wait_replaced("store", old, 10)
        self.assertLess(time.monotonic() - began, 10)
        self.assertTrue(node.logged("the process is stopped"))

    def test_a_worker_that_does_not_answer_is_aborted_and_replaced(self):
        node = self.node({"store": {"deaf": True}})
        old = node.pid("store")
        node.behave({})
        node.wait_replaced("store", old, 20)
        self.assertTrue(node.logged("hung: no answer for"))
        self.assertTrue(node.logged("SIGABRT"), node.tail())

    def test_deaths_before_use_back_off_and_degrade_and_a_probe_recovers(self):
        node = self.node({"store": {"exit": 1}}, start=False)
        node.start()
        eventually(30, lambda: node.workers()["store"]["state"] == "degraded", "degraded", interval=0.2)
        store = node.workers()["store"]
        self.assertEqual(store["restarts"], 6)
        self.assertEqual(node.workers()["gateway"]["state"], "ready")
        status = json.loads(node.control("status", "--json").stdout)
        self.assertTrue([text for text in status["warnings"] if "store is degraded" in text])
        self.assertTrue(node.logged("degraded: 7 lives"))
        waits = [int(re.search(r"again in (\d+) ms", line).group(1)) for line in node.logged("starts again in")]
        self.assertEqual(len(waits), 6)
        for wait, base in zip(waits, (100, 200, 400, 800, 1600, 3200)):
            self.assertTrue(base <= wait <= base * 1.25 + 1, waits)
        node.behave({})
        node.control("restart", "store")
        eventually(5, lambda: not json.loads(node.control("status", "--json").stdout)["warnings"], "recovered")

    def test_exit_125_at_the_start_ends_the_node(self):
        node = self.node({"store": {"exit": 125}}, start=False)
        node.spawn()
        said = self.ends(node, 125)
        self.assertIn("this cannot work", said)
        self.assertEqual(said.count("this cannot work"), 1)

    def test_exit_125_later_is_not_repeated_until_a_person_asks(self):
        node = self.node()
        node.behave({"store": {"exit": 125}})
        time.sleep(0.6)
        node.kill_worker("store")
        eventually(10, lambda: node.workers()["store"]["state"] == "failed", "failed")
        self.assertTrue(json.loads(node.control("status", "--json").stdout)["warnings"])
        self.assertEqual(node.control("restart", "store", check=False).returncode, 1)
        node.behave({})
        node.control("restart", "store")
        self.assertEqual(node.workers()["store"]["state"], "ready")
        self.assertEqual(len(node.logged("this cannot work")), 2)

    def test_who_breaks_the_protocol_is_ended_and_said(self):
        for fault, word in [("garbage", "protocol fault: frame"), ("wrong_role", "protocol fault: roleRefused")]:
            with self.subTest(fault=fault):
                node = self.node({"store": {fault: True}}, start=False)
                node.start()
                node.wait_log(word)
                node.behave({})
                eventually(15, lambda: node.workers()["store"]["state"] == "ready", "a store that behaves")
                node.stop()


class Restarting(FakeNodeCase):
    def test_a_gateway_restart_is_seamless(self):
        node = self.node()
        failures, stop, seen = [], threading.Event(), set()

        def load():
            while not stop.is_set():
                try:
                    seen.add(node.serving())
                except Exception as error:  # Whatever it is, it is a failed request.
                    failures.append(repr(error))
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                node.control("restart", "gateway")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertIn(4, seen | {node.serving()})
        eventually(5, lambda: len(node.processes()) == 2, "the old ones gone")

    def test_the_old_gateway_goes_on_when_the_new_one_fails(self):
        node = self.node()
        old = node.pid("gateway")
        node.behave({"gateway": {"exit": 1}})
        done = node.control("restart", "gateway", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the old one goes on", done.stderr.decode())
        self.assertEqual(node.pid("gateway"), old)
        self.assertEqual(node.workers()["gateway"]["state"], "ready")
        self.assertEqual(node.serving(), 1)

    def test_a_store_restart_is_exclusive(self):
        node = self.node()
        for generation in (2, 3):
            node.control("restart", "store")
            self.assertEqual(node.workers()["store"]["generation"], generation)
        self.assertFalse(node.logged("two stores at once"))

    def test_a_stubborn_store_is_ended_and_restarted(self):
        node = self.node({"store": {"stubborn": True}})
        node.behave({})
        began = time.monotonic()
        node.control("restart", "store")
        self.assertLess(time.monotonic() - began, 14)
        self.assertEqual(node.workers()["store"]["generation"], 2)


class Logging(FakeNodeCase):
    def test_lines_have_time_level_role_and_pid(self):
        node = self.node({"store": {"say": "hello \x1b[31mred"}})
        pid = node.pid("store")
        line = node.wait_log("hello")[0]
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info store\[%d\] hello" % pid)
        self.assertNotIn("\x1b", line)

    def test_long_lines_are_cut(self):
        node = self.node({"store": {"say": "x" * 100_000}})
        line = node.wait_log("bytes cut")[0]
        self.assertLess(len(line), 5000)

    def test_logs_of_one_worker_and_of_all(self):
        node = self.node({"store": {"say": "from the store"}, "gateway": {"say": "from the gateway"}})
        node.wait_log("from the gateway")
        store = node.control("logs", "store").stdout.decode()
        self.assertIn("from the store", store)
        self.assertNotIn("from the gateway", store)
        everything = node.control("logs").stdout.decode()
        self.assertIn("from the store", everything)
        self.assertIn("from the gateway", everything)
        self.assertEqual(len(node.control("logs", "--lines", "2").stdout.decode().splitlines()), 2)
        self.assertIsInstance(json.loads(node.control("logs", "--json").stdout), list)

    def test_following(self):
        node = self.node()
        follower = subprocess.Popen(
            [os.path.join(BIN, "clusterfctl"), "--data-dir", node.data_dir, "logs", "--follow", "--lines", "0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            lines = []
            reader = threading.Thread(target=lambda: lines.extend(iter(follower.stdout.readline, b"")), daemon=True)
            reader.start()
            time.sleep(0.5)
            old = node.kill_worker("gateway")
            node.wait_replaced("gateway", old)
            eventually(5, lambda: [line for line in lines if b"signal 9" in line], "the death in the followed log")
            node.stop()
            self.assertEqual(follower.wait(5), 0)
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()

    def test_a_log_that_nobody_reads_stops_nothing(self):
        node = self.node(start=False)
        reader, writer = os.pipe()
        process = subprocess.Popen(
            node.command() + ["--debug"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer,
            env=node.env)
        os.close(writer)
        try:
            eventually(10, node.is_ready, "ready")
            node.process = process
            for _ in range(8):
                time.sleep(0.6)
                old = node.kill_worker("gateway")
                node.wait_replaced("gateway", old)
            process.terminate()
            self.assertEqual(process.wait(15), 0)
        finally:
            process.kill()
            process.wait()
            os.close(reader)

if __name__ == "__main__":
    unittest.main()
