package import Model

// About as many bytes as these take in a message.
extension CausalContext {
    package var encodedByteCount: Int { 2 + 24 * entries.count }
}

extension Version {
    package var encodedByteCount: Int { 32 + context.encodedByteCount }
}

extension RegisterVersion {
    package var encodedByteCount: Int {
        let head = version.encodedByteCount + 17
        return switch value {
        case .file(let facts):
            head + 82 + facts.contentType.utf8.count + facts.properties.count
        case .describedMark(let properties): head + 4 + properties.count
        case .locks(let set): head + set.encodedByteCount
        case .mark, .deleted: head
        }
    }
}

extension Lock {
    package var encodedByteCount: Int { 64 + owner.count }
}

extension LockSet {
    package var encodedByteCount: Int {
        let lockBytes = locks.reduce(16) { $0 + $1.encodedByteCount }
        return traces.reduce(lockBytes) { $0 + 16 + $1.name.count }
    }
}

extension FileRecord {
    package var encodedByteCount: Int {
        version.encodedByteCount + 98 + contentType.utf8.count + properties.byteCount
    }
}

extension Register {
    package var encodedByteCount: Int {
        var count = 8 + 24 * damaged.count + (head?.encodedByteCount ?? 0)
        for version in prepared { count += version.encodedByteCount }
        for version in kept { count += version.version.encodedByteCount + 9 }
        if let ballot { count += 160 + (ballot.accepted?.version.encodedByteCount ?? 0) }
        return count
    }
}

extension PartitionContext {
    package var encodedByteCount: Int {
        entries.reduce(4) { $0 + 20 + 16 * $1.runs.count }
    }
}

extension DirectoryEntry {
    package var encodedByteCount: Int {
        var count = 2
        if let file { count += 40 + (file.record?.encodedByteCount ?? 0) }
        if directory != nil { count += 40 }
        return count
    }
}

extension KeyedEntry {
    package var encodedByteCount: Int {
        key.directory.bytes.count + key.name.count + 8 + entry.encodedByteCount
    }
}
