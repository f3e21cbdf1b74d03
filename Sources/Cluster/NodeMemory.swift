import CRDT
import Model

/// What a node reads from its disk's small rows when it starts. Rows were written whole by this
/// program; one that cannot be read is treated as not there, and the peers tell it again.
enum NodeMemory {
    static func encode(_ number: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.write(number)
        return writer.bytes
    }

    static func life(_ disk: NodeDisk) -> UInt64 { number(disk.meta[.life]) ?? 0 }

    static func epoch(_ disk: NodeDisk) -> UInt64 { number(disk.meta[.epoch]) ?? 0 }

    static func departed(_ disk: NodeDisk) -> UInt64? { number(disk.meta[.departed]) }

    /// Above all that an earlier life can have stamped since it saved its clock last.
    static func clock(_ disk: NodeDisk) -> HybridTime {
        let saved = number(disk.meta[.clock]) ?? 0
        let margin = UInt64(ClusterLimits.clockSaveInterval.milliseconds * 2) << 16
        return HybridTime(
            value: saved == 0 ? 0 : saved.addingReportingOverflow(margin).partialValue)
    }

    static func state(_ disk: NodeDisk, _ configuration: NodeConfiguration) -> ClusterState {
        var entries: [StateEntry] = []
        for row in disk.meta.keys.sorted() {
            guard case .state = row, let bytes = disk.meta[row] else { continue }
            if let delta = decode(bytes) { entries += delta.entries }
        }
        return ClusterState(
            restoring: Delta(entries), name: configuration.clusterName, own: configuration.node)
    }

    static func rows(_ delta: Delta) -> [MetaRow] {
        delta.entries.map { entry in
            var writer = ByteWriter(capacity: 256)
            Delta([entry]).encode(into: &writer)
            return MetaRow(key(entry.key), writer.bytes)
        }
    }

    static func key(_ key: CRDT.EntryKey) -> MetaKey {
        var writer = ByteWriter(capacity: 32)
        key.encode(into: &writer)
        return .state(writer.bytes)
    }

    static func encode(_ peers: [NodeID]) -> [UInt8] {
        var writer = ByteWriter(capacity: 16 * peers.count)
        for peer in peers { writer.writeText(peer.name) }
        return writer.bytes
    }

    /// The row without the cluster's identity means nothing: a founder writes it first.
    static func isInformed(_ disk: NodeDisk, _ state: ClusterState) -> Bool {
        disk.meta[.informed] != nil && state.identity.established != nil
    }

    static func peers(_ disk: NodeDisk) -> [NodeID] {
        guard let bytes = disk.meta[.peers] else { return [] }
        var reader = unsafe ByteReader(bytes.span.bytes)
        var peers: [NodeID] = []
        while reader.remaining > 0, let text = try? reader.readText(max: NodeID.byteCountMax) {
            if let peer = NodeID(text) { peers.append(peer) }
        }
        return peers
    }

    /// Layouts that the disk declared synced.
    static func declarations(_ disk: NodeDisk) -> [LayoutID] {
        guard let bytes = disk.meta[.declared] else { return [] }
        var reader = unsafe ByteReader(bytes.span.bytes)
        var layouts: [LayoutID] = []
        while reader.remaining > 0, let layout: LayoutID = try? reader.readIdentifier() {
            layouts.append(layout)
        }
        return layouts
    }

    static func encode(_ layouts: [LayoutID]) -> [UInt8] {
        var writer = ByteWriter(capacity: 16 * layouts.count)
        for layout in layouts { writer.write(layout) }
        return writer.bytes
    }

    private static func decode(_ bytes: [UInt8]) -> Delta? {
        unsafe try? Delta(decoding: bytes.span.bytes)
    }

    private static func number(_ bytes: [UInt8]?) -> UInt64? {
        guard let bytes, bytes.count == 8 else { return nil }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
