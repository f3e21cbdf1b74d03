/// How a process ended.
package enum ProcessEnd: Hashable, Sendable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)

    package var isPermanentFailure: Bool {
        self == .code(SupervisionLimits.permanentFailureCode)
    }

    package var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let signal): "signal \(signal)\(ProcessEnd.name(of: signal))"
        }
    }

    private static func name(of signal: Int32) -> String {
        let names: [Int32: String] = [
            1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE",
            9: "KILL", 11: "SEGV", 13: "PIPE", 15: "TERM", 24: "XCPU", 25: "XFSZ", 31: "SYS",
        ]
        return names[signal].map { " (SIG\($0))" } ?? ""
    }
}
