"""Training: batches of directed queries, the gradient of one batch, optimisers, and the loop around them."""
