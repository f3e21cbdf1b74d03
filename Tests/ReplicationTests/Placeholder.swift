import Testing

@testable import Replication

@Suite struct ReplicationPlaceholder {}
