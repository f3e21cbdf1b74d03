internal import IPC
internal import Model
internal import WebDAV

/// What is at some paths, asked of the store all at once.
final class DAVLookups {
    private var found: [StorePath: DAVFound] = [:]
    private var left: Int
    private var problem: Problem?
    private let completion: (Result<[StorePath: DAVFound], Problem>) -> Void

    private init(
        _ count: Int, _ completion: @escaping (Result<[StorePath: DAVFound], Problem>) -> Void
    ) {
        left = count
        self.completion = completion
    }

    /// - Parameter paths: at least one.
    static func find(
        _ paths: Set<StorePath>, in tree: ServedTree, _ link: StoreLink,
        completion: @escaping (Result<[StorePath: DAVFound], Problem>) -> Void
    ) {
        let lookups = DAVLookups(paths.count, completion)
        for path in paths {
            // The root is always there.
            if path.isRoot {
                lookups.answered(path, .success(.collection))
                continue
            }
            link.call(.lookup(LookupRequest(path: path, wantsContent: false))) { reply in
                lookups.answered(path, DAVFound.read(reply, at: path, in: tree))
            }
        }
    }

    private func answered(_ path: StorePath, _ result: Result<DAVFound, Problem>) {
        switch result {
        case .success(let something): found[path] = something
        case .failure(let problem): self.problem = self.problem ?? problem
        }
        left -= 1
        guard left == 0 else { return }
        completion(problem.map { .failure($0) } ?? .success(found))
    }
}

extension DAVFound {
    /// What a look-up says; that nothing is there is no failure. The directory that is served is there for
    /// its clients before anybody has made it.
    static func read(
        _ reply: StoreReply, at path: StorePath, in tree: ServedTree
    ) -> Result<DAVFound, Problem> {
        switch reply {
        case .failed(let error) where error.code == .notFound && path == tree.base:
            .success(.collection)
        case .found(.file(let facts), _), .found(.heldFile(let facts, _), _),
            .found(.inline(let facts, _), _), .found(.descriptor(let facts), _),
            .found(.remote(let facts, _, _), _), .found(.region(let facts, _), _),
            .found(.windows(let facts, _), _):
            .success(DAVFound(presence: .file, facts: facts))
        case .found(.directory(let modified), _), .found(.heldDirectory(let modified, _), _):
            .success(DAVFound(presence: .collection, changed: modified))
        case .failed(let error) where error.code == .notFound || error.code == .notDirectory:
            .success(.absent)
        default: .failure(StoreFailure.problem(reply))
        }
    }
}
