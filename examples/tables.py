"""How much of each photograph every class covers: python examples/tables.py [PHOTO...].

A table for spreadsheets, a chart (it needs matplotlib), a contact sheet, and a
report in one HTML file. `easyseg stats` does the same on the command line, and for videos.
"""

import sys
from pathlib import Path

import easyseg
from easyseg.export.charts import bar_chart
from easyseg.export.report import Report
from easyseg.export.sheet import ContactSheet
from easyseg.export.tables import Table
from easyseg.export.totals import Totals

output = Path("output")
output.mkdir(exist_ok=True)
photographs = sys.argv[1:] or sorted((Path(__file__).parent / "images").glob("c*.jpg"))
segmenter = easyseg.Segmenter("builtin", dataset="ade20k")
totals = Totals(segmenter.label_set)
sheet, report = ContactSheet(output / "sheet.jpg"), Report(output / "report.html", "Samples")
with Table(output / "table.csv", ("source",), segmenter.label_set.names) as table:
    for photograph in photographs:
        result = segmenter(photograph)
        name = Path(photograph).name
        table.add((name,), result.ratios)
        totals.add(result.ratios)
        picture = (result.image, result.labels, result.label_set, name, result.ratios)
        sheet.add(*picture)
        report.add(*picture, model=result.model)
        print(name, {key: round(ratio, 3) for key, ratio in list(result.ratios.items())[:3]})
sheet.close()
report.close()
print(bar_chart(output / "chart.png", totals))
