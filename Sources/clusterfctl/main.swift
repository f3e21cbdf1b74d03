internal import ControlTool

ControlTool.main()
