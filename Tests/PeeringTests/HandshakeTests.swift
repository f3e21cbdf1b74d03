import IPC
import Model
import Testing

@testable import Peering

/// Who is let in, and what people are told otherwise.
@Suite struct HandshakeTests {
    let own = identity("n1")

    private func judge(_ hello: PeerHello) -> PeerHandshake.Verdict {
        let bytes = encoded(hello)
        return PeerHandshake.judge(bytes.span.bytes, by: own)
    }

    private func hello(_ identity: GatewayIdentity) -> PeerHello {
        PeerHello(identity: identity, kind: .control, linksSeen: 0)
    }

    private func refused(_ verdict: PeerHandshake.Verdict) -> PeerRefusal? {
        if case .refused(let refusal, _) = verdict { refusal } else { nil }
    }

    @Test func aNodeOfTheSameClusterFits() {
        let theirs = hello(identity("n2"))
        #expect(judge(theirs) == .fits(theirs))
    }

    @Test func anotherClusterIsRefusedWithBothNames() throws {
        let refusal = try #require(refused(judge(hello(identity("n2", cluster: "office")))))
        #expect(refusal.code == .otherCluster)
        #expect(refusal.sentence.contains("\"default\""))
        #expect(refusal.sentence.contains("\"office\""))
    }

    @Test func theNodeItselfAndItsDoubleAreToldApart() throws {
        let itself = try #require(refused(judge(hello(identity("n1", generation: 9, number: 8)))))
        #expect(itself.code == .sameNode)
        #expect(itself.sentence.contains("itself"))
        let double = try #require(refused(judge(hello(identity("n1", started: 5, number: 8)))))
        #expect(double.code == .sameNode)
        #expect(double.sentence.contains("two nodes have the id n1"))
    }

    @Test func aVersionThatIsNotSpokenIsRefusedWhateverFollows() throws {
        for isLink in [true, false] {
            var writer = ByteWriter()
            writer.write(PeerHello.magic)
            for (low, high) in isLink ? [(7, 9), (1, 1)] : [(1, 1), (7, 9)] {
                writer.write(UInt16(low))
                writer.write(UInt16(high))
            }
            writer.writeBytes([0xFF, 0xFF])
            let bytes = writer.bytes
            let refusal = try #require(
                refused(PeerHandshake.judge(bytes.span.bytes, by: own)))
            #expect(refusal.code == .version)
            #expect(refusal.sentence.contains("1, not 7 to 9"))
        }
    }

    @Test func aNewerHelloThatSpeaksThisVersionTooIsTaken() {
        var theirs = hello(identity("n2"))
        theirs.linkVersions = 1...3
        theirs.messageVersions = 1...2
        let bytes = encoded(theirs) + [1, 2, 3, 4]
        #expect(PeerHandshake.judge(bytes.span.bytes, by: own) == .fits(theirs))
        let welcome = PeerHandshake.welcome(theirs, by: own, number: 4)
        #expect(welcome.linkVersion == 1)
        #expect(welcome.messageVersion == 1)
    }

    @Test func strangersGetNoAnswer() {
        let http: [UInt8] = Array("GET / HTTP/1.1\r\nHost: n1\r\n\r\n".utf8)
        for bytes in [[], [0x63], http, [UInt8](repeating: 0, count: 100)] {
            guard case .nonsense = PeerHandshake.judge(bytes.span.bytes, by: own) else {
                Issue.record("answered: \(bytes)")
                continue
            }
        }
    }

    @Test func livesAreOrderedBySupervisorThenGeneration() {
        let life = GatewayLife(started: 5, generation: 3, number: 1)
        #expect(GatewayLife(started: 5, generation: 4, number: 0).isNewer(than: life))
        #expect(GatewayLife(started: 6, generation: 1, number: 0).isNewer(than: life))
        #expect(!GatewayLife(started: 5, generation: 3, number: 9).isNewer(than: life))
        #expect(!GatewayLife(started: 4, generation: 9, number: 9).isNewer(than: life))
    }
}

@Suite struct PartSequenceTests {
    private func admitted(_ parts: [(UInt64, UInt32, Bool)]) -> [Bool] {
        var sequence = PartSequence()
        return parts.map { sequence.admits(message: $0.0, part: $0.1, isLast: $0.2) }
    }

    @Test func aMessageInOrderPasses() {
        #expect(
            admitted([(1, 0, false), (1, 1, false), (1, 2, true), (2, 0, true)])
                == [true, true, true, true])
    }

    @Test func afterAGapNothingMoreOfTheMessagePasses() {
        #expect(
            admitted([(1, 0, false), (1, 2, false), (1, 3, true), (2, 0, false), (2, 1, true)])
                == [true, false, false, true, true])
    }

    @Test func aPartOfAnotherMessageCompletesNothing() {
        #expect(
            admitted([(1, 0, false), (2, 1, true), (1, 1, true)]) == [true, false, false])
        #expect(admitted([(1, 0, true), (1, 1, true)]) == [true, false])
    }

    @Test func aNewMessageEndsTheOneBefore() {
        #expect(
            admitted([(1, 0, false), (2, 0, false), (1, 1, true), (2, 1, true)])
                == [true, true, false, false])
    }

    @Test func theLastNumberOfAPartDoesNotOverflow() {
        var sequence = PartSequence()
        let first = sequence.admits(message: 1, part: 0, isLast: false)
        let last = sequence.admits(message: 1, part: .max, isLast: false)
        #expect(first && !last)
        sequence.breakOff()
        #expect(!sequence.isWithinMessage)
    }
}
