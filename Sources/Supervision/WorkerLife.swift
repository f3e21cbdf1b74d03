/// How a worker is restarted on request.
package enum RestartStyle: Hashable, Sendable {
    /// A second child starts while the first serves; when it is ready the first drains.
    case seamless
    /// Only one may live: drain, exit, start.
    case exclusive
}

/// The life of one worker: a role that the node wants to be played, by one child after another.
///
/// A pure value: events and the time in, directives out. It never reads a clock and never draws
/// a number but from the generator it is given.
///
/// ```
///            start                 restart (seamless)
///  dormant ────────▶ running ◀───────────────────────▶ handingOver   new ready, or either dies
///                    │ ▲  ▲ restart (exclusive)
///                    │ │  └──────────────────────────▶ replacing     old exits
///     died before    │ │ time
///     it was of use  ├─┴─▶ waiting     (100 ms … 30 s)
///     too often      ├─┴─▶ degraded    (a probe every 30 s)
///     exit code 125  └───▶ failed      (until a person asks for a restart)
///  every phase ── stop ──▶ stopping ── last child gone ──▶ stopped
/// ```
///
/// Each event is one function, each function names every phase: a total table.
package struct WorkerLife: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case dormant
        case running(UInt64)
        case handingOver(UInt64, to: UInt64)
        case replacing(UInt64)
        case waiting(until: Moment)
        case degraded(until: Moment)
        case failed
        case stopping
        case stopped
    }

    package let name: String
    package let style: RestartStyle
    var phase = Phase.dormant
    /// Every child that has not ended, by age.
    package internal(set) var children: [ChildLife] = []
    /// Starts after the first.
    package internal(set) var restarts = 0
    var lastGeneration: UInt64
    var lastSpawn: Moment?
    var backOff = BackOff()

    /// - Parameter firstGeneration: above every generation that may still be heard of.
    package init(name: String, style: RestartStyle, firstGeneration: UInt64 = 1) {
        self.name = name
        self.style = style
        lastGeneration = firstGeneration - 1
    }

    /// The one entrance: what happened, when, and what is to be done about it.
    package mutating func handle(
        _ event: WorkerEvent, now: Moment, using generator: inout some RandomNumberGenerator
    ) -> [Directive] {
        switch event {
        case .startRequested: startRequested(now: now)
        case .restartRequested: restartRequested(now: now)
        case .stopRequested(let drain): stopRequested(drain: drain, now: now)
        case .killRequested: killRequested(now: now)
        case .spawned(let generation, let pid):
            spawned(generation, pid: pid, now: now)
        case .spawnFailed(let generation, let reason):
            spawnFailed(generation, reason: reason, now: now, using: &generator)
        case .ready(let generation): ready(generation, now: now)
        case .progressAnswered(let generation, let progress):
            progressAnswered(generation, progress, now: now)
        case .drained(let generation):
            child(generation) { $0.drained(now: now) }
        case .linkClosed(let generation):
            child(generation) { $0.linkClosed(now: now) }
        case .processStateSeen(let generation, let isStopped):
            child(generation) { $0.processStateSeen(isStopped: isStopped, now: now) }
        case .exited(let generation, let status):
            exited(generation, status, now: now, using: &generator)
        case .timePassed: timePassed(now: now)
        }
    }

    /// When time itself is the next event; nil: never.
    package var nextWake: Moment? {
        var wakes = children.compactMap(\.nextWake)
        switch phase {
        case .waiting(let until), .degraded(let until): wakes.append(until)
        case .dormant, .running, .handingOver, .replacing, .failed, .stopping, .stopped: break
        }
        return wakes.min()
    }
}

// What is asked of the worker.
extension WorkerLife {
    private mutating func startRequested(now: Moment) -> [Directive] {
        switch phase {
        case .dormant: return spawn(now: now)
        case .running, .handingOver, .replacing, .waiting, .degraded, .failed, .stopping,
            .stopped:
            return []
        }
    }

    private mutating func restartRequested(now: Moment) -> [Directive] {
        switch phase {
        case .dormant:
            return spawn(now: now)
        case .running(let incumbent):
            return restart(incumbent, now: now)
        case .handingOver, .replacing:
            return [.say(.restartAlreadyUnderWay)]
        case .waiting, .degraded, .failed:
            // A person asks: the past is forgotten.
            backOff = BackOff()
            return spawn(now: now)
        case .stopping, .stopped:
            return [.say(.restartRefusedWhileStopping)]
        }
    }

    private mutating func restart(_ incumbent: UInt64, now: Moment) -> [Directive] {
        guard let current = self[incumbent] else { return [] }
        switch current.state {
        case .spawning, .starting:
            return [.say(.restartAlreadyUnderWay)]
        case .ready, .draining, .stopping, .aborting, .killing, .ended:
            break
        }
        switch style {
        case .seamless:
            let directives = spawn(now: now)
            phase = .handingOver(incumbent, to: lastGeneration)
            return [.say(.restartBegan(generation: lastGeneration))] + directives
        case .exclusive:
            phase = .replacing(incumbent)
            return [.say(.restartBegan(generation: lastGeneration + 1))]
                + child(incumbent) {
                    $0.drain(within: SupervisionLimits.exclusiveDrainMax, now: now)
                }
        }
    }

    private mutating func stopRequested(drain: Duration, now: Moment) -> [Directive] {
        switch phase {
        case .dormant, .waiting, .degraded, .failed, .running, .handingOver, .replacing,
            .stopping:
            phase = children.isEmpty ? .stopped : .stopping
            return everyChild { $0.drain(within: drain, now: now) }
        case .stopped:
            return []
        }
    }

    private mutating func killRequested(now: Moment) -> [Directive] {
        switch phase {
        case .dormant, .waiting, .degraded, .failed, .running, .handingOver, .replacing,
            .stopping:
            phase = children.isEmpty ? .stopped : .stopping
            return everyChild { $0.kill(now: now) }
        case .stopped:
            return []
        }
    }
}

// What the children do.
extension WorkerLife {
    private mutating func spawned(_ generation: UInt64, pid: Int32, now: Moment) -> [Directive] {
        // A process that no life stands for must not live.
        guard self[generation] != nil else { return [.signal(pid: pid, .kill)] }
        return child(generation) { $0.spawned(pid: pid, now: now) }
    }

    private mutating func ready(_ generation: UInt64, now: Moment) -> [Directive] {
        var directives = child(generation) { $0.becameReady(now: now) }
        switch phase {
        case .handingOver(let old, to: generation) where self[generation]?.readySince != nil:
            phase = .running(generation)
            directives.append(.say(.replaced(old: old, new: generation)))
            directives += child(old) {
                $0.drain(within: SupervisionLimits.retireMax, now: now)
            }
            directives += cutRetiringShort(now: now)
        case .dormant, .running, .handingOver, .replacing, .waiting, .degraded, .failed,
            .stopping, .stopped:
            break
        }
        return directives
    }

    private mutating func progressAnswered(
        _ generation: UInt64, _ progress: Progress, now: Moment
    ) -> [Directive] {
        let directives = child(generation) { $0.progressAnswered(progress, now: now) }
        switch phase {
        case .running(generation), .handingOver(generation, to: _):
            guard self[generation]?.wasOfUse(now: now) == true, backOff.usefulLife() else {
                return directives
            }
            return directives + [.say(.recovered(generation: generation))]
        case .dormant, .running, .handingOver, .replacing, .waiting, .degraded, .failed,
            .stopping, .stopped:
            return directives
        }
    }

    private mutating func spawnFailed(
        _ generation: UInt64, reason: String, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [Directive] {
        guard let gone = remove(generation) else { return [] }
        return [.say(.notSpawned(generation: generation, reason: reason))]
            + ended(gone, nil, now: now, using: &generator)
    }

    private mutating func exited(
        _ generation: UInt64, _ status: ProcessEnd, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [Directive] {
        guard let gone = remove(generation) else { return [] }
        return ended(gone, status, now: now, using: &generator)
    }

    /// A child is gone; `status` is nil where it never came to be.
    private mutating func ended(
        _ gone: ChildLife, _ status: ProcessEnd?, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [Directive] {
        let said = saying(gone, status, now: now)
        switch phase {
        case .running(gone.generation):
            return said + follow(gone, status, now: now, using: &generator)
        case .handingOver(gone.generation, to: let successor):
            // The new one is on its way already.
            phase = .running(successor)
            return said
        case .handingOver(let incumbent, to: gone.generation):
            phase = .running(incumbent)
            return [.say(.successorFailed(generation: gone.generation, status))]
        case .replacing(gone.generation):
            return said + spawn(now: now)
        case .stopping:
            if children.isEmpty { phase = .stopped }
            return said
        case .dormant, .running, .handingOver, .replacing, .waiting, .degraded, .failed,
            .stopped:
            return status.map {
                [.say(.retiredEnded(generation: gone.generation, $0))]
            } ?? []
        }
    }

    /// The notice of an end; who was told to go is not said to have been of no use.
    private func saying(_ gone: ChildLife, _ status: ProcessEnd?, now: Moment) -> [Directive] {
        guard let status else { return [] }
        let isAsked =
            switch phase {
            case .replacing, .stopping: true
            case .dormant, .running, .handingOver, .waiting, .degraded, .failed, .stopped: false
            }
        let wasOfUse = isAsked || gone.wasOfUse(now: now)
        return [.say(.ended(generation: gone.generation, status, wasOfUse: wasOfUse))]
    }

    /// The child that played the role is gone: what now?
    private mutating func follow(
        _ gone: ChildLife, _ status: ProcessEnd?, now: Moment,
        using generator: inout some RandomNumberGenerator
    ) -> [Directive] {
        if status?.isPermanentFailure == true {
            phase = .failed
            return [.say(.failedForGood)]
        }
        if gone.wasOfUse(now: now) {
            let recovered: [Directive] =
                backOff.usefulLife() ? [.say(.recovered(generation: gone.generation))] : []
            let earliest = (lastSpawn ?? now) + SupervisionLimits.spawnIntervalMin
            if now >= earliest || lastSpawn == nil { return recovered + spawn(now: now) }
            phase = .waiting(until: earliest)
            return recovered
        }
        switch backOff.deathBeforeUse(now: now, using: &generator) {
        case .wait(let wait):
            phase = .waiting(until: now + wait)
            return [.say(.restartsIn(wait))]
        case .degraded(let deaths, let probeIn):
            phase = .degraded(until: now + probeIn)
            return [.say(.degraded(deaths: deaths, probeIn: probeIn))]
        }
    }

    private mutating func timePassed(now: Moment) -> [Directive] {
        var directives = everyChild { $0.timePassed(now: now) }
        switch phase {
        case .waiting(let until), .degraded(let until):
            if now >= until { directives += spawn(now: now) }
        case .dormant, .running, .handingOver, .replacing, .failed, .stopping, .stopped:
            break
        }
        return directives
    }
}

// The children.
extension WorkerLife {
    /// The child of a generation; nil for one that is gone: what is heard of it is stale.
    package subscript(generation: UInt64) -> ChildLife? {
        children.first { $0.generation == generation }
    }

    private mutating func child(
        _ generation: UInt64, _ event: (inout ChildLife) -> [Directive]
    ) -> [Directive] {
        guard let index = children.firstIndex(where: { $0.generation == generation }) else {
            return []
        }
        return event(&children[index])
    }

    private mutating func everyChild(
        _ event: (inout ChildLife) -> [Directive]
    ) -> [Directive] {
        children.indices.flatMap { event(&children[$0]) }
    }

    private mutating func remove(_ generation: UInt64) -> ChildLife? {
        guard let index = children.firstIndex(where: { $0.generation == generation }) else {
            return nil
        }
        children[index].exited()
        return children.remove(at: index)
    }

    private mutating func spawn(now: Moment) -> [Directive] {
        precondition(style == .seamless || children.isEmpty, "\(name): two exclusive lives")
        if lastSpawn != nil { restarts += 1 }
        lastSpawn = now
        lastGeneration += 1
        children.append(ChildLife(generation: lastGeneration, now: now))
        phase = .running(lastGeneration)
        return [.spawn(generation: lastGeneration)]
    }

    /// Replaced children are few: beyond the limit the oldest is ended.
    private mutating func cutRetiringShort(now: Moment) -> [Directive] {
        guard case .running(let incumbent) = phase else { return [] }
        let retiring = children.filter { $0.generation != incumbent }
        return retiring.dropLast(SupervisionLimits.retiringChildrenMax).flatMap { old in
            [.say(.retiringCutShort(generation: old.generation))]
                + child(old.generation) { $0.drain(within: .zero, now: now) }
        }
    }
}
