import Model

/// A promise that did not hold, with the operations that show it.
package struct Violation: Sendable {
    /// The checker's name, which names the promise.
    package let checker: String
    package let explanation: String
    /// When it was found, in virtual time.
    package let time: Nanoseconds
    package let operations: [String]
    /// The paths that they are about.
    let paths: Set<StorePath>

    init(
        _ checker: String, at time: Nanoseconds, _ explanation: String,
        _ operations: [OperationRecord] = []
    ) {
        self.checker = checker
        self.time = time
        self.explanation = explanation
        self.operations = operations.map(\.description)
        paths = Set(operations.map(\.path))
    }
}
