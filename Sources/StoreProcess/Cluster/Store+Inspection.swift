internal import Cluster
internal import IPC
internal import Model
internal import Replication

// The replicated state for people who look into it: this node's copy, which may lack what others know.
extension Store {
    func inspect(_ request: InspectRequest, _ reply: @escaping Reply<InspectResponse>) {
        let reply = counted(reply)
        switch request {
        case .get(let key): get(key, reply)
        case .list(let prefix, let after, let limit):
            // What is asked for is what is below.
            let whole = prefix.isEmpty || prefix.last == 0x2F ? prefix : prefix + [0x2F]
            list(whole, after: after, limit: bounded(limit), reply)
        case .search(let prefix, let text, let after, let limit):
            search(prefix, text, after: after, limit: bounded(limit), reply)
        }
    }

    private func bounded(_ limit: UInt32) -> Int {
        max(1, min(Int(clamping: limit), IPCLimits.inspectedMax))
    }

    private var stateKeys: [StateKey] { StateKey.all(cluster.node, name: cluster.name) }

    // MARK: One

    private func get(_ key: [UInt8], _ reply: @escaping Reply<InspectResponse>) {
        let nothing = InspectResponse.value(json: nil, isDeleted: false)
        guard key.starts(with: FileKeys.root) else {
            let text = String(decoding: key, as: UTF8.self)
            let found = stateKeys.first { $0.key == text }
            return reply(
                .success(
                    found.map { .value(json: $0.json, isDeleted: $0.isDeleted) } ?? nothing))
        }
        guard let (partition, rest) = FileKeys.parse(key),
            let path = try? StorePath(validating: [0x2F] + rest), Partition(of: path) == partition
        else { return reply(.success(nothing)) }
        askDisk(.register(path)) { answer in
            switch answer {
            case .success(.register(let register)):
                guard let register else { return reply(.success(nothing)) }
                reply(
                    .success(
                        .value(
                            json: FileKeys.json(register, at: path),
                            isDeleted: register.head?.value.isDeleted ?? false)))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    // MARK: Lists

    private func list(
        _ prefix: [UInt8], after: [UInt8], limit: Int, _ reply: @escaping Reply<InspectResponse>
    ) {
        if prefix == FileKeys.root {
            let last = FileKeys.parse(after).map(\.partition)
            return askGroups(after: last, limit: limit, reply)
        }
        if prefix.starts(with: FileKeys.root) {
            guard let (partition, rest) = FileKeys.parse(prefix) else {
                return reply(.success(.items([], next: nil)))
            }
            // A group that was told is behind all that is below it.
            let behind = after.last == 0x2F ? after + [0xFF] : after
            let start = FileKeys.parse(behind).map { $0.rest.isEmpty ? [] : [0x2F] + $0.rest }
            let below = rest.isEmpty ? [] : [0x2F] + rest
            let from = start.flatMap { below.lexicographicallyPrecedes($0) ? $0 : nil } ?? below
            let walk = RecordWalk(
                partition: partition, path: from, prefix: prefix, text: [],
                limit: StoreLimits.inspectedScanMax)
            return walkFiles(walk) { page in
                reply(page.map { self.page($0, below: prefix, limit) })
            }
        }
        var keys = stateKeys.map { (key: [UInt8]($0.key.utf8), isDeleted: $0.isDeleted) }
        if prefix.isEmpty {
            keys.append((FileKeys.root + [0x70], false))
            keys.sort { $0.key.lexicographicallyPrecedes($1.key) }
        }
        let items = FileKeys.children(of: prefix, among: keys).filter {
            after.isEmpty || after.lexicographicallyPrecedes($0.key)
        }
        reply(.success(cut(items, limit, hasMore: false)))
    }

    private func page(
        _ page: RecordPage, below prefix: [UInt8], _ limit: Int
    ) -> InspectResponse {
        let items = FileKeys.children(of: prefix, among: page.keys)
        return cut(items, limit, hasMore: page.next != nil)
    }

    /// So many of the items, and fewer where their keys are long.
    private func cut(
        _ items: [InspectResponse.Item], _ limit: Int, hasMore: Bool
    ) -> InspectResponse {
        var byteCount = 0
        let page = items.prefix(limit).prefix { item in
            byteCount += item.key.count + 16
            return byteCount < IPCLimits.listingPageByteCountMax
        }
        let isCut = page.count < items.count || hasMore
        return .items(Array(page), next: isCut ? page.last?.key : nil)
    }

    private func askGroups(
        after: Partition?, limit: Int, _ reply: @escaping Reply<InspectResponse>
    ) {
        askDisk(.filePartitions(after: after, limit: limit)) { answer in
            switch answer {
            case .success(.filePartitions(let groups)):
                let items = groups.counts.map { partition, count in
                    InspectResponse.Item(
                        key: FileKeys.group(partition), isDirectory: true, count: count,
                        isDeleted: false)
                }
                reply(.success(.items(items, next: groups.next.map(FileKeys.group))))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    private func walkFiles(
        _ walk: RecordWalk, _ done: @escaping (Result<RecordPage, RemoteError>) -> Void
    ) {
        askDisk(.walk(walk)) { answer in
            switch answer {
            case .success(.walked(let page)): done(.success(page))
            case .failure(let error): done(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    // MARK: Searches

    /// In the order of keys: what comes before the files', the files', and the rest. It ends early where
    /// many files had to be looked at, and goes on there.
    private func search(
        _ prefix: [UInt8], _ text: [UInt8], after: [UInt8], limit: Int,
        _ reply: @escaping Reply<InspectResponse>
    ) {
        let state = stateKeys.map { (key: [UInt8]($0.key.utf8), isDeleted: $0.isDeleted) }
            .filter {
                $0.key.starts(with: prefix) && FileKeys.contains($0.key, text)
                    && (after.isEmpty || after.lexicographicallyPrecedes($0.key))
            }
        let before = state.filter { $0.key.lexicographicallyPrecedes(FileKeys.root) }
        let behind = state.dropFirst(before.count)
        func answer(_ keys: [(key: [UInt8], isDeleted: Bool)], next: [UInt8]?) {
            let items = keys.map { key, isDeleted in
                InspectResponse.Item(
                    key: key, isDirectory: false, count: 0, isDeleted: isDeleted)
            }
            guard case .items(let page, let cut) = cut(items, limit, hasMore: false) else { return }
            reply(.success(.items(page, next: cut ?? next)))
        }
        let isOfFiles = FileKeys.root.starts(with: prefix) || prefix.starts(with: FileKeys.root)
        guard before.count < limit, isOfFiles, let place = FileKeys.place(behind: after) else {
            return answer(before + behind, next: nil)
        }
        let walk = RecordWalk(
            partition: place.partition, path: place.path, prefix: prefix, text: text,
            limit: limit - before.count)
        walkFiles(walk) { page in
            switch page {
            case .failure(let error): reply(.failure(error))
            case .success(let page) where page.next != nil:
                answer(before + page.keys, next: page.next)
            case .success(let page): answer(before + page.keys + behind, next: nil)
            }
        }
    }
}

extension FileKeys {
    /// Whether `text` occurs in `key`.
    static func contains(_ key: [UInt8], _ text: [UInt8]) -> Bool {
        guard !text.isEmpty else { return true }
        guard key.count >= text.count else { return false }
        return (0...key.count - text.count).contains { start in
            key[start..<start + text.count].elementsEqual(text)
        }
    }
}
