internal import IPC
internal import Model

/// The addresses that a person gave with --join: names are looked up, each address is dialed until
/// one answers, and again when its node was not heard for a while.
struct Seeds: Sendable {
    struct Seed: Sendable {
        /// As it was given, for people.
        var name: String
        /// What the name means; empty while that is not known.
        var addresses: [PeerAddress] = []
        var nextAddress = 0
        var isResolving = false
        var isDialing = false
        var tryAt: Duration = .zero
        var step = 0
        /// Who answered.
        var node: NodeID?
        var problem: String?
    }

    private(set) var seeds: [Seed]

    init(names: [String]) {
        seeds = names.prefix(PeeringLimits.seedsMax).map { Seed(name: $0) }
    }

    /// Whether a seed is about to be tried; later tries are seconds apart.
    var isBusy: Bool { seeds.contains { $0.node == nil && $0.step < 4 } }

    enum Step: Equatable {
        case resolve(Int)
        case dial(Int, PeerAddress)
    }

    /// What to do now. - Parameter heardAt: when something came of a node.
    mutating func due(now: Duration, heardAt: (NodeID) -> Duration?) -> [Step] {
        var steps: [Step] = []
        for index in seeds.indices {
            let seed = seeds[index]
            guard !seed.isResolving, !seed.isDialing, now >= seed.tryAt else { continue }
            if let node = seed.node {
                let heard = heardAt(node)
                if let heard, now - heard < PeeringLimits.seedSilence { continue }
            }
            if seed.nextAddress < seed.addresses.count {
                seeds[index].isDialing = true
                seeds[index].nextAddress += 1
                steps.append(.dial(index, seed.addresses[seed.nextAddress]))
            } else {
                // Names may mean something else by now.
                seeds[index].isResolving = true
                steps.append(.resolve(index))
            }
        }
        return steps
    }

    /// - Returns: whether the problem is a new one.
    mutating func resolved(
        _ index: Int, _ result: Result<[PeerAddress], SeedProblem>, _ context: inout PeerContext,
        now: Duration
    ) {
        guard seeds.indices.contains(index), seeds[index].isResolving else { return }
        seeds[index].isResolving = false
        seeds[index].nextAddress = 0
        switch result {
        case .success(let addresses):
            let usable = addresses.prefix(PeeringLimits.addressesMax).filter { context.admits($0) }
            seeds[index].addresses = Array(usable)
            if usable.isEmpty {
                let why =
                    addresses.isEmpty
                    ? "the name has no address"
                    : "a public address: without --cluster-key-file only private networks are"
                        + " used"
                failed(index, why, &context, now: now)
            }
        case .failure(let problem):
            seeds[index].addresses = []
            failed(index, problem.sentence, &context, now: now)
        }
    }

    mutating func reached(
        _ index: Int, _ node: NodeID, _ context: inout PeerContext, now: Duration
    ) {
        guard seeds.indices.contains(index) else { return }
        if seeds[index].node != node {
            context.say(.info, "--join \(seeds[index].name): node \(node) answers")
        }
        seeds[index].isDialing = false
        seeds[index].node = node
        seeds[index].step = 0
        seeds[index].nextAddress = 0
        seeds[index].problem = nil
        seeds[index].tryAt = now + PeeringLimits.seedSilence
    }

    mutating func failed(
        _ index: Int, _ why: String, _ context: inout PeerContext, now: Duration
    ) {
        guard seeds.indices.contains(index) else { return }
        seeds[index].isDialing = false
        if seeds[index].problem != why {
            context.note("--join \(seeds[index].name): \(why)", now: now)
        }
        seeds[index].problem = why
        // The other addresses of the name first.
        if seeds[index].nextAddress < seeds[index].addresses.count { return }
        let step = seeds[index].step
        let wait = min(
            PeeringLimits.seedBackOffMin * (1 << min(step, 7)), PeeringLimits.seedBackOffMax)
        seeds[index].step = step + 1
        seeds[index].tryAt = now + context.jittered(wait)
    }
}

/// Why a name has no address, for people.
package struct SeedProblem: Error, Equatable, Sendable {
    package var sentence: String
    package init(_ sentence: String) { self.sentence = sentence }
}
