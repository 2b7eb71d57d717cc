"""Where Splink trains and scores."""
