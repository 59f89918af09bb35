"""L1 objects, features, fixed-point networks, the engine, rates and samples. Knows no torch."""
