import Model
import Testing

@testable import Replication

/// A holder keeps what it has to know of a move with the destination that it prepares.
@Suite struct MoveIntentTests {
    private let key = RegisterKey.file(path("/to"))
    private let intent = MoveIntent(
        source: path("/from"), dot: dot(5, 1), destination: path("/to"), operation: operation(70))

    private var guarding: WriteGuard { WriteGuard(passesDirectories: true, move: intent) }

    private func assignment(_ number: UInt64 = 1) -> Assignment {
        Assignment(
            key: key, value: file(number), operation: intent.placing, time: HybridTime(value: 10))
    }

    private func assigned(_ tables: inout MemoryTables) throws -> RegisterVersion {
        let outcome = tables.execute(
            ReplicaRequest.assign(assignment()).guarded(guarding), at: .zero)
        #expect(outcome.hasMoves)
        guard case .assigned(let version, _) = outcome.reply else {
            throw NotAssigned(reply: outcome.reply)
        }
        return version
    }

    private struct NotAssigned: Error { let reply: ReplicaReply }

    private func rows(_ tables: MemoryTables) -> [MoveRow] { tables.moves(after: nil, limit: 9) }

    @Test func whoeverTakesPartInTheDestinationKeepsTheMove() throws {
        var first = MemoryTables(disk: disk(0))
        let version = try assigned(&first)
        #expect(rows(first) == [MoveRow(intent: intent)])
        var second = MemoryTables(disk: disk(1))
        let prepare = ReplicaRequest.prepare(key, version).guarded(guarding)
        #expect(second.execute(prepare, at: .zero).hasMoves)
        #expect(second.execute(prepare, at: .zero).reply == .prepared)
        #expect(rows(second) == [MoveRow(intent: intent)])
        var third = MemoryTables(disk: disk(2))
        let ballot = Ballot(round: 1, node: node("n1"))
        let accept = ReplicaRequest.accept(key, ballot, version).guarded(guarding)
        #expect(third.execute(accept, at: .zero).reply == .accepted)
        #expect(rows(third) == [MoveRow(intent: intent)])
        var fourth = MemoryTables(disk: disk(3))
        let mint = ReplicaRequest.mint(assignment(), ballot).guarded(guarding)
        #expect(fourth.execute(mint, at: .zero).hasMoves)
        #expect(rows(fourth) == [MoveRow(intent: intent)])
    }

    /// What is refused leaves nothing; nor does what was there before, whose move may be over.
    @Test func aWriteThatLeavesNothingKeepsNoMove() throws {
        var tables = MemoryTables(disk: disk(0))
        let version = try assigned(&tables)
        _ = tables.execute(.commit(key, version, listed: true), at: .zero)
        _ = tables.execute(.moveOver(intent.placing), at: .zero)
        let again = tables.execute(
            ReplicaRequest.assign(assignment()).guarded(guarding), at: .zero)
        #expect(again.reply == .alreadyApplied(version) && !again.hasMoves)
        #expect(rows(tables) == [])
        tables.isFull = true
        var other = assignment(2)
        other.operation = operation(3)
        let full = tables.execute(ReplicaRequest.assign(other).guarded(guarding), at: .zero)
        #expect(full.reply == .full && !full.hasMoves)
        #expect(rows(tables) == [])
    }

    @Test func theMoveIsKeptUntilItIsOver() throws {
        var tables = MemoryTables(disk: disk(0))
        let version = try assigned(&tables)
        _ = tables.execute(.commit(key, version, listed: true), at: .zero)
        _ = tables.execute(.moveOver(operation(1)), at: .zero)
        _ = tables.execute(.movePlaced(intent.placing), at: .zero)
        // Prepared again, it is as it was.
        _ = tables.execute(ReplicaRequest.prepare(key, version).guarded(guarding), at: .zero)
        #expect(rows(tables) == [MoveRow(intent: intent, isPlaced: true)])
        // Also where the partition is another disk's by now.
        let sum = tables.state(of: key.partition).sum
        #expect(tables.execute(.forget(key.partition, ifSum: sum), at: .zero).reply == .done)
        #expect(rows(tables).count == 1)
        _ = tables.execute(.moveOver(intent.placing), at: .zero)
        #expect(rows(tables) == [])
    }

    @Test func movesAreToldInPagesByTheirOperations() throws {
        var tables = MemoryTables(disk: disk(0))
        var intents: [MoveIntent] = []
        for number in 0..<5 {
            var other = intent
            other.operation = operation(UInt64(number))
            intents.append(other)
            tables.addMove(other)
        }
        intents.sort { $0.placing < $1.placing }
        #expect(rows(tables).map(\.intent) == intents)
        let page = tables.moves(after: intents[1].placing, limit: 2)
        #expect(page.map(\.intent) == [intents[2], intents[3]])
    }
}
