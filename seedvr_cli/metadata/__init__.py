"""What a picture's file says of it beside its pixels, carried from one file to another."""
