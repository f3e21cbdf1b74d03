internal import NIOCore
internal import WebDAV

/// A request's body that is XML.
final class DAVBodyText: BodySink {
    private let exchange: Exchange
    private let completion: ([UInt8]) -> Void
    private var bytes: [UInt8] = []

    private init(_ exchange: Exchange, _ completion: @escaping ([UInt8]) -> Void) {
        self.exchange = exchange
        self.completion = completion
    }

    /// Reads the body and goes on with its bytes; answers where it is too long, and what `then`
    /// throws.
    static func read(
        _ exchange: Exchange, then: @escaping ([UInt8]) throws(DAVFault) -> Void
    ) throws(Problem) {
        if case .length(let length) = exchange.head.framing,
            length > UInt64(WebDAVLimits.bodyByteCountMax)
        {
            throw .xmlTooLarge
        }
        let body = DAVBodyText(exchange) { bytes in
            do throws(DAVFault) {
                try then(bytes)
            } catch {
                exchange.fail(Problem(error))
            }
        }
        exchange.receive(into: body)
    }

    /// The charset of the Content-Type, where it has one.
    static func charset(_ fields: HeaderFields) -> ArraySlice<UInt8>? {
        guard let type = fields[.contentType] else { return nil }
        let key = [UInt8]("charset=".utf8)
        for parameter in type.split(separator: 0x3B).dropFirst() {
            let word = Token.trimmed(parameter)
            guard Token.equal(word.prefix(key.count), lowerCase: key) else { continue }
            let value = word.dropFirst(key.count)
            let isQuoted = value.count > 1 && value.first == 0x22 && value.last == 0x22
            return isQuoted ? value.dropFirst().dropLast() : value
        }
        return nil
    }

    // MARK: BodySink

    var hasRoom: Bool { true }

    func received(_ bytes: ByteBuffer) {
        guard self.bytes.count + bytes.readableBytes <= WebDAVLimits.bodyByteCountMax else {
            return exchange.fail(.xmlTooLarge)
        }
        self.bytes.append(contentsOf: bytes.readableBytesView)
    }

    func ended() { completion(bytes) }

    func aborted() { bytes = [] }
}

extension Problem {
    fileprivate static var xmlTooLarge: Problem {
        Problem(
            .contentTooLarge, "too_large",
            "The body is larger than \(WebDAVLimits.bodyByteCountMax) bytes.")
    }
}
