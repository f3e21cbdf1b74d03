import Model
import Testing

@testable import Cluster

/// Which exchanges run, and which wait.
@Suite struct ExchangesTests {
    private var exchanges = Exchanges()
    private let peer: NodeID
    private let other: NodeID

    init() throws {
        peer = try #require(NodeID("b"))
        other = try #require(NodeID("c"))
    }

    private mutating func take(_ count: Int, limit: Int) -> [UInt64?] {
        (0..<count).map { _ in exchanges.takeNext(limit: limit) }
    }

    private mutating func add(_ numbers: ClosedRange<UInt64>) {
        for number in numbers {
            _ = exchanges.add(number, Partition(number: UInt16(number)), with: peer, .compare)
        }
    }

    private mutating func remove(_ numbers: ClosedRange<UInt64>) -> [Bool] {
        numbers.map { exchanges.remove($0) != nil }
    }

    @Test mutating func theSameExchangeIsThereOnce() {
        let partition = Partition(number: 7)
        let added = [
            exchanges.add(1, partition, with: peer, .compare),
            exchanges.add(2, partition, with: peer, .compare),
            exchanges.add(3, partition, with: peer, .handBack),
            exchanges.add(4, partition, with: other, .compare),
        ]
        #expect(added == [true, false, true, true])
        #expect(exchanges.count == 3)
        #expect(take(1, limit: 8) == [1])
        #expect(remove(1...1) == [true])
        let isAdded = exchanges.add(5, partition, with: peer, .compare)
        #expect(isAdded)
    }

    @Test mutating func asManyRunAsMayInTheOrderInWhichTheyCame() {
        add(1...5)
        #expect(take(3, limit: 2) == [1, 2, nil])
        #expect(remove(1...1) == [true])
        #expect(take(2, limit: 2) == [3, nil])
        #expect(remove(2...3) == [true, true])
        #expect(take(3, limit: 2) == [4, 5, nil])
        add(6...6)
        #expect(take(1, limit: 3) == [6])
        #expect(remove(4...7) == [true, true, true, false])
        #expect(exchanges.isEmpty)
        #expect(take(1, limit: 2) == [nil])
    }

    @Test mutating func thoseThatWereHeldBackAreFoundWhenTheyAreDue() {
        add(1...3)
        _ = take(3, limit: 8)
        exchanges.update(3) { $0.step = .held([], withUnsettled: false, until: .seconds(1)) }
        exchanges.update(1) { $0.step = .held([], withUnsettled: false, until: .seconds(2)) }
        #expect(exchanges.due(at: .milliseconds(900)).isEmpty)
        #expect(exchanges.due(at: .seconds(1)) == [3])
        #expect(exchanges.due(at: .seconds(2)) == [1, 3])
        let round = exchanges.update(9) { $0.round }
        #expect(round == nil)
    }
}
