import Model

/// Whether the operations on one path can be put in an order that explains all answers and respects
/// real time (Wing, Gong, "Testing and Verifying Concurrent Objects", 1993; in the form of Lowe,
/// "Testing for linearizability", 2017: the states that are possible after each answer, where an
/// operation takes effect only once an answer needs it).
enum Linearizability {
    enum Result: Equatable {
        case linearizable
        /// This answer is explained by no order.
        case contradiction(OperationRecord)
        /// Too many states.
        case undecided

        static func == (a: Result, b: Result) -> Bool {
            switch (a, b) {
            case (.linearizable, .linearizable), (.undecided, .undecided): true
            case (.contradiction(let a), .contradiction(let b)):
                a.client == b.client && a.index == b.index
            default: false
            }
        }
    }

    /// States that are kept at a time; beyond, nothing is decided.
    static let stateCountMax = 20_000

    /// What is at the path, and which open operations have taken effect already.
    private struct State: Hashable {
        /// The content; 0 where there is nothing.
        var content: UInt64
        /// Numbers of open operations that have taken effect, sorted.
        var done: [Int32]

        /// What only reads changes no state, so it takes effect at the first moment that explains
        /// its answer: also before a write whose answer comes earlier than its own.
        func withReads(_ open: [Int], _ operations: [OperationRecord]) -> State {
            var state = self
            for number in open where operations[number].onlyReads {
                guard !operations[number].results(from: content).isEmpty else { continue }
                let place = state.done.firstIndex { $0 >= Int32(number) } ?? state.done.endIndex
                if place < state.done.endIndex, state.done[place] == Int32(number) { continue }
                state.done.insert(Int32(number), at: place)
            }
            return state
        }
    }

    static func check(_ records: [OperationRecord]) -> Result {
        let operations = records.filter { $0.isRegisterOperation }.flatMap(\.parts)
        var events: [(time: Nanoseconds, isAnswer: Bool, number: Int)] = []
        for (number, record) in operations.enumerated() {
            events.append((record.invoked, false, number))
            if record.answered != .max { events.append((record.answered, true, number)) }
        }
        // At one time a beginning comes before an answer: they may overlap.
        events.sort {
            ($0.time, $0.isAnswer ? 1 : 0, $0.number) < ($1.time, $1.isAnswer ? 1 : 0, $1.number)
        }
        var open: [Int] = []
        var states: Set<State> = [State(content: 0, done: [])]
        for event in events {
            guard event.isAnswer else {
                open.append(event.number)
                states = Set(states.map { $0.withReads(open, operations) })
                continue
            }
            guard let next = advance(states, to: event.number, open, operations) else {
                return .undecided
            }
            if next.isEmpty { return .contradiction(operations[event.number]) }
            states = next
            open.removeAll { $0 == event.number }
        }
        return .linearizable
    }

    /// The states in which `number` has taken effect, over all orders of what is open.
    private static func advance(
        _ states: Set<State>, to number: Int, _ open: [Int], _ operations: [OperationRecord]
    ) -> Set<State>? {
        var seen = states
        var work = Array(states)
        var result: Set<State> = []
        while let state = work.popLast() {
            if let index = state.done.firstIndex(of: Int32(number)) {
                var without = state
                without.done.remove(at: index)
                result.insert(without)
                continue
            }
            for candidate in open where !state.done.contains(Int32(candidate)) {
                if operations[candidate].onlyReads { continue }
                for content in operations[candidate].results(from: state.content) {
                    var next = state
                    next.content = content
                    let place =
                        next.done.firstIndex { $0 > Int32(candidate) } ?? next.done.endIndex
                    next.done.insert(Int32(candidate), at: place)
                    next = next.withReads(open, operations)
                    if seen.insert(next).inserted { work.append(next) }
                }
            }
            if seen.count > stateCountMax { return nil }
        }
        return result
    }
}

extension OperationRecord {
    /// Whether it says or does anything to the register at its path.
    fileprivate var isRegisterOperation: Bool {
        switch kind {
        case .put, .putIfAbsent, .putIfMatches, .delete, .deleteBeside, .deleteIfMatches: true
        case .get: answered != .max
        case .getLocal, .list, .listPages, .makeDirectory, .removeDirectory, .move, .lock,
            .refreshLock,
            .unlock,
            .guardedPut, .guardedDelete:
            false
        // Found by its version, it is the newest; not found, it says nothing of the others.
        case .getBeside:
            if case .read = outcome { true } else { false }
        }
    }

    /// After several attempts a refusal is the answer to the last one alone. An earlier one, which
    /// nobody answered, may have been made at a node that is cut off or down since: it takes effect
    /// before or after the refusal, however late, or never.
    fileprivate var parts: [OperationRecord] {
        guard isRefused, attempts > 1, changes else { return [self] }
        var earlier = self
        earlier.outcome = .unknown
        earlier.answered = .max
        return [self, earlier]
    }

    /// What may be at the path after the operation took effect on `content`, given its answer;
    /// empty where the answer does not allow it here.
    fileprivate func results(from content: UInt64) -> [UInt64] {
        switch outcome {
        case .unknown, .open, .written: return effect(on: content).map { [$0] } ?? []
        case .read(let found, _): return found.value == content ? [content] : []
        case .notFound:
            if case .deleteBeside = kind { return [content] }
            return content == 0 ? [content] : []
        case .conditionFailed: return effect(on: content) == nil ? [content] : []
        default: return [content]
        }
    }

    /// Whether it certainly left everything as it was.
    fileprivate var onlyReads: Bool {
        if case .read = outcome { return true }
        return isRefused || !changes
    }

    /// Whether the answer says that nothing was done.
    private var isRefused: Bool {
        switch outcome {
        case .conditionFailed, .notFound, .refused, .isDirectory: true
        case .open, .written, .read, .listed, .unknown, .granted, .unlocked, .lockNotFound,
            .locked:
            false
        }
    }

    /// What is there after it took effect; nil where its condition is not met.
    private func effect(on content: UInt64) -> UInt64? {
        switch kind {
        case .put: self.content.value
        case .putIfAbsent: content == 0 ? self.content.value : nil
        case .putIfMatches(let wanted): content == wanted.value ? self.content.value : nil
        // Of two that saw the same file go, both may say that they removed it.
        case .delete, .deleteBeside: 0
        case .deleteIfMatches(let wanted): content == wanted.value ? 0 : nil
        default: content
        }
    }
}
