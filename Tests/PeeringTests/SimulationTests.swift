import IPC
import Model
import Testing

@testable import Peering

/// Gateways that dial each other at random moments, over a network that breaks, by seed.
@Suite struct SimulationTests {
    /// Sends messages of several parts at random, as stores do.
    final class Sender {
        let from: World.Gateway
        var sent: [String: [(message: UInt64, bytes: [UInt8])]] = [:]
        var next: UInt64 = 1

        init(_ from: World.Gateway) { self.from = from }

        func send(_ world: World, to name: String) {
            let message = next
            next += 1
            let count = Int.random(in: 1...5, using: &world.rng)
            var whole: [UInt8] = []
            for index in 0..<count {
                let size = Int.random(in: 0...2_000, using: &world.rng)
                let bytes = [UInt8](
                    repeating: UInt8.random(in: 0...255, using: &world.rng), count: size)
                whole += bytes
                world.send(
                    from,
                    part(to: name, message, bytes, part: UInt32(index), isLast: index == count - 1))
                // The store's parts come one by one.
                if Bool.random(using: &world.rng) { world.run(for: .milliseconds(3)) }
            }
            sent[name, default: []].append((message, whole))
        }
    }

    /// What came is a part of what was sent, in its order, whole.
    private func check(_ sender: Sender, _ receiver: World.Gateway, _ seed: UInt64) -> Int {
        let mine = Set((sender.sent[receiver.name] ?? []).map(\.message))
        let came = receiver.messages.filter {
            $0.from == sender.from.name && mine.contains($0.message)
        }
        var rest = (sender.sent[receiver.name] ?? [])[...]
        for message in came {
            guard let index = rest.firstIndex(where: { $0.message == message.message }) else {
                Issue.record("seed \(seed): \(message.message) came twice, or out of its order")
                return 0
            }
            #expect(rest[index].bytes == message.bytes, "seed \(seed): a message is mixed up")
            rest = rest[(index + 1)...]
        }
        return came.count
    }

    /// Each has one link with each other, and it is the same connection.
    private func agree(_ a: World.Gateway, _ b: World.Gateway, _ seed: UInt64) {
        let links = (
            a.exchange.links.link(to: b.identity.node), b.exchange.links.link(to: a.identity.node)
        )
        #expect((links.0 == nil) == (links.1 == nil), "seed \(seed): one has a link alone")
        #expect(links.0?.number == links.1?.number, "seed \(seed): two links")
        if let mine = links.0, let theirs = links.1 {
            #expect(mine.isDialed != theirs.isDialed, "seed \(seed): two links")
        }
        for (x, y) in [(a, b), (b, a)] {
            let current = x.exchange.links.connections.values.count {
                $0.state == .current && $0.node == y.identity.node
            }
            #expect(current <= 1, "seed \(seed): \(x.name) has \(current) links with \(y.name)")
        }
    }

    @Test(arguments: 1...150)
    func ofTwoThatDialAtOnceBothKeepTheSameConnectionAndLoseNothing(seed: UInt64) {
        let world = World(seed: seed)
        let a = world.start("a")
        let b = world.start("b")
        world.introduce()
        let senders = [Sender(a), Sender(b)]
        for _ in 0..<5 {
            senders[0].send(world, to: "b")
            world.run(for: .milliseconds(Int.random(in: 0...15, using: &world.rng)))
            senders[1].send(world, to: "a")
        }
        world.run(for: .seconds(3))
        agree(a, b, seed)
        #expect(a.exchange.links.link(to: node("b")) != nil, "seed \(seed)")
        #expect(check(senders[0], b, seed) == 5, "seed \(seed): lost without a fault")
        #expect(check(senders[1], a, seed) == 5, "seed \(seed): lost without a fault")
        #expect(world.dials <= 4, "seed \(seed): \(world.dials) dials")
    }

    @Test(arguments: 1...60)
    func whateverBreaksMessagesAreWholeAndTheLinkComesBack(seed: UInt64) {
        let world = World(seed: seed)
        var gateways = ["a", "b", "c"].map { world.start($0, discovers: true) }
        world.introduce()
        var generations: [String: UInt64] = [:]
        var senders = gateways.map { Sender($0) }
        var all = senders
        for _ in 0..<60 {
            let index = Int.random(in: 0..<3, using: &world.rng)
            let other = (index + Int.random(in: 1...2, using: &world.rng)) % 3
            senders[index].send(world, to: gateways[other].name)
            switch Int.random(in: 0..<12, using: &world.rng) {
            case 0, 1: world.breakRandomWire()
            case 2:
                let pair: Set = [gateways[0].host, gateways[1].host]
                world.cut = world.cut.isEmpty ? [pair] : []
            case 3:
                // A gateway dies, or is replaced before it leaves.
                let old = gateways[index]
                let generation = (generations[old.name] ?? 1) + 1
                generations[old.name] = generation
                if Bool.random(using: &world.rng) { world.kill(old) }
                let new = world.start(
                    old.name, host: old.host, generation: generation, discovers: true)
                gateways[index] = new
                senders[index] = Sender(new)
                senders[index].next = 1 << 40 | generation << 20
                all.append(senders[index])
                world.introduce()
                if old.isAlive { world.drain(old) }
            default: break
            }
            world.run(for: .milliseconds(Int.random(in: 0...400, using: &world.rng)))
        }
        world.cut = []
        world.run(for: .seconds(15))
        for sender in all {
            for gateway in world.gateways where gateway.name != sender.from.name {
                _ = check(sender, gateway, seed)
            }
        }
        // All is quiet and whole: what is sent now arrives.
        for (index, gateway) in gateways.enumerated() {
            let before = gateways.map { $0.messages.count }
            for other in gateways where other !== gateway {
                world.send(gateway, part(to: other.name, 1 << 50 + UInt64(index)))
            }
            world.run(for: .seconds(5))
            for (at, other) in gateways.enumerated() where other !== gateway {
                #expect(
                    other.messages.count == before[at] + 1,
                    "seed \(seed): \(gateway.name) does not reach \(other.name)")
                agree(gateway, other, seed)
            }
        }
        for gateway in gateways {
            #expect(gateway.exchange.links.queuedByteCount == 0, "seed \(seed)")
        }
    }

    /// The same seed gives the same run, to the last directive.
    @Test func aRunIsReplayedByItsSeed() {
        func run() -> [String] {
            let world = World(seed: 77)
            let gateways = ["a", "b"].map { world.start($0, discovers: true) }
            for message in 1...20 {
                world.send(
                    gateways[message % 2], part(to: message % 2 == 0 ? "b" : "a", UInt64(message)))
                world.run(for: .milliseconds(70))
                if message % 5 == 0 { world.breakRandomWire() }
            }
            return gateways.flatMap { $0.delivered.map { "\($0.node) \($0.message)" } }
                + ["\(world.dials)"]
        }
        #expect(run() == run())
    }
}
