import Glibc
import Posix
import Testing

/// A directory of its own for one test, removed with its flat content.
final class Scratch {
    let path: String
    let directory: Descriptor

    init() throws {
        var template = Array("/tmp/clusterf-posix-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
        directory = try Directory.open(BytePath(path), in: .workingDirectory, [.directory])
    }

    deinit {
        func clear(_ directory: borrowing Descriptor) {
            for entry in (try? Directory.entries(of: directory)) ?? [] {
                let name = BytePath(entry.name)
                if entry.isDirectory == true {
                    if let child = try? Directory.open(name, in: directory, [.directory]) {
                        clear(child)
                    }
                }
                _ = try? Directory.removeIfPresent(
                    name, in: directory, isDirectory: entry.isDirectory == true)
            }
        }
        clear(directory)
        rmdir(path)
    }
}

/// `#expect` cannot look into an optional of a type that cannot be copied.
func isPresent(_ descriptor: consuming Descriptor?) -> Bool { descriptor != nil }

struct NothingThere: Error {}

func required(_ descriptor: consuming Descriptor?) throws -> Descriptor {
    guard let descriptor else { throw NothingThere() }
    return descriptor
}

func isOpen(_ rawValue: Int32) -> Bool { fcntl(rawValue, F_GETFD) >= 0 }

@Suite struct DescriptorTests {
    @Test func lifeEndsWithAClose() throws {
        let left = try UnixSocket.pair(.seqpacket).take { _, second in second }
        switch try DescriptorSocket.receive(from: left) {
        case .closed: break
        default: Issue.record("the other end is open")
        }
    }

    @Test func duplicateIsClosedOnExec() throws {
        let copy = try Descriptor.workingDirectoryOpened().duplicate()
        #expect(fcntl(copy.rawValue, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test func releasedDescriptorStaysOpen() throws {
        let raw = try Descriptor.workingDirectoryOpened().release()
        #expect(isOpen(raw))
        close(raw)
    }

    @Test func boxGivesItsDescriptorOnce() throws {
        let box = DescriptorBox(try Descriptor.workingDirectoryOpened())
        #expect(box.rawValue != nil)
        let (first, second) = (isPresent(box.take()), isPresent(box.take()))
        #expect(first)
        #expect(!second)
    }

    @Test func errorNamesCallAndReason() {
        let error = PosixError(ENOENT, "openat")
        #expect(error.description == "openat: No such file or directory (ENOENT)")
    }
}

extension Descriptor {
    static func workingDirectoryOpened() throws -> Descriptor {
        try Directory.open("/", in: .workingDirectory, [.directory])
    }
}

@Suite struct DescriptorSocketTests {
    @Test func descriptorArrivesWithItsMessage() throws {
        let scratch = try Scratch()
        let pair = try UnixSocket.pair(.seqpacket)
        let file = try Directory.open(
            "file", in: scratch.directory, [.readWrite, .create, .exclusive])
        try FileIO.write([1, 2, 3], to: file, at: 0)
        _ = try DescriptorSocket.send(file, with: [9, 8, 7], over: pair.first)
        switch try DescriptorSocket.receive(from: pair.second) {
        case .descriptor(let message, let received):
            #expect(message == [9, 8, 7])
            #expect(try FileIO.read(received, count: 10, at: 0) == [1, 2, 3])
            #expect(fcntl(received.rawValue, F_GETFD) & FD_CLOEXEC != 0)
        default: Issue.record("no descriptor")
        }
    }

    @Test func messageWithoutDescriptorIsBytes() throws {
        let pair = try UnixSocket.pair(.seqpacket)
        _ = try DescriptorSocket.send([5], over: pair.first)
        switch try DescriptorSocket.receive(from: pair.second) {
        case .bytes(let message): #expect(message == [5])
        default: Issue.record("no bytes")
        }
    }

    @Test func emptySocketWouldBlock() throws {
        let pair = try UnixSocket.pair(.seqpacket)
        switch try DescriptorSocket.receive(from: pair.second) {
        case .wouldBlock: break
        default: Issue.record("something came")
        }
    }

    @Test func fullSocketWouldBlock() throws {
        let pair = try UnixSocket.pair(.seqpacket)
        var sent = 0
        filling: while sent < 100_000 {
            switch try DescriptorSocket.send([1], over: pair.first) {
            case .sent: sent += 1
            case .wouldBlock: break filling
            }
        }
        #expect(sent > 0 && sent < 100_000)
    }

    @Test func closedEndIsSaid() throws {
        let pair = try UnixSocket.pair(.seqpacket)
        let second = pair.take { first, second in second }
        switch try DescriptorSocket.receive(from: second) {
        case .closed: break
        default: Issue.record("not closed")
        }
        #expect(throws: PosixError.self) { try DescriptorSocket.send([1], over: second) }
    }

    @Test func twoDescriptorsInOneMessageAreRefusedAndClosed() throws {
        let pair = try UnixSocket.pair(.seqpacket)
        let pipe = try UnixSocket.pair(.stream)
        // The two descriptors under way are the only ones of one end: it reads EOF once they are closed.
        try sendTwice(pipe.first.rawValue, over: pair.first.rawValue)
        let watched = pipe.take { first, second in second }
        #expect(throws: PosixError(ETOOMANYREFS, "recvmsg")) {
            _ = try DescriptorSocket.receive(from: pair.second)
        }
        var byte: UInt8 = 0
        #expect(read(watched.rawValue, &byte, 1) == 0)
    }

    /// One message with the same descriptor twice, which `DescriptorSocket` cannot make.
    private func sendTwice(_ descriptor: Int32, over socket: Int32) throws {
        var control = [UInt8](repeating: 0, count: 24)
        control.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: 24, as: Int.self)
            bytes.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: Int32.self)
            bytes.storeBytes(of: 1, toByteOffset: 12, as: Int32.self)
            bytes.storeBytes(of: descriptor, toByteOffset: 16, as: Int32.self)
            bytes.storeBytes(of: descriptor, toByteOffset: 20, as: Int32.self)
        }
        var byte: UInt8 = 1
        let sent = control.withUnsafeMutableBytes { control in
            withUnsafeMutableBytes(of: &byte) { byte in
                var run = iovec(iov_base: byte.baseAddress, iov_len: 1)
                return withUnsafeMutablePointer(to: &run) { run in
                    var message = msghdr()
                    message.msg_iov = run
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return sendmsg(socket, &message, 0)
                }
            }
        }
        try #require(sent == 1)
    }
}
