"""NAS-Bench-301's published surrogate as a benchmark, through onnxruntime."""
