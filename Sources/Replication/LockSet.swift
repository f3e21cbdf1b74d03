package import Model

/// The locks taken at one path, and below which of its names there may be others: the value of a
/// register of kind `locks`.
///
/// Locks lie in the partition of their path. Whoever takes one first leaves its name's trace in
/// each directory above; whoever locks a directory with all below it follows the traces down.
package struct LockSet: Hashable, Sendable {
    /// Sorted by token.
    package private(set) var locks: [Lock]
    /// Sorted by name.
    package private(set) var traces: [Trace]
    /// Until then there may be locks below names of which there was no room for a trace.
    package private(set) var crowdedUntil: UInt64

    /// Below this name of a directory there may be locks.
    package struct Trace: Hashable, Sendable {
        package var name: [UInt8]
        /// Milliseconds since 1970.
        package var until: UInt64
        /// It is about to be dropped, and good for nobody who takes a lock now. To others it counts.
        package private(set) var isClosing: Bool

        package init(name: [UInt8], until: UInt64, isClosing: Bool = false) {
            self.name = name
            self.until = until
            self.isClosing = isClosing
        }

        fileprivate mutating func set(_ until: UInt64) {
            // Another than the one that was closed, also by a clock that is behind.
            self.until = max(isClosing ? self.until + 1 : self.until, until)
            isClosing = false
        }

        fileprivate mutating func close() { isClosing = true }
    }

    /// Two clocks of which neither is in doubt differ by no more.
    static let doubtMilliseconds = UInt64(ReplicationLimits.lockDoubt.components.seconds) * 1000

    /// - Parameters: in any order; of several with one name the last counts.
    package init(locks: [Lock] = [], traces: [Trace] = [], crowdedUntil: UInt64 = 0) {
        self.locks = []
        self.traces = []
        self.crowdedUntil = crowdedUntil
        for lock in locks { set(lock) }
        for trace in traces { set(trace) }
    }

    package var isEmpty: Bool { locks.isEmpty && traces.isEmpty && crowdedUntil == 0 }

    /// What a register holds of it: the tombstone where nothing is left.
    package var value: RegisterValue { isEmpty ? .deleted : .locks(self) }

    package subscript(_ token: LockToken) -> Lock? { locks.first { $0.token == token } }

    /// What counts at a moment.
    package func live(at wall: UInt64) -> LockSet {
        var result = self
        result.locks.removeAll { !$0.isLive(at: wall) }
        result.traces.removeAll { $0.until < wall }
        if crowdedUntil < wall { result.crowdedUntil = 0 }
        return result
    }

    /// Whether a trace of `name` is there until then, that a lock can count on.
    package func hasTrace(of name: some Collection<UInt8>, until: UInt64) -> Bool {
        crowdedUntil >= until
            || traces.contains {
                $0.until >= until && !$0.isClosing && $0.name.elementsEqual(name)
            }
    }

    /// Until when the trace of `name` is good.
    package func traceEnd(of name: some Collection<UInt8>) -> UInt64? {
        traces.first { $0.name.elementsEqual(name) }?.until
    }

    /// Whether it is closed and not left anew since.
    package func isClosed(_ trace: Trace) -> Bool {
        traces.contains { $0.isClosing && $0.name == trace.name && $0.until == trace.until }
    }

    /// The same with the clock of the version that holds it on what it grants.
    func stamped(_ time: HybridTime) -> LockSet {
        var result = self
        for index in locks.indices where locks[index].fence == .zero {
            result.locks[index].fence = time
        }
        return result
    }

    mutating func set(_ lock: Lock) {
        let index = locks.position { $0.token < lock.token }
        if index < locks.count, locks[index].token == lock.token {
            locks[index] = lock
        } else {
            locks.insert(lock, at: index)
        }
    }

    mutating func remove(_ token: LockToken) { locks.removeAll { $0.token == token } }

    mutating func set(_ trace: Trace) {
        let index = traces.position { $0.name.lexicographicallyPrecedes(trace.name) }
        if index < traces.count, traces[index].name == trace.name {
            traces[index].set(trace.until)
        } else if traces.count < ReplicationLimits.lockTracesMax {
            traces.insert(trace, at: index)
        } else {
            crowdedUntil = max(crowdedUntil, trace.until)
        }
    }

    mutating func close(_ trace: Trace) {
        guard let index = traces.firstIndex(where: { $0.name == trace.name }),
            traces[index].until == trace.until
        else { return }
        traces[index].close()
    }

    mutating func drop(_ trace: Trace) {
        guard isClosed(trace) else { return }
        traces.removeAll { $0.name == trace.name }
    }
}

extension RegisterValue {
    /// The locks that a register of kind `locks` holds; none where it holds nothing.
    package var locks: LockSet {
        if case .locks(let locks) = self { return locks }
        return LockSet()
    }

    var isLocks: Bool {
        if case .locks = self { return true }
        return false
    }

    /// Whether this is locks, of which none counts any more.
    func isExpired(at time: HybridTime) -> Bool {
        guard case .locks(let set) = self else { return false }
        return set.live(at: time.wallMilliseconds).isEmpty
    }

    func stamped(_ time: HybridTime) -> RegisterValue {
        if case .locks(let locks) = self { return .locks(locks.stamped(time)) }
        return self
    }
}
