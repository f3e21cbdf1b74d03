package import Model

/// The first byte of each message; another is refused.
private let formatVersion: UInt8 = 1

/// What runs of questions and answers begin with, where it is not a count of bits.
private let listTag: UInt8 = 0x80

extension ReconciliationScope {
    fileprivate func encode(into writer: inout ByteWriter) {
        switch self {
        case .shared(let layouts):
            writer.write(UInt8(0))
            writer.write(layouts.high)
            writer.write(layouts.low)
        case .partitions(let partitions):
            writer.write(UInt8(1))
            partitions.encode(into: &writer)
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 0:
            self = .shared(
                layouts: Bits128(high: try reader.readUInt64(), low: try reader.readUInt64()))
        case 1: self = .partitions(try PartitionSet(from: &reader))
        default: throw .unknown("scope")
        }
    }
}

extension ReconciliationRequest {
    package func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(formatVersion)
        writer.write(salt)
        writer.write(round)
        scope.encode(into: &writer)
        switch body {
        case .compare(let sum):
            writer.write(UInt8(0))
            writer.write(sum)
        case .ask(let questions):
            writer.write(UInt8(1))
            writer.writeRuns(of: questions, tag: \.tag) { writer, run in
                ReconciliationRequest.encode(run, into: &writer)
            }
        }
        return writer.bytes
    }

    /// Ranges of one size and kind: each names how many ranges lie between it and the last.
    private static func encode(_ run: ArraySlice<RangeQuestion>, into writer: inout ByteWriter) {
        writer.write(UInt8(run[run.startIndex].range.bitCount))
        var next: UInt64 = 0
        for question in run {
            writer.writeVarint(question.range.index &- next)
            next = question.range.index &+ 1
            guard case .list(let items) = question.kind else { continue }
            writer.writeVarint(UInt64(items.count))
            for item in items { writer.writeShort(item) }
        }
    }

    /// - Throws: `DecodeError`, also for ranges that are not ascending or overlap, so that no
    ///   request makes a responder read an entry twice.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= ReconciliationLimits.messageByteCountMax else {
            throw .invalid("length")
        }
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == formatVersion else { throw .unknown("version") }
        salt = try reader.readUInt64()
        round = try reader.readUInt16()
        scope = try ReconciliationScope(from: &reader)
        switch try reader.readUInt8() {
        case 0: body = .compare(try reader.readFingerprint())
        case 1:
            var questions: [RangeQuestion] = []
            while !reader.isAtEnd {
                try ReconciliationRequest.readRun(of: &questions, from: &reader)
            }
            body = .ask(questions)
        default: throw .unknown("request")
        }
        try reader.finish()
    }

    private static func readRun(
        of questions: inout [RangeQuestion], from reader: inout ByteReader
    ) throws(DecodeError) {
        let tag = try reader.readUInt8()
        let room = ReconciliationLimits.rangesPerRequestMax - questions.count
        let count = try reader.readVarint(max: room)
        let bitCount = Int(try reader.readUInt8())
        guard bitCount <= 64 else { throw .invalid("range") }
        let bits = Int(tag)
        guard tag == listTag || isChildBits(bits, below: bitCount) else { throw .invalid("tag") }
        var next: UInt64 = 0
        for _ in 0..<count {
            let (index, overflow) = next.addingReportingOverflow(try reader.readVarint())
            let isFit = bitCount == 64 || index >> UInt64(bitCount) == 0
            guard !overflow, isFit else { throw .invalid("range") }
            next = index &+ 1
            let lower = bitCount == 0 ? 0 : index << UInt64(64 - bitCount)
            if let last = questions.last, last.range.upper >= lower { throw .invalid("range") }
            let range = KeyRange(lower: lower, bitCount: bitCount)
            if tag != listTag {
                questions.append(RangeQuestion(range: range, kind: .divide(bits: bits)))
                continue
            }
            let length = try reader.readVarint(max: ReconciliationLimits.listedPerRangeMax)
            questions.append(
                RangeQuestion(range: range, kind: .list(try reader.readShorts(length))))
        }
    }
}

extension ReconciliationReply {
    package func encode() -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(formatVersion)
        writer.write(salt)
        writer.write(round)
        switch body {
        case .equal: writer.write(UInt8(0))
        case .unequal(let sum, let bits, let parts):
            writer.write(UInt8(1))
            writer.write(sum)
            writer.write(UInt8(bits))
            for part in parts { writer.writeShort(part) }
        case .answers(let answers):
            writer.write(UInt8(2))
            writer.writeRuns(of: answers, tag: \.tag) { writer, run in
                for answer in run { answer.encode(into: &writer) }
            }
        case .unknownScope: writer.write(UInt8(3))
        }
        return writer.bytes
    }

    /// - Throws: `DecodeError`.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= ReconciliationLimits.messageByteCountMax else {
            throw .invalid("length")
        }
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == formatVersion else { throw .unknown("version") }
        salt = try reader.readUInt64()
        round = try reader.readUInt16()
        switch try reader.readUInt8() {
        case 0: body = .equal
        case 1:
            let sum = try reader.readFingerprint()
            let bits = Int(try reader.readUInt8())
            guard isChildBits(bits, below: 0) else { throw .invalid("parts") }
            body = .unequal(sum, bits: bits, try reader.readShorts(1 << bits - 1))
        case 2:
            var answers: [RangeAnswer] = []
            while !reader.isAtEnd {
                let tag = try reader.readUInt8()
                let room = ReconciliationLimits.rangesPerRequestMax - answers.count
                for _ in 0..<(try reader.readVarint(max: room)) {
                    answers.append(try RangeAnswer(tag: tag, from: &reader))
                }
            }
            body = .answers(answers)
        case 3: body = .unknownScope
        default: throw .unknown("reply")
        }
        try reader.finish()
    }
}

extension RangeQuestion {
    fileprivate var tag: UInt16 {
        switch kind {
        case .divide(let bits): UInt16(bits) | UInt16(range.bitCount) << 8
        case .list: UInt16(listTag) | UInt16(range.bitCount) << 8
        }
    }
}

extension RangeAnswer {
    fileprivate var tag: UInt16 {
        switch self {
        case .parts(let bits, _): UInt16(bits)
        case .differences: UInt16(listTag)
        }
    }

    fileprivate func encode(into writer: inout ByteWriter) {
        switch self {
        case .parts(_, let parts): for part in parts { writer.writeShort(part) }
        case .differences(let missing, let items):
            writer.writeVarint(UInt64(missing.count))
            writer.writeBytes(missing)
            writer.writeVarint(UInt64(items.count))
            for item in items {
                writer.write(item.key)
                writer.write(item.fingerprint)
            }
        }
    }

    fileprivate init(tag: UInt8, from reader: inout ByteReader) throws(DecodeError) {
        if tag != listTag {
            guard isChildBits(Int(tag), below: 0) else { throw .invalid("tag") }
            self = .parts(bits: Int(tag), try reader.readShorts(1 << Int(tag) - 1))
            return
        }
        let missingCount = try reader.readVarint(max: ReconciliationLimits.listedPerRangeMax)
        let missing = try reader.readBytes(missingCount)
        for (a, b) in zip(missing, missing.dropFirst()) where a >= b { throw .invalid("missing") }
        let count = try reader.readVarint(max: ReconciliationLimits.itemsPerRangeMax)
        guard reader.remaining >= 24 * count else { throw .truncated }
        var items: [ReconciliationItem] = []
        items.reserveCapacity(count)
        for _ in 0..<count {
            let key = try reader.readUInt64()
            if let last = items.last, last.key >= key { throw .invalid("items") }
            items.append(ReconciliationItem(key: key, fingerprint: try reader.readFingerprint()))
        }
        self = .differences(missing: missing, items: items)
    }
}

/// Whether a range of `bitCount` bits may be divided by so many more.
func isChildBits(_ bits: Int, below bitCount: Int) -> Bool {
    (1...ReconciliationLimits.childBitsMax).contains(bits) && bitCount + bits <= 64
}
