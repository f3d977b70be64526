"""Figures of tuning runs from tables and arrays: plotly for pages and notebooks, matplotlib for papers.

Each module has one figure: what is drawn as a table, then the plotly figure, then the same for a matplotlib axes.
Where a figure would say nothing, it is a sentence that tells why (`kgtuner.plots.style.notice`).
"""
