internal import Cluster
internal import IPC
internal import Loop
internal import Model

/// What the loop remembers of checks of contents.
struct IntegritySide {
    /// The pass that is under way, or the last one.
    var pass: ScrubPass?
    /// The last one that somebody asked for, where another one followed.
    var requested: ScrubSummary?
    /// When the next one begins that nobody asks for.
    var due = Duration.zero
    /// A step is asked of the scrubber.
    var isStepping = false
    var timer: LoopTimer?
    var saved = Duration.zero
    /// How many that were found bad are not durably marked so yet: before that they would look repaired.
    var markingCount = 0
    /// Objects that were marked as bad a moment ago.
    var marked = RecentMarks()
    var rate: Int?

    /// Checks that somebody waits for, or that follow a bad read.
    var checks: [UInt64: ExpectedFile] = [:]
    var waiting: [ExpectedFile: [(CheckOutcome) -> Void]] = [:]
    var nextTicket: UInt64 = 0
    /// Registers that are asked for, to see what is to be checked.
    var askedCount = 0

    /// Who waits for the end of the pass.
    var endWaiters: [() -> Void] = []
    var endTimer: LoopTimer?
    /// Answers about the whole cluster that are being put together.
    var surveys: [UInt64: IntegritySurvey] = [:]
    var nextSurvey: UInt64 = 0

    /// What is told of the last pass that somebody asked for.
    var told: ScrubSummary? {
        if let pass, pass.isRequested { return pass.summary }
        return requested
    }

    /// Whether a pass is under way that somebody asked for.
    var isRequested: Bool { pass.map { $0.isRequested && !$0.isDone } ?? false }
}

/// What somebody who wants to read a content is told of it.
enum CheckOutcome {
    /// It is good, or gone: look again.
    case lookAgain
    /// It is bad, and marked.
    case bad
    /// Nobody knows.
    case unknown
}

/// An answer about all nodes that waits for some of them.
struct IntegritySurvey {
    var open: Set<NodeID>
    var answers: [NodeID: ScrubSummary]
    let silent: [NodeID]
    let reply: Store.Reply<IntegrityResponse>
    var timer: LoopTimer?
}
