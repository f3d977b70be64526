"""Evaluation: filtered ranks over all entities, and the metrics that sum them up."""
