import IPC
import Model
import Testing

/// Every way in which a stream can be cut must give the same frames.
@Suite struct FrameDecoderTests {
    struct Seen: Equatable {
        var header: FrameHeader
        var payload: [UInt8]
    }

    static func bytes(of span: RawSpan) -> [UInt8] {
        span.withUnsafeBytes { [UInt8]($0) }
    }

    static func frame(_ payload: [UInt8], id: UInt64, flags: FrameFlags = []) -> [UInt8] {
        var writer = ByteWriter()
        FrameHeader(type: .put, flags: flags, requestID: id, payloadByteCount: payload.count)
            .write(into: &writer)
        writer.writeBytes(payload)
        return writer.bytes
    }

    static func sampleFrames(seed: UInt64, count: Int) -> ([UInt8], [Seen]) {
        var rng = SplitMix64(seed: seed)
        var stream: [UInt8] = []
        var expected: [Seen] = []
        for i in 0..<count {
            let size = Int.random(in: 0...300, using: &rng)
            let payload = (0..<size).map { _ in UInt8.random(in: 0...255, using: &rng) }
            let flags: FrameFlags = i.isMultiple(of: 3) ? [.response, .descriptor] : []
            stream += frame(payload, id: UInt64(i), flags: flags)
            let header = FrameHeader(
                type: .put, flags: flags, requestID: UInt64(i), payloadByteCount: size)
            expected.append(Seen(header: header, payload: payload))
        }
        return (stream, expected)
    }

    static func decode(_ chunks: [ArraySlice<UInt8>]) throws -> [Seen] {
        var decoder = FrameDecoder()
        var seen: [Seen] = []
        for chunk in chunks {
            let bytes = Array(chunk)
            try decoder.feed(bytes.span.bytes) { header, payload in
                seen.append(Seen(header: header, payload: Self.bytes(of: payload)))
                return true
            }
        }
        return seen
    }

    @Test func wholeGluedAndByteByByteGiveTheSameFrames() throws {
        let (stream, expected) = Self.sampleFrames(seed: 1, count: 20)
        #expect(try Self.decode([stream[...]]) == expected)
        #expect(try Self.decode(stream.indices.map { stream[$0...$0] }) == expected)
    }

    @Test(arguments: 1...40)
    func anySplitGivesTheSameFrames(seed: UInt64) throws {
        let (stream, expected) = Self.sampleFrames(seed: seed, count: 30)
        var rng = SplitMix64(seed: seed &* 77)
        var chunks: [ArraySlice<UInt8>] = []
        var rest = stream[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int.random(in: 0...400, using: &rng))
            chunks.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(try Self.decode(chunks) == expected, "seed \(seed)")
    }

    @Test func truncatedAtEveryOffsetGivesNoFrameAndNoFault() throws {
        let whole = Self.frame([1, 2, 3, 4, 5], id: 9)
        for end in 0..<whole.count {
            #expect(try Self.decode([whole[..<end]]).isEmpty)
        }
    }

    @Test(arguments: [0, 1, 11, IPCLimits.lengthMax + 1, UInt32.max])
    func lengthOutOfRangeIsAFault(length: UInt32) {
        var writer = ByteWriter()
        writer.write(length)
        writer.writeBytes([UInt8](repeating: 0, count: 64))
        let bytes = writer.bytes
        #expect(throws: FrameFault.length(length)) { try Self.decode([bytes[...]]) }
        #expect(throws: FrameFault.length(length)) {
            try Self.decode(bytes.indices.map { bytes[$0...$0] })
        }
    }

    @Test(arguments: [12, IPCLimits.lengthMax])
    func lengthAtItsBoundsIsAFrame(length: UInt32) throws {
        let payload = [UInt8](repeating: 7, count: Int(length) - 12)
        let seen = try Self.decode([Self.frame(payload, id: 1)[...]])
        #expect(seen.map(\.payload.count) == [payload.count])
    }

    @Test func unknownFlagIsAFault() {
        let bytes = Self.frame([], id: 1, flags: FrameFlags(rawValue: 0x8000))
        #expect(throws: FrameFault.flags(0x8000)) { try Self.decode([bytes[...]]) }
    }

    @Test func nothingIsHandedOnAfterAFault() throws {
        var decoder = FrameDecoder()
        let bad: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: FrameFault.self) { try decoder.feed(bad.span.bytes) { _, _ in true } }
        let good = Self.frame([1], id: 1)
        var count = 0
        try decoder.feed(good.span.bytes) { _, _ in
            count += 1
            return true
        }
        #expect(count == 0)
    }

    @Test func holdsAtMostOneFrame() throws {
        var decoder = FrameDecoder()
        let payload = [UInt8](repeating: 1, count: Int(IPCLimits.lengthMax) - 12)
        let whole = Self.frame(payload, id: 1)
        let most = Array(whole.dropLast())
        try decoder.feed(most.span.bytes) { _, _ in true }
        #expect(decoder.pendingByteCount == whole.count - 1)
        #expect(decoder.pendingByteCount < IPCLimits.frameByteCountMax)
    }
}
