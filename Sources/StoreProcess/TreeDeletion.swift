internal import IPC
internal import Model

/// A recursive deletion under way, in bounded steps between other groups.
///
/// ```
///   began ──▶ files (ascending paths) ──▶ marks (descending paths) ──▶ done
/// ```
/// It removes what was there when it began: what is written below meanwhile stays, and with it the
/// directories above it. Each step leaves a tree that obeys the rules; sent again after a death it
/// removes what is left.
struct TreeDeletion: Sendable {
    enum Phase: Sendable {
        /// Files above this path.
        case files(after: [UInt8])
        /// Marks below this path.
        case marks(before: [UInt8])
    }

    var ticket: UInt64 = 0
    let request: DeleteRequest
    /// Later writes stay.
    let sequenceMax: UInt64
    var phase: Phase

    init(_ request: DeleteRequest, sequenceMax: UInt64) {
        self.request = request
        self.sequenceMax = sequenceMax
        phase = .files(after: request.path.directoryPrefix)
    }

    /// The first byte run above every path below the directory: its prefix with the slash's
    /// successor.
    var upperBound: [UInt8] {
        var bytes = request.path.directoryPrefix
        bytes[bytes.count - 1] = 0x30
        return bytes
    }
}

extension Ledger {
    // On one node a deletion needs no tombstone: the layout's only member has it as soon as it is
    // committed, and the disk's sequence covers its dot. Its response says the dot all the same.

    func delete(_ request: DeleteRequest, _ now: Timestamp) throws -> Verdict {
        if let known = try statements.result(of: request.operation) { return .done(known) }
        let path = request.path
        if let stored = try reader.record(at: path) {
            if request.directoryOnly {
                return .refused(RemoteError(.notDirectory, "\(path) is a file"))
            }
            let record = stored.record
            guard request.conditions.hold(digest: record.digest, modified: record.modified) else {
                return .refused(preconditionFailed)
            }
            let (dot, time) = nextDot(now)
            try removeFile(stored, at: path, dot.sequence, now)
            return try finishDelete(request, dot, time)
        }
        guard try reader.directoryModified(path) != nil else {
            return .refused(RemoteError(.notFound, "nothing is at \(path)"))
        }
        guard request.conditions.hold(digest: nil, modified: nil) else {
            return .refused(preconditionFailed)
        }
        if request.recursive {
            return .began(TreeDeletion(request, sequenceMax: counters.sequence))
        }
        if try statements.hasEntries(path) {
            return .refused(RemoteError(.directoryNotEmpty, "\(path) is not empty"))
        }
        guard !path.isRoot else {
            return .refused(RemoteError(.invalid, "the root always exists"))
        }
        let (dot, time) = nextDot(now)
        try removeMark(at: path, dot.sequence)
        return try finishDelete(request, dot, time)
    }

    private var preconditionFailed: RemoteError {
        RemoteError(.preconditionFailed, "the file is another one by now")
    }

    private func finishDelete(
        _ request: DeleteRequest, _ dot: Dot, _ time: HybridTime
    ) throws -> Verdict {
        let response = WriteResponse(outcome: .deleted, dot: dot, time: time, copies: 1)
        try statements.keep(request.operation, response, at: time.wallMilliseconds)
        return .done(response)
    }

    private func removeFile(
        _ stored: StoredRecord, at path: StorePath, _ sequence: UInt64, _ now: Timestamp
    ) throws {
        try statements.removeRecord(at: path)
        try statements.removeEntry(at: path)
        try retire(stored, of: path, at: sequence, now)
        try statements.count(
            stored.record.home, files: -1, bytes: -Int64(stored.record.byteCount))
        try statements.insertDirty(sequence, path)
        changes.append(Change(path: path))
        if let parent = path.parent { try prune(from: parent) }
    }

    private func removeMark(at path: StorePath, _ sequence: UInt64) throws {
        try statements.removeMark(at: path)
        try statements.insertDirty(sequence, path)
        try prune(from: path)
    }

    /// Does the next step.
    /// - Returns: the verdict at the end, nil before.
    func advance(_ deletion: inout TreeDeletion, _ now: Timestamp) throws -> Verdict? {
        if let known = try statements.result(of: deletion.request.operation) {
            return .done(known)
        }
        switch deletion.phase {
        case .files(let after):
            let found = try statements.files(
                above: after, below: deletion.upperBound, StoreLimits.deletionChunkCount)
            for (path, stored) in found
            where stored.record.version.dot.sequence <= deletion.sequenceMax {
                let (dot, _) = nextDot(now)
                try removeFile(stored, at: path, dot.sequence, now)
            }
            if found.count == StoreLimits.deletionChunkCount, let last = found.last {
                deletion.phase = .files(after: last.path.bytes)
                return nil
            }
            // In the same transaction: once the directory is gone, only the result says why.
            deletion.phase = .marks(before: deletion.upperBound)
            return try advance(&deletion, now)
        case .marks(let before):
            let found = try statements.marks(
                from: deletion.request.path.bytes, below: before, StoreLimits.deletionChunkCount)
            for (path, mark) in found
            where mark.dot.sequence <= deletion.sequenceMax && covers(deletion, path) {
                let (dot, _) = nextDot(now)
                try removeMark(at: path, dot.sequence)
            }
            if found.count == StoreLimits.deletionChunkCount, let last = found.last {
                deletion.phase = .marks(before: last.path.bytes)
                return nil
            }
            let (dot, time) = nextDot(now)
            return try finishDelete(deletion.request, dot, time)
        }
    }

    /// Between a directory and what is below it lie its siblings `NAME!` to `NAME-`.
    private func covers(_ deletion: TreeDeletion, _ path: StorePath) -> Bool {
        path == deletion.request.path && !path.isRoot || path.isBelow(deletion.request.path)
    }
}
