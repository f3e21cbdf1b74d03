internal import IPC
package import Model

// A bulk connection carries contents and nothing else. After hello and welcome:
//
//   who dialed ──fetch──▶ who accepted ──content, then the bytes──▶ the next fetch
//                                      ──unavailable────────────▶ the next fetch

/// `fetch`: bytes of a content, from `offset` on.
package struct BulkFetch: Message {
    package var object: ObjectID
    package var offset: UInt64
    /// At most so many: of a content that grows the rest may not be there yet.
    package var byteCount: UInt64

    package init(object: ObjectID, offset: UInt64, byteCount: UInt64) {
        self.object = object
        self.offset = offset
        self.byteCount = byteCount
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(object)
        writer.write(offset)
        writer.write(byteCount)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        object = try reader.readIdentifier()
        offset = try reader.readUInt64()
        byteCount = try reader.readUInt64()
        // Files end below 2^62 bytes: sums do not overflow.
        guard offset <= UInt64.max >> 2, byteCount <= UInt64.max >> 2 else {
            throw .invalid("range")
        }
    }
}

/// `content`: so many bytes of what was asked for follow this frame, without frames of their own.
package struct BulkContent: Message {
    package var byteCount: UInt64

    package init(byteCount: UInt64) { self.byteCount = byteCount }

    package func encode(into writer: inout ByteWriter) { writer.write(byteCount) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        byteCount = try reader.readUInt64()
    }
}

/// `unavailable`: why there are no bytes.
package struct BulkUnavailable: Message {
    package enum Reason: UInt8, Sendable {
        /// There is no such content here, or it cannot be read.
        case lacks = 1
        /// It has to be asked for again later.
        case busy = 2
    }

    package var reason: Reason

    package init(_ reason: Reason) { self.reason = reason }

    package func encode(into writer: inout ByteWriter) { writer.write(reason.rawValue) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let reason = Reason(rawValue: try reader.readUInt8()) else {
            throw .unknown("reason")
        }
        self.reason = reason
    }
}
