"""Networks that leave the program: as torch code that stands alone, as ONNX, and with the weights of a training.

`design` says which network, `source` writes it as code, `graph` as ONNX, `trained` keeps it with its weights.
"""
