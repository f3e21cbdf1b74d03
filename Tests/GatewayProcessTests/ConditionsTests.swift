import IPC
import Model
import Testing

@testable import GatewayProcess

@Suite struct ConditionsTests {
    let digest = ContentHasher.digest(of: [1, 2, 3])
    let other = ContentHasher.digest(of: [4])
    let modified = Timestamp(nanoseconds: 784_111_777_500_000_000)

    private func fields(_ lines: String) throws -> HeaderFields {
        try RequestHead(parsing: [UInt8]("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n".utf8))
            .fields
    }

    private func outcome(_ lines: String) throws -> ReadConditions.Outcome {
        try ReadConditions(try fields(lines), presentYear: 2026)
            .outcome(digest: digest, modified: modified)
    }

    @Test func ifNoneMatchTakesWeakTagsListsAndStar() throws {
        #expect(try outcome("If-None-Match: \"\(digest)\"") == .notModified)
        #expect(try outcome("If-None-Match: W/\"\(digest)\"") == .notModified)
        #expect(try outcome("If-None-Match: \"x\", \"\(digest)\"") == .notModified)
        #expect(try outcome("If-None-Match: *") == .notModified)
        #expect(try outcome("If-None-Match: \"\(other)\", \"y\"") == .proceed)
    }

    @Test func ifMatchIsStrong() throws {
        #expect(try outcome("If-Match: \"\(digest)\"") == .proceed)
        #expect(try outcome("If-Match: W/\"\(digest)\"") == .failed)
        #expect(try outcome("If-Match: *") == .proceed)
        #expect(try outcome("If-Match: \"\(other)\"") == .failed)
    }

    @Test func datesCompareWholeSeconds() throws {
        #expect(try outcome("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT") == .notModified)
        #expect(try outcome("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT") == .proceed)
        #expect(try outcome("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT") == .proceed)
        #expect(try outcome("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT") == .failed)
        #expect(try outcome("If-Modified-Since: yesterday") == .proceed)
    }

    @Test func tagsGoBeforeDates() throws {
        #expect(
            try outcome(
                "If-Match: \"\(digest)\"\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT")
                == .proceed)
        #expect(
            try outcome(
                "If-None-Match: \"x\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
                == .proceed)
        #expect(
            try outcome("If-Match: \"\(other)\"\r\nIf-None-Match: \"\(digest)\"") == .failed)
    }

    @Test func ifRangeIsStrongAndExact() throws {
        func applies(_ line: String) throws -> Bool {
            ReadConditions.rangeApplies(
                try fields(line), digest: digest, modified: modified, presentYear: 2026)
        }
        #expect(try applies("X: y"))
        #expect(try applies("If-Range: \"\(digest)\""))
        #expect(try !applies("If-Range: W/\"\(digest)\""))
        #expect(try !applies("If-Range: \"\(other)\""))
        #expect(try applies("If-Range: Sun, 06 Nov 1994 08:49:37 GMT"))
        #expect(try !applies("If-Range: Sun, 06 Nov 1994 08:49:38 GMT"))
        #expect(try !applies("If-Range: nonsense"))
    }

    @Test func badAndTooManyTagsAreRefused() throws {
        #expect(throws: Problem.self) { try outcome("If-Match: abc") }
        #expect(throws: Problem.self) { try outcome("If-None-Match: \"a") }
        let many = (0...IPCLimits.entityTagCountMax).map { "\"\($0)\"" }.joined(separator: ",")
        #expect(throws: Problem.self) { try outcome("If-Match: \(many)") }
    }

    @Test func writesKnowTheirConditions() throws {
        let conditions = try WriteConditions(
            try fields("If-Match: \"\(digest)\", W/\"\(other)\", \"x\"\r\nIf-None-Match: *"),
            presentYear: 2026)
        #expect(conditions == WriteConditions(ifMatch: .digests([digest]), ifNoneMatch: .any))
    }

    @Test func digestsOfBothFieldsAreRead() throws {
        let base64 = "A5BYxvLAy0ksed2QpDe7iXkhmNlpJw6LNV9/Fd4gRSQ="
        let bytes = try #require(Base64.decode([UInt8](base64.utf8)[...]))
        let digest = try #require(Digest(bytes: bytes))
        #expect(
            try ContentDigest.expected(try fields("Content-Digest: sha-256=:\(base64):")) == digest)
        #expect(
            try ContentDigest.expected(
                try fields("Content-Digest: md5=:AAAA:, sha-256=:\(base64):")) == digest)
        #expect(
            try ContentDigest.expected(try fields("X-ClusterF-Checksum: \(digest)")) == digest)
        #expect(try ContentDigest.expected(try fields("X: y")) == nil)
        #expect(throws: Problem.self) {
            try ContentDigest.expected(try fields("Content-Digest: sha-256=abc"))
        }
        #expect(throws: Problem.self) {
            try ContentDigest.expected(try fields("X-ClusterF-Checksum: 12"))
        }
        #expect(throws: Problem.self) {
            try ContentDigest.expected(
                try fields(
                    "X-ClusterF-Checksum: \(other)\r\nContent-Digest: sha-256=:\(base64):"))
        }
    }

    @Test(arguments: [
        ("", []), ("Zg==", [0x66]), ("Zm8=", [0x66, 0x6F]), ("Zm9v", [0x66, 0x6F, 0x6F]),
    ])
    func base64IsRead(_ text: String, _ bytes: [UInt8]) {
        #expect(Base64.decode([UInt8](text.utf8)[...]) == bytes)
        #expect(Base64.encode(bytes) == [UInt8](text.utf8))
    }

    /// As WebDAV writes it; litmus has room for 62 characters.
    @Test func aShortTagMeansTheSameContent() throws {
        let digest = try #require(Digest(hex: String(repeating: "b", count: 64)))
        let short = EntityTag.short(digest)
        #expect(short.count == 45)
        #expect(EntityTag.parse(short[...]) == .init(digest: digest, isWeak: false))
        #expect(
            EntityTag.parse(EntityTag.text(digest)[...]) == .init(digest: digest, isWeak: false))
        let broken = [0x22] + [UInt8](repeating: 0x2D, count: 43) + [0x22]
        #expect(EntityTag.parse(broken[...]) == .init(digest: nil, isWeak: false))
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z===", "Zm9v!", "====", "Zm-v"])
    func badBase64IsRefused(_ text: String) {
        #expect(Base64.decode([UInt8](text.utf8)[...]) == nil)
    }

    @Test func contentTypesAreGuessedWhereNoneIsSaid() throws {
        let path = try StorePath(validating: [UInt8]("/a/Photo.JPG".utf8))
        #expect(ContentTypes.ofUpload(try fields("X: y"), path: path) == "image/jpeg")
        #expect(
            ContentTypes.ofUpload(
                try fields("Content-Type: application/x-www-form-urlencoded"), path: path)
                == "image/jpeg")
        #expect(
            ContentTypes.ofUpload(try fields("Content-Type: text/x; charset=y"), path: path)
                == "text/x; charset=y")
        let plain = try StorePath(validating: [UInt8]("/.jpg".utf8))
        #expect(ContentTypes.guess(plain) == ContentTypes.unknown)
    }
}
