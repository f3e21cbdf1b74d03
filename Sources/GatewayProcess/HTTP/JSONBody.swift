internal import Model
internal import NIOCore

/// A request's body that is one JSON object.
final class JSONBody: BodySink {
    private let exchange: Exchange
    private let completion: ([UInt8]) -> Void
    private var bytes: [UInt8] = []

    private init(_ exchange: Exchange, completion: @escaping ([UInt8]) -> Void) {
        self.exchange = exchange
        self.completion = completion
    }

    /// Reads the body and goes on with its members; answers where it is too long or no object, and
    /// what `then` throws. The content type is not looked at: people forget it.
    ///
    /// - Parameters:
    ///   - known: the names that members may have; nil: any.
    ///   - mayBeEmpty: no body at all stands for an object without members.
    static func read(
        _ exchange: Exchange, known: [String]?, mayBeEmpty: Bool = false,
        then: @escaping (JSONValue) throws(Problem) -> Void
    ) throws(Problem) {
        if case .length(let length) = exchange.head.framing,
            length > UInt64(GatewayLimits.jsonBodyByteCountMax)
        {
            throw .jsonTooLarge
        }
        let body = JSONBody(exchange) { bytes in
            do throws(Problem) {
                try then(try object(bytes, known: known, mayBeEmpty: mayBeEmpty))
            } catch {
                exchange.fail(error)
            }
        }
        exchange.receive(into: body)
    }

    private static func object(
        _ bytes: [UInt8], known: [String]?, mayBeEmpty: Bool
    ) throws(Problem) -> JSONValue {
        if bytes.isEmpty, mayBeEmpty { return .object([]) }
        let value: JSONValue
        do throws(JSONFault) {
            value = try JSONReader.read(bytes)
        } catch {
            throw Problem(.badRequest, "bad_json", "The body is not JSON: \(error).")
        }
        guard let members = value.members else {
            throw Problem(.badRequest, "bad_json", "The body is no JSON object.")
        }
        if let known, let other = members.first(where: { !known.contains($0.name) }) {
            let names = known.isEmpty ? "none" : known.joined(separator: ", ")
            throw Problem(
                .badRequest, "unknown_member", "The body has a member that means nothing here.",
                hint: "It is \(other.name.prefix(64)); known: \(names).")
        }
        return value
    }

    // MARK: BodySink

    var hasRoom: Bool { true }

    func received(_ bytes: ByteBuffer) {
        guard self.bytes.count + bytes.readableBytes <= GatewayLimits.jsonBodyByteCountMax else {
            return exchange.fail(.jsonTooLarge)
        }
        self.bytes.append(contentsOf: bytes.readableBytesView)
    }

    func ended() { completion(bytes) }

    func aborted() {}
}

extension Problem {
    fileprivate static var jsonTooLarge: Problem {
        Problem(
            .contentTooLarge, "too_large",
            "The body is larger than \(GatewayLimits.jsonBodyByteCountMax) bytes.")
    }
}
