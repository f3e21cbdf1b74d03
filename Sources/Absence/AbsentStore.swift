internal import Cluster
internal import Membership
internal import Model
internal import Transfer

/// What a gateway says to other nodes in the name of its store while that is away, be it restarted on
/// purpose or killed: the node is there, and its store will be again. Peers ask the store for
/// nothing meanwhile, count it in no majority, and do not take it for dead for
/// `MembershipLimits.restartMax`.
///
/// ```
///   here ──wentAway──▶ away: pings are answered ──the next store's first word──▶ here
///                        └── after restartMax: silence, as of any node that died
/// ```
/// Who the store was is in its last datagram. So nothing has to be handed over by a store that goes,
/// which one that is killed could not do.
///
/// A value: datagrams as they travel between stores, and the time, in; datagrams out.
package struct AbsentStore: Sendable {
    /// A datagram, and the number that it has among those to other nodes.
    package struct Word: Equatable, Sendable {
        package var number: UInt64
        package var bytes: [UInt8]

        package init(number: UInt64, bytes: [UInt8]) {
            self.number = number
            self.bytes = bytes
        }
    }

    /// The last word of the store that is here; it is read when the store goes.
    private var lastWord: Word?
    private var number: UInt64 = 0
    private var standIn: StoreStandIn?

    package init() {}

    /// The store sends a datagram: it is here, and speaks for itself.
    package mutating func said(_ word: Word) {
        lastWord = word
        standIn = nil
    }

    /// The link to the store is gone. One that went again without a word changes nothing: a store
    /// that dies at each start does not count as restarting for ever.
    package mutating func wentAway(now: Duration) {
        guard let word = lastWord else { return }
        lastWord = nil
        number = word.number
        // Who said goodbye comes back for nobody.
        guard let message = AbsentStore.membership(in: word.bytes), message.sender.state != .left
        else { return }
        standIn = StoreStandIn(message.sender, now: now)
    }

    /// A peer's datagram came.
    /// - Returns: the answer to it, to that peer; nil where the store is here, or the datagram asks
    ///   for none.
    package mutating func answer(
        to datagram: [UInt8], now: Duration, wallMilliseconds: UInt64
    ) -> Word? {
        guard standIn != nil, let message = AbsentStore.membership(in: datagram),
            let answer = standIn?.received(message, now: now, wallMilliseconds: wallMilliseconds)
        else { return nil }
        number &+= 1
        do throws(PeerMessage.EncodeError) {
            let bytes = try PeerMessage.membership(answer).encode()
            return Word(number: number, bytes: StoreMessage.message(bytes, contents: []).encode())
        } catch {
            preconditionFailure("an acknowledgement has no bytes: \(error)")
        }
    }

    /// Nil for anything else, and for what is malformed: the store counts that when it is back.
    private static func membership(in datagram: [UInt8]) -> SwimMessage? {
        do throws(DecodeError) {
            guard
                case .message(let bytes, contents: []) = try StoreMessage(
                    decoding: unsafe datagram.span.bytes),
                case .membership(let message) = try PeerMessage(
                    decoding: unsafe bytes.span.bytes)
            else { return nil }
            return message
        } catch {
            return nil
        }
    }
}
