"""docs/performance.md from benchmarks/results: the tables, the aims and the figures."""
