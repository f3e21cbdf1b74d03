package import Model

/// Who speaks on a link.
package enum Role: UInt8, Sendable, CaseIterable {
    case supervisor = 1
    case store = 2
    case gateway = 3
    case indexer = 4
    case transcoder = 5
    case filesync = 6
    /// clusterfctl.
    case control = 7

    package var name: String {
        switch self {
        case .supervisor: "supervisor"
        case .store: "store"
        case .gateway: "gateway"
        case .indexer: "indexer"
        case .transcoder: "transcoder"
        case .filesync: "filesync"
        case .control: "control"
        }
    }
}

/// The protocol's version: the handshake agrees on the highest that both sides speak.
package enum IPCVersion {
    package static let lowest: UInt16 = 1
    package static let highest: UInt16 = 1
}

/// The initiator's first frame.
package struct Hello: Message {
    /// "clusterf" in ASCII: a stranger on the socket is known by its first bytes.
    package static let magic: UInt64 = 0x636C_7573_7465_7266

    package var lowestVersion = IPCVersion.lowest
    package var highestVersion = IPCVersion.highest
    package var role: Role
    package var generation: UInt64
    /// Pairs the stream with its descriptor socket, whose first datagram is this token; zero where
    /// the link has none.
    package var token: Bits128
    /// Requests that the acceptor may have open here.
    package var credit: UInt32

    package init(role: Role, generation: UInt64, token: Bits128, credit: UInt32) {
        self.role = role
        self.generation = generation
        self.token = token
        self.credit = credit
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(Hello.magic)
        writer.write(lowestVersion)
        writer.write(highestVersion)
        writer.write(role.rawValue)
        writer.write(generation)
        writer.write(token.high)
        writer.write(token.low)
        writer.write(credit)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard try reader.readUInt64() == Hello.magic else { throw .invalid("magic") }
        lowestVersion = try reader.readUInt16()
        highestVersion = try reader.readUInt16()
        guard lowestVersion <= highestVersion else { throw .invalid("version") }
        guard let role = Role(rawValue: try reader.readUInt8()) else { throw .invalid("role") }
        self.role = role
        generation = try reader.readUInt64()
        token = Bits128(high: try reader.readUInt64(), low: try reader.readUInt64())
        credit = try reader.readUInt32()
        guard (1...IPCLimits.creditMax).contains(credit) else { throw .invalid("credit") }
    }
}

/// The acceptor's answer to a hello that it takes.
package struct Welcome: Message {
    package var version: UInt16
    package var role: Role
    package var generation: UInt64
    /// Requests that the initiator may have open here.
    package var credit: UInt32

    package init(version: UInt16, role: Role, generation: UInt64, credit: UInt32) {
        self.version = version
        self.role = role
        self.generation = generation
        self.credit = credit
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(version)
        writer.write(role.rawValue)
        writer.write(generation)
        writer.write(credit)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        version = try reader.readUInt16()
        guard let role = Role(rawValue: try reader.readUInt8()) else { throw .invalid("role") }
        self.role = role
        generation = try reader.readUInt64()
        credit = try reader.readUInt32()
        guard (1...IPCLimits.creditMax).contains(credit) else { throw .invalid("credit") }
    }
}

/// The acceptor's answer to a hello that it does not take; it closes the link after it.
package struct Refusal: Message {
    package var message: String

    package init(_ message: String) { self.message = message }

    package func encode(into writer: inout ByteWriter) { writer.writeText(Text.clipped(message)) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        message = try reader.readText(max: IPCLimits.textByteCountMax)
    }
}

/// How many requests the receiver may from now on have open at the sender.
package struct Credit: Message {
    package var window: UInt32

    package init(window: UInt32) { self.window = window }

    package func encode(into writer: inout ByteWriter) { writer.write(window) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        window = try reader.readUInt32()
        guard window <= IPCLimits.creditMax else { throw .invalid("credit") }
    }
}
