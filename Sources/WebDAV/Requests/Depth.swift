/// How far below a collection a request goes (RFC 4918 section 10.2).
package enum Depth: Hashable, Sendable {
    case zero
    case one
    case infinity

    /// The methods that have one.
    package enum Method: Hashable, Sendable {
        case propfind
        case lock
        case copy
        /// MOVE and DELETE act on a collection with all that is in it.
        case move
        case delete

        /// What is meant without a header (sections 9.1, 9.6.1, 9.8.3, 9.9.2, 9.10.3).
        var standard: Depth { .infinity }

        func allows(_ depth: Depth) -> Bool {
            switch self {
            case .propfind: true
            case .lock, .copy: depth != .one
            case .move, .delete: depth == .infinity
            }
        }
    }

    /// - Parameter field: the header's value; nil where the request has none.
    package init(field: ArraySlice<UInt8>?, of method: Method) throws(DAVFault) {
        guard let field else {
            self = method.standard
            return
        }
        var value = ASCII.trimmed(field)
        if method == .propfind, Depth.leavesRootOut(field) {
            value = ASCII.trimmed(value.prefix { $0 != 0x2C })
            guard !value.elementsEqual([0x30]) else {
                throw DAVFault(.badRequest, "With Depth 0 and without the root nothing is left.")
            }
        }
        let depth: Depth? =
            if value.elementsEqual([0x30]) {
                .zero
            } else if value.elementsEqual([0x31]) {
                .one
            } else if ASCII.equalIgnoringCase(value, "infinity") {
                .infinity
            } else {
                nil
            }
        guard let depth, method.allows(depth) else {
            throw DAVFault(.badRequest, "The Depth is not one that the method has.")
        }
        self = depth
    }

    /// Whether a PROPFIND is about what is in the collection without itself: `1,noroot`, as Web Folders and
    /// Office write it. From a draft of RFC 2518; RFC 4918 leaves the header's value open to extension.
    package static func leavesRootOut(_ field: ArraySlice<UInt8>?) -> Bool {
        guard let field, let comma = field.firstIndex(of: 0x2C) else { return false }
        return ASCII.equalIgnoringCase(ASCII.trimmed(field[(comma + 1)...]), "noroot")
    }
}

extension DAVFault {
    /// The answer to a PROPFIND of Depth infinity that has more than
    /// `WebDAVLimits.infiniteDepthCountMax` resources: known before the first is sent (RFC 4918
    /// section 9.1.1).
    package static let infiniteDepth = DAVFault(
        .forbidden,
        "With Depth infinity at most \(WebDAVLimits.infiniteDepthCountMax) resources are listed.",
        condition: .propfindFiniteDepth)
}

/// Whether COPY and MOVE replace what is there (RFC 4918 section 10.6).
package enum Overwrite {
    /// - Parameter field: the header's value; nil, where the request has none, means T.
    package static func isAllowed(field: ArraySlice<UInt8>?) throws(DAVFault) -> Bool {
        guard let field else { return true }
        let value = ASCII.trimmed(field)
        if ASCII.equalIgnoringCase(value, "T") { return true }
        if ASCII.equalIgnoringCase(value, "F") { return false }
        throw DAVFault(.badRequest, "Overwrite is T or F.")
    }
}
