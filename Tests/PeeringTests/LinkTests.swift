import IPC
import Model
import Testing

@testable import Peering

/// Whom a gateway dials, which connection is the link, and what becomes of messages.
@Suite struct LinkTests {
    private func pair(_ world: World) -> (World.Gateway, World.Gateway) {
        let a = world.start("a")
        let b = world.start("b")
        world.introduce()
        return (a, b)
    }

    private func link(_ gateway: World.Gateway, _ name: String) -> PeerConnection? {
        gateway.exchange.links.link(to: node(name))
    }

    @Test func nobodyIsDialedBeforeThereIsSomethingToSay() {
        let world = World(seed: 1)
        let (a, b) = pair(world)
        world.run(for: .seconds(30))
        #expect(world.dials == 0)
        world.send(a, part(to: "b", 1, [1, 2, 3]))
        world.run(for: .seconds(1))
        #expect(world.dials == 1)
        #expect(b.messages.map(\.bytes) == [[1, 2, 3]])
        // The answer takes the same connection.
        world.send(b, part(to: "a", 1, [4]))
        world.run(for: .seconds(1))
        #expect(world.dials == 1)
        #expect(a.messages.map(\.bytes) == [[4]])
        #expect(a.found == [node("b")])
        #expect(b.found == [node("a")])
    }

    @Test func aLargeMessageAndSmallOnesComeWholeAndInOrder() {
        let world = World(seed: 2)
        let (a, b) = pair(world)
        let piece = [UInt8](repeating: 7, count: IPCLimits.peerPartByteCountMax)
        for index in 0..<6 {
            world.send(a, part(to: "b", 1, piece, part: UInt32(index), isLast: index == 5))
        }
        for message in 2...50 { world.send(a, part(to: "b", UInt64(message), [UInt8(message)])) }
        world.run(for: .seconds(5))
        #expect(b.messages.map(\.message) == Array(1...50))
        #expect(b.messages.first?.bytes.count == 3 << 20)
    }

    @Test func anIdleLinkIsLeftByBothAndMadeAgainWhenNeeded() {
        let world = World(seed: 3)
        let (a, b) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: PeeringLimits.idleMax - .seconds(2))
        #expect(link(a, "b") != nil)
        world.run(for: .seconds(4))
        #expect(a.exchange.links.connections.isEmpty)
        #expect(b.exchange.links.connections.isEmpty)
        world.send(b, part(to: "a", 1, [9]))
        world.run(for: .seconds(1))
        #expect(a.messages.map(\.bytes) == [[9]])
        #expect(world.dials == 2)
    }

    @Test func whatCrossesTheLeavingOfALinkIsNotLost() {
        for seed in 1...60 {
            let world = World(seed: UInt64(seed))
            let (a, b) = pair(world)
            world.send(a, part(to: "b", 1))
            // About when both leave for idleness.
            world.run(for: PeeringLimits.idleMax + .milliseconds(seed * 10 - 300))
            world.send(a, part(to: "b", 2, part: 0, isLast: false))
            world.send(b, part(to: "a", 1, part: 0, isLast: false))
            world.run(for: .milliseconds(seed % 7 * 5))
            world.send(a, part(to: "b", 2, part: 1))
            world.send(b, part(to: "a", 1, part: 1))
            world.send(a, part(to: "b", 3))
            world.run(for: .seconds(3))
            #expect(b.messages.map(\.message) == [1, 2, 3], "seed \(seed)")
            #expect(a.messages.map(\.message) == [1], "seed \(seed)")
        }
    }

    @Test func aNewerGatewayTakesTheLinkOverAndAnOlderOneDoesNot() {
        let world = World(seed: 4)
        let (a, old) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        let new = world.start("b", generation: 2)
        world.introduce()
        world.send(new, part(to: "a", 1, [2]))
        world.run(for: .seconds(1))
        #expect(link(a, "b")?.life == new.identity.life)
        #expect(link(old, "a") == nil)
        // The old one is told that it is no longer the one.
        world.send(old, part(to: "a", 9, [3]))
        world.run(for: .seconds(2))
        #expect(link(a, "b")?.life == new.identity.life)
        #expect(a.messages.map(\.message) == [1])
        let report = old.exchange.report(now: world.now)
        #expect(report.incidents.contains { $0.sentence.contains("a newer gateway of node b") })
    }

    @Test func aDrainingGatewayFinishesWhatIsUnderWay() {
        let world = World(seed: 5)
        let (a, b) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        world.send(a, part(to: "b", 2, isLast: false))
        world.send(b, part(to: "a", 1, isLast: false))
        world.run(for: .milliseconds(100))
        world.drain(a)
        world.run(for: .milliseconds(200))
        #expect(!a.exchange.isDrained)
        world.send(b, part(to: "a", 1, part: 1))
        world.run(for: .milliseconds(200))
        #expect(a.messages.map(\.message) == [1])
        // Its own store speaks through the new gateway by now: the rest does not come.
        world.run(for: PeeringLimits.leaveMax + .seconds(1))
        #expect(a.exchange.isDrained)
        #expect(b.messages.map(\.message) == [1])
        #expect(link(b, "a") == nil)
    }

    @Test func aNodeThatIsAwayCostsLittleAndIsReachedWhenItComes() {
        let world = World(seed: 6)
        let a = world.start("a")
        a.exchange.bookTold(
            [.init(node: node("b"), addresses: [address("10.0.0.98", 30_000)])], now: world.now)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(30))
        #expect(world.dials < 14)
        #expect(a.exchange.report(now: world.now).counts.messagesDropped == 1)
        let b = world.start("b", host: "10.0.0.98")
        world.send(a, part(to: "b", 2))
        world.run(for: PeeringLimits.backOffMax + .seconds(2))
        #expect(b.messages.map(\.message) == [2])
    }

    @Test func theAddressThatWorksIsFoundAmongOthers() {
        let world = World(seed: 7)
        let a = world.start("a")
        let b = world.start("b")
        let wrong = (1...5).map { address("10.9.9.\($0)", 30_000) }
        a.exchange.bookTold(
            [.init(node: node("b"), addresses: wrong + [b.address])], now: world.now)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(2))
        #expect(b.messages.count == 1)
        #expect(a.exchange.context.book.best(of: node("b")) == b.address)
    }

    @Test func anAddressThatIsAnotherNodesIsNotUsedForThisOne() {
        let world = World(seed: 8)
        let (a, b) = pair(world)
        let c = world.start("c")
        a.exchange.bookTold(
            [.init(node: node("c"), addresses: [b.address, a.address, c.address])],
            now: world.now)
        world.send(a, part(to: "c", 1))
        world.run(for: .seconds(5))
        #expect(c.messages.count == 1)
        #expect(b.messages.isEmpty)
        #expect(a.exchange.context.book.best(of: node("c")) == c.address)
    }

    @Test func aNodeNeverTalksToItself() {
        let world = World(seed: 9)
        let a = world.start("a")
        world.send(a, part(to: "a", 1))
        a.exchange.bookTold([.init(node: node("b"), addresses: [a.address])], now: world.now)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(5))
        #expect(a.messages.isEmpty)
        #expect(a.exchange.report(now: world.now).linkCount == 0)
        #expect(a.said.contains { $0.contains("that of the node a itself") })
    }

    @Test func anotherClustersNodeIsRefusedAndBothSidesSayWhy() {
        let world = World(seed: 10)
        let a = world.start("a")
        let b = world.start("b", cluster: "office")
        world.introduce()
        for message in 1...40 {
            world.send(a, part(to: "b", UInt64(message)))
            world.run(for: .seconds(1))
        }
        #expect(b.messages.isEmpty)
        #expect(world.dials <= 4)
        #expect(a.said.count { $0.hasPrefix("refused: node b belongs to the cluster") } == 1)
        #expect(b.said.count { $0.contains("\"default\"") && $0.contains("refused") } == 1)
        let report = a.exchange.report(now: world.now)
        #expect(report.incidents.contains { $0.sentence.contains("belongs to the cluster") })
    }

    @Test func aPeerThatVanishesIsGivenUpAndItsQueueBounded() {
        let world = World(seed: 11)
        let (a, b) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        world.cut = [[a.host, b.host]]
        world.run(for: PeeringLimits.silenceMax + .seconds(1))
        #expect(link(a, "b") == nil)
        #expect(link(b, "a") == nil)
        let big = [UInt8](repeating: 0, count: IPCLimits.peerPartByteCountMax)
        for message in 2...400 { world.send(a, part(to: "b", UInt64(message), big)) }
        #expect(a.exchange.links.queuedByteCount <= PeeringLimits.queueByteCountMax + (1 << 20))
        #expect(a.said.count { $0.contains("are dropped") } == 1)
        world.run(for: PeeringLimits.queueAgeMax + .seconds(1))
        #expect(a.exchange.links.queuedByteCount == 0)
        world.cut = []
        world.send(a, part(to: "b", 999))
        world.run(for: .seconds(9))
        #expect(b.messages.map(\.message) == [1, 999])
    }

    @Test func aSlowReaderHoldsWhatAQueueHoldsAndNoMore() {
        let world = World(seed: 12)
        let (a, _) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        world.stuck = ["b"]
        let big = [UInt8](repeating: 0, count: IPCLimits.peerPartByteCountMax)
        for message in 2...400 { world.send(a, part(to: "b", UInt64(message), big)) }
        let link = link(a, "b")
        #expect((link?.unwritten ?? 0) <= PeeringLimits.unwrittenByteCountMax + (1 << 20))
        #expect(a.exchange.links.queuedByteCount <= PeeringLimits.queueByteCountMax + (1 << 20))
        #expect(a.exchange.report(now: world.now).counts.messagesDropped > 300)
    }

    @Test func allQueuesTogetherAreBounded() {
        let world = World(seed: 13)
        let a = world.start("a")
        let big = [UInt8](repeating: 0, count: IPCLimits.peerPartByteCountMax)
        for peer in 0..<20 {
            for message in 0..<20 { world.send(a, part(to: "p\(peer)", UInt64(message), big)) }
        }
        #expect(a.exchange.links.queuedByteCount <= PeeringLimits.queuesByteCountMax + (1 << 20))
        world.run(for: PeeringLimits.idleMax * 2)
        #expect(a.exchange.links.queuedByteCount == 0)
        #expect(a.exchange.links.peers.isEmpty)
    }

    @Test func aStoppedGatewayBlamesNobodyForItsOwnSilence() {
        let world = World(seed: 14)
        let (a, b) = pair(world)
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        let before = link(a, "b")?.id
        a.isStopped = true
        world.run(for: .seconds(6))
        a.isStopped = false
        world.run(for: .seconds(3))
        #expect(link(a, "b")?.id == before)
        #expect(link(b, "a") != nil)
    }

    @Test func aClusterOfManyLeavesTheLinksThatItDoesNotUse() {
        let world = World(seed: 15)
        let a = world.start("a")
        for index in 0..<PeeringLimits.linksMax + 20 {
            let name = "n\(index)"
            _ = world.start(name, host: "10.1.\(index / 250).\(index % 250)")
        }
        world.introduce()
        for index in 0..<PeeringLimits.linksMax + 20 {
            world.send(a, part(to: "n\(index)", 1))
            world.run(for: .milliseconds(40))
        }
        world.run(for: .seconds(1))
        #expect(a.exchange.report(now: world.now).linkCount <= PeeringLimits.linksMax)
        #expect(world.living.allSatisfy { $0 === a || $0.messages.count == 1 })
    }

    @Test func strangersAreBoundedAndGivenUp() {
        let world = World(seed: 16)
        let a = world.start("a")
        var taken: [ConnectionID] = []
        for index in 0..<PeeringLimits.strangersMax + 10 {
            let from = address("10.3.3.3", UInt16(40_000 + index))
            if let id = a.exchange.accepted(from: from, now: world.now) { taken.append(id) }
        }
        #expect(taken.count == PeeringLimits.strangersMax)
        #expect(a.exchange.pendingByteCountMax(taken[0]) == PeeringLimits.helloByteCountMax)
        world.run(for: PeeringLimits.handshakeMax + .seconds(1))
        #expect(a.exchange.links.connections.isEmpty)
        let stranger = a.exchange.accepted(from: address("8.8.8.8"), now: world.now)
        #expect(stranger == nil)
        #expect(a.exchange.report(now: world.now).counts.fromPublicAddresses == 1)
    }

    @Test func nonsenseEndsAConnectionAndIsSaidOnce() {
        let world = World(seed: 17)
        let a = world.start("a")
        for index in 0..<5 {
            let from = address("10.3.3.3", UInt16(40_000 + index))
            guard let id = a.exchange.accepted(from: from, now: world.now) else { continue }
            let garbage = FrameWriter.frame(Empty(), type: .hello, requestID: 0)
            var decoder = FrameDecoder()
            try? decoder.feed(garbage.span.bytes) { header, payload in
                a.exchange.frameReceived(id, header, payload, now: world.now)
                return true
            }
            #expect(!a.exchange.isOpen(id))
        }
        let directives = a.exchange.takeDirectives()
        #expect(directives.count { if case .close = $0 { true } else { false } } == 5)
        #expect(directives.count { if case .say = $0 { true } else { false } } == 1)
        #expect(directives.count { if case .write = $0 { true } else { false } } == 0)
    }
}
