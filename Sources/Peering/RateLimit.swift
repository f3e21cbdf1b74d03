internal import IPC

/// How often others may make this gateway say something: each address, and all of them together.
struct RateLimit: Sendable {
    private let interval: Duration
    private let perSecond: Int
    private var last: [PeerAddress: Duration] = [:]
    /// How many may go now.
    private var left: Int
    private var refilledAt: Duration = .zero

    /// - Parameters:
    ///   - interval: between two for one address.
    ///   - perSecond: for all addresses together.
    init(interval: Duration, perSecond: Int) {
        self.interval = interval
        self.perSecond = perSecond
        left = perSecond
    }

    mutating func admits(_ address: PeerAddress, now: Duration) -> Bool {
        let passed = (now - refilledAt).milliseconds
        let fresh = Int(clamping: passed * Int64(perSecond) / 1000)
        if fresh > 0 {
            left = min(perSecond, left + fresh)
            refilledAt = now
        }
        if let last = last[address], now - last < interval { return false }
        guard left > 0 else { return false }
        left -= 1
        if last.count >= PeeringLimits.nodesMax {
            last = last.filter { now - $0.value < interval }
        }
        if last.count < PeeringLimits.nodesMax { last[address] = now }
        return true
    }
}
