"""Puts many small files over several connections and no more: `filler.py PORT FIRST COUNT DIRECTORIES filled|random CONNECTIONS`.

File number N of 100 bytes goes to directory N mod DIRECTORIES, or to any of them. A process of its own, so that what it costs is not
measured; ends with an error for any answer but 201.
"""

import random
import selectors
import socket
import sys

FILE_BYTES = 100


class Connection:
    """One file at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""

    def put(self, path, number):
        body = b"%-99d\n" % number
        self.socket.sendall(
            b"PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s" % (path, FILE_BYTES, body))

    def is_answered(self):
        """Reads what there is. One file is asked for at a time, so the answer ends where its body does."""
        received = self.socket.recv(65536)
        if not received:
            raise SystemExit("the node closed a connection")
        self.answer += received
        head, separator, body = self.answer.partition(b"\r\n\r\n")
        if not separator:
            return False
        if not head.startswith(b"HTTP/1.1 201"):
            raise SystemExit(self.answer.decode("utf-8", "replace"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < int(length.split(b":")[1]):
            return False
        self.answer = b""
        return True


def requests(first, count, directories, is_random):
    generator = random.Random(first)
    for number in range(first, first + count):
        directory = generator.randrange(directories) if is_random else number % directories
        yield b"/api/files/m/%05d/%s%07d" % (directory, b"r" if is_random else b"f", number), number


def main():
    port, first, count, directories = (int(word) for word in sys.argv[1:5])
    todo = requests(first, count, directories, sys.argv[5] == "random")
    selector = selectors.DefaultSelector()
    busy = 0
    for _ in range(int(sys.argv[6])):
        connection = Connection(port)
        following = next(todo, None)
        if following is None:
            break
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.put(*following)
        busy += 1
    while busy:
        for key, _ in selector.select():
            connection = key.data
            if not connection.is_answered():
                continue
            following = next(todo, None)
            if following is None:
                busy -= 1
                selector.unregister(connection.socket)
            else:
                connection.put(*following)


if __name__ == "__main__":
    main()
