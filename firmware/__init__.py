"""hls4ml projects and C-simulation of a model file, and the comparison with the emulator."""
