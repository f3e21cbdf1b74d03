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
        guard store.copiesUploads else { return byteCount }
        let (twice, isTooMuch) = byteCount.multipliedReportingOverflow(by: 2)
        return isTooMuch ? .max : twice
    }
}

/// Objects that somebody reads window by window. They stay for a while when no record names them any
/// more, as an open file would.
final class ObjectsInUse: Sendable {
    private let deadlines = Mutex<[ObjectID: ContinuousClock.Instant]>([:])

    /// A reader was here, and may come again.
    func note(_ object: ObjectID, now: ContinuousClock.Instant = .now) {
        deadlines.withLock { deadlines in
            if deadlines.count >= StoreLimits.objectsInUseMax {
                deadlines = deadlines.filter { $0.value > now }
                // Beyond, a reader whose file is replaced is cut off.
                if deadlines.count >= StoreLimits.objectsInUseMax { return }
            }
            deadlines[object] = now + StoreLimits.windowGrace
        }
    }

    func contains(_ object: ObjectID, now: ContinuousClock.Instant = .now) -> Bool {
        deadlines.withLock { deadlines in
            guard let deadline = deadlines[object] else { return false }
            if deadline > now { return true }
            deadlines[object] = nil
            return false
        }
    }
}
