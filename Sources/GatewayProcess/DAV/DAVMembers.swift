internal import IPC
internal import Model
internal import WebDAV

/// The members of a collection, and where all of them are wanted those of the collections in it:
/// page by page, so that it holds one page and the names of collections that are still to come.
final class DAVMembers {
    /// Some members of one collection.
    struct Page {
        var collection: StorePath
        /// With its slash.
        var href: [UInt8]
        var entries: [ListResponse.Entry]
    }

    private struct Level {
        var path: StorePath
        var href: [UInt8]
        var after: [UInt8] = []
        var isListed = false
        /// Collections of the page that was listed last, the next one at the end.
        var collections: [[UInt8]] = []
    }

    private let link: StoreLink
    private let tree: ServedTree
    private let isDeep: Bool
    private let wantsProperties: Bool
    private var stack: [Level]

    /// - Parameters:
    ///   - href: of the collection, with its slash.
    ///   - isDeep: whether what is in its collections is wanted too.
    init(
        of path: StorePath, in tree: ServedTree, href: [UInt8], isDeep: Bool,
        wantsProperties: Bool = false,
        _ link: StoreLink
    ) {
        self.link = link
        self.tree = tree
        self.isDeep = isDeep
        self.wantsProperties = wantsProperties
        stack = [Level(path: path, href: href)]
    }

    /// The next page; nil behind the last one.
    func next(_ completion: @escaping (Result<Page?, Problem>) -> Void) {
        guard let index = enter() else { return completion(.success(nil)) }
        let level = stack[index]
        let request = ListRequest(
            path: level.path, after: level.after, limit: UInt32(IPCLimits.listingPageCountMax),
            wantsProperties: wantsProperties)
        link.call(.list(request)) { [self] reply in
            switch reply {
            case .listed(let page): completion(.success(taken(page)))
            // Somebody deleted it meanwhile; or it is the tree's root, and nobody has made it yet.
            case .failed(let error)
            where (index > 0 || level.path == tree.base)
                && (error.code == .notFound || error.code == .notDirectory):
                completion(.success(taken(ListResponse(entries: [], hasMore: false))))
            default: completion(.failure(Listing.problem(reply)))
            }
        }
    }

    /// Goes to the collection that is listed next.
    private func enter() -> Int? {
        while let last = stack.indices.last {
            if let name = stack[last].collections.popLast() {
                // Names of a listing are names of paths; one that makes the path too long has nothing in it.
                if let path = try? stack[last].path.appending(name) {
                    let href = Href.member(name, of: stack[last].href, isCollection: true)
                    stack.append(Level(path: path, href: href))
                }
                continue
            }
            if !stack[last].isListed { return last }
            stack.removeLast()
        }
        return nil
    }

    private func taken(_ page: ListResponse) -> Page {
        let last = stack.count - 1
        if let name = page.entries.last?.name { stack[last].after = name }
        // A page without entries that promises more would have no end.
        stack[last].isListed = !page.hasMore || page.entries.isEmpty
        let collection = stack[last].path
        let entries = page.entries.filter { !tree.hides($0.name, in: collection) }
        if isDeep {
            stack[last].collections = entries.reversed().compactMap { entry in
                if case .directory(let name, _) = entry { name } else { nil }
            }
        }
        return Page(collection: collection, href: stack[last].href, entries: entries)
    }
}
