package import Model

extension WriteCondition: WireValue {
    package static var byteCountMin: Int { 1 }
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .none: writer.write(UInt8(0))
        case .absent: writer.write(UInt8(1))
        case .present: writer.write(UInt8(2))
        case .matches(let digests):
            writer.write(UInt8(3))
            Self.encode(digests, into: &writer)
        case .differs(let digests):
            writer.write(UInt8(4))
            Self.encode(digests, into: &writer)
        case .version(let dot):
            writer.write(UInt8(5))
            writer.write(dot)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 0: self = .none
        case 1: self = .absent
        case 2: self = .present
        case 3: self = .matches(try Self.digests(from: &reader))
        case 4: self = .differs(try Self.digests(from: &reader))
        case 5: self = .version(try reader.read())
        default: throw .unknown("condition")
        }
    }

    private static func encode(_ digests: [Digest], into writer: inout ByteWriter) {
        writer.write(UInt32(digests.count))
        for digest in digests { writer.write(digest) }
    }

    private static func digests(from reader: inout ByteReader) throws(DecodeError) -> [Digest] {
        let count = Int(try reader.readUInt32())
        guard count <= reader.remaining / Digest.byteCount else { throw .truncated }
        var digests: [Digest] = []
        digests.reserveCapacity(count)
        for _ in 0..<count { digests.append(try reader.readDigest()) }
        return digests
    }
}
