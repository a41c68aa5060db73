"""Steps of the supernet on signals with their gradients written out: faster than autograd on a CPU."""
