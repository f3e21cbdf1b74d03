internal import IPC
internal import Model
internal import Peering

/// What other nodes and strangers do to this one, as `/status` says it.
enum NetworkFacts {
    static func write(_ summary: PeersSummary, _ json: inout JSONWriter) {
        json.object { json in
            json.member("cluster_key", summary.hasClusterKey)
            json.member("links", summary.linkCount)
            json.member("key_problems") { json in
                json.array(summary.keyIncidents) { json, incident in
                    json.object { json in
                        json.member("address", incident.address.host)
                        json.member("node_id") { json in
                            if let node = incident.node {
                                json.value(node.name)
                            } else {
                                json.null()
                            }
                        }
                        json.member("count", incident.count)
                        json.member("message", incident.sentence)
                    }
                }
            }
            json.member("counts") { write(summary.counts, &$0) }
        }
    }

    /// Grow only; those of messages and datagrams that were in order first.
    private static func write(_ counts: PeerJournal.Counts, _ json: inout JSONWriter) {
        let listed: [(String, UInt64)] = [
            ("messages_sent", counts.messagesSent), ("messages_received", counts.messagesReceived),
            ("messages_dropped", counts.messagesDropped),
            ("datagrams_sent", counts.datagramsSent),
            ("datagrams_received", counts.datagramsReceived),
            ("datagrams_without_address", counts.datagramsWithoutAddress),
            ("datagrams_malformed", counts.datagramsMalformed),
            ("datagrams_of_other_versions", counts.datagramsOfOtherVersions),
            ("datagrams_of_other_clusters", counts.datagramsForeign),
            ("datagrams_forged", counts.datagramsForged),
            ("datagrams_replayed", counts.datagramsReplayed),
            ("datagrams_unproven", counts.datagramsUnproven),
            ("datagrams_of_other_keys", counts.datagramsOfOtherKeys),
            ("datagrams_without_key", counts.datagramsWithoutKey),
            ("datagrams_with_key", counts.datagramsWithKey),
            ("challenges_sent", counts.challengesSent),
            ("answers_withheld", counts.answersWithheld),
            ("from_public_addresses", counts.fromPublicAddresses),
            ("connections_refused", counts.connectionsRefused),
            ("connections_of_other_keys", counts.connectionsOfOtherKeys),
            ("connections_without_key", counts.connectionsWithoutKey),
            ("connections_with_key", counts.connectionsWithKey),
            ("connections_of_nobody", counts.connectionsOfNobody),
        ]
        json.object { json in
            for (name, count) in listed { json.member(name, count) }
        }
    }
}
