"""A node whose store, or gateway, runs under the recorder of Tests/CrashRecorder."""

import os
import shlex
import sys

from harness import BIN, ROOT, Node

RECORDER = os.environ.get("CLUSTERF_RECORDER", os.path.join(ROOT, ".build-release", "tests", "recorder.so"))
sys.path.insert(0, os.path.join(ROOT, "Tests", "CrashRecorder"))

import materialise  # noqa: E402


class RecordedNode(Node):
    """A node with its workers under the recorder. `faults`: CRASHREC_… variables without their prefix."""

    def __init__(self, holder, faults=None, **options):
        self.holder = holder
        data = os.path.join(holder, "data")
        self.log_path = os.path.join(holder, "log")
        super().__init__(data_dir=data, **options)
        libexec = os.path.join(holder, "libexec")
        os.makedirs(libexec)
        # The supervisor makes it otherwise; the recorder wants it to exist.
        os.makedirs(self.directory)
        os.symlink(os.path.join(BIN, "clusterf-exec"), os.path.join(libexec, "clusterf-exec"))
        variables = {"ROOT": self.directory, "LOG": self.log_path, **(faults or {})}
        for name in ("clusterf-store", "clusterf-gateway"):
            self._wrap(os.path.join(libexec, name), os.path.join(BIN, name), variables)
        self.env["CLUSTERF_LIBEXEC"] = libexec

    def _wrap(self, path, program, variables):
        """A program of the same name that sets the environment and becomes the real one (the pid stays)."""
        lines = ["#!/bin/sh"]
        for name, value in variables.items():
            lines.append(f"export CRASHREC_{name}={shlex.quote(str(value))}")
        lines.append(f"export LD_PRELOAD={shlex.quote(RECORDER)}")
        lines.append(f'exec {shlex.quote(program)} "$@"')
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(path, 0o755)

    @property
    def recorded(self):
        """(stopped, operations so far, syncs so far)"""
        return materialise.read_state(self.log_path)
