/// Lets the parts of messages through in their order, and of a message that has lost a part nothing
/// more: what is cut off is never completed by a part of another.
package struct PartSequence: Equatable, Sendable {
    private var message: UInt64 = 0
    /// What has to come next of the message; nil outside of one.
    private var next: UInt32?

    package init() {}

    /// Whether a message has begun that has not ended.
    package var isWithinMessage: Bool { next != nil }

    /// Whether this part is the next of its message, or begins one. A beginning ends what came before
    /// it, whole or not.
    package mutating func admits(message: UInt64, part: UInt32, isLast: Bool) -> Bool {
        if part == 0 {
            self.message = message
            next = isLast ? nil : 1
            return true
        }
        guard let expected = next, message == self.message, part == expected else {
            next = nil
            return false
        }
        let (following, overflow) = part.addingReportingOverflow(1)
        next = isLast || overflow ? nil : following
        return true
    }

    /// The rest of the message is refused.
    package mutating func breakOff() { next = nil }
}
