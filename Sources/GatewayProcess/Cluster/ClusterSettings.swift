internal import IPC
internal import Model

/// `/api/settings`: what the whole cluster goes by.
enum ClusterSettings {
    static func get(_ exchange: Exchange) {
        rules(exchange) { rules in
            var json = JSONWriter(capacity: 2048)
            json.object { json in
                json.member("settings") { json in
                    json.array(rules) { $1.write(to: &$0) }
                }
            }
            exchange.respond(json: json.bytes)
        }
    }

    /// The settings as the store has them now; answers where it does not.
    private static func rules(
        _ exchange: Exchange, then: @escaping ([SettingRule]) -> Void
    ) {
        let link = exchange.context.link
        link.call(.settings) { reply in
            guard case .settings(let list) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            link.call(.clusterStatus) { reply in
                guard case .cluster(let status) = reply else {
                    return exchange.fail(StoreFailure.problem(reply))
                }
                let all =
                    SettingRule.all(list) + [.replicationFactor(status.replicationFactor)]
                then(all.sorted { $0.key < $1.key })
            }
        }
    }

    /// All are checked before the first is set.
    static func patch(_ exchange: Exchange) throws(Problem) {
        try JSONBody.read(exchange, known: nil) { body throws(Problem) in
            let members = body.members ?? []
            guard !members.isEmpty else {
                throw Problem(
                    .badRequest, "nothing_to_set", "The body names no setting.",
                    hint: "Write it as {\"KEY\": VALUE}.")
            }
            rules(exchange) { rules in
                do throws(Problem) {
                    set(try changes(members, rules)[...], before: [], exchange)
                } catch {
                    exchange.fail(error)
                }
            }
        }
    }

    private struct Change {
        var key: String
        var request: AdministerRequest
    }

    private static func changes(
        _ members: [JSONValue.Member], _ rules: [SettingRule]
    ) throws(Problem) -> [Change] {
        var changes: [Change] = []
        for member in members {
            guard let rule = rules.first(where: { $0.key == member.name }) else {
                throw Problem(
                    .badRequest, "unknown_setting",
                    "There is no setting \(member.name.prefix(64)).",
                    hint: "Nothing was changed. GET /api/settings lists them.")
            }
            let text = try rule.text(of: member.value)
            var request = AdministerRequest.set(key: rule.key, value: text)
            if rule.key == ReplicationFactor.key {
                let digits = text.isEmpty ? rule.standard : text
                // The rule has seen to it that it is a number of the range.
                request = .setReplicationFactor(UInt32(digits) ?? 0)
            }
            changes.append(Change(key: rule.key, request: request))
        }
        return changes
    }

    /// One after the other, since each is a change of its own to the store.
    private static func set(
        _ changes: ArraySlice<Change>, before: [String], _ exchange: Exchange
    ) {
        guard let change = changes.first else { return get(exchange) }
        exchange.context.link.call(.administer(change.request)) { reply in
            guard case .done = reply else {
                var problem = StoreFailure.problem(reply)
                problem.message = "\(change.key): \(problem.message)"
                if !before.isEmpty {
                    problem.hint = "Set before it: \(before.joined(separator: ", "))."
                }
                return exchange.fail(problem)
            }
            set(changes.dropFirst(), before: before + [change.key], exchange)
        }
    }
}
