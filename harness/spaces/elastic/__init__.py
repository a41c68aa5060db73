"""Networks of inverted residuals with depth, width and kernels of choice: the small space of once-for-all."""
