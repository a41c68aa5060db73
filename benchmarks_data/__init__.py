"""Tables of published benchmarks: the catalogue, importers into one memory-mapped file, and their held-out truth."""

COMMANDS = {
    "data": "benchmarks_data.commands.data:COMMAND",
    "table": "benchmarks_data.commands.table:COMMAND",
}
"""Where each command is, by its name; see `harness.cli.app.Command`."""
