package import Model

/// Whether a method fits what is there, before locks are looked at.
package enum ResourceRules {
    /// What is at a path.
    package enum Presence: Hashable, Sendable {
        case absent
        case file
        case collection
    }

    /// MKCOL (RFC 4918 section 9.3.1). Bodies mean nothing here, so they are refused.
    package static func mkcol(
        hasBody: Bool, at presence: Presence, parent: Presence
    ) throws(DAVFault) {
        if hasBody { throw DAVFault(.unsupportedMediaType, "MKCOL takes no body.") }
        guard presence == .absent else {
            throw DAVFault(.methodNotAllowed, "There is something already.")
        }
        try inCollection(parent)
    }

    /// PATCH: it changes what is there (RFC 5789 section 2).
    package static func patch(at presence: Presence) throws(DAVFault) {
        switch presence {
        case .collection:
            throw DAVFault(.methodNotAllowed, "A collection has no content of its own.")
        case .absent: throw DAVFault(.notFound, "There is nothing at that path.")
        case .file: break
        }
    }

    /// PUT (sections 9.7.1 and 9.7.2).
    ///
    /// - Returns: 201 or 204.
    package static func put(
        at presence: Presence, parent: Presence, hasSlash: Bool
    ) throws(DAVFault) -> DAVStatus {
        switch presence {
        case .collection:
            throw DAVFault(.methodNotAllowed, "A collection has no content of its own.")
        case .file: break
        case .absent:
            if hasSlash { throw DAVFault(.conflict, "A file's path does not end in a slash.") }
            try inCollection(parent)
        }
        return presence == .absent ? .created : .noContent
    }

    /// LOCK (sections 7.3 and 9.10.4).
    ///
    /// - Returns: 201 where it makes an empty file, else 200.
    package static func lock(
        at presence: Presence, parent: Presence, hasSlash: Bool
    ) throws(DAVFault) -> DAVStatus {
        guard presence == .absent else { return .ok }
        return try put(at: presence, parent: parent, hasSlash: hasSlash)
    }

    /// COPY and MOVE (sections 9.8.5 and 9.9.4).
    ///
    /// - Returns: 201 where there was nothing at the destination, else 204.
    package static func transfer(
        from source: StorePath, _ presence: Presence, to destination: StorePath,
        _ target: Presence, parent: Presence, depth: Depth, overwrites: Bool
    ) throws(DAVFault) -> DAVStatus {
        guard presence != .absent else {
            throw DAVFault(.notFound, "There is nothing at that path.")
        }
        guard source != destination else {
            throw DAVFault(.forbidden, "Source and destination are the same.")
        }
        // Into itself it would never end; onto what it lies in it would be deleted first.
        guard !destination.isBelow(source) || (presence == .collection && depth == .zero),
            !source.isBelow(destination)
        else { throw DAVFault(.forbidden, "One of source and destination lies in the other.") }
        if target == .absent { try inCollection(parent) }
        guard target == .absent || overwrites else {
            throw DAVFault(.preconditionFailed, "There is something at the destination.")
        }
        return target == .absent ? .created : .noContent
    }

    private static func inCollection(_ parent: Presence) throws(DAVFault) {
        guard parent == .collection else {
            throw DAVFault(.conflict, "There is no collection at the path above.")
        }
    }
}
