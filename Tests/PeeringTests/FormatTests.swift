import Foundation
import IPC
import Model
import PeerKeys
import Testing

@testable import Peering

/// Golden bytes, truncation and damage of all that gateways say to each other.
@Suite struct FormatTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures")

    /// A change here is a change of the format, which needs a new version.
    @Test(arguments: Samples.bytes.map(\.0))
    func bytesAreThoseOfVersion1(name: String) throws {
        let bytes = try #require(Samples.bytes.first { $0.0 == name }?.1)
        let file = Self.folder.appending(path: "v1-\(name).hex")
        let golden = try? String(contentsOf: file, encoding: .utf8)
        if golden == nil, ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil {
            try (Hex.encode(bytes) + "\n").write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(golden == Hex.encode(bytes) + "\n", "\(name) changed, or has no fixture")
    }

    @Test func everyFixtureHasItsFormat() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(files) == Set(Samples.bytes.map { "v1-\($0.0).hex" }))
        #expect(PeerFrameType.allCases.map(\.rawValue) == Array(1...9))
    }

    @Test func datagramsSurviveTheWireAndNoPrefixIsOne() throws {
        for (name, datagram) in Samples.datagrams {
            let bytes = datagram.bytes
            let received = try ReceivedDatagram(decoding: bytes.span.bytes)
            #expect(received.datagram == datagram)
            #expect(received.seal == nil)
            for end in 0..<bytes.count {
                let cut = Array(bytes[..<end])
                #expect(throws: DecodeError.self, "\(name) cut at \(end)") {
                    try ReceivedDatagram(decoding: cut.span.bytes)
                }
            }
            let longer = bytes + [0]
            #expect(throws: DecodeError.trailingBytes) {
                try ReceivedDatagram(decoding: longer.span.bytes)
            }
        }
    }

    @Test func sealedDatagramsSurviveTheWireAndNoPrefixIsOne() throws {
        for (name, datagram, seal) in Samples.sealed {
            let bytes = datagram.sealed(seal, with: testKeys.authenticator)
            let received = try ReceivedDatagram(decoding: bytes.span.bytes)
            #expect(received.datagram == datagram)
            #expect(received.seal == seal)
            let signed = Array(bytes.dropLast(PeerAuthenticator.codeByteCount))
            let isCode = testKeys.authenticator.isCode
            #expect(isCode(received.code, signed, datagram.purpose))
            for purpose in PeerAuthenticator.Purpose.allCases where purpose != datagram.purpose {
                #expect(!isCode(received.code, signed, purpose), "\(name): a code for one purpose")
            }
            #expect(!keys(from: 1).authenticator.isCode(received.code, signed, datagram.purpose))
            for end in 0..<bytes.count {
                let cut = Array(bytes[..<end])
                #expect(throws: DecodeError.self, "\(name) cut at \(end)") {
                    try ReceivedDatagram(decoding: cut.span.bytes)
                }
            }
            let longer = bytes + [0]
            #expect(throws: DecodeError.trailingBytes) {
                try ReceivedDatagram(decoding: longer.span.bytes)
            }
        }
    }

    @Test func aChallengeWithoutASealIsNone() {
        let bytes = Datagram.challenge(identity("n1")).bytes
        #expect(throws: DecodeError.self) { try ReceivedDatagram(decoding: bytes.span.bytes) }
    }

    @Test func whatANewerGatewayMayMeanIsUnknownNotMalformed() {
        let bytes = Datagram.announce(identity("n1")).bytes
        for (offset, name) in [(4, "version"), (5, "kind"), (6, "flags"), (7, "flags")] {
            var other = bytes
            other[offset] = 0x7F
            let error = #expect(throws: DecodeError.self) {
                try ReceivedDatagram(decoding: other.span.bytes)
            }
            guard case .unknown(let field)? = error else {
                Issue.record("\(name) is \(String(describing: error))")
                continue
            }
            #expect("\(field.text)" == name)
        }
    }

    @Test(arguments: 1...20)
    func damagedDatagramsNeverTrap(seed: UInt64) {
        var rng = SplitMix64(seed: seed)
        for (name, sample) in Samples.bytes where !name.hasPrefix("frame") {
            for _ in 0..<200 {
                var bytes = sample
                for _ in 0..<Int.random(in: 1...4, using: &rng) {
                    let index = Int.random(in: bytes.indices, using: &rng)
                    bytes[index] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &rng) ?? 0
                }
                if let decoded = try? ReceivedDatagram(decoding: bytes.span.bytes),
                    decoded.seal == nil
                {
                    #expect(decoded.datagram.bytes == bytes, "seed \(seed): one encoding of each")
                }
            }
        }
    }

    @Test func everyFieldIsBounded() {
        func refuses(_ change: (inout ByteWriter) -> Void) {
            var writer = ByteWriter()
            writer.write(Datagram.magic)
            writer.write(Datagram.version)
            writer.write(UInt8(4))
            writer.write(UInt16(0))
            change(&writer)
            let bytes = writer.bytes
            #expect(throws: DecodeError.self) { try ReceivedDatagram(decoding: bytes.span.bytes) }
        }
        refuses { writer in
            writer.write(UInt64(1))
            writer.writeText(String(repeating: "n", count: 65))
            writer.write(UInt64(1))
            writer.writeRun([1])
        }
        refuses { writer in
            writer.write(UInt64(1))
            writer.writeText("n")
            writer.write(UInt64(1))
            writer.writeRun([UInt8](repeating: 0, count: PeeringLimits.datagramByteCountMax + 1))
        }
        refuses { $0.writeRun([UInt8](repeating: 0xFF, count: 0)) }
    }

    static func check<M: Message>(_ message: M, seed: UInt64) {
        let bytes = encoded(message)
        #expect((try? M(decoding: bytes.span.bytes)) == message)
        for end in 0..<bytes.count {
            let cut = Array(bytes[..<end])
            #expect((try? M(decoding: cut.span.bytes)) == nil, "\(M.self) cut at \(end)")
        }
        var rng = SplitMix64(seed: seed)
        for _ in 0..<300 where !bytes.isEmpty {
            var damaged = bytes
            let index = Int.random(in: bytes.indices, using: &rng)
            damaged[index] = UInt8.random(in: 0...255, using: &rng)
            if let decoded = try? M(decoding: damaged.span.bytes) {
                #expect(encoded(decoded) == damaged)
            }
        }
    }

    @Test func framesSurviveTheWireAndDamage() {
        for (_, _, message) in Samples.frames { Self.check(message, seed: 5) }
    }

    @Test func aLongRefusalIsCutNotRefused() throws {
        let refusal = PeerRefusal(
            .busy, by: node("n"), String(repeating: "x", count: 4 * 1024))
        let bytes = encoded(refusal)
        let decoded = try PeerRefusal(decoding: bytes.span.bytes)
        #expect(decoded.sentence.utf8.count == PeeringLimits.sentenceByteCountMax)
    }

    @Test(arguments: [
        "10.0.0.1", "127.0.0.1", "192.168.255.255", "172.16.0.1", "172.31.0.1", "169.254.1.1",
        "::1", "fe80::1%eth0", "febf::1", "fd00::1", "fc12:3::4", "::ffff:10.1.2.3",
    ])
    func addressesOfPeopleArePrivate(host: String) {
        #expect(AddressRange.isPrivate(host))
    }

    @Test(arguments: [
        "8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "11.0.0.1", "100.64.0.1", "::",
        "2001:db8::1", "fec0::1", "::ffff:8.8.8.8", "", "10.0.0", "10.0.0.0.1", "10.0.0.256",
        "localhost", "0.0.0.0", "::2", ":", "ff02::1",
    ])
    func allOtherAddressesAreNot(host: String) {
        #expect(!AddressRange.isPrivate(host))
    }
}
