package import Model

/// The name under which a file shows beside a directory of its own name, which keeps that name:
/// `NAME.conflict-<version>`, the same on every node. Of a long name just so much is left that a
/// component is not exceeded; the version tells which file is meant.
package struct ConflictName: Hashable, Sendable {
    /// The file's name, or its beginning.
    package let prefix: [UInt8]
    /// Of the file's newest version.
    package let dot: Dot

    private static let mark = [UInt8](".conflict-".utf8)

    /// - Parameter name: of the file, in its directory.
    package init(of name: some Collection<UInt8>, at dot: Dot) {
        self.dot = dot
        let room = StorePath.componentByteCountMax - ConflictName.suffix(dot).count
        var prefix = Array(name.prefix(room))
        if prefix.count < name.count {
            // Not within a character: the first byte left out begins one.
            let rest = name.dropFirst(room)
            if let next = rest.first, next & 0xC0 == 0x80 {
                while let last = prefix.popLast(), last & 0xC0 == 0x80 {}
            }
        }
        self.prefix = prefix
    }

    /// Nil where `name` was not made so.
    package init?(parsing name: some Collection<UInt8>) {
        let bytes = Array(name)
        let mark = ConflictName.mark
        guard bytes.count > mark.count,
            let start = (1...bytes.count - mark.count).last(where: {
                bytes[$0..<$0 + mark.count].elementsEqual(mark)
            })
        else { return nil }
        let version = bytes[(start + mark.count)...].split(
            separator: 0x2E, omittingEmptySubsequences: false)
        guard version.count == 2,
            let disk = DiskID(hex: String(decoding: version[0], as: UTF8.self)),
            let sequence = UInt64(String(decoding: version[1], as: UTF8.self))
        else { return nil }
        prefix = Array(bytes[..<start])
        dot = Dot(disk: disk, sequence: sequence)
        // Upper case, leading zeros, signs: such a name is somebody's own.
        guard self.bytes == bytes else { return nil }
    }

    package var bytes: [UInt8] { prefix + ConflictName.suffix(dot) }

    /// Whether a file of this name and version would show so.
    package func isName(of name: some Collection<UInt8>) -> Bool {
        ConflictName(of: name, at: dot) == self
    }

    /// Whether the file's name may be longer than what is left of it here: by a character of four
    /// bytes that had no room.
    package var mayBeCut: Bool { bytes.count + 4 > StorePath.componentByteCountMax }

    private static func suffix(_ dot: Dot) -> [UInt8] {
        mark + "\(dot.disk.hex).\(dot.sequence)".utf8
    }
}
