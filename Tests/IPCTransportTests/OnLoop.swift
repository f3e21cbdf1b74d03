import Foundation
import IPC
import IPCTransport
import Loop
import Model
import Posix

struct TookTooLong: Error {}

/// Runs a loop on a thread of its own: `setUp` gives what to return once somebody stopped the loop.
func onLoop<Result: Sendable>(
    _ setUp: @escaping @Sendable (EventLoop) throws -> () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(
                with: Swift.Result {
                    let loop = try EventLoop()
                    let result = try setUp(loop)
                    let tookTooLong = Box(false)
                    _ = try loop.schedule(after: .seconds(300)) {
                        tookTooLong.value = true
                        loop.stop()
                    }
                    loop.run()
                    if tookTooLong.value { throw TookTooLong() }
                    return try result()
                })
        }
    }
}

/// A variable that several closures of one loop share.
final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}

/// A message of the tests: a number, and bytes to make it as large as wanted.
struct Note: Message {
    var number: UInt64
    var bytes: [UInt8] = []

    init(_ number: Int, byteCount: Int = 0) {
        self.number = UInt64(number)
        bytes = [UInt8](repeating: 1, count: byteCount)
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(number)
        writer.writeRun(bytes)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.readUInt64()
        bytes = try reader.readRun(max: 1 << 20)
    }
}

/// A folder with two listening sockets, and how to connect to them.
final class Sockets: Sendable {
    let folder: String
    let stream: BytePath
    let descriptors: BytePath

    init() throws {
        var template = Array("/tmp/clusterf-link-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw PosixError(errno, "mkdtemp") }
        folder = String(cString: made)
        stream = BytePath(folder).appending("store.sock")
        descriptors = BytePath(folder).appending("store.fds.sock")
    }

    deinit {
        for path in [stream, descriptors] { unlink(path.description) }
        rmdir(folder)
    }

    /// A server that takes this process in any role.
    func makeServer(_ loop: EventLoop) throws -> LinkServer {
        let server = try LinkServer(
            loop, stream: UnixSocket.listen(at: stream, .stream),
            descriptors: UnixSocket.listen(at: descriptors, .seqpacket), role: .store,
            generation: 7, acceptedRoles: [.gateway], policy: .allBut([]))
        // Kept as long as the loop.
        _ = loop.onTurnEnd { _ = server }
        return server
    }

    func makeClient(_ loop: EventLoop, generation: UInt64 = 3) -> LinkClient {
        let client = LinkClient(
            loop, stream: stream, descriptors: descriptors, role: .gateway,
            generation: generation, acceptedRoles: [.store])
        _ = loop.onTurnEnd { _ = client }
        return client
    }

    /// An open file that holds `number` in 8 bytes.
    func makeFile(_ number: UInt64) throws -> DescriptorBox {
        let file = try Directory.open(
            BytePath(folder), in: .workingDirectory, [.unnamed, .readWrite])
        var writer = ByteWriter()
        writer.write(number)
        try FileIO.write(writer.bytes, to: file, at: 0)
        return DescriptorBox(file)
    }
}

/// The number in a file that `makeFile` made; nil where there is no file.
func number(in box: DescriptorBox?) -> UInt64? {
    guard let bytes = try? box?.borrow({ try FileIO.read($0, count: 8, at: 0) }), bytes.count == 8
    else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
}
