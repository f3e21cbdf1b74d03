internal import Model

/// Records and small contents that the loop answers without a thread.
///
/// Bounded in bytes; the second chance (CLOCK) decides what goes. A commit puts the new record in
/// at once. What a reading thread found is put in only when it saw every commit to that part of
/// the paths: a slow read never brings back what was replaced meanwhile.
struct RecordCache {
    struct Entry {
        var stored: StoredRecord
        var content: [UInt8]?
        fileprivate var wasUsed = false
        fileprivate var slot: Int

        fileprivate func byteCount(_ path: StorePath) -> Int {
            StoreLimits.cacheEntryByteCount + path.bytes.count + (content?.count ?? 0)
        }
    }

    /// Parts of the paths for which the last commit is remembered.
    private static let bucketCount = 1024

    private var entries: [StorePath: Entry] = [:]
    /// The clock's face: paths, nil where a slot is free.
    private var slots: [StorePath?] = []
    private var freeSlots: [Int] = []
    private var hand = 0
    private(set) var byteCount = 0
    /// The sequence of the last commit in each part.
    private var lastCommits = [UInt64](repeating: 0, count: bucketCount)
    private let byteCountMax: Int

    init(byteCountMax: Int = StoreLimits.cacheByteCountMax) { self.byteCountMax = byteCountMax }

    var count: Int { entries.count }

    private func bucket(_ path: StorePath) -> Int {
        Int(truncatingIfNeeded: UInt(bitPattern: path.hashValue) % UInt(RecordCache.bucketCount))
    }

    /// What is known of `path`.
    mutating func lookUp(_ path: StorePath) -> Entry? {
        guard let index = entries.index(forKey: path) else { return nil }
        entries.values[index].wasUsed = true
        return entries.values[index]
    }

    /// A commit changed `path`.
    mutating func committed(
        _ path: StorePath, _ stored: StoredRecord?, _ content: [UInt8]?, sequence: UInt64
    ) {
        lastCommits[bucket(path)] = sequence
        if let stored {
            insert(path, stored, content)
        } else {
            remove(path)
        }
    }

    /// A reading thread found this in a state that has the commits up to `sequence`.
    mutating func found(
        _ path: StorePath, _ stored: StoredRecord, _ content: [UInt8]?, sequence: UInt64
    ) {
        guard sequence >= lastCommits[bucket(path)] else { return }
        insert(path, stored, content)
    }

    private mutating func insert(_ path: StorePath, _ stored: StoredRecord, _ content: [UInt8]?) {
        remove(path)
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(nil) }
        slots[slot] = path
        let entry = Entry(stored: stored, content: content, slot: slot)
        entries[path] = entry
        byteCount += entry.byteCount(path)
        while byteCount > byteCountMax { evict() }
    }

    private mutating func remove(_ path: StorePath) {
        guard let entry = entries.removeValue(forKey: path) else { return }
        byteCount -= entry.byteCount(path)
        slots[entry.slot] = nil
        freeSlots.append(entry.slot)
    }

    /// Removes the first entry from the hand on that was not used since the hand came by.
    private mutating func evict() {
        while true {
            hand = hand + 1 < slots.count ? hand + 1 : 0
            guard let path = slots[hand], let index = entries.index(forKey: path) else { continue }
            if entries.values[index].wasUsed {
                entries.values[index].wasUsed = false
            } else {
                return remove(path)
            }
        }
    }
}
