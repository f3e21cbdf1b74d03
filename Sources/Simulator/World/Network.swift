import Model

/// Delays, losses and cuts between hosts. Datagrams are lost, doubled and overtaken; what goes on a
/// connection arrives in its order, or the connection breaks and all that was under way is lost.
struct Network {
    /// What becomes of one message.
    struct Fate {
        var first: Nanoseconds?
        /// The time of a second copy of it.
        var second: Nanoseconds?
    }

    /// How bad the network is at present, all over.
    struct Weather: Hashable {
        var lossPerMille = 0
        var duplicationPerMille = 0
        /// Connections that break, in a million messages.
        var breaksPerMillion = 0
        /// Connection messages that wait for a retransmission.
        var stallsPerMille = 0
        var jitter: Nanoseconds = .microseconds(300)
    }

    /// A standing cut between sides: a byte for each host, 0 for who is not concerned.
    struct Cut {
        let number: Int
        var sides: [UInt8]
        /// From side 1 to side 2.
        var cutsForth: Bool
        var cutsBack: Bool
        /// Cut in the first half of each period, mended in the second; nil where it is cut always.
        var period: Nanoseconds?
        var since: Nanoseconds = 0
    }

    private let capacity: Int
    private(set) var cuts: [Cut] = []
    private(set) var weathers: [(number: Int, weather: Weather)] = []
    private var weather = Weather()
    /// By directed pair: when the last message of the connection arrives, and how often it broke.
    private var lastArrival: [Nanoseconds]
    private var breaks: [UInt32]

    private(set) var lostCount = 0
    private(set) var brokenCount = 0

    static let baseDelay: Nanoseconds = .microseconds(100)

    init(capacity: Int) {
        self.capacity = capacity
        lastArrival = Array(repeating: 0, count: capacity * capacity)
        breaks = Array(repeating: 0, count: capacity * capacity)
    }

    // MARK: Faults

    mutating func add(_ cut: Cut) {
        cuts.append(cut)
        for from in 0..<capacity where cut.sides[from] != 0 {
            for to in 0..<capacity where cut.blocks(from, to) { breakConnection(from, to) }
        }
    }

    mutating func removeCut(_ number: Int) { cuts.removeAll { $0.number == number } }

    mutating func add(_ weather: Weather, number: Int) {
        weathers.append((number, weather))
        sumWeather()
    }

    mutating func removeWeather(_ number: Int) {
        weathers.removeAll { $0.number == number }
        sumWeather()
    }

    private mutating func sumWeather() {
        weather = Weather()
        for (_, other) in weathers {
            weather.lossPerMille = min(900, weather.lossPerMille + other.lossPerMille)
            weather.duplicationPerMille += other.duplicationPerMille
            weather.breaksPerMillion += other.breaksPerMillion
            weather.stallsPerMille += other.stallsPerMille
            weather.jitter = max(weather.jitter, other.jitter)
        }
    }

    var isFair: Bool { weathers.isEmpty && cuts.isEmpty }

    func isCut(_ from: Int, _ to: Int, _ now: Nanoseconds) -> Bool {
        for cut in cuts where cut.blocks(from, to) && cut.isOn(now) { return true }
        return false
    }

    /// A host that died: what comes to it and what it was about to send on connections is lost.
    mutating func hostDied(_ host: Int) {
        for other in 0..<capacity { breaks[other * capacity + host] &+= 1 }
    }

    private mutating func breakConnection(_ from: Int, _ to: Int) {
        breaks[from * capacity + to] &+= 1
        breaks[to * capacity + from] &+= 1
        brokenCount += 1
    }

    // MARK: Messages

    func connection(_ from: Int, _ to: Int) -> UInt32 { breaks[from * capacity + to] }

    mutating func datagram(
        from: Int, to: Int, now: Nanoseconds, using generator: inout SplitMix64
    ) -> Fate {
        if isCut(from, to, now) || isLost(&generator) {
            lostCount += 1
            return Fate()
        }
        var fate = Fate(first: now + delay(&generator))
        if weather.duplicationPerMille > 0,
            generator.chance(perMille: weather.duplicationPerMille)
        {
            fate.second = now + delay(&generator)
        }
        return fate
    }

    /// - Returns: nil where the link is cut.
    mutating func stream(
        from: Int, to: Int, now: Nanoseconds, using generator: inout SplitMix64
    ) -> Nanoseconds? {
        if isCut(from, to, now) {
            lostCount += 1
            return nil
        }
        if weather.breaksPerMillion > 0,
            generator.draw(below: 1_000_000) < weather.breaksPerMillion
        {
            breakConnection(from, to)
            lostCount += 1
            return nil
        }
        var arrival = now + delay(&generator)
        if weather.stallsPerMille > 0, generator.chance(perMille: weather.stallsPerMille) {
            // A retransmission, or several that back off.
            arrival += .milliseconds(200) << generator.draw(0...4)
        }
        let pair = from * capacity + to
        arrival = max(arrival, lastArrival[pair] + 1)
        lastArrival[pair] = arrival
        return arrival
    }

    /// Whether what was sent while the connection had broken `breaks` times still arrives.
    func arrives(
        from: Int, to: Int, isDatagram: Bool, breaks: UInt32, now: Nanoseconds
    ) -> Bool {
        isDatagram ? !isCut(from, to, now) : self.breaks[from * capacity + to] == breaks
    }

    mutating func noteLost() { lostCount += 1 }

    private func isLost(_ generator: inout SplitMix64) -> Bool {
        weather.lossPerMille > 0 && generator.chance(perMille: weather.lossPerMille)
    }

    private func delay(_ generator: inout SplitMix64) -> Nanoseconds {
        let word = generator.next()
        let jitter = Int64((word >> 32).multipliedFullWidth(by: UInt64(weather.jitter) << 32).high)
        // One in 64 waits in a queue on its way.
        let tail = word & 63 == 0 ? jitter << Int64(word >> 6 & 3) : 0
        return Network.baseDelay + jitter + tail
    }
}

extension Network.Cut {
    func isOn(_ now: Nanoseconds) -> Bool {
        period.map { (now - since) % $0 < $0 / 2 } ?? true
    }

    func concerns(_ a: Int, _ b: Int) -> Bool {
        sides[a] != 0 && sides[b] != 0 && sides[a] != sides[b]
    }

    func blocks(_ from: Int, _ to: Int) -> Bool {
        switch (sides[from], sides[to]) {
        case (1, 2): cutsForth
        case (2, 1): cutsBack
        default: false
        }
    }
}
