import Model
package import Replication

// What a trace says of requests and answers, for a person who looks for the cause of something.
extension ReplicaRequest {
    package var traceText: String {
        let detail: String
        switch self {
        case .guarded(let request, let guarding):
            let move = guarding.move.map { ", moved from \($0.source) \($0.dot.text)" } ?? ""
            guard let locks = guarding.locks else { return request.traceText + move }
            let tokens = locks.tokens.map { String($0.hex.suffix(6)) }
            return "guarded (\(tokens.joined(separator: " "))) \(request.traceText)\(move)"
        case .assign(let assignment):
            detail = "\(assignment.key.text) \(assignment.value.text)"
        case .mint(let assignment, let ballot):
            detail = "\(assignment.key.text) \(assignment.value.text) ballot \(ballot.text)"
        case .prepare(let key, let version, _), .commit(let key, let version, _, _),
            .writeBack(let key, let version):
            detail = "\(key.text) \(version.text)"
        case .withdraw(let key, let dot), .dropTombstone(let key, let dot):
            detail = "\(key.text) \(dot.text)"
        case .read(let key): detail = key.text
        case .merge(let partition, let registers, let entries, _, let origin):
            let items =
                registers.map { "\($0.key.text) \($0.register.text)" }
                + entries.map { "\($0.key.text) \($0.entry.text)" }
            detail = "\(partition.number) \(origin) \(items.joined(separator: "; "))"
        case .joinContext(let partition, _, _), .fetch(let partition, _, _),
            .items(let partition, _), .forget(let partition, _), .audit(let partition):
            detail = "\(partition.number)"
        case .promise(let key, let ballot): detail = "\(key.text) ballot \(ballot.text)"
        case .accept(let key, let ballot, let version),
            .confirm(let key, let ballot, let version):
            detail = "\(key.text) ballot \(ballot.text) \(version.text)"
        case .putEntry(let key, let entry), .dropEntry(let key, let entry):
            detail = "\(key.text) \(entry.text)"
        case .readEntry(let key): detail = key.text
        case .list(let directory, _, _, _): detail = "\(directory)"
        case .expire(let key, let dots), .purge(let key, let dots):
            detail = "\(key.text) \(dots.map(\.text).joined(separator: " "))"
        case .outboxDone(let items):
            detail = items.map { "\($0.row.path)" }.joined(separator: " ")
        case .addOutbox(let row): detail = "\(row.path)"
        case .quarantine(let key, let dots):
            detail = "\(key.text) \(dots.map(\.text).joined(separator: " "))"
        case .movePlaced(let placing), .moveOver(let placing): detail = placing.hex
        case .settle, .outbox, .moves, .partitions, .aged, .scrub: return kind
        }
        return "\(kind) \(detail)"
    }
}

extension ReplicaReply {
    package var traceText: String {
        switch self {
        case .assigned(let version, _), .alreadyApplied(let version): "\(kind) \(version.text)"
        case .register(let register, _, _), .promised(let register, _, _):
            "\(kind) \(register.text)"
        case .refused(_, let above, _): "\(kind) above \(String(above.value, radix: 16))"
        case .ballotTooLow(let ballot): "\(kind) \(ballot.text)"
        case .entry(let entry, let existence):
            "\(kind) \(entry?.text ?? "none") \(existence.text)"
        case .listing(let entries, let existence, _):
            "\(kind) \(entries.map { "\($0.key.text) \($0.entry.text)" }) \(existence.text)"
        default: kind
        }
    }
}

extension PeerMessage {
    package var traceText: String {
        switch self {
        case .tell(let request): return "tell-\(request.traceText)"
        case .request(let request):
            if case .replica(let body) = request.body { return body.traceText }
        case .reply(let reply):
            if case .replica(let body) = reply.body { return body.traceText }
        case .membership, .gossip, .watch, .changed: break
        }
        return kind
    }
}

extension RegisterKey {
    fileprivate var text: String {
        switch kind {
        case .file: "\(path)"
        case .mark: "mark \(path)"
        case .locks: "locks \(path)"
        }
    }
}

extension EntryKey {
    fileprivate var text: String {
        "\(directory): \(String(decoding: name, as: UTF8.self))"
    }
}

extension Dot {
    fileprivate var text: String { "\(disk.hex.prefix(6)).\(sequence)" }
}

extension Rank {
    fileprivate var text: String { "\(dot.text)@\(String(time.value, radix: 16))" }
}

extension Ballot {
    fileprivate var text: String { "\(String(round, radix: 16))/\(node.name)" }
}

extension RegisterValue {
    fileprivate var text: String {
        switch self {
        case .file(let facts): "file of \(facts.byteCount)"
        case .mark: "mark"
        case .describedMark(let properties): "mark, properties of \(properties.count)"
        case .locks(let set): set.text
        case .deleted: "deleted"
        }
    }
}

extension LockSet {
    fileprivate var text: String {
        let taken = locks.map { "\($0.token.hex.prefix(6)) until \($0.expires)" }
        let below = traces.map { "below \(String(decoding: $0.name, as: UTF8.self))" }
        return "locks (\((taken + below).joined(separator: ", ")))"
    }
}

extension RegisterVersion {
    fileprivate var text: String {
        let known = version.context.entries.map(\.text).joined(separator: " ")
        return "\(rank.text) \(value.text) knowing [\(known)]"
    }
}

extension Register {
    fileprivate var text: String {
        var words: [String] = []
        if let head { words.append("head \(head.text)") }
        words += prepared.map { "prepared \($0.text)" }
        words += damaged.map { "without content \($0.text)" }
        words += kept.map { "kept \($0.version.text)\($0.traceMark)" }
        if let ballot {
            words.append("promised \(ballot.promised.text)")
            if let settled = ballot.settled { words.append("settled \(settled.text)") }
            if let accepted = ballot.accepted {
                words.append("accepted \(accepted.ballot.text) \(accepted.version.text)")
            }
        }
        return "{\(words.joined(separator: ", "))}"
    }
}

extension DirectoryEntry {
    fileprivate var text: String {
        var words: [String] = []
        if let file {
            words.append(
                "file \(file.rank.text)\(file.record == nil ? " gone" : "") +\(file.correction)")
        }
        if let directory {
            words.append(
                "directory \(directory.rank.text)\(directory.exists ? "" : " gone")"
                    + " +\(directory.correction)")
        }
        return "(\(words.joined(separator: ", ")))"
    }
}

extension Existence {
    fileprivate var text: String {
        "\(exists ? "exists" : "not there")\(isMarked ? " marked" : "")"
            + "\(hasChanged ? " changed" : "") \(rank?.text ?? "-")"
    }
}

extension KeptVersion {
    fileprivate var traceMark: String {
        let purged = isPurged ? " purged" : ""
        guard isConflict else { return purged }
        return (tookEffect ? " conflict, was newest" : " conflict") + purged
    }
}
