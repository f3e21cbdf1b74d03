import Model
import Testing

@Suite struct StorePathTests {
    static func path(_ text: String) throws -> StorePath {
        try StorePath(validating: text.utf8)
    }

    @Test func partsOfAPath() throws {
        let path = try Self.path("/photos/2024/ä.jpg")
        #expect(Array(path.name) == Array("ä.jpg".utf8))
        #expect(try path.parent == Self.path("/photos/2024"))
        #expect(try Self.path("/photos").parent == .root)
        #expect(StorePath.root.parent == nil)
        #expect(path.components.count == 3)
        #expect(try Self.path("/photos/") == Self.path("/photos"))
    }

    @Test(arguments: [
        ("", StorePath.Fault.notAbsolute), ("a", .notAbsolute), ("//", .emptyComponent),
        ("/a//b", .emptyComponent), ("/.", .dotComponent), ("/a/..", .dotComponent),
        ("/a/../b", .dotComponent), ("/a\0", .nul),
    ])
    func badPathsAreRefused(text: String, fault: StorePath.Fault) {
        #expect(throws: fault) { try Self.path(text) }
    }

    @Test func limitsAreExact() throws {
        let long = String(repeating: "x", count: 255)
        #expect(throws: Never.self) { try Self.path("/" + long) }
        #expect(throws: StorePath.Fault.componentTooLong) { try Self.path("/x" + long) }
        let sixteen = (0..<16).map { _ in "/" + long }.joined()
        #expect(sixteen.utf8.count == 4096)
        #expect(throws: Never.self) { try Self.path(sixteen) }
        #expect(throws: StorePath.Fault.tooLong) { try Self.path(sixteen + "/x") }
    }

    @Test(arguments: [[0x2F, 0xFF], [0x2F, 0xC0, 0x80], [0x2F, 0xED, 0xA0, 0x80]] as [[UInt8]])
    func onlyUTF8IsAPath(bytes: [UInt8]) {
        #expect(throws: StorePath.Fault.notUTF8) { try StorePath(validating: bytes) }
    }

    @Test func composedAndDecomposedAreTwoPaths() throws {
        // Normalization is the edge's business: here bytes decide.
        #expect(try Self.path("/\u{E9}") != Self.path("/e\u{301}"))
    }

    @Test func belowIsNotAPrefixOfTheName() throws {
        #expect(try Self.path("/a/b").isBelow(Self.path("/a")))
        #expect(try !Self.path("/ab").isBelow(Self.path("/a")))
        #expect(try !Self.path("/a").isBelow(Self.path("/a")))
        #expect(try Self.path("/a").isBelow(.root))
    }

    @Test func partitionsAreSpreadAndNeverChange() throws {
        #expect(try Partition(of: Self.path("/photos/photo.jpg")).number == 54_580)
        var counts = [Int](repeating: 0, count: 64)
        for i in 0..<64_000 {
            counts[Int(Partition(of: try Self.path("/dir/file-\(i)")).number) / 1024] += 1
        }
        // 1,000 each is expected; 5 standard deviations are about 160.
        #expect(counts.allSatisfy { (840...1160).contains($0) })
    }
}

@Suite struct VersionTests {
    @Test func theHybridClockNeverGoesBack() {
        let first = HybridTime.zero.next(wallMilliseconds: 1000)
        #expect(first.wallMilliseconds == 1000)
        let second = first.next(wallMilliseconds: 1000)
        #expect(second > first)
        #expect(second.next(wallMilliseconds: 5) > second)
    }

    @Test func contextsJoinAndKnowWhatTheyContain() {
        let a = DiskID(bits: Bits128(high: 0, low: 1))
        let b = DiskID(bits: Bits128(high: 0, low: 2))
        var context = CausalContext(entries: [Dot(disk: b, sequence: 4)])
        context.insert(Dot(disk: a, sequence: 9))
        context.insert(Dot(disk: b, sequence: 2))
        #expect(context.entries == [Dot(disk: a, sequence: 9), Dot(disk: b, sequence: 4)])
        #expect(context.contains(Dot(disk: b, sequence: 3)))
        #expect(!context.contains(Dot(disk: b, sequence: 5)))
        var other = CausalContext(entries: [Dot(disk: b, sequence: 7)])
        other.merge(context)
        #expect(other.entries == [Dot(disk: a, sequence: 9), Dot(disk: b, sequence: 7)])
    }

    @Test func identifiersSurviveHexAndBytes() throws {
        var rng = SplitMix64(seed: 3)
        let id = ObjectID(using: &rng)
        #expect(id.hex.utf8.count == 32)
        #expect(ObjectID(hex: id.hex) == id)
        #expect(ObjectID(bytes: id.bytes) == id)
        #expect(ObjectID(hex: "xyz") == nil)
        let digest = try #require(Digest(bytes: Array(100..<132)))
        #expect(Digest(hex: digest.hex) == digest)
        #expect(digest.bytes == Array(100..<132))
        #expect(Digest(bytes: [1]) == nil)
    }

    @Test func operationIDsGrowWithTheClock() {
        var rng = SplitMix64(seed: 4)
        let early = OperationID(wallMilliseconds: 1_700_000_000_000, using: &rng)
        let late = OperationID(wallMilliseconds: 1_700_000_000_001, using: &rng)
        #expect(early < late)
        #expect(early.wallMilliseconds == 1_700_000_000_000)
    }
}
