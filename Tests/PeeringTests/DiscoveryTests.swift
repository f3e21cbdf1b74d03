import IPC
import Model
import PeerKeys
import Testing

@testable import Peering

@Suite struct DiscoveryTests {
    @Test func nodesThatStartTogetherFindEachOtherWithinASecond() {
        let world = World(seed: 1)
        let gateways = (0..<10).map {
            world.start("n\($0)", host: "10.0.1.\($0)", discovers: true)
        }
        world.run(for: .seconds(1))
        for gateway in gateways {
            #expect(Set(gateway.found).count == 9, "\(gateway.name) found \(gateway.found)")
            #expect(gateway.exchange.context.book.nodeCount == 9)
        }
    }

    @Test func whoComesLaterIsFoundAtOnceAndFindsAll() {
        let world = World(seed: 2)
        let early = (0..<3).map { world.start("n\($0)", host: "10.0.1.\($0)", discovers: true) }
        world.run(for: .seconds(20))
        let late = world.start("late", discovers: true)
        world.run(for: .milliseconds(200))
        #expect(Set(late.found).count == 3)
        #expect(early.allSatisfy { $0.found.contains(node("late")) })
    }

    @Test func aKnownNeighbourIsNoNewsUntilItChangesOrWasAway() {
        let world = World(seed: 3)
        let a = world.start("a", discovers: true)
        let b = world.start("b", discovers: true)
        world.run(for: .seconds(60))
        #expect(a.found == [node("b")])
        world.kill(b)
        world.run(for: .seconds(1))
        let again = world.start("b", started: 2, discovers: true)
        world.run(for: .seconds(1))
        #expect(a.found == [node("b"), node("b")])
        world.cut = [[a.host, again.host]]
        world.run(for: .seconds(30))
        world.cut = []
        world.run(for: .seconds(10))
        #expect(a.found == [node("b"), node("b"), node("b")])
    }

    @Test func aMachineInSeveralNetworksIsNewsOnceForEach() {
        var exchange = PeerExchange(
            .init(identity: identity("a"), discovers: true, seeds: [], authenticator: nil),
            seed: 1)
        let bytes = Datagram.announce(identity("b")).bytes
        for second in 0..<60 {
            for host in ["192.168.1.2", "10.0.0.2", "127.0.0.1"] {
                exchange.datagramReceived(
                    bytes.span.bytes, from: address(host), now: .seconds(second))
            }
        }
        #expect(
            exchange.takeDirectives() == [.found(node("b")), .found(node("b")), .found(node("b"))])
        #expect(exchange.report(now: .seconds(60)).peers.first?.addresses.count == 3)
    }

    @Test func announcementsAreFewAndJittered() {
        var exchange = PeerExchange(
            .init(
                identity: identity("a"), discovers: true, seeds: [],
                authenticator: testKeys.authenticator),
            seed: 9)
        var times: [Duration] = []
        exchange.start(now: .zero)
        for tick in 0..<2_000 {
            let now: Duration = .milliseconds(tick * 50)
            exchange.timePassed(now: now)
            for case .broadcast in exchange.takeDirectives() { times.append(now) }
        }
        #expect(times.count { $0 <= .seconds(1) } == PeeringLimits.solicitTimes.count)
        let later = times.filter { $0 > .seconds(1) }
        #expect((14...20).contains(later.count))
        let gaps = Set(zip(later, later.dropFirst()).map { $1 - $0 })
        #expect(gaps.count > 1)
        #expect(gaps.allSatisfy { $0 >= PeeringLimits.announceInterval })
    }

    @Test func anotherClusterIsCountedAndNeitherAnsweredNorFound() {
        let world = World(seed: 5)
        let a = world.start("a", discovers: true)
        let b = world.start("b", cluster: "office", discovers: true)
        world.run(for: .seconds(12))
        #expect(a.found.isEmpty)
        #expect(b.found.isEmpty)
        let report = a.exchange.report(now: world.now)
        #expect(report.foreign.map(\.cluster) == [cluster("office")])
        #expect((report.foreign.first?.count ?? 0) >= 5)
        #expect(report.counts.datagramsForeign == report.foreign.first?.count)
        #expect(a.said.count { $0.contains("\"office\"") } == 1)
    }

    @Test func foreignNamesAreBounded() {
        var exchange = PeerExchange(
            .init(identity: identity("a"), discovers: true, seeds: [], authenticator: nil),
            seed: 1)
        for index in 0..<100 {
            let bytes = Datagram.announce(identity("x", cluster: "c\(index)")).bytes
            exchange.datagramReceived(
                bytes.span.bytes, from: address("10.0.0.9"), now: .seconds(index))
        }
        let report = exchange.report(now: .seconds(100))
        #expect(report.foreign.count == PeeringLimits.foreignNamesMax)
        #expect(report.foreign.contains { $0.cluster == cluster("c99") })
        #expect(report.counts.datagramsForeign == 100)
    }

    @Test func answersAreRateLimitedForEachAndForAll() {
        var exchange = PeerExchange(
            .init(identity: identity("a"), discovers: true, seeds: [], authenticator: nil),
            seed: 1)
        func answers() -> Int {
            exchange.takeDirectives().count {
                if case .sendDatagram = $0 { true } else { false }
            }
        }
        func ask(_ name: String, _ host: String, at time: Duration) {
            let bytes = Datagram.solicit(identity(name)).bytes
            exchange.datagramReceived(bytes.span.bytes, from: address(host), now: time)
        }
        for _ in 0..<50 { ask("b", "10.0.0.2", at: .seconds(1)) }
        #expect(answers() == 1)
        ask("b", "10.0.0.2", at: .seconds(2))
        #expect(answers() == 1)
        for index in 0..<500 {
            ask("n\(index)", "10.1.\(index / 200).\(index % 200)", at: .seconds(3))
        }
        #expect(answers() == PeeringLimits.answersPerSecond)
        ask("z", "10.2.0.1", at: .seconds(4))
        #expect(answers() == 1)
    }

    @Test func whoDoesNotDiscoverIsNotFoundByAsking() {
        let world = World(seed: 6)
        let a = world.start("a", discovers: false)
        let b = world.start("b", discovers: true)
        world.run(for: .seconds(12))
        #expect(b.found.isEmpty)
        // What it hears anyway it may use.
        #expect(a.found == [node("b")])
    }

    @Test func twoNodesOfOneIdSayIt() {
        let world = World(seed: 7)
        let a = world.start("a", host: "10.0.0.1", started: 1, discovers: true)
        let double = world.start("a", host: "10.0.0.2", started: 2, discovers: true)
        world.run(for: .seconds(2))
        for gateway in [a, double] {
            #expect(gateway.found.isEmpty)
            #expect(gateway.said.count { $0.contains("another node has the id a") } == 1)
        }
    }

    @Test func theGatewayThatIsReplacedIsNoDouble() {
        let world = World(seed: 8)
        let old = world.start("a", host: "10.0.0.1", generation: 1, discovers: true)
        let new = world.start("a", host: "10.0.0.2", generation: 2, discovers: true)
        let b = world.start("b", discovers: true)
        world.run(for: .seconds(12))
        #expect(!(old.said + new.said).contains { $0.contains("another node") })
        #expect(b.exchange.discovery.neighbours[node("a")]?.life == new.identity.life)
        #expect(b.found.count { $0 == node("a") } <= 2)
    }

    @Test func publicAddressesAreNotHeardInAnOpenNetwork() {
        let world = World(seed: 9)
        let a = world.start("a", discovers: true)
        let bytes = Datagram.announce(identity("b")).bytes
        a.exchange.datagramReceived(bytes.span.bytes, from: address("8.8.8.8"), now: .seconds(1))
        #expect(a.found.isEmpty)
        #expect(a.exchange.report(now: world.now).counts.fromPublicAddresses == 1)
        #expect(a.said.count { $0.contains("open network") } == 1)
    }

    @Test func membershipGoesToTheBestAddressAndOnlyWithinTheCluster() {
        let world = World(seed: 10)
        let a = world.start("a", discovers: true)
        let b = world.start("b", discovers: true)
        let other = world.start("o", cluster: "office", discovers: true)
        world.run(for: .seconds(1))
        world.send(a, part(to: "b", 5, [1, 2], channel: .datagram))
        world.send(a, part(to: "nobody", 6, [1], channel: .datagram))
        world.send(a, part(to: "a", 7, [1], channel: .datagram))
        other.exchange.bookTold(
            [.init(node: node("b"), addresses: [b.address])], now: world.now)
        world.send(other, part(to: "b", 9, [9], channel: .datagram))
        world.run(for: .seconds(1))
        #expect(
            b.delivered == [
                PeerPart(
                    node: node("a"), channel: .datagram, message: 5, part: 0, isLast: true,
                    bytes: [1, 2])
            ])
        #expect(a.exchange.report(now: world.now).counts.datagramsWithoutAddress == 1)
        // It answers where it was heard, without any discovery.
        world.send(b, part(to: "a", 1, [3], channel: .datagram))
        world.run(for: .seconds(1))
        #expect(a.delivered.map(\.bytes) == [[3]])
    }

    @Test func aStoreThatComesIsToldOfAllThatAreThere() {
        let world = World(seed: 11)
        let a = world.start("a", discovers: true)
        world.start("b", discovers: true)
        let c = world.start("c")
        c.exchange.bookTold(
            [.init(node: node("a"), addresses: [a.address])], now: world.now)
        world.send(c, part(to: "a", 1))
        world.run(for: .seconds(3))
        a.exchange.storeAttached(now: world.now)
        #expect(a.exchange.takeDirectives() == [.found(node("b")), .found(node("c"))])
    }
}

@Suite struct SeedTests {
    @Test func joiningOneFindsItWithoutBroadcast() {
        let world = World(seed: 1)
        let a = world.start("a")
        let b = world.start("b", seeds: ["a"])
        world.run(for: .seconds(1))
        #expect(a.found == [node("b")])
        #expect(b.found == [node("a")])
        #expect(b.exchange.report(now: world.now).seeds == [.init(name: "a", node: node("a"))])
        world.send(a, part(to: "b", 1))
        world.run(for: .seconds(1))
        #expect(b.messages.count == 1)
        #expect(world.dials == 1)
    }

    @Test func twoThatJoinEachOtherAtOnceHaveOneLink() {
        for seed in 1...100 {
            let world = World(seed: UInt64(seed))
            let a = world.start("a", seeds: ["b"])
            let b = world.start("b", seeds: ["a"])
            world.run(for: .seconds(5))
            let links = [a, b].map { $0.exchange.report(now: world.now).linkCount }
            #expect(links == [1, 1], "seed \(seed)")
        }
    }

    @Test func aSeedThatComesLaterIsFoundWithinItsBackOff() {
        let world = World(seed: 2)
        let a = world.start("a", seeds: ["b"])
        world.run(for: .seconds(120))
        #expect(a.said.count { $0.contains("--join b: the name is not known") } == 1)
        let b = world.start("b")
        world.run(for: PeeringLimits.seedBackOffMax + .seconds(10))
        #expect(b.found == [node("a")])
    }

    @Test func aSeedThatIsLostIsLookedForAgain() {
        let world = World(seed: 3)
        let a = world.start("a", seeds: ["b"])
        let b = world.start("b")
        world.run(for: .seconds(5))
        world.kill(b)
        world.run(for: .seconds(60))
        let again = world.start("b", started: 2)
        world.run(for: PeeringLimits.seedSilence + PeeringLimits.seedBackOffMax)
        #expect(again.found.contains(node("a")))
        _ = a
    }

    @Test func joiningAnotherClusterSaysWhichOne() {
        let world = World(seed: 4)
        let a = world.start("a", seeds: ["b"])
        world.start("b", cluster: "office")
        world.run(for: .seconds(60))
        #expect(a.said.contains { $0.contains("--join b") && $0.contains("\"office\"") })
        #expect(a.exchange.report(now: world.now).seeds.first?.problem?.contains("office") == true)
    }

    @Test func aPublicSeedIsNotUsedInAnOpenNetwork() {
        let world = World(seed: 5)
        let a = world.start("a", seeds: ["8.8.8.8"])
        world.run(for: .seconds(5))
        #expect(world.dials == 0)
        #expect(a.said.contains { $0.contains("public address") })
    }

    @Test func joiningItselfIsSaid() {
        let world = World(seed: 6)
        let a = world.start("a", seeds: ["10.0.0.1"])
        world.run(for: .seconds(3))
        _ = a
        let b = world.start("b", host: "10.0.0.1", seeds: ["10.0.0.1"])
        world.run(for: .seconds(3))
        #expect(b.said.contains { $0.contains("that of the node b itself") })
        #expect(!b.found.contains(node("b")))
    }
}
