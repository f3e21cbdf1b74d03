package import Model

/// How many bytes the files below a directory may have, in the whole cluster. Counted are the files' own
/// bytes, each file once, however many copies there are; superseded and deleted versions are not.
package struct Quota: Hashable, Sendable {
    package var directory: StorePath
    /// Bytes. Zero: nothing may be written there.
    package var limit: UInt64

    package init(directory: StorePath, limit: UInt64) {
        self.directory = directory
        self.limit = limit
    }

    /// Whether the bytes of a file at `path` count.
    package func covers(_ path: StorePath) -> Bool { path.isBelow(directory) }

    /// The setting `quotas`: `/photos=500G, /backup=2T`. K, M, G and T are powers of 1024.
    package static let settingKey = "quotas"

    /// Why a text is no list of quotas, for people.
    package struct Fault: Error, Equatable {
        package var text: String
    }

    /// Reads the setting. The empty text is the empty list.
    /// - Returns: by directory, sorted.
    package static func parse(_ text: String) throws(Fault) -> [Quota] {
        var found: [Quota] = []
        for item in text.utf8.split(separator: comma, omittingEmptySubsequences: false) {
            let item = trimmed(item)
            if item.isEmpty, text.utf8.allSatisfy({ $0 == space }) { return [] }
            let quota = try one(item)
            guard !found.contains(where: { $0.directory == quota.directory }) else {
                throw Fault(text: "\(quota.directory) has two quotas")
            }
            found.append(quota)
        }
        guard found.count <= ClusterLimits.quotaCountMax else {
            throw Fault(
                text: "\(found.count) quotas are too many: there may be "
                    + "\(ClusterLimits.quotaCountMax)")
        }
        return found.sorted { $0.directory < $1.directory }
    }

    /// As `parse` reads it.
    package static func text(of quotas: [Quota]) -> String {
        quotas.map { "\($0.directory)=\(size($0.limit))" }.joined(separator: ", ")
    }

    private static func one(_ item: Substring.UTF8View) throws(Fault) -> Quota {
        let shown = String(decoding: item.prefix(100), as: UTF8.self)
        guard let equals = item.lastIndex(of: equalSign) else {
            throw Fault(text: "\"\(shown)\" is no quota: write it as /directory=500G")
        }
        let path = trimmed(item[..<equals])
        guard let directory = try? StorePath(validating: path) else {
            throw Fault(
                text: "\"\(shown)\" names no directory: it begins with a slash, and has no comma")
        }
        let number = trimmed(item[item.index(after: equals)...])
        guard let limit = bytes(number) else {
            throw Fault(
                text: "\"\(shown)\" says no number of bytes: write it as 500G; "
                    + "K, M, G and T are powers of 1024")
        }
        return Quota(directory: directory, limit: limit)
    }

    private static let comma = UInt8(ascii: ",")
    private static let space = UInt8(ascii: " ")
    private static let equalSign = UInt8(ascii: "=")
    private static let units: [(letter: UInt8, shift: UInt64)] = [
        (UInt8(ascii: "K"), 10), (UInt8(ascii: "M"), 20), (UInt8(ascii: "G"), 30),
        (UInt8(ascii: "T"), 40),
    ]

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        var text = text.drop { $0 == space }
        while text.last == space { text.removeLast() }
        return text
    }

    /// Up to 2^63 - 1, as SQLite's integers are.
    private static func bytes(_ text: Substring.UTF8View) -> UInt64? {
        var digits = text
        var shift: UInt64 = 0
        if let last = text.last,
            let unit = units.first(where: { $0.letter == last & ~0x20 })
        {
            digits.removeLast()
            shift = unit.shift
        }
        guard (1...19).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt64(String(decoding: digits, as: UTF8.self)),
            number <= UInt64(Int64.max) >> shift
        else { return nil }
        return number << shift
    }

    /// A number of bytes in the largest unit of which it is a whole number.
    private static func size(_ byteCount: UInt64) -> String {
        let unit = units.last { byteCount > 0 && byteCount & (1 << $0.shift - 1) == 0 }
        guard let unit else { return "\(byteCount)" }
        return "\(byteCount >> unit.shift)\(Character(Unicode.Scalar(unit.letter)))"
    }
}

extension Quota {
    /// For people: `1.5 G`.
    package static func rounded(_ byteCount: UInt64) -> String {
        guard let unit = units.last(where: { byteCount >> $0.shift > 0 }) else {
            return "\(byteCount) bytes"
        }
        let tenths = (byteCount >> (unit.shift - 10)) * 10 / 1024
        let letter = Character(Unicode.Scalar(unit.letter))
        return tenths % 10 == 0
            ? "\(tenths / 10) \(letter)" : "\(tenths / 10).\(tenths % 10) \(letter)"
    }
}
