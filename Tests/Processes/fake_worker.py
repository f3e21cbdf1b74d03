#!/usr/bin/python3 -I
"""A worker that keeps the process contract and does nothing else, or breaks it as it is told.

Installed as clusterf-store and clusterf-gateway beside a file `behaviour.json`:
{"store": {"exit": 1}, "gateway": {"deaf": true}}. It is read at each start.

  exit N          ends with N before it is ready        silent        never says ready
  exit_after N    ends with 1, N seconds after ready    deaf          answers no progress
  stubborn        ignores drain and SIGTERM             call_control  connects to the control socket
  say TEXT        logs TEXT                             unused        finishes no request
  wrong_role      says hello as somebody else           garbage       sends bytes that are no frame
"""

import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time

HELLO, WELCOME, CONFIGURE, PEERS, PROGRESS, DRAIN, READY, WORKERS = 1, 2, 16, 17, 18, 19, 20, 21
RESPONSE = 1
ROLES = {"supervisor": 1, "store": 2, "gateway": 3}


def log(text, level="info"):
    sys.stderr.write(f"{level} {text}\n")
    sys.stderr.flush()


def text_at(payload, at):
    size = struct.unpack_from(">I", payload, at)[0]
    return payload[at + 4:at + 4 + size].decode(), at + 4 + size


def is_open(number):
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
        return True
    except OSError:
        return False


class Worker:
    def __init__(self):
        self.role = os.environ["CLUSTERF_ROLE"]
        self.generation = int(os.environ["CLUSTERF_GENERATION"])
        assert int(os.environ["LISTEN_PID"]) == os.getpid()
        names = os.environ["LISTEN_FDNAMES"].split(":")
        assert int(os.environ["LISTEN_FDS"]) == len(names)
        self.descriptors = [(name, 3 + index) for index, name in enumerate(names)]
        self.open_at_start = [number for number in range(256) if is_open(number)]
        place = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "behaviour.json")
        with open(place, encoding="utf-8") as file:
            self.behaviour = json.load(file).get(self.role, {})
        self.control = socket.socket(fileno=dict(self.descriptors)["control"])
        self.control.setblocking(True)
        self.selector = selectors.DefaultSelector()
        self.pending = b""
        self.finished = 0 if self.behaviour.get("unused") else 1
        self.deadline = None
        self.status = None
        self.drained = False

    def send(self, type_, payload=b"", flags=0, request=0):
        self.control.sendall(struct.pack(">IHHQ", 12 + len(payload), type_, flags, request) + payload)

    def run(self):
        if "say" in self.behaviour:
            log(self.behaviour["say"])
        if "exit" in self.behaviour:
            log("this cannot work", "error")
            sys.exit(self.behaviour["exit"])
        if self.behaviour.get("stubborn"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.behaviour.get("garbage"):
            self.control.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
        role = ROLES["supervisor" if self.behaviour.get("wrong_role") else self.role]
        hello = struct.pack(">QHHBQQQI", 0x636C757374657266, 1, 1, role, self.generation, 0, 0, 64)
        self.send(HELLO, hello)
        self.selector.register(self.control, selectors.EVENT_READ, self.frames)
        for name, descriptor in self.descriptors:
            if name == "http":
                listener = socket.socket(fileno=descriptor)
                listener.setblocking(False)
                self.selector.register(listener, selectors.EVENT_READ, lambda at=listener: self.serve(at))
        while True:
            for key, _ in self.selector.select(0.1):
                key.data()
            if self.deadline is not None and time.monotonic() > self.deadline:
                log("ends as it was told", "error")
                os._exit(1)

    def frames(self):
        bytes_ = self.control.recv(65536)
        if not bytes_:
            log("the control link closed")
            os._exit(0)
        self.pending += bytes_
        while len(self.pending) >= 4:
            size = 4 + struct.unpack_from(">I", self.pending)[0]
            if len(self.pending) < size:
                return
            frame, self.pending = self.pending[:size], self.pending[size:]
            type_, flags, request = struct.unpack_from(">HHQ", frame, 4)
            self.frame(type_, flags, request, frame[16:])

    def frame(self, type_, flags, request, payload):
        if type_ == CONFIGURE:
            self.configured(payload)
            self.send(CONFIGURE, b"", RESPONSE, request)
            self.opened()
        elif type_ == PROGRESS and not self.behaviour.get("deaf"):
            self.send(PROGRESS, struct.pack(">IQI", 0, self.finished, 0), RESPONSE, request)
        elif type_ == PEERS:
            count = struct.unpack_from(">I", payload)[0]
            peers = [struct.unpack_from(">iBQ", payload, 4 + 13 * index) for index in range(count)]
            log(f"peers {json.dumps(peers)}")
        elif type_ == DRAIN and not self.behaviour.get("stubborn"):
            log("drained")
            self.send(DRAIN, b"", RESPONSE, request)
            self.drained = True
            os._exit(0)
        elif type_ == WORKERS:
            self.status = len(payload)

    def configured(self, payload):
        self.settings, at = {}, 4
        for _ in range(struct.unpack_from(">I", payload)[0]):
            name, at = text_at(payload, at)
            self.settings[name], at = text_at(payload, at)
        log(f"settings {json.dumps(self.settings)}")
        log(f"descriptors {self.open_at_start}")
        log(f"environment {json.dumps(sorted(os.environ))}")

    def opened(self):
        if self.role == "store":
            self.lock = open(os.path.join(self.settings["node_dir"], "store.lock"), "w")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                log("two stores at once", "error")
                os._exit(3)
        if self.behaviour.get("call_control"):
            self.call_control()
        if self.behaviour.get("silent"):
            return
        self.send(READY, struct.pack(">Q", self.generation))
        if "exit_after" in self.behaviour:
            self.deadline = time.monotonic() + self.behaviour["exit_after"]

    def call_control(self):
        path = os.path.join(os.path.dirname(self.settings["store_socket"]), "control.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.settimeout(5)
            try:
                caller.connect(path)
                answer = caller.recv(100)
            except OSError as error:
                answer = repr(error)
        log(f"the control socket answered {answer!r}")

    def serve(self, listener):
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return
        with connection:
            connection.settimeout(5)
            try:
                connection.recv(65536)
                body = json.dumps({"generation": self.generation, "pid": os.getpid()}).encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            except OSError as error:
                log(f"a client left: {error}")
        self.finished += 1


if __name__ == "__main__":
    Worker().run()
