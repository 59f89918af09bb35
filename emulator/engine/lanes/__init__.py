"""The fast road: chains of dense layers in vectors of packed 8-, 16- or 32-bit integers."""
