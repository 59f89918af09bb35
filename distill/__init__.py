"""Teachers, students, quantizers and training, in torch; the result leaves as a model file."""
