import Model
import Replication

// A file and a directory at one path: writes are refused before they make both; where they were made
// at one time, the directory has the name, and the file is found by its `ConflictName`.
extension ClusterNode {
    // MARK: Before a write

    /// - Returns: whether the write may begin; else its task goes on, or ends, by itself.
    mutating func hasPassedCheck(_ id: UInt64, _ turn: inout Turn) -> Bool {
        guard let task = tasks[id], !configuration.canaries.contains(.skipsPathChecks) else {
            return true
        }
        // What was forwarded was asked before.
        guard task.check != nil || task.mayForward else { return true }
        let check =
            task.check
            ?? PathCheck(
                before: task.request, isRepeat: task.isRepeat,
                asksOwnPath: asksOwnPath(task.request))
        tasks[id]?.check = check
        switch check.step {
        case .passed: return true
        case .refused(.isDirectory): end(id, .isDirectory, &turn)
        case .refused(.notADirectory): end(id, .notADirectory, &turn)
        case .ask(.directory(let path)): list(path, after: nil, limit: 1, for: id, &turn)
        case .ask(.file(let path)): read(.file(path), .checked, for: id, &turn)
        case .ask(.isApplied):
            if let key = task.request.coordinatedKey { read(key, .checked, for: id, &turn) }
        }
        return false
    }

    private mutating func answerCheck(_ isThere: Bool, _ id: UInt64, _ turn: inout Turn) {
        tasks[id]?.check?.answered(isThere)
        if tasks[id]?.check?.isCertain == true { tasks[id]?.passesDirectories = true }
        start(id, &turn)
    }

    /// A holder refused to write a file beside a directory that it knows.
    mutating func makeCertain(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id], let key = task.request.coordinatedKey else { return }
        tasks[id]?.check = PathCheck(
            inDoubtOf: key.path, isRepeat: task.isRepeat || task.attempts > 0)
        start(id, &turn)
    }

    /// An unconditional write is made at one holder before any other looks. Where that one is
    /// behind, and dies, what it prepared comes by itself later: under `majority` no file may come
    /// where a directory is, so that it is asked first. A ballot makes nothing before a majority has
    /// promised.
    private func asksOwnPath(_ request: ClientRequest) -> Bool {
        policy == .majority && request.isUnconditionalWrite
    }

    /// What the holders look at in the decision of a write.
    func writeGuard(of id: UInt64, _ key: RegisterKey) -> WriteGuard {
        guard let task = tasks[id] else { return WriteGuard(passesDirectories: true) }
        var guarding = WriteGuard(locks: task.request.lockGuard)
        guarding.passesDirectories =
            key.kind != .file || task.passesDirectories || asksOwnPath(task.request)
            || configuration.canaries.contains(.skipsPathChecks)
        if case .place(_, _, _, _, let move) = task.request.plain { guarding.move = move }
        // What deletes the very version means the file; and else its coordinator has looked.
        if case .delete(_, let condition, _) = task.request.plain {
            switch condition {
            case .none, .version: guarding.passesDirectories = true
            default: break
            }
        }
        return guarding
    }

    // MARK: What is found

    /// - Returns: whether the register was asked for by one of the steps here.
    mutating func foundOnPath(
        _ register: Register, _ id: UInt64, _ turn: inout Turn
    ) -> Bool {
        guard let task = tasks[id] else { return false }
        if case .ask(let question)? = task.check?.step {
            if case .isApplied = question {
                let earlier = task.request.operation.flatMap { register.version(of: $0) }
                answerCheck(earlier != nil, id, &turn)
            } else {
                answerCheck(register.isLive, id, &turn)
            }
            return true
        }
        switch (task.lookup, task.request.plain) {
        case (.none, .get(let path, let consistency)):
            guard task.mayBeDirectory else { return false }
            if consistency == .local {
                end(id, .isDirectory, &turn)
                return true
            }
            tasks[id]?.lookup = .confirming(register)
            list(path, after: nil, limit: 1, for: id, &turn)
        case (.none, .delete(let path, _, let operation)),
            (.resolved, .delete(let path, _, let operation)):
            guard task.mayBeDirectory, register.version(of: operation) == nil,
                !configuration.canaries.contains(.skipsPathChecks)
            else { return false }
            tasks[id]?.lookup = .confirming(register)
            list(path, after: nil, limit: 1, for: id, &turn)
        case (.none, .move(let path, _, _, _)), (.none, .copy(let path, _, _, _)):
            guard task.mayBeDirectory else { return false }
            tasks[id]?.lookup = .confirming(register)
            list(path, after: nil, limit: 1, for: id, &turn)
        case (.own(let name), _):
            if register.isLive { return resolved(id, &turn) }
            readCandidate(name, at: task.request.directoryOfName, id, &turn)
        case (.candidate(let name, let path), _):
            candidateFound(register, name, path, id, &turn)
        default: return false
        }
        return true
    }

    /// - Returns: whether the listing was asked for by one of the steps here.
    mutating func listedOnPath(
        _ entries: [KeyedEntry], exists: Bool, _ id: UInt64, _ turn: inout Turn
    ) -> Bool {
        guard let task = tasks[id] else { return false }
        if case .ask(.directory(let path))? = task.check?.step {
            answerCheck(exists || path.isRoot, id, &turn)
            return true
        }
        switch task.lookup {
        case .confirming(let register):
            if exists {
                end(id, .isDirectory, &turn)
            } else {
                tasks[id]?.lookup = .none
                tasks[id]?.mayBeDirectory = false
                found(register, id, &turn)
            }
        case .shadowed(let name, let path, let register):
            if exists {
                siblingFound(register, name, path, id, &turn)
            } else {
                noSibling(id, &turn)
            }
        case .searching(let name):
            let match = entries.first { item in
                item.entry.directory?.exists == true && name.isName(of: item.key.name)
                    && item.entry.file?.record?.version.dot == name.dot
            }
            guard let path = match?.key.child else {
                noSibling(id, &turn)
                return true
            }
            tasks[id]?.lookup = .candidate(name, path)
            tasks[id]?.isSearched = true
            read(.file(path), .checked, for: id, &turn)
        case .none, .own, .candidate, .resolved: return false
        }
        return true
    }

    // MARK: By the name beside the directory

    /// A deletion or move whose path may name the file beside a directory: its own path comes first.
    /// - Returns: whether that is being looked up.
    mutating func looksForSibling(_ id: UInt64, _ turn: inout Turn) -> Bool {
        guard let task = tasks[id], task.mayForward else { return false }
        if case .resolved = task.lookup { return false }
        // Begun again, it looks again.
        tasks[id]?.lookup = .none
        guard let path = task.request.namedFile, let name = ConflictName(parsing: path.name) else {
            return false
        }
        tasks[id]?.lookup = .own(name)
        read(.file(path), .checked, for: id, &turn)
        return true
    }

    /// Nothing is at the path of a read: perhaps it names the file beside a directory.
    mutating func readsSibling(
        _ path: StorePath, _ id: UInt64, _ turn: inout Turn
    ) -> Bool {
        guard case .none? = tasks[id]?.lookup, let name = ConflictName(parsing: path.name) else {
            return false
        }
        readCandidate(name, at: path.parent, id, &turn)
        return true
    }

    private mutating func readCandidate(
        _ name: ConflictName, at directory: StorePath?, _ id: UInt64, _ turn: inout Turn
    ) {
        guard let directory, let path = try? directory.appending(name.prefix) else {
            return noSibling(id, &turn)
        }
        tasks[id]?.lookup = .candidate(name, path)
        read(.file(path), .checked, for: id, &turn)
    }

    private mutating func candidateFound(
        _ register: Register, _ name: ConflictName, _ path: StorePath, _ id: UInt64,
        _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        let isDone = task.request.removal.flatMap { register.version(of: $0) } != nil
        if isDone { return siblingFound(register, name, path, id, &turn) }
        if register.isLive, register.head?.dot == name.dot {
            tasks[id]?.lookup = .shadowed(name, path, register)
            list(path, after: nil, limit: 1, for: id, &turn)
        } else if name.mayBeCut, !task.isSearched, let directory = path.parent {
            tasks[id]?.lookup = .searching(name)
            list(
                directory, after: name.prefix, limit: ClusterLimits.cutNamesMax, for: id, &turn)
        } else {
            noSibling(id, &turn)
        }
    }

    private mutating func siblingFound(
        _ register: Register, _ name: ConflictName, _ path: StorePath, _ id: UInt64,
        _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        switch task.request.plain {
        case .get: end(id, register.head?.record.map { .file($0) } ?? .notFound, &turn)
        case .delete(_, let condition, let operation):
            guard condition.isMet(by: register.head) || !register.isLive else {
                // Judged by a read: others may decide otherwise.
                return end(id, .conditionFailed(exact: false), &turn)
            }
            tasks[id]?.request = task.request.replacing(
                .delete(path, .version(name.dot), operation))
            _ = resolved(id, &turn)
        case .move(_, let destination, let condition, let operation):
            tasks[id]?.request = task.request.replacing(
                .move(path, to: destination, when: condition, operation))
            _ = resolved(id, &turn)
        case .copy(_, let destination, let condition, let operation):
            tasks[id]?.request = task.request.replacing(
                .copy(path, to: destination, when: condition, operation))
            _ = resolved(id, &turn)
        default: noSibling(id, &turn)
        }
    }

    private mutating func noSibling(_ id: UInt64, _ turn: inout Turn) {
        if case .get? = tasks[id]?.request.plain { return end(id, .notFound, &turn) }
        _ = resolved(id, &turn)
    }

    private mutating func resolved(_ id: UInt64, _ turn: inout Turn) -> Bool {
        tasks[id]?.lookup = .resolved
        start(id, &turn)
        return true
    }
}

extension ClientRequest {
    /// The same of another path.
    fileprivate func replacing(_ request: ClientRequest) -> ClientRequest {
        if case .showing(_, let guarding) = self { return .showing(request, guarding) }
        return request
    }

    /// The file that a deletion, a move or a copy is about.
    fileprivate var namedFile: StorePath? {
        switch plain {
        case .delete(let path, let condition, _):
            if case .version = condition { nil } else { path }
        case .move(let path, _, _, _), .copy(let path, _, _, _): path
        default: nil
        }
    }

    fileprivate var directoryOfName: StorePath? { namedFile?.parent }

    /// The operation by which the file goes.
    fileprivate var removal: OperationID? {
        switch plain {
        case .delete(_, _, let operation): operation
        case .move(_, _, _, let operation): operation.second
        default: nil
        }
    }
}
