package import Model

/// One setting of the cluster: a last-writer-wins register. Only what somebody set is one: defaults
/// are never stored, so a fresh node has nothing that could override the cluster's.
package struct Setting: Entry, Hashable {
    /// ASCII letters, digits, `.`, `_` and `-`: 1 to 64 of them.
    package let key: String
    /// At most 4,096 bytes of UTF-8. The empty text stands for "back to the default".
    package let value: String
    package let stamp: Stamp
    package let fingerprint: Fingerprint
    let byteCount: Int

    /// Nil where key or value are outside their limits.
    package init?(key: String, value: String, stamp: Stamp) {
        guard Setting.isKey(key), value.utf8.count <= CRDTLimits.settingValueByteCountMax else {
            return nil
        }
        self.key = key
        self.value = value
        self.stamp = stamp
        var writer = ByteWriter()
        Setting.encode(key: key, value: value, stamp: stamp, into: &writer)
        fingerprint = Fingerprint(of: writer.bytes, seed: EntryKind.setting.seed)
        byteCount = writer.count
    }

    package static func == (a: Setting, b: Setting) -> Bool { a.fingerprint == b.fingerprint }
    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// Whether `self` wins over `other`, both being of one key.
    func wins(over other: Setting) -> Bool {
        stamp != other.stamp ? other.stamp < stamp : hasHigherEncoding(than: other)
    }

    static func isKey(_ key: String) -> Bool {
        (1...CRDTLimits.settingKeyByteCountMax).contains(key.utf8.count)
            && key.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: true
                default: false
                }
            }
    }

    private static func encode(
        key: String, value: String, stamp: Stamp, into writer: inout ByteWriter
    ) {
        writer.writeText(key)
        writer.writeText(value)
        writer.write(stamp)
    }

    func encode(into writer: inout ByteWriter) {
        Setting.encode(key: key, value: value, stamp: stamp, into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let key = try reader.readText(max: CRDTLimits.settingKeyByteCountMax)
        let value = try reader.readText(max: CRDTLimits.settingValueByteCountMax)
        guard let setting = Setting(key: key, value: value, stamp: try reader.readStamp()) else {
            throw .invalid("setting")
        }
        self = setting
    }
}

/// The cluster's settings, sorted by key, at most 256.
package struct Settings: Hashable, Sendable {
    package private(set) var all: [Setting] = []

    package init() {}

    package func value(for key: String) -> String? {
        guard let setting = setting(for: key), !setting.value.isEmpty else { return nil }
        return setting.value
    }

    package func setting(for key: String) -> Setting? {
        let index = all.lowerBound { $0.key < key }
        return index < all.count && all[index].key == key ? all[index] : nil
    }

    package enum Merge: Hashable, Sendable {
        case known
        /// It is new; what it replaced.
        case changed(from: Setting?)
        /// There are 256 others.
        case full
    }

    package mutating func merge(_ setting: Setting) -> Merge {
        let index = all.lowerBound { $0.key < setting.key }
        guard index < all.count, all[index].key == setting.key else {
            guard all.count < CRDTLimits.settingCountMax else { return .full }
            all.insert(setting, at: index)
            return .changed(from: nil)
        }
        let old = all[index]
        guard old != setting, setting.wins(over: old) else { return .known }
        all[index] = setting
        return .changed(from: old)
    }

    package mutating func merge(_ other: Settings) {
        for setting in other.all { _ = merge(setting) }
    }
}
