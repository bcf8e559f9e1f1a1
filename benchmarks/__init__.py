"""Figures that anybody can reproduce: speed (`python -m benchmarks`) and the fits behind constants in the code."""
