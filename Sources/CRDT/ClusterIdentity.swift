package import Model

/// A cluster: random, made when its first file or setting is written.
package struct ClusterID: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }
}

/// Which cluster a node belongs to. A cluster that holds anything is *established*; until then a
/// node only has the name that it looks for, and adopts the established cluster that it meets.
///
/// Two established clusters of one name never merge by themselves. An operator may let one absorb
/// the other: the absorbed id then travels with the identity, and whoever still has it follows.
package struct ClusterIdentity: Hashable, Sendable {
    /// At most 64 bytes; a longer one is cut.
    package let name: String
    package private(set) var established: ClusterID?
    /// Sorted; the ids that this cluster took in on an operator's word.
    package private(set) var absorbed: [ClusterID]

    package init(name: String, established: ClusterID? = nil) {
        self.name = prefix(of: name, byteCountMax: CRDTLimits.clusterNameByteCountMax)
        self.established = established
        absorbed = []
    }

    package enum Meeting: Hashable, Sendable {
        /// One cluster; nothing changes.
        case same
        /// One cluster from now on: the identity changed.
        case adopted
        /// Another cluster: nothing that it says is taken.
        case foreign
    }

    /// Meets `other`, and follows it where it may.
    package mutating func meet(_ other: ClusterIdentity) -> Meeting {
        guard name.utf8.elementsEqual(other.name.utf8) else { return .foreign }
        guard let theirs = other.established else { return .same }
        let before = self
        if let ours = established, ours != theirs {
            let weAreAbsorbed = other.absorbed.contains(ours)
            let theyAreAbsorbed = absorbed.contains(theirs)
            guard weAreAbsorbed || theyAreAbsorbed else { return .foreign }
            // Absorbed both ways at once: the lower id stays, on every node.
            let stays =
                weAreAbsorbed && theyAreAbsorbed
                ? min(ours, theirs) : weAreAbsorbed ? theirs : ours
            established = stays
            absorb(other.absorbed + [ours, theirs])
        } else {
            established = theirs
            absorb(other.absorbed)
        }
        return self == before ? .same : .adopted
    }

    /// The first file or setting: makes the cluster, unless there is one.
    package mutating func establish(_ id: ClusterID) -> Bool {
        guard established == nil else { return false }
        established = id
        return true
    }

    /// An operator's word: this node's cluster becomes part of `id`.
    package mutating func adopt(_ id: ClusterID) -> Bool {
        guard established != id else { return false }
        let old = established
        established = id
        absorb(old.map { [$0] } ?? [])
        return true
    }

    private mutating func absorb(_ ids: [ClusterID]) {
        let all = Set(absorbed + ids).subtracting(established.map { [$0] } ?? [])
        absorbed = Array(all.sorted().prefix(CRDTLimits.absorbedCountMax))
    }

    func encode(into writer: inout ByteWriter) {
        writer.writeText(name)
        writer.write(established != nil)
        if let established { writer.write(established) }
        writer.write(UInt8(absorbed.count))
        for id in absorbed { writer.write(id) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.readText(max: CRDTLimits.clusterNameByteCountMax)
        established = try reader.readBool() ? try reader.readIdentifier() : nil
        absorbed = []
        let count = Int(try reader.readUInt8())
        guard count <= CRDTLimits.absorbedCountMax, established != nil || count == 0 else {
            throw .invalid("absorbed")
        }
        for _ in 0..<count {
            let id: ClusterID = try reader.readIdentifier()
            guard id != established, absorbed.last.map({ $0 < id }) ?? true else {
                throw .invalid("absorbed")
            }
            absorbed.append(id)
        }
    }
}
