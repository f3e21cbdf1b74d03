package import Model

/// `lookup`: a path's facts and, when asked for, its content.
package struct LookupRequest: Message {
    package var path: StorePath
    package var wanted: Wanted
    /// A kept version, instead of the newest.
    package var version: Dot?

    package enum Wanted: UInt8, Sendable {
        case facts = 0
        case content = 1
        /// The facts, and who holds the file.
        case holders = 2
    }

    /// The properties of a file are to be said too, all of them. Those of a directory are asked for by
    /// themselves (`PropertiesRequest`).
    package var wantsProperties = false

    /// In the byte of `wanted`: a version follows.
    private static let versionBit: UInt8 = 0x80
    private static let propertiesBit: UInt8 = 0x40

    package init(path: StorePath, _ wanted: Wanted, version: Dot? = nil) {
        self.path = path
        self.wanted = wanted
        self.version = version
    }

    package init(path: StorePath, wantsContent: Bool) {
        self.init(path: path, wantsContent ? .content : .facts)
    }

    package var wantsContent: Bool { wanted == .content }

    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(
            wanted.rawValue | (version == nil ? 0 : LookupRequest.versionBit)
                | (wantsProperties ? LookupRequest.propertiesBit : 0))
        if let version {
            writer.write(version.disk)
            writer.write(version.sequence)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        path = try reader.readPath()
        let bits = try reader.readUInt8()
        let flags = LookupRequest.versionBit | LookupRequest.propertiesBit
        guard let wanted = Wanted(rawValue: bits & ~flags) else { throw .invalid("wanted") }
        self.wanted = wanted
        wantsProperties = bits & LookupRequest.propertiesBit != 0
        if bits & LookupRequest.versionBit != 0 {
            version = Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64())
        }
    }
}

/// The answer to `lookup`. Nothing at the path is `RemoteError.notFound`.
package enum LookupResponse: Message {
    /// The facts alone.
    case file(FileFacts)
    /// Content of at most `IPCLimits.inlineContentByteCountMax`.
    case inline(FileFacts, [UInt8])
    /// The content is behind the descriptor sent with this answer, open for reading, at offset 0.
    case descriptor(FileFacts)
    case directory(modified: Timestamp)
    /// The facts alone, and the nodes that hold the file, as far as the store knows.
    case heldFile(FileFacts, by: [NodeID])
    case heldDirectory(modified: Timestamp, by: [NodeID])
    /// The content is elsewhere: at one of these nodes, asked in this order.
    case remote(FileFacts, ObjectID, [NodeID])
    /// As `descriptor`, from this offset on: there is more in the file.
    case region(FileFacts, offset: UInt64)
    /// The content of this object is here, and to be read in windows (`readContent`).
    case windows(FileFacts, ObjectID)

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .heldFile(let facts, let holders):
            writer.write(UInt8(4))
            facts.encode(into: &writer)
            Holders.encode(holders, into: &writer)
        case .heldDirectory(let modified, let holders):
            writer.write(UInt8(5))
            writer.write(modified.nanoseconds)
            Holders.encode(holders, into: &writer)
        case .file(let facts):
            writer.write(UInt8(0))
            facts.encode(into: &writer)
        case .inline(let facts, let content):
            writer.write(UInt8(1))
            facts.encode(into: &writer)
            writer.writeRun(content)
        case .descriptor(let facts):
            writer.write(UInt8(2))
            facts.encode(into: &writer)
        case .directory(let modified):
            writer.write(UInt8(3))
            writer.write(modified.nanoseconds)
        case .remote(let facts, let object, let nodes):
            precondition(nodes.count <= IPCLimits.sourceCountMax, "too many sources")
            writer.write(UInt8(6))
            facts.encode(into: &writer)
            writer.write(object)
            writer.write(UInt16(nodes.count))
            for node in nodes { node.encode(into: &writer) }
        case .region(let facts, let offset):
            writer.write(UInt8(7))
            facts.encode(into: &writer)
            writer.write(offset)
        case .windows(let facts, let object):
            writer.write(UInt8(8))
            facts.encode(into: &writer)
            writer.write(object)
        }
    }

    /// Whether a descriptor comes along.
    package var bringsDescriptor: Bool {
        switch self {
        case .descriptor, .region: true
        case .file, .inline, .directory, .heldFile, .heldDirectory, .remote, .windows: false
        }
    }

    private static func remote(
        from reader: inout ByteReader
    ) throws(DecodeError) -> LookupResponse {
        let facts = try FileFacts(from: &reader)
        let object: ObjectID = try reader.readIdentifier()
        let count = Int(try reader.readUInt16())
        guard count <= IPCLimits.sourceCountMax else { throw .invalid("count") }
        var nodes: [NodeID] = []
        for _ in 0..<count { nodes.append(try NodeID(from: &reader)) }
        return .remote(facts, object, nodes)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 0: self = .file(try FileFacts(from: &reader))
        case 1:
            let facts = try FileFacts(from: &reader)
            self = .inline(facts, try reader.readRun(max: IPCLimits.inlineContentByteCountMax))
        case 2: self = .descriptor(try FileFacts(from: &reader))
        case 3: self = .directory(modified: Timestamp(nanoseconds: try reader.readInt64()))
        case 4:
            let facts = try FileFacts(from: &reader)
            self = .heldFile(facts, by: try Holders.list(from: &reader))
        case 5:
            let modified = Timestamp(nanoseconds: try reader.readInt64())
            self = .heldDirectory(modified: modified, by: try Holders.list(from: &reader))
        case 6: self = try LookupResponse.remote(from: &reader)
        case 7:
            let facts = try FileFacts(from: &reader)
            let offset = try reader.readUInt64()
            guard offset <= UInt64.max >> 2 else { throw .invalid("offset") }
            self = .region(facts, offset: offset)
        case 8:
            let facts = try FileFacts(from: &reader)
            self = .windows(facts, try reader.readIdentifier())
        default: throw .invalid("lookup")
        }
    }
}
