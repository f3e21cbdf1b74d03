internal import Glibc
internal import Model
internal import Posix
internal import Sealing

/// The line of the file `FORMAT`: `clusterf 1 rawfile 1`, or `clusterf 2 rawfile 1 encrypted`.
struct StorageFormat: Equatable {
    var kind: StorageKind
    var minor: UInt64
    var isEncrypted = false

    private static let program = "clusterf"
    private static let layoutVersion = 1
    /// Of a directory with a fifth word: programs that know none must not take it for theirs.
    private static let layoutVersionMax = 2
    private static let encryptedWord = "encrypted"
    private static let name: BytePath = "FORMAT"
    private static let temporaryName: BytePath = "FORMAT.new"

    /// What is recorded; nil where nothing is yet.
    /// - Throws: `PermanentFailure` where it is something that this program does not know.
    static func read(in root: borrowing Descriptor) throws -> StorageFormat? {
        guard try Directory.status(of: name, in: root) != nil else { return nil }
        let file = try Directory.open(name, in: root)
        let text = String(
            decoding: try FileIO.read(file, count: 256, at: 0), as: UTF8.self)
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count >= 4, words[0] == program, let version = Int(words[1]) else {
            throw PermanentFailure("FORMAT says “\(text)”: this is no data directory of clusterf")
        }
        guard version <= layoutVersionMax else {
            throw PermanentFailure(
                "the data directory has format \(version), this program knows \(layoutVersionMax): "
                    + "start the newer version of clusterf that made it")
        }
        let isEncrypted = version > layoutVersion
        guard isEncrypted ? words.dropFirst(4) == [encryptedWord[...]] : words.count == 4 else {
            throw PermanentFailure("FORMAT says “\(text)”: this is no data directory of clusterf")
        }
        guard let kind = StorageKind(rawValue: String(words[2])) else {
            throw PermanentFailure(
                "the data directory was made with --storage-major \(words[2]), this program knows "
                    + "\(StorageKind.list): start the version of clusterf that made it")
        }
        guard let minor = UInt64(words[3]), kind.versions.contains(minor) else {
            throw PermanentFailure(
                "the data directory has format \(kind.rawValue) \(words[3]), this program knows "
                    + "up to \(kind.versions.upperBound): "
                    + "start the version of clusterf that made it")
        }
        return StorageFormat(kind: kind, minor: minor, isEncrypted: isEncrypted)
    }

    private var line: String {
        let version = isEncrypted ? Self.layoutVersionMax : Self.layoutVersion
        return "\(Self.program) \(version) \(kind.rawValue) \(minor)"
            + (isEncrypted ? " \(Self.encryptedWord)\n" : "\n")
    }

    /// Records it, at once and for good.
    func write(in root: borrowing Descriptor) throws {
        do {
            let file = try Directory.open(
                Self.temporaryName, in: root, [.writeOnly, .create, .truncate])
            try FileIO.write([UInt8](line.utf8), to: file, at: 0)
            try FileIO.sync(file)
        }
        try Directory.rename(Self.temporaryName, in: root, to: Self.name, in: root)
        try FileIO.sync(root)
    }
}

/// What was asked for by `--storage-major`, `--storage-minor` and `--encryption-key`.
struct WantedStorage: Equatable {
    var kind: StorageKind?
    var minor: UInt64?
    /// Nil: nothing is encrypted.
    var phrase: EncryptionPhrase?
    /// What a guess of it costs, where the directory is made; less in tests.
    var keyCost = KeyCost.standard

    /// What the directory has from here on.
    /// - Parameter recorded: what it has; nil for a new one.
    /// - Throws: `PermanentFailure` where that is not what was asked for.
    func checked(against recorded: StorageFormat?) throws(PermanentFailure) -> StorageFormat {
        guard let recorded else {
            let kind = kind ?? .rawfile
            let minor = minor ?? kind.versions.upperBound
            guard kind.versions.contains(minor) else { throw Self.unknown(kind, minor) }
            return StorageFormat(kind: kind, minor: minor, isEncrypted: phrase != nil)
        }
        try checkEncryption(recorded)
        if let kind, kind != recorded.kind {
            throw PermanentFailure(
                "the data directory was made with --storage-major \(recorded.kind.rawValue) and "
                    + "keeps it: leave the option out, or change the stopped node's storage with "
                    + "`clusterfctl convert --to \(kind.rawValue)`")
        }
        if let minor, minor != recorded.minor {
            guard recorded.kind.versions.contains(minor) else {
                throw Self.unknown(recorded.kind, minor)
            }
            throw PermanentFailure(
                "the data directory was made with --storage-minor \(recorded.minor) and keeps it: "
                    + "leave the option out")
        }
        return recorded
    }

    private func checkEncryption(_ recorded: StorageFormat) throws(PermanentFailure) {
        if recorded.isEncrypted, phrase == nil {
            throw PermanentFailure(
                "the data directory is encrypted, and no encryption key was given: start the node with "
                    + "--encryption-key-file and the key with which it was made")
        }
        if !recorded.isEncrypted, phrase != nil {
            throw PermanentFailure(
                "an encryption key was given, but the data directory is not encrypted and cannot become "
                    + "so: leave the key out, or use another --data-dir")
        }
    }

    private static func unknown(_ kind: StorageKind, _ minor: UInt64) -> PermanentFailure {
        PermanentFailure(
            "--storage-minor \(minor) of \(kind.rawValue) is not known; "
                + "\(kind.versions.lowerBound) to \(kind.versions.upperBound) are")
    }
}
