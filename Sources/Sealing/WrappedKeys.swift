internal import Crypto
package import Model

/// Why a file `KEY` gives no keys.
package enum KeyFileError: Error, Equatable, Sendable {
    /// The phrase is another one than the one with which the keys were wrapped.
    case wrongPhrase
    /// The file is not as it was written.
    case damaged
    /// A newer version of the program wrote it.
    case newer(version: Int)
}

/// The file `KEY`: the data keys of a directory, wrapped under what a person gave. Text, a line each:
///
/// ```
///   clusterf-key 1
///   scrypt N r p SALT           how the wrapping key is derived from the phrase
///   key EPOCH WRAPPED           for each data key: nonce, key, tag (AES-256-GCM)
///   sum DIGEST                  SHA-256 of the lines above: tells damage from a wrong phrase
/// ```
package struct WrappedKeys: Equatable, Sendable {
    private struct Entry: Equatable {
        var epoch: UInt32
        /// Nonce, key, tag.
        var wrapped: [UInt8]
    }

    private let cost: KeyCost
    private let salt: [UInt8]
    private let entries: [Entry]

    private static let version = 1
    private static let wrappedByteCount =
        SealingLimits.nonceByteCount + SealingLimits.keyByteCount + SealingLimits.tagByteCount

    private init(cost: KeyCost, salt: [UInt8], entries: [Entry]) {
        self.cost = cost
        self.salt = salt
        self.entries = entries
    }

    /// Wraps `ring` under `phrase`, with a new salt.
    package init(
        _ ring: KeyRing, under phrase: EncryptionPhrase, cost: KeyCost = .standard,
        using generator: inout some RandomNumberGenerator
    ) {
        let salt = RandomBytes.make(SealingLimits.saltByteCount, using: &generator)
        let wrapping = PhraseKey(phrase, salt: salt, cost: cost).key
        var entries: [Entry] = []
        for key in ring.keys {
            let nonce = RandomBytes.make(SealingLimits.nonceByteCount, using: &generator)
            var wrapped = nonce + [UInt8](repeating: 0, count: SealingLimits.keyByteCount + 16)
            unsafe key.bytes.withUnsafeBytes { plain in
                unsafe wrapped.withUnsafeMutableBytes { out in
                    unsafe AEAD.seal(
                        plain, into: UnsafeMutableRawBufferPointer(rebasing: out[12..<44]),
                        tag: UnsafeMutableRawBufferPointer(rebasing: out[44...]), wrapping,
                        nonce: AEAD.nonce(nonce),
                        authenticating: WrappedKeys.context(key.epoch, cost, salt))
                }
            }
            entries.append(Entry(epoch: key.epoch, wrapped: wrapped))
        }
        self.init(cost: cost, salt: salt, entries: entries)
    }

    private static func context(
        _ epoch: UInt32, _ cost: KeyCost, _ salt: [UInt8]
    ) -> [UInt8] {
        [UInt8]("clusterf data key \(epoch), \(scryptLine(cost, salt))".utf8)
    }

    private static func scryptLine(_ cost: KeyCost, _ salt: [UInt8]) -> String {
        "scrypt \(cost.rounds) \(cost.blockSize) \(cost.parallelism) \(Hex.encode(salt))"
    }

    /// The keys.
    package func unwrapped(with phrase: EncryptionPhrase) throws(KeyFileError) -> KeyRing {
        let wrapping = PhraseKey(phrase, salt: salt, cost: cost).key
        var keys: [DataKey] = []
        for entry in entries {
            var bytes = [UInt8](repeating: 0, count: SealingLimits.keyByteCount)
            let isRight = unsafe entry.wrapped.withUnsafeBytes { wrapped in
                unsafe bytes.withUnsafeMutableBytes { out in
                    unsafe AEAD.open(
                        UnsafeRawBufferPointer(rebasing: wrapped[12..<44]),
                        tag: UnsafeRawBufferPointer(rebasing: wrapped[44...]), into: out, wrapping,
                        nonce: AEAD.nonce(Array(entry.wrapped[..<12])),
                        authenticating: WrappedKeys.context(entry.epoch, cost, salt))
                }
            }
            guard isRight else { throw .wrongPhrase }
            guard let key = DataKey(epoch: entry.epoch, bytes: bytes) else { throw .damaged }
            keys.append(key)
        }
        guard let ring = KeyRing(keys) else { throw .damaged }
        return ring
    }

    // MARK: Text

    /// The bytes of the file.
    package var text: [UInt8] {
        let lines =
            ["clusterf-key \(WrappedKeys.version)", WrappedKeys.scryptLine(cost, salt)]
            + entries.map { "key \($0.epoch) \(Hex.encode($0.wrapped))" }
        let body = [UInt8](lines.map { $0 + "\n" }.joined().utf8)
        return body + [UInt8]("sum \(WrappedKeys.sum(body))\n".utf8)
    }

    private static func sum(_ body: some Collection<UInt8>) -> String {
        Hex.encode(Array(SHA256.hash(data: Array(body))))
    }

    /// Reads the bytes of a file.
    package init(text: [UInt8]) throws(KeyFileError) {
        guard text.count <= SealingLimits.keyFileByteCountMax,
            let string = String(validating: text, as: UTF8.self), string.hasSuffix("\n")
        else { throw .damaged }
        var lines = string.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard let first = lines.popFirst()?.split(separator: " "), first.count == 2,
            first[0] == "clusterf-key", let version = Int(first[1])
        else { throw .damaged }
        guard version <= WrappedKeys.version else { throw .newer(version: version) }
        guard let last = lines.popLast() else { throw .damaged }
        let body = text.dropLast(last.utf8.count + 1)
        guard last == "sum \(WrappedKeys.sum(body))" else { throw .damaged }
        let (cost, salt) = try WrappedKeys.scrypt(lines.popFirst() ?? "")
        var entries: [Entry] = []
        for line in lines { entries.append(try WrappedKeys.entry(line)) }
        guard (1...SealingLimits.keyCountMax).contains(entries.count),
            Set(entries.map(\.epoch)).count == entries.count
        else { throw .damaged }
        self.init(cost: cost, salt: salt, entries: entries)
    }

    private static func scrypt(
        _ line: Substring
    ) throws(KeyFileError) -> (KeyCost, salt: [UInt8]) {
        let words = line.split(separator: " ")
        guard words.count == 5, words[0] == "scrypt", let rounds = Int(words[1]),
            let blockSize = Int(words[2]), let parallelism = Int(words[3]),
            let salt = Hex.decode(words[4].utf8), salt.count == SealingLimits.saltByteCount
        else { throw .damaged }
        let cost = KeyCost(
            rounds: rounds, blockSize: blockSize, parallelism: parallelism)
        guard cost.isAcceptable else { throw .damaged }
        return (cost, salt)
    }

    private static func entry(_ line: Substring) throws(KeyFileError) -> Entry {
        let words = line.split(separator: " ")
        guard words.count == 3, words[0] == "key", let epoch = UInt32(words[1]), epoch > 0,
            let wrapped = Hex.decode(words[2].utf8), wrapped.count == wrappedByteCount
        else { throw .damaged }
        return Entry(epoch: epoch, wrapped: wrapped)
    }
}
