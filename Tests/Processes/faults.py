"""A node whose store, or gateway, runs under the recorder of Tests/CrashRecorder."""

import os
import shlex
import shutil
import sys

from harness import BIN, ROOT, Node

RECORDER = os.environ.get("CLUSTERF_RECORDER", os.path.join(ROOT, ".build-release", "tests", "recorder.so"))
sys.path.insert(0, os.path.join(ROOT, "Tests", "CrashRecorder"))

import materialise  # noqa: E402


class RecordedNode(Node):
    """A node with its workers under the recorder. `faults`: CRASHREC_… variables without their prefix."""

    def __init__(self, holder, faults=None, **options):
        data = os.path.join(holder, "data")
        libexec = os.path.join(holder, "libexec")
        recorder = os.path.join(holder, "recorder")
        self.log_path = os.path.join(recorder, "log")
        super().__init__(data_dir=data, **options)
        # The recorder wants the directory to exist before the supervisor would make it.
        for path in (libexec, recorder, self.directory):
            os.makedirs(path)
        library = shutil.copy(RECORDER, recorder)
        for name in ("clusterf-store", "clusterf-gateway"):
            os.symlink(os.path.join(BIN, name), os.path.join(libexec, name))
        variables = {"ROOT": self.directory, "LOG": self.log_path, **(faults or {})}
        self._wrap(os.path.join(libexec, "clusterf-exec"), recorder, library, variables)
        self.env["CLUSTERF_LIBEXEC"] = libexec

    def _wrap(self, path, recorder, library, variables):
        """A clusterf-exec that preloads the recorder, opens its folder in the sandbox, and becomes the real one
        (the pid stays). The recorder is loaded into the real one too, where it finds nothing to record."""
        lines = ["#!/bin/sh"]
        for name, value in variables.items():
            lines.append(f"export CRASHREC_{name}={shlex.quote(str(value))}")
        lines.append(f"export LD_PRELOAD={shlex.quote(library)}")
        real = shlex.quote(os.path.join(BIN, "clusterf-exec"))
        lines.append(f'exec {real} --landlock-rw {shlex.quote(recorder)} "$@"')
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(path, 0o755)

    @property
    def recorded(self):
        """(stopped, operations so far, syncs so far)"""
        return materialise.read_state(self.log_path)
