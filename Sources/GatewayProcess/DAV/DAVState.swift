internal import Model
internal import WebDAV

/// What the store keeps of a resource for WebDAV alone.
struct DAVFacts: Equatable {
    var properties: [DeadProperty] = []
    /// Those that cover it.
    var locks: [ActiveLock] = []
}

/// Locks and dead properties: the store's data. This is the one place that asks for them.
///
/// The store of this version keeps neither. So none is there, and what would make one is refused
/// before anything is done.
enum DAVState {
    /// Whether there is a store that keeps them; else class 2 is not announced.
    static let isKept = false

    static var refusal: Problem {
        Problem(
            .notImplemented, "not_kept",
            "Locks and properties are not kept by this version.")
    }

    /// What is kept of each of these paths, in their order.
    static func facts(
        of paths: [StorePath], for plan: PropfindPlan, _ link: StoreLink,
        completion: @escaping (Result<[DAVFacts], Problem>) -> Void
    ) {
        completion(.success(Array(repeating: DAVFacts(), count: paths.count)))
    }

    /// The locks that cover one of these paths, and those below these trees.
    static func locks(
        covering paths: Set<StorePath>, below trees: [StorePath], _ link: StoreLink,
        completion: @escaping (Result<[ActiveLock], Problem>) -> Void
    ) {
        completion(.success([]))
    }

    /// - Throws: 501 where nothing is kept.
    static func checkIsKept() throws(Problem) {
        guard isKept else { throw refusal }
    }
}
