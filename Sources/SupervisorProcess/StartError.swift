/// Why nothing was started: one message for the person who tried, and the exit code.
package struct StartError: Error, Hashable, CustomStringConvertible {
    /// The exit codes of the supervisor, as sysexits.h has them.
    package enum Code: Int32, Sendable {
        /// The command line, the environment or the configuration file.
        case usage = 64
        /// A port is taken, a program is missing.
        case unavailable = 69
        /// The data directory cannot be made or written.
        case cannotCreate = 73
        /// Somebody else holds the lock.
        case locked = 75
        /// A worker says that it cannot work with what it was given: its own code is passed on.
        case permanent = 125
    }

    package let code: Code
    package let message: String
    /// What to do about it; may be empty.
    package let hint: String

    package init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { hint.isEmpty ? message : "\(message)\n  \(hint)" }
}
