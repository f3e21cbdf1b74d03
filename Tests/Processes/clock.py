"""The wall clock of a node's workers, shifted by the library of Tests/ClockShift.

    clock = ClockShift(holder)
    node = Node(env=clock.environment, …)
    clock.shift(3600)    # an hour ahead, at once; 0 takes it back
"""

import os
import shlex
import shutil
import struct
import subprocess

from harness import BIN, ROOT

SOURCE = os.path.join(ROOT, "Tests", "ClockShift")


def library():
    """Where the library lies: CLUSTERF_CLOCKSHIFT, else beside the programs; built when it is older than its source."""
    path = os.environ.get("CLUSTERF_CLOCKSHIFT", os.path.join(ROOT, ".build-release", "tests", "clockshift.so"))
    source = os.path.join(SOURCE, "shift.c")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
        subprocess.run([os.path.join(SOURCE, "build.sh"), path], stdin=subprocess.DEVNULL, check=True, timeout=60)
    return path


class ClockShift:
    """The clock of one node; several nodes may share one. `holder`: an existing directory of the test."""

    def __init__(self, holder, name="clock"):
        directory = os.path.join(os.path.abspath(holder), name)
        libexec = os.path.join(directory, "libexec")
        # What the sandboxed workers may read, and nothing else of the test's.
        inside = os.path.join(directory, "inside")
        for path in (libexec, inside):
            os.makedirs(path)
        self.seconds = 0.0
        self._file = os.path.join(inside, "shift")
        with open(self._file, "wb") as file:
            file.write(struct.pack("=q", 0))
        copy = shutil.copy(library(), inside)
        for name in os.listdir(BIN):
            if name.startswith("clusterf-") and name != "clusterf-exec" and os.access(os.path.join(BIN, name), os.X_OK):
                os.symlink(os.path.join(BIN, name), os.path.join(libexec, name))
        self._wrap(os.path.join(libexec, "clusterf-exec"), copy, inside)
        self.environment = {"CLUSTERF_LIBEXEC": libexec}

    def _wrap(self, path, copy, inside):
        """A clusterf-exec that preloads the library, lets the sandbox read it, and becomes the real one (the pid
        stays)."""
        lines = [
            "#!/bin/sh",
            f"export CLOCKSHIFT_FILE={shlex.quote(self._file)}",
            f"export LD_PRELOAD={shlex.quote(copy)}",
            f'exec {shlex.quote(os.path.join(BIN, "clusterf-exec"))} --landlock-ro {shlex.quote(inside)} "$@"',
        ]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        os.chmod(path, 0o755)

    def shift(self, seconds):
        """The clock reads this much more than the true time, from now on."""
        # In place, and by one write: the workers have this file mapped.
        with open(self._file, "r+b") as file:
            file.write(struct.pack("=q", round(seconds * 1e9)))
        self.seconds = seconds
