"""When people are there, and when customers want quiet. Pure."""
