"""What ships inside the package besides code that runs the commands."""
