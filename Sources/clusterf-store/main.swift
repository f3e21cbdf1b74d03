internal import StoreProcess

StoreProcess.run(arguments: CommandLine.arguments)
