import Foundation
import Model
import Replication
import Testing

@testable import Cluster

/// Messages between stores survive their encoding, and nothing else decodes or traps.
@Suite struct PeerMessageTests {
    private var generator = SplitMix64(seed: 5)

    private func decoded(_ bytes: [UInt8]) throws(DecodeError) -> PeerMessage {
        try PeerMessage(decoding: bytes.span.bytes)
    }

    private static func messages() throws -> [PeerMessage] { try MessageSamples().messages() }

    @Test func messagesComeBackAsTheyWere() throws {
        for message in try Self.messages() {
            let bytes = try message.encode()
            let again = try decoded(bytes)
            #expect(again == message)
            #expect(try again.encode() == bytes)
        }
    }

    @Test func everyKindThatTravelsHasSamples() throws {
        let messages = try Self.messages()
        #expect(Set(messages.map { PeerMessageKind($0) }) == Set(PeerMessageKind.allCases))
        var requests: Set<PeerRequestKind> = []
        var replies: Set<PeerReplyKind> = []
        var forwarded: Set<ClientRequestKind> = []
        var answers: Set<ClientAnswerKind> = []
        for message in messages {
            if case .request(let request) = message {
                requests.insert(PeerRequestKind(request.body))
                if case .forward(let body, _, _) = request.body {
                    forwarded.insert(ClientRequestKind(body))
                    #expect(body.coordinatedKey != nil, "only what a holder coordinates")
                }
            }
            if case .reply(let reply) = message {
                replies.insert(PeerReplyKind(reply.body))
                if case .client(let answer) = reply.body {
                    answers.insert(ClientAnswerKind(answer))
                }
            }
        }
        #expect(requests == Set(PeerRequestKind.allCases))
        #expect(replies == Set(PeerReplyKind.allCases))
        #expect(forwarded == Set(ClientRequestKind.allCases.filter(\.travels)))
        #expect(answers == Set(ClientAnswerKind.allCases.filter(\.travels)))
    }

    @Test func whatIsANodesOwnWorkHasNoBytes() throws {
        let own = try MessageSamples().ownRequests()
        let kinds = ClientRequestKind.allCases.filter { !$0.travels }
        #expect(Set(own.map { ClientRequestKind($0) }) == Set(kinds))
        for request in own {
            let shown = ClientRequest.showing(
                request, LockGuard(tokens: [], holdsShared: false, wallMilliseconds: 0))
            for request in [request, shown] {
                let body = PeerRequest.Body.forward(request, isRepeat: false, sentAt: 0)
                let message = PeerMessage.request(PeerRequest(id: 1, layouts: nil, body: body))
                #expect(request.coordinatedKey == nil)
                #expect(throws: PeerMessage.EncodeError.ownWork) { try message.encode() }
            }
        }
        let answers: [ClientAnswer] = [.tooManyLocks, .refused(.isAlive), .unlocked(exact: true)]
        for answer in answers {
            let reply = PeerReply(
                id: 1, disk: DiskID(bits: Bits128(high: 1, low: 1)), body: .client(answer))
            #expect(throws: PeerMessage.EncodeError.ownWork) {
                try PeerMessage.reply(reply).encode()
            }
        }
        #expect(throws: PeerMessage.EncodeError.ownWork) {
            try PeerMessage.tell(.partitions).encode()
        }
        #expect(!ReplicaRequest.partitions.isForPeers)
    }

    @Test func whatIsTooMuchToDecodeIsNotEncoded() throws {
        let key = RegisterKey.file(try MessageSamples().path("/a"))
        let dot = Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 3)
        let dots = [Dot](repeating: dot, count: WireLimits.messageByteCountMax / 24 + 1)
        #expect(throws: PeerMessage.EncodeError.tooLarge) {
            try PeerMessage.tell(.expire(key, dots)).encode()
        }
    }

    @Test func truncatedMessagesAreRefused() throws {
        for message in try Self.messages() {
            let bytes = try message.encode()
            for count in 0..<bytes.count {
                let part = Array(bytes.prefix(count))
                #expect(throws: DecodeError.self) { try decoded(part) }
            }
            #expect(throws: DecodeError.trailingBytes) { try decoded(bytes + [0]) }
        }
    }

    @Test func damagedMessagesNeverTrap() throws {
        var generator = generator
        for message in try Self.messages() {
            let bytes = try message.encode()
            for _ in 0..<300 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let index = Int.random(in: 0..<damaged.count, using: &generator)
                    damaged[index] = UInt8.random(in: 0...255, using: &generator)
                }
                guard let message = try? decoded(damaged) else { continue }
                #expect(try message.encode().count == damaged.count)
            }
        }
    }

    /// A newer peer is told from a broken one.
    @Test func anotherVersionOrKindIsAnErrorOfItsOwn() throws {
        var bytes = try Self.messages()[0].encode()
        bytes[0] = PeerMessage.version + 1
        #expect(throws: DecodeError.unknown("version")) { try decoded(bytes) }
        #expect(throws: DecodeError.unknown("message kind")) { try decoded([1, 8]) }
        let head = [1, 3] + [UInt8](repeating: 0, count: 9)
        #expect(throws: DecodeError.unknown("request")) { try decoded(head + [8]) }
        let forward = head + [2] + [UInt8](repeating: 0, count: 9)
        #expect(throws: DecodeError.unknown("client request")) { try decoded(forward + [11]) }
    }

    /// The estimate, which costs no encoding, is half to twice the bytes, but for the head of a frame and such.
    @Test func estimatesOfSizesAreNearTheBytes() throws {
        for message in try Self.messages() {
            let (estimate, count) = (message.byteCount, try message.encode().count)
            #expect(estimate <= 2 * count + 128, "\(message): \(estimate), not \(count)")
            #expect(count <= 2 * estimate + 64, "\(message): \(estimate), not \(count)")
        }
    }

    /// A change here is a change of what nodes say to each other, which needs a new version.
    @Test func bytesAreThoseOfVersion1() throws {
        let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Peer/message-v1.txt")
        let lines = try Self.messages().map { "\($0.kind) \(Hex.encode(try $0.encode()))" }
        let golden = try? String(contentsOf: url, encoding: .utf8)
        if golden == nil, ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil {
            let text = lines.joined(separator: "\n") + "\n"
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        let expected = try #require(golden).split(separator: "\n").map(String.init)
        #expect(lines.count == expected.count)
        for (line, expected) in zip(lines, expected) { #expect(line == expected) }
    }

    /// By hand, from docs/PEER.md.
    @Test func bytesAreAsTheDocumentSays() throws {
        let request = PeerRequest(id: 9, layouts: nil, body: .establish)
        let id = "0000000000000009"
        #expect(Hex.encode(try PeerMessage.request(request).encode()) == "0103" + id + "00" + "04")
        let disk = DiskID(bits: Bits128(high: 1, low: 2))
        let reply = PeerReply(id: 9, disk: disk, body: .epoch(5, isInformed: true))
        #expect(
            Hex.encode(try PeerMessage.reply(reply).encode())
                == "0104" + id + "0000000000000001" + "0000000000000002" + "08" + "01"
                + "0000000000000005" + "01")
    }

    /// Whatever nodes say to each other has bytes, and is understood as it was said.
    @Test func allThatACrowdSaysTravels() throws {
        let cluster = TinyCluster(seed: 3)
        cluster.encodesMessages = true
        cluster.add("a")
        for name in ["b", "c", "d"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        let path = try MessageSamples().path("/d/a")
        let put = ClientRequest.put(path, cluster.content(1), .absent, cluster.operation())
        guard case .written? = cluster.ask("d", put) else {
            Issue.record("not written")
            return
        }
        let lock = LockRequest(
            token: LockToken(bits: Bits128(high: 0, low: 1)), owner: [], scope: .exclusive,
            depth: .zero, seconds: 60)
        guard case .lockGranted? = cluster.ask("c", .lock(path, lock, cluster.operation())) else {
            Issue.record("not locked")
            return
        }
        let delete = ClientRequest.guarded(
            .delete(path, .none, cluster.operation()), tokens: [lock.token])
        guard case .written? = cluster.ask("b", delete) else {
            Issue.record("not deleted")
            return
        }
        cluster.run(for: .seconds(60))
        #expect(cluster.encodingFaults.isEmpty, "\(cluster.encodingFaults.prefix(3))")
    }
}
