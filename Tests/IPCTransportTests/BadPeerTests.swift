import Foundation
import IPC
import IPCTransport
import Loop
import Model
import Posix
import Testing

/// What a peer can do wrong, and that it harms nobody else.
@Suite struct BadPeerTests {
    let sockets: Sockets
    init() throws { sockets = try Sockets() }

    static func hello(token: Bits128 = Bits128(high: 0, low: 0)) -> [UInt8] {
        FrameWriter.frame(
            Hello(role: .gateway, generation: 3, token: token, credit: 1024), type: .hello,
            requestID: 0)
    }

    /// A server that answers, with a good client beside the bad peer: the bytes are sent, the end
    /// of the bad peer's link is waited for, and then the good client is answered.
    private func survive(_ bytes: [UInt8]) async throws -> (end: LinkEnd?, good: UInt64?) {
        try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let (end, good) = (Box<LinkEnd?>(nil), Box<UInt64?>(nil))
            server.onLink = { link in
                link.onRequest = { (request, payload) throws(DecodeError) in
                    request.answer(try Note(decoding: payload))
                }
            }
            let client = sockets.makeClient(loop)
            client.onConnected = { _, _ in
                // Only now, so that the good link is there when the bad one comes.
                guard let socket = try? UnixSocket.connect(to: sockets.stream, .stream),
                    let bad = try? StreamConnection(loop, socket)
                else { return loop.stop() }
                bad.onClosed = { _ in
                    client.request(Note(8), type: .put, within: .seconds(10)) {
                        (result: Result<Note, RemoteError>, _) in
                        good.value = try? result.get().number
                        loop.stop()
                    }
                }
                bad.onRead = { _ in }
                bad.resumeReading()
                _ = bad.write(bytes)
            }
            server.onLinkClosed = { _, how in end.value = end.value ?? how }
            server.onTrouble = { trouble in
                if case .handshake(_, let how) = trouble { end.value = end.value ?? how }
            }
            return { (end.value, good.value) }
        }
    }

    @Test func lengthOutOfRangeEndsOnlyThatLink() async throws {
        let result = try await survive([0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 12))
        #expect(result.end == .fault(.frame(.length(0xFFFF_FFFF))))
        #expect(result.good == 8)
    }

    @Test func requestBeforeTheHandshakeEndsOnlyThatLink() async throws {
        let result = try await survive(FrameWriter.frame(Note(1), type: .put, requestID: 1))
        #expect(result.end == .fault(.unexpected(type: MessageType.put.rawValue)))
        #expect(result.good == 8)
    }

    @Test func unknownTypeEndsOnlyThatLink() async throws {
        var writer = ByteWriter(appendingTo: Self.hello())
        FrameHeader(payloadByteCount: 0, type: 9999, flags: [], requestID: 1).write(into: &writer)
        let result = try await survive(writer.bytes)
        #expect(result.end == .fault(.unknownType(9999)))
        #expect(result.good == 8)
    }

    @Test func announcedDescriptorThatIsMissingEndsOnlyThatLink() async throws {
        let frame = FrameWriter.frame(Note(1), type: .put, flags: .descriptor, requestID: 1)
        let result = try await survive(Self.hello() + frame)
        #expect(result.end == .descriptorMissing(requestID: 1))
        #expect(result.good == 8)
    }

    @Test func frameThatDoesNotWaitForItsDescriptorSocketEndsOnlyThatLink() async throws {
        let frame = FrameWriter.frame(Note(1), type: .put, requestID: 1)
        let token = Bits128(high: 4, low: 4)
        let result = try await survive(Self.hello(token: token) + frame)
        #expect(result.end == .fault(.unexpected(type: MessageType.put.rawValue)))
        #expect(result.good == 8)
    }

    @Test func peerThatDoesNotReadIsReadNoMore() async throws {
        let (total, size) = (200, 60_000)
        let (handledWhileBlocked, received) = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let (handled, blocked, received) = (Box(0), Box(0), Box(0))
            server.onLink = { link in
                link.onRequest = { (request, payload) throws(DecodeError) in
                    handled.value += 1
                    request.answer(Note(1, byteCount: size))
                }
            }
            let greedy = try StreamConnection(
                loop, UnixSocket.connect(to: sockets.stream, .stream),
                pendingBytesMax: 100_000_000)
            _ = greedy.write(Self.hello())
            for index in 0..<total {
                _ = greedy.write(
                    FrameWriter.frame(
                        Note(index, byteCount: size), type: .put, requestID: UInt64(index * 2 + 1)))
            }
            let answerBytes = 16 + 8 + 4 + size
            greedy.onRead = { bytes in
                received.value += bytes.byteCount
                if received.value >= total * answerBytes { loop.stop() }
            }
            // A server that did not stop would be through long before.
            _ = try loop.schedule(after: .milliseconds(300)) {
                blocked.value = handled.value
                greedy.resumeReading()
            }
            return { (blocked.value, received.value) }
        }
        // 1 MiB that waits, one read beyond it, and what the kernel's buffers hold.
        #expect(handledWhileBlocked < total / 2)
        #expect(received >= total * size)
    }

    @Test func descriptorSocketWithoutALinkIsClosed() async throws {
        let unpaired = try await onLoop { [sockets] loop in
            let server = try sockets.makeServer(loop)
            let unpaired = Box<Int32?>(nil)
            server.onTrouble = { trouble in
                guard case .unpaired(let pid) = trouble else { return }
                unpaired.value = pid
                loop.stop()
            }
            // A first message that is no token: known at once, not only when its time is over.
            let socket = try UnixSocket.connect(to: sockets.descriptors, .seqpacket)
            _ = try DescriptorSocket.send([1, 2, 3], over: socket)
            let box = DescriptorBox(socket)
            return { withExtendedLifetime(box) { unpaired.value } }
        }
        #expect(unpaired == getpid())
    }
}
