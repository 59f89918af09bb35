"""The front door: command line, study file, the study pipeline and its report."""
