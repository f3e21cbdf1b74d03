internal import NIOCore

/// Cuts the bytes of a connection into request heads and pieces of bodies.
///
/// ```
///   head ──▶ body(left) ─────────────────────────────▶ head
///    │                                                   ▲
///    └─────▶ chunkLine ──▶ chunkData(left) ──▶ chunkEnd  │
///               ▲   │                             │      │
///               │   └─(size 0)─▶ trailers ────────┼──────┘
///               └─────────────────────────────────┘
/// ```
/// A value without IO: the connection calls `nextHead`, and then `nextBody` until it says `.end`.
/// What has not been asked for stays in the buffer. Strict: every line ends in CR LF, and anything
/// that could be read in two ways is refused. After a failure nothing more may be asked.
struct RequestParser {
    enum HeadResult {
        case needsMore
        case head(RequestHead)
        case failed(Problem)
    }

    enum BodyResult {
        case needsMore
        case bytes(ByteBuffer)
        case end
        case failed(Problem)
    }

    private enum State: Equatable {
        case head
        case body(left: UInt64)
        case chunkLine
        case chunkData(left: UInt64)
        case chunkEnd
        case trailers(byteCount: Int)
    }

    private var state: State = .head
    /// How far the waiting bytes were looked at, so that slow bytes are not looked at twice.
    private var scanned = 0
    private var lineStart = 0
    private var lineCount = 0
    private var emptyLineCount = 0

    /// Whether a head has begun to arrive.
    func headHasBegun(in buffer: ByteBuffer) -> Bool { state == .head && buffer.readableBytes > 0 }

    // MARK: Heads

    mutating func nextHead(_ buffer: inout ByteBuffer) -> HeadResult {
        precondition(state == .head, "nextHead in \(state)")
        do {
            guard let byteCount = try findHeadEnd(&buffer) else { return .needsMore }
            guard let bytes = buffer.readBytes(length: byteCount) else { return .needsMore }
            resetScan()
            emptyLineCount = 0
            let head = try RequestHead(parsing: bytes)
            switch head.framing {
            case .none, .length(0): state = .body(left: 0)
            case .length(let length): state = .body(left: length)
            case .chunked: state = .chunkLine
            }
            return .head(head)
        } catch {
            return .failed(error)
        }
    }

    private mutating func resetScan() {
        scanned = 0
        lineStart = 0
        lineCount = 0
    }

    /// The bytes of the head, its empty line included, where it is whole.
    private mutating func findHeadEnd(_ buffer: inout ByteBuffer) throws(Problem) -> Int? {
        while true {
            guard let lineEnd = try RequestParser.lineEnd(in: buffer, from: scanned) else {
                // The last byte may be the CR of a CR LF that has not arrived whole.
                scanned = max(scanned, buffer.readableBytes - 1)
                try checkLimits(buffer.readableBytes)
                return nil
            }
            scanned = lineEnd + 1
            try checkLimits(scanned)
            if lineEnd - 1 == lineStart {
                if lineCount > 0 { return scanned }
                emptyLineCount += 1
                guard emptyLineCount <= GatewayLimits.leadingEmptyLinesMax else {
                    throw .malformed("empty lines where a request is due")
                }
                buffer.moveReaderIndex(forwardBy: scanned)
                resetScan()
                continue
            }
            lineStart = scanned
            lineCount += 1
            guard lineCount <= GatewayLimits.fieldCountMax + 1 else { throw .headTooLarge }
        }
    }

    private func checkLimits(_ byteCount: Int) throws(Problem) {
        if lineCount == 0, byteCount > GatewayLimits.requestLineByteCountMax {
            throw Problem(
                .uriTooLong, "uri_too_long",
                "The request line is longer than \(GatewayLimits.requestLineByteCountMax) bytes.")
        }
        if byteCount > GatewayLimits.headByteCountMax { throw .headTooLarge }
    }

    /// Where the LF of the next line lies, counted from the reader index.
    private static func lineEnd(
        in buffer: ByteBuffer, from offset: Int
    ) throws(Problem) -> Int? {
        let bytes = buffer.readableBytesUInt8Span
        for index in offset..<bytes.count {
            let byte = bytes[index]
            if byte > 0x0D { continue }
            if byte == 0x0A {
                guard index > 0, bytes[index - 1] == 0x0D else {
                    throw .malformed("a line that does not end in CR LF")
                }
                return index
            }
            if byte == 0x0D, index + 1 < bytes.count, bytes[index + 1] != 0x0A {
                throw .malformed("a CR without its LF")
            }
        }
        return nil
    }

    // MARK: Bodies

    /// The bytes of the body that are still to come; nil where that is not known.
    var bodyByteCountLeft: UInt64? {
        if case .body(let left) = state { left } else { nil }
    }

    /// - Parameter max: at most so many bytes in one piece.
    mutating func nextBody(_ buffer: inout ByteBuffer, max: Int) -> BodyResult {
        do {
            while true {
                switch state {
                case .head: preconditionFailure("nextBody without a head")
                case .body(let left):
                    guard left > 0 else {
                        state = .head
                        return .end
                    }
                    guard let slice = RequestParser.take(&buffer, left: left, max: max) else {
                        return .needsMore
                    }
                    state = .body(left: left - UInt64(slice.readableBytes))
                    return .bytes(slice)
                case .chunkData(let left):
                    guard let slice = RequestParser.take(&buffer, left: left, max: max) else {
                        return .needsMore
                    }
                    let rest = left - UInt64(slice.readableBytes)
                    state = rest > 0 ? .chunkData(left: rest) : .chunkEnd
                    return .bytes(slice)
                case .chunkLine, .chunkEnd, .trailers:
                    guard try stepLine(&buffer) else { return .needsMore }
                    if state == .head { return .end }
                }
            }
        } catch {
            return .failed(error)
        }
    }

    private static func take(
        _ buffer: inout ByteBuffer, left: UInt64, max: Int
    ) -> ByteBuffer? {
        let count = min(buffer.readableBytes, Int(min(left, UInt64(max))))
        return count > 0 ? buffer.readSlice(length: count) : nil
    }

    /// Takes one line of the chunked coding's own.
    /// - Returns: false where it has not arrived whole.
    private mutating func stepLine(_ buffer: inout ByteBuffer) throws(Problem) -> Bool {
        guard let lineEnd = try RequestParser.lineEnd(in: buffer, from: scanned) else {
            scanned = max(scanned, buffer.readableBytes - 1)
            guard buffer.readableBytes <= GatewayLimits.chunkLineByteCountMax || isInTrailers else {
                throw .malformed("a chunk's line is too long")
            }
            try checkTrailers(buffer.readableBytes)
            return false
        }
        scanned = 0
        guard let line = buffer.readBytes(length: lineEnd + 1)?.dropLast(2) else { return false }
        switch state {
        case .chunkEnd:
            guard line.isEmpty else { throw .malformed("a chunk is longer than it says") }
            state = .chunkLine
        case .chunkLine:
            let size = try RequestParser.chunkSize(line)
            state = size == 0 ? .trailers(byteCount: 0) : .chunkData(left: size)
        case .trailers(let byteCount):
            if line.isEmpty {
                state = .head
            } else {
                try checkTrailers(line.count)
                state = .trailers(byteCount: byteCount + line.count)
            }
        case .head, .body, .chunkData: preconditionFailure("a line in \(state)")
        }
        return true
    }

    private var isInTrailers: Bool {
        if case .trailers = state { true } else { false }
    }

    private func checkTrailers(_ byteCount: Int) throws(Problem) {
        guard case .trailers(let before) = state else { return }
        if before + byteCount > GatewayLimits.trailerByteCountMax { throw .headTooLarge }
    }

    private static func chunkSize(_ line: ArraySlice<UInt8>) throws(Problem) -> UInt64 {
        guard line.count <= GatewayLimits.chunkLineByteCountMax else {
            throw .malformed("a chunk's line is too long")
        }
        var text = line
        if let semicolon = line.firstIndex(of: 0x3B) { text = Token.trimmed(line[..<semicolon]) }
        // 15 digits stay below 63 bits.
        guard !text.isEmpty, text.count <= 15 else { throw .malformed("a chunk's size") }
        var size: UInt64 = 0
        for byte in text {
            guard let nibble = RequestParser.nibble(byte) else {
                throw .malformed("a chunk's size")
            }
            size = size << 4 | nibble
        }
        return size
    }

    private static func nibble(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x46: UInt64(byte - 0x41 + 10)
        case 0x61...0x66: UInt64(byte - 0x61 + 10)
        default: nil
        }
    }
}

extension Problem {
    static let headTooLarge = Problem(
        .headerTooLarge, "header_too_large",
        "The header is larger than \(GatewayLimits.headByteCountMax) bytes or has more than "
            + "\(GatewayLimits.fieldCountMax) fields.")
}
