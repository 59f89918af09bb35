"""The stages of a study, one module each: ``run(context)`` writes files and returns their paths."""
