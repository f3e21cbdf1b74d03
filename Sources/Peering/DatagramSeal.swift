package import Model

/// What follows a datagram's fields where there is a cluster key: that its sender has the key, and that
/// it is no recording.
///
/// ```
///   u64 key, u64 answers, u64 asks, u64 counter, 32 bytes HMAC-SHA256 of all before
/// ```
package struct DatagramSeal: Equatable, Sendable {
    /// Which key the code was made with.
    package var keyID: UInt64
    /// The number that the receiver asked for; 0: none. A membership message answers the number of the
    /// receiver's life.
    package var answers: UInt64
    /// The number that an answer has to bring; 0: none is needed. A membership message names its
    /// sender's life, which is what the receiver's messages have to answer.
    package var asks: UInt64
    /// Ascends with each datagram of one life of a gateway.
    package var counter: UInt64

    package init(keyID: UInt64, answers: UInt64 = 0, asks: UInt64 = 0, counter: UInt64) {
        self.keyID = keyID
        self.answers = answers
        self.asks = asks
        self.counter = counter
    }

    package static let byteCount = 4 * 8 + PeerAuthenticator.codeByteCount

    func encode(into writer: inout ByteWriter) {
        writer.write(keyID)
        writer.write(answers)
        writer.write(asks)
        writer.write(counter)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        keyID = try reader.readUInt64()
        answers = try reader.readUInt64()
        asks = try reader.readUInt64()
        counter = try reader.readUInt64()
    }
}

/// A datagram as it came, whose code nobody has looked at yet.
package struct ReceivedDatagram: Equatable, Sendable {
    package var datagram: Datagram
    /// Nil where its sender has no cluster key.
    package var seal: DatagramSeal?
    /// Of the bytes before it; empty without a seal.
    package var code: [UInt8]

    /// - Throws: `DecodeError.unknown` for what a newer gateway may have meant; any other error for
    ///   bytes that are no datagram of gateways.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let isSealed: Bool
        (datagram, isSealed) = try Datagram.read(&reader)
        if isSealed {
            seal = try DatagramSeal(from: &reader)
            code = try reader.readBytes(PeerAuthenticator.codeByteCount)
        } else {
            seal = nil
            code = []
        }
        try reader.finish()
    }
}

extension Datagram {
    /// Its bytes with a seal.
    package func sealed(_ seal: DatagramSeal, with authenticator: PeerAuthenticator) -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        write(into: &writer, isSealed: true)
        seal.encode(into: &writer)
        let code = authenticator.code(writer.bytes, purpose)
        precondition(code.count == PeerAuthenticator.codeByteCount, "a code of another length")
        writer.writeBytes(code)
        return writer.bytes
    }

    var purpose: PeerAuthenticator.Purpose {
        switch self {
        case .announce, .solicit, .answer, .challenge: .discovery
        case .membership: .membership
        }
    }
}
