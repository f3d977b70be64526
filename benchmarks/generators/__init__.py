"""Made-up data for benchmarks and tests."""
