"""Suites that measure the quality of answers, and the harness that runs them through the whole system."""
