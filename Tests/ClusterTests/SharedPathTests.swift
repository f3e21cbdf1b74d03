import Cluster
import Model
import Replication
import Testing

/// A file and a directory at one path.
@Suite struct SharedPathTests {
    private let nodes = ["a", "b", "c"]

    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func put(_ cluster: TinyCluster, _ node: String, _ path: StorePath, _ number: UInt64)
        -> ClientAnswer?
    {
        cluster.ask(node, .put(path, cluster.content(number), .none, cluster.operation()))
    }

    private func names(_ cluster: TinyCluster, _ node: String, _ path: StorePath) -> [String]? {
        guard case .listing(let list, _)? = cluster.ask(node, .list(path, after: nil, limit: 10))
        else { return nil }
        return list.map {
            String(decoding: $0.name, as: UTF8.self) + ($0.isDirectory ? "/" : "")
        }
    }

    private func make(_ directory: StorePath, in cluster: TinyCluster) throws {
        let answer = cluster.ask("a", .makeDirectory(directory, cluster.operation()))
        let isMade = if case .written? = answer { true } else { false }
        try #require(isMade, "\(String(describing: answer))")
    }

    @Test func oneAfterTheOtherIsRefused() throws {
        let cluster = TinyCluster.three()
        let file = try path("/x")
        let below = try path("/x/deep/f")
        guard case .written? = put(cluster, "a", file, 1) else {
            Issue.record("not written")
            return
        }
        for node in nodes {
            guard case .notADirectory? = put(cluster, node, below, 2),
                case .notADirectory? = cluster.ask(
                    node, .makeDirectory(file, cluster.operation())),
                case .notADirectory? = cluster.ask(
                    node, .makeDirectory(below, cluster.operation())),
                case .notADirectory? = cluster.ask(
                    node, .put(below, cluster.content(3), .absent, cluster.operation()))
            else {
                Issue.record("\(node) puts something below a file")
                return
            }
        }
        guard case .written? = cluster.ask("b", .delete(file, .none, cluster.operation())),
            case .written? = put(cluster, "c", below, 4)
        else {
            Issue.record("the name is not free again")
            return
        }
        for node in nodes {
            guard case .isDirectory? = put(cluster, node, file, 5),
                case .isDirectory? = cluster.ask(node, .get(file, .checked)),
                case .isDirectory? = cluster.ask(node, .delete(file, .none, cluster.operation())),
                case .isDirectory? = cluster.ask(
                    node, .move(below, to: file, cluster.operation())),
                case .isDirectory? = cluster.ask(
                    node, .move(file, to: try path("/y"), cluster.operation()))
            else {
                Issue.record("\(node) takes a directory for a file")
                return
            }
        }
        #expect(names(cluster, "a", .root) == ["x/"])
        // The mark of a directory that is there already.
        guard case .written? = cluster.ask("a", .makeDirectory(file, cluster.operation())) else {
            Issue.record("a directory cannot be marked")
            return
        }
    }

    /// Conditional writes are judged by what the holders promised, which says so too; and deletions
    /// under conditions.
    @Test func conditionsDoNotMakeAFileOfADirectory() throws {
        let cluster = TinyCluster.three()
        let directory = try path("/x")
        try make(directory, in: cluster)
        for node in nodes {
            guard
                case .isDirectory? = cluster.ask(
                    node, .put(directory, cluster.content(1), .absent, cluster.operation())),
                case .isDirectory? = cluster.ask(
                    node, .put(directory, cluster.content(1), .present, cluster.operation())),
                case .isDirectory? = cluster.ask(
                    node, .delete(directory, .present, cluster.operation()))
            else {
                Issue.record("\(node) takes a directory for a file")
                return
            }
        }
        guard case .written? = cluster.ask("b", .removeDirectory(directory, cluster.operation())),
            case .written? = put(cluster, "c", directory, 2)
        else {
            Issue.record("the name is not free again")
            return
        }
    }

    /// A holder that was cut off while a directory went still knows it: it is not believed.
    @Test func aHolderThatIsBehindDoesNotKeepTheName() throws {
        let cluster = TinyCluster.three()
        let directory = try path("/x")
        try make(directory, in: cluster)
        let c = cluster.id("c")
        cluster.isCut = { ($0 == c) != ($1 == c) }
        cluster.run(for: .seconds(10))
        guard case .written? = cluster.ask("a", .removeDirectory(directory, cluster.operation()))
        else {
            Issue.record("not removed")
            return
        }
        cluster.isCut = { _, _ in false }
        // Asked at once: before anybody has compared anything with it.
        guard case .written? = put(cluster, "c", directory, 1) else {
            Issue.record("the name is not free")
            return
        }
        for node in nodes {
            guard case .file? = cluster.ask(node, .get(directory, .checked)) else {
                Issue.record("\(node) does not find the file")
                return
            }
        }
    }

    /// A file on one side of a cut, a directory of its name on the other; then both are together.
    private func shared(_ file: StorePath, in cluster: TinyCluster) throws -> FileRecord? {
        let a = cluster.id("a")
        cluster.isCut = { ($0 == a) != ($1 == a) }
        cluster.run(for: .seconds(10))
        let below = try file.appending(Array("f".utf8))
        guard case .written? = put(cluster, "a", file, 1),
            case .written? = put(cluster, "b", below, 2)
        else {
            Issue.record("not written on both sides")
            return nil
        }
        cluster.isCut = { _, _ in false }
        cluster.run(for: .seconds(60))
        let shown = cluster.ask("b", .list(file.parent ?? .root, after: nil, limit: 10))
        guard case .listing(let list, _)? = shown else {
            Issue.record("\(String(describing: shown))")
            return nil
        }
        #expect(list.map(\.isDirectory) == [true, false])
        return list.last?.record
    }

    @Test func whatCameAtOneTimeIsFoundByBothNamesOnEveryNode() throws {
        let cluster = TinyCluster.three()
        let file = try path("/x")
        guard let record = try shared(file, in: cluster) else { return }
        let name = "x.conflict-\(record.version.name)"
        let beside = try path("/" + name)
        for node in nodes {
            #expect(names(cluster, node, .root) == ["x/", name])
            #expect(names(cluster, node, file) == ["f"])
            guard case .isDirectory? = cluster.ask(node, .get(file, .checked)),
                case .file(let found)? = cluster.ask(node, .get(beside, .checked))
            else {
                Issue.record("\(node) does not find both")
                return
            }
            #expect(found.byteCount == 1)
        }
        // A name of another version is nothing.
        guard case .notFound? = cluster.ask("a", .get(try path("/" + name + "0"), .checked)) else {
            Issue.record("found by another version's name")
            return
        }
        let operation = cluster.operation()
        // Twice, as by a client that did not get the first answer.
        for node in ["c", "a"] {
            guard case .written? = cluster.ask(node, .delete(beside, .none, operation)) else {
                Issue.record("\(node) does not delete it")
                return
            }
        }
        for node in nodes {
            #expect(names(cluster, node, .root) == ["x/"])
            guard case .notFound? = cluster.ask(node, .get(beside, .checked)),
                case .notFound? = cluster.ask(node, .delete(beside, .none, cluster.operation()))
            else {
                Issue.record("\(node) still finds it")
                return
            }
        }
    }

    @Test func itIsMovedAwayByItsName() throws {
        let cluster = TinyCluster.three()
        let file = try path("/d/x")
        guard let record = try shared(file, in: cluster) else { return }
        let beside = try path("/d/x.conflict-\(record.version.name)")
        let to = try path("/d/y")
        let operation = cluster.operation()
        for node in ["b", "c"] {
            guard case .written? = cluster.ask(node, .move(beside, to: to, operation)) else {
                Issue.record("\(node) does not move it")
                return
            }
        }
        guard case .file(let moved)? = cluster.ask("a", .get(to, .checked)) else {
            Issue.record("not moved")
            return
        }
        #expect(moved.byteCount == 1)
        #expect(names(cluster, "c", try path("/d")) == ["x/", "y"])
    }

    /// With the directory the name is free for the file again.
    @Test func whenTheDirectoryGoesTheFileHasItsName() throws {
        let cluster = TinyCluster.three()
        let file = try path("/x")
        guard let record = try shared(file, in: cluster) else { return }
        let below = try path("/x/f")
        guard case .written? = cluster.ask("a", .delete(below, .none, cluster.operation())) else {
            Issue.record("not deleted")
            return
        }
        for node in nodes {
            guard case .file(let found)? = cluster.ask(node, .get(file, .checked)) else {
                Issue.record("\(node) does not find the file")
                return
            }
            #expect(found.version == record.version)
            #expect(names(cluster, node, .root) == ["x"])
        }
    }

    @Test func aLongNameIsFoundByWhatIsLeftOfIt() throws {
        let cluster = TinyCluster.three()
        let name = [UInt8](repeating: 0x6E, count: StorePath.componentByteCountMax)
        let file = try StorePath.root.appending(name)
        guard let record = try shared(file, in: cluster) else { return }
        let shown = ConflictName(of: name, at: record.version.dot)
        #expect(shown.prefix.count < name.count)
        let beside = try StorePath.root.appending(shown.bytes)
        for node in nodes {
            guard case .file(let found)? = cluster.ask(node, .get(beside, .checked)) else {
                Issue.record("\(node) does not find it")
                return
            }
            #expect(found.byteCount == 1)
        }
        guard case .written? = cluster.ask("c", .delete(beside, .none, cluster.operation())),
            case .notFound? = cluster.ask("a", .get(beside, .checked))
        else {
            Issue.record("not deleted")
            return
        }
    }
}
