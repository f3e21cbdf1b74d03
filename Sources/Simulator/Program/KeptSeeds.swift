import Model
import Replication

/// Seeds that once found something, one a line:
/// `seed nodes minutes faults policy rf [ahead] # what it found`.
struct KeptSeed {
    let options: SimulationOptions
    let sentence: String

    /// - Throws: with the number of the line that is no seed.
    static func parse(_ text: String) throws(Arguments.Fault) -> [KeptSeed] {
        var seeds: [KeptSeed] = []
        for (number, line) in text.split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            let parts = line.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let words = parts.first?.split(separator: " ").map(String.init) ?? []
            if words.isEmpty { continue }
            guard let options = options(words) else {
                throw Arguments.Fault(
                    text:
                        "line \(number + 1) is not: seed nodes minutes faults policy rf [ahead] # words"
                )
            }
            let sentence = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
            seeds.append(KeptSeed(options: options, sentence: sentence))
        }
        return seeds
    }

    private static func options(_ words: [String]) -> SimulationOptions? {
        guard words.count == 6 || words.count == 7 && words[6] == "ahead",
            let seed = UInt64(words[0]), let nodes = Int(words[1]),
            (1...HostName.hostCountMax / 2).contains(nodes), let minutes = Int64(words[2]),
            (1...100_000).contains(minutes), let faults = FaultKinds(words[3]),
            let policy = WritePolicy(rawValue: words[4]), let factor = Int(words[5]),
            Layout.replicationFactorRange.contains(factor)
        else { return nil }
        var options = SimulationOptions()
        options.seed = seed
        options.nodeCount = nodes
        options.length = .seconds(60 * minutes)
        options.faults = faults
        options.policy = policy
        options.replicationFactor = factor
        options.answersAhead = words.count == 7
        return options
    }
}
