internal import Model
internal import Posix

// Segments of which little is wanted give back their space. What is copied is compared with what it was
// made from and durable before the old segment goes; whoever has that open keeps it.
extension ExtentKeeper {
    /// One bounded step.
    func compact() throws {
        if let dead = try change({ try index.deadSegment() }) {
            try change { try drop(dead) }
            // The row first: a file without one is removed at the next start.
            try sync()
            _ = try Directory.removeIfPresent(ExtentSegment.name(dead), in: folder)
            return
        }
        guard let sparse = try change({ try candidate() }) else {
            compacted = 0
            needsMaintenance = false
            return try sync()
        }
        do {
            try moveSome(of: sparse.number)
        } catch let damage as ContentDamage {
            Log.error(
                "a segment of contents is damaged and stays",
                ["segment": "\(ExtentSegment.name(sparse.number))", "how": "\(damage)"])
            compacted = sparse.number
        }
        try sync()
    }

    private func candidate() throws -> ExtentIndex.Segment? {
        if let sparse = try index.sparseSegment(above: compacted) { return sparse }
        let space = try Directory.space(of: folder)
        guard space.available < space.total / StoreLimits.shortOfSpacePart else { return nil }
        return try index.tightSegment(
            above: compacted, liveMax: space.available / 2)
    }

    /// Appends some of the segment's entries elsewhere.
    /// - Throws: `ContentDamage` where one cannot be read; the transaction is undone, and the segment
    ///   stays with all that is in it.
    private func moveSome(of number: UInt64) throws {
        guard let segment = try ExtentSegment.open(number, in: folder) else {
            throw ContentDamage("it is not there")
        }
        try change {
            var byteCount: UInt64 = 0
            for entry in try index.entries(
                of: number, from: 0, limit: StoreLimits.compactedCountMax)
            {
                let content = try segment.content(of: entry)
                let bytes = try content.read(0..<entry.byteCount)
                let moved = try append(
                    entry.object, modified: entry.modified, byteCount: entry.byteCount
                ) { [UInt8](bytes[Int($0.lowerBound)..<Int($0.upperBound)]) }
                try compare(moved, bytes)
                byteCount += entry.length
                if byteCount >= StoreLimits.compactedByteCountMax { break }
            }
        }
    }

    private func compare(_ moved: ExtentEntry, _ bytes: [UInt8]) throws {
        guard let segment = try ExtentSegment.open(moved.segment, in: folder),
            try segment.content(of: moved).read(0..<moved.byteCount) == bytes
        else { throw StorageObstacle("a content that was copied is not what it was") }
    }
}
