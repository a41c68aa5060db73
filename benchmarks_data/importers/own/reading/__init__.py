"""The reader of people's tables: what a file is, how it is written, and its lines as texts by column.

- `content`: what a file is by its first bytes, unpacked and bounded; what it is not, with the remedy;
- `encoding` and `dialect`: characters, separator, quotes, comments and header, recognised and said;
- `delimited`, `workbook`, `records`: lines of CSV, of Excel workbooks, of JSON, Parquet and data frames;
- `lines`: what all of these give, and how an error shows a line; `numbers`: what its texts say as numbers;
- `read`: the one door.
"""
