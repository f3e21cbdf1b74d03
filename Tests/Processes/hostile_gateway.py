#!/usr/bin/python3 -I
"""A gateway that was taken over: it speaks the store's protocol correctly and abuses what it is handed.

Installed as clusterf-gateway beside fake_worker.py. Each attempt is told in the log as `attempt NAME: OUTCOME`.
"""

import array
import hashlib
import mmap
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))

from fake_worker import HELLO, RESPONSE, WELCOME, Worker, log  # noqa: E402

PUT, BEGIN_UPLOAD, COMMIT_UPLOAD = 65, 66, 67
ERROR = 2
CONTENT = b"what was promised " * 10_000
OTHER = b"what was never promised " * 7_500


def run_of(bytes_):
    return struct.pack(">I", len(bytes_)) + bytes_


class StoreLink:
    """The gateway's link to the store: a stream of frames and the socket for descriptors beside it."""

    def __init__(self, settings, generation, shakes_hands=True):
        token = os.urandom(16)
        self.stream = self.connected(settings["store_socket"], socket.SOCK_STREAM)
        self.rights = self.connected(settings["store_fds_socket"], socket.SOCK_SEQPACKET)
        self.next = 1
        if not shakes_hands:
            return
        self.rights.send(token)
        hello = struct.pack(">QHHBQ", 0x636C757374657266, 1, 1, 3, generation) + token + struct.pack(">I", 64)
        self.frame(HELLO, 0, hello)
        type_, _, _, _ = self.answer()
        assert type_ == WELCOME, type_

    def connected(self, path, kind):
        # The store may not yet have been told of this process.
        for _ in range(100):
            connection = socket.socket(socket.AF_UNIX, kind)
            try:
                connection.connect(path)
                return connection
            except OSError:
                connection.close()
                time.sleep(0.05)
        raise OSError(f"no connection to {path}")

    def close(self):
        self.stream.close()
        self.rights.close()

    def is_cut(self, seconds=5):
        """Whether the store ends the link; what it says before that does not count."""
        self.stream.settimeout(seconds)
        try:
            while self.stream.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def frame(self, type_, request, payload):
        self.stream.sendall(struct.pack(">IHHQ", 12 + len(payload), type_, 0, request) + payload)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            block = self.stream.recv(count - len(data))
            if not block:
                raise EOFError("the store closed the link")
            data += block
        return data

    def answer(self):
        size, type_, flags, request = struct.unpack(">IHHQ", self.exactly(16))
        return type_, flags, request, self.exactly(size - 12)

    def ask(self, type_, payload):
        """One request; (None or an error code, payload)."""
        request, self.next = self.next, self.next + 2
        self.frame(type_, request, payload)
        while True:
            _, flags, number, answer = self.answer()
            if number == request and flags & RESPONSE:
                return (struct.unpack(">H", answer[:2])[0] if flags & ERROR else None), answer

    def upload(self, path):
        """Begins an upload; (operation id, the descriptor)."""
        operation = os.urandom(16)
        error, _ = self.ask(
            BEGIN_UPLOAD, operation + run_of(path) + b"\0\0\0" + b"\1" + struct.pack(">Q", len(CONTENT)))
        if error is not None:
            raise OSError(f"no upload: error {error}")
        _, ancillary, _, _ = self.rights.recvmsg(64, socket.CMSG_LEN(4))
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2])
        return operation, descriptors[0]

    def commit(self, operation, path, content=CONTENT):
        payload = (operation + run_of(path) + b"\0\0\0" + run_of(b"text/plain") + b"\0\0"
                   + struct.pack(">Q", len(content)) + hashlib.sha256(content).digest())
        error, _ = self.ask(COMMIT_UPLOAD, payload)
        return "committed" if error is None else f"refused with {error}"


class HostileGateway(Worker):
    def opened(self):
        super().opened()
        threading.Thread(target=self.attack, daemon=True).start()

    def attack(self):
        for attempt in (self.honest, self.kept_descriptor, self.kept_mapping, self.read_what_is_not_ours,
                        self.shorter_than_said, self.committed_twice, self.foreign_operation,
                        self.bad_frames, self.bad_datagrams):
            try:
                link = StoreLink(self.settings, self.generation)
                outcome = attempt(link)
            except (OSError, EOFError) as error:
                outcome = repr(error)
            log(f"attempt {attempt.__name__}: {outcome}")
        log("attempts are over")

    def honest(self, link):
        operation, descriptor = link.upload(b"/honest")
        os.write(descriptor, CONTENT)
        os.close(descriptor)
        return link.commit(operation, b"/honest")

    def kept_descriptor(self, link):
        operation, descriptor = link.upload(b"/kept descriptor")
        os.write(descriptor, CONTENT)
        outcome = link.commit(operation, b"/kept descriptor")
        os.pwrite(descriptor, OTHER, 0)
        return outcome

    def kept_mapping(self, link):
        operation, descriptor = link.upload(b"/kept mapping")
        os.write(descriptor, CONTENT)
        try:
            memory = mmap.mmap(descriptor, len(CONTENT), mmap.MAP_SHARED, mmap.PROT_WRITE | mmap.PROT_READ)
        except OSError as error:
            # Handed over for writing alone, it cannot be mapped.
            return f"no mapping ({error.strerror}), {link.commit(operation, b'/kept mapping')}"
        os.close(descriptor)
        outcome = link.commit(operation, b"/kept mapping")
        memory[:len(OTHER)] = OTHER
        return outcome

    def read_what_is_not_ours(self, link):
        for path in (self.settings.get("data_dir", "/"), "/etc/passwd", "/proc/self/fd"):
            try:
                os.listdir(path) if os.path.isdir(path) else open(path, "rb").read()
                return f"reads {path}"
            except OSError:
                continue
        return "nothing is readable"

    def shorter_than_said(self, link):
        operation, descriptor = link.upload(b"/short")
        os.write(descriptor, CONTENT[:1000])
        os.close(descriptor)
        return link.commit(operation, b"/short")

    def committed_twice(self, link):
        operation, descriptor = link.upload(b"/twice")
        os.write(descriptor, CONTENT)
        os.close(descriptor)
        return f"{link.commit(operation, b'/twice')}, {link.commit(operation, b'/twice')}"

    def foreign_operation(self, link):
        return link.commit(os.urandom(16), b"/foreign")

    def bad_frames(self, link):
        """Bad lengths, types, flags, ids and payloads, before and after the handshake: each ends its link alone."""
        bad = [
            struct.pack(">I", 0), struct.pack(">I", 11), struct.pack(">I", 0xFFFFFFFF), struct.pack(">I", (1 << 20) - 3),
            struct.pack(">IHHQ", 12, 999, 0, 1), struct.pack(">IHHQ", 12, 64, 0x8000, 1),
            struct.pack(">IHHQ", 12, 64, RESPONSE, 2), struct.pack(">IHHQ", 12, 64, 0, 2),
            struct.pack(">IHHQ", 16, 64, 0, 1) + struct.pack(">I", 0xFFFFFFFF),
            struct.pack(">IHHQ", 13, PUT, 0, 1) + b"x", struct.pack(">IHHQ", 13, HELLO, 0, 0) + b"x",
        ]
        spared = []
        for shakes_hands in (False, True):
            for index, data in enumerate(bad):
                other = StoreLink(self.settings, self.generation, shakes_hands)
                other.stream.sendall(data)
                if not other.is_cut():
                    spared.append((shakes_hands, index))
                other.close()
        # Half a frame is no fault: the rest may come.
        error, _ = link.ask(PUT + 7, b"")
        return f"{2 * len(bad) - len(spared)} of {2 * len(bad)} cut off, the others served: {error is None} {spared}"

    def bad_datagrams(self, link):
        """The socket for descriptors: rubbish, and more than one descriptor."""
        for data in (b"", b"x", os.urandom(16), os.urandom(60_000)):
            other = StoreLink(self.settings, self.generation, shakes_hands=False)
            other.rights.send(data)
            other.close()
        with open("/dev/null", "rb") as null:
            rights = array.array("i", [null.fileno()] * 3)
            other = StoreLink(self.settings, self.generation)
            other.rights.sendmsg([bytes(8)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            other.close()
        error, _ = link.ask(PUT + 7, b"")
        return f"the others served: {error is None}"


if __name__ == "__main__":
    HostileGateway().run()
