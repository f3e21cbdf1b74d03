internal import Model

/// One HTTP answer, read from all bytes that came until the other side closed (RFC 9112, as far as
/// the node's own gateway uses it).
struct GatewayAnswer: Equatable {
    let status: Int
    let body: [UInt8]

    /// - Throws: where the bytes are no whole answer.
    init(parsing bytes: [UInt8]) throws(ControlError) {
        guard let end = GatewayAnswer.headEnd(of: bytes) else { throw GatewayAnswer.broken }
        let head = String(decoding: bytes[..<end], as: UTF8.self)
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
            let status = Int(words[1]), (200..<600).contains(status)
        else { throw GatewayAnswer.broken }
        self.status = status
        let rest = bytes[(end + 4)...]
        guard let length = try GatewayAnswer.length(in: lines.dropFirst()) else {
            body = Array(rest)
            return
        }
        guard rest.count >= length else { throw GatewayAnswer.broken }
        body = Array(rest.prefix(length))
    }

    private static let broken = ControlError(
        .failed, "the node's gateway sent no whole answer",
        hint: "Is it another program's port? See clusterfctl workers.")

    private static func headEnd(of bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...bytes.count - 4).first { index in
            bytes[index] == 0x0D && bytes[index + 1] == 0x0A && bytes[index + 2] == 0x0D
                && bytes[index + 3] == 0x0A
        }
    }

    /// Nil where the body ends with the connection.
    private static func length(
        in lines: ArraySlice<Substring>
    ) throws(ControlError) -> Int? {
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].drop { $0 == " " }
            switch parts[0].lowercased() {
            case "content-length":
                guard let length = Int(value), length >= 0 else { throw broken }
                return length
            case "transfer-encoding": throw broken
            default: continue
            }
        }
        return nil
    }

    /// The body as JSON.
    /// - Throws: what the node says of the problem, where it answered with one.
    func json() throws(ControlError) -> JSONValue {
        let value: JSONValue
        do throws(JSONFault) {
            value = try JSONReader.read(body, limits: ControlLimits.answerLimits)
        } catch {
            throw ControlError(
                .failed, "the node's answer (\(status)) cannot be read: \(error)",
                hint: "are clusterfctl and the node of one version?")
        }
        if (200..<300).contains(status) { return value }
        let error = value["error"]
        throw ControlError(
            .failed, error?["message"]?.text ?? "the node answered \(status)",
            hint: error?["hint"]?.text ?? "")
    }
}
