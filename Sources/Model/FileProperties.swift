/// The dead properties of a file or directory (RFC 4918 section 4) as they are told beside its other
/// facts. What the bytes mean only who serves them knows.
package enum FileProperties: Hashable, Sendable {
    /// Empty where there are none.
    case bytes([UInt8])
    /// There are some, too many to travel with an entry of a listing: whoever wants them asks for the
    /// file itself.
    case elsewhere

    /// Of one file. They travel with each of its versions, and a register may keep some hundred of them:
    /// more would not fit into a message between nodes. Real clients set some hundred bytes.
    package static let byteCountMax = 16 << 10

    /// What travels with an entry of a listing: as much as all its other fields together at the most, so
    /// that a page of a directory of files that Windows wrote (some 300 bytes each) is not asked for
    /// again file by file.
    package static let listedByteCountMax = 1 << 10

    package static let none = FileProperties.bytes([])

    package var isEmpty: Bool { self == .none }

    /// As an entry of a listing has them.
    package var listed: FileProperties {
        if case .bytes(let bytes) = self, bytes.count > Self.listedByteCountMax {
            return .elsewhere
        }
        return self
    }

    /// What they take in memory and in messages, beside a bit that says that they are there.
    package var byteCount: Int {
        if case .bytes(let bytes) = self, !bytes.isEmpty { return 4 + bytes.count }
        return 0
    }
}

// Where there are none, facts have the bytes that they had before there were properties. Where there are
// some, the length of the content type, which is far below, says so in its highest bits.
extension FileProperties {
    private static let bytesBit: UInt32 = 1 << 31
    private static let elsewhereBit: UInt32 = 1 << 30

    /// The content type, and whether there are properties; `encodeTail` follows behind the facts.
    package func encode(contentType: String, into writer: inout ByteWriter) {
        let text = contentType.utf8
        var length = UInt32(text.count)
        switch self {
        case .bytes(let bytes): if !bytes.isEmpty { length |= Self.bytesBit }
        case .elsewhere: length |= Self.elsewhereBit
        }
        writer.write(length)
        writer.writeBytes(text)
    }

    package func encodeTail(into writer: inout ByteWriter) {
        if case .bytes(let bytes) = self, !bytes.isEmpty { writer.writeRun(bytes) }
    }

    /// What a content type's length says of the properties behind the facts.
    package enum Announced: Sendable {
        case none
        case bytes
        case elsewhere
    }

    /// - Throws: `DecodeError`, also where both bits are set.
    package static func contentType(
        max: Int, from reader: inout ByteReader
    ) throws(DecodeError) -> (String, Announced) {
        let word = try reader.readUInt32()
        let announced: Announced
        switch word & (bytesBit | elsewhereBit) {
        case 0: announced = .none
        case bytesBit: announced = .bytes
        case elsewhereBit: announced = .elsewhere
        default: throw .invalid("properties")
        }
        let length = word & ~(bytesBit | elsewhereBit)
        guard length <= UInt32(clamping: max) else { throw .invalid("length") }
        let bytes = try reader.readBytes(Int(length))
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalid("text") }
        return (text, announced)
    }

    /// What `encodeTail` wrote.
    package init(
        _ announced: Announced, from reader: inout ByteReader
    ) throws(DecodeError) {
        switch announced {
        case .none: self = .none
        case .elsewhere: self = .elsewhere
        case .bytes:
            let bytes = try reader.readRun(max: Self.byteCountMax)
            guard !bytes.isEmpty else { throw .invalid("properties") }
            self = .bytes(bytes)
        }
    }
}
