"""Tuning: subgraph, search and execution put together into a run that keeps its budget and can be resumed."""
