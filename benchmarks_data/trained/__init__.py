"""Tables that this project trains itself."""
