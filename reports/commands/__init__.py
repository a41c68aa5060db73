"""The commands `nas-harness report` and `nas-harness verify`."""
