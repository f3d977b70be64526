"""Pages of docs/ made from benchmarks/results: their tables, aims and figures."""
