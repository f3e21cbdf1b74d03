import Foundation
import Loop
import Posix
import Testing

@Suite struct StreamTests {
    /// Sends back what it reads and reads no more than it can send.
    final class Echo {
        let connection: StreamConnection
        private(set) var wasPaused = false
        var onPaused: (() -> Void)?

        init(_ loop: EventLoop, _ descriptor: consuming Descriptor) throws {
            connection = try StreamConnection(loop, descriptor)
            connection.onRead = { [unowned self] bytes in
                let taken = connection.write(bytes.withUnsafeBytes { [UInt8]($0) })
                precondition(taken, "reading stopped in time")
                if connection.pendingByteCount > 512 * 1024 {
                    wasPaused = true
                    connection.pauseReading()
                    onPaused?()
                }
            }
            connection.onDrained = { [unowned self] in connection.resumeReading() }
            connection.resumeReading()
        }
    }

    @Test func echoOfManyMegabytesIsWholeAndBounded() async throws {
        let total = 4 * 1024 * 1024
        let (received, isWhole, wasPaused) = try await onLoop { loop in
            let ends = try UnixSocket.pair(.stream).boxed()
            guard let near = ends.first.take(), let far = ends.second.take() else {
                throw TookTooLong()
            }
            let echo = try Echo(loop, far)
            let client = try StreamConnection(loop, near)
            let (sent, received, isWhole) = (Box(0), Box(0), Box(true))
            // The client reads nothing before the echo had to stop.
            echo.onPaused = { client.resumeReading() }
            func fill() {
                while sent.value < total {
                    let chunk = (0..<65_536).map {
                        UInt8(truncatingIfNeeded: (sent.value + $0) % 251)
                    }
                    if !client.write(chunk) { return }
                    sent.value += chunk.count
                }
            }
            client.onDrained = { fill() }
            client.onRead = { bytes in
                bytes.withUnsafeBytes { buffer in
                    for byte in buffer {
                        if byte != UInt8(truncatingIfNeeded: received.value % 251) {
                            isWhole.value = false
                        }
                        received.value += 1
                    }
                }
                if received.value == total { loop.stop() }
            }
            fill()
            return { (received.value, isWhole.value, echo.wasPaused) }
        }
        #expect(received == total)
        #expect(isWhole)
        #expect(wasPaused)
    }

    @Test func writePastTheLimitIsRefusedWhole() async throws {
        let (refused, pending) = try await onLoop { loop in
            let box = Box<DescriptorBox?>(nil)
            let near = try UnixSocket.pair(.stream).take { near, far in
                box.value = DescriptorBox(far)
                return near
            }
            let connection = try StreamConnection(loop, near, pendingBytesMax: 100_000)
            var accepted = 0
            while connection.write([UInt8](repeating: 1, count: 10_000)) { accepted += 1 }
            let pending = connection.pendingByteCount
            let refused = !connection.write([UInt8](repeating: 1, count: 100_001))
            loop.stop()
            _ = box.value
            return { (refused && accepted > 0, pending) }
        }
        #expect(refused)
        #expect(pending <= 100_000 && pending > 90_000 - 10_000)
    }

    @Test func endOfThePeerIsToldOnce() async throws {
        let (ends, read) = try await onLoop { loop in
            let ends = Box<[String]>([])
            let read = Box<[UInt8]>([])
            let connections = Box<[StreamConnection]>([])
            try Self.connectedPair(loop, connections)
            let (a, b) = (connections.value[0], connections.value[1])
            a.onRead = { bytes in read.value += bytes.withUnsafeBytes { [UInt8]($0) } }
            a.onClosed = { end in
                ends.value.append("\(end)")
                loop.stop()
            }
            a.resumeReading()
            _ = b.write([1, 2, 3])
            b.finish()
            return { (ends.value, read.value) }
        }
        #expect(ends == ["byPeer"])
        #expect(read == [1, 2, 3])
    }

    @Test func finishWritesWhatWaitsFirst() async throws {
        let total = 900_000
        let count = try await onLoop { loop in
            let connections = Box<[StreamConnection]>([])
            try Self.connectedPair(loop, connections)
            let (a, b) = (connections.value[0], connections.value[1])
            let count = Box(0)
            b.onRead = { count.value += $0.byteCount }
            b.onClosed = { _ in loop.stop() }
            _ = a.write([UInt8](repeating: 7, count: total))
            a.finish()
            b.resumeReading()
            return { count.value }
        }
        #expect(count == total)
    }

    @Test func closeWithinAReadEndsTheReading() async throws {
        let reads = try await onLoop { loop in
            let connections = Box<[StreamConnection]>([])
            try Self.connectedPair(loop, connections)
            let (a, b) = (connections.value[0], connections.value[1])
            let reads = Box(0)
            b.onRead = { _ in
                reads.value += 1
                b.close()
                b.close()
            }
            b.onClosed = { _ in loop.stop() }
            b.resumeReading()
            _ = a.write([UInt8](repeating: 7, count: 500_000))
            return { reads.value }
        }
        #expect(reads == 1)
    }

    static func connectedPair(_ loop: EventLoop, _ into: Box<[StreamConnection]>) throws {
        let boxes = try UnixSocket.pair(.stream).boxed()
        for box in [boxes.0, boxes.1] {
            if let descriptor = box.take() {
                into.value.append(try StreamConnection(loop, descriptor))
            }
        }
    }

    @Test func secondLoopAcceptsWhatTheFirstLeftInTheBacklog() async throws {
        var template = Array("/tmp/clusterf-loop-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            unlink(folder + "/socket")
            rmdir(folder)
        }
        let path = BytePath(folder).appending("socket")
        let listener = try UnixSocket.listen(at: path, .stream)
        let raw = listener.rawValue
        let first = try await Self.acceptOne(raw) { try UnixSocket.connect(to: path, .stream) }
        // Nobody accepts now; the connect waits in the backlog.
        let waiting = try UnixSocket.connect(to: path, .stream)
        _ = try DescriptorSocket.send([9], over: waiting)
        let second = try await Self.acceptOne(raw) { nil }
        #expect(first == 1)
        #expect(second == 1)
        // What was "inherited" is open up to here.
        #expect(listener.rawValue == raw && waiting.rawValue != raw)
    }

    /// Accepts one connection in a loop of its own, over a descriptor it "inherited".
    static func acceptOne(
        _ inherited: Int32, _ connect: @escaping @Sendable () throws -> Descriptor?
    ) async throws -> Int {
        try await onLoop { loop in
            let count = Box(0)
            let held = Box<StreamListener?>(nil)
            let copy = fcntl(inherited, F_DUPFD_CLOEXEC, 0)
            held.value = try StreamListener(loop, Descriptor(owning: copy)) { _ in
                loop.stop()
            } onAccept: { accepted in
                count.value += accepted.rawValue >= 0 ? 1 : 0
                held.value?.close()
                loop.stop()
            }
            let client = DescriptorBox(try connect() ?? .workingDirectory)
            return {
                _ = client
                return count.value
            }
        }
    }
}
