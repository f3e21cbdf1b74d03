internal import Model
internal import Replication

/// A pass over all contents of the disk: how far it is, and what was found. A value; its owner asks the
/// scrubber for each step.
///
/// ```
///   partitions ──▶ objects that nothing names ──▶ names in folders ──▶ repairs ──▶ done
///      │ damage: marked, fetched from others ─────────────────────────────▲
/// ```
struct ScrubPass: Equatable, Sendable {
    /// Somebody waits for its end.
    let isRequested: Bool
    private(set) var place = ScrubPlace.partitions(after: nil)
    /// What it is told as; but for `quarantinedCount`, which follows from what is open.
    private var found: ScrubSummary
    /// Paths whose damaged versions wait for a copy from another node, in the order in which they are looked
    /// at.
    private(set) var open: [StorePath] = []
    /// Others, over the limit: nobody looks whether they were repaired.
    private var unawaitedCount: UInt64 = 0
    /// When something was repaired last, on the clock of its owner.
    private var progressed = Duration.zero

    /// - Parameter id: the milliseconds since 1970.
    init(id: UInt64, isRequested: Bool) {
        self.isRequested = isRequested
        found = ScrubSummary(id: id)
    }

    var id: UInt64 { found.id }
    var isDone: Bool { place == .done }

    var summary: ScrubSummary {
        var summary = found
        summary.quarantinedCount = UInt64(open.count) + unawaitedCount
        return summary
    }

    /// A step was done.
    mutating func stepped(_ report: ScrubReport, next: ScrubPlace, now: Duration) {
        place = next
        progressed = now
        found.fileCount += report.fileCount
        found.verifiedCount += report.verifiedCount
        found.keptCount += report.keptCount
        found.byteCount += report.byteCount
        found.unreadCount += report.unreadCount
        for versions in report.known { wait(for: versions.key.path) }
        found.strayCount += report.strayCount
        found.strays += report.strays.prefix(StoreLimits.scrubNamesMax - found.strays.count)
        found.removedViewCount += UInt64(report.views.removed.count)
        found.replacedViewCount += UInt64(report.views.replaced.count)
        found.replacedViews += report.views.replaced.prefix(
            StoreLimits.scrubNamesMax - found.replacedViews.count)
    }

    /// A content was found damaged, by a step or by somebody who wanted to read it meanwhile.
    mutating func add(_ item: FoundDamage, now: Duration) {
        let damage = ScrubSummary.Damage(path: item.file.path, reason: item.why)
        if found.damage.contains(damage) { return }
        progressed = now
        found.damageCount += 1
        if found.damage.count < StoreLimits.scrubNamesMax { found.damage.append(damage) }
        if item.isNeeded { wait(for: item.file.path) }
    }

    private mutating func wait(for path: StorePath) {
        if open.contains(path) { return }
        guard open.count < StoreLimits.scrubRepairsMax else {
            unawaitedCount += 1
            return
        }
        open.append(path)
    }

    // MARK: Repairs

    /// Those that are looked at next.
    var nextOpen: [StorePath] { Array(open.prefix(StoreLimits.scrubRepairsLookedAt)) }

    /// These were looked at.
    /// - Parameter lacking: those of them without a good copy still.
    mutating func looked(at paths: [StorePath], lacking: Set<StorePath>, now: Duration) {
        open.removeAll { paths.contains($0) }
        for path in paths {
            if lacking.contains(path) {
                open.append(path)
                continue
            }
            found.repairedCount += 1
            progressed = now
            for index in found.damage.indices where found.damage[index].path == path {
                found.damage[index].isRepaired = true
            }
        }
    }

    /// Whether nothing is left to wait for.
    /// - Parameter isAlone: no other node could have a good copy.
    func mayFinish(now: Duration, isAlone: Bool) -> Bool {
        guard place == .repairs else { return false }
        return open.isEmpty || isAlone || now - progressed >= StoreLimits.scrubRepairWait
    }

    /// - Parameter milliseconds: since 1970.
    mutating func finish(at milliseconds: UInt64) {
        place = .done
        found.finished = milliseconds
    }

    // MARK: In the table `state`

    static let key = "scrub"
    private static let version: UInt8 = 1

    /// With as many of the names as are told to other nodes.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(isRequested)
        place.encode(into: &writer)
        found.encode(into: &writer)
        writer.write(unawaitedCount)
        let paths = open.prefix(ScrubSummary.namesMax)
        writer.write(UInt16(paths.count))
        for path in paths { writer.writeRun(path.bytes) }
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodeError) {
        var reader = ByteReader(unsafe bytes.span.bytes)
        guard try reader.readUInt8() == Self.version else { throw .unknown("scrub") }
        isRequested = try reader.readBool()
        place = try ScrubPlace(from: &reader)
        found = try ScrubSummary(from: &reader)
        unawaitedCount = try reader.readUInt64()
        for _ in 0..<(try reader.readUInt16()) {
            guard
                let path = try? StorePath(
                    validating: try reader.readRun(max: StorePath.byteCountMax))
            else { throw .invalid("path") }
            open.append(path)
        }
    }
}

extension ScrubPlace {
    fileprivate func encode(into writer: inout ByteWriter) {
        switch self {
        case .partitions(let after):
            writer.write(UInt8(1))
            writer.write(after != nil)
            writer.write(after?.number ?? 0)
        // The rest is done again: it is short.
        case .objects, .folders, .repairs: writer.write(UInt8(2))
        case .done: writer.write(UInt8(3))
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1:
            let isBegun = try reader.readBool()
            let number = try reader.readUInt16()
            self = .partitions(after: isBegun ? Partition(number: number) : nil)
        case 2: self = .objects(after: nil)
        case 3: self = .done
        default: throw .unknown("place")
        }
    }
}
