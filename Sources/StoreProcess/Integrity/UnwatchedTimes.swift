internal import GRDB
internal import Model
internal import Posix

/// The times since the last whole scrub in which no store had the directory open: a file that changed
/// then was changed by somebody else.
struct UnwatchedTimes: Equatable, Sendable {
    /// Nanoseconds since 1970, in order.
    private(set) var ranges: [Range<Int64>] = []

    init(_ ranges: [Range<Int64>] = []) { self.ranges = ranges }

    /// Later than those before. Beyond the limit the two that lie closest become one, with what is between
    /// them: more is checked then, never less.
    mutating func add(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        ranges.append(range)
        ranges.sort { $0.lowerBound < $1.lowerBound }
        while ranges.count > StoreLimits.unwatchedTimesMax {
            let index = (1..<ranges.count).min { first, second in
                gap(before: first) < gap(before: second)
            }
            guard let index else { return }
            let low = ranges[index - 1].lowerBound
            let high = max(ranges[index - 1].upperBound, ranges[index].upperBound)
            ranges.replaceSubrange(index - 1...index, with: [low..<high])
        }
    }

    private func gap(before index: Int) -> Int64 {
        ranges[index].lowerBound.subtractingReportingOverflow(ranges[index - 1].upperBound)
            .partialValue
    }

    /// What a scrub that began at `time` has looked at.
    mutating func remove(before time: Int64) { ranges.removeAll { $0.upperBound <= time } }

    func contains(_ time: Int64) -> Bool { ranges.contains { $0.contains(time) } }

    // MARK: In the table `state`

    static let key = "unwatched"

    var bytes: [UInt8] {
        var writer = ByteWriter()
        for range in ranges {
            writer.write(range.lowerBound)
            writer.write(range.upperBound)
        }
        return writer.bytes
    }

    /// - Throws: `DecodeError` where it is not what `bytes` made.
    init(decoding bytes: [UInt8]) throws(DecodeError) {
        var reader = ByteReader(unsafe bytes.span.bytes)
        while !reader.isAtEnd {
            let (low, high) = (try reader.readInt64(), try reader.readInt64())
            guard low < high, ranges.count < StoreLimits.unwatchedTimesMax else {
                throw .invalid("times")
            }
            ranges.append(low..<high)
        }
    }

    // MARK: Starts

    /// When an earlier life wrote its database last; nil where there was none. To be asked before anything
    /// is written.
    static func lastWrite(in directory: DataDirectory) throws(PosixError) -> Int64? {
        var last: Int64?
        for name in [Schema.fileName, Schema.fileName + "-wal"] {
            guard let status = try Directory.status(of: BytePath(name), in: directory.meta) else {
                continue
            }
            last = max(last ?? .min, status.modified)
        }
        return last
    }

    /// Those that the database knows of, and the one that ends now.
    static func load(
        _ database: Database, lastWrite: Int64?, now: Int64, isReadOnly: Bool
    ) throws -> UnwatchedTimes {
        let reader = try MetadataReader(database)
        var times = UnwatchedTimes()
        if let bytes = try reader.stateBytes(key) {
            do {
                times = try UnwatchedTimes(decoding: bytes)
            } catch {
                throw CorruptRow(description: "the times without a store in state")
            }
        }
        guard let lastWrite, lastWrite < now else { return times }
        // What changed within the same tick of the clock may have come after it.
        times.add(lastWrite..<now)
        if !isReadOnly { try LedgerStatements(database).setState(key, times.bytes) }
        return times
    }
}
