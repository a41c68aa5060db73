"""The commands `nas-harness data` and `nas-harness table`."""
