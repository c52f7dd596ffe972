"""What a server says of itself on its Prometheus page, while it is measured from outside."""
