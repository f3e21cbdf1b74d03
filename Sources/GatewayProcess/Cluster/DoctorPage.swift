internal import IPC
internal import Model
internal import Peering

/// `/api/doctor`: what may be wrong, and what to do about it.
enum DoctorPage {
    static func answer(_ exchange: Exchange) {
        let context = exchange.context
        ClusterFacts.ask(context) { facts in
            var doctor = Doctor()
            doctor.node = context.node
            doctor.store = facts.store
            doctor.cluster = facts.cluster
            doctor.lacksCopies = facts.count
            let port =
                context.node?.facts[ConfigurationKey.discoveryPort]
                ?? context.settings.facts[ConfigurationKey.discoveryPort]
            doctor.discoveryPort = port.flatMap { UInt16($0) } ?? 0
            doctor.hasSeeds = !(context.settings.peers?.join ?? []).isEmpty
            context.link.call(.nodeUsage, seconds: GatewayLimits.probeWaitSeconds) { reply in
                if case .usage(let list) = reply { doctor.usage = list }
                context.askPeers({ $0.report() }) { report in
                    doctor.peers = report
                    exchange.respond(json: json(doctor.findings, context.settings.nodeID))
                }
            }
        }
    }

    static func json(_ findings: [Finding], _ node: String) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.object { json in
            json.member("node_id", node)
            json.member("healthy", findings.allSatisfy { $0.level == .note })
            json.member("checked_at") { $0.value(utf8: RFC3339.format(WallClock.now())) }
            json.member("findings") { json in
                json.array(findings) { json, finding in
                    json.object { json in
                        json.member("level", finding.level.rawValue)
                        json.member("code", finding.code)
                        json.member("node", finding.node)
                        json.member("message", finding.message)
                        json.member("hint", finding.hint)
                    }
                }
            }
        }
        return json.bytes
    }
}
