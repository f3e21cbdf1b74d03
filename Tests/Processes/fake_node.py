"""A node whose store and gateway are `fake_worker.py`: what the supervisor does is seen by itself."""

import json
import os
import shutil
import tempfile

from client import Client
from harness import BIN, Node, NodeCase, descendants, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
SUPERVISOR = os.path.join(BIN, "clusterf-supervisor")


class FakeNode(Node):
    """A node whose store and gateway are `fake_worker.py`."""

    def __init__(self, behaviour=None, **options):
        super().__init__(**options)
        self.libexec = tempfile.mkdtemp(prefix="clusterf-libexec-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        os.symlink(os.path.join(BIN, "clusterf-exec"), os.path.join(self.libexec, "clusterf-exec"))
        for name in ("clusterf-store", "clusterf-gateway"):
            place = os.path.join(self.libexec, name)
            shutil.copy(os.path.join(HERE, "fake_worker.py"), place)
            os.chmod(place, 0o755)
        self.behave(behaviour or {})
        self.env["CLUSTERF_LIBEXEC"] = self.libexec

    def behave(self, behaviour):
        fresh = os.path.join(self.libexec, "fresh")
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(behaviour, file)
        os.rename(fresh, os.path.join(self.libexec, "behaviour.json"))

    def remove(self):
        super().remove()
        shutil.rmtree(self.libexec, ignore_errors=True)

    def logged(self, text):
        return [line for line in self.log if text in line]

    def wait_log(self, text, seconds=10):
        return eventually(seconds, lambda: self.logged(text), f"{text!r} in the log")

    def wait_ready(self, seconds=10):
        def ready():
            return {worker["state"] for worker in self.workers().values()} == {"ready"}
        eventually(seconds, ready, "every worker ready")
        return self

    def serving(self):
        with Client(self.port, timeout=5) as client:
            return client.get("/").json["generation"]


class FakeNodeCase(NodeCase):
    def node(self, behaviour=None, start=True, **options):
        node = FakeNode(behaviour, **options)
        self.__dict__.setdefault("nodes", []).append(node)
        self.addCleanup(node.remove)
        self.addCleanup(node.destroy)
        if start:
            node.start()
            node.wait_ready()
        return node

    def ends(self, node, code, seconds=15):
        """The supervisor ends by itself with this code and leaves nothing."""
        self.assertEqual(node.process.wait(seconds), code, node.tail())
        node.join_log()
        eventually(5, lambda: not descendants(os.getpid()), "no process left")
        return node.tail()
