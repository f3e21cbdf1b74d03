import Model

/// The few paths that clients contend for, in directories whose partitions differ.
enum KeySpace {
    /// Written, read, deleted and compared-and-set.
    static let contended = paths(
        ["/a", "/b", "/a/sub"].flatMap { directory in
            (0..<4).map { "\(directory)/f\($0)" }
        } + oddNames("f").prefix(4).map { "/c/deep/er/\($0)" } + ["/top", "/x", "/x/f0"])
    /// Files and, by what is in them or by their mark, directories of the same names: each kind comes
    /// where the other has just gone, and now and then both at one time.
    static let shared = paths(["/s0", "/s0/f", "/s1"])
    /// Those whose history is that of one register.
    static let plain = contended + shared
    /// Also moved from one to the other: their history is no chain of one register.
    static let moved = paths(["/m/m0", "/m/m1", "/m/m2", "/n/m0", "/n/m1", "/a/m0"])
    /// Made and removed by clients.
    static let marked = paths(["/a", "/c", "/e0", "/e1", "/a/e", "/e0/deep"])
    /// Of those names, marked as well.
    static let sharedMarks = paths(["/s1"])

    /// Locked, and written by guarded writes alone.
    static let locked = paths(["/k/d/a", "/k/b", "/l/a", "/l/b"])
    /// Locked with all below it.
    static let lockedDirectory = paths(["/k"])[0]
    /// More than go into one page of a listing, or into one answer of a holder; for some runs.
    static let many = paths(
        (0..<180).map { number in
            let names = oddNames(String(1000 + number))
            return "/many/\(names[number % names.count])"
        })
    static let manyDirectory = paths(["/many"])[0]

    /// Names that some program on the way might take for something else: spaces, escapes, several
    /// bytes a letter, and as long as a name may be.
    private static func oddNames(_ base: String) -> [String] {
        [
            "\(base) with space", "\(base)%2F..%00", "gr\u{fc}n\u{20ac}\u{1f600}\(base)",
            base + String(repeating: "n", count: 255 - base.utf8.count), base, "~\(base)+&?#",
        ]
    }

    static let files = plain + moved + locked

    /// Every directory that may exist beside those of locked files, the root first.
    static let directories: [StorePath] = {
        var all: Set<StorePath> = [.root, manyDirectory]
        for path in marked + sharedMarks { all.insert(path) }
        for path in plain + moved + marked + sharedMarks {
            var parent = path.parent
            while let directory = parent {
                all.insert(directory)
                parent = directory.parent
            }
        }
        return all.sorted()
    }()

    /// With those of locked files, which clients do not list.
    static let allDirectories: [StorePath] = {
        let others = locked.flatMap { path -> [StorePath] in
            [path.parent, path.parent?.parent].compactMap { $0 }
        }
        return Set(directories + others).sorted()
    }()

    static func isLocked(_ path: StorePath) -> Bool {
        path == lockedDirectory || locked.contains(path)
    }

    static func number(of path: StorePath) -> Int? { files.firstIndex(of: path) }

    private static func paths(_ texts: [String]) -> [StorePath] {
        texts.map { text in
            guard let path = try? StorePath(validating: text.utf8) else {
                preconditionFailure("no path: \(text)")
            }
            return path
        }
    }
}

/// What one put stores: a number that no other put has, as its digest and its size.
struct ContentNumber: Hashable, Comparable, Sendable {
    let value: UInt64

    init(client: Int, index: Int) { value = UInt64(client + 1) << 32 | UInt64(index) }
    init(value: UInt64) { self.value = value }

    init(_ digest: Digest) {
        value = digest.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    var digest: Digest {
        var bytes = [UInt8](repeating: 0, count: Digest.byteCount)
        for index in 0..<8 {
            bytes[index] = UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64(index)))
        }
        guard let digest = Digest(bytes: bytes) else { preconditionFailure("32 bytes") }
        return digest
    }

    static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}

extension ContentNumber: CustomStringConvertible {
    var description: String { "c\((value >> 32) - 1).\(value & 0xFFFF_FFFF)" }
}
