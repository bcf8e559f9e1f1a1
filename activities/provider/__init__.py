"""What every model provider shares: how it fails and how it is reached over HTTP."""
