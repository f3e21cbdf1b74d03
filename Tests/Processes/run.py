"""Runs the process tests: `run.py [--long] [--list] [SUITE[.Class[.test]]…]`.

One suite after the other, each in a process of its own with a time limit. Prints the node's log of what
failed and, as the last line, `N passed, N failed`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

# The table: suite, limit in minutes, limit with --long.
SUITES = [
    ("test_exec", 2, 2),
    ("test_supervisor", 5, 8),
    ("test_supervisor_control", 2, 3),
    ("test_start", 3, 5),
    ("test_peers", 3, 5),
    ("test_network", 2, 3),
    ("test_keys", 4, 8),
    ("test_ipv6", 2, 2),
    ("test_cluster", 5, 10),
    ("test_cluster_routes", 3, 5),
    ("test_operation", 4, 6),
    ("test_quotas", 3, 5),
    ("test_layout", 4, 20),
    ("test_restarts", 3, 8),
    ("test_faults", 4, 20),
    ("test_large_cluster", 3, 10),
    ("test_cuts", 1, 20),
    ("test_clocks", 3, 5),
    ("test_sim_nodes", 4, 12),
    ("test_contents", 4, 6),
    ("test_history", 6, 10),
    ("test_transfers", 4, 6),
    ("test_install", 2, 2),
    ("test_roundtrip", 3, 5),
    ("test_encryption", 4, 6),
    ("test_kinds", 6, 15),
    ("test_integrity", 4, 8),
    ("test_routes", 3, 5),
    ("test_webdav", 4, 6),
    ("test_dav_deaths", 5, 8),
    ("test_dav_limits", 5, 15),
    ("test_dav_recorded", 3, 5),
    ("test_dav_recorded_windows", 3, 5),
    ("test_webdav_rules", 3, 4),
    ("test_dav_clients", 8, 12),
    ("test_dav_mount", 5, 8),
    ("test_dav_partial", 6, 9),
    ("test_large", 4, 8),
    ("test_badinput", 3, 10),
    ("test_fence", 2, 2),
    ("test_limits", 4, 8),
    ("test_control", 3, 5),
    ("test_kills", 5, 20),
    ("test_chaos", 5, 20),
    ("test_crash", 14, 70),
    ("test_model", 8, 60),
    ("test_boundaries", 8, 60),
    ("test_interrupted", 4, 15),
]


class Recorder(unittest.TestResult):
    """Writes each test's outcome at once, so that a suite that is ended at its limit has said what it did."""

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.began = 0.0
        self.bad_subtests = set()

    def write(self, test, outcome, detail=""):
        entry = {"test": test.id(), "outcome": outcome, "detail": detail}
        self.stream.write(json.dumps(entry) + "\n")
        self.stream.flush()
        seconds = time.monotonic() - self.began
        print(f"  {outcome:8} {seconds:6.1f} s  {test.id()}", flush=True)
        if detail:
            print(indented(detail), flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        # A test whose subtest failed still ends here.
        if test.id() not in self.bad_subtests:
            self.write(test, "passed")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.write(test, "FAILED", explained(test, err))

    def addError(self, test, err):
        super().addError(test, err)
        self.write(test, "FAILED", explained(test, err))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = f"{subtest}\n" + explained(test, err)
            if test.id() in self.bad_subtests:
                print(indented(text), flush=True)
                return
            self.bad_subtests.add(test.id())
            self.write(test, "FAILED", text)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.write(test, "SKIPPED", reason)


def explained(test, err):
    text = "".join(traceback.format_exception(*err))
    nodes = test.all_nodes() if hasattr(test, "all_nodes") else []
    for node in nodes:
        text += f"\nlog of the node on port {node.port}:\n{node.tail()}\n"
    return text


def indented(text):
    return "\n".join("      " + line for line in text.rstrip().splitlines())


def run_inside(name, results):
    """The child's part: one suite, outcomes to the file `results`."""
    import faulthandler
    import harness

    def ended(*_):
        harness.destroy_all()
        os._exit(1)

    # At the limit: first where every thread waits, then the nodes go.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    signal.signal(signal.SIGTERM, ended)
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    with open(results, "a", encoding="utf-8") as stream:
        recorder = Recorder(stream)
        suite.run(recorder)
    sys.stdout.flush()
    # No clean-up of threads that a failed test may have left: what counts is written.
    os._exit(0 if recorder.wasSuccessful() else 1)


def run_suite(name, minutes, long):
    """Runs one suite in a child; returns its outcomes by test."""
    results = tempfile.NamedTemporaryFile(mode="r", suffix=".jsonl")
    child = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--inside", name, results.name],
        stdin=subprocess.DEVNULL, start_new_session=True,
        env=dict(os.environ, CLUSTERF_LONG="yes" if long else "no"))

    def ended(*_):
        # Its session is its own: ended from here, or it would live on with its nodes.
        child.terminate()
        try:
            child.wait(4)
        except subprocess.TimeoutExpired:
            child.kill()
        os._exit(1)

    signal.signal(signal.SIGTERM, ended)
    late = False
    try:
        code = child.wait(minutes * 60)
    except subprocess.TimeoutExpired:
        late = True
        os.kill(child.pid, signal.SIGUSR1)
        time.sleep(0.5)
        child.terminate()
        try:
            code = child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
    outcomes = {}
    for line in results.read().splitlines():
        entry = json.loads(line)
        if outcomes.get(entry["test"]) != "FAILED":
            outcomes[entry["test"]] = entry["outcome"]
    results.close()
    if late:
        print(f"  FAILED   {name}: over its limit of {minutes} min")
        outcomes[f"{name} (limit)"] = "FAILED"
    elif code != 0 and "FAILED" not in outcomes.values():
        outcomes[f"{name} (exit {code})"] = "FAILED"
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        run_inside(*options.inside)
    if options.list:
        print("\n".join(name for name, _, _ in SUITES))
        return 0

    limits = {name: (short, long) for name, short, long in SUITES}
    names = options.names or [name for name, _, _ in SUITES]
    rows, outcomes = [], {}
    for name in names:
        print(f"-- {name}", flush=True)
        limit = limits[name.split(".")[0]][1 if options.long else 0]
        began = time.monotonic()
        found = run_suite(name, limit, options.long)
        outcomes.update(found)
        rows.append((name, (time.monotonic() - began) / 60, found))

    print(f"\n{'suite':24} {'minutes':>8} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for name, minutes, found in rows:
        values = list(found.values())
        print(f"{name:24} {minutes:8.1f} {values.count('passed'):7} {values.count('FAILED'):7}"
              f" {values.count('SKIPPED'):8}")
    values = list(outcomes.values())
    skipped = [test for test, outcome in outcomes.items() if outcome == "SKIPPED"]
    if skipped:
        print("skipped: " + ", ".join(skipped))
    failed = [test for test, outcome in outcomes.items() if outcome == "FAILED"]
    line = "".join(f"FAILED: {test}\n" for test in failed)
    line += f"{values.count('passed')} passed, {len(failed)} failed"
    # `make test` prints it after its own table.
    if os.environ.get("CLUSTERF_SUMMARY"):
        with open(os.environ["CLUSTERF_SUMMARY"], "w", encoding="utf-8") as file:
            file.write(line + "\n")
    else:
        print(line)
    # Where everything can be had (as in continuous integration), a skipped test is an untested promise.
    unfit = bool(skipped) and bool(os.environ.get("CLUSTERF_SKIP_NOTHING"))
    return 1 if failed or unfit or not values else 0


if __name__ == "__main__":
    sys.exit(main())
