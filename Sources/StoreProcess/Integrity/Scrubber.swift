internal import Dispatch
internal import GRDB
internal import Glibc
internal import Model
internal import Posix
internal import Synchronization

/// The thread that reads contents to see whether they are what was stored: step by step of a pass, and
/// at once what somebody wants to read and may have been changed.
///
/// It changes nothing. What it finds goes to the loop, which has it marked, and fetched from others.
final class Scrubber: Sendable {
    enum Mail: Sendable {
        /// Somebody waits for it, or it was found bad by a reader.
        case check(ExpectedFile, ticket: UInt64)
        case step(ScrubPlace, ticket: UInt64)
    }

    enum Answer: Sendable {
        case checked(ExpectedFile, ContentVerifier.Verdict)
        /// A step found it, and goes on.
        case damage(FoundDamage)
        /// What the step came to, and where the pass goes on.
        case step(ScrubReport, next: ScrubPlace)
        /// The database or a folder cannot be read.
        case failed(String)
    }

    private let mailbox = Mailbox<Mail>()
    private let thread: Worker
    let control: ScrubControl

    /// - Parameters:
    ///   - queue: a connection that nobody else uses from here on.
    ///   - found: takes the answers, on this thread.
    init(
        _ queue: DatabaseQueue, _ directory: DataDirectory, _ contents: DiskContents,
        _ control: ScrubControl = ScrubControl(),
        found: @escaping @Sendable (UInt64, Answer) -> Void
    ) {
        self.control = control
        let (mailbox, control) = (mailbox, control)
        thread = Worker.start("store-scrubber") {
            do {
                try queue.inDatabase { database in
                    let work = try ScrubberThread(
                        database, directory, contents, mailbox, control, found)
                    work.run()
                }
            } catch {
                Log.error("contents cannot be checked", ["error": "\(error)"])
                ProcessEnd.now(ProcessEnd.crashed)
            }
        }
    }

    func post(_ mail: Mail) { mailbox.post(mail) }

    /// Gives up what is under way, and waits for the thread's end.
    func end() {
        control.end()
        mailbox.close()
        thread.join()
    }
}

/// What lives on the scrubber's thread.
private final class ScrubberThread {
    private let mailbox: Mailbox<Scrubber.Mail>
    private let control: ScrubControl
    private let found: @Sendable (UInt64, Scrubber.Answer) -> Void
    private let finder: ContentFinder
    private let queries: ScrubQueries
    private let strays: StraySearch
    private var pace = ScrubPace()
    private var lastRate: UInt64?
    private var waiting: [Scrubber.Mail] = []

    init(
        _ database: Database, _ directory: DataDirectory, _ contents: DiskContents,
        _ mailbox: Mailbox<Scrubber.Mail>, _ control: ScrubControl,
        _ found: @escaping @Sendable (UInt64, Scrubber.Answer) -> Void
    ) throws {
        self.mailbox = mailbox
        self.control = control
        self.found = found
        let reader = try MetadataReader(database)
        finder = ContentFinder(
            reader: reader, tables: try SQLTables(database, reader),
            stamps: try FileStamps(database), directory: directory, contents: contents)
        queries = try ScrubQueries(database)
        strays = StraySearch(finder, queries)
    }

    func run() {
        while !control.isEnding {
            if waiting.isEmpty {
                guard case .elements(let mail) = mailbox.takeAll() else { return }
                waiting += mail
            }
            answerUrgent()
            guard !waiting.isEmpty, case .step(let place, let ticket) = waiting.removeFirst()
            else { continue }
            found(ticket, step(place, ticket))
        }
    }

    private func answerUrgent() {
        while let index = waiting.firstIndex(where: { $0.isUrgent }), !control.isEnding {
            guard case .check(let file, let ticket) = waiting.remove(at: index) else { return }
            do {
                let verifier = ContentVerifier(finder) { _ in try self.goOn() }
                found(ticket, .checked(file, try verifier.verdict(file.content)))
            } catch {
                found(ticket, .failed("\(error)"))
            }
        }
    }

    private func goOn() throws {
        if control.isEnding { throw ContentVerifier.Interrupted() }
    }

    /// So many bytes were read: others come first, and the rate is kept.
    private func read(_ byteCount: Int) throws {
        try goOn()
        var delay = Duration.zero
        let rate = control.rate()
        // What was booked at another rate says nothing of this one; at none it waits for another.
        if rate != lastRate { pace.reset() }
        lastRate = rate
        if rate == 0 {
            delay = .seconds(1 << 31)
        } else if let rate {
            delay = pace.delay(
                after: max(byteCount, StoreLimits.scrubSeekByteCount), at: rate, now: now)
        } else {
            pace.reset()
        }
        let until = ContinuousClock.now + delay
        repeat {
            // Another rate that is set meanwhile counts soon; what was read is in the pace all the same.
            let left = min(until - .now, StoreLimits.scrubWaitMax)
            if case .elements(let mail) = mailbox.takeAll(timeout: max(.zero, left)) {
                waiting += mail
                answerUrgent()
            }
            try goOn()
        } while .now < until && control.rate() == rate
    }

    private var now: Duration {
        .nanoseconds(Int64(clamping: DispatchTime.now().uptimeNanoseconds))
    }

    // MARK: Steps

    private func step(_ place: ScrubPlace, _ ticket: UInt64) -> Scrubber.Answer {
        do {
            switch place {
            case .partitions(let last):
                guard let partition = try queries.partition(after: last) else {
                    return .step(ScrubReport(), next: .objects(after: nil))
                }
                return .step(try check(partition, ticket), next: .partitions(after: partition))
            case .objects(let last):
                var report = ScrubReport()
                let next = try strays.objects(after: last, &report) { try self.read(0) }
                return .step(report, next: next.map { .objects(after: $0) } ?? .folders)
            case .folders:
                var report = ScrubReport()
                try strays.names(&report) { try self.read(0) }
                return .step(report, next: .repairs)
            case .repairs, .done: return .step(ScrubReport(), next: place)
            }
        } catch {
            return .failed("\(error)")
        }
    }

    private func check(_ partition: Partition, _ ticket: UInt64) throws -> ScrubReport {
        var report = ScrubReport()
        let work = try ScrubWork(partition, finder)
        report.fileCount = work.fileCount
        report.known = work.known
        let verifier = ContentVerifier(finder) { try self.read($0) }
        for item in work.items {
            switch try verifier.verdict(item.file.content) {
            case .good:
                if item.isHead { report.verifiedCount += 1 } else { report.keptCount += 1 }
                report.byteCount += item.file.content.byteCount
            case .bad(let why):
                // At once: it may be repaired before the step is done.
                let damage = FoundDamage(
                    file: item.file, dots: item.dots, isNeeded: item.isNeeded, why: why)
                found(ticket, .damage(damage))
            case .gone:
                if item.isHead { report.fileCount -= 1 }
            case .changing:
                report.unreadCount += 1
                Log.warning(
                    "a content could not be checked: its file is being changed",
                    ["path": "\(item.file.path)"])
            case .unknown(let why):
                report.unreadCount += 1
                Log.warning(
                    "a content could not be checked", ["path": "\(item.file.path)", "why": why])
            }
        }
        try strays.views(work.items.filter(\.isHead).map(\.file), &report.views)
        return report
    }
}

extension Scrubber.Mail {
    fileprivate var isUrgent: Bool {
        switch self {
        case .check: true
        case .step: false
        }
    }
}
