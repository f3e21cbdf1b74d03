package import Model

/// A set of partitions: a sorted list while there are few, else a bitmap of 8 KiB (the two
/// containers of Roaring bitmaps, Chambi, Lemire et al. 2016). Iterates in ascending order.
package struct PartitionSet: Hashable, Sendable {
    /// Sorted; in use while `words` is empty.
    private var list: [UInt16] = []
    private var words: [UInt64] = []
    package private(set) var count = 0

    package static let empty = PartitionSet()

    package static let all = PartitionSet(
        words: Array(repeating: .max, count: Partition.count / 64))

    package init() {}

    /// The set of `partitions`, in any order, repeated or not.
    package init(_ partitions: some Sequence<Partition>) {
        var words = Array(repeating: UInt64(0), count: Partition.count / 64)
        for partition in partitions {
            words[Int(partition.number >> 6)] |= 1 << UInt64(partition.number & 63)
        }
        self.init(words: words)
    }

    private init(words: [UInt64]) {
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
        self.words = words
        settle()
    }

    /// Each count has one form, so that equal sets are equal values.
    private mutating func settle() {
        let isList = count <= ReconciliationLimits.partitionListCountMax
        if isList, !words.isEmpty {
            var list: [UInt16] = []
            list.reserveCapacity(count)
            for partition in self { list.append(partition.number) }
            self.list = list
            words = []
        } else if !isList, words.isEmpty {
            words = Array(repeating: 0, count: Partition.count / 64)
            for number in list { words[Int(number >> 6)] |= 1 << UInt64(number & 63) }
            list = []
        }
    }

    package var isEmpty: Bool { count == 0 }

    package func contains(_ partition: Partition) -> Bool {
        let number = partition.number
        if !words.isEmpty { return words[Int(number >> 6)] >> UInt64(number & 63) & 1 == 1 }
        let place = lowerBound(number)
        return place < list.count && list[place] == number
    }

    package mutating func insert(_ partition: Partition) {
        guard !contains(partition) else { return }
        let number = partition.number
        count += 1
        if words.isEmpty {
            list.insert(number, at: lowerBound(number))
            settle()
        } else {
            words[Int(number >> 6)] |= 1 << UInt64(number & 63)
        }
    }

    package mutating func remove(_ partition: Partition) {
        guard contains(partition) else { return }
        let number = partition.number
        count -= 1
        if words.isEmpty {
            list.remove(at: lowerBound(number))
        } else {
            words[Int(number >> 6)] &= ~(1 << UInt64(number & 63))
            settle()
        }
    }

    private func lowerBound(_ number: UInt16) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension PartitionSet: Sequence {
    package struct Iterator: IteratorProtocol {
        fileprivate let list: [UInt16]
        fileprivate let words: [UInt64]
        fileprivate var place = 0
        fileprivate var word: UInt64

        fileprivate init(list: [UInt16], words: [UInt64]) {
            self.list = list
            self.words = words
            word = words.first ?? 0
        }

        package mutating func next() -> Partition? {
            if words.isEmpty {
                guard place < list.count else { return nil }
                place += 1
                return Partition(number: list[place - 1])
            }
            while word == 0 {
                place += 1
                guard place < words.count else { return nil }
                word = words[place]
            }
            let bit = word.trailingZeroBitCount
            word &= word - 1
            return Partition(number: UInt16(place << 6 | bit))
        }
    }

    package func makeIterator() -> Iterator { Iterator(list: list, words: words) }

    package var underestimatedCount: Int { count }
}

extension PartitionSet {
    /// In bytes: at most 8 KiB and a byte.
    package var encodedByteCount: Int { words.isEmpty ? 3 + 2 * list.count : 1 + 8 * words.count }

    package func encode(into writer: inout ByteWriter) {
        writer.write(!words.isEmpty)
        if words.isEmpty {
            writer.write(UInt16(list.count))
            for number in list { writer.write(number) }
        } else {
            for word in words { writer.write(word) }
        }
    }

    /// - Throws: `DecodeError`, also for a set in another form than the one of its count.
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init()
        if try reader.readBool() {
            var words: [UInt64] = []
            words.reserveCapacity(Partition.count / 64)
            for _ in 0..<Partition.count / 64 { words.append(try reader.readUInt64()) }
            self.init(words: words)
            if self.words.isEmpty { throw .invalid("partitions") }
        } else {
            let count = Int(try reader.readUInt16())
            guard count <= ReconciliationLimits.partitionListCountMax else {
                throw .invalid("partitions")
            }
            guard reader.remaining >= 2 * count else { throw .truncated }
            list.reserveCapacity(count)
            for _ in 0..<count {
                let number = try reader.readUInt16()
                if let last = list.last, last >= number { throw .invalid("partitions") }
                list.append(number)
            }
            self.count = count
        }
    }
}
