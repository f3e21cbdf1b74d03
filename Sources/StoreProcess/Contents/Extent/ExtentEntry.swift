internal import Crypto
internal import Model

/// The 64 bytes before each content in a segment.
///
/// ```
///    0  "CFe1"          4  zero                   8  object (16)
///   24  u64 size       32  i64 modified          40  u64 segment
///   48  u64 place      56  the first 8 bytes of the SHA-256 of what is before
/// ```
/// Big endian. That segment and place are in it tells an entry from a copy of it that lies elsewhere.
struct ExtentEntry: Hashable {
    static let headerByteCount: UInt64 = 64
    /// "CFe1".
    private static let magic: UInt32 = 0x4346_6531

    var object: ObjectID
    /// Of the content.
    var byteCount: UInt64
    var modified: Timestamp
    var segment: UInt64
    /// Where the header begins in the segment.
    var place: UInt64

    /// What the entry takes in its segment: header, content, and zeros up to a multiple of the header.
    static func length(_ byteCount: UInt64) -> UInt64 {
        let whole = headerByteCount + byteCount
        return (whole + headerByteCount - 1) / headerByteCount * headerByteCount
    }

    var length: UInt64 { ExtentEntry.length(byteCount) }
    var contentPlace: UInt64 { place + ExtentEntry.headerByteCount }

    var header: [UInt8] {
        var writer = ByteWriter(capacity: Int(ExtentEntry.headerByteCount))
        writer.write(ExtentEntry.magic)
        writer.write(UInt32(0))
        writer.write(object)
        writer.write(byteCount)
        writer.write(modified.nanoseconds)
        writer.write(segment)
        writer.write(place)
        return writer.bytes + ExtentEntry.check(writer.bytes)
    }

    private static func check(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](SHA256.hash(data: bytes).prefix(8))
    }

    /// Whether these are the bytes of this entry's header.
    func matches(_ bytes: [UInt8]) -> Bool { bytes == header }
}
