"""What the two commands lead to: an installation that runs by itself, wherever it was put."""

import json
import os
import signal
import subprocess
import unittest

from client import Client, pattern
from harness import BIN, ROOT, NodeCase, descendants, eventually, free_port, remove_tree, temporary_directory

STEP_SECONDS = 60


class Install(NodeCase):
    def installed(self):
        """A fresh installation; its prefix."""
        prefix = temporary_directory("clusterf-install-")
        self.addCleanup(remove_tree, prefix)
        for _ in range(2):
            # Twice in a row: the second time finds everything in place.
            subprocess.run([os.path.join(ROOT, "scripts", "install.sh"), prefix], cwd=ROOT, check=True,
                           stdin=subprocess.DEVNULL, timeout=STEP_SECONDS)
        return prefix

    def said(self, *command):
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=STEP_SECONDS).stdout.decode()

    @unittest.skipUnless(os.path.samefile(BIN, os.path.join(ROOT, ".build-release", "release")),
                         "the programs under test are not this tree's release build")
    def test_an_installation_runs_and_serves(self):
        prefix = self.installed()
        supervisor = os.path.join(prefix, "bin", "clusterF")
        control = os.path.join(prefix, "bin", "clusterfctl")
        self.assertRegex(self.said(supervisor, "--version"), r"^\S*\s*\d+\.\d+")
        with open(os.path.join(prefix, "lib", "systemd", "system", "clusterf.service"), encoding="utf-8") as unit:
            text = unit.read()
        self.assertIn(prefix + "/bin/", text)
        self.assertNotIn("@PREFIX@", text)

        data, port = os.path.join(prefix, "data"), free_port()
        process = subprocess.Popen(
            [supervisor, "--http-port", str(port), "--data-dir", data, "--no-desktop"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with Client(port) as client:
                eventually(30, lambda: client.get("/readyz").status == 200, "a ready node")
                self.assertEqual(client.put("/api/files/photos/photo.jpg", pattern(100_000)).status, 201)
                self.assertEqual(client.get("/api/files/photos/photo.jpg").body, pattern(100_000))
            workers = json.loads(self.said(control, "--data-dir", data, "workers", "--json"))
            self.assertEqual(sorted(worker["name"] for worker in workers), ["gateway", "store"])
            for worker in workers:
                path = os.readlink(f"/proc/{worker['pid']}/exe")
                self.assertTrue(path.startswith(os.path.join(os.path.realpath(prefix), "libexec")), path)
            self.said(control, "--data-dir", data, "stop")
            self.assertEqual(process.wait(20), 0)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self.assertEqual(descendants(os.getpid()), [])


if __name__ == "__main__":
    unittest.main()
