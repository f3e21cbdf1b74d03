package enum SimulatorProgram { package static func run() {} }
