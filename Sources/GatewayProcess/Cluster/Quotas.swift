internal import IPC
internal import Model

/// `/api/quotas`: how many bytes may be below which directories, and are, in the whole cluster.
enum Quotas {
    static func get(_ exchange: Exchange) {
        exchange.context.link.call(.quotas) { reply in
            guard case .quotas(let list) = reply else {
                return exchange.fail(StoreFailure.problem(reply))
            }
            exchange.respond(json: json(list))
        }
    }

    static func json(_ list: QuotaList) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.object { json in
            json.member("quotas") { json in
                json.array(list.entries) { json, entry in
                    json.object { json in
                        json.member("path") { $0.value(utf8: entry.directory.bytes) }
                        json.member("limit_bytes", entry.limit)
                        json.member("used_bytes") { json in
                            if let used = entry.used { json.value(used) } else { json.null() }
                        }
                        json.member("complete", entry.isComplete)
                    }
                }
            }
        }
        return json.bytes
    }
}
