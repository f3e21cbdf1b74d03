/// A path of the store: absolute, `/`-separated UTF-8 bytes, without a slash at its end.
///
/// Compared as bytes, never as `String` (whose equality is canonical equivalence). Normalization
/// to NFC happens once, at the edge, before a path is made: `StorePath` checks everything else.
package struct StorePath: Hashable, Sendable {
    /// The bytes, starting with `/`; the root is the one byte `/`.
    package let bytes: [UInt8]

    /// Linux's PATH_MAX, so that every path can also stand in a tree of files.
    package static let byteCountMax = 4096
    /// Linux's NAME_MAX, for the same reason.
    package static let componentByteCountMax = 255

    package static let root = StorePath(unchecked: [0x2F])

    /// Why bytes are no path.
    package enum Fault: Error, Equatable, Sendable {
        case notAbsolute
        case tooLong
        case componentTooLong
        case emptyComponent
        case dotComponent
        case nul
        case notUTF8
    }

    /// - Throws: `Fault` where the bytes break a rule above. One slash at the end is dropped.
    package init(validating raw: some Collection<UInt8>) throws(Fault) {
        var bytes = [UInt8](raw)
        guard bytes.first == 0x2F else { throw .notAbsolute }
        if bytes.count > 1, bytes.last == 0x2F {
            bytes.removeLast()
            if bytes.count == 1 { throw .emptyComponent }
        }
        guard bytes.count <= StorePath.byteCountMax else { throw .tooLong }
        if bytes.count > 1 {
            for component in bytes[1...].split(separator: 0x2F, omittingEmptySubsequences: false) {
                try StorePath.validate(component: component)
            }
        }
        guard UTF8Check.isValid(bytes) else { throw .notUTF8 }
        self.bytes = bytes
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    private static func validate(component: ArraySlice<UInt8>) throws(Fault) {
        if component.isEmpty { throw .emptyComponent }
        if component.count > componentByteCountMax { throw .componentTooLong }
        if component.elementsEqual([0x2E]) || component.elementsEqual([0x2E, 0x2E]) {
            throw .dotComponent
        }
        if component.contains(0) { throw .nul }
    }

    package var isRoot: Bool { bytes.count == 1 }

    /// The last component; empty for the root.
    package var name: ArraySlice<UInt8> {
        guard !isRoot, let slash = bytes.lastIndex(of: 0x2F) else { return [] }
        return bytes[(slash + 1)...]
    }

    /// The directory that this path is in; nil for the root.
    package var parent: StorePath? {
        guard !isRoot, let slash = bytes.lastIndex(of: 0x2F) else { return nil }
        return slash == 0 ? .root : StorePath(unchecked: Array(bytes[..<slash]))
    }

    /// The components, from the top; none for the root.
    package var components: [ArraySlice<UInt8>] {
        isRoot ? [] : bytes[1...].split(separator: 0x2F)
    }

    /// The path of the entry `name` of this directory.
    /// - Throws: `Fault` where the name is no component, or the path grows too long.
    package func appending(_ name: some Collection<UInt8>) throws(Fault) -> StorePath {
        if name.contains(0x2F) { throw .emptyComponent }
        return try StorePath(validating: directoryPrefix + name)
    }

    /// What every path below this directory starts with: the path and a slash.
    package var directoryPrefix: [UInt8] { isRoot ? bytes : bytes + [0x2F] }

    /// Whether `self` lies below `directory` (a path does not lie below itself).
    package func isBelow(_ directory: StorePath) -> Bool {
        bytes.count > directory.bytes.count && bytes.starts(with: directory.directoryPrefix)
    }

    /// The bytes as text. They are valid UTF-8, so nothing is replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension StorePath: Comparable {
    package static func < (a: StorePath, b: StorePath) -> Bool {
        a.bytes.lexicographicallyPrecedes(b.bytes)
    }
}

extension StorePath: CustomStringConvertible {
    package var description: String { text }
}

/// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
package enum UTF8Check {
    package static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }
}
