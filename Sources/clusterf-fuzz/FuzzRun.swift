import IPC
import Model
import Peering

#if canImport(Glibc)
    import Glibc
#endif

/// One seeded run: a stream of frames, some of them damaged, decoded whole and in pieces.
struct FuzzRun {
    private let seed: UInt64
    private var rng: SplitMix64

    init(seed: UInt64) {
        self.seed = seed
        rng = SplitMix64(seed: seed)
    }

    /// What decoding gave: the frames in order, and whether a fault ended them.
    private struct Outcome: Equatable {
        var frames: [[UInt8]] = []
        var fault: FrameFault?
    }

    /// - Returns: how many frames were decoded.
    mutating func go() -> Int {
        var stream = makeStream()
        damage(&stream)
        let whole = decode([stream[...]])
        let split = decode(pieces(of: stream))
        guard whole == split else { fail("the frames depend on how the stream was split") }
        for frame in whole.frames { decodeAsEveryMessage(frame) }
        feedSession(stream)
        return whole.frames.count
    }

    private func fail(_ what: String) -> Never {
        print("seed \(seed): \(what)")
        exit(1)
    }

    private mutating func makeStream() -> [UInt8] {
        var writer = ByteWriter()
        let hello = Hello(role: .gateway, generation: 1, token: Bits128(using: &rng), credit: 3)
        if Bool.random(using: &rng) {
            FrameWriter.append(hello, type: .hello, requestID: 0, to: &writer)
        }
        for index in 0..<Int.random(in: 0...12, using: &rng) {
            let type = MessageType.allCases.randomElement(using: &rng) ?? .put
            let size = Int.random(in: 0...200, using: &rng)
            let payload = (0..<size).map { _ in interestingByte() }
            FrameHeader(
                type: type, flags: FrameFlags(rawValue: UInt16.random(in: 0...8, using: &rng)),
                requestID: UInt64(index), payloadByteCount: size
            ).write(into: &writer)
            writer.writeBytes(payload)
        }
        return writer.bytes
    }

    /// Small numbers are plausible lengths, so decoders come further than with uniform bytes.
    private mutating func interestingByte() -> UInt8 {
        switch UInt8.random(in: 0...9, using: &rng) {
        case 0...4: 0
        case 5: UInt8.random(in: 1...4, using: &rng)
        case 6: 0x2F
        case 7: 0xFF
        default: UInt8.random(in: 0...255, using: &rng)
        }
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0..<Int.random(in: 0...4, using: &rng) where !bytes.isEmpty {
            let index = Int.random(in: bytes.indices, using: &rng)
            switch Int.random(in: 0...3, using: &rng) {
            case 0: bytes[index] = interestingByte()
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(interestingByte(), at: index)
            default: bytes.removeSubrange(index...)
            }
        }
    }

    private mutating func pieces(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var rest = bytes[...]
        var pieces: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 1...30, using: &rng))
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    private func decode(_ chunks: [ArraySlice<UInt8>]) -> Outcome {
        var decoder = FrameDecoder()
        var outcome = Outcome()
        for chunk in chunks where outcome.fault == nil {
            let bytes = Array(chunk)
            do throws(FrameFault) {
                try decoder.feed(unsafe bytes.span.bytes) { _, payload in
                    outcome.frames.append(unsafe payload.withUnsafeBytes { unsafe [UInt8]($0) })
                    return true
                }
            } catch {
                outcome.fault = error
            }
            if decoder.pendingByteCount > IPCLimits.frameByteCountMax {
                fail("the decoder holds \(decoder.pendingByteCount) bytes")
            }
        }
        return outcome
    }

    private func checkDatagram(_ payload: [UInt8]) {
        guard let received = try? ReceivedDatagram(decoding: unsafe payload.span.bytes) else {
            return
        }
        guard let seal = received.seal else {
            guard received.datagram.bytes == payload else { fail("a datagram has two encodings") }
            return
        }
        let code = received.code
        let same = PeerAuthenticator(
            keyID: seal.keyID, code: { _, _ in code }, isCode: { _, _, _ in true })
        guard received.datagram.sealed(seal, with: same) == payload else {
            fail("a sealed datagram has two encodings")
        }
    }

    /// What decodes must encode to the same bytes: nothing was skipped, nothing made up.
    private func check<M: Message>(_ type: M.Type, _ payload: [UInt8]) {
        guard let message = try? M(decoding: unsafe payload.span.bytes) else { return }
        var writer = ByteWriter()
        message.encode(into: &writer)
        guard let again = try? M(decoding: unsafe writer.bytes.span.bytes), again == message else {
            fail("\(M.self) does not survive its own encoding")
        }
    }

    private func decodeAsEveryMessage(_ payload: [UInt8]) {
        check(Hello.self, payload)
        check(Welcome.self, payload)
        check(Refusal.self, payload)
        check(Credit.self, payload)
        check(Empty.self, payload)
        check(RemoteError.self, payload)
        check(Settings.self, payload)
        check(PeersNotice.self, payload)
        check(ProgressReport.self, payload)
        check(ReadyNotice.self, payload)
        check(DrainRequest.self, payload)
        check(NodeStatus.self, payload)
        check(RestartRequest.self, payload)
        check(LogsRequest.self, payload)
        check(LogLines.self, payload)
        check(LookupRequest.self, payload)
        check(LookupResponse.self, payload)
        check(WriteRequest.self, payload)
        check(PutRequest.self, payload)
        check(WriteResponse.self, payload)
        check(BeginUploadRequest.self, payload)
        check(OperationList.self, payload)
        check(DeleteRequest.self, payload)
        check(MakeDirectoryRequest.self, payload)
        check(ListRequest.self, payload)
        check(ListResponse.self, payload)
        check(StoreStatus.self, payload)
        check(ClusterStatus.self, payload)
        check(AdministerRequest.self, payload)
        check(ClusterSettingsList.self, payload)
        check(PartitionHealthRequest.self, payload)
        check(PartitionHealthResponse.self, payload)
        check(PartitionFilesRequest.self, payload)
        check(PartitionFilesResponse.self, payload)
        check(NodeUsageList.self, payload)
        check(QuotaList.self, payload)
        check(RestartPlan.self, payload)
        check(IntegrityRequest.self, payload)
        check(IntegrityResponse.self, payload)
        check(SuspectNotice.self, payload)
        check(RepairRequest.self, payload)
        check(RepairStatus.self, payload)
        check(InspectRequest.self, payload)
        check(InspectResponse.self, payload)
        check(WatchNotice.self, payload)
        check(EventsNotice.self, payload)
        check(LockMessage.self, payload)
        check(RefreshLockMessage.self, payload)
        check(UnlockMessage.self, payload)
        check(LocksRequest.self, payload)
        check(LocksResponse.self, payload)
        check(PropertiesRequest.self, payload)
        check(PropertiesResponse.self, payload)
        check(SetPropertiesRequest.self, payload)
        // Text of clients: whatever it is, it is read or refused.
        _ = try? JSONReader.read(payload)
        check(PeersAttached.self, payload)
        check(PeerFound.self, payload)
        check(PeerPart.self, payload)
        check(PeerBook.self, payload)
        check(PeerHello.self, payload)
        check(PeerWelcome.self, payload)
        check(PeerRefusal.self, payload)
        check(LinkPart.self, payload)
        checkDatagram(payload)
    }

    /// Both sides of a session take the frames; their books stay within their limits.
    private func feedSession(_ stream: [UInt8]) {
        for side in [Session.Side.initiator, .acceptor] {
            var session = Session(
                side: side, role: .store, generation: 1, acceptedRoles: [.gateway], credit: 3)
            if side == .initiator { session.start() }
            var decoder = FrameDecoder()
            var ended = false
            do throws(FrameFault) {
                try decoder.feed(unsafe stream.span.bytes) { header, payload in
                    switch session.frameReceived(header, payload: payload) {
                    case .fault, .refused: ended = true
                    default: break
                    }
                    return !ended
                }
            } catch {
                ended = true
            }
            if session.unansweredCount > 3 { fail("more requests are open than the credit allows") }
        }
    }
}
