import CRDT
package import Replication

/// What the whole cluster goes by, and anybody may set on any node at any time: names, values and
/// ranges of the settings that this program knows. What nobody set has its default, which is stored
/// nowhere.
package struct ClusterSettings: Hashable, Sendable {
    package var policy = WritePolicy.available
    /// How long a dead node stays in the layout: a machine that boots again moves nothing.
    package var graceBeforeOut = ClusterSettings.Key.graceBeforeOut.defaultValue
    /// How long a deletion's tombstone stays at least, so that what is under way can arrive.
    package var tombstoneRetention = ClusterSettings.Key.tombstoneRetention.defaultValue
    /// How long superseded versions are kept.
    package var versionRetention = ClusterSettings.Key.versionRetention.defaultValue
    /// Each two nodes that hold the same compare it at least this often.
    package var syncInterval = ClusterSettings.Key.syncInterval.defaultValue
    /// Whether nothing is compared in turn. What a layout moves and what stand-ins have goes on.
    package var isSyncPaused = false

    package static let policyKey = "write_policy"
    package static let syncPausedKey = "partition_sync_paused"

    /// The settings that are times: whole seconds, as decimal digits.
    package enum Key: String, CaseIterable, Sendable {
        case graceBeforeOut = "grace_before_out"
        case tombstoneRetention = "tombstone_retention"
        case versionRetention = "version_retention"
        case syncInterval = "partition_sync_interval_seconds"

        package var defaultValue: Duration {
            switch self {
            case .graceBeforeOut: .seconds(600)
            case .tombstoneRetention: .seconds(30)
            case .versionRetention: .seconds(7 * 86_400)
            case .syncInterval: .seconds(300)
            }
        }

        /// Below: a grace that ends before a death is certain, a tombstone that goes while its
        /// deletion is still being told, content that goes before anybody missed it. Above: years are
        /// a slip of the hand.
        package var range: ClosedRange<Duration> {
            switch self {
            case .graceBeforeOut: .seconds(10) ... .seconds(30 * 86_400)
            case .tombstoneRetention: .seconds(10) ... .seconds(366 * 86_400)
            case .versionRetention: .seconds(10) ... .seconds(3660 * 86_400)
            case .syncInterval: .seconds(1) ... .seconds(3600)
            }
        }
    }

    package init() {}

    init(_ settings: Settings) {
        policy = settings.value(for: Self.policyKey).flatMap(WritePolicy.init) ?? policy
        graceBeforeOut = Self.time(.graceBeforeOut, settings)
        tombstoneRetention = Self.time(.tombstoneRetention, settings)
        versionRetention = Self.time(.versionRetention, settings)
        syncInterval = Self.time(.syncInterval, settings)
        isSyncPaused = settings.value(for: Self.syncPausedKey) == "true"
    }

    /// What another version of the program set and this one does not understand counts as not set;
    /// what it finds too short or too long, as the nearest that it accepts.
    private static func time(_ key: Key, _ settings: Settings) -> Duration {
        guard let set = settings.value(for: key.rawValue).flatMap(seconds) else {
            return key.defaultValue
        }
        return min(max(set, key.range.lowerBound), key.range.upperBound)
    }

    /// Whether `value` may be set; the empty text means the default. Of a key that this program does
    /// not know, everything may.
    package static func accepts(_ value: String, for key: String) -> Bool {
        if value.isEmpty { return true }
        if key == policyKey { return WritePolicy(rawValue: value) != nil }
        if key == syncPausedKey { return ["true", "false"].contains(value) }
        guard let known = Key(rawValue: key) else { return true }
        return seconds(value).map(known.range.contains) ?? false
    }

    /// At most ten digits: 300 years.
    private static func seconds(_ text: String) -> Duration? {
        guard (1...10).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int64(text).map { .seconds($0) }
    }
}
