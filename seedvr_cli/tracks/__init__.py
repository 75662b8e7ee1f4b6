"""What a video has beside its pictures, carried from one file to another without anything encoded again."""
