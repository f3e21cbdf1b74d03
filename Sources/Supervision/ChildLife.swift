/// The life of one process, from its start to its end: one generation of a worker.
///
/// ```
///             spawned           ready            drain           drained
///   spawning ─────────▶ starting ────▶ ready ────────▶ draining ────────▶ stopping
///                          │ late        │ silent          │ late: TERM       │ late
///                          ▼             ▼                 └─────▶ stopping   ▼
///                       aborting ◀───────┘ (ABRT) ──late──────────────────▶ killing
///   every state ── exited ──▶ ended        (KILL)
/// ```
///
/// Each event is one function, each function names every state: a total table.
package struct ChildLife: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// The directive is out, the pid not known yet; unwanted ones die as soon as it is.
        case spawning(isUnwanted: Bool)
        case starting(until: Moment)
        case ready
        case draining(until: Moment)
        /// Its end is awaited: it was sent SIGTERM, has drained, or has closed its link.
        case stopping(until: Moment)
        /// It hung and was sent SIGABRT.
        case aborting(until: Moment)
        /// It was sent SIGKILL; nil: that it lingers has been said.
        case killing(sayAt: Moment?)
        case ended
    }

    package let generation: UInt64
    package internal(set) var state: State
    package internal(set) var pid: Int32?
    package internal(set) var readySince: Moment?
    package internal(set) var finished: UInt64 = 0
    let startedAt: Moment
    var watchdog: Watchdog

    package init(generation: UInt64, now: Moment) {
        self.generation = generation
        state = .spawning(isUnwanted: false)
        startedAt = now
        watchdog = Watchdog(now: now)
    }

    /// Whether this life did what lives are for: it was ready, and finished a request or lasted.
    package func wasOfUse(now: Moment) -> Bool {
        guard let readySince else { return false }
        return finished > 0 || now - readySince >= SupervisionLimits.longLife
    }

    package var hasEnded: Bool { state == .ended }

    /// When time itself is the next event.
    package var nextWake: Moment? {
        switch state {
        case .spawning, .ended: nil
        case .starting(let until), .draining(let until): min(until, watchdog.nextWake)
        case .ready: watchdog.nextWake
        case .stopping(let until), .aborting(let until): until
        case .killing(let sayAt): sayAt
        }
    }

    package mutating func spawned(pid: Int32, now: Moment) -> [Directive] {
        switch state {
        case .spawning(isUnwanted: false):
            self.pid = pid
            state = .starting(until: now + SupervisionLimits.startMax)
            return [.say(.started(generation: generation, pid: pid))]
        case .spawning(isUnwanted: true):
            self.pid = pid
            return kill(now: now)
        case .starting, .ready, .draining, .stopping, .aborting, .killing, .ended:
            // One spawn, one process: a second one is nobody's.
            return pid == self.pid ? [] : [.signal(pid: pid, .kill)]
        }
    }

    package mutating func becameReady(now: Moment) -> [Directive] {
        switch state {
        case .starting:
            state = .ready
            readySince = now
            watchdog = Watchdog(now: now)
            return [.say(.ready(generation: generation, after: now - startedAt))]
        case .spawning, .ready, .draining, .stopping, .aborting, .killing, .ended:
            return []
        }
    }

    package mutating func progressAnswered(_ progress: Progress, now: Moment) -> [Directive] {
        switch state {
        case .starting:
            watchdog.answered(progress, now: now)
        case .ready, .draining:
            watchdog.answered(progress, now: now)
            finished = max(finished, progress.finished)
        case .spawning, .stopping, .aborting, .killing, .ended:
            break
        }
        return []
    }

    /// Take no new work, finish, exit.
    package mutating func drain(within limit: Duration, now: Moment) -> [Directive] {
        switch state {
        case .spawning:
            state = .spawning(isUnwanted: true)
            return []
        case .starting:
            // It has no work yet.
            return terminate(now: now)
        case .ready:
            state = .draining(until: now + limit)
            return [.sendDrain(generation: generation, within: limit)]
        case .draining(let until):
            state = .draining(until: min(until, now + limit))
            return []
        case .stopping(let until):
            let latest = now + limit + SupervisionLimits.terminateGrace
            state = .stopping(until: min(until, latest))
            return []
        case .aborting(let until):
            let latest = now + limit + SupervisionLimits.terminateGrace
            state = .aborting(until: min(until, latest))
            return []
        case .killing, .ended:
            return []
        }
    }

    package mutating func drained(now: Moment) -> [Directive] {
        switch state {
        case .draining(let until):
            let overran = until + SupervisionLimits.terminateGrace
            state = .stopping(until: min(now + SupervisionLimits.exitGrace, overran))
        case .spawning, .starting, .ready, .stopping, .aborting, .killing, .ended:
            break
        }
        return []
    }

    package mutating func linkClosed(now: Moment) -> [Directive] {
        switch state {
        case .starting, .ready:
            // A worker without its link leaves by itself; soon, or it is made to.
            state = .stopping(until: now + SupervisionLimits.exitGrace)
            return [.say(.linkLost(generation: generation))]
        case .draining:
            return drained(now: now)
        case .spawning, .stopping, .aborting, .killing, .ended:
            return []
        }
    }

    package mutating func processStateSeen(isStopped: Bool, now: Moment) -> [Directive] {
        switch state {
        case .starting, .ready, .draining, .stopping, .aborting:
            // SIGABRT and SIGTERM do not reach a stopped process.
            guard isStopped else { return [] }
            return [.say(.stoppedProcess(generation: generation))] + kill(now: now)
        case .spawning, .killing, .ended:
            return []
        }
    }

    package mutating func kill(now: Moment) -> [Directive] {
        switch state {
        case .spawning where pid == nil:
            state = .spawning(isUnwanted: true)
            return []
        case .spawning, .starting, .ready, .draining, .stopping, .aborting:
            state = .killing(sayAt: now + SupervisionLimits.killPatience)
            return signal(.kill)
        case .killing, .ended:
            return []
        }
    }

    package mutating func exited() {
        switch state {
        case .spawning, .starting, .ready, .draining, .stopping, .aborting, .killing, .ended:
            state = .ended
        }
    }

    package mutating func timePassed(now: Moment) -> [Directive] {
        switch state {
        case .spawning, .ended:
            return []
        case .starting(let until):
            if now >= until {
                return [.say(.startedTooSlowly(generation: generation))] + abort(now: now)
            }
            return watched(now: now)
        case .ready:
            return watched(now: now)
        case .draining(let until):
            if now >= until {
                return [.say(.drainOverran(generation: generation))] + terminate(now: now)
            }
            return watched(now: now)
        case .stopping(let until), .aborting(let until):
            return now >= until ? kill(now: now) : []
        case .killing(let sayAt):
            guard let sayAt, now >= sayAt, let pid else { return [] }
            state = .killing(sayAt: nil)
            return [.say(.willNotDie(pid: pid))]
        }
    }
}

extension ChildLife {
    private mutating func watched(now: Moment) -> [Directive] {
        var directives: [Directive] = []
        for finding in watchdog.timePassed(now: now) {
            switch finding {
            case .ask:
                directives.append(.askProgress(generation: generation))
            case .inspect:
                if let pid { directives.append(.inspect(generation: generation, pid: pid)) }
            case .silent(let silence):
                // A start has its own limit: it may be busy before its loop runs.
                if case .starting = state { continue }
                directives.append(.say(.hung(generation: generation, silence: silence)))
                directives += abort(now: now)
            case .syncTooLong(let duration):
                directives.append(.say(.syncTooLong(generation: generation, duration)))
                directives += abort(now: now)
            }
        }
        return directives
    }

    private mutating func terminate(now: Moment) -> [Directive] {
        state = .stopping(until: now + SupervisionLimits.terminateGrace)
        return signal(.terminate)
    }

    private mutating func abort(now: Moment) -> [Directive] {
        var until = now + SupervisionLimits.abortGrace
        // Who waits for a drain waits no longer for a trace.
        if case .draining(let limit) = state {
            until = min(until, limit + SupervisionLimits.terminateGrace)
        }
        state = .aborting(until: until)
        return signal(.abort)
    }

    private func signal(_ signal: Directive.Signal) -> [Directive] {
        pid.map { [.signal(pid: $0, signal)] } ?? []
    }
}
