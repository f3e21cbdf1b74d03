internal import IPC
internal import Model

/// `/api/replication-factor`: how many nodes hold each file.
enum ReplicationFactor {
    static let key = "replication_factor"
    static let range: ClosedRange<Int64> = 1...255

    static func get(_ exchange: Exchange) {
        exchange.context.link.call(.clusterStatus) { reply in
            guard case .cluster(let status) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            var json = JSONWriter()
            json.object { $0.member(key, status.replicationFactor) }
            exchange.respond(json: json.bytes)
        }
    }

    static func put(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [key]) { body throws(Problem) in
            let number = try body.number(key, in: range)
            exchange.administer(.setReplicationFactor(UInt32(number))) {
                var json = JSONWriter()
                json.object { json in
                    json.member("success", true)
                    json.member(key, number)
                }
                exchange.respond(json: json.bytes)
            }
        }
    }
}

/// `/api/partition-sync-interval` and `/api/partition-sync-pause`: settings of the cluster with
/// addresses of their own.
enum PartitionSync {
    static let intervalKey = "partition_sync_interval_seconds"
    /// The store's; here for what a client is told.
    private static let intervalRange: ClosedRange<Int64> = 1...3600
    static let pausedKey = "partition_sync_paused"
    private static let pausedMember = "paused"

    static func getInterval(_ exchange: Exchange) {
        value(of: intervalKey, exchange) { text in
            var json = JSONWriter()
            json.object { $0.member(intervalKey, Int64(text) ?? 0) }
            return json
        }
    }

    static func getPause(_ exchange: Exchange) {
        value(of: pausedKey, exchange) { text in
            var json = JSONWriter()
            json.object { $0.member(pausedMember, text == "true") }
            return json
        }
    }

    private static func value(
        of key: String, _ exchange: Exchange, _ answer: @escaping (String) -> JSONWriter
    ) {
        exchange.context.link.call(.settings) { reply in
            guard case .settings(let list) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            guard let setting = SettingRule.all(list).first(where: { $0.key == key }) else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(json: answer(setting.value).bytes)
        }
    }

    static func putInterval(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [intervalKey]) { body throws(Problem) in
            let number = try body.number(intervalKey, in: intervalRange)
            exchange.administer(.set(key: intervalKey, value: String(number))) {
                var json = JSONWriter()
                json.object { json in
                    json.member("success", true)
                    json.member(intervalKey, number)
                }
                exchange.respond(json: json.bytes)
            }
        }
    }

    static func putPause(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: [pausedMember]) { body throws(Problem) in
            guard let isPaused = body[pausedMember]?.truth else {
                throw Problem(
                    .badRequest, "bad_value", "\(pausedMember) must be true or false.")
            }
            exchange.administer(.set(key: pausedKey, value: isPaused ? "true" : "false")) {
                var json = JSONWriter()
                json.object { json in
                    json.member("success", true)
                    json.member(pausedMember, isPaused)
                }
                exchange.respond(json: json.bytes)
            }
        }
    }
}

extension JSONValue {
    /// The member's whole number.
    /// - Throws: 400, where there is none, or one written with a fraction or an exponent, or outside
    ///   of `range`.
    func number(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64 {
        guard let number = self[name]?.wholeNumber, range.contains(number) else {
            throw Problem(
                .badRequest, "bad_value",
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
}
