"""Worker processes in which tasks of one's own are trained, apart from the search, and ended when they hang."""
