import Cluster
import Model
import Replication
import Testing

/// A node that is asked to leave.
@Suite struct LeaveTests {
    private let all = ["a", "b", "c", "d"]

    private func path(_ number: Int) throws -> StorePath {
        try StorePath(validating: Array("/d\(number % 3)/file\(number)".utf8))
    }

    private func filled() throws -> TinyCluster {
        let cluster = TinyCluster(seed: 11)
        cluster.add("a")
        for name in all.dropFirst() { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        for number in 0..<20 {
            let answer = cluster.ask(
                "a",
                .put(
                    try path(number), cluster.content(UInt64(number)), .none, cluster.operation()))
            guard case .written? = answer else {
                Issue.record("\(number): \(String(describing: answer))")
                continue
            }
        }
        cluster.run(for: .seconds(20))
        return cluster
    }

    private func mayStop(_ cluster: TinyCluster, _ name: String) -> Bool {
        cluster.notices.contains { $0.0 == cluster.id(name) && $0.1 == .mayStop }
    }

    private func said(_ cluster: TinyCluster, of name: String, _ state: String) -> Int {
        cluster.notices.count { $0.1 == .peerChanged(cluster.id(name), state: state) }
    }

    private func memberCount(_ cluster: TinyCluster, by name: String) -> Int? {
        guard let layouts = cluster.node(name)?.activeLayouts, layouts.count == 1 else {
            return nil
        }
        return layouts[0].members.count
    }

    private func areFourAgain(_ cluster: TinyCluster) -> Bool {
        cluster.run(
            until: {
                all.allSatisfy {
                    memberCount(cluster, by: $0) == 4 && cluster.node($0)?.isSettled == true
                }
            }, atMost: .seconds(60))
    }

    private func holders(_ cluster: TinyCluster, _ number: Int, _ names: [String]) throws -> Int {
        let path = try path(number)
        return names.count {
            cluster.disks[cluster.id($0)]?.tables.register(.file(path))?.isLive == true
        }
    }

    /// Others know that it has left before it says so itself: whoever starts it again by then wants it back.
    @Test func whoIsStartedAgainWhenOthersKnowThatItLeftComesBack() throws {
        let cluster = try filled()
        guard case .done? = cluster.ask("d", .leave) else {
            Issue.record("refused")
            return
        }
        #expect(cluster.run(until: { said(cluster, of: "d", "left") > 0 }, atMost: .seconds(60)))
        #expect(!mayStop(cluster, "d"))
        guard case .unavailable(.hasLeft)? = cluster.ask("d", .get(try path(3), .checked)) else {
            Issue.record("does not say that it has left")
            return
        }
        cluster.kill("d")
        cluster.add("d", seeds: ["b"])
        #expect(areFourAgain(cluster))
        cluster.run(for: .seconds(20))
        #expect(cluster.node("d")?.isLeaving == false)
        #expect(!mayStop(cluster, "d"))
    }

    @Test func itServesHandsOverSaysGoodbyeAndMayComeBack() throws {
        let cluster = try filled()
        guard case .done? = cluster.ask("d", .leave) else {
            Issue.record("refused")
            return
        }
        #expect(!mayStop(cluster, "d"))
        guard case .file? = cluster.ask("d", .get(try path(3), .checked)),
            case .written? = cluster.ask(
                "d", .put(try path(30), cluster.content(30), .none, cluster.operation()))
        else {
            Issue.record("serves no more")
            return
        }
        #expect(cluster.run(until: { mayStop(cluster, "d") }, atMost: .seconds(60)))
        #expect(cluster.disks[cluster.id("d")]?.tables.partitions.isEmpty == true)
        for number in Array(0..<20) + [30] {
            #expect(try holders(cluster, number, ["a", "b", "c"]) == 3, "file \(number)")
        }
        for name in ["a", "b", "c"] { #expect(memberCount(cluster, by: name) == 3, "\(name)") }
        cluster.kill("d")
        cluster.run(for: .seconds(60))
        #expect(said(cluster, of: "d", "left") == 3)
        #expect(said(cluster, of: "d", "dead") == 0)
        // Not again in its next life.
        cluster.add("d", seeds: ["b"])
        #expect(areFourAgain(cluster))
        #expect(cluster.node("d")?.isLeaving == false)
        guard case .file? = cluster.ask("d", .get(try path(30), .checked)) else {
            Issue.record("not served")
            return
        }
    }

    @Test func aLeaveGoesOnAfterACrash() throws {
        let cluster = try filled()
        guard case .done? = cluster.ask("d", .leave) else {
            Issue.record("refused")
            return
        }
        cluster.kill("d")
        cluster.run(for: .seconds(3))
        cluster.add("d", seeds: ["a"])
        #expect(cluster.node("d")?.isLeaving == true)
        #expect(cluster.run(until: { mayStop(cluster, "d") }, atMost: .seconds(60)))
        for number in 0..<20 {
            #expect(try holders(cluster, number, ["a", "b", "c"]) == 3, "file \(number)")
        }
    }

    @Test func aLeaveIsTakenBack() throws {
        let cluster = try filled()
        guard case .refused(.notLeaving)? = cluster.ask("d", .cancelLeave),
            case .done? = cluster.ask("d", .leave)
        else {
            Issue.record("not as it should be")
            return
        }
        cluster.run(for: .seconds(3))
        guard case .done? = cluster.ask("d", .cancelLeave) else {
            Issue.record("not taken back")
            return
        }
        let isBack = cluster.run(
            until: {
                all.allSatisfy {
                    memberCount(cluster, by: $0) == 4 && cluster.node($0)?.isSettled == true
                }
            }, atMost: .seconds(60))
        #expect(isBack)
        cluster.run(for: .seconds(30))
        #expect(!mayStop(cluster, "d"))
        #expect(memberCount(cluster, by: "a") == 4)
    }

    @Test func afterTheGoodbyeALeaveIsNotTakenBack() throws {
        let cluster = try filled()
        guard case .done? = cluster.ask("d", .leave),
            cluster.run(until: { mayStop(cluster, "d") }, atMost: .seconds(60)),
            case .refused(.hasLeft)? = cluster.ask("d", .cancelLeave),
            case .unavailable? = cluster.ask("d", .get(try path(1), .checked))
        else {
            Issue.record("taken back, or served")
            return
        }
    }

    @Test func theLastMemberStays() throws {
        let cluster = TinyCluster(seed: 2)
        cluster.add("a")
        cluster.run(for: .seconds(5))
        guard
            case .written? = cluster.ask(
                "a", .put(try path(1), cluster.content(1), .none, cluster.operation())),
            case .refused(.lastMember)? = cluster.ask("a", .leave)
        else {
            Issue.record("it leaves")
            return
        }
        #expect(cluster.node("a")?.isLeaving == false)
    }

    /// Each sees the other one stay.
    @Test func ofTwoThatLeaveAtOnceSomebodyStays() throws {
        let cluster = TinyCluster(seed: 4)
        cluster.add("a")
        cluster.add("b", seeds: ["a"])
        cluster.run(for: .seconds(5))
        _ = cluster.ask("a", .put(try path(1), cluster.content(1), .none, cluster.operation()))
        cluster.run(for: .seconds(10))
        cluster.isCut = { _, _ in true }
        _ = cluster.ask("a", .leave)
        _ = cluster.ask("b", .leave)
        cluster.isCut = { _, _ in false }
        cluster.run(for: .seconds(60))
        #expect(cluster.notices.contains { $0.1 == .stays })
        let staying = ["a", "b"].filter { cluster.node($0)?.isLeaving == false }
        #expect(!staying.isEmpty)
        #expect(try holders(cluster, 1, staying) == staying.count)
    }
}
