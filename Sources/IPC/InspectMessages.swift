package import Model

/// `inspect`: what this node's copy of the replicated state says, by keys (see README, "The state"). A
/// person looks: pages are bounded, and nothing is changed.
package enum InspectRequest: Message {
    /// What is directly below `prefix`, behind the key `after`.
    case list(prefix: [UInt8], after: [UInt8], limit: UInt32)
    /// Keys below `prefix` in which the bytes `text` occur.
    case search(prefix: [UInt8], text: [UInt8], after: [UInt8], limit: UInt32)
    case get(key: [UInt8])

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .list(let prefix, let after, let limit):
            writer.write(UInt8(1))
            writer.writeRun(prefix)
            writer.writeRun(after)
            writer.write(limit)
        case .search(let prefix, let text, let after, let limit):
            writer.write(UInt8(2))
            writer.writeRun(prefix)
            writer.writeRun(text)
            writer.writeRun(after)
            writer.write(limit)
        case .get(let key):
            writer.write(UInt8(3))
            writer.writeRun(key)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        func run() throws(DecodeError) -> [UInt8] {
            try reader.readRun(max: IPCLimits.textByteCountMax)
        }
        switch try reader.readUInt8() {
        case 1:
            self = .list(prefix: try run(), after: try run(), limit: try reader.readUInt32())
        case 2:
            self = .search(
                prefix: try run(), text: try run(), after: try run(),
                limit: try reader.readUInt32())
        case 3: self = .get(key: try run())
        default: throw .invalid("inspect")
        }
    }
}

/// The answer to `inspect`.
package enum InspectResponse: Message {
    package struct Item: Equatable, Sendable {
        /// The whole key; of a group with its slash at the end.
        package var key: [UInt8]
        package var isDirectory: Bool
        /// Keys below a group; 0 for a key.
        package var count: UInt64
        package var isDeleted: Bool

        package init(key: [UInt8], isDirectory: Bool, count: UInt64, isDeleted: Bool) {
            self.key = key
            self.isDirectory = isDirectory
            self.count = count
            self.isDeleted = isDeleted
        }
    }

    /// At most `IPCLimits.inspectedMax`. `next`: behind which key it goes on; nil: there is no more.
    case items([Item], next: [UInt8]?)
    /// The value as JSON; nil where there is no such key.
    case value(json: [UInt8]?, isDeleted: Bool)

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .items(let items, let next):
            precondition(items.count <= IPCLimits.inspectedMax, "a page over its limit")
            writer.write(UInt8(1))
            writer.write(UInt16(items.count))
            for item in items {
                writer.writeRun(item.key)
                writer.write(item.isDirectory)
                writer.write(item.count)
                writer.write(item.isDeleted)
            }
            writer.write(next != nil)
            if let next { writer.writeRun(next) }
        case .value(let json, let isDeleted):
            writer.write(UInt8(2))
            writer.write(json != nil)
            if let json { writer.writeRun(json) }
            writer.write(isDeleted)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1:
            let count = try reader.readUInt16()
            guard count <= UInt16(IPCLimits.inspectedMax) else { throw .invalid("count") }
            var items: [Item] = []
            for _ in 0..<count {
                items.append(
                    Item(
                        key: try reader.readRun(max: IPCLimits.textByteCountMax),
                        isDirectory: try reader.readBool(), count: try reader.readUInt64(),
                        isDeleted: try reader.readBool()))
            }
            let hasMore = try reader.readBool()
            self = .items(
                items,
                next: hasMore ? try reader.readRun(max: IPCLimits.textByteCountMax) : nil)
        case 2:
            let json =
                try reader.readBool()
                ? try reader.readRun(max: IPCLimits.listingPageByteCountMax) : nil
            self = .value(json: json, isDeleted: try reader.readBool())
        default: throw .invalid("inspected")
        }
    }
}
