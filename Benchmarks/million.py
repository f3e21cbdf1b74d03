"""Many small files: `million.py [--bin DIR] [--files N] [--kind KIND] [--place DIR] [--keep]`.

Puts N files (1,000,000) of 100 bytes into N / 100 directories of one node, and measures what must not grow with them: the start, a
listing, the status, the memory of the store and the cost of a PUT. That cost is compared with the one on a second node, which has
1 % of the files; the two are measured in turn, in one run. Prints a Markdown table.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "Tests", "Processes")]

PER_DIRECTORY = 100
ROUNDS, ROUND_FILES = 3, 10_000
CONNECTIONS = 32
LISTED = 100


def memory(pid):
    """MB that are resident, and that were at most, of those that no file backs."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", file.read()))
    return int(found["VmRSS"]) / 1e3, int(found["VmHWM"]) / 1e3


def bytes_read(pid):
    """Bytes that a process has read by system calls: from files, whether they were cached or not, and from sockets."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return int(re.search(r"rchar: (\d+)", file.read()).group(1))


class Writing:
    """`count` files put: wall time, and the node's processor time for each of them."""

    def __init__(self, node, first, count, directories, mode):
        from measure import Processor
        command = [
            sys.executable, os.path.join(HERE, "filler.py"), str(node.port), str(first), str(count), str(directories), mode,
            str(CONNECTIONS)]
        began = time.monotonic()
        with Processor(node.processes()) as processor:
            subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
            seconds = time.monotonic() - began
            # What is written out after the acknowledgement belongs to the cost.
            settle(node)
        self.rate = count / seconds
        self.processor = processor.per(count)


# Of a processor: looking after what is stored never ends, and its pace is bounded.
AT_REST = 0.1


def settle(node):
    """Waits until the store has done what was asked of it: it needs a tenth of a processor at most."""
    from harness import cpu_seconds
    pid = node.pid("store")
    before, deadline = cpu_seconds(pid), time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(1)
        now = cpu_seconds(pid)
        if now - before <= AT_REST:
            return
        before = now
    raise SystemExit("the store does not come to rest")


class Million:
    def __init__(self, options):
        from harness import Node
        self.files, self.place = options.files, options.place
        kind = ["--storage-major", options.kind]
        self.large = Node(data_dir=os.path.join(self.place, "large"), node_id="large", args=kind)
        self.small = Node(data_dir=os.path.join(self.place, "small"), node_id="small", args=kind)
        self.few = self.files // 100
        self.filled = os.path.join(self.place, f"filled-{self.files}-{options.kind}")
        self.rows = []

    def row(self, what, value, target):
        self.rows.append(f"| {what} | {value} | {target} |")
        print("  " + self.rows[-1], flush=True)

    def run(self):
        self.small.start()
        self.large.start()
        if os.path.exists(self.filled):
            settle(self.large)
        else:
            self.fill()
        self.cost()
        self.starts()
        self.questions()
        resident, most = memory(self.large.pid("store"))
        self.row("store after all of it, resident (most)", f"{resident:.0f} MB ({most:.0f} MB)", "≤ 200 MB")

    def fill(self):
        print(f"-- {self.few:,} and {self.files:,} files", flush=True)
        Writing(self.small, 0, self.few, self.few // PER_DIRECTORY, "filled")
        filled = Writing(self.large, 0, self.files, self.files // PER_DIRECTORY, "filled")
        resident, most = memory(self.large.pid("store"))
        database = os.path.getsize(os.path.join(self.large.directory, "meta", "store.db"))
        self.row("all files put, 32 connections", f"{filled.rate:,.0f}/s", "–")
        self.row("store's processor time for one of them", f"{filled.processor['clusterf-store']:.0f} µs", "–")
        self.row("store after that, resident (most)", f"{resident:.0f} MB ({most:.0f} MB)", "≤ 200 MB")
        self.row("database", f"{database / 1e6:,.0f} MB", "–")
        open(self.filled, "w", encoding="ascii").close()

    def cost(self):
        """The cost of a new file in any of the directories, with few and with many."""
        print("-- the cost of a PUT", flush=True)
        found = {node: [] for node in (self.small, self.large)}
        # Others than those of an earlier run.
        first = int(time.time()) // 30 % 900 * ROUND_FILES
        for turn in range(ROUNDS):
            for node, files in ((self.small, self.few), (self.large, self.files)):
                one = Writing(node, first + turn * ROUND_FILES, ROUND_FILES, files // PER_DIRECTORY, "random")
                found[node].append(one)
                print(f"  {node.node_id}: {one.rate:,.0f}/s, {one.processor}", flush=True)
        store = {node: statistics.median(one.processor["clusterf-store"] for one in runs) for node, runs in found.items()}
        rate = {node: statistics.median(one.rate for one in runs) for node, runs in found.items()}
        for node, files in ((self.small, self.few), (self.large, self.files)):
            self.row(
                f"PUT into any directory beside {files:,} files",
                f"{rate[node]:,.0f}/s, {store[node]:.0f} µs of the store's processor", "–")
        self.row("store's processor time for it, ratio", f"{store[self.large] / store[self.small]:.2f}", "≤ 1.5")
        self.row("wall time for it, ratio", f"{rate[self.small] / rate[self.large]:.2f}", "≤ 1.5")

    def starts(self):
        print("-- starts", flush=True)
        node = self.large
        for what, end in (("stop", node.stop), ("kill -9 of everything", node.destroy)):
            times, read = [], []
            for _ in range(ROUNDS):
                end()
                began = time.monotonic()
                node.start()
                times.append(time.monotonic() - began)
                read.append(bytes_read(node.pid("store")))
                settle(node)
            self.row(
                f"start to first 200 after {what}", f"{statistics.median(times) * 1000:,.0f} ms (most {max(times) * 1000:,.0f} ms)",
                "≤ 2,000 ms")
            self.row("bytes that the store read until then", f"{statistics.median(read) / 1e6:.1f} MB", "–")

    def questions(self):
        print("-- questions", flush=True)
        node, pid = self.large, self.large.pid("store")
        chosen = random.Random(1).sample(range(self.files // PER_DIRECTORY), LISTED)
        with node.client() as client:
            def timed(path):
                before, began = bytes_read(pid), time.monotonic()
                answer = client.get(path)
                seconds = time.monotonic() - began
                if answer.status != 200:
                    raise SystemExit(f"{path}: {answer}")
                return answer, seconds * 1000, bytes_read(pid) - before

            for when in ("first", "again"):
                times, read = [], []
                for number in chosen:
                    answer, milliseconds, count = timed(f"/api/files/m/{number:05d}/?limit=10000")
                    if answer.json["count"] < PER_DIRECTORY:
                        raise SystemExit(f"the listing of {number} has {answer.json['count']} entries")
                    times.append(milliseconds)
                    read.append(count)
                times.sort()
                self.row(
                    f"listing of a directory of {PER_DIRECTORY}, {when}: median, 99 %, most",
                    f"{times[len(times) // 2]:.1f}, {times[-2]:.1f}, {times[-1]:.1f} ms", "≤ 10 ms")
                self.row("bytes that the store read for it", f"{statistics.median(read) / 1e3:.0f} kB", "–")
            for path in ("/status", "/api/partition-stats", "/api/files/m/?limit=100"):
                found = [timed(path) for _ in range(10)]
                self.row(
                    f"GET {path}: median, most",
                    f"{statistics.median(one[1] for one in found):.1f}, {max(one[1] for one in found):.1f} ms; "
                    f"{statistics.median(one[2] for one in found) / 1e3:.0f} kB read", "–")

    def stop(self):
        self.small.destroy()
        self.large.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", help="folder of the built programs")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--kind", default="rawfile", help="how contents lie: rawfile, extent, sqlite, bolt")
    parser.add_argument("--keep", action="store_true", help="leave the files, and measure those that an earlier run left")
    parser.add_argument("--place", help="where the data is; some 8 GB for a million files", default=os.path.join(ROOT, "build", "million"))
    options = parser.parse_args()
    if options.bin:
        os.environ["CLUSTERF_BIN"] = os.path.abspath(options.bin)
    million = Million(options)
    if not (options.keep and os.path.exists(million.filled)):
        shutil.rmtree(options.place, ignore_errors=True)
    os.makedirs(options.place, exist_ok=True)
    try:
        million.run()
    finally:
        million.stop()
        if not options.keep:
            shutil.rmtree(options.place, ignore_errors=True)
    from measure import machine
    print("\n".join(["", machine(), "", "| what | measured | target |", "|---|---|---|", *million.rows]))


if __name__ == "__main__":
    main()
