package import Model

/// A content by its name, and what it has to be.
package struct ContentFacts: Hashable, Sendable {
    package var object: ObjectID
    package var byteCount: UInt64
    package var digest: Digest

    package init(object: ObjectID, byteCount: UInt64, digest: Digest) {
        self.object = object
        self.byteCount = byteCount
        self.digest = digest
    }

    /// Whether it goes along with messages.
    package var isSmall: Bool { byteCount <= UInt64(TransferLimits.attachedByteCountMax) }
}

/// A small content that goes along with a message.
package struct AttachedContent: Hashable, Sendable {
    package var object: ObjectID
    package var bytes: [UInt8]

    package init(object: ObjectID, bytes: [UInt8]) {
        self.object = object
        self.bytes = bytes
    }
}

/// What one store sends to another: a message of the brains, or words about contents. Bytes in
/// docs/PEER.md.
package enum StoreMessage: Hashable, Sendable {
    /// The bytes of a message between brains, with small contents that it names.
    case message([UInt8], contents: [AttachedContent])
    /// A small content, please, of so many bytes.
    case ask(ObjectID, byteCount: UInt32)
    /// A small content, whole.
    case piece(ObjectID, bytes: [UInt8])
    /// The answer to `ask` where there is no such content.
    case lacks(ObjectID)
    /// The same where it has to be asked again later.
    case busy(ObjectID)
    /// A version with this content will be prepared: the receiver may pull it before.
    /// - `home`: whose holders have it, where that need not be the sender.
    case offer(ContentFacts, home: Partition? = nil)
    /// The answer to `offer`: it is here, durable.
    case holds(ObjectID)
    /// The same where it will not be here: no room, or it could not be had.
    case declines(ObjectID)
    /// A content that is offered here is being fetched: not silent, only slow.
    case pulling(ObjectID)
    /// A client uploads a content that the receiver is about to hold, and so many bytes of it are
    /// here. Its offer follows when it is whole.
    case grows(ObjectID, byteCount: UInt64)
    /// The upload of one that grew was given up.
    case gone(ObjectID)
    case word(StoreWord)

    /// Of the format.
    package static let version: UInt8 = 1

    package func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: 128)
        writer.write(StoreMessage.version)
        switch self {
        case .message(let bytes, let contents):
            precondition(
                contents.count <= TransferLimits.attachedCountMax, "too much goes along")
            writer.write(UInt8(1))
            writer.writeRun(bytes)
            writer.write(UInt16(contents.count))
            for content in contents {
                writer.write(content.object)
                writer.writeRun(content.bytes)
            }
        case .ask(let object, let byteCount):
            StoreMessage.write(2, object, &writer)
            writer.write(byteCount)
        case .piece(let object, let bytes):
            StoreMessage.write(3, object, &writer)
            writer.writeRun(bytes)
        case .lacks(let object): StoreMessage.write(4, object, &writer)
        case .busy(let object): StoreMessage.write(5, object, &writer)
        case .offer(let facts, let home):
            StoreMessage.write(home == nil ? 6 : 12, facts.object, &writer)
            writer.write(facts.byteCount)
            writer.write(facts.digest)
            if let home { writer.write(home.number) }
        case .holds(let object): StoreMessage.write(7, object, &writer)
        case .declines(let object): StoreMessage.write(8, object, &writer)
        case .pulling(let object): StoreMessage.write(9, object, &writer)
        case .grows(let object, let byteCount):
            StoreMessage.write(10, object, &writer)
            writer.write(byteCount)
        case .gone(let object): StoreMessage.write(11, object, &writer)
        case .word(let word):
            writer.write(UInt8(32))
            word.encode(into: &writer)
        }
        return writer.bytes
    }

    private static func write(_ kind: UInt8, _ object: ObjectID, _ writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(object)
    }

    /// - Throws: `DecodeError` for anything but one whole message; `.unknown` where a newer program
    ///   may have written it.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= TransferLimits.messageByteCountMax else {
            throw .invalid("length")
        }
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == StoreMessage.version else { throw .unknown("version") }
        switch try reader.readUInt8() {
        case 1: self = try StoreMessage.message(from: &reader)
        case 2:
            let object: ObjectID = try reader.readIdentifier()
            let byteCount = try reader.readUInt32()
            guard (1...UInt32(TransferLimits.attachedByteCountMax)).contains(byteCount) else {
                throw .invalid("count")
            }
            self = .ask(object, byteCount: byteCount)
        case 3:
            self = .piece(
                try reader.readIdentifier(),
                bytes: try reader.readRun(max: TransferLimits.attachedByteCountMax))
        case 4: self = .lacks(try reader.readIdentifier())
        case 5: self = .busy(try reader.readIdentifier())
        case 6: self = .offer(try StoreMessage.facts(from: &reader))
        case 12:
            self = .offer(
                try StoreMessage.facts(from: &reader),
                home: Partition(number: try reader.readUInt16()))
        case 7: self = .holds(try reader.readIdentifier())
        case 8: self = .declines(try reader.readIdentifier())
        case 9: self = .pulling(try reader.readIdentifier())
        case 10:
            self = .grows(
                try reader.readIdentifier(), byteCount: try StoreMessage.length(from: &reader))
        case 11: self = .gone(try reader.readIdentifier())
        case 32: self = .word(try StoreWord(from: &reader))
        default: throw .unknown("kind")
        }
        try reader.finish()
    }

    private static func message(
        from reader: inout ByteReader
    ) throws(DecodeError) -> StoreMessage {
        let bytes = try reader.readRun(max: TransferLimits.messageByteCountMax)
        let count = Int(try reader.readUInt16())
        guard count <= TransferLimits.attachedCountMax else { throw .invalid("count") }
        var contents: [AttachedContent] = []
        for _ in 0..<count {
            contents.append(
                AttachedContent(
                    object: try reader.readIdentifier(),
                    bytes: try reader.readRun(max: TransferLimits.attachedByteCountMax)))
        }
        return .message(bytes, contents: contents)
    }

    private static func facts(from reader: inout ByteReader) throws(DecodeError) -> ContentFacts {
        ContentFacts(
            object: try reader.readIdentifier(),
            byteCount: try StoreMessage.length(from: &reader),
            digest: try reader.readDigest())
    }

    /// Files end below 2^62 bytes: what is added to a length does not overflow.
    private static func length(from reader: inout ByteReader) throws(DecodeError) -> UInt64 {
        let length = try reader.readUInt64()
        guard length <= UInt64.max >> 2 else { throw .invalid("length") }
        return length
    }
}
