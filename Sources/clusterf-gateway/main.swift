import GatewayProcess

GatewayProgram.main(arguments: CommandLine.arguments)
