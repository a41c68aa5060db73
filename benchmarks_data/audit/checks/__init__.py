"""The checks of an audit: each looks at the table and yields findings; a file for each thing that is checked."""
