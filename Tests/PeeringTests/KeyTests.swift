import IPC
import Model
import PeerKeys
import Testing

@testable import Peering

/// Gateways that have a cluster key, and an attacker who hears and sends what it likes and has none.
@Suite struct KeyTests {
    /// What an attack must leave as it is.
    private struct Standing: Equatable {
        var found: [NodeID]
        var delivered: [PeerPart]
        var said: [String]
        var addresses: [NodeID: [PeerAddress]]
        var neighbours: [NodeID: PeerAddress]
        var keyIncidents: [PeerJournal.KeyIncident]
        var incidents: [String]

        init(_ gateway: World.Gateway, now: Duration) {
            found = gateway.found
            delivered = gateway.delivered
            said = gateway.said
            let exchange = gateway.exchange
            neighbours = exchange.discovery.neighbours.mapValues(\.address)
            addresses = [:]
            for node in neighbours.keys {
                addresses[node] = exchange.context.book.candidates(of: node).map(\.address)
                    .sorted { $0.host < $1.host }
            }
            keyIncidents = exchange.summary(now: now).keyIncidents
            incidents = exchange.context.journal.incidents.map(\.sentence)
        }
    }

    private func counts(_ gateway: World.Gateway) -> PeerJournal.Counts {
        gateway.exchange.context.journal.counts
    }

    private func talk(_ world: World, _ gateways: [World.Gateway], message: UInt64) {
        for from in gateways {
            for to in gateways where to.name != from.name {
                world.send(from, part(to: to.name, message, channel: .datagram))
            }
        }
        world.run(for: .milliseconds(200))
    }

    @Test func nodesOfOneKeyFindEachOtherWithinASecond() {
        let world = World(seed: 1)
        let gateways = (0..<10).map {
            world.start("n\($0)", host: "10.0.1.\($0)", discovers: true, key: testKeys)
        }
        world.run(for: .seconds(1))
        for gateway in gateways {
            #expect(Set(gateway.found).count == 9, "\(gateway.name) found \(gateway.found)")
            #expect(gateway.exchange.context.journal.counts.datagramsForged == 0)
        }
        talk(world, gateways, message: 1)
        for gateway in gateways { #expect(gateway.delivered.count == 9) }
    }

    @Test func whoComesLaterIsFoundAtOnceAndByAnnouncementsToo() {
        let world = World(seed: 2)
        let a = world.start("a", discovers: true, key: testKeys)
        world.run(for: .seconds(20))
        let b = world.start("b", discovers: true, key: testKeys)
        world.run(for: .milliseconds(200))
        #expect(a.found == [node("b")])
        #expect(b.found == [node("a")])
        world.run(for: .seconds(60))
        #expect(a.found == [node("b")])
        #expect(b.found == [node("a")])
    }

    @Test func theFirstMessageAfterAStartWaitsForTheProofAndIsNotLost() {
        let world = World(seed: 3)
        let a = world.start("a", key: testKeys)
        let b = world.start("b", key: testKeys)
        world.introduce()
        for message in 1...4 {
            world.send(a, part(to: "b", UInt64(message), channel: .datagram))
        }
        world.run(for: .milliseconds(200))
        // The network turns their order around.
        #expect(b.delivered.map(\.message).sorted() == [1, 2, 3, 4])
        world.send(b, part(to: "a", 5, channel: .datagram))
        world.run(for: .milliseconds(200))
        #expect(a.delivered.map(\.message) == [5])
        #expect(counts(a).messagesDropped + counts(b).messagesDropped == 0)
    }

    @Test func messagesForWhoNeverProvesItselfAreFewAndDropped() {
        let world = World(seed: 4)
        let a = world.start("a", key: testKeys)
        a.exchange.bookTold(
            [.init(node: node("x"), addresses: [address("10.0.0.99")])], now: world.now)
        for message in 1...50 {
            world.send(a, part(to: "x", UInt64(message), channel: .datagram))
        }
        world.run(for: .seconds(3))
        #expect(counts(a).messagesDropped == 50)
        #expect(counts(a).datagramsSent == 0)
        #expect(counts(a).challengesSent == 1)
    }

    /// All that was ever said, again: from where it came, and from where it did not.
    @Test func recordingsChangeNothing() {
        let world = World(seed: 5)
        let gateways = ["a", "b", "c"].map { world.start($0, discovers: true, key: testKeys) }
        world.run(for: .seconds(2))
        talk(world, gateways, message: 1)
        world.run(for: .seconds(10))
        let recorded = world.recorded
        #expect(recorded.count > 30)
        let before = gateways.map { Standing($0, now: world.now) }
        let sent = world.recorded.count
        for datagram in recorded {
            for gateway in gateways where gateway.address != datagram.from {
                for from in [datagram.from, address("10.9.9.9", 30_000)] {
                    world.inject(datagram.bytes, from: from, to: gateway)
                }
            }
        }
        #expect(gateways.map { Standing($0, now: world.now) } == before)
        for gateway in gateways {
            #expect(counts(gateway).datagramsReplayed > 30, "\(gateway.name)")
            #expect(counts(gateway).datagramsForged == 0)
        }
        // What they were made to say is little: questions to who does not answer.
        #expect(world.recorded.count - sent < 40)
        world.run(for: .seconds(30))
        #expect(gateways.map(\.found) == before.map(\.found))
        talk(world, gateways, message: 2)
        for gateway in gateways { #expect(gateway.delivered.count == 4) }
    }

    @Test func recordingsOfTheDeadAreNotBelievedByWhoStartsAnew() {
        let world = World(seed: 6)
        let a = world.start("a", discovers: true, key: testKeys)
        let b = world.start("b", discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        talk(world, [a, b], message: 1)
        let recorded = world.recorded.filter { $0.from == b.address }
        world.kill(a)
        world.kill(b)
        // A clock that was set back by a day changes nothing of it.
        let again = world.start(
            "a", host: "10.0.3.1", started: 0, generation: 2, discovers: true, key: testKeys)
        world.run(for: .seconds(1))
        for datagram in recorded { world.inject(datagram.bytes, from: b.address, to: again) }
        world.run(for: .seconds(3))
        #expect(again.found.isEmpty)
        #expect(again.delivered.isEmpty)
        #expect(again.exchange.context.book.candidates(of: node("b")).isEmpty)
        #expect(counts(again).datagramsUnproven > 0)
    }

    @Test func aLifeWhoseClockWasSetBackIsBelievedAllTheSame() {
        let world = World(seed: 7)
        let a = world.start("a", discovers: true, key: testKeys)
        let b = world.start("b", host: "10.0.2.1", started: 900, discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        world.kill(b)
        let again = world.start(
            "b", host: "10.0.2.1", started: 100, discovers: true, key: testKeys)
        world.run(for: .seconds(1))
        #expect(a.found == [node("b"), node("b")])
        talk(world, [a, again], message: 3)
        #expect(a.delivered.map(\.message) == [3])
        #expect(again.delivered.map(\.message) == [3])
    }

    @Test func aGatewayThatIsReplacedGivesItsMessagesToTheNext() {
        let world = World(seed: 8)
        let a = world.start("a", discovers: true, key: testKeys)
        let old = world.start(
            "b", host: "10.0.2.1", generation: 1, discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        talk(world, [a, old], message: 1)
        // Without a word of the new one: the first message for the old life tells it apart.
        world.kill(old)
        let new = world.start("b", host: "10.0.2.1", generation: 2, key: testKeys)
        world.send(a, part(to: "b", 2, channel: .datagram))
        world.run(for: .milliseconds(300))
        world.send(a, part(to: "b", 3, channel: .datagram))
        world.run(for: .milliseconds(300))
        #expect(new.delivered.map(\.message) == [3])
        // What the old life said is over.
        let before = Standing(a, now: world.now)
        for datagram in world.recorded.filter({ $0.from == old.address }) {
            world.inject(datagram.bytes, from: old.address, to: a)
        }
        #expect(Standing(a, now: world.now) == before)
    }

    @Test func damagedAndForgedOnesCountAndNothingElse() {
        let world = World(seed: 9)
        let a = world.start("a", discovers: true, key: testKeys)
        let b = world.start("b", discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        talk(world, [a, b], message: 1)
        let before = Standing(a, now: world.now)
        let sent = world.recorded.count
        var injected: UInt64 = 0
        let heard = world.recorded.filter { $0.from == b.address }
        let kinds = Dictionary(grouping: heard, by: { $0.bytes[5] })
        #expect(kinds.count >= 3)
        for datagram in kinds.values.compactMap(\.first) {
            // Behind the id of the key: what was said, and to what it belongs.
            let keyAt = datagram.bytes.count - DatagramSeal.byteCount
            for index in datagram.bytes.indices
            where index >= 8 && !(keyAt..<(keyAt + 8)).contains(index) {
                var bytes = datagram.bytes
                bytes[index] ^= 0x41
                world.inject(bytes, from: b.address, to: a)
                injected += 1
            }
        }
        #expect(Standing(a, now: world.now) == before)
        #expect(world.recorded.count == sent)
        let after = counts(a)
        #expect(after.datagramsForged > injected / 2)
        #expect(after.datagramsForged + after.datagramsMalformed == injected)
    }

    @Test func aMessageForOneNodeIsNoneForAnother() {
        let world = World(seed: 10)
        let gateways = ["a", "b", "c"].map { world.start($0, discovers: true, key: testKeys) }
        world.run(for: .seconds(2))
        talk(world, gateways, message: 1)
        let (a, c) = (gateways[0], gateways[2])
        world.cut = [[a.host, gateways[1].host]]
        world.send(a, part(to: "b", 7, channel: .datagram))
        world.run(for: .milliseconds(100))
        let last = world.recorded.last { $0.from == a.address && $0.to == gateways[1].address }
        world.inject(last?.bytes ?? [], from: a.address, to: c)
        #expect(!c.delivered.contains { $0.message == 7 })
    }

    /// What a says of b, and b of a, by what a has and b has.
    @Test(arguments: [KeyProblem.otherKey, .theirsMissing, .ownMissing])
    func keysThatDoNotFitAreSaidOnBothSidesOnce(saidByA: KeyProblem) {
        let world = World(seed: 11)
        let keyOfA: PeerKeys? = saidByA == .ownMissing ? nil : testKeys
        let keyOfB: PeerKeys? = saidByA == .theirsMissing ? nil : keys(from: 9)
        let saidByB: KeyProblem =
            switch saidByA {
            case .ownMissing: .theirsMissing
            case .theirsMissing: .ownMissing
            case .otherKey, .nonsense: .otherKey
            }
        let a = world.start("a", discovers: true, key: keyOfA)
        let b = world.start("b", discovers: true, key: keyOfB)
        world.run(for: .seconds(30))
        for (gateway, other, problem) in [(a, b, saidByA), (b, a, saidByB)] {
            #expect(gateway.found.isEmpty)
            let sentence = problem.sentence(node: other.identity.node, host: other.host)
            #expect(gateway.said.count { $0 == sentence } == 1, "\(gateway.said)")
            let seen = gateway.exchange.summary(now: world.now).keyIncidents
            #expect(seen.map(\.problem) == [problem])
            #expect(seen.map(\.node) == [other.identity.node])
        }
        world.kill(b)
        world.run(for: PeeringLimits.keyProblemAge + .seconds(10))
        #expect(a.exchange.summary(now: world.now).keyIncidents.isEmpty, "settled")
    }

    @Test func aKeyAndAnotherNameAreAnotherCluster() {
        let world = World(seed: 12)
        let a = world.start("a", discovers: true, key: testKeys)
        let b = world.start("b", cluster: "office", discovers: true, key: testKeys)
        world.run(for: .seconds(12))
        for gateway in [a, b] {
            #expect(gateway.found.isEmpty)
            #expect(gateway.exchange.summary(now: world.now).keyIncidents.isEmpty)
            #expect(gateway.said.contains { $0.contains("not ours") })
        }
    }

    @Test func whatAnybodyCanPretendFillsNoLog() {
        let world = World(seed: 13)
        let a = world.start("a", discovers: true, key: testKeys)
        let before = a.said.count
        for index in 0..<2_000 {
            let bytes = Datagram.announce(identity("x\(index)")).bytes
            let host = "10.1.\(index / 250).\(index % 250 + 1)"
            world.inject(bytes, from: address(host), to: a)
        }
        #expect(a.said.count - before == PeeringLimits.keyProblemsMax)
        #expect(counts(a).datagramsWithoutKey == 2_000)
        #expect(a.found.isEmpty)
    }

    @Test func twoNodesOfOneIdSayItWhenBothLive() {
        let world = World(seed: 14)
        let a = world.start("a", host: "10.0.0.1", started: 1, discovers: true, key: testKeys)
        let double = world.start(
            "a", host: "10.0.0.2", started: 2, discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        for gateway in [a, double] {
            #expect(gateway.said.count { $0.contains("another node has the id a") } == 1)
        }
        // A recording of a node's own earlier life is no double.
        let recorded = world.recorded.filter { $0.from == double.address }
        world.kill(a)
        world.kill(double)
        let again = world.start(
            "a", host: "10.0.0.3", started: 3, discovers: true, key: testKeys)
        for datagram in recorded { world.inject(datagram.bytes, from: double.address, to: again) }
        world.run(for: .seconds(5))
        #expect(!again.said.contains { $0.contains("another node") })
    }

    @Test func aMachineInSeveralNetworksIsHeardAtEach() {
        var a = PeerExchange(
            .init(
                identity: identity("a"), discovers: true, seeds: [],
                authenticator: testKeys.authenticator), seed: 1)
        var b = PeerTrust(testKeys.authenticator, life: 7)
        let hosts = ["192.168.1.2", "10.0.0.2", "127.0.0.1"]
        for second in 0..<30 {
            let now: Duration = .seconds(second)
            let bytes = b.seal(.announce(identity("b")))
            for host in hosts {
                a.datagramReceived(bytes.span.bytes, from: address(host), now: now)
            }
            for case .sendDatagram(let asked, let place) in a.takeDirectives() {
                guard let seal = try? ReceivedDatagram(decoding: asked.span.bytes).seal else {
                    continue
                }
                let answer = b.seal(.answer(identity("b")), answers: seal.asks)
                a.datagramReceived(answer.span.bytes, from: place, now: now)
            }
        }
        let peer = a.report(now: .seconds(30)).peers.first
        #expect(Set(peer?.addresses.map(\.address.host) ?? []) == Set(hosts))
        #expect(a.context.journal.counts.challengesSent == 3)
    }

    @Test func recordingsMakeAGatewaySayLittle() {
        let world = World(seed: 15)
        let a = world.start("a", discovers: true, key: testKeys)
        let b = world.start("b", discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        let solicit = world.recorded.first { $0.from == b.address && $0.to == nil }
        world.kill(b)
        world.kill(a)
        let again = world.start("a", started: 5, discovers: true, key: testKeys)
        world.run(for: .seconds(2))
        let sent = world.recorded.count
        for index in 0..<5_000 {
            let host = "10.2.\(index / 250).\(index % 250 + 1)"
            world.inject(solicit?.bytes ?? [], from: address(host), to: again)
        }
        #expect(
            world.recorded.count - sent
                <= PeeringLimits.answersPerSecond + PeeringLimits.challengesPerSecond)
        #expect(again.found.isEmpty)
    }

    @Test func aDialWhoseKeyFailsWaitsLongAndSaysWhy() {
        let world = World(seed: 16)
        let a = world.start("a", key: testKeys)
        a.exchange.bookTold(
            [.init(node: node("x"), addresses: [address("10.0.0.99")])], now: world.now)
        world.stuck = []
        a.exchange.sendRequested(part(to: "x", 1), now: world.now)
        guard case .dial(let id, _)? = a.exchange.takeDirectives().first else {
            Issue.record("no dial")
            return
        }
        a.exchange.keyFailed(id, .otherKey, now: world.now)
        let peer = a.exchange.report(now: world.now).peers.first
        #expect(peer?.problem?.contains("wrong cluster key") == true)
        #expect(peer?.link == .waiting)
        let directives = a.exchange.takeDirectives()
        #expect(directives.contains(.close(id)))
        #expect(directives.contains { if case .say = $0 { true } else { false } })
        a.exchange.sendRequested(part(to: "x", 2), now: .seconds(20))
        #expect(
            !a.exchange.takeDirectives().contains { if case .dial = $0 { true } else { false } })
        a.exchange.sendRequested(part(to: "x", 3), now: .seconds(45))
        #expect(a.exchange.takeDirectives().contains { if case .dial = $0 { true } else { false } })
    }
}

@Suite struct ClusterKeyTests {
    @Test func aKeySurvivesItsText() throws {
        let key = try #require(ClusterKey(bytes: (0..<32).map { $0 }))
        #expect(try ClusterKey(text: Array((key.text + "\n").utf8)) == key)
        #expect(try ClusterKey(text: Array(" \t\(key.text.uppercased())\r\n".utf8)) == key)
    }

    private static func digits(_ byteCount: Int) -> String {
        String(repeating: "ab", count: byteCount)
    }

    private static let flawed: [(text: String, flaw: ClusterKey.Flaw)] = [
        ("", .tooShort(byteCount: 0)),
        ("0123456789abcdef", .tooShort(byteCount: 8)),
        (digits(31), .tooShort(byteCount: 31)),
        (digits(257), .tooLong),
        ("\(digits(32))\nx", .severalLines),
        ("\(digits(32)) \(digits(32))", .severalLines),
        ("\(digits(32))a", .notHexadecimal),
        ("correct horse battery staple", .severalLines),
        (String(repeating: "zz", count: 32), .notHexadecimal),
    ]

    @Test func whatIsNoKeySaysWhy() {
        for (text, flaw) in Self.flawed {
            #expect(throws: flaw) { try ClusterKey(text: Array(text.utf8)) }
            #expect(!flaw.sentence.contains("horse"))
        }
    }

    @Test func aKeyIsNeverShown() throws {
        let key = try #require(ClusterKey(bytes: [UInt8](repeating: 0xAB, count: 32)))
        var dumped = ""
        dump(key, to: &dumped)
        for text in [
            "\(key)", String(reflecting: key), dumped, "\([key])", "\(Optional(key) as Any)",
        ] {
            #expect(!text.contains("171") && !text.lowercased().contains("abab"), "\(text)")
        }
    }

    /// Keys that are derived are those of every version: another derivation is another key. These values,
    /// and the sealed fixtures, were made with another implementation of RFC 5869 and RFC 2104.
    @Test func whatFollowsFromAKeyStaysTheSame() {
        #expect(String(testKeys.id, radix: 16) == "18d7c60a932f6d07")
        #expect(
            Hex.encode(testKeys.linkKey)
                == "8f3b8a75c50a875a82afecdf7a7727a27b31679377d61c810d85060e4fa75049")
        #expect(testKeys.id != keys(from: 1).id)
        #expect(testKeys.linkKey != testKeys.authenticator.code([], .discovery))
    }
}
