import Model
import Replication

/// All faults of a run, drawn from the seed alone.
enum FaultSchedule {
    /// Hosts beyond the first ones that may join in a run.
    static let joinersMax = 4

    /// - Parameters:
    ///   - from: faults begin here, when the cluster is up.
    static func make(_ options: SimulationOptions, from: Nanoseconds) -> [Fault] {
        var drafts: [(start: Nanoseconds, length: Nanoseconds, action: Fault.Action)] = []
        let capacity = options.nodeCount + joinersMax
        for (purpose, source) in sources(options).enumerated() {
            var generator = SplitMix64(
                seed: options.seed, purpose: 0x6661_756C_7400, number: UInt64(purpose))
            var time = from + generator.exponential(mean: source.interval / 2)
            while time < from + options.length {
                let (length, action) = source.make(&generator, capacity)
                drafts.append((time, min(length, from + options.length - time), action))
                time += generator.exponential(mean: source.interval) + .milliseconds(100)
            }
        }
        drafts.sort { $0.start < $1.start }
        return drafts.enumerated().map { number, draft in
            Fault(
                number: number, start: draft.start, length: draft.length, action: draft.action)
        }
    }

    struct Source {
        /// Between two faults of the kind, on average.
        let interval: Nanoseconds
        let make: (inout SplitMix64, _ capacity: Int) -> (Nanoseconds, Fault.Action)
    }

    private static func sources(_ options: SimulationOptions) -> [Source] {
        let kinds = options.faults
        let count = options.nodeCount
        var sources: [Source] = []
        if kinds.contains(.loss) { sources.append(weather()) }
        if kinds.contains(.partitions) {
            sources += [options.isLarge ? rackCuts(options) : cuts(count), flaps(count)]
        }
        if kinds.contains(.slow) { sources += [slowness(count), pauses(count)] }
        if kinds.contains(.kills) {
            let outages = options.isLarge ? rackOutages(options) : powerCuts(count)
            sources += [kills(count), outages, restarts(count)]
        }
        if kinds.contains(.disks) { sources += disks(options) }
        if kinds.contains(.clocks) { sources.append(clocks(count)) }
        if kinds.contains(.membership) { sources += rearrangements(options) }
        if kinds.contains(.rollback) {
            sources.append(
                Source(interval: .seconds(120)) { generator, _ in
                    (
                        generator.draw(.seconds(2) ... .seconds(30)),
                        .rollback(generator.draw(below: count))
                    )
                })
        }
        if kinds.contains(.disks) { sources.append(corruption(count)) }
        // The last, so that the faults of others are those of a time when it was not there.
        if kinds.contains(.loss) { sources.append(lateContents()) }
        return sources
    }

    private static func corruption(_ count: Int) -> Source {
        Source(interval: .seconds(40)) { generator, _ in
            let host = generator.draw(below: count)
            let length = generator.draw(.seconds(1) ... .seconds(30))
            return (length, .corrupt(host, choice: generator.next()))
        }
    }

    private static func lateContents() -> Source {
        Source(interval: .seconds(60)) { generator, _ in
            let perMille = Int(generator.draw(10...500))
            return (
                generator.draw(.seconds(1) ... .seconds(60)), .lateContents(perMille: perMille)
            )
        }
    }

    private static func weather() -> Source {
        Source(interval: .seconds(45)) { generator, _ in
            var weather = Network.Weather()
            weather.lossPerMille = Int(generator.draw(5...200))
            weather.duplicationPerMille = Int(generator.draw(0...100))
            weather.breaksPerMillion = Int(generator.draw(0...20_000))
            weather.stallsPerMille = Int(generator.draw(0...100))
            weather.jitter = .milliseconds(1) << generator.draw(0...6)
            return (generator.draw(.seconds(1) ... .seconds(40)), .weather(weather))
        }
    }

    private static func cuts(_ count: Int) -> Source {
        Source(interval: .seconds(35)) { generator, capacity in
            // One host alone, two halves, or any two groups that leave others out.
            let shape = generator.draw(below: 4)
            let alone = generator.draw(below: count)
            var sides = [UInt8](repeating: 0, count: capacity)
            for host in 0..<capacity {
                sides[host] =
                    switch shape {
                    case 0: host == alone ? 1 : 2
                    case 1, 2: generator.chance(perMille: 500) ? 1 : 2
                    default: UInt8(generator.draw(below: 3))
                    }
            }
            let isOneWay = generator.chance(perMille: 250)
            let forth = !isOneWay || generator.chance(perMille: 500)
            let action = Fault.Action.cut(
                sides: sides, forth: forth, back: !isOneWay || !forth)
            return (cutTime(&generator), action)
        }
    }

    static func cutTime(_ generator: inout SplitMix64) -> Nanoseconds {
        switch generator.draw(below: 10) {
        case 0..<7: generator.draw(.milliseconds(200) ... .seconds(25))
        case 7..<9: generator.draw(.seconds(30) ... .seconds(70))
        default: generator.draw(.seconds(70) ... .seconds(150))
        }
    }

    private static func flaps(_ count: Int) -> Source {
        Source(interval: .seconds(80)) { generator, _ in
            let a = generator.draw(below: count)
            let b = (a + 1 + generator.draw(below: max(1, count - 1))) % count
            return (
                generator.draw(.seconds(3) ... .seconds(30)),
                .flap(a, b, period: generator.draw(.milliseconds(50) ... .seconds(5)))
            )
        }
    }

    private static func slowness(_ count: Int) -> Source {
        Source(interval: .seconds(60)) { generator, _ in
            let host = generator.draw(below: count)
            let period = generator.draw(.milliseconds(20) ... .seconds(2))
            return (
                generator.draw(.seconds(1) ... .seconds(30)),
                .slow(host, period: period, awake: period / generator.draw(2...50) + 1)
            )
        }
    }

    /// A whole stop, as by a debugger or a machine that moves to another host.
    private static func pauses(_ count: Int) -> Source {
        Source(interval: .seconds(100)) { generator, _ in
            let host = generator.draw(below: count)
            let length = generator.draw(.milliseconds(500) ... .seconds(40))
            return (length, .slow(host, period: length + 1, awake: 1))
        }
    }

    private static func kills(_ count: Int) -> Source {
        Source(interval: .seconds(30)) { generator, _ in
            let host = generator.draw(below: count)
            return (downTime(&generator), .kill([host]))
        }
    }

    static func downTime(_ generator: inout SplitMix64) -> Nanoseconds {
        switch generator.draw(below: 10) {
        case 0..<6: generator.draw(.milliseconds(200) ... .seconds(5))
        case 6..<9: generator.draw(.seconds(5) ... .seconds(60))
        // Long enough to be taken out of the layout, and for tombstones to go meanwhile.
        default: generator.draw(.seconds(70) ... .seconds(180))
        }
    }

    /// Some hosts, or all, at the same moment.
    private static func powerCuts(_ count: Int) -> Source {
        Source(interval: .seconds(150)) { generator, _ in
            let perMille = generator.chance(perMille: 400) ? 1000 : 500
            var hosts: [Int] = []
            for host in 0..<count where generator.chance(perMille: perMille) {
                hosts.append(host)
            }
            return (downTime(&generator), .kill(hosts))
        }
    }

    /// Most within the time that a stand-in answers for; some do not come back in time.
    private static func restarts(_ count: Int) -> Source {
        Source(interval: .seconds(70)) { generator, _ in
            let host = generator.draw(below: count)
            let isInTime = generator.chance(perMille: 850)
            let length =
                isInTime
                ? generator.draw(.milliseconds(500) ... .seconds(10))
                : generator.draw(.seconds(25) ... .seconds(90))
            return (length, .restart(host))
        }
    }

    private static func disks(_ options: SimulationOptions) -> [Source] {
        let count = options.nodeCount
        // A new disk is a change of the layout.
        let rarity = options.rarity
        func source(
            _ seconds: Int64, _ action: @escaping (inout SplitMix64, Int) -> Fault.Action
        ) -> Source {
            Source(interval: .seconds(seconds)) { generator, _ in
                let host = generator.draw(below: count)
                let length = generator.draw(.seconds(1) ... .seconds(30))
                return (length, action(&generator, host))
            }
        }
        return [
            source(120 * rarity) { _, host in .wipe(host) },
            source(240 * rarity) { _, host in .vanish(host) },
            source(100) { _, host in .full(host) },
            source(90) { _, host in .failingSync(host) },
            source(60) { generator, host in
                .slowDisk(host, latencyMax: .milliseconds(50) << generator.draw(0...5))
            },
        ]
    }

    private static func clocks(_ count: Int) -> Source {
        Source(interval: .seconds(60)) { generator, _ in
            let host = generator.draw(below: count)
            // From a second, as a time server corrects it, to two hours, as a wrong time zone does.
            let size = Nanoseconds.milliseconds(500) << generator.draw(0...13)
            let by = generator.draw(-size...size)
            return (
                generator.draw(.seconds(1) ... .seconds(60)),
                .clockJump(host, by: max(-.seconds(7200), min(.seconds(7200), by)))
            )
        }
    }

    private static func rearrangements(_ options: SimulationOptions) -> [Source] {
        let count = options.nodeCount
        let rarity = options.rarity
        let factors = options.policy == .majority ? [3, 5, 3, 4] : [1, 2, 3, 4, 5]
        return [
            Source(interval: .seconds(150) * rarity) { generator, capacity in
                (0, .join(count + generator.draw(below: capacity - count)))
            },
            Source(interval: .seconds(200) * rarity) { generator, capacity in
                let isTakenBack = generator.chance(perMille: 250)
                let length =
                    isTakenBack ? generator.draw(.milliseconds(100) ... .seconds(20)) : 0
                return (length, .leave(generator.draw(below: capacity)))
            },
            Source(interval: .seconds(150) * rarity) { generator, _ in
                let factor = factors[generator.draw(below: factors.count)]
                return (0, .replicationFactor(factor, at: generator.draw(below: count)))
            },
            Source(interval: .seconds(90)) { generator, _ in
                (0, .setting(generator.draw(below: 1000), at: generator.draw(below: count)))
            },
        ]
    }
}
