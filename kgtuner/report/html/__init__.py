"""The report of a run as one HTML file.

reading.py    a run folder -> `RunReport`, everything the report shows
examples.py   what the model answers to test triples, right and wrong
published.py  figures that others published for the same graph and model
sections.py   `RunReport` -> sections of plain values
comparing.py  several runs -> `Comparison`, a table and sections
page.py       sections -> HTML; the only place where text from data meets a page
page.html     what stands around the sections
page.css, page.js
"""
