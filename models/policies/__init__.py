"""Policies as people write them: read, compared, and a first one by industry."""
