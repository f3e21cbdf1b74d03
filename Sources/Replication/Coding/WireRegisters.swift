package import Model

// Registers, their versions and values.

extension FileFacts: WireValue {
    package static var byteCountMin: Int { 78 }
    package func encode(into writer: inout ByteWriter) {
        encode(.bytes(properties), into: &writer)
    }

    /// With what is told of their properties.
    func encode(_ properties: FileProperties, into writer: inout ByteWriter) {
        writer.write(byteCount)
        writer.write(digest)
        properties.encode(contentType: contentType, into: &writer)
        writer.write(created.nanoseconds)
        writer.write(modified.nanoseconds)
        writer.write(object)
        writer.write(home)
        properties.encodeTail(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let (facts, properties) = try FileFacts.decode(from: &reader)
        self = facts
        guard case .bytes(let bytes) = properties else { throw .invalid("properties") }
        self.properties = bytes
    }

    /// The facts without their properties, and these.
    static func decode(
        from reader: inout ByteReader
    ) throws(DecodeError) -> (FileFacts, FileProperties) {
        let byteCount = try reader.readUInt64()
        let digest = try reader.readDigest()
        let (contentType, announced) = try FileProperties.contentType(
            max: WireLimits.contentTypeByteCountMax, from: &reader)
        let facts = FileFacts(
            byteCount: byteCount, digest: digest, contentType: contentType,
            created: Timestamp(nanoseconds: try reader.readInt64()),
            modified: Timestamp(nanoseconds: try reader.readInt64()),
            object: try reader.readIdentifier(), home: try reader.read())
        return (facts, try FileProperties(announced, from: &reader))
    }
}

extension FileContent: WireValue {
    package static var byteCountMin: Int { 62 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(byteCount)
        writer.write(digest)
        writer.writeText(contentType)
        writer.write(created != nil)
        if let created { writer.write(created.nanoseconds) }
        writer.write(modified != nil)
        if let modified { writer.write(modified.nanoseconds) }
        writer.write(object)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let byteCount = try reader.readUInt64()
        let digest = try reader.readDigest()
        let contentType = try reader.readText(max: WireLimits.contentTypeByteCountMax)
        let created =
            try reader.readBool() ? Timestamp(nanoseconds: try reader.readInt64()) : nil
        let modified =
            try reader.readBool() ? Timestamp(nanoseconds: try reader.readInt64()) : nil
        self.init(
            byteCount: byteCount, digest: digest, contentType: contentType, created: created,
            modified: modified, object: try reader.readIdentifier())
    }
}

extension RegisterValue: WireValue {
    package static var byteCountMin: Int { 1 }
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .file(let facts):
            writer.write(UInt8(1))
            writer.write(facts)
        case .mark: writer.write(UInt8(2))
        case .deleted: writer.write(UInt8(3))
        case .locks(let set):
            writer.write(UInt8(4))
            writer.write(set)
        case .describedMark(let properties):
            writer.write(UInt8(5))
            writer.writeRun(properties)
        }
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .file(try reader.read())
        case 2: self = .mark
        case 3: self = .deleted
        case 4: self = .locks(try reader.read())
        case 5:
            let properties = try reader.readRun(max: FileProperties.byteCountMax)
            guard !properties.isEmpty else { throw .invalid("properties") }
            self = .describedMark(properties)
        default: throw .unknown("value")
        }
    }
}

extension RegisterVersion: WireValue {
    package static var byteCountMin: Int { 53 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(version)
        writer.write(value)
        writer.write(operation)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            version: try reader.read(), value: try reader.read(),
            operation: try reader.readIdentifier())
    }
}

extension KeptVersion: WireValue {
    package static var byteCountMin: Int { 62 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(version)
        writer.write(since)
        writer.write(UInt8(isConflict ? tookEffect ? 2 : 1 : 0) | (isPurged ? 4 : 0))
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(version: try reader.read(), since: try reader.read(), isConflict: false)
        let bits = try reader.readUInt8()
        isPurged = bits & 4 != 0
        switch bits & ~4 {
        case 0: break
        case 1: isConflict = true
        case 2: (isConflict, tookEffect) = (true, true)
        default: throw .invalid("kept version")
        }
    }
}

extension BallotSlot.Accepted: WireValue {
    package static var byteCountMin: Int { 74 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(ballot)
        writer.write(version)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(ballot: try reader.read(), version: try reader.read())
    }
}

extension BallotSlot: WireValue {
    package static var byteCountMin: Int { 23 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(promised)
        writer.write(optional: accepted)
        writer.write(optional: settled)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            promised: try reader.read(), accepted: try reader.readOptional(),
            settled: try reader.readOptional())
    }
}

/// The kept versions and the damaged ones by ascending dot.
extension Register: WireValue {
    package static var byteCountMin: Int { 14 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(optional: head)
        writer.write(kept)
        writer.write(prepared)
        writer.write(optional: ballot)
        writer.write(damaged)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            head: try reader.readOptional(), kept: try reader.readList(),
            prepared: try reader.readList(), ballot: try reader.readOptional())
        for (a, b) in zip(kept, kept.dropFirst()) where !(a.dot < b.dot) {
            throw .invalid("kept versions")
        }
        damaged = try reader.readList()
        for (a, b) in zip(damaged, damaged.dropFirst()) where !(a < b) {
            throw .invalid("damaged versions")
        }
    }
}

extension KeyedRegister: WireValue {
    package static var byteCountMin: Int { 20 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(key)
        writer.write(register)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(key: try reader.read(), register: try reader.read())
    }
}
