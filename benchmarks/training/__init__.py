"""Training of networks on images, and the labels that come of it."""
