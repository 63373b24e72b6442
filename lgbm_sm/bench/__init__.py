"""What `bench` is made of: requests of real rows, clients that send them, figures of what came back."""
