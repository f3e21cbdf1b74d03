package import Model

/// The order of versions on every node: the later clock, then the higher disk, then the higher
/// sequence. Wherever one version's context contains the other, its clock is the later one too, so
/// this order never contradicts what was known when a version was made.
package struct Rank: Hashable, Comparable, Sendable {
    package var time: HybridTime
    package var dot: Dot

    package init(time: HybridTime, dot: Dot) {
        self.time = time
        self.dot = dot
    }

    package static func < (a: Rank, b: Rank) -> Bool {
        if a.time != b.time { return a.time < b.time }
        if a.dot.disk != b.dot.disk { return a.dot.disk < b.dot.disk }
        return a.dot.sequence < b.dot.sequence
    }
}

extension Version {
    package var rank: Rank { Rank(time: time, dot: dot) }
}
