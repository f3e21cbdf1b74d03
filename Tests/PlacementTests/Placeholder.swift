import Testing

@testable import Placement

@Suite struct PlacementPlaceholder {}
