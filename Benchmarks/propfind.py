"""Listings over WebDAV: `propfind.py [--bin DIR] [--entries N ...]`.

Puts N files (5,000 and 100,000) into one collection of a node, and N / 10 collections into another, and measures PROPFIND with Depth 1
as different clients ask it: to the first byte, to the last, and what the gateway's memory grows by. Prints a Markdown table.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [HERE, os.path.join(ROOT, "Tests", "Processes")]

ROUNDS = 7

# What each asks for: a file manager by name, Windows for all, Finder for what it needs and the quota.
NAMED = ("displayname", "getlastmodified", "getcontentlength", "resourcetype", "getcontenttype", "getetag")
BODIES = {
    "six by name": NAMED,
    "the same without `displayname`": NAMED[1:],
    "all (no body)": None,
    "names with `lockdiscovery`": NAMED[1:] + ("lockdiscovery", "supportedlock"),
}


def body_of(names):
    if names is None:
        return b""
    inner = "".join(f"<D:{name}/>" for name in names)
    return f'<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop>{inner}</D:prop></D:propfind>'.encode()


def ask(connection, path, body):
    """Milliseconds to the first byte and to the last, and how many bytes there were."""
    began = time.monotonic()
    connection.request("PROPFIND", path, body=body, headers={"Depth": "1", "Content-Type": "application/xml"})
    answer = connection.getresponse()
    first = time.monotonic()
    count, entries, tail = 0, 0, b""
    while piece := answer.read1(1 << 20):
        count += len(piece)
        entries += (tail + piece).count(b"<D:response>") - tail.count(b"<D:response>")
        tail = (tail + piece)[-11:]
    if answer.status != 207:
        raise SystemExit(f"PROPFIND {path}: {answer.status}")
    return (first - began) * 1e3, (time.monotonic() - began) * 1e3, count, entries


def fill(node, count):
    """`count` files in one collection, and a tenth as many collections in another."""
    from dav_client import DAVClient
    subprocess.run(
        [sys.executable, os.path.join(HERE, "filler.py"), str(node.port), "0", str(count), "1", "filled", "32"],
        stdin=subprocess.DEVNULL, check=True)
    dav = DAVClient(node.port, "/dav")
    dav.dav("MKCOL", "/collections")
    for number in range(count // 10):
        if dav.dav("MKCOL", f"/collections/{number}").status != 201:
            raise SystemExit("MKCOL failed")
    dav.close()


def measure(node, count):
    from million import memory
    fill(node, count)
    time.sleep(3)
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=120)
    for path, entries in (("/dav/m/00000/", count), ("/dav/collections/", count // 10)):
        for name, names in BODIES.items():
            before, _ = memory(node.pid("gateway"))
            times = [ask(connection, path, body_of(names)) for _ in range(ROUNDS)]
            _, most = memory(node.pid("gateway"))
            if times[0][3] != entries + 1:
                raise SystemExit(f"{path}: {times[0][3]} of {entries + 1}")
            first, last = (statistics.median(time[index] for time in times) for index in (0, 1))
            print(
                f"| {entries:,} {'files' if entries == count else 'collections'} | {name} | {first:.1f} | {last:.0f} "
                f"| {times[0][2] / 1e6:.1f} | {before:.0f} → {most:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build-release", "release"))
    parser.add_argument("--entries", type=int, nargs="*", default=[5_000, 100_000])
    options = parser.parse_args()
    os.environ["CLUSTERF_BIN"] = options.bin
    from harness import Node
    print("| in the collection | asked for | first byte, ms | last byte, ms | MB | gateway, MB |")
    print("|---|---|---:|---:|---:|---:|")
    for count in options.entries:
        node = Node()
        node.start()
        try:
            measure(node, count)
        finally:
            node.stop()


if __name__ == "__main__":
    main()
