import Testing

@testable import CRDT

@Suite struct CRDTPlaceholder {}
