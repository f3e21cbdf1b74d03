internal import SupervisorProcess

// The loop runs on this, the main thread: the kernel ties the lives of children to it.
SupervisorProcess.main()
