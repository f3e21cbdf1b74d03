"""The benchmark: `make bench`, or `run.py [--bin DIR] [--quick] [--only NAME]…`.

Each thing is measured next to its peer in the same run, the two in turn, and the median of three counts. Data lies below
the repository's build folder: on the same disk for all, and on a real one. Prints a Markdown table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "Tests", "Processes")]

FILES = 1000
SMALL = 4096
GIB = 1 << 30
LISTED = 5000


class Row:
    """One line of the table: what, the medians of both sides, the ratio and what it should be."""

    def __init__(self, what, ours, theirs, unit, peer, target):
        self.what, self.ours, self.theirs, self.unit, self.peer, self.target = what, ours, theirs, unit, peer, target

    @property
    def ratio(self):
        return self.ours / self.theirs if self.theirs else None

    def markdown(self):
        theirs = f"{self.theirs:,.0f}" if self.theirs else "–"
        ratio = f"{self.ratio:.2f}" if self.ratio else "–"
        return f"| {self.what} | {self.ours:,.0f} {self.unit} | {self.peer} {theirs} | {ratio} | {self.target} |"


class Benchmark:
    def __init__(self, options, place):
        from harness import Node
        from peers import Apache, Nginx
        self.options = options
        self.place = place
        self.seconds = 2 if options.quick else 6
        self.rounds = 1 if options.quick else 3
        self.large = (GIB // 8) if options.quick else GIB
        self.rows, self.details = [], []
        self.node = Node(data_dir=os.path.join(place, "data"))
        self.nginx, self.apache = Nginx(place), Apache(place)
        self.source = os.path.join(place, "source")

    # Set-up.

    def prepare(self):
        from client import pattern
        with open(self.source, "wb") as file:
            block = bytearray(pattern(4 << 20))
            for number in range(self.large // len(block)):
                block[:8] = number.to_bytes(8, "big")
                file.write(block)
        self.node.start()
        # What is measured are the processes of the node, the supervisor among them.
        self.node.processes, below = self.all_processes, self.node.processes
        self.below = below
        os.makedirs(os.path.join(self.nginx.root, "f"))
        with self.node.client() as client:
            for number in range(FILES):
                data = pattern(SMALL, number)
                if client.put(f"/api/files/f/{number:04d}", data).status not in (200, 201):
                    raise SystemExit("the node does not take the files")
                with open(os.path.join(self.nginx.root, "f", f"{number:04d}"), "wb") as file:
                    file.write(data)
        shutil.copyfile(self.source, os.path.join(self.nginx.root, "large"))
        self.nginx.start()
        self.apache.start()
        os.sync()

    def all_processes(self):
        from harness import Process
        return [Process(self.node.process.pid), *self.below()]

    def stop(self):
        self.node.destroy()
        self.nginx.stop()
        self.apache.stop()

    # Rounds.

    def in_turn(self, *measures):
        """Runs (series, function → WrkRun or number) in turn, `rounds` times."""
        for _ in range(self.rounds):
            for series, measure in measures:
                result = measure()
                if hasattr(result, "rate"):
                    if result.errors:
                        raise SystemExit(f"{series.name}: {result.errors}")
                    series.add(result.rate, f"p99 {result.p99}", result.processor)
                else:
                    series.add(result)
        for series, _ in measures:
            self.describe(series)

    def describe(self, series):
        values = ", ".join(f"{value:,.0f}" for value in series.values)
        processor = "; ".join(f"{name} {micro:.1f} µs" for name, micro in series.processor.items() if micro >= 0.05)
        text = f"{series.name}: {values}" + (f" ({', '.join(series.notes)})" if series.notes else "")
        text += f"; processor time per request: {processor}" if processor else ""
        self.details.append(text)
        print("  " + text, flush=True)

    def row(self, *values):
        self.rows.append(Row(*values))
        print("  " + self.rows[-1].markdown(), flush=True)

    # What is measured.

    def get_small(self):
        from measure import Series, WrkRun
        ours, theirs = Series("GET 4 KiB, clusterf"), Series("GET 4 KiB, nginx")

        def ours_once():
            return WrkRun(self.node, "get.lua", 32, self.seconds, "/api/files/f", str(FILES))

        def theirs_once():
            return WrkRun(self.nginx, "get.lua", 32, self.seconds, "/f", str(FILES))
        ours_once(), theirs_once()
        self.in_turn((ours, ours_once), (theirs, theirs_once))
        self.row("4 KiB GET, 32 connections", ours.median, theirs.median, "/s", "nginx", "≥ 0.6")

    def get_large(self):
        from measure import Series, download, upload
        upload(self.node.port, "/api/files/large", self.source)
        ours, theirs = Series("GET 1 GiB, clusterf, MB/s"), Series("GET 1 GiB, nginx, MB/s")
        measures = (
            (ours, lambda: download(self.node.port, "/api/files/large", self.large)),
            (theirs, lambda: download(self.nginx.port, "/large", self.large)))
        for _, measure in measures:
            measure()
        self.in_turn(*measures)
        self.row("1 GiB GET", ours.median, theirs.median, "MB/s", "nginx", "≥ 0.9")

    def put_small(self):
        from measure import WRK_THREADS, Series, WrkRun
        ours, theirs = Series("PUT 4 KiB, clusterf (synced)"), Series("PUT 4 KiB, Apache mod_dav (not synced)")
        turn = [0]

        def ours_once():
            turn[0] += 1
            return WrkRun(self.node, "put.lua", 16, self.seconds, f"/api/files/put{turn[0]}")

        def theirs_once():
            turn[0] += 1
            self.apache.make_folder(f"/put{turn[0]}")
            for thread in range(1, WRK_THREADS + 1):
                self.apache.make_folder(f"/put{turn[0]}/t{thread}")
            return WrkRun(self.apache, "put.lua", 16, self.seconds, f"/put{turn[0]}")
        ours_once(), theirs_once()
        self.in_turn((ours, ours_once), (theirs, theirs_once))
        self.row("4 KiB durable PUT, 16 connections", ours.median, theirs.median, "/s", "Apache (not durable)", "≥ 1")

    def put_large(self):
        from measure import Series, copy_with_sync, hash_speed, upload
        ours = Series("PUT 1 GiB with SHA-256 and sync, clusterf, MB/s")
        disk, hashing = Series("dd conv=fsync of the same, MB/s"), Series("openssl sha256 of the same, MB/s")

        def ours_once():
            speed = upload(self.node.port, "/api/files/uploaded", self.source)
            with self.node.client(timeout=60) as client:
                client.delete("/api/files/uploaded")
            os.sync()
            return speed

        def disk_once():
            speed = copy_with_sync(self.source, os.path.join(self.place, "copy"))
            os.sync()
            return speed
        ours_once(), disk_once()
        self.in_turn((ours, ours_once), (disk, disk_once), (hashing, lambda: hash_speed(self.source)))
        slower = min((disk, hashing), key=lambda series: series.median)
        self.row("1 GiB PUT, SHA-256 and sync", ours.median, slower.median, "MB/s",
                 "dd conv=fsync" if slower is disk else "openssl sha256", "≥ 500 MB/s or ≥ 0.9")

    def listing(self):
        from measure import Series
        with self.node.client() as client:
            for number in range(LISTED):
                client.put(f"/api/files/listed/{number:05d}.txt", b"x")
            times = Series("listing of 5,000 entries, ms")

            def once():
                began = time.monotonic()
                answer = client.get("/api/files/listed/?limit=10000")
                seconds = time.monotonic() - began
                if answer.json["count"] != LISTED:
                    raise SystemExit(f"the listing has {answer.json['count']} entries")
                return seconds * 1000
            once()
            self.in_turn((times, once))
        self.row(f"listing of {LISTED:,} entries", times.median, None, "ms", "", "–")

    def start_time(self):
        from harness import Node
        from measure import Series
        times, sizes = Series("start to first 200, ms"), Series("resident when idle, MB")

        def once():
            node = Node(data_dir=os.path.join(self.place, "fresh"))
            began = time.monotonic()
            node.start()
            milliseconds = (time.monotonic() - began) * 1000
            time.sleep(2)
            sizes.add(sum(node.resident().values()) / 1e6)
            node.stop()
            return milliseconds
        self.in_turn((times, once))
        self.describe(sizes)
        self.row("start to first 200", times.median, None, "ms", "", "≤ 1000")
        self.row("gateway + store + supervisor, idle", sizes.median, None, "MB", "", "≤ 90")

    ALL = ("start_time", "get_small", "get_large", "put_small", "put_large", "listing")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", help="folder of the built programs")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, measures nothing")
    parser.add_argument("--only", action="append", choices=Benchmark.ALL)
    options = parser.parse_args()
    if options.bin:
        os.environ["CLUSTERF_BIN"] = os.path.abspath(options.bin)
    place = os.path.join(ROOT, "build", "bench")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    # Apache's workers have another user.
    os.chmod(place, 0o755)

    from measure import machine
    benchmark = Benchmark(options, place)
    try:
        benchmark.prepare()
        versions = f"{benchmark.nginx.version()}, {benchmark.apache.version()}"
        for name in options.only or Benchmark.ALL:
            print(f"-- {name}", flush=True)
            getattr(benchmark, name)()
    finally:
        benchmark.stop()
        shutil.rmtree(os.path.join(place, "data"), ignore_errors=True)
    lines = [f"{machine()}; {versions}; median of {benchmark.rounds}, in turn", "",
             "| what | clusterf | peer | ratio | target |", "|---|---|---|---|---|"]
    lines += [row.markdown() for row in benchmark.rows]
    lines += ["", *("- " + detail for detail in benchmark.details)]
    text = "\n".join(lines) + "\n"
    with open(os.path.join(place, "results.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(place, "results.json"), "w", encoding="utf-8") as file:
        json.dump([{**vars(row), "ratio": row.ratio} for row in benchmark.rows], file, indent=2)
    print("\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
