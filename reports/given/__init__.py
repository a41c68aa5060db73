"""Final values that were made elsewhere, as a CSV file: tables, tests and a page of them."""
