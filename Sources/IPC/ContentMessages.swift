package import Model

// Large contents between nodes. The store says what it wants from whom, the gateway moves the bytes
// from file to file:
//
//   store ────fetchContent──▶ gateway    a notice: these bytes of that node, please
//   gateway ──openFetch─────▶ store      a request: where to? Answered with a descriptor
//   gateway ──fetchProgress─▶ store      a notice: so many are written; or: it is over
//   store ────stopFetch─────▶ gateway    a notice: not wanted any more
//
// and at the other node:
//
//   gateway ──openContent───▶ store      a request: a peer wants this. Answered with a descriptor

/// `fetchContent`, a notice of the store.
package struct FetchContent: Message {
    /// Of this fetch alone, in the life of the store.
    package var number: UInt64
    package var node: NodeID
    package var object: ObjectID
    package var offset: UInt64
    /// Up to where.
    package var end: UInt64

    package init(number: UInt64, node: NodeID, object: ObjectID, offset: UInt64, end: UInt64) {
        self.number = number
        self.node = node
        self.object = object
        self.offset = offset
        self.end = end
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(number)
        node.encode(into: &writer)
        writer.write(object)
        writer.write(offset)
        writer.write(end)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.readUInt64()
        node = try NodeID(from: &reader)
        object = try reader.readIdentifier()
        offset = try reader.readUInt64()
        end = try reader.readUInt64()
        guard offset <= end, end <= UInt64.max >> 2 else { throw .invalid("range") }
    }
}

/// `stopFetch`, a notice of the store, and `openFetch`, a request of the gateway: the fetch of this
/// number. `openFetch` is answered with `Empty` and a descriptor, open for writing.
package struct FetchNumber: Message {
    package var number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package func encode(into writer: inout ByteWriter) { writer.write(number) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.readUInt64()
    }
}

/// `fetchProgress`, a notice of the gateway: bytes are in the file.
package struct FetchProgress: Message {
    package enum State: UInt8, Sendable {
        case underWay = 0
        /// The other node has given all that it has of what was asked for. In this state and those that
        /// follow the gateway has closed the file.
        case complete = 1
        /// The node has no such content, is out of reach, or the connection broke.
        case broken = 2
        /// The other node has too much to do.
        case busy = 3
        /// The file cannot be written.
        case unwritable = 4
    }

    package var number: UInt64
    /// Bytes are there up to here, contiguous from where the fetch began.
    package var end: UInt64
    package var state: State

    package init(number: UInt64, end: UInt64, state: State) {
        self.number = number
        self.end = end
        self.state = state
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(number)
        writer.write(end)
        writer.write(state.rawValue)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.readUInt64()
        end = try reader.readUInt64()
        guard let state = State(rawValue: try reader.readUInt8()) else { throw .invalid("state") }
        self.state = state
    }
}

/// `openContent`, a request of the gateway: a peer wants a content.
package struct OpenContentRequest: Message {
    package var object: ObjectID
    /// Who asks.
    package var node: NodeID

    package init(object: ObjectID, node: NodeID) {
        self.object = object
        self.node = node
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(object)
        node.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        object = try reader.readIdentifier()
        node = try NodeID(from: &reader)
    }
}

/// `readContent`, a request of the gateway: a part of a content that it was told to read in windows.
///
/// The store keeps nothing of it, so that it can be asked again in the store's next life.
package struct ReadContentRequest: Message {
    package var object: ObjectID
    package var offset: UInt64
    /// At most `IPCLimits.windowByteCountMax`; the answer is shorter at the content's end.
    package var byteCount: UInt32

    package init(object: ObjectID, offset: UInt64, byteCount: UInt32) {
        self.object = object
        self.offset = offset
        self.byteCount = byteCount
    }

    package var range: Range<UInt64> { offset..<offset + UInt64(byteCount) }

    package func encode(into writer: inout ByteWriter) {
        writer.write(object)
        writer.write(offset)
        writer.write(byteCount)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        object = try reader.readIdentifier()
        offset = try reader.readUInt64()
        byteCount = try reader.readUInt32()
        guard byteCount <= IPCLimits.windowByteCountMax else { throw .invalid("byteCount") }
        guard offset <= UInt64.max >> 2 else { throw .invalid("offset") }
    }
}

/// The answer to `openContent`, and to `readContent`.
package enum OpenContentResponse: Message {
    /// A content of at most `IPCLimits.inlineContentByteCountMax`.
    case inline([UInt8])
    /// So many bytes are behind the descriptor sent with this answer. Of an upload under way there
    /// will be more.
    case descriptor(byteCount: UInt64)
    /// The same, from this offset on: there is more in the file.
    case region(byteCount: UInt64, offset: UInt64)
    /// So many bytes, to be read in windows. No answer to `readContent`.
    case windows(byteCount: UInt64)

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .inline(let bytes):
            writer.write(UInt8(1))
            writer.writeRun(bytes)
        case .descriptor(let byteCount):
            writer.write(UInt8(2))
            writer.write(byteCount)
        case .region(let byteCount, let offset):
            writer.write(UInt8(3))
            writer.write(byteCount)
            writer.write(offset)
        case .windows(let byteCount):
            writer.write(UInt8(4))
            writer.write(byteCount)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .inline(try reader.readRun(max: IPCLimits.inlineContentByteCountMax))
        case 2: self = .descriptor(byteCount: try reader.readUInt64())
        case 3:
            let byteCount = try reader.readUInt64()
            let offset = try reader.readUInt64()
            guard byteCount <= UInt64.max >> 2, offset <= UInt64.max >> 2 else {
                throw .invalid("region")
            }
            self = .region(byteCount: byteCount, offset: offset)
        case 4: self = .windows(byteCount: try reader.readUInt64())
        default: throw .invalid("content")
        }
    }

    /// Whether a descriptor comes along.
    package var bringsDescriptor: Bool {
        switch self {
        case .descriptor, .region: true
        case .inline, .windows: false
        }
    }
}
