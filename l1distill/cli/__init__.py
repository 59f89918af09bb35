"""The command line: a thin skin over the Python functions of the packages."""
