import Model
import Replication

/// Two disks telling each other what they know of one partition: what differs is fetched and
/// merged both ways; once the contents are equal, the contexts are joined.
///
/// ```
///  items ──same──▶ ended          ┌──────────────────────────────┐
///    ├──only the context differs──▶ joining ──▶ ended            │
///    └──registers or entries differ──▶ fetching ──▶ merging ─────┘ (again, at most `roundsMax` times)
/// ```
///
/// A take-over fetches all that differed as it began, however many messages that takes.
struct PartitionExchange: Sendable {
    enum Purpose: Equatable, Sendable {
        /// Between two holders.
        case compare
        /// From a holder of an older layout to this node, a holder of the newest.
        case takeOver
        /// From this node, which holds it no more, to a holder.
        case handBack
    }

    enum Step: Sendable {
        case waiting, items, fetching, merging, joining
        /// These are to be fetched when the throttle allows it.
        case held([ItemKey], withUnsettled: Bool, until: Duration)
    }

    /// One side's last answer in a step.
    struct Side: Sendable {
        var items: [Item] = []
        var registers: [KeyedRegister] = []
        var entries: [KeyedEntry] = []
        var context = PartitionContext()
        var contents = Fingerprint.zero
        var hasUnsettled = false
        var hasAnswered = false

        fileprivate mutating func take(_ reply: ReplicaReply) -> Bool {
            switch reply {
            case .items(let items, let context, let contents, let hasUnsettled):
                self.hasUnsettled = hasUnsettled
                self.items = items
                self.context = context
                self.contents = contents
            case .fetched(let registers, let entries, let context, _):
                self.registers = registers
                self.entries = entries
                self.context = context
            case .merged, .done, .stale: break
            default: return false
            }
            hasAnswered = true
            return true
        }
    }

    /// Enough for merging, comparing again and joining, with one change under way.
    static let roundsMax = 4

    let partition: Partition
    let peer: NodeID
    let purpose: Purpose
    var step = Step.waiting
    var round = 0
    var own = Side()
    var theirs = Side()
    /// The items that both sides were asked for.
    var asked: [ItemKey] = []
    /// Of a take-over: the items that differed as it began and were not fetched yet. What comes
    /// later is written to both sides.
    var pending: [ItemKey]?
    /// The disk that answered for the peer.
    var peerDisk: DiskID?
    /// The own sum that a hand-back brought over.
    var sum = Fingerprint.zero

    /// Nil where the throttle holds nothing back.
    mutating func beginRound() {
        own = .init()
        theirs = .init()
        step = .items
        round += 1
    }

    /// - Returns: whether the answer is one that the step goes on with.
    mutating func answered(_ reply: ReplicaReply, own isOwn: Bool, by disk: DiskID) -> Bool {
        if !isOwn { peerDisk = disk }
        if isOwn, case .items(_, let context, let contents, _) = reply {
            sum = contents &+ context.fingerprint
        }
        return isOwn ? own.take(reply) : theirs.take(reply)
    }

    /// Whether both sides have answered; they are asked again from then on.
    mutating func takeBothAnswered() -> Bool {
        guard own.hasAnswered, theirs.hasAnswered else { return false }
        own.hasAnswered = false
        theirs.hasAnswered = false
        return true
    }

    var heldUntil: Duration? {
        guard case .held(_, _, let until) = step else { return nil }
        return until
    }

    /// What was fetched and the other side has not: content, and a record for each.
    var movedByteCount: Int64 {
        PartitionExchange.byteCount(own, lackedBy: theirs)
            + PartitionExchange.byteCount(theirs, lackedBy: own)
    }

    private static func byteCount(_ from: Side, lackedBy to: Side) -> Int64 {
        var sum: Int64 = 0
        for item in from.registers {
            let known = to.registers.first { $0.key == item.key }?.register
            let register = item.register
            for version in register.prepared + register.kept.map(\.version) + [register.head] {
                guard let version, known?.contains(version.dot) != true else { continue }
                let content = min(version.value.facts?.byteCount ?? 0, 1 << 48)
                sum += Int64(content) + ClusterLimits.recordByteCount
            }
        }
        return sum
    }

    /// The keys of the items that differ, sorted.
    var differing: [ItemKey] {
        var result: [ItemKey] = []
        var i = 0
        var j = 0
        while i < own.items.count || j < theirs.items.count {
            let a = i < own.items.count ? own.items[i] : nil
            let b = j < theirs.items.count ? theirs.items[j] : nil
            switch (a, b) {
            case (let a?, let b?) where a.key == b.key:
                if a.fingerprint != b.fingerprint { result.append(a.key) }
                i += 1
                j += 1
            case (let a?, let b?) where a.key < b.key:
                result.append(a.key)
                i += 1
            case (let a?, nil):
                result.append(a.key)
                i += 1
            case (_, let b?):
                result.append(b.key)
                j += 1
            case (nil, nil): break
            }
        }
        return result
    }

    /// What `from` has, with an empty register for each of the items asked for that only `to` has:
    /// there it went. (Registers that came for their ballots were not asked for; that the other
    /// side did not send them means nothing.)
    func toTell(_ from: Side, _ to: Side) -> [KeyedRegister] {
        var result = from.registers
        for item in to.registers where !from.registers.contains(where: { $0.key == item.key }) {
            guard asked.contains(ItemKey(item.key.fingerprint)) else { continue }
            result.append(KeyedRegister(key: item.key, register: Register()))
        }
        return result
    }
}
