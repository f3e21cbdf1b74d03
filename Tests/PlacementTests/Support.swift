import Model
import Placement

/// Layouts for tests, of nodes named n0, n1 …
func member(_ name: String, weight: UInt32 = 100, zone: String = "", disk: UInt64 = 1)
    -> LayoutMember
{
    guard let node = NodeID(name) else { preconditionFailure("no node's name: \(name)") }
    return LayoutMember(
        node: node, disk: DiskID(bits: Bits128(high: disk, low: 7)), weight: weight, zone: zone)
}

func layout(_ members: [LayoutMember], replicationFactor: Int = 3, id: UInt64 = 1) -> Layout {
    Layout(
        id: LayoutID(bits: Bits128(high: 0, low: id)), members: members,
        replicationFactor: replicationFactor)
}

func layout(count: Int, replicationFactor: Int = 3, id: UInt64 = 1) -> Layout {
    layout((0..<count).map { member("n\($0)") }, replicationFactor: replicationFactor, id: id)
}

let allPartitions = (0..<Partition.count).map { Partition(number: UInt16($0)) }
