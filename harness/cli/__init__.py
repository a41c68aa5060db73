"""The command line: the application and its commands, what they print, progress, exit codes."""
