"""Real training of architectures: one call, `harness.training.trainer.train`, and what it is made of.

From the ground up:

============  ==========================================================================================
recipe        `Recipe` (how a network is trained) and `TrainingSetup` (how the networks of a table were)
curves        `Curves`: what training leaves behind
data          datasets by name, exported files, augmentation on the device
schedule      learning rates, batches and every random choice, named by network and epoch; `Member`
networks      modules built from genotypes, and their costs in closed form
proxies       zero-cost scores of networks at initialisation
supernets     networks that share the weights of all architectures of a space, and their subnets
engines       the same training at levels of speed: R0 is the oracle, `engines.packed` the fast end
levels        names of the levels, known without torch
proofs        what is remembered of the levels of this machine
choice        `choose_level`: the one that was named, or the fastest that proves itself beside R0
tensors       files of tensors, read without trust
checkpoint    a training's file: whole or not at all, two kept
interrupts    signals that end a training politely
estimate      how long a CPU would take
devices       the device and its threads
campaign      packs of networks one after the other, and the ledger of what came out
trainer       `train`: checks, has a level chosen, runs the campaign
ensemble      the greedy ensemble of trained networks
exports       networks as torch code, as ONNX, and with their weights in a file
============  ==========================================================================================

It needs torch and numpy alone, so it runs on a bare GPU machine; nothing here is imported by ``import harness``.
"""
