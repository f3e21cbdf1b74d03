import Model

// A version that was chosen: it is listed, told to all holders, and answered.
extension BallotOperation {
    mutating func chosen(
        _ version: RegisterVersion, _ time: CoordinatorTime,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        let isOwn =
            switch purpose {
            case .write(_, let operation, _), .change(_, let operation):
                version.operation == operation || written != nil
            case .settle: false
            }
        guard isOwn, end == nil,
            let item = KeyedEntry(following: version, of: key)
        else {
            return finish(version, copies: tally.counted.count, listed: false, &directives)
        }
        round += 1
        let writer = EntryWriter(
            item, at: entryTargets(item.key), policy: policy, round: round,
            isReachable: isReachable, into: &directives)
        phase = .listing(
            version, copies: tally.counted.count, writer,
            until: time.now + ReplicationLimits.listingTimeout)
        listed(writer.outcome, entryTargets, isReachable, &directives)
    }

    mutating func listed(
        _ outcome: EntryWriter.Outcome, _ entryTargets: (EntryKey) -> Targets,
        _ isReachable: (NodeID) -> Bool, _ directives: inout [CoordinatorDirective]
    ) {
        guard case .listing(let version, let count, let writer, let until) = phase else { return }
        switch outcome {
        case .waiting: break
        case .failed: finish(version, copies: count, listed: false, &directives)
        case .done:
            guard let next = writer.next else {
                return finish(version, copies: count, listed: true, &directives)
            }
            round += 1
            let above = EntryWriter(
                next, at: entryTargets(next.key), policy: policy, round: round,
                isReachable: isReachable, into: &directives)
            phase = .listing(version, copies: count, above, until: until)
        }
    }

    mutating func finish(
        _ version: RegisterVersion, copies: Int, listed: Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        for target in targets.holders {
            directives.append(
                .tell(
                    target.node,
                    .commit(key, version, listed: listed, settled: isExact ? ballot : nil)))
        }
        if let overtaken {
            // Now that nobody can take it for the newest: it is kept.
            for target in targets.holders {
                directives.append(.tell(target.node, .commit(key, overtaken, listed: true)))
            }
        }
        if let end {
            phase = .finished(end.outcome(copies: copies, exact: isExact))
        } else if case .settle = purpose {
            var context = PartitionContext()
            joined.commit(version, in: &context)
            phase = .finished(.settled(joined))
        } else {
            let result = written ?? version
            phase = .finished(
                .written(
                    result, copies: copies, replacing: isReplacing, listingPending: !listed,
                    exact: isExact && (policy == .majority || made.contains(result.dot))))
        }
    }
}
