"""Graphs in the layout of the Open Graph Benchmark: read without running what their files say, converted once."""
