import Glibc
import Posix
import Testing

@Suite struct UnixSocketTests {
    @Test(arguments: [UnixSocket.Kind.stream, .seqpacket])
    func listenerAcceptsAndKnowsThePeer(_ kind: UnixSocket.Kind) throws {
        let scratch = try Scratch()
        let path = BytePath(scratch.path).appending("socket")
        let listener = try UnixSocket.listen(at: path, kind)
        let client = try UnixSocket.connect(to: path, kind)
        let server = try required(UnixSocket.accept(from: listener))
        #expect(try UnixSocket.peerPID(of: server) == getpid())
        #expect(try UnixSocket.peerPID(of: client) == getpid())
        let another = isPresent(try UnixSocket.accept(from: listener))
        #expect(!another)
    }

    @Test func socketFileHasItsMode() throws {
        let scratch = try Scratch()
        let path = BytePath(scratch.path).appending("socket")
        let listener = try UnixSocket.listen(at: path, .stream, mode: 0o600)
        let status = try Directory.status(of: path, in: .workingDirectory)
        #expect(status?.mode == 0o600)
        #expect(status?.kind == .socket)
        #expect(listener.rawValue >= 0)
    }

    @Test func socketOfAnEarlierLifeIsReplaced() throws {
        let scratch = try Scratch()
        let path = BytePath(scratch.path).appending("socket")
        do {
            let first = try UnixSocket.listen(at: path, .stream)
            #expect(first.rawValue >= 0)
        }
        let second = try UnixSocket.listen(at: path, .stream)
        let client = try UnixSocket.connect(to: path, .stream)
        #expect(second.rawValue != client.rawValue)
    }

    @Test func otherFileIsNotReplaced() throws {
        let scratch = try Scratch()
        let file = try Directory.open("socket", in: scratch.directory, [.writeOnly, .create])
        #expect(file.rawValue >= 0)
        #expect(throws: PosixError(EADDRINUSE, "bind")) {
            _ = try UnixSocket.listen(at: BytePath(scratch.path).appending("socket"), .stream)
        }
    }

    @Test func pathLongerThanAnAddressWorks() throws {
        let scratch = try Scratch()
        let long = String(repeating: "d", count: 200)
        try Directory.make(BytePath(long), in: scratch.directory)
        let path = BytePath("\(scratch.path)/\(long)/store.sock")
        let listener = try UnixSocket.listen(at: path, .stream)
        let client = try UnixSocket.connect(to: path, .stream)
        #expect(client.rawValue >= 0)
        let accepted = isPresent(try UnixSocket.accept(from: listener))
        #expect(accepted)
    }

    @Test func missingListenerIsAnError() {
        #expect(throws: PosixError(ENOENT, "connect")) {
            _ = try UnixSocket.connect(to: "/nowhere/store.sock", .stream)
        }
    }
}

@Suite struct ListenDescriptorsTests {
    @Test func anotherProcessesDescriptorsAreNotTaken() throws {
        let variables = ["LISTEN_PID": "1", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "a:b:c"]
        let found = try ListenDescriptors { variables[$0] }
        #expect(found.names.isEmpty)
    }

    @Test func nothingHandedOverIsNoError() throws {
        let found = try ListenDescriptors { _ in nil }
        #expect(found.names.isEmpty)
    }

    @Test func absurdCountIsRefused() {
        let variables = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1000000"]
        #expect(throws: PosixError(EINVAL, "LISTEN_FDS")) {
            _ = try ListenDescriptors { variables[$0] }
        }
    }
}
