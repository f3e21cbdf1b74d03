import Cluster
import Model
import Replication
import Testing

/// What a node may say while it knows of something that is not durable.
@Suite struct DurabilityGateTests {
    private func answer(_ number: UInt64) -> NodeDirective {
        .answer(ClientTicket(number: number), .done)
    }

    private func numbers(_ directives: [NodeDirective]) -> [UInt64] {
        directives.compactMap {
            if case .answer(let ticket, _) = $0 { ticket.number } else { nil }
        }
    }

    /// A gate, and what passed it.
    private struct Door {
        var gate = DurabilityGate()
        var passed: [NodeDirective] = []

        mutating func say(_ directives: NodeDirective...) {
            for directive in directives where gate.admit(directive) { passed.append(directive) }
        }

        mutating func durable(_ number: UInt64) { passed += gate.isDurable(number) }
    }

    @Test func everythingPassesWhileAllIsDurable() {
        var door = Door()
        door.say(answer(1))
        door.gate.isAhead(1)
        door.durable(1)
        door.say(answer(2))
        #expect(numbers(door.passed) == [1, 2])
    }

    @Test func answersAndMessagesWaitAndKeepTheirOrder() {
        var door = Door()
        door.gate.isAhead(1)
        door.say(answer(1), answer(2))
        #expect(door.passed.isEmpty && door.gate.heldCount == 2)
        door.durable(1)
        #expect(numbers(door.passed) == [1, 2])
        #expect(door.gate.heldCount == 0 && !door.gate.isClosed)
    }

    @Test func changesOfTheOwnDiskPassAndLongQuestionsToItWait() throws {
        var generator = SplitMix64(seed: 1)
        let key = RegisterKey.file(try StorePath(validating: "/a".utf8))
        let dot = Dot(disk: DiskID(using: &generator), sequence: 1)
        let ticket = StorageTicket(number: 1)
        var door = Door()
        door.gate.isAhead(1)
        door.say(.storage(ticket, .replica(.withdraw(key, dot))))
        #expect(door.passed.count == 1)
        // What the writer answers, by what was written.
        door.say(.storage(ticket, .replica(.read(key))))
        #expect(door.passed.count == 2)
        // What readers answer, by what is durable.
        door.say(.storage(ticket, .replica(.partitions)))
        #expect(door.passed.count == 2)
        door.durable(1)
        #expect(door.passed.count == 3)
    }

    @Test func whatWasSaidBeforeALaterAnswerWaitsForTheEarlierOneAlone() {
        var door = Door()
        door.gate.isAhead(1)
        door.say(answer(1))
        door.gate.isAhead(2)
        door.say(answer(2))
        door.durable(1)
        // Nothing passes what is held.
        door.say(answer(3))
        #expect(numbers(door.passed) == [1])
        door.durable(2)
        #expect(numbers(door.passed) == [1, 2, 3])
    }

    @Test func whatIsHeldHasABound() throws {
        let peer = try #require(NodeID("b"))
        var door = Door()
        door.gate.isAhead(1)
        for _ in 0...ClusterLimits.heldDirectivesMax { door.say(.send(.watch, to: peer)) }
        #expect(door.gate.heldCount == ClusterLimits.heldDirectivesMax)
        // Clients are answered all the same.
        door.say(answer(1))
        door.durable(1)
        #expect(numbers(door.passed) == [1])
        #expect(door.passed.count == ClusterLimits.heldDirectivesMax + 1)
    }

    @Test func anEarlierNumberOpensNothing() {
        var door = Door()
        door.gate.isAhead(3)
        door.say(answer(1))
        door.durable(0)
        door.durable(2)
        #expect(door.passed.isEmpty)
        door.durable(5)
        #expect(numbers(door.passed) == [1])
    }
}
