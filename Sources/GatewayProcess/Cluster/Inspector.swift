internal import IPC
internal import Model

/// `/api/crdt/list`, `/get`, `/search`: this node's copy of the replicated state, by keys.
enum Inspector {
    static func list(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
        let prefix = try text(query["prefix"], "prefix")
        let after = try text(query["after"], "after")
        let request = InspectRequest.list(prefix: prefix, after: after, limit: limit(query))
        ask(request, exchange, below: prefix) { $0.member("prefix") { $0.value(utf8: prefix) } }
    }

    static func search(_ exchange: Exchange) throws(Problem) {
        let query = try Query.of(exchange)
        let prefix = try text(query["prefix"], "prefix")
        let after = try text(query["after"], "after")
        let wanted = try text(query["q"], "q")
        guard !wanted.isEmpty else {
            throw Problem(
                .badRequest, "no_query", "q says what is searched for.",
                hint: "Write it as ?q=TEXT.")
        }
        let request = InspectRequest.search(
            prefix: prefix, text: wanted, after: after, limit: limit(query))
        ask(request, exchange, below: []) { json in
            json.member("prefix") { $0.value(utf8: prefix) }
            json.member("q") { $0.value(utf8: wanted) }
        }
    }

    static func get(_ exchange: Exchange) throws(Problem) {
        let key = try text(try Query.of(exchange)["key"], "key")
        guard !key.isEmpty else {
            throw Problem(
                .badRequest, "no_key", "key says what is meant.", hint: "Write it as ?key=KEY.")
        }
        exchange.context.link.call(.inspect(.get(key: key))) { reply in
            guard case .inspected(.value(let value, let isDeleted)) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(json: answer(key, value, isDeleted: isDeleted))
        }
    }

    // MARK: Parameters

    /// UTF-8 that can stand in JSON, and in a request to the store.
    private static func text(_ value: [UInt8]?, _ name: String) throws(Problem) -> [UInt8] {
        let value = value ?? []
        guard value.count <= IPCLimits.textByteCountMax,
            String(validating: value, as: UTF8.self) != nil
        else {
            throw Problem(
                .badRequest, "bad_value",
                "\(name) is not UTF-8 text of at most \(IPCLimits.textByteCountMax) bytes.")
        }
        return value
    }

    /// A limit that is none counts as not given.
    private static func limit(_ query: Query) -> UInt32 {
        guard let text = query["limit"], let number = Token.number(text[...]), number > 0,
            number <= UInt64(IPCLimits.inspectedMax)
        else { return GatewayLimits.inspectedDefault }
        return UInt32(number)
    }

    // MARK: Answers

    private static func ask(
        _ request: InspectRequest, _ exchange: Exchange, below prefix: [UInt8],
        _ begin: @escaping (inout JSONWriter) -> Void
    ) {
        exchange.context.link.call(.inspect(request)) { reply in
            guard case .inspected(.items(let items, let next)) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            var json = JSONWriter(capacity: 256 + 96 * items.count)
            json.object { json in
                begin(&json)
                json.member("items") { json in
                    json.array(items) { write($1, below: prefix, to: &$0) }
                }
                json.member("has_more", next != nil)
                json.member("next_after") { json in
                    if let next { json.value(utf8: next) } else { json.value("") }
                }
            }
            exchange.respond(json: json.bytes)
        }
    }

    private static func write(
        _ item: InspectResponse.Item, below prefix: [UInt8], to json: inout JSONWriter
    ) {
        var name = item.key[...]
        if name.starts(with: prefix) { name = name.dropFirst(prefix.count) }
        if name.first == 0x2F { name = name.dropFirst() }
        if item.isDirectory { name = name.dropLast() }
        json.object { json in
            json.member("name") { $0.value(utf8: name) }
            json.member("key") { $0.value(utf8: item.key) }
            json.member("type", item.isDirectory ? "dir" : "key")
            if item.isDirectory { json.member("count", item.count) }
            if item.isDeleted { json.member("deleted", 1) }
        }
    }

    private static func answer(
        _ key: [UInt8], _ value: [UInt8]?, isDeleted: Bool
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.object { json in
            json.member("key") { $0.value(utf8: key) }
            json.member("deleted", isDeleted)
            json.member("size", value?.count ?? 0)
            guard let value else { return }
            json.member("value_text") { $0.value(utf8: value) }
        }
        guard let value else { return json.bytes }
        // The value is JSON already.
        return json.bytes.dropLast() + [UInt8](",\"value_json\":".utf8) + value + [0x7D]
    }
}
