"""Networks that hold the weights of all architectures of a space, and what is evaluated and counted on them."""
