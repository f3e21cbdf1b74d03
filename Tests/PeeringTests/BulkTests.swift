import IPC
import Model
import Testing

@testable import Peering

/// Connections that carry contents: let in by the rules of links, and then none of their business.
@Suite struct BulkTests {
    private let address = PeerAddress(host: "127.0.0.1", port: 5)

    private func exchange() -> PeerExchange {
        PeerExchange(
            .init(identity: identity("n1"), discovers: false, seeds: [], authenticator: nil),
            seed: 1)
    }

    /// Says hello over a new connection.
    /// - Returns: its id, and what the core wants done.
    private func greet(
        _ exchange: inout PeerExchange, _ hello: PeerHello, now: Duration = .zero
    ) throws -> (ConnectionID, [PeerDirective]) {
        _ = exchange.takeDirectives()
        let accepted = exchange.accepted(from: address, now: now)
        let id = try #require(accepted)
        let bytes = PeerFrame.bytes(.hello, hello)
        var decoder = FrameDecoder()
        try decoder.feed(bytes.span.bytes) { header, payload in
            exchange.frameReceived(id, header, payload, now: now)
            return true
        }
        return (id, exchange.takeDirectives())
    }

    private func hello(_ name: String, cluster: String = "default") -> PeerHello {
        PeerHello(identity: identity(name, cluster: cluster), kind: .bulk, linksSeen: 0)
    }

    @Test func oneIsWelcomedAndHandedOver() throws {
        var exchange = exchange()
        let (id, directives) = try greet(&exchange, hello("n2"))
        #expect(directives.last == .bulk(id, node("n2")))
        guard case .write(id, let bytes)? = directives.first else {
            Issue.record("no welcome: \(directives)")
            return
        }
        #expect(Array(bytes[4..<6]) == [0, UInt8(PeerFrameType.welcome.rawValue)])
        // It is no link: nobody is found by it, and time does nothing to it.
        #expect(!exchange.isOpen(id))
        exchange.timePassed(now: .seconds(100))
        #expect(!exchange.takeDirectives().contains(.close(id)))
    }

    @Test func strangersFetchNothing() throws {
        var exchange = exchange()
        let (id, directives) = try greet(&exchange, hello("n2", cluster: "office"))
        #expect(directives.contains(.close(id)))
        #expect(!directives.contains(.bulk(id, node("n2"))))
    }

    @Test func thereIsALimitAndThoseThatEndMakeRoom() throws {
        var exchange = exchange()
        var ids: [ConnectionID] = []
        for _ in 0..<PeeringLimits.bulkConnectionsMax {
            let (id, directives) = try greet(&exchange, hello("n2"))
            #expect(directives.contains(.bulk(id, node("n2"))))
            ids.append(id)
        }
        let (refused, directives) = try greet(&exchange, hello("n3"))
        #expect(directives.contains(.close(refused)))
        exchange.bulkEnded(ids[0])
        let (taken, after) = try greet(&exchange, hello("n3"))
        #expect(after.contains(.bulk(taken, node("n3"))))
    }

    @Test func aGatewayThatLeavesServesNoNewOnes() throws {
        var exchange = exchange()
        let accepted = exchange.accepted(from: address, now: .zero)
        let id = try #require(accepted)
        exchange.drain(now: .zero)
        _ = exchange.takeDirectives()
        let bytes = PeerFrame.bytes(.hello, hello("n2"))
        var decoder = FrameDecoder()
        try decoder.feed(bytes.span.bytes) { header, payload in
            exchange.frameReceived(id, header, payload, now: .zero)
            return true
        }
        #expect(!exchange.takeDirectives().contains(.bulk(id, node("n2"))))
    }

    @Test func rangesThatOverflowAreRefused() {
        var writer = ByteWriter()
        writer.write(ObjectID(bits: Bits128(high: 1, low: 2)))
        writer.write(UInt64.max)
        writer.write(UInt64(1))
        let bytes = writer.bytes
        #expect(throws: DecodeError.invalid("range")) {
            try BulkFetch(decoding: bytes.span.bytes)
        }
    }
}
