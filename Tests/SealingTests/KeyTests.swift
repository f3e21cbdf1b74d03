import Crypto
import Model
import Testing

@testable import Sealing

/// The file `KEY`.
@Suite struct KeyTests {
    /// Cheap, for tests that wrap often.
    private let cost = KeyCost(rounds: 2, blockSize: 1, parallelism: 1)

    private func phrase(_ text: String) throws -> EncryptionPhrase {
        try EncryptionPhrase(text.utf8)
    }

    private func wrapped(_ ring: KeyRing, _ text: String) throws -> WrappedKeys {
        var generator = SplitMix64(seed: 6)
        return WrappedKeys(ring, under: try phrase(text), cost: cost, using: &generator)
    }

    @Test func theRightPhraseOpensAndNoOther() throws {
        var generator = SplitMix64(seed: 1)
        var ring = KeyRing(using: &generator)
        for epoch in UInt32(1)...3 {
            let keys = try WrappedKeys(text: try wrapped(ring, "correct horse").text)
            let opened = try keys.unwrapped(with: try phrase("correct horse"))
            #expect(opened.keys.map(\.bytes) == ring.keys.map(\.bytes))
            #expect(opened.current.epoch == epoch)
            for other in ["correct Horse", "correct horse ", "correct hors", "battery staple"] {
                #expect(throws: KeyFileError.wrongPhrase) {
                    try keys.unwrapped(with: try phrase(other))
                }
            }
            ring = try #require(ring.adding(using: &generator))
        }
    }

    @Test func aDamagedFileIsNoWrongPhrase() throws {
        let text = try wrapped(KeyRing.test(seed: 2), "correct horse").text
        for index in text.indices {
            var bad = text
            bad[index] ^= 1
            #expect(throws: KeyFileError.self) {
                do {
                    _ = try WrappedKeys(text: bad)
                } catch KeyFileError.wrongPhrase {
                    Issue.record("byte \(index) passes for a wrong phrase")
                }
                _ = try WrappedKeys(text: bad)
            }
        }
        for end in 0..<text.count {
            #expect(throws: KeyFileError.damaged) { try WrappedKeys(text: Array(text[..<end])) }
        }
    }

    @Test func aNewerFileIsSaidToBeNewer() throws {
        let text = try wrapped(KeyRing.test(seed: 2), "correct horse").text
        let newer = "clusterf-key 2" + String(decoding: text, as: UTF8.self).dropFirst(14)
        #expect(throws: KeyFileError.newer(version: 2)) {
            try WrappedKeys(text: [UInt8](newer.utf8))
        }
    }

    /// What a file says must not take the memory of the machine.
    @Test(arguments: [(1 << 30, 8, 1), (3, 8, 1), (1 << 15, 0, 1), (1 << 15, 8, 1000), (0, 8, 1)])
    func immoderateCostsAreRefused(_ cost: (Int, Int, Int)) {
        let cost = KeyCost(rounds: cost.0, blockSize: cost.1, parallelism: cost.2)
        #expect(!cost.isAcceptable)
    }

    @Test func theStandardCostIsBearable() throws {
        #expect(KeyCost.standard.isAcceptable)
        // 32 MiB.
        let cost = KeyCost.standard
        #expect(128 * cost.rounds * cost.blockSize == 32 << 20)
        var generator = SplitMix64(seed: 1)
        let ring = KeyRing(using: &generator)
        let keys = WrappedKeys(ring, under: try phrase("correct horse"), using: &generator)
        #expect(
            try WrappedKeys(text: keys.text).unwrapped(with: try phrase("correct horse"))
                .current.bytes == ring.current.bytes)
    }

    /// RFC 7914, section 12.
    @Test func scryptIsThatOfItsSpecification() throws {
        let key = PhraseKey(
            try phrase("pleaseletmein"), salt: [UInt8]("SodiumChloride".utf8),
            cost: .init(rounds: 16_384, blockSize: 8, parallelism: 1)
        ).key
        let bytes = key.withUnsafeBytes { Array($0) }
        #expect(
            Hex.encode(bytes) == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    }

    @Test func theFormatStaysWhatItIs() throws {
        let keys = try wrapped(KeyRing.test(seed: 42), "golden phrase")
        #expect(String(decoding: keys.text, as: UTF8.self) == Golden.keyFile)
        let opened = try WrappedKeys(text: [UInt8](Golden.keyFile.utf8))
            .unwrapped(with: try phrase("golden phrase"))
        #expect(opened.current.bytes == KeyRing.test(seed: 42).current.bytes)
    }

    @Test func aPhraseIsTakenWithoutItsLineEnd() throws {
        #expect(try EncryptionPhrase("correct horse\r\n".utf8) == phrase("correct horse"))
        #expect(throws: EncryptionPhrase.Flaw.tooShort(byteCount: 7)) { try phrase("horses7\n") }
        #expect(throws: EncryptionPhrase.Flaw.tooLong) {
            try EncryptionPhrase([UInt8](repeating: 1, count: 1025))
        }
    }

    @Test func nothingSecretIsShown() throws {
        let secret = try phrase("correct horse")
        for text in ["\(secret)", String(reflecting: secret), "\(KeyRing.test(seed: 1).current)"] {
            #expect(!text.contains("horse") && !text.contains("["))
        }
    }
}
