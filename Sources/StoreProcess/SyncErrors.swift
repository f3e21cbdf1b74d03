internal import Model
internal import Posix
internal import Synchronization

/// The mark that a failed sync leaves for the next lives: `meta/sync-errors`, one line of seconds
/// since 1970 each.
///
/// After a failed sync nobody knows what is on the disk, so the process ends at once and the next
/// one starts from what it reads there. A disk that fails twice within ten minutes takes no more
/// writes; reads go on.
enum SyncErrors {
    private static let name: BytePath = "sync-errors"
    private static let ending = Mutex(())

    /// Whether this life only reads.
    static func demandReadOnly(_ directory: DataDirectory, now: Timestamp) -> Bool {
        do {
            guard try Directory.status(of: name, in: directory.meta) != nil else { return false }
            let file = try Directory.open(name, in: directory.meta)
            let text = String(
                decoding: try FileIO.read(file, count: 64 << 10, at: 0), as: UTF8.self)
            let recent = text.split(separator: "\n").compactMap { Int64($0) }
                .filter { $0 > now.seconds - StoreLimits.syncErrorSeconds }
            return recent.count >= StoreLimits.syncErrorsMax
        } catch {
            Log.error("meta/sync-errors cannot be read", ["error": "\(error)"])
            return true
        }
    }

    /// A sync or a commit failed: leaves the mark and ends the process.
    static func end(_ directory: DataDirectory, _ what: String, _ error: any Error) -> Never {
        // The first thread speaks for this life, with one line; the others wait here for its end.
        ending.withLock { _ -> Never in
            Log.error("the disk failed, this process ends", ["at": what, "error": "\(error)"])
            do {
                let file = try Directory.open(
                    name, in: directory.meta, [.writeOnly, .create, .append])
                try FileIO.append([UInt8]("\(WallClock.now.seconds)\n".utf8), to: file)
            } catch {
                Log.error("meta/sync-errors cannot be written", ["error": "\(error)"])
            }
            ProcessEnd.now(ProcessEnd.crashed)
        }
    }
}
