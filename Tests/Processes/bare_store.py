"""One clusterf-store by itself: this module is its supervisor and its gateway, so that a life costs a process and some
milliseconds, and thousands of lives can be begun, cut off and judged. The bytes are those of docs/IPC.md.
"""

import array
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from faults import materialise
from harness import BIN, temporary_directory
from sealed_content import sealed

HELLO, WELCOME, CONFIGURE, PEERS, DRAIN, READY = 1, 2, 16, 17, 19, 20
LOOKUP, PUT, BEGIN_UPLOAD, COMMIT_UPLOAD, ABORT_UPLOAD, DELETE, MAKE_DIRECTORY, LIST, STATUS = range(64, 73)
READ_CONTENT, PURGE, TRANSFER = 93, 114, 115
RESPONSE, ERROR = 1, 2
GATEWAY, STORE = 3, 2
MAGIC = 0x636C757374657266

# Codes of refusals.
NOT_FOUND, IS_DIRECTORY, NOT_DIRECTORY, NOT_EMPTY, PRECONDITION, INVALID = 1, 2, 3, 4, 5, 7
UNAVAILABLE = 9

# Content of up to so many bytes travels in the frame.
INLINE_MAX = 64 << 10
# A window of a content that is read in windows.
WINDOW = 1 << 20
# A request takes milliseconds; this bounds a machine that does ten other things.
ANSWER_SECONDS = 60


class Gone(Exception):
    """The store's process ended."""


class Refused(Exception):
    """The store answered with an error."""

    def __init__(self, code, text):
        super().__init__(f"{code} {text}")
        self.code = code


def run_of(data):
    return struct.pack(">I", len(data)) + data


def make_operation():
    """An operation id of now: 48 bits of milliseconds, then random ones."""
    return int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)


class Stream:
    """Frames over a socket."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(ANSWER_SECONDS)

    def send(self, type_, payload=b"", flags=0, request=0):
        try:
            self.connection.sendall(struct.pack(">IHHQ", 12 + len(payload), type_, flags, request) + payload)
        except OSError as error:
            raise Gone(str(error)) from error

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                block = self.connection.recv(count - len(data))
            except TimeoutError as error:
                raise AssertionError("the store does not answer") from error
            except OSError as error:
                raise Gone(str(error)) from error
            if not block:
                raise Gone("the link ended")
            data += block
        return data

    def frame(self):
        size, type_, flags, request = struct.unpack(">IHHQ", self.exactly(16))
        return type_, flags, request, self.exactly(size - 12)


class Fields:
    """Reads an answer."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, form):
        value, = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def run(self):
        return self.bytes(self.number("I"))

    def facts(self):
        """(size, digest)"""
        found = self.number("Q"), self.bytes(32)
        self.run()
        self.bytes(8 + 8 + 16 + 8 + 8)
        return found


class BareStore:
    """A life of a store in the directory `place`, which is made where it is missing. `log`: what it says goes there.
    `faults`: CRASHREC_… variables without their prefix, of the preloaded library `recorder`."""

    def __init__(self, place, kind, phrase=None, recorder=None, faults=None):
        self.place = place
        self.kind = kind
        self.phrase = phrase
        self.recorder = recorder
        self.faults = faults or {}
        self.log = place + ".log"
        self.pid = None
        self.next = 1
        self.answers = {}

    # Life.

    def start(self):
        """Returns when it takes requests.
        - Throws: `Gone` where it ended before."""
        os.makedirs(self.place, exist_ok=True)
        names = [self.place + end for end in (".s", ".f")]
        for name in names:
            if os.path.exists(name):
                os.remove(name)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        rights = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine, its = socket.socketpair()
        with stream, rights, its:
            for listener, name in zip((stream, rights), names):
                listener.bind(name)
                listener.listen(4)
            self._spawn([its, stream, rights])
        self.control = Stream(mine)
        try:
            self._configure()
            self._connect(*names)
        except Gone:
            self.reap()
            raise
        return self

    def _spawn(self, handed):
        environment = {
            "CLUSTERF_GENERATION": "1", "CLUSTERF_ROLE": "store", "LISTEN_FDS": "3",
            "LISTEN_FDNAMES": "control:store:store-fds", "PATH": os.environ.get("PATH", ""),
        }
        # The shell becomes the store: its number is the store's.
        command = 'LISTEN_PID=$$ exec "$0"'
        if self.recorder:
            environment |= self._faults()
            environment["RECORDER"] = self.recorder
            command = 'LD_PRELOAD="$RECORDER" ' + command
        log = os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        # Above what this process has open, then down to where they are expected.
        actions = [(os.POSIX_SPAWN_DUP2, file.fileno(), 900 + number) for number, file in enumerate(handed)]
        actions += [(os.POSIX_SPAWN_DUP2, 900 + number, 3 + number) for number in range(len(handed))]
        actions += [(os.POSIX_SPAWN_CLOSE, 900 + number) for number in range(len(handed))]
        actions += [(os.POSIX_SPAWN_DUP2, log, 2)]
        self.pid = os.posix_spawn(
            "/bin/sh", ["sh", "-c", command, os.path.join(BIN, "clusterf-store")], environment, file_actions=actions)
        os.close(log)

    def _configure(self):
        settings = {
            "cluster_name": "c", "debug": "true", "discovers": "false", "node_dir": self.place, "node_id": "n",
            "storage_major": self.kind,
        }
        if self.phrase:
            settings["encryption_key"] = self.phrase.encode().hex()
        payload = struct.pack(">I", len(settings))
        for name, value in sorted(settings.items()):
            payload += run_of(name.encode()) + run_of(value.encode())
        self._expect(self.control, HELLO)
        self.control.send(WELCOME, struct.pack(">HBQI", 1, 1, 1, 64))
        self.control.send(CONFIGURE, payload, 0, 2)
        self.control.send(PEERS, struct.pack(">IiBQ", 1, os.getpid(), GATEWAY, 1))
        self._expect(self.control, READY)

    def _expect(self, stream, wanted):
        while True:
            type_, flags, _, payload = stream.frame()
            if type_ == wanted:
                return payload
            if flags & ERROR:
                raise AssertionError(f"refused: {payload!r}")

    def _connect(self, stream_name, rights_name):
        token = os.urandom(16)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.rights = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.rights.settimeout(ANSWER_SECONDS)
        try:
            stream.connect(stream_name)
            self.rights.connect(rights_name)
            self.rights.send(token)
        except OSError as error:
            raise Gone(str(error)) from error
        self.link = Stream(stream)
        self.link.send(HELLO, struct.pack(">QHHBQ", MAGIC, 1, 1, GATEWAY, 1) + token + struct.pack(">I", 64))
        self._expect(self.link, WELCOME)

    def kill(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.reap()

    def reap(self):
        """Waits for the end of the process; returns its status."""
        if self.pid is None:
            return None
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        self.control.connection.close()
        if hasattr(self, "link"):
            self.link.connection.close()
            self.rights.close()
        return os.waitstatus_to_exitcode(status)

    def drain(self):
        """Ends it in order: everything is written out."""
        self.control.send(DRAIN, struct.pack(">I", 1000 * ANSWER_SECONDS), 0, 4)
        try:
            while True:
                self.control.frame()
        except Gone:
            return self.reap()

    def said(self):
        """Lines of its log that are worse than a notice."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if not line.startswith(("info ", "notice ", "debug "))]

    # Requests.

    def send(self, type_, payload):
        """Sends a request and returns its number."""
        number, self.next = self.next, self.next + 2
        self.link.send(type_, payload, 0, number)
        return number

    def answer(self, number):
        """The answer to a request."""
        while number not in self.answers:
            _, flags, request, payload = self.link.frame()
            if flags & RESPONSE:
                self.answers[request] = flags, payload
        flags, payload = self.answers.pop(number)
        if flags & ERROR:
            fields = Fields(payload)
            raise Refused(fields.number("H"), fields.run().decode("utf-8", "replace"))
        return payload

    def ask(self, type_, payload):
        return self.answer(self.send(type_, payload))

    def descriptor(self, number):
        """The descriptor that came with an answer."""
        message, ancillary, _, _ = self.rights.recvmsg(64, socket.CMSG_LEN(4))
        if struct.unpack(">Q", message) != (number,) or not ancillary:
            raise AssertionError(f"a descriptor for {message.hex()}, not for {number}")
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2])
        return descriptors[0]

    # What is asked, as (type, payload).

    @staticmethod
    def write_payload(operation, path, content):
        return (operation + run_of(path) + b"\0\0\0" + run_of(b"text/plain") + b"\0\0"
                + struct.pack(">Q", len(content)) + hashlib.sha256(content).digest())

    def begin_upload(self, operation, path, content):
        """Begins an upload and writes its content; only the commit is left."""
        number = self.send(
            BEGIN_UPLOAD, operation + run_of(path) + b"\0\0\0" + b"\1" + struct.pack(">Q", len(content)))
        answer = self.answer(number)
        file = self.descriptor(number)
        try:
            if answer:
                fields = Fields(answer)
                header, key = fields.run(), fields.run()
                os.lseek(file, len(header), os.SEEK_SET)
                content = sealed(content, header, key)
            if self.recorder:
                self._write_recorded(file, content)
            else:
                os.write(file, content)
        finally:
            os.close(file)

    def _write_recorded(self, file, content):
        """What the gateway writes is on the disk as little as what the store does: a program that can be recorded
        writes it."""
        source = os.memfd_create("content")
        try:
            os.write(source, content)
            os.lseek(source, 0, os.SEEK_SET)
            environment = {"LD_PRELOAD": self.recorder, **self._faults()}
            with subprocess.Popen(["/bin/cat"], stdin=source, stdout=file, env=environment) as writer:
                try:
                    self._await(writer)
                finally:
                    writer.kill()
        finally:
            os.close(source)

    def _await(self, writer):
        while True:
            try:
                code = writer.wait(0.05)
            except subprocess.TimeoutExpired:
                code = None
            # After a stop whatever is recorded holds still.
            if materialise.read_state(self.faults["LOG"])[0]:
                raise Gone("stopped within an upload")
            if code:
                raise AssertionError(f"an upload was not written: {code}")
            if code == 0:
                return

    def _faults(self):
        return {f"CRASHREC_{name}": str(value) for name, value in self.faults.items()}

    def abort(self, *operations):
        """A notice: these uploads are given up."""
        self.link.send(ABORT_UPLOAD, struct.pack(">I", len(operations)) + b"".join(operations))

    def read(self, path):
        """The whole content of a file; None where there is none, False of a directory."""
        number = self.send(LOOKUP, run_of(path) + b"\1")
        try:
            fields = Fields(self.answer(number))
        except Refused as refusal:
            if refusal.code == NOT_FOUND:
                return None
            raise
        what = fields.number("B")
        if what == 3:
            return False
        size, digest = fields.facts()
        if what == 1:
            content = fields.run()
        elif what in (2, 7):
            content = self._lent(number, fields.number("Q") if what == 7 else 0, size)
        elif what == 8:
            content = self._windows(fields.bytes(16), size)
        else:
            raise AssertionError(f"an answer of the kind {what} for {path}")
        if len(content) != size or hashlib.sha256(content).digest() != digest:
            raise AssertionError(f"{path}: {len(content)} bytes that are not the {size} of its record")
        return content

    def _lent(self, number, offset, size):
        file = self.descriptor(number)
        try:
            return os.pread(file, size, offset)
        finally:
            os.close(file)

    def _windows(self, content, size):
        data = b""
        while len(data) < size:
            number = self.send(READ_CONTENT, content + struct.pack(">QI", len(data), WINDOW))
            fields = Fields(self.answer(number))
            what = fields.number("B")
            block = fields.run() if what == 1 else self._lent(number, 0, fields.number("Q"))
            if not block:
                break
            data += block
        return data

    def list(self, path):
        """name → whether it is a directory; None where no directory is."""
        try:
            fields = Fields(self.ask(LIST, run_of(path) + run_of(b"") + struct.pack(">I", 1000)))
        except Refused as refusal:
            if refusal.code in (NOT_FOUND, NOT_DIRECTORY):
                return None
            raise
        found = {}
        for _ in range(fields.number("I")):
            name = fields.run()
            found[name] = fields.number("B") == 1
            if found[name]:
                fields.bytes(8)
            else:
                fields.facts()
        return found

    def status(self):
        """(files, their bytes, warnings)"""
        fields = Fields(self.ask(STATUS, b""))
        fields.bytes(16)
        fields.run()
        fields.run()
        fields.bytes(2)
        files, size = fields.number("Q"), fields.number("Q")
        fields.bytes(4 + 8)
        return files, size, [fields.run().decode() for _ in range(fields.number("I"))]


def memory_place(prefix):
    """A directory in memory, where syncs cost nothing, or else on a disk. What is in it is let go by its owner."""
    try:
        free = os.statvfs("/dev/shm")
        if free.f_bavail * free.f_frsize > 1 << 30:
            return tempfile.mkdtemp(prefix=prefix, dir="/dev/shm")
    except OSError as error:
        print(f"      no place in memory: {error}", file=sys.stderr)
    return temporary_directory(prefix)
