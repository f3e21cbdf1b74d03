import Model
import Replication

// What a coordinator's outcome means for the task that it was started for.
extension ClusterNode {
    mutating func found(_ register: Register, _ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id] else { return }
        if case .own(let key) = task.origin {
            resolve(task.prepared, of: key, knowing: register, &turn)
            return end(id, .done, &turn)
        }
        if case .move(let intent) = task.origin {
            return destinationFound(register, of: intent, id, &turn)
        }
        if foundOnPath(register, id, &turn) { return }
        switch task.request.plain {
        case .get(let path, _):
            if let record = register.head?.record { return end(id, .file(record), &turn) }
            if !readsSibling(path, id, &turn) { end(id, .notFound, &turn) }
        case .delete(let path, _, let operation):
            if let earlier = register.version(of: operation) {
                // Applied before: brought to everybody again, and answered as the first time.
                return write(
                    .file(path), .deleted, operation, .none,
                    layouts.targets(for: Partition(of: path)), applied: earlier, for: id, &turn)
            }
            guard register.isLive else { return end(id, .notFound, &turn) }
            write(
                .file(path), .deleted, operation, .none,
                layouts.targets(for: Partition(of: path)), for: id, &turn)
        case .move: moveSourceFound(register, id, &turn)
        case .copy: copySourceFound(register, id, &turn)
        case .history: end(id, .history(register), &turn)
        case .restore(let path, let dot, let operation):
            restore(path, dot, operation, from: register, id, &turn)
        case .purge(let path, let dots): purge(path, dots, of: register, id, &turn)
        case .lockSet(let path):
            let set = register.head?.value.locks ?? LockSet()
            if path.isRoot { rootRead(set, begun: task.began, turn) }
            end(id, .lockSet(path, set), &turn)
        case .mark: end(id, .mark(register.head), &turn)
        case .put, .place, .makeDirectory: lookedUp(register, id, &turn)
        default: end(id, .done, &turn)
        }
    }

    /// A repeated write: was it applied before?
    private mutating func lookedUp(_ register: Register, _ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id], let key = task.request.coordinatedKey,
            let operation = task.request.operation
        else { return }
        let targets = layouts.targets(for: key.partition)
        guard let earlier = register.version(of: operation) else {
            return coordinate(id, key, targets, &turn)
        }
        write(key, earlier.value, operation, .none, targets, applied: earlier, for: id, &turn)
    }

    mutating func listed(
        _ entries: [KeyedEntry], exists: Bool, next: [UInt8]?, _ id: UInt64, _ turn: inout Turn
    ) {
        guard let task = tasks[id], !listedOnPath(entries, exists: exists, id, &turn) else {
            return
        }
        switch task.request.plain {
        case .list(let directory, _, _):
            guard exists || directory.isRoot else { return end(id, .notFound, &turn) }
            let hides = configuration.canaries.contains(.hidesShadowedFiles)
            var names = entries.flatMap { $0.listed(hidingShadowed: hides) }
            if next != nil, configuration.canaries.contains(.skipsNames) { names.removeLast() }
            end(id, .listing(names, next: next), &turn)
        case .removeDirectory(let path, let operation):
            guard entries.isEmpty || configuration.canaries.contains(.removesFullDirectories)
            else { return end(id, .directoryNotEmpty, &turn) }
            guard exists else { return end(id, .notFound, &turn) }
            write(
                .mark(path), .deleted, operation, .none,
                layouts.targets(for: Partition(of: path)), for: id, &turn)
        default: end(id, .done, &turn)
        }
    }

    mutating func written(
        _ version: RegisterVersion, _ answer: ClientAnswer, _ id: UInt64, _ turn: inout Turn
    ) {
        if case .changeLocks = tasks[id]?.request,
            case .written(_, let copies, _, _, let exact) = answer
        {
            let decision = LockDecision.changed(version.value.locks)
            return end(id, .lockDecision(decision, copies: copies, exact: exact), &turn)
        }
        end(id, answer, &turn)
    }

    mutating func conditionFailed(_ id: UInt64, exact: Bool, _ turn: inout Turn) {
        end(id, .conditionFailed(exact: exact), &turn)
    }
}

extension KeyedEntry {
    package var listed: [ListedEntry] { listed(hidingShadowed: false) }

    /// As clients see it. Where a file and a directory have one name (through concurrency), the
    /// directory keeps it and the file shows beside it, the same on every node.
    /// - Parameter hidingShadowed: breaks that rule.
    func listed(hidingShadowed: Bool) -> [ListedEntry] {
        var result: [ListedEntry] = []
        let isDirectory = entry.directory?.exists == true
        if let directory = entry.directory, directory.exists {
            result.append(
                ListedEntry(
                    name: key.name, isDirectory: true, record: nil, changed: directory.rank.time))
        }
        if let record = entry.file?.record, !(isDirectory && hidingShadowed) {
            let name =
                isDirectory
                ? ConflictName(of: key.name, at: record.version.dot).bytes : key.name
            result.append(
                ListedEntry(
                    name: name, isDirectory: false, record: record, changed: record.version.time))
        }
        return result
    }
}
