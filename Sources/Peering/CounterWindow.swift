/// Which counters of one sender came already, over a connectionless network that turns their order
/// around: a sliding window as RFC 4303 has it, in blocks as in RFC 6479.
///
/// ```
///   too old ──────┊■■□■■■□■■■■□■■□■┊────── not seen yet: the window moves there
///                  highest - size   highest
/// ```
struct CounterWindow: Equatable, Sendable {
    private static let blockCount = PeeringLimits.windowCounterCount / 64

    /// The ring of blocks: the bit of a counter is where `counter / 64` modulo their number says.
    private var blocks: [UInt64]
    private(set) var highest: UInt64

    /// - Parameter highest: all counters up to this one count as seen.
    init(above highest: UInt64) {
        self.highest = highest
        blocks = [UInt64](repeating: UInt64.max, count: CounterWindow.blockCount)
        // What lies above `highest` in its own block was not seen.
        let bit = highest % 64
        if bit < 63 { blocks[block(of: highest)] = UInt64.max >> (63 - bit) }
    }

    private func block(of counter: UInt64) -> Int {
        Int(counter / 64 % UInt64(CounterWindow.blockCount))
    }

    /// Takes a counter that was not seen. - Returns: whether it was taken; false is a repetition, or one
    /// so old that this cannot be told.
    mutating func admits(_ counter: UInt64) -> Bool {
        // One block less than there are: the block of the highest is shared with none of an older turn.
        let reach = UInt64((CounterWindow.blockCount - 1) * 64)
        guard counter > 0, highest < reach || counter > highest - reach else { return false }
        if counter > highest {
            let steps = min(counter / 64 - highest / 64, UInt64(CounterWindow.blockCount))
            for step in 0..<steps { blocks[block(of: (counter / 64 - step) * 64)] = 0 }
            highest = counter
        }
        let bit: UInt64 = 1 << (counter % 64)
        let index = block(of: counter)
        guard blocks[index] & bit == 0 else { return false }
        blocks[index] |= bit
        return true
    }
}
