internal import IPC
internal import Model

/// What operations of clients were answered in this life: one that is sent again, since its link was
/// lost, gets its first answer. (Across lives the brain finds what took effect.)
struct AnsweredOperations {
    private var answers: [OperationID: WriteResponse] = [:]
    private var order: [OperationID] = []
    private var start = 0

    subscript(operation: OperationID) -> WriteResponse? { answers[operation] }

    /// Oldest out first.
    mutating func insert(_ operation: OperationID, _ response: WriteResponse) {
        if answers.updateValue(response, forKey: operation) != nil { return }
        if order.count < StoreLimits.answeredMax { return order.append(operation) }
        answers[order[start]] = nil
        order[start] = operation
        start = (start + 1) % order.count
    }
}
