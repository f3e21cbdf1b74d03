import Model
import Testing

@testable import StoreProcess

/// One node after the other: the next is due when the one before is back, or is not to be waited for.
@Suite struct RollingRestartTests {
    private static func node(_ name: String) throws -> NodeID { try #require(NodeID(name)) }

    @Test func theNextIsDueWhenTheOneBeforeIsBack() throws {
        let (a, b) = (try Self.node("a"), try Self.node("b"))
        var rolling = RollingRestart([a, b])
        let first = rolling.next()
        let accepted = [rolling.accepted(by: b), rolling.accepted(by: a), rolling.accepted(by: a)]
        #expect(first == a)
        #expect(accepted == [false, true, false])
        // Another node's restart is not the one that is waited for, nor is news of before it left.
        let other = [
            rolling.heard(of: b, isRestarting: true), rolling.heard(of: b, isRestarting: false),
            rolling.heard(of: a, isRestarting: false),
        ]
        #expect(other == [false, false, false])
        let left = rolling.heard(of: a, isRestarting: true)
        let back = rolling.heard(of: a, isRestarting: false)
        #expect(!left && back)
        let (second, third) = (rolling.next(), rolling.next())
        #expect(second == b)
        #expect(third == nil)
    }

    @Test func aRefusalCountsUntilTheNodeHasLeft() throws {
        let (a, b) = (try Self.node("a"), try Self.node("b"))
        var rolling = RollingRestart([a, b])
        _ = rolling.next()
        #expect(!rolling.refused(by: b))
        #expect(rolling.refused(by: a))
        _ = rolling.accepted(by: a)
        #expect(rolling.refused(by: a))
        _ = rolling.heard(of: a, isRestarting: true)
        #expect(!rolling.refused(by: a))
    }
}
