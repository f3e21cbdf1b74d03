package import Model

/// What a request changes, as far as locks protect it (RFC 4918 section 7): a lock protects a
/// resource's content and dead properties and, of a collection, which members it has.
package struct LockedWrite: Hashable, Sendable {
    /// A token is needed for each that is locked.
    package var resources: [StorePath]
    /// All that lies below these goes: a token is needed for each lock in there.
    package var trees: [StorePath]

    private init(_ resources: [StorePath?], trees: [StorePath] = []) {
        self.resources = resources.compactMap(\.self)
        self.trees = trees
    }

    /// PUT, PATCH. A resource that is new changes the collection it is in (section 7.4).
    package static func put(_ path: StorePath, exists: Bool) -> LockedWrite {
        LockedWrite([path, exists ? nil : path.parent])
    }

    package static func proppatch(_ path: StorePath) -> LockedWrite { LockedWrite([path]) }

    package static func mkcol(_ path: StorePath) -> LockedWrite {
        LockedWrite([path, path.parent])
    }

    /// A LOCK that makes an empty resource (section 7.3). Locks of the path itself are judged by
    /// `LockRules.grant`.
    package static func lockOfUnmapped(_ path: StorePath) -> LockedWrite {
        LockedWrite([path.parent])
    }

    package static func delete(_ path: StorePath) -> LockedWrite {
        LockedWrite([path, path.parent], trees: [path])
    }

    /// The source is only read. What is at the destination is deleted first (section 9.8.4).
    package static func copy(to destination: StorePath) -> LockedWrite { delete(destination) }

    /// The source goes from its collection (section 9.9).
    package static func move(from source: StorePath, to destination: StorePath) -> LockedWrite {
        let gone = delete(source)
        let made = delete(destination)
        return LockedWrite(gone.resources + made.resources, trees: gone.trees + made.trees)
    }
}
