/// Why a command did not do what was asked, and the exit code.
struct ControlError: Error, Equatable, CustomStringConvertible {
    enum Code: Int32 {
        /// The node answered that it could not.
        case failed = 1
        /// There is no node that runs.
        case notRunning = 3
        /// The command line.
        case usage = 64
    }

    let code: Code
    let message: String
    /// What to do about it; may be empty.
    let hint: String

    init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    var description: String { hint.isEmpty ? message : "\(message)\n  \(hint)" }
}
