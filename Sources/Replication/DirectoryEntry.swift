package import Model

/// The name of one child in a directory.
package struct EntryKey: Hashable, Comparable, Sendable {
    package var directory: StorePath
    package var name: [UInt8]

    package init(directory: StorePath, name: [UInt8]) {
        self.directory = directory
        self.name = name
    }

    /// The entry under which the directory of `path` lists it; nil for the root.
    package init?(of path: StorePath) {
        guard let parent = path.parent else { return nil }
        self.init(directory: parent, name: Array(path.name))
    }

    /// The child's path; nil where it grew too long.
    package var child: StorePath? { try? directory.appending(name) }

    package var partition: Partition { Partition(of: directory) }

    package static func < (a: EntryKey, b: EntryKey) -> Bool {
        if a.directory != b.directory { return a.directory < b.directory }
        return a.name.lexicographicallyPrecedes(b.name)
    }

    package var fingerprint: Fingerprint {
        Fingerprint(of: directory.directoryPrefix + name, seed: 0x656E_7472_7900)
    }
}

/// What a directory knows of one name: a file, a directory, or (through concurrency) both; each a
/// register of its own that follows the child's.
package struct DirectoryEntry: Hashable, Sendable {
    package var file: FileSlot?
    package var directory: DirectorySlot?

    package init(file: FileSlot? = nil, directory: DirectorySlot? = nil) {
        self.file = file
        self.directory = directory
    }

    /// The child's newest version, as far as the directory has heard.
    package struct FileSlot: Hashable, Sendable {
        package var rank: Rank
        /// Nil where the child is deleted.
        package var record: FileRecord?
        /// Counts corrections of an entry that was found not to follow its child.
        package var correction: UInt32

        package init(rank: Rank, record: FileRecord?, correction: UInt32 = 0) {
            self.rank = rank
            self.record = record
            self.correction = correction
        }
    }

    /// Whether the child exists as a directory, as of the newest change below it.
    package struct DirectorySlot: Hashable, Sendable {
        package var rank: Rank
        package var exists: Bool
        package var correction: UInt32

        package init(rank: Rank, exists: Bool, correction: UInt32 = 0) {
            self.rank = rank
            self.exists = exists
            self.correction = correction
        }
    }

    /// Whether the name is there at all.
    package var isLive: Bool { file?.record != nil || directory?.exists == true }

    package mutating func merge(_ other: DirectoryEntry) {
        if let theirs = other.file, file.map({ $0.isBelow(theirs) }) ?? true { file = theirs }
        if let theirs = other.directory, directory.map({ $0.isBelow(theirs) }) ?? true {
            directory = theirs
        }
    }

    /// The latest change that it knows of.
    package var latestRank: Rank? {
        switch (file?.rank, directory?.rank) {
        case (let a?, let b?): max(a, b)
        case (let a?, nil): a
        case (nil, let b): b
        }
    }

    package func fingerprint(of key: EntryKey) -> Fingerprint {
        let name = key.fingerprint
        var mixer = Fingerprint.Mixer(seed: name.high)
        mixer.add(name.low)
        if let file {
            mixer.add(file.rank.dot.disk)
            mixer.add(file.rank.dot.sequence)
            mixer.add(file.rank.time.value)
            mixer.add(UInt64(file.correction) << 1 | (file.record == nil ? 0 : 1))
        }
        mixer.add(UInt8(0xFF))
        if let directory {
            mixer.add(directory.rank.dot.disk)
            mixer.add(directory.rank.dot.sequence)
            mixer.add(directory.rank.time.value)
            mixer.add(UInt64(directory.correction) << 1 | (directory.exists ? 1 : 0))
        }
        return mixer.finish()
    }
}

extension DirectoryEntry.FileSlot {
    /// Of two corrections at once the one with a record wins: a live file is never unlisted by it.
    fileprivate func isBelow(_ other: Self) -> Bool {
        if rank != other.rank { return rank < other.rank }
        if correction != other.correction { return correction < other.correction }
        return record == nil && other.record != nil
    }
}

extension DirectoryEntry.DirectorySlot {
    /// At the same rank a directory that exists wins: who says so has seen more.
    fileprivate func isBelow(_ other: Self) -> Bool {
        if rank != other.rank { return rank < other.rank }
        if correction != other.correction { return correction < other.correction }
        return !exists && other.exists
    }
}
