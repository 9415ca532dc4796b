"""The pure core: what the platform decides, on contracts and numbers, with nothing read or written."""
