import Testing

@testable import Reconciliation

@Suite struct ReconciliationPlaceholder {}
