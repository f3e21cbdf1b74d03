import CRDT
package import Model
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
    /// How long superseded and deleted versions are kept.
    package var versionRetention = ClusterSettings.Key.trashDays.defaultValue
    /// Each two nodes that hold the same compare it at least this often.
    package var syncInterval = ClusterSettings.Key.syncInterval.defaultValue
    /// Whether nothing is compared in turn. What a layout moves and what stand-ins have goes on.
    package var isSyncPaused = false

    /// How many superseded versions a path keeps.
    package var versionsMax = ClusterSettings.Number.versionsMax.defaultValue
    /// How much of a disk may be contents of superseded and deleted versions, in percent.
    package var trashPercent = ClusterSettings.Number.trashPercent.defaultValue
    /// How much of a disk stays free, in percent: beyond, writes answer "no space".
    package var diskReservePercent = ClusterSettings.Number.diskReservePercent.defaultValue
    /// How much of its contents each node reads and checks in a second, in MiB; 0: none, unless asked to.
    package var scrubRate = ClusterSettings.Number.scrubRate.defaultValue
    /// Up to when the trash was emptied.
    package var trashEmptiedUntil = HybridTime.zero
    /// How many bytes may be below which directories, sorted by directory.
    package var quotas: [Quota] = []

    /// Set by those who empty the trash, not by hand: the clock's reading in hexadecimal digits. What was
    /// deleted up to then goes, on each disk when it hears of it, whatever dies meanwhile.
    package static let trashEmptiedKey = "trash_emptied_until"

    package static let policyKey = "write_policy"
    package static let syncPausedKey = "partition_sync_paused"

    /// The settings that are whole numbers, as decimal digits.
    package enum Number: String, CaseIterable, Sendable {
        case versionsMax = "versions_max"
        case trashPercent = "trash_percent"
        case diskReservePercent = "disk_reserve_percent"
        case scrubRate = "scrub_mib_per_second"

        package var defaultValue: Int {
            switch self {
            case .versionsMax: 32
            case .trashPercent: 10
            case .diskReservePercent: 2
            case .scrubRate: 4
            }
        }

        /// Versions come with every answer about their path. A disk of which half is trash, or kept free,
        /// is a slip of the hand. Faster than 4 GiB/s nothing is checked.
        package var range: ClosedRange<Int> {
            switch self {
            case .versionsMax: 0...ReplicationLimits.spareCountMax
            case .trashPercent: 0...50
            case .diskReservePercent: 0...50
            case .scrubRate: 0...4096
            }
        }
    }

    /// The settings that are times: decimal digits; whole seconds, or days with a fraction.
    package enum Key: String, CaseIterable, Sendable {
        case graceBeforeOut = "grace_before_out"
        case tombstoneRetention = "tombstone_retention"
        case trashDays = "trash_days"
        case syncInterval = "partition_sync_interval_seconds"

        package var defaultValue: Duration {
            switch self {
            case .graceBeforeOut: .seconds(600)
            case .tombstoneRetention: .seconds(30)
            case .trashDays: .seconds(7 * 86_400)
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
            case .trashDays: .zero ... .seconds(3660 * 86_400)
            case .syncInterval: .seconds(1) ... .seconds(3600)
            }
        }

        package var unit: Unit { self == .trashDays ? .day : .second }
    }

    package enum Unit: Int64, Sendable {
        case second = 1
        case day = 86_400
    }

    package init() {}

    init(_ settings: Settings) {
        policy = settings.value(for: Self.policyKey).flatMap(WritePolicy.init) ?? policy
        graceBeforeOut = Self.time(.graceBeforeOut, settings)
        tombstoneRetention = Self.time(.tombstoneRetention, settings)
        versionRetention = Self.time(.trashDays, settings)
        versionsMax = Self.number(.versionsMax, settings)
        trashPercent = Self.number(.trashPercent, settings)
        diskReservePercent = Self.number(.diskReservePercent, settings)
        scrubRate = Self.number(.scrubRate, settings)
        trashEmptiedUntil =
            settings.value(for: Self.trashEmptiedKey).flatMap(Self.clock) ?? trashEmptiedUntil
        syncInterval = Self.time(.syncInterval, settings)
        isSyncPaused = settings.value(for: Self.syncPausedKey) == "true"
        quotas = settings.value(for: Quota.settingKey).flatMap { try? Quota.parse($0) } ?? quotas
    }

    /// What another version of the program set and this one does not understand counts as not set;
    /// what it finds too short or too long, as the nearest that it accepts.
    private static func time(_ key: Key, _ settings: Settings) -> Duration {
        guard let set = settings.value(for: key.rawValue).flatMap({ duration($0, key.unit) })
        else { return key.defaultValue }
        return min(max(set, key.range.lowerBound), key.range.upperBound)
    }

    private static func number(_ key: Number, _ settings: Settings) -> Int {
        guard let set = settings.value(for: key.rawValue).flatMap({ digits($0[...]) }) else {
            return key.defaultValue
        }
        return Int(min(max(set, Int64(key.range.lowerBound)), Int64(key.range.upperBound)))
    }

    /// Whether `value` may be set; the empty text means the default. Of a key that this program does
    /// not know, everything may.
    package static func accepts(_ value: String, for key: String) -> Bool {
        if value.isEmpty { return true }
        if key == policyKey { return WritePolicy(rawValue: value) != nil }
        if key == syncPausedKey { return ["true", "false"].contains(value) }
        if key == trashEmptiedKey { return clock(value) != nil }
        if key == Quota.settingKey { return (try? Quota.parse(value)) != nil }
        if let known = Number(rawValue: key) {
            return digits(value[...]).map { known.range.contains(Int($0)) } ?? false
        }
        guard let known = Key(rawValue: key) else { return true }
        return duration(value, known.unit).map(known.range.contains) ?? false
    }

    /// The text of a clock's reading as `trashEmptiedKey` has it.
    package static func text(of clock: HybridTime) -> String { String(clock.value, radix: 16) }

    private static func clock(_ text: String) -> HybridTime? {
        guard (1...16).contains(text.utf8.count), text.utf8.allSatisfy(isHexadecimal) else {
            return nil
        }
        return UInt64(text, radix: 16).map { HybridTime(value: $0) }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    /// A time in its unit. Days may have a fraction of up to five digits, which is about a second.
    private static func duration(_ text: String, _ unit: Unit) -> Duration? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = digits(first) else { return nil }
        let seconds = Duration.seconds(whole * unit.rawValue)
        if parts.count == 1 { return seconds }
        guard unit == .day, parts.count == 2, parts[1].utf8.count <= 5,
            let fraction = digits(parts[1])
        else { return nil }
        let denominator = (0..<parts[1].utf8.count).reduce(Int64(1)) { product, _ in product * 10 }
        return seconds + .seconds(unit.rawValue) * Int(fraction) / Int(denominator)
    }

    /// At most ten digits: 300 years of seconds.
    private static func digits(_ text: Substring) -> Int64? {
        guard (1...10).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return Int64(text)
    }
}
