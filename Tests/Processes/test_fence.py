"""The fence between the processes: what a gateway that was taken over can do to what the store keeps."""

import os
import shutil
import unittest

from client import sha256
from harness import BIN, NodeCase, eventually, remove_tree, temporary_directory

HERE = os.path.dirname(os.path.abspath(__file__))
CONTENT = b"what was promised " * 10_000


class Fence(NodeCase):
    def test_a_hostile_gateway_changes_nothing_that_was_committed(self):
        libexec = temporary_directory("clusterf-libexec-")
        self.addCleanup(remove_tree, libexec)
        for name in ("clusterf-exec", "clusterf-store"):
            os.symlink(os.path.join(BIN, name), os.path.join(libexec, name))
        shutil.copy(os.path.join(HERE, "fake_worker.py"), libexec)
        gateway = shutil.copy(os.path.join(HERE, "hostile_gateway.py"), os.path.join(libexec, "clusterf-gateway"))
        os.chmod(gateway, 0o755)
        with open(os.path.join(libexec, "behaviour.json"), "w", encoding="utf-8") as file:
            file.write("{}")
        node = self.node(start=False, env={"CLUSTERF_LIBEXEC": libexec})
        node.spawn()
        eventually(40, lambda: any("attempts are over" in line for line in node.log), "the end of the attempts")
        lives = [line for line in node.log if "store[" in line and ": started pid=" in line]
        self.assertEqual(len(lives), 1, "the store outlives all of it")
        node.stop()
        outcomes = {}
        for line in node.log:
            if "attempt " in line:
                name, outcome = line.split("attempt ", 1)[1].split(": ", 1)
                outcomes[name] = outcome
        print("      " + "; ".join(f"{name}: {outcome}" for name, outcome in outcomes.items()))

        # The same store with an honest gateway tells what is kept.
        del node.env["CLUSTERF_LIBEXEC"]
        node.start()
        with node.client() as client:
            self.assertEqual(sha256(client.get("/api/files/honest").body), sha256(CONTENT))
            for path in ("kept%20descriptor", "kept%20mapping", "twice"):
                got = client.get("/api/files/" + path)
                # Refused or kept as promised; never the later bytes.
                self.assertIn((got.status, sha256(got.body)) if got.status == 200 else got.status,
                              (404, (200, sha256(CONTENT))), path)
            self.assertEqual(client.get("/api/files/short").status, 404)
            self.assertEqual(client.get("/api/files/foreign").status, 404)
        self.assertEqual(outcomes["honest"], "committed")
        self.assertEqual(outcomes["read_what_is_not_ours"], "nothing is readable")
        self.assertTrue(outcomes["kept_descriptor"].startswith("refused"), outcomes)
        self.assertNotIn("reads", outcomes["kept_mapping"])
        self.assertTrue(outcomes["shorter_than_said"].startswith("refused"), outcomes)
        self.assertEqual(outcomes["committed_twice"], "committed, committed")
        self.assertTrue(outcomes["foreign_operation"].startswith("refused"), outcomes)
        self.assertEqual(outcomes["bad_frames"], "22 of 22 cut off, the others served: True []")
        self.assertEqual(outcomes["bad_datagrams"], "the others served: True")
        staging = os.path.join(node.directory, "staging")
        eventually(20, lambda: not os.listdir(staging), "an empty staging directory", interval=0.5)
        node.stop()


if __name__ == "__main__":
    unittest.main()
