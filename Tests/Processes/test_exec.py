"""clusterf-exec: what every child of clusterf is promised before its first instruction."""

import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import BIN

EXEC = os.path.join(BIN, "clusterf-exec")
# Found through links, as Landlock goes by the real place of a program.
PYTHON = os.path.realpath(sys.executable)


def run(*arguments, **options):
    return subprocess.run(
        [EXEC, *arguments], capture_output=True, text=True, timeout=30, **options)


class Usage(unittest.TestCase):
    def test_misuse_is_64_and_says_what(self):
        for arguments, said in [
            (["--nofile", "x", "--", "/bin/true"], "--nofile"),
            (["--nonsense", "1", "--", "/bin/true"], "--nonsense"),
            (["--nofile"], "--nofile"),
            (["/bin/true"], "/bin/true"),
            (["--"], "no program"),
            (["--", "true"], "not a path"),
            (["--landlock-rw", "relative", "--", "/bin/true"], "relative"),
            (["--oom-adjust", "1001", "--", "/bin/true"], "--oom-adjust"),
        ]:
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 64)
                self.assertIn(said, done.stderr)

    def test_missing_program_is_127_and_unexecutable_126(self):
        self.assertEqual(run("--", "/nowhere/program").returncode, 127)
        self.assertEqual(run("--", "/etc/passwd").returncode, 126)
        self.assertEqual(run("--landlock", "--", "/nowhere/program").returncode, 127)

    def test_exit_status_is_the_programs(self):
        self.assertEqual(run("--", "/bin/sh", "-c", "exit 42").returncode, 42)


class Descriptors(unittest.TestCase):
    SHOW = "import os; print(os.environ.get('LISTEN_PID') == str(os.getpid()), " \
        "os.environ.get('LISTEN_FDS'), sorted(int(n) for n in os.listdir('/proc/self/fd')))"

    def test_listen_pid_is_the_programs_and_strays_are_closed(self):
        # Numbers 3 to 5 are open in the child: two of them are handed over, one strays.
        script = f'exec "$@" 3</dev/null 4</dev/null 5</dev/null'
        done = subprocess.run(
            ["/bin/sh", "-c", script, "sh", EXEC, "--listen-fds", "2", "--", PYTHON, "-c", self.SHOW],
            capture_output=True, text=True, timeout=30)
        # The listing of /proc/self/fd has itself a descriptor: the lowest free one.
        self.assertEqual(done.stdout.strip(), "True 2 [0, 1, 2, 3, 4, 5]", done.stderr)

    def test_without_listen_fds_nothing_is_passed_on(self):
        environment = dict(os.environ, LISTEN_FDS="3", LISTEN_PID="1", LISTEN_FDNAMES="a:b:c")
        done = run("--", PYTHON, "-c", self.SHOW, env=environment)
        self.assertEqual(done.stdout.strip(), "False None [0, 1, 2, 3]", done.stderr)

    def test_a_promised_descriptor_that_is_missing_is_said(self):
        done = run("--listen-fds", "7", "--", "/bin/true")
        self.assertEqual(done.returncode, 126)
        self.assertIn("--listen-fds", done.stderr)


class Limits(unittest.TestCase):
    def test_limits_are_set(self):
        show = "import resource as r; print([r.getrlimit(x) for x in " \
            "(r.RLIMIT_NOFILE, r.RLIMIT_CORE, r.RLIMIT_AS)])"
        done = run("--nofile", "100", "--core", "0", "--address-space", "4000000000",
                   "--", PYTHON, "-c", show)
        self.assertEqual(
            done.stdout.strip(), "[(100, 100), (0, 0), (4000000000, 4000000000)]", done.stderr)

    def test_a_limit_above_the_systems_is_taken_as_far_as_it_goes(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        done = run("--nofile", "64", "--", "/bin/sh", "-c", "ulimit -n", preexec_fn=lower)
        self.assertEqual(done.stdout.strip(), "64")

    def test_signals_are_reset(self):
        def ignore():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        done = run("--", "/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status",
                   preexec_fn=ignore, restore_signals=False)
        # Signals 32 and 33 are the C library's own: it lets nobody set them.
        own = (1 << 31) | (1 << 32)
        masks = [int(line.split()[1], 16) & ~own for line in done.stdout.splitlines()]
        self.assertEqual(masks, [0, 0])

    def test_no_new_privileges(self):
        done = run("--", "/bin/grep", "NoNewPrivs", "/proc/self/status")
        self.assertEqual(done.stdout.split(), ["NoNewPrivs:", "1"])

    def test_oom_score_is_adjusted(self):
        done = run("--oom-adjust", "500", "--", "/bin/cat", "/proc/self/oom_score_adj")
        self.assertEqual(done.stdout.strip(), "500")


class Parent(unittest.TestCase):
    def test_wrong_parent_is_refused(self):
        done = run("--parent", "1", "--", "/bin/true")
        self.assertEqual(done.returncode, 126)
        self.assertIn("parent", done.stderr)

    def test_dies_with_its_parent(self):
        # The middle process starts a child that holds a pipe open, and is killed: the pipe's end
        # says that the child is gone too.
        reader, writer = os.pipe()
        middle = subprocess.Popen(
            [PYTHON, "-c",
             "import os, subprocess, sys\n"
             "child = subprocess.Popen([sys.argv[1], '--parent', str(os.getpid()), '--',"
             " '/bin/sh', '-c', 'echo started; exec sleep 1000'])\n"
             "child.wait()", EXEC],
            stdout=writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            self.assertEqual(pipe.readline(), b"started\n")
            middle.kill()
            middle.wait(timeout=10)
            self.assertEqual(pipe.read(), b"")


class Sandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
        cls.landlock = ctypes.CDLL(None).syscall(444, None, 0, 1)
        cls.folder = tempfile.TemporaryDirectory()
        cls.allowed = pathlib.Path(os.path.realpath(cls.folder.name)) / "allowed"
        cls.allowed.mkdir()
        (cls.allowed / "file").write_text("content")
        cls.other = cls.allowed.parent / "other"
        cls.other.write_text("secret")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        if self.landlock < 1 and "files" in self._testMethodName:
            self.skipTest("this kernel has no Landlock")

    def test_files_outside_cannot_be_read(self):
        for path in ["/etc/passwd", str(self.other)]:
            done = run("--landlock-rw", str(self.allowed), "--", "/bin/cat", path)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)

    def test_files_inside_can_be_read_written_linked_renamed_and_removed(self):
        script = "cat file && echo new > made && mkdir d && ln made d/linked && mv d/linked e " \
            "&& : > e && rm e made && rmdir d"
        done = run("--landlock-rw", str(self.allowed), "--", "/bin/sh", "-ec", script,
                   cwd=self.allowed)
        self.assertEqual((done.returncode, done.stdout), (0, "content"), done.stderr)

    def test_files_read_only_cannot_be_written(self):
        done = run("--landlock-ro", str(self.allowed), "--", "/bin/sh", "-c",
                   f"cat {self.allowed}/file; echo x > {self.allowed}/file")
        self.assertEqual(done.stdout, "content")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual((self.allowed / "file").read_text(), "content")

    def test_files_of_name_resolution_can_be_read_where_asked_for(self):
        for option, code in (("--landlock-names", 0), ("--landlock", 1)):
            self.assertEqual(run(option, "--", "/bin/cat", "/etc/hosts").returncode, code)
            self.assertEqual(run(option, "--", "/bin/cat", "/etc/passwd").returncode, 1)
        done = run("--landlock-names", "--", "/usr/bin/getent", "ahostsv4", "localhost")
        self.assertIn("127.0.0.1", done.stdout, done.stderr)

    def test_a_missing_directory_is_said(self):
        done = run("--landlock-rw", "/nowhere", "--", "/bin/true")
        self.assertEqual(done.returncode, 126)
        self.assertIn("/nowhere", done.stderr)

    def test_internet_sockets_are_denied_and_unix_ones_are_not(self):
        script = "import socket, sys\n" \
            "for family in map(int, sys.argv[1:]):\n" \
            "    try: socket.socket(family, socket.SOCK_DGRAM); print('open')\n" \
            "    except PermissionError: print('denied')\n"
        families = [socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_NETLINK,
                    socket.AF_UNIX]
        done = run("--deny-inet", "--", PYTHON, "-c", script, *[str(int(f)) for f in families])
        self.assertEqual(done.stdout.split(), ["denied"] * 4 + ["open"], done.stderr)


if __name__ == "__main__":
    unittest.main()
