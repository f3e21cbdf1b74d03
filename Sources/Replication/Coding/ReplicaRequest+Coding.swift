package import Model

// Requests as they travel: one byte of kind, then the fields. What is a node's own work alone has
// no bytes.
extension ReplicaRequest {
    /// - Returns: nothing of a request that no peer may ask (`assign`, `mint`, upkeep).
    package func encode() -> [UInt8]? {
        var writer = ByteWriter(capacity: 512)
        return encode(into: &writer) ? writer.bytes : nil
    }

    /// - Returns: whether the request may travel.
    package func encode(into writer: inout ByteWriter) -> Bool {
        switch self {
        case .guarded(let request, let guarding):
            guard request.mayBeGuarded else { return false }
            writer.write(UInt8(guarding.move == nil ? 1 : 22))
            writer.write(guarding)
            guard request.encode(into: &writer) else { return false }
            guarding.move?.encode(into: &writer)
        case .moveOver(let placing):
            writer.write(UInt8(21))
            writer.write(placing)
        case .prepare, .commit, .writeBack, .withdraw, .read, .expire, .purge,
            .dropTombstone:
            encodeVersions(&writer)
        case .promise, .accept, .confirm: encodeBallots(&writer)
        case .merge, .joinContext, .fetch, .items: encodePartitions(&writer)
        case .putEntry, .readEntry, .list, .dropEntry: encodeEntries(&writer)
        case .assign, .mint, .audit, .addOutbox, .settle, .outbox, .outboxDone, .moves,
            .movePlaced, .forget, .partitions, .aged, .scrub, .quarantine:
            return false
        }
        return true
    }

    private func encodeVersions(_ writer: inout ByteWriter) {
        switch self {
        case .prepare(let key, let version, let earlier):
            writer.write(UInt8(2))
            writer.write(key)
            writer.write(version)
            writer.write(earlier)
        case .commit(let key, let version, let listed, let settled):
            writer.write(UInt8(3))
            writer.write(key)
            writer.write(version)
            writer.write(listed)
            writer.write(optional: settled)
        case .writeBack(let key, let version):
            writer.write(UInt8(19))
            writer.write(key)
            writer.write(version)
        case .withdraw(let key, let dot):
            writer.write(UInt8(4))
            writer.write(key)
            writer.write(dot)
        case .read(let key):
            writer.write(UInt8(5))
            writer.write(key)
        case .expire(let key, let dots):
            writer.write(UInt8(6))
            writer.write(key)
            writer.write(dots)
        case .purge(let key, let dots):
            writer.write(UInt8(20))
            writer.write(key)
            writer.write(dots)
        case .dropTombstone(let key, let dot):
            writer.write(UInt8(7))
            writer.write(key)
            writer.write(dot)
        default: preconditionFailure("not of versions: \(self)")
        }
    }

    private func encodeBallots(_ writer: inout ByteWriter) {
        switch self {
        case .promise(let key, let ballot):
            writer.write(UInt8(8))
            writer.write(key)
            writer.write(ballot)
        case .accept(let key, let ballot, let version):
            writer.write(UInt8(9))
            writer.write(key)
            writer.write(ballot)
            writer.write(version)
        case .confirm(let key, let ballot, let version):
            writer.write(UInt8(10))
            writer.write(key)
            writer.write(ballot)
            writer.write(version)
        default: preconditionFailure("not of ballots: \(self)")
        }
    }

    private func encodePartitions(_ writer: inout ByteWriter) {
        switch self {
        case .merge(let partition, let registers, let entries, let theirs, let origin):
            writer.write(UInt8(11))
            writer.write(partition)
            writer.write(registers)
            writer.write(entries)
            writer.write(theirs)
            writer.write(origin.wireNumber)
        case .joinContext(let partition, let context, let contents):
            writer.write(UInt8(12))
            writer.write(partition)
            writer.write(context)
            writer.write(contents)
        case .fetch(let partition, let keys, let withUnsettled):
            writer.write(UInt8(13))
            writer.write(partition)
            writer.write(keys)
            writer.write(withUnsettled)
        case .items(let partition, let checked):
            writer.write(UInt8(14))
            writer.write(partition)
            writer.write(checked)
        default: preconditionFailure("not of partitions: \(self)")
        }
    }

    private func encodeEntries(_ writer: inout ByteWriter) {
        switch self {
        case .putEntry(let key, let entry):
            writer.write(UInt8(15))
            writer.write(key)
            writer.write(entry)
        case .readEntry(let key):
            writer.write(UInt8(16))
            writer.write(key)
        case .list(let directory, let after, let limit, let withGone):
            writer.write(UInt8(17))
            writer.write(directory)
            writer.write(after != nil)
            if let after { writer.writeRun(after) }
            writer.write(UInt32(clamping: limit))
            writer.write(withGone)
        case .dropEntry(let key, let entry):
            writer.write(UInt8(18))
            writer.write(key)
            writer.write(entry)
        default: preconditionFailure("not of entries: \(self)")
        }
    }

    /// - Throws: `DecodeError` for anything but one whole request that peers may ask.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= WireLimits.messageByteCountMax else { throw .invalid("length") }
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let kind = try reader.readUInt8()
        guard kind == 1 || kind == 22 else {
            self = try Self.decode(kind, &reader)
            return
        }
        var guarding: WriteGuard = try reader.read()
        let request = try Self.decode(try reader.readUInt8(), &reader)
        guard request.mayBeGuarded, let key = request.writtenKey else {
            throw .invalid("guarded request")
        }
        if kind == 22 { guarding.move = try MoveIntent(to: key.path, from: &reader) }
        self = .guarded(request, guarding)
    }

    /// What peers are asked for with a guard. Not another one: they would nest without end.
    private var mayBeGuarded: Bool {
        switch self {
        case .prepare, .accept: true
        default: false
        }
    }

    private static func decode(
        _ kind: UInt8, _ reader: inout ByteReader
    ) throws(DecodeError) -> ReplicaRequest {
        switch kind {
        case 2:
            return .prepare(
                try reader.read(), try reader.read(), earlier: try reader.readList())
        case 3:
            return .commit(
                try reader.read(), try reader.read(), listed: try reader.readBool(),
                settled: try reader.readOptional())
        case 4: return .withdraw(try reader.read(), try reader.read())
        case 5: return .read(try reader.read())
        case 6: return .expire(try reader.read(), try reader.readList())
        case 7: return .dropTombstone(try reader.read(), try reader.read())
        case 8: return .promise(try reader.read(), try reader.read())
        case 9: return .accept(try reader.read(), try reader.read(), try reader.read())
        case 10: return .confirm(try reader.read(), try reader.read(), try reader.read())
        case 11:
            return .merge(
                try reader.read(), try reader.readList(), try reader.readList(),
                theirs: try reader.read(), try MergeOrigin(from: &reader))
        case 12:
            return .joinContext(
                try reader.read(), try reader.read(), ifContents: try reader.read())
        case 13:
            return .fetch(
                try reader.read(), try reader.readList(), withUnsettled: try reader.readBool())
        case 14: return .items(try reader.read(), checked: try reader.readBool())
        case 15: return .putEntry(try reader.read(), try reader.read())
        case 16: return .readEntry(try reader.read())
        case 17:
            return .list(
                try reader.read(),
                after: try reader.readBool()
                    ? try reader.readRun(max: StorePath.componentByteCountMax) : nil,
                limit: Int(try reader.readUInt32()), withGone: try reader.readBool())
        case 18: return .dropEntry(try reader.read(), try reader.read())
        case 19: return .writeBack(try reader.read(), try reader.read())
        case 20: return .purge(try reader.read(), try reader.readList())
        case 21: return .moveOver(try reader.readIdentifier())
        default: throw .unknown("request kind")
        }
    }
}

extension MergeOrigin {
    fileprivate var wireNumber: UInt8 {
        switch self {
        case .holder: 1
        case .takeOver: 2
        case .handBack: 3
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .holder
        case 2: self = .takeOver
        case 3: self = .handBack
        default: throw .unknown("origin")
        }
    }
}

// The destination is that of the request that it comes with.
extension MoveIntent {
    package func encode(into writer: inout ByteWriter) {
        writer.write(source)
        writer.write(dot)
        writer.write(operation)
    }

    package init(to destination: StorePath, from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            source: try reader.read(), dot: try reader.read(), destination: destination,
            operation: try reader.readIdentifier())
    }
}
