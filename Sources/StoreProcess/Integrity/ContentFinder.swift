internal import Glibc
internal import Model
internal import Posix

/// Opens contents wherever they are on their way to their place, for one connection and its thread.
struct ContentFinder {
    let reader: MetadataReader
    let tables: SQLTables
    let stamps: FileStamps
    let directory: DataDirectory
    let contents: DiskContents

    enum Located {
        case row([UInt8])
        case opened(StoredContent)
        /// No register names it here, or it is known not to be here.
        case nothing
        /// It has to be here, and is not.
        case lost
    }

    /// Where an object's content is.
    /// - Returns: that, and the commits that were seen.
    /// - Throws: `ContentDamage` where what is there is seen to be damaged.
    func locate(_ object: ObjectID) throws -> (Located, sequence: UInt64) {
        var isMissed = false
        var seen: UInt64 = 0
        for _ in 0..<StoreLimits.contentAttemptsMax {
            let (found, sequence) = try reader.snapshot { () -> (isHere: Bool, row: [UInt8]?) in
                guard try tables.queries.object(object)?.state == .here else { return (false, nil) }
                return (true, try reader.content(of: object))
            }
            guard found.isHere else { return (.nothing, sequence) }
            if let row = found.row { return (.row(row), sequence) }
            if let content = try open(object) { return (.opened(content), sequence) }
            // Moved or removed in between: another commit tells.
            if isMissed, seen == sequence { return (.lost, sequence) }
            (isMissed, seen) = (true, sequence)
        }
        return (.lost, seen)
    }

    /// The content in its place, or in the staging file that is about to go there; nil where there is none.
    func open(_ object: ObjectID) throws -> StoredContent? {
        // Committed and not moved yet. It comes first: where it repairs, what is in the place is damaged.
        if let operation = try reader.stagingFile(of: object),
            let content = try openStaged(operation, of: object)
        {
            return content
        }
        return try contents.store.open(object)
    }

    func openStaged(
        _ operation: OperationID, of object: ObjectID
    ) throws -> StoredContent? {
        do {
            return try StagingFile.content(operation, of: object, directory)
        } catch let error as PosixError where error.code == ENOENT {
            return nil
        }
    }
}
