"""Measurements: wrk and what it says, streams of one large file, processor time of processes."""

import os
import platform
import re
import socket
import statistics
import subprocess
import time

from harness import cpu_seconds
from peers import HERE, program

WRK_THREADS = 2


class Processor:
    """Processor seconds that processes use between `with` and its end, by name."""

    def __init__(self, processes):
        self.processes = processes
        self.used = {}

    def __enter__(self):
        self.before = {process.pid: cpu_seconds(process.pid) for process in self.processes}
        return self

    def __exit__(self, *_):
        for process in self.processes:
            try:
                seconds = cpu_seconds(process.pid) - self.before[process.pid]
            except OSError:
                continue  # A worker that the server itself ended.
            self.used[process.name] = self.used.get(process.name, 0) + seconds

    def per(self, count):
        """Microseconds of each process for one of `count` requests."""
        return {name: 1e6 * seconds / count for name, seconds in self.used.items() if count}


class WrkRun:
    """One run of wrk: requests per second, 99th percentile, processor time per request of the server."""

    def __init__(self, server, script, connections, seconds, *arguments):
        command = [
            program("wrk"), "-t", str(WRK_THREADS), "-c", str(connections), "-d", f"{seconds}s", "--latency",
            "--timeout", "10s", "-s", os.path.join(HERE, script), f"http://127.0.0.1:{server.port}/", "--", *arguments]
        with Processor(server.processes()) as processor:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        text = done.stdout.decode()
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
        self.count = int(re.search(r"(\d+) requests in", text).group(1))
        self.p99 = re.search(r"99%\s+(\S+)", text).group(1)
        self.errors = re.findall(r"(?:Non-2xx|Socket errors).*", text)
        self.processor = processor.per(self.count)


class Series:
    """The runs of one thing; what counts is the median."""

    def __init__(self, name):
        self.name = name
        self.values = []
        self.notes = []
        self.processor = {}

    def add(self, value, note="", processor=None):
        self.values.append(value)
        if note:
            self.notes.append(note)
        if processor:
            self.processor = processor

    @property
    def median(self):
        return statistics.median(self.values)


def download(port, path, size):
    """Reads a file of `size` bytes to the end; returns MB/s."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        began = time.monotonic()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        count = connection.recv_into(buffer)
        head = bytes(buffer[:count]).index(b"\r\n\r\n") + 4
        if not buffer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"GET {path}: {bytes(buffer[:200])}")
        received = count - head
        while count := connection.recv_into(buffer):
            received += count
        seconds = time.monotonic() - began
    if received != size:
        raise SystemExit(f"GET {path}: {received} bytes instead of {size}")
    return size / seconds / 1e6


def upload(port, path, source):
    """Sends a file; returns MB/s until the answer is there."""
    size = os.path.getsize(source)
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection, open(source, "rb") as file:
        began = time.monotonic()
        connection.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        connection.sendfile(file)
        answer = connection.recv(65536)
        seconds = time.monotonic() - began
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise SystemExit(f"PUT {path}: {answer[:300]}")
    return size / seconds / 1e6


def copy_with_sync(source, target):
    """`dd conv=fsync` of a file; returns MB/s."""
    began = time.monotonic()
    subprocess.run(
        ["dd", f"if={source}", f"of={target}", "bs=1M", "conv=fsync", "status=none"],
        stdin=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - began
    size = os.path.getsize(target)
    os.remove(target)
    return size / seconds / 1e6


def hash_speed(source):
    """SHA-256 of a file by openssl; returns MB/s."""
    began = time.monotonic()
    subprocess.run(
        [program("openssl"), "dgst", "-sha256", source], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return os.path.getsize(source) / (time.monotonic() - began) / 1e6


def machine():
    """The machine and the versions in one line."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
                break
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // (1 << 20)
    return f"{os.cpu_count()} × {model}, {memory} GiB, Linux {platform.release()}"
