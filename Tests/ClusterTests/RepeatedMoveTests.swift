import Model
import Replication
import Testing

@testable import Cluster

/// A move whose answer was lost, and that its client asks for again.
@Suite struct RepeatedMoveTests {
    private let cluster = TinyCluster.three()
    private let source: StorePath
    private let target: StorePath

    init() throws {
        source = try StorePath(validating: "/from.txt".utf8)
        target = try StorePath(validating: "/to.txt".utf8)
        cluster.encodesMessages = true
        _ = cluster.ask("a", .setSetting(key: "write_policy", value: "majority"))
    }

    private func isWritten(_ node: String, _ request: ClientRequest) -> Bool {
        guard case .written? = cluster.ask(node, request) else { return false }
        return true
    }

    private func put(_ path: StorePath, _ number: UInt64, at node: String) -> Bool {
        isWritten(node, .put(path, cluster.content(number), .none, cluster.operation()))
    }

    private func byteCount(_ path: StorePath) -> UInt64? {
        guard case .file(let record)? = cluster.ask("c", .get(path, .checked)) else { return nil }
        return record.byteCount
    }

    @Test func itIsNotDoneASecondTimeWhereTheFileWasMovedBack() {
        #expect(put(source, 7, at: "a"))
        let move = ClientRequest.move(source, to: target, cluster.operation())
        #expect(isWritten("a", move))
        #expect(isWritten("b", .move(target, to: source, cluster.operation())))
        #expect(isWritten("c", move))
        #expect(byteCount(source) == 7)
        #expect(byteCount(target) == nil)
    }

    @Test func whatWasPutInThePlaceOfTheSourceStays() {
        #expect(put(source, 7, at: "a"))
        let move = ClientRequest.move(source, to: target, cluster.operation())
        #expect(isWritten("a", move))
        #expect(put(source, 9, at: "b"))
        #expect(isWritten("c", move))
        #expect(byteCount(source) == 9)
        #expect(byteCount(target) == 7)
    }

    /// Whichever of the disks made what had been there before that.
    @Test(arguments: [["a", "b"], ["b", "a"], ["b", "c"], ["c", "b"]])
    func theNewestOfTheSourceIsWhatWasMoved(_ nodes: [String]) {
        #expect(put(source, 5, at: nodes[0]))
        #expect(put(source, 7, at: nodes[1]))
        let move = ClientRequest.move(source, to: target, cluster.operation())
        #expect(isWritten("a", move))
        #expect(isWritten("c", move))
        #expect(byteCount(source) == nil)
        #expect(byteCount(target) == 7)
    }
}
