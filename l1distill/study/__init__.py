"""The main job: a study file in, a run folder with models, tables, plots and a report out."""
