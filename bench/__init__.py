"""Benchmarks: what the filter costs beside an Envoy that does nothing else."""
