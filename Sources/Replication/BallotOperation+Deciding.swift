import Model

// What the promises of the holders amount to, and what is proposed to them.
extension BallotOperation {
    /// What all who promised know together. Nil, and the end, where none of them has the content of
    /// the newest version: what a ballot ends with is brought to all.
    private mutating func joinAnswers() -> PartitionContext? {
        let known = Register.joined(answers.map { ($0.register, $0.context) })
        joined = known.register
        guard joined.isHeadDamaged else { return known.context }
        phase = .finished(.failed(.noQuorum))
        return nil
    }

    /// With promises of a majority: what is the newest version, and does it meet the condition?
    mutating func decide(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        guard let context = joinAnswers() else { return }
        // Under a ballot lower than one that is settled nothing was chosen that it did not find.
        let settled = answers.compactMap { $0.register.ballot?.settled }.max()
        let accepted = answers.compactMap { $0.register.ballot?.accepted }
            .filter { accepted in
                !context.contains(accepted.version.dot)
                    && settled.map { $0 < accepted.ballot } ?? true
            }
            .max { $0.ballot < $1.ballot }?.version
        var unsettled = accepted.flatMap { $0.ranksAbove(joined.head) ? $0 : nil }
        if let version = unsettled, let head = joined.head, !version.covers(head) {
            if policy == .available { return commitBeside(version, &directives) }
            // A holder accepts nothing that does not know all it has, and nothing is prepared below
            // what it accepted: so at most one of the two is at a majority. The accepted one was
            // decided when the other one was not there yet.
            overtaken = version
            unsettled = nil
        }
        if let version = unsettled, joined.head == nil, version.version.time <= refusedAbove {
            // Where a tombstone was dropped since, nobody accepts it as it is any more.
            overtaken = version
            unsettled = nil
        }
        commitStranded(context, settled, &directives)
        switch purpose {
        case .settle:
            if overtaken != nil { return renewHead(time, &directives) }
            if let unsettled { return propose(unsettled, &directives) }
            if let head = joined.head { return confirm(head, &directives) }
            phase = .finished(.settled(joined))
        case .write(_, let operation, _), .change(_, let operation):
            // Before all else: whatever this ballot ends with takes away what was accepted below it.
            if let unsettled {
                isAdopted = unsettled.operation != operation
                return propose(unsettled, &directives)
            }
            let earlier = joined.version(of: operation)
            if let overtaken, earlier != nil || overtaken.operation == operation {
                written = earlier ?? overtaken
                return renewHead(time, &directives)
            }
            if let earlier {
                if earlier.dot != joined.head?.dot, bringsNewest(&directives) { return }
                return confirm(earlier, &directives)
            }
            if endsAtDirectory() { return }
            if overtaken != nil, joined.head == nil {
                isAdopted = true
                return renewHead(time, &directives)
            }
            if bringsNewest(&directives) { return }
            let newest = joined.head
            isReplacing = newest.map { !$0.value.isDeleted } ?? false
            switch verdict(on: newest, time) {
            case .write(let value): mint(value, operation, time, &directives)
            case .end(let end):
                // What the answer goes by must not disappear again.
                self.end = end
                if overtaken != nil { return renewHead(time, &directives) }
                if let newest { return confirm(newest, &directives) }
                phase = .finished(end.outcome(copies: 0, exact: isExact))
            }
        }
    }

    /// Brings the newest version to a majority before this ballot ends with another one; it begins again
    /// then. False where that is not needed.
    ///
    /// A condition would be judged by it, and the new version come on top of it, where the others know
    /// nothing of its operation: repeated, that would be done again. And a ballot that ends says of all
    /// that was accepted below it that it is settled. What was chosen since this operation took effect
    /// may be committed at its coordinator alone.
    private mutating func bringsNewest(_ directives: inout [CoordinatorDirective]) -> Bool {
        guard overtaken == nil, let newest = joined.head, !isCommitted(newest) else {
            return false
        }
        isAdopted = true
        commit(newest, &directives)
        return true
    }

    /// Whether one who promised knows a directory at the path of the file: nothing was made yet.
    private mutating func endsAtDirectory() -> Bool {
        guard !guarding.passesDirectories, answers.contains(where: \.isDirectory) else {
            return false
        }
        phase = .finished(.failed(.mayBeDirectory(mayTakeEffect: !made.isEmpty)))
        return true
    }

    private enum Verdict {
        case write(RegisterValue)
        case end(End)
    }

    private func verdict(on newest: RegisterVersion?, _ time: CoordinatorTime) -> Verdict {
        switch purpose {
        case .write(let value, _, let condition):
            // This disk, which makes the version, may know less than those that promised.
            return condition.isMet(by: newest)
                ? .write(value.keepingProperties(of: newest)) : .end(.conditionFailed)
        case .change(let change, _):
            let locks = newest?.value.locks ?? LockSet()
            let decision = change.applied(to: locks, at: time.wallMilliseconds)
            if case .changed(let set) = decision { return .write(set.value) }
            return .end(.locks(decision))
        case .settle: preconditionFailure("a settlement writes nothing of its own")
        }
    }

    /// Whether those who promised have `version` committed at a majority, or at all of them where
    /// they are no majority. Stand-ins decide nothing, and are brought nothing.
    private func isCommitted(_ version: RegisterVersion) -> Bool {
        let voters = answers.filter { targets.isHolder($0.target.node) }
        let having = voters.filter { $0.context.contains(version.dot) }
        guard having.count < voters.count else { return true }
        var tally = Tally(targets)
        for answer in having { tally.count(answer.target) }
        return tally.hasMajority
    }

    /// Under `available` two sides of a cut decide apart: what one of them accepted, and perhaps
    /// acknowledged, did not come before what the other one has. They are in conflict, of which the
    /// rank decides; then the ballot begins again.
    private mutating func commitBeside(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        isAdopted = true
        commit(version, &directives)
    }

    /// A version that was accepted, perhaps chosen and acknowledged, and that something unrelated
    /// outranks by now: it can only be kept, as the loser of a conflict.
    private func commitStranded(
        _ context: PartitionContext, _ settled: Ballot?,
        _ directives: inout [CoordinatorDirective]
    ) {
        for answer in answers {
            guard let accepted = answer.register.ballot?.accepted,
                settled.map({ $0 < accepted.ballot }) ?? true
            else { continue }
            let version = accepted.version
            guard !context.contains(version.dot), !version.ranksAbove(joined.head)
            else { continue }
            for target in targets.holders {
                directives.append(.tell(target.node, .commit(key, version, listed: true)))
            }
        }
    }

    /// Makes the newest version again, above and in knowledge of one that was accepted beside it; or
    /// that one, where there is nothing else.
    mutating func renewHead(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        guard let source = joined.head ?? overtaken else { return }
        mint(source.value, source.operation, renewing: true, time, &directives)
    }

    mutating func mint(
        _ value: RegisterValue, _ operation: OperationID, renewing: Bool = false,
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        var cover = joined.knownContext
        var above = max(joined.latestTime, refusedAbove)
        for answer in answers {
            // Also what was prepared and counts for nothing: a holder accepts what knows all it has.
            var versions = answer.register.prepared
            if let accepted = answer.register.ballot?.accepted { versions.append(accepted.version) }
            for version in versions {
                cover.merge(version.version.context)
                cover.insert(version.dot)
                above = max(above, version.version.time)
            }
        }
        round += 1
        open = [own.node]
        phase = .minting
        var assignment = Assignment(
            key: key, value: value, operation: operation, cover: cover, above: above,
            time: time.stamp)
        assignment.isRenewal = renewing
        let request = ReplicaRequest.mint(assignment, ballot)
        directives.append(
            .ask(own.node, renewing ? request : request.guarded(guarding), round: round))
    }

    mutating func propose(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        phase = .accepting(version)
        let request = ReplicaRequest.accept(key, ballot, version)
        let isOwn = made.contains(version.dot) && overtaken == nil
        ask(isOwn ? request.guarded(guarding) : request, &directives)
    }

    mutating func confirm(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        // Only a majority settles that nothing else was chosen before.
        guard isExact else { return commit(version, &directives) }
        phase = .confirming(version)
        ask(.confirm(key, ballot, version), &directives)
    }

    mutating func commit(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        phase = .committing(version)
        ask(.commit(key, version, listed: false), &directives)
    }
}
