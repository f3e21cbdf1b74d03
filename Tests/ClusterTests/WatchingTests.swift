import Membership
import Model
import Replication
import Testing

@testable import Cluster

/// Who watches hears of what changes at others.
@Suite struct WatchingTests {
    private let changes: [FileChange]

    init() throws {
        let path = try StorePath(validating: "/a".utf8)
        changes = [FileChange(path: path, version: nil)]
    }

    private func heard(_ cluster: TinyCluster) -> [String] {
        cluster.run(for: .milliseconds(100))
        return cluster.heard.map(\.0.name)
    }

    @Test func whoWatchesHearsOfOthersAndNobodyElseDoes() throws {
        let cluster = TinyCluster.three()
        cluster.encodesMessages = true
        cluster.change("a", changes)
        #expect(heard(cluster) == [])
        cluster.watch("b", true)
        cluster.run(for: .seconds(1))
        cluster.change("a", changes)
        #expect(heard(cluster) == ["b"])
        #expect(cluster.heard.first?.1 == changes)
        cluster.change("b", changes)
        #expect(heard(cluster) == ["b"])
        #expect(cluster.encodingFaults == [])
    }

    @Test func manyChangesComeInBoundedMessages() throws {
        let cluster = TinyCluster.three()
        cluster.watch("b", true)
        cluster.run(for: .seconds(1))
        let path = try StorePath(
            validating: Array("/".utf8)
                + (0..<16).map { _ in [UInt8](repeating: 0x61, count: 250) }.joined(separator: [
                    0x2F
                ]))
        let many = (0..<450).map { number in
            FileChange(
                path: path,
                version: Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: number))
        }
        cluster.change("a", many)
        _ = heard(cluster)
        #expect(cluster.heard.map(\.1.count) == [200, 200, 50])
        #expect(cluster.heard.flatMap(\.1) == many)
        let whole = PeerMessage.changed(Array(many.prefix(ClusterLimits.changesMax)))
        #expect(try whole.encode().count < ClusterLimits.messageByteCountMax)
    }

    @Test func whoDoesNotAskAgainIsToldNothingAfterAWhile() throws {
        let cluster = TinyCluster.three()
        cluster.watch("b", true)
        cluster.run(for: .seconds(60))
        cluster.change("a", changes)
        #expect(heard(cluster) == ["b"])
        cluster.watch("b", false)
        cluster.run(for: ClusterLimits.watchLease + .seconds(1))
        cluster.change("a", changes)
        #expect(cluster.kinds["changed"] == 1)
        // Nor is it heard any more where it comes.
        #expect(heard(cluster) == ["b"])
    }

    @Test func whoComesBackIsAskedAtOnce() throws {
        let cluster = TinyCluster.three()
        let path = try StorePath(validating: "/first".utf8)
        let put = ClientRequest.put(path, cluster.content(1), .none, cluster.operation())
        guard case .written? = cluster.ask("b", put) else {
            Issue.record("not written")
            return
        }
        cluster.run(for: .seconds(5))
        cluster.watch("b", true)
        cluster.run(for: .seconds(1))
        cluster.kill("a")
        cluster.run(for: .seconds(20))
        cluster.add("a", seeds: ["b"])
        let asked = cluster.kinds["watch"]
        cluster.run(
            until: { cluster.node("b")?.peerViews.first?.state == .alive }, atMost: .seconds(10))
        cluster.run(for: .seconds(2))
        #expect(cluster.kinds["watch"] != asked)
        cluster.change("a", changes)
        #expect(heard(cluster) == ["b"])
    }
}
