internal import CRDT
internal import Cluster
internal import Model

/// The cluster's state as keys and values, for people who look into it.
///
/// ```
///   cluster/id, cluster/name, cluster/replication_factor
///   files/pNNNNN/PATH         a file's register, in the partition that it is in (on this disk)
///   layouts/ID                a layout in use
///   members/NODE              what the next layout says of a node
///   nodes/NODE                what a node says of itself
///   settings/KEY
/// ```
struct StateKey {
    var key: String
    var isDeleted = false
    private let write: (inout JSONWriter) -> Void

    private init(
        _ key: String, isDeleted: Bool = false, _ write: @escaping (inout JSONWriter) -> Void
    ) {
        self.key = key
        self.isDeleted = isDeleted
        self.write = write
    }

    var json: [UInt8] {
        var json = JSONWriter()
        write(&json)
        return json.bytes
    }

    /// All but the files', sorted by their bytes.
    static func all(_ node: ClusterNode, name: String) -> [StateKey] {
        var keys = node.stateEntries.compactMap(StateKey.init)
        keys.append(StateKey("cluster/name") { $0.value(name) })
        if let cluster = node.cluster {
            keys.append(StateKey("cluster/id") { $0.value(cluster.hex) })
        }
        return keys.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    private init?(_ entry: StateEntry) {
        switch entry {
        case .setting(let setting):
            self.init("settings/\(setting.key)", isDeleted: setting.value.isEmpty) { json in
                json.object { json in
                    json.member("value", setting.value)
                    StateKey.write(setting.stamp, to: &json)
                }
            }
        case .replicationFactor(let factor):
            self.init("cluster/replication_factor") { json in
                json.object { json in
                    json.member("value", factor.value)
                    StateKey.write(factor.stamp, to: &json)
                }
            }
        case .register(let register):
            self.init("nodes/\(register.node.name)") { StateKey.write(register, to: &$0) }
        case .member(let entry):
            self.init("members/\(entry.node.name)", isDeleted: entry.member == nil) { json in
                json.object { json in
                    if let member = entry.member {
                        StateKey.write(member, to: &json)
                    } else {
                        json.member("given_up", entry.state == .givenUp)
                    }
                    StateKey.write(entry.stamp, to: &json)
                }
            }
        case .layout(let published, let isComplete):
            self.init("layouts/\(published.id.hex)") { json in
                json.object { json in
                    json.member("replication_factor", published.layout.replicationFactor)
                    json.member("complete", isComplete)
                    json.member("members") { json in
                        // The value of a layout of thousands stays a page.
                        json.array(published.layout.members.prefix(StoreLimits.inspectedMembersMax))
                        {
                            json, member in
                            json.object { StateKey.write(member, to: &$0) }
                        }
                    }
                    json.member("member_count", published.layout.members.count)
                }
            }
        case .identity: return nil
        }
    }

    private static func write(_ stamp: Stamp, to json: inout JSONWriter) {
        json.member("set_at", Timestamp(stamp.time).text)
        json.member("set_by", stamp.node.name)
    }

    private static func write(_ member: LayoutMember, to json: inout JSONWriter) {
        json.member("node", member.node.name)
        json.member("disk", member.disk.hex)
        json.member("weight", member.weight)
        json.member("zone", member.zone)
    }

    private static func write(_ register: NodeRegister, to json: inout JSONWriter) {
        let facts = register.facts
        json.object { json in
            json.member("node", register.node.name)
            json.member("incarnation", register.incarnation)
            json.member("sequence", register.sequence)
            json.member("disk", facts.disk.hex)
            json.member("epoch", facts.epoch)
            json.member("addresses") { json in json.array(facts.addresses) { $0.value($1) } }
            json.member("zone", facts.zone)
            json.member("weight", facts.weight)
            json.member("capacity", facts.capacityBytes)
            json.member("version", facts.programVersion)
            json.member("is_storage", facts.flags.contains(.isStorage))
            json.member("leaving", facts.flags.contains(.isLeaving))
            json.member("clock_in_doubt", facts.flags.contains(.clockInDoubt))
            json.member("synced_layouts") { json in json.array(facts.synced) { $0.value($1.hex) } }
        }
    }
}

extension Timestamp {
    /// The wall clock's part of it.
    init(_ time: HybridTime) {
        self.init(nanoseconds: Int64(clamping: time.wallMilliseconds) * 1_000_000)
    }
}
