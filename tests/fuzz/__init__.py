"""The fuzz harness: inputs made from seeds, each given to the program in a process of its own with limits."""
