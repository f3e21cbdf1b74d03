internal import Model
internal import Posix
internal import Sealing

/// The file `KEY` of an encrypted directory: its data keys, wrapped under what a person gave.
enum DiskKeys {
    private static let name: BytePath = "KEY"
    private static let temporaryName: BytePath = "KEY.new"

    /// Makes the keys of a directory that is being made. Durable at the end: what is encrypted with them
    /// comes later.
    static func make(
        _ phrase: EncryptionPhrase, _ cost: KeyCost, in root: borrowing Descriptor
    ) throws -> KeyRing {
        var entropy = Entropy()
        let ring = KeyRing(using: &entropy)
        try write(ring, under: phrase, cost, in: root)
        return ring
    }

    /// Replaces the file, at once and durably.
    static func write(
        _ ring: KeyRing, under phrase: EncryptionPhrase, _ cost: KeyCost,
        in root: borrowing Descriptor
    ) throws {
        var entropy = Entropy()
        let text = WrappedKeys(ring, under: phrase, cost: cost, using: &entropy).text
        do {
            let file = try Directory.open(
                temporaryName, in: root, [.writeOnly, .create, .truncate])
            try FileIO.write(text, to: file, at: 0)
            try FileIO.sync(file)
        }
        try Directory.rename(temporaryName, in: root, to: name, in: root)
        try FileIO.sync(root)
    }

    /// The keys of a directory.
    /// - Throws: `PermanentFailure` where the phrase is wrong or the file is.
    static func open(
        _ phrase: EncryptionPhrase, in root: borrowing Descriptor, _ path: BytePath
    ) throws -> KeyRing {
        guard let ring = try opened(phrase, in: root, path) else {
            throw PermanentFailure(
                "the encryption key is wrong for this data directory (\(path)): give the one with "
                    + "which it was made")
        }
        return ring
    }

    /// The same; nil where the phrase is wrong.
    static func opened(
        _ phrase: EncryptionPhrase, in root: borrowing Descriptor, _ path: BytePath
    ) throws -> KeyRing? {
        guard try Directory.status(of: name, in: root) != nil else {
            throw PermanentFailure(
                "the file \(path)/KEY is gone: without it nothing of this data directory can be read; "
                    + "put it back from a copy")
        }
        let file = try Directory.open(name, in: root)
        let text = try FileIO.read(file, count: SealingLimits.keyFileByteCountMax + 1, at: 0)
        do throws(KeyFileError) {
            return try WrappedKeys(text: text).unwrapped(with: phrase)
        } catch {
            switch error {
            case .wrongPhrase: return nil
            case .damaged:
                throw PermanentFailure(
                    "the file \(path)/KEY is damaged: without it nothing of this data directory can be "
                        + "read; put it back from a copy")
            case .newer(let version):
                throw PermanentFailure(
                    "the file \(path)/KEY has version \(version): start the newer version of clusterf "
                        + "that wrote it")
            }
        }
    }

    /// What an earlier life left that did not come to making the directory.
    static func remove(in root: borrowing Descriptor) throws {
        _ = try Directory.removeIfPresent(name, in: root)
    }
}
