import Model

// What goes wrong with a part of a large cluster at one time: mostly a rack, of whose machines the
// numbers follow each other; now and then half of the cluster, or all of it.
extension FaultSchedule {
    private static let rackSizes: ClosedRange<Int64> = 8...48

    /// One in so many concerns half of the nodes.
    private static let halfInverse = 8

    private static func rack(_ generator: inout SplitMix64, of count: Int) -> Range<Int> {
        let size = Int(generator.draw(rackSizes))
        let first = generator.draw(below: max(1, count - size))
        return first..<min(count, first + size)
    }

    static func rackCuts(_ options: SimulationOptions) -> Source {
        Source(interval: .seconds(35)) { generator, capacity in
            var sides = [UInt8](repeating: 2, count: capacity)
            switch generator.draw(below: halfInverse) {
            case 0:
                for host in 0..<capacity where generator.chance(perMille: 500) { sides[host] = 1 }
            case 1..<4:
                for host in rack(&generator, of: options.nodeCount) { sides[host] = 1 }
            case 4:
                // Two racks that do not reach each other, and are reached by all others.
                sides = Array(repeating: 0, count: capacity)
                for host in rack(&generator, of: options.nodeCount) { sides[host] = 1 }
                for host in rack(&generator, of: options.nodeCount) { sides[host] = 2 }
            default: sides[generator.draw(below: options.nodeCount)] = 1
            }
            let isOneWay = generator.chance(perMille: 250)
            let forth = !isOneWay || generator.chance(perMille: 500)
            return (
                cutTime(&generator), .cut(sides: sides, forth: forth, back: !isOneWay || !forth)
            )
        }
    }

    static func rackOutages(_ options: SimulationOptions) -> Source {
        Source(interval: .seconds(150) * options.rarity / 2) { generator, _ in
            let count = options.nodeCount
            let hosts: [Int] =
                switch generator.draw(below: halfInverse) {
                case 0: Array(0..<count)
                case 1: (0..<count).filter { _ in generator.chance(perMille: 500) }
                default: Array(rack(&generator, of: count))
                }
            return (downTime(&generator), .kill(hosts))
        }
    }
}
