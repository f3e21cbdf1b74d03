internal import Model

/// Nodes that hold something, as they stand in messages.
enum Holders {
    /// One list: as many as there may be copies.
    static func encode(_ nodes: [NodeID], into writer: inout ByteWriter) {
        let nodes = nodes.prefix(Int(UInt8.max))
        writer.write(UInt8(nodes.count))
        for node in nodes { node.encode(into: &writer) }
    }

    static func list(from reader: inout ByteReader) throws(DecodeError) -> [NodeID] {
        var nodes: [NodeID] = []
        for _ in 0..<(try reader.readUInt8()) { nodes.append(try NodeID(from: &reader)) }
        return nodes
    }

    /// Many lists, of few nodes: the nodes' names once, then their places.
    static func encode(table lists: [[NodeID]], into writer: inout ByteWriter) {
        var places: [NodeID: UInt16] = [:]
        var names: [NodeID] = []
        let placed = lists.map { list in
            list.prefix(IPCLimits.listedHoldersMax).compactMap { node -> UInt16? in
                if let known = places[node] { return known }
                // In a cluster of thousands some are left out.
                guard names.count < IPCLimits.clusterNodesMax else { return nil }
                let place = UInt16(names.count)
                places[node] = place
                names.append(node)
                return place
            }
        }
        writer.write(UInt16(names.count))
        for name in names { name.encode(into: &writer) }
        for list in placed {
            writer.write(UInt8(list.count))
            for place in list { writer.write(place) }
        }
    }

    static func table(
        count: Int, from reader: inout ByteReader
    ) throws(DecodeError) -> [[NodeID]] {
        let nameCount = try reader.readUInt16()
        guard nameCount <= UInt16(IPCLimits.clusterNodesMax) else { throw .invalid("count") }
        var names: [NodeID] = []
        for _ in 0..<nameCount { names.append(try NodeID(from: &reader)) }
        guard Set(names).count == names.count else { throw .invalid("node") }
        var lists: [[NodeID]] = []
        // In the order in which they are used, and all are: there is one encoding.
        var used = 0
        for _ in 0..<count {
            let length = try reader.readUInt8()
            guard Int(length) <= IPCLimits.listedHoldersMax else { throw .invalid("holders") }
            var list: [NodeID] = []
            for _ in 0..<length {
                let place = Int(try reader.readUInt16())
                guard place < names.count, place <= used else { throw .invalid("holder") }
                if place == used { used += 1 }
                list.append(names[place])
            }
            lists.append(list)
        }
        guard used == names.count else { throw .invalid("holders") }
        return lists
    }
}
