import Cluster
import Model
import Replication

// Clients: one operation after the other, repeated where nothing is known of its outcome.
extension World {
    /// By then what was acknowledged before has reached its directory, on a network without faults.
    private static let directoryFairTime = Nanoseconds.seconds(20)

    mutating func startClients() {
        for index in clients.indices where !omissions.clients.contains(index) {
            let delay = clients[index].generator.draw(0...options.thinkTime)
            schedule(index, after: delay)
        }
    }

    private mutating func schedule(_ client: Int, after delay: Nanoseconds) {
        clients[client].step &+= 1
        queue.schedule(
            .clientActs(Int32(client), step: clients[client].step), at: now + delay)
    }

    mutating func clientActs(_ client: Int, _ step: UInt32) {
        guard clients[client].step == step else { return }
        switch clients[client].stage {
        case .thinking: beginOperation(client)
        case .pausing: attempt(client)
        case .waiting: attemptFailed(client, isFinal: false)
        case .stopped: break
        }
    }

    private mutating func beginOperation(_ client: Int) {
        guard phase == .running else {
            clients[client].stage = .stopped
            return
        }
        let index = clients[client].nextIndex
        let seen = clients[client].seen
        if let held = clients[client].held, held.until <= now { clients[client].held = nil }
        let choice = workload.operation(
            client: client, index: index, at: now - runningSince, held: clients[client].held,
            seen: { seen[$0] }, beside: clients[client].beside)
        if choice.dies { clients[client].held = nil }
        clients[client].thinkTime = choice.thinkTime
        clients[client].nextIndex += 1
        if omissions.operations.contains(Omissions.operation(client, index)) {
            return schedule(client, after: choice.thinkTime)
        }
        guard let host = hostToAsk(client) else {
            return schedule(client, after: .seconds(1))
        }
        var record = OperationRecord(
            client: client, index: index, kind: choice.kind, path: choice.path, invoked: now)
        record.operation = OperationID(
            wallMilliseconds: UInt64((Host.wallStart + now) / 1_000_000),
            using: &clients[client].generator)
        record.host = host
        record.attempts = 0
        clients[client].record = history.append(record)
        attempt(client)
    }

    /// The client's own node; another one where it is down.
    private mutating func hostToAsk(_ client: Int) -> Int? {
        let home = clients[client].home
        if hosts[home].state == .up, clients[client].generator.chance(perMille: 900) { return home }
        let up = hosts.indices.filter { hosts[$0].state == .up }
        return up.isEmpty ? nil : up[clients[client].generator.draw(below: up.count)]
    }

    private mutating func attempt(_ client: Int) {
        let number = clients[client].record
        guard let host = hostToAsk(client) else {
            return attemptFailed(client, isFinal: false)
        }
        history[number].attempts += 1
        history[number].host = host
        // A read that is repeated is another read.
        if !history[number].changes { history[number].invoked = now }
        clients[client].listed = []
        let record = history[number]
        checkers.noStaleReads.began(number, record, holding: holdingNewest(record.path))
        trace.add(now, "\(record)")
        clients[client].stage = .waiting
        statistics.attemptCount += 1
        ask(host, Workload.request(for: record), for: client)
    }

    private mutating func ask(_ host: Int, _ request: ClientRequest, for client: Int) {
        schedule(client, after: Client.timeout)
        clients[client].ticket = nextTicket + 1
        _ = ask(host, request, .client(client))
    }

    /// The next page of a listing, perhaps from another node.
    private mutating func askForPage(_ client: Int, after name: [UInt8], _ limit: Int) {
        let number = clients[client].record
        guard clients[client].listed.count < Client.listedCountMax,
            let host = hostToAsk(client)
        else { return attemptFailed(client, isFinal: false) }
        history[number].host = host
        ask(host, .list(history[number].path, after: name, limit: limit), for: client)
    }

    /// The node answered, or a ticket of the world itself was answered.
    mutating func answered(_ ticket: UInt64, _ answer: ClientAnswer, _ host: Int) {
        guard let owner = ticketOwners.removeValue(forKey: ticket) else { return }
        switch owner {
        case .client(let client):
            guard clients[client].ticket == ticket, clients[client].stage == .waiting else {
                return
            }
            clientAnswered(client, answer)
        case .administrator: administratorAnswered(answer)
        case .setting(let value): settingAnswered(value, answer)
        case .leaver(let host):
            // Refused (its clock is in doubt): it stays.
            if case .done = answer { break }
            hosts[host].isLeaving = false
        case .stayer(let host): if case .done = answer { hosts[host].isLeaving = false }
        case .finalRead(let number):
            openFinalReads -= 1
            finalReads[number].answer = answer
        }
    }

    private mutating func clientAnswered(_ client: Int, _ answer: ClientAnswer) {
        let number = clients[client].record
        var answer = answer
        switch (history[number].kind, answer) {
        case (.listPages(let limit), .listing(let names, let next)):
            clients[client].listed += names
            if let next { return askForPage(client, after: next, limit) }
            answer = .listing(clients[client].listed, next: nil)
        case (_, .written(_, _, _, let isPending, _)): history[number].isListingPending = isPending
        default: break
        }
        let outcome = Workload.outcome(answer)
        if outcome == .unknown { return attemptFailed(client, isFinal: false) }
        history[number].outcome = outcome
        history[number].answered = now
        note(outcome, client, number)
        end(client)
    }

    private mutating func note(
        _ outcome: OperationRecord.Outcome, _ client: Int, _ number: Int
    ) {
        let path = history[number].path
        switch history[number].kind {
        case .getBeside, .deleteBeside:
            clients[client].beside = nil
            return
        default: break
        }
        switch outcome {
        case .read(let content, _): clients[client].seen[path] = content
        case .notFound, .conditionFailed: clients[client].seen[path] = nil
        case .listed(let names):
            let found = names.lazy.compactMap { ConflictName(parsing: $0.name) }.first
            clients[client].beside = found.flatMap { name in
                (try? path.appending(name.prefix)).map { .init(path: $0, dot: name.dot) }
            }
        case .written:
            clients[client].seen[path] = history[number].isPut ? history[number].content : nil
        case .open, .refused, .isDirectory, .unknown, .granted, .unlocked, .lockNotFound, .locked:
            break
        }
    }

    /// No answer, a broken connection, or 503: repeated, or left unknown.
    private mutating func attemptFailed(_ client: Int, isFinal: Bool) {
        clients[client].ticket = 0
        let number = clients[client].record
        statistics.failedAttemptCount += 1
        if !isFinal, phase == .running, history[number].attempts < Client.attemptsMax,
            clients[client].generator.chance(perMille: 700)
        {
            clients[client].stage = .pausing
            let delay = clients[client].generator.draw(.milliseconds(5) ... .seconds(2))
            return schedule(client, after: delay)
        }
        history[number].outcome = .unknown
        if history[number].isPut { clients[client].seen[history[number].path] = nil }
        end(client)
    }

    private mutating func end(_ client: Int) {
        let number = clients[client].record
        if history[number].concernsDirectory {
            history[number].isUndisturbed = !wasDisturbed(
                since: history[number].invoked - Self.directoryFairTime)
        }
        let record = history[number]
        trace.add(now, "\(record)")
        trace.add(now, UInt64(record.outcome.number) << 32 | UInt64(number))
        statistics.ended(record, at: now)
        checkAnswer(number, record)
        clients[client].noteLock(record)
        clients[client].stage = .thinking
        schedule(client, after: clients[client].thinkTime)
    }

    /// A process that dies closes its connections: its clients know at once.
    mutating func connectionsLost(to host: Int) {
        for client in clients.indices
        where clients[client].stage == .waiting && history[clients[client].record].host == host {
            attemptFailed(client, isFinal: false)
        }
    }

    private mutating func checkAnswer(_ number: Int, _ record: OperationRecord) {
        if let suspicion = checkers.noStaleReads.ended(number, record) { examine(suspicion) }
        guard let version = record.written else { return }
        let key = record.writtenKey
        let durable = disksHolding(version.dot, of: record.operation, at: key)
        var holding = durable
        // A disk that counted, and handed the partition on before the answer came.
        for one in forgotten where one.partition == key.partition && one.time > record.invoked {
            if !holding.contains(one.disk) { holding.append(one.disk) }
        }
        let isMajority =
            options.policy == .majority
            && isHeldByMajority(key.partition, holding: holding, asked: record.host)
        report(
            checkers.acknowledgedWrites.acknowledged(
                record, holding: holding.count, isMajority: isMajority, at: now))
        // What it has again later, it did not have all the time.
        checkers.noStaleReads.acknowledged(record, version: version, holding: durable, at: now)
    }

    mutating func report(_ violation: Violation?) {
        guard let violation, checkers.violations.count < Checkers.violationCountMax else { return }
        trace.add(now, "VIOLATION \(violation.checker): \(violation.explanation)")
        checkers.violations.append(violation)
    }
}

extension OperationRecord {
    fileprivate var concernsDirectory: Bool {
        switch kind {
        case .list, .listPages, .removeDirectory: true
        default: false
        }
    }

    /// The register that the acknowledged version is of.
    var writtenKey: RegisterKey {
        switch kind {
        case .makeDirectory, .removeDirectory: .mark(path)
        case .move(let destination): .file(destination)
        default: .file(path)
        }
    }
}

extension OperationRecord.Outcome {
    var number: Int {
        switch self {
        case .open: 0
        case .written: 1
        case .read: 2
        case .notFound: 3
        case .conditionFailed: 4
        case .listed: 5
        case .refused: 6
        case .unknown: 7
        case .granted: 8
        case .unlocked: 9
        case .lockNotFound: 10
        case .locked: 11
        case .isDirectory: 12
        }
    }
}
