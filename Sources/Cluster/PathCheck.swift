import Model
import Replication

/// What is asked before a write, so that no file comes where a directory is, nor anything below a
/// file. It keeps apart what comes one after the other: two writes at one time may still make a file
/// and a directory of one path, and then the directory has the name (`ConflictName`).
///
/// Whether a directory is at a file's own path the holders of the path look at in the decision
/// (`WriteGuard`), but for unconditional writes under `majority`; only where one of them knows one
/// is it asked, for it may be gone.
///
/// ```
///  in doubt     directory at its path? ──yes──▶ is a directory;  no ──▶ passed
///
///  a file ───────┐
///                │
///  a directory  directory at its path? ──yes──▶ passed (it is there)
///                  │ no ──▶ file at its path? ──yes──▶ not a directory
///                  ▼
///               its parent: directory? ──yes──▶ passed; then all above it are, too
///                  │ no ──▶ file? ──yes──▶ not a directory;  no ──▶ the parent's parent
/// ```
struct PathCheck: Sendable {
    enum Question: Equatable, Sendable {
        case directory(StorePath)
        case file(StorePath)
        /// Whether the write itself took effect before: then it is answered as the first time.
        case isApplied
    }

    enum Refusal: Equatable, Sendable { case isDirectory, notADirectory }

    enum Step: Equatable, Sendable {
        case ask(Question)
        case passed
        case refused(Refusal)
    }

    private enum Purpose: Sendable { case file, doubt, directory }

    private let path: StorePath
    private let purpose: Purpose
    private let isRepeat: Bool
    private var refusal: Refusal?
    private(set) var step: Step

    /// - Parameters:
    ///   - isRepeat: whether the write may have been applied before.
    ///   - asksOwnPath: whether the path's own holders do not look (`ClusterNode.asksOwnPath`).
    init(before request: ClientRequest, isRepeat: Bool, asksOwnPath: Bool = false) {
        self.isRepeat = isRepeat
        switch request.plain {
        case .put(let path, _, _, _), .place(let path, _, _, _, _):
            self.path = path
            purpose = .file
            step = .ask(.directory(path))
            if !asksOwnPath { askAbove(path) }
        case .makeDirectory(let path, _):
            self.path = path
            purpose = .directory
            step = .ask(.directory(path))
        default:
            path = .root
            purpose = .doubt
            step = .passed
        }
    }

    /// A holder knows a directory where a file is to be written, or deleted: is it there?
    init(inDoubtOf path: StorePath, isRepeat: Bool) {
        self.path = path
        self.isRepeat = isRepeat
        purpose = .doubt
        step = .ask(.directory(path))
    }

    /// Whether the doubt is over: no directory is there.
    var isCertain: Bool {
        if case .doubt = purpose, case .passed = step { return true }
        return false
    }

    /// The open question was answered.
    mutating func answered(_ isThere: Bool) {
        guard case .ask(let question) = step else { return }
        switch question {
        case .directory(path):
            switch purpose {
            case .doubt: isThere ? refuse(.isDirectory) : (step = .passed)
            case .file: isThere ? refuse(.isDirectory) : askAbove(path)
            case .directory: step = isThere ? .passed : .ask(.file(path))
            }
        case .directory(let above): step = isThere ? .passed : .ask(.file(above))
        case .file(let file): isThere ? refuse(.notADirectory) : askAbove(file)
        case .isApplied: step = isThere ? .passed : .refused(refusal ?? .isDirectory)
        }
    }

    private mutating func askAbove(_ path: StorePath) {
        // The root is a directory whatever is in it.
        guard let parent = path.parent, !parent.isRoot else {
            step = .passed
            return
        }
        step = .ask(.directory(parent))
    }

    private mutating func refuse(_ refusal: Refusal) {
        self.refusal = refusal
        step = isRepeat ? .ask(.isApplied) : .refused(refusal)
    }
}
