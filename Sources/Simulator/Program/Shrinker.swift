import Model

/// Finds a short plan that still breaks the same promise: fewer faults, then fewer clients, then
/// fewer operations, then an earlier end (delta debugging: Zeller, Hildebrandt, "Simplifying and
/// Isolating Failure-Inducing Input", 2002).
struct Shrinker {
    /// The checker that has to fail again.
    let checker: String
    /// Runs what is left; nil where there is no time for another run.
    let run: (Omissions) -> SimulationResult?
    private(set) var runCount = 0
    private var best: SimulationResult

    init(_ failed: SimulationResult, run: @escaping (Omissions) -> SimulationResult?) {
        checker = failed.violations.first?.checker ?? ""
        best = failed
        self.run = run
    }

    /// - Returns: the shortest failing run that was found.
    mutating func shrink() -> SimulationResult {
        shrinkEnd()
        shrinkPaths()
        shrinkFaults()
        shrinkClients()
        shrinkOperations()
        shrinkFaults()
        shrinkEnd()
        return best
    }

    private mutating func attempt(_ omissions: Omissions) -> Bool? {
        guard let result = run(omissions) else { return nil }
        runCount += 1
        guard result.violations.contains(where: { $0.checker == checker }) else { return false }
        best = result
        return true
    }

    /// What is not about the paths in question most often does not matter.
    private mutating func shrinkPaths() {
        let paths = best.violations.first { $0.checker == checker }?.paths ?? []
        guard !paths.isEmpty else { return }
        var omissions = best.omissions
        for record in best.history.records where record.client >= 0 {
            var isAbout = paths.contains(record.path)
            if case .move(let destination) = record.kind, paths.contains(destination) {
                isAbout = true
            }
            if !isAbout {
                omissions.operations.insert(Omissions.operation(record.client, record.index))
            }
        }
        _ = attempt(omissions)
    }

    private mutating func shrinkFaults() {
        let all = best.faults.map(\.number)
        minimize(all) { omissions, left in omissions.faults.formUnion(left) }
    }

    private mutating func shrinkClients() {
        let all = (0...best.options.clientCount + best.options.lockClientCount).filter {
            !best.omissions.clients.contains($0)
        }
        minimize(all) { omissions, left in omissions.clients.formUnion(left) }
    }

    private mutating func shrinkOperations() {
        let all = best.history.records.filter { $0.client >= 0 }
            .map { Omissions.operation($0.client, $0.index) }
        minimize(all) { omissions, left in omissions.operations.formUnion(left) }
    }

    private mutating func shrinkEnd() {
        guard let violation = best.violations.first(where: { $0.checker == checker }) else {
            return
        }
        let running = best.statistics.formedAfter
        var end = min(best.omissions.end ?? .max, best.options.length)
        let found = violation.time - running + .seconds(1)
        if found < end {
            var omissions = best.omissions
            omissions.end = found
            guard let isFailing = attempt(omissions) else { return }
            if isFailing { end = found }
        }
        // What is found at the end may have been caused long before.
        while end > .seconds(2) {
            var omissions = best.omissions
            omissions.end = end / 4 * 3
            guard attempt(omissions) == true else { return }
            end = end / 4 * 3
        }
    }

    /// Leaves out as many of `items` as it can; `omit` says how.
    private mutating func minimize<Item: Hashable>(
        _ items: [Item], _ omit: (inout Omissions, [Item]) -> Void
    ) {
        let base = best.omissions
        _ = DeltaDebugging.minimize(items) { left in
            let kept = Set(left)
            var omissions = base
            omit(&omissions, items.filter { !kept.contains($0) })
            return attempt(omissions)
        }
    }
}

/// Delta debugging by itself.
enum DeltaDebugging {
    /// A part of `items` that still fails, and of which no single one can be left out; or as far
    /// as it came.
    ///
    /// - Parameter fails: whether a part fails; nil where there is no time to try.
    static func minimize<Item: Hashable>(
        _ items: [Item], fails: ([Item]) -> Bool?
    ) -> [Item] {
        var left = items
        var granularity = 2
        // Most often nothing of it matters.
        guard let isNothingNeeded = left.isEmpty ? true : fails([]) else { return left }
        if isNothingNeeded { return [] }
        while true {
            var hasShrunk = false
            let size = max(1, (left.count + granularity - 1) / granularity)
            for start in stride(from: 0, to: left.count, by: size) {
                let end = min(left.count, start + size)
                let rest = Array(left[..<start] + left[end...])
                guard let isFailing = fails(rest) else { return left }
                if isFailing {
                    left = rest
                    granularity = max(2, granularity - 1)
                    hasShrunk = true
                    break
                }
            }
            if hasShrunk { continue }
            if size == 1 { return left }
            granularity = min(left.count, granularity * 2)
        }
    }
}
