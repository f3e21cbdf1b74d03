internal import Glibc
internal import SupervisorProcess

// The loop runs on this, the main thread: the kernel ties the lives of children to it.
exit(SupervisorProcess.run(Array(CommandLine.arguments.dropFirst())))
