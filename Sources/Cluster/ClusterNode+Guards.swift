import CRDT
import Model
import Replication

// Writes that respect locks. Those at the path itself are looked at twice: before, and by each
// holder in the decision of the write, so that none that is granted meanwhile is missed. Those of
// directories above lie in other partitions and are looked at before alone.
extension ClusterNode {
    mutating func startGuarded(
        _ request: ClientRequest, _ tokens: [LockToken], of id: UInt64, _ turn: inout Turn
    ) {
        let paths = request.changedPaths
        guard !paths.isEmpty, !configuration.canaries.contains(.ignoresLocks) else {
            return begin([request], .writing, of: id, &turn)
        }
        guard tokens.count <= ReplicationLimits.lockTokensMax else {
            return end(id, .tooManyLocks, &turn)
        }
        // An earlier attempt's are older than this one.
        tasks[id]?.lockSteps.found = [:]
        // Who shows a token counts on a lock that is there.
        guard tokens.isEmpty else { return lookAround(paths, of: id, &turn) }
        if lockLease.isQuiet(turn.now.monotonic) { return writeGuarded(of: id, &turn) }
        begin([.lockSet(.root)], .root, of: id, &turn)
    }

    /// Looks at all places where a lock may be in the way.
    private mutating func lookAround(
        _ paths: [StorePath], of id: UInt64, _ turn: inout Turn
    ) {
        let known = tasks[id]?.lockSteps.found ?? [:]
        let places = Set(paths + paths.flatMap(\.ancestors)).filter { known[$0] == nil }.sorted()
        begin(places.map { .lockSet($0) }, .above, of: id, &turn)
    }

    /// The root is read: by its traces it says below which of its names there may be locks.
    mutating func lookedAtRoot(_ set: LockSet, of id: UInt64, _ turn: inout Turn) {
        tasks[id]?.lockSteps.found = [.root: set]
        let live = set.live(at: lockWall(turn))
        switch tasks[id]?.request {
        case .guarded(let request, _, _):
            let paths = request.changedPaths
            if paths.contains(where: live.mayHaveLocks) {
                lookAround(paths, of: id, &turn)
            } else {
                writeGuarded(of: id, &turn)
            }
        case .locks(let path, let reach):
            guard live.mayHaveLocks(path) else { return end(id, .locks([]), &turn) }
            lookAround(path, reach, of: id, &turn)
        default: break
        }
    }

    /// The locks that cover `path`, and those in it.
    private mutating func lookAround(
        _ path: StorePath, _ reach: LockReach, of id: UInt64, _ turn: inout Turn
    ) {
        guard path.isRoot, reach != .path, let set = tasks[id]?.lockSteps.found[.root] else {
            return lookAround([path], of: id, &turn)
        }
        // Nothing else is above or at it.
        tasks[id]?.lockSteps.stage = .above
        begin(below(.root, set, of: id, turn).paths.map { .lockSet($0) }, .above, of: id, &turn)
    }

    /// Whether locks are looked for at a path of which no holder is reached: under `available` writes go
    /// on, and respect the locks that somebody in reach knows.
    mutating func mayMissLocks(_ id: UInt64) -> Bool {
        guard policy == .available, case .lockSet(let path) = tasks[id]?.request else {
            return false
        }
        let holders = layouts.targets(for: Partition(of: path)).holders
        return !holders.contains { isReachable($0.node) }
    }

    /// The wall clock by which locks are over: by one in doubt none is.
    func lockWall(_ turn: Turn) -> UInt64 {
        clock.isInDoubt ? 0 : turn.now.wallMilliseconds
    }

    /// Keeps in mind whether anybody uses locks at all.
    mutating func rootRead(_ set: LockSet, begun: Duration, _ turn: inout Turn) {
        // It may have been set a moment ago.
        noteTime(&turn)
        let later =
            turn.now.wallMilliseconds
            + UInt64(clamping: (ReplicationLimits.lockDoubt * 3).milliseconds)
        lockLease.rootRead(
            isEmpty: set.live(at: lockWall(turn)).isEmpty,
            isLasting: !set.live(at: later).isEmpty, begun: begun, now: turn.now.monotonic)
    }

    /// All locks that may be in the way are known.
    mutating func lookedAround(
        _ request: ClientRequest, _ tokens: [LockToken], isPart: Bool, of id: UInt64,
        _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        noteTime(&turn)
        let wall = lockWall(turn)
        let paths = request.changedPaths
        var barring: [PlacedLock] = []
        var all: [PlacedLock] = []
        for path in paths {
            let covering = task.lockSteps.covering(path, at: wall)
            let members = task.lockSteps.ofMembers(path, at: wall)
            barring += covering.barring(tokens)
            if request.changesMembers { barring += members.barring(tokens) }
            all += covering + members
        }
        guard barring.isEmpty else {
            if clock.isInDoubt {
                return again(id, after: ClusterLimits.tick * 2, .clockInDoubt, &turn)
            }
            return end(id, .locked(barring), &turn)
        }
        // The steps of a move show the tokens of both its ends.
        let isStep = if case .task = task.origin { true } else { isPart }
        if !isStep, !tokens.isEmpty, !all.contains(where: { tokens.contains($0.lock.token) }) {
            return end(id, .conditionFailed(exact: policy == .majority), &turn)
        }
        if case .put(let path, _, _, _) = request,
            !task.lockSteps.ofMembers(path, at: wall).barring(tokens).isEmpty
        {
            return begin([.get(path, .checked)], .looking, of: id, &turn)
        }
        writeGuarded(of: id, &turn)
    }

    /// A directory's lock of depth zero lets files in it change, but none come or go.
    mutating func memberFound(_ answer: ClientAnswer, of id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id],
            case .guarded(.put(let path, _, _, _), let tokens, _) = task.request
        else { return }
        if case .file = answer { return writeGuarded(of: id, &turn) }
        let wall = lockWall(turn)
        end(id, .locked(task.lockSteps.ofMembers(path, at: wall).barring(tokens)), &turn)
    }

    private mutating func writeGuarded(of id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id], case .guarded(let request, let tokens, _) = task.request else {
            return
        }
        let wall = lockWall(turn)
        let holdsShared = request.changedPaths.contains { path in
            task.lockSteps.covering(path, at: wall).contains {
                $0.lock.scope == .shared && tokens.contains($0.lock.token)
            }
        }
        let guarding = LockGuard(tokens: tokens, holdsShared: holdsShared, wallMilliseconds: wall)
        begin([.showing(request, guarding)], .writing, of: id, &turn)
    }
}

extension LockSteps {
    /// The locks of the directory that `path` is in which guard its members alone: they come and
    /// go by its lock (RFC 4918 section 7.4).
    func ofMembers(_ path: StorePath, at wall: UInt64) -> [PlacedLock] {
        guard let parent = path.parent else { return [] }
        return (found[parent]?.live(at: wall).locks ?? [])
            .filter { $0.depth == .zero }
            .map { PlacedLock(path: parent, lock: $0) }
    }
}

extension LockSet {
    /// Whether there may be locks at `path`, in it or above it, as the root says, whose locks these are.
    fileprivate func mayHaveLocks(_ path: StorePath) -> Bool {
        if path.isRoot { return !isEmpty }
        if !locks.isEmpty || crowdedUntil > 0 { return true }
        let top = ([path] + path.ancestors).dropLast().last ?? path
        return traces.contains { $0.name.elementsEqual(top.name) }
    }
}

extension ClientRequest {
    /// What a write changes; empty where it is none that locks guard.
    fileprivate var changedPaths: [StorePath] {
        switch self {
        case .put(let path, _, _, _), .delete(let path, _, _), .place(let path, _, _, _, _),
            .makeDirectory(let path, _), .removeDirectory(let path, _):
            [path]
        case .restore(let path, _, _), .describe(let path, _, _, _): [path]
        case .copy(_, let destination, _, _): [destination]
        case .move(let path, let destination, _, _): [path, destination]
        default: []
        }
    }

    /// Whether it makes or removes names, whatever is there now.
    fileprivate var changesMembers: Bool {
        switch self {
        case .delete, .place, .makeDirectory, .removeDirectory, .move, .copy, .restore: true
        default: false
        }
    }
}
