/// Where an upload's bytes come from: a request's body, or what is made with it.
protocol UploadFeed: AnyObject {
    /// Of all that will come; nil where that is not known before the end.
    var byteCount: UInt64? { get }
    /// Begins to give the bytes to `sink`.
    func begin(into sink: any BodySink)
    /// The sink has room again.
    func resume()
    /// Nothing is taken any more. May be called again.
    func close()
}

/// The body as it comes.
final class BodyFeed: UploadFeed {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    var byteCount: UInt64? {
        switch exchange.head.framing {
        case .none: 0
        case .length(let length): length
        case .chunked: nil
        }
    }

    func begin(into sink: any BodySink) { exchange.receive(into: sink) }

    func resume() { exchange.resumeSink() }

    func close() {}
}
