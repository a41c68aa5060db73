"""Real training of architectures: networks, datasets, recipes, a trainer with several levels of speed, verification.

The core needs torch and numpy alone, so it runs on a bare GPU machine; nothing here is imported by ``import harness``.
"""
