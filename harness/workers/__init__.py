"""Tasks of one's own, trained apart from the search in processes that are ended when they hang."""
