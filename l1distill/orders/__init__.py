"""The question of the project: quantize before or after the search, train together or not, distil or not.

One command trains all arms with several seeds at equal budget, unit by unit, and reports the paired
differences: `settings` reads the file, `arms` says how each arm spends its budget, `bench` measures what
comes out, `differences` takes differences over seeds, `report` says them.
"""
