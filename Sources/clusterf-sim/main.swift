import Simulator

await SimulatorProgram.main()
