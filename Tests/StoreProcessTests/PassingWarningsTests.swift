import Model
import Testing

@testable import StoreProcess

/// Warnings about others go with their cause.
@Suite struct PassingWarningsTests {
    private let node: PassingWarnings.Cause
    private let cluster = PassingWarnings.Cause.cluster("0c")

    init() throws { node = .twins(try #require(NodeID("n3"))) }

    @Test func twinsAreSaidWhenTheyAreSeenAgainLater() {
        var passing = PassingWarnings()
        let said = [0, 1, 2, 19, 20, 80].map { passing.seen(node, now: .seconds($0)) }
        #expect(said == [false, false, false, false, true, true])
    }

    @Test func aNodeThatGotANewDiskIsForgotten() {
        var passing = PassingWarnings()
        _ = passing.seen(node, now: .zero)
        let early = passing.takeOver(now: .seconds(149)) { _ in false }
        let late = passing.takeOver(now: .seconds(150)) { _ in false }
        #expect((early, late) == ([], [node]))
        #expect(passing.isEmpty)
        let again = passing.seen(node, now: .seconds(160))
        #expect(!again)
    }

    @Test func anotherClusterIsSaidAtOnceAndGoesWhereItBecomesTheOwn() {
        var passing = PassingWarnings()
        let said = [0, 30].map { passing.seen(cluster, now: .seconds($0)) }
        #expect(said == [true, true])
        let others = passing.takeOver(now: .seconds(31)) { $0 == node }
        let own = passing.takeOver(now: .seconds(31)) { $0 == cluster }
        #expect((others, own) == ([], [cluster]))
        #expect(passing.isEmpty)
    }
}
