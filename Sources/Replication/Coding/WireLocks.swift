package import Model

// Locks, and what is asked and decided of them.

extension LockToken: WireValue {
    package static var byteCountMin: Int { 16 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(bits.high)
        writer.write(bits.low)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(bits: Bits128(high: try reader.readUInt64(), low: try reader.readUInt64()))
    }
}

extension LockRequest: WireValue {
    package static var byteCountMin: Int { 26 }
    package func encode(into writer: inout ByteWriter) {
        token.encode(into: &writer)
        writer.writeRun(owner)
        writer.write(scope.rawValue)
        writer.write(depth.rawValue)
        writer.write(seconds)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let token: LockToken = try reader.read()
        let owner = try reader.readRun(max: ReplicationLimits.lockOwnerByteCountMax)
        guard let scope = LockScope(rawValue: try reader.readUInt8()),
            let depth = LockDepth(rawValue: try reader.readUInt8())
        else { throw .unknown("lock") }
        self.init(
            token: token, owner: owner, scope: scope, depth: depth,
            seconds: try reader.readUInt32())
    }
}

extension Lock: WireValue {
    package static var byteCountMin: Int { 42 }
    package func encode(into writer: inout ByteWriter) {
        LockRequest(token: token, owner: owner, scope: scope, depth: depth, seconds: seconds)
            .encode(into: &writer)
        writer.write(expires)
        writer.write(fence)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let request: LockRequest = try reader.read()
        self.init(
            token: request.token, owner: request.owner, scope: request.scope,
            depth: request.depth, seconds: request.seconds, expires: try reader.readNumber(),
            fence: try reader.read())
    }
}

extension PlacedLock: WireValue {
    package static var byteCountMin: Int { 47 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(lock)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(path: try reader.read(), lock: try reader.read())
    }
}

extension LockSet.Trace: WireValue {
    package static var byteCountMin: Int { 13 }
    /// In the time: it is closed.
    private static let closingBit: UInt64 = 1 << 63

    package func encode(into writer: inout ByteWriter) {
        writer.writeRun(name)
        writer.write(until | (isClosing ? Self.closingBit : 0))
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let name = try reader.readName()
        let bits = try reader.readUInt64()
        let until = bits & ~Self.closingBit
        guard until <= WireLimits.numberMax else { throw .invalid("number") }
        self.init(name: name, until: until, isClosing: bits != until)
    }
}

/// Locks by ascending token, traces by ascending name.
extension LockSet: WireValue {
    package static var byteCountMin: Int { 16 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(locks)
        writer.write(traces)
        writer.write(crowdedUntil)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let locks: [Lock] = try reader.readList(max: ReplicationLimits.locksPerPathMax)
        let traces: [Trace] = try reader.readList(max: ReplicationLimits.lockTracesMax)
        self.init(locks: locks, traces: traces, crowdedUntil: try reader.readNumber())
        guard self.locks == locks, self.traces == traces else { throw .invalid("locks") }
    }
}

extension LockChange: WireValue {
    package static var byteCountMin: Int { 1 }
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .take(let request):
            writer.write(UInt8(1))
            writer.write(request)
        case .refresh(let token, let seconds):
            writer.write(UInt8(2))
            token.encode(into: &writer)
            writer.write(seconds)
        case .release(let token):
            writer.write(UInt8(3))
            token.encode(into: &writer)
        case .trace(let trace):
            writer.write(UInt8(4))
            writer.write(trace)
        case .expire: writer.write(UInt8(5))
        case .close(let traces):
            writer.write(UInt8(6))
            writer.write(traces)
        case .drop(let traces):
            writer.write(UInt8(7))
            writer.write(traces)
        }
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .take(try reader.read())
        case 2: self = .refresh(try reader.read(), seconds: try reader.readUInt32())
        case 3: self = .release(try reader.read())
        case 4: self = .trace(try reader.read())
        case 5: self = .expire
        case 6: self = .close(try reader.readList(max: ReplicationLimits.lockTracesMax))
        case 7: self = .drop(try reader.readList(max: ReplicationLimits.lockTracesMax))
        default: throw .unknown("lock change")
        }
    }
}

extension LockDecision: WireValue {
    package static var byteCountMin: Int { 1 }
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .changed(let set):
            writer.write(UInt8(1))
            writer.write(set)
        case .unchanged(let set):
            writer.write(UInt8(2))
            writer.write(set)
        case .conflict(let locks):
            writer.write(UInt8(3))
            writer.write(locks)
        case .notFound: writer.write(UInt8(4))
        case .tooMany: writer.write(UInt8(5))
        }
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .changed(try reader.read())
        case 2: self = .unchanged(try reader.read())
        case 3: self = .conflict(try reader.readList(max: ReplicationLimits.locksPerPathMax))
        case 4: self = .notFound
        case 5: self = .tooMany
        default: throw .unknown("lock decision")
        }
    }
}

extension LockGuard: WireValue {
    package static var byteCountMin: Int { 13 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(tokens)
        writer.write(holdsShared)
        writer.write(wallMilliseconds)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            tokens: try reader.readList(max: ReplicationLimits.lockTokensMax),
            holdsShared: try reader.readBool(), wallMilliseconds: try reader.readNumber())
    }
}

extension WriteGuard: WireValue {
    package static var byteCountMin: Int { 2 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(optional: locks)
        writer.write(passesDirectories)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(locks: try reader.readOptional(), passesDirectories: try reader.readBool())
    }
}
