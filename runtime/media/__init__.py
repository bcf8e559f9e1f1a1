"""The media store: customers' and managers' files, by key, apart from the records."""
