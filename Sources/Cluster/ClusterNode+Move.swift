import Model
import Replication

// Moving a file: the destination is durable before the source goes, and each step may be done
// again. Copying it is the first of these steps. The content has the same name at both paths, so that
// a disk that holds both has it once; the destination's holders fetch it from the source's.
extension ClusterNode {
    mutating func startMove(_ id: UInt64, _ turn: inout Turn) {
        switch tasks[id]?.request.plain {
        case .move(let path, _, _, _), .copy(let path, _, _, _):
            read(.file(path), .checked, for: id, &turn)
        default: break
        }
    }

    mutating func copySourceFound(_ register: Register, _ id: UInt64, _ turn: inout Turn) {
        guard
            case .copy(let path, let destination, let condition, let operation) =
                tasks[id]?.request.plain
        else { return }
        guard let facts = register.head?.value.facts?.held(at: path) else {
            return end(id, .notFound, &turn)
        }
        tasks[id]?.stage = .waiting
        beginStep(.place(destination, facts, when: condition, operation), of: id, &turn)
    }

    mutating func moveSourceFound(_ register: Register, _ id: UInt64, _ turn: inout Turn) {
        guard
            case .move(let path, let destination, let condition, let operation) =
                tasks[id]?.request.plain
        else { return }
        if let removal = register.version(of: operation.second) {
            return repeatMove(register, removal, id, &turn)
        }
        guard let source = register.head, case .file(let facts) = source.value else {
            return end(id, .notFound, &turn)
        }
        tasks[id]?.moveStep = .destination(source.dot)
        tasks[id]?.stage = .waiting
        let intent = MoveIntent(
            source: path, dot: source.dot, destination: destination, operation: operation)
        beginStep(
            .place(
                destination, facts.held(at: path), when: condition, intent.placing, move: intent),
            of: id, &turn)
    }

    /// This very move took the source away, and its answer was lost. Placing again under the same operation
    /// then finds the version that was made; and what is at the source by now came later, and stays.
    private mutating func repeatMove(
        _ register: Register, _ removal: RegisterVersion, _ id: UInt64, _ turn: inout Turn
    ) {
        // It was made on top of what was moved; what is kept has the order of its names.
        let source = register.kept.map(\.version)
            .filter { removal.covers($0) && $0.rank < removal.rank }
            .max { $0.rank < $1.rank }
        guard case .move(let path, let destination, _, let operation) = tasks[id]?.request.plain,
            let source, let facts = source.value.facts
        else { return end(id, .notFound, &turn) }
        tasks[id]?.moveStep = .destination(source.dot)
        tasks[id]?.stage = .waiting
        beginStep(
            .place(destination, facts.held(at: path), operation.moving(source.dot)), of: id, &turn)
    }

    /// Each step looks for locks in its way, if the move does.
    mutating func beginStep(
        _ request: ClientRequest, of id: UInt64, _ turn: inout Turn
    ) {
        let guarding = tasks[id]?.request.lockGuard
        begin(
            guarding.map { .guarded(request, tokens: $0.tokens) } ?? request, for: .task(id),
            &turn)
    }

    /// A step of a move ended.
    mutating func resumeMove(_ id: UInt64, _ answer: ClientAnswer, _ turn: inout Turn) {
        guard let task = tasks[id],
            case .move(let path, let destination, _, let operation) = task.request.plain
        else { return }
        switch task.moveStep {
        case .source: break
        case .destination(let dot):
            guard case .written = answer else { return end(id, answer, &turn) }
            if case .move(let intent) = task.origin { return removeSource(of: intent, id, &turn) }
            tasks[id]?.moveStep = .removal(answer, of: dot)
            beginStep(.delete(path, .version(dot), operation.second), of: id, &turn)
        case .removal(let result, let dot):
            let intent = MoveIntent(
                source: path, dot: dot, destination: destination, operation: operation)
            switch answer {
            case .written:
                leaveNoTrash(of: path, moved: dot, &turn)
                moveEnded(intent, &turn)
                end(id, result, &turn)
            // A source that changed meanwhile stays as it is now: what was moved is moved.
            case .conditionFailed, .notFound:
                moveEnded(intent, &turn)
                end(id, result, &turn)
            // Somebody locked it meanwhile, and the client is told so: it stays.
            case .locked:
                if case .move = task.origin {} else { moveEnded(intent, &turn) }
                end(id, answer, &turn)
            default: end(id, answer, &turn)
            }
        }
    }
}

extension FileFacts {
    /// The same, of a content that the holders of `path` have.
    func held(at path: StorePath) -> FileFacts {
        var facts = self
        facts.home = Partition(of: path)
        return facts
    }
}
