internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Replication
internal import Transfer

// Whether contents are what was stored: passes over all of them, and checks of single ones that somebody
// wants to read.
extension Store {
    // MARK: Passes

    /// The last life's pass goes on.
    func beginScrubbing() {
        guard !engine.isReadOnly else { return }
        integrity.due = loop.now + StoreLimits.scrubStartDelay
        if let bytes = engine.savedScrub {
            do {
                integrity.pass = try ScrubPass(decoding: bytes)
            } catch {
                Log.error(
                    "how far the scrub was cannot be read: it begins anew", ["error": "\(error)"])
            }
        }
        if let pass = integrity.pass, pass.isDone {
            // Since its end some time has passed without this life.
            let ended = Int64(clamping: pass.summary.finished ?? 0)
            let age = Duration.milliseconds(WallClock.now.nanoseconds / 1_000_000 - ended)
            integrity.due =
                loop.now + max(StoreLimits.scrubStartDelay, StoreLimits.scrubInterval - age)
        }
        if integrity.isRequested { integrity.due = loop.now }
        engine.scrubber.control.set(isRequested: integrity.isRequested)
        goOnScrubbing()
    }

    func obey(scrubRate: Int) {
        guard integrity.rate != scrubRate else { return }
        integrity.rate = scrubRate
        engine.scrubber.control.set(rate: UInt64(scrubRate) << 20)
        goOnScrubbing()
    }

    /// Begins a pass that somebody asks for, unless such a one is under way.
    func beginPass() {
        if integrity.isRequested { return }
        begin(ScrubPass(id: scrubID, isRequested: true))
        Log.notice("a check of all contents was asked for and begins")
    }

    private var scrubID: UInt64 {
        let now = UInt64(max(0, WallClock.now.nanoseconds / 1_000_000))
        return max(now, (integrity.pass?.id ?? 0) + 1)
    }

    private func begin(_ pass: ScrubPass) {
        integrity.requested = integrity.told
        integrity.pass = pass
        integrity.due = loop.now
        engine.scrubber.control.set(isRequested: pass.isRequested)
        savePass()
        goOnScrubbing()
    }

    /// Asks for the next step, or waits until it is due.
    private func goOnScrubbing() {
        guard !engine.isReadOnly, !integrity.isStepping, !cluster.isStopped else { return }
        let isRequested = integrity.isRequested
        guard isRequested || integrity.rate ?? 0 > 0 else { return }
        guard loop.now >= integrity.due else { return wakeScrub(after: integrity.due - loop.now) }
        if integrity.pass?.isDone ?? true {
            return begin(ScrubPass(id: scrubID, isRequested: false))
        }
        guard let pass = integrity.pass else { return }
        if pass.place == .repairs {
            // The last mark comes back here.
            return integrity.markingCount > 0 ? () : lookAtRepairs(pass)
        }
        integrity.isStepping = true
        engine.scrubber.post(.step(pass.place, ticket: pass.id))
    }

    private func wakeScrub(after delay: Duration) {
        integrity.timer?.cancel()
        do {
            integrity.timer = try loop.schedule(after: delay) { [weak self] in
                self?.assumeIsolated { $0.goOnScrubbing() }
            }
        } catch {
            Log.error("no timer: contents are not checked from here on", ["error": "\(error)"])
        }
    }

    /// The scrubber has done something.
    func scrubbed(_ ticket: UInt64, _ answer: Scrubber.Answer) {
        switch answer {
        case .checked(let file, let verdict): checked(ticket, file, verdict)
        case .damage(let found):
            // A pass that somebody asked for meanwhile finds it marked already.
            if integrity.pass?.id == ticket || integrity.isRequested {
                integrity.pass?.add(found, now: loop.now)
            }
            damaged(found)
        case .step(let report, let next): stepped(ticket, report, next)
        case .failed(let why):
            if let file = integrity.checks[ticket] { return checked(ticket, file, .unknown(why)) }
            // Whoever stops the store interrupts it.
            if cluster.isStopped { return }
            Log.error("the scrub cannot go on now", ["why": why])
            integrity.isStepping = false
            integrity.due = loop.now + StoreLimits.scrubStartDelay
            goOnScrubbing()
        }
    }

    private func stepped(_ ticket: UInt64, _ report: ScrubReport, _ next: ScrubPlace) {
        integrity.isStepping = false
        saveStamps()
        for versions in report.known {
            clusterEvent { node, now, generator, directives in
                node.foundDamage(
                    versions, isKnown: true, now, using: &generator, into: &directives)
            }
        }
        if !report.views.removed.isEmpty { engine.writer.submit(.showAgain(report.views.removed)) }
        // Another pass may have begun meanwhile, which looks at all of it itself.
        if integrity.pass?.id == ticket {
            integrity.pass?.stepped(report, next: next, now: loop.now)
            savePassIfDue()
        }
        goOnScrubbing()
    }

    // MARK: Repairs

    private func lookAtRepairs(_ pass: ScrubPass) {
        if pass.mayFinish(now: loop.now, isAlone: cluster.node.isOnlyHolder) { return finishPass() }
        integrity.isStepping = true
        let paths = pass.nextOpen
        askDisk(.damaged(paths)) { answer in
            self.integrity.isStepping = false
            // Another pass may have begun meanwhile.
            guard self.integrity.pass?.id == pass.id else { return self.goOnScrubbing() }
            if case .success(.damaged(let lacking)) = answer {
                self.integrity.pass?.looked(at: paths, lacking: lacking, now: self.loop.now)
            }
            let pass = self.integrity.pass
            let isOver = pass?.mayFinish(now: self.loop.now, isAlone: false) ?? true
            if isOver { return self.goOnScrubbing() }
            self.wakeScrub(after: StoreLimits.scrubRepairInterval)
        }
    }

    private func finishPass() {
        integrity.pass?.finish(at: UInt64(max(0, WallClock.now.nanoseconds / 1_000_000)))
        savePass()
        engine.scrubber.control.set(isRequested: false)
        engine.tidyQuarantine()
        integrity.due = loop.now + StoreLimits.scrubInterval
        if let summary = integrity.pass?.summary { say(summary) }
        answerEndWaiters()
        wakeScrub(after: StoreLimits.scrubInterval)
    }

    private func say(_ summary: ScrubSummary) {
        Log.notice(
            "all contents were checked",
            [
                "files": "\(summary.fileCount)", "verified": "\(summary.verifiedCount)",
                "damaged": "\(summary.damageCount)", "repaired": "\(summary.repairedCount)",
                "without a good copy": "\(summary.quarantinedCount)",
                "strays": "\(summary.strayCount)",
            ])
        func warn(_ subject: String, _ count: UInt64, _ text: String) {
            count > 0 ? engine.warnings.set(subject, text) : engine.warnings.clear(subject)
        }
        warn(
            "integrity", summary.quarantinedCount,
            "\(summary.quarantinedCount) files have no good copy on this disk and none in reach: "
                + "clusterfctl scrub lists them")
        warn(
            "strays", summary.strayCount,
            "\(summary.strayCount) things in the data directory are not the store's: clusterfctl scrub "
                + "lists them")
        warn(
            "files/", summary.replacedViewCount,
            "\(summary.replacedViewCount) names in files/ show something that is not in the store: "
                + "upload it, or remove it there; clusterfctl scrub lists them")
    }

    private func savePassIfDue() {
        let interval =
            integrity.isRequested
            ? StoreLimits.scrubSaveIntervalRequested : StoreLimits.scrubSaveInterval
        if loop.now - integrity.saved >= interval { savePass() }
    }

    private func savePass() {
        guard let pass = integrity.pass else { return }
        integrity.saved = loop.now
        engine.writer.submit(.scrubbed(pass.bytes))
    }

    /// What was checked is trusted in the next lives, too.
    private func saveStamps() {
        guard !engine.isReadOnly, let stamps = engine.contents.trust?.takeUnsaved(), !stamps.isEmpty
        else { return }
        engine.writer.submit(.stamped(stamps))
    }

    // MARK: Damage

    /// A content is not what was stored: it is served to nobody from here on, kept apart, and fetched from
    /// another node.
    private func damaged(_ found: FoundDamage, _ marked: @escaping () -> Void = {}) {
        let object = found.file.content.object
        guard integrity.marked.insert(object, now: loop.now) else { return marked() }
        Log.error(
            "a content is not what was stored",
            ["path": "\(found.file.path)", "object": object.hex, "how": found.why])
        engine.contents.trust?.distrust(object)
        integrity.markingCount += 1
        mark(bad: [object]) {
            self.integrity.markingCount -= 1
            marked()
            self.goOnScrubbing()
        }
        guard found.isNeeded else { return }
        let versions = DamagedVersions(key: .file(found.file.path), dots: found.dots)
        clusterEvent { node, now, generator, directives in
            node.foundDamage(versions, isKnown: false, now, using: &generator, into: &directives)
        }
    }

    // MARK: Single contents

    /// Checks a content that somebody wants to read.
    func check(_ file: ExpectedFile, _ done: @escaping (CheckOutcome) -> Void) {
        if integrity.waiting[file] == nil { ask(file) }
        integrity.waiting[file, default: []].append(done)
    }

    /// A reader found that a content is not what was stored, or does not seem to be.
    func suspected(_ file: ExpectedFile) {
        guard !engine.isReadOnly, integrity.waiting[file] == nil,
            integrity.checks.count < StoreLimits.suspectsMax
        else { return }
        integrity.waiting[file] = []
        ask(file)
    }

    /// The same of what a client was given, which came from here or from another node.
    func suspected(_ digest: Digest, at path: StorePath) {
        for node in cluster.node.mayHold(Partition(of: path)) {
            send(.word(.suspects(path, digest)), to: node)
        }
        suspectedHere(digest, at: path)
    }

    /// Looks at those versions of the path, old ones among them, that have to have this digest.
    func suspectedHere(_ digest: Digest, at path: StorePath) {
        guard integrity.checks.count + integrity.askedCount < StoreLimits.suspectsMax else {
            return
        }
        integrity.askedCount += 1
        askDisk(.register(path)) { answer in
            self.integrity.askedCount -= 1
            guard case .success(.register(let register?)) = answer else { return }
            for version in register.versionsWithContent + register.spareVersions.map(\.version) {
                guard let facts = version.value.facts, facts.digest == digest else { continue }
                self.suspected(ExpectedFile(path, ExpectedContent(facts)))
            }
        }
    }

    private func ask(_ file: ExpectedFile) {
        integrity.nextTicket += 1
        integrity.checks[integrity.nextTicket] = file
        engine.scrubber.post(.check(file, ticket: integrity.nextTicket))
    }

    private func checked(
        _ ticket: UInt64, _ file: ExpectedFile, _ verdict: ContentVerifier.Verdict
    ) {
        integrity.checks[ticket] = nil
        let waiting = integrity.waiting.removeValue(forKey: file) ?? []
        func tell(_ outcome: CheckOutcome) { for done in waiting { done(outcome) } }
        switch verdict {
        case .good, .gone:
            saveStamps()
            tell(.lookAgain)
        case .changing:
            Log.warning(
                "a content could not be checked: its file is being changed",
                ["path": "\(file.path)"])
            tell(.unknown)
        case .unknown(let why):
            Log.warning("a content could not be checked", ["path": "\(file.path)", "why": why])
            tell(.unknown)
        case .bad(let why):
            askDisk(.register(file.path)) { answer in
                var dots: [Dot] = []
                if case .success(.register(let register?)) = answer {
                    dots = register.versionsWithContent.filter {
                        $0.value.facts?.object == file.content.object
                    }.map(\.dot)
                }
                let found = FoundDamage(file: file, dots: dots, isNeeded: !dots.isEmpty, why: why)
                if self.integrity.isRequested {
                    self.integrity.pass?.add(found, now: self.loop.now)
                }
                self.damaged(found) { tell(.bad) }
            }
        }
    }
}
