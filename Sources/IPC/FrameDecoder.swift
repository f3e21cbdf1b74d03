/// Why bytes are no frame. The link that brought them ends.
package enum FrameFault: Error, Equatable, Sendable {
    /// The length field says less than a header or more than `IPCLimits.lengthMax`.
    case length(UInt32)
    /// A flag that this version does not know.
    case flags(UInt16)
}

/// Cuts a stream of bytes into frames, however they were glued or split.
///
/// A whole frame that lies in the bytes just received is handed on where it lies; only a frame
/// that is split between two reads is copied. Holds at most one frame.
package struct FrameDecoder: Sendable {
    private var partial: [UInt8] = []
    private var failed = false

    package init() {}

    /// Bytes of a frame that has not arrived whole.
    package var pendingByteCount: Int { partial.count }

    /// Hands each frame that is now whole to `body`, in order. When `body` returns false, or after
    /// a fault, the rest is dropped and so is all that comes later.
    /// - Throws: `FrameFault`; the frames before the bad one have been handed on.
    package mutating func feed(
        _ bytes: RawSpan, _ body: (FrameHeader, RawSpan) -> Bool
    ) throws(FrameFault) {
        if failed { return }
        var offset = 0
        while !partial.isEmpty {
            guard try completePartial(from: bytes, at: &offset, body) else { return }
        }
        while bytes.byteCount - offset >= 4 {
            let rest = bytes.extracting(offset..<bytes.byteCount)
            let byteCount = try frameByteCount(length: FrameDecoder.length(at: rest))
            guard rest.byteCount >= byteCount else { break }
            let frame = rest.extracting(0..<byteCount)
            offset += byteCount
            guard try hand(frame, to: body) else { return }
        }
        let rest = bytes.extracting(offset..<bytes.byteCount)
        if !rest.isEmpty { append(rest) }
    }

    /// Adds to the split frame until it is whole, and hands it on.
    /// - Returns: false where there is nothing more to do with these bytes.
    private mutating func completePartial(
        from bytes: RawSpan, at offset: inout Int, _ body: (FrameHeader, RawSpan) -> Bool
    ) throws(FrameFault) -> Bool {
        if partial.count < 4 {
            let taken = min(4 - partial.count, bytes.byteCount - offset)
            append(bytes.extracting(offset..<offset + taken))
            offset += taken
            guard partial.count == 4 else { return false }
        }
        let byteCount = try frameByteCount(
            length: FrameDecoder.length(at: unsafe partial.span.bytes))
        let taken = min(byteCount - partial.count, bytes.byteCount - offset)
        append(bytes.extracting(offset..<offset + taken))
        offset += taken
        guard partial.count == byteCount else { return false }
        let frame = partial
        partial.removeAll(keepingCapacity: frame.count <= IPCLimits.inlineContentByteCountMax)
        return try hand(unsafe frame.span.bytes, to: body)
    }

    private mutating func append(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { unsafe partial.append(contentsOf: $0) }
    }

    private static func length(at bytes: RawSpan) -> UInt32 {
        unsafe UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt32.self))
    }

    /// The bytes of a whole frame with this length field: the field, header and payload.
    private mutating func frameByteCount(length: UInt32) throws(FrameFault) -> Int {
        guard length >= IPCLimits.headerByteCount - 4, length <= IPCLimits.lengthMax else {
            failed = true
            throw .length(length)
        }
        return Int(length) + 4
    }

    private mutating func hand(
        _ frame: RawSpan, to body: (FrameHeader, RawSpan) -> Bool
    ) throws(FrameFault) -> Bool {
        let type = unsafe UInt16(
            bigEndian: frame.unsafeLoadUnaligned(fromByteOffset: 4, as: UInt16.self))
        let flags = unsafe UInt16(
            bigEndian: frame.unsafeLoadUnaligned(fromByteOffset: 6, as: UInt16.self))
        let id = unsafe UInt64(
            bigEndian: frame.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self))
        guard FrameFlags.known.isSuperset(of: FrameFlags(rawValue: flags)) else {
            failed = true
            throw .flags(flags)
        }
        let header = FrameHeader(
            payloadByteCount: frame.byteCount - IPCLimits.headerByteCount, type: type,
            flags: FrameFlags(rawValue: flags), requestID: id)
        guard body(header, frame.extracting(IPCLimits.headerByteCount..<frame.byteCount)) else {
            failed = true
            return false
        }
        return true
    }
}
