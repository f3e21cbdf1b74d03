internal import ControlTool
internal import Glibc

exit(ControlTool.run(Array(CommandLine.arguments.dropFirst())))
