import Model

// Conditional writes: the acceptor of CASPaxos (Rystsov 2018), beside unconditional writes.
extension Replica {
    static func promise(
        _ key: RegisterKey, _ ballot: Ballot, _ tables: inout some ReplicaTables,
        _ now: Duration, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var register = tables.register(key) ?? Register()
        let context = tables.state(of: key.partition).context
        if let promised = register.ballot?.promised, promised > ballot {
            return .ballotTooLow(promised)
        }
        if register.ballot == nil {
            register.ballot = BallotSlot(promised: ballot)
        } else {
            register.ballot?.promised = ballot
        }
        store(register, context, for: key, &tables)
        if !register.isAtRest {
            // Its age counts from now: an older promise's would let this one be forgotten too soon,
            // and a lower ballot be accepted after it.
            tables.setUnsettled(nil, for: key)
            tables.setUnsettled(now, for: key)
            outcome.isUnsettled = true
        }
        return .promised(register, context, isDirectory: hidesFile(at: key, tables))
    }

    static func accept(
        _ key: RegisterKey, _ ballot: Ballot, _ version: RegisterVersion,
        _ tables: inout some ReplicaTables, _ now: Duration, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var register = tables.register(key) ?? Register()
        let context = tables.state(of: key.partition).context
        if let promised = register.ballot?.promised, promised > ballot {
            return .ballotTooLow(promised)
        }
        // Committed (and perhaps superseded) already.
        if context.contains(version.dot), !register.lost(version.dot) {
            register.ballot?.promised = ballot
            store(register, context, for: key, &tables)
            return register.damaged.contains(version.dot) ? .damaged : .accepted
        }
        let floor = tables.state(of: key.partition).context.floor
        if let refusal = refusal(of: version, by: register, floor, exactly: true) {
            return refusal
        }
        if tables.isFull, version.value.takesSpace { return .full }
        register.ballot = BallotSlot(
            promised: ballot, accepted: .init(ballot: ballot, version: version),
            settled: register.ballot?.settled)
        store(register, context, for: key, &tables)
        tables.setUnsettled(now, for: key)
        outcome.isUnsettled = true
        return .accepted
    }

    /// The ballot ended with a version that was committed before, or cannot be proposed again: it
    /// is committed here too, and lower ballots are done with.
    static func confirm(
        _ key: RegisterKey, _ ballot: Ballot, _ version: RegisterVersion,
        _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var register = tables.register(key) ?? Register()
        var context = tables.state(of: key.partition).context
        if let promised = register.ballot?.promised, promised > ballot {
            return .ballotTooLow(promised)
        }
        let before = register
        register.commit(version, in: &context)
        if register.ballot == nil { register.ballot = BallotSlot(promised: ballot) }
        register.ballot?.promised = ballot
        register.ballot?.settle(ballot)
        store(register, context, for: key, &tables)
        note(before, register, of: key, listed: false, &tables, &outcome)
        return register.damaged.contains(version.dot) ? .damaged : .accepted
    }
}
