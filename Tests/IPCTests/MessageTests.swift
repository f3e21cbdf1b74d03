import Foundation
import IPC
import Model
import Testing

/// Each message: round trip, every truncation, trailing bytes, and its bytes as they were when the
/// version was made.
@Suite struct MessageTests {
    static func encode(_ message: some Message) -> [UInt8] {
        var writer = ByteWriter()
        message.encode(into: &writer)
        return writer.bytes
    }

    static func decode<M: Message>(_ type: M.Type, _ bytes: [UInt8]) throws -> M {
        try M(decoding: bytes.span.bytes)
    }

    static func checkRoundTrip<M: Message>(_ message: M) throws {
        let bytes = encode(message)
        #expect(try decode(M.self, bytes) == message)
    }

    /// No proper prefix of a message is a message, but for that without its optional tail.
    static func checkTruncation<M: Message>(_ message: M, optionalTail: Int = 0) {
        let brokenTail: DecodeError? =
            switch message {
            case is MakeDirectoryRequest: .invalid("tokens")
            case let error as RemoteError where error.code != .locked: .invalid("count")
            default: nil
            }
        let bytes = encode(message)
        for end in 0..<bytes.count where optionalTail == 0 || end != bytes.count - optionalTail {
            #expect(throws: DecodeError.self, "\(M.self) cut at \(end)") {
                try decode(M.self, Array(bytes[..<end]))
            }
        }
        // What is behind the end of one that may have a tail is a broken tail.
        #expect(throws: optionalTail == 0 ? brokenTail ?? .trailingBytes : .trailingBytes) {
            try decode(M.self, bytes + [0])
        }
    }

    static func checkNoTrap<M: Message>(_ message: M, seed: UInt64) {
        var rng = SplitMix64(seed: seed)
        for _ in 0..<300 {
            var bytes = encode(message)
            for _ in 0..<Int.random(in: 1...4, using: &rng) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &rng)
                bytes[index] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &rng) ?? 0
            }
            // Either answer is right; a decoded message must encode again to the same bytes.
            if let decoded = try? decode(M.self, bytes) {
                #expect(Self.encode(decoded).count == bytes.count)
            }
        }
    }

    @Test(arguments: Samples.all.map(\.0))
    func survivesTheWire(name: String) throws {
        let message = try #require(Samples.all.first { $0.0 == name }?.1)
        try Self.checkRoundTrip(message)
        Self.checkTruncation(message, optionalTail: Samples.optionalTails[name] ?? 0)
        Self.checkNoTrap(message, seed: 11)
    }

    /// The golden bytes: a change here is a change of the protocol, which needs a new version.
    @Test(arguments: Samples.all.map(\.0))
    func bytesAreThoseOfVersion1(name: String) throws {
        let message = try #require(Samples.all.first { $0.0 == name }?.1)
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "Fixtures")
        let file = folder.appending(path: "v1-\(name).hex")
        let hex = Hex.encode(Self.encode(message))
        let golden = try? String(contentsOf: file, encoding: .utf8)
        if golden == nil, ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil {
            try (hex + "\n").write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(golden == hex + "\n", "\(name): the bytes of version 1 changed, or have no fixture")
    }

    @Test func everyFixtureHasItsMessage() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "Fixtures")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(Set(files) == Set(Samples.all.map { "v1-\($0.0).hex" }))
    }

    @Test func messageTypesKeepTheirNumbers() {
        let numbers = MessageType.allCases.map(\.rawValue)
        #expect(
            numbers == [1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 32, 33, 34, 35, 36]
                + Array(64...77) + Array(80...84) + Array(88...93) + Array(96...103)
                + Array(112...119) + [120] + Array(122...124))
    }

    @Test func aLongErrorIsClippedNotRefused() throws {
        let error = RemoteError(.internalError, String(repeating: "é", count: 9000))
        let decoded = try Self.decode(RemoteError.self, Self.encode(error))
        #expect(decoded.message.utf8.count <= IPCLimits.textByteCountMax)
        #expect(decoded.message.utf8.count > IPCLimits.textByteCountMax - 2)
    }

    @Test func whatIsSaidOfPeersStaysWithinItsBounds() {
        func refuses<M: Message>(_ type: M.Type, _ write: (inout ByteWriter) -> Void) {
            var writer = ByteWriter()
            write(&writer)
            let bytes = writer.bytes
            #expect(throws: DecodeError.self) { try Self.decode(M.self, bytes) }
        }
        for name in ["", ".", "a/b", "ü", String(repeating: "x", count: 65)] {
            refuses(PeerFound.self) { $0.writeText(name) }
        }
        func part(_ channel: UInt8, _ byteCount: Int) -> (inout ByteWriter) -> Void {
            { writer in
                writer.writeText("n")
                writer.write(channel)
                writer.write(UInt64(1))
                writer.write(UInt32(0))
                writer.write(true)
                writer.writeRun([UInt8](repeating: 0, count: byteCount))
            }
        }
        refuses(PeerPart.self, part(2, 0))
        refuses(PeerPart.self, part(1, IPCLimits.peerPartByteCountMax + 1))
        func address(_ host: String, _ port: UInt16, _ writer: inout ByteWriter) {
            writer.writeText(host)
            writer.write(port)
        }
        func attached(_ count: Int, _ host: String, _ port: UInt16) -> (inout ByteWriter) -> Void {
            { writer in
                writer.write(UInt64(1))
                writer.write(UInt16(count))
                for _ in 0..<count { address(host, port, &writer) }
            }
        }
        refuses(PeersAttached.self, attached(IPCLimits.addressCountMax + 1, "h", 1))
        refuses(PeersAttached.self, attached(1, "", 1))
        refuses(PeersAttached.self, attached(1, "h", 0))
        refuses(PeersAttached.self, attached(1, String(repeating: "h", count: 65), 1))
        refuses(PeerBook.self) { $0.write(UInt32(IPCLimits.bookCountMax + 1)) }
    }

    /// The largest of each: the longest names, and as many as may be.
    @Test func aFullNoticeOfPeersStaysBelowAFrame() {
        let node = Samples.node(String(repeating: "n", count: NodeID.byteCountMax))
        let address = PeerAddress(
            host: String(repeating: "h", count: PeerAddress.hostByteCountMax), port: 1)
        let addresses = [PeerAddress](repeating: address, count: IPCLimits.addressCountMax)
        let book = PeerBook(
            entries: .init(
                repeating: .init(node: node, addresses: addresses), count: IPCLimits.bookCountMax))
        let part = PeerPart(
            node: node, channel: .connection, message: 1, part: 1, isLast: false,
            bytes: [UInt8](repeating: 1, count: IPCLimits.peerPartByteCountMax))
        let most = IPCLimits.frameByteCountMax - IPCLimits.headerByteCount
        #expect(Self.encode(book).count <= most)
        #expect(Self.encode(part).count <= most)
    }

    @Test func whatIsSaidOfTheClusterStaysWithinItsBounds() {
        func refuses<M: Message>(_ type: M.Type, _ write: (inout ByteWriter) -> Void) {
            var writer = ByteWriter()
            write(&writer)
            let bytes = writer.bytes
            #expect(throws: DecodeError.self) { try Self.decode(M.self, bytes) }
        }
        func status(nodes: Int, state: UInt8, addresses: UInt16) -> (inout ByteWriter) -> Void {
            { writer in
                writer.writeText("")
                writer.writeText("")
                writer.write(UInt8(3))
                writer.write(UInt32(nodes))
                writer.writeText("n1")
                writer.write(state)
                for _ in 0..<6 { writer.write(false) }
                writer.writeText("")
                writer.write(UInt32(0))
                writer.write(UInt64(0))
                writer.writeText("")
                writer.write(addresses)
                for _ in 0..<addresses { writer.writeText("a:1") }
                writer.write(UInt32(0))
                writer.write(false)
                writer.write(false)
            }
        }
        refuses(ClusterStatus.self, status(nodes: 1, state: 6, addresses: 0))
        refuses(
            ClusterStatus.self,
            status(nodes: 1, state: 0, addresses: UInt16(IPCLimits.addressCountMax + 1)))
        refuses(
            ClusterStatus.self,
            status(nodes: IPCLimits.clusterNodesMax + 1, state: 0, addresses: 0))
        refuses(AdministerRequest.self) { $0.write(UInt8(0)) }
        refuses(AdministerRequest.self) { $0.write(UInt8(7)) }
        refuses(AdministerRequest.self) { writer in
            writer.write(UInt8(5))
            writer.writeText("../n1")
        }
        refuses(ClusterSettingsList.self) { $0.write(UInt32(IPCLimits.listCountMax + 1)) }
        refuses(PartitionHealthResponse.self) { writer in
            writer.write(UInt8(3))
            writer.write(UInt32(IPCLimits.listingPageCountMax + 1))
        }
    }

    @Test func aPathOutsideTheRulesIsRefused() {
        for bad in ["", "a", "/../a", "/a//b", "/a/./b", "/a\0b"] {
            var writer = ByteWriter()
            writer.writeText(bad)
            writer.write(true)
            let bytes = writer.bytes
            #expect(throws: DecodeError.invalid("path"), "\(bad)") {
                try Self.decode(LookupRequest.self, bytes)
            }
        }
    }
}

@Suite struct WriteConditionTests {
    let mine = Samples.digest
    let time = Timestamp(nanoseconds: 5_900_000_000)

    @Test func ifMatchAsksForTheTag() {
        let conditions = WriteConditions(ifMatch: .digests([mine]))
        #expect(conditions.hold(digest: mine, modified: time))
        #expect(!conditions.hold(digest: nil, modified: nil))
        #expect(!WriteConditions(ifMatch: .digests([])).hold(digest: mine, modified: time))
        #expect(WriteConditions(ifMatch: .any).hold(digest: mine, modified: time))
        #expect(!WriteConditions(ifMatch: .any).hold(digest: nil, modified: nil))
    }

    @Test func ifNoneMatchStarAsksForNothingThere() {
        let conditions = WriteConditions(ifNoneMatch: .any)
        #expect(conditions.hold(digest: nil, modified: nil))
        #expect(!conditions.hold(digest: mine, modified: time))
    }

    @Test func unmodifiedSinceCountsWholeSecondsAndYieldsToIfMatch() {
        #expect(WriteConditions(ifUnmodifiedSince: 5).hold(digest: mine, modified: time))
        #expect(!WriteConditions(ifUnmodifiedSince: 4).hold(digest: mine, modified: time))
        let both = WriteConditions(ifMatch: .digests([mine]), ifUnmodifiedSince: 4)
        #expect(both.hold(digest: mine, modified: time))
    }
}
