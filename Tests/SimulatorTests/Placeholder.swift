import Testing

@testable import Simulator

@Suite struct SimulatorPlaceholder {}
