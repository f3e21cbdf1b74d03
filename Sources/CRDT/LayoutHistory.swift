package import Model

/// Which layouts are in use, as a join-semilattice that may forget.
///
/// The *draft* is what everybody said so far about members and replication factor. It is merged
/// entry by entry, and nothing is placed by it. A node *publishes* the draft: from then on it is an
/// *active* layout, and the draft is always at or above every active one.
///
/// ```
///  addMember, removeMember …      publish               all members synced
///  ─────────────────────────▶ draft ────▶ active ─────────────────────────▶ active, complete
///                                            │  something above is complete       │
///                                            └────────────▶ retired ◀─────────────┘
/// ```
///
/// An operation asks a quorum of each active layout. A layout is *complete* once every member's own
/// register (with the disk that the layout names) declared it synced. Whatever is strictly below a
/// complete layout is retired: its content is dropped, and never taken in again.
///
/// **Why publishing is a step of its own.** If every change made a layout of its own, two changes
/// at two nodes would make three (each one, and their join), n changes up to 2^n, and which joins
/// exist would depend on the order of messages. Here the join of two histories is the union of what
/// was published, which depends on no order; the draft joins what was said, and the next publishing
/// makes one layout of it.
///
/// **Why middle layouts are not dropped.** Let b lie between a (complete) and c, none of b and c
/// complete. A node that dropped b would write to quorums of a and c, while another that saw all
/// members of b declare it reads a quorum of b alone: the two need not meet. So a layout that was
/// ever active somewhere stays until something complete is above it, and what is bounded is
/// publishing: nothing is published above `CRDTLimits.publishCountMax` active layouts.
///
/// **What a declaration promises.** A member declares a layout for its disk after it read, for each
/// partition that it holds, a quorum of every other active layout, from peers that had this layout
/// active too (their `activeDigest` was its own). From then on no write of those that do not know
/// the layout finds a quorum, and what was written before is here: only so may the older go.
/// Of a layout that can have become complete nowhere no quorum is needed, since whoever wrote by it
/// wrote by one below as well. That is known where one of its members, that knows a later layout and
/// so declares only later ones, never declared it. (Else a layout of two members, published on one
/// side of a cut and never complete, would hold up all later ones once one of the two is gone.)
///
/// **Completeness is remembered, not recomputed.** It is an element of the state: the mark on an
/// active layout. The state is thus (draft, active layouts, marks); the retired are those strictly
/// below a marked one, which only grows; dropping them loses nothing since a marked layout that is
/// dropped itself lies below another marked one. So join stays commutative, associative and
/// idempotent whatever was dropped, and a register that moved on to newer layouts, or a lagging
/// peer that brings a retired layout back, changes nothing. To mark (`complete`) is an event, which
/// only adds, and not part of the join.
package struct LayoutHistory: Hashable, Sendable {
    /// All that was said: at or above every active layout.
    package private(set) var draft = LayoutContent()
    /// Sorted by id.
    package private(set) var active: [Active] = []
    /// The active layouts that are not below another active one, sorted by id: one, unless sides
    /// of a cut published apart and nobody has published their join yet. Kept, as it is asked for at
    /// each tick and each comparison of two layouts goes over all their members.
    package private(set) var latest: [Active] = []
    /// A name for the set of active layouts, for requests between peers.
    package private(set) var activeDigest = LayoutHistory.digest(of: [])

    package struct Active: Hashable, Sendable {
        package let published: PublishedLayout
        /// Every member has declared it synced, at some time.
        package fileprivate(set) var isComplete: Bool

        package var id: LayoutID { published.id }
        package var layout: Layout { published.layout }
    }

    package init() {}

    package func active(_ id: LayoutID) -> Active? {
        let index = position(of: id)
        return index < active.count && active[index].id == id ? active[index] : nil
    }

    private func position(of id: LayoutID) -> Int { active.lowerBound { $0.id < id } }

    /// Whether the draft says something that no active layout says.
    package var hasUnpublished: Bool {
        guard draft.entries.contains(where: { $0.member != nil }) else { return false }
        let id = draft.id
        return !active.contains { $0.id == id }
    }

    /// The active layout that members declare synced: of the latest the one with the highest id.
    package var newest: Active? { latest.last }

    /// Whether one more may be published: below the bound, or where the newest cannot become
    /// complete any more, because it has a member or disk that is gone by the draft. (Older ones
    /// that could are declared by nobody.) Else a cluster whose nodes came and went faster than its
    /// data could would be stuck for good.
    package var hasRoom: Bool {
        if active.count < CRDTLimits.publishCountMax { return true }
        guard active.count < CRDTLimits.activeCountMax, let newest else { return false }
        return !newest.published.content.entries.allSatisfy { entry in
            entry.member == nil
                || draft.entry(of: entry.node)?.member?.disk == entry.member?.disk
        }
    }

    // MARK: Events

    package mutating func merge(_ entry: LayoutEntry) -> LayoutContent.Merge { draft.merge(entry) }

    package mutating func merge(_ factor: ReplicationFactor) -> Bool { draft.merge(factor) }

    /// Puts the draft to use. Nil where it is in use already, has no members, or too many layouts
    /// are active.
    package mutating func publish() -> PublishedLayout? {
        guard hasUnpublished, hasRoom else { return nil }
        let published = PublishedLayout(draft)
        _ = insert(published, isComplete: false)
        return published
    }

    /// What merging one active layout changed.
    package struct Change: Hashable, Sendable {
        /// The layout is new here, or newly complete.
        package var isNews = false
        /// Entries of the draft that the layout made newer: (before, after).
        package var entries: [EntryChange] = []
        package var replicationFactor: ReplicationFactor?
        package var retired: [Active] = []

        package struct EntryChange: Hashable, Sendable {
            package var old: LayoutEntry?
            package var new: LayoutEntry
        }
    }

    /// Takes in a layout that is active at a peer.
    package mutating func merge(_ published: PublishedLayout, isComplete: Bool) -> Change {
        if let known = active(published.id), known.isComplete || !isComplete { return Change() }
        var change = Change()
        for entry in published.content.entries {
            if case .changed(let old) = draft.merge(entry) {
                change.entries.append(Change.EntryChange(old: old, new: entry))
            }
        }
        if let factor = published.content.replicationFactor, draft.merge(factor) {
            change.replicationFactor = factor
        }
        guard !isRetired(published) else { return change }
        change.isNews = true
        change.retired = insert(published, isComplete: isComplete)
        // Beyond the bound the newcomer itself may be the one to go.
        if active(published.id) == nil { change.isNews = false }
        return change
    }

    /// All members of the layout `id` declared it synced. The layouts below it are retired.
    /// Nil where it is not active, or marked already.
    package mutating func complete(_ id: LayoutID) -> Change? {
        guard let one = active(id), !one.isComplete else { return nil }
        return merge(one.published, isComplete: true)
    }

    package mutating func merge(_ other: LayoutHistory) {
        draft.merge(other.draft)
        for one in other.active { _ = merge(one.published, isComplete: one.isComplete) }
    }

    // MARK: Helpers

    private func isRetired(_ published: PublishedLayout) -> Bool {
        active.contains { $0.isComplete && published.isBelow($0.published) }
    }

    private mutating func insert(_ published: PublishedLayout, isComplete: Bool) -> [Active] {
        let index = position(of: published.id)
        if index < active.count, active[index].id == published.id {
            active[index].isComplete = active[index].isComplete || isComplete
        } else {
            active.insert(Active(published: published, isComplete: isComplete), at: index)
        }
        var gone: [Active] = []
        if isComplete {
            gone = active.filter { $0.published.isBelow(published) }
            active.removeAll { one in gone.contains { $0.id == one.id } }
        }
        noteLatest(published)
        while active.count > CRDTLimits.activeCountMax, let youngest = youngest() {
            gone.append(active.remove(at: youngest))
            latest = active.filter { one in
                !active.contains { one.published.isBelow($0.published) }
            }
        }
        activeDigest = Self.digest(of: active)
        return gone
    }

    /// What is below one that is not the latest is below a latest one too.
    private mutating func noteLatest(_ published: PublishedLayout) {
        latest.removeAll { $0.id == published.id || $0.published.isBelow(published) }
        guard let one = active(published.id),
            !latest.contains(where: { published.isBelow($0.published) })
        else { return }
        latest.insert(one, at: latest.lowerBound { $0.id < one.id })
    }

    /// The one to drop where there are too many: not complete before complete, then the newest,
    /// then the highest id: the kept ones are the first of one order, on every node.
    private func youngest() -> Int? {
        active.indices.max { a, b in
            let (a, b) = (active[a], active[b])
            if a.isComplete != b.isComplete { return a.isComplete }
            if a.published.newest != b.published.newest {
                return a.published.newest < b.published.newest
            }
            return a.id < b.id
        }
    }

    private static func digest(of active: [Active]) -> LayoutID {
        var mixer = Fingerprint.Mixer(seed: 0x6163_7469_7665)
        for one in active { mixer.add(one.id) }
        let print = mixer.finish()
        return LayoutID(bits: Bits128(high: print.high, low: print.low))
    }
}
