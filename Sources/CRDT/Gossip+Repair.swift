import Model

extension Gossip {
    /// Whether a peer's entry is another than ours, and of use.
    func differs(_ item: SummaryItem) -> Bool {
        if case .layout(let id) = item.key, retired.contains(id) { return false }
        if item.key == .identity { return false }
        return state.entry(item.key)?.fingerprint.low != item.print
    }

    /// Answers a peer's sums with the names of the entries in the parts that differ, as many
    /// messages as it takes: each lists some parts in full.
    func summarize(
        differingFrom sums: [UInt64], to peer: NodeID, _ directives: inout [GossipDirective]
    ) {
        guard sums.count == CRDTLimits.bucketCount else { return }
        let own = state.sums.buckets
        var items = [[SummaryItem]](repeating: [], count: CRDTLimits.bucketCount)
        var differing = BucketSet()
        for bucket in sums.indices where own[bucket].low != sums[bucket] {
            differing.insert(bucket)
        }
        for entry in state.entries(in: differing) { items[entry.bucket].append(SummaryItem(entry)) }
        var parts = BucketSet()
        var page: [SummaryItem] = []
        var byteCount = 0
        for bucket in sums.indices where own[bucket].low != sums[bucket] {
            let size = items[bucket].reduce(0) { $0 + $1.key.byteCount + 8 }
            if byteCount + size > CRDTLimits.messageByteCountMax, !parts.isEmpty {
                send(.summary(parts, page), to: peer, &directives)
                (parts, page, byteCount) = (BucketSet(), [], 0)
            }
            parts.insert(bucket)
            page += items[bucket]
            byteCount += size
        }
        if !parts.isEmpty { send(.summary(parts, page), to: peer, &directives) }
    }

    /// Answers a peer's list of names: what it lacks or has otherwise, and what we want of it.
    func answer(
        _ parts: BucketSet, _ items: [SummaryItem], to peer: NodeID,
        _ directives: inout [GossipDirective]
    ) {
        // Looked up only, never walked through. By the print alone: an entry that they have under
        // another key with the same one is as good as none.
        let theirs = Set(items.map(\.print))
        let lacking = state.entries(in: parts).filter { !theirs.contains($0.fingerprint.low) }
        let wants = items.filter { differs($0) }.map(\.key)
        repair(with: lacking, wants: wants, to: peer, &directives)
    }

    /// Sends entries and wishes, as many messages as they take, at most 64: the rest is found by
    /// the next comparison.
    func repair(
        with entries: [StateEntry], wants: [EntryKey], to peer: NodeID,
        _ directives: inout [GossipDirective]
    ) {
        var pages: [[StateEntry]] = Gossip.pages(of: entries, \.byteCount)
        var wishes: [[EntryKey]] = Gossip.pages(of: wants, \.byteCount)
        let count = min(max(pages.count, wishes.count), CRDTLimits.repairMessageCountMax)
        pages += Array(repeating: [], count: max(0, count - pages.count))
        wishes += Array(repeating: [], count: max(0, count - wishes.count))
        for index in 0..<count {
            send(.repair(Delta(pages[index]), wants: wishes[index]), to: peer, &directives)
        }
    }

    private static func pages<Element>(
        of elements: [Element], _ size: (Element) -> Int
    ) -> [[Element]] {
        var pages: [[Element]] = []
        var byteCount = CRDTLimits.messageByteCountMax
        for element in elements {
            let bytes = size(element)
            if byteCount + bytes > CRDTLimits.messageByteCountMax {
                pages.append([])
                byteCount = 0
            }
            pages[pages.count - 1].append(element)
            byteCount += bytes
        }
        return pages
    }
}
