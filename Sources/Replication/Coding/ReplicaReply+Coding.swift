package import Model

// Replies as they travel: one byte of kind, then the fields.
extension ReplicaReply {
    /// - Returns: nothing of a reply that only a node's own work gets.
    package func encode() -> [UInt8]? {
        var writer = ByteWriter(capacity: 512)
        return encode(into: &writer) ? writer.bytes : nil
    }

    /// - Returns: whether the reply may travel.
    package func encode(into writer: inout ByteWriter) -> Bool {
        switch self {
        case .alreadyApplied(let version):
            writer.write(UInt8(1))
            writer.write(version)
        case .prepared: writer.write(UInt8(2))
        case .refused(let context, let above, let newest):
            writer.write(UInt8(newest == nil ? 3 : 20))
            writer.write(context)
            writer.write(above)
            if let newest { writer.write(newest) }
        case .full: writer.write(UInt8(4))
        case .locked: writer.write(UInt8(5))
        case .committed: writer.write(UInt8(6))
        case .register(let register, let context, let isDirectory):
            writer.write(UInt8(7))
            writer.write(register)
            writer.write(context)
            writer.write(isDirectory)
        case .promised(let register, let context, let isDirectory):
            writer.write(UInt8(8))
            writer.write(register)
            writer.write(context)
            writer.write(isDirectory)
        case .ballotTooLow(let ballot):
            writer.write(UInt8(9))
            writer.write(ballot)
        case .accepted: writer.write(UInt8(10))
        case .merged: writer.write(UInt8(11))
        case .entry(let entry, let existence):
            writer.write(UInt8(12))
            writer.write(optional: entry)
            writer.write(existence)
        case .listing(let entries, let existence, let more):
            writer.write(UInt8(13))
            writer.write(entries)
            writer.write(existence)
            writer.write(more)
        case .items(let items, let context, let contents, let hasUnsettled):
            writer.write(UInt8(14))
            writer.write(items)
            writer.write(context)
            writer.write(contents)
            writer.write(hasUnsettled)
        case .fetched(let registers, let entries, let context, let contents):
            writer.write(UInt8(15))
            writer.write(registers)
            writer.write(entries)
            writer.write(context)
            writer.write(contents)
        case .done: writer.write(UInt8(16))
        case .stale: writer.write(UInt8(17))
        case .isDirectory: writer.write(UInt8(18))
        case .damaged: writer.write(UInt8(19))
        case .assigned, .unsettled, .outbox, .moves, .partitions, .aged, .audit, .scrubbed:
            return false
        }
        return true
    }

    /// - Throws: `DecodeError` for anything but one whole reply.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= WireLimits.messageByteCountMax else { throw .invalid("length") }
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .alreadyApplied(try reader.read())
        case 2: self = .prepared
        case 3: self = .refused(context: try reader.read(), above: try reader.read())
        case 4: self = .full
        case 5: self = .locked
        case 6: self = .committed
        case 7:
            self = .register(
                try reader.read(), try reader.read(), isDirectory: try reader.readBool())
        case 8:
            self = .promised(
                try reader.read(), try reader.read(), isDirectory: try reader.readBool())
        case 9: self = .ballotTooLow(try reader.read())
        case 10: self = .accepted
        case 11: self = .merged
        case 12: self = .entry(try reader.readOptional(), existence: try reader.read())
        case 13:
            self = .listing(
                try reader.readList(), existence: try reader.read(), more: try reader.readBool())
        case 14:
            self = .items(
                try reader.readList(), try reader.read(), contents: try reader.read(),
                hasUnsettled: try reader.readBool())
        case 15:
            self = .fetched(
                try reader.readList(), try reader.readList(), try reader.read(),
                contents: try reader.read())
        case 16: self = .done
        case 17: self = .stale
        case 18: self = .isDirectory
        case 19: self = .damaged
        case 20:
            self = .refused(
                context: try reader.read(), above: try reader.read(), newest: try reader.read())
        default: throw .unknown("reply kind")
        }
    }
}
