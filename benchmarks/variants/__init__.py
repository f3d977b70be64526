"""Searches with one part changed, for runs by the clock; what a table can answer is changed in benchmarks/tabular."""
