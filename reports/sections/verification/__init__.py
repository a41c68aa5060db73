"""What real training says about a table: verdicts, the section of the report, the command."""
