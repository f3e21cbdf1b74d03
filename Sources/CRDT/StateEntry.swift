package import Model

enum EntryKind: UInt8 {
    case setting = 1
    case register = 2
    case member = 3
    case replicationFactor = 4
    case layout = 5
    case identity = 6

    /// Different kinds with equal bytes have different fingerprints.
    var seed: UInt64 { 0x636C_7573_7465_7200 | UInt64(rawValue) }
}

/// The name of one entry of the cluster's state: a row in the store.
package enum EntryKey: Hashable, Sendable {
    case setting(String)
    case register(NodeID)
    /// The draft layout's word on a node.
    case member(NodeID)
    case replicationFactor
    case layout(LayoutID)
    case identity

    var kind: EntryKind {
        switch self {
        case .setting: .setting
        case .register: .register
        case .member: .member
        case .replicationFactor: .replicationFactor
        case .layout: .layout
        case .identity: .identity
        }
    }

    /// The part of the state that repair finds this entry in.
    var bucket: Int {
        let hash =
            switch self {
            case .setting(let key): EntryKey.hash(key, kind: .setting)
            case .register(let node): EntryKey.hash(node.name, kind: .register)
            case .member(let node): EntryKey.hash(node.name, kind: .member)
            case .layout(let id): Fingerprint.mix(id.bits.low)
            case .replicationFactor, .identity: UInt64(kind.rawValue)
            }
        return Int(truncatingIfNeeded: hash) & (CRDTLimits.bucketCount - 1)
    }

    private static func hash(_ text: String, kind: EntryKind) -> UInt64 {
        Fingerprint(of: text.utf8, seed: kind.seed).low
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        switch self {
        case .setting(let key): writer.writeText(key)
        case .register(let node), .member(let node): writer.write(node)
        case .layout(let id): writer.write(id)
        case .replicationFactor, .identity: break
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let kind = EntryKind(rawValue: try reader.readUInt8()) else { throw .unknown("kind") }
        switch kind {
        case .setting:
            let key = try reader.readText(max: CRDTLimits.settingKeyByteCountMax)
            guard Setting.isKey(key) else { throw .invalid("key") }
            self = .setting(key)
        case .register: self = .register(try reader.readNode())
        case .member: self = .member(try reader.readNode())
        case .layout: self = .layout(try reader.readIdentifier())
        case .replicationFactor: self = .replicationFactor
        case .identity: self = .identity
        }
    }

    /// Bytes of the encoding, at most.
    var byteCount: Int {
        switch self {
        case .setting(let key): 5 + key.utf8.count
        case .register(let node), .member(let node): 5 + node.name.utf8.count
        case .layout: 17
        case .replicationFactor, .identity: 1
        }
    }
}

extension EntryKey: Comparable {
    package static func < (a: EntryKey, b: EntryKey) -> Bool {
        switch (a, b) {
        case (.setting(let a), .setting(let b)): a < b
        case (.register(let a), .register(let b)), (.member(let a), .member(let b)): a < b
        case (.layout(let a), .layout(let b)): a < b
        default: a.kind.rawValue < b.kind.rawValue
        }
    }
}

/// One entry of the cluster's state: what is spread, compared and made durable as a whole.
package enum StateEntry: Hashable, Sendable {
    // The few large ones are boxed: what is passed on by the thousand stays small.
    indirect case setting(Setting)
    case register(NodeRegister)
    case member(LayoutEntry)
    indirect case replicationFactor(ReplicationFactor)
    case layout(PublishedLayout, isComplete: Bool)
    /// For the store alone; peers say it in every message's head.
    indirect case identity(ClusterIdentity)

    var isSetting: Bool { if case .setting = self { true } else { false } }

    package var key: EntryKey {
        switch self {
        case .setting(let setting): .setting(setting.key)
        case .register(let register): .register(register.node)
        case .member(let entry): .member(entry.node)
        case .replicationFactor: .replicationFactor
        case .layout(let published, _): .layout(published.id)
        case .identity: .identity
        }
    }

    /// See `EntryKey.bucket`.
    var bucket: Int {
        switch self {
        case .register(let register): register.bucket
        case .member(let entry): entry.bucket
        case .setting, .replicationFactor, .layout, .identity: key.bucket
        }
    }

    /// What stands for the entry in sums. The identity is in none.
    var fingerprint: Fingerprint {
        switch self {
        case .setting(let setting): setting.fingerprint
        case .register(let register): register.fingerprint
        case .member(let entry): entry.fingerprint
        case .replicationFactor(let factor): factor.fingerprint
        case .layout(let published, let isComplete): published.fingerprint(isComplete: isComplete)
        case .identity: .zero
        }
    }

    /// Bytes of the encoding, at most.
    package var byteCount: Int {
        switch self {
        case .setting(let setting): 1 + setting.byteCount
        case .register(let register): 1 + register.byteCount
        case .member(let entry): 1 + entry.byteCount
        case .replicationFactor(let factor): 1 + factor.byteCount
        case .layout(let published, _): 1 + published.byteCount
        case .identity: 2 + 4 + CRDTLimits.clusterNameByteCountMax + 17 + 1 + 16 * 8
        }
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(key.kind.rawValue)
        switch self {
        case .setting(let setting): setting.encode(into: &writer)
        case .register(let register): register.encode(into: &writer)
        case .member(let entry): entry.encode(into: &writer)
        case .replicationFactor(let factor): factor.encode(into: &writer)
        case .layout(let published, let isComplete):
            writer.write(isComplete)
            published.content.encode(into: &writer)
        case .identity(let identity): identity.encode(into: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let kind = EntryKind(rawValue: try reader.readUInt8()) else { throw .unknown("kind") }
        switch kind {
        case .setting: self = .setting(try Setting(from: &reader))
        case .register: self = .register(try NodeRegister(from: &reader))
        case .member: self = .member(try LayoutEntry(from: &reader))
        case .replicationFactor: self = .replicationFactor(try ReplicationFactor(from: &reader))
        case .layout:
            let isComplete = try reader.readBool()
            let content = try LayoutContent(from: &reader)
            self = .layout(PublishedLayout(content), isComplete: isComplete)
        case .identity: self = .identity(try ClusterIdentity(from: &reader))
        }
    }
}
