"""What encryption at rest costs: `encryption.py [--bin DIR] [--quick]`.

Two nodes in the same run and on the same disk, one plain and one encrypted, measured in turn; medians of three. Prints a Markdown
table.
"""

import argparse
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "Tests", "Processes")]

SMALL = 4096
HOT, COLD = 500, 20_000
LARGE = 256 << 20
PHRASE = "a phrase of the benchmark"


class Comparison:
    def __init__(self, options, place):
        from harness import Node
        self.place = place
        self.seconds, self.rounds = (2, 1) if options.quick else (6, 3)
        self.source = os.path.join(place, "source")
        self.nodes = {
            "plain": Node(data_dir=os.path.join(place, "plain"), node_id="plain"),
            "encrypted": Node(
                data_dir=os.path.join(place, "encrypted"), node_id="encrypted", env={"CLUSTERF_ENCRYPTION_KEY": PHRASE}),
        }
        self.turn = 0

    def prepare(self):
        from client import pattern
        with open(self.source, "wb") as file:
            block = bytearray(pattern(4 << 20))
            for number in range(LARGE // len(block)):
                block[:8] = number.to_bytes(8, "big")
                file.write(block)
        for node in self.nodes.values():
            node.start()
            with node.client() as client:
                for number in range(HOT):
                    if client.put(f"/api/files/hot/{number:04d}", pattern(SMALL, number)).status != 201:
                        raise SystemExit("the node does not take the files")
                for number in range(COLD):
                    client.put(f"/api/files/cold/{number:04d}", pattern(100, number))
        os.sync()

    def stop(self):
        for node in self.nodes.values():
            node.destroy()

    def compare(self, what, unit, once):
        """`once(node)` is a WrkRun or a number; the first round warms up."""
        from measure import Series
        series = {name: Series(f"{what}, {name}") for name in self.nodes}
        for number in range(self.rounds + 1):
            for name, node in self.nodes.items():
                result = once(node)
                if number == 0:
                    continue
                if hasattr(result, "rate"):
                    if result.errors:
                        raise SystemExit(f"{what}, {name}: {result.errors}")
                    series[name].add(result.rate, "", result.processor)
                else:
                    series[name].add(result)
        plain, encrypted = series["plain"], series["encrypted"]
        for one in (plain, encrypted):
            used = "; ".join(f"{name} {micro:.1f} µs" for name, micro in one.processor.items() if micro >= 0.05)
            print(f"  {one.name}: {', '.join(f'{value:,.0f}' for value in one.values)} {used}", flush=True)
        print(
            f"| {what} | {plain.median:,.0f} {unit} | {encrypted.median:,.0f} {unit} | "
            f"{encrypted.median / plain.median:.2f} |", flush=True)

    def run(self):
        from measure import WrkRun, download, upload

        def put(node):
            self.turn += 1
            return WrkRun(node, "put.lua", 16, self.seconds, f"/api/files/put{self.turn}")

        self.compare("4 KiB durable PUT, 16 connections", "/s", put)
        self.compare(
            "4 KiB GET from the store's memory, 32 connections", "/s",
            lambda node: WrkRun(node, "get.lua", 32, self.seconds, "/api/files/hot", str(HOT)))
        self.compare(
            f"100 B GET over {COLD:,} files, 32 connections", "/s",
            lambda node: WrkRun(node, "get.lua", 32, self.seconds, "/api/files/cold", str(COLD)))
        self.compare(
            "256 MiB PUT", "MB/s", lambda node: upload(node.port, "/api/files/large", self.source))
        self.compare(
            "256 MiB GET", "MB/s", lambda node: download(node.port, "/api/files/large", LARGE))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", help="folder of the built programs")
    parser.add_argument("--quick", action="store_true", help="one short round: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.bin:
        os.environ["CLUSTERF_BIN"] = os.path.abspath(options.bin)
    place = os.path.join(ROOT, ".build", "bench-encryption")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    comparison = Comparison(options, place)
    try:
        comparison.prepare()
        comparison.run()
    finally:
        comparison.stop()
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
