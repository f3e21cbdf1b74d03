internal import Model
internal import Posix
internal import Synchronization

/// The contents of a data directory, as all its threads share them.
final class DiskContents: Sendable {
    let store: any ContentStore
    /// Where the kind of storage has a view for people.
    let viewed: RawFiles?
    let inUse = ObjectsInUse()
    /// Where objects are files that anybody may change.
    let trust: FileTrust?

    /// - Parameters:
    ///   - isReadOnly: nothing is changed on the disk that can be read without.
    init(_ directory: DataDirectory, isReadOnly: Bool = false) throws {
        store = directory.sealed(
            try ContentStores.open(directory.format.kind, directory, isReadOnly: isReadOnly))
        // Encrypted contents have no view, nor their names.
        viewed = store as? RawFiles
        trust = viewed == nil ? nil : FileTrust()
    }

    /// The object has just come to its place: nobody could write to it until here.
    func noteNew(_ object: ObjectID) throws(PosixError) {
        guard let trust, let stamp = try viewed?.stamp(of: object) else { return }
        trust.note(object, stamp)
    }

    /// Bytes of the disk that a large content of this size needs on its way.
    func byteCountToStage(_ byteCount: UInt64) -> UInt64 {
        let (all, isTooMuch) = byteCount.multipliedReportingOverflow(by: 1 + store.copyFactor)
        return isTooMuch ? .max : all
    }
}

/// Objects that somebody reads window by window. They stay for a while when no record names them any
/// more, as an open file would: until all who began have had the last window, or have not come again.
final class ObjectsInUse: Sendable {
    private struct Use {
        var readerCount: Int
        var deadline: ContinuousClock.Instant
    }

    private let uses = Mutex<[ObjectID: Use]>([:])

    /// A reader begins.
    func begin(_ object: ObjectID, now: ContinuousClock.Instant = .now) {
        uses.withLock { note(object, now, &$0, begins: true) }
    }

    /// A reader was here, and may come again where this was not the end.
    func took(_ object: ObjectID, isLast: Bool, now: ContinuousClock.Instant = .now) {
        uses.withLock { uses in
            if isLast, let use = uses[object], use.readerCount <= 1 {
                uses[object] = nil
            } else if isLast {
                uses[object]?.readerCount -= 1
            } else {
                note(object, now, &uses, begins: false)
            }
        }
    }

    private func note(
        _ object: ObjectID, _ now: ContinuousClock.Instant, _ uses: inout [ObjectID: Use],
        begins: Bool
    ) {
        if uses[object] == nil, uses.count >= StoreLimits.objectsInUseMax {
            uses = uses.filter { $0.value.deadline > now }
            // Beyond, a reader whose file is replaced is cut off.
            if uses.count >= StoreLimits.objectsInUseMax { return }
        }
        let before = uses[object]?.readerCount ?? 0
        uses[object] = Use(
            readerCount: begins ? before + 1 : max(before, 1),
            deadline: now + StoreLimits.windowGrace)
    }

    func contains(_ object: ObjectID, now: ContinuousClock.Instant = .now) -> Bool {
        uses.withLock { uses in
            guard let use = uses[object] else { return false }
            if use.deadline > now { return true }
            uses[object] = nil
            return false
        }
    }
}
