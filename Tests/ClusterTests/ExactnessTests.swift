import Model
import Replication
import Testing

@testable import Cluster

/// When a conditional write under `available` says that it was exact.
@Suite struct ExactnessTests {
    private func path(_ number: Int) throws -> StorePath {
        try StorePath(validating: Array("/file\(number)".utf8))
    }

    /// Creates files, each of which must not be there: whether all, or none, said to be exact.
    private func isExact(
        _ cluster: TinyCluster, _ node: String, _ numbers: Range<Int>
    ) throws -> Bool? {
        let answers = try numbers.map { number in
            let answer = cluster.ask(
                node,
                .put(
                    try path(number), cluster.content(UInt64(number)), .absent,
                    cluster.operation()))
            guard case .written(_, _, _, _, let exact)? = answer else {
                Issue.record("\(number): \(String(describing: answer))")
                return false
            }
            return exact
        }
        return Set(answers).count == 1 ? answers.first : nil
    }

    private func membersCount(_ cluster: TinyCluster, _ node: String) -> Int? {
        guard let layouts = cluster.node(node)?.activeLayouts, layouts.count == 1 else {
            return nil
        }
        return layouts[0].members.count
    }

    private func five() -> TinyCluster {
        let cluster = TinyCluster(seed: 3)
        cluster.add("a")
        for name in ["b", "c", "d", "e"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        guard case .done? = cluster.ask("a", .setSetting(key: "grace_before_out", value: "10"))
        else {
            Issue.record("not set")
            return cluster
        }
        cluster.run(for: .seconds(30))
        return cluster
    }

    @Test func onlyTheSideWithMostOfTheMembersIsExact() throws {
        let cluster = TinyCluster.three()
        #expect(try isExact(cluster, "a", 0..<5) == true)
        cluster.run(for: .seconds(30))
        let a = cluster.id("a")
        cluster.isCut = { ($0 == a) != ($1 == a) }
        cluster.run(for: .seconds(15))
        #expect(try isExact(cluster, "a", 10..<15) == false)
        #expect(try isExact(cluster, "b", 20..<25) == true)
        cluster.isCut = { _, _ in false }
        cluster.run(for: .seconds(60))
        #expect(try isExact(cluster, "a", 30..<35) == true)
    }

    @Test func whatWasTakenOverFromMostOfTheHoldersIsExact() throws {
        let cluster = five()
        cluster.kill("e")
        #expect(cluster.run(until: { membersCount(cluster, "a") == 4 }, atMost: .seconds(60)))
        cluster.run(for: .seconds(5))
        #expect(try isExact(cluster, "a", 0..<10) == true)
    }

    /// Of some partitions two of three holders went at one time.
    @Test func whatWasTakenOverWithoutThatIsNotUntilEverybodyIsBack() throws {
        let cluster = five()
        for name in ["d", "e"] { cluster.kill(name) }
        #expect(cluster.run(until: { membersCount(cluster, "a") == 3 }, atMost: .seconds(60)))
        cluster.run(for: .seconds(60))
        // Though everybody in the layout is there.
        #expect(try isExact(cluster, "a", 0..<5) == false)
        // One that starts again remembers it, and so do the others of it.
        cluster.kill("b")
        cluster.add("b", seeds: ["a"])
        cluster.run(for: .seconds(20))
        #expect(try isExact(cluster, "b", 10..<15) == false)
        cluster.add("d", seeds: ["a"])
        cluster.run(for: .seconds(60))
        #expect(try isExact(cluster, "a", 20..<25) == false)
        cluster.add("e", seeds: ["a"])
        #expect(cluster.run(until: { membersCount(cluster, "a") == 5 }, atMost: .seconds(60)))
        // They are back, and may not have brought yet what they have.
        #expect(try isExact(cluster, "a", 30..<35) == false)
        cluster.run(for: ClusterLimits.wholeAfter + .seconds(30))
        #expect(try isExact(cluster, "a", 40..<45) == true)
        #expect(try isExact(cluster, "e", 50..<55) == true)
    }
}
